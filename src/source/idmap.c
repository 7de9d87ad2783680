#include "source/idmap.h"

#include "base/rng.h"

#include <errno.h>
#include <stdlib.h>

#define MIN_BITS 4u

static size_t home_of(const struct cxms_idmap *m, uint64_t key)
{
	return (size_t)(cxms_hash_u64(key) >> (64 - m->bits));
}

static size_t mask_of(const struct cxms_idmap *m)
{
	return ((size_t)1 << m->bits) - 1;
}

/* The slot of @key, or the empty slot where it belongs. */
static size_t find(const struct cxms_idmap *m, uint64_t key)
{
	size_t i = home_of(m, key);

	while (m->slot[i].value && m->slot[i].key != key)
		i = (i + 1) & mask_of(m);
	return i;
}

void *cxms_idmap_get(const struct cxms_idmap *m, uint64_t key)
{
	return m->slot ? m->slot[find(m, key)].value : NULL;
}

static int grow(struct cxms_idmap *m)
{
	struct cxms_idmap bigger = {.bits = m->slot ? m->bits + 1 : MIN_BITS};

	bigger.slot = calloc((size_t)1 << bigger.bits, sizeof(*bigger.slot));
	if (!bigger.slot)
		return -ENOMEM;
	for (size_t i = 0; m->slot && i <= mask_of(m); i++) {
		if (m->slot[i].value)
			bigger.slot[find(&bigger, m->slot[i].key)] = m->slot[i];
	}
	free(m->slot);
	m->slot = bigger.slot;
	m->bits = bigger.bits;
	return 0;
}

int cxms_idmap_put(struct cxms_idmap *m, uint64_t key, void *value)
{
	size_t i;

	if (!m->slot || (m->n + 1) * 2 > mask_of(m)) {
		int rc = grow(m);

		if (rc)
			return rc;
	}
	i = find(m, key);
	if (!m->slot[i].value)
		m->n++;
	m->slot[i] = (struct cxms_idmap_slot){.key = key, .value = value};
	return 0;
}

void *cxms_idmap_remove(struct cxms_idmap *m, uint64_t key)
{
	size_t hole, i, mask;
	void *gone;

	if (!m->slot)
		return NULL;
	mask = mask_of(m);
	hole = find(m, key);
	gone = m->slot[hole].value;
	if (!gone)
		return NULL;
	/* Later members of the probe run move up, so that no search stops early at the hole. */
	for (i = (hole + 1) & mask; m->slot[i].value; i = (i + 1) & mask) {
		size_t home = home_of(m, m->slot[i].key);

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			m->slot[hole] = m->slot[i];
			hole = i;
		}
	}
	m->slot[hole].value = NULL;
	m->n--;
	return gone;
}

void *cxms_idmap_next(const struct cxms_idmap *m, size_t *pos)
{
	while (m->slot && *pos <= mask_of(m)) {
		void *value = m->slot[(*pos)++].value;

		if (value)
			return value;
	}
	return NULL;
}

void cxms_idmap_fini(struct cxms_idmap *m)
{
	free(m->slot);
	*m = (struct cxms_idmap){0};
}
