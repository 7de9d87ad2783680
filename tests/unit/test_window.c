/* The window against closed forms: what bounds a program bounds it here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/units.h"
#include "core/window.h"
#include "core/window_priv.h"

#define CYC_PS 500.0 /* 2 GHz */

static const struct cxms_window_cfg host = {.frequency_hz = 2000000000,
					    .width = 4,
					    .rob = 128,
					    .scheduler = 64,
					    .load_queue = 64,
					    .store_queue = 32,
					    .l1d_mshrs = 8,
					    .l2_mshrs = 24,
					    .walkers = 4,
					    .fetch_lines = false,
					    .store_tso = true,
					    .has_l2 = true,
					    .l1i_ps = 2000,
					    .l1d_ps = 2000,
					    .l2_ps = 7000,
					    .llc_ps = 20000};

/* Lane i answers in 100 + 50 i ns. */
static void request(void *arg, unsigned lane, uint64_t line, enum cxms_xrequest kind,
		    uint64_t at_ps, struct cxms_xreply *out)
{
	(void)line;
	(void)kind;
	(void)at_ps;
	unsigned *calls = arg;
	if (calls)
		++*calls;
	*out = (struct cxms_xreply){.latency_ps = 100000 + 50000 * lane, .target = lane > 0};
}

#define SLOW_PS 1000000000 /* a swap device */
static void request_slow(void *arg, unsigned lane, uint64_t line, enum cxms_xrequest kind,
			 uint64_t at_ps, struct cxms_xreply *out)
{
	request(arg, lane, line, kind, at_ps, out);
	out->latency_ps = SLOW_PS;
}

static struct cxms_block code_by_rule(bool split, const uint8_t *bytes, const uint8_t *len,
				      size_t n, struct cxms_code_access *access, size_t n_access,
				      struct cxms_code_exit *exit, size_t n_exit)
{
	struct cxms_code_insn insn[64];
	struct cxms_uops *u = NULL;
	struct cxms_block b = {0};
	uint64_t addr = 0x1000;
	for (size_t i = 0; i < n; i++) {
		insn[i] = (struct cxms_code_insn){addr, len[i], bytes};
		bytes += len[i];
		addr += len[i];
	}
	const struct cxms_code_block code = {.n_insn = n,
					     .n_access = n_access,
					     .n_exit = n_exit,
					     .insn = insn,
					     .access = access,
					     .exit = exit};
	assert_int_equal(cxms_uops_new(split, &u, NULL), 0);
	assert_int_equal(cxms_uops_block(u, &code, &b, NULL), 0);
	cxms_uops_free(u);
	return b;
}

static struct cxms_block code_of(const uint8_t *bytes, const uint8_t *len, size_t n,
				 struct cxms_code_access *access, size_t n_access,
				 struct cxms_code_exit *exit, size_t n_exit)
{
	return code_by_rule(true, bytes, len, n, access, n_access, exit, n_exit);
}

static struct cxms_window *window_of(const struct cxms_window_cfg *cfg, unsigned lanes)
{
	const struct cxms_xmemory memory = {NULL, request};
	struct cxms_window *w = NULL;
	assert_int_equal(cxms_window_new(cfg, lanes, &memory, &w, NULL), 0);
	return w;
}

static void run(struct cxms_window *w, const struct cxms_block *b, const struct cxms_xevent *e,
		size_t n)
{
	const struct cxms_xrun r = {
		.block = b, .exit = b->n_exit, .n_event = (uint32_t)n, .event = e};
	cxms_window_run(w, &r, 1);
}

static double time_cyc(const struct cxms_window *w, unsigned lane)
{
	struct cxms_window_lane l;
	cxms_window_lane(w, lane, &l);
	return (double)l.time_ps / CYC_PS;
}

/* Cycles a repetition takes once it is steady. */
static double steady_cyc(const struct cxms_window_cfg *cfg, const struct cxms_block *b,
			 const struct cxms_xevent *e, size_t n, unsigned lane)
{
	struct cxms_window *w = window_of(cfg, lane + 1);
	for (int i = 0; i < 1000; i++)
		run(w, b, e, n);
	double before = time_cyc(w, lane);
	for (int i = 0; i < 1000; i++)
		run(w, b, e, n);
	double out = (time_cyc(w, lane) - before) / 1000;
	cxms_window_free(w);
	return out;
}

static const uint8_t chase[] = {0x48, 0x8b, 0x00};  /* mov rax, [rax] */
static const uint8_t gather[] = {0x48, 0x8b, 0x19}; /* mov rbx, [rcx] */
static const uint8_t nops[] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90};
static const uint8_t ones[] = {1, 1, 1, 1, 1, 1, 1, 1};
static const struct cxms_xevent from_memory = {.kind = CXMS_XE_MEM, .line = 77};
static const struct cxms_xevent from_llc = {.kind = CXMS_XE_LLC};
static const struct cxms_xevent from_l2 = {.kind = CXMS_XE_L2};

static void test_dependent_loads_take_the_latency_each(void **state)
{
	static const struct {
		const struct cxms_xevent *event;
		double want_cyc;
		const char *why;
	} rows[] = {
		{NULL, 4, "first level"},
		{&from_l2, 14, "L2"},
		{&from_llc, 40, "LLC"},
		{&from_memory, 300, "memory, lane 1: 150 ns"},
	};
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block b = code_of(chase, len, 1, &load, 1, NULL, 0);
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		double got = steady_cyc(&host, &b, rows[i].event, rows[i].event != NULL, 1);
		/* a tick is 1/32 cycle */
		if (fabs(got - rows[i].want_cyc) > 1.0 / 32)
			fail_msg("%s: %g cycles a hop, expected %g", rows[i].why, got,
				 rows[i].want_cyc);
	}
	cxms_block_fini(&b);
}

static void test_independent_misses_share_the_miss_registers(void **state)
{
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block b = code_of(gather, len, 1, &load, 1, NULL, 0);
	struct cxms_window_cfg cfg = host;
	(void)state;
	for (cfg.l1d_mshrs = 1; cfg.l1d_mshrs <= 16; cfg.l1d_mshrs *= 2) {
		double got = steady_cyc(&cfg, &b, &from_memory, 1, 1);
		double want = 300.0 / cfg.l1d_mshrs; /* Little */
		if (fabs(got / want - 1) > 0.01)
			fail_msg("%u registers: %g cycles a miss, expected %g", cfg.l1d_mshrs, got,
				 want);
	}
	cfg.l1d_mshrs = 16;
	cfg.l2_mshrs = 4;
	assert_true(fabs(steady_cyc(&cfg, &b, &from_memory, 1, 1) / 75 - 1) < 0.01);
	cxms_block_fini(&b);
}

/* Each load on a page of its own: a walk of 400 cycles, 300 to memory. */
static void test_page_walks_share_the_walkers(void **state)
{
	const struct cxms_xevent walked = {.kind = CXMS_XE_MEM, .flags = CXMS_XE_WALK, .line = 77};
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block b = code_of(gather, len, 1, &load, 1, NULL, 0);
	struct cxms_block hop = code_of(chase, len, 1, &load, 1, NULL, 0);
	struct cxms_window_cfg cfg = host;
	(void)state;
	cfg.l1d_mshrs = cfg.l2_mshrs = 256;
	cfg.walk_ps = 200000;
	for (cfg.walkers = 1; cfg.walkers <= 16; cfg.walkers *= 2) {
		double got = steady_cyc(&cfg, &b, &walked, 1, 1);
		double want = 400.0 / cfg.walkers; /* Little */
		if (fabs(got / want - 1) > 0.01)
			fail_msg("%u walkers: %g cycles a load, expected %g", cfg.walkers, got,
				 want);
		/* one walk after the other finds one free */
		assert_true(fabs(steady_cyc(&cfg, &hop, &walked, 1, 1) - 700) <= 1.0 / 32);
	}
	/* more than the load queue holds: the queue is the bound, and some cycles to enter it */
	cfg.walkers = 64;
	double got = steady_cyc(&cfg, &b, &walked, 1, 1);
	assert_true(got >= 700.0 / 64 && got < 725.0 / 64);
	/* what finds its page in a TLB passes by those that wait for a walker */
	cfg.walkers = 1;
	cfg.load_queue = 128;
	struct cxms_window *w = window_of(&cfg, 2);
	for (int i = 0; i < 2000; i++)
		run(w, &b, i % 2 ? &from_memory : &walked, 1);
	got = time_cyc(w, 1) / 1000;
	assert_true(fabs(got / 400 - 1) < 0.01);
	cxms_window_free(w);
	cxms_block_fini(&b);
	cxms_block_fini(&hop);
}

/* A walk that goes beyond a level holds a miss register there, and then its access does. */
static void test_page_walks_hold_miss_registers(void **state)
{
	const struct cxms_xevent walked = {.kind = CXMS_XE_MEM, .flags = CXMS_XE_WALK, .line = 77};
	static const struct {
		uint64_t walk_ps;
		uint32_t walkers, l1d, l2, without;
		double want_cyc;
		const char *why;
	} rows[] = {
		{200000, 16, 4, 64, 0, 700.0 / 4, "the first level's, for walk and access"},
		{200000, 16, 8, 64, 0, 700.0 / 8, "twice as many"},
		{200000, 4, 8, 64, 0, 400.0 / 4, "walkers are fewer"},
		{200000, 16, 64, 4, 0, 700.0 / 4, "the second level's"},
		{200000, 64, 4, 64, CXMS_WP_WALK_REGISTER, 300.0 / 4, "left out"},
		{2000, 16, 4, 64, 0, 300.0 / 4, "a walk as long as a hit of the first level"},
		{6000, 16, 4, 64, 0, 312.0 / 4, "within the L2: a register of the first level"},
		{6000, 16, 64, 4, 0, 300.0 / 4, "within the L2: none of the second"},
	};
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block b = code_of(gather, len, 1, &load, 1, NULL, 0);
	struct cxms_window_cfg cfg = host;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cfg.walk_ps = rows[i].walk_ps;
		cfg.walkers = rows[i].walkers;
		cfg.l1d_mshrs = rows[i].l1d;
		cfg.l2_mshrs = rows[i].l2;
		cfg.without = rows[i].without;
		double got = steady_cyc(&cfg, &b, &walked, 1, 1);
		if (fabs(got / rows[i].want_cyc - 1) > 0.01)
			fail_msg("%s: %g cycles a load, expected %g", rows[i].why, got,
				 rows[i].want_cyc);
	}
	cxms_block_fini(&b);
}

/* More registers, or shorter walks, are never slower, whatever bounds the loads; but for a part of
 * a batch of walks at the end of a thousand loads. */
static void test_walks_and_registers_are_monotonic(void **state)
{
	const struct cxms_xevent walked = {.kind = CXMS_XE_MEM, .flags = CXMS_XE_WALK, .line = 77};
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block b = code_of(gather, len, 1, &load, 1, NULL, 0);
	struct cxms_window_cfg cfg = host;
	(void)state;
	cfg.walkers = 6;
	for (cfg.walk_ps = 0; cfg.walk_ps <= 400000; cfg.walk_ps += 40000) {
		double last = INFINITY;
		for (cfg.l1d_mshrs = 1; cfg.l1d_mshrs <= 32; cfg.l1d_mshrs++) {
			double got = steady_cyc(&cfg, &b, &walked, 1, 1), longer;
			cfg.walk_ps += 40000;
			longer = steady_cyc(&cfg, &b, &walked, 1, 1);
			cfg.walk_ps -= 40000;
			assert_true(got <= last * 1.005 && longer >= got * 0.995);
			last = got;
		}
	}
	cxms_block_fini(&b);
}

/* Stores translate at the same walkers as loads, and lanes do so each by itself. */
static void test_stores_walk_too(void **state)
{
	static const uint8_t bytes[] = {0x48, 0x89, 0x19}; /* mov [rcx], rbx */
	const struct cxms_xevent walked = {.kind = CXMS_XE_LLC, .flags = CXMS_XE_WALK};
	const uint8_t len[] = {3};
	struct cxms_code_access store = {0, CXMS_XA_STORE, 0};
	struct cxms_block b = code_of(bytes, len, 1, &store, 1, NULL, 0);
	struct cxms_window_cfg cfg = host;
	(void)state;
	cfg.walk_ps = 200000;
	cfg.l1d_mshrs = 16;
	for (cfg.walkers = 1; cfg.walkers <= 8; cfg.walkers *= 2)
		for (unsigned lane = 0; lane < 2; lane++) {
			double got = steady_cyc(&cfg, &b, &walked, 1, lane);
			assert_true(fabs(got * cfg.walkers / 400 - 1) < 0.01);
		}
	cxms_block_fini(&b);
}

static void test_the_load_queue_bounds_what_is_in_flight(void **state)
{
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block b = code_of(gather, len, 1, &load, 1, NULL, 0);
	struct cxms_window_cfg cfg = host;
	(void)state;
	cfg.l1d_mshrs = 16;
	cfg.load_queue = 4;
	/* four loads a latency and what it takes to retire and dispatch again */
	double got = steady_cyc(&cfg, &b, &from_memory, 1, 1);
	assert_true(got >= 75 && got < 80);
	cxms_block_fini(&b);
}

static void test_work_runs_at_the_width(void **state)
{
	struct cxms_block b = code_of(nops, ones, 8, NULL, 0, NULL, 0);
	struct cxms_window_cfg cfg = host;
	(void)state;
	for (cfg.width = 1; cfg.width <= 8; cfg.width++) {
		double got = steady_cyc(&cfg, &b, NULL, 0, 0), want = 8.0 / cfg.width;
		/* what the bare latency between dispatch and reuse of an entry allows: 128 of them
		 */
		if (fabs(got / want - 1) > 0.01)
			fail_msg("width %u: %g cycles, expected %g", cfg.width, got, want);
	}
	cxms_block_fini(&b);
}

/* Dependent additions take the latency of their unit; there is one for each cracking rule. */
static void test_additions_take_their_latency(void **state)
{
	static const uint8_t add[] = {0xf2, 0x0f, 0x58, 0xc1}; /* addsd xmm0, xmm1 */
	const uint8_t len = sizeof(add);
	struct cxms_block b = code_of(add, &len, 1, NULL, 0, NULL, 0);
	struct cxms_window_cfg cfg = host;
	(void)state;
	for (int split = 0; split < 2; split++) {
		cfg.split = split;
		double got = steady_cyc(&cfg, &b, NULL, 0, 0), want = split ? 1 : 4;
		if (fabs(got / want - 1) > 0.01)
			fail_msg("split %d: %g cycles, expected %g", split, got, want);
	}
	cxms_block_fini(&b);
}

/* A miss every 4 + 8 k uops: as many are in flight as the reorder buffer spans, up to the
 * registers. */
static void test_the_reorder_buffer_spans_misses(void **state)
{
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block miss = code_of(gather, len, 1, &load, 1, NULL, 0);
	struct cxms_block work = code_of(nops, ones, 8, NULL, 0, NULL, 0);
	(void)state;
	for (int k = 1; k <= 8; k *= 2) {
		struct cxms_window *w = window_of(&host, 2);
		double before = 0;
		for (int i = 0; i < 2000; i++) {
			if (i == 1000)
				before = time_cyc(w, 1);
			run(w, &miss, &from_memory, 1);
			for (int j = 0; j < k; j++)
				run(w, &work, NULL, 0);
		}
		double got = (time_cyc(w, 1) - before) / 1000;
		double spanned = 128.0 / (1 + 8 * k);
		double want = 300 / fmin(spanned, host.l1d_mshrs);
		/* a whole number of misses is in flight, and each turn costs some cycles more */
		if (got < 0.95 * want * floor(spanned) / spanned || got > 1.35 * want)
			fail_msg("%d uops apart: %g cycles a miss, expected about %g", 1 + 8 * k,
				 got, want);
		cxms_window_free(w);
	}
	cxms_block_fini(&miss);
	cxms_block_fini(&work);
}

static void test_a_prefetch_in_time_hides_memory(void **state)
{
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block touch = code_of(chase, len, 1, &load, 1, NULL, 0);
	const struct cxms_xevent ahead = {
		.kind = CXMS_XE_PF, .into = CXMS_XL_L2, .from = CXMS_XL_MEM, .line = 5};
	const struct cxms_xevent use = {.kind = CXMS_XE_L2USE, .back = 20};
	struct cxms_window *w = window_of(&host, 2);
	(void)state;
	/* the line is used 40 hops after it was asked for: 40 * 4 cycles are less than 300 */
	run(w, &touch, &ahead, 1);
	double begin = time_cyc(w, 1);
	for (int i = 0; i < 10; i++)
		run(w, &touch, NULL, 0);
	double early = time_cyc(w, 1) - begin;
	assert_true(fabs(early - 40) < 1);
	for (int i = 0; i < 19; i++)
		run(w, &touch, &ahead, 1); /* 19 more fills, so that the first is 20 back */
	run(w, &touch, &use, 1);
	/* done when the prefetch is: 300 after it was asked, not 300 after the use */
	double all = time_cyc(w, 1) - begin;
	assert_true(all > 290 && all < 310);
	cxms_window_free(w);
	cxms_block_fini(&touch);
}

/* A software prefetch needs a miss register like a load: a loop of them takes as long. */
static void test_software_prefetches_share_the_miss_registers(void **state)
{
	static const uint8_t bytes[] = {0x0f, 0x18, 0x09}; /* prefetcht0 [rcx] */
	const uint8_t len[] = {3};
	struct cxms_code_access access = {0, CXMS_XA_PREFETCH, 0};
	struct cxms_block b = code_of(bytes, len, 1, &access, 1, NULL, 0);
	const struct cxms_xmemory slow = {NULL, request_slow};
	struct cxms_window_cfg cfg = host;
	struct cxms_window *w = NULL;
	(void)state;
	for (cfg.l1d_mshrs = 1; cfg.l1d_mshrs <= 16; cfg.l1d_mshrs *= 2) {
		double got = steady_cyc(&cfg, &b, &from_memory, 1, 1);
		double want = 300.0 / cfg.l1d_mshrs; /* Little */
		if (fabs(got / want - 1) > 0.01)
			fail_msg("%u registers: %g cycles a miss, expected %g", cfg.l1d_mshrs, got,
				 want);
	}
	/* far beyond the range of times, if they only lined up */
	assert_int_equal(cxms_window_new(&host, 1, &slow, &w, NULL), 0);
	for (int k = 0; k < 2000; k++)
		run(w, &b, &from_memory, 1);
	/* the last ones are still on their way */
	assert_true(fabs(time_cyc(w, 0) * CYC_PS / (2000.0 / 8 * SLOW_PS) - 1) < 0.01);
	cxms_window_free(w);
	cxms_block_fini(&b);
}

/* A line for the L1D from behind the L2 passes both levels' registers. */
static void test_prefetches_take_the_registers_of_each_level(void **state)
{
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block b = code_of(gather, len, 1, &load, 1, NULL, 0);
	struct cxms_window_cfg cfg = host;
	const struct cxms_xevent e[] = {
		{.kind = CXMS_XE_USE, .back = 32},
		{.kind = CXMS_XE_PF, .into = CXMS_XL_L1, .from = CXMS_XL_MEM, .line = 5}};
	(void)state;
	cfg.l1d_mshrs = 16;
	for (cfg.l2_mshrs = 2; cfg.l2_mshrs <= 32; cfg.l2_mshrs *= 2) {
		double got = steady_cyc(&cfg, &b, e, 2, 1);
		double want = 300.0 / fmin(cfg.l1d_mshrs, cfg.l2_mshrs); /* Little */
		if (fabs(got / want - 1) > 0.01)
			fail_msg("%u registers: %g cycles a line, expected %g", cfg.l2_mshrs, got,
				 want);
	}
	cxms_block_fini(&b);
}

/*
 * Both levels prefetch the next lines of two arrays that lie a power of two apart, as a copy's do:
 * each line comes from memory once, and holds a register of the L2 while it comes.
 */
static void test_what_two_levels_prefetch_holds_registers_of_the_second(void **state)
{
	enum { STEPS = 2000, EVENTS = 6 };
	static const uint8_t bytes[] = {0x48, 0x8b, 0x19, 0x90, 0x90, 0x90,
					0x90, 0x90, 0x48, 0x89, 0x19}; /* mov rbx, [rcx] and back */
	static const uint8_t len[] = {3, 1, 1, 1, 1, 1, 3};
	struct cxms_code_access load[] = {{0, CXMS_XA_LOAD, 3}, {6, CXMS_XA_STORE, 3}};
	struct cxms_block b = code_of(bytes, len, 7, load, 2, NULL, 0);
	struct cxms_window_cfg cfg = host;
	(void)state;
	cfg.l1d_mshrs = 16;
	for (cfg.l2_mshrs = 1; cfg.l2_mshrs <= 8; cfg.l2_mshrs *= 2) {
		struct cxms_window *w = window_of(&cfg, 2);
		for (uint64_t i = 0; i < STEPS; i++) {
			struct cxms_xevent e[EVENTS];
			for (unsigned k = 0; k < 2; k++) {
				uint64_t line = ((uint64_t)k << 20) + i;
				struct cxms_xevent *at = e + 3 * k;
				at[0] = (struct cxms_xevent){
					.kind = CXMS_XE_USE, .index = k, .back = 4};
				at[1] = (struct cxms_xevent){.kind = CXMS_XE_PF,
							     .index = k,
							     .line = line + 1,
							     .into = CXMS_XL_L1,
							     .from = CXMS_XL_L2};
				at[2] = (struct cxms_xevent){.kind = CXMS_XE_PF,
							     .index = k,
							     .line = line + 2,
							     .into = CXMS_XL_L2,
							     .from = CXMS_XL_MEM};
			}
			run(w, &b, e, EVENTS);
		}
		double got = time_cyc(w, 1) / (2 * STEPS), want = 300.0 / cfg.l2_mshrs;
		if (fabs(got / want - 1) > 0.02)
			fail_msg("%u registers: %g cycles a line, expected %g", cfg.l2_mshrs, got,
				 want);
		cxms_window_free(w);
	}
	cxms_block_fini(&b);
}

/* Where prefetches wait for registers, the core's requests do not wait for them: a chase keeps its
 * pace beside more useless prefetches than there is room for, and loads that reach lines which are
 * only asked for take the registers that no prefetch may. */
static void test_the_core_goes_before_prefetches_that_wait(void **state)
{
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block chasing = code_of(chase, len, 1, &load, 1, NULL, 0);
	struct cxms_block gathering = code_of(gather, len, 1, &load, 1, NULL, 0);
	struct cxms_window_cfg cfg = host;
	struct cxms_xevent miss[9] = {from_memory};
	const struct cxms_xevent use[] = {
		{.kind = CXMS_XE_L2USE, .back = 2 * 8 - 1},
		{.kind = CXMS_XE_PF, .into = CXMS_XL_L2, .from = CXMS_XL_MEM, .line = 5}};
	(void)state;
	for (int i = 1; i < 9; i++)
		miss[i] = use[1];
	cfg.split = true;
	cfg.l1d_mshrs = 16;
	cfg.l2_mshrs = 4;
	double got = steady_cyc(&cfg, &chasing, miss, 9, 1);
	if (fabs(got / 300 - 1) > 0.01)
		fail_msg("a chase: %g cycles a hop, expected 300", got);
	got = steady_cyc(&cfg, &gathering, use, 2, 1);
	if (fabs(got / (300.0 / 4) - 1) > 0.01)
		fail_msg("a stream: %g cycles a line, expected 75", got);
	cxms_block_fini(&chasing);
	cxms_block_fini(&gathering);
}

/* Prefetches that nobody uses hold up nobody, however many wait; a line of theirs that is used
 * after all comes then. */
static void test_prefetches_that_pile_up_stay_within_the_range(void **state)
{
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block b = code_of(chase, len, 1, &load, 1, NULL, 0);
	const struct cxms_xmemory slow = {NULL, request_slow};
	const struct cxms_xevent ahead = {
		.kind = CXMS_XE_PF, .into = CXMS_XL_L2, .from = CXMS_XL_MEM, .line = 5};
	const struct cxms_xevent use = {.kind = CXMS_XE_L2USE, .back = 1};
	struct cxms_window *w = NULL;
	(void)state;
	assert_int_equal(cxms_window_new(&host, 1, &slow, &w, NULL), 0);
	for (int k = 0; k < 5000; k++)
		run(w, &b, &ahead, 1);
	assert_true(time_cyc(w, 0) < 5000 * 4 + 20);
	run(w, &b, &use, 1);
	assert_true(time_cyc(w, 0) * CYC_PS >= SLOW_PS);
	cxms_window_free(w);
	cxms_block_fini(&b);
}

/*
 * A load of the wrong path begins before the branch is done where the reorder buffer has room for
 * it; its line is there as soon as the branch's own. If it did not, the next wrong path may begin
 * it, else the right path does.
 */
static void test_the_wrong_path_ends_with_the_reorder_buffer(void **state)
{
	/* mov rax,[rax]; test rax,rax; jne | mov rbx,[rdx+rax] */
	static const uint8_t branch[] = {0x48, 0x8b, 0x00, 0x48, 0x85, 0xc0, 0x75, 0x00},
			     use[] = {0x48, 0x8b, 0x1c, 0x02};
	static const uint8_t len[] = {3, 3, 2}, four[] = {4};
	static const struct {
		uint32_t behind;
		bool again;
		unsigned want; /* latencies */
	} rows[] = {{8, false, 1}, {200, false, 2}, {200, true, 2}, {8, true, 2}};
	struct cxms_code_access a = {0, CXMS_XA_LOAD, 3};
	struct cxms_block b = code_of(branch, len, 3, &a, 1, NULL, 0),
			  u = code_of(use, four, 1, &a, 1, NULL, 0);
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_xevent e[3] = {{.kind = CXMS_XE_MEM, .line = 1},
					   {.kind = CXMS_XE_MISP},
					   {.kind = CXMS_XE_WRONG,
					    .from = CXMS_XL_MEM,
					    .back = rows[i].behind,
					    .line = 2}};
		struct cxms_xevent used = {.kind = CXMS_XE_USE, .back = rows[i].again ? 2 : 1};
		struct cxms_window *w = window_of(&host, 1);
		run(w, &b, e, 3);
		if (rows[i].again) {
			e[2] = (struct cxms_xevent){
				.kind = CXMS_XE_WRONGUSE, .behind = 8, .back = 2};
			run(w, &b, e, 3);
		}
		run(w, &u, &used, 1);
		if (time_cyc(w, 0) < rows[i].want * 200 || time_cyc(w, 0) > rows[i].want * 240)
			fail_msg("%u instructions behind%s: %g cycles, not %u latencies",
				 rows[i].behind, rows[i].again ? ", and again" : "", time_cyc(w, 0),
				 rows[i].want);
		cxms_window_free(w);
	}
	cxms_block_fini(&b);
	cxms_block_fini(&u);
}

/* Behind a wrong branch as many loads begin as there are registers until it is done. */
static void test_the_wrong_path_shares_the_miss_registers(void **state)
{
	/* cmp rbx,[rcx]; jne */
	static const uint8_t bytes[] = {0x48, 0x3b, 0x19, 0x75, 0x00};
	const uint8_t len[] = {3, 2};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_code_exit exit = {1, 1, CXMS_XX_COND};
	struct cxms_xevent e[22] = {{.kind = CXMS_XE_MEM, .line = 3},
				    {.kind = CXMS_XE_MISP, .index = 0}};
	struct cxms_block b = code_of(bytes, len, 2, &load, 1, &exit, 1);
	(void)state;
	for (unsigned i = 2; i < 22; i++)
		e[i] = (struct cxms_xevent){
			.kind = CXMS_XE_WRONG, .from = CXMS_XL_MEM, .back = i, .line = i};
	for (uint32_t registers = 2; registers <= 16; registers *= 2) {
		struct cxms_window_cfg cfg = host;
		unsigned calls = 0;
		const struct cxms_xmemory memory = {&calls, request};
		struct cxms_window *w = NULL;
		cfg.l1d_mshrs = registers;
		assert_int_equal(cxms_window_new(&cfg, 1, &memory, &w, NULL), 0);
		run(w, &b, e, 22);
		/* the load itself has one of them, and leaves it when the branch is all but done */
		assert_in_range(calls, registers, registers + 1);
		cxms_window_free(w);
	}
	cxms_block_fini(&b);
}

/* A store under a mask that did not happen is no store to who counts back. */
static void test_stores_that_did_not_happen_have_no_number(void **state)
{
	/* mov rax,[rax]; mov [rdx],rax; mov [rcx],rbx, which does not happen; mov rax,[rdx] */
	static const uint8_t bytes[] = {0x48, 0x8b, 0x00, 0x48, 0x89, 0x02,
					0x48, 0x89, 0x19, 0x48, 0x8b, 0x02};
	const uint8_t len[] = {3, 3, 3, 3};
	struct cxms_code_access a[] = {{0, CXMS_XA_LOAD, 3},
				       {1, CXMS_XA_STORE, 3},
				       {2, CXMS_XA_STORE, 3},
				       {3, CXMS_XA_LOAD, 3}};
	const struct cxms_xevent e[] = {{.kind = CXMS_XE_MEM, .line = 9},
					{.kind = CXMS_XE_SKIP, .index = 2},
					{.kind = CXMS_XE_FWD, .index = 3, .back = 1}};
	struct cxms_block b = code_of(bytes, len, 4, a, 4, NULL, 0);
	(void)state;
	double got = steady_cyc(&host, &b, e, 3, 0);
	assert_true(got >= 200 && got <= 210);
	cxms_block_fini(&b);
}

static void test_a_store_carries_a_value_to_its_load(void **state)
{
	/* mov rax,[rax]; mov [rdx],rax; mov rax,[rdx]: the second load reads what was stored */
	static const uint8_t bytes[] = {0x48, 0x8b, 0x00, 0x48, 0x89, 0x02, 0x48, 0x8b, 0x02};
	const uint8_t len[] = {3, 3, 3};
	struct cxms_code_access a[] = {
		{0, CXMS_XA_LOAD, 3}, {1, CXMS_XA_STORE, 3}, {2, CXMS_XA_LOAD, 3}};
	const struct cxms_xevent linked[] = {{.kind = CXMS_XE_MEM, .line = 9},
					     {.kind = CXMS_XE_FWD, .index = 2, .back = 1}};
	struct cxms_block b = code_of(bytes, len, 3, a, 3, NULL, 0);
	(void)state;
	/* through memory: miss, store, forward; without the link the loads overlap */
	double with = steady_cyc(&host, &b, linked, 2, 0);
	double without = steady_cyc(&host, &b, linked, 1, 0);
	assert_true(with >= 200 && with <= 210);
	assert_true(without < 0.5 * with);
	cxms_block_fini(&b);
}

static void test_a_mispredicted_branch_waits_for_its_miss(void **state)
{
	/* cmp rbx,[rcx]; jne: the next round is fetched when the branch is done */
	static const uint8_t bytes[] = {0x48, 0x3b, 0x19, 0x75, 0x00};
	const uint8_t len[] = {3, 2};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_code_exit exit = {1, 1, CXMS_XX_COND};
	const struct cxms_xevent e[] = {{.kind = CXMS_XE_MEM, .line = 3},
					{.kind = CXMS_XE_MISP, .index = 0}};
	struct cxms_block b = code_of(bytes, len, 2, &load, 1, &exit, 1);
	(void)state;
	double right = steady_cyc(&host, &b, e, 1, 1), wrong = steady_cyc(&host, &b, e, 2, 1);
	assert_true(right < 45); /* overlapped: 300 / 8 */
	assert_true(wrong > 300 && wrong < 330);
	cxms_block_fini(&b);
}

static double redirected_cyc(const struct cxms_window_cfg *cfg, const struct cxms_block *b)
{
	const struct cxms_xevent e[] = {{.kind = CXMS_XE_MEM, .line = 3},
					{.kind = CXMS_XE_MISP, .index = 0}};
	return steady_cyc(cfg, b, e, 2, 1);
}

/*
 * Where uops are split, what was dispatched behind a mispredicted branch leaves the reorder buffer
 * at twice the width. A branch that waits for memory has it full: rob / (2 width) cycles; the
 * refill of a front end of 5 cycles runs beside them.
 */
static void test_what_ran_behind_a_branch_is_walked_when_split(void **state)
{
	static const uint8_t bytes[] = {0x48, 0x3b, 0x19, 0x75, 0x00};
	const uint8_t len[] = {3, 2};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_code_exit exit = {1, 1, CXMS_XX_COND};
	struct cxms_block b = code_of(bytes, len, 2, &load, 1, &exit, 1);
	struct cxms_window_cfg small = host, large = host;
	(void)state;
	small.split = large.split = small.fetch_lines = large.fetch_lines = true;
	small.rob = 32;
	large.rob = 512;
	double walk = redirected_cyc(&large, &b) - redirected_cyc(&small, &b);
	assert_true(fabs(walk - (512.0 / 8 - 4)) < 2); /* 32 are walked while fetch refills */
	small.split = large.split = false;
	assert_true(fabs(redirected_cyc(&large, &b) - redirected_cyc(&small, &b)) < 1);
	cxms_block_fini(&b);
}

/* A chain of two misses, 64 @n nops, a mispredicted branch that waits for a miss of its own, and
 * another miss behind it. */
static double behind_chain_cyc(const struct cxms_window_cfg *cfg, unsigned n)
{
	static const uint8_t branch[] = {0x48, 0x3b, 0x19, 0x75, 0x00};
	const uint8_t len[] = {3, 2};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_code_exit exit = {1, 1, CXMS_XX_COND};
	const struct cxms_xevent wrong[] = {from_memory, {.kind = CXMS_XE_MISP, .index = 0}};
	uint8_t work[64], one[64];
	memset(work, 0x90, sizeof(work));
	memset(one, 1, sizeof(one));
	struct cxms_block hop = code_of(chase, len, 1, &load, 1, NULL, 0);
	struct cxms_block far = code_of(gather, len, 1, &load, 1, NULL, 0);
	struct cxms_block wait = code_of(branch, len, 2, &load, 1, &exit, 1);
	struct cxms_block nop = code_of(work, one, 64, NULL, 0, NULL, 0);
	struct cxms_window *w = window_of(cfg, 1);
	run(w, &hop, &from_memory, 1);
	run(w, &hop, &from_memory, 1);
	for (unsigned i = 0; i < n; i++)
		run(w, &nop, NULL, 0);
	run(w, &wait, wrong, 2);
	run(w, &far, &from_memory, 1);
	double cyc = time_cyc(w, 0);
	cxms_window_free(w);
	cxms_block_fini(&hop);
	cxms_block_fini(&far);
	cxms_block_fini(&wait);
	cxms_block_fini(&nop);
	return cyc;
}

/* What is older than the branch and has not retired leaves less room behind it, so less is walked.
 */
static void test_what_is_older_than_a_branch_is_not_walked(void **state)
{
	struct cxms_window_cfg walks = host, told = host;
	(void)state;
	walks.split = told.split = true;
	walks.rob = told.rob = 512;
	walks.scheduler = told.scheduler = 512;
	told.without = CXMS_WP_WALK;
	for (unsigned n = 0; n <= 6; n += 2) {
		double walk = behind_chain_cyc(&walks, n) - behind_chain_cyc(&told, n);
		/* the way of a core whose uops are decoded to dispatch runs beside it */
		double want = fmax(0, (512.0 - 64 * n) / 8 + 3 - 14);
		if (fabs(walk - want) > 2)
			fail_msg("%u uops older: walked for %g cycles, expected %g", 64 * n, walk,
				 want);
	}
}

/* @n nops, then a branch that is mispredicted each time. */
static double restarted_cyc(const struct cxms_window_cfg *cfg, unsigned n)
{
	static const uint8_t branch[] = {0x39, 0xcb, 0x75, 0x00}; /* cmp ebx, ecx; jne */
	uint8_t bytes[32], len[32];
	struct cxms_code_exit exit = {(uint16_t)(n + 1), 0, CXMS_XX_COND};
	const struct cxms_xevent wrong = {.kind = CXMS_XE_MISP, .index = 0};
	memset(bytes, 0x90, n);
	memset(len, 1, n);
	memcpy(bytes + n, branch, sizeof(branch));
	len[n] = len[n + 1] = 2;
	struct cxms_block b = code_by_rule(true, bytes, len, n + 2, NULL, 0, &exit, 1);
	double cyc = steady_cyc(cfg, &b, &wrong, 1, 0);
	cxms_block_fini(&b);
	return cyc;
}

/*
 * From a branch that is done to the next that follows at once: three cycles until fetch, two to
 * dispatch, two to issue, a compare and a branch. What was dispatched meanwhile takes the reorder
 * buffer two cycles to drop, which block dispatch: the second group comes a cycle late, the fourth
 * another one.
 */
static void test_stages_that_were_blocked_start_one_after_another_when_split(void **state)
{
	const struct {
		unsigned before, late;
	} rows[] = {{0, 0}, {8, 1}, {16, 1}, {24, 2}};
	struct cxms_window_cfg walks = host, told = host;
	(void)state;
	walks.width = told.width = 8;
	walks.split = told.split = walks.fetch_lines = told.fetch_lines = true;
	walks.l1i_ps = told.l1i_ps = 1000; /* the next line comes with the next group */
	walks.without = CXMS_WP_UNITS;
	told.without = CXMS_WP_UNITS | CXMS_WP_WALK;
	double at_once = restarted_cyc(&told, 0);
	assert_true(at_once >= 9 && at_once < 9.25);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		double late = restarted_cyc(&walks, rows[i].before) -
			      restarted_cyc(&told, rows[i].before);
		if (fabs(late - rows[i].late) > 0.25)
			fail_msg("%u uops before it: %g cycles late", rows[i].before, late);
	}
}

/* Cycles more of a run with a branch in its middle, if that is mispredicted; @n nops of eight bytes
 * before it. */
static double taken_wrong_cyc(const struct cxms_window_cfg *cfg, unsigned n)
{
	enum { NOP = 8 };
	static const uint8_t nop[NOP] = {0x0f, 0x1f, 0x84};
	static const uint8_t branch[] = {0x39, 0xcb, 0x75, 0x00, 0x90};
	uint8_t bytes[16 * NOP], len[16];
	struct cxms_code_exit exit = {(uint16_t)(n + 1), 0, CXMS_XX_COND};
	const struct cxms_xevent wrong = {.kind = CXMS_XE_MISP, .index = 0};
	for (unsigned i = 0; i < n; i++) {
		memcpy(bytes + i * NOP, nop, NOP);
		len[i] = NOP;
	}
	memcpy(bytes + (size_t)n * NOP, branch, sizeof(branch));
	len[n] = len[n + 1] = 2;
	len[n + 2] = 1;
	struct cxms_block b = code_by_rule(true, bytes, len, n + 3, NULL, 0, &exit, 1);
	double cyc = steady_cyc(cfg, &b, &wrong, 1, 0) - steady_cyc(cfg, &b, NULL, 0, 0);
	cxms_block_fini(&b);
	return cyc;
}

/* What ran in error was fetched about the branch: where that is more than a line, the right one has
 * to come again. */
static void test_the_line_behind_a_mispredicted_branch_comes_again(void **state)
{
	struct cxms_window_cfg near = host, far = host;
	(void)state;
	near.split = far.split = near.fetch_lines = far.fetch_lines = true;
	near.without = far.without = CXMS_WP_WALK;
	far.l1i_ps = near.l1i_ps + 20 * CXMS_PS_PER_S / host.frequency_hz;
	double one = taken_wrong_cyc(&far, 1) - taken_wrong_cyc(&near, 1);
	double two = taken_wrong_cyc(&far, 10) - taken_wrong_cyc(&near, 10);
	assert_true(fabs(one) < 1);
	/* what its block waits for lines is spread over its uops: of that one is left out */
	assert_true(two > 17 && two < 21);
}

/* A loop over 128 bytes meets two or three lines a turn, each for the L1I's latency less what hides
 * it: 14 cycles more of one are 14 more of the other. */
static void test_lines_come_with_the_latency_of_the_l1i(void **state)
{
	enum { INSNS = 16, BYTES = 8 };
	static const uint8_t nop[BYTES] = {0x0f, 0x1f, 0x84};
	uint8_t bytes[INSNS * BYTES], len[INSNS];
	struct cxms_window_cfg near = host, far = host;
	(void)state;
	for (size_t i = 0; i < INSNS; i++) {
		memcpy(bytes + i * BYTES, nop, BYTES);
		len[i] = BYTES;
	}
	struct cxms_block b = code_of(bytes, len, INSNS, NULL, 0, NULL, 0);
	near.fetch_lines = far.fetch_lines = true;
	far.l1i_ps = near.l1i_ps + 14 * CXMS_PS_PER_S / host.frequency_hz;
	double more = steady_cyc(&far, &b, NULL, 0, 0) - steady_cyc(&near, &b, NULL, 0, 0);
	print_message("%g cycles more a turn\n", more);
	assert_true(more > 14 * 2 - 1 && more < 14 * 3 + 1);
	near.fetch_lines = far.fetch_lines = false;
	assert_true(steady_cyc(&far, &b, NULL, 0, 0) <= steady_cyc(&near, &b, NULL, 0, 0));
	cxms_block_fini(&b);
}

/*
 * Where uops are split, loads hold an entry of the scheduler until their data is there: misses that
 * nothing depends on are as many as the scheduler has entries. Else only their registers bound
 * them.
 */
static void test_loads_hold_the_scheduler_when_split(void **state)
{
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block b = code_of(gather, len, 1, &load, 1, NULL, 0);
	struct cxms_window_cfg c = host;
	(void)state;
	c.scheduler = 5;
	double fused = steady_cyc(&c, &b, &from_memory, 1, 1);
	c.split = true;
	double split = steady_cyc(&c, &b, &from_memory, 1, 1);
	assert_true(fabs(fused / (300.0 / 8) - 1) < 0.03);
	assert_true(fabs(split / (300.0 / 5) - 1) < 0.05);
	cxms_block_fini(&b);
}

/* A line of @words words read one after another, the first of which misses; each line by itself. */
static double line_cyc(bool split, uint32_t words, bool after_string)
{
	static const uint8_t stosb[] = {0xf3, 0xaa}, string_len = 2;
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3}, store = {0, CXMS_XA_STORE, 0};
	struct cxms_block b = code_of(gather, len, 1, &load, 1, NULL, 0);
	const struct cxms_xevent use = {.kind = CXMS_XE_USE, .back = 1};
	struct cxms_block string = code_by_rule(true, stosb, &string_len, 1, &store, 1, NULL, 0);
	struct cxms_window_cfg c = host;
	c.split = split;
	c.scheduler = 128;
	struct cxms_window *w = window_of(&c, 2);
	if (after_string)
		run(w, &string, NULL, 0);
	for (unsigned line = 0; line < 200; line++)
		for (uint32_t i = 0; i < words; i++)
			run(w, &b, i == 0 ? &from_memory : &use, 1);
	double out = time_cyc(w, 1) / 200;
	cxms_window_free(w);
	cxms_block_fini(&b);
	cxms_block_fini(&string);
	return out;
}

/*
 * A queue of 64 loads spans four lines of 16 words. Where uops are split the sixteenth access that
 * waits for a line closes the first level until it has come: lines come one by one. With 15 words
 * they overlap as in other cores.
 */
static void test_sixteen_waiters_close_the_first_level_when_split(void **state)
{
	(void)state;
	assert_true(line_cyc(false, 16, false) < 300 / 3.5);
	for (int string = 0; string < 2; string++) { /* one that has run changes nothing */
		double cyc = line_cyc(true, 16, string);
		assert_true(cyc > 300 && cyc < 315);
	}
	assert_true(line_cyc(true, 15, false) < 300 / 3.5);
}

/* Stores leave behind retirement: rare ones cost nothing, many wait for the miss registers. */
static void test_stores_hide_until_the_queue_is_full(void **state)
{
	static const uint8_t store[] = {0x48, 0x89, 0x19}; /* mov [rcx], rbx */
	const uint8_t len[] = {3};
	struct cxms_code_access access = {0, CXMS_XA_STORE, 3};
	struct cxms_block s = code_of(store, len, 1, &access, 1, NULL, 0);
	struct cxms_block work = code_of(nops, ones, 8, NULL, 0, NULL, 0);
	struct cxms_window *w = window_of(&host, 1);
	(void)state;
	assert_true(fabs(steady_cyc(&host, &s, &from_memory, 1, 0) / (200.0 / 8) - 1) < 0.02);
	for (int i = 0; i < 100; i++) {
		run(w, &s, &from_memory, 1);
		for (int j = 0; j < 100; j++)
			run(w, &work, NULL, 0);
	}
	assert_true(time_cyc(w, 0) < 1.01 * 100 * (1 + 800) / 4 + 20);
	cxms_window_free(w);
	cxms_block_fini(&s);
	cxms_block_fini(&work);
}

/* Two misses to memory with a fence between: one after the other where the fence orders them, else
 * as many at a time as there are miss registers. */
static void test_fences_part_what_they_order(void **state)
{
	/* mov [rcx], rbx or mov rbx, [rcx]; fence; mov rbx, [rcx] */
	static const struct {
		uint8_t fence;
		bool stores;
		double want_cyc;
		const char *why;
	} rows[] = {
		{0xf0, true, 400, "mfence: the load waits for the store"},
		{0xf0, false, 200, "mfence: for the load, and the next round's first goes with it"},
		{0xe8, false, 200, "lfence: the same"},
		{0xe8, true, 200, "lfence: not for the store"},
		{0xf8, true, 400.0 / 8, "sfence: for nothing"},
		{0xf8, false, 400.0 / 8, "sfence: for nothing"},
	};
	const uint8_t len[] = {3, 3, 3};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const uint8_t first = rows[i].stores ? 0x89 : 0x8b;
		const uint8_t bytes[] = {0x48,		first, 0x19, 0x0f, 0xae,
					 rows[i].fence, 0x48,  0x8b, 0x19};
		struct cxms_code_access a[] = {
			{0, rows[i].stores ? CXMS_XA_STORE : CXMS_XA_LOAD, 3},
			{2, CXMS_XA_LOAD, 3}};
		const struct cxms_xevent e[] = {{.kind = CXMS_XE_MEM, .line = 9},
						{.kind = CXMS_XE_MEM, .index = 1, .line = 10}};
		struct cxms_block b = code_of(bytes, len, 3, a, 2, NULL, 0);
		double got = steady_cyc(&host, &b, e, 2, 0);
		/* each miss has some cycles of the pipeline before and behind it: under 15; a
		 * load may begin when registers are free that stores before it take later */
		if (got < 0.8 * rows[i].want_cyc || got > 1.02 * rows[i].want_cyc + 30)
			fail_msg("%s: %g cycles a round, expected %g", rows[i].why, got,
				 rows[i].want_cyc);
		cxms_block_fini(&b);
	}
}

/* A locked operation begins when all before it is done: a miss, whatever register it goes to. */
static void test_locked_operations_wait_for_older_misses(void **state)
{
	/* mov rbx, [rcx]; lock add [rdx], rax */
	static const uint8_t bytes[] = {0x48, 0x8b, 0x19, 0xf0, 0x48, 0x01, 0x02};
	const uint8_t len[] = {3, 4};
	struct cxms_code_access a[] = {
		{0, CXMS_XA_LOAD, 3}, {1, CXMS_XA_LOAD, 3}, {1, CXMS_XA_STORE, 3}};
	struct cxms_block b = code_of(bytes, len, 2, a, 3, NULL, 0);
	double got = steady_cyc(&host, &b, &from_memory, 1, 0);
	(void)state;
	assert_true(got >= 200 && got < 230);
	cxms_block_fini(&b);
}

/* Whichever element of a gather misses, who reads the result waits for it. */
static void test_a_gather_waits_for_all_its_elements(void **state)
{
	/* vpgatherdd ymm0, [rax + 4 ymm1], ymm2; vmovd eax, xmm0 */
	static const uint8_t bytes[] = {0xc4, 0xe2, 0x6d, 0x90, 0x04, 0x88, 0xc5, 0xf9, 0x7e, 0xc0};
	const uint8_t len[] = {6, 4};
	struct cxms_code_access a[8];
	(void)state;
	for (int i = 0; i < 8; i++)
		a[i] = (struct cxms_code_access){0, CXMS_XA_LOAD, 2};
	for (int split = 0; split < 2; split++) {
		struct cxms_block b = code_by_rule(split, bytes, len, 2, a, 8, NULL, 0);
		for (uint32_t i = 0; i < 8; i++) {
			const struct cxms_xevent e = {.kind = CXMS_XE_MEM, .index = i, .line = 9};
			double got = steady_cyc(&host, &b, &e, 1, 0);
			/* and the uops that join and move it */
			if (got < 200 || got > 220)
				fail_msg("element %u misses: %g cycles a round", i, got);
		}
		cxms_block_fini(&b);
	}
}

/* Bytes or words, a rep instruction moves its pieces; what compares goes element by element, and so
 * do words where uops are split. */
static void test_strings_move_in_pieces(void **state)
{
	static const uint8_t stosb[] = {0xf3, 0xaa}, stosq[] = {0xf3, 0x48, 0xab},
			     movsb[] = {0xf3, 0xa4}, scasb[] = {0xf2, 0xae}, once[] = {0xaa};
	static const struct cxms_code_access store = {0, CXMS_XA_STORE, 0},
					     load = {0, CXMS_XA_LOAD, 0};
	const struct {
		const uint8_t *bytes;
		uint8_t len;
		struct cxms_code_access access[2];
		size_t n_access;
		unsigned want[2]; /* rounds of a piece, fused and split */
	} rows[] = {{stosb, 2, {store}, 1, {32, 32}},
		    {stosq, 3, {store}, 1, {4, 1}},
		    {movsb, 2, {load, store}, 2, {32, 32}},
		    {scasb, 2, {load}, 1, {1, 1}},
		    {once, 1, {store}, 1, {1, 1}}};
	(void)state;
	for (size_t which = 0; which < 2 * sizeof(rows) / sizeof(rows[0]); which++) {
		size_t i = which / 2;
		unsigned rounds = rows[i].want[which % 2];
		struct cxms_code_access access[2] = {rows[i].access[0], rows[i].access[1]};
		struct cxms_block s = code_by_rule(which % 2, rows[i].bytes, &rows[i].len, 1,
						   access, rows[i].n_access, NULL, 0);
		struct cxms_window *w = window_of(&host, 1);
		const struct cxms_window_counts *c = cxms_window_counts(w);
		for (int k = 0; k < 3200; k++)
			run(w, &s, NULL, 0);
		assert_int_equal(c->insns, 3200);
		assert_int_equal(c->uops, (uint64_t)s.n_uop * 3200 / rounds);
		for (int k = 0; k < 10; k++) /* no round that misses is passed over */
			run(w, &s, &from_l2, 1);
		assert_int_equal(c->uops, (uint64_t)s.n_uop * (3200 / rounds + 10));
		cxms_window_free(w);
		cxms_block_fini(&s);
	}
}

/* A string ends with a round that stores nothing: who counts stores back does not count it. @split,
 * @size: of the cracking rule and of the string's instruction. */
static void end_of_a_string(bool split, const uint8_t *string, uint8_t size)
{
	/* mov rbx,[rbx]; mov [rdx],rbx | rep stos | mov rbx,[rdx] */
	static const uint8_t before[] = {0x48, 0x8b, 0x1b, 0x48, 0x89, 0x1a},
			     after[] = {0x48, 0x8b, 0x1a};
	static const uint8_t len[] = {3, 3};
	struct cxms_code_access a[] = {{0, CXMS_XA_LOAD, 3}, {1, CXMS_XA_STORE, 3}},
				store = {0, CXMS_XA_STORE, 0};
	struct cxms_code_exit end = {0, 0, CXMS_XX_OTHER};
	const struct cxms_xevent from_string = {.kind = CXMS_XE_FWD, .back = 41};
	struct cxms_block b = code_by_rule(split, before, len, 2, a, 2, NULL, 0),
			  s = code_by_rule(split, string, &size, 1, &store, 1, &end, 1),
			  l = code_by_rule(split, after, len, 1, a, 1, NULL, 0);
	const struct cxms_xrun left = {.block = &s, .exit = 0};
	struct cxms_window *w = window_of(&host, 1);
	for (int k = 0; k < 100; k++) {
		run(w, &b, &from_memory, 1);
		for (int round = 0; round < 40; round++)
			run(w, &s, NULL, 0);
		cxms_window_run(w, &left, 1);
		run(w, &l, &from_string, 1);
	}
	/* the value goes through memory, a store and a load in each turn */
	assert_true(time_cyc(w, 0) >= 100 * 200);
	cxms_window_free(w);
	cxms_block_fini(&b);
	cxms_block_fini(&s);
	cxms_block_fini(&l);
}

static void test_the_end_of_a_string_is_no_store(void **state)
{
	static const uint8_t stosb[] = {0xf3, 0xaa}, stosq[] = {0xf3, 0x48, 0xab};
	(void)state;
	end_of_a_string(false, stosb, 2);
	end_of_a_string(true, stosb, 2);
	end_of_a_string(true, stosq, 3);
}

static struct cxms_xevent random_event(struct cxms_rng *r)
{
	static const uint8_t kinds[] = {CXMS_XE_MEM, CXMS_XE_MEM,   CXMS_XE_LLC,    CXMS_XE_L2,
					CXMS_XE_USE, CXMS_XE_L2USE, CXMS_XE_LLCUSE, CXMS_XE_PF};
	struct cxms_xevent e = {.kind = kinds[cxms_rng_below(r, 8)],
				.into = CXMS_XL_L2,
				.from = CXMS_XL_MEM,
				.back = (uint32_t)(1 + cxms_rng_below(r, 16)),
				.line = cxms_rng_below(r, 1000)};
	return e;
}

/* A lane does not see the others; a slower memory is never faster by more than what the order of
 * requests at the miss registers can give. */
static void test_lanes_stand_alone_and_grow_with_latency(void **state)
{
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block code[3] = {code_of(chase, len, 1, &load, 1, NULL, 0),
				     code_of(gather, len, 1, &load, 1, NULL, 0),
				     code_of(nops, ones, 8, NULL, 0, NULL, 0)};
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct cxms_window *alone = window_of(&host, 1),
				   *many = window_of(&host, CXMS_LANES);
		struct cxms_rng r;
		cxms_rng_init(&r, seed);
		for (int i = 0; i < 3000; i++) {
			unsigned which = (unsigned)cxms_rng_below(&r, 3);
			struct cxms_xevent e = random_event(&r);
			size_t n = which < 2 && cxms_rng_below(&r, 3) == 0;
			run(alone, &code[which], &e, n);
			run(many, &code[which], &e, n);
		}
		assert_true(time_cyc(alone, 0) == time_cyc(many, 0));
		for (unsigned l = 1; l < CXMS_LANES; l++)
			if (time_cyc(many, l) < 0.995 * time_cyc(many, l - 1))
				fail_msg("seed %llu: lane %u takes %g, the faster lane %g",
					 (unsigned long long)seed, l, time_cyc(many, l),
					 time_cyc(many, l - 1));
		cxms_window_free(alone);
		cxms_window_free(many);
	}
	for (int i = 0; i < 3; i++)
		cxms_block_fini(&code[i]);
}

/* Cycles of 30 runs of @b and 4000 uops of other work after them. */
static double burst_cyc(const struct cxms_window_cfg *cfg, const struct cxms_block *b)
{
	struct cxms_block work = code_of(nops, ones, 8, NULL, 0, NULL, 0);
	struct cxms_window *w = window_of(cfg, 2);
	double first = 0;
	for (int i = 0; i < 11; i++) {
		for (int k = 0; k < 30; k++)
			run(w, b, &from_memory, 1);
		for (int k = 0; k < 500; k++)
			run(w, &work, NULL, 0);
		first = i == 0 ? time_cyc(w, 1) : first;
	}
	double out = (time_cyc(w, 1) - first) / 10;
	cxms_window_free(w);
	cxms_block_fini(&work);
	return out;
}

/* Three moves wait for each miss: so many misses are in flight as the scheduler has room for their
 * moves, whether it holds few or many. The second half of a burst waits for the
 * first, not more. */
static void test_the_scheduler_bounds_what_waits(void **state)
{
	/* mov rbx, [rcx]; three times mov rdx, rbx */
	static const uint8_t bytes[] = {0x48, 0x8b, 0x19, 0x48, 0x89, 0xda,
					0x48, 0x89, 0xda, 0x48, 0x89, 0xda};
	static const uint32_t sizes[] = {6, 12, 48, 96, 219, 600};
	const uint8_t len[] = {3, 3, 3, 3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block b = code_of(bytes, len, 4, &load, 1, NULL, 0);
	struct cxms_window_cfg cfg = host;
	cfg.rob = 4000;
	cfg.load_queue = 1000;
	cfg.l1d_mshrs = cfg.l2_mshrs = 1000;
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		cfg.scheduler = sizes[i];
		double got = steady_cyc(&cfg, &b, &from_memory, 1, 1);
		/* 150 ns at 2 GHz, or as fast as the width allows; 3 %: a cycle is a step */
		double want = fmax(300.0 / (sizes[i] / 3.0), 1);
		if (fabs(got / want - 1) > 0.03)
			fail_msg("scheduler of %u: %g cycles a block, not %g", sizes[i], got, want);
	}
	cfg.scheduler = 48;
	double burst = burst_cyc(&cfg, &b);
	assert_true(fabs(burst / (300 + (30 * 4 + 500 * 8) / 4.0) - 1) < 0.02);
	cxms_block_fini(&b);
}

/* What the processor has of vectors changes no time. */
static void test_both_sets_of_instructions_give_the_same_times(void **state)
{
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block code[3] = {code_of(chase, len, 1, &load, 1, NULL, 0),
				     code_of(gather, len, 1, &load, 1, NULL, 0),
				     code_of(nops, ones, 8, NULL, 0, NULL, 0)};
	(void)state;
#ifdef __x86_64__
	if (!__builtin_cpu_supports("avx2"))
		skip();
#endif
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct cxms_window *w[2] = {window_of(&host, 5), window_of(&host, 5)};
		struct cxms_rng r;
		cxms_rng_init(&r, seed);
		w[0]->run = cxms_window_run_plain;
		w[1]->run = cxms_window_run_avx2;
		for (int i = 0; i < 3000; i++) {
			unsigned which = (unsigned)cxms_rng_below(&r, 3);
			struct cxms_xevent e = random_event(&r);
			size_t n = which < 2 && cxms_rng_below(&r, 3) == 0;
			run(w[0], &code[which], &e, n);
			run(w[1], &code[which], &e, n);
		}
		for (unsigned l = 0; l < 5; l++) {
			struct cxms_window_lane a, b;
			cxms_window_lane(w[0], l, &a);
			cxms_window_lane(w[1], l, &b);
			assert_memory_equal(&a, &b, sizeof(a));
		}
		cxms_window_free(w[0]);
		cxms_window_free(w[1]);
	}
	for (int i = 0; i < 3; i++)
		cxms_block_fini(&code[i]);
}

/* Fused uops of lea, add, imul and nops, over and over, which hang on each other and on a load. */
static const uint8_t sums[] = {0x48, 0x8b, 0x19,	/* mov rbx, [rcx] */
			       0x48, 0x8d, 0x42, 0x08,	/* lea rax, [rdx+8] */
			       0x48, 0x01, 0xd8,	/* add rax, rbx */
			       0x48, 0x0f, 0xaf, 0xd0,	/* imul rdx, rax */
			       0x90,			/* nop */
			       0x48, 0x8d, 0x0c, 0x11,	/* lea rcx, [rcx+rdx] */
			       0x48, 0x83, 0xc6, 0x01}; /* add rsi, 1 */
static const uint8_t sums_len[] = {3, 4, 3, 4, 1, 4, 4};
#define SUMS 7

/* A core whose buffers end anywhere in a block, and whose scheduler fills. */
static struct cxms_window_cfg odd_host(void)
{
	struct cxms_window_cfg cfg = host;
	cfg.width = 3;
	cfg.rob = 37;
	cfg.scheduler = 11;
	return cfg;
}

/* The short way through the window, which simple uops take, is no other than that of all. */
static void test_simple_uops_take_as_long_as_looked_at_closely(void **state)
{
	const struct cxms_window_cfg cfg = odd_host();
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block b = code_by_rule(false, sums, sums_len, SUMS, &load, 1, NULL, 0),
			  closely = code_by_rule(false, sums, sums_len, SUMS, &load, 1, NULL, 0);
	struct cxms_window *w[2] = {window_of(&cfg, 5), window_of(&cfg, 5)};
	struct cxms_rng r;
	uint32_t n_simple = 0;
	(void)state;
	for (uint32_t i = 0; i < closely.n_uop; i++) {
		n_simple += (closely.uop[i].flags & CXMS_UF_SIMPLE) != 0;
		closely.uop[i].flags &= (uint8_t)~CXMS_UF_SIMPLE;
	}
	assert_in_range(n_simple, 3, SUMS - 2); /* neither the load nor the product */
	cxms_rng_init(&r, 1);
	for (int i = 0; i < 3000; i++) {
		struct cxms_xevent e = random_event(&r);
		size_t n = cxms_rng_below(&r, 4) == 0;
		run(w[0], &b, &e, n);
		run(w[1], &closely, &e, n);
		for (unsigned l = 0; l < 5; l++)
			assert_true(time_cyc(w[0], l) == time_cyc(w[1], l));
	}
	for (int i = 0; i < 2; i++)
		cxms_window_free(w[i]);
	cxms_block_fini(&b);
	cxms_block_fini(&closely);
}

/* How code is cut into blocks is of no matter where lines are not fetched: not even where a block
 * is longer than the reorder buffer. */
static void test_blocks_of_any_length_take_the_same_time(void **state)
{
	const struct cxms_window_cfg cfg = odd_host();
	uint8_t many[8 * sizeof(sums)], many_len[8 * SUMS];
	struct cxms_code_access load[8];
	(void)state;
	for (size_t i = 0; i < 8; i++) {
		memcpy(many + i * sizeof(sums), sums, sizeof(sums));
		memcpy(many_len + i * SUMS, sums_len, SUMS);
		load[i] = (struct cxms_code_access){(uint16_t)(i * SUMS), CXMS_XA_LOAD, 3};
	}
	struct cxms_block whole = code_by_rule(false, many, many_len, 8 * SUMS, load, 8, NULL, 0),
			  part = code_by_rule(false, sums, sums_len, SUMS, load, 1, NULL, 0);
	struct cxms_window *a = window_of(&cfg, 2), *b = window_of(&cfg, 2);
	assert_int_equal(whole.n_uop, 8 * part.n_uop);
	assert_true(whole.n_uop > cfg.rob);
	for (int i = 0; i < 500; i++) {
		const struct cxms_xevent first = from_memory;
		run(a, &whole, &first, 1);
		run(b, &part, &first, 1);
		for (int k = 1; k < 8; k++)
			run(b, &part, NULL, 0);
		for (unsigned l = 0; l < 2; l++)
			assert_true(time_cyc(a, l) == time_cyc(b, l));
	}
	cxms_window_free(a);
	cxms_window_free(b);
	cxms_block_fini(&whole);
	cxms_block_fini(&part);
}

/* Times beyond the range of a tick counter: nothing changes when the base moves on. */
static void test_long_runs_keep_their_pace(void **state)
{
	const uint8_t len[] = {3};
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 3};
	struct cxms_block b = code_of(chase, len, 1, &load, 1, NULL, 0);
	struct cxms_window *w = window_of(&host, 1);
	(void)state;
	for (int i = 0; i < 200000; i++)
		run(w, &b, &from_memory, 1);
	double cyc = time_cyc(w, 0);
	assert_true(fabs(cyc / (200.0 * 200000) - 1) < 1e-3);
	cxms_window_free(w);
	cxms_block_fini(&b);
}

/* The base moves on while a mispredicted branch waits: what waits for the branch moves with it. */
static void test_long_waits_of_branches_count_once(void **state)
{
	/* jmp [rcx], behind a nop or none: the branch is the uop after the load's */
	static const uint8_t bytes[] = {0x90, 0xff, 0x21};
	const uint8_t len[] = {1, 2};
	const struct cxms_xevent e[] = {{.kind = CXMS_XE_MEM, .line = 3},
					{.kind = CXMS_XE_MISP, .index = 0}};
	const struct cxms_xmemory slow = {NULL, request_slow};
	(void)state;
	for (uint16_t nop = 0; nop < 2; nop++) {
		struct cxms_code_access load = {nop, CXMS_XA_LOAD, 3};
		struct cxms_code_exit exit = {nop, 1, CXMS_XX_INDIRECT};
		struct cxms_block b =
			code_of(bytes + 1 - nop, len + 1 - nop, nop + 1u, &load, 1, &exit, 1);
		struct cxms_window *w = NULL;
		assert_int_equal(cxms_window_new(&host, 1, &slow, &w, NULL), 0);
		for (int k = 0; k < 1000; k++)
			run(w, &b, e, 2);
		assert_true(fabs(time_cyc(w, 0) * CYC_PS / (1000.0 * SLOW_PS) - 1) < 1e-3);
		cxms_window_free(w);
		cxms_block_fini(&b);
	}
}

static void test_a_thread_that_slept_goes_on_later(void **state)
{
	struct cxms_block b = code_of(nops, ones, 8, NULL, 0, NULL, 0);
	struct cxms_window *w = window_of(&host, 2);
	(void)state;
	run(w, &b, NULL, 0);
	cxms_window_wait(w, 1, 5000000000);
	run(w, &b, NULL, 0);
	assert_true(time_cyc(w, 0) < 100);
	assert_true(time_cyc(w, 1) >= 1e7 && time_cyc(w, 1) < 1e7 + 100);
	cxms_window_free(w);
	cxms_block_fini(&b);
}

/* Half of a latency is queues, a quarter switches; a write waits in queues alone. */
static void request_parts(void *arg, unsigned lane, uint64_t line, enum cxms_xrequest kind,
			  uint64_t at_ps, struct cxms_xreply *out)
{
	request(arg, lane, line, kind, at_ps, out);
	out->queue_ps = out->latency_ps / 2;
	out->switch_ps = out->latency_ps / 4;
}

/* Whoever asks for a line first, and whatever has to wait for it: where latency makes a program
 * slower, the time is memory's. */
static void test_what_grows_with_latency_is_memory(void **state)
{
	/* mov rbx,[rcx] | mov [rcx],rbx | prefetcht0 [rcx] | mov [rcx],rbx; mfence | movnti */
	static const struct {
		uint8_t n_insn, len[2], bytes[7], access;
		size_t n_event;
		struct cxms_xevent event[2];
		bool in_queues;
		const char *why;
	} rows[] = {
		{1,
		 {3},
		 {0x48, 0x8b, 0x19},
		 CXMS_XA_LOAD,
		 1,
		 {{.kind = CXMS_XE_MEM}},
		 false,
		 "a load that misses"},
		{1,
		 {3},
		 {0x48, 0x8b, 0x19},
		 CXMS_XA_LOAD,
		 2,
		 {{.kind = CXMS_XE_USE, .back = 8},
		  {.kind = CXMS_XE_PF, .into = CXMS_XL_L1, .from = CXMS_XL_MEM}},
		 false,
		 "a load of what was prefetched into the L1D"},
		{1,
		 {3},
		 {0x48, 0x8b, 0x19},
		 CXMS_XA_LOAD,
		 2,
		 {{.kind = CXMS_XE_L2USE, .back = 15},
		  {.kind = CXMS_XE_PF, .into = CXMS_XL_L2, .from = CXMS_XL_MEM}},
		 false,
		 "a load of what was prefetched into the L2"},
		{1,
		 {3},
		 {0x48, 0x89, 0x19},
		 CXMS_XA_STORE,
		 1,
		 {{.kind = CXMS_XE_MEM}},
		 false,
		 "stores that fill their queue"},
		{2,
		 {3, 3},
		 {0x48, 0x89, 0x19, 0x0f, 0xae, 0xf0},
		 CXMS_XA_STORE,
		 1,
		 {{.kind = CXMS_XE_MEM}},
		 false,
		 "a fence behind a store"},
		{1,
		 {3},
		 {0x0f, 0x18, 0x09},
		 CXMS_XA_PREFETCH,
		 1,
		 {{.kind = CXMS_XE_MEM}},
		 false,
		 "software prefetches"},
		{1,
		 {4},
		 {0x48, 0x0f, 0xc3, 0x19},
		 CXMS_XA_NT_STORE,
		 1,
		 {{.kind = CXMS_XE_NT}},
		 true,
		 "non-temporal stores"},
	};
	const struct cxms_xmemory memory = {NULL, request_parts};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cxms_code_access a = {0, rows[i].access, 3};
		struct cxms_block b =
			code_of(rows[i].bytes, rows[i].len, rows[i].n_insn, &a, 1, NULL, 0);
		struct cxms_window *w = NULL;
		assert_int_equal(cxms_window_new(&host, 4, &memory, &w, NULL), 0);
		for (int k = 0; k < 5000; k++)
			run(w, &b, rows[i].event, rows[i].n_event);
		for (unsigned l = 1; l < 4; l++) {
			struct cxms_window_lane o;
			cxms_window_lane(w, l, &o);
			double all = (double)(o.cxl_ps + o.queue_ps + o.switch_ps);
			/* a few cycles of each miss are the core's */
			if (o.local_ps > 0 || all > (double)o.time_ps ||
			    all < 0.93 * (double)o.time_ps)
				fail_msg("%s, lane %u: %g of %g ps are memory's", rows[i].why, l,
					 all, (double)o.time_ps);
			double queue = rows[i].in_queues ? 1 : 0.5;
			assert_true(fabs((double)o.queue_ps / all - queue) < 0.01);
			assert_true(fabs((double)o.switch_ps / all - (1 - queue) / 2) < 0.01);
		}
		cxms_window_free(w);
		cxms_block_fini(&b);
	}
}

/* Stores that miss nothing but the L1D wait for no memory, whatever came before. */
static void test_stores_to_the_l2_do_not_wait_for_memory(void **state)
{
	static const uint8_t store[] = {0x48, 0x89, 0x19}; /* mov [rcx], rbx */
	const uint8_t len[] = {3};
	struct cxms_code_access access = {0, CXMS_XA_STORE, 3};
	struct cxms_block b = code_of(store, len, 1, &access, 1, NULL, 0);
	struct cxms_window *w = window_of(&host, 2);
	struct cxms_window_lane before, after;
	(void)state;
	run(w, &b, &from_memory, 1);
	for (int k = 0; k < 1000; k++)
		run(w, &b, &from_l2, 1);
	cxms_window_lane(w, 1, &before);
	for (int k = 0; k < 1000; k++)
		run(w, &b, &from_l2, 1);
	cxms_window_lane(w, 1, &after);
	assert_true(after.time_ps > before.time_ps + 500 * (uint64_t)CYC_PS);
	assert_int_equal(after.cxl_ps, before.cxl_ps);
	cxms_window_free(w);
	cxms_block_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dependent_loads_take_the_latency_each),
		cmocka_unit_test(test_independent_misses_share_the_miss_registers),
		cmocka_unit_test(test_page_walks_share_the_walkers),
		cmocka_unit_test(test_page_walks_hold_miss_registers),
		cmocka_unit_test(test_walks_and_registers_are_monotonic),
		cmocka_unit_test(test_stores_walk_too),
		cmocka_unit_test(test_the_load_queue_bounds_what_is_in_flight),
		cmocka_unit_test(test_work_runs_at_the_width),
		cmocka_unit_test(test_additions_take_their_latency),
		cmocka_unit_test(test_the_reorder_buffer_spans_misses),
		cmocka_unit_test(test_a_prefetch_in_time_hides_memory),
		cmocka_unit_test(test_software_prefetches_share_the_miss_registers),
		cmocka_unit_test(test_prefetches_take_the_registers_of_each_level),
		cmocka_unit_test(test_what_two_levels_prefetch_holds_registers_of_the_second),
		cmocka_unit_test(test_the_core_goes_before_prefetches_that_wait),
		cmocka_unit_test(test_prefetches_that_pile_up_stay_within_the_range),
		cmocka_unit_test(test_the_wrong_path_ends_with_the_reorder_buffer),
		cmocka_unit_test(test_the_wrong_path_shares_the_miss_registers),
		cmocka_unit_test(test_stores_that_did_not_happen_have_no_number),
		cmocka_unit_test(test_a_store_carries_a_value_to_its_load),
		cmocka_unit_test(test_a_mispredicted_branch_waits_for_its_miss),
		cmocka_unit_test(test_what_ran_behind_a_branch_is_walked_when_split),
		cmocka_unit_test(test_what_is_older_than_a_branch_is_not_walked),
		cmocka_unit_test(test_stages_that_were_blocked_start_one_after_another_when_split),
		cmocka_unit_test(test_the_line_behind_a_mispredicted_branch_comes_again),
		cmocka_unit_test(test_lines_come_with_the_latency_of_the_l1i),
		cmocka_unit_test(test_loads_hold_the_scheduler_when_split),
		cmocka_unit_test(test_sixteen_waiters_close_the_first_level_when_split),
		cmocka_unit_test(test_stores_hide_until_the_queue_is_full),
		cmocka_unit_test(test_fences_part_what_they_order),
		cmocka_unit_test(test_locked_operations_wait_for_older_misses),
		cmocka_unit_test(test_a_gather_waits_for_all_its_elements),
		cmocka_unit_test(test_strings_move_in_pieces),
		cmocka_unit_test(test_the_end_of_a_string_is_no_store),
		cmocka_unit_test(test_lanes_stand_alone_and_grow_with_latency),
		cmocka_unit_test(test_the_scheduler_bounds_what_waits),
		cmocka_unit_test(test_both_sets_of_instructions_give_the_same_times),
		cmocka_unit_test(test_simple_uops_take_as_long_as_looked_at_closely),
		cmocka_unit_test(test_blocks_of_any_length_take_the_same_time),
		cmocka_unit_test(test_long_runs_keep_their_pace),
		cmocka_unit_test(test_long_waits_of_branches_count_once),
		cmocka_unit_test(test_a_thread_that_slept_goes_on_later),
		cmocka_unit_test(test_what_grows_with_latency_is_memory),
		cmocka_unit_test(test_stores_to_the_l2_do_not_wait_for_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
