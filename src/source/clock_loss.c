/* Page faults that a ring had no room for: those that records of one in many tell of are told. */
#include "source/clock_priv.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>

int clock_loss_init(struct clock *c, struct cxms_err *err)
{
	for (unsigned i = 0; i < c->rings.n; i++)
		if (c->rings.ring[i].cpu >= c->n_loss)
			c->n_loss = c->rings.ring[i].cpu + 1;
	c->loss = calloc(c->n_loss ? c->n_loss : 1, sizeof(*c->loss));
	return c->loss ? 0 : cxms_fail(err, ENOMEM, "out of memory for rings");
}

struct clock_loss *clock_loss_of(struct clock *c, uint32_t cpu)
{
	return cpu < c->n_loss ? &c->loss[cpu] : NULL;
}

void clock_loss_add(struct clock *c, uint64_t time_ns, uint32_t cpu, uint64_t count)
{
	struct clock_loss *loss = clock_loss_of(c, cpu);

	if (loss) {
		loss->is_open = true;
		loss->lost += count;
	} else if (count) {
		clock_lost(c, CXMS_PERF_FAULTS, time_ns, cpu, count);
	}
}

void clock_loss_settle(struct clock *c, uint64_t time_ns, uint32_t cpu)
{
	struct clock_loss *loss = clock_loss_of(c, cpu);

	if (loss && loss->lost > loss->told)
		clock_lost(c, CXMS_PERF_FAULTS, time_ns, cpu, loss->lost - loss->told);
	if (loss)
		*loss = (struct clock_loss){0};
}

/* Records of one in many that were lost say nothing of how many faults each stood for; the count of
 * all faults does. */
void clock_loss_end(struct clock *c, uint64_t time_ns)
{
	uint64_t lost_side = 0, known, faults;

	for (unsigned cpu = 0; cpu < c->n_loss; cpu++)
		clock_loss_settle(c, time_ns, cpu);
	for (unsigned i = 0; i < c->rings.n; i++)
		if (c->rings.ring[i].event == CXMS_PERF_SIDE && !c->rings.ring[i].hw)
			lost_side += c->rings.ring[i].lost_told;
	if (!lost_side)
		return;
	known = c->told_faults + c->lost_faults;
	faults = cxms_clock_rings_count_faults(&c->rings);
	if (faults > known)
		clock_lost(c, CXMS_PERF_FAULTS, time_ns, 0, faults - known);
}
