/* Open addressing with linear probing; nothing is ever removed, so no tombstones. */
#include <errno.h>
#include <stdlib.h>

#include "source/code_priv.h"

#define MAP_FIRST_CAP 64

static size_t slot_of(const struct cxms_addr_map *m, uint64_t key)
{
	/* Fibonacci hashing: the high bits of key * 2^64/phi are well spread. */
	size_t i = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (m->cap - 1);

	while (m->slots[i].val && m->slots[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return i;
}

void *cxms_addr_map_get(const struct cxms_addr_map *m, uint64_t key)
{
	return m->cap ? m->slots[slot_of(m, key)].val : NULL;
}

static int map_grow(struct cxms_addr_map *m)
{
	struct cxms_addr_map bigger = {.cap = m->cap ? m->cap * 2 : MAP_FIRST_CAP, .n = m->n};

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].val)
			bigger.slots[slot_of(&bigger, m->slots[i].key)] = m->slots[i];
	free(m->slots);
	*m = bigger;
	return 0;
}

int cxms_addr_map_put(struct cxms_addr_map *m, uint64_t key, void *val)
{
	size_t i;

	if (m->n * 2 >= m->cap) {
		int rc = map_grow(m);

		if (rc)
			return rc;
	}
	i = slot_of(m, key);
	m->slots[i].key = key;
	m->slots[i].val = val;
	m->n++;
	return 0;
}

void cxms_addr_map_fini(struct cxms_addr_map *m)
{
	for (size_t i = 0; i < m->cap; i++)
		free(m->slots[i].val);
	free(m->slots);
	*m = (struct cxms_addr_map){0};
}
