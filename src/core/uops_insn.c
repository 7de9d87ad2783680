/* Registers, class and number of uops of one x86-64 instruction. */
#include <stdlib.h>
#include <string.h>

#include "core/uops_priv.h"
#include "core/xstream.h"

/* General registers in the order of their numbers in machine code; four widths each. */
static const uint16_t gpr[16][5] = {
	{X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH},
	{X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH},
	{X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH},
	{X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH},
	{X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL, 0},
	{X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL, 0},
	{X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL, 0},
	{X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL, 0},
	{X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B, 0},
	{X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B, 0},
	{X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B, 0},
	{X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B, 0},
	{X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B, 0},
	{X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B, 0},
	{X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B, 0},
	{X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B, 0},
};
#define WIDTH_16 2 /* index from which a write keeps the rest of the register */

/* Slot of a register, CXMS_SLOT_NONE for those that carry no data (rip, segments); *partial is set
 * for a width whose write keeps the rest. */
static uint8_t slot_of(unsigned reg, bool *partial)
{
	*partial = false;
	if (reg == X86_REG_EFLAGS) /* written by most: first */
		return CXMS_SLOT_FLAGS;
	if (reg >= X86_REG_XMM0 && reg <= X86_REG_XMM31)
		return (uint8_t)(CXMS_SLOT_VEC + (reg - X86_REG_XMM0));
	if (reg >= X86_REG_YMM0 && reg <= X86_REG_YMM31)
		return (uint8_t)(CXMS_SLOT_VEC + (reg - X86_REG_YMM0));
	if (reg >= X86_REG_ZMM0 && reg <= X86_REG_ZMM31)
		return (uint8_t)(CXMS_SLOT_VEC + (reg - X86_REG_ZMM0));
	if (reg >= X86_REG_K0 && reg <= X86_REG_K7)
		return (uint8_t)(CXMS_SLOT_MASK + (reg - X86_REG_K0));
	if ((reg >= X86_REG_MM0 && reg <= X86_REG_MM7) ||
	    (reg >= X86_REG_ST0 && reg <= X86_REG_ST7))
		return CXMS_SLOT_X87;
	for (unsigned i = 0; i < 16; i++) {
		for (unsigned w = 0; w < 5; w++) {
			if (gpr[i][w] == reg && reg != X86_REG_INVALID) {
				*partial = w >= WIDTH_16;
				return (uint8_t)(CXMS_SLOT_GPR + i);
			}
		}
	}
	return CXMS_SLOT_NONE;
}

static bool holds(const struct cxms_slots *s, uint8_t slot)
{
	return memchr(s->slot, slot, s->n) != NULL;
}

static void put(struct cxms_slots *s, uint8_t slot)
{
	if (slot != CXMS_SLOT_NONE && s->n < sizeof(s->slot) && !holds(s, slot))
		s->slot[s->n++] = slot;
}

static bool is_memory_register(const cs_x86 *x, unsigned reg)
{
	for (unsigned i = 0; i < x->op_count; i++)
		if (x->operands[i].type == X86_OP_MEM &&
		    (x->operands[i].mem.base == reg || x->operands[i].mem.index == reg))
			return true;
	return false;
}

static bool is_register_operand(const cs_x86 *x, unsigned reg)
{
	for (unsigned i = 0; i < x->op_count; i++)
		if (x->operands[i].type == X86_OP_REG && x->operands[i].reg == reg &&
		    (x->operands[i].access & CS_AC_READ || x->operands[i].access == 0))
			return true;
	return false;
}

static bool in_group(const cs_insn *in, uint8_t group)
{
	return memchr(in->detail->groups, group, in->detail->groups_count) != NULL;
}

static bool is_string(const cs_insn *in)
{
	uint8_t op = in->detail->x86.opcode[0];
	return !in->detail->x86.opcode[1] &&
	       ((op >= 0xa4 && op <= 0xa7) || (op >= 0xaa && op <= 0xaf));
}

/* What it reads for addresses, what for data, and what it writes. */
static void read_registers(const struct cxms_disasm *d, bool has_memory, struct cxms_insn *out)
{
	const cs_insn *in = d->insn;
	const cs_x86 *x = &in->detail->x86;
	cs_regs reads, writes;
	uint8_t n_reads = 0, n_writes = 0;
	bool partial, flags = false;
	if (!cxms_disasm_registers(d, reads, &n_reads, writes, &n_writes))
		n_reads = n_writes = 0;
	for (unsigned i = 0; i < n_writes; i++) {
		uint8_t slot = slot_of(writes[i], &partial);
		if (out->moves_stack && slot == CXMS_SLOT_GPR + CXMS_GPR_SP)
			continue; /* by a uop of its own */
		flags |= slot == CXMS_SLOT_FLAGS;
		put(&out->out, slot == CXMS_SLOT_FLAGS ? CXMS_SLOT_NONE : slot);
		if (partial)
			put(&out->data, slot);
	}
	if (flags) /* last: the first two results are kept */
		put(&out->out, CXMS_SLOT_FLAGS);
	for (unsigned i = 0; i < n_reads; i++) {
		uint8_t slot = slot_of(reads[i], &partial);
		bool address = has_memory && (is_memory_register(x, reads[i]) || out->moves_stack ||
					      (is_string(in) && slot != CXMS_SLOT_GPR));
		if (address && (!out->moves_stack || is_memory_register(x, reads[i]) ||
				slot == CXMS_SLOT_GPR + CXMS_GPR_SP))
			put(&out->addr, slot);
		if (!address || is_register_operand(x, reads[i]))
			put(&out->data, slot);
	}
	if (in->id == X86_INS_CMPXCHG)
		put(&out->out, CXMS_SLOT_GPR);
}

struct class_name {
	const char *prefix;
	enum cxms_uop_class class;
};
/* Mnemonics without a leading v; the first that fits counts. */
static const struct class_name class_names[] = {
	{"imul", CXMS_UC_MUL},	  {"mul", CXMS_UC_MUL},	    {"idiv", CXMS_UC_DIV},
	{"div", CXMS_UC_DIV},	  {"fmadd", CXMS_UC_FMA},   {"fmsub", CXMS_UC_FMA},
	{"fnmadd", CXMS_UC_FMA},  {"fnmsub", CXMS_UC_FMA},  {"pmul", CXMS_UC_MUL},
	{"pmadd", CXMS_UC_MUL},	  {"addp", CXMS_UC_FADD},   {"adds", CXMS_UC_FADD},
	{"subp", CXMS_UC_FADD},	  {"subs", CXMS_UC_FADD},   {"minp", CXMS_UC_FADD},
	{"mins", CXMS_UC_FADD},	  {"maxp", CXMS_UC_FADD},   {"maxs", CXMS_UC_FADD},
	{"cmpp", CXMS_UC_FADD},	  {"ucomis", CXMS_UC_FADD}, {"comis", CXMS_UC_FADD},
	{"cvt", CXMS_UC_FADD},	  {"hadd", CXMS_UC_FADD},   {"rsqrt", CXMS_UC_FMUL},
	{"rcp", CXMS_UC_FMUL},	  {"sqrt", CXMS_UC_FSQRT},  {"fadd", CXMS_UC_FADD},
	{"fsub", CXMS_UC_FADD},	  {"fmul", CXMS_UC_FMUL},   {"fdiv", CXMS_UC_FDIV},
	{"fsqrt", CXMS_UC_FSQRT}, {"fcom", CXMS_UC_FADD},   {"fucom", CXMS_UC_FADD},
	{"crc32", CXMS_UC_MUL},	  {"popcnt", CXMS_UC_INT},  {"bsf", CXMS_UC_MUL},
	{"bsr", CXMS_UC_MUL},	  {"tzcnt", CXMS_UC_INT},   {"lzcnt", CXMS_UC_INT},
	{"pdep", CXMS_UC_MUL},	  {"pext", CXMS_UC_MUL},    {"aes", CXMS_UC_FMUL},
	{"pclmul", CXMS_UC_FMUL},
};

static bool starts(const char *text, const char *prefix)
{
	while (*prefix && *text == *prefix) { /* most differ at once: no call */
		text++;
		prefix++;
	}
	return *prefix == 0;
}

static bool is_vector(const cs_insn *in)
{
	bool partial;
	for (unsigned i = 0; i < in->detail->x86.op_count; i++) {
		const cs_x86_op *o = &in->detail->x86.operands[i];
		uint8_t slot = o->type == X86_OP_REG ? slot_of(o->reg, &partial) : 0;
		if (slot >= CXMS_SLOT_VEC && slot < CXMS_SLOT_MASK)
			return true;
	}
	return false;
}

/* The mnemonic of the same operation without VEX. */
static const char *without_v(const cs_insn *in)
{
	return in->mnemonic[0] == 'v' ? in->mnemonic + 1 : in->mnemonic;
}

static enum cxms_uop_class class_of(const cs_insn *in)
{
	const char *name = without_v(in);
	if (starts(name, "div") && is_vector(in))
		return CXMS_UC_FDIV;
	if (starts(name, "mul") && is_vector(in))
		return CXMS_UC_FMUL;
	if (starts(name, "cmps") && is_vector(in))
		return CXMS_UC_FADD;
	if (in_group(in, X86_GRP_JUMP) || in_group(in, X86_GRP_CALL) || in_group(in, X86_GRP_RET))
		return CXMS_UC_BRANCH;
	for (size_t i = 0; i < sizeof(class_names) / sizeof(*class_names); i++)
		if (starts(name, class_names[i].prefix))
			return class_names[i].class;
	return is_vector(in) ? CXMS_UC_VECTOR : CXMS_UC_INT;
}

/* Moves between registers and memory: no operation of their own when they touch memory. */
static bool is_move(const cs_insn *in)
{
	const char *name = without_v(in);
	if (is_string(in))
		return false; /* moves its pointers too */
	return (starts(name, "mov") && !starts(name, "movmsk")) || starts(name, "lddqu") ||
	       starts(name, "broadcast") || starts(name, "pbroadcast") || starts(name, "push") ||
	       (starts(name, "pop") && !starts(name, "popcnt")) || starts(name, "prefetch") ||
	       starts(name, "fld") || starts(name, "fst");
}

static bool has_immediate(const cs_x86 *x)
{
	for (unsigned i = 0; i < x->op_count; i++)
		if (x->operands[i].type == X86_OP_IMM)
			return true;
	return false;
}

static bool is_shift(const cs_insn *in)
{
	uint8_t op = in->detail->x86.opcode[0];
	return !in->detail->x86.opcode[1] && (op == 0xc0 || op == 0xc1 || (op & 0xfc) == 0xd0);
}

/* movd, movq between a vector register and anything else, or between two. */
static bool is_short_move(const cs_insn *in)
{
	const char *name = without_v(in);
	return is_vector(in) && (strcmp(name, "movd") == 0 || strcmp(name, "movq") == 0);
}

/* Uops that clear what a scalar leaves of a vector register: an upper half, of a single-precision
 * load the rest of the lower one too (gem5 v24.0, insts/simd128, data_transfer/move.py). Those of
 * movss and movsd that vector_parts() counts are not among them. */
static unsigned cleared_parts(const cs_insn *in)
{
	const cs_x86 *x = &in->detail->x86;
	bool partial, loads = x->op_count > 1 && x->operands[1].type == X86_OP_MEM;
	bool to_vector = x->operands[0].type == X86_OP_REG &&
			 slot_of(x->operands[0].reg, &partial) >= CXMS_SLOT_VEC;
	if (is_short_move(in))
		return to_vector;
	return loads && strcmp(without_v(in), "movss") == 0;
}

/* Uops for immediate operands, branch targets, and the instruction pointer that an address is
 * relative to, where each is its own. */
static unsigned split_extra(const cs_insn *in, const struct cxms_insn *out)
{
	const cs_x86 *x = &in->detail->x86;
	unsigned relative = is_memory_register(x, X86_REG_RIP);
	if (in_group(in, X86_GRP_CALL))
		return has_immediate(x) ? 2 : 1 + relative; /* target, return address */
	if (in_group(in, X86_GRP_JUMP))
		return has_immediate(x) ? 2 : relative; /* instruction pointer, displacement */
	if (in->id == X86_INS_NOT)			/* all ones */
		return 1 + relative;
	if (is_vector(in))
		return relative + cleared_parts(in);
	if (!has_immediate(x) || is_shift(in) || (in->id == X86_INS_BT && out->n_load == 0))
		return relative;
	/* an immediate moved to a register is the operation itself */
	return relative + (is_move(in) && out->n_store == 0 ? 0 : 1);
}

/* A value made wider: an operation behind the load; a byte is taken out of its register first. */
static bool is_extension(const cs_insn *in)
{
	return in->id == X86_INS_MOVZX || in->id == X86_INS_MOVSX || in->id == X86_INS_MOVSXD;
}

/* Five uops, and five for each four steps of the loop; a signed one makes its operands positive
 * first and gives the signs back (gem5 v24.0,
 * insts/general_purpose/arithmetic/multiply_and_divide.py). Assumed: the quotient has half the
 * bits, of which half are set. */
static unsigned split_division(const cs_insn *in)
{
	unsigned steps = in->detail->x86.operands[0].size * 2;
	return 5 + (steps + 1) / 4 * 5 + (in->id == X86_INS_IDIV ? 17 : 0);
}

/* A conversion between a vector and a general register: one of its two uops is the move. */
static bool is_conversion_of_register(const cs_insn *in)
{
	bool partial;
	if (!starts(without_v(in), "cvt"))
		return false;
	for (unsigned i = 0; i < in->detail->x86.op_count; i++) {
		const cs_x86_op *o = &in->detail->x86.operands[i];
		if (o->type == X86_OP_REG && slot_of(o->reg, &partial) < CXMS_SLOT_VEC)
			return true;
	}
	return false;
}

/*
 * What a split core makes in several steps of integers: a bit is looked for by halves, bytes are
 * turned round in pairs, and so on (gem5 v24.0, insts/general_purpose: bit_scan.py, bit_test.py,
 * endian_conversion.py, sign_extension.py). 0: in one, or another rule counts it.
 */
static unsigned split_steps(const cs_insn *in)
{
	switch (in->id) {
	case X86_INS_BSF:
	case X86_INS_TZCNT:
		return 30;
	case X86_INS_BSR:
		return 28;
	case X86_INS_BSWAP:
		return in->detail->x86.operands[0].size > 4 ? 9 : 3;
	case X86_INS_CDQ:
	case X86_INS_CQO:
		return 2;
	case X86_INS_BTS:
	case X86_INS_BTR:
	case X86_INS_BTC:
		return has_immediate(&in->detail->x86) ? 3 : 4;
	default:
		return is_conversion_of_register(in) ? 2 : 0;
	}
}

static unsigned operation_count(const cs_insn *in, const struct cxms_insn *out, bool split)
{
	const char *name = in->mnemonic;
	bool memory = out->n_load + out->n_store > 0;
	if (in_group(in, X86_GRP_CALL) || in_group(in, X86_GRP_RET))
		return 1;
	if (split && (is_extension(in) || in->id == X86_INS_POP))
		return memory || in->detail->x86.operands[1].size > 1 ? 1 : 2;
	if (out->prefetch || (memory && is_move(in)))
		return 0;
	if (split && split_steps(in) > 0)
		return split_steps(in);
	if (starts(name, "imul") || (starts(name, "mul") && !is_vector(in)))
		return split ? 3 : starts(name, "mul") ? 2 : 1;
	if (starts(name, "idiv") || (starts(name, "div") && !is_vector(in)))
		return split ? split_division(in) : 4;
	if (starts(name, "set") && split)
		return 2;
	if (starts(name, "xchg") || starts(name, "cmpxchg") || starts(name, "xadd"))
		return memory ? 2 : 3;
	if (starts(name, "leave"))
		return 1;
	return 1;
}

/* movlpd, movhps, movhlps, ...: one half of a vector register. */
static bool is_half_move(const char *name)
{
	return starts(name, "movlp") || starts(name, "movhp") || starts(name, "movhl") ||
	       starts(name, "movlh");
}

static unsigned vector_parts(const cs_insn *in, bool split)
{
	bool scalar_load = false, wide = false, partial;
	const char *name = without_v(in);
	size_t len = strlen(name);
	if (!split || !is_vector(in))
		return 1;
	if (len > 2 && name[len - 2] == 's' && (name[len - 1] == 's' || name[len - 1] == 'd') &&
	    !starts(name, "movs"))
		return 1; /* scalar arithmetic */
	if (starts(name, "cvt") || is_short_move(in) || is_half_move(name))
		return 1;
	for (unsigned i = 0; i < in->detail->x86.op_count; i++) {
		const cs_x86_op *o = &in->detail->x86.operands[i];
		wide |= o->type == X86_OP_REG && slot_of(o->reg, &partial) >= CXMS_SLOT_VEC &&
			o->reg >= X86_REG_YMM0 && o->reg <= X86_REG_YMM31;
		/* a scalar load clears the upper half */
		scalar_load |= i == 1 && o->type == X86_OP_MEM;
	}
	if (starts(name, "movss") || starts(name, "movsd"))
		return scalar_load ? 2 : 1;
	return wide ? 4 : 2;
}

static bool is_zero_idiom(const cs_insn *in)
{
	const cs_x86 *x = &in->detail->x86;
	const char *name = without_v(in);
	unsigned n = x->op_count;
	return (starts(name, "xor") || starts(name, "sub") || starts(name, "pxor") ||
		starts(name, "psub")) &&
	       n >= 2 && x->operands[n - 1].type == X86_OP_REG &&
	       x->operands[n - 2].type == X86_OP_REG &&
	       x->operands[n - 1].reg == x->operands[n - 2].reg;
}

/*
 * A copy of one vector register to another, without a load or store: half by half, each under a
 * condition where uops are split, so that it waits for what its target held. (Cores that fuse
 * rename the copy away; they wait like this in moves of a scalar between vector registers.)
 */
static bool is_vector_copy(const cs_insn *in)
{
	const char *name = without_v(in);
	return is_vector(in) &&
	       (starts(name, "movap") || starts(name, "movup") || starts(name, "movdq"));
}

/* One of a list of mnemonics, each followed by a space. */
static bool is_one_of(const cs_insn *in, const char *list)
{
	size_t len = strlen(in->mnemonic);
	for (const char *at = list; (at = strstr(at, in->mnemonic)); at += len)
		if ((at == list || at[-1] == ' ') && at[len] == ' ')
			return true;
	return false;
}

static void drop(struct cxms_slots *s, uint8_t slot)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->slot[i] != slot)
			s->slot[kept++] = s->slot[i];
	s->n = kept;
}

/*
 * Two registers hold the flags that matter: carry and overflow, and the others. An instruction that
 * sets a part of one waits for what was there; one that looks at a condition, for both (gem5 v24.0,
 * src/arch/x86/isa/operands.isa, and insts/ for which flags each sets; its issues 1168, 1682).
 * Shifts leave the auxiliary carry alone, increments the carry; products and rotations set only
 * carry and overflow.
 */
void cxms_insn_split_flags(const cs_insn *tmp, struct cxms_insn *in, bool *carry_apart)
{
	bool reads = holds(&in->data, CXMS_SLOT_FLAGS), writes = holds(&in->out, CXMS_SLOT_FLAGS);
	if (*carry_apart && reads)
		put(&in->data, CXMS_SLOT_CARRY);
	if (is_one_of(tmp, "sal shl shr sar shld shrd inc dec comisd comiss ucomisd ucomiss "))
		put(&in->data, CXMS_SLOT_FLAGS);
	if (is_one_of(tmp, "div idiv ")) {
		drop(&in->out, CXMS_SLOT_FLAGS);
	} else if (is_one_of(tmp, "mul imul rol ror bt bts btr btc ")) {
		drop(&in->out, CXMS_SLOT_FLAGS);
		put(&in->out, CXMS_SLOT_CARRY);
		*carry_apart = true;
	} else if (writes) {
		*carry_apart = false;
	}
}

/* Waits, where uops are split, for what its target held though none of it stays. Of an address the
 * same (gem5 v24.0, src/arch/x86/isa/microops/ldstop.isa; its issue 1682). */
static bool keeps_target(const cs_insn *in)
{
	return is_vector_copy(in) || in->id == X86_INS_LEA;
}

static void sort_accesses(const struct cxms_code_access *access, size_t n, int16_t first,
			  struct cxms_insn *out)
{
	for (size_t i = 0; i < n; i++) {
		int16_t number = (int16_t)(first + (int16_t)i);
		bool store = access[i].kind == CXMS_XA_STORE || access[i].kind == CXMS_XA_NT_STORE;
		out->prefetch |= access[i].kind == CXMS_XA_PREFETCH;
		if (store && out->n_store < CXMS_INSN_ACCESS_MAX)
			out->store[out->n_store++] = number;
		else if (!store && out->n_load < CXMS_INSN_ACCESS_MAX)
			out->load[out->n_load++] = number;
	}
}

/* A split core moves a vector register to and from memory by eight bytes at a time. */
static void set_pieces(const struct cxms_code_access *access, size_t n, struct cxms_insn *out)
{
	for (size_t i = 0; i < n; i++) {
		unsigned pieces = access[i].log2_size > 3 ? 1u << (access[i].log2_size - 3) : 1;
		if (access[i].kind == CXMS_XA_LOAD)
			out->load_pieces = pieces;
		else if (access[i].kind != CXMS_XA_PREFETCH)
			out->store_pieces = pieces;
	}
}

static bool changes_stack(const cs_insn *in)
{
	return starts(in->mnemonic, "push") ||
	       (starts(in->mnemonic, "pop") && in->id != X86_INS_POPCNT) ||
	       starts(in->mnemonic, "leave") || in_group(in, X86_GRP_CALL) ||
	       in_group(in, X86_GRP_RET);
}

/* movs, stos. Compares and scans are not fast: they stop at what they find. */
static bool is_string_move(const cs_insn *in)
{
	uint8_t op = in->detail->x86.opcode[0];
	return is_string(in) && (op == 0xa4 || op == 0xa5 || op == 0xaa || op == 0xab);
}

/* Which of several operations gives the result: a product is moved out of the multiplier by a uop
 * of its own; a byte made wider, or set by a condition, takes two steps. */
static unsigned result_step(const cs_insn *in, const struct cxms_insn *out)
{
	if (split_steps(in) > 0)
		return out->n_op - 1;
	return out->class == CXMS_UC_MUL || is_extension(in) || starts(in->mnemonic, "set");
}

bool cxms_insn_read(const struct cxms_disasm *d, const struct cxms_code_insn *code,
		    const struct cxms_code_access *access, size_t n, int16_t first, bool split,
		    struct cxms_insn *out)
{
	const cs_insn *tmp = d->insn;
	const uint8_t *bytes = code->bytes;
	size_t len = code->len;
	uint64_t addr = code->addr;
	*out = (struct cxms_insn){
		.class = CXMS_UC_INT, .rob_op = 1, .parts = 1, .load_pieces = 1, .store_pieces = 1};
	sort_accesses(access, n, first, out);
	if (!cxms_disasm_next(d, &bytes, &len, &addr)) {
		out->n_op = out->n_load + out->n_store == 0;
		return false;
	}
	const cs_x86 *x = &tmp->detail->x86;
	out->moves_stack = changes_stack(tmp);
	out->locked = x->prefix[0] == X86_PREFIX_LOCK ||
		      (tmp->id == X86_INS_XCHG && out->n_store > 0) || tmp->id == X86_INS_MFENCE;
	out->load_fence = tmp->id == X86_INS_LFENCE;
	read_registers(d, n > 0, out);
	if (!split && is_zero_idiom(tmp))
		out->data.n = 0;
	if (split && n == 0 && out->out.n > 0 && keeps_target(tmp))
		put(&out->data, out->out.slot[0]);
	out->class = split && split_steps(tmp) && !is_vector(tmp) ? CXMS_UC_INT : class_of(tmp);
	if (split && out->class == CXMS_UC_MUL && is_vector(tmp))
		out->class = CXMS_UC_VECTOR;
	out->parts = vector_parts(tmp, split);
	if (split && is_vector(tmp))
		set_pieces(access, n, out);
	out->n_op = operation_count(tmp, out, split);
	out->string_move = is_string_move(tmp);
	if (out->string_move && x->prefix[0] == X86_PREFIX_REP)
		out->string_bytes = x->operands[0].size;
	out->n_split_extra = split ? split_extra(tmp, out) : 0;
	out->result_at = split && out->n_op > 1 ? result_step(tmp, out) : 0;
	out->rob_op = out->n_op;
	/* renamed away: register moves, nops and zeroing take an entry but no unit */
	if (tmp->id == X86_INS_NOP)
		out->data.n = out->out.n = 0;
	return true;
}

void cxms_insn_fuse(struct cxms_insn *branch, const struct cxms_code_insn *before)
{
	const uint8_t *b = before->bytes;
	size_t i = 0;
	if (branch->class != CXMS_UC_BRANCH || branch->n_load + branch->n_store > 0 ||
	    !holds(&branch->data, CXMS_SLOT_FLAGS))
		return;
	while (i < before->len && ((b[i] & 0xf0) == 0x40 || b[i] == 0x66))
		i++;
	if (i >= before->len)
		return;
	/* cmp and test in all forms, add, sub, and with register or immediate (Intel optimisation
	 * manual, macro-fusion) */
	uint8_t op = b[i], reg = i + 1 < before->len ? (b[i + 1] >> 3) & 7 : 0;
	bool fuses = (op >= 0x38 && op <= 0x3d) || op == 0x84 || op == 0x85 || op == 0xa8 ||
		     op == 0xa9 || op <= 0x05 || (op >= 0x20 && op <= 0x25) ||
		     (op >= 0x28 && op <= 0x2d) ||
		     ((op == 0x80 || op == 0x81 || op == 0x83) &&
		      (reg == 0 || reg == 4 || reg == 5 || reg == 7)) ||
		     ((op == 0xf6 || op == 0xf7) && reg == 0) ||
		     ((op == 0xfe || op == 0xff) && reg <= 1);
	if (fuses)
		branch->rob_op = 0;
}
