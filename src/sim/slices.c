#include "sim/slices.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/cells.h"
#include "sim/recording.h"

/* A stretched time, and the causes along the way to it. */
struct clock {
	double ns;
	double cause_ns[CXMS_CAUSE_COUNT];
	double taken_ns; /* of BLOCKED: other programs had the CPU */
};

/* A thread on its way. */
struct lane {
	uint64_t at_ns, end_ns; /* native: where it stands; end of the slice it is in or was in */
	struct clock clock, children; /* children: the last that has ended */
	bool is_born;
};

struct sweep {
	const struct cxms_recording *rec;
	const struct cxms_cells *cells;
	const struct cxms_new_cell *cell;
	enum cxms_blocked blocked;
	struct lane *lane; /* [thread] */
	size_t n_born, n_ended;
};

static void later(struct clock *a, const struct clock *b)
{
	if (b->ns > a->ns)
		*a = *b;
}

static void wait_kept(struct clock *c, double ns)
{
	c->ns += ns;
	c->cause_ns[CXMS_CAUSE_BLOCKED] += ns;
}

/* @ns on CPU in a cell, grown as the cell. */
static void run_cell(const struct sweep *s, size_t cell, double ns, struct clock *c)
{
	const struct cxms_new_cell *to = &s->cell[cell];
	double native = s->cells->cell[cell].cpu_ns;
	if (native <= 0) {
		c->ns += ns;
		c->cause_ns[CXMS_CAUSE_COMPUTE] += ns;
		return;
	}
	double part = ns / native;
	c->ns += part * to->cpu_ns;
	for (int i = 0; i < CXMS_CAUSE_COUNT; i++)
		c->cause_ns[i] += part * to->cause_ns[i];
}

/* Who shares a CPU with strangers waits for it as much longer as its own work takes. */
static double growth(const struct sweep *s, uint32_t thread, uint64_t at_ns)
{
	size_t cell = cxms_cells_at(s->cells, thread, at_ns);
	double native = s->cells->cell[cell].cpu_ns;
	return native > 0 ? s->cell[cell].cpu_ns / native : 1;
}

/* To a native time: on CPU to the end of the slice, off it behind. */
static void advance(struct sweep *s, uint32_t thread, uint64_t to_ns)
{
	struct lane *l = &s->lane[thread];
	uint64_t epoch_ns = s->cells->epoch_ns;
	while (l->at_ns < to_ns && l->at_ns < l->end_ns) {
		uint64_t next = (l->at_ns / epoch_ns + 1) * epoch_ns;
		next = next < l->end_ns ? next : l->end_ns;
		next = next < to_ns ? next : to_ns;
		run_cell(s, cxms_cells_at(s->cells, thread, l->at_ns), (double)(next - l->at_ns),
			 &l->clock);
		l->at_ns = next;
	}
	if (l->at_ns < to_ns) {
		wait_kept(&l->clock, (double)(to_ns - l->at_ns));
		l->at_ns = to_ns;
	}
}

/* Births and ends up to a native time. */
static void pass(struct sweep *s, uint64_t to_ns)
{
	const struct cxms_wakes *w = &s->cells->wakes;
	for (; s->n_born < s->rec->n_thread; s->n_born++) {
		uint32_t thread = w->by_birth[s->n_born];
		const struct cxms_rec_thread *t = &s->rec->thread[thread];
		struct lane *l = &s->lane[thread];
		if (t->birth_ns > to_ns)
			break;
		l->at_ns = l->end_ns = t->birth_ns;
		l->is_born = true;
		if (t->parent != CXMS_NO_THREAD && s->lane[t->parent].is_born) {
			advance(s, t->parent, t->birth_ns);
			l->clock = s->lane[t->parent].clock;
		} else {
			wait_kept(&l->clock, (double)t->birth_ns);
		}
	}
	for (; s->n_ended < s->rec->n_thread; s->n_ended++) {
		uint32_t thread = w->by_exit[s->n_ended];
		const struct cxms_rec_thread *t = &s->rec->thread[thread];
		if (t->exit_ns > to_ns)
			break;
		advance(s, thread, t->exit_ns);
		if (t->parent != CXMS_NO_THREAD)
			later(&s->lane[t->parent].children, &s->lane[thread].clock);
	}
}

static bool is_of(const struct cxms_step *step, uint32_t waker)
{
	return step->why == CXMS_WHY_WAKER && step->by == waker;
}

/* All that meet, the waker too, go on with the last of them. */
static void meet(struct sweep *s, const struct cxms_step *step)
{
	struct clock *waker = &s->lane[step->by].clock;
	for (const struct cxms_step *k = step; k < step + step->meets; k++) {
		struct lane *l = &s->lane[k->thread];
		if (!is_of(k, step->by) || !l->is_born || l->end_ns > step->start_ns)
			continue;
		advance(s, k->thread, l->end_ns);
		later(waker, &l->clock);
	}
}

/* When the slice begins, on the clock of its thread. */
static void begin(struct sweep *s, const struct cxms_step *step)
{
	struct lane *l = &s->lane[step->thread], *by = NULL;
	bool is_woken = step->why == CXMS_WHY_WAKER && s->blocked == CXMS_BLOCKED_STRETCH;
	if (step->by != CXMS_NO_THREAD && s->lane[step->by].is_born)
		by = &s->lane[step->by];
	advance(s, step->thread, l->end_ns);
	double gap = step->start_ns > l->at_ns ? (double)(step->start_ns - l->at_ns) : 0;
	if (by && is_woken) {
		advance(s, step->by, step->start_ns);
		if (step->meets)
			meet(s, step);
		later(&l->clock, &by->clock);
		if (step->joins)
			later(&l->clock, &l->children);
	} else if (by && step->why == CXMS_WHY_CPU) {
		advance(s, step->by, step->start_ns);
		later(&l->clock, &by->clock);
	} else if (step->why == CXMS_WHY_QUEUED) {
		gap *= growth(s, step->thread, l->at_ns);
		wait_kept(&l->clock, gap);
		l->clock.taken_ns += gap;
	} else if (step->why == CXMS_WHY_UNTIL) {
		wait_kept(&l->clock, fmax(0, (double)step->start_ns - l->clock.ns));
	} else {
		wait_kept(&l->clock, gap);
	}
	l->at_ns = step->start_ns > l->at_ns ? step->start_ns : l->at_ns;
	l->end_ns = step->end_ns > l->end_ns ? step->end_ns : l->end_ns;
}

int cxms_slices_run(const struct cxms_recording *rec, const struct cxms_cells *cells,
		    const struct cxms_new_cell *cell, enum cxms_blocked blocked,
		    struct cxms_timeline *out, struct cxms_err *err)
{
	struct sweep s = {.rec = rec, .cells = cells, .cell = cell, .blocked = blocked};
	struct clock last = {.ns = -1};
	s.lane = calloc(rec->n_thread + 1, sizeof(*s.lane));
	if (!s.lane)
		return cxms_fail(err, ENOMEM, "out of memory for the time line");
	for (size_t i = 0; i < cells->wakes.n; i++) {
		const struct cxms_step *step = &cells->wakes.step[i];
		pass(&s, step->start_ns);
		begin(&s, step);
	}
	pass(&s, UINT64_MAX);
	for (size_t t = 0; t < rec->n_thread; t++)
		later(&last, &s.lane[t].clock);
	out->time_ns = last.ns;
	out->taken_ns = last.taken_ns;
	memcpy(out->cause_ns, last.cause_ns, sizeof(out->cause_ns));
	free(s.lane);
	return 0;
}
