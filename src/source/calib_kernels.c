/* The kernels of calibrate. Each does the same work in either memory; only the waits differ. */
#include <assert.h>
#include <string.h>

#include "base/rng.h"
#include "base/sys.h"
#include "source/calib_run.h"

#define LINE_BYTES 64u
#define MAX_CHAINS 16u

/* One element per cache line. */
struct line {
	struct line *next;
	uint64_t word[7];
};
static_assert(sizeof(struct line) == LINE_BYTES, "one element per line");

enum pattern { CHAINS, STREAM, STORES };
/* @width: chains at a time, or lines from one access to the next; @work: multiplications beside
 * each access. Their mixes spread the points over parallelism and over share of time. */
static const struct {
	const char *name;
	enum pattern pattern;
	unsigned width, work;
} kernels[] = {
	{"chase-1", CHAINS, 1, 0},	 {"chase-1-work", CHAINS, 1, 60},
	{"chase-2", CHAINS, 2, 0},	 {"chase-2-work", CHAINS, 2, 40},
	{"chase-4", CHAINS, 4, 0},	 {"chase-4-work", CHAINS, 4, 30},
	{"chase-8", CHAINS, 8, 0},	 {"chase-8-work", CHAINS, 8, 15},
	{"chase-12", CHAINS, 12, 0},	 {"chase-16", CHAINS, 16, 0},
	{"stream", STREAM, 1, 0},	 {"stream-work-4", STREAM, 1, 4},
	{"stream-work-8", STREAM, 1, 8}, {"stream-work-16", STREAM, 1, 16},
	{"stream-2", STREAM, 2, 0},	 {"store", STORES, 1, 0},
	{"store-work-8", STORES, 1, 8},	 {"store-work-24", STORES, 1, 24},
	{"store-2", STORES, 2, 0},
};
#define N_KERNELS (sizeof(kernels) / sizeof(kernels[0]))

size_t cxms_calib_kernel_count(void)
{
	return N_KERNELS;
}

const char *cxms_calib_kernel_name(size_t i)
{
	return kernels[i].name;
}

const char *cxms_calib_kernel_term(size_t i)
{
	static const char *const term[] = {"memory", "cache", "store"};

	return term[kernels[i].pattern];
}

/* All lines in one cycle in random order (Sattolo 1986): nothing can be prefetched. */
static void link_lines(struct line *line, size_t n)
{
	struct cxms_rng rng;

	cxms_rng_init(&rng, 1);
	for (size_t i = 0; i < n; i++)
		line[i].next = &line[i];
	for (size_t i = n - 1; i > 0; i--) {
		size_t k = (size_t)cxms_rng_below(&rng, i);
		struct line *swap = line[i].next;

		line[i].next = line[k].next;
		line[k].next = swap;
	}
}

static uint64_t work_on(uint64_t v, unsigned work)
{
	for (unsigned i = 0; i < work; i++) {
		v = v * 6364136223846793005u + 1;
		__asm__ volatile("" : "+r"(v));
	}
	return v;
}

static uint64_t run_chains(struct line *line, size_t n, unsigned width, unsigned work,
			   uint64_t steps)
{
	struct line *at[MAX_CHAINS];
	uint64_t v = 1;

	for (unsigned k = 0; k < width; k++)
		at[k] = &line[n / width * k];
	for (uint64_t i = 0; i < steps; i += width) {
		for (unsigned k = 0; k < width; k++)
			at[k] = at[k]->next;
		v = work_on(v, work);
	}
	for (unsigned k = 0; k < width; k++)
		v = v * 31 + (uint64_t)(at[k] - line);
	return v;
}

static uint64_t run_stream(const struct line *line, size_t n, unsigned width, unsigned work,
			   uint64_t steps)
{
	uint64_t v = 1, sum = 0;

	for (uint64_t i = 0, at = 0; i < steps; i++, at = (at + width) & (n - 1)) {
		for (unsigned k = 0; k < 7; k++)
			sum += line[at].word[k];
		v = work_on(v, work);
	}
	return v + sum;
}

static uint64_t run_stores(struct line *line, size_t n, unsigned width, unsigned work,
			   uint64_t steps)
{
	uint64_t v = 1;

	for (uint64_t i = 0, at = 0; i < steps; i++, at = (at + width) & (n - 1)) {
		for (unsigned k = 0; k < 7; k++)
			line[at].word[k] = i;
		v = work_on(v, work);
	}
	return v + line[0].word[0];
}

void cxms_calib_kernel_fill(size_t i, void *base, size_t bytes)
{
	memset(base, 1, bytes);
	if (kernels[i].pattern == CHAINS)
		link_lines(base, bytes / LINE_BYTES);
}

uint64_t cxms_calib_kernel_run(size_t i, void *base, size_t bytes, uint64_t steps, uint64_t *check)
{
	struct line *line = base;
	size_t n = bytes / LINE_BYTES;
	unsigned width = kernels[i].width, work = kernels[i].work;
	uint64_t start_ns, got, ns;

	start_ns = cxms_now_ns();
	if (kernels[i].pattern == CHAINS)
		got = run_chains(line, n, width, work, steps);
	else if (kernels[i].pattern == STREAM)
		got = run_stream(line, n, width, work, steps);
	else
		got = run_stores(line, n, width, work, steps);
	ns = cxms_now_ns() - start_ns;
	*check = got;
	return ns ? ns : 1;
}
