#include "source/maps.h"

#include "base/buf.h"
#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define USER_END 0x800000000000ull /* 2^47: end of user space with four-level page tables */

static void drop_mappings(struct cxms_space *s)
{
	s->n = 0;
	s->looked_ns = 0;
	s->looked_ok = false;
	cxms_module_free(s->own);
	s->own = NULL;
}

static void space_free(struct cxms_space *s)
{
	if (!s)
		return;
	drop_mappings(s);
	free(s->map);
	free(s);
}

void cxms_maps_fini(struct cxms_maps *m)
{
	struct cxms_space *s;
	size_t pos = 0;

	while ((s = cxms_idmap_next(&m->spaces, &pos)))
		space_free(s);
	cxms_idmap_fini(&m->spaces);
	while (m->modules) {
		struct cxms_module *next = m->modules->next;

		cxms_module_free(m->modules);
		m->modules = next;
	}
}

struct cxms_space *cxms_maps_space(struct cxms_maps *m, uint32_t pid)
{
	struct cxms_space *s = cxms_idmap_get(&m->spaces, pid);

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->pid = pid;
	if (cxms_idmap_put(&m->spaces, pid, s)) {
		free(s);
		return NULL;
	}
	return s;
}

static int reserve(struct cxms_space *s, size_t need)
{
	void *grown = s->map;
	int rc = cxms_array_grow(&grown, &s->cap, need, sizeof(*s->map));

	s->map = grown;
	return rc;
}

int cxms_maps_fork(struct cxms_maps *m, uint32_t parent, uint32_t child)
{
	const struct cxms_space *from = cxms_idmap_get(&m->spaces, parent);
	struct cxms_space *to;

	if (!from || parent == child)
		return 0;
	to = cxms_maps_space(m, child);
	if (!to)
		return -ENOMEM;
	m->changes++;
	drop_mappings(to);
	if (from->n && reserve(to, from->n))
		return -ENOMEM;
	for (size_t i = 0; i < from->n; i++) {
		struct cxms_module *code = from->map[i].module;

		to->map[i] = from->map[i];
		/* The child's own code is decoded from the child: it may come to differ. */
		if (code && code->kind == CXMS_MODULE_PRIVATE) {
			if (!to->own &&
			    cxms_module_new(&to->own, CXMS_MODULE_PRIVATE, "", NULL, NULL))
				return -ENOMEM;
			to->map[i].module = to->own;
		}
		to->n = i + 1;
	}
	return 0;
}

void cxms_maps_exec(struct cxms_maps *m, uint32_t pid)
{
	struct cxms_space *s = cxms_idmap_get(&m->spaces, pid);

	m->changes++;
	if (s)
		drop_mappings(s);
}

void cxms_maps_exit(struct cxms_maps *m, uint32_t pid)
{
	m->changes++;
	space_free(cxms_idmap_remove(&m->spaces, pid));
}

size_t cxms_maps_first_above(const struct cxms_space *s, uint64_t addr)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->map[mid].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

const struct cxms_mapping *cxms_maps_find(const struct cxms_space *s, uint64_t addr)
{
	size_t i = cxms_maps_first_above(s, addr);

	return i < s->n && s->map[i].start <= addr ? &s->map[i] : NULL;
}

/* Put @add in; what it overlaps is cut to the parts outside it. Two slots more at most. */
static int replace(struct cxms_space *s, const struct cxms_mapping *add)
{
	struct cxms_mapping part[3];
	size_t n_part = 0, first = cxms_maps_first_above(s, add->start), last = first;

	if (reserve(s, s->n + 2))
		return -ENOMEM;
	while (last < s->n && s->map[last].start < add->end)
		last++;
	if (first < last && s->map[first].start < add->start) {
		part[n_part] = s->map[first];
		part[n_part++].end = add->start;
	}
	part[n_part++] = *add;
	if (first < last && s->map[last - 1].end > add->end) {
		part[n_part] = s->map[last - 1];
		part[n_part].file_off += add->end - part[n_part].start;
		part[n_part++].start = add->end;
	}
	memmove(&s->map[first + n_part], &s->map[last], (s->n - last) * sizeof(*s->map));
	memcpy(&s->map[first], part, n_part * sizeof(*part));
	s->n = s->n - (last - first) + n_part;
	return 0;
}

/* Names that are no files: their bytes are only in the process's memory, and may change. */
static bool is_private_code(const char *path)
{
	return path[0] != '/' || path[1] == '/' || !strncmp(path, "/memfd:", 7) ||
	       !strncmp(path, "/dev/", 5) || !strncmp(path, "/SYSV", 5);
}

static int shared_module(struct cxms_maps *m, enum cxms_module_kind kind, const char *path,
			 const struct cxms_file_id *id, struct cxms_module **out,
			 struct cxms_err *err)
{
	struct cxms_module *found = m->modules;
	int rc;

	while (found && !cxms_module_is(found, path, id))
		found = found->next;
	if (!found) {
		rc = cxms_module_new(&found, kind, path, id, err);
		if (rc)
			return rc;
		if (m->is_offline)
			cxms_module_reopen(found, m->symfs, m->cache);
		found->next = m->modules;
		m->modules = found;
	}
	*out = found;
	return 0;
}

static int module_for(struct cxms_maps *m, struct cxms_space *s, const char *path,
		      const struct cxms_file_id *id, struct cxms_module **out, struct cxms_err *err)
{
	if (!strcmp(path, "[vdso]"))
		return shared_module(m, CXMS_MODULE_VDSO, path, id, out, err);
	if (!is_private_code(path))
		return shared_module(m, CXMS_MODULE_FILE, path, id, out, err);
	if (!s->own) {
		int rc = cxms_module_new(&s->own, CXMS_MODULE_PRIVATE, "", NULL, err);

		if (rc)
			return rc;
	}
	*out = s->own;
	return 0;
}

/* Memory that held code of its own is mapped anew: what was decoded there may have changed. */
static void forget_own_code(struct cxms_space *s, uint64_t start, uint64_t end)
{
	for (size_t i = cxms_maps_first_above(s, start);
	     s->own && i < s->n && s->map[i].start < end; i++) {
		if (s->map[i].module == s->own) {
			cxms_module_reset(s->own);
			return;
		}
	}
}

int cxms_maps_add(struct cxms_maps *m, struct cxms_space *s, struct cxms_map *map,
		  const struct cxms_file_id *id, struct cxms_err *err)
{
	struct cxms_mapping add = {.start = map->addr, .file_off = map->file_off};
	int rc;

	if (!map->len || map->len > USER_END || map->addr > USER_END - map->len)
		return cxms_fail(err, EINVAL, "a mapping lies outside user space");
	add.end = map->addr + map->len;
	m->changes++;
	forget_own_code(s, add.start, add.end);
	if (map->prot & PROT_EXEC) {
		rc = module_for(m, s, map->path, id, &add.module, err);
		if (rc)
			return rc;
		if (!map->build_id_len) {
			map->build_id_len = add.module->id.build_id_len;
			memcpy(map->build_id, add.module->id.build_id, sizeof(map->build_id));
		}
	}
	return replace(s, &add) ? cxms_fail(err, ENOMEM, "out of memory for mappings") : 0;
}
