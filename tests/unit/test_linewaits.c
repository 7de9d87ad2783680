/* Walks through memory in recordings made by hand: what of their time is waiting for lines. */
#include "play.h"

#include <math.h>

#include "core/linewait.h"

#define PID	 50u
#define ARRAY	 0x100000000000ull
#define BYTES	 (4096 * PLAY_MIB)
#define SMALL	 0x200000000000ull
#define HELD	 (8 * PLAY_MIB) /* half of the LLC */
#define N	 2000u
#define PERIOD	 200000u
#define DURATION (N * (uint64_t)PERIOD)

/* A loop over the array by words; one in @in samples waits at a line's first word. */
struct walk {
	unsigned in;
	double turn_ns;
	bool random;	 /* it goes elsewhere each time */
	bool unknown;	 /* the code does not tell how it goes, and the samples are few */
	bool behind;	 /* half of the samples stand on an instruction behind it */
	bool behind_any; /* those stand at any word */
	bool rewinds;	 /* the loop begins anew with each line; another around it has its turns */
	bool to_zero;	 /* the counting register counts up to 0 */
	bool beside;	 /* as many samples on a fast loop in the same code, over a small array */
};

static uint32_t site(struct play *p, uint64_t ip, enum cxms_site_kind kind, unsigned flags)
{
	uint32_t id = play_site(p, PID, ip, kind, (uint16_t)flags);
	struct cxms_site *s = &p->ev[p->n - 1].site;
	s->access_bytes = kind == CXMS_SITE_NONE ? 0 : 8;
	s->loop_insns = 10;
	s->loop_ip = 0x4000f0;
	s->count_reg = 4;
	s->step = 8;
	s->stride = flags & CXMS_SITE_AFFINE ? 8 : 0;
	return id;
}

/* A line in 6.4 ns from what the caches hold: 16 of them under way, were they memory's. */
static void add_beside(struct play *p, uint32_t load, uint64_t time_ns)
{
	uint64_t turns = time_ns * 10 / 8;
	struct cxms_sample *s = play_sample(p, PID, PID, time_ns, load, SMALL + 8 * turns % HELD);
	s->flags |= CXMS_SAMPLE_COUNT;
	s->count = SMALL + 8 * turns;
}

static int record(const struct walk *w)
{
	struct play p = {0};
	uint64_t state = 88172645463325252ull;
	play_fork(&p, PID, PID, 0, 0, 0);
	play_map(&p, PID, ARRAY, BYTES);
	uint32_t load = site(&p, 0x400100, CXMS_SITE_LOAD, w->unknown ? 0 : CXMS_SITE_AFFINE);
	uint32_t none = site(&p, 0x400104, CXMS_SITE_NONE, 0);
	uint32_t around[2] = {site(&p, 0x4000e0, CXMS_SITE_NONE, CXMS_SITE_LONG), 0};
	p.ev[p.n - 1].site.loop_ip = 0x4000e0;
	around[1] = site(&p, 0x400200, CXMS_SITE_NONE, CXMS_SITE_LONG);
	p.ev[p.n - 1].site.loop_ip = 0x4000e0;
	uint32_t beside = site(&p, 0x400180, CXMS_SITE_LOAD, CXMS_SITE_AFFINE);
	p.ev[p.n - 1].site.loop_ip = 0x400170;
	play_area(&p, PID, ARRAY, BYTES, BYTES, BYTES);
	play_map(&p, PID, SMALL, HELD);
	play_area(&p, PID, SMALL, HELD, HELD, HELD);
	for (uint64_t i = 0; i < (w->unknown ? 20 : N); i++) {
		if (w->beside)
			add_beside(&p, beside, (i + 1) * PERIOD - PERIOD / 2);
		uint64_t time = (i + 1) * PERIOD, turns = (uint64_t)((double)time / w->turn_ns);
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		bool is_behind = w->behind && i % 2, waits = (state >> 50) % w->in == 0;
		uint64_t word = (state >> 40) % 8;
		if (is_behind ? !w->behind_any : waits)
			word = 0;
		turns = turns / 8 * 8 + word;
		uint64_t at = w->random ? (state >> 20) % (BYTES / 8) / 8 * 8 + word : turns;
		struct cxms_sample *s = play_sample(&p, PID, PID, time, is_behind ? none : load,
						    ARRAY + 8 * at % BYTES);
		if (is_behind)
			s->flags &= (uint16_t)~CXMS_SAMPLE_ADDR;
		s->flags |= CXMS_SAMPLE_COUNT;
		s->count = w->rewinds ? 8 * word : 8 * turns + (w->to_zero ? 0 - ARRAY : ARRAY);
		if (w->rewinds && i % 8 < 2) { /* on the loop around it */
			s->site = around[i % 2];
			s->flags &= (uint16_t)~CXMS_SAMPLE_ADDR;
			s->count = ARRAY + 8 * turns;
		}
	}
	play_run(&p, PID, PID, 0, DURATION);
	play_exit(&p, PID, PID, DURATION);
	return play_write(&p, true);
}

static void test_share_that_comes_once_a_line(void **state)
{
	static const struct {
		struct walk walk;
		double share;
		const char *why;
	} rows[] = {
		{{.in = 1, .turn_ns = 8}, 1, "each sample waits for a line"},
		{{.in = 2, .turn_ns = 8}, 0.5, "half of them, the others on any word"},
		{{.in = 10, .turn_ns = 8}, 0.1, "one in ten: a branch's recoveries, say"},
		{{.in = 10, .turn_ns = 0.4},
		 1,
		 "a line in 3.2 ns, 31 under way: registers are full, all time is theirs"},
		{{.in = 10, .turn_ns = 8, .beside = true},
		 0.1,
		 "lines of a small array that stay in the LLC are none under way"},
		{{.in = 10, .turn_ns = 8, .random = true},
		 1,
		 "no walk: each use misses for itself"},
		{{.in = 10, .turn_ns = 8, .unknown = true},
		 1,
		 "too few samples to be sure of a walk"},
		{{.in = 2, .turn_ns = 8, .behind = true},
		 1.5,
		 "as many samples behind it, all of them at the first word"},
		{{.in = 2, .turn_ns = 8, .behind = true, .rewinds = true},
		 0.5,
		 "the same where the register begins anew with each line: the loop around it"},
		{{.in = 2, .turn_ns = 8, .behind = true, .behind_any = true},
		 0.5,
		 "the loop's own work behind it"},
		{{.in = 2, .turn_ns = 8, .behind = true, .behind_any = true, .to_zero = true},
		 0.5,
		 "the same where the register counts up to 0"},
		{{.in = 2, .turn_ns = 8, .behind = true, .to_zero = true},
		 1.5,
		 "and waits behind it are seen there as well"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct cxms_result *r = play_all_far(record(&rows[i].walk));
		const struct cxms_site_result *s = &r->basis.site[0];
		print_message("%s: %.3f (%.3f..%.3f)\n", rows[i].why, s->line_share,
			      s->line_share_lo, s->line_share_hi);
		/* 0.055: of a thousand samples or more, three deviations of their share */
		assert_true(fabs(s->line_share - rows[i].share) < 0.055);
		assert_true(s->line_share_lo <= s->line_share);
		assert_true(s->line_share <= s->line_share_hi);
		cxms_result_free(r);
	}
}

/* Of runs that begin anywhere nobody knows how long they are. At the low end they go through lines,
 * as the code says, and then what falls on any word is no wait for one. */
static void test_runs_that_begin_anywhere(void **state)
{
	static const struct {
		unsigned in;
		double lo;
		const char *why;
	} rows[] = {
		{1, 1, "all samples stand at the first word"},
		{2, 0.5, "half of them"},
		{1000, 0, "on any word alike: rows of a tile that the cache holds, say"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct cxms_result *r = play_all_far(
			record(&(struct walk){.in = rows[i].in, .turn_ns = 8, .random = true}));
		const struct cxms_site_result *s = &r->basis.site[0];
		print_message("%s: %.3f (%.3f..%.3f)\n", rows[i].why, s->line_share,
			      s->line_share_lo, s->line_share_hi);
		assert_true(fabs(s->line_share_lo - rows[i].lo) < 0.055);
		assert_true(fabs(s->line_share - 1) < 1e-9);
		cxms_result_free(r);
	}
}

/** struct points - half lines, each the way of an inner loop */
struct points {
	unsigned in;	/* one in @in samples waits at a line's first word */
	unsigned first; /* of eight others so many stand at the first word of a point */
	unsigned base;	/* where in a line the array begins, in bytes */
	unsigned n;	/* samples */
	bool anew;	/* the loop over the points begins anew between samples */
	bool jumps;	/* it goes slowly and fast by turns, and each 9 samples to another array */
	bool behind;	/* half of the samples stand on an instruction behind it, at any word */
};

/* A loop over half a line (the words of a point) within another over all points. */
static int record_runs(const struct points *of)
{
	struct play p = {0};
	uint64_t state = 88172645463325252ull;
	play_fork(&p, PID, PID, 0, 0, 0);
	play_map(&p, PID, ARRAY, BYTES);
	uint32_t load = site(&p, 0x400100, CXMS_SITE_LOAD, CXMS_SITE_AFFINE);
	struct cxms_site *s = &p.ev[p.n - 1].site;
	s->outer_reg = 7;
	s->outer_step = 32;
	s->outer_back = 0x40;
	struct cxms_site loop = *s;
	uint32_t behind = site(&p, 0x400104, CXMS_SITE_NONE, 0);
	p.ev[p.n - 1].site.outer_reg = loop.outer_reg;
	p.ev[p.n - 1].site.outer_step = loop.outer_step;
	p.ev[p.n - 1].site.outer_back = loop.outer_back;
	play_area(&p, PID, ARRAY, BYTES, BYTES, BYTES);
	for (uint64_t i = 0; i < of->n; i++) {
		uint64_t time = (i + 1) * PERIOD;
		uint64_t point = (time - (of->jumps && i % 2 ? PERIOD / 5 * 4 : 0)) / 32;
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		point = of->anew ? (state >> 20) % (BYTES / 64) : point + (state >> 60) % 2;
		uint64_t word = (state >> 40) % 8 < of->first ? 0 : (state >> 43) % 4;
		uint64_t jumped = of->jumps ? i / 9 * 4 * PLAY_MIB : 0;
		bool is_behind = of->behind && i % 2;
		if ((state >> 50) % of->in == 0) { /* as a line begins: in which point, and where */
			point = point / 2 * 2 + (of->base > 0);
			word = (4 - of->base / 8) % 4;
		}
		struct cxms_sample *at = play_sample(
			&p, PID, PID, time, is_behind ? behind : load,
			ARRAY + of->base + (32 * point + 8 * word + jumped) % (BYTES - PLAY_MIB));
		if (is_behind)
			at->flags &= (uint16_t)~CXMS_SAMPLE_ADDR;
		at->flags |= CXMS_SAMPLE_COUNT | CXMS_SAMPLE_OUTER;
		at->count = 8 * word;
		at->outer = 0x7000 + 32 * point;
	}
	play_run(&p, PID, PID, 0, DURATION);
	play_exit(&p, PID, PID, DURATION);
	return play_write(&p, true);
}

static void test_runs_of_half_a_line(void **state)
{
	static const struct {
		struct points of;
		double share;
		const char *why;
	} rows[] = {
		{{1000000, 4, .n = N},
		 0,
		 "as many stand at the first word of the line's other point"},
		{{4, 4, .n = N}, 0.25, "one in four waits for the line"},
		{{4, 7, 16, .n = N}, 0.25, "the same where it begins within a point"},
		{{1, 4, .n = N}, 1, "each does"},
		{{1000000, 0, .n = N, .behind = true},
		 0,
		 "none, though the inner loop's register tells only places in a point"},
		{{1000000, 4, .n = N, .jumps = true}, 0, "points of several arrays"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct cxms_result *r = play_all_far(record_runs(&rows[i].of));
		const struct cxms_site_result *s = &r->basis.site[0];
		double lines = (double)r->split[0].target[1].reads;
		print_message("%s: %.3f (%.3f..%.3f), %g lines\n", rows[i].why, s->line_share,
			      s->line_share_lo, s->line_share_hi, lines);
		/* 0.055: three deviations of a half of two thousand samples, twice */
		assert_true(fabs(s->line_share - rows[i].share) < 0.055);
		assert_true(s->line_share_lo <= rows[i].share + 1e-9);
		assert_true(rows[i].share <= s->line_share_hi + 1e-9);
		/* a byte in a nanosecond */
		assert_true(fabs(lines * 64 / (double)DURATION - 1) < 0.01);
		cxms_result_free(r);
	}
}

/* What is not known of such a walk may be no waiting for lines: the low end is none. */
static void test_runs_that_tell_little(void **state)
{
	static const struct {
		struct points of;
		const char *why;
	} rows[] = {
		{{1000000, 4, .n = N, .anew = true}, "runs are known, how fast they go is not"},
		{{1000000, 4, .n = CXMS_LINEWAIT_MIN_SAMPLES - 1}, "seven samples, of a walk"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct cxms_result *r = play_all_far(record_runs(&rows[i].of));
		const struct cxms_site_result *s = &r->basis.site[0];
		print_message("%s: %.3f (%.3f..%.3f)\n", rows[i].why, s->line_share,
			      s->line_share_lo, s->line_share_hi);
		assert_true(s->line_share_lo == 0);
		assert_true(s->line_share == 1 && s->line_share_hi == 1);
		cxms_result_free(r);
	}
}

/* Less waiting for lines is less slowdown, and as many lines. */
static void test_only_waiting_for_lines_grows(void **state)
{
	double slower[3], lines[3];
	static const unsigned in[3] = {1, 2, 10};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct cxms_result *r =
			play_all_far(record(&(struct walk){.in = in[i], .turn_ns = 8}));
		slower[i] = r->split[0].slowdown - 1;
		lines[i] = (double)r->split[0].target[1].reads;
		cxms_result_free(r);
	}
	print_message("slower by %g, %g, %g\n", slower[0], slower[1], slower[2]);
	/* 15 %: the hidden part follows from the loop's own time, of which there is more */
	assert_true(fabs(slower[1] / slower[0] - 0.5) < 0.15);
	assert_true(slower[2] < 0.2 * slower[0] && slower[2] > 0.05 * slower[0]);
	assert_true(fabs(lines[1] / lines[0] - 1) < 0.01 && fabs(lines[2] / lines[0] - 1) < 0.01);
}

/* A line that came ahead is in the LLC at the farthest, 20 ns away: so much of the waiting for each
 * is no memory's at the low end, unless lines come at the pace of memory. */
static void test_lines_that_came_ahead_cost_the_llc(void **state)
{
	static const struct {
		struct walk walk;
		double least, most; /* of what the middle adds, at the low end */
		const char *why;
	} rows[] = {
		{{.in = 10, .turn_ns = 8}, 0, 0.01, "6.4 ns for a line: all may have been there"},
		{{.in = 1, .turn_ns = 8}, 0.6, 0.7, "64 ns for a line: 20 of them at most"},
		{{.in = 10, .turn_ns = 0.4}, 0.85, 1, "full registers"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct cxms_result *r = play_all_far(record(&rows[i].walk));
		const struct cxms_split_result *s = &r->split[0];
		double part = (s->slowdown_lo - 1) / (s->slowdown - 1);
		print_message("%s: %g (%g .. %g)\n", rows[i].why, s->slowdown, s->slowdown_lo,
			      s->slowdown_hi);
		assert_true(part >= rows[i].least && part <= rows[i].most);
		cxms_result_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share_that_comes_once_a_line),
		cmocka_unit_test(test_runs_that_begin_anywhere),
		cmocka_unit_test(test_runs_of_half_a_line),
		cmocka_unit_test(test_runs_that_tell_little),
		cmocka_unit_test(test_only_waiting_for_lines_grows),
		cmocka_unit_test(test_lines_that_came_ahead_cost_the_llc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
