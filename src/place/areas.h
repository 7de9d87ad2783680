/* Address spaces and the mappings in them: which memory area an address belongs to. */
#ifndef CXMS_PLACE_AREAS_H
#define CXMS_PLACE_AREAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_areas;
struct cxms_err;

#define CXMS_NO_SPACE UINT32_MAX

/* What is mapped; ANY: not told, or whatever is there. SHARED is memory that has a path. */
enum cxms_area_kind { CXMS_AREA_ANY, CXMS_AREA_MEMORY, CXMS_AREA_SHARED, CXMS_AREA_FILE };

/** 0 or -ENOMEM. Owner: cxms_areas_free() */
int cxms_areas_new(struct cxms_areas **out, struct cxms_err *err);
void cxms_areas_free(struct cxms_areas *a);
/** cxms_areas_space() - the space @pid runs in now; made when new. 0 or -ENOMEM */
int cxms_areas_space(struct cxms_areas *a, uint32_t pid, uint32_t *space, struct cxms_err *err);
/** @pid has a space */
bool cxms_areas_knows(struct cxms_areas *a, uint32_t pid);
/** a new space for @pid with the parent's mappings; the parent stays reachable by
 * cxms_areas_parent() */
int cxms_areas_fork(struct cxms_areas *a, uint32_t pid, uint32_t parent_pid, struct cxms_err *err);
/** a new, empty space for @pid */
int cxms_areas_exec(struct cxms_areas *a, uint32_t pid, struct cxms_err *err);
/** the space forked from, or CXMS_NO_SPACE */
uint32_t cxms_areas_parent(const struct cxms_areas *a, uint32_t space);
/**
 * cxms_areas_map() - a mapping [addr, addr + len) was made or seen
 * One that covers a single known area keeps its identity (a heap that grew), and one inside of an
 * area is a part of it; others are cut where they overlap, and so is an area of another kind. One
 * of ANY kind cuts nothing: the kernel shows neighbours as one mapping.
 */
int cxms_areas_map(struct cxms_areas *a, uint32_t space, uint64_t addr, uint64_t len,
		   enum cxms_area_kind kind, struct cxms_err *err);
/** what is mapped at an address; ANY where nothing is known */
enum cxms_area_kind cxms_areas_kind(const struct cxms_areas *a, uint32_t space, uint64_t addr);
/** area of an address; where no mapping is known, one is made for the aligned GiB around it. 0 or
 * -ENOMEM */
int cxms_areas_find(struct cxms_areas *a, uint32_t space, uint64_t addr, uint32_t *area);
/** struct cxms_area_span - a part of an area */
struct cxms_area_span {
	uint64_t start, end;
	uint32_t area;
};
/** cxms_areas_next() - the first known span in [addr, end), cut to it; false: there is none */
bool cxms_areas_next(const struct cxms_areas *a, uint32_t space, uint64_t addr, uint64_t end,
		     struct cxms_area_span *out);
/** areas are numbered 0 .. count - 1 */
size_t cxms_areas_count(const struct cxms_areas *a);

#endif
