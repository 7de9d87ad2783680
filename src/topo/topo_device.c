#include <string.h>

#include "base/cfg.h"
#include "base/near.h"
#include "topo/topo_priv.h"

#define CXMS_ASSUMED_MEMDEV_CHANNELS 2 /* Astera Leo: two channels of DDR5-5600 behind one x16 */

static void read_flit(struct topo_build *b, const struct cxms_cfg_node *link, struct cxms_link *out)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(link, "flit");
	int flit = 0;
	out->flit = out->gen <= TOPO_68B_MAX_GEN ? CXMS_FLIT_68B : CXMS_FLIT_256B;
	if (n && cxms_cfg_word(n, topo_flit_words, &flit, &b->errs))
		out->flit = (enum cxms_flit)flit;
}

static void read_encoding(struct topo_build *b, const struct cxms_cfg_node *link,
			  struct cxms_link *out)
{
	static const char *const words[] = {"none", "128b/130b", NULL};
	const struct cxms_cfg_node *n = cxms_cfg_get(link, "encoding");
	int word = 0;
	out->encoding = out->gen <= TOPO_ENCODED_MAX_GEN;
	if (!n || !cxms_cfg_word(n, words, &word, &b->errs))
		return;
	if (word == 1 && !out->encoding)
		cxms_cfg_error(
			&b->errs, n, false,
			"Gen %u has no 128b/130b encoding; remove 'encoding', or give 'none'",
			out->gen);
	out->encoding = word == 1;
}

static void read_link(struct topo_build *b, const struct cxms_cfg_node *n, const char *path,
		      struct cxms_link *out)
{
	const struct cxms_cfg_node *width = cxms_cfg_get(n, "width");
	if (!topo_is_map(b, n, &topo_keys_link))
		return;
	topo_read_keys(b, n, &topo_keys_link, topo_printf(b->own, "%s.link", path), out);
	read_flit(b, n, out);
	read_encoding(b, n, out);
	if (width && (out->width & (out->width - 1)) != 0)
		cxms_cfg_error(&b->errs, width, false,
			       "'width' must be 1, 2, 4, 8 or 16 lanes, got %u", out->width);
}

/* The preset it names was reported: what it would have given is not missing as well. */
static bool lacks_preset(const struct cxms_cfg_node *n, const struct cxms_dev *d)
{
	return cxms_cfg_get(n, "preset") && !d->preset;
}

/* latency and capacity: required of a memdev; latency assumed for a switch. */
static void read_figures(struct topo_build *b, const struct cxms_cfg_node *n, const char *path,
			 struct cxms_dev *d)
{
	const size_t capacity = offsetof(struct cxms_dev, capacity_bytes);
	bool memdev = d->type == CXMS_DEV_MEMDEV;
	for (size_t i = 0; i < topo_keys_device.n; i++) {
		const struct topo_key *k = &topo_keys_device.key[i];
		const struct cxms_cfg_node *v = cxms_cfg_get(n, k->name);
		if (k->kind == TOPO_OWN ||
		    (!memdev && k->offset != offsetof(struct cxms_dev, latency_ps)))
			continue;
		if (v)
			topo_read_key(b, v, k, d);
		else if (memdev && k->offset == capacity && cxms_cfg_get(n, "extents"))
			continue; /* they give it */
		else if (memdev && !lacks_preset(n, d))
			cxms_cfg_error(&b->errs, n, true, "memdev '%.*s' lacks the key '%s'",
				       cxms_quote_len(d->name), d->name, k->name);
		else if (!memdev)
			topo_assume_key(b, k, path, d);
	}
}

static void read_memdev(struct topo_build *b, const struct cxms_cfg_node *n, const char *path,
			struct cxms_dev *d)
{
	const struct topo_memory_at at = {
		.path = path,
		.capacity_bytes = d->capacity_bytes,
		.channels = CXMS_ASSUMED_MEMDEV_CHANNELS,
		.channels_reason = "not stated; two channels, as the Astera Leo has"};
	const struct cxms_cfg_node *bandwidth = cxms_cfg_get(n, "bandwidth");
	topo_read_memory(b, n, &at, &d->memory);
	topo_read_curve(b, n, path, &d->memory);
	if (d->memory.model == CXMS_MODEL_BANK)
		topo_bank_bandwidth(b, bandwidth, path, &d->memory, &d->bw);
	else if (d->memory.curve)
		topo_curve_capacity(b, n, path, &d->memory, &d->link, &d->bw);
	else if (!bandwidth)
		topo_assume(b, path, "bandwidth", "unlimited",
			    "not stated; only the link bounds it");
	topo_check_queue(b, n, &d->memory, &d->bw);
}

static void refuse_memdev_keys(struct topo_build *b, const struct cxms_cfg_node *n)
{
	static const char *const keys[] = {"capacity", "curve",	  "model",
					   "tail",     "logical", "extents"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct cxms_cfg_node *v = cxms_cfg_get(n, keys[i]);
		if (v)
			cxms_cfg_error(&b->errs, v, true,
				       "'%s' means nothing for a switch; remove it, or give "
				       "'type: memdev'",
				       keys[i]);
	}
}

/* false when the type is not known: which other keys are right cannot be said then */
static bool read_type(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_dev *d)
{
	const struct cxms_cfg_node *v = cxms_cfg_get(n, "type");
	int type = 0;
	if (!v) {
		if (!lacks_preset(n, d))
			cxms_cfg_error(&b->errs, n, true,
				       "device '%.*s' lacks the key 'type'; give switch or memdev",
				       cxms_quote_len(d->name), d->name);
		return false;
	}
	if (!cxms_cfg_word(v, topo_dev_words, &type, &b->errs))
		return false;
	d->type = (enum cxms_dev_type)type;
	return true;
}

static void read_device(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_dev *d)
{
	const char *path = topo_printf(b->own, "devices.%s", d->name);
	bool typed = topo_is_map(b, n, &topo_keys_device) && read_type(b, n, d);
	b->n_untyped += !typed;
	if (n->type != CXMS_CFG_MAP || !path)
		return;
	const struct cxms_cfg_node *v = cxms_cfg_get(n, "link");
	if (v)
		read_link(b, v, path, &d->link);
	else
		topo_assume(b, path, "link", "none", "not stated; no link bounds the traffic");
	d->bw = (struct cxms_bw){CXMS_UNLIMITED, CXMS_UNLIMITED, CXMS_UNLIMITED};
	v = cxms_cfg_get(n, "bandwidth");
	if (v)
		topo_read_bandwidth(b, v, path, &d->bw);
	if (!typed)
		return;
	read_figures(b, n, path, d);
	if (d->type != CXMS_DEV_MEMDEV) {
		refuse_memdev_keys(b, n);
		return;
	}
	topo_read_capacity(b, n, d);
	read_memdev(b, n, path, d);
}

static bool is_device(const struct cxms_cfg_node *n)
{
	return strncmp(n->key, "x-", 2) != 0;
}

static void check_name(struct topo_build *b, const struct cxms_cfg_node *n)
{
	if (!topo_is_ident(n->key))
		cxms_cfg_error(
			&b->errs, n, true,
			"a device name must be 1 .. %u letters, digits, '_', '.', ':' or '-'",
			TOPO_MAX_NAME_BYTES);
	else if (strcmp(n->key, "host") == 0 || strcmp(n->key, "local") == 0)
		cxms_cfg_error(&b->errs, n, true,
			       "'%s' cannot name a device: results and upstreams use that word; "
			       "rename it",
			       n->key);
}

static void collect_memdevs(struct topo_build *b, const struct cxms_cfg_node *devices)
{
	struct cxms_topo *t = b->t;
	b->memdev = topo_alloc(b->own, t->n_dev, sizeof(*b->memdev));
	if (!b->memdev)
		return;
	for (size_t i = 0; i < t->n_dev; i++)
		if (b->dev[i].type == CXMS_DEV_MEMDEV)
			b->memdev[t->n_memdev++] = (int)i;
	if (t->n_memdev == 0 && b->n_untyped == 0)
		cxms_cfg_error(
			&b->errs, devices, true,
			"'devices' holds no memdev; give at least one device of 'type: memdev'");
	t->memdev = b->memdev;
}

void topo_read_devices(struct topo_build *b, const struct cxms_cfg_node *root)
{
	const struct cxms_cfg_node *devices = cxms_cfg_get(root, "devices");
	size_t n = 0;
	if (!devices || devices->type != CXMS_CFG_MAP) {
		cxms_cfg_error(&b->errs, devices ? devices : root, false,
			       "%s; it must be a map of switches and memdevs by name",
			       devices ? "'devices' is no map" : "the key 'devices' is missing");
		return;
	}
	for (size_t i = 0; i < devices->n_child; i++)
		n += is_device(devices->child[i]);
	if (n > CXMS_TOPO_MAX_DEVICES) {
		cxms_cfg_error(&b->errs, devices, true,
			       "%zu devices are too many; at most %d are allowed", n,
			       CXMS_TOPO_MAX_DEVICES);
		return;
	}
	b->dev = topo_alloc(b->own, n, sizeof(*b->dev));
	b->dev_node = topo_alloc(b->own, n, sizeof(*b->dev_node));
	if (!b->dev || !b->dev_node)
		return;
	for (size_t i = 0; i < devices->n_child; i++) {
		const struct cxms_cfg_node *c = devices->child[i];
		if (!is_device(c))
			continue;
		struct cxms_dev *d = &b->dev[b->t->n_dev];
		b->dev_node[b->t->n_dev++] = c;
		check_name(b, c);
		*d = (struct cxms_dev){.name = topo_printf(b->own, "%s", c->key),
				       .upstream = CXMS_TOPO_HOST,
				       .root_port = -1,
				       .line = c->key_line};
		c = topo_fill_device(b, c, &d->preset);
		if (d->name)
			read_device(b, c, d);
	}
	b->t->dev = b->dev;
	collect_memdevs(b, devices);
}
