#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/err.h"
#include "base/fmt.h"
#include "base/near.h"
#include "topo/topo_priv.h"

/* Keys that a topology leaves open, taken from a preset: a tree of its own nodes and the preset's.
 */
struct fill {
	struct topo_build *b;
	const struct topo_preset *preset;
	const char *skip; /* a key at the top of the preset that is not taken; NULL = none */
};

static void put_node(struct cxms_buf *out, const struct cxms_cfg_node *n)
{
	bool map = n->type == CXMS_CFG_MAP;
	if (n->type == CXMS_CFG_SCALAR) {
		cxms_buf_printf(out, "%s", n->text);
		return;
	}
	cxms_buf_printf(out, map ? "{" : "[");
	for (size_t i = 0; i < n->n_child; i++) {
		cxms_buf_printf(out, i ? ", " : "");
		if (map)
			cxms_buf_printf(out, "%s: ", n->child[i]->key);
		put_node(out, n->child[i]);
	}
	cxms_buf_printf(out, map ? "}" : "]");
}

/* "[R] why" is "why". */
static const char *without_tag(const char *source)
{
	return source[0] == '[' && strlen(source) > 4 && source[2] == ']' ? source + 4 : source;
}

/* A figure that somebody recalled ([R]) or that we chose ([A]) is an assumption of the result. */
static void note_source(struct fill *f, const struct cxms_cfg_node *n, const struct topo_key *k,
			const char *path)
{
	const char *source = topo_preset_source(f->b, f->preset, n->key_line);
	struct cxms_buf value = {0};
	const char *word = !source		   ? "no source given"
			   : strstr(source, "[A]") ? "chosen"
			   : strstr(source, "[R]") ? "recalled, not verified"
						   : NULL;
	if (!word)
		return;
	put_node(&value, n);
	topo_assume(f->b, path, n->key, cxms_buf_text(&value),
		    topo_printf(f->b->own, "preset %s, %s: %s", f->preset->name, word,
				source ? without_tag(source) : n->key));
	if (k && k->unused)
		topo_assume_exact_only(f->b);
	cxms_buf_fini(&value);
}

/* A whole subtree of the preset is taken. */
static void take(struct fill *f, const struct cxms_cfg_node *n, const struct topo_table *tab,
		 const char *path)
{
	const struct topo_key *k = topo_find_key(tab, n->key);
	if (!k || !k->sub || n->type != CXMS_CFG_MAP) {
		note_source(f, n, k, path);
		return;
	}
	const char *below = topo_printf(f->b->own, "%s.%s", path, n->key);
	for (size_t i = 0; below && i < n->n_child; i++)
		take(f, n->child[i], k->sub, below);
}

/* Of the keys at the top of a preset. */
static bool is_taken(const struct fill *f, const char *key)
{
	return !topo_preset_is_own_key(key) && !(f->skip && strcmp(key, f->skip) == 0);
}

/* Who states one of these does not want the other: a curve is a model, extents give the capacity.
 */
static bool is_stated(const struct cxms_cfg_node *own, const char *key)
{
	static const char *const instead[][2] = {
		{"model", "curve"}, {"curve", "model"}, {"capacity", "extents"}};
	for (size_t i = 0; i < sizeof(instead) / sizeof(instead[0]); i++)
		if (strcmp(key, instead[i][0]) == 0 && cxms_cfg_get(own, instead[i][1]))
			return true;
	return cxms_cfg_get(own, key) != NULL;
}

static struct cxms_cfg_node *merge(struct fill *f, const struct cxms_cfg_node *own,
				   const struct cxms_cfg_node *from, const struct topo_table *tab,
				   const char *path, bool top)
{
	struct cxms_cfg_node *out = topo_alloc(f->b->own, 1, sizeof(*out));
	struct cxms_cfg_node **child =
		topo_alloc(f->b->own, own->n_child + from->n_child, sizeof(struct cxms_cfg_node *));
	if (!out || !child)
		return NULL;
	*out = *own;
	out->child = child;
	for (size_t i = 0; i < own->n_child; i++) {
		struct cxms_cfg_node *n = own->child[i];
		const struct cxms_cfg_node *theirs =
			top && !is_taken(f, n->key) ? NULL : cxms_cfg_get(from, n->key);
		const struct topo_key *k = topo_find_key(tab, n->key);
		bool both = theirs && k && k->sub && n->type == CXMS_CFG_MAP &&
			    theirs->type == CXMS_CFG_MAP;
		const char *below = topo_printf(f->b->own, "%s.%s", path, n->key);
		struct cxms_cfg_node *merged =
			both && below ? merge(f, n, theirs, k->sub, below, false) : NULL;
		child[i] = merged ? merged : n;
	}
	for (size_t i = 0; i < from->n_child; i++) {
		struct cxms_cfg_node *n = from->child[i];
		if ((top && !is_taken(f, n->key)) || is_stated(own, n->key))
			continue;
		take(f, n, tab, path);
		child[out->n_child++] = n;
	}
	return out;
}

/* @map without a key. */
static const struct cxms_cfg_node *without(struct topo_build *b, const struct cxms_cfg_node *map,
					   const char *key)
{
	struct cxms_cfg_node *out = topo_alloc(b->own, 1, sizeof(*out));
	struct cxms_cfg_node **child =
		topo_alloc(b->own, map->n_child, sizeof(struct cxms_cfg_node *));
	if (!out || !child)
		return map;
	*out = *map;
	out->child = child;
	out->n_child = 0;
	for (size_t i = 0; i < map->n_child; i++)
		if (strcmp(map->child[i]->key, key) != 0)
			child[out->n_child++] = map->child[i];
	return out;
}

const struct cxms_cfg_node *topo_fill_host(struct topo_build *b, const struct cxms_cfg_node *host)
{
	const struct cxms_cfg_node *whole = cxms_cfg_get(host, "preset");
	const struct cxms_cfg_node *cpu = cxms_cfg_get(host, "cpu");
	const struct cxms_cfg_node *out = host;
	bool core = cpu && cpu->type == CXMS_CFG_SCALAR && !topo_is_word(cpu, "auto");
	if (!whole && !core)
		return host;
	if (core)
		out = without(b, host, "cpu");
	if (whole && core) {
		cxms_cfg_error(&b->errs, cpu, true,
			       "'cpu' names a preset beside 'preset', which gives the cpu too; "
			       "remove one");
		return out;
	}
	struct fill f = {.b = b, .skip = core ? "local" : NULL};
	f.preset = topo_preset_get(b, core ? cpu : whole, TOPO_PRESET_HOST);
	if (!f.preset)
		return out;
	b->t->host_preset = topo_printf(b->own, "%s", f.preset->name);
	const struct cxms_cfg_node *merged =
		merge(&f, out, cxms_cfg_root(f.preset->cfg), &topo_keys_host, "host", true);
	return merged ? merged : out;
}

/* @ps: the preset's figure; moved by what local memory differs by, CXL being farther than it. */
static void shift_latency(struct fill *f, struct cxms_cfg_node *dev, const char *path)
{
	const struct cxms_cfg_node *root = cxms_cfg_root(f->preset->cfg);
	const struct cxms_cfg_node *local = cxms_cfg_get(root, "measured_local");
	const struct cxms_cfg_node *latency = cxms_cfg_get(root, "latency");
	const struct cxms_host *h = &f->b->t->host;
	char here[CXMS_FMT_MAX];
	uint64_t measured, ps;
	if (!local || !latency || cxms_cfg_get(dev, "latency") != latency ||
	    !cxms_cfg_quantity(local, CXMS_UNIT_TIME_PS, 0, CXMS_PS_PER_NS, CXMS_PS_PER_S / 1000,
			       &measured, &f->b->errs) ||
	    !cxms_cfg_quantity(latency, CXMS_UNIT_TIME_PS, 0, measured, CXMS_PS_PER_S / 1000, &ps,
			       &f->b->errs))
		return;
	if (h->local_latency_auto || h->local_latency_ps == 0) {
		topo_assume(f->b, path, "latency", latency->text,
			    topo_printf(f->b->own,
					"preset %s, measured on a host with %s of local latency; "
					"not moved, since host.local.latency is auto",
					f->preset->name, local->text));
		return;
	}
	if (measured == h->local_latency_ps)
		return;
	struct cxms_cfg_node *moved = topo_alloc(f->b->own, 1, sizeof(*moved));
	if (!moved)
		return;
	*moved = *latency;
	moved->text = topo_printf(f->b->own, "%" PRIu64 "ps", ps - measured + h->local_latency_ps);
	for (size_t i = 0; i < dev->n_child && moved->text; i++)
		if (dev->child[i] == latency)
			dev->child[i] = moved;
	topo_assume(f->b, path, "latency", moved->text ? moved->text : latency->text,
		    topo_printf(f->b->own,
				"preset %s: %s, measured on a host with %s of local latency, moved "
				"to this host's %s",
				f->preset->name, latency->text, local->text,
				cxms_fmt_quantity(here, CXMS_UNIT_TIME_PS, h->local_latency_ps)));
}

static bool same_type(struct fill *f, const struct cxms_cfg_node *dev)
{
	const struct cxms_cfg_node *own = cxms_cfg_get(dev, "type");
	const struct cxms_cfg_node *theirs = cxms_cfg_get(cxms_cfg_root(f->preset->cfg), "type");
	if (!own || !theirs || own->type != CXMS_CFG_SCALAR || theirs->type != CXMS_CFG_SCALAR ||
	    strcmp(own->text, theirs->text) == 0)
		return true;
	cxms_cfg_error(&f->b->errs, own, false, "preset '%s' is a %s, not a %.*s; remove 'type'",
		       f->preset->name, theirs->text, cxms_quote_len(own->text), own->text);
	return false;
}

const struct cxms_cfg_node *topo_fill_device(struct topo_build *b, const struct cxms_cfg_node *dev,
					     const char **name)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(dev, "preset");
	struct fill f = {.b = b};
	*name = NULL;
	if (!n)
		return dev;
	f.preset = topo_preset_get(b, n, TOPO_PRESET_DEVICE);
	const char *path = topo_printf(b->own, "devices.%s", dev->key);
	if (!f.preset || !path || !same_type(&f, dev))
		return dev;
	struct cxms_cfg_node *out =
		merge(&f, dev, cxms_cfg_root(f.preset->cfg), &topo_keys_device, path, true);
	if (out)
		shift_latency(&f, out, path);
	*name = topo_printf(b->own, "%s", f.preset->name);
	return out ? out : dev;
}
