/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose turn it is. Valgrind runs one thread at a time, the one that holds its lock; which of those
 * that want the lock gets it next is decided here, by what the threads did and not by when the
 * kernel ran them.
 *
 * A decision waits until each thread either wants the lock or sleeps in the kernel: until then a
 * thread that was woken, or has just ended, might still come or wake another. Which threads want
 * the lock then follows from what the program did. The thread that went into the kernel last goes
 * on if it came back; else it is the turn of the one that has waited longest. See
 * adr/0030-whose-turn-it-is.md; how long a turn is, adr/0059-turns-are-short-where-threads-meet.md.
 */
#include "ex.h"

#include "pub_tool_libcfile.h"
#include "pub_tool_libcproc.h"
#include "pub_tool_vki.h"
#include "pub_tool_vkiscnums.h"

/* Valgrind's lock and who takes it: its core is linked with --wrap for these; not in the tool
 * headers. */
struct sched_lock;
void __real_vgPlain_acquire_BigLock(ThreadId tid, const HChar *who);
void __wrap_vgPlain_acquire_BigLock(ThreadId tid, const HChar *who);
void __real_vgPlain_release_BigLock(ThreadId tid, UInt status, const HChar *who);
void __wrap_vgPlain_release_BigLock(ThreadId tid, UInt status, const HChar *who);
struct sched_lock *__real_vgModuleLocal_create_sched_lock(void);
struct sched_lock *__wrap_vgModuleLocal_create_sched_lock(void);
void __real_vgModuleLocal_acquire_sched_lock(struct sched_lock *p);
void __wrap_vgModuleLocal_acquire_sched_lock(struct sched_lock *p);
void __real_vgModuleLocal_release_sched_lock(struct sched_lock *p);
void __wrap_vgModuleLocal_release_sched_lock(struct sched_lock *p);

/* Runs blocks of the program until its counter is 0 or something is to be done. */
void __real_vgPlain_disp_run_translations(HWord *result, volatile void *guest, Addr host_code);
void __wrap_vgPlain_disp_run_translations(HWord *result, volatile void *guest, Addr host_code);

extern Int VG_(fd_hard_limit);

/* Blocks of a turn while others want one: a hand-over is then less than 5 % of its time. */
#define TURN_BLOCKS 10000u
/* After a locked instruction: a lock that is held for longer is met by others. */
#define LOCKED_BLOCKS 10u
/* Threads may be about to meet for so many turns after one, which are short. */
#define SHORT_TURNS  100u
#define SHORT_BLOCKS 30u
/* Turns may be cut so often, and once more each TURN_BLOCKS: less than a second, and 5 %. */
#define CUTS_AT_ONCE 50000u

#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129
#define F_DUPFD_CLOEXEC	   1030

/* Looks between two pauses are free at first: a thread on another CPU comes within microseconds. */
#define SPINS	 200u
#define YIELDS	 20u
#define PAUSE_NS 50000
/* Pauses, of 50 us at least, after which a thread is taken to sleep although the kernel does not
 * say so. In an uninterruptible sleep, 1 s: disks answer sooner, and what does not may be a file
 * system that the program serves itself. Of unknown state, 5 ms. */
#define PAUSES_DISK    20000u
#define PAUSES_UNKNOWN 100u
/* Numbers that the stat files take below those Valgrind keeps, at most: half of what there is. */
#define MOST_FILES(limit) ((limit) / 2 < (Int)VG_N_THREADS ? (limit) / 2 : (Int)VG_N_THREADS)

enum turn_state { TURN_NONE, TURN_AWAY, TURN_WANTS, TURN_RUNS };

/**
 * struct turn - a thread as far as turns go
 * @in_kernel: it released the lock for a system call;  @is_new: it has not come yet
 * @is_ending: it will not come again
 * @given_up: it is taken to sleep until it comes, as it did not and the kernel does not say so
 * @wakes: the system call that it is in, or was in last, may wake others
 * @woken_by: who was in such a call when it came back from its own;  @told: the stream has that
 * @place: in the queue, 0: none yet
 * @stat: its file in /proc, -1: none;  @lwp: the kernel's number, 0: not known
 * @called: futex word: 1 = look again
 */
struct turn {
	enum turn_state state;
	bool in_kernel, is_new, is_ending, tried_stat, given_up, wakes, told;
	ThreadId woken_by;
	uint64_t place;
	int stat, lwp;
	uint32_t called;
};

/* All but @guard and the states that are polled are changed under @guard. @holder, @last: whose
 * turn it is and was, VG_INVALID_THREADID: nobody's. */
static struct {
	struct turn *of;  /* by thread number of Valgrind; NULL: there has been one thread only */
	unsigned end;	  /* numbers below this one have been used */
	unsigned waiting; /* threads that want a turn while another has it */
	volatile UInt *left; /* blocks of the turn */
	unsigned began;	     /* what that was when they began to run */
	unsigned short_ones; /* of the turns to come */
	uint64_t cuts, ran;  /* turns; blocks */
	uint64_t locked;     /* locked instructions */
	uint32_t guard;
	bool deciding;
	bool settled; /* no system call since the last decision, so nobody was woken */
	ThreadId holder, last;
	uint64_t next_place, came;
} turns;

static void lock(void)
{
	while (__atomic_exchange_n(&turns.guard, 1, __ATOMIC_ACQUIRE))
		ex_system_call(__NR_sched_yield, 0, 0, 0, 0);
}

static void unlock(void)
{
	__atomic_store_n(&turns.guard, 0, __ATOMIC_RELEASE);
}

static struct turn *mine(ThreadId *tid)
{
	int lwp = VG_(gettid)();

	for (ThreadId i = 1; i < turns.end; i++)
		if (turns.of[i].lwp == lwp) {
			*tid = i;
			return &turns.of[i];
		}
	return NULL;
}

static void call(struct turn *t)
{
	__atomic_store_n(&t->called, 1, __ATOMIC_RELEASE);
	ex_system_call(__NR_futex, (long)&t->called, FUTEX_WAKE_PRIVATE, 1, 0);
}

/* ---- who is still busy ---- */

/* Only the holder opens files: others could be about to get this number for a file of theirs. */
static void open_stat(struct turn *t)
{
	HChar path[64];
	SysRes r;
	Int fd;

	t->tried_stat = true;
	VG_(sprintf)(path, "/proc/self/task/%d/stat", t->lwp);
	r = VG_(open)(path, VKI_O_RDONLY, 0);
	if (sr_isError(r))
		return;
	fd = (Int)sr_Res(r);
	/* Above what programs use, below what Valgrind does. */
	t->stat = VG_(fcntl)(fd, F_DUPFD_CLOEXEC,
			     VG_(fd_hard_limit) - MOST_FILES(VG_(fd_hard_limit)));
	VG_(close)(fd);
}

/* What the thread's file says now. A program may have closed it, or have put a file of its own at
 * its number: that is left alone. Return: bytes of @text, or an error. */
static long read_stat(struct turn *t, HChar *text, long room)
{
	HChar head[16];
	long n;

	if (t->stat < 0)
		return -VKI_EBADF;
	n = ex_system_call(__NR_pread64, t->stat, (long)text, room - 1, 0);
	if (n == -VKI_ESRCH)
		return n;
	text[n > 0 ? n : 0] = 0;
	VG_(sprintf)(head, "%d (", t->lwp);
	if (VG_(strncmp)(text, head, VG_(strlen)(head)) == 0)
		return n;
	t->stat = -1;
	t->tried_stat = false;
	return -VKI_EBADF;
}

static void remove_turn(struct turn *t)
{
	HChar text[128];

	read_stat(t, text, sizeof(text));
	if (t->stat >= 0)
		VG_(close)(t->stat);
	*t = (struct turn){.stat = -1};
}

/* The letter of proc(5), 'X' if it is gone, '?' if nobody knows. */
static HChar kernel_state(struct turn *t)
{
	HChar text[128], *at;
	long n = read_stat(t, text, sizeof(text));

	if (n == -VKI_ESRCH)
		return 'X';
	if (n <= 0)
		return '?';
	at = VG_(strrchr)(text, ')');
	return at && at[1] == ' ' && at[2] ? at[2] : '?';
}

/* Whether a thread may still come, or wake another, of its own accord. */
static bool is_busy(struct turn *t, unsigned pauses)
{
	if (__atomic_load_n(&t->state, __ATOMIC_ACQUIRE) != TURN_AWAY || t->given_up)
		return false;
	if (t->is_new)
		return true;
	switch (kernel_state(t)) {
	case 'S':
		return t->is_ending;
	case 'X':
	case 'Z':
		return false;
	case 'D':
		t->given_up = pauses >= PAUSES_DISK;
		return !t->given_up;
	case '?':
		t->given_up = pauses >= PAUSES_UNKNOWN;
		return !t->given_up;
	default:
		return true;
	}
}

/* Waits until a thread is not busy. Return: whether it was, and has done something. */
static bool outwait(struct turn *t)
{
	static const struct vki_timespec pause = {0, PAUSE_NS};
	unsigned looks = 0;

	while (is_busy(t, looks > YIELDS ? looks - YIELDS : 0)) {
		for (unsigned i = 0; i < SPINS; i++)
			if (__atomic_load_n(&t->state, __ATOMIC_ACQUIRE) != TURN_AWAY)
				return true;
		if (++looks <= YIELDS)
			ex_system_call(__NR_sched_yield, 0, 0, 0, 0);
		else
			ex_system_call(__NR_nanosleep, (long)&pause, 0, 0, 0);
	}
	return looks > 0 && !t->given_up;
}

/*
 * A thread that was busy may have woken one that had been seen asleep, so they are gone through
 * until nothing changes twice: first the one that had the turn, which may wake others and go to
 * sleep in one call.
 */
static void settle(void)
{
	unsigned quiet = 0;

	while (quiet < 2) {
		uint64_t came = __atomic_load_n(&turns.came, __ATOMIC_ACQUIRE);
		bool changed = outwait(&turns.of[turns.last]);

		for (unsigned i = 1; i < turns.end; i++)
			changed |= outwait(&turns.of[i]);
		changed |= came != __atomic_load_n(&turns.came, __ATOMIC_ACQUIRE);
		quiet = changed ? 0 : quiet + 1;
	}
}

/* ---- decisions ---- */

/* Those that came since the last decision go into the queue by number, whoever gave up its turn
 * behind them. Return: the thread whose turn it is. */
static ThreadId next(void)
{
	struct turn *last = &turns.of[turns.last];
	ThreadId first = VG_INVALID_THREADID;

	for (ThreadId i = 1; i < turns.end; i++) {
		struct turn *t = &turns.of[i];

		if (t->is_ending && t->state == TURN_AWAY)
			remove_turn(t);
		if (t->state == TURN_WANTS && !t->place && i != turns.last)
			t->place = ++turns.next_place;
	}
	turns.waiting = 0;
	for (ThreadId i = 1; i < turns.end; i++)
		turns.waiting += turns.of[i].state == TURN_WANTS;
	turns.waiting -= turns.waiting > 0;
	if (last->state == TURN_WANTS && last->in_kernel)
		return turns.last;
	if (last->state == TURN_WANTS && !last->place)
		last->place = ++turns.next_place;
	for (ThreadId i = 1; i < turns.end; i++)
		if (turns.of[i].state == TURN_WANTS &&
		    (first == VG_INVALID_THREADID || turns.of[i].place < turns.of[first].place))
			first = i;
	return first;
}

/* Under the guard, which it drops while it waits. */
static void decide(ThreadId me)
{
	if (!turns.settled) {
		turns.deciding = true;
		turns.settled = true;
		unlock();
		settle();
		lock();
		turns.deciding = false;
	}
	turns.holder = next();
	if (turns.holder != me)
		call(&turns.of[turns.holder]);
}

/* Until all that it woke have come, no turn of a thread that is in a system call goes on. */
static void note_waker(ThreadId me, struct turn *t)
{
	const struct turn *last = &turns.of[turns.last];

	if (t->in_kernel && turns.last != me && last->in_kernel && last->wakes && !t->told)
		t->woken_by = turns.last;
}

static void take_turn(ThreadId me, struct turn *t)
{
	lock();
	if (t->state == TURN_AWAY)
		note_waker(me, t);
	if (t->state != TURN_WANTS)
		__atomic_store_n(&turns.came, turns.came + 1, __ATOMIC_RELEASE);
	t->is_new = false;
	__atomic_store_n(&t->state, TURN_WANTS, __ATOMIC_RELEASE);
	while (turns.holder != me) {
		if (turns.holder == VG_INVALID_THREADID && !turns.deciding) {
			decide(me);
			continue;
		}
		__atomic_store_n(&t->called, 0, __ATOMIC_RELEASE);
		unlock();
		ex_system_call(__NR_futex, (long)&t->called, FUTEX_WAIT_PRIVATE, 0, 0);
		lock();
	}
	t->state = TURN_RUNS;
	t->in_kernel = false;
	t->given_up = false;
	t->place = 0;
	turns.last = me;
	unlock();
	if (!t->tried_stat)
		open_stat(t);
}

/* A thread that goes on to wait in the kernel leaves the decision to one that waits for its turn.
 */
static void end_turn(ThreadId me, struct turn *t)
{
	bool comes_back = !t->in_kernel && !t->is_ending;

	lock();
	turns.holder = VG_INVALID_THREADID;
	if (comes_back)
		t->state = TURN_WANTS;
	else
		__atomic_store_n(&t->state, TURN_AWAY, __ATOMIC_RELEASE);
	for (ThreadId i = 1; i < turns.end && !comes_back; i++)
		if (i != me && turns.of[i].state == TURN_WANTS) {
			call(&turns.of[i]);
			break;
		}
	unlock();
}

/* ---- what threads do ---- */

static struct turn *add(ThreadId tid)
{
	struct turn *t = &turns.of[tid];

	remove_turn(t);
	if (turns.end <= tid)
		turns.end = tid + 1;
	return t;
}

void ex_turn_create(ThreadId parent, ThreadId child)
{
	struct turn *t;

	if (!turns.of) {
		turns.of = VG_(calloc)("cxms.turns", VG_N_THREADS, sizeof(*turns.of));
		for (unsigned i = 0; i < VG_N_THREADS; i++)
			turns.of[i].stat = -1;
		t = add(parent);
		t->lwp = VG_(gettid)();
		t->state = TURN_RUNS;
		turns.holder = turns.last = parent;
		open_stat(t);
	}
	lock();
	t = add(child);
	t->is_new = true;
	turns.waiting++;
	turns.settled = false;
	__atomic_store_n(&t->state, TURN_AWAY, __ATOMIC_RELEASE);
	unlock();
}

void ex_turn_end(ThreadId tid)
{
	if (!turns.of)
		return;
	turns.settled = false;
	if (turns.of[tid].is_new) /* a clone that failed */
		remove_turn(&turns.of[tid]);
	else
		turns.of[tid].is_ending = true;
}

void ex_turn_call(ThreadId tid, bool wakes)
{
	if (!turns.of)
		return;
	lock();
	turns.settled = false;
	turns.of[tid].wakes = wakes;
	turns.of[tid].told = false;
	turns.of[tid].woken_by = VG_INVALID_THREADID;
	unlock();
}

ThreadId ex_turn_thread(int lwp)
{
	ThreadId found = VG_INVALID_THREADID;

	lock();
	for (unsigned i = 1; i < turns.end; i++)
		if (turns.of[i].lwp == lwp)
			found = i;
	unlock();
	return found;
}

ThreadId ex_turn_signalled(int lwp)
{
	ThreadId found = VG_INVALID_THREADID;

	if (!turns.of)
		return found;
	lock();
	for (ThreadId i = 1; i < turns.end && found == VG_INVALID_THREADID; i++)
		if (turns.of[i].lwp == lwp && turns.of[i].state == TURN_AWAY)
			found = i;
	if (found != VG_INVALID_THREADID)
		turns.of[found].told = true;
	unlock();
	return found;
}

bool ex_turn_wakes(ThreadId tid, ThreadId to)
{
	bool woken;

	if (!turns.of)
		return false;
	lock();
	woken = turns.of[to].woken_by == tid;
	if (woken) {
		turns.of[to].woken_by = VG_INVALID_THREADID;
		turns.of[to].told = true;
	}
	unlock();
	return woken;
}

bool ex_turn_was_woken(ThreadId tid)
{
	bool told;

	if (!turns.of)
		return false;
	lock();
	told = turns.of[tid].told;
	turns.of[tid].told = false;
	unlock();
	return told;
}

void __wrap_vgPlain_acquire_BigLock(ThreadId tid, const HChar *who)
{
	if (turns.of && turns.of[tid].is_new) {
		lock();
		turns.of[tid].lwp = VG_(gettid)();
		unlock();
	}
	__real_vgPlain_acquire_BigLock(tid, who);
}

/* Called for system calls; that a turn is over tells the lock alone. */
void __wrap_vgPlain_release_BigLock(ThreadId tid, UInt status, const HChar *who)
{
	if (turns.of) {
		turns.of[tid].in_kernel = true;
		turns.settled = false;
	}
	__real_vgPlain_release_BigLock(tid, status, who);
}

/* Valgrind's lock follows the turns, and nobody else wants it. */
void __wrap_vgModuleLocal_acquire_sched_lock(struct sched_lock *p)
{
	ThreadId me;
	struct turn *t = turns.of ? mine(&me) : NULL;

	if (t)
		take_turn(me, t);
	__real_vgModuleLocal_acquire_sched_lock(p);
}

void __wrap_vgModuleLocal_release_sched_lock(struct sched_lock *p)
{
	ThreadId me;
	struct turn *t = turns.of ? mine(&me) : NULL;

	__real_vgModuleLocal_release_sched_lock(p);
	if (t)
		end_turn(me, t);
}

/* ---- how long a turn is ---- */

/* Once the turn has no more than @blocks, it is over. */
static void shorten(unsigned blocks)
{
	if (*turns.left <= blocks)
		return;
	turns.began -= *turns.left - blocks;
	*turns.left = blocks;
}

/* As shorten(), if the turns that were cut so far left time for it. */
static bool cut(unsigned blocks)
{
	if (*turns.left <= blocks || turns.cuts >= CUTS_AT_ONCE + turns.ran / TURN_BLOCKS)
		return false;
	turns.cuts++;
	shorten(blocks);
	return true;
}

/* The counter is Valgrind's, which hands what is left of it on from one call to the next. It ends
 * below 0 if the turn is over. */
void __wrap_vgPlain_disp_run_translations(HWord *result, volatile void *guest, Addr host_code)
{
	volatile VexGuestAMD64State *state = guest;

	turns.left = &state->host_EvC_COUNTER;
	turns.began = *turns.left;
	if (turns.waiting) {
		if (turns.short_ones && cut(SHORT_BLOCKS))
			turns.short_ones--;
		shorten(TURN_BLOCKS);
	}
	__real_vgPlain_disp_run_translations(result, guest, host_code);
	turns.ran += turns.began - ((Int)*turns.left > 0 ? *turns.left : 0);
}

void ex_turn_locked(uint64_t address)
{
	if (ex.spins)
		return;
	ex.thread->locked = address;
	ex.thread->locked_at = ++turns.locked;
	ex.calm = 1;
	if (!turns.waiting)
		return;
	turns.short_ones = SHORT_TURNS;
	cut(LOCKED_BLOCKS);
}

void ex_turn_over(void)
{
	if (turns.waiting)
		shorten(0);
}

/* At the start, and again in a forked child, which has one thread. */
struct sched_lock *__wrap_vgModuleLocal_create_sched_lock(void)
{
	for (unsigned i = 1; i < turns.end; i++)
		remove_turn(&turns.of[i]);
	VG_(free)(turns.of);
	turns.of = NULL;
	turns.end = 0;
	turns.waiting = 0;
	turns.guard = 0;
	turns.deciding = false;
	turns.settled = false;
	return __real_vgModuleLocal_create_sched_lock();
}
