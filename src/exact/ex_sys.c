/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads and processes: how they begin and end, and what they wait for. */
#include "ex.h"

#include "pub_tool_aspacemgr.h"
#include "pub_tool_debuginfo.h"
#include "pub_tool_libcfile.h"
#include "pub_tool_libcproc.h"
#include "pub_tool_machine.h"
#include "pub_tool_vki.h"
#include "pub_tool_vkiscnums.h"
#include "pub_tool_xarray.h"

/* Futex operations, from the kernel's interface. */
enum {
	FUTEX_PRIVATE = 128,
	FUTEX_COMMAND = 127, /* without the private and clock flags */
	FUTEX_WAIT = 0,
	FUTEX_WAKE = 1,
	FUTEX_REQUEUE = 3,
	FUTEX_CMP_REQUEUE = 4,
	FUTEX_WAKE_OP = 5,
	FUTEX_LOCK_PI = 6,
	FUTEX_UNLOCK_PI = 7,
	FUTEX_WAIT_BITSET = 9,
	FUTEX_WAKE_BITSET = 10,
	FUTEX_WAIT_REQUEUE_PI = 11,
	FUTEX_CMP_REQUEUE_PI = 12,
	FUTEX_LOCK_PI2 = 13
};
#define FUTEX_TID	     0x3fffffffu
#define ROBUST_MOST	     2048u /* as the kernel's ROBUST_LIST_LIMIT */
#define CLONE_VM	     0x00000100u
#define CLONE_THREAD	     0x00010000u
#define CLONE_SETTLS	     0x00080000u
#define CLONE_CHILD_CLEARTID 0x00200000u

static struct {
	uint64_t clone_clear, clone_handle; /* of the clone that is being made */
	bool warned_requeue, is_vfork;
	Int user; /* with whom this image began */
} sys;

static void control_of(ThreadId tid)
{
	if (tid < VG_N_THREADS && ex.thread_of[tid])
		ex.thread = ex.thread_of[tid];
}

/*
 * A futex as the stream names it: one of this process alone, unless it may lie in shared memory. At
 * the end of a thread the kernel wakes as if it did; the word is of the thread's own memory.
 */
static uint64_t futex_of(uint64_t addr, uint64_t operation)
{
	if (operation & FUTEX_PRIVATE)
		return addr | CXMS_XS_PRIVATE;
	for (unsigned i = 0; i < VG_N_THREADS; i++)
		if (ex.thread_of[i] && ex.thread_of[i]->clear == addr)
			return addr | CXMS_XS_PRIVATE;
	return addr;
}

static void wait_for(struct ex_thread *t, uint64_t addr)
{
	t->waits_on = addr;
	ex_control(CXMS_XC_WAIT, 16);
	ex_varint(addr);
}

/* @most: how many it wakes at most, in the order in which they went to sleep */
static void wake(uint64_t addr, uint64_t most)
{
	ex_control(CXMS_XC_WAKE_SOME, 32);
	ex_varint(addr);
	ex_varint(most);
}

static void wake_all(uint64_t addr)
{
	ex_control(CXMS_XC_WAKE, 16);
	ex_varint(addr);
}

/*
 * Is it a barrier that lets all go? Its last thread did not sleep, but comes behind the others in
 * time too. libgomp wakes all at barriers, and hardly elsewhere; its functions have no symbols.
 */
static bool is_barrier(ThreadId tid, uint64_t most)
{
	const Addr at = VG_(get_IP)(tid);
	const HChar *name;

	if (most < INT32_MAX)
		return false;
	if (VG_(get_objname)(VG_(current_DiEpoch)(), at, &name) && VG_(strstr)(name, "/libgomp."))
		return true;
	return VG_(get_fnname)(VG_(current_DiEpoch)(), at, &name) &&
	       VG_(strstr)(name, "barrier_wait");
}

static void wake_of_thread(ThreadId tid, uint64_t addr, uint64_t most)
{
	if (is_barrier(tid, most)) {
		ex_control(CXMS_XC_MEET, 16);
		ex_varint(addr);
	}
	wake(addr, most);
}

/* As the kernel takes the number: of fewer than one, one. */
static uint64_t number_woken(UWord asked)
{
	return (Int)asked > 0 ? (uint64_t)asked : 1;
}

/* ---- threads ---- */

static void thread_create(ThreadId parent, ThreadId child)
{
	struct ex_thread *t;

	if (parent == VG_INVALID_THREADID) /* the first: it exists already */
		return;
	ex_turn_create(parent, child);
	control_of(parent);
	t = ex_thread_new();
	if (ex.thread_of[child] != ex.thread)
		VG_(free)(ex.thread_of[child]); /* of one that ended */
	ex.thread_of[child] = t;
	t->clear = sys.clone_clear;
	t->handle = sys.clone_handle;
	sys.clone_clear = sys.clone_handle = 0;
	ex_join_begun(t);
	ex_control(CXMS_XC_CLONE, 16);
	ex_varint(t->number);
}

static bool read_words(uint64_t at, uint64_t *word, unsigned n)
{
	if (!VG_(am_is_valid_for_client)(at, n * sizeof(*word), VKI_PROT_READ))
		return false;
	VG_(memcpy)(word, (const void *)(Addr)at, n * sizeof(*word));
	return true;
}

/* The kernel wakes one sleeper of each robust lock that a thread leaves locked at its end. The list
 * is circular: words of its head are the first entry, and how far the lock is behind an entry. */
static void wake_robust(uint64_t list)
{
	const uint32_t self = (uint32_t)ex_system_call(__NR_gettid, 0, 0, 0, 0);
	uint64_t head[2], entry, next;

	if (!list || !read_words(list, head, 2))
		return;
	entry = head[0] & ~UINT64_C(1);
	for (unsigned i = 0; i < ROBUST_MOST && entry != list; i++, entry = next & ~UINT64_C(1)) {
		const uint64_t futex = entry + head[1];
		uint64_t value;

		if (!read_words(entry, &next, 1) || !read_words(futex & ~UINT64_C(7), &value, 1))
			return;
		if (((uint32_t)(value >> (futex & 4) * 8) & FUTEX_TID) == self)
			wake(futex, 1);
	}
}

static void thread_exit(ThreadId tid)
{
	struct ex_thread *t = ex.thread_of[tid];

	ex_turn_end(tid);
	if (!t)
		return;
	control_of(tid);
	wake_robust(t->robust);
	if (t->clear)
		wake(t->clear | CXMS_XS_PRIVATE, 1);
	ex_spin_end(t);
	ex_control(CXMS_XC_EXIT, 16);
	ex_varint(t->number);
	ex_join_ended(t);
}

static void client_start(ThreadId tid, ULong blocks)
{
	(void)blocks;
	ex.thread = ex.thread_of[tid];
	ex_spin_start();
}

static void client_stop(ThreadId tid, ULong blocks)
{
	(void)blocks;
	if (ex.pending)
		ex_settle(VG_(get_IP)(tid));
}

/* Before the handler takes over: a fault leaves a block at the instruction that could not complete.
 */
static void before_handler(ThreadId tid, Int signal, Bool alt_stack)
{
	(void)signal;
	(void)alt_stack;
	client_stop(tid, 0);
}

/* ---- system calls ---- */

static void pre_futex(ThreadId tid, struct ex_thread *t, const UWord *args)
{
	const uint64_t word = futex_of(args[0], args[1]), other = futex_of(args[4], args[1]);

	switch (args[1] & FUTEX_COMMAND) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
	case FUTEX_WAIT_REQUEUE_PI:
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		wait_for(t, word);
		break;
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
	case FUTEX_CMP_REQUEUE_PI:
		if (!sys.warned_requeue)
			ex_warn("futex requeue: its sleepers are taken for woken");
		sys.warned_requeue = true;
		wake_all(word);
		wake_all(other);
		break;
	case FUTEX_WAKE_OP:
		wake(word, number_woken(args[2]));
		wake(other, number_woken(args[3]));
		break;
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
		wake_of_thread(tid, word, number_woken(args[2]));
		break;
	case FUTEX_UNLOCK_PI:
		wake(word, 1);
		break;
	default:
		break;
	}
}

static void put_counts(void)
{
	ex_count_blocks();
	if (ex.timed)
		ex.count[CXMS_XN_TIMED_INSNS] += ex.count[CXMS_XN_INSNS] - ex.timed_from;
	ex.timed_from = ex.count[CXMS_XN_INSNS];
	ex.count[CXMS_XN_WRITEBACK] = ex.hier.writeback;
	ex.count[CXMS_XN_PREFETCH] = ex.hier.prefetched;
	ex_control(CXMS_XC_COUNTS, 16 + 10 * CXMS_XN_COUNT);
	ex_varint(CXMS_XN_COUNT);
	for (unsigned i = 0; i < CXMS_XN_COUNT; i++)
		ex_varint(ex.count[i]);
}

/* A parent that waited for a child's end goes on after it. */
static void reaped(uint64_t pid)
{
	if (!pid)
		return;
	ex_control(CXMS_XC_RESUME, 16);
	ex_varint(CXMS_XS_PROCESS | pid);
	ex_byte(1);
}

/* The pid that waitid() tells in its siginfo_t; 0: nobody's. */
static uint64_t told_pid(uint64_t info)
{
	const vki_siginfo_t *told = (const vki_siginfo_t *)(Addr)info;

	if (!told || !VG_(am_is_valid_for_client)(info, sizeof(*told), VKI_PROT_READ))
		return 0;
	return (uint64_t)told->_sifields._sigchld._pid;
}

void ex_sys_end(void)
{
	ex_settle(0);
	if (ex.hier.lost)
		ex_warn("%llu events did not fit and are missing", (ULong)ex.hier.lost);
	put_counts();
	ex_out_flush();
}

/* seccomp(2), prctl(2) */
#define EX_PR_SET_SECCOMP      22
#define EX_SECCOMP_MODE_STRICT 1
#define EX_SECCOMP_SET_STRICT  0
#define EX_SECCOMP_SET_FILTER  1

/* A filter holds for Valgrind and for us too: what is told later may never arrive. A probe, which
 * names no filter, sets none. */
static void limited(bool is_strict, UWord filter)
{
	if (!is_strict && !filter)
		return;
	ex_warn("the program limits its system calls (seccomp), and so those of Valgrind: it may "
		"have ended there");
	ex_sys_end();
}

static void pre_limit(UInt number, const UWord *args)
{
	if (number == __NR_prctl && args[0] == EX_PR_SET_SECCOMP)
		limited(args[1] == EX_SECCOMP_MODE_STRICT, args[2]);
	else if (number == __NR_seccomp && args[0] <= EX_SECCOMP_SET_FILTER)
		limited(args[0] == EX_SECCOMP_SET_STRICT, args[2]);
}

static void pre_syscall(ThreadId tid, UInt number, UWord *args, UInt n)
{
	struct ex_thread *t = ex.thread_of[tid];

	if (!t)
		return;
	(void)n;
	control_of(tid);
	if (ex.timed) {
		ex_control(CXMS_XC_SYSCALL, 16);
		ex_varint(number);
	}
	ex_woken_enter(tid, number, args);
	ex_spin_call(number);
	ex_map_enter(number, args);
	switch (number) {
	case __NR_futex:
		pre_futex(tid, t, args);
		break;
	case __NR_clone:
		sys.clone_clear = args[0] & CLONE_CHILD_CLEARTID ? args[3] : 0;
		sys.clone_handle = args[0] & CLONE_SETTLS ? args[4] : 0;
		sys.is_vfork = args[0] & CLONE_VM;
		break;
	case __NR_vfork:
		sys.is_vfork = true;
		break;
	case __NR_fork:
		sys.is_vfork = false;
		break;
	case __NR_set_robust_list:
		t->robust = args[0];
		break;
	case __NR_set_tid_address:
		t->clear = args[0];
		break;
	case __NR_prctl:
	case __NR_seccomp:
		pre_limit(number, args);
		break;
	case __NR_execve:
	case __NR_execveat:
		ex_sys_end(); /* for good, if it succeeds */
		if (ex_out_is_unread() || VG_(geteuid)() != sys.user)
			ex_log_nowhere();
		break;
	default:
		break;
	}
	ex_pipe_sleeps(number, args);
}

static void post_syscall(ThreadId tid, UInt number, UWord *args, UInt n, SysRes result)
{
	struct ex_thread *t = ex.thread_of[tid];
	bool failed = sr_isError(result);
	uint64_t value = failed ? 0 : sr_Res(result);

	(void)n;
	if (!t)
		return;
	control_of(tid);
	ex_woken_leave(tid, number, failed ? -(long)sr_Err(result) : (long)value);
	if (number == __NR_futex && t->waits_on) {
		ex_control(CXMS_XC_RESUME, 16);
		ex_varint(t->waits_on);
		ex_byte(!failed);
		t->waits_on = 0;
	}
	if (failed) {
		ex_map_refused(number, args);
		if (number == __NR_execve || number == __NR_execveat)
			ex_out_goes_on();
		return;
	}
	ex_map_leave(number, args, value);
	switch (number) {
	case __NR_clone:
		if (!(args[0] & CLONE_THREAD))
			ex_pipe_forked(value);
		break;
	case __NR_fork:
	case __NR_vfork:
		ex_pipe_forked(value);
		break;
	case __NR_wait4:
		reaped(value);
		break;
	case __NR_pipe:
	case __NR_pipe2:
		ex_pipe_made((UWord)((const Int *)args[0])[0]);
		break;
	case __NR_write:
	case __NR_writev:
		ex_pipe_used(args[0], value, CXMS_XPIPE_WRITTEN);
		break;
	case __NR_read:
	case __NR_readv:
		ex_pipe_used(args[0], value, CXMS_XPIPE_READ);
		break;
	case __NR_waitid:
		reaped(told_pid(args[2]));
		break;
	default:
		break;
	}
}

/* ---- fork ---- */

static void before_fork(ThreadId tid)
{
	control_of(tid);
	ex_pipe_company();
	ex_out_before_fork();
}

static void in_parent(ThreadId tid)
{
	(void)tid;
	ex_out_after_fork();
}

static void in_child(ThreadId tid)
{
	struct ex_thread *t = ex.thread_of[tid];

	for (unsigned i = 0; i < VG_N_THREADS; i++)
		if (i != tid)
			ex.thread_of[i] = NULL;
	ex_count_blocks();
	for (unsigned i = 0; i < CXMS_XN_COUNT; i++)
		ex.count[i] = 0;
	ex.timed_from = 0;
	ex.hier.writeback = ex.hier.prefetched = ex.hier.lost = 0;
	cxms_hier_clean(&ex.hier); /* the parent's lines, which it writes back */
	if (!sys.is_vfork)
		ex_page_forked();
	ex.thread = t;
	ex_spin_forked();
	ex_out_close();
	ex_out_open(0, true);
	ex_time_restart();
}

/* elf(5): entries of the auxiliary vector. */
#define EX_AT_NULL   0
#define EX_AT_RANDOM 25

/*
 * Sixteen random bytes of the kernel's lie on the initial stack; canaries and hash seeds come from
 * them. They are made the same in every run, so that a run can be repeated. The stack then holds
 * the argument count, the arguments, NULL, the environment, NULL, and pairs of words.
 */
static void first_insn(ThreadId tid)
{
	const UWord *word = (const UWord *)VG_(get_SP)(tid);

	if (ex.n_thread > 1)
		return;
	word += 1 + word[0] + 1;
	while (*word++)
		;
	for (; word[0] != EX_AT_NULL; word += 2)
		if (word[0] == EX_AT_RANDOM && word[1])
			VG_(memset)((void *)word[1], 0x5a, 16);
}

void ex_sys_init(void)
{
	sys.user = VG_(geteuid)();
	VG_(needs_syscall_wrapper)(pre_syscall, post_syscall);
	VG_(track_pre_thread_first_insn)(first_insn);
	VG_(track_new_mem_startup)(ex_map_startup);
	VG_(track_pre_thread_ll_create)(thread_create);
	VG_(track_pre_thread_ll_exit)(thread_exit);
	VG_(track_start_client_code)(client_start);
	VG_(track_stop_client_code)(client_stop);
	VG_(track_pre_deliver_signal)(before_handler);
	VG_(atfork)(before_fork, in_parent, in_child);
}
