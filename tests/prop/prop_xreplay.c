/* Properties of the exact replay, on streams made here: a chain, a gather, stores, with pages by
 * the thousand, alone or on threads that wait for each other. */
#include "play.h"

#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/rng.h"
#include "core/xstream.h"
#include "report/report.h"
#include "sim/exact_host.h"
#include "sim/xreplay.h"
#include "xmessages.h"

#define HOST_OF(tlb)                                                                               \
	"schema: 1\nhost:\n  cpu: {frequency: 2GHz, cores: 4, width: 4, uops: split, "             \
	"store_order: tso, rob: 128, load_queue: 64, store_queue: 32, l1d_mshrs: 8, l2_mshrs: "    \
	"24}\n  caches: {l1d: {size: 32KiB, ways: 8, latency: 4cyc}, l2: {size: 1MiB, ways: 16, "  \
	"latency: 14cyc}, llc: {size: 2MiB, ways: 16, latency: 40cyc}}\n  tlb: " tlb "\n"
#define HOST	  HOST_OF("none")
#define LOCAL(bw) "  local: {latency: 100ns, bandwidth: " bw "}\n"
#define MEMDEV(latency, bw)                                                                        \
	"devices:\n  mem0: {type: memdev, upstream: host, latency: " latency ", bandwidth: " bw    \
	", capacity: 64GiB}\n"
#define SWITCHED(latency)                                                                          \
	"devices:\n  sw0: {type: switch, upstream: host, latency: 70ns}\n"                         \
	"  mem0: {type: memdev, upstream: sw0, latency: " latency                                  \
	", bandwidth: unlimited, capacity: 64GiB}\n"

struct stream {
	struct cxms_buf packet; /* messages of the open one */
	struct cxms_trace_writer *writer;
	uint64_t seq;
	uint64_t line, tid;
	uint32_t pid, image;
};

static void flush(struct stream *s)
{
	static uint8_t bytes[CXMS_XS_PACKET_MAX];
	struct cxms_xs_head head = {.pid = s->pid, .image = s->image, .seq = s->seq++};
	struct cxms_event ev = {.kind = CXMS_EV_EXACT, .pid = s->pid};
	ev.exact = (struct cxms_exact){bytes, (uint32_t)close_messages(&s->packet, head, bytes)};
	assert_int_equal(cxms_trace_write(s->writer, &ev, 1, NULL), 0);
	s->line = 0;
}

static void control(struct stream *s, uint8_t type)
{
	put_control(&s->packet, type);
}

static void number(struct stream *s, uint8_t type, uint64_t v)
{
	put_number(&s->packet, type, v);
}

static void thread(struct stream *s, uint64_t tid)
{
	if (s->packet.len > 0)
		flush(s);
	s->tid = tid;
	number(s, CXMS_XC_THREAD, tid);
}

/* One instruction, at most one access. */
static void block(struct stream *s, uint64_t id, const char *code, int access)
{
	struct cxms_buf *b = &s->packet;
	number(s, CXMS_XC_BLOCK, id);
	cxms_buf_put_varint(b, 0x1000 * id);
	cxms_buf_put_varint(b, 1);
	cxms_buf_put_svarint(b, 0);
	cxms_buf_put_str(b, code);
	cxms_buf_put_varint(b, access >= 0);
	if (access >= 0) {
		cxms_buf_put_varint(b, 0);
		cxms_buf_put_u8(b, (uint8_t)(access | 3 << 4));
	}
	cxms_buf_put_varint(b, 0);
	cxms_buf_put_u8(b, CXMS_XX_JUMP);
}

enum { CHASE = 1, GATHER, STORE, WORK };

static void hello(struct stream *s, uint64_t parent, bool is_fork, uint64_t first_block)
{
	thread(s, 1);
	put_hello(&s->packet, s->pid, parent, is_fork, first_block, is_fork ? "" : "made");
}

static void begin(struct stream *s)
{
	hello(s, 1, false, 1);
	control(s, CXMS_XC_TIMED);
	cxms_buf_put_u8(&s->packet, 1);
	cxms_buf_put_varint(&s->packet, 0);
	block(s, CHASE, "\x48\x8b\x09", CXMS_XA_LOAD);	/* mov rcx, [rcx] */
	block(s, GATHER, "\x48\x8b\x1a", CXMS_XA_LOAD); /* mov rbx, [rdx] */
	block(s, STORE, "\x48\x89\x19", CXMS_XA_STORE);
	block(s, WORK, "\x90", -1);
}

static void run_flagged(struct stream *s, uint64_t id, bool misses, uint64_t line, uint8_t flags)
{
	cxms_buf_put_varint(&s->packet, id << 2 | (misses ? 2 : 0));
	if (misses) {
		cxms_buf_put_varint(&s->packet, 1);
		cxms_buf_put_u8(&s->packet, CXMS_XE_MEM | flags);
		cxms_buf_put_varint(&s->packet, 0);
		cxms_buf_put_svarint(&s->packet, (int64_t)(line - s->line));
		s->line = line;
	}
	if (s->packet.len > CXMS_XS_PACKET_MAX / 2)
		thread(s, s->tid);
}

static void run(struct stream *s, uint64_t id, bool misses, uint64_t line)
{
	run_flagged(s, id, misses, line, 0);
}

static void start_on(struct stream *s, int *fd, const char *yaml)
{
	struct cxms_trace_head head = {.seed = 1};
	struct cxms_topo *t = play_topology(yaml);
	*s = (struct stream){.pid = 9};
	*fd = play_fd();
	head.facts.source_caps = CXMS_SRC_EXACT | CXMS_SRC_LIVE;
	assert_int_equal(cxms_exact_of_host(t, &head.facts.exact, NULL), 0);
	assert_int_equal(cxms_trace_writer_new(*fd, &head, &s->writer, NULL), 0);
	cxms_topo_free(t);
	begin(s);
}

static void start(struct stream *s, int *fd)
{
	start_on(s, fd, HOST LOCAL("unlimited") MEMDEV("200ns", "unlimited"));
}

static void finish_with(struct stream *s, uint64_t outlived)
{
	const struct cxms_totals totals = {
		.duration_ns = 1000000, .exit_known = true, .outlived = outlived};
	flush(s);
	assert_int_equal(cxms_trace_finish(s->writer, &totals, NULL), 0);
	cxms_trace_writer_free(s->writer);
	cxms_buf_fini(&s->packet);
}

static void finish(struct stream *s)
{
	finish_with(s, 0);
}

/* A random mixture of the four, over many pages. */
static int mixture(uint64_t seed, int n)
{
	struct stream s;
	struct cxms_rng r;
	int fd;
	start(&s, &fd);
	cxms_rng_init(&r, seed);
	uint64_t share = 1 + cxms_rng_below(&r, 8);
	for (int i = 0; i < n; i++) {
		uint64_t which = 1 + cxms_rng_below(&r, 4);
		bool misses = which != WORK && cxms_rng_below(&r, 8) < share;
		run(&s, which, misses, 0x40000 + cxms_rng_below(&r, 64 * 500));
	}
	finish(&s);
	return fd;
}

static struct cxms_result *replay(int fd, const char *yaml, const double *split, size_t n_split,
				  struct cxms_topo **topo)
{
	*topo = play_topology(yaml);
	const struct cxms_replay_cfg cfg = {.topo = (const struct cxms_topo *const *)topo,
					    .n_topo = 1,
					    .split_pct = split,
					    .n_split = n_split,
					    .seed = 3};
	return play_replay(fd, &cfg);
}

static double time_of(int fd, const char *yaml, double split)
{
	struct cxms_topo *t;
	struct cxms_result *r = replay(fd, yaml, &split, 1, &t);
	double ns = (double)r->split[0].time_ns;
	cxms_result_free(r);
	cxms_topo_free(t);
	return ns;
}

static void test_all_local_is_exactly_one_and_sums_hold(void **state)
{
	static const double splits[] = {100, 75, 50, 25, 0, 10, 90, 33, 66};
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct cxms_topo *t;
		int fd = mixture(seed, 4000);
		struct cxms_result *r = replay(fd, HOST LOCAL("20GB/s") MEMDEV("250ns", "8GB/s"),
					       splits, PLAY_COUNT(splits), &t);
		assert_int_equal(r->status, CXMS_STATUS_COMPLETE);
		assert_true(r->split[0].slowdown == 1);
		uint64_t lines = r->split[0].target[0].reads;
		for (size_t i = 0; i < r->n_split; i++) {
			const struct cxms_split_result *s = &r->split[i];
			uint64_t sum = 0, reads = 0;
			for (int c = 0; c < CXMS_CAUSE_COUNT; c++)
				sum += s->causes_ns[c];
			assert_int_equal(sum, s->time_ns);
			for (size_t k = 0; k < s->n_target; k++)
				reads += s->target[k].reads;
			assert_int_equal(reads, lines); /* each line comes from somewhere, once */
			assert_false(s->self_check_failed);
			assert_true(s->slowdown_lo <= s->slowdown && s->slowdown <= s->slowdown_hi);
			assert_true(fabs(s->local_pct - s->asked_pct) < 1);
		}
		cxms_result_free(r);
		cxms_topo_free(t);
		close(fd);
	}
}

/* 0.5 %: with a slower memory requests meet in another order at the miss registers. */
static void test_worse_memory_is_never_faster(void **state)
{
	static const char *const worse[] = {
		HOST LOCAL("unlimited") MEMDEV("150ns", "unlimited"),
		HOST LOCAL("unlimited") MEMDEV("250ns", "unlimited"),
		HOST LOCAL("unlimited") MEMDEV("250ns", "16GB/s"),
		HOST LOCAL("unlimited") MEMDEV("250ns", "4GB/s"),
		HOST LOCAL("unlimited") MEMDEV("250ns", "1GB/s"),
	};
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		int fd = mixture(seed, 4000);
		double before = 0;
		for (size_t i = 0; i < PLAY_COUNT(worse); i++) {
			double ns = time_of(fd, worse[i], 0);
			if (ns < 0.995 * before)
				fail_msg("seed %llu: %g ns, the better one takes %g: %s",
					 (unsigned long long)seed, ns, before, worse[i]);
			before = ns;
		}
		assert_true(time_of(fd, HOST LOCAL("unlimited") SWITCHED("250ns"), 0) >
			    time_of(fd, worse[1], 0));
		close(fd);
	}
}

static void test_a_chain_costs_the_latency_of_its_pages(void **state)
{
	struct stream s;
	struct cxms_rng r;
	int fd;
	(void)state;
	start(&s, &fd);
	cxms_rng_init(&r, 5);
	for (int i = 0; i < 3000; i++)
		run(&s, CHASE, true, 0x40000 + cxms_rng_below(&r, 64 * 3000));
	finish(&s);
	double local = time_of(fd, HOST LOCAL("unlimited") MEMDEV("300ns", "unlimited"), 100);
	double far = time_of(fd, HOST LOCAL("unlimited") MEMDEV("300ns", "unlimited"), 0);
	assert_true(fabs(local / (3000 * 100.0) - 1) < 0.001);
	assert_true(fabs(far / (3000 * 300.0) - 1) < 0.001);
	close(fd);
}

/* Independent loads, each on a page of its own, go at the pace of the walkers, or at that of the
 * eight miss registers, which a walk holds as its load does; more walkers are never slower. */
static void test_walkers_bound_time(void **state)
{
#define WALKED(n)                                                                                  \
	HOST_OF("{l1: 64, l2: 1024, page: 4KiB, walk: 300ns, walkers: " n "}") LOCAL("unlimited")
	static const struct {
		const char *near, *far;
		double walkers;
	} rows[] = {
		{WALKED("1") MEMDEV("200ns", "unlimited"), WALKED("1") MEMDEV("400ns", "unlimited"),
		 1},
		{WALKED("2") MEMDEV("200ns", "unlimited"), WALKED("2") MEMDEV("400ns", "unlimited"),
		 2},
		{WALKED("4") MEMDEV("200ns", "unlimited"), WALKED("4") MEMDEV("400ns", "unlimited"),
		 4},
	};
	enum { N = 3000 };
	double last = INFINITY;
	struct stream s;
	int fd;
	(void)state;
	start_on(&s, &fd, rows[0].near);
	for (uint64_t i = 0; i < N; i++)
		run_flagged(&s, GATHER, true, 0x40000 + 64 * i, CXMS_XE_WALK);
	finish(&s);
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		double near = time_of(fd, rows[i].near, 0), far = time_of(fd, rows[i].far, 0);
		/* the last line comes 200 ns, a few walks' worth, behind its walk */
		assert_true(fabs(near * rows[i].walkers / (300.0 * N) - 1) < 0.01);
		double slowest = fmax(300.0 / rows[i].walkers, (300.0 + 400.0) / 8);
		assert_true(fabs(far / (slowest * N) - 1) < 0.01);
		assert_true(near < last);
		last = near;
	}
	close(fd);
}

static void test_bandwidth_bounds_time(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		int fd = mixture(seed, 6000);
		struct cxms_topo *t;
		const double zero = 0;
		struct cxms_result *r =
			replay(fd, HOST LOCAL("unlimited") MEMDEV("200ns", "1GB/s"), &zero, 1, &t);
		double bytes =
			64.0 * (double)(r->split[0].target[1].reads + r->split[0].target[1].writes);
		assert_true((double)r->split[0].time_ns >= 0.98 * bytes); /* 1 GB/s = 1 B/ns */
		cxms_result_free(r);
		cxms_topo_free(t);
		close(fd);
	}
}

/* Two threads of the same work, the second woken by the first when it is done: one after another;
 * without the wake both at once. */
static int two_threads(bool wait)
{
	struct stream s;
	int fd;
	start(&s, &fd);
	number(&s, CXMS_XC_CLONE, 2);
	thread(&s, 2);
	if (wait)
		number(&s, CXMS_XC_WAIT, 0x5000);
	thread(&s, 1);
	for (uint64_t i = 0; i < 2000; i++)
		run(&s, GATHER, true, 0x40000 + i);
	number(&s, CXMS_XC_WAKE, 0x5000);
	thread(&s, 2);
	if (wait) {
		number(&s, CXMS_XC_RESUME, 0x5000);
		cxms_buf_put_u8(&s.packet, 1);
	}
	for (uint64_t i = 0; i < 2000; i++)
		run(&s, GATHER, true, 0x80000 + i);
	finish(&s);
	return fd;
}

static void test_who_waits_comes_after_its_waker(void **state)
{
	const char *yaml = HOST LOCAL("unlimited") MEMDEV("200ns", "unlimited");
	int after = two_threads(true), beside = two_threads(false);
	(void)state;
	assert_true(fabs(time_of(after, yaml, 0) / time_of(beside, yaml, 0) - 2) < 0.02);
	close(after);
	close(beside);
	struct cxms_topo *t;
	const double zero = 0;
	int fd = two_threads(true);
	struct cxms_result *r = replay(fd, yaml, &zero, 1, &t);
	assert_int_equal(r->split[0].n_thread, 2);
	/* the second slept half of the time that both took together: a third of the sum */
	double blocked = (double)r->split[0].causes_ns[CXMS_CAUSE_BLOCKED];
	assert_true(fabs(blocked / (double)r->split[0].time_ns - 1.0 / 3) < 0.02);
	cxms_result_free(r);
	cxms_topo_free(t);
	close(fd);
}

static void resume(struct stream *s, uint64_t addr)
{
	number(s, CXMS_XC_RESUME, addr);
	cxms_buf_put_u8(&s->packet, 1);
}

static void wake_some(struct stream *s, uint64_t addr, uint64_t most)
{
	number(s, CXMS_XC_WAKE_SOME, addr);
	cxms_buf_put_varint(&s->packet, most);
}

static void chase(struct stream *s, uint64_t tid, uint64_t n, uint64_t page)
{
	thread(s, tid);
	for (uint64_t l = 0; l < n; l++)
		run(s, CHASE, true, page * 64 + l);
}

/* The first thread wakes two that sleep, one behind each half of its work, or both behind the
 * first. As the tool has it, it runs to its end before they come back, in any order. */
static void test_sleepers_are_woken_in_their_order(void **state)
{
	const char *yaml = HOST LOCAL("unlimited") MEMDEV("200ns", "unlimited");
	/* chases of the thread that slept first and of the other, and of all until the end */
	static const struct {
		uint64_t most, first, second, all;
	} rows[] = {
		{1, 600, 100, 200 + 600},
		{1, 100, 600, 400 + 600},
		{INT32_MAX, 100, 600, 200 + 600},
		{2, 600, 100, 200 + 600},
	};
	(void)state;
	for (size_t k = 0; k < PLAY_COUNT(rows); k++) {
		struct stream s;
		int fd;
		start(&s, &fd);
		for (uint64_t tid = 2; tid <= 3; tid++) {
			number(&s, CXMS_XC_CLONE, tid);
			thread(&s, tid);
			number(&s, CXMS_XC_WAIT, 0x5000);
			thread(&s, 1);
		}
		for (uint64_t half = 1; half <= 2; half++) {
			chase(&s, 1, 200, 0x100 * half);
			wake_some(&s, 0x5000, rows[k].most);
		}
		thread(&s, 3);
		resume(&s, 0x5000);
		chase(&s, 3, rows[k].second, 0x300);
		thread(&s, 2);
		resume(&s, 0x5000);
		chase(&s, 2, rows[k].first, 0x400);
		finish(&s);
		double ns = time_of(fd, yaml, 0);
		if (fabs(ns / (200.0 * (double)rows[k].all) - 1) > 0.01)
			fail_msg("row %zu: %g ns", k, ns);
		close(fd);
	}
}

/* Rounds that end at a barrier; who comes to it last for the tool has the least to do. */
static void test_a_barrier_waits_for_all(void **state)
{
	const char *yaml = HOST LOCAL("unlimited") MEMDEV("200ns", "unlimited");
	enum { ROUNDS = 6 };
	struct stream s;
	int fd;
	(void)state;
	start(&s, &fd);
	number(&s, CXMS_XC_CLONE, 2);
	number(&s, CXMS_XC_CLONE, 3);
	for (uint64_t r = 0; r < ROUNDS; r++) {
		uint64_t last = 1 + r % 3, others[] = {1 + (r + 1) % 3, 1 + (r + 2) % 3};
		for (size_t i = 0; i < 2; i++) {
			chase(&s, others[i], i ? 500 : 100, 0x100 * (3 * r + i + 1));
			number(&s, CXMS_XC_WAIT, 0x5000);
		}
		chase(&s, last, 50, 0x100 * (3 * r + 3));
		number(&s, CXMS_XC_MEET, 0x5000);
		wake_some(&s, 0x5000, INT32_MAX);
		for (size_t i = 0; i < 2; i++) {
			thread(&s, others[i]);
			resume(&s, 0x5000);
		}
	}
	finish(&s);
	assert_true(fabs(time_of(fd, yaml, 0) / (ROUNDS * 500 * 200.0) - 1) < 0.01);
	close(fd);
}

/* A thread that ends, and is joined without sleep; its number at the futex is used again. */
static void test_who_is_joined_late_is_waited_for(void **state)
{
	const char *yaml = HOST LOCAL("unlimited") MEMDEV("200ns", "unlimited");
	struct stream s;
	int fd;
	(void)state;
	start(&s, &fd);
	for (uint64_t tid = 2; tid <= 5; tid++) {
		number(&s, CXMS_XC_CLONE, tid);
		chase(&s, tid, 500, 0x100 * tid);
		wake_some(&s, 0x5000, 1);
		number(&s, CXMS_XC_EXIT, tid);
		thread(&s, 1);
		resume(&s, 0x5000);
	}
	finish(&s);
	assert_true(fabs(time_of(fd, yaml, 0) / (4 * 500 * 200.0) - 1) < 0.01);
	close(fd);
}

/* Another program in the same process has futexes too. */
static void test_who_waits_after_an_exec_comes_after_its_waker(void **state)
{
	const char *yaml = HOST LOCAL("unlimited") MEMDEV("200ns", "unlimited");
	struct stream s;
	int fd;
	(void)state;
	start(&s, &fd);
	chase(&s, 1, 100, 0x100);
	flush(&s);
	s.image++;
	s.seq = 0;
	begin(&s);
	number(&s, CXMS_XC_CLONE, 2);
	chase(&s, 2, 500, 0x200);
	wake_some(&s, 0x5000, 1);
	thread(&s, 1);
	resume(&s, 0x5000);
	chase(&s, 1, 400, 0x300);
	finish(&s);
	assert_true(fabs(time_of(fd, yaml, 0) / (1000 * 200.0) - 1) < 0.01);
	close(fd);
}

/* A thread that slept when its process executed another program is never woken: not in place of one
 * that sleeps there now. */
static void test_an_exec_ends_who_slept(void **state)
{
	static const uint64_t rows[] = {0x5000, CXMS_XS_PRIVATE | 0x5000};
	const char *yaml = HOST LOCAL("unlimited") MEMDEV("200ns", "unlimited");
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct stream s;
		int fd;
		start(&s, &fd);
		number(&s, CXMS_XC_CLONE, 3);
		thread(&s, 3);
		number(&s, CXMS_XC_WAIT, rows[i]);
		flush(&s);
		s.image++;
		s.seq = 0;
		begin(&s);
		number(&s, CXMS_XC_CLONE, 2);
		thread(&s, 2);
		number(&s, CXMS_XC_WAIT, rows[i]);
		for (uint64_t k = 0; k < 2; k++) {
			chase(&s, 1, 300, 0x100 + 0x100 * k);
			wake_some(&s, rows[i], 1);
		}
		thread(&s, 2);
		resume(&s, rows[i]);
		chase(&s, 2, 400, 0x300);
		finish(&s);
		double ns = time_of(fd, yaml, 0);
		if (fabs(ns / ((300 + 400) * 200.0) - 1) > 0.01)
			fail_msg("row %zu: %g ns", i, ns);
		close(fd);
	}
}

static void counts(struct stream *s)
{
	number(s, CXMS_XC_COUNTS, 0);
	flush(s);
}

/* 500 lines in two images. */
static void tell_child(struct stream *child)
{
	hello(child, 9, true, WORK + 1);
	chase(child, 1, 50, 0x200);
	counts(child);
	child->image++;
	child->seq = 0;
	begin(child);
	chase(child, 1, 450, 0x300);
	flush(child);
}

/* Packets of a child that has ended may come behind the one in which its parent has waited for it:
 * the child's image, which ends with an exec, and the one after it. */
static void test_who_waits_for_a_child_may_be_read_before_its_end(void **state)
{
	static const char *const name[] = {"in time", "before its end", "before all of it"};
	const char *yaml = HOST LOCAL("unlimited") MEMDEV("200ns", "unlimited");
	(void)state;
	for (int late = 0; late < 3; late++) {
		struct stream s, child;
		int fd;
		start(&s, &fd);
		chase(&s, 1, 100, 0x100);
		flush(&s);
		child = (struct stream){.writer = s.writer, .pid = 10};
		if (late < 2)
			tell_child(&child);
		if (!late) {
			thread(&child, 1);
			counts(&child);
		}
		thread(&s, 1);
		if (late == 2)
			number(&s, CXMS_XC_FORKED, child.pid);
		resume(&s, CXMS_XS_PROCESS | 10);
		chase(&s, 1, 30000, 0x400); /* enough to be simulated before the rest */
		flush(&s);
		if (late == 2)
			tell_child(&child);
		if (late) {
			thread(&child, 1);
			counts(&child);
		}
		finish(&s);
		cxms_buf_fini(&child.packet);
		double ns = time_of(fd, yaml, 0);
		if (fabs(ns / ((100 + 500 + 30000) * 200.0) - 1) > 1e-4)
			fail_msg("read %s: %g ns", name[late], ns);
		close(fd);
	}
}

/* What the parent did afterwards may be read before the child's first packet, or long behind it. */
static void test_a_child_begins_where_it_was_forked(void **state)
{
	const char *yaml = HOST LOCAL("unlimited") MEMDEV("200ns", "unlimited");
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct stream s;
		int fd;
		start(&s, &fd);
		chase(&s, 1, 100, 0x100);
		flush(&s);
		struct stream child = {.writer = s.writer, .pid = 10, .tid = 1};
		if (k == 0)
			hello(&child, 9, true, WORK + 1);
		thread(&s, 1);
		number(&s, CXMS_XC_FORKED, child.pid);
		chase(&s, 1, 400, 0x200);
		flush(&s);
		if (k == 1)
			hello(&child, 9, true, WORK + 1);
		chase(&child, 1, 400, 0x300);
		flush(&child);
		cxms_buf_fini(&child.packet);
		finish(&s);
		double ns = time_of(fd, yaml, 0);
		if (fabs(ns / (500 * 200.0) - 1) > 0.01)
			fail_msg("case %d: %g ns", k, ns);
		close(fd);
	}
}

/* Two children have each a thread that sleeps at one address. In memory of their own each is woken
 * by its fellow; in shared memory who slept first is woken first. */
static void test_forked_children_have_futexes_of_their_own(void **state)
{
	static const struct {
		uint64_t addr, all;
	} rows[] = {
		{CXMS_XS_PRIVATE | 0x5000, 500 + 300},
		{CXMS_XS_THREAD | 2, 500 + 300},
		{0x5000, 500 + 600},
	};
	const char *yaml = HOST LOCAL("unlimited") MEMDEV("200ns", "unlimited");
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct stream s, child[2];
		int fd;
		start(&s, &fd);
		flush(&s);
		for (uint32_t k = 0; k < 2; k++) {
			child[k] = (struct stream){.writer = s.writer, .pid = 10 + k};
			hello(&child[k], 9, true, WORK + 1);
			number(&child[k], CXMS_XC_CLONE, 2);
			thread(&child[k], 2);
			number(&child[k], CXMS_XC_WAIT, rows[i].addr);
			flush(&child[k]);
		}
		for (uint32_t k = 2; k-- > 0;) {
			chase(&child[k], 1, k ? 100 : 500, 0x100 + 0x100 * k);
			wake_some(&child[k], rows[i].addr, 1);
			flush(&child[k]);
		}
		for (uint32_t k = 0; k < 2; k++) {
			thread(&child[k], 2);
			resume(&child[k], rows[i].addr);
			chase(&child[k], 2, k ? 600 : 300, 0x300 + 0x100 * k);
			flush(&child[k]);
			cxms_buf_fini(&child[k].packet);
		}
		thread(&s, 1);
		finish(&s);
		double ns = time_of(fd, yaml, 0);
		if (fabs(ns / ((double)rows[i].all * 200) - 1) > 0.01)
			fail_msg("row %zu: %g ns", i, ns);
		close(fd);
	}
}

/* Two children that share a slow device. The first has been read for long when the second begins.
 */
static void test_a_late_child_shares_what_a_device_passes(void **state)
{
	enum { LINES = 300000 };
	struct stream s, child[2];
	int fd;
	(void)state;
	start(&s, &fd);
	chase(&s, 1, 10, 0x100);
	flush(&s);
	for (uint32_t k = 0; k < 2; k++) {
		child[k] = (struct stream){.writer = s.writer, .pid = 10 + k};
		hello(&child[k], 9, true, WORK + 1);
		flush(&child[k]);
	}
	for (uint32_t k = 0; k < 2; k++) {
		thread(&child[k], 1);
		control(&child[k], CXMS_XC_TIMED);
		cxms_buf_put_u8(&child[k].packet, 1);
		cxms_buf_put_varint(&child[k].packet, 0);
		for (uint64_t i = 0; i < LINES; i++)
			run(&child[k], GATHER, true, 0x40000 + 0x100000 * k + i);
		counts(&child[k]);
		cxms_buf_fini(&child[k].packet);
	}
	thread(&s, 1);
	finish(&s);
	double ns = time_of(fd, HOST LOCAL("unlimited") MEMDEV("200ns", "2GB/s"), 0);
	assert_true(ns > 2 * LINES * 64 * 0.5 * 0.99); /* 2 GB/s: 0.5 ns/B */
	close(fd);
}

/* Two threads begin one each: which is first depends on where their pages are. Rows have them all
 * in one order. */
static void test_threads_stand_in_one_order(void **state)
{
	static const double splits[] = {100, 50};
	static const char *const yaml =
		HOST LOCAL("unlimited") MEMDEV("400ns", "unlimited") "placement: {policy: "
								     "first-touch}\n";
	struct stream s;
	struct cxms_topo *t;
	int fd;
	(void)state;
	start(&s, &fd);
	number(&s, CXMS_XC_CLONE, 2);
	number(&s, CXMS_XC_CLONE, 3);
	chase(&s, 2, 1000, 0x1000); /* local at 50:50 */
	number(&s, CXMS_XC_CLONE, 4);
	chase(&s, 3, 800, 0x2000); /* on CXL then: later than the other */
	number(&s, CXMS_XC_CLONE, 5);
	chase(&s, 4, 100, 0x1000);
	chase(&s, 5, 100, 0x2000);
	finish(&s);
	struct cxms_result *r = replay(fd, yaml, splits, PLAY_COUNT(splits), &t);
	const struct cxms_thread_result *a = r->split[0].thread, *b = r->split[1].thread;
	assert_int_equal(r->split[0].n_thread, 5);
	assert_int_equal(r->split[1].n_thread, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(a[i].tid, b[i].tid);
		assert_int_equal(a[i].native_ns, b[i].native_ns);
		if (a[i].tid == 3)
			assert_true(b[i].slowdown > 3);
		if (a[i].tid == 2)
			assert_true(b[i].slowdown < 1.5);
	}
	cxms_result_free(r);
	cxms_topo_free(t);
	close(fd);
}

/* The stream has the threads one after another; they share the device all the same. */
static void test_threads_share_what_a_device_passes(void **state)
{
	static const int threads[] = {2, 5, 16};
	const char *yaml = HOST LOCAL("unlimited") MEMDEV("200ns", "1GB/s");
	(void)state;
	for (size_t k = 0; k < PLAY_COUNT(threads); k++) {
		struct stream s;
		struct cxms_topo *t;
		const double zero = 0;
		int fd, n = threads[k];
		start(&s, &fd);
		for (int i = 2; i <= n; i++)
			number(&s, CXMS_XC_CLONE, (uint64_t)i);
		for (int i = 1; i <= n; i++) {
			thread(&s, (uint64_t)i);
			for (uint64_t l = 0; l < 5000; l++)
				run(&s, GATHER, true, 0x40000 + 0x10000 * (uint64_t)i + l);
		}
		finish(&s);
		struct cxms_result *r = replay(fd, yaml, &zero, 1, &t);
		double floor_ns = 64.0 * 5000 * n; /* 1 GB/s = 1 B/ns */
		assert_int_equal(r->status, CXMS_STATUS_COMPLETE);
		assert_true(fabs((double)r->split[0].time_ns / floor_ns - 1) < 0.02);
		for (int i = 0; i < n; i++) /* and fairly */
			assert_true(fabs(r->split[0].thread[i].slowdown /
						 r->split[0].thread[0].slowdown -
					 1) < 0.1);
		cxms_result_free(r);
		cxms_topo_free(t);
		close(fd);
	}
}

/* Lanes of one pass give what passes of one lane give. */
static void test_together_or_alone_the_same(void **state)
{
	static const double splits[] = {100, 90, 80, 70, 60, 50, 40, 30, 20, 10, 0};
	const char *yaml = HOST LOCAL("30GB/s") MEMDEV("250ns", "10GB/s");
	int fd = mixture(77, 4000);
	struct cxms_topo *t;
	struct cxms_result *r = replay(fd, yaml, splits, PLAY_COUNT(splits), &t);
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(splits); i++)
		assert_true((double)r->split[i].time_ns == time_of(fd, yaml, splits[i]));
	cxms_result_free(r);
	cxms_topo_free(t);
	close(fd);
}

static int gather(uint64_t n)
{
	struct stream s;
	int fd;
	start(&s, &fd);
	for (uint64_t l = 0; l < n; l++)
		run(&s, GATHER, true, 0x40000 + l);
	finish(&s);
	return fd;
}

/* Latency tails are drawn from the seed: the same in every replay with it, others with another. */
static void test_the_seed_draws_the_tails(void **state)
{
	static const char *const yaml = HOST LOCAL(
		"unlimited") "devices:\n  mem0: {type: memdev, upstream: host, latency: 250ns, "
			     "bandwidth: "
			     "unlimited, capacity: 64GiB, tail: {p99: 500ns, p999: 5us}}\n";
	static const uint64_t seeds[] = {3, 3, 4};
	const double zero = 0;
	struct cxms_topo *t = play_topology(yaml);
	uint64_t ns[PLAY_COUNT(seeds)];
	int fd = gather(4000);
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(seeds); i++) {
		const struct cxms_replay_cfg cfg = {.topo = (const struct cxms_topo *const *)&t,
						    .n_topo = 1,
						    .split_pct = &zero,
						    .n_split = 1,
						    .seed = seeds[i]};
		struct cxms_result *r = play_replay(fd, &cfg);
		ns[i] = r->split[0].time_ns;
		cxms_result_free(r);
	}
	assert_int_equal(ns[0], ns[1]);
	assert_int_not_equal(ns[0], ns[2]);
	cxms_topo_free(t);
	close(fd);
}

enum { HOSTS = 3 };

static struct cxms_result *on_hosts(const int *fd, size_t n, const char *yaml, const double *split,
				    size_t n_split, struct cxms_topo **topo)
{
	static const char *const names[HOSTS] = {"a", "b", "c"};
	struct cxms_host_trace host[HOSTS];
	struct cxms_result *r = NULL;
	struct cxms_err err = {0};
	*topo = play_topology(yaml);
	const struct cxms_replay_cfg cfg = {.topo = (const struct cxms_topo *const *)topo,
					    .n_topo = 1,
					    .split_pct = split,
					    .n_split = n_split,
					    .seed = 3};
	for (size_t k = 0; k < n; k++) {
		host[k].name = names[k];
		assert_int_equal(cxms_trace_reader_open_fd(fd[k], "it", &host[k].reader, NULL), 0);
	}
	if (cxms_replay_hosts(host, n, &cfg, &r, &err))
		fail_msg("%s", err.msg);
	for (size_t k = 0; k < n; k++)
		cxms_trace_reader_close(host[k].reader);
	assert_int_equal(r->status, CXMS_STATUS_COMPLETE);
	assert_int_equal(r->split[0].n_tenant, n);
	return r;
}

/* Processes of the same numbers at the same addresses, one of them with threads. */
static void test_hosts_meet_only_where_something_is_bounded(void **state)
{
	static const double splits[] = {100, 50, 0};
	const char *yaml = HOST LOCAL("30GB/s") MEMDEV("250ns", "unlimited");
	int fd[HOSTS] = {mixture(3, 4000), two_threads(true), mixture(4, 9000)};
	struct cxms_topo *t;
	struct cxms_result *r = on_hosts(fd, HOSTS, yaml, splits, PLAY_COUNT(splits), &t);
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(splits); i++) {
		const struct cxms_split_result *s = &r->split[i];
		uint64_t sum = 0, last = 0;
		for (int c = 0; c < CXMS_CAUSE_COUNT; c++)
			sum += s->causes_ns[c];
		assert_int_equal(sum, s->time_ns);
		for (size_t k = 0; k < HOSTS; k++) {
			const struct cxms_tenant_result *own = &s->tenant[k];
			assert_true((double)own->time_ns == time_of(fd[k], yaml, splits[i]));
			assert_true(own->contention_ratio == 1);
			if (i == 0)
				assert_true(own->slowdown == 1 && s->slowdown == 1);
			last = own->time_ns > last ? own->time_ns : last;
		}
		assert_int_equal(s->time_ns, last);
		assert_int_equal(s->n_thread, 4);
	}
	cxms_result_free(r);
	cxms_topo_free(t);
	for (size_t k = 0; k < HOSTS; k++)
		close(fd[k]);
}

/* Lines here and there, many at a time; of none of them work alone. */
static int scattered(int n)
{
	struct stream s;
	struct cxms_rng r;
	int fd;
	cxms_rng_init(&r, 7);
	start(&s, &fd);
	run(&s, WORK, false, 0);
	for (int i = 0; i < n; i++)
		run(&s, GATHER, true, 0x40000 + cxms_rng_below(&r, 64 * 64));
	finish(&s);
	return fd;
}

/* Of a device with rows and banks each host has those that it has alone, wherever it stands among
 * hosts that use none of it. */
static void test_a_host_has_its_banks_as_alone(void **state)
{
	const char *yaml = HOST LOCAL("unlimited") "devices:\n  mem0: {type: memdev, upstream: "
						   "host, latency: 200ns, bandwidth: unlimited, "
						   "capacity: 64GiB, model: {type: bank, dram: "
						   "ddr5-4800, channels: 1, ranks: 1, page: "
						   "open}}\n";
	const double zero = 0;
	(void)state;
	for (size_t at = 0; at < HOSTS; at++) {
		int fd[HOSTS] = {scattered(0), scattered(0), scattered(0)};
		struct cxms_topo *t;
		close(fd[at]);
		fd[at] = scattered(20000);
		struct cxms_result *r = on_hosts(fd, HOSTS, yaml, &zero, 1, &t);
		double contention = r->split[0].tenant[at].contention_ratio;
		if (fabs(contention - 1) > 1e-9)
			fail_msg("host %zu: %g times as long", at, contention);
		cxms_result_free(r);
		cxms_topo_free(t);
		for (size_t k = 0; k < HOSTS; k++)
			close(fd[k]);
	}
}

/* The streams come from different readers; at the device they meet as they would. */
static void test_hosts_share_what_a_device_passes(void **state)
{
	const char *yaml = HOST LOCAL("unlimited") MEMDEV("200ns", "1GB/s");
	const double zero = 0;
	(void)state;
	for (size_t n = 2; n <= HOSTS; n++) {
		int fd[HOSTS] = {gather(60000), gather(60000), gather(60000)};
		struct cxms_topo *t;
		struct cxms_result *r = on_hosts(fd, n, yaml, &zero, 1, &t);
		const struct cxms_split_result *s = &r->split[0];
		assert_int_equal(s->target[1].reads, n * 60000);
		assert_true(fabs((double)s->time_ns / (64.0 * 60000 * (double)n) - 1) < 0.02);
		for (size_t k = 0; k < n; k++)
			assert_true(fabs(s->tenant[k].contention_ratio / (double)n - 1) < 0.02);
		assert_true(s->fairness > 0.999);
		cxms_result_free(r);
		cxms_topo_free(t);
		for (size_t k = 0; k < HOSTS; k++)
			close(fd[k]);
	}
}

static bool has_warning(const struct cxms_result *r, enum cxms_warn_code code)
{
	for (size_t i = 0; i < r->warnings.n; i++)
		if (r->warnings.list[i].code == code)
			return true;
	return false;
}

/* A recording tells it as the run did. */
static void test_who_outlives_the_program_is_told(void **state)
{
	const double zero = 0;
	(void)state;
	for (uint64_t outlived = 0; outlived < 2; outlived++) {
		struct stream s;
		struct cxms_topo *t;
		int fd;
		start(&s, &fd);
		run(&s, CHASE, true, 0x40000);
		finish_with(&s, outlived);
		struct cxms_result *r = replay(
			fd, HOST LOCAL("unlimited") MEMDEV("200ns", "unlimited"), &zero, 1, &t);
		assert_int_equal(has_warning(r, CXMS_W_OUTLIVED), outlived);
		cxms_result_free(r);
		cxms_topo_free(t);
		close(fd);
	}
}

/* Each fits alone, all of them do not; and a host's share may be less than it asks for. */
static void test_hosts_share_what_a_device_holds(void **state)
{
	static const struct {
		const char *device;
		bool warns;
	} rows[] = {
		{"capacity: 64GiB", false},
		{"capacity: 6MiB", true}, /* 60000 lines are 3.7 MiB */
		{"capacity: 8MiB, logical: [{host: a, capacity: 4MiB}, {host: b, capacity: 4MiB}]",
		 false},
		{"capacity: 8MiB, logical: [{host: a, capacity: 5MiB}, {host: b, capacity: 3MiB}]",
		 true},
	};
	const double zero = 0;
	int fd[2] = {gather(60000), gather(60000)};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		char yaml[1024];
		struct cxms_topo *t;
		snprintf(yaml, sizeof(yaml),
			 HOST LOCAL("unlimited") "devices:\n  mem0: {type: memdev, upstream: host, "
						 "latency: 250ns, %s}\n",
			 rows[i].device);
		struct cxms_result *r = on_hosts(fd, 2, yaml, &zero, 1, &t);
		assert_true(has_warning(r, CXMS_W_CAPACITY) == rows[i].warns);
		cxms_result_free(r);
		cxms_topo_free(t);
	}
	close(fd[0]);
	close(fd[1]);
}

/* Many steps between its misses; in the kernel whenever its stream pauses, or never. */
static int sparse(bool kernel)
{
	struct stream s;
	int fd;
	start(&s, &fd);
	for (uint64_t l = 0; l < 240000; l++) {
		run(&s, l % 8 ? WORK : GATHER, l % 8 == 0, 0x40000 + l / 8);
		if (l % 1000 == 999) {
			if (kernel)
				number(&s, CXMS_XC_SYSCALL, 1);
			flush(&s);
		}
	}
	number(&s, CXMS_XC_SYSCALL, 1);
	finish(&s);
	return fd;
}

/* Who is in the kernel comes back: the other runs ahead of it no more than of one that is not. */
static void test_a_host_in_the_kernel_is_waited_for(void **state)
{
	const char *yaml = HOST LOCAL("unlimited") MEMDEV("200ns", "1GB/s");
	const double zero = 0;
	uint64_t ns[2][2];
	(void)state;
	for (int kernel = 0; kernel < 2; kernel++) {
		int fd[2] = {sparse(kernel), gather(30000)};
		struct cxms_topo *t;
		struct cxms_result *r = on_hosts(fd, 2, yaml, &zero, 1, &t);
		for (size_t k = 0; k < 2; k++)
			ns[kernel][k] = r->split[0].tenant[k].time_ns;
		cxms_result_free(r);
		cxms_topo_free(t);
		close(fd[0]);
		close(fd[1]);
	}
	for (size_t k = 0; k < 2; k++)
		assert_true(fabs((double)ns[1][k] / (double)ns[0][k] - 1) < 0.005);
}

/* A third as long: while it runs both get half, then the other has it all. In either order. */
static void test_a_host_that_ends_leaves_its_share(void **state)
{
	const char *yaml = HOST LOCAL("unlimited") MEMDEV("200ns", "1GB/s");
	const double zero = 0;
	(void)state;
	for (size_t first = 0; first < 2; first++) {
		int fd[2];
		struct cxms_topo *t;
		fd[first] = gather(30000);
		fd[1 - first] = gather(90000);
		struct cxms_result *r = on_hosts(fd, 2, yaml, &zero, 1, &t);
		const struct cxms_tenant_result *own = r->split[0].tenant;
		assert_true(fabs((double)own[first].time_ns / (64.0 * 60000) - 1) < 0.02);
		assert_true(fabs((double)own[1 - first].time_ns / (64.0 * 120000) - 1) < 0.02);
		cxms_result_free(r);
		cxms_topo_free(t);
		close(fd[0]);
		close(fd[1]);
	}
}

/* What is told of a recording while it is made; @most: packets, the rest is kept from it. */
static struct cxms_xearly *early_of(const struct cxms_replay_cfg *cfg, int fd, int most)
{
	struct cxms_trace_reader *reader = NULL;
	struct cxms_xearly *early = NULL;
	struct cxms_event ev[64];
	size_t n = 1;
	assert_int_equal(cxms_trace_reader_open_fd(fd, "it", &reader, NULL), 0);
	assert_int_equal(cxms_xearly_new(cfg, &early, NULL), 0);
	cxms_xearly_begin(early, &cxms_trace_reader_head(reader)->facts);
	while (n > 0) {
		assert_int_equal(cxms_trace_read(reader, ev, PLAY_COUNT(ev), &n, NULL), 0);
		for (size_t i = 0; i < n && most > 0; i++, most--)
			cxms_xearly_packet(early, ev[i].exact.data, ev[i].exact.len);
	}
	cxms_trace_reader_close(reader);
	return early;
}

static void report_of(int fd, const struct cxms_replay_cfg *cfg, struct cxms_buf *json)
{
	struct cxms_result *r = play_replay(fd, cfg);
	assert_int_equal(cxms_report_json(r, json, NULL), 0);
	cxms_result_free(r);
}

/* Whatever can be done early, and whatever was missed: the report is the same, byte for byte. */
static void test_early_or_late_the_same(void **state)
{
	static const double splits[] = {0, 100, 50};
	static const int most[] = {INT32_MAX, 2, 0};
	const char *two = "devices:\n"
			  "  mem0: {type: memdev, upstream: host, latency: 180ns, bandwidth: "
			  "8GB/s, capacity: 64GiB}\n"
			  "  mem1: {type: memdev, upstream: host, latency: 400ns, bandwidth: "
			  "8GB/s, capacity: 64GiB}\n"
			  "regions:\n  - {name: all, targets: [mem0, mem1], granularity: 4KiB}\n";
	char both[4096];
	(void)state;
	snprintf(both, sizeof(both), "%s%s%s", HOST, LOCAL("unlimited"), two);
	struct cxms_topo *t[] = {play_topology(HOST LOCAL("30GB/s") MEMDEV("250ns", "4GB/s")),
				 play_topology(both)};
	for (unsigned k = 0; k < 4 * 3 * 3; k++) {
		struct cxms_replay_cfg cfg = {.topo = (const struct cxms_topo *const *)t,
					      .n_topo = 2,
					      .split_pct = splits,
					      .n_split = 1 + k % 3,
					      .seed = 3};
		struct cxms_buf late = {0}, early = {0};
		int fd = k / 9 ? mixture(k / 9, 30000) : two_threads(true);
		report_of(fd, &cfg, &late);
		cfg.early = early_of(&cfg, fd, most[k / 3 % 3]);
		report_of(fd, &cfg, &early);
		assert_string_equal(cxms_buf_text(&early), cxms_buf_text(&late));
		cxms_xearly_free(cfg.early);
		cxms_buf_fini(&late);
		cxms_buf_fini(&early);
		close(fd);
	}
	cxms_topo_free(t[0]);
	cxms_topo_free(t[1]);
}

/* A topology that stands alone may be replayed while the pages are counted; one beside another is
 * replayed behind that. */
static void test_in_one_reading_or_two_the_same(void **state)
{
	static const double splits[] = {0, 100, 50};
	static const char *const yaml[] = {
		HOST LOCAL("30GB/s") MEMDEV("250ns", "4GB/s"),
		HOST LOCAL("unlimited") SWITCHED("250ns"),
	};
	const int fd[] = {mixture(11, 20000), mixture(12, 3000), two_threads(true),
			  two_threads(false)};
	(void)state;
	for (size_t k = 0; k < PLAY_COUNT(yaml) * PLAY_COUNT(fd) * PLAY_COUNT(splits); k++) {
		const size_t n = 1 + k % PLAY_COUNT(splits);
		const int it = fd[k / PLAY_COUNT(splits) % PLAY_COUNT(fd)];
		struct cxms_topo *t[] = {
			play_topology(yaml[k / PLAY_COUNT(splits) / PLAY_COUNT(fd)]), NULL};
		t[1] = t[0];
		struct cxms_replay_cfg cfg = {.topo = (const struct cxms_topo *const *)t,
					      .n_topo = 1,
					      .split_pct = splits,
					      .n_split = n,
					      .seed = 3};
		struct cxms_result *one = play_replay(it, &cfg);
		cfg.n_topo = 2;
		struct cxms_result *two = play_replay(it, &cfg);
		struct cxms_buf as_one = {0}, as_two = {0};
		two->n_topo = 1;
		two->n_split = n;
		assert_int_equal(cxms_report_json(one, &as_one, NULL), 0);
		assert_int_equal(cxms_report_json(two, &as_two, NULL), 0);
		assert_string_equal(cxms_buf_text(&as_one), cxms_buf_text(&as_two));
		two->n_topo = 2;
		two->n_split = 2 * n;
		cxms_buf_fini(&as_one);
		cxms_buf_fini(&as_two);
		cxms_result_free(one);
		cxms_result_free(two);
		cxms_topo_free(t[0]);
	}
	for (size_t i = 0; i < PLAY_COUNT(fd); i++)
		close(fd[i]);
}

/* With one topology threads share its splits, where those have each an order of their own. */
static void same_for_any_jobs(int fd, const struct cxms_topo *const *t, size_t n_topo)
{
	static const double splits[] = {100, 50, 0};
	struct cxms_buf one = {0};
	for (unsigned jobs = 1; jobs <= 5; jobs++) {
		const struct cxms_replay_cfg cfg = {.topo = t,
						    .n_topo = n_topo,
						    .split_pct = splits,
						    .n_split = PLAY_COUNT(splits),
						    .seed = 3,
						    .jobs = jobs};
		struct cxms_buf many = {0};
		report_of(fd, &cfg, jobs == 1 ? &one : &many);
		if (jobs > 1)
			assert_string_equal(cxms_buf_text(&many), cxms_buf_text(&one));
		cxms_buf_fini(&many);
	}
	cxms_buf_fini(&one);
}

static void test_any_number_of_threads_the_same(void **state)
{
	struct cxms_topo *t[] = {
		play_topology(HOST LOCAL("30GB/s") MEMDEV("250ns", "4GB/s")),
		play_topology(HOST LOCAL("unlimited") SWITCHED("250ns")),
		play_topology(HOST LOCAL("30GB/s") MEMDEV("300ns", "1GB/s")),
		play_topology(HOST LOCAL("unlimited") MEMDEV("200ns", "unlimited")),
	};
	int fd[] = {mixture(5, 8000), two_threads(true)};
	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		same_for_any_jobs(fd[k], (const struct cxms_topo *const *)t, PLAY_COUNT(t));
		same_for_any_jobs(fd[k], (const struct cxms_topo *const *)t, 1);
		close(fd[k]);
	}
	for (size_t i = 0; i < PLAY_COUNT(t); i++)
		cxms_topo_free(t[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_local_is_exactly_one_and_sums_hold),
		cmocka_unit_test(test_worse_memory_is_never_faster),
		cmocka_unit_test(test_a_chain_costs_the_latency_of_its_pages),
		cmocka_unit_test(test_who_outlives_the_program_is_told),
		cmocka_unit_test(test_walkers_bound_time),
		cmocka_unit_test(test_bandwidth_bounds_time),
		cmocka_unit_test(test_who_waits_comes_after_its_waker),
		cmocka_unit_test(test_sleepers_are_woken_in_their_order),
		cmocka_unit_test(test_a_barrier_waits_for_all),
		cmocka_unit_test(test_a_child_begins_where_it_was_forked),
		cmocka_unit_test(test_who_is_joined_late_is_waited_for),
		cmocka_unit_test(test_forked_children_have_futexes_of_their_own),
		cmocka_unit_test(test_who_waits_after_an_exec_comes_after_its_waker),
		cmocka_unit_test(test_an_exec_ends_who_slept),
		cmocka_unit_test(test_who_waits_for_a_child_may_be_read_before_its_end),
		cmocka_unit_test(test_a_late_child_shares_what_a_device_passes),
		cmocka_unit_test(test_threads_stand_in_one_order),
		cmocka_unit_test(test_threads_share_what_a_device_passes),
		cmocka_unit_test(test_together_or_alone_the_same),
		cmocka_unit_test(test_the_seed_draws_the_tails),
		cmocka_unit_test(test_hosts_meet_only_where_something_is_bounded),
		cmocka_unit_test(test_a_host_has_its_banks_as_alone),
		cmocka_unit_test(test_hosts_share_what_a_device_passes),
		cmocka_unit_test(test_hosts_share_what_a_device_holds),
		cmocka_unit_test(test_a_host_in_the_kernel_is_waited_for),
		cmocka_unit_test(test_a_host_that_ends_leaves_its_share),
		cmocka_unit_test(test_early_or_late_the_same),
		cmocka_unit_test(test_in_one_reading_or_two_the_same),
		cmocka_unit_test(test_any_number_of_threads_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
