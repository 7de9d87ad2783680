/*
 * Hardware sampling against the real kernel, without a PMU: a software event (the CPU clock) takes
 * the place of the PMU's. What differs from silicon is what a sample says of its access, which here
 * is nothing; rates, layout, rings, order, threads and instructions are the kernel's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "source/clock_priv.h"
#include "watch_program.h"

#define TREE  CXMS_SOURCE_DIR "/tests/data/machines/skx"
#define CLOCK "software/config=0/" /* PERF_COUNT_SW_CPU_CLOCK: its periods are ns */

struct seen {
	uint64_t mem, period_ns, sites, decoded, last_ns;
	uint32_t tid[8];
	unsigned n_tid;
	struct cxms_totals totals;
};

static void see(struct seen *s, const struct cxms_event *ev)
{
	unsigned i = 0;

	if (ev->kind == CXMS_EV_SITE) {
		assert_int_equal(ev->site.id, s->sites++); /* dense */
		s->decoded += ev->site.kind != CXMS_SITE_UNDECODED;
	}
	if (ev->kind != CXMS_EV_RUN) {
		assert_true(ev->time_ns >= s->last_ns);
		s->last_ns = ev->time_ns;
	}
	if (ev->kind != CXMS_EV_MEM)
		return;
	assert_true(ev->mem.site < s->sites); /* told before */
	assert_int_equal(ev->mem.flags & (CXMS_MEM_ADDR | CXMS_MEM_PHYS), 0);
	assert_int_equal(ev->mem.level, CXMS_MEM_UNKNOWN);
	s->mem++;
	s->period_ns += ev->mem.period;
	while (i < s->n_tid && s->tid[i] != ev->tid)
		i++;
	if (i == s->n_tid && i < 8)
		s->tid[s->n_tid++] = ev->tid;
}

static void chase(struct seen *s, char *hops, char *threads)
{
	char file[] = "/tmp/cxms_chase_XXXXXX";
	char *argv[] = {"/proc/self/exe", "chase", file, "4", hops, threads, NULL};
	const struct cxms_source_cfg cfg = {.argv = argv, .events = CLOCK};
	struct cxms_source *source = NULL;
	struct cxms_err err = {0};
	struct cxms_event ev[64];
	bool end = false;
	int fd = mkstemp(file), rc;
	size_t n;

	assert_true(fd >= 0);
	close(fd);
	memset(s, 0, sizeof(*s));
	/* a machine that has PEBS; our own children are looked at below the real root */
	setenv("CXMS_FSROOT", TREE, 1);
	rc = cxms_source_open(&cxms_source_pebs, &cfg, &source, &err);
	unsetenv("CXMS_FSROOT");
	if (!rc)
		rc = source->ops->start(source, &err);
	while (!rc && !end) {
		rc = source->ops->read(source, ev, 64, &n, &end, &err);
		for (size_t i = 0; !rc && i < n; i++)
			see(s, &ev[i]);
	}
	if (!rc)
		rc = source->ops->stop(source, &s->totals, &err);
	cxms_source_free(source);
	unlink(file);
	if (rc)
		fail_msg("%s", err.msg);
}

static bool works(void)
{
	struct cxms_err why = {0};

	if (clock_probe(&why) == 0)
		return true;
	print_message("skipped: %s\n", why.msg);
	return false;
}

/* Each sample carries the period it stands for, which the kernel moved: together they are the CPU
 * time. Wide, for samples next to a switch to another task are cut off, and the first periods are
 * found by trying. */
static void test_periods_sum_to_what_was_counted(void **state)
{
	struct seen s;
	uint64_t cpu_ns;

	(void)state;
	if (!works())
		skip();
	chase(&s, "1200000", "1");
	cpu_ns = s.totals.user_ns + s.totals.system_ns;
	print_message("%" PRIu64 " samples of %" PRIu64 " ns, CPU %" PRIu64 " ns, lost %" PRIu64
		      "\n",
		      s.mem, s.period_ns, cpu_ns, s.totals.lost_mem);
	assert_true(s.mem >= 20);
	assert_true(s.period_ns * 100 >= s.totals.user_ns * 50);
	assert_true(s.period_ns * 100 <= cpu_ns * 150);
	assert_int_equal(s.totals.mem_samples, s.mem);
	assert_true(s.totals.samples > 0); /* those of clock beside them */
	assert_true(s.decoded * 2 > s.sites);
}

static void test_threads_are_sampled_by_inheritance(void **state)
{
	struct seen s;

	(void)state;
	if (!works())
		skip();
	chase(&s, "500000", "3");
	assert_int_equal(s.n_tid, 3);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_periods_sum_to_what_was_counted),
		cmocka_unit_test(test_threads_are_sampled_by_inheritance),
	};

	watch_program_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
