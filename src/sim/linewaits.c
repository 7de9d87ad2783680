#include "sim/linewaits.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/units.h"
#include "core/linewait.h"
#include "place/pagemap.h"
#include "sim/evidence.h"
#include "sim/recording.h"

#define NO_LOOP UINT32_MAX

/** struct walked_loop - a loop with walks through memory */
struct walked_loop {
	double bytes_per_count; /* that the walk moves while the counting register moves by 1 */
	unsigned step, run;	/* bytes from one use to the next, and of a run (linewait.h) */
	double stall_ns;	/* of its walks */
	double behind_ns[CXMS_SPAN_COUNT];
	int64_t least, most; /* of the counting register */
	bool seen;
};

struct search {
	const struct cxms_recording *rec;
	struct cxms_evidence *ev;
	struct cxms_pagemap map; /* process and address of a loop to its number */
	struct walked_loop *loop;
	size_t n_loop;
	struct cxms_linewait *at; /* [site] */
	double *time_ns;	  /* [site] */
};

static uint32_t loop_of(const struct search *s, const struct cxms_rec_site *site)
{
	if (!site->count_reg || !site->step)
		return NO_LOOP;
	uint32_t l = cxms_pagemap_get(&s->map, site->pid, site->loop_ip);
	return l == CXMS_NO_PAGE ? NO_LOOP : l;
}

static int add_walk(struct search *s, const struct cxms_group *g)
{
	const struct cxms_rec_site *site = &s->rec->site[g->site];
	uint32_t l = loop_of(s, site);
	/* A register that begins anew within the walk tells the phase of a loop, not the place. */
	if (!g->walk_step || g->walk_parts || !site->count_reg || !site->step ||
	    !s->ev->turns[g->site].found)
		return 0;
	if (l == NO_LOOP) {
		l = (uint32_t)s->n_loop;
		if (cxms_pagemap_put(&s->map, site->pid, site->loop_ip, l))
			return -ENOMEM;
		s->loop[s->n_loop++] = (struct walked_loop){
			.step = g->walk_step,
			.run = g->walk_run,
			.bytes_per_count = g->walk_step / fabs((double)site->step)};
	}
	s->loop[l].stall_ns += g->stall_ns;
	return 0;
}

/* Place in a line where the walk stands. A register that counts up to 0 is negative: as a number
 * without a sign it would have more digits than a double. */
static uint64_t place_at(uint64_t count, double bytes_per_count)
{
	double place = fmod((double)(int64_t)count * bytes_per_count, (double)CXMS_LINE_BYTES);
	return (uint64_t)(place < 0 ? place + (double)CXMS_LINE_BYTES : place);
}

static void widen(struct walked_loop *l, int64_t count)
{
	l->least = !l->seen || count < l->least ? count : l->least;
	l->most = !l->seen || count > l->most ? count : l->most;
	l->seen = true;
}

/* A register that moves by less than a line in all begins anew with each short run of its loop: it
 * tells how far the run is, and not where in a line. */
static bool tells_place(const struct walked_loop *l)
{
	double moved = (double)((uint64_t)l->most - (uint64_t)l->least);
	return moved * l->bytes_per_count >= CXMS_LINE_BYTES;
}

static void gather(struct search *s)
{
	for (size_t i = 0; i < s->rec->n_sample; i++) {
		const struct cxms_rec_sample *sample = &s->rec->sample[i];
		if (sample->site == CXMS_NO_SITE || !cxms_rec_is_own(sample) ||
		    !(sample->flags & CXMS_SAMPLE_COUNT))
			continue;
		const struct cxms_rec_site *site = &s->rec->site[sample->site];
		uint32_t l = loop_of(s, site);
		if (l == NO_LOOP)
			continue;
		widen(&s->loop[l], (int64_t)sample->count);
		if (site->kind != CXMS_SITE_NONE || site->flags & CXMS_SITE_UNEVEN)
			continue;
		cxms_linewait_add(&s->at[sample->site],
				  place_at(sample->count, s->loop[l].bytes_per_count));
		s->time_ns[sample->site] += sample->weight_ns;
	}
}

/* Time of few samples, or of samples that chance may have gathered, is no wait but at the end. */
static void add_behind(struct search *s)
{
	for (size_t i = 0; i < s->rec->n_site; i++) {
		double share[CXMS_SPAN_COUNT];
		if (s->at[i].n < CXMS_LINEWAIT_MIN_SAMPLES)
			continue;
		struct walked_loop *l = &s->loop[loop_of(s, &s->rec->site[i])];
		if (!tells_place(l))
			continue;
		cxms_linewait_share(&s->at[i], l->step, l->run, share);
		if (share[CXMS_SPAN_LO] <= 0)
			share[CXMS_SPAN_MID] = 0;
		for (int k = 0; k < CXMS_SPAN_COUNT; k++)
			l->behind_ns[k] += share[k] * s->time_ns[i];
	}
}

static void raise_walks(struct search *s)
{
	for (size_t i = 0; i < s->ev->n_group; i++) {
		struct cxms_group *g = &s->ev->group[i];
		uint32_t l = loop_of(s, &s->rec->site[g->site]);
		if (!g->walk_step || g->walk_parts || l == NO_LOOP || !(s->loop[l].stall_ns > 0))
			continue;
		for (int k = 0; k < CXMS_SPAN_COUNT; k++)
			g->at_line[k] +=
				(1 - g->full[k]) * s->loop[l].behind_ns[k] / s->loop[l].stall_ns;
	}
}

int cxms_linewaits_find(const struct cxms_recording *rec, struct cxms_evidence *ev)
{
	struct search s = {.rec = rec,
			   .ev = ev,
			   .loop = calloc(ev->n_group + 1, sizeof(*s.loop)),
			   .at = calloc(rec->n_site + 1, sizeof(*s.at)),
			   .time_ns = calloc(rec->n_site + 1, sizeof(*s.time_ns))};
	int rc = s.loop && s.at && s.time_ns ? 0 : -ENOMEM;
	for (size_t i = 0; i < ev->n_group && !rc; i++)
		rc = add_walk(&s, &ev->group[i]);
	if (!rc && s.n_loop) {
		gather(&s);
		add_behind(&s);
		raise_walks(&s);
	}
	cxms_pagemap_fini(&s.map);
	free(s.loop);
	free(s.at);
	free(s.time_ns);
	return rc;
}
