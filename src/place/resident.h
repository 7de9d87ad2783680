/* Bytes that were seen resident beyond the pages that are known. */
#ifndef CXMS_PLACE_RESIDENT_H
#define CXMS_PLACE_RESIDENT_H

#include <stddef.h>
#include <stdint.h>

struct cxms_areas;
struct cxms_page;

/** struct cxms_look - a look at the mapping [addr, end) of a space; bytes of it */
struct cxms_look {
	uint32_t space;
	uint64_t addr, end, resident, huge;
	uint64_t zero; /* bytes of it that are taken for the zero page; 0 at first */
};

/** struct cxms_resident - what is known at the end of a recording; all borrowed */
struct cxms_resident {
	const struct cxms_areas *areas;
	const struct cxms_look *look; /* addr < end */
	size_t n_look;
	const struct cxms_page *page;
	size_t n_page, n_area;
};

/**
 * cxms_resident_unseen() - resident bytes of each area that no page stands for
 *
 * Mappings that lie side by side become one to the kernel and part again, so looks that overlap
 * count as one place: of all its looks the one with most unseen bytes counts, spread over the areas
 * there by their length. What a child has from its ancestors is theirs.
 * @out: [n_area], zeroed by the caller
 * Return: 0 or -ENOMEM
 */
int cxms_resident_unseen(const struct cxms_resident *in, uint64_t *out);

#endif
