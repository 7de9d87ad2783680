#include "sim/calibrate.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/units.h"
#include "sim/hw_events.h"

#define COLUMNS_MAX 64u
#define FIELD_BYTES 96u

static const char *const term_names[CXMS_TERM_COUNT] = {"memory", "cache", "store"};

/* What a column holds: one of these, or the role of a counter (0 and above). */
enum { COL_KERNEL = -100, COL_TERM, COL_FAST, COL_SLOW, COL_FAST_LATENCY, COL_SLOW_LATENCY };
static const struct {
	const char *name;
	int what;
} fixed[] = {
	{"kernel", COL_KERNEL},
	{"term", COL_TERM},
	{"fast_ns", COL_FAST},
	{"slow_ns", COL_SLOW},
	{"fast_latency_ns", COL_FAST_LATENCY},
	{"slow_latency_ns", COL_SLOW_LATENCY},
};
#define N_FIXED (sizeof(fixed) / sizeof(fixed[0]))

struct parse {
	struct cxms_calib *out;
	struct cxms_err *err;
	size_t line;
	size_t n_column;
	int column[COLUMNS_MAX];
};

/* The next field up to a comma or the line's end, without blanks around it. */
static bool next_field(const char **at, char out[FIELD_BYTES])
{
	const char *from = *at, *end;
	if (!from)
		return false;
	end = from + strcspn(from, ",\r\n");
	*at = *end == ',' ? end + 1 : NULL;
	from += strspn(from, " \t");
	while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	size_t n = (size_t)(end - from) < FIELD_BYTES - 1 ? (size_t)(end - from) : FIELD_BYTES - 1;
	memcpy(out, from, n);
	out[n] = '\0';
	return true;
}

static int read_head(struct parse *p, const char *line)
{
	char field[FIELD_BYTES];
	unsigned found = 0;
	while (next_field(&line, field)) {
		if (p->n_column == COLUMNS_MAX)
			return cxms_fail(p->err, EINVAL, "line %zu: over %u columns", p->line,
					 COLUMNS_MAX);
		int what = cxms_hw_role(field);
		for (size_t i = 0; i < N_FIXED; i++)
			if (!strcmp(field, fixed[i].name)) {
				what = fixed[i].what;
				found |= 1u << i;
			}
		p->column[p->n_column++] = what;
	}
	for (size_t i = 0; i < N_FIXED; i++)
		if (!(found >> i & 1))
			return cxms_fail(p->err, EINVAL, "line %zu: column '%s' is missing",
					 p->line, fixed[i].name);
	return 0;
}

static int read_term(struct parse *p, const char *field, enum cxms_term *out)
{
	for (int t = 0; t < CXMS_TERM_COUNT; t++)
		if (!strcmp(field, term_names[t])) {
			*out = (enum cxms_term)t;
			return 0;
		}
	return cxms_fail(p->err, EINVAL, "line %zu: term '%s' is none of memory, cache, store",
			 p->line, field);
}

static int read_number(struct parse *p, const char *field, double least, double *out)
{
	char *end;
	double v = strtod(field, &end);
	if (end == field || *end || !(v >= least) || !(v < 1e30))
		return cxms_fail(p->err, EINVAL, "line %zu: '%s' is no number of at least %g",
				 p->line, field, least);
	*out = v;
	return 0;
}

static int read_value(struct parse *p, int what, const char *field, struct cxms_calib_row *row)
{
	double ns;
	int rc;
	switch (what) {
	case COL_KERNEL:
		snprintf(row->kernel, sizeof(row->kernel), "%.31s", field);
		return 0;
	case COL_TERM:
		return read_term(p, field, &row->term);
	case COL_FAST:
		return read_number(p, field, 1, &row->fast_ns);
	case COL_SLOW:
		return read_number(p, field, 1, &row->slow_ns);
	case COL_FAST_LATENCY:
	case COL_SLOW_LATENCY:
		rc = read_number(p, field, 1, &ns);
		if (!rc)
			*(what == COL_FAST_LATENCY ? &p->out->fast_ps : &p->out->slow_ps) =
				ns * (double)CXMS_PS_PER_NS;
		return rc;
	default:
		if (what < 0 || !*field) /* of no use here, or not counted */
			return 0;
		return read_number(p, field, 0, cxms_hw_member(&row->counts, what));
	}
}

static int read_row(struct parse *p, const char *line)
{
	struct cxms_calib *c = p->out;
	struct cxms_calib_row *row = &c->row[c->n];
	char field[FIELD_BYTES];
	int rc = 0;
	if (c->n == CXMS_CALIB_ROWS_MAX)
		return cxms_fail(p->err, EINVAL, "line %zu: over %u kernels", p->line,
				 CXMS_CALIB_ROWS_MAX);
	memset(row, 0, sizeof(*row));
	cxms_hw_counts_none(&row->counts);
	for (size_t i = 0; i < p->n_column && !rc; i++) {
		if (!next_field(&line, field))
			return cxms_fail(p->err, EINVAL, "line %zu: %zu fields, not %zu", p->line,
					 i, p->n_column);
		rc = read_value(p, p->column[i], field, row);
	}
	c->n += rc == 0;
	return rc;
}

int cxms_calib_parse(const char *text, struct cxms_calib *out, struct cxms_err *err)
{
	struct parse p = {.out = out, .err = err};
	int rc = 0;
	memset(out, 0, sizeof(*out));
	for (const char *at = text; *at && !rc; at += strcspn(at, "\n"), at += *at == '\n') {
		p.line++;
		if (*at == '#' || *at == '\n' || *at == '\r')
			continue;
		rc = p.n_column ? read_row(&p, at) : read_head(&p, at);
	}
	if (!rc && out->n == 0)
		rc = cxms_fail(err, EINVAL,
			       "no kernel was measured; a line of names and one line "
			       "for each kernel are needed");
	return rc;
}

int cxms_calib_fit(const struct cxms_calib *c, struct cxms_predictor *out, struct cxms_err *err)
{
	struct cxms_fit_point *point = calloc(c->n + 1, sizeof(*point));
	if (!point)
		return cxms_fail(err, ENOMEM, "out of memory for %zu kernels", c->n);
	for (size_t i = 0; i < c->n; i++)
		point[i] =
			(struct cxms_fit_point){.counts = c->row[i].counts,
						.slowdown = c->row[i].slow_ns / c->row[i].fast_ns,
						.term = c->row[i].term};
	int rc = cxms_predictor_fit(point, c->n, c->slow_ps - c->fast_ps, out, err);
	free(point);
	return rc;
}

static void print_coefficients(const struct cxms_predictor *p, struct cxms_buf *out)
{
	if (p->points[CXMS_TERM_DRAM] > 0)
		cxms_buf_printf(out,
				"memory  stalls_l3/cycles / (%.6g/AOL + %.6g) + %.6g   residual "
				"%.4f\n",
				p->a, p->b, p->d, p->residual[CXMS_TERM_DRAM]);
	if (p->points[CXMS_TERM_CACHE] > 0)
		cxms_buf_printf(out, "cache   %.6g x signal + %.6g   residual %.4f\n", p->cache,
				p->cache_offset, p->residual[CXMS_TERM_CACHE]);
	if (p->points[CXMS_TERM_STORE] > 0)
		cxms_buf_printf(out,
				"store   %.6g x bound_on_stores/cycles + %.6g   residual %.4f\n",
				p->store, p->store_offset, p->residual[CXMS_TERM_STORE]);
}

void cxms_calib_print(const struct cxms_calib *c, const struct cxms_predictor *p,
		      struct cxms_buf *out)
{
	cxms_buf_printf(out, "fast memory %.4g ns, slow memory %.4g ns\n",
			c->fast_ps / (double)CXMS_PS_PER_NS, c->slow_ps / (double)CXMS_PS_PER_NS);
	cxms_buf_printf(out, "%-20s %-7s %9s %9s %9s\n", "kernel", "term", "measured", "fitted",
			"residual");
	for (size_t i = 0; i < c->n; i++) {
		const struct cxms_calib_row *r = &c->row[i];
		double term[CXMS_TERM_COUNT], fitted = 1, measured = r->slow_ns / r->fast_ns;
		cxms_predict(p, &r->counts, term);
		for (int t = 0; t < CXMS_TERM_COUNT; t++)
			fitted += term[t];
		cxms_buf_printf(out, "%-20s %-7s %9.4f %9.4f %+9.4f\n", r->kernel,
				term_names[r->term], measured, fitted, measured - fitted);
	}
	print_coefficients(p, out);
}
