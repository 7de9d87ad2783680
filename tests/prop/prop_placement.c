/* Placement over random histories: areas and pages against naive models, policies by their laws. */
#include "play.h"

#include "base/rng.h"
#include "place/areas.h"
#include "place/pages.h"
#include "policy/policy.h"

static uint64_t seed = 20250801;

/* Naive model of areas: one entry per unit of a small address range, per space. */
#define UNITS	   64u
#define UNIT	   4096ull
#define FIRST	   0x40000000ull /* one aligned GiB, so unmapped addresses share an area per gap */
#define MAX_SPACES 200u

struct naive {
	uint32_t area[MAX_SPACES][UNITS]; /* UINT32_MAX: unmapped */
};

static bool naive_is_one(const uint32_t *row, unsigned from, unsigned to)
{
	/* exactly one area, contiguous and wholly inside [from, to) */
	uint32_t id = UINT32_MAX;
	for (unsigned i = from; i < to; i++) {
		if (row[i] == UINT32_MAX)
			continue;
		if (id != UINT32_MAX && row[i] != id)
			return false;
		if (id != UINT32_MAX && row[i - 1] != id)
			return false;
		id = row[i];
	}
	if (id == UINT32_MAX)
		return false;
	return !(from > 0 && row[from - 1] == id && row[from] == id) &&
	       !(to < UNITS && row[to] == id && row[to - 1] == id);
}

static bool naive_is_inside(const uint32_t *row, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		if (row[i] == UINT32_MAX || row[i] != row[from])
			return false;
	return true;
}

static void naive_map(uint32_t *row, unsigned from, unsigned to, uint32_t fresh)
{
	uint32_t id = fresh;
	if (naive_is_inside(row, from, to))
		return;
	if (naive_is_one(row, from, to))
		for (unsigned i = from; i < to; i++)
			if (row[i] != UINT32_MAX)
				id = row[i];
	for (unsigned i = from; i < to; i++)
		row[i] = id;
}

static void test_areas_follow_a_naive_model(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		static struct naive model;
		struct cxms_areas *a = NULL;
		struct cxms_rng rng;
		uint32_t space[4], n_space = 4;
		cxms_rng_init(&rng, cxms_hash_u64(seed) + round);
		memset(&model, 0xff, sizeof(model));
		assert_int_equal(cxms_areas_new(&a, NULL), 0);
		for (uint32_t pid = 0; pid < 4; pid++)
			assert_int_equal(cxms_areas_space(a, pid, &space[pid], NULL), 0);
		for (unsigned step = 0; step < 200; step++) {
			uint32_t pid = (uint32_t)cxms_rng_below(&rng, 4);
			uint32_t *row = model.area[space[pid]];
			if (cxms_rng_below(&rng, 40) == 0 && n_space < MAX_SPACES) {
				uint32_t from = (uint32_t)cxms_rng_below(&rng, 4);
				bool exec = from == pid;
				assert_int_equal(exec ? cxms_areas_exec(a, pid, NULL)
						      : cxms_areas_fork(a, pid, from, NULL),
						 0);
				uint32_t old = space[from];
				assert_int_equal(cxms_areas_space(a, pid, &space[pid], NULL), 0);
				assert_int_equal(space[pid], n_space++);
				if (!exec)
					memcpy(model.area[space[pid]], model.area[old],
					       sizeof(model.area[0]));
				continue;
			}
			unsigned from = (unsigned)cxms_rng_below(&rng, UNITS - 1);
			unsigned to =
				from + 1 + (unsigned)cxms_rng_below(&rng, (UNITS - from) / 3 + 1);
			if (cxms_rng_below(&rng, 3)) {
				naive_map(row, from, to, (uint32_t)cxms_areas_count(a));
				assert_int_equal(cxms_areas_map(a, space[pid], FIRST + from * UNIT,
								(to - from) * UNIT,
								CXMS_AREA_MEMORY, NULL),
						 0);
			}
			uint32_t area;
			if (row[from] == UINT32_MAX)
				continue; /* asking would make an area there */
			assert_int_equal(
				cxms_areas_find(a, space[pid], FIRST + from * UNIT + 5, &area), 0);
			if (area != row[from])
				fail_msg("seed %llu, round %u, step %u: area %u, not %u",
					 (unsigned long long)seed, round, step, area, row[from]);
		}
		cxms_areas_free(a);
	}
}

/* Base pages only: a list of (owner process, page) in order of first appearance. */
struct seen {
	uint32_t pid;
	uint64_t page;
};

static size_t seen_find(const struct seen *list, size_t n, uint32_t pid, uint64_t page)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].pid == pid && list[i].page == page)
			return i;
	return SIZE_MAX;
}

/* Processes 1 .. 4, each forked from the one before at a random time. */
static void random_history(struct cxms_rng *rng, struct play *p)
{
	uint32_t born = 1;
	play_fork(p, 1, 1, 0, 0, 0);
	for (unsigned i = 0; i < 300; i++) {
		uint32_t pid = 1 + (uint32_t)cxms_rng_below(rng, born);
		uint64_t addr = FIRST + cxms_rng_below(rng, 40) * 4096 + cxms_rng_below(rng, 4096);
		if (born < 4 && cxms_rng_below(rng, 60) == 0) {
			play_fork(p, born + 1, born + 1, born, born, i);
			born++;
		} else if (cxms_rng_below(rng, 3) == 0) {
			play_fault(p, pid, i, addr);
		} else {
			(void)play_sample(p, pid, pid, i, 0, addr);
		}
	}
}

static void test_pages_follow_a_naive_model(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct seen list[400];
		size_t n = 0, want[400];
		struct play p = {0};
		struct cxms_rng rng;
		struct cxms_pages *pages = NULL;
		const uint32_t *remap;
		uint32_t got[400];
		size_t n_prov;
		cxms_rng_init(&rng, cxms_hash_u64(seed + 1) + round);
		random_history(&rng, &p);
		/* no huge pages: a huge size beyond the range */
		assert_int_equal(cxms_pages_new(4096, 1ull << 40, &pages, NULL), 0);
		struct cxms_event none = {.kind = CXMS_EV_AREA, .pid = 1};
		for (size_t i = 0; i < p.n; i++) {
			const struct cxms_event *ev = &p.ev[i];
			bool sample = ev->kind == CXMS_EV_SAMPLE;
			uint64_t page = (sample ? ev->sample.addr : ev->fault.addr) / 4096;
			uint32_t owner = ev->pid;
			want[i] = SIZE_MAX;
			while (sample && owner > 1 && seen_find(list, n, owner, page) == SIZE_MAX)
				owner--; /* process k is the child of k - 1 */
			if (sample && seen_find(list, n, owner, page) == SIZE_MAX)
				owner = ev->pid;
			if (ev->kind != CXMS_EV_FORK) {
				want[i] = seen_find(list, n, owner, page);
				if (want[i] == SIZE_MAX) {
					want[i] = n;
					list[n++] = (struct seen){owner, page};
				}
			}
			assert_int_equal(cxms_pages_event(pages, ev, NULL), 0);
			got[i] = cxms_pages_last(pages);
		}
		assert_int_equal(cxms_pages_event(pages, &none, NULL), 0);
		assert_int_equal(cxms_pages_settle(pages, &remap, &n_prov, NULL), 0);
		assert_int_equal(cxms_pages_count(pages), n);
		for (size_t i = 0; i < p.n; i++)
			if (p.ev[i].kind == CXMS_EV_SAMPLE && remap[got[i]] != want[i])
				fail_msg("seed %llu, round %u, event %zu: page %u, not %zu",
					 (unsigned long long)seed, round, i, remap[got[i]],
					 want[i]);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(cxms_pages_at(pages, i)->addr, list[i].page * 4096);
		cxms_pages_free(pages);
		free(p.ev);
	}
}

static int by_order(const void *pa, const void *pb)
{
	const double *a = pa, *b = pb;
	return a[0] < b[0] ? -1 : a[0] > b[0];
}

/* Local bytes by hand: in order of touch while at least half of the page fits. */
static size_t naive_first_touch(const struct cxms_policy_page *page, size_t n, double pct)
{
	double(*order)[2] = calloc(n, sizeof(*order)), total = 0, used = 0;
	size_t local = 0;
	for (size_t i = 0; i < n; i++) {
		order[i][0] = (double)page[i].touch_rank;
		order[i][1] = (double)page[i].bytes;
		total += order[i][1];
	}
	qsort(order, n, sizeof(*order), by_order);
	while (local < n && used + order[local][1] / 2 <= total * pct / 100)
		used += order[local++][1];
	free(order);
	return local;
}

static void check_policy(const struct cxms_policy_ops *policy, const struct cxms_policy_page *page,
			 size_t n, struct cxms_rng *rng)
{
	uint8_t *before = calloc(n, 1), *local = calloc(n, 1), *again = calloc(n, 1);
	double total = 0, largest = 0, pct = 0;
	for (size_t i = 0; i < n; i++) {
		total += (double)page[i].bytes;
		largest = largest > (double)page[i].bytes ? largest : (double)page[i].bytes;
	}
	for (unsigned step = 0; step <= 8; step++) {
		double bytes = 0;
		size_t count = 0;
		pct = step == 8 ? 100 : step ? pct + (100 - pct) * 0.4 * cxms_rng_unit(rng) : 0;
		assert_int_equal(policy->split(page, n, pct, seed, local, NULL), 0);
		assert_int_equal(policy->split(page, n, pct, seed, again, NULL), 0);
		assert_memory_equal(local, again, n);
		for (size_t i = 0; i < n; i++) {
			bytes += local[i] ? (double)page[i].bytes : 0;
			count += local[i];
			if (before[i] && !local[i])
				fail_msg("seed %llu: %s: page %zu left local memory at %g %%",
					 (unsigned long long)seed, policy->name, i, pct);
		}
		if (bytes > total * pct / 100 + largest / 2 ||
		    bytes < total * pct / 100 - largest / 2)
			fail_msg("%s: %g bytes of %g at %g %%", policy->name, bytes, total, pct);
		if ((pct <= 0 && count) || (pct >= 100 && count < n))
			fail_msg("%s: %zu of %zu at %g %%", policy->name, count, n, pct);
		if (policy == &cxms_policy_first_touch)
			assert_int_equal(count, naive_first_touch(page, n, pct));
		memcpy(before, local, n);
	}
	free(before);
	free(local);
	free(again);
}

static void test_policies_meet_the_share_and_are_monotone(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct cxms_rng rng;
		cxms_rng_init(&rng, cxms_hash_u64(seed + 2) + round);
		size_t n = 1 + cxms_rng_below(&rng, 400);
		struct cxms_policy_page *page = calloc(n, sizeof(*page));
		bool mixed = cxms_rng_below(&rng, 2);
		for (size_t i = 0; i < n; i++)
			page[i] = (struct cxms_policy_page){
				.key = cxms_rng_u64(&rng),
				.bytes = mixed && cxms_rng_below(&rng, 10) == 0 ? 2 * PLAY_MIB
										: 4096,
				.touch_rank = (i * 7919 + round) % n,
				.heat = cxms_rng_below(&rng, 3) ? cxms_rng_unit(&rng) : 0};
		/* 7919 is prime: the ranks are a permutation unless n is its multiple */
		for (size_t k = 0; k < cxms_policy_count(); k++)
			check_policy(cxms_policy_at(k), page, n, &rng);
		free(page);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_areas_follow_a_naive_model),
		cmocka_unit_test(test_pages_follow_a_naive_model),
		cmocka_unit_test(test_policies_meet_the_share_and_are_monotone),
	};
	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	print_message("seed %llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
