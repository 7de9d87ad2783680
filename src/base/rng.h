/* Seeded, splittable pseudo-random numbers: the same seed gives the same numbers on every machine.
 */
#ifndef CXMS_BASE_RNG_H
#define CXMS_BASE_RNG_H

#include <stdint.h>

/** struct cxms_rng - xoshiro256** state (Blackman and Vigna 2021), seeded by splitmix64 */
struct cxms_rng {
	uint64_t s[4];
};

/** any seed will do, 0 as well */
void cxms_rng_init(struct cxms_rng *r, uint64_t seed);
/** uniform in [0, 2^64) */
uint64_t cxms_rng_u64(struct cxms_rng *r);
/** uniform in [0, n), n > 0, unbiased */
uint64_t cxms_rng_below(struct cxms_rng *r, uint64_t n);
/** uniform in [0, 1), 53 bits */
double cxms_rng_unit(struct cxms_rng *r);
/** cxms_hash_u64() - a fixed mixing of one 64-bit value (splitmix64 finaliser) */
uint64_t cxms_hash_u64(uint64_t v);

#endif
