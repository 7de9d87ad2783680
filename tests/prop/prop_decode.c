#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"

#include "base/err.h"
#include "base/rng.h"
#include "topo/decode.h"
#include "topo/topo.h"

#define SEED   20
#define RANDOM 300u /* addresses of a decoder */

/* all that an HDM decoder can be set to, and three that only software deals in */
static const uint32_t ways[] = {1, 2, 3, 4, 6, 8, 12, 16, 5, 7, 10};
#define N_WAYS		(sizeof(ways) / sizeof(ways[0]))
#define MIN_GRANULARITY 256u
#define MAX_GRANULARITY 16384u

typedef void (*check_fn)(const struct cxms_decoder *d, uint64_t hpa);

static void check_edges_and_random(const struct cxms_decoder *d, struct cxms_rng *rng,
				   check_fn check)
{
	uint64_t turn = (uint64_t)d->ways * d->granularity;
	const uint64_t edge[] = {0,	   1,	 d->granularity - 1, d->granularity,
				 turn - 1, turn, d->size - turn,     d->size - 1};
	for (size_t i = 0; i < sizeof(edge) / sizeof(edge[0]); i++)
		if (edge[i] < d->size)
			check(d, d->base + edge[i]);
	for (unsigned i = 0; i < RANDOM; i++)
		check(d, d->base + cxms_rng_below(rng, d->size));
}

/* Every ways and granularity: small regions, and the largest of 52-bit devices. */
static void for_each_decoder(check_fn check)
{
	struct cxms_rng rng;
	cxms_rng_init(&rng, SEED);
	for (size_t w = 0; w < N_WAYS; w++) {
		for (uint32_t g = MIN_GRANULARITY; g <= MAX_GRANULARITY; g *= 2) {
			uint64_t turn = (uint64_t)ways[w] * g;
			const uint64_t turns[] = {1, 3, 1000, (1ull << 52) / g};
			for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
				struct cxms_decoder d = {
					.size = turns[i] * turn, .ways = ways[w], .granularity = g};
				check_edges_and_random(&d, &rng, check);
				d.base = (1ull << 40) / turn * turn;
				check_edges_and_random(&d, &rng, check);
			}
		}
	}
}

static struct cxms_decoded decode(const struct cxms_decoder *d, uint64_t hpa)
{
	struct cxms_decoded at = {.way = UINT32_MAX};
	assert_int_equal(cxms_decode(d, hpa, &at), 0);
	assert_true(at.way < d->ways);
	assert_true(at.dpa < d->size / d->ways);
	return at;
}

static void there_and_back(const struct cxms_decoder *d, uint64_t hpa)
{
	struct cxms_decoded at = decode(d, hpa);
	assert_int_equal(encode(d, &at), hpa);
}

static void test_encode_undoes_decode(void **state)
{
	(void)state;
	for_each_decoder(there_and_back);
}

/* One granule further is the next target's turn; a whole turn further, the next granule of it. */
static void next_turn(const struct cxms_decoder *d, uint64_t hpa)
{
	uint64_t turn = (uint64_t)d->ways * d->granularity, end = d->base + d->size;
	struct cxms_decoded at = decode(d, hpa);
	if (hpa + d->granularity < end) {
		struct cxms_decoded next = decode(d, hpa + d->granularity);
		bool wraps = at.way + 1 == d->ways;
		assert_int_equal(next.way, wraps ? 0 : at.way + 1);
		assert_int_equal(next.dpa, at.dpa + (wraps ? d->granularity : 0));
	}
	if (hpa + turn < end) {
		struct cxms_decoded next = decode(d, hpa + turn);
		assert_int_equal(next.way, at.way);
		assert_int_equal(next.dpa, at.dpa + d->granularity);
	}
	if (hpa % d->granularity) {
		struct cxms_decoded before = decode(d, hpa - 1);
		assert_int_equal(before.way, at.way);
		assert_int_equal(before.dpa, at.dpa - 1);
	}
}

static void test_targets_take_turns(void **state)
{
	(void)state;
	for_each_decoder(next_turn);
	for (size_t w = 0; w < N_WAYS; w++) {
		const struct cxms_decoder d = {.base = 1ull << 36,
					       .size = ways[w] * 256ull,
					       .ways = ways[w],
					       .granularity = 256};
		struct cxms_decoded at = decode(&d, d.base);
		assert_int_equal(at.way, 0);
		assert_int_equal(at.dpa, 0);
	}
}

/* Every line of every target is hit exactly once. */
static void test_every_line_has_one_place(void **state)
{
	(void)state;
	enum { TURNS = 7, LINE = 64 };
	for (size_t w = 0; w < N_WAYS; w++) {
		for (uint32_t g = MIN_GRANULARITY; g <= MAX_GRANULARITY; g *= 4) {
			const struct cxms_decoder d = {.base = 0,
						       .size = (uint64_t)ways[w] * g * TURNS,
						       .ways = ways[w],
						       .granularity = g};
			size_t lines = g * TURNS / LINE;
			unsigned char *hit = calloc(ways[w] * lines, 1);
			assert_non_null(hit);
			for (uint64_t hpa = 0; hpa < d.size; hpa += LINE) {
				struct cxms_decoded at = decode(&d, hpa);
				assert_int_equal(hit[at.way * lines + at.dpa / LINE]++, 0);
			}
			assert_null(memchr(hit, 0, ways[w] * lines));
			free(hit);
		}
	}
}

static void test_what_is_outside_has_no_place(void **state)
{
	(void)state;
	const struct cxms_decoder d = {
		.base = 1 << 20, .size = 6 * 4096, .ways = 3, .granularity = 4096};
	const uint64_t outside[] = {0, (1 << 20) - 1, (1 << 20) + 6 * 4096, UINT64_MAX};
	struct cxms_decoded at = {.way = 77, .dpa = 78};
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		assert_int_equal(cxms_decode(&d, outside[i], &at), -ERANGE);
	assert_int_equal(at.way, 77);
}

static struct cxms_topo *load(const char *local, const char *regions)
{
	char text[900];
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	snprintf(text, sizeof(text),
		 "schema: 1\nhost: {local: {latency: 107ns%s}}\ndevices:\n"
		 "  a: {type: memdev, upstream: host, latency: 250ns, capacity: 4GiB}\n"
		 "  b: {type: memdev, upstream: host, latency: 250ns, capacity: 4GiB}\n"
		 "  c: {type: memdev, upstream: host, latency: 250ns, capacity: 4GiB}\n"
		 "  d: {type: memdev, upstream: host, latency: 250ns, capacity: 1000MB}\n"
		 "  e: {type: memdev, upstream: host, latency: 250ns, capacity: 8GiB}\n%s",
		 local, regions);
	if (cxms_topo_load_mem("test.yaml", text, strlen(text), &t, &err) < 0)
		fail_msg("%s", err.msg);
	return t;
}

/* Regions of a topology: aligned, apart from each other and from local memory, none too large. */
static void check_decoders(const char *local, const char *regions, uint64_t local_bytes,
			   uint64_t want_local)
{
	struct cxms_decoder d[CXMS_TOPO_MAX_DEVICES];
	struct cxms_topo *t = load(local, regions);
	uint64_t end = want_local;
	cxms_topo_decoders(t, local_bytes, d);
	for (size_t i = 0; i < t->n_region; i++) {
		const struct cxms_region *r = &t->region[i];
		uint64_t share = d[i].size / r->n_target;
		assert_int_equal(d[i].ways, r->n_target);
		assert_int_equal(d[i].granularity, r->granularity_bytes);
		assert_int_equal(d[i].base % (d[i].ways * 256ull << 20), 0);
		assert_int_equal(d[i].size % (d[i].ways * d[i].granularity), 0);
		assert_true(d[i].base >= end);
		assert_true(d[i].base - end < d[i].ways * 256ull << 20);
		end = d[i].base + d[i].size;
		bool full = false;
		for (size_t j = 0; j < r->n_target; j++) {
			uint64_t has = t->dev[r->target[j]].capacity_bytes;
			assert_true(share <= has);
			full |= has - share < d[i].granularity;
		}
		assert_true(full);
	}
	cxms_topo_free(t);
}

static void test_decoders_of_a_topology_do_not_overlap(void **state)
{
	(void)state;
	static const char *const regions[] = {
		"",
		"regions: [{name: x, targets: [c, a, b], granularity: 256B}, {name: y, targets: "
		"[d, e], granularity: 16KiB}]\n",
		"regions: [{name: x, targets: [e]}, {name: y, targets: [d, a, c, b], granularity: "
		"512B}]\n"};
	for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
		check_decoders("", regions[i], 0, 0);
		check_decoders("", regions[i], 12345678901, 12345678901);
		check_decoders(", capacity: 64GiB", regions[i], 1, 64ull << 30);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode_undoes_decode),
		cmocka_unit_test(test_targets_take_turns),
		cmocka_unit_test(test_every_line_has_one_place),
		cmocka_unit_test(test_what_is_outside_has_no_place),
		cmocka_unit_test(test_decoders_of_a_topology_do_not_overlap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
