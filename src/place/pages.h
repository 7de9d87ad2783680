/* Pages of the watched program: which exist, how large, in which order they were first touched. */
#ifndef CXMS_PLACE_PAGES_H
#define CXMS_PLACE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/event.h"

struct cxms_pages;
struct cxms_err;

#define CXMS_NO_PAGE UINT32_MAX

/** struct cxms_page - value; index in cxms_pages is its identity */
struct cxms_page {
	uint32_t space;	     /* address space (process image), dense from 0 */
	uint32_t area;	     /* memory area (mapping) it lies in, dense from 0 */
	uint64_t addr;	     /* of its first byte */
	uint64_t bytes;	     /* 4096 or 2 MiB (the size the kernel used, as far as known) */
	uint64_t touch_rank; /* order of first touch (fault, else first sample), 0 first */
};

/** @base_bytes, @huge_bytes: sizes of pages on the machine that recorded. 0 or -ENOMEM. Owner:
 * cxms_pages_free() */
int cxms_pages_new(uint64_t base_bytes, uint64_t huge_bytes, struct cxms_pages **out,
		   struct cxms_err *err);
void cxms_pages_free(struct cxms_pages *p);

/**
 * cxms_pages_event() - take the next event of a recording; all of them, in order
 * SAMPLE, FAULT, MAP, AREA, FORK, EXEC and EXIT tell of pages. A forked process shares its parent's
 * pages until it faults on them. An exec begins a new address space. Return: 0 or -ENOMEM
 */
int cxms_pages_event(struct cxms_pages *p, const struct cxms_event *ev, struct cxms_err *err);
/** cxms_pages_last() - the page that the last event was about: that of a sample's address, or the
 * one that a fault may have filled, unless it is a file's. Its number is provisional until
 * cxms_pages_settle(); CXMS_NO_PAGE = none */
uint32_t cxms_pages_last(const struct cxms_pages *p);
/**
 * cxms_pages_settle() - give pages their final numbers, once every event was taken: of the sizes
 * that the kernel used, ranked by first touch
 * @remap: [*n_provisional] their final numbers, CXMS_NO_PAGE for the kernel's zero page, where
 *         nothing was ever stored; borrowed until cxms_pages_free()
 * Return: 0 or -ENOMEM
 */
int cxms_pages_settle(struct cxms_pages *p, const uint32_t **remap, size_t *n_provisional,
		      struct cxms_err *err);
/** pages are numbered 0 .. count - 1 */
size_t cxms_pages_count(const struct cxms_pages *p);
/** @index: below the count; borrowed until the next event */
const struct cxms_page *cxms_pages_at(const struct cxms_pages *p, uint32_t index);
/** areas are numbered 0 .. count - 1 */
size_t cxms_pages_area_count(const struct cxms_pages *p);
/** cxms_pages_area_bytes() - touched bytes of an area: of its pages, and those that were seen
 * resident without one (resident.h) */
uint64_t cxms_pages_area_bytes(const struct cxms_pages *p, uint32_t area);
/** touched bytes of all areas */
uint64_t cxms_pages_total_bytes(const struct cxms_pages *p);

#endif
