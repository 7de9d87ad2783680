#include "sim/xpass.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "sim/result.h"
#include "sim/xorder.h"
#include "trace/trace.h"

#define EVENTS_AT_ONCE 256

static struct cxms_xspace *process_of(struct cxms_xpass *p, uint32_t pid)
{
	for (size_t i = p->n_space; i-- > 0;)
		if (p->space[i].pid == pid)
			return &p->space[i];
	return NULL;
}

static const uint32_t *space_of(struct cxms_xpass *p, uint32_t pid)
{
	const struct cxms_xspace *x = process_of(p, pid);
	return x ? &x->space : NULL;
}

static int note_process(struct cxms_xpass *p, const struct cxms_xcontrol *c, struct cxms_err *err)
{
	struct cxms_xspace *mine = process_of(p, c->pid);
	const uint32_t *parent = space_of(p, (uint32_t)c->b);
	uint32_t space = c->flag && parent ? *parent : p->next_space++;
	if (mine) {
		*mine = (struct cxms_xspace){.pid = c->pid, .space = space};
		return 0;
	}
	if (cxms_array_grow((void **)&p->space, &p->cap_space, p->n_space + 1, sizeof(*p->space)) <
	    0)
		return cxms_fail(err, ENOMEM, "out of memory for a process");
	p->space[p->n_space++] = (struct cxms_xspace){.pid = c->pid, .space = space};
	return 0;
}

/* Process and space as the engines are to know them. */
static int of_host(const struct cxms_xpass *p, uint32_t *pid, uint32_t *space, struct cxms_err *err)
{
	if (p->n_host == 0)
		return 0;
	if (*pid >> CXMS_XHOST_SHIFT)
		return cxms_fail(err, EINVAL, "the exact stream is damaged: process %u", *pid);
	*pid |= p->host << CXMS_XHOST_SHIFT;
	if (space)
		*space = *space * p->n_host + p->host;
	return 0;
}

static int tell_control(const struct cxms_xpass *p, uint32_t space, const struct cxms_xcontrol *c,
			struct cxms_err *err)
{
	struct cxms_xcontrol told = *c;
	uint32_t parent = (uint32_t)c->b, child = (uint32_t)c->a;
	int rc = of_host(p, &told.pid, &space, err);
	if (!rc && c->type == CXMS_XC_HELLO && c->flag) {
		rc = of_host(p, &parent, NULL, err);
		told.b = parent;
	} else if (!rc && c->type == CXMS_XC_FORKED) {
		rc = of_host(p, &child, NULL, err);
		told.a = child;
	}
	if (p->order)
		return rc ? rc : cxms_xorder_control(p->order, space, &told, err);
	for (size_t i = 0; i < p->n_engine && !rc; i++)
		rc = cxms_xengine_control(p->engine[i], space, &told, err);
	return rc;
}

static int tell_runs(const struct cxms_xpass *p, uint32_t space, const struct cxms_xruns *runs,
		     struct cxms_err *err)
{
	struct cxms_xruns told = *runs;
	int rc = of_host(p, &told.pid, &space, err);
	if (p->order)
		return rc ? rc : cxms_xorder_run(p->order, space, &told, err);
	for (size_t i = 0; i < p->n_engine && !rc; i++)
		rc = cxms_xengine_run(p->engine[i], space, &told, err);
	return rc;
}

/* The last totals of an image count. */
static void add_totals(struct cxms_xspace *x, const struct cxms_xcontrol *c,
		       struct cxms_exact_result *xr)
{
	uint64_t more[CXMS_XN_COUNT];
	if (c->n_count < CXMS_XN_COUNT)
		return;
	for (size_t i = 0; i < CXMS_XN_COUNT; i++) {
		more[i] = c->count[i] - x->count[i];
		x->count[i] = c->count[i];
	}
	xr->insns += more[CXMS_XN_INSNS];
	xr->timed_insns += more[CXMS_XN_TIMED_INSNS];
	xr->roi_entries += more[CXMS_XN_ROI_ENTRIES];
	xr->roi_exits += more[CXMS_XN_ROI_EXITS];
	xr->branches += more[CXMS_XN_BRANCH];
}

/* What of it concerns pages. */
static int tell_pages(struct cxms_xpass *p, uint32_t space, const struct cxms_xcontrol *c,
		      struct cxms_err *err)
{
	const unsigned shift = CXMS_XS_PAGE_SHIFT - CXMS_XS_LINE_SHIFT;
	if (c->type != CXMS_XC_PAGE && c->type != CXMS_XC_MOVE && c->type != CXMS_XC_HELLO)
		return 0;
	p->last_line = 0;
	p->memo = (struct cxms_xmemo){0};
	if (c->type == CXMS_XC_HELLO)
		return c->flag ? cxms_xpages_fork(p->pages, c->pid, (uint32_t)c->b, space, err) : 0;
	uint32_t view = cxms_xpages_view(p->pages, c->pid, space);
	if (c->type == CXMS_XC_PAGE)
		return cxms_xpages_touch(p->pages, view, c->a << shift, c->flag & CXMS_XP_OWN, err);
	return cxms_xpages_move(p->pages, view, c->a << shift, c->b << shift, c->c << shift, err);
}

static int on_control(void *arg, const struct cxms_xcontrol *c, struct cxms_err *err)
{
	struct cxms_xpass *p = arg;
	int rc = 0;
	if (c->type == CXMS_XC_THREAD)
		return 0; /* stands before the first message of all */
	if (c->type == CXMS_XC_HELLO)
		rc = note_process(p, c, err);
	const uint32_t *space = space_of(p, c->pid);
	if (!rc && !space)
		rc = cxms_fail(err, EINVAL,
			       "the exact stream is damaged: a process without a begin");
	if (!rc && p->counts_heat)
		rc = tell_pages(p, *space, c, err);
	if (!rc && c->type == CXMS_XC_COUNTS && p->xr)
		add_totals(process_of(p, c->pid), c, p->xr);
	p->n_begun += c->type == CXMS_XC_CLONE || (c->type == CXMS_XC_HELLO && c->flag);
	return rc ? rc : tell_control(p, *space, c, err);
}

/* The page of a line is the last one now. */
static int turn_to_page(struct cxms_xpass *p, uint32_t space, uint32_t pid, uint64_t line,
			struct cxms_err *err)
{
	if (pid != p->last_pid)
		p->memo = (struct cxms_xmemo){0};
	p->last_pid = pid;
	if (cxms_xmemo_get(&p->memo, p->pages, line, &p->last_page))
		return 0;
	int rc = cxms_xpages_add(p->pages, cxms_xpages_view(p->pages, pid, space), line,
				 &p->last_page, err);
	if (!rc)
		cxms_xmemo_put(&p->memo, p->pages, line, p->last_page);
	return rc;
}

/* Pages of the lines that runs ask for. Most lie where the line before does. */
static int count_pages(struct cxms_xpass *p, uint32_t space, const struct cxms_xruns *runs,
		       struct cxms_err *err)
{
	unsigned shift = p->pages->shift - CXMS_XS_LINE_SHIFT;
	int rc = 0;
	for (size_t i = 0; i < runs->n_event && !rc; i++) {
		const struct cxms_xevent *e = &runs->run->event[i];
		if (e->line == 0)
			continue; /* stays in the caches */
		if (!p->last_line || (e->line ^ p->last_line) >> shift || runs->pid != p->last_pid)
			rc = turn_to_page(p, space, runs->pid, e->line, err);
		p->last_line = rc ? 0 : e->line;
		if (!rc && e->kind == CXMS_XE_MEM)
			p->pages->page[p->last_page].heat++;
	}
	return rc;
}

static int on_runs(void *arg, const struct cxms_xruns *runs, struct cxms_err *err)
{
	struct cxms_xpass *p = arg;
	const uint32_t *space = space_of(p, runs->pid);
	int rc = space ? 0
		       : cxms_fail(err, EINVAL,
				   "the exact stream is damaged: a process without a begin");
	if (!rc && p->counts_heat)
		rc = count_pages(p, *space, runs, err);
	if (!rc && p->on_pages && p->n_told < p->pages->n) {
		rc = p->on_pages(p->arg, err);
		p->n_told = p->pages->n;
	}
	return rc ? rc : tell_runs(p, *space, runs, err);
}

void cxms_xpass_fini(struct cxms_xpass *p)
{
	free(p->space);
	free(p->engine);
	*p = (struct cxms_xpass){0};
}

int cxms_xpass_add(struct cxms_xpass *p, struct cxms_xengine *engine, size_t n,
		   struct cxms_err *err)
{
	if (cxms_array_grow((void **)&p->engine, &p->cap_engine, p->n_engine + n,
			    sizeof(*p->engine)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		p->engine[p->n_engine++] = &engine[i];
	return 0;
}

int cxms_xpass_packet(struct cxms_xpass *p, struct cxms_xread *x, const void *data, size_t len,
		      struct cxms_err *err)
{
	const struct cxms_xsink sink = {p, on_runs, on_control};
	return cxms_xread_packet(x, data, len, &sink, err);
}

int cxms_xpass_read(struct cxms_xpass *p, bool split, struct cxms_trace_reader *reader,
		    struct cxms_log *log, const char *what, struct cxms_err *err)
{
	struct cxms_event ev[EVENTS_AT_ONCE];
	struct cxms_xread *x = NULL;
	size_t n = 1;
	int rc = cxms_xread_new(split, &x, err);
	cxms_trace_reader_rewind(reader);
	while (!rc && n > 0) {
		rc = cxms_trace_read(reader, ev, EVENTS_AT_ONCE, &n, err);
		for (size_t i = 0; i < n && !rc; i++)
			if (ev[i].kind == CXMS_EV_EXACT)
				rc = cxms_xpass_packet(p, x, ev[i].exact.data, ev[i].exact.len,
						       err);
		cxms_log_progress(
			log, "%s: %llu MiB", what,
			(unsigned long long)(cxms_trace_reader_stats(reader)->raw_bytes >> 20));
	}
	if (!rc && p->order)
		rc = cxms_xorder_finish(p->order, err);
	cxms_xread_free(x);
	return rc;
}
