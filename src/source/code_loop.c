/*
 * Loops: which instructions a turn runs, what hangs on the turn before, and which register counts
 * the turns.
 */
#include <stdlib.h>

#include "source/code_priv.h"

#define COUNTED_MAX 512u /* instructions of the longest loop whose registers are looked at */
#define BLOCK_BYTES 64	 /* of lines counted in a turn */
#define BLOCKS	    64	 /* around an operand */
#define NEAR_BYTES  64	 /* a store that near to a load's address writes the load's line */

/* Which bytes of a range control may reach by a branch from above. */
struct reach {
	uint64_t first, last;
	uint64_t far; /* the highest */
	uint8_t bits[CXMS_LOOP_BYTES / 8];
};

static void reach_target(struct reach *r, uint64_t at, const struct cxms_step *in)
{
	uint64_t target = at + in->len + (uint64_t)(int64_t)in->rel;
	size_t off = (size_t)(target - r->first);

	if (target > at && target <= r->last) {
		r->bits[off / 8] |= (uint8_t)(1u << (off % 8));
		r->far = target > r->far ? target : r->far;
	}
}

unsigned cxms_loop_length(struct cxms_code *c, uint64_t first, uint64_t last, uint64_t addr)
{
	struct reach r = {.first = first, .last = last};
	bool is_live = true, has_switch = false, has_addr = false;
	unsigned n = 0;
	struct cxms_step in;

	for (uint64_t at = first; at <= last; at += in.len) {
		size_t off = (size_t)(at - first);

		if (!cxms_code_step_at(c, at, &in) || (at != first && cxms_code_is_called(c, at)))
			return 0;
		is_live = is_live || has_switch || (r.bits[off / 8] >> (off % 8) & 1);
		if (!is_live && r.far < at)
			return 0;
		if (!is_live)
			continue;
		n++;
		has_addr = has_addr || at == addr;
		if (at == last)
			return has_addr ? n : 0;
		if (in.flow == CXMS_FLOW_JCC || in.flow == CXMS_FLOW_LOOP ||
		    in.flow == CXMS_FLOW_JMP)
			reach_target(&r, at, &in);
		has_switch = has_switch || in.flow == CXMS_FLOW_JMP_IND;
		is_live = in.flow != CXMS_FLOW_RET && in.flow != CXMS_FLOW_STOP &&
			  in.flow != CXMS_FLOW_JMP && in.flow != CXMS_FLOW_JMP_IND;
	}
	return 0;
}

/* The shortest loop that begins at @begin or before, ends at @end or behind, and runs @addr. */
static struct cxms_loop loop_over(struct cxms_code *c, uint64_t begin, uint64_t end, uint64_t addr)
{
	struct cxms_loop best = {.n = 0};
	uint64_t limit = CXMS_LOOP_BYTES;
	struct cxms_step in;

	for (uint64_t at = end; at - begin < limit && cxms_code_step_at(c, at, &in); at += in.len) {
		uint64_t target = at + in.len + (uint64_t)(int64_t)in.rel;
		unsigned n;

		if (in.flow != CXMS_FLOW_JCC && in.flow != CXMS_FLOW_LOOP &&
		    in.flow != CXMS_FLOW_JMP)
			continue;
		if (target > begin || at - target >= limit)
			continue;
		n = cxms_loop_length(c, target, at, addr);
		if (!n)
			continue;
		best = (struct cxms_loop){.first = target, .last = at, .n = n};
		limit = at - target;
	}
	return best;
}

struct cxms_loop cxms_loop_around(struct cxms_code *c, uint64_t addr)
{
	return loop_over(c, addr, addr, addr);
}

/* The shortest loop that has @inner and more before it. One that is entered in the middle is seen
 * by where it ends. */
static struct cxms_loop loop_outside(struct cxms_code *c, const struct cxms_loop *inner)
{
	struct cxms_step in;

	if (!cxms_code_step_at(c, inner->last, &in))
		return (struct cxms_loop){.n = 0};
	return loop_over(c, inner->first - 1, inner->last + in.len, inner->last);
}

/* [from, end), as far as it lies in the loop */
static void uneven_set(struct cxms_uneven *u, uint64_t from, uint64_t end)
{
	for (uint64_t at = from; at < end && at - u->first < CXMS_LOOP_BYTES; at++)
		u->bits[(at - u->first) / 8] |= (uint8_t)(1u << ((at - u->first) % 8));
}

static void uneven_branch(const struct cxms_loop *l, uint64_t at, const struct cxms_step *in,
			  struct cxms_uneven *u)
{
	uint64_t next = at + in->len, target = next + (uint64_t)(int64_t)in->rel;

	if (target > at && target <= l->last) { /* what it passes over */
		uneven_set(u, next, target);
	} else if (target == l->first && at < l->last) { /* the next turn already */
		uneven_set(u, next, l->last + 1);
	} else if (target > l->first && target <= at) { /* an inner loop */
		uneven_set(u, target, next);
		u->is_long = true;
	}
}

static void find_uneven(struct cxms_code *c, const struct cxms_loop *l, struct cxms_uneven *u)
{
	struct cxms_step in;

	*u = (struct cxms_uneven){.first = l->first};
	for (uint64_t at = l->first; at <= l->last && cxms_code_step_at(c, at, &in); at += in.len) {
		if (in.flow == CXMS_FLOW_CALL || in.flow == CXMS_FLOW_CALL_IND)
			u->has_call = u->is_long = true;
		u->is_long = u->is_long || in.rep_string;
		if (in.flow == CXMS_FLOW_JCC || in.flow == CXMS_FLOW_LOOP ||
		    in.flow == CXMS_FLOW_JMP)
			uneven_branch(l, at, &in, u);
	}
}

/* How the registers move in a turn. */
struct turn {
	int64_t step[CXMS_REG_GPR_END];
	uint32_t spoilt;    /* written in another way, or not once in each turn */
	uint32_t addresses; /* used by memory operands */
};

static void note_turn(const struct cxms_x86_info *info, bool is_even, struct turn *t)
{
	uint32_t other = info->writes;

	if (info->added >= 0 && is_even) {
		t->step[info->added] += info->add;
		other &= ~(1u << info->added);
	}
	t->spoilt |= other;
	if (info->site.kind == CXMS_SITE_NONE)
		return;
	t->addresses |= info->site.base >= 0 ? 1u << info->site.base : 0;
	t->addresses |= info->site.index >= 0 ? 1u << info->site.index : 0;
}

/* -1: none */
static int8_t pick_counter(const struct turn *t)
{
	int best = -1;

	for (int r = 0; r < CXMS_REG_GPR_END; r++) {
		if (t->spoilt >> r & 1 || !t->step[r] || r == CXMS_REG_SP)
			continue;
		bool is_address = t->addresses >> r & 1;
		bool was_address = best >= 0 && (t->addresses >> best & 1);

		if (best < 0 || (is_address && !was_address) ||
		    (is_address == was_address && llabs(t->step[r]) > llabs(t->step[best])))
			best = r;
	}
	return (int8_t)best;
}

static uint32_t address_of(const struct cxms_code_site *s)
{
	return (s->base >= 0 ? 1u << s->base : 0) | (s->index >= 0 ? 1u << s->index : 0);
}

/* The address moves evenly when all its registers do, those that a turn leaves alone included. */
static void find_stride(const struct turn *t, struct cxms_code_site *s)
{
	uint32_t used = address_of(s);

	if (!used || t->spoilt & used || s->kind == CXMS_SITE_NONE || s->flags & CXMS_SITE_STACK)
		return;
	s->flags |= CXMS_SITE_AFFINE;
	if (s->base >= 0)
		s->stride += t->step[s->base];
	if (s->index >= 0)
		s->stride += t->step[s->index] * s->scale;
}

/* Whether @store writes what @s loads; a register moved in between leaves them near each other. */
static bool is_same_line(const struct cxms_code_site *s, const struct cxms_code_site *store)
{
	return (store->kind == CXMS_SITE_STORE || store->kind == CXMS_SITE_UPDATE) &&
	       store->base == s->base && store->index == s->index && store->scale == s->scale &&
	       store->segment == s->segment && llabs(store->disp - s->disp) < NEAR_BYTES;
}

/* The 64-byte blocks around the operand of @s that others with the same registers reach, by bit. */
static uint64_t note_block(const struct cxms_code_site *s, const struct cxms_code_site *other)
{
	int64_t block = (other->disp - s->disp) / BLOCK_BYTES;

	if (other->kind == CXMS_SITE_NONE || other->base != s->base || other->index != s->index ||
	    other->scale != s->scale || block < -BLOCKS / 2 || block >= BLOCKS / 2)
		return 0;
	return UINT64_C(1) << (block + BLOCKS / 2);
}

static void describe_turn(struct cxms_code *c, const struct cxms_loop *l,
			  const struct cxms_uneven *u, struct cxms_code_site *s)
{
	struct turn t = {.spoilt = u->has_call ? CXMS_CLOBBERED : 0};
	bool can_dirty = s->kind == CXMS_SITE_LOAD && (s->base >= 0 || s->index >= 0) &&
			 !(s->flags & CXMS_SITE_STACK);
	const uint32_t used = address_of(s);
	uint64_t blocks = 0, made_at = 0;
	struct cxms_step in;

	for (uint64_t at = l->first; at <= l->last && cxms_code_step_at(c, at, &in); at += in.len) {
		struct cxms_x86_info info;

		if (!cxms_code_x86_at(c, at, &info))
			continue;
		note_turn(&info, !cxms_uneven_get(u, at), &t);
		blocks |= note_block(s, &info.site);
		if (can_dirty && is_same_line(s, &info.site))
			s->flags |= CXMS_SITE_DIRTIES;
		if (at < s->ip && info.writes & used)
			made_at = at + in.len - l->first;
	}
	for (; blocks && s->kind != CXMS_SITE_NONE; blocks &= blocks - 1)
		s->turn_lines++;
	s->count_reg = pick_counter(&t);
	s->step = s->count_reg >= 0 ? t.step[s->count_reg] : 0;
	s->made_at = (uint16_t)(t.spoilt & used ? made_at : 0);
	find_stride(&t, s);
	if (!(s->flags & CXMS_SITE_AFFINE))
		cxms_loop_follow_stride(c, l, u, t.step, t.spoilt, s);
}

/* The two registers that are the same when the loop is over, as its last compare is of them; 0:
 * none. */
static uint32_t equal_at_end(struct cxms_code *c, const struct cxms_loop *l)
{
	struct cxms_x86_info info = {.reads = 0};
	bool is_compare = false;
	struct cxms_step in;

	for (uint64_t at = l->first; at < l->last && cxms_code_step_at(c, at, &in); at += in.len)
		is_compare = cxms_code_x86_at(c, at, &info) && info.fusible && !info.writes &&
			     info.site.kind == CXMS_SITE_NONE;
	return is_compare && __builtin_popcount(info.reads) == 2 ? info.reads : 0;
}

/* An address that ran up to an end, plus a constant, is the end of the next run: as good as if the
 * constant were added to the end. */
static void add_to_end(struct cxms_x86_info *info, uint32_t equal)
{
	if (info->sum < 0 || info->sum == info->sum_of || info->sum_shift ||
	    (1u << info->sum | 1u << info->sum_of) != equal)
		return;
	info->added = info->sum;
	info->add = info->sum_add;
}

/* The registers of @l, which has @inner in it (NULL = nothing is known of that). */
static void find_turn(struct cxms_code *c, const struct cxms_loop *l, const struct cxms_loop *inner,
		      struct turn *t)
{
	const uint32_t equal = inner ? equal_at_end(c, inner) : 0;
	struct cxms_uneven u;
	struct cxms_step in;

	find_uneven(c, l, &u);
	*t = (struct turn){.spoilt = u.has_call ? CXMS_CLOBBERED : 0};
	for (uint64_t at = l->first; at <= l->last && cxms_code_step_at(c, at, &in); at += in.len) {
		struct cxms_x86_info info;

		if (!cxms_code_x86_at(c, at, &info))
			continue;
		if (inner && at > inner->last)
			add_to_end(&info, equal);
		note_turn(&info, !cxms_uneven_get(&u, at), t);
	}
}

static bool is_counted(struct cxms_code *c, const struct cxms_loop *l, int8_t reg, int64_t step)
{
	struct turn t;

	if (reg < 0 || !l->n || l->n > COUNTED_MAX)
		return false;
	find_turn(c, l, NULL, &t);
	return pick_counter(&t) == reg && t.step[reg] == step;
}

/* Bytes between a loop and the first of its ways: what it is around, or where its registers are
 * made, is told by 16 bits from there. */
#define MAX_BACK (UINT16_MAX - CXMS_LOOP_BYTES)

/*
 * Where the end of a loop is copied into each of its ways, each way seems a loop of its own, that
 * begins and ends behind the one before. They are one, as each turn of any of them counts in the
 * same register: it is named by where the first begins.
 */
static uint64_t name_of(struct cxms_code *c, const struct cxms_loop *l, int8_t reg, int64_t step)
{
	struct cxms_loop way = *l, before = cxms_loop_around(c, way.first);

	while (before.n && before.first < way.first && l->first - before.first <= MAX_BACK &&
	       is_counted(c, &before, reg, step)) {
		way = before;
		before = cxms_loop_around(c, way.first);
	}
	return way.first;
}

/* The shortest other way round the loop @l past the site @s, that ends behind @l, but in the loop
 * around. */
static struct cxms_loop other_way(struct cxms_code *c, const struct cxms_loop *l,
				  const struct cxms_loop *outer, const struct cxms_code_site *s)
{
	const uint64_t end = outer->n ? outer->last : l->first + CXMS_LOOP_BYTES;
	struct cxms_step in;

	if (s->count_reg < 0)
		return (struct cxms_loop){.n = 0};
	for (uint64_t at = l->last; at < end && cxms_code_step_at(c, at, &in); at += in.len) {
		uint64_t target = at + in.len + (uint64_t)(int64_t)in.rel;
		struct cxms_loop way = {.first = target, .last = at};

		if (at == l->last || target <= l->first || target > s->ip ||
		    (in.flow != CXMS_FLOW_JCC && in.flow != CXMS_FLOW_JMP))
			continue;
		way.n = cxms_loop_length(c, way.first, way.last, s->ip);
		if (is_counted(c, &way, s->count_reg, s->step))
			return way;
	}
	return (struct cxms_loop){.n = 0};
}

static void describe_append(struct cxms_code *c, const struct cxms_loop *l,
			    struct cxms_code_site *s)
{
	s->stride = cxms_loop_append(c, l, s);
	if (s->stride)
		s->flags |= CXMS_SITE_APPENDS;
}

/* The loop @l around @inner, and a register that counts its turns. */
static void describe_outer(struct cxms_code *c, const struct cxms_loop *inner,
			   const struct cxms_loop *l, struct cxms_code_site *s)
{
	struct turn t;

	if (!l->n || l->n > COUNTED_MAX)
		return;
	find_turn(c, l, inner, &t);
	s->outer_reg = pick_counter(&t);
	s->outer_step = s->outer_reg >= 0 ? t.step[s->outer_reg] : 0;
	uint64_t outer = name_of(c, l, s->outer_reg, s->outer_step);
	s->outer_back = outer < s->loop_ip ? (uint16_t)(s->loop_ip - outer) : 0;
}

void cxms_loop_describe_rep(struct cxms_code *c, struct cxms_code_site *s)
{
	const struct cxms_loop l = {.first = s->ip, .last = s->ip, .n = 1};
	const struct cxms_loop outer = loop_outside(c, &l);

	s->loop_ip = s->ip;
	s->loop_insns = 1;
	s->count_reg = CXMS_REG_CX;
	s->step = -1;
	s->flags |= CXMS_SITE_AFFINE;
	s->stride = s->access_bytes;
	s->turn_lines = 1;
	describe_outer(c, &l, &outer, s);
}

static bool has_prefetch(struct cxms_code *c, const struct cxms_loop *l)
{
	struct cxms_x86_info info;
	struct cxms_step in;

	for (uint64_t at = l->first; at <= l->last && cxms_code_step_at(c, at, &in); at += in.len)
		if (cxms_code_x86_at(c, at, &info) && info.prefetches)
			return true;
	return false;
}

/* Lines may be asked for in an earlier turn, or in a loop that runs before this one does. */
static void find_ahead(struct cxms_code *c, struct cxms_loop l, struct cxms_code_site *s)
{
	struct cxms_step in;

	while (l.n && l.n <= COUNTED_MAX && !has_prefetch(c, &l))
		l = loop_outside(c, &l);
	if (!l.n || l.n > COUNTED_MAX || !cxms_code_step_at(c, l.last, &in))
		return;
	s->ahead_ip = l.first;
	s->ahead_bytes = (uint16_t)(l.last + in.len - l.first);
}

void cxms_loop_describe(struct cxms_code *c, const struct cxms_loop *l, struct cxms_code_site *s)
{
	struct cxms_loop way, outer;
	struct cxms_uneven u;

	if (!l->n)
		return;
	s->loop_ip = l->first;
	if (cxms_loop_carries(c, l, s))
		s->flags |= CXMS_SITE_CARRIED;
	find_uneven(c, l, &u);
	if (u.is_long)
		s->flags |= CXMS_SITE_LONG;
	if (cxms_uneven_get(&u, s->ip))
		s->flags |= CXMS_SITE_UNEVEN;
	if (s->kind != CXMS_SITE_NONE)
		find_ahead(c, *l, s);
	if (l->n > COUNTED_MAX)
		return;
	outer = loop_outside(c, l);
	describe_turn(c, l, &u, s);
	if (!(s->flags & CXMS_SITE_AFFINE)) {
		describe_append(c, l, s);
		if (cxms_loop_meets_chain(c, l, &outer, s))
			s->flags |= CXMS_SITE_CARRIED;
	}
	s->loop_ip = name_of(c, l, s->count_reg, s->step);
	if (s->made_at)
		s->made_at = (uint16_t)(s->made_at + (l->first - s->loop_ip));
	describe_outer(c, l, &outer, s);
	way = other_way(c, l, &outer, s);
	if (!way.n)
		return;
	find_uneven(c, &way, &u);
	if (u.is_long)
		s->flags |= CXMS_SITE_LONG;
}
