#include "core/xread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

/* Blocks by number; a forked image sees those of its parent below a number. */
struct image {
	uint32_t pid, number;
	uint64_t next_seq;
	bool greeted;	      /* its first message was read */
	struct image *parent; /* NULL = none */
	uint64_t n_parent;    /* blocks with numbers below it are the parent's */
	struct cxms_block **block;
	size_t n, cap; /* block[i] has number n_parent + i, or i + 1 without a parent */
};

/* The line of a thread's last line body in the packet. */
struct thread_line {
	uint32_t tid;
	uint64_t line;
};

/* Runs and events of theirs that are told at once, so that those who are told look up once what is
 * the same for all; few enough to stay in the first level of the caches. One run may have more
 * events. */
#define RUNS_AT_ONCE   32u
#define EVENTS_AT_ONCE 128u

struct cxms_xread {
	struct cxms_uops *uops;
	struct image **image;
	size_t n_image, cap_image;
	/* not yet told */
	struct cxms_xrun run[RUNS_AT_ONCE];
	struct cxms_xevent *event;
	size_t n_run, n_event, cap_event;
	struct cxms_code_insn *insn;
	struct cxms_code_access *access;
	struct cxms_code_exit *exit;
	size_t cap_insn, cap_access, cap_exit;
	/* of the packet being read */
	struct image *now;
	uint32_t tid;
	uint64_t line;		   /* of the last line body of this thread */
	struct thread_line *other; /* of those that ran before */
	size_t n_other, cap_other;
};

int cxms_xread_new(bool split, struct cxms_xread **out, struct cxms_err *err)
{
	struct cxms_xread *r = calloc(1, sizeof(*r));
	int rc = r ? cxms_uops_new(split, &r->uops, err) : cxms_fail(err, ENOMEM, "out of memory");
	if (rc)
		cxms_xread_free(r);
	else
		*out = r;
	return rc;
}

void cxms_xread_free(struct cxms_xread *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_image; i++) {
		for (size_t b = 0; b < r->image[i]->n; b++) {
			cxms_block_fini(r->image[i]->block[b]);
			free(r->image[i]->block[b]);
		}
		free(r->image[i]->block);
		free(r->image[i]);
	}
	cxms_uops_free(r->uops);
	free(r->image);
	free(r->event);
	free(r->insn);
	free(r->access);
	free(r->exit);
	free(r->other);
	free(r);
}

static int bad(struct cxms_err *err, const char *what)
{
	return cxms_fail(err, EINVAL, "the exact stream is damaged: %s", what);
}

/* The latest image of a process, or the one with this number. */
static struct image *find_image(struct cxms_xread *r, uint32_t pid, int64_t number)
{
	for (size_t i = r->n_image; i-- > 0;)
		if (r->image[i]->pid == pid && (number < 0 || r->image[i]->number == number))
			return r->image[i];
	return NULL;
}

static struct cxms_block *find_block(const struct image *im, uint64_t id)
{
	while (im->parent && id < im->n_parent)
		im = im->parent;
	uint64_t at = id - (im->parent ? im->n_parent : 1);
	return at < im->n ? im->block[at] : NULL;
}

static int add_image(struct cxms_xread *r, uint32_t pid, uint32_t number, struct cxms_err *err)
{
	if (cxms_array_grow((void **)&r->image, &r->cap_image, r->n_image + 1, sizeof(*r->image)) <
	    0)
		return cxms_fail(err, ENOMEM, "out of memory");
	struct image *im = calloc(1, sizeof(*im));
	if (!im)
		return cxms_fail(err, ENOMEM, "out of memory");
	im->pid = pid;
	im->number = number;
	r->image[r->n_image++] = im;
	return 0;
}

static int read_hello(struct cxms_xread *r, struct cxms_cur *c, struct cxms_xcontrol *out,
		      struct cxms_err *err)
{
	uint64_t version = cxms_cur_varint(c);
	out->a = cxms_cur_varint(c);
	out->b = cxms_cur_varint(c);
	out->flag = cxms_cur_u8(c);
	uint64_t below = cxms_cur_varint(c);
	out->text = cxms_cur_str(c, &out->n_text);
	if (c->failed || version != 1 || r->now->greeted)
		return bad(err, "its first message is of another version, or came twice");
	r->now->greeted = true;
	if (!out->flag)
		return 0;
	struct image *parent = find_image(r, (uint32_t)out->b, -1);
	if (!parent || parent == r->now || !parent->greeted || below == 0 || r->now->n > 0)
		return bad(err, "a forked process has no parent");
	r->now->parent = parent;
	r->now->n_parent = below;
	return 0;
}

static int read_insns(struct cxms_xread *r, struct cxms_cur *c, uint64_t addr, uint64_t n)
{
	if (n == 0 || n > 4096 ||
	    cxms_array_grow((void **)&r->insn, &r->cap_insn, (size_t)n, sizeof(*r->insn)) < 0)
		return -EINVAL;
	for (uint64_t i = 0; i < n; i++) {
		size_t len;
		addr += (uint64_t)cxms_cur_svarint(c);
		const uint8_t *bytes = cxms_cur_str(c, &len);
		if (c->failed || len < 1 || len > 15)
			return -EINVAL;
		r->insn[i] = (struct cxms_code_insn){addr, (uint8_t)len, bytes};
		addr += len;
	}
	return 0;
}

static int read_accesses(struct cxms_xread *r, struct cxms_cur *c, uint64_t n)
{
	if (n > INT16_MAX || cxms_array_grow((void **)&r->access, &r->cap_access, (size_t)n + 1,
					     sizeof(*r->access)) < 0)
		return -EINVAL;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t insn = cxms_cur_varint(c);
		uint8_t kind = cxms_cur_u8(c);
		if (c->failed || insn > UINT16_MAX || (kind & 15) > CXMS_XA_NT_STORE)
			return -EINVAL;
		r->access[i] =
			(struct cxms_code_access){(uint16_t)insn, kind & 15, (uint8_t)(kind >> 4)};
	}
	return 0;
}

static int read_exits(struct cxms_xread *r, struct cxms_cur *c, uint64_t n)
{
	if (n > 4096 ||
	    cxms_array_grow((void **)&r->exit, &r->cap_exit, (size_t)n + 1, sizeof(*r->exit)) < 0)
		return -EINVAL;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t insn = cxms_cur_varint(c), done = cxms_cur_varint(c);
		uint8_t kind = cxms_cur_u8(c);
		if (c->failed || insn > UINT16_MAX || done > UINT16_MAX || kind > CXMS_XX_SYSCALL)
			return -EINVAL;
		r->exit[i] = (struct cxms_code_exit){(uint16_t)insn, (uint16_t)done, kind};
	}
	return 0;
}

static int keep_block(struct cxms_xread *r, const struct cxms_code_block *code,
		      struct cxms_err *err)
{
	struct image *im = r->now;
	struct cxms_block *b = calloc(1, sizeof(*b));
	if (!b ||
	    cxms_array_grow((void **)&im->block, &im->cap, im->n + 1, sizeof(*im->block)) < 0) {
		free(b);
		return cxms_fail(err, ENOMEM, "out of memory");
	}
	int rc = cxms_uops_block(r->uops, code, b, err);
	if (rc)
		free(b);
	else
		im->block[im->n++] = b;
	return rc;
}

static int read_block(struct cxms_xread *r, struct cxms_cur *c, struct cxms_err *err)
{
	struct image *im = r->now;
	uint64_t id = cxms_cur_varint(c), addr = cxms_cur_varint(c);
	uint64_t n_insn = cxms_cur_varint(c), n_access, n_exit;
	if (c->failed || id != (im->parent ? im->n_parent : 1) + im->n)
		return bad(err, "a block has the wrong number");
	if (read_insns(r, c, addr, n_insn) < 0)
		return bad(err, "instructions of a block");
	n_access = cxms_cur_varint(c);
	if (read_accesses(r, c, n_access) < 0)
		return bad(err, "accesses of a block");
	n_exit = cxms_cur_varint(c);
	if (read_exits(r, c, n_exit) < 0)
		return bad(err, "exits of a block");
	const struct cxms_code_block code = {.n_insn = (size_t)n_insn,
					     .n_access = (size_t)n_access,
					     .n_exit = (size_t)n_exit,
					     .insn = r->insn,
					     .access = r->access,
					     .exit = r->exit,
					     .end = cxms_cur_u8(c)};
	if (c->failed || code.end > CXMS_XX_SYSCALL)
		return bad(err, "end of a block");
	return keep_block(r, &code, err);
}

static uint64_t read_line(struct cxms_xread *r, struct cxms_cur *c)
{
	r->line += (uint64_t)cxms_cur_svarint(c);
	return r->line;
}

static uint32_t limit_of(const struct cxms_block *b, const struct cxms_xevent *e)
{
	if (e->flags & CXMS_XE_BEHIND)
		return b->n_exit + 1;
	switch (e->kind) {
	case CXMS_XE_MISP:
	case CXMS_XE_WRONG:
	case CXMS_XE_WRONGUSE:
		return b->n_exit + 1;
	case CXMS_XE_IF:
		return b->n_segment;
	case CXMS_XE_WB: /* behind an access or a line of instructions */
		return b->n_access > b->n_segment ? b->n_access : b->n_segment;
	default:
		return b->n_access;
	}
}

/* The access that begins the piece of a string which holds access @index. */
static uint32_t piece_of(const struct cxms_block *b, uint32_t index)
{
	uint32_t a_round = b->n_access / b->n_insn, a_piece = a_round * b->string_rounds;
	return index / a_piece * a_piece + index % a_round;
}

static bool level_fits(uint8_t level)
{
	return level >= CXMS_XL_L1 && level <= CXMS_XL_MEM;
}

/* Fields of an event as they are written, in whose width they fit or not. */
struct fields {
	uint64_t index, back, behind;
};

/* What the kind of an event has behind its index: lines and levels to @e, the others to @f. */
static void read_fields(struct cxms_xread *r, struct cxms_cur *c, struct cxms_xevent *e,
			struct fields *f)
{
	uint8_t levels;

	switch (e->kind) {
	case CXMS_XE_MEM:
	case CXMS_XE_WB:
	case CXMS_XE_NT:
		e->line = read_line(r, c);
		break;
	case CXMS_XE_USE:
	case CXMS_XE_L2USE:
	case CXMS_XE_LLCUSE:
	case CXMS_XE_FWD:
	case CXMS_XE_NEAR:
	case CXMS_XE_PART:
		f->back = cxms_cur_varint(c);
		break;
	case CXMS_XE_PF:
		levels = cxms_cur_u8(c);
		e->into = levels & 15;
		e->from = levels >> 4;
		e->line = read_line(r, c);
		break;
	case CXMS_XE_WRONGUSE:
		f->behind = cxms_cur_varint(c);
		f->back = cxms_cur_varint(c);
		break;
	case CXMS_XE_WRONG:
		f->back = cxms_cur_varint(c) + 1;
		e->from = cxms_cur_u8(c);
		e->line = read_line(r, c);
		break;
	case CXMS_XE_IF:
		e->from = cxms_cur_u8(c);
		if (e->from == CXMS_XL_MEM)
			e->line = read_line(r, c);
		break;
	default:
		break;
	}
}

static bool are_fields_valid(const struct cxms_block *b, const struct cxms_xevent *e,
			     const struct fields *f)
{
	if (e->kind >= CXMS_XE_KIND_END || f->index >= limit_of(b, e) || f->behind >= UINT16_MAX ||
	    f->back == 0 || f->back > UINT32_MAX)
		return false;
	switch (e->kind) {
	case CXMS_XE_PF:
		return level_fits(e->into) && level_fits(e->from);
	case CXMS_XE_WRONG:
		return f->back <= UINT16_MAX && level_fits(e->from) && e->from >= CXMS_XL_L2;
	case CXMS_XE_IF:
		return level_fits(e->from);
	default:
		return true;
	}
}

/* Events with nothing but how far back their fill or store is. */
#define ONLY_BACK                                                                                  \
	(1u << CXMS_XE_USE | 1u << CXMS_XE_L2USE | 1u << CXMS_XE_LLCUSE | 1u << CXMS_XE_FWD |      \
	 1u << CXMS_XE_NEAR | 1u << CXMS_XE_PART)

/* Those with nothing at all. */
#define NO_BODY                                                                                    \
	(1u << CXMS_XE_HIT | 1u << CXMS_XE_L2 | 1u << CXMS_XE_LLC | 1u << CXMS_XE_SKIP |           \
	 1u << CXMS_XE_MISP)

/* Most events are of such a kind, and have an index of one byte and a distance of one or two.
 * Return: whether @e was read; if not, @c stands where it stood. */
static inline bool read_usual(struct cxms_cur *c, const struct cxms_block *b, struct cxms_xevent *e)
{
	const uint8_t *p = c->p;
	if (c->end - p < 4)
		return false;
	uint8_t kind = p[0] & CXMS_XE_KIND_MASK;
	uint32_t back = 1, len = 2;
	uint32_t limit = kind == CXMS_XE_MISP ? b->n_exit + 1 : b->n_access;
	if (p[0] & CXMS_XE_BEHIND || !((ONLY_BACK | NO_BODY) >> kind & 1) || p[1] >= limit ||
	    p[1] >= 0x80 || b->string_bytes > 0)
		return false;
	if (ONLY_BACK >> kind & 1) {
		back = p[2];
		len = 3;
	}
	if (back >= 0x80) {
		back = (back & 0x7f) | (uint32_t)p[3] << 7;
		len = 4;
	}
	if (back == 0 || (len == 4 && p[3] >= 0x80))
		return false;
	*e = (struct cxms_xevent){
		.kind = kind, .flags = (uint8_t)(p[0] - kind), .index = p[1], .back = back};
	c->p += len;
	return true;
}

static int read_event(struct cxms_xread *r, struct cxms_cur *c, const struct cxms_block *b,
		      struct cxms_xevent *e)
{
	uint8_t kind = cxms_cur_u8(c);
	struct fields f = {.index = cxms_cur_varint(c), .back = 1};

	*e = (struct cxms_xevent){.kind = kind & CXMS_XE_KIND_MASK,
				  .flags = kind & (CXMS_XE_TLB2 | CXMS_XE_WALK | CXMS_XE_BEHIND)};
	read_fields(r, c, e, &f);
	if (c->failed || !are_fields_valid(b, e, &f))
		return -EINVAL;
	e->index = (uint32_t)f.index;
	e->back = (uint32_t)f.back;
	e->behind = (uint16_t)f.behind;
	if (b->string_bytes > 0 && limit_of(b, e) == b->n_access)
		e->index = piece_of(b, e->index);
	return 0;
}

static bool begins_fill(const struct cxms_xevent *e)
{
	const uint32_t fills = 1u << CXMS_XE_L2 | 1u << CXMS_XE_LLC | 1u << CXMS_XE_MEM |
			       1u << CXMS_XE_L2USE | 1u << CXMS_XE_LLCUSE | 1u << CXMS_XE_PF |
			       1u << CXMS_XE_WRONG;
	return fills >> e->kind & 1;
}

static bool names_fill(const struct cxms_xevent *e)
{
	return e->kind == CXMS_XE_USE || e->kind == CXMS_XE_L2USE || e->kind == CXMS_XE_LLCUSE ||
	       e->kind == CXMS_XE_WRONGUSE;
}

/* Events of a string's rounds by the access that begins their piece; fills keep their names. */
static void order_by_piece(struct cxms_xevent *event, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct cxms_xevent e = event[i];
		size_t at = i;
		for (; at > 0 && event[at - 1].index > e.index; at--) {
			struct cxms_xevent p = event[at - 1];
			p.back += names_fill(&p) && begins_fill(&e);
			e.back -= names_fill(&e) && begins_fill(&p) && e.back > 1;
			event[at] = p;
		}
		event[at] = e;
	}
}

static int tell_runs(struct cxms_xread *r, const struct cxms_xsink *sink, struct cxms_err *err)
{
	const struct cxms_xruns runs = {.pid = r->now->pid,
					.image = r->now->number,
					.tid = r->tid,
					.run = r->run,
					.n = r->n_run,
					.n_event = r->n_event};
	r->n_run = r->n_event = 0;
	return runs.n > 0 && sink->runs ? sink->runs(sink->arg, &runs, err) : 0;
}

/* For one run more, of @n events. */
static int make_room(struct cxms_xread *r, uint64_t n, const struct cxms_xsink *sink,
		     struct cxms_err *err)
{
	int rc = tell_runs(r, sink, err);
	if (rc || n < r->cap_event)
		return rc;
	if (n > CXMS_XS_PACKET_MAX)
		return bad(err, "number of events");
	/* one more than there are: a run without events has an array, too, to be copied from */
	size_t need = (size_t)n + 1 > EVENTS_AT_ONCE ? (size_t)n + 1 : EVENTS_AT_ONCE;
	if (cxms_array_grow((void **)&r->event, &r->cap_event, need, sizeof(*r->event)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory");
	return 0;
}

/* @n events of a run of @b, for which there is room. */
static int read_events(struct cxms_xread *r, struct cxms_cur *c, const struct cxms_block *b,
		       uint32_t n)
{
	struct cxms_xevent *event = r->event + r->n_event;
	for (uint32_t i = 0; i < n; i++)
		if (!read_usual(c, b, &event[i]) && read_event(r, c, b, &event[i]) < 0)
			return -EINVAL;
	if (b->string_bytes > 0)
		order_by_piece(event, n);
	r->n_event += n;
	return 0;
}

/* One run more, of which everything is known but its events. */
static inline int add_run(struct cxms_xread *r, struct cxms_cur *c, const struct cxms_xrun *run,
			  struct cxms_err *err)
{
	struct cxms_xrun *to = &r->run[r->n_run++];
	*to = *run;
	to->event = r->event + r->n_event;
	if (run->n_event > 0 && read_events(r, c, run->block, run->n_event) < 0)
		return bad(err, "an event");
	return 0;
}

/* Most blocks have a number of one byte or two, and most runs less than 128 events. Return: whether
 * what stands before them was read, and there is room; if not, @c stands where it stood, which may
 * be before another message. */
static inline bool read_usual_run(const struct cxms_xread *r, struct cxms_cur *c,
				  struct cxms_xrun *out)
{
	const uint8_t *p = c->p;
	if (c->end - p < 4 || r->n_run == RUNS_AT_ONCE)
		return false;
	uint32_t h = *p++;
	if (h >= 0x80)
		h = (h & 0x7f) | (uint32_t)*p++ << 7;
	out->block = h < 1u << 14 ? find_block(r->now, h >> 2) : NULL;
	if (!out->block)
		return false;
	out->exit = h & 1 ? *p++ : out->block->n_exit;
	out->n_event = h & 2 ? *p++ : 0;
	if ((h & 1 && (out->exit >= 0x80 || out->exit >= out->block->n_exit)) ||
	    out->n_event >= 0x80 || out->n_event >= r->cap_event - r->n_event)
		return false;
	c->p = p;
	return true;
}

static int read_run(struct cxms_xread *r, struct cxms_cur *c, uint64_t h,
		    const struct cxms_xsink *sink, struct cxms_err *err)
{
	const struct cxms_block *b = find_block(r->now, h >> 2);
	if (!b)
		return bad(err, "a block that was never sent ran");
	uint64_t exit = h & 1 ? cxms_cur_varint(c) : b->n_exit;
	uint64_t n = h & 2 ? cxms_cur_varint(c) : 0;
	if (c->failed || exit > b->n_exit || (h & 1 && exit == b->n_exit))
		return bad(err, "a block was left by an exit it has not");
	if (r->n_run == RUNS_AT_ONCE || n >= r->cap_event - r->n_event) {
		int rc = make_room(r, n, sink, err);
		if (rc)
			return rc;
	}
	const struct cxms_xrun run = {.block = b, .n_event = (uint32_t)n, .exit = (uint32_t)exit};
	return add_run(r, c, &run, err);
}

static int read_counts(struct cxms_cur *c, uint64_t *count, struct cxms_xcontrol *out)
{
	uint64_t n = cxms_cur_varint(c);
	if (n > 64)
		return -EINVAL;
	for (uint64_t i = 0; i < n; i++)
		count[i] = cxms_cur_varint(c);
	out->count = count;
	out->n_count = (size_t)n;
	return 0;
}

/* Numbers, then a byte, then text: which of them a control message has. */
static const struct {
	uint8_t numbers;
	bool flag, text, known;
} shapes[CXMS_XC_END] = {
	[CXMS_XC_THREAD] = {1, false, false, true},  [CXMS_XC_CLONE] = {1, false, false, true},
	[CXMS_XC_EXIT] = {1, false, false, true},    [CXMS_XC_WAIT] = {1, false, false, true},
	[CXMS_XC_RESUME] = {1, true, false, true},   [CXMS_XC_WAKE] = {1, false, false, true},
	[CXMS_XC_PAGE] = {1, true, false, true},     [CXMS_XC_MAP] = {2, true, true, true},
	[CXMS_XC_UNMAP] = {2, false, false, true},   [CXMS_XC_FREE] = {1, false, false, true},
	[CXMS_XC_SYSCALL] = {1, false, false, true}, [CXMS_XC_WARN] = {0, false, true, true},
	[CXMS_XC_LOST] = {1, false, false, true},    [CXMS_XC_TIME] = {1, false, false, true},
	[CXMS_XC_ROI] = {0, true, false, true},	     [CXMS_XC_WAKE_SOME] = {2, false, false, true},
	[CXMS_XC_MEET] = {1, false, false, true},    [CXMS_XC_MOVE] = {3, false, false, true},
	[CXMS_XC_PIPE] = {2, true, false, true},     [CXMS_XC_FORKED] = {1, false, false, true},
};

/* What follows is of this thread: its lines go on where they stood. */
static int turn_to(struct cxms_xread *r, uint32_t tid)
{
	size_t at = 0;
	if (tid == r->tid)
		return 0;
	while (at < r->n_other && r->other[at].tid != tid)
		at++;
	if (cxms_array_grow((void **)&r->other, &r->cap_other, r->n_other + 1, sizeof(*r->other)) <
	    0)
		return -ENOMEM;
	const struct thread_line left = {r->tid, r->line};
	r->tid = tid;
	r->line = at < r->n_other ? r->other[at].line : 0;
	r->n_other += at == r->n_other;
	r->other[at] = left;
	return 0;
}

static int read_control(struct cxms_xread *r, struct cxms_cur *c, const struct cxms_xsink *sink,
			struct cxms_err *err)
{
	uint64_t count[64];
	struct cxms_xcontrol m = {
		.type = cxms_cur_u8(c), .pid = r->now->pid, .image = r->now->number, .tid = r->tid};
	int rc = tell_runs(r, sink, err);
	if (rc)
		return rc;
	if (m.type == CXMS_XC_BLOCK)
		return read_block(r, c, err);
	if (m.type == CXMS_XC_HELLO) {
		rc = read_hello(r, c, &m, err);
	} else if (m.type == CXMS_XC_COUNTS) {
		rc = read_counts(c, count, &m) < 0 ? bad(err, "totals") : 0;
	} else if (m.type == CXMS_XC_TIMED) {
		m.flag = cxms_cur_u8(c);
		m.a = cxms_cur_varint(c);
	} else if (m.type == CXMS_XC_ALLOC) {
		m.a = cxms_cur_varint(c);
		m.b = cxms_cur_varint(c);
		(void)cxms_cur_varint(c); /* caller: for tables by allocation */
	} else if (m.type < CXMS_XC_END && shapes[m.type].known) {
		m.a = shapes[m.type].numbers > 0 ? cxms_cur_varint(c) : 0;
		m.b = shapes[m.type].numbers > 1 ? cxms_cur_varint(c) : 0;
		m.c = shapes[m.type].numbers > 2 ? cxms_cur_varint(c) : 0;
		m.flag = shapes[m.type].flag ? cxms_cur_u8(c) : 0;
		m.text = shapes[m.type].text ? cxms_cur_str(c, &m.n_text) : NULL;
	} else {
		return bad(err, "a message of an unknown kind");
	}
	if (rc)
		return rc;
	if (c->failed)
		return bad(err, "a message is cut");
	if (m.type == CXMS_XC_THREAD && turn_to(r, (uint32_t)m.a) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for a thread");
	return sink->control ? sink->control(sink->arg, &m, err) : 0;
}

static int read_head(struct cxms_xread *r, const void *data, size_t len, struct cxms_err *err)
{
	struct cxms_xs_head h;
	if (len < sizeof(h))
		return bad(err, "a packet is shorter than its head");
	memcpy(&h, data, sizeof(h));
	if (h.magic != CXMS_XS_MAGIC || h.bytes != len - sizeof(h) || len > CXMS_XS_PACKET_MAX)
		return bad(err, "head of a packet");
	r->now = find_image(r, h.pid, h.image);
	if (!r->now) {
		if (h.seq != 0)
			return bad(err, "the first packets of a process are missing");
		int rc = add_image(r, h.pid, h.image, err);
		if (rc)
			return rc;
		r->now = r->image[r->n_image - 1];
	}
	if (h.seq != r->now->next_seq)
		return bad(err, "packets are missing or in another order");
	r->now->next_seq++;
	return 0;
}

int cxms_xread_packet(struct cxms_xread *r, const void *data, size_t len,
		      const struct cxms_xsink *sink, struct cxms_err *err)
{
	int rc = read_head(r, data, len, err);
	if (rc)
		return rc;
	const uint8_t *p = data;
	struct cxms_cur c = {p + sizeof(struct cxms_xs_head), p + len, false};
	struct cxms_xrun run;
	r->tid = 0;
	r->line = 0;
	r->n_other = 0;
	while (c.p < c.end && rc == 0) {
		if (read_usual_run(r, &c, &run)) {
			rc = add_run(r, &c, &run, err);
			continue;
		}
		uint64_t h = cxms_cur_varint(&c);
		if (c.failed)
			return bad(err, "a message is cut");
		rc = h ? read_run(r, &c, h, sink, err) : read_control(r, &c, sink, err);
	}
	return rc ? rc : tell_runs(r, sink, err);
}

int cxms_xread_skip(struct cxms_xread *r, const void *data, size_t len, struct cxms_err *err)
{
	return read_head(r, data, len, err);
}
