/* The watched program: started but held, released, its signals passed on, its end collected. */
#ifndef CXMS_SOURCE_CHILD_H
#define CXMS_SOURCE_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct cxms_err;

struct cxms_child {
	pid_t pid;     /* 0 = none was started */
	int hold_fd;   /* write end: one byte releases the child; closing it ends a held child */
	int errno_fd;  /* read end: exec's errno, or EOF when exec succeeded */
	int signal_fd; /* signals sent to us, to be passed on */
	int pid_fd; /* readable when the child ended; -1 where the kernel has none (before 5.3) */
	int status; /* waitpid status once ended */
	bool ended;
	bool masked;	   /* old_mask is to be restored */
	bool chld_changed; /* SIGCHLD was ignored: old_chld is to be restored */
	struct sigaction old_chld;
	struct rusage usage; /* of the child and what it waited for; once ended */
	sigset_t old_mask;
};

/**
 * cxms_child_start() - fork; the child waits before exec with our signal mask and dispositions as
 * they were. SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 sent to the tool are passed to the
 * program, except those the terminal already sent to both. Standard streams, environment, directory
 * are inherited. A held child ends by itself when the tool dies. Until fini the calling thread's
 * signal mask is changed: a write of it that SIGPIPE or SIGXFSZ would end fails instead; and
 * SIGCHLD is not ignored, else no end would be told. Return: 0, -EAGAIN or -ENOMEM (fork), -EMFILE
 */
int cxms_child_start(struct cxms_child *c, char *const *argv, struct cxms_err *err);
/** cxms_child_start_env() - the same with another environment; NULL = ours */
int cxms_child_start_env(struct cxms_child *c, char *const *argv, char *const *envp,
			 struct cxms_err *err);
/**
 * cxms_child_find() - would execvp(3) find @program? For programs that another one starts
 * @file: PATH_MAX bytes that get its name as it is found; NULL: not of interest
 * Return: 0, or the errors of cxms_child_release() with the same words
 */
int cxms_child_find(const char *program, char *file, struct cxms_err *err);
/** cxms_child_go() - the child goes on to exec; cxms_child_told() waits as cxms_child_release()
 * does, at c->errno_fd */
int cxms_child_go(struct cxms_child *c, const char *program, struct cxms_err *err);
int cxms_child_told(struct cxms_child *c, const char *program, struct cxms_err *err);
/** both; waits until exec succeeded or failed: -ENOENT (it, or what it needs to begin, is not
 * there), -EACCES, -ENOEXEC (all other failures) name the program */
int cxms_child_release(struct cxms_child *c, const char *program, struct cxms_err *err);
/** pass on what arrived on signal_fd; never blocks */
void cxms_child_forward_signals(struct cxms_child *c);
/** waitpid(WNOHANG) on the child; true once it ended. Not for a child that is being traced */
bool cxms_child_poll(struct cxms_child *c);
/** kill what still runs, reap, close descriptors, restore the signal mask; legal when zeroed,
 * idempotent */
void cxms_child_fini(struct cxms_child *c);

#endif
