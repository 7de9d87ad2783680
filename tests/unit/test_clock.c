#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define SOURCE (&cxms_source_clock)

#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/sys.h"
#include "base/warn.h"
#include "perf_double.h"
#include "place/pages.h"
#include "source/clock_priv.h"
#include "watch_cases.h"

static void test_first_touches_are_told(void **state)
{
	struct watch_tally t;

	(void)state;
	WATCH_NEEDS(SOURCE);
	chase(&t, "16", "10", "1");
	/* 16 MiB in pages of 4 KiB, unless the kernel used huge ones. */
	assert_true(t.n[CXMS_EV_FAULT] + t.totals.lost_faults >= 8);
	assert_true(SOURCE->caps & CXMS_SRC_FAULTS);
}

#define ARRAY	 0x7f0000000000ull
#define ARRAY_PG 16384u

static void give(struct clock *c, enum cxms_perf_event event, struct cxms_perf_rec *r)
{
	r->pid = r->tid = 7;
	assert_int_equal(clock_apply(c, event, r, NULL), 0);
}

static void fault_at(struct clock *c, uint64_t page)
{
	struct cxms_perf_rec r = {.type = PERF_RECORD_SAMPLE};

	r.time_ns = 1000 + page * 1600;
	r.fault.ip = 0x401000;
	r.fault.addr = ARRAY + page * 4096;
	if (!c->thin.is_thin)
		give(c, CXMS_PERF_FAULTS, &r);
	if (page % CXMS_THIN_PERIOD == 0)
		give(c, CXMS_PERF_SIDE, &r);
	if (c->thin.wants_thin != c->thin.is_thin)
		cxms_thin_switch(&c->thin, r.time_ns);
}

static void map_array(struct clock *c)
{
	struct cxms_perf_rec map = {.type = PERF_RECORD_MMAP2, .time_ns = 1000};

	map.map.addr = ARRAY;
	map.map.len = 2 * ARRAY_PG * 4096ull;
	map.map.path = "//anon";
	give(c, CXMS_PERF_SIDE, &map);
}

/* The pages of an array, touched one after the other: each is told once, in order, at its time. */
static void test_pages_whose_faults_were_not_recorded_are_told_in_their_order(void **state)
{
	struct clock c = {.base_ns = 1000};
	uint64_t next = 0;

	(void)state;
	map_array(&c);
	for (uint64_t page = 0; page < ARRAY_PG; page++)
		fault_at(&c, page);
	assert_true(c.thin.is_thin);
	for (size_t i = 0; i < c.out.len; i++) {
		const struct cxms_event *ev = &c.out.ev[i];

		if (ev->kind != CXMS_EV_FAULT)
			continue;
		assert_int_equal(ev->pid, 7);
		assert_int_equal(ev->fault.addr, ARRAY + next * 4096);
		assert_int_equal(ev->fault.ip, 0x401000);
		assert_in_range(ev->time_ns, next * 1600, next * 1600 + 1);
		next++;
	}
	assert_in_range(next, ARRAY_PG - CXMS_THIN_PERIOD, ARRAY_PG);
	assert_int_equal(c.lost_faults, 0);
	cxms_evq_fini(&c.out);
	clock_tasks_fini(&c);
	cxms_analyzer_fini(&c.analyzer);
	cxms_areas_fini(&c.areas);
}

#define FILL_PAGES  65536u
#define FILL_END_NS 30000000u /* the array goes away */
/* Of the program's own start; a sanitizer has a byte beside each eight of the array, too. */
#ifdef CXMS_SANITIZED
#define OWN_PAGES (2048u + FILL_PAGES / 8)
#else
#define OWN_PAGES 2048u
#endif

/* The same while the ring of each fault had no room: one in many tells, and the kernel counts. */
static uint64_t told_from(const struct clock *c, uint64_t first_page)
{
	uint64_t next = first_page;

	for (size_t i = 0; i < c->out.len; i++)
		if (c->out.ev[i].kind == CXMS_EV_FAULT)
			next += c->out.ev[i].fault.addr == ARRAY + next * 4096;
	return next - first_page;
}

static void lose(struct clock *c, uint64_t page, uint64_t count)
{
	struct cxms_perf_rec r = {.type = PERF_RECORD_LOST, .time_ns = 1000 + page * 1600};

	r.lost = count;
	give(c, CXMS_PERF_FAULTS, &r);
}

static void test_what_a_ring_had_no_room_for_is_told_by_one_in_many(void **state)
{
	struct clock_loss loss = {0};
	struct clock c = {.base_ns = 1000, .loss = &loss, .n_loss = 1};
	struct cxms_perf_rec one = {.type = PERF_RECORD_SAMPLE};
	const uint64_t full = 1000, room = 3017, end = 3100;

	(void)state;
	map_array(&c);
	for (uint64_t page = 0; page < full; page++)
		fault_at(&c, page);
	lose(&c, full - 1, 0);
	for (uint64_t page = full; page < room; page++) {
		one.time_ns = 1000 + page * 1600;
		one.fault.addr = ARRAY + page * 4096;
		if (page % CXMS_THIN_PERIOD == 0)
			give(&c, CXMS_PERF_SIDE, &one);
	}
	lose(&c, room, room - full);
	for (uint64_t page = room; page < end; page++)
		fault_at(&c, page);
	assert_int_equal(told_from(&c, 0), end);
	assert_int_equal(c.lost_faults, 0);
	/* elsewhere, where nothing leads: the one that is told is not lost */
	lose(&c, end, 0);
	one.time_ns = 1000 + end * 1600;
	one.fault.addr = ARRAY + (ARRAY_PG + 77) * 4096ull;
	give(&c, CXMS_PERF_SIDE, &one);
	assert_int_equal(c.lost_faults, 0);
	lose(&c, end + 40, 40);
	clock_loss_end(&c, one.time_ns + 50 * 1600);
	assert_int_equal(c.lost_faults, 39);
	assert_int_equal(c.out.ev[c.out.len - 1].lost.count, 39);
	cxms_evq_fini(&c.out);
	clock_tasks_fini(&c);
	cxms_analyzer_fini(&c.analyzer);
	cxms_areas_fini(&c.areas);
}

/* Page faults of which the kernel made a record each. */
static uint64_t faults_recorded(const struct clock *c)
{
	uint64_t sum = 0, count[2];

	for (unsigned i = 0; i < c->rings.n; i++) {
		const struct cxms_clock_ring *ring = &c->rings.ring[i];

		if (ring->event != CXMS_PERF_FAULTS)
			continue;
		assert_true(read(ring->fd, count, sizeof(count)) > 0);
		sum += count[0];
	}
	return sum;
}

/* However the kernel and we take turns. */
static void test_an_array_is_told_whole_from_part_of_its_faults(void **state)
{
	char *argv[] = {"/proc/self/exe", "fill", "256", NULL};
	const struct cxms_source_cfg cfg = {.argv = argv};
	struct cxms_source *s = NULL;
	struct cxms_totals totals;
	struct cxms_event buf[256];
	const struct clock *c;
	uint64_t told = 0, recorded;
	bool end = false;
	size_t n;

	(void)state;
	WATCH_NEEDS(SOURCE);
	assert_int_equal(cxms_source_open(SOURCE, &cfg, &s, NULL), 0);
	assert_int_equal(s->ops->start(s, NULL), 0);
	while (!end) {
		assert_int_equal(s->ops->read(s, buf, 256, &n, &end, NULL), 0);
		for (size_t i = 0; i < n; i++)
			told += buf[i].kind == CXMS_EV_FAULT;
	}
	assert_int_equal(s->ops->stop(s, &totals, NULL), 0);
	assert_int_equal(totals.exit_status, 0);
	c = s->priv;
	recorded = faults_recorded(c);
	print_message("%" PRIu64 " page faults told of %" PRIu64 " recorded, %" PRIu64 " lost\n",
		      told, recorded, totals.lost_faults);
	assert_true(told + totals.lost_faults + CXMS_THIN_PERIOD >= FILL_PAGES);
	assert_true(told < FILL_PAGES + OWN_PAGES);
	assert_true(c->thin.from_ns != 0);
	if (c->thin.from_ns + FILL_END_NS < c->root_end_ns) /* we were not too late */
		assert_true(recorded < told);
	cxms_source_free(s);
}

enum pace { LATE, STOPPED };

/* What a reader of @pace is told of the page faults of @word MIB in watch_program.h, and how many
 * there were. @may_ask: events can be asked what they lost. */
struct paced {
	uint64_t faults, told, lost;
};

/* The program stays on one CPU, and fills the rings of that alone. */
static int open_on_one_cpu(const struct cxms_source_cfg *cfg, struct cxms_source **s)
{
	cpu_set_t was, only;
	int rc;

	CPU_ZERO(&only);
	assert_int_equal(sched_getaffinity(0, sizeof(was), &was), 0);
	CPU_SET((size_t)sched_getcpu(), &only);
	assert_int_equal(sched_setaffinity(0, sizeof(only), &only), 0);
	rc = cxms_source_open(SOURCE, cfg, s, NULL);
	assert_int_equal(sched_setaffinity(0, sizeof(was), &was), 0);
	return rc;
}

static struct paced watch_at(enum pace pace, char *word, char *mib, bool may_ask)
{
	char *argv[] = {"/proc/self/exe", word, mib, NULL};
	const struct cxms_source_cfg cfg = {.argv = argv};
	struct cxms_source *s = NULL;
	struct cxms_totals totals;
	struct cxms_event buf[256];
	struct pollfd ended = {.events = POLLIN};
	struct paced out = {0};
	struct clock *c;
	bool end = false;
	size_t n;

	assert_int_equal(open_on_one_cpu(&cfg, &s), 0);
	c = s->priv;
	if (!may_ask)
		c->rings.read_format = 0;
	assert_int_equal(s->ops->start(s, NULL), 0);
	ended.fd = c->child.pid_fd;
	if (pace == STOPPED)
		assert_int_equal(poll(&ended, 1, -1), 1);
	while (!end) {
		assert_int_equal(s->ops->read(s, buf, 256, &n, &end, NULL), 0);
		for (size_t i = 0; i < n; i++) {
			out.told += buf[i].kind == CXMS_EV_FAULT;
			if (buf[i].kind == CXMS_EV_LOST && buf[i].lost.what == CXMS_LOST_FAULTS)
				out.lost += buf[i].lost.count;
		}
		if (pace == LATE)
			usleep(2000);
	}
	assert_int_equal(s->ops->stop(s, &totals, NULL), 0);
	assert_int_equal(totals.exit_status, 0);
	assert_int_equal(totals.lost_faults, out.lost);
	out.faults = cxms_clock_rings_count_faults(&c->rings);
	cxms_source_free(s);
	print_message("%s, %s: %" PRIu64 " faults, %" PRIu64 " told, %" PRIu64 " lost\n", word,
		      pace == LATE ? "late" : "stopped", out.faults, out.told, out.lost);
	return out;
}

/* Who is late turns recording each fault on and off by what was long ago: nothing is lost between
 * two turns that is not said. */
static void test_a_reader_that_is_late_misses_no_fault_unsaid(void **state)
{
	struct paced p;

	(void)state;
	WATCH_NEEDS(SOURCE);
	p = watch_at(LATE, "fill", "256", true);
	assert_true(p.told + p.lost + 2 * CXMS_THIN_PERIOD >= p.faults);
}

/* Rings that are full when the program ends: no record comes that would tell what was lost. */
static void test_what_full_rings_lost_last_is_told(void **state)
{
	(void)state;
	WATCH_NEEDS(SOURCE);
	for (int may_ask = 0; may_ask <= 1; may_ask++) {
		/* where one leads to the next, one in many found room, and tells of all */
		struct paced p = watch_at(STOPPED, "fill", "400", may_ask);

		assert_true(p.lost <= 2 * CXMS_THIN_PERIOD);
		assert_in_range(p.told + p.lost, p.faults - CXMS_THIN_PERIOD,
				p.faults + CXMS_THIN_PERIOD);
		p = watch_at(STOPPED, "strew", "512", may_ask);
		assert_true(p.lost > p.faults / 8);
		assert_in_range(p.told + p.lost, p.faults - CXMS_THIN_PERIOD,
				p.faults + CXMS_THIN_PERIOD);
	}
}

/* Strings of events are borrowed until the next read. */
static void keep_path(struct cxms_event *ev)
{
	if (ev->kind == CXMS_EV_MAP && ev->map.path)
		ev->map.path = strdup(ev->map.path);
}

/* Bytes that were touched, by what the source tells of @word MIB in watch_program.h. */
static uint64_t touched_bytes(const char *word, uint64_t *lost)
{
	char *argv[] = {"/proc/self/exe", (char *)(uintptr_t)word, "256", NULL};
	const struct cxms_source_cfg cfg = {.argv = argv};
	struct cxms_source *s = NULL;
	struct cxms_totals totals;
	struct cxms_pages *pages = NULL;
	const size_t most = 4 * FILL_PAGES;
	struct cxms_event *ev = malloc(most * sizeof(*ev));
	const uint32_t *remap;
	bool end = false;
	size_t n, n_event = 0;

	assert_non_null(ev);
	assert_int_equal(cxms_source_open(SOURCE, &cfg, &s, NULL), 0);
	assert_int_equal(cxms_pages_new(4096, 2u << 20, &pages, NULL), 0);
	assert_int_equal(s->ops->start(s, NULL), 0);
	while (!end) { /* pages later: under a sanitizer they take longer than the faults */
		assert_true(n_event + 256 <= most);
		assert_int_equal(s->ops->read(s, ev + n_event, 256, &n, &end, NULL), 0);
		for (n += n_event; n_event < n; n_event++)
			keep_path(&ev[n_event]);
	}
	assert_int_equal(s->ops->stop(s, &totals, NULL), 0);
	for (size_t i = 0; i < n_event; i++) {
		assert_int_equal(cxms_pages_event(pages, &ev[i], NULL), 0);
		if (ev[i].kind == CXMS_EV_MAP)
			free((char *)(uintptr_t)ev[i].map.path);
	}
	free(ev);
	assert_int_equal(totals.exit_status, 0);
	*lost = totals.lost_faults;
	assert_int_equal(cxms_pages_settle(pages, &remap, &n, NULL), 0);
	uint64_t bytes = cxms_pages_total_bytes(pages);
	cxms_pages_free(pages);
	cxms_source_free(s);
	print_message("%s: %" PRIu64 " KiB, %" PRIu64 " faults lost\n", word, bytes >> 10, *lost);
	return bytes;
}

static unsigned long resident_pages(void)
{
	struct cxms_buf statm = {0};
	unsigned long pages = 0;

	assert_int_equal(cxms_sys_read("/proc/self/statm", 4096, &statm, NULL), 0);
	assert_int_equal(sscanf(cxms_buf_text(&statm), "%*u %lu", &pages), 1);
	cxms_buf_fini(&statm);
	return pages;
}

/* Some kernels give pages to who only loads as well. */
static bool kernel_shows_zero_page(void)
{
	const size_t pages = 2048;
	char *at = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);
	unsigned long before = resident_pages(), after;

	assert_ptr_not_equal(at, MAP_FAILED);
	for (size_t i = 0; i < pages; i++)
		(void)((volatile char *)at)[i * 4096];
	after = resident_pages();
	munmap(at, pages * 4096);
	return after < before + pages / 2;
}

/* Who loads from fresh memory is shown the kernel's zero page: nothing is touched until someone
 * stores there, however few of the faults are recorded. */
static void test_memory_that_is_only_read_is_not_touched(void **state)
{
	const uint64_t all = 256u << 20;
	uint64_t balancing = 0, lost, bytes;

	(void)state;
	WATCH_NEEDS(SOURCE);
	bytes = touched_bytes("fill", &lost);
	assert_true(bytes + (lost + OWN_PAGES) * 4096 >= all);
	bytes = touched_bytes("update", &lost);
	assert_true(bytes + (lost + OWN_PAGES) * 4096 >= all);
	bytes = touched_bytes("read", &lost);
	(void)cxms_sys_read_u64("/proc/sys/kernel/numa_balancing", &balancing, NULL);
	if (balancing || !kernel_shows_zero_page()) /* then nothing tells, or it is touched */
		assert_true(bytes + (lost + OWN_PAGES) * 4096 >= all);
	else /* eight told faults in a row decide, when they stand for many */
		assert_true(bytes < all / 16 + lost * 4096);
}

/* Four seconds of samples fit, and no more memory is taken than that needs; faults are as many as
 * they are. */
static void test_rings_of_samples_follow_the_period(void **state)
{
	static const uint64_t periods_ns[] = {50000, 199999, 1000000, 10000000, 1000000000};
	const struct cxms_hw_plan none = {0};

	(void)state;
	WATCH_NEEDS(SOURCE);
	for (size_t i = 0; i < sizeof(periods_ns) / sizeof(*periods_ns); i++) {
		uint64_t need = 4000000000u / periods_ns[i] * 176;
		struct cxms_clock_rings r = {0};

		assert_int_equal(
			cxms_clock_rings_open(&r, getpid(), periods_ns[i], &none, NULL, NULL), 0);
		assert_true(r.n >= CXMS_PERF_EVENT_COUNT);
		for (unsigned k = 0; k < r.n; k++) {
			uint64_t bytes = r.ring[k].ring.mask + 1;

			if (r.ring[k].event == CXMS_PERF_FAULTS)
				assert_int_equal(bytes, r.most_bytes);
			if (r.ring[k].event != CXMS_PERF_SAMPLES)
				continue;
			assert_true(bytes >= need || bytes == r.most_bytes);
			assert_true(bytes <= 2 * need || bytes <= 16384);
		}
		cxms_clock_rings_close(&r);
	}
}

/* With many CPUs the program does not wait for more memory than with sixteen. */
static void test_rings_of_many_cpus_are_small(void **state)
{
	static const struct {
		unsigned n_cpu, kib;
	} rows[] = {{1, 4096},	{2, 4096},  {16, 4096}, {17, 2048},
		    {32, 2048}, {128, 512}, {8192, 128}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(cxms_clock_rings_first_bytes(rows[i].n_cpu), rows[i].kib << 10);
}

/* Breakpoints that fire, in place of the kernel's: each word is used three times, 1 ms apart. */
#define RING_BYTES 4096u

static int play_set(void *arg, uint32_t tid, uint64_t addr, struct cxms_perf_ring *ring)
{
	struct perf_double d = {.bytes = RING_BYTES};
	uint64_t now_ns = cxms_now_ns();

	(void)arg;
	d.page = calloc(1, sizeof(*d.page));
	d.data = calloc(1, RING_BYTES);
	assert_true(d.page && d.data);
	for (uint64_t i = 1; i <= 3; i++) {
		struct {
			struct perf_event_header header;
			uint64_t ip;
			uint32_t pid, tid;
			uint64_t time_ns, addr;
			uint32_t cpu, reserved;
		} r = {.header = {.type = PERF_RECORD_SAMPLE, .size = sizeof(r)}};

		r.tid = tid;
		r.addr = addr;
		r.time_ns = now_ns + i * 1000000;
		perf_double_write(&d, &r, sizeof(r), r.time_ns);
	}
	assert_int_equal(cxms_perf_ring_attach(ring, d.page, d.data, RING_BYTES, NULL), 0);
	return 0;
}

static void play_clear(void *arg, int handle, struct cxms_perf_ring *ring)
{
	struct perf_event_mmap_page *page = ring->page;
	void *data = (void *)(uintptr_t)ring->data;

	(void)arg;
	(void)handle;
	cxms_perf_ring_close(ring);
	free(page);
	free(data);
}

static uint64_t play_now_ns(void *arg)
{
	(void)arg;
	return cxms_now_ns();
}

static const struct cxms_wp_ops play_ops = {play_set, play_clear, play_now_ns};

struct watched {
	uint64_t n, samples_seen;
	uint32_t tid[16], ended[16];
	unsigned n_tid, n_ended, n_site;
	uint64_t stands;
};

static void see_watch(struct watched *w, const struct cxms_event *ev)
{
	unsigned i = 0;

	assert_true(ev->watch.site < w->n_site); /* told before */
	assert_int_equal(ev->watch.addr % 8, 0);
	assert_int_equal(ev->watch.reuse_ns, 1000000);
	assert_int_equal(ev->watch.uses, 3);
	while (i < w->n_ended)
		assert_true(w->ended[i++] != ev->tid); /* before the thread's end */
	for (i = 0; i < w->n_tid && w->tid[i] != ev->tid;)
		i++;
	if (i == w->n_tid && i < 16)
		w->tid[w->n_tid++] = ev->tid;
	w->stands += ev->watch.stands;
	w->n++;
}

static void see(struct watched *w, const struct cxms_event *ev)
{
	if (ev->kind == CXMS_EV_SITE)
		w->n_site++;
	else if (ev->kind == CXMS_EV_SAMPLE)
		w->samples_seen += (ev->sample.flags & CXMS_SAMPLE_ADDR) != 0;
	else if (ev->kind == CXMS_EV_EXIT && w->n_ended < 16)
		w->ended[w->n_ended++] = ev->tid;
	else if (ev->kind == CXMS_EV_WATCH)
		see_watch(w, ev);
}

#define THREADS	 3u
#define WORDS	 12u
#define GIVEN_UP 60000000000ull

/* Enough of it was seen: words of all threads, and most waits stood for. */
static bool is_enough(const struct watched *w)
{
	return w->n_tid == THREADS && w->n >= WORDS && w->stands * 2 > w->samples_seen;
}

/* Reads all of a program that runs until enough of it was seen: how long that takes is for who else
 * runs to say. Return: enough was seen. */
static bool watch_until_enough(struct cxms_source *s, struct watched *w)
{
	uint64_t until_ns = cxms_now_ns() + GIVEN_UP;
	struct cxms_event buf[256];
	bool end = false, was_enough = false;
	size_t n;

	while (!end) {
		assert_int_equal(s->ops->read(s, buf, 256, &n, &end, NULL), 0);
		for (size_t i = 0; i < n; i++)
			see(w, &buf[i]);
		was_enough |= is_enough(w);
		if (until_ns && (was_enough || cxms_now_ns() > until_ns)) {
			assert_int_equal(kill(s->pid, SIGKILL), 0);
			until_ns = 0;
		}
	}
	return was_enough;
}

static void test_words_of_all_threads_are_watched(void **state)
{
	char file[] = "/tmp/cxms_chase_XXXXXX";
	char *argv[] = {"/proc/self/exe", "chase", file, "16", "1000000000000", "3", NULL};
	const struct cxms_source_cfg cfg = {.argv = argv, .watchpoints = true, .seed = 1};
	struct cxms_source *s = NULL;
	struct cxms_err err = {0};
	struct watched w = {0};
	int fd = mkstemp(file);
	bool was_enough;

	(void)state;
	WATCH_NEEDS(SOURCE);
	close(fd);
	assert_int_equal(cxms_source_open(SOURCE, &cfg, &s, &err), 0);
	assert_true(s->caps & CXMS_SRC_WATCH);
	((struct clock *)s->priv)->wp.ops = &play_ops;
	assert_int_equal(s->ops->start(s, &err), 0);
	was_enough = watch_until_enough(s, &w);
	cxms_source_free(s);
	unlink(file);
	print_message("%" PRIu64 " words for %" PRIu64 " of %" PRIu64 " waits, %u threads\n", w.n,
		      w.stands, w.samples_seen, w.n_tid);
	assert_true(was_enough);
	assert_true(w.stands <= w.samples_seen);
}

/* The records of a program that gains privileges by exec end there; it lives on, as this test does.
 */
static void test_who_gets_away_by_exec_has_not_ended(void **state)
{
	struct cxms_warnings warnings = {0};
	struct clock c = {.warnings = &warnings, .child.pid = getpid()};
	struct cxms_perf_rec r = {.type = PERF_RECORD_COMM,
				  .misc = PERF_RECORD_MISC_COMM_EXEC,
				  .pid = (uint32_t)getpid(),
				  .tid = (uint32_t)getpid(),
				  .time_ns = 1000,
				  .comm.name = "su"};
	bool is_root = geteuid() == 0;

	(void)state;
	assert_int_equal(clock_apply(&c, CXMS_PERF_SIDE, &r, NULL), 0);
	r.type = PERF_RECORD_EXIT;
	r.misc = 0;
	r.time_ns = 2000;
	if (is_root) /* who may watch all of them loses none */
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(clock_apply(&c, CXMS_PERF_SIDE, &r, NULL), 0);
	if (is_root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(c.root_end_ns, 0);
	for (size_t i = 0; i < c.out.len; i++)
		assert_int_not_equal(c.out.ev[i].kind, CXMS_EV_EXIT);
	clock_end_root(&c, 9000);
	assert_int_equal(c.out.ev[c.out.len - 1].kind, CXMS_EV_EXIT);
	assert_int_equal(c.out.ev[c.out.len - 1].time_ns, 9000);
	assert_int_equal(warnings.n, 1);
	cxms_evq_fini(&c.out);
	clock_tasks_fini(&c);
	cxms_analyzer_fini(&c.analyzer);
	cxms_areas_fini(&c.areas);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WATCH_CASES,
		cmocka_unit_test(test_first_touches_are_told),
		cmocka_unit_test(test_pages_whose_faults_were_not_recorded_are_told_in_their_order),
		cmocka_unit_test(test_what_a_ring_had_no_room_for_is_told_by_one_in_many),
		cmocka_unit_test(test_an_array_is_told_whole_from_part_of_its_faults),
		cmocka_unit_test(test_a_reader_that_is_late_misses_no_fault_unsaid),
		cmocka_unit_test(test_what_full_rings_lost_last_is_told),
		cmocka_unit_test(test_memory_that_is_only_read_is_not_touched),
		cmocka_unit_test(test_rings_of_samples_follow_the_period),
		cmocka_unit_test(test_rings_of_many_cpus_are_small),
		cmocka_unit_test(test_who_gets_away_by_exec_has_not_ended),
		cmocka_unit_test(test_words_of_all_threads_are_watched),
	};

	watch_program_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
