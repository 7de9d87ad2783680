/* Recordings of hardware samples and counters against closed forms. */
#include "play.h"

#include <math.h>
#include <stdio.h>

#include "base/rng.h"
#include "core/predict.h"
#include "sim/basis.h"
#include "sim/hw_events.h"
#include "sim/recording.h"

#define PID	  100u
#define ARRAY	  0x100000000000ull
#define BYTES	  (4096 * PLAY_MIB)
#define HZ	  3.0e9
#define MEM_NS	  100.0 /* of the synthetic machine, huge pages */
#define CXL_NS	  250.0
#define LLC_NS	  40.0
#define SAMPLES	  2000u
#define DURATION  1000u /* ms */
#define INTERVALS 20u	/* of the counters */
#define TOPOLOGY  PLAY_TOPO(100, 250)
#define NOT	  (-1.0)

static const double ends[] = {100, 50, 0};

enum { CYCLES, STALLS_L3, DEMAND, DEMAND_CYCLES, STORES, L1D, L2, L1_MISS, FB_HIT, PF_ANY, PF_L3 };
static const struct {
	const char *name;
	enum cxms_counter_unit unit;
} counters[] = {
	{"cycles:u", CXMS_COUNT_CYCLES},
	{"CYCLE_ACTIVITY.STALLS_L3_MISS", CXMS_COUNT_CYCLES},
	{"OFFCORE_REQUESTS:DEMAND_DATA_RD", CXMS_COUNT_LINES},
	{"cpu_core/offcore_requests_outstanding.cycles_with_demand_data_rd/", CXMS_COUNT_CYCLES},
	{"EXE_ACTIVITY:BOUND_ON_STORES", CXMS_COUNT_CYCLES},
	{"MEMORY_ACTIVITY:STALLS_L1D_MISS:u", CXMS_COUNT_CYCLES},
	{"CYCLE_ACTIVITY:STALLS_L2_MISS", CXMS_COUNT_CYCLES},
	{"MEM_LOAD_RETIRED:L1_MISS", CXMS_COUNT_EVENTS},
	{"MEM_LOAD_RETIRED:FB_HIT", CXMS_COUNT_EVENTS},
	{"OCR:HWPF_L1D_AND_SWPF:ANY_RESPONSE", CXMS_COUNT_EVENTS},
	{"OFFCORE_RESPONSE.PF_L1D_AND_SW.L3_HIT.ANY_SNOOP", CXMS_COUNT_EVENTS},
};

/* A program of one second, in totals; < 0 = not counted. */
struct program {
	double misses;		  /* loads that went to memory */
	double stalled, busy;	  /* shares of its cycles: stalls_l3, demand_rd_cycles */
	double hits;		  /* requests that the LLC served */
	double bound;		  /* share: bound_on_stores */
	double l1d, l2, fb, off;  /* shares: stalls, loads on fill buffers, prefetches off chip */
	bool per_thread, latency; /* counts carry the thread; accesses carry a latency */
	double running;		  /* share of the time each counter had a register; 0 = 1 */
};

static void put_counters(struct play *p)
{
	for (uint32_t i = 0; i < PLAY_COUNT(counters); i++) {
		struct cxms_event *ev = play_event(p, CXMS_EV_COUNTER, 0, 0, 0);
		ev->counter.id = i;
		ev->counter.name = counters[i].name;
		ev->counter.unit = (uint8_t)counters[i].unit;
		ev->counter.scope = CXMS_SCOPE_THREAD;
	}
}

static void put_count(struct play *p, const struct program *g, uint32_t counter, unsigned at,
		      double total)
{
	double running = g->running > 0 ? g->running : 1;
	uint64_t len = DURATION * PLAY_MS / INTERVALS;
	struct cxms_event *ev;
	if (total < 0)
		return;
	ev = play_event(p, CXMS_EV_COUNT, g->per_thread ? PID : 0, g->per_thread ? PID : 0,
			(at + 1) * len);
	ev->count.counter = counter;
	ev->count.enabled_ns = len;
	ev->count.running_ns = (uint64_t)(running * (double)len);
	ev->count.value = (uint64_t)llround(total / INTERVALS * running);
}

static double cycles_of(double share)
{
	return share < 0 ? NOT : share * HZ * DURATION / 1000;
}

static void put_counts(struct play *p, const struct program *g)
{
	for (unsigned i = 0; i < INTERVALS; i++) {
		put_count(p, g, CYCLES, i, g->stalled < 0 && g->busy < 0 ? NOT : cycles_of(1));
		put_count(p, g, STALLS_L3, i, cycles_of(g->stalled));
		put_count(p, g, DEMAND, i, g->busy < 0 ? NOT : g->misses + g->hits);
		put_count(p, g, DEMAND_CYCLES, i, cycles_of(g->busy));
		put_count(p, g, STORES, i, cycles_of(g->bound));
		put_count(p, g, L1D, i, cycles_of(g->l1d));
		put_count(p, g, L2, i, cycles_of(g->l2));
		put_count(p, g, L1_MISS, i, g->fb < 0 ? NOT : (1 - g->fb) * 1e6);
		put_count(p, g, FB_HIT, i, g->fb < 0 ? NOT : g->fb * 1e6);
		put_count(p, g, PF_ANY, i, g->off < 0 ? NOT : 1e6);
		put_count(p, g, PF_L3, i, g->off < 0 ? NOT : (1 - g->off) * 1e6);
	}
}

static void put_access(struct play *p, uint64_t time_ns, uint64_t addr, double period,
		       enum cxms_mem_what what, enum cxms_mem_level level)
{
	struct cxms_event *ev = play_event(p, CXMS_EV_MEM, PID, PID, time_ns);
	ev->mem.addr = addr;
	ev->mem.flags = CXMS_MEM_ADDR;
	ev->mem.period = (uint64_t)llround(period);
	ev->mem.site = CXMS_NO_SITE;
	ev->mem.what = (uint8_t)what;
	ev->mem.level = (uint8_t)level;
}

static void put_accesses(struct play *p, const struct program *g)
{
	for (uint64_t i = 0; i < SAMPLES; i++) {
		uint64_t at = (2 * i + 1) * DURATION * PLAY_MS / SAMPLES / 2;
		uint64_t addr = ARRAY + i * (BYTES / SAMPLES / 64 * 64);
		put_access(p, at, addr, g->misses / SAMPLES, CXMS_MEM_LLC_MISS,
			   CXMS_MEM_LOCAL_DRAM);
		if (g->latency) {
			put_access(p, at, addr, 1, CXMS_MEM_LOAD, CXMS_MEM_LOCAL_DRAM);
			p->ev[p->n - 1].mem.latency_cyc = (uint32_t)(MEM_NS * HZ / 1e9);
		}
		if (g->bound > 0)
			put_access(p, at, addr, 1000, CXMS_MEM_STORE, CXMS_MEM_UNKNOWN);
	}
}

static struct cxms_facts machine_facts(void)
{
	struct cxms_machine_cfg machine = {0};
	struct cxms_facts facts;
	cxms_machine_synthetic(&facts, &machine);
	facts.source_caps = CXMS_SRC_FAULTS | CXMS_SRC_MEM | CXMS_SRC_COUNTERS;
	facts.llc_latency_ps = (uint64_t)(LLC_NS * 1e3);
	facts.core_hz = (uint64_t)HZ;
	return facts;
}

static int record(const struct program *g, const struct cxms_facts *facts)
{
	struct play p = {0};
	play_fork(&p, PID, PID, 0, 0, 0);
	play_map(&p, PID, ARRAY, BYTES);
	play_area(&p, PID, ARRAY, BYTES, BYTES, BYTES);
	put_counters(&p);
	put_accesses(&p, g);
	put_counts(&p, g);
	play_run(&p, PID, PID, 0, DURATION * PLAY_MS);
	play_exit(&p, PID, PID, DURATION * PLAY_MS);
	return play_write_on(&p, true, facts);
}

static struct cxms_result *replay(const struct program *g, const struct cxms_facts *facts,
				  const char *yaml)
{
	const struct cxms_topo **topo = malloc(sizeof(*topo));
	assert_non_null(topo);
	*topo = play_topology(yaml);
	const struct cxms_replay_cfg cfg = {
		.topo = topo, .n_topo = 1, .split_pct = ends, .n_split = 3, .seed = 5};
	int fd = record(g, facts);
	struct cxms_result *r = play_replay(fd, &cfg);
	close(fd);
	return r;
}

static void release(struct cxms_result *r)
{
	const struct cxms_topo *const *topo = r->topo;
	cxms_result_free(r);
	cxms_topo_free((struct cxms_topo *)(uintptr_t)topo[0]);
	free((void *)(uintptr_t)topo);
}

/* Serial waits of 100 ns each take up the busy share of the second. */
static double waits_of(const struct program *g)
{
	return g->misses * MEM_NS / (g->misses * MEM_NS + g->hits * LLC_NS) * g->busy * 1e9 /
	       MEM_NS;
}

static const struct {
	struct program g;
	double tolerance; /* of the excess, at the middle */
	const char *why;
} forms[] = {
	{{.misses = 1e7, .stalled = 0.98, .busy = 1, .bound = NOT, .fb = NOT, .off = NOT},
	 0.03,
	 "chase: all time waits, one by one; work hides up to 2 % of each wait"},
	{{.misses = 4e7, .stalled = 0.48, .busy = 0.5, .bound = NOT, .fb = NOT, .off = NOT},
	 0.06,
	 "gather: eight at a time for half of it; 4 % of each wait hidden"},
	{{.misses = 2e6, .stalled = 0.2, .busy = 0.2, .bound = NOT, .fb = NOT, .off = NOT},
	 0.06,
	 "sparse misses between work: the model takes a few ns of each to be hidden"},
	{{.misses = 4e6,
	  .stalled = 0.4,
	  .busy = 0.8,
	  .hits = 1e7,
	  .bound = NOT,
	  .fb = NOT,
	  .off = NOT},
	 0.06,
	 "mixture: as much time on LLC hits as on memory"},
};

static void assert_form(const struct program *g, double tolerance, const char *why)
{
	struct cxms_facts facts = machine_facts();
	struct cxms_result *r = replay(g, &facts, TOPOLOGY);
	double want = 1 + waits_of(g) * (CXL_NS - MEM_NS) / 1e9;
	const struct cxms_split_result *half = &r->split[1], *far = &r->split[2];
	print_message("%s: want %g, got %g (%g .. %g)\n", why, want, far->slowdown,
		      far->slowdown_lo, far->slowdown_hi);
	assert_true(fabs((double)r->split[0].time_ns - DURATION * 1e6) < 1e3);
	assert_true(fabs(far->slowdown - want) < tolerance * (want - 1));
	assert_true(far->slowdown_lo <= want * (1 + 1e-6) && want <= far->slowdown_hi * (1 + 1e-6));
	/* pages by hash: half the misses, to within their number's binomial error */
	assert_true(fabs((half->slowdown - 1) / (far->slowdown - 1) - 0.5) <
		    3 * 0.5 / sqrt(SAMPLES));
	assert_true(far->slowdown_hi - far->slowdown_lo < 0.5 * (want - 1) + 0.1);
	release(r);
}

static void test_counted_programs_follow_the_closed_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(forms); i++)
		assert_form(&forms[i].g, forms[i].tolerance, forms[i].why);
}

static void test_how_it_was_counted_does_not_matter(void **state)
{
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(forms); i++) {
		struct program g = forms[i].g;
		g.per_thread = true;
		assert_form(&g, forms[i].tolerance, "counts of the thread");
		g.running = 0.25; /* shared a register with three others */
		assert_form(&g, forms[i].tolerance, "counted in turns");
		g.latency = true;
		assert_form(&g, forms[i].tolerance, "latencies sampled as well");
	}
}

static bool warns(const struct cxms_result *r, enum cxms_warn_code code)
{
	for (size_t i = 0; i < r->warnings.n; i++)
		if (r->warnings.list[i].code == code)
			return true;
	return false;
}

static void test_without_stall_counters_the_truth_is_between_the_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(forms); i++) {
		struct cxms_facts facts = machine_facts();
		struct program g = forms[i].g;
		double want = 1 + waits_of(&g) * (CXL_NS - MEM_NS) / 1e9;
		g.stalled = g.busy = NOT;
		struct cxms_result *r = replay(&g, &facts, TOPOLOGY);
		print_message("%s: %g in %g .. %g\n", forms[i].why, want, r->split[2].slowdown_lo,
			      r->split[2].slowdown_hi);
		assert_true(r->split[2].slowdown_lo <= want && want <= r->split[2].slowdown_hi);
		assert_true(r->split[0].slowdown == 1);
		assert_true(warns(r, CXMS_W_NO_STALLS));
		release(r);
	}
}

static void test_a_result_says_how_it_was_counted(void **state)
{
	struct cxms_facts facts = machine_facts();
	struct program g = forms[0].g;
	(void)state;
	struct cxms_result *r = replay(&g, &facts, TOPOLOGY);
	assert_true(warns(r, CXMS_W_UNCALIBRATED));
	assert_false(warns(r, CXMS_W_NO_STALLS) || warns(r, CXMS_W_IN_TURNS));
	release(r);
	g.running = 0.25;
	r = replay(&g, &facts, TOPOLOGY);
	assert_true(warns(r, CXMS_W_IN_TURNS));
	release(r);
}

static void test_an_import_without_latency_takes_that_of_its_loads(void **state)
{
	struct cxms_facts facts = machine_facts();
	struct program g = forms[0].g;
	(void)state;
	facts.mem_latency_ps = facts.walk_ps = 0;
	g.latency = true;
	struct cxms_result *r = replay(&g, &facts, TOPOLOGY);
	assert_true(fabs(r->basis.mem_latency_ns - MEM_NS) < 1e-6);
	assert_true(fabs(r->split[2].slowdown - 2.5) < 0.05);
	release(r);
}

/* Added latency as calibrated, nothing to queue for: the predictor's own figure comes out. */
static void test_a_calibrated_machine_gets_the_predictors_figure(void **state)
{
	static const struct cxms_predictor predictor = {.a = 20,
							.b = 0.6,
							.d = 0.01,
							.cache = 2,
							.cache_offset = 0.005,
							.store = 0.5,
							.store_offset = -0.01,
							.added_ps = (CXL_NS - MEM_NS) * 1e3,
							.residual = {0.02, 0.01, 0.01},
							.points = {8, 4, 4}};
	struct program g = {.misses = 4e6,
			    .stalled = 0.3,
			    .busy = 0.5,
			    .bound = 0.1,
			    .l1d = 0.45,
			    .l2 = 0.35,
			    .fb = 0.5,
			    .off = 0.8,
			    .per_thread = true};
	const struct cxms_counts c = {.cycles = HZ,
				      .stalls_l3 = 0.3 * HZ,
				      .demand_rd = 4e6,
				      .demand_rd_cycles = 0.5 * HZ,
				      .stalls_l1d = 0.45 * HZ,
				      .stalls_l2 = 0.35 * HZ,
				      .l1_miss = 5e5,
				      .fb_hit = 5e5,
				      .pf_any = 1e6,
				      .pf_l3_hit = 2e5,
				      .bound_on_stores = 0.1 * HZ};
	struct cxms_facts facts = machine_facts();
	double term[CXMS_TERM_COUNT], want = 1;
	(void)state;
	facts.predictor = predictor;
	cxms_predict(&predictor, &c, term);
	for (int t = 0; t < CXMS_TERM_COUNT; t++)
		want += term[t];
	struct cxms_result *r = replay(&g, &facts, TOPOLOGY);
	print_message("want %.9g, got %.9g (%g .. %g)\n", want, r->split[2].slowdown,
		      r->split[2].slowdown_lo, r->split[2].slowdown_hi);
	assert_true(fabs(r->split[2].slowdown - want) < 1e-6 * want);
	assert_false(warns(r, CXMS_W_UNCALIBRATED));
	/* the residuals of the fit are in the interval: 1.645 of them, all on one side */
	assert_true(r->split[2].slowdown_hi >= want + 1.645 * 0.04 - 1e-3);
	assert_true(r->split[2].slowdown_lo <= want - 1.645 * 0.04 + 1e-3);
	release(r);
	/* twice the added latency: twice the excess */
	r = replay(&g, &facts, PLAY_TOPO(100, 400));
	assert_true(fabs(r->split[2].slowdown - 1 - 2 * (want - 1)) < 1e-6 * want);
	release(r);
}

static void test_names_of_counters_in_any_spelling(void **state)
{
	static const char *const same[] = {
		"CYCLE_ACTIVITY:STALLS_L3_MISS",       "cycle_activity.stalls_l3_miss",
		"cpu/cycle_activity.stalls_l3_miss/u", "cpu_core/CYCLE_ACTIVITY:STALLS_L3_MISS/",
		"CYCLE_ACTIVITY.STALLS_L3_MISS:upp",   "MEMORY_ACTIVITY.STALLS_L3_MISS"};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(same); i++)
		assert_int_equal(cxms_hw_role(same[i]), offsetof(struct cxms_counts, stalls_l3));
	assert_int_equal(cxms_hw_role("branches"), CXMS_HW_OTHER);
	assert_int_equal(cxms_hw_role(""), CXMS_HW_OTHER);
	assert_int_equal(cxms_hw_role("uncore_imc_3/unc_m_cas_count.rd/"), CXMS_HW_DRAM_READ);
	assert_int_equal(cxms_hw_role("pcm.dram_read"), CXMS_HW_PCM_READ);
	assert_int_equal(cxms_hw_role("cxl_pmu_mem0.0/s2m_drs_memdata/"), CXMS_HW_DEVICE_READ);
	assert_int_equal(cxms_hw_role("uncore_cxlcm_1/UNC_CXLCM_RxC_PACK_BUF_INSERTS.MEM_DATA/"),
			 CXMS_HW_PORT_READ);
}

/* Bytes that a memory controller read beyond the misses were fetched ahead. */
static void test_lines_are_those_the_memory_controllers_read(void **state)
{
	struct cxms_facts facts = machine_facts();
	struct cxms_topo *topo = play_topology(TOPOLOGY);
	const struct cxms_replay_cfg cfg = {.topo = (const struct cxms_topo *const *)&topo,
					    .n_topo = 1,
					    .split_pct = ends,
					    .n_split = 3};
	double reads[2];
	(void)state;
	for (int counted = 0; counted < 2; counted++) {
		struct play p = {0};
		play_fork(&p, PID, PID, 0, 0, 0);
		play_map(&p, PID, ARRAY, BYTES);
		play_area(&p, PID, ARRAY, BYTES, BYTES, BYTES);
		put_counters(&p);
		struct cxms_event *def = play_event(&p, CXMS_EV_COUNTER, 0, 0, 0);
		def->counter = (struct cxms_counter){.id = PLAY_COUNT(counters),
						     .scope = CXMS_SCOPE_BOX,
						     .unit = CXMS_COUNT_BYTES,
						     .name = "pcm.dram_read"};
		put_accesses(&p, &forms[2].g);
		put_counts(&p, &forms[2].g);
		struct cxms_event *ev = play_event(&p, CXMS_EV_COUNT, 0, 0, DURATION * PLAY_MS);
		ev->count = (struct cxms_count){.counter = PLAY_COUNT(counters),
						.enabled_ns = DURATION * PLAY_MS,
						.running_ns = DURATION * PLAY_MS,
						.value = counted ? 5 * 64 * 2000000ull : 0};
		play_run(&p, PID, PID, 0, DURATION * PLAY_MS);
		play_exit(&p, PID, PID, DURATION * PLAY_MS);
		int fd = play_write_on(&p, true, &facts);
		struct cxms_result *r = play_replay(fd, &cfg);
		reads[counted] = (double)r->split[2].target[1].reads;
		cxms_result_free(r);
		close(fd);
	}
	print_message("%g and %g lines\n", reads[0], reads[1]);
	assert_true(fabs(reads[0] - 2e6) < 1e3);
	assert_true(fabs(reads[1] - 1e7) < 1e4);
	cxms_topo_free(topo);
}

/* A second thread computes; counts are of the program: the waits are those of who misses. */
static void test_counts_of_the_program_go_to_the_thread_that_misses(void **state)
{
	static const struct program *const g = &forms[0].g;
	struct cxms_facts facts = machine_facts();
	struct cxms_topo *topo = play_topology(TOPOLOGY);
	const struct cxms_replay_cfg cfg = {.topo = (const struct cxms_topo *const *)&topo,
					    .n_topo = 1,
					    .split_pct = ends,
					    .n_split = 3};
	struct program both = *g;
	struct play p = {0};
	(void)state;
	both.stalled /= 2; /* of the cycles of both threads */
	both.busy /= 2;
	play_fork(&p, PID, PID, 0, 0, 0);
	play_fork(&p, PID, PID + 1, PID, PID, 0);
	play_map(&p, PID, ARRAY, BYTES);
	play_area(&p, PID, ARRAY, BYTES, BYTES, BYTES);
	put_counters(&p);
	put_accesses(&p, &both);
	for (int twice = 0; twice < 2; twice++) /* as much again: two threads' cycles */
		put_counts(&p, &both);
	for (size_t i = 0; i < p.n; i++)
		if (p.ev[i].kind == CXMS_EV_COUNT && p.ev[i].count.counter == DEMAND)
			p.ev[i].count.value /= 2;
	for (uint32_t t = 0; t < 2; t++) {
		play_run(&p, PID, PID + t, 0, DURATION * PLAY_MS);
		play_exit(&p, PID, PID + t, DURATION * PLAY_MS);
	}
	int fd = play_write_on(&p, true, &facts);
	struct cxms_result *r = play_replay(fd, &cfg);
	const struct cxms_split_result *far = &r->split[2];
	assert_int_equal(far->n_thread, 2);
	print_message("%g and %g\n", far->thread[0].slowdown, far->thread[1].slowdown);
	assert_true(fabs(far->thread[0].slowdown - 2.5) < 0.05);
	assert_true(fabs(far->thread[1].slowdown - 1) < 1e-6);
	cxms_result_free(r);
	cxms_topo_free(topo);
	close(fd);
}

/* Samples of the clock beside them tell user time from kernel time, and wait for nothing. */
static void test_clock_samples_beside_them_tell_the_kernels_time(void **state)
{
	struct cxms_facts facts = machine_facts();
	struct cxms_topo *topo = play_topology(TOPOLOGY);
	const struct cxms_replay_cfg cfg = {.topo = (const struct cxms_topo *const *)&topo,
					    .n_topo = 1,
					    .split_pct = ends,
					    .n_split = 3};
	struct play p = {0};
	(void)state;
	play_fork(&p, PID, PID, 0, 0, 0);
	play_map(&p, PID, ARRAY, BYTES);
	play_area(&p, PID, ARRAY, BYTES, BYTES, BYTES);
	(void)play_site(&p, PID, 0x400000, CXMS_SITE_LOAD, CXMS_SITE_CARRIED);
	put_counters(&p);
	put_accesses(&p, &forms[0].g);
	put_counts(&p, &forms[0].g); /* of its user time: half of the misses' time is not there */
	for (uint64_t i = 0; i < 2500; i++)
		(void)play_sample(&p, PID, PID, i * 400000, 0, ARRAY);
	play_run(&p, PID, PID, 0, DURATION * PLAY_MS);
	play_exit(&p, PID, PID, DURATION * PLAY_MS);
	int fd = play_write_on(&p, true, &facts);
	struct cxms_result *r = play_replay(fd, &cfg);
	const struct cxms_split_result *far = &r->split[2];
	assert_true(fabs(r->basis.kernel_ns - 0.5e9) < 1e6);
	assert_true(fabs((double)r->split[0].causes_ns[CXMS_CAUSE_KERNEL] - 0.5e9) < 1e6);
	/* half a second of user time, all of it one wait after another: 2.5 times as long; what the
	 * kernel copies is longer, too */
	double kernel_ns = (double)far->causes_ns[CXMS_CAUSE_KERNEL];
	assert_true(kernel_ns >= 0.5e9 && kernel_ns < 0.5e9 * 2.5);
	assert_true(fabs((double)far->time_ns - kernel_ns - 1.25e9) < 0.03e9);
	cxms_result_free(r);
	cxms_topo_free(topo);
	close(fd);
}

/* Whatever a damaged recording claims: a finite result, slowdown 1 with everything local. */
static void test_wild_figures_give_a_finite_result(void **state)
{
	struct cxms_topo *topo = play_topology(TOPOLOGY);
	const struct cxms_replay_cfg cfg = {.topo = (const struct cxms_topo *const *)&topo,
					    .n_topo = 1,
					    .split_pct = ends,
					    .n_split = 3};
	struct cxms_rng rng;
	(void)state;
	cxms_rng_init(&rng, 11);
	for (int round = 0; round < 100; round++) {
		struct cxms_facts facts = machine_facts();
		struct play p = {0};
		play_fork(&p, PID, PID, 0, 0, 0);
		put_counters(&p);
		for (int i = 0; i < 60; i++) {
			uint64_t wild[3];
			for (int k = 0; k < 3; k++)
				wild[k] = cxms_rng_u64(&rng) >> cxms_rng_u64(&rng) % 64;
			put_access(&p, wild[0] % (DURATION * PLAY_MS), wild[1] >> 17, 1,
				   (enum cxms_mem_what)(wild[2] % 3),
				   (enum cxms_mem_level)(wild[1] % 10));
			p.ev[p.n - 1].mem.period = wild[2];
			p.ev[p.n - 1].mem.latency_cyc = (uint32_t)wild[0];
			p.ev[p.n - 1].mem.site = (uint32_t)wild[1];
			struct cxms_event *ev =
				play_event(&p, CXMS_EV_COUNT, i % 2 ? PID : 0, i % 2 ? PID : 0,
					   wild[1] % (DURATION * PLAY_MS));
			ev->count.counter = (uint32_t)(wild[0] % PLAY_COUNT(counters));
			ev->count.value = wild[1];
			ev->count.enabled_ns = wild[2];
			ev->count.running_ns = wild[0];
		}
		play_run(&p, PID, PID, 0, DURATION * PLAY_MS);
		play_exit(&p, PID, PID, DURATION * PLAY_MS);
		int fd = play_write_on(&p, round % 2, &facts);
		struct cxms_result *r = play_replay(fd, &cfg);
		assert_true(r->split[0].slowdown == 1);
		for (int k = 0; k < 3; k++)
			assert_true(isfinite(r->split[k].slowdown_lo) &&
				    isfinite(r->split[k].slowdown_hi) &&
				    r->split[k].slowdown >= 0.99);
		cxms_result_free(r);
		close(fd);
	}
	cxms_topo_free(topo);
}

/* Four threads for five hours: time that waits for nothing takes no more room than a million
 * samples, and none of it is lost. */
static void test_hours_take_no_more_room(void **state)
{
	const uint64_t hours = 5 * 3600000 * PLAY_MS;
	struct cxms_facts facts = machine_facts();
	struct cxms_trace_reader *r = NULL;
	struct cxms_recording rec;
	struct play p = {0};
	double sum_ns = 0;
	(void)state;
	play_fork(&p, PID, PID, 0, 0, 0);
	for (uint32_t t = 1; t < 4; t++)
		play_fork(&p, PID, PID + t, PID, PID, 0);
	put_access(&p, hours / 2, ARRAY, 1000, CXMS_MEM_LLC_MISS, CXMS_MEM_LOCAL_DRAM);
	for (uint32_t t = 0; t < 4; t++) {
		play_run(&p, PID, PID + t, 0, hours);
		play_exit(&p, PID, PID + t, hours);
	}
	int fd = play_write_on(&p, true, &facts);
	assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &r, NULL), 0);
	assert_int_equal(cxms_recording_load(r, &rec, NULL), 0);
	for (size_t i = 0; i < rec.n_sample; i++)
		sum_ns += rec.sample[i].weight_ns;
	assert_in_range(rec.n_sample, 900000, 1000010);
	assert_true(fabs(sum_ns / (4 * (double)hours) - 1) < 1e-6);
	cxms_recording_fini(&rec);
	cxms_trace_reader_close(r);
	close(fd);
}

static void test_watching_costs_what_the_samples_of_both_kinds_do(void **state)
{
	struct cxms_rec_thread thread = {.run_ns = 1e9};
	struct cxms_recording rec = {
		.thread = &thread,
		.n_thread = 1,
		.totals = {.samples = 1000, .mem_samples = 3000, .sample_cost_ns = 5000}};
	(void)state;
	/* a power of ten over another: exact but for the last bit */
	assert_true(fabs(cxms_overhead_ratio(&rec) - 0.02) < 1e-15);
	rec.totals.tool_cpu_ns = 10000000;
	assert_true(fabs(cxms_overhead_ratio(&rec) - 0.03) < 1e-15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_of_counters_in_any_spelling),
		cmocka_unit_test(test_counted_programs_follow_the_closed_form),
		cmocka_unit_test(test_how_it_was_counted_does_not_matter),
		cmocka_unit_test(test_without_stall_counters_the_truth_is_between_the_bounds),
		cmocka_unit_test(test_a_result_says_how_it_was_counted),
		cmocka_unit_test(test_an_import_without_latency_takes_that_of_its_loads),
		cmocka_unit_test(test_a_calibrated_machine_gets_the_predictors_figure),
		cmocka_unit_test(test_lines_are_those_the_memory_controllers_read),
		cmocka_unit_test(test_counts_of_the_program_go_to_the_thread_that_misses),
		cmocka_unit_test(test_clock_samples_beside_them_tell_the_kernels_time),
		cmocka_unit_test(test_wild_figures_give_a_finite_result),
		cmocka_unit_test(test_hours_take_no_more_room),
		cmocka_unit_test(test_watching_costs_what_the_samples_of_both_kinds_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
