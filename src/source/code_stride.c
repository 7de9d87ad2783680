/*
 * Addresses that each turn of a loop computes anew from registers that move evenly.
 */
#include "source/code_priv.h"

/* A mask or a remainder that leaves fewer steps than that is no way through memory. */
#define MIN_RING 16
/* Longer steps round a ring (a multiplicative hash) come to its places in any order. */
#define MAX_RING_STRIDE 4096

/** struct motion - how a register moves from one turn to the next, at one place of the loop */
struct motion {
	bool is_known;
	bool wraps;   /* it begins anew now and then */
	int64_t step; /* 0: it stays */
};

struct motions {
	struct motion of[CXMS_REG_GPR_END];
};

static uint64_t magnitude(int64_t step)
{
	return step < 0 ? 0 - (uint64_t)step : (uint64_t)step;
}

static struct motion get(const struct motions *m, int reg)
{
	return reg >= 0 ? m->of[reg] : (struct motion){.is_known = true};
}

static struct motion sum(struct motion a, struct motion b, int64_t factor)
{
	struct motion out = {.is_known = a.is_known && b.is_known, .wraps = a.wraps || b.wraps};

	if (__builtin_mul_overflow(b.step, factor, &out.step) ||
	    __builtin_add_overflow(a.step, out.step, &out.step))
		out.is_known = false;
	return out;
}

/* Contiguous ones: what it leaves moves on evenly, but for steps that it makes even. */
static struct motion masked(struct motion a, uint64_t mask)
{
	const uint64_t low = mask & (0 - mask), ring = mask + low;

	if (!mask || (ring & mask) || (ring && ring / MIN_RING < magnitude(a.step)))
		a.is_known = a.is_known && !a.step;
	a.wraps = a.wraps || ring;
	return a;
}

static struct motion run(const struct motions *m, const struct cxms_calc *calc)
{
	const struct motion a = get(m, calc->a), b = get(m, calc->b), zero = {.is_known = true};
	const bool stays = a.is_known && b.is_known && !a.step && !b.step;

	switch ((enum cxms_calc_op)calc->op) {
	case CXMS_CALC_SUM:
		return sum(a, b, calc->scale);
	case CXMS_CALC_SUB:
		return sum(a, b, -1);
	case CXMS_CALC_MUL:
		return calc->b < 0 ? sum(zero, a, calc->constant)
				   : (struct motion){.is_known = stays};
	case CXMS_CALC_SHL:
		return calc->b < 0 && calc->constant >= 0 && calc->constant < 32
			       ? sum(zero, a, (int64_t)1 << calc->constant)
			       : (struct motion){.is_known = stays};
	case CXMS_CALC_AND:
		if (calc->b < 0)
			return masked(a, (uint64_t)calc->constant);
		return (struct motion){.is_known = a.is_known && b.is_known && (!a.step || !b.step),
				       .wraps = true,
				       .step = a.step + b.step};
	case CXMS_CALC_ZERO_EXTEND:
	case CXMS_CALC_SIGN_EXTEND:
		return calc->constant >= 16 ? a : (struct motion){.is_known = stays};
	default:
		return (struct motion){.is_known = stays};
	}
}

/* The remainder goes round a ring where the divisor stays. */
static struct motion remainder_of(const struct motions *m, const struct cxms_x86_info *info)
{
	const uint32_t two = 1u << CXMS_REG_AX | 1u << CXMS_REG_DX;
	struct motion ax = m->of[CXMS_REG_AX];

	for (int r = 0; r < CXMS_REG_GPR_END; r++)
		if ((info->reads & ~two) >> r & 1 && (!m->of[r].is_known || m->of[r].step))
			ax.is_known = false;
	ax.wraps = true;
	return ax;
}

static void forget(struct motions *m, uint32_t registers)
{
	for (int r = 0; r < CXMS_REG_GPR_END; r++)
		if (registers >> r & 1)
			m->of[r] = (struct motion){.is_known = false};
}

static void step_over(struct motions *m, const struct cxms_x86_info *info, bool is_even)
{
	struct motion result = {.is_known = false};
	int to = -1;

	if (is_even && info->calc_to >= 0) {
		to = info->calc_to;
		result = run(m, &info->calc);
	} else if (is_even && info->divides) {
		to = CXMS_REG_DX;
		result = remainder_of(m, info);
	}
	forget(m, info->writes);
	if (to >= 0)
		m->of[to] = result;
}

static void begin(struct motions *m, const int64_t step[CXMS_REG_GPR_END], uint32_t spoilt)
{
	for (int r = 0; r < CXMS_REG_GPR_END; r++)
		m->of[r] = (struct motion){.is_known = !(spoilt >> r & 1), .step = step[r]};
}

void cxms_loop_follow_stride(struct cxms_code *c, const struct cxms_loop *l,
			     const struct cxms_uneven *u, const int64_t step[CXMS_REG_GPR_END],
			     uint32_t spoilt, struct cxms_code_site *s)
{
	struct motions m;
	struct motion address;
	struct cxms_step in;

	if ((s->base < 0 && s->index < 0) || s->kind == CXMS_SITE_NONE ||
	    s->flags & (CXMS_SITE_STACK | CXMS_SITE_GATHER))
		return;
	begin(&m, step, spoilt);
	for (uint64_t at = l->first; at < s->ip && cxms_code_step_at(c, at, &in); at += in.len) {
		struct cxms_x86_info info;

		if (!cxms_code_x86_at(c, at, &info))
			continue;
		step_over(&m, &info, !cxms_uneven_get(u, at));
		if (in.flow == CXMS_FLOW_CALL || in.flow == CXMS_FLOW_CALL_IND)
			forget(&m, CXMS_CLOBBERED);
	}
	address = sum(get(&m, s->base), get(&m, s->index), s->scale);
	if (!address.is_known || !address.step ||
	    (address.wraps && magnitude(address.step) > MAX_RING_STRIDE))
		return;
	s->flags |= CXMS_SITE_AFFINE;
	s->stride = address.step;
}
