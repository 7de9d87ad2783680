#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "core/xstream.h"
#include "trace/trace.h"
#include "trace/trace_priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct cxms_trace_head exact_head = {
	.facts = {.source = "exact", .source_caps = CXMS_SRC_LIVE | CXMS_SRC_EXACT}};

static int new_file(void)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* A packet of @len bytes in all, at any address of @room. */
static struct cxms_event packet(uint8_t *room, uint32_t len, uint32_t pid, uint64_t seq)
{
	struct cxms_xs_head h = {.magic = CXMS_XS_MAGIC,
				 .bytes = len - (uint32_t)sizeof(h),
				 .pid = pid,
				 .image = 1,
				 .seq = seq,
				 .insns = 1000 * seq};
	struct cxms_event ev = {.kind = CXMS_EV_EXACT, .pid = pid};

	for (uint32_t i = 0; i < len; i++)
		room[i] = (uint8_t)(i * 7 + seq);
	memcpy(room, &h, sizeof(h));
	ev.exact = (struct cxms_exact){room, len};
	return ev;
}

static struct cxms_trace_reader *open_reader(int fd)
{
	struct cxms_trace_reader *r = NULL;
	struct cxms_err err = {0};

	if (cxms_trace_reader_open_fd(fd, "rec", &r, &err) < 0)
		fail_msg("%s", err.msg);
	return r;
}

static uint8_t version_of(int fd)
{
	uint8_t version;

	assert_int_equal(pread(fd, &version, 1, 8), 1);
	return version;
}

static void test_version_is_the_lowest_that_holds_what_the_source_gives(void **state)
{
	static const struct {
		unsigned caps;
		uint8_t version;
	} rows[] = {{CXMS_SRC_LIVE, 1},
		    {CXMS_SRC_EXACT, 2},
		    {CXMS_SRC_LIVE | CXMS_SRC_EXACT, 2},
		    {CXMS_SRC_MEM, 3},
		    {CXMS_SRC_COUNTERS, 3},
		    {CXMS_SRC_EXACT | CXMS_SRC_COUNTERS, 3}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cxms_trace_head head = {.facts = {.source_caps = rows[i].caps}};
		struct cxms_trace_writer *w = NULL;
		int fd = new_file();

		assert_int_equal(cxms_trace_writer_new(fd, &head, &w, NULL), 0);
		assert_int_equal(cxms_trace_finish(w, &(struct cxms_totals){0}, NULL), 0);
		cxms_trace_writer_free(w);
		assert_int_equal(version_of(fd), rows[i].version);
		cxms_trace_reader_close(open_reader(fd));
		close(fd);
	}
}

static void test_hardware_events_need_a_source_that_claims_them(void **state)
{
	static const struct cxms_event events[] = {
		{.kind = CXMS_EV_MEM},	 {.kind = CXMS_EV_COUNTER, .counter.name = "x"},
		{.kind = CXMS_EV_COUNT}, {.kind = CXMS_EV_LOST, .lost.what = CXMS_LOST_MEM},
		{.kind = CXMS_EV_WATCH},
	};

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(events); i++) {
		bool claims = i % 2;
		struct cxms_trace_head head = {.facts.source_caps =
						       claims ? CXMS_SRC_MEM | CXMS_SRC_WATCH
							      : CXMS_SRC_EXACT};
		struct cxms_trace_writer *w = NULL;
		int fd = new_file();

		assert_int_equal(cxms_trace_writer_new(fd, &head, &w, NULL), 0);
		assert_int_equal(cxms_trace_write(w, &events[i / 2], 1, NULL),
				 claims ? 0 : -EINVAL);
		cxms_trace_writer_free(w);
		close(fd);
	}
}

static void test_packets_and_events_keep_their_order(void **state)
{
	static uint8_t room[3][500];
	struct cxms_event in[6] = {
		{.kind = CXMS_EV_EXEC, .pid = 7, .exec = {"a"}},
		packet(room[0] + 1, 32, 7, 0),
		packet(room[1], 300, 8, 1),
		{.kind = CXMS_EV_FORK, .pid = 9, .fork = {7, 7}},
		{.kind = CXMS_EV_EXIT, .pid = 7, .time_ns = 5},
		packet(room[2] + 3, 33, UINT32_MAX, UINT64_MAX),
	};
	struct cxms_event out[10];
	struct cxms_trace_writer *w = NULL;
	struct cxms_trace_reader *r;
	size_t n, at = 0;
	int fd = new_file();

	(void)state;
	assert_int_equal(cxms_trace_writer_new(fd, &exact_head, &w, NULL), 0);
	assert_int_equal(cxms_trace_write(w, in, COUNT(in), NULL), 0);
	assert_int_equal(cxms_trace_finish(w, &(struct cxms_totals){0}, NULL), 0);
	cxms_trace_writer_free(w);
	r = open_reader(fd);
	for (;;) {
		assert_int_equal(cxms_trace_read(r, out, 10, &n, NULL), 0);
		for (size_t i = 0; i < n; i++, at++) {
			assert_int_equal(out[i].kind, in[at].kind);
			assert_int_equal(out[i].pid, in[at].pid);
			assert_int_equal(out[i].tid, 0);
			if (in[at].kind != CXMS_EV_EXACT)
				continue;
			assert_int_equal(out[i].time_ns, 0);
			assert_int_equal(out[i].exact.len, in[at].exact.len);
			assert_memory_equal(out[i].exact.data, in[at].exact.data, in[at].exact.len);
		}
		if (n == 0)
			break;
	}
	assert_int_equal(at, COUNT(in));
	assert_int_equal(cxms_trace_reader_state(r), CXMS_TRACE_COMPLETE);
	assert_int_equal(cxms_trace_reader_stats(r)->events[CXMS_EV_EXACT], 3);
	assert_int_equal(cxms_trace_reader_stats(r)->blocks, 6); /* head, E, P, E, P, totals */
	cxms_trace_reader_close(r);
	close(fd);
}

static void test_a_block_of_packets_holds_at_most_a_mebibyte(void **state)
{
	static uint8_t room[CXMS_XS_PACKET_MAX];
	struct cxms_event out[40];
	struct cxms_trace_writer *w = NULL;
	struct cxms_trace_reader *r;
	size_t n = 0;
	int fd = new_file();

	(void)state;
	assert_int_equal(cxms_trace_writer_new(fd, &exact_head, &w, NULL), 0);
	for (uint64_t i = 0; i < 17; i++) {
		struct cxms_event ev = packet(room, CXMS_XS_PACKET_MAX, 1, i);

		assert_int_equal(cxms_trace_write(w, &ev, 1, NULL), 0);
	}
	assert_int_equal(cxms_trace_finish(w, &(struct cxms_totals){0}, NULL), 0);
	cxms_trace_writer_free(w);
	r = open_reader(fd);
	assert_int_equal(cxms_trace_read(r, out, 40, &n, NULL), 0);
	assert_int_equal(n, 16); /* as many as fill it to the byte */
	assert_int_equal(cxms_trace_read(r, out, 40, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(cxms_trace_read(r, out, 40, &n, NULL), 0);
	assert_int_equal(n, 0);
	cxms_trace_reader_close(r);
	close(fd);
}

static void test_what_is_no_packet_is_refused(void **state)
{
	static uint8_t room[CXMS_XS_PACKET_MAX + 1];
	static const struct {
		uint32_t len, said; /* bytes given, and what the head says of them */
		const char *message;
	} rows[] = {
		{31, 32,
		 "cannot record 31 bytes that are no packet: a packet of the exact source "
		 "is cut"},
		{40, 39, "cannot record 40 bytes that are no packet: its length differs"},
		{40, 41,
		 "cannot record 40 bytes that are no packet: a packet of the exact source "
		 "claims 9 bytes"},
		{65537, 65537,
		 "cannot record 65537 bytes that are no packet: a packet of the "
		 "exact source claims 65505 bytes"},
	};
	struct cxms_trace_writer *w = NULL;
	struct cxms_event ev;
	struct cxms_err err = {0};
	int fd = new_file();

	(void)state;
	assert_int_equal(cxms_trace_writer_new(fd, &exact_head, &w, NULL), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		memset(&err, 0, sizeof(err));
		ev = packet(room, rows[i].said, 1, 1);
		ev.exact.len = rows[i].len;
		assert_int_equal(cxms_trace_write(w, &ev, 1, &err), -EINVAL);
		assert_string_equal(err.msg, rows[i].message);
	}
	memset(&err, 0, sizeof(err));
	room[0] ^= 1;
	assert_int_equal(cxms_trace_write(w, &ev, 1, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "no packet of the exact source begins here"));
	cxms_trace_writer_free(w);
	close(fd);
}

static void test_a_source_that_is_not_exact_records_no_packets(void **state)
{
	static uint8_t room[64];
	struct cxms_trace_head head = {.facts = {.source_caps = CXMS_SRC_LIVE}};
	struct cxms_event ev = packet(room, 64, 1, 0);
	struct cxms_trace_writer *w = NULL;
	struct cxms_err err = {0};
	int fd = new_file();

	(void)state;
	assert_int_equal(cxms_trace_writer_new(fd, &head, &w, NULL), 0);
	assert_int_equal(cxms_trace_write(w, &ev, 1, &err), -EINVAL);
	assert_string_equal(err.msg,
			    "cannot record a packet: the source does not claim to be exact");
	cxms_trace_writer_free(w);
	close(fd);
}

/* A file of @version with one block of the type and content, its checksum right. */
static int craft(uint32_t version, const struct cxms_block *b, const void *raw, size_t len)
{
	struct cxms_buf file = {0}, payload = {0}, out = {0};
	struct cxms_block head = {.type = CXMS_BLOCK_HEAD};
	struct cxms_codec *codec = NULL;
	int fd = new_file();

	assert_int_equal(cxms_codec_new(&codec, NULL), 0);
	cxms_file_head_put(&file, version);
	cxms_buf_put(&payload, "\x02\x01\x05", 3); /* seed */
	assert_int_equal(cxms_block_put(&head, &payload, codec, &out, NULL), 0);
	cxms_buf_put(&file, out.data, out.len);
	cxms_buf_clear(&out);
	cxms_buf_clear(&payload);
	cxms_buf_put(&payload, raw, len);
	assert_int_equal(cxms_block_put(b, &payload, codec, &out, NULL), 0);
	cxms_buf_put(&file, out.data, out.len);
	assert_int_equal(write(fd, file.data, file.len), (ssize_t)file.len);
	cxms_buf_fini(&out);
	cxms_buf_fini(&payload);
	cxms_buf_fini(&file);
	cxms_codec_free(codec);
	return fd;
}

static void test_bad_blocks_of_packets_end_the_reading(void **state)
{
	static uint8_t two[32 + 40], longer[CXMS_XS_PACKET_MAX + 1],
		large[CXMS_TRACE_EXACT_RAW_MAX + 1];
	const struct {
		uint32_t version, n_events;
		const uint8_t *raw;
		size_t len;
		const char *reason;
	} rows[] = {
		{2, 1, two, sizeof(two), "a block of packets has bytes left over"},
		{2, 3, two, sizeof(two), "a packet of the exact source is cut"},
		{2, 2, two, sizeof(two) - 1, "a packet of the exact source claims 8 bytes"},
		{2, 1, two, 31, "a packet of the exact source is cut"},
		{2, 1, two + 1, 64, "no packet of the exact source begins here"},
		{2, 1, longer, sizeof(longer), "a packet of the exact source claims 65505 bytes"},
		{2, 0, two, 32, "a block of packets has bytes left over"},
		{2, 1, large, sizeof(large), "a block of packets claims 1048577 bytes"},
		{1, 2, two, sizeof(two), "unknown block type 4"},
	};

	(void)state;
	packet(two, 32, 1, 0);
	packet(two + 32, 40, 1, 1);
	packet(longer, sizeof(longer), 1, 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cxms_block b = {.type = CXMS_BLOCK_EXACT, .n_events = rows[i].n_events};
		int fd = craft(rows[i].version, &b, rows[i].raw, rows[i].len);
		struct cxms_trace_reader *r = open_reader(fd);
		struct cxms_event ev[4];
		size_t n = 1;

		assert_int_equal(cxms_trace_read(r, ev, 4, &n, NULL), 0);
		assert_int_equal(n, 0);
		assert_int_equal(cxms_trace_reader_state(r), CXMS_TRACE_CUT);
		if (!strstr(cxms_trace_reader_where(r), rows[i].reason))
			fail_msg("'%s' lacks '%s'", cxms_trace_reader_where(r), rows[i].reason);
		cxms_trace_reader_close(r);
		close(fd);
	}
}

static void test_a_packet_is_printed_as_one_line(void **state)
{
	static uint8_t room[100];
	struct cxms_event ev = packet(room, 100, 1234, 5);
	struct cxms_buf line = {0};

	(void)state;
	cxms_event_print(&ev, &line);
	assert_string_equal(cxms_buf_text(&line),
			    "exact pid=1234 image=1 seq=5 insns=5000 bytes=100");
	cxms_buf_fini(&line);
}

static void test_figures_that_cannot_be_read_back_are_refused(void **state)
{
	struct cxms_trace_head head = exact_head;
	struct cxms_trace_writer *w = NULL;
	struct cxms_err err = {0};
	int fd = new_file();

	(void)state;
	head.facts.exact.cache[CXMS_EXACT_L2] =
		(struct cxms_exact_cache){.size_bytes = 1024, .ways = 4, .n_prefetch = 3};
	assert_int_equal(cxms_trace_writer_new(fd, &head, &w, &err), -EINVAL);
	assert_string_equal(err.msg, "cannot record a cache of 4 ways and 3 prefetchers");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_is_the_lowest_that_holds_what_the_source_gives),
		cmocka_unit_test(test_hardware_events_need_a_source_that_claims_them),
		cmocka_unit_test(test_packets_and_events_keep_their_order),
		cmocka_unit_test(test_a_block_of_packets_holds_at_most_a_mebibyte),
		cmocka_unit_test(test_what_is_no_packet_is_refused),
		cmocka_unit_test(test_a_source_that_is_not_exact_records_no_packets),
		cmocka_unit_test(test_bad_blocks_of_packets_end_the_reading),
		cmocka_unit_test(test_a_packet_is_printed_as_one_line),
		cmocka_unit_test(test_figures_that_cannot_be_read_back_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
