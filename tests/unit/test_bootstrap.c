/* Chance carried to the slowdown: closed forms of sums and maxima, and noise of one cell. */
#include "play.h"

#include <math.h>

#include "core/demand.h"
#include "sim/bootstrap.h"
#include "sim/cells.h"
#include "sim/noise.h"
#include "sim/recording.h"
#include "sim/solve.h"
#include "sim/world.h"

#define EPOCH (20 * PLAY_MS)

struct fixture {
	struct cxms_recording rec;
	struct cxms_cells cells;
	struct cxms_world world, base;
	struct cxms_bootstrap_in in;
};

/* Threads on CPU throughout; in the world each takes twice its time, give or take @sd_ns. */
static void load(struct fixture *f, uint32_t n_thread, unsigned n_epoch, double sd_ns)
{
	struct cxms_trace_reader *r = NULL;
	struct play p = {0};
	uint64_t end = n_epoch * EPOCH;
	for (uint32_t t = 0; t < n_thread; t++)
		play_fork(&p, 7, 7 + t, t ? 7 : 0, t ? 7 : 0, 0);
	for (uint32_t t = 0; t < n_thread; t++)
		play_run(&p, 7, 7 + t, 0, end);
	for (uint32_t t = n_thread; t-- > 0;)
		play_exit(&p, 7, 7 + t, end);
	int fd = play_write(&p, true);
	*f = (struct fixture){0};
	assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &r, NULL), 0);
	assert_int_equal(cxms_recording_load(r, &f->rec, NULL), 0);
	assert_int_equal(cxms_cells_build(&f->rec, EPOCH, &f->cells, NULL), 0);
	cxms_trace_reader_close(r);
	close(fd);
	f->world.noise = calloc(f->cells.n, sizeof(*f->world.noise));
	f->base.noise = calloc(f->cells.n, sizeof(*f->base.noise));
	for (size_t i = 0; i < f->cells.n; i++) {
		f->base.noise[i].cpu_ns = f->cells.cell[i].cpu_ns;
		f->world.noise[i].cpu_ns = 2 * f->cells.cell[i].cpu_ns;
		f->world.noise[i].square_ns2 = f->cells.cell[i].cpu_ns > 0 ? sd_ns * sd_ns : 0;
	}
	f->base.time_ns[CXMS_SPAN_MID][CXMS_BLOCKED_STRETCH] = (double)end;
	f->world.time_ns[CXMS_SPAN_MID][CXMS_BLOCKED_STRETCH] = 2 * (double)end;
	f->in = (struct cxms_bootstrap_in){&f->rec, &f->cells, &f->world, &f->base,
					   CXMS_BLOCKED_STRETCH};
}

static void fini(struct fixture *f)
{
	free(f->world.noise);
	free(f->base.noise);
	cxms_cells_fini(&f->cells);
	cxms_recording_fini(&f->rec);
}

static struct cxms_bootstrap run(struct fixture *f)
{
	struct cxms_bootstrap out;
	assert_int_equal(cxms_bootstrap_run(&f->in, &out, NULL), 0);
	fini(f);
	return out;
}

static void test_what_is_certain_stays(void **state)
{
	struct fixture f;
	(void)state;
	load(&f, 3, 10, 0);
	struct cxms_bootstrap out = run(&f);
	assert_true(out.ratio == 2 && out.bias == 0 && out.sd == 0);
}

/* Independent epochs: variances add; up to 31 of them exactly. */
static void test_errors_of_epochs_add_as_squares(void **state)
{
	static const unsigned n_epoch[] = {1, 2, 7, 31};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(n_epoch); i++) {
		struct fixture f;
		double n = n_epoch[i];
		load(&f, 1, n_epoch[i], 1e5);
		struct cxms_bootstrap out = run(&f);
		assert_true(fabs(out.sd / (1e5 * sqrt(n) / (n * EPOCH)) - 1) < 1e-6);
		assert_true(out.ratio == 2);
	}
}

/* 32 draws tell the standard deviation to 1/sqrt(64); 40 % is 3.2 times that. */
static void test_errors_of_many_epochs_add_too(void **state)
{
	struct fixture f;
	(void)state;
	load(&f, 1, 400, 1e5);
	struct cxms_bootstrap out = run(&f);
	assert_true(fabs(out.sd / (1e5 * sqrt(400) / (400.0 * EPOCH)) - 1) < 0.4);
}

/* The world is the base: one error moves both, and their ratio not at all. */
static void test_a_common_error_cancels(void **state)
{
	struct fixture f;
	(void)state;
	load(&f, 1, 10, 1e5);
	for (size_t i = 0; i < f.cells.n; i++) {
		f.world.noise[i] = (struct cxms_noise){.cpu_ns = f.base.noise[i].cpu_ns,
						       .square_ns2 = 1e10,
						       .with_waits = 1e5,
						       .per_wait_ns = 1e5};
		f.base.noise[i] = f.world.noise[i];
	}
	f.world.time_ns[CXMS_SPAN_MID][CXMS_BLOCKED_STRETCH] /= 2;
	struct cxms_bootstrap out = run(&f);
	assert_true(fabs(out.ratio - 1) < 1e-12);
	assert_true(out.sd < 1e-9);
}

/*
 * The maximum of 16 equal things whose own errors were drawn already: noise of one more standard
 * deviation adds 1.77 of them to the mean where all are equal, (1.77 sqrt(2) - 1.77) on top of the
 * errors that they have; here they have none, so 1.77 times 1/(sqrt(2) - 1) is taken off. 32 draws
 * tell it within a tenth.
 */
static void test_a_maximum_is_taken_down(void **state)
{
	struct fixture f;
	(void)state;
	load(&f, 16, 1, 1e5);
	struct cxms_bootstrap out = run(&f);
	double sd = 1e5 / EPOCH;
	assert_true(fabs(out.bias / (1.766 * 2.414 * sd) - 1) < 0.2);
	assert_true(out.sd > 0.9 * sd && out.sd < 1.5 * sd);
	assert_true(fabs(out.ratio + out.bias - 2) < 1e-12);
}

/* One that is far behind all others is no maximum of equals. */
static void test_one_slow_thread_has_no_bias(void **state)
{
	struct fixture f;
	(void)state;
	load(&f, 16, 1, 1e5);
	f.world.noise[f.cells.first_of_thread[5]].cpu_ns += 1e7;
	f.world.time_ns[CXMS_SPAN_MID][CXMS_BLOCKED_STRETCH] += 1e7;
	struct cxms_bootstrap out = run(&f);
	assert_true(fabs(out.bias) < 1e-9);
	assert_true(fabs(out.sd * EPOCH / 1e5 - 1) < 0.6);
}

/* Latencies that answer to what all threads ask set none of them apart: 16 equal ones that wait all
 * of their time, whose answer is four times as large as their waits, have the same bias. */
static void test_what_all_share_is_no_bias(void **state)
{
	struct cxms_bootstrap out[2];
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct fixture f;
		load(&f, 16, 1, 1e5);
		for (size_t c = 0; c < f.cells.n; c++) {
			f.world.noise[c].waits_ns = f.world.noise[c].cpu_ns;
			f.world.noise[c].answer_ns = i * 4 * f.world.noise[c].cpu_ns;
		}
		out[i] = run(&f);
	}
	assert_true(fabs(out[1].bias / out[0].bias - 1) < 1e-6);
	assert_true(out[1].sd > out[0].sd);
}

/* Alone, a thread is all there is: its waits and their answer add up. */
static void test_who_is_alone_has_all_of_the_answer(void **state)
{
	struct fixture f;
	(void)state;
	load(&f, 1, 1, 1e5);
	f.world.noise[0].waits_ns = f.world.noise[0].cpu_ns;
	f.world.noise[0].answer_ns = 3 * f.world.noise[0].cpu_ns;
	struct cxms_bootstrap out = run(&f);
	assert_true(fabs(out.sd / (4 * 1e5 / EPOCH) - 1) < 1e-6);
}

/* k of n samples wait w times each, and a wait adds 200 ns: binomial. */
static void test_noise_of_a_cell_is_multinomial(void **state)
{
	const struct cxms_solve_thread th = {.mem_ps = 100e3, .demand_limit = 16, .all_limit = 48};
	const struct cxms_demand d = {.waits = 300 * 5.0};
	struct cxms_noise out = {0}, poisson = {0};
	struct cxms_noise_sums sums = {.samples = 1000}, open = {0};
	(void)state;
	cxms_noise_add(&th, &d, 300e3, 300 * 25.0, &sums);
	cxms_noise_close(&sums, 1, 1, &out);
	assert_true(fabs(out.square_ns2 / (1000 * 0.3 * 0.7 * 1e3 * 1e3) - 1) < 1e-9);
	assert_true(fabs(out.per_wait_ns - 200) < 1e-9);
	cxms_noise_add(&th, &d, 300e3, 300 * 25.0, &open);
	cxms_noise_close(&open, 2, 0.5, &poisson);
	assert_true(fabs(poisson.square_ns2 / (0.5 * 300 * 1e3 * 1e3) - 1) < 1e-9);
	assert_true(fabs(poisson.answer_ns / (0.5 * 1500 * 200) - 1) < 1e-9);
	assert_true(fabs(poisson.per_wait_ns - 100) < 1e-9);
}

/* Bound by miss registers, a wait costs its lines' share of them. */
static void test_noise_where_lines_are_the_bound(void **state)
{
	const struct cxms_solve_thread th = {.mem_ps = 100e3,
					     .walk_ps = 20e3,
					     .demand_limit = 10,
					     .all_limit = 48,
					     .bound_ps = 1};
	const struct cxms_demand d = {.waits = 10, .reads = 70, .prefetched = 0};
	struct cxms_noise out = {0};
	struct cxms_noise_sums sums = {0};
	(void)state;
	cxms_noise_add(&th, &d, 300e3, 10, &sums);
	cxms_noise_close(&sums, 1, 1, &out);
	assert_true(fabs(out.per_wait_ns - 7 * 320 / 10.0) < 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_certain_stays),
		cmocka_unit_test(test_errors_of_epochs_add_as_squares),
		cmocka_unit_test(test_errors_of_many_epochs_add_too),
		cmocka_unit_test(test_a_common_error_cancels),
		cmocka_unit_test(test_a_maximum_is_taken_down),
		cmocka_unit_test(test_one_slow_thread_has_no_bias),
		cmocka_unit_test(test_what_all_share_is_no_bias),
		cmocka_unit_test(test_who_is_alone_has_all_of_the_answer),
		cmocka_unit_test(test_noise_of_a_cell_is_multinomial),
		cmocka_unit_test(test_noise_where_lines_are_the_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
