/* Threads that keep each other from work, in one of several ways, and read no clock:
 *
 *   meet alone|lock|robust|locks|spinlocks|flags|yields|counts|unmaps|barriers|semaphore|tasks
 *        THREADS STEPS
 *
 * Each chases STEPS lines that are its own; 'alone' nobody keeps it from that. Those of 'flags'
 * take turns, and of 'yields', 'counts' and 'unmaps', with other loops; of 'barriers' one works in
 * each round.
 */
#include <errno.h>
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAX_THREADS 16u
#define LINES	    16384u /* 1 MiB of each thread */
#define STRIDE	    6007u  /* has no divisor of LINES */
#define PARTS	    10u	   /* locks: of the work; tasks: for each thread */

struct line {
	struct line *next;
	char rest[64 - sizeof(struct line *)];
};

struct member {
	struct line *at;
	unsigned index;
	pthread_t thread;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t robust;
static sem_t two;
static unsigned n_thread, steps, taken;
static atomic_bool spinlock;
static atomic_uint turn, arrived, rounds;

static void work(struct member *m, unsigned n)
{
	while (n-- > 0)
		m->at = m->at->next;
}

static void *alone(void *arg)
{
	work(arg, steps);
	return NULL;
}

static void *in_lock(void *arg)
{
	pthread_mutex_lock(&lock);
	work(arg, steps);
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* Who has it next finds that its owner has ended. */
static void *in_robust(void *arg)
{
	if (pthread_mutex_lock(&robust) == EOWNERDEAD)
		pthread_mutex_consistent(&robust);
	work(arg, steps);
	return NULL;
}

static void *in_locks(void *arg)
{
	for (unsigned i = 0; i < PARTS; i++) {
		pthread_mutex_lock(&lock);
		work(arg, steps / PARTS);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void *in_spinlocks(void *arg)
{
	for (unsigned i = 0; i < PARTS; i++) {
		while (atomic_exchange(&spinlock, true))
			;
		work(arg, steps / PARTS);
		atomic_store(&spinlock, false);
	}
	return NULL;
}

static void spin(unsigned until)
{
	while (atomic_load(&turn) != until)
		;
}

static void yield(unsigned until)
{
	while (atomic_load(&turn) != until)
		sched_yield();
}

static void count(unsigned until)
{
	for (unsigned i = 0; atomic_load(&turn) != until; i++) {
		_mm_pause();
		if (i % 1000 == 999)
			sched_yield();
	}
}

/* Others wait while memory that is none of theirs goes. */
static void unmap(unsigned until)
{
	const size_t bytes = 65536;
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	spin(until);
	if (p != MAP_FAILED)
		munmap(p, bytes);
}

static void in_turns(struct member *m, void (*wait)(unsigned until))
{
	for (unsigned i = 0; i < PARTS; i++) {
		wait(i * n_thread + m->index);
		work(m, steps / PARTS);
		atomic_fetch_add(&turn, 1);
	}
}

static void *by_flags(void *arg)
{
	in_turns(arg, spin);
	return NULL;
}

static void *by_yields(void *arg)
{
	in_turns(arg, yield);
	return NULL;
}

static void *by_counts(void *arg)
{
	in_turns(arg, count);
	return NULL;
}

static void *by_unmaps(void *arg)
{
	in_turns(arg, unmap);
	return NULL;
}

static void meet(void)
{
	unsigned round = atomic_load(&rounds);

	if (atomic_fetch_add(&arrived, 1) + 1 == n_thread) {
		atomic_store(&arrived, 0);
		atomic_fetch_add(&rounds, 1);
		return;
	}
	while (atomic_load(&rounds) == round)
		;
}

static void *by_barriers(void *arg)
{
	const struct member *m = arg;

	for (unsigned i = 0; i < PARTS * n_thread; i++) {
		if (i % n_thread == m->index)
			work(arg, steps / PARTS);
		meet();
	}
	return NULL;
}

static void *two_at_once(void *arg)
{
	sem_wait(&two);
	work(arg, steps);
	sem_post(&two);
	return NULL;
}

static unsigned take(void)
{
	unsigned task;

	pthread_mutex_lock(&lock);
	task = taken++;
	pthread_mutex_unlock(&lock);
	return task;
}

static void *tasks(void *arg)
{
	while (take() < n_thread * PARTS)
		work(arg, steps / PARTS);
	return NULL;
}

static struct line *scattered(void)
{
	struct line *lines = aligned_alloc(64, LINES * sizeof(*lines));

	for (unsigned i = 0; lines && i < LINES; i++)
		lines[i].next = &lines[(i + STRIDE) % LINES];
	return lines;
}

/* The region of interest begins here. */
int together(void *(*run)(void *), struct member *member);

__attribute__((noinline)) int together(void *(*run)(void *), struct member *member)
{
	for (unsigned i = 0; i < n_thread; i++)
		if (pthread_create(&member[i].thread, NULL, run, &member[i]))
			return 1;
	for (unsigned i = 0; i < n_thread; i++)
		pthread_join(member[i].thread, NULL);
	return 0;
}

static void *(*way(const char *name))(void *)
{
	static const struct {
		const char *name;
		void *(*run)(void *);
	} ways[] = {{"alone", alone},	       {"lock", in_lock},	    {"robust", in_robust},
		    {"locks", in_locks},       {"spinlocks", in_spinlocks}, {"flags", by_flags},
		    {"yields", by_yields},     {"counts", by_counts},	    {"unmaps", by_unmaps},
		    {"barriers", by_barriers}, {"semaphore", two_at_once},  {"tasks", tasks}};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(name, ways[i].name) == 0)
			return ways[i].run;
	return NULL;
}

int main(int argc, char **argv)
{
	static struct member member[MAX_THREADS];
	pthread_mutexattr_t attr;
	void *(*run)(void *) = argc == 4 ? way(argv[1]) : NULL;

	if (!run)
		return 2;
	n_thread = (unsigned)atoi(argv[2]);
	steps = (unsigned)atoi(argv[3]);
	if (n_thread < 1 || n_thread > MAX_THREADS || sem_init(&two, 0, 2))
		return 2;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attr);
	for (unsigned i = 0; i < n_thread; i++) {
		member[i].at = scattered();
		member[i].index = i;
		if (!member[i].at)
			return 1;
	}
	return together(run, member);
}
