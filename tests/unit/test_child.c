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
#include <sys/stat.h>
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
	char text[] = "/tmp/cxms_text_XXXXXX", script[] = "/tmp/cxms_script_XXXXXX", below[64];
	const struct {
		const char *program, *says;
		int rc;
	} rows[] = {
		{"no-such-program-at-all", "not found", -ENOENT},
		{"/no/such/program", "not found", -ENOENT},
		{"", "not found", -ENOENT},
		{script, "interpreter", -ENOENT},
		{text, "not executable", -EACCES},
		{"/tmp", "not executable", -EACCES},
		{below, "cannot be executed: Not a directory", -ENOEXEC},
	};
	int fd = mkstemp(text);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(below, sizeof(below), "%s/program", text);
	fd = mkstemp(script);
	assert_true(fd >= 0);
	assert_true(write(fd, "#!/no/such/shell\n", 17) == 17);
	assert_int_equal(fchmod(fd, 0755), 0);
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
	unlink(script);
}

static void test_an_end_is_told_where_ends_are_ignored(void **state)
{
	const struct sigaction ways[] = {{.sa_handler = SIG_IGN},
					 {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT}};
	const struct sigaction plain = {.sa_handler = SIG_DFL};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		/* bit 16 of it is SIGCHLD (proc_pid_status(5)); shells do not keep it */
		char *argv[] = {(char[]){"grep"}, (char[]){"-q"},
				(char[]){"^SigIgn:.*[13579bdf]....$"},
				(char[]){"/proc/self/status"}, NULL};
		struct sigaction after;
		struct cxms_child c;

		assert_int_equal(sigaction(SIGCHLD, &ways[i], NULL), 0);
		assert_int_equal(cxms_child_start(&c, argv, NULL), 0);
		assert_int_equal(cxms_child_release(&c, argv[0], NULL), 0);
		alarm(10); /* it would wait for ever */
		wait_for_end(&c);
		alarm(0);
		assert_true(WIFEXITED(c.status));
		assert_int_equal(WEXITSTATUS(c.status), i ? 1 : 0);
		cxms_child_fini(&c);
		assert_int_equal(sigaction(SIGCHLD, NULL, &after), 0);
		assert_true(after.sa_handler == ways[i].sa_handler);
		assert_int_equal(after.sa_flags & SA_NOCLDWAIT, ways[i].sa_flags & SA_NOCLDWAIT);
	}
	assert_int_equal(sigaction(SIGCHLD, &plain, NULL), 0);
}

static void test_a_write_to_nobody_fails_and_ends_nothing(void **state)
{
	struct cxms_child c;
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	close(fd[0]);
	start(&c, "kill -PIPE $$; exit 3");
	assert_true(write(fd[1], "x", 1) < 0 && errno == EPIPE);
	assert_int_equal(cxms_child_release(&c, "sh", NULL), 0);
	wait_for_end(&c);
	/* the program has the signal as ever */
	assert_true(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGPIPE);
	cxms_child_fini(&c); /* unblocks it: what was raised is not told any more */
	close(fd[1]);
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
		cmocka_unit_test(test_an_end_is_told_where_ends_are_ignored),
		cmocka_unit_test(test_a_write_to_nobody_fails_and_ends_nothing),
		cmocka_unit_test(test_signals_to_us_reach_the_child),
		cmocka_unit_test(test_the_mask_is_given_back),
		cmocka_unit_test(test_fini_of_nothing_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
