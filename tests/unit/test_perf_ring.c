#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "source/perf_rec.h"
#include "source/perf_ring.h"
#include "trace/event.h"

#define RING 512u

/* A ring of ours: the page the kernel would share, and its data. */
struct fake {
	struct perf_event_mmap_page page;
	uint64_t data[RING / 8];
	struct cxms_perf_ring ring;
};

static void fake_init(struct fake *f, uint64_t at)
{
	memset(f, 0, sizeof(*f));
	f->page.data_head = f->page.data_tail = at;
	assert_int_equal(cxms_perf_ring_attach(&f->ring, &f->page, f->data, RING, NULL), 0);
}

static void put(struct fake *f, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)f->data)[(f->page.data_head + i) % RING] = ((const uint8_t *)bytes)[i];
	f->page.data_head += len;
}

static void put_record(struct fake *f, uint32_t type, uint16_t size)
{
	uint8_t bytes[RING];
	struct perf_event_header h = {.type = type, .size = size};

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(type + i);
	memcpy(bytes, &h, sizeof(h));
	put(f, bytes, size);
}

static void expect_record(struct fake *f, uint32_t type, uint16_t size)
{
	bool bad = false;
	const struct perf_event_header *h = cxms_perf_ring_next(&f->ring, &bad);

	assert_non_null(h);
	assert_false(bad);
	assert_int_equal(h->type, type);
	assert_int_equal(h->size, size);
	for (size_t i = sizeof(*h); i < size; i++)
		assert_int_equal(((const uint8_t *)h)[i], (uint8_t)(type + i));
}

static void expect_end(struct fake *f, bool want_bad)
{
	bool bad = false;

	assert_null(cxms_perf_ring_next(&f->ring, &bad));
	assert_true(bad == want_bad);
	cxms_perf_ring_end(&f->ring);
	assert_true(f->page.data_tail == f->page.data_head);
}

static void test_records_come_whole_wherever_they_wrap(void **state)
{
	(void)state;
	for (uint64_t at = 0; at <= RING; at += 8) {
		struct fake f;

		fake_init(&f, UINT64_MAX - 255 + at); /* the counters themselves wrap too */
		put_record(&f, 7, 8);
		put_record(&f, 8, 176);
		put_record(&f, 9, 320);
		cxms_perf_ring_begin(&f.ring);
		expect_record(&f, 7, 8);
		expect_record(&f, 8, 176);
		expect_record(&f, 9, 320);
		expect_end(&f, false);
		cxms_perf_ring_close(&f.ring);
	}
}

static void test_a_round_sees_what_was_there_at_its_beginning(void **state)
{
	struct fake f;
	bool bad = false;

	(void)state;
	fake_init(&f, 0);
	put_record(&f, 1, 16);
	cxms_perf_ring_begin(&f.ring);
	put_record(&f, 2, 16);
	expect_record(&f, 1, 16);
	assert_null(cxms_perf_ring_next(&f.ring, &bad));
	cxms_perf_ring_end(&f.ring);
	assert_int_equal(f.page.data_tail, 16);
	cxms_perf_ring_begin(&f.ring);
	expect_record(&f, 2, 16);
	expect_end(&f, false);
	cxms_perf_ring_close(&f.ring);
}

static void test_headers_that_cannot_be_end_the_round(void **state)
{
	static const struct {
		uint16_t size;
		const char *why;
	} bad_sizes[] = {
		{0, "would never end"},
		{4, "shorter than a header"},
		{20, "not a multiple of 8"},
		{48, "longer than what was written"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad_sizes) / sizeof(*bad_sizes); i++) {
		struct perf_event_header h = {.type = 1, .size = bad_sizes[i].size};
		uint64_t more[3] = {0};
		struct fake f;

		fake_init(&f, 488);
		put(&f, &h, sizeof(h));
		put(&f, more, sizeof(more));
		cxms_perf_ring_begin(&f.ring);
		expect_end(&f, true);
		put_record(&f, 3, 24);
		cxms_perf_ring_begin(&f.ring);
		expect_record(&f, 3, 24);
		expect_end(&f, false);
		cxms_perf_ring_close(&f.ring);
	}
}

/* Records as the kernel lays them out (perf_event_open(2)). */
static void put_header(struct cxms_buf *b, uint32_t type, uint16_t misc)
{
	cxms_buf_clear(b);
	cxms_buf_put_u32(b, type);
	cxms_buf_put_u32(b, misc);
}

static void put_trailer(struct cxms_buf *b)
{
	cxms_buf_put_u32(b, 10);
	cxms_buf_put_u32(b, 11);
	cxms_buf_put_u64(b, 777);
	cxms_buf_put_u32(b, 3);
	cxms_buf_put_u32(b, 0);
}

static const struct perf_event_header *seal(struct cxms_buf *b)
{
	((struct perf_event_header *)(void *)b->data)->size = (uint16_t)b->len;
	return (const void *)b->data;
}

static void put_sample(struct cxms_buf *b, uint64_t abi)
{
	put_header(b, PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER);
	cxms_buf_put_u64(b, 0x401000);
	cxms_buf_put_u32(b, 10);
	cxms_buf_put_u32(b, 11);
	cxms_buf_put_u64(b, 777);
	cxms_buf_put_u32(b, 3);
	cxms_buf_put_u32(b, 0);
	cxms_buf_put_u64(b, abi);
	for (uint64_t i = 0; abi && i < CXMS_PERF_REG_COUNT; i++)
		cxms_buf_put_u64(b, 1000 + i);
}

static void test_samples_carry_registers(void **state)
{
	struct cxms_buf b = {0};
	struct cxms_perf_rec r;

	(void)state;
	put_sample(&b, PERF_SAMPLE_REGS_ABI_64);
	assert_true(cxms_perf_rec_parse(CXMS_PERF_SAMPLES, seal(&b), &r));
	assert_int_equal(r.pid, 10);
	assert_int_equal(r.tid, 11);
	assert_int_equal(r.cpu, 3);
	assert_int_equal(r.time_ns, 777);
	assert_int_equal(r.sample.ip, 0x401000);
	assert_int_equal(r.sample.abi, PERF_SAMPLE_REGS_ABI_64);
	for (uint64_t i = 0; i < CXMS_PERF_REG_COUNT; i++)
		assert_int_equal(r.sample.gpr[i], 1000 + i);
	put_sample(&b, PERF_SAMPLE_REGS_ABI_NONE);
	assert_true(cxms_perf_rec_parse(CXMS_PERF_SAMPLES, seal(&b), &r));
	assert_null(r.sample.gpr);
	cxms_buf_fini(&b);
}

static void test_faults_carry_addresses(void **state)
{
	struct cxms_buf b = {0};
	static const enum cxms_perf_event events[] = {CXMS_PERF_FAULTS, CXMS_PERF_SIDE};
	struct cxms_perf_rec r;

	(void)state;
	put_header(&b, PERF_RECORD_SAMPLE, 0);
	cxms_buf_put_u64(&b, 0x401000);
	cxms_buf_put_u32(&b, 10);
	cxms_buf_put_u32(&b, 11);
	cxms_buf_put_u64(&b, 777);
	cxms_buf_put_u64(&b, 0x7f0000001000);
	cxms_buf_put_u32(&b, 3);
	cxms_buf_put_u32(&b, 0);
	seal(&b);
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		memset(&r, 0, sizeof(r));
		assert_true(cxms_perf_rec_parse(events[i], (const void *)b.data, &r));
		assert_true(r.fault.addr == 0x7f0000001000);
		assert_true(r.fault.ip == 0x401000);
		assert_int_equal(r.cpu, 3);
	}
	cxms_buf_fini(&b);
}

static void put_map(struct cxms_buf *b, uint16_t misc, uint8_t id_len, const char *path, size_t len)
{
	put_header(b, PERF_RECORD_MMAP2, misc);
	cxms_buf_put_u32(b, 20);
	cxms_buf_put_u32(b, 21);
	cxms_buf_put_u64(b, 0x400000);
	cxms_buf_put_u64(b, 0x2000);
	cxms_buf_put_u64(b, 0x1000);
	cxms_buf_put_u8(b, id_len);
	for (uint8_t i = 1; i < 24; i++)
		cxms_buf_put_u8(b, i);
	cxms_buf_put_u32(b, 5);
	cxms_buf_put_u32(b, 2);
	cxms_buf_put(b, path, len);
	put_trailer(b);
}

static void test_mappings_carry_a_build_id_or_an_inode(void **state)
{
	struct cxms_buf b = {0};
	struct cxms_perf_rec r;

	(void)state;
	put_map(&b, PERF_RECORD_MISC_MMAP_BUILD_ID, 20, "/bin/x\0", 8);
	assert_true(cxms_perf_rec_parse(CXMS_PERF_SIDE, seal(&b), &r));
	assert_int_equal(r.pid, 20);
	assert_int_equal(r.tid, 21);
	assert_int_equal(r.time_ns, 777);
	assert_int_equal(r.map.addr, 0x400000);
	assert_int_equal(r.map.len, 0x2000);
	assert_int_equal(r.map.file_off, 0x1000);
	assert_int_equal(r.map.prot, 5);
	assert_int_equal(r.map.build_id_len, 20);
	assert_int_equal(r.map.build_id[0], 4);
	assert_string_equal(r.map.path, "/bin/x");
	put_map(&b, 0, 1, "/bin/x\0", 8);
	assert_true(cxms_perf_rec_parse(CXMS_PERF_SIDE, seal(&b), &r));
	assert_null(r.map.build_id);
	assert_int_equal(r.map.maj, 0x03020101);
	assert_true(r.map.ino != 0);
	put_map(&b, PERF_RECORD_MISC_MMAP_BUILD_ID, 21, "/bin/x\0", 8);
	assert_false(cxms_perf_rec_parse(CXMS_PERF_SIDE, seal(&b), &r));
	put_map(&b, 0, 1, "no end  ", 8);
	assert_false(cxms_perf_rec_parse(CXMS_PERF_SIDE, seal(&b), &r));
	cxms_buf_fini(&b);
}

static void test_tasks_commands_switches_and_losses(void **state)
{
	struct cxms_buf b = {0};
	struct cxms_perf_rec r;

	(void)state;
	put_header(&b, PERF_RECORD_FORK, 0);
	for (uint32_t i = 1; i <= 4; i++)
		cxms_buf_put_u32(&b, i);
	cxms_buf_put_u64(&b, 777);
	put_trailer(&b);
	assert_true(cxms_perf_rec_parse(CXMS_PERF_SIDE, seal(&b), &r));
	assert_int_equal(r.pid, 1);
	assert_int_equal(r.task.parent_pid, 2);
	assert_int_equal(r.tid, 3);
	assert_int_equal(r.task.parent_tid, 4);
	put_header(&b, PERF_RECORD_COMM, PERF_RECORD_MISC_COMM_EXEC);
	cxms_buf_put_u32(&b, 5);
	cxms_buf_put_u32(&b, 6);
	cxms_buf_put(&b, "chase\0\0", 8);
	put_trailer(&b);
	assert_true(cxms_perf_rec_parse(CXMS_PERF_SIDE, seal(&b), &r));
	assert_int_equal(r.pid, 5);
	assert_string_equal(r.comm.name, "chase");
	put_header(&b, PERF_RECORD_SWITCH, PERF_RECORD_MISC_SWITCH_OUT);
	put_trailer(&b);
	assert_true(cxms_perf_rec_parse(CXMS_PERF_SIDE, seal(&b), &r));
	assert_int_equal(r.tid, 11);
	assert_int_equal(r.misc, PERF_RECORD_MISC_SWITCH_OUT);
	put_header(&b, PERF_RECORD_LOST, 0);
	cxms_buf_put_u64(&b, 1);
	cxms_buf_put_u64(&b, 42);
	put_trailer(&b);
	assert_true(cxms_perf_rec_parse(CXMS_PERF_FAULTS, seal(&b), &r));
	assert_int_equal(r.lost, 42);
	cxms_buf_fini(&b);
}

/* The cut record lies at the end of its own memory, so that a sanitizer sees a read beyond it. */
static void test_short_records_are_refused(void **state)
{
	static const uint32_t types[] = {PERF_RECORD_SAMPLE, PERF_RECORD_MMAP2, PERF_RECORD_COMM,
					 PERF_RECORD_FORK,   PERF_RECORD_LOST,	PERF_RECORD_SWITCH};
	struct cxms_perf_rec r;

	(void)state;
	for (size_t t = 0; t < sizeof(types) / sizeof(*types); t++) {
		for (uint16_t size = 8; size <= 96; size = (uint16_t)(size + 8)) {
			struct perf_event_header *h = calloc(1, size);

			assert_non_null(h);
			memset(h, 0xff, size);
			h->type = types[t];
			h->misc = 0;
			h->size = size;
			for (int e = 0; e < CXMS_PERF_EVENT_COUNT; e++) {
				bool ok = cxms_perf_rec_parse((enum cxms_perf_event)e, h, &r);

				assert_false(ok && size < 32);
			}
			free(h);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_come_whole_wherever_they_wrap),
		cmocka_unit_test(test_a_round_sees_what_was_there_at_its_beginning),
		cmocka_unit_test(test_headers_that_cannot_be_end_the_round),
		cmocka_unit_test(test_samples_carry_registers),
		cmocka_unit_test(test_faults_carry_addresses),
		cmocka_unit_test(test_mappings_carry_a_build_id_or_an_inode),
		cmocka_unit_test(test_tasks_commands_switches_and_losses),
		cmocka_unit_test(test_short_records_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
