#include "source/calib_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/units.h"
#include "source/cnt_live.h"
#include "source/cnt_set.h"

#define NODES	    "/sys/devices/system/node"
#define MAX_NODES   1024u
#define AREA_BYTES  (512ull << 20) /* over twice the largest LLC of a socket of today */
#define HUGE_BYTES  (2ull << 20)
#define MIN_FREE    (2 * AREA_BYTES)
#define RUN_NS	    400000000ull /* of a kernel in fast memory */
#define FIRST_STEPS 1000000ull
#define COUNTERS    64u
#define MPOL_BIND   2 /* set_mempolicy(2) */

/* What a child sends. */
struct answer {
	int32_t rc;
	uint32_t n;
	uint64_t ns, check;
	double value[COUNTERS]; /* scaled to all of the time; < 0 = had no register */
	char message[256];
};

/* What one run is. */
struct job {
	size_t kernel;
	unsigned cpu, node;
	uint64_t steps;
	const struct cxms_cnt_set *set; /* NULL = not counted */
};

static bool read_word(const char *node, const char *file, char *out, size_t cap)
{
	struct cxms_buf text = {0};
	char path[PATH_MAX];
	bool ok;

	snprintf(path, sizeof(path), NODES "/%s/%s", node, file);
	ok = !cxms_sys_read(path, 65536, &text, NULL);
	if (ok)
		snprintf(out, cap, "%s", cxms_buf_text(&text));
	cxms_buf_fini(&text);
	return ok;
}

/* "Node 1 MemFree:  123 kB" of a node's meminfo */
static uint64_t free_bytes(const char *meminfo)
{
	const char *at = strstr(meminfo, "MemFree:");

	return at ? strtoull(at + strlen("MemFree:"), NULL, 10) * 1024 : 0;
}

/* Distance to node @to: the field of that place. */
static unsigned distance_to(const char *distances, unsigned to)
{
	char *end;
	unsigned long v = 0;

	for (unsigned i = 0; i <= to; i++, distances = end) {
		v = strtoul(distances, &end, 10);
		if (end == distances)
			return 0;
	}
	return (unsigned)v;
}

static bool first_cpu(const char *node, unsigned *out)
{
	char text[4096];
	char *end;

	if (!read_word(node, "cpulist", text, sizeof(text)))
		return false;
	*out = (unsigned)strtoul(text, &end, 10);
	return end != text;
}

int cxms_calib_find_nodes(int slow_node, struct cxms_calib_nodes *out, struct cxms_err *err)
{
	char name[24], distances[8192] = "";
	unsigned farthest = 0;
	bool found = false;

	for (unsigned i = 0; i < MAX_NODES && !found; i++) {
		snprintf(name, sizeof(name), "node%u", i);
		found = first_cpu(name, &out->cpu) &&
			read_word(name, "distance", distances, sizeof(distances));
		out->fast = i;
	}
	if (!found)
		return cxms_fail(err, ENOTSUP, "'%s' names no node with CPUs", NODES);
	/* places in the list are nodes that are online, in order */
	for (unsigned i = 0, place = 0; i < MAX_NODES; i++) {
		char text[4096];

		snprintf(name, sizeof(name), "node%u", i);
		if (!read_word(name, "meminfo", text, sizeof(text)))
			continue;
		unsigned d = distance_to(distances, place++);
		if (i == out->fast || free_bytes(text) < MIN_FREE ||
		    (slow_node >= 0 && i != (unsigned)slow_node) || d <= farthest)
			continue;
		farthest = d;
		out->slow = i;
	}
	if (farthest == 0)
		return cxms_fail(err, ENOTSUP,
				 "this machine has no second memory of %" PRIu64
				 " MiB free to compare with; a remote socket's or CXL memory as a "
				 "NUMA node would do",
				 (uint64_t)(MIN_FREE >> 20));
	return 0;
}

static int bind_to(unsigned cpu, unsigned node)
{
	unsigned long mask[MAX_NODES / (8 * sizeof(unsigned long))] = {0};
	cpu_set_t *set = CPU_ALLOC(cpu + 1);
	size_t size = CPU_ALLOC_SIZE(cpu + 1);
	int rc;

	if (!set)
		return -ENOMEM;
	CPU_ZERO_S(size, set);
	CPU_SET_S(cpu, size, set);
	rc = sched_setaffinity(0, size, set) < 0 ? -errno : 0;
	CPU_FREE(set);
	mask[node / (8 * sizeof(*mask))] |= 1ul << node % (8 * sizeof(*mask));
	if (!rc && syscall(SYS_set_mempolicy, MPOL_BIND, mask, (unsigned long)MAX_NODES + 1) < 0)
		rc = -errno;
	return rc;
}

static void keep_counts(struct cxms_cnt_live *live, struct answer *a)
{
	struct cxms_event ev[COUNTERS];
	size_t n;

	/* any length does for the interval: only the ratio of the times is used */
	cxms_cnt_live_read(live, CXMS_NS_PER_S, 0, ev, &n);
	a->n = (uint32_t)cxms_cnt_live_count(live);
	for (size_t i = 0; i < a->n; i++)
		a->value[i] = -1;
	for (size_t i = 0; i < n; i++) {
		const struct cxms_count *c = &ev[i].count;

		if (c->running_ns > 0)
			a->value[c->counter] =
				(double)c->value * (double)c->enabled_ns / (double)c->running_ns;
	}
}

/* In the child: fill the memory, then count only the steps. */
static void run_job(const struct job *j, struct answer *a)
{
	struct cxms_cnt_live *live = NULL;
	struct cxms_err err = {0};
	char *base = mmap(NULL, AREA_BYTES + HUGE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	int rc = bind_to(j->cpu, j->node);

	if (rc || base == MAP_FAILED) {
		a->rc = rc ? -ENOTSUP : -ENOMEM;
		snprintf(a->message, sizeof(a->message), "cannot use the memory of node %u: %s",
			 j->node, strerror(rc ? -rc : ENOMEM));
		return;
	}
	base += (HUGE_BYTES - (uintptr_t)base % HUGE_BYTES) % HUGE_BYTES;
	madvise(base, AREA_BYTES, MADV_HUGEPAGE);
	cxms_calib_kernel_fill(j->kernel, base, AREA_BYTES);
	if (j->set && (cxms_cnt_live_open(j->set->ev, j->set->n, 0, &live, &err) ||
		       cxms_cnt_live_enable(live)))
		a->rc = -ENOTSUP;
	if (!a->rc)
		a->ns = cxms_calib_kernel_run(j->kernel, base, AREA_BYTES, j->steps, &a->check);
	if (live && !a->rc) {
		cxms_cnt_live_disable(live);
		keep_counts(live, a);
	}
	if (a->rc)
		snprintf(a->message, sizeof(a->message), "%.255s",
			 err.msg[0] ? err.msg : strerror(-a->rc));
	cxms_cnt_live_free(live);
}

/* A child for each run, so that binding and memory end with it. */
static int run_child(const struct job *j, struct answer *a, struct cxms_err *err)
{
	int fd[2], status = 0;
	ssize_t n;
	pid_t pid;

	memset(a, 0, sizeof(*a));
	if (pipe2(fd, O_CLOEXEC) < 0)
		return cxms_fail_sys(err, errno, "cannot run a kernel");
	pid = fork();
	if (pid == 0) {
		run_job(j, a);
		n = write(fd[1], a, sizeof(*a));
		_exit(n == (ssize_t)sizeof(*a) ? 0 : 1);
	}
	close(fd[1]);
	n = pid < 0 ? 0 : read(fd[0], a, sizeof(*a));
	close(fd[0]);
	if (pid < 0)
		return cxms_fail_sys(err, EAGAIN, "cannot run a kernel");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (n != (ssize_t)sizeof(*a))
		return cxms_fail(err, EIO, "kernel '%s' ended with status %d",
				 cxms_calib_kernel_name(j->kernel), status);
	if (a->rc)
		return cxms_fail(err, -a->rc, "kernel '%s': %s", cxms_calib_kernel_name(j->kernel),
				 a->message);
	return 0;
}

/* As many steps as take RUN_NS in fast memory. */
static int find_steps(struct job *j, struct cxms_err *err)
{
	struct answer a;
	int rc;

	j->steps = FIRST_STEPS;
	rc = run_child(j, &a, err);
	if (!rc)
		j->steps = 1 + (uint64_t)((double)FIRST_STEPS * (double)RUN_NS / (double)a.ns);
	return rc;
}

/* The same work in both; the fast run is counted. */
static int compare(const struct cxms_calib_nodes *nodes, const struct cxms_cnt_set *set,
		   size_t kernel, struct answer *fast, struct answer *slow, uint64_t *steps,
		   struct cxms_err *err)
{
	struct job j = {.kernel = kernel, .cpu = nodes->cpu, .node = nodes->fast};
	int rc = find_steps(&j, err);

	*steps = j.steps;
	j.set = set;
	if (!rc)
		rc = run_child(&j, fast, err);
	j.set = NULL;
	j.node = nodes->slow;
	if (!rc)
		rc = run_child(&j, slow, err);
	if (!rc && fast->check != slow->check)
		rc = cxms_fail(err, EIO,
			       "kernel '%s' computed different values in the two memories",
			       cxms_calib_kernel_name(kernel));
	return rc;
}

static void put_row(size_t kernel, const struct answer *fast, const struct answer *slow,
		    const double latency_ns[2], struct cxms_buf *csv)
{
	cxms_buf_printf(csv, "%s,%s,%" PRIu64 ",%" PRIu64 ",%.17g,%.17g",
			cxms_calib_kernel_name(kernel), cxms_calib_kernel_term(kernel), fast->ns,
			slow->ns, latency_ns[0], latency_ns[1]);
	for (uint32_t i = 0; i < fast->n; i++) {
		if (fast->value[i] < 0)
			cxms_buf_printf(csv, ",");
		else
			cxms_buf_printf(csv, ",%.17g", fast->value[i]);
	}
	cxms_buf_printf(csv, "\n");
}

static int measure_all(const struct cxms_calib_nodes *nodes, const struct cxms_cnt_set *set,
		       struct cxms_log *log, struct cxms_buf *csv, struct cxms_err *err)
{
	double latency_ns[2] = {0, 0};
	int rc = 0;

	for (size_t i = 0; i < cxms_calib_kernel_count() && !rc; i++) {
		struct answer fast, slow;
		uint64_t steps;

		cxms_log_progress(log, "calibrate: %s, %zu of %zu", cxms_calib_kernel_name(i),
				  i + 1, cxms_calib_kernel_count());
		rc = compare(nodes, set, i, &fast, &slow, &steps, err);
		if (rc)
			break;
		if (i == 0) { /* one chain: time of a step is the latency */
			latency_ns[0] = (double)fast.ns / (double)steps;
			latency_ns[1] = (double)slow.ns / (double)steps;
		}
		put_row(i, &fast, &slow, latency_ns, csv);
	}
	cxms_log_progress_end(log);
	return rc;
}

int cxms_calib_measure(int slow_node, struct cxms_log *log, struct cxms_buf *csv,
		       struct cxms_err *err)
{
	struct cxms_calib_nodes nodes;
	struct cxms_cnt_set set;
	struct cxms_buf left = {0};
	int rc = cxms_cnt_set_core(0, true, &set, &left, err);

	if (!rc)
		rc = cxms_calib_find_nodes(slow_node, &nodes, err);
	if (rc)
		goto out;
	if (left.len)
		cxms_log(log, CXMS_LOG_INFO, "not counted:%s", cxms_buf_text(&left));
	cxms_buf_printf(csv, "kernel,term,fast_ns,slow_ns,fast_latency_ns,slow_latency_ns");
	for (size_t i = 0; i < set.n; i++)
		cxms_buf_printf(csv, ",%s", set.ev[i].name);
	cxms_buf_printf(csv, "\n");
	rc = measure_all(&nodes, &set, log, csv, err);
out:
	cxms_cnt_set_fini(&set);
	cxms_buf_fini(&left);
	return rc;
}
