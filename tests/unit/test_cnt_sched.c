#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "source/cnt_sched.h"

/* A CHA: four counters, occupancy on counter 0 only (Intel's event lists). */
static const struct cxms_cnt_box cha = {.name = "uncore_cha_0", .counters = 0xf, .n_reg = {1}};

static int schedule(const struct cxms_cnt_box *box, const struct cxms_cnt_want *want, size_t n,
		    bool multiplex, struct cxms_cnt_slot *slot, unsigned *groups,
		    struct cxms_err *err)
{
	return cxms_cnt_schedule(box, want, n, multiplex, slot, groups, err);
}

static void test_two_inserts_occupancy_and_clock_fill_a_cha(void **state)
{
	static const struct cxms_cnt_want want[] = {{.name = "clockticks", .counters = 0xf},
						    {.name = "inserts ddr", .counters = 0xf},
						    {.name = "inserts cxl", .counters = 0xf},
						    {.name = "occupancy", .counters = 0x1}};
	struct cxms_cnt_slot slot[4];
	unsigned groups = 0;

	(void)state;
	assert_int_equal(schedule(&cha, want, 4, false, slot, &groups, NULL), 0);
	assert_int_equal(groups, 1);
	assert_int_equal(slot[3].counter, 0);
}

static void test_two_occupancies_are_refused_by_name(void **state)
{
	static const struct cxms_cnt_want want[] = {{.name = "occupancy ddr", .counters = 0x1},
						    {.name = "inserts", .counters = 0xf},
						    {.name = "occupancy cxl", .counters = 0x1}};
	struct cxms_cnt_slot slot[3] = {{7, 7}, {7, 7}, {7, 7}};
	struct cxms_err err = {0};
	unsigned groups = 9;

	(void)state;
	assert_int_equal(schedule(&cha, want, 3, false, slot, &groups, &err), -ENOSPC);
	assert_string_equal(err.msg,
			    "'occupancy cxl', 'occupancy ddr' do not fit box 'uncore_cha_0' "
			    "together: they share counter 0; leave one out, or let them count in "
			    "turns");
	assert_int_equal(groups, 9);
	assert_int_equal(slot[0].group, 7);
	assert_int_equal(schedule(&cha, want, 3, true, slot, &groups, NULL), 0);
	assert_int_equal(groups, 2);
	assert_int_not_equal(slot[0].group, slot[2].group);
}

static void test_bundles_stay_together_when_counting_in_turns(void **state)
{
	/* Two ratios of occupancy by inserts. */
	static const struct cxms_cnt_want want[] = {
		{.name = "inserts ddr", .counters = 0xf, .bundle = 1},
		{.name = "inserts cxl", .counters = 0xf, .bundle = 2},
		{.name = "occupancy ddr", .counters = 0x1, .bundle = 1},
		{.name = "occupancy cxl", .counters = 0x1, .bundle = 2}};
	struct cxms_cnt_slot slot[4];
	unsigned groups = 0;

	(void)state;
	assert_int_equal(schedule(&cha, want, 4, true, slot, &groups, NULL), 0);
	assert_int_equal(groups, 2);
	assert_int_equal(slot[0].group, slot[2].group);
	assert_int_equal(slot[1].group, slot[3].group);
}

static void test_filters_of_one_register_do_not_mix(void **state)
{
	static const struct cxms_cnt_want want[] = {
		{.name = "a", .counters = 0xf, .reg = 1, .reg_value = 0x40433},
		{.name = "b", .counters = 0xf, .reg = 1, .reg_value = 0x40433},
		{.name = "c", .counters = 0xf, .reg = 1, .reg_value = 0x40432}};
	struct cxms_cnt_slot slot[3];
	struct cxms_err err = {0};
	unsigned groups;

	(void)state;
	assert_int_equal(schedule(&cha, want, 2, false, slot, &groups, NULL), 0);
	assert_int_equal(schedule(&cha, want, 3, false, slot, &groups, &err), -ENOSPC);
	assert_non_null(strstr(err.msg, "'c'"));
	assert_non_null(strstr(err.msg, "extra registers"));
	assert_int_equal(schedule(&cha, want, 3, true, slot, &groups, NULL), 0);
	assert_int_equal(groups, 2);
	assert_int_equal(slot[0].group, slot[1].group);
}

static void test_what_no_turn_can_count_is_refused_in_any_case(void **state)
{
	static const struct cxms_cnt_want lone[] = {{.name = "far", .counters = 0x10}};
	static const struct cxms_cnt_want pair[] = {{.name = "x", .counters = 0x1, .bundle = 3},
						    {.name = "y", .counters = 0x1, .bundle = 3}};
	struct cxms_cnt_slot slot[2];
	struct cxms_err err = {0};
	unsigned groups;

	(void)state;
	assert_int_equal(schedule(&cha, lone, 1, true, slot, &groups, &err), -ENOSPC);
	assert_string_equal(err.msg, "box 'uncore_cha_0' has no counter for 'far'; leave it out");
	cxms_err_clear(&err);
	assert_int_equal(schedule(&cha, pair, 2, true, slot, &groups, &err), -ENOSPC);
	assert_non_null(strstr(err.msg, "'y', 'x'"));
	assert_int_equal(schedule(&cha, pair, 0, false, slot, &groups, NULL), 0);
	assert_int_equal(groups, 0);
	assert_int_equal(schedule(&cha, pair, CXMS_CNT_MAX + 1, true, slot, &groups, NULL), -E2BIG);
}

/* Can events (bits) be given different counters? Tries every assignment. */
static bool fits(const struct cxms_cnt_want *want, unsigned events, uint64_t taken)
{
	if (!events)
		return true;
	unsigned e = (unsigned)__builtin_ctz(events);

	for (unsigned c = 0; c < 3; c++)
		if (want[e].counters >> c & 1 && !(taken >> c & 1) &&
		    fits(want, events & (events - 1), taken | 1ull << c))
			return true;
	return false;
}

/* The fewest groups over every way to deal the events out; 0 = none. */
static unsigned fewest(const struct cxms_cnt_want *want, unsigned n)
{
	unsigned best = 0, deals = 1;

	for (unsigned i = 0; i < n; i++)
		deals *= n;
	for (unsigned d = 0; d < deals; d++) {
		unsigned of[4], set[4] = {0}, used = 0;
		bool ok = true;

		for (unsigned i = 0, rest = d; i < n; i++, rest /= n) {
			of[i] = rest % n;
			set[of[i]] |= 1u << i;
		}
		for (unsigned i = 0; i < n; i++)
			for (unsigned k = 0; k < i; k++)
				if (want[i].bundle && want[i].bundle == want[k].bundle)
					ok = ok && of[i] == of[k];
		for (unsigned g = 0; g < n && ok; g++) {
			used += set[g] != 0;
			ok = fits(want, set[g], 0);
		}
		if (ok && (!best || used < best))
			best = used;
	}
	return best;
}

static void assert_sound(const struct cxms_cnt_want *want, unsigned n,
			 const struct cxms_cnt_slot *slot, unsigned groups)
{
	for (unsigned i = 0; i < n; i++) {
		assert_true(slot[i].group < groups);
		assert_true(want[i].counters >> slot[i].counter & 1);
		for (unsigned k = 0; k < i; k++) {
			assert_false(slot[i].group == slot[k].group &&
				     slot[i].counter == slot[k].counter);
			if (want[i].bundle && want[i].bundle == want[k].bundle)
				assert_int_equal(slot[i].group, slot[k].group);
		}
	}
}

/* Four events with every set of counters on a box of three, alone and in every pair of bundles. */
static void test_every_small_case_is_as_good_as_the_best(void **state)
{
	static const struct cxms_cnt_box box = {.name = "box", .counters = 0x7};
	static const uint32_t bundle[][4] = {{0, 0, 0, 0}, {1, 1, 0, 0}, {1, 2, 1, 2},
					     {1, 2, 2, 1}, {0, 1, 1, 1}, {1, 1, 1, 1}};

	(void)state;
	for (unsigned code = 0; code < 7 * 7 * 7 * 7; code++)
		for (size_t b = 0; b < sizeof(bundle) / sizeof(bundle[0]); b++) {
			struct cxms_cnt_want want[4];
			struct cxms_cnt_slot slot[4];
			unsigned groups = 0, best;

			for (unsigned i = 0, rest = code; i < 4; i++, rest /= 7)
				want[i] = (struct cxms_cnt_want){.name = "e",
								 .counters = 1 + rest % 7,
								 .bundle = bundle[b][i]};
			best = fewest(want, 4);
			assert_int_equal(schedule(&box, want, 4, true, slot, &groups, NULL),
					 best ? 0 : -ENOSPC);
			if (best) {
				assert_int_equal(groups, best);
				assert_sound(want, 4, slot, groups);
			}
			assert_int_equal(schedule(&box, want, 4, false, slot, &groups, NULL),
					 best == 1 ? 0 : -ENOSPC);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_inserts_occupancy_and_clock_fill_a_cha),
		cmocka_unit_test(test_two_occupancies_are_refused_by_name),
		cmocka_unit_test(test_bundles_stay_together_when_counting_in_turns),
		cmocka_unit_test(test_filters_of_one_register_do_not_mix),
		cmocka_unit_test(test_what_no_turn_can_count_is_refused_in_any_case),
		cmocka_unit_test(test_every_small_case_is_as_good_as_the_best),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
