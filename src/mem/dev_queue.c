/* QUEUE: channels in parallel, chosen by the address, with time lost between reads and writes. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/units.h"
#include "mem/device_priv.h"

#define MAX_CHANNELS 256u
#define RING_BITS    15u /* 0.5 ms or more, as channels are many */
/* Lines of a run that go to the channels one after the other; runs begin anywhere. */
#define RUN_LINES 64u

struct channel {
	struct cxms_calendar time;
	bool write; /* kind of the last request */
};

struct queue {
	uint32_t n;
	uint64_t line_ps;
	struct channel channel[];
};

static int init(struct cxms_device *d, struct cxms_err *err)
{
	const struct cxms_device_cfg *cfg = &d->cfg;
	if (cfg->channels == 0 || cfg->channels > MAX_CHANNELS)
		return cxms_fail(err, EINVAL, "channels of a device must be 1 .. %u, got %u",
				 MAX_CHANNELS, cfg->channels);
	if (cfg->turnaround_ps > CXMS_PS_PER_S)
		return cxms_fail(err, EINVAL, "turnaround of a device must be 1 s or less");
	struct queue *q = d->state = calloc(1, sizeof(*q) + cfg->channels * sizeof(q->channel[0]));
	if (!q)
		return cxms_fail(err, ENOMEM, "out of memory for a device");
	q->line_ps =
		cxms_device_service_ps(cfg->channels * (double)CXMS_LINE_BYTES, cfg->total_cap);
	int rc = 0;
	for (; q->n < cfg->channels && !rc; q->n++)
		rc = cxms_calendar_init_ps(&q->channel[q->n].time, q->line_ps + cfg->turnaround_ps,
					   RING_BITS, err);
	return rc;
}

static void fini(struct cxms_device *d)
{
	struct queue *q = d->state;
	for (uint32_t i = 0; i < q->n; i++)
		cxms_calendar_fini(&q->channel[i].time);
	free(q);
}

static struct channel *channel_of(struct queue *q, uint64_t dpa)
{
	uint64_t line = dpa / CXMS_LINE_BYTES;
	uint32_t first = (uint32_t)cxms_hash_u64(line / RUN_LINES);
	return &q->channel[(first + (uint32_t)(line % RUN_LINES)) % q->n];
}

static uint64_t request(struct cxms_device *d, bool write, uint64_t dpa, uint64_t at_ps)
{
	struct queue *q = d->state;
	struct channel *c = channel_of(q, dpa);
	uint64_t turn = c->write != write ? d->cfg.turnaround_ps : 0;
	c->write = write;
	uint64_t wait = cxms_calendar_take_ps(&c->time, at_ps, q->line_ps + turn);
	return wait ? wait + turn : 0; /* a free channel has turned already */
}

static void sums(const struct cxms_device *d, struct cxms_device_sums *out)
{
	const struct queue *q = d->state;
	for (uint32_t i = 0; i < q->n; i++)
		cxms_device_sum(&q->channel[i].time, out);
}

const struct cxms_device_ops cxms_device_queue = {init, request, sums, fini};
