#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum kind { JSON_OBJECT, JSON_ARRAY, JSON_STR, JSON_NUM, JSON_U64, JSON_I64, JSON_BOOL, JSON_NULL };

struct member {
	char *key; /* NULL in arrays */
	struct cxms_json *value;
};

struct cxms_json {
	enum kind kind;
	bool poisoned; /* something below could not be allocated */
	union {
		char *str;
		double num;
		uint64_t u64;
		int64_t i64;
		bool truth;
	} as;
	struct member *member; /* objects: sorted by key */
	size_t n, cap;
};

static struct cxms_json *new_value(enum kind kind)
{
	struct cxms_json *v = calloc(1, sizeof(*v));
	if (v)
		v->kind = kind;
	return v;
}

struct cxms_json *cxms_json_object(void)
{
	return new_value(JSON_OBJECT);
}

struct cxms_json *cxms_json_array(void)
{
	return new_value(JSON_ARRAY);
}

struct cxms_json *cxms_json_str(const char *s)
{
	struct cxms_json *v = new_value(JSON_STR);
	if (v && !(v->as.str = strdup(s))) {
		free(v);
		v = NULL;
	}
	return v;
}

struct cxms_json *cxms_json_num(double num)
{
	struct cxms_json *v = new_value(isfinite(num) ? JSON_NUM : JSON_NULL);
	if (v)
		v->as.num = num;
	return v;
}

struct cxms_json *cxms_json_u64(uint64_t u64)
{
	struct cxms_json *v = new_value(JSON_U64);
	if (v)
		v->as.u64 = u64;
	return v;
}

struct cxms_json *cxms_json_i64(int64_t i64)
{
	struct cxms_json *v = new_value(JSON_I64);
	if (v)
		v->as.i64 = i64;
	return v;
}

struct cxms_json *cxms_json_bool(bool truth)
{
	struct cxms_json *v = new_value(JSON_BOOL);
	if (v)
		v->as.truth = truth;
	return v;
}

struct cxms_json *cxms_json_null(void)
{
	return new_value(JSON_NULL);
}

/* Where @key is, or belongs. */
static size_t find(const struct cxms_json *object, const char *key, bool *found)
{
	size_t low = 0, high = object->n;
	*found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(object->member[mid].key, key);
		if (order == 0) {
			*found = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* A slot at @at, or NULL when memory is out. */
static struct member *open_slot(struct cxms_json *v, size_t at)
{
	void *member = v->member;
	if (cxms_array_grow(&member, &v->cap, v->n + 1, sizeof(*v->member)) < 0)
		return NULL;
	v->member = member;
	memmove(&v->member[at + 1], &v->member[at], (v->n - at) * sizeof(*v->member));
	v->n++;
	return &v->member[at];
}

void cxms_json_set(struct cxms_json *object, const char *key, struct cxms_json *value)
{
	if (!object || object->kind != JSON_OBJECT || !value) {
		if (object)
			object->poisoned = true;
		cxms_json_free(value);
		return;
	}
	bool found;
	size_t at = find(object, key, &found);
	if (found) {
		cxms_json_free(object->member[at].value);
		object->member[at].value = value;
		return;
	}
	char *copy = strdup(key);
	struct member *slot = copy ? open_slot(object, at) : NULL;
	if (!slot) {
		free(copy);
		cxms_json_free(value);
		object->poisoned = true;
		return;
	}
	*slot = (struct member){.key = copy, .value = value};
}

void cxms_json_push(struct cxms_json *array, struct cxms_json *value)
{
	struct member *slot = NULL;
	if (array && array->kind == JSON_ARRAY && value)
		slot = open_slot(array, array->n);
	if (slot) {
		*slot = (struct member){.value = value};
		return;
	}
	if (array)
		array->poisoned = true;
	cxms_json_free(value);
}

/* Length of the well-formed UTF-8 sequence at @s (Unicode 15, table 3-7), 0 when there is none. */
static size_t utf8_len(const unsigned char *s)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t n;
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static void print_str(const char *text, struct cxms_buf *out)
{
	static const char plain[] = "\"\\\b\f\n\r\t";
	static const char escaped[] = "\"\\bfnrt";
	const unsigned char *s = (const unsigned char *)text;
	cxms_buf_put_u8(out, '"');
	while (*s) {
		const char *at = strchr(plain, *s);
		size_t n = utf8_len(s);
		if (at)
			cxms_buf_printf(out, "\\%c", escaped[at - plain]);
		else if (n == 0)
			cxms_buf_put(out, "\\ufffd", 6);
		else if (*s < 0x20)
			cxms_buf_printf(out, "\\u%04x", *s);
		else
			cxms_buf_put(out, s, n);
		s += n ? n : 1;
	}
	cxms_buf_put_u8(out, '"');
}

static void indent(struct cxms_buf *out, unsigned depth)
{
	cxms_buf_printf(out, "\n%*s", (int)(2 * depth), "");
}

static void print(const struct cxms_json *v, struct cxms_buf *out, unsigned depth);

static void print_members(const struct cxms_json *v, struct cxms_buf *out, unsigned depth)
{
	bool object = v->kind == JSON_OBJECT;
	cxms_buf_put_u8(out, object ? '{' : '[');
	for (size_t i = 0; i < v->n; i++) {
		if (i)
			cxms_buf_put_u8(out, ',');
		indent(out, depth + 1);
		if (object) {
			print_str(v->member[i].key, out);
			cxms_buf_put(out, ": ", 2);
		}
		print(v->member[i].value, out, depth + 1);
	}
	if (v->n)
		indent(out, depth);
	cxms_buf_put_u8(out, object ? '}' : ']');
}

static void print(const struct cxms_json *v, struct cxms_buf *out, unsigned depth)
{
	if (v->poisoned)
		out->failed = true;
	switch (v->kind) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		print_members(v, out, depth);
		break;
	case JSON_STR:
		print_str(v->as.str, out);
		break;
	case JSON_NUM:
		cxms_buf_printf(out, "%.6g", v->as.num == 0 ? 0.0 : v->as.num); /* no "-0" */
		break;
	case JSON_U64:
		cxms_buf_printf(out, "%" PRIu64, v->as.u64);
		break;
	case JSON_I64:
		cxms_buf_printf(out, "%" PRId64, v->as.i64);
		break;
	case JSON_BOOL:
		cxms_buf_printf(out, "%s", v->as.truth ? "true" : "false");
		break;
	case JSON_NULL:
		cxms_buf_put(out, "null", 4);
		break;
	}
}

int cxms_json_print(const struct cxms_json *v, struct cxms_buf *out)
{
	if (!v)
		return -ENOMEM;
	/* the caller's locale would turn the decimal point of %g into a comma */
	locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!c_locale)
		return -ENOMEM;
	locale_t before = uselocale(c_locale);
	print(v, out, 0);
	cxms_buf_put_u8(out, '\n');
	uselocale(before);
	freelocale(c_locale);
	return out->failed ? -ENOMEM : 0;
}

void cxms_json_free(struct cxms_json *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->n; i++) {
		free(v->member[i].key);
		cxms_json_free(v->member[i].value);
	}
	free(v->member);
	if (v->kind == JSON_STR)
		free(v->as.str);
	free(v);
}
