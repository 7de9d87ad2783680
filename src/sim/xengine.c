#include "sim/xengine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "sim/event_net.h"
#include "topo/topo.h"

/* A window takes about half a megabyte. */
#define THREADS_MAX 4096u
/* Each host has a part of a shared device, one behind the other (decoders map 256 MiB at least):
 * far enough apart that each has its pages where it would have them alone. log2 of bytes */
#define HOST_SHARE_SHIFT 48u
/* Requests of a lane after which the fabric is told what is past: the less calendars have to keep,
 * the less of the caches every lane's take. */
#define FORGET_REQUESTS 4u

static uint64_t ps_of(const struct cxms_host *h, uint64_t cyc)
{
	return (cyc * CXMS_PS_PER_S + h->frequency_hz / 2) / h->frequency_hz;
}

void cxms_xengine_host(const struct cxms_topo *topo, uint64_t walk_ps, struct cxms_window_cfg *out)
{
	const struct cxms_host *h = &topo->host;
	*out = (struct cxms_window_cfg){.frequency_hz = h->frequency_hz,
					.width = h->width,
					.rob = h->rob,
					.scheduler = cxms_topo_scheduler(h),
					.load_queue = h->load_queue,
					.store_queue = h->store_queue,
					.l1d_mshrs = h->l1d_mshrs,
					.l2_mshrs = h->l2_mshrs,
					.walkers = h->walkers,
					.split = !h->uops_fused,
					.fetch_lines = !h->fetch_decoded,
					.store_tso = h->store_tso,
					.has_l2 = h->l2.present,
					.l1i_ps = ps_of(h, h->l1i.latency_cyc),
					.l1d_ps = ps_of(h, h->l1d.latency_cyc),
					.l2_ps = ps_of(h, h->l2.latency_cyc),
					.llc_ps = ps_of(h, h->llc.latency_cyc),
					.walk_ps = !h->tlb_present ? 0
						   : h->walk_given ? h->walk_ps
								   : walk_ps};
}

static struct cxms_xthread *find_thread(const struct cxms_xengine *e, uint32_t pid, uint32_t tid)
{
	for (size_t i = e->n_thread; i-- > 0;)
		if (e->thread[i].pid == pid && e->thread[i].tid == tid)
			return &e->thread[i];
	return NULL;
}

/* Frames of local memory go to pages in the order of first touch. */
static uint64_t own_frame(const struct cxms_xengine *e, uint64_t line, unsigned shift)
{
	return ((uint64_t)e->page << shift) | (line << CXMS_XS_LINE_SHIFT & ((1ull << shift) - 1));
}

static uint32_t page_of(struct cxms_xengine *e, const struct cxms_xpages *pages, uint64_t line)
{
	uint32_t page;
	if (cxms_xmemo_get(&e->memo, pages, line, &page))
		return page;
	page = cxms_xpages_find(pages, e->view, line);
	if (page != CXMS_XPAGE_NONE)
		cxms_xmemo_put(&e->memo, pages, line, page);
	return page;
}

/* Of several hosts: pages, placement and targets are those of the program's own. */
static void host_request(struct cxms_xengine *e, uint64_t line, enum cxms_xrequest kind,
			 uint64_t at_ps, struct cxms_xreply *out)
{
	size_t h = e->space % e->n_host;
	const struct cxms_xhost *host = &e->host[h];
	unsigned shift = host->pages->shift;
	uint32_t first = (uint32_t)(h * e->fabric->n_host_target), target = 0;
	if ((line ^ e->page_line) >> (shift - CXMS_XS_LINE_SHIFT)) {
		e->page_line = line;
		e->page = page_of(e, host->pages, line);
	}
	uint64_t dpa = own_frame(e, line, shift);
	if (e->page < host->pages->n)
		target = cxms_place_target(e->fabric, host->place, e->page,
					   line & ((1ull << (shift - CXMS_XS_LINE_SHIFT)) - 1),
					   &dpa);
	if (target > 0)
		dpa += (uint64_t)h << HOST_SHARE_SHIFT;
	cxms_xlane_request(&e->lane[0], first + target, kind, dpa, at_ps, out);
	out->target = target;
}

/* The page of a line, and where each lane has it: lanes ask one after the other, and do not wait
 * for their tables one by one. */
static void find_page(struct cxms_xengine *e, uint64_t line)
{
	e->page_line = line;
	e->page = page_of(e, e->pages, line);
	for (unsigned l = 0; l < e->n_lane; l++)
		if (e->lane[l].place && e->page < e->lane[l].n_page)
			cxms_place_prefetch(e->lane[l].place, e->page);
}

static void request(void *arg, unsigned lane, uint64_t line, enum cxms_xrequest kind,
		    uint64_t at_ps, struct cxms_xreply *out)
{
	struct cxms_xengine *e = arg;
	struct cxms_xlane *x = &e->lane[lane];
	uint32_t target = 0;
	e->n_request++;
	if (e->n_host) {
		host_request(e, line, kind, at_ps, out);
		return;
	}
	if ((line ^ e->page_line) >> (e->pages->shift - CXMS_XS_LINE_SHIFT))
		find_page(e, line);
	uint64_t dpa = 0;
	if (x->place && e->page < x->n_page)
		target = cxms_place_target(
			e->fabric, x->place, e->page,
			line & ((1ull << (e->pages->shift - CXMS_XS_LINE_SHIFT)) - 1), &dpa);
	if (target == 0)
		dpa = own_frame(e, line, e->pages->shift);
	cxms_xlane_request(x, target, kind, dpa, at_ps, out);
}

int cxms_xengine_init(struct cxms_xengine *e, struct cxms_err *err)
{
	int rc = 0;
	e->page_line = UINT64_MAX;
	for (unsigned l = 0; l < e->n_lane && !rc; l++)
		rc = cxms_xlane_init(&e->lane[l], e->fabric, e->seed, err);
	return rc;
}

void cxms_xengine_fini(struct cxms_xengine *e)
{
	for (unsigned l = 0; l < e->n_lane; l++)
		cxms_xlane_fini(&e->lane[l]);
	for (size_t i = 0; i < e->n_thread; i++)
		cxms_window_free(e->thread[i].window);
	free(e->thread);
	free(e->wake);
	free(e->stretch);
	for (size_t i = 0; i < e->n_pipe; i++)
		free(e->pipe[i].at_ps);
	free(e->pipe);
	free(e->forked);
	*e = (struct cxms_xengine){0};
}

static uint64_t time_of(const struct cxms_xthread *t, unsigned lane)
{
	struct cxms_window_lane now;
	cxms_window_lane(t->window, lane, &now);
	return now.time_ps;
}

/* A thread begins at @at_ps, by lane; NULL: at 0. */
static int add_thread(struct cxms_xengine *e, uint32_t pid, uint32_t tid, uint32_t space,
		      const uint64_t *at_ps, struct cxms_xthread **out, struct cxms_err *err)
{
	const struct cxms_xmemory memory = {e, request};
	if (e->n_thread >= THREADS_MAX)
		return cxms_fail(
			err, EINVAL,
			"the recording has more than %u threads; record a shorter run or a "
			"region of it",
			THREADS_MAX);
	struct cxms_xthread t = {.pid = pid, .tid = tid, .space = space};
	struct cxms_window_cfg window = e->window;
	if (e->n_host)
		window.walk_ps = e->host[space % e->n_host].walk_ps;
	int rc = cxms_window_new(&window, e->n_lane, &memory, &t.window, err);
	if (rc)
		return rc;
	for (unsigned l = 0; l < e->n_lane && at_ps; l++) {
		t.begun_ps[l] = at_ps[l];
		cxms_window_wait(t.window, l, t.begun_ps[l]);
		t.timed_ps[l] = t.begun_ps[l];
	}
	if (cxms_array_grow((void **)&e->thread, &e->cap_thread, e->n_thread + 1,
			    sizeof(*e->thread)) < 0) {
		cxms_window_free(t.window);
		return cxms_fail(err, ENOMEM, "out of memory for a thread");
	}
	e->thread[e->n_thread] = t;
	*out = &e->thread[e->n_thread++];
	return 0;
}

static int thread_of(struct cxms_xengine *e, uint32_t pid, uint32_t tid, uint32_t space,
		     struct cxms_xthread **out, struct cxms_err *err)
{
	*out = find_thread(e, pid, tid);
	if (!*out)
		return add_thread(e, pid, tid, space, NULL, out, err);
	(*out)->space = space; /* an exec begins another */
	return 0;
}

/* One thread, whose children begin where it is, asks for nothing before its own time. */
static void forget(struct cxms_xengine *e, const struct cxms_window *w)
{
	if (e->n_request < FORGET_REQUESTS * e->n_lane || e->n_thread > 1 || e->n_host)
		return;
	e->n_request = 0;
	for (unsigned l = 0; l < e->n_lane; l++)
		cxms_net_forget(e->lane[l].net, cxms_window_past_ps(w, l));
}

/* What follows is of this process, which sees pages its own way. */
static void turn_to(struct cxms_xengine *e, uint32_t space, uint32_t pid)
{
	const uint32_t number = (1u << CXMS_XHOST_SHIFT) - 1;
	e->space = space;
	e->pid = pid;
	e->view = e->n_host ? cxms_xpages_view(e->host[space % e->n_host].pages, pid & number,
					       space / (uint32_t)e->n_host)
			    : cxms_xpages_view(e->pages, pid, space);
	e->page_line = UINT64_MAX;
	e->memo = (struct cxms_xmemo){0};
}

int cxms_xengine_run(struct cxms_xengine *e, uint32_t space, const struct cxms_xruns *runs,
		     struct cxms_err *err)
{
	struct cxms_xthread *t;
	int rc = thread_of(e, runs->pid, runs->tid, space, &t, err);
	if (rc)
		return rc;
	if (e->space != space || e->pid != runs->pid)
		turn_to(e, space, runs->pid);
	cxms_window_run(t->window, runs->run, runs->n);
	forget(e, t->window);
	return 0;
}

/* Where an address of a WAKE means the same to all; the end of a process does in all of its host, a
 * word of its own memory in the process. */
uint32_t cxms_xwake_space(uint32_t space, uint32_t pid, uint64_t addr, size_t n_host)
{
	if (addr & (CXMS_XS_PRIVATE | CXMS_XS_THREAD))
		return pid;
	if (addr & CXMS_XS_PROCESS)
		return n_host ? (uint32_t)(space % n_host) : 0;
	return space;
}

static struct cxms_xwake *find_wake(struct cxms_xengine *e, uint32_t space, uint32_t pid,
				    uint64_t addr)
{
	space = cxms_xwake_space(space, pid, addr, e->n_host);
	for (size_t i = e->n_wake; i-- > 0;)
		if (e->wake[i].space == space && e->wake[i].addr == addr)
			return &e->wake[i];
	return NULL;
}

static int note_wake(struct cxms_xengine *e, uint32_t space, uint64_t addr,
		     const struct cxms_xthread *waker, struct cxms_err *err)
{
	struct cxms_xwake *w = find_wake(e, space, waker->pid, addr);
	if (!w) {
		if (cxms_array_grow((void **)&e->wake, &e->cap_wake, e->n_wake + 1,
				    sizeof(*e->wake)) < 0)
			return cxms_fail(err, ENOMEM, "out of memory for a futex");
		w = &e->wake[e->n_wake++];
		*w = (struct cxms_xwake){
			.space = cxms_xwake_space(space, waker->pid, addr, e->n_host),
			.addr = addr};
	}
	for (unsigned l = 0; l < e->n_lane; l++)
		w->at_ps[l] = time_of(waker, l);
	return 0;
}

static void wait_until(struct cxms_xthread *t, unsigned lane, uint64_t at_ps)
{
	uint64_t now = time_of(t, lane);
	if (at_ps <= now)
		return;
	t->blocked_ps[lane] += at_ps - now;
	cxms_window_wait(t->window, lane, at_ps);
}

/* What slept goes on when its waker woke it, not before. */
static void resume(struct cxms_xengine *e, struct cxms_xthread *t, uint64_t addr)
{
	const struct cxms_xwake *w = t->is_woken ? NULL : find_wake(e, t->space, t->pid, addr);
	const uint64_t *at_ps = t->is_woken ? t->woken_ps : w ? w->at_ps : NULL;
	for (unsigned l = 0; l < e->n_lane && at_ps; l++)
		wait_until(t, l, at_ps[l]);
}

void cxms_xengine_meet(struct cxms_xengine *e, uint32_t pid, uint32_t tid, uint32_t sleeper_pid,
		       uint32_t sleeper_tid)
{
	struct cxms_xthread *t = find_thread(e, pid, tid);
	const struct cxms_xthread *sleeper = find_thread(e, sleeper_pid, sleeper_tid);
	for (unsigned l = 0; l < e->n_lane && t && sleeper; l++)
		wait_until(t, l, time_of(sleeper, l));
}

void cxms_xengine_wake(struct cxms_xengine *e, uint32_t pid, uint32_t tid, uint32_t sleeper_pid,
		       uint32_t sleeper_tid)
{
	const struct cxms_xthread *waker = find_thread(e, pid, tid);
	struct cxms_xthread *sleeper = find_thread(e, sleeper_pid, sleeper_tid);
	for (unsigned l = 0; l < e->n_lane && waker && sleeper; l++)
		sleeper->woken_ps[l] = time_of(waker, l);
	if (waker && sleeper)
		sleeper->is_woken = true;
}

int cxms_xengine_written(struct cxms_xengine *e, uint32_t pid, uint32_t tid, size_t pipe,
			 size_t write, struct cxms_err *err)
{
	const struct cxms_xthread *t = find_thread(e, pid, tid);
	const size_t first = write * e->n_lane;
	if (!t)
		return 0;
	if (cxms_array_grow((void **)&e->pipe, &e->cap_pipe, pipe + 1, sizeof(*e->pipe)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for a pipe");
	while (e->n_pipe <= pipe)
		e->pipe[e->n_pipe++] = (struct cxms_xpipe){0};
	struct cxms_xpipe *p = &e->pipe[pipe];
	if (cxms_array_grow((void **)&p->at_ps, &p->cap, first + e->n_lane, sizeof(*p->at_ps)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for a pipe");
	while (p->n < first + e->n_lane)
		p->at_ps[p->n++] = 0;
	for (unsigned l = 0; l < e->n_lane; l++)
		p->at_ps[first + l] = time_of(t, l);
	return 0;
}

void cxms_xengine_read(struct cxms_xengine *e, uint32_t pid, uint32_t tid, size_t pipe,
		       size_t write)
{
	struct cxms_xthread *t = find_thread(e, pid, tid);
	const size_t first = write * e->n_lane;
	if (!t || pipe >= e->n_pipe || first + e->n_lane > e->pipe[pipe].n)
		return;
	for (unsigned l = 0; l < e->n_lane; l++)
		wait_until(t, l, e->pipe[pipe].at_ps[first + l]);
}

uint64_t cxms_xengine_woken_ps(const struct cxms_xengine *e, uint32_t pid, uint32_t tid,
			       unsigned lane)
{
	const struct cxms_xthread *t = find_thread(e, pid, tid);
	if (!t || !t->is_woken)
		return UINT64_MAX;
	uint64_t now = time_of(t, lane);
	return t->woken_ps[lane] > now ? t->woken_ps[lane] : now;
}

static int end_stretch(struct cxms_xengine *e, struct cxms_err *err)
{
	if (cxms_array_grow((void **)&e->stretch, &e->cap_stretch, e->n_stretch + 1,
			    sizeof(*e->stretch)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for a timed stretch");
	struct cxms_xstretch *s = &e->stretch[e->n_stretch];
	*s = (struct cxms_xstretch){0};
	for (size_t i = 0; i < e->n_thread; i++)
		for (unsigned l = 0; l < e->n_lane; l++) {
			uint64_t now = time_of(&e->thread[i], l);
			s->time_ps[l] +=
				now > e->thread[i].timed_ps[l] ? now - e->thread[i].timed_ps[l] : 0;
			e->thread[i].timed_ps[l] = now;
		}
	e->n_stretch++;
	return 0;
}

/* Where a thread is, in each lane. */
static void times_of(const struct cxms_xengine *e, const struct cxms_xthread *t,
		     uint64_t at_ps[CXMS_LANES])
{
	for (unsigned l = 0; l < e->n_lane; l++)
		at_ps[l] = time_of(t, l);
}

static int clone_thread(struct cxms_xengine *e, uint32_t space, const struct cxms_xcontrol *c,
			struct cxms_err *err)
{
	struct cxms_xthread *creator, *made;
	uint64_t at_ps[CXMS_LANES];
	int rc = thread_of(e, c->pid, c->tid, space, &creator, err);
	if (rc)
		return rc;
	times_of(e, creator, at_ps);
	struct cxms_xthread *known = find_thread(e, c->pid, (uint32_t)c->a);
	for (unsigned l = 0; known && l < e->n_lane; l++)
		cxms_window_wait(known->window, l, at_ps[l]); /* a number used again */
	return known ? 0 : add_thread(e, c->pid, (uint32_t)c->a, space, at_ps, &made, err);
}

/* Has the thread forked that process before it is known here? The time is kept. */
static int note_forked(struct cxms_xengine *e, const struct cxms_xthread *forker, uint32_t pid,
		       struct cxms_err *err)
{
	for (size_t i = 0; i < e->n_thread; i++)
		if (e->thread[i].pid == pid)
			return 0;
	if (cxms_array_grow((void **)&e->forked, &e->cap_forked, e->n_forked + 1,
			    sizeof(*e->forked)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for a process");
	struct cxms_xforked *f = &e->forked[e->n_forked++];
	f->pid = pid;
	times_of(e, forker, f->at_ps);
	return 0;
}

static bool take_forked(struct cxms_xengine *e, uint32_t pid, uint64_t at_ps[CXMS_LANES])
{
	for (size_t i = 0; i < e->n_forked; i++) {
		if (e->forked[i].pid != pid)
			continue;
		memcpy(at_ps, e->forked[i].at_ps, sizeof(e->forked[i].at_ps));
		e->forked[i] = e->forked[--e->n_forked];
		return true;
	}
	return false;
}

/* The child has the number of the thread that forked, and begins where that one did. */
static int fork_process(struct cxms_xengine *e, uint32_t space, const struct cxms_xcontrol *c,
			struct cxms_err *err)
{
	struct cxms_xthread *made;
	uint64_t at_ps[CXMS_LANES] = {0};
	const struct cxms_xthread *forker = find_thread(e, (uint32_t)c->b, c->tid);
	bool is_told = take_forked(e, c->pid, at_ps);
	if (!forker || find_thread(e, c->pid, c->tid))
		return 0;
	if (!is_told)
		times_of(e, forker, at_ps);
	return add_thread(e, c->pid, c->tid, space, at_ps, &made, err);
}

int cxms_xengine_control(struct cxms_xengine *e, uint32_t space, const struct cxms_xcontrol *c,
			 struct cxms_err *err)
{
	struct cxms_xthread *t;
	int rc = 0;
	switch (c->type) {
	case CXMS_XC_HELLO:
		return c->flag ? fork_process(e, space, c, err) : 0;
	case CXMS_XC_CLONE:
		return clone_thread(e, space, c, err);
	case CXMS_XC_FORKED:
		rc = thread_of(e, c->pid, c->tid, space, &t, err);
		return rc ? rc : note_forked(e, t, (uint32_t)c->a, err);
	case CXMS_XC_RESUME:
		rc = thread_of(e, c->pid, c->tid, space, &t, err);
		if (!rc && c->flag)
			resume(e, t, c->a);
		if (!rc)
			t->is_woken = false;
		return rc;
	case CXMS_XC_WAKE:
	case CXMS_XC_WAKE_SOME:
		rc = thread_of(e, c->pid, c->tid, space, &t, err);
		return rc ? rc : note_wake(e, space, c->a, t, err);
	case CXMS_XC_TIMED:
		return c->flag ? 0 : end_stretch(e, err);
	default:
		return 0;
	}
}

const struct cxms_xthread *cxms_xengine_thread(const struct cxms_xengine *e, uint32_t pid,
					       uint32_t tid)
{
	return find_thread(e, pid, tid);
}

bool cxms_xengine_knows(const struct cxms_xengine *e, uint32_t pid, uint32_t tid)
{
	return find_thread(e, pid, tid) != NULL;
}

uint64_t cxms_xengine_thread_ps(const struct cxms_xengine *e, uint32_t pid, uint32_t tid,
				unsigned lane)
{
	const struct cxms_xthread *t = find_thread(e, pid, tid);
	return t ? time_of(t, lane) : 0;
}

uint64_t cxms_xengine_end_ps(const struct cxms_xengine *e, unsigned lane)
{
	uint64_t end = 0;
	for (size_t i = 0; i < e->n_thread; i++) {
		uint64_t t = time_of(&e->thread[i], lane);
		end = t > end ? t : end;
	}
	return end;
}

bool cxms_xengine_on_host(const struct cxms_xengine *e, const struct cxms_xthread *t, size_t host)
{
	return !e->n_host || t->space % e->n_host == host;
}

double cxms_xthread_own_ps(const struct cxms_xthread *t, unsigned lane)
{
	uint64_t now = time_of(t, lane), away = t->begun_ps[lane] + t->blocked_ps[lane];
	return now > away ? (double)(now - away) : 0;
}
