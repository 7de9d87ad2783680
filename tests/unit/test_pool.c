/* Tasks shared out to threads: each once, and the same error for any number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "base/err.h"
#include "base/pool.h"

enum { TASKS = 500 };
static const unsigned jobs[] = {0, 1, 2, 7, 64};

struct tally {
	atomic_uint times[TASKS];
	atomic_uint workers; /* highest seen + 1 */
	size_t bad[2];	     /* tasks that fail */
};

static int count(void *arg, unsigned worker, size_t task, struct cxms_err *err)
{
	struct tally *t = arg;
	atomic_fetch_add(&t->times[task], 1);
	unsigned most = atomic_load(&t->workers);
	while (worker + 1 > most && !atomic_compare_exchange_weak(&t->workers, &most, worker + 1))
		;
	/* the lower of the two is slow: the other one's failure is seen first */
	for (int i = 0; task == t->bad[0] && i < 100; i++)
		sched_yield();
	if (task == t->bad[0] || task == t->bad[1])
		return cxms_fail(err, ERANGE, "task %zu", task);
	return 0;
}

static void test_each_task_runs_once(void **state)
{
	(void)state;
	for (size_t j = 0; j < sizeof(jobs) / sizeof(jobs[0]); j++) {
		struct tally t = {.bad = {TASKS, TASKS}};
		struct cxms_err err = {0};
		assert_int_equal(cxms_pool_run(jobs[j], TASKS, count, &t, &err), 0);
		assert_int_equal(err.code, 0);
		for (size_t i = 0; i < TASKS; i++)
			assert_int_equal(atomic_load(&t.times[i]), 1);
		assert_in_range(atomic_load(&t.workers), 1, jobs[j] ? jobs[j] : 1);
	}
}

static void test_nothing_to_do(void **state)
{
	(void)state;
	assert_int_equal(cxms_pool_run(4, 0, count, NULL, NULL), 0);
}

static void test_the_lowest_failure_is_told(void **state)
{
	(void)state;
	for (size_t j = 0; j < sizeof(jobs) / sizeof(jobs[0]); j++)
		for (unsigned again = 0; again < 20; again++) {
			struct tally t = {.bad = {100, 101}};
			struct cxms_err err = {0};
			assert_int_equal(cxms_pool_run(jobs[j], TASKS, count, &t, &err), -ERANGE);
			assert_string_equal(err.msg, "task 100");
			assert_int_equal(err.code, ERANGE);
			for (size_t i = 0; i <= 100; i++)
				assert_int_equal(atomic_load(&t.times[i]), 1);
		}
}

static void test_no_task_begins_after_a_failure(void **state)
{
	(void)state;
	struct tally t = {.bad = {3, TASKS}};
	assert_int_equal(cxms_pool_run(1, TASKS, count, &t, NULL), -ERANGE);
	for (size_t i = 4; i < TASKS; i++)
		assert_int_equal(atomic_load(&t.times[i]), 0);
}

static void test_cpus_are_those_it_may_use(void **state)
{
	(void)state;
	cpu_set_t was, one;
	size_t first = 0;
	assert_int_equal(sched_getaffinity(0, sizeof(was), &was), 0);
	while (!CPU_ISSET(first, &was))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	assert_int_equal(cxms_pool_cpus(), CPU_COUNT(&was));
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(cxms_pool_cpus(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(was), &was), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_task_runs_once),
		cmocka_unit_test(test_nothing_to_do),
		cmocka_unit_test(test_the_lowest_failure_is_told),
		cmocka_unit_test(test_no_task_begins_after_a_failure),
		cmocka_unit_test(test_cpus_are_those_it_may_use),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
