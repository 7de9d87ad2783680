/* A hash map from 64-bit numbers (process ids, thread ids, addresses) to pointers. */
#ifndef CXMS_SOURCE_IDMAP_H
#define CXMS_SOURCE_IDMAP_H

#include <stddef.h>
#include <stdint.h>

struct cxms_idmap_slot {
	uint64_t key;
	void *value; /* NULL = empty */
};
/** struct cxms_idmap - zeroed is empty; values are borrowed and never NULL */
struct cxms_idmap {
	struct cxms_idmap_slot *slot; /* 1 << bits of them */
	unsigned bits;
	size_t n;
};

void *cxms_idmap_get(const struct cxms_idmap *m, uint64_t key);
/** insert or replace; 0 or -ENOMEM */
int cxms_idmap_put(struct cxms_idmap *m, uint64_t key, void *value);
/** the value that was there, NULL when none */
void *cxms_idmap_remove(struct cxms_idmap *m, uint64_t key);
/** cxms_idmap_next() - iterate: *pos starts at 0; NULL at the end. The map may not change meanwhile
 */
void *cxms_idmap_next(const struct cxms_idmap *m, size_t *pos);
void cxms_idmap_fini(struct cxms_idmap *m);

#endif
