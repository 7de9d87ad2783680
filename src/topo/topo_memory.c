#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cfg.h"
#include "base/fmt.h"
#include "topo/topo_priv.h"

/* A part the file does not name: that of the assumed host, and of the fastest CXL 1.1 expanders. */
#define CXMS_ASSUMED_DRAM "ddr5-4800"

/* The words of `model`; NULL behind the last. */
static const struct topo_model *read_type(struct topo_build *b, const struct cxms_cfg_node *n,
					  bool local)
{
	const char *words[TOPO_MODELS + 1] = {NULL};
	int word = 0;
	for (size_t i = 0; i < TOPO_MODELS; i++)
		if (topo_models[i].local || !local)
			words[i] = topo_models[i].word;
	return cxms_cfg_word(n, words, &word, &b->errs) ? &topo_models[word] : NULL;
}

static void read_channels(struct topo_build *b, const struct cxms_cfg_node *n,
			  const struct topo_key *k, const struct topo_memory_at *at,
			  const char *path, struct cxms_memory *m)
{
	char value[CXMS_FMT_MAX];
	uint64_t v = at->channels;
	if (n)
		cxms_cfg_quantity(n, k->unit, 0, k->min, k->max, &v, &b->errs);
	m->channels = (uint32_t)v;
	if (!n)
		topo_assume(b, path, k->name, cxms_fmt_quantity(value, (int)k->unit, v),
			    at->channels_reason);
}

static void read_dram(struct topo_build *b, const struct cxms_cfg_node *n, const char *path,
		      struct cxms_memory *m)
{
	const char *words[16] = {NULL};
	int word = 0;
	for (size_t i = 0; topo_dram(i) && i < sizeof(words) / sizeof(words[0]) - 1; i++) {
		words[i] = topo_dram(i)->name;
		if (strcmp(words[i], CXMS_ASSUMED_DRAM) == 0)
			word = (int)i;
	}
	if (n)
		cxms_cfg_word(n, words, &word, &b->errs);
	m->dram = topo_dram((size_t)word);
	if (!n)
		topo_assume(b, path, "dram", m->dram->name,
			    "not stated; the memory of the assumed host");
}

static void check_paged(struct topo_build *b, const struct cxms_cfg_node *n,
			const struct topo_memory_at *at, const struct cxms_memory *m)
{
	const struct cxms_cfg_node *page = cxms_cfg_get(n, "page");
	const struct cxms_cfg_node *buffer = cxms_cfg_get(n, "buffer");
	char text[CXMS_FMT_MAX];
	if (page && (m->page_bytes & (m->page_bytes - 1)) != 0)
		cxms_cfg_error(&b->errs, page, false,
			       "'page' must be a power of two, such as 4KiB");
	if (!buffer || m->buffer_bytes == 0)
		return;
	if (m->buffer_bytes < m->page_bytes)
		cxms_cfg_error(&b->errs, buffer, false, "'buffer' holds no page; give at least %s",
			       cxms_fmt_quantity(text, CXMS_UNIT_BYTES, m->page_bytes));
	if (at->capacity_bytes && m->buffer_bytes >= at->capacity_bytes)
		cxms_cfg_error(&b->errs, buffer, false,
			       "'buffer' must be smaller than the capacity, %s; where all fits, "
			       "another model says the same",
			       cxms_fmt_quantity(text, CXMS_UNIT_BYTES, at->capacity_bytes));
}

/* Keys of one model; @n is the map, or the word alone. */
static void read_model_keys(struct topo_build *b, const struct cxms_cfg_node *n,
			    const struct topo_model *model, const struct topo_memory_at *at,
			    struct cxms_memory *m)
{
	const struct cxms_cfg_node *map = n->type == CXMS_CFG_MAP ? n : NULL;
	const char *path = topo_printf(b->own, "%s.model", at->path);
	if (!path || (map && !topo_is_map(b, map, model->keys)))
		return;
	m->model = model->model;
	m->stated = true;
	topo_read_keys(b, map, model->keys, path, m);
	const struct topo_key *channels = topo_find_key(model->keys, "channels");
	if (channels)
		read_channels(b, cxms_cfg_get(map, channels->name), channels, at, path, m);
	if (topo_find_key(model->keys, "dram"))
		read_dram(b, cxms_cfg_get(map, "dram"), path, m);
	if (!topo_find_key(model->keys, "buffer"))
		return;
	if (map)
		check_paged(b, map, at, m);
	else
		cxms_cfg_error(&b->errs, n, false,
			       "'%s' needs a size of its buffer; give {type: %s, buffer: 1GiB}",
			       model->word, model->word);
}

/* Its channels share the total bandwidth: without one each passes any load at once. */
void topo_check_queue(struct topo_build *b, const struct cxms_cfg_node *map,
		      const struct cxms_memory *m, const struct cxms_bw *bw)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(map, "model");
	if (n && m->model == CXMS_MODEL_QUEUE && bw->total == CXMS_UNLIMITED)
		cxms_cfg_error(&b->errs, n, false,
			       "'queue' shares the total bandwidth among its channels, and it is "
			       "unlimited; state 'bandwidth', or leave the model out");
}

static void read_model(struct topo_build *b, const struct cxms_cfg_node *n,
		       const struct topo_memory_at *at, struct cxms_memory *m)
{
	const struct cxms_cfg_node *type = n->type == CXMS_CFG_MAP ? cxms_cfg_get(n, "type") : n;
	if (!type) {
		cxms_cfg_error(&b->errs, n, true,
			       "'model' lacks the key 'type'; give {type: queue}");
		return;
	}
	const struct topo_model *model = read_type(b, type, at->local);
	if (model)
		read_model_keys(b, n, model, at, m);
}

static void read_tail(struct topo_build *b, const struct cxms_cfg_node *n,
		      const struct topo_memory_at *at, struct cxms_memory *m)
{
	size_t before = b->errs.n;
	if (!topo_is_map(b, n, &topo_keys_tail))
		return;
	topo_read_keys(b, n, &topo_keys_tail, topo_printf(b->own, "%s.tail", at->path), m);
	if (b->errs.n == before && m->tail_p999_ps < m->tail_p99_ps)
		cxms_cfg_error(&b->errs, cxms_cfg_get(n, "p999"), false,
			       "'p999' is below 'p99'; both count from the median, so it must be "
			       "at least as large");
}

void topo_read_memory(struct topo_build *b, const struct cxms_cfg_node *map,
		      const struct topo_memory_at *at, struct cxms_memory *m)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(map, "model");
	if (n)
		read_model(b, n, at, m);
	n = cxms_cfg_get(map, "tail");
	if (n)
		read_tail(b, n, at, m);
}

static void refuse_rate(struct topo_build *b, const struct cxms_cfg_node *n, uint64_t rate,
			uint64_t peak, const struct cxms_memory *m)
{
	char asked[CXMS_FMT_MAX], most[CXMS_FMT_MAX];
	if (!n || n->type != CXMS_CFG_SCALAR || rate == CXMS_UNLIMITED || rate <= peak)
		return;
	cxms_cfg_error(&b->errs, n, false,
		       "%s is more than the peak of %" PRIu32 " x %s, %s; lower it, or give more "
		       "'channels'",
		       cxms_fmt_rate(asked, (double)rate), m->channels, m->dram->name,
		       cxms_fmt_rate(most, (double)peak));
}

void topo_bank_bandwidth(struct topo_build *b, const struct cxms_cfg_node *bandwidth,
			 const char *path, const struct cxms_memory *m, struct cxms_bw *bw)
{
	char value[CXMS_FMT_MAX], reason[96];
	uint64_t peak = m->channels * m->dram->bytes_per_s;
	if (!bandwidth) {
		*bw = (struct cxms_bw){CXMS_UNLIMITED, CXMS_UNLIMITED, peak};
		snprintf(reason, sizeof(reason), "not stated; peak of %" PRIu32 " channels of %s",
			 m->channels, m->dram->name);
		topo_assume(b, path, "bandwidth",
			    cxms_fmt_quantity(value, CXMS_UNIT_BYTES_PER_S, peak), reason);
		return;
	}
	refuse_rate(b, bandwidth, bw->total, peak, m);
	refuse_rate(b, cxms_cfg_get(bandwidth, "read"), bw->read, peak, m);
	refuse_rate(b, cxms_cfg_get(bandwidth, "write"), bw->write, peak, m);
	refuse_rate(b, cxms_cfg_get(bandwidth, "total"), bw->total, peak, m);
}
