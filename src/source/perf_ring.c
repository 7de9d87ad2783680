#include "source/perf_ring.h"

#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int cxms_perf_ring_attach(struct cxms_perf_ring *r, struct perf_event_mmap_page *page,
			  const void *data, size_t data_bytes, struct cxms_err *err)
{
	assert(data_bytes && !(data_bytes & (data_bytes - 1)));
	*r = (struct cxms_perf_ring){.page = page, .data = data, .mask = data_bytes - 1};
	r->tail = page->data_tail;
	r->head = r->tail;
	r->bounce = malloc(CXMS_PERF_RECORD_MAX);
	if (!r->bounce) {
		r->page = NULL;
		return cxms_fail(err, ENOMEM, "out of memory for a ring buffer");
	}
	return 0;
}

int cxms_perf_ring_open(struct cxms_perf_ring *r, int fd, size_t data_bytes, struct cxms_err *err)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	size_t map_bytes = data_bytes + page_bytes;
	uint8_t *map;
	int rc;

	map = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return cxms_fail_sys(err, errno, "cannot map a ring buffer of %zu bytes",
				     data_bytes);
	rc = cxms_perf_ring_attach(r, (void *)map, map + page_bytes, data_bytes, err);
	if (rc)
		munmap(map, map_bytes);
	else
		r->map_bytes = map_bytes;
	return rc;
}

void cxms_perf_ring_begin(struct cxms_perf_ring *r)
{
	/* Pairs with the kernel's release of data_head: the records before it are then visible. */
	r->head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE);
}

static void copy_out(const struct cxms_perf_ring *r, uint64_t at, void *to, size_t len)
{
	size_t from = (size_t)(at & r->mask);
	size_t first = (size_t)(r->mask + 1) - from;

	if (first > len)
		first = len;
	memcpy(to, r->data + from, first);
	memcpy((uint8_t *)to + first, r->data, len - first);
}

const struct perf_event_header *cxms_perf_ring_next(struct cxms_perf_ring *r, bool *bad)
{
	struct perf_event_header header;
	uint64_t left = r->head - r->tail, from = r->tail & r->mask;

	if (!left)
		return NULL;
	if (left < sizeof(header) || left > r->mask + 1)
		goto bad;
	copy_out(r, r->tail, &header, sizeof(header));
	if (header.size < sizeof(header) || header.size % 8 || header.size > left)
		goto bad;
	r->tail += header.size;
	if (from % 8 == 0 && from + header.size <= r->mask + 1)
		return (const void *)(r->data + from);
	copy_out(r, r->tail - header.size, r->bounce, header.size);
	return (const void *)r->bounce;
bad:
	*bad = true;
	r->tail = r->head;
	return NULL;
}

void cxms_perf_ring_end(struct cxms_perf_ring *r)
{
	/* The reads above must be done before the kernel sees the room. */
	__atomic_store_n(&r->page->data_tail, r->tail, __ATOMIC_RELEASE);
}

void cxms_perf_ring_close(struct cxms_perf_ring *r)
{
	if (r->page && r->map_bytes)
		munmap(r->page, r->map_bytes);
	free(r->bounce);
	*r = (struct cxms_perf_ring){0};
}
