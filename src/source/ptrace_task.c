#include "source/ptrace_task.h"

#include "source/evq.h"
#include "source/waits.h"
#include "trace/event.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FIELD_STATE  3 /* numbers of proc(5) */
#define FIELD_MINFLT 10
#define FIELD_MAJFLT 12
#define FIELD_CPU    39
/* A slice that fell behind the clock by more than this was interrupted: told in parts. */
#define GAP_MAX_NS   20000000ull
#define SLICE_MAX_NS 1000000000ull
#define SPARE_FILES  32u

bool cxms_pt_parse_stat(const char *text, size_t len, struct cxms_pt_stat *out)
{
	const char *end = text + len, *p = memrchr(text, ')', len);
	struct cxms_pt_stat st = {0};

	if (!p || end - p < 3)
		return false;
	p += 2;
	st.state = *p++;
	for (int field = FIELD_STATE + 1; field <= FIELD_CPU; field++) {
		uint64_t v = 0;

		while (p < end && *p == ' ')
			p++;
		if (p == end)
			return false;
		p += *p == '-';
		for (; p < end && *p >= '0' && *p <= '9'; p++)
			v = v * 10 + (uint64_t)(*p - '0');
		if (field == FIELD_MINFLT || field == FIELD_MAJFLT)
			st.faults += v;
		else if (field == FIELD_CPU)
			st.cpu = (uint16_t)v;
	}
	*out = st;
	return true;
}

static int open_file(const struct cxms_pt_task *t, const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task/%" PRIu32 "/%s", t->pid, t->tid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* To stay open, unless it is among the last that the limit allows: code, mappings and other files
 * of /proc are to be read as well. */
static int open_to_keep(const struct cxms_pt_task *t, const char *name)
{
	struct rlimit limit;
	int fd = open_file(t, name);

	if (fd < 0 || getrlimit(RLIMIT_NOFILE, &limit) || (rlim_t)fd + SPARE_FILES < limit.rlim_cur)
		return fd;
	close(fd);
	return -1;
}

/* From the file kept open, else from one opened for it. */
static ssize_t read_file(const struct cxms_pt_task *t, int kept_fd, const char *name, char *out,
			 size_t cap)
{
	int fd = kept_fd >= 0 ? kept_fd : open_file(t, name);
	ssize_t n = fd >= 0 ? pread(fd, out, cap, 0) : -1;

	if (fd >= 0 && kept_fd < 0)
		close(fd);
	return n;
}

void cxms_pt_task_close(struct cxms_pt_task *t)
{
	if (t->stat_fd >= 0)
		close(t->stat_fd);
	if (t->sched_fd >= 0)
		close(t->sched_fd);
	t->stat_fd = t->sched_fd = -1;
}

void cxms_pt_task_open(struct cxms_pt_task *t)
{
	cxms_pt_task_close(t);
	t->stat_fd = open_to_keep(t, "stat");
	t->sched_fd = open_to_keep(t, "schedstat");
}

bool cxms_pt_task_stat(const struct cxms_pt_task *t, struct cxms_pt_stat *out)
{
	char text[1024];
	ssize_t n = read_file(t, t->stat_fd, "stat", text, sizeof(text));

	return n > 0 && cxms_pt_parse_stat(text, (size_t)n, out);
}

bool cxms_pt_task_sched(const struct cxms_pt_task *t, struct cxms_pt_sched *out)
{
	char text[128];
	ssize_t n = read_file(t, t->sched_fd, "schedstat", text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = 0;
	return sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &out->run_ns, &out->wait_ns,
		      &out->turns) == 3;
}

bool cxms_pt_task_run_ns(const struct cxms_pt_task *t, uint64_t *out)
{
	struct cxms_pt_sched sched;

	if (!cxms_pt_task_sched(t, &sched))
		return false;
	*out = sched.run_ns;
	return true;
}

static void look_again(struct cxms_pt_task *t, uint64_t now_ns, const struct cxms_pt_sched *now)
{
	t->sched = *now;
	t->look_ns = now_ns;
}

uint64_t cxms_pt_task_ran_ns(struct cxms_pt_task *t, uint64_t now_ns,
			     const struct cxms_pt_sched *now)
{
	bool has_come = now->turns != t->sched.turns;
	uint64_t ran_ns = now->run_ns > t->sampled_run_ns ? now->run_ns - t->sampled_run_ns : 0;

	if (now->run_ns != t->sched.run_ns)
		t->grown_ns = now_ns;
	else if (has_come)
		t->grown_ns = t->look_ns;
	t->is_on_cpu |= has_come;
	look_again(t, now_ns, now);
	return ran_ns + (t->is_on_cpu ? now_ns - t->grown_ns : 0);
}

void cxms_pt_task_rests(struct cxms_pt_task *t, uint64_t now_ns, const struct cxms_pt_sched *now)
{
	t->is_on_cpu = false;
	look_again(t, now_ns, now);
}

/* Tell [slice_ns, + what it ran since the last telling). */
static void tell_slice(struct cxms_pt_task *t, uint64_t base_ns, uint64_t run_ns,
		       enum cxms_run_end end, struct cxms_evq *out)
{
	struct cxms_event ev = {.kind = CXMS_EV_RUN, .pid = t->pid, .tid = t->tid};

	t->is_in_slice = false;
	if (run_ns <= t->told_run_ns)
		return;
	ev.time_ns = t->slice_ns > base_ns ? t->slice_ns - base_ns : 0;
	ev.run.dur_ns = run_ns - t->told_run_ns;
	ev.run.cpu = t->cpu;
	ev.run.end = (uint8_t)end;
	ev.run.waited = t->waited;
	t->waited = CXMS_WAIT_UNKNOWN;
	t->told_run_ns = run_ns;
	cxms_evq_push(out, &ev);
}

/* What it ran and was not told of, it ran just now. */
static void begin_slice(struct cxms_pt_task *t, uint64_t now_ns, uint64_t run_ns)
{
	uint64_t ran_ns = run_ns > t->told_run_ns ? run_ns - t->told_run_ns : 0;

	t->slice_ns = now_ns - (ran_ns < now_ns ? ran_ns : now_ns);
	if (t->look && t->look_run_ns == t->told_run_ns)
		t->waited = t->look;
	t->is_in_slice = true;
}

bool cxms_pt_task_look(struct cxms_pt_task *t, uint64_t run_ns)
{
	if (t->look_run_ns == run_ns)
		return false;
	t->look_run_ns = run_ns;
	t->look = (uint8_t)cxms_wait_look(t->pid, t->tid);
	return true;
}

void cxms_pt_task_seen(struct cxms_pt_task *t, uint64_t now_ns, uint64_t base_ns, uint64_t run_ns,
		       char state, bool is_on_cpu, struct cxms_evq *out)
{
	uint64_t ran_ns = run_ns > t->told_run_ns ? run_ns - t->told_run_ns : 0, wall_ns;

	if (!t->is_in_slice) {
		if (!ran_ns && (!is_on_cpu || state != 'R'))
			return;
		begin_slice(t, now_ns, run_ns);
	}
	wall_ns = now_ns - t->slice_ns;
	if (state != 'R') {
		tell_slice(t, base_ns, run_ns, CXMS_RUN_BLOCKED, out);
	} else if (wall_ns > ran_ns + GAP_MAX_NS) {
		tell_slice(t, base_ns, run_ns, CXMS_RUN_PREEMPTED, out);
	} else if (wall_ns > SLICE_MAX_NS) {
		tell_slice(t, base_ns, run_ns, CXMS_RUN_PREEMPTED, out);
		begin_slice(t, now_ns, run_ns);
	}
}

void cxms_pt_task_last_slice(struct cxms_pt_task *t, uint64_t now_ns, uint64_t base_ns,
			     uint64_t run_ns, uint8_t end, struct cxms_evq *out)
{
	if (!t->is_in_slice)
		begin_slice(t, now_ns, run_ns);
	tell_slice(t, base_ns, run_ns, (enum cxms_run_end)end, out);
}
