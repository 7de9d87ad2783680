/* The checks of every solution: true solutions pass, and each broken one is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>

#include "loop.h"
#include "sim/check.h"

#define MEM_PS 100e3

static struct loop l;
static struct cxms_fabric_part part[LOOP_SERVERS];
static struct cxms_load room[LOOP_TARGETS + LOOP_SERVERS];

/* Local memory; two devices below one port. */
static void solve(void)
{
	memset(&l, 0, sizeof(l));
	struct cxms_server device = {.kind = CXMS_SERVER_DEVICE,
				     .read_cap = INFINITY,
				     .write_cap = INFINITY,
				     .total_cap = 20e9,
				     .idle_ps = 250e3};
	struct cxms_server port = {.kind = CXMS_SERVER_LINK, .dir_bytes_per_s = 10e9};
	size_t up = loop_server(&l, port);
	for (size_t t = 0; t < 3; t++) {
		(void)loop_target(&l, t ? 250e3 : 100e3);
		size_t own = loop_server(&l, device);
		loop_pass(&l, t, own);
		part[own].above = t ? up : SIZE_MAX;
		if (t)
			loop_pass(&l, t, up);
		for (unsigned i = 0; i < 8; i++)
			(void)loop_thread(&l, 1e9, MEM_PS, t, 1e5, 4e5);
	}
	part[up].above = SIZE_MAX;
	loop_run(&l, MEM_PS, 16);
	l.fabric.part = part;
}

static struct cxms_check judge(void)
{
	struct cxms_check c = {0};
	cxms_check_epoch(&l.solve, room, &c);
	return c;
}

static void assert_tells(const struct cxms_check *c, const char *word)
{
	char text[120];
	assert_false(cxms_check_holds(c));
	cxms_check_tell(c, text, sizeof(text));
	if (!strstr(text, word))
		fail_msg("'%s' does not tell of '%s'", text, word);
}

static void test_a_solution_holds(void **state)
{
	(void)state;
	solve();
	assert_true(l.utilization[1] > 0.9); /* the port is worth a check */
	struct cxms_check c = judge();
	assert_true(cxms_check_holds(&c));
}

static void test_more_than_the_capacity_is_found(void **state)
{
	(void)state;
	solve();
	for (size_t i = 0; i < l.solve.n_thread; i++)
		l.thread[i].new_cpu_ps /= 4; /* as if it had taken no more than that */
	struct cxms_check c = judge();
	assert_tells(&c, "capacity");
}

static void test_a_wait_that_nobody_queued_for_is_found(void **state)
{
	(void)state;
	solve();
	l.wait[0] *= 1.01;
	struct cxms_check c = judge();
	assert_tells(&c, "Little");
}

static void test_a_way_around_its_port_is_found(void **state)
{
	(void)state;
	solve();
	l.target[2].n_server--; /* the port */
	struct cxms_check c = judge();
	assert_true(c.port > 0.1);
	/* and the time it took is nobody's */
	assert_tells(&c, "port");
}

static void test_an_answer_before_idle_is_found(void **state)
{
	(void)state;
	solve();
	l.latency[0] = 0.99 * l.target[0].idle_ps;
	struct cxms_check c = judge();
	assert_true(c.completion > 0.009 && c.completion < 0.011);
	assert_false(cxms_check_holds(&c));
}

static void test_lost_lines_and_no_numbers_are_found(void **state)
{
	struct cxms_check c = {0}, all = {0};
	(void)state;
	cxms_check_lines(1e9, 1e9 * (1 + 1e-12), &c);
	assert_true(cxms_check_holds(&c));
	cxms_check_lines(0, 0, &c);
	assert_true(cxms_check_holds(&c));
	cxms_check_lines(1e9, 1.001e9, &c);
	assert_tells(&c, "lines");
	cxms_check_join(&c, &all);
	assert_tells(&all, "lines");
	c = (struct cxms_check){.little = NAN};
	all = (struct cxms_check){0};
	cxms_check_join(&c, &all);
	assert_tells(&all, "Little");
	/* and stays so, whatever comes behind it */
	c = (struct cxms_check){0};
	cxms_check_join(&c, &all);
	assert_tells(&all, "Little");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_solution_holds),
		cmocka_unit_test(test_more_than_the_capacity_is_found),
		cmocka_unit_test(test_a_wait_that_nobody_queued_for_is_found),
		cmocka_unit_test(test_a_way_around_its_port_is_found),
		cmocka_unit_test(test_an_answer_before_idle_is_found),
		cmocka_unit_test(test_lost_lines_and_no_numbers_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
