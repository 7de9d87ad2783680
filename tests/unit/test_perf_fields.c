#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "base/rng.h"
#include "perf_write.h"
#include "source/perf_fields.h"

#define ALL_BITS ((UINT64_C(1) << 25) - 1)

static const struct pw_fields sample = {
	.ip = 0x401000,
	.time_ns = 12345,
	.addr = 0x7f0000001000,
	.period = 777,
	.weight = 321,
	.data_src = 0x68100142,
	.phys = 0x1000,
	.pid = 42,
	.tid = 43,
	.cpu = 3,
	.abi = 2,
	.regs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
	.n_count = 2,
	.count = {100, 200},
};

static const struct perf_event_header *record(const struct pw *w)
{
	return (const void *)w->data.data;
}

static void check_value(uint64_t type, uint64_t bit, uint64_t got, uint64_t want)
{
	assert_int_equal(got, type & bit ? want : 0);
}

static void check_regs(uint64_t type, uint64_t bit, const struct cxms_perf_regs *regs)
{
	uint64_t v;

	assert_int_equal(cxms_perf_regs_get(regs, 16, &v), (type & bit) != 0);
	if (!(type & bit))
		return;
	assert_int_equal(v, sample.regs[8]);
	assert_true(cxms_perf_regs_get(regs, 23, &v));
	assert_int_equal(v, sample.regs[15]);
	assert_false(cxms_perf_regs_get(regs, 8, &v)); /* ip was not asked for */
}

static void check_sample(uint64_t type, uint64_t branch_type)
{
	struct pw w = {0};
	struct cxms_perf_read read = {0};
	struct cxms_perf_sample f;

	pw_event(&w, PERF_TYPE_RAW, 0, type, 1, "");
	w.attr[0].read_format = PERF_FORMAT_GROUP | PERF_FORMAT_ID;
	w.attr[0].branch_sample_type = branch_type;
	pw_sample(&w, &sample);
	assert_true(cxms_perf_sample_parse(&w.attr[0], record(&w), &f));
	check_value(type, PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_ID, f.id, pw_id(0));
	check_value(type, PERF_SAMPLE_IP, f.ip, sample.ip);
	check_value(type, PERF_SAMPLE_TID, f.pid, 42);
	check_value(type, PERF_SAMPLE_TID, f.tid, 43);
	check_value(type, PERF_SAMPLE_TIME, f.time_ns, sample.time_ns);
	check_value(type, PERF_SAMPLE_ADDR, f.addr, sample.addr);
	check_value(type, PERF_SAMPLE_CPU, f.cpu, 3);
	check_value(type, PERF_SAMPLE_PERIOD, f.period, sample.period);
	if (f.read)
		cxms_perf_read_fields(w.attr[0].read_format, f.read, f.read_bytes, &read);
	check_value(type, PERF_SAMPLE_READ, read.n, 2);
	check_value(type, PERF_SAMPLE_READ, read.count[1].value, 200);
	check_regs(type, PERF_SAMPLE_REGS_USER, &f.user);
	check_value(type, PERF_SAMPLE_WEIGHT_TYPE, f.weight, sample.weight);
	check_value(type, PERF_SAMPLE_DATA_SRC, f.data_src, sample.data_src);
	check_regs(type, PERF_SAMPLE_REGS_INTR, &f.intr);
	check_value(type, PERF_SAMPLE_PHYS_ADDR, f.phys, sample.phys);
	check_value(type, PERF_SAMPLE_DATA_PAGE_SIZE, f.data_page_bytes, 4096);
	check_value(type, PERF_SAMPLE_CODE_PAGE_SIZE, f.code_page_bytes, 4096);
	/* Every field that is cut is missed. */
	if (type & ~(uint64_t)PERF_SAMPLE_AUX) {
		((struct perf_event_header *)(void *)w.data.data)->size -= 8;
		assert_int_equal(cxms_perf_sample_parse(&w.attr[0], record(&w), &f),
				 (type & PERF_SAMPLE_AUX) != 0);
	}
	cxms_buf_fini(&w.data);
}

/* WEIGHT and WEIGHT_STRUCT are two forms of one field. */
static uint64_t legal(uint64_t type)
{
	return (type & PERF_SAMPLE_WEIGHT_TYPE) == PERF_SAMPLE_WEIGHT_TYPE
		       ? type & ~(uint64_t)PERF_SAMPLE_WEIGHT
		       : type;
}

static void test_each_field_alone_and_all_together(void **state)
{
	(void)state;
	for (int bit = 0; bit < 25; bit++)
		check_sample(UINT64_C(1) << bit, 0);
	check_sample(legal(ALL_BITS), 0);
	check_sample(legal(ALL_BITS), PERF_SAMPLE_BRANCH_HW_INDEX);
}

static void test_fields_in_any_combination(void **state)
{
	struct cxms_rng rng;

	(void)state;
	cxms_rng_init(&rng, 1);
	for (int i = 0; i < 2000; i++)
		check_sample(legal(cxms_rng_u64(&rng) & ALL_BITS),
			     i % 2 ? PERF_SAMPLE_BRANCH_HW_INDEX : 0);
}

/* Of other records the fields stand at the end, and only when they were asked for. */
static void test_trailer(void **state)
{
	const struct pw_fields at = {.time_ns = 99, .pid = 1, .tid = 2, .cpu = 3};
	struct cxms_perf_sample f;
	size_t body;

	(void)state;
	for (int bits = 0; bits < 64; bits++) {
		static const uint64_t field[] = {PERF_SAMPLE_TID, PERF_SAMPLE_TIME,
						 PERF_SAMPLE_ID,  PERF_SAMPLE_STREAM_ID,
						 PERF_SAMPLE_CPU, PERF_SAMPLE_IDENTIFIER};
		uint64_t type = PERF_SAMPLE_IP | PERF_SAMPLE_ADDR;
		struct pw w = {0};

		for (int i = 0; i < 6; i++)
			type |= bits >> i & 1 ? field[i] : 0;
		pw_event(&w, PERF_TYPE_RAW, 0, type, 1, "");
		pw_lost(&w, at, 5);
		assert_true(cxms_perf_trailer_fields(&w.attr[0], record(&w), &f, &body));
		assert_int_equal(body, 8 + 16);
		check_value(type, PERF_SAMPLE_TID, f.tid, 2);
		check_value(type, PERF_SAMPLE_TIME, f.time_ns, 99);
		check_value(type, PERF_SAMPLE_CPU, f.cpu, 3);
		check_value(type, PERF_SAMPLE_ID | PERF_SAMPLE_IDENTIFIER, f.id, pw_id(0));
		w.attr[0].sample_id_all = 0;
		assert_true(cxms_perf_trailer_fields(&w.attr[0], record(&w), &f, &body));
		assert_int_equal(body, w.data.len);
		assert_int_equal(f.time_ns, 0);
		cxms_buf_fini(&w.data);
	}
}

/* One counter, or a group; times and ids only where asked for. */
static void test_readings(void **state)
{
	static const uint64_t plain[] = {7, 100, 90, 5};
	static const uint64_t group[] = {2, 100, 7, 5, 8, 6};
	struct cxms_perf_read r;

	(void)state;
	assert_int_equal(cxms_perf_read_fields(PERF_FORMAT_TOTAL_TIME_ENABLED |
						       PERF_FORMAT_TOTAL_TIME_RUNNING |
						       PERF_FORMAT_ID,
					       (const void *)plain, sizeof(plain), &r),
			 sizeof(plain));
	assert_int_equal(r.n, 1);
	assert_int_equal(r.count[0].value, 7);
	assert_int_equal(r.count[0].id, 5);
	assert_int_equal(r.enabled_ns, 100);
	assert_int_equal(r.running_ns, 90);
	assert_int_equal(cxms_perf_read_fields(PERF_FORMAT_GROUP | PERF_FORMAT_ID |
						       PERF_FORMAT_TOTAL_TIME_ENABLED,
					       (const void *)group, sizeof(group), &r),
			 sizeof(group));
	assert_int_equal(r.n, 2);
	assert_int_equal(r.count[1].value, 8);
	assert_int_equal(r.count[1].id, 6);
	assert_int_equal(cxms_perf_read_fields(PERF_FORMAT_GROUP | PERF_FORMAT_ID,
					       (const void *)group, sizeof(group) - 16, &r),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_field_alone_and_all_together),
		cmocka_unit_test(test_fields_in_any_combination),
		cmocka_unit_test(test_trailer),
		cmocka_unit_test(test_readings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
