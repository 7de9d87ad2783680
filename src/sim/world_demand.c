/* From the load of cells to what their threads ask for in a spell, as the solver takes it. */
#include "sim/world_priv.h"

#include <math.h>
#include <string.h>

#include "base/units.h"
#include "sim/cells.h"
#include "sim/evidence.h"
#include "sim/fabric.h"

#define PS_PER_NS ((double)CXMS_PS_PER_NS)

/*
 * The simulated core's miss registers bound the lines in flight (Little). The recording machine may
 * have had more of them: what it was seen to sustain is possible, so that simulating it returns its
 * own time.
 */
static void set_limits(const struct scene *s, double seen_ps, struct cxms_solve_thread *th,
		       const struct cxms_demand *d)
{
	double user_ps = th->cpu_ps - th->kernel_ps, all = 0, demand = 0;
	for (size_t t = 0; t < s->fabric->n_host_target; t++) {
		all += d[t].reads;
		demand += d[t].reads - d[t].prefetched + d[t].past;
	}
	double per_line = user_ps > 0 ? seen_ps * cxms_wait_spread(s->span) / user_ps : 0;
	th->demand_limit = fmax(s->fabric->l1d_mshrs, demand * per_line);
	th->all_limit = fmax(s->fabric->l2_mshrs, all * per_line);
}

static void add_share(struct cxms_load_cell *to, const struct cxms_load_cell *from, double share)
{
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		to->stall_ps[k] += share * from->stall_ps[k];
		to->waits[k] += share * from->waits[k];
		to->spare_ps[k] += share * from->spare_ps[k];
		to->known_waits[k] += share * from->known_waits[k];
		to->known_lines[k] += share * from->known_lines[k];
		to->prefetched[k] += share * from->prefetched[k];
		to->written[k] += share * from->written[k];
		to->past[k] += share * from->past[k];
	}
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		to->kernel_waits[k] += share * from->kernel_waits[k];
		to->kernel_reads[k] += share * from->kernel_reads[k];
		to->kernel_writes[k] += share * from->kernel_writes[k];
	}
	to->store_waits += share * from->store_waits;
	to->past_waits += share * from->past_waits;
	to->square_waits += share * from->square_waits;
	to->seen_ps += share * from->seen_ps;
}

static void spread_regions(const struct scene *s, const struct cxms_load_cell *of_region)
{
	for (size_t r = 0; r < s->fabric->n_region; r++) {
		const struct cxms_fabric_region *region = &s->fabric->region[r];
		for (size_t i = 0; i < region->n_target; i++)
			add_share(&s->folded[region->target[i]], &of_region[r],
				  1 / (double)region->n_target);
	}
}

/* What misses a page buffer goes on behind it. */
static void part_misses(const struct scene *s, const double *miss)
{
	for (size_t t = s->fabric->n_shown; t < s->fabric->n_host_target; t++) {
		size_t hit = s->fabric->target[t].miss_of;
		struct cxms_load_cell all = s->folded[hit];
		s->folded[hit] = s->folded[t] = (struct cxms_load_cell){0};
		add_share(&s->folded[hit], &all, 1 - miss[hit]);
		add_share(&s->folded[t], &all, miss[hit]);
	}
}

static void take_share(const struct scene *s, double share)
{
	for (size_t t = 0; t < s->fabric->n_host_target; t++) {
		struct cxms_load_cell all = s->folded[t];
		s->folded[t] = (struct cxms_load_cell){0};
		add_share(&s->folded[t], &all, share);
	}
}

/* A cell's load in the spell by target: pages spread over a region give each of its targets the
 * same. */
const struct cxms_load_cell *world_by_target(const struct scene *s,
					     const struct cxms_world_phase *phase,
					     const struct cxms_spell_part *part)
{
	const struct cxms_load_map *map = phase->load;
	const struct cxms_load_cell *by_place = &map->at[part->cell * map->n_target];
	size_t n = s->fabric->n_host_target;
	if (map->n_target == n && !phase->miss && part->share >= 1)
		return by_place;
	memcpy(s->folded, by_place, n * sizeof(*s->folded));
	if (map->n_target > n)
		spread_regions(s, &by_place[n]);
	if (phase->miss)
		part_misses(s, phase->miss);
	if (part->share < 1)
		take_share(s, part->share);
	return s->folded;
}

/*
 * The kernel's waits on the program's pages. They are part of the kernel's time, which its lines do
 * not bound: what it keeps in flight is in its waits.
 */
static void kernel_demand(const struct scene *s, const struct cxms_load_cell *l,
			  struct cxms_solve_thread *th, struct cxms_demand *out)
{
	double stall_ps = 0;
	for (size_t t = 0; t < s->fabric->n_host_target; t++) {
		double waits = l[t].kernel_waits[s->span];
		out[t].kernel_waits = waits;
		out[t].waits += waits;
		out[t].stall_ps += waits * th->mem_ps;
		out[t].reads += l[t].kernel_reads[s->span];
		out[t].kernel_reads = l[t].kernel_reads[s->span];
		out[t].writes += l[t].kernel_writes[s->span];
		stall_ps += waits * th->mem_ps;
	}
	th->kernel_ps = fmax(0, th->kernel_ps - stall_ps);
}

/* Lines of a target, @free_lines of them of waits whose rate is not known. Returns how many of the
 * latter are stored past the caches. */
static double set_lines(const struct cxms_load_cell *l, enum cxms_span span, double cut,
			double free_lines, struct cxms_demand *out)
{
	double waits = l->waits[CXMS_SPAN_MID] - l->known_waits[CXMS_SPAN_MID];
	double stores = waits > 0 ? fmin(1, l->store_waits / waits) * free_lines : 0;
	double past = waits > 0 ? fmin(1, l->past_waits / waits) * free_lines : 0;
	out->reads = cut * (l->known_lines[span] + (free_lines - past));
	out->prefetched = cut * l->prefetched[span];
	out->past = cut * (l->past[span] + past);
	out->writes = cut * (l->written[span] + stores);
	return past;
}

/* Demand of a cell in the spell at the span's end; halves of the samples may overshoot the cell's
 * time: cut.
 */
static void cell_demand(const struct scene *s, struct tenant *tn,
			const struct cxms_spell_part *part, struct cxms_solve_thread *th,
			struct cxms_demand *out)
{
	const struct cxms_load_cell *l = world_by_target(s, &tn->in->phase[tn->phase], part);
	size_t n_target = s->fabric->n_host_target;
	struct cxms_traffic_in traffic = {
		.l1d_mshrs = tn->in->ev->open_lines,
		.active_ps = part->share * tn->in->ev->active_ns[part->cell] * PS_PER_NS};
	double stall = 0, seen = 0, mid = 0, past = 0, lines[CXMS_SPAN_COUNT];
	for (size_t t = 0; t < n_target; t++) {
		stall += l[t].stall_ps[s->span];
		traffic.waits += l[t].waits[s->span];
		traffic.known_waits += l[t].known_waits[s->span];
		traffic.known_lines += l[t].known_lines[s->span];
		seen += l[t].seen_ps;
		mid += l[t].waits[CXMS_SPAN_MID];
	}
	traffic.seen_ps = mid > 0 ? seen / mid : 0;
	cxms_traffic_lines(&traffic, lines);
	double free_waits = traffic.waits - traffic.known_waits;
	double free_lines = lines[s->span] - traffic.known_lines;
	double user_ps = th->cpu_ps - th->kernel_ps;
	double cut = stall > user_ps && stall > 0 ? user_ps / stall : 1;
	double own_ps = th->mem_ps - tn->in->ev->stair.mem_ps;
	const struct cxms_fabric_target *target =
		&s->fabric->target[tn->in->host * s->fabric->n_host_target];
	th->walk_ps = mid > 0 ? fmax(0, traffic.seen_ps - tn->in->ev->stair.mem_ps) : 0;
	for (size_t t = 0; t < n_target; t++) {
		double own_free = fmax(0, l[t].waits[s->span] - l[t].known_waits[s->span]);
		double share = free_waits > 0 ? own_free / free_waits : 0;
		out[t] = (struct cxms_demand){.stall_ps = cut * l[t].stall_ps[s->span],
					      .waits = cut * l[t].waits[s->span],
					      .spare_ps = cut * l[t].spare_ps[s->span],
					      .own_ps = target[t].own ? own_ps : 0};
		past += cut * set_lines(&l[t], s->span, cut, free_lines * share, &out[t]);
	}
	set_limits(s, mid > 0 ? traffic.seen_ps : tn->in->ev->stair.mem_ps, th, out);
	if (s->span == CXMS_SPAN_MID && tn->left >= 1) { /* not what is left of a spell again */
		tn->world->free_waits += free_waits;
		tn->world->free_lines += free_lines;
		tn->asked += cut * lines[s->span];
		tn->got += past;
		for (size_t t = 0; t < n_target; t++)
			tn->got += out[t].reads;
	}
	kernel_demand(s, l, th, out);
}

/* Time on CPU of all threads of a program's epoch. */
static double cpu_ns(const struct tenant *tn)
{
	const struct cxms_cells *c = tn->in->cells;
	size_t e = world_spell(tn)->epoch;
	double sum = 0;
	for (size_t k = c->first_of_epoch[e]; k < c->first_of_epoch[e + 1]; k++)
		sum += c->cell[c->by_epoch[k]].cpu_ns;
	return sum;
}

/*
 * Waiting for a CPU, and for a thread that has one: it wakes this one as much later as it takes
 * longer, like the holder of a CPU.
 */
static double queued_ns(const struct tenant *tn, const struct cxms_cell *native, double all_cpu_ns)
{
	double others = all_cpu_ns - native->cpu_ns - native->queued_ns;
	if (tn->in->blocked == CXMS_BLOCKED_KEEP)
		return native->queued_ns;
	return native->queued_ns + fmax(0, fmin(native->woken_ns, others));
}

void world_load_spell(struct scene *s, struct tenant *tn)
{
	const struct cxms_cells *c = tn->in->cells;
	const struct cxms_spell *spell = world_spell(tn);
	double all_cpu_ns = cpu_ns(tn);
	size_t n_target = s->fabric->n_target;
	tn->first = s->solve.n_thread;
	for (size_t k = 0; k < spell->n; k++) {
		const struct cxms_spell_part *part = &c->spells.part[spell->first + k];
		const struct cxms_cell *native = &c->cell[part->cell];
		struct cxms_solve_thread *th = &s->solve.thread[s->solve.n_thread];
		struct cxms_demand *d = &s->demand[s->solve.n_thread * n_target];
		double on_ns = part->share * native->cpu_ns;
		double off_ns = fmax(0, spell->wall_ns - on_ns);
		double all_queued_ns = queued_ns(tn, native, all_cpu_ns);
		double queued_ps = fmin(off_ns, all_queued_ns) * PS_PER_NS;
		*th = (struct cxms_solve_thread){
			.cpu_ps = on_ns * PS_PER_NS,
			.kernel_ps = part->share * native->kernel_ns * PS_PER_NS,
			.wall_ps = (on_ns + off_ns) * PS_PER_NS,
			.queued_ps = queued_ps,
			.taken_ps = all_queued_ns > 0 ? queued_ps * native->taken_ns / all_queued_ns
						      : 0,
			.program = (uint32_t)tn->in->host,
			.mem_ps = tn->in->ev->stair.mem_ps * cxms_wait_spread(s->span),
			.demand = d};
		memset(d, 0, n_target * sizeof(*d));
		cell_demand(s, tn, part, th, &d[tn->in->host * s->fabric->n_host_target]);
		s->part[s->solve.n_thread++] = *part;
	}
	tn->n_thread = s->solve.n_thread - tn->first;
}
