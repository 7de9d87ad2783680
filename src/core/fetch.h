/*
 * How long a front end that fetches line by line takes for a block of code. MODELS: exact source.
 *
 * A cycle delivers a group of as many uops as the core is wide, until a taken branch or the end of
 * the line. The next line comes an access of the first level later; an instruction that lies in two
 * lines is begun in one group and ends in the next (gem5 v24.0, src/cpu/o3/fetch.cc). Where the
 * lines of a loop begin is the linker's choice, at multiples of 16 bytes: a block costs the middle
 * between the best and the worst of those places, so that no place is far off.
 */
#ifndef CXMS_CORE_FETCH_H
#define CXMS_CORE_FETCH_H

#include <stdint.h>

#include "core/uops.h"

/**
 * struct cxms_fetch_cost - in 256ths of the unit that the cycle was given in
 * @own:  of the block's groups; the last one as far as it is full
 * @rest: what the last one lacks: lost where a taken branch, or the line's end, follows
 */
struct cxms_fetch_cost {
	int32_t own_q8, rest_q8;
};

/** cxms_fetch_cost() - @cycle, @bubble: time of a group, and until the next line is there */
void cxms_fetch_cost(const struct cxms_block *b, uint32_t width, int32_t cycle, int32_t bubble,
		     struct cxms_fetch_cost *out);

/** cxms_fetch_apart_q8() - share of the places, in 256ths, at which two bytes are in different
 * lines
 */
int32_t cxms_fetch_apart_q8(uint64_t a, uint64_t b);

#endif
