#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/cfg_priv.h"
#include "base/err.h"
#include "base/near.h"
#include "base/sys.h"

#define MAX_ANCHORS 1000u /* they are searched one by one */

/* A map or sequence whose end has not come yet. */
struct frame {
	struct cxms_cfg_node *node;
	size_t cap;
	const char *key; /* map: read, its value has not come yet; owned */
	yaml_mark_t key_mark;
};

struct anchor {
	char *name;
	const struct cxms_cfg_node *node;
};

struct builder {
	struct cxms_cfg *cfg;
	struct cxms_err *err;
	struct frame frame[CXMS_CFG_MAX_DEPTH];
	size_t depth;
	struct anchor *anchor;
	size_t n_anchor, cap_anchor;
	unsigned n_document;
};

static int fail_at(struct builder *b, yaml_mark_t at, int errnum, const char *what)
{
	return cxms_fail(b->err, errnum, "%s:%zu:%zu: %s", b->cfg->file, at.line + 1, at.column + 1,
			 what);
}

static int fail_grow(struct builder *b, yaml_mark_t at, int rc)
{
	const struct cxms_cfg_limits *most = &b->cfg->most;
	if (rc == -EFBIG)
		return cxms_fail(b->err, EFBIG,
				 "%s:%zu:%zu: too much for one file; at most %zu values and %zu "
				 "MiB of text, aliases included",
				 b->cfg->file, at.line + 1, at.column + 1, most->nodes,
				 most->text >> 20);
	return fail_at(b, at, ENOMEM, "out of memory");
}

/* Hang @node below the open map or sequence, or make it the root. */
static int attach(struct builder *b, struct cxms_cfg_node *node, yaml_mark_t at)
{
	node->line = (unsigned)at.line + 1;
	node->col = (unsigned)at.column + 1;
	if (b->depth == 0) {
		b->cfg->root = node;
		return 0;
	}
	struct frame *f = &b->frame[b->depth - 1];
	if (f->node->type == CXMS_CFG_MAP) {
		if (!f->key)
			return fail_at(b, at, EINVAL, "a key must be plain text");
		node->key = f->key;
		f->key = NULL;
		node->key_line = (unsigned)f->key_mark.line + 1;
		node->key_col = (unsigned)f->key_mark.column + 1;
	}
	void *child = f->node->child;
	if (cxms_array_grow(&child, &f->cap, f->node->n_child + 1, sizeof(*f->node->child)) < 0)
		return fail_grow(b, at, -ENOMEM);
	f->node->child = child;
	f->node->child[f->node->n_child++] = node;
	return 0;
}

static int remember(struct builder *b, const yaml_char_t *name, const struct cxms_cfg_node *node,
		    yaml_mark_t at)
{
	if (!name)
		return 0;
	if (b->n_anchor >= MAX_ANCHORS)
		return fail_at(b, at, EFBIG, "too many anchors; at most 1000");
	void *list = b->anchor;
	if (cxms_array_grow(&list, &b->cap_anchor, b->n_anchor + 1, sizeof(*b->anchor)) < 0)
		return fail_grow(b, at, -ENOMEM);
	b->anchor = list;
	char *copy = strdup((const char *)name);
	if (!copy)
		return fail_grow(b, at, -ENOMEM);
	b->anchor[b->n_anchor++] = (struct anchor){.name = copy, .node = node};
	return 0;
}

static int check_tag(struct builder *b, const yaml_char_t *tag, yaml_mark_t at)
{
	return tag ? fail_at(b, at, EINVAL, "tags such as '!x' have no meaning here; remove it")
		   : 0;
}

static int on_scalar(struct builder *b, const yaml_event_t *e)
{
	const char *value = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;
	int rc = check_tag(b, e->data.scalar.tag, e->start_mark);
	if (rc < 0)
		return rc;
	if (memchr(value, '\0', len))
		return fail_at(b, e->start_mark, EINVAL, "text holds a NUL byte; remove it");
	const char *text;
	rc = cxms_cfg_new_text(b->cfg, value, len, &text);
	if (rc < 0)
		return fail_grow(b, e->start_mark, rc);
	struct frame *f = b->depth ? &b->frame[b->depth - 1] : NULL;
	if (f && f->node->type == CXMS_CFG_MAP && !f->key) {
		f->key = text;
		f->key_mark = e->start_mark;
		return 0;
	}
	struct cxms_cfg_node *node;
	rc = cxms_cfg_new_node(b->cfg, CXMS_CFG_SCALAR, &node);
	if (rc < 0) {
		free((void *)text);
		return fail_grow(b, e->start_mark, rc);
	}
	node->text = text;
	node->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	rc = remember(b, e->data.scalar.anchor, node, e->start_mark);
	return rc < 0 ? rc : attach(b, node, e->start_mark);
}

static int on_open(struct builder *b, enum cxms_cfg_type type, const yaml_char_t *anchor,
		   const yaml_char_t *tag, yaml_mark_t at)
{
	struct cxms_cfg_node *node;
	int rc = check_tag(b, tag, at);
	if (rc < 0)
		return rc;
	if (b->depth >= CXMS_CFG_MAX_DEPTH)
		return fail_at(b, at, EFBIG, "nested too deeply; at most 32 levels");
	rc = cxms_cfg_new_node(b->cfg, type, &node);
	if (rc < 0)
		return fail_grow(b, at, rc);
	rc = attach(b, node, at);
	if (rc == 0)
		rc = remember(b, anchor, node, at);
	if (rc == 0)
		b->frame[b->depth++] = (struct frame){.node = node};
	return rc;
}

static int by_key(const void *va, const void *vb)
{
	const struct cxms_cfg_node *a = *(const struct cxms_cfg_node *const *)va;
	const struct cxms_cfg_node *b = *(const struct cxms_cfg_node *const *)vb;
	int order = strcmp(a->key, b->key);
	if (order == 0)
		order = a->key_line < b->key_line ? -1 : a->key_line > b->key_line;
	if (order == 0)
		order = a->key_col < b->key_col ? -1 : a->key_col > b->key_col;
	return order;
}

/* Sorted copies stand side by side: n log n, since a hostile map may have 100,000 keys. */
static int check_duplicates(struct builder *b, const struct cxms_cfg_node *map, yaml_mark_t at)
{
	int rc = 0;
	size_t n = map->n_child;
	if (n < 2)
		return 0;
	struct cxms_cfg_node **sorted = malloc(n * sizeof(*sorted));
	if (!sorted)
		return fail_grow(b, at, -ENOMEM);
	memcpy(sorted, map->child, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_key);
	for (size_t i = 1; i < n && rc == 0; i++) {
		const struct cxms_cfg_node *twin = sorted[i];
		if (strcmp(sorted[i - 1]->key, twin->key) == 0)
			rc = cxms_fail(b->err, EINVAL,
				       "%s:%u:%u: key '%.*s' is there twice, first in line %u; "
				       "remove one",
				       b->cfg->file, twin->key_line, twin->key_col,
				       cxms_quote_len(twin->key), twin->key,
				       sorted[i - 1]->key_line);
	}
	free(sorted);
	return rc;
}

static int on_close(struct builder *b, yaml_mark_t at)
{
	struct frame *f = &b->frame[--b->depth];
	return f->node->type == CXMS_CFG_MAP ? check_duplicates(b, f->node, at) : 0;
}

static int copy_key(struct cxms_cfg *cfg, const struct cxms_cfg_node *from,
		    struct cxms_cfg_node *to)
{
	to->key_line = from->key_line;
	to->key_col = from->key_col;
	return from->key ? cxms_cfg_new_text(cfg, from->key, strlen(from->key), &to->key) : 0;
}

/* Copies, so that every node has one parent; the limits on nodes and text stop "billion laughs". */
static int copy_tree(struct cxms_cfg *cfg, const struct cxms_cfg_node *from, size_t depth,
		     struct cxms_cfg_node **out)
{
	struct cxms_cfg_node *to;
	int rc = cxms_cfg_new_node(cfg, from->type, &to);
	if (rc < 0)
		return rc;
	to->quoted = from->quoted;
	to->line = from->line;
	to->col = from->col;
	if (from->type == CXMS_CFG_SCALAR)
		rc = cxms_cfg_new_text(cfg, from->text, strlen(from->text), &to->text);
	else if (depth >= CXMS_CFG_MAX_DEPTH)
		rc = -EFBIG;
	if (rc < 0)
		return rc;
	if (from->n_child && !(to->child = calloc(from->n_child, sizeof(struct cxms_cfg_node *))))
		return -ENOMEM;
	for (size_t i = 0; i < from->n_child; i++) {
		rc = copy_tree(cfg, from->child[i], depth + 1, &to->child[i]);
		if (rc == 0)
			rc = copy_key(cfg, from->child[i], to->child[i]);
		if (rc < 0)
			return rc;
		to->n_child++;
	}
	*out = to;
	return 0;
}

static int on_alias(struct builder *b, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	const struct cxms_cfg_node *from = NULL;
	struct cxms_cfg_node *node;
	for (size_t i = b->n_anchor; i > 0 && !from; i--)
		if (strcmp(b->anchor[i - 1].name, name) == 0)
			from = b->anchor[i - 1].node;
	if (!from)
		return fail_at(b, e->start_mark, EINVAL,
			       "alias of an anchor that was not set before; set it with '&'");
	for (size_t i = 0; i < b->depth; i++)
		if (b->frame[i].node == from)
			return fail_at(b, e->start_mark, EINVAL,
				       "alias inside its own anchor; a value cannot hold itself");
	int rc = copy_tree(b->cfg, from, b->depth, &node);
	if (rc < 0)
		return fail_grow(b, e->start_mark, rc);
	return attach(b, node, e->start_mark);
}

static int on_event(struct builder *b, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->n_document++)
			return fail_at(b, e->start_mark, EINVAL,
				       "a second document starts; one file holds one document");
		return 0;
	case YAML_SCALAR_EVENT:
		return on_scalar(b, e);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(b, CXMS_CFG_SEQ, e->data.sequence_start.anchor,
			       e->data.sequence_start.tag, e->start_mark);
	case YAML_MAPPING_START_EVENT:
		return on_open(b, CXMS_CFG_MAP, e->data.mapping_start.anchor,
			       e->data.mapping_start.tag, e->start_mark);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_close(b, e->start_mark);
	case YAML_ALIAS_EVENT:
		return on_alias(b, e);
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
	return 0;
}

/* libyaml gives bad bytes as an offset, everything else as line and column. */
static int fail_parse(struct builder *b, const yaml_parser_t *p, const char *data)
{
	yaml_mark_t at = p->problem_mark;
	if (p->error == YAML_MEMORY_ERROR)
		return fail_grow(b, p->mark, -ENOMEM);
	if (p->error == YAML_READER_ERROR) {
		at = (yaml_mark_t){0};
		for (size_t i = 0; i < p->problem_offset; i++, at.column++) {
			if (data[i] == '\n') {
				at.line++;
				at.column = (size_t)-1;
			}
		}
	}
	return fail_at(b, at, EINVAL, p->problem ? p->problem : "not YAML");
}

static int parse_all(struct builder *b, yaml_parser_t *p, const char *data)
{
	int rc = 0;
	bool end = false;
	while (rc == 0 && !end) {
		yaml_event_t e;
		if (!yaml_parser_parse(p, &e))
			return fail_parse(b, p, data);
		end = e.type == YAML_STREAM_END_EVENT;
		rc = on_event(b, &e);
		yaml_event_delete(&e);
	}
	if (rc == 0 && !b->cfg->root)
		rc = fail_at(b, (yaml_mark_t){0}, EINVAL, "the file is empty");
	return rc;
}

static void builder_fini(struct builder *b)
{
	for (size_t i = 0; i < b->depth; i++)
		free((void *)b->frame[i].key);
	for (size_t i = 0; i < b->n_anchor; i++)
		free(b->anchor[i].name);
	free(b->anchor);
	cxms_cfg_free(b->cfg);
}

/* Bytes of the mark that some editors put before UTF-8. libyaml counts it as a column, which would
 * indent the first line. */
static size_t byte_order_mark(const char *text, size_t len)
{
	static const char mark[] = {'\xEF', '\xBB', '\xBF'};
	return len >= sizeof(mark) && memcmp(text, mark, sizeof(mark)) == 0 ? sizeof(mark) : 0;
}

static int load_mem(const char *name, const void *data, size_t len,
		    const struct cxms_cfg_limits *most, struct cxms_cfg **out, struct cxms_err *err)
{
	yaml_parser_t parser;
	struct builder b = {.err = err};
	if (len > most->bytes)
		return cxms_fail(err, EFBIG, "'%s' is larger than %zu MiB; give a smaller file",
				 name, most->bytes >> 20);
	b.cfg = cxms_cfg_new(name, data, len);
	if (!b.cfg || !yaml_parser_initialize(&parser)) {
		builder_fini(&b);
		return cxms_fail_sys(err, ENOMEM, "cannot read '%s'", name);
	}
	b.cfg->most = *most;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	const char *text = len ? data : "";
	size_t mark = byte_order_mark(text, len);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text + mark, len - mark);
	int rc = parse_all(&b, &parser, text + mark);
	if (rc == 0) {
		*out = b.cfg;
		b.cfg = NULL;
	}
	yaml_parser_delete(&parser);
	builder_fini(&b);
	return rc;
}

static int load_file(const char *path, const struct cxms_cfg_limits *most, struct cxms_cfg **out,
		     struct cxms_err *err)
{
	struct cxms_buf text = {0};
	int rc = cxms_file_read(path, most->bytes, &text, err);
	if (rc == 0)
		rc = load_mem(path, text.data, text.len, most, out, err);
	cxms_buf_fini(&text);
	return rc;
}

static const struct cxms_cfg_limits of_people = {CXMS_CFG_MAX_BYTES, CXMS_CFG_MAX_NODES,
						 CXMS_CFG_MAX_TEXT};
static const struct cxms_cfg_limits of_results = {CXMS_CFG_RESULT_BYTES, CXMS_CFG_RESULT_NODES,
						  CXMS_CFG_RESULT_BYTES};

int cxms_cfg_load_yaml_mem(const char *name, const void *data, size_t len, struct cxms_cfg **out,
			   struct cxms_err *err)
{
	return load_mem(name, data, len, &of_people, out, err);
}

int cxms_cfg_load_yaml(const char *path, struct cxms_cfg **out, struct cxms_err *err)
{
	return load_file(path, &of_people, out, err);
}

int cxms_cfg_load_result(const char *path, struct cxms_cfg **out, struct cxms_err *err)
{
	return load_file(path, &of_results, out, err);
}
