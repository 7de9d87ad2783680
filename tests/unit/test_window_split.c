/* What a window does only where uops are split: stores that leave one by one, a first level that is
 * closed, loads that learn to wait for stores. Against closed forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "base/units.h"
#include "core/window.h"

#define CYC_PS	500.0 /* 2 GHz */
#define FAR_CYC 200.0 /* 100 ns */
#define L1D_CYC 4.0
#define N_MSHR	8
#define AT_ONCE 30.0 /* cycles: a miss when eight are in flight, and a little */
#define KEPT	1000 /* stores after which store sets are forgotten */

static const struct cxms_window_cfg host = {.frequency_hz = 2000000000,
					    .width = 4,
					    .rob = 224,
					    .scheduler = 200,
					    .load_queue = 64,
					    .store_queue = 32,
					    .l1d_mshrs = N_MSHR,
					    .l2_mshrs = 24,
					    .split = true,
					    .has_l2 = true,
					    .l1i_ps = 2000,
					    .l1d_ps = 2000,
					    .l2_ps = 7000,
					    .llc_ps = 20000};

static const struct cxms_xevent from_memory = {.kind = CXMS_XE_MEM, .line = 77};

static void request(void *arg, unsigned lane, uint64_t line, enum cxms_xrequest kind,
		    uint64_t at_ps, struct cxms_xreply *out)
{
	(void)arg;
	(void)lane;
	(void)line;
	(void)kind;
	(void)at_ps;
	*out = (struct cxms_xreply){.latency_ps = 100000};
}

static struct cxms_window *window_of(const struct cxms_window_cfg *cfg)
{
	const struct cxms_xmemory memory = {NULL, request};
	struct cxms_window *w = NULL;
	assert_int_equal(cxms_window_new(cfg, 1, &memory, &w, NULL), 0);
	return w;
}

struct insn {
	uint8_t len, bytes[5];
	bool loads, stores;
};

static struct cxms_block code_by(bool split, const struct insn *in, size_t n)
{
	struct cxms_code_insn insn[64];
	struct cxms_code_access access[64];
	struct cxms_uops *u = NULL;
	struct cxms_block b = {0};
	struct cxms_code_block code = {.n_insn = n, .insn = insn, .access = access};
	uint64_t addr = 0x1000;
	for (size_t i = 0; i < n; i++) {
		insn[i] = (struct cxms_code_insn){addr, in[i].len, in[i].bytes};
		addr += in[i].len;
		if (in[i].loads)
			access[code.n_access++] =
				(struct cxms_code_access){(uint16_t)i, CXMS_XA_LOAD, 3};
		if (in[i].stores)
			access[code.n_access++] =
				(struct cxms_code_access){(uint16_t)i, CXMS_XA_STORE, 3};
	}
	assert_int_equal(cxms_uops_new(split, &u, NULL), 0);
	assert_int_equal(cxms_uops_block(u, &code, &b, NULL), 0);
	cxms_uops_free(u);
	return b;
}

static struct cxms_block code_of(const struct insn *in, size_t n)
{
	return code_by(true, in, n);
}

static void run(struct cxms_window *w, const struct cxms_block *b, const struct cxms_xevent *e,
		size_t n)
{
	const struct cxms_xrun r = {
		.block = b, .exit = b->n_exit, .n_event = (uint32_t)n, .event = e};
	cxms_window_run(w, &r, 1);
}

static double time_cyc(const struct cxms_window *w)
{
	struct cxms_window_lane l;
	cxms_window_lane(w, 0, &l);
	return (double)l.time_ps / CYC_PS;
}

/* Cycles that @n further runs take each. */
static double each_cyc(struct cxms_window *w, const struct cxms_block *b,
		       const struct cxms_xevent *e, size_t n_event, unsigned n)
{
	double before = time_cyc(w);
	for (unsigned i = 0; i < n; i++)
		run(w, b, e, n_event);
	return (time_cyc(w) - before) / n;
}

static double steady_cyc(const struct cxms_window_cfg *cfg, const struct cxms_block *b,
			 const struct cxms_xevent *e, size_t n)
{
	struct cxms_window *w = window_of(cfg);
	(void)each_cyc(w, b, e, n, 1000);
	double out = each_cyc(w, b, e, n, 1000);
	cxms_window_free(w);
	return out;
}

static const struct insn store = {.len = 3, .bytes = {0x48, 0x89, 0x19}, .stores = true};

/* In strict order the next store begins when the one before has its line; else misses overlap. */
static void test_stores_in_strict_order_leave_one_by_one(void **state)
{
	struct cxms_block b = code_of(&store, 1);
	struct cxms_window_cfg c = host;
	(void)state;
	double overlapping = steady_cyc(&c, &b, &from_memory, 1);
	assert_true(overlapping >= FAR_CYC / N_MSHR && overlapping < AT_ONCE);
	c.store_tso = true;
	double alone = steady_cyc(&c, &b, &from_memory, 1);
	assert_true(alone >= FAR_CYC && alone < FAR_CYC + 10);
	/* hits too: the answer takes an access less the cycle of its issue */
	double hits = steady_cyc(&c, &b, NULL, 0);
	assert_true(hits >= L1D_CYC - 1 && hits < L1D_CYC + 1);
	c.without = CXMS_WP_ONE_STORE;
	assert_true(steady_cyc(&c, &b, &from_memory, 1) < AT_ONCE);
	/* fused uops are those of hardware, which asks for ownership early */
	c.without = 0;
	c.split = false;
	assert_true(steady_cyc(&c, &b, &from_memory, 1) < AT_ONCE);
	cxms_block_fini(&b);
}

/* Misses take all registers; a hit behind them, and 40 products that need it, wait for the first.
 */
static void test_a_full_first_level_takes_no_hits(void **state)
{
	static const struct insn miss = {.len = 3, .bytes = {0x48, 0x8b, 0x19}, .loads = true};
	static const struct insn hit = {.len = 3, .bytes = {0x48, 0x8b, 0x02}, .loads = true};
	static const struct insn mul = {.len = 4, .bytes = {0x48, 0x0f, 0xaf, 0xc0}};
	struct insn in[41] = {hit};
	(void)state;
	for (int i = 1; i < 41; i++)
		in[i] = mul;
	struct cxms_block far = code_of(&miss, 1), work = code_of(in, 41);
	for (unsigned n = N_MSHR - 1; n <= N_MSHR; n++) {
		struct cxms_window *w = window_of(&host);
		for (unsigned i = 0; i < n; i++)
			run(w, &far, &from_memory, 1);
		run(w, &work, NULL, 0);
		double got = time_cyc(w), products = 40 * 4;
		if (n < N_MSHR)
			assert_true(got >= FAR_CYC && got < FAR_CYC + 40);
		else
			assert_true(got >= FAR_CYC + products && got < FAR_CYC + products + 40);
		cxms_window_free(w);
	}
	cxms_block_fini(&far);
	cxms_block_fini(&work);
}

/* Four registers at a level, and more prefetches into it than that: a miss finds one. */
static void test_prefetches_leave_registers_to_misses(void **state)
{
	static const struct insn load = {.len = 3, .bytes = {0x48, 0x8b, 0x19}, .loads = true};
	struct cxms_xevent e[7] = {from_memory};
	struct cxms_block b = code_of(&load, 1);
	(void)state;
	for (uint8_t into = CXMS_XL_L1; into <= CXMS_XL_L2; into++) {
		struct cxms_window_cfg c = host;
		for (unsigned i = 1; i < 7; i++)
			e[i] = (struct cxms_xevent){.kind = CXMS_XE_PF,
						    .line = 77 + i,
						    .into = into,
						    .from = CXMS_XL_MEM};
		c.l1d_mshrs = into == CXMS_XL_L1 ? 4 : 16;
		c.l2_mshrs = into == CXMS_XL_L2 ? 4 : 16;
		for (int part = 0; part < 2; part++) {
			c.without = part ? CXMS_WP_RESERVE : 0;
			struct cxms_window *w = window_of(&c);
			run(w, &b, e, 7);
			run(w, &b, &from_memory, 1);
			double got = time_cyc(w), want = part ? 2 * FAR_CYC : FAR_CYC;
			assert_true(got >= want && got < want + 20);
			cxms_window_free(w);
		}
	}
	cxms_block_fini(&b);
}

/* Misses of which sixteen and more wait for registers; each makes the first level ask for a line
 * that nobody uses. When two registers are free at once, two misses have them. Of any core. */
static void test_who_waits_goes_before_prefetches(void **state)
{
	static const struct insn load = {.len = 3, .bytes = {0x48, 0x8b, 0x19}, .loads = true};
	const struct cxms_xevent e[] = {
		from_memory,
		{.kind = CXMS_XE_PF, .line = 78, .into = CXMS_XL_L1, .from = CXMS_XL_MEM}};
	struct cxms_window_cfg c = host;
	(void)state;
	for (int split = 0; split < 2; split++) {
		struct cxms_block b = code_by(split, &load, 1);
		c.split = split;
		double got = steady_cyc(&c, &b, e, 2), least = FAR_CYC / N_MSHR;
		assert_true(got >= 0.99 * least && got < 1.05 * least);
		cxms_block_fini(&b);
	}
}

/* Four registers, a miss and fifteen prefetches behind it; nothing is asked for in the next time of
 * the miss. Then a load comes to the last line: four requests are over, and four more on their way,
 * when it asks for its line itself. */
static void test_prefetches_that_waited_long_hold_registers(void **state)
{
	static const struct insn load = {.len = 3, .bytes = {0x48, 0x8b, 0x19}, .loads = true};
	static const struct cxms_xevent use = {.kind = CXMS_XE_USE, .back = 1};
	struct cxms_xevent e[16] = {from_memory};
	struct cxms_window_cfg c = host;
	struct cxms_block b = code_by(false, &load, 1);
	(void)state;
	for (uint8_t i = 1; i < 16; i++)
		e[i] = (struct cxms_xevent){.kind = CXMS_XE_PF,
					    .line = 77 + i,
					    .into = CXMS_XL_L1,
					    .from = CXMS_XL_MEM};
	c.split = false;
	c.l1d_mshrs = 4;
	struct cxms_window *w = window_of(&c);
	run(w, &b, e, 16);
	for (int i = 0; i < 300; i++)
		run(w, &b, NULL, 0);
	run(w, &b, &use, 1);
	double got = time_cyc(w);
	assert_true(got >= 3 * FAR_CYC && got < 3 * FAR_CYC + 20);
	cxms_window_free(w);
	cxms_block_fini(&b);
}

/* One register of the first level; a load that waits for a line which a prefetch brings holds it
 * until that is there, and the next miss begins then. */
static void test_late_prefetches_hold_registers(void **state)
{
	static const struct insn load = {.len = 3, .bytes = {0x48, 0x8b, 0x19}, .loads = true};
	static const struct cxms_xevent asks = {
		.kind = CXMS_XE_PF, .line = 78, .into = CXMS_XL_L2, .from = CXMS_XL_MEM};
	static const struct cxms_xevent waits = {.kind = CXMS_XE_L2USE, .back = 1};
	struct cxms_window_cfg c = host;
	struct cxms_block b = code_of(&load, 1);
	(void)state;
	c.l1d_mshrs = 1;
	struct cxms_window *w = window_of(&c);
	run(w, &b, &asks, 1);
	run(w, &b, &waits, 1);
	run(w, &b, &from_memory, 1);
	double got = time_cyc(w);
	assert_true(got >= 2 * FAR_CYC && got < 2 * FAR_CYC + 20);
	cxms_window_free(w);
	cxms_block_fini(&b);
}

/* Two registers, both taken: a third miss waits, and what it makes the L2 prefetch is asked for
 * when it goes on; a load of that waits as long, and forty products for it. Of any core. */
static void test_prefetches_follow_their_miss(void **state)
{
	static const struct insn miss = {.len = 3, .bytes = {0x48, 0x8b, 0x19}, .loads = true};
	static const struct cxms_xevent from_l2 = {.kind = CXMS_XE_L2USE, .back = 1};
	const struct cxms_xevent third[] = {
		from_memory,
		{.kind = CXMS_XE_PF, .line = 78, .into = CXMS_XL_L2, .from = CXMS_XL_MEM}};
	struct cxms_window_cfg c = host;
	struct insn in[41] = {{.len = 3, .bytes = {0x48, 0x8b, 0x02}, .loads = true}};
	(void)state;
	for (int i = 1; i < 41; i++)
		in[i] = (struct insn){.len = 4, .bytes = {0x48, 0x0f, 0xaf, 0xc0}};
	c.l1d_mshrs = 2;
	for (int split = 0; split < 2; split++) {
		struct cxms_block far = code_by(split, &miss, 1), work = code_by(split, in, 41);
		c.split = split;
		struct cxms_window *w = window_of(&c);
		run(w, &far, &from_memory, 1);
		run(w, &far, &from_memory, 1);
		run(w, &far, third, 2);
		run(w, &work, &from_l2, 1);
		double got = time_cyc(w), least = 2 * FAR_CYC + 40 * 3;
		assert_true(got >= least && got < least + 80);
		cxms_window_free(w);
		cxms_block_fini(&far);
		cxms_block_fini(&work);
	}
}

/* Loads and stores that miss in turn share the registers, though stores leave later than loads
 * behind them begin. Of any core. */
static void test_loads_and_stores_share_registers(void **state)
{
	static const struct insn in[] = {
		{.len = 3, .bytes = {0x48, 0x8b, 0x19}, .loads = true},	 /* mov rbx, [rcx] */
		{.len = 3, .bytes = {0x48, 0x89, 0x11}, .stores = true}, /* mov [rcx], rdx */
		{.len = 3, .bytes = {0x48, 0x89, 0x11}, .stores = true},
		{.len = 3, .bytes = {0x48, 0x89, 0x11}, .stores = true},
	};
	struct cxms_xevent e[4];
	struct cxms_window_cfg c = host;
	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		e[i] = (struct cxms_xevent){.kind = CXMS_XE_MEM, .index = i, .line = 77};
	for (int split = 0; split < 2; split++) {
		struct cxms_block b = code_by(split, in, 4);
		c.split = split;
		double got = steady_cyc(&c, &b, e, 4), least = 4 * FAR_CYC / N_MSHR;
		assert_true(got >= 0.99 * least && got < 1.05 * least);
		cxms_block_fini(&b);
	}
}

/* A store behind a miss asks for its line when that has come; a load of the same line, behind it in
 * the program, asks for it before. Forty products wait for the load. Of any core. */
static void test_who_comes_first_asks_for_the_line(void **state)
{
	struct insn in[43] = {
		{.len = 3, .bytes = {0x48, 0x8b, 0x19}, .loads = true},	 /* mov rbx, [rcx] */
		{.len = 3, .bytes = {0x48, 0x89, 0x12}, .stores = true}, /* mov [rdx], rdx */
		{.len = 3, .bytes = {0x48, 0x8b, 0x02}, .loads = true},	 /* mov rax, [rdx] */
	};
	static const struct cxms_xevent e[] = {{.kind = CXMS_XE_MEM, .index = 0, .line = 77},
					       {.kind = CXMS_XE_MEM, .index = 1, .line = 78},
					       {.kind = CXMS_XE_USE, .index = 2, .back = 1}};
	(void)state;
	for (int i = 3; i < 43; i++)
		in[i] = (struct insn){.len = 4, .bytes = {0x48, 0x0f, 0xaf, 0xc0}};
	for (int split = 0; split < 2; split++) {
		struct cxms_block b = code_by(split, in, 43);
		struct cxms_window_cfg c = host;
		c.split = split;
		struct cxms_window *w = window_of(&c);
		run(w, &b, e, 3);
		double got = time_cyc(w), least = FAR_CYC + 40 * 3;
		assert_true(got >= least && got < least + 80);
		cxms_window_free(w);
		cxms_block_fini(&b);
	}
}

/* The L2 prefetches a line, and the first level the same: it has it when the L2 has, whether that
 * has begun or waits behind others for one of two registers. */
static void test_a_prefetch_waits_for_the_one_below(void **state)
{
	static const struct insn load = {.len = 3, .bytes = {0x48, 0x8b, 0x19}, .loads = true};
	const struct cxms_xevent asks[] = {
		{.kind = CXMS_XE_PF, .line = 76, .into = CXMS_XL_L2, .from = CXMS_XL_MEM},
		{.kind = CXMS_XE_PF, .line = 77, .into = CXMS_XL_L2, .from = CXMS_XL_MEM},
		{.kind = CXMS_XE_PF, .line = 78, .into = CXMS_XL_L2, .from = CXMS_XL_MEM},
		{.kind = CXMS_XE_PF, .line = 78, .into = CXMS_XL_L1, .from = CXMS_XL_L2}};
	static const struct cxms_xevent use = {.kind = CXMS_XE_USE, .back = 1};
	struct cxms_window_cfg c = host;
	struct cxms_block b = code_by(false, &load, 1);
	(void)state;
	c.split = false;
	for (c.l2_mshrs = 2; c.l2_mshrs <= 3; c.l2_mshrs++) {
		struct cxms_window *w = window_of(&c);
		run(w, &b, asks, 4);
		for (int i = 0; i < 400; i++) /* the load comes when the prefetch has begun */
			run(w, &b, NULL, 0);
		run(w, &b, &use, 1);
		double got = time_cyc(w), want = c.l2_mshrs == 2 ? 2 * FAR_CYC : FAR_CYC;
		assert_true(got >= want && got < want + 20);
		cxms_window_free(w);
	}
	cxms_block_fini(&b);
}

/* A core with two miss registers of the L2 has none for prefetches: two loads in turn and what the
 * first of them makes the L2 ask for. */
static void test_with_two_registers_nothing_is_prefetched(void **state)
{
	static const struct insn load = {.len = 3, .bytes = {0x48, 0x8b, 0x19}, .loads = true};
	const struct cxms_xevent e[] = {
		from_memory,
		{.kind = CXMS_XE_PF, .line = 78, .into = CXMS_XL_L2, .from = CXMS_XL_MEM},
		{.kind = CXMS_XE_PF, .line = 79, .into = CXMS_XL_L2, .from = CXMS_XL_MEM}};
	struct cxms_window_cfg c = host;
	struct cxms_block b = code_of(&load, 1);
	(void)state;
	for (c.l2_mshrs = 1; c.l2_mshrs <= 2; c.l2_mshrs++) {
		double got = steady_cyc(&c, &b, e, 3), want = FAR_CYC / c.l2_mshrs;
		assert_true(got >= 0.99 * want && got < 1.01 * want);
	}
	cxms_block_fini(&b);
}

/* A load that ran before the store it reads waits from then on for the last store of that
 * instruction, whatever either's address: independent updates come one by one, until all is
 * forgotten. */
static void test_loads_learn_to_wait_for_stores(void **state)
{
	static const struct insn update[] = {
		{.len = 3, .bytes = {0x48, 0x8b, 0x19}, .loads = true},
		{.len = 3, .bytes = {0x48, 0x89, 0x19}, .stores = true},
	};
	struct cxms_block b = code_of(update, 2);
	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		struct cxms_xevent e[2] = {from_memory,
					   {.kind = kind ? CXMS_XE_NEAR : CXMS_XE_FWD, .back = 1}};
		struct cxms_window_cfg c = host;
		c.without = kind == 2 ? CXMS_WP_SETS : 0;
		struct cxms_window *w = window_of(&c);
		assert_true(each_cyc(w, &b, &from_memory, 1, 100) < AT_ONCE);
		run(w, &b, e, 2);
		double learnt = each_cyc(w, &b, &from_memory, 1, 300);
		if (kind == 2)
			assert_true(learnt < AT_ONCE);
		else
			assert_true(learnt >= FAR_CYC && learnt < FAR_CYC + 10);
		(void)each_cyc(w, &b, &from_memory, 1, KEPT);
		assert_true(each_cyc(w, &b, &from_memory, 1, KEPT) < AT_ONCE);
		cxms_window_free(w);
	}
	cxms_block_fini(&b);
}

/* A store to a line that is far away, and a load of it that waits for an address as long as the
 * store takes to execute: with what the store has it is done at once, with a part of it when the
 * line has come. Ten products need it. */
static void test_loads_of_recent_stores(void **state)
{
	struct insn in[32] = {store};
	const struct cxms_xevent far = {.kind = CXMS_XE_MEM, .line = 77};
	(void)state;
	for (int i = 1; i < 21; i++)
		in[i] = (struct insn){.len = 4, .bytes = {0x48, 0x0f, 0xaf, 0xd2}};
	in[21] = (struct insn){.len = 3, .bytes = {0x48, 0x8b, 0x02}, .loads = true};
	for (int i = 22; i < 32; i++)
		in[i] = (struct insn){.len = 4, .bytes = {0x48, 0x0f, 0xaf, 0xc0}};
	struct cxms_block b = code_of(in, 32);
	for (int part = 0; part < 2; part++) {
		struct cxms_xevent e[3] = {
			far,
			{.kind = CXMS_XE_USE, .index = 1, .back = 1},
			{.kind = part ? CXMS_XE_PART : CXMS_XE_FWD, .index = 1, .back = 1}};
		struct cxms_window *w = window_of(&host);
		run(w, &b, e, 3);
		double got = time_cyc(w), least = part ? FAR_CYC + 10 * 4 : 20 * 4 + 10 * 4;
		assert_true(got >= least && got < least + 40);
		cxms_window_free(w);
	}
	cxms_block_fini(&b);
}

/* What the store has when the load could begin teaches nothing: they are in order anyway. */
static void test_loads_after_their_store_learn_nothing(void **state)
{
	/* mov [rcx], rbx; mov rbx, [rcx] behind it by ten products of the address */
	struct insn in[12] = {store};
	struct cxms_xevent e = {.kind = CXMS_XE_FWD, .index = 1, .back = 1};
	(void)state;
	for (int i = 1; i < 11; i++)
		in[i] = (struct insn){.len = 4, .bytes = {0x48, 0x0f, 0xaf, 0xd2}};
	in[11] = (struct insn){.len = 3, .bytes = {0x48, 0x8b, 0x02}, .loads = true};
	struct cxms_block b = code_of(in, 12);
	struct cxms_window_cfg c = host;
	double with = steady_cyc(&c, &b, &e, 1);
	c.without = CXMS_WP_SETS;
	assert_true(with == steady_cyc(&c, &b, &e, 1));
	cxms_block_fini(&b);
}

/* Of 24 moves in a loop, eight a cycle could come, but only six have a unit. */
static void test_integers_have_six_units(void **state)
{
	struct insn in[24];
	struct cxms_window_cfg c = host;
	(void)state;
	for (int i = 0; i < 24; i++)
		in[i] = (struct insn){.len = 2, .bytes = {0x89, 0xe2}}; /* mov edx, esp */
	struct cxms_block b = code_of(in, 24);
	c.width = 8;
	c.fetch_lines = true;
	c.l1i_ps = 1000;
	double with = steady_cyc(&c, &b, NULL, 0);
	/* a tick, a 32nd of a cycle, is lost in rounding */
	assert_true(with >= 24 / 6.0 - 1.1 / 32 && with < 24 / 6.0 + 0.1);
	c.without = CXMS_WP_UNITS;
	assert_true(steady_cyc(&c, &b, NULL, 0) < 24 / 8.0 + 0.1);
	cxms_block_fini(&b);
}

/* Products and sums of any kind share four units, both halves of packed ones too. */
static void test_vector_registers_have_four_units(void **state)
{
	static const struct insn rows[][2] = {
		{{.len = 4, .bytes = {0xf2, 0x0f, 0x59, 0xc0}},	 /* mulsd xmm0, xmm0 */
		 {.len = 4, .bytes = {0xf2, 0x0f, 0x58, 0xc9}}}, /* addsd xmm1, xmm1 */
		{{.len = 4, .bytes = {0x66, 0x0f, 0xd4, 0xc0}},	 /* paddq xmm0, xmm0 */
		 {.len = 4, .bytes = {0x66, 0x0f, 0xd4, 0xc9}}}, /* paddq xmm1, xmm1 */
	};
	struct cxms_window_cfg c = host;
	(void)state;
	c.width = 16;
	for (unsigned row = 0; row < 2; row++) {
		struct insn in[16];
		unsigned n_uop = row ? 32 : 16;
		for (unsigned i = 0; i < 16; i++) { /* eight registers, each twice */
			in[i] = rows[row][i % 2];
			in[i].bytes[3] = (uint8_t)(in[i].bytes[3] + 0x12 * (i / 2 % 4));
		}
		struct cxms_block b = code_of(in, 16);
		double got = steady_cyc(&c, &b, NULL, 0);
		assert_true(got >= n_uop / 4.0 && got < n_uop / 4.0 + 0.1);
		cxms_block_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stores_in_strict_order_leave_one_by_one),
		cmocka_unit_test(test_a_full_first_level_takes_no_hits),
		cmocka_unit_test(test_prefetches_leave_registers_to_misses),
		cmocka_unit_test(test_who_waits_goes_before_prefetches),
		cmocka_unit_test(test_prefetches_that_waited_long_hold_registers),
		cmocka_unit_test(test_late_prefetches_hold_registers),
		cmocka_unit_test(test_prefetches_follow_their_miss),
		cmocka_unit_test(test_loads_and_stores_share_registers),
		cmocka_unit_test(test_who_comes_first_asks_for_the_line),
		cmocka_unit_test(test_a_prefetch_waits_for_the_one_below),
		cmocka_unit_test(test_with_two_registers_nothing_is_prefetched),
		cmocka_unit_test(test_loads_learn_to_wait_for_stores),
		cmocka_unit_test(test_loads_of_recent_stores),
		cmocka_unit_test(test_loads_after_their_store_learn_nothing),
		cmocka_unit_test(test_integers_have_six_units),
		cmocka_unit_test(test_vector_registers_have_four_units),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
