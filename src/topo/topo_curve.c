#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/near.h"
#include "topo/topo_priv.h"

#define CURVE_HEADER	 "read_pct,bandwidth_GBps,latency_ns"
#define CURVE_MAX_ROWS	 10000u
#define CURVE_MAX_SHARES 101u
#define CURVE_MAX_DIGITS 24 /* of one number */
#define CURVE_ASSUMED	 "assumed: "

struct row {
	double pct, bytes_per_s, latency_ps;
	unsigned long line;
};

/* One file while it is read. */
struct reader {
	struct topo_owner *own;
	struct cxms_err *err;
	const char *file, *at, *end;
	unsigned long line;
	bool header;
	struct cxms_topo_curve *curve;
	struct row *row;
	size_t n_row, cap_row;
};

/* The next line without its end, as a text of the owner; NULL at the end of the file. */
static bool next_line(struct reader *r, const char **text, size_t *len)
{
	if (r->at == r->end)
		return false;
	const char *stop = memchr(r->at, '\n', (size_t)(r->end - r->at));
	*text = r->at;
	*len = (size_t)((stop ? stop : r->end) - r->at);
	r->at = stop ? stop + 1 : r->end;
	r->line++;
	return true;
}

static int read_comment(struct reader *r, const char *text, size_t len)
{
	size_t skip = len > 1 && text[1] == ' ' ? 2 : 1;
	const char *said = topo_printf(r->own, "%.*s", (int)(len - skip), text + skip);
	if (!said)
		return -ENOMEM;
	if (r->curve->source && strncmp(said, CURVE_ASSUMED, strlen(CURVE_ASSUMED)) != 0)
		return 0;
	if (memchr(text, '\0', len) || !topo_is_title(said))
		return cxms_fail(r->err, EINVAL,
				 "%s:%lu: a comment that results show must be 1 .. %u bytes of "
				 "printable text",
				 r->file, r->line, TOPO_MAX_TITLE_BYTES);
	if (!r->curve->source)
		r->curve->source = said;
	else
		r->curve->assumed = said + strlen(CURVE_ASSUMED);
	return 0;
}

/* Plain decimals only: digits, at most one point between them. */
static bool is_decimal(const char *s, size_t len)
{
	size_t points = 0;
	if (len == 0 || len > CURVE_MAX_DIGITS || s[0] == '.' || s[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++) {
		points += s[i] == '.';
		if (s[i] != '.' && (s[i] < '0' || s[i] > '9'))
			return false;
	}
	return points <= 1;
}

static int read_number(struct reader *r, const char **at, const char *end, const char *column,
		       double min, double max, double *out)
{
	const char *stop = memchr(*at, ',', (size_t)(end - *at));
	size_t len = (size_t)((stop ? stop : end) - *at);
	char text[CURVE_MAX_DIGITS + 1] = "";
	bool ok = is_decimal(*at, len);
	if (ok) {
		memcpy(text, *at, len);
		*out = strtod(text, NULL);
	}
	if (!ok || *out < min || *out > max)
		return cxms_fail(r->err, EINVAL,
				 "%s:%lu: '%s' must be a plain number, %.0f .. %.0f, got '%.*s'",
				 r->file, r->line, column, min, max,
				 (int)(len < CURVE_MAX_DIGITS ? len : CURVE_MAX_DIGITS), *at);
	*at = stop ? stop + 1 : end;
	return 0;
}

static int add_row(struct reader *r, const struct row *row)
{
	void *list = r->row;
	const struct row *last = r->n_row ? &r->row[r->n_row - 1] : NULL;
	if (last && row->pct < last->pct)
		return cxms_fail(r->err, EINVAL,
				 "%s:%lu: 'read_pct' falls from %g to %g; sort the rows by it",
				 r->file, r->line, last->pct, row->pct);
	if (r->n_row == CURVE_MAX_ROWS)
		return cxms_fail(r->err, EFBIG, "%s:%lu: too many rows; at most %u", r->file,
				 r->line, CURVE_MAX_ROWS);
	if (cxms_array_grow(&list, &r->cap_row, r->n_row + 1, sizeof(*r->row)) < 0)
		return -ENOMEM;
	r->row = list;
	r->row[r->n_row++] = *row;
	return 0;
}

static int read_row(struct reader *r, const char *text, size_t len)
{
	const char *at = text, *end = text + len;
	struct row row = {.line = r->line};
	double gb = 0, ns = 0;
	size_t commas = 0;
	for (size_t i = 0; i < len; i++)
		commas += text[i] == ',';
	if (commas != 2)
		return cxms_fail(r->err, EINVAL, "%s:%lu: a row must have the three columns %s",
				 r->file, r->line, CURVE_HEADER);
	int rc = read_number(r, &at, end, "read_pct", 0, 100, &row.pct);
	if (rc == 0)
		rc = read_number(r, &at, end, "bandwidth_GBps", 0, 1e6, &gb);
	if (rc == 0)
		rc = read_number(r, &at, end, "latency_ns", 1, 1e6, &ns);
	if (rc < 0)
		return rc;
	row.bytes_per_s = gb * 1e9;
	row.latency_ps = ns * 1e3;
	return add_row(r, &row);
}

static int read_line(struct reader *r, const char *text, size_t len)
{
	if (!r->header && len && text[0] == '#')
		return read_comment(r, text, len);
	if (r->header)
		return read_row(r, text, len);
	if (!r->curve->source)
		return cxms_fail(r->err, EINVAL,
				 "%s:%lu: the first line must say what was measured: '# ...'",
				 r->file, r->line);
	r->header = len == strlen(CURVE_HEADER) && memcmp(text, CURVE_HEADER, len) == 0;
	return r->header ? 0
			 : cxms_fail(r->err, EINVAL, "%s:%lu: the columns must be %s", r->file,
				     r->line, CURVE_HEADER);
}

static int by_bandwidth(const void *va, const void *vb)
{
	const struct row *a = va, *b = vb;
	if (a->bytes_per_s < b->bytes_per_s)
		return -1;
	return a->bytes_per_s > b->bytes_per_s;
}

/* Mean latency of rows with the same bandwidth; how many rows are left. */
static size_t merge_equal(struct row *row, size_t n)
{
	size_t kept = 0, same = 1;
	for (size_t i = 1; i < n; i++) {
		if (row[i].bytes_per_s > row[kept].bytes_per_s) {
			row[++kept] = row[i];
			same = 1;
			continue;
		}
		row[kept].latency_ps += (row[i].latency_ps - row[kept].latency_ps) / (double)++same;
	}
	return kept + 1;
}

/*
 * Isotonic regression (pool adjacent violators): the rising sequence nearest in least squares.
 * @end[i] of a pool is one past its last row.
 */
static void make_rise(double *latency, size_t n, double *mean, size_t *end)
{
	size_t pools = 0;
	for (size_t i = 0; i < n; i++) {
		mean[pools] = latency[i];
		end[pools++] = i + 1;
		while (pools > 1 && mean[pools - 1] < mean[pools - 2]) {
			size_t start = pools > 2 ? end[pools - 3] : 0;
			double a = (double)(end[pools - 2] - start);
			double b = (double)(end[pools - 1] - end[pools - 2]);
			mean[pools - 2] = (mean[pools - 2] * a + mean[pools - 1] * b) / (a + b);
			end[pools - 2] = end[pools - 1];
			pools--;
		}
	}
	for (size_t p = 0, i = 0; p < pools; p++)
		for (; i < end[p]; i++)
			latency[i] = mean[p];
}

/* Rows behind the peak as they stand in the file. */
static void keep_over(struct cxms_curve_part *part, double *v, const struct row *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		v[i] = row[i].bytes_per_s;
		v[n + i] = row[i].latency_ps;
	}
	part->n_over = n;
	part->over_bytes_per_s = v;
	part->over_latency_ps = v + n;
}

/* Rows up to the peak, sorted and made to rise; 0 or -ENOMEM. */
static int keep_rise(struct cxms_curve_part *part, double *v, struct row *row, size_t n)
{
	qsort(row, n, sizeof(*row), by_bandwidth);
	n = merge_equal(row, n);
	double *mean = malloc(n * sizeof(*mean));
	size_t *end = malloc(n * sizeof(*end));
	for (size_t i = 0; i < n; i++) {
		v[i] = row[i].bytes_per_s;
		v[n + i] = row[i].latency_ps;
	}
	bool ok = mean && end;
	if (ok)
		make_rise(v + n, n, mean, end);
	free(mean);
	free(end);
	part->n = n;
	part->bytes_per_s = v;
	part->latency_ps = v + n;
	return ok ? 0 : -ENOMEM;
}

static int fill_part(struct reader *r, struct cxms_curve_part *part, struct row *row, size_t n)
{
	size_t peak = 0;
	unsigned long line = row[0].line;
	for (size_t i = 1; i < n; i++)
		if (row[i].bytes_per_s > row[peak].bytes_per_s)
			peak = i;
	double *v = topo_alloc(r->own, 2 * n, sizeof(*v));
	if (!v)
		return -ENOMEM;
	part->read_pct = row[0].pct;
	keep_over(part, v + 2 * (peak + 1), row + peak + 1, n - peak - 1);
	int rc = keep_rise(part, v, row, peak + 1);
	if (rc == 0 && part->n < 2)
		rc = cxms_fail(r->err, EINVAL,
			       "%s:%lu: read_pct %g needs at least two rows of different bandwidth "
			       "up to its peak",
			       r->file, line, part->read_pct);
	if (rc == 0 && topo_curve_peak(part) < TOPO_MIN_RATE)
		rc = cxms_fail(r->err, EINVAL, "%s:%lu: read_pct %g peaks below 1 MB/s", r->file,
			       line, part->read_pct);
	return rc;
}

static int fill_parts(struct reader *r)
{
	struct cxms_topo_curve *c = r->curve;
	struct cxms_curve_part *part;
	size_t shares = 0, n;
	for (size_t i = 0; i < r->n_row; i++)
		shares += i == 0 || r->row[i].pct > r->row[i - 1].pct;
	if (shares == 0)
		return cxms_fail(r->err, EINVAL, "%s:%lu: no rows; give lines such as 100,20.5,250",
				 r->file, r->line ? r->line : 1);
	if (shares > CURVE_MAX_SHARES)
		return cxms_fail(r->err, EFBIG, "%s:%lu: too many read shares; at most %u", r->file,
				 r->line, CURVE_MAX_SHARES);
	part = topo_alloc(r->own, shares, sizeof(*part));
	if (!part)
		return -ENOMEM;
	c->part = part;
	for (size_t i = 0; i < r->n_row; i += n) {
		for (n = 1; i + n < r->n_row && r->row[i + n].pct <= r->row[i].pct;)
			n++;
		int rc = fill_part(r, &part[c->n_part], &r->row[i], n);
		if (rc < 0)
			return rc;
		double idle = part[c->n_part].latency_ps[0];
		if (c->n_part++ == 0 || idle < c->idle_ps)
			c->idle_ps = idle;
	}
	return 0;
}

int topo_curve_parse(struct topo_owner *own, const char *name, const char *file, const void *data,
		     size_t len, const struct cxms_topo_curve **out, struct cxms_err *err)
{
	const char *bytes = len ? data : "";
	struct reader r = {.own = own, .err = err, .file = file, .at = bytes, .end = bytes + len};
	const char *text;
	size_t n;
	int rc = 0;
	r.curve = topo_alloc(own, 1, sizeof(*r.curve));
	if (!r.curve || !(r.curve->name = topo_printf(own, "%s", name)))
		rc = -ENOMEM;
	while (rc == 0 && next_line(&r, &text, &n))
		rc = read_line(&r, text, n);
	if (rc == 0 && !r.header)
		rc = cxms_fail(err, EINVAL, "%s:%lu: the columns are missing: %s", file,
			       r.line ? r.line : 1, CURVE_HEADER);
	if (rc == 0)
		rc = fill_parts(&r);
	if (rc == 0)
		*out = r.curve;
	free(r.row);
	return rc == -ENOMEM ? cxms_fail_sys(err, ENOMEM, "cannot read '%s'", file) : rc;
}

double topo_curve_peak(const struct cxms_curve_part *part)
{
	return part->bytes_per_s[part->n - 1];
}
