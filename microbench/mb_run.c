/* Workers as threads, children or successive programs, and what is printed of them. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mb.h"

struct job {
	mb_role *role;
	struct mb_work work;
	pthread_t thread;
};

/* Workers see one another's results: children write them into shared pages. */
static struct job *jobs_new(const struct mb_opts *o, mb_role *role, struct mb_area area)
{
	struct job *job = mmap(NULL, o->threads * sizeof(*job), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (job == MAP_FAILED) {
		fprintf(stderr, "mb: out of memory; use fewer --threads\n");
		exit(1);
	}
	for (unsigned i = 0; i < o->threads; i++)
		job[i] = (struct job){.role = role,
				      .work = {.area = area,
					       .steps = o->steps,
					       .seconds = o->seconds,
					       .worker = i,
					       .next = o->next,
					       .sync = o->sync,
					       .workers = o->threads,
					       .work = o->work,
					       .huge = o->huge}};
	return job;
}

/* Bytes of this process on 2 MiB pages, as the kernel counts them; 0 when it does not say. */
static unsigned long huge_kib(void)
{
	char line[256];
	unsigned long kib = 0;
	FILE *fp = fopen("/proc/self/smaps_rollup", "re");
	while (fp && fgets(line, sizeof(line), fp))
		if (sscanf(line, "AnonHugePages: %lu kB", &kib) == 1)
			break;
	if (fp)
		fclose(fp);
	return kib;
}

static int report(const struct mb_opts *o, const struct job *job, double init_s)
{
	uint64_t accesses = 0, checksum = 0;
	double spent_s = 0, longest_s = 0, cpu_s = 0;
	bool correct = true;
	for (unsigned i = 0; i < o->threads; i++) {
		const struct mb_work *w = &job[i].work;
		if (o->threads > 1)
			printf("worker %u tid %d accesses %llu ns %.3f %s\n", i, w->tid,
			       (unsigned long long)w->accesses,
			       w->accesses ? 1e9 * w->spent_s / (double)w->accesses : 0,
			       w->correct ? "correct" : "WRONG");
		accesses += w->accesses;
		checksum += w->checksum;
		spent_s += w->spent_s;
		cpu_s += w->cpu_s;
		longest_s = w->spent_s > longest_s ? w->spent_s : longest_s;
		correct = correct && w->correct;
	}
	printf("init %.3f s, work %.3f s, of CPU %.3f s, %.1f MiB, of the process on huge pages "
	       "%.1f MiB\n",
	       init_s, longest_s, cpu_s, (double)o->size_bytes / (1 << 20),
	       (double)huge_kib() / 1024);
	printf("%s: %llu accesses, %.3f ns each, checksum 0x%llx, %s\n", o->kernel,
	       (unsigned long long)accesses, accesses ? 1e9 * spent_s / (double)accesses : 0,
	       (unsigned long long)checksum, correct ? "correct" : "WRONG");
	if (fflush(stdout)) {
		fprintf(stderr, "mb: cannot write standard output: %s\n", strerror(errno));
		return 1;
	}
	return correct ? 0 : 1;
}

static void *run_job(void *arg)
{
	struct job *job = arg;
	job->role(&job->work);
	return NULL;
}

static void start_thread(struct job *job)
{
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	int rc = pthread_create(&job->thread, &attr, run_job, job);
	pthread_attr_destroy(&attr);
	if (rc) {
		fprintf(stderr, "mb: cannot start thread %u: %s; use fewer --threads\n",
			job->work.worker, strerror(rc));
		exit(1);
	}
}

int mb_run_threads(const struct mb_opts *o, mb_role *role, struct mb_area area, double init_s)
{
	struct job *job = jobs_new(o, role, area);
	if (o->threads == 1) {
		run_job(job);
		return report(o, job, init_s);
	}
	for (unsigned i = 0; i < o->threads; i++)
		start_thread(&job[i]);
	for (unsigned i = 0; i < o->threads; i++)
		pthread_join(job[i].thread, NULL);
	return report(o, job, init_s);
}

int mb_run_forks(const struct mb_opts *o, mb_role *role, struct mb_area area, double init_s)
{
	struct job *job = jobs_new(o, role, area);
	for (unsigned i = 0; i < o->threads; i++) {
		pid_t child = fork();
		if (child < 0) {
			fprintf(stderr, "mb: cannot fork: %s; use fewer --threads\n",
				strerror(errno));
			return 1;
		}
		if (child == 0) {
			run_job(&job[i]);
			_exit(0);
		}
	}
	for (;;) {
		int status;
		if (wait(&status) < 0) {
			if (errno == EINTR)
				continue;
			break;
		}
		if (status) {
			fprintf(stderr, "mb: a child ended with status 0x%x\n", (unsigned)status);
			return 1;
		}
	}
	return report(o, job, init_s);
}

int mb_run_execs(const struct mb_opts *o, mb_role *role, struct mb_area area, double init_s)
{
	struct job *job = jobs_new(o, role, area);
	char self[4096], size[32], times[16], amount[64];
	run_job(job);
	int status = report(o, job, init_s);
	if (status || o->times == 0)
		return status;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0) {
		fprintf(stderr, "mb: cannot read '/proc/self/exe': %s\n", strerror(errno));
		return 1;
	}
	self[n] = '\0';
	snprintf(size, sizeof(size), "%zuKiB", o->size_bytes >> 10);
	snprintf(times, sizeof(times), "%u", o->times - 1);
	if (o->steps)
		snprintf(amount, sizeof(amount), "--steps=%llu", (unsigned long long)o->steps);
	else
		snprintf(amount, sizeof(amount), "--seconds=%.17g", o->seconds);
	execl(self, self, o->kernel, "--size", size, "--pages", o->huge ? "huge" : "base",
	      "--times", times, amount, (char *)NULL);
	fprintf(stderr, "mb: cannot execute '%s': %s\n", self, strerror(errno));
	return 1;
}
