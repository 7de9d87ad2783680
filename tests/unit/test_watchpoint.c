/* Watchpoints against the real kernel: how many there are, what ends them, and what is told where
 * they fire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "source/perf_rec.h"
#include "source/watchpoint.h"
#include "source/wp_set.h"

static volatile uint64_t words[8];

static uint32_t self(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

/* Can they be opened at all? A refusal says what to do. */
static bool can_open(void)
{
	struct cxms_err err = {0};
	int fd = cxms_watchpoint_open(0, (uintptr_t)words, &err);

	if (fd < 0) {
		assert_true(strstr(err.msg, "; ") != NULL);
		return false;
	}
	close(fd);
	return true;
}

static void test_a_thread_has_four(void **state)
{
	struct cxms_perf_ring ring[5] = {0};
	int handle[5];

	(void)state;
	if (!can_open())
		skip();
	for (int i = 0; i < 5; i++)
		handle[i] = cxms_wp_perf.set(NULL, self(), (uintptr_t)&words[i], &ring[i]);
	for (int i = 0; i < 4; i++)
		assert_true(handle[i] >= 0);
	assert_int_equal(handle[4], -ENOSPC);
	cxms_wp_perf.clear(NULL, handle[2], &ring[2]);
	handle[2] = cxms_wp_perf.set(NULL, self(), (uintptr_t)&words[7], &ring[2]);
	assert_true(handle[2] >= 0);
	for (int i = 0; i < 4; i++)
		cxms_wp_perf.clear(NULL, handle[i], &ring[i]);
}

static void test_a_thread_that_has_ended_has_none(void **state)
{
	struct cxms_perf_ring ring = {0};
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	if (!can_open())
		skip();
	assert_int_equal(cxms_wp_perf.set(NULL, (uint32_t)pid, (uintptr_t)words, &ring), -ESRCH);
}

/* Where they fire: three uses with address, thread and rising times, however often it was used. */
static void test_uses_are_told(void **state)
{
	const struct perf_event_header *h;
	struct cxms_perf_ring ring = {0};
	struct cxms_err err = {0};
	struct cxms_perf_rec r;
	uint64_t last_ns = 0;
	unsigned uses = 0;
	bool bad = false;
	int rc = cxms_watchpoint_probe(&err), handle;

	(void)state;
	if (rc) {
		assert_true(strstr(err.msg, "; ") != NULL);
		skip();
	}
	handle = cxms_wp_perf.set(NULL, self(), (uintptr_t)&words[3], &ring);
	assert_true(handle >= 0);
	for (int i = 0; i < 20; i++) {
		words[2] = words[2] + 1;
		words[3] = words[3] + 1;
	}
	cxms_perf_ring_begin(&ring);
	while ((h = cxms_perf_ring_next(&ring, &bad))) {
		assert_true(cxms_perf_rec_parse(CXMS_PERF_FAULTS, h, &r));
		if (r.type != PERF_RECORD_SAMPLE)
			continue;
		assert_int_equal(r.fault.addr, (uintptr_t)&words[3]);
		assert_int_equal(r.tid, self());
		assert_true(r.time_ns > last_ns);
		last_ns = r.time_ns;
		uses++;
	}
	cxms_perf_ring_end(&ring);
	assert_int_equal(uses, CXMS_WP_USES);
	cxms_wp_perf.clear(NULL, handle, &ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_thread_has_four),
		cmocka_unit_test(test_a_thread_that_has_ended_has_none),
		cmocka_unit_test(test_uses_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
