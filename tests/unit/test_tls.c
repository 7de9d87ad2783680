/* Thread pointers found from outside agree with what the threads themselves say. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asm/prctl.h>

#include "source/tls.h"

#define THREADS 3

struct self {
	uint64_t sp, fs_base;
};

struct child {
	pid_t pid;
	int from, stop; /* reads struct self; closing lets it end */
	struct self self[THREADS + 1];
};

static void tell(int fd)
{
	struct self me = {.sp = (uint64_t)(uintptr_t)__builtin_frame_address(0)};
	unsigned long base = 0;

	if (syscall(SYS_arch_prctl, ARCH_GET_FS, &base))
		_exit(1);
	me.fs_base = base;
	if (write(fd, &me, sizeof(me)) != (ssize_t)sizeof(me))
		_exit(1);
}

static void *thread_main(void *arg)
{
	tell(*(int *)arg);
	for (;;)
		pause();
	return NULL;
}

/* The child: the main thread first, then threads of the default, a small and a tiny stack. */
static void child_main(int to, int stop)
{
	static const size_t stacks[THREADS] = {0, 512 << 10, 64 << 10};
	char byte;

	/* Large allocations join ld.so's mapping from below. */
	if (mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	    MAP_FAILED)
		_exit(1);
	tell(to);
	for (int i = 0; i < THREADS; i++) {
		pthread_attr_t attr;
		pthread_t t;

		pthread_attr_init(&attr);
		if (stacks[i])
			pthread_attr_setstacksize(&attr, stacks[i]);
		if (pthread_create(&t, &attr, thread_main, &to))
			_exit(1);
	}
	_exit(read(stop, &byte, 1) < 0);
}

static int child_start(void **state)
{
	static struct child c;
	int data[2], stop[2];

	if (pipe(data) || pipe(stop))
		return -1;
	c.pid = fork();
	if (c.pid < 0)
		return -1;
	if (!c.pid) {
		close(stop[1]);
		child_main(data[1], stop[0]);
	}
	close(data[1]);
	close(stop[0]);
	c.from = data[0];
	c.stop = stop[1];
	for (int i = 0; i <= THREADS; i++)
		if (read(c.from, &c.self[i], sizeof(c.self[i])) != (ssize_t)sizeof(c.self[i]))
			return -1;
	*state = &c;
	return 0;
}

static int child_end(void **state)
{
	struct child *c = *state;
	int status;

	close(c->stop);
	close(c->from);
	return waitpid(c->pid, &status, 0) == c->pid && status == 0 ? 0 : -1;
}

static void test_main_thread_found_beside_what_it_mapped(void **state)
{
	const struct child *c = *state;
	uint64_t base = 0;

	assert_int_equal(cxms_tls_find(c->pid, c->self[0].sp, &base), 0);
	assert_int_equal(base, c->self[0].fs_base);
}

static void test_threads_found_on_their_stacks(void **state)
{
	const struct child *c = *state;

	for (int i = 1; i <= THREADS; i++) {
		uint64_t base = 0;

		assert_int_equal(cxms_tls_find(c->pid, c->self[i].sp, &base), 0);
		assert_int_equal(base, c->self[i].fs_base);
	}
}

static void *outlive_main(void *arg)
{
	char byte;

	usleep(50000); /* until the first has ended */
	tell(((int *)arg)[0]);
	_exit(read(((int *)arg)[1], &byte, 1) < 0);
}

/* /proc/<pid>/maps is empty then, and the process's number reads no memory. */
static void test_threads_found_after_the_first_has_ended(void **state)
{
	int data[2], stop[2], status;
	struct self self;
	uint64_t base = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(data) | pipe(stop), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		static int to[2];
		pthread_t t;

		close(stop[1]);
		to[0] = data[1];
		to[1] = stop[0];
		if (pthread_create(&t, NULL, outlive_main, to))
			_exit(1);
		pthread_exit(NULL);
	}
	assert_int_equal(read(data[0], &self, sizeof(self)), sizeof(self));
	assert_int_equal(cxms_tls_find(pid, self.sp, &base), 0);
	assert_int_equal(base, self.fs_base);
	close(stop[0]);
	close(stop[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(data[0]);
	close(data[1]);
}

static void test_not_found_leaves_the_result_alone(void **state)
{
	const struct child *c = *state;
	uint64_t base = 42;

	assert_int_equal(cxms_tls_find(c->pid, 0, &base), -ENOENT);
	assert_int_equal(cxms_tls_find(c->pid, (uint64_t)(uintptr_t)&cxms_tls_find, &base),
			 -ENOENT);
	assert_int_equal(cxms_tls_find(INT32_MAX, c->self[0].sp, &base), -ESRCH);
	assert_int_equal(base, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_main_thread_found_beside_what_it_mapped),
		cmocka_unit_test(test_threads_found_on_their_stacks),
		cmocka_unit_test(test_threads_found_after_the_first_has_ended),
		cmocka_unit_test(test_not_found_leaves_the_result_alone),
	};

	return cmocka_run_group_tests(tests, child_start, child_end);
}
