#include "place/pagemap.h"

#include <errno.h>
#include <stdlib.h>

#include "base/rng.h"
#include "place/pages.h"

#define FIRST_CAP 1024u

static size_t home_of(const struct cxms_pagemap *m, uint32_t space, uint64_t number)
{
	return (size_t)cxms_hash_u64(number ^ (uint64_t)space << 44) & (m->cap - 1);
}

uint32_t cxms_pagemap_get(const struct cxms_pagemap *m, uint32_t space, uint64_t number)
{
	if (m->cap == 0)
		return CXMS_NO_PAGE;
	for (size_t i = home_of(m, space, number);; i = (i + 1) & (m->cap - 1)) {
		const struct cxms_pagemap_slot *s = &m->slot[i];
		if (s->index == CXMS_NO_PAGE || (s->number == number && s->space == space))
			return s->index;
	}
}

static void insert(struct cxms_pagemap *m, struct cxms_pagemap_slot key)
{
	size_t i = home_of(m, key.space, key.number);
	while (m->slot[i].index != CXMS_NO_PAGE)
		i = (i + 1) & (m->cap - 1);
	m->slot[i] = key;
}

static int grow(struct cxms_pagemap *m)
{
	struct cxms_pagemap old = *m;
	size_t cap = old.cap ? old.cap * 2 : FIRST_CAP;
	struct cxms_pagemap_slot *slot = calloc(cap, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	for (size_t i = 0; i < cap; i++)
		slot[i].index = CXMS_NO_PAGE;
	m->slot = slot;
	m->cap = cap;
	for (size_t i = 0; i < old.cap; i++)
		if (old.slot[i].index != CXMS_NO_PAGE)
			insert(m, old.slot[i]);
	free(old.slot);
	return 0;
}

int cxms_pagemap_put(struct cxms_pagemap *m, uint32_t space, uint64_t number, uint32_t index)
{
	if (2 * (m->n + 1) > m->cap && grow(m))
		return -ENOMEM;
	insert(m, (struct cxms_pagemap_slot){.number = number, .space = space, .index = index});
	m->n++;
	return 0;
}

int cxms_pagemap_set(struct cxms_pagemap *m, uint32_t space, uint64_t number, uint32_t index)
{
	if (cxms_pagemap_get(m, space, number) == CXMS_NO_PAGE)
		return cxms_pagemap_put(m, space, number, index);
	size_t i = home_of(m, space, number);
	while (m->slot[i].number != number || m->slot[i].space != space)
		i = (i + 1) & (m->cap - 1);
	m->slot[i].index = index;
	return 0;
}

void cxms_pagemap_fini(struct cxms_pagemap *m)
{
	free(m->slot);
	*m = (struct cxms_pagemap){0};
}
