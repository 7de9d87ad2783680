/* Samples of any layout, and perf's data source words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "source/perf_fields.h"
#include "source/perf_sample.h"
#include "trace/event.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The bytes of each field, in the kernel's order, and where they must arrive. */
struct field {
	uint64_t bit;
	unsigned n; /* words */
	uint64_t word[12];
};
static const struct field fields[] = {
	{PERF_SAMPLE_IDENTIFIER, 1, {0x1d1}},
	{PERF_SAMPLE_IP, 1, {0x401000}},
	{PERF_SAMPLE_TID, 1, {7ull | 8ull << 32}},
	{PERF_SAMPLE_TIME, 1, {1234}},
	{PERF_SAMPLE_ADDR, 1, {0x7f00}},
	{PERF_SAMPLE_ID, 1, {0x1d2}},
	{PERF_SAMPLE_STREAM_ID, 1, {0x57}},
	{PERF_SAMPLE_CPU, 1, {3}},
	{PERF_SAMPLE_PERIOD, 1, {1009}},
	{PERF_SAMPLE_READ, 8, {2, 100, 50, 11, 12, 13, 14, 15}}, /* group of two, one word short */
	{PERF_SAMPLE_CALLCHAIN, 3, {2, 0x111, 0x222}},
	{PERF_SAMPLE_RAW, 2, {12ull | 0xabcdull << 32, 0xef}},
	{PERF_SAMPLE_BRANCH_STACK, 5, {1, 99, 0xa, 0xb, 0xc}},
	{PERF_SAMPLE_REGS_USER, 3, {PERF_SAMPLE_REGS_ABI_64, 21, 22}},
	{PERF_SAMPLE_STACK_USER, 4, {16, 1, 2, 16}},
	{PERF_SAMPLE_WEIGHT, 1, {1ull << 40 | 5}},
	{PERF_SAMPLE_WEIGHT_STRUCT, 1, {400ull | 500ull << 32 | 600ull << 48}},
	{PERF_SAMPLE_DATA_SRC, 1, {0xda7a}},
	{PERF_SAMPLE_TRANSACTION, 1, {0x7a}},
	{PERF_SAMPLE_REGS_INTR, 2, {PERF_SAMPLE_REGS_ABI_64, 31}},
	{PERF_SAMPLE_PHYS_ADDR, 1, {0x1f00}},
	{PERF_SAMPLE_CGROUP, 1, {0xc6}},
	{PERF_SAMPLE_DATA_PAGE_SIZE, 1, {4096}},
	{PERF_SAMPLE_CODE_PAGE_SIZE, 1, {8192}},
};
#define FORMAT_READ                                                                                \
	(PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING |     \
	 PERF_FORMAT_ID | PERF_FORMAT_LOST)

struct made {
	struct perf_event_attr a;
	uint64_t words[80];
	size_t n;
};

static struct perf_event_header *head_of(struct made *m)
{
	return (void *)m->words;
}

static void make(struct made *m, uint64_t type)
{
	*m = (struct made){.a = {.sample_type = type,
				 .read_format = FORMAT_READ,
				 .branch_sample_type = PERF_SAMPLE_BRANCH_HW_INDEX,
				 .sample_regs_user = 0x3,
				 .sample_regs_intr = 0x10},
			   .n = 1};
	for (size_t i = 0; i < COUNT(fields); i++) {
		if (!(type & fields[i].bit))
			continue;
		memcpy(m->words + m->n, fields[i].word, fields[i].n * 8);
		m->n += fields[i].n;
		if (fields[i].bit == PERF_SAMPLE_READ)
			m->words[m->n++] = 16; /* the ninth */
	}
	*head_of(m) = (struct perf_event_header){PERF_RECORD_SAMPLE, 2, (uint16_t)(m->n * 8)};
}

static void check_reg(const struct cxms_perf_regs *regs, unsigned reg, uint64_t want)
{
	uint64_t got;

	assert_int_equal(regs->abi, want ? PERF_SAMPLE_REGS_ABI_64 : PERF_SAMPLE_REGS_ABI_NONE);
	assert_int_equal(cxms_perf_regs_get(regs, reg, &got), want != 0);
	if (want)
		assert_int_equal(got, want);
	assert_false(cxms_perf_regs_get(regs, 9, &got)); /* not asked for */
}

static void check_read(const struct made *m, const struct cxms_perf_sample *s)
{
	struct cxms_perf_read read;

	assert_int_equal(s->read != NULL, !!(m->a.sample_type & PERF_SAMPLE_READ));
	if (!s->read)
		return;
	assert_int_equal(cxms_perf_read_fields(FORMAT_READ, s->read, s->read_bytes, &read),
			 s->read_bytes);
	assert_int_equal(read.enabled_ns, 100);
	assert_int_equal(read.running_ns, 50);
	assert_int_equal(read.n, 2);
	assert_int_equal(read.count[1].value, 14);
	assert_int_equal(read.count[1].id, 15);
}

/* What must be there when its bit is set, and zero when not. */
static void check(const struct made *m, const struct cxms_perf_sample *s)
{
	uint64_t t = m->a.sample_type;
#define WANT(bit, value) (t & PERF_SAMPLE_##bit ? (value) : 0)

	assert_int_equal(s->misc, 2);
	assert_int_equal(s->id, t & PERF_SAMPLE_ID ? 0x1d2 : WANT(IDENTIFIER, 0x1d1));
	assert_int_equal(s->ip, WANT(IP, 0x401000));
	assert_int_equal(s->pid, WANT(TID, 7));
	assert_int_equal(s->tid, WANT(TID, 8));
	assert_int_equal(s->time_ns, WANT(TIME, 1234));
	assert_int_equal(s->addr, WANT(ADDR, 0x7f00));
	assert_int_equal(s->stream_id, WANT(STREAM_ID, 0x57));
	assert_int_equal(s->cpu, WANT(CPU, 3));
	assert_int_equal(s->period, WANT(PERIOD, 1009));
	check_read(m, s);
	assert_int_equal(s->raw_bytes, WANT(RAW, 12));
	if (s->raw_bytes)
		assert_memory_equal(s->raw, "\xcd\xab\0\0\xef\0\0\0\0\0\0\0", 12);
	check_reg(&s->user, 1, WANT(REGS_USER, 22));
	check_reg(&s->intr, 4, WANT(REGS_INTR, 31));
	assert_int_equal(s->weight,
			 t & PERF_SAMPLE_WEIGHT_STRUCT ? 400 : WANT(WEIGHT, 1ull << 40 | 5));
	assert_int_equal(s->data_src, WANT(DATA_SRC, 0xda7a));
	assert_int_equal(s->transaction, WANT(TRANSACTION, 0x7a));
	assert_int_equal(s->phys, WANT(PHYS_ADDR, 0x1f00));
	assert_int_equal(s->cgroup, WANT(CGROUP, 0xc6));
	assert_int_equal(s->data_page_bytes, WANT(DATA_PAGE_SIZE, 4096));
	assert_int_equal(s->code_page_bytes, WANT(CODE_PAGE_SIZE, 8192));
#undef WANT
}

/* Read whole, then with every possible cut: each shorter record is refused. Copied to memory of
 * just its size, so that a sanitizer sees one byte too many. */
static void check_layout(uint64_t type)
{
	struct cxms_perf_sample s;
	struct made m;

	make(&m, type);
	assert_true(cxms_perf_sample_parse(&m.a, head_of(&m), &s));
	check(&m, &s);
	for (size_t n = 1; n < m.n; n++) {
		struct perf_event_header *cut = malloc(n * 8);

		assert_non_null(cut);
		memcpy(cut, m.words, n * 8);
		cut->size = (uint16_t)(n * 8);
		assert_false(cxms_perf_sample_parse(&m.a, cut, &s));
		free(cut);
	}
}

static void test_each_field_alone_and_every_pair(void **state)
{
	(void)state;
	check_layout(0);
	for (size_t i = 0; i < COUNT(fields); i++) {
		for (size_t k = i; k < COUNT(fields); k++) {
			uint64_t type = fields[i].bit | fields[k].bit;

			if ((type & PERF_SAMPLE_WEIGHT_TYPE) != PERF_SAMPLE_WEIGHT_TYPE)
				check_layout(type);
		}
	}
}

static void test_all_fields_together(void **state)
{
	uint64_t all = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(fields); i++)
		all |= fields[i].bit;
	check_layout(all & ~(uint64_t)PERF_SAMPLE_WEIGHT);
	check_layout(all & ~(uint64_t)PERF_SAMPLE_WEIGHT_STRUCT);
}

/* AUX data, and whatever kernels will put behind it. */
static void test_what_lies_behind_is_left_alone(void **state)
{
	static const uint64_t behind[] = {PERF_SAMPLE_AUX, 1ull << 40};
	struct cxms_perf_sample s;
	struct made m;

	(void)state;
	for (size_t i = 0; i < COUNT(behind); i++) {
		make(&m, PERF_SAMPLE_IP | PERF_SAMPLE_CODE_PAGE_SIZE);
		m.words[m.n++] = 77;
		head_of(&m)->size += 8;
		assert_true(cxms_perf_sample_parse(&m.a, head_of(&m), &s));
		check(&m, &s);
		m.a.sample_type |= behind[i];
		assert_true(cxms_perf_sample_parse(&m.a, head_of(&m), &s));
		check(&m, &s);
	}
}

/* Counts that would overflow a product of sizes. */
static void test_impossible_counts_are_refused(void **state)
{
	static const uint64_t types[] = {PERF_SAMPLE_READ, PERF_SAMPLE_CALLCHAIN, PERF_SAMPLE_RAW,
					 PERF_SAMPLE_BRANCH_STACK, PERF_SAMPLE_STACK_USER};
	static const uint64_t counts[] = {UINT64_MAX, UINT64_MAX / 8 + 2, 1ull << 61, 1ull << 32,
					  100};
	struct cxms_perf_sample s;

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		for (size_t k = 0; k < COUNT(counts); k++) {
			struct made m;

			make(&m, types[i]);
			m.words[1] = counts[k] | (types[i] == PERF_SAMPLE_RAW ? 0xffff : 0);
			assert_false(cxms_perf_sample_parse(&m.a, head_of(&m), &s));
		}
	}
}

#define NUM(n) ((uint64_t)(n) << PERF_MEM_LVLNUM_SHIFT)
#define REMOTE ((uint64_t)PERF_MEM_REMOTE_REMOTE << PERF_MEM_REMOTE_SHIFT)
#define LVL(l) ((uint64_t)(PERF_MEM_LVL_##l) << PERF_MEM_LVL_SHIFT)
#define TLB(t) ((uint64_t)(PERF_MEM_TLB_##t) << PERF_MEM_TLB_SHIFT)
#define LOCKED ((uint64_t)PERF_MEM_LOCK_LOCKED << PERF_MEM_LOCK_SHIFT)

static const struct {
	uint64_t word;
	uint8_t level;
	uint16_t flags;
	const char *why;
} sources[] = {
	{0, CXMS_MEM_UNKNOWN, 0, "nothing said"},
	{NUM(PERF_MEM_LVLNUM_NA), CXMS_MEM_UNKNOWN, 0, "not available"},
	{NUM(PERF_MEM_LVLNUM_L1), CXMS_MEM_L1, 0, ""},
	{NUM(PERF_MEM_LVLNUM_LFB), CXMS_MEM_LFB, 0, ""},
	{NUM(PERF_MEM_LVLNUM_L2), CXMS_MEM_L2, 0, ""},
	{NUM(PERF_MEM_LVLNUM_L3), CXMS_MEM_LLC, 0, ""},
	{NUM(PERF_MEM_LVLNUM_RAM), CXMS_MEM_LOCAL_DRAM, 0, ""},
	{NUM(PERF_MEM_LVLNUM_RAM) | REMOTE, CXMS_MEM_REMOTE_DRAM, 0, "another socket"},
	{NUM(PERF_MEM_LVLNUM_L3) | REMOTE, CXMS_MEM_REMOTE_CACHE, 0, ""},
	{NUM(PERF_MEM_LVLNUM_ANY_CACHE) | REMOTE, CXMS_MEM_REMOTE_CACHE, 0, ""},
	{NUM(PERF_MEM_LVLNUM_CXL), CXMS_MEM_CXL, 0, "Zen 4 extension memory"},
	{NUM(PERF_MEM_LVLNUM_PMEM) | REMOTE, CXMS_MEM_CXL, 0, "the code Granite Rapids uses"},
	{NUM(PERF_MEM_LVLNUM_IO), CXMS_MEM_UNCACHED, 0, ""},
	{LVL(HIT) | LVL(L3), CXMS_MEM_LLC, 0, "old coding"},
	{LVL(MISS) | LVL(L3), CXMS_MEM_UNKNOWN, 0, "a miss does not say who served"},
	{LVL(HIT) | LVL(LOC_RAM), CXMS_MEM_LOCAL_DRAM, 0, ""},
	{LVL(MISS) | LVL(REM_RAM1), CXMS_MEM_REMOTE_DRAM, 0, "RAM is marked as a miss too"},
	{LVL(HIT) | LVL(REM_CCE1), CXMS_MEM_REMOTE_CACHE, 0, ""},
	{LVL(HIT) | LVL(UNC), CXMS_MEM_UNCACHED, 0, ""},
	{LVL(HIT) | LVL(L3) | NUM(PERF_MEM_LVLNUM_CXL), CXMS_MEM_CXL, 0, "the newer coding wins"},
	{TLB(MISS) | TLB(L2), CXMS_MEM_UNKNOWN, CXMS_MEM_WALK, "second level missed"},
	{TLB(HIT) | TLB(L1) | TLB(L2), CXMS_MEM_UNKNOWN, 0, "hit"},
	{TLB(HIT) | TLB(WK), CXMS_MEM_UNKNOWN, 0, "no miss"},
	{LOCKED, CXMS_MEM_UNKNOWN, CXMS_MEM_LOCKED, ""},
};

static void test_data_source_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sources); i++) {
		struct cxms_mem m = {.flags = CXMS_MEM_ADDR, .addr = 5};

		cxms_perf_data_source(sources[i].word, &m);
		if (m.level != sources[i].level)
			fail_msg("word %#llx is level %u, not %u: %s",
				 (unsigned long long)sources[i].word, m.level, sources[i].level,
				 sources[i].why);
		assert_int_equal(m.flags, sources[i].flags | CXMS_MEM_ADDR);
		assert_int_equal(m.addr, 5);
	}
	assert_true(cxms_perf_is_store(PERF_MEM_OP_STORE));
	assert_false(cxms_perf_is_store(PERF_MEM_OP_LOAD));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_field_alone_and_every_pair),
		cmocka_unit_test(test_all_fields_together),
		cmocka_unit_test(test_what_lies_behind_is_left_alone),
		cmocka_unit_test(test_impossible_counts_are_refused),
		cmocka_unit_test(test_data_source_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
