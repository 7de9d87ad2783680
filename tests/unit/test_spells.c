/* Spells: who is there together, and that loads are those of the threads that run. */
#include "play.h"

#include <math.h>

#include "sim/cells.h"
#include "sim/recording.h"

#define PID    50u
#define TURN   (5 * PLAY_MS)
#define ROUNDS 40u
#define PERIOD 200000ull
#define ARRAY  0x100000000000ull
#define BYTES  (1024 * PLAY_MIB)

/* When a thread runs, in turns of 5 ms: always, in the first half of each round, in the second. */
enum when { ALWAYS, FIRST, SECOND };

static void run(struct play *p, uint32_t tid, uint64_t from_ns, enum cxms_run_end end)
{
	play_run(p, PID, tid, from_ns, TURN);
	p->ev[p->n - 1].run.end = (uint8_t)end;
}

/* Chains through memory, each thread in its own part; off the CPU asleep, or waiting for it. */
static int record(const enum when *when, unsigned n, enum cxms_run_end end)
{
	struct play p = {0};
	uint64_t state = 88172645463325252ull;
	play_fork(&p, PID, PID, 0, 0, 0);
	for (uint32_t t = 1; t < n; t++)
		play_fork(&p, PID, PID + t, PID, PID, 0);
	play_map(&p, PID, ARRAY, BYTES);
	uint32_t site = play_site(&p, PID, 0x400100, CXMS_SITE_LOAD, CXMS_SITE_CARRIED);
	play_area(&p, PID, ARRAY, BYTES, BYTES, 0);
	for (uint64_t i = 0; i < 2 * ROUNDS * TURN / PERIOD; i++)
		for (uint32_t t = 0; t < n; t++) {
			bool first = i * PERIOD / TURN % 2 == 0;
			if (when[t] != ALWAYS && (when[t] == FIRST) != first)
				continue;
			state = state * 6364136223846793005ull + 1442695040888963407ull;
			play_sample(&p, PID, PID + t, (i + 1) * PERIOD - 1, site,
				    ARRAY + (state >> 20) % (BYTES / 64) * 64);
		}
	for (uint64_t k = 0; k < 2 * ROUNDS; k++)
		for (uint32_t t = 0; t < n; t++)
			if (when[t] == ALWAYS || (when[t] == FIRST) == (k % 2 == 0))
				run(&p, PID + t, k * TURN, end);
	for (uint32_t t = n; t-- > 0;)
		play_exit(&p, PID, PID + t, 2 * ROUNDS * TURN);
	return play_write(&p, true);
}

/* Time on CPU by thread, all of it on a device that takes less than two chains ask for. */
static void replay(const enum when *when, unsigned n, enum cxms_engine engine, double *slowdown)
{
	static const double splits[] = {0};
	struct cxms_topo *t = play_topology(
		"schema: 1\nhost:\n  local: {latency: 100ns, bandwidth: unlimited}\ndevices:\n"
		"  mem0: {type: memdev, model: fixed, upstream: host, latency: 150ns, "
		"bandwidth: {total: 0.6GB/s}, capacity: 4096GiB}\n");
	const struct cxms_topo *topo = t;
	const struct cxms_replay_cfg cfg = {.topo = &topo,
					    .n_topo = 1,
					    .split_pct = splits,
					    .n_split = 1,
					    .llc_bytes = PLAY_NO_LLC,
					    .engine = engine,
					    .seed = 1};
	int fd = record(when, n, CXMS_RUN_BLOCKED);
	struct cxms_result *r = play_replay(fd, &cfg);
	for (unsigned i = 0; i < n; i++)
		slowdown[i] = r->split[0].thread[i].slowdown;
	cxms_result_free(r);
	cxms_topo_free(t);
	close(fd);
}

/* What a thread sees while it runs is what runs with it, whatever there is at other times. */
static void test_loads_are_those_of_who_runs(void **state)
{
	static const enum when always[] = {ALWAYS, ALWAYS}, half[] = {FIRST},
			       together[] = {FIRST, FIRST}, apart[] = {FIRST, SECOND};
	(void)state;
	for (int e = CXMS_ENGINE_EPOCH; e <= CXMS_ENGINE_EVENT; e++) {
		enum cxms_engine engine = (enum cxms_engine)e;
		double alone[1], both[2], found[2];
		replay(always, 1, engine, alone);
		replay(always, 2, engine, both);
		print_message("engine %d: alone %g, with another %g\n", e, alone[0], both[0]);
		assert_true(both[0] > 1.2 * alone[0]);
		replay(half, 1, engine, found);
		print_message("half of the time: %g\n", found[0]);
		assert_true(fabs(found[0] / alone[0] - 1) < 0.01);
		replay(apart, 2, engine, found);
		print_message("in turns: %g, %g\n", found[0], found[1]);
		assert_true(fabs(found[0] / alone[0] - 1) < 0.01);
		assert_true(fabs(found[1] / alone[0] - 1) < 0.01);
		replay(together, 2, engine, found);
		print_message("both half of the time: %g\n", found[0]);
		assert_true(fabs(found[0] / both[0] - 1) < 0.01);
	}
}

static void build(const enum when *when, unsigned n, enum cxms_run_end end,
		  struct cxms_recording *rec, struct cxms_cells *cells)
{
	struct cxms_trace_reader *r = NULL;
	int fd = record(when, n, end);
	assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &r, NULL), 0);
	assert_int_equal(cxms_recording_load(r, rec, NULL), 0);
	assert_int_equal(cxms_cells_build(rec, 50 * PLAY_MS, cells, NULL), 0);
	cxms_trace_reader_close(r);
	close(fd);
}

/* Spells last as long as the epochs, and hold all of each cell. */
static void check_sums(const struct cxms_recording *rec, const struct cxms_cells *c)
{
	double wall = 0, *share = calloc(c->n, sizeof(*share));
	assert_non_null(share);
	for (size_t i = 0; i < c->spells.n; i++) {
		const struct cxms_spell *s = &c->spells.spell[i];
		wall += s->wall_ns;
		assert_true(i == 0 || s[-1].epoch <= s->epoch);
		for (size_t k = 0; k < s->n; k++) {
			const struct cxms_spell_part *part = &c->spells.part[s->first + k];
			assert_int_equal(c->cell[part->cell].epoch, s->epoch);
			share[part->cell] += part->share;
		}
	}
	assert_true(fabs(wall / (double)rec->duration_ns - 1) < 1e-6);
	for (size_t i = 0; i < c->n; i++)
		assert_true(c->cell[i].cpu_ns <= 0 || fabs(share[i] - 1) < 1e-9);
	free(share);
}

static void test_who_is_there_together(void **state)
{
	static const enum when sets[][3] = {
		{ALWAYS}, {FIRST}, {ALWAYS, FIRST}, {FIRST, SECOND}, {ALWAYS, FIRST, SECOND}};
	static const struct {
		unsigned set, n;
		enum cxms_run_end end;
		double wall_ms[2]; /* of the first spells */
		size_t threads[2];
		const char *why;
	} rows[] = {
		{0, 1, CXMS_RUN_BLOCKED, {50}, {1}, "always there"},
		{1, 1, CXMS_RUN_BLOCKED, {25, 25}, {1, 0}, "and asleep"},
		{2, 2, CXMS_RUN_BLOCKED, {25, 25}, {2, 1}, "with another half of the time"},
		{3, 2, CXMS_RUN_BLOCKED, {25, 25}, {1, 1}, "in turns, asleep"},
		{3,
		 2,
		 CXMS_RUN_PREEMPTED,
		 {45, 5},
		 {2, 1},
		 "in turns: who waits for a CPU is there"},
		{4, 3, CXMS_RUN_BLOCKED, {25, 25}, {2, 2}, "one always, two in turns"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct cxms_recording rec = {0};
		struct cxms_cells c = {0};
		build(sets[rows[i].set], rows[i].n, rows[i].end, &rec, &c);
		print_message("%s: %zu spells in %zu epochs\n", rows[i].why, c.spells.n, c.n_epoch);
		check_sums(&rec, &c);
		for (size_t k = 0; k < 2 && rows[i].wall_ms[k] > 0; k++) {
			const struct cxms_spell *s = &c.spells.spell[k];
			assert_int_equal(s->epoch, 0);
			assert_true(fabs(s->wall_ns / (double)PLAY_MS - rows[i].wall_ms[k]) < 1e-6);
			assert_int_equal(s->n, rows[i].threads[k]);
		}
		cxms_cells_fini(&c);
		cxms_recording_fini(&rec);
	}
}

/* More sets than spells: what is rare is mixed, and nothing is lost. */
static void test_rare_sets_are_mixed(void **state)
{
	struct play p = {0};
	struct cxms_recording rec = {0};
	struct cxms_cells c = {0};
	struct cxms_trace_reader *r = NULL;
	unsigned most = 0, now = 0;
	(void)state;
	play_fork(&p, PID, PID, 0, 0, 0);
	for (uint32_t t = 1; t < 6; t++)
		play_fork(&p, PID, PID + t, PID, PID, 0);
	for (uint64_t k = 1; k < 64; k++) /* every set of six threads, for a millisecond */
		for (uint32_t t = 0; t < 6; t++)
			if (k >> t & 1)
				play_run(&p, PID, PID + t, k * PLAY_MS, PLAY_MS);
	for (uint32_t t = 6; t-- > 0;)
		play_exit(&p, PID, PID + t, 64 * PLAY_MS);
	int fd = play_write(&p, true);
	assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &r, NULL), 0);
	assert_int_equal(cxms_recording_load(r, &rec, NULL), 0);
	assert_int_equal(cxms_cells_build(&rec, 32 * PLAY_MS, &c, NULL), 0);
	check_sums(&rec, &c);
	for (size_t i = 0; i < c.spells.n; i++) {
		now = i && c.spells.spell[i - 1].epoch == c.spells.spell[i].epoch ? now + 1 : 1;
		most = now > most ? now : most;
	}
	print_message("%u spells in an epoch\n", most);
	assert_true(most > 5 && most <= CXMS_SPELLS_MAX + 2);
	cxms_cells_fini(&c);
	cxms_recording_fini(&rec);
	cxms_trace_reader_close(r);
	close(fd);
}

/* A thread whose samples leave nothing of its only slice in an epoch: that time is nobody's. */
static void test_time_that_is_nobodys_is_kept(void **state)
{
	struct play p = {0};
	struct cxms_recording rec = {0};
	struct cxms_cells c = {0};
	struct cxms_trace_reader *r = NULL;
	(void)state;
	play_fork(&p, PID, PID, 0, 0, 0);
	play_fork(&p, PID, PID + 1, PID, PID, 0);
	uint32_t site = play_site(&p, PID, 0x400100, CXMS_SITE_LOAD, 0);
	play_sample(&p, PID, PID + 1, 41 * PLAY_MS, site, 0)->weight_ns = 3 * PLAY_MS;
	play_run(&p, PID, PID, 0, 399 * PLAY_MS / 10);
	play_run(&p, PID, PID + 1, 399 * PLAY_MS / 10, PLAY_MS / 10);
	play_run(&p, PID, PID + 1, 40 * PLAY_MS, 2 * PLAY_MS);
	play_exit(&p, PID, PID + 1, 80 * PLAY_MS);
	play_exit(&p, PID, PID, 80 * PLAY_MS);
	int fd = play_write(&p, true);
	assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &r, NULL), 0);
	assert_int_equal(cxms_recording_load(r, &rec, NULL), 0);
	assert_int_equal(cxms_cells_build(&rec, 40 * PLAY_MS, &c, NULL), 0);
	assert_true(c.cell[cxms_cells_at(&c, 1, 0)].cpu_ns <= 0);
	check_sums(&rec, &c);
	cxms_cells_fini(&c);
	cxms_recording_fini(&rec);
	cxms_trace_reader_close(r);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_there_together),
		cmocka_unit_test(test_rare_sets_are_mixed),
		cmocka_unit_test(test_time_that_is_nobodys_is_kept),
		cmocka_unit_test(test_loads_are_those_of_who_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
