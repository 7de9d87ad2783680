/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wrong path. After a branch that was predicted wrongly a core goes on fetching where the
 * predictor said, until the branch is done; loads there bring lines that the right path may use.
 * This walks that code with the registers of the branch: integer arithmetic on known registers,
 * loads of lines that are at hand, branches as the predictor says. What it cannot follow ends the
 * walk or makes a register unknown; addresses from unknown registers are passed over. Stores of
 * a wrong path never happen, but its own loads get what they would have stored.
 */
#include "ex.h"

#include "ex_wrong.h"

#define AX 0u
#define DX 2u
#define SP 4u
/* Words that a walk has pushed and keeps: calls and what they save, a few deep. */
#define PUSHED 32u
/* Decoded stretches that are kept, by address, and instructions and steps of each at most. */
#define KEPT	1024u
#define STRETCH 16u
#define STEPS	20u
/* Lines that a walk keeps in mind. A power of two that divides the sets of a first level: lines of
 * one set take each other's place, so its order is as if each load had touched it. */
#define SEEN 8u
/* Stores that a walk keeps, by word. */
#define STORES 8u

/**
 * struct stretch - straight code: up to a branch, to what is not followed or known, or to STRETCH
 * @pc:    0: none;  @end: behind it
 * @insns: instructions
 */
struct stretch {
	uint64_t pc, end;
	unsigned insns, n_step;
	struct ex_step step[STEPS];
};

static struct stretch kept[KEPT];
static bool any_kept;

/* A line that a walk has in mind, and where it was; @line: all ones = none. */
struct seen_line {
	uint64_t line;
	enum cxms_hier_level level;
};

/* The last store of a walk to a word whose number has these last bits. */
struct walk_store {
	uint64_t address, value;
	unsigned size;
	bool known;
};

/**
 * struct walk - where a walk is
 * @known:  a bit for each register;  @next: where it goes on behind this stretch
 * @pushed: what lies below @bottom, where the stack ended at the branch: the nearest word first;
 *          @kept: a bit for each that is known
 * @seen:   lines that it read, by their last bits
 * @store:  what it stored, which its own loads get; @stored: a bit for each that there is
 * @branch: exit number
 * @insns:  walked before this stretch;  @budget: it ends when so many were walked
 * @brought: it asked for a line that a short walk would not have come to
 */
struct walk {
	uint64_t value[EX_STEP_REGISTERS];
	uint64_t next;
	uint64_t pushed[PUSHED], bottom;
	struct seen_line seen[SEEN];
	struct walk_store store[STORES];
	uint32_t stored;
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

static void forget_lines(struct walk *w)
{
	for (unsigned i = 0; i < SEEN; i++)
		w->seen[i].line = UINT64_MAX;
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

/* Whether all is known that @step needs. */
ALWAYS_INLINE bool has_all(const struct walk *w, const struct ex_step *step)
{
	return (w->known & step->reads) == step->reads;
}

/* What @step changes is known from now on, or it is not. */
ALWAYS_INLINE void note_known(struct walk *w, const struct ex_step *step, bool known)
{
	w->known = (w->known & ~step->sets) | (known ? step->sets : 0);
}

/* A load of a line that the walk has not in mind. Return: where the line is; it keeps that in mind
 * if the next load of it would be told the same. */
NEVER_INLINE enum cxms_hier_level load_anew(struct walk *w, const struct ex_step *step,
					    uint64_t address, struct seen_line *seen)
{
	uint64_t fills = w->t->fills;
	unsigned events = ex.n_event;
	unsigned behind = w->insns + step->at;
	enum cxms_hier_level level =
		ex_wrong_load(w->t, address, step->pc, w->branch, behind, w->timed);

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

/* A load that is_below() is not true of. Return: whether its value is there in time to be used. */
ALWAYS_INLINE bool is_at_hand(struct walk *w, const struct ex_step *step, uint64_t address)
{
	uint64_t line = address >> CXMS_XS_LINE_SHIFT;
	struct seen_line *seen = &w->seen[line % SEEN];

	if (EX_LIKELY(seen->line == line &&
		      (address + step->size - 1) >> CXMS_XS_LINE_SHIFT == line))
		return seen->level <= CXMS_HIER_L2;
	return is_readable(w, address, step->size) &&
	       load_anew(w, step, address, seen) <= CXMS_HIER_L2;
}

/* The last store to the word of @address. */
static void keep_store(struct walk *w, uint64_t address, unsigned size, bool known, uint64_t v)
{
	unsigned at = address / 8 % STORES;

	w->store[at] =
		(struct walk_store){.address = address, .value = v, .size = size, .known = known};
	w->stored |= 1u << at;
}

/* Of the word at @address below the bottom of the stack; PUSHED or more: not kept there. */
ALWAYS_INLINE uint64_t slot_of(const struct walk *w, uint64_t address)
{
	return (w->bottom - address) / 8 - 1;
}

/* What was pushed to the word of @address is there no longer. */
static void forget_pushed(struct walk *w, uint64_t address)
{
	uint64_t slot = (w->bottom - 1 - address) / 8;

	if (slot < PUSHED)
		w->kept &= ~(1u << slot);
}

/* Of the second word of one that crosses words nothing is known. */
static void store(struct walk *w, const struct ex_step *step, uint64_t address)
{
	uint64_t last = address + step->size - 1;

	keep_store(w, address, step->size, knows(w, step->to), w->value[step->to]);
	forget_pushed(w, address);
	if (EX_UNLIKELY(last / 8 != address / 8)) {
		keep_store(w, last, 1, false, 0);
		forget_pushed(w, last);
	}
}

/* Whether the walk stored to the word of @address; then *known says whether it stored all of the
 * @size bytes there, and *value what. */
ALWAYS_INLINE bool is_stored(const struct walk *w, unsigned size, uint64_t address, uint64_t *value,
			     bool *known)
{
	unsigned at = address / 8 % STORES;
	const struct walk_store *s = &w->store[at];

	if (EX_LIKELY(!(w->stored >> at & 1)) || s->address / 8 != address / 8)
		return false;
	*known = s->known && s->address == address && s->size >= size;
	*value = size == 4 ? (uint32_t)s->value : s->value;
	return true;
}

/* What the walk pushed to the word at @address. Return: whether it is known. */
static bool is_pushed(const struct walk *w, unsigned size, uint64_t address, uint64_t *value)
{
	uint64_t slot = slot_of(w, address);

	if ((w->bottom - address) % 8 || slot >= PUSHED || !(w->kept >> slot & 1))
		return false;
	*value = size == 4 ? (uint32_t)w->pushed[slot] : w->pushed[slot];
	return true;
}

/* A load whose value is used. Return: whether it is known. */
ALWAYS_INLINE bool load(struct walk *w, const struct ex_step *step, uint64_t address,
			uint64_t *value)
{
	bool known;

	if (is_stored(w, step->size, address, value, &known))
		return known;
	if (EX_UNLIKELY(is_below(w, address)))
		return is_pushed(w, step->size, address, value);
	if (!is_at_hand(w, step, address))
		return false;
	*value = step->size == 4 ? *(const uint32_t *)(Addr)address
				 : *(const uint64_t *)(Addr)address;
	return true;
}

/*
 * mul, imul, div, idiv of ax and dx. False: not known here; a core would fault, or the quotient be
 * long.
 */
static bool wide_result(const struct walk *w, const struct ex_step *step, uint64_t by,
			uint64_t *low, uint64_t *high)
{
	bool is_long = step->size == 8, is_signed = step->what & 1;
	uint64_t a = w->value[AX], d = w->value[DX];
	int64_t sa = is_long ? (int64_t)a : (int32_t)a, sby = is_long ? (int64_t)by : (int32_t)by;

	if (!is_long) {
		a = (uint32_t)a;
		d = (uint32_t)d;
		by = (uint32_t)by;
	}
	if (step->what < 6) {
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

static void divide(struct walk *w, const struct ex_step *step, bool known, uint64_t by)
{
	uint64_t low, high;

	known = known && wide_result(w, step, by, &low, &high);
	note_known(w, step, known);
	if (!known)
		return;
	w->value[AX] = step->size == 4 ? (uint32_t)low : low;
	w->value[DX] = step->size == 4 ? (uint32_t)high : high;
}

/* The word at the end of the stack, which is taken off. Return: whether it is known. */
static bool take(struct walk *w, const struct ex_step *step, uint64_t *v)
{
	uint64_t sp = w->value[SP];
	bool known;

	if (!knows(w, SP))
		return false;
	if (!is_stored(w, 8, sp, v, &known))
		known = is_below(w, sp) ? is_pushed(w, 8, sp, v) : load(w, step, sp, v);
	w->value[SP] += 8;
	return known;
}

static void pop(struct walk *w, const struct ex_step *step)
{
	uint64_t v = 0;
	bool known = take(w, step, &v);

	w->value[step->to] = v;
	note_known(w, step, known);
}

static void end(struct walk *w)
{
	w->budget = 0;
}

/* To below the bottom; elsewhere as other stores, as the walk has returned from where it began. */
static void push(struct walk *w, bool known, uint64_t v)
{
	uint64_t sp, slot;

	if (!knows(w, SP)) {
		end(w);
		return;
	}
	sp = w->value[SP] -= 8;
	slot = slot_of(w, sp);
	if (slot >= PUSHED) {
		keep_store(w, sp, 8, known, v);
		return;
	}
	if (w->store[sp / 8 % STORES].address / 8 == sp / 8)
		w->stored &= ~(1u << sp / 8 % STORES);
	w->pushed[slot] = v;
	w->kept = (w->kept & ~(1u << slot)) | (uint32_t)known << slot;
}

/* To where the walk was called, or its branch was: that a core has in mind, and asks no cache. */
static void go_back(struct walk *w, const struct ex_step *step)
{
	uint64_t sp = w->value[SP];
	bool known = true;

	if (!knows(w, SP) || !is_readable(w, sp, 8)) {
		end(w);
	} else if (sp < w->bottom) {
		if (!take(w, step, &w->next))
			end(w);
	} else {
		if (!is_stored(w, 8, sp, &w->next, &known))
			w->next = *(const uint64_t *)(Addr)sp;
		if (!known)
			end(w);
		w->value[SP] += 8;
	}
}

static void jump_by(struct walk *w, const struct ex_step *step)
{
	uint64_t target = cxms_bpred_guess_jump(&w->t->core->bpred, &w->guess, step->pc);

	if (target)
		w->next = target;
	else
		end(w);
}

/* What takes from the stack, puts there, is computed, or is not followed. */
NEVER_INLINE void follow_stack(struct walk *w, const struct ex_step *step)
{
	switch (step->kind) {
	case EX_STEP_PUSH:
		push(w, has_all(w, step), step->number + w->value[step->right]);
		break;
	case EX_STEP_POP:
		pop(w, step);
		break;
	case EX_STEP_RETURN:
		go_back(w, step);
		break;
	case EX_STEP_JUMP_BY:
		jump_by(w, step);
		break;
	default:
		end(w);
	}
}

/* @a: left;  @b: right */
ALWAYS_INLINE uint64_t shifted(const struct ex_step *step, uint64_t a, uint64_t b)
{
	bool is_long = step->size == 8;
	unsigned by = (unsigned)b & (is_long ? 63 : 31);

	if (step->kind == EX_STEP_UP)
		return a << by;
	if (step->kind == EX_STEP_DOWN)
		return (is_long ? a : (uint32_t)a) >> by;
	return is_long ? (uint64_t)((int64_t)a >> by) : (uint64_t)((int64_t)(int32_t)a >> by);
}

/* The result of a step that has one, of numbers alone; 0 of all others. @a: left;  @b: right */
ALWAYS_INLINE uint64_t result_of(const struct ex_step *step, uint64_t a, uint64_t b)
{
	switch (step->kind) {
	case EX_STEP_SET:
		return b;
	case EX_STEP_ADD:
		return a + b;
	case EX_STEP_SUB:
		return a - b;
	case EX_STEP_OR:
		return a | b;
	case EX_STEP_AND:
		return a & b;
	case EX_STEP_XOR:
		return a ^ b;
	case EX_STEP_MULTIPLY:
		return a * b;
	case EX_STEP_UP:
	case EX_STEP_DOWN:
	case EX_STEP_DOWN_SIGNED:
		return shifted(step, a, b);
	case EX_STEP_BYTE:
		return (uint8_t)b;
	case EX_STEP_WORD:
		return (uint16_t)b;
	case EX_STEP_BYTE_SIGNED:
		return (uint64_t)(int64_t)(int8_t)b;
	case EX_STEP_WORD_SIGNED:
		return (uint64_t)(int64_t)(int16_t)b;
	case EX_STEP_LONG_SIGNED:
		return (uint64_t)(int64_t)(int32_t)b;
	case EX_STEP_SIGN:
		return (int64_t)(b << (step->size == 8 ? 0 : 32)) < 0 ? UINT64_MAX : 0;
	default:
		return 0;
	}
}

/* A step that loads, stores or goes elsewhere. @known: it has all that it needs */
ALWAYS_INLINE void act(struct walk *w, const struct ex_step *step, uint64_t a, uint64_t b,
		       bool known)
{
	switch (step->kind) {
	case EX_STEP_LOAD:
		known = known && load(w, step, a + b, &a);
		if (known)
			w->value[step->to] = a;
		note_known(w, step, known);
		break;
	case EX_STEP_TOUCH:
		if (known && !is_below(w, a + b))
			is_at_hand(w, step, a + b);
		note_known(w, step, false);
		break;
	case EX_STEP_STORE:
		if (known)
			store(w, step, a + b);
		break;
	case EX_STEP_FORGET:
		note_known(w, step, false);
		break;
	case EX_STEP_DIVIDE:
		divide(w, step, known, b);
		break;
	case EX_STEP_BRANCH:
		if (cxms_bpred_guess(&w->t->core->bpred, &w->guess, step->hash))
			w->next = step->number;
		break;
	case EX_STEP_JUMP:
		w->next = step->number;
		break;
	default:
		follow_stack(w, step);
		break;
	}
}

/* Follows steps up to @end, or until the walk ends. */
ALWAYS_INLINE void follow(struct walk *w, const struct ex_step *step, const struct ex_step *end)
{
	for (; step < end && w->budget; step++) {
		uint64_t a = w->value[step->left] << step->shift;
		uint64_t b = w->value[step->right] + step->number, v;
		bool known = has_all(w, step);

		if (step->kind > EX_STEP_LAST_RESULT) {
			act(w, step, a, b, known);
			continue;
		}
		v = result_of(step, a, b);
		w->value[step->to] = step->size == 4 ? (uint32_t)v : v;
		note_known(w, step, known);
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
	case EX_OP_CALL_BY:
	case EX_OP_JUMP_BY:
		return false;
	default:
		return true;
	}
}

static void add_steps(struct stretch *s, const struct ex_op *op)
{
	struct ex_step *next = &s->step[s->n_step];
	unsigned n = ex_wrong_steps(op, next);

	for (unsigned i = 0; i < n; i++)
		next[i].at = (uint8_t)s->insns;
	if (n == 1 && s->n_step && ex_wrong_merge(next, next - 1))
		next[-1] = *next;
	else
		s->n_step += n;
}

NEVER_INLINE void decode(const struct walk *w, struct stretch *s, uint64_t pc)
{
	bool goes_on = true;

	s->pc = s->end = pc;
	s->insns = s->n_step = 0;
	while (goes_on && s->insns < STRETCH && s->n_step <= STEPS - EX_STEPS &&
	       is_readable(w, s->end, EX_LONGEST)) {
		struct ex_op op;

		ex_wrong_decode(&op, s->end);
		add_steps(s, &op);
		s->insns++;
		s->end += op.len;
		goes_on = goes_straight(&op);
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

ALWAYS_INLINE void walk_stretch(struct walk *w, const struct stretch *s)
{
	const struct ex_step *end = s->step + s->n_step;

	while (end > s->step && w->insns + end[-1].at >= w->budget)
		end--;
	w->next = s->end;
	follow(w, s->step, end);
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
	const struct ex_step *step;
	unsigned access = 0;

	for (unsigned at = 0; at < part->insns; at += s->insns) {
		s = stretch_at(w, b->insn[at].addr);
		if (!s)
			return;
		for (step = s->step; step < s->step + s->n_step && at + step->at < part->insns;
		     step++)
			note_known(w, step,
				   !loads_awaited(b, at + step->at, awaited, &access) &&
					   has_all(w, step));
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

	w.known = (1u << EX_TEMPORARY) - 1;
	w.value[EX_NO_REGISTER] = w.value[EX_TEMPORARY] = 0;
	w.kept = w.stored = 0;
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
