/*
 * Threads that take turns on CPUs, or wake one another in turn, some waiting for memory and some
 * computing: the loads of both engines are those that the time line implies, and on one CPU the
 * times add up.
 */
#include "play.h"

#include <math.h>
#include <stdio.h>

#include "base/rng.h"

#define PID	50u
#define SLICE	5000000ull
#define ROUNDS	40u
#define PERIOD	200000u
#define BYTES	(1024 * PLAY_MIB)
#define THREADS 8u
#define MEM_NS	100.0 /* of the synthetic machine */
/* At both ends of the run a thread has other neighbours than recorded: a slice in forty. */
#define ENDS 0.025
#ifdef CXMS_SANITIZED
#define TRIALS 4u
#else
#define TRIALS 16u
#endif

/* @memory: of each thread; @turn_ns: of the loop that does, a line in each at random; 0: a chain */
struct crew {
	unsigned n, cpus;
	bool memory[THREADS];
	double turn_ns;
	bool wakes; /* each wakes the next, and waits for its turn; else they wait for the CPU */
};

static uint64_t base_of(unsigned thread)
{
	return 0x100000000000ull + thread * 2 * BYTES;
}

static struct crew draw_crew(struct cxms_rng *rng, unsigned cpus, double turn_ns)
{
	struct crew c = {.cpus = cpus, .turn_ns = turn_ns};
	c.n = cpus * (2 + (unsigned)cxms_rng_below(rng, THREADS / cpus - 1));
	for (unsigned t = 0; t < c.n; t++)
		c.memory[t] = t == 0 || cxms_rng_below(rng, 2);
	return c;
}

static uint32_t add_loop(struct play *p, const struct crew *c)
{
	uint32_t site =
		play_site(p, PID, 0x400100, CXMS_SITE_LOAD, c->turn_ns > 0 ? 0 : CXMS_SITE_CARRIED);
	struct cxms_site *s = &p->ev[p->n - 1].site;
	s->loop_ip = 0x4000f0;
	s->loop_insns = 25;
	if (c->turn_ns > 0) {
		s->count_reg = 4;
		s->step = 8;
	}
	return site;
}

/* Thread @t of the crew has a CPU from @from_ns on. */
static void add_slice(struct play *p, const struct crew *c, struct cxms_rng *rng, unsigned t,
		      uint64_t from_ns, uint64_t had_ns, uint32_t site, uint32_t work)
{
	for (uint64_t ns = PERIOD; ns <= SLICE; ns += PERIOD) {
		uint64_t line = cxms_rng_below(rng, BYTES / 64) * 64;
		struct cxms_sample *s =
			play_sample(p, PID, PID + t, from_ns + ns - 1, c->memory[t] ? site : work,
				    c->memory[t] ? base_of(t) + line : 0);
		if (!c->memory[t] || c->turn_ns <= 0)
			continue;
		s->flags |= CXMS_SAMPLE_COUNT;
		s->count = (uint64_t)((double)(had_ns + ns) / c->turn_ns) * 8;
	}
	play_run(p, PID, PID + t, from_ns, SLICE);
	if (c->wakes)
		p->ev[p->n - 1].run.waited = had_ns ? CXMS_WAIT_FUTEX : CXMS_WAIT_UNKNOWN;
	else
		p->ev[p->n - 1].run.end = CXMS_RUN_PREEMPTED;
}

/* As many at a time as there are CPUs, one after the other; each begins with its first slice. */
static int record(const struct crew *c, struct cxms_rng *rng, uint64_t *wall_ns)
{
	struct play p = {0};
	uint64_t now = 0;
	p.caps = c->wakes ? CXMS_SRC_SWITCHES : 0;
	play_fork(&p, PID, PID, 0, 0, 0);
	uint32_t site = add_loop(&p, c), work = play_site(&p, PID, 0x500000, CXMS_SITE_NONE, 0);
	for (unsigned t = 0; t < c->n; t++) {
		play_map(&p, PID, base_of(t), BYTES);
		play_area(&p, PID, base_of(t), BYTES, BYTES, BYTES);
	}
	for (unsigned r = 0; r < ROUNDS; r++)
		for (unsigned t = 0; t < c->n; t++) {
			if (r == 0 && t > 0)
				play_fork(&p, PID, PID + t, PID, PID, now);
			add_slice(&p, c, rng, t, now, r * SLICE, site, work);
			if (r + 1 == ROUNDS)
				play_exit(&p, PID, PID + t, now + SLICE);
			now += t % c->cpus + 1 == c->cpus ? SLICE : 0;
		}
	*wall_ns = now;
	return play_write(&p, true);
}

/* All of it on CXL; utilisation and lines are the device's. */
struct seen {
	double slowdown, utilization, lines;
};

static struct seen see(int fd, double latency_ns, double gb_per_s, enum cxms_engine engine)
{
	static const double splits[] = {0};
	char yaml[512], cap[32] = "unlimited";
	if (isfinite(gb_per_s))
		snprintf(cap, sizeof(cap), "%.6fGB/s", gb_per_s);
	snprintf(yaml, sizeof(yaml),
		 "schema: 1\nhost:\n  local: {latency: 100ns, bandwidth: unlimited}\ndevices:\n"
		 "  mem0: {type: memdev, model: fixed, upstream: host, latency: %.3fns, "
		 "bandwidth: %s, capacity: 4096GiB}\n",
		 latency_ns, cap);
	struct cxms_topo *topo = play_topology(yaml);
	const struct cxms_topo *t = topo;
	const struct cxms_replay_cfg cfg = {.topo = &t,
					    .n_topo = 1,
					    .split_pct = splits,
					    .n_split = 1,
					    .engine = engine,
					    .seed = 1};
	struct cxms_result *r = play_replay(fd, &cfg);
	const struct cxms_split_result *s = &r->split[0];
	struct seen seen = {s->slowdown, s->target[1].utilization_ratio,
			    (double)s->target[1].reads};
	cxms_result_free(r);
	cxms_topo_free(topo);
	return seen;
}

static void test_on_one_cpu_times_add_up(void **state)
{
	struct cxms_rng rng;
	(void)state;
	cxms_rng_init(&rng, 7);
	for (unsigned i = 0; i < TRIALS; i++) {
		struct crew c = draw_crew(&rng, 1, 0);
		double latency = 120 + 400 * cxms_rng_unit(&rng), sum = 0;
		uint64_t wall_ns;
		int fd = record(&c, &rng, &wall_ns);
		for (unsigned t = 0; t < c.n; t++)
			sum += c.memory[t] ? latency / MEM_NS : 1;
		for (int engine = CXMS_ENGINE_EPOCH; engine <= CXMS_ENGINE_EVENT; engine++) {
			struct seen s = see(fd, latency, INFINITY, (enum cxms_engine)engine);
			print_message("trial %u, %u threads, %g ns: %g for %g\n", i, c.n, latency,
				      s.slowdown, sum / c.n);
			assert_true(fabs(s.slowdown / (sum / c.n) - 1) <= ENDS);
		}
		close(fd);
	}
}

/* What the device passes in the time that the time line gives is what the engine said it passes. */
static void check(const struct crew *c, int fd, double wall_ns, double gb_per_s,
		  enum cxms_engine engine, unsigned trial)
{
	struct seen s = see(fd, 250, gb_per_s, engine);
	double passed = s.lines * 64 / (s.slowdown * wall_ns) / gb_per_s;
	print_message("trial %u, %u threads on %u CPUs, %g GB/s, engine %d: %g times as long, %g "
		      "busy, %g passed\n",
		      trial, c->n, c->cpus, gb_per_s, (int)engine, s.slowdown, s.utilization,
		      passed);
	assert_true(passed <= 1 + ENDS);
	assert_true(fabs(s.utilization / passed - 1) <= ENDS);
}

static void check_loads(uint64_t seed, bool wakes)
{
	struct cxms_rng rng;
	cxms_rng_init(&rng, seed);
	for (unsigned i = 0; i < TRIALS; i++) {
		struct crew c =
			draw_crew(&rng, wakes ? 1 : 1 + i % 3, 15 + 40 * cxms_rng_unit(&rng));
		c.wakes = wakes;
		uint64_t wall_ns;
		int fd = record(&c, &rng, &wall_ns);
		double gb_per_s = 64 / c.turn_ns * c.cpus * (0.05 + 0.6 * cxms_rng_unit(&rng));
		for (int engine = CXMS_ENGINE_EPOCH; engine <= CXMS_ENGINE_EVENT; engine++)
			check(&c, fd, (double)wall_ns, gb_per_s, (enum cxms_engine)engine, i);
		close(fd);
	}
}

static void test_loads_are_those_of_the_time_line(void **state)
{
	(void)state;
	check_loads(11, false);
}

static void test_loads_of_threads_that_wake_one_another(void **state)
{
	(void)state;
	check_loads(13, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_one_cpu_times_add_up),
		cmocka_unit_test(test_loads_are_those_of_the_time_line),
		cmocka_unit_test(test_loads_of_threads_that_wake_one_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
