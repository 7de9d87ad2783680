/* Cells: time on CPU, in the kernel and off the CPU, cut into epochs without loss. */
#include "play.h"

#include <errno.h>
#include <math.h>

#include "base/rng.h"
#include "sim/cells.h"
#include "sim/recording.h"

#define PID    50u
#define MS     1e6
#define PERIOD 200000ull

static void load(struct cxms_recording *rec, struct play *p)
{
	struct cxms_trace_reader *r = NULL;
	int fd = play_write(p, true);
	assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &r, NULL), 0);
	assert_int_equal(cxms_recording_load(r, rec, NULL), 0);
	cxms_trace_reader_close(r);
	close(fd);
}

static struct cxms_cell sum_of(const struct cxms_cells *c, uint32_t thread)
{
	struct cxms_cell sum = {0};
	for (size_t i = c->first_of_thread[thread]; i < c->first_of_thread[thread + 1]; i++) {
		assert_true(c->cell[i].kernel_ns >= 0 && c->cell[i].blocked_ns >= 0);
		assert_int_equal(c->cell[i].thread, thread);
		sum.cpu_ns += c->cell[i].cpu_ns;
		sum.user_ns += c->cell[i].user_ns;
		sum.kernel_ns += c->cell[i].kernel_ns;
		sum.blocked_ns += c->cell[i].blocked_ns;
		sum.alive_ns += c->cell[i].alive_ns;
	}
	return sum;
}

static void begin(struct play *p)
{
	play_fork(p, PID, PID, 0, 0, 0);
	(void)play_site(p, PID, 0x400000, CXMS_SITE_NONE, 0);
}

static void end(struct play *p, uint64_t run_ns, uint64_t exit_ns)
{
	play_run(p, PID, PID, 0, run_ns);
	play_exit(p, PID, PID, exit_ns);
}

static void test_kernel_time_is_what_no_user_sample_explains(void **state)
{
	static const struct {
		unsigned samples;
		uint64_t run_ms, exit_ms;
		double user_ms, kernel_ms, blocked_ms;
		const char *why;
		unsigned faults; /* of the samples */
	} rows[] = {
		{500, 100, 100, 100, 0, 0, "all in user code", 0},
		{250, 100, 100, 50, 50, 0, "half of it", 0},
		{250, 50, 100, 50, 0, 50, "half blocked", 0},
		{0, 100, 300, 0, 100, 200, "no sample", 0},
		{500, 0, 100, 100, 0, 0, "a source without slices", 0},
		{500, 90, 100, 100, 0, 0, "samples win over slices", 0},
		{500, 100, 100, 60, 40, 0, "faults are the kernel's wherever they are sampled",
		 200},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct play p = {0};
		struct cxms_recording rec;
		struct cxms_cells c;
		begin(&p);
		for (unsigned k = 0; k < rows[i].samples; k++)
			play_sample(&p, PID, PID,
				    (k + 1) * rows[i].exit_ms * PLAY_MS / rows[i].samples, 0, 0)
				->flags |= k < rows[i].faults ? CXMS_SAMPLE_AFTER_FAULT : 0;
		end(&p, rows[i].run_ms * PLAY_MS, rows[i].exit_ms * PLAY_MS);
		load(&rec, &p);
		assert_int_equal(cxms_cells_build(&rec, 30 * PLAY_MS, &c, NULL), 0);
		struct cxms_cell sum = sum_of(&c, 0);
		print_message("%s: %g user, %g kernel, %g blocked\n", rows[i].why, sum.user_ns / MS,
			      sum.kernel_ns / MS, sum.blocked_ns / MS);
		assert_true(fabs(sum.user_ns / MS - rows[i].user_ms) < 1e-6);
		assert_true(fabs(sum.kernel_ns / MS - rows[i].kernel_ms) < 1e-6);
		assert_true(fabs(sum.blocked_ns / MS - rows[i].blocked_ms) < 1e-6);
		assert_true(fabs(sum.cpu_ns - sum.user_ns - sum.kernel_ns) < 1);
		cxms_cells_fini(&c);
		cxms_recording_fini(&rec);
	}
}

/* A sample of 200 us seldom fills an epoch exactly; that is no kernel time and no blocking. */
static void test_noise_of_epochs_does_not_add_up(void **state)
{
	struct play p = {0};
	struct cxms_recording rec;
	struct cxms_cells c;
	struct cxms_rng rng;
	(void)state;
	cxms_rng_init(&rng, 3);
	begin(&p);
	for (unsigned k = 0; k < 5000; k++)
		(void)play_sample(&p, PID, PID, k * PERIOD + cxms_rng_below(&rng, 2 * PERIOD), 0,
				  0);
	end(&p, 5000 * PERIOD, 5000 * PERIOD + PLAY_MS);
	load(&rec, &p);
	assert_int_equal(cxms_cells_build(&rec, 1700001, &c, NULL), 0);
	struct cxms_cell sum = sum_of(&c, 0);
	assert_true(sum.kernel_ns < 1 && fabs(sum.blocked_ns - MS) < 1);
	assert_true(fabs(sum.cpu_ns - 5000.0 * PERIOD) < 1);
	cxms_cells_fini(&c);
	cxms_recording_fini(&rec);
}

static void test_auto_epoch_has_400_samples_of_a_running_thread(void **state)
{
	static const struct {
		uint64_t duration_ns, period_ns, busy_pct;
		double want_ms;
		const char *why;
	} rows[] = {
		{1000 * PLAY_MS, 200000, 100, 80, "400 periods"},
		{1000 * PLAY_MS, 10000, 100, 20, "not under 20 ms"},
		{4000 * PLAY_MS, 1000000, 50, 800, "half the time on the CPU: twice as long"},
		{20000000 * PLAY_MS, 200000, 100, 200.000001, "a run of hours: not too many"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct play p = {0};
		struct cxms_recording rec;
		struct cxms_cells c;
		uint64_t run = rows[i].duration_ns / 100 * rows[i].busy_pct;
		begin(&p);
		for (uint64_t t = rows[i].period_ns; t <= run && p.n < 3000; t += rows[i].period_ns)
			play_sample(&p, PID, PID, t, 0, 0)->weight_ns = (uint32_t)rows[i].period_ns;
		end(&p, run, rows[i].duration_ns);
		load(&rec, &p);
		assert_int_equal(cxms_cells_build(&rec, 0, &c, NULL), 0);
		print_message("%s: %g ms\n", rows[i].why, (double)c.epoch_ns / MS);
		assert_true(fabs((double)c.epoch_ns / MS - rows[i].want_ms) < 1e-3);
		cxms_cells_fini(&c);
		cxms_recording_fini(&rec);
	}
}

static void test_index_by_epoch_holds_every_cell_once(void **state)
{
	struct play p = {0};
	struct cxms_recording rec;
	struct cxms_cells c;
	(void)state;
	begin(&p);
	for (uint32_t t = 1; t < 9; t++) {
		play_fork(&p, PID, PID + t, PID, PID, t * 17 * PLAY_MS);
		play_exit(&p, PID, PID + t, (t * 17 + t * t) * PLAY_MS);
	}
	end(&p, 10, 500 * PLAY_MS);
	load(&rec, &p);
	assert_int_equal(cxms_cells_build(&rec, 20 * PLAY_MS, &c, NULL), 0);
	size_t seen = 0;
	for (size_t e = 0; e < c.n_epoch; e++)
		for (size_t k = c.first_of_epoch[e]; k < c.first_of_epoch[e + 1]; k++, seen++)
			assert_int_equal(c.cell[c.by_epoch[k]].epoch, e);
	assert_int_equal(seen, c.n);
	for (uint32_t t = 0; t < rec.n_thread; t++) {
		double life = (double)(rec.thread[t].exit_ns - rec.thread[t].birth_ns);
		assert_true(fabs(sum_of(&c, t).alive_ns - life) < 1e-3);
		size_t i = cxms_cells_at(&c, t, rec.thread[t].birth_ns);
		assert_int_equal(i, c.first_of_thread[t]);
		assert_int_equal(cxms_cells_at(&c, t, UINT64_MAX / 2),
				 c.first_of_thread[t + 1] - 1);
	}
	cxms_cells_fini(&c);
	cxms_recording_fini(&rec);
}

/* 100,000 epochs, and a million cells of all threads together. */
static void test_an_epoch_too_short_is_raised(void **state)
{
	static const struct {
		uint32_t threads;
		uint64_t asked_ns, want_ns;
	} rows[] = {{1, 100, 5001}, {1, 5001, 5001}, {1, 6000, 6000}, {40, 100, 20000}};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct play p = {0};
		struct cxms_recording rec;
		struct cxms_cells c;
		begin(&p);
		for (uint32_t t = 1; t < rows[i].threads; t++) {
			play_fork(&p, PID, PID + t, PID, PID, 0);
			play_exit(&p, PID, PID + t, 500 * PLAY_MS);
		}
		end(&p, 10, 500 * PLAY_MS);
		load(&rec, &p);
		assert_int_equal(cxms_cells_build(&rec, rows[i].asked_ns, &c, NULL), 0);
		assert_int_equal(c.epoch_ns, rows[i].want_ns);
		assert_true(c.n_epoch <= 100001 && c.n <= 1000000 + rows[i].threads);
		cxms_cells_fini(&c);
		cxms_recording_fini(&rec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel_time_is_what_no_user_sample_explains),
		cmocka_unit_test(test_noise_of_epochs_does_not_add_up),
		cmocka_unit_test(test_auto_epoch_has_400_samples_of_a_running_thread),
		cmocka_unit_test(test_index_by_epoch_holds_every_cell_once),
		cmocka_unit_test(test_an_epoch_too_short_is_raised),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
