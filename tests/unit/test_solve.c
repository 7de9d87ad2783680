/* The closed loop against closed forms: one link, one device, light and saturated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>

#include "loop.h"

#define MEM_PS	 100e3
#define CXL_PS	 250e3
#define LINE	 64.0
#define SECOND	 1e12
#define NO_BOUND INFINITY

static struct loop *new_loop(void)
{
	struct loop *l = calloc(1, sizeof(*l));
	assert_non_null(l);
	return l;
}

static struct cxms_server device(double total_cap, double idle_ps)
{
	return (struct cxms_server){.kind = CXMS_SERVER_DEVICE,
				    .read_cap = NO_BOUND,
				    .write_cap = NO_BOUND,
				    .total_cap = total_cap,
				    .idle_ps = idle_ps};
}

static struct cxms_server link_of(double bytes_per_s)
{
	return (struct cxms_server){.kind = CXMS_SERVER_LINK, .dir_bytes_per_s = bytes_per_s};
}

/* N threads that compute @z_ps between two waits on one server. */
static struct loop *closed(struct cxms_server server, unsigned n, double z_ps)
{
	struct loop *l = new_loop();
	double waits = 1e6;
	loop_pass(l, loop_target(l, CXL_PS), loop_server(l, server));
	for (unsigned i = 0; i < n; i++)
		(void)loop_thread(l, waits * z_ps, MEM_PS, 0, waits, waits);
	loop_run(l, MEM_PS, 16);
	return l;
}

static double lines_per_s(const struct loop *l)
{
	return loop_load(l, 0).read_lines_per_s;
}

/* By bisection: the wait w of M/D/1 on both directions where load and time agree. */
static double link_wait_ps(double bytes_per_s, double z_ps)
{
	double lo = 0, hi = 1e9;
	for (int i = 0; i < 200; i++) {
		double w = (lo + hi) / 2;
		double rate = SECOND / (z_ps + CXL_PS + w);
		double up = rate * CXMS_WIRE_READ_UP_BYTES / bytes_per_s;
		double down = rate * CXMS_WIRE_READ_DOWN_BYTES / bytes_per_s;
		double sum = up / (2 * (1 - up)) * CXMS_WIRE_READ_UP_BYTES / bytes_per_s +
			     down / (2 * (1 - down)) * CXMS_WIRE_READ_DOWN_BYTES / bytes_per_s;
		if (up >= 1 || sum * SECOND > w)
			lo = w;
		else
			hi = w;
	}
	return (lo + hi) / 2;
}

static void test_one_thread_on_one_link(void **state)
{
	static const struct {
		double bytes_per_s, z_ps;
		const char *why;
	} rows[] = {
		{31e9, 0, "a chase on eight lanes hardly queues"},
		{500e6, 0, "more than half the link"},
		{100e6, 0, "slower than the chase: the link decides"},
		{100e6, 2e6, "compute between"},
		{31e9, 1e9, "idle"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct loop *l = closed(link_of(rows[i].bytes_per_s), 1, rows[i].z_ps);
		double want = link_wait_ps(rows[i].bytes_per_s, rows[i].z_ps);
		print_message("%s: want %g, got %g\n", rows[i].why, want, l->wait[0]);
		assert_true(fabs(l->wait[0] - want) < 1e-5 * (CXL_PS + want));
		assert_true(l->solve.residual <= CXMS_SOLVE_RESIDUAL);
		free(l);
	}
}

static void test_light_load_sees_the_idle_latency(void **state)
{
	(void)state;
	struct loop *l = closed(device(1e12, CXL_PS), 1, 1e9);
	assert_true(l->latency[0] >= CXL_PS && l->latency[0] < CXL_PS * (1 + 1e-4));
	assert_true(l->utilization[0] < 1e-4);
	free(l);
	l = closed(device(NO_BOUND, CXL_PS), 100, 0);
	assert_true(fabs(l->latency[0] - CXL_PS) < 1e-9);
	free(l);
}

/* Machine repairman: X <= min(N/(Z + R0), cap), rising with N, and the cap itself in the end. */
static void test_throughput_stays_within_the_asymptotic_bounds(void **state)
{
	static const double cap = 10e9, z_ps = 100e3;
	double before = 0;
	(void)state;
	for (unsigned n = 1; n <= LOOP_THREADS; n *= 2) {
		struct loop *l = closed(device(cap, CXL_PS), n, z_ps);
		double x = lines_per_s(l) * LINE, alone = n * SECOND / (z_ps + CXL_PS) * LINE;
		assert_true(x <= alone * (1 + 1e-9) && x <= cap);
		assert_true(x > before);
		if (n == 1)
			assert_true(x > 0.98 * alone);
		if (n == LOOP_THREADS)
			assert_true(x > cap * (1 - 1e-3));
		assert_true(l->solve.start_gap < 1e-5);
		before = x;
		free(l);
	}
}

static void test_miss_registers_bound_the_time(void **state)
{
	(void)state;
	struct loop *l = new_loop();
	loop_pass(l, loop_target(l, CXL_PS), loop_server(l, device(NO_BOUND, CXL_PS)));
	/* 16 lines a wait keep 16 registers full: latency alone; 32 lines need twice the time */
	size_t a = loop_thread(l, 0, MEM_PS, 0, 1e6, 16e6),
	       b = loop_thread(l, 0, MEM_PS, 0, 1e6, 32e6);
	l->thread[b].kernel_ps = 0.1 * l->thread[b].cpu_ps;
	loop_run(l, MEM_PS, 16);
	assert_true(fabs(l->thread[a].new_cpu_ps - 1e6 * CXL_PS) < 1);
	assert_true(fabs(l->thread[a].bound_ps) < 1);
	assert_true(fabs(l->thread[b].new_cpu_ps - (2e6 * CXL_PS + 0.1 * l->thread[b].cpu_ps)) < 1);
	assert_true(l->thread[b].bound_ps > 0);
	free(l);
}

/* Eight threads that take turns on two CPUs ask for what two threads ask that do their work. */
static void test_threads_that_take_turns_ask_for_what_fewer_would(void **state)
{
	static const double caps[] = {1e9, 4e9, NO_BOUND};
	(void)state;
	for (size_t c = 0; c < sizeof(caps) / sizeof(*caps); c++) {
		struct loop *turns = new_loop(), *own = new_loop();
		loop_pass(turns, loop_target(turns, CXL_PS),
			  loop_server(turns, device(caps[c], CXL_PS)));
		loop_pass(own, loop_target(own, CXL_PS), loop_server(own, device(caps[c], CXL_PS)));
		for (unsigned i = 0; i < 8; i++) {
			struct cxms_solve_thread *th =
				&turns->thread[loop_thread(turns, 20e9, MEM_PS, 0, 1e6, 8e6)];
			th->queued_ps = 3 * th->cpu_ps;
			th->wall_ps = 4 * th->cpu_ps;
		}
		for (unsigned i = 0; i < 2; i++)
			(void)loop_thread(own, 80e9, MEM_PS, 0, 4e6, 32e6);
		loop_run(turns, MEM_PS, 16);
		loop_run(own, MEM_PS, 16);
		double each = turns->thread[0].new_cpu_ps, all = own->thread[0].new_cpu_ps;
		assert_true(fabs(4 * each - all) < 1e-5 * all);
		assert_true(fabs(cxms_solve_wall_ps(&turns->thread[0]) - all) < 1e-5 * all);
		assert_true(all >= 0.999 * 64e6 * LINE / caps[c] * SECOND);
		free(turns);
		free(own);
	}
}

/*
 * A thread that waits for memory and one that computes share a CPU: while the one runs the other
 * waits, so both are there for the sum of their times, whatever the one's have become, and the
 * device is asked in that time.
 */
static void test_who_shares_a_cpu_waits_for_its_holder(void **state)
{
	static const double caps[] = {200e6, 1e9, NO_BOUND}, computes[] = {1e9, 50e9, 400e9};
	(void)state;
	for (size_t i = 0; i < 9; i++) {
		const double cap = caps[i / 3], compute = computes[i % 3];
		struct loop *l = new_loop();
		loop_pass(l, loop_target(l, CXL_PS), loop_server(l, device(cap, CXL_PS)));
		struct cxms_solve_thread *a = &l->thread[loop_thread(l, 0, MEM_PS, 0, 1e6, 8e6)],
					 *b = &l->thread[loop_thread(l, compute, MEM_PS, 0, 0, 0)];
		a->queued_ps = b->cpu_ps;
		b->queued_ps = a->cpu_ps;
		a->wall_ps = b->wall_ps = a->cpu_ps + b->cpu_ps;
		loop_run(l, MEM_PS, 16);
		double sum = 1e6 * l->latency[0] + compute; /* a wait for each eight lines */
		print_message("%g B/s, %g ms of work: %g ms\n", cap, compute / 1e9, sum / 1e9);
		assert_true(fabs(cxms_solve_wall_ps(a) - sum) < 1e-6 * sum);
		assert_true(fabs(cxms_solve_wall_ps(b) - sum) < 1e-6 * sum);
		/* 0.1 %: a device near its cap waits without bound, so it stays below */
		double floor = 8e6 * LINE / cap * SECOND;
		assert_true(sum >= 0.999 * floor);
		assert_true(sum <= fmax(floor, 1e6 * CXL_PS + compute) * 1.5);
		free(l);
	}
}

/* Who waits for longer than the others run waits for other programs: again each time. */
static void test_a_cpu_that_other_programs_hold_is_waited_for_again(void **state)
{
	(void)state;
	struct loop *l = new_loop();
	loop_pass(l, loop_target(l, CXL_PS), loop_server(l, device(NO_BOUND, CXL_PS)));
	struct cxms_solve_thread *a = &l->thread[loop_thread(l, 0, MEM_PS, 0, 1e6, 1e6)],
				 *b = &l->thread[loop_thread(l, 30e9, MEM_PS, 0, 0, 0)];
	a->queued_ps = 2 * a->cpu_ps + b->cpu_ps;
	a->wall_ps = b->wall_ps = a->cpu_ps + a->queued_ps;
	b->program = 1;
	loop_run(l, MEM_PS, 16);
	double factor = CXL_PS / MEM_PS;
	assert_true(fabs(cxms_solve_wall_ps(a) / (a->wall_ps * factor) - 1) < 1e-9);
	assert_true(fabs(cxms_solve_wall_ps(b) / b->wall_ps - 1) < 1e-9);
	b->program = 0;
	cxms_solve_times(&l->solve);
	double alone = 3 * a->cpu_ps * factor + b->cpu_ps; /* of the wait the other held its time */
	assert_true(fabs(cxms_solve_wall_ps(a) / alone - 1) < 1e-9);
	/* the scheduler told that all of it was: the other ran beside it */
	a->taken_ps = a->queued_ps;
	assert_true(fabs(cxms_solve_wall_ps(a) / (a->wall_ps * factor) - 1) < 1e-9);
	free(l);
}

static void test_faster_memory_never_makes_time_negative(void **state)
{
	(void)state;
	struct loop *l = new_loop();
	loop_pass(l, loop_target(l, 10e3), loop_server(l, device(NO_BOUND, 10e3)));
	size_t i = loop_thread(l, 5e9, MEM_PS, 0, 1e6, 1e6);
	l->demand[i][0].stall_ps /= 4; /* most of the waiting was hidden */
	l->thread[i].cpu_ps = l->thread[i].wall_ps = 5e9 + l->demand[i][0].stall_ps;
	loop_run(l, MEM_PS, 16);
	assert_true(fabs(l->thread[i].new_cpu_ps - 5e9) < 1);
	free(l);
}

/*
 * Stores past the caches read nothing, and wait for their device all the same: it never passes more
 * than it can, and its wait is that of the load.
 */
static void test_what_is_only_written_waits_too(void **state)
{
	static const double caps[] = {1e9, 5e9, 50e9, NO_BOUND};
	(void)state;
	for (size_t c = 0; c < sizeof(caps) / sizeof(*caps); c++) {
		struct loop *l = new_loop();
		loop_pass(l, loop_target(l, CXL_PS), loop_server(l, device(caps[c], CXL_PS)));
		size_t i = loop_thread(l, 0, MEM_PS, 0, 1e6, 0);
		l->demand[i][0].writes = 32e6;
		loop_run(l, MEM_PS, 16);
		struct cxms_load load = loop_load(l, 0);
		double u = load.write_lines_per_s * LINE / caps[c];
		double wait = cxms_server_wait_ps(&l->server[0], &load);
		assert_true(u < 1 && (u > 0.9 || caps[c] > 5e9));
		assert_true(fabs(l->wait[0] - wait) < 1e-4 * (CXL_PS + wait));
		assert_true(fabs(l->utilization[0] - u) < 1e-9);
		free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_thread_on_one_link),
		cmocka_unit_test(test_light_load_sees_the_idle_latency),
		cmocka_unit_test(test_throughput_stays_within_the_asymptotic_bounds),
		cmocka_unit_test(test_miss_registers_bound_the_time),
		cmocka_unit_test(test_threads_that_take_turns_ask_for_what_fewer_would),
		cmocka_unit_test(test_who_shares_a_cpu_waits_for_its_holder),
		cmocka_unit_test(test_a_cpu_that_other_programs_hold_is_waited_for_again),
		cmocka_unit_test(test_faster_memory_never_makes_time_negative),
		cmocka_unit_test(test_what_is_only_written_waits_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
