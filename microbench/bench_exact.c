/*
 * bench_exact: what the exact source costs. Six programs run natively, under valgrind's none and
 * cachegrind, and under the exact source, in turn; then their recordings are replayed with one
 * split and with five. Prints medians with the smallest and the largest of the runs.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "bench.h"
#include "core/xread.h"
#include "trace/trace.h"

#define MAX_RUNS       100u
#define DEFAULT_RUNS   3u
#define MAX_REPLAYS    3u /* they take long, and vary little */
#define MAX_ARGS       8
#define MAX_WORDS      40
#define EVENTS_AT_ONCE 256
#define PROGRAMS       (sizeof(programs) / sizeof(programs[0]))
#define MILLION	       1e6

enum mode { NATIVE, NONE, CACHEGRIND, EXACT, MODES };
enum splits { ONE_SPLIT, FIVE_SPLITS, SPLITS };

/* Its words at full size (a tenth to a second natively) and tiny (some milliseconds). */
static const struct program {
	const char *name, *path;
	const char *full[MAX_ARGS], *tiny[MAX_ARGS];
} programs[] = {
	{"chase",
	 "microbench/mb",
	 {"chase", "--size", "64MiB", "--steps", "4000000"},
	 {"chase", "--size", "64KiB", "--steps", "10000"}},
	{"gather",
	 "microbench/mb",
	 {"gather", "--size", "64MiB", "--steps", "10000000"},
	 {"gather", "--size", "64KiB", "--steps", "10000"}},
	{"stream",
	 "microbench/mb",
	 {"stream", "--size", "64MiB", "--steps", "80000000"},
	 {"stream", "--size", "64KiB", "--steps", "10000"}},
	{"sort", "workloads/sort", {"-s", "20"}, {"-s", "10"}},
	{"page-rank", "workloads/graph", {"-s", "15", "-n", "32"}, {"-s", "10", "-n", "1"}},
	{"hash join", "workloads/hashjoin", {"-s", "19"}, {"-s", "10"}},
};

struct opts {
	unsigned runs, replays;
	bool tiny;
	char build[BENCH_PATH_BYTES], scratch[BENCH_PATH_BYTES];
};

/* What a recording holds. */
struct content {
	uint64_t insns, uops, records;
};

struct measured {
	struct bench_times run[MODES][MAX_RUNS], replay[SPLITS][MAX_RUNS];
	struct content has;
};

/* The caches of cachegrind's command line below, with an L2 and a prefetcher in between. */
static const char topology[] =
	"schema: 1\n"
	"name: one memdev\n"
	"host:\n"
	"  cpu: {frequency: 3GHz, cores: 1, width: 6, uops: fused, rob: 512, load_queue: 192, "
	"store_queue: 114, l1d_mshrs: 16, l2_mshrs: 48}\n"
	"  caches:\n"
	"    l1i: {size: 32KiB, ways: 8}\n"
	"    l1d: {size: 32KiB, ways: 8, latency: 5cyc}\n"
	"    l2: {size: 1MiB, ways: 16, latency: 14cyc, prefetch: {type: stride, degree: 8}}\n"
	"    llc: {size: 8MiB, ways: 16, latency: 60cyc}\n"
	"  tlb: {l1: 96, l2: 2048, page: 4KiB, walk: 20ns}\n"
	"  local: {latency: 100ns, bandwidth: 200GB/s, capacity: 4GiB}\n"
	"devices:\n"
	"  mem0: {type: memdev, upstream: host, latency: 250ns, bandwidth: 30GB/s, capacity: "
	"4GiB}\n";

/* A command line under construction: words are borrowed or in @room. */
struct command {
	char *word[MAX_WORDS];
	size_t n;
};

static void add(struct command *c, const char *word)
{
	char *copy = strdup(word);
	if (!copy || c->n + 1 >= MAX_WORDS)
		bench_die(1, "out of memory");
	c->word[c->n++] = copy;
}

static void add_path(struct command *c, const char *dir, const char *name)
{
	char path[2 * BENCH_PATH_BYTES];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	add(c, path);
}

static struct bench_times run(struct command *c)
{
	struct bench_times t = bench_run(c->word);
	for (size_t i = 0; i < c->n; i++)
		free(c->word[i]);
	return t;
}

/* Each program has a recording of its own; it is replaced in every run. */
static void recording_name(const struct program *p, char *out, size_t cap)
{
	snprintf(out, cap, "%zu.cxlt", (size_t)(p - programs));
}

static void add_tool(struct command *c, const struct opts *o, const struct program *p,
		     enum mode mode)
{
	static const char *const valgrind[MODES][9] = {
		[NONE] = {"valgrind", "-q", "--log-file=/dev/null", "--tool=none"},
		[CACHEGRIND] = {"valgrind", "-q", "--log-file=/dev/null", "--tool=cachegrind",
				"--cache-sim=yes", "--cachegrind-out-file=/dev/null",
				"--I1=32768,8,64", "--D1=32768,8,64", "--LL=8388608,16,64"},
	};
	char name[32];
	for (size_t i = 0; i < 9 && valgrind[mode][i]; i++)
		add(c, valgrind[mode][i]);
	if (mode != EXACT)
		return;
	recording_name(p, name, sizeof(name));
	add_path(c, o->build, "cxlmemsim");
	add(c, "record");
	add(c, "-q");
	add(c, "--source=exact");
	add(c, "--mem-latency=100ns"); /* measuring the machine is no cost of watching */
	add(c, "--walk-latency=20ns");
	add(c, "-t");
	add_path(c, o->scratch, "t.yaml");
	add(c, "-o");
	add_path(c, o->scratch, name);
	add(c, "--");
}

static struct bench_times run_program(const struct opts *o, const struct program *p, enum mode mode)
{
	const char *const *args = o->tiny ? p->tiny : p->full;
	struct command c = {.n = 0};
	add_tool(&c, o, p, mode);
	add_path(&c, o->build, p->path);
	for (size_t i = 0; i < MAX_ARGS && args[i]; i++)
		add(&c, args[i]);
	return run(&c);
}

static struct bench_times run_replay(const struct opts *o, const struct program *p,
				     enum splits splits)
{
	static const char *const list[SPLITS] = {"0", "80,60,40,20,0"};
	struct command c = {.n = 0};
	char name[32];
	recording_name(p, name, sizeof(name));
	add_path(&c, o->build, "cxlmemsim");
	add(&c, "replay");
	add(&c, "-q");
	add(&c, "-t");
	add_path(&c, o->scratch, "t.yaml");
	add(&c, "-s");
	add(&c, list[splits]);
	add_path(&c, o->scratch, name);
	return run(&c);
}

/* ---- what a recording holds ---- */

static int on_runs(void *arg, const struct cxms_xruns *runs, struct cxms_err *err)
{
	struct content *has = arg;
	(void)err;
	for (size_t i = 0; i < runs->n; i++)
		has->uops += runs->run[i].block->exit[runs->run[i].exit].uops;
	has->records += runs->n_event;
	return 0;
}

static int on_control(void *arg, const struct cxms_xcontrol *c, struct cxms_err *err)
{
	struct content *has = arg;
	(void)err;
	if (c->type == CXMS_XC_COUNTS && c->n_count > CXMS_XN_INSNS)
		has->insns = c->count[CXMS_XN_INSNS]; /* the last of them is of the whole run */
	return 0;
}

static int read_packets(struct cxms_trace_reader *reader, struct cxms_xread *x, struct content *has,
			struct cxms_err *err)
{
	const struct cxms_xsink sink = {has, on_runs, on_control};
	struct cxms_event ev[EVENTS_AT_ONCE];
	size_t n = 1;
	int rc = 0;
	while (rc == 0 && n > 0) {
		rc = cxms_trace_read(reader, ev, EVENTS_AT_ONCE, &n, err);
		for (size_t i = 0; i < n && rc == 0; i++)
			if (ev[i].kind == CXMS_EV_EXACT)
				rc = cxms_xread_packet(x, ev[i].exact.data, ev[i].exact.len, &sink,
						       err);
	}
	return rc;
}

static struct content count(const struct opts *o, const struct program *p)
{
	struct cxms_trace_reader *reader = NULL;
	struct cxms_xread *x = NULL;
	struct cxms_err err = {0};
	struct content has = {0};
	char name[32], path[2 * BENCH_PATH_BYTES];
	recording_name(p, name, sizeof(name));
	snprintf(path, sizeof(path), "%s/%s", o->scratch, name);
	int rc = cxms_trace_reader_open(path, &reader, &err);
	if (rc == 0)
		rc = cxms_xread_new(false, &x, &err);
	if (rc == 0)
		rc = read_packets(reader, x, &has, &err);
	if (rc < 0)
		bench_die(1, "'%s': %s", path, err.msg);
	cxms_xread_free(x);
	cxms_trace_reader_close(reader);
	return has;
}

/* ---- measuring ---- */

static void measure(const struct opts *o, struct measured *m)
{
	for (size_t i = 0; i < PROGRAMS; i++)
		run_program(o, &programs[i], NATIVE); /* warm: files, frequency */
	for (unsigned r = 0; r < o->runs; r++)
		for (size_t i = 0; i < PROGRAMS; i++)
			for (unsigned k = 0; k < MODES; k++) {
				enum mode mode = (enum mode)((k + r) % MODES);
				m[i].run[mode][r] = run_program(o, &programs[i], mode);
			}
	for (unsigned r = 0; r < o->replays; r++)
		for (size_t i = 0; i < PROGRAMS; i++)
			for (unsigned k = 0; k < SPLITS; k++) {
				enum splits s = (enum splits)((k + r) % SPLITS);
				m[i].replay[s][r] = run_replay(o, &programs[i], s);
			}
	for (size_t i = 0; i < PROGRAMS; i++)
		m[i].has = count(o, &programs[i]);
}

/* ---- what comes out ---- */

/* "12.3 [11.0, 14.2]": median, smallest, largest */
static const char *spread(double *value, unsigned n, int digits, char *out, size_t cap)
{
	double median = bench_median(value, n);
	snprintf(out, cap, "%.*f [%.*f, %.*f]", digits, median, digits, value[0], digits,
		 value[n - 1]);
	return out;
}
#define SPREAD(value, n, digits) spread(value, n, digits, (char[64]){0}, 64)

/* The exact source over another mode, run by run. */
static void ratios(const struct measured *m, enum mode mode, unsigned n, bool is_cpu, double *out)
{
	for (unsigned r = 0; r < n; r++) {
		const struct bench_times *a = &m->run[EXACT][r], *b = &m->run[mode][r];
		out[r] = is_cpu ? a->cpu_s / b->cpu_s : a->wall_s / b->wall_s;
	}
}

static void print_recording(const struct opts *o, const struct measured *m, bool is_cpu)
{
	double v[MAX_RUNS];
	printf("\n%s   native s, then the exact source over: native, none, cachegrind; MIPS\n",
	       is_cpu ? "CPU time" : "wall time");
	for (size_t i = 0; i < PROGRAMS; i++) {
		for (unsigned r = 0; r < o->runs; r++)
			v[r] = is_cpu ? m[i].run[NATIVE][r].cpu_s : m[i].run[NATIVE][r].wall_s;
		printf("%-10s %-22s", programs[i].name, SPREAD(v, o->runs, 3));
		for (unsigned mode = NATIVE; mode < EXACT; mode++) {
			ratios(&m[i], (enum mode)mode, o->runs, is_cpu, v);
			printf(" %-20s", SPREAD(v, o->runs, mode == NATIVE ? 1 : 2));
		}
		for (unsigned r = 0; r < o->runs; r++) {
			const struct bench_times *t = &m[i].run[EXACT][r];
			v[r] = (double)m[i].has.insns / (is_cpu ? t->cpu_s : t->wall_s) / MILLION;
		}
		printf(" %s\n", SPREAD(v, o->runs, 1));
	}
}

static void print_replay(const struct opts *o, const struct measured *m)
{
	double v[MAX_RUNS];
	printf("\nreplay      records, uops of the recording, 10^6; with one split, 10^6/s of CPU "
	       "time: records, uops; five splits / one\n");
	for (size_t i = 0; i < PROGRAMS; i++) {
		const struct bench_times *one = m[i].replay[ONE_SPLIT];
		const struct bench_times *five = m[i].replay[FIVE_SPLITS];
		printf("%-10s %8.2f %9.2f ", programs[i].name, (double)m[i].has.records / MILLION,
		       (double)m[i].has.uops / MILLION);
		for (unsigned r = 0; r < o->replays; r++)
			v[r] = (double)m[i].has.records / one[r].cpu_s / MILLION;
		printf("  %-22s", SPREAD(v, o->replays, 2));
		for (unsigned r = 0; r < o->replays; r++)
			v[r] = (double)m[i].has.uops / one[r].cpu_s / MILLION;
		printf(" %-24s", SPREAD(v, o->replays, 1));
		for (unsigned r = 0; r < o->replays; r++)
			v[r] = five[r].cpu_s / one[r].cpu_s;
		printf(" %s\n", SPREAD(v, o->replays, 2));
	}
}

static void print_all(const struct opts *o, const struct measured *m)
{
	char machine[512];
	bench_machine(machine, sizeof(machine));
	printf("machine    %s\n", machine);
	printf("figures    median [smallest, largest] of %u runs in turn, %u replays%s\n", o->runs,
	       o->replays, o->tiny ? "; too short to judge" : "");
	printf("goals      at most 40 x native, at most 1.5 x cachegrind, at least 30 MIPS; "
	       "replay: "
	       "at least 20 * 10^6 records/s, five splits at most 3 x one\n");
	print_recording(o, m, false);
	print_recording(o, m, true);
	print_replay(o, m);
}

static void usage(FILE *to)
{
	fprintf(to,
		"usage: bench_exact [--runs N] [--tiny]\n\n"
		"what the exact source costs: six programs of this build, natively, under "
		"valgrind's none\nand cachegrind, and recorded; then the recordings replayed\n\n"
		"options:\n"
		"  --runs N  runs of each, 1 .. 100 (default: 3)\n"
		"  --tiny    programs of some milliseconds: shows that the benchmark works, no "
		"more\n");
}

static void parse(struct opts *o, int argc, char **argv)
{
	static const struct option options[] = {{"runs", required_argument, NULL, 'r'},
						{"tiny", no_argument, NULL, 't'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	char *rest;
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			o->runs = (unsigned)strtoul(optarg, &rest, 10);
			if (*optarg < '0' || *optarg > '9' || *rest || strlen(optarg) > 3 ||
			    o->runs < 1 || o->runs > MAX_RUNS)
				bench_die(2, "--runs must be 1 .. %u, got '%s'", MAX_RUNS, optarg);
			break;
		case 't':
			o->tiny = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			exit(2); /* getopt_long() has said why */
		}
	}
	if (optind < argc)
		bench_die(2, "unexpected word '%s'; see bench_exact --help", argv[optind]);
}

static void write_topology(const struct opts *o)
{
	char path[2 * BENCH_PATH_BYTES];
	snprintf(path, sizeof(path), "%s/t.yaml", o->scratch);
	FILE *fp = fopen(path, "we");
	if (!fp || fputs(topology, fp) < 0 || fclose(fp))
		bench_die(1, "cannot write '%s': %s", path, strerror(errno));
}

static void clean_up(const struct opts *o)
{
	char path[2 * BENCH_PATH_BYTES], name[32];
	for (size_t i = 0; i < PROGRAMS; i++) {
		recording_name(&programs[i], name, sizeof(name));
		snprintf(path, sizeof(path), "%s/%s", o->scratch, name);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/t.yaml", o->scratch);
	unlink(path);
	rmdir(o->scratch);
}

int main(int argc, char **argv)
{
	struct opts o = {.runs = DEFAULT_RUNS};
	char tool[2 * BENCH_PATH_BYTES];
	parse(&o, argc, argv);
	o.replays = o.runs < MAX_REPLAYS ? o.runs : MAX_REPLAYS;
	bench_find_build(o.build, sizeof(o.build));
	snprintf(tool, sizeof(tool), "%s/exact/cxms-amd64-linux", o.build);
	if (access(tool, X_OK))
		bench_die(3, "'%s' was not built; install the package valgrind and build again",
			  tool);
	bench_scratch(o.scratch, sizeof(o.scratch));
	write_topology(&o);
	struct measured *m = calloc(PROGRAMS, sizeof(*m));
	if (!m)
		bench_die(1, "out of memory");
	measure(&o, m);
	print_all(&o, m);
	free(m);
	clean_up(&o);
	return fflush(stdout) ? 1 : 0;
}
