/* The control messages in packets of the exact source; what stands between them is passed over. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "source/exact_walk.h"

/* A packet around @raw. */
static uint8_t *wrap(const void *raw, size_t len, size_t *total)
{
	struct cxms_xs_head h = {
		.magic = CXMS_XS_MAGIC, .bytes = (uint32_t)len, .pid = 77, .image = 2, .seq = 5};
	uint8_t *p = malloc(sizeof(h) + len); /* no more: one byte too far is noticed */

	assert_non_null(p);
	memcpy(p, &h, sizeof(h));
	if (len)
		memcpy(p + sizeof(h), raw, len);
	*total = sizeof(h) + len;
	return p;
}

static void note(void *arg, const struct cxms_xs_head *head, const struct cxms_walk_msg *m)
{
	struct cxms_buf *out = arg;

	assert_int_equal(head->pid, 77);
	assert_int_equal(head->image, 2);
	cxms_buf_printf(out, "%u t%u %llu %llu %u '%.*s'", m->type, m->tid,
			(unsigned long long)m->a, (unsigned long long)m->b, m->flag, (int)m->n_text,
			m->text ? m->text : "");
	if (m->type == CXMS_XC_COUNTS)
		cxms_buf_printf(out, " insns %llu timed %llu",
				(unsigned long long)m->count[CXMS_XN_INSNS],
				(unsigned long long)m->count[CXMS_XN_TIMED_INSNS]);
	cxms_buf_printf(out, "\n");
}

static int walk(const void *raw, size_t len, struct cxms_buf *out, struct cxms_err *err)
{
	size_t total;
	uint8_t *p = wrap(raw, len, &total);
	int rc = cxms_walk_packet(p, total, note, out, NULL, err);

	free(p);
	return rc;
}

#define RAW(s) s, sizeof(s) - 1

static void test_each_control_message_is_told(void **state)
{
	static const struct {
		const char *raw;
		size_t len;
		const char *want;
	} rows[] = {
		{RAW("\0\1\1\x4d\x05\0\1\3a\0b"), "1 t0 77 5 0 'a'\n"},
		{RAW("\0\1\1\x4d\x05\1\x80\2\0"), "1 t0 77 5 1 ''\n"},
		{RAW("\0\3\7\0\4\x08"), "4 t7 8 0 0 ''\n"},
		{RAW("\0\3\x80\1\0\5\x81\1"), "5 t128 129 0 0 ''\n"},
		{RAW("\0\6\1\0\7\2\1\0\x08\3"), "6 t0 1 0 0 ''\n7 t0 2 0 1 ''\n8 t0 3 0 1 ''\n"},
		{RAW("\0\x09\1\x80\1"), "9 t0 128 0 1 ''\n"},
		{RAW("\0\x0a\0"), "10 t0 0 0 0 ''\n"},
		{RAW("\0\x0b\x09\1"), "11 t0 9 0 1 ''\n"},
		{RAW("\0\x0c\x80\x20\x80\x40\5\2/x"), "12 t0 4096 8192 5 '/x'\n"},
		{RAW("\0\x0d\1\2"), "13 t0 1 2 0 ''\n"},
		{RAW("\0\x0e\1\2\3\0\x0f\4\0\x10\5"),
		 "14 t0 1 2 0 ''\n15 t0 4 2 0 ''\n16 t0 5 2 0 ''\n"},
		{RAW("\0\x12\4oops\0\x13\6\0\x14\x2a"),
		 "18 t0 0 0 0 'oops'\n19 t0 6 0 0 ''\n20 t0 42 0 0 ''\n"},
		{RAW("\0\x11\2\x64\5"), "17 t0 0 0 0 '' insns 100 timed 0\n"},
		{RAW("\0\x11\x16\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\3\4"),
		 "17 t0 0 0 0 '' insns 1 timed 2\n"}, /* more totals than are known */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_buf out = {0};
		struct cxms_err err = {0};

		if (walk(rows[i].raw, rows[i].len, &out, &err) < 0)
			fail_msg("row %zu: %s", i, err.msg);
		assert_string_equal(cxms_buf_text(&out), rows[i].want);
		cxms_buf_fini(&out);
	}
}

/* A block of code, then runs of it: left at its end, by an exit, and with events of every kind. */
static const char code[] =
	"\0\2\1\x80\x20"	     /* block 1 at 0x1000 */
	"\2\0\3\x48\x8b\x07\0\1\xc3" /* two instructions */
	"\2\0\x30\1\x30"	     /* two accesses */
	"\1\0\1\1\4"		     /* an exit, the end */
	"\4\5\0"		     /* runs: end; exit 0 */
	"\6\x10"		     /* end, 16 events */
	"\x40\0\1\0\2\0\x83\0\x80\1\4\0\1\5\0\2\6\0\1\7\1\1"
	"\x08\0\x42\x80\1\x09\0\5\x0a\0\5\x0b\1\x0c\0\2\x0c\1\4\3\x0d\1\x0e\0\5\4\7"
	"\0\4\x09"; /* a thread began */

static void test_code_and_events_are_passed_over(void **state)
{
	struct cxms_buf out = {0};
	struct cxms_err err = {0};

	(void)state;
	if (walk(RAW(code), &out, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(cxms_buf_text(&out), "4 t0 9 0 0 ''\n");
	cxms_buf_fini(&out);
}

static void test_a_packet_that_is_cut_in_a_message_is_refused(void **state)
{
	static const size_t whole[] = {0, 24, 25, 27, 78, sizeof(code) - 1}; /* message borders */
	size_t n_good = 0;

	(void)state;
	for (size_t len = 0; len < sizeof(code); len++) {
		struct cxms_buf out = {0};
		struct cxms_err err = {0};
		int rc = walk(code, len, &out, &err);
		bool is_whole = false;

		for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
			is_whole |= len == whole[i];
		n_good += rc == 0;
		if ((rc == 0) != is_whole)
			fail_msg("cut at %zu: %d", len, rc);
		if (rc < 0) {
			assert_int_equal(rc, -EBADMSG);
			assert_string_equal(err.msg, "packet 5 of process 77 holds a message that "
						     "is cut or not known");
		}
		cxms_buf_fini(&out);
	}
	assert_int_equal(n_good, sizeof(whole) / sizeof(whole[0]));
}

static void test_unknown_messages_and_events_are_refused(void **state)
{
	static const struct {
		const char *raw;
		size_t len;
	} rows[] = {
		{RAW("\0\0")},	 /* control 0 */
		{RAW("\0\x15")}, /* one past the last */
		{RAW("\0\xff")},
		{RAW("\6\1\x0f\0")},					 /* event past the last */
		{RAW("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")},	 /* number too long */
		{RAW("\0\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\1x")},	 /* text of 2^64-1 bytes */
		{RAW("\6\xff\xff\xff\xff\xff\xff\xff\xff\xff\1")},	 /* as many events */
		{RAW("\0\x11\xff\xff\xff\xff\xff\xff\xff\xff\xff\1")},	 /* as many totals */
		{RAW("\0\2\1\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1")}, /* as many instructions */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_buf out = {0};

		assert_int_equal(walk(rows[i].raw, rows[i].len, &out, NULL), -EBADMSG);
		cxms_buf_fini(&out);
	}
}

static void test_any_bytes_are_survived(void **state)
{
	struct cxms_rng rng;
	uint8_t raw[300];

	(void)state;
	cxms_rng_init(&rng, 7);
	for (int i = 0; i < 200000; i++) {
		struct cxms_buf out = {0};
		size_t n = (size_t)cxms_rng_below(&rng, sizeof(raw));

		for (size_t k = 0; k < n; k++)
			raw[k] = (uint8_t)(cxms_rng_below(&rng, 3) ? cxms_rng_below(&rng, 24)
								   : cxms_rng_u64(&rng));
		walk(raw, n, &out, NULL);
		cxms_buf_fini(&out);
	}
}

static void test_it_tells_whether_there_is_code(void **state)
{
	static const struct {
		const char *raw;
		size_t len;
		bool has_code;
	} rows[] = {
		{RAW("\0\3\7\4"), false},		 /* a thread, a run */
		{RAW("\0\3\7\0\x0b\x05\1"), false},	 /* a page */
		{RAW("\0\2\1\2\1\0\1\x90\0\0\0"), true}, /* a block of one instruction */
		{RAW("\0\1\1\x4d\x05\0\1\3a\0b"), true}, /* the first message of an image */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_buf out = {0};
		size_t total;
		uint8_t *p = wrap(rows[i].raw, rows[i].len, &total);
		bool has_code = !rows[i].has_code;

		assert_int_equal(cxms_walk_packet(p, total, note, &out, &has_code, NULL), 0);
		assert_int_equal(has_code, rows[i].has_code);
		cxms_buf_fini(&out);
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_control_message_is_told),
		cmocka_unit_test(test_code_and_events_are_passed_over),
		cmocka_unit_test(test_a_packet_that_is_cut_in_a_message_is_refused),
		cmocka_unit_test(test_unknown_messages_and_events_are_refused),
		cmocka_unit_test(test_any_bytes_are_survived),
		cmocka_unit_test(test_it_tells_whether_there_is_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
