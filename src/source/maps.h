/* Address spaces of the watched processes: what is mapped where, and the code in it. */
#ifndef CXMS_SOURCE_MAPS_H
#define CXMS_SOURCE_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/idmap.h"
#include "source/module.h"

struct cxms_err;

/** struct cxms_space - one process's image; mappings sorted, never overlapping */
struct cxms_space {
	uint32_t pid;
	struct cxms_mapping *map;
	size_t n, cap;
	struct cxms_module *own; /* code that is no file's; NULL until there is some */
	uint64_t looked_ns;	 /* CLOCK_MONOTONIC of the last look at /proc; 0 = never */
	bool looked_ok;		 /* it succeeded: the process was alive */
};

/** struct cxms_maps - zeroed is empty */
struct cxms_maps {
	struct cxms_idmap spaces;    /* pid -> struct cxms_space, owned */
	struct cxms_module *modules; /* files and the vdso, shared; owned */
	/** what is watched ran at another time: no /proc, no memory of its own. Its files are
	 * looked for below @symfs (NULL = the root), then by build id below @cache (NULL = nowhere)
	 */
	bool is_offline;
	const char *symfs, *cache; /* borrowed */
	uint64_t changes; /* grows with every change of a space: what was found may not hold */
};

void cxms_maps_fini(struct cxms_maps *m);
/** the space of a process, made empty when unknown; NULL without memory. Borrowed until its exit */
struct cxms_space *cxms_maps_space(struct cxms_maps *m, uint32_t pid);
/** the child begins with a copy of the parent's; 0 or -ENOMEM */
int cxms_maps_fork(struct cxms_maps *m, uint32_t parent, uint32_t child);
/** the image is replaced: nothing is mapped */
void cxms_maps_exec(struct cxms_maps *m, uint32_t pid);
void cxms_maps_exit(struct cxms_maps *m, uint32_t pid);

/**
 * cxms_maps_add() - a mapping was made; it takes the place of what was there
 * @map: a build id missing in it is filled in when the mapped file has one
 * @id:  inode and build id as far as known
 * Return: 0, -EINVAL (empty, not page aligned, beyond user space), -ENOMEM, -ENOTSUP (no decoder)
 */
int cxms_maps_add(struct cxms_maps *m, struct cxms_space *s, struct cxms_map *map,
		  const struct cxms_file_id *id, struct cxms_err *err);
/** the mapping that holds @addr, NULL when none; borrowed until the space changes */
const struct cxms_mapping *cxms_maps_find(const struct cxms_space *s, uint64_t addr);
/** index of the first mapping that ends above @addr, s->n when none does */
size_t cxms_maps_first_above(const struct cxms_space *s, uint64_t addr);

typedef void (*cxms_maps_found_fn)(void *arg, const struct cxms_map *map);
/**
 * cxms_maps_look() - read /proc/<pid>/maps, and add what was not known
 * @found: told of each range that was added
 * Return: 0, -ENOENT, -EACCES, -ENOMEM, -ENOTSUP (no decoder); the looked_… fields of the space say
 * when, and whether it succeeded
 */
int cxms_maps_look(struct cxms_maps *m, struct cxms_space *s, cxms_maps_found_fn found, void *arg,
		   struct cxms_err *err);

/**
 * cxms_maps_parse_line() - one line of /proc/<pid>/maps, without its newline
 * @path: of @cap bytes, receives the name; out->path points to it
 * Return: false when it is no such line; a name that does not fit is cut
 */
bool cxms_maps_parse_line(const char *line, size_t len, struct cxms_map *out,
			  struct cxms_file_id *id, char *path, size_t cap);

#endif
