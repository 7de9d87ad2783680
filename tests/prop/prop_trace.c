/* Properties of the recording format: identity, chunking, and what survives cuts and flipped bits.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rng.h"
#include "core/xstream.h"
#include "trace/trace.h"

#define SEED 20240601u

/*
 * A field added to an event must be generated and compared here. The positional initialisers of
 * gen_*() stop compiling then (-Wmissing-field-initializers), and so do these where the size moves.
 */
_Static_assert(sizeof(struct cxms_event) == 128,
	       "add the new field to gen_event() and same_event()");
_Static_assert(sizeof(struct cxms_sample) == 40, "add the new field");
_Static_assert(sizeof(struct cxms_fault) == 24, "add the new field");
_Static_assert(sizeof(struct cxms_run) == 16, "add the new field");
_Static_assert(sizeof(struct cxms_fork) == 8, "add the new field");
_Static_assert(sizeof(struct cxms_exit) == 8, "add the new field");
_Static_assert(sizeof(struct cxms_exec) == 8, "add the new field");
_Static_assert(sizeof(struct cxms_map) == 64, "add the new field");
_Static_assert(sizeof(struct cxms_area) == 32, "add the new field");
_Static_assert(sizeof(struct cxms_site) == 104, "add the new field");
_Static_assert(sizeof(struct cxms_lost) == 16, "add the new field");
_Static_assert(sizeof(struct cxms_exact) == 16, "add the new field");
_Static_assert(sizeof(struct cxms_mem) == 40, "add the new field");
_Static_assert(sizeof(struct cxms_counter) == 16, "add the new field");
_Static_assert(sizeof(struct cxms_count) == 32, "add the new field");
_Static_assert(sizeof(struct cxms_watch) == 48, "add the new field");
_Static_assert(CXMS_EV_KIND_END == 16, "add the new kind");

/* Values where coders break: 0, 1, all ones, a power of two, few bits, any. */
static uint64_t any64(struct cxms_rng *rng)
{
	switch (cxms_rng_below(rng, 6)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX - cxms_rng_below(rng, 2);
	case 2:
		return 1ull << cxms_rng_below(rng, 64);
	case 3:
		return cxms_rng_below(rng, 200);
	case 4:
		return 0x7f0000000000ull + cxms_rng_below(rng, 1u << 28);
	default:
		return cxms_rng_u64(rng);
	}
}

static uint32_t any32(struct cxms_rng *rng)
{
	return (uint32_t)any64(rng);
}

static uint16_t any16(struct cxms_rng *rng)
{
	return (uint16_t)any64(rng);
}

static uint8_t any8(struct cxms_rng *rng)
{
	return (uint8_t)any64(rng);
}

static uint8_t below8(struct cxms_rng *rng, unsigned n)
{
	return (uint8_t)cxms_rng_below(rng, n);
}

/* Its length takes two bytes as a varint. */
static const char long_path[] = "/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
				"/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static const char *any_text(struct cxms_rng *rng)
{
	static const char *const texts[] = {
		"",	   "/usr/bin/env",
		"[heap]",  "//anon",
		"a",	   "/with space/and \xff\x80 bytes\n",
		long_path,
	};

	return texts[cxms_rng_below(rng, sizeof(texts) / sizeof(texts[0]))];
}

static struct cxms_site gen_site(struct cxms_rng *rng)
{
	return (struct cxms_site){
		.id = any32(rng),
		.function_off = any32(rng),
		.ip = any64(rng),
		.kind = below8(rng, 6),
		.access_bytes = any8(rng),
		.flags = any16(rng),
		.loop_insns = any16(rng),
		.count_reg = any8(rng),
		.base = any8(rng),
		.index = any8(rng),
		.scale = any8(rng),
		.turn_lines = any8(rng),
		.object_off = any32(rng),
		.disp = (int64_t)any64(rng),
		.loop_ip = any64(rng),
		.stride = (int64_t)any64(rng),
		.step = (int64_t)any64(rng),
		.outer_reg = any8(rng),
		.outer_step = (int64_t)any64(rng),
		.outer_back = any16(rng),
		.made_at = any16(rng),
		.ahead_ip = any64(rng),
		.ahead_bytes = any16(rng),
		.function = any_text(rng),
		.object = any_text(rng),
	};
}

static struct cxms_map gen_map(struct cxms_rng *rng)
{
	struct cxms_map m = {any64(rng),
			     any64(rng),
			     any64(rng),
			     any32(rng),
			     any32(rng),
			     {0},
			     below8(rng, CXMS_BUILD_ID_MAX + 1),
			     any_text(rng)};

	for (size_t i = 0; i < m.build_id_len; i++)
		m.build_id[i] = any8(rng);
	return m;
}

/* Packets of every size that matters; their bytes are drawn once. */
static const uint32_t packet_bytes[] = {32, 33, 40, 300, 5000, 65535, CXMS_XS_PACKET_MAX};
#define N_PACKET       (sizeof(packet_bytes) / sizeof(packet_bytes[0]))
#define N_SMALL_PACKET 3u

static const uint8_t *packet_at(size_t i)
{
	static uint8_t pool[N_PACKET][CXMS_XS_PACKET_MAX];
	static bool is_filled;
	struct cxms_rng rng;

	cxms_rng_init(&rng, SEED);
	for (size_t k = 0; k < N_PACKET && !is_filled; k++) {
		struct cxms_xs_head h = {.magic = CXMS_XS_MAGIC,
					 .bytes = packet_bytes[k] - (uint32_t)sizeof(h),
					 .pid = any32(&rng),
					 .image = any32(&rng),
					 .seq = any64(&rng),
					 .insns = any64(&rng)};

		for (size_t b = 0; b < packet_bytes[k]; b++)
			pool[k][b] = any8(&rng);
		memcpy(pool[k], &h, sizeof(h));
	}
	is_filled = true;
	return pool[i];
}

static struct cxms_event gen_packet(struct cxms_rng *rng, size_t n_size)
{
	struct cxms_event ev = {.kind = CXMS_EV_EXACT};
	size_t i = (size_t)cxms_rng_below(rng, n_size);
	struct cxms_xs_head h;

	ev.exact = (struct cxms_exact){packet_at(i), packet_bytes[i]};
	memcpy(&h, ev.exact.data, sizeof(h));
	ev.pid = h.pid;
	return ev;
}

static struct cxms_event gen_event(struct cxms_rng *rng, uint8_t kind)
{
	struct cxms_event ev = {.kind = kind};

	if (kind == CXMS_EV_EXACT) /* mostly small ones, or nothing else would be in the file */
		return gen_packet(rng, cxms_rng_below(rng, 50) ? N_SMALL_PACKET : N_PACKET);

	ev.pid = any32(rng);
	ev.tid = any32(rng);
	ev.time_ns = any64(rng);
	switch (kind) {
	case CXMS_EV_SAMPLE:
		ev.sample = (struct cxms_sample){any64(rng), any32(rng), any32(rng), any16(rng),
						 any16(rng), any64(rng), any64(rng)};
		break;
	case CXMS_EV_FAULT:
		ev.fault = (struct cxms_fault){any64(rng), any64(rng), below8(rng, 255)};
		break;
	case CXMS_EV_RUN:
		ev.run =
			(struct cxms_run){any64(rng), any16(rng), below8(rng, 4), below8(rng, 255)};
		break;
	case CXMS_EV_FORK:
		ev.fork = (struct cxms_fork){any32(rng), any32(rng)};
		break;
	case CXMS_EV_EXEC:
		ev.exec = (struct cxms_exec){any_text(rng)};
		break;
	case CXMS_EV_EXIT:
		ev.exit = (struct cxms_exit){any64(rng)};
		break;
	case CXMS_EV_MAP:
		ev.map = gen_map(rng);
		break;
	case CXMS_EV_AREA:
		ev.area = (struct cxms_area){any64(rng), any64(rng), any64(rng), any64(rng)};
		break;
	case CXMS_EV_SITE:
		ev.site = gen_site(rng);
		break;
	case CXMS_EV_LOST:
		ev.lost = (struct cxms_lost){any64(rng), any16(rng), below8(rng, 4)};
		break;
	case CXMS_EV_MEM:
		ev.mem = (struct cxms_mem){any64(rng), any64(rng),	any64(rng),
					   any32(rng), any32(rng),	any16(rng),
					   any16(rng), below8(rng, 10), below8(rng, 3)};
		break;
	case CXMS_EV_COUNTER:
		ev.counter = (struct cxms_counter){any32(rng), below8(rng, 3), below8(rng, 5),
						   any_text(rng)};
		break;
	case CXMS_EV_COUNT:
		ev.count = (struct cxms_count){any64(rng), any64(rng), any64(rng), any32(rng),
					       any32(rng)};
		break;
	case CXMS_EV_WATCH:
		ev.watch = (struct cxms_watch){any64(rng), any64(rng), any64(rng),    any64(rng),
					       any32(rng), any32(rng), below8(rng, 4)};
		break;
	default:
		break;
	}
	return ev;
}

static bool same_map(const struct cxms_map *a, const struct cxms_map *b)
{
	return a->addr == b->addr && a->len == b->len && a->file_off == b->file_off &&
	       a->prot == b->prot && a->flags == b->flags && a->build_id_len == b->build_id_len &&
	       memcmp(a->build_id, b->build_id, sizeof(a->build_id)) == 0 &&
	       strcmp(a->path, b->path) == 0;
}

static bool same_site(const struct cxms_site *a, const struct cxms_site *b)
{
	return a->id == b->id && a->ip == b->ip && a->kind == b->kind &&
	       a->access_bytes == b->access_bytes && a->flags == b->flags &&
	       a->loop_insns == b->loop_insns && a->count_reg == b->count_reg &&
	       a->base == b->base && a->index == b->index && a->scale == b->scale &&
	       a->turn_lines == b->turn_lines && a->disp == b->disp && a->loop_ip == b->loop_ip &&
	       a->step == b->step && a->outer_reg == b->outer_reg &&
	       a->outer_step == b->outer_step && a->outer_back == b->outer_back &&
	       a->made_at == b->made_at && a->ahead_ip == b->ahead_ip &&
	       a->ahead_bytes == b->ahead_bytes && a->stride == b->stride &&
	       a->function_off == b->function_off && a->object_off == b->object_off &&
	       strcmp(a->function, b->function) == 0 && strcmp(a->object, b->object) == 0;
}

static bool same_mem(const struct cxms_mem *a, const struct cxms_mem *b)
{
	return a->addr == b->addr && a->phys == b->phys && a->period == b->period &&
	       a->site == b->site && a->latency_cyc == b->latency_cyc && a->flags == b->flags &&
	       a->cpu == b->cpu && a->level == b->level && a->what == b->what;
}

static bool same_watch(const struct cxms_watch *a, const struct cxms_watch *b)
{
	return a->addr == b->addr && a->first_ns == b->first_ns && a->reuse_ns == b->reuse_ns &&
	       a->again_ns == b->again_ns && a->site == b->site && a->stands == b->stands &&
	       a->uses == b->uses;
}

static bool same_event(const struct cxms_event *a, const struct cxms_event *b)
{
	if (a->kind != b->kind || a->pid != b->pid || a->tid != b->tid || a->time_ns != b->time_ns)
		return false;
	switch (a->kind) {
	case CXMS_EV_SAMPLE:
		return a->sample.addr == b->sample.addr && a->sample.site == b->sample.site &&
		       a->sample.weight_ns == b->sample.weight_ns &&
		       a->sample.flags == b->sample.flags && a->sample.cpu == b->sample.cpu &&
		       a->sample.count == b->sample.count && a->sample.outer == b->sample.outer;
	case CXMS_EV_FAULT:
		return a->fault.addr == b->fault.addr && a->fault.ip == b->fault.ip &&
		       a->fault.flags == b->fault.flags;
	case CXMS_EV_RUN:
		return a->run.dur_ns == b->run.dur_ns && a->run.cpu == b->run.cpu &&
		       a->run.end == b->run.end && a->run.waited == b->run.waited;
	case CXMS_EV_FORK:
		return a->fork.parent_pid == b->fork.parent_pid &&
		       a->fork.parent_tid == b->fork.parent_tid;
	case CXMS_EV_EXEC:
		return strcmp(a->exec.name, b->exec.name) == 0;
	case CXMS_EV_MAP:
		return same_map(&a->map, &b->map);
	case CXMS_EV_AREA:
		return a->area.addr == b->area.addr && a->area.len == b->area.len &&
		       a->area.resident_bytes == b->area.resident_bytes &&
		       a->area.huge_bytes == b->area.huge_bytes;
	case CXMS_EV_SITE:
		return same_site(&a->site, &b->site);
	case CXMS_EV_LOST:
		return a->lost.count == b->lost.count && a->lost.cpu == b->lost.cpu &&
		       a->lost.what == b->lost.what;
	case CXMS_EV_EXACT:
		return a->exact.len == b->exact.len &&
		       memcmp(a->exact.data, b->exact.data, a->exact.len) == 0;
	case CXMS_EV_MEM:
		return same_mem(&a->mem, &b->mem);
	case CXMS_EV_COUNTER:
		return a->counter.id == b->counter.id && a->counter.scope == b->counter.scope &&
		       a->counter.unit == b->counter.unit &&
		       strcmp(a->counter.name, b->counter.name) == 0;
	case CXMS_EV_COUNT:
		return a->count.value == b->count.value &&
		       a->count.enabled_ns == b->count.enabled_ns &&
		       a->count.running_ns == b->count.running_ns &&
		       a->count.counter == b->count.counter && a->count.cpu == b->count.cpu;
	case CXMS_EV_WATCH:
		return same_watch(&a->watch, &b->watch);
	case CXMS_EV_EXIT:
		return a->exit.ready_ns == b->exit.ready_ns;
	default:
		return false;
	}
}

/* @kinds: a mask; a kind is drawn from it for each event. */
static struct cxms_event *gen_events(struct cxms_rng *rng, unsigned kinds, size_t n)
{
	struct cxms_event *ev = calloc(n, sizeof(*ev));

	assert_non_null(ev);
	for (size_t i = 0; i < n; i++) {
		uint8_t kind;

		do
			kind = (uint8_t)(1 + cxms_rng_below(rng, CXMS_EV_KIND_END - 1));
		while (!(kinds & 1u << kind));
		ev[i] = gen_event(rng, kind);
	}
	return ev;
}

static const char *const args[] = {"./program", "", "-x"};
static const struct cxms_trace_head head = {
	.facts = {.cpu = "some cpu", .n_cpu = 4, .source = "synth"},
	.argv = args,
	.n_argv = 3,
	.seed = 7,
};
static const struct cxms_totals totals = {.duration_ns = 5, .samples = 3};

/* Write in random portions; a flush every @per_block events (0: the writer's own limits). */
static int write_all(struct cxms_rng *rng, const struct cxms_event *ev, size_t n, size_t per_block)
{
	struct cxms_err err = {0};
	struct cxms_trace_writer *w = NULL;
	struct cxms_trace_head with = head;
	int fd = memfd_create("recording", MFD_CLOEXEC);
	size_t at = 0, in_block = 0;

	for (size_t i = 0; i < n; i++)
		if (ev[i].kind == CXMS_EV_EXACT)
			with.facts.source_caps |= CXMS_SRC_EXACT;
		else if (ev[i].kind == CXMS_EV_WATCH)
			with.facts.source_caps |= CXMS_SRC_WATCH;
		else if (ev[i].kind >= CXMS_EV_LOST)
			with.facts.source_caps |= CXMS_SRC_MEM;
	assert_true(fd >= 0);
	assert_int_equal(cxms_trace_writer_new(fd, &with, &w, &err), 0);
	while (at < n) {
		size_t count = 1 + (size_t)cxms_rng_below(rng, 300);

		if (per_block > 0 && count > per_block - in_block)
			count = per_block - in_block;
		if (count > n - at)
			count = n - at;
		assert_int_equal(cxms_trace_write(w, ev + at, count, &err), 0);
		at += count;
		in_block += count;
		if (in_block == per_block) {
			assert_int_equal(cxms_trace_flush(w, &err), 0);
			in_block = 0;
		}
	}
	assert_int_equal(cxms_trace_finish(w, &totals, &err), 0);
	assert_int_equal(cxms_trace_written_bytes(w), (uint64_t)lseek(fd, 0, SEEK_END));
	cxms_trace_writer_free(w);
	return fd;
}

/* Read on in random portions and compare with @ev. Return: events that came, -1 when one differs */
static long read_same(struct cxms_rng *rng, struct cxms_trace_reader *r,
		      const struct cxms_event *ev, size_t n)
{
	static struct cxms_event buf[5000];
	struct cxms_err err = {0};
	size_t at = 0, got;

	for (;;) {
		size_t cap = 1 + (size_t)cxms_rng_below(rng, cxms_rng_below(rng, 2) ? 5000 : 7);

		assert_int_equal(cxms_trace_read(r, buf, cap, &got, &err), 0);
		assert_true(got <= cap);
		if (got == 0)
			return (long)at;
		for (size_t i = 0; i < got; i++, at++)
			if (at >= n || !same_event(&buf[i], &ev[at]))
				return -1;
	}
}

static void check_identity(struct cxms_rng *rng, unsigned kinds, size_t n, size_t per_block)
{
	struct cxms_event *ev = gen_events(rng, kinds, n);
	int fd = write_all(rng, ev, n, per_block);
	struct cxms_trace_reader *r = NULL;
	struct cxms_err err = {0};
	uint64_t events = 0;

	assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &r, &err), 0);
	assert_int_equal(read_same(rng, r, ev, n), (long)n);
	assert_int_equal(cxms_trace_reader_state(r), CXMS_TRACE_COMPLETE);
	assert_string_equal(cxms_trace_reader_where(r), "");
	for (size_t k = 0; k < CXMS_EV_KIND_END; k++)
		events += cxms_trace_reader_stats(r)->events[k];
	assert_int_equal(events, n);
	assert_int_equal(cxms_trace_reader_stats(r)->bytes, (uint64_t)lseek(fd, 0, SEEK_END));
	cxms_trace_reader_close(r);
	close(fd);
	free(ev);
}

static void test_each_kind_alone_reads_back_as_written(void **state)
{
	struct cxms_rng rng;

	(void)state;
	for (unsigned kind = 1; kind < CXMS_EV_KIND_END; kind++) {
		cxms_rng_init(&rng, SEED + kind);
		check_identity(&rng, 1u << kind, 1, 0);
		check_identity(&rng, 1u << kind, 3000, 0);
		check_identity(&rng, 1u << kind, 3000, 1 + (size_t)cxms_rng_below(&rng, 700));
	}
}

static void test_all_kinds_together_read_back_as_written(void **state)
{
	static const size_t sizes[] = {0, 1, 1023, 1024, 1025, 65535, 65536, 65537, 150000};
	struct cxms_rng rng;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cxms_rng_init(&rng, SEED + i);
		check_identity(&rng, ~0u, sizes[i], 0);
	}
	for (unsigned i = 0; i < 40; i++) {
		unsigned kinds;

		cxms_rng_init(&rng, SEED + 100 + i);
		kinds = (unsigned)cxms_rng_u64(&rng) | 1u << (1 + i % (CXMS_EV_KIND_END - 1));
		check_identity(&rng, kinds, 1 + (size_t)cxms_rng_below(&rng, 4000),
			       1 + (size_t)cxms_rng_below(&rng, 500));
	}
}

#define SMALL_EVENTS	60u
#define SMALL_PACKETS	24u /* of these, at the end: a block holds events or packets */
#define SMALL_PER_BLOCK 12u

struct small {
	struct cxms_event *ev;
	uint8_t *bytes;
	size_t len;
	int fd; /* scratch for damaged copies */
};

static void small_init(struct small *s, struct cxms_rng *rng)
{
	int fd;

	s->ev = gen_events(rng, ~(1u << CXMS_EV_EXACT), SMALL_EVENTS);
	for (size_t i = SMALL_EVENTS - SMALL_PACKETS; i < SMALL_EVENTS; i++)
		s->ev[i] = gen_packet(rng, N_SMALL_PACKET);
	fd = write_all(rng, s->ev, SMALL_EVENTS, SMALL_PER_BLOCK);
	s->len = (size_t)lseek(fd, 0, SEEK_END);
	s->bytes = malloc(s->len);
	assert_non_null(s->bytes);
	assert_int_equal(pread(fd, s->bytes, s->len, 0), (ssize_t)s->len);
	close(fd);
	s->fd = memfd_create("damaged", MFD_CLOEXEC);
	assert_true(s->fd >= 0);
}

static void small_fini(struct small *s)
{
	close(s->fd);
	free(s->bytes);
	free(s->ev);
}

/* What is left of a damaged copy must be whole blocks from the start; true when it was readable */
static bool check_prefix(struct small *s, struct cxms_rng *rng, size_t len)
{
	struct cxms_trace_reader *r = NULL;
	struct cxms_err err = {0};
	char want[64];
	long got;
	int rc;

	assert_int_equal(ftruncate(s->fd, 0), 0);
	assert_int_equal(pwrite(s->fd, s->bytes, len, 0), (ssize_t)len);
	rc = cxms_trace_reader_open_fd(s->fd, "copy", &r, &err);
	if (rc < 0) {
		assert_int_equal(rc, -EINVAL);
		assert_non_null(strstr(err.msg, "'copy'"));
		return false;
	}
	got = read_same(rng, r, s->ev, SMALL_EVENTS);
	assert_true(got >= 0);
	assert_int_equal(got % SMALL_PER_BLOCK, 0);
	assert_int_equal(cxms_trace_reader_state(r), CXMS_TRACE_CUT);
	snprintf(want, sizeof(want), " of %zu: ", len);
	assert_non_null(strstr(cxms_trace_reader_where(r), want));
	assert_memory_equal(cxms_trace_reader_where(r), "cut at byte ", 12);
	assert_false(cxms_trace_reader_totals(r)->exit_known);
	assert_int_equal(cxms_trace_reader_head(r)->n_argv, 3);
	cxms_trace_reader_close(r);
	return true;
}

static void test_cut_anywhere_keeps_the_blocks_before(void **state)
{
	struct cxms_rng rng;
	struct small s;
	size_t readable = 0;

	(void)state;
	cxms_rng_init(&rng, SEED);
	small_init(&s, &rng);
	for (size_t len = 0; len < s.len; len++) {
		bool ok = check_prefix(&s, &rng, len);

		assert_true(ok || readable == 0); /* once the head is whole, always */
		readable += ok;
	}
	assert_true(readable > s.len / 2);
	small_fini(&s);
}

static void test_flipped_bit_anywhere_is_noticed(void **state)
{
	struct cxms_rng rng;
	struct small s;

	(void)state;
	cxms_rng_init(&rng, SEED + 1);
	small_init(&s, &rng);
	for (size_t bit = 0; bit < s.len * 8; bit++) {
		s.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		check_prefix(&s, &rng, s.len);
		s.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	small_fini(&s);
}

static void test_garbled_bytes_are_noticed(void **state)
{
	struct cxms_rng rng;
	struct small s;
	uint8_t saved[64];

	(void)state;
	cxms_rng_init(&rng, SEED + 2);
	small_init(&s, &rng);
	for (unsigned i = 0; i < 3000; i++) {
		size_t at = (size_t)cxms_rng_below(&rng, s.len);
		size_t n = 1 + (size_t)cxms_rng_below(&rng, sizeof(saved));

		n = n < s.len - at ? n : s.len - at;
		memcpy(saved, s.bytes + at, n);
		for (size_t b = 0; b < n; b++)
			s.bytes[at + b] = (uint8_t)cxms_rng_u64(&rng);
		if (memcmp(saved, s.bytes + at, n) != 0)
			check_prefix(&s, &rng, s.len);
		memcpy(s.bytes + at, saved, n);
	}
	small_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_alone_reads_back_as_written),
		cmocka_unit_test(test_all_kinds_together_read_back_as_written),
		cmocka_unit_test(test_cut_anywhere_keeps_the_blocks_before),
		cmocka_unit_test(test_flipped_bit_anywhere_is_noticed),
		cmocka_unit_test(test_garbled_bytes_are_noticed),
	};

	print_message("seed %u\n", SEED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
