/*
 * xdump [-t] FILE: checks that a raw stream that the exact source's tool wrote to a file is well
 * formed, and prints totals, a line for each image. -t prints every message as text too, without
 * process numbers. Exit status 1 and a message at the first fault.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/xstream.h"

#define MAX_IMAGES    256
#define MAX_THREADS   4096
#define FORWARD_LIMIT 128

struct access {
	uint64_t insn;
	unsigned kind, log2_bytes;
};

struct side_exit {
	uint64_t insn, accesses;
	unsigned kind;
};

struct block {
	uint64_t id, addr, n_insn, n_access, n_exit, n_line;
	struct access *access;
	struct side_exit *exit;
	unsigned end;
	bool lost;
};

struct thread {
	uint64_t fills, stores, line, insns;
	bool timed;
};

struct image {
	uint32_t pid, number;
	uint64_t seq, insns, loads, stores, runs, events, pages, warnings;
	uint64_t kind[CXMS_XE_KIND_END], control[CXMS_XC_END];
	bool timed, was_untimed, is_fork, counted;
	uint64_t first_block, n_block, tid;
	struct block *block; /* by number */
	struct thread *thread;
};

static struct image images[MAX_IMAGES];
static unsigned n_image;
static bool text;

static const uint8_t *at, *end;
static uint64_t offset; /* of the packet in the file */
static const uint8_t *packet;

static void fail(const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "packet at %" PRIu64 ", byte %td: ", offset, at - packet);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void say(const char *format, ...)
{
	va_list ap;

	if (!text)
		return;
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
}

static unsigned byte(void)
{
	if (at >= end)
		fail("a message crosses the end of its packet");
	return *at++;
}

static uint64_t varint(void)
{
	uint64_t value = 0;
	unsigned b, shift = 0;

	do {
		b = byte();
		if (shift > 63 || (shift == 63 && (b & 0x7e)))
			fail("a number of more than 64 bits");
		value |= (uint64_t)(b & 0x7f) << shift;
		shift += 7;
	} while (b & 0x80);
	return value;
}

static int64_t zigzag(void)
{
	uint64_t v = varint();

	return (int64_t)(v >> 1 ^ (~(v & 1) + 1));
}

static const uint8_t *counted(uint64_t *len)
{
	const uint8_t *s;

	*len = varint();
	s = at;
	if (*len > (uint64_t)(end - at))
		fail("a string crosses the end of its packet");
	at += *len;
	return s;
}

static void *zeroed(size_t n, size_t size)
{
	void *p = calloc(n + 1, size);

	if (!p)
		fail("no memory");
	return p;
}

static struct thread *current(struct image *m)
{
	if (m->tid == 0 || m->tid >= MAX_THREADS)
		fail("no thread, or thread %" PRIu64, m->tid);
	return &m->thread[m->tid];
}

static uint64_t line(struct image *m)
{
	struct thread *t = current(m);

	t->line += (uint64_t)zigzag();
	if (t->line >> 58)
		fail("line %#" PRIx64 " is not one", t->line);
	return t->line;
}

/* ---- blocks ---- */

static struct block *new_block(struct image *m, uint64_t id)
{
	if (id >= m->n_block) {
		uint64_t n = 2 * id + 1024;
		struct block *b = realloc(m->block, n * sizeof(*b));

		if (!b || id > 1u << 30)
			fail("block %" PRIu64, id);
		memset(b + m->n_block, 0, (n - m->n_block) * sizeof(*b));
		m->block = b;
		m->n_block = n;
	}
	if (id == 0 || m->block[id].id)
		fail("block %" PRIu64 " is defined twice, or has no number", id);
	if (id < m->first_block)
		fail("block %" PRIu64 " belongs to the parent", id);
	return &m->block[id];
}

static void block_insns(struct block *b)
{
	uint64_t next = b->addr, before = UINT64_MAX, len;

	b->n_insn = varint();
	if (b->n_insn == 0)
		fail("block %" PRIu64 " has no instructions", b->id);
	for (uint64_t i = 0; i < b->n_insn; i++) {
		uint64_t addr = next + (uint64_t)zigzag();
		const uint8_t *s = counted(&len);

		if (len < 1 || len > 15)
			fail("an instruction of %" PRIu64 " bytes", len);
		if (text) {
			printf("  %" PRIx64, addr);
			for (uint64_t k = 0; k < len; k++)
				printf(" %02x", s[k]);
			putchar('\n');
		}
		for (unsigned last = 0; last < 2; last++) {
			uint64_t l = (addr + (last ? len - 1 : 0)) >> CXMS_XS_LINE_SHIFT;

			b->n_line += l != before;
			before = l;
		}
		next = addr + len;
	}
}

static void block_accesses(struct block *b)
{
	uint64_t before = 0;

	b->n_access = varint();
	if (b->n_access > 4096)
		fail("block %" PRIu64 " has %" PRIu64 " accesses", b->id, b->n_access);
	b->access = zeroed(b->n_access, sizeof(*b->access));
	for (uint64_t i = 0; i < b->n_access; i++) {
		struct access *a = &b->access[i];
		unsigned kind;

		a->insn = varint();
		kind = byte();
		a->kind = kind & 15;
		a->log2_bytes = kind >> 4;
		if (a->insn >= b->n_insn || a->insn < before || a->kind > CXMS_XA_NT_STORE ||
		    a->log2_bytes > 12)
			fail("access %" PRIu64 " of block %" PRIu64, i, b->id);
		before = a->insn;
		say("  access %" PRIu64 " insn %" PRIu64 " kind %u bytes %u\n", i, a->insn, a->kind,
		    1u << a->log2_bytes);
	}
}

static void block_exits(struct block *b)
{
	uint64_t before = 0;

	b->n_exit = varint();
	if (b->n_exit > 4096)
		fail("block %" PRIu64 " has %" PRIu64 " exits", b->id, b->n_exit);
	b->exit = zeroed(b->n_exit, sizeof(*b->exit));
	for (uint64_t i = 0; i < b->n_exit; i++) {
		struct side_exit *e = &b->exit[i];

		e->insn = varint();
		e->accesses = varint();
		e->kind = byte();
		if (e->insn >= b->n_insn || e->insn < before || e->accesses > b->n_access ||
		    (e->kind != CXMS_XX_COND && e->kind != CXMS_XX_OTHER))
			fail("exit %" PRIu64 " of block %" PRIu64, i, b->id);
		before = e->insn;
		say("  exit %" PRIu64 " insn %" PRIu64 " accesses %" PRIu64 " kind %u\n", i,
		    e->insn, e->accesses, e->kind);
	}
	b->end = byte();
	if (b->end > CXMS_XX_SYSCALL)
		fail("end of block %" PRIu64 " of kind %u", b->id, b->end);
	say("  end %u\n", b->end);
}

static void define_block(struct image *m)
{
	uint64_t id = varint();
	struct block *b = new_block(m, id);

	b->id = id;
	b->addr = varint();
	say("block %" PRIu64 " at %" PRIx64 "\n", id, b->addr);
	block_insns(b);
	block_accesses(b);
	block_exits(b);
}

/* ---- runs ---- */

static const char *const event_name[CXMS_XE_KIND_END] = {
	"hit", "l2", "llc",  "mem", "use",  "l2use", "llcuse", "fwd",  "pf",
	"wb",  "nt", "misp", "if",  "skip", "wrong", "near",   "part", "wronguse",
};

/* Fills of which the wrong path of a run told;  @first_fill: the run's own first. */
struct told {
	uint64_t first_fill, fill[256];
	unsigned n;
};

/* Loads of a wrong path. */
static bool is_wrong(unsigned kind)
{
	return kind == CXMS_XE_WRONG || kind == CXMS_XE_WRONGUSE;
}

/* What may stand at which index, and in which order: instruction lines, accesses, branches and what
 * is behind them. */
static unsigned phase_of(const struct block *b, unsigned b0, uint64_t index, uint64_t accesses,
			 unsigned phase)
{
	unsigned kind = b0 & CXMS_XE_KIND_MASK;

	if (kind == CXMS_XE_MISP || is_wrong(kind) || (b0 & CXMS_XE_BEHIND)) {
		if (index > b->n_exit)
			fail("mispredicted exit %" PRIu64, index);
		return 2;
	}
	if (kind == CXMS_XE_IF) {
		if (index >= b->n_line)
			fail("instruction line %" PRIu64, index);
		return 0;
	}
	if (phase == 0 && kind == CXMS_XE_WB)
		return 0; /* of an instruction line */
	if (index >= accesses)
		fail("access %" PRIu64 " of %" PRIu64, index, accesses);
	return 1;
}

static void check_back(uint64_t back, uint64_t limit)
{
	if (back == 0 || back > limit)
		fail("%" PRIu64 " back, of %" PRIu64, back, limit);
}

/* A wrong path that comes to a line twice, or asked for it itself, has nothing to tell. */
static void check_told(const struct told *told, uint64_t fill)
{
	if (fill >= told->first_fill)
		fail("a wrong path's line was asked for in the same run");
	for (unsigned i = 0; i < told->n && i < 256; i++)
		if (told->fill[i] == fill)
			fail("a wrong path tells of a line twice");
}

static void event_body(struct image *m, const struct block *b, unsigned kind, uint64_t index,
		       uint64_t stores, struct told *told)
{
	struct thread *t = current(m);
	unsigned where;
	uint64_t v;

	switch (kind) {
	case CXMS_XE_USE:
	case CXMS_XE_L2USE:
	case CXMS_XE_LLCUSE:
		v = varint();
		check_back(v, t->fills);
		say(" back %" PRIu64, v);
		break;
	case CXMS_XE_FWD:
	case CXMS_XE_NEAR:
	case CXMS_XE_PART:
		v = varint();
		check_back(v, stores < FORWARD_LIMIT ? stores : FORWARD_LIMIT);
		if (b->access[index].kind != CXMS_XA_LOAD)
			fail("forwarding to what is no load");
		say(" back %" PRIu64, v);
		break;
	case CXMS_XE_PF:
		where = byte();
		if ((where & 15) < CXMS_XL_L1 || (where & 15) > CXMS_XL_LLC ||
		    where >> 4 <= (where & 15) || where >> 4 > CXMS_XL_MEM)
			fail("prefetch with levels %#x", where);
		say(" into %u from %u line %" PRIx64, where & 15, where >> 4, line(m));
		break;
	case CXMS_XE_WRONGUSE:
		say(" behind %" PRIu64, varint());
		v = varint();
		check_back(v, t->fills);
		check_told(told, t->fills - v);
		told->fill[told->n++ % 256] = t->fills - v;
		say(" back %" PRIu64, v);
		break;
	case CXMS_XE_WRONG:
		v = varint();
		where = byte();
		if (where < CXMS_XL_L2 || where > CXMS_XL_MEM)
			fail("a wrong path's line from level %u", where);
		say(" behind %" PRIu64 " from %u line %" PRIx64, v, where, line(m));
		break;
	case CXMS_XE_IF:
		where = byte();
		if (where < CXMS_XL_L2 || where > CXMS_XL_MEM)
			fail("instruction line from level %u", where);
		say(" from %u", where);
		if (where == CXMS_XL_MEM)
			say(" line %" PRIx64, line(m));
		break;
	case CXMS_XE_MEM:
	case CXMS_XE_WB:
	case CXMS_XE_NT:
		v = line(m);
		say(" line %" PRIx64, v);
		break;
	default:
		break;
	}
}

static bool is_store(const struct access *a)
{
	return a->kind == CXMS_XA_STORE || a->kind == CXMS_XA_NT_STORE;
}

/* Stores of [*done, upto) that happened are added to the thread's. @skipped: by access. */
static void count_stores(struct image *m, const struct block *b, const bool *skipped,
			 uint64_t *done, uint64_t upto)
{
	for (; *done < upto; ++*done)
		current(m)->stores += is_store(&b->access[*done]) && !skipped[*done];
}

static void events(struct image *m, const struct block *b, uint64_t accesses, bool *skipped)
{
	static const bool fills[CXMS_XE_KIND_END] = {
		[CXMS_XE_L2] = true,	[CXMS_XE_LLC] = true,	 [CXMS_XE_MEM] = true,
		[CXMS_XE_L2USE] = true, [CXMS_XE_LLCUSE] = true, [CXMS_XE_PF] = true,
		[CXMS_XE_WRONG] = true};
	struct thread *t = current(m);
	struct told told = {.first_fill = t->fills};
	uint64_t n = varint(), done = 0, before = 0;
	unsigned phase = 0, kind_before = CXMS_XE_KIND_END;

	if (n == 0)
		fail("no events, though announced");
	for (; n; n--) {
		unsigned b0 = byte(), kind = b0 & CXMS_XE_KIND_MASK, now;
		uint64_t index = varint();

		if (kind >= CXMS_XE_KIND_END ||
		    (b0 & (CXMS_XE_TLB2 | CXMS_XE_WALK)) == (CXMS_XE_TLB2 | CXMS_XE_WALK) ||
		    ((b0 & CXMS_XE_BEHIND) && kind != CXMS_XE_PF && kind != CXMS_XE_WB))
			fail("event %#x", b0);
		if (((b0 & CXMS_XE_BEHIND) || is_wrong(kind)) && phase < 2)
			fail("event %s behind no mispredicted branch", event_name[kind]);
		if ((b0 & CXMS_XE_BEHIND) && kind_before == CXMS_XE_MISP)
			fail("event %s behind no load", event_name[kind]);
		kind_before = kind;
		now = phase_of(b, b0, index, accesses, phase);
		if (now < phase || (now == phase && index < before))
			fail("event %s %" PRIu64 " is out of order", event_name[kind], index);
		phase = now;
		before = index;
		if (now == 1)
			count_stores(m, b, skipped, &done, index);
		say(" %s %" PRIu64 "%s%s", event_name[kind], index,
		    b0 & CXMS_XE_TLB2 ? " tlb2" : "", b0 & CXMS_XE_WALK ? " walk" : "");
		event_body(m, b, kind, index, t->stores, &told);
		if (kind == CXMS_XE_SKIP)
			skipped[index] = true;
		t->fills += fills[kind];
		m->kind[kind]++;
		m->events++;
	}
	count_stores(m, b, skipped, &done, accesses);
}

static void run(struct image *m, uint64_t h)
{
	static bool skipped[4096];
	uint64_t id = h >> 2, left, accesses;
	const struct block *b = id < m->n_block ? &m->block[id] : NULL;

	if (!b || !b->id || b->lost)
		fail("block %" PRIu64 " runs, but is not defined", id);
	if (!m->timed)
		fail("a block runs while nothing is timed");
	left = h & 1 ? varint() : b->n_exit;
	if (h & 1 && left >= b->n_exit)
		fail("exit %" PRIu64 " of block %" PRIu64, left, id);
	say("run %" PRIu64 " left %" PRIu64, id, left);
	accesses = left < b->n_exit ? b->exit[left].accesses : b->n_access;
	memset(skipped, 0, accesses * sizeof(*skipped));
	if (h & 2) {
		events(m, b, accesses, skipped);
	} else {
		uint64_t done = 0;

		count_stores(m, b, skipped, &done, accesses);
	}
	say("\n");
	for (uint64_t i = 0; i < accesses; i++) {
		m->loads += b->access[i].kind == CXMS_XA_LOAD && !skipped[i];
		m->stores += is_store(&b->access[i]) && !skipped[i];
	}
	m->insns += left < b->n_exit ? b->exit[left].insn + 1 : b->n_insn;
	m->runs++;
}

/* ---- control messages ---- */

static void hello(struct image *m)
{
	uint64_t version = varint(), pid = varint(), parent = varint(), len;
	const uint8_t *words;

	m->is_fork = byte();
	m->first_block = varint();
	words = counted(&len);
	if (version != 1 || pid != m->pid || m->seq != 1 || m->control[CXMS_XC_HELLO] != 1)
		fail("hello");
	if (m->is_fork != (m->first_block != 1) || (m->is_fork && len))
		fail("hello of a fork with blocks from %" PRIu64, m->first_block);
	for (unsigned i = 0; m->is_fork && i < n_image; i++) {
		const struct image *p = &images[i];

		if (p->pid != parent || p == m)
			continue;
		m->n_block = p->n_block;
		m->block = zeroed(m->n_block, sizeof(*m->block));
		memcpy(m->block, p->block, p->n_block * sizeof(*m->block));
		/* What the parent defined since is not the child's. */
		for (uint64_t id = m->first_block; id < m->n_block; id++)
			m->block[id] = (struct block){0};
	}
	say("hello fork %d blocks from %" PRIu64 " words %" PRIu64 "\n", m->is_fork, m->first_block,
	    len);
	(void)words;
}

static void timed(struct image *m)
{
	struct thread *t = current(m);
	uint64_t insns;

	m->timed = byte();
	insns = varint();
	if (m->timed) {
		for (unsigned i = 0; i < MAX_THREADS; i++)
			m->thread[i].stores = 0;
	} else {
		m->was_untimed = true;
	}
	say("timed %d at %" PRIu64 "\n", m->timed, insns);
	if (insns < t->insns)
		fail("the thread ran %" PRIu64 " instructions, earlier it said %" PRIu64, insns,
		     t->insns);
	t->insns = insns;
}

static void counts(struct image *m)
{
	uint64_t n = varint(), total[CXMS_XN_COUNT] = {0};

	for (uint64_t i = 0; i < n; i++) {
		uint64_t v = varint();

		if (i < CXMS_XN_COUNT)
			total[i] = v;
	}
	say("counts");
	for (unsigned i = 0; i < CXMS_XN_COUNT; i++)
		say(" %" PRIu64, total[i]);
	say("\n");
	if (n != CXMS_XN_COUNT || total[CXMS_XN_TIMED_INSNS] != m->insns)
		fail("%" PRIu64 " timed instructions by its counts, %" PRIu64 " in the stream",
		     total[CXMS_XN_TIMED_INSNS], m->insns);
	if (!m->was_untimed &&
	    (total[CXMS_XN_INSNS] != m->insns || total[CXMS_XN_LOADS] != m->loads ||
	     total[CXMS_XN_STORES] != m->stores))
		fail("counts of instructions, loads or stores differ from the stream");
	m->counted = true;
}

static void strings(const char *name)
{
	uint64_t len;
	const uint8_t *s = counted(&len);

	say("%s '%.*s'\n", name, (int)len, (const char *)s);
	if (!strcmp(name, "warn") && !text)
		printf("warning: %.*s\n", (int)len, (const char *)s);
}

/* Those that are numbers and bytes only: "v" and "b" in turn, then a string if there is an "s". */
static void plain(unsigned type)
{
	static const struct {
		const char *name, *body;
	} form[CXMS_XC_END] = {
		[CXMS_XC_CLONE] = {"clone", "v"},  [CXMS_XC_EXIT] = {"exit", "v"},
		[CXMS_XC_WAIT] = {"wait", "v"},	   [CXMS_XC_RESUME] = {"resume", "vb"},
		[CXMS_XC_WAKE] = {"wake", "v"},	   [CXMS_XC_ROI] = {"roi", "b"},
		[CXMS_XC_PAGE] = {"page", "vb"},   [CXMS_XC_MAP] = {"map", "vvbs"},
		[CXMS_XC_UNMAP] = {"unmap", "vv"}, [CXMS_XC_ALLOC] = {"alloc", "vvv"},
		[CXMS_XC_FREE] = {"free", "v"},	   [CXMS_XC_SYSCALL] = {"syscall", "v"},
		[CXMS_XC_TIME] = {"time", "v"},	   [CXMS_XC_WAKE_SOME] = {"wake", "vv"},
		[CXMS_XC_MEET] = {"meet", "v"},	   [CXMS_XC_MOVE] = {"move", "vvv"},
		[CXMS_XC_PIPE] = {"pipe", "vvb"},  [CXMS_XC_FORKED] = {"forked", "v"},
	};
	const char *body = type < CXMS_XC_END ? form[type].body : NULL;

	if (!body)
		fail("control %u", type);
	say("%s", form[type].name);
	for (; *body; body++) {
		if (*body == 's') {
			strings("");
			return;
		}
		say(" %" PRIx64, *body == 'v' ? varint() : byte());
	}
	say("\n");
}

static void lost(struct image *m)
{
	uint64_t id = varint();

	if (id >= m->n_block || !m->block[id].id || m->block[id].lost)
		fail("block %" PRIu64 " is lost, but is not defined", id);
	m->block[id].lost = true;
	say("lost %" PRIu64 "\n", id);
}

static void control(struct image *m)
{
	unsigned type = byte();

	if (type < CXMS_XC_END)
		m->control[type]++;
	switch (type) {
	case CXMS_XC_HELLO:
		hello(m);
		break;
	case CXMS_XC_BLOCK:
		define_block(m);
		break;
	case CXMS_XC_THREAD:
		m->tid = varint();
		current(m);
		say("thread %" PRIu64 "\n", m->tid);
		break;
	case CXMS_XC_TIMED:
		timed(m);
		break;
	case CXMS_XC_COUNTS:
		counts(m);
		break;
	case CXMS_XC_WARN:
		strings("warn");
		break;
	case CXMS_XC_LOST:
		lost(m);
		break;
	default:
		plain(type);
		break;
	}
}

/* ---- packets ---- */

static struct image *image_of(const struct cxms_xs_head *h)
{
	struct image *m;

	for (unsigned i = 0; i < n_image; i++)
		if (images[i].pid == h->pid && images[i].number == h->image)
			return &images[i];
	if (n_image == MAX_IMAGES)
		fail("more than %d images", MAX_IMAGES);
	m = &images[n_image++];
	m->pid = h->pid;
	m->number = h->image;
	m->thread = zeroed(MAX_THREADS, sizeof(*m->thread));
	return m;
}

static void one_packet(const struct cxms_xs_head *h)
{
	struct image *m = image_of(h);

	if (h->seq != m->seq++)
		fail("packet %" PRIu64 " of its image, not %" PRIu64, h->seq, m->seq - 1);
	if (end - at < 3 || at[0] != 0 || at[1] != CXMS_XC_THREAD)
		fail("a packet that does not begin with a thread");
	for (unsigned i = 0; i < MAX_THREADS; i++)
		m->thread[i].line = 0;
	say("packet %u.%u\n", (unsigned)(m - images), h->image);
	while (at < end) {
		uint64_t v = varint();

		if (m->seq == 1 && m->control[CXMS_XC_THREAD] && !m->control[CXMS_XC_HELLO] &&
		    (v || *at != CXMS_XC_HELLO))
			fail("an image that does not begin with a hello");
		if (v)
			run(m, v);
		else
			control(m);
	}
}

static void summary(const struct image *m)
{
	printf("image %u: insns %" PRIu64 " loads %" PRIu64 " stores %" PRIu64 " runs %" PRIu64
	       " events %" PRIu64,
	       m->number, m->insns, m->loads, m->stores, m->runs, m->events);
	for (unsigned i = 0; i < CXMS_XE_KIND_END; i++)
		if (m->kind[i])
			printf(" %s %" PRIu64, event_name[i], m->kind[i]);
	printf(" pages %" PRIu64 " blocks %" PRIu64 "\n", m->control[CXMS_XC_PAGE],
	       m->control[CXMS_XC_BLOCK]);
}

int main(int argc, char **argv)
{
	static uint8_t buffer[CXMS_XS_PACKET_MAX];
	struct cxms_xs_head h;
	FILE *f;

	text = argc == 3 && !strcmp(argv[1], "-t");
	if (argc != 2 + text || !(f = fopen(argv[argc - 1], "rb"))) {
		fprintf(stderr, "usage: xdump [-t] FILE\n");
		return 2;
	}
	packet = at = buffer;
	while (fread(&h, sizeof(h), 1, f) == 1) {
		if (h.magic != CXMS_XS_MAGIC || h.bytes == 0 ||
		    h.bytes + sizeof(h) > CXMS_XS_PACKET_MAX)
			fail("no packet head");
		if (fread(buffer, h.bytes, 1, f) != 1)
			fail("the file ends in a packet");
		at = buffer;
		end = buffer + h.bytes;
		one_packet(&h);
		offset += sizeof(h) + h.bytes;
	}
	fclose(f);
	for (unsigned i = 0; i < n_image; i++)
		summary(&images[i]);
	return n_image == 0;
}
