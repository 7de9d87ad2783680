#include "source/cnt_set.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"
#include "source/cnt_sched.h"
#include "source/cnt_table.h"
#include "source/pmu.h"
#include "source/pmu_names.h"

#define DEVICES "/sys/bus/event_source/devices"
/* General counters of a core: eight, but four on Skylake and Cascade Lake with both hyperthreads on
 * (intel/perfmon). Two off-core response registers. */
#define GENERAL	      8u
#define GENERAL_SMT   4u
#define OFFCORE_REGS  2
#define CHA_FILTERS   1
#define UNIT_COUNTERS 32u

/* The rows that go to one PMU, encoded and checked. */
struct chosen {
	const struct cxms_pmu *pmu;
	size_t n;
	const struct cxms_cnt_row *row[CXMS_CNT_MAX];
	struct cxms_pmu_code code[CXMS_CNT_MAX];
};

void cxms_cnt_set_fini(struct cxms_cnt_set *s)
{
	free(s->ev);
	*s = (struct cxms_cnt_set){0};
}

static void leave(struct cxms_buf *left, const char *pmu, const char *name, const char *why)
{
	if (left)
		cxms_buf_printf(left, "\n  %s/%s/: %s", pmu, name, why);
}

static bool is_for(const struct cxms_cnt_row *row, const char *cpu)
{
	char word[24];

	if (!strcmp(row->cpus, "*"))
		return true;
	snprintf(word, sizeof(word), " %s ", cpu);
	return *cpu && strstr(row->cpus, word);
}

static int encode(const struct cxms_pmu *pmu, const struct cxms_cnt_row *row,
		  struct cxms_pmu_code *code, struct cxms_err *err)
{
	struct cxms_buf terms = {0};
	const char *text = row->terms;
	int rc = 0;

	if (*text == '@') {
		rc = cxms_pmu_alias(pmu, text + 1, &terms);
		text = cxms_buf_text(&terms);
		if (rc)
			cxms_fail(err, -rc, "the device does not count it");
	}
	*code = (struct cxms_pmu_code){.type = pmu->type};
	if (!rc)
		rc = cxms_pmu_terms(pmu, row->name, text, code, err);
	cxms_buf_fini(&terms);
	return rc;
}

/* Rows of @cpu for a PMU called @name; what its format/ does not take is left out. */
static void choose(const char *cpu, const struct cxms_pmu *pmu, const char *kind,
		   struct chosen *out, struct cxms_buf *left)
{
	const struct cxms_cnt_row *row;

	*out = (struct chosen){.pmu = pmu};
	for (unsigned i = 0; (row = cxms_cnt_row(i)) != NULL && out->n < CXMS_CNT_MAX; i++) {
		struct cxms_err why = {0};

		if (strcmp(row->pmu, kind) || !is_for(row, cpu))
			continue;
		if (encode(pmu, row, &out->code[out->n], &why)) {
			leave(left, pmu->name, row->name, why.msg);
			continue;
		}
		out->row[out->n++] = row;
	}
}

static int put_event(struct cxms_cnt_set *s, const struct chosen *c, size_t i, bool box,
		     uint32_t group, unsigned cpu, uint32_t number)
{
	struct cxms_cnt_event *ev;
	void *grown = realloc(s->ev, (s->n + 1) * sizeof(*s->ev));

	if (!grown)
		return -ENOMEM;
	s->ev = grown;
	ev = &s->ev[s->n++];
	memset(ev, 0, sizeof(*ev));
	if (box)
		snprintf(ev->name, sizeof(ev->name), "%.30s/%.60s/", c->pmu->name, c->row[i]->name);
	else
		snprintf(ev->name, sizeof(ev->name), "%.90s", c->row[i]->name);
	ev->type = c->code[i].type;
	memcpy(ev->config, c->code[i].config, sizeof(ev->config));
	ev->group = group;
	ev->scope = box ? CXMS_SCOPE_BOX : CXMS_SCOPE_THREAD;
	ev->unit = c->row[i]->unit;
	ev->cpu = (int)cpu;
	ev->box = number;
	return 0;
}

/* Where an event can be counted: on its own counter, if the box has that one free. */
static uint64_t places_of(const struct cxms_cnt_row *row, const struct cxms_cnt_box *box)
{
	uint64_t own = row->counters & box->counters & ~((1ull << CXMS_CNT_FIXED_CYCLES) - 1);

	return own ? own : row->counters;
}

static void want_of(const struct cxms_cnt_box *box, const struct chosen *c, bool bundles,
		    struct cxms_cnt_want *want)
{
	for (size_t i = 0; i < c->n; i++)
		want[i] = (struct cxms_cnt_want){.name = c->row[i]->name,
						 .counters = places_of(c->row[i], box),
						 .reg = c->row[i]->reg,
						 .reg_value = c->row[i]->reg_value,
						 .bundle = bundles ? c->row[i]->bundle : 0};
}

static void drop(struct chosen *c, size_t i)
{
	memmove(&c->row[i], &c->row[i + 1], (c->n - i - 1) * sizeof(c->row[0]));
	memmove(&c->code[i], &c->code[i + 1], (c->n - i - 1) * sizeof(c->code[0]));
	c->n--;
}

/* All at once: the last event that is too much goes, until the rest fits. */
static int fit(const struct cxms_cnt_box *box, struct chosen *c, struct cxms_cnt_slot *slot,
	       unsigned *n_group, struct cxms_buf *left)
{
	struct cxms_cnt_want want[CXMS_CNT_MAX];

	want_of(box, c, false, want);
	for (size_t n = 1; n <= c->n;) {
		if (!cxms_cnt_schedule(box, want, n, false, slot, n_group, NULL)) {
			n++;
			continue;
		}
		leave(left, c->pmu->name, c->row[n - 1]->name,
		      "no register is free for it all the time; --counters turns counts it too");
		drop(c, n - 1);
		want_of(box, c, false, want);
	}
	return cxms_cnt_schedule(box, want, c->n, false, slot, n_group, NULL);
}

/* In turns: quotients counted together where the box can, else each for itself. */
static int take_turns(const struct cxms_cnt_box *box, struct chosen *c, struct cxms_cnt_slot *slot,
		      unsigned *n_group, struct cxms_buf *left)
{
	struct cxms_cnt_want want[CXMS_CNT_MAX];
	struct cxms_cnt_slot one;
	struct cxms_err why = {0};
	unsigned groups;

	for (size_t i = 0; i < c->n;) {
		want_of(box, c, false, want);
		cxms_err_clear(&why);
		if (!cxms_cnt_schedule(box, &want[i], 1, true, &one, &groups, &why)) {
			i++;
			continue;
		}
		leave(left, c->pmu->name, c->row[i]->name, why.msg);
		drop(c, i);
	}
	want_of(box, c, true, want);
	if (!cxms_cnt_schedule(box, want, c->n, true, slot, n_group, NULL))
		return 0;
	want_of(box, c, false, want);
	return cxms_cnt_schedule(box, want, c->n, true, slot, n_group, NULL);
}

static bool smt_is_on(void)
{
	uint64_t active = 1;

	(void)cxms_sys_read_u64("/sys/devices/system/cpu/smt/active", &active, NULL);
	return active != 0;
}

static struct cxms_cnt_box core_box(const char *cpu, unsigned taken)
{
	bool small = (!strcmp(cpu, "skx") || !strcmp(cpu, "clx")) && smt_is_on();
	unsigned general = small ? GENERAL_SMT : GENERAL;
	uint64_t watchdog = 0, counters = (1ull << general) - 1;

	/* the NMI watchdog counts cycles for itself (Linux admin-guide, lockup watchdogs) */
	(void)cxms_sys_read_u64("/proc/sys/kernel/nmi_watchdog", &watchdog, NULL);
	for (unsigned i = 0; i < taken; i++)
		counters &= ~(1ull << i);
	counters |= 1ull << CXMS_CNT_FIXED_INSNS;
	if (!watchdog)
		counters |= 1ull << CXMS_CNT_FIXED_CYCLES;
	return (struct cxms_cnt_box){
		.name = "cpu", .counters = counters, .n_reg = {OFFCORE_REGS, CHA_FILTERS}};
}

/* Events with counters of their own are a group apart, which counts all the time. */
static int put_groups(const struct chosen *c, const struct cxms_cnt_slot *slot,
		      struct cxms_cnt_set *out)
{
	int rc = 0;

	for (unsigned g = 0; g <= out->n_group; g++)
		for (size_t i = 0; i < c->n && !rc; i++) {
			bool fixed = slot[i].counter >= CXMS_CNT_FIXED_CYCLES;

			if (fixed ? g == out->n_group : g == slot[i].group)
				rc = put_event(out, c, i, false, g, 0, 0);
		}
	return rc;
}

static int no_core(const struct cxms_cpu_id *cpu, struct cxms_err *err)
{
	struct cxms_core_pmus core;

	if (!cxms_core_pmus_load(&core, NULL) && core.n > 1)
		return cxms_fail(err, ENOTSUP,
				 "cores of several kinds ('%s', '%s') count by different names; "
				 "their accesses are sampled, not counted",
				 core.pmu[0].name, core.pmu[1].name);
	return cxms_fail(err, ENOTSUP,
			 "this machine shows no counters of its cores%s; run where they are not "
			 "hidden",
			 cpu->is_guest ? " (it is a virtual machine)" : "");
}

int cxms_cnt_set_core(unsigned taken, bool turns, struct cxms_cnt_set *out, struct cxms_buf *left,
		      struct cxms_err *err)
{
	struct cxms_cnt_slot slot[CXMS_CNT_MAX];
	struct cxms_cpu_id cpu;
	struct cxms_pmu *pmu = calloc(1, sizeof(*pmu));
	struct chosen *c = calloc(1, sizeof(*c));
	int rc = pmu && c ? 0 : cxms_fail(err, ENOMEM, "no memory for the counters");

	*out = (struct cxms_cnt_set){0};
	cxms_cpu_identify(&cpu);
	if (!rc && cxms_pmu_load("cpu", pmu, NULL))
		rc = no_core(&cpu, err);
	if (!rc) {
		struct cxms_cnt_box box = core_box(cpu.name, taken);

		choose(cpu.name, pmu, "cpu", c, left);
		if (c->n == 0)
			rc = cxms_fail(err, ENOTSUP,
				       "no table has the stall counters of this CPU (family %u, "
				       "model %u)",
				       cpu.family, cpu.model);
		else if (turns)
			rc = take_turns(&box, c, slot, &out->n_group, left);
		else
			rc = fit(&box, c, slot, &out->n_group, left);
	}
	if (!rc)
		rc = put_groups(c, slot, out);
	if (rc)
		cxms_cnt_set_fini(out);
	free(pmu);
	free(c);
	return rc;
}

/* What the units' names begin with; NULL: no unit of ours. "uncore_imc_free_running" is none. */
static const char *kind_of(const char *name)
{
	static const char *const kinds[] = {"uncore_cha_", "uncore_imc_", "uncore_cxlcm_",
					    "cxl_pmu_mem"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i]);

		if (!strncmp(name, kinds[i], n) && name[n] >= '0' && name[n] <= '9')
			return kinds[i];
	}
	return NULL;
}

/* One unit of each socket: cpumask names a CPU of each. Events in the order of their turns. */
static int put_unit(struct cxms_cnt_set *s, const struct chosen *c,
		    const struct cxms_cnt_slot *slot, unsigned n_group, uint32_t number)
{
	const struct cxms_pmu *pmu = c->pmu;
	uint32_t group = s->n ? s->ev[s->n - 1].group + 1 : 0;
	int rc = 0;

	for (unsigned r = 0; r < (pmu->n_range ? pmu->n_range : 1); r++) {
		unsigned first = pmu->n_range ? pmu->range[r].first : 0;
		unsigned last = pmu->n_range ? pmu->range[r].last : 0;

		for (unsigned cpu = first; cpu <= last && s->n < CXMS_CNT_SET_MAX; cpu++)
			for (unsigned g = 0; g < n_group; g++, group++)
				for (size_t i = 0; i < c->n && !rc; i++)
					if (slot[i].group == g)
						rc = put_event(s, c, i, true, group, cpu, number);
	}
	return rc;
}

static int add_unit(const char *cpu, const char *name, const char *kind, bool turns,
		    struct cxms_cnt_set *out, struct cxms_buf *left)
{
	struct cxms_cnt_slot slot[CXMS_CNT_MAX];
	struct cxms_pmu *pmu = calloc(1, sizeof(*pmu));
	struct chosen *c = calloc(1, sizeof(*c));
	struct cxms_err why = {0};
	uint32_t number = (uint32_t)strtoul(name + strlen(kind), NULL, 10);
	unsigned groups = 0;
	int rc = pmu && c ? 0 : -ENOMEM;

	if (!rc && cxms_pmu_load(name, pmu, &why)) {
		leave(left, name, "*", why.msg);
	} else if (!rc) {
		unsigned n = strcmp(kind, "cxl_pmu_mem") ? GENERAL_SMT : UNIT_COUNTERS;

		if (!strcmp(kind, "uncore_cxlcm_"))
			n = GENERAL;
		const struct cxms_cnt_box box = {.name = name,
						 .counters = (1ull << n) - 1,
						 .n_reg = {OFFCORE_REGS, CHA_FILTERS}};
		choose(cpu, pmu, kind, c, left);
		if (c->n)
			rc = turns ? take_turns(&box, c, slot, &groups, left)
				   : fit(&box, c, slot, &groups, left);
		if (!rc)
			rc = put_unit(out, c, slot, groups, number);
	}
	free(pmu);
	free(c);
	return rc;
}

static int is_unit(const struct dirent *d)
{
	return kind_of(d->d_name) != NULL;
}

/* uncore_cha_2 comes before uncore_cha_10. */
static int by_number(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

int cxms_cnt_set_uncore(bool turns, struct cxms_cnt_set *out, struct cxms_buf *left,
			struct cxms_err *err)
{
	struct cxms_cpu_id cpu;
	struct dirent **unit = NULL;
	const char *told = NULL;
	char path[PATH_MAX];
	int n = -1, rc = 0;

	*out = (struct cxms_cnt_set){0};
	cxms_cpu_identify(&cpu);
	if (!cxms_sys_path(path, sizeof(path), DEVICES))
		n = scandir(path, &unit, is_unit, by_number);
	for (int i = 0; i < n; i++) {
		const char *name = unit[i]->d_name, *kind = kind_of(name);
		/* units of a socket are alike, so one tells for all; CXL devices are not */
		bool tells = kind != told || !strcmp(kind, "cxl_pmu_mem");

		told = kind;
		if (!rc && out->n + CXMS_CNT_MAX <= CXMS_CNT_SET_MAX)
			rc = add_unit(cpu.name, name, kind, turns, out, tells ? left : NULL);
		free(unit[i]);
	}
	free(unit);
	if (rc)
		rc = cxms_fail(err, ENOMEM, "no memory for the counters");
	else if (out->n == 0)
		rc = cxms_fail(
			err, ENOTSUP,
			"this machine shows no counters of memory controllers, caches or CXL "
			"ports that are known; where Intel PCM works, use --pcm");
	if (rc)
		cxms_cnt_set_fini(out);
	return rc;
}
