/* Whatever is better in a host or in memory makes no program slower: each key of the exact replay
 * by itself, over programs whose accesses go through the caches and prefetchers of that host. */
#include "play.h"

#include <stdio.h>

#include "base/rng.h"
#include "sim/exact_host.h"
#include "tape.h"

#define LINE	 64u
#define STEPS	 3000
#define TEXT_MAX 2048

/* Keys of the topology, and what they are while another one is swept. */
enum key {
	FREQUENCY,
	WIDTH,
	ROB,
	SCHEDULER,
	LOAD_QUEUE,
	STORE_QUEUE,
	L1D_MSHRS,
	L2_MSHRS,
	L2_LATENCY,
	LLC_LATENCY,
	LATENCY,
	BANDWIDTH,
	KEYS
};
static const char *const plain[KEYS] = {
	[FREQUENCY] = "3GHz",	[WIDTH] = "6",	      [ROB] = "512",
	[SCHEDULER] = "205",	[LOAD_QUEUE] = "192", [STORE_QUEUE] = "114",
	[L1D_MSHRS] = "16",	[L2_MSHRS] = "48",    [L2_LATENCY] = "5ns",
	[LLC_LATENCY] = "20ns", [LATENCY] = "250ns",  [BANDWIDTH] = "unlimited",
};

/* Each from the worst to the best. */
#define VALUES 12
static const struct sweep {
	const char *name;
	enum key key;
	const char *value[VALUES];
} sweeps[] = {
	{"frequency", FREQUENCY, {"1GHz", "2GHz", "3GHz", "4GHz"}},
	{"width", WIDTH, {"1", "2", "3", "4", "5", "6", "8", "12"}},
	{"rob", ROB, {"16", "32", "64", "100", "128", "192", "256", "512"}},
	{"scheduler", SCHEDULER, {"4", "8", "16", "32", "64", "128", "256"}},
	{"load_queue", LOAD_QUEUE, {"4", "8", "16", "32", "64", "128"}},
	{"store_queue", STORE_QUEUE, {"2", "4", "8", "16", "32", "64"}},
	{"l1d_mshrs", L1D_MSHRS, {"1", "2", "3", "4", "5", "6", "8", "10", "12", "16"}},
	{"l2_mshrs", L2_MSHRS, {"2", "3", "4", "5", "6", "7", "8", "10", "12", "16", "24", "48"}},
	{"l2.latency", L2_LATENCY, {"20ns", "10ns", "6ns", "4ns"}},
	{"llc.latency", LLC_LATENCY, {"60ns", "40ns", "20ns", "15ns"}},
	{"latency", LATENCY, {"1us", "500ns", "400ns", "250ns", "150ns", "90ns", "60ns"}},
	{"bandwidth", BANDWIDTH, {"1GB/s", "2GB/s", "4GB/s", "8GB/s", "16GB/s", "40GB/s"}},
};

static const char *const cores[] = {
	"uops: split, store_order: weak",
	"uops: split, store_order: tso",
	"uops: fused, store_order: tso",
};

#define AHEAD "prefetch: {type: stride, degree: 8, distance: 0}"

/* Of the first level, and of the second. What is useless takes room from what is needed, more so
 * the faster a core asks: next lines beside a gather are in no order. */
static const struct prefetch {
	const char *l1d, *l2;
} prefetchers[] = {
	{"prefetch: none", "prefetch: none"},
	{"prefetch: none", AHEAD},
};

static struct cxms_topo *topology(const char *core, const struct prefetch *prefetch, enum key key,
				  const char *value)
{
	char text[TEXT_MAX];
	const char *v[KEYS];
	memcpy(v, plain, sizeof(v));
	v[key] = value;
	snprintf(text, sizeof(text),
		 "schema: 1\nhost:\n"
		 "  cpu: {frequency: %s, cores: 1, width: %s, %s, rob: %s, scheduler: %s, "
		 "load_queue: %s, store_queue: %s, l1d_mshrs: %s, l2_mshrs: %s}\n"
		 "  caches:\n    l1d: {size: 32KiB, ways: 8, latency: 4cyc, %s}\n"
		 "    l2: {size: 128KiB, ways: 8, latency: %s, %s}\n"
		 "    llc: {size: 256KiB, ways: 16, latency: %s, index: modulo}\n  tlb: none\n"
		 "  local: {latency: 90ns, bandwidth: unlimited}\n"
		 "devices:\n  mem0: {type: memdev, upstream: host, latency: %s, bandwidth: %s, "
		 "capacity: 1GiB}\n",
		 v[FREQUENCY], v[WIDTH], core, v[ROB], v[SCHEDULER], v[LOAD_QUEUE], v[STORE_QUEUE],
		 v[L1D_MSHRS], v[L2_MSHRS], prefetch->l1d, v[L2_LATENCY], prefetch->l2,
		 v[LLC_LATENCY], v[LATENCY], v[BANDWIDTH]);
	return play_topology(text);
}

/* ---- programs ---- */

struct run {
	struct tape *tape;
	struct cxms_rng rng;
};

static void insn(struct run *r, const char *code, uint64_t address, bool is_store)
{
	tape_insn(r->tape, code, address, is_store);
}

#define LOAD_SI	 "\x48\x8b\x06" /* mov rax, [rsi] */
#define LOAD_DI	 "\x48\x8b\x07"
#define LOAD_DX	 "\x48\x8b\x1a" /* mov rbx, [rdx] */
#define FOLLOW	 "\x48\x8b\x09" /* mov rcx, [rcx] */
#define STORE_DI "\x48\x89\x07" /* mov [rdi], rax */
#define STORE_DX "\x48\x89\x1a"
#define NEXT_SI	 "\x48\x83\xc6\x08" /* add rsi, 8 */
#define NEXT_DI	 "\x48\x83\xc7\x08"
#define MIX	 "\x48\x0f\xaf\xd3" /* imul rdx, rbx */

#define FROM UINT64_C(0x10000000)
#define TO   UINT64_C(0x20000000)
#define PAST UINT64_C(0x30000000)

static uint64_t anywhere(struct run *t)
{
	return PAST + LINE * cxms_rng_below(&t->rng, 1 << 16);
}

static void copy(struct run *t, uint64_t n)
{
	insn(t, LOAD_SI, FROM + 8 * n, false);
	insn(t, STORE_DI, TO + 8 * n, true);
	insn(t, NEXT_SI, 0, false);
	insn(t, NEXT_DI, 0, false);
}

static void sum(struct run *t, uint64_t n)
{
	insn(t, LOAD_SI, FROM + 8 * n, false);
	insn(t, NEXT_SI, 0, false);
}

static void gather(struct run *t, uint64_t n)
{
	insn(t, LOAD_SI, FROM + 8 * n, false);
	insn(t, LOAD_DX, anywhere(t), false);
	insn(t, NEXT_SI, 0, false);
}

static void chase(struct run *t, uint64_t n)
{
	(void)n;
	insn(t, FOLLOW, anywhere(t), false);
	insn(t, MIX, 0, false);
}

/* A new record: its first word is stored to, the second read soon after. */
static void update(struct run *t, uint64_t n)
{
	uint64_t at = anywhere(t);
	insn(t, STORE_DX, at, true);
	insn(t, LOAD_SI, FROM + 8 * n, false);
	insn(t, LOAD_DX, at + 8, false);
	insn(t, NEXT_SI, 0, false);
}

/* Two streams, of which each step takes one by chance, into a third; some lines far from them. */
static void merge(struct run *t, uint64_t n)
{
	static uint64_t at[2];
	bool which = cxms_rng_below(&t->rng, 2);
	if (n == 0)
		at[0] = at[1] = 0;
	insn(t, LOAD_SI, FROM + 8 * at[0], false);
	insn(t, LOAD_DI, PAST + 8 * at[1], false);
	insn(t, STORE_DX, TO + 8 * n, true);
	if (cxms_rng_below(&t->rng, 8) == 0)
		insn(t, FOLLOW, PAST + (1 << 24) + anywhere(t), false);
	at[which]++;
}

static const struct program {
	const char *name;
	void (*step)(struct run *t, uint64_t n);
} programs[] = {{"copy", copy},	  {"sum", sum},	      {"gather", gather},
		{"chase", chase}, {"update", update}, {"merge", merge}};

static int record(const struct program *p, const struct prefetch *prefetch)
{
	struct cxms_topo *host = topology(cores[0], prefetch, ROB, plain[ROB]);
	struct cxms_exact_cfg cfg;
	struct run r = {0};
	assert_int_equal(cxms_exact_of_host(host, &cfg, NULL), 0);
	cxms_topo_free(host);
	cxms_rng_init(&r.rng, 1);
	r.tape = tape_new(&cfg);
	for (uint64_t n = 0; n < STEPS; n++) {
		tape_at(r.tape, 0x1000);
		p->step(&r, n);
	}
	return tape_end(r.tape);
}

/* ---- the property ---- */

/* Times of all values of a sweep, in one pass; returns how many there are. */
static size_t times_of(int fd, const char *core, const struct prefetch *prefetch,
		       const struct sweep *s, double *ns)
{
	const struct cxms_topo *topo[VALUES];
	struct cxms_topo *own[VALUES];
	const double far = 0;
	size_t n = 0;
	for (; n < VALUES && s->value[n]; n++)
		topo[n] = own[n] = topology(core, prefetch, s->key, s->value[n]);
	const struct cxms_replay_cfg cfg = {
		.topo = topo, .n_topo = n, .split_pct = &far, .n_split = 1, .seed = 1};
	struct cxms_result *r = play_replay(fd, &cfg);
	for (size_t i = 0; i < n; i++) {
		ns[i] = (double)r->split[i].time_ns;
		cxms_topo_free(own[i]);
	}
	cxms_result_free(r);
	return n;
}

/* 1 %: requests meet in another order at the miss registers, and units and fetch begin their cycles
 * elsewhere. */
#define TOLERANCE 1.01

/* Returns how many values are slower than a worse one. */
static int check_order(const char *program, const char *core, const struct sweep *s,
		       const double *ns, size_t n)
{
	size_t best = 0;
	int n_bad = 0;
	for (size_t i = 1; i < n; i++) {
		bool is_bad = ns[i] > ns[best] * TOLERANCE;
		n_bad += is_bad;
		if (is_bad)
			print_error("%s, %s: %s %s takes %.0f ns, %s takes %.0f\n", program, core,
				    s->name, s->value[i], ns[i], s->value[best], ns[best]);
		best = ns[i] < ns[best] ? i : best;
	}
	return n_bad;
}

static int sweep_all(const struct program *p, const struct prefetch *prefetch)
{
	double ns[VALUES];
	int n_bad = 0, fd = record(p, prefetch);
	for (size_t c = 0; c < PLAY_COUNT(cores); c++)
		for (size_t k = 0; k < PLAY_COUNT(sweeps); k++) {
			size_t n = times_of(fd, cores[c], prefetch, &sweeps[k], ns);
			n_bad += check_order(p->name, cores[c], &sweeps[k], ns, n);
		}
	close(fd);
	return n_bad;
}

static void test_better_is_never_slower(void **state)
{
	int n_bad = 0;
	(void)state;
	for (size_t p = 0; p < PLAY_COUNT(programs); p++)
		for (size_t f = 0; f < PLAY_COUNT(prefetchers); f++)
			n_bad += sweep_all(&programs[p], &prefetchers[f]);
	assert_int_equal(n_bad, 0);
}

/* Where few miss registers of the L2 are all that bounds a stream, it is its lines, so many at a
 * time, with a prefetcher or without. */
static void test_few_registers_are_all_in_use(void **state)
{
	static const struct sweep registers = {
		"l2_mshrs", L2_MSHRS, {"1", "2", "3", "4", "5", "6", "7", "8"}};
	double ns[VALUES];
	(void)state;
	for (size_t f = 0; f < PLAY_COUNT(prefetchers); f++) {
		int fd = record(&programs[0], &prefetchers[f]);
		for (size_t c = 0; c < PLAY_COUNT(cores); c++) {
			bool one_store = strstr(cores[c], "split, store_order: tso");
			size_t n = times_of(fd, cores[c], &prefetchers[f], &registers, ns);
			for (size_t i = 0; i < n && !one_store; i++) {
				double each = ns[i] * (double)(i + 1) / (2 * STEPS * 8 / LINE);
				if (each < 250 || each > 1.04 * 250)
					fail_msg("%s, %s, %s registers: %.1f ns a line", cores[c],
						 prefetchers[f].l2, registers.value[i], each);
			}
		}
		close(fd);
	}
}

/* A stream of which the first level fetches the next line ahead is faster by it, and by each step
 * that the L2 reaches farther. */
static void test_prefetchers_help_each_other(void **state)
{
	static const struct prefetch steps[] = {
		{"prefetch: none", "prefetch: {type: stride, degree: 2}"},
		{"prefetch: next-line", "prefetch: {type: stride, degree: 2}"},
		{"prefetch: next-line", "prefetch: {type: stride, degree: 8}"},
		{"prefetch: next-line", "prefetch: {type: stride, degree: 24}"}};
	static const struct sweep once = {"latency", LATENCY, {"250ns"}};
	double ns[PLAY_COUNT(cores)][PLAY_COUNT(steps)];
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(steps); i++) {
		int fd = record(&programs[1], &steps[i]);
		for (size_t c = 0; c < PLAY_COUNT(cores); c++)
			times_of(fd, cores[c], &steps[i], &once, &ns[c][i]);
		close(fd);
	}
	for (size_t c = 0; c < PLAY_COUNT(cores); c++)
		for (size_t i = 1; i < PLAY_COUNT(steps); i++)
			if (ns[c][i] > ns[c][i - 1])
				fail_msg("%s: %.0f ns, and %.0f with %s, %s", cores[c],
					 ns[c][i - 1], ns[c][i], steps[i].l1d, steps[i].l2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_better_is_never_slower),
		cmocka_unit_test(test_few_registers_are_all_in_use),
		cmocka_unit_test(test_prefetchers_help_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
