/*
 * overhead: what watching costs. Runs programs watched and unwatched in pairs, the order changing
 * from pair to pair, and prints the ratio of wall and of CPU times: the median over the pairs and
 * an interval of two order statistics around it. With --parts the cost is put together from its
 * parts instead (overhead_parts.c), each of which stands out of the noise of other company; with
 * --floor nobody watches, and it is told what the kernel takes of anybody (overhead_floor.c).
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"
#include "overhead.h"

#define CONFIDENCE   0.90
#define GOAL_CLOCK   1.03 /* wall time watched / unwatched, median */
#define GOAL_PTRACE  1.05
#define DEFAULT_PAIR 10u

const struct overhead_program overhead_programs[OVERHEAD_PROGRAMS] = {
	{"chase",
	 "microbench/mb",
	 {"chase", "--size", "256MiB", "--steps", "8000000"},
	 {"chase", "--size", "256MiB", "--steps", "2000000"},
	 {"chase", "--size", "1MiB", "--steps", "100000"},
	 {"chase", "--size", "256MiB", "--steps", "1000"}},
	{"graph",
	 "workloads/graph",
	 {"-s", "18", "-n", "96"},
	 {"-s", "18", "-n", "24"},
	 {"-s", "10", "-n", "2"},
	 {"stream", "--size", "40MiB", "--steps", "1000"}},
	{"hashjoin",
	 "workloads/hashjoin",
	 {"-s", "21", "-n", "3"},
	 {"-s", "21", "-n", "1"},
	 {"-s", "10", "-n", "1"},
	 {"stream", "--size", "40MiB", "--steps", "1000"}},
};

void overhead_start(const struct overhead_opts *o, const struct overhead_run *run, int cpu,
		    struct bench_job *job)
{
	char tool[BENCH_PATH_BYTES + 16];
	snprintf(tool, sizeof(tool), "%s/cxlmemsim", o->build);
	const char *words[32] = {tool, "record", "-q", "-S", o->source, "-o", run->trace};
	size_t n = 7;
	if (o->tiny) { /* not worth the measurement of the machine */
		words[n++] = "--mem-latency=100ns";
		words[n++] = "--walk-latency=20ns";
	}
	if (run->period) {
		words[n++] = "--period";
		words[n++] = run->period;
	}
	words[n++] = "--";
	size_t first = run->trace ? 0 : n;
	words[n++] = run->path;
	for (size_t i = 0; i < OVERHEAD_ARGS && run->args[i]; i++)
		words[n++] = run->args[i];
	char *argv[32] = {0};
	for (size_t i = first; i < n; i++) {
		argv[i - first] = strdup(words[i]);
		if (!argv[i - first])
			bench_die(1, "out of memory");
	}
	bench_start(argv, cpu, job);
	for (size_t i = first; i < n; i++)
		free(argv[i - first]);
}

static void run_program(const struct overhead_opts *o, const struct overhead_program *p,
			bool watched, struct bench_times *out)
{
	char path[BENCH_PATH_BYTES + 64], trace[BENCH_PATH_BYTES + 16];
	snprintf(path, sizeof(path), "%s/%s", o->build, p->path);
	snprintf(trace, sizeof(trace), "%s/w.cxlt", o->scratch);
	struct overhead_run run = {.path = path,
				   .args = o->tiny ? p->tiny : p->full,
				   .trace = watched ? trace : NULL,
				   .period = o->period};
	struct bench_job job;
	overhead_start(o, &run, -1, &job);
	*out = bench_end(&job);
	unlink(trace);
}

/*
 * The narrowest symmetric pair of order statistics that holds the median with the wanted
 * confidence: [k, n - 1 - k] fails with probability 2 * sum over i <= k of C(n, i) / 2^n. With
 * fewer than five pairs none does, and the whole range stands with its own coverage.
 */
struct overhead_summary overhead_summarize(double *ratio, unsigned n)
{
	struct overhead_summary s = {.median = bench_median(ratio, n)}; /* which sorts them */
	double term = 1, outside = 0;
	for (unsigned i = 0; i < n; i++)
		term /= 2;
	unsigned k = 0;
	for (unsigned i = 0; i < n - 1 - i; i++) {
		outside += 2 * term;
		if (i > 0 && 1 - outside < CONFIDENCE)
			break;
		k = i;
		s.coverage = 1 - outside;
		term = term * (n - i) / (i + 1);
	}
	s.lo = ratio[k];
	s.hi = ratio[n - 1 - k];
	return s;
}

struct measured {
	struct bench_times plain[OVERHEAD_PAIRS], watched[OVERHEAD_PAIRS];
	struct overhead_summary wall, cpu;
};

static void measure(const struct overhead_opts *o, const struct overhead_program *p,
		    struct measured *m)
{
	static const bool orders[2][2] = {{false, true}, {true, false}};
	double ratio[OVERHEAD_PAIRS];
	struct bench_times warm_up;
	run_program(o, p, false, &warm_up);
	run_program(o, p, true, &warm_up); /* measures the machine, once: no cost of watching */
	for (unsigned i = 0; i < o->pairs; i++)
		for (unsigned j = 0; j < 2; j++) {
			bool watched = orders[i % 2][j];
			run_program(o, p, watched, watched ? &m->watched[i] : &m->plain[i]);
		}
	for (unsigned i = 0; i < o->pairs; i++)
		ratio[i] = m->watched[i].wall_s / m->plain[i].wall_s;
	m->wall = overhead_summarize(ratio, o->pairs);
	for (unsigned i = 0; i < o->pairs; i++)
		ratio[i] = m->watched[i].cpu_s / m->plain[i].cpu_s;
	m->cpu = overhead_summarize(ratio, o->pairs);
}

double overhead_goal(const struct overhead_opts *o)
{
	return !strcmp(o->source, "clock") ? GOAL_CLOCK : GOAL_PTRACE;
}

/* Where the interval holds the goal, the pairs do not tell. */
static const char *verdict(const struct overhead_opts *o, const struct measured *m, char *out,
			   size_t cap)
{
	const struct overhead_summary *w = &m->wall;

	snprintf(out, cap, o->tiny ? "none: too short to judge" : "<= %.2f %s", overhead_goal(o),
		 w->hi <= overhead_goal(o)  ? "met"
		 : w->lo > overhead_goal(o) ? "missed"
					    : "open: more pairs, or a quieter machine");
	return out;
}

static void print_text(const struct overhead_opts *o, const struct measured *m)
{
	char text[64];
	char machine[512];
	bench_machine(machine, sizeof(machine));
	printf("machine    %s\n", machine);
	printf("watched    source %s, period %s, %u pairs; ratio watched / unwatched: median [%.1f "
	       "%% "
	       "interval]\n",
	       o->source, o->period ? o->period : "default", o->pairs, 100 * m[0].wall.coverage);
	printf("%-10s %-24s %-24s goal (wall)\n", "program", "wall", "CPU");
	for (unsigned i = 0; i < OVERHEAD_PROGRAMS; i++)
		printf("%-10s %.3f [%.3f, %.3f]     %.3f [%.3f, %.3f]     %s\n",
		       overhead_programs[i].name, m[i].wall.median, m[i].wall.lo, m[i].wall.hi,
		       m[i].cpu.median, m[i].cpu.lo, m[i].cpu.hi,
		       verdict(o, &m[i], text, sizeof(text)));
}

static void json_summary(FILE *fp, const char *key, const struct overhead_summary *s)
{
	fprintf(fp, "\"%s\": {\"median\": %.4f, \"lo\": %.4f, \"hi\": %.4f}", key, s->median, s->lo,
		s->hi);
}

static void json_list(FILE *fp, const char *key, const struct bench_times *t, unsigned n)
{
	fprintf(fp, ",\n      \"%s\": [", key);
	for (unsigned i = 0; i < n; i++)
		fprintf(fp, "%s[%.4f, %.4f]", i ? ", " : "", t[i].wall_s, t[i].cpu_s);
	fputc(']', fp);
}

static void print_json(const struct overhead_opts *o, const struct measured *m)
{
	struct utsname sys;
	char cpu[256];
	uname(&sys);
	bench_cpu_name(cpu, sizeof(cpu));
	FILE *fp = fopen(o->json, "we");
	if (!fp)
		bench_die(1, "cannot open '%s': %s", o->json, strerror(errno));
	fprintf(fp,
		"{\n  \"schema\": \"cxlmemsim-overhead-1\",\n  \"source\": \"%s\",\n  \"period\": "
		"\"%s\",\n  \"pairs\": "
		"%u,\n"
		"  \"coverage_pct\": %.2f,\n  \"goal_wall_ratio\": %.2f,\n"
		"  \"machine\": {\"cpu\": \"%s\", \"cpus\": %ld, \"kernel\": \"%s %s\"},\n"
		"  \"programs\": [",
		o->source, o->period ? o->period : "default", o->pairs, 100 * m[0].wall.coverage,
		overhead_goal(o), cpu, sysconf(_SC_NPROCESSORS_ONLN), sys.sysname, sys.release);
	for (unsigned i = 0; i < OVERHEAD_PROGRAMS; i++) {
		fprintf(fp, "%s\n    {\"name\": \"%s\",\n      ", i ? "," : "",
			overhead_programs[i].name);
		json_summary(fp, "wall_ratio", &m[i].wall);
		fputs(",\n      ", fp);
		json_summary(fp, "cpu_ratio", &m[i].cpu);
		json_list(fp, "watched_wall_cpu_s", m[i].watched, o->pairs);
		json_list(fp, "unwatched_wall_cpu_s", m[i].plain, o->pairs);
		fputc('}', fp);
	}
	fputs("\n  ]\n}\n", fp);
	if (fclose(fp))
		bench_die(1, "cannot write '%s': %s", o->json, strerror(errno));
}

static void usage(FILE *to)
{
	fprintf(to,
		"usage: overhead [--parts | --floor] [--source clock|ptrace] [--pairs N] [--period "
		"TIME] "
		"[--json FILE] [--tiny]\n\n"
		"what watching costs: watched against unwatched runs of three programs of this "
		"build\n\n"
		"options:\n"
		"  --parts        put the cost together from parts that noise does not hide: start "
		"and end, faults,\n"
		"                 one sample; with the default source, and without --json\n"
		"  --floor        what the kernel takes of any watcher: a bare event's sample, and "
		"the\n"
		"                 first event\n"
		"  --source NAME  who watches: clock (default) or ptrace\n"
		"  --period TIME  time between two samples (default: that of the source)\n"
		"  --pairs N      pairs of runs for each program, 1 .. 1000 (default: 10)\n"
		"  --json FILE    write all figures there too\n"
		"  --tiny         programs of some milliseconds: shows that the benchmark "
		"works, no "
		"more\n");
}

static void parse(struct overhead_opts *o, int argc, char **argv)
{
	static const struct option options[] = {{"source", required_argument, NULL, 's'},
						{"pairs", required_argument, NULL, 'p'},
						{"json", required_argument, NULL, 'j'},
						{"tiny", no_argument, NULL, 't'},
						{"parts", no_argument, NULL, 'a'},
						{"floor", no_argument, NULL, 'f'},
						{"period", required_argument, NULL, 'e'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	char *rest;
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			if (strcmp(optarg, "clock") && strcmp(optarg, "ptrace"))
				bench_die(2, "--source must be clock or ptrace, got '%s'", optarg);
			o->source = optarg;
			break;
		case 'p':
			o->pairs = (unsigned)strtoul(optarg, &rest, 10);
			if (*optarg < '0' || *optarg > '9' || *rest || strlen(optarg) > 4 ||
			    o->pairs < 1 || o->pairs > OVERHEAD_PAIRS)
				bench_die(2, "--pairs must be 1 .. %u, got '%s'", OVERHEAD_PAIRS,
					  optarg);
			break;
		case 'j':
			o->json = optarg;
			break;
		case 'e':
			o->period = optarg;
			break;
		case 'a':
			o->parts = true;
			break;
		case 'f':
			o->floor = true;
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
	if ((o->parts || o->floor) && (o->json || strcmp(o->source, "clock") != 0))
		bench_die(2, "--parts and --floor are for source clock, and write no JSON; leave "
			     "--json and --source out");
	if (o->parts && o->floor)
		bench_die(2, "--parts and --floor exclude each other");
	if (optind < argc)
		bench_die(2, "unexpected word '%s'; see overhead --help", argv[optind]);
}

static void pairs(const struct overhead_opts *o)
{
	struct measured *m = calloc(OVERHEAD_PROGRAMS, sizeof(*m));
	if (!m)
		bench_die(1, "out of memory");
	for (unsigned i = 0; i < OVERHEAD_PROGRAMS; i++)
		measure(o, &overhead_programs[i], &m[i]);
	print_text(o, m);
	if (o->json)
		print_json(o, m);
	free(m);
}

int main(int argc, char **argv)
{
	struct overhead_opts o = {.source = "clock", .pairs = DEFAULT_PAIR};
	parse(&o, argc, argv);
	bench_find_build(o.build, sizeof(o.build));
	bench_scratch(o.scratch, sizeof(o.scratch));
	if (o.floor)
		overhead_floor(&o);
	else if (o.parts)
		overhead_parts(&o);
	else
		pairs(&o);
	rmdir(o.scratch);
	return fflush(stdout) ? 1 : 0;
}
