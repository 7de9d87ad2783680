/* The exact stream: what is told of well-formed packets, and that malformed ones are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/xread.h"
#include "xmessages.h"

struct packet {
	struct cxms_buf messages;
	uint8_t bytes[CXMS_XS_PACKET_MAX];
	size_t len;
};

static void close_packet(struct packet *p, uint32_t pid, uint32_t image, uint64_t seq)
{
	p->len = close_messages(&p->messages,
				(struct cxms_xs_head){.pid = pid, .image = image, .seq = seq},
				p->bytes);
	cxms_buf_fini(&p->messages);
}

static void control(struct packet *p, uint8_t type)
{
	put_control(&p->messages, type);
}

static void thread(struct packet *p, uint64_t tid)
{
	put_number(&p->messages, CXMS_XC_THREAD, tid);
}

static void hello(struct packet *p, uint32_t pid, uint32_t parent, bool fork, uint64_t below)
{
	put_hello(&p->messages, pid, parent, fork, below, "prog");
}

/* mov rcx, [rcx]; je: one load, one side exit */
static void block(struct packet *p, uint64_t id)
{
	struct cxms_buf *b = &p->messages;
	control(p, CXMS_XC_BLOCK);
	cxms_buf_put_varint(b, id);
	cxms_buf_put_varint(b, 0x401000);
	cxms_buf_put_varint(b, 2);
	cxms_buf_put_svarint(b, 0);
	cxms_buf_put_str(b, "\x48\x8b\x09");
	cxms_buf_put_svarint(b, 0);
	cxms_buf_put_str(b, "\x74\x05");
	cxms_buf_put_varint(b, 1);
	cxms_buf_put_varint(b, 0);
	cxms_buf_put_u8(b, CXMS_XA_LOAD | 3 << 4);
	cxms_buf_put_varint(b, 1);
	cxms_buf_put_varint(b, 1);
	cxms_buf_put_varint(b, 1);
	cxms_buf_put_u8(b, CXMS_XX_COND);
	cxms_buf_put_u8(b, CXMS_XX_JUMP);
}

struct seen {
	size_t runs, controls, runs_before; /* the last control message */
	uint32_t pid, tid;
	struct cxms_xrun last;
	struct cxms_xevent event[8];
	struct cxms_xcontrol control;
};

static int on_runs(void *arg, const struct cxms_xruns *runs, struct cxms_err *err)
{
	struct seen *s = arg;
	const struct cxms_xevent *behind = runs->run->event;
	(void)err;
	s->pid = runs->pid;
	s->tid = runs->tid;
	for (size_t i = 0; i < runs->n; i++) {
		s->runs++;
		s->last = runs->run[i];
		assert_ptr_equal(s->last.event, behind);
		for (size_t k = 0; k < s->last.n_event; k++)
			s->event[k % 8] = s->last.event[k];
		behind += s->last.n_event;
	}
	assert_int_equal(behind - runs->run->event, runs->n_event);
	return 0;
}

static int on_control(void *arg, const struct cxms_xcontrol *c, struct cxms_err *err)
{
	struct seen *s = arg;
	(void)err;
	s->controls++;
	s->control = *c;
	s->runs_before = s->runs;
	return 0;
}

static int read_packet(struct cxms_xread *r, const struct packet *p, struct seen *s)
{
	const struct cxms_xsink sink = {s, on_runs, on_control};
	struct cxms_err err = {0};
	int rc = cxms_xread_packet(r, p->bytes, p->len, &sink, &err);
	if (rc)
		assert_string_not_equal(err.msg, "");
	return rc;
}

static struct cxms_xread *reader(void)
{
	struct cxms_xread *r = NULL;
	assert_int_equal(cxms_xread_new(true, &r, NULL), 0);
	return r;
}

static void test_a_run_and_its_events(void **state)
{
	struct cxms_xread *r = reader();
	static struct packet p;
	struct seen s = {0};
	(void)state;
	thread(&p, 7);
	hello(&p, 42, 1, false, 1);
	block(&p, 1);
	cxms_buf_put_varint(&p.messages, 1 << 2 | 2 | 1); /* left by exit 0, with events */
	cxms_buf_put_varint(&p.messages, 0);
	cxms_buf_put_varint(&p.messages, 3);
	cxms_buf_put_u8(&p.messages, CXMS_XE_MEM | CXMS_XE_WALK);
	cxms_buf_put_varint(&p.messages, 0);
	cxms_buf_put_svarint(&p.messages, 1000);
	cxms_buf_put_u8(&p.messages, CXMS_XE_PF);
	cxms_buf_put_varint(&p.messages, 0);
	cxms_buf_put_u8(&p.messages, CXMS_XL_L2 | CXMS_XL_MEM << 4);
	cxms_buf_put_svarint(&p.messages, -3);
	cxms_buf_put_u8(&p.messages, CXMS_XE_MISP);
	cxms_buf_put_varint(&p.messages, 0);
	close_packet(&p, 42, 0, 0);
	assert_int_equal(read_packet(r, &p, &s), 0);
	assert_int_equal(s.runs, 1);
	assert_int_equal(s.pid, 42);
	assert_int_equal(s.tid, 7);
	assert_int_equal(s.last.exit, 0);
	assert_int_equal(s.last.block->addr, 0x401000);
	assert_int_equal(s.last.block->n_access, 1);
	assert_int_equal(s.event[0].line, 1000);
	assert_int_equal(s.event[0].flags, CXMS_XE_WALK);
	assert_int_equal(s.event[1].line, 997);
	assert_int_equal(s.event[1].into, CXMS_XL_L2);
	assert_int_equal(s.event[1].from, CXMS_XL_MEM);
	assert_int_equal(s.event[2].kind, CXMS_XE_MISP);
	cxms_xread_free(r);
}

/* Whatever its width, and at the end of a packet, too. */
static void test_how_far_back_a_fill_or_store_is(void **state)
{
	static const struct {
		uint8_t kind;
		uint32_t back;
	} want[] = {{CXMS_XE_USE, 1},	   {CXMS_XE_L2USE | CXMS_XE_WALK, 127},
		    {CXMS_XE_LLCUSE, 128}, {CXMS_XE_FWD | CXMS_XE_TLB2, 16383},
		    {CXMS_XE_NEAR, 16384}, {CXMS_XE_PART, UINT32_MAX},
		    {CXMS_XE_USE, 200},	   {CXMS_XE_USE, 2}};
	const size_t n = sizeof(want) / sizeof(*want);
	struct cxms_xread *r = reader();
	static struct packet p;
	struct seen s = {0};
	(void)state;
	thread(&p, 7);
	hello(&p, 42, 1, false, 1);
	block(&p, 1);
	cxms_buf_put_varint(&p.messages, 1 << 2 | 2);
	cxms_buf_put_varint(&p.messages, n);
	for (size_t i = 0; i < n; i++) {
		cxms_buf_put_u8(&p.messages, want[i].kind);
		cxms_buf_put_varint(&p.messages, 0);
		cxms_buf_put_varint(&p.messages, want[i].back);
	}
	close_packet(&p, 42, 0, 0);
	assert_int_equal(read_packet(r, &p, &s), 0);
	assert_int_equal(s.last.n_event, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(s.event[i].kind | s.event[i].flags, want[i].kind);
		assert_int_equal(s.event[i].index, 0);
		assert_int_equal(s.event[i].back, want[i].back);
		assert_int_equal(s.event[i].line, 0);
	}
	cxms_xread_free(r);
}

/* The line of a wrong path, asked for in one run and told of by another's in the next. */
static void test_a_line_that_wrong_paths_ask_for(void **state)
{
	struct cxms_xread *r = reader();
	static struct packet p;
	struct seen s = {0};
	(void)state;
	hello(&p, 42, 1, false, 1);
	block(&p, 1);
	for (uint8_t use = 0; use < 2; use++) {
		cxms_buf_put_varint(&p.messages, 1 << 2 | 2);
		cxms_buf_put_varint(&p.messages, 2);
		cxms_buf_put_u8(&p.messages, CXMS_XE_MISP);
		cxms_buf_put_varint(&p.messages, 0);
		cxms_buf_put_u8(&p.messages, use ? CXMS_XE_WRONGUSE : CXMS_XE_WRONG);
		cxms_buf_put_varint(&p.messages, 0);
		cxms_buf_put_varint(&p.messages, 200); /* instructions behind, in two bytes */
		if (use) {
			cxms_buf_put_varint(&p.messages, 1);
		} else {
			cxms_buf_put_u8(&p.messages, CXMS_XL_MEM);
			cxms_buf_put_svarint(&p.messages, 7);
		}
	}
	close_packet(&p, 42, 0, 0);
	assert_int_equal(read_packet(r, &p, &s), 0);
	assert_int_equal(s.runs, 2);
	assert_int_equal(s.last.n_event, 2);
	assert_int_equal(s.event[1].kind, CXMS_XE_WRONGUSE);
	assert_int_equal(s.event[1].index, 0);
	assert_int_equal(s.event[1].behind, 200);
	assert_int_equal(s.event[1].back, 1);
	cxms_xread_free(r);
}

/* rep movsb, unrolled to eight rounds: two accesses each */
static void block_of_rounds(struct packet *p, uint64_t id)
{
	struct cxms_buf *b = &p->messages;
	control(p, CXMS_XC_BLOCK);
	cxms_buf_put_varint(b, id);
	cxms_buf_put_varint(b, 0x402000);
	cxms_buf_put_varint(b, 8);
	for (int i = 0; i < 8; i++) {
		cxms_buf_put_svarint(b, i ? -2 : 0); /* from where the last one ended */
		cxms_buf_put_str(b, "\xf3\xa4");
	}
	cxms_buf_put_varint(b, 16);
	for (int i = 0; i < 16; i++) {
		cxms_buf_put_varint(b, (uint64_t)i / 2);
		cxms_buf_put_u8(b, i % 2 ? CXMS_XA_STORE : CXMS_XA_LOAD);
	}
	cxms_buf_put_varint(b, 0);
	cxms_buf_put_u8(b, CXMS_XX_JUMP);
}

/* A piece has one load and one store: its rounds' events are theirs, and name the same fills. */
static void test_rounds_of_a_string_are_one_piece(void **state)
{
	static const struct {
		uint8_t kind;
		uint8_t index, back;
	} put[] = {{CXMS_XE_USE, 12, 2},
		   {CXMS_XE_USE, 13, 1},
		   {CXMS_XE_MEM, 14, 0},
		   {CXMS_XE_MEM, 15, 0}},
	  want[] = {{CXMS_XE_USE, 0, 2},
		    {CXMS_XE_MEM, 0, 1},
		    {CXMS_XE_USE, 1, 2},
		    {CXMS_XE_MEM, 1, 1}};
	struct cxms_xread *r = reader();
	static struct packet p;
	struct seen s = {0};
	(void)state;
	thread(&p, 7);
	hello(&p, 42, 1, false, 1);
	block_of_rounds(&p, 1);
	cxms_buf_put_varint(&p.messages, 1 << 2 | 2);
	cxms_buf_put_varint(&p.messages, 4);
	for (int i = 0; i < 4; i++) {
		cxms_buf_put_u8(&p.messages, put[i].kind);
		cxms_buf_put_varint(&p.messages, put[i].index);
		if (put[i].kind == CXMS_XE_USE)
			cxms_buf_put_varint(&p.messages, put[i].back);
		else
			cxms_buf_put_svarint(&p.messages, 7);
	}
	close_packet(&p, 42, 1, 0);
	assert_int_equal(read_packet(r, &p, &s), 0);
	assert_int_equal(s.last.block->string_bytes, 8);
	assert_int_equal(s.last.block->exit[s.last.block->n_exit].stores, 8);
	assert_int_equal(s.last.n_event, 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(s.event[i].kind, want[i].kind);
		assert_int_equal(s.event[i].index, want[i].index);
		assert_int_equal(s.event[i].back, want[i].back);
	}
	cxms_xread_free(r);
}

static void load_of_memory(struct packet *p, int64_t step)
{
	cxms_buf_put_varint(&p->messages, 1 << 2 | 2);
	cxms_buf_put_varint(&p->messages, 1);
	cxms_buf_put_u8(&p->messages, CXMS_XE_MEM);
	cxms_buf_put_varint(&p->messages, 0);
	cxms_buf_put_svarint(&p->messages, step);
}

/* The first packet of process 42, with a block. */
static void read_first_block(struct cxms_xread *r, struct packet *p, struct seen *s)
{
	hello(p, 42, 1, false, 1);
	block(p, 1);
	close_packet(p, 42, 0, 0);
	assert_int_equal(read_packet(r, p, s), 0);
}

static void test_lines_begin_anew_in_each_packet(void **state)
{
	struct cxms_xread *r = reader();
	static struct packet p;
	struct seen s = {0};
	(void)state;
	read_first_block(r, &p, &s);
	for (uint64_t seq = 1; seq < 3; seq++) {
		thread(&p, 1);
		load_of_memory(&p, 500);
		close_packet(&p, 42, 0, seq);
		assert_int_equal(read_packet(r, &p, &s), 0);
		assert_int_equal(s.event[0].line, 500);
		assert_int_equal(s.last.exit, s.last.block->n_exit);
	}
	cxms_xread_free(r);
}

/* More runs than are told at once, some with more events than all of those have, one with a count
 * of two bytes. Those before a control message are told before it. */
static void test_many_runs_come_in_their_order(void **state)
{
	struct cxms_xread *r = reader();
	static struct packet p;
	struct seen s = {0};
	size_t n = 0;
	(void)state;
	read_first_block(r, &p, &s);
	s.runs = 0;
	for (uint32_t seq = 1; seq < 200; seq++) {
		cxms_buf_put_varint(&p.messages, 1 << 2 | 1); /* left by exit 0 */
		cxms_buf_put_varint(&p.messages, 0);
		control(&p, CXMS_XC_PAGE);
		cxms_buf_put_varint(&p.messages, 1);
		cxms_buf_put_u8(&p.messages, 0);
		for (uint32_t i = 0; i < seq; i++)
			cxms_buf_put_varint(&p.messages, 1 << 2);
		cxms_buf_put_varint(&p.messages, 1 << 2 | 2);
		cxms_buf_put_varint(&p.messages, seq);
		for (uint32_t i = 1; i <= seq; i++) {
			cxms_buf_put_u8(&p.messages, CXMS_XE_USE);
			cxms_buf_put_varint(&p.messages, 0);
			cxms_buf_put_varint(&p.messages, i);
		}
		close_packet(&p, 42, 0, seq);
		assert_int_equal(read_packet(r, &p, &s), 0);
		assert_int_equal(s.runs_before, n + 1);
		n += seq + 2;
		assert_int_equal(s.runs, n);
		assert_int_equal(s.last.n_event, seq);
		assert_int_equal(s.event[(seq - 1) % 8].back, seq);
	}
	cxms_xread_free(r);
}

/* Threads that take turns in a packet: the lines of each are told by steps from its own last one.
 */
static void test_lines_are_those_of_the_thread(void **state)
{
	static const struct {
		uint32_t tid;
		int64_t step;
	} turn[] = {{1, 1000}, {2, 5000}, {1, 1}, {3, 7}, {2, -1}, {2, 3}, {3, 1}, {1, 1}};
	uint64_t line[4] = {0};
	struct cxms_xread *r = reader();
	static struct packet p;
	struct seen s = {0};
	(void)state;
	read_first_block(r, &p, &s);
	for (size_t n = 1; n <= sizeof(turn) / sizeof(*turn); n++) {
		for (size_t i = 0; i < n; i++) {
			thread(&p, turn[i].tid);
			load_of_memory(&p, turn[i].step);
		}
		close_packet(&p, 42, 0, n);
		assert_int_equal(read_packet(r, &p, &s), 0);
		line[turn[n - 1].tid] += (uint64_t)turn[n - 1].step;
		assert_int_equal(s.tid, turn[n - 1].tid);
		assert_int_equal(s.event[0].line, line[turn[n - 1].tid]);
	}
	cxms_xread_free(r);
}

static void test_a_fork_runs_the_blocks_of_its_parent(void **state)
{
	struct cxms_xread *r = reader();
	static struct packet p;
	struct seen s = {0};
	(void)state;
	read_first_block(r, &p, &s);
	hello(&p, 43, 42, true, 2);
	block(&p, 2);
	cxms_buf_put_varint(&p.messages, 1 << 2);
	cxms_buf_put_varint(&p.messages, 2 << 2);
	close_packet(&p, 43, 0, 0);
	assert_int_equal(read_packet(r, &p, &s), 0);
	assert_int_equal(s.runs, 2);
	/* the parent does not see the child's */
	cxms_buf_put_varint(&p.messages, 2 << 2);
	close_packet(&p, 42, 0, 1);
	assert_int_equal(read_packet(r, &p, &s), -EINVAL);
	cxms_xread_free(r);
}

static void test_control_messages(void **state)
{
	struct cxms_xread *r = reader();
	static struct packet p;
	struct seen s = {0};
	(void)state;
	hello(&p, 42, 1, false, 1);
	control(&p, CXMS_XC_MAP);
	cxms_buf_put_varint(&p.messages, 0x7000);
	cxms_buf_put_varint(&p.messages, 4096);
	cxms_buf_put_u8(&p.messages, 5);
	cxms_buf_put_str(&p.messages, "/lib/x");
	close_packet(&p, 42, 0, 0);
	assert_int_equal(read_packet(r, &p, &s), 0);
	assert_int_equal(s.controls, 2);
	assert_int_equal(s.control.type, CXMS_XC_MAP);
	assert_int_equal(s.control.a, 0x7000);
	assert_int_equal(s.control.b, 4096);
	assert_int_equal(s.control.flag, 5);
	assert_memory_equal(s.control.text, "/lib/x", 6);
	cxms_xread_free(r);
}

/* Any single packet cut anywhere is refused or whole, never read past its end (under sanitizers).
 */
static void test_cut_packets_are_refused(void **state)
{
	static struct packet p;
	(void)state;
	hello(&p, 42, 1, false, 1);
	block(&p, 1);
	cxms_buf_put_varint(&p.messages, 1 << 2);
	close_packet(&p, 42, 0, 0);
	for (size_t cut = 0; cut < p.len; cut++) {
		struct cxms_xread *r = reader();
		struct packet q = p;
		struct seen s = {0};
		q.len = cut;
		assert_int_equal(read_packet(r, &q, &s), -EINVAL);
		cxms_xread_free(r);
	}
}

static void test_what_does_not_fit_is_refused(void **state)
{
	static const struct {
		uint8_t len, bytes[16];
		const char *why;
	} rows[] = {
		{1, {4 << 2}, "a block that was never sent"},
		{2, {1 << 2 | 1, 1}, "an exit it has not"},
		{4, {1 << 2 | 2, 1, CXMS_XE_L2, 1}, "an access it has not"},
		{5, {1 << 2 | 2, 1, CXMS_XE_USE, 0, 0}, "no fill back"},
		{7, {1 << 2 | 2, 1, CXMS_XE_WRONG, 0, 0, CXMS_XL_L1, 0}, "no miss"},
		{4, {1 << 2 | 2, 1, CXMS_XE_KIND_END, 0}, "an unknown event"},
		{6, {1 << 2 | 2, 1, CXMS_XE_PF, 0, 0x09, 0}, "an unknown level"},
		{6, {1 << 2 | 2, 1, CXMS_XE_WRONGUSE, 2, 3, 1}, "a branch it has not"},
		{6, {1 << 2 | 2, 1, CXMS_XE_WRONGUSE, 0, 3, 0}, "no fill back of a wrong path"},
		{5, {1 << 2 | 2, 1, CXMS_XE_WRONGUSE, 0, 3}, "a wrong path's line that is cut"},
		{6, {1 << 2 | 2, 1, CXMS_XE_WRONGUSE, 0, 3, 0x81}, "its fill that is cut"},
		{4, {1 << 2 | 2, 1, CXMS_XE_WRONGUSE, 0}, "its distance that is cut"},
		{8, {1 << 2 | 2, 1, CXMS_XE_WRONGUSE, 0, 0xff, 0xff, 3, 1}, "one behind too many"},
		{2, {0, CXMS_XC_END}, "an unknown message"},
		{3, {0, CXMS_XC_THREAD, 0x80}, "a number that is cut"},
		{4, {0, CXMS_XC_BLOCK, 5, 0}, "a block out of order"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cxms_xread *r = reader();
		static struct packet p;
		struct seen s = {0};
		hello(&p, 42, 1, false, 1);
		block(&p, 1);
		cxms_buf_put(&p.messages, rows[i].bytes, rows[i].len);
		close_packet(&p, 42, 0, 0);
		if (read_packet(r, &p, &s) != -EINVAL)
			fail_msg("%s: accepted", rows[i].why);
		cxms_xread_free(r);
	}
}

static void test_lost_packets_are_noticed(void **state)
{
	struct cxms_xread *r = reader();
	static struct packet p;
	struct seen s = {0};
	(void)state;
	hello(&p, 42, 1, false, 1);
	close_packet(&p, 42, 0, 0);
	assert_int_equal(read_packet(r, &p, &s), 0);
	thread(&p, 1);
	close_packet(&p, 42, 0, 2);
	assert_int_equal(read_packet(r, &p, &s), -EINVAL);
	cxms_xread_free(r);
}

static void test_a_skipped_packet_is_not_missing(void **state)
{
	struct cxms_xread *r = reader();
	static struct packet p;
	struct seen s = {0};
	(void)state;
	hello(&p, 42, 1, false, 1);
	close_packet(&p, 42, 0, 0);
	assert_int_equal(read_packet(r, &p, &s), 0);
	thread(&p, 1);
	close_packet(&p, 42, 0, 1);
	s.controls = 0;
	assert_int_equal(cxms_xread_skip(r, p.bytes, p.len, NULL), 0);
	assert_int_equal(s.controls, 0);
	thread(&p, 1);
	close_packet(&p, 42, 0, 2);
	assert_int_equal(read_packet(r, &p, &s), 0);
	thread(&p, 1);
	close_packet(&p, 42, 0, 4);
	assert_int_equal(cxms_xread_skip(r, p.bytes, p.len, NULL), -EINVAL);
	cxms_xread_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_run_and_its_events),
		cmocka_unit_test(test_how_far_back_a_fill_or_store_is),
		cmocka_unit_test(test_a_line_that_wrong_paths_ask_for),
		cmocka_unit_test(test_rounds_of_a_string_are_one_piece),
		cmocka_unit_test(test_lines_begin_anew_in_each_packet),
		cmocka_unit_test(test_lines_are_those_of_the_thread),
		cmocka_unit_test(test_many_runs_come_in_their_order),
		cmocka_unit_test(test_a_fork_runs_the_blocks_of_its_parent),
		cmocka_unit_test(test_control_messages),
		cmocka_unit_test(test_cut_packets_are_refused),
		cmocka_unit_test(test_what_does_not_fit_is_refused),
		cmocka_unit_test(test_lost_packets_are_noticed),
		cmocka_unit_test(test_a_skipped_packet_is_not_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
