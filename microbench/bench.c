#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void bench_die(int status, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(status);
}

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

void bench_start(char *const *argv, int cpu, struct bench_job *out)
{
	snprintf(out->name, sizeof(out->name), "%s", argv[0]);
	out->start_s = now_s();
	out->pid = fork();
	if (out->pid < 0)
		bench_die(1, "cannot fork: %s", strerror(errno));
	if (out->pid == 0) {
		int null = open("/dev/null", O_WRONLY);
		if (null >= 0)
			dup2(null, STDOUT_FILENO);
		if (cpu >= 0) {
			cpu_set_t only;
			CPU_ZERO(&only);
			CPU_SET((size_t)cpu, &only);
			sched_setaffinity(0, sizeof(only), &only);
		}
		execvp(argv[0], argv);
		_exit(127);
	}
}

struct bench_times bench_end(const struct bench_job *job)
{
	int status;
	struct rusage use;
	while (wait4(job->pid, &status, 0, &use) < 0)
		if (errno != EINTR)
			bench_die(1, "cannot wait for '%s': %s", job->name, strerror(errno));
	if (status)
		bench_die(1, "'%s' ended with status 0x%x; run it by hand", job->name,
			  (unsigned)status);
	return (struct bench_times){.wall_s = now_s() - job->start_s,
				    .cpu_s = seconds(use.ru_utime) + seconds(use.ru_stime)};
}

struct bench_times bench_run(char *const *argv)
{
	struct bench_job job;
	bench_start(argv, -1, &job);
	return bench_end(&job);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double bench_median(double *value, size_t n)
{
	qsort(value, n, sizeof(*value), by_value);
	return n % 2 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
}

void bench_cpu_name(char *out, size_t cap)
{
	char line[512];
	snprintf(out, cap, "unknown");
	FILE *fp = fopen("/proc/cpuinfo", "re");
	while (fp && fgets(line, sizeof(line), fp)) {
		char *value = strchr(line, ':');
		if (!value || strncmp(line, "model name", 10))
			continue;
		value += strspn(value, ": \t");
		value[strcspn(value, "\n\"\\")] = '\0';
		snprintf(out, cap, "%s", value);
		break;
	}
	if (fp)
		fclose(fp);
}

void bench_machine(char *out, size_t cap)
{
	struct utsname sys;
	char cpu[256];
	double load = 0;
	uname(&sys);
	bench_cpu_name(cpu, sizeof(cpu));
	getloadavg(&load, 1);
	snprintf(out, cap, "%s, %ld CPUs, %s %s, load %.2f after the runs", cpu,
		 sysconf(_SC_NPROCESSORS_ONLN), sys.sysname, sys.release, load);
}

void bench_find_build(char *out, size_t cap)
{
	ssize_t n = readlink("/proc/self/exe", out, cap - 1);
	if (n < 0)
		bench_die(1, "cannot read '/proc/self/exe': %s", strerror(errno));
	out[n] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(out, '/');
		if (!slash)
			bench_die(1, "'%s' is not in a build folder", out);
		*slash = '\0';
	}
}

void bench_scratch(char *out, size_t cap)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(out, cap, "%.4000s/cxlmemsim-bench.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(out))
		bench_die(1, "cannot make '%s': %s", out, strerror(errno));
}
