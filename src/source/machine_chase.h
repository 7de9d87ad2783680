/* A dependent pointer chase over a buffer of one page size: how long this machine takes from core
 * to data. */
#ifndef CXMS_SOURCE_MACHINE_CHASE_H
#define CXMS_SOURCE_MACHINE_CHASE_H

#include <stdbool.h>
#include <stdint.h>

struct cxms_chase;
struct cxms_err;

/**
 * cxms_chase_new() - a buffer, all pages present
 * @bytes: power of two, 256 KiB .. 8 GiB
 * @huge:  ask for 2 MiB pages, else for base pages only
 * Return: 0, -ENOMEM. Owner: cxms_chase_free()
 */
int cxms_chase_new(struct cxms_chase **out, uint64_t bytes, bool huge, struct cxms_err *err);
void cxms_chase_free(struct cxms_chase *c);
/**
 * cxms_chase_link() - link the lines of the first @bytes and warm them
 * All lines in one cycle in random order (Sattolo 1986), so nothing can be prefetched.
 * @bytes: power of two, 4 KiB .. the buffer's size
 */
void cxms_chase_link(struct cxms_chase *c, uint64_t bytes, uint64_t seed);
/**
 * cxms_chase_link_windows() - as cxms_chase_link(), window after window of 256 KiB
 * Lines of a window follow each other in random order, windows too: each page is entered once in a
 * round, so what is left of the page walks is spread over @lines_per_page lines of 64.
 * @bytes: power of two, 256 KiB .. the buffer's size
 * @lines_per_page: 64 = all; 32 = one of each two neighbours, so that a prefetched neighbour is
 * never of use
 */
void cxms_chase_link_windows(struct cxms_chase *c, uint64_t bytes, unsigned lines_per_page,
			     uint64_t seed);
/**
 * cxms_chase_set_ps() - latency of one dependent load over what was linked last
 * By CPU time, so that other programs on this CPU do not count.
 * Return: median of several rounds from random starts, picoseconds, at least 1; contention only
 * adds, so the smallest of several calls is nearest to the idle latency
 */
uint64_t cxms_chase_set_ps(struct cxms_chase *c);
/** cxms_chase_follow() - @hops dependent loads over what was linked last, from line @at of it (0 is
 * one). Return: the line it ended at */
uint64_t cxms_chase_follow(const struct cxms_chase *c, uint64_t at, uint64_t hops);
/**
 * cxms_chase_memory_ps() - latency of a load without page walks, from two chases over the same
 * pages
 * @windows_ps: window by window, where a page's walk is spread over @lines loads; > 0
 * @random_ps:  at random, where each load pays it
 * @lines:      > 1
 *
 * Formula:  windows = memory + walk / lines and random = memory + walk, solved for memory. Where
 * they contradict each other (no walk, or a walk that takes longer than all of it) one was
 *           disturbed: windows_ps, which is at most walk / lines too high
 * Return:   picoseconds, 1 .. windows_ps
 * Context:  pure
 */
uint64_t cxms_chase_memory_ps(uint64_t windows_ps, uint64_t random_ps, unsigned lines);

#endif
