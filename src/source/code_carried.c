/*
 * Chains: loads whose address hangs on what was loaded before, so that no two of their waits
 * overlap.
 */
#include "source/code_priv.h"

#define LOOP_MAX 128u	    /* instructions of the longest loop followed for dependences */
#define FLAGS	 (1u << 31) /* beside the bits of enum cxms_reg */
#define SP_BIT	 (1u << CXMS_REG_SP)

static uint32_t address_of(const struct cxms_code_site *s)
{
	return (s->base >= 0 ? 1u << s->base : 0) | (s->index >= 0 ? 1u << s->index : 0);
}

static bool is_call(const struct cxms_step *in)
{
	return in->flow == CXMS_FLOW_CALL || in->flow == CXMS_FLOW_CALL_IND;
}

/* Whether some instruction of the loop sets one of the two registers to the other plus a constant:
 * a conditional move between them then steps along memory, as a merge does that has no branches. */
static bool is_step(struct cxms_code *c, const struct cxms_loop *l, uint32_t two)
{
	struct cxms_x86_info info;
	struct cxms_step in;

	for (uint64_t at = l->first; at <= l->last && cxms_code_step_at(c, at, &in); at += in.len)
		if (cxms_code_x86_at(c, at, &info) && info.sum >= 0 && !info.sum_shift &&
		    info.sum != info.sum_of && (1u << info.sum | 1u << info.sum_of) == two)
			return true;
	return false;
}

/* Follow what hangs on a loaded value through the instructions [from, end) of @l. */
static uint32_t follow(struct cxms_code *c, const struct cxms_loop *l, uint64_t from, uint64_t end,
		       uint32_t tainted)
{
	struct cxms_step in;

	for (uint64_t at = from; at < end && cxms_code_step_at(c, at, &in); at += in.len) {
		struct cxms_x86_info info;
		bool hangs;

		if (!cxms_code_x86_at(c, at, &info))
			continue;
		hangs = (info.reads & tainted) || (info.selects && tainted & FLAGS &&
						   !is_step(c, l, info.reads | info.writes));
		if (info.sets_flags)
			tainted = hangs ? tainted | FLAGS : tainted & ~FLAGS;
		if (hangs)
			tainted |= info.writes & ~SP_BIT;
		else
			tainted &= ~info.writes;
		if (is_call(&in))
			tainted &= ~(CXMS_CLOBBERED | FLAGS);
	}
	return tainted;
}

bool cxms_loop_carries(struct cxms_code *c, const struct cxms_loop *l,
		       const struct cxms_code_site *s)
{
	uint32_t used = address_of(s), tainted;
	struct cxms_step in;
	struct cxms_x86_info info;

	if (!l->n || l->n > LOOP_MAX || s->base == CXMS_REG_SP || !used ||
	    (s->kind != CXMS_SITE_LOAD && s->kind != CXMS_SITE_UPDATE))
		return false;
	if (!cxms_code_step_at(c, s->ip, &in) || in.flow != CXMS_FLOW_NEXT ||
	    !cxms_code_x86_at(c, s->ip, &info))
		return false;
	tainted = info.loaded | (info.sets_flags ? FLAGS : 0);
	tainted = follow(c, l, s->ip + in.len, l->last + 1, tainted);
	return (follow(c, l, l->first, s->ip, tainted) & used) != 0;
}

/* Follow what is computed from the values that @chain loaded, and from no other that was loaded,
 * through [from, end). */
static uint32_t follow_chain(struct cxms_code *c, uint64_t from, uint64_t end,
			     const struct cxms_x86_info *chain, uint32_t tainted)
{
	struct cxms_step in;

	for (uint64_t at = from; at < end && cxms_code_step_at(c, at, &in); at += in.len) {
		struct cxms_x86_info info;

		if (!cxms_code_x86_at(c, at, &info))
			continue;
		bool loads = info.site.kind != CXMS_SITE_NONE && info.loaded;

		if (!loads && info.reads & tainted)
			tainted |= info.writes & ~SP_BIT;
		else
			tainted &= ~info.writes;
		if (at == chain->site.ip)
			tainted |= chain->loaded;
		if (is_call(&in))
			tainted &= ~CXMS_CLOBBERED;
	}
	return tainted;
}

/* Both take their base from the chain, or go to one array by the same registers. */
static bool meets(const struct cxms_code_site *s, uint32_t tainted_s,
		  const struct cxms_code_site *chain, uint32_t tainted_chain)
{
	if (s->base == chain->base && s->index == chain->index && s->scale == chain->scale)
		return (tainted_s & tainted_chain & address_of(s)) != 0;
	return s->base >= 0 && chain->base >= 0 && tainted_s >> s->base & 1 &&
	       tainted_chain >> chain->base & 1;
}

/* Registers that hold the same at @end each time, of those that move from register to register
 * behind @from; @same: at @from. */
static uint32_t follow_same(struct cxms_code *c, uint64_t from, uint64_t end, uint32_t same)
{
	struct cxms_step in;

	for (uint64_t at = from; at < end && cxms_code_step_at(c, at, &in); at += in.len) {
		struct cxms_x86_info info;

		if (!cxms_code_x86_at(c, at, &info))
			continue;
		bool stays = info.sum >= 0 && info.sum != info.sum_of && same >> info.sum_of & 1;

		same &= ~info.writes;
		/* or a variable that holds where it begins */
		if (stays || (info.site.rip_relative && !info.reads))
			same |= info.writes & ~SP_BIT;
		if (is_call(&in))
			same &= ~CXMS_CLOBBERED;
	}
	return same;
}

static uint32_t written_in(struct cxms_code *c, const struct cxms_loop *l)
{
	uint32_t writes = 0;
	struct cxms_step in;

	for (uint64_t at = l->first; at <= l->last && cxms_code_step_at(c, at, &in); at += in.len) {
		struct cxms_x86_info info;

		if (cxms_code_x86_at(c, at, &info))
			writes |= info.writes;
		if (is_call(&in))
			writes |= CXMS_CLOBBERED;
	}
	return writes;
}

/* Whether a run of the loop begins with what the chain came to in the last one (@at_end: what hangs
 * on it when the loop is over), or at the same place as the last one: in @pointer, the registers of
 * its address that hang on it. */
static bool goes_on(struct cxms_code *c, const struct cxms_loop *l, const struct cxms_loop *outer,
		    const struct cxms_x86_info *chain, uint32_t pointer, uint32_t at_end)
{
	const uint64_t to = chain->site.ip;
	struct cxms_step in;

	if (!cxms_code_step_at(c, l->last, &in))
		return false;
	at_end = follow_chain(c, l->last + in.len, outer->last + 1, chain, at_end);
	at_end = follow_chain(c, outer->first, to, chain, at_end);
	return ((at_end | follow_same(c, outer->first, to, ~written_in(c, outer))) & pointer) != 0;
}

bool cxms_loop_meets_chain(struct cxms_code *c, const struct cxms_loop *l,
			   const struct cxms_loop *outer, const struct cxms_code_site *s)
{
	struct cxms_step in;

	if (!outer->n || outer->n > LOOP_MAX || s->base == CXMS_REG_SP || !address_of(s) ||
	    s->kind != CXMS_SITE_LOAD)
		return false;
	for (uint64_t at = l->first; at <= l->last && cxms_code_step_at(c, at, &in); at += in.len) {
		struct cxms_x86_info chain;
		uint32_t at_end, at_chain, turn;

		if (at == s->ip || !cxms_code_x86_at(c, at, &chain) || !chain.loaded ||
		    chain.site.kind != CXMS_SITE_LOAD || !cxms_loop_carries(c, l, &chain.site))
			continue;
		turn = follow_chain(c, at + in.len, l->last + 1, &chain, chain.loaded);
		at_chain = follow_chain(c, l->first, at, &chain, turn);
		at_end = follow_chain(c, l->first, l->last + 1, &chain, turn);
		if (meets(s, follow_chain(c, l->first, s->ip, &chain, turn), &chain.site,
			  at_chain) &&
		    goes_on(c, l, outer, &chain, at_chain & address_of(&chain.site), at_end))
			return true;
	}
	return false;
}
