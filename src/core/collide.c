#include "core/collide.h"

#include <assert.h>
#include <stdbool.h>

#define SINGLE_BINS 8u

uint64_t cxms_seen_first(unsigned bin)
{
	uint64_t first = bin + 1;
	if (bin < SINGLE_BINS)
		return first;
	first = SINGLE_BINS + 1;
	for (unsigned b = SINGLE_BINS; b < bin; b++)
		first += first / 2;
	return first;
}

unsigned cxms_seen_bin(uint64_t times)
{
	assert(times > 0);
	if (times <= SINGLE_BINS)
		return (unsigned)times - 1;
	unsigned bin = SINGLE_BINS;
	for (uint64_t first = SINGLE_BINS + 1; bin + 1 < CXMS_SEEN_BINS; bin++) {
		first += first / 2;
		if (times < first)
			break;
	}
	return bin;
}

/* Radix sort, byte by byte where the bytes differ; returns which of the two arrays holds the
 * result.
 */
static uint64_t *sort_lines(uint64_t *v, uint64_t *spare, size_t n)
{
	uint64_t differ = 0;
	for (size_t i = 1; i < n; i++)
		differ |= v[i] ^ v[0];
	for (unsigned shift = 0; shift < 64; shift += 8) {
		size_t at[257] = {0};
		if (!(differ >> shift & 0xff))
			continue;
		for (size_t i = 0; i < n; i++)
			at[(v[i] >> shift & 0xff) + 1]++;
		for (unsigned k = 1; k < 256; k++)
			at[k] += at[k - 1];
		for (size_t i = 0; i < n; i++)
			spare[at[v[i] >> shift & 0xff]++] = v[i];
		uint64_t *sorted = spare;
		spare = v;
		v = sorted;
	}
	return v;
}

/* One and the same stall, seen twice? */
static bool is_repeat(const struct cxms_collide_sample *s)
{
	return s[0].line == s[-1].line && s[0].time_ns - s[-1].time_ns < CXMS_ASSUMED_STALL_NS;
}

static void count_window(const struct cxms_collide_sample *s, size_t n, uint64_t *work,
			 struct cxms_seen *out)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (i == 0 || !is_repeat(&s[i]))
			work[kept++] = s[i].line;
	const uint64_t *sorted = sort_lines(work, work + n, kept);
	for (size_t i = 0; i < kept;) {
		size_t j = i;
		while (j < kept && sorted[j] == sorted[i])
			j++;
		double c = (double)(j - i);
		out->pairs += c * (c - 1) / 2;
		out->lines[cxms_seen_bin(j - i)] += 1;
		out->of[cxms_seen_bin(j - i)] += c;
		i = j;
	}
	out->samples += (double)kept;
	out->sum_sq += (double)kept * (double)kept;
}

void cxms_collide_count(const struct cxms_collide_sample *s, size_t n, uint64_t *work,
			struct cxms_seen *out)
{
	*out = (struct cxms_seen){0};
	for (size_t i = 0; i < n;) {
		size_t j = i;
		while (j < n && s[j].window == s[i].window)
			j++;
		count_window(s + i, j - i, work, out);
		i = j;
	}
}
