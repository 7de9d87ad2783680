/* Fuzz target: any bytes as a JSON result; what is read must be drawn. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "topo/draw.h"
#include "topo/topo_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char yaml[] =
		"schema: 1\nhost: {local: {latency: 107ns}}\ndevices:\n  sw0: {type: switch, "
		"upstream: host}\n  mem0: {type: memdev, upstream: sw0, latency: 250ns, capacity: "
		"1GiB}\n";
	static char sha256[] = "0"; /* so that an input can be written by hand */
	struct cxms_topo *t = NULL;
	struct cxms_draw_load *load = NULL;
	struct cxms_cfg *cfg = NULL;
	struct cxms_err err = {0};
	struct cxms_buf out = {0};
	if (cxms_topo_load_mem("t.yaml", yaml, sizeof(yaml) - 1, &t, &err) < 0)
		abort();
	t->sha256 = sha256;
	if (cxms_cfg_load_yaml_mem("r.json", data, size, &cfg, &err) == 0 &&
	    topo_draw_load_cfg(t, cfg, NAN, &load, &err) == 0) {
		for (int f = CXMS_DRAW_TEXT; f <= CXMS_DRAW_SVG; f++)
			cxms_topo_draw(t, load, (enum cxms_draw_format)f, &out);
		if (out.failed)
			abort();
	} else if (!err.msg[0]) {
		abort();
	}
	free(load);
	cxms_buf_fini(&out);
	cxms_cfg_free(cfg);
	cxms_topo_free(t);
	return 0;
}
