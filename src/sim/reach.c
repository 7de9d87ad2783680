#include "sim/reach.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "sim/evidence.h"
#include "sim/recording.h"

/* The range of fewer samples is known to worse than an eighth. */
#define MIN_SAMPLES 16u

/* What a group's samples go through; then, of several that overlap, what all of them do. */
struct range {
	uint32_t group, pid;
	uint64_t loop_ip; /* 0: what runs between two uses may lie anywhere */
	uint64_t low, high;
	size_t n;
	double stall_ns, bytes, area_bytes;
};

static bool is_at_random(const struct cxms_rec_site *site, const struct cxms_group *g)
{
	return g->stall_ns > 0 && g->lines_per_stall_ns <= 0 && !g->column_step &&
	       !(site->flags & CXMS_SITE_APPENDS);
}

static void gather(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		   struct range *range)
{
	for (size_t i = 0; i < rec->n_sample; i++) {
		if (ev->grain_of_sample[i] == CXMS_NO_GRAIN)
			continue;
		struct range *r = &range[ev->grain_of_sample[i] / 2];
		uint64_t addr = rec->sample[i].addr;
		r->low = !r->n || addr < r->low ? addr : r->low;
		r->high = addr > r->high ? addr : r->high;
		r->n++;
	}
}

/* Those that count come first; returns how many they are. */
static size_t keep_known(const struct cxms_recording *rec, const struct cxms_evidence *ev,
			 struct range *range)
{
	size_t kept = 0;
	for (uint32_t g = 0; g < ev->n_group; g++) {
		const struct cxms_rec_site *site = &rec->site[ev->group[g].site];
		struct range r = range[g];
		double all = (double)cxms_pages_area_bytes(rec->pages, ev->group[g].area);
		if (r.n < MIN_SAMPLES || !is_at_random(site, &ev->group[g]))
			continue;
		r.group = g;
		r.pid = site->pid;
		r.loop_ip = site->flags & CXMS_SITE_LONG ? 0 : site->loop_ip;
		r.area_bytes = all;
		r.stall_ns = ev->group[g].stall_ns;
		double spread = (double)(r.n + 1) / (double)(r.n - 1);
		r.bytes = fmin(all, spread * (double)(r.high - r.low + CXMS_LINE_BYTES));
		range[kept++] = r;
	}
	return kept;
}

static int by_low(const void *pa, const void *pb)
{
	const struct range *a = pa, *b = pb;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	return a->group < b->group ? -1 : a->group > b->group;
}

static int by_loop(const void *pa, const void *pb)
{
	const struct range *a = pa, *b = pb;
	if (a->pid == b->pid && a->loop_ip != b->loop_ip)
		return a->loop_ip < b->loop_ip ? -1 : 1;
	return by_low(pa, pb);
}

/* Joins the overlapping ones of a loop, in place; returns how many are left. @at: out, [n] the one
 * that each has gone into. */
static size_t join(struct range *range, size_t n, size_t *at)
{
	size_t n_left = 0;
	for (size_t i = 0; i < n; i++) {
		struct range r = range[i], *last = n_left ? &range[n_left - 1] : NULL;
		if (last && r.low <= last->high) {
			double apart = r.high > last->high ? (double)(r.high - last->high) : 0;
			last->bytes = fmax(fmax(last->bytes, r.bytes), last->bytes + apart);
			last->high = r.high > last->high ? r.high : last->high;
			last->stall_ns += r.stall_ns;
		} else {
			range[n_left++] = r;
		}
		at[i] = n_left - 1;
	}
	return n_left;
}

static double reach_of(const struct range *range, size_t n, const struct range *own)
{
	double between = 0;
	for (size_t k = 0; k < n; k++) {
		double uses = range[k].stall_ns * own->bytes / own->stall_ns;
		between += range[k].bytes * -expm1(-uses / range[k].bytes);
	}
	return between / -expm1(-1);
}

/* Of those that share @range, sorted by place: what is used between two uses of their pages. Who
 * may share it with code of other times goes no further than its area. */
static void set_shared(const struct range *range, size_t n, bool anywhere, struct range *joined,
		       size_t *at, struct cxms_evidence *ev)
{
	memcpy(joined, range, n * sizeof(*joined));
	size_t n_joined = join(joined, n, at);
	for (size_t i = 0; i < n; i++) {
		if (anywhere != !range[i].loop_ip)
			continue;
		double reach = reach_of(joined, n_joined, &joined[at[i]]);
		if (anywhere)
			reach = fmin(reach, fmax(range[i].area_bytes, joined[at[i]].bytes));
		ev->group[range[i].group].reach_bytes = reach;
	}
}

static void set_all(struct range *range, size_t n, bool anywhere, struct range *joined, size_t *at,
		    struct cxms_evidence *ev)
{
	qsort(range, n, sizeof(*range), anywhere ? by_low : by_loop);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && range[i].pid == range[end].pid &&
				  (anywhere || range[i].loop_ip == range[end].loop_ip);
		     end++)
			;
		set_shared(&range[i], end - i, anywhere, joined, at, ev);
	}
}

int cxms_reach_find(const struct cxms_recording *rec, struct cxms_evidence *ev)
{
	struct range *range = calloc(ev->n_group + 1, sizeof(*range));
	struct range *joined = calloc(ev->n_group + 1, sizeof(*joined));
	size_t *at = calloc(ev->n_group + 1, sizeof(*at));
	int rc = range && joined && at ? 0 : -ENOMEM;
	if (!rc) {
		gather(rec, ev, range);
		size_t n = keep_known(rec, ev, range);
		set_all(range, n, false, joined, at, ev);
		set_all(range, n, true, joined, at, ev);
	}
	free(range);
	free(joined);
	free(at);
	return rc;
}
