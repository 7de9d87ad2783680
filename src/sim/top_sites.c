#include "sim/top_sites.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/units.h"
#include "place/pagemap.h"
#include "sim/evidence.h"
#include "sim/recording.h"
#include "sim/traffic.h"
#include "trace/trace.h"

#define PS_PER_NS ((double)CXMS_PS_PER_NS)
#define NS_PER_S  ((double)CXMS_NS_PER_S)

/* Sums over one instruction; the site of its first sampled address speaks for all. */
struct sum {
	struct cxms_site_result r;
	double waits, seen_ps, stall_ps; /* on memory, middle */
};

static int first_sites(const struct cxms_recording *rec, uint32_t *first)
{
	struct cxms_pagemap map = {0};
	int rc = 0;
	for (size_t i = 0; i < rec->n_site && !rc; i++) {
		first[i] = cxms_pagemap_get(&map, rec->site[i].pid, rec->site[i].ip);
		if (first[i] == CXMS_NO_PAGE) {
			first[i] = (uint32_t)i;
			rc = cxms_pagemap_put(&map, rec->site[i].pid, rec->site[i].ip, first[i]);
		}
	}
	cxms_pagemap_fini(&map);
	return rc;
}

static enum cxms_traffic_how how_of(const struct cxms_recording *rec, const struct cxms_group *g)
{
	if (cxms_is_carried(&rec->site[g->site]))
		return CXMS_TRAFFIC_CARRIED;
	if (g->lines_per_stall_ns > 0)
		return CXMS_TRAFFIC_STREAM;
	return g->runs_per_stall_ns > 0 ? CXMS_TRAFFIC_COUNTED : CXMS_TRAFFIC_OPEN;
}

static void add_group(const struct cxms_recording *rec, const struct cxms_group *g, struct sum *to)
{
	struct cxms_site_result *r = &to->r;
	const double *line = g->column_step ? g->column_line : g->at_line;
	r->dram_share += g->share.mid * g->stall_ns;
	r->dram_share_lo += g->share.lo * g->stall_ns;
	r->dram_share_hi += g->share.hi * g->stall_ns;
	r->line_share += line[CXMS_SPAN_MID] * g->stall_ns;
	r->line_share_lo += line[CXMS_SPAN_LO] * g->stall_ns;
	r->line_share_hi += line[CXMS_SPAN_HI] * g->stall_ns;
	r->footprint_bytes += g->share.footprint_bytes;
	r->stall_ns += g->stall_ns;
	if (how_of(rec, g) > r->how)
		r->how = (uint8_t)how_of(rec, g);
	if (fabs(g->bytes_per_ns) > fabs(r->bytes_per_s) / NS_PER_S)
		r->bytes_per_s = g->bytes_per_ns * NS_PER_S;
}

static void add_grain(const struct cxms_grain *g, double weight_ns, double lines_per_free_wait,
		      struct sum *to)
{
	double free_lines = g->waits[CXMS_SPAN_MID] * lines_per_free_wait;
	double mid = g->known ? g->lines[CXMS_SPAN_MID] : free_lines;
	double most = CXMS_ASSUMED_RECORDED_MSHRS * g->stall_ps[CXMS_SPAN_HI] /
		      (g->waits[CXMS_SPAN_MID] > 0 ? g->seen_ps / g->waits[CXMS_SPAN_MID] : 1);
	to->waits += weight_ns * g->waits[CXMS_SPAN_MID];
	to->seen_ps += weight_ns * g->seen_ps;
	to->stall_ps += weight_ns * g->stall_ps[CXMS_SPAN_MID];
	to->r.lines += weight_ns * mid;
	to->r.lines_lo += weight_ns * (g->known ? g->lines : g->waits)[CXMS_SPAN_LO];
	to->r.lines_hi += weight_ns * (g->known ? g->lines[CXMS_SPAN_HI] : fmax(mid, most));
	if (g->store)
		to->r.lines_written +=
			weight_ns * (g->known ? g->written[CXMS_SPAN_MID] : free_lines);
}

static void name_operand(const struct cxms_rec_site *site, struct cxms_site_result *r)
{
	struct cxms_buf text = {0};
	cxms_operand_print(&(struct cxms_site){.base = site->base,
					       .index = site->index,
					       .scale = site->scale,
					       .disp = site->disp},
			   &text);
	snprintf(r->operand, sizeof(r->operand), "%s", cxms_buf_text(&text));
	cxms_buf_fini(&text);
}

static void name_place(const struct cxms_recording *rec, const struct cxms_rec_site *site,
		       struct cxms_site_result *r)
{
	const char *names = (const char *)rec->names.data;
	size_t len;
	if (!names)
		return;
	len = strlen(names + site->object);
	snprintf(r->function, sizeof(r->function), "%s", names + site->function);
	snprintf(r->object, sizeof(r->object), "%s",
		 names + site->object +
			 (len < sizeof(r->object) ? 0 : len + 1 - sizeof(r->object)));
	r->function_off = site->function_off;
	r->object_off = site->object_off;
}

static void name_counter(const struct cxms_rec_site *site, const struct cxms_turns *turns,
			 struct cxms_site_result *r)
{
	struct cxms_buf text = {0};
	if (!site->count_reg)
		return;
	cxms_reg_print(site->count_reg, &text);
	cxms_buf_printf(&text, "%+lld", (long long)site->step);
	snprintf(r->counter, sizeof(r->counter), "%s", cxms_buf_text(&text));
	cxms_buf_fini(&text);
	r->turns_per_s = turns->per_ns * NS_PER_S;
	r->turn_pairs = (double)turns->pairs;
}

/* Means from the sums. */
static void finish(const struct cxms_recording *rec, const struct cxms_rec_site *site,
		   const struct cxms_turns *turns, const struct sum *sum,
		   struct cxms_site_result *s)
{
	*s = sum->r;
	s->ip = site->ip;
	s->kind = site->kind;
	s->flags = site->flags;
	s->dram_share /= s->stall_ns;
	s->dram_share_lo /= s->stall_ns;
	s->dram_share_hi /= s->stall_ns;
	s->line_share /= s->stall_ns;
	s->line_share_lo /= s->stall_ns;
	s->line_share_hi /= s->stall_ns;
	s->hidden_ns =
		sum->waits > 0 ? fmax(0, sum->seen_ps - sum->stall_ps) / sum->waits / PS_PER_NS : 0;
	s->mlp = sum->waits > 0 ? s->lines / sum->waits : 1;
	name_place(rec, site, s);
	name_operand(site, s);
	name_counter(site, turns, s);
}

static void pick_top(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		     struct sum *sum, struct cxms_basis *out)
{
	for (out->n_site = 0; out->n_site < CXMS_TOP_SITES; out->n_site++) {
		size_t best = 0;
		for (size_t i = 1; i < rec->n_site; i++)
			if (sum[i].r.stall_ns > sum[best].r.stall_ns)
				best = i;
		if (rec->n_site == 0 || sum[best].r.stall_ns <= 0)
			break;
		finish(rec, &rec->site[best], &ev->turns[best], &sum[best],
		       &out->site[out->n_site]);
		sum[best].r.stall_ns = 0;
	}
}

int cxms_top_sites(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		   double lines_per_free_wait, struct cxms_basis *out)
{
	struct sum *sum = calloc(rec->n_site + 1, sizeof(*sum));
	uint32_t *first = calloc(rec->n_site + 1, sizeof(*first));
	double *grain_ns = calloc(2 * ev->n_group + 1, sizeof(*grain_ns));
	int rc = sum && first && grain_ns ? first_sites(rec, first) : -ENOMEM;
	for (size_t i = 0; i < rec->n_sample && !rc; i++)
		if (ev->grain_of_sample[i] != CXMS_NO_GRAIN)
			grain_ns[ev->grain_of_sample[i]] += rec->sample[i].weight_ns;
	for (size_t i = 0; i < ev->n_group && !rc; i++) {
		const struct cxms_group *g = &ev->group[i];
		struct sum *to = &sum[first[g->site]];
		add_group(rec, g, to);
		for (size_t huge = 0; huge < 2; huge++)
			add_grain(&ev->grain[2 * i + huge], grain_ns[2 * i + huge],
				  lines_per_free_wait, to);
	}
	if (!rc)
		pick_top(rec, ev, sum, out);
	free(sum);
	free(first);
	free(grain_ns);
	return rc;
}
