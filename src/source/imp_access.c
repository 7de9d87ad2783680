/*
 * lackey (valgrind --tool=lackey --trace-mem=yes): "I  04001c00,3", " L 1ffefff7e8,8", " S ...",
 * " M ..." (load and store); lines of the program and of Valgrind stand among them.
 * drmemtrace (the view tool): "<record> <instr>: <tid> ifetch 3 byte(s) @ 0x<pc> 48 89 e7 ...",
 * "... read 8 byte(s) @ 0x<address> by PC 0x<pc>", "... write ..."; <tid> is a number or
 * "W<workload>.T<tid>"; the first tools wrote "<record>: T<tid>". Code of more than seven bytes
 * goes on in a line of its own behind a prefix.
 * champsim (load traces): "<instruction>, <cycle>, <address>, <pc>, <hit>", one load a line.
 */
#include "source/imp_access.h"

#include <string.h>

#include "source/imp_text.h"

#define REF_BYTES_MAX 4096u
#define LINE_BYTES    64u
#define GAP_MAX	      1000000000ull /* instructions between two loads: more is another trace */
#define WINDOW_MAX    65536u	    /* a load this far behind is none of the same core's window */

static bool take_number(struct cxms_words *w, unsigned base, uint64_t *out)
{
	return cxms_word_number(cxms_take_word(w), base, out);
}

/* An access of the instruction begun. */
static bool add_ref(struct cxms_imp_access_reader *r, uint64_t addr, uint64_t bytes, bool is_store)
{
	struct cxms_imp_insn *i = &r->next;

	if (!r->has_next || !bytes || bytes > REF_BYTES_MAX || addr > UINT64_MAX - bytes)
		return false;
	if (i->n_ref == CXMS_IMP_ACCESS_MAX) {
		r->n_dropped++;
		return true;
	}
	i->ref[i->n_ref++] = (struct cxms_imp_ref){addr, (uint32_t)bytes, is_store};
	return true;
}

/* What one line is: an instruction that begins, part of the one begun, or neither. */
enum line_kind { LINE_OTHER, LINE_BEGINS, LINE_ADDS, LINE_BAD };

static enum line_kind lackey_line(struct cxms_imp_access_reader *r, struct cxms_words w,
				  struct cxms_imp_insn *begun)
{
	uint64_t addr, bytes;
	char kind = 0;
	bool ok;

	if (w.end - w.p < 4 || (w.p[0] != ' ' && memcmp(w.p, "I ", 2) != 0) || w.p[2] != ' ')
		return LINE_OTHER; /* the program's own output, or Valgrind's */
	kind = w.p[0] == 'I' ? 'I' : w.p[1];
	if (!strchr("ILSM", kind))
		return LINE_OTHER;
	w.p += 3;
	if (!take_number(&w, 16, &addr) || !take_number(&w, 10, &bytes))
		return LINE_BAD;
	if (kind == 'I') {
		begun->ip = addr;
		begun->len = bytes <= CXMS_IMP_CODE_MAX ? (uint8_t)bytes : 0;
		return LINE_BEGINS;
	}
	ok = kind == 'S' || add_ref(r, addr, bytes, false);
	if (ok && kind != 'L')
		ok = add_ref(r, addr, bytes, true);
	return ok ? LINE_ADDS : LINE_BAD;
}

/* Bytes of code, two digits each, behind those that were read; words may stand before them. */
static void take_code(struct cxms_words w, struct cxms_imp_insn *i, uint8_t *n)
{
	uint8_t first = *n;

	while (*n < i->len) {
		struct cxms_words word = cxms_take_word(&w);
		uint64_t v;
		bool is_byte = word.end - word.p == 2 && cxms_word_number(word, 16, &v);

		if (word.p == word.end || (!is_byte && *n > first))
			break;
		if (is_byte)
			i->code[(*n)++] = (uint8_t)v;
	}
	i->has_code = i->len > 0 && *n == i->len;
}

/* A number, "T<number>" or "W0.T<number>"; other workloads would be other programs with the same
 * addresses. */
static bool take_tid(struct cxms_words *w, uint64_t *tid)
{
	struct cxms_words word = cxms_take_word(w);

	if (word.end - word.p > 4 && !memcmp(word.p, "W0.T", 4))
		word.p += 4;
	else if (word.end - word.p > 1 && *word.p == 'T')
		word.p++;
	return cxms_word_number(word, 10, tid) && *tid <= UINT32_MAX;
}

/* "<record> <instruction>:", of old tools "<record>:"; else it is a heading or a summary. */
static bool take_ordinals(struct cxms_words *w)
{
	struct cxms_words word = cxms_take_word(w);
	uint64_t n;

	if (cxms_word_number(word, 10, &n))
		word = cxms_take_word(w);
	if (word.p == word.end || word.end[-1] != ':')
		return false;
	word.end--;
	return cxms_word_number(word, 10, &n);
}

static bool is_code(struct cxms_words word)
{
	uint64_t v;

	return word.end - word.p == 2 && cxms_word_number(word, 16, &v);
}

static enum line_kind drmemtrace_line(struct cxms_imp_access_reader *r, struct cxms_words w,
				      struct cxms_imp_insn *begun)
{
	struct cxms_words what, rest;
	uint64_t tid, bytes, addr;

	if (!take_ordinals(&w))
		return LINE_OTHER;
	if (!take_tid(&w, &tid))
		return LINE_BAD;
	rest = w;
	what = cxms_take_word(&w);
	if (r->has_next && r->n_code > 0 && is_code(what)) {
		take_code(rest, &r->next, &r->n_code);
		return LINE_ADDS;
	}
	if (!cxms_word_is(what, "ifetch") && !cxms_word_is(what, "read") &&
	    !cxms_word_is(what, "write"))
		return LINE_OTHER; /* markers, prefetches, ends of threads */
	if (!take_number(&w, 10, &bytes) || !cxms_word_is(cxms_take_word(&w), "byte(s)") ||
	    !cxms_word_is(cxms_take_word(&w), "@") || !take_number(&w, 16, &addr))
		return LINE_BAD;
	if (!cxms_word_is(what, "ifetch"))
		return add_ref(r, addr, bytes, cxms_word_is(what, "write")) ? LINE_ADDS : LINE_BAD;
	begun->ip = addr;
	begun->tid = tid ? (uint32_t)tid : 1;
	begun->len = bytes <= CXMS_IMP_CODE_MAX ? (uint8_t)bytes : 0;
	r->n_code = 0;
	take_code(w, begun, &r->n_code);
	return LINE_BEGINS;
}

static enum line_kind champsim_line(struct cxms_imp_access_reader *r, struct cxms_words w,
				    struct cxms_imp_insn *begun)
{
	uint64_t id, cycle, addr, hit;

	cxms_skip_blanks(&w);
	if (w.p == w.end)
		return LINE_OTHER;
	if (!take_number(&w, 10, &id) || !take_number(&w, 10, &cycle) ||
	    !take_number(&w, 16, &addr) || !take_number(&w, 16, &begun->ip) ||
	    !take_number(&w, 10, &hit) || hit > 1 || addr > UINT64_MAX - LINE_BYTES)
		return LINE_BAD;
	/* out of order where the core was: each instruction is counted once, when it is passed */
	if (r->last_id && id > r->last_id && id - r->last_id <= GAP_MAX)
		begun->n_before = id - r->last_id - 1;
	if (id > r->last_id || r->last_id - id > WINDOW_MAX)
		r->last_id = id;
	begun->n_ref = 1;
	begun->ref[0] = (struct cxms_imp_ref){.addr = addr, .bytes = 1};
	return LINE_BEGINS;
}

bool cxms_imp_access_knows(enum cxms_import_format format)
{
	return format == CXMS_IMPORT_LACKEY || format == CXMS_IMPORT_DRMEMTRACE ||
	       format == CXMS_IMPORT_CHAMPSIM;
}

void cxms_imp_access_open(struct cxms_imp_access_reader *r, enum cxms_import_format format,
			  struct cxms_input *in)
{
	*r = (struct cxms_imp_access_reader){.format = format, .in = in};
}

static enum line_kind read_line(struct cxms_imp_access_reader *r, struct cxms_words w,
				struct cxms_imp_insn *begun)
{
	switch (r->format) {
	case CXMS_IMPORT_LACKEY:
		return lackey_line(r, w, begun);
	case CXMS_IMPORT_DRMEMTRACE:
		return drmemtrace_line(r, w, begun);
	default:
		return champsim_line(r, w, begun);
	}
}

enum cxms_import_format cxms_imp_access_detect(const char *text, size_t n)
{
	static const enum cxms_import_format formats[] = {CXMS_IMPORT_DRMEMTRACE,
							  CXMS_IMPORT_LACKEY, CXMS_IMPORT_CHAMPSIM};
	const char *eol;

	for (; (eol = memchr(text, '\n', n)); n -= (size_t)(eol + 1 - text), text = eol + 1) {
		for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
			struct cxms_imp_access_reader r = {.format = formats[i]};
			struct cxms_imp_insn begun = {.tid = 1};

			if (read_line(&r, (struct cxms_words){text, eol}, &begun) == LINE_BEGINS)
				return formats[i];
		}
	}
	return CXMS_IMPORT_AUTO;
}

bool cxms_imp_access_next(struct cxms_imp_access_reader *r, struct cxms_imp_insn *out)
{
	const char *line;
	bool whole;
	size_t len;

	while (!r->is_end && (line = cxms_input_line(r->in, &len, &whole))) {
		struct cxms_imp_insn begun = {.tid = 1};
		enum line_kind kind;

		r->n_line++;
		kind = whole ? read_line(r, (struct cxms_words){line, line + len}, &begun)
			     : LINE_BAD;
		if (kind == LINE_BAD && !r->n_bad++)
			r->first_bad = r->n_line;
		if (kind != LINE_BEGINS)
			continue;
		*out = r->next;
		r->next = begun;
		if (r->has_next)
			return true;
		r->has_next = true;
	}
	r->is_end = true;
	*out = r->next;
	if (!r->has_next)
		return false;
	r->has_next = false;
	return true;
}
