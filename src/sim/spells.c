#include "sim/spells.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/rng.h"
#include "sim/cells.h"
#include "sim/recording.h"

/* Sets that run for less of the epoch's time on CPU are mixed: they change little. */
#define MIN_RATIO (1.0 / 64)
#define NOT_THERE UINT32_MAX
/* Members are added up when there are so many. */
#define MEMBERS 65536u

/* A thread is there from now on, or no more: on a CPU, or waiting for one or for who has one. */
struct edge {
	uint64_t time_ns;
	uint32_t thread;
	bool comes, runs;
};

/* A time at which the same threads are there; then all of a set in the epoch. */
struct stretch {
	uint64_t set, at_ns;
	double ns, cpu_ns;
};

/* Time on CPU of a thread in a set that is a spell. */
struct member {
	uint32_t spell, thread;
	double ns;
};

/* Who is there at a time. */
struct cursor {
	size_t at;		 /* edges passed */
	uint32_t *there, *place; /* threads; where each is among them, or NOT_THERE */
	bool *runs;		 /* [thread] */
	size_t n_there, n_running;
	uint64_t set; /* sum of the hashes of those that are there */
};

struct sweep {
	const struct cxms_recording *rec;
	const struct cxms_cells *cells;
	struct cxms_spells *out;
	struct edge *edge;
	size_t n_edge;
	struct cursor lead, trail; /* trail passes an epoch when its sets are known */
	struct stretch *stretch;   /* of the epoch; the first are spells */
	size_t n_stretch, cap_stretch, n_chosen;
	/* [thread] of the epoch: time in sets that are no spells, in all */
	double *mixed_ns, *all_ns;
	struct member *member; /* of the sets that are spells */
	size_t n_member, cap_member, most_members;
};

static int by_time(const void *pa, const void *pb)
{
	const struct edge *a = pa, *b = pb;
	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	if (a->comes != b->comes)
		return a->comes ? 1 : -1;
	return a->thread < b->thread ? -1 : a->thread > b->thread;
}

static int by_set(const void *pa, const void *pb)
{
	const struct stretch *a = pa, *b = pb;
	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	return a->at_ns < b->at_ns ? -1 : a->at_ns > b->at_ns;
}

static int by_length(const void *pa, const void *pb)
{
	const struct stretch *a = pa, *b = pb;
	if (a->cpu_ns != b->cpu_ns)
		return a->cpu_ns > b->cpu_ns ? -1 : 1;
	return a->at_ns < b->at_ns ? -1 : a->at_ns > b->at_ns;
}

/* Of a life only. */
static void list_edges(struct sweep *s, uint32_t thread, uint64_t from, uint64_t to, bool runs)
{
	const struct cxms_rec_thread *t = &s->rec->thread[thread];
	from = from > t->birth_ns ? from : t->birth_ns;
	to = to < t->exit_ns ? to : t->exit_ns;
	if (from >= to)
		return;
	s->edge[s->n_edge++] =
		(struct edge){.time_ns = from, .thread = thread, .comes = true, .runs = runs};
	s->edge[s->n_edge++] = (struct edge){.time_ns = to, .thread = thread};
}

/* Slices, and what lies between them after a preemption; steps until a thread was woken. Both come
 * in the order of each thread's. @left_ns: [thread] when it left its CPU */
static void list_times(struct sweep *s, uint64_t *left_ns, bool *preempted)
{
	const struct cxms_wakes *w = &s->cells->wakes;
	for (size_t i = 0; i < s->rec->n_run; i++) {
		const struct cxms_rec_run *r = &s->rec->run[i];
		if (preempted[r->thread])
			list_edges(s, r->thread, left_ns[r->thread], r->start_ns, false);
		list_edges(s, r->thread, r->start_ns, r->start_ns + r->dur_ns, true);
		left_ns[r->thread] = r->start_ns + r->dur_ns;
		preempted[r->thread] = r->preempted;
	}
	memset(left_ns, 0, s->rec->n_thread * sizeof(*left_ns));
	for (size_t i = 0; i < w->n; i++) {
		const struct cxms_step *step = &w->step[i];
		uint64_t *left = &left_ns[step->thread];
		if (step->why == CXMS_WHY_WAKER)
			list_edges(s, step->thread, *left, step->start_ns, false);
		*left = step->end_ns > *left ? step->end_ns : *left;
	}
	qsort(s->edge, s->n_edge, sizeof(*s->edge), by_time);
}

static int make_edges(struct sweep *s)
{
	uint64_t *left_ns = calloc(s->rec->n_thread + 1, sizeof(*left_ns));
	bool *preempted = calloc(s->rec->n_thread + 1, sizeof(*preempted));
	s->edge = malloc((4 * s->rec->n_run + 2 * s->cells->wakes.n + 1) * sizeof(*s->edge));
	int rc = left_ns && preempted && s->edge ? 0 : -ENOMEM;
	if (!rc)
		list_times(s, left_ns, preempted);
	free(left_ns);
	free(preempted);
	return rc;
}

static void pass_edge(struct cursor *c, const struct edge *e)
{
	uint32_t *place = &c->place[e->thread];
	c->at++;
	if (e->comes == (*place != NOT_THERE))
		return;
	c->n_running -= c->runs[e->thread];
	c->runs[e->thread] = e->runs;
	c->n_running += e->runs;
	if (e->comes) {
		*place = (uint32_t)c->n_there;
		c->there[c->n_there++] = e->thread;
		c->set += cxms_hash_u64(e->thread + 1ull);
		return;
	}
	uint32_t last = c->there[--c->n_there];
	c->there[*place] = last;
	c->place[last] = *place;
	*place = NOT_THERE;
	c->set -= cxms_hash_u64(e->thread + 1ull);
}

static int note_set(struct sweep *s, const struct cursor *c, uint64_t from_ns, uint64_t to_ns)
{
	if (cxms_array_grow((void **)&s->stretch, &s->cap_stretch, s->n_stretch + 1,
			    sizeof(*s->stretch)))
		return -ENOMEM;
	double ns = (double)(to_ns - from_ns);
	s->stretch[s->n_stretch++] = (struct stretch){
		.set = c->set, .at_ns = from_ns, .ns = ns, .cpu_ns = ns * (double)c->n_running};
	return 0;
}

/* The spell of a set, or n_chosen. */
static size_t spell_of(const struct sweep *s, uint64_t set)
{
	size_t k = 0;
	while (k < s->n_chosen && s->stretch[k].set != set)
		k++;
	return k;
}

static int by_spell(const void *pa, const void *pb)
{
	const struct member *a = pa, *b = pb;
	if (a->spell != b->spell)
		return a->spell < b->spell ? -1 : 1;
	return a->thread < b->thread ? -1 : a->thread > b->thread;
}

/* One for each thread of a spell, in order. */
static void merge_members(struct sweep *s)
{
	size_t n = 0;
	if (s->n_member)
		qsort(s->member, s->n_member, sizeof(*s->member), by_spell);
	for (size_t i = 0; i < s->n_member; i++) {
		if (n > 0 && by_spell(&s->member[n - 1], &s->member[i]) == 0)
			s->member[n - 1].ns += s->member[i].ns;
		else
			s->member[n++] = s->member[i];
	}
	s->n_member = n;
	s->most_members = n > MEMBERS / 2 ? 2 * n : MEMBERS;
}

static int note_times(struct sweep *s, const struct cursor *c, uint64_t from_ns, uint64_t to_ns)
{
	size_t spell = spell_of(s, c->set);
	double ns = (double)(to_ns - from_ns);
	if (s->n_member + c->n_running > s->most_members)
		merge_members(s);
	if (cxms_array_grow((void **)&s->member, &s->cap_member, s->n_member + c->n_running,
			    sizeof(*s->member)))
		return -ENOMEM;
	for (size_t i = 0; i < c->n_there; i++) {
		uint32_t thread = c->there[i];
		if (!c->runs[thread])
			continue;
		s->all_ns[thread] += ns;
		if (spell == s->n_chosen)
			s->mixed_ns[thread] += ns;
		else
			s->member[s->n_member++] = (struct member){
				.spell = (uint32_t)spell, .thread = thread, .ns = ns};
	}
	return 0;
}

typedef int note(struct sweep *s, const struct cursor *c, uint64_t from_ns, uint64_t to_ns);

static int pass_epoch(struct sweep *s, struct cursor *c, uint64_t from_ns, uint64_t to_ns,
		      note *take)
{
	int rc = 0;
	while (from_ns < to_ns && !rc) {
		while (c->at < s->n_edge && s->edge[c->at].time_ns <= from_ns)
			pass_edge(c, &s->edge[c->at]);
		uint64_t next = c->at < s->n_edge && s->edge[c->at].time_ns < to_ns
					? s->edge[c->at].time_ns
					: to_ns;
		rc = take(s, c, from_ns, next);
		from_ns = next;
	}
	return rc;
}

/* One stretch for each set; the longest of them come first, and are chosen. */
static void choose(struct sweep *s)
{
	size_t n = 0;
	double all = 0;
	s->n_chosen = 0;
	if (s->n_stretch == 0)
		return;
	qsort(s->stretch, s->n_stretch, sizeof(*s->stretch), by_set);
	for (size_t i = 0; i < s->n_stretch; i++) {
		all += s->stretch[i].cpu_ns;
		if (n > 0 && s->stretch[n - 1].set == s->stretch[i].set) {
			s->stretch[n - 1].ns += s->stretch[i].ns;
			s->stretch[n - 1].cpu_ns += s->stretch[i].cpu_ns;
		} else {
			s->stretch[n++] = s->stretch[i];
		}
	}
	s->n_stretch = n;
	qsort(s->stretch, n, sizeof(*s->stretch), by_length);
	for (s->n_chosen = 0; s->n_chosen < n && s->n_chosen < CXMS_SPELLS_MAX; s->n_chosen++)
		if (s->stretch[s->n_chosen].cpu_ns < MIN_RATIO * all ||
		    s->stretch[s->n_chosen].cpu_ns <= 0)
			break;
}

static int add_spell(struct sweep *s, size_t epoch, double wall_ns)
{
	struct cxms_spells *out = s->out;
	if (cxms_array_grow((void **)&out->spell, &out->cap, out->n + 1, sizeof(*out->spell)))
		return -ENOMEM;
	out->spell[out->n++] = (struct cxms_spell){
		.epoch = (uint32_t)epoch, .wall_ns = wall_ns, .first = out->n_part};
	return 0;
}

/* To the spell added last. */
static int add_part(struct sweep *s, size_t cell, double share)
{
	struct cxms_spells *out = s->out;
	if (s->cells->cell[cell].cpu_ns <= 0 || share <= 0)
		return 0;
	if (cxms_array_grow((void **)&out->part, &out->cap_part, out->n_part + 1,
			    sizeof(*out->part)))
		return -ENOMEM;
	out->part[out->n_part++] = (struct cxms_spell_part){.cell = (uint32_t)cell, .share = share};
	out->spell[out->n - 1].n++;
	return 0;
}

/* The members from @at on that are its own; moves it on. */
static int add_chosen(struct sweep *s, size_t epoch, size_t spell, size_t *at)
{
	int rc = add_spell(s, epoch, s->stretch[spell].ns);
	for (; *at < s->n_member && s->member[*at].spell == spell && !rc; ++*at) {
		uint32_t thread = s->member[*at].thread;
		rc = add_part(s,
			      cxms_cells_at(s->cells, thread, (uint64_t)epoch * s->cells->epoch_ns),
			      s->member[*at].ns / s->all_ns[thread]);
	}
	return rc;
}

/* Share of a cell's time outside the chosen sets; all of it where no slice tells. */
static double mixed_share(const struct sweep *s, size_t cell)
{
	uint32_t thread = s->cells->cell[cell].thread;
	if (s->cells->cell[cell].cpu_ns <= 0)
		return 0;
	return s->all_ns[thread] > 0 ? s->mixed_ns[thread] / s->all_ns[thread] : 1;
}

/* Sets that are no spells, and then nobody, in what is left of the epoch. Where no cell has time in
 * such a set, as after the time of its slice was taken for that of samples, nobody was there. */
static int add_rest(struct sweep *s, size_t epoch, double left_ns)
{
	const struct cxms_cells *c = s->cells;
	size_t first = c->first_of_epoch[epoch], end = c->first_of_epoch[epoch + 1];
	double idle_ns = 0;
	bool mixed = false;
	int rc = 0;
	for (size_t k = s->n_chosen; k < s->n_stretch; k++)
		idle_ns += s->stretch[k].cpu_ns > 0 ? 0 : s->stretch[k].ns;
	for (size_t k = first; k < end; k++)
		mixed = mixed || mixed_share(s, c->by_epoch[k]) > 0;
	if (mixed)
		rc = add_spell(s, epoch, fmax(1, left_ns - idle_ns));
	else
		idle_ns = left_ns;
	for (size_t k = first; k < end && mixed && !rc; k++)
		rc = add_part(s, c->by_epoch[k], mixed_share(s, c->by_epoch[k]));
	return idle_ns > 0 && !rc ? add_spell(s, epoch, idle_ns) : rc;
}

static int cut_epoch(struct sweep *s, size_t epoch)
{
	uint64_t from = (uint64_t)epoch * s->cells->epoch_ns, to = from + s->cells->epoch_ns;
	to = to < s->rec->duration_ns ? to : s->rec->duration_ns;
	double left = from < to ? (double)(to - from) : 0;
	memset(s->mixed_ns, 0, s->rec->n_thread * sizeof(*s->mixed_ns));
	memset(s->all_ns, 0, s->rec->n_thread * sizeof(*s->all_ns));
	s->n_stretch = s->n_member = 0;
	size_t at = 0;
	int rc = pass_epoch(s, &s->lead, from, to, note_set);
	choose(s);
	if (!rc)
		rc = pass_epoch(s, &s->trail, from, to, note_times);
	merge_members(s);
	for (size_t k = 0; k < s->n_chosen && !rc; k++) {
		rc = add_chosen(s, epoch, k, &at);
		left -= s->stretch[k].ns;
	}
	return rc ? rc : add_rest(s, epoch, left);
}

static int cursor_init(struct cursor *c, size_t n_thread)
{
	c->there = malloc((n_thread + 1) * sizeof(*c->there));
	c->runs = calloc(n_thread + 1, sizeof(*c->runs));
	c->place = malloc((n_thread + 1) * sizeof(*c->place));
	for (size_t i = 0; c->place && i < n_thread; i++)
		c->place[i] = NOT_THERE;
	return c->there && c->runs && c->place ? 0 : -ENOMEM;
}

static void cursor_fini(struct cursor *c)
{
	free(c->there);
	free(c->place);
	free(c->runs);
}

static void sweep_fini(struct sweep *s)
{
	free(s->edge);
	cursor_fini(&s->lead);
	cursor_fini(&s->trail);
	free(s->stretch);
	free(s->mixed_ns);
	free(s->all_ns);
	free(s->member);
}

int cxms_spells_build(const struct cxms_recording *rec, const struct cxms_cells *cells,
		      struct cxms_spells *out)
{
	struct sweep s = {.rec = rec, .cells = cells, .out = out, .most_members = MEMBERS};
	*out = (struct cxms_spells){0};
	s.mixed_ns = calloc(rec->n_thread + 1, sizeof(*s.mixed_ns));
	s.all_ns = calloc(rec->n_thread + 1, sizeof(*s.all_ns));
	int rc = s.mixed_ns && s.all_ns ? 0 : -ENOMEM;
	if (cursor_init(&s.lead, rec->n_thread) || cursor_init(&s.trail, rec->n_thread))
		rc = -ENOMEM;
	if (!rc)
		rc = make_edges(&s);
	for (size_t e = 0; e < cells->n_epoch && !rc; e++)
		rc = cut_epoch(&s, e);
	sweep_fini(&s);
	return rc;
}

void cxms_spells_fini(struct cxms_spells *s)
{
	free(s->spell);
	free(s->part);
	*s = (struct cxms_spells){0};
}
