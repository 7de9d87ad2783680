/* Threads that work together in one of several ways, and read no clock:
 *
 *   crew alone|pool|pipe|barrier|spin|ends|closes THREADS
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_THREADS 16u
#define WORDS	    (1u << 13) /* 64 KiB of each thread: eight fill the LLC of the test twice */
#define ROUNDS	    8u

struct crew {
	unsigned n;
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	unsigned queued, taken, finished;
	pthread_barrier_t barrier;
	int fd[2];
	atomic_uint turn;
	uint64_t *words, sum;
};

struct member {
	struct crew *crew;
	unsigned index;
};

static uint64_t fill_and_sum(struct crew *c, unsigned index, unsigned round)
{
	uint64_t *w = c->words + (size_t)index * WORDS, sum = 0;

	for (unsigned i = 0; i < WORDS; i++)
		w[i] = (uint64_t)i * (round + 1) + index;
	for (unsigned i = 0; i < WORDS; i++)
		sum += w[i * 17u % WORDS];
	return sum;
}

static void add(struct crew *c, uint64_t sum)
{
	pthread_mutex_lock(&c->lock);
	c->sum += sum;
	pthread_mutex_unlock(&c->lock);
}

static void *alone(void *arg)
{
	struct member *m = arg;

	for (unsigned r = 0; r < ROUNDS; r++)
		m->crew->words[(size_t)m->index * WORDS] = fill_and_sum(m->crew, m->index, r);
	return NULL;
}

/* Takes pieces of work, of different lengths, from a common heap. */
static void *pool(void *arg)
{
	struct member *m = arg;
	struct crew *c = m->crew;
	uint64_t sum = 0;

	pthread_mutex_lock(&c->lock);
	while (c->taken < ROUNDS * c->n) {
		if (c->queued == c->taken) {
			pthread_cond_wait(&c->work, &c->lock);
			continue;
		}
		unsigned piece = c->taken++;
		pthread_mutex_unlock(&c->lock);
		for (unsigned i = 0; i <= piece % 3; i++)
			sum += fill_and_sum(c, m->index, piece);
		pthread_mutex_lock(&c->lock);
		c->finished++;
		pthread_cond_signal(&c->done);
	}
	c->sum += sum;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* The first gives pieces out, and not too many at a time. */
static void give_out(struct crew *c)
{
	pthread_mutex_lock(&c->lock);
	while (c->queued < ROUNDS * c->n) {
		while (c->queued - c->finished >= c->n + 1)
			pthread_cond_wait(&c->done, &c->lock);
		c->queued++;
		pthread_cond_signal(&c->work);
	}
	pthread_mutex_unlock(&c->lock);
}

/* Every second thread writes what the others read. */
static void *through_pipe(void *arg)
{
	struct member *m = arg;
	uint64_t sum = 0;

	for (unsigned r = 0; r < ROUNDS; r++) {
		if (m->index % 2) {
			if (read(m->crew->fd[0], &sum, sizeof(sum)) != sizeof(sum))
				exit(1);
			sum += fill_and_sum(m->crew, (unsigned)sum % m->crew->n, r);
		} else {
			sum = fill_and_sum(m->crew, m->index, r);
			if (write(m->crew->fd[1], &sum, sizeof(sum)) != sizeof(sum))
				exit(1);
		}
	}
	add(m->crew, sum);
	return NULL;
}

static void *in_step(void *arg)
{
	struct member *m = arg;

	for (unsigned r = 0; r < ROUNDS; r++) {
		/* another share each time, so that nobody is always last */
		for (unsigned i = 0; i <= (m->index + r) % 3; i++)
			add(m->crew, fill_and_sum(m->crew, (m->index + r) % m->crew->n, r));
		pthread_barrier_wait(&m->crew->barrier);
	}
	return NULL;
}

/* Turns are waited for without a call of the kernel. */
static void *spin(void *arg)
{
	struct member *m = arg;

	for (unsigned r = 0; r < ROUNDS; r++) {
		while (atomic_load(&m->crew->turn) % m->crew->n != m->index)
			;
		m->crew->sum += fill_and_sum(m->crew, m->index, r);
		atomic_fetch_add(&m->crew->turn, 1);
	}
	return NULL;
}

static void *nothing(void *arg)
{
	struct member *m = arg;

	m->crew->words[m->index] = fill_and_sum(m->crew, m->index, 0);
	return NULL;
}

/* Threads that end, and others in their places. */
static void *ends(void *arg)
{
	pthread_t inner;

	for (unsigned r = 0; r < ROUNDS / 2; r++)
		if (pthread_create(&inner, NULL, nothing, arg) || pthread_join(inner, NULL))
			exit(1);
	return NULL;
}

/* The first closes every descriptor it may have, as programs do that start others; all go on. */
static void *closes(void *arg)
{
	struct member *m = arg;

	if (m->index == 0)
		for (int fd = STDERR_FILENO + 1; fd < (int)sysconf(_SC_OPEN_MAX); fd++)
			close(fd);
	for (unsigned r = 0; r < ROUNDS; r++) {
		in_step(arg);
		usleep(1);
	}
	return NULL;
}

static void *(*role(const char *name))(void *)
{
	static const struct {
		const char *name;
		void *(*run)(void *);
	} roles[] = {{"alone", alone}, {"pool", pool}, {"pipe", through_pipe}, {"barrier", in_step},
		     {"spin", spin},   {"ends", ends}, {"closes", closes}};

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(name, roles[i].name) == 0)
			return roles[i].run;
	return NULL;
}

int main(int argc, char **argv)
{
	static struct crew c = {.lock = PTHREAD_MUTEX_INITIALIZER,
				.work = PTHREAD_COND_INITIALIZER,
				.done = PTHREAD_COND_INITIALIZER};
	struct member member[MAX_THREADS];
	pthread_t thread[MAX_THREADS];
	void *(*run)(void *) = argc == 3 ? role(argv[1]) : NULL;

	c.n = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
	if (!run || c.n < 1 || c.n > MAX_THREADS)
		return 2;
	c.words = calloc((size_t)c.n * WORDS, sizeof(*c.words));
	if (!c.words || pipe(c.fd) || pthread_barrier_init(&c.barrier, NULL, c.n))
		return 1;
	for (unsigned i = 0; i < c.n; i++) {
		member[i] = (struct member){&c, i};
		if (pthread_create(&thread[i], NULL, run, &member[i]))
			return 1;
	}
	if (run == pool)
		give_out(&c);
	for (unsigned i = 0; i < c.n; i++)
		pthread_join(thread[i], NULL);
	printf("%llu\n", (unsigned long long)c.sum);
	return 0;
}
