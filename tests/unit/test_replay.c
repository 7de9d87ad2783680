/* Replay against closed forms: what a program in closed form must come out as, and odd recordings.
 */
#include "play.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/rng.h"
#include "sim/recording.h"

#define PID	 100u
#define ARRAY	 0x100000000000ull
#define LOCAL_NS 110.0
#define CXL_NS	 330.0
#define MEM_NS	 100.0 /* of the synthetic machine */
#define WALK_NS	 20.0
#define LATE_NS	 CXMS_RECORDING_MAX_NS
#define TOPOLOGY PLAY_TOPO(110, 330)
#define FAR_AWAY PLAY_TOPO(110, 5000)

static const double ends[] = {100, 50, 0};

/* Excess over all-local of a program that waits for share s of its time, waits of L_seen each. */
static double closed_form(double stall, double seen_ns)
{
	double waits = stall / seen_ns;
	return (1 + waits * (CXL_NS - MEM_NS)) / (1 + waits * (LOCAL_NS - MEM_NS));
}

static void test_chase_follows_the_closed_form(void **state)
{
	static const struct {
		const char *page;
		double stall, seen_ns;
		const char *why;
	} rows[] = {
		{"2MiB", 1.0, MEM_NS, "all time is waiting: ratio of the latencies"},
		{"2MiB", 0.6, MEM_NS, "Amdahl"},
		{"2MiB", 0.05, MEM_NS, "little waiting"},
		{"4KiB", 1.0, MEM_NS + WALK_NS, "page walks stay local: fewer exposed waits"},
		{"4KiB", 0.4, MEM_NS + WALK_NS, "walks and compute"},
	};
	struct cxms_topo *topo = play_topology(TOPOLOGY);
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		char pattern[200];
		snprintf(pattern, sizeof(pattern),
			 "{duration: 1s, period: 200us, page: %s, footprint: 1GiB, stall: %g, "
			 "access: chase}",
			 rows[i].page, rows[i].stall);
		struct cxms_result *r = play_llc(pattern, 7, topo, NULL, ends, 3, PLAY_NO_LLC);
		const struct cxms_split_result *s = r->split;
		double want = closed_form(rows[i].stall, rows[i].seen_ns);
		double half = 1 + (want - 1) / 2;
		print_message("%s: want %g, got %g\n", rows[i].why, want, s[2].slowdown);
		/* no set is ruled out altogether: some 1e-4 of the waits may be on one line */
		assert_true(fabs(s[2].slowdown - want) < 1e-3 * want);
		assert_true(s[2].slowdown_lo <= want && want <= s[2].slowdown_hi);
		/* half the pages: half of the samples, to within their number's binomial error */
		double n = 5000 * rows[i].stall;
		assert_true(fabs(s[1].slowdown - half) < 3 * (want - 1) * 0.5 / sqrt(n) + 1e-3);
		assert_true(s[1].slowdown_lo <= half && half <= s[1].slowdown_hi);
		cxms_result_free(r);
	}
	cxms_topo_free(topo);
}

static void test_time_with_everything_local_is_native_on_the_same_machine(void **state)
{
	static const char *const patterns[] = {
		"{duration: 1s, stall: 0.7, access: chase, page: 2MiB}",
		"{duration: 1s, stall: 0.7, access: random, threads: 3, blocked: 0.4}",
		"{duration: 700ms, period: 1ms, stall: 1, access: stream, kernel: 0}",
	};
	struct cxms_topo *topo = play_topology(PLAY_TOPO(100, 330));
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(patterns); i++) {
		struct cxms_result *r = play(patterns[i], 3, topo, NULL, ends, 1);
		double native = (double)r->totals.duration_ns;
		assert_true(fabs((double)r->split[0].time_ns - native) < 1e-9 * native + 1);
		cxms_result_free(r);
	}
	cxms_topo_free(topo);
}

static void test_cached_and_computing_programs_stay_fast(void **state)
{
	static const struct {
		const char *pattern, *topology;
		double most;
		const char *why;
	} rows[] = {
		{"{duration: 1s, stall: 0, footprint: 1GiB}", FAR_AWAY, 1.02, "compute only"},
		{"{duration: 1s, stall: 0.9, footprint: 1MiB, access: random}", TOPOLOGY, 1.10,
		 "1 MiB sits in the LLC"},
		{"{duration: 1s, stall: 0.9, footprint: 1MiB, access: chase, page: 2MiB}", TOPOLOGY,
		 1.10, "a chase in the LLC"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct cxms_topo *topo = play_topology(rows[i].topology);
		struct cxms_result *r = play(rows[i].pattern, 5, topo, NULL, ends, 3);
		print_message("%s: %g\n", rows[i].why, r->split[2].slowdown);
		assert_true(r->split[2].slowdown >= 1 && r->split[2].slowdown <= rows[i].most);
		cxms_result_free(r);
		cxms_topo_free(topo);
	}
}

static double memory_share(const struct cxms_result *r)
{
	return r->basis.dram_stall_ns / r->basis.stall_ns;
}

static void test_two_loops_one_cached_one_not(void **state)
{
	struct cxms_topo *topo = play_topology(TOPOLOGY);
	struct cxms_result *r = play("{duration: 2s, stall: 0.8, footprint: 1GiB, footprint2: "
				     "1MiB, share2: 0.5, access: random}",
				     2, topo, NULL, ends, 3);
	(void)state;
	print_message("memory share %g\n", memory_share(r));
	assert_true(memory_share(r) >= 0.4 && memory_share(r) <= 0.6);
	cxms_result_free(r);
	cxms_topo_free(topo);
}

/* A process of one thread that is on the CPU throughout; the array is one mapping. */
static void begin_process(struct play *p, uint64_t bytes)
{
	play_fork(p, PID, PID, 0, 0, 0);
	play_map(p, PID, ARRAY, bytes);
}

static int end_process(struct play *p, uint64_t duration_ns)
{
	play_run(p, PID, PID, 0, duration_ns);
	play_exit(p, PID, PID, duration_ns);
	return play_write(p, true);
}

/* One instruction, one array: half of the waits on its first MiB. */
static int record_mixture(unsigned n, uint64_t seed)
{
	struct play p = {0};
	struct cxms_rng rng;
	cxms_rng_init(&rng, seed);
	begin_process(&p, 1024 * PLAY_MIB);
	uint32_t site = play_site(&p, PID, 0x400000, CXMS_SITE_LOAD, 0);
	play_area(&p, PID, ARRAY, 1024 * PLAY_MIB, 1024 * PLAY_MIB, 1024 * PLAY_MIB);
	for (unsigned i = 0; i < n; i++) {
		uint64_t lines = (i & 1 ? 1024 * PLAY_MIB : PLAY_MIB) / 64;
		(void)play_sample(&p, PID, PID, (i + 1) * 200000ull, site,
				  ARRAY + 64 * cxms_rng_below(&rng, lines));
	}
	return end_process(&p, n * 200000ull);
}

static void test_one_loop_half_cached(void **state)
{
	static const struct {
		unsigned samples;
		double lo, hi;
		const char *why;
	} rows[] = {
		{50000, 0.4, 0.6, "enough triples to tell two classes apart"},
		{12000, 0.35, 0.65, "some"},
	};
	struct cxms_topo *topo = play_topology(TOPOLOGY);
	const struct cxms_topo *const list[] = {topo};
	struct cxms_replay_cfg cfg = {.topo = list, .n_topo = 1, .split_pct = ends, .n_split = 3};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		int fd = record_mixture(rows[i].samples, 40 + i);
		struct cxms_result *r = play_replay(fd, &cfg);
		print_message("%s: memory share %g\n", rows[i].why, memory_share(r));
		assert_true(memory_share(r) >= rows[i].lo && memory_share(r) <= rows[i].hi);
		cxms_result_free(r);
		close(fd);
	}
	cxms_topo_free(topo);
}

/* A counter that everybody bumps, in a gigabyte that is touched all over: two hot lines. */
static void test_a_hot_line_is_cached_however_many_samples_it_has(void **state)
{
	struct cxms_topo *topo = play_topology(TOPOLOGY);
	const struct cxms_topo *const list[] = {topo};
	struct cxms_replay_cfg cfg = {.topo = list, .n_topo = 1, .split_pct = ends, .n_split = 3};
	struct play p = {0};
	const unsigned n = 400000;
	(void)state;
	begin_process(&p, 1024 * PLAY_MIB);
	uint32_t site = play_site(&p, PID, 0x400000, CXMS_SITE_UPDATE, 0);
	play_area(&p, PID, ARRAY, 1024 * PLAY_MIB, 1024 * PLAY_MIB, 1024 * PLAY_MIB);
	for (unsigned i = 0; i < n; i++)
		(void)play_sample(&p, PID, PID, (i + 1) * 200000ull, site, ARRAY + 64 * (i & 1));
	int fd = end_process(&p, n * 200000ull);
	struct cxms_result *r = play_replay(fd, &cfg);
	assert_true(memory_share(r) < 0.01);
	cxms_result_free(r);
	close(fd);
	cxms_topo_free(topo);
}

/* Too few samples to tell: the interval must hold the truth, whatever the middle. */
static void test_one_loop_half_cached_few_samples(void **state)
{
	struct cxms_topo *topo = play_topology(TOPOLOGY);
	const struct cxms_topo *const list[] = {topo};
	struct cxms_replay_cfg cfg = {.topo = list, .n_topo = 1, .split_pct = ends, .n_split = 3};
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		int fd = record_mixture(2500, 100 + i);
		struct cxms_result *r = play_replay(fd, &cfg);
		const struct cxms_site_result *site = &r->basis.site[0];
		assert_true(site->dram_share_lo <= 0.5 && site->dram_share_hi >= 0.5);
		cxms_result_free(r);
		close(fd);
	}
	cxms_topo_free(topo);
}

/* Ranked and judged on different halves of the samples, rank says nothing of a uniform chase. */
static void test_hot_pages_of_a_uniform_chase_are_no_better_than_any(void **state)
{
	static const char *const policy[] = {"page-interleave", "hot-local", "cold-local"};
	static const double half[] = {50};
	enum { RUNS = 60 };
	struct cxms_topo *topo = play_topology(TOPOLOGY);
	const struct cxms_topo *const list[] = {topo};
	struct cxms_replay_cfg cfg = {.topo = list,
				      .n_topo = 1,
				      .policy = policy,
				      .n_policy = 3,
				      .split_pct = half,
				      .n_split = 1,
				      .llc_bytes = 65536};
	double gain[3] = {0};
	(void)state;
	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		int fd = play_record("{duration: 1s, footprint: 8MiB, stall: 0.7, access: chase}",
				     seed);
		cfg.seed = seed;
		struct cxms_result *r = play_replay(fd, &cfg);
		const struct cxms_split_result *s = r->split;
		for (int k = 1; k < 3; k++) {
			double width = hypot(s[0].sampling_half_width, s[k].sampling_half_width);
			gain[k] += (s[0].slowdown - s[k].slowdown) / RUNS;
			/* two 90 % intervals; 60 runs see 3.5 standard deviations at most */
			assert_true(fabs(s[0].slowdown - s[k].slowdown) < width * 3.5 / 1.645);
		}
		cxms_result_free(r);
		close(fd);
	}
	print_message("mean gain of hot-local %g, of cold-local %g\n", gain[1], gain[2]);
	/* the excess is 0.6; its standard deviation here 0.014 / sqrt(60) */
	assert_true(fabs(gain[1]) < 0.007 && fabs(gain[2]) < 0.007);
	cxms_topo_free(topo);
}

/* Waits are on the upper half of the array only; who touched it first decides. */
static double first_touch_slowdown(bool upper_first, double local_pct)
{
	static const char *const policy[] = {"first-touch"};
	const uint64_t pages = 8192;
	struct cxms_topo *topo = play_topology(TOPOLOGY);
	const struct cxms_topo *const list[] = {topo};
	struct cxms_replay_cfg cfg = {.topo = list,
				      .n_topo = 1,
				      .policy = policy,
				      .n_policy = 1,
				      .split_pct = &local_pct,
				      .n_split = 1,
				      .llc_bytes = 65536};
	struct play p = {0};
	struct cxms_rng rng;
	cxms_rng_init(&rng, 1);
	begin_process(&p, pages * 4096);
	uint32_t site = play_site(&p, PID, 0x400000, CXMS_SITE_LOAD, CXMS_SITE_CARRIED);
	for (uint64_t i = 0; i < pages; i++)
		play_fault(&p, PID, i, ARRAY + 4096 * (upper_first ? (i + pages / 2) % pages : i));
	for (uint64_t i = 0; i < 2000; i++)
		(void)play_sample(&p, PID, PID, (i + 1) * 200000, site,
				  ARRAY + 4096 * (pages / 2 + cxms_rng_below(&rng, pages / 2)));
	int fd = end_process(&p, 400 * PLAY_MS);
	struct cxms_result *r = play_replay(fd, &cfg);
	double slowdown = r->split[0].slowdown;
	cxms_result_free(r);
	close(fd);
	cxms_topo_free(topo);
	return slowdown;
}

/* Many threads, few samples of each: the bias of the last one is taken off, but a full device
 * passes no more than it can, so how long the program was watched makes no difference. */
static void test_a_full_device_bounds_the_time(void **state)
{
	static const double all_cxl = 0;
	static const char *const duration[] = {"40ms", "400ms"};
	struct cxms_topo *topo = play_topology(
		"schema: 1\nhost: {local: {latency: 107ns, bandwidth: 200GB/s}}\ndevices:\n  mem0: "
		"{type: memdev, upstream: host, latency: 250ns, capacity: 64GiB, bandwidth: {read: "
		"26GB/s, write: 1GB/s}}\n");
	double slowdown[2];
	(void)state;
	for (int i = 0; i < 2; i++) {
		char pattern[200];
		snprintf(pattern, sizeof(pattern),
			 "{threads: 16, stall: 0.8, stores: 0.5, access: random, page: 2MiB, "
			 "footprint: 256MiB, duration: %s}",
			 duration[i]);
		struct cxms_result *r = play(pattern, 3, topo, NULL, &all_cxl, 1);
		const struct cxms_split_result *s = &r->split[0];
		assert_int_equal(r->status, CXMS_STATUS_COMPLETE);
		assert_true(s->target[1].write_bytes_per_s < 1.005e9); /* lines are whole */
		slowdown[i] = s->slowdown;
		cxms_result_free(r);
	}
	print_message("slowdown %g, watched for ten times as long %g\n", slowdown[0], slowdown[1]);
	/* of 3200 samples in all the traffic is known to 2 % */
	assert_true(fabs(slowdown[0] / slowdown[1] - 1) < 0.03);
	cxms_topo_free(topo);
}

static void test_first_touch_order_is_honoured(void **state)
{
	(void)state;
	assert_true(fabs(first_touch_slowdown(true, 50) - 1) < 1e-9);
	double all = first_touch_slowdown(false, 0);
	assert_true(all > 2);
	assert_true(fabs(first_touch_slowdown(false, 50) - all) < 1e-9);
	double part = first_touch_slowdown(false, 75);
	assert_true(part > 1.2 && part < all - 0.2);
}

/* Recordings that end early, show nothing, or refer to what is not there. */
enum oddity {
	NOTHING_RAN,
	NO_SAMPLES,
	ONE_SAMPLE,
	NO_TIME,
	NO_RUNS,
	UNKNOWN_SITE,
	CUT,
	RUN_BEYOND_LIFE,
	SAMPLE_BEYOND_LIFE,
	TOP_OF_MEMORY,
	BORN_AT_THE_END,
	TOO_LATE,
	ALL_LOST,
	VAST_AREA,    /* more resident than there are addresses */
	RARE_SAMPLES, /* an epoch is as long as can be, and some times that no number */
	ODDITIES
};

static int record_oddity(enum oddity o)
{
	struct play p = {0};
	uint64_t end = o == NO_TIME ? 0 : o == RARE_SAMPLES ? LATE_NS / 4 : 100 * PLAY_MS;
	if (o == NOTHING_RAN)
		return play_write(&p, true);
	begin_process(&p, 64 * PLAY_MIB);
	uint32_t site = play_site(&p, PID, 0x400000, CXMS_SITE_LOAD, 0);
	unsigned n = o == NO_SAMPLES || o == NO_TIME ? 0 : o == ONE_SAMPLE ? 1 : 500;
	for (unsigned i = 0; i < n; i++)
		(void)play_sample(&p, PID, PID, (i + 1) * 200000ull, o == UNKNOWN_SITE ? 77 : site,
				  o == TOP_OF_MEMORY ? UINT64_MAX - 64 * i : ARRAY + 4096 * i);
	for (size_t i = 0; i < p.n && o == RARE_SAMPLES; i++)
		if (p.ev[i].kind == CXMS_EV_SAMPLE)
			p.ev[i].sample.weight_ns = UINT32_MAX;
	if (o == SAMPLE_BEYOND_LIFE)
		(void)play_sample(&p, PID, PID, LATE_NS / 2, site, ARRAY);
	if (o == TOO_LATE)
		(void)play_sample(&p, PID, PID, LATE_NS, site, ARRAY);
	if (o == ALL_LOST || o == RARE_SAMPLES)
		play_event(&p, CXMS_EV_LOST, PID, PID, 1)->lost.count = UINT64_MAX / 2;
	if (o == VAST_AREA)
		play_area(&p, PID, ARRAY, 64 * PLAY_MIB, UINT64_MAX, 0);
	if (o == BORN_AT_THE_END)
		play_fork(&p, PID, PID + 1, PID, PID, end);
	if (o != NO_RUNS)
		play_run(&p, PID, PID, 0,
			 o == RUN_BEYOND_LIFE ? LATE_NS / 2
			 : o == RARE_SAMPLES  ? 1
					      : end);
	if (o != CUT)
		play_exit(&p, PID, PID, end);
	return play_write(&p, o != CUT);
}

static void check_sane(const struct cxms_result *r)
{
	for (size_t i = 0; i < r->n_split; i++) {
		const struct cxms_split_result *s = &r->split[i];
		uint64_t sum = 0;
		for (int c = 0; c < CXMS_CAUSE_COUNT; c++)
			sum += s->causes_ns[c];
		assert_int_equal(sum, s->time_ns);
		assert_true(isfinite(s->slowdown) && s->slowdown >= 1);
		assert_true(isfinite(s->slowdown_hi) && s->slowdown_hi >= s->slowdown);
		assert_true(s->slowdown_lo >= 0 && s->slowdown_lo <= s->slowdown);
		assert_true(isfinite(s->sampling_half_width) && isfinite(s->model_half_width));
		for (size_t t = 0; t < s->n_target; t++)
			assert_true(s->target[t].bytes <= 1ull << 62);
	}
	assert_true(r->split[0].slowdown <= 1);
}

static void test_odd_recordings_are_survived(void **state)
{
	struct cxms_topo *topo = play_topology(TOPOLOGY);
	const struct cxms_topo *const list[] = {topo};
	static const char *const policy[] = {"page-interleave", "hot-local", "first-touch"};
	struct cxms_replay_cfg cfg = {.topo = list,
				      .n_topo = 1,
				      .policy = policy,
				      .n_policy = 3,
				      .split_pct = ends,
				      .n_split = 3};
	(void)state;
	for (int o = 0; o < ODDITIES; o++) {
		struct cxms_trace_reader *reader = NULL;
		struct cxms_result *r = NULL;
		struct cxms_err err = {0};
		int fd = record_oddity((enum oddity)o);
		assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &reader, &err), 0);
		int rc = cxms_replay(reader, &cfg, &r, &err);
		print_message("oddity %d: %d %s\n", o, rc, err.msg);
		assert_int_equal(rc, o == NOTHING_RAN ? -ENODATA : o == TOO_LATE ? -EINVAL : 0);
		if (!rc) {
			check_sane(r);
			assert_int_equal(r->status == CXMS_STATUS_CUT, o == CUT);
		}
		cxms_result_free(r);
		cxms_trace_reader_close(reader);
		close(fd);
	}
	cxms_topo_free(topo);
}

/*
 * A few waits of a program that computes, and memory that is slower than local memory: with pages
 * elsewhere local memory is relieved, but next to nothing is gained by that, whatever chance does.
 */
static void test_chance_makes_no_slow_memory_fast(void **state)
{
	struct cxms_topo *topo = play_topology(
		"schema: 1\nhost:\n  cpu: {l1d_mshrs: 16, l2_mshrs: 48, rob: 512}\n"
		"  local: {latency: 100ns, bandwidth: {total: 100GB/s}}\ndevices:\n  mem0: {type: "
		"memdev, upstream: host, latency: 250ns, capacity: 4096GiB}\n");
	bool wide = false;
	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct cxms_result *r =
			play("{duration: 50ms, stall: 0.02, access: chase, page: 2MiB, footprint: "
			     "512MiB}",
			     seed, topo, "page-interleave", ends, 3);
		for (size_t i = 0; i < 3; i++) {
			const struct cxms_split_result *s = &r->split[i];
			assert_true(s->slowdown_lo >= 0.995 && s->slowdown_lo <= s->slowdown);
			wide = wide || s->slowdown - s->sampling_half_width < 0.995;
		}
		cxms_result_free(r);
	}
	assert_true(wide); /* chance alone would */
	cxms_topo_free(topo);
}

/* No sample at all: its whole time on CPU may have been waits. */
static void test_a_run_without_samples_is_not_known(void **state)
{
	static const struct {
		uint64_t run_ms;
		double least, most;
	} rows[] = {{10, 2, 10}, {1, 1.1, 1.3}}; /* of 10 ms; memory three times as slow */
	struct cxms_topo *topo = play_topology(PLAY_TOPO(100, 300));
	const struct cxms_topo *const list[] = {topo};
	const struct cxms_replay_cfg cfg = {
		.topo = list, .n_topo = 1, .split_pct = ends, .n_split = 3};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct play p = {0};
		play_fork(&p, 9, 9, 0, 0, 0);
		play_run(&p, 9, 9, 0, rows[i].run_ms * PLAY_MS);
		play_exit(&p, 9, 9, 10 * PLAY_MS);
		int fd = play_write(&p, true);
		struct cxms_result *r = play_replay(fd, &cfg);
		assert_true(r->split[0].slowdown_hi <= 1);
		assert_true(r->split[2].slowdown_hi > rows[i].least);
		assert_true(r->split[2].slowdown_hi < rows[i].most);
		cxms_result_free(r);
		close(fd);
	}
	cxms_topo_free(topo);
}

/* @which: 1, a chase; 2, a load whose waits are hidden behind 512 uops of work; 3, both. The rest
 * is work. */
static double time_on_fast_memory(unsigned which)
{
	static const double all_local = 100;
	struct cxms_topo *topo = play_topology(PLAY_TOPO(40, 400));
	struct cxms_replay_cfg cfg = {.topo = (const struct cxms_topo *const *)&topo,
				      .n_topo = 1,
				      .split_pct = &all_local,
				      .n_split = 1,
				      .llc_bytes = PLAY_NO_LLC};
	struct play p = {0};
	struct cxms_rng rng;
	const unsigned n = 3000;
	begin_process(&p, 1024 * PLAY_MIB);
	uint32_t chase = play_site(&p, PID, 0x400000, CXMS_SITE_LOAD, CXMS_SITE_CARRIED);
	uint32_t hidden = play_site(&p, PID, 0x410000, CXMS_SITE_LOAD, 0);
	p.ev[p.n - 1].site.loop_insns = 512;
	uint32_t none = play_site(&p, PID, 0x420000, CXMS_SITE_NONE, 0);
	const uint32_t site[] = {which & 1 ? chase : none, which & 2 ? hidden : none, none};
	play_area(&p, PID, ARRAY, 1024 * PLAY_MIB, 1024 * PLAY_MIB, 1024 * PLAY_MIB);
	cxms_rng_init(&rng, 5);
	for (unsigned i = 0; i < n; i++)
		(void)play_sample(
			&p, PID, PID, (i + 1) * 200000ull, site[i % 3],
			site[i % 3] == none ? 0 : ARRAY + 64 * cxms_rng_below(&rng, PLAY_MIB * 16));
	int fd = end_process(&p, n * 200000ull);
	struct cxms_result *r = play_replay(fd, &cfg);
	double time_ns = (double)r->split[0].time_ns / (n * 200000.0);
	cxms_result_free(r);
	cxms_topo_free(topo);
	close(fd);
	return time_ns;
}

/* On memory faster than the recording machine's no wait takes less than no time, and none makes up
 * for another. */
static void test_waits_on_faster_memory_end_at_none_each(void **state)
{
	(void)state;
	double chase = time_on_fast_memory(1), hidden = time_on_fast_memory(2);
	double both = time_on_fast_memory(3);
	print_message("%g, %g; %g\n", chase, hidden, both);
	assert_true(fabs(chase - (1 - 0.6 / 3)) < 1e-3); /* 40 ns for 100 */
	assert_true(fabs(hidden - (1 - 1 / 3.)) < 1e-3); /* 36 ns of each wait were to be seen */
	assert_true(fabs(both - (1 - 1.6 / 3)) < 1e-3);
}

static void test_unknown_policy_is_named(void **state)
{
	static const char *const policy[] = {"no-such"};
	struct cxms_topo *topo = play_topology(TOPOLOGY);
	const struct cxms_topo *const list[] = {topo};
	const struct cxms_replay_cfg cfg = {
		.topo = list, .n_topo = 1, .policy = policy, .n_policy = 1};
	struct cxms_trace_reader *reader = NULL;
	struct cxms_result *r = NULL;
	struct cxms_err err = {0};
	int fd = play_record("{duration: 1ms, pages: 1}", 1);
	(void)state;
	assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &reader, &err), 0);
	assert_int_equal(cxms_replay(reader, &cfg, &r, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "'no-such'"));
	assert_non_null(strstr(err.msg, "page-interleave"));
	assert_null(r);
	cxms_trace_reader_close(reader);
	close(fd);
	cxms_topo_free(topo);
}

static void test_policy_and_splits_come_from_the_topology(void **state)
{
	struct cxms_topo *topo =
		play_topology(TOPOLOGY "placement: {policy: first-touch, splits: [90, 10]}\n");
	struct cxms_result *r = play("{duration: 50ms, pages: 100}", 1, topo, NULL, NULL, 0);
	(void)state;
	assert_int_equal(r->n_split, 2);
	assert_string_equal(r->split[1].policy, "first-touch");
	assert_true(fabs(r->split[1].local_pct - 10) < 1e-9);
	cxms_result_free(r);
	r = play("{duration: 50ms, pages: 100}", 1, topo, "page-interleave", ends, 3);
	assert_int_equal(r->n_split, 3);
	assert_string_equal(r->split[0].policy, "page-interleave");
	cxms_result_free(r);
	cxms_topo_free(topo);
}

/* Independent draws: the interval against a closed form. Property 'coverage' draws more of them. */
static void test_interval_covers_the_truth(void **state)
{
	enum { RUNS = 60 };
	static const double half[] = {50};
	static const double stall = 0.3;
	struct cxms_topo *topo = play_topology(TOPOLOGY);
	unsigned covered = 0, sampled = 0;
	double truth = 1 + (closed_form(stall, MEM_NS) - 1) / 2;
	(void)state;
	for (unsigned i = 0; i < RUNS; i++) {
		struct cxms_result *r = play("{duration: 200ms, footprint: 4GiB, page: 2MiB, "
					     "stall: 0.3, access: chase, exact: false}",
					     1000 + i, topo, NULL, half, 1);
		const struct cxms_split_result *s = r->split;
		covered += s->slowdown_lo <= truth && truth <= s->slowdown_hi;
		sampled += fabs(s->slowdown - truth) <= s->sampling_half_width;
		cxms_result_free(r);
	}
	print_message("covered %.1f %%, by the sampling part alone %.1f %%\n",
		      100.0 * covered / RUNS, 100.0 * sampled / RUNS);
	/* nominal 90 %, less 3.5 standard deviations of so many runs; wider is allowed */
	double allowed = 0.9 - 3.5 * sqrt(0.9 * 0.1 / RUNS);
	assert_true(covered >= allowed * RUNS);
	assert_true(sampled >= allowed * RUNS);
	cxms_topo_free(topo);
}

static bool has_warning(const struct cxms_result *r, enum cxms_warn_code code)
{
	for (size_t i = 0; i < r->warnings.n; i++)
		if (r->warnings.list[i].code == code)
			return true;
	return false;
}

/* All far; every wait of a large array is for memory. */
static struct cxms_result *replay_uncached(struct play *p)
{
	struct cxms_topo *topo = play_topology(TOPOLOGY);
	const struct cxms_replay_cfg cfg = {.topo = (const struct cxms_topo *const *)&topo,
					    .n_topo = 1,
					    .split_pct = ends + 2,
					    .n_split = 1,
					    .llc_bytes = PLAY_NO_LLC};
	int fd = play_write(p, true);
	struct cxms_result *r = play_replay(fd, &cfg);
	close(fd);
	cxms_topo_free(topo);
	return r;
}

/* Half of the samples wait at random in a large array, half are at a site of @kind; *@read: bytes
 * that memory controllers counted, NULL: none. */
static struct cxms_result *half_known(enum cxms_site_kind kind, const uint64_t *read)
{
	const uint64_t n = 4000, step = 200000, bytes = 4096 * PLAY_MIB;
	struct play p = {.caps = read ? CXMS_SRC_COUNTERS : 0};
	begin_process(&p, bytes);
	uint32_t known = play_site(&p, PID, 0x400000, CXMS_SITE_LOAD, 0);
	uint32_t other = play_site(&p, PID, 0x500000, kind, 0);
	if (read)
		play_event(&p, CXMS_EV_COUNTER, 0, 0, 0)->counter = (struct cxms_counter){
			.scope = CXMS_SCOPE_BOX, .unit = CXMS_COUNT_BYTES, .name = "pcm.dram_read"};
	for (uint64_t i = 0; i < n; i++) {
		bool is_known = i % 2 || kind == CXMS_SITE_LOAD;
		(void)play_sample(&p, PID, PID, (i + 1) * step, i % 2 ? known : other,
				  is_known ? ARRAY + cxms_hash_u64(i) % bytes : 0);
	}
	if (read)
		play_event(&p, CXMS_EV_COUNT, 0, 0, n * step)->count = (struct cxms_count){
			.enabled_ns = n * step, .running_ns = n * step, .value = *read};
	play_run(&p, PID, PID, 0, n * step);
	play_exit(&p, PID, PID, n * step);
	return replay_uncached(&p);
}

static double half_known_slowdown(enum cxms_site_kind kind)
{
	struct cxms_result *r = half_known(kind, NULL);
	double slowdown = r->split->slowdown;
	cxms_result_free(r);
	return slowdown;
}

/* Code that could not be read is work in the middle, and as bad as it can be at the end. */
static void test_unread_code_is_work_or_waits_all_the_time(void **state)
{
	(void)state;
	struct cxms_result *work = half_known(CXMS_SITE_NONE, NULL);
	struct cxms_result *unread = half_known(CXMS_SITE_UNDECODED, NULL);
	struct cxms_result *wait = half_known(CXMS_SITE_LOAD, NULL);
	print_message("%g; unread %g .. %g; %g\n", work->split->slowdown, unread->split->slowdown,
		      unread->split->slowdown_hi, wait->split->slowdown);
	assert_true(fabs(unread->split->slowdown - work->split->slowdown) < 1e-6);
	assert_true(unread->split->slowdown_lo <= work->split->slowdown);
	assert_true(wait->split->slowdown > 1.2 * work->split->slowdown);
	assert_true(unread->split->slowdown_hi >= wait->split->slowdown);
	assert_true(has_warning(unread, CXMS_W_UNREAD_CODE));
	assert_false(has_warning(work, CXMS_W_UNREAD_CODE));
	assert_false(has_warning(wait, CXMS_W_UNREAD_CODE));
	cxms_result_free(work);
	cxms_result_free(unread);
	cxms_result_free(wait);
}

/* What was read of the memory bounds the traffic, and tells when waits are too many for it. */
static void test_reads_that_were_counted_bound_the_traffic(void **state)
{
	/* 0.8 s of waits of 120 ns are 6.7 million lines at least, and 16 times that at most */
	const uint64_t much = 1ull << 40, some = 64 * 20000000ull, little = 64 * 1000000ull;
	(void)state;
	struct cxms_result *none = half_known(CXMS_SITE_LOAD, NULL);
	struct cxms_result *all = half_known(CXMS_SITE_LOAD, &much);
	struct cxms_result *part = half_known(CXMS_SITE_LOAD, &some);
	struct cxms_result *few = half_known(CXMS_SITE_LOAD, &little);
	const uint64_t reads[] = {none->split->target[1].reads, all->split->target[1].reads,
				  part->split->target[1].reads};
	assert_int_equal(reads[0], reads[1]);
	assert_true(reads[2] < reads[1] && reads[2] * 64 <= some);
	assert_false(has_warning(none, CXMS_W_READ_LESS));
	assert_false(has_warning(part, CXMS_W_READ_LESS));
	assert_true(has_warning(few, CXMS_W_READ_LESS));
	cxms_result_free(none);
	cxms_result_free(all);
	cxms_result_free(part);
	cxms_result_free(few);
}

/* 25 ms of work and of first touches of 250 ns each; of the records of @lost, nothing came. */
static struct cxms_result *touching(unsigned lost, bool told)
{
	const unsigned n = 40000, period = 250;
	struct play p = {0};
	play_fork(&p, PID, PID, 0, 0, 0);
	play_map(&p, PID, ARRAY, n * 4096ull);
	uint32_t site = play_site(&p, PID, 0x400100, CXMS_SITE_NONE, 0);
	for (unsigned i = 0; i < n; i++) {
		if (i >= lost)
			play_fault(&p, PID, i * (25 * PLAY_MS / n), ARRAY + i * 4096ull);
		if (i % (n / 75) == 0)
			play_sample(&p, PID, PID, i * (25 * PLAY_MS / n), site, 0)->flags = 0;
	}
	if (told)
		play_event(&p, CXMS_EV_LOST, PID, PID, 24 * PLAY_MS)->lost =
			(struct cxms_lost){.count = lost, .what = CXMS_LOST_FAULTS};
	play_run(&p, PID, PID, 0, 25 * PLAY_MS);
	play_exit(&p, PID, PID, 25 * PLAY_MS);
	print_message("%u touches of %u ns, %u lost\n", n, period, lost);
	return play_all_far(play_write(&p, true));
}

/* Half of the time a thread waits at random in a large array; the other half threads of @run_ns
 * each, that nobody samples, one after the other. */
static struct cxms_result *beside_short_threads(uint64_t run_ns)
{
	const uint64_t n = 2000, step = 200000, bytes = 4096 * PLAY_MIB;
	uint64_t at = n * step;
	struct play p = {.caps = CXMS_SRC_LIVE | CXMS_SRC_SWITCHES};
	begin_process(&p, bytes);
	uint32_t site = play_site(&p, PID, 0x400000, CXMS_SITE_LOAD, 0);
	for (uint64_t i = 0; i < n; i++)
		(void)play_sample(&p, PID, PID, (i + 1) * step, site,
				  ARRAY + cxms_hash_u64(i) % bytes);
	play_run(&p, PID, PID, 0, n * step);
	for (uint32_t tid = PID + 1; at < 2 * n * step; tid++, at += run_ns + 1000) {
		play_fork(&p, PID, tid, PID, PID, at);
		play_run(&p, PID, tid, at, run_ns);
		play_exit(&p, PID, tid, at + run_ns);
		play_run(&p, PID, PID, at + run_ns, 1000);
	}
	play_exit(&p, PID, PID, at);
	return replay_uncached(&p);
}

/* They end before their first sample: whether they computed or waited, the interval holds it. */
static void test_threads_too_short_to_be_seen_may_have_waited(void **state)
{
	(void)state;
	struct cxms_result *unseen = beside_short_threads(150000), *kernel;
	const struct cxms_split_result *u = unseen->split, *k;
	double waits = half_known_slowdown(CXMS_SITE_LOAD);
	kernel = beside_short_threads(400000000); /* of one no sample: it was in the kernel */
	k = kernel->split;
	print_message("unseen %g in %g..%g, the kernel's %g in %g..%g, all waits %g\n", u->slowdown,
		      u->slowdown_lo, u->slowdown_hi, k->slowdown, k->slowdown_lo, k->slowdown_hi,
		      waits);
	assert_true(has_warning(unseen, CXMS_W_SHORT_THREADS));
	assert_true(fabs(u->slowdown - k->slowdown) < 0.01 * k->slowdown);
	assert_true(u->slowdown_lo <= k->slowdown_lo * 1.01);
	assert_true(u->slowdown_hi >= waits && k->slowdown_hi < waits);
	cxms_result_free(unseen);
	cxms_result_free(kernel);
}

/* Pages whose first touch nobody was told of were touched all the same. */
static void test_lost_faults_are_in_the_interval(void **state)
{
	(void)state;
	struct cxms_result *all = touching(0, false), *lost = touching(24000, true);
	struct cxms_result *fewer = touching(24000, false);
	const struct cxms_split_result *a = all->split, *l = lost->split, *f = fewer->split;
	print_message("all %g in %g..%g, lost %g in %g..%g, fewer ..%g\n", a->slowdown,
		      a->slowdown_lo, a->slowdown_hi, l->slowdown, l->slowdown_lo, l->slowdown_hi,
		      f->slowdown_hi);
	assert_true(fabs(l->slowdown - f->slowdown) < 1e-9);
	assert_true(f->slowdown_hi < a->slowdown);
	assert_true(l->slowdown_lo <= a->slowdown && a->slowdown <= l->slowdown_hi);
	/* a few more or less nobody has to be warned of */
	struct cxms_result *one_of_many = touching(30, true);
	assert_true(has_warning(lost, CXMS_W_LOST_FAULTS));
	assert_false(has_warning(one_of_many, CXMS_W_LOST_FAULTS));
	cxms_result_free(one_of_many);
	cxms_result_free(all);
	cxms_result_free(lost);
	cxms_result_free(fewer);
}

/* A program of two processes, and how many of the second's threads are told to have ended. */
static struct cxms_result *with_daemon(uint32_t caps, bool daemon_ends, bool program_ends)
{
	struct play p = {.caps = caps};
	play_fork(&p, PID, PID, 0, 0, 0);
	play_fork(&p, PID + 1, PID + 1, PID, PID, 0);
	play_fork(&p, PID + 1, PID + 2, PID + 1, PID + 1, 0);
	play_map(&p, PID, ARRAY, PLAY_MIB);
	uint32_t site = play_site(&p, PID, 0x400100, CXMS_SITE_LOAD, 0);
	for (unsigned i = 1; i < 100; i++)
		play_sample(&p, PID + (i % 3 > 0), PID + i % 3, i * PLAY_MS, site, ARRAY + 64 * i);
	if (daemon_ends) {
		play_exit(&p, PID + 1, PID + 1, 100 * PLAY_MS);
		play_exit(&p, PID + 1, PID + 2, 100 * PLAY_MS);
	}
	if (program_ends)
		play_exit(&p, PID, PID, 100 * PLAY_MS);
	return play_all_far(play_write(&p, true));
}

static void test_who_outlives_the_program_is_told(void **state)
{
	static const struct {
		uint32_t caps;
		bool daemon_ends, program_ends, warns;
		const char *why;
	} rows[] = {
		{CXMS_SRC_LIVE, false, true, true, "a daemon"},
		{CXMS_SRC_LIVE, true, true, false, "a child that was waited for"},
		{CXMS_SRC_LIVE, false, false, false, "the program itself was left running"},
		{0, false, true, false, "imports may not tell of ends"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct cxms_result *r =
			with_daemon(rows[i].caps, rows[i].daemon_ends, rows[i].program_ends);
		print_message("%s\n", rows[i].why);
		assert_int_equal(has_warning(r, CXMS_W_OUTLIVED), rows[i].warns);
		for (size_t w = 0; w < r->warnings.n; w++)
			if (r->warnings.list[w].code == CXMS_W_OUTLIVED)
				assert_non_null(strstr(r->warnings.list[w].message, "1 process "));
		cxms_result_free(r);
	}
}

/* A thread waits at random in a large array for 400 ms, and leaves the CPU to others after each 4
 * ms: for @away_ns. */
static struct cxms_result *beside_others(uint64_t away_ns)
{
	const uint64_t n = 2000, step = 200000, bytes = 4096 * PLAY_MIB, slice = 20 * step;
	struct play p = {.caps = CXMS_SRC_SWITCHES};
	begin_process(&p, bytes);
	uint32_t site = play_site(&p, PID, 0x400000, CXMS_SITE_LOAD, 0);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = i * step / slice * (slice + away_ns) + i * step % slice;
		(void)play_sample(&p, PID, PID, at + step - 1, site,
				  ARRAY + cxms_hash_u64(i) % bytes);
		if ((i + 1) * step % slice)
			continue;
		play_run(&p, PID, PID, at + step - slice, slice);
		p.ev[p.n - 1].run.end = CXMS_RUN_PREEMPTED;
	}
	play_exit(&p, PID, PID, n * step / slice * (slice + away_ns) - away_ns);
	return replay_uncached(&p);
}

/* Others have the CPU for three quarters of the time: it takes four times as long, here and there.
 */
static void test_others_on_the_cpu_do_not_change_the_slowdown(void **state)
{
	(void)state;
	struct cxms_result *alone = beside_others(0), *shared = beside_others(12 * PLAY_MS);
	const struct cxms_split_result *a = alone->split, *s = shared->split;
	double wait_ns = (double)s->cpu_taken_ns, time_ns = (double)s->time_ns;
	print_message("alone %g in %g..%g, beside others %g in %g..%g, %g of it waiting\n",
		      a->slowdown, a->slowdown_lo, a->slowdown_hi, s->slowdown, s->slowdown_lo,
		      s->slowdown_hi, wait_ns / time_ns);
	assert_true(fabs(s->slowdown - a->slowdown) < 0.01 * a->slowdown);
	assert_true(fabs(s->slowdown_lo - a->slowdown_lo) < 0.02 * a->slowdown);
	assert_true(fabs(s->slowdown_hi - a->slowdown_hi) < 0.02 * a->slowdown);
	assert_true(fabs(time_ns / (double)a->time_ns - 4) < 0.05);
	assert_true(fabs(wait_ns / time_ns - 0.75) < 0.01);
	assert_true(s->cpu_taken_ns <= s->causes_ns[CXMS_CAUSE_BLOCKED]);
	assert_true(fabs(shared->basis.cpu_taken_ns - 99 * 12 * (double)PLAY_MS) < 1);
	assert_true(has_warning(shared, CXMS_W_CPU_TAKEN));
	assert_false(has_warning(alone, CXMS_W_CPU_TAKEN));
	assert_int_equal(a->cpu_taken_ns, 0);
	cxms_result_free(alone);
	cxms_result_free(shared);
}

/* A thread works 1 ms in 10, and its wake-ups take 3 ms, which its end tells; another runs
 * @busy_ms. */
static double late_wake_ups_ns(uint64_t busy_ms, uint64_t ready_ns, bool *warned)
{
	struct play p = {.caps = CXMS_SRC_SWITCHES};
	begin_process(&p, PLAY_MIB);
	play_fork(&p, PID, PID + 1, PID, PID, 0);
	uint32_t site = play_site(&p, PID, 0x400000, CXMS_SITE_LOAD, 0);
	for (uint64_t i = 0; i < 100; i++) {
		(void)play_sample(&p, PID, PID, i * 10 * PLAY_MS + 1, site, ARRAY);
		play_run(&p, PID, PID, i * 10 * PLAY_MS, PLAY_MS);
		p.ev[p.n - 1].run.waited = CXMS_WAIT_SLEEP;
	}
	play_run(&p, PID, PID + 1, 0, busy_ms * PLAY_MS);
	play_exit(&p, PID, PID + 1, busy_ms * PLAY_MS);
	play_exit(&p, PID, PID, 1000 * PLAY_MS);
	p.ev[p.n - 1].exit.ready_ns = ready_ns;
	struct cxms_result *r = replay_uncached(&p);
	double ns = r->basis.cpu_taken_ns;
	*warned = has_warning(r, CXMS_W_CPU_TAKEN);
	cxms_result_free(r);
	return ns;
}

static void test_late_wake_ups_are_company_but_for_the_programs_own(void **state)
{
	const double ms = (double)PLAY_MS;
	bool warned;
	(void)state;
	assert_true(late_wake_ups_ns(1, 0, &warned) < 1 && !warned);
	assert_true(fabs(late_wake_ups_ns(1, 300 * PLAY_MS, &warned) - 299 * ms) < 0.01 * ms);
	assert_true(warned);
	assert_true(fabs(late_wake_ups_ns(200, 300 * PLAY_MS, &warned) - 100 * ms) < 0.01 * ms);
	assert_true(late_wake_ups_ns(400, 300 * PLAY_MS, &warned) < 1 && !warned);
	/* never more than it was off the CPU */
	assert_true(fabs(late_wake_ups_ns(1, UINT64_MAX, &warned) - 900 * ms) < 5 * ms);
}

/* Who gave the size of the LLC, then or now, is not asked for it. */
static void test_the_llc_is_asked_for_where_nobody_gave_it(void **state)
{
	static const struct {
		bool then, now, warns;
	} rows[] = {{false, false, true}, {true, false, false}, {false, true, false}};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct play p = {0};
		struct cxms_facts facts;
		cxms_machine_synthetic(&facts, &(struct cxms_machine_cfg){0});
		facts.source_caps = CXMS_SRC_LIVE;
		facts.llc_given = rows[i].then;
		begin_process(&p, PLAY_MIB);
		uint32_t site = play_site(&p, PID, 0x400000, CXMS_SITE_LOAD, 0);
		play_sample(&p, PID, PID, PLAY_MS, site, ARRAY);
		play_exit(&p, PID, PID, 2 * PLAY_MS);
		int fd = play_write_on(&p, true, &facts);
		struct cxms_topo *t = play_topology(PLAY_TOPO(100, 200));
		const struct cxms_topo *topo = t;
		const struct cxms_replay_cfg cfg = {
			.topo = &topo, .n_topo = 1, .llc_bytes = rows[i].now ? PLAY_MIB : 0};
		struct cxms_result *r = play_replay(fd, &cfg);
		assert_int_equal(has_warning(r, CXMS_W_LLC_ASSUMED), rows[i].warns);
		cxms_result_free(r);
		cxms_topo_free(t);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chase_follows_the_closed_form),
		cmocka_unit_test(test_time_with_everything_local_is_native_on_the_same_machine),
		cmocka_unit_test(test_cached_and_computing_programs_stay_fast),
		cmocka_unit_test(test_two_loops_one_cached_one_not),
		cmocka_unit_test(test_one_loop_half_cached),
		cmocka_unit_test(test_one_loop_half_cached_few_samples),
		cmocka_unit_test(test_a_hot_line_is_cached_however_many_samples_it_has),
		cmocka_unit_test(test_hot_pages_of_a_uniform_chase_are_no_better_than_any),
		cmocka_unit_test(test_a_full_device_bounds_the_time),
		cmocka_unit_test(test_first_touch_order_is_honoured),
		cmocka_unit_test(test_odd_recordings_are_survived),
		cmocka_unit_test(test_chance_makes_no_slow_memory_fast),
		cmocka_unit_test(test_a_run_without_samples_is_not_known),
		cmocka_unit_test(test_waits_on_faster_memory_end_at_none_each),
		cmocka_unit_test(test_unknown_policy_is_named),
		cmocka_unit_test(test_policy_and_splits_come_from_the_topology),
		cmocka_unit_test(test_interval_covers_the_truth),
		cmocka_unit_test(test_unread_code_is_work_or_waits_all_the_time),
		cmocka_unit_test(test_reads_that_were_counted_bound_the_traffic),
		cmocka_unit_test(test_threads_too_short_to_be_seen_may_have_waited),
		cmocka_unit_test(test_lost_faults_are_in_the_interval),
		cmocka_unit_test(test_who_outlives_the_program_is_told),
		cmocka_unit_test(test_others_on_the_cpu_do_not_change_the_slowdown),
		cmocka_unit_test(test_late_wake_ups_are_company_but_for_the_programs_own),
		cmocka_unit_test(test_the_llc_is_asked_for_where_nobody_gave_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
