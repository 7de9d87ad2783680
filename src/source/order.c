#include "source/order.h"

#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Holds the largest record of perf. */
#define BLOCK_BYTES (256u << 10)
#define ROOM_MAX    (BLOCK_BYTES - sizeof(struct cxms_order_block))

struct cxms_order_block {
	struct cxms_order_block *next_all, *next_free;
	size_t used;  /* of ROOM_MAX */
	size_t n_rec; /* that wait in it */
	uint8_t room[];
};

static struct cxms_order_block *new_block(struct cxms_order *o)
{
	struct cxms_order_block *b = malloc(BLOCK_BYTES);

	if (!b)
		return NULL;
	b->used = b->n_rec = 0;
	b->next_all = o->all;
	o->all = b;
	o->room_bytes += BLOCK_BYTES;
	return b;
}

static void free_block(struct cxms_order *o, struct cxms_order_block *b)
{
	b->used = 0;
	b->next_free = o->free;
	o->free = b;
}

int cxms_order_init(struct cxms_order *o, unsigned n_stream, size_t ready_bytes,
		    struct cxms_err *err)
{
	bool has_room = true;

	*o = (struct cxms_order){.n_stream = n_stream};
	o->stream = calloc(n_stream ? n_stream : 1, sizeof(*o->stream));
	o->heap = calloc(n_stream ? n_stream : 1, sizeof(*o->heap));
	for (size_t ready = 0; ready < ready_bytes && has_room; ready += BLOCK_BYTES) {
		struct cxms_order_block *b = new_block(o);

		has_room = b != NULL;
		if (!b)
			break;
		memset(b->room, 0, ROOM_MAX);
		free_block(o, b);
	}
	if (!o->stream || !o->heap || !has_room) {
		cxms_order_fini(o);
		return cxms_fail(err, ENOMEM, "out of memory for record order");
	}
	return 0;
}

void cxms_order_fini(struct cxms_order *o)
{
	struct cxms_order_block *b = o->all, *next;

	for (; b; b = next) {
		next = b->next_all;
		free(b);
	}
	free(o->stream);
	free(o->heap);
	*o = (struct cxms_order){0};
}

static uint64_t key_of(const struct cxms_order *o, unsigned stream)
{
	return o->stream[stream].first->time_ns;
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

static size_t room_of(size_t len)
{
	return sizeof(struct cxms_order_rec) + ((len + 7) & ~(size_t)7);
}

/* Room for a record in the block that is being filled, or in the next one. */
static struct cxms_order_rec *take_room(struct cxms_order *o, size_t room)
{
	struct cxms_order_block *b = o->fill;
	void *at;

	assert(room <= ROOM_MAX);
	if (!b || b->used + room > ROOM_MAX) {
		b = o->free ? o->free : new_block(o);
		if (!b)
			return NULL;
		if (b == o->free)
			o->free = b->next_free;
		o->fill = b;
	}
	at = b->room + b->used;
	b->used += room;
	b->n_rec++;
	return at;
}

int cxms_order_push(struct cxms_order *o, unsigned stream, uint64_t time_ns, const void *rec,
		    size_t len, struct cxms_err *err)
{
	struct cxms_order_stream *s = &o->stream[stream];
	struct cxms_order_rec *r = take_room(o, room_of(len)), *before = s->last;

	if (!r)
		return cxms_fail(err, ENOMEM, "out of memory for records");
	while (before && before->time_ns > time_ns)
		before = before->prev;
	*r = (struct cxms_order_rec){
		.prev = before,
		.next = before ? before->next : s->first,
		.block = o->fill,
		.time_ns = time_ns,
		.len = len,
	};
	memcpy(r + 1, rec, len);
	*(r->next ? &r->next->prev : &s->last) = r;
	*(before ? &before->next : &s->first) = r;
	o->bytes += room_of(len);
	if (!before)
		stream_changed(o, stream);
	return 0;
}

/* Its bytes stay as they are until the next push. */
static void give_back(struct cxms_order *o, struct cxms_order_block *b)
{
	if (--b->n_rec)
		return;
	if (b == o->fill)
		b->used = 0;
	else
		free_block(o, b);
}

const void *cxms_order_pop(struct cxms_order *o, uint64_t before_ns, unsigned *stream,
			   uint64_t *time_ns, size_t *len)
{
	struct cxms_order_stream *s;
	struct cxms_order_rec *r;

	if (!o->n_heap || key_of(o, o->heap[0]) >= before_ns)
		return NULL;
	*stream = o->heap[0];
	s = &o->stream[*stream];
	r = s->first;
	s->first = r->next;
	if (s->first) {
		s->first->prev = NULL;
	} else {
		s->last = NULL;
		o->heap[0] = o->heap[--o->n_heap];
	}
	if (o->n_heap)
		sift_down(o, 0);
	o->bytes -= room_of(r->len);
	give_back(o, r->block);
	*time_ns = r->time_ns;
	*len = r->len;
	return r + 1;
}

uint64_t cxms_order_first_ns(const struct cxms_order *o)
{
	return o->n_heap ? key_of(o, o->heap[0]) : UINT64_MAX;
}
