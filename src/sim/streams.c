#include "sim/streams.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "core/stream.h"
#include "sim/evidence.h"
#include "sim/recording.h"

/* Neighbouring samples of one run of a loop: at most two are missing between them. */
#define MAX_GAP_PERIODS 3.0
/* Copies of a loop body lie within its unrolled reach; distinct arrays are further apart. */
#define SAME_STREAM_BYTES 65536.0
/* Instructions with a smaller share of all waiting do not matter for the traffic. */
#define MIN_STALL_RATIO 1e-3

struct stream {
	uint32_t group, leader; /* leader: index of the stream it is a copy of, or its own */
	struct cxms_stream fit;
	const struct cxms_stream_point *point;
	size_t n_point;
};

struct search {
	const struct cxms_recording *rec;
	const struct cxms_rec_order *order;
	struct cxms_evidence *ev;
	struct cxms_stream_point *point; /* by group, then thread, in time order */
	size_t *first;			 /* n_group + 2 */
	double *work, max_gap_ns;
	double *block_ns; /* by number of the block, see block_of_site */
	struct stream *stream;
	size_t n_stream;
};

/* Time in each block of code, over the whole run. */
static int sum_blocks(struct search *s)
{
	s->block_ns = calloc(s->rec->n_site + 1, sizeof(*s->block_ns));
	if (!s->block_ns)
		return -ENOMEM;
	for (size_t i = 0; i < s->rec->n_sample; i++) {
		const struct cxms_rec_sample *sample = &s->rec->sample[i];
		if (sample->site != CXMS_NO_SITE && !(sample->flags & CXMS_SAMPLE_KERNEL))
			s->block_ns[s->ev->block_of_site[sample->site]] += sample->weight_ns;
	}
	return 0;
}

static int gather_points(struct search *s)
{
	const struct cxms_recording *rec = s->rec;
	double weight = 0;
	s->first = calloc(s->ev->n_group + 2, sizeof(*s->first));
	s->point = malloc((rec->n_sample + 1) * sizeof(*s->point));
	s->work = malloc(CXMS_STREAM_MAX_PAIRS * sizeof(*s->work));
	s->stream = calloc(s->ev->n_group + 1, sizeof(*s->stream));
	if (!s->first || !s->point || !s->work || !s->stream)
		return -ENOMEM;
	for (size_t i = 0; i < rec->n_sample; i++) {
		weight += rec->sample[i].weight_ns;
		if (s->ev->grain_of_sample[i] != CXMS_NO_GRAIN)
			s->first[s->ev->grain_of_sample[i] / 2 + 2]++;
	}
	for (size_t g = 2; g < s->ev->n_group + 2; g++)
		s->first[g] += s->first[g - 1];
	for (size_t i = 0; i < rec->n_sample; i++) {
		const struct cxms_rec_sample *from = &rec->sample[s->order->sample[i]];
		uint32_t grain = s->ev->grain_of_sample[s->order->sample[i]];
		if (grain == CXMS_NO_GRAIN)
			continue;
		s->point[s->first[grain / 2 + 1]++] = (struct cxms_stream_point){
			.time_ns = s->order->cpu_ns[i], .addr = from->addr, .thread = from->thread};
	}
	if (rec->n_sample)
		s->max_gap_ns = MAX_GAP_PERIODS * weight / (double)rec->n_sample;
	return 0;
}

static bool same_code(const struct search *s, uint32_t a, uint32_t b)
{
	const struct cxms_group *ga = &s->ev->group[a], *gb = &s->ev->group[b];
	const uint32_t *block = s->ev->block_of_site;
	return ga->area == gb->area && block[ga->site] == block[gb->site];
}

static uint32_t find_leader(struct search *s, uint32_t index)
{
	const struct stream *n = &s->stream[index];
	for (uint32_t i = 0; i < index; i++) {
		const struct stream *l = &s->stream[i];
		if (l->leader == i && same_code(s, l->group, n->group) &&
		    cxms_stream_distance(l->point, l->n_point, n->point, n->n_point,
					 l->fit.bytes_per_ns, s->max_gap_ns,
					 s->work) < SAME_STREAM_BYTES)
			return i;
	}
	return index;
}

/* Where the code says that the address moves evenly, the turns of the loop tell how fast. */
static void fit_by_turns(const struct search *s, uint32_t group, struct cxms_stream *out)
{
	uint32_t site = s->ev->group[group].site;
	const struct cxms_rec_site *is = &s->rec->site[site];
	const struct cxms_turns *turns = &s->ev->turns[site];
	if (!(is->flags & CXMS_SITE_AFFINE) || is->flags & CXMS_SITE_UNEVEN || !turns->found ||
	    !is->stride)
		return;
	*out = (struct cxms_stream){.found = true,
				    .bytes_per_ns = (double)is->stride * turns->per_ns};
}

static void find_streams(struct search *s)
{
	for (uint32_t g = 0; g < s->ev->n_group; g++) {
		if (s->ev->group[g].stall_ns < MIN_STALL_RATIO * s->ev->wait_ns)
			continue;
		struct stream *n = &s->stream[s->n_stream];
		*n = (struct stream){.group = g,
				     .point = s->point + s->first[g],
				     .n_point = s->first[g + 1] - s->first[g]};
		cxms_stream_fit(n->point, n->n_point, s->max_gap_ns, s->work, &n->fit);
		if (!n->fit.found)
			fit_by_turns(s, g, &n->fit);
		if (!n->fit.found)
			continue;
		n->leader = find_leader(s, (uint32_t)s->n_stream);
		s->n_stream++;
	}
}

static double lines_per_ns(const struct search *s, const struct stream *n)
{
	uint32_t site = s->ev->group[n->group].site;
	const struct cxms_turns *turns = &s->ev->turns[site];
	double step = turns->found ? fabs(n->fit.bytes_per_ns) / turns->per_ns : 0;
	return cxms_stream_lines_per_ns(&n->fit, step, s->rec->site[site].turn_lines);
}

static void spread_lines(struct search *s)
{
	for (uint32_t l = 0; l < s->n_stream; l++) {
		if (s->stream[l].leader != l)
			continue;
		const struct cxms_group *g = &s->ev->group[s->stream[l].group];
		double waited = 0;
		for (size_t m = 0; m < s->n_stream; m++)
			if (s->stream[m].leader == l)
				waited += s->ev->group[s->stream[m].group].stall_ns;
		double rate = lines_per_ns(s, &s->stream[l]);
		double lines = rate * s->block_ns[s->ev->block_of_site[g->site]];
		for (size_t m = 0; m < s->n_stream; m++) {
			struct cxms_group *copy = &s->ev->group[s->stream[m].group];
			if (s->stream[m].leader != l)
				continue;
			copy->lines_per_stall_ns = lines / waited;
			copy->bytes_per_ns = s->stream[l].fit.bytes_per_ns;
			copy->bytes_per_line = fabs(copy->bytes_per_ns) / rate;
		}
	}
}

int cxms_streams_find(const struct cxms_recording *rec, struct cxms_evidence *ev,
		      struct cxms_err *err)
{
	struct cxms_rec_order order;
	struct search s = {.rec = rec, .order = &order, .ev = ev};
	int rc = cxms_rec_order_init(rec, &order);
	if (!rc)
		rc = sum_blocks(&s);
	if (!rc)
		rc = gather_points(&s);
	if (!rc) {
		find_streams(&s);
		spread_lines(&s);
	}
	cxms_rec_order_fini(&order);
	free(s.block_ns);
	free(s.first);
	free(s.point);
	free(s.work);
	free(s.stream);
	return rc ? cxms_fail(err, ENOMEM, "out of memory for the streams") : 0;
}
