/* From samples to demand by cell and target. */
#include "play.h"

#include <math.h>

#include "base/rng.h"
#include "sim/cells.h"
#include "sim/evidence.h"
#include "sim/load.h"
#include "sim/recording.h"

#define PID   50u
#define ARRAY 0x100000000000ull
#define N     1000u
#define NS    200000.0 /* of one sample */

/* Places of equal latency: each line is waited for by itself. */
static const double even_ps[2] = {100e3, 100e3};

struct fixture {
	struct cxms_recording rec;
	struct cxms_cells cells;
	struct cxms_evidence ev;
	uint32_t *target; /* of page: by turns */
};

/* N waits on as many pages of a large array; one of @each has no address; two processes' sites. */
static void load_each(struct fixture *f, uint16_t flags, enum cxms_site_kind kind, bool huge,
		      uint64_t each)
{
	struct cxms_trace_reader *r = NULL;
	struct play p = {0};
	uint64_t bytes = 4096 * PLAY_MIB, page = huge ? 2 * PLAY_MIB : 4096;
	play_fork(&p, PID, PID, 0, 0, 0);
	play_map(&p, PID, ARRAY, bytes);
	uint32_t site = play_site(&p, PID, 0x400000, kind, flags);
	play_area(&p, PID, ARRAY, bytes, bytes, huge ? bytes : 0);
	for (uint64_t i = 0; i < N; i++)
		(void)play_sample(&p, PID, PID, (i + 1) * 200000, site,
				  i % each == each - 1 ? 0 : ARRAY + i * page);
	play_run(&p, PID, PID, 0, N * 200000ull);
	play_exit(&p, PID, PID, N * 200000ull);
	int fd = play_write(&p, true);
	assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &r, NULL), 0);
	assert_int_equal(cxms_recording_load(r, &f->rec, NULL), 0);
	assert_int_equal(cxms_cells_build(&f->rec, 20 * PLAY_MS, &f->cells, NULL), 0);
	assert_int_equal(cxms_evidence_build(&f->rec, &f->cells, PLAY_NO_LLC, &f->ev, NULL), 0);
	size_t n = cxms_pages_count(f->rec.pages);
	f->target = calloc(n, sizeof(*f->target));
	for (size_t i = 0; i < n; i++)
		f->target[i] = i % 3 != 0;
	cxms_trace_reader_close(r);
	close(fd);
}

static void load(struct fixture *f, uint16_t flags, enum cxms_site_kind kind, bool huge)
{
	load_each(f, flags, kind, huge, 10);
}

static void fini(struct fixture *f)
{
	free(f->target);
	cxms_evidence_fini(&f->ev);
	cxms_cells_fini(&f->cells);
	cxms_recording_fini(&f->rec);
}

static struct cxms_load_cell total(const struct fixture *f, const struct cxms_load_map *m,
				   size_t target)
{
	struct cxms_load_cell sum = {0};
	for (size_t c = 0; c < f->cells.n; c++) {
		const struct cxms_load_cell *l = &m->at[c * m->n_target + target];
		for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
			sum.stall_ps[k] += l->stall_ps[k];
			sum.waits[k] += l->waits[k];
			sum.known_waits[k] += l->known_waits[k];
		}
		sum.store_waits += l->store_waits;
		sum.written[CXMS_SPAN_MID] += l->written[CXMS_SPAN_MID];
		sum.seen_ps += l->seen_ps;
	}
	return sum;
}

static void test_waits_are_stall_over_latency(void **state)
{
	static const struct {
		uint16_t flags;
		enum cxms_site_kind kind;
		bool huge;
		double seen_ps;
		const char *why;
	} rows[] = {
		{CXMS_SITE_CARRIED, CXMS_SITE_LOAD, true, 100e3, "a chase on huge pages"},
		{CXMS_SITE_SELF, CXMS_SITE_LOAD, false, 120e3, "a chase on base pages walks"},
		{CXMS_SITE_CARRIED, CXMS_SITE_UPDATE, true, 100e3, "updates are stores too"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct fixture f = {0};
		struct cxms_load_map m = {0};
		load(&f, rows[i].flags, rows[i].kind, rows[i].huge);
		assert_int_equal(cxms_load_build(&f.rec, &f.cells, &f.ev, f.target, even_ps, 2,
						 CXMS_HALF_ALL, 1, &m, NULL),
				 0);
		struct cxms_load_cell a = total(&f, &m, 0), b = total(&f, &m, 1);
		double stall = a.stall_ps[CXMS_SPAN_MID] + b.stall_ps[CXMS_SPAN_MID];
		double carried = a.known_waits[CXMS_SPAN_MID] + b.known_waits[CXMS_SPAN_MID];
		print_message("%s\n", rows[i].why);
		/* all of it memory; those without address follow the others */
		assert_true(fabs(stall - N * NS * 1e3) < 1);
		assert_true(fabs(carried - 0.9 * N * NS * 1e3 / rows[i].seen_ps) < 1e-3);
		assert_true(fabs(b.stall_ps[CXMS_SPAN_MID] / stall - 2.0 / 3) < 0.02);
		assert_true(f.ev.wait_ns > f.ev.known_ns);
		bool store = rows[i].kind == CXMS_SITE_UPDATE;
		double written = a.written[CXMS_SPAN_MID] + b.written[CXMS_SPAN_MID];
		assert_true(fabs(written - (store ? carried : 0)) < 1e-3);
		assert_true(a.store_waits + b.store_waits == 0); /* what is known is not free */
		cxms_load_fini(&m);
		fini(&f);
	}
}

/* No address at all (a load that overwrites its index): any share may be memory, and most is
 * thought to be, as the array is far larger than the caches. */
static void test_waits_without_any_address_may_be_memory(void **state)
{
	struct fixture f = {0};
	struct cxms_load_map m = {0};
	(void)state;
	load_each(&f, CXMS_SITE_CARRIED, CXMS_SITE_LOAD, true, 1);
	assert_int_equal(cxms_load_build(&f.rec, &f.cells, &f.ev, f.target, even_ps, 2,
					 CXMS_HALF_ALL, 1, &m, NULL),
			 0);
	struct cxms_load_cell a = total(&f, &m, 0), b = total(&f, &m, 1);
	assert_true(f.ev.known_ns <= 0);
	assert_true(a.stall_ps[CXMS_SPAN_LO] + b.stall_ps[CXMS_SPAN_LO] <= 0);
	assert_true(fabs(a.stall_ps[CXMS_SPAN_MID] + b.stall_ps[CXMS_SPAN_MID] - N * NS * 1e3) < 1);
	assert_true(fabs(a.stall_ps[CXMS_SPAN_HI] + b.stall_ps[CXMS_SPAN_HI] - N * NS * 1e3) < 1);
	cxms_load_fini(&m);
	fini(&f);
}

static void test_halves_add_up_to_twice_the_whole(void **state)
{
	struct fixture f = {0};
	struct cxms_load_map m = {0};
	double waits[3];
	(void)state;
	load(&f, CXMS_SITE_CARRIED, CXMS_SITE_LOAD, true);
	for (int h = CXMS_HALF_ALL; h <= CXMS_HALF_B; h++) {
		assert_int_equal(cxms_load_build(&f.rec, &f.cells, &f.ev, f.target, even_ps, 2,
						 (enum cxms_half)h, 9, &m, NULL),
				 0);
		waits[h] = total(&f, &m, 0).known_waits[CXMS_SPAN_MID] +
			   total(&f, &m, 1).known_waits[CXMS_SPAN_MID];
	}
	assert_true(fabs(waits[1] + waits[2] - 2 * waits[0]) < 1e-6 * waits[0]);
	assert_true(fabs(waits[1] / waits[0] - 1) < 0.15);
	cxms_load_fini(&m);
	fini(&f);
}

static void test_halves_are_fair_and_seeded(void **state)
{
	unsigned in_a = 0, moved = 0;
	(void)state;
	for (size_t i = 0; i < 100000; i++) {
		in_a += cxms_sample_half(i, 1) == CXMS_HALF_A;
		moved += cxms_sample_half(i, 1) != cxms_sample_half(i, 2);
	}
	assert_in_range(in_a, 49300, 50700);
	assert_in_range(moved, 49300, 50700);
}

/* The same instruction address in two processes, each with a memory of its own. */
static void test_processes_are_kept_apart(void **state)
{
	struct cxms_trace_reader *r = NULL;
	struct cxms_recording rec;
	struct cxms_cells cells;
	struct cxms_evidence ev;
	struct play p = {0};
	struct cxms_rng rng;
	(void)state;
	cxms_rng_init(&rng, 1);
	for (uint32_t pid = 1; pid <= 2; pid++) {
		play_fork(&p, pid, pid, 0, 0, 0);
		play_map(&p, pid, ARRAY, 1024 * PLAY_MIB);
		(void)play_site(&p, pid, 0x400000, CXMS_SITE_LOAD, 0);
		play_area(&p, pid, ARRAY, 1024 * PLAY_MIB, 1024 * PLAY_MIB, 0);
	}
	/* process 1 stays on one MiB, process 2 goes over all of it */
	for (uint64_t i = 0; i < 8000; i++) {
		uint32_t pid = 1 + (i & 1);
		uint64_t lines = (pid == 1 ? 1 : 1024) * PLAY_MIB / 64;
		(void)play_sample(&p, pid, pid, i * 100000, pid - 1,
				  ARRAY + 64 * cxms_rng_below(&rng, lines));
	}
	int fd = play_write(&p, true);
	assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &r, NULL), 0);
	assert_int_equal(cxms_recording_load(r, &rec, NULL), 0);
	assert_int_equal(cxms_cells_build(&rec, 0, &cells, NULL), 0);
	assert_int_equal(cxms_evidence_build(&rec, &cells, 0, &ev, NULL), 0);
	assert_int_equal(rec.n_process, 2);
	assert_int_equal(ev.n_group, 2);
	/* 4000 samples on one MiB leave open whether some are spread over all of it */
	assert_true(ev.group[0].share.mid < 0.2 && ev.group[1].share.mid > 0.9);
	cxms_evidence_fini(&ev);
	cxms_cells_fini(&cells);
	cxms_recording_fini(&rec);
	cxms_trace_reader_close(r);
	close(fd);
}

/* Evidence anew, with so many bytes read in @seen of the run's time. */
static double open_lines(struct fixture *f, double bytes, double seen)
{
	uint64_t ns = (uint64_t)(seen * (double)f->rec.duration_ns);
	f->rec.hw.read[CXMS_READER_DRAM] =
		(struct cxms_hw_read){.bytes = bytes * seen, .seen_ns = ns, .until_ns = ns};
	cxms_evidence_fini(&f->ev);
	assert_int_equal(cxms_evidence_build(&f->rec, &f->cells, PLAY_NO_LLC, &f->ev, NULL), 0);
	return f->ev.open_lines;
}

static void test_what_the_machine_read_bounds_the_lines_in_flight(void **state)
{
	(void)state;
	struct fixture f = {0};
	load(&f, 0, CXMS_SITE_LOAD, false);
	assert_true(f.ev.open_lines == CXMS_ASSUMED_RECORDED_MSHRS); /* nothing was counted */
	assert_true(open_lines(&f, 1e15, 1) == CXMS_ASSUMED_RECORDED_MSHRS);
	/* in 0.2 s of waits of 100 ns and more, 8 lines at a time are less than 16 million */
	double lines = 16e6, half = 0;
	while (open_lines(&f, 64 * lines, 1) > 8)
		lines /= 2;
	half = f.ev.open_lines;
	assert_true(half > 2);
	/* in proportion, but for a cell of few active samples that fills one line a wait */
	assert_true(fabs(open_lines(&f, 64 * lines / 2, 1) - half / 2) < 0.01 * half);
	/* the rate counts, once half of the time was seen */
	assert_true(fabs(open_lines(&f, 64 * lines, 0.6) - half) < 1e-4);
	assert_true(open_lines(&f, 64 * lines, 0.4) == CXMS_ASSUMED_RECORDED_MSHRS);
	/* never fewer lines than one a wait: nothing in flight beside */
	assert_true(open_lines(&f, 64, 1) < 1);
	/* a wait of a microsecond and its walk */
	assert_true(f.ev.read_lines == 1);
	assert_true(f.ev.least_lines > 0.5 * N * NS / 1000 && f.ev.least_lines < N * NS / 1000);
	fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_are_stall_over_latency),
		cmocka_unit_test(test_waits_without_any_address_may_be_memory),
		cmocka_unit_test(test_halves_add_up_to_twice_the_whole),
		cmocka_unit_test(test_halves_are_fair_and_seeded),
		cmocka_unit_test(test_processes_are_kept_apart),
		cmocka_unit_test(test_what_the_machine_read_bounds_the_lines_in_flight),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
