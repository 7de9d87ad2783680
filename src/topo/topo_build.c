#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/cfg_sha256.h"
#include "base/err.h"
#include "topo/topo_priv.h"

static void read_schema(struct topo_build *b, const struct cxms_cfg_node *root)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(root, "schema");
	if (!n)
		cxms_cfg_error(&b->errs, root, false,
			       "the key 'schema' is missing; give 'schema: 1'");
	else if (!topo_is_word(n, "1") || n->quoted)
		cxms_cfg_error(&b->errs, n, false, "'schema' must be 1, the only version there is");
}

/* A file without a title is called by its own name, made printable. */
static const char *title_of_file(struct topo_build *b)
{
	const char *slash = strrchr(b->t->file, '/');
	char *name = topo_alloc(b->own, TOPO_MAX_TITLE_BYTES + 1, 1);
	if (!name)
		return NULL;
	strncpy(name, slash ? slash + 1 : b->t->file, TOPO_MAX_TITLE_BYTES);
	for (char *p = name; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	return *name ? name : strcpy(name, "unnamed");
}

static void read_title(struct topo_build *b, const struct cxms_cfg_node *root)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(root, "name");
	if (!n)
		b->t->name = title_of_file(b);
	else if (n->type == CXMS_CFG_SCALAR && topo_is_title(n->text))
		b->t->name = topo_printf(b->own, "%s", n->text);
	else
		cxms_cfg_error(&b->errs, n, false, "'name' must be 1 .. %u bytes of printable text",
			       TOPO_MAX_TITLE_BYTES);
}

void topo_note_data(struct topo_build *b, const struct cxms_buf *data)
{
	char hex[CXMS_SHA256_HEX_MAX];
	cxms_sha256_hex(data->data, data->len, hex);
	const char *both = topo_printf(b->own, "%s %s", b->t->sha256, hex);
	if (!both)
		return;
	cxms_sha256_hex(both, strlen(both), hex);
	b->t->sha256 = topo_printf(b->own, "%s", hex);
}

static void build(struct topo_build *b, const struct cxms_cfg_node *root)
{
	if (!topo_is_map(b, root, &topo_keys_top))
		return;
	read_schema(b, root);
	read_title(b, root);
	topo_read_host(b, root);
	topo_read_devices(b, root);
	if (b->t->n_dev > 0) {
		topo_check_graph(b);
		topo_read_regions(b, root);
	}
	topo_read_placement(b, root);
	if (b->errs.n == 0)
		topo_note_stated(b, root);
	b->t->assumed = b->own->assumed;
	b->t->stated = b->own->stated;
}

/* Errors stay in @errs (sorted) for callers who want them all. */
static int from_cfg(const struct cxms_cfg *cfg, struct cxms_topo **out,
		    struct cxms_cfg_errors *errs, struct cxms_err *err)
{
	struct topo_build b = {.own = calloc(1, sizeof(*b.own)), .t = calloc(1, sizeof(*b.t))};
	int rc = -ENOMEM;
	if (!b.own || !b.t)
		goto out;
	b.t->owner = b.own;
	b.t->file = topo_printf(b.own, "%s", cxms_cfg_file(cfg));
	b.t->sha256 = topo_printf(b.own, "%s", cxms_cfg_sha256(cfg));
	if (b.t->file && b.t->sha256)
		build(&b, cxms_cfg_root(cfg));
	*errs = b.errs;
	if (b.own->failed)
		goto out;
	rc = errs->n ? topo_sort_errors(b.t->file, errs) : 0;
	if (rc == 0 && errs->n)
		rc = topo_fail_lines(errs, b.n_not_yet == errs->n ? ENOTSUP : EINVAL, err);
	if (rc == 0) {
		*out = b.t;
		b.t = NULL;
		b.own = NULL;
	}
out:
	topo_presets_free(&b);
	topo_owner_free(b.own);
	free(b.t);
	return rc == -ENOMEM ? cxms_fail_sys(err, ENOMEM, "cannot load the topology") : rc;
}

int cxms_topo_load_mem(const char *name, const void *data, size_t len, struct cxms_topo **out,
		       struct cxms_err *err)
{
	struct cxms_cfg *cfg = NULL;
	struct cxms_cfg_errors errs = {0};
	int rc = cxms_cfg_load_yaml_mem(name, data, len, &cfg, err);
	if (rc == 0)
		rc = from_cfg(cfg, out, &errs, err);
	cxms_cfg_errors_fini(&errs);
	cxms_cfg_free(cfg);
	return rc;
}

int cxms_topo_from_cfg(const struct cxms_cfg *cfg, struct cxms_topo **out, struct cxms_err *err)
{
	struct cxms_cfg_errors errs = {0};
	int rc = from_cfg(cfg, out, &errs, err);
	cxms_cfg_errors_fini(&errs);
	return rc;
}

int cxms_topo_load(const char *path, struct cxms_topo **out, struct cxms_err *err)
{
	struct cxms_cfg *cfg = NULL;
	struct cxms_cfg_errors errs = {0};
	int rc = cxms_cfg_load_yaml(path, &cfg, err);
	if (rc == 0)
		rc = from_cfg(cfg, out, &errs, err);
	cxms_cfg_errors_fini(&errs);
	cxms_cfg_free(cfg);
	return rc;
}

int cxms_topo_assumed(struct cxms_topo **out, struct cxms_err *err)
{
	static const char text[] = "schema: 1\nname: assumed host\nhost: {local: {latency: auto}}\n"
				   "devices: {mem0: {type: memdev, upstream: host, latency: 250ns, "
				   "capacity: 1TiB}}\n";
	return cxms_topo_load_mem("assumed", text, sizeof(text) - 1, out, err);
}

int cxms_topo_check(const char *path, char **errors, struct cxms_err *err)
{
	struct cxms_err why = {0};
	struct cxms_cfg *cfg = NULL;
	struct cxms_topo *t = NULL;
	struct cxms_cfg_errors errs = {0};
	int rc = cxms_cfg_load_yaml(path, &cfg, &why);
	if (rc == 0)
		rc = from_cfg(cfg, &t, &errs, &why);
	*errors = NULL;
	if (rc < 0) {
		char *text = errs.text;
		if (!text && asprintf(&text, "%s\n", why.msg) < 0)
			text = NULL;
		*errors = text;
		errs.text = NULL;
		cxms_fail(err, why.code, "%s", why.msg);
	}
	cxms_cfg_errors_fini(&errs);
	cxms_topo_free(t);
	cxms_cfg_free(cfg);
	return rc;
}

void cxms_topo_free(struct cxms_topo *t)
{
	if (!t)
		return;
	topo_owner_free(t->owner);
	free(t);
}
