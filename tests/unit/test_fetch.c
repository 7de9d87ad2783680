/* Cycles of a front end that fetches lines, against what can be counted by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "core/fetch.h"

#define MAX_INSN 64

/* @n instructions of @len bytes and @uops each from @addr on; cycles and the last group's rest, in
 * 256ths, of a core of width 8 that waits @bubble cycles for a line. */
static struct cxms_fetch_cost cost_of(uint64_t addr, unsigned n, uint8_t len, uint8_t uops,
				      int32_t bubble)
{
	struct cxms_fetch_insn insn[MAX_INSN];
	struct cxms_block b = {.addr = addr, .n_insn = n, .fetch = insn};
	struct cxms_fetch_cost out;
	for (unsigned i = 0; i < n; i++)
		insn[i] = (struct cxms_fetch_insn){(int32_t)(i * len), len, uops};
	cxms_fetch_cost(&b, 8, 1, bubble, &out);
	return out;
}

static void check(struct cxms_fetch_cost c, double own, double rest)
{
	if (c.own_q8 != (int32_t)(own * 256) || c.rest_q8 != (int32_t)(rest * 256))
		fail_msg("%g cycles and %g, expected %g and %g", c.own_q8 / 256.0,
			 c.rest_q8 / 256.0, own, rest);
}

static void test_within_a_line_only_the_width_counts(void **state)
{
	(void)state;
	check(cost_of(0x1000, 4, 4, 2, 5), 1, 0);
	check(cost_of(0x1000, 4, 4, 1, 5), 0.5, 0.5);
	check(cost_of(0x1000, 3, 4, 8, 5), 3, 0);
}

/* 32 bytes lie in one line at three places of four; at the other, the line's end splits 8 uops in
 * two groups and costs a bubble. The middle of 1 and 2 + bubble; the rest: a half in one of four.
 */
static void test_a_line_ends_a_group(void **state)
{
	(void)state;
	check(cost_of(0x1000, 8, 4, 1, 1), 2 - 0.125, 0.125);
	check(cost_of(0x1000, 8, 4, 1, 3), 3 - 0.125, 0.125);
	/* wherever the block is, the places are the same */
	check(cost_of(0x1030, 8, 4, 1, 3), 3 - 0.125, 0.125);
}

/* An instruction in two lines costs a cycle more than one that ends at the border, if the group
 * before it is full: it has to be begun. From 0x1000 to 0x1046, 7 bytes and 8 uops each: at every
 * place one straddles. */
static void test_an_instruction_in_two_lines_is_begun_first(void **state)
{
	(void)state;
	check(cost_of(0x1000, 10, 7, 8, 0), 11, 0);
	check(cost_of(0x1000, 8, 8, 8, 0), 8, 0); /* none does */
}

static void test_jumps_end_a_group(void **state)
{
	struct cxms_fetch_insn insn[] = {{0, 2, 1}, {2, 2, 1}, {0, 2, 1}, {2, 2, 1}};
	struct cxms_block b = {.addr = 0x1000, .n_insn = 4, .fetch = insn};
	struct cxms_fetch_cost c;
	(void)state;
	cxms_fetch_cost(&b, 8, 1, 1, &c);
	check(c, 1.25, 0.75);
}

static void test_bytes_in_different_lines(void **state)
{
	(void)state;
	assert_int_equal(cxms_fetch_apart_q8(0x1000, 0x1000), 0);
	assert_int_equal(cxms_fetch_apart_q8(0x1000, 0x1040), 256);
	assert_int_equal(cxms_fetch_apart_q8(0x1000, 0x1010), 64);
	assert_int_equal(cxms_fetch_apart_q8(0x1030, 0x1000), 192);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_within_a_line_only_the_width_counts),
		cmocka_unit_test(test_a_line_ends_a_group),
		cmocka_unit_test(test_an_instruction_in_two_lines_is_begun_first),
		cmocka_unit_test(test_jumps_end_a_group),
		cmocka_unit_test(test_bytes_in_different_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
