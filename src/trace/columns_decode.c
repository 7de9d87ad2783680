#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "trace/trace_priv.h"

/* Events are filled a strip at a time, so that one strip stays in the L2 cache over all its
 * columns. */
#define STRIP_EVENTS 1024u

struct column_state {
	struct cxms_cur cur;
	uint64_t last; /* of a delta column */
	bool present;
};

struct decoder {
	struct column_state state[CXMS_EV_KIND_END][CXMS_COLUMNS_MAX];
	uint64_t site_addr[CXMS_SITE_SLOTS], site_count[CXMS_SITE_SLOTS],
		site_outer[CXMS_SITE_SLOTS];
	const uint8_t *kinds;
};

static inline uint64_t get_varint(struct cxms_cur *cur)
{
	uint64_t v = 0;
	const uint8_t *p = cur->p;

	if (cur->end - p < 10)
		return cxms_cur_varint(cur);
	for (unsigned shift = 0; shift < 63; shift += 7) {
		uint8_t b = *p++;

		v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80) {
			cur->p = p;
			return v;
		}
	}
	return cxms_cur_varint(cur); /* the tenth byte: its checks are there */
}

static uint64_t unzigzag(uint64_t z)
{
	return z >> 1 ^ (0 - (z & 1));
}

static uint64_t column_limit(const struct cxms_column *c)
{
	if (c->max > 0)
		return c->max;
	return c->bytes == 8 ? UINT64_MAX : (1ull << c->bytes * 8) - 1;
}

static void store(const struct cxms_column *c, struct cxms_event *ev, uint64_t v)
{
	uint8_t *p = (uint8_t *)ev + c->offset;
	uint32_t v32 = (uint32_t)v;
	uint16_t v16 = (uint16_t)v;

	switch (c->bytes) {
	case 1:
		*p = (uint8_t)v;
		break;
	case 2:
		memcpy(p, &v16, sizeof(v16));
		break;
	case 4:
		memcpy(p, &v32, sizeof(v32));
		break;
	default:
		memcpy(p, &v, sizeof(v));
		break;
	}
}

/* Return: whether every value fits its field. */
static bool get_numbers(struct column_state *s, const struct cxms_column *c, struct cxms_event *ev,
			const uint32_t *order, size_t n)
{
	uint64_t limit = column_limit(c), worst = 0, last = s->last;
	bool is_delta = c->coding == CXMS_CODE_DELTA;
	struct cxms_cur cur = s->cur;

	for (size_t i = 0; i < n; i++) {
		uint64_t v = get_varint(&cur);

		if (is_delta)
			v = last += unzigzag(v);
		worst = v > worst ? v : worst;
		store(c, &ev[order[i]], v);
	}
	s->cur = cur;
	s->last = last;
	return worst <= limit;
}

static bool get_site_refs(struct column_state *s, const struct cxms_column *c,
			  struct cxms_event *ev, const uint32_t *order, size_t n)
{
	uint64_t worst = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t v = s->present ? get_varint(&s->cur) : 0;

		worst = v > worst ? v : worst;
		store(c, &ev[order[i]], v - 1);
	}
	return worst <= UINT32_MAX;
}

/* Values against the last one of their site where the sample has @flag. */
static void get_by_site(struct column_state *s, const struct cxms_column *c, unsigned flag,
			uint64_t *last, struct cxms_event *ev, const uint32_t *order, size_t n)
{
	struct cxms_cur cur = s->cur;

	for (size_t i = 0; i < n; i++) {
		struct cxms_event *e = &ev[order[i]];
		uint64_t v = get_varint(&cur);

		if (e->sample.flags & flag)
			v = last[e->sample.site % CXMS_SITE_SLOTS] += unzigzag(v);
		store(c, e, v);
	}
	s->cur = cur;
}

/* The count makes way for the terminator: the string moves down over it, in place. */
static bool get_strings(struct column_state *s, const struct cxms_column *c, struct cxms_buf *raw,
			struct cxms_event *ev, const uint32_t *order, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *text = "";

		if (s->present) {
			size_t at = (size_t)(s->cur.p - raw->data), len = 0;
			const uint8_t *bytes = cxms_cur_str(&s->cur, &len);

			if (!bytes || len > CXMS_TRACE_STRING_MAX || memchr(bytes, 0, len))
				return false;
			memmove(raw->data + at, bytes, len);
			raw->data[at + len] = '\0';
			text = (const char *)raw->data + at;
		}
		memcpy((uint8_t *)&ev[order[i]] + c->offset, &text, sizeof(text));
	}
	return true;
}

static bool get_build_ids(struct column_state *s, struct cxms_event *ev, const uint32_t *order,
			  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct cxms_map *m = &ev[order[i]].map;
		size_t len = 0;
		const uint8_t *bytes = cxms_cur_str(&s->cur, &len);

		if (!bytes || len > CXMS_BUILD_ID_MAX)
			return false;
		memcpy(m->build_id, bytes, len);
		m->build_id_len = (uint8_t)len;
	}
	return true;
}

static bool decode_column(struct decoder *d, unsigned kind, size_t position, struct cxms_buf *raw,
			  struct cxms_event *ev, const uint32_t *order, size_t n)
{
	const struct cxms_column *c = &cxms_columns_of(kind)->columns[position];
	struct column_state *s = &d->state[kind][position];

	if (c->coding == CXMS_CODE_STRING)
		return get_strings(s, c, raw, ev, order, n);
	if (c->coding == CXMS_CODE_SITE_REF)
		return get_site_refs(s, c, ev, order, n);
	if (!s->present) /* all 0: so are the events */
		return true;
	switch (c->coding) {
	case CXMS_CODE_SITE_ADDR:
		get_by_site(s, c, CXMS_SAMPLE_ADDR, d->site_addr, ev, order, n);
		return true;
	case CXMS_CODE_SITE_COUNT:
		get_by_site(s, c, CXMS_SAMPLE_COUNT, d->site_count, ev, order, n);
		return true;
	case CXMS_CODE_SITE_OUTER:
		get_by_site(s, c, CXMS_SAMPLE_OUTER, d->site_outer, ev, order, n);
		return true;
	case CXMS_CODE_BUILD_ID:
		return get_build_ids(s, ev, order, n);
	default:
		return get_numbers(s, c, ev, order, n);
	}
}

static int decode_strip(struct decoder *d, struct cxms_buf *raw, struct cxms_event *ev, size_t n,
			struct cxms_err *err)
{
	uint32_t order[STRIP_EVENTS], identity[STRIP_EVENTS];
	struct cxms_kind_index index = {.order = order};

	memset(ev, 0, n * sizeof(*ev));
	for (size_t i = 0; i < n; i++) {
		identity[i] = (uint32_t)i;
		ev[i].kind = d->kinds[i];
	}
	d->kinds += n;
	cxms_kind_index_make(&index, ev, n);
	for (unsigned k = 0; k < CXMS_EV_KIND_END; k++) {
		const struct cxms_column_set *set = cxms_columns_of(k);
		const uint32_t *which = k > 0 ? order + index.start[k] : identity;
		size_t count = k > 0 ? index.start[k + 1] - index.start[k] : n;

		for (size_t i = 0; i < set->n && count > 0; i++) {
			if (!decode_column(d, k, i, raw, ev, which, count) ||
			    d->state[k][i].cur.failed)
				return cxms_fail(err, EBADMSG, "column %s holds a bad value",
						 set->columns[i].name);
		}
	}
	return 0;
}

static struct column_state *find_state(struct decoder *d, uint64_t id)
{
	uint64_t kind = (id - 1) / 32, position = (id - 1) % 32;

	if (id == 0 || kind >= CXMS_EV_KIND_END || position >= cxms_columns_of((unsigned)kind)->n)
		return NULL;
	return &d->state[kind][position];
}

/* Note where each known column lies; columns of later versions are passed over. */
static int find_columns(struct decoder *d, const struct cxms_buf *raw, size_t n,
			struct cxms_err *err)
{
	struct cxms_cur cur = {raw->data, raw->data + raw->len, false};

	while (cur.p < cur.end) {
		uint64_t id = cxms_cur_varint(&cur);
		size_t len = 0;
		const uint8_t *bytes = cxms_cur_str(&cur, &len);
		struct column_state *s = find_state(d, id);

		if (!bytes)
			return cxms_fail(err, EBADMSG, "a column is longer than its block");
		if ((id == 0 && d->kinds) || (s && s->present))
			return cxms_fail(err, EBADMSG, "a column is there twice");
		if (id == 0 && len == n)
			d->kinds = bytes;
		if (s)
			*s = (struct column_state){{bytes, bytes + len, false}, 0, true};
	}
	if (!d->kinds)
		return cxms_fail(err, EBADMSG, "the column of event kinds has the wrong length");
	for (size_t i = 0; i < n; i++)
		if (d->kinds[i] == 0 || d->kinds[i] == CXMS_EV_EXACT ||
		    d->kinds[i] >= CXMS_EV_KIND_END)
			return cxms_fail(err, EBADMSG, "unknown event kind %u", d->kinds[i]);
	return 0;
}

/* A column with values left over does not belong to these events. */
static int check_ends(const struct decoder *d, struct cxms_err *err)
{
	for (unsigned k = 0; k < CXMS_EV_KIND_END; k++) {
		const struct cxms_column_set *set = cxms_columns_of(k);

		for (size_t i = 0; i < set->n; i++) {
			const struct column_state *s = &d->state[k][i];

			if (s->present && s->cur.p != s->cur.end)
				return cxms_fail(err, EBADMSG, "column %s has values left over",
						 set->columns[i].name);
		}
	}
	return 0;
}

int cxms_events_decode(struct cxms_buf *raw, struct cxms_event *ev, size_t n, struct cxms_err *err)
{
	struct decoder d = {0};
	int rc = find_columns(&d, raw, n, err);

	for (size_t at = 0; at < n && rc == 0; at += STRIP_EVENTS) {
		size_t count = n - at < STRIP_EVENTS ? n - at : STRIP_EVENTS;

		rc = decode_strip(&d, raw, ev + at, count, err);
	}
	return rc == 0 ? check_ends(&d, err) : rc;
}
