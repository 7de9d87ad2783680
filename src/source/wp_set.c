#include "source/wp_set.h"

#include "source/evq.h"
#include "source/perf_rec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct wp_wait {
	uint64_t addr;
	uint32_t site;
};

struct wp_watch {
	bool is_set;
	int handle;
	struct cxms_perf_ring ring;
	struct wp_wait wait;
	uint32_t stands; /* waits it stands for */
	uint64_t set_ns;
	unsigned uses;
	uint64_t use_ns[CXMS_WP_USES];
};

struct wp_thread {
	uint32_t pid, tid;
	struct wp_watch watch[CXMS_WP_PER_THREAD];
	uint64_t waits;	 /* since a watchpoint was last given away */
	uint64_t fresh;	 /* of them, since the last round: the others may be out of date */
	unsigned n_kept; /* of the fresh ones, drawn at random */
	struct wp_wait kept[CXMS_WP_PER_THREAD];
};

void cxms_wp_set_init(struct cxms_wp_set *w, const struct cxms_wp_ops *ops, void *arg,
		      struct cxms_evq *out, uint64_t seed)
{
	*w = (struct cxms_wp_set){.ops = ops, .arg = arg, .out = out};
	cxms_rng_init(&w->rng, seed);
}

static struct wp_thread *thread_get(struct cxms_wp_set *w, uint32_t pid, uint32_t tid)
{
	struct wp_thread *t = cxms_idmap_get(&w->threads, tid);

	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t || cxms_idmap_put(&w->threads, tid, t)) {
		free(t);
		return NULL;
	}
	t->pid = pid;
	t->tid = tid;
	return t;
}

/* Vitter's algorithm R: after n waits each is kept with the same chance. */
int cxms_wp_sample(struct cxms_wp_set *w, uint32_t pid, uint32_t tid, uint64_t addr, uint32_t site)
{
	struct wp_thread *t;
	uint64_t at;

	if (!w->ops)
		return 0;
	t = thread_get(w, pid, tid);
	if (!t)
		return -ENOMEM;
	t->waits++;
	at = t->fresh++;
	if (at >= CXMS_WP_PER_THREAD)
		at = cxms_rng_below(&w->rng, t->fresh);
	if (at < CXMS_WP_PER_THREAD)
		t->kept[at] = (struct wp_wait){.addr = addr, .site = site};
	if (t->n_kept < CXMS_WP_PER_THREAD)
		t->n_kept++;
	return 0;
}

/* The uses told since the last look. The kernel stops after the last one that is wanted. */
static void read_uses(struct wp_watch *v)
{
	const struct perf_event_header *h;
	struct cxms_perf_rec r;
	bool bad = false;

	cxms_perf_ring_begin(&v->ring);
	while ((h = cxms_perf_ring_next(&v->ring, &bad))) {
		if (h->type != PERF_RECORD_SAMPLE ||
		    !cxms_perf_rec_parse(CXMS_PERF_FAULTS, h, &r) || v->uses == CXMS_WP_USES)
			continue;
		v->use_ns[v->uses++] = r.time_ns;
	}
	cxms_perf_ring_end(&v->ring);
}

static uint64_t since(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

/* When what it now waits for began: it was set, or used. */
static uint64_t begin_ns(const struct wp_watch *v)
{
	return v->uses ? v->use_ns[v->uses - 1] : v->set_ns;
}

static void tell(struct cxms_wp_set *w, const struct wp_thread *t, const struct wp_watch *v,
		 uint64_t now_ns)
{
	struct cxms_event ev = {.kind = CXMS_EV_WATCH, .pid = t->pid, .tid = t->tid};
	uint64_t span[CXMS_WP_USES] = {0};

	for (unsigned i = 0; i < CXMS_WP_USES && i <= v->uses; i++)
		span[i] = since(i ? v->use_ns[i - 1] : v->set_ns,
				i < v->uses ? v->use_ns[i] : now_ns);
	ev.time_ns = since(w->base_ns, v->set_ns);
	ev.watch = (struct cxms_watch){.addr = v->wait.addr,
				       .site = v->wait.site,
				       .stands = v->stands,
				       .uses = (uint8_t)v->uses,
				       .first_ns = span[0],
				       .reuse_ns = span[1],
				       .again_ns = span[2]};
	cxms_evq_push(w->out, &ev);
}

static void clear(struct cxms_wp_set *w, struct wp_watch *v)
{
	w->ops->clear(w->arg, v->handle, &v->ring);
	v->is_set = false;
	w->n_set--;
}

/* Return: the thread is there. */
static bool set(struct cxms_wp_set *w, const struct wp_thread *t, struct wp_watch *v,
		const struct wp_wait *wait)
{
	int handle;

	*v = (struct wp_watch){.wait = *wait};
	v->wait.addr &= ~(uint64_t)7;
	handle = w->ops->set(w->arg, t->tid, v->wait.addr, &v->ring);
	if (handle >= 0) {
		v->handle = handle;
		v->is_set = true;
		v->set_ns = w->ops->now_ns(w->arg);
		w->n_set++;
		w->watches++;
	} else if (handle != -ESRCH) {
		w->refused++;
		w->refused_rc = w->refused_rc ? w->refused_rc : handle;
	}
	return handle >= 0;
}

/* Those drawn take what is free, from a random one on; each stands for its share of all waits since
 * the last time. */
static void give_away(struct cxms_wp_set *w, struct wp_thread *t)
{
	unsigned n_new = 0, first = (unsigned)cxms_rng_below(&w->rng, t->n_kept);
	struct wp_watch *new[CXMS_WP_PER_THREAD];

	for (unsigned i = 0; i < CXMS_WP_PER_THREAD && n_new < t->n_kept; i++) {
		struct wp_watch *v = &t->watch[i];
		const struct wp_wait *wait = &t->kept[(first + n_new) % t->n_kept];

		if (v->is_set || w->n_set >= CXMS_WP_MAX)
			continue;
		if (!set(w, t, v, wait))
			break;
		new[n_new++] = v;
	}
	for (unsigned i = 0; i < n_new; i++)
		new[i]->stands = (uint32_t)((t->waits + i) / n_new);
	if (n_new)
		t->waits = 0;
}

void cxms_wp_round(struct cxms_wp_set *w)
{
	uint64_t now_ns = w->ops ? w->ops->now_ns(w->arg) : 0;
	struct wp_thread *t;
	size_t pos = 0;

	while (w->ops && (t = cxms_idmap_next(&w->threads, &pos))) {
		for (unsigned i = 0; i < CXMS_WP_PER_THREAD; i++) {
			struct wp_watch *v = &t->watch[i];

			if (!v->is_set)
				continue;
			read_uses(v);
			if (v->uses < CXMS_WP_USES &&
			    since(begin_ns(v), now_ns) < CXMS_WATCH_LIMIT_NS)
				continue;
			tell(w, t, v, now_ns);
			clear(w, v);
		}
		if (t->n_kept)
			give_away(w, t);
		t->fresh = t->n_kept = 0;
	}
}

static void end_thread(struct cxms_wp_set *w, struct wp_thread *t, uint64_t now_ns, bool is_told)
{
	for (unsigned i = 0; i < CXMS_WP_PER_THREAD; i++) {
		struct wp_watch *v = &t->watch[i];

		if (!v->is_set)
			continue;
		read_uses(v);
		if (is_told)
			tell(w, t, v, now_ns);
		clear(w, v);
	}
	cxms_idmap_remove(&w->threads, t->tid);
	free(t);
}

void cxms_wp_thread_end(struct cxms_wp_set *w, uint32_t tid, uint64_t now_ns)
{
	struct wp_thread *t = cxms_idmap_get(&w->threads, tid);

	if (t)
		end_thread(w, t, now_ns, true);
}

void cxms_wp_exec(struct cxms_wp_set *w, uint32_t pid)
{
	struct wp_thread *t;
	size_t pos = 0;

	while ((t = cxms_idmap_next(&w->threads, &pos))) {
		if (t->pid != pid)
			continue;
		end_thread(w, t, 0, false);
		pos = 0; /* the map has changed */
	}
}

void cxms_wp_end(struct cxms_wp_set *w, uint64_t now_ns)
{
	struct wp_thread *t;
	size_t pos = 0;

	while ((t = cxms_idmap_next(&w->threads, &pos))) {
		end_thread(w, t, now_ns, true);
		pos = 0; /* the map has changed */
	}
}

void cxms_wp_set_fini(struct cxms_wp_set *w)
{
	struct wp_thread *t;
	size_t pos = 0;

	while ((t = cxms_idmap_next(&w->threads, &pos))) {
		end_thread(w, t, 0, false);
		pos = 0; /* the map has changed */
	}
	cxms_idmap_fini(&w->threads);
}
