/* A figure that is as it should be but for so many per cent. */
#ifndef CXMS_TESTS_SUPPORT_NEAR_H
#define CXMS_TESTS_SUPPORT_NEAR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>

/* NaN is near to nothing. */
static inline void near_pct(double got, double want, double pct, const char *what, double at)
{
	if (!(fabs(got - want) <= pct / 100 * fabs(want)))
		fail_msg("%s at %g: got %g, want %g within %g %%", what, at, got, want, pct);
}

#endif
