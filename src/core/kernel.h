/* Memory that the kernel itself waits for on the program's pages: filling fresh ones, and copying.
 */
#ifndef CXMS_CORE_KERNEL_H
#define CXMS_CORE_KERNEL_H

#include "core/demand.h"

/*
 * Lines in flight while the kernel fills or copies: 28.7 of a stream with its prefetches at best,
 * 10.5 of random lines at worst, as measured on one core of a fifth-generation Xeon; the geometric
 * mean in the middle.
 */
#define CXMS_KERNEL_LINES_BEST	28.7
#define CXMS_KERNEL_LINES_WORST 10.5
/*
 * Share of the other kernel time that waits for the program's pages, while it copies. Buffers are
 * mostly used again and again and lie in caches, hence little; a large buffer used once is the
 * upper end.
 */
#define CXMS_ASSUMED_KERNEL_COPY_RATIO	   0.1
#define CXMS_ASSUMED_KERNEL_COPY_RATIO_MAX 0.5

/** cxms_kernel_lines() - lines in flight at an end of the span */
double cxms_kernel_lines(enum cxms_span end);
/** cxms_kernel_copy_ratio() - share of the kernel time beside first touches; 0 at the lower end */
double cxms_kernel_copy_ratio(enum cxms_span end);

#endif
