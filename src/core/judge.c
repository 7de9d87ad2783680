#include "core/judge.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/units.h"
#include "core/collide.h"
#include "core/demand.h"
#include "core/mixture.h"
#include "core/reuse.h"
#include "core/stair.h"

#define LAGS	 4
#define LAG_STEP 8
#define SLICES	 4
/* Below ten pairs the relative error of their number exceeds 1/sqrt(10) = 32 %: not resolved. */
#define MIN_PAIRS 10.0
/* Sets that differ by less than this factor are taken for the same set seen at two lags. */
#define CLEARLY 1.3
/* Two-sided 90 % of a normal distribution. */
#define Z90 1.645
/* Of all waiting: a group below it takes what its area shows, an area what it touched. */
#define MIN_WAIT_RATIO 1e-3
/* Pairs of a group's own taken for granted, on lines that the others wait for as well. */
#define SHARED_PRIOR 3.0
/* Of a sample: as long as no run is. */
#define MAX_WEIGHT_NS 1e18
/* Answers kept, a power of two. */
#define TOLD 1024u
/* A stream takes more than this of its area's waits: the others need no room of their own. */
#define MOSTLY 0.95
/* Searches for the least memory: by what the likeliest mixtures leave of the cache, and by what the
 * mixtures that the first one found do. Of the way to each these parts are looked at. */
#define LEAST_ROUNDS 2
#define LEAST_PARTS  4

/* What is known of an area, or of a group. */
struct known {
	struct cxms_mixture mix;
	/* of an area: with as little memory as can be, as found in each search; as much */
	struct cxms_mixture least[LEAST_ROUNDS], most;
	struct cxms_mixture part; /* on the way to one of them */
	struct cxms_seen seen;	  /* at the lag that counts */
	double random, random_lo, random_hi;
	bool turns_told; /* pairs at a short lag, or that there are none, tell of turns */
	double stall_ns, slice_ns[SLICES];
	double all_ns; /* waiting for its lines by all groups of the area */
	bool fitted;   /* a group with a mixture of its own */
};

/* What was found for a group that takes its area's mixture: many ask for the same. */
struct told {
	const struct known *area; /* NULL = free */
	unsigned parts;
	double before[CXMS_MIX_MAX], after[LEAST_PARTS][CXMS_MIX_MAX], least;
};

struct work {
	const struct cxms_judge *in;
	size_t *first; /* by key, into order */
	uint32_t *order;
	uint64_t *scratch;
	struct cxms_collide_sample *seen;
	struct known *area, *group;
	struct told *told; /* [TOLD] */
	double stall_ns;
	uint64_t begin_ns, span_ns;
	struct cxms_reuse slice[SLICES], whole, large[LEAST_ROUNDS][LEAST_PARTS], small;
};

static void work_fini(struct work *w)
{
	free(w->first);
	free(w->order);
	free(w->scratch);
	free(w->seen);
	free(w->area);
	free(w->group);
	free(w->told);
}

static int work_init(struct work *w, const struct cxms_judge *in)
{
	size_t n = in->n_sample, keys = in->n_area > in->n_group ? in->n_area : in->n_group;
	*w = (struct work){.in = in,
			   .first = calloc(keys + 2, sizeof(*w->first)),
			   .order = malloc((n + 1) * sizeof(*w->order)),
			   .scratch = malloc((2 * n + 1) * sizeof(*w->scratch)),
			   .seen = malloc((n + 1) * sizeof(*w->seen)),
			   .area = calloc(in->n_area + 1, sizeof(*w->area)),
			   .group = calloc(in->n_group + 1, sizeof(*w->group)),
			   .told = calloc(TOLD, sizeof(*w->told))};
	if (!w->first || !w->order || !w->scratch || !w->seen || !w->area || !w->group || !w->told)
		return -ENOMEM;
	double first_ns = 0;
	uint64_t end_ns = 0;
	w->begin_ns = UINT64_MAX;
	for (size_t i = 0; i < n; i++) {
		const struct cxms_judge_sample *s = &in->sample[i];
		if (s->time_ns < w->begin_ns) {
			w->begin_ns = s->time_ns;
			first_ns = s->weight_ns;
		}
		end_ns = s->time_ns > end_ns ? s->time_ns : end_ns;
	}
	/* the first stands for time before it: a single one would be all waiting, in no time */
	w->span_ns = n > 0 ? end_ns - w->begin_ns + 1 : 0;
	if ((double)w->span_ns < first_ns)
		w->span_ns = (uint64_t)fmin(ceil(first_ns), MAX_WEIGHT_NS);
	return 0;
}

static uint32_t key_of(const struct work *w, size_t sample, bool by_area)
{
	uint32_t g = w->in->sample[sample].group;
	return by_area ? w->in->group[g].area : g;
}

/* Counting sort by key, stable, so that each key's samples stay in order of time. */
static void sort_by(struct work *w, bool by_area)
{
	size_t keys = by_area ? w->in->n_area : w->in->n_group;
	memset(w->first, 0, (keys + 2) * sizeof(*w->first));
	for (size_t i = 0; i < w->in->n_sample; i++)
		w->first[key_of(w, i, by_area) + 2]++;
	for (size_t k = 2; k < keys + 2; k++)
		w->first[k] += w->first[k - 1];
	for (size_t i = 0; i < w->in->n_sample; i++)
		w->order[w->first[key_of(w, i, by_area) + 1]++] = (uint32_t)i;
}

static void sum_stall(struct work *w)
{
	for (size_t i = 0; i < w->in->n_sample; i++) {
		const struct cxms_judge_sample *s = &w->in->sample[i];
		struct known *g = &w->group[s->group], *a = &w->area[w->in->group[s->group].area];
		uint64_t slice = (s->time_ns - w->begin_ns) * SLICES / w->span_ns;
		g->stall_ns += s->weight_ns;
		a->stall_ns += s->weight_ns;
		g->slice_ns[slice] += s->weight_ns;
		a->slice_ns[slice] += s->weight_ns;
		w->stall_ns += s->weight_ns;
	}
}

/* Pairs per pair of samples at least this, 90 %. */
static double density_least(const struct cxms_seen *s)
{
	return fmax(0, s->pairs - Z90 * sqrt(s->pairs)) / fmax(1, s->sum_sq);
}

/* The longest lag at which lines meet as often as at any shorter one. */
static unsigned choose_lag(const struct cxms_seen *seen)
{
	double most = 0;
	for (unsigned k = 0; k < LAGS; k++)
		if (seen[k].pairs >= MIN_PAIRS)
			most = fmax(most, density_least(&seen[k]));
	for (unsigned k = LAGS; k-- > 1;)
		if (seen[k].pairs / fmax(1, seen[k].sum_sq) * CLEARLY >= most)
			return k;
	return 0;
}

/*
 * Uses at random come at any lag alike, and are seen in proportion to their cost: soon after
 * another use they hit, so at short lags at least L_llc/L_mem of the pairs of the long run are
 * seen. Uses in turn are not seen at all before the turn is over. The shortest lag with enough
 * pairs decides.
 */
static void judge_turns(const struct cxms_stair *stair, const struct cxms_seen *seen, unsigned lag,
			struct known *k)
{
	k->random = k->random_hi = 1;
	k->random_lo = 0;
	for (unsigned i = 0; i < lag; i++) {
		double all = seen[lag].pairs * seen[i].sum_sq / fmax(1, seen[lag].sum_sq);
		double want = all * stair->llc_ps / stair->mem_ps;
		double got = seen[i].pairs, most = got + Z90 * sqrt(got) + Z90 * Z90;
		if (all < MIN_PAIRS)
			continue;
		k->turns_told = true;
		k->random_lo = fmin(1, fmax(0, got - Z90 * sqrt(got)) / all);
		if (most < want) {
			k->random_hi = most / want;
			k->random = got / want;
		}
		return;
	}
}

static uint64_t longer_lag(uint64_t length)
{
	return length > UINT64_MAX / LAG_STEP ? UINT64_MAX : length * LAG_STEP;
}

/* Count the samples of one key at all lags, and keep the lag that counts. */
static void look(struct work *w, size_t key, struct known *k)
{
	size_t from = w->first[key], n = w->first[key + 1] - from;
	struct cxms_seen seen[LAGS];
	uint64_t length = w->in->window_ns;
	for (size_t i = 0; i < n; i++) {
		const struct cxms_judge_sample *s = &w->in->sample[w->order[from + i]];
		w->seen[i] = (struct cxms_collide_sample){.line = s->line,
							  .time_ns = s->time_ns - w->begin_ns};
	}
	for (unsigned lag = 0; lag < LAGS; lag++, length = longer_lag(length)) {
		for (size_t i = 0; i < n; i++)
			w->seen[i].window =
				lag + 1 < LAGS ? (uint32_t)(w->seen[i].time_ns / length) : 0;
		cxms_collide_count(w->seen, n, w->scratch, &seen[lag]);
	}
	unsigned lag = choose_lag(seen);
	k->seen = seen[lag];
	judge_turns(w->in->stair, seen, lag, k);
}

static double touched_lines(const struct work *w, size_t area)
{
	return fmax(1, w->in->touched_bytes[area] / CXMS_LINE_BYTES);
}

static void fit_areas(struct work *w)
{
	sort_by(w, true);
	for (size_t a = 0; a < w->in->n_area; a++) {
		struct known *k = &w->area[a];
		if (k->stall_ns <= 0)
			continue;
		if (k->stall_ns >= MIN_WAIT_RATIO * w->stall_ns)
			look(w, a, k);
		else
			k->random = k->random_hi = 1;
		k->all_ns = k->stall_ns;
		cxms_mixture_fit(&k->seen, touched_lines(w, a), NULL, &k->mix);
	}
}

static void fit_groups(struct work *w)
{
	sort_by(w, false);
	for (size_t g = 0; g < w->in->n_group; g++) {
		struct known *k = &w->group[g], area = w->area[w->in->group[g].area];
		if (k->stall_ns <= 0)
			continue;
		k->fitted =
			k->stall_ns >= MIN_WAIT_RATIO * w->stall_ns && k->stall_ns < area.stall_ns;
		if (!k->fitted) {
			memcpy(area.slice_ns, k->slice_ns, sizeof(area.slice_ns));
			area.stall_ns = k->stall_ns;
			*k = area;
			continue;
		}
		look(w, g, k);
		cxms_mixture_fit(&k->seen, touched_lines(w, w->in->group[g].area), &area.mix,
				 &k->mix);
	}
}

struct met {
	uint64_t line;
	uint32_t group;
};

static int by_line(const void *a, const void *b)
{
	const struct met *x = a, *y = b;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->group < y->group ? -1 : x->group > y->group;
}

/* own[g]: pairs of g's samples; cross[g]: pairs of one of g's samples and one of another group's */
static void count_met(const struct met *met, size_t n, double *own, double *cross)
{
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && met[end].line == met[i].line; end++)
			;
		for (size_t j = i, last; j < end; j = last) {
			for (last = j; last < end && met[last].group == met[j].group; last++)
				;
			double c = (double)(last - j);
			own[met[j].group] += c * (c - 1) / 2;
			cross[met[j].group] += c * (double)(end - i - (last - j));
		}
	}
}

/* How much the other groups of the area wait for a group's lines as well. */
static int find_shared(struct work *w)
{
	size_t n_group = w->in->n_group;
	struct met *met = malloc((w->in->n_sample + 1) * sizeof(*met));
	double *own = calloc(n_group + 1, sizeof(*own)), *cross = calloc(n_group + 1, sizeof(*own));
	int rc = met && own && cross ? 0 : -ENOMEM;
	if (!rc)
		sort_by(w, true);
	for (size_t a = 0; a < w->in->n_area && !rc; a++) {
		size_t from = w->first[a], n = w->first[a + 1] - from;
		for (size_t i = 0; i < n; i++) {
			const struct cxms_judge_sample *s = &w->in->sample[w->order[from + i]];
			met[i] = (struct met){s->line, s->group};
		}
		qsort(met, n, sizeof(*met), by_line);
		count_met(met, n, own, cross);
	}
	for (size_t g = 0; g < n_group && !rc; g++) {
		struct known *k = &w->group[g];
		const struct known *area = &w->area[w->in->group[g].area];
		if (!k->fitted || k->stall_ns >= area->stall_ns)
			continue;
		double others = area->stall_ns / k->stall_ns - 1;
		double prior = 2 * SHARED_PRIOR * others, alike = 2 * own[g] * others;
		k->all_ns = k->stall_ns * (1 + others * (cross[g] + prior) / (alike + prior));
	}
	free(met);
	free(own);
	free(cross);
	return rc;
}

/* A stream's lines, used as often as its rate says. */
static void add_stream(struct cxms_reuse *r, const struct known *g, double lines_per_stall_ns,
		       double stall_per_ns)
{
	double lines = 0;
	for (unsigned i = 0; i < g->mix.n; i++)
		lines += cxms_mixture_lines(&g->mix, i);
	if (lines > 0)
		cxms_reuse_add(r, lines, 0, lines_per_stall_ns * stall_per_ns / lines);
}

/* Everything that used the cache in a slice of the run; slice SLICES is the whole. */
static void fill_reuse(struct work *w, unsigned slice, double scale, bool from_hits, size_t mix,
		       const double *streaming, struct cxms_reuse *r)
{
	double span_ns = (double)w->span_ns / (slice < SLICES ? SLICES : 1);
	*r = (struct cxms_reuse){.stair = w->in->stair, .scale = scale, .from_hits = from_hits};
	for (size_t g = 0; g < w->in->n_group; g++) {
		const struct known *k = &w->group[g];
		double stall = (slice < SLICES ? k->slice_ns[slice] : k->stall_ns) / span_ns;
		if (w->in->group[g].lines_per_stall_ns > 0 && stall > 0)
			add_stream(r, k, w->in->group[g].lines_per_stall_ns, stall);
	}
	for (size_t a = 0; a < w->in->n_area; a++) {
		const struct known *k = &w->area[a];
		double stall = (slice < SLICES ? k->slice_ns[slice] : k->stall_ns) / span_ns;
		if (stall <= 0 || streaming[a] >= MOSTLY * k->stall_ns)
			continue;
		const struct cxms_mixture *m = (const struct cxms_mixture *)((const char *)k + mix);
		stall *= 1 - streaming[a] / k->stall_ns;
		for (unsigned i = 0; i < m->n; i++)
			if (m->w[i] > 0)
				cxms_reuse_add(r, cxms_mixture_lines(m, i), stall * m->p[i], 0);
	}
	cxms_reuse_solve(r);
}

/* Share of memory by class of a group's lines, in one model of the cache, where @part of its
 * waiting takes @span_ns. */
static void values(const struct cxms_reuse *r, const struct known *k, double lines_per_stall_ns,
		   double part, double span_ns, double random, double *value)
{
	double lines = 0, all_per_ns = part * k->all_ns / span_ns;
	for (unsigned i = 0; i < k->mix.n; i++)
		lines += cxms_mixture_lines(&k->mix, i);
	double stall_per_ns = part * k->stall_ns / span_ns;
	double uses = lines_per_stall_ns > 0 ? lines_per_stall_ns * stall_per_ns / lines : 0;
	for (unsigned i = 0; i < k->mix.n; i++)
		value[i] = cxms_reuse_memory_share(r, k->mix.p[i] * all_per_ns, uses, random);
}

/* The cache by which round @round of the search looks for the least memory. */
static const struct cxms_reuse *before_round(const struct work *w, unsigned round)
{
	return round ? &w->large[round - 1][0] : &w->whole;
}

/* All of the way, then less and less of it. */
static double part_of_way(unsigned part)
{
	return 1 - (double)part / (LEAST_PARTS + 1);
}

/* Of each area the mixture with the least memory that its samples allow. */
static void find_least(struct work *w, unsigned round)
{
	for (size_t a = 0; a < w->in->n_area; a++) {
		struct known *k = &w->area[a];
		double value[CXMS_MIX_MAX];
		if (k->stall_ns <= 0)
			continue;
		values(before_round(w, round), k, 0, 1, (double)w->span_ns, k->random, value);
		(void)cxms_mixture_least(&k->seen, &k->mix, value, &k->least[round]);
	}
}

/*
 * A set that has no room in the cache hits there as long as nobody waits for it. So mixtures are
 * not judged by the cache that they were found with, but by the one that they leave together, and a
 * part of the way to them may have less memory than all of it; it is as likely at least.
 */
static void fill_large(struct work *w, unsigned round, const double *streaming)
{
	find_least(w, round);
	for (unsigned part = 0; part < LEAST_PARTS; part++) {
		double to = part_of_way(part);
		for (size_t a = 0; a < w->in->n_area; a++) {
			struct known *k = &w->area[a];
			k->part = k->mix;
			for (unsigned i = 0; i < k->mix.n && k->stall_ns > 0; i++)
				k->part.w[i] += to * (k->least[round].w[i] - k->mix.w[i]);
		}
		fill_reuse(w, SLICES, w->in->stair->span, true, offsetof(struct known, part),
			   streaming, &w->large[round][part]);
	}
}

/* Of each area the mixture with the most memory that its samples allow. */
static void find_most(struct work *w)
{
	for (size_t a = 0; a < w->in->n_area; a++) {
		struct known *k = &w->area[a];
		double value[CXMS_MIX_MAX];
		if (k->stall_ns <= 0)
			continue;
		values(&w->whole, k, 0, 1, (double)w->span_ns, k->random, value);
		for (unsigned i = 0; i < k->mix.n; i++)
			value[i] = 1 - value[i];
		(void)cxms_mixture_least(&k->seen, &k->mix, value, &k->most);
	}
}

static int fill_models(struct work *w)
{
	double *streaming = calloc(w->in->n_area + 1, sizeof(*streaming));
	if (!streaming)
		return -ENOMEM;
	for (size_t g = 0; g < w->in->n_group; g++)
		if (w->in->group[g].lines_per_stall_ns > 0)
			streaming[w->in->group[g].area] += w->group[g].stall_ns;
	for (unsigned s = 0; s < SLICES; s++)
		fill_reuse(w, s, 1, false, offsetof(struct known, mix), streaming, &w->slice[s]);
	fill_reuse(w, SLICES, 1, false, offsetof(struct known, mix), streaming, &w->whole);
	for (unsigned r = 0; r < LEAST_ROUNDS; r++)
		fill_large(w, r, streaming);
	find_most(w);
	fill_reuse(w, SLICES, 1 / w->in->stair->span, false, offsetof(struct known, most),
		   streaming, &w->small);
	free(streaming);
	return 0;
}

static struct told *told_at(struct work *w, const struct known *area, const double *value)
{
	uint64_t hash = (uint64_t)(area - w->area);
	for (unsigned i = 0; i < area->mix.n; i++) {
		uint64_t bits;
		memcpy(&bits, &value[i], sizeof(bits));
		hash = cxms_hash_u64(hash ^ bits);
	}
	return &w->told[hash % TOLD];
}

/*
 * The least share on the way to the mixture that has the least of @before, by @after, what each
 * class's is then at @parts of the way; none: the bound of @before itself.
 */
static double least_on_way(const struct known *k, const double *before,
			   double after[LEAST_PARTS][CXMS_MIX_MAX], unsigned parts)
{
	struct cxms_mixture at;
	double least = 1;
	if (!parts)
		return cxms_mixture_least(&k->seen, &k->mix, before, NULL);
	(void)cxms_mixture_least(&k->seen, &k->mix, before, &at);
	for (unsigned part = 0; part < parts; part++) {
		double from = cxms_mixture_mean(&k->mix, after[part]);
		double to = cxms_mixture_mean(&at, after[part]);
		least = fmin(least, from + part_of_way(part) * (to - from));
	}
	return fmax(0, least - CXMS_MIX_GAP);
}

static bool is_told(const struct told *t, const struct known *area, const double *before,
		    double after[LEAST_PARTS][CXMS_MIX_MAX], unsigned parts)
{
	size_t bytes = area->mix.n * sizeof(*before);
	bool same = t->area == area && t->parts == parts && !memcmp(t->before, before, bytes);
	for (unsigned part = 0; part < parts && same; part++)
		same = !memcmp(t->after[part], after[part], bytes);
	return same;
}

/* The same for a group; many of an area ask alike. */
static double least_of(struct work *w, size_t g, const double *before,
		       double after[LEAST_PARTS][CXMS_MIX_MAX], unsigned parts)
{
	const struct known *k = &w->group[g], *area = &w->area[w->in->group[g].area];
	if (k->fitted)
		return least_on_way(k, before, after, parts);
	struct told *t = told_at(w, area, before);
	if (is_told(t, area, before, after, parts))
		return t->least;
	size_t bytes = area->mix.n * sizeof(*before);
	t->area = area;
	t->parts = parts;
	t->least = least_on_way(k, before, after, parts);
	memcpy(t->before, before, bytes);
	for (unsigned part = 0; part < parts; part++)
		memcpy(t->after[part], after[part], bytes);
	return t->least;
}

/* With a cache as large as can be, and what the mixtures with the least memory leave of it. */
static double judge_least(struct work *w, size_t g, double random)
{
	const struct known *k = &w->group[g];
	double before[CXMS_MIX_MAX], after[LEAST_PARTS][CXMS_MIX_MAX], least = 1;
	double span_ns = (double)w->span_ns, rate = w->in->group[g].lines_per_stall_ns;
	for (unsigned r = 0; r < LEAST_ROUNDS; r++) {
		values(before_round(w, r), k, rate, 1, span_ns, random, before);
		for (unsigned part = 0; part < LEAST_PARTS; part++)
			values(&w->large[r][part], k, rate, 1, span_ns, random, after[part]);
		least = fmin(least, least_of(w, g, before, after, LEAST_PARTS));
	}
	return least;
}

static void judge_group(struct work *w, size_t g)
{
	const struct known *k = &w->group[g];
	struct cxms_judge_group *to = &w->in->group[g];
	double mid[CXMS_MIX_MAX] = {0}, value[CXMS_MIX_MAX], other[CXMS_MIX_MAX];
	double span_ns = (double)w->span_ns, rate = to->lines_per_stall_ns;
	/* A stream comes back to its lines in turn; so does a walk, if nothing tells otherwise. */
	double random = rate > 0 ? 0 : k->random, random_hi = rate > 0 ? 0 : k->random_hi;
	if (to->is_walk && !k->turns_told)
		random = 0;
	for (unsigned s = 0; s < SLICES; s++) {
		if (k->slice_ns[s] <= 0)
			continue;
		double part = k->slice_ns[s] / k->stall_ns;
		values(&w->slice[s], k, rate, part, span_ns / SLICES, random, value);
		for (unsigned i = 0; i < k->mix.n; i++)
			mid[i] += value[i] * part;
	}
	to->share.mid = cxms_mixture_mean(&k->mix, mid);
	to->share.lo = fmin(to->share.mid, judge_least(w, g, random_hi));
	values(&w->small, k, rate, 1, span_ns, random_hi, value);
	values(&w->small, k, rate, 1, span_ns, k->random_lo, other);
	for (unsigned i = 0; i < k->mix.n; i++)
		value[i] = 1 - fmax(fmax(value[i], other[i]), mid[i]);
	to->share.hi = fmax(to->share.mid, 1 - least_of(w, g, value, NULL, 0));
	to->share.footprint_bytes = w->in->touched_bytes[to->area];
	if (k->seen.pairs >= MIN_PAIRS)
		to->share.footprint_bytes =
			fmin(to->share.footprint_bytes,
			     k->seen.sum_sq / (2 * k->seen.pairs) * CXMS_LINE_BYTES);
}

int cxms_judge(const struct cxms_judge *in)
{
	struct work w;
	int rc = work_init(&w, in);
	if (!rc && in->n_sample > 0) {
		sum_stall(&w);
		fit_areas(&w);
		fit_groups(&w);
		rc = find_shared(&w);
		if (!rc)
			rc = fill_models(&w);
		for (size_t g = 0; g < in->n_group && !rc; g++)
			if (w.group[g].stall_ns > 0)
				judge_group(&w, g);
		if (!rc && in->reuse) {
			in->reuse[CXMS_SPAN_LO] = w.large[0][0];
			in->reuse[CXMS_SPAN_MID] = w.whole;
			in->reuse[CXMS_SPAN_HI] = w.small;
		}
	}
	work_fini(&w);
	return rc;
}
