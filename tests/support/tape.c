#include "tape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "record/exact_sim.h"
#include "trace/trace.h"

struct tape {
	struct cxms_exact_sim sim;
	struct cxms_trace_writer *writer;
	uint64_t ip;
	int fd;
};

struct tape *tape_new(const struct cxms_exact_cfg *host)
{
	const struct cxms_trace_head head = {
		.seed = 1, .facts = {.source_caps = CXMS_SRC_EXACT, .exact = *host}};
	struct tape *t = calloc(1, sizeof(*t));
	assert_non_null(t);
	t->fd = memfd_create("recording", MFD_CLOEXEC);
	assert_true(t->fd >= 0);
	assert_int_equal(cxms_trace_writer_new(t->fd, &head, &t->writer, NULL), 0);
	assert_int_equal(cxms_exact_sim_open(&t->sim, host, t->writer, NULL), 0);
	assert_int_equal(cxms_exact_sim_begin(&t->sim, 1, "it", NULL), 0);
	return t;
}

void tape_at(struct tape *t, uint64_t ip)
{
	t->ip = ip;
}

void tape_insn(struct tape *t, const char *code, uint64_t address, bool is_store)
{
	struct cxms_imp_insn i = {
		.tid = 1, .ip = t->ip, .len = (uint8_t)strlen(code), .has_code = true};
	memcpy(i.code, code, i.len);
	if (address) {
		i.ref[0] = (struct cxms_imp_ref){.addr = address, .bytes = 8, .is_store = is_store};
		i.n_ref = 1;
	}
	t->ip += i.len;
	assert_int_equal(cxms_exact_sim_insn(&t->sim, &i, NULL), 0);
}

int tape_end(struct tape *t)
{
	const struct cxms_totals totals = {.duration_ns = 1000000, .exit_known = true};
	int fd = t->fd;
	assert_int_equal(cxms_exact_sim_end(&t->sim, NULL), 0);
	assert_int_equal(cxms_trace_finish(t->writer, &totals, NULL), 0);
	cxms_exact_sim_close(&t->sim);
	cxms_trace_writer_free(t->writer);
	free(t);
	return fd;
}
