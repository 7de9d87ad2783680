#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "trace/trace_priv.h"

#define VARINT_MAX 10u

static uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

static uint64_t zigzag(uint64_t delta)
{
	return delta << 1 ^ (0 - (delta >> 63));
}

/* @order NULL: all events in turn. The column is left out when every number in it is 0. */
struct run {
	const struct cxms_column *column;
	const struct cxms_event *ev;
	const uint32_t *order;
	size_t n;
};

static const struct cxms_event *run_event(const struct run *r, size_t i)
{
	return &r->ev[r->order ? r->order[i] : i];
}

static uint8_t *put_plain(const struct run *r, uint8_t *p, uint64_t *seen)
{
	bool is_ref = r->column->coding == CXMS_CODE_SITE_REF;

	for (size_t i = 0; i < r->n; i++) {
		uint64_t v = cxms_column_load(r->column, run_event(r, i));

		if (is_ref)
			v = (uint32_t)(v + 1);
		*seen |= v;
		p = put_varint(p, v);
	}
	return p;
}

static uint8_t *put_delta(const struct run *r, uint8_t *p, uint64_t *seen)
{
	uint64_t last = 0;

	for (size_t i = 0; i < r->n; i++) {
		uint64_t v = cxms_column_load(r->column, run_event(r, i));
		uint64_t z = zigzag(v - last);

		last = v;
		*seen |= z;
		p = put_varint(p, z);
	}
	return p;
}

/* @flag: of the samples that hold a value; the others' is written as it is. */
static uint8_t *put_by_site(const struct run *r, uint8_t *p, unsigned flag, uint64_t *seen)
{
	uint64_t last[CXMS_SITE_SLOTS] = {0};

	for (size_t i = 0; i < r->n; i++) {
		const struct cxms_event *ev = run_event(r, i);
		uint64_t v = cxms_column_load(r->column, ev);

		if (ev->sample.flags & flag) {
			uint64_t *slot = &last[ev->sample.site % CXMS_SITE_SLOTS], now = v;

			v = zigzag(now - *slot);
			*slot = now;
		}
		*seen |= v;
		p = put_varint(p, v);
	}
	return p;
}

static uint8_t *put_build_id(const struct run *r, uint8_t *p, uint64_t *seen)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct cxms_map *m = &run_event(r, i)->map;

		*seen |= m->build_id_len;
		*p++ = m->build_id_len;
		for (size_t b = 0; b < m->build_id_len; b++)
			*p++ = m->build_id[b];
	}
	return p;
}

static int reserve(struct cxms_buf *b, size_t need)
{
	void *data = b->data;
	int rc = cxms_array_grow(&data, &b->cap, need, 1);

	if (rc == 0)
		b->data = data;
	return rc;
}

static void append(struct cxms_buf *raw, unsigned id, const struct cxms_buf *column)
{
	cxms_buf_put_varint(raw, id);
	cxms_buf_put_varint(raw, column->len);
	cxms_buf_put(raw, column->data, column->len);
}

static int encode_column(struct cxms_buf *column, const struct run *r, unsigned id,
			 struct cxms_buf *raw)
{
	size_t each = r->column->coding == CXMS_CODE_BUILD_ID ? CXMS_BUILD_ID_MAX + 1 : VARINT_MAX;
	uint64_t seen = 0;
	uint8_t *end;

	if (reserve(column, r->n * each) < 0)
		return -ENOMEM;
	switch (r->column->coding) {
	case CXMS_CODE_DELTA:
		end = put_delta(r, column->data, &seen);
		break;
	case CXMS_CODE_SITE_ADDR:
		end = put_by_site(r, column->data, CXMS_SAMPLE_ADDR, &seen);
		break;
	case CXMS_CODE_SITE_COUNT:
		end = put_by_site(r, column->data, CXMS_SAMPLE_COUNT, &seen);
		break;
	case CXMS_CODE_SITE_OUTER:
		end = put_by_site(r, column->data, CXMS_SAMPLE_OUTER, &seen);
		break;
	case CXMS_CODE_BUILD_ID:
		end = put_build_id(r, column->data, &seen);
		break;
	default:
		end = put_plain(r, column->data, &seen);
		break;
	}
	column->len = (size_t)(end - column->data);
	if (seen)
		append(raw, id, column);
	return 0;
}

/* @order NULL and @n the whole block for kind 0. */
static int encode_kind(struct cxms_encoder *e, unsigned kind, struct run *r,
		       const struct cxms_buf *strings, struct cxms_buf *raw)
{
	const struct cxms_column_set *set = cxms_columns_of(kind);
	int rc = 0;

	for (size_t i = 0; i < set->n && rc == 0 && r->n > 0; i++) {
		r->column = &set->columns[i];
		if (r->column->coding == CXMS_CODE_STRING)
			append(raw, cxms_column_id(kind, i), strings++);
		else
			rc = encode_column(&e->column, r, cxms_column_id(kind, i), raw);
	}
	return rc;
}

static int encode_kinds_column(struct cxms_encoder *e, const struct cxms_event *ev, size_t n,
			       struct cxms_buf *raw)
{
	if (reserve(&e->column, n) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		e->column.data[i] = ev[i].kind;
	e->column.len = n;
	append(raw, 0, &e->column);
	return 0;
}

int cxms_events_encode(struct cxms_encoder *e, const struct cxms_event *ev, size_t n,
		       const struct cxms_strings strings[CXMS_EV_KIND_END], struct cxms_buf *raw,
		       struct cxms_err *err)
{
	struct cxms_kind_index index;
	void *order = e->order;
	int rc = cxms_array_grow(&order, &e->order_cap, n, sizeof(*e->order));

	if (rc == 0) {
		e->order = order;
		index.order = order;
		cxms_kind_index_make(&index, ev, n);
		rc = encode_kinds_column(e, ev, n, raw);
	}
	for (unsigned k = 0; k < CXMS_EV_KIND_END && rc == 0; k++) {
		struct run r = {NULL, ev, NULL, n};

		if (k > 0) {
			r.order = index.order + index.start[k];
			r.n = index.start[k + 1] - index.start[k];
		}
		rc = encode_kind(e, k, &r, strings[k].column, raw);
	}
	if (rc < 0 || raw->failed)
		return cxms_fail(err, ENOMEM, "out of memory encoding a recording");
	return 0;
}

void cxms_encoder_fini(struct cxms_encoder *e)
{
	cxms_buf_fini(&e->column);
	free(e->order);
	*e = (struct cxms_encoder){0};
}
