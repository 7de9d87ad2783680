/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wrong path. After a branch that was predicted wrongly a core goes on fetching where the
 * predictor said, until the branch is done; loads there bring lines that the right path may use.
 * This walks that code with the registers of the branch: integer arithmetic on known registers,
 * loads of lines that are at hand, branches as the predictor says. What it cannot follow ends the
 * walk or makes a register unknown; addresses from unknown registers are passed over. Stores of
 * a wrong path never happen, but its own loads get what they would have stored.
 */
#include "ex_wrong_walk.h"

#define AX 0u
#define DX 2u

/*
 * mul, imul, div, idiv of ax and dx. False: not known here; a core would fault, or the quotient be
 * long.
 */
static bool wide_result(const struct ex_walk *w, const struct ex_step *step, uint64_t by,
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

static void divide(struct ex_walk *w, const struct ex_step *step, bool known, uint64_t by)
{
	uint64_t low, high;

	known = known && wide_result(w, step, by, &low, &high);
	ex_note_known(w, step, known);
	if (!known)
		return;
	w->value[AX] = step->size == 4 ? (uint32_t)low : low;
	w->value[DX] = step->size == 4 ? (uint32_t)high : high;
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
ALWAYS_INLINE void act(struct ex_walk *w, const struct ex_step *step, uint64_t a, uint64_t b,
		       bool known)
{
	switch (step->kind) {
	case EX_STEP_LOAD:
		known = known && ex_walk_load(w, step, a + b, &a);
		if (known)
			w->value[step->to] = a;
		ex_note_known(w, step, known);
		break;
	case EX_STEP_TOUCH:
		if (known && !ex_is_below(w, a + b))
			ex_walk_touch(w, step, a + b);
		ex_note_known(w, step, false);
		break;
	case EX_STEP_STORE:
		if (known)
			ex_walk_store(w, step, a + b);
		break;
	case EX_STEP_FORGET:
		ex_note_known(w, step, false);
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
		ex_walk_stack(w, step);
		break;
	}
}

/* Follows steps up to @end, or until the walk ends. */
ALWAYS_INLINE void follow(struct ex_walk *w, const struct ex_step *step, const struct ex_step *end)
{
	for (; step < end && w->budget; step++) {
		uint64_t a = w->value[step->left] << step->shift;
		uint64_t b = w->value[step->right] + step->number, v;
		bool known = ex_has_all(w, step);

		if (step->kind > EX_STEP_LAST_RESULT) {
			act(w, step, a, b, known);
			continue;
		}
		v = result_of(step, a, b);
		w->value[step->to] = step->size == 4 ? (uint32_t)v : v;
		ex_note_known(w, step, known);
	}
}

ALWAYS_INLINE void walk_stretch(struct ex_walk *w, const struct ex_stretch *s)
{
	const struct ex_step *end = s->step + s->n_step;

	while (end > s->step && w->insns + end[-1].at >= w->budget)
		end--;
	w->next = s->end;
	follow(w, s->step, end);
	w->insns += s->insns;
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

static bool loads(const struct ex_step *step)
{
	return step->kind == EX_STEP_LOAD || step->kind == EX_STEP_TOUCH ||
	       step->kind == EX_STEP_POP;
}

/* A core does not know yet what the branch of @part waits for, nor what was made of it; registers
 * have it already. */
static void forget_awaited(struct ex_walk *w, const struct ex_block *b, const struct ex_part *part,
			   const uint64_t *awaited)
{
	const struct ex_stretch *s;
	const struct ex_step *step;
	unsigned access = 0;

	for (unsigned at = 0; at < part->insns; at += s->insns) {
		s = ex_stretch_at(w->t->core, b->insn[at].addr);
		if (!s)
			return;
		for (step = s->step; step < s->step + s->n_step && at + step->at < part->insns;
		     step++) {
			bool waits =
				loads(step) && loads_awaited(b, at + step->at, awaited, &access);

			ex_note_known(w, step, !waits && ex_has_all(w, step));
		}
	}
}

void ex_wrong_path(struct ex_thread *t, const char *guest, struct ex_block *b, unsigned exit,
		   uint64_t to, const uint64_t *awaited, bool timed)
{
	struct ex_part *part = &b->part[exit];
	const VexGuestAMD64State *g = (const VexGuestAMD64State *)guest;
	const struct ex_stretch *s;
	bool long_walk = is_long(part, awaited);
	struct ex_walk w; /* all of it is set below: the compiler would clear it with a slow call */

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
	ex_walk_forget_lines(&w);
	__builtin_memcpy(w.value, &g->guest_RAX, EX_NO_REGISTER * sizeof(*w.value));
	w.bottom = w.value[EX_STACK];
	if (awaited)
		forget_awaited(&w, b, part, awaited);
	while (w.insns < w.budget && (s = ex_stretch_at(t->core, w.next)))
		walk_stretch(&w, s);
	if (long_walk)
		note_barren(part, !w.brought);
}
