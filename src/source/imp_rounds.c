#include "source/imp_rounds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

static size_t room_of(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

void cxms_rounds_fini(struct cxms_rounds *r)
{
	free(r->item);
	free(r->store);
	*r = (struct cxms_rounds){0};
}

/* What was popped gives its room back; the rest keeps its order. */
static int compact(struct cxms_rounds *r)
{
	uint8_t *store;
	size_t used = 0;

	if (r->used <= 2 * r->live_bytes || !r->head)
		return 0;
	store = malloc(r->live_bytes + 8);
	if (!store)
		return -ENOMEM;
	for (size_t i = r->head; i < r->n; i++) {
		struct cxms_round_item item = r->item[i];

		memcpy(store + used, r->store + item.at, room_of(item.len));
		item.at = used;
		used += room_of(item.len);
		r->item[i - r->head] = item;
	}
	free(r->store);
	r->store = store;
	r->cap_store = r->live_bytes + 8;
	r->used = used;
	r->n -= r->head;
	r->head = 0;
	return 0;
}

int cxms_rounds_push(struct cxms_rounds *r, uint64_t time_ns, const void *rec, size_t len,
		     struct cxms_err *err)
{
	size_t room = room_of(len);
	void *item, *store;
	int rc = compact(r);

	item = r->item;
	if (!rc)
		rc = cxms_array_grow(&item, &r->cap, r->n + 1, sizeof(*r->item));
	r->item = item;
	store = r->store;
	if (!rc)
		rc = cxms_array_grow(&store, &r->cap_store, r->used + room, 1);
	r->store = store;
	if (rc)
		return cxms_fail(err, ENOMEM, "out of memory for records");
	memset(r->store + r->used, 0, room);
	memcpy(r->store + r->used, rec, len);
	r->item[r->n++] = (struct cxms_round_item){.time_ns = time_ns, .at = r->used, .len = len};
	r->used += room;
	r->live_bytes += room;
	if (time_ns > r->latest_ns)
		r->latest_ns = time_ns;
	if (time_ns < r->popped_ns)
		r->n_late++;
	return 0;
}

bool cxms_rounds_is_full(const struct cxms_rounds *r)
{
	return r->live_bytes >= (r->max_bytes ? r->max_bytes : CXMS_ROUNDS_MAX_BYTES);
}

static int by_time(const void *pa, const void *pb)
{
	const struct cxms_round_item *a = pa, *b = pb;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	return (a->at > b->at) - (a->at < b->at);
}

static void sort(struct cxms_rounds *r)
{
	if (r->n > r->head)
		qsort(&r->item[r->head], r->n - r->head, sizeof(*r->item), by_time);
}

void cxms_rounds_end_round(struct cxms_rounds *r)
{
	sort(r);
	if (r->round_ns > r->limit_ns)
		r->limit_ns = r->round_ns;
	r->round_ns = r->latest_ns;
}

void cxms_rounds_force(struct cxms_rounds *r)
{
	uint64_t half_ns;

	if (r->head == r->n)
		return;
	sort(r);
	half_ns = r->item[r->head + (r->n - r->head) / 2].time_ns;
	if (half_ns >= r->limit_ns)
		r->limit_ns = half_ns + (half_ns != UINT64_MAX);
}

void cxms_rounds_end(struct cxms_rounds *r)
{
	sort(r);
	r->limit_ns = UINT64_MAX;
}

const void *cxms_rounds_pop(struct cxms_rounds *r, uint64_t *time_ns, size_t *len)
{
	const struct cxms_round_item *item;

	if (r->head == r->n)
		return NULL;
	item = &r->item[r->head];
	if (item->time_ns >= r->limit_ns && r->limit_ns != UINT64_MAX)
		return NULL;
	r->head++;
	r->live_bytes -= room_of(item->len);
	if (item->time_ns > r->popped_ns)
		r->popped_ns = item->time_ns;
	*time_ns = item->time_ns;
	*len = item->len;
	return r->store + item->at;
}
