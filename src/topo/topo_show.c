#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/fmt.h"
#include "topo/draw.h"
#include "topo/topo_priv.h"

/* " # assumed: why" when @path.key is among the assumed figures, then the end of the line. */
static void end_line(const struct cxms_topo *t, struct cxms_buf *out, const char *path,
		     const char *key)
{
	char full[160];
	snprintf(full, sizeof(full), "%s.%s", path, key);
	for (size_t i = 0; i < t->n_assumed; i++)
		if (strcmp(t->assumed[i].key, full) == 0)
			cxms_buf_printf(out, " # assumed: %s", t->assumed[i].reason);
	cxms_buf_printf(out, "\n");
}

static uint64_t fetch(const struct topo_key *k, const void *base)
{
	const char *at = (const char *)base + k->offset;
	uint64_t v64 = 0;
	uint32_t v32 = 0;
	bool flag = false;
	switch (k->store) {
	case TOPO_U32:
		memcpy(&v32, at, sizeof(v32));
		return v32;
	case TOPO_U64:
		memcpy(&v64, at, sizeof(v64));
		return v64;
	case TOPO_BOOL:
		memcpy(&flag, at, sizeof(flag));
		return flag;
	}
	return 0;
}

static void put_value(struct cxms_buf *out, const struct topo_key *k, const void *base)
{
	char text[CXMS_FMT_MAX];
	uint64_t v = fetch(k, base);
	if (k->kind == TOPO_WORD)
		cxms_buf_printf(out, "%s", k->words[v]);
	else if (k->kind == TOPO_CYC)
		cxms_buf_printf(out, "%" PRIu64 "cyc", v);
	else
		cxms_buf_printf(out, "%s", cxms_fmt_quantity(text, (int)k->unit, v));
}

static void put_key(const struct cxms_topo *t, struct cxms_buf *out, const char *path,
		    const char *indent, const struct topo_key *k, const void *base)
{
	cxms_buf_printf(out, "%s%s: ", indent, k->name);
	put_value(out, k, base);
	end_line(t, out, path, k->name);
}

/* Every key of a table that has a value of its own. */
static void put_keys(const struct cxms_topo *t, struct cxms_buf *out, const char *path,
		     const char *indent, const struct topo_table *tab, const void *base)
{
	for (size_t i = 0; i < tab->n; i++)
		if (tab->key[i].kind != TOPO_OWN)
			put_key(t, out, path, indent, &tab->key[i], base);
}

static void put_cache(const struct cxms_topo *t, struct cxms_buf *out, int level)
{
	const struct topo_owner *own = t->owner;
	const struct topo_key *k = &topo_keys_caches.key[1 + level]; /* after the line */
	char path[32];
	snprintf(path, sizeof(path), "host.caches.%s", k->name);
	if (level == TOPO_L2 && !t->host.l2.present) {
		cxms_buf_printf(out, "    %s: none\n", k->name);
		return;
	}
	cxms_buf_printf(out, "    %s:\n", k->name);
	put_keys(t, out, path, "      ", k->sub, &t->host);
	if (own->prefetch[level])
		cxms_buf_printf(out, "      prefetch: %s\n", own->prefetch[level]);
	if (level == TOPO_LLC) {
		cxms_buf_printf(out, "      index: %s", topo_index_words[t->host.llc.hashed]);
		end_line(t, out, path, "index");
	}
}

/* The two keys whose default depends on others. */
static void put_core(const struct cxms_topo *t, struct cxms_buf *out)
{
	const struct cxms_host *h = &t->host;
	cxms_buf_printf(out, "    fetch: %s", topo_fetch_words[h->fetch_decoded]);
	end_line(t, out, "host.cpu", "fetch");
	cxms_buf_printf(out, "    %sscheduler: %" PRIu32, h->scheduler ? "" : "# ",
			cxms_topo_scheduler(h));
	end_line(t, out, "host.cpu", "scheduler");
}

static void put_tlb(const struct cxms_topo *t, struct cxms_buf *out)
{
	const struct cxms_host *h = &t->host;
	if (!h->tlb_present) {
		cxms_buf_printf(out, "  tlb: none\n");
		return;
	}
	cxms_buf_printf(out, "  tlb:\n");
	for (size_t i = 0; i < topo_keys_tlb.n; i++) {
		const struct topo_key *k = &topo_keys_tlb.key[i];
		bool walk = strcmp(k->name, "walk") == 0;
		if (k->kind != TOPO_OWN && (!walk || h->walk_given))
			put_key(t, out, "host.tlb", "    ", k, h);
	}
	if (h->tlb_page == CXMS_PAGE_NOT_SAID) {
		cxms_buf_printf(out, "    # page: %s", topo_page_words[0]);
		end_line(t, out, "host.tlb", "page");
	} else {
		cxms_buf_printf(out, "    page: %s\n",
				topo_page_words[h->tlb_page == CXMS_PAGE_4K ? 0 : 1]);
	}
}

static bool is_unlimited(const struct cxms_bw *bw)
{
	return bw->read == CXMS_UNLIMITED && bw->write == CXMS_UNLIMITED &&
	       bw->total == CXMS_UNLIMITED;
}

static void put_bandwidth(const struct cxms_topo *t, struct cxms_buf *out, const char *path,
			  const char *indent, const struct cxms_bw *bw)
{
	char text[CXMS_FMT_MAX];
	if (is_unlimited(bw)) {
		cxms_buf_printf(out, "%sbandwidth: unlimited", indent);
		end_line(t, out, path, "bandwidth");
		return;
	}
	cxms_buf_printf(out, "%sbandwidth: {", indent);
	for (size_t i = 0; i < topo_keys_bandwidth.n; i++) {
		const struct topo_key *k = &topo_keys_bandwidth.key[i];
		uint64_t v;
		memcpy(&v, (const char *)bw + k->offset, sizeof(v));
		cxms_buf_printf(out, "%s%s: %s", i ? ", " : "", k->name,
				v == CXMS_UNLIMITED ? "unlimited"
						    : cxms_fmt_quantity(text, (int)k->unit, v));
	}
	cxms_buf_printf(out, "}");
	end_line(t, out, path, "bandwidth");
}

static void put_quoted(struct cxms_buf *out, const char *s)
{
	cxms_buf_printf(out, "\"");
	for (; *s; s++)
		cxms_buf_printf(out, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
	cxms_buf_printf(out, "\"");
}

/* A word, or a map with one key a line, each with what was assumed. */
static void put_model(const struct cxms_topo *t, struct cxms_buf *out, const char *path,
		      const char *indent, const struct cxms_memory *m)
{
	const struct topo_model *model = &topo_models[0];
	char below[TOPO_MAX_NAME_BYTES + 32];
	if (m->model == CXMS_MODEL_CURVE)
		return;
	while (model->model != m->model)
		model++;
	snprintf(below, sizeof(below), "%s.model", path);
	cxms_buf_printf(out, "%s%smodel:", indent, m->stated ? "" : "# ");
	if (model->keys->n == 1) {
		cxms_buf_printf(out, " %s\n", model->word);
		return;
	}
	cxms_buf_printf(out, "\n");
	for (size_t i = 0; i < model->keys->n; i++) {
		const struct topo_key *k = &model->keys->key[i];
		cxms_buf_printf(out, "%s  %s: ", indent, k->name);
		if (k->kind != TOPO_OWN)
			put_value(out, k, m);
		else if (strcmp(k->name, "channels") == 0)
			cxms_buf_printf(out, "%" PRIu32, m->channels);
		else
			cxms_buf_printf(out, "%s",
					strcmp(k->name, "dram") == 0 ? m->dram->name : model->word);
		end_line(t, out, below, k->name);
	}
}

static void put_curve(const struct cxms_topo *t, struct cxms_buf *out, const char *path,
		      const char *indent, const struct cxms_memory *m)
{
	if (!m->curve)
		return;
	cxms_buf_printf(out, "%scurve: {name: ", indent);
	put_quoted(out, m->curve->name);
	cxms_buf_printf(out, ", absolute: %s}", m->curve_absolute ? "true" : "false");
	end_line(t, out, path, "curve");
}

static void put_memory(const struct cxms_topo *t, struct cxms_buf *out, const char *path,
		       const char *indent, const struct cxms_memory *m)
{
	char p99[CXMS_FMT_MAX], p999[CXMS_FMT_MAX];
	put_model(t, out, path, indent, m);
	put_curve(t, out, path, indent, m);
	if (m->tail_p999_ps)
		cxms_buf_printf(out, "%stail: {p99: %s, p999: %s}\n", indent,
				cxms_fmt_quantity(p99, CXMS_UNIT_TIME_PS, m->tail_p99_ps),
				cxms_fmt_quantity(p999, CXMS_UNIT_TIME_PS, m->tail_p999_ps));
}

static void put_capacity(struct cxms_buf *out, const struct cxms_dev *d)
{
	char time[CXMS_FMT_MAX], bytes[CXMS_FMT_MAX];
	if (d->n_logical)
		cxms_buf_printf(out, "    logical:\n");
	for (size_t i = 0; i < d->n_logical; i++)
		cxms_buf_printf(
			out, "      - {host: \"%s\", capacity: %s}\n", d->logical[i].host,
			cxms_fmt_quantity(bytes, CXMS_UNIT_BYTES, d->logical[i].capacity_bytes));
	if (d->n_extent)
		cxms_buf_printf(out, "    extents:\n");
	for (size_t i = 0; i < d->n_extent; i++) {
		const struct cxms_extent *e = &d->extent[i];
		bool add = e->bytes > 0;
		cxms_buf_printf(
			out, "      - {at: %s, %s: %s",
			cxms_fmt_quantity(time, CXMS_UNIT_TIME_PS, e->at_ns * CXMS_PS_PER_NS),
			add ? "add" : "release",
			cxms_fmt_quantity(bytes, CXMS_UNIT_BYTES,
					  (uint64_t)(add ? e->bytes : -e->bytes)));
		if (e->host)
			cxms_buf_printf(out, ", host: \"%s\"", e->host);
		cxms_buf_printf(out, "}\n");
	}
}

static void put_preset(struct cxms_buf *out, const char *preset)
{
	if (preset)
		cxms_buf_printf(out, " # preset: %s", preset);
}

static void put_host(const struct cxms_topo *t, struct cxms_buf *out)
{
	const struct cxms_host *h = &t->host;
	cxms_buf_printf(out, "host:");
	put_preset(out, t->host_preset);
	cxms_buf_printf(out, "\n  cpu:\n");
	put_keys(t, out, "host.cpu", "    ", &topo_keys_cpu, h);
	put_core(t, out);
	cxms_buf_printf(out, "  caches:\n    line: %uB\n", h->line_bytes);
	for (int level = 0; level < TOPO_LEVELS; level++)
		put_cache(t, out, level);
	put_tlb(t, out);
	cxms_buf_printf(out, "  local:\n");
	if (h->local_latency_auto)
		cxms_buf_printf(out, "    latency: auto\n");
	else
		put_key(t, out, "host.local", "    ", &topo_keys_local.key[0], h);
	put_bandwidth(t, out, "host.local", "    ", &h->local_bw);
	if (h->local_capacity_bytes != CXMS_UNLIMITED)
		put_key(t, out, "host.local", "    ", &topo_keys_local.key[2], h);
	put_memory(t, out, "host.local", "    ", &h->local_memory);
	if (!is_unlimited(&h->bridge_bw)) {
		cxms_buf_printf(out, "  bridge:\n");
		put_bandwidth(t, out, "host.bridge", "    ", &h->bridge_bw);
	}
}

static void put_link(const struct cxms_topo *t, struct cxms_buf *out, const char *path,
		     const struct cxms_link *link)
{
	char time[CXMS_FMT_MAX];
	if (link->gen == 0) { /* no YAML says "none": a key left out does */
		cxms_buf_printf(out, "    # link: none");
		end_line(t, out, path, "link");
		return;
	}
	cxms_buf_printf(out,
			"    link: {gen: %u, width: %u, flit: %s, encoding: %s, latency: %s}\n",
			link->gen, link->width, topo_flit_words[link->flit],
			link->encoding ? "128b/130b" : "none",
			cxms_fmt_quantity(time, CXMS_UNIT_TIME_PS, link->latency_ps));
}

static void put_device(const struct cxms_topo *t, struct cxms_buf *out, const struct cxms_dev *d)
{
	char path[TOPO_MAX_NAME_BYTES + 16];
	snprintf(path, sizeof(path), "devices.%s", d->name);
	cxms_buf_printf(out, "  \"%s\":\n    type: %s", d->name, topo_dev_words[d->type]);
	put_preset(out, d->preset);
	cxms_buf_printf(out, "\n");
	if (d->upstream == CXMS_TOPO_HOST)
		cxms_buf_printf(out, "    upstream: host\n    root_port: %d\n", d->root_port);
	else
		cxms_buf_printf(out, "    upstream: \"%s\"\n", t->dev[d->upstream].name);
	put_link(t, out, path, &d->link);
	for (size_t i = 0; i < topo_keys_device.n; i++) {
		const struct topo_key *k = &topo_keys_device.key[i];
		bool capacity = k->offset == offsetof(struct cxms_dev, capacity_bytes);
		if (k->kind != TOPO_OWN && (!capacity || d->type == CXMS_DEV_MEMDEV))
			put_key(t, out, path, "    ", k, d);
	}
	put_bandwidth(t, out, path, "    ", &d->bw);
	if (d->type != CXMS_DEV_MEMDEV)
		return;
	put_memory(t, out, path, "    ", &d->memory);
	put_capacity(out, d);
}

/* The shortest of two forms that reads back as the same number. */
static void put_double(struct cxms_buf *out, double v)
{
	char text[32];
	snprintf(text, sizeof(text), "%.15g", v);
	if (strtod(text, NULL) < v || strtod(text, NULL) > v)
		snprintf(text, sizeof(text), "%.17g", v);
	cxms_buf_printf(out, "%s", text);
}

static void put_regions(const struct cxms_topo *t, struct cxms_buf *out)
{
	const struct topo_owner *own = t->owner;
	char bytes[CXMS_FMT_MAX];
	if (!own->region_stated) {
		cxms_buf_printf(out, "# regions: one over all memdevs, interleaved at 4KiB\n");
		return;
	}
	cxms_buf_printf(out, "regions:\n");
	for (size_t i = 0; i < t->n_region; i++) {
		const struct cxms_region *r = &t->region[i];
		cxms_buf_printf(out, "  - name: \"%s\"\n    targets: [", r->name);
		for (size_t j = 0; j < r->n_target; j++)
			cxms_buf_printf(out, "%s\"%s\"", j ? ", " : "", t->dev[r->target[j]].name);
		cxms_buf_printf(out, "]\n    granularity: %s\n",
				cxms_fmt_quantity(bytes, CXMS_UNIT_BYTES, r->granularity_bytes));
		if (!own->weight_stated)
			continue;
		cxms_buf_printf(out, "    weight: ");
		put_double(out, r->weight);
		cxms_buf_printf(out, "\n");
	}
}

static void put_weights(const struct cxms_topo *t, struct cxms_buf *out)
{
	cxms_buf_printf(out, "  weights: {local: %" PRIu32, t->local_weight);
	for (size_t i = 0; i < t->n_region; i++) {
		cxms_buf_printf(out, ", \"%s\": ", t->region[i].name);
		put_double(out, t->region[i].weight);
	}
	cxms_buf_printf(out, "}\n");
}

static void put_placement(const struct cxms_topo *t, struct cxms_buf *out)
{
	if (!t->policy && !t->n_split)
		return;
	cxms_buf_printf(out, "placement:\n");
	if (t->policy)
		cxms_buf_printf(out, "  policy: \"%s\"\n", t->policy);
	if (t->local_weight)
		put_weights(t, out);
	if (t->n_split)
		cxms_buf_printf(out, "  splits: [");
	for (size_t i = 0; i < t->n_split; i++) {
		put_double(out, t->split_pct[i]);
		cxms_buf_printf(out, i + 1 == t->n_split ? "]\n" : ", ");
	}
}

void cxms_topo_show(const struct cxms_topo *t, struct cxms_buf *out)
{
	cxms_buf_printf(out, "schema: 1\nname: ");
	put_quoted(out, t->name);
	cxms_buf_printf(out, "\n");
	put_host(t, out);
	cxms_buf_printf(out, "devices:\n");
	for (size_t i = 0; i < t->n_dev; i++)
		put_device(t, out, &t->dev[i]);
	put_regions(t, out);
	put_placement(t, out);
}
