/* The waits of a recording by instruction, as streams.c and walks.c look at them. */
#ifndef CXMS_SIM_STREAMS_PRIV_H
#define CXMS_SIM_STREAMS_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "core/stream.h"

struct cxms_evidence;
struct cxms_rec_order;
struct cxms_recording;
struct stream;

struct stream_search {
	const struct cxms_recording *rec;
	const struct cxms_rec_order *order;
	struct cxms_evidence *ev;
	uint32_t *group; /* their numbers by site: areas of an instruction together */
	size_t *at;	 /* [group] its place there */
	struct cxms_stream_point *point; /* by place, then thread, in time order */
	uint32_t *sample;		 /* of each point */
	size_t *first;			 /* n_group + 2, by place */
	double *work, max_gap_ns;
	double *block_ns; /* by number of the block, see block_of_site */
	struct stream *stream;
	size_t n_stream;
};

/* Addresses of samples, the lowest and the highest. */
struct way {
	uint64_t from, to;
};

struct way cxms_way_of(const struct cxms_stream_point *point, size_t n);

/**
 * cxms_walks_find() - which instructions go through memory and use each line several times, on a
 * way of their own or through the parts of an array, and what goes along with those
 * Fills walk_step, walk_run, walk_parts, bytes_per_ns, at_line and apart of the groups. 0 or
 * -ENOMEM
 */
int cxms_walks_find(struct stream_search *s);

#endif
