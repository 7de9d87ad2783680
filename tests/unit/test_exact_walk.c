/* The control messages in packets of the exact source, at the offsets that came with them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
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

#define MESSAGES 6u

struct message {
	const char *raw;
	size_t len;
	bool is_run; /* no control message: nothing tells of it */
};
#define M(s)                                                                                       \
	{                                                                                          \
		s, sizeof(s) - 1, false                                                            \
	}
#define RUN(s)                                                                                     \
	{                                                                                          \
		s, sizeof(s) - 1, true                                                             \
	}

/* A packet around @raw, and offsets behind it. */
static uint8_t *wrap(const void *raw, size_t len, const uint16_t *at, size_t n)
{
	struct cxms_xs_head h = {
		.magic = CXMS_XS_MAGIC, .bytes = (uint32_t)len, .pid = 77, .image = 2, .seq = 5};
	/* no more: one byte too far is noticed */
	uint8_t *p = malloc(sizeof(h) + len + n * sizeof(*at));

	assert_non_null(p);
	memcpy(p, &h, sizeof(h));
	if (len)
		memcpy(p + sizeof(h), raw, len);
	if (n)
		memcpy(p + sizeof(h) + len, at, n * sizeof(*at));
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

static int walk(const void *raw, size_t len, const uint16_t *at, size_t n, struct cxms_buf *out,
		struct cxms_err *err)
{
	uint8_t *p = wrap(raw, len, at, n);
	int rc = cxms_walk_packet(p, sizeof(struct cxms_xs_head) + len, n, note, out, NULL, err);

	free(p);
	return rc;
}

/* Up to MESSAGES of them, the last of which is cut by @cut bytes. */
static int walk_messages(const struct message *m, size_t cut, struct cxms_buf *out,
			 struct cxms_err *err)
{
	uint16_t at[MESSAGES];
	uint8_t raw[300];
	size_t len = 0, n = 0;

	for (size_t i = 0; i < MESSAGES && m[i].raw; i++) {
		if (!m[i].is_run)
			at[n++] = (uint16_t)(sizeof(struct cxms_xs_head) + len);
		memcpy(raw + len, m[i].raw, m[i].len);
		len += m[i].len;
	}
	return walk(raw, len - cut, at, n, out, err);
}

#define RAW(s) s, sizeof(s) - 1

static void test_each_control_message_is_told(void **state)
{
	static const struct {
		struct message m[MESSAGES];
		const char *want;
	} rows[] = {
		{{M("\0\1\1\x4d\x05\0\1\3a\0b")}, "1 t0 77 5 0 'a'\n"},
		{{M("\0\1\1\x4d\x05\1\x80\2\0")}, "1 t0 77 5 1 ''\n"},
		{{M("\0\3\7"), M("\0\4\x08")}, "4 t7 8 0 0 ''\n"},
		{{M("\0\3\x80\1"), M("\0\5\x81\1")}, "5 t128 129 0 0 ''\n"},
		{{M("\0\6\1"), M("\0\7\2\1"), M("\0\x08\3")},
		 "6 t0 1 0 0 ''\n7 t0 2 0 1 ''\n8 t0 3 0 1 ''\n"},
		{{M("\0\x09\1\x80\1")}, "9 t0 128 0 1 ''\n"},
		{{M("\0\x0a\0")}, "10 t0 0 0 0 ''\n"},
		{{M("\0\x0b\x09\1")}, "11 t0 9 0 1 ''\n"},
		{{M("\0\x0c\x80\x20\x80\x40\5\2/x")}, "12 t0 4096 8192 5 '/x'\n"},
		{{M("\0\x0d\1\2")}, "13 t0 1 2 0 ''\n"},
		{{M("\0\x0e\1\2\3"), M("\0\x0f\4"), M("\0\x10\5")},
		 "14 t0 1 2 0 ''\n15 t0 4 2 0 ''\n16 t0 5 2 0 ''\n"},
		{{M("\0\x12\4oops"), M("\0\x13\6"), M("\0\x14\x2a")},
		 "18 t0 0 0 0 'oops'\n19 t0 6 0 0 ''\n20 t0 42 0 0 ''\n"},
		{{M("\0\x11\2\x64\5")}, "17 t0 0 0 0 '' insns 100 timed 0\n"},
		{{M("\0\x11\x16\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\3\4")},
		 "17 t0 0 0 0 '' insns 1 timed 2\n"}, /* more totals than are known */
		{{M("\0\3\7"), RUN("\4"), M("\0\5\7"), RUN("\6\2\1\0\2\0")},
		 "5 t7 7 0 0 ''\n"}, /* runs of blocks between them */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_buf out = {0};
		struct cxms_err err = {0};

		if (walk_messages(rows[i].m, 0, &out, &err) < 0)
			fail_msg("row %zu: %s", i, err.msg);
		assert_string_equal(cxms_buf_text(&out), rows[i].want);
		cxms_buf_fini(&out);
	}
}

static void test_a_message_that_is_cut_is_refused(void **state)
{
	static const struct message rows[][MESSAGES] = {
		{M("\0\1\1\x4d\x05\0\1\3a\0b")},
		{M("\0\3\7"), M("\0\4\x88\1")},
		{M("\0\7\2\1")},
		{M("\0\x0c\x80\x20\x80\x40\5\2/x")},
		{M("\0\x0e\1\2\3")},
		{M("\0\x12\4oops")},
		{RUN("\4"), M("\0\x11\2\x64\5")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t last = 0;

		while (last + 1 < MESSAGES && rows[i][last + 1].raw)
			last++;
		for (size_t cut = 1; cut <= rows[i][last].len; cut++) {
			struct cxms_buf out = {0};
			struct cxms_err err = {0};

			if (walk_messages(rows[i], cut, &out, &err) != -EBADMSG)
				fail_msg("row %zu, cut by %zu", i, cut);
			assert_string_equal(err.msg, "packet 5 of process 77 holds a message that "
						     "is cut or not known");
			cxms_buf_fini(&out);
		}
	}
}

static void test_unknown_messages_are_refused(void **state)
{
	static const struct message rows[][MESSAGES] = {
		{M("\0\0")},   /* control 0 */
		{M("\0\x15")}, /* one past the last */
		{M("\0\xff")},
		{M("\4\3\7")},						 /* a run */
		{M("\0\3\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")}, /* number too long */
		{M("\0\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\1x")},	 /* text of 2^64-1 bytes */
		{M("\0\x11\xff\xff\xff\xff\xff\xff\xff\xff\xff\1")},	 /* as many totals */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_buf out = {0};

		if (walk_messages(rows[i], 0, &out, NULL) != -EBADMSG)
			fail_msg("row %zu", i);
		cxms_buf_fini(&out);
	}
}

static void test_offsets_that_lead_astray_are_refused(void **state)
{
	static const char two[] = "\0\3\7\0\5\7"; /* at 32 and 35 */
	static const struct {
		uint16_t at[2];
		int rc;
	} rows[] = {
		{{32, 35}, 0},		 {{35, 32}, -EBADMSG}, {{32, 32}, -EBADMSG},
		{{0, 35}, -EBADMSG},	 {{31, 35}, -EBADMSG}, {{33, 35}, -EBADMSG},
		{{32, 34}, -EBADMSG},	 {{32, 37}, -EBADMSG}, {{32, 38}, -EBADMSG},
		{{32, 65535}, -EBADMSG},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_buf out = {0};

		if (walk(RAW(two), rows[i].at, 2, &out, NULL) != rows[i].rc)
			fail_msg("row %zu", i);
		cxms_buf_fini(&out);
	}
}

static void test_any_bytes_are_survived(void **state)
{
	struct cxms_rng rng;
	uint16_t at[8];
	uint8_t raw[300];

	(void)state;
	cxms_rng_init(&rng, 7);
	for (int i = 0; i < 200000; i++) {
		struct cxms_buf out = {0};
		size_t n = (size_t)cxms_rng_below(&rng, sizeof(raw));
		size_t n_at = (size_t)cxms_rng_below(&rng, 8);

		for (size_t k = 0; k < n; k++)
			raw[k] = (uint8_t)(cxms_rng_below(&rng, 3) ? cxms_rng_below(&rng, 24)
								   : cxms_rng_u64(&rng));
		for (size_t k = 0; k < n_at; k++)
			at[k] = (uint16_t)(30 + (n + 4) * k / 8 + cxms_rng_below(&rng, 4));
		walk(raw, n, at, n_at, &out, NULL);
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
		{RAW("\0\x0b\x05\1"), false},		 /* a page */
		{RAW("\0\2\1\2\1\0\1\x90\0\0\0"), true}, /* a block of one instruction */
		{RAW("\0\1\1\x4d\x05\0\1\3a\0b"), true}, /* the first message of an image */
	};
	static const uint16_t first = sizeof(struct cxms_xs_head);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_buf out = {0};
		uint8_t *p = wrap(rows[i].raw, rows[i].len, &first, 1);
		bool has_code = !rows[i].has_code;

		assert_int_equal(cxms_walk_packet(p, sizeof(struct cxms_xs_head) + rows[i].len, 1,
						  note, &out, &has_code, NULL),
				 0);
		assert_int_equal(has_code, rows[i].has_code);
		cxms_buf_fini(&out);
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_control_message_is_told),
		cmocka_unit_test(test_a_message_that_is_cut_is_refused),
		cmocka_unit_test(test_unknown_messages_are_refused),
		cmocka_unit_test(test_offsets_that_lead_astray_are_refused),
		cmocka_unit_test(test_any_bytes_are_survived),
		cmocka_unit_test(test_it_tells_whether_there_is_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
