#include "base/rng.h"

#include <assert.h>

/* Constants of splitmix64 (Steele, Lea, Flood 2014; Vigna's reference code). */
#define SPLITMIX_GAMMA 0x9e3779b97f4a7c15ull
#define SPLITMIX_MUL1  0xbf58476d1ce4e5b9ull
#define SPLITMIX_MUL2  0x94d049bb133111ebull

/* One splitmix64 output for state @v: the step by gamma first, so that 0 does not map to 0. */
uint64_t cxms_hash_u64(uint64_t v)
{
	v += SPLITMIX_GAMMA;
	v = (v ^ (v >> 30)) * SPLITMIX_MUL1;
	v = (v ^ (v >> 27)) * SPLITMIX_MUL2;
	return v ^ (v >> 31);
}

void cxms_rng_init(struct cxms_rng *r, uint64_t seed)
{
	for (uint64_t i = 0; i < 4; i++)
		r->s[i] = cxms_hash_u64(seed + i * SPLITMIX_GAMMA);
}

static uint64_t rotl(uint64_t v, unsigned by)
{
	return (v << by) | (v >> (64 - by));
}

uint64_t cxms_rng_u64(struct cxms_rng *r)
{
	uint64_t *s = r->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

/* Draws below 2^64 mod n are thrown away, so that every remainder is equally frequent. */
uint64_t cxms_rng_below(struct cxms_rng *r, uint64_t n)
{
	assert(n > 0);
	uint64_t skip = (0 - n) % n;
	uint64_t v = cxms_rng_u64(r);
	while (v < skip)
		v = cxms_rng_u64(r);
	return v % n;
}

double cxms_rng_unit(struct cxms_rng *r)
{
	return (double)(cxms_rng_u64(r) >> 11) * 0x1.0p-53;
}
