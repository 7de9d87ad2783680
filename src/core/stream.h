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
	double bytes_per_ns;   /* how fast the address moves; signed */
	double spread_ratio;   /* half the interquartile range over the median */
	uint64_t stride_bytes; /* greatest common divisor of the moves; 0 = one point only */
};

/* Most pairs that are looked at: the median is then known to about 1.5 % of the spread. */
#define CXMS_STREAM_MAX_PAIRS 4096u

/**
 * cxms_stream_fit() - rate of an address that moves evenly with time (MODELS, stall sampling 6)
 * @point:      [n] samples, by thread and then in order of time
 * @max_gap_ns: samples further apart are not taken for one run of the loop
 * @work:       scratch for CXMS_STREAM_MAX_PAIRS numbers
 *
 * Found where there are at least ten pairs of neighbours, and six in ten lie within a quarter of
 * their median. Addresses in random order have a median near 0, and hardly any pair near it.
 */
void cxms_stream_fit(const struct cxms_stream_point *point, size_t n, double max_gap_ns,
		     double *work, struct cxms_stream *out);

enum cxms_dense { CXMS_DENSE_NO, CXMS_DENSE_OPEN, CXMS_DENSE_YES };
/**
 * cxms_stream_dense() - do the addresses go through memory without leaving anything out?
 * @min_pairs: pairs of neighbours that there must be: six where the code tells the way, else so
 * many that no random order does the same by chance
 * @max_bytes_per_ns: how fast a walk that uses each byte can be; the others as cxms_stream_fit()
 * @bytes_per_ns: out, bytes over time of the pairs that move so, signed
 *
 * YES: three in four pairs move in the direction of the median, and no faster than that. They need
 * not move evenly: of two inputs that are merged now one moves, now the other. NO: at most half of
 * them do. OPEN: in between, or too few pairs.
 */
enum cxms_dense cxms_stream_dense(const struct cxms_stream_point *point, size_t n,
				  double max_gap_ns, size_t min_pairs, double max_bytes_per_ns,
				  double *work, double *bytes_per_ns);

/**
 * cxms_stream_distance() - how far from each other two streams run on the same thread
 * @a, @b: samples, each by thread and then in order of time;  @bytes_per_ns: of @a
 *
 * For each sample of @b the last one of @a is moved on to the same time. Copies of one unrolled
 * loop then stand within a few KiB of each other, streams of different arrays do not. Return:
 * bytes, the median of these distances; INFINITY where no two samples lie within @max_gap_ns
 */
double cxms_stream_distance(const struct cxms_stream_point *a, size_t n_a,
			    const struct cxms_stream_point *b, size_t n_b, double bytes_per_ns,
			    double max_gap_ns, double *work);

/** cxms_stream_back_ratio() - share of the pairs of neighbours that move against @bytes_per_ns, not
 * 0, by no more than @max_bytes */
double cxms_stream_back_ratio(const struct cxms_stream_point *point, size_t n, double max_gap_ns,
			      double bytes_per_ns, double max_bytes);

/** struct cxms_stream_ways - how a walk goes on from one sample to the next; ratios are shares of
 * the pairs */
struct cxms_stream_ways {
	size_t pairs;
	double back_ratio;   /* went back by near_bytes at most */
	double far_ratio;    /* went back further than that */
	double bytes_per_ns; /* bytes of all ways ahead over the time of all pairs; not signed */
	double median_bytes; /* length of a way, ahead or back */
	double long_ratio;   /* were longer than three times the median */
};
/**
 * cxms_stream_ways() - the ways between neighbouring samples
 * @up:         ahead is towards higher addresses
 * @near_bytes: > 0
 * @work:       scratch for CXMS_STREAM_MAX_PAIRS numbers
 */
struct cxms_stream_ways cxms_stream_ways(const struct cxms_stream_point *point, size_t n,
					 double max_gap_ns, bool up, double near_bytes,
					 double *work);

/** cxms_stream_last() - number of the last of @n > 0 points, from @from on, that is not later than
 * @p; @from where none is */
size_t cxms_stream_last(const struct cxms_stream_point *point, size_t n, size_t from,
			const struct cxms_stream_point *p);

/**
 * cxms_stream_lines_per_ns() - lines that a stream uses
 * @step_bytes: how far it moves in a turn of its loop; 0 = not known: s->stride_bytes
 * @step_lines: lines that it uses in a turn; 0 = not known: one
 * One for each line passed, or @step_lines a turn where the step is longer than those.
 */
double cxms_stream_lines_per_ns(const struct cxms_stream *s, double step_bytes, double step_lines);

#endif
