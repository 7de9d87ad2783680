#include "sim/xfabric.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/units.h"

static uint64_t whole(double bytes_per_s)
{
	return isfinite(bytes_per_s) && bytes_per_s < 9e18 ? (uint64_t)llround(bytes_per_s) : 0;
}

static int init_server(struct cxms_calendar *c, const struct cxms_server *s, struct cxms_err *err)
{
	const double device[CXMS_XP_COUNT] = {[CXMS_XP_READ] = s->read_cap,
					      [CXMS_XP_WRITE] = s->write_cap,
					      [CXMS_XP_TOTAL] = s->total_cap};
	const double link[CXMS_XP_COUNT] = {
		[CXMS_XP_UP] = s->dir_bytes_per_s, [CXMS_XP_DOWN] = s->dir_bytes_per_s};
	const double *rate = s->kind == CXMS_SERVER_LINK ? link : device;
	int rc = 0;
	for (int p = 0; p < CXMS_XP_COUNT && !rc; p++)
		rc = cxms_calendar_init(&c[p], whole(rate[p]), err);
	return rc;
}

int cxms_xlane_init(struct cxms_xlane *x, const struct cxms_fabric *f, struct cxms_err *err)
{
	*x = (struct cxms_xlane){0};
	x->server = calloc(f->n_server * CXMS_XP_COUNT, sizeof(*x->server));
	x->target = calloc(f->n_target, sizeof(*x->target));
	int rc = x->server && x->target ? 0 : cxms_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < f->n_server && !rc; i++)
		rc = init_server(&x->server[i * CXMS_XP_COUNT], &f->server[i], err);
	if (rc)
		cxms_xlane_fini(x, f);
	return rc;
}

void cxms_xlane_fini(struct cxms_xlane *x, const struct cxms_fabric *f)
{
	for (size_t i = 0; x->server && i < f->n_server * CXMS_XP_COUNT; i++)
		cxms_calendar_fini(&x->server[i]);
	free(x->server);
	free(x->target);
	*x = (struct cxms_xlane){0};
}

static uint64_t pass(struct cxms_calendar *c, uint64_t at, double bytes)
{
	return c->ps_per_byte_q16 ? cxms_calendar_take(c, at, (uint32_t)lround(bytes)) : 0;
}

/* One server of the way: the request, then its data. */
static uint64_t serve(struct cxms_calendar *c, bool write, uint64_t at)
{
	uint64_t wait = pass(&c[CXMS_XP_DOWN], at,
			     write ? CXMS_WIRE_WRITE_DOWN_BYTES : CXMS_WIRE_READ_DOWN_BYTES);
	wait += pass(&c[write ? CXMS_XP_WRITE : CXMS_XP_READ], at + wait, CXMS_LINE_BYTES);
	wait += pass(&c[CXMS_XP_TOTAL], at + wait, CXMS_LINE_BYTES);
	wait += pass(&c[CXMS_XP_UP], at + wait,
		     write ? CXMS_WIRE_WRITE_UP_BYTES : CXMS_WIRE_READ_UP_BYTES);
	return wait;
}

void cxms_xlane_request(struct cxms_xlane *x, const struct cxms_fabric *f, uint32_t target,
			enum cxms_xrequest kind, uint64_t at_ps, struct cxms_xreply *out)
{
	const struct cxms_fabric_target *t = &f->target[target];
	struct cxms_xtarget_sum *sum = &x->target[target];
	bool write = kind == CXMS_XR_WRITE;
	uint64_t wait = 0;
	/* the servers of a target are listed from the device up; a request comes from above */
	for (size_t i = t->n_server; i-- > 0;)
		wait += serve(&x->server[t->server[i] * CXMS_XP_COUNT], write, at_ps + wait);
	*out = (struct cxms_xreply){.latency_ps = (uint64_t)t->idle_ps + wait,
				    .queue_ps = wait,
				    .switch_ps = (uint64_t)t->switch_ps,
				    .target = target};
	if (write) {
		sum->writes++;
		return;
	}
	sum->reads++;
	sum->latency_ps += out->latency_ps;
	sum->wait_ps += wait;
}

uint64_t cxms_xlane_late(const struct cxms_xlane *x, const struct cxms_fabric *f)
{
	uint64_t late = 0;
	for (size_t i = 0; i < f->n_server * CXMS_XP_COUNT; i++)
		late += x->server[i].late;
	return late;
}

double cxms_xlane_utilization(const struct cxms_xlane *x, const struct cxms_fabric *f,
			      uint32_t target, uint64_t time_ps)
{
	const struct cxms_fabric_target *t = &f->target[target];
	double most = 0;
	for (size_t i = 0; i < t->n_server && time_ps > 0; i++)
		for (int p = 0; p < CXMS_XP_COUNT; p++) {
			const struct cxms_calendar *c =
				&x->server[t->server[i] * CXMS_XP_COUNT + (size_t)p];
			/* what was posted last is served after the last retirement */
			uint64_t until = (c->latest + 1) * c->slot_ps;
			if (until < time_ps)
				until = time_ps;
			most = fmax(most, (double)c->busy_ps / (double)until);
		}
	return most;
}
