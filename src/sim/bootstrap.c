#include "sim/bootstrap.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/rng.h"
#include "sim/cells.h"
#include "sim/recording.h"
#include "sim/timeline.h"
#include "sim/world.h"

/* Of cells that move together, and pairs of opposite draws of cells that move apart, in which
 * everything linear cancels from the bias. */
#define DRAWS 32u
#define PAIRS 16u
/* 1/(sqrt(2) - 1) */
#define EXTRAPOLATE 2.41421356
/*
 * The correction has an error too. Of the maximum of n equal normal values it brings the standard
 * deviation to 1.14 .. 1.18 of one of them where that of draws apart is 0.86 .. 0.65 (n = 2 .. 16,
 * 20000 draws): hypot(0.65 .. 0.86, 0.95 .. 0.75).
 */
#define CORRECTED_RATIO 0.95
/* Of the ratio is taken off at most: with hardly any samples the bias is a guess. */
#define MOST 0.5
/* A base whose variance is a smaller share of the world's than this stands still. */
#define STILL 1e-4

/* How one cell's time moves with a draw of its own, and its base's with that and with another. */
struct mover {
	double sd_ns, base_sd_ns, base_other_ns;
};

struct draws {
	const struct cxms_bootstrap_in *in;
	bool base_moves;
	double base_ns, ratio;
	struct mover *mover;	    /* [cell] */
	double *own, *other;	    /* [cell] the draw: standard deviations */
	double *moved_ns;	    /* [cell] by its own draw, at the latencies found */
	struct cxms_new_cell *cell; /* [cell] laid out */
	double *thread_cpu_ns;
};

/* Bits set of 64: close to normal, and the same on every machine. */
static double near_normal(uint64_t bits)
{
	return (__builtin_popcountll(bits) - 32) / 4.0;
}

static double sign(uint64_t bits)
{
	return bits & 1 ? 1 : -1;
}

/* Signs of Sylvester's matrix: over all draws, those of any two of 31 epochs in a row cancel. */
static uint64_t together_bits(uint64_t number, uint64_t epoch)
{
	uint64_t column = epoch % (DRAWS - 1) + 1, block = epoch / (DRAWS - 1);
	uint64_t parity = (uint64_t)__builtin_parityll(number & column);
	return parity ^ cxms_hash_u64(number ^ cxms_hash_u64(block));
}

static void draw(struct draws *d, uint64_t number, bool together)
{
	uint64_t key = cxms_hash_u64(number);
	const struct cxms_cells *c = d->in->cells;
	for (size_t i = 0; i < c->n; i++) {
		uint64_t bits =
			together ? together_bits(number, c->cell[i].epoch) : cxms_hash_u64(key ^ i);
		d->own[i] = together ? sign(bits) : near_normal(bits);
		if (d->base_moves)
			d->other[i] = together ? sign(cxms_hash_u64(bits ^ i))
					       : near_normal(cxms_hash_u64(bits));
	}
}

/* The same samples make the base's error, so a part of it goes with that of the world. */
static struct mover mover_of(const struct cxms_noise *world, const struct cxms_noise *base)
{
	struct mover m = {.sd_ns = sqrt(world->square_ns2)};
	double sd = sqrt(base->square_ns2), both = m.sd_ns * sd;
	double with = both > 0 ? world->with_waits * base->per_wait_ns / both : 0;
	with = fmin(1, fmax(-1, with));
	m.base_sd_ns = sd * with;
	m.base_other_ns = sd * sqrt(1 - with * with);
	return m;
}

/*
 * What latencies answer is common to all who run in an epoch, and sets none of them apart: each
 * grows with the mean of what all of them move by. Cells drawn together stand for errors of their
 * own, which add as squares.
 */
static void answer(struct draws *d, const struct cxms_noise *noise, size_t epoch, bool together)
{
	const struct cxms_cells *c = d->in->cells;
	size_t first = c->first_of_epoch[epoch], end = c->first_of_epoch[epoch + 1];
	double sum = 0, square = 0, waits = 0;
	for (size_t k = first; k < end; k++) {
		double moved = d->moved_ns[c->by_epoch[k]];
		sum += moved;
		square += moved * moved;
		waits += noise[c->by_epoch[k]].waits_ns;
	}
	double more = waits > 0 ? (together ? copysign(sqrt(square), sum) : sum) / waits : 0;
	for (size_t k = first; k < end; k++) {
		size_t i = c->by_epoch[k];
		d->cell[i].cpu_ns =
			fmax(0, noise[i].cpu_ns + d->moved_ns[i] + more * noise[i].answer_ns);
	}
}

/* Time of the run whose cells move by moved_ns. */
static int lay(struct draws *d, const struct cxms_noise *noise, bool together, double *time_ns,
	       struct cxms_err *err)
{
	struct cxms_timeline line = {.thread_cpu_ns = d->thread_cpu_ns};
	for (size_t e = 0; e < d->in->cells->n_epoch; e++)
		answer(d, noise, e, together);
	int rc = cxms_timeline_run(d->in->rec, d->in->cells, d->cell, d->in->blocked, &line, err);
	*time_ns = line.time_ns;
	return rc;
}

/* The ratio when every cell is off by @times the draw. */
static int ratio_at(struct draws *d, double times, bool together, double *out, struct cxms_err *err)
{
	double world_ns = 0, base_ns = d->base_ns;
	size_t n = d->in->cells->n;
	for (size_t c = 0; c < n; c++)
		d->moved_ns[c] = times * d->mover[c].sd_ns * d->own[c];
	int rc = lay(d, d->in->world->noise, together, &world_ns, err);
	for (size_t c = 0; c < n && d->base_moves; c++)
		d->moved_ns[c] = times * (d->mover[c].base_sd_ns * d->own[c] +
					  d->mover[c].base_other_ns * d->other[c]);
	if (!rc && d->base_moves)
		rc = lay(d, d->in->base->noise, together, &base_ns, err);
	*out = base_ns > 0 ? world_ns / base_ns : 1;
	return rc;
}

/* Standard deviation when all threads of an epoch move together. */
static int move_together(struct draws *d, double *sd, struct cxms_err *err)
{
	double square = 0, ratio;
	int rc = 0;
	for (unsigned i = 0; i < DRAWS && !rc; i++) {
		draw(d, i, true);
		rc = ratio_at(d, 1, true, &ratio, err);
		square += (ratio - d->ratio) * (ratio - d->ratio);
	}
	*sd = sqrt(square / DRAWS);
	return rc;
}

static int move_apart(struct draws *d, double *sd, double *bias, struct cxms_err *err)
{
	double sum = 0, square = 0, up, down;
	int rc = 0;
	for (unsigned i = 0; i < PAIRS && !rc; i++) {
		draw(d, i, false);
		rc = ratio_at(d, 1, false, &up, err);
		if (!rc)
			rc = ratio_at(d, -1, false, &down, err);
		sum += up + down;
		square += (up - down) * (up - down) / 4;
	}
	*sd = sqrt(square / PAIRS);
	*bias = EXTRAPOLATE * (sum / (2 * PAIRS) - d->ratio);
	*bias = fmin(fmax(*bias, -MOST * d->ratio), MOST * d->ratio);
	return rc;
}

static int find(struct draws *d, struct cxms_bootstrap *out, struct cxms_err *err)
{
	double apart;
	int rc = move_together(d, &out->sd, err);
	if (rc || d->in->rec->n_thread < 2)
		return rc;
	rc = move_apart(d, &apart, &out->bias, err);
	out->sd = hypot(apart, fmin(fabs(out->bias), CORRECTED_RATIO * out->sd));
	out->ratio = d->ratio - out->bias;
	return rc;
}

static double variance(const struct cxms_noise *n, size_t n_cell)
{
	double sum = 0;
	for (size_t c = 0; c < n_cell; c++)
		sum += n[c].square_ns2;
	return sum;
}

static int draws_init(struct draws *d, const struct cxms_bootstrap_in *in)
{
	size_t n = in->cells->n;
	double base_ns = in->base->time_ns[CXMS_SPAN_MID][in->blocked];
	double world_ns = in->world->time_ns[CXMS_SPAN_MID][in->blocked];
	*d = (struct draws){.in = in,
			    .base_moves = variance(in->base->noise, n) >
					  STILL * variance(in->world->noise, n),
			    .base_ns = base_ns,
			    .ratio = base_ns > 0 ? world_ns / base_ns : 1};
	d->mover = calloc(n + 1, sizeof(*d->mover));
	d->own = calloc(n + 1, sizeof(*d->own));
	d->other = calloc(n + 1, sizeof(*d->other));
	d->moved_ns = calloc(n + 1, sizeof(*d->moved_ns));
	d->cell = calloc(n + 1, sizeof(*d->cell));
	d->thread_cpu_ns = calloc(in->rec->n_thread + 1, sizeof(*d->thread_cpu_ns));
	if (!d->mover || !d->own || !d->other || !d->moved_ns || !d->cell || !d->thread_cpu_ns)
		return -ENOMEM;
	for (size_t c = 0; c < n; c++)
		d->mover[c] = mover_of(&in->world->noise[c], &in->base->noise[c]);
	return 0;
}

static void draws_fini(struct draws *d)
{
	free(d->mover);
	free(d->own);
	free(d->other);
	free(d->moved_ns);
	free(d->cell);
	free(d->thread_cpu_ns);
}

int cxms_bootstrap_run(const struct cxms_bootstrap_in *in, struct cxms_bootstrap *out,
		       struct cxms_err *err)
{
	struct draws d;
	int rc = draws_init(&d, in) ? cxms_fail(err, ENOMEM, "out of memory for the interval") : 0;
	struct cxms_bootstrap found = {.ratio = d.ratio};
	bool certain = variance(in->world->noise, in->cells->n) <= 0 && !d.base_moves;
	if (!rc && d.base_ns > 0 && !certain)
		rc = find(&d, &found, err);
	draws_fini(&d);
	if (!rc)
		*out = found;
	return rc;
}
