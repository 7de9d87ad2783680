/*
 * Registers of a level of caches, or page walkers: when one is free. Inlined into whoever misses.
 */
#ifndef CXMS_CORE_WINDOW_REGISTERS_H
#define CXMS_CORE_WINDOW_REGISTERS_H

#include <string.h>

#include "core/window_priv.h"

#define CXMS_SCAN_FIRST 8u /* entries from the end that are looked at one by one */

static inline int32_t later_of(int32_t a, int32_t b)
{
	return a > b ? a : b;
}

/* How many of @v, sorted, are at most @t: nearly all, as a rule. */
static inline uint32_t count_until(const int32_t *v, uint32_t n, int32_t t)
{
	uint32_t low = 0, until = n > CXMS_SCAN_FIRST ? n - CXMS_SCAN_FIRST : 0;
	while (n > until && v[n - 1] > t)
		n--;
	if (n > until || n == 0)
		return n;
	while (n > 0) {
		uint32_t half = n / 2;
		bool over = v[low + half] <= t;
		low = over ? low + half + 1 : low;
		n = over ? n - half - 1 : half;
	}
	return low;
}

/* Earliest time from @t on at which fewer than @limit registers are taken. */
static inline int32_t below(const struct cxms_mshr *m, uint32_t limit, int32_t t)
{
	if (m->n < limit)
		return t;
	const int32_t *start = m->start + m->first, *end = m->end + m->first;
	uint32_t s = start[m->n - 1] <= t ? m->n : count_until(start, m->n, t), over;
	if (s < limit || end[s - limit] <= t)
		return t;
	/* so many have to be over; others may have begun by then */
	do {
		over = s - limit + 1;
		t = end[over - 1];
		while (s < m->n && start[s] <= t)
			s++;
	} while (s - over >= limit);
	return t;
}

/*
 * Earliest time from @t on at which a register is free. Requests are not served in program order:
 * one that waits for an operand holds no register before it begins. Requests only come in, so what
 * was found full stays full.
 */
static inline int32_t mshr_free(struct cxms_mshr *m, int32_t t)
{
	if (m->n < m->limit)
		return t;
	bool inside = t >= m->full_from && t < m->full_to;
	if (inside)
		t = m->full_to;
	int32_t free = below(m, m->limit, t);
	if (free == t)
		return t;
	if (!inside)
		m->full_from = t;
	m->full_to = free;
	return free;
}

/* Earliest time from @t on, when fewer than @limit registers are taken, from which on that stays so
 * for @len. Stores leave long after they dispatched: those that are known to begin within keep
 * theirs. */
static inline int32_t stays_below(const struct cxms_mshr *m, uint32_t limit, int32_t t, int32_t len)
{
	const int32_t *start = m->start + m->first, *end = m->end + m->first;
	if (m->n < limit || start[m->n - 1] <= t)
		return t;
	uint32_t k = count_until(start, m->n, t), over = k < limit ? 0 : k - limit;
	while (k < m->n && start[k] - t < len) {
		while (over < k && end[over] <= start[k])
			over++;
		if (k + 1 - over >= limit)
			t = below(m, limit, start[k]);
		do
			k++;
		while (k < m->n && start[k] <= t);
	}
	return t;
}

/* Earliest time from @t on at which a register is free, and stays so for @len. */
static inline int32_t free_for(struct cxms_mshr *m, int32_t t, int32_t len)
{
	return stays_below(m, m->limit, mshr_free(m, t), len);
}

/* Most are later than all before. */
static inline void insert(int32_t *v, uint32_t n, int32_t x)
{
	for (; n > 0 && v[n - 1] > x; n--)
		v[n] = v[n - 1];
	v[n] = x;
}

/* What ended before @now, when the youngest uop dispatched, is of no more interest; as many of the
 * begins go as of the ends, the first ones: each of them lies before its end. */
static inline void mshr_take(struct cxms_mshr *m, int32_t start, int32_t end, int32_t now)
{
	uint32_t first = m->first, behind = first + m->n;
	while (first < behind && m->end[first] <= now)
		first++;
	if (m->n == CXMS_MSHR_MAX && first == m->first)
		first++;
	if (first >= CXMS_MSHR_SPARE) {
		behind -= first;
		memmove(m->start, m->start + first, behind * sizeof(*m->start));
		memmove(m->end, m->end + first, behind * sizeof(*m->end));
		first = 0;
	}
	m->first = first;
	m->n = behind - first + 1;
	insert(m->start + first, behind - first, start);
	insert(m->end + first, behind - first, end);
}

/* A request that was to begin at @start and to end at @end does not. Return: whether there was one.
 */
static inline bool mshr_give_back(struct cxms_mshr *m, int32_t start, int32_t end)
{
	int32_t *starts = m->start + m->first, *ends = m->end + m->first;
	uint32_t s = count_until(starts, m->n, start), e = count_until(ends, m->n, end);
	if (s == 0 || e == 0 || starts[s - 1] != start || ends[e - 1] != end)
		return false;
	memmove(starts + s - 1, starts + s, (m->n - s) * sizeof(*starts));
	memmove(ends + e - 1, ends + e, (m->n - e) * sizeof(*ends));
	m->n--;
	m->full_from = m->full_to = CXMS_TICK_LONG_AGO;
	return true;
}

#endif
