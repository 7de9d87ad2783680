#include "core/predict.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>

#include "base/err.h"

#define MAX_COEF 3
/* Less is no other memory, and would make any noise of the fit enormous: 1 ns. */
#define MIN_ADDED_PS 1000.0
/* Steps of the iteration: it converges within ten on points that follow the form. */
#define MAX_STEPS 200
/* Pivots below this share of the largest element: the equations do not determine the unknowns. */
#define SINGULAR_RATIO 1e-12

static const char *const term_name[CXMS_TERM_COUNT] = {"memory", "cache", "store"};

bool cxms_predictor_holds(const struct cxms_predictor *p)
{
	double sum = p->a + p->b + p->d + p->cache + p->cache_offset + p->store + p->store_offset;
	for (int t = 0; t < CXMS_TERM_COUNT; t++) {
		if (!(p->residual[t] >= 0) || !(p->points[t] >= 0))
			return false;
		sum += p->residual[t] + p->points[t];
	}
	return p->added_ps >= MIN_ADDED_PS && isfinite(sum + p->added_ps);
}

bool cxms_counts_have(const struct cxms_counts *c, enum cxms_term term)
{
	if (c->cycles <= 0)
		return false;
	switch (term) {
	case CXMS_TERM_DRAM:
		return c->stalls_l3 >= 0 && c->demand_rd >= 0 && c->demand_rd_cycles >= 0;
	case CXMS_TERM_CACHE:
		return c->stalls_l1d >= 0 && c->stalls_l2 >= 0 && c->fb_hit >= 0 &&
		       c->l1_miss >= 0 && c->pf_any >= 0 && c->pf_l3_hit >= 0;
	default:
		return c->bound_on_stores >= 0;
	}
}

static double part(double some, double all)
{
	return all > 0 ? fmin(1, fmax(0, some / all)) : 0;
}

double cxms_term_signal(const struct cxms_counts *c, enum cxms_term term)
{
	switch (term) {
	case CXMS_TERM_DRAM:
		return part(c->stalls_l3, c->cycles);
	case CXMS_TERM_CACHE:
		return part(c->pf_any - c->pf_l3_hit, c->pf_any) *
		       part(c->fb_hit, c->fb_hit + c->l1_miss) *
		       part(c->stalls_l1d - c->stalls_l2, c->cycles);
	default:
		return part(c->bound_on_stores, c->cycles);
	}
}

/* Latency over parallelism, cycles; 0 where there was no such read. */
static double aol_of(const struct cxms_counts *c)
{
	return c->demand_rd > 0 && c->demand_rd_cycles > 0 ? c->demand_rd_cycles / c->demand_rd : 0;
}

static double dram_of(const double coef[MAX_COEF], double signal, double aol)
{
	double below = coef[0] / aol + coef[1];
	return below > 0 ? signal / below + coef[2] : 0;
}

void cxms_predict(const struct cxms_predictor *p, const struct cxms_counts *c,
		  double out[CXMS_TERM_COUNT])
{
	const double dram[MAX_COEF] = {p->a, p->b, p->d};
	for (int t = 0; t < CXMS_TERM_COUNT; t++) {
		enum cxms_term term = (enum cxms_term)t;
		double aol = aol_of(c), signal, v;
		out[t] = 0;
		if (p->points[t] <= 0 || !cxms_counts_have(c, term))
			continue;
		signal = cxms_term_signal(c, term);
		if (signal <= 0 || (term == CXMS_TERM_DRAM && aol <= 0))
			continue;
		if (term == CXMS_TERM_DRAM)
			v = dram_of(dram, signal, aol);
		else if (term == CXMS_TERM_CACHE)
			v = p->cache * signal + p->cache_offset;
		else
			v = p->store * signal + p->store_offset;
		out[t] = fmax(0, v);
	}
}

/* Normal equations of one step, and their solution. */
struct normal {
	int n;
	double m[MAX_COEF][MAX_COEF + 1];
};

static void normal_add(struct normal *e, const double *gradient, double value)
{
	for (int i = 0; i < e->n; i++) {
		for (int k = 0; k < e->n; k++)
			e->m[i][k] += gradient[i] * gradient[k];
		e->m[i][e->n] += gradient[i] * value;
	}
}

/* Scaled to a unit diagonal, then Gauss with pivots; false: singular. */
static bool normal_solve(struct normal *e, double *x)
{
	double scale[MAX_COEF];
	for (int i = 0; i < e->n; i++) {
		if (e->m[i][i] <= 0)
			return false;
		scale[i] = 1 / sqrt(e->m[i][i]);
	}
	for (int i = 0; i < e->n; i++) {
		for (int k = 0; k < e->n; k++)
			e->m[i][k] *= scale[i] * scale[k];
		e->m[i][e->n] *= scale[i];
	}
	for (int i = 0; i < e->n; i++) {
		int best = i;
		for (int r = i + 1; r < e->n; r++)
			if (fabs(e->m[r][i]) > fabs(e->m[best][i]))
				best = r;
		if (fabs(e->m[best][i]) < SINGULAR_RATIO)
			return false;
		for (int k = 0; k <= e->n; k++) {
			double swap = e->m[i][k];
			e->m[i][k] = e->m[best][k];
			e->m[best][k] = swap;
		}
		for (int r = 0; r < e->n; r++) {
			double times = r == i ? 0 : e->m[r][i] / e->m[i][i];
			for (int k = i; k <= e->n; k++)
				e->m[r][k] -= times * e->m[i][k];
		}
	}
	for (int i = 0; i < e->n; i++)
		x[i] = e->m[i][e->n] / e->m[i][i] * scale[i];
	return true;
}

struct fit {
	const struct cxms_fit_point *point;
	size_t n;
	double times; /* points of the term */
};

static double dram_error(const struct fit *f, const double *coef)
{
	double sum = 0;
	for (size_t i = 0; i < f->n; i++) {
		const struct cxms_counts *c = &f->point[i].counts;
		if (f->point[i].term != CXMS_TERM_DRAM)
			continue;
		double v = dram_of(coef, cxms_term_signal(c, CXMS_TERM_DRAM), aol_of(c));
		double r = f->point[i].slowdown - 1 - v;
		sum += r * r;
	}
	return sum;
}

/* Where to begin: d = 0 makes the form linear, s/S = a/AOL + b. */
static bool dram_start(const struct fit *f, double *coef)
{
	struct normal e = {.n = 2};
	for (size_t i = 0; i < f->n; i++) {
		const struct cxms_counts *c = &f->point[i].counts;
		double slower = f->point[i].slowdown - 1;
		if (f->point[i].term != CXMS_TERM_DRAM)
			continue;
		/* weighed by S, so that points of little slowdown do not rule */
		const double gradient[2] = {slower / aol_of(c), slower};
		normal_add(&e, gradient, cxms_term_signal(c, CXMS_TERM_DRAM));
	}
	coef[2] = 0;
	return normal_solve(&e, coef);
}

/* Levenberg-Marquardt: @damp of the diagonal is added. */
static bool dram_step(const struct fit *f, const double *coef, double damp, double *step)
{
	struct normal e = {.n = MAX_COEF};
	for (size_t i = 0; i < f->n; i++) {
		const struct cxms_counts *c = &f->point[i].counts;
		if (f->point[i].term != CXMS_TERM_DRAM)
			continue;
		double signal = cxms_term_signal(c, CXMS_TERM_DRAM), aol = aol_of(c);
		double below = coef[0] / aol + coef[1];
		double slope = -signal / (below * below);
		const double gradient[MAX_COEF] = {slope / aol, slope, 1};
		normal_add(&e, gradient, f->point[i].slowdown - 1 - dram_of(coef, signal, aol));
	}
	for (int i = 0; i < MAX_COEF; i++)
		e.m[i][i] *= 1 + damp;
	return normal_solve(&e, step);
}

static int fit_dram(const struct fit *f, struct cxms_predictor *out, struct cxms_err *err)
{
	double coef[MAX_COEF], step[MAX_COEF], damp = 1e-6;
	bool told = dram_start(f, coef) && dram_step(f, coef, 0, step);
	double error = told ? dram_error(f, coef) : 0;
	for (int i = 0; i < MAX_STEPS && told && error > 0 && damp < 1e12; i++) {
		double next[MAX_COEF];
		if (!dram_step(f, coef, damp, step))
			break;
		for (int k = 0; k < MAX_COEF; k++)
			next[k] = coef[k] + step[k];
		double now = dram_error(f, next);
		if (now < error) {
			for (int k = 0; k < MAX_COEF; k++)
				coef[k] = next[k];
			error = now;
			damp /= 10;
		} else {
			damp *= 10;
		}
	}
	if (!told)
		return cxms_fail(err, EDOM,
				 "the kernels do not tell the coefficients of the memory term "
				 "apart; run kernels of different parallelism");
	out->a = coef[0];
	out->b = coef[1];
	out->d = coef[2];
	out->residual[CXMS_TERM_DRAM] = sqrt(error / (f->times - MAX_COEF));
	return 0;
}

/* What the terms fitted so far leave of a point. */
static double left_of(const struct cxms_predictor *p, const struct cxms_fit_point *point)
{
	double known[CXMS_TERM_COUNT], sum = 0;
	cxms_predict(p, &point->counts, known);
	for (int t = 0; t < CXMS_TERM_COUNT; t++)
		sum += known[t];
	return point->slowdown - 1 - sum;
}

static int fit_line(const struct fit *f, enum cxms_term term, const struct cxms_predictor *known,
		    double *slope, double *offset, double *residual, struct cxms_err *err)
{
	struct normal e = {.n = 2};
	double x[2], sum = 0;
	for (size_t i = 0; i < f->n; i++) {
		const double gradient[2] = {cxms_term_signal(&f->point[i].counts, term), 1};
		if (f->point[i].term == term)
			normal_add(&e, gradient, left_of(known, &f->point[i]));
	}
	if (!normal_solve(&e, x))
		return cxms_fail(err, EDOM,
				 "the kernels do not tell the coefficients of the %s term apart; "
				 "run kernels that wait for it to different extents",
				 term_name[term]);
	for (size_t i = 0; i < f->n; i++) {
		double r = left_of(known, &f->point[i]) -
			   x[0] * cxms_term_signal(&f->point[i].counts, term) - x[1];
		sum += f->point[i].term == term ? r * r : 0;
	}
	*slope = x[0];
	*offset = x[1];
	*residual = sqrt(sum / (f->times - 2));
	return 0;
}

static int check_points(const struct fit *f, enum cxms_term term, struct cxms_err *err)
{
	double least = term == CXMS_TERM_DRAM ? 4 : 3;
	if (f->times < least)
		return cxms_fail(err, ENODATA,
				 "%.0f kernels for the %s term, which takes %.0f at least",
				 f->times, term_name[term], least);
	for (size_t i = 0; i < f->n; i++) {
		const struct cxms_counts *c = &f->point[i].counts;
		if (f->point[i].term != term)
			continue;
		if (!cxms_counts_have(c, term) || (term == CXMS_TERM_DRAM && aol_of(c) <= 0))
			return cxms_fail(err, EINVAL,
					 "kernel %zu lacks a counter of the %s term; count all of "
					 "them",
					 i, term_name[term]);
	}
	return 0;
}

int cxms_predictor_fit(const struct cxms_fit_point *point, size_t n, double added_ps,
		       struct cxms_predictor *out, struct cxms_err *err)
{
	struct cxms_predictor p = {.added_ps = added_ps};
	if (!(added_ps >= MIN_ADDED_PS))
		return cxms_fail(err, EINVAL,
				 "the slow memory is not slower than the fast one; nothing can be "
				 "fitted");
	for (int t = 0; t < CXMS_TERM_COUNT; t++) {
		enum cxms_term term = (enum cxms_term)t;
		struct fit f = {.point = point, .n = n};
		int rc;
		for (size_t i = 0; i < n; i++)
			f.times += point[i].term == term;
		if (f.times <= 0)
			continue;
		rc = check_points(&f, term, err);
		if (!rc && term == CXMS_TERM_DRAM)
			rc = fit_dram(&f, &p, err);
		else if (!rc && term == CXMS_TERM_CACHE)
			rc = fit_line(&f, term, &p, &p.cache, &p.cache_offset, &p.residual[t], err);
		else if (!rc)
			rc = fit_line(&f, term, &p, &p.store, &p.store_offset, &p.residual[t], err);
		if (rc)
			return rc;
		p.points[t] = f.times;
	}
	*out = p;
	return 0;
}
