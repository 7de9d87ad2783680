/* What the benchmarks share that run programs of this build and time them. */
#ifndef CXMS_BENCH_H
#define CXMS_BENCH_H

#include <stddef.h>
#include <sys/types.h>

#define BENCH_PATH_BYTES 4096u

/** struct bench_times - CPU time holds that of all descendants that were waited for */
struct bench_times {
	double wall_s, cpu_s;
};

/** the name of this benchmark in front, then exit */
__attribute__((noreturn, format(printf, 2, 3))) void bench_die(int status, const char *fmt, ...);
/** struct bench_job - a program that was started */
struct bench_job {
	pid_t pid;
	double start_s;
	char name[BENCH_PATH_BYTES];
};

/** start a program, standard output thrown away. argv[0]: in PATH; @cpu: its only one, negative =
 * any */
void bench_start(char *const *argv, int cpu, struct bench_job *out);
/** wait for its end; dies when the status is not 0 */
struct bench_times bench_end(const struct bench_job *job);
/** start, and wait for the end */
struct bench_times bench_run(char *const *argv);
/** median of @n values, which it sorts */
double bench_median(double *value, size_t n);
/** "CPU, so many CPUs, kernel, load" of this machine, without what JSON would have to escape */
void bench_machine(char *out, size_t cap);
/** "model name" of /proc/cpuinfo, without what JSON would have to escape */
void bench_cpu_name(char *out, size_t cap);
/** folder of the build, by /proc/self/exe: this program is BUILD/microbench/NAME */
void bench_find_build(char *out, size_t cap);
/** a scratch folder, which the caller removes */
void bench_scratch(char *out, size_t cap);

#endif
