#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/err.h"
#include "base/near.h"
#include "cli/sweep.h"

#define MAX_DIGITS 15u /* of a number in a range: any such number times ten fits 64 bits */
#define MAX_LABEL  400u

static int fail_word(struct cxms_err *err, const char *word, const char *what)
{
	return cxms_fail(err, EINVAL, "'--set %.*s' %s", cxms_quote_len(word), word, what);
}

static int add_value(struct sweep_axis *a, const char *text, size_t len, const char *word,
		     struct cxms_err *err)
{
	if (len == 0)
		return fail_word(err, word, "has an empty value; give one on each side of a comma");
	for (size_t i = 0; i < a->n; i++)
		if (strlen(a->value[i]) == len && !memcmp(a->value[i], text, len))
			return cxms_fail(err, EINVAL,
					 "'--set %.*s' has the value '%s' twice; give it once",
					 cxms_quote_len(word), word, a->value[i]);
	if (a->n == SWEEP_MAX_TOPOLOGIES)
		return cxms_fail(err, EINVAL,
				 "'--set %.*s' has more than %u values; use a larger step",
				 cxms_quote_len(word), word, SWEEP_MAX_TOPOLOGIES);
	void *list = a->value;
	char *copy = strndup(text, len);
	if (!copy || cxms_array_grow(&list, &a->cap, a->n + 1, sizeof(*a->value))) {
		free(copy);
		return cxms_fail_sys(err, ENOMEM, "cannot keep the values of '%s'", a->key);
	}
	a->value = list;
	a->value[a->n++] = copy;
	return 0;
}

/* A decimal number without its point: digits, and how many of them stand behind the point. */
struct decimal {
	uint64_t digits;
	unsigned decimals;
};

/* Reads a number at *@at and moves behind it. */
static bool read_decimal(const char **at, struct decimal *out)
{
	const char *p = *at;
	unsigned n = 0;
	*out = (struct decimal){0};
	for (bool point = false; isdigit((unsigned char)*p) || (*p == '.' && !point && n); p++) {
		if (*p == '.') {
			if (!isdigit((unsigned char)p[1])) /* a range's dots */
				break;
			point = true;
			continue;
		}
		if (++n > MAX_DIGITS)
			return false;
		out->digits = out->digits * 10 + (uint64_t)(*p - '0');
		out->decimals += point;
	}
	*at = p;
	return n > 0;
}

static bool rescale(struct decimal *d, unsigned decimals)
{
	for (; d->decimals < decimals; d->decimals++)
		if (__builtin_mul_overflow(d->digits, 10, &d->digits))
			return false;
	return true;
}

static bool skip_unit(const char **at, const char *unit, size_t len)
{
	if (strncmp(*at, unit, len) != 0)
		return false;
	*at += len;
	return true;
}

struct range {
	struct decimal from, to, step;
	const char *unit; /* not ended */
	size_t unit_len;
};

/* FROM..TO/STEP, all with the same unit. A unit may hold a slash: only what FROM has is skipped. */
static bool parse_range(const char *text, size_t len, struct range *r)
{
	const char *p = text, *dots = strstr(text, "..");
	if (!read_decimal(&p, &r->from) || !dots || dots < p)
		return false;
	r->unit = p;
	r->unit_len = (size_t)(dots - p);
	p = dots + 2;
	if (!read_decimal(&p, &r->to) || !skip_unit(&p, r->unit, r->unit_len) || *p++ != '/' ||
	    !read_decimal(&p, &r->step) || !skip_unit(&p, r->unit, r->unit_len) || p != text + len)
		return false;
	unsigned most = r->from.decimals > r->to.decimals ? r->from.decimals : r->to.decimals;
	most = r->step.decimals > most ? r->step.decimals : most;
	return rescale(&r->from, most) && rescale(&r->to, most) && rescale(&r->step, most);
}

static int add_number(struct sweep_axis *a, uint64_t digits, const struct range *r,
		      const char *word, struct cxms_err *err)
{
	char text[2 * MAX_LABEL];
	uint64_t one = 1;
	unsigned decimals = r->from.decimals;
	for (unsigned i = 0; i < decimals; i++)
		one *= 10;
	for (; decimals && digits % 10 == 0 && one > 1; decimals--, digits /= 10)
		one /= 10;
	int n = snprintf(text, sizeof(text), "%" PRIu64, digits / one);
	if (decimals)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ".%0*" PRIu64, (int)decimals,
			      digits % one);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "%.*s",
		      (int)(r->unit_len < MAX_LABEL ? r->unit_len : MAX_LABEL), r->unit);
	return add_value(a, text, (size_t)n, word, err);
}

static int add_range(struct sweep_axis *a, const char *text, size_t len, const char *word,
		     struct cxms_err *err)
{
	struct range r;
	char *copy = strndup(text, len);
	int rc = 0;
	if (!copy)
		return cxms_fail_sys(err, ENOMEM, "cannot keep the values of '%s'", a->key);
	if (!parse_range(copy, len, &r))
		rc = fail_word(err, word,
			       "has no range FROM..TO/STEP with one unit, for example "
			       "150ns..600ns/50ns");
	else if (r.step.digits == 0)
		rc = fail_word(err, word, "has a range with step 0; give a larger one");
	else if (r.from.digits > r.to.digits)
		rc = fail_word(err, word, "has an empty range; let FROM be the smaller end");
	for (uint64_t v = r.from.digits; !rc && v <= r.to.digits; v += r.step.digits) {
		rc = add_number(a, v, &r, word, err);
		if (r.to.digits - v < r.step.digits)
			break;
	}
	free(copy);
	return rc;
}

/* Bytes up to the next comma that is not inside brackets, braces or quotes. */
static size_t value_len(const char *p)
{
	size_t n = 0;
	int depth = 0;
	char quote = 0;
	for (; p[n] && (p[n] != ',' || depth > 0 || quote); n++) {
		if (quote)
			quote = p[n] == quote ? 0 : quote;
		else if (p[n] == '"' || p[n] == '\'')
			quote = p[n];
		else if (p[n] == '[' || p[n] == '{')
			depth++;
		else if (p[n] == ']' || p[n] == '}')
			depth--;
	}
	return n;
}

static bool looks_like_range(const char *p, size_t len)
{
	const char *dots = strstr(p, "..");
	return isdigit((unsigned char)*p) && dots && dots < p + len;
}

/* The value as a tree; blanks in front let its columns be those of the word. */
static int load_value(const struct sweep_axis *a, const char *value, struct cxms_cfg **out,
		      struct cxms_err *err)
{
	struct cxms_buf text = {0};
	char *name = NULL;
	int rc = -ENOMEM;
	cxms_buf_printf(&text, "%*s%s", (int)strlen(a->key) + 1, "", value);
	if (!text.failed && asprintf(&name, "--set %s=%s", a->key, value) >= 0)
		rc = cxms_cfg_load_yaml_mem(name, text.data, text.len, out, err);
	free(name);
	cxms_buf_fini(&text);
	return rc == -ENOMEM ? cxms_fail_sys(err, ENOMEM, "cannot keep the values of '%s'", a->key)
			     : rc;
}

static int parse_values(struct sweep_axis *a, const char *word, struct cxms_err *err)
{
	const char *p = word + strlen(a->key) + 1;
	int rc = 0;
	for (bool more = true; more && !rc;) {
		size_t len = value_len(p);
		rc = looks_like_range(p, len) ? add_range(a, p, len, word, err)
					      : add_value(a, p, len, word, err);
		more = p[len] == ',';
		p += len + 1;
	}
	if (rc)
		return rc;
	a->cfg = calloc(a->n, sizeof(struct cxms_cfg *));
	if (!a->cfg)
		return cxms_fail_sys(err, ENOMEM, "cannot keep the values of '%s'", a->key);
	for (size_t i = 0; i < a->n && !rc; i++)
		rc = load_value(a, a->value[i], &a->cfg[i], err);
	return rc;
}

static int parse_axis(struct sweep *s, const char *word, struct cxms_err *err)
{
	size_t len = strcspn(word, "=");
	struct sweep_axis *a = &s->axis[s->n_axis];
	if (len == 0 || !word[len])
		return fail_word(err, word,
				 "must be KEY=VALUE,... or KEY=FROM..TO/STEP, for example "
				 "devices.mem0.latency=150ns..600ns/50ns");
	a->key = strndup(word, len);
	if (!a->key)
		return cxms_fail_sys(err, ENOMEM, "cannot keep '--set %s'", word);
	s->n_axis++;
	for (size_t i = 0; i + 1 < s->n_axis; i++) {
		const char *before = s->axis[i].key;
		if (strcmp(before, a->key) == 0)
			return cxms_fail(err, EINVAL,
					 "'--set %s' is given twice; put the values into one",
					 a->key);
		if (strncmp(before, a->key, len) == 0 && before[len] == '.')
			return cxms_fail(err, EINVAL,
					 "'--set %s' replaces what '--set %s' sets; give it first",
					 a->key, before);
	}
	return parse_values(a, word, err);
}

int sweep_parse(const struct cxms_strs *words, struct sweep *out, struct cxms_err *err)
{
	int rc = 0;
	*out = (struct sweep){.axis = calloc(words->n + 1, sizeof(*out->axis)), .n_point = 1};
	if (!out->axis)
		return cxms_fail_sys(err, ENOMEM, "cannot keep the values");
	for (size_t i = 0; i < words->n && !rc; i++) {
		rc = parse_axis(out, words->v[i], err);
		if (!rc)
			out->n_point *= out->axis[i].n;
		if (!rc && out->n_point > SWEEP_MAX_TOPOLOGIES)
			rc = cxms_fail(err, EINVAL,
				       "the sweep has %zu topologies or more, at most %u are "
				       "allowed; use larger steps",
				       out->n_point, SWEEP_MAX_TOPOLOGIES);
	}
	return rc;
}

void sweep_fini(struct sweep *s)
{
	for (size_t i = 0; i < s->n_axis; i++) {
		struct sweep_axis *a = &s->axis[i];
		for (size_t k = 0; k < a->n; k++) {
			free(a->value[k]);
			if (a->cfg)
				cxms_cfg_free(a->cfg[k]);
		}
		free(a->key);
		free(a->value);
		free(a->cfg);
	}
	free(s->axis);
	*s = (struct sweep){0};
}

size_t sweep_at(const struct sweep *s, size_t point, size_t axis)
{
	for (size_t i = s->n_axis; i-- > axis + 1;)
		point /= s->axis[i].n;
	return point % s->axis[axis].n;
}
