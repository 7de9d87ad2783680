/*
 * bench_samples: what one sampled access costs the reader, from the ring to the event, and whether
 * a rate is read without loss. No PMU: source pebs opens nothing (CXMS_PERF_DRY) on the tree of a
 * machine of the tests, and a thread writes records into its ring as the kernel would: it drops
 * what finds no room, and wakes the reader each time a quarter of the ring was written.
 *
 *   bench_samples [RECORDS_PER_S [SECONDS]]     default 1000000 2
 *
 * Exit status: 0; 1 when records were lost, or it could not run; 2 usage.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "base/sys.h"
#include "base/units.h"
#include "bench.h"
#include "perf_double.h"
#include "source/clock_priv.h"

#define TREE	    CXMS_SOURCE_DIR "/tests/data/machines/spr"
#define BATCH	    64u /* records between two looks at the clock */
#define EVENTS	    1024u
#define SITES	    1000u /* instructions that access memory */
#define SPIN_NS	    20000u
#define LATE_NS	    100000u
#define CATCH_UP_4  5u /* fourths of the rate: what was held up is written no faster */
#define SECONDS_MAX 600.0
#define RATE_MAX    100000000ull
#define WAKE_SHARE  4u	      /* as the source asks for (clock_rings.c) */
#define WAIT_NS	    90000000u /* as the source waits at most */

struct bench {
	struct perf_double ring;
	sem_t wake;
	uint64_t wake_at; /* bytes written when the reader is woken next */
	uint64_t took_ns; /* to write all */
	pid_t pid;
	uint64_t text;	      /* code of the program */
	uint64_t rate, total; /* records a second; records in all */
	uint64_t got, cpu_ns; /* events read; CPU time of the reader */
};

static uint64_t thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * CXMS_NS_PER_S + (uint64_t)t.tv_nsec;
}

static void wake(struct bench *b)
{
	if (b->ring.head < b->wake_at)
		return;
	b->wake_at += b->ring.bytes / WAKE_SHARE;
	sem_post(&b->wake);
}

/* What poll() does where the ring is the kernel's. */
static void wait_for_ring(struct bench *b)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += WAIT_NS;
	until.tv_sec += until.tv_nsec / (long)CXMS_NS_PER_S;
	until.tv_nsec %= (long)CXMS_NS_PER_S;
	sem_timedwait(&b->wake, &until);
}

/*
 * Until the batch that begins with record @i is due. A thread that was off its CPU goes on from
 * where it is, and makes up for it at no more than CATCH_UP_4 fourths of the rate: no hardware
 * writes all at once what it could not. Return: the time
 */
static uint64_t wait_until(const struct bench *b, uint64_t i, uint64_t begin_ns, uint64_t *due_ns)
{
	uint64_t by_rate_ns = begin_ns + i * CXMS_NS_PER_S / b->rate, now_ns;

	*due_ns += BATCH * CXMS_NS_PER_S * 4 / (b->rate * CATCH_UP_4);
	if (*due_ns < by_rate_ns)
		*due_ns = by_rate_ns;
	while ((now_ns = cxms_now_ns()) < *due_ns)
		if (*due_ns - now_ns > 2 * SPIN_NS)
			nanosleep(&(struct timespec){0, SPIN_NS}, NULL);
	if (now_ns - *due_ns > LATE_NS)
		*due_ns = now_ns;
	return now_ns;
}

static void *produce(void *arg)
{
	struct bench *b = arg;
	struct perf_double_access rec = {
		.header = {PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER | PERF_RECORD_MISC_EXACT_IP,
			   sizeof(rec)},
		.pid = (uint32_t)b->pid,
		.tid = (uint32_t)b->pid,
		.period = 1,
		.latency = 300,
		.data_src = PERF_MEM_OP_LOAD | (uint64_t)PERF_MEM_LVLNUM_RAM
						       << PERF_MEM_LVLNUM_SHIFT,
	};
	uint64_t begin_ns = cxms_now_ns(), due_ns = begin_ns, now_ns = 0;

	for (uint64_t i = 0; i < b->total; i++) {
		if (i % BATCH == 0)
			now_ns = wait_until(b, i, begin_ns, &due_ns);
		rec.time_ns = now_ns + i % BATCH;
		rec.ip = b->text + i % SITES * 4;
		rec.addr = 0x7f0000000000 + i * 64;
		perf_double_write(&b->ring, &rec, sizeof(rec), rec.time_ns);
		wake(b);
	}
	b->took_ns = cxms_now_ns() - begin_ns;
	kill(b->pid, SIGKILL);
	sem_post(&b->wake);
	return NULL;
}

/* Where the program's code lies: it has been executed when start() returns. */
static uint64_t find_text(pid_t pid)
{
	char path[64], line[512];
	uint64_t at = 0;
	FILE *fp;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	fp = fopen(path, "re");
	while (fp && !at && fgets(line, sizeof(line), fp))
		if (strstr(line, " r-xp "))
			at = strtoull(line, NULL, 16);
	if (fp)
		fclose(fp);
	return at;
}

/* The pages of the kernel's rings are there from the beginning. */
static void touch_pages(const uint8_t *data, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += 4096)
		(void)*(const volatile uint8_t *)(data + at);
}

static int open_source(struct bench *b, struct cxms_source **out, struct cxms_err *err)
{
	char *argv[] = {"sleep", "660", NULL}; /* longer than SECONDS_MAX */
	const struct cxms_source_cfg cfg = {.argv = argv};
	struct clock *c;
	unsigned i = 0;
	int rc;

	setenv("CXMS_FSROOT", TREE, 1);
	setenv("CXMS_PERF_DRY", "1", 1);
	rc = cxms_source_open(&cxms_source_pebs, &cfg, out, err);
	unsetenv("CXMS_FSROOT");
	if (rc)
		return rc;
	c = (*out)->priv;
	while (!c->rings.ring[i].hw)
		i++;
	b->pid = c->child.pid;
	if (!perf_double_map(&b->ring, c->rings.ring[i].fd, c->rings.ring[i].ring.mask + 1))
		return cxms_fail(err, ENOMEM, "cannot map a ring");
	touch_pages(c->rings.ring[i].ring.data, b->ring.bytes);
	rc = (*out)->ops->start(*out, err);
	if (rc)
		return rc;
	b->text = find_text(b->pid);
	b->wake_at = b->ring.head + b->ring.bytes / WAKE_SHARE;
	return 0;
}

/* Read to the end what the thread writes, which ends the program. */
static int consume(struct bench *b, struct cxms_source *s, struct cxms_err *err)
{
	static struct cxms_event ev[EVENTS];
	uint64_t begin_ns = thread_cpu_ns();
	pthread_t thread;
	bool end = false;
	int rc = 0;

	if (sem_init(&b->wake, 0, 0) || pthread_create(&thread, NULL, produce, b))
		return cxms_fail(err, EAGAIN, "cannot start a thread");
	while (!end && !rc) {
		size_t n = 0;

		rc = s->ops->read(s, ev, EVENTS, &n, &end, err);
		for (size_t i = 0; i < n; i++)
			b->got += ev[i].kind == CXMS_EV_MEM;
		if (!n && !end)
			wait_for_ring(b);
	}
	b->cpu_ns = thread_cpu_ns() - begin_ns;
	pthread_join(thread, NULL);
	return rc;
}

static void print(const struct bench *b)
{
	char machine[512];

	bench_machine(machine, sizeof(machine));
	printf("# %s\n", machine);
	printf("records/s   written     lost  lost %%   events  ring KiB  reader CPU ns/record\n");
	printf("%9.0f %9llu %8llu %7.2f %8llu %9llu %21.0f\n",
	       (double)b->total / (double)b->took_ns * CXMS_NS_PER_S, (unsigned long long)b->total,
	       (unsigned long long)b->ring.lost, 100 * (double)b->ring.lost / (double)b->total,
	       (unsigned long long)b->got, (unsigned long long)b->ring.bytes >> 10,
	       (double)b->cpu_ns / (double)(b->got ? b->got : 1));
}

/* A number of @text up to @max, above 0; or the usage. */
static double number(const char *text, double max)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !(v > 0 && v <= max))
		bench_die(2,
			  "'%s' is not a number above 0 and up to %g; "
			  "usage: bench_samples [RECORDS_PER_S [SECONDS]]",
			  text, max);
	return v;
}

int main(int argc, char **argv)
{
	double rate = argc > 1 ? number(argv[1], RATE_MAX) : 1000000;
	double seconds = argc > 2 ? number(argv[2], SECONDS_MAX) : 2;
	struct bench b = {.rate = (uint64_t)ceil(rate)};
	struct cxms_source *s = NULL;
	struct cxms_err err = {0};
	int rc;

	if (argc > 3)
		bench_die(2, "usage: bench_samples [RECORDS_PER_S [SECONDS]]");
	b.total = (uint64_t)ceil((double)b.rate * seconds);
	rc = open_source(&b, &s, &err);
	if (!rc)
		rc = consume(&b, s, &err);
	cxms_source_free(s); /* its program ends with it */
	if (rc)
		bench_die(1, "%s", err.msg);
	print(&b);
	return b.ring.lost ? 1 : 0;
}
