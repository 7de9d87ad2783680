#include "base/opt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/near.h"
#include "base/units_priv.h"

#define HELP_COLUMNS 100
#define HELP_INDENT  30 /* where the help texts start */

struct parse {
	const struct cxms_opt *table;
	char **argv;
	int argc, at; /* at: the word being read */
	char *out;
	bool *help;
	struct cxms_err *err;
};

void cxms_strs_fini(struct cxms_strs *s)
{
	if (!s)
		return;
	free(s->v);
	*s = (struct cxms_strs){0};
}

static bool takes_argument(const struct cxms_opt *o)
{
	return o->type != CXMS_OPT_FLAG && o->type != CXMS_OPT_COUNT;
}

static int set_quantity(const struct parse *p, const struct cxms_opt *o, const char *arg)
{
	uint64_t v = 0;
	enum cxms_qty_fault fault = cxms_units_scan(o->unit, arg, 0, &v);
	if (fault == CXMS_QTY_OK && v >= o->min && v <= o->max) {
		memcpy(p->out + o->offset, &v, sizeof(v));
		return 0;
	}
	char must[CXMS_QTY_MUST_MAX], hint[CXMS_QTY_HINT_MAX];
	return cxms_fail(p->err, EINVAL, "'--%s' must be %s, got '%.*s'%s", o->name,
			 cxms_qty_must(must, o->unit, o->min, o->max), cxms_quote_len(arg), arg,
			 cxms_qty_hint(hint, fault, o->unit, 0));
}

static int set_word(const struct parse *p, const struct cxms_opt *o, const char *arg)
{
	for (int i = 0; o->words[i]; i++) {
		if (strcmp(o->words[i], arg) == 0) {
			memcpy(p->out + o->offset, &i, sizeof(i));
			return 0;
		}
	}
	struct cxms_buf list = {0};
	char mean[CXMS_NEAR_MEAN_MAX];
	for (int i = 0; o->words[i]; i++)
		cxms_buf_printf(&list, "%s%s", i ? ", " : "", o->words[i]);
	int rc = cxms_fail(p->err, EINVAL, "'--%s' must be one of %s, got '%.*s'%s", o->name,
			   cxms_buf_text(&list), cxms_quote_len(arg), arg,
			   cxms_near_mean(mean, "", cxms_near_word(arg, o->words)));
	cxms_buf_fini(&list);
	return rc;
}

static int add_str(const struct parse *p, const struct cxms_opt *o, const char *arg)
{
	struct cxms_strs s;
	memcpy(&s, p->out + o->offset, sizeof(s));
	void *v = s.v;
	if (cxms_array_grow(&v, &s.cap, s.n + 1, sizeof(*s.v)) < 0)
		return cxms_fail_sys(p->err, ENOMEM, "cannot keep '--%s'", o->name);
	s.v = v;
	s.v[s.n++] = arg;
	memcpy(p->out + o->offset, &s, sizeof(s));
	return 0;
}

/* @arg is NULL for options without an argument. memcpy(): @out is any struct, reached by offset. */
static int apply(const struct parse *p, const struct cxms_opt *o, const char *arg)
{
	bool on = true;
	int count;
	switch (o->type) {
	case CXMS_OPT_FLAG:
		memcpy(p->out + o->offset, &on, sizeof(on));
		return 0;
	case CXMS_OPT_COUNT:
		memcpy(&count, p->out + o->offset, sizeof(count));
		count++;
		memcpy(p->out + o->offset, &count, sizeof(count));
		return 0;
	case CXMS_OPT_STR:
		memcpy(p->out + o->offset, &arg, sizeof(arg));
		return 0;
	case CXMS_OPT_STRS:
		return add_str(p, o, arg);
	case CXMS_OPT_QTY:
		return set_quantity(p, o, arg);
	case CXMS_OPT_ENUM:
		return set_word(p, o, arg);
	}
	return 0;
}

/* The argument of @o: @glued ("--x=v", "-xv") when given, else the next word. */
static int take(struct parse *p, const struct cxms_opt *o, const char *glued)
{
	if (glued)
		return apply(p, o, glued);
	if (p->at + 1 >= p->argc)
		return cxms_fail(p->err, EINVAL, "'--%s' needs an argument; give '--%s %s'",
				 o->name, o->name, o->arg ? o->arg : "VALUE");
	return apply(p, o, p->argv[++p->at]);
}

static int fail_unknown_long(const struct parse *p, const char *name, size_t len)
{
	struct cxms_near near;
	char word[64], mean[CXMS_NEAR_MEAN_MAX];
	size_t n = len < sizeof(word) - 1 ? len : sizeof(word) - 1;
	memcpy(word, name, n);
	word[n] = '\0';
	cxms_near_init(&near, word);
	for (const struct cxms_opt *o = p->table; o->name; o++)
		cxms_near_try(&near, o->name);
	cxms_near_try(&near, "help");
	return cxms_fail(p->err, EINVAL, "unknown option '--%.*s'%s; see --help",
			 cxms_quote_len(word), word, cxms_near_mean(mean, "--", near.best));
}

static int parse_long(struct parse *p, const char *name)
{
	size_t len = strcspn(name, "=");
	const char *glued = name[len] ? name + len + 1 : NULL;
	for (const struct cxms_opt *o = p->table; o->name; o++) {
		if (strlen(o->name) != len || memcmp(o->name, name, len) != 0)
			continue;
		if (takes_argument(o))
			return take(p, o, glued);
		if (glued)
			return cxms_fail(p->err, EINVAL, "'--%s' takes no argument, got '%.*s'",
					 o->name, cxms_quote_len(glued), glued);
		return apply(p, o, NULL);
	}
	if (strcmp(name, "help") == 0) {
		*p->help = true;
		return 0;
	}
	return fail_unknown_long(p, name, len);
}

/* "-vvs50": flags until one takes an argument, which is the rest of the word or the next one. */
static int parse_short(struct parse *p, const char *letters)
{
	for (; *letters; letters++) {
		const struct cxms_opt *o = p->table;
		while (o->name && o->short_name != *letters)
			o++;
		if (!o->name && *letters == 'h') {
			*p->help = true;
			return 0;
		}
		if (!o->name)
			return cxms_fail(p->err, EINVAL, "unknown option '-%c'; see --help",
					 *letters);
		if (takes_argument(o))
			return take(p, o, letters[1] ? letters + 1 : NULL);
		int rc = apply(p, o, NULL);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Words [from, to) of argv move to the front of [start, to), the others keep their order behind. */
static void move_front(char **argv, int start, int from, int to)
{
	for (; from < to; from++, start++) {
		char *word = argv[from];
		memmove(&argv[start + 1], &argv[start], (size_t)(from - start) * sizeof(*argv));
		argv[start] = word;
	}
}

int cxms_opt_parse(const struct cxms_opt *table, int argc, char **argv, bool stop_at_first,
		   void *out, int *rest, bool *help, struct cxms_err *err)
{
	struct parse p = {.table = table,
			  .argv = argv,
			  .argc = argc,
			  .at = 1,
			  .out = out,
			  .help = help,
			  .err = err};
	int operand = 1; /* first operand seen so far; options are moved before it */
	*help = false;
	for (; p.at < argc; p.at++) {
		const char *word = argv[p.at];
		int first = p.at;
		bool stop = strcmp(word, "--") == 0;
		int rc = 0;
		if (!stop && (word[0] != '-' || !word[1])) {
			if (stop_at_first)
				break;
			continue;
		}
		if (!stop)
			rc = word[1] == '-' ? parse_long(&p, word + 2) : parse_short(&p, word + 1);
		if (rc < 0)
			return rc;
		move_front(argv, operand, first, p.at + 1);
		operand += p.at + 1 - first;
		if (stop || *help)
			break;
	}
	*rest = operand;
	return 0;
}

/* The help text, wrapped at blanks, every line from HELP_INDENT on. */
static void wrap(struct cxms_buf *out, const char *text)
{
	size_t room = HELP_COLUMNS - HELP_INDENT;
	while (strlen(text) > room) {
		size_t cut = room;
		while (cut > 0 && text[cut] != ' ')
			cut--;
		if (cut == 0)
			cut = room;
		cxms_buf_printf(out, "%.*s\n%*s", (int)cut, text, HELP_INDENT, "");
		text += cut + (text[cut] == ' ');
	}
	cxms_buf_printf(out, "%s\n", text);
}

static void help_line(struct cxms_buf *out, char short_name, const char *name, const char *arg,
		      const char *text)
{
	struct cxms_buf head = {0};
	if (short_name)
		cxms_buf_printf(&head, "  -%c, --%s", short_name, name);
	else
		cxms_buf_printf(&head, "      --%s", name);
	if (arg)
		cxms_buf_printf(&head, " %s", arg);
	const char *left = cxms_buf_text(&head);
	if (head.len + 2 > HELP_INDENT)
		cxms_buf_printf(out, "%s\n%*s", left, HELP_INDENT, "");
	else
		cxms_buf_printf(out, "%-*s", HELP_INDENT, left);
	wrap(out, text);
	cxms_buf_fini(&head);
}

void cxms_opt_help(const struct cxms_opt *table, struct cxms_buf *out)
{
	bool own_h = false;
	for (const struct cxms_opt *o = table; o->name; o++) {
		own_h |= o->short_name == 'h';
		help_line(out, o->short_name, o->name, takes_argument(o) ? o->arg : NULL, o->help);
	}
	help_line(out, own_h ? '\0' : 'h', "help", NULL, "show this help and exit");
}
