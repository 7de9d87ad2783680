/* The nearest known word, for "did you mean", and how much of a foreign text a message quotes. */
#ifndef CXMS_BASE_NEAR_H
#define CXMS_BASE_NEAR_H

#include <stddef.h>

/** struct cxms_near - fill with candidates one by one; best stays NULL when none is near enough */
struct cxms_near {
	const char *word;
	const char *best; /* borrowed from the candidates */
	size_t distance;
};
void cxms_near_init(struct cxms_near *n, const char *word);
/** @candidate may be NULL (ignored); the first of equals stays */
void cxms_near_try(struct cxms_near *n, const char *candidate);
/** over a NULL-terminated list; NULL when none is near */
const char *cxms_near_word(const char *word, const char *const *list);

#define CXMS_NEAR_MEAN_MAX 96
/** " (did you mean '<dashes><best>'?)", or "" when @best is NULL */
const char *cxms_near_mean(char buf[CXMS_NEAR_MEAN_MAX], const char *dashes, const char *best);

/** bytes of @s that a message quotes: at most 80, never a cut UTF-8 sequence */
int cxms_quote_len(const char *s);

#endif
