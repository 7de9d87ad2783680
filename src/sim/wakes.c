#include "sim/wakes.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "place/pagemap.h"
#include "sim/recording.h"

/* A slice told in parts goes on at once; switches of one CPU are further apart. */
#define SAME_SLICE_NS 1000u
/* Waits this alike and this long repeat like a timer's: those are late by tens of microseconds. */
#define REPEAT_RATIO  0.05
#define REPEAT_MIN_NS 500000.0
/* Seen so much more often than by chance, a thread explains a return. */
#define LIFT_ENOUGH 1.25
/* A thread's looks speak for its other waits when there are as many, and nearly all agree. */
#define LOOKS_MIN   3u
#define LOOKS_RATIO 0.9
/* Two threads meet when each woke the other as often, and no less than a quarter of it. */
#define MEET_MIN   4u
#define MEET_RATIO 4u

/* A thread beside another: how often it was on CPU when that one came back, and how often it was
 * the one that woke it. */
struct pair {
	uint32_t present, woke;
};

struct state {
	uint64_t end_ns; /* of the last slice seen */
	uint32_t slices, returns;
	uint32_t met; /* of the returns: somebody had just left */
	uint32_t looks[CXMS_WAIT_END];
	uint64_t gap_ns; /* the last wait */
	bool seen, preempted;
	uint8_t usual; /* enum cxms_wait_kind */
	double share;  /* chance to be met on CPU */
	double left;   /* how much more often than by chance somebody had just left */
};

/* The last two threads that left a CPU, newest first. */
struct left {
	uint32_t thread;
	uint64_t at_ns;
};

struct build {
	const struct cxms_recording *rec;
	struct cxms_wakes *out;
	const struct cxms_rec_run **run; /* [step] */
	struct state *state;		 /* [thread] */
	size_t *live;			 /* steps that may have woken someone */
	size_t n_live, cap_live;
	struct left left[2];
	struct cxms_pagemap map; /* (waiter, other) -> pair */
	struct pair *pair;
	size_t n_pair, cap_pair;
};

struct key {
	uint64_t at_ns;
	uint32_t i;
};

static int by_time(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

static uint64_t within(const struct cxms_rec_thread *t, uint64_t time_ns)
{
	uint64_t at = time_ns > t->birth_ns ? time_ns : t->birth_ns;
	return at < t->exit_ns ? at : t->exit_ns;
}

static int sort_threads(const struct cxms_recording *rec, bool exits, uint32_t **out)
{
	struct key *key = calloc(rec->n_thread + 1, sizeof(*key));
	*out = calloc(rec->n_thread + 1, sizeof(**out));
	for (size_t i = 0; key && i < rec->n_thread; i++)
		key[i] = (struct key){exits ? rec->thread[i].exit_ns : rec->thread[i].birth_ns,
				      (uint32_t)i};
	if (key && *out) {
		qsort(key, rec->n_thread, sizeof(*key), by_time);
		for (size_t i = 0; i < rec->n_thread; i++)
			(*out)[i] = key[i].i;
	}
	free(key);
	return key && *out ? 0 : -ENOMEM;
}

static int sort_steps(struct build *b)
{
	const struct cxms_recording *rec = b->rec;
	struct key *key = calloc(rec->n_run + 1, sizeof(*key));
	if (!key)
		return -ENOMEM;
	for (size_t i = 0; i < rec->n_run; i++)
		key[i] = (struct key){rec->run[i].start_ns, (uint32_t)i};
	qsort(key, rec->n_run, sizeof(*key), by_time);
	for (size_t i = 0; i < rec->n_run; i++) {
		const struct cxms_rec_run *r = b->run[i] = &rec->run[key[i].i];
		const struct cxms_rec_thread *t = &rec->thread[r->thread];
		b->out->step[i] = (struct cxms_step){.thread = r->thread,
						     .by = CXMS_NO_THREAD,
						     .start_ns = within(t, r->start_ns),
						     .end_ns = within(t, r->start_ns + r->dur_ns)};
	}
	b->out->n = rec->n_run;
	free(key);
	return 0;
}

static int pair_of(struct build *b, uint32_t waiter, uint32_t other, struct pair **out)
{
	uint32_t i = cxms_pagemap_get(&b->map, waiter, other);
	if (i == CXMS_NO_PAGE) {
		i = (uint32_t)b->n_pair;
		if (cxms_array_grow((void **)&b->pair, &b->cap_pair, b->n_pair + 1,
				    sizeof(*b->pair)) ||
		    cxms_pagemap_put(&b->map, waiter, other, i))
			return -ENOMEM;
		b->pair[b->n_pair++] = (struct pair){0};
	}
	*out = &b->pair[i];
	return 0;
}

/* Steps on CPU within the time of a wake-up before @at_ns, newest last; one thread may be there
 * twice. */
static void drop_past(struct build *b, uint64_t at_ns)
{
	size_t n = 0;
	for (size_t i = 0; i < b->n_live; i++)
		if (b->out->step[b->live[i]].end_ns + CXMS_ASSUMED_WAKE_NS >= at_ns)
			b->live[n++] = b->live[i];
	b->n_live = n;
}

static int enter(struct build *b, size_t i)
{
	if (cxms_array_grow((void **)&b->live, &b->cap_live, b->n_live + 1, sizeof(*b->live)))
		return -ENOMEM;
	b->live[b->n_live++] = i;
	return 0;
}

/* Is this the thread's newest step among the live ones, and another's than @thread? */
static bool is_candidate(const struct build *b, size_t k, uint32_t thread)
{
	uint32_t of = b->out->step[b->live[k]].thread;
	if (of == thread)
		return false;
	for (size_t j = k + 1; j < b->n_live; j++)
		if (b->out->step[b->live[j]].thread == of)
			return false;
	return true;
}

static bool has_blocked(const struct state *s)
{
	return s->seen && !s->preempted;
}

/* Steps come by their starts: who left now may have left before the newest. */
static void note_left(struct left left[2], const struct left *now)
{
	bool is_newest = left[0].thread == now->thread || left[0].at_ns <= now->at_ns;
	if (is_newest && left[0].thread != now->thread)
		left[1] = left[0];
	if (is_newest)
		left[0] = *now;
	else if (left[1].thread == now->thread || left[1].at_ns <= now->at_ns)
		left[1] = *now;
}

static void leave(struct build *b, size_t i)
{
	const struct cxms_step *step = &b->out->step[i];
	struct state *s = &b->state[step->thread];
	s->seen = true;
	s->preempted = b->run[i]->preempted;
	s->end_ns = step->end_ns > s->end_ns ? step->end_ns : s->end_ns;
	note_left(b->left, &(struct left){step->thread, s->end_ns});
}

static void start_over(struct build *b)
{
	b->n_live = 0;
	b->left[0] = b->left[1] = (struct left){.thread = CXMS_NO_THREAD};
	for (size_t t = 0; t < b->rec->n_thread; t++) {
		b->state[t].seen = false;
		b->state[t].end_ns = b->rec->thread[t].birth_ns;
	}
}

/* Who was there at each return, and in which system calls each thread was seen. */
static int count(struct build *b)
{
	start_over(b);
	for (size_t i = 0; i < b->out->n; i++) {
		const struct cxms_step *step = &b->out->step[i];
		struct state *s = &b->state[step->thread];
		struct pair *p;
		drop_past(b, step->start_ns);
		s->slices++;
		if (has_blocked(s)) {
			s->returns++;
			s->looks[b->run[i]->waited]++;
			bool met = false;
			for (size_t k = 0; k < b->n_live; k++) {
				const struct cxms_step *other = &b->out->step[b->live[k]];
				if (!is_candidate(b, k, step->thread))
					continue;
				if (pair_of(b, step->thread, other->thread, &p))
					return -ENOMEM;
				p->present++;
				met = met || other->end_ns <= step->start_ns;
			}
			s->met += met;
		}
		leave(b, i);
		if (enter(b, i))
			return -ENOMEM;
	}
	return 0;
}

static void judge_threads(struct build *b)
{
	for (size_t t = 0; t < b->rec->n_thread; t++) {
		const struct cxms_rec_thread *th = &b->rec->thread[t];
		struct state *s = &b->state[t];
		double life = (double)(th->exit_ns - th->birth_ns);
		double met = (double)th->run_ns + (double)s->slices * CXMS_ASSUMED_WAKE_NS;
		uint32_t looks = 0, most = 0;
		s->share = life > 0 ? fmin(1, met / life) : 1;
		double others = (double)(b->out->n - s->slices) * CXMS_ASSUMED_WAKE_NS;
		double chance = fmin(1, others / (double)(b->rec->duration_ns + 1));
		s->left = (s->met + 1) / (s->returns * chance + 1);
		for (unsigned k = CXMS_WAIT_UNKNOWN + 1; k < CXMS_WAIT_END; k++) {
			looks += s->looks[k];
			if (s->looks[k] > most) {
				most = s->looks[k];
				s->usual = (uint8_t)k;
			}
		}
		if (looks < LOOKS_MIN || most < LOOKS_RATIO * looks)
			s->usual = CXMS_WAIT_UNKNOWN;
	}
}

struct waker {
	uint32_t thread;
	double score, lift;
	bool has_left, is_child;
};

static bool has_ended(const struct cxms_rec_thread *th, const struct cxms_step *step)
{
	return th->parent == step->thread && th->exited && th->exit_ns <= step->start_ns;
}

/* How much more often than its time on CPU explains @other was there when @waiter came back. */
static double lift_of(const struct build *b, uint32_t waiter, uint32_t other, const struct pair *p)
{
	return (p->present + 1) / (b->state[waiter].returns * b->state[other].share + 1);
}

static int find_waker(struct build *b, const struct cxms_step *step, struct waker *best)
{
	*best = (struct waker){.thread = CXMS_NO_THREAD};
	for (size_t k = 0; k < b->n_live; k++) {
		const struct cxms_step *other = &b->out->step[b->live[k]];
		const struct cxms_rec_thread *th = &b->rec->thread[other->thread];
		struct pair *p;
		if (!is_candidate(b, k, step->thread) || other->start_ns >= step->start_ns)
			continue;
		if (pair_of(b, step->thread, other->thread, &p))
			return -ENOMEM;
		struct waker w = {.thread = other->thread,
				  .has_left = other->end_ns <= step->start_ns};
		w.lift = lift_of(b, step->thread, other->thread, p);
		w.is_child = w.has_left && has_ended(th, step);
		w.score = w.lift * (w.is_child ? 4 : w.has_left ? 2 : 1);
		if (w.score > best->score)
			*best = w;
	}
	return 0;
}

static bool repeats(const struct state *s, uint64_t gap_ns)
{
	double a = (double)s->gap_ns, b = (double)gap_ns;
	return b >= REPEAT_MIN_NS && fabs(a - b) <= REPEAT_RATIO * b;
}

/* Of the two that left last, one that the thread waited for before; the newest first. */
static const struct left *find_known_waker(const struct build *b, const struct cxms_step *step,
					   double *lift)
{
	for (const struct left *l = b->left; l < b->left + 2; l++) {
		uint32_t i = l->thread == step->thread || l->thread == CXMS_NO_THREAD
				     ? CXMS_NO_PAGE
				     : cxms_pagemap_get(&b->map, step->thread, l->thread);
		if (i == CXMS_NO_PAGE || b->pair[i].woke == 0)
			continue;
		*lift = lift_of(b, step->thread, l->thread, &b->pair[i]);
		if (*lift >= LIFT_ENOUGH)
			return l;
	}
	return NULL;
}

static bool is_ended_by_ours(uint8_t waited)
{
	return waited == CXMS_WAIT_FUTEX || waited == CXMS_WAIT_CHILD || waited == CXMS_WAIT_PIPE;
}

static bool ends_by_itself(uint8_t waited)
{
	return waited == CXMS_WAIT_SLEEP || waited == CXMS_WAIT_SLEEP_UNTIL ||
	       waited == CXMS_WAIT_IO;
}

/*
 * What a thread of the program ends has been ended by one that ran meanwhile, even where the
 * wake-up took long because the CPU was not free: by the last of them. Where the system call does
 * not tell, by one that has woken this thread before.
 */
static void find_late_waker(const struct build *b, const struct cxms_step *step, uint8_t waited,
			    struct waker *w)
{
	const struct left *l = &b->left[b->left[0].thread == step->thread];
	double lift = 0;
	if (w->thread != CXMS_NO_THREAD || ends_by_itself(waited))
		return;
	if (!is_ended_by_ours(waited))
		l = find_known_waker(b, step, &lift);
	if (!l || l->thread == CXMS_NO_THREAD)
		return;
	if (l->at_ns > b->state[step->thread].end_ns && l->at_ns <= step->start_ns)
		*w = (struct waker){.thread = l->thread,
				    .lift = lift,
				    .has_left = true,
				    .is_child = has_ended(&b->rec->thread[l->thread], step)};
}

/* Is the waker found believed? */
static bool is_woken(const struct state *s, uint8_t waited, uint64_t gap_ns, const struct waker *w)
{
	if (w->thread == CXMS_NO_THREAD)
		return false;
	if (is_ended_by_ours(waited))
		return true;
	if (ends_by_itself(waited))
		return false;
	return w->is_child || w->lift >= LIFT_ENOUGH || (w->has_left && s->left >= LIFT_ENOUGH) ||
	       !repeats(s, gap_ns);
}

static int judge_wait(struct build *b, size_t i)
{
	struct cxms_step *step = &b->out->step[i];
	struct state *s = &b->state[step->thread];
	uint64_t gap_ns = step->start_ns - s->end_ns;
	uint8_t waited = b->run[i]->waited ? b->run[i]->waited : s->usual;
	struct waker w;
	if (find_waker(b, step, &w))
		return -ENOMEM;
	find_late_waker(b, step, waited, &w);
	if (waited == CXMS_WAIT_SLEEP_UNTIL) {
		step->why = CXMS_WHY_UNTIL;
	} else if (is_woken(s, waited, gap_ns, &w)) {
		struct pair *p;
		step->why = CXMS_WHY_WAKER;
		step->by = w.thread;
		step->joins = w.is_child;
		if (pair_of(b, step->thread, w.thread, &p))
			return -ENOMEM;
		p->woke++;
	}
	s->gap_ns = gap_ns;
	return 0;
}

/* The thread that left this CPU last, if it was ours and just now. */
static void judge_queue(struct build *b, size_t i)
{
	struct cxms_step *step = &b->out->step[i];
	step->why = b->state[step->thread].seen ? CXMS_WHY_QUEUED : CXMS_WHY_KEPT;
	for (size_t k = b->n_live; k-- > 0;) {
		const struct cxms_step *other = &b->out->step[b->live[k]];
		if (b->run[b->live[k]]->cpu != b->run[i]->cpu)
			continue;
		if (other->thread != step->thread && other->end_ns <= step->start_ns) {
			step->why = CXMS_WHY_CPU;
			step->by = other->thread;
		}
		return;
	}
}

static int judge(struct build *b)
{
	start_over(b);
	for (size_t i = 0; i < b->out->n; i++) {
		const struct cxms_step *step = &b->out->step[i];
		const struct state *s = &b->state[step->thread];
		int rc = 0;
		drop_past(b, step->start_ns);
		if (step->start_ns > s->end_ns + SAME_SLICE_NS) {
			if (has_blocked(s))
				rc = judge_wait(b, i);
			else
				judge_queue(b, i);
		}
		leave(b, i);
		if (rc || enter(b, i))
			return -ENOMEM;
	}
	return 0;
}

static uint32_t times_woken(struct build *b, uint32_t waiter, uint32_t by)
{
	uint32_t i = cxms_pagemap_get(&b->map, waiter, by);
	return i == CXMS_NO_PAGE ? 0 : b->pair[i].woke;
}

static bool take_turns(struct build *b, uint32_t x, uint32_t y)
{
	uint32_t there = times_woken(b, x, y), back = times_woken(b, y, x);
	return there >= MEET_MIN && back >= MEET_MIN && there <= MEET_RATIO * back &&
	       back <= MEET_RATIO * there;
}

/* Wake-ups by one thread right after one another; steps of others may lie between. */
static void find_meetings(struct build *b)
{
	struct cxms_step *step = b->out->step;
	uint64_t *until_ns = calloc(b->rec->n_thread + 1, sizeof(*until_ns)); /* by waker */
	for (size_t i = 0; until_ns && i < b->out->n; i++) {
		if (step[i].why != CXMS_WHY_WAKER || step[i].start_ns < until_ns[step[i].by])
			continue;
		size_t last = i, n = 0;
		uint64_t end_ns = step[i].start_ns + CXMS_ASSUMED_WAKE_NS;
		for (size_t k = i;
		     k < b->out->n && k - i < UINT16_MAX - 1u && step[k].start_ns < end_ns; k++)
			if (step[k].why == CXMS_WHY_WAKER && step[k].by == step[i].by) {
				last = k;
				n++;
			}
		if (n < 2 && !take_turns(b, step[i].thread, step[i].by))
			continue;
		step[i].meets = (uint16_t)(last - i + 1);
		until_ns[step[i].by] = end_ns;
	}
	free(until_ns);
}

static void build_fini(struct build *b)
{
	free(b->run);
	free(b->state);
	free(b->live);
	free(b->pair);
	cxms_pagemap_fini(&b->map);
}

int cxms_wakes_build(const struct cxms_recording *rec, struct cxms_wakes *out, struct cxms_err *err)
{
	struct build b = {.rec = rec, .out = out};
	*out = (struct cxms_wakes){.step = calloc(rec->n_run + 1, sizeof(*out->step))};
	b.run = calloc(rec->n_run + 1, sizeof(const struct cxms_rec_run *));
	b.state = calloc(rec->n_thread + 1, sizeof(*b.state));
	int rc = out->step && b.run && b.state ? sort_steps(&b) : -ENOMEM;
	if (!rc)
		rc = sort_threads(rec, false, &out->by_birth);
	if (!rc)
		rc = sort_threads(rec, true, &out->by_exit);
	if (!rc)
		rc = count(&b);
	if (!rc) {
		judge_threads(&b);
		rc = judge(&b);
	}
	if (!rc)
		find_meetings(&b);
	build_fini(&b);
	if (!rc)
		return 0;
	cxms_wakes_fini(out);
	return cxms_fail(err, ENOMEM, "out of memory for the time line");
}

void cxms_wakes_fini(struct cxms_wakes *w)
{
	free(w->step);
	free(w->by_birth);
	free(w->by_exit);
	*w = (struct cxms_wakes){0};
}
