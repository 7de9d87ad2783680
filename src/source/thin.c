#include "source/thin.h"

#include <stddef.h>

/* Recording each costs 0.65 us (KVM guest, AMD Zen 4): below so many a second less than 1.5 % of a
 * CPU. */
#define THIN_FROM_PER_S 20000u
#define FULL_FROM_PER_S 10000u
#define ROUND_NS	30000000u
#define NS_PER_S	1000000000ull
/* Of a window's faults so many may be outside of runs: one in sixteen. */
#define STRAY_SHARE 16u
/* A thread that changes CPUs is one of many on each: several times the period may pass. */
#define GAP_MAX (4u * CXMS_THIN_PERIOD)
/* A huge page, in base pages: no run steps farther. */
#define STEP_MAX 512

/* How many steps @run is before the fault; 0 = it does not lead there. */
static uint64_t steps_to(const struct cxms_fault_run *run, const struct cxms_thin_fault *f)
{
	int64_t diff = (int64_t)(f->page - run->page);
	uint64_t most = f->is_one_of_many || run->is_behind ? GAP_MAX : 1;

	if (!run->step || run->page < f->first_page || run->page >= f->end_page ||
	    diff % run->step || diff / run->step < 1 || (uint64_t)(diff / run->step) > most)
		return 0;
	return (uint64_t)(diff / run->step);
}

static struct cxms_fault_run *find_run(struct cxms_fault_runs *runs,
				       const struct cxms_thin_fault *f, uint64_t *steps)
{
	struct cxms_fault_run *best = NULL;

	for (unsigned i = 0; i < runs->n; i++) {
		uint64_t n = steps_to(&runs->run[i], f);

		if (n && (!best || n < *steps)) {
			best = &runs->run[i];
			*steps = n;
		}
	}
	return best;
}

static bool is_head(const struct cxms_fault_runs *runs, uint64_t page)
{
	for (unsigned i = 0; i < runs->n; i++)
		if (runs->run[i].page == page)
			return true;
	return false;
}

/* Near the only page of a run it gives that run its step; else one begins, in place of the one that
 * was followed longest ago. */
static void begin_run(struct cxms_fault_runs *runs, const struct cxms_thin_fault *f)
{
	struct cxms_fault_run *oldest = &runs->run[0];
	int64_t step;

	for (unsigned i = 0; i < runs->n && !f->is_one_of_many; i++) {
		step = (int64_t)(f->page - runs->run[i].page);
		if (runs->run[i].step || step < -STEP_MAX || step > STEP_MAX)
			continue;
		runs->run[i] = (struct cxms_fault_run){
			.page = f->page, .time_ns = f->time_ns, .step = step};
		return;
	}
	for (unsigned i = 1; i < runs->n; i++)
		if (runs->run[i].time_ns < oldest->time_ns)
			oldest = &runs->run[i];
	if (runs->n < CXMS_THIN_RUNS)
		oldest = &runs->run[runs->n++];
	*oldest = (struct cxms_fault_run){.page = f->page, .time_ns = f->time_ns};
}

/* How many steps @run may go on in its mapping. */
static uint64_t steps_ahead(const struct cxms_fault_run *run, const struct cxms_thin_fault *f)
{
	if (!run)
		return 0;
	return run->step > 0 ? (f->end_page - 1 - f->page) / (uint64_t)run->step
			     : (f->page - f->first_page) / (uint64_t)-run->step;
}

static void count(struct cxms_thin *t, const struct cxms_thin_fault *f,
		  const struct cxms_fault_run *run)
{
	uint64_t span_ns, ahead = steps_ahead(run, f);

	if (t->is_thin != f->is_one_of_many)
		return;
	if (!t->faults && !t->is_thin)
		t->since_ns = f->time_ns;
	t->faults++;
	t->in_runs += run != NULL;
	if (t->is_thin) {
		t->wants_thin = t->wants_thin && ahead >= CXMS_THIN_AHEAD;
		return;
	}
	if (t->faults < CXMS_THIN_WINDOW)
		return;
	span_ns = f->time_ns - t->since_ns;
	t->wants_thin = ahead >= 2 * CXMS_THIN_AHEAD &&
			span_ns < CXMS_THIN_WINDOW * NS_PER_S / THIN_FROM_PER_S &&
			(t->faults - t->in_runs) * STRAY_SHARE <= t->faults;
	t->faults = t->in_runs = 0;
}

struct cxms_thin_gap cxms_thin_follow(struct cxms_thin *t, struct cxms_fault_runs *runs,
				      const struct cxms_thin_fault *f)
{
	struct cxms_thin_gap gap = {.is_known = f->is_one_of_many && is_head(runs, f->page)};
	uint64_t steps = 0;
	struct cxms_fault_run *run = find_run(runs, f, &steps);

	if (gap.is_known)
		return gap;
	count(t, f, run);
	if (!run) {
		gap.lost = f->is_one_of_many ? CXMS_THIN_PERIOD - 1 : 0;
		begin_run(runs, f);
		return gap;
	}
	gap.page = run->page;
	gap.time_ns = run->time_ns;
	gap.step = run->step;
	gap.n = (uint32_t)(steps - 1);
	run->page = f->page;
	run->time_ns = f->time_ns;
	run->is_behind = f->is_one_of_many;
	return gap;
}

bool cxms_thin_is_told(const struct cxms_thin *t, uint64_t time_ns)
{
	return time_ns >= t->from_ns && (t->is_thin || time_ns < t->to_ns);
}

void cxms_thin_round(struct cxms_thin *t, uint64_t upto_ns)
{
	uint64_t span_ns = upto_ns > t->since_ns ? upto_ns - t->since_ns : 0;

	if (!t->is_thin || span_ns < ROUND_NS)
		return;
	if (t->faults * CXMS_THIN_PERIOD * NS_PER_S < span_ns * FULL_FROM_PER_S)
		t->wants_thin = false;
	t->faults = t->in_runs = 0;
	t->since_ns = upto_ns;
}

void cxms_thin_switch(struct cxms_thin *t, uint64_t now_ns)
{
	t->is_thin = t->wants_thin;
	if (t->is_thin)
		t->from_ns = now_ns;
	else
		t->to_ns = now_ns;
	t->faults = t->in_runs = 0;
	t->since_ns = now_ns;
}
