#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define SOURCE (&cxms_source_clock)

#include "watch_cases.h"

static void test_first_touches_are_told(void **state)
{
	struct watch_tally t;

	(void)state;
	WATCH_NEEDS(SOURCE);
	chase(&t, "16", "10", "1");
	/* 16 MiB in pages of 4 KiB, unless the kernel used huge ones. */
	assert_true(t.n[CXMS_EV_FAULT] + t.totals.lost_faults >= 8);
	assert_true(SOURCE->caps & CXMS_SRC_FAULTS);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WATCH_CASES,
		cmocka_unit_test(test_first_touches_are_told),
	};

	watch_program_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
