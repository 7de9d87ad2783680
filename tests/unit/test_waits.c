/* What a sleeping thread waits for: lines of /proc, and children of ours that really wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "source/waits.h"

static void test_lines(void **state)
{
	static const struct {
		const char *line;
		enum cxms_wait_kind kind;
		int fd;
	} rows[] = {
		{"running\n", CXMS_WAIT_UNKNOWN, -1},
		{"", CXMS_WAIT_UNKNOWN, -1},
		{"-1 0x7ffc 0x4011\n", CXMS_WAIT_IO, -1},
		{"230 0x0 0x0 0x7ffc 0x7ffc 0x0 0x0 0x7ffc 0x7fb8\n", CXMS_WAIT_SLEEP, -1},
		{"230 0x1 0x1 0x7ffc 0x0 0x0 0x0 0x7ffc 0x7fb8\n", CXMS_WAIT_SLEEP_UNTIL, -1},
		{"202 0x7f00 0x189 0x0 0x0 0x0 0xffffffff 0x1 0x2\n", CXMS_WAIT_FUTEX, -1},
		{"202 0x7f00 0x189 0x0 0x7ffc 0x0 0xffffffff 0x1 0x2\n", CXMS_WAIT_POLL, -1},
		{"220 0x0 0x7ffc 0x1 0x0 0x0 0x0 0x1 0x2\n", CXMS_WAIT_FUTEX, -1},
		{"220 0x0 0x7ffc 0x1 0x7ffc 0x0 0x0 0x1 0x2\n", CXMS_WAIT_POLL, -1},
		{"0 0x5 0x7ffc 0x1 0x0 0x0 0x0 0x1 0x2\n", CXMS_WAIT_IO, 5},
		{"7 0x0 0x0 0x64 0x0 0x0 0x0 0x1 0x2\n", CXMS_WAIT_SLEEP, -1},
		{"7 0x7ffc 0x1 0x64 0x0 0x0 0x0 0x1 0x2\n", CXMS_WAIT_POLL, -1},
		{"61 0xffffffffffffffff 0x0 0x0 0x0\n", CXMS_WAIT_CHILD, -1},
		{"74 0x3\n", CXMS_WAIT_IO, -1},
		{"34\n", CXMS_WAIT_OTHER, -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd;
		print_message("%s", rows[i].line);
		assert_int_equal(cxms_wait_parse(rows[i].line, &fd), rows[i].kind);
		assert_int_equal(fd, rows[i].fd);
	}
	assert_int_equal(cxms_wait_of_link("pipe:[123]"), CXMS_WAIT_PIPE);
	assert_int_equal(cxms_wait_of_link("anon_inode:[eventfd]"), CXMS_WAIT_PIPE);
	assert_int_equal(cxms_wait_of_link("anon_inode:[timerfd]"), CXMS_WAIT_SLEEP_UNTIL);
	assert_int_equal(cxms_wait_of_link("socket:[9]"), CXMS_WAIT_POLL);
	assert_int_equal(cxms_wait_of_link("/dev/pts/1"), CXMS_WAIT_IO);
}

static void in_pipe(void)
{
	int fd[2];
	char c;
	if (!pipe(fd) && read(fd[0], &c, 1) != 1)
		_exit(1);
}

static void in_sleep(void)
{
	nanosleep(&(struct timespec){.tv_sec = 60}, NULL);
}

static void in_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += 60;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void in_poll(void)
{
	int fd[2];
	if (!pipe(fd))
		poll(&(struct pollfd){.fd = fd[0], .events = POLLIN}, 1, -1);
}

/* A child of ours, asleep soon; of one that does not wait at all nothing is told. */
static void test_children_that_wait(void **state)
{
	static const struct {
		void (*wait)(void);
		enum cxms_wait_kind kind;
	} rows[] = {{in_pipe, CXMS_WAIT_PIPE},
		    {in_sleep, CXMS_WAIT_SLEEP},
		    {in_clock, CXMS_WAIT_SLEEP_UNTIL},
		    {in_poll, CXMS_WAIT_POLL}};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		enum cxms_wait_kind got = CXMS_WAIT_UNKNOWN;
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			rows[i].wait();
			_exit(0);
		}
		for (int k = 0; k < 2000 && got != rows[i].kind; k++) {
			got = cxms_wait_look((uint32_t)pid, (uint32_t)pid);
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (got == CXMS_WAIT_UNKNOWN && i == 0)
			skip(); /* /proc does not show it here */
		assert_int_equal(got, rows[i].kind);
		assert_int_equal(cxms_wait_look((uint32_t)pid, (uint32_t)pid), CXMS_WAIT_UNKNOWN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_children_that_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
