/* Fuzz target: any bytes as a topology; what loads must be shown, load again, be drawn, and decode
 * its addresses. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "encode.h"

#include "base/buf.h"
#include "base/err.h"
#include "topo/decode.h"
#include "topo/draw.h"
#include "topo/topo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* First and last byte of each region have a place, and the byte behind it has none. */
static void check_decoders(const struct cxms_topo *t)
{
	struct cxms_decoder d[CXMS_TOPO_MAX_DEVICES];
	cxms_topo_decoders(t, 1 << 30, d);
	for (size_t i = 0; i < t->n_region; i++) {
		const uint64_t at[] = {d[i].base, d[i].base + d[i].size - 1};
		struct cxms_decoded place;
		for (size_t k = 0; k < 2; k++)
			if (cxms_decode(&d[i], at[k], &place) < 0 || place.way >= d[i].ways ||
			    encode(&d[i], &place) != at[k])
				abort();
		if (cxms_decode(&d[i], at[1] + 1, &place) == 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cxms_topo *t = NULL, *again = NULL;
	struct cxms_err err = {0};
	struct cxms_buf text = {0};
	if (cxms_topo_load_mem("fuzz.yaml", data, size, &t, &err) < 0)
		return 0;
	check_decoders(t);
	cxms_topo_show(t, &text);
	if (cxms_topo_load_mem("show.yaml", text.data, text.len, &again, &err) < 0)
		abort();
	cxms_buf_clear(&text);
	cxms_topo_draw(t, NULL, CXMS_DRAW_TEXT, &text);
	cxms_topo_draw(t, NULL, CXMS_DRAW_DOT, &text);
	cxms_topo_draw(t, NULL, CXMS_DRAW_SVG, &text);
	for (size_t i = 0; i < t->n_memdev; i++)
		if (cxms_topo_idle_ps(t, t->memdev[i]) != cxms_topo_idle_ps(again, t->memdev[i]))
			abort();
	cxms_buf_fini(&text);
	cxms_topo_free(again);
	cxms_topo_free(t);
	return 0;
}
