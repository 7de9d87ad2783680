/*
 * What every replay must hold, on random synthetic programs and random topologies. A failing case
 * prints its pattern and its topologies; the seed can be given as argument.
 */
#include "play.h"

#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/rng.h"
#include "report/report.h"
#include "sim/solve.h"

#define DEFAULT_SEED 20250607u
/* Sanitized runs take twenty times as long. */
#ifdef CXMS_SANITIZED
#define CASES 36u
#else
#define CASES 240u
#endif
#define MAX_DEV 8
#define N_SPLIT 5
/*
 * Threads of one program share its servers: one that waits for a slow device leaves room to one
 * that does not, and the last to end may gain (seen: 1.4 %). A lone thread never gains.
 */
#define NEIGHBOURS 0.03
/*
 * The closed loop stops at a relative residual of 1e-6 of the latencies, and each of the two
 * compared solutions may lie on the far side of its own.
 */
#define TOLERANCE 4e-6
/*
 * A policy that ranks is judged on halves of the samples, each against its own all-local time; a
 * bridge bounds these too, and not all by the same share.
 */
#define HALVES 1e-4

static const double splits[N_SPLIT] = {100, 75, 50, 25, 0};
static uint64_t seed = DEFAULT_SEED;

/* A topology as figures, so that one of them can be changed. */
struct dev {
	bool memdev;
	int upstream; /* -1: host */
	uint64_t latency_ps, link_latency_ps;
	unsigned gen, width, flit_256;
	uint64_t read, write, total; /* MB/s, 0 = unlimited */
	unsigned model;		     /* 0 = none stated, 1 = fixed, 2 = queue */
	unsigned channels, turnaround_ns;
};
struct net {
	int n;
	struct dev dev[MAX_DEV];
	uint64_t local_ps, local_total;
	unsigned mshrs, rob;
	uint64_t bridge;	  /* MB/s, 0 = unlimited */
	unsigned granularity_log; /* of one region over all memdevs; 0 = the default region */
};

struct trial {
	unsigned number;
	char pattern[400];
	struct cxms_buf text[8]; /* topologies */
	size_t n_text;
	int fd;
	struct cxms_result *result; /* all topologies, two policies */
	double slack;		    /* of times that are compared, relative */
	bool bridged;		    /* the bridge of the host is bounded */
};

static void fail_trial(struct trial *t, size_t topo, const char *what, double a, double b)
{
	print_error("seed %llu, case %u, pattern %s\n", (unsigned long long)seed, t->number,
		    t->pattern);
	print_error("topology:\n%s", cxms_buf_text(&t->text[0]));
	if (topo)
		print_error("against:\n%s", cxms_buf_text(&t->text[topo]));
	fail_msg("%s: %.12g, %.12g", what, a, b);
}

static uint64_t between(struct cxms_rng *rng, uint64_t lo, uint64_t hi)
{
	return lo + cxms_rng_below(rng, hi - lo + 1);
}

static bool chance(struct cxms_rng *rng, double p)
{
	return cxms_rng_unit(rng) < p;
}

static const char *any_word(struct cxms_rng *rng, const char *const *words, size_t n)
{
	return words[cxms_rng_below(rng, n)];
}

static void make_pattern(struct cxms_rng *rng, struct trial *t)
{
	static const char *const access[] = {"chase", "stream", "random"};
	bool huge = chance(rng, 0.5);
	uint64_t threads = chance(rng, 0.5) ? 1 : between(rng, 2, 6);
	double stall = cxms_rng_unit(rng), kernel = chance(rng, 0.5) ? 0.3 * (1 - stall) : 0;
	char second[80] = "";
	if (chance(rng, 0.4))
		snprintf(second, sizeof(second), "footprint2: %lluKiB, share2: %.3f, ",
			 (unsigned long long)between(rng, 64, huge ? 200000 : 40000),
			 cxms_rng_unit(rng));
	snprintf(t->pattern, sizeof(t->pattern),
		 "{threads: %llu, duration: %lluus, stall: %.4f, kernel: %.4f, blocked: %.2f, "
		 "footprint: %lluMiB, %spage: %s, access: %s, loop: %llu, faults: %s, exact: %s}",
		 (unsigned long long)threads, (unsigned long long)between(rng, 20000, 250000),
		 stall, kernel, chance(rng, 0.5) ? 0 : 0.9 * cxms_rng_unit(rng),
		 (unsigned long long)between(rng, 1, huge ? 600 : 80), second,
		 huge ? "2MiB" : "4KiB", any_word(rng, access, 3),
		 (unsigned long long)between(rng, 0, 300), chance(rng, 0.8) ? "true" : "false",
		 chance(rng, 0.5) ? "true" : "false");
	t->slack = threads > 1 ? NEIGHBOURS : TOLERANCE;
}

static uint64_t any_rate(struct cxms_rng *rng)
{
	return chance(rng, 0.3) ? 0 : between(rng, 300, 60000);
}

static struct dev any_dev(struct cxms_rng *rng, bool memdev, int upstream)
{
	struct dev d = {.memdev = memdev, .upstream = upstream};
	d.latency_ps = memdev ? between(rng, 120000, 800000) : between(rng, 10000, 300000);
	if (chance(rng, 0.8)) {
		d.gen = (unsigned)between(rng, 4, 7);
		d.width = 1u << cxms_rng_below(rng, 5);
		d.flit_256 = (unsigned)cxms_rng_below(rng, 2);
		d.link_latency_ps = chance(rng, 0.5) ? 0 : between(rng, 1000, 60000);
	}
	d.read = any_rate(rng);
	d.write = any_rate(rng);
	d.total = any_rate(rng);
	if (memdev) {
		d.model = (unsigned)cxms_rng_below(rng, 3);
		d.channels = 1u << cxms_rng_below(rng, 4);
		if (d.model == 2 && !d.total) /* its channels have a rate to share */
			d.total = between(rng, 300, 60000);
		d.turnaround_ns = (unsigned)cxms_rng_below(rng, 20);
	}
	return d;
}

static struct net any_net(struct cxms_rng *rng)
{
	struct net n = {.local_ps = between(rng, 80000, 130000),
			.local_total = chance(rng, 0.5) ? 0 : between(rng, 5000, 300000),
			.mshrs = (unsigned)between(rng, 4, 48),
			.rob = (unsigned)between(rng, 32, 1024),
			.bridge = chance(rng, 0.7) ? 0 : between(rng, 1000, 100000)};
	if (chance(rng, 0.5))
		n.granularity_log = 8 + (unsigned)cxms_rng_below(rng, 7);
	int n_switch = (int)cxms_rng_below(rng, 4), n_memdev = (int)between(rng, 1, 3);
	for (int i = 0; i < n_switch; i++)
		n.dev[n.n++] = any_dev(rng, false, (int)cxms_rng_below(rng, (uint64_t)i + 1) - 1);
	for (int i = 0; i < n_memdev; i++)
		n.dev[n.n++] =
			any_dev(rng, true, (int)cxms_rng_below(rng, (uint64_t)n_switch + 1) - 1);
	return n;
}

static void put_rate(struct cxms_buf *b, const char *key, uint64_t mb_per_s)
{
	if (mb_per_s)
		cxms_buf_printf(b, "%s: %lluMB/s", key, (unsigned long long)mb_per_s);
	else
		cxms_buf_printf(b, "%s: unlimited", key);
}

static void put_dev(struct cxms_buf *b, const struct net *n, int i)
{
	const struct dev *d = &n->dev[i];
	char upstream[16] = "host";
	if (d->upstream >= 0)
		snprintf(upstream, sizeof(upstream), "d%d", d->upstream);
	cxms_buf_printf(b, "  d%d: {type: %s, upstream: %s, latency: %llups, ", i,
			d->memdev ? "memdev" : "switch", upstream,
			(unsigned long long)d->latency_ps);
	if (d->gen)
		cxms_buf_printf(b, "link: {gen: %u, width: %u, flit: %s, latency: %llups}, ",
				d->gen, d->width, d->flit_256 ? "256B" : "68B",
				(unsigned long long)d->link_latency_ps);
	cxms_buf_printf(b, "bandwidth: {");
	put_rate(b, "read", d->read);
	put_rate(b, ", write", d->write);
	put_rate(b, ", total", d->total);
	cxms_buf_printf(b, "}");
	if (d->model == 1)
		cxms_buf_printf(b, ", model: fixed");
	if (d->model == 2)
		cxms_buf_printf(b, ", model: {type: queue, channels: %u, turnaround: %uns}",
				d->channels, d->turnaround_ns);
	cxms_buf_printf(b, "%s}\n", d->memdev ? ", capacity: 4096GiB" : "");
}

static void put_region(struct cxms_buf *b, const struct net *n)
{
	const char *comma = "";
	cxms_buf_printf(b, "regions:\n  - {name: r, granularity: %uB, targets: [",
			1u << n->granularity_log);
	for (int i = 0; i < n->n; i++)
		if (n->dev[i].memdev) {
			cxms_buf_printf(b, "%sd%d", comma, i);
			comma = ", ";
		}
	cxms_buf_printf(b, "]}\n");
}

static size_t put_net(struct trial *t, const struct net *n)
{
	struct cxms_buf *b = &t->text[t->n_text];
	assert_true(t->n_text < PLAY_COUNT(t->text));
	cxms_buf_printf(b, "schema: 1\nhost:\n  cpu: {l1d_mshrs: %u, rob: %u}\n  local: {latency: ",
			n->mshrs, n->rob);
	cxms_buf_printf(b, "%llups, bandwidth: {", (unsigned long long)n->local_ps);
	put_rate(b, "total", n->local_total);
	cxms_buf_printf(b, "}}\n  bridge: {bandwidth: {");
	put_rate(b, "total", n->bridge);
	cxms_buf_printf(b, "}}\ndevices:\n");
	for (int i = 0; i < n->n; i++)
		put_dev(b, n, i);
	if (n->granularity_log)
		put_region(b, n);
	return t->n_text++;
}

/* One latency of the topology becomes larger. */
static struct net slower(struct cxms_rng *rng, const struct net *n)
{
	struct net s = *n;
	struct dev *d = &s.dev[cxms_rng_below(rng, (uint64_t)s.n)];
	uint64_t by = between(rng, 1, 300000);
	if (d->gen && chance(rng, 0.4))
		d->link_latency_ps += by;
	else
		d->latency_ps += by;
	return s;
}

/* One bandwidth becomes larger: of a device, or of a link by width or generation. */
static struct net wider(struct cxms_rng *rng, const struct net *n)
{
	struct net s = *n;
	struct dev *d = &s.dev[cxms_rng_below(rng, (uint64_t)s.n)];
	uint64_t *rate[] = {&d->read, &d->write, &d->total};
	if (s.bridge && chance(rng, 0.5)) {
		s.bridge = chance(rng, 0.2) ? 0 : s.bridge + between(rng, 1, 50000);
		return s;
	}
	uint64_t *r = rate[cxms_rng_below(rng, 3)];
	if (d->gen && d->width < 16 && chance(rng, 0.4))
		d->width *= 2;
	else if (d->gen && d->gen < 7 && chance(rng, 0.4))
		d->gen++;
	else
		*r = chance(rng, 0.2) && d->model != 2 ? 0 : *r + (*r ? between(rng, 1, 50000) : 0);
	return s;
}

/* A switch with no bound of its own between the last memdev and its upstream. */
static struct net one_more_hop(const struct net *n)
{
	struct net s = *n;
	s.dev[s.n] = (struct dev){.upstream = s.dev[s.n - 1].upstream, .latency_ps = 20000};
	s.dev[s.n - 1].upstream = s.n;
	s.n++;
	return s;
}

static void replay_all(struct trial *t, const char *const policy[2])
{
	struct cxms_topo *topo[8];
	for (size_t i = 0; i < t->n_text; i++)
		topo[i] = play_topology(cxms_buf_text(&t->text[i]));
	const struct cxms_replay_cfg cfg = {.topo = (const struct cxms_topo *const *)topo,
					    .n_topo = t->n_text,
					    .policy = policy,
					    .n_policy = 2,
					    .split_pct = splits,
					    .n_split = N_SPLIT,
					    .seed = t->number,
					    .blocked = t->number % 3 ? CXMS_BLOCKED_STRETCH
								     : CXMS_BLOCKED_KEEP};
	struct cxms_buf text[2] = {{0}, {0}};
	struct cxms_err err = {0};
	for (int run = 0; run < 2; run++) {
		struct cxms_result *r = play_replay(t->fd, &cfg);
		assert_int_equal(cxms_report_json(r, &text[run], &err), 0);
		if (run == 0)
			t->result = r;
		else
			cxms_result_free(r);
	}
	if (text[0].len != text[1].len || memcmp(text[0].data, text[1].data, text[0].len))
		fail_trial(t, 0, "two replays differ", (double)text[0].len, (double)text[1].len);
	cxms_buf_fini(&text[0]);
	cxms_buf_fini(&text[1]);
	/* result->topo stays borrowed: no property below reads it */
	for (size_t i = 0; i < t->n_text; i++)
		cxms_topo_free(topo[i]);
}

static const struct cxms_split_result *split_at(const struct trial *t, size_t topo, size_t policy,
						size_t split)
{
	return &t->result->split[(topo * 2 + policy) * N_SPLIT + split];
}

static void check_all_local(struct trial *t, size_t topo, const struct cxms_split_result *s)
{
	double off = fabs(s->slowdown - 1) + fabs(s->slowdown_lo - 1) + fabs(s->slowdown_hi - 1) +
		     s->sampling_half_width + s->model_half_width;
	if (off > 0)
		fail_trial(t, topo, "all local is not exactly 1", s->slowdown, off);
}

static void check_row(struct trial *t, size_t topo, const struct cxms_split_result *s)
{
	uint64_t causes = 0, bytes = 0;
	for (int c = 0; c < CXMS_CAUSE_COUNT; c++)
		causes += s->causes_ns[c];
	if (causes != s->time_ns)
		fail_trial(t, topo, "causes do not sum to the time", (double)causes,
			   (double)s->time_ns);
	if (!(s->slowdown_lo <= s->slowdown && s->slowdown <= s->slowdown_hi))
		fail_trial(t, topo, "the interval misses its middle", s->slowdown_lo,
			   s->slowdown_hi);
	if (!(s->sampling_half_width >= 0 && s->model_half_width >= 0 && s->slowdown_lo >= 0))
		fail_trial(t, topo, "negative width", s->sampling_half_width, s->model_half_width);
	for (size_t i = 0; i < s->n_target; i++) {
		bytes += s->target[i].bytes;
		if (!(s->target[i].utilization_ratio <= 1 + 1e-9))
			fail_trial(t, topo, "a target is used above its capacity", (double)i,
				   s->target[i].utilization_ratio);
		if (!(s->target[i].loaded_latency_ns >= s->target[i].idle_latency_ns * (1 - 1e-12)))
			fail_trial(t, topo, "loaded latency below idle", (double)i,
				   s->target[i].loaded_latency_ns);
	}
	for (size_t i = 0; i < s->n_server; i++)
		if (!(s->server[i].utilization_ratio <= 1 + CXMS_SOLVE_RESIDUAL))
			fail_trial(t, topo, "a server is used above its capacity over the run",
				   (double)i, s->server[i].utilization_ratio);
	if (bytes != t->result->basis.footprint_bytes)
		fail_trial(t, topo, "bytes over targets are not the touched bytes", (double)bytes,
			   (double)t->result->basis.footprint_bytes);
	if (!(s->worst_residual <= 1e-3))
		fail_trial(t, topo, "not converged", s->worst_residual, 0);
}

static double lines_of(const struct cxms_split_result *s)
{
	double sum = 0;
	for (size_t i = 0; i < s->n_target; i++)
		sum += (double)s->target[i].reads;
	return sum;
}

/* Rows are rounded to whole lines per target: half a line each. */
static void check_lines(struct trial *t, size_t topo, const struct cxms_split_result *s,
			const struct cxms_split_result *all_local)
{
	double want = lines_of(all_local), got = lines_of(s);
	if (fabs(got - want) > 1e-9 * want + (double)s->n_target)
		fail_trial(t, topo, "lines are not conserved over the split", got, want);
}

static void check_rows(struct trial *t)
{
	for (size_t topo = 0; topo < t->n_text; topo++)
		for (size_t p = 0; p < 2; p++)
			for (size_t k = 0; k < N_SPLIT; k++) {
				const struct cxms_split_result *s = split_at(t, topo, p, k);
				if (k == 0)
					check_all_local(t, topo, s);
				check_row(t, topo, s);
				check_lines(t, topo, s, split_at(t, topo, p, 0));
			}
	if (t->result->status != CXMS_STATUS_COMPLETE)
		fail_trial(t, 0, "self-check failed", (double)t->result->status, 0);
}

/* Of several threads the bias of their maxima is taken off, which keeps no order (adr/0050): as
 * 16 pairs of draws tell it, to sd/(4 (sqrt(2) - 1)) or better, of an interval of 1.694 sd to
 * either side. */
static double chance_of(const struct trial *t, const struct cxms_split_result *s)
{
	return t->slack > TOLERANCE ? 0.36 * s->sampling_half_width / s->slowdown : 0;
}

/* Topology @low against the first one: never slower in any row. */
static void check_order(struct trial *t, size_t low, size_t high, const char *what)
{
	size_t other = low ? low : high;
	for (size_t p = 0; p < 2; p++)
		for (size_t k = 0; k < N_SPLIT; k++) {
			const struct cxms_split_result *a = split_at(t, low, p, k);
			const struct cxms_split_result *b = split_at(t, high, p, k);
			double ta = (double)a->time_ns, tb = (double)b->time_ns;
			double slack = p && t->bridged ? fmax(t->slack, HALVES) : t->slack;
			slack += fmax(chance_of(t, a), chance_of(t, b));
			if (ta > tb * (1 + slack) + 2)
				fail_trial(t, other, what, ta, tb);
			/* the bridge bounds local memory as well: what slowdowns are measured
			   against is then not the same */
			if (!t->bridged && a->slowdown > b->slowdown * (1 + slack) + 1e-9)
				fail_trial(t, other, what, a->slowdown, b->slowdown);
		}
}

/* The hop stands before the last memdev: it costs wherever that one is waited for and not full. */
static void check_hop(struct trial *t, size_t topo)
{
	check_order(t, 0, topo, "another hop made it faster");
	for (size_t p = 0; p < 2; p++)
		for (size_t k = 0; k < N_SPLIT; k++) {
			const struct cxms_split_result *a = split_at(t, 0, p, k);
			const struct cxms_split_result *b = split_at(t, topo, p, k);
			const struct cxms_target_result *ta = &a->target[a->n_target - 1];
			const struct cxms_target_result *tb = &b->target[b->n_target - 1];
			if (ta->stall_ns > 0 && ta->utilization_ratio < 0.9 &&
			    !(tb->stall_ns > ta->stall_ns))
				fail_trial(t, topo, "another hop costs nothing", ta->stall_ns,
					   tb->stall_ns);
		}
}

static void trial_fini(struct trial *t)
{
	for (size_t i = 0; i < t->n_text; i++)
		cxms_buf_fini(&t->text[i]);
	cxms_result_free(t->result);
	close(t->fd);
}

static void test_every_replay_holds(void **state)
{
	static const char *const others[] = {"first-touch", "hot-local", "cold-local"};
	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (unsigned i = 0; i < CASES; i++) {
		struct trial t = {.number = i};
		struct cxms_rng rng;
		cxms_rng_init(&rng, cxms_hash_u64(seed) + i);
		make_pattern(&rng, &t);
		struct net net = any_net(&rng), slow = slower(&rng, &net), wide = wider(&rng, &net),
			   hop = one_more_hop(&net);
		const char *const policy[2] = {"page-interleave", any_word(&rng, others, 3)};
		t.bridged = net.bridge;
		(void)put_net(&t, &net);
		size_t slow_at = put_net(&t, &slow), wide_at = put_net(&t, &wide),
		       hop_at = put_net(&t, &hop);
		t.fd = play_record(t.pattern, i);
		replay_all(&t, policy);
		check_rows(&t);
		check_order(&t, 0, slow_at, "more latency made it faster");
		check_order(&t, wide_at, 0, "more bandwidth made it slower");
		check_hop(&t, hop_at);
		trial_fini(&t);
	}
}

/*
 * Two or three random programs on hosts of their own: whatever they do to each other, all local is
 * exactly 1, the checks of every solution hold, and company is never a help beyond what threads of
 * one program may gain from each other.
 */
static void test_hosts_never_help_each_other(void **state)
{
	static const char *const names[] = {"a", "b", "c"}, *const policy[] = {"page-interleave"};
	static const double pct[] = {100, 30};
	unsigned met = 0;
	(void)state;
	for (unsigned i = 0; i < CASES / 3; i++) {
		struct cxms_host_trace host[3];
		struct trial t = {.number = i};
		struct cxms_result *r = NULL;
		struct cxms_err err = {0};
		struct cxms_rng rng;
		int fd[3];
		cxms_rng_init(&rng, cxms_hash_u64(seed + 3) + i);
		struct net net = any_net(&rng);
		size_t n = 2 + cxms_rng_below(&rng, 2);
		(void)put_net(&t, &net);
		struct cxms_topo *topo = play_topology(cxms_buf_text(&t.text[0]));
		for (size_t k = 0; k < n; k++) {
			make_pattern(&rng, &t);
			fd[k] = play_record(t.pattern, i + k);
			host[k].name = names[k];
			assert_int_equal(
				cxms_trace_reader_open_fd(fd[k], "memory", &host[k].reader, NULL),
				0);
		}
		const struct cxms_topo *const list[] = {topo};
		const struct cxms_replay_cfg cfg = {.topo = list,
						    .n_topo = 1,
						    .policy = policy,
						    .n_policy = 1,
						    .split_pct = pct,
						    .n_split = 2,
						    .seed = i};
		if (cxms_replay_hosts(host, n, &cfg, &r, &err))
			fail_msg("case %u: %s", i, err.msg);
		if (r->status != CXMS_STATUS_COMPLETE)
			fail_trial(&t, 0, "self-check failed", (double)r->status, (double)n);
		for (size_t k = 0; k < n; k++) {
			const struct cxms_tenant_result *all = &r->split[0].tenant[k],
							*some = &r->split[1].tenant[k];
			if (fabs(all->slowdown - 1) + fabs(all->contention_ratio - 1) > 0)
				fail_trial(&t, 0, "all local is not exactly 1", all->slowdown,
					   all->contention_ratio);
			if (!(some->slowdown_lo <= some->slowdown &&
			      some->slowdown <= some->slowdown_hi && some->slowdown_lo >= 0))
				fail_trial(&t, 0, "the interval misses its middle",
					   some->slowdown_lo, some->slowdown_hi);
			if (!(some->contention_ratio > 1 - NEIGHBOURS))
				fail_trial(&t, 0, "company helps", some->contention_ratio,
					   (double)k);
			met += some->contention_ratio > 1.05;
			cxms_trace_reader_close(host[k].reader);
			close(fd[k]);
		}
		cxms_buf_fini(&t.text[0]);
		cxms_result_free(r);
		cxms_topo_free(topo);
	}
	print_message("%u hosts met another one\n", met);
	assert_true(met > CASES / 48);
}

/* What is taken off for the maximum over threads has an error, which the interval holds. */
static double slack_of(const struct trial *t, const struct cxms_split_result *a,
		       const struct cxms_split_result *b)
{
	double width =
		t->slack > TOLERANCE ? hypot(a->sampling_half_width, b->sampling_half_width) : 0;
	return width + a->slowdown * TOLERANCE;
}

/* Identical memdevs, slower than local memory and not bounded: more local is never slower. */
static void test_more_local_is_never_slower(void **state)
{
	static const char *const policy[2] = {"page-interleave", "first-touch"};
	(void)state;
	for (unsigned i = 0; i < CASES / 3; i++) {
		struct trial t = {.number = i};
		struct net net = {.local_ps = 100000, .mshrs = 16, .rob = 512};
		struct cxms_rng rng;
		cxms_rng_init(&rng, cxms_hash_u64(seed) - i);
		make_pattern(&rng, &t);
		uint64_t latency = between(&rng, 101000, 900000);
		net.n = (int)between(&rng, 1, 4);
		for (int k = 0; k < net.n; k++)
			net.dev[k] =
				(struct dev){.memdev = true, .upstream = -1, .latency_ps = latency};
		(void)put_net(&t, &net);
		t.fd = play_record(t.pattern, i);
		replay_all(&t, policy);
		check_rows(&t);
		for (size_t k = 0; k < 2 * N_SPLIT; k++) /* nothing is faster anywhere */
			if (t.result->split[k].slowdown_lo < 1)
				fail_trial(&t, 0, "the interval has a gain",
					   t.result->split[k].slowdown_lo,
					   t.result->split[k].slowdown);
		for (size_t p = 0; p < 2; p++)
			for (size_t k = 1; k < N_SPLIT; k++) {
				const struct cxms_split_result *more = split_at(&t, 0, p, k - 1);
				const struct cxms_split_result *less = split_at(&t, 0, p, k);
				if (less->slowdown < more->slowdown - slack_of(&t, more, less))
					fail_trial(&t, 0, "less local is faster", less->slowdown,
						   more->slowdown);
			}
		trial_fini(&t);
	}
}

static uint64_t wild(struct cxms_rng *rng)
{
	uint64_t bits = cxms_rng_u64(rng) >> cxms_rng_below(rng, 64);
	return chance(rng, 0.2) ? UINT64_MAX - bits : bits;
}

static uint32_t few(struct cxms_rng *rng)
{
	return (uint32_t)cxms_rng_below(rng, 6);
}

/* Any event with any numbers; sites are numbered as they should be, most of the time. */
static void wild_event(struct cxms_rng *rng, struct play *p, uint64_t *now_ns)
{
	static const uint64_t steps[] = {0, 1000, 100000, 5000000};
	if (chance(rng, 0.98))
		*now_ns += cxms_rng_below(rng, steps[cxms_rng_below(rng, 4)] + 1);
	uint32_t pid = few(rng), tid = chance(rng, 0.5) ? pid : few(rng);
	/* years of epochs take seconds to evaluate: few cases have them */
	uint64_t at_ns = chance(rng, 0.0001) ? wild(rng) : *now_ns;
	struct cxms_event *ev =
		play_event(p, (enum cxms_event_kind)between(rng, 1, CXMS_EV_LOST), pid, tid, at_ns);
	switch (ev->kind) {
	case CXMS_EV_SAMPLE:
		(void)play_sample(p, pid, tid, at_ns, chance(rng, 0.1) ? (uint32_t)wild(rng) : 0,
				  wild(rng));
		p->ev[p->n - 1].sample.weight_ns = (uint32_t)wild(rng);
		p->ev[p->n - 1].sample.flags = (uint16_t)cxms_rng_below(rng, 16);
		break;
	case CXMS_EV_FAULT:
		ev->fault.addr = wild(rng);
		break;
	case CXMS_EV_RUN:
		ev->run.dur_ns = chance(rng, 0.001) ? wild(rng) : cxms_rng_below(rng, 10000000);
		ev->run.end = (uint8_t)cxms_rng_below(rng, 4);
		break;
	case CXMS_EV_FORK:
		ev->fork.parent_pid = few(rng);
		ev->fork.parent_tid = few(rng);
		break;
	case CXMS_EV_EXEC:
		ev->exec.name = "wild";
		break;
	case CXMS_EV_MAP:
		ev->map.addr = wild(rng);
		ev->map.len = wild(rng);
		ev->map.path = "";
		break;
	case CXMS_EV_AREA:
		ev->area.addr = wild(rng);
		ev->area.len = wild(rng);
		ev->area.resident_bytes = wild(rng) >> 8;
		ev->area.huge_bytes = wild(rng);
		break;
	case CXMS_EV_SITE:
		ev->site.id = chance(rng, 0.01) ? (uint32_t)wild(rng) : p->n_site++;
		ev->site.ip = wild(rng);
		ev->site.kind = (uint8_t)cxms_rng_below(rng, CXMS_SITE_UNDECODED + 1);
		ev->site.flags = (uint16_t)wild(rng);
		ev->site.loop_insns = (uint16_t)wild(rng);
		break;
	default:
		ev->lost.count = chance(rng, 0.5) ? cxms_rng_below(rng, 100) : wild(rng);
		ev->lost.cpu = (uint16_t)cxms_rng_below(rng, 300);
		ev->lost.what = (uint8_t)cxms_rng_below(rng, 3);
		break;
	}
}

static void check_wild(unsigned number, const struct cxms_result *r)
{
	for (size_t i = 0; i < r->n_split; i++) {
		const struct cxms_split_result *s = &r->split[i];
		uint64_t sum = 0;
		for (int c = 0; c < CXMS_CAUSE_COUNT; c++)
			sum += s->causes_ns[c];
		if (sum != s->time_ns || !isfinite(s->slowdown) || !isfinite(s->slowdown_hi) ||
		    !(s->slowdown_lo <= s->slowdown && s->slowdown <= s->slowdown_hi))
			fail_msg("seed %llu, wild case %u, split %zu: %g .. %g .. %g",
				 (unsigned long long)seed, number, i, s->slowdown_lo, s->slowdown,
				 s->slowdown_hi);
	}
}

/* Whatever a recording says, the answer is a result or an error. */
static void test_wild_recordings_are_survived(void **state)
{
	static const char *const policy[] = {"page-interleave", "hot-local"};
	struct cxms_topo *topo = play_topology(PLAY_TOPO(100, 300));
	const struct cxms_topo *const list[] = {topo};
	unsigned judged = 0;
	(void)state;
	for (unsigned i = 0; i < CASES / 12; i++) {
		struct cxms_replay_cfg cfg = {.topo = list,
					      .n_topo = 1,
					      .policy = policy,
					      .n_policy = 2,
					      .split_pct = splits,
					      .n_split = N_SPLIT,
					      .seed = i};
		struct cxms_trace_reader *reader = NULL;
		struct cxms_result *r = NULL;
		struct play p = {0};
		struct cxms_rng rng;
		uint64_t now_ns = 0;
		cxms_rng_init(&rng, cxms_hash_u64(seed + 7) + i);
		for (unsigned k = 0; k < 200; k++)
			wild_event(&rng, &p, &now_ns);
		int fd = play_write(&p, chance(&rng, 0.8));
		assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &reader, NULL), 0);
		int rc = cxms_replay(reader, &cfg, &r, NULL);
		if (rc == 0)
			check_wild(i, r);
		judged += rc == 0;
		cxms_result_free(r);
		cxms_trace_reader_close(reader);
		close(fd);
	}
	print_message("%u of %u wild recordings gave a result\n", judged, CASES / 12);
	cxms_topo_free(topo);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_replay_holds),
		cmocka_unit_test(test_hosts_never_help_each_other),
		cmocka_unit_test(test_more_local_is_never_slower),
		cmocka_unit_test(test_wild_recordings_are_survived),
	};
	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
