#include "core/overlap.h"

#include <math.h>

double cxms_overlap_slow_share(double slow, double window, double flight, double fast_ps,
			       double slow_ps)
{
	double more_ps = slow_ps - fast_ps;
	if (slow <= 0 || slow >= 1 || window <= 1 || !(more_ps > 0))
		return slow;
	double lines = 1 + (window - 1) * more_ps / slow_ps;
	double share = lines * slow / (1 - slow + lines * slow);
	double through_ps = fmin(1, flight / window) * (fast_ps + share * more_ps);
	return fmax(slow, (through_ps - fast_ps) / more_ps);
}
