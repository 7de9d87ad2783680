/* Values of all lanes at once, with the instructions of the file that includes this. */
#ifndef CXMS_CORE_WINDOW_VECTOR_H
#define CXMS_CORE_WINDOW_VECTOR_H

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "core/window_priv.h"

#define CXMS_STEP static inline __attribute__((always_inline))

#ifdef __AVX2__
CXMS_STEP cxms_v8 later(cxms_v8 a, cxms_v8 b)
{
	return (cxms_v8)_mm256_max_epi32((__m256i)a, (__m256i)b);
}

/* @mask: lanes of 0 or -1 */
CXMS_STEP bool any(cxms_v8 mask)
{
	return !_mm256_testz_si256((__m256i)mask, (__m256i)mask);
}

CXMS_STEP cxms_v8 earlier(cxms_v8 a, cxms_v8 b)
{
	return (cxms_v8)_mm256_min_epi32((__m256i)a, (__m256i)b);
}

/* @mask: as above; @a where it is set */
CXMS_STEP cxms_v8 choose(cxms_v8 mask, cxms_v8 a, cxms_v8 b)
{
	return (cxms_v8)_mm256_blendv_epi8((__m256i)b, (__m256i)a, (__m256i)mask);
}
#else
CXMS_STEP cxms_v8 choose(cxms_v8 mask, cxms_v8 a, cxms_v8 b)
{
	return (a & mask) | (b & ~mask);
}

CXMS_STEP cxms_v8 later(cxms_v8 a, cxms_v8 b)
{
	return choose(a > b, a, b);
}

CXMS_STEP cxms_v8 earlier(cxms_v8 a, cxms_v8 b)
{
	return choose(a < b, a, b);
}

CXMS_STEP bool any(cxms_v8 mask)
{
	int32_t some = 0;
	for (int l = 0; l < CXMS_LANES; l++)
		some |= mask[l];
	return some != 0;
}
#endif

CXMS_STEP cxms_v8 all(int32_t v)
{
	return (cxms_v8){v, v, v, v, v, v, v, v};
}

#endif
