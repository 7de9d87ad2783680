/*
 * Fuzz target: any bytes as text of each format: lines of perf script, or an address trace, through
 * small caches into packets; and the packets are those that a reader takes. The first byte chooses
 * the format.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/warn.h"
#include "core/xread.h"
#include "record/exact_sim.h"
#include "source/imp_access.h"
#include "trace/trace.h"

#define EVENTS	  64
#define INSNS_MAX 20000u /* a gap between two lines may be long */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct cxms_exact_cfg host = {
	.cache = {[CXMS_EXACT_L1I] = {.size_bytes = 4096, .ways = 2},
		  [CXMS_EXACT_L1D] = {.size_bytes = 4096,
				      .ways = 2,
				      .n_prefetch = 1,
				      .prefetch = {{CXMS_EXACT_NEXT_LINE, 1, 0}}},
		  [CXMS_EXACT_LLC] = {.size_bytes = 16384, .ways = 4, .inclusive = true}},
	.tlb_l1 = 4,
	.tlb_l2 = 8,
	.tlb_page_bytes = 4096,
	.cores = 2,
	.window = 128,
};

static void simulate(struct cxms_imp_access_reader *r, int fd)
{
	struct cxms_exact_sim *s = calloc(1, sizeof(*s));
	struct cxms_trace_head head = {.facts = {.source_caps = CXMS_SRC_EXACT, .exact = host}};
	struct cxms_trace_writer *w = NULL;
	struct cxms_totals totals = {0};
	struct cxms_imp_insn insn;
	bool more = cxms_imp_access_next(r, &insn);

	if (!s || cxms_trace_writer_new(fd, &head, &w, NULL) ||
	    cxms_exact_sim_open(s, &host, w, NULL) ||
	    cxms_exact_sim_begin(s, more ? insn.tid : 1, "fuzz", NULL))
		abort();
	for (; s->count[CXMS_XN_INSNS] < INSNS_MAX && more; more = cxms_imp_access_next(r, &insn)) {
		insn.n_before %= INSNS_MAX;
		if (cxms_exact_sim_insn(s, &insn, NULL))
			abort();
	}
	if (cxms_exact_sim_end(s, NULL) || cxms_trace_finish(w, &totals, NULL))
		abort();
	cxms_exact_sim_close(s);
	free(s);
	cxms_trace_writer_free(w);
}

static void read_back(int fd)
{
	const struct cxms_xsink sink = {0};
	struct cxms_trace_reader *t = NULL;
	struct cxms_xread *x = NULL;
	struct cxms_event ev[EVENTS];
	size_t n;

	if (cxms_trace_reader_open_fd(fd, "fuzz", &t, NULL) || cxms_xread_new(false, &x, NULL))
		abort();
	while (!cxms_trace_read(t, ev, EVENTS, &n, NULL) && n)
		for (size_t i = 0; i < n; i++)
			if (cxms_xread_packet(x, ev[i].exact.data, ev[i].exact.len, &sink, NULL))
				abort();
	if (cxms_trace_reader_state(t) != CXMS_TRACE_COMPLETE)
		abort();
	cxms_xread_free(x);
	cxms_trace_reader_close(t);
}

static void read_script(struct cxms_input *in)
{
	struct cxms_warnings warnings = {0};
	struct cxms_import_cfg cfg = {.in = in, .symfs = "/nowhere", .warnings = &warnings};
	struct cxms_import *i = NULL;
	struct cxms_event ev[EVENTS];
	struct cxms_totals totals;
	bool end = false;
	size_t n;
	int rc = 0;

	if (cxms_import_open(&cxms_import_perf_script, &cfg, &i, NULL))
		abort();
	while (!end && !rc)
		rc = i->ops->read(i, ev, EVENTS, &n, &end, NULL);
	if (rc && rc != -EINVAL) /* samples without registers are refused at the end */
		abort();
	i->ops->stop(i, &totals);
	cxms_import_free(i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum cxms_import_format formats[] = {
		CXMS_IMPORT_LACKEY, CXMS_IMPORT_DRMEMTRACE, CXMS_IMPORT_CHAMPSIM};
	struct cxms_imp_access_reader r;
	struct cxms_input in = {0};
	int from = memfd_create("trace", MFD_CLOEXEC), to = memfd_create("out", MFD_CLOEXEC);

	if (from < 0 || to < 0 || write(from, data, size) != (ssize_t)size ||
	    cxms_input_open(&in, from, "fuzz", NULL))
		abort();
	if (size && cxms_input_want(&in, 1))
		cxms_input_skip(&in, 1);
	if (size && data[0] % 4 == 3) {
		read_script(&in);
	} else {
		cxms_imp_access_open(&r, formats[size ? data[0] % 4 : 0], &in);
		simulate(&r, to);
		read_back(to);
	}
	cxms_input_close(&in);
	close(from);
	close(to);
	return 0;
}
