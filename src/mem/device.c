#include "mem/device.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/units.h"
#include "mem/device_priv.h"

static const struct cxms_device_ops *const kinds[] = {
	[CXMS_DEVICE_TYPICAL] = &cxms_device_loaded, [CXMS_DEVICE_FIXED] = NULL,
	[CXMS_DEVICE_QUEUE] = &cxms_device_queue,    [CXMS_DEVICE_BANK] = &cxms_device_bank,
	[CXMS_DEVICE_CURVE] = &cxms_device_loaded,   [CXMS_DEVICE_PAGED] = &cxms_device_paged,
};

/* The slowest server that a calendar can time in slots of at most a millisecond. */
#define LEAST_BYTES_PER_S 1e3

/* A whole number of ps that came out a few ulps higher stays itself when rounded up. */
#define ROUNDING 1e-12

/* Whole bytes/s for a calendar; 0 = unbounded. */
static uint64_t whole_rate(double bytes_per_s)
{
	return bytes_per_s < 9e18 ? (uint64_t)llround(bytes_per_s) : 0;
}

uint64_t cxms_device_service_ps(double bytes, double bytes_per_s)
{
	double ps = bytes / bytes_per_s * (double)CXMS_PS_PER_S;
	return ps > 0 ? (uint64_t)ceil(ps * (1 - ROUNDING)) : 0;
}

void cxms_device_sum(const struct cxms_calendar *c, struct cxms_device_sums *out)
{
	out->busy_ps = c->busy_ps > out->busy_ps ? c->busy_ps : out->busy_ps;
	out->late += c->late;
}

static int check_cfg(const struct cxms_device_cfg *cfg, struct cxms_err *err)
{
	if ((unsigned)cfg->kind >= sizeof(kinds) / sizeof(kinds[0]))
		return cxms_fail(err, EINVAL, "unknown kind of device %d", (int)cfg->kind);
	if (!(cfg->read_cap >= LEAST_BYTES_PER_S && cfg->write_cap >= LEAST_BYTES_PER_S &&
	      cfg->total_cap >= LEAST_BYTES_PER_S))
		return cxms_fail(err, EINVAL,
				 "bandwidth of a device must be 1 kB/s or more, or unlimited");
	if (cfg->tail_p999_ps && cfg->tail_p999_ps < cfg->tail_p99_ps)
		return cxms_fail(err, EINVAL, "a device's p999 is below its p99");
	return 0;
}

int cxms_device_new(const struct cxms_device_cfg *cfg, struct cxms_device **out,
		    struct cxms_err *err)
{
	int rc = check_cfg(cfg, err);
	if (rc)
		return rc;
	struct cxms_device *d = calloc(1, sizeof(*d));
	if (!d)
		return cxms_fail(err, ENOMEM, "out of memory for a device");
	d->cfg = *cfg;
	d->ops = kinds[cfg->kind];
	cxms_tail_init(&d->tail, cfg->tail_p99_ps, cfg->tail_p999_ps, cfg->seed);
	rc = cxms_calendar_init(&d->read, whole_rate(cfg->read_cap), err);
	if (!rc)
		rc = cxms_calendar_init(&d->write, whole_rate(cfg->write_cap), err);
	/* the channels of a QUEUE share the total among them */
	if (!rc && cfg->kind != CXMS_DEVICE_QUEUE)
		rc = cxms_calendar_init(&d->total, whole_rate(cfg->total_cap), err);
	d->read.past_ps = d->write.past_ps = d->total.past_ps = cfg->past_ps;
	if (!rc && d->ops)
		rc = d->ops->init(d, err);
	if (rc) {
		cxms_device_free(d);
		return rc;
	}
	*out = d;
	return 0;
}

void cxms_device_free(struct cxms_device *d)
{
	if (!d)
		return;
	if (d->ops && d->state)
		d->ops->fini(d);
	cxms_calendar_fini(&d->read);
	cxms_calendar_fini(&d->write);
	cxms_calendar_fini(&d->total);
	free(d);
}

/* Until the queue has room, where the other kind of request fills it. */
static uint64_t held_ps(struct cxms_calendar *other, uint64_t at_ps)
{
	if (!other->slot)
		return 0;
	uint64_t queue = (CXMS_DEVICE_QUEUE_LINES * CXMS_LINE_BYTES * other->ps_per_byte_q16) >> 16;
	uint64_t backlog = cxms_calendar_backlog_ps(other, at_ps);
	return backlog > queue ? backlog - queue : 0;
}

/* A line's wait at a cap: most devices have one of three. */
static uint64_t wait_at(struct cxms_calendar *cap, uint64_t at_ps)
{
	return cap->slot ? cxms_calendar_take(cap, at_ps, CXMS_LINE_BYTES) : 0;
}

/* The kind's own time and the caps' run together: a device that is slow by its banks is not slowed
 * again for the same bytes. */
uint64_t cxms_device_request(struct cxms_device *d, bool write, uint64_t dpa, uint64_t at_ps)
{
	uint64_t caps = held_ps(write ? &d->read : &d->write, at_ps);
	caps += wait_at(write ? &d->write : &d->read, at_ps + caps);
	caps += wait_at(&d->total, at_ps + caps);
	uint64_t added = d->ops ? d->ops->request(d, write, dpa, at_ps) : 0;
	added = added > caps ? added : caps;
	if (d->cfg.tail_p99_ps || d->cfg.tail_p999_ps)
		added += cxms_tail_ps(&d->tail, d->reads + d->writes);
	d->reads += !write;
	d->writes += write;
	d->added_ps += added;
	d->latest_ps = at_ps + added > d->latest_ps ? at_ps + added : d->latest_ps;
	return added;
}

void cxms_device_sums(const struct cxms_device *d, struct cxms_device_sums *out)
{
	*out = (struct cxms_device_sums){.reads = d->reads,
					 .writes = d->writes,
					 .bytes = (d->reads + d->writes) * CXMS_LINE_BYTES,
					 .added_ps = d->added_ps,
					 .latest_ps = d->latest_ps};
	cxms_device_sum(&d->read, out);
	cxms_device_sum(&d->write, out);
	cxms_device_sum(&d->total, out);
	if (d->ops)
		d->ops->sums(d, out);
}
