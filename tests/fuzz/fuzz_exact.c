/* The exact stream: packets one after another, read and run through a window. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "core/window.h"
#include "core/xread.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void request(void *arg, unsigned lane, uint64_t line, enum cxms_xrequest kind,
		    uint64_t at_ps, struct cxms_xreply *out)
{
	(void)arg;
	*out = (struct cxms_xreply){.latency_ps = 90000 + 1000 * (line & 7) + lane,
				    .queue_ps = at_ps & 1023,
				    .target = kind == CXMS_XR_WRITE};
}

static int on_runs(void *arg, const struct cxms_xruns *runs, struct cxms_err *err)
{
	(void)err;
	cxms_window_run(arg, runs->run, runs->n);
	return 0;
}

static int on_control(void *arg, const struct cxms_xcontrol *control, struct cxms_err *err)
{
	(void)err;
	if (control->type == CXMS_XC_RESUME)
		cxms_window_wait(arg, 0, control->a & 0xffffffff);
	return 0;
}

static void read_packets(const uint8_t *data, size_t size, bool split)
{
	const struct cxms_window_cfg cfg = {.frequency_hz = 3000000000,
					    .width = split ? 8 : 6,
					    .rob = 64,
					    .scheduler = 16,
					    .load_queue = 16,
					    .store_queue = 8,
					    .l1d_mshrs = 4,
					    .l2_mshrs = 8,
					    .walkers = split ? 1 : 4,
					    .split = split,
					    .fetch_lines = split,
					    .store_tso = !split,
					    .has_l2 = true,
					    .l1i_ps = 1000,
					    .l1d_ps = 1000,
					    .l2_ps = 5000,
					    .llc_ps = 15000,
					    .walk_ps = 20000};
	const struct cxms_xmemory memory = {NULL, request};
	struct cxms_window *w = NULL;
	struct cxms_xread *r = NULL;
	struct cxms_err err = {0};
	if (cxms_window_new(&cfg, 2, &memory, &w, &err) == 0 &&
	    cxms_xread_new(split, &r, &err) == 0) {
		const struct cxms_xsink sink = {w, on_runs, on_control};
		while (size >= sizeof(struct cxms_xs_head)) {
			struct cxms_xs_head head;
			memcpy(&head, data, sizeof(head));
			size_t len = sizeof(head) + (size_t)head.bytes;
			if (len > size)
				len = size;
			if (cxms_xread_packet(r, data, len, &sink, &err) < 0)
				break;
			data += len;
			size -= len;
		}
	}
	cxms_xread_free(r);
	cxms_window_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_packets(data, size, false);
	read_packets(data, size, true);
	return 0;
}
