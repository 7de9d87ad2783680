/*
 * x86-64 instructions as micro-operations. The memory accesses of an instruction are those that the
 * tool saw; capstone gives the registers; the opcode gives the class. How many uops an instruction
 * becomes follows the cracking rule of the host (`uops: split | fused`).
 */
#include "core/uops.h"

#include <capstone/capstone.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/units.h"
#include "core/uops_priv.h"
#include "core/xstream.h"

struct cxms_uops {
	struct cxms_disasm disasm;
	bool split;
};

/*
 * Latencies in cycles and starts per 64 cycles. Integer multiply 3; floating add, multiply and
 * fused multiply-add 4, two of each a cycle (Skylake-SP and Ice Lake-SP: uops.info, ADDSD, MULSD,
 * VFMADD; Golden Cove and Zen 4 have 3 for some); three loads and two stores a cycle (Golden Cove,
 * Zen 4). A divider is one unit and not pipelined.
 */
static const struct cxms_uop_cost costs[CXMS_UC_COUNT] = {
	[CXMS_UC_INT] = {1, 0},	       [CXMS_UC_BRANCH] = {1, 128}, [CXMS_UC_VECTOR] = {1, 0},
	[CXMS_UC_MUL] = {3, 64},       [CXMS_UC_DIV] = {14, 8},	    [CXMS_UC_FADD] = {4, 128},
	[CXMS_UC_FMUL] = {4, 128},     [CXMS_UC_FMA] = {4, 128},    [CXMS_UC_FDIV] = {13, 12},
	[CXMS_UC_FSQRT] = {18, 8},     [CXMS_UC_LOAD] = {0, 192},   [CXMS_UC_STORE] = {1, 128},
	[CXMS_UC_PREFETCH] = {0, 192},
};

/*
 * Cores that split are those of a cycle-level simulator: six units for integers and branches, which
 * bound what a block takes to fetch (window_step.h); whatever is done in vector registers takes one
 * cycle in four units, whose number all share, two multipliers, which divide too (gem5 v24.0,
 * src/cpu/o3/FuncUnitConfig.py; its x86 vector operations are of the SIMD classes). A division is a
 * loop of one-cycle steps in the multipliers, of which each gives the next bit of the quotient that
 * is set: 16 (assumed) of 64 bits, and three more. The rest as above.
 */
static const struct cxms_uop_cost split_costs[CXMS_UC_COUNT] = {
	[CXMS_UC_INT] = {1, 0},	       [CXMS_UC_BRANCH] = {1, 0}, [CXMS_UC_VECTOR] = {1, 255},
	[CXMS_UC_MUL] = {3, 128},      [CXMS_UC_DIV] = {20, 7},	  [CXMS_UC_FADD] = {1, 255},
	[CXMS_UC_FMUL] = {1, 255},     [CXMS_UC_FMA] = {1, 255},  [CXMS_UC_FDIV] = {1, 255},
	[CXMS_UC_FSQRT] = {1, 255},    [CXMS_UC_LOAD] = {0, 192}, [CXMS_UC_STORE] = {1, 128},
	[CXMS_UC_PREFETCH] = {0, 192},
};

const struct cxms_uop_cost *cxms_uop_cost(enum cxms_uop_class class, bool split)
{
	return split ? &split_costs[class] : &costs[class];
}

enum cxms_uop_class cxms_uop_units(enum cxms_uop_class class, bool split)
{
	switch (class) {
	case CXMS_UC_FADD:
	case CXMS_UC_FMUL:
	case CXMS_UC_FMA:
	case CXMS_UC_FDIV:
	case CXMS_UC_FSQRT:
		return split ? CXMS_UC_VECTOR : class;
	case CXMS_UC_DIV:
		return split ? CXMS_UC_MUL : class;
	default:
		return class;
	}
}

int cxms_uops_new(bool split, struct cxms_uops **out, struct cxms_err *err)
{
	struct cxms_uops *u = calloc(1, sizeof(*u));
	if (!u)
		return cxms_fail(err, ENOMEM, "out of memory");
	u->split = split;
	int rc = cxms_disasm_open(&u->disasm, err);
	if (rc < 0) {
		cxms_uops_free(u);
		return rc;
	}
	*out = u;
	return 0;
}

void cxms_uops_free(struct cxms_uops *u)
{
	if (!u)
		return;
	cxms_disasm_close(&u->disasm);
	free(u);
}

/* One block while it is taken apart. */
struct work {
	const struct cxms_uops *u;
	struct cxms_uop *uop;
	size_t n, cap;
	bool failed;
	bool carry_apart; /* cxms_insn_split_flags() */
	uint16_t insn_at;
	struct cxms_insn insn;
	struct cxms_uop spare; /* written when memory is out */
};

static struct cxms_uop *add(struct work *w, enum cxms_uop_class class, unsigned rob)
{
	if (cxms_array_grow((void **)&w->uop, &w->cap, w->n + 1, sizeof(*w->uop)) < 0) {
		w->failed = true;
		return &w->spare;
	}
	struct cxms_uop *o = &w->uop[w->n++];
	*o = (struct cxms_uop){.dst = {CXMS_SLOT_TRASH, CXMS_SLOT_TRASH},
			       .class = (uint8_t) class,
			       .rob = (uint8_t)rob,
			       .access = -1,
			       .insn = w->insn_at};
	return o;
}

static void copy_sources(struct cxms_uop *o, const struct cxms_slots *from, size_t at)
{
	for (size_t i = 0; i < from->n && at < 3; i++)
		o->src[at++] = from->slot[i];
}

/* Results of an instruction go out through @o, the first two of them. */
static void write_results(struct cxms_uop *o, const struct cxms_slots *to)
{
	for (size_t i = 0; i < to->n && i < 2; i++)
		o->dst[i] = to->slot[i];
}

/* The others come from the first, through further uops that take no entry. */
static void add_further_results(struct work *w, const struct cxms_slots *to)
{
	for (size_t i = 2; i < to->n; i += 2) {
		struct cxms_uop *o = add(w, CXMS_UC_INT, 0);
		o->src[0] = to->slot[0];
		o->dst[0] = to->slot[i];
		if (i + 1 < to->n)
			o->dst[1] = to->slot[i + 1];
	}
}

static void add_loads(struct work *w, bool shares)
{
	const struct cxms_insn *in = &w->insn;
	for (size_t i = 0; i < in->n_load; i++) {
		bool prefetch = in->prefetch;
		for (unsigned part = 0; part < in->parts || part < in->load_pieces; part++) {
			struct cxms_uop *o =
				add(w, prefetch ? CXMS_UC_PREFETCH : CXMS_UC_LOAD,
				    shares && i + 1 == in->n_load && !w->u->split ? 0 : 1);
			copy_sources(o, &in->addr, 0);
			o->src[2] = o->src[2] ? o->src[2] : CXMS_SLOT_FENCE;
			o->access = part == 0 ? in->load[i] : (int16_t)-1;
			if (part >= in->load_pieces)
				o->class = CXMS_UC_INT;
			else if (part == 0 && !prefetch)
				o->dst[0] = (uint8_t)(CXMS_SLOT_TEMP + i);
			if (in->locked)
				o->flags |= CXMS_UF_LOCKED | CXMS_UF_OLDEST;
		}
	}
}

/* A plain load gives its register itself. */
static void retarget_load(struct work *w, size_t first)
{
	if (w->failed || w->insn.n_load == 0 || w->insn.out.n == 0)
		return;
	write_results(&w->uop[first], &w->insn.out);
}

/*
 * Several loads become fewer until one uop can read them beside @others sources: a gather of eight
 * has four such uops, as on Skylake (uops.info, VPGATHERDD ymm: twelve, eight of them loads).
 * Returns how many are left.
 */
static size_t join_loads(struct work *w, size_t others)
{
	size_t n = w->insn.n_load;
	while (n > 1 && n + others > 3) {
		struct cxms_uop *o = add(w, CXMS_UC_INT, 1);
		o->src[0] = o->dst[0] = CXMS_SLOT_TEMP;
		o->src[1] = (uint8_t)(CXMS_SLOT_TEMP + --n);
		if (n > 1)
			o->src[2] = (uint8_t)(CXMS_SLOT_TEMP + --n);
	}
	return n;
}

/* mfence, lfence: an operation without data that loads wait for. */
static void set_fence(const struct cxms_insn *in, struct cxms_uop *o)
{
	if (in->n_load + in->n_store > 0 || !(in->locked || in->load_fence))
		return;
	o->flags |= CXMS_UF_OLDEST | (in->locked ? CXMS_UF_LOCKED : 0);
	o->dst[0] = CXMS_SLOT_FENCE;
}

static void add_operation(struct work *w, bool stores)
{
	const struct cxms_insn *in = &w->insn;
	unsigned n = in->n_op * in->parts;
	size_t n_load = in->n_load > 2 ? join_loads(w, in->data.n) : in->n_load;
	for (unsigned i = 0; i < n; i++) {
		struct cxms_uop *o = add(w, i == 0 || in->parts > 1 ? in->class : CXMS_UC_INT,
					 w->u->split || i < in->rob_op ? 1 : 0);
		size_t at = 0;
		for (size_t l = 0; l < n_load; l++)
			o->src[at++] = (uint8_t)(CXMS_SLOT_TEMP + l);
		copy_sources(o, &in->data, at);
		if (i < in->result_at)
			o->dst[0] = CXMS_SLOT_TEMP + 6;
		if (i > 0 && (i == in->result_at || (i < in->result_at && i % 2 == 0)))
			o->src[0] = CXMS_SLOT_TEMP + 6; /* of many steps half wait for another */
		if (i != in->result_at)
			continue;
		write_results(o, &in->out);
		if (stores) /* what is stored comes from the operation */
			o->dst[o->dst[0] == CXMS_SLOT_TRASH ? 0 : 1] = CXMS_SLOT_TEMP + 7;
		set_fence(in, o);
	}
	add_further_results(w, &in->out);
}

static void add_store(struct work *w, int16_t access, bool from_operation)
{
	const struct cxms_insn *in = &w->insn;
	struct cxms_uop *o = add(w, CXMS_UC_STORE, 1);
	copy_sources(o, &in->addr, 0);
	size_t at = o->src[1] ? 2 : 1;
	if (from_operation)
		o->src[at] = CXMS_SLOT_TEMP + 7;
	else if (in->n_load > 0)
		o->src[at] = CXMS_SLOT_TEMP;
	else
		copy_sources(o, &in->data, at);
	o->access = access;
	if (in->locked) {
		o->flags |= CXMS_UF_LOCKED;
		o->dst[0] = CXMS_SLOT_FENCE;
	}
}

static void add_stores(struct work *w, bool from_operation)
{
	const struct cxms_insn *in = &w->insn;
	for (size_t i = 0; i < in->n_store; i++)
		for (unsigned piece = 0; piece < in->store_pieces; piece++)
			add_store(w, piece == 0 ? in->store[i] : (int16_t)-1, from_operation);
}

static void add_fillers(struct work *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		add(w, CXMS_UC_INT, 1);
}

/* The stack pointer moves by a uop of its own, or in the front end of a core with fused uops. */
static void add_stack_move(struct work *w)
{
	if (!w->insn.moves_stack || !w->u->split)
		return;
	struct cxms_uop *o = add(w, CXMS_UC_INT, 1);
	o->src[0] = o->dst[0] = CXMS_SLOT_GPR + CXMS_GPR_SP;
}

/* A string's pointers move by themselves: the next round does not wait for what this one loads. A
 * split core counts, moves each pointer and jumps back in each round. */
static void crack_string_move(struct work *w)
{
	if (w->u->split && w->insn.string_bytes != 1)
		add_fillers(w, w->insn.n_load > 0 ? 3 : 2);
	add_loads(w, false);
	add_stores(w, false);
	struct cxms_uop *o = add(w, CXMS_UC_INT, 1);
	copy_sources(o, &w->insn.addr, 0);
	write_results(o, &w->insn.out);
	add_further_results(w, &w->insn.out);
}

static void crack(struct work *w)
{
	const struct cxms_insn *in = &w->insn;
	size_t first = w->n;
	if (in->string_move) {
		crack_string_move(w);
		return;
	}
	bool op = in->n_op > 0;
	add_fillers(w, w->u->split ? in->n_split_extra : 0);
	size_t load_at = w->n;
	add_loads(w, op);
	if (!op && in->n_store == 0)
		retarget_load(w, load_at);
	if (op)
		add_operation(w, in->n_store > 0);
	add_stores(w, op);
	add_stack_move(w);
	if (w->n == first) /* fused away: compare and branch, register moves that are renamed */
		add(w, CXMS_UC_INT, in->rob_op);
}

static int check_code(const struct cxms_code_block *c, struct cxms_err *err)
{
	unsigned last = 0;
	bool ok = c->n_insn > 0 && c->n_insn <= CXMS_BLOCK_MAX && c->n_access <= INT16_MAX &&
		  c->n_exit <= CXMS_BLOCK_MAX;
	for (size_t i = 0; ok && i < c->n_insn; i++)
		ok = c->insn[i].len >= 1 && c->insn[i].len <= 15;
	for (size_t i = 0; ok && i < c->n_access; i++) {
		ok = c->access[i].insn < c->n_insn && c->access[i].insn >= last;
		last = c->access[i].insn;
	}
	for (size_t i = 0; ok && i < c->n_exit; i++)
		ok = c->exit[i].insn < c->n_insn && c->exit[i].n_access <= c->n_access;
	return ok ? 0 : cxms_fail(err, EINVAL, "a block of code in the exact stream is malformed");
}

/* A loop of one instruction may have been unrolled. Each round has the same accesses. */
static bool rounds_only(const struct cxms_code_block *c)
{
	if (c->n_access == 0 || c->n_access % c->n_insn != 0)
		return false;
	for (size_t i = 1; i < c->n_insn; i++)
		if (c->insn[i].addr != c->insn[0].addr)
			return false;
	return true;
}

/*
 * What one round with @bytes makes of the block. A split core has no pieces (gem5 v24.0,
 * insts/general_purpose/string). Of bytes it is given them all the same: the C library moves memory
 * by bytes where the recording machine is fast at it, and by vectors on one that is not.
 */
static void set_string(const struct cxms_code_block *c, bool split, unsigned bytes,
		       struct cxms_block *out)
{
	if (split && bytes > 1) {
		out->string_rounds = 1;
		return;
	}
	out->string_bytes = bytes * (uint32_t)c->n_insn;
	out->string_rounds = CXMS_STRING_PIECE / bytes;
}

static void crack_all(struct work *w, const struct cxms_code_block *c, uint32_t *end_of_insn,
		      struct cxms_block *out)
{
	size_t access = 0;
	for (size_t i = 0; i < c->n_insn && !w->failed; i++) {
		size_t n = 0;
		while (access + n < c->n_access && c->access[access + n].insn == i)
			n++;
		w->insn_at = (uint16_t)i;
		if (!cxms_insn_read(&w->u->disasm, &c->insn[i], n ? &c->access[access] : NULL, n,
				    (int16_t)access, w->u->split, &w->insn))
			out->n_undecoded++;
		else if (w->u->split)
			cxms_insn_split_flags(w->u->disasm.insn, &w->insn, &w->carry_apart);
		if (i == 0 && w->insn.string_bytes > 0 && rounds_only(c))
			set_string(c, w->u->split, w->insn.string_bytes, out);
		if (!w->u->split && i > 0)
			cxms_insn_fuse(&w->insn, &c->insn[i - 1]);
		if (out->string_rounds == 0 || i % out->string_rounds == 0)
			crack(w);
		access += n;
		end_of_insn[i] = (uint32_t)w->n;
	}
}

/* Lines of instructions in the order they are fetched. */
static int add_segments(const struct cxms_code_block *c, const uint32_t *end_of_insn,
			struct cxms_block *out)
{
	size_t cap = 0, n = 0;
	uint64_t line = UINT64_MAX;
	for (size_t i = 0; i < c->n_insn; i++) {
		uint64_t end[2] = {c->insn[i].addr >> CXMS_XS_LINE_SHIFT,
				   (c->insn[i].addr + c->insn[i].len - 1) >> CXMS_XS_LINE_SHIFT};
		for (int e = 0; e < 2; e++) {
			if (end[e] == line)
				continue;
			line = end[e];
			if (cxms_array_grow((void **)&out->segment, &cap, n + 1,
					    sizeof(*out->segment)) < 0)
				return -ENOMEM;
			out->segment[n] = (struct cxms_segment){.line = line,
								.first = i ? end_of_insn[i - 1] : 0,
								.line_at = (uint16_t)n};
			n++;
		}
	}
	for (size_t i = 0; i < n; i++)
		out->segment[i].n = (uint16_t)((i + 1 < n ? out->segment[i + 1].first
							  : end_of_insn[c->n_insn - 1]) -
					       out->segment[i].first);
	out->n_segment = (uint32_t)n;
	return 0;
}

static uint16_t stores_of(const struct cxms_code_block *c, size_t n_access)
{
	size_t n = 0;
	for (size_t i = 0; i < n_access; i++)
		n += c->access[i].kind == CXMS_XA_STORE || c->access[i].kind == CXMS_XA_NT_STORE;
	return (uint16_t)n;
}

static struct cxms_block_exit exit_at(const struct cxms_code_block *c, const uint32_t *end_of_insn,
				      size_t insn, size_t n_access)
{
	return (struct cxms_block_exit){.behind = c->insn[insn].addr + c->insn[insn].len,
					.uops = end_of_insn[insn],
					.insns = (uint16_t)(insn + 1),
					.stores = stores_of(c, n_access)};
}

static int fill_exits(const struct cxms_code_block *c, const uint32_t *end_of_insn,
		      struct cxms_block *out)
{
	out->exit = calloc(c->n_exit + 1, sizeof(*out->exit));
	if (!out->exit)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_exit; i++)
		out->exit[i] = exit_at(c, end_of_insn, c->exit[i].insn, c->exit[i].n_access);
	out->exit[c->n_exit] = exit_at(c, end_of_insn, c->n_insn - 1, c->n_access);
	return 0;
}

static unsigned entries_of(const struct work *w, uint32_t from, uint32_t to)
{
	unsigned n = 0;
	for (uint32_t i = from; i < to; i++)
		n += w->uop[i].rob;
	return n;
}

static int measure_code(const struct cxms_code_block *c, const struct work *w,
			const uint32_t *end_of_insn, struct cxms_block *out)
{
	out->addr = c->insn[0].addr;
	out->fetch = calloc(c->n_insn, sizeof(*out->fetch));
	if (!out->fetch)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_insn; i++) {
		unsigned n = entries_of(w, i ? end_of_insn[i - 1] : 0, end_of_insn[i]);
		out->fetch[i] =
			(struct cxms_fetch_insn){.at = (int32_t)(c->insn[i].addr - out->addr),
						 .len = c->insn[i].len,
						 .n_uop = (uint8_t)(n < UINT8_MAX ? n : UINT8_MAX)};
		out->n_bytes += c->insn[i].len;
	}
	return 0;
}

static bool is_simple(const struct cxms_uop *u)
{
	return u->class == CXMS_UC_INT && u->rob == 1 && u->src[2] == CXMS_SLOT_NONE &&
	       u->access < 0 && !(u->flags & (CXMS_UF_LOCKED | CXMS_UF_OLDEST));
}

/* What the window wants to find at a glance. */
static void index_uops(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct cxms_uop *o = &w->uop[i];
		for (int k = 0; k < 3; k++)
			o->from[k] = (uint16_t)(o->src[k] * CXMS_SLOT_BYTES);
		for (int k = 0; k < 2; k++)
			o->to[k] = (uint16_t)(o->dst[k] * CXMS_SLOT_BYTES);
		o->flags |= is_simple(o) ? CXMS_UF_SIMPLE : 0;
	}
}

int cxms_uops_block(struct cxms_uops *u, const struct cxms_code_block *code, struct cxms_block *out,
		    struct cxms_err *err)
{
	struct work w = {.u = u};
	struct cxms_block b = {0};
	uint32_t *end_of_insn = NULL;
	int rc = check_code(code, err);
	if (rc)
		return rc;
	end_of_insn = calloc(code->n_insn, sizeof(*end_of_insn));
	if (end_of_insn) {
		crack_all(&w, code, end_of_insn, &b);
		index_uops(&w);
		if (!w.failed)
			rc = add_segments(code, end_of_insn, &b);
		if (!rc && !w.failed)
			rc = fill_exits(code, end_of_insn, &b);
		if (!rc && !w.failed)
			rc = measure_code(code, &w, end_of_insn, &b);
	}
	b.uop = w.uop;
	if (rc || w.failed || !end_of_insn) {
		cxms_block_fini(&b);
		rc = cxms_fail(err, ENOMEM, "out of memory");
	} else {
		b.n_insn = (uint32_t)code->n_insn;
		b.n_uop = (uint32_t)w.n;
		b.n_access = (uint32_t)code->n_access;
		b.n_exit = (uint32_t)code->n_exit;
		*out = b;
	}
	free(end_of_insn);
	return rc;
}

void cxms_block_fini(struct cxms_block *b)
{
	free(b->uop);
	free(b->segment);
	free(b->fetch);
	free(b->exit);
	*b = (struct cxms_block){0};
}
