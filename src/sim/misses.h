/* Memdevs with a page buffer before a slow medium: how much of what is asked finds its page. */
#ifndef CXMS_SIM_MISSES_H
#define CXMS_SIM_MISSES_H

#include <stddef.h>
#include <stdint.h>

struct cxms_err;
struct cxms_fabric;
struct cxms_view;

/** struct cxms_misses_host - whose pages share the buffers */
struct cxms_misses_host {
	const struct cxms_view *view;
	const uint32_t *place_of_page; /* where its pages lie */
	double time_ns;		       /* that its samples stand for */
	double scale; /* touched bytes for one of those that a page is known of, >= 1 */
};

/**
 * cxms_misses_of() - share of the requests of one host to each target that miss its buffer
 * @host: @n of them, @self the one asked about
 * @out: [target of a host]; 0 for targets without a buffer
 *
 * Rates of pages are those of the samples, drawn towards the mean of all pages on the target by how
 * much of their spread is chance (Poisson counts, rates gamma distributed: empirical Bayes); so a
 * few samples do not make a page hot. Pages that no sample or fault named count as pages without a
 * sample, placed in the same proportion. Formula: mem/paged.h, of an LRU buffer, over the pages of
 * all hosts, at the rates they were recorded with: who asks more often keeps more of it. Return: 0
 * or -ENOMEM
 */
int cxms_misses_of(const struct cxms_fabric *f, const struct cxms_misses_host *host, size_t n,
		   size_t self, double *out, struct cxms_err *err);

#endif
