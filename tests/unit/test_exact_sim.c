/* Address traces through caches into the exact stream: what is told of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "core/xread.h"
#include "record/exact_sim.h"
#include "trace/trace.h"

static const struct cxms_exact_cfg host = {
	.cache = {[CXMS_EXACT_L1I] = {.size_bytes = 4096, .ways = 2},
		  [CXMS_EXACT_L1D] = {.size_bytes = 4096,
				      .ways = 2,
				      .n_prefetch = 1,
				      .prefetch = {{CXMS_EXACT_NEXT_LINE, 32, 0}}},
		  [CXMS_EXACT_LLC] = {.size_bytes = 262144,
				      .ways = 4,
				      .n_prefetch = 1,
				      .prefetch = {{CXMS_EXACT_NEXT_LINE, 32, 32}}}},
	.cores = 1,
	.window = 1000,
};

/* What a reader of the stream sees of the fills. */
struct seen {
	uint64_t fills, prefetches;
};

static int see(void *arg, const struct cxms_xruns *runs, struct cxms_err *err)
{
	struct seen *s = arg;
	(void)err;
	for (size_t i = 0; i < runs->n_event; i++) {
		const struct cxms_xevent *e = &runs->run->event[i];
		bool uses = e->kind == CXMS_XE_USE || e->kind == CXMS_XE_LLCUSE;
		if (uses && e->back > s->fills)
			fail_msg("a fill %u back, of %llu", e->back, (unsigned long long)s->fills);
		s->prefetches += e->kind == CXMS_XE_PF;
		s->fills += e->kind == CXMS_XE_LLC || e->kind == CXMS_XE_MEM ||
			    e->kind == CXMS_XE_LLCUSE || e->kind == CXMS_XE_PF;
	}
	return 0;
}

static void read_all(int fd, struct seen *seen)
{
	const struct cxms_xsink sink = {.arg = seen, .runs = see};
	struct cxms_trace_reader *reader = NULL;
	struct cxms_xread *x = NULL;
	struct cxms_event ev[16];
	size_t n = 1;
	assert_int_equal(cxms_trace_reader_open_fd(fd, "it", &reader, NULL), 0);
	assert_int_equal(cxms_xread_new(false, &x, NULL), 0);
	while (n > 0) {
		assert_int_equal(cxms_trace_read(reader, ev, 16, &n, NULL), 0);
		for (size_t i = 0; i < n; i++)
			if (ev[i].kind == CXMS_EV_EXACT)
				assert_int_equal(cxms_xread_packet(x, ev[i].exact.data,
								   ev[i].exact.len, &sink, NULL),
						 0);
	}
	cxms_xread_free(x);
	cxms_trace_reader_close(reader);
}

/* An instruction drives prefetchers to lines that, with those they drive out, are more than its
 * message holds: all that were brought are told, so that fills count alike on both sides. */
static void test_every_line_that_is_brought_is_told(void **state)
{
	struct cxms_exact_sim *s = calloc(1, sizeof(*s));
	const struct cxms_trace_head head = {
		.facts = {.source_caps = CXMS_SRC_EXACT, .exact = host}};
	struct cxms_imp_insn insn = {.tid = 1, .ip = 0x1000, .len = 4, .n_ref = 32};
	struct cxms_trace_writer *w = NULL;
	struct cxms_totals totals = {0};
	struct seen seen = {0};
	FILE *file = tmpfile();
	(void)state;
	assert_true(s && file);
	assert_int_equal(cxms_trace_writer_new(fileno(file), &head, &w, NULL), 0);
	assert_int_equal(cxms_exact_sim_open(s, &host, w, NULL), 0);
	assert_int_equal(cxms_exact_sim_begin(s, 1, "it", NULL), 0);
	/* three of them fill the LLC with lines to write back, the fourth drives those out */
	for (unsigned round = 0; round < 20; round++) {
		bool fills = round % 4 < 3;
		for (unsigned i = 0; i < 32; i++)
			insn.ref[i] =
				(struct cxms_imp_ref){.addr = (round * 32 + i) * UINT64_C(4096),
						      .bytes = fills ? 4096 : 8,
						      .is_store = fills};
		assert_int_equal(cxms_exact_sim_insn(s, &insn, NULL), 0);
	}
	assert_int_equal(cxms_exact_sim_end(s, NULL), 0);
	assert_int_equal(cxms_trace_finish(w, &totals, NULL), 0);
	rewind(file);
	read_all(fileno(file), &seen);
	assert_true(seen.prefetches > CXMS_EXACT_EVENTS_MAX / 2);
	assert_int_equal(seen.prefetches, s->hier.prefetched);
	assert_int_equal(seen.fills, s->now->fills);
	cxms_exact_sim_close(s);
	cxms_trace_writer_free(w);
	fclose(file);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_line_that_is_brought_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
