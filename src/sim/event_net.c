#include "sim/event_net.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/units.h"
#include "mem/calendar.h"
#include "mem/device.h"
#include "mem/fifo.h"
#include "sim/event_device.h"
#include "sim/fabric.h"

/* The longest a device is busy with what is none of the services of its caps: a refresh. */
#define SLACK_PS UINT64_C(1000000)

/* Slots remembered, log2: 2 ms for windows whose threads lag behind; in order of time, room for the
 * answers to 16,000 requests on their way at once, in a part of a cache. */
#define RING_ANY_ORDER 17u
#define RING_IN_ORDER  13u

enum way { READ, WRITE, WAYS };

/* What a server had promised at the mark. */
struct mark {
	uint64_t busy_ps, end_ps;
};

/*
 * What one limit of a server is asked, beside the books it keeps itself. Where requests come in
 * the order of time, so they do at every server on the way down: a tree of queues keeps it.
 */
struct limit {
	bool is_fifo;
	struct cxms_fifo fifo;
	struct cxms_calendar calendar;
	uint64_t bytes_per_s, ps_per_byte_q16;
	uint64_t asked, asked_bytes, told_wait_ps;
	struct mark mark;
};

/* An input queue: when those that were let in last move on. */
struct queue {
	uint64_t *until; /* ring of the last @size requests; NULL = holds any number */
	uint32_t size, next;
};

/* A device or local memory: what it is asked and tells, beside the books it keeps itself. */
struct memory {
	struct cxms_device *device; /* NULL = the server is none */
	struct queue queue;
	uint64_t asked[WAYS], told_ps;
	struct mark mark;
	uint64_t slack_ps; /* how long it may be busy after its last answer */
};

/* One limit on the way of a request. */
struct step {
	struct limit *limit;
	struct queue *queue;	/* of the link that begins here; NULL elsewhere */
	uint32_t bytes[WAYS];	/* 0 = does not pass it */
	uint64_t fifo_ps[WAYS]; /* services of a fifo */
};

struct route {
	struct step *down, *up;
	size_t n_down, n_up;
	struct memory *memory;
	struct memory *head;   /* what the device is by its host's link alone; NULL = it has one */
	struct memory *behind; /* of what a page buffer lacks: its device; else NULL */
	uint64_t idle_ps;      /* without the tail */
	bool is_direct;	       /* nothing bounds it but its memory's own limits */
	uint64_t early;	       /* requests done before their idle latency */
};

enum part { UP, DOWN, READ_CAP, WRITE_CAP, TOTAL_CAP, PARTS };

struct cxms_net {
	const struct cxms_fabric *fabric;
	struct limit *limit;   /* [fabric.n_server * PARTS] */
	struct queue *queue;   /* [fabric.n_server] of links */
	struct memory *memory; /* [fabric.n_server] */
	struct memory *head;   /* [fabric.n_server] of links */
	struct route *route;   /* [fabric.n_target] */
	struct step *step;     /* of all routes */
	uint64_t *until;       /* of all queues */
	uint64_t first_ps, marked_ps;
	uint64_t past_ps; /* nobody asks for a time before it any more */
};

static const uint32_t wire_down[WAYS] = {(uint32_t)CXMS_WIRE_READ_DOWN_BYTES,
					 (uint32_t)CXMS_WIRE_WRITE_DOWN_BYTES};
static const uint32_t wire_up[WAYS] = {(uint32_t)CXMS_WIRE_READ_UP_BYTES,
				       (uint32_t)CXMS_WIRE_WRITE_UP_BYTES};
static const uint32_t cap_bytes[PARTS][WAYS] = {[READ_CAP] = {CXMS_LINE_BYTES, 0},
						[WRITE_CAP] = {0, CXMS_LINE_BYTES},
						[TOTAL_CAP] = {CXMS_LINE_BYTES, CXMS_LINE_BYTES}};

static uint64_t whole(double bytes_per_s)
{
	return isfinite(bytes_per_s) && bytes_per_s < 9e18 ? (uint64_t)llround(bytes_per_s) : 0;
}

/* Only what goes up is out of order: devices answer when they can. */
static int init_limit(struct limit *l, const struct cxms_net *n, bool in_order,
		      uint64_t bytes_per_s, struct cxms_err *err)
{
	uint32_t ring_bits = in_order ? RING_IN_ORDER : RING_ANY_ORDER;
	struct cxms_calendar *c = &l->calendar;
	if (bytes_per_s == 0)
		return 0;
	l->bytes_per_s = bytes_per_s;
	int rc = cxms_calendar_init_ring(c, bytes_per_s, ring_bits, err);
	c->past_ps = &n->past_ps;
	l->ps_per_byte_q16 = c->ps_per_byte_q16;
	if (l->is_fifo)
		cxms_calendar_fini(c);
	return rc;
}

static int init_server(struct cxms_net *n, size_t server, bool in_order, struct cxms_err *err)
{
	const struct cxms_server *s = &n->fabric->server[server];
	struct limit *l = &n->limit[server * PARTS];
	const double device[PARTS] = {
		[READ_CAP] = s->read_cap, [WRITE_CAP] = s->write_cap, [TOTAL_CAP] = s->total_cap};
	const double link[PARTS] = {[UP] = s->dir_bytes_per_s, [DOWN] = s->dir_bytes_per_s};
	const double *rate = s->kind == CXMS_SERVER_LINK ? link : device;
	int rc = 0;
	for (int p = 0; p < PARTS && !rc; p++) {
		l[p].is_fifo = in_order && p != UP;
		rc = init_limit(&l[p], n, in_order, whole(rate[p]), err);
	}
	return rc;
}

static void add_step(struct limit *l, const uint32_t bytes[WAYS], struct queue *q, struct step *to,
		     size_t *n)
{
	if (l->bytes_per_s == 0)
		return;
	struct step *s = &to[(*n)++];
	*s = (struct step){.limit = l, .queue = q};
	for (int w = READ; w < WAYS; w++) {
		s->bytes[w] = bytes[w];
		s->fifo_ps[w] = (bytes[w] * l->ps_per_byte_q16) >> 16;
	}
}

static void add_caps(struct limit *l, struct step *to, size_t *n)
{
	for (int p = READ_CAP; p < PARTS; p++)
		add_step(&l[p], cap_bytes[p], NULL, to, n);
}

/* The fabric's includes the mean of the device's tail, which the device adds one by one. */
static uint64_t idle_of(const struct cxms_fabric_target *t)
{
	return (uint64_t)llround(t->idle_ps - t->tail_ps);
}

/* The servers of a target are listed from the device up; a request comes from above. */
static void build_route(struct cxms_net *n, const struct cxms_fabric_target *t, struct step *room,
			struct route *r)
{
	const struct cxms_fabric *f = n->fabric;
	r->idle_ps = idle_of(t);
	r->memory = &n->memory[t->server[0]];
	for (size_t i = 0; i < t->n_server; i++)
		if (n->head[t->server[i]].device)
			r->head = &n->head[t->server[i]];
	if (t->page_bytes > 0)
		r->behind = &n->memory[t->server[1]];
	r->down = room;
	for (size_t i = t->n_server; i-- > 1;) {
		size_t s = t->server[i];
		if (f->server[s].kind == CXMS_SERVER_LINK)
			add_step(&n->limit[s * PARTS + DOWN], wire_down, &n->queue[s], r->down,
				 &r->n_down);
		else
			add_caps(&n->limit[s * PARTS], r->down, &r->n_down);
	}
	r->up = r->down + r->n_down;
	for (size_t i = 1; i < t->n_server; i++) {
		size_t s = t->server[i];
		if (f->server[s].kind == CXMS_SERVER_LINK)
			add_step(&n->limit[s * PARTS + UP], wire_up, NULL, r->up, &r->n_up);
	}
}

/* Such a way asks its memory and no one else. */
static bool is_direct(const struct route *r)
{
	return r->n_down == 0 && r->n_up == 0 && !r->memory->queue.until && !r->head && !r->behind;
}

static size_t count_steps(const struct cxms_fabric *f)
{
	size_t most = 0;
	for (size_t t = 0; t < f->n_target; t++)
		most += f->target[t].n_server * PARTS;
	return most;
}

/* What a curve adds is latency of a device as a whole, not time in its input queue; and memory on
 * the host's own channels has another one. */
static bool has_queue(const struct cxms_fabric *f, size_t server, enum cxms_device_kind kind)
{
	bool local = f->part && f->part[server].part == CXMS_PART_LOCAL;
	return !local && kind != CXMS_DEVICE_TYPICAL && kind != CXMS_DEVICE_CURVE;
}

static int make_memory(const struct cxms_device_cfg *d, struct memory *m, struct cxms_err *err)
{
	double slowest = fmin(d->read_cap, fmin(d->write_cap, d->total_cap));
	double line_ps = CXMS_LINE_BYTES * (double)CXMS_PS_PER_S / slowest;
	m->slack_ps = SLACK_PS + (uint64_t)(4 * line_ps * fmax(1, d->channels)); /* two slots */
	return cxms_device_new(d, &m->device, err);
}

static int init_memory(struct cxms_net *n, size_t server, const struct cxms_net_cfg *cfg,
		       struct cxms_err *err)
{
	struct memory *m = &n->memory[server];
	struct cxms_device_cfg d;
	if (m->device)
		return 0;
	cxms_event_device(cfg, server, &d);
	d.past_ps = &n->past_ps;
	m->queue.size = has_queue(n->fabric, server, d.kind) ? cfg->device_credits : 0;
	return make_memory(&d, m, err);
}

/* Of the links on the way to a target, the one that is a head of its device. */
static int init_head(struct cxms_net *n, const struct cxms_fabric_target *t,
		     const struct cxms_net_cfg *cfg, struct cxms_err *err)
{
	const struct cxms_fabric *f = n->fabric;
	struct cxms_device_cfg d;
	int rc = 0;
	for (size_t i = 0; i < t->n_server && !rc; i++) {
		struct memory *head = &n->head[t->server[i]];
		if (f->server[t->server[i]].kind != CXMS_SERVER_LINK || head->device ||
		    !cxms_event_head(cfg, t->server[i], &d))
			continue;
		d.past_ps = &n->past_ps;
		rc = make_memory(&d, head, err);
	}
	return rc;
}

static int init_queues(struct cxms_net *n, const struct cxms_net_cfg *cfg)
{
	const struct cxms_fabric *f = n->fabric;
	size_t sum = 0;
	for (size_t s = 0; s < f->n_server; s++) {
		n->queue[s].size = f->server[s].kind == CXMS_SERVER_LINK ? cfg->link_credits : 0;
		sum += n->queue[s].size + n->memory[s].queue.size;
	}
	uint64_t *room = n->until = calloc(sum + 1, sizeof(*n->until));
	for (size_t s = 0; s < f->n_server && room; s++) {
		n->queue[s].until = n->queue[s].size ? room : NULL;
		room += n->queue[s].size;
		n->memory[s].queue.until = n->memory[s].queue.size ? room : NULL;
		room += n->memory[s].queue.size;
	}
	return n->until ? 0 : -ENOMEM;
}

int cxms_net_new(const struct cxms_net_cfg *cfg, struct cxms_net **out, struct cxms_err *err)
{
	const struct cxms_fabric *f = cfg->fabric;
	struct cxms_net *n = calloc(1, sizeof(*n));
	int rc = 0;
	if (!n)
		return cxms_fail(err, ENOMEM, "out of memory for the fabric");
	n->fabric = f;
	n->limit = calloc(f->n_server * PARTS, sizeof(*n->limit));
	n->queue = calloc(f->n_server, sizeof(*n->queue));
	n->route = calloc(f->n_target, sizeof(*n->route));
	n->step = calloc(count_steps(f) + 1, sizeof(*n->step));
	n->memory = calloc(f->n_server, sizeof(*n->memory));
	n->head = calloc(f->n_server, sizeof(*n->head));
	n->first_ps = UINT64_MAX;
	if (!n->limit || !n->queue || !n->route || !n->step || !n->memory || !n->head)
		rc = cxms_fail(err, ENOMEM, "out of memory for the fabric");
	for (size_t t = 0; t < f->n_target && !rc; t++)
		rc = init_memory(n, f->target[t].server[0], cfg, err);
	for (size_t t = 0; t < f->n_target && !rc; t++)
		rc = init_head(n, &f->target[t], cfg, err);
	if (!rc && init_queues(n, cfg))
		rc = cxms_fail(err, ENOMEM, "out of memory for the fabric");
	for (size_t s = 0; s < f->n_server && !rc; s++)
		if (!n->memory[s].device)
			rc = init_server(n, s, cfg->link_credits > 0, err);
	struct step *room = n->step;
	for (size_t t = 0; t < f->n_target && !rc; t++) {
		build_route(n, &f->target[t], room, &n->route[t]);
		room = n->route[t].up + n->route[t].n_up;
		n->route[t].is_direct = is_direct(&n->route[t]);
	}
	if (rc) {
		cxms_net_free(n);
		return rc;
	}
	*out = n;
	return 0;
}

void cxms_net_free(struct cxms_net *n)
{
	if (!n)
		return;
	for (size_t i = 0; n->limit && i < n->fabric->n_server * PARTS; i++)
		cxms_calendar_fini(&n->limit[i].calendar);
	for (size_t i = 0; n->memory && i < n->fabric->n_server; i++)
		cxms_device_free(n->memory[i].device);
	for (size_t i = 0; n->head && i < n->fabric->n_server; i++)
		cxms_device_free(n->head[i].device);
	free(n->limit);
	free(n->memory);
	free(n->head);
	free(n->queue);
	free(n->route);
	free(n->step);
	free(n->until);
	free(n);
}

/* When a request that comes at @at_ps finds room. */
static inline uint64_t enter(const struct queue *q, uint64_t at_ps)
{
	return q->until && q->until[q->next] > at_ps ? q->until[q->next] : at_ps;
}

/* It moves on at @at_ps, not before those that came before it. */
static inline void leave(struct queue *q, uint64_t at_ps)
{
	if (!q->until)
		return;
	uint64_t before = q->until[q->next ? q->next - 1 : q->size - 1];
	q->until[q->next] = at_ps > before ? at_ps : before;
	q->next = q->next + 1 == q->size ? 0 : q->next + 1;
}

/* Until the queue before a cap of the other kind has room: nobody may wait for what fills it. */
static uint64_t held_ps(struct limit *l, uint64_t at_ps)
{
	uint64_t queue = (CXMS_DEVICE_QUEUE_LINES * CXMS_LINE_BYTES * l->ps_per_byte_q16) >> 16;
	uint64_t free_ps = l->is_fifo ? l->fifo.free_ps
				      : at_ps + cxms_calendar_backlog_ps(&l->calendar, at_ps);
	return free_ps > at_ps + queue ? free_ps - at_ps - queue : 0;
}

static inline uint64_t pass(const struct step *s, enum way way, uint64_t at_ps)
{
	struct limit *l = s->limit;
	uint32_t bytes = s->bytes[way];
	if (bytes == 0)
		return at_ps + held_ps(l, at_ps);
	uint64_t wait = l->is_fifo ? cxms_fifo_take(&l->fifo, at_ps, s->fifo_ps[way], bytes)
				   : cxms_calendar_take(&l->calendar, at_ps, bytes);
	l->asked++;
	l->asked_bytes += bytes;
	l->told_wait_ps += wait;
	return at_ps + wait;
}

/* Return: what the device adds. */
static inline uint64_t ask(struct memory *m, enum way way, uint64_t dpa, uint64_t at_ps)
{
	uint64_t added = cxms_device_request(m->device, way == WRITE, dpa, at_ps);
	m->asked[way]++;
	m->told_ps += added;
	return added;
}

/* The device answers as its fullest part has it: what all hosts share, or the host's link. */
static inline uint64_t ask_device(const struct route *r, enum way way, uint64_t dpa, uint64_t at_ps)
{
	uint64_t added = ask(r->memory, way, dpa, at_ps);
	uint64_t alone = r->head ? ask(r->head, way, dpa, at_ps) : 0;
	return alone > added ? alone : added;
}

/* Through links and queues to the memory, and back up. */
static uint64_t go_through(struct route *r, enum way way, uint64_t dpa, uint64_t at_ps)
{
	struct memory *m = r->memory;
	struct queue *in = NULL;
	uint64_t at = at_ps;
	for (const struct step *s = r->down, *end = s + r->n_down; s < end; s++) {
		if (s->queue) {
			at = enter(s->queue, at);
			if (in)
				leave(in, at);
			in = s->queue;
		}
		at = pass(s, way, at);
	}
	at = enter(&m->queue, at);
	if (in)
		leave(in, at);
	at += ask_device(r, way, dpa, at);
	leave(&m->queue, at);
	if (r->behind) /* the page is in the buffer now, which passes the line as any other */
		at += ask(r->behind, way, dpa, at);
	at += r->idle_ps;
	for (size_t i = 0; i < r->n_up; i++)
		at = pass(&r->up[i], way, at);
	return at - at_ps;
}

uint64_t cxms_net_request(struct cxms_net *n, uint32_t target, bool write, uint64_t dpa,
			  uint64_t at_ps)
{
	struct route *r = &n->route[target];
	enum way way = write ? WRITE : READ;
	if (at_ps < n->first_ps)
		n->first_ps = at_ps;
	if (r->is_direct)
		return r->idle_ps + ask(r->memory, way, dpa, at_ps);
	uint64_t latency = go_through(r, way, dpa, at_ps);
	r->early += latency < r->idle_ps;
	return latency;
}

static struct cxms_device_sums sums_of(const struct memory *m)
{
	struct cxms_device_sums s;
	cxms_device_sums(m->device, &s);
	return s;
}

/* What a limit says of itself. */
struct books {
	uint64_t requests, bytes, busy_ps, wait_ps, late;
	uint64_t end_ps;  /* of the last service promised */
	uint64_t edge_ps; /* how long before a request its slot may begin */
};

static struct books books_of(const struct limit *l)
{
	const struct cxms_calendar *c = &l->calendar;
	const struct cxms_fifo *f = &l->fifo;
	if (l->is_fifo)
		return (struct books){f->requests, f->bytes,   f->busy_ps, f->wait_ps,
				      0,	   f->free_ps, 0};
	return (struct books){c->requests, c->bytes, c->busy_ps,
			      c->wait_ps,  c->late,  (c->latest + 1) << c->slot_bits,
			      c->slot_ps};
}

void cxms_net_forget(struct cxms_net *n, uint64_t before_ps)
{
	n->past_ps = before_ps;
}

uint64_t cxms_net_late(const struct cxms_net *n)
{
	uint64_t late = 0;
	for (size_t i = 0; i < n->fabric->n_server * PARTS; i++)
		late += books_of(&n->limit[i]).late;
	for (size_t i = 0; i < n->fabric->n_server; i++)
		late += n->memory[i].device ? sums_of(&n->memory[i]).late : 0;
	return late;
}

uint64_t cxms_net_served(const struct cxms_net *n)
{
	uint64_t served = 0;
	for (size_t i = 0; i < n->fabric->n_server * PARTS; i++)
		served += books_of(&n->limit[i]).requests;
	for (size_t i = 0; i < n->fabric->n_server; i++) {
		struct cxms_device_sums s = {0};
		if (n->memory[i].device)
			s = sums_of(&n->memory[i]);
		served += s.reads + s.writes;
	}
	return served;
}

static struct mark now_of(const struct limit *l)
{
	struct books b = books_of(l);
	return (struct mark){b.busy_ps, b.end_ps};
}

static struct mark now_of_memory(const struct memory *m)
{
	struct cxms_device_sums s = sums_of(m);
	return (struct mark){s.busy_ps, s.latest_ps};
}

void cxms_net_mark(struct cxms_net *n, uint64_t at_ps)
{
	n->marked_ps = at_ps;
	for (size_t i = 0; i < n->fabric->n_server * PARTS; i++)
		n->limit[i].mark = now_of(&n->limit[i]);
	for (size_t i = 0; i < n->fabric->n_server; i++)
		if (n->memory[i].device)
			n->memory[i].mark = now_of_memory(&n->memory[i]);
}

static double after(uint64_t end_ps, uint64_t ps)
{
	return end_ps > ps ? (double)(end_ps - ps) : 0;
}

/* What was promised since the mark, and before it for later, but for what is promised for later. */
static double share(const struct cxms_net *n, const struct mark *from, struct mark to,
		    uint64_t until_ps)
{
	double busy = (double)(to.busy_ps - from->busy_ps) + after(from->end_ps, n->marked_ps) -
		      after(to.end_ps, until_ps);
	return until_ps > n->marked_ps ? busy / (double)(until_ps - n->marked_ps) : 0;
}

double cxms_net_utilization(const struct cxms_net *n, uint32_t target, uint64_t until_ps)
{
	const struct cxms_fabric_target *t = &n->fabric->target[target];
	const struct memory *m = n->route[target].memory;
	double most = fmax(0, share(n, &m->mark, now_of_memory(m), until_ps));
	for (size_t i = 1; i < t->n_server; i++)
		for (size_t p = 0; p < PARTS; p++) {
			const struct limit *l = &n->limit[t->server[i] * PARTS + p];
			most = fmax(most, share(n, &l->mark, now_of(l), until_ps));
		}
	return fmin(1, most); /* the edge of a slot; capacity is checked on its own */
}

/* Each service is rounded to a ps, and the time of a byte to a 2^-16th of one. */
static bool near_service(const struct limit *l, uint64_t busy_ps)
{
	double want = (double)l->asked_bytes * (double)CXMS_PS_PER_S / (double)l->bytes_per_s;
	double off = (double)l->asked + want / (double)l->ps_per_byte_q16;
	return fabs((double)busy_ps - want) <= off;
}

static int check_limit(const struct cxms_net *n, size_t server, const struct limit *l,
		       struct cxms_err *err)
{
	struct books b = books_of(l);
	if (b.requests != l->asked || b.bytes != l->asked_bytes)
		return cxms_fail(
			err, EPROTO, "self-check: server %zu passed %llu bytes of %llu asked of it",
			server, (unsigned long long)b.bytes, (unsigned long long)l->asked_bytes);
	if (b.wait_ps != l->told_wait_ps || (b.late == 0 && !near_service(l, b.busy_ps)))
		return cxms_fail(err, EPROTO,
				 "self-check: server %zu: requests x time there is not its own sum "
				 "(Little)",
				 server);
	if (l->asked && b.late == 0 && b.busy_ps > b.end_ps + b.edge_ps - n->first_ps)
		return cxms_fail(err, EPROTO, "self-check: server %zu is above its capacity",
				 server);
	return 0;
}

static int check_memory(const struct cxms_net *n, size_t server, const struct memory *m,
			struct cxms_err *err)
{
	struct cxms_device_sums s = sums_of(m);
	if (s.reads != m->asked[READ] || s.writes != m->asked[WRITE] ||
	    s.bytes != (m->asked[READ] + m->asked[WRITE]) * CXMS_LINE_BYTES)
		return cxms_fail(err, EPROTO,
				 "self-check: device %zu passed %llu lines of %llu asked of it",
				 server, (unsigned long long)(s.reads + s.writes),
				 (unsigned long long)(m->asked[READ] + m->asked[WRITE]));
	if (s.added_ps != m->told_ps)
		return cxms_fail(err, EPROTO,
				 "self-check: device %zu: requests x time there is not its own sum "
				 "(Little)",
				 server);
	if (s.bytes && s.late == 0 && s.busy_ps > s.latest_ps + m->slack_ps - n->first_ps)
		return cxms_fail(err, EPROTO, "self-check: device %zu is above its capacity",
				 server);
	return 0;
}

int cxms_net_check(const struct cxms_net *n, struct cxms_err *err)
{
	int rc = 0;
	for (size_t i = 0; i < n->fabric->n_server * PARTS && !rc; i++)
		if (n->limit[i].bytes_per_s)
			rc = check_limit(n, i / PARTS, &n->limit[i], err);
	for (size_t i = 0; i < n->fabric->n_server && !rc; i++)
		if (n->memory[i].device)
			rc = check_memory(n, i, &n->memory[i], err);
	for (size_t i = 0; i < n->fabric->n_server && !rc; i++)
		if (n->head[i].device)
			rc = check_memory(n, i, &n->head[i], err);
	for (size_t t = 0; t < n->fabric->n_target && !rc; t++)
		if (n->route[t].early)
			rc = cxms_fail(err, EPROTO,
				       "self-check: '%s' answered before its idle latency",
				       n->fabric->target[t].name);
	return rc;
}
