/* Streams: an instruction whose address moves evenly with time tells its own rate of lines. */
#ifndef CXMS_CORE_STREAM_H
#define CXMS_CORE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** struct cxms_stream_point - one sample of the instruction */
struct cxms_stream_point {
	uint64_t time_ns, addr; /* CPU time of the thread */
	uint32_t thread;
};

/** struct cxms_stream - value; found false: the addresses do not move evenly */
struct cxms_stream {
	bool found;
	double bytes_per_ns;   /* signed; bytes over time of neighbouring samples */
	double spread_ratio;   /* half the interquartile range over the median */
	uint64_t stride_bytes; /* greatest common divisor of the steps; 0 = one point only */
};

/* Most pairs that are looked at: the median is then known to about 1.5 % of the spread. */
#define CXMS_STREAM_MAX_PAIRS 4096u

/**
 * cxms_stream_fit() - rate of an address that is affine in time (MODELS, stall sampling 6)
 * @point:      n samples, by thread and then in time order
 * @max_gap_ns: neighbours further apart are not taken for the same run of the loop
 * @work:       scratch for CXMS_STREAM_MAX_PAIRS numbers
 *
 * At least ten pairs, of which six in ten lie within a quarter of the median: a random order has
 * its median near 0 and nearly none there.
 */
void cxms_stream_fit(const struct cxms_stream_point *point, size_t n, double max_gap_ns,
		     double *work, struct cxms_stream *out);

enum cxms_dense { CXMS_DENSE_NO, CXMS_DENSE_OPEN, CXMS_DENSE_YES };
/**
 * cxms_stream_dense() - do the addresses go through memory without leaving anything out
 * @min_pairs:  of neighbours that must be there; six where the code vouches for the way, else so
 *              many that no random order does the same
 * @max_bytes_per_ns: of a walk that uses each byte; else as cxms_stream_fit()
 * @bytes_per_ns: out, bytes over time of those pairs, signed
 *
 * Yes: three in four pairs move in the direction of the median and no faster than allowed. It need
 * not move evenly: of two inputs that are merged now one moves and now the other. No: at most half
 * of them do. Open: in between, or too few pairs.
 */
enum cxms_dense cxms_stream_dense(const struct cxms_stream_point *point, size_t n,
				  double max_gap_ns, size_t min_pairs, double max_bytes_per_ns,
				  double *work, double *bytes_per_ns);

/**
 * cxms_stream_distance() - how far apart two instructions run on the same thread, bytes
 * Both by thread and then in time order. The median over samples of @b of their distance from where
 * the last sample of @a has moved to by then. Unrolled copies of one loop stand within a few KiB;
 * different arrays do not. INFINITY when they never meet within @max_gap_ns.
 */
double cxms_stream_distance(const struct cxms_stream_point *a, size_t n_a,
			    const struct cxms_stream_point *b, size_t n_b, double bytes_per_ns,
			    double max_gap_ns, double *work);

/** cxms_stream_back_ratio() - share of the neighbours that move against @bytes_per_ns, which is not
 * 0, by no more than @max_bytes */
double cxms_stream_back_ratio(const struct cxms_stream_point *point, size_t n, double max_gap_ns,
			      double bytes_per_ns, double max_bytes);

/** struct cxms_stream_ways - where neighbours of a walk lie, seen from each; shares of the pairs */
struct cxms_stream_ways {
	size_t pairs;
	double back_ratio;   /* behind, near */
	double far_ratio;    /* behind, farther than that */
	double bytes_per_ns; /* ahead: bytes passed over the time of all pairs; not signed */
	double median_bytes; /* of all ways, either way */
	double long_ratio;   /* longer than three times that */
};
/**
 * cxms_stream_ways() - the ways between neighbours
 * @up:        the walk goes up
 * @near_bytes: a way back of no more than this is near; > 0
 * @work:      scratch for CXMS_STREAM_MAX_PAIRS numbers
 */
struct cxms_stream_ways cxms_stream_ways(const struct cxms_stream_point *point, size_t n,
					 double max_gap_ns, bool up, double near_bytes,
					 double *work);

/** cxms_stream_last() - the last of n > 0 points, from @from on, that is not after @p; else @from
 */
size_t cxms_stream_last(const struct cxms_stream_point *point, size_t n, size_t from,
			const struct cxms_stream_point *p);

/**
 * cxms_stream_lines_per_ns() - of a stream that was found
 * @step_bytes: it moves in a turn of its loop, 0 = not known: then the steps' greatest common
 * divisor
 * @step_lines: a turn reaches, 0 = not known: one
 * One for each line passed, or @step_lines a step where steps are longer than those.
 */
double cxms_stream_lines_per_ns(const struct cxms_stream *s, double step_bytes, double step_lines);

#endif
