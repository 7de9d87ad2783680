/*
 * What watching costs, put together from its parts. Each part is told by a difference that is large
 * beside the noise of other company, or by many short runs:
 *
 * - start and end, by a program that sleeps, while which the tool loads what it needs: wall time,
 *   less what the program itself took longer;
 * - faults, mappings and switches: CPU time of a short program that fills as many pages along the
 *   addresses, sampled hardly ever, less the same unwatched;
 * - one sample: CPU time of a part of the program at an eighth of the period, less the same at the
 *   period, by the number of samples between.
 *
 * CPU time, since who else runs takes none of it. The two runs of a pair go at the same time, each
 * on a CPU of its own, and again with the CPUs changed over, so that what slows down the machine
 * slows down both.
 */
#include "overhead.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "trace/trace.h"

/* The kernel looks at tasks' events for so long after the last one was closed, and waits for all
 * CPUs when it begins to again (Linux, kernel/events/core.c, perf_sched_count). */
#define KERNEL_FORGETS_NS 1200000000l
#define STARTS_PER_PAIR	  3u
#define FILLS_PER_PAIR	  4u
#define SLEEP_S		  "0.03"
#define ALONE_RUNS	  3u
#define FASTER		  8u
#define HARDLY_EVER	  "1s"
#define EVENTS_AT_ONCE	  1024u
#define MS_PER_S	  1e3
#define US_PER_S	  1e6
#define NS_PER_S	  1e9

/* What one run took. CPU time is that of the program, without the tool. */
struct outcome {
	double wall_s, cpu_s;
	uint64_t samples, period_ns; /* 0 unwatched */
};

struct parts {
	double alone_s;
	struct overhead_summary rest_ms, sample_us;
	uint64_t period_ns;
};

struct starts {
	struct overhead_summary first_ms, again_ms;
};

static void read_recording(const char *path, struct outcome *out)
{
	static struct cxms_event ev[EVENTS_AT_ONCE];
	struct cxms_trace_reader *reader = NULL;
	struct cxms_err err = {0};
	size_t n = 1;
	int rc = cxms_trace_reader_open(path, &reader, &err);
	while (rc == 0 && n > 0)
		rc = cxms_trace_read(reader, ev, EVENTS_AT_ONCE, &n, &err);
	if (rc < 0)
		bench_die(1, "'%s': %s", path, err.msg);
	const struct cxms_totals *t = cxms_trace_reader_totals(reader);
	out->cpu_s = (double)(t->user_ns + t->system_ns) / NS_PER_S;
	out->samples = t->samples;
	out->period_ns = cxms_trace_reader_head(reader)->facts.period_ns;
	cxms_trace_reader_close(reader);
	unlink(path);
}

static struct outcome end_of(const struct overhead_run *run, const struct bench_job *job)
{
	struct bench_times t = bench_end(job);
	struct outcome out = {.wall_s = t.wall_s, .cpu_s = t.cpu_s};
	if (run->trace)
		read_recording(run->trace, &out);
	return out;
}

static struct outcome run_once(const struct overhead_opts *o, const struct overhead_run *run)
{
	struct bench_job job;
	overhead_start(o, run, -1, &job);
	return end_of(run, &job);
}

/* Two CPUs that are ours; false where there is one only. */
static bool find_cpus(int cpu[2])
{
	cpu_set_t mine;
	unsigned n = 0;
	if (sched_getaffinity(0, sizeof(mine), &mine) < 0)
		return false;
	for (int i = 0; i < CPU_SETSIZE && n < 2; i++)
		if (CPU_ISSET((size_t)i, &mine))
			cpu[n++] = i;
	return n == 2;
}

static void run_both(const struct overhead_opts *o, const struct overhead_run run[2],
		     bool is_swapped, struct outcome out[2])
{
	struct bench_job job[2];
	int cpu[2];
	if (!find_cpus(cpu)) {
		out[is_swapped] = run_once(o, &run[is_swapped]);
		out[!is_swapped] = run_once(o, &run[!is_swapped]);
		return;
	}
	overhead_start(o, &run[0], cpu[is_swapped], &job[0]);
	overhead_start(o, &run[1], cpu[!is_swapped], &job[1]);
	for (unsigned i = 0; i < 2; i++)
		out[i] = end_of(&run[i], &job[i]);
}

/* What takes little is done so many times as often. */
static unsigned many(const struct overhead_opts *o, unsigned times)
{
	unsigned n = o->pairs * times;
	return n < OVERHEAD_PAIRS ? n : OVERHEAD_PAIRS;
}

/* By how much the CPU time of @run[1] is above that of @run[0], seconds, in the mean of two that
 * change their CPUs; so are the samples. */
static double pair(const struct overhead_opts *o, const struct overhead_run run[2], double *samples)
{
	double cpu_s = 0;
	*samples = 0;
	for (unsigned swapped = 0; swapped < 2; swapped++) {
		struct outcome out[2];
		run_both(o, run, swapped, out);
		cpu_s += (out[1].cpu_s - out[0].cpu_s) / 2;
		*samples += ((double)out[1].samples - (double)out[0].samples) / 2;
	}
	return cpu_s;
}

static struct overhead_summary measure_rest(const struct overhead_opts *o,
					    const struct overhead_program *p)
{
	char path[BENCH_PATH_BYTES + 64], trace[BENCH_PATH_BYTES + 16];
	double ms[OVERHEAD_PAIRS], samples;
	unsigned n = many(o, FILLS_PER_PAIR);
	snprintf(path, sizeof(path), "%s/microbench/mb", o->build);
	snprintf(trace, sizeof(trace), "%s/w.cxlt", o->scratch);
	const char *const *args = o->tiny ? overhead_programs[0].tiny : p->fill;
	const struct overhead_run run[2] = {{path, args, NULL, NULL},
					    {path, args, trace, HARDLY_EVER}};
	for (unsigned i = 0; i < n; i++)
		ms[i] = MS_PER_S * pair(o, run, &samples);
	return overhead_summarize(ms, n);
}

static void measure_program(const struct overhead_opts *o, const struct overhead_program *p,
			    struct parts *m)
{
	char path[BENCH_PATH_BYTES + 64], trace[2][BENCH_PATH_BYTES + 16], faster[32];
	double us[OVERHEAD_PAIRS], samples;
	snprintf(path, sizeof(path), "%s/%s", o->build, p->path);
	for (int i = 0; i < 2; i++)
		snprintf(trace[i], sizeof(trace[i]), "%s/%d.cxlt", o->scratch, i);
	const char *const *part = o->tiny ? p->tiny : p->part;
	const struct overhead_run run[2] = {{path, part, trace[0], o->period},
					    {path, part, trace[1], faster}};
	const struct overhead_run alone = {path, o->tiny ? p->tiny : p->full, NULL, NULL};
	m->period_ns = run_once(o, &run[0]).period_ns; /* which measures the machine, once */
	snprintf(faster, sizeof(faster), "%" PRIu64 "ns", m->period_ns / FASTER);
	for (unsigned i = 0; i < ALONE_RUNS; i++) {
		double s = run_once(o, &alone).cpu_s;
		m->alone_s = i == 0 || s < m->alone_s ? s : m->alone_s;
	}
	m->rest_ms = measure_rest(o, p);
	for (unsigned i = 0; i < o->pairs; i++) {
		us[i] = US_PER_S * pair(o, run, &samples);
		us[i] = samples > 0 ? us[i] / samples : 0;
	}
	m->sample_us = overhead_summarize(us, o->pairs);
}

static double beside_program_ms(const struct outcome *watched, const struct outcome *plain)
{
	return MS_PER_S * (watched->wall_s - watched->cpu_s - (plain->wall_s - plain->cpu_s));
}

void overhead_let_kernel_forget(void)
{
	static const struct timespec pause = {KERNEL_FORGETS_NS / 1000000000l,
					      KERNEL_FORGETS_NS % 1000000000l};
	nanosleep(&pause, NULL);
}

static void measure_starts(const struct overhead_opts *o, struct starts *s)
{
	static const char *const args[OVERHEAD_ARGS] = {SLEEP_S};
	char trace[BENCH_PATH_BYTES + 16];
	double first[OVERHEAD_PAIRS], again[OVERHEAD_PAIRS];
	unsigned n = many(o, STARTS_PER_PAIR);
	snprintf(trace, sizeof(trace), "%s/w.cxlt", o->scratch);
	const struct overhead_run run = {"sleep", args, trace, NULL};
	const struct overhead_run bare = {"sleep", args, NULL, NULL};
	for (unsigned i = 0; i < n; i++) {
		if (!o->tiny)
			overhead_let_kernel_forget();
		struct outcome one = run_once(o, &run), two = run_once(o, &run),
			       plain = run_once(o, &bare);
		first[i] = beside_program_ms(&one, &plain);
		again[i] = beside_program_ms(&two, &plain);
	}
	s->first_ms = overhead_summarize(first, n);
	s->again_ms = overhead_summarize(again, n);
}

/* Wall time watched / unwatched of a program of one thread that has a CPU for itself. */
static double ratio(const struct parts *m, double start_ms, double rest_ms, double sample_us)
{
	double samples = sample_us / US_PER_S / ((double)m->period_ns / NS_PER_S);
	return 1 + samples + (start_ms + rest_ms) / MS_PER_S / m->alone_s;
}

static void print_head(const struct overhead_opts *o, const struct starts *s, const struct parts *m)
{
	printf("watched    source %s, period %" PRIu64
	       " ns, %u pairs; medians [%.1f %% interval]\n",
	       o->source, m->period_ns, o->pairs, 100 * m->sample_us.coverage);
	printf("start, end %.2f [%.2f, %.2f] ms; %.2f [%.2f, %.2f] ms within a second of another\n",
	       s->first_ms.median, s->first_ms.lo, s->first_ms.hi, s->again_ms.median,
	       s->again_ms.lo, s->again_ms.hi);
	printf("%-10s %-7s %-22s %-22s %-8s %-22s goal\n", "program", "alone s",
	       "faults and so on, ms", "a sample, us", "samples", "wall ratio");
}

static void print_program(const struct overhead_opts *o, const struct overhead_program *p,
			  const struct starts *s, const struct parts *m)
{
	double goal = overhead_goal(o);
	double lo = ratio(m, s->first_ms.lo, m->rest_ms.lo, m->sample_us.lo);
	double hi = ratio(m, s->first_ms.hi, m->rest_ms.hi, m->sample_us.hi);
	printf("%-10s %-7.3f %5.2f [%5.2f, %5.2f]   %5.2f [%5.2f, %5.2f]   %-8.0f "
	       "%.3f [%.3f, %.3f]   ",
	       p->name, m->alone_s, m->rest_ms.median, m->rest_ms.lo, m->rest_ms.hi,
	       m->sample_us.median, m->sample_us.lo, m->sample_us.hi,
	       m->alone_s * NS_PER_S / (double)m->period_ns,
	       ratio(m, s->first_ms.median, m->rest_ms.median, m->sample_us.median), lo, hi);
	if (o->tiny)
		puts("none: too short to judge");
	else
		printf("<= %.2f %s\n", goal, hi <= goal ? "met" : lo > goal ? "missed" : "open");
}

void overhead_parts(const struct overhead_opts *o)
{
	struct starts s;
	char machine[512];
	for (unsigned i = 0; i < OVERHEAD_PROGRAMS; i++) {
		struct parts m = {0};
		measure_program(o, &overhead_programs[i], &m);
		if (i == 0) { /* the machine was measured meanwhile, if it had to be */
			measure_starts(o, &s);
			print_head(o, &s, &m);
		}
		print_program(o, &overhead_programs[i], &s, &m);
		fflush(stdout);
	}
	bench_machine(machine, sizeof(machine));
	printf("machine    %s\n", machine);
}
