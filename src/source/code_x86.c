/* Memory operands by capstone. Its access marks for memory are wrong for many stores: direction is
 * ours. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/disasm.h"
#include "base/err.h"
#include "source/code_calc.h"
#include "source/code_priv.h"

#define BIT(reg) (1u << (reg))

struct cxms_x86 {
	struct cxms_disasm disasm;
};

int cxms_x86_new(struct cxms_x86 **out, struct cxms_err *err)
{
	struct cxms_x86 *x = calloc(1, sizeof(*x));
	int rc;

	if (!x)
		return cxms_fail(err, ENOMEM, "out of memory for the instruction decoder");
	rc = cxms_disasm_open(&x->disasm, err);
	if (rc) {
		cxms_x86_free(x);
		return rc;
	}
	*out = x;
	return 0;
}

void cxms_x86_free(struct cxms_x86 *x)
{
	if (!x)
		return;
	cxms_disasm_close(&x->disasm);
	free(x);
}

/* The names of one register at its widths, widest first; legacy ones also have a high byte. */
static const uint16_t reg_names[CXMS_REG_GPR_END][5] = {
	[CXMS_REG_AX] = {X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH},
	[CXMS_REG_BX] = {X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH},
	[CXMS_REG_CX] = {X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH},
	[CXMS_REG_DX] = {X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH},
	[CXMS_REG_SI] = {X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL},
	[CXMS_REG_DI] = {X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL},
	[CXMS_REG_BP] = {X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL},
	[CXMS_REG_SP] = {X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL},
	[CXMS_REG_R8] = {X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B},
	[CXMS_REG_R9] = {X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B},
	[CXMS_REG_R10] = {X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B},
	[CXMS_REG_R11] = {X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B},
	[CXMS_REG_R12] = {X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B},
	[CXMS_REG_R13] = {X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B},
	[CXMS_REG_R14] = {X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B},
	[CXMS_REG_R15] = {X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B},
};

int cxms_x86_gpr(unsigned reg, unsigned *width)
{
	if (reg == X86_REG_INVALID)
		return -1;
	for (int i = 0; i < CXMS_REG_GPR_END; i++) {
		for (unsigned w = 0; w < 5; w++) {
			if (reg_names[i][w] == reg) {
				*width = w;
				return i;
			}
		}
	}
	return -1;
}

static uint32_t gpr_bit(unsigned reg)
{
	unsigned width;
	int i = cxms_x86_gpr(reg, &width);

	return i < 0 ? 0 : BIT(i);
}

/* Memory operand that is never accessed, or only as a hint: lea, prefetches, hint nops, line
 * flushes. */
static bool never_waits(const cs_insn *in)
{
	const uint8_t *op = in->detail->x86.opcode;

	if (op[0] == 0x0f && (op[1] == 0x0d || (op[1] >= 0x18 && op[1] <= 0x1f)))
		return true;
	return in->id == X86_INS_LEA || in->id == X86_INS_CLFLUSH || in->id == X86_INS_CLWB ||
	       in->id == X86_INS_CLFLUSHOPT;
}

/* Direction of an instruction whose only operand is memory. */
static enum cxms_site_kind kind_unary(unsigned id)
{
	switch (id) {
	case X86_INS_INC:
	case X86_INS_DEC:
	case X86_INS_NOT:
	case X86_INS_NEG:
	case X86_INS_SAL:
	case X86_INS_SHL:
	case X86_INS_SHR:
	case X86_INS_SAR:
	case X86_INS_ROL:
	case X86_INS_ROR:
	case X86_INS_RCL:
	case X86_INS_RCR:
	case X86_INS_CMPXCHG8B:
	case X86_INS_CMPXCHG16B:
		return CXMS_SITE_UPDATE;
	case X86_INS_POP:
	case X86_INS_FST:
	case X86_INS_FSTP:
	case X86_INS_FIST:
	case X86_INS_FISTP:
	case X86_INS_FISTTP:
	case X86_INS_FBSTP:
	case X86_INS_FNSTCW:
	case X86_INS_FNSTSW:
	case X86_INS_FNSTENV:
	case X86_INS_FNSAVE:
	case X86_INS_FXSAVE:
	case X86_INS_FXSAVE64:
	case X86_INS_STMXCSR:
	case X86_INS_VSTMXCSR:
	case X86_INS_XSAVE:
	case X86_INS_XSAVE64:
	case X86_INS_XSAVEC:
	case X86_INS_XSAVEC64:
	case X86_INS_XSAVEOPT:
	case X86_INS_XSAVEOPT64:
		return CXMS_SITE_STORE;
	default:
		return id >= X86_INS_SETAE && id <= X86_INS_SETS ? CXMS_SITE_STORE : CXMS_SITE_LOAD;
	}
}

/* Direction when the first of several operands is memory. */
static enum cxms_site_kind kind_mem_first(unsigned id)
{
	switch (id) {
	case X86_INS_CMP:
	case X86_INS_TEST:
	case X86_INS_BT:
		return CXMS_SITE_LOAD;
	case X86_INS_ADD:
	case X86_INS_ADC:
	case X86_INS_SUB:
	case X86_INS_SBB:
	case X86_INS_AND:
	case X86_INS_OR:
	case X86_INS_XOR:
	case X86_INS_SAL:
	case X86_INS_SHL:
	case X86_INS_SHR:
	case X86_INS_SAR:
	case X86_INS_ROL:
	case X86_INS_ROR:
	case X86_INS_RCL:
	case X86_INS_RCR:
	case X86_INS_SHLD:
	case X86_INS_SHRD:
	case X86_INS_BTS:
	case X86_INS_BTR:
	case X86_INS_BTC:
	case X86_INS_XCHG:
	case X86_INS_XADD:
	case X86_INS_CMPXCHG:
		return CXMS_SITE_UPDATE;
	default:
		return CXMS_SITE_STORE;
	}
}

static enum cxms_site_kind kind_of(const cs_insn *in, int mem_at)
{
	const cs_x86 *x = &in->detail->x86;

	if (x->prefix[0] == X86_PREFIX_LOCK || in->id == X86_INS_XCHG)
		return CXMS_SITE_UPDATE;
	if (x->op_count == 1)
		return kind_unary(in->id);
	return mem_at == 0 ? kind_mem_first(in->id) : CXMS_SITE_LOAD;
}

static bool is_select(unsigned id)
{
	return id >= X86_INS_CMOVA && id <= X86_INS_CMOVS;
}

static bool is_division(const cs_insn *in)
{
	return (in->id == X86_INS_DIV || in->id == X86_INS_IDIV) && in->detail->x86.op_count == 1 &&
	       in->detail->x86.operands[0].size >= 4;
}

/* Registers read and written; capstone leaves some implicit ones out. */
static void note_registers(struct cxms_x86 *x, struct cxms_x86_info *out)
{
	const cs_x86 *d = &x->disasm.insn->detail->x86;
	cs_regs reads, writes;
	uint8_t n_reads = 0, n_writes = 0;

	if (!cxms_disasm_registers(&x->disasm, reads, &n_reads, writes, &n_writes))
		n_reads = n_writes = 0;
	for (unsigned i = 0; i < n_reads; i++)
		out->reads |= gpr_bit(reads[i]);
	for (unsigned i = 0; i < n_writes; i++) {
		out->writes |= gpr_bit(writes[i]);
		out->sets_flags = out->sets_flags || writes[i] == X86_REG_EFLAGS;
	}
	out->selects = is_select(x->disasm.insn->id);
	out->divides = is_division(x->disasm.insn);
	if (x->disasm.insn->id == X86_INS_CMPXCHG)
		out->writes |= BIT(CXMS_REG_AX);
	if (x->disasm.insn->id == X86_INS_ENTER)
		out->writes |= BIT(CXMS_REG_BP) | BIT(CXMS_REG_SP);
	if (x->disasm.insn->id == X86_INS_SYSCALL)
		out->writes |= BIT(CXMS_REG_AX) | BIT(CXMS_REG_CX) | BIT(CXMS_REG_R11);
	for (unsigned i = 0; i < d->op_count; i++) {
		unsigned width;

		/* Writing 8 or 16 bits keeps the rest of the register. */
		if (d->operands[i].type == X86_OP_REG && (d->operands[i].access & CS_AC_WRITE) &&
		    cxms_x86_gpr(d->operands[i].reg, &width) >= 0 && width > 1)
			out->reads |= gpr_bit(d->operands[i].reg);
	}
	if ((x->disasm.insn->id == X86_INS_XOR || x->disasm.insn->id == X86_INS_SUB) &&
	    d->op_count == 2 && d->operands[0].type == X86_OP_REG &&
	    d->operands[1].type == X86_OP_REG && d->operands[0].reg == d->operands[1].reg)
		out->reads = 0; /* zero idiom */
}

/* String instructions: the registers stand one element further once it is done (direction flag
 * clear). */
static bool string_site(const cs_insn *in, bool resume, struct cxms_code_site *s)
{
	const cs_x86 *x = &in->detail->x86;
	uint8_t op = x->opcode[0];
	bool is_rep = x->prefix[0] == X86_PREFIX_REP || x->prefix[0] == X86_PREFIX_REPNE;

	if (x->opcode[1] || !((op >= 0xa4 && op <= 0xa7) || (op >= 0xaa && op <= 0xaf)))
		return false;
	op &= 0xfe;
	s->string_src = op == 0xa4 || op == 0xa6 || op == 0xac;
	s->string_dst = op != 0xac;
	for (unsigned i = 0; i < x->op_count; i++)
		if (x->operands[i].type == X86_OP_MEM)
			s->access_bytes = x->operands[i].size;
	s->kind = CXMS_SITE_STRING;
	if (!is_rep && op == 0xaa)
		s->kind = CXMS_SITE_STORE;
	if (!is_rep && (op == 0xac || op == 0xae))
		s->kind = CXMS_SITE_LOAD;
	s->base = s->string_src ? CXMS_REG_SI : CXMS_REG_DI;
	s->disp = resume && is_rep ? 0 : -(int64_t)s->access_bytes;
	s->addr32 = x->addr_size == 4;
	if (s->string_src && (x->prefix[1] == X86_PREFIX_FS || x->prefix[1] == X86_PREFIX_GS)) {
		s->segment = x->prefix[1] == X86_PREFIX_FS ? 4 : 5;
		s->flags |= CXMS_SITE_TLS;
	}
	return true;
}

/* Operands that push, pop, ret, leave and enter do not name; addresses from sp after the
 * instruction. */
static bool stack_site(const struct cxms_x86_info *info, const cs_insn *in,
		       struct cxms_code_site *s)
{
	const cs_x86 *x = &in->detail->x86;
	unsigned bytes = x->prefix[2] == X86_PREFIX_OPSIZE ? 2 : 8;

	s->base = CXMS_REG_SP;
	s->kind = CXMS_SITE_LOAD;
	switch (in->id) {
	case X86_INS_PUSH:
	case X86_INS_PUSHFQ:
	case X86_INS_PUSHF:
		s->kind = CXMS_SITE_STORE;
		break;
	case X86_INS_POP:
		if (info->writes & info->loaded & BIT(CXMS_REG_SP))
			s->flags |= CXMS_SITE_NOADDR; /* pop %rsp */
		s->disp = -(int64_t)bytes;
		break;
	case X86_INS_POPF:
	case X86_INS_POPFQ:
	case X86_INS_RET:
	case X86_INS_LEAVE:
		s->disp = -(int64_t)bytes;
		break;
	case X86_INS_ENTER:
		s->kind = CXMS_SITE_STORE;
		s->base = CXMS_REG_BP; /* the new frame pointer points at the saved one */
		break;
	default:
		s->base = -1;
		s->kind = CXMS_SITE_NONE;
		return false;
	}
	s->access_bytes = (uint8_t)bytes;
	s->flags |= CXMS_SITE_STACK;
	return true;
}

/* Offset form (opcodes a0..a3): an absolute address without ModR/M. */
static void offset_address(const struct cxms_insn *in, const cs_x86_op *op,
			   struct cxms_code_site *s)
{
	s->disp = op->mem.disp;
	s->segment = (int8_t)in->segment;
	s->addr32 = in->addr32;
	if (in->segment)
		s->flags |= CXMS_SITE_TLS;
}

/* mov disp(%base),%base: all 64 bits of the base are the value loaded. */
static bool is_self_load(const cs_insn *in, const struct cxms_code_site *s)
{
	const cs_x86_op *dst = &in->detail->x86.operands[0];
	unsigned width;

	return in->id == X86_INS_MOV && dst->type == X86_OP_REG && s->index < 0 && s->base >= 0 &&
	       cxms_x86_gpr(dst->reg, &width) == s->base && width == 0;
}

/* What the registers after the instruction still say of the address it used. */
static void mark_overwritten(const cs_insn *in, const struct cxms_x86_info *info,
			     struct cxms_code_site *s)
{
	uint32_t used = (s->base >= 0 ? BIT(s->base) : 0) | (s->index >= 0 ? BIT(s->index) : 0);

	if (in->id == X86_INS_PUSH && s->base == CXMS_REG_SP) {
		s->disp += 8; /* addressed before sp moved down */
		return;
	}
	if (in->id == X86_INS_POP && s->base == CXMS_REG_SP)
		return; /* addressed after sp moved up (Intel SDM, POP) */
	if (!(used & info->writes))
		return;
	if (is_self_load(in, s))
		s->flags |= CXMS_SITE_SELF | CXMS_SITE_CARRIED;
	else
		s->flags |= CXMS_SITE_NOADDR;
}

static void explicit_site(const cs_insn *in, const struct cxms_insn *shape,
			  struct cxms_x86_info *info)
{
	const cs_x86 *x = &in->detail->x86;
	struct cxms_code_site *s = &info->site;
	int at = 0;

	while (at < x->op_count && x->operands[at].type != X86_OP_MEM)
		at++;
	if (at == x->op_count) {
		stack_site(info, in, s);
		return;
	}
	if (shape->modrm_mem)
		cxms_insn_address(in->bytes, shape, in->address, s);
	else
		offset_address(shape, &x->operands[at], s);
	s->kind = (uint8_t)kind_of(in, at);
	s->access_bytes = x->operands[at].size;
	mark_overwritten(in, info, s);
}

/* Vector instructions by table: capstone 4 lacks many AVX-512 ones, and loses the index of some. */
static void vector_site(const uint8_t *p, const struct cxms_insn *shape, struct cxms_x86_info *info)
{
	struct cxms_code_site *s = &info->site;
	uint32_t used;

	cxms_insn_address(p, shape, s->ip, s);
	s->kind = cxms_insn_vector_stores(p, shape) ? CXMS_SITE_STORE : CXMS_SITE_LOAD;
	s->access_bytes = (uint8_t)cxms_insn_vector_bytes(shape);
	used = (s->base >= 0 ? BIT(s->base) : 0) | (s->index >= 0 ? BIT(s->index) : 0);
	if (used & info->writes)
		s->flags |= CXMS_SITE_NOADDR;
}

/* add, sub, inc, dec and lea that only move a register by a constant; 8 and 16 bits keep the rest.
 */
static void note_step(const cs_insn *in, struct cxms_x86_info *out)
{
	const cs_x86_op *op = in->detail->x86.operands;
	unsigned n = in->detail->x86.op_count, width = 2, base_width = 2;
	int reg = n && op[0].type == X86_OP_REG ? cxms_x86_gpr(op[0].reg, &width) : -1;

	if (reg < 0 || width > 1)
		return;
	if (in->id == X86_INS_INC || in->id == X86_INS_DEC)
		out->add = in->id == X86_INS_INC ? 1 : -1;
	else if ((in->id == X86_INS_ADD || in->id == X86_INS_SUB) && n == 2 &&
		 op[1].type == X86_OP_IMM)
		out->add = in->id == X86_INS_ADD ? op[1].imm : -op[1].imm;
	else if (in->id == X86_INS_LEA && n == 2 && op[1].mem.index == X86_REG_INVALID &&
		 cxms_x86_gpr(op[1].mem.base, &base_width) == reg)
		out->add = op[1].mem.disp;
	if (width == 1)
		out->add = (int32_t)out->add;
	if (out->add)
		out->added = (int8_t)reg;
}

/* A register that is another, or itself, plus a constant, or shifted by one: all 64 bits, or 32
 * that are zero-extended. */
static void note_sum(const cs_insn *in, struct cxms_x86_info *out)
{
	const cs_x86_op *op = in->detail->x86.operands;
	unsigned n = in->detail->x86.op_count, width = 2, of_width = 2;
	int reg = n && op[0].type == X86_OP_REG ? cxms_x86_gpr(op[0].reg, &width) : -1, of = -1;

	if (reg < 0 || width > 1)
		return;
	if (out->added == reg) {
		of = reg;
		out->sum_add = out->add;
	} else if (in->id == X86_INS_MOV && n == 2 && op[1].type == X86_OP_REG) {
		of = cxms_x86_gpr(op[1].reg, &of_width);
	} else if (in->id == X86_INS_SHL && n == 2 && op[1].type == X86_OP_IMM) {
		of = reg;
		out->sum_shift = op[1].imm & 63;
	} else if (in->id == X86_INS_LEA && n == 2 && op[1].mem.index == X86_REG_INVALID) {
		of = cxms_x86_gpr(op[1].mem.base, &of_width);
		out->sum_add = op[1].mem.disp;
	}
	if (of < 0 || (of != reg && of_width > 1))
		return;
	out->sum = (int8_t)reg;
	out->sum_of = (int8_t)of;
}

/* movnti, movntps, movntpd, movntq, movntdq and their vector forms (Intel SDM volume 2, A.3). */
static bool is_nontemp(const struct cxms_insn *shape)
{
	return shape->map == CXMS_MAP_0F && shape->modrm_mem &&
	       (shape->opcode == 0xc3 || shape->opcode == 0x2b || shape->opcode == 0xe7);
}

/* prefetchnta, t0, t1, t2, w, wt1; behind 0f 18 the others are nops (Intel SDM volume 2, A.3). */
static bool is_prefetch(const uint8_t *p, const struct cxms_insn *shape)
{
	unsigned reg = shape->modrm_mem ? p[shape->modrm_at] >> 3 & 7 : 0;

	return shape->map == CXMS_MAP_0F && shape->modrm_mem &&
	       (shape->opcode == 0x0d || (shape->opcode == 0x18 && reg < 4));
}

static bool is_fusible(unsigned id)
{
	/* Intel optimisation manual, macro-fusion: cmp test add sub and inc dec with a conditional
	 * jump. */
	return id == X86_INS_CMP || id == X86_INS_TEST || id == X86_INS_ADD || id == X86_INS_SUB ||
	       id == X86_INS_AND || id == X86_INS_INC || id == X86_INS_DEC;
}

/* What an instruction that capstone knows, of no vector encoding, does to memory and registers. */
static void plain_site(const cs_insn *in, const struct cxms_insn *shape, bool resume,
		       struct cxms_x86_info *out)
{
	out->fusible = is_fusible(in->id);
	out->loaded = out->writes;
	note_step(in, out);
	note_sum(in, out);
	if (string_site(in, resume, &out->site)) {
		out->loaded &= ~(BIT(CXMS_REG_SI) | BIT(CXMS_REG_DI) | BIT(CXMS_REG_CX));
		return;
	}
	if (in->id == X86_INS_POP && in->detail->x86.operands[0].type == X86_OP_REG)
		out->loaded = gpr_bit(in->detail->x86.operands[0].reg);
	if (!never_waits(in))
		explicit_site(in, shape, out);
	if (is_nontemp(shape))
		out->site.flags |= CXMS_SITE_NONTEMP;
}

bool cxms_x86_decode(struct cxms_x86 *x, const uint8_t *p, size_t n, uint64_t addr, bool resume,
		     struct cxms_x86_info *out)
{
	struct cxms_code_site *s = &out->site;
	struct cxms_insn shape;
	const uint8_t *bytes = p;
	uint64_t at = addr;
	bool is_known;

	*out = (struct cxms_x86_info){.site = {.ip = addr,
					       .base = -1,
					       .index = -1,
					       .scale = 1,
					       .count_reg = -1,
					       .outer_reg = -1},
				      .added = -1,
				      .sum = -1,
				      .sum_of = -1,
				      .calc_to = -1};
	if (!n || !cxms_insn_decode(p, n, &shape)) {
		s->kind = CXMS_SITE_UNDECODED;
		return false;
	}
	out->prefetches = is_prefetch(bytes, &shape);
	is_known = cxms_disasm_next(&x->disasm, &p, &n, &at) && x->disasm.insn->size == shape.len;
	if (is_known) {
		note_registers(x, out);
		cxms_calc_note(x->disasm.insn, out);
	}
	if (shape.vex) {
		if (shape.modrm_mem)
			vector_site(bytes, &shape, out);
		if (is_nontemp(&shape))
			s->flags |= CXMS_SITE_NONTEMP;
		out->loaded = out->writes;
		return true;
	}
	if (!is_known) {
		s->kind = shape.modrm_mem && !shape.nop ? CXMS_SITE_UNDECODED : CXMS_SITE_NONE;
		return false;
	}
	plain_site(x->disasm.insn, &shape, resume, out);
	return true;
}
