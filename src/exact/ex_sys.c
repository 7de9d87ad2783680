/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads, what they wait for, and the address space. */
#include "ex.h"

#include "pub_tool_aspacemgr.h"
#include "pub_tool_debuginfo.h"
#include "pub_tool_libcfile.h"
#include "pub_tool_libcproc.h"
#include "pub_tool_machine.h"
#include "pub_tool_vki.h"
#include "pub_tool_vkiscnums.h"
#include "pub_tool_xarray.h"

/* The path of an open file; exported by Valgrind's core, not in the tool headers. */
extern Bool VG_(resolve_filename)(Int fd, const HChar **name);

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
#define FIONREAD	     0x541b
#define CLONE_VM	     0x00000100u
#define CLONE_SETTLS	     0x00080000u
#define CLONE_CHILD_CLEARTID 0x00200000u

/* A pipe that nobody else has. */
struct made {
	UWord fd;
	uint64_t number;
};

static struct {
	uint64_t clone_clear, clone_handle; /* of the clone that is being made */
	uint64_t brk;			    /* 0: not known yet */
	uint64_t detach;		    /* end of the segment that is being detached, or 0 */
	bool warned_requeue, is_vfork;
	bool has_forked; /* or was forked */
	XArray *made;	 /* of struct made, while it has no company */
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

/* ---- maps ---- */

static uint64_t whole_pages(uint64_t bytes)
{
	const uint64_t page = UINT64_C(1) << CXMS_XS_PAGE_SHIFT;

	return (bytes + page - 1) / page * page;
}

static uint64_t page_of(uint64_t addr)
{
	return addr >> CXMS_XS_PAGE_SHIFT;
}

static void mapped(uint64_t addr, uint64_t bytes, unsigned prot, const HChar *path)
{
	unsigned len = path ? (unsigned)VG_(strlen)(path) : 0;

	bytes = whole_pages(bytes);
	if (!bytes)
		return;
	ex_control(CXMS_XC_MAP, 64 + len);
	ex_varint(addr);
	ex_varint(bytes);
	ex_byte((uint8_t)prot);
	ex_string(path ? path : "", len);
}

static void unmapped(uint64_t addr, uint64_t bytes)
{
	bytes = whole_pages(bytes);
	if (!bytes)
		return;
	ex_wrong_forget();
	ex_run_forget();
	ex_page_forget(page_of(addr), page_of(addr + bytes - 1));
	ex_page_unshare(page_of(addr), page_of(addr + bytes - 1));
	cxms_hier_forget(&ex.hier, addr >> CXMS_XS_LINE_SHIFT,
			 (addr + bytes - 1) >> CXMS_XS_LINE_SHIFT);
	ex_control(CXMS_XC_UNMAP, 32);
	ex_varint(addr);
	ex_varint(bytes);
}

static void startup_map(Addr addr, SizeT bytes, Bool rr, Bool ww, Bool xx, ULong handle)
{
	const NSegment *segment = VG_(am_find_nsegment)(addr);
	unsigned prot =
		(rr ? VKI_PROT_READ : 0u) | (ww ? VKI_PROT_WRITE : 0u) | (xx ? VKI_PROT_EXEC : 0u);

	(void)handle;
	mapped(addr, bytes, prot, segment ? VG_(am_get_filename)(segment) : NULL);
}

static void map_file(const UWord *args, uint64_t addr)
{
	const HChar *path = NULL;

	if (args[3] & VKI_MAP_ANONYMOUS || !VG_(resolve_filename)((Int)args[4], &path))
		path = NULL;
	if (args[3] & VKI_MAP_FIXED)
		unmapped(addr, args[1]);
	mapped(addr, args[1], (unsigned)args[2] & 7, path);
	if (args[3] & VKI_MAP_SHARED && args[1])
		ex_page_share(page_of(addr), page_of(addr + args[1] - 1));
}

static void moved(uint64_t old, uint64_t now, uint64_t bytes)
{
	if (!bytes)
		return;
	ex_page_move(page_of(old), page_of(old + bytes - 1), page_of(now));
	ex_control(CXMS_XC_MOVE, 48);
	ex_varint(page_of(old));
	ex_varint(page_of(now));
	ex_varint(page_of(bytes));
}

/* What stays in its place stays mapped; what moves is the same pages under another address. */
static void remapped(uint64_t old, uint64_t old_bytes, uint64_t now, uint64_t bytes)
{
	const unsigned prot = VKI_PROT_READ | VKI_PROT_WRITE;

	old_bytes = whole_pages(old_bytes);
	bytes = whole_pages(bytes);
	if (now != old) {
		ex_page_forget(page_of(now), page_of(now + bytes - 1));
		mapped(now, bytes, prot, NULL);
		moved(old, now, old_bytes < bytes ? old_bytes : bytes);
		unmapped(old, old_bytes);
	} else if (bytes > old_bytes) {
		mapped(old + old_bytes, bytes - old_bytes, prot, NULL);
	} else {
		unmapped(old + bytes, old_bytes - bytes);
	}
}

static void attached(uint64_t addr)
{
	const NSegment *segment = VG_(am_find_nsegment)(addr);

	if (!segment)
		return;
	mapped(addr, segment->end - addr + 1, VKI_PROT_READ | VKI_PROT_WRITE, "[shm]");
	ex_page_share(page_of(addr), page_of(segment->end));
}

/* Before the call: what is attached there is known until then. */
static void detaching(uint64_t addr)
{
	const NSegment *segment = VG_(am_find_nsegment)(addr);

	sys.detach = segment && segment->start == addr ? segment->end + 1 : 0;
}

/* Nobody may read it: neither does the path behind a mispredicted branch, until it is accessed
 * again. */
static void reprotected(uint64_t addr, uint64_t bytes, uint64_t prot)
{
	bytes = whole_pages(bytes);
	if (!bytes || prot & (VKI_PROT_READ | VKI_PROT_WRITE))
		return;
	ex_run_forget();
	ex_page_forget(page_of(addr), page_of(addr + bytes - 1));
}

static void moved_brk(uint64_t now)
{
	if (sys.brk && now > sys.brk)
		mapped(sys.brk, now - sys.brk, VKI_PROT_READ | VKI_PROT_WRITE, "[heap]");
	if (sys.brk && now < sys.brk)
		unmapped(now, sys.brk - now);
	sys.brk = now;
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

/* ---- pipes ---- */

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
	return sys.has_forked || ex.opt.image > 0;
}

/* A process without company tells no inodes, which differ in each run. */
static void used_pipe(UWord fd, uint64_t bytes, enum cxms_xs_pipe what)
{
	const uint64_t number = has_company() ? pipe_of(fd) : 0;

	if (number)
		tell_pipe(number, bytes, what);
}

static void made_pipe(UWord fd)
{
	const struct made made = {fd, pipe_of(fd)};

	if (has_company()) {
		tell_pipe(made.number, 0, CXMS_XPIPE_MADE);
		return;
	}
	if (!sys.made)
		sys.made = VG_(newXA)(VG_(malloc), "cxms.pipes", VG_(free), sizeof(made));
	VG_(addToXA)(sys.made, &made);
}

/* From here on others may read and write what was made before, and what is still in it. */
static void begin_company(void)
{
	sys.has_forked = true;
	for (Word i = 0; sys.made && i < VG_(sizeXA)(sys.made); i++) {
		const struct made *made = VG_(indexXA)(sys.made, i);
		Int bytes = 0;

		if (pipe_of(made->fd) != made->number)
			continue; /* it was closed */
		tell_pipe(made->number, 0, CXMS_XPIPE_MADE);
		ex_system_call(__NR_ioctl, (long)made->fd, FIONREAD, (long)&bytes, 0);
		if (bytes > 0)
			tell_pipe(made->number, (uint64_t)bytes, CXMS_XPIPE_WRITTEN);
	}
	if (sys.made)
		VG_(deleteXA)(sys.made);
	sys.made = NULL;
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
	case __NR_shmdt:
		detaching(args[0]);
		ex_spin_forget(args[0], sys.detach ? sys.detach - args[0] : 0);
		break;
	case __NR_mmap:
		if (args[3] & VKI_MAP_FIXED)
			ex_spin_forget(args[0], args[1]);
		break;
	case __NR_munmap:
	case __NR_mremap:
	case __NR_mprotect:
	case __NR_pkey_mprotect:
		ex_spin_forget(args[0], args[1]);
		break;
	case __NR_brk:
		if (args[0] && args[0] < sys.brk)
			ex_spin_forget(args[0], sys.brk - args[0]);
		break;
	case __NR_execve:
	case __NR_execveat:
		ex_sys_end(); /* for good, if it succeeds */
		break;
	default:
		break;
	}
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
	if (failed)
		return;
	switch (number) {
	case __NR_mmap:
		map_file(args, value);
		break;
	case __NR_munmap:
		unmapped(args[0], args[1]);
		break;
	case __NR_mremap:
		remapped(args[0], args[1], value, args[2]);
		break;
	case __NR_mprotect:
	case __NR_pkey_mprotect:
		reprotected(args[0], args[1], args[2]);
		break;
	case __NR_shmat:
		attached(value);
		break;
	case __NR_shmdt:
		if (sys.detach)
			unmapped(args[0], sys.detach - args[0]);
		break;
	case __NR_wait4:
		reaped(value);
		break;
	case __NR_pipe:
	case __NR_pipe2:
		made_pipe((UWord)((const Int *)args[0])[0]);
		break;
	case __NR_write:
	case __NR_writev:
		used_pipe(args[0], value, CXMS_XPIPE_WRITTEN);
		break;
	case __NR_read:
	case __NR_readv:
		used_pipe(args[0], value, CXMS_XPIPE_READ);
		break;
	case __NR_waitid:
		reaped(told_pid(args[2]));
		break;
	case __NR_brk:
		moved_brk(value);
		break;
	default:
		break;
	}
}

/* ---- fork ---- */

static void before_fork(ThreadId tid)
{
	control_of(tid);
	begin_company();
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
	VG_(needs_syscall_wrapper)(pre_syscall, post_syscall);
	VG_(track_pre_thread_first_insn)(first_insn);
	VG_(track_new_mem_startup)(startup_map);
	VG_(track_pre_thread_ll_create)(thread_create);
	VG_(track_pre_thread_ll_exit)(thread_exit);
	VG_(track_start_client_code)(client_start);
	VG_(track_stop_client_code)(client_stop);
	VG_(track_pre_deliver_signal)(before_handler);
	VG_(atfork)(before_fork, in_parent, in_child);
}
