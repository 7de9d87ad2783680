#include "sim/cells.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/units.h"
#include "sim/recording.h"

#define MIN_SAMPLES_PER_EPOCH 400u	       /* MODELS, notation */
#define MIN_EPOCH_NS	      (20u * 1000000u) /* MODELS, notation */
#define QUIET_RATIO	      0.1 /* of the mean bytes touched first in a time: less is little */
#define MAX_EPOCHS	      100000u /* keeps a mistyped --epoch from eating the memory */
#define MAX_CELLS	      1000000u /* 0.5 KiB each while a split is evaluated, or 0.75 (spells) */

/* A run of hours, or of very many threads, gets longer epochs rather than more. */
static double shortest_epoch(const struct cxms_recording *rec)
{
	double lives = 0;
	for (size_t i = 0; i < rec->n_thread; i++)
		lives += (double)(rec->thread[i].exit_ns - rec->thread[i].birth_ns);
	return fmax((double)(rec->duration_ns / MAX_EPOCHS + 1), lives / MAX_CELLS);
}

/* Samples per running thread come at the rate at which the mean thread that runs is on CPU. */
static double auto_epoch(const struct cxms_recording *rec)
{
	double run = 0, life = 0, weight = 0;
	for (size_t i = 0; i < rec->n_thread; i++) {
		const struct cxms_rec_thread *t = &rec->thread[i];
		if (t->run_ns == 0)
			continue;
		/* weighted by CPU time: a sleeping pool does not stretch the epoch of those that
		 * work */
		run += (double)t->run_ns * (double)t->run_ns;
		life += (double)t->run_ns * (double)(t->exit_ns - t->birth_ns);
	}
	for (size_t i = 0; i < rec->n_sample; i++)
		weight += rec->sample[i].weight_ns;
	double period = rec->n_sample ? weight / (double)rec->n_sample : 0;
	double busy = life > 0 ? fmin(1, run / life) : 1;
	return fmax(MIN_SAMPLES_PER_EPOCH * period / fmax(busy, 1e-3), MIN_EPOCH_NS);
}

static uint64_t epoch_of(const struct cxms_recording *rec, uint64_t asked_ns)
{
	double epoch = asked_ns ? (double)asked_ns : auto_epoch(rec);
	return (uint64_t)fmin(fmax(epoch, shortest_epoch(rec)), CXMS_RECORDING_MAX_NS);
}

/* A life is [birth, exit): one that ends on a border has no part in the next epoch. */
static uint64_t last_epoch(uint64_t birth_ns, uint64_t exit_ns, uint64_t epoch_ns)
{
	return (exit_ns > birth_ns ? exit_ns - 1 : birth_ns) / epoch_ns;
}

static int allocate(const struct cxms_recording *rec, struct cxms_cells *c)
{
	c->first_of_thread = calloc(rec->n_thread + 1, sizeof(*c->first_of_thread));
	c->first_epoch = calloc(rec->n_thread + 1, sizeof(*c->first_epoch));
	if (!c->first_of_thread || !c->first_epoch)
		return -ENOMEM;
	for (size_t i = 0; i < rec->n_thread; i++) {
		const struct cxms_rec_thread *t = &rec->thread[i];
		c->first_epoch[i] = (uint32_t)(t->birth_ns / c->epoch_ns);
		size_t last = (size_t)last_epoch(t->birth_ns, t->exit_ns, c->epoch_ns);
		c->first_of_thread[i] = c->n;
		c->n += last - c->first_epoch[i] + 1;
	}
	c->first_of_thread[rec->n_thread] = c->n;
	c->cell = calloc(c->n, sizeof(*c->cell));
	c->first_of_epoch = calloc(c->n_epoch + 2, sizeof(*c->first_of_epoch));
	c->by_epoch = calloc(c->n, sizeof(*c->by_epoch));
	c->cell_of_sample = calloc(rec->n_sample + 1, sizeof(*c->cell_of_sample));
	return c->cell && c->first_of_epoch && c->by_epoch && c->cell_of_sample ? 0 : -ENOMEM;
}

static double *field(struct cxms_cell *cell, size_t offset)
{
	return (double *)((char *)cell + offset);
}

/* Overlap of [start, end) with each epoch of the thread's life, which bounds it. */
static void spread(struct cxms_cells *c, const struct cxms_recording *rec, uint32_t thread,
		   uint64_t start, uint64_t end, size_t field_offset)
{
	const struct cxms_rec_thread *t = &rec->thread[thread];
	start = start > t->birth_ns ? start : t->birth_ns;
	end = end < t->exit_ns ? end : t->exit_ns;
	if (end <= start)
		return;
	size_t first = c->first_of_thread[thread], last = c->first_of_thread[thread + 1] - 1;
	for (uint64_t e = start / c->epoch_ns; e * c->epoch_ns < end; e++) {
		uint64_t from = e * c->epoch_ns > start ? e * c->epoch_ns : start;
		uint64_t to = (e + 1) * c->epoch_ns < end ? (e + 1) * c->epoch_ns : end;
		size_t i = first +
			   (size_t)(e > c->first_epoch[thread] ? e - c->first_epoch[thread] : 0);
		if (i > last)
			i = last;
		*field(&c->cell[i], field_offset) += (double)(to - from);
	}
}

static void index_by_epoch(struct cxms_cells *c)
{
	for (size_t i = 0; i < c->n; i++)
		c->first_of_epoch[c->cell[i].epoch + 1]++;
	for (size_t e = 0; e < c->n_epoch; e++)
		c->first_of_epoch[e + 1] += c->first_of_epoch[e];
	size_t *at = c->first_of_epoch;
	/* fill by walking backwards through shifted starts: at[e+1] counts down to the start of e
	 */
	for (size_t i = c->n; i-- > 0;)
		c->by_epoch[--at[c->cell[i].epoch + 1]] = (uint32_t)i;
	for (size_t e = 0; e < c->n_epoch; e++)
		at[e] = at[e + 1];
	at[c->n_epoch] = c->n;
}

/*
 * Differences of sampled and counted times are noisy, and cutting each off at 0 would add the noise
 * up. So a sum is believed only as far as no later sum falls below it.
 */
static void confirm(struct cxms_cell *cell, size_t n, size_t field_offset)
{
	double sum = 0, told = 0;
	for (size_t i = 0; i < n; i++) {
		sum += *field(&cell[i], field_offset);
		*field(&cell[i], field_offset) = sum;
	}
	for (size_t i = n; i-- > 0;) {
		sum = fmin(sum, *field(&cell[i], field_offset));
		*field(&cell[i], field_offset) = sum;
	}
	for (size_t i = 0; i < n; i++) {
		double now = fmax(told, *field(&cell[i], field_offset));
		*field(&cell[i], field_offset) = now - told;
		told = now;
	}
}

/* Kernel time is what is on CPU and not user samples. */
static void close_thread(struct cxms_cells *c, uint32_t thread)
{
	struct cxms_cell *cell = &c->cell[c->first_of_thread[thread]];
	size_t n = c->first_of_thread[thread + 1] - c->first_of_thread[thread];
	for (size_t i = 0; i < n; i++)
		cell[i].kernel_ns = cell[i].cpu_ns - cell[i].user_ns;
	confirm(cell, n, offsetof(struct cxms_cell, kernel_ns));
	for (size_t i = 0; i < n; i++) {
		cell[i].cpu_ns = cell[i].user_ns + cell[i].kernel_ns;
		cell[i].blocked_ns = cell[i].alive_ns - cell[i].cpu_ns;
	}
	confirm(cell, n, offsetof(struct cxms_cell, blocked_ns));
	for (size_t i = 0; i < n; i++) {
		cell[i].queued_ns = fmin(cell[i].queued_ns, cell[i].blocked_ns);
		cell[i].kept_ns = fmin(cell[i].kept_ns, cell[i].blocked_ns - cell[i].queued_ns);
	}
}

static bool is_kept(uint8_t waited)
{
	return waited == CXMS_WAIT_SLEEP || waited == CXMS_WAIT_SLEEP_UNTIL ||
	       waited == CXMS_WAIT_IO;
}

/* After a preemption the thread waits for a CPU until its next slice; slices of a thread come in
 * order. */
static int spread_runs(const struct cxms_recording *rec, struct cxms_cells *c)
{
	uint64_t *left_ns = calloc(rec->n_thread + 1, sizeof(*left_ns)); /* 0: not yet */
	bool *preempted = calloc(rec->n_thread + 1, sizeof(*preempted));
	if (!left_ns || !preempted) {
		free(left_ns);
		free(preempted);
		return -ENOMEM;
	}
	for (size_t i = 0; i < rec->n_run; i++) {
		const struct cxms_rec_run *r = &rec->run[i];
		uint64_t end = r->start_ns + r->dur_ns;
		spread(c, rec, r->thread, r->start_ns, end, offsetof(struct cxms_cell, cpu_ns));
		if (left_ns[r->thread] && (preempted[r->thread] || is_kept(r->waited)))
			spread(c, rec, r->thread, left_ns[r->thread], r->start_ns,
			       preempted[r->thread] ? offsetof(struct cxms_cell, queued_ns)
						    : offsetof(struct cxms_cell, kept_ns));
		left_ns[r->thread] = end;
		preempted[r->thread] = r->preempted;
	}
	free(left_ns);
	free(preempted);
	return 0;
}

/* Of the time that a thread waited for a CPU: other programs had it while its own had fewer on CPU.
 */
static void judge_taken(struct cxms_cells *c)
{
	for (size_t e = 0; e < c->n_epoch; e++) {
		double all = 0;
		for (size_t k = c->first_of_epoch[e]; k < c->first_of_epoch[e + 1]; k++)
			all += c->cell[c->by_epoch[k]].cpu_ns;
		for (size_t k = c->first_of_epoch[e]; k < c->first_of_epoch[e + 1]; k++) {
			struct cxms_cell *v = &c->cell[c->by_epoch[k]];
			v->taken_ns = fmax(0, v->queued_ns - (all - v->cpu_ns));
		}
	}
}

/* Steps of a thread come in order; what is neither on CPU nor something else is bounded by that. */
static int spread_wakes(const struct cxms_recording *rec, struct cxms_cells *c)
{
	uint64_t *left_ns = calloc(rec->n_thread + 1, sizeof(*left_ns));
	if (!left_ns)
		return -ENOMEM;
	for (size_t i = 0; i < c->wakes.n; i++) {
		const struct cxms_step *step = &c->wakes.step[i];
		uint64_t *left = &left_ns[step->thread];
		if (step->why == CXMS_WHY_WAKER || step->why == CXMS_WHY_QUEUED)
			spread(c, rec, step->thread, *left, step->start_ns,
			       step->why == CXMS_WHY_WAKER ? offsetof(struct cxms_cell, woken_ns)
							   : offsetof(struct cxms_cell, taken_ns));
		*left = step->end_ns > *left ? step->end_ns : *left;
	}
	for (size_t i = 0; i < c->n; i++) {
		struct cxms_cell *cell = &c->cell[i];
		double rest = cell->blocked_ns - cell->queued_ns - cell->kept_ns;
		cell->woken_ns = fmin(cell->woken_ns, fmax(0, rest));
		cell->taken_ns = fmin(cell->taken_ns, cell->queued_ns);
	}
	free(left_ns);
	return 0;
}

/*
 * Kernel time of first touches. The program's other kernel time is seen in cells that touch little,
 * as a share of their time; what the others have beyond it is that of their touches, the same for
 * each byte.
 */
static void explain_kernel(const struct cxms_recording *rec, struct cxms_cells *c)
{
	double bytes = 0, cpu = 0, quiet_cpu = 0, quiet_kernel = 0, beyond = 0;
	for (size_t i = 0; i < rec->n_fault; i++) {
		const struct cxms_rec_fault *f = &rec->fault[i];
		double filled = (double)cxms_pages_at(rec->pages, f->page)->bytes;
		c->cell[cxms_cells_at(c, f->thread, f->time_ns)].filled_bytes += filled;
		bytes += filled;
	}
	for (size_t i = 0; i < c->n; i++)
		cpu += c->cell[i].cpu_ns;
	for (size_t i = 0; i < c->n; i++) {
		const struct cxms_cell *v = &c->cell[i];
		if (v->filled_bytes * cpu >= QUIET_RATIO * bytes * v->cpu_ns)
			continue;
		quiet_cpu += v->cpu_ns;
		quiet_kernel += v->kernel_ns;
	}
	double other = quiet_cpu > 0 ? quiet_kernel / quiet_cpu : 0;
	for (size_t i = 0; i < c->n; i++)
		if (c->cell[i].filled_bytes > 0)
			beyond += fmax(0, c->cell[i].kernel_ns - other * c->cell[i].cpu_ns);
	for (size_t i = 0; i < c->n && bytes > 0; i++)
		c->cell[i].filling_ns =
			fmin(c->cell[i].kernel_ns, beyond / bytes * c->cell[i].filled_bytes);
}

int cxms_cells_build(const struct cxms_recording *rec, uint64_t epoch_ns, struct cxms_cells *out,
		     struct cxms_err *err)
{
	*out = (struct cxms_cells){.epoch_ns = epoch_of(rec, epoch_ns)};
	out->n_epoch = (size_t)(rec->duration_ns / out->epoch_ns) + 1;
	if (allocate(rec, out)) {
		cxms_cells_fini(out);
		return cxms_fail(err, ENOMEM, "out of memory for the epochs");
	}
	for (uint32_t t = 0; t < rec->n_thread; t++) {
		for (size_t i = out->first_of_thread[t]; i < out->first_of_thread[t + 1]; i++) {
			out->cell[i].thread = t;
			out->cell[i].epoch =
				out->first_epoch[t] + (uint32_t)(i - out->first_of_thread[t]);
		}
		spread(out, rec, t, rec->thread[t].birth_ns, rec->thread[t].exit_ns,
		       offsetof(struct cxms_cell, alive_ns));
	}
	if (spread_runs(rec, out)) {
		cxms_cells_fini(out);
		return cxms_fail(err, ENOMEM, "out of memory for the epochs");
	}
	for (size_t i = 0; i < rec->n_sample; i++) {
		const struct cxms_rec_sample *s = &rec->sample[i];
		out->cell_of_sample[i] = (uint32_t)cxms_cells_at(out, s->thread, s->time_ns);
		struct cxms_cell *cell = &out->cell[out->cell_of_sample[i]];
		/* where a guest's hypervisor lets the timer in late, the time of a fault shows at
		 * the instruction that faulted */
		if (cxms_rec_is_own(s))
			cell->user_ns += s->weight_ns;
	}
	for (uint32_t t = 0; t < rec->n_thread; t++)
		close_thread(out, t);
	explain_kernel(rec, out);
	index_by_epoch(out);
	int rc = 0;
	if (rec->facts.source_caps & CXMS_SRC_SWITCHES) {
		rc = cxms_wakes_build(rec, &out->wakes, err);
		if (!rc && spread_wakes(rec, out))
			rc = cxms_fail(err, ENOMEM, "out of memory for epochs");
	} else {
		judge_taken(out);
	}
	if (!rc && cxms_spells_build(rec, out, &out->spells))
		rc = cxms_fail(err, ENOMEM, "out of memory for the epochs");
	if (rc)
		cxms_cells_fini(out);
	return rc;
}

void cxms_cells_fini(struct cxms_cells *c)
{
	free(c->cell);
	free(c->first_of_thread);
	free(c->first_epoch);
	free(c->first_of_epoch);
	free(c->by_epoch);
	free(c->cell_of_sample);
	cxms_wakes_fini(&c->wakes);
	cxms_spells_fini(&c->spells);
	*c = (struct cxms_cells){0};
}

size_t cxms_cells_at(const struct cxms_cells *c, uint32_t thread, uint64_t time_ns)
{
	uint64_t e = time_ns / c->epoch_ns;
	size_t first = c->first_of_thread[thread], last = c->first_of_thread[thread + 1] - 1;
	size_t i = first + (size_t)(e > c->first_epoch[thread] ? e - c->first_epoch[thread] : 0);
	return i < last ? i : last;
}
