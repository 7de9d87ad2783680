/* For tests: recordings in memory, topologies from text, and replays of one against the other. */
#ifndef CXMS_TEST_PLAY_H
#define CXMS_TEST_PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "record/record.h"
#include "sim/replay.h"
#include "topo/topo.h"
#include "trace/trace.h"

#define PLAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PLAY_MIB	  (1024ull * 1024)
#define PLAY_MS		  1000000ull

static inline int play_fd(void)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* A recording by source synth; close(2) it. */
static inline int play_record(const char *pattern, uint64_t seed)
{
	struct cxms_record_cfg cfg = {
		.source = &cxms_source_synth, .pattern = pattern, .seed = seed};
	struct cxms_record_result result;
	struct cxms_err err = {0};
	int fd = play_fd();
	if (cxms_record_run(&cfg, fd, &result, &err))
		fail_msg("pattern %s: %s", pattern, err.msg);
	return fd;
}

/** struct play - events of a recording under construction; zeroed is empty */
struct play {
	struct cxms_event *ev;
	size_t n, cap;
	uint32_t n_site;
	uint32_t caps; /* of the source, beside CXMS_SRC_FAULTS */
};

static inline struct cxms_event *play_event(struct play *p, enum cxms_event_kind kind, uint32_t pid,
					    uint32_t tid, uint64_t time_ns)
{
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 256;
		p->ev = realloc(p->ev, p->cap * sizeof(*p->ev));
		assert_non_null(p->ev);
	}
	struct cxms_event *ev = &p->ev[p->n++];
	memset(ev, 0, sizeof(*ev));
	ev->kind = (uint8_t)kind;
	ev->pid = pid;
	ev->tid = tid;
	ev->time_ns = time_ns;
	return ev;
}

static inline void play_fork(struct play *p, uint32_t pid, uint32_t tid, uint32_t parent_pid,
			     uint32_t parent_tid, uint64_t time_ns)
{
	struct cxms_event *ev = play_event(p, CXMS_EV_FORK, pid, tid, time_ns);
	ev->fork.parent_pid = parent_pid;
	ev->fork.parent_tid = parent_tid;
}

static inline uint32_t play_site(struct play *p, uint32_t pid, uint64_t ip,
				 enum cxms_site_kind kind, uint16_t flags)
{
	struct cxms_event *ev = play_event(p, CXMS_EV_SITE, pid, pid, 0);
	ev->site.id = p->n_site++;
	ev->site.ip = ip;
	ev->site.kind = (uint8_t)kind;
	ev->site.flags = flags;
	ev->site.loop_insns = 8;
	return ev->site.id;
}

static inline struct cxms_sample *play_sample(struct play *p, uint32_t pid, uint32_t tid,
					      uint64_t time_ns, uint32_t site, uint64_t addr)
{
	struct cxms_event *ev = play_event(p, CXMS_EV_SAMPLE, pid, tid, time_ns);
	ev->sample.site = site;
	ev->sample.addr = addr;
	ev->sample.flags = addr ? CXMS_SAMPLE_ADDR : 0;
	ev->sample.weight_ns = 200000;
	return &ev->sample;
}

static inline void play_run(struct play *p, uint32_t pid, uint32_t tid, uint64_t start_ns,
			    uint64_t dur_ns)
{
	play_event(p, CXMS_EV_RUN, pid, tid, start_ns)->run.dur_ns = dur_ns;
}

static inline void play_fault(struct play *p, uint32_t pid, uint64_t time_ns, uint64_t addr)
{
	play_event(p, CXMS_EV_FAULT, pid, pid, time_ns)->fault.addr = addr;
}

static inline void play_map(struct play *p, uint32_t pid, uint64_t addr, uint64_t len)
{
	struct cxms_event *ev = play_event(p, CXMS_EV_MAP, pid, pid, 0);
	ev->map.addr = addr;
	ev->map.len = len;
	ev->map.path = "";
}

static inline void play_area(struct play *p, uint32_t pid, uint64_t addr, uint64_t len,
			     uint64_t resident, uint64_t huge)
{
	struct cxms_event *ev = play_event(p, CXMS_EV_AREA, pid, pid, 0);
	ev->area.addr = addr;
	ev->area.len = len;
	ev->area.resident_bytes = resident;
	ev->area.huge_bytes = huge;
}

static inline void play_exec(struct play *p, uint32_t pid, uint64_t time_ns)
{
	play_event(p, CXMS_EV_EXEC, pid, pid, time_ns)->exec.name = "other";
}

static inline void play_exit(struct play *p, uint32_t pid, uint32_t tid, uint64_t time_ns)
{
	play_event(p, CXMS_EV_EXIT, pid, tid, time_ns);
}

/* The events on a machine; frees them. @whole: false leaves the totals block out. */
static inline int play_write_on(struct play *p, bool whole, const struct cxms_facts *facts)
{
	struct cxms_trace_head head = {.seed = 1, .facts = *facts};
	struct cxms_trace_writer *w = NULL;
	struct cxms_totals totals = {0};
	int fd = play_fd();
	assert_int_equal(cxms_trace_writer_new(fd, &head, &w, NULL), 0);
	assert_int_equal(cxms_trace_write(w, p->ev, p->n, NULL), 0);
	for (size_t i = 0; i < p->n; i++)
		totals.samples += p->ev[i].kind == CXMS_EV_SAMPLE;
	if (whole)
		assert_int_equal(cxms_trace_finish(w, &totals, NULL), 0);
	else
		assert_int_equal(cxms_trace_flush(w, NULL), 0);
	cxms_trace_writer_free(w);
	free(p->ev);
	*p = (struct play){0};
	return fd;
}

/* The same on the synthetic machine. */
static inline int play_write(struct play *p, bool whole)
{
	struct cxms_machine_cfg machine = {0};
	struct cxms_facts facts;
	cxms_machine_synthetic(&facts, &machine);
	facts.source_caps = CXMS_SRC_FAULTS | p->caps;
	facts.period_ns = 200000;
	return play_write_on(p, whole, &facts);
}

static inline struct cxms_topo *play_topology(const char *yaml)
{
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	if (cxms_topo_load_mem("test.yaml", yaml, strlen(yaml), &t, &err))
		fail_msg("topology:\n%s\n%s", yaml, err.msg);
	return t;
}

/* Replays the recording; the descriptor stays open. */
static inline struct cxms_result *play_replay(int fd, const struct cxms_replay_cfg *cfg)
{
	struct cxms_trace_reader *r = NULL;
	struct cxms_result *out = NULL;
	struct cxms_err err = {0};
	assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &r, &err), 0);
	if (cxms_replay(r, cfg, &out, &err))
		fail_msg("replay: %s", err.msg);
	cxms_trace_reader_close(r);
	return out;
}

/* One memdev on the host, neither it nor the local memory bounded in bandwidth. */
#define PLAY_TOPO(local_ns, cxl_ns)                                                                \
	"schema: 1\nhost:\n  cpu: {l1d_mshrs: 16, l2_mshrs: 48, rob: 512}\n"                       \
	"  local: {latency: " #local_ns "ns, bandwidth: unlimited}\n"                              \
	"devices:\n  mem0: {type: memdev, upstream: host, latency: " #cxl_ns                       \
	"ns, bandwidth: unlimited, capacity: 4096GiB}\n"

/* A recording against memory twice as slow, all of it there; closes @fd. */
static inline struct cxms_result *play_all_far(int fd)
{
	static const double splits[] = {0};
	struct cxms_topo *t = play_topology(PLAY_TOPO(100, 200));
	const struct cxms_topo *topo = t;
	const struct cxms_replay_cfg cfg = {
		.topo = &topo, .n_topo = 1, .split_pct = splits, .n_split = 1, .seed = 1};
	struct cxms_result *r = play_replay(fd, &cfg);
	cxms_topo_free(t);
	close(fd);
	return r;
}

/* One line: every wait is for memory, as closed forms have it. */
#define PLAY_NO_LLC 64

/* Recording by pattern against one topology: asked splits of one policy (NULL: page-interleave). */
static inline struct cxms_result *play_llc(const char *pattern, uint64_t seed,
					   const struct cxms_topo *topo, const char *policy,
					   const double *split_pct, size_t n_split,
					   uint64_t llc_bytes)
{
	const struct cxms_replay_cfg cfg = {.topo = &topo,
					    .n_topo = 1,
					    .policy = &policy,
					    .n_policy = policy ? 1 : 0,
					    .split_pct = split_pct,
					    .n_split = n_split,
					    .llc_bytes = llc_bytes,
					    .seed = seed};
	int fd = play_record(pattern, seed);
	struct cxms_result *r = play_replay(fd, &cfg);
	close(fd);
	return r;
}

/* With the cache of the synthetic machine. */
static inline struct cxms_result *play(const char *pattern, uint64_t seed,
				       const struct cxms_topo *topo, const char *policy,
				       const double *split_pct, size_t n_split)
{
	return play_llc(pattern, seed, topo, policy, split_pct, n_split, 0);
}

#endif
