#include "sim/xorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "sim/xorder_priv.h"

/* How far a thread may run ahead of one whose next step is not known yet: far less than a calendar
 * remembers. */
#define AHEAD_PS (1000 * CXMS_PS_PER_NS)
/* Steps between two looks at what may be simulated; and steps kept at most, beyond which threads
 * that keep silent are not waited for. */
#define LOOK_AFTER 20000u
#define KEEP_MOST  4000000u
/* A parent that waited for a child's end may be read before it, as they have a socket each: then
 * the end comes with the next of its packets, or the child was killed and told none. That many
 * steps are more than a socket holds. */
#define END_WITHIN 1000000u

int cxms_xorder_new(struct cxms_xengine *engine, size_t n_engine, struct cxms_xorder **out,
		    struct cxms_err *err)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return cxms_fail(err, ENOMEM, "out of memory");
	(*out)->engine = engine;
	(*out)->n_engine = n_engine;
	return 0;
}

void cxms_xorder_free(struct cxms_xorder *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n_log; i++) {
		free(o->log[i].step);
		free(o->log[i].event);
	}
	free(o->log);
	free(o->wake);
	free(o->sleeper);
	for (size_t i = 0; i < o->n_pipe; i++)
		free(o->pipe[i].write);
	free(o->pipe);
	free(o->forked);
	free(o->cursor);
	free(o->ended);
	free(o);
}

static int grow_cursors(struct cxms_xorder *o)
{
	if (o->n_log < o->cap_cursor)
		return 0;
	size_t cap = o->cap_cursor ? 2 * o->cap_cursor : 16;
	size_t *cursor = calloc(o->n_engine * cap, sizeof(*cursor));
	if (!cursor)
		return -ENOMEM;
	for (size_t e = 0; e < o->n_engine && o->cap_cursor; e++)
		memcpy(cursor + e * cap, o->cursor + e * o->cap_cursor,
		       o->cap_cursor * sizeof(*cursor));
	free(o->cursor);
	o->cursor = cursor;
	o->cap_cursor = cap;
	return 0;
}

struct log *xorder_log(struct cxms_xorder *o, uint32_t pid, uint32_t tid)
{
	for (size_t i = o->n_log; i-- > 0;)
		if (o->log[i].pid == pid && o->log[i].tid == tid)
			return &o->log[i];
	if (grow_cursors(o) < 0 ||
	    cxms_array_grow((void **)&o->log, &o->cap_log, o->n_log + 1, sizeof(*o->log)) < 0)
		return NULL;
	struct log *l = &o->log[o->n_log];
	*l = (struct log){.pid = pid, .tid = tid};
	for (size_t e = 0; e < o->n_engine; e++)
		*cursor_of(o, e, o->n_log) = 0;
	o->n_log++;
	return l;
}

int xorder_add(struct cxms_xorder *o, struct log *l, const struct step *s, struct cxms_err *err)
{
	if (!l || cxms_array_grow((void **)&l->step, &l->cap, l->n + 1, sizeof(*l->step)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for a thread");
	l->step[l->n] = *s;
	l->step[l->n++].space = l->space;
	l->last = s->block ? 0 : s->type;
	o->kept++;
	o->since_look++;
	o->added++;
	return 0;
}

static const struct step *head_of(const struct cxms_xorder *o, size_t e, size_t i)
{
	const struct log *l = &o->log[i];
	size_t at = *cursor_of(o, e, i) - l->base;
	return at < l->n ? &l->step[at] : NULL;
}

struct wake *xorder_wake(const struct cxms_xorder *o, uint32_t space, uint32_t pid, uint64_t addr)
{
	space = cxms_xwake_space(space, pid, addr, o->n_host);
	for (size_t i = o->n_wake; i-- > 0;)
		if (o->wake[i].space == space && o->wake[i].addr == addr)
			return &o->wake[i];
	return NULL;
}

/* Number of the write by which @total bytes had been written; p->n: it is not known yet. */
static size_t write_of(const struct pipe *p, uint64_t total)
{
	size_t low = 0, high = p->n;
	while (low < high) {
		size_t at = low + (high - low) / 2;
		if (p->write[at].total >= total)
			high = at;
		else
			low = at + 1;
	}
	return low;
}

static bool is_read(const struct step *s)
{
	return !s->block && s->type == CXMS_XC_PIPE && s->flag == CXMS_XPIPE_READ;
}

/* The write that a read comes behind, or NULL. */
static const struct written *written_for(const struct cxms_xorder *o, const struct step *s)
{
	const struct pipe *p = &o->pipe[s->a];
	const size_t at = write_of(p, s->b);
	return at < p->n ? &p->write[at] : NULL;
}

/* Has what a step comes behind been simulated? */
static bool is_behind(const struct cxms_xorder *o, size_t e, uint32_t pid, const struct step *s)
{
	const struct written *by = is_read(s) ? written_for(o, s) : NULL;
	if (by)
		return *cursor_of(o, e, by->log) >= by->step;
	if (s->after_log != NOT_YET)
		return *cursor_of(o, e, s->after_log) >= s->after_step;
	const struct wake *w = is_read(s) ? NULL : xorder_wake(o, s->space, pid, s->a);
	if (w)
		return *cursor_of(o, e, w->log) >= w->step;
	return o->is_over || o->added - s->after_step > END_WITHIN;
}

/* May the thread go on in this engine? */
static bool may_go(const struct cxms_xorder *o, size_t e, size_t i)
{
	const struct log *l = &o->log[i];
	const struct step *s = head_of(o, e, i);
	if (!s || !is_behind(o, e, l->pid, s))
		return false;
	return !l->cloned || *cursor_of(o, e, i) > 0 ||
	       cxms_xengine_knows(&o->engine[e], l->pid, l->tid);
}

/* From when on a thread whose next step is not known yet may take one; UINT64_MAX: that is open,
 * since it sleeps, ended, or is in the kernel. */
static uint64_t silent_ps(const struct cxms_xorder *o, size_t e, size_t i)
{
	const struct log *l = &o->log[i];
	if (head_of(o, e, i) || l->last == CXMS_XC_EXIT || l->last == CXMS_XC_SYSCALL ||
	    l->last == CXMS_XC_COUNTS || !cxms_xengine_knows(&o->engine[e], l->pid, l->tid))
		return UINT64_MAX;
	return l->last == CXMS_XC_WAIT ? cxms_xengine_woken_ps(&o->engine[e], l->pid, l->tid, 0)
				       : cxms_xengine_thread_ps(&o->engine[e], l->pid, l->tid, 0);
}

/* A sleeper goes on with another thread of its program, so it is waited for only if all sleep. */
static uint64_t back_ps(const struct cxms_xorder *o, size_t e, size_t host)
{
	uint64_t awake = UINT64_MAX, asleep = UINT64_MAX;
	bool any = false;
	for (size_t i = 0; i < o->n_log; i++) {
		const struct log *l = &o->log[i];
		uint64_t *least = l->last == CXMS_XC_WAIT ? &asleep : &awake;
		if (l->space % o->n_host != host)
			continue;
		if (head_of(o, e, i))
			return UINT64_MAX;
		any = true;
		uint64_t t = cxms_xengine_thread_ps(&o->engine[e], l->pid, l->tid, 0);
		if (l->last != CXMS_XC_EXIT && t < *least)
			*least = t;
	}
	if (!any)
		return 0;
	return awake < UINT64_MAX ? awake : asleep;
}

/* The earliest time at which a program whose next steps are not known yet may come back. */
static uint64_t first_back(const struct cxms_xorder *o, size_t e)
{
	uint64_t first = UINT64_MAX;
	for (size_t h = 0; h < o->n_host; h++) {
		uint64_t t = o->ended[h] ? UINT64_MAX : back_ps(o, e, h);
		first = t < first ? t : first;
	}
	return first;
}

static int take_step(struct cxms_xorder *o, size_t e, size_t i, struct cxms_err *err)
{
	const struct log *l = &o->log[i];
	const struct step *s = head_of(o, e, i);
	++*cursor_of(o, e, i);
	if (s->block) {
		const struct cxms_xrun run = {.block = s->block,
					      .exit = s->exit,
					      .n_event = s->n_event,
					      .event = l->event + (s->event - l->base_event)};
		const struct cxms_xruns runs = {.pid = l->pid,
						.image = l->image,
						.tid = l->tid,
						.run = &run,
						.n = 1,
						.n_event = s->n_event};
		return cxms_xengine_run(&o->engine[e], s->space, &runs, err);
	}
	if (s->type >= CXMS_XC_END) {
		const struct log *sleeper = &o->log[s->a];
		(s->type == STEP_WAKES ? cxms_xengine_wake : cxms_xengine_meet)(
			&o->engine[e], l->pid, l->tid, sleeper->pid, sleeper->tid);
		return 0;
	}
	if (s->type == CXMS_XC_PIPE && s->flag == CXMS_XPIPE_WRITTEN)
		return cxms_xengine_written(&o->engine[e], l->pid, l->tid, s->a, s->b, err);
	if (s->type == CXMS_XC_PIPE) {
		cxms_xengine_read(&o->engine[e], l->pid, l->tid, s->a,
				  write_of(&o->pipe[s->a], s->b));
		return 0;
	}
	const struct cxms_xcontrol c = {.type = s->type,
					.pid = l->pid,
					.image = l->image,
					.tid = l->tid,
					.a = s->a,
					.b = s->b,
					.flag = s->flag};
	return cxms_xengine_control(&o->engine[e], s->space, &c, err);
}

/* The thread that is behind all others that may go; SIZE_MAX = none. *@limit: until when. */
static size_t pick(const struct cxms_xorder *o, size_t e, bool wait, uint64_t *limit)
{
	uint64_t first = UINT64_MAX, second = UINT64_MAX;
	uint64_t silent = wait ? first_back(o, e) : UINT64_MAX;
	size_t out = SIZE_MAX;
	for (size_t i = 0; i < o->n_log; i++) {
		const struct log *l = &o->log[i];
		if (may_go(o, e, i)) {
			uint64_t t = cxms_xengine_thread_ps(&o->engine[e], l->pid, l->tid, 0);
			if (t < first) {
				second = first;
				first = t;
				out = i;
			} else if (t < second) {
				second = t;
			}
		} else if (wait) {
			uint64_t t = silent_ps(o, e, i);
			silent = t < silent ? t : silent;
		}
	}
	uint64_t bound = second < silent ? second : silent;
	*limit = bound > UINT64_MAX - AHEAD_PS ? UINT64_MAX : bound + AHEAD_PS;
	return out != SIZE_MAX && first <= *limit ? out : SIZE_MAX;
}

/* Steps of one thread until it is ahead, or one of them may let others go. */
static int take_steps(struct cxms_xorder *o, size_t e, size_t i, uint64_t limit,
		      struct cxms_err *err)
{
	uint32_t pid = o->log[i].pid, tid = o->log[i].tid;
	int rc = 0;
	for (uint64_t n = 1; !rc && may_go(o, e, i); n++) {
		bool control = !head_of(o, e, i)->block;
		rc = take_step(o, e, i, err);
		/* a look at the clock every few steps is enough */
		if (control ||
		    (n % 8 == 0 && cxms_xengine_thread_ps(&o->engine[e], pid, tid, 0) > limit))
			break;
	}
	return rc;
}

static int advance(struct cxms_xorder *o, size_t e, bool wait, struct cxms_err *err)
{
	uint64_t limit;
	int rc = 0;
	for (size_t i; !rc && (i = pick(o, e, wait, &limit)) != SIZE_MAX;)
		rc = take_steps(o, e, i, limit, err);
	return rc;
}

/* Steps that every engine has taken are dropped. */
static void drop(struct cxms_xorder *o)
{
	for (size_t i = 0; i < o->n_log; i++) {
		struct log *l = &o->log[i];
		size_t low = SIZE_MAX;
		for (size_t e = 0; e < o->n_engine; e++)
			low = *cursor_of(o, e, i) < low ? *cursor_of(o, e, i) : low;
		size_t gone = low - l->base;
		if (gone == 0 || (2 * gone < l->n && o->kept < KEEP_MOST))
			continue;
		size_t events = (gone < l->n ? l->step[gone].event : l->base_event + l->n_event) -
				l->base_event;
		memmove(l->step, l->step + gone, (l->n - gone) * sizeof(*l->step));
		if (events > 0)
			memmove(l->event, l->event + events,
				(l->n_event - events) * sizeof(*l->event));
		l->n -= gone;
		l->base += gone;
		l->n_event -= events;
		l->base_event += events;
		o->kept -= gone;
	}
}

/* An engine goes by its own steps alone, so that it makes no difference which others there are. */
static bool keeps_most(const struct cxms_xorder *o, size_t e)
{
	size_t kept = 0;
	for (size_t i = 0; i < o->n_log; i++)
		kept += o->log[i].base + o->log[i].n - *cursor_of(o, e, i);
	return kept >= KEEP_MOST;
}

int xorder_look(struct cxms_xorder *o, bool wait, struct cxms_err *err)
{
	int rc = 0;
	for (size_t e = 0; e < o->n_engine && !rc; e++)
		rc = advance(o, e, wait && !keeps_most(o, e), err);
	drop(o);
	o->since_look = 0;
	return rc;
}

static int look_if_due(struct cxms_xorder *o, struct cxms_err *err)
{
	if (o->since_look < LOOK_AFTER)
		return 0;
	return xorder_look(o, true, err);
}

static int add_run(struct cxms_xorder *o, struct log *l, const struct cxms_xrun *run,
		   struct cxms_err *err)
{
	if (cxms_array_grow((void **)&l->event, &l->cap_event, l->n_event + run->n_event + 1,
			    sizeof(*l->event)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for a thread");
	const struct step s = {.block = run->block,
			       .exit = run->exit,
			       .n_event = run->n_event,
			       .event = l->base_event + l->n_event};
	memcpy(l->event + l->n_event, run->event, run->n_event * sizeof(*run->event));
	l->n_event += run->n_event;
	int rc = xorder_add(o, l, &s, err);
	return rc ? rc : look_if_due(o, err);
}

int cxms_xorder_run(struct cxms_xorder *o, uint32_t space, const struct cxms_xruns *runs,
		    struct cxms_err *err)
{
	struct log *l = xorder_log(o, runs->pid, runs->tid);
	int rc = l ? 0 : cxms_fail(err, ENOMEM, "out of memory for a thread");
	if (l) {
		l->space = space;
		l->image = runs->image;
	}
	for (size_t i = 0; i < runs->n && !rc; i++)
		rc = add_run(o, l, &runs->run[i], err);
	return rc;
}

int cxms_xorder_hosts(struct cxms_xorder *o, size_t n_host, struct cxms_err *err)
{
	o->ended = calloc(n_host, sizeof(*o->ended));
	if (!o->ended)
		return cxms_fail(err, ENOMEM, "out of memory");
	o->n_host = n_host;
	return 0;
}

void cxms_xorder_end_host(struct cxms_xorder *o, size_t host)
{
	o->ended[host] = true;
}

size_t cxms_xorder_kept(const struct cxms_xorder *o, size_t host)
{
	size_t kept = 0;
	for (size_t i = 0; i < o->n_log; i++) {
		const struct log *l = &o->log[i];
		if (l->space % o->n_host == host)
			kept += l->base + l->n - *cursor_of(o, 0, i);
	}
	return kept;
}

int cxms_xorder_finish(struct cxms_xorder *o, struct cxms_err *err)
{
	o->is_over = true;
	int rc = xorder_look(o, false, err);
	if (!rc && o->kept > 0) {
		for (size_t e = 0; e < o->n_engine && !rc; e++)
			for (size_t i = 0; i < o->n_log && !rc; i++)
				if (head_of(o, e, i))
					rc = cxms_fail(err, EINVAL,
						       "the exact stream is damaged: threads wait "
						       "for each other");
	}
	return rc;
}
