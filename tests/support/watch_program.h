/*
 * The program that tests of live sources watch is the test itself, started again with a word:
 *
 * - chase FILE MIB HOPS THREADS: dependent loads in an array per thread; FILE gets "begin end" of
 *   each, in hex
 * - left FILE MIB HOPS: the same of one thread, after the first has ended
 * - fill MIB, read MIB, update MIB: stores to each page of fresh memory, loads there, or loads and
 *   stores
 * - strew MIB: stores to each page of fresh memory, none near the one before; MIB a power of two
 * - forks N: N children that compute a little and end
 * - execs N: replaces its image N times
 * - daemon: leaves a child behind that lives on for a minute
 * - idle N: N threads sleep while one computes
 * - exit N, kill N: ends so
 */
#ifndef WATCH_PROGRAM_H
#define WATCH_PROGRAM_H

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct watch_chase {
	const char *file;
	size_t lines;
	uint64_t hops;
};

/* The order of a full-period congruential generator (Knuth, TAOCP 2, 3.2.1.2): no stride to
 * prefetch. */
__attribute__((no_sanitize("address", "undefined"), noinline)) static void *
watch_chase_run(void *arg)
{
	const struct watch_chase *c = arg;
	size_t bytes = c->lines * 64, at = 0;
	/* populated: first touches are the kernel's time, which is another test's matter */
	char *array = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	FILE *fp = fopen(c->file, "ae");
	void **p;

	if (array == MAP_FAILED || !fp)
		_exit(99);
	for (size_t i = 0; i < c->lines; i++) {
		size_t next = (at * 1664525u + 1013904223u) & (c->lines - 1);

		*(void **)(void *)(array + at * 64) = array + next * 64;
		at = next;
	}
	fprintf(fp, "%" PRIxPTR " %" PRIxPTR "\n", (uintptr_t)array, (uintptr_t)(array + bytes));
	fclose(fp);
	p = (void **)(void *)array;
	for (uint64_t i = 0; i < c->hops; i++)
		p = *p;
	return p;
}

static int watch_chase_main(char **word)
{
	struct watch_chase c = {.file = word[1]};
	unsigned threads = (unsigned)atoi(word[4]);
	pthread_t thread[8];

	c.lines = (size_t)atoi(word[2]) << 14;
	c.hops = strtoull(word[3], NULL, 10);
	for (unsigned i = 1; i < threads; i++)
		pthread_create(&thread[i], NULL, watch_chase_run, &c);
	watch_chase_run(&c);
	for (unsigned i = 1; i < threads; i++)
		pthread_join(thread[i], NULL);
	return 0;
}

/* Touches base pages one after the other. */
static int watch_fill_main(size_t mib, bool loads, bool stores)
{
	volatile char *array =
		mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	char was = 0;

	if (array == MAP_FAILED || madvise((void *)array, mib << 20, MADV_NOHUGEPAGE))
		return 99;
	for (size_t at = 0; at < mib << 20; at += 4096) {
		if (loads)
			was = array[at];
		if (stores)
			array[at] = (char)(was + 1);
	}
	return 0;
}

/* Pages are a power of two: an odd step comes to each of them. */
static int watch_strew_main(size_t mib)
{
	size_t pages = (mib << 20) / 4096;
	volatile char *array =
		mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (array == MAP_FAILED || madvise((void *)array, mib << 20, MADV_NOHUGEPAGE))
		return 99;
	for (size_t i = 0; i < pages; i++)
		array[(i * 40503 & (pages - 1)) * 4096] = 1;
	return 0;
}

static void *watch_left_run(void *arg)
{
	usleep(50000); /* until the first has ended */
	watch_chase_run(arg);
	_exit(0);
}

static _Noreturn void watch_left_main(char **word)
{
	static struct watch_chase c;
	pthread_t thread;

	c.file = word[1];
	c.lines = (size_t)atoi(word[2]) << 14;
	c.hops = strtoull(word[3], NULL, 10);
	if (pthread_create(&thread, NULL, watch_left_run, &c))
		_exit(99);
	pthread_exit(NULL);
}

static int watch_forks_main(int n)
{
	for (int i = 0; i < n; i++) {
		if (fork() == 0) {
			for (volatile unsigned k = 0; k < 100000; k++)
				;
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	return 6;
}

static int watch_execs_main(char **word)
{
	char left[16];
	int n = atoi(word[1]);

	if (n == 0)
		return 5;
	snprintf(left, sizeof(left), "%d", n - 1);
	execl("/proc/self/exe", "again", "execs", left, (char *)NULL);
	return 99;
}

static void *watch_idle_sleep(void *arg)
{
	while (pause())
		;
	return arg;
}

/* So many threads sleep while one uses 1.5 s of CPU time. */
static int watch_idle_main(int n)
{
	struct timespec used = {0};
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (int i = 0; i < n; i++)
		if (pthread_create(&thread, &small, watch_idle_sleep, NULL))
			return 99;
	while ((double)used.tv_sec + (double)used.tv_nsec / 1e9 < 1.5) {
		for (volatile unsigned k = 0; k < 100000; k++)
			;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	}
	return 7;
}

/* Call first in main(): does not return in the watched program. */
static void watch_program_main(int argc, char **argv)
{
	char **word = argv + 1;

	if (argc < 2)
		return;
	if (!strcmp(word[0], "chase") && argc == 6)
		_exit(watch_chase_main(word));
	if (!strcmp(word[0], "fill") && argc == 3)
		_exit(watch_fill_main((size_t)atoi(word[1]), false, true));
	if (!strcmp(word[0], "read") && argc == 3)
		_exit(watch_fill_main((size_t)atoi(word[1]), true, false));
	if (!strcmp(word[0], "update") && argc == 3)
		_exit(watch_fill_main((size_t)atoi(word[1]), true, true));
	if (!strcmp(word[0], "strew") && argc == 3)
		_exit(watch_strew_main((size_t)atoi(word[1])));
	if (!strcmp(word[0], "left") && argc == 5)
		watch_left_main(word);
	if (!strcmp(word[0], "forks") && argc == 3)
		_exit(watch_forks_main(atoi(word[1])));
	if (!strcmp(word[0], "execs") && argc == 3)
		_exit(watch_execs_main(word));
	if (!strcmp(word[0], "idle") && argc == 3)
		_exit(watch_idle_main(atoi(word[1])));
	if (!strcmp(word[0], "exit") && argc == 3)
		_exit(atoi(word[1]));
	if (!strcmp(word[0], "kill") && argc == 3)
		kill(getpid(), atoi(word[1]));
	if (!strcmp(word[0], "daemon") && fork() == 0) {
		for (int fd = 0; fd < 3; fd++)
			close(fd); /* nobody waits for its output either */
		sleep(60);
		_exit(0);
	}
	_exit(8);
}

#endif
