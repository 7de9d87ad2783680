#include "sim/loads.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "sim/cells.h"
#include "sim/view.h"

/* What nobody uses is dropped beyond this: room for a hundred placements of a long recording. */
#define KEEP_BYTES (256ull << 20)

struct entry {
	struct cxms_load_map map; /* first: what users hold */
	const struct cxms_view *view;
	enum cxms_half half;
	uint64_t hash;
	uint32_t *target_of_page;
	double *place_ps; /* [n_target of the map] */
	size_t users;
	enum { MAKING, MADE, FAILED } state;
	uint64_t bytes, turn; /* turn: of the last use */
	struct entry *next;
};

struct cxms_loads {
	const struct cxms_recording *rec;
	const struct cxms_cells *cells;
	uint64_t seed, bytes, turn;
	struct entry *first;
	pthread_mutex_t lock;
	pthread_cond_t change; /* an entry is no longer MAKING */
};

struct cxms_loads *cxms_loads_new(const struct cxms_recording *rec, const struct cxms_cells *cells,
				  uint64_t seed)
{
	struct cxms_loads *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->rec = rec;
	l->cells = cells;
	l->seed = seed;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->change, NULL);
	return l;
}

static void drop(struct cxms_loads *l, struct entry *e)
{
	struct entry **at = &l->first;
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	l->bytes -= e->bytes;
	cxms_load_fini(&e->map);
	free(e->target_of_page);
	free(e->place_ps);
	free(e);
}

void cxms_loads_free(struct cxms_loads *l)
{
	if (!l)
		return;
	while (l->first)
		drop(l, l->first);
	pthread_cond_destroy(&l->change);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static uint64_t hash_of(const uint32_t *target, size_t n)
{
	uint64_t h = n;
	for (size_t i = 0; i < n; i++)
		h = (h ^ target[i]) * 0x100000001b3ull; /* FNV-1a, a word at a time */
	return cxms_hash_u64(h);
}

static struct entry *find(const struct cxms_loads *l, const struct entry *like)
{
	for (struct entry *e = l->first; e; e = e->next)
		if (e->hash == like->hash && e->view == like->view && e->half == like->half &&
		    e->map.n_target == like->map.n_target &&
		    !memcmp(e->target_of_page, like->target_of_page,
			    like->view->n_page * sizeof(*e->target_of_page)) &&
		    !memcmp(e->place_ps, like->place_ps, like->map.n_target * sizeof(*e->place_ps)))
			return e;
	return NULL;
}

/* Drop what was used longest ago until the rest fits. */
static void trim(struct cxms_loads *l)
{
	while (l->bytes > KEEP_BYTES) {
		struct entry *oldest = NULL;
		for (struct entry *e = l->first; e; e = e->next)
			if (e->users == 0 && (!oldest || e->turn < oldest->turn))
				oldest = e;
		if (!oldest)
			return;
		drop(l, oldest);
	}
}

static struct entry *add(struct cxms_loads *l, const struct entry *like)
{
	size_t n = like->view->n_page + 1;
	struct entry *e = malloc(sizeof(*e));
	uint32_t *target = malloc(n * sizeof(*target));
	double *place_ps = malloc((like->map.n_target + 1) * sizeof(*place_ps));
	if (!e || !target || !place_ps) {
		free(e);
		free(target);
		free(place_ps);
		return NULL;
	}
	*e = *like;
	e->target_of_page = target;
	e->place_ps = place_ps;
	memcpy(target, like->target_of_page, (n - 1) * sizeof(*target));
	memcpy(place_ps, like->place_ps, like->map.n_target * sizeof(*place_ps));
	e->bytes = sizeof(*e) + n * sizeof(*target) +
		   l->cells->n * e->map.n_target * sizeof(*e->map.at);
	e->next = l->first;
	l->first = e;
	l->bytes += e->bytes;
	return e;
}

static void leave(struct cxms_loads *l, struct entry *e)
{
	e->turn = ++l->turn;
	if (--e->users == 0 && e->state == FAILED)
		drop(l, e);
	trim(l);
}

/* The lock is open meanwhile: others make other entries, or wait for this one. */
static void make(struct cxms_loads *l, struct entry *e)
{
	struct cxms_load_map map = {0};
	pthread_mutex_unlock(&l->lock);
	int rc = cxms_load_build(l->rec, l->cells, e->view->ev, e->target_of_page, e->place_ps,
				 e->map.n_target, e->half, l->seed, &map, NULL);
	pthread_mutex_lock(&l->lock);
	e->state = rc ? FAILED : MADE;
	if (!rc)
		e->map = map;
	pthread_cond_broadcast(&l->change);
}

int cxms_loads_get(struct cxms_loads *l, const struct cxms_view *view,
		   const uint32_t *target_of_page, const double *place_ps, size_t n_target,
		   enum cxms_half half, const struct cxms_load_map **out, struct cxms_err *err)
{
	const struct entry like = {.map.n_target = n_target,
				   .view = view,
				   .half = half,
				   .hash = hash_of(target_of_page, view->n_page),
				   .target_of_page = (uint32_t *)target_of_page,
				   .place_ps = (double *)place_ps};
	pthread_mutex_lock(&l->lock);
	struct entry *e = find(l, &like);
	bool mine = !e;
	if (mine)
		e = add(l, &like);
	if (e)
		e->users++;
	if (e && mine)
		make(l, e);
	while (e && e->state == MAKING)
		pthread_cond_wait(&l->change, &l->lock);
	bool made = e && e->state == MADE;
	if (made)
		*out = &e->map;
	else if (e)
		leave(l, e);
	pthread_mutex_unlock(&l->lock);
	return made ? 0 : cxms_fail(err, ENOMEM, "out of memory for the demand of the program");
}

void cxms_loads_put(struct cxms_loads *l, const struct cxms_load_map *map)
{
	if (!map)
		return;
	pthread_mutex_lock(&l->lock);
	leave(l, (struct entry *)map);
	pthread_mutex_unlock(&l->lock);
}
