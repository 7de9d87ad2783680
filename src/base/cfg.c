#include "base/cfg.h"

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cfg_priv.h"
#include "base/near.h"
#include "base/units_priv.h"

struct cxms_cfg *cxms_cfg_new(const char *file, const void *data, size_t len)
{
	struct cxms_cfg *cfg = calloc(1, sizeof(*cfg));
	if (!cfg)
		return NULL;
	cfg->file = strdup(file);
	if (!cfg->file) {
		free(cfg);
		return NULL;
	}
	cxms_sha256_hex(data, len, cfg->sha256);
	cfg->most =
		(struct cxms_cfg_limits){CXMS_CFG_MAX_BYTES, CXMS_CFG_MAX_NODES, CXMS_CFG_MAX_TEXT};
	return cfg;
}

int cxms_cfg_new_node(struct cxms_cfg *cfg, enum cxms_cfg_type type, struct cxms_cfg_node **out)
{
	if (cfg->n_node >= cfg->most.nodes)
		return -EFBIG;
	void *list = cfg->node;
	if (cxms_array_grow(&list, &cfg->cap_node, cfg->n_node + 1, sizeof(*cfg->node)) < 0)
		return -ENOMEM;
	cfg->node = list;
	struct cxms_cfg_node *n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->type = type;
	n->cfg = cfg;
	cfg->node[cfg->n_node++] = n;
	*out = n;
	return 0;
}

int cxms_cfg_new_text(struct cxms_cfg *cfg, const char *text, size_t len, const char **out)
{
	if (len > cfg->most.text - cfg->text_bytes)
		return -EFBIG;
	char *copy = strndup(text, len);
	if (!copy)
		return -ENOMEM;
	cfg->text_bytes += len;
	*out = copy;
	return 0;
}

void cxms_cfg_free(struct cxms_cfg *cfg)
{
	if (!cfg)
		return;
	for (size_t i = 0; i < cfg->n_node; i++) {
		struct cxms_cfg_node *n = cfg->node[i];
		free((void *)n->key);
		free((void *)n->text);
		free(n->child);
		free(n);
	}
	free(cfg->node);
	free(cfg->file);
	free(cfg);
}

const struct cxms_cfg_node *cxms_cfg_root(const struct cxms_cfg *cfg)
{
	return cfg->root;
}

const char *cxms_cfg_file(const struct cxms_cfg *cfg)
{
	return cfg->file;
}

const char *cxms_cfg_sha256(const struct cxms_cfg *cfg)
{
	return cfg->sha256;
}

const struct cxms_cfg_node *cxms_cfg_get(const struct cxms_cfg_node *map, const char *key)
{
	if (!map || map->type != CXMS_CFG_MAP)
		return NULL;
	for (size_t i = 0; i < map->n_child; i++)
		if (strcmp(map->child[i]->key, key) == 0)
			return map->child[i];
	return NULL;
}

/* One line per error, whatever a quoted text holds. */
static void scrub(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

static void add_line(struct cxms_cfg_errors *errs, const char *line)
{
	size_t n = strlen(line);
	char *text = realloc(errs->text, errs->len + n + 2);
	if (!text)
		return;
	memcpy(text + errs->len, line, n);
	memcpy(text + errs->len + n, "\n", 2);
	errs->text = text;
	errs->len += n + 1;
}

void cxms_cfg_error(struct cxms_cfg_errors *errs, const struct cxms_cfg_node *node, bool at_key,
		    const char *fmt, ...)
{
	char *what = NULL;
	char *line = NULL;
	va_list ap;
	errs->n++;
	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0)
		what = NULL;
	va_end(ap);
	if (!what)
		return;
	bool key = node && at_key && node->key_line;
	if (node &&
	    asprintf(&line, "%s:%u:%u: %s", node->cfg->file, key ? node->key_line : node->line,
		     key ? node->key_col : node->col, what) < 0)
		line = NULL;
	if (!line) {
		line = what;
		what = NULL;
	}
	scrub(line);
	add_line(errs, line);
	free(what);
	free(line);
}

void cxms_cfg_errors_fini(struct cxms_cfg_errors *errs)
{
	if (!errs)
		return;
	free(errs->text);
	*errs = (struct cxms_cfg_errors){0};
}

/* What an error calls a node, and what it says it found there. */
struct told {
	char name[96], got[96];
};

static struct told tell(const struct cxms_cfg_node *n)
{
	struct told t;
	if (n->key)
		snprintf(t.name, sizeof(t.name), "'%.*s'", cxms_quote_len(n->key), n->key);
	else
		snprintf(t.name, sizeof(t.name), "the value");
	if (n->type == CXMS_CFG_MAP)
		snprintf(t.got, sizeof(t.got), "a map");
	else if (n->type == CXMS_CFG_SEQ)
		snprintf(t.got, sizeof(t.got), "a list");
	else if (!n->quoted && !*n->text)
		snprintf(t.got, sizeof(t.got), "nothing");
	else
		snprintf(t.got, sizeof(t.got), n->quoted ? "\"%.*s\"" : "'%.*s'",
			 cxms_quote_len(n->text), n->text);
	return t;
}

/* The text of a scalar not written in quotes, else NULL. */
static const char *plain_text(const struct cxms_cfg_node *n)
{
	return n->type == CXMS_CFG_SCALAR && !n->quoted ? n->text : NULL;
}

bool cxms_cfg_quantity(const struct cxms_cfg_node *n, enum cxms_unit unit, uint64_t hz,
		       uint64_t min, uint64_t max, uint64_t *out, struct cxms_cfg_errors *errs)
{
	/* "107ns" has to stand in quotes in JSON; a plain number has not, so there they mean text
	 */
	bool number = unit == CXMS_UNIT_COUNT || unit == CXMS_UNIT_PCT;
	const char *text = number || n->type != CXMS_CFG_SCALAR ? plain_text(n) : n->text;
	enum cxms_qty_fault fault = CXMS_QTY_SYNTAX;
	uint64_t v = 0;
	if (text)
		fault = cxms_units_scan(unit, text, hz, &v);
	if (fault == CXMS_QTY_OK && v >= min && v <= max) {
		*out = v;
		return true;
	}
	char must[CXMS_QTY_MUST_MAX], hint[CXMS_QTY_HINT_MAX];
	struct told t = tell(n);
	cxms_cfg_error(errs, n, false, "%s must be %s, got %s%s", t.name,
		       cxms_qty_must(must, unit, min, max), t.got,
		       cxms_qty_hint(hint, fault, unit, hz));
	return false;
}

/* [+-] digits [. digits] [e [+-] digits]: what strtod() takes, less hexadecimal, inf and nan. */
static bool is_number(const char *p)
{
	static const char digits[] = "0123456789";
	p += *p == '-' || *p == '+';
	size_t n = strspn(p, digits);
	p += n;
	if (n && *p == '.') {
		p++;
		n = strspn(p, digits);
		p += n;
	}
	if (n && (*p == 'e' || *p == 'E')) {
		p++;
		p += *p == '-' || *p == '+';
		n = strspn(p, digits);
		p += n;
	}
	return n && !*p;
}

static bool parse_double(const char *text, double *out)
{
	if (!is_number(text))
		return false;
	locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!c_locale)
		return false;
	*out = strtod_l(text, NULL, c_locale);
	freelocale(c_locale);
	return true;
}

bool cxms_cfg_double(const struct cxms_cfg_node *n, double min, double max, double *out,
		     struct cxms_cfg_errors *errs)
{
	const char *text = plain_text(n);
	double v;
	if (text && parse_double(text, &v) && v >= min && v <= max) {
		*out = v;
		return true;
	}
	struct told t = tell(n);
	cxms_cfg_error(errs, n, false, "%s must be %g .. %g, got %s", t.name, min, max, t.got);
	return false;
}

bool cxms_cfg_bool(const struct cxms_cfg_node *n, bool *out, struct cxms_cfg_errors *errs)
{
	const char *text = plain_text(n);
	if (text && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
		*out = text[0] == 't';
		return true;
	}
	struct told t = tell(n);
	cxms_cfg_error(errs, n, false, "%s must be true or false, got %s", t.name, t.got);
	return false;
}

/* "a, b, c" */
static const char *join(struct cxms_buf *buf, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		cxms_buf_printf(buf, "%s%s", i ? ", " : "", words[i]);
	return cxms_buf_text(buf);
}

bool cxms_cfg_word(const struct cxms_cfg_node *n, const char *const *words, int *out,
		   struct cxms_cfg_errors *errs)
{
	const char *text = n->type == CXMS_CFG_SCALAR ? n->text : NULL;
	for (int i = 0; text && words[i]; i++) {
		if (strcmp(words[i], text) == 0) {
			*out = i;
			return true;
		}
	}
	struct cxms_buf list = {0};
	char mean[CXMS_NEAR_MEAN_MAX];
	struct told t = tell(n);
	cxms_cfg_error(errs, n, false, "%s must be one of %s, got %s%s", t.name, join(&list, words),
		       t.got, cxms_near_mean(mean, "", text ? cxms_near_word(text, words) : NULL));
	cxms_buf_fini(&list);
	return false;
}

static bool is_known(const char *key, const char *const *known)
{
	if (strncmp(key, "x-", 2) == 0)
		return true;
	for (; *known; known++)
		if (strcmp(*known, key) == 0)
			return true;
	return false;
}

void cxms_cfg_only(const struct cxms_cfg_node *map, const char *const *known,
		   struct cxms_cfg_errors *errs)
{
	struct cxms_buf list = {0};
	if (map->type != CXMS_CFG_MAP) {
		struct told t = tell(map);
		cxms_cfg_error(errs, map, false, "%s must be a map of %s, got %s", t.name,
			       join(&list, known), t.got);
		goto out;
	}
	for (size_t i = 0; i < map->n_child; i++) {
		const struct cxms_cfg_node *n = map->child[i];
		if (is_known(n->key, known))
			continue;
		char mean[CXMS_NEAR_MEAN_MAX];
		cxms_buf_clear(&list);
		cxms_cfg_error(errs, n, true, "unknown key '%.*s'%s; allowed: %s",
			       cxms_quote_len(n->key), n->key,
			       cxms_near_mean(mean, "", cxms_near_word(n->key, known)),
			       join(&list, known));
	}
out:
	cxms_buf_fini(&list);
}
