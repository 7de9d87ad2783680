/*
 * A hash join: build a bucket-chained table over one relation, probe it with another that is four
 * times as large. One dependent chain of misses per probe, independent between probes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "workload.h"

#define PROBES_PER_KEY 4u
#define NONE	       UINT32_MAX

struct tuple {
	uint64_t key;
	uint32_t payload, next; /* next in the bucket's chain */
};

struct table {
	uint64_t n;
	uint64_t mask;
	struct tuple *tuple;
	uint32_t *bucket;
};

/* An odd multiplier is a bijection on 64 bits: keys are unique, in no order. */
static uint64_t key_of(uint64_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15ull;
}

static uint64_t slot_of(const struct table *t, uint64_t key)
{
	key ^= key >> 32;
	key *= 0xd6e8feb86659fd93ull;
	key ^= key >> 32;
	return key & t->mask;
}

static struct table build(const struct wl_opts *o)
{
	struct table t = {.n = 1ull << o->scale, .mask = (1ull << o->scale) - 1};
	t.tuple = wl_alloc(t.n * sizeof(*t.tuple), o->huge);
	t.bucket = wl_alloc(t.n * sizeof(*t.bucket), o->huge);
	for (uint64_t i = 0; i < t.n; i++)
		t.bucket[i] = NONE;
	for (uint64_t i = 0; i < t.n; i++) {
		uint64_t s = slot_of(&t, key_of(i));
		t.tuple[i] = (struct tuple){key_of(i), (uint32_t)i, t.bucket[s]};
		t.bucket[s] = (uint32_t)i;
	}
	return t;
}

struct probe_job {
	const struct table *t;
	uint64_t n, seed, matches, sum;
};

static void *probe(void *arg)
{
	struct probe_job *j = arg;
	uint64_t rng = j->seed, matches = 0, sum = 0;
	for (uint64_t i = 0; i < j->n; i++) {
		/* Half of the probes find their key. */
		uint64_t want = wl_random(&rng) % (2 * j->t->n), key = key_of(want);
		uint32_t at = j->t->bucket[slot_of(j->t, key)];
		while (at != NONE && j->t->tuple[at].key != key)
			at = j->t->tuple[at].next;
		if (at != NONE) {
			matches += want < j->t->n;
			sum += j->t->tuple[at].payload == want;
		}
	}
	j->matches = matches;
	j->sum = sum;
	return NULL;
}

int main(int argc, char **argv)
{
	struct wl_opts o = {.scale = 22, .threads = 1, .rounds = 1, .seed = 1};
	wl_parse(&o, argc, argv, "hash join: build a table of 2^scale tuples, probe it");
	double start = wl_seconds();
	struct table t = build(&o);
	double built = wl_seconds();
	struct probe_job job[256];
	uint64_t matches = 0, good = 0, probes = 0;
	for (unsigned r = 0; r < o.rounds; r++) {
		for (unsigned i = 0; i < o.threads; i++)
			job[i] = (struct probe_job){.t = &t,
						    .n = PROBES_PER_KEY * t.n / o.threads,
						    .seed = o.seed + 977 * (r * 256 + i) + 1};
		wl_parallel(o.threads, probe, job, sizeof(job[0]));
		for (unsigned i = 0; i < o.threads; i++) {
			matches += job[i].matches;
			good += job[i].sum;
			probes += job[i].n;
		}
	}
	double ended = wl_seconds();
	double share = (double)matches / (double)probes;
	int correct = matches == good && share > 0.49 && share < 0.51;
	printf("hashjoin: %llu tuples, %llu probes, %llu matches, %s\n", (unsigned long long)t.n,
	       (unsigned long long)probes, (unsigned long long)matches,
	       correct ? "correct" : "WRONG");
	printf("build %.2f s, probe %.2f s\n", built - start, ended - built);
	return correct ? 0 : 1;
}
