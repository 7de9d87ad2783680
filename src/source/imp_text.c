#include "source/imp_text.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

void cxms_skip_blanks(struct cxms_words *w)
{
	while (w->p < w->end && (*w->p == ' ' || *w->p == '\t' || *w->p == ',' || *w->p == '\r'))
		w->p++;
}

struct cxms_words cxms_take_word(struct cxms_words *w)
{
	struct cxms_words word;

	cxms_skip_blanks(w);
	word.p = w->p;
	while (w->p < w->end && !strchr(" \t,\r", *w->p))
		w->p++;
	word.end = w->p;
	return word;
}

bool cxms_word_is(struct cxms_words w, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(w.end - w.p) == n && !memcmp(w.p, text, n);
}

bool cxms_word_number(struct cxms_words w, unsigned base, uint64_t *out)
{
	uint64_t v = 0;

	if (base == 16 && w.end - w.p > 2 && w.p[0] == '0' && (w.p[1] | 32) == 'x')
		w.p += 2;
	if (w.p == w.end || w.end - w.p > 20)
		return false;
	for (; w.p < w.end; w.p++) {
		unsigned c = (unsigned char)*w.p;
		unsigned digit = isdigit((int)c)    ? c - '0'
				 : isxdigit((int)c) ? (c | 32) - 'a' + 10
						    : 99;

		if (digit >= base || v > (UINT64_MAX - digit) / base)
			return false;
		v = v * base + digit;
	}
	*out = v;
	return true;
}
