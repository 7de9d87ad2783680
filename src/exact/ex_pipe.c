/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes that are not alone: who made, wrote to and read from which pipe, as soon as another
 * process may be at its other end; and what is told before a sleep. */
#include "ex.h"

#include "pub_tool_libcfile.h"
#include "pub_tool_vki.h"
#include "pub_tool_vkiscnums.h"
#include "pub_tool_xarray.h"

#define FIONREAD	   0x541b
#define EX_NR_EPOLL_PWAIT2 441 /* Linux 5.11; Valgrind 3.19 does not name it */
#define EX_F_OFD_SETLKW	   38
/* poll(2) */
#define EX_POLLIN  1
#define EX_POLLOUT 4

/* A pipe that nobody else has. */
struct made {
	UWord fd;
	uint64_t number;
};

static struct {
	bool has_forked; /* or was forked */
	XArray *made;	 /* of struct made, while it has no company */
} pipes;

/* Told at once: who reads may be another process, which waits for this. */
static void tell_pipe(uint64_t number, uint64_t bytes, enum cxms_xs_pipe what)
{
	ex_control(CXMS_XC_PIPE, 32);
	ex_varint(number);
	ex_varint(bytes);
	ex_byte((uint8_t)what);
	if (what == CXMS_XPIPE_WRITTEN)
		ex_out_flush();
}

/* The number of its inode; 0: it is none. */
static uint64_t pipe_of(UWord fd)
{
	struct vg_stat stat;

	return VG_(fstat)((Int)fd, &stat) || !VKI_S_ISFIFO(stat.mode) ? 0 : stat.ino;
}

static bool has_company(void)
{
	return pipes.has_forked || ex.opt.image > 0;
}

/* A process without company tells no inodes, which differ in each run. */
void ex_pipe_used(UWord fd, uint64_t bytes, enum cxms_xs_pipe what)
{
	const uint64_t number = has_company() ? pipe_of(fd) : 0;

	if (number)
		tell_pipe(number, bytes, what);
}

void ex_pipe_made(UWord fd)
{
	const struct made made = {fd, pipe_of(fd)};

	if (has_company()) {
		tell_pipe(made.number, 0, CXMS_XPIPE_MADE);
		return;
	}
	if (!pipes.made)
		pipes.made = VG_(newXA)(VG_(malloc), "cxms.pipes", VG_(free), sizeof(made));
	VG_(addToXA)(pipes.made, &made);
}

/* From here on others may read and write what was made before, and what is still in it. */
void ex_pipe_company(void)
{
	pipes.has_forked = true;
	for (Word i = 0; pipes.made && i < VG_(sizeXA)(pipes.made); i++) {
		const struct made *made = VG_(indexXA)(pipes.made, i);
		Int bytes = 0;

		if (pipe_of(made->fd) != made->number)
			continue; /* it was closed */
		tell_pipe(made->number, 0, CXMS_XPIPE_MADE);
		ex_system_call(__NR_ioctl, (long)made->fd, FIONREAD, (long)&bytes, 0);
		if (bytes > 0)
			tell_pipe(made->number, (uint64_t)bytes, CXMS_XPIPE_WRITTEN);
	}
	if (pipes.made)
		VG_(deleteXA)(pipes.made);
	pipes.made = NULL;
}

/* Told at once: others wait for what the parent does now. Of one that is not timed no sleep is
 * told, so nobody is to wait for it. */
void ex_pipe_forked(uint64_t pid)
{
	if (!pid || !ex.timed)
		return;
	ex_control(CXMS_XC_FORKED, 16);
	ex_varint(pid);
	ex_out_flush();
}

/* Would a call that reads or writes find nothing to read, or no room? */
static bool would_sleep(UWord fd, int16_t events)
{
	struct {
		int fd;
		int16_t events, found;
	} ask = {(int)fd, events, 0};

	return ex_system_call(__NR_poll, (long)&ask, 1, 0, 0) == 0;
}

static bool may_sleep(UInt number, const UWord *args)
{
	switch (number) {
	case __NR_read:
	case __NR_readv:
	case __NR_recvfrom:
	case __NR_recvmsg:
	case __NR_recvmmsg:
	case __NR_accept:
	case __NR_accept4:
		return would_sleep(args[0], EX_POLLIN);
	case __NR_write:
	case __NR_writev:
	case __NR_sendto:
	case __NR_sendmsg:
	case __NR_sendmmsg:
		return would_sleep(args[0], EX_POLLOUT);
	case __NR_fcntl:
		return args[1] == VKI_F_SETLKW || args[1] == EX_F_OFD_SETLKW;
	case __NR_open: /* a named pipe */
	case __NR_openat:
	case __NR_flock:
	case __NR_splice:
	case __NR_tee:
	case __NR_msgrcv:
	case __NR_msgsnd:
	case __NR_semop:
	case __NR_semtimedop:
	case __NR_futex:
	case __NR_wait4:
	case __NR_waitid:
	case __NR_pause:
	case __NR_nanosleep:
	case __NR_clock_nanosleep:
	case __NR_poll:
	case __NR_ppoll:
	case __NR_select:
	case __NR_pselect6:
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
	case EX_NR_EPOLL_PWAIT2:
	case __NR_rt_sigsuspend:
	case __NR_rt_sigtimedwait:
		return true;
	default:
		return false;
	}
}

/* Where others run on, what this one did before is not held back until it comes again. */
void ex_pipe_sleeps(UInt number, const UWord *args)
{
	if (has_company() && may_sleep(number, args))
		ex_out_flush();
}
