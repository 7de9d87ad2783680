/* Looks at /proc/<pid>/smaps: how much of each mapping is resident, and how much in huge pages. */
#ifndef CXMS_SOURCE_AREA_H
#define CXMS_SOURCE_AREA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/idmap.h"
#include "trace/event.h"

struct cxms_err;

typedef void (*cxms_area_fn)(void *arg, uint32_t pid, const struct cxms_area *area);

/** struct cxms_areas - zeroed is empty; which processes are looked at, and when */
struct cxms_areas {
	struct cxms_idmap procs; /* pid -> struct area_proc, owned */
	uint64_t due_ns;	 /* earliest of all of them */
	uint64_t not_before_ns;	 /* the tool's budget */
};

/** a process began at @now_ns (a program's exec begins it anew); 0 or -ENOMEM */
int cxms_areas_begin(struct cxms_areas *a, uint32_t pid, uint64_t now_ns);
void cxms_areas_end(struct cxms_areas *a, uint32_t pid);
/**
 * cxms_areas_poll() - look at the processes whose turn has come: 50, 200 and 800 ms after their
 * beginning, then every 2 s; not at those below 8 MiB; one hundredth of the tool's time at most
 * @fn: told of mappings with 1 MiB or more resident that are new or have changed, and of those that
 * shrank
 */
void cxms_areas_poll(struct cxms_areas *a, uint64_t now_ns, cxms_area_fn fn, void *arg);
void cxms_areas_fini(struct cxms_areas *a);

/**
 * cxms_smaps_parse() - every mapping of the text of an smaps file, in its order
 * Hugetlb pages, which the kernel leaves out of Rss, count as resident and huge.
 */
void cxms_smaps_parse(const char *text, size_t len, void (*fn)(void *, const struct cxms_area *),
		      void *arg);

#endif
