#include "source/spin.h"

#include "base/sys.h"

#include <stdlib.h>

#define TRIAL_TURNS (1u << 16)

uint64_t cxms_spin(uint64_t turns)
{
	uint64_t start_ns = cxms_now_ns(), x = turns;

	for (uint64_t i = 0; i < turns; i++) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		__asm__ volatile("" : "+r"(x)); /* keeps the loop */
	}
	return cxms_now_ns() - start_ns;
}

uint64_t cxms_spin_turns(uint64_t ns)
{
	uint64_t took_ns = cxms_spin(TRIAL_TURNS);

	return TRIAL_TURNS * ns / (took_ns ? took_ns : 1);
}

static int by_value(const void *pa, const void *pb)
{
	int64_t a = *(const int64_t *)pa, b = *(const int64_t *)pb;
	return a < b ? -1 : a > b;
}

uint64_t cxms_spin_cost(int64_t *cost_ns, unsigned n)
{
	qsort(cost_ns, n, sizeof(*cost_ns), by_value);
	return cost_ns[n / 2] > 1 ? (uint64_t)cost_ns[n / 2] : 1;
}
