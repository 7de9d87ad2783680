/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wrong path. After a branch that was predicted wrongly a core goes on fetching where the
 * predictor said, until the branch is done; loads there bring lines that the right path may use.
 * This walks that code with the registers of the branch: integer arithmetic on known registers,
 * loads of lines that are at hand, branches as the predictor says. What it cannot follow ends the
 * walk or makes a register unknown; addresses from unknown registers are passed over. Stores of
 * a wrong path never happen.
 */
#include "ex.h"

#include "ex_wrong.h"

#define REGISTERS (EX_NO_REGISTER + 1) /* the last one is known, and 0 */
#define AX	  0u
#define DX	  2u
#define SP	  4u
#define BP	  5u
/* Words that a walk has pushed and keeps: calls and what they save, a few deep. */
#define PUSHED 32u
/* Decoded stretches that are kept, by address, and instructions of each at most. */
#define KEPT	1024u
#define STRETCH 16u
/* Lines that a walk keeps in mind. A power of two that divides the sets of a first level: lines of
 * one set take each other's place, so its order is as if each load had touched it. */
#define SEEN 8u

/**
 * struct stretch - straight code: up to a branch, to what is not followed or known, or to STRETCH
 * @pc:    0: none;  @end: behind it
 * @insns: instructions;  @n_op: those that do something
 */
struct stretch {
	uint64_t pc, end;
	unsigned insns, n_op;
	struct ex_op op[STRETCH];
};

static struct stretch kept[KEPT];
static bool any_kept;

/* A line that a walk has in mind, and where it was; @line: all ones = none. */
struct seen_line {
	uint64_t line;
	enum cxms_hier_level level;
};

/**
 * struct walk - where a walk is
 * @known:  a bit for each register;  @next: where it goes on behind this stretch
 * @pushed: what lies below @bottom, where the stack ended at the branch: the nearest word first;
 *          @kept: a bit for each that is known
 * @seen:   lines that it read, by their last bits
 * @branch: exit number
 * @insns:  walked before this stretch;  @budget: it ends when so many were walked
 * @brought: it asked for a line that a short walk would not have come to
 */
struct walk {
	uint64_t value[REGISTERS];
	uint64_t next;
	uint64_t pushed[PUSHED], bottom;
	struct seen_line seen[SEEN];
	struct ex_thread *t;
	uint32_t known, kept;
	unsigned branch, insns, budget;
	bool timed, brought;
	struct cxms_bpred_guess guess;
};

static bool knows(const struct walk *w, unsigned r)
{
	return w->known >> r & 1;
}

static void forget(struct walk *w, unsigned r)
{
	w->known &= ~(1u << r);
}

static void forget_lines(struct walk *w)
{
	for (unsigned i = 0; i < SEEN; i++)
		w->seen[i].line = UINT64_MAX;
}

/* 32-bit results clear the upper half; smaller ones are not followed. */
static void set(struct walk *w, unsigned r, bool known, uint64_t v, unsigned size)
{
	known &= size >= 4;
	w->value[r] = size == 4 ? (uint32_t)v : v;
	w->known = (w->known & ~(1u << r)) | (uint32_t)known << r;
}

/* Pages of front are known. */
static inline bool is_known(const struct ex_core *core, uint64_t page)
{
	return EX_LIKELY(core->front[ex_front_at(page)].page == page) || ex_page_known(page);
}

static inline bool is_readable(const struct walk *w, uint64_t address, unsigned bytes)
{
	uint64_t first = address >> CXMS_XS_PAGE_SHIFT;
	uint64_t last = (address + bytes - 1) >> CXMS_XS_PAGE_SHIFT;

	return is_known(w->t->core, first) && (first == last || is_known(w->t->core, last));
}

ALWAYS_INLINE bool address_of(const struct walk *w, const struct ex_op *op, uint64_t *address)
{
	*address = op->displacement + w->value[op->base] + (w->value[op->index] << op->scale_shift);
	return (w->known & op->needs) == op->needs;
}

/* A load of a line that the walk has not in mind. Return: where the line is; it keeps that in mind
 * if the next load of it would be told the same. */
NEVER_INLINE enum cxms_hier_level load_anew(struct walk *w, const struct ex_op *op,
					    uint64_t address, struct seen_line *seen)
{
	uint64_t fills = w->t->fills;
	unsigned events = ex.n_event;
	unsigned behind = w->insns + op->at;
	enum cxms_hier_level level =
		ex_wrong_load(w->t, address, op->pc, w->branch, behind, w->timed);

	w->brought |= behind >= CXMS_ASSUMED_SHORT_WALK && ex.n_event != events;
	if (level == CXMS_HIER_L1 || (w->timed && w->t->fills == fills))
		*seen = (struct seen_line){address >> CXMS_XS_LINE_SHIFT, level};
	else /* what it brings may be in the place of any other */
		forget_lines(w);
	return level;
}

/* Is that where only a walk has written? Its stores never happen. */
ALWAYS_INLINE bool is_below(const struct walk *w, uint64_t address)
{
	return address < w->bottom && address >= w->value[SP];
}

/* Whether the value of a load is there in time to be used. */
ALWAYS_INLINE bool is_at_hand(struct walk *w, const struct ex_op *op, uint64_t address,
			      unsigned size)
{
	uint64_t line = address >> CXMS_XS_LINE_SHIFT;
	struct seen_line *seen = &w->seen[line % SEEN];

	if (EX_UNLIKELY(is_below(w, address)))
		return false;
	if (EX_LIKELY(seen->line == line && (address + size - 1) >> CXMS_XS_LINE_SHIFT == line))
		return seen->level <= CXMS_HIER_L2;
	return is_readable(w, address, size) && load_anew(w, op, address, seen) <= CXMS_HIER_L2;
}

/* A load of the wrong path, by @op. Return: whether its value is known. */
ALWAYS_INLINE bool load(struct walk *w, const struct ex_op *op, uint64_t address, unsigned size,
			uint64_t *value)
{
	if (!is_at_hand(w, op, address, size) || size < 4)
		return false;
	*value = 0;
	if (size == 4)
		*value = *(const uint32_t *)(Addr)address;
	else
		*value = *(const uint64_t *)(Addr)address;
	return true;
}

/* The value of rm. */
ALWAYS_INLINE bool read_rm(struct walk *w, const struct ex_op *op, uint64_t *value)
{
	uint64_t address;

	if (!op->is_memory) {
		*value = w->value[op->rm];
		return knows(w, op->rm);
	}
	return address_of(w, op, &address) && load(w, op, address, op->size, value);
}

/* add, or, adc, sbb, and, sub, xor, cmp by number; adc and sbb need flags, which are not kept. */
static bool arithmetic(unsigned what, uint64_t a, uint64_t b, uint64_t *out)
{
	switch (what) {
	case 0:
		*out = a + b;
		return true;
	case 1:
		*out = a | b;
		return true;
	case 4:
		*out = a & b;
		return true;
	case 5:
		*out = a - b;
		return true;
	case 6:
		*out = a ^ b;
		return true;
	default:
		return false;
	}
}

/* sub or xor of a register and itself */
static bool zeroes(const struct ex_op *op)
{
	return !op->is_memory && op->reg == op->rm && (op->what == 5 || op->what == 6);
}

/* The eight operations between a register and rm, in both directions. */
static void two_operands(struct walk *w, const struct ex_op *op)
{
	uint64_t rm = 0, out = 0, reg = w->value[op->reg];
	bool known = read_rm(w, op, &rm) && knows(w, op->reg);

	if (op->what == 7 || (op->to_rm && op->is_memory))
		return;
	known = (known || zeroes(op)) && (op->to_rm ? arithmetic(op->what, rm, reg, &out)
						    : arithmetic(op->what, reg, rm, &out));
	set(w, op->to_rm ? op->rm : op->reg, known, zeroes(op) ? 0 : out, op->size);
}

static void with_immediate(struct walk *w, const struct ex_op *op)
{
	uint64_t rm = 0, out = 0;
	bool known = read_rm(w, op, &rm);

	if (op->what == 7 || op->is_memory)
		return;
	known = known && arithmetic(op->what, rm, op->immediate, &out);
	set(w, op->rm, known, out, op->size);
}

static void add(struct walk *w, const struct ex_op *op)
{
	uint64_t v = w->value[op->rm] + op->immediate;

	w->value[op->rm] = op->size == 4 ? (uint32_t)v : v;
}

static void shift(struct walk *w, const struct ex_op *op)
{
	uint64_t v = 0, out = 0;
	unsigned by = (unsigned)(op->by_cl ? w->value[1] : op->immediate);
	bool known = read_rm(w, op, &v) && (!op->by_cl || knows(w, 1));

	if (op->is_memory)
		return;
	by &= op->size == 8 ? 63 : 31;
	if (op->size == 4)
		v = (uint32_t)v;
	if (op->what == 4)
		out = v << by;
	else if (op->what == 5)
		out = v >> by;
	else if (op->what == 7)
		out = op->size == 8 ? (uint64_t)((int64_t)v >> by)
				    : (uint64_t)((int64_t)(int32_t)v >> by);
	else
		known = false;
	set(w, op->rm, known, out, op->size);
}

/* mul, imul, div, idiv of ax and dx. False: not known here; a core would fault, or the quotient be
 * long. */
static bool wide_result(const struct walk *w, const struct ex_op *op, uint64_t by, uint64_t *low,
			uint64_t *high)
{
	bool is_long = op->size == 8, is_signed = op->what & 1;
	uint64_t a = w->value[AX], d = w->value[DX];
	int64_t sa = is_long ? (int64_t)a : (int32_t)a, sby = is_long ? (int64_t)by : (int32_t)by;

	if (!is_long) {
		a = (uint32_t)a;
		d = (uint32_t)d;
		by = (uint32_t)by;
	}
	if (op->what < 6) {
		__uint128_t product =
			is_signed ? (__uint128_t)((__int128_t)sa * sby) : (__uint128_t)a * by;
		*low = (uint64_t)product;
		*high = (uint64_t)(product >> (is_long ? 64 : 32));
		return true;
	}
	if (by == 0 || (is_signed && sby == -1) ||
	    d != (is_signed && sa < 0 ? (is_long ? UINT64_MAX : UINT32_MAX) : 0))
		return false;
	*low = is_signed ? (uint64_t)(sa / sby) : a / by;
	*high = is_signed ? (uint64_t)(sa % sby) : a % by;
	return true;
}

static void multiply_or_divide(struct walk *w, const struct ex_op *op, bool known, uint64_t by)
{
	uint64_t low = 0, high = 0;

	known = known && op->size >= 4 && knows(w, AX) && (op->what < 6 || knows(w, DX)) &&
		wide_result(w, op, by, &low, &high);
	set(w, AX, known, low, op->size);
	set(w, DX, known, high, op->size);
}

static void sign(struct walk *w, const struct ex_op *op)
{
	uint64_t a = w->value[AX] << (op->size == 8 ? 0 : 32);

	set(w, DX, knows(w, AX), (int64_t)a < 0 ? UINT64_MAX : 0, op->size);
}

/* Groups F6/F7 (not, neg, mul, div, test) and FE/FF (inc, dec). */
static void unary(struct walk *w, const struct ex_op *op)
{
	uint64_t v = 0;
	bool known = read_rm(w, op, &v), is_f7 = op->kind == EX_OP_F7;

	if (is_f7 && op->what >= 4) {
		multiply_or_divide(w, op, known, v);
	} else if (!op->is_memory && (!is_f7 || op->what >= 2)) {
		v = is_f7 ? (op->what == 2 ? ~v : 0 - v) : (op->what == 0 ? v + 1 : v - 1);
		set(w, op->rm, known, v, op->size);
	}
}

/* The word at the end of the stack, which is taken off. Return: whether it is known. */
static bool take(struct walk *w, const struct ex_op *op, uint64_t *v)
{
	uint64_t sp = w->value[SP], slot = (w->bottom - sp) / 8 - 1;
	bool is_own = is_below(w, sp), known;

	if (!knows(w, SP))
		return false;
	w->value[SP] += 8;
	if (!is_own)
		return load(w, op, sp, 8, v);
	known = slot < PUSHED && w->kept >> slot & 1;
	*v = known ? w->pushed[slot] : 0;
	return known;
}

static void pop(struct walk *w, const struct ex_op *op)
{
	uint64_t v = 0;
	bool known = take(w, op, &v);

	set(w, op->reg, known, v, 8);
}

static void extend(struct walk *w, const struct ex_op *op)
{
	bool word = op->what & 1, is_signed = op->what & 2;
	bool known = !op->is_memory && knows(w, op->rm) && op->low_byte;
	uint64_t v = w->value[op->rm], address, ignored;

	if (op->is_memory && address_of(w, op, &address))
		load(w, op, address, word ? 2 : 1, &ignored);
	if (is_signed)
		v = word ? (uint64_t)(int64_t)(int16_t)v : (uint64_t)(int64_t)(int8_t)v;
	else
		v = word ? (uint16_t)v : (uint8_t)v;
	set(w, op->reg, known, v, op->size);
}

static void load_register(struct walk *w, const struct ex_op *op)
{
	uint64_t v = 0;
	bool known = read_rm(w, op, &v);

	set(w, op->reg, known, v, op->size);
}

static void load_signed(struct walk *w, const struct ex_op *op)
{
	uint64_t v = 0;
	bool known = read_rm(w, op, &v);

	set(w, op->reg, known, (uint64_t)(int64_t)(int32_t)v, op->result);
}

static void move(struct walk *w, const struct ex_op *op)
{
	set(w, op->rm, knows(w, op->reg), w->value[op->reg], op->size);
}

static void lea(struct walk *w, const struct ex_op *op)
{
	uint64_t v = 0;
	bool known = address_of(w, op, &v);

	set(w, op->reg, known, v, op->size);
}

static void set_constant(struct walk *w, const struct ex_op *op)
{
	set(w, op->rm, true, op->immediate, op->size);
}

static void multiply(struct walk *w, const struct ex_op *op)
{
	uint64_t v = 0;
	bool known = read_rm(w, op, &v) && knows(w, op->reg);

	set(w, op->reg, known, v * w->value[op->reg], op->size);
}

static void multiply_by(struct walk *w, const struct ex_op *op)
{
	uint64_t v = 0;
	bool known = read_rm(w, op, &v);

	set(w, op->reg, known, v * op->immediate, op->size);
}

static void read_only(struct walk *w, const struct ex_op *op)
{
	uint64_t v = 0;

	read_rm(w, op, &v);
}

static void forget_register(struct walk *w, const struct ex_op *op)
{
	forget(w, op->reg);
}

static void read_and_forget(struct walk *w, const struct ex_op *op)
{
	read_only(w, op);
	forget(w, op->reg);
}

static void end(struct walk *w)
{
	w->budget = 0;
}

static void push(struct walk *w, bool known, uint64_t v)
{
	uint64_t slot;

	if (!knows(w, SP)) {
		end(w);
		return;
	}
	w->value[SP] -= 8;
	slot = (w->bottom - w->value[SP]) / 8 - 1;
	if (slot >= PUSHED)
		return;
	w->pushed[slot] = v;
	w->kept = (w->kept & ~(1u << slot)) | (uint32_t)known << slot;
}

static void push_operand(struct walk *w, const struct ex_op *op)
{
	if (op->is_memory)
		read_only(w, op);
	push(w, !op->is_memory && knows(w, op->reg), w->value[op->reg]);
}

static void call(struct walk *w, const struct ex_op *op)
{
	push(w, true, op->pc + op->len);
	w->next = op->immediate;
}

/* To where the walk was called, or its branch was: that a core has in mind, and asks no cache. */
static void go_back(struct walk *w, const struct ex_op *op)
{
	uint64_t sp = w->value[SP];

	if (!knows(w, SP) || !is_readable(w, sp, 8)) {
		end(w);
	} else if (!is_below(w, sp)) {
		w->next = *(const uint64_t *)(Addr)sp;
		w->value[SP] += 8;
	} else if (!take(w, op, &w->next)) {
		end(w);
	}
}

static void leave(struct walk *w, const struct ex_op *op)
{
	set(w, SP, knows(w, BP), w->value[BP], 8);
	pop(w, op);
}

static void branch(struct walk *w, const struct ex_op *op)
{
	if (cxms_bpred_guess(&w->t->core->bpred, &w->guess, op->hash))
		w->next = op->immediate;
}

static void jump(struct walk *w, const struct ex_op *op)
{
	w->next = op->immediate;
}

/* What takes from the stack, or puts there. */
static inline void follow_stack(struct walk *w, const struct ex_op *op)
{
	switch (op->kind) {
	case EX_OP_PUSH:
		push_operand(w, op);
		break;
	case EX_OP_PUSH_SET:
		push(w, true, op->immediate);
		break;
	case EX_OP_CALL:
		call(w, op);
		break;
	case EX_OP_RETURN:
		go_back(w, op);
		break;
	case EX_OP_LEAVE:
		leave(w, op);
		break;
	case EX_OP_POP:
		pop(w, op);
		break;
	default:
		end(w);
	}
}

/* A call for each kind would cost more than what most of them do. */
static inline void follow(struct walk *w, const struct ex_op *op)
{
	switch (op->kind) {
	case EX_OP_TWO:
		two_operands(w, op);
		break;
	case EX_OP_IMMEDIATE:
		with_immediate(w, op);
		break;
	case EX_OP_ADD:
		add(w, op);
		break;
	case EX_OP_SHIFT:
		shift(w, op);
		break;
	case EX_OP_F7:
	case EX_OP_FF:
		unary(w, op);
		break;
	case EX_OP_SIGN:
		sign(w, op);
		break;
	case EX_OP_READ:
		read_only(w, op);
		break;
	case EX_OP_READ_FORGET:
		read_and_forget(w, op);
		break;
	case EX_OP_FORGET:
		forget_register(w, op);
		break;
	case EX_OP_LOAD:
		load_register(w, op);
		break;
	case EX_OP_MOVE:
		move(w, op);
		break;
	case EX_OP_LOAD_SIGNED:
		load_signed(w, op);
		break;
	case EX_OP_LEA:
		lea(w, op);
		break;
	case EX_OP_SET:
		set_constant(w, op);
		break;
	case EX_OP_MULTIPLY:
		multiply(w, op);
		break;
	case EX_OP_MULTIPLY_BY:
		multiply_by(w, op);
		break;
	case EX_OP_EXTEND:
		extend(w, op);
		break;
	case EX_OP_BRANCH:
		branch(w, op);
		break;
	case EX_OP_JUMP:
		jump(w, op);
		break;
	default:
		follow_stack(w, op);
	}
}

/* Flags are not kept: what only sets them does nothing, unless it loads. */
static bool does_something(const struct ex_op *op)
{
	switch (op->kind) {
	case EX_OP_NOTHING:
		return false;
	case EX_OP_TWO:
	case EX_OP_IMMEDIATE:
		return op->is_memory || op->what != 7;
	case EX_OP_READ:
		return op->is_memory;
	default:
		return true;
	}
}

static bool goes_straight(const struct ex_op *op)
{
	switch (op->kind) {
	case EX_OP_END:
	case EX_OP_BRANCH:
	case EX_OP_JUMP:
	case EX_OP_CALL:
	case EX_OP_RETURN:
		return false;
	default:
		return true;
	}
}

NEVER_INLINE void decode(const struct walk *w, struct stretch *s, uint64_t pc)
{
	bool goes_on = true;

	s->pc = s->end = pc;
	s->insns = s->n_op = 0;
	while (goes_on && s->insns < STRETCH && is_readable(w, s->end, EX_LONGEST)) {
		struct ex_op *op = &s->op[s->n_op];

		ex_wrong_decode(op, s->end);
		op->at = (uint8_t)s->insns++;
		s->end += op->len;
		s->n_op += does_something(op);
		goes_on = goes_straight(op);
	}
	any_kept = true;
}

/* The stretch that begins at @pc; NULL if nothing is known to be there. */
ALWAYS_INLINE const struct stretch *stretch_at(const struct walk *w, uint64_t pc)
{
	struct stretch *s = &kept[(pc ^ pc >> 10) % KEPT];

	if (EX_UNLIKELY(s->pc != pc))
		decode(w, s, pc);
	if (EX_LIKELY(s->insns))
		return s;
	s->pc = 0;
	return NULL;
}

static void walk_stretch(struct walk *w, const struct stretch *s)
{
	w->next = s->end;
	for (const struct ex_op *op = s->op, *end = op + s->n_op;
	     op < end && w->insns + op->at < w->budget; op++)
		follow(w, op);
	w->insns += s->insns;
}

void ex_wrong_forget(void)
{
	for (unsigned i = 0; i < KEPT && any_kept; i++)
		kept[i].pc = kept[i].insns = 0;
	any_kept = false;
}

/*
 * May the walk be long? Where walks behind a branch find all that they load in the first level, the
 * next ones most likely do. @barren counts long walks up to CXMS_ASSUMED_BARREN, then short ones.
 */
static bool is_long(struct ex_part *p, bool waits)
{
	if (!waits || p->barren < CXMS_ASSUMED_BARREN)
		return waits;
	if (++p->barren < CXMS_ASSUMED_BARREN + CXMS_ASSUMED_BARREN_ONE)
		return false;
	p->barren = CXMS_ASSUMED_BARREN;
	return true;
}

static void note_barren(struct ex_part *p, bool is_barren)
{
	if (!is_barren)
		p->barren = 0;
	else if (p->barren < CXMS_ASSUMED_BARREN)
		p->barren++;
}

/* What an instruction of before the branch writes is known if what it reads is. @awaited: it loads
 * what is not. */
static void derive(struct walk *w, const struct ex_op *op, bool awaited)
{
	bool has_address = (w->known & op->needs) == op->needs;
	bool source = op->is_memory ? has_address && !awaited : knows(w, op->rm);
	bool known = source;
	unsigned to = op->reg;

	switch (op->kind) {
	case EX_OP_TWO:
		if (op->what == 7 || (op->to_rm && op->is_memory))
			return;
		to = op->to_rm ? op->rm : op->reg;
		known = zeroes(op) || (source && knows(w, op->reg));
		break;
	case EX_OP_MULTIPLY:
	case EX_OP_READ_FORGET:
		known = source && knows(w, op->reg);
		break;
	case EX_OP_LOAD:
	case EX_OP_LOAD_SIGNED:
	case EX_OP_EXTEND:
	case EX_OP_MULTIPLY_BY:
		break;
	case EX_OP_LEA:
		known = has_address;
		break;
	case EX_OP_POP:
		known = !awaited;
		break;
	case EX_OP_F7:
		if (op->what < 4)
			return;
		known = source && knows(w, AX) && (op->what < 6 || knows(w, DX));
		set(w, AX, known, w->value[AX], 8);
		to = DX;
		break;
	case EX_OP_SIGN:
		known = knows(w, AX);
		to = DX;
		break;
	case EX_OP_MOVE:
		to = op->rm;
		known = knows(w, op->reg);
		break;
	case EX_OP_SET:
		to = op->rm;
		known = true;
		break;
	default:
		return;
	}
	set(w, to, known, w->value[to], 8);
}

/* Whether instruction @insn of @b loads what the bits of @awaited are of; @access: its first one,
 * or of an instruction before; afterwards of one behind. */
static bool loads_awaited(const struct ex_block *b, unsigned insn, const uint64_t *awaited,
			  unsigned *access)
{
	bool any = false;

	for (; *access < b->n_access && b->access[*access].insn <= insn; ++*access)
		any |= b->access[*access].insn == insn &&
		       (awaited[*access / 64] >> *access % 64 & 1);
	return any;
}

/* A core does not know yet what the branch of @part waits for, nor what was made of it; registers
 * have it already. */
static void forget_awaited(struct walk *w, const struct ex_block *b, const struct ex_part *part,
			   const uint64_t *awaited)
{
	const struct stretch *s;
	unsigned access = 0;

	for (unsigned at = 0; at < part->insns; at += s->insns) {
		s = stretch_at(w, b->insn[at].addr);
		if (!s)
			return;
		for (unsigned i = 0; i < s->n_op && at + s->op[i].at < part->insns; i++)
			derive(w, &s->op[i], loads_awaited(b, at + s->op[i].at, awaited, &access));
	}
}

void ex_wrong_path(struct ex_thread *t, const char *guest, struct ex_block *b, unsigned exit,
		   uint64_t to, const uint64_t *awaited, bool timed)
{
	struct ex_part *part = &b->part[exit];
	const VexGuestAMD64State *g = (const VexGuestAMD64State *)guest;
	const struct stretch *s;
	bool long_walk = is_long(part, awaited);
	struct walk w; /* all of it is set below: the compiler would clear it with a slow call */

	w.known = (1u << REGISTERS) - 1;
	w.value[EX_NO_REGISTER] = 0;
	w.kept = 0;
	w.next = to;
	w.t = t;
	w.branch = exit;
	w.insns = 0;
	w.budget = long_walk ? (unsigned)ex.opt.hier.window / CXMS_ASSUMED_WALK_UOPS
			     : CXMS_ASSUMED_SHORT_WALK;
	w.timed = timed;
	w.brought = false;
	cxms_bpred_guess_behind(&t->core->bpred, part->hash, &w.guess);
	forget_lines(&w);
	__builtin_memcpy(w.value, &g->guest_RAX, EX_NO_REGISTER * sizeof(*w.value));
	w.bottom = w.value[SP];
	if (awaited)
		forget_awaited(&w, b, part, awaited);
	while (w.insns < w.budget && (s = stretch_at(&w, w.next)))
		walk_stretch(&w, s);
	if (long_walk)
		note_barren(part, !w.brought);
}
