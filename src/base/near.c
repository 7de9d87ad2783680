#include "base/near.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX  48 /* longer words get no suggestion */
#define QUOTE_MAX 80

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: Levenshtein plus swaps of neighbours, the usual slips of typing. */
static size_t edit_distance(const char *a, size_t la, const char *b, size_t lb)
{
	size_t row[3][WORD_MAX + 1];
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = row[i % 3];
		const size_t *before = row[(i + 2) % 3];
		const size_t *two_before = row[(i + 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t cost = a[i - 1] != b[j - 1];
			now[j] =
				min_size(min_size(before[j], now[j - 1]) + 1, before[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min_size(now[j], two_before[j - 2] + 1);
		}
	}
	return row[la % 3][lb];
}

void cxms_near_init(struct cxms_near *n, const char *word)
{
	size_t len = strlen(word);
	/* one slip per three letters: "gen" -> "gem" yes, "gen" -> "cap" no */
	*n = (struct cxms_near){.word = word, .distance = min_size(len / 3 + 1, 3) + 1};
}

void cxms_near_try(struct cxms_near *n, const char *candidate)
{
	if (!candidate)
		return;
	size_t la = strlen(n->word);
	size_t lb = strlen(candidate);
	if (la > WORD_MAX || lb > WORD_MAX)
		return;
	size_t d = edit_distance(n->word, la, candidate, lb);
	if (d < n->distance && d < lb) {
		n->distance = d;
		n->best = candidate;
	}
}

const char *cxms_near_word(const char *word, const char *const *list)
{
	struct cxms_near n;
	cxms_near_init(&n, word);
	for (; *list; list++)
		cxms_near_try(&n, *list);
	return n.best;
}

const char *cxms_near_mean(char buf[CXMS_NEAR_MEAN_MAX], const char *dashes, const char *best)
{
	buf[0] = '\0';
	if (best)
		snprintf(buf, CXMS_NEAR_MEAN_MAX, " (did you mean '%s%s'?)", dashes, best);
	return buf;
}

int cxms_quote_len(const char *s)
{
	size_t n = strnlen(s, QUOTE_MAX + 1);
	if (n <= QUOTE_MAX)
		return (int)n;
	n = QUOTE_MAX;
	while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--;
	return (int)n;
}
