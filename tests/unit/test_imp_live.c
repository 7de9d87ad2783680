/* What the clock source saw live, written as perf.data and imported, gives the same events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>

#include "perf_write.h"
#include "source/clock_priv.h"
#include "source/import.h"
#include "watch_tally.h"

#define SOURCE	  (&cxms_source_clock)
#define PERIOD_NS 300000u

/* Every record that the clock source handled, in its order. */
static struct pw taken;

int __real_clock_handle(struct clock *c, const struct cxms_clock_ring *ring,
			const struct perf_event_header *h, struct cxms_err *err);
int __wrap_clock_handle(struct clock *c, const struct cxms_clock_ring *ring,
			const struct perf_event_header *h, struct cxms_err *err);

/* perf tells events apart by an id: in front of a sample's fields, behind those of other records.
 */
int __wrap_clock_handle(struct clock *c, const struct cxms_clock_ring *ring,
			const struct perf_event_header *h, struct cxms_err *err)
{
	const uint8_t *body = (const uint8_t *)(h + 1);
	bool is_sample = h->type == PERF_RECORD_SAMPLE;
	struct cxms_buf b = {0};

	if (is_sample && ring->event == CXMS_PERF_SIDE) /* a fault that has its own record */
		return __real_clock_handle(c, ring, h, err);
	if (is_sample)
		cxms_buf_put_u64(&b, pw_id(ring->event));
	cxms_buf_put(&b, body, h->size - sizeof(*h));
	if (!is_sample)
		cxms_buf_put_u64(&b, pw_id(ring->event));
	if (h->type == PERF_RECORD_LOST)
		memcpy(b.data, &(uint64_t){pw_id(ring->event)}, 8);
	pw_record(&taken, h->type, h->misc, &b);
	cxms_buf_fini(&b);
	return __real_clock_handle(c, ring, h, err);
}

struct events {
	struct cxms_event *ev;
	size_t n, cap;
	const struct cxms_event *site[4096];
};

/* Those that records tell: looks at /proc have no place in a file. */
static bool is_kept(const struct cxms_event *ev)
{
	return ev->kind != CXMS_EV_AREA && ev->kind != CXMS_EV_MAP && ev->kind != CXMS_EV_SITE;
}

static void keep(struct events *e, const struct cxms_event *ev)
{
	if (ev->kind == CXMS_EV_SITE && ev->site.id < 4096) {
		struct cxms_event *copy = malloc(sizeof(*copy));

		assert_non_null(copy);
		*copy = *ev;
		e->site[ev->site.id] = copy;
	}
	if (!is_kept(ev))
		return;
	if (e->n == e->cap) {
		e->cap = e->cap ? 2 * e->cap : 4096;
		e->ev = realloc(e->ev, e->cap * sizeof(*e->ev));
		assert_non_null(e->ev);
	}
	e->ev[e->n++] = *ev;
}

static void free_events(struct events *e)
{
	for (size_t i = 0; i < 4096; i++)
		free((void *)(uintptr_t)e->site[i]);
	free(e->ev);
}

static void watch_live(struct events *e, struct cxms_totals *totals)
{
	char file[] = "/tmp/cxms_import_XXXXXX";
	char *argv[] = {(char *)(uintptr_t) "/proc/self/exe",
			(char *)(uintptr_t) "chase",
			file,
			(char *)(uintptr_t) "16",
			(char *)(uintptr_t) "300000",
			(char *)(uintptr_t) "2",
			NULL};
	struct cxms_source_cfg cfg = {.argv = argv, .period_ns = PERIOD_NS};
	struct cxms_source *s = NULL;
	struct cxms_event buf[256];
	bool end = false;
	int fd = mkstemp(file);
	size_t n;

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(cxms_source_open(SOURCE, &cfg, &s, NULL), 0);
	assert_int_equal(s->ops->start(s, NULL), 0);
	while (!end) {
		assert_int_equal(s->ops->read(s, buf, 256, &n, &end, NULL), 0);
		for (size_t i = 0; i < n; i++)
			keep(e, &buf[i]);
	}
	assert_int_equal(s->ops->stop(s, totals, NULL), 0);
	cxms_source_free(s);
	unlink(file);
}

static int file_of(bool is_packed)
{
	struct cxms_buf out = {0};
	int fd = memfd_create("perf.data", MFD_CLOEXEC);

	if (is_packed)
		pw_compress(&taken, 5000);
	pw_file(&taken, &out);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, out.data, out.len), out.len);
	cxms_buf_fini(&out);
	return fd;
}

static void import(int fd, struct events *e, struct cxms_totals *totals)
{
	struct cxms_input in = {0};
	struct cxms_warnings warnings = {0};
	struct cxms_import_cfg cfg = {.in = &in, .warnings = &warnings};
	struct cxms_import *i = NULL;
	struct cxms_event buf[256];
	bool end = false;
	size_t n;

	assert_int_equal(cxms_input_open(&in, fd, "perf.data", NULL), 0);
	assert_int_equal(cxms_import_open(&cxms_import_perf_data, &cfg, &i, NULL), 0);
	assert_true(i->facts.source_caps & CXMS_SRC_SWITCHES);
	while (!end) {
		assert_int_equal(i->ops->read(i, buf, 256, &n, &end, NULL), 0);
		for (size_t k = 0; k < n; k++)
			keep(e, &buf[k]);
	}
	i->ops->stop(i, totals);
	assert_false(i->is_cut);
	cxms_import_free(i);
	cxms_input_close(&in);
	close(fd);
}

/*
 * Thread-local addresses need the living process, the vdso's code and mappings that no record tells
 * too: there the import knows less. What it knows is the same.
 */
static void check_sample(const struct events *live, const struct events *imp,
			 const struct cxms_sample *a, const struct cxms_sample *b, unsigned *n_same)
{
	const struct cxms_site *sa = &live->site[a->site]->site, *sb = &imp->site[b->site]->site;

	assert_int_equal(a->weight_ns, b->weight_ns);
	assert_int_equal(a->cpu, b->cpu);
	if (sb->kind == CXMS_SITE_UNDECODED || sa->kind == CXMS_SITE_UNDECODED)
		return;
	assert_int_equal(sa->ip, sb->ip);
	assert_int_equal(sa->kind, sb->kind);
	assert_int_equal(sa->flags, sb->flags);
	assert_int_equal(sa->loop_insns, sb->loop_insns);
	if (a->flags & b->flags & CXMS_SAMPLE_ADDR)
		assert_int_equal(a->addr, b->addr);
	*n_same += a->flags == b->flags;
}

static void compare(const struct events *live, const struct events *imp)
{
	unsigned n_sample = 0, n_same = 0;
	uint64_t shift_ns = 0;

	assert_int_equal(live->n, imp->n);
	for (size_t i = 0; i < live->n; i++) {
		const struct cxms_event *a = &live->ev[i], *b = &imp->ev[i];

		assert_int_equal(a->kind, b->kind);
		assert_int_equal(a->pid, b->pid);
		assert_int_equal(a->tid, b->tid);
		/* A recording begins with its first record, live a little before. */
		if (a->kind == CXMS_EV_SAMPLE && !n_sample)
			shift_ns = a->time_ns - b->time_ns;
		if (a->kind == CXMS_EV_SAMPLE || a->kind == CXMS_EV_EXIT)
			assert_int_equal(a->time_ns - b->time_ns, shift_ns);
		if (a->kind == CXMS_EV_FAULT)
			assert_int_equal(a->fault.addr, b->fault.addr);
		if (a->kind == CXMS_EV_RUN)
			assert_int_equal(a->run.end, b->run.end);
		if (a->kind == CXMS_EV_SAMPLE) {
			n_sample++;
			check_sample(live, imp, &a->sample, &b->sample, &n_same);
		}
	}
	assert_true(n_sample > 20);
	/* Start-up code of the C library is where the rest is; the chase is more than this share.
	 */
	assert_true(n_same * 10 >= n_sample * 9);
}

static void test_the_same_samples_give_the_same_events(void **state)
{
	struct events live = {0}, imp = {0}, packed = {0};
	struct cxms_totals a, b, c;
	static const char *const names[CXMS_PERF_EVENT_COUNT] = {"samples", "faults", "side"};

	(void)state;
	WATCH_NEEDS(SOURCE);
	for (int i = 0; i < CXMS_PERF_EVENT_COUNT; i++) {
		struct perf_event_attr *attr = &taken.attr[taken.n_event++];

		cxms_perf_attr((enum cxms_perf_event)i, PERIOD_NS, 0, false, attr);
		attr->size = PERF_ATTR_SIZE_VER7;
		attr->sample_type |= PERF_SAMPLE_IDENTIFIER;
		taken.name[i] = names[i];
	}
	watch_live(&live, &a);
	import(file_of(false), &imp, &b);
	compare(&live, &imp);
	assert_int_equal(a.samples, b.samples);
	assert_int_equal(a.lost_samples, b.lost_samples);
	import(file_of(true), &packed, &c);
	compare(&imp, &packed);
	assert_int_equal(b.duration_ns, c.duration_ns);
	free_events(&live);
	free_events(&imp);
	free_events(&packed);
	cxms_buf_fini(&taken.data);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_samples_give_the_same_events),
	};

	watch_program_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
