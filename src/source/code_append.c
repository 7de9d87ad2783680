/*
 * Stores that append, and loads that read on: the address lies in memory, and each run moves it on
 * there by a constant, as in table[key]++ with the old value for an index, *list->end++ = x, or
 * x = *run->next++. Wherever they go, they go through memory evenly there. Not where
 * the loop stores anything else to that place: the address then goes where that says.
 */
#include "source/code_priv.h"

#define KEPT	   16u /* places in memory followed at once */
#define MOST_SHIFT 16u /* no element is larger */

/** struct place - an operand whose value registers hold, or held @moved less */
struct place {
	struct cxms_code_site at;
	int64_t moved; /* by what has been stored to it; 0: not yet */
	bool set;      /* something else has been stored to it */
};

/** struct values - registers as a place's value plus a constant, shifted */
struct values {
	struct place place[KEPT];
	unsigned n;
	int8_t of[CXMS_REG_GPR_END]; /* -1: not known */
	int64_t plus[CXMS_REG_GPR_END];
	uint8_t shift[CXMS_REG_GPR_END];
	int8_t address; /* of the operand that is asked for: the place it lay in; -1: none */
	unsigned scale; /* bytes that it moves while that place's value moves by 1 */
};

static uint32_t address_bits(const struct cxms_code_site *s)
{
	return (s->base >= 0 ? 1u << s->base : 0) | (s->index >= 0 ? 1u << s->index : 0);
}

static bool is_same(const struct cxms_code_site *a, const struct cxms_code_site *b)
{
	return a->base == b->base && a->index == b->index && a->scale == b->scale &&
	       a->disp == b->disp && a->segment == b->segment;
}

static int find_place(const struct values *v, const struct cxms_code_site *at)
{
	for (unsigned i = 0; i < v->n; i++)
		if (is_same(&v->place[i].at, at))
			return (int)i;
	return -1;
}

/* The only register of a set, or -1. */
static int only(uint32_t set)
{
	return set && !(set & (set - 1)) ? __builtin_ctz(set) : -1;
}

/* Is it a plain load of all of a register? */
static int loaded_register(const struct cxms_x86_info *info)
{
	int to = only(info->writes);

	if (info->site.kind != CXMS_SITE_LOAD || info->loaded != info->writes ||
	    info->reads & ~address_bits(&info->site) || info->site.access_bytes < 4)
		return -1;
	return to < CXMS_REG_GPR_END ? to : -1;
}

/* Registers that are written, and places that can no more be named, are forgotten. */
static void forget(struct values *v, uint32_t written)
{
	for (int r = 0; r < CXMS_REG_GPR_END; r++)
		if (written >> r & 1)
			v->of[r] = -1;
	for (unsigned i = 0; i < v->n; i++)
		if (address_bits(&v->place[i].at) & written)
			v->place[i].at.base = v->place[i].at.index = -2; /* like no other */
}

static void note_load(struct values *v, const struct cxms_x86_info *info, int to)
{
	int i = find_place(v, &info->site);

	forget(v, 1u << to);
	if (address_bits(&info->site) >> to & 1)
		return;
	if (i < 0 && v->n < KEPT) {
		i = (int)v->n++;
		v->place[i] = (struct place){.at = info->site};
	}
	v->of[to] = (int8_t)i;
	v->plus[to] = v->shift[to] = 0;
}

static void note_store(struct values *v, const struct cxms_x86_info *info)
{
	int i = find_place(v, &info->site), from = only(info->reads & ~address_bits(&info->site));

	if (i < 0)
		return;
	if (info->site.kind == CXMS_SITE_STORE && from >= 0 && from < CXMS_REG_GPR_END &&
	    v->of[from] == i && !v->shift[from])
		v->place[i].moved = v->plus[from];
	else
		v->place[i].set = true;
}

static void note_sum(struct values *v, const struct cxms_x86_info *info)
{
	int8_t of = info->sum_of >= 0 ? v->of[info->sum_of] : -1;
	int64_t plus = of >= 0 ? v->plus[info->sum_of] + info->sum_add : 0;
	unsigned shift = of >= 0 ? v->shift[info->sum_of] + info->sum_shift : 0u;

	forget(v, info->writes);
	if (of < 0 || shift >= MOST_SHIFT)
		return;
	v->of[info->sum] = of;
	v->plus[info->sum] = plus;
	v->shift[info->sum] = (uint8_t)shift;
}

/* The operand that is asked for: which of its registers holds a place's value? */
static void note_address(struct values *v, const struct cxms_code_site *s)
{
	if (s->index >= 0 && s->index < CXMS_REG_GPR_END && v->of[s->index] >= 0) {
		v->address = v->of[s->index];
		v->scale = (unsigned)s->scale << v->shift[s->index];
	} else if (s->base >= 0 && s->base < CXMS_REG_GPR_END && v->of[s->base] >= 0) {
		v->address = v->of[s->base];
		v->scale = 1u << v->shift[s->base];
	}
}

int64_t cxms_loop_append(struct cxms_code *c, const struct cxms_loop *l,
			 const struct cxms_code_site *s)
{
	struct values v = {.address = -1};
	struct cxms_step in;

	if ((s->kind != CXMS_SITE_STORE && s->kind != CXMS_SITE_LOAD) || s->flags & CXMS_SITE_STACK)
		return 0;
	for (int r = 0; r < CXMS_REG_GPR_END; r++)
		v.of[r] = -1;
	for (uint64_t at = l->first; at <= l->last && cxms_code_step_at(c, at, &in); at += in.len) {
		struct cxms_x86_info info;

		if (in.flow == CXMS_FLOW_CALL || in.flow == CXMS_FLOW_CALL_IND)
			forget(&v, CXMS_CLOBBERED);
		if (!cxms_code_x86_at(c, at, &info))
			continue;
		if (at == s->ip)
			note_address(&v, s);
		if (info.site.kind == CXMS_SITE_STORE || info.site.kind == CXMS_SITE_UPDATE)
			note_store(&v, &info);
		if (loaded_register(&info) >= 0)
			note_load(&v, &info, loaded_register(&info));
		else if (info.sum >= 0)
			note_sum(&v, &info);
		else
			forget(&v, info.writes);
	}
	if (v.address < 0 || v.place[v.address].set)
		return 0;
	return v.place[v.address].moved * (int64_t)v.scale;
}
