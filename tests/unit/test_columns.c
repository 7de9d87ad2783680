/* Walks down the columns of a matrix, in recordings made by hand: the next columns use the lines
 * again. */
#include "play.h"

#include <math.h>

#include "sim/columns.h"
#include "sim/evidence.h"

#define PID	 50u
#define ARRAY	 0x100000000000ull
#define BYTES	 (4096 * PLAY_MIB)
#define N	 4000u
#define PERIOD	 200000u
#define DURATION (N * (uint64_t)PERIOD)
#define TURN_NS	 5
#define TURNS	 (DURATION / TURN_NS)

/* Rows of @pitch bytes, walked through by columns @apart bytes apart. */
struct walk {
	uint64_t rows, pitch, apart;
	double waits; /* share of the time that is waiting for new lines */
	bool shifts;  /* the counting register goes on where the last column ended */
	bool to_left;
	bool by_address; /* the address itself counts, set anew for each column */
};

static uint32_t site(struct play *p, const struct walk *w)
{
	uint32_t id =
		play_site(p, PID, 0x400100, CXMS_SITE_LOAD, w->by_address ? CXMS_SITE_AFFINE : 0);
	struct cxms_site *s = &p->ev[p->n - 1].site;
	s->access_bytes = 8;
	s->loop_insns = 5;
	s->loop_ip = 0x4000f0;
	s->count_reg = 4;
	s->step = w->by_address ? (int64_t)w->pitch : 16;
	s->stride = w->by_address ? (int64_t)w->pitch : 0;
	s->outer_reg = 5;
	s->outer_step = w->to_left ? -1 : 1;
	return id;
}

/* Where the walk stands at a time: columns in which lines are new last longer. */
static void place(const struct walk *w, uint64_t time, uint64_t *column, uint64_t *row)
{
	const uint64_t shared = 64 / w->apart, group_ns = TURN_NS * w->rows * shared;
	const double even = 1 / (double)shared, first = w->waits + (1 - w->waits) * even;
	double at = (double)(time % group_ns) / (double)group_ns, part = at / first;
	uint64_t behind = 0;
	if (part >= 1) {
		double others = (at - first) / (1 - first) * (double)(shared - 1);
		behind = 1 + (uint64_t)others;
		part = others - floor(others);
	}
	*column = time / group_ns * shared + behind;
	*row = (uint64_t)(part * (double)w->rows);
}

static int record(const struct walk *w)
{
	struct play p = {0};
	uint64_t state = 88172645463325252ull, column, row;
	const uint64_t columns = w->pitch / w->apart;
	play_fork(&p, PID, PID, 0, 0, 0);
	play_map(&p, PID, ARRAY, BYTES);
	uint32_t load = site(&p, w);
	play_area(&p, PID, ARRAY, BYTES, BYTES, BYTES);
	for (uint64_t i = 0; i < N; i++) {
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		uint64_t time = (i + 1) * PERIOD - (state >> 20) % (PERIOD / 2);
		place(w, time, &column, &row);
		uint64_t from_left = w->to_left ? columns - 1 - column % columns : column % columns;
		struct cxms_sample *s = play_sample(&p, PID, PID, time, load,
						    ARRAY + row * w->pitch + from_left * w->apart);
		s->flags |= CXMS_SAMPLE_COUNT | CXMS_SAMPLE_OUTER;
		s->count = 16 * (row + (w->shifts ? column * w->rows : 0));
		if (w->by_address)
			s->count = s->addr;
		s->outer = w->to_left ? 0 - column : column;
	}
	play_run(&p, PID, PID, 0, DURATION);
	play_exit(&p, PID, PID, DURATION);
	return play_write(&p, true);
}

/* What grows is what waits for new lines, and one use in eight brings one. */
static void test_columns_share_their_lines(void **state)
{
	static const struct {
		struct walk walk;
		double lines, waits; /* a turn, 0 = those are not counted; share of the time */
		const char *why;
	} rows[] = {
		{{.rows = 4000, .pitch = 65600, .apart = 8, .waits = 0.3},
		 0.125,
		 0.3,
		 "doubles: a line for eight columns"},
		{{.rows = 4000, .pitch = 65600, .apart = 8, .waits = 0.3, .shifts = true},
		 0.125,
		 0.3,
		 "another array goes by rows"},
		{{.rows = 4000, .pitch = 65600, .apart = 8, .waits = 0.3, .to_left = true},
		 0.125,
		 0.3,
		 "from the right to the left"},
		{{.rows = 4000, .pitch = 65600, .apart = 8, .waits = 0.3, .by_address = true},
		 0,
		 0.3,
		 "an address that is set anew for each column"},
		{{.rows = 4000,
		  .pitch = 65600,
		  .apart = 8,
		  .waits = 0.3,
		  .to_left = true,
		  .by_address = true},
		 0,
		 0.3,
		 "the same from the right to the left"},
		{{.rows = 4000, .pitch = 65600, .apart = 4, .waits = 0.3},
		 0,
		 0.3,
		 "floats: for sixteen"},
		{{.rows = 4000, .pitch = 65600, .apart = 8, .waits = 0.7},
		 0,
		 0.7,
		 "most of the time: more than so few lines are worth"},
		{{.rows = 4000, .pitch = 65600, .apart = 32, .waits = 0.3},
		 0.5,
		 0.3,
		 "structs of 32 bytes: for two"},
		{{.rows = 4000, .pitch = 65600, .apart = 8, .waits = 0},
		 0.125,
		 0,
		 "no more time where lines are new"},
		{{.rows = 4000, .pitch = 65600, .apart = 64, .waits = 0},
		 1,
		 1,
		 "no line is used again"},
		{{.rows = 520000, .pitch = 8256, .apart = 8, .waits = 0},
		 0,
		 1,
		 "a column is more than the cache holds"},
		{{.rows = 8000, .pitch = 65536, .apart = 8, .waits = 0},
		 0,
		 1,
		 "all of a column in one set of 64"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct cxms_result *r = play_all_far(record(&rows[i].walk));
		double lines = (double)r->split[0].target[1].reads / TURNS;
		double slower = r->split[0].slowdown - 1;
		print_message("%s: %.4f lines a turn, slower by %.3f, up to %.3f\n", rows[i].why,
			      lines, slower, r->split[0].slowdown_hi - 1);
		/* the judgement of the area takes some of 260 MiB for hits */
		assert_true(fabs(slower - rows[i].waits) < 0.06);
		assert_true(r->split[0].slowdown_hi - 1 > 0.95);
		const struct cxms_site_result *at = &r->basis.site[0];
		assert_true(fabs(at->line_share - rows[i].waits) < 0.06);
		assert_true(at->line_share_lo <= at->line_share &&
			    at->line_share <= at->line_share_hi && at->line_share_hi <= 1);
		if (rows[i].lines > 0)
			assert_true(fabs(lines / rows[i].lines - 1) < 0.03);
		cxms_result_free(r);
	}
}

/* A matrix half as large again as the cache, gone through again and again: no line of it stays. */
static void test_sweeps_find_nothing(void **state)
{
	static const double all_far[] = {0};
	const struct walk walk = {.rows = 3000, .pitch = 2112, .apart = 16, .waits = 0.3};
	struct cxms_topo *t = play_topology(PLAY_TOPO(100, 200));
	const struct cxms_topo *topo = t;
	const struct cxms_replay_cfg cfg = {.topo = &topo,
					    .n_topo = 1,
					    .split_pct = all_far,
					    .n_split = 1,
					    .llc_bytes = 4 * PLAY_MIB,
					    .seed = 1};
	int fd = record(&walk);
	struct cxms_result *r = play_replay(fd, &cfg);
	double slower = r->split[0].slowdown - 1;
	(void)state;
	print_message("slower by %.3f\n", slower);
	/* 0.05: of 4000 samples three deviations of their share */
	assert_true(fabs(slower - walk.waits) < 0.05);
	cxms_result_free(r);
	cxms_topo_free(t);
	close(fd);
}

/* What the range of its addresses tells of a column is in the interval. */
static void test_the_interval_holds_the_sweeps(void **state)
{
	struct cxms_group g = {.share = {.lo = 0.1, .mid = 0.2, .hi = 0.3},
			       .column_step = 32,
			       .sweep_bytes = 64.0 * PLAY_MIB};
	struct cxms_evidence ev = {
		.stair = {.mem_ps = 100e3, .llc_ps = 20e3, .llc_bytes = 4 * PLAY_MIB, .span = 1},
		.n_group = 1,
		.group = &g};
	(void)state;
	cxms_columns_judge(&ev);
	/* half of the lines are new: 100/(100 + 20) of the time */
	assert_true(fabs(g.share.mid - 100.0 / 120) < 1e-9);
	assert_true(g.share.lo <= g.share.mid && g.share.mid <= g.share.hi && g.share.hi <= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns_share_their_lines),
		cmocka_unit_test(test_sweeps_find_nothing),
		cmocka_unit_test(test_the_interval_holds_the_sweeps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
