#include "source/hw.h"

#include "base/err.h"
#include "base/sys.h"
#include "source/perf_attr.h"
#include "trace/event.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PPM	 1000000ull
#define NS_PER_S 1000000000ull
/* Loads below this are L1 and L2 hits (14 cycles at most on the CPUs of the table): they say
 * nothing of memory. As perf-mem(1) has it. */
#define LOAD_LATENCY_CYC 30u
#define RATE_MIN_HZ	 50ull
#define MAX_RATE_FILE	 "/proc/sys/kernel/perf_event_max_sample_rate"
/* linux/perf_event.h, PERF_TYPE_HW_CACHE: last level, reads, misses */
#define GENERIC_LLC_MISS                                                                           \
	(PERF_COUNT_HW_CACHE_LL | PERF_COUNT_HW_CACHE_OP_READ << 8 |                               \
	 PERF_COUNT_HW_CACHE_RESULT_MISS << 16)

/* Names in order of preference; the first one that the CPU has is taken. */
static const struct wanted {
	uint8_t what;
	const char *names[3];
} wanted_pebs[] = {
	{CXMS_MEM_LOAD, {"mem-loads", "MEM_TRANS_RETIRED:LOAD_LATENCY", NULL}},
	{CXMS_MEM_LLC_MISS, {"MEM_LOAD_RETIRED:L3_MISS", NULL, NULL}},
	{CXMS_MEM_STORE, {"MEM_INST_RETIRED:ALL_STORES", "mem-stores", NULL}},
};
#define N_WANTED (sizeof(wanted_pebs) / sizeof(wanted_pebs[0]))

static struct cxms_hw_event *add(struct cxms_hw_plan *plan, const char *name,
				 const struct cxms_named_event *found, uint8_t what)
{
	struct cxms_hw_event *ev = &plan->ev[plan->n++];

	assert(plan->n <= CXMS_HW_EVENTS_MAX);
	memset(ev, 0, sizeof(*ev));
	snprintf(ev->name, sizeof(ev->name), "%s", name);
	ev->pmu = found->pmu;
	ev->what = what == CXMS_MEM_STORE ? CXMS_MEM_LOAD : what;
	ev->is_store_asked = what == CXMS_MEM_STORE;
	return ev;
}

/*
 * 2 asks for the very instruction. 3 also asks for an even distribution, which one counter only can
 * give: the events would have to take turns, and loads with latency cannot have it.
 */
static unsigned precise_of(const struct cxms_pmu *p)
{
	return p->max_precise < CXMS_HW_PRECISE ? p->max_precise : CXMS_HW_PRECISE;
}

/* Events of one PMU share what the budget allows. */
static uint64_t rate_of(const struct cxms_hw_ask *ask, unsigned n)
{
	uint64_t rate = (uint64_t)ask->budget_ppm * (NS_PER_S / PPM) / ask->cost_ns / (n ? n : 1);
	uint64_t most;

	if (rate < RATE_MIN_HZ)
		rate = RATE_MIN_HZ;
	if (!cxms_sys_read_u64(MAX_RATE_FILE, &most, NULL) && most && rate > most)
		rate = most;
	return rate;
}

/* A field that loads with latency have; what the kernel gives is the smallest. */
static int set_latency(struct cxms_named_event *found, const char *name, struct cxms_err *err)
{
	char term[32];

	if (!cxms_pmu_field(&found->pmu, "ldlat"))
		return 0;
	snprintf(term, sizeof(term), "ldlat=%u", LOAD_LATENCY_CYC);
	return cxms_pmu_terms(&found->pmu, name, term, &found->code, err);
}

static int find_wanted(const struct cxms_core_pmus *core, unsigned which, const struct wanted *w,
		       const char **name, struct cxms_named_event *found, struct cxms_err *err)
{
	int rc = -ENOENT;

	for (size_t i = 0; i < 3 && w->names[i] && rc == -ENOENT; i++) {
		cxms_err_clear(err);
		*name = w->names[i];
		rc = cxms_event_named(core, which, *name, found, err);
	}
	if (!rc && w->what == CXMS_MEM_LOAD)
		rc = set_latency(found, *name, err);
	return rc;
}

/* Loads with latency: MEM_TRANS_RETIRED.LOAD_LATENCY, and the one of small cores (mem-loads of
 * cpu_atom). */
static bool is_load_latency(const struct cxms_pmu_code *code)
{
	uint64_t event = code->config[0] & 0xffff;

	return event == 0x01cd || event == 0x05d0;
}

/*
 * What loads with latency need more. Sapphire Rapids and its kin want the auxiliary event to lead
 * their group; their kernel shows it.
 */
static int set_up_latency(const struct cxms_core_pmus *core, unsigned which,
			  const struct cxms_pmu_code *code, struct cxms_hw_plan *plan,
			  struct cxms_hw_event *ev, struct cxms_err *err)
{
	const struct cxms_pmu_field *f = cxms_pmu_field(&ev->pmu, "ldlat");
	struct cxms_named_event aux;
	struct cxms_err none = {0};
	int rc;

	if (!f || !is_load_latency(code))
		return 0;
	plan->min_cyc = (uint32_t)((code->config[f->word] & f->mask) >> __builtin_ctzll(f->mask));
	rc = cxms_event_named(core, which, "mem-loads-aux", &aux, &none);
	if (rc == -ENOENT)
		return 0;
	if (rc)
		return cxms_fail(err, none.code, "%s", none.msg);
	cxms_perf_attr_leader(&aux.code, &ev->leader);
	ev->has_leader = true;
	/* The leader switches the group on, and alone may be pinned. */
	ev->attr.pinned = 0;
	ev->attr.disabled = 0;
	ev->attr.enable_on_exec = 0;
	return 0;
}

static int plan_pmu(const struct cxms_core_pmus *core, unsigned which,
		    const struct cxms_hw_ask *ask, struct cxms_hw_plan *out, struct cxms_err *err)
{
	uint64_t rate = rate_of(ask, N_WANTED);
	int rc;

	for (size_t i = 0; i < N_WANTED; i++) {
		struct cxms_named_event found;
		struct cxms_hw_event *ev;
		struct cxms_err why = {0};
		const char *name;

		rc = find_wanted(core, which, &wanted_pebs[i], &name, &found, &why);
		if (rc == -ENOENT)
			continue;
		if (rc)
			return cxms_fail(err, why.code, "%s", why.msg);
		ev = add(out, name, &found, wanted_pebs[i].what);
		cxms_perf_attr_access(&found.code, rate, precise_of(&found.pmu), false, &ev->attr);
		rc = set_up_latency(core, which, &found.code, out, ev, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* A CPU that has PEBS, but no name that we know. */
static void plan_generic(const struct cxms_core_pmus *core, const struct cxms_hw_ask *ask,
			 struct cxms_hw_plan *out)
{
	const struct cxms_pmu_code code = {PERF_TYPE_HW_CACHE, {GENERIC_LLC_MISS, 0, 0}};
	const struct cxms_named_event found = {.pmu = core->pmu[0]};
	struct cxms_hw_event *ev = add(out, "LLC-load-misses", &found, CXMS_MEM_LLC_MISS);

	cxms_perf_attr_access(&code, rate_of(ask, 1), precise_of(&core->pmu[0]), false, &ev->attr);
	out->is_generic = true;
}

/* The next name of a comma list; commas between slashes are of a name's terms. */
static bool next_name(const char **list, char *out, size_t cap, bool *fits)
{
	const char *p = *list;
	size_t n = 0;
	bool in_terms = false;

	while (*p == ',')
		p++;
	for (; p[n] && (in_terms || p[n] != ','); n++)
		in_terms ^= p[n] == '/';
	*fits = n < cap;
	if (!n || !*fits)
		return n > 0;
	memcpy(out, p, n);
	out[n] = '\0';
	*list = p + n;
	return true;
}

static unsigned count_names(const char *list)
{
	unsigned n = 0;
	char name[96];
	bool fits;

	while (next_name(&list, name, sizeof(name), &fits) && fits)
		n++;
	return n;
}

static int plan_asked(const struct cxms_core_pmus *core, const struct cxms_hw_ask *ask,
		      struct cxms_hw_plan *out, struct cxms_err *err)
{
	uint64_t rate = rate_of(ask, count_names(ask->events));
	const char *list = ask->events;
	char name[sizeof(out->ev[0].name)];
	bool fits;

	while (next_name(&list, name, sizeof(name), &fits)) {
		struct cxms_named_event found;
		struct cxms_hw_event *ev;
		int rc;

		if (!fits)
			return cxms_fail(err, EINVAL, "event '%.20s...' is longer than %zu letters",
					 list, sizeof(name) - 1);
		if (out->n == CXMS_HW_EVENTS_MAX)
			return cxms_fail(err, EINVAL, "more than %d events; give fewer to --event",
					 CXMS_HW_EVENTS_MAX);
		rc = cxms_event_named(core, 0, name, &found, err);
		if (!rc && found.pmu.is_shared)
			rc = cxms_fail(
				err, EINVAL,
				"event '%s': PMU '%s' counts for all cores and cannot sample; "
				"use --counters",
				name, found.pmu.name);
		if (rc)
			return rc;
		ev = add(out, name, &found, CXMS_MEM_LOAD);
		ev->is_ibs = !strcmp(found.pmu.name, "ibs_op");
		cxms_perf_attr_access(&found.code, rate, precise_of(&found.pmu), ev->is_ibs,
				      &ev->attr);
		rc = set_up_latency(core, 0, &found.code, out, ev, err);
		if (rc)
			return rc;
	}
	return out->n ? 0 : cxms_fail(err, EINVAL, "--event names no event");
}

static int no_pebs(const struct cxms_core_pmus *core, struct cxms_err *err)
{
	if (!cxms_cpu_is_intel(&core->cpu))
		return cxms_fail(err, ENODEV, "no Intel CPU");
	if (core->n == 0)
		return cxms_fail(err, ENOTSUP, "no core PMU in /sys%s",
				 core->cpu.is_guest ? "; let the hypervisor pass it on" : "");
	return cxms_fail(err, ENOTSUP, "this CPU's PMU is not precise%s",
			 core->cpu.is_guest ? "; let the hypervisor pass PEBS on" : "");
}

int cxms_hw_plan_pebs(const struct cxms_hw_ask *ask, struct cxms_hw_plan *out, struct cxms_err *err)
{
	struct cxms_core_pmus core;
	int rc = cxms_core_pmus_load(&core, err);
	unsigned precise = 0;

	if (rc)
		return rc;
	for (unsigned i = 0; i < core.n; i++)
		if (core.pmu[i].max_precise > precise)
			precise = core.pmu[i].max_precise;
	if (!cxms_cpu_is_intel(&core.cpu) || precise == 0)
		return no_pebs(&core, err);
	memset(out, 0, sizeof(*out));
	out->core_hz = core.cpu.hz;
	if (ask->events)
		return plan_asked(&core, ask, out, err);
	for (unsigned i = 0; i < core.n && !rc; i++)
		rc = plan_pmu(&core, i, ask, out, err);
	if (!rc && out->n == 0)
		plan_generic(&core, ask, out);
	return rc;
}

/* With its own filter the PMU leaves the kernel out; without it every op is sampled. */
static void set_user_only(struct cxms_hw_event *ev, struct cxms_pmu_code *code)
{
	const struct cxms_pmu_field *f = cxms_pmu_field(&ev->pmu, "swfilt");

	if (f) {
		code->config[f->word] |= f->mask;
		return;
	}
	ev->attr.exclude_kernel = 0;
	ev->attr.exclude_hv = 0;
}

int cxms_hw_plan_ibs(const struct cxms_hw_ask *ask, struct cxms_hw_plan *out, struct cxms_err *err)
{
	struct cxms_core_pmus core;
	struct cxms_named_event found = {0};
	struct cxms_err none = {0};
	struct cxms_hw_event *ev;
	int rc = cxms_core_pmus_load(&core, err);

	if (rc)
		return rc;
	if (!cxms_cpu_is_amd(&core.cpu))
		return cxms_fail(err, ENODEV, "no AMD CPU");
	if (cxms_pmu_load("ibs_op", &found.pmu, &none))
		return cxms_fail(err, ENOTSUP, "no PMU ibs_op in /sys%s",
				 core.cpu.is_guest ? "; let the hypervisor pass it on" : "");
	memset(out, 0, sizeof(*out));
	out->core_hz = core.cpu.hz;
	if (ask->events) {
		rc = plan_asked(&core, ask, out, err);
	} else {
		/* Ops are sampled evenly; clock cycles would prefer what waits. */
		if (cxms_pmu_field(&found.pmu, "cnt_ctl"))
			rc = cxms_pmu_terms(&found.pmu, "ibs_op", "cnt_ctl=1", &found.code, err);
		found.code.type = found.pmu.type;
		ev = add(out, "ibs_op", &found, CXMS_MEM_LOAD);
		ev->is_ibs = true;
		cxms_perf_attr_access(&found.code, rate_of(ask, 1), 0, true, &ev->attr);
	}
	for (unsigned i = 0; i < out->n && !rc; i++) {
		struct cxms_pmu_code code = {
			out->ev[i].pmu.type,
			{out->ev[i].attr.config, out->ev[i].attr.config1, out->ev[i].attr.config2}};

		if (!out->ev[i].is_ibs)
			continue;
		set_user_only(&out->ev[i], &code);
		out->ev[i].attr.config = code.config[0];
		out->ev[i].attr.config1 = code.config[1];
		out->ev[i].attr.config2 = code.config[2];
	}
	return rc;
}
