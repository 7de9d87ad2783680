/* mb KERNEL [options]: one kernel with a known answer, for a known time or number of accesses. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mb.h"

#define KIB	      ((size_t)1 << 10)
#define MIB	      ((size_t)1 << 20)
#define MIN_BYTES     (4 * KIB)
#define MAX_BYTES     (64 * KIB * MIB)
#define MIN_SECONDS   0.001
#define MAX_SECONDS   86400.0
#define MAX_TIMES     1000u
#define MAX_WORK      1000000u
#define MAX_STEPS     1000000000000000000ull
#define FORK_AREA     (16 * MIB)
#define DEFAULT_TIMES 3u

enum uses { USES_SIZE = 1, USES_LINES = 2, USES_THREADS = 4, USES_TIMES = 8, USES_WORK = 16 };

typedef int run_fn(const struct mb_opts *o, mb_role *role, struct mb_area area, double init_s);

struct kernel {
	const char *name, *summary;
	mb_role *role;
	run_fn *run;
	void (*fill)(struct mb_area *a); /* NULL: the kernel maps its own or needs none */
	size_t size_bytes;
	unsigned threads, uses;
};

static void role_mixed(struct mb_work *w)
{
	if (w->worker % 2 == 0)
		mb_chase(w);
	else
		mb_compute(w);
}

static const struct kernel kernels[] = {
	{"chase", "dependent loads over scattered lines", mb_chase, mb_run_threads, mb_fill_lines,
	 256 * MIB, 1, USES_SIZE | USES_LINES | USES_THREADS},
	{"compute", "a chain of multiplications, no memory", mb_compute, mb_run_threads, NULL, 0, 1,
	 USES_THREADS},
	{"loop", "sum of a small array, again and again", mb_stream, mb_run_threads, mb_fill_words,
	 MIB, 1, USES_SIZE | USES_THREADS},
	{"stream", "sum of a large array", mb_stream, mb_run_threads, mb_fill_words, 256 * MIB, 1,
	 USES_SIZE | USES_THREADS | USES_WORK},
	{"store", "writes a large array", mb_store, mb_run_threads, mb_fill_words, 256 * MIB, 1,
	 USES_SIZE | USES_THREADS},
	{"ntstore", "the same past the caches", mb_store_past, mb_run_threads, mb_fill_words,
	 256 * MIB, 1, USES_SIZE | USES_THREADS},
	{"gather", "independent loads of scattered lines", mb_gather, mb_run_threads, mb_fill_lines,
	 256 * MIB, 1, USES_SIZE | USES_LINES | USES_THREADS | USES_WORK},
	{"mixture", "dependent lookups, half in 1 MiB, half in all", mb_mixture, mb_run_threads,
	 mb_fill_lines, 1024 * MIB, 1, USES_SIZE | USES_LINES | USES_THREADS},
	{"zipf", "dependent lookups, ranks drawn like 1/rank", mb_zipf, mb_run_threads,
	 mb_fill_lines, 256 * MIB, 1, USES_SIZE | USES_LINES | USES_THREADS},
	{"mixed", "even workers chase, odd ones compute", role_mixed, mb_run_threads, mb_fill_lines,
	 256 * MIB, 2, USES_SIZE | USES_LINES | USES_THREADS},
	{"manythreads", "mixed, with 100 threads on a small array", role_mixed, mb_run_threads,
	 mb_fill_lines, 64 * MIB, 100, USES_SIZE | USES_LINES | USES_THREADS},
	{"forks", "mixed, in --threads children", role_mixed, mb_run_forks, mb_fill_lines, 64 * MIB,
	 8, USES_SIZE | USES_LINES | USES_THREADS},
	{"execchain", "chase, then executes itself --times more times", mb_chase, mb_run_execs,
	 mb_fill_lines, FORK_AREA, 1, USES_SIZE | USES_LINES | USES_TIMES},
	{"turns", "mixed, one worker at a time, through pipes", role_mixed, mb_run_turns,
	 mb_fill_lines, 256 * MIB, 2, USES_SIZE | USES_LINES | USES_THREADS},
	{"barrier", "mixed, all meet after each batch", role_mixed, mb_run_barrier, mb_fill_lines,
	 256 * MIB, 2, USES_SIZE | USES_LINES | USES_THREADS},
	{"sleeper", "1 ms of compute, 9 ms of sleep, and so on", mb_sleeper, mb_run_threads, NULL,
	 0, 1, USES_THREADS},
	{"pool", "1 ms of chase, 9 ms of sleep, and so on", mb_pool, mb_run_threads, mb_fill_lines,
	 256 * MIB, 4, USES_SIZE | USES_LINES | USES_THREADS},
	{"read", "reads a file in memory, 64 KiB at a time", mb_read, mb_run_threads, NULL,
	 256 * MIB, 1, USES_SIZE},
	{"fault", "first touch of fresh pages", mb_fault, mb_run_threads, NULL, 256 * MIB, 1,
	 USES_SIZE | USES_THREADS},
};

static void usage(FILE *to)
{
	fprintf(to, "usage: mb KERNEL [--size SIZE] [--pages huge|base] [--threads N] [--times N] "
		    "[--work N] [--seconds S | --steps N]\n\n"
		    "run a kernel with a known answer; print ns per access and a "
		    "checksum\n\nkernels:\n");
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
		fprintf(to, "  %-12s %s\n", kernels[i].name, kernels[i].summary);
	fprintf(to, "\noptions:\n"
		    "  --size SIZE        memory of the kernel, 4KiB .. 64GiB, for example 256MiB\n"
		    "  --pages huge|base  ask for 2 MiB pages, or forbid them (default: base)\n"
		    "  --threads N        workers, 1 .. 4096\n"
		    "  --times N          execchain: programs after the first, 0 .. 1000\n"
		    "  --work N           gather, stream: multiplications for each line, 0 .. "
		    "1000000 (default: 0)\n"
		    "  --seconds S        wall time of each worker, 0.001 .. 86400 (default: 1)\n"
		    "  --steps N          or accesses of each worker, at least 1\n");
}

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("mb: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputs("; see mb --help\n", stderr);
	va_end(ap);
	exit(2);
}

static uint64_t parse_count(const char *what, const char *text, uint64_t min, uint64_t max)
{
	char *rest;
	errno = 0;
	unsigned long long v = strtoull(text, &rest, 10);
	if (*text < '0' || *text > '9' || *rest || errno || v < min || v > max)
		die("%s must be %llu .. %llu, got '%s'", what, (unsigned long long)min,
		    (unsigned long long)max, text);
	return v;
}

static double parse_seconds(const char *text)
{
	char *rest;
	double v = strtod(text, &rest);
	if (*text < '0' || *text > '9' || *rest || !(v >= MIN_SECONDS && v <= MAX_SECONDS))
		die("--seconds must be %g .. %g, got '%s'", MIN_SECONDS, MAX_SECONDS, text);
	return v;
}

static size_t parse_size(const char *text)
{
	static const struct {
		const char *name;
		size_t bytes;
	} units[] = {{"KiB", KIB}, {"MiB", MIB}, {"GiB", KIB * MIB}};
	char *rest;
	errno = 0;
	unsigned long long v = strtoull(text, &rest, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(rest, units[i].name) && *text >= '0' && *text <= '9' && !errno &&
		    v <= MAX_BYTES / units[i].bytes && v * units[i].bytes >= MIN_BYTES)
			return v * units[i].bytes;
	die("--size must be 4KiB .. 64GiB with its unit, got '%s'", text);
}

static const struct kernel *find_kernel(const char *name)
{
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
		if (!strcmp(name, kernels[i].name))
			return &kernels[i];
	die("unknown kernel '%s'", name);
}

static void need(const struct kernel *k, unsigned use, const char *option)
{
	if (!(k->uses & use))
		die("kernel '%s' does not use %s", k->name, option);
}

static bool parse_pages(const char *text)
{
	if (strcmp(text, "huge") && strcmp(text, "base"))
		die("--pages must be huge or base, got '%s'", text);
	return !strcmp(text, "huge");
}

static void parse(struct mb_opts *o, const struct kernel *k, int argc, char **argv)
{
	static const struct option options[] = {
		{"size", required_argument, NULL, 's'},
		{"pages", required_argument, NULL, 'p'},
		{"threads", required_argument, NULL, 't'},
		{"times", required_argument, NULL, 'k'},
		{"work", required_argument, NULL, 'w'},
		{"seconds", required_argument, NULL, 'c'},
		{"steps", required_argument, NULL, 'n'},
		{NULL, 0, NULL, 0},
	};
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			need(k, USES_SIZE, "--size");
			o->size_bytes = parse_size(optarg);
			break;
		case 'p':
			need(k, USES_SIZE, "--pages");
			o->huge = parse_pages(optarg);
			break;
		case 't':
			need(k, USES_THREADS, "--threads");
			o->threads = (unsigned)parse_count("--threads", optarg, 1, MB_MAX_WORKERS);
			break;
		case 'k':
			need(k, USES_TIMES, "--times");
			o->times = (unsigned)parse_count("--times", optarg, 0, MAX_TIMES);
			break;
		case 'w':
			need(k, USES_WORK, "--work");
			o->work = parse_count("--work", optarg, 0, MAX_WORK);
			break;
		case 'c':
			o->seconds = parse_seconds(optarg);
			break;
		case 'n':
			o->steps = parse_count("--steps", optarg, 1, MAX_STEPS);
			break;
		default:
			exit(2); /* getopt_long() has said why */
		}
	}
	if (optind < argc)
		die("unexpected word '%s'", argv[optind]);
}

static void check(const struct mb_opts *o, const struct kernel *k)
{
	if (o->steps && o->seconds > 0)
		die("give --seconds or --steps, not both");
	if (k->uses & USES_LINES && o->size_bytes & (o->size_bytes - 1))
		die("kernel '%s' needs a --size that is a power of two", k->name);
	if (k->uses & USES_SIZE && o->size_bytes / o->threads < MIN_BYTES)
		die("--size must be at least 4KiB per thread");
}

int main(int argc, char **argv)
{
	if (argc < 2)
		die("no kernel named");
	if (!strcmp(argv[1], "--help")) {
		usage(stdout);
		return fflush(stdout) ? 1 : 0;
	}
	const struct kernel *k = find_kernel(argv[1]);
	struct mb_opts o = {.kernel = k->name,
			    .size_bytes = k->size_bytes,
			    .threads = k->threads,
			    .times = k->uses & USES_TIMES ? DEFAULT_TIMES : 0};
	parse(&o, k, argc - 1, argv + 1);
	check(&o, k);
	if (!o.steps && o.seconds <= 0)
		o.seconds = 1;
	double start = mb_seconds();
	struct mb_area area = {.bytes = o.size_bytes};
	if (k->fill) {
		area = mb_area_new(o.size_bytes, o.huge);
		k->fill(&area);
	}
	return k->run(&o, k->role, area, mb_seconds() - start);
}
