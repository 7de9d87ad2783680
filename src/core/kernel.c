#include "core/kernel.h"

#include <math.h>

double cxms_kernel_lines(enum cxms_span end)
{
	if (end == CXMS_SPAN_LO)
		return CXMS_KERNEL_LINES_BEST;
	if (end == CXMS_SPAN_HI)
		return CXMS_KERNEL_LINES_WORST;
	return sqrt(CXMS_KERNEL_LINES_BEST * CXMS_KERNEL_LINES_WORST);
}

double cxms_kernel_copy_ratio(enum cxms_span end)
{
	if (end == CXMS_SPAN_LO)
		return 0;
	return end == CXMS_SPAN_HI ? CXMS_ASSUMED_KERNEL_COPY_RATIO_MAX
				   : CXMS_ASSUMED_KERNEL_COPY_RATIO;
}
