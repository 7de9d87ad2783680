#include "mem/tail.h"

#include <math.h>

#include "base/rng.h"

/* -log10 of the share of requests beyond: one half, 1 %, 0.1 %. */
#define FROM 0.3010299956639812
#define P99  2.0
#define P999 3.0

struct slopes {
	double first, then; /* ps for each tenth of the probability */
};

static struct slopes slopes_of(uint64_t p99_ps, uint64_t p999_ps)
{
	double first = (double)p99_ps / (P99 - FROM);
	double then = p999_ps ? ((double)p999_ps - (double)p99_ps) / (P999 - P99) : first;
	return (struct slopes){first, then};
}

void cxms_tail_init(struct cxms_tail *t, uint64_t p99_ps, uint64_t p999_ps, uint64_t seed)
{
	struct slopes s = slopes_of(p99_ps, p999_ps);
	t->seed = seed;
	for (uint32_t i = 0; i <= CXMS_TAIL_OCTAVES * CXMS_TAIL_STEPS; i++) {
		/* the share beyond is 2^-octave at its begin, and falls by half within it */
		double octave = i / CXMS_TAIL_STEPS, step = i % CXMS_TAIL_STEPS;
		double beyond = ldexp(1 - step / (2 * CXMS_TAIL_STEPS), -(int)octave);
		double y = -log10(beyond);
		double added = s.first * (fmin(y, P99) - FROM) + s.then * fmax(0, y - P99);
		t->added_ps[i] = added > 0 ? (uint64_t)llround(added) : 0;
	}
}

/* A uniform number's distance to one octave, step and rest within the step: linear in between. */
uint64_t cxms_tail_ps(const struct cxms_tail *t, uint64_t number)
{
	uint64_t v =
		cxms_hash_u64(t->seed ^ cxms_hash_u64(number)) | 1ull << (64 - CXMS_TAIL_OCTAVES);
	unsigned octave = (unsigned)__builtin_clzll(v);
	uint64_t below = ~(v << octave) << 1; /* how far under the octave's begin, 2^64 = all */
	uint32_t i = octave * CXMS_TAIL_STEPS + (uint32_t)(below >> 60);
	uint64_t rest = (below >> 44) & 0xffff, lo = t->added_ps[i], hi = t->added_ps[i + 1];
	return lo + (((hi - lo) * rest) >> 16);
}

/* A segment of slope m from share a to share b of those beyond adds m (a - b) / ln 10. */
double cxms_tail_mean_ps(uint64_t p99_ps, uint64_t p999_ps)
{
	struct slopes s = slopes_of(p99_ps, p999_ps);
	return (s.first * (0.5 - 0.01) + s.then * 0.01) / log(10);
}
