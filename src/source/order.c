#include "source/order.h"

#include "base/buf.h"
#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int cxms_order_init(struct cxms_order *o, unsigned n_stream, struct cxms_err *err)
{
	*o = (struct cxms_order){.n_stream = n_stream};
	o->stream = calloc(n_stream ? n_stream : 1, sizeof(*o->stream));
	o->heap = calloc(n_stream ? n_stream : 1, sizeof(*o->heap));
	if (!o->stream || !o->heap) {
		cxms_order_fini(o);
		return cxms_fail(err, ENOMEM, "out of memory for record order");
	}
	return 0;
}

void cxms_order_fini(struct cxms_order *o)
{
	for (unsigned i = 0; o->stream && i < o->n_stream; i++) {
		free(o->stream[i].item);
		free(o->stream[i].store);
	}
	free(o->stream);
	free(o->heap);
	*o = (struct cxms_order){0};
}

static uint64_t key_of(const struct cxms_order *o, unsigned stream)
{
	const struct cxms_order_stream *s = &o->stream[stream];

	return s->item[s->head].time_ns;
}

static int is_before(const struct cxms_order *o, unsigned a, unsigned b)
{
	uint64_t ka = key_of(o, a), kb = key_of(o, b);

	return ka < kb || (ka == kb && a < b);
}

static void swap_slots(struct cxms_order *o, unsigned i, unsigned j)
{
	unsigned t = o->heap[i];

	o->heap[i] = o->heap[j];
	o->heap[j] = t;
}

static void sift_down(struct cxms_order *o, unsigned i)
{
	for (;;) {
		unsigned least = i, left = 2 * i + 1, right = left + 1;

		if (left < o->n_heap && is_before(o, o->heap[left], o->heap[least]))
			least = left;
		if (right < o->n_heap && is_before(o, o->heap[right], o->heap[least]))
			least = right;
		if (least == i)
			return;
		swap_slots(o, i, least);
		i = least;
	}
}

static void sift_up(struct cxms_order *o, unsigned i)
{
	while (i && is_before(o, o->heap[i], o->heap[(i - 1) / 2])) {
		swap_slots(o, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
}

/* The stream's first record is new or has become earlier: find its slot and move it up. */
static void stream_changed(struct cxms_order *o, unsigned stream)
{
	unsigned i = 0;

	while (i < o->n_heap && o->heap[i] != stream)
		i++;
	if (i == o->n_heap)
		o->heap[o->n_heap++] = stream;
	sift_up(o, i);
}

/* Room for what was popped is won back once it is half of the store. */
static void compact(struct cxms_order_stream *s)
{
	size_t low = s->used;

	if (s->head < 64 || s->head * 2 < s->n)
		return;
	for (size_t i = s->head; i < s->n; i++)
		low = s->item[i].at < low ? s->item[i].at : low;
	memmove(s->store, s->store + low, s->used - low);
	s->used -= low;
	for (size_t i = s->head; i < s->n; i++) {
		s->item[i].at -= low;
		s->item[i - s->head] = s->item[i];
	}
	s->n -= s->head;
	s->head = 0;
}

static int reserve(struct cxms_order_stream *s, size_t room)
{
	void *item = s->item, *store = s->store;
	int rc = cxms_array_grow(&item, &s->cap, s->n + 1, sizeof(*s->item));

	s->item = item;
	if (!rc)
		rc = cxms_array_grow(&store, &s->cap_store, s->used + room, 1);
	s->store = store;
	return rc;
}

int cxms_order_push(struct cxms_order *o, unsigned stream, uint64_t time_ns, const void *rec,
		    size_t len, struct cxms_err *err)
{
	struct cxms_order_stream *s = &o->stream[stream];
	size_t room = (len + 7) & ~(size_t)7, i;

	compact(s);
	if (reserve(s, room))
		return cxms_fail(err, ENOMEM, "out of memory for records");
	memcpy(s->store + s->used, rec, len);
	for (i = s->n; i > s->head && s->item[i - 1].time_ns > time_ns; i--)
		s->item[i] = s->item[i - 1];
	s->item[i] = (struct cxms_order_item){.time_ns = time_ns, .at = s->used, .len = len};
	s->n++;
	s->used += room;
	if (i == s->head)
		stream_changed(o, stream);
	return 0;
}

const void *cxms_order_pop(struct cxms_order *o, uint64_t before_ns, unsigned *stream,
			   uint64_t *time_ns, size_t *len)
{
	struct cxms_order_stream *s;
	struct cxms_order_item item;

	if (!o->n_heap || key_of(o, o->heap[0]) >= before_ns)
		return NULL;
	*stream = o->heap[0];
	s = &o->stream[*stream];
	item = s->item[s->head++];
	if (s->head == s->n) {
		s->head = s->n = s->used = 0;
		o->heap[0] = o->heap[--o->n_heap];
	}
	if (o->n_heap)
		sift_down(o, 0);
	*time_ns = item.time_ns;
	*len = item.len;
	return s->store + item.at;
}

uint64_t cxms_order_first_ns(const struct cxms_order *o)
{
	return o->n_heap ? key_of(o, o->heap[0]) : UINT64_MAX;
}
