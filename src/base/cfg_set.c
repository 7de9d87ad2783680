#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cfg_priv.h"
#include "base/err.h"
#include "base/near.h"

/* One part of a path: [at, at + len) of it. */
struct part {
	const char *path;
	size_t at, len;
};

static bool first_part(const char *path, struct part *p)
{
	*p = (struct part){.path = path, .len = strcspn(path, ".")};
	return p->len > 0;
}

/* False at the end; a part may be empty. */
static bool next_part(struct part *p)
{
	size_t dot = p->at + p->len;
	if (!p->path[dot])
		return false;
	p->at = dot + 1;
	p->len = strcspn(p->path + p->at, ".");
	return true;
}

static bool is_key(const struct part *p, const char *key)
{
	return strlen(key) == p->len && !memcmp(key, p->path + p->at, p->len);
}

static int set_key(struct cxms_cfg_node *n, const struct part *p)
{
	char *key = strndup(p->path + p->at, p->len);
	if (!key)
		return -ENOMEM;
	free((void *)n->key);
	n->key = key;
	n->key_line = 1;
	n->key_col = (unsigned)p->at + 1;
	return 0;
}

/* The child that the part names; NULL where a map lacks it. */
static int find_child(struct cxms_cfg_node *in, const struct part *p, struct cxms_cfg_node ***out,
		      struct cxms_err *err)
{
	*out = NULL;
	if (p->len == 0)
		return cxms_fail(err, EINVAL, "'%.*s' has an empty part", cxms_quote_len(p->path),
				 p->path);
	if (in->type == CXMS_CFG_SCALAR)
		return cxms_fail(err, EINVAL, "'%.*s' is a plain value in '%s'; set it as a whole",
				 (int)p->at - 1, p->path, in->cfg->file);
	for (size_t i = 0; in->type == CXMS_CFG_MAP && i < in->n_child; i++)
		if (is_key(p, in->child[i]->key))
			*out = &in->child[i];
	if (in->type == CXMS_CFG_MAP)
		return 0;
	char *end;
	size_t index = strtoul(p->path + p->at, &end, 10);
	if (end != p->path + p->at + p->len || index >= in->n_child)
		return cxms_fail(err, EINVAL,
				 "'%.*s' is a list of %zu in '%s'; name one by its number from 0",
				 (int)p->at - 1, p->path, in->n_child, in->cfg->file);
	*out = &in->child[index];
	return 0;
}

static int append(struct cxms_cfg_node *map, struct cxms_cfg_node *node)
{
	struct cxms_cfg_node **list =
		realloc(map->child, (map->n_child + 1) * sizeof(struct cxms_cfg_node *));
	if (!list)
		return -ENOMEM;
	map->child = list;
	list[map->n_child++] = node;
	return 0;
}

/* A map of @owner under the key that the part names. */
static int make_map(struct cxms_cfg *owner, struct cxms_cfg_node *in, const struct part *p,
		    struct cxms_cfg_node **out)
{
	struct cxms_cfg_node *map = NULL;
	int rc = cxms_cfg_new_node(owner, CXMS_CFG_MAP, &map);
	if (!rc)
		rc = set_key(map, p);
	if (!rc)
		rc = append(in, map);
	if (rc)
		return rc;
	map->line = map->key_line;
	map->col = map->key_col;
	*out = map;
	return 0;
}

static int hang(struct cxms_cfg_node *in, struct cxms_cfg_node **there, const struct part *p,
		struct cxms_cfg_node *value)
{
	int rc = in->type == CXMS_CFG_MAP ? set_key(value, p) : 0;
	if (rc)
		return rc;
	if (!there)
		return append(in, value);
	*there = value;
	return 0;
}

void cxms_cfg_vary(struct cxms_cfg *cfg, const char *how)
{
	char both[2 * CXMS_SHA256_HEX_MAX], hex[CXMS_SHA256_HEX_MAX];
	cxms_sha256_hex(how, strlen(how), hex);
	snprintf(both, sizeof(both), "%s %s", cfg->file_sha256, hex);
	cxms_sha256_hex(both, strlen(both), cfg->sha256);
}

int cxms_cfg_set(struct cxms_cfg *cfg, const char *path, struct cxms_cfg *value,
		 struct cxms_err *err)
{
	struct cxms_cfg_node *in = cfg->root, **there = NULL;
	struct part p, ahead;
	if (!first_part(path, &p))
		return cxms_fail(err, EINVAL, "'%.*s' has an empty part", cxms_quote_len(path),
				 path);
	int rc = find_child(in, &p, &there, err);
	for (ahead = p; !rc && next_part(&ahead); p = ahead) {
		if (there)
			in = *there;
		else
			rc = make_map(value, in, &p, &in);
		if (!rc)
			rc = find_child(in, &ahead, &there, err);
	}
	if (!rc)
		rc = hang(in, there, &p, value->root);
	return rc == -EINVAL ? rc : rc ? cxms_fail_sys(err, -rc, "cannot set '%s'", path) : 0;
}
