#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "source/child.h"

static void start(struct cxms_child *c, const char *script)
{
	char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char *)(uintptr_t)script, NULL};

	assert_int_equal(cxms_child_start(c, argv, NULL), 0);
}

static void wait_for_end(struct cxms_child *c)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	while (!cxms_child_poll(c)) {
		cxms_child_forward_signals(c);
		nanosleep(&ms, NULL);
	}
}

static const struct {
	const char *script, *why;
	bool is_killed;
	int status;
} ends[] = {
	{"exit 0", "ends at once", false, 0},
	{"exit 42", "its exit status is kept", false, 42},
	{"kill -9 $$", "killed", true, SIGKILL},
	{"kill -SEGV $$", "crashed", true, SIGSEGV},
	{"test \"$CXMS_TEST_WORD\" = 'two words'", "the environment is inherited", false, 0},
	{"test \"$(pwd)\" = /", "the directory is inherited", false, 0},
	{"kill -INT $$; exit 3", "SIGINT is neither blocked nor ignored", true, SIGINT},
	{"kill -USR1 $$; exit 3", "SIGUSR1 is neither blocked nor ignored", true, SIGUSR1},
	{"for f in /proc/$$/fd/*; do case $(readlink $f) in anon_inode*) exit 9; esac; done; exit "
	 "4",
	 "no descriptor of ours is left open", false, 4},
};

static void test_the_child_is_as_if_it_had_been_started_without_us(void **state)
{
	(void)state;
	assert_int_equal(setenv("CXMS_TEST_WORD", "two words", 1), 0);
	assert_int_equal(chdir("/"), 0);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct cxms_child c;

		start(&c, ends[i].script);
		assert_int_equal(cxms_child_release(&c, "sh", NULL), 0);
		wait_for_end(&c);
		if (ends[i].is_killed)
			assert_true(WIFSIGNALED(c.status) && WTERMSIG(c.status) == ends[i].status);
		else
			assert_true(WIFEXITED(c.status) && WEXITSTATUS(c.status) == ends[i].status);
		assert_true(c.usage.ru_maxrss > 0);
		cxms_child_fini(&c);
		cxms_child_fini(&c);
	}
}

static void test_a_held_child_waits_and_dies_with_its_holder(void **state)
{
	struct cxms_child c;

	(void)state;
	start(&c, "exit 1");
	usleep(20000);
	assert_false(cxms_child_poll(&c));
	close(c.hold_fd); /* as when the tool is killed */
	c.hold_fd = -1;
	wait_for_end(&c);
	assert_true(WIFEXITED(c.status) && WEXITSTATUS(c.status) == 125);
	cxms_child_fini(&c);
}

static void test_programs_that_cannot_run_are_named(void **state)
{
	char text[] = "/tmp/cxms_text_XXXXXX";
	const struct {
		const char *program, *says;
		int rc;
	} rows[] = {
		{"no-such-program-at-all", "not found", -ENOENT},
		{"/no/such/program", "not found", -ENOENT},
		{text, "not executable", -EACCES},
		{"/tmp", "not executable", -EACCES},
	};
	int fd = mkstemp(text);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *argv[] = {(char *)(uintptr_t)rows[i].program, NULL};
		struct cxms_err err = {0};
		struct cxms_child c;

		assert_int_equal(cxms_child_start(&c, argv, &err), 0);
		assert_int_equal(cxms_child_release(&c, argv[0], &err), rows[i].rc);
		assert_non_null(strstr(err.msg, rows[i].says));
		assert_non_null(strstr(err.msg, rows[i].program));
		cxms_child_fini(&c);
	}
	unlink(text);
}

static void test_signals_to_us_reach_the_child(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		struct cxms_child c;

		start(&c, "exec sleep 60");
		assert_int_equal(cxms_child_release(&c, "sh", NULL), 0);
		assert_int_equal(kill(getpid(), signals[i]), 0);
		wait_for_end(&c);
		assert_true(WIFSIGNALED(c.status));
		assert_int_equal(WTERMSIG(c.status), signals[i]);
		cxms_child_fini(&c);
	}
}

static void test_the_mask_is_given_back(void **state)
{
	sigset_t before, after;
	struct cxms_child c;

	(void)state;
	assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &before), 0);
	start(&c, "exit 0");
	assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &after), 0);
	assert_true(sigismember(&after, SIGTERM) == 1);
	cxms_child_fini(&c); /* never released: ended without having run */
	assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &after), 0);
	for (int sig = 1; sig < 32; sig++)
		assert_int_equal(sigismember(&after, sig), sigismember(&before, sig));
}

static void test_fini_of_nothing_does_nothing(void **state)
{
	struct cxms_child c = {0};

	(void)state;
	cxms_child_fini(&c);
	assert_true(fcntl(0, F_GETFD) >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_child_is_as_if_it_had_been_started_without_us),
		cmocka_unit_test(test_a_held_child_waits_and_dies_with_its_holder),
		cmocka_unit_test(test_programs_that_cannot_run_are_named),
		cmocka_unit_test(test_signals_to_us_reach_the_child),
		cmocka_unit_test(test_the_mask_is_given_back),
		cmocka_unit_test(test_fini_of_nothing_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
