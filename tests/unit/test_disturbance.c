/* What a disturbance costs is told from pieces of work, whatever else happens to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "source/disturbance.h"

#define PIECES 2000u
#define QUIET  30000u
#define OWN    15000u /* what a disturbance adds to the piece it begins in */
#define AFTER  2000u  /* and to each of the next eight */
#define COST   (OWN + 8 * AFTER)

struct row {
	const char *why;
	unsigned every;	   /* pieces from one disturbance to the next */
	unsigned burst;	   /* one of so many meets something else as well; 0 = none */
	unsigned drift_ns; /* by which a quiet piece takes longer than the one before */
	uint64_t least_ns, most_ns;
};

static const struct row rows[] = {
	{"all that it slows down counts", 25, 0, 0, COST, COST},
	{"work that becomes slower does not count", 25, 0, 20, COST, COST + 5000},
	{"bursts do not count", 25, 3, 0, COST, COST},
	{"not even if half are bursts", 20, 2, 0, COST, COST},
	{"too few", 200, 0, 0, 0, 0},
	{"no quiet pieces between", 9, 0, 0, 0, 0},
};

static void lay_out(const struct row *r, struct cxms_piece *piece)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PIECES; i++)
		piece[i] = (struct cxms_piece){.took_ns = QUIET + i * r->drift_ns};
	for (unsigned i = r->every; i + 1 < PIECES; i += r->every) {
		piece[i].is_disturbed = true;
		piece[i].took_ns += OWN;
		for (unsigned k = i + 1; k <= i + 8 && k < PIECES; k++)
			piece[k].took_ns += AFTER;
		if (r->burst && ++n % r->burst == 0)
			piece[i].took_ns += 4000000;
	}
}

static void test_what_a_disturbance_costs(void **state)
{
	static struct cxms_piece piece[PIECES];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		lay_out(&rows[i], piece);
		print_message("%s\n", rows[i].why);
		assert_in_range(cxms_disturbance_ns(piece, PIECES), rows[i].least_ns,
				rows[i].most_ns);
	}
}

static void test_no_cost_is_no_less_than_one(void **state)
{
	static struct cxms_piece piece[PIECES];

	(void)state;
	for (unsigned i = 0; i < PIECES; i++)
		piece[i] = (struct cxms_piece){.took_ns = QUIET - (i % 25 == 0),
					       .is_disturbed = i % 25 == 0};
	assert_int_equal(cxms_disturbance_ns(piece, PIECES), 1);
	assert_int_equal(cxms_disturbance_ns(piece, 0), 0);
}

static void test_the_least_known_cost_counts(void **state)
{
	(void)state;
	assert_int_equal(cxms_least_cost(0, 7), 7);
	assert_int_equal(cxms_least_cost(7, 0), 7);
	assert_int_equal(cxms_least_cost(9, 7), 7);
	assert_int_equal(cxms_least_cost(7, 9), 7);
	assert_int_equal(cxms_least_cost(0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_disturbance_costs),
		cmocka_unit_test(test_no_cost_is_no_less_than_one),
		cmocka_unit_test(test_the_least_known_cost_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
