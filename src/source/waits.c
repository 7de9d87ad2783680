#include "source/waits.h"

#include "base/buf.h"
#include "base/sys.h"

#include <inttypes.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The line: number and six arguments, or "running", or -1 outside of any system call. */
struct call {
	long nr;
	uint64_t arg[6];
};

#if defined(__x86_64__)
static enum cxms_wait_kind of_futex(const struct call *c)
{
	uint64_t op = c->arg[1] & (uint64_t)FUTEX_CMD_MASK;
	bool may_time_out = c->arg[3] && (op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET ||
					  op == FUTEX_LOCK_PI || op == FUTEX_WAIT_REQUEUE_PI);

	return may_time_out ? CXMS_WAIT_POLL : CXMS_WAIT_FUTEX;
}

static enum cxms_wait_kind of_call(const struct call *c, int *fd)
{
	switch (c->nr) {
	case SYS_futex:
		return of_futex(c);
	case SYS_semop:
		return CXMS_WAIT_FUTEX;
	case SYS_semtimedop:
		return c->arg[3] ? CXMS_WAIT_POLL : CXMS_WAIT_FUTEX;
	case SYS_nanosleep:
		return CXMS_WAIT_SLEEP;
	case SYS_clock_nanosleep:
		return c->arg[1] & TIMER_ABSTIME ? CXMS_WAIT_SLEEP_UNTIL : CXMS_WAIT_SLEEP;
	case SYS_wait4:
	case SYS_waitid:
		return CXMS_WAIT_CHILD;
	case SYS_poll: /* with nothing to wait for: a sleep */
	case SYS_ppoll:
		return c->arg[1] ? CXMS_WAIT_POLL : CXMS_WAIT_SLEEP;
	case SYS_select:
	case SYS_pselect6:
		return c->arg[0] ? CXMS_WAIT_POLL : CXMS_WAIT_SLEEP;
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
		return CXMS_WAIT_POLL;
	case SYS_read:
	case SYS_write:
	case SYS_readv:
	case SYS_writev:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_accept:
	case SYS_accept4:
		*fd = c->arg[0] <= INT32_MAX ? (int)c->arg[0] : -1;
		return CXMS_WAIT_IO;
	case SYS_pread64:
	case SYS_pwrite64:
	case SYS_fsync:
	case SYS_fdatasync:
	case SYS_openat:
	case SYS_connect:
	case SYS_io_getevents:
		return CXMS_WAIT_IO;
	default: /* -1: a page comes from a file, or from swap */
		return c->nr < 0 ? CXMS_WAIT_IO : CXMS_WAIT_OTHER;
	}
}
#else
static enum cxms_wait_kind of_call(const struct call *c, int *fd)
{
	(void)c;
	(void)fd;
	return CXMS_WAIT_UNKNOWN;
}
#endif

enum cxms_wait_kind cxms_wait_parse(const char *line, int *fd)
{
	struct call c = {0};

	*fd = -1;
	if (sscanf(line, "%ld 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64, &c.nr,
		   &c.arg[0], &c.arg[1], &c.arg[2], &c.arg[3]) < 1)
		return CXMS_WAIT_UNKNOWN;
	return of_call(&c, fd);
}

enum cxms_wait_kind cxms_wait_of_link(const char *target)
{
	static const struct {
		const char *begin;
		enum cxms_wait_kind kind;
	} table[] = {
		{"pipe:", CXMS_WAIT_PIPE},
		{"anon_inode:[eventfd]", CXMS_WAIT_PIPE},
		{"anon_inode:[timerfd]", CXMS_WAIT_SLEEP_UNTIL},
		{"socket:", CXMS_WAIT_POLL}, /* ours or the network's: nobody says */
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (!strncmp(target, table[i].begin, strlen(table[i].begin)))
			return table[i].kind;
	}
	return CXMS_WAIT_IO;
}

enum cxms_wait_kind cxms_wait_look(uint32_t pid, uint32_t tid)
{
	enum cxms_wait_kind kind = CXMS_WAIT_UNKNOWN;
	struct cxms_buf line = {0};
	char path[96], target[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task/%" PRIu32 "/syscall", pid, tid);
	if (!cxms_sys_read(path, 512, &line, NULL))
		kind = cxms_wait_parse(cxms_buf_text(&line), &fd);
	cxms_buf_fini(&line);
	if (kind == CXMS_WAIT_UNKNOWN || fd < 0)
		return kind;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/fd/%d", pid, fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return kind;
	target[n] = '\0';
	return cxms_wait_of_link(target);
}
