#include "source/machine_chase.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/sys.h"
#include "base/units.h"

#define HUGE_BYTES (2ull * 1024 * 1024)
#define PAGE_LINES (4096u / CXMS_LINE_BYTES)
/* 64 pages: within the first TLB of any server core, and far more lines than a prefetcher follows.
 */
#define WINDOW (256ull * 1024)

/* 25,600 hops are 4 ms at 160 ns: short against a scheduler tick's share, long against the clock's
 * cost. */
#define HOPS   25600u
#define ROUNDS 7u
/* Lines warmed by following the chain: a cache of up to 32 MiB; more need not be warm. */
#define WARM_LINES (32ull * 1024 * 1024 / CXMS_LINE_BYTES)

/* One cache line: the number of the next one. */
struct line {
	uint64_t next;
	uint8_t rest[CXMS_LINE_BYTES - sizeof(uint64_t)];
};

struct cxms_chase {
	void *map;
	size_t map_bytes;
	struct line *line; /* at a 2 MiB boundary */
	uint64_t bytes;
	uint64_t linked; /* lines, by the last link */
	uint64_t stride; /* between them, in lines */
	struct cxms_rng rng;
	uint32_t *order; /* scratch for the permutation; doing it in the lines would miss on every
			    swap */
};

int cxms_chase_new(struct cxms_chase **out, uint64_t bytes, bool huge, struct cxms_err *err)
{
	struct cxms_chase *c = calloc(1, sizeof(*c));
	uintptr_t at;

	if (!c)
		goto fail;
	c->bytes = bytes;
	c->order = malloc((bytes / CXMS_LINE_BYTES + bytes / WINDOW + 1) * sizeof(*c->order));
	if (!c->order)
		goto fail;
	c->map_bytes = bytes + HUGE_BYTES;
	c->map = mmap(NULL, c->map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (c->map == MAP_FAILED)
		goto fail;
	at = ((uintptr_t)c->map + HUGE_BYTES - 1) & ~(uintptr_t)(HUGE_BYTES - 1);
	c->line = (struct line *)at;
	/* Refused where the kernel has no huge pages: then the buffer is what it is. */
	(void)madvise(c->line, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	for (uint64_t i = 0; i < bytes / CXMS_LINE_BYTES; i += 4096 / CXMS_LINE_BYTES)
		c->line[i].next = i;
	*out = c;
	return 0;
fail:
	cxms_chase_free(c);
	return cxms_fail(
		err, ENOMEM,
		"no memory for a latency measurement over %llu MiB; give the latency instead",
		(unsigned long long)(bytes >> 20));
}

void cxms_chase_free(struct cxms_chase *c)
{
	if (!c)
		return;
	if (c->map && c->map != MAP_FAILED)
		munmap(c->map, c->map_bytes);
	free(c->order);
	free(c);
}

/* volatile: every hop is a load, and the next cannot begin before it. */
uint64_t cxms_chase_follow(const struct cxms_chase *c, uint64_t at, uint64_t hops)
{
	const volatile struct line *line = c->line;

	for (uint64_t i = 0; i < hops; i++)
		at = line[at].next;
	return at;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void warm(struct cxms_chase *c, uint64_t n, uint64_t stride)
{
	c->linked = n;
	c->stride = stride;
	(void)cxms_chase_follow(c, 0, n < WARM_LINES ? n : WARM_LINES);
}

static void shuffle(struct cxms_rng *rng, uint32_t *a, uint64_t n)
{
	for (uint64_t i = n; i-- > 1;) {
		uint64_t k = cxms_rng_below(rng, i + 1);
		uint32_t swap = a[i];

		a[i] = a[k];
		a[k] = swap;
	}
}

/* order: the windows, then the lines of one. Line 0 is linked last and first. */
void cxms_chase_link_windows(struct cxms_chase *c, uint64_t bytes, unsigned lines_per_page,
			     uint64_t seed)
{
	uint64_t stride = PAGE_LINES / lines_per_page;
	uint64_t n_window = bytes / WINDOW, each = WINDOW / CXMS_LINE_BYTES / stride, last = 0;
	uint32_t *in_window = c->order + n_window;

	assert(bytes <= c->bytes && bytes >= WINDOW);
	cxms_rng_init(&c->rng, seed);
	for (uint64_t i = 0; i < n_window; i++)
		c->order[i] = (uint32_t)i;
	shuffle(&c->rng, c->order + 1, n_window - 1); /* begins with window 0 */
	for (uint64_t w = 0; w < n_window; w++) {
		uint64_t first = c->order[w] * (WINDOW / CXMS_LINE_BYTES), from = w == 0;

		for (uint64_t i = 0; i < each; i++)
			in_window[i] = (uint32_t)i;
		shuffle(&c->rng, in_window + from, each - from);
		for (uint64_t i = from; i < each; i++) {
			uint64_t at = first + in_window[i] * stride;

			c->line[last].next = at;
			last = at;
		}
	}
	c->line[last].next = 0;
	warm(c, bytes / CXMS_LINE_BYTES / stride, stride);
}

/* Sattolo's permutation is one cycle and is itself the table of successors. */
void cxms_chase_link(struct cxms_chase *c, uint64_t bytes, uint64_t seed)
{
	uint64_t n = bytes / CXMS_LINE_BYTES;

	assert(bytes <= c->bytes && n >= 64);
	cxms_rng_init(&c->rng, seed);
	for (uint64_t i = 0; i < n; i++)
		c->order[i] = (uint32_t)i;
	for (uint64_t i = n - 1; i > 0; i--) {
		uint64_t k = cxms_rng_below(&c->rng, i);
		uint32_t swap = c->order[i];

		c->order[i] = c->order[k];
		c->order[k] = swap;
	}
	for (uint64_t i = 0; i < n; i++)
		c->line[i].next = c->order[i];
	warm(c, n, 1);
}

uint64_t cxms_chase_set_ps(struct cxms_chase *c)
{
	uint64_t round[ROUNDS], ps;

	assert(c->linked);
	for (unsigned r = 0; r < ROUNDS; r++) {
		uint64_t at = cxms_rng_below(&c->rng, c->linked) * c->stride;
		uint64_t begin_ns = cxms_cpu_self_ns();

		(void)cxms_chase_follow(c, at, HOPS);
		round[r] = cxms_cpu_self_ns() - begin_ns;
	}
	qsort(round, ROUNDS, sizeof(round[0]), by_value);
	ps = (round[ROUNDS / 2] * CXMS_PS_PER_NS + HOPS / 2) / HOPS;
	return ps ? ps : 1;
}

uint64_t cxms_chase_memory_ps(uint64_t windows_ps, uint64_t random_ps, unsigned lines)
{
	uint64_t all_ps = windows_ps * lines;

	if (random_ps <= windows_ps || random_ps > all_ps - (lines - 1))
		return windows_ps;
	return (all_ps - random_ps) / (lines - 1);
}
