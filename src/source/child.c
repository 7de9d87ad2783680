#include "source/child.h"

#include "base/err.h"
#include "base/near.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELD_CHILD_EXIT                                                                            \
	125 /* never seen by a user: the tool is gone or reports the error itself                  \
	     */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void forwarded_set(sigset_t *set)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaddset(set, signals[i]);
}

/* What a write of ours may raise: while the program runs it fails instead, and the program runs on.
 */
static void own_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGPIPE);
	sigaddset(set, SIGXFSZ);
}

/* Runs in the child between fork and exec: async-signal-safe calls only. */
static _Noreturn void held_child(const struct cxms_child *c, int hold_fd, int errno_fd,
				 char *const *argv, char *const *envp)
{
	char byte;
	ssize_t n;
	int failed;

	do
		n = read(hold_fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(HELD_CHILD_EXIT);
	if (c->chld_changed)
		sigaction(SIGCHLD, &c->old_chld, NULL);
	sigprocmask(SIG_SETMASK, &c->old_mask, NULL);
	execvpe(argv[0], argv, envp);
	failed = errno;
	do
		n = write(errno_fd, &failed, sizeof(failed));
	while (n < 0 && errno == EINTR);
	_exit(HELD_CHILD_EXIT);
}

static int block_signals(struct cxms_child *c, struct cxms_err *err)
{
	sigset_t set, own;

	forwarded_set(&set);
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (c->signal_fd < 0)
		return cxms_fail_sys(err, errno, "cannot open a signal descriptor");
	if (pthread_sigmask(SIG_BLOCK, &set, &c->old_mask))
		return cxms_fail(err, EINVAL, "cannot block signals");
	c->masked = true;
	own_set(&own);
	pthread_sigmask(SIG_BLOCK, &own, NULL);
	return 0;
}

/* Where whoever started us ignored SIGCHLD, the kernel would tell nobody of the program's end. */
static void hear_of_ends(struct cxms_child *c)
{
	const struct sigaction plain = {.sa_handler = SIG_DFL};

	if (!sigaction(SIGCHLD, NULL, &c->old_chld) &&
	    (c->old_chld.sa_handler == SIG_IGN || c->old_chld.sa_flags & SA_NOCLDWAIT))
		c->chld_changed = !sigaction(SIGCHLD, &plain, NULL);
}

int cxms_child_start(struct cxms_child *c, char *const *argv, struct cxms_err *err)
{
	return cxms_child_start_env(c, argv, NULL, err);
}

int cxms_child_start_env(struct cxms_child *c, char *const *argv, char *const *envp,
			 struct cxms_err *err)
{
	int hold[2] = {-1, -1}, result[2] = {-1, -1}, rc;

	*c = (struct cxms_child){.hold_fd = -1, .errno_fd = -1, .signal_fd = -1, .pid_fd = -1};
	rc = block_signals(c, err);
	if (rc)
		goto out;
	hear_of_ends(c);
	if (pipe2(hold, O_CLOEXEC) || pipe2(result, O_CLOEXEC)) {
		rc = cxms_fail_sys(err, errno, "cannot open a pipe");
		goto out;
	}
	c->pid = fork();
	if (c->pid < 0) {
		c->pid = 0;
		rc = cxms_fail_sys(err, errno, "cannot fork");
		goto out;
	}
	if (c->pid == 0) {
		close(hold[1]);
		held_child(c, hold[0], result[1], argv, envp ? envp : environ);
	}
	c->hold_fd = hold[1];
	c->errno_fd = result[0];
	hold[1] = result[0] = -1;
	c->pid_fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
out:
	for (int i = 0; i < 2; i++) {
		close_fd(&hold[i]);
		close_fd(&result[i]);
	}
	if (rc)
		cxms_child_fini(c);
	return rc;
}

#define SCRIPT_HEAD 255 /* bytes of a script that the kernel looks at (execve(2)) */
/* Where execvp(3) looks without PATH (confstr(3), _CS_PATH). */
#define DEFAULT_PATH "/bin:/usr/bin"

/* @mode as of access(2), @file of PATH_MAX bytes. execvp(3) says EACCES also for a name that is
 * nowhere, when a directory of PATH may not be read. */
static bool find_on_path(const char *program, int mode, char *file)
{
	const char *path = getenv("PATH"), *dir = path ? path : DEFAULT_PATH;
	struct stat st;

	while (*program && *dir) {
		size_t len = strcspn(dir, ":");

		if ((size_t)snprintf(file, PATH_MAX, "%.*s/%s", len ? (int)len : 1, len ? dir : ".",
				     program) < PATH_MAX &&
		    !faccessat(AT_FDCWD, file, mode, AT_EACCESS) &&
		    (mode == F_OK || (!stat(file, &st) && S_ISREG(st.st_mode))))
			return true;
		dir += len + (dir[len] == ':');
	}
	return false;
}

/* As env(1) tells them apart: it is not there, or it cannot be executed for any other reason. */
static int exec_failed(int errnum, const char *program, struct cxms_err *err)
{
	char file[PATH_MAX];
	int len = cxms_quote_len(program);
	bool is_there =
		strchr(program, '/') ? !access(program, F_OK) : find_on_path(program, F_OK, file);

	if (errnum == EACCES && !strchr(program, '/') && !is_there)
		errnum = ENOENT;
	switch (errnum) {
	case ENOENT:
		if (is_there)
			return cxms_fail(
				err, ENOENT,
				"the interpreter or loader that program '%.*s' names is not "
				"found; see its first line, or readelf -l",
				len, program);
		return cxms_fail(err, ENOENT, "program '%.*s' not found; check the name and PATH",
				 len, program);
	case EACCES:
		return cxms_fail(err, EACCES, "program '%.*s' is not executable; check its mode",
				 len, program);
	case ENOEXEC:
		return cxms_fail(err, ENOEXEC, "program '%.*s' is not in a format this kernel runs",
				 len, program);
	default:
		return cxms_fail(err, ENOEXEC, "program '%.*s' cannot be executed: %s", len,
				 program, strerrordesc_np(errnum));
	}
}

/* "#! /bin/sh -e": of a script, is the program there that is to run it? */
static bool has_interpreter(const char *file)
{
	char head[SCRIPT_HEAD + 1] = "";
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, head, SCRIPT_HEAD) : 0;
	char *name = head + 2;

	if (fd >= 0)
		close(fd);
	if (n < 2 || strncmp(head, "#!", 2) != 0)
		return true;
	name += strspn(name, " \t");
	name[strcspn(name, " \t\n")] = '\0';
	return !*name || !access(name, F_OK);
}

int cxms_child_find(const char *program, char *file, struct cxms_err *err)
{
	char room[PATH_MAX];
	struct stat st;

	if (!file)
		file = room;
	if (!strchr(program, '/')) {
		if (!find_on_path(program, X_OK, file))
			return exec_failed(find_on_path(program, F_OK, file) ? EACCES : ENOENT,
					   program, err);
	} else if (snprintf(file, PATH_MAX, "%s", program) >= PATH_MAX) {
		return exec_failed(ENAMETOOLONG, program, err);
	} else if (stat(program, &st) < 0) {
		return exec_failed(errno, program, err);
	} else if (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, program, X_OK, AT_EACCESS) < 0) {
		return exec_failed(EACCES, program, err);
	}
	return has_interpreter(file) ? 0 : exec_failed(ENOENT, program, err);
}

int cxms_child_go(struct cxms_child *c, const char *program, struct cxms_err *err)
{
	ssize_t n;

	do
		n = write(c->hold_fd, "", 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		return cxms_fail_sys(err, errno, "cannot release '%s'", program);
	close_fd(&c->hold_fd);
	return 0;
}

int cxms_child_told(struct cxms_child *c, const char *program, struct cxms_err *err)
{
	int errnum = 0;
	ssize_t n;

	do
		n = read(c->errno_fd, &errnum, sizeof(errnum));
	while (n < 0 && errno == EINTR);
	close_fd(&c->errno_fd);
	return n == (ssize_t)sizeof(errnum) ? exec_failed(errnum, program, err) : 0;
}

int cxms_child_release(struct cxms_child *c, const char *program, struct cxms_err *err)
{
	int rc = cxms_child_go(c, program, err);

	return rc ? rc : cxms_child_told(c, program, err);
}

void cxms_child_forward_signals(struct cxms_child *c)
{
	struct signalfd_siginfo si;

	while (c->signal_fd >= 0 && read(c->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		/* What the terminal sent went to the whole foreground process group already. */
		bool from_terminal = si.ssi_code == SI_KERNEL;

		if (c->ended || (from_terminal && getpgid(c->pid) == getpgrp()))
			continue;
		kill(c->pid, (int)si.ssi_signo);
	}
}

bool cxms_child_poll(struct cxms_child *c)
{
	if (!c->ended && c->pid > 0)
		c->ended = wait4(c->pid, &c->status, WNOHANG, &c->usage) == c->pid;
	return c->ended;
}

static void reap(struct cxms_child *c)
{
	pid_t got;

	kill(c->pid, SIGKILL);
	do {
		got = wait4(-1, &c->status, __WALL | __WNOTHREAD, &c->usage);
		/* Traced threads that were exiting already drop the signal and stop once more; the
		 * end of the first is told when the others are gone. */
		if (got > 0 && WIFSTOPPED(c->status))
			ptrace(PTRACE_CONT, got, NULL, NULL);
	} while ((got < 0 && errno == EINTR) || (got > 0 && got != c->pid) ||
		 (got == c->pid && WIFSTOPPED(c->status)));
	c->ended = true;
}

/* What a failed write raised was told as its error already. */
static void unblock_signals(struct cxms_child *c)
{
	const struct timespec at_once = {0};
	sigset_t own;

	own_set(&own);
	while (sigtimedwait(&own, NULL, &at_once) > 0)
		;
	pthread_sigmask(SIG_SETMASK, &c->old_mask, NULL);
}

void cxms_child_fini(struct cxms_child *c)
{
	if (!c->pid && !c->masked)
		return;
	if (c->pid > 0 && !c->ended)
		reap(c);
	close_fd(&c->hold_fd);
	close_fd(&c->errno_fd);
	close_fd(&c->signal_fd);
	close_fd(&c->pid_fd);
	if (c->masked)
		unblock_signals(c);
	if (c->chld_changed)
		sigaction(SIGCHLD, &c->old_chld, NULL);
	c->masked = c->chld_changed = false;
	c->pid = 0;
}
