/* Memdevs with a page buffer before a slow medium: how much of what is asked finds its page. */
#ifndef CXMS_SIM_MISSES_H
#define CXMS_SIM_MISSES_H

#include <stddef.h>
#include <stdint.h>

struct cxms_err;
struct cxms_fabric;
struct cxms_view;

/**
 * cxms_misses_of() - share of the requests to each target that miss its buffer
 * @place_of_page: where the pages of @view lie
 * @out: [target of a host]; 0 for targets without a buffer
 *
 * Rates of pages are those of the samples, drawn towards the mean of all pages on the target by how
 * much of their spread is chance (Poisson counts, rates gamma distributed: empirical Bayes); so a
 * few samples do not make a page hot. Formula: mem/paged.h, of an LRU buffer. Hosts that share a
 * memdev share its buffer evenly (assumed).
 * Return: 0 or -ENOMEM
 */
int cxms_misses_of(const struct cxms_fabric *f, const struct cxms_view *view,
		   const uint32_t *place_of_page, double *out, struct cxms_err *err);

#endif
