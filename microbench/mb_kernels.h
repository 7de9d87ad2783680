/* Kernels with a known answer: each touches memory in one way, and proves what it computed. */
#ifndef CXMS_MB_KERNELS_H
#define CXMS_MB_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MB_LINE_BYTES 64u /* one element of chase and gather per cache line of x86-64 */

/** struct mb_line - an element: chase follows @next, gather sums @index */
struct mb_line {
	struct mb_line *next;
	uint64_t index;
	uint64_t pad[6];
};

/**
 * struct mb_area - memory of a kernel, pages of its own
 * @bytes: what was asked for; whole lines
 */
struct mb_area {
	void *base;
	size_t bytes;
};

struct mb_sync;

/**
 * struct mb_work - one worker: what it shall do, and what it did
 * @steps:   accesses to make, 0 = until @seconds of wall time have passed
 * @worker:  number of this worker, which sets where it starts or which slice is its own
 * @workers: how many there are
 * @work:    gather, stream: multiplications in a row for each line
 */
struct mb_work {
	struct mb_area area;
	uint64_t steps;
	double seconds;
	unsigned worker, workers;
	uint64_t work;
	bool huge; /* pages it maps itself */
	/* waits before each batch, and says if there is one; NULL: no waiting */
	bool (*next)(struct mb_work *w, bool more);
	struct mb_sync *sync;
	unsigned turn; /* times waited */
	/* results */
	uint64_t accesses;
	uint64_t checksum;
	double spent_s, cpu_s; /* of wall clock, and on a CPU */
	bool correct;	       /* checksum is the one that follows from accesses alone */
	int tid;
};

/** mb_seconds() - monotonic wall clock, seconds */
double mb_seconds(void);

/** mb_area_new() - zeroed pages, aligned to 2 MiB; exits 1 with a message when memory is out */
struct mb_area mb_area_new(size_t bytes, bool huge);
void mb_area_free(struct mb_area *a);

/* Fillers: write each byte's page once, in address order. */

/** one cycle over all lines in scattered order; a->bytes / 64 must be a power of two >= 64 */
void mb_fill_lines(struct mb_area *a);
/** 64-bit element i holds i */
void mb_fill_words(struct mb_area *a);

/* The kernels. Each runs until its steps or seconds are over and fills the results. */

/** dependent loads: the address of each is the value of the one before; area: mb_fill_lines() */
void mb_chase(struct mb_work *w);
/** independent loads of scattered lines, work after each; area: mb_fill_lines() */
void mb_gather(struct mb_work *w);
/** sum of this worker's slice, work after each line, again and again; area: mb_fill_words() */
void mb_stream(struct mb_work *w);
/** writes this worker's slice, again and again, then reads it once to check; any area */
void mb_store(struct mb_work *w);
/** the same past the caches (x86-64) */
void mb_store_past(struct mb_work *w);
/**
 * lookups of random lines, each waits for the one before: half of them in the first MiB, half in
 * all of it; area: mb_fill_lines()
 */
void mb_mixture(struct mb_work *w);
/** the same with line ranks drawn like 1/rank; area: mb_fill_lines() */
void mb_zipf(struct mb_work *w);
/** about 1 ms of mb_chase(), 9 ms of sleep, and so on; area: mb_fill_lines() */
void mb_pool(struct mb_work *w);
/** read(2) of a file in memory, 64 KiB at a time, again and again; area.bytes is the file's size */
void mb_read(struct mb_work *w);
/** a chain of multiplications in registers; no area */
void mb_compute(struct mb_work *w);
/** 1 ms of mb_compute(), 9 ms of sleep, and so on; no area */
void mb_sleeper(struct mb_work *w);
/** first touch of fresh 4 KiB steps of area.bytes, given back and mapped anew each pass */
void mb_fault(struct mb_work *w);

/* The inner loops, seen from outside so that their instructions can be looked at. */
struct mb_line *mb_chase_batch(struct mb_line *at, uint64_t n);
uint64_t mb_sum_batch(const uint64_t *word, size_t n);
uint64_t mb_sum_work_batch(const uint64_t *word, size_t n, uint64_t work, uint64_t *worked);
void mb_store_batch(uint64_t *word, size_t n, uint64_t value);
void mb_store_past_batch(uint64_t *word, size_t n, uint64_t value);

#endif
