/* Words and numbers of a line of text that is not NUL-terminated. */
#ifndef CXMS_SOURCE_IMP_TEXT_H
#define CXMS_SOURCE_IMP_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/** struct cxms_words - what is left of a line, or one word of it; borrowed */
struct cxms_words {
	const char *p, *end;
};

void cxms_skip_blanks(struct cxms_words *w);
/** the next word, without blanks and commas; empty at the end */
struct cxms_words cxms_take_word(struct cxms_words *w);
bool cxms_word_is(struct cxms_words w, const char *text);
/** a number of @base up to 16, "0x" allowed in front with 16, and nothing else; at most 64 bits */
bool cxms_word_number(struct cxms_words w, unsigned base, uint64_t *out);

#endif
