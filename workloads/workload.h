/* What the workloads share: options, memory, threads, random numbers. */
#ifndef CXMS_WORKLOAD_H
#define CXMS_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>

/** struct wl_opts - defaults are set by the program before wl_parse() */
struct wl_opts {
	unsigned scale;	  /* -s: log2 of the problem size */
	unsigned threads; /* -t: 1 .. 256 */
	unsigned rounds;  /* -n: repetitions of the timed part */
	int huge;	  /* -H: ask for 2 MiB pages */
	uint64_t seed;	  /* -r */
};

/** parse -s -t -n -r -H -h; exits 2 with the usage on nonsense, 0 after -h */
void wl_parse(struct wl_opts *o, int argc, char **argv, const char *what);
/** zeroed pages of their own; exits 1 with a message when memory is out */
void *wl_alloc(size_t bytes, int huge);
/** run @fn(arg + i * size) for i in [0, n) on n threads and wait; exits 1 when a thread cannot
 * start */
void wl_parallel(unsigned n, void *(*fn)(void *), void *args, size_t size);
/** xorshift64*: state must not be 0 */
static inline uint64_t wl_random(uint64_t *state)
{
	uint64_t x = *state;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 2685821657736338717ull;
}
double wl_seconds(void);

#endif
