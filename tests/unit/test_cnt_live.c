/* Counters that run, on events that every kernel has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "source/cnt_live.h"

#define PAGES 300u

static const struct cxms_cnt_event faults = {
	.name = "page-faults", .type = PERF_TYPE_SOFTWARE, .config = {PERF_COUNT_SW_PAGE_FAULTS}};

static void touch_pages(unsigned n)
{
	size_t bytes = (size_t)n * 4096;
	volatile char *p =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	madvise((void *)(uintptr_t)p, bytes, MADV_NOHUGEPAGE);
	for (unsigned i = 0; i < n; i++)
		p[(size_t)i * 4096] = 1;
	munmap((void *)(uintptr_t)p, bytes);
}

static void test_attributes_of_program_and_units(void **state)
{
	const struct cxms_cnt_event box = {
		.name = "x", .type = 62, .config = {5, 6, 7}, .scope = CXMS_SCOPE_BOX};
	struct perf_event_attr a;

	(void)state;
	cxms_cnt_attr(&faults, true, true, &a);
	assert_true(a.inherit && a.disabled && a.enable_on_exec && a.exclude_kernel);
	assert_int_equal(a.type, PERF_TYPE_SOFTWARE);
	cxms_cnt_attr(&faults, false, true, &a); /* a member follows its leader */
	assert_true(a.inherit && !a.disabled && !a.enable_on_exec);
	cxms_cnt_attr(&box, true, true, &a);
	assert_false(a.inherit || a.disabled || a.exclude_kernel);
	assert_true(a.type == 62 && a.config == 5 && a.config1 == 6 && a.config2 == 7);
}

/* Counts are of the time between two looks. A machine that refuses perf skips. */
static void test_counts_are_since_the_last_look(void **state)
{
	const struct cxms_cnt_event ev[2] = {faults, faults};
	struct cxms_cnt_live *live = NULL;
	struct cxms_event out[2];
	struct cxms_err err = {0};
	size_t n;

	(void)state;
	if (cxms_cnt_live_open(ev, 2, 0, &live, &err)) {
		assert_non_null(strstr(err.msg, "cannot count 'page-faults'"));
		skip();
	}
	assert_int_equal(cxms_cnt_live_count(live), 2);
	cxms_cnt_live_define(live, 7, out);
	assert_int_equal(out[1].counter.id, 8);
	assert_string_equal(out[1].counter.name, "page-faults");
	touch_pages(PAGES); /* not counted yet */
	assert_int_equal(cxms_cnt_live_enable(live), 0);
	touch_pages(PAGES);
	cxms_cnt_live_read(live, 1000, 7, out, &n);
	assert_int_equal(n, 2);
	/* a few of its own pages fault beside ours */
	assert_in_range(out[0].count.value, PAGES, 2 * PAGES - 1);
	assert_int_equal(out[0].count.enabled_ns, 1000);
	assert_int_equal(out[0].count.running_ns, 1000);
	assert_int_equal(out[0].count.counter, 7);
	touch_pages(2 * PAGES);
	assert_int_equal(cxms_cnt_live_disable(live), 0);
	touch_pages(PAGES);
	cxms_cnt_live_read(live, 1500, 7, out, &n);
	assert_in_range(out[1].count.value, 2 * PAGES, 3 * PAGES - 1);
	assert_int_equal(out[1].count.enabled_ns, 500);
	cxms_cnt_live_free(live);
}

/* A program is counted from its exec on, with its children. */
static void test_a_program_is_counted_with_its_children(void **state)
{
	struct cxms_cnt_live *live = NULL;
	struct cxms_event out[1];
	int hold[2], status;
	size_t n;

	(void)state;
	assert_int_equal(pipe(hold), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char go;

		close(hold[1]);
		if (read(hold[0], &go, 1) == 1)
			execl("/bin/sh", "sh", "-c", "/bin/true; /bin/true; :", (char *)NULL);
		_exit(1);
	}
	close(hold[0]);
	if (cxms_cnt_live_open(&faults, 1, pid, &live, NULL)) {
		close(hold[1]);
		waitpid(pid, &status, 0);
		skip();
	}
	cxms_cnt_live_read(live, 10, 0, out, &n);
	assert_int_equal(out[0].count.value, 0); /* held: nothing yet */
	assert_int_equal(write(hold[1], "", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(hold[1]);
	cxms_cnt_live_read(live, 20, 0, out, &n);
	assert_true(out[0].count.value > 100); /* three images of some dozens each */
	cxms_cnt_live_free(live);
}

static void test_what_the_kernel_does_not_have_is_named(void **state)
{
	const struct cxms_cnt_event none = {.name = "no such event", .type = 0x7fffffff};
	const struct cxms_cnt_event ev[2] = {faults, none};
	struct cxms_cnt_live *live = NULL;
	struct cxms_err err = {0};

	(void)state;
	assert_true(cxms_cnt_live_open(ev, 2, 0, &live, &err) < 0);
	assert_non_null(strstr(err.msg, "cannot count '"));
	assert_null(live);
	cxms_cnt_live_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attributes_of_program_and_units),
		cmocka_unit_test(test_counts_are_since_the_last_look),
		cmocka_unit_test(test_a_program_is_counted_with_its_children),
		cmocka_unit_test(test_what_the_kernel_does_not_have_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
