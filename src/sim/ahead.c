#include "sim/ahead.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "place/pagemap.h"
#include "sim/evidence.h"
#include "sim/recording.h"

/** struct site_time - of all samples of a site */
struct site_time {
	double all_ns, stall_ns;
};

static void add_times(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		      struct site_time *time)
{
	for (size_t i = 0; i < rec->n_sample; i++) {
		const struct cxms_rec_sample *s = &rec->sample[i];
		if (s->site != CXMS_NO_SITE && cxms_rec_is_own(s))
			time[s->site].all_ns += s->weight_ns;
	}
	for (size_t g = 0; g < ev->n_group; g++)
		time[ev->group[g].site].stall_ns += ev->group[g].stall_ns;
}

static bool is_inside(const struct cxms_rec_site *site, const struct cxms_rec_site *loop)
{
	return site->pid == loop->pid && site->ip - loop->ahead_ip < loop->ahead_bytes;
}

static double time_per_stall(const struct cxms_recording *rec, const struct site_time *time,
			     const struct cxms_rec_site *loop)
{
	struct site_time sum = {0};
	for (size_t i = 0; i < rec->n_site; i++) {
		if (!is_inside(&rec->site[i], loop))
			continue;
		sum.all_ns += time[i].all_ns;
		sum.stall_ns += time[i].stall_ns;
	}
	return sum.stall_ns > 0 ? sum.all_ns / sum.stall_ns : 0;
}

int cxms_ahead_find(const struct cxms_recording *rec, struct cxms_evidence *ev)
{
	struct cxms_pagemap map = {0}; /* process and loop to the first of its sites */
	struct site_time *time = calloc(rec->n_site + 1, sizeof(*time));
	int rc = time ? 0 : -ENOMEM;
	if (!rc)
		add_times(rec, ev, time);
	for (size_t i = 0; i < rec->n_site && !rc; i++) {
		const struct cxms_rec_site *site = &rec->site[i];
		if (!site->ahead_bytes)
			continue;
		uint32_t first = cxms_pagemap_get(&map, site->pid, site->ahead_ip);
		if (first != CXMS_NO_PAGE) {
			ev->between[i].ahead_per_stall = ev->between[first].ahead_per_stall;
			continue;
		}
		ev->between[i].ahead_per_stall = time_per_stall(rec, time, site);
		rc = cxms_pagemap_put(&map, site->pid, site->ahead_ip, (uint32_t)i);
	}
	cxms_pagemap_fini(&map);
	free(time);
	return rc;
}
