#include "workload.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define HUGE_BYTES (2ul << 20)

static void usage(FILE *to, const struct wl_opts *o, const char *name, const char *what)
{
	fprintf(to,
		"usage: %s [-s scale] [-t threads] [-n rounds] [-r seed] [-H]\n%s\n"
		"  -s log2 of the size (default %u)   -t threads (default %u)   -n rounds (default "
		"%u)\n"
		"  -r seed (default %llu)   -H ask for 2 MiB pages\n",
		name, what, o->scale, o->threads, o->rounds, (unsigned long long)o->seed);
}

static unsigned number(const char *text, unsigned min, unsigned max, char opt)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);
	if (*text == '\0' || *end || v < min || v > max) {
		fprintf(stderr, "-%c must be %u .. %u, got '%s'\n", opt, min, max, text);
		exit(2);
	}
	return (unsigned)v;
}

void wl_parse(struct wl_opts *o, int argc, char **argv, const char *what)
{
	int c;
	while ((c = getopt(argc, argv, "s:t:n:r:Hh")) != -1) {
		switch (c) {
		case 's':
			o->scale = number(optarg, 10, 28, 's');
			break;
		case 't':
			o->threads = number(optarg, 1, 256, 't');
			break;
		case 'n':
			o->rounds = number(optarg, 1, 1000000, 'n');
			break;
		case 'r':
			o->seed = number(optarg, 1, 1u << 30, 'r');
			break;
		case 'H':
			o->huge = 1;
			break;
		case 'h':
			usage(stdout, o, argv[0], what);
			exit(0);
		default:
			usage(stderr, o, argv[0], what);
			exit(2);
		}
	}
	if (optind < argc) {
		usage(stderr, o, argv[0], what);
		exit(2);
	}
}

void *wl_alloc(size_t bytes, int huge)
{
	size_t whole = (bytes + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES + HUGE_BYTES;
	char *p = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		fprintf(stderr, "cannot get %zu MiB of memory; use a smaller -s\n", whole >> 20);
		exit(1);
	}
	uintptr_t aligned = ((uintptr_t)p + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
	madvise((void *)aligned, whole - HUGE_BYTES, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return (void *)aligned;
}

void wl_parallel(unsigned n, void *(*fn)(void *), void *args, size_t size)
{
	pthread_t thread[256];
	for (unsigned i = 1; i < n; i++) {
		if (pthread_create(&thread[i], NULL, fn, (char *)args + i * size)) {
			fprintf(stderr, "cannot start thread %u of %u\n", i + 1, n);
			exit(1);
		}
	}
	fn(args);
	for (unsigned i = 1; i < n; i++)
		pthread_join(thread[i], NULL);
}

double wl_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
