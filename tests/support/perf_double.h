/*
 * In place of the kernel's side of a perf ring: records are written, head and tail handled and
 * losses told as perf_event does it (kernel/events/ring_buffer.c has the protocol: room by the
 * tail, data, then the head with a release).
 */
#ifndef PERF_DOUBLE_H
#define PERF_DOUBLE_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct perf_double {
	struct perf_event_mmap_page *page;
	uint8_t *data;
	uint64_t bytes; /* a power of two */
	uint64_t head, lost, lost_told;
};

/* PERF_RECORD_LOST with the trailer that sample_id_all adds. */
struct perf_double_lost {
	struct perf_event_header header;
	uint64_t id, lost;
	uint32_t pid, tid;
	uint64_t time_ns;
	uint32_t cpu, reserved;
};

/* A second mapping of the ring behind @fd. */
static inline bool perf_double_map(struct perf_double *d, int fd, uint64_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *map = mmap(NULL, page + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	*d = (struct perf_double){.page = (void *)map, .data = map + page, .bytes = bytes};
	d->head = map == MAP_FAILED ? 0 : d->page->data_head;
	return map != MAP_FAILED;
}

static inline void perf_double_unmap(struct perf_double *d)
{
	munmap(d->page, (size_t)sysconf(_SC_PAGESIZE) + d->bytes);
}

static inline bool perf_double_put(struct perf_double *d, const void *rec, uint64_t len)
{
	uint64_t tail = __atomic_load_n(&d->page->data_tail, __ATOMIC_ACQUIRE);
	uint64_t at = d->head & (d->bytes - 1), first = d->bytes - at;

	if (d->bytes - (d->head - tail) < len)
		return false;
	if (first > len)
		first = len;
	memcpy(d->data + at, rec, first);
	memcpy(d->data, (const uint8_t *)rec + first, len - first);
	d->head += len;
	__atomic_store_n(&d->page->data_head, d->head, __ATOMIC_RELEASE);
	return true;
}

/* One record; when there is no room it is lost, which the next one with room tells before it. */
static inline bool perf_double_write(struct perf_double *d, const void *rec, uint64_t len,
				     uint64_t time_ns)
{
	struct perf_double_lost told = {
		.header = {.type = PERF_RECORD_LOST, .size = sizeof(told)},
		.lost = d->lost - d->lost_told,
		.time_ns = time_ns,
	};

	if (told.lost) {
		if (!perf_double_put(d, &told, sizeof(told))) {
			d->lost++;
			return false;
		}
		d->lost_told = d->lost;
	}
	if (perf_double_put(d, rec, len))
		return true;
	d->lost++;
	return false;
}

/* A sample with what cxms_perf_attr_access() asks for, physical address included. */
struct perf_double_access {
	struct perf_event_header header;
	uint64_t ip;
	uint32_t pid, tid;
	uint64_t time_ns, addr;
	uint32_t cpu, reserved;
	uint64_t period;
	uint32_t latency;
	uint16_t latency2, latency3;
	uint64_t data_src, phys;
};

#endif
