#include "topo/preset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/err.h"
#include "base/near.h"
#include "topo/topo_priv.h"

#define PRESET_SUFFIX	 ".yaml"
#define PRESET_MAX_BYTES (64u << 10)

static const char *const kind_words[] = {
	[TOPO_PRESET_HOST] = "host", [TOPO_PRESET_DEVICE] = "device"};

static const char *path_of(char *path, size_t cap, enum topo_preset_kind kind, const char *name)
{
	char room[PATH_MAX];
	int n = snprintf(path, cap, "%s/presets/%s/%s" PRESET_SUFFIX, topo_data_dir(room),
			 kind_words[kind], name);
	return n > 0 && (size_t)n < cap ? path : NULL;
}

static int names_of(enum topo_preset_kind kind, struct topo_names *out)
{
	char folder[32];
	snprintf(folder, sizeof(folder), "presets/%s", kind_words[kind]);
	return topo_data_names(folder, PRESET_SUFFIX, out);
}

static void preset_fini(struct topo_preset *p)
{
	free(p->name);
	cxms_buf_fini(&p->text);
	cxms_cfg_free(p->cfg);
}

/* The keys of a preset file that are not those of what it describes. */
bool topo_preset_is_own_key(const char *key)
{
	static const char *const own[] = {"schema", "title", "measured_local"};
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(own[i], key) == 0)
			return true;
	return false;
}

static const char *title_of(const struct topo_preset *p)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(cxms_cfg_root(p->cfg), "title");
	return n && n->type == CXMS_CFG_SCALAR && topo_is_title(n->text) ? n->text : NULL;
}

static int load(enum topo_preset_kind kind, const char *name, struct topo_preset *p,
		struct cxms_err *err)
{
	char path[4096];
	*p = (struct topo_preset){.kind = kind, .name = strdup(name)};
	int rc = p->name ? 0 : -ENOMEM;
	if (rc == 0 && !path_of(path, sizeof(path), kind, name))
		rc = cxms_fail(err, ENAMETOOLONG, "the path of preset '%s' is too long", name);
	if (rc == 0)
		rc = topo_data_read(path, PRESET_MAX_BYTES, &p->text, err);
	if (rc == 0)
		rc = cxms_cfg_load_yaml_mem(path, p->text.data, p->text.len, &p->cfg, err);
	if (rc == 0 && !topo_is_word(cxms_cfg_get(cxms_cfg_root(p->cfg), "schema"), "1"))
		rc = cxms_fail(err, EINVAL, "%s: a preset must state 'schema: 1'", path);
	if (rc == 0 && !title_of(p))
		rc = cxms_fail(err, EINVAL, "%s: a preset must state its 'title'", path);
	if (rc < 0)
		preset_fini(p);
	return rc == -ENOMEM ? cxms_fail_sys(err, ENOMEM, "cannot load preset '%s'", name) : rc;
}

static void list_known(enum topo_preset_kind kind, struct cxms_near *near, struct cxms_buf *out,
		       struct topo_names *keep)
{
	names_of(kind, keep);
	for (size_t i = 0; i < keep->n; i++)
		cxms_near_try(near, keep->name[i]);
	topo_data_join(keep, out);
}

static void fail_unknown(struct topo_build *b, const struct cxms_cfg_node *n,
			 enum topo_preset_kind kind, const char *name)
{
	struct topo_names known = {0};
	struct cxms_buf list = {0};
	struct cxms_near near;
	char mean[CXMS_NEAR_MEAN_MAX];
	cxms_near_init(&near, name);
	list_known(kind, &near, &list, &known);
	cxms_cfg_error(&b->errs, n, false, "no %s preset '%s'%s; known: %s", kind_words[kind], name,
		       cxms_near_mean(mean, "", near.best), cxms_buf_text(&list));
	cxms_buf_fini(&list);
	topo_names_free(&known);
}

const struct topo_preset *topo_preset_get(struct topo_build *b, const struct cxms_cfg_node *n,
					  enum topo_preset_kind kind)
{
	char path[4096];
	struct cxms_err err = {0};
	const char *name;
	void *list = b->preset;
	if (!topo_read_ident(b, n, &name) || !name)
		return NULL;
	for (size_t i = 0; i < b->n_preset; i++)
		if (b->preset[i]->kind == kind && strcmp(b->preset[i]->name, name) == 0)
			return b->preset[i];
	if (!path_of(path, sizeof(path), kind, name) || !topo_is_file(path)) {
		fail_unknown(b, n, kind, name);
		return NULL;
	}
	struct topo_preset *p = malloc(sizeof(*p));
	if (!p || cxms_array_grow(&list, &b->cap_preset, b->n_preset + 1, sizeof(*b->preset)) < 0) {
		b->own->failed = true;
		free(p);
		return NULL;
	}
	b->preset = list;
	if (load(kind, name, p, &err) < 0) {
		cxms_cfg_error(&b->errs, n, false, "%s", err.msg);
		free(p);
		return NULL;
	}
	topo_note_data(b, &p->text);
	return b->preset[b->n_preset++] = p;
}

void topo_presets_free(struct topo_build *b)
{
	for (size_t i = 0; i < b->n_preset; i++) {
		preset_fini(b->preset[i]);
		free(b->preset[i]);
	}
	free(b->preset);
}

const char *topo_preset_source(struct topo_build *b, const struct topo_preset *p, unsigned line)
{
	const char *at = (const char *)p->text.data, *end = at + p->text.len;
	for (unsigned i = 1; i < line && at < end; i++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		at = stop ? stop + 1 : end;
	}
	const char *stop = memchr(at, '\n', (size_t)(end - at));
	const char *text = topo_printf(b->own, "%.*s", (int)((stop ? stop : end) - at), at);
	const char *hash = text ? strstr(text, " # ") : NULL;
	return hash ? hash + 3 : NULL;
}

int cxms_preset_list(void (*cb)(void *arg, const struct cxms_preset *preset), void *arg,
		     struct cxms_err *err)
{
	char room[PATH_MAX];
	int rc = 0;
	for (int kind = TOPO_PRESET_HOST; kind <= TOPO_PRESET_DEVICE && rc == 0; kind++) {
		struct topo_names names = {0};
		rc = names_of((enum topo_preset_kind)kind, &names);
		if (rc < 0)
			cxms_fail_sys(err, -rc, "cannot read the presets in '%s/presets/%s'",
				      topo_data_dir(room), kind_words[kind]);
		for (size_t i = 0; i < names.n && rc == 0; i++) {
			struct topo_preset p;
			rc = load((enum topo_preset_kind)kind, names.name[i], &p, err);
			if (rc < 0)
				break;
			const struct cxms_preset told = {
				.kind = kind_words[kind], .name = p.name, .title = title_of(&p)};
			cb(arg, &told);
			preset_fini(&p);
		}
		topo_names_free(&names);
	}
	return rc;
}

int cxms_preset_text(const char *name, struct cxms_buf *out, struct cxms_err *err)
{
	struct topo_names known[2] = {{0}};
	struct cxms_buf list[2] = {{0}};
	struct cxms_near near;
	char path[4096], mean[CXMS_NEAR_MEAN_MAX];
	cxms_near_init(&near, name);
	for (int kind = TOPO_PRESET_HOST; kind <= TOPO_PRESET_DEVICE && topo_is_ident(name); kind++)
		if (path_of(path, sizeof(path), (enum topo_preset_kind)kind, name) &&
		    topo_is_file(path))
			return topo_data_read(path, PRESET_MAX_BYTES, out, err);
	for (int kind = TOPO_PRESET_HOST; kind <= TOPO_PRESET_DEVICE; kind++)
		list_known((enum topo_preset_kind)kind, &near, &list[kind], &known[kind]);
	int rc = cxms_fail(err, ENOENT, "no preset '%.*s'%s; hosts: %s; devices: %s",
			   cxms_quote_len(name), name, cxms_near_mean(mean, "", near.best),
			   cxms_buf_text(&list[0]), cxms_buf_text(&list[1]));
	for (int kind = TOPO_PRESET_HOST; kind <= TOPO_PRESET_DEVICE; kind++) {
		cxms_buf_fini(&list[kind]);
		topo_names_free(&known[kind]);
	}
	return rc;
}
