/* Loads of a loop that are in flight together, half of their pages on slower memory: recordings
 * made by hand. */
#include "play.h"

#include <math.h>

#define PID	 50u
#define ARRAY	 0x100000000000ull
#define BYTES	 (4096 * PLAY_MIB)
#define N	 20000u
#define PERIOD	 200000u
#define DURATION (N * (uint64_t)PERIOD)

enum what { GATHER, CHASE, SCATTER, UNCOUNTED };

/* A gather, a chase, stores at random, or a gather whose turns nothing tells, that goes round once
 * in @turn_ns; of 25 instructions, so that a window of 512 holds 20 turns. */
static int record(double turn_ns, enum what what, bool huge)
{
	struct play p = {0};
	uint64_t state = 88172645463325252ull;
	play_fork(&p, PID, PID, 0, 0, 0);
	play_map(&p, PID, ARRAY, BYTES);
	uint32_t site =
		play_site(&p, PID, 0x400100, what == SCATTER ? CXMS_SITE_STORE : CXMS_SITE_LOAD,
			  what == CHASE ? CXMS_SITE_CARRIED : 0);
	struct cxms_site *s = &p.ev[p.n - 1].site;
	s->loop_insns = 25;
	s->loop_ip = 0x4000f0;
	s->count_reg = 4;
	s->step = 8;
	play_area(&p, PID, ARRAY, BYTES, BYTES, huge ? BYTES : 0);
	for (uint64_t i = 0; i < N; i++) {
		uint64_t time = (i + 1) * PERIOD, turns = (uint64_t)((double)time / turn_ns);
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		uint64_t at = (state >> 20) % (BYTES / 64) * 64;
		struct cxms_sample *sample = play_sample(&p, PID, PID, time, site, ARRAY + at);
		sample->flags |= what == UNCOUNTED ? 0 : CXMS_SAMPLE_COUNT;
		sample->count = 1000 + 8 * turns;
	}
	play_run(&p, PID, PID, 0, DURATION);
	play_exit(&p, PID, PID, DURATION);
	return play_write(&p, true);
}

static struct cxms_result *run(int fd, const char *yaml)
{
	static const double splits[] = {0, 50, 100};
	struct cxms_topo *t = play_topology(yaml);
	const struct cxms_topo *topo = t;
	const struct cxms_replay_cfg cfg = {
		.topo = &topo, .n_topo = 1, .split_pct = splits, .n_split = 3, .seed = 1};
	struct cxms_result *r = play_replay(fd, &cfg);
	cxms_topo_free(t);
	return r;
}

/*
 * What half of the pages cost of what all of them do. By tests/unit/test_overlap.c, memory twice as
 * slow: a window of 20 lines, 19 of them in flight, 0.81; windows of 10 and 7 lines 0.85 and 0.79;
 * where registers bound 0.5. 16 registers (assumed) of which half or less are used do not.
 */
static void test_half_of_the_pages(void **state)
{
	static const struct {
		double turn_ns;
		enum what what;
		double part;
		const char *why;
	} rows[] = {
		{5, GATHER, 0.81, "20 in flight: more than registers, and nearly a full window"},
		{10, GATHER, 0.76, "10: a quarter of the way from half of the registers to all"},
		{15, GATHER, 0.79, "7: as a window of so many, that waits for the slowest"},
		{15, SCATTER, 0.79, "7 stores: they leave their queue in order"},
		{110, CHASE, 0.5, "a chase: one at a time"},
		{15, UNCOUNTED, 0.5, "not known how many: at the high end as many as fit"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		int fd = record(rows[i].turn_ns, rows[i].what, true);
		struct cxms_result *r = run(fd, PLAY_TOPO(100, 200));
		const struct cxms_split_result *all = &r->split[0], *half = &r->split[1];
		double part = (half->slowdown - 1) / (all->slowdown - 1);
		print_message("%s: %.3f (%.3f .. %.3f), half %.3f (%.3f .. %.3f): %.3f\n",
			      rows[i].why, all->slowdown, all->slowdown_lo, all->slowdown_hi,
			      half->slowdown, half->slowdown_lo, half->slowdown_hi, part);
		/* 0.03: chance in which samples lie on these pages */
		assert_true(fabs(part - rows[i].part) < 0.03);
		assert_true(fabs(r->split[2].slowdown - 1) < 1e-12);
		/* each line waits for itself at the low end, the window rules at the high end */
		assert_true((half->slowdown_lo - 1) < 0.6 * (all->slowdown_lo - 1));
		if (rows[i].what != CHASE)
			assert_true((half->slowdown_hi - 1) > 0.85 * (all->slowdown_hi - 1));
		/* lines stay where their pages are */
		assert_true(fabs((double)half->target[0].reads / (double)half->target[1].reads -
				 1) < 0.1);
		cxms_result_free(r);
		close(fd);
	}
}

/* Of several devices the waits go to the slowest in flight, and none is lost. */
static void test_waits_are_kept(void **state)
{
	static const char yaml[] =
		"schema: 1\nhost:\n  local: {latency: 100ns, bandwidth: unlimited}\n"
		"devices:\n"
		"  a: {type: memdev, upstream: host, latency: 200ns, bandwidth: unlimited, "
		"capacity: "
		"4096GiB}\n"
		"  b: {type: memdev, upstream: host, latency: 100ns, bandwidth: unlimited, "
		"capacity: "
		"4096GiB}\n"
		"  c: {type: memdev, upstream: host, latency: 300ns, bandwidth: unlimited, "
		"capacity: "
		"4096GiB}\n"
		"regions:\n  - {name: r, targets: [a, b, c], granularity: 4KiB}\n";
	(void)state;
	int fd = record(6, GATHER, false); /* base pages, which walk for 20 ns */
	struct cxms_result *r = run(fd, yaml);
	struct cxms_result *slowest = run(fd, PLAY_TOPO(100, 300));
	struct cxms_result *none = run(fd, PLAY_TOPO(100, 100));
	double part = (r->split[0].slowdown - 1) / (slowest->split[0].slowdown - 1);
	print_message("a third each at 200, 100, 300 ns: %.3f of all at 300\n", part);
	/* 0.75 of the waits last 300 ns (a third of 20 lines at twice what the others take, 19 in
	 * flight), 0.88 of the others 200; 0.5 if each waited for itself */
	assert_true(fabs(part - (0.75 + 0.25 * 0.88 * 0.5)) < 0.06);
	for (int i = 0; i < 3; i++)
		assert_true(fabs(none->split[i].slowdown - 1) < 1e-9);
	cxms_result_free(r);
	cxms_result_free(slowest);
	cxms_result_free(none);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_of_the_pages),
		cmocka_unit_test(test_waits_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
