#include "sim/timeline.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/cells.h"
#include "sim/recording.h"
#include "sim/slices.h"

/* Threads on CPU at least this share of the busiest one's time count as those others wait for. */
#define BUSY_RATIO 0.5

struct run {
	const struct cxms_recording *rec;
	const struct cxms_cells *cells;
	const struct cxms_new_cell *cell;
	enum cxms_blocked blocked;
	double *len_ns;			 /* [cell] stretched length, off-CPU time included */
	double *covered_ns;		 /* [cell] of the length: off-CPU while others ran */
	double *taken_ns;		 /* [cell] of the length: other programs had the CPU */
	double *start_ns;		 /* [thread] */
	double (*mix)[CXMS_CAUSE_COUNT]; /* [epoch] causes of one nanosecond on CPU */
};

static void epoch_mix(struct run *r, size_t e)
{
	double sum = 0;
	for (size_t k = r->cells->first_of_epoch[e]; k < r->cells->first_of_epoch[e + 1]; k++) {
		const struct cxms_new_cell *c = &r->cell[r->cells->by_epoch[k]];
		for (int i = 0; i < CXMS_CAUSE_COUNT; i++)
			r->mix[e][i] += c->cause_ns[i];
		sum += c->cpu_ns;
	}
	for (int i = 0; i < CXMS_CAUSE_COUNT; i++)
		r->mix[e][i] = sum > 0 ? r->mix[e][i] / sum : 0;
}

/* What a cell that is off CPU waits for: the most that a busy neighbour grew, in proportion. */
static double growth_waited_for(const struct run *r, size_t cell, double busy_ns)
{
	const struct cxms_cells *c = r->cells;
	size_t e = c->cell[cell].epoch;
	const struct cxms_cell *own = &c->cell[cell];
	double blocked = own->blocked_ns - own->queued_ns - own->kept_ns, most = 0;
	bool any = false;
	for (size_t k = c->first_of_epoch[e]; k < c->first_of_epoch[e + 1]; k++) {
		size_t j = c->by_epoch[k];
		double cpu = c->cell[j].cpu_ns;
		if (j == cell || cpu <= 0 || cpu < BUSY_RATIO * busy_ns)
			continue;
		double growth = (r->cell[j].cpu_ns - cpu) * fmin(1, blocked / cpu);
		if (!any || growth > most)
			most = growth;
		any = true;
	}
	return most;
}

/* Time on CPU of an epoch's cells: natively, of the two longest, and in the simulated world. */
struct epoch_sum {
	double cpu_ns, new_cpu_ns, top_ns, second_ns;
};

static struct epoch_sum sum_epoch(const struct run *r, size_t e)
{
	const struct cxms_cells *c = r->cells;
	struct epoch_sum s = {0};
	for (size_t k = c->first_of_epoch[e]; k < c->first_of_epoch[e + 1]; k++) {
		double cpu = c->cell[c->by_epoch[k]].cpu_ns;
		s.cpu_ns += cpu;
		s.new_cpu_ns += r->cell[c->by_epoch[k]].cpu_ns;
		if (cpu > s.top_ns) {
			s.second_ns = s.top_ns;
			s.top_ns = cpu;
		} else if (cpu > s.second_ns) {
			s.second_ns = cpu;
		}
	}
	return s;
}

/* Waiting for a CPU grows as those that hold it do, on average; waiting for a thread as that
 * thread. */
static void stretch_cell(struct run *r, size_t i, const struct epoch_sum *s)
{
	const struct cxms_cell *native = &r->cells->cell[i];
	double blocked = native->blocked_ns - native->queued_ns;
	double others = native->cpu_ns >= s->top_ns ? s->second_ns : s->top_ns;
	double covered = fmin(blocked - native->kept_ns, others), growth = 0;
	double holders = s->cpu_ns - native->cpu_ns;
	if (r->blocked == CXMS_BLOCKED_STRETCH && covered > 0)
		growth = fmax(-covered, growth_waited_for(r, i, others));
	double taken = native->taken_ns, held = fmin(native->queued_ns - taken, holders);
	if (held > 0)
		held *= (s->new_cpu_ns - r->cell[i].cpu_ns) / holders;
	if (native->cpu_ns > 0)
		taken *= r->cell[i].cpu_ns / native->cpu_ns;
	r->covered_ns[i] = covered + held + growth;
	r->taken_ns[i] = taken;
	r->len_ns[i] = r->cell[i].cpu_ns + blocked + growth + held + taken;
}

static void stretch_epoch(struct run *r, size_t e)
{
	const struct cxms_cells *c = r->cells;
	struct epoch_sum s = sum_epoch(r, e);
	epoch_mix(r, e);
	for (size_t k = c->first_of_epoch[e]; k < c->first_of_epoch[e + 1]; k++)
		stretch_cell(r, c->by_epoch[k], &s);
}

/* Stretched length of a thread's life up to a native time. */
static double reached(const struct run *r, uint32_t thread, uint64_t time_ns)
{
	const struct cxms_cells *c = r->cells;
	size_t first = c->first_of_thread[thread], at = cxms_cells_at(c, thread, time_ns);
	double sum = 0;
	for (size_t i = first; i < at; i++)
		sum += r->len_ns[i];
	uint64_t from = (uint64_t)c->cell[at].epoch * c->epoch_ns;
	if (from < r->rec->thread[thread].birth_ns)
		from = r->rec->thread[thread].birth_ns;
	double into = time_ns > from ? (double)(time_ns - from) : 0;
	double alive = c->cell[at].alive_ns;
	return sum + (alive > 0 ? r->len_ns[at] * fmin(1, into / alive) : 0);
}

static void add_causes(const struct run *r, size_t cell, double part, struct cxms_timeline *out)
{
	double *cause = out->cause_ns;
	const struct cxms_cell *native = &r->cells->cell[cell];
	double covered = r->covered_ns[cell];
	double own = r->len_ns[cell] - r->cell[cell].cpu_ns - covered;
	double mixed = 0;
	for (int i = 0; i < CXMS_CAUSE_COUNT; i++) {
		double share = r->mix[native->epoch][i];
		cause[i] += part * (r->cell[cell].cause_ns[i] + covered * share);
		mixed += share;
	}
	cause[CXMS_CAUSE_BLOCKED] += part * (own + covered * (1 - mixed));
	out->taken_ns += part * r->taken_ns[cell];
}

/* Causes along a thread's life up to a native time, then along its parent's up to the fork. */
static void walk_causes(const struct run *r, uint32_t thread, uint64_t until_ns,
			struct cxms_timeline *out)
{
	while (thread != CXMS_NO_THREAD) {
		const struct cxms_rec_thread *t = &r->rec->thread[thread];
		const struct cxms_cells *c = r->cells;
		size_t first = c->first_of_thread[thread], at = cxms_cells_at(c, thread, until_ns);
		for (size_t i = first; i < at; i++)
			add_causes(r, i, 1, out);
		uint64_t from = (uint64_t)c->cell[at].epoch * c->epoch_ns;
		from = from < t->birth_ns ? t->birth_ns : from;
		double into = until_ns > from ? (double)(until_ns - from) : 0;
		double alive = c->cell[at].alive_ns;
		if (alive > 0)
			add_causes(r, at, fmin(1, into / alive), out);
		if (t->parent == CXMS_NO_THREAD)
			out->cause_ns[CXMS_CAUSE_BLOCKED] += (double)t->birth_ns;
		until_ns = t->birth_ns;
		thread = t->parent;
	}
}

static void find_end(struct run *r, struct cxms_timeline *out)
{
	uint32_t last = 0;
	out->time_ns = -1;
	for (uint32_t t = 0; t < r->rec->n_thread; t++) {
		const struct cxms_rec_thread *th = &r->rec->thread[t];
		double end = 0;
		r->start_ns[t] =
			th->parent == CXMS_NO_THREAD
				? (double)th->birth_ns
				: r->start_ns[th->parent] + reached(r, th->parent, th->birth_ns);
		for (size_t i = r->cells->first_of_thread[t]; i < r->cells->first_of_thread[t + 1];
		     i++) {
			end += r->len_ns[i];
		}
		end += r->start_ns[t];
		if (end > out->time_ns) {
			out->time_ns = end;
			last = t;
		}
	}
	memset(out->cause_ns, 0, sizeof(out->cause_ns));
	out->taken_ns = 0;
	walk_causes(r, last, r->rec->thread[last].exit_ns, out);
}

static void sum_threads(const struct cxms_recording *rec, const struct cxms_cells *cells,
			const struct cxms_new_cell *cell, double *cpu_ns)
{
	for (uint32_t t = 0; t < rec->n_thread; t++) {
		cpu_ns[t] = 0;
		for (size_t i = cells->first_of_thread[t]; i < cells->first_of_thread[t + 1]; i++)
			cpu_ns[t] += cell[i].cpu_ns;
	}
}

int cxms_timeline_run(const struct cxms_recording *rec, const struct cxms_cells *cells,
		      const struct cxms_new_cell *cell, enum cxms_blocked blocked,
		      struct cxms_timeline *out, struct cxms_err *err)
{
	struct run r = {.rec = rec, .cells = cells, .cell = cell, .blocked = blocked};
	int rc = 0;
	sum_threads(rec, cells, cell, out->thread_cpu_ns);
	if (cells->wakes.n > 0)
		return cxms_slices_run(rec, cells, cell, blocked, out, err);
	r.len_ns = calloc(cells->n + 1, sizeof(*r.len_ns));
	r.covered_ns = calloc(cells->n + 1, sizeof(*r.covered_ns));
	r.taken_ns = calloc(cells->n + 1, sizeof(*r.taken_ns));
	r.start_ns = calloc(rec->n_thread + 1, sizeof(*r.start_ns));
	r.mix = calloc(cells->n_epoch + 1, sizeof(*r.mix));
	if (!r.len_ns || !r.covered_ns || !r.taken_ns || !r.start_ns || !r.mix) {
		rc = cxms_fail(err, ENOMEM, "out of memory for the time line");
		goto out;
	}
	for (size_t e = 0; e < cells->n_epoch; e++)
		stretch_epoch(&r, e);
	find_end(&r, out);
out:
	free(r.len_ns);
	free(r.covered_ns);
	free(r.taken_ns);
	free(r.start_ns);
	free(r.mix);
	return rc;
}
