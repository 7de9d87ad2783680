/* Collisions of sampled lines: exact counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "core/collide.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void count(const uint64_t *line, const uint32_t *window, size_t n, uint64_t apart_ns,
		  struct cxms_seen *out)
{
	uint64_t *work = malloc((2 * n + 1) * sizeof(*work));
	struct cxms_collide_sample *s = calloc(n + 1, sizeof(*s));
	assert_true(work && s);
	for (size_t i = 0; i < n; i++)
		s[i] = (struct cxms_collide_sample){line[i], i * apart_ns, window[i]};
	cxms_collide_count(s, n, work, out);
	free(s);
	free(work);
}

static void test_counts_by_hand(void **state)
{
	/* window 0: 5 5 | 9 5 9 5: the second 5 is the same stall; 3 of 5, 2 of 9 */
	static const uint64_t line[] = {5, 5, 9, 5, 9, 5, 5, 1ull << 60, 5, 1ull << 60};
	static const uint32_t window[] = {0, 0, 0, 0, 0, 0, 4, 4, 4, 4};
	struct cxms_seen c;
	(void)state;
	count(line, window, COUNT(line), CXMS_ASSUMED_STALL_NS - 1, &c);
	assert_true(fabs(c.samples - 9) < 1e-9);
	assert_true(fabs(c.sum_sq - (25 + 16)) < 1e-9);
	assert_true(fabs(c.pairs - (3 + 1 + 1 + 1)) < 1e-9);
	/* once: the last 5; twice: 9, 1 << 60, and 5 in window 4; three times: 5 in window 0 */
	assert_true(fabs(c.lines[1] - 3) < 1e-9 && fabs(c.lines[2] - 1) < 1e-9);
	assert_true(fabs(c.lines[0]) < 1e-9 && fabs(c.of[1] - 6) < 1e-9);
	count(line, window, 0, 1, &c);
	assert_true(c.samples <= 0 && c.sum_sq <= 0);
}

/* Whoever comes to one line only is seen there each time: these are waits of their own. */
static void test_one_line_far_apart_is_no_repeat(void **state)
{
	enum { N = 300 };
	uint64_t line[N];
	uint32_t window[N] = {0};
	struct cxms_seen c;
	(void)state;
	for (unsigned i = 0; i < N; i++)
		line[i] = 7;
	count(line, window, N, CXMS_ASSUMED_STALL_NS, &c);
	assert_true(fabs(c.samples - N) < 1e-9 && fabs(c.pairs - N * (N - 1) / 2.0) < 1e-9);
	count(line, window, N, CXMS_ASSUMED_STALL_NS - 1, &c);
	assert_true(fabs(c.samples - 1) < 1e-9 && c.pairs < 1e-9);
}

static void test_counts_follow_a_naive_model(void **state)
{
	enum { N = 300 };
	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		uint64_t line[N];
		uint32_t window[N] = {0};
		struct cxms_rng rng;
		struct cxms_seen c;
		double pairs = 0, seen = 0, of = 0;
		cxms_rng_init(&rng, round);
		uint64_t spread = 1 + cxms_rng_below(&rng, 200), bits = cxms_rng_below(&rng, 57);
		for (unsigned i = 0; i < N; i++)
			do
				line[i] = cxms_rng_below(&rng, spread + 1) << bits;
			while (i && line[i] == line[i - 1]);
		for (unsigned i = 0; i < N; i++)
			for (unsigned j = i + 1; j < N; j++)
				pairs += line[i] == line[j];
		count(line, window, N, 1, &c);
		assert_true(fabs(c.pairs - pairs) < 0.5);
		for (unsigned b = 0; b < CXMS_SEEN_BINS; b++) {
			seen += c.lines[b];
			of += c.of[b];
		}
		assert_true(fabs(of - N) < 0.5 && fabs(c.samples - N) < 0.5 && seen <= N);
	}
}

static void test_bins_hold_every_number_once(void **state)
{
	(void)state;
	assert_int_equal(cxms_seen_first(0), 1);
	for (unsigned b = 0; b < CXMS_SEEN_BINS; b++) {
		uint64_t from = cxms_seen_first(b), to = cxms_seen_first(b + 1);
		assert_true(from < to);
		assert_int_equal(cxms_seen_bin(from), b);
		assert_int_equal(cxms_seen_bin(to - 1), b);
	}
	assert_int_equal(cxms_seen_bin(UINT64_MAX), CXMS_SEEN_BINS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_by_hand),
		cmocka_unit_test(test_one_line_far_apart_is_no_repeat),
		cmocka_unit_test(test_counts_follow_a_naive_model),
		cmocka_unit_test(test_bins_hold_every_number_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
