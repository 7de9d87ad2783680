/*
 * The share of memory by watched words: programs whose waits are drawn and whose words are used at
 * known times, from the rings of a kernel that is played, through recording and replay, to the
 * report.
 */
#include "play.h"

#include <math.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/warn.h"
#include "report/report.h"
#include "sim/basis.h"
#include "sim/recording.h"
#include "source/evq.h"
#include "wp_double.h"

#define PID   100u
#define IP    0x401000ull
#define AREA  0x10000000ull
#define OTHER 0x7000000000ull
#define ROUND (10 * PLAY_MS)
#define NEVER UINT64_MAX

/* Of words in the first area and in the other: the time between two uses. The synthetic machine has
 * a cache of 16 MiB and more, 20 ns; memory is at 100 ns. */
static uint64_t every_ns[2];

static uint64_t next_use(uint32_t tid, uint64_t addr, uint64_t after_ns)
{
	uint64_t every = every_ns[addr >= OTHER];
	uint64_t phase;

	if (every == NEVER)
		return NEVER;
	phase = cxms_hash_u64(addr + tid) % every;
	return (after_ns + every - phase) / every * every + phase;
}

struct program {
	uint64_t bytes[2];    /* of the areas; the second may be 0 */
	double other;	      /* share of the waits on the second */
	uint64_t reuse_ns[2]; /* of words */
	unsigned place;	      /* words of a line that are waited for: 1 or 8 */
	uint16_t flags;	      /* of the instruction */
	uint32_t threads;
	uint64_t ms;
	uint64_t seed;
};

static uint64_t draw(struct cxms_rng *rng, const struct program *p)
{
	bool other = cxms_rng_unit(rng) < p->other;
	uint64_t line = cxms_rng_below(rng, p->bytes[other] / 64);

	return (other ? OTHER : AREA) + line * 64 + 8 * cxms_rng_below(rng, p->place);
}

/* Ten milliseconds of it: fifty waits of each thread. */
static void run_round(struct play *play, struct cxms_wp_set *set, const struct program *p,
		      uint64_t at_ns, struct cxms_rng *rng)
{
	for (uint64_t i = 0; i < 50; i++) {
		for (uint32_t t = 0; t < p->threads; t++) {
			uint64_t addr = draw(rng, p);

			play_sample(play, PID, PID + t, at_ns + i * 200000, addr >= OTHER, addr);
			assert_int_equal(cxms_wp_sample(set, PID, PID + t, addr, addr >= OTHER), 0);
		}
	}
}

static int record(const struct program *p)
{
	struct wp_double *kernel = calloc(1, sizeof(*kernel));
	struct play play = {.caps = CXMS_SRC_WATCH};
	struct cxms_evq out = {0};
	struct cxms_wp_set set;
	struct cxms_rng rng;
	uint64_t end_ns = p->ms * PLAY_MS;

	assert_non_null(kernel);
	cxms_rng_init(&rng, 1 + p->seed);
	cxms_wp_set_init(&set, &wp_double_ops, kernel, &out, 1 + p->seed);
	kernel->next_ns = next_use;
	every_ns[0] = p->reuse_ns[0];
	every_ns[1] = p->reuse_ns[1];
	for (uint32_t t = 0; t < p->threads; t++)
		play_fork(&play, PID, PID + t, PID, PID, 0);
	play_map(&play, PID, AREA, p->bytes[0]);
	play_area(&play, PID, AREA, p->bytes[0], p->bytes[0], 0);
	if (p->bytes[1]) {
		play_map(&play, PID, OTHER, p->bytes[1]);
		play_area(&play, PID, OTHER, p->bytes[1], p->bytes[1], 0);
	}
	play_site(&play, PID, IP, CXMS_SITE_LOAD, p->flags);
	play_site(&play, PID, IP + 8, CXMS_SITE_LOAD, p->flags);
	for (uint64_t at = 0; at < end_ns; at += ROUND) {
		run_round(&play, &set, p, at, &rng);
		wp_double_advance(kernel, at + ROUND);
		cxms_wp_round(&set);
	}
	cxms_wp_end(&set, end_ns);
	for (size_t i = out.head; i < out.len; i++)
		*play_event(&play, out.ev[i].kind, 0, 0, 0) = out.ev[i];
	for (uint32_t t = 0; t < p->threads; t++) {
		play_run(&play, PID, PID + t, 0, end_ns);
		play_exit(&play, PID, PID + t, end_ns);
	}
	cxms_wp_set_fini(&set);
	cxms_evq_fini(&out);
	free(kernel);
	return play_write(&play, true);
}

static struct cxms_result *replay(const struct program *p, struct cxms_topo **topo)
{
	const double split[] = {100};
	struct cxms_replay_cfg cfg = {.n_topo = 1, .split_pct = split, .n_split = 1, .seed = 1};
	struct cxms_result *r;
	int fd = record(p);

	*topo = play_topology(PLAY_TOPO(100, 200));
	cfg.topo = (const struct cxms_topo *const *)topo;
	r = play_replay(fd, &cfg);
	close(fd);
	return r;
}

static struct cxms_watch_result check(const struct program *p)
{
	struct cxms_topo *topo;
	struct cxms_result *r = replay(p, &topo);
	struct cxms_watch_result w = r->basis.watch;

	cxms_result_free(r);
	cxms_topo_free(topo);
	return w;
}

static bool warns(const struct cxms_result *r)
{
	for (size_t i = 0; i < r->warnings.n; i++)
		if (r->warnings.list[i].code == CXMS_W_WATCHED)
			return true;
	return false;
}

static char *text_of(const struct cxms_result *r)
{
	struct cxms_buf text = {0};
	char *copy;

	cxms_report_text(r, true, &text);
	copy = strdup(cxms_buf_text(&text));
	assert_non_null(copy);
	cxms_buf_fini(&text);
	return copy;
}

/* The same as text when read back from JSON. */
static void check_json(const struct cxms_result *r, const char *text)
{
	struct cxms_buf json = {0}, again = {0};
	struct cxms_cfg *cfg = NULL;
	struct cxms_err err = {0};
	const struct cxms_cfg_node *basis;

	assert_int_equal(cxms_report_json(r, &json, &err), 0);
	assert_int_equal(cxms_cfg_load_yaml_mem("r", json.data, json.len, &cfg, &err), 0);
	assert_true(!strstr(cxms_buf_text(&json), "\"watch\"") == !r->basis.watch.words);
	basis = cxms_cfg_get(cxms_cfg_root(cfg), "basis");
	assert_true(!cxms_cfg_get(basis, "watched") == !r->basis.watch.words);
	assert_int_equal(cxms_report_from_json(cfg, true, &again, &err), 0);
	assert_true(!strstr(text, "watched words") ==
		    !strstr(cxms_buf_text(&again), "watched words"));
	if (r->basis.watch.words)
		assert_memory_equal(strstr(text, "watched  "),
				    strstr(cxms_buf_text(&again), "watched  "), 150);
	cxms_cfg_free(cfg);
	cxms_buf_fini(&json);
	cxms_buf_fini(&again);
}

/* Half of the waits on 1 MiB, half on 1 GiB. */
static const struct program half_and_half = {.bytes = {PLAY_MIB, 1024 * PLAY_MIB},
					     .other = 0.5,
					     .reuse_ns = {650000, NEVER},
					     .place = 1,
					     .flags = CXMS_SITE_CARRIED,
					     .threads = 1,
					     .ms = 10000};

static void test_it_is_right_on_average(void **state)
{
	enum { RUNS = 6 };
	struct program p = half_and_half;
	double mean = 0, width = 0;
	unsigned held = 0;

	(void)state;
	for (p.seed = 1; p.seed <= RUNS; p.seed++) {
		struct cxms_watch_result w = check(&p);

		mean += w.share / RUNS;
		width += (w.share_hi - w.share_lo) / RUNS;
		held += w.share_lo < 0.5 && w.share_hi > 0.5;
		assert_true(w.sampled_lo < w.share_hi && w.share_lo < w.sampled_hi);
	}
	/* about 150 words never used again, and as many others: sqrt(0.25/300) is 0.03, over the
	 * square root of six 0.012 */
	assert_true(fabs(mean - 0.5) < 0.04);
	assert_true(width < 0.15);
	/* nominal 90 %: 3 or fewer of 6 happen in 2 % of the cases */
	assert_true(held >= 4);
}

static void test_half_in_the_cache_half_not(void **state)
{
	struct cxms_topo *topo;
	struct cxms_result *r = replay(&half_and_half, &topo);
	const struct cxms_watch_result *w = &r->basis.watch;
	char *text = text_of(r);

	(void)state;
	assert_true(w->judged > 200 && w->judged < w->words);
	assert_false(warns(r));
	/* and of each instruction */
	for (size_t i = 0; i < r->basis.n_site; i++) {
		const struct cxms_site_result *s = &r->basis.site[i];

		assert_true(s->watch.words > 50);
		assert_true(fabs(s->watch.share - (s->ip != IP)) < 0.02);
	}
	assert_int_equal(r->basis.n_site, 2);
	assert_non_null(strstr(text, "they agree"));
	assert_null(strstr(text, "CONTRADICT"));
	check_json(r, text);
	free(text);
	cxms_result_free(r);
	cxms_topo_free(topo);
}

/* Samples say memory; words that are used again at once contradict, and nothing else changes. */
static void test_contradictions_are_warned_of_and_change_nothing(void **state)
{
	struct program p = {.bytes = {256 * PLAY_MIB},
			    .reuse_ns = {NEVER},
			    .place = 1,
			    .flags = CXMS_SITE_CARRIED,
			    .threads = 1,
			    .ms = 6000};
	struct cxms_topo *topo[2];
	struct cxms_result *r[2];
	char *text;

	(void)state;
	r[0] = replay(&p, &topo[0]);
	p.reuse_ns[0] = 100000;
	r[1] = replay(&p, &topo[1]);
	assert_true(r[0]->basis.watch.share > 0.95);
	assert_false(warns(r[0]));
	assert_true(r[1]->basis.watch.share_hi < 0.1);
	assert_true(r[1]->basis.watch.sampled_lo > 0.5);
	assert_true(warns(r[1]));
	text = text_of(r[1]);
	assert_non_null(strstr(text, "CONTRADICT"));
	check_json(r[1], text);
	free(text);
	assert_true(r[0]->split[0].time_ns == r[1]->split[0].time_ns);
	assert_true(r[0]->basis.dram_stall_ns == r[1]->basis.dram_stall_ns);
	for (int i = 0; i < 2; i++) {
		cxms_result_free(r[i]);
		cxms_topo_free(topo[i]);
	}
}

/*
 * 64 MiB reached at random, eight words a line: each is used every 200 ms, in which 55 MiB of
 * others are; if the uses of the line's words come apart, the line's are 25 ms and 14 MiB apart: in
 * cache.
 */
static void test_a_word_is_an_eighth_of_its_line(void **state)
{
	struct program p = {.bytes = {64 * PLAY_MIB},
			    .reuse_ns = {128 * PLAY_MS},
			    .place = 8,
			    .flags = CXMS_SITE_CARRIED,
			    .threads = 1,
			    .ms = 6000};
	struct cxms_watch_result w = check(&p);

	(void)state;
	assert_true(w.share_lo < 0.1 && w.share < 0.2 && w.share_hi > 0.9);
	/* one pass uses a line at once */
	p.flags = CXMS_SITE_CARRIED | CXMS_SITE_AFFINE;
	w = check(&p);
	assert_true(w.share_lo < 0.1 && w.share > 0.9 && w.share_hi > 0.9);
	/* only one word of each line is waited for */
	p.flags = CXMS_SITE_CARRIED;
	p.place = 1;
	w = check(&p);
	assert_true(w.share_lo > 0.9);
}

/* The other thread may use the line as well: that is not seen. */
static void test_other_threads_may_use_a_line_in_between(void **state)
{
	struct program p = {.bytes = {64 * PLAY_MIB},
			    .reuse_ns = {40 * PLAY_MS},
			    .place = 1,
			    .flags = CXMS_SITE_CARRIED,
			    .threads = 1,
			    .ms = 6000};
	struct cxms_watch_result one = check(&p), four;

	(void)state;
	p.threads = 4;
	p.reuse_ns[0] = 10 * PLAY_MS; /* four threads use as many lines meanwhile */
	four = check(&p);
	assert_true(one.words > 100 && four.words > 400);
	assert_true(fabs(one.share - four.share) < 0.05);
	assert_true(four.share_lo < one.share_lo - 0.1);
}

static void test_uses_that_overlap_bring_more_lines_in_between(void **state)
{
	struct program p = {.bytes = {64 * PLAY_MIB},
			    .reuse_ns = {10 * PLAY_MS},
			    .place = 1,
			    .flags = CXMS_SITE_CARRIED,
			    .threads = 1,
			    .ms = 6000};
	struct cxms_watch_result one = check(&p), any;

	(void)state;
	p.flags = 0; /* nothing tells how many lines pass while one is waited for: 1 to 16 */
	any = check(&p);
	assert_true(one.share_hi < 0.5);
	assert_true(fabs(any.share_lo - one.share_lo) < 0.05);
	assert_true(any.share > one.share + 0.2 && any.share_hi > 0.9);
}

static void test_short_threads_say_nothing(void **state)
{
	struct program p = half_and_half;
	struct cxms_topo *topo;
	struct cxms_result *r;
	char *text;

	(void)state;
	p.ms = 740; /* three times the limit, and less */
	r = replay(&p, &topo);
	assert_true(r->basis.watch.words > 10);
	assert_int_equal(r->basis.watch.judged, 0);
	assert_true(isnan(r->basis.watch.share));
	assert_false(warns(r));
	text = text_of(r);
	assert_non_null(strstr(text, "too few to tell"));
	check_json(r, text);
	free(text);
	cxms_result_free(r);
	cxms_topo_free(topo);
}

static void test_without_watched_words_nothing_is_said(void **state)
{
	struct cxms_topo *topo = play_topology(PLAY_TOPO(100, 200));
	struct cxms_result *r = play("{duration: 300ms, stall: 0.5}", 1, topo, NULL, NULL, 0);
	const struct cxms_topo *const list[] = {topo};
	char *text;

	(void)state;
	r->topo = list; /* that of play() is gone */
	text = text_of(r);
	assert_int_equal(r->basis.watch.words, 0);
	assert_null(strstr(text, "watched"));
	check_json(r, text);
	free(text);
	cxms_result_free(r);
	cxms_topo_free(topo);
}

static void test_watching_costs(void **state)
{
	struct cxms_rec_thread thread = {.run_ns = 1000000};
	struct cxms_rec_watch watch[] = {{.uses = 3}, {.uses = 0}};
	struct cxms_recording rec = {.totals = {.samples = 10, .sample_cost_ns = 1000},
				     .thread = &thread,
				     .n_thread = 1,
				     .watch = watch};

	(void)state;
	assert_true(fabs(cxms_overhead_ratio(&rec) - 0.010) < 1e-9);
	rec.n_watch = 2; /* set and taken back twice, and three uses */
	assert_true(fabs(cxms_overhead_ratio(&rec) - 0.017) < 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_right_on_average),
		cmocka_unit_test(test_half_in_the_cache_half_not),
		cmocka_unit_test(test_contradictions_are_warned_of_and_change_nothing),
		cmocka_unit_test(test_a_word_is_an_eighth_of_its_line),
		cmocka_unit_test(test_other_threads_may_use_a_line_in_between),
		cmocka_unit_test(test_uses_that_overlap_bring_more_lines_in_between),
		cmocka_unit_test(test_short_threads_say_nothing),
		cmocka_unit_test(test_without_watched_words_nothing_is_said),
		cmocka_unit_test(test_watching_costs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
