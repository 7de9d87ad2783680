/* Workers that wait for one another between batches: in turns through pipes, or at a barrier. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mb.h"

#define GO   'g'
#define QUIT 'q'

struct mb_sync {
	unsigned workers;
	int (*pipe)[2]; /* [worker] through which it is told that it is its turn */
	pthread_barrier_t barrier;
	atomic_uint last_round; /* after which all leave */
};

static void say(int fd, char what)
{
	if (write(fd, &what, 1) != 1) {
		perror("mb: cannot write to a pipe");
		exit(1);
	}
}

static char hear(int fd)
{
	char what;
	if (read(fd, &what, 1) != 1) {
		perror("mb: cannot read from a pipe");
		exit(1);
	}
	return what;
}

/* Worker 0 begins, and says when it is over. */
static bool take_turn(struct mb_work *w, bool more)
{
	const struct mb_sync *s = w->sync;
	int in = s->pipe[w->worker][0], out = s->pipe[(w->worker + 1) % s->workers][1];
	bool first = w->turn++ == 0;
	if (w->worker == 0 && first)
		return true;
	if (!first)
		say(out, w->worker == 0 && !more ? QUIT : GO);
	if (w->worker == 0)
		return more && hear(in) == GO;
	if (hear(in) == GO)
		return true;
	say(out, QUIT);
	return false;
}

static bool meet(struct mb_work *w, bool more)
{
	struct mb_sync *s = w->sync;
	unsigned round = ++w->turn;
	if (w->worker == 0 && !more)
		atomic_store(&s->last_round, round);
	pthread_barrier_wait(&s->barrier);
	return atomic_load(&s->last_round) != round;
}

static int run(const struct mb_opts *o, mb_role *role, struct mb_area area, double init_s,
	       bool (*next)(struct mb_work *w, bool more))
{
	struct mb_opts own = *o;
	struct mb_sync s = {.workers = o->threads};
	s.pipe = calloc(o->threads, sizeof(*s.pipe));
	for (unsigned i = 0; s.pipe && i < o->threads; i++)
		if (pipe(s.pipe[i])) {
			perror("mb: cannot make a pipe");
			exit(1);
		}
	if (!s.pipe || pthread_barrier_init(&s.barrier, NULL, o->threads)) {
		fprintf(stderr, "mb: out of memory; use fewer --threads\n");
		exit(1);
	}
	own.sync = &s;
	own.next = next;
	int status = mb_run_threads(&own, role, area, init_s);
	pthread_barrier_destroy(&s.barrier);
	for (unsigned i = 0; i < o->threads; i++) {
		close(s.pipe[i][0]);
		close(s.pipe[i][1]);
	}
	free(s.pipe);
	return status;
}

int mb_run_turns(const struct mb_opts *o, mb_role *role, struct mb_area area, double init_s)
{
	return run(o, role, area, init_s, take_turn);
}

int mb_run_barrier(const struct mb_opts *o, mb_role *role, struct mb_area area, double init_s)
{
	return run(o, role, area, init_s, meet);
}
