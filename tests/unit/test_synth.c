/* Source synth: counts known from the pattern, time order, the same stream for the same seed, every
 * error. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "source/source.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A whole run, read in steps of @cap. */
struct run {
	struct cxms_event *ev;
	size_t n;
	struct cxms_totals totals;
	uint64_t period_ns;
	unsigned caps;
};

static struct run run_pattern(const char *pattern, uint64_t seed, size_t step)
{
	struct cxms_source_cfg cfg = {.pattern = pattern, .seed = seed};
	struct cxms_err err = {0};
	struct cxms_source *s = NULL;
	struct run r = {0};
	size_t cap = 1u << 20;
	bool end = false;

	assert_int_equal(cxms_source_open(&cxms_source_synth, &cfg, &s, &err), 0);
	assert_int_equal(s->ops->start(s, &err), 0);
	r.ev = malloc(cap * sizeof(*r.ev));
	assert_non_null(r.ev);
	while (!end) {
		size_t n = 0;

		assert_true(r.n + step <= cap);
		assert_int_equal(s->ops->read(s, r.ev + r.n, step, &n, &end, &err), 0);
		assert_true(n <= step);
		r.n += n;
	}
	assert_int_equal(s->ops->stop(s, &r.totals, &err), 0);
	r.period_ns = s->cfg.period_ns;
	r.caps = s->caps;
	cxms_source_free(s);
	return r;
}

static uint64_t count_kind(const struct run *r, uint8_t kind)
{
	uint64_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->ev[i].kind == kind;
	return n;
}

static uint64_t count_site(const struct run *r, uint32_t site)
{
	uint64_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->ev[i].kind == CXMS_EV_SAMPLE && r->ev[i].sample.site == site;
	return n;
}

static void test_counts_follow_from_the_pattern(void **state)
{
	static const struct {
		const char *pattern;
		uint64_t compute, array, array2, kernel, faults, forks, cpu_ns, duration_ns;
		const char *why;
	} rows[] = {
		{"{}", 2500, 2500, 0, 0, 65536, 1, 1000000000, 1000000000,
		 "defaults: 1 s at 199,999 ns, half of it stalls, 256 MiB of 4 KiB pages"},
		{"{duration: 1s, period: 1ms, stall: 0.6, kernel: 0.1, pages: 10}", 300, 600, 0,
		 100, 10, 1, 1000000000, 1000000000, "shares are exact"},
		{"{duration: 1s, period: 1ms, stall: 0.5, threads: 3, footprint2: 1MiB, share2: "
		 "0.5, "
		 "footprint: 1MiB}",
		 1500, 750, 750, 0, 512, 3, 3000000000, 1000000000,
		 "per thread; both arrays fault"},
		{"{duration: 1s, period: 1ms, stall: 1, blocked: 0.5, page: 2MiB, footprint: 5MiB}",
		 0, 500, 0, 0, 3, 1, 500000000, 1000000000,
		 "half the wall time off the CPU; whole pages"},
		{"{duration: 1s, period: 1ms, stall: 0, kernel: 1, faults: false}", 0, 0, 0, 1000,
		 0, 1, 1000000000, 1000000000, "all kernel"},
		{"{duration: 15ms, period: 1s}", 0, 0, 0, 0, 65536, 1, 15000000, 15000000,
		 "shorter than a period: no sample"},
		{"{duration: 123456789ns, period: 1ms, threads: 2, stall: 0.333, pages: 1}", 164,
		 82, 0, 0, 1, 2, 246913578, 123456789, "0.333 of 123 is rounded to 41"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct run r = run_pattern(rows[i].pattern, 1, 1000);
		uint64_t on_ns = 0;

		print_message("%s\n", rows[i].why);
		for (size_t k = 0; k < r.n; k++) {
			if (r.ev[k].kind == CXMS_EV_RUN)
				on_ns += r.ev[k].run.dur_ns;
		}
		assert_int_equal(count_site(&r, 0), rows[i].compute);
		assert_int_equal(count_site(&r, 1), rows[i].array);
		assert_int_equal(count_site(&r, 2), rows[i].array2);
		assert_int_equal(count_site(&r, CXMS_NO_SITE), rows[i].kernel);
		assert_int_equal(count_kind(&r, CXMS_EV_FAULT), rows[i].faults);
		assert_int_equal(count_kind(&r, CXMS_EV_FORK), rows[i].forks);
		assert_int_equal(count_kind(&r, CXMS_EV_EXIT), rows[i].forks);
		assert_int_equal(on_ns, rows[i].cpu_ns);
		assert_int_equal(r.totals.samples, count_kind(&r, CXMS_EV_SAMPLE));
		assert_int_equal(r.totals.user_ns + r.totals.system_ns, rows[i].cpu_ns);
		assert_int_equal(r.totals.system_ns, rows[i].kernel * r.period_ns);
		assert_int_equal(r.totals.duration_ns, rows[i].duration_ns);
		assert_true(r.totals.exit_known);
		assert_int_equal(r.ev[r.n - 1].kind, CXMS_EV_EXIT);
		assert_int_equal(r.ev[r.n - 1].time_ns, rows[i].duration_ns);
		assert_int_equal(r.ev[r.n - 1].tid, r.ev[r.n - 1].pid);
		free(r.ev);
	}
}

/* When an event is written: a slice when it ends. */
static uint64_t due_ns(const struct cxms_event *ev)
{
	return ev->time_ns + (ev->kind == CXMS_EV_RUN ? ev->run.dur_ns : 0);
}

static void test_events_come_in_time_order(void **state)
{
	static const char *const patterns[] = {
		"{duration: 300ms, threads: 3, blocked: 0.3, footprint: 1MiB}",
		"{duration: 300ms, period: 7ms, blocked: 0.9, footprint: 1MiB}",
		"{duration: 1ms, period: 1us, footprint: 2MiB, page: 2MiB}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(patterns); i++) {
		struct run r = run_pattern(patterns[i], 3, 64);
		bool sampled = false;

		for (size_t k = 1; k < r.n; k++) {
			assert_true(due_ns(&r.ev[k]) >= due_ns(&r.ev[k - 1]));
			sampled |= r.ev[k].kind == CXMS_EV_SAMPLE;
			assert_false(sampled && r.ev[k].kind == CXMS_EV_FAULT);
		}
		free(r.ev);
	}
}

static void test_samples_fall_into_slices_of_their_thread(void **state)
{
	struct run r =
		run_pattern("{duration: 200ms, threads: 2, blocked: 0.4, period: 700us}", 1, 64);
	uint64_t seen = 0;

	(void)state;
	for (size_t i = 0; i < r.n; i++) {
		const struct cxms_event *s = &r.ev[i];

		if (s->kind != CXMS_EV_SAMPLE)
			continue;
		for (size_t k = i + 1; k < r.n; k++) {
			const struct cxms_event *run = &r.ev[k];

			if (run->kind != CXMS_EV_RUN || run->tid != s->tid)
				continue;
			assert_true(s->time_ns > run->time_ns);
			assert_true(s->time_ns <= run->time_ns + run->run.dur_ns);
			assert_int_equal(s->sample.cpu, run->run.cpu);
			seen++;
			break;
		}
	}
	assert_int_equal(seen, r.totals.samples);
	free(r.ev);
}

static void test_addresses_lie_in_the_array_of_their_site(void **state)
{
	static const char *const patterns[] = {
		"{access: chase, footprint: 1MiB, footprint2: 4KiB, share2: 0.5, threads: 2}",
		"{access: stream, footprint: 100KiB, footprint2: 64B, share2: 0.1, threads: 3}",
		"{access: random, page: 2MiB, pages: 3, footprint2: 1MiB, share2: 1}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(patterns); i++) {
		struct run r = run_pattern(patterns[i], 9, 500);
		const struct cxms_map *array[2] = {NULL, NULL};
		size_t n = 0;

		for (size_t k = 0; k < r.n; k++) {
			const struct cxms_event *ev = &r.ev[k];

			if (ev->kind == CXMS_EV_MAP && !*ev->map.path)
				array[n++] = &ev->map;
			if (ev->kind == CXMS_EV_SAMPLE && ev->sample.flags & CXMS_SAMPLE_ADDR) {
				const struct cxms_map *m = array[ev->sample.site - 1];

				assert_true(ev->sample.addr >= m->addr);
				assert_true(ev->sample.addr < m->addr + m->len);
			}
			if (ev->kind == CXMS_EV_AREA)
				assert_int_equal(ev->area.huge_bytes, i == 2 ? ev->area.len : 0);
		}
		assert_int_equal(n, 2);
		free(r.ev);
	}
}

static void test_only_a_chase_is_carried(void **state)
{
	static const struct {
		const char *pattern;
		uint16_t flags;
	} rows[] = {
		{"{access: chase}", CXMS_SITE_SELF | CXMS_SITE_CARRIED},
		{"{access: random}", 0},
		{"{access: stream}", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct run r = run_pattern(rows[i].pattern, 1, 100);

		for (size_t k = 0; k < r.n; k++) {
			const struct cxms_site *s = &r.ev[k].site;

			if (r.ev[k].kind != CXMS_EV_SITE)
				continue;
			assert_int_equal(s->kind, s->id ? CXMS_SITE_LOAD : CXMS_SITE_NONE);
			assert_int_equal(s->flags, s->id ? rows[i].flags : 0);
		}
		free(r.ev);
	}
}

static void test_stores_have_their_share_of_each_array(void **state)
{
	struct run r =
		run_pattern("{duration: 1s, period: 1ms, stall: 0.8, stores: 0.25, access: chase, "
			    "footprint: 1MiB, footprint2: 1MiB, share2: 0.5}",
			    1, 100);
	(void)state;
	assert_int_equal(count_site(&r, 1), 300);
	assert_int_equal(count_site(&r, 2), 300);
	assert_int_equal(count_site(&r, 3), 100);
	assert_int_equal(count_site(&r, 4), 100);
	for (size_t k = 0; k < r.n; k++) {
		const struct cxms_site *s = &r.ev[k].site;
		if (r.ev[k].kind != CXMS_EV_SITE || s->id == 0)
			continue;
		assert_int_equal(s->kind, s->id > 2 ? CXMS_SITE_STORE : CXMS_SITE_LOAD);
		assert_int_equal(s->flags & CXMS_SITE_CARRIED, s->id > 2 ? 0 : CXMS_SITE_CARRIED);
	}
	free(r.ev);
}

static bool same(const struct run *a, const struct run *b)
{
	return a->n == b->n && !memcmp(a->ev, b->ev, a->n * sizeof(*a->ev));
}

static void test_the_seed_decides_the_stream_and_the_step_does_not(void **state)
{
	static const char pattern[] = "{duration: 200ms, threads: 2, footprint: 64KiB}";
	struct run a = run_pattern(pattern, 5, 1);
	struct run b = run_pattern(pattern, 5, 777);
	struct run c = run_pattern(pattern, 6, 777);

	(void)state;
	assert_true(same(&a, &b));
	assert_false(same(&a, &c));
	free(a.ev);
	free(b.ev);
	free(c.ev);
}

static void test_independent_draws_scatter_around_the_share(void **state)
{
	/* 10,000 draws at 0.3: standard deviation 46; five of them either side. */
	struct run r = run_pattern(
		"{duration: 10s, period: 1ms, stall: 0.3, exact: false, pages: 1}", 11, 1000);
	uint64_t n = count_site(&r, 1);

	(void)state;
	assert_in_range(n, 3000 - 230, 3000 + 230);
	assert_int_not_equal(n, 3000);
	assert_int_equal(r.totals.samples, 10000);
	free(r.ev);
}

static void test_the_pattern_settles_period_and_capabilities(void **state)
{
	struct run r = run_pattern("{period: 2ms, faults: false, pages: 1}", 1, 100);

	(void)state;
	assert_int_equal(r.period_ns, 2000000);
	assert_int_equal(r.caps & CXMS_SRC_FAULTS, 0);
	free(r.ev);
	r = run_pattern("{pages: 1}", 1, 100);
	assert_int_equal(r.period_ns, cxms_source_synth.default_period_ns);
	assert_int_not_equal(r.caps & CXMS_SRC_FAULTS, 0);
	free(r.ev);
}

static void test_errors_are_all_named(void **state)
{
	static const struct {
		const char *pattern, *say[3];
	} rows[] = {
		{NULL, {"no pattern"}},
		{"[1, 2]", {"a pattern is a map"}},
		{"{threads: 0, duration: 5, colour: red}",
		 {"pattern:1:11: 'threads'", "'duration'", "unknown key 'colour'"}},
		{"{pages: 4, footprint: 1MiB}", {"say the same"}},
		{"{stall: 0.7, kernel: 0.4}", {"together exceed 1"}},
		{"{share2: 0.5}", {"give 'footprint2'"}},
		{"{page: 1GiB, access: zigzag, blocked: 1}",
		 {"4KiB, 2MiB", "chase, stream, random", "'blocked'"}},
		{"{stall: nan}", {"'stall'"}},
		{"{threads: 2", {"pattern:2:1: "}},
		{"{loop: 65536, faults: maybe, period: 1ns}", {"'loop'", "'faults'", "'period'"}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cxms_source_cfg cfg = {.pattern = rows[i].pattern};
		struct cxms_source *s = NULL;
		struct cxms_err err = {0};

		assert_int_equal(cxms_source_open(&cxms_source_synth, &cfg, &s, &err), -EINVAL);
		assert_null(s);
		for (size_t k = 0; k < COUNT(rows[i].say) && rows[i].say[k]; k++) {
			if (!strstr(err.msg, rows[i].say[k]))
				fail_msg("'%s' lacks '%s'", err.msg, rows[i].say[k]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_follow_from_the_pattern),
		cmocka_unit_test(test_events_come_in_time_order),
		cmocka_unit_test(test_samples_fall_into_slices_of_their_thread),
		cmocka_unit_test(test_addresses_lie_in_the_array_of_their_site),
		cmocka_unit_test(test_only_a_chase_is_carried),
		cmocka_unit_test(test_stores_have_their_share_of_each_array),
		cmocka_unit_test(test_the_seed_decides_the_stream_and_the_step_does_not),
		cmocka_unit_test(test_independent_draws_scatter_around_the_share),
		cmocka_unit_test(test_the_pattern_settles_period_and_capabilities),
		cmocka_unit_test(test_errors_are_all_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
