/* Head and totals blocks: fields as (tag, length, bytes), so that later versions can append. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "trace/trace_priv.h"

enum {
	TAG_ARGV = 1,
	TAG_SEED = 2,
	TAG_STAIR = 3,
	TAG_CACHE = 4,
	TAG_PREFETCH = 5,
	TAG_WALK = 6,
	TAG_WALK_HIGH = 7
};
enum { CACHE_BYTES = 14, PREFETCH_BYTES = 13 };
enum { CACHE_INCLUSIVE = 1, CACHE_PLRU = 2, CACHE_HASHED = 4 };

/* One field; numbers little endian without their upper zero bytes, 0 and "" are left out. */
struct tagged {
	uint32_t tag;
	uint32_t max; /* largest legal value; 0 = all values of the type */
	size_t offset, bytes;
	bool is_text;
	const char *name;
};

#define OF(type, member, tag, max)                                                                 \
	{                                                                                          \
		tag, max, offsetof(struct type, member), sizeof(((struct type *)NULL)->member),    \
			false, #member                                                             \
	}
#define TEXT_OF(type, member, tag)                                                                 \
	{                                                                                          \
		tag, 0, offsetof(struct type, member), sizeof(((struct type *)NULL)->member),      \
			true, #member                                                              \
	}

/* Append only: tags are in files. */
static const struct tagged facts_fields[] = {
	TEXT_OF(cxms_facts, cpu, 16),
	TEXT_OF(cxms_facts, kernel, 17),
	TEXT_OF(cxms_facts, machine, 18),
	OF(cxms_facts, n_cpu, 19, 0),
	OF(cxms_facts, page_bytes, 20, 0),
	OF(cxms_facts, huge_bytes, 21, 0),
	OF(cxms_facts, l1d_bytes, 22, 0),
	OF(cxms_facts, l2_bytes, 23, 0),
	OF(cxms_facts, llc_bytes, 24, 0),
	OF(cxms_facts, mem_total_bytes, 25, 0),
	OF(cxms_facts, mem_latency_ps, 26, 0),
	OF(cxms_facts, walk_ps, 27, 0),
	OF(cxms_facts, llc_latency_ps, 28, 0),
	OF(cxms_facts, latency_given, 29, 1),
	TEXT_OF(cxms_facts, source, 30),
	TEXT_OF(cxms_facts, source_reason, 31),
	OF(cxms_facts, period_ns, 32, 0),
	OF(cxms_facts, source_caps, 33, 0),
	OF(cxms_facts, sample_cost_ns, 34, 0),
	OF(cxms_facts, exact.tlb_l1, 35, 0),
	OF(cxms_facts, exact.tlb_l2, 36, 0),
	OF(cxms_facts, exact.tlb_page_bytes, 37, 0),
	OF(cxms_facts, exact.cores, 38, 0),
	OF(cxms_facts, exact.window, 39, 0),
	OF(cxms_facts, exact.detail_insns, 40, 0),
	OF(cxms_facts, exact.period_insns, 41, 0),
	TEXT_OF(cxms_facts, exact.roi_begin, 42),
	TEXT_OF(cxms_facts, exact.roi_end, 43),
	OF(cxms_facts, mem_min_cyc, 44, 0),
	OF(cxms_facts, core_hz, 45, 0),
	OF(cxms_facts, stop_cost_ns, 46, 0),
	OF(cxms_facts, llc_given, 47, 1),
	OF(cxms_facts, predictor.a, 64, 0),
	OF(cxms_facts, predictor.b, 65, 0),
	OF(cxms_facts, predictor.d, 66, 0),
	OF(cxms_facts, predictor.cache, 67, 0),
	OF(cxms_facts, predictor.cache_offset, 68, 0),
	OF(cxms_facts, predictor.store, 69, 0),
	OF(cxms_facts, predictor.store_offset, 70, 0),
	OF(cxms_facts, predictor.added_ps, 71, 0),
	OF(cxms_facts, predictor.residual[CXMS_TERM_DRAM], 72, 0),
	OF(cxms_facts, predictor.residual[CXMS_TERM_CACHE], 73, 0),
	OF(cxms_facts, predictor.residual[CXMS_TERM_STORE], 74, 0),
	OF(cxms_facts, predictor.points[CXMS_TERM_DRAM], 75, 0),
	OF(cxms_facts, predictor.points[CXMS_TERM_CACHE], 76, 0),
	OF(cxms_facts, predictor.points[CXMS_TERM_STORE], 77, 0),
};
static const struct tagged totals_fields[] = {
	OF(cxms_totals, duration_ns, 16, 0),  OF(cxms_totals, exit_status, 17, 0),
	OF(cxms_totals, exit_known, 18, 1),   OF(cxms_totals, samples, 19, 0),
	OF(cxms_totals, lost_samples, 20, 0), OF(cxms_totals, lost_faults, 21, 0),
	OF(cxms_totals, throttled, 22, 0),    OF(cxms_totals, user_ns, 23, 0),
	OF(cxms_totals, system_ns, 24, 0),    OF(cxms_totals, peak_rss_bytes, 25, 0),
	OF(cxms_totals, tool_cpu_ns, 26, 0),  OF(cxms_totals, sample_cost_ns, 27, 0),
	OF(cxms_totals, steal_ns, 28, 0),     OF(cxms_totals, mem_samples, 29, 0),
	OF(cxms_totals, lost_mem, 30, 0),     OF(cxms_totals, outlived, 31, 0),
};
#define N_FACTS	 (sizeof(facts_fields) / sizeof(facts_fields[0]))
#define N_TOTALS (sizeof(totals_fields) / sizeof(totals_fields[0]))

/* A field added to these structs needs its row above (stair, walks, caches and prefetchers have
 * tags of their own). */
static_assert(sizeof(struct cxms_exact_cache) == 48, "caches of the exact source changed");
static_assert(sizeof(struct cxms_exact_cfg) == 1256, "figures of the exact source changed");
static_assert(sizeof(struct cxms_facts) == 2600, "facts changed");
static_assert(sizeof(struct cxms_totals) == 120, "totals changed");

static void put_bytes(struct cxms_buf *raw, uint32_t tag, const void *p, size_t n)
{
	cxms_buf_put_varint(raw, tag);
	cxms_buf_put_varint(raw, n);
	cxms_buf_put(raw, p, n);
}

static void put_number(struct cxms_buf *raw, uint32_t tag, uint64_t v)
{
	uint8_t bytes[8];
	size_t n = 0;

	for (; v > 0; v >>= 8)
		bytes[n++] = (uint8_t)v;
	if (n > 0)
		put_bytes(raw, tag, bytes, n);
}

static uint64_t load_number(const struct tagged *f, const void *object)
{
	const uint8_t *p = (const uint8_t *)object + f->offset;
	uint32_t v32;
	uint64_t v64;

	if (f->bytes == 1)
		return *p;
	if (f->bytes == 4) {
		memcpy(&v32, p, sizeof(v32));
		return v32;
	}
	assert(f->bytes == 8);
	memcpy(&v64, p, sizeof(v64));
	return v64;
}

static void put_fields(struct cxms_buf *raw, const struct tagged *fields, size_t n,
		       const void *object)
{
	for (size_t i = 0; i < n; i++) {
		const struct tagged *f = &fields[i];

		if (f->is_text) {
			const char *text = (const char *)object + f->offset;
			size_t len = strnlen(text, f->bytes - 1);

			if (len > 0)
				put_bytes(raw, f->tag, text, len);
		} else {
			put_number(raw, f->tag, load_number(f, object));
		}
	}
}

static int get_number(const uint8_t *p, size_t len, uint64_t limit, uint64_t *out)
{
	uint64_t v = 0;

	if (len > 8)
		return -EBADMSG;
	for (size_t i = 0; i < len; i++)
		v |= (uint64_t)p[i] << 8 * i;
	if (v > limit)
		return -EBADMSG;
	*out = v;
	return 0;
}

static int get_field(const struct tagged *f, const uint8_t *p, size_t len, void *object)
{
	uint8_t *to = (uint8_t *)object + f->offset;
	uint64_t v64 = 0, limit = f->max;
	uint32_t v32;
	int rc;

	if (f->is_text) {
		if (len >= f->bytes || memchr(p, 0, len))
			return -EBADMSG;
		memset(to, 0, f->bytes);
		memcpy(to, p, len);
		return 0;
	}
	if (limit == 0)
		limit = f->bytes == 8 ? UINT64_MAX : UINT32_MAX;
	rc = get_number(p, len, limit, &v64);
	if (rc < 0)
		return rc;
	v32 = (uint32_t)v64;
	if (f->bytes == 1)
		*to = (uint8_t)v64;
	else if (f->bytes == 4)
		memcpy(to, &v32, sizeof(v32));
	else
		memcpy(to, &v64, sizeof(v64));
	return 0;
}

/* A tag that is not in the table is one of a later version: passed over. */
static int get_known(const struct tagged *fields, size_t n, uint64_t tag, const uint8_t *p,
		     size_t len, void *object, struct cxms_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (fields[i].tag == tag && get_field(&fields[i], p, len, object) < 0)
			return cxms_fail(err, EBADMSG, "field %s holds a bad value",
					 fields[i].name);
	return 0;
}

static void put_cache(struct cxms_buf *raw, unsigned level, const struct cxms_exact_cache *c)
{
	if (c->size_bytes == 0)
		return;
	cxms_buf_put_varint(raw, TAG_CACHE);
	cxms_buf_put_varint(raw, CACHE_BYTES);
	cxms_buf_put_u8(raw, (uint8_t)level);
	cxms_buf_put_u8(raw,
			(uint8_t)((c->inclusive ? CACHE_INCLUSIVE : 0) |
				  (c->plru ? CACHE_PLRU : 0) | (c->hashed ? CACHE_HASHED : 0)));
	cxms_buf_put_u64(raw, c->size_bytes);
	cxms_buf_put_u32(raw, c->ways);
	for (uint32_t i = 0; i < c->n_prefetch; i++) {
		cxms_buf_put_varint(raw, TAG_PREFETCH);
		cxms_buf_put_varint(raw, PREFETCH_BYTES);
		cxms_buf_put_u8(raw, (uint8_t)level);
		cxms_buf_put_u32(raw, c->prefetch[i].type);
		cxms_buf_put_u32(raw, c->prefetch[i].degree);
		cxms_buf_put_u32(raw, c->prefetch[i].distance);
	}
}

/* What a reader would refuse is not written. */
static int put_caches(const struct cxms_exact_cfg *x, struct cxms_buf *raw, struct cxms_err *err)
{
	for (unsigned level = 0; level < CXMS_EXACT_LEVELS; level++) {
		const struct cxms_exact_cache *c = &x->cache[level];

		if (c->size_bytes != 0 && (c->ways == 0 || c->n_prefetch > CXMS_EXACT_PREFETCH_MAX))
			return cxms_fail(err, EINVAL,
					 "cannot record a cache of %u ways and %u prefetchers",
					 c->ways, c->n_prefetch);
		put_cache(raw, level, c);
	}
	return 0;
}

int cxms_head_encode(const struct cxms_trace_head *head, struct cxms_buf *raw, struct cxms_err *err)
{
	const struct cxms_facts *facts = &head->facts;

	if (facts->n_stair > CXMS_STAIR_MAX || facts->n_walk > CXMS_STAIR_MAX)
		return cxms_fail(err, EINVAL, "cannot record %u stair steps: at most %u fit",
				 facts->n_stair > facts->n_walk ? facts->n_stair : facts->n_walk,
				 CXMS_STAIR_MAX);
	for (size_t i = 0; i < head->n_argv; i++)
		put_bytes(raw, TAG_ARGV, head->argv[i], strlen(head->argv[i]));
	put_number(raw, TAG_SEED, head->seed);
	for (size_t i = 0; i < facts->n_stair; i++) {
		cxms_buf_put_varint(raw, TAG_STAIR);
		cxms_buf_put_varint(raw, 16);
		cxms_buf_put_u64(raw, facts->stair_bytes[i]);
		cxms_buf_put_u64(raw, facts->stair_ps[i]);
	}
	for (size_t i = 0; i < facts->n_walk; i++) {
		cxms_buf_put_varint(raw, TAG_WALK);
		cxms_buf_put_varint(raw, 24);
		cxms_buf_put_u64(raw, facts->walk_bytes[i]);
		cxms_buf_put_u64(raw, facts->walk_step_ps[0][i]);
		cxms_buf_put_u64(raw, facts->walk_step_ps[1][i]);
		if (!facts->walk_high_ps[0][i] && !facts->walk_high_ps[1][i])
			continue;
		cxms_buf_put_varint(raw, TAG_WALK_HIGH);
		cxms_buf_put_varint(raw, 16);
		cxms_buf_put_u64(raw, facts->walk_high_ps[0][i]);
		cxms_buf_put_u64(raw, facts->walk_high_ps[1][i]);
	}
	if (put_caches(&facts->exact, raw, err) < 0)
		return -EINVAL;
	put_fields(raw, facts_fields, N_FACTS, facts);
	if (raw->failed)
		return cxms_fail(err, ENOMEM, "out of memory for the head of a recording");
	if (raw->len > CXMS_TRACE_RAW_MAX)
		return cxms_fail(err, E2BIG, "cannot record a command line of %zu bytes", raw->len);
	return 0;
}

static int get_stair(const uint8_t *p, size_t len, struct cxms_facts *facts)
{
	struct cxms_cur cur = {p, p + len, false};

	if (len != 16 || facts->n_stair == CXMS_STAIR_MAX)
		return -EBADMSG;
	facts->stair_bytes[facts->n_stair] = cxms_cur_u64(&cur);
	facts->stair_ps[facts->n_stair++] = cxms_cur_u64(&cur);
	return 0;
}

static int get_walk(const uint8_t *p, size_t len, struct cxms_facts *facts)
{
	struct cxms_cur cur = {p, p + len, false};

	if (len != 24 || facts->n_walk == CXMS_STAIR_MAX)
		return -EBADMSG;
	facts->walk_bytes[facts->n_walk] = cxms_cur_u64(&cur);
	facts->walk_step_ps[0][facts->n_walk] = cxms_cur_u64(&cur);
	facts->walk_step_ps[1][facts->n_walk++] = cxms_cur_u64(&cur);
	return 0;
}

/* Of the walk before it. */
static int get_walk_high(const uint8_t *p, size_t len, struct cxms_facts *facts)
{
	struct cxms_cur cur = {p, p + len, false};

	if (len != 16 || facts->n_walk == 0)
		return -EBADMSG;
	facts->walk_high_ps[0][facts->n_walk - 1] = cxms_cur_u64(&cur);
	facts->walk_high_ps[1][facts->n_walk - 1] = cxms_cur_u64(&cur);
	return 0;
}

static int get_cache(const uint8_t *p, size_t len, struct cxms_exact_cfg *x)
{
	struct cxms_cur cur = {p, p + len, false};
	unsigned level = cxms_cur_u8(&cur), flags = cxms_cur_u8(&cur);
	uint64_t size = cxms_cur_u64(&cur);
	uint32_t ways = cxms_cur_u32(&cur);

	if (len != CACHE_BYTES || level >= CXMS_EXACT_LEVELS || size == 0 || ways == 0 ||
	    x->cache[level].size_bytes != 0)
		return -EBADMSG;
	x->cache[level].size_bytes = size;
	x->cache[level].ways = ways;
	x->cache[level].inclusive = flags & CACHE_INCLUSIVE;
	x->cache[level].plru = flags & CACHE_PLRU;
	x->cache[level].hashed = flags & CACHE_HASHED;
	return 0;
}

/* Prefetchers follow their cache. */
static int get_prefetch(const uint8_t *p, size_t len, struct cxms_exact_cfg *x)
{
	struct cxms_cur cur = {p, p + len, false};
	unsigned level = cxms_cur_u8(&cur);
	struct cxms_exact_prefetch f = {.type = cxms_cur_u32(&cur)};
	struct cxms_exact_cache *c;

	f.degree = cxms_cur_u32(&cur);
	f.distance = cxms_cur_u32(&cur);
	if (len != PREFETCH_BYTES || level >= CXMS_EXACT_LEVELS || f.type < CXMS_EXACT_NEXT_LINE ||
	    f.type > CXMS_EXACT_STRIDE || f.degree == 0)
		return -EBADMSG;
	c = &x->cache[level];
	if (c->size_bytes == 0 || c->n_prefetch == CXMS_EXACT_PREFETCH_MAX)
		return -EBADMSG;
	c->prefetch[c->n_prefetch++] = f;
	return 0;
}

/* Room for every word: each costs at least its tag and length in @raw, and ends with a NUL here. */
static int head_store_init(struct cxms_head_store *s, size_t raw_len, struct cxms_err *err)
{
	s->argv = calloc(raw_len / 2 + 1, sizeof(*s->argv));
	s->text = malloc(raw_len + 1);
	if (!s->argv || !s->text)
		return cxms_fail(err, ENOMEM, "out of memory for the head of a recording");
	s->head.argv = s->argv;
	return 0;
}

static void take_word(struct cxms_head_store *s, const uint8_t *p, size_t len)
{
	char *to = s->text + s->text_len;

	s->argv[s->head.n_argv++] = to;
	memcpy(to, p, len);
	to[len] = '\0';
	s->text_len += len + 1;
}

static int take_head_field(struct cxms_head_store *s, uint64_t tag, const uint8_t *p, size_t len,
			   struct cxms_err *err)
{
	struct cxms_trace_head *head = &s->head;

	if (tag == TAG_ARGV && memchr(p, 0, len))
		return cxms_fail(err, EBADMSG, "a word of the command line has a NUL");
	if (tag == TAG_ARGV)
		take_word(s, p, len);
	else if (tag == TAG_SEED && get_number(p, len, UINT64_MAX, &head->seed) < 0)
		return cxms_fail(err, EBADMSG, "the seed holds a bad value");
	else if (tag == TAG_STAIR && get_stair(p, len, &head->facts) < 0)
		return cxms_fail(err, EBADMSG, "the latency stair holds a bad value");
	else if (tag == TAG_WALK && get_walk(p, len, &head->facts) < 0)
		return cxms_fail(err, EBADMSG, "the page walks hold a bad value");
	else if (tag == TAG_WALK_HIGH && get_walk_high(p, len, &head->facts) < 0)
		return cxms_fail(err, EBADMSG, "the spread of page walks holds a bad value");
	else if (tag == TAG_CACHE && get_cache(p, len, &head->facts.exact) < 0)
		return cxms_fail(err, EBADMSG, "a cache of the exact source holds a bad value");
	else if (tag == TAG_PREFETCH && get_prefetch(p, len, &head->facts.exact) < 0)
		return cxms_fail(err, EBADMSG,
				 "a prefetcher of the exact source holds a bad value");
	return get_known(facts_fields, N_FACTS, tag, p, len, &head->facts, err);
}

int cxms_head_decode(const struct cxms_buf *raw, struct cxms_head_store *out, struct cxms_err *err)
{
	struct cxms_cur cur = {raw->data, raw->data + raw->len, false};
	int rc = head_store_init(out, raw->len, err);

	while (rc == 0 && cur.p < cur.end) {
		uint64_t tag = cxms_cur_varint(&cur);
		size_t len = 0;
		const uint8_t *p = cxms_cur_str(&cur, &len);

		if (!p)
			return cxms_fail(err, EBADMSG, "a field of the head is cut");
		rc = take_head_field(out, tag, p, len, err);
	}
	return rc;
}

void cxms_head_store_fini(struct cxms_head_store *s)
{
	free(s->argv);
	free(s->text);
	*s = (struct cxms_head_store){0};
}

int cxms_totals_encode(const struct cxms_totals *totals, struct cxms_buf *raw, struct cxms_err *err)
{
	put_fields(raw, totals_fields, N_TOTALS, totals);
	if (raw->failed)
		return cxms_fail(err, ENOMEM, "out of memory for the totals of a recording");
	return 0;
}

int cxms_totals_decode(const struct cxms_buf *raw, struct cxms_totals *out, struct cxms_err *err)
{
	struct cxms_cur cur = {raw->data, raw->data + raw->len, false};
	struct cxms_totals totals = {0};
	int rc = 0;

	while (rc == 0 && cur.p < cur.end) {
		uint64_t tag = cxms_cur_varint(&cur);
		size_t len = 0;
		const uint8_t *p = cxms_cur_str(&cur, &len);

		if (!p)
			return cxms_fail(err, EBADMSG, "a field of the totals is cut");
		rc = get_known(totals_fields, N_TOTALS, tag, p, len, &totals, err);
	}
	if (rc == 0)
		*out = totals;
	return rc;
}
