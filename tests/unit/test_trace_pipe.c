/* Recording into a pipe while signals arrive: short and interrupted writes lose nothing. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "trace/trace.h"

enum { EVENTS = 60000 }; /* about ten times what a pipe holds */

static volatile sig_atomic_t signals_seen;

static void on_alarm(int sig)
{
	(void)sig;
	signals_seen = 1;
}

/* Slower than the writer, so that it always blocks. */
static void copy_slowly(int from, int to)
{
	static char buf[16384];
	struct timespec pause = {.tv_nsec = 3000000};
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0) {
		if (write(to, buf, (size_t)n) != n)
			_exit(1);
		nanosleep(&pause, NULL);
	}
	_exit(n < 0);
}

static void write_events(int fd, const struct cxms_event *ev)
{
	struct itimerval every_ms = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	struct sigaction act = {.sa_handler = on_alarm}, old; /* without SA_RESTART: EINTR */
	struct cxms_trace_head head = {.seed = 1};
	struct cxms_trace_writer *w = NULL;

	assert_int_equal(cxms_trace_writer_new(fd, &head, &w, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &act, &old), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &every_ms, NULL), 0);
	assert_int_equal(cxms_trace_write(w, ev, EVENTS, NULL), 0);
	assert_int_equal(cxms_trace_finish(w, &(struct cxms_totals){0}, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
	cxms_trace_writer_free(w);
}

static void test_signals_during_a_slow_write_lose_nothing(void **state)
{
	static struct cxms_event ev[EVENTS], back[EVENTS + 1];
	int fd = memfd_create("copy", MFD_CLOEXEC), ends[2], status = -1;
	struct cxms_trace_reader *r = NULL;
	struct cxms_rng rng;
	size_t n = 0;
	pid_t child;

	(void)state;
	cxms_rng_init(&rng, 1);
	for (size_t i = 0; i < EVENTS; i++) {
		ev[i].kind = CXMS_EV_FAULT;
		ev[i].fault.addr = cxms_rng_u64(&rng);
	}
	assert_true(fd >= 0);
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[1]);
		copy_slowly(ends[0], fd);
	}
	close(ends[0]);
	write_events(ends[1], ev);
	close(ends[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(signals_seen);
	assert_int_equal(cxms_trace_reader_open_fd(fd, "copy", &r, NULL), 0);
	assert_int_equal(cxms_trace_read(r, back, EVENTS + 1, &n, NULL), 0);
	assert_int_equal(n, EVENTS);
	for (size_t i = 0; i < EVENTS; i++)
		assert_int_equal(back[i].fault.addr, ev[i].fault.addr);
	assert_int_equal(cxms_trace_read(r, back, 1, &n, NULL), 0);
	assert_int_equal(cxms_trace_reader_state(r), CXMS_TRACE_COMPLETE);
	cxms_trace_reader_close(r);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signals_during_a_slow_write_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
