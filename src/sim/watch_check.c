#include "sim/watch_check.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/units.h"
#include "core/reuse.h"
#include "core/watched.h"
#include "place/pagemap.h"
#include "sim/evidence.h"
#include "sim/recording.h"
#include "sim/result.h"
#include "sim/traffic.h"

#define WORD_BYTES 8u
#define WORDS	   (CXMS_LINE_BYTES / WORD_BYTES)
#define LIMIT_NS   CXMS_WATCH_LIMIT_NS
/* Three intervals of at most the limit are seen whole if the thread lives that long. */
#define WHOLE_NS (3ull * LIMIT_NS)

struct check {
	const struct cxms_recording *rec;
	const struct cxms_evidence *ev;
	struct cxms_pagemap group;	 /* (area, site) -> group */
	struct cxms_pagemap pair;	 /* (area, thread) -> into thread_ns */
	double *area_ns, *word_ns;	 /* waits by area; by area and place in a line */
	double *thread_ns;		 /* by area and thread */
	double overlap[CXMS_SPAN_COUNT]; /* lines used while one is waited for */
	size_t n;
	struct cxms_watched *word;
	uint32_t *group_of, *watch_of, *stratum; /* by word */
	size_t *never, *first;			 /* by thread: such words; its first stratum */
};

static void check_fini(struct check *c)
{
	cxms_pagemap_fini(&c->group);
	cxms_pagemap_fini(&c->pair);
	free(c->area_ns);
	free(c->word_ns);
	free(c->thread_ns);
	free(c->word);
	free(c->group_of);
	free(c->watch_of);
	free(c->stratum);
	free(c->never);
	free(c->first);
}

static unsigned place_of(uint64_t addr)
{
	return (unsigned)(addr / WORD_BYTES % WORDS);
}

static int add_wait(struct check *c, const struct cxms_rec_sample *s, uint32_t area, uint32_t *n)
{
	uint32_t at = cxms_pagemap_get(&c->pair, area, s->thread);
	if (at == CXMS_NO_PAGE) {
		at = (*n)++;
		if (cxms_pagemap_put(&c->pair, area, s->thread, at))
			return -ENOMEM;
	}
	c->area_ns[area] += s->weight_ns;
	c->word_ns[area * WORDS + place_of(s->addr)] += s->weight_ns;
	c->thread_ns[at] += s->weight_ns;
	return 0;
}

/* Whose waits fall on which place of a line. */
static int count_waits(struct check *c)
{
	const struct cxms_recording *rec = c->rec;
	size_t n_area = cxms_pages_area_count(rec->pages);
	uint32_t n_pair = 0;
	c->area_ns = calloc(n_area + 1, sizeof(*c->area_ns));
	c->word_ns = calloc(n_area * WORDS + 1, sizeof(*c->word_ns));
	c->thread_ns = calloc(rec->n_sample + 1, sizeof(*c->thread_ns));
	int rc = c->area_ns && c->word_ns && c->thread_ns ? 0 : -ENOMEM;
	for (size_t i = 0; i < rec->n_sample && !rc; i++) {
		uint32_t grain = c->ev->grain_of_sample[i];
		if (grain != CXMS_NO_GRAIN)
			rc = add_wait(c, &rec->sample[i], c->ev->group[grain / 2].area, &n_pair);
	}
	for (size_t g = 0; g < c->ev->n_group && !rc; g++)
		rc = cxms_pagemap_put(&c->group, c->ev->group[g].area, c->ev->group[g].site,
				      (uint32_t)g);
	return rc;
}

/* Uses by executions; one a wait where the address hangs on the last value; else anything that a
 * core holds, and in the middle the geometric mean. */
static double overlap_of(const struct check *c, const struct cxms_group *g, enum cxms_span k)
{
	static const double open[CXMS_SPAN_COUNT] = {1, 4, CXMS_ASSUMED_RECORDED_MSHRS};
	const struct cxms_stair *s = &c->ev->stair;
	double share = g->share.mid;
	double miss = share * s->llc_ps / (share * s->llc_ps + (1 - share) * s->mem_ps);
	double cost_ns = (miss * s->mem_ps + (1 - miss) * s->llc_ps) / (double)CXMS_PS_PER_NS;
	if (cxms_is_carried(&c->rec->site[g->site]))
		return 1;
	if (g->runs_per_stall_ns > 0)
		return fmin(CXMS_ASSUMED_RECORDED_MSHRS, fmax(1, g->runs_per_stall_ns * cost_ns));
	return open[k];
}

/* Of all waits whose lines are not known by their rate, as those of streams are. */
static void find_overlap(struct check *c)
{
	double sum[CXMS_SPAN_COUNT] = {0}, all = 0;
	for (size_t i = 0; i < c->ev->n_group; i++) {
		const struct cxms_group *g = &c->ev->group[i];
		if (g->lines_per_stall_ns > 0)
			continue;
		all += g->stall_ns;
		for (int k = 0; k < CXMS_SPAN_COUNT; k++)
			sum[k] += g->stall_ns * overlap_of(c, g, (enum cxms_span)k);
	}
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		c->overlap[k] = all > 0 ? sum[k] / all : 1;
}

/* How many uses came within the limit of the one before; false: the end of the thread hides it. */
static bool uses_in_time(const struct check *c, const struct cxms_rec_watch *w, unsigned *uses)
{
	const uint64_t span[] = {w->first_ns, w->reuse_ns, w->again_ns};
	*uses = 0;
	if (c->rec->thread[w->thread].exit_ns < w->set_ns + WHOLE_NS)
		return false;
	while (*uses < w->uses && span[*uses] <= LIMIT_NS)
		++*uses;
	return *uses == 3 || span[*uses] >= LIMIT_NS;
}

/* Of a word's time between uses, that of its line is this part. */
static double line_time(const struct check *c, const struct cxms_rec_watch *w,
			const struct cxms_group *g, enum cxms_span k)
{
	double all = c->area_ns[g->area];
	double place = c->word_ns[g->area * WORDS + place_of(w->addr)] / all;
	uint32_t pair = cxms_pagemap_get(&c->pair, g->area, w->thread);
	double thread = pair == CXMS_NO_PAGE ? 1 : c->thread_ns[pair] / all;
	bool is_even = g->lines_per_stall_ns > 0 || c->rec->site[g->site].flags & CXMS_SITE_AFFINE;
	if (place <= 0) /* lost samples only: nothing is known of it */
		place = 1.0 / WORDS;
	if (k == CXMS_SPAN_HI || (k == CXMS_SPAN_MID && is_even))
		return 1;
	return k == CXMS_SPAN_LO ? place * thread : place;
}

static void fill_word(const struct check *c, const struct cxms_rec_watch *w,
		      const struct cxms_group *g, struct cxms_watched *out)
{
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		const struct cxms_reuse *r = &c->ev->reuse[k];
		double part = line_time(c, w, g, (enum cxms_span)k), overlap = c->overlap[k];
		double after = cxms_reuse_miss_after(r, LIMIT_NS * part, overlap);
		out->never[k] = k == CXMS_SPAN_LO    ? after
				: k == CXMS_SPAN_MID ? 0.5 * (1 + after)
						     : 1;
		if (out->uses >= 2)
			out->miss[k][0] =
				cxms_reuse_miss_after(r, (double)w->reuse_ns * part, overlap);
		if (out->uses == 3)
			out->miss[k][1] =
				cxms_reuse_miss_after(r, (double)w->again_ns * part, overlap);
	}
}

/* The words whose waits are known, and whose end nothing cut. */
static int gather_words(struct check *c)
{
	const struct cxms_recording *rec = c->rec;
	c->word = calloc(rec->n_watch + 1, sizeof(*c->word));
	c->group_of = calloc(rec->n_watch + 1, sizeof(*c->group_of));
	c->watch_of = calloc(rec->n_watch + 1, sizeof(*c->watch_of));
	c->never = calloc(rec->n_thread + 1, sizeof(*c->never));
	if (!c->word || !c->group_of || !c->watch_of || !c->never)
		return -ENOMEM;
	for (size_t i = 0; i < rec->n_watch; i++) {
		const struct cxms_rec_watch *w = &rec->watch[i];
		struct cxms_watched *to = &c->word[c->n];
		unsigned uses;
		if (w->page == CXMS_NO_PAGE || w->stands == 0 || !uses_in_time(c, w, &uses))
			continue;
		uint32_t area = cxms_pages_at(rec->pages, w->page)->area;
		uint32_t g = cxms_pagemap_get(&c->group, area, w->site);
		if (g == CXMS_NO_PAGE)
			continue;
		*to = (struct cxms_watched){.stands = w->stands, .uses = uses};
		fill_word(c, w, &c->ev->group[g], to);
		c->watch_of[c->n] = (uint32_t)i;
		c->group_of[c->n++] = g;
		c->never[w->thread] += uses < 3;
	}
	return 0;
}

/* Parts of each thread's time in which its words stand for as many waits. */
static int even_out(struct check *c)
{
	const struct cxms_recording *rec = c->rec;
	size_t n = 0;
	c->first = calloc(rec->n_thread + 1, sizeof(*c->first));
	c->stratum = calloc(c->n + 1, sizeof(*c->stratum));
	if (!c->first || !c->stratum)
		return -ENOMEM;
	for (size_t t = 0; t < rec->n_thread; t++) {
		c->first[t] = n;
		n += cxms_watched_parts(c->never[t]);
	}
	for (size_t i = 0; i < c->n; i++) {
		const struct cxms_rec_watch *w = &rec->watch[c->watch_of[i]];
		const struct cxms_rec_thread *t = &rec->thread[w->thread];
		double parts = cxms_watched_parts(c->never[w->thread]);
		double lived = (double)(t->exit_ns - t->birth_ns);
		double at = w->set_ns > t->birth_ns ? (double)(w->set_ns - t->birth_ns) : 0;
		c->stratum[i] = (uint32_t)(c->first[w->thread] +
					   (size_t)fmin(parts * at / lived, parts - 1));
	}
	return cxms_watched_even(c->word, c->stratum, c->n, n);
}

static void sum_up(const struct check *c, const struct cxms_watched *word, const uint32_t *group,
		   size_t n, struct cxms_watch_result *out)
{
	struct cxms_share share = {.lo = NAN, .mid = NAN, .hi = NAN};
	double all = 0;
	for (size_t i = 0; i < n; i++) {
		const struct cxms_share *s = &c->ev->group[group[i]].share;
		all += word[i].stands;
		out->sampled += word[i].stands * s->mid;
		out->sampled_lo += word[i].stands * s->lo;
		out->sampled_hi += word[i].stands * s->hi;
	}
	if (all > 0) {
		out->sampled /= all;
		out->sampled_lo /= all;
		out->sampled_hi /= all;
	}
	(void)cxms_watched_share(word, n, &c->ev->stair, &share);
	out->judged = n;
	out->share = share.mid;
	out->share_lo = share.lo;
	out->share_hi = share.hi;
}

/* Those of one instruction, moved to the front of @word and @group. */
static size_t pick_site(const struct check *c, uint64_t ip, struct cxms_watched *word,
			uint32_t *group)
{
	size_t n = 0;
	for (size_t i = 0; i < c->n; i++) {
		if (c->rec->site[c->ev->group[c->group_of[i]].site].ip != ip)
			continue;
		word[n] = c->word[i];
		group[n++] = c->group_of[i];
	}
	return n;
}

static int check_sites(const struct check *c, struct cxms_basis *out)
{
	struct cxms_watched *word = calloc(c->n + 1, sizeof(*word));
	uint32_t *group = calloc(c->n + 1, sizeof(*group));
	int rc = word && group ? 0 : -ENOMEM;
	for (size_t i = 0; i < out->n_site && !rc; i++) {
		struct cxms_site_result *s = &out->site[i];
		size_t n = pick_site(c, s->ip, word, group);
		sum_up(c, word, group, n, &s->watch);
	}
	for (size_t i = 0; i < c->rec->n_watch && !rc; i++) {
		uint32_t site = c->rec->watch[i].site;
		for (size_t k = 0; site < c->rec->n_site && k < out->n_site; k++)
			out->site[k].watch.words += c->rec->site[site].ip == out->site[k].ip;
	}
	free(word);
	free(group);
	return rc;
}

int cxms_watch_check(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		     struct cxms_basis *out, struct cxms_err *err)
{
	struct check c = {.rec = rec, .ev = ev};
	int rc = 0;
	if (rec->n_watch == 0)
		return 0;
	out->watch.words = rec->n_watch;
	out->watch.share = out->watch.share_lo = out->watch.share_hi = NAN;
	if (!ev->reuse || !ev->reuse->stair)
		return 0;
	find_overlap(&c);
	rc = count_waits(&c);
	if (!rc)
		rc = gather_words(&c);
	if (!rc)
		rc = even_out(&c);
	if (!rc) {
		sum_up(&c, c.word, c.group_of, c.n, &out->watch);
		rc = check_sites(&c, out);
	}
	check_fini(&c);
	return rc ? cxms_fail(err, ENOMEM, "out of memory for the watched words") : 0;
}
