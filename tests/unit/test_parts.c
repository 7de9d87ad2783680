/* A recursion over the parts of an array in recordings made by hand: two that run toward each other
 * from the ends of each part, as a quicksort's do. */
#include "play.h"

#include <math.h>

#define PID    50u
#define ARRAY  0x100000000000ull
#define BYTES  (64 * PLAY_MIB)
#define PERIOD 6000000u
/* Parts halve so often, to 1 KiB. */
#define LEVELS 16u
/* Or to 32 bytes. */
#define MORE_LEVELS 21u
#define RATE	    8.0 /* bytes a nanosecond, of both */
#define SORTS	    40u
/* Of a wait: the memory's latency in play_write(). */
#define LINE_NS 100.0

enum { UP, DOWN };

struct recursion {
	bool far;   /* what comes down is anywhere in the array */
	bool sweep; /* the array is passed whole each time, and what comes down is near at random */
	bool any;   /* parts come in any order */
	bool moved; /* the code does not tell how it moves: no register counts its turns */
	bool once;  /* places of 8 MiB, one after the other, each line of them once, in any order
		     */
};

struct run {
	struct play p;
	const struct recursion *is;
	uint64_t state, next_ns, n;
	double time_ns;
	uint32_t site[2];
};

static uint64_t draw(struct run *r)
{
	r->state = r->state * 6364136223846793005ull + 1442695040888963407ull;
	return r->state >> 33;
}

static uint32_t site(struct play *p, uint64_t ip, unsigned flags, int64_t stride)
{
	uint32_t id = play_site(p, PID, ip, CXMS_SITE_LOAD, (uint16_t)(CXMS_SITE_LONG | flags));
	struct cxms_site *s = &p->ev[p->n - 1].site;
	s->access_bytes = 8;
	if (!stride && flags & CXMS_SITE_UNEVEN)
		return id;
	s->loop_insns = 20;
	s->loop_ip = 0x4000f0;
	s->count_reg = 4;
	s->base = ip == 0x400100 ? 4 : 5;
	s->step = 8;
	s->stride = stride;
	return id;
}

/* Any word of the line, as recoveries of mispredicted branches fall. */
static void sample(struct run *r, uint64_t up, uint64_t down)
{
	int which = r->n++ % 2 && !r->is->once ? DOWN : UP;
	uint64_t at = which == UP ? up : down;
	if (which == DOWN && r->is->far)
		at = draw(r) * 64 % BYTES;
	if (which == DOWN && r->is->sweep)
		at = (up + draw(r) % (4 * PLAY_MIB)) % BYTES;
	struct cxms_sample *s = play_sample(&r->p, PID, PID, r->next_ns, r->site[which],
					    ARRAY + at / 64 * 64 + draw(r) % 8 * 8);
	s->weight_ns = PERIOD;
	s->flags |= CXMS_SAMPLE_COUNT;
	s->count = ARRAY + up / 8 * 8;
	r->next_ns += PERIOD;
}

/* Times slower than RATE, and fewer sorts. */
static unsigned slower(const struct recursion *is)
{
	return is->any || is->sweep ? 8 : 1;
}

static void pass(struct run *r, uint64_t from, uint64_t bytes, unsigned level)
{
	const double rate = RATE / slower(r->is);
	const double end_ns = r->time_ns + (double)bytes / rate;
	for (; (double)r->next_ns <= end_ns;) {
		uint64_t gone = (uint64_t)(((double)r->next_ns - r->time_ns) * rate / 2);
		sample(r, from + gone, from + bytes - gone);
	}
	r->time_ns = end_ns;
	if (level == (r->is->any ? MORE_LEVELS : LEVELS))
		return;
	if (r->is->sweep) {
		pass(r, from, bytes, level + 1);
		return;
	}
	uint64_t first = r->is->any && draw(r) % 2 ? bytes / 2 : 0;
	pass(r, from + first, bytes / 2, level + 1);
	pass(r, from + (bytes / 2 - first), bytes / 2, level + 1);
}

/* A wait for each line, anywhere in the place it is in. */
static void pass_once(struct run *r)
{
	const uint64_t place = 8 * PLAY_MIB;
	for (unsigned i = 0; i < 4000; i++) {
		uint64_t lines = (uint64_t)((double)r->next_ns / LINE_NS);
		uint64_t at = lines * 64 / place * place + draw(r) % place;
		sample(r, at % BYTES, at % BYTES);
	}
	r->time_ns = (double)r->next_ns;
}

static struct cxms_result *replay(const struct recursion *is)
{
	struct run r = {.is = is, .state = 88172645463325252ull, .next_ns = PERIOD};
	play_fork(&r.p, PID, PID, 0, 0, 0);
	play_map(&r.p, PID, ARRAY, BYTES);
	r.site[UP] = is->moved ? site(&r.p, 0x400100, CXMS_SITE_UNEVEN, 0)
			       : site(&r.p, 0x400100, CXMS_SITE_AFFINE, 8);
	r.site[DOWN] = site(&r.p, 0x400110, 0, 0);
	play_area(&r.p, PID, ARRAY, BYTES, BYTES, BYTES);
	for (unsigned i = 0; i < SORTS / slower(is) && !is->once; i++)
		pass(&r, 0, BYTES, 0);
	if (is->once)
		pass_once(&r);
	uint64_t end_ns = (uint64_t)r.time_ns + PERIOD;
	play_run(&r.p, PID, PID, 0, end_ns);
	play_exit(&r.p, PID, PID, end_ns);
	return play_all_far(play_write(&r.p, true));
}

static const struct cxms_site_result *site_at(const struct cxms_result *r, uint64_t ip)
{
	for (size_t i = 0; i < CXMS_TOP_SITES; i++)
		if (r->basis.site[i].ip == ip)
			return &r->basis.site[i];
	fail_msg("no site at %#llx", (unsigned long long)ip);
	return NULL;
}

static void show(const char *what, const struct cxms_result *r)
{
	const struct cxms_site_result *up = site_at(r, 0x400100), *down = site_at(r, 0x400110);
	print_message("%s: %g (%g .. %g); up: lines %.3f; down: memory %.3f (%.3f .. %.3f)\n", what,
		      r->split[0].slowdown, r->split[0].slowdown_lo, r->split[0].slowdown_hi,
		      up->line_share, down->dram_share, down->dram_share_lo, down->dram_share_hi);
}

/*
 * The LLC holds 16 MiB. In parts of P bytes the two are d apart, anything up to P, and 2 d is more
 * than that in 1 - 8 MiB/P of the time, which is the same for each of 17 halvings: (7/8 + 3/4 +
 * 1/2)/17 = 0.125, of what uses anywhere in the array have.
 */
static void test_parts_that_the_cache_holds_are_no_memory(void **state)
{
	struct cxms_result *near = replay(&(struct recursion){0});
	struct cxms_result *far = replay(&(struct recursion){.far = true});
	(void)state;
	show("near", near);
	show("far", far);
	/* most lines come ahead of who goes up, and the branches' recoveries fall on any word */
	assert_true(site_at(near, 0x400100)->line_share < 0.06);
	double part = site_at(near, 0x400110)->dram_share / site_at(far, 0x400110)->dram_share;
	assert_true(fabs(part - 0.125) < 0.05);
	assert_true(near->split[0].slowdown - 1 < 0.45 * (far->split[0].slowdown - 1));
	/* the high end holds what it would be if none of it were near */
	assert_true(near->split[0].slowdown_hi > 0.9 * far->split[0].slowdown);
	cxms_result_free(near);
	cxms_result_free(far);
}

/* Who goes round, in 11 samples, comes again to what the cache has lost: what is near it misses as
 * before. */
static void test_sweeps_are_no_parts(void **state)
{
	struct cxms_result *r = replay(&(struct recursion){.sweep = true});
	(void)state;
	show("sweeps", r);
	assert_true(site_at(r, 0x400110)->dram_share > 0.7);
	cxms_result_free(r);
}

/* The smaller part first, or whichever: the walk goes back as often as on, but hardly ever far. */
static void test_parts_may_come_in_any_order(void **state)
{
	struct cxms_result *any = replay(&(struct recursion){.any = true});
	struct cxms_result *moved = replay(&(struct recursion){.any = true, .moved = true});
	(void)state;
	show("any order", any);
	show("any order, no register", moved);
	assert_true(site_at(any, 0x400100)->line_share < 0.1);
	assert_true(site_at(moved, 0x400100)->line_share < 0.1);
	/* whichever it is: the high end stays */
	assert_true(any->split[0].slowdown_hi > 1.5 && moved->split[0].slowdown_hi > 1.5);
	cxms_result_free(any);
	cxms_result_free(moved);
}

/* Who comes to each line of a place once, in any order, is near as well, and waits for each: also
 * in short runs whose register the code counts. */
static void test_near_places_that_are_new_are_memory(void **state)
{
	(void)state;
	for (int moved = 0; moved < 2; moved++) {
		struct cxms_result *r = replay(&(struct recursion){.once = true, .moved = moved});
		print_message("once: %g, memory %.3f, lines %.3f\n", r->split[0].slowdown,
			      site_at(r, 0x400100)->dram_share, site_at(r, 0x400100)->line_share);
		assert_true(site_at(r, 0x400100)->line_share > 0.9);
		assert_true(site_at(r, 0x400100)->dram_share > 0.7);
		cxms_result_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_that_the_cache_holds_are_no_memory),
		cmocka_unit_test(test_sweeps_are_no_parts),
		cmocka_unit_test(test_parts_may_come_in_any_order),
		cmocka_unit_test(test_near_places_that_are_new_are_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
