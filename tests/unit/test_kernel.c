/* Kernel time on CXL pages: first touches and copies in closed form, and what is not charged. */
#include "play.h"

#include <math.h>

#define PID  50u
#define HEAP 0x10000000ull
#define BASE 4096ull
#define HUGE (2 * PLAY_MIB)

#define NEAR PLAY_TOPO(100, 300)
#define FAR  PLAY_TOPO(100, 500)

static const double ends[] = {100, 50, 0};

struct program {
	uint64_t bytes, page; /* of the array */
	uint64_t fault_ms;    /* kernel time that touches it, at the beginning */
	uint64_t read_ms;     /* kernel time behind it that touches nothing */
	unsigned twice;	      /* faults of each page */
	bool of_file;
};

/* Then 400 ms of computing in user space. */
static int record(const struct program *of)
{
	struct play p = {0};
	uint64_t pages = of->bytes / of->page, begin = of->fault_ms + of->read_ms;
	play_fork(&p, PID, PID, 0, 0, 0);
	play_map(&p, PID, HEAP, of->bytes);
	if (of->of_file)
		p.ev[p.n - 1].map.path = "/lib/data";
	uint32_t site = play_site(&p, PID, 0x400000, CXMS_SITE_NONE, 0);
	for (uint64_t i = 0; i < pages; i++)
		for (unsigned k = 0; k < (of->fault_ms ? of->twice : 1); k++)
			play_fault(&p, PID, of->fault_ms * PLAY_MS * i / pages,
				   HEAP + i * of->page);
	play_area(&p, PID, HEAP, of->bytes, of->bytes, of->page == HUGE ? of->bytes : 0);
	for (uint64_t t = 200000; t <= 400 * PLAY_MS; t += 200000)
		play_sample(&p, PID, PID, begin * PLAY_MS + t, site, 0);
	play_run(&p, PID, PID, 0, (begin + 400) * PLAY_MS);
	play_exit(&p, PID, PID, (begin + 400) * PLAY_MS);
	return play_write(&p, true);
}

static struct cxms_result *replay(const struct program *of, const char *yaml,
				  struct cxms_topo **topo)
{
	*topo = play_topology(yaml);
	const struct cxms_replay_cfg cfg = {.topo = (const struct cxms_topo *const *)topo,
					    .n_topo = 1,
					    .split_pct = ends,
					    .n_split = PLAY_COUNT(ends),
					    .seed = 1};
	int fd = record(of);
	struct cxms_result *r = play_replay(fd, &cfg);
	close(fd);
	return r;
}

static double added_ms(const struct cxms_result *r, size_t split)
{
	return ((double)r->split[split].time_ns - (double)r->split[0].time_ns) / (double)PLAY_MS;
}

static bool near_to(double a, double b, double tolerance)
{
	return fabs(a - b) <= tolerance * fabs(b) + 1e-6;
}

static void test_first_touch_in_closed_form(void **state)
{
	static const struct {
		struct program of;
		const char *yaml;
		double added_ms, least_ms, most_ms;
		const char *why;
	} rows[] = {
		/* 4194304 lines x 200 ns / 28.7, 17.36 or 10.5 in flight */
		{{256 * PLAY_MIB, BASE, 600, 0, 1, false},
		 NEAR,
		 48.32,
		 29.23,
		 79.89,
		 "4 KiB pages"},
		{{256 * PLAY_MIB, HUGE, 600, 0, 1, false},
		 NEAR,
		 48.32,
		 29.23,
		 79.89,
		 "2 MiB pages: the same bytes"},
		{{256 * PLAY_MIB, BASE, 600, 0, 1, false},
		 FAR,
		 96.64,
		 58.46,
		 159.78,
		 "twice the way, twice the time"},
		{{256 * PLAY_MIB, BASE, 600, 0, 2, false},
		 NEAR,
		 48.32,
		 29.23,
		 79.89,
		 "read first, then written"},
		{{256 * PLAY_MIB, BASE, 2400, 0, 1, false},
		 NEAR,
		 48.32,
		 29.23,
		 79.89,
		 "faults that take longer"},
		{{256 * PLAY_MIB, BASE, 10, 0, 1, false},
		 NEAR,
		 20,
		 20,
		 20.1,
		 "no more than a memory-bound kernel"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct cxms_topo *topo;
		struct cxms_result *r = replay(&rows[i].of, rows[i].yaml, &topo);
		const struct cxms_split_result *all = &r->split[2];
		double base_ms = (double)r->split[0].time_ns / (double)PLAY_MS;
		print_message("%s: %g ms, %g, %g\n", rows[i].why, added_ms(r, 2),
			      (all->slowdown_lo - 1) * base_ms, (all->slowdown_hi - 1) * base_ms);
		assert_true(r->split[0].slowdown == 1);
		/* what does not come with the faults of its epoch counts as other kernel time */
		assert_true(near_to(added_ms(r, 2), rows[i].added_ms, 0.05));
		/* half of the pages by a hash: within four deviations of 128 huge pages */
		assert_true(near_to(added_ms(r, 1), rows[i].added_ms / 2, 0.35));
		assert_true(near_to((double)all->causes_ns[CXMS_CAUSE_KERNEL] / (double)PLAY_MS,
				    (double)rows[i].of.fault_ms + rows[i].added_ms, 0.01));
		/* the ends also hold what no sample showed, and 5 % of the latency */
		assert_true((all->slowdown_lo - 1) * base_ms < rows[i].least_ms + 5);
		assert_true((all->slowdown_hi - 1) * base_ms > rows[i].most_ms - 5);
		cxms_result_free(r);
		cxms_topo_free(topo);
	}
}

/* Other kernel time: a tenth of it waits for the program's pages, none to half in the interval. */
static void test_read_loop_in_closed_form(void **state)
{
	static const struct {
		const char *yaml;
		uint64_t page;
		double added_ms, most_ms;
	} rows[] = {{NEAR, BASE, 120, 600},
		    {FAR, BASE, 240, 1200},
		    {NEAR, HUGE, 120, 600},
		    {FAR, HUGE, 240, 1200}};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		const struct program of = {16 * PLAY_MIB, rows[i].page, 0, 600, 1, false};
		struct cxms_topo *topo;
		struct cxms_result *r = replay(&of, rows[i].yaml, &topo);
		const struct cxms_split_result *all = &r->split[2];
		print_message("%g ms\n", added_ms(r, 2));
		assert_true(r->split[0].slowdown == 1);
		/* 16 MiB of first touches add 3 or 6 ms */
		assert_true(near_to(added_ms(r, 2), rows[i].added_ms, 0.06));
		assert_true(near_to(added_ms(r, 1),
				    rows[i].added_ms * (1 - r->split[1].local_pct / 100), 0.06));
		assert_true(all->slowdown_lo < 1.02);
		assert_true(near_to(all->slowdown_hi - 1, rows[i].most_ms / 1000, 0.1));
		cxms_result_free(r);
		cxms_topo_free(topo);
	}
}

/* The page cache of a mapped file stays where the kernel put it. */
static void test_faults_of_files_fill_nothing(void **state)
{
	static const struct program of = {256 * PLAY_MIB, BASE, 600, 0, 1, true};
	struct cxms_topo *topo;
	struct cxms_result *r = replay(&of, NEAR, &topo);
	(void)state;
	/* their time is then other kernel time */
	assert_true(near_to(added_ms(r, 2), 120, 0.06));
	cxms_result_free(r);
	cxms_topo_free(topo);
}

static void test_more_latency_is_never_faster(void **state)
{
	static const char *const far[] = {PLAY_TOPO(100, 100), PLAY_TOPO(100, 150), NEAR, FAR,
					  PLAY_TOPO(100, 2000)};
	static const struct program of = {256 * PLAY_MIB, BASE, 300, 300, 1, false};
	double before = 0;
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(far); i++) {
		struct cxms_topo *topo;
		struct cxms_result *r = replay(&of, far[i], &topo);
		assert_true(r->split[0].slowdown == 1 && r->split[0].slowdown_hi == 1);
		assert_true(r->split[2].slowdown >= before);
		assert_true(r->split[2].slowdown >= r->split[1].slowdown);
		before = r->split[2].slowdown;
		cxms_result_free(r);
		cxms_topo_free(topo);
	}
	assert_true(before > 1.5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_touch_in_closed_form),
		cmocka_unit_test(test_read_loop_in_closed_form),
		cmocka_unit_test(test_faults_of_files_fill_nothing),
		cmocka_unit_test(test_more_latency_is_never_faster),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
