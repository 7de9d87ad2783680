#include "place/areas.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "place/pagemap.h"
#include "place/pages.h"

/* Where a source tells no mappings, neighbours within this are taken for one area. */
#define UNMAPPED_AREA_BYTES (1ull << 30)

struct span {
	uint64_t start, end;
	uint32_t area;
	enum cxms_area_kind kind;
};

struct space {
	uint32_t pid, parent;
	struct span *span; /* sorted, disjoint */
	size_t n, cap;
};

struct cxms_areas {
	struct space *space;
	size_t n, cap;
	uint32_t n_area;
	struct cxms_pagemap by_pid;    /* (0, pid) -> the space it runs in */
	uint32_t last_pid, last_space; /* look-up cache */
};

int cxms_areas_new(struct cxms_areas **out, struct cxms_err *err)
{
	struct cxms_areas *a = calloc(1, sizeof(*a));
	if (!a)
		return cxms_fail(err, ENOMEM, "out of memory");
	a->last_space = CXMS_NO_SPACE;
	*out = a;
	return 0;
}

void cxms_areas_free(struct cxms_areas *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++)
		free(a->space[i].span);
	free(a->space);
	cxms_pagemap_fini(&a->by_pid);
	free(a);
}

static int new_space(struct cxms_areas *a, uint32_t pid, uint32_t parent, uint32_t *out,
		     struct cxms_err *err)
{
	if (cxms_array_grow((void **)&a->space, &a->cap, a->n + 1, sizeof(*a->space)) ||
	    cxms_pagemap_set(&a->by_pid, 0, pid, (uint32_t)a->n))
		return cxms_fail(err, ENOMEM, "out of memory");
	a->space[a->n] = (struct space){.pid = pid, .parent = parent};
	*out = (uint32_t)a->n++;
	a->last_pid = pid;
	a->last_space = *out;
	return 0;
}

static_assert(CXMS_NO_PAGE == CXMS_NO_SPACE, "an absent pid has no space");

/* The newest space of a pid is the one it runs in. */
static uint32_t current_space(struct cxms_areas *a, uint32_t pid)
{
	if (a->last_space != CXMS_NO_SPACE && a->last_pid == pid)
		return a->last_space;
	a->last_pid = pid;
	a->last_space = cxms_pagemap_get(&a->by_pid, 0, pid);
	return a->last_space;
}

int cxms_areas_space(struct cxms_areas *a, uint32_t pid, uint32_t *space, struct cxms_err *err)
{
	uint32_t found = current_space(a, pid);
	if (found == CXMS_NO_SPACE)
		return new_space(a, pid, CXMS_NO_SPACE, space, err);
	*space = found;
	return 0;
}

bool cxms_areas_knows(struct cxms_areas *a, uint32_t pid)
{
	return current_space(a, pid) != CXMS_NO_SPACE;
}

int cxms_areas_fork(struct cxms_areas *a, uint32_t pid, uint32_t parent_pid, struct cxms_err *err)
{
	uint32_t parent = CXMS_NO_SPACE, child = CXMS_NO_SPACE;
	int rc = cxms_areas_space(a, parent_pid, &parent, err);
	if (!rc)
		rc = new_space(a, pid, parent, &child, err);
	if (rc)
		return rc;
	const struct space *from = &a->space[parent];
	struct space *to = &a->space[child];
	if (from->n == 0)
		return 0;
	to->span = malloc(from->n * sizeof(*to->span));
	if (!to->span)
		return cxms_fail(err, ENOMEM, "out of memory");
	memcpy(to->span, from->span, from->n * sizeof(*to->span));
	to->n = to->cap = from->n;
	return 0;
}

int cxms_areas_exec(struct cxms_areas *a, uint32_t pid, struct cxms_err *err)
{
	uint32_t space;
	return new_space(a, pid, CXMS_NO_SPACE, &space, err);
}

uint32_t cxms_areas_parent(const struct cxms_areas *a, uint32_t space)
{
	return a->space[space].parent;
}

/* First span that ends after addr. */
static size_t first_after(const struct space *s, uint64_t addr)
{
	size_t lo = 0, hi = s->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (s->span[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int insert_span(struct space *s, size_t at, struct span v)
{
	if (cxms_array_grow((void **)&s->span, &s->cap, s->n + 1, sizeof(*s->span)))
		return -ENOMEM;
	if (s->n > at)
		memmove(&s->span[at + 1], &s->span[at], (s->n - at) * sizeof(*s->span));
	s->span[at] = v;
	s->n++;
	return 0;
}

/* Cut [start, end) out of what is there; returns the place where it would be inserted. */
static int cut_out(struct space *s, uint64_t start, uint64_t end, size_t *at)
{
	size_t i = first_after(s, start);
	if (i < s->n && s->span[i].start < start) {
		struct span right = s->span[i];
		s->span[i].end = start;
		i++;
		if (right.end > end) {
			right.start = end;
			*at = i;
			return insert_span(s, i, right);
		}
	}
	size_t last = i;
	while (last < s->n && s->span[last].end <= end)
		last++;
	if (s->n > last)
		memmove(&s->span[i], &s->span[last], (s->n - last) * sizeof(*s->span));
	s->n -= last - i;
	if (i < s->n && s->span[i].start < end)
		s->span[i].start = end;
	*at = i;
	return 0;
}

/* The span may stand for a mapping of this kind; it learns its own where it has none. */
static bool takes(struct span *v, enum cxms_area_kind kind)
{
	if (v->kind == CXMS_AREA_ANY)
		v->kind = kind;
	return kind == CXMS_AREA_ANY || v->kind == kind;
}

int cxms_areas_map(struct cxms_areas *a, uint32_t space, uint64_t addr, uint64_t len,
		   enum cxms_area_kind kind, struct cxms_err *err)
{
	struct space *s = &a->space[space];
	uint64_t end = addr + len;
	if (len == 0 || end < addr)
		return 0;
	size_t i = first_after(s, addr);
	bool one = i < s->n && s->span[i].start < end && s->span[i].start >= addr &&
		   s->span[i].end <= end && (i + 1 == s->n || s->span[i + 1].start >= end);
	if (one && takes(&s->span[i], kind)) {
		s->span[i].start = addr;
		s->span[i].end = end;
		return 0;
	}
	if (i < s->n && s->span[i].start <= addr && s->span[i].end >= end &&
	    takes(&s->span[i], kind))
		return 0; /* inside a known area: a look at a part, or a change of protection */
	if (i < s->n && s->span[i].start < end && kind == CXMS_AREA_ANY)
		return 0; /* a look at neighbours */
	int rc = cut_out(s, addr, end, &i);
	if (!rc)
		rc = insert_span(s, i, (struct span){addr, end, a->n_area, kind});
	if (rc)
		return cxms_fail(err, ENOMEM, "out of memory");
	a->n_area++;
	return 0;
}

int cxms_areas_find(struct cxms_areas *a, uint32_t space, uint64_t addr, uint32_t *area)
{
	struct space *s = &a->space[space];
	size_t i = first_after(s, addr);
	if (i < s->n && s->span[i].start <= addr) {
		*area = s->span[i].area;
		return 0;
	}
	uint64_t start = addr - addr % UNMAPPED_AREA_BYTES, end = start + UNMAPPED_AREA_BYTES;
	if (end < start)
		end = UINT64_MAX;
	if (i > 0 && s->span[i - 1].end > start)
		start = s->span[i - 1].end;
	if (i < s->n && s->span[i].start < end)
		end = s->span[i].start;
	if (insert_span(s, i, (struct span){start, end, a->n_area, CXMS_AREA_ANY}))
		return -ENOMEM;
	*area = a->n_area++;
	return 0;
}

enum cxms_area_kind cxms_areas_kind(const struct cxms_areas *a, uint32_t space, uint64_t addr)
{
	const struct space *s = &a->space[space];
	size_t i = first_after(s, addr);
	return i < s->n && s->span[i].start <= addr ? s->span[i].kind : CXMS_AREA_ANY;
}

bool cxms_areas_next(const struct cxms_areas *a, uint32_t space, uint64_t addr, uint64_t end,
		     struct cxms_area_span *out)
{
	const struct space *s = &a->space[space];
	size_t i = first_after(s, addr);
	if (addr >= end || i == s->n || s->span[i].start >= end)
		return false;
	const struct span *v = &s->span[i];
	*out = (struct cxms_area_span){.start = v->start > addr ? v->start : addr,
				       .end = v->end < end ? v->end : end,
				       .area = v->area};
	return true;
}

size_t cxms_areas_count(const struct cxms_areas *a)
{
	return a->n_area;
}
