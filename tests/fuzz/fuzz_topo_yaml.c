/* Fuzz target: any bytes as a topology; what loads must be shown, load again, and be drawn. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "topo/draw.h"
#include "topo/topo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cxms_topo *t = NULL, *again = NULL;
	struct cxms_err err = {0};
	struct cxms_buf text = {0};
	if (cxms_topo_load_mem("fuzz.yaml", data, size, &t, &err) < 0)
		return 0;
	cxms_topo_show(t, &text);
	if (cxms_topo_load_mem("show.yaml", text.data, text.len, &again, &err) < 0)
		abort();
	cxms_buf_clear(&text);
	cxms_topo_draw(t, CXMS_DRAW_TEXT, &text);
	cxms_topo_draw(t, CXMS_DRAW_DOT, &text);
	cxms_topo_draw(t, CXMS_DRAW_SVG, &text);
	for (size_t i = 0; i < t->n_memdev; i++)
		if (cxms_topo_idle_ps(t, t->memdev[i]) != cxms_topo_idle_ps(again, t->memdev[i]))
			abort();
	cxms_buf_fini(&text);
	cxms_topo_free(again);
	cxms_topo_free(t);
	return 0;
}
