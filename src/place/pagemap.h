/* Hash map from (address space, page number) to a 32-bit index; open addressing, no deletion. */
#ifndef CXMS_PLACE_PAGEMAP_H
#define CXMS_PLACE_PAGEMAP_H

#include <stddef.h>
#include <stdint.h>

struct cxms_pagemap_slot {
	uint64_t number;
	uint32_t space, index; /* index CXMS_NO_PAGE: free */
};
/** struct cxms_pagemap - zeroed is empty; caller frees with cxms_pagemap_fini() */
struct cxms_pagemap {
	struct cxms_pagemap_slot *slot;
	size_t n, cap; /* cap is 0 or a power of two */
};

/** index, or CXMS_NO_PAGE when absent */
uint32_t cxms_pagemap_get(const struct cxms_pagemap *m, uint32_t space, uint64_t number);
/** the key must be absent; 0 or -ENOMEM */
int cxms_pagemap_put(struct cxms_pagemap *m, uint32_t space, uint64_t number, uint32_t index);
/** put, or replace the index of a key that is there; 0 or -ENOMEM */
int cxms_pagemap_set(struct cxms_pagemap *m, uint32_t space, uint64_t number, uint32_t index);
void cxms_pagemap_fini(struct cxms_pagemap *m);

#endif
