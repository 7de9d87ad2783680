#include "sim/xorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

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
/* In place of a log: who ends the process that a RESUME names, or wrote what a read got. */
#define NOT_YET SIZE_MAX

/* In place of a control type: what a thread has to do with one that sleeps, log number a. */
#define STEP_WAKES ((uint8_t)CXMS_XC_END)
#define STEP_MEETS ((uint8_t)(CXMS_XC_END + 1))

/* One step of a thread: a run, or a control message. */
struct step {
	uint64_t a, b;
	const struct cxms_block *block; /* NULL = control */
	size_t event;			/* first of its events, absolute */
	uint32_t exit, n_event;
	uint32_t space; /* a program that is executed has another than the one before it */
	uint8_t type, flag;
	/* a RESUME, a meeting, or the HELLO of a fork comes after that many steps of this log */
	size_t after_log, after_step;
};

/* The last step by which a sleeper on an address was woken. */
struct wake {
	uint32_t space;
	uint64_t addr;
	size_t log, step;
};

/* A write to a pipe: the bytes written by its end, and its step. */
struct written {
	uint64_t total;
	size_t log, step;
};

struct pipe {
	uint64_t id;
	uint64_t read; /* bytes */
	struct written *write;
	size_t n, cap;
};

/* A thread that sleeps, and the step that woke it. */
struct sleeper {
	uint32_t space;
	uint64_t addr;
	size_t log;
	bool is_woken;
	size_t by_log, by_step;
};

/* What is not yet simulated of one thread. Numbers of steps and events are absolute; the arrays
 * begin at the base. */
struct log {
	uint32_t pid, image, tid, space;
	struct step *step;
	size_t n, cap, base;
	struct cxms_xevent *event;
	size_t n_event, cap_event, base_event;
	bool cloned;  /* begins when its creator says so */
	uint8_t last; /* control type of the last step, 0 = a run */
};

struct cxms_xorder {
	struct cxms_xengine *engine;
	size_t n_engine;
	struct log *log;
	size_t n_log, cap_log;
	size_t *cursor; /* [n_engine * cap_cursor] next step, absolute */
	size_t cap_cursor;
	struct wake *wake;
	size_t n_wake, cap_wake;
	struct sleeper *sleeper; /* in the order in which they went to sleep */
	size_t n_sleeper, cap_sleeper;
	struct pipe *pipe;
	size_t n_pipe, cap_pipe;
	size_t kept, since_look, added;
	size_t n_host; /* 0: of one, which nobody else waits for */
	bool *ended;   /* [n_host] nothing more comes */
	bool is_over;  /* of nobody */
};

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
	free(o->cursor);
	free(o->ended);
	free(o);
}

static size_t *cursor_of(const struct cxms_xorder *o, size_t engine, size_t log)
{
	return &o->cursor[engine * o->cap_cursor + log];
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

static struct log *log_of(struct cxms_xorder *o, uint32_t pid, uint32_t tid)
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

static int add_step(struct cxms_xorder *o, struct log *l, const struct step *s,
		    struct cxms_err *err)
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

/* What was woken last there, or NULL; of @o, which may change it. */
static struct wake *find_wake(const struct cxms_xorder *o, uint32_t space, uint32_t pid,
			      uint64_t addr)
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
	const struct wake *w = is_read(s) ? NULL : find_wake(o, s->space, pid, s->a);
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
		const struct cxms_xrun run = {.pid = l->pid,
					      .image = l->image,
					      .tid = l->tid,
					      .block = s->block,
					      .exit = s->exit,
					      .n_event = s->n_event,
					      .event = l->event + (s->event - l->base_event)};
		return cxms_xengine_run(&o->engine[e], s->space, &run, err);
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

static int look(struct cxms_xorder *o, bool wait, struct cxms_err *err)
{
	int rc = 0;
	for (size_t e = 0; e < o->n_engine && !rc; e++)
		rc = advance(o, e, wait, err);
	drop(o);
	o->since_look = 0;
	return rc;
}

static int look_if_due(struct cxms_xorder *o, struct cxms_err *err)
{
	if (o->since_look < LOOK_AFTER)
		return 0;
	return look(o, o->kept < KEEP_MOST, err);
}

int cxms_xorder_run(struct cxms_xorder *o, uint32_t space, const struct cxms_xrun *run,
		    struct cxms_err *err)
{
	struct log *l = log_of(o, run->pid, run->tid);
	if (!l || cxms_array_grow((void **)&l->event, &l->cap_event, l->n_event + run->n_event + 1,
				  sizeof(*l->event)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for a thread");
	const struct step s = {.block = run->block,
			       .exit = run->exit,
			       .n_event = (uint32_t)run->n_event,
			       .event = l->base_event + l->n_event};
	memcpy(l->event + l->n_event, run->event, run->n_event * sizeof(*run->event));
	l->n_event += run->n_event;
	l->space = space;
	l->image = run->image;
	int rc = add_step(o, l, &s, err);
	return rc ? rc : look_if_due(o, err);
}

/* Who was woken waits for the step that woke it. */
static int note_wake(struct cxms_xorder *o, uint32_t space, uint64_t addr, size_t log,
		     struct cxms_err *err)
{
	const uint32_t pid = o->log[log].pid;
	struct wake *known = find_wake(o, space, pid, addr);
	const struct wake w = {cxms_xwake_space(space, pid, addr, o->n_host), addr, log,
			       o->log[log].base + o->log[log].n};
	if (known) {
		*known = w;
		return 0;
	}
	if (cxms_array_grow((void **)&o->wake, &o->cap_wake, o->n_wake + 1, sizeof(*o->wake)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for a futex");
	o->wake[o->n_wake++] = w;
	return 0;
}

/* It sleeps no more; what it was is copied to @out. */
static bool take_sleeper(struct cxms_xorder *o, size_t log, struct sleeper *out)
{
	for (size_t i = 0; i < o->n_sleeper; i++) {
		if (o->sleeper[i].log != log)
			continue;
		*out = o->sleeper[i];
		memmove(&o->sleeper[i], &o->sleeper[i + 1],
			(--o->n_sleeper - i) * sizeof(*o->sleeper));
		return true;
	}
	return false;
}

/* One that a signal handler interrupted goes to sleep again. */
static int add_sleeper(struct cxms_xorder *o, uint32_t space, uint64_t addr, size_t log,
		       struct cxms_err *err)
{
	struct sleeper before;
	take_sleeper(o, log, &before);
	if (cxms_array_grow((void **)&o->sleeper, &o->cap_sleeper, o->n_sleeper + 1,
			    sizeof(*o->sleeper)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for a futex");
	o->sleeper[o->n_sleeper++] =
		(struct sleeper){.space = cxms_xwake_space(space, o->log[log].pid, addr, o->n_host),
				 .addr = addr,
				 .log = log};
	return 0;
}

/* Is it the address of thread @l? */
static bool sleeps_at(const struct cxms_xorder *o, const struct sleeper *sl, const struct log *l,
		      uint64_t addr)
{
	return sl->addr == addr && sl->space == cxms_xwake_space(l->space, l->pid, addr, o->n_host);
}

/* A step for each sleeper that thread @log wakes. */
static int wake_sleepers(struct cxms_xorder *o, size_t log, uint64_t addr, uint64_t most,
			 struct cxms_err *err)
{
	int rc = 0;
	for (size_t i = 0; i < o->n_sleeper && most > 0 && !rc; i++) {
		struct sleeper *sl = &o->sleeper[i];
		struct log *l = &o->log[log];
		const struct step s = {
			.type = STEP_WAKES, .a = sl->log, .event = l->base_event + l->n_event};
		if (sl->is_woken || !sleeps_at(o, sl, l, addr))
			continue;
		rc = add_step(o, l, &s, err);
		sl->is_woken = true;
		sl->by_log = log;
		sl->by_step = l->base + l->n;
		most--;
	}
	return rc;
}

/* A step for each sleeper that thread @log has to come behind: where that one went to sleep. */
static int meet_sleepers(struct cxms_xorder *o, size_t log, uint64_t addr, struct cxms_err *err)
{
	int rc = 0;
	for (size_t i = 0; i < o->n_sleeper && !rc; i++) {
		const struct sleeper *sl = &o->sleeper[i];
		struct log *l = &o->log[log];
		const struct step s = {.type = STEP_MEETS,
				       .a = sl->log,
				       .event = l->base_event + l->n_event,
				       .after_log = sl->log,
				       .after_step = o->log[sl->log].base + o->log[sl->log].n};
		if (!sl->is_woken && sleeps_at(o, sl, l, addr))
			rc = add_step(o, l, &s, err);
	}
	return rc;
}

/* Is it a process that has not told its end? */
static bool is_running(const struct cxms_xorder *o, uint32_t space, uint64_t addr)
{
	const uint32_t number = (1u << CXMS_XHOST_SHIFT) - 1;
	for (size_t i = 0; addr & CXMS_XS_PROCESS && i < o->n_log; i++) {
		const struct log *l = &o->log[i];
		if ((l->pid & number) == (addr & ~CXMS_XS_PROCESS) && l->last != CXMS_XC_EXIT &&
		    (o->n_host == 0 || l->space % o->n_host == space % o->n_host))
			return true;
	}
	return false;
}

/* Who slept goes on behind what woke it. */
static void set_after(struct cxms_xorder *o, size_t log, uint32_t space,
		      const struct cxms_xcontrol *c, struct step *s)
{
	struct sleeper sl;
	if (c->type == CXMS_XC_RESUME && take_sleeper(o, log, &sl) && sl.is_woken && c->flag) {
		s->after_log = sl.by_log;
		s->after_step = sl.by_step;
		return;
	}
	const struct wake *w = find_wake(o, space, c->pid, c->a);
	if (c->type == CXMS_XC_RESUME && c->flag && w) {
		s->after_log = w->log;
		s->after_step = w->step;
	} else if (c->type == CXMS_XC_RESUME && c->flag && is_running(o, space, c->a)) {
		s->after_log = NOT_YET;
		s->after_step = o->added;
	}
	for (size_t i = 0; c->type == CXMS_XC_HELLO && c->flag && i < o->n_log; i++)
		if (o->log[i].pid == c->b && o->log[i].tid == c->tid) {
			s->after_log = i;
			s->after_step = o->log[i].base + o->log[i].n;
		}
}

/* Times of all threads are read where timing stops: what came before is simulated. */
static int end_stretch(struct cxms_xorder *o, uint32_t space, const struct cxms_xcontrol *c,
		       struct cxms_err *err)
{
	int rc = look(o, false, err);
	for (size_t e = 0; e < o->n_engine && !rc; e++)
		rc = cxms_xengine_control(&o->engine[e], space, c, err);
	return rc;
}

static bool is_wake(const struct cxms_xcontrol *c)
{
	return c->type == CXMS_XC_WAKE || c->type == CXMS_XC_WAKE_SOME;
}

/* What of it concerns the order or the engines. */
static bool is_step(const struct cxms_xcontrol *c)
{
	return c->type == CXMS_XC_CLONE || is_wake(c) || c->type == CXMS_XC_RESUME ||
	       (c->type == CXMS_XC_HELLO && c->flag);
}

/* An image has ended or been replaced: none of its threads will speak again. */
static void end_image(struct cxms_xorder *o, uint32_t pid)
{
	for (size_t i = 0; i < o->n_log; i++)
		if (o->log[i].pid == pid)
			o->log[i].last = CXMS_XC_EXIT;
}

/* Threads of the image before sleep for ever, also where one now sleeps at the same address. */
static void drop_sleepers(struct cxms_xorder *o, uint32_t pid)
{
	size_t n = 0;
	for (size_t i = 0; i < o->n_sleeper; i++)
		if (o->log[o->sleeper[i].log].pid != pid)
			o->sleeper[n++] = o->sleeper[i];
	o->n_sleeper = n;
}

/* What its process told before was no end: it goes on with another image. */
static void begin_image(struct cxms_xorder *o, uint32_t space, struct log *l)
{
	const uint32_t number = (1u << CXMS_XHOST_SHIFT) - 1;
	struct wake *w = find_wake(o, space, l->pid, CXMS_XS_PROCESS | (l->pid & number));
	if (w)
		*w = o->wake[--o->n_wake];
	drop_sleepers(o, l->pid);
	l->last = 0;
}

static int begin_clone(struct cxms_xorder *o, uint32_t space, const struct cxms_xcontrol *c,
		       struct cxms_err *err)
{
	struct log *l = log_of(o, c->pid, (uint32_t)c->a);
	if (!l)
		return cxms_fail(err, ENOMEM, "out of memory for a thread");
	l->cloned = l->base + l->n == 0;
	l->space = space;
	l->last = 0;
	return 0;
}

/* The totals of an image end it: by then its process may have ended, which wakes its parent. */
static int end_process(struct cxms_xorder *o, uint32_t space, const struct cxms_xcontrol *c,
		       struct cxms_err *err)
{
	struct log *l = log_of(o, c->pid, c->tid);
	const uint32_t pid = c->pid & ((1u << CXMS_XHOST_SHIFT) - 1);
	struct step s = {.type = CXMS_XC_WAKE, .a = CXMS_XS_PROCESS | pid};
	if (!l)
		return cxms_fail(err, ENOMEM, "out of memory for a thread");
	s.event = l->base_event + l->n_event;
	l->space = space;
	l->image = c->image;
	int rc = add_step(o, l, &s, err);
	l->last = CXMS_XC_EXIT;
	return rc ? rc : note_wake(o, space, s.a, (size_t)(l - o->log), err);
}

static int make_pipe(struct cxms_xorder *o, uint64_t id, struct cxms_err *err)
{
	if (cxms_array_grow((void **)&o->pipe, &o->cap_pipe, o->n_pipe + 1, sizeof(*o->pipe)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for a pipe");
	o->pipe[o->n_pipe++] = (struct pipe){.id = id};
	return 0;
}

/* The newest of that number, or NULL: what comes from outside is not waited for. */
static struct pipe *find_pipe(const struct cxms_xorder *o, uint64_t id)
{
	for (size_t i = o->n_pipe; i-- > 0;)
		if (o->pipe[i].id == id)
			return &o->pipe[i];
	return NULL;
}

static int note_write(struct pipe *p, uint64_t bytes, size_t log, size_t step, struct cxms_err *err)
{
	const uint64_t before = p->n ? p->write[p->n - 1].total : 0;
	if (cxms_array_grow((void **)&p->write, &p->cap, p->n + 1, sizeof(*p->write)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for a pipe");
	p->write[p->n++] = (struct written){before + bytes, log, step};
	return 0;
}

/* Bytes are read in the order in which they were written. */
static int use_pipe(struct cxms_xorder *o, struct log *l, const struct cxms_xcontrol *c,
		    struct cxms_err *err)
{
	const uint64_t id = c->a ^ (uint64_t)(c->pid >> CXMS_XHOST_SHIFT) << CXMS_XHOST_SHIFT * 2;
	struct pipe *p = find_pipe(o, id);
	struct step s = {
		.type = CXMS_XC_PIPE, .flag = c->flag, .event = l->base_event + l->n_event};
	if (c->flag == CXMS_XPIPE_MADE)
		return make_pipe(o, id, err);
	if (!p || c->b == 0)
		return 0;
	s.a = (uint64_t)(p - o->pipe);
	if (c->flag == CXMS_XPIPE_WRITTEN) {
		s.b = p->n;
		int rc = add_step(o, l, &s, err);
		return rc ? rc : note_write(p, c->b, (size_t)(l - o->log), l->base + l->n, err);
	}
	s.b = p->read += c->b;
	s.after_log = NOT_YET;
	s.after_step = o->added;
	return add_step(o, l, &s, err);
}

int cxms_xorder_control(struct cxms_xorder *o, uint32_t space, const struct cxms_xcontrol *c,
			struct cxms_err *err)
{
	int rc = 0;
	if (c->type == CXMS_XC_TIMED) /* of several hosts nothing is sampled in time */
		return o->n_host || c->flag ? 0 : end_stretch(o, space, c, err);
	if (c->type == CXMS_XC_COUNTS || (c->type == CXMS_XC_HELLO && !c->flag))
		end_image(o, c->pid);
	if (c->type == CXMS_XC_COUNTS)
		return end_process(o, space, c, err);
	struct log *l = log_of(o, c->pid, c->tid);
	struct step s = {.type = (uint8_t)c->type, .flag = c->flag, .a = c->a, .b = c->b};
	if (!l)
		return cxms_fail(err, ENOMEM, "out of memory for a thread");
	s.event = l->base_event + l->n_event;
	l->space = space;
	l->image = c->image;
	if (c->type == CXMS_XC_WAIT || c->type == CXMS_XC_EXIT || c->type == CXMS_XC_SYSCALL)
		l->last = (uint8_t)c->type;
	const size_t at = (size_t)(l - o->log);
	if (c->type == CXMS_XC_WAIT)
		return add_sleeper(o, space, c->a, at, err);
	if (c->type == CXMS_XC_HELLO && !c->flag)
		begin_image(o, space, l);
	if (c->type == CXMS_XC_PIPE)
		return use_pipe(o, l, c, err);
	if (c->type == CXMS_XC_MEET)
		return meet_sleepers(o, at, c->a, err);
	if (!is_step(c))
		return 0;
	set_after(o, at, space, c, &s);
	rc = add_step(o, l, &s, err);
	if (!rc && is_wake(c))
		rc = note_wake(o, space, c->a, at, err);
	if (!rc && is_wake(c))
		rc = wake_sleepers(o, at, c->a, c->type == CXMS_XC_WAKE ? SIZE_MAX : c->b, err);
	if (!rc && c->type == CXMS_XC_CLONE)
		rc = begin_clone(o, space, c, err);
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
	int rc = look(o, false, err);
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
