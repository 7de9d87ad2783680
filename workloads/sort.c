/*
 * A merge sort of random 64-bit keys: sequential reads and writes, and a branch in each step that
 * no predictor knows. Threads sort slices, and merge pairs of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workload.h"

#define SHORT_RUN 32u /* keys sorted by insertion */

static void insertion(uint64_t *key, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		uint64_t k = key[i];
		size_t at = i;
		for (; at > 0 && key[at - 1] > k; at--)
			key[at] = key[at - 1];
		key[at] = k;
	}
}

static void merge(const uint64_t *a, size_t n_a, const uint64_t *b, size_t n_b, uint64_t *out)
{
	while (n_a > 0 && n_b > 0) {
		if (*a <= *b) {
			*out++ = *a++;
			n_a--;
		} else {
			*out++ = *b++;
			n_b--;
		}
	}
	memcpy(out, a, n_a * sizeof(*a));
	memcpy(out + n_a, b, n_b * sizeof(*b));
}

/* One pass over @n keys in sorted runs of @run: pairs of them merged from @from to @to. */
struct pass {
	const uint64_t *from;
	uint64_t *to;
	size_t n, run;
};

static void *merge_pairs(void *arg)
{
	const struct pass *p = arg;
	for (size_t at = 0; at < p->n; at += 2 * p->run) {
		size_t left = p->n - at, a = left < p->run ? left : p->run;
		size_t b = left - a < p->run ? left - a : p->run;
		merge(p->from + at, a, p->from + at + a, b, p->to + at);
	}
	return NULL;
}

/* Threads share a pass while it has a pair for each. Return: where the sorted keys are. */
static uint64_t *sort(uint64_t *key, uint64_t *spare, size_t n, unsigned threads)
{
	struct pass part[256];
	for (size_t at = 0; at < n; at += SHORT_RUN)
		insertion(key + at, n - at < SHORT_RUN ? n - at : SHORT_RUN);
	for (size_t run = SHORT_RUN; run < n; run *= 2) {
		size_t pairs = (n + 2 * run - 1) / (2 * run);
		unsigned by = threads < pairs ? threads : (unsigned)pairs;
		for (unsigned t = 0; t < by; t++) {
			size_t first = pairs * t / by * 2 * run,
			       end = pairs * (t + 1) / by * 2 * run;
			part[t] = (struct pass){key + first, spare + first,
						(end < n ? end : n) - first, run};
		}
		wl_parallel(by, merge_pairs, part, sizeof(part[0]));
		uint64_t *sorted = spare;
		spare = key;
		key = sorted;
	}
	return key;
}

int main(int argc, char **argv)
{
	struct wl_opts o = {.scale = 21, .threads = 1, .rounds = 1, .seed = 1};
	wl_parse(&o, argc, argv, "merge sort of 2^scale random keys");
	size_t n = (size_t)1 << o.scale;
	uint64_t *key = wl_alloc(n * sizeof(*key), o.huge);
	uint64_t *spare = wl_alloc(n * sizeof(*spare), o.huge);
	int good = 1;
	double start = wl_seconds();
	for (unsigned r = 0; r < o.rounds; r++) {
		uint64_t rng = o.seed + r, before = 0, after = 0;
		for (size_t i = 0; i < n; i++)
			before += key[i] = wl_random(&rng);
		const uint64_t *sorted = sort(key, spare, n, o.threads);
		for (size_t i = 0; i < n; i++) {
			after += sorted[i];
			good &= i == 0 || sorted[i - 1] <= sorted[i];
		}
		good &= before == after;
	}
	printf("sort: %zu keys, %u times, %s\n", n, o.rounds, good ? "correct" : "WRONG");
	printf("sort %.2f s\n", wl_seconds() - start);
	return good ? 0 : 1;
}
