/* How often a page buffer holds what is asked for: the closed form of CXMS_DEVICE_PAGED. */
#ifndef CXMS_MEM_PAGED_H
#define CXMS_MEM_PAGED_H

#include <stddef.h>

/** struct cxms_paged_class - pages that are asked for equally often */
struct cxms_paged_class {
	double rate;  /* references of one page, any unit of time; >= 0 */
	double pages; /* how many they are; >= 0 */
};

/**
 * cxms_paged_hit_ratio() - share of the references that find their page
 * @buffer_pages: least recently used pages give way
 * @hit:	  [n] share of each class, or NULL
 * References are independent of each other. Formula: a page stays for a time T after its last use,
 * with T such that the pages kept fill the buffer; a class hits with 1 - exp(-rate T).
 * Source: Che, Tung, Wang, Hierarchical Web caching systems, IEEE JSAC 20(7), 2002.
 * Return: 0..1; 1 where all pages fit (the first touch of each is not counted) or nothing is asked
 */
double cxms_paged_hit_ratio(const struct cxms_paged_class *c, size_t n, double buffer_pages,
			    double *hit);

#endif
