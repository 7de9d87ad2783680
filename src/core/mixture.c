#include "core/mixture.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Neighbouring classes differ by this factor: finer than what pairs of 10^4 samples tell apart. */
#define CLASS_STEP 1.7
/* Classes with a smaller chance than a touched line's, for sets that take part of the samples. */
#define RARE_CLASSES 7u
/* Weight of the prior: one line that was seen. Tried 0.3 to 3: 1 has the least bias over simulated
 * caches (tests/prop/prop_judge.c). */
#define CXMS_MIX_PRIOR 1.0
/* Half of the 90 % quantile of chi^2 with one degree of freedom (2.706). */
#define LIKELY 1.353
/* Bins up to this width are summed, wider ones taken as normal. */
#define SUM_WIDTH 32u
/* Weights of what keeps the search inside: w > 0, and no more lines than were touched. */
#define INSIDE_FIRST 10.0
#define INSIDE_STEP  10.0
#define INSIDE	     0.99e-4
#define INSIDE_ROOM  1e-2
#define NEWTON_STEPS 40
#define SETTLED	     1e-6 /* half of what the next step would gain */
/* The bound is short of the best by less than 1/PUSH_LAST. */
#define PUSH_FIRST 4.0
#define PUSH_STEP  8.0
#define PUSH_LAST  300.0

/* Lines that are expected in the bins that hold some, by class and weight. */
struct model {
	unsigned n, n_bin;
	unsigned bin[CXMS_SEEN_BINS];
	double seen[CXMS_SEEN_BINS];
	double window, windows; /* samples of one; how many */
	double lines[CXMS_MIX_MAX][CXMS_SEEN_BINS];
	double all[CXMS_MIX_MAX];  /* in all bins */
	double room[CXMS_MIX_MAX]; /* lines of a class, over those touched */
	double prior[CXMS_MIX_MAX];
};

/* What is sought: the likeliest mixture, or far along a direction with a likelihood above a floor.
 */
struct goal {
	const double *value; /* NULL: the likeliest */
	double push, floor;
	double inside; /* weight of log w_i, which falls on the way */
};

static double poisson(double mean, double k)
{
	return exp(k * log(mean) - mean - lgamma(k + 1));
}

static double normal_below(double x)
{
	return 0.5 * erfc(-x / sqrt(2));
}

static double bin_chance(double mean, unsigned bin)
{
	uint64_t from = cxms_seen_first(bin), to = cxms_seen_first(bin + 1);
	double sum = 0;
	if (bin + 1 == CXMS_SEEN_BINS)
		return 1 - normal_below(((double)from - 0.5 - mean) / sqrt(mean));
	if (to - from > SUM_WIDTH)
		return normal_below(((double)to - 0.5 - mean) / sqrt(mean)) -
		       normal_below(((double)from - 0.5 - mean) / sqrt(mean));
	for (uint64_t k = from; k < to; k++)
		sum += poisson(mean, (double)k);
	return sum;
}

static void model_init(const struct cxms_seen *seen, const struct cxms_mixture *mix,
		       struct model *m)
{
	m->n = mix->n;
	m->n_bin = 0;
	m->window = seen->samples > 0 ? seen->sum_sq / seen->samples : 1;
	m->windows = seen->samples / m->window;
	for (unsigned b = 0; b < CXMS_SEEN_BINS; b++) {
		if (seen->lines[b] <= 0)
			continue;
		m->seen[m->n_bin] = seen->lines[b];
		m->bin[m->n_bin++] = b;
	}
	for (unsigned i = 0; i < m->n; i++) {
		double mean = m->window * mix->p[i], times = m->windows / mix->p[i];
		for (unsigned b = 0; b < m->n_bin; b++)
			m->lines[i][b] = fmax(1e-200, times * bin_chance(mean, m->bin[b]));
		m->all[i] = -times * expm1(-mean);
		m->room[i] = 1 / (mix->p[i] * mix->touched_lines);
		m->prior[i] = CXMS_MIX_PRIOR * mix->w[i];
	}
}

static double likelihood(const struct model *m, const double *w, double *expected)
{
	double sum = 0;
	memset(expected, 0, m->n_bin * sizeof(*expected));
	for (unsigned i = 0; i < m->n; i++) {
		sum -= m->all[i] * w[i];
		for (unsigned b = 0; b < m->n_bin; b++)
			expected[b] += m->lines[i][b] * w[i];
	}
	for (unsigned b = 0; b < m->n_bin; b++)
		sum += m->seen[b] * log(expected[b]);
	return sum;
}

/* What Newton's method climbs; -INFINITY outside. */
static double height(const struct model *m, const struct goal *g, const double *w)
{
	double expected[CXMS_SEEN_BINS], left = 1, sum = 0;
	for (unsigned i = 0; i < m->n; i++) {
		if (w[i] <= 0)
			return -INFINITY;
		left -= w[i] * m->room[i];
		sum += (g->inside + (g->value ? 0 : m->prior[i])) * log(w[i]);
		sum += g->value ? g->push * g->value[i] * w[i] : 0;
	}
	if (left <= 0)
		return -INFINITY;
	double like = likelihood(m, w, expected);
	if (g->value && like <= g->floor)
		return -INFINITY;
	return sum + INSIDE_ROOM * log(left) + (g->value ? log(like - g->floor) : like);
}

/* A class's share of what is expected in each bin, and of what was seen there. */
struct share {
	double of_like[CXMS_MIX_MAX]; /* slope of the likelihood */
	double room[CXMS_MIX_MAX];
	double scaled[CXMS_SEEN_BINS][CXMS_MIX_MAX];
	double gain, left;
};

static void set_shares(const struct model *m, const struct goal *g, const double *w,
		       struct share *s)
{
	double expected[CXMS_SEEN_BINS];
	double like = likelihood(m, w, expected);
	s->gain = g->value ? 1 / (like - g->floor) : 1;
	s->left = 1;
	for (unsigned i = 0; i < m->n; i++) {
		s->of_like[i] = -m->all[i] * w[i];
		s->room[i] = m->room[i] * w[i];
		s->left -= s->room[i];
	}
	for (unsigned b = 0; b < m->n_bin; b++) {
		double root = sqrt(s->gain * m->seen[b]);
		for (unsigned i = 0; i < m->n; i++) {
			double part = m->lines[i][b] * w[i] / expected[b];
			s->of_like[i] += m->seen[b] * part;
			s->scaled[b][i] = root * part;
		}
	}
}

/*
 * Slope and curvature with respect to the logarithms of the weights: well scaled however small.
 * Of the matrices only the upper triangle is used. All loops run along rows: sums that do not wait
 * for each other.
 */
static void shape(const struct model *m, const struct goal *g, const double *w, double *slope,
		  double h[CXMS_MIX_MAX][CXMS_MIX_MAX])
{
	struct share s;
	set_shares(m, g, w, &s);
	double square = s.left * s.left, of_goal = s.gain * s.gain;
	for (unsigned i = 0; i < m->n; i++) {
		double own = g->inside + (g->value ? 0 : m->prior[i]);
		slope[i] = s.gain * s.of_like[i] + own - INSIDE_ROOM * s.room[i] / s.left;
		slope[i] += g->value ? g->push * g->value[i] * w[i] : 0;
		for (unsigned j = i; j < m->n; j++)
			h[i][j] = INSIDE_ROOM * s.room[j] * s.room[i] / square;
		for (unsigned j = i; g->value && j < m->n; j++)
			h[i][j] += of_goal * s.of_like[j] * s.of_like[i];
		for (unsigned b = 0; b < m->n_bin; b++)
			for (unsigned j = i; j < m->n; j++)
				h[i][j] += s.scaled[b][i] * s.scaled[b][j];
		h[i][i] += own;
	}
}

/* Cholesky's factor, transposed, in place of the upper triangle. */
static void factor(unsigned n, double h[CXMS_MIX_MAX][CXMS_MIX_MAX])
{
	for (unsigned k = 0; k < n; k++) {
		double root = sqrt(fmax(h[k][k], 1e-12));
		h[k][k] = root;
		for (unsigned j = k + 1; j < n; j++)
			h[k][j] /= root;
		for (unsigned i = k + 1; i < n; i++)
			for (unsigned j = i; j < n; j++)
				h[i][j] -= h[k][i] * h[k][j];
	}
}

/* Two right-hand sides at once, in place: each one's sums wait for each other. */
static void solve(unsigned n, double h[CXMS_MIX_MAX][CXMS_MIX_MAX], double *x, double *y)
{
	for (unsigned k = 0; k < n; k++) {
		x[k] /= h[k][k];
		y[k] /= h[k][k];
		for (unsigned i = k + 1; i < n; i++) {
			x[i] -= h[k][i] * x[k];
			y[i] -= h[k][i] * y[k];
		}
	}
	for (unsigned i = n; i-- > 0;) {
		double from_x = x[i], from_y = y[i];
		for (unsigned k = i + 1; k < n; k++) {
			from_x -= h[i][k] * x[k];
			from_y -= h[i][k] * y[k];
		}
		x[i] = from_x / h[i][i];
		y[i] = from_y / h[i][i];
	}
}

/* One Newton step that keeps the sum of the weights; false when there is nothing to gain. */
static bool climb(const struct model *m, const struct goal *g, double *w)
{
	double h[CXMS_MIX_MAX][CXMS_MIX_MAX], slope[CXMS_MIX_MAX] = {0};
	double to[CXMS_MIX_MAX], step[CXMS_MIX_MAX], keep[CXMS_MIX_MAX], ws = 0, wk = 0, gain = 0;
	shape(m, g, w, slope, h);
	factor(m->n, h);
	memcpy(step, slope, m->n * sizeof(*step));
	memcpy(keep, w, m->n * sizeof(*keep));
	solve(m->n, h, step, keep);
	for (unsigned i = 0; i < m->n; i++) {
		ws += w[i] * step[i];
		wk += w[i] * keep[i];
	}
	for (unsigned i = 0; i < m->n; i++) {
		step[i] -= keep[i] * ws / wk;
		gain += step[i] * slope[i];
	}
	if (gain < SETTLED)
		return false;
	double before = height(m, g, w);
	for (double part = 1; part > 1e-9; part *= 0.5) {
		for (unsigned i = 0; i < m->n; i++)
			to[i] = w[i] * (1 + part * step[i]);
		if (height(m, g, to) >= before + 0.1 * part * gain) {
			memcpy(w, to, m->n * sizeof(*w));
			return true;
		}
	}
	return false;
}

/* A little of everything, well inside. */
static void begin(const struct model *m, double *w)
{
	double room = 0, sum = 0;
	for (unsigned i = 0; i < m->n; i++)
		room += m->room[i] / m->n;
	for (unsigned i = 0; i < m->n; i++)
		sum += w[i] = 0.5 * fmin(1, 1 / room) / m->n;
	/* The rest where it takes at most half of the room. */
	for (unsigned i = 0; i < m->n; i++)
		if (m->room[i] <= 0.5 || i + 1 == m->n) {
			w[i] += 1 - sum;
			break;
		}
}

static void grid(double touched_lines, struct cxms_mixture *out)
{
	double p = 1 / touched_lines;
	unsigned alike = RARE_CLASSES;
	*out = (struct cxms_mixture){.touched_lines = touched_lines};
	for (unsigned i = 0; i < alike; i++)
		p /= CLASS_STEP;
	while (out->n < CXMS_MIX_MAX && (out->n <= alike || p < 1)) {
		out->p[out->n++] = p;
		p *= CLASS_STEP;
	}
	/* one line that takes all samples, however many: no class near it explains those */
	if (out->n < CXMS_MIX_MAX && out->p[out->n - 1] < 1)
		out->p[out->n++] = 1;
	out->w[alike] = 1;
}

void cxms_mixture_fit(const struct cxms_seen *seen, double touched_lines,
		      const struct cxms_mixture *prior, struct cxms_mixture *out)
{
	struct goal likeliest = {0};
	struct model m;
	if (prior)
		*out = *prior;
	else
		grid(fmax(1, touched_lines), out);
	if (seen->samples <= 0)
		return;
	model_init(seen, out, &m);
	begin(&m, out->w);
	for (likeliest.inside = INSIDE_FIRST; likeliest.inside >= INSIDE;
	     likeliest.inside /= INSIDE_STEP)
		for (int step = 0; step < NEWTON_STEPS && climb(&m, &likeliest, out->w); step++)
			;
}

double cxms_mixture_lines(const struct cxms_mixture *m, unsigned class)
{
	return m->w[class] / m->p[class];
}

double cxms_mixture_mean(const struct cxms_mixture *m, const double *value)
{
	double sum = 0;
	for (unsigned i = 0; i < m->n; i++)
		sum += m->w[i] * value[i];
	return sum;
}

double cxms_mixture_least(const struct cxms_seen *seen, const struct cxms_mixture *fit,
			  const double *value, struct cxms_mixture *at)
{
	double away[CXMS_MIX_MAX], expected[CXMS_SEEN_BINS];
	struct cxms_mixture to = *fit;
	struct model m;
	if (at)
		*at = *fit;
	if (seen->samples <= 0)
		return cxms_mixture_mean(fit, value);
	model_init(seen, fit, &m);
	for (unsigned i = 0; i < m.n; i++)
		away[i] = -value[i];
	struct goal goal = {.value = away, .floor = likelihood(&m, fit->w, expected) - LIKELY};
	goal.inside = INSIDE * PUSH_LAST / PUSH_FIRST;
	for (goal.push = PUSH_FIRST; goal.push <= PUSH_LAST; goal.push *= PUSH_STEP) {
		goal.inside = fmax(INSIDE, goal.inside / PUSH_STEP);
		for (int step = 0; step < NEWTON_STEPS && climb(&m, &goal, to.w); step++)
			;
	}
	if (at)
		*at = to;
	return fmax(0, cxms_mixture_mean(&to, value) - PUSH_STEP / goal.push);
}
