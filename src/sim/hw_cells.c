#include "sim/hw_cells.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/units.h"
#include "core/stair.h"
#include "place/pagemap.h"
#include "sim/evidence.h"
#include "sim/hw_events.h"
#include "sim/recording.h"

#define PS_PER_NS ((double)CXMS_PS_PER_NS)
/* Misses in a stretch, so that its shares by page mean something: their Poisson error is 14 %. */
#define MISSES_PER_STRETCH 50.0
#define MIN_STRETCH_NS	   20e6 /* as the shortest epoch (MODELS: notation) */
#define MAX_STRETCHES	   50000u
#define MAX_CELLS	   500000.0
/* Time that waits for nothing is told in pieces, so that epochs of any length get their share; of
 * many threads, or hours, longer ones: each takes the room of a sample. */
#define PIECE_NS   10e6
#define MAX_PIECES 1e6
/* A mean of so many latencies is taken for a stretch's own, or for the whole recording's. */
#define OWN_LATENCIES	30u
#define WHOLE_LATENCIES 30u
/* Beyond this it is not the program's: a stream that never misses on demand has hundreds. */
#define MAX_AHEAD 1000.0

/* Means over the whole recording. */
struct whole {
	double mem_ps, llc_ps, latency_ps, hz;
	bool counts_misses; /* there are samples of CXMS_MEM_LLC_MISS: those of loads only time them
			     */
};

struct derive {
	struct cxms_recording *rec;
	struct cxms_hw_cells *c;
	struct whole whole;
	uint32_t *cell_of_mem;
	double *latency_sum; /* by cell, cycles */
	double *walked;	     /* by cell: periods of misses on base pages */
	uint32_t *latencies;
	struct cxms_rec_sample *sample;
	uint32_t *term;
	size_t n, cap, cap_term;
};

static size_t cell_count(const struct derive *d)
{
	return d->c->at.n;
}

/* Which term an access stands for; CXMS_TERM_COUNT = none. */
static int term_of(const struct whole *w, const struct cxms_hw_mem *m)
{
	if (m->flags & CXMS_MEM_KERNEL)
		return CXMS_TERM_COUNT;
	if (m->what == CXMS_MEM_STORE)
		return CXMS_TERM_STORE;
	if (cxms_hw_is_memory(m))
		return m->what == CXMS_MEM_LLC_MISS || !w->counts_misses ? CXMS_TERM_DRAM
									 : CXMS_TERM_COUNT;
	return m->what == CXMS_MEM_LOAD && m->level == CXMS_MEM_LFB ? CXMS_TERM_CACHE
								    : CXMS_TERM_COUNT;
}

static bool has_latency(const struct cxms_hw_mem *m)
{
	return m->what == CXMS_MEM_LOAD && m->latency_cyc > 0 && cxms_hw_is_memory(m);
}

/* A clock for latencies in cycles: as counted, else nominal, else assumed. */
static double clock_hz(const struct cxms_recording *rec)
{
	double cycles = 0, run_ns = 0;
	for (size_t i = 0; i < rec->hw.n_count; i++)
		if (rec->hw.counter[rec->hw.count[i].counter].role ==
		    (int)offsetof(struct cxms_counts, cycles))
			cycles += rec->hw.count[i].value;
	for (size_t i = 0; i < rec->n_thread; i++)
		run_ns += (double)rec->thread[i].run_ns;
	if (cycles > 0 && run_ns > 0)
		return cycles / run_ns * (double)CXMS_NS_PER_S;
	return rec->facts.core_hz ? (double)rec->facts.core_hz : CXMS_ASSUMED_CLOCK_HZ;
}

static void find_whole(struct derive *d)
{
	struct cxms_recording *rec = d->rec;
	struct cxms_stair stair;
	double sum = 0;
	size_t n = 0;
	d->whole.hz = clock_hz(rec);
	for (size_t i = 0; i < rec->hw.n_mem; i++) {
		const struct cxms_hw_mem *m = &rec->hw.mem[i];
		d->whole.counts_misses |= m->what == CXMS_MEM_LLC_MISS;
		sum += has_latency(m) ? m->latency_cyc : 0;
		n += has_latency(m);
	}
	if (n >= WHOLE_LATENCIES)
		d->whole.latency_ps = sum / (double)n * 1e12 / d->whole.hz;
	/* an import that knows no idle latency: what its loads waited, walks included */
	if (rec->facts.mem_latency_ps == 0 && d->whole.latency_ps > 0) {
		rec->facts.mem_latency_ps = (uint64_t)llround(d->whole.latency_ps);
		rec->facts.walk_ps = 0;
	}
	cxms_stair_init(&stair, &rec->facts, 0);
	d->whole.mem_ps = stair.mem_ps;
	d->whole.llc_ps = stair.llc_ps;
}

static uint64_t stretch_ns(const struct derive *d)
{
	double misses = 0, life = 0, ns;
	for (size_t i = 0; i < d->rec->hw.n_mem; i++)
		misses += term_of(&d->whole, &d->rec->hw.mem[i]) == CXMS_TERM_DRAM;
	for (size_t i = 0; i < d->rec->n_thread; i++)
		life += (double)(d->rec->thread[i].exit_ns - d->rec->thread[i].birth_ns);
	ns = MISSES_PER_STRETCH * life / fmax(1, misses);
	ns = fmax(fmax(ns, MIN_STRETCH_NS), life / MAX_CELLS);
	ns = fmax(ns, (double)(d->rec->duration_ns / MAX_STRETCHES + 1));
	return (uint64_t)fmin(ns, (double)d->rec->duration_ns + 1);
}

/* Time in user code: of samples of the clock where there are any, else all time on CPU, else all.
 */
static void find_time(struct derive *d)
{
	double run = 0;
	for (size_t i = 0; i < cell_count(d); i++)
		run += d->c->at.cell[i].cpu_ns;
	for (size_t i = 0; i < cell_count(d); i++) {
		const struct cxms_cell *at = &d->c->at.cell[i];
		struct cxms_hw_cell *c = &d->c->cell[i];
		c->user_ns =
			run <= 0 ? at->alive_ns : (d->rec->n_sample ? at->user_ns : at->cpu_ns);
		c->misses = -1;
		cxms_hw_counts_none(&c->counts);
	}
}

static bool on_huge_page(const struct cxms_recording *rec, const struct cxms_hw_mem *m)
{
	return m->page != CXMS_NO_PAGE &&
	       cxms_pages_at(rec->pages, m->page)->bytes > rec->facts.page_bytes;
}

static void place_accesses(struct derive *d)
{
	for (size_t i = 0; i < d->rec->hw.n_mem; i++) {
		const struct cxms_hw_mem *m = &d->rec->hw.mem[i];
		uint32_t cell = (uint32_t)cxms_cells_at(&d->c->at, m->thread, m->time_ns);
		int term = term_of(&d->whole, m);
		d->cell_of_mem[i] = cell;
		if (term < CXMS_TERM_COUNT)
			d->c->cell[cell].period[term] += m->period;
		if (term == CXMS_TERM_DRAM && !on_huge_page(d->rec, m))
			d->walked[cell] += m->period;
		if (has_latency(m)) {
			d->latency_sum[cell] += m->latency_cyc;
			d->latencies[cell]++;
		}
	}
}

/* What follows the misses is dealt out by them, the rest by time. */
static bool follows_misses(int role)
{
	return role == (int)offsetof(struct cxms_counts, stalls_l3) ||
	       role == (int)offsetof(struct cxms_counts, l3_miss) ||
	       role == (int)offsetof(struct cxms_counts, demand_rd) ||
	       role == (int)offsetof(struct cxms_counts, demand_rd_cycles);
}

/* Part of a count's interval that lies in the stretch of a cell, times what is counted by. */
static double share_of(const struct derive *d, const struct cxms_hw_count *n, size_t cell,
		       bool by_misses)
{
	const struct cxms_cells *at = &d->c->at;
	double from = (double)at->cell[cell].epoch * (double)at->epoch_ns;
	double to = from + (double)at->epoch_ns;
	double begin = fmax(from, (double)n->time_ns - (double)n->enabled_ns);
	double part = fmax(0, fmin(to, (double)n->time_ns) - begin) / (double)at->epoch_ns;
	const struct cxms_hw_cell *c = &d->c->cell[cell];
	return part * (by_misses ? c->period[CXMS_TERM_DRAM] : c->user_ns);
}

/* Sums the shares of one count; @total > 0: deals it out as well. */
static double deal_count(struct derive *d, const struct cxms_hw_count *n, int role, bool by_misses,
			 double total)
{
	const struct cxms_cells *at = &d->c->at;
	uint64_t first =
		(n->time_ns > n->enabled_ns ? n->time_ns - n->enabled_ns : 0) / at->epoch_ns;
	double sum = 0;
	for (uint64_t e = first; e <= n->time_ns / at->epoch_ns && e < at->n_epoch; e++)
		for (size_t k = at->first_of_epoch[e]; k < at->first_of_epoch[e + 1]; k++) {
			size_t cell = at->by_epoch[k];
			if (n->thread != CXMS_NO_THREAD && n->thread != at->cell[cell].thread)
				continue;
			double share = share_of(d, n, cell, by_misses);
			sum += share;
			if (total <= 0)
				continue;
			double *to = cxms_hw_member(&d->c->cell[cell].counts, role);
			*to = fmax(0, *to) + n->value * share / total;
		}
	return sum;
}

static void place_counts(struct derive *d)
{
	for (size_t i = 0; i < d->rec->hw.n_count; i++) {
		const struct cxms_hw_count *n = &d->rec->hw.count[i];
		int role = d->rec->hw.counter[n->counter].role;
		bool by_misses = follows_misses(role);
		double total = deal_count(d, n, role, by_misses, 0);
		if (total <= 0 && by_misses) {
			by_misses = false;
			total = deal_count(d, n, role, by_misses, 0);
		}
		if (total > 0)
			deal_count(d, n, role, by_misses, total);
	}
}

/* As sampled in the stretch, else over the recording, else idle with the walks of base pages. */
static double seen_ps(const struct derive *d, size_t i, double hz)
{
	const struct cxms_hw_cell *c = &d->c->cell[i];
	double misses = c->period[CXMS_TERM_DRAM];
	double seen = d->whole.mem_ps;
	if (misses > 0)
		seen += (double)d->rec->facts.walk_ps * d->walked[i] / misses;
	if (d->whole.latency_ps > 0)
		seen = d->whole.latency_ps;
	if (d->latencies[i] >= OWN_LATENCIES)
		seen = d->latency_sum[i] / d->latencies[i] * 1e12 / hz;
	return fmax(seen, d->whole.llc_ps);
}

static void find_terms(struct derive *d, size_t i)
{
	struct cxms_hw_cell *c = &d->c->cell[i];
	const struct cxms_predictor *p = &d->rec->facts.predictor;
	double hz = c->counts.cycles > 0 && c->user_ns > 0
			    ? c->counts.cycles / c->user_ns * (double)CXMS_NS_PER_S
			    : d->whole.hz;
	c->seen_ps = seen_ps(d, i, hz);
	c->misses = c->counts.l3_miss >= 0 ? c->counts.l3_miss : c->period[CXMS_TERM_DRAM];
	const struct cxms_hw_in in = {.counts = c->counts,
				      .p = cxms_predictor_holds(p) ? p : NULL,
				      .time_ps = c->user_ns * PS_PER_NS,
				      .misses = c->misses,
				      .mem_ps = c->seen_ps,
				      .llc_ps = d->whole.llc_ps};
	cxms_hw_terms(&in, c->term);
}

static void term_add(struct cxms_hw_term *to, const struct cxms_hw_term *from)
{
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		to->stall_ps[k] += from->stall_ps[k];
		to->predicted[k] = fmin(to->predicted[k], from->predicted[k]) < 0
					   ? fmax(to->predicted[k], from->predicted[k])
					   : to->predicted[k] + from->predicted[k];
	}
	to->most_waits += from->most_waits;
	to->lines = fmin(to->lines, from->lines) < 0 ? fmax(to->lines, from->lines)
						     : to->lines + from->lines;
}

static void term_clear(struct cxms_hw_term *t)
{
	*t = (struct cxms_hw_term){.predicted = {-1, -1, -1}, .lines = -1};
}

/* Terms without an access of their own go to the misses. */
static void find_weights(struct cxms_hw_cell *c)
{
	double sum = 0;
	for (int t = 0; t < CXMS_TERM_COUNT; t++) {
		int to = c->period[t] > 0 ? t : CXMS_TERM_DRAM;
		double most = 0;
		for (int k = 0; k < CXMS_SPAN_COUNT; k++)
			most = fmax(most, c->term[t].stall_ps[k]);
		if (c->period[to] > 0)
			c->weight_ns[to] += most / PS_PER_NS;
		sum += c->period[to] > 0 ? most / PS_PER_NS : 0;
	}
	for (int t = 0; t < CXMS_TERM_COUNT && sum > c->user_ns; t++)
		c->weight_ns[t] *= c->user_ns / sum;
}

/* A thread's stretches in order: what one without misses waited is carried to the next with some,
 * or back to the last. */
static void carry(struct derive *d, uint32_t thread)
{
	const size_t *first = d->c->at.first_of_thread;
	struct cxms_hw_term pending[CXMS_TERM_COUNT];
	struct cxms_hw_cell *last = NULL;
	for (int t = 0; t < CXMS_TERM_COUNT; t++)
		term_clear(&pending[t]);
	for (size_t i = first[thread]; i < first[thread + 1]; i++) {
		struct cxms_hw_cell *c = &d->c->cell[i];
		bool has = c->period[CXMS_TERM_DRAM] > 0;
		for (int t = 0; t < CXMS_TERM_COUNT; t++) {
			if (has)
				term_add(&c->term[t], &pending[t]);
			else if (c->period[t] <= 0)
				term_add(&pending[t], &c->term[t]);
			if (has || c->period[t] <= 0)
				term_clear(has ? &pending[t] : &c->term[t]);
		}
		last = has ? c : last;
	}
	for (int t = 0; t < CXMS_TERM_COUNT && last; t++)
		term_add(&last->term[t], &pending[t]);
}

static int put_sample(struct derive *d, const struct cxms_rec_sample *s, uint32_t term)
{
	if (cxms_array_grow((void **)&d->sample, &d->cap, d->n + 1, sizeof(*d->sample)) ||
	    cxms_array_grow((void **)&d->term, &d->cap_term, d->n + 1, sizeof(*d->term)))
		return -ENOMEM;
	d->sample[d->n] = *s;
	d->term[d->n++] = term;
	return 0;
}

/* The last site stands for accesses whose instruction is not known. */
static int add_unknown_site(struct cxms_recording *rec, uint32_t *out)
{
	if (cxms_array_grow((void **)&rec->site, &rec->cap_site, rec->n_site + 1,
			    sizeof(*rec->site)))
		return -ENOMEM;
	rec->site[rec->n_site] = (struct cxms_rec_site){.kind = CXMS_SITE_LOAD};
	*out = (uint32_t)rec->n_site++;
	return 0;
}

/* Where the hardware saw an access, there is one. */
static uint32_t site_of(struct cxms_recording *rec, const struct cxms_hw_mem *m, uint32_t unknown)
{
	if (m->site >= unknown)
		return unknown;
	uint8_t *kind = &rec->site[m->site].kind;
	if (*kind == CXMS_SITE_NONE || *kind == CXMS_SITE_UNDECODED)
		*kind = m->what == CXMS_MEM_STORE ? CXMS_SITE_STORE : CXMS_SITE_LOAD;
	return m->site;
}

static int put_waits(struct derive *d)
{
	uint32_t unknown;
	int rc = add_unknown_site(d->rec, &unknown);
	for (size_t i = 0; i < d->rec->hw.n_mem && !rc; i++) {
		const struct cxms_hw_mem *m = &d->rec->hw.mem[i];
		const struct cxms_hw_cell *c = &d->c->cell[d->cell_of_mem[i]];
		int term = term_of(&d->whole, m);
		if (term == CXMS_TERM_COUNT || c->weight_ns[term] <= 0)
			continue;
		const struct cxms_rec_sample s = {
			.time_ns = m->time_ns,
			.thread = m->thread,
			.site = site_of(d->rec, m, unknown),
			.page = m->page,
			.flags = (uint16_t)((m->page != CXMS_NO_PAGE ? CXMS_SAMPLE_ADDR : 0) |
					    (m->what == CXMS_MEM_STORE ? CXMS_SAMPLE_WRITE : 0)),
			.cpu = m->cpu,
			.weight_ns = c->weight_ns[term] * m->period / c->period[term]};
		rc = put_sample(d, &s,
				(uint32_t)(CXMS_TERM_COUNT * d->cell_of_mem[i] + (uint32_t)term));
	}
	return rc;
}

/* Share of a stretch's user time that waits for nothing the hardware told. */
static double idle_share(const struct cxms_hw_cell *c)
{
	double waits = 0;
	for (int t = 0; t < CXMS_TERM_COUNT; t++)
		waits += c->weight_ns[t];
	return c->user_ns > 0 ? fmax(0, 1 - waits / c->user_ns) : 0;
}

/* Samples of the clock keep their time but for what the accesses explain, and wait for nothing. */
static int put_clock_samples(struct derive *d)
{
	int rc = 0;
	for (size_t i = 0; i < d->rec->n_sample && !rc; i++) {
		struct cxms_rec_sample s = d->rec->sample[i];
		if (!(s.flags & CXMS_SAMPLE_KERNEL))
			s.weight_ns *= idle_share(&d->c->cell[d->c->at.cell_of_sample[i]]);
		s.site = CXMS_NO_SITE;
		s.page = CXMS_NO_PAGE;
		s.flags &= CXMS_SAMPLE_KERNEL;
		rc = put_sample(d, &s, CXMS_NO_GRAIN);
	}
	return rc;
}

static int put_pieces(struct derive *d, uint32_t thread, uint64_t from_ns, uint64_t to_ns,
		      double piece_ns)
{
	int rc = 0;
	for (double at = (double)from_ns; at < (double)to_ns && !rc; at += piece_ns) {
		double end = fmin((double)to_ns, at + piece_ns);
		uint64_t mid = (uint64_t)((at + end) / 2);
		const struct cxms_hw_cell *c = &d->c->cell[cxms_cells_at(&d->c->at, thread, mid)];
		const struct cxms_rec_sample s = {.time_ns = mid,
						  .thread = thread,
						  .site = CXMS_NO_SITE,
						  .page = CXMS_NO_PAGE,
						  .weight_ns = (end - at) * idle_share(c)};
		rc = put_sample(d, &s, CXMS_NO_GRAIN);
	}
	return rc;
}

static int put_rest(struct derive *d)
{
	const struct cxms_recording *rec = d->rec;
	double all_ns = 0;
	int rc = 0;
	if (rec->n_sample)
		return put_clock_samples(d);
	for (size_t i = 0; i < rec->n_run; i++)
		all_ns += (double)rec->run[i].dur_ns;
	for (size_t t = 0; t < rec->n_thread && rec->n_run == 0; t++)
		all_ns += (double)(rec->thread[t].exit_ns - rec->thread[t].birth_ns);
	const double piece_ns = fmax(PIECE_NS, all_ns / MAX_PIECES);
	for (size_t i = 0; i < rec->n_run && !rc; i++)
		rc = put_pieces(d, rec->run[i].thread, rec->run[i].start_ns,
				rec->run[i].start_ns + rec->run[i].dur_ns, piece_ns);
	for (uint32_t t = 0; t < rec->n_thread && rec->n_run == 0 && !rc; t++)
		rc = put_pieces(d, t, rec->thread[t].birth_ns, rec->thread[t].exit_ns, piece_ns);
	return rc;
}

static int allocate(struct derive *d)
{
	size_t n = cell_count(d);
	d->c->cell = calloc(n + 1, sizeof(*d->c->cell));
	d->cell_of_mem = calloc(d->rec->hw.n_mem + 1, sizeof(*d->cell_of_mem));
	d->latency_sum = calloc(n + 1, sizeof(*d->latency_sum));
	d->latencies = calloc(n + 1, sizeof(*d->latencies));
	d->walked = calloc(n + 1, sizeof(*d->walked));
	return d->c->cell && d->cell_of_mem && d->latency_sum && d->latencies && d->walked
		       ? 0
		       : -ENOMEM;
}

/* The controllers count the whole machine: what others read meanwhile is taken for the program's.
 */
static void find_ahead(struct derive *d)
{
	double misses = 0, read;
	read = cxms_hw_read_bytes(&d->rec->hw, d->rec->duration_ns) / CXMS_LINE_BYTES;
	for (size_t i = 0; i < cell_count(d); i++)
		misses += fmax(0, d->c->cell[i].term[CXMS_TERM_DRAM].lines);
	if (misses > 0 && read > misses)
		d->c->ahead_ratio = fmin(MAX_AHEAD, read / misses - 1);
}

static int derive(struct derive *d)
{
	int rc = allocate(d);
	if (rc)
		return rc;
	find_time(d);
	place_accesses(d);
	place_counts(d);
	for (size_t i = 0; i < cell_count(d); i++)
		find_terms(d, i);
	find_ahead(d);
	for (uint32_t t = 0; t < d->rec->n_thread; t++)
		carry(d, t);
	for (size_t i = 0; i < cell_count(d); i++)
		find_weights(&d->c->cell[i]);
	rc = put_waits(d);
	return rc ? rc : put_rest(d);
}

int cxms_hw_derive(struct cxms_recording *rec, struct cxms_err *err)
{
	struct derive d = {.rec = rec};
	int rc;
	if (rec->hw.n_mem == 0)
		return 0;
	d.c = calloc(1, sizeof(*d.c));
	rec->hw.cells = d.c;
	if (!d.c)
		return cxms_fail(err, ENOMEM, "out of memory for the sampled accesses");
	find_whole(&d);
	rc = cxms_cells_build(rec, stretch_ns(&d), &d.c->at, err);
	if (!rc && derive(&d))
		rc = cxms_fail(err, ENOMEM, "out of memory for the sampled accesses");
	if (!rc) {
		free(rec->sample);
		rec->sample = d.sample;
		rec->n_sample = d.n;
		rec->cap_sample = d.cap;
		d.c->term_of_sample = d.term;
	} else {
		free(d.sample);
		free(d.term);
	}
	free(d.cell_of_mem);
	free(d.latency_sum);
	free(d.latencies);
	free(d.walked);
	return rc;
}

void cxms_hw_cells_free(struct cxms_hw_cells *c)
{
	if (!c)
		return;
	cxms_cells_fini(&c->at);
	free(c->cell);
	free(c->term_of_sample);
	free(c);
}
