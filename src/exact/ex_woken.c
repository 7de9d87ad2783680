/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which thread's system call had another come back from the kernel: through a pipe, an eventfd, a
 * socket, a signal. What a call causes shows before the call is over (ex_turn.c), so who came
 * meanwhile was woken by it. Who finds bytes there already has not slept, and is behind nobody.
 */
#include "ex.h"

#include "pub_tool_vki.h"
#include "pub_tool_vkiscnums.h"

/* A call that may let another thread of the process go on. Futexes and ends tell by themselves. */
static bool wakes(UInt number)
{
	switch (number) {
	case __NR_write:
	case __NR_writev:
	case __NR_sendto:
	case __NR_sendmsg:
	case __NR_sendmmsg:
	case __NR_splice:
	case __NR_tee:
	case __NR_vmsplice:
	case __NR_msgsnd:
	case __NR_semop:
	case __NR_kill:
	case __NR_tkill:
	case __NR_tgkill:
		return true;
	default:
		return false;
	}
}

/* A call that sleeps until others have done something. Sleeps by the clock do not. */
static bool waits(UInt number)
{
	switch (number) {
	case __NR_read:
	case __NR_readv:
	case __NR_recvfrom:
	case __NR_recvmsg:
	case __NR_recvmmsg:
	case __NR_accept:
	case __NR_accept4:
	case __NR_splice:
	case __NR_tee:
	case __NR_poll:
	case __NR_ppoll:
	case __NR_select:
	case __NR_pselect6:
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
	case __NR_rt_sigtimedwait:
	case __NR_msgrcv:
	case __NR_semop:
	case __NR_semtimedop:
		return true;
	default:
		return false;
	}
}

static uint64_t name_of(const struct ex_thread *t)
{
	return CXMS_XS_THREAD | t->number;
}

static void tell_woken(const struct ex_thread *t)
{
	ex_control(CXMS_XC_WAKE_SOME, 32);
	ex_varint(name_of(t));
	ex_varint(1);
}

/* A signal to one thread goes out with the turn kept: who it reaches has not come by its end. */
void ex_woken_enter(ThreadId tid, UInt number, const UWord *args)
{
	ThreadId to;
	int lwp;

	ex_turn_call(tid, wakes(number));
	if (number != __NR_tkill && number != __NR_tgkill)
		return;
	lwp = (int)args[number == __NR_tgkill];
	to = ex_turn_thread(lwp);
	if (to != VG_INVALID_THREADID && ex.thread_of[to])
		ex_spin_signalled(ex.thread_of[to]);
	to = ex_turn_signalled(lwp);
	if (to != VG_INVALID_THREADID && ex.thread_of[to])
		tell_woken(ex.thread_of[to]);
}

/* @result: negative: an error;  0: nothing came before the time was over, or the end of a file */
void ex_woken_leave(ThreadId tid, UInt number, long result)
{
	bool is_woken = ex_turn_was_woken(tid);

	if (wakes(number))
		for (ThreadId to = 1; to < VG_N_THREADS; to++)
			if (ex.thread_of[to] && ex_turn_wakes(tid, to))
				tell_woken(ex.thread_of[to]);
	if (!is_woken ||
	    !((waits(number) && result > 0) || (number != __NR_futex && result == -VKI_EINTR)))
		return;
	ex_control(CXMS_XC_RESUME, 16);
	ex_varint(name_of(ex.thread_of[tid]));
	ex_byte(1);
}
