/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets: to a socket that cxmlemsim listens on, to a file, or nowhere. */
#include "ex.h"

#include <stdarg.h>

#include "pub_tool_clientstate.h"
#include "pub_tool_libcfile.h"
#include "pub_tool_libcproc.h"
#include "pub_tool_vki.h"
#include "pub_tool_vkiscnums.h"
#include "pub_tool_xarray.h"

/* Valgrind keeps the descriptors of tools out of the program's way; not in the tool headers. */
extern Int VG_(safe_fd)(Int fd);
extern Int VG_(setsockopt)(Int fd, Int level, Int option, void *value, Int bytes);

/* The reader packs 1 MiB at a time, and does not read meanwhile: as much waits in the socket, or as
 * much as the system grants. */
#define SOCKET_BYTES (1 << 20)
#define SOL_SOCKET   1
#define SO_SNDBUF    7
#define ECONNREFUSED 111

#define HEAD_BYTES sizeof(struct cxms_xs_head)
/* A thread message: h, type, thread. */
#define THREAD_BYTES 12u
#define MAX_CONTROLS (CXMS_XS_PACKET_MAX / CXMS_XS_CONTROL_MIN)

static struct {
	bool is_socket;
	int fd; /* -1: packets are dropped */
	uint32_t image, used, n_control;
	uint64_t seq, insns;
	const struct ex_thread *thread; /* that the messages are of; NULL: packet is empty */
	union {
		struct cxms_xs_head head;
		uint8_t byte[CXMS_XS_PACKET_MAX + MAX_CONTROLS * sizeof(uint16_t)];
	} packet;
	uint16_t control[MAX_CONTROLS]; /* offsets of control messages */
} out = {.fd = -1};

long ex_system_call(long number, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = 0;
	register long r9 __asm__("r9") = 0;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static long again(long number, long a, long b, long c, long d)
{
	long result;

	do
		result = ex_system_call(number, a, b, c, d);
	while (result == -VKI_EINTR || result == -VKI_EAGAIN);
	return result;
}

/* A descriptor, or -ECONNREFUSED: nobody listens there any more; or another negative number. */
static int open_socket(const HChar *name)
{
	struct {
		uint16_t family;
		HChar path[108];
	} address = {.family = VKI_AF_UNIX};
	unsigned len = (unsigned)VG_(strlen)(name);
	Int room = SOCKET_BYTES;
	long fd, rc;

	if (len + 1 > sizeof(address.path))
		return -1;
	VG_(memcpy)(address.path + 1, name, len); /* a leading 0: an abstract name */
	fd = ex_system_call(__NR_socket, VKI_AF_UNIX,
			    5 /* SOCK_SEQPACKET */ | 02000000 /* CLOEXEC */, 0, 0);
	if (fd < 0)
		return -1;
	VG_(setsockopt)((Int)fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	rc = again(__NR_connect, fd, (long)&address, (long)(sizeof(uint16_t) + 1 + len), 0);
	if (rc < 0) {
		VG_(close)((Int)fd);
		return (int)rc;
	}
	return VG_(safe_fd)((Int)fd);
}

static int open_file(const HChar *path)
{
	SysRes r = VG_(open)(path, VKI_O_CREAT | VKI_O_APPEND | VKI_O_WRONLY, 0600);

	return sr_isError(r) ? -1 : VG_(safe_fd)((Int)sr_Res(r));
}

/* A pipe that a forked child closes when it has told of itself. */
static int told[2] = {-1, -1};

static void close_told(void)
{
	for (int i = 0; i < 2; i++) {
		if (told[i] >= 0)
			VG_(close)(told[i]);
		told[i] = -1;
	}
}

/* @parent: asked for by a forked child the kernel may name another, since its parent may have
 * ended, or be in another PID namespace. */
static void hello(uint64_t parent, bool is_fork)
{
	Word n = is_fork ? 0 : VG_(sizeXA)(VG_(args_for_client));
	unsigned bytes = is_fork ? 0 : (unsigned)VG_(strlen)(VG_(args_the_exename));
	unsigned limit = CXMS_XS_PACKET_MAX / 2, len;
	HChar *words = VG_(malloc)("cxms.hello", limit + 1);

	if (bytes > limit)
		bytes = limit;
	VG_(memcpy)(words, is_fork ? "" : VG_(args_the_exename), bytes);
	for (Word i = 0; i < n; i++) {
		const HChar *word = *(HChar **)VG_(indexXA)(VG_(args_for_client), i);

		len = (unsigned)VG_(strlen)(word);
		if (bytes + 1 + len > limit)
			break;
		words[bytes++] = 0;
		VG_(memcpy)(words + bytes, word, len);
		bytes += len;
	}
	ex_control(CXMS_XC_HELLO, 64 + bytes);
	ex_varint(1);
	ex_varint(ex.pid);
	ex_varint(parent);
	ex_byte(is_fork);
	ex_varint(ex.next_block);
	ex_string(words, bytes);
	VG_(free)(words);
}

void ex_out_open(uint32_t image, bool is_fork)
{
	const HChar *where = ex.opt.out;
	uint64_t parent = is_fork ? ex.pid : (uint64_t)VG_(getppid)();

	ex.pid = (uint32_t)VG_(getpid)();
	out.fd = -1;
	out.image = image;
	out.seq = 0;
	out.used = out.n_control = 0;
	out.thread = NULL;
	if (where) {
		out.is_socket = where[0] == '@';
		out.fd = out.is_socket ? open_socket(where + 1) : open_file(where);
		if (out.fd < 0 && out.fd != -ECONNREFUSED && !is_fork) {
			VG_(fmsg)("cannot write to '%s'\n", where);
			VG_(exit)(125);
		}
	}
	hello(parent, is_fork);
	ex_out_flush(); /* it names processes: no other packet ends elsewhere for that */
	close_told();
}

void ex_out_before_fork(void)
{
	ex_out_flush();
	close_told(); /* of a fork that failed */
	if (ex_system_call(__NR_pipe2, (long)told, 02000000 /* CLOEXEC */, 0, 0) < 0)
		told[0] = told[1] = -1;
}

void ex_out_after_fork(void)
{
	char end;

	if (told[1] >= 0)
		VG_(close)(told[1]);
	told[1] = -1;
	if (told[0] >= 0)
		again(__NR_read, told[0], (long)&end, sizeof(end), 0);
	close_told();
}

bool ex_out_is_unread(void)
{
	return out.is_socket && out.fd < 0;
}

void ex_out_close(void)
{
	if (out.fd >= 0)
		VG_(close)(out.fd);
	out.fd = -1;
}

static void write_all(const uint8_t *at, unsigned n)
{
	while (n > 0) {
		Int done = VG_(write)(out.fd, at, (Int)n);

		if (done <= 0) {
			VG_(umsg)("the trace file cannot be written; the rest is lost\n");
			ex_out_close();
			return;
		}
		at += done;
		n -= (unsigned)done;
	}
}

/* A reader that left is no fault of the program: it runs on, unseen. */
static void send_all(void)
{
	size_t bytes = out.n_control * sizeof(*out.control);

	VG_(memcpy)(out.packet.byte + out.used, out.control, bytes);
	if (again(__NR_sendto, out.fd, (long)out.packet.byte, (long)(out.used + bytes),
		  VKI_MSG_NOSIGNAL) < 0)
		ex_out_close();
}

void ex_out_flush(void)
{
	if (out.used <= HEAD_BYTES)
		return;
	out.packet.head = (struct cxms_xs_head){.magic = CXMS_XS_MAGIC,
						.bytes = out.used - (uint32_t)HEAD_BYTES,
						.pid = ex.pid,
						.image = out.image,
						.seq = out.seq++,
						.insns = out.insns};
	if (out.fd >= 0 && !out.is_socket)
		write_all(out.packet.byte, out.used);
	if (out.fd >= 0 && out.is_socket)
		send_all();
	out.used = out.n_control = 0;
	out.thread = NULL;
}

static inline void put(uint8_t value)
{
	out.packet.byte[out.used++] = value;
}

/* Writes at @at; returns the end of it. */
static inline uint8_t *varint(uint8_t *at, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*at++ = (uint8_t)(value | 0x80);
	*at++ = (uint8_t)value;
	return at;
}

static inline uint64_t zigzag(int64_t value)
{
	return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static inline void put_varint(uint64_t value)
{
	out.used = (uint32_t)(varint(out.packet.byte + out.used, value) - out.packet.byte);
}

static inline void put_zigzag(int64_t value)
{
	put_varint(zigzag(value));
}

static void put_control(uint8_t type)
{
	out.control[out.n_control++] = (uint16_t)out.used;
	put(0);
	put(type);
}

static void put_thread(void)
{
	if (out.used == 0) {
		out.used = HEAD_BYTES;
		out.insns = ex.count[CXMS_XN_INSNS];
	}
	out.thread = ex.thread;
	put_control(CXMS_XC_THREAD);
	put_varint(ex.thread->number);
}

static inline void begin(unsigned bytes)
{
	if (EX_UNLIKELY(out.used + bytes + THREAD_BYTES > CXMS_XS_PACKET_MAX))
		ex_out_flush();
	if (EX_UNLIKELY(out.thread != ex.thread))
		put_thread();
}

void ex_begin(unsigned bytes)
{
	begin(bytes);
}

void ex_control(uint8_t type, unsigned bytes)
{
	ex_begin(2 + bytes);
	put_control(type);
}

void ex_byte(uint8_t value)
{
	put(value);
}

void ex_varint(uint64_t value)
{
	put_varint(value);
}

void ex_zigzag(int64_t value)
{
	put_zigzag(value);
}

void ex_string(const HChar *s, unsigned len)
{
	put_varint(len);
	VG_(memcpy)(out.packet.byte + out.used, s, len);
	out.used += len;
}

void ex_warn(const HChar *format, ...)
{
	HChar text[256];
	va_list ap;
	unsigned len;

	va_start(ap, format);
	len = VG_(vsnprintf)(text, sizeof(text), format, ap);
	va_end(ap);
	if (len >= sizeof(text))
		len = sizeof(text) - 1;
	ex_control(CXMS_XC_WARN, 8 + len);
	ex_string(text, len);
}

uint64_t ex_answer(uint64_t token)
{
	uint64_t answer = 0;

	ex_control(CXMS_XC_TIME, 16);
	ex_varint(token);
	ex_out_flush();
	if (out.fd < 0 || !out.is_socket ||
	    again(__NR_recvfrom, out.fd, (long)&answer, sizeof(answer), 0) != sizeof(answer))
		return 0;
	return answer;
}

/* A packet that says whose it is, and nothing else. */
void ex_out_goes_on(void)
{
	ex_begin(0);
	ex_out_flush();
}

static void put_insns(const struct ex_block *b)
{
	uint64_t end = b->insn[0].addr;

	put_varint(end);
	put_varint(b->n_insn);
	for (unsigned i = 0; i < b->n_insn; i++) {
		const struct ex_insn *insn = &b->insn[i];

		put_zigzag((int64_t)(insn->addr - end));
		ex_string((const HChar *)insn->bytes, insn->len);
		end = insn->addr + insn->len;
	}
}

/* The message that block @b was left by exit @left: at most 8 bytes. */
static void make_message(struct ex_block *b, unsigned left)
{
	struct ex_part *p = &b->part[left];
	union {
		uint64_t whole;
		uint8_t byte[8];
	} m = {0};
	uint8_t *end = varint(m.byte, (uint64_t)b->id << 2 | (left < b->n_exit));

	if (left < b->n_exit)
		end = varint(end, left);
	p->message = m.whole;
	p->message_bytes = (uint8_t)(end - m.byte);
}

void ex_send_block(struct ex_block *b)
{
	b->id = ex.next_block++;
	ex_control(CXMS_XC_BLOCK, 64 + b->n_insn * 27u + b->n_access * 4u + b->n_exit * 8u);
	put_varint(b->id);
	put_insns(b);
	put_varint(b->n_access);
	for (unsigned i = 0; i < b->n_access; i++) {
		put_varint(b->access[i].insn);
		put((uint8_t)(b->access[i].kind | b->access[i].log2_bytes << 4));
	}
	put_varint(b->n_exit);
	for (unsigned i = 0; i < b->n_exit; i++) {
		put_varint(b->part[i].insns - 1u);
		put_varint(b->part[i].accesses);
		put(b->part[i].kind);
	}
	put(b->part[b->n_exit].kind);
	for (unsigned i = 0; i <= b->n_exit; i++)
		make_message(b, i);
}

static inline uint8_t *line_body(uint8_t *at, uint64_t line)
{
	struct ex_thread *t = ex.thread;

	at = varint(at, zigzag((int64_t)(line - (t->line_packet == out.seq + 1 ? t->line : 0))));
	t->line = line;
	t->line_packet = out.seq + 1;
	return at;
}

/* Kinds whose body is a number that says how far back. */
#define BACK_KINDS                                                                                 \
	(1u << CXMS_XE_USE | 1u << CXMS_XE_L2USE | 1u << CXMS_XE_LLCUSE | 1u << CXMS_XE_FWD |      \
	 1u << CXMS_XE_NEAR | 1u << CXMS_XE_PART)

static inline uint8_t *event(uint8_t *at, const struct ex_event *e)
{
	bool is_back = BACK_KINDS >> (e->head & CXMS_XE_KIND_MASK) & 1;

	/* Most are these: without a branch on how long the number is. */
	if (EX_LIKELY(is_back && e->head < 0x80u << EX_EVENT_INDEX && e->value < 0x4000)) {
		unsigned value = (unsigned)e->value, high = value >> 7, more = high != 0;
		uint32_t bytes = e->head | (value & 0x7f) << 16 | more << 23 | high << 24;

		__builtin_memcpy(at, &bytes, sizeof(bytes));
		return at + 3 + more;
	}
	*at++ = (uint8_t)e->head;
	at = varint(at, e->head >> EX_EVENT_INDEX);
	if (is_back)
		return varint(at, e->value);
	switch (e->head & CXMS_XE_KIND_MASK) {
	case CXMS_XE_WRONGUSE:
		at = varint(at, e->behind);
		return varint(at, e->value);
	case CXMS_XE_WRONG:
		at = varint(at, e->behind);
		/* fall through */
	case CXMS_XE_PF:
		*at++ = e->byte;
		return line_body(at, e->value);
	case CXMS_XE_IF:
		*at++ = e->byte;
		return e->byte == CXMS_XL_MEM ? line_body(at, e->value) : at;
	case CXMS_XE_MEM:
	case CXMS_XE_WB:
	case CXMS_XE_NT:
		return line_body(at, e->value);
	default:
		return at;
	}
}

void ex_send_run(struct ex_block *b, const struct ex_part *p)
{
	unsigned n = ex.n_event;
	uint8_t *at;

	if (EX_UNLIKELY(!b->id))
		ex_send_block(b);
	begin(24 + 17 * n);
	at = out.packet.byte + out.used;
	/* All of it, and more: what follows is written over what is too much. */
	__builtin_memcpy(at, &p->message, sizeof(p->message));
	if (n) {
		*at |= 2;
		at = varint(at + p->message_bytes, n);
		for (unsigned i = 0; i < n; i++)
			at = event(at, &ex.event[i]);
	} else {
		at += p->message_bytes;
	}
	out.used = (uint32_t)(at - out.packet.byte);
}
