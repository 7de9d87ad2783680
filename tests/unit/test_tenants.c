/* Several programs on one fabric, against closed forms and against each program alone. */
#include "play.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#define MAX_HOSTS 4

/* One memdev behind one switch; its figures and the links are the caller's. */
#define POOL(device, link)                                                                         \
	"schema: 1\nhost:\n  cpu: {l1d_mshrs: 16, l2_mshrs: 48, rob: 512}\n"                       \
	"  local: {latency: 100ns, bandwidth: unlimited}\ndevices:\n"                              \
	"  sw0: {type: switch, upstream: host, latency: 50ns" link "}\n"                           \
	"  mem0: {type: memdev, upstream: sw0, latency: 250ns, capacity: 4096GiB" device "}\n"
#define UNBOUNDED POOL(", bandwidth: unlimited", "")
#define NARROW	  POOL(", model: fixed, bandwidth: {total: 1GB/s}", "")

static const char chase[] = "{duration: 500ms, stall: 0.8, access: chase, page: 2MiB, footprint: "
			    "1GiB}";
static const char gather[] = "{duration: 200ms, stall: 0.9, access: random, page: 2MiB, threads: "
			     "4, footprint: 1GiB, exact: true}";

static void open_hosts(const char *const *pattern, size_t n, struct cxms_host_trace *host, int *fd)
{
	static const char *const names[MAX_HOSTS] = {"a", "b", "c", "d"};
	for (size_t i = 0; i < n; i++) {
		fd[i] = play_record(pattern[i], 5);
		host[i].name = names[i];
		assert_int_equal(cxms_trace_reader_open_fd(fd[i], "memory", &host[i].reader, NULL),
				 0);
	}
}

static void close_hosts(struct cxms_host_trace *host, const int *fd, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cxms_trace_reader_close(host[i].reader);
		close(fd[i]);
	}
}

static int replay_by(enum cxms_engine engine, const char *yaml, const char *policy, double pct,
		     struct cxms_host_trace *host, size_t n, struct cxms_topo **topo,
		     struct cxms_result **out, struct cxms_err *err)
{
	const struct cxms_topo *list[1];
	list[0] = *topo = play_topology(yaml);
	const struct cxms_replay_cfg cfg = {.topo = list,
					    .n_topo = 1,
					    .policy = &policy,
					    .n_policy = 1,
					    .split_pct = &pct,
					    .n_split = 1,
					    .engine = engine,
					    .seed = 1};
	return cxms_replay_hosts(host, n, &cfg, out, err);
}

static int replay(const char *yaml, const char *policy, double pct, struct cxms_host_trace *host,
		  size_t n, struct cxms_topo **topo, struct cxms_result **out, struct cxms_err *err)
{
	return replay_by(CXMS_ENGINE_EPOCH, yaml, policy, pct, host, n, topo, out, err);
}

/* One row; the caller frees the result. */
static struct cxms_result *together_by(enum cxms_engine engine, const char *yaml,
				       const char *policy, double pct, const char *const *pattern,
				       size_t n)
{
	struct cxms_host_trace host[MAX_HOSTS];
	struct cxms_result *r = NULL;
	struct cxms_topo *topo;
	struct cxms_err err = {0};
	int fd[MAX_HOSTS];
	open_hosts(pattern, n, host, fd);
	if (replay_by(engine, yaml, policy, pct, host, n, &topo, &r, &err))
		fail_msg("%s", err.msg);
	close_hosts(host, fd, n);
	cxms_topo_free(topo); /* borrowed names are not read below, but those of hosts */
	assert_int_equal(r->status, CXMS_STATUS_COMPLETE);
	assert_int_equal(r->split[0].n_tenant, n > 1 ? n : 0);
	return r;
}

static struct cxms_result *together(const char *yaml, const char *policy, double pct,
				    const char *const *pattern, size_t n)
{
	return together_by(CXMS_ENGINE_EPOCH, yaml, policy, pct, pattern, n);
}

static double alone(const char *yaml, const char *policy, double pct, const char *pattern)
{
	struct cxms_topo *topo = play_topology(yaml);
	struct cxms_result *r = play(pattern, 5, topo, policy, &pct, 1);
	/* play() seeds the record and the replay alike; the policies used here draw nothing */
	double slowdown = r->split[0].slowdown;
	cxms_result_free(r);
	cxms_topo_free(topo);
	return slowdown;
}

static void test_nobody_disturbs_where_nothing_is_bounded(void **state)
{
	const char *const two[] = {chase, gather};
	struct cxms_result *r = together(UNBOUNDED, "first-touch", 30, two, 2);
	const struct cxms_tenant_result *t = r->split[0].tenant;
	(void)state;
	for (size_t k = 0; k < 2; k++) {
		assert_true(fabs(t[k].contention_ratio - 1) < 1e-9);
		assert_true(fabs(t[k].slowdown - t[k].alone_slowdown) < 1e-9 * t[k].slowdown);
		assert_true(fabs(t[k].slowdown - alone(UNBOUNDED, "first-touch", 30, two[k])) <
			    1e-9);
	}
	assert_true(fabs(r->split[0].fairness - 1) < 1e-12);
	/* the row is that of the one that ends last */
	assert_int_equal(r->split[0].time_ns, t[0].time_ns);
	cxms_result_free(r);
}

static void test_everything_local_is_exactly_1_for_everyone(void **state)
{
	const char *const two[] = {gather, gather};
	struct cxms_result *r = together(NARROW, "page-interleave", 100, two, 2);
	(void)state;
	for (size_t k = 0; k < 2; k++) {
		const struct cxms_tenant_result *t = &r->split[0].tenant[k];
		assert_true(t->slowdown == 1 && t->slowdown_lo == 1 && t->slowdown_hi == 1);
		assert_true(t->contention_ratio == 1);
	}
	assert_true(r->split[0].slowdown == 1);
	cxms_result_free(r);
}

static void test_what_a_host_is_alone_is_a_replay_of_it(void **state)
{
	const char *const two[] = {gather, chase};
	struct cxms_result *r = together(NARROW, "first-touch", 0, two, 2);
	(void)state;
	for (size_t k = 0; k < 2; k++) {
		const struct cxms_tenant_result *t = &r->split[0].tenant[k];
		double want = alone(NARROW, "first-touch", 0, two[k]);
		assert_true(fabs(t->alone_slowdown - want) < 1e-6 * want);
		assert_true(t->contention_ratio >= 1 - 1e-6);
		assert_true(fabs(t->slowdown - t->alone_slowdown * t->contention_ratio) <
			    1e-6 * t->slowdown);
	}
	cxms_result_free(r);
}

/* A full device gives n equal hosts an n-th each: the time is n times that of one that fills it. */
static void test_equal_hosts_share_a_full_device_evenly(void **state)
{
	const char *const four[] = {gather, gather, gather, gather};
	(void)state;
	for (size_t n = 2; n <= 4; n++) {
		struct cxms_result *r = together(NARROW, "first-touch", 0, four, n);
		const struct cxms_split_result *s = &r->split[0];
		for (size_t k = 0; k < n; k++) {
			print_message("%zu hosts: contention %g\n", n,
				      s->tenant[k].contention_ratio);
			/* M/D/1 is never full: N lines in flight use it to 1 - 1/(2N + 1), and
			   16 of them are the fewest here */
			assert_true(fabs(s->tenant[k].contention_ratio - (double)n) <
				    0.05 * (double)n);
			assert_true(s->tenant[k].contention_ratio < (double)n);
			assert_true(s->tenant[k].time_ns == s->tenant[0].time_ns);
		}
		assert_true(fabs(s->fairness - 1) < 1e-9);
		assert_string_equal(s->binding, "mem0 device");
		cxms_result_free(r);
	}
}

/* While work is left the device is full: the last one ends when all lines have passed. */
static void test_a_host_that_ends_leaves_its_share(void **state)
{
	static const char longer[] = "{duration: 600ms, stall: 0.9, access: random, page: 2MiB, "
				     "threads: 4, footprint: 1GiB, exact: true}";
	const char *const two[] = {gather, longer};
	struct cxms_result *r = together(NARROW, "first-touch", 0, two, 2);
	const struct cxms_split_result *s = &r->split[0];
	double lines = (double)(s->target[1].reads + s->target[1].writes);
	double least_ns = lines * 64 / 1e9 * 1e9;
	(void)state;
	print_message("ends at %g of the least\n", (double)s->time_ns / least_ns);
	assert_true((double)s->time_ns >= least_ns * (1 - 1e-6));
	assert_true((double)s->time_ns <= least_ns * 1.05); /* M/D/1, as above */
	/* equal rates until the short one ends: its own lines twice */
	double own_ns = 2 * lines / 4 * 64 / 1e9 * 1e9;
	assert_true(fabs((double)s->tenant[0].time_ns - own_ns) < 0.03 * own_ns);
	/* of 1/2 and 3/4 of the time alone: (a + b)^2 / 2 (a^2 + b^2) */
	assert_true(fabs(s->fairness - 0.9615) < 0.01);
	cxms_result_free(r);
}

/* Each host's link to the switch is its own: they do not meet on it. */
static void test_links_to_root_ports_are_not_shared(void **state)
{
	static const char narrow_port[] =
		POOL(", bandwidth: unlimited", ", link: {gen: 4, width: 1}");
	const char *const two[] = {gather, gather};
	struct cxms_result *r = together(narrow_port, "first-touch", 0, two, 2);
	const struct cxms_split_result *s = &r->split[0];
	unsigned seen = 0;
	(void)state;
	assert_true(s->tenant[0].alone_slowdown > alone(UNBOUNDED, "first-touch", 0, gather));
	assert_true(fabs(s->tenant[0].contention_ratio - 1) < 1e-6);
	for (size_t v = 0; v < s->n_server; v++)
		seen += !strcmp(s->server[v].part, "link_up") && s->server[v].host &&
			s->server[v].utilization_ratio > 0.9;
	assert_int_equal(seen, 2);
	cxms_result_free(r);
}

/* A multi-headed device is to each host what it would be with that host's link alone, as long as it
 * is the links that fill. */
static void test_a_head_of_a_device_is_as_full_as_its_own_link(void **state)
{
#define HEADS(device)                                                                              \
	"schema: 1\nhost:\n  cpu: {l1d_mshrs: 16, l2_mshrs: 48, rob: 512}\n"                       \
	"  local: {latency: 100ns, bandwidth: unlimited}\ndevices:\n"                              \
	"  mem0: {type: memdev, upstream: host, link: {gen: 4, width: 2}, latency: 250ns, "        \
	"capacity: 4096GiB, bandwidth: " device "}\n"
	static const char idle[] = "{duration: 200ms, stall: 0, footprint: 2MiB}";
	static const char *const yaml[] = {HEADS("unlimited"), HEADS("{total: 60GB/s}")};
	static const char *const hosts[][2] = {{gather, idle}, {gather, gather}};
	/* requests drawn one by one come in another order with others between */
	static const double tolerance[] = {[CXMS_ENGINE_EPOCH] = 1e-5, [CXMS_ENGINE_EVENT] = 5e-3};
	(void)state;
	for (int e = CXMS_ENGINE_EPOCH; e <= CXMS_ENGINE_EVENT; e++)
		for (size_t y = 0; y < PLAY_COUNT(yaml); y++)
			for (size_t h = 0; h < PLAY_COUNT(hosts); h++) {
				struct cxms_result *r = together_by((enum cxms_engine)e, yaml[y],
								    "first-touch", 0, hosts[h], 2);
				const struct cxms_tenant_result *a = &r->split[0].tenant[0];
				assert_true(a->alone_slowdown > 1.5);
				if (fabs(a->contention_ratio - 1) > tolerance[e])
					fail_msg("engine %d, device %zu, hosts %zu: %g times", e, y,
						 h, a->contention_ratio);
				cxms_result_free(r);
			}
}

#define BUFFERED(mib)                                                                              \
	POOL(", bandwidth: unlimited, model: {type: ssd, buffer: " mib "MiB, page: 4KiB, fetch: "  \
	     "2us, bandwidth: 1000GB/s, depth: 1024}",                                             \
	     "")

static void test_who_asks_for_nothing_takes_nothing_of_a_page_buffer(void **state)
{
	static const char idle[] = "{duration: 500ms, stall: 0, access: chase, page: 2MiB, "
				   "footprint: 1GiB}";
	const char *const two[] = {chase, idle};
	struct cxms_result *r = together(BUFFERED("512"), "first-touch", 0, two, 2);
	const struct cxms_tenant_result *t = r->split[0].tenant;
	(void)state;
	assert_true(fabs(t[0].contention_ratio - 1) < 1e-9);
	assert_true(fabs(t[0].slowdown - alone(BUFFERED("512"), "first-touch", 0, chase)) < 1e-9);
	cxms_result_free(r);
}

/* Uniform accesses: of two equal hosts each has half of the buffer, of four a quarter. */
static void test_equal_hosts_share_a_page_buffer_evenly(void **state)
{
	const char *const four[] = {chase, chase, chase, chase};
	static const char *const left[] = {[2] = BUFFERED("256"), [4] = BUFFERED("128")};
	double whole = alone(BUFFERED("512"), "first-touch", 0, chase);
	(void)state;
	for (size_t n = 2; n <= 4; n += 2) {
		double want = alone(left[n], "first-touch", 0, chase);
		struct cxms_result *r = together(BUFFERED("512"), "first-touch", 0, four, n);
		for (size_t k = 0; k < n; k++) {
			const struct cxms_tenant_result *t = &r->split[0].tenant[k];
			/* the medium, hardly used, serves n of them */
			assert_true(fabs(t->slowdown - want) < 1e-4 * want);
			assert_true(fabs(t->alone_slowdown - whole) < 1e-6 * whole);
		}
		cxms_result_free(r);
	}
}

/* Twice the rate: Che's time is the same for both, so its pages are kept more often. */
static void test_who_asks_more_keeps_more_of_a_page_buffer(void **state)
{
	static const char seldom[] = "{duration: 500ms, stall: 0.4, access: chase, page: 2MiB, "
				     "footprint: 1GiB}";
	const char *const two[] = {chase, seldom};
	struct cxms_result *r = together(BUFFERED("512"), "first-touch", 0, two, 2);
	const struct cxms_tenant_result *t = r->split[0].tenant;
	(void)state;
	/* 1 GiB each: (1 - x^2) + (1 - x) = 1/2 for x = exp(-rate T) of the slower one */
	double x = (sqrt(7) - 1) / 2, often = x * x;
	for (size_t k = 0; k < 2; k++) {
		/* waits of 100 ns each; 300 ns on the way, and 2 us where the page is missing */
		double miss = k ? x : often, stall = k ? 0.4 : 0.8;
		double want = 1 + stall * ((300 + 2000 * miss) / 100 - 1);
		print_message("%g, want %g\n", t[k].slowdown, want);
		assert_true(fabs(t[k].slowdown - want) < 0.02 * want); /* of samples */
	}
	cxms_result_free(r);
}

static void expect_refusal(const char *yaml, struct cxms_host_trace *host, size_t n, int rc,
			   const char *word)
{
	struct cxms_result *r = NULL;
	struct cxms_topo *topo;
	struct cxms_err err = {0};
	assert_int_equal(replay(yaml, "first-touch", 50, host, n, &topo, &r, &err), rc);
	if (!strstr(err.msg, word))
		fail_msg("'%s' lacks '%s'", err.msg, word);
	cxms_topo_free(topo);
}

static void test_names_are_checked(void **state)
{
	const char *const two[] = {chase, chase};
	struct cxms_host_trace host[2];
	int fd[2];
	(void)state;
	open_hosts(two, 2, host, fd);
	host[1].name = "a";
	expect_refusal(UNBOUNDED, host, 2, -EINVAL, "two hosts are named 'a'");
	host[1].name = "c";
	expect_refusal(
		POOL(", logical: [{host: a, capacity: 1GiB}, {host: b, capacity: 1GiB}]", ""), host,
		2, -EINVAL, "names the host 'c'");
	expect_refusal(POOL(", extents: [{at: 0s, add: 1GiB}]", ""), host, 2, -EINVAL,
		       "name no host, but there are 2");
	close_hosts(host, fd, 2);
}

/* A device that is divided between others has nothing for a host. */
static void test_a_host_without_a_share_is_warned_of(void **state)
{
	static const char *const yaml =
		POOL(", logical: [{host: a, capacity: 2TiB}, {host: b, capacity: 2TiB}]",
		     "") "  mem1: {type: memdev, upstream: sw0, latency: 250ns, capacity: 4096GiB, "
			 "logical: [{host: a, capacity: 4TiB}]}\n";
	const char *const two[] = {chase, chase};
	struct cxms_host_trace host[2];
	struct cxms_result *r = NULL;
	struct cxms_topo *topo;
	int fd[2];
	(void)state;
	open_hosts(two, 2, host, fd);
	assert_int_equal(replay(yaml, "first-touch", 0, host, 2, &topo, &r, NULL), 0);
	bool said = false;
	for (size_t i = 0; i < r->warnings.n; i++)
		said |= r->warnings.list[i].code == CXMS_W_CAPACITY &&
			strstr(r->warnings.list[i].message, "'mem1' is asked to hold 0.5 GiB of 0");
	assert_true(said);
	cxms_result_free(r);
	cxms_topo_free(topo);
	close_hosts(host, fd, 2);
}

static void test_hosts_are_all_exact_or_none(void **state)
{
	struct cxms_trace_head head = {.seed = 1, .facts = {.source_caps = CXMS_SRC_EXACT}};
	struct cxms_host_trace host[2];
	const char *const one[] = {chase};
	struct cxms_trace_writer *w = NULL;
	int fd[2];
	(void)state;
	open_hosts(one, 1, host, fd);
	host[1].name = "b";
	fd[1] = play_fd();
	assert_int_equal(cxms_trace_writer_new(fd[1], &head, &w, NULL), 0);
	assert_int_equal(cxms_trace_flush(w, NULL), 0);
	cxms_trace_writer_free(w);
	assert_int_equal(cxms_trace_reader_open_fd(fd[1], "memory", &host[1].reader, NULL), 0);
	expect_refusal(UNBOUNDED, host, 2, -EINVAL, "not both of source exact");
	close_hosts(host, fd, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_disturbs_where_nothing_is_bounded),
		cmocka_unit_test(test_everything_local_is_exactly_1_for_everyone),
		cmocka_unit_test(test_what_a_host_is_alone_is_a_replay_of_it),
		cmocka_unit_test(test_equal_hosts_share_a_full_device_evenly),
		cmocka_unit_test(test_a_host_that_ends_leaves_its_share),
		cmocka_unit_test(test_links_to_root_ports_are_not_shared),
		cmocka_unit_test(test_a_head_of_a_device_is_as_full_as_its_own_link),
		cmocka_unit_test(test_who_asks_for_nothing_takes_nothing_of_a_page_buffer),
		cmocka_unit_test(test_equal_hosts_share_a_page_buffer_evenly),
		cmocka_unit_test(test_who_asks_more_keeps_more_of_a_page_buffer),
		cmocka_unit_test(test_names_are_checked),
		cmocka_unit_test(test_a_host_without_a_share_is_warned_of),
		cmocka_unit_test(test_hosts_are_all_exact_or_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
