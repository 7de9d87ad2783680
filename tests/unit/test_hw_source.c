/* Accesses sampled by the hardware: plans, what is given up, registers, and rings to events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/sys.h"
#include "base/warn.h"
#include "perf_double.h"
#include "source/clock_priv.h"
#include "source/hw.h"
#include "source/perf_open.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MACHINES     CXMS_SOURCE_DIR "/tests/data/machines/"

static const struct cxms_hw_ask ask = {.cost_ns = 4500, .budget_ppm = 10000};

static void at_machine(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), MACHINES "%s", name);
	assert_int_equal(setenv("CXMS_FSROOT", path, 1), 0);
}

/* What the kernel under test refuses. */
static struct refusal {
	uint64_t bits;	  /* of sample_type */
	unsigned precise; /* above it */
	int errnum;
	bool all;
} refusals[4];
static unsigned n_open;

int __real_cxms_perf_open_in(const struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd,
			     struct cxms_err *err);
int __wrap_cxms_perf_open_in(const struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd,
			     struct cxms_err *err);

int __wrap_cxms_perf_open_in(const struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd,
			     struct cxms_err *err)
{
	n_open++;
	for (size_t i = 0; i < COUNT(refusals); i++) {
		const struct refusal *r = &refusals[i];

		if (r->errnum && (r->all || attr->sample_type & r->bits ||
				  (r->precise && attr->precise_ip > r->precise)))
			return cxms_fail(err, r->errnum, "refused");
	}
	return __real_cxms_perf_open_in(attr, pid, cpu, group_fd, err);
}

static const struct {
	struct refusal refusals[4];
	int rc;
	unsigned precise;
	bool phys, in_parts;
	unsigned n_warning;
	const char *why;
} ladders[] = {
	{{{0}}, 0, 2, true, true, 0, "nothing is refused"},
	{{{PERF_SAMPLE_PHYS_ADDR, 0, EACCES, 0}}, 0, 2, false, true, 0, "no privileges"},
	{{{PERF_SAMPLE_WEIGHT_STRUCT, 0, EINVAL, 0}}, 0, 2, true, false, 0, "before Linux 5.12"},
	{{{0, 1, EOPNOTSUPP, 0}}, 0, 1, true, true, 1, "an older PEBS"},
	{{{PERF_SAMPLE_PHYS_ADDR, 0, EPERM, 0},
	  {PERF_SAMPLE_WEIGHT_STRUCT, 0, EINVAL, 0},
	  {0, 1, EOPNOTSUPP, 0}},
	 0,
	 1,
	 false,
	 false,
	 1,
	 "all of them"},
	{{{0, 0, EOPNOTSUPP, true}}, -EOPNOTSUPP, 0, 0, 0, 0, "no such event"},
	{{{0, 0, EACCES, true}}, -EACCES, 0, 0, 0, 0, "perf is refused"},
	{{{0, 0, ENOENT, true}}, -ENOENT, 0, 0, 0, 0, "no such PMU: at once"},
	{{{0, 0, EBUSY, true}}, -EBUSY, 0, 0, 0, 0, "in use: at once"},
};

static void test_what_is_refused_is_given_up_in_turn(void **state)
{
	static struct cxms_hw_plan plan;

	(void)state;
	at_machine("gnr");
	for (size_t i = 0; i < COUNT(ladders); i++) {
		struct cxms_warnings warnings = {0};
		struct cxms_err err = {0};

		assert_int_equal(cxms_hw_plan_pebs(&ask, &plan, &err), 0);
		memcpy(refusals, ladders[i].refusals, sizeof(refusals));
		n_open = 0;
		assert_int_equal(cxms_hw_negotiate(&plan, &err), ladders[i].rc);
		assert_true(n_open <= plan.n * 4);
		memset(refusals, 0, sizeof(refusals));
		if (ladders[i].rc) {
			assert_non_null(strstr(err.msg, "event 'mem-loads': refused"));
			continue;
		}
		cxms_hw_warn(&plan, &warnings);
		assert_int_equal(warnings.n, ladders[i].n_warning);
		assert_int_equal(cxms_hw_has_phys(&plan), ladders[i].phys);
		for (unsigned k = 0; k < plan.n; k++) {
			uint64_t type = plan.ev[k].attr.sample_type;

			assert_int_equal(plan.ev[k].attr.precise_ip, ladders[i].precise);
			assert_int_equal(!!(type & PERF_SAMPLE_WEIGHT_STRUCT), ladders[i].in_parts);
			assert_int_equal(!!(type & PERF_SAMPLE_WEIGHT), !ladders[i].in_parts);
		}
	}
}

/* Twice the budget, twice the samples; never above what the kernel allows, never none. */
static void test_the_rate_follows_the_budget(void **state)
{
	static const struct {
		uint64_t cost_ns;
		uint32_t budget_ppm;
		uint64_t rate;
	} rows[] = {
		{4500, 10000, 740}, /* 1 % / 4.5 us / 3 events */
		{4500, 20000, 1481},   {9000, 20000, 740},
		{100, 250000, 100000}, /* kernel.perf_event_max_sample_rate of that machine */
		{1000000, 1000, 50},
	};
	static struct cxms_hw_plan plan;

	(void)state;
	at_machine("spr");
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct cxms_hw_ask a = {NULL, rows[i].cost_ns, rows[i].budget_ppm};

		assert_int_equal(cxms_hw_plan_pebs(&a, &plan, NULL), 0);
		assert_int_equal(plan.n, 3);
		for (unsigned k = 0; k < plan.n; k++) {
			assert_int_equal(plan.ev[k].attr.freq, 1);
			assert_int_equal(plan.ev[k].attr.sample_freq, rows[i].rate);
		}
	}
}

static void test_loads_know_their_least_latency_and_leader(void **state)
{
	static const struct {
		const char *machine, *events;
		uint32_t min_cyc;
		bool has_leader;
	} rows[] = {
		{"spr", NULL, 30, true},
		{"gnr", NULL, 30, false},
		{"spr", "mem-loads", 3, true},
		{"spr", "cpu/event=0xcd,umask=0x1,ldlat=500/", 500, true},
		{"emr", "MEM_LOAD_RETIRED.L3_MISS", 0, false},
		{"adl", NULL, 30, true},
	};
	static struct cxms_hw_plan plan;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cxms_hw_ask a = ask;

		a.events = rows[i].events;
		at_machine(rows[i].machine);
		assert_int_equal(cxms_hw_plan_pebs(&a, &plan, NULL), 0);
		assert_int_equal(plan.min_cyc, rows[i].min_cyc);
		assert_int_equal(plan.ev[0].has_leader, rows[i].has_leader);
		/* the leader starts the group, nobody starts the group's member */
		assert_int_equal(plan.ev[0].attr.enable_on_exec, !rows[i].has_leader);
		/* only leaders can be pinned: perf_event_open(2) */
		assert_int_equal(plan.ev[0].attr.pinned, !rows[i].has_leader);
		assert_int_equal(plan.ev[0].leader.pinned, rows[i].has_leader);
		for (unsigned k = 1; k < plan.n; k++)
			assert_false(plan.ev[k].has_leader);
	}
}

#define LD	(1ull << 0)
#define ST	(1ull << 1)
#define TLB2	(1ull << 3)
#define DC_MISS (1ull << 7)
#define UC	(1ull << 14)
#define LOCK	(1ull << 15)
#define NO_MAB	(1ull << 16)
#define LIN	(1ull << 17)
#define PHY	(1ull << 18)
#define L2_MISS (1ull << 20)
#define LAT(n)	((uint64_t)(n) << 32)
#define FAR	(DC_MISS | L2_MISS)
#define SRC(n)	(((uint64_t)(n)&7) | ((uint64_t)(n) >> 3) << 6)
#define REMOTE	(1ull << 4)
#define ZEN4	(1u << 11)

static const struct {
	uint32_t caps;
	uint64_t data2, data3;
	uint8_t what, level;
	uint32_t latency;
	uint16_t flags;
	const char *why;
} ops[] = {
	{ZEN4, 0, LD, CXMS_MEM_LOAD, CXMS_MEM_L1, 0, 0, "hit"},
	{ZEN4, 0, ST, CXMS_MEM_STORE, CXMS_MEM_L1, 0, 0, ""},
	{ZEN4, 0, LD | DC_MISS | LAT(14), CXMS_MEM_LOAD, CXMS_MEM_L2, 14, CXMS_MEM_LAT_FILL, ""},
	{ZEN4, SRC(1), LD | FAR | LAT(50), CXMS_MEM_LOAD, CXMS_MEM_LLC, 50, CXMS_MEM_LAT_FILL, ""},
	{ZEN4, SRC(2), LD | FAR, CXMS_MEM_LOAD, CXMS_MEM_REMOTE_CACHE, 0, CXMS_MEM_LAT_FILL, ""},
	{ZEN4, SRC(3), LD | FAR, CXMS_MEM_LOAD, CXMS_MEM_LOCAL_DRAM, 0, CXMS_MEM_LAT_FILL, ""},
	{ZEN4, SRC(3) | REMOTE, LD | FAR, CXMS_MEM_LOAD, CXMS_MEM_REMOTE_DRAM, 0, CXMS_MEM_LAT_FILL,
	 "another socket"},
	{ZEN4, SRC(5), LD | FAR, CXMS_MEM_LOAD, CXMS_MEM_REMOTE_CACHE, 0, CXMS_MEM_LAT_FILL, ""},
	{ZEN4, SRC(8), LD | FAR | LAT(700), CXMS_MEM_LOAD, CXMS_MEM_CXL, 700, CXMS_MEM_LAT_FILL,
	 "extension memory, the fourth bit lies apart"},
	{ZEN4, SRC(7), LD | FAR, CXMS_MEM_LOAD, CXMS_MEM_UNCACHED, 0, CXMS_MEM_LAT_FILL, "I/O"},
	{ZEN4, SRC(9), LD | FAR, CXMS_MEM_LOAD, CXMS_MEM_UNKNOWN, 0, CXMS_MEM_LAT_FILL, "no row"},
	{0, SRC(2), LD | FAR, CXMS_MEM_LOAD, CXMS_MEM_LLC, 0, CXMS_MEM_LAT_FILL, "Zen 3: the L3"},
	{0, SRC(8) | SRC(3), LD | FAR, CXMS_MEM_LOAD, CXMS_MEM_LOCAL_DRAM, 0, CXMS_MEM_LAT_FILL,
	 "Zen 3 has no such bit: not read"},
	{0, SRC(3), LD | DC_MISS, CXMS_MEM_LOAD, CXMS_MEM_LOCAL_DRAM, 0, CXMS_MEM_LAT_FILL,
	 "erratum 1293: the source goes before the L2 bit"},
	{ZEN4, 0, LD | FAR | NO_MAB, CXMS_MEM_LOAD, CXMS_MEM_LFB, 0, CXMS_MEM_LAT_FILL, ""},
	{ZEN4, SRC(3), ST | FAR | LAT(99), CXMS_MEM_STORE, CXMS_MEM_UNKNOWN, 0, 0,
	 "latency and source are of loads"},
	{ZEN4, SRC(3), LD | FAR | UC, CXMS_MEM_LOAD, CXMS_MEM_UNCACHED, 0, CXMS_MEM_LAT_FILL, ""},
	{ZEN4, 0, LD | ST | LOCK | TLB2, CXMS_MEM_LOAD, CXMS_MEM_L1, 0,
	 CXMS_MEM_LOCKED | CXMS_MEM_WALK, "an atomic"},
	{ZEN4, 0, LD | LIN | PHY, CXMS_MEM_LOAD, CXMS_MEM_L1, 0, CXMS_MEM_ADDR | CXMS_MEM_PHYS, ""},
};

static void raw_of(uint8_t raw[4 + 7 * 8], uint32_t caps, uint64_t data2, uint64_t data3)
{
	const uint64_t reg[7] = {0, 0x401000, 0, data2, data3, 0x7f0000001000, 0x12345000};

	memcpy(raw, &caps, 4);
	memcpy(raw + 4, reg, sizeof(reg));
}

static void test_ibs_registers(void **state)
{
	uint8_t raw[4 + 7 * 8];
	struct cxms_mem m;

	(void)state;
	for (size_t i = 0; i < COUNT(ops); i++) {
		memset(&m, 0, sizeof(m));
		raw_of(raw, ops[i].caps, ops[i].data2, ops[i].data3);
		assert_true(cxms_ibs_access(raw, sizeof(raw), &m));
		if (m.level != ops[i].level)
			fail_msg("row %zu: level %u: %s", i, m.level, ops[i].why);
		assert_int_equal(m.what, ops[i].what);
		assert_int_equal(m.latency_cyc, ops[i].latency);
		assert_int_equal(m.flags, ops[i].flags);
		assert_int_equal(m.addr, m.flags & CXMS_MEM_ADDR ? 0x7f0000001000 : 0);
		assert_int_equal(m.phys, m.flags & CXMS_MEM_PHYS ? 0x12345000 : 0);
	}
	raw_of(raw, ZEN4, 0, 0);
	assert_false(cxms_ibs_access(raw, sizeof(raw), &m)); /* no access to memory */
	raw_of(raw, ZEN4, 0, LD);
	for (uint32_t n = 0; n < sizeof(raw); n++)
		assert_false(cxms_ibs_access(raw, n, &m)); /* cut */
	assert_true(cxms_ibs_access(raw, sizeof(raw), &m));
}

/* A source under a machine's tree, its first hardware ring of CPU 0 in our hands. */
struct watched {
	struct cxms_source *s;
	struct clock *c;
	unsigned ring, side;
	struct perf_double hw, notes;
	uint32_t pid;
	uint64_t attempts; /* records that were to be written */
};

static unsigned find_ring(const struct clock *c, bool hw)
{
	unsigned i = 0;

	while (i < c->rings.n &&
	       (hw ? !c->rings.ring[i].hw : c->rings.ring[i].event != CXMS_PERF_SIDE))
		i++;
	assert_true(i < c->rings.n);
	return i;
}

static void watch(struct watched *w, const char *machine, const char *source, char *seconds)
{
	char *argv[] = {(char[]){"sleep"}, seconds, NULL};
	struct cxms_source_cfg cfg = {.argv = argv};
	struct cxms_err err = {0};

	memset(w, 0, sizeof(*w));
	at_machine(machine);
	if (cxms_source_open(cxms_source_find(source), &cfg, &w->s, &err))
		fail_msg("%s", err.msg);
	unsetenv("CXMS_FSROOT"); /* our own child is looked at from here on */
	w->c = w->s->priv;
	w->pid = (uint32_t)w->c->child.pid;
	w->ring = find_ring(w->c, true);
	w->side = find_ring(w->c, false);
	assert_true(perf_double_map(&w->hw, w->c->rings.ring[w->ring].fd,
				    w->c->rings.ring[w->ring].ring.mask + 1));
	assert_true(perf_double_map(&w->notes, w->c->rings.ring[w->side].fd,
				    w->c->rings.ring[w->side].ring.mask + 1));
	assert_int_equal(w->s->ops->start(w->s, &err), 0);
}

static void leave(struct watched *w)
{
	perf_double_unmap(&w->hw);
	perf_double_unmap(&w->notes);
	cxms_source_free(w->s);
}

static struct perf_double_access access_of(const struct watched *w, uint64_t addr)
{
	return (struct perf_double_access){
		.header = {PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER | PERF_RECORD_MISC_EXACT_IP,
			   sizeof(struct perf_double_access)},
		.ip = 0x1234,
		.pid = w->pid,
		.tid = w->pid,
		.time_ns = cxms_now_ns(),
		.addr = addr,
		.cpu = 3,
		.period = 1009,
		.latency = 412,
		.data_src = PERF_MEM_OP_LOAD | (uint64_t)PERF_MEM_LVLNUM_CXL
						       << PERF_MEM_LVLNUM_SHIFT,
		.phys = 0xabc000,
	};
}

/* The program's end, told in the ring of notes: the source need not wait for more. */
static void tell_exit(struct watched *w)
{
	struct {
		struct perf_event_header header;
		uint32_t pid, ppid, tid, ptid;
		uint64_t time;
		uint32_t by_pid, by_tid;
		uint64_t time_ns;
		uint32_t cpu, reserved;
	} rec = {.header = {PERF_RECORD_EXIT, 0, sizeof(rec)},
		 .pid = w->pid,
		 .tid = w->pid,
		 .by_pid = w->pid,
		 .by_tid = w->pid};

	rec.time_ns = cxms_now_ns();
	assert_true(perf_double_write(&w->notes, &rec, sizeof(rec), 0));
	kill((pid_t)w->pid, SIGKILL);
}

/* The next event of @kind, or none when the source ends. */
static bool next_event(struct watched *w, uint8_t kind, struct cxms_event *out)
{
	struct cxms_err err = {0};
	bool end = false;
	size_t n;

	while (!end) {
		if (w->s->ops->read(w->s, out, 1, &n, &end, &err))
			fail_msg("%s", err.msg);
		if (n && out->kind == kind)
			return true;
	}
	return false;
}

static void test_a_sampled_access_becomes_an_event(void **state)
{
	struct perf_double_access kernel, rec;
	struct cxms_totals totals;
	struct cxms_event ev;
	struct watched w;
	uint32_t site;

	(void)state;
	watch(&w, "spr", "pebs", (char[]){"60"});
	assert_int_equal(w.s->mem_min_cyc, 30);
	assert_true(w.s->caps & CXMS_SRC_PHYS);
	/* switches are recorded as by source clock: the time line is made of them */
	assert_true(w.s->caps & CXMS_SRC_SWITCHES);
	rec = access_of(&w, 0x7f0000001008);
	kernel = access_of(&w, 0xffff888000000000);
	kernel.header.misc = PERF_RECORD_MISC_KERNEL;
	kernel.phys = 0;
	assert_true(perf_double_write(&w.hw, &rec, sizeof(rec), 0));
	assert_true(perf_double_write(&w.hw, &kernel, sizeof(kernel), 0));
	tell_exit(&w);
	assert_true(next_event(&w, CXMS_EV_SITE, &ev));
	assert_int_equal(ev.site.ip, 0x1234);
	site = ev.site.id;
	assert_true(next_event(&w, CXMS_EV_MEM, &ev));
	assert_int_equal(ev.pid, w.pid);
	assert_int_equal(ev.tid, w.pid);
	assert_int_equal(ev.mem.site, site);
	assert_int_equal(ev.mem.addr, 0x7f0000001008);
	assert_int_equal(ev.mem.phys, 0xabc000);
	assert_int_equal(ev.mem.period, 1009);
	assert_int_equal(ev.mem.latency_cyc, 412);
	assert_int_equal(ev.mem.level, CXMS_MEM_CXL);
	assert_int_equal(ev.mem.what, CXMS_MEM_LOAD);
	assert_int_equal(ev.mem.cpu, 3);
	assert_int_equal(ev.mem.flags, CXMS_MEM_ADDR | CXMS_MEM_PHYS | CXMS_MEM_EXACT_IP);
	assert_true(next_event(&w, CXMS_EV_MEM, &ev));
	assert_int_equal(ev.mem.site, CXMS_NO_SITE);
	assert_int_equal(ev.mem.flags, CXMS_MEM_KERNEL);
	assert_false(next_event(&w, CXMS_EV_MEM, &ev));
	assert_int_equal(w.s->ops->stop(w.s, &totals, NULL), 0);
	assert_int_equal(totals.mem_samples, 2);
	assert_int_equal(totals.samples, 0);
	leave(&w);
}

/* Without privileges there are no physical addresses, and the layout has no room for them. */
static void test_an_unprivileged_source_has_no_physical_addresses(void **state)
{
	struct perf_double_access rec;
	struct cxms_event ev;
	struct watched w;

	(void)state;
	watch(&w, "icx", "pebs", (char[]){"60"});
	assert_false(w.s->caps & CXMS_SRC_PHYS);
	rec = access_of(&w, 0x7f0000001008);
	rec.header.size -= 8;
	assert_true(perf_double_write(&w.hw, &rec, rec.header.size, 0));
	tell_exit(&w);
	assert_true(next_event(&w, CXMS_EV_MEM, &ev));
	assert_int_equal(ev.mem.flags, CXMS_MEM_ADDR | CXMS_MEM_EXACT_IP);
	assert_int_equal(ev.mem.level, CXMS_MEM_CXL);
	leave(&w);
}

static size_t quota, locked; /* bytes of all rings; 0 = no quota */

int __real_cxms_perf_ring_open(struct cxms_perf_ring *r, int fd, size_t data_bytes,
			       struct cxms_err *err);
int __wrap_cxms_perf_ring_open(struct cxms_perf_ring *r, int fd, size_t data_bytes,
			       struct cxms_err *err);

int __wrap_cxms_perf_ring_open(struct cxms_perf_ring *r, int fd, size_t data_bytes,
			       struct cxms_err *err)
{
	locked += data_bytes;
	if (quota && locked > quota) {
		locked = 0; /* those that are open will be closed */
		return cxms_fail(err, EPERM, "over the quota");
	}
	return __real_cxms_perf_ring_open(r, fd, data_bytes, err);
}

static long n_cpus; /* of the machine; 0 = as many as there are */

long __real_sysconf(int name);
long __wrap_sysconf(int name);

long __wrap_sysconf(int name)
{
	return n_cpus && name == _SC_NPROCESSORS_CONF ? n_cpus : __real_sysconf(name);
}

/* All begin large; the first step back is that of accesses, which then are as large as notes. */
static void test_rings_shrink_to_the_quota(void **state)
{
	static const struct {
		long n_cpus;
		size_t quota, samples, accesses; /* KiB; the quota for each CPU */
		unsigned n_warning;
	} rows[] = {
		{2, 0, 4096, 4096, 0},	{32, 0, 4096, 2048, 0}, /* 256 MiB of all at most */
		{64, 0, 4096, 1024, 0}, {2, 16384, 4096, 1024, 0}, {2, 1024, 256, 64, 0},
		{2, 130, 32, 16, 1},	{2, 100, 0, 0, 0}, /* below the least */
	};
	static struct cxms_hw_plan plan;

	(void)state;
	at_machine("spr");
	assert_int_equal(cxms_hw_plan_pebs(&ask, &plan, NULL), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cxms_warnings warnings = {0};
		struct cxms_clock_rings rings;

		n_cpus = rows[i].n_cpus;
		quota = (size_t)n_cpus * rows[i].quota << 10;
		locked = 0;
		assert_int_equal(cxms_clock_rings_open(&rings, 0, 100000, &plan, &warnings, NULL),
				 rows[i].samples ? 0 : -ENOMEM);
		assert_int_equal(warnings.n, rows[i].n_warning);
		if (rows[i].samples) {
			assert_int_equal(rings.most_bytes, rows[i].samples << 10);
			assert_int_equal(rings.hw_bytes, rows[i].accesses << 10);
		}
		cxms_clock_rings_close(&rings);
	}
	quota = 0;
	n_cpus = 0;
}

/* Losses, throttling, records of no known length or task: counted or passed over, nothing more. */
static void test_losses_and_nonsense_in_a_hardware_ring(void **state)
{
	struct {
		struct perf_event_header header;
		uint64_t time, id, stream;
		uint32_t pid, tid;
		uint64_t time_ns;
		uint32_t cpu, reserved;
	} throttle = {.header = {PERF_RECORD_THROTTLE, 0, sizeof(throttle)}};
	struct perf_double_access rec;
	struct cxms_totals totals;
	struct cxms_event ev;
	struct watched w;

	(void)state;
	watch(&w, "spr", "pebs", (char[]){"60"});
	throttle.time_ns = cxms_now_ns();
	perf_double_write(&w.hw, &throttle, sizeof(throttle), 0);
	w.hw.lost = 7;
	rec = access_of(&w, 0x1000);
	perf_double_write(&w.hw, &rec, sizeof(rec), cxms_now_ns());
	rec.pid = rec.tid = UINT32_MAX; /* a task past its end */
	perf_double_write(&w.hw, &rec, sizeof(rec), 0);
	rec = access_of(&w, 0x1000);
	rec.header.size -= 16; /* cut */
	perf_double_write(&w.hw, &rec, rec.header.size, 0);
	tell_exit(&w);
	assert_true(next_event(&w, CXMS_EV_LOST, &ev));
	assert_int_equal(ev.lost.count, 7);
	assert_int_equal(ev.lost.what, CXMS_LOST_MEM);
	while (next_event(&w, CXMS_EV_MEM, &ev))
		assert_int_equal(ev.pid, w.pid);
	assert_int_equal(w.s->ops->stop(w.s, &totals, NULL), 0);
	assert_int_equal(totals.mem_samples, 1);
	assert_int_equal(totals.lost_mem, 7);
	assert_int_equal(totals.lost_samples, 0);
	assert_int_equal(totals.throttled, 1);
	leave(&w);
}

/* A pinned event whose counter another one took reads as at its end. */
static void test_an_event_without_a_counter_is_told_once(void **state)
{
	struct cxms_warnings warnings = {0};
	const struct cxms_clock_ring *ring;
	struct cxms_event ev;
	struct watched w;
	const char *said;
	bool end;
	size_t n;

	(void)state;
	watch(&w, "spr", "pebs", (char[]){"60"});
	w.c->warnings = &warnings;
	assert_null(cxms_clock_rings_stopped(&w.c->rings));
	ring = &w.c->rings.ring[w.ring];
	assert_true(ring->leader_fd >= 0);
	assert_true(lseek(ring->fd, 0, SEEK_END) > 0); /* a member has no state of its own */
	assert_null(cxms_clock_rings_stopped(&w.c->rings));
	assert_true(lseek(ring->leader_fd, 0, SEEK_END) > 0);
	assert_ptr_equal(cxms_clock_rings_stopped(&w.c->rings), ring);
	assert_int_equal(w.s->ops->read(w.s, &ev, 1, &n, &end, NULL), 0); /* it lives */
	tell_exit(&w);
	assert_false(next_event(&w, CXMS_EV_MEM, &ev));
	assert_int_equal(warnings.n, 1);
	said = warnings.list[0].message;
	assert_non_null(strstr(said, "event 'mem-loads' found no free counter on CPU 0: "));
	assert_non_null(strstr(said, "; end what else counts"));
	leave(&w);
}

/* A producer at full speed, as the kernel in another CPU's interrupt: what arrives is in order and
 * whole, and what does not is counted to the last record. */
#define BURST 200000u

static void *produce(void *arg)
{
	struct watched *w = arg;
	struct perf_double_access rec = access_of(w, 0);

	/* The last losses are told by the next record that finds room. */
	for (uint64_t i = 1; i <= BURST || w->hw.lost != w->hw.lost_told; i++) {
		rec.time_ns = cxms_now_ns();
		rec.addr = i;
		rec.period = ~i;
		perf_double_write(&w->hw, &rec, sizeof(rec), rec.time_ns);
		w->attempts++;
		if (i > BURST)
			usleep(100);
	}
	tell_exit(w);
	return NULL;
}

static void test_a_full_speed_producer_is_read_whole(void **state)
{
	uint64_t last = 0, got = 0, lost = 0;
	struct watched w;
	pthread_t thread;
	bool end = false;

	(void)state;
	watch(&w, "spr", "pebs", (char[]){"60"});
	assert_int_equal(pthread_create(&thread, NULL, produce, &w), 0);
	while (!end) {
		static struct cxms_event ev[512];
		size_t n;

		assert_int_equal(w.s->ops->read(w.s, ev, COUNT(ev), &n, &end, NULL), 0);
		for (size_t i = 0; i < n; i++) {
			if (ev[i].kind == CXMS_EV_LOST)
				lost += ev[i].lost.count;
			if (ev[i].kind != CXMS_EV_MEM)
				continue;
			assert_int_equal(ev[i].mem.period, ~ev[i].mem.addr);
			assert_true(ev[i].mem.addr > last);
			last = ev[i].mem.addr;
			got++;
		}
	}
	pthread_join(thread, NULL);
	assert_true(got > 0);
	assert_int_equal(lost, w.hw.lost);
	assert_int_equal(got + lost, w.attempts);
	leave(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_refused_is_given_up_in_turn),
		cmocka_unit_test(test_the_rate_follows_the_budget),
		cmocka_unit_test(test_loads_know_their_least_latency_and_leader),
		cmocka_unit_test(test_ibs_registers),
		cmocka_unit_test(test_a_sampled_access_becomes_an_event),
		cmocka_unit_test(test_an_unprivileged_source_has_no_physical_addresses),
		cmocka_unit_test(test_rings_shrink_to_the_quota),
		cmocka_unit_test(test_losses_and_nonsense_in_a_hardware_ring),
		cmocka_unit_test(test_an_event_without_a_counter_is_told_once),
		cmocka_unit_test(test_a_full_speed_producer_is_read_whole),
	};

	setenv("CXMS_PERF_DRY", "1", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
