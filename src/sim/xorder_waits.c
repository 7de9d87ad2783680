/* Control messages of the exact stream as steps of threads: who sleeps, who wakes whom, which pipes
 * and process ends are waited for. */
#include "sim/xorder_priv.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

/* Who was woken waits for the step that woke it. */
static int note_wake(struct cxms_xorder *o, uint32_t space, uint64_t addr, size_t log,
		     struct cxms_err *err)
{
	const uint32_t pid = o->log[log].pid;
	struct wake *known = xorder_wake(o, space, pid, addr);
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
		rc = xorder_add(o, l, &s, err);
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
			rc = xorder_add(o, l, &s, err);
	}
	return rc;
}

/* Is it a process that has not told its end? It may have been forked and not yet been read. */
static bool is_running(const struct cxms_xorder *o, uint32_t space, uint64_t addr)
{
	const uint32_t host = o->n_host ? space % (uint32_t)o->n_host : 0;
	const uint64_t pid = (addr & ~CXMS_XS_PROCESS) | host << CXMS_XHOST_SHIFT;
	if (!(addr & CXMS_XS_PROCESS))
		return false;
	for (size_t i = 0; i < o->n_log; i++)
		if (o->log[i].pid == pid && o->log[i].last != CXMS_XC_EXIT)
			return true;
	for (size_t i = 0; i < o->n_forked; i++)
		if (o->forked[i].pid == pid)
			return true;
	return false;
}

/* The parent may be read before the child, as they have a socket each. */
static int note_forked(struct cxms_xorder *o, size_t log, uint32_t pid, struct cxms_err *err)
{
	for (size_t i = 0; i < o->n_log; i++)
		if (o->log[i].pid == pid)
			return 0; /* it has begun */
	if (cxms_array_grow((void **)&o->forked, &o->cap_forked, o->n_forked + 1,
			    sizeof(*o->forked)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for a process");
	o->forked[o->n_forked++] = (struct forked){pid, log, o->log[log].base + o->log[log].n};
	return 0;
}

/* A child begins behind the step that forked it; else where the thread that did is by now. */
static void set_after_fork(struct cxms_xorder *o, const struct cxms_xcontrol *c, struct step *s)
{
	for (size_t i = 0; i < o->n_forked; i++)
		if (o->forked[i].pid == c->pid) {
			s->after_log = o->forked[i].log;
			s->after_step = o->forked[i].step;
			o->forked[i] = o->forked[--o->n_forked];
			return;
		}
	for (size_t i = 0; i < o->n_log; i++)
		if (o->log[i].pid == c->b && o->log[i].tid == c->tid) {
			s->after_log = i;
			s->after_step = o->log[i].base + o->log[i].n;
		}
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
	const struct wake *w = xorder_wake(o, space, c->pid, c->a);
	if (c->type == CXMS_XC_RESUME && c->flag && w) {
		s->after_log = w->log;
		s->after_step = w->step;
	} else if (c->type == CXMS_XC_RESUME && c->flag && is_running(o, space, c->a)) {
		s->after_log = NOT_YET;
		s->after_step = o->added;
	}
}

/* Times of all threads are read where timing stops: what came before is simulated. */
static int end_stretch(struct cxms_xorder *o, uint32_t space, const struct cxms_xcontrol *c,
		       struct cxms_err *err)
{
	int rc = xorder_look(o, false, err);
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
	       c->type == CXMS_XC_FORKED || (c->type == CXMS_XC_HELLO && c->flag);
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
	struct wake *w = xorder_wake(o, space, l->pid, CXMS_XS_PROCESS | (l->pid & number));
	if (w)
		*w = o->wake[--o->n_wake];
	drop_sleepers(o, l->pid);
	l->last = 0;
}

static int begin_clone(struct cxms_xorder *o, uint32_t space, const struct cxms_xcontrol *c,
		       struct cxms_err *err)
{
	struct log *l = xorder_log(o, c->pid, (uint32_t)c->a);
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
	struct log *l = xorder_log(o, c->pid, c->tid);
	const uint32_t pid = c->pid & ((1u << CXMS_XHOST_SHIFT) - 1);
	struct step s = {.type = CXMS_XC_WAKE, .a = CXMS_XS_PROCESS | pid};
	if (!l)
		return cxms_fail(err, ENOMEM, "out of memory for a thread");
	s.event = l->base_event + l->n_event;
	l->space = space;
	l->image = c->image;
	int rc = xorder_add(o, l, &s, err);
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
		int rc = xorder_add(o, l, &s, err);
		return rc ? rc : note_write(p, c->b, (size_t)(l - o->log), l->base + l->n, err);
	}
	s.b = p->read += c->b;
	s.after_log = NOT_YET;
	s.after_step = o->added;
	return xorder_add(o, l, &s, err);
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
	struct log *l = xorder_log(o, c->pid, c->tid);
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
	if (c->type == CXMS_XC_HELLO)
		set_after_fork(o, c, &s);
	rc = xorder_add(o, l, &s, err);
	if (!rc && c->type == CXMS_XC_FORKED)
		rc = note_forked(o, at, (uint32_t)c->a, err);
	if (!rc && is_wake(c))
		rc = note_wake(o, space, c->a, at, err);
	if (!rc && is_wake(c))
		rc = wake_sleepers(o, at, c->a, c->type == CXMS_XC_WAKE ? SIZE_MAX : c->b, err);
	if (!rc && c->type == CXMS_XC_CLONE)
		rc = begin_clone(o, space, c, err);
	return rc;
}
