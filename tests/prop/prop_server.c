/* Properties of servers that the closed-loop solver leans on, over random servers and loads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>

#include "base/rng.h"
#include "mem/curve.h"
#include "mem/server.h"

enum { CASES = 20000 };
static const uint64_t seed = 20250101;
static struct cxms_curve *curve;

static double log_uniform(struct cxms_rng *rng, double lo, double hi)
{
	return lo * pow(hi / lo, cxms_rng_unit(rng));
}

static double any_cap(struct cxms_rng *rng)
{
	return cxms_rng_below(rng, 4) ? log_uniform(rng, 1e9, 1e12) : INFINITY;
}

static struct cxms_server any_server(struct cxms_rng *rng)
{
	static const unsigned width[] = {1, 2, 4, 8, 16};
	struct cxms_server s = {.kind = cxms_rng_below(rng, 2) ? CXMS_SERVER_LINK
							       : CXMS_SERVER_DEVICE};
	if (s.kind == CXMS_SERVER_LINK) {
		s.dir_bytes_per_s = cxms_link_usable_bytes_per_s(
			4 + (unsigned)cxms_rng_below(rng, 4), width[cxms_rng_below(rng, 5)],
			(int)cxms_rng_below(rng, 2), cxms_rng_below(rng, 2) == 0);
		return s;
	}
	s.read_cap = any_cap(rng);
	s.write_cap = any_cap(rng);
	s.total_cap = log_uniform(rng, 1e9, 1e12);
	s.idle_ps = log_uniform(rng, 1e3, 1e6);
	s.shape = (enum cxms_server_shape)cxms_rng_below(rng, 4);
	if (s.shape == CXMS_SHAPE_QUEUE) {
		s.channels = 1 + (uint32_t)cxms_rng_below(rng, 16);
		/* up to four services of a line: DDR5 has about 10 ns against 3.3 ns */
		s.turnaround_ps =
			4 * cxms_rng_unit(rng) * s.channels * 64 / s.total_cap * CXMS_PS_PER_S;
	}
	if (s.shape == CXMS_SHAPE_CURVE) {
		s.curve = curve;
		s.curve_scale = log_uniform(rng, 0.01, 10);
		s.total_cap = any_cap(rng);
	}
	return s;
}

/* Two shares that saturate differently, one with a branch behind its peak. */
static int make_curve(void **state)
{
	static const double bw[] = {1e9, 20e9, 30e9, 40e9, 38e9};
	static const double lat[] = {200e3, 220e3, 260e3, 400e3, 900e3};
	static const double bw_mix[] = {0, 10e9, 20e9, 30e9};
	static const double lat_mix[] = {210e3, 230e3, 300e3, 350e3};
	static const struct cxms_curve_points p[] = {{0.5, 4, bw_mix, lat_mix}, {1, 5, bw, lat}};
	(void)state;
	return cxms_curve_new(p, 2, &curve, NULL);
}

static int drop_curve(void **state)
{
	(void)state;
	cxms_curve_free(curve);
	return 0;
}

/* A load at the share @u of the server's capacity for this mix. */
static struct cxms_load load_at(const struct cxms_server *s, double read_share, double u)
{
	double lines = cxms_server_peak_bytes_per_s(s, read_share) * u / 64;
	return (struct cxms_load){lines * read_share, lines * (1 - read_share)};
}

static void hold(unsigned i, bool holds, const char *what)
{
	if (!holds)
		print_message("case %u of seed %llu: %s\n", i, (unsigned long long)seed, what);
	assert_true(holds);
}

static void test_peak_is_where_utilization_is_one(void **state)
{
	(void)state;
	struct cxms_rng rng;
	cxms_rng_init(&rng, seed);
	for (unsigned i = 0; i < CASES; i++) {
		struct cxms_server s = any_server(&rng);
		double f = cxms_rng_unit(&rng), u = cxms_rng_unit(&rng);
		struct cxms_load l = load_at(&s, f, u);
		hold(i, fabs(cxms_server_utilization(&s, &l) - u) <= 1e-9,
		     "utilization is not proportional to load");
	}
}

static void test_more_load_never_waits_less(void **state)
{
	(void)state;
	struct cxms_rng rng;
	cxms_rng_init(&rng, seed);
	for (unsigned i = 0; i < CASES; i++) {
		struct cxms_server s = any_server(&rng);
		struct cxms_load a = load_at(&s, cxms_rng_unit(&rng), cxms_rng_unit(&rng));
		struct cxms_load b = a;
		if (s.shape == CXMS_SHAPE_CURVE) /* another mix may have been measured faster */
			continue;
		double more = cxms_rng_unit(&rng) * 0.1;
		if (cxms_rng_below(&rng, 2))
			b.read_lines_per_s += a.write_lines_per_s * more;
		else
			b.write_lines_per_s += a.read_lines_per_s * more;
		double wa = cxms_server_wait_ps(&s, &a), wb = cxms_server_wait_ps(&s, &b);
		hold(i, wb >= wa * (1 - 1e-12), "the wait fell when load was added");
		hold(i, wa >= 0, "negative wait");
	}
}

static void test_wait_rises_with_utilization_of_a_mix(void **state)
{
	(void)state;
	struct cxms_rng rng;
	cxms_rng_init(&rng, seed);
	for (unsigned i = 0; i < CASES; i++) {
		struct cxms_server s = any_server(&rng);
		double f = cxms_rng_unit(&rng), before = 0;
		for (double u = 0.05; u < 1; u += 0.1) {
			struct cxms_load l = load_at(&s, f, u);
			double wait = cxms_server_wait_ps(&s, &l);
			hold(i, wait > before && isfinite(wait), "not increasing in u");
			before = wait;
		}
		struct cxms_load full = load_at(&s, f, 1.0001);
		hold(i, isinf(cxms_server_wait_ps(&s, &full)), "finite wait beyond the peak");
	}
}

/* The solver brackets: a jump would leave it between two answers. */
static void test_wait_has_no_jump(void **state)
{
	(void)state;
	struct cxms_rng rng;
	cxms_rng_init(&rng, seed);
	for (unsigned i = 0; i < CASES; i++) {
		struct cxms_server s = any_server(&rng);
		double f = cxms_rng_unit(&rng), u = 0.9999 * cxms_rng_unit(&rng);
		struct cxms_load a = load_at(&s, f, u), b = load_at(&s, f, u + 1e-9);
		double wa = cxms_server_wait_ps(&s, &a), wb = cxms_server_wait_ps(&s, &b);
		/* slope at u 0.9999 is under 1e9 of the scale of waits there */
		hold(i, !(u > 1e-4) || !(fabs(wb - wa) > 1e-3 * wb), "a jump");
	}
}

static void test_more_bandwidth_never_waits_longer(void **state)
{
	(void)state;
	struct cxms_rng rng;
	cxms_rng_init(&rng, seed);
	for (unsigned i = 0; i < CASES; i++) {
		struct cxms_server s = any_server(&rng), wide = s;
		struct cxms_load l = load_at(&s, cxms_rng_unit(&rng), cxms_rng_unit(&rng));
		double by = 1 + cxms_rng_unit(&rng);
		wide.dir_bytes_per_s *= by;
		wide.total_cap *= by;
		wide.curve_scale *= by;
		if (cxms_rng_below(&rng, 2))
			wide.read_cap *= by;
		hold(i, cxms_server_wait_ps(&wide, &l) <= cxms_server_wait_ps(&s, &l),
		     "more bandwidth made it slower");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peak_is_where_utilization_is_one),
		cmocka_unit_test(test_more_load_never_waits_less),
		cmocka_unit_test(test_wait_rises_with_utilization_of_a_mix),
		cmocka_unit_test(test_wait_has_no_jump),
		cmocka_unit_test(test_more_bandwidth_never_waits_longer),
	};
	return cmocka_run_group_tests(tests, make_curve, drop_curve);
}
