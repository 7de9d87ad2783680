/*
 * Facts about this machine: what the kernel says, and latencies measured by a dependent chase.
 *
 * The CPU time stamp and PMU are not used, so that it works in any guest without privileges. Walks
 * are told from memory by two orders of the same chase: at random over the whole footprint each hop
 * walks, window by window hardly any does. In a guest whose host maps its memory by 4 KiB pages
 * walks cost as much as the memory itself, on huge pages of the guest as well, and the more the
 * larger the footprint.
 */
#include "source/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/units.h"
#include "source/disturbance.h"
#include "source/machine_cache.h"
#include "source/machine_chase.h"
#include "source/sample_cost.h"
#include "source/source.h"
#include "source/stop_cost.h"
#include "source/synth.h"

#define MIB	 (1024ull * 1024)
#define PROC_MAX (64u * 1024 * 1024)
/* Far above any LLC share of one core. */
#define FOOTPRINT_MAX	(256 * MIB)
#define FOOTPRINT_MIN	(4 * MIB)
#define STAIR_MIN_BYTES (256ull * 1024)
#define SEED		1u
/*
 * A set takes 30 ms at 160 ns a hop, under 1 ms in the L2. Neighbours in a shared LLC come and go
 * in tenths of a second, so each step takes at least so long and so many sets.
 */
#define STEP_NS	  60000000ull
#define STEP_SETS 3u
/* Page walks drift for seconds and minutes: rounds some seconds apart, each of so many sets at a
 * step. */
#define WALK_ROUNDS   3u
#define WALK_SETS_MIN 2u
#define WALK_SETS_MAX 16u
/* Lines of a page: all, and one of each pair that an adjacent-line prefetcher fetches together. */
#define PAGE_LINES 64u
#define PAIR_LINES 32u

/* Where sysfs says nothing of an L2 (1 MiB: Skylake-SP to Granite Rapids have 1 or 2 MiB). */
#define CXMS_ASSUMED_L2_BYTES (1 * MIB)

/* The figures of synthetic recordings: round, and in proportion to those of a server of 2023. */
#define SYNTH_MEM_PS  100000u
#define SYNTH_WALK_PS 20000u
#define SYNTH_LLC_PS  20000u
#define SYNTH_L2_PS   5000u

/* One line of text, cut to fit, without control characters. */
static void copy_text(char *out, size_t cap, const char *s)
{
	size_t n = strcspn(s, "\n");

	if (n >= cap)
		n = cap - 1;
	for (size_t i = 0; i < n; i++)
		out[i] = s[i] >= ' ' && s[i] <= '~' ? s[i] : '?';
	out[n] = '\0';
}

/* The value of "key : value" or "key: value" in /proc text; NULL when absent. */
static const char *proc_value(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *p = text; *p;) {
		const char *q = p + len;

		if (!strncmp(p, key, len)) {
			q += strspn(q, " \t");
			if (*q == ':')
				return q + 1 + strspn(q + 1, " \t");
		}
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return NULL;
}

/* Bytes of a "kB" figure of /proc/meminfo, 0 when absent. */
static uint64_t meminfo_bytes(const char *key)
{
	struct cxms_buf text = {0};
	uint64_t kib = 0;
	const char *v;

	if (!cxms_sys_read("/proc/meminfo", PROC_MAX, &text, NULL)) {
		v = proc_value(cxms_buf_text(&text), key);
		if (v)
			kib = strtoull(v, NULL, 10);
	}
	cxms_buf_fini(&text);
	return kib > UINT64_MAX / 1024 ? 0 : kib * 1024;
}

/* "0-3,8": how many CPUs a list names; 0 when it is not one. */
static uint32_t count_cpus(const char *list)
{
	uint64_t n = 0;

	for (const char *p = list; *p >= '0' && *p <= '9';) {
		char *end;
		uint64_t first = strtoull(p, &end, 10), last = first;

		if (*end == '-')
			last = strtoull(end + 1, &end, 10);
		if (last < first || last > UINT16_MAX)
			return 0;
		n += last - first + 1;
		p = *end == ',' ? end + 1 : end;
		if (p == end)
			break;
	}
	return n <= UINT32_MAX ? (uint32_t)n : 0;
}

static void identify_cpus(struct cxms_facts *f)
{
	struct cxms_buf text = {0};
	const char *model;
	long online;

	if (!cxms_sys_read("/proc/cpuinfo", PROC_MAX, &text, NULL)) {
		model = proc_value(cxms_buf_text(&text), "model name");
		if (model)
			copy_text(f->cpu, sizeof(f->cpu), model);
	}
	cxms_buf_clear(&text);
	if (!cxms_sys_read("/sys/devices/system/cpu/online", 65536, &text, NULL))
		f->n_cpu = count_cpus(cxms_buf_text(&text));
	if (!f->n_cpu) {
		online = sysconf(_SC_NPROCESSORS_ONLN);
		f->n_cpu = online > 0 ? (uint32_t)online : 1;
	}
	cxms_buf_fini(&text);
}

/* Of cpu0; the last level is the highest one that holds data. */
static void identify_caches(struct cxms_facts *f)
{
	uint64_t top = 0;

	for (int i = 0; i < 10; i++) {
		char path[128];
		struct cxms_buf type = {0};
		uint64_t level = 0, size = 0;
		bool data;
		int dir = snprintf(path, sizeof(path),
				   "/sys/devices/system/cpu/cpu0/cache/index%d/", i);
		size_t room = sizeof(path) - (size_t)dir;

		snprintf(path + dir, room, "type");
		data = !cxms_sys_read(path, 64, &type, NULL) &&
		       strncmp(cxms_buf_text(&type), "Instruction", 11) != 0;
		cxms_buf_fini(&type);
		snprintf(path + dir, room, "level");
		if (!data || cxms_sys_read_u64(path, &level, NULL))
			continue;
		snprintf(path + dir, room, "size");
		if (cxms_sys_read_u64(path, &size, NULL))
			continue;
		if (level == 1)
			f->l1d_bytes = size;
		if (level == 2)
			f->l2_bytes = size;
		if (level > 1 && level > top) {
			top = level;
			f->llc_bytes = size;
		}
	}
}

void cxms_machine_identify(struct cxms_facts *facts)
{
	struct cxms_buf text = {0};
	struct utsname uts;
	long page = sysconf(_SC_PAGESIZE);

	if (!uname(&uts)) {
		copy_text(facts->kernel, sizeof(facts->kernel), uts.release);
		copy_text(facts->machine, sizeof(facts->machine), uts.machine);
	}
	if (!cxms_sys_read("/proc/sys/kernel/osrelease", 256, &text, NULL))
		copy_text(facts->kernel, sizeof(facts->kernel), cxms_buf_text(&text));
	cxms_buf_fini(&text);
	identify_cpus(facts);
	identify_caches(facts);
	facts->page_bytes = page > 0 ? (uint64_t)page : 4096;
	if (cxms_sys_read_u64("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size",
			      &facts->huge_bytes, NULL))
		facts->huge_bytes = meminfo_bytes("Hugepagesize");
	facts->mem_total_bytes = meminfo_bytes("MemTotal");
}

/* 256 MiB, or the power of two within an eighth of what is available. */
static uint64_t footprint_bytes(void)
{
	uint64_t bytes = FOOTPRINT_MAX, available = meminfo_bytes("MemAvailable"), limit;

	if (!cxms_sys_read_u64("/sys/fs/cgroup/memory.max", &limit, NULL) &&
	    (!available || limit < available))
		available = limit;
	while (available && bytes > available / 8)
		bytes /= 2;
	return bytes;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t above(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t best_ps(struct cxms_chase *c)
{
	uint64_t ps = UINT64_MAX, begin_ns = cxms_now_ns();

	for (unsigned s = 0; s < STEP_SETS || cxms_now_ns() - begin_ns < STEP_NS; s++)
		ps = lower(ps, cxms_chase_set_ps(c));
	return ps;
}

/* Steps double up to the whole buffer: by windows, so that pages are hardly walked. */
static void measure_stair(struct cxms_chase *c, uint64_t bytes, struct cxms_facts *f)
{
	f->n_stair = 0;
	for (uint64_t b = STAIR_MIN_BYTES; b <= bytes && f->n_stair < CXMS_STAIR_MAX; b *= 2) {
		cxms_chase_link_windows(c, b, PAGE_LINES, SEED);
		f->stair_bytes[f->n_stair] = b;
		f->stair_ps[f->n_stair++] = best_ps(c);
	}
}

/* The sets of random chases at one step, by page size. */
struct walk_sets {
	struct {
		uint64_t ps[WALK_ROUNDS * WALK_SETS_MAX];
		unsigned n;
	} of[2];
};

/* One round of one page size: a random chase at each step. What the walks add follows when the
 * memory's own latency is known. */
static void measure_random(struct cxms_chase *c, unsigned size, const struct cxms_facts *f,
			   struct walk_sets *w)
{
	for (uint32_t i = 0; i < f->n_stair; i++) {
		unsigned *n = &w[i].of[size].n, least = *n + WALK_SETS_MIN,
			 most = *n + WALK_SETS_MAX;
		uint64_t begin_ns;

		cxms_chase_link(c, f->stair_bytes[i], SEED);
		begin_ns = cxms_now_ns();
		while (*n < least || (*n < most && cxms_now_ns() - begin_ns < STEP_NS))
			w[i].of[size].ps[(*n)++] = cxms_chase_set_ps(c);
	}
}

/*
 * Every second line of the whole buffer by windows: no neighbour that was fetched along is of use.
 * A page's walk is spread over the 32 lines, and the random chase pays it at each: two equations.
 */
static void measure_memory(struct cxms_chase *huge, uint64_t bytes, const struct walk_sets *w,
			   struct cxms_facts *f)
{
	uint64_t random_ps = UINT64_MAX;

	/* the least of each: contention only adds */
	for (unsigned i = 0; i < w[f->n_stair - 1].of[1].n; i++)
		random_ps = lower(random_ps, w[f->n_stair - 1].of[1].ps[i]);
	cxms_chase_link_windows(huge, bytes, PAIR_LINES, SEED);
	f->mem_latency_ps = cxms_chase_memory_ps(best_ps(huge), random_ps, PAIR_LINES);
}

/* Contention only adds, and less memory is never slower: no step counts for more than a larger one.
 */
static void smooth(uint64_t *ps, uint32_t n)
{
	for (uint32_t i = n; i-- > 1;)
		ps[i - 1] = lower(ps[i - 1], ps[i]);
}

/* The first step that does not fit into the L2: what the LLC takes, as far as its share reaches. */
static uint64_t llc_latency_ps(const struct cxms_facts *f)
{
	uint64_t l2 = f->l2_bytes ? f->l2_bytes : CXMS_ASSUMED_L2_BYTES;

	for (uint32_t i = 0; i < f->n_stair; i++) {
		if (f->stair_bytes[i] > l2)
			return f->stair_ps[i];
	}
	return f->stair_ps[f->n_stair - 1];
}

/*
 * A window holds both lines of a pair, and cores fetch the second along with the first: its misses
 * cost less than memory. As many uses miss at full cost as missed at that of the largest step.
 */
static void stretch_stair(struct cxms_facts *f)
{
	double low = (double)f->llc_latency_ps, high = (double)f->stair_ps[f->n_stair - 1];

	for (uint32_t i = 0; i < f->n_stair && high > low; i++) {
		double miss = ((double)f->stair_ps[i] - low) / (high - low);

		if (miss > 0)
			f->stair_ps[i] = (uint64_t)(low + miss * ((double)f->mem_latency_ps - low));
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/*
 * The random chases without what their lines cost. The median, since a program meets its neighbours
 * too: what walks take at best is not what it sees. And the upper quartile: a single set may fall
 * into a moment in which the host took the CPU away.
 */
static void set_walks(struct walk_sets *w, struct cxms_facts *f)
{
	f->n_walk = f->n_stair;
	memcpy(f->walk_bytes, f->stair_bytes, sizeof(f->walk_bytes));
	for (unsigned size = 0; size < 2; size++) {
		for (uint32_t i = 0; i < f->n_walk; i++) {
			uint64_t *ps = w[i].of[size].ps, line_ps = f->stair_ps[i];
			unsigned n = w[i].of[size].n;

			qsort(ps, n, sizeof(*ps), by_value);
			f->walk_step_ps[size][i] = above(ps[n / 2], line_ps);
			f->walk_high_ps[size][i] = above(ps[n * 3 / 4], line_ps);
		}
		smooth(f->walk_step_ps[size], f->n_walk);
		smooth(f->walk_high_ps[size], f->n_walk);
	}
	f->walk_ps = f->walk_step_ps[0][f->n_walk - 1];
}

/*
 * What a disturbance costs depends on what it displaces. A program that walks memory at random
 * finds the kernel's lines cold; one whose pages the second TLB holds (1024 to 3072 entries in
 * server cores) loses its translations where a hypervisor is entered. The dearer counts.
 */
#define HELD_BYTES (4 * MIB)

struct costs {
	uint64_t sample_ns, stop_ns; /* 0 = not known: the source does not work */
};

static uint64_t higher(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void measure_set(struct cxms_chase *c, struct costs *dearest)
{
	uint64_t ns;

	if (!cxms_sample_cost_measure(c, &ns, NULL))
		dearest->sample_ns = higher(dearest->sample_ns, ns);
	if (!cxms_stop_cost_measure(c, &ns, NULL))
		dearest->stop_ns = higher(dearest->stop_ns, ns);
}

/* One round, over all of @c, which is linked so, and over a part. Of the rounds the least counts,
 * as of all that company only adds to. */
static void measure_costs(struct cxms_chase *c, struct cxms_facts *f)
{
	struct costs round = {0};

	measure_set(c, &round);
	cxms_chase_link(c, HELD_BYTES, SEED);
	measure_set(c, &round);
	f->sample_cost_ns = cxms_least_cost(f->sample_cost_ns, round.sample_ns);
	f->stop_cost_ns = cxms_least_cost(f->stop_cost_ns, round.stop_ns);
}

/*
 * One page size of one round. Its buffer is the only one meanwhile: a host that keeps page tables
 * of its own for a guest keeps so many of them, and drops the oldest for others. With 512 MiB
 * mapped base pages took 2 to 5 us where a program with the same 256 MiB took 150 ns.
 */
static int measure_size(uint64_t bytes, unsigned round, unsigned size, struct cxms_facts *f,
			struct walk_sets *w, struct cxms_err *err)
{
	struct cxms_chase *c;
	int rc = cxms_chase_new(&c, bytes, size == 1, err);

	if (rc)
		return rc;
	if (round == 0 && size == 1)
		measure_stair(c, bytes, f);
	measure_random(c, size, f, w);
	if (round == 0 && size == 1)
		measure_memory(c, bytes, w, f);
	if (size == 0) /* its last step is the whole buffer */
		measure_costs(c, f);
	cxms_chase_free(c);
	return 0;
}

static int measure_now(struct cxms_facts *f, struct cxms_err *err)
{
	uint64_t bytes = footprint_bytes();
	struct walk_sets w[CXMS_STAIR_MAX] = {0};
	int rc = 0;

	if (bytes < FOOTPRINT_MIN)
		return cxms_fail(err, ENOMEM,
				 "too little memory is free to measure its latency; give "
				 "--mem-latency and --walk-latency");
	f->sample_cost_ns = f->stop_cost_ns = 0;
	for (unsigned r = 0; r < WALK_ROUNDS && !rc; r++) {
		rc = measure_size(bytes, r, 1, f, w, err);
		if (!rc)
			rc = measure_size(bytes, r, 0, f, w, err);
	}
	if (rc)
		return rc;
	smooth(f->stair_ps, f->n_stair);
	f->llc_latency_ps = llc_latency_ps(f);
	stretch_stair(f);
	set_walks(w, f);
	return 0;
}

/* The first step beyond the L2 took as long as the largest, and less than memory: others had all of
 * the LLC, and what it takes was not measured (core/stair.c reads the steps so too). */
static bool was_llc_full(const struct cxms_facts *f)
{
	uint64_t top_ps = f->n_stair >= 2 ? f->stair_ps[f->n_stair - 1] : 0;

	return f->llc_latency_ps >= top_ps && top_ps > 0 && top_ps < f->mem_latency_ps;
}

static void apply_given(struct cxms_facts *f, const struct cxms_machine_cfg *cfg)
{
	if (cfg->mem_latency_ps) {
		f->mem_latency_ps = cfg->mem_latency_ps;
		if (f->n_stair > 0)
			stretch_stair(f); /* the same share of misses at each size */
	}
	if (cfg->walk_ps) {
		f->walk_ps = cfg->walk_ps;
		f->n_walk = 0; /* the same for any footprint */
	}
	if (cfg->llc_bytes) {
		f->llc_bytes = cfg->llc_bytes;
		f->llc_given = true;
		if (was_llc_full(f))
			f->llc_latency_ps = 0;
		f->n_stair = 0; /* the size given decides, not the measured steps */
	}
	f->latency_given = cfg->mem_latency_ps || cfg->walk_ps;
}

/* An older measurement of a machine where the sources did not work then. Return: whether one is
 * new.
 */
static bool measure_missing_costs(struct cxms_facts *f)
{
	bool sample = !f->sample_cost_ns && !cxms_source_clock.probe(NULL);
	bool stop = !f->stop_cost_ns && !cxms_source_ptrace.probe(NULL);
	uint64_t bytes = footprint_bytes();
	struct cxms_chase *c;

	if ((!sample && !stop) || bytes < FOOTPRINT_MIN || cxms_chase_new(&c, bytes, false, NULL))
		return false;
	for (unsigned r = 0; r < WALK_ROUNDS; r++) {
		cxms_chase_link(c, bytes, SEED);
		measure_costs(c, f);
	}
	cxms_chase_free(c);
	return f->sample_cost_ns || f->stop_cost_ns;
}

int cxms_machine_measure(struct cxms_facts *facts, const struct cxms_machine_cfg *cfg,
			 struct cxms_err *err)
{
	struct cxms_err cache_err = {0};
	struct cxms_facts f = *facts;
	bool all_given = cfg->mem_latency_ps && cfg->walk_ps, is_new = false;
	int rc;

	if (cfg->remeasure || (!cxms_machine_cache_load(&f, cfg->log) && !all_given)) {
		cxms_log(cfg->log, CXMS_LOG_NORMAL,
			 "measuring this machine's memory latency (once, about ten seconds; longer "
			 "on a busy machine)");
		rc = measure_now(&f, err);
		if (rc)
			return rc;
		is_new = true;
	}
	if (!all_given)
		is_new |= measure_missing_costs(&f);
	if (is_new && cxms_machine_cache_save(&f, &cache_err))
		cxms_log(cfg->log, CXMS_LOG_NORMAL,
			 "the measurement is not kept for the next run: %s", cache_err.msg);
	apply_given(&f, cfg);
	*facts = f;
	return 0;
}

void cxms_machine_synthetic(struct cxms_facts *facts, const struct cxms_machine_cfg *cfg)
{
	static const struct {
		uint64_t bytes, ps;
	} stair[] = {{1 * MIB, SYNTH_L2_PS},
		     {2 * MIB, SYNTH_LLC_PS},
		     {16 * MIB, SYNTH_LLC_PS},
		     {32 * MIB, SYNTH_MEM_PS},
		     {256 * MIB, SYNTH_MEM_PS}};
	struct cxms_facts f = {
		.cpu = "synthetic",
		.machine = "synthetic",
		.n_cpu = CXMS_SYNTH_CPUS,
		.page_bytes = 4096,
		.huge_bytes = 2 * MIB,
		.l1d_bytes = 48 * 1024,
		.l2_bytes = 1 * MIB,
		.llc_bytes = 16 * MIB,
		.mem_total_bytes = 1024 * 1024 * MIB,
		.mem_latency_ps = SYNTH_MEM_PS,
		.walk_ps = SYNTH_WALK_PS,
		.llc_latency_ps = SYNTH_LLC_PS,
		.n_stair = sizeof(stair) / sizeof(stair[0]),
	};

	for (uint32_t i = 0; i < f.n_stair; i++) {
		f.stair_bytes[i] = stair[i].bytes;
		f.stair_ps[i] = stair[i].ps;
	}
	apply_given(&f, cfg);
	*facts = f;
}
