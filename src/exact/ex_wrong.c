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

#include "pub_tool_libcbase.h"

#define REGISTERS 16u
#define SP	  4u
/* Instructions walked behind a branch that waits for no miss: it is done after a dozen cycles. */
#define SHORT_WALK 32u

struct walk {
	uint64_t value[REGISTERS];
	uint32_t known; /* by register */
	uint64_t pc;
	struct ex_thread *t;
	unsigned branch; /* exit number */
	unsigned insns;
	bool timed;
};

/* One instruction. Operands are those of ModRM: reg, and rm, a register or memory. */
struct insn {
	const uint8_t *at, *end;
	uint8_t rex, opcode, map;
	bool has_66, has_rep;
	unsigned reg, rm, size; /* size of operands in bytes */
	bool has_modrm, is_memory, address_known;
	uint64_t address;
};

static uint64_t get(const struct walk *w, unsigned r)
{
	return w->value[r];
}

static bool knows(const struct walk *w, unsigned r)
{
	return w->known >> r & 1;
}

static void forget(struct walk *w, unsigned r)
{
	w->known &= ~(1u << r);
}

/* 32-bit results clear the upper half; smaller ones are not followed. */
static void set(struct walk *w, unsigned r, uint64_t v, unsigned size)
{
	if (size < 4) {
		forget(w, r);
		return;
	}
	w->value[r] = size == 4 ? (uint32_t)v : v;
	w->known |= 1u << r;
}

static bool is_readable(uint64_t address, unsigned bytes)
{
	return ex_page_known(address >> CXMS_XS_PAGE_SHIFT) &&
	       ex_page_known((address + bytes - 1) >> CXMS_XS_PAGE_SHIFT);
}

static int64_t immediate(struct insn *in, unsigned bytes)
{
	int64_t v = 0;

	if (in->at + bytes > in->end) {
		in->at = in->end;
		return 0;
	}
	if (bytes == 1)
		v = (int8_t)in->at[0];
	else if (bytes == 4)
		v = (int32_t)((uint32_t)in->at[0] | (uint32_t)in->at[1] << 8 |
			      (uint32_t)in->at[2] << 16 | (uint32_t)in->at[3] << 24);
	else
		for (unsigned i = 0; i < bytes; i++)
			v |= (int64_t)((uint64_t)in->at[i] << (8 * i));
	in->at += bytes;
	return v;
}

/* Prefixes and opcode. False: not followed (segments, locks, VEX, three-byte opcodes). */
static bool read_opcode(struct insn *in)
{
	for (; in->at < in->end; in->at++) {
		if (*in->at == 0x66)
			in->has_66 = true;
		else if (*in->at == 0xf2 || *in->at == 0xf3)
			in->has_rep = true;
		else
			break;
	}
	if (in->at < in->end && (*in->at & 0xf0) == 0x40)
		in->rex = *in->at++;
	if (in->at < in->end && *in->at == 0x0f) {
		in->map = 1;
		in->at++;
	}
	if (in->at >= in->end)
		return false;
	in->opcode = *in->at++;
	in->size = in->rex & 8 ? 8 : in->has_66 ? 2 : 4;
	return in->map == 0 ? in->opcode != 0x64 && in->opcode != 0x65 && in->opcode != 0x67 &&
				      in->opcode != 0xf0 && in->opcode != 0xc4 &&
				      in->opcode != 0xc5 && in->opcode != 0x62
			    : in->opcode != 0x38 && in->opcode != 0x3a;
}

static void add_register(const struct walk *w, struct insn *in, unsigned r, unsigned shift)
{
	in->address_known &= knows(w, r);
	in->address += get(w, r) << shift;
}

/* @behind: bytes of immediate that follow, for addresses relative to the next instruction. */
static void read_modrm(const struct walk *w, struct insn *in, unsigned behind)
{
	if (in->at >= in->end)
		return;
	unsigned modrm = *in->at++, mod = modrm >> 6, low = modrm & 7, disp = 0;

	in->has_modrm = true;
	in->reg = (modrm >> 3 & 7) | (in->rex & 4 ? 8u : 0u);
	in->rm = low | (in->rex & 1 ? 8u : 0u);
	if (mod == 3)
		return;
	in->is_memory = in->address_known = true;
	disp = mod == 1 ? 1 : mod == 2 ? 4 : 0;
	if (low == 4 && in->at < in->end) {
		unsigned sib = *in->at++, index = (sib >> 3 & 7) | (in->rex & 2 ? 8u : 0u);

		if (index != SP)
			add_register(w, in, index, sib >> 6);
		if ((sib & 7) == 5 && mod == 0)
			disp = 4;
		else
			add_register(w, in, (sib & 7) | (in->rex & 1 ? 8u : 0u), 0);
	} else if (low == 5 && mod == 0) {
		in->address += (uint64_t)immediate(in, 4);
		in->address += w->pc + (uint64_t)(in->at - (in->end - 15)) + behind;
		return;
	} else {
		add_register(w, in, in->rm, 0);
	}
	if (disp)
		in->address += (uint64_t)immediate(in, disp);
}

/* A load of the wrong path. Return: whether its value is there in time to be used. */
static bool load(struct walk *w, uint64_t address, unsigned size, uint64_t *value)
{
	enum cxms_hier_level level;

	if (!is_readable(address, size))
		return false;
	level = ex_wrong_load(w->t, address, w->pc, w->branch, w->insns, w->timed);
	if (level > CXMS_HIER_L2 || size < 4)
		return false;
	*value = 0;
	VG_(memcpy)(value, (const void *)(Addr)address, size > 8 ? 8 : size);
	return size <= 8;
}

/* The value of rm. */
static bool read_rm(struct walk *w, const struct insn *in, uint64_t *value)
{
	if (!in->is_memory) {
		*value = get(w, in->rm);
		return knows(w, in->rm);
	}
	return in->address_known && load(w, in->address, in->size, value);
}

/* add, or, adc, sbb, and, sub, xor, cmp by number; adc and sbb need flags, which are not kept. */
static bool arithmetic(unsigned op, uint64_t a, uint64_t b, uint64_t *out)
{
	switch (op) {
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

static void write_result(struct walk *w, unsigned r, bool known, uint64_t v, unsigned size)
{
	if (known)
		set(w, r, v, size);
	else
		forget(w, r);
}

/* The eight operations between a register and rm, in both directions, or with an immediate. */
static void two_operands(struct walk *w, struct insn *in, unsigned op, bool to_rm, bool wide)
{
	uint64_t rm = 0, out = 0;
	unsigned size = wide ? in->size : 1;
	bool known, zeroes = !in->is_memory && in->reg == in->rm && (op == 5 || op == 6);

	in->size = size;
	known = read_rm(w, in, &rm) && knows(w, in->reg);
	if (op == 7 || (to_rm && in->is_memory))
		return;
	if (zeroes)
		known = true;
	known &= to_rm ? arithmetic(op, rm, get(w, in->reg), &out)
		       : arithmetic(op, get(w, in->reg), rm, &out);
	write_result(w, to_rm ? in->rm : in->reg, known, zeroes ? 0 : out, size);
}

static void with_immediate(struct walk *w, struct insn *in, unsigned bytes)
{
	uint64_t rm = 0, out = 0;
	bool known = read_rm(w, in, &rm);
	unsigned op = in->reg & 7;
	uint64_t imm = (uint64_t)immediate(in, bytes);

	if (op == 7 || in->is_memory)
		return;
	known &= arithmetic(op, rm, imm, &out);
	write_result(w, in->rm, known, out, in->size);
}

static void shift(struct walk *w, struct insn *in, unsigned by, bool by_known)
{
	uint64_t v = 0, out;
	bool known = read_rm(w, in, &v) && by_known;

	if (in->is_memory)
		return;
	by &= in->size == 8 ? 63 : 31;
	if (in->size == 4)
		v = (uint32_t)v;
	switch (in->reg & 7) {
	case 4:
		out = v << by;
		break;
	case 5:
		out = v >> by;
		break;
	case 7:
		out = in->size == 8 ? (uint64_t)((int64_t)v >> by)
				    : (uint64_t)((int64_t)(int32_t)v >> by);
		break;
	default:
		known = false;
		out = 0;
	}
	write_result(w, in->rm, known, out, in->size);
}

/* Group F6/F7 and FE/FF. Return: false for computed jumps, calls, and pushes. */
static bool unary(struct walk *w, struct insn *in, bool is_f7, bool wide)
{
	uint64_t v = 0;
	unsigned op = in->reg & 7;
	bool known;

	if (!is_f7 && op >= 2)
		return false;
	if (is_f7 && op <= 1)
		immediate(in, !wide ? 1 : in->size == 2 ? 2 : 4);
	in->size = wide ? in->size : 1;
	known = read_rm(w, in, &v);
	if (is_f7 && op >= 4) {
		forget(w, 0);
		forget(w, 2);
	} else if (!in->is_memory && (!is_f7 || op >= 2)) {
		v = is_f7 ? (op == 2 ? ~v : 0 - v) : (op == 0 ? v + 1 : v - 1);
		write_result(w, in->rm, known, v, in->size);
	}
	return true;
}

static bool push_or_pop(struct walk *w, struct insn *in)
{
	unsigned r = (in->opcode & 7u) | (in->rex & 1 ? 8u : 0u);
	uint64_t v = 0;

	if (in->opcode < 0x58) {
		set(w, SP, get(w, SP) - 8, 8);
		return knows(w, SP);
	}
	write_result(w, r, knows(w, SP) && load(w, get(w, SP), 8, &v), v, 8);
	set(w, SP, get(w, SP) + 8, 8);
	return true;
}

static void move(struct walk *w, struct insn *in, bool to_rm)
{
	uint64_t v = 0;
	bool known;

	if (to_rm) {
		if (!in->is_memory)
			write_result(w, in->rm, knows(w, in->reg), get(w, in->reg), in->size);
		return;
	}
	known = read_rm(w, in, &v);
	write_result(w, in->reg, known, v, in->size);
}

/* Behind a conditional branch the walk goes where the predictor would. */
static void branch(struct walk *w, struct insn *in, unsigned bytes, uint64_t pc)
{
	uint64_t to = (uint64_t)immediate(in, bytes);
	uint64_t next = w->pc + (uint64_t)(in->at - (in->end - 15));

	w->pc = cxms_bpred_peek(&w->t->core->bpred, pc) ? next + to : next;
}

/* One-byte opcodes. Return: 0 the walk ends, 1 next instruction, 2 w->pc is already set. */
static int one_byte(struct walk *w, struct insn *in)
{
	uint8_t op = in->opcode;

	if (op < 0x40 && (op & 7) < 4) {
		read_modrm(w, in, 0);
		two_operands(w, in, op >> 3, !(op & 2), op & 1);
	} else if (op < 0x40 && (op & 7) < 6) {
		in->reg = in->rm = 0;
		if (!(op & 1))
			in->size = 1;
		in->reg = op >> 3;
		with_immediate(w, in, in->size == 1 ? 1 : in->size == 2 ? 2 : 4);
	} else if (op >= 0x50 && op < 0x60) {
		return push_or_pop(w, in);
	} else if (op == 0x63) {
		uint64_t v = 0;

		read_modrm(w, in, 0);
		unsigned size = in->size;

		in->size = 4;
		bool known = read_rm(w, in, &v);

		write_result(w, in->reg, known, (uint64_t)(int64_t)(int32_t)v, size);
	} else if ((op & 0xf0) == 0x70) {
		branch(w, in, 1, w->pc);
		return 2;
	} else if (op == 0x80 || op == 0x81 || op == 0x83) {
		if (op == 0x80)
			in->size = 1;
		unsigned bytes = op == 0x81 ? (in->size == 2 ? 2 : 4) : 1;

		read_modrm(w, in, bytes);
		with_immediate(w, in, bytes);
	} else if (op == 0x84 || op == 0x85) {
		uint64_t v;

		read_modrm(w, in, 0);
		in->size = op & 1 ? in->size : 1;
		read_rm(w, in, &v);
	} else if (op == 0x88 || op == 0x89 || op == 0x8a || op == 0x8b) {
		read_modrm(w, in, 0);
		in->size = op & 1 ? in->size : 1;
		move(w, in, op < 0x8a);
	} else if (op == 0x8d) {
		read_modrm(w, in, 0);
		write_result(w, in->reg, in->address_known, in->address, in->size);
	} else if (op == 0x90) {
		return 1;
	} else if (op == 0xa8 || op == 0xa9) {
		immediate(in, op == 0xa8 ? 1 : in->size == 2 ? 2 : 4);
	} else if (op >= 0xb8 && op < 0xc0) {
		uint64_t v = (uint64_t)immediate(in, in->size == 8 ? 8 : in->size);

		set(w, (op & 7u) | (in->rex & 1 ? 8u : 0u), v, in->size);
	} else if (op == 0xc1 || op == 0xd1 || op == 0xd3) {
		read_modrm(w, in, op == 0xc1);
		if (op == 0xc1) {
			const uint8_t *at = in->at;

			shift(w, in, at < in->end ? *at : 0, true);
			in->at++;
		} else {
			shift(w, in, op == 0xd1 ? 1 : (unsigned)get(w, 1), op == 0xd1 || knows(w, 1));
		}
	} else if (op == 0xc6 || op == 0xc7) {
		unsigned bytes = op == 0xc6 ? 1 : in->size == 2 ? 2 : 4;

		read_modrm(w, in, bytes);
		uint64_t v = (uint64_t)immediate(in, bytes);

		if (!in->is_memory)
			set(w, in->rm, v, op == 0xc6 ? 1 : in->size);
	} else if (op == 0xeb || op == 0xe9) {
		uint64_t to = (uint64_t)immediate(in, op == 0xeb ? 1 : 4);

		w->pc += (uint64_t)(in->at - (in->end - 15)) + to;
		return 2;
	} else if (op == 0xf6 || op == 0xf7 || op == 0xfe || op == 0xff) {
		read_modrm(w, in, op == 0xf6 ? 1 : op == 0xf7 ? 4 : 0);
		return unary(w, in, op < 0xf8, op & 1);
	} else {
		return 0;
	}
	return 1;
}

/* SSE: loads count, stores do not; results in general registers are unknown. */
static int sse(struct walk *w, struct insn *in)
{
	uint8_t op = in->opcode;
	bool stores = op == 0x11 || op == 0x13 || op == 0x17 || op == 0x29 || op == 0x2b ||
		      op == 0x7f || op == 0xd6 || op == 0xe7 || (op == 0x7e && !in->has_rep);
	bool has_imm = (op >= 0x70 && op <= 0x73) || (op >= 0xc2 && op <= 0xc6);
	bool to_gpr = op == 0x2c || op == 0x2d || op == 0x50 || op == 0xc5 || op == 0xd7 ||
		      (op == 0x7e && !in->has_rep);
	uint64_t v;

	read_modrm(w, in, has_imm);
	in->size = 8;
	if (in->is_memory && !stores && in->address_known)
		load(w, in->address, 8, &v);
	if (to_gpr)
		forget(w, op == 0x7e ? in->rm : in->reg);
	if (has_imm)
		immediate(in, 1);
	return in->has_modrm;
}

static void extend(struct walk *w, struct insn *in)
{
	uint64_t v = 0;
	bool word = in->opcode & 1;

	read_modrm(w, in, 0);
	unsigned size = in->size;
	bool known = !in->is_memory && knows(w, in->rm) && (word || in->rex || in->rm < 4);

	if (in->is_memory && in->address_known)
		load(w, in->address, word ? 2 : 1, &v);
	v = get(w, in->rm);
	if (in->opcode < 0xb8)
		v = word ? (uint16_t)v : (uint8_t)v;
	else
		v = word ? (uint64_t)(int64_t)(int16_t)v : (uint64_t)(int64_t)(int8_t)v;
	write_result(w, in->reg, known, v, size);
}

static int two_byte(struct walk *w, struct insn *in)
{
	uint8_t op = in->opcode;
	uint64_t v = 0;

	if ((op & 0xf0) == 0x80) {
		branch(w, in, 4, w->pc);
		return 2;
	}
	if (op == 0x1e || op == 0x1f || op == 0x0d || op == 0x18) {
		read_modrm(w, in, 0);
		return 1;
	}
	if ((op & 0xf0) == 0x40 || (op & 0xf0) == 0x90) {
		read_modrm(w, in, 0);
		in->size = op >= 0x90 ? 1 : in->size;
		if (op < 0x90)
			read_rm(w, in, &v);
		if (op < 0x90 || !in->is_memory)
			forget(w, op < 0x90 ? in->reg : in->rm);
		return 1;
	}
	if (op == 0xaf) {
		read_modrm(w, in, 0);
		bool known = read_rm(w, in, &v) && knows(w, in->reg);

		write_result(w, in->reg, known, v * get(w, in->reg), in->size);
		return 1;
	}
	if (op == 0xb6 || op == 0xb7 || op == 0xbe || op == 0xbf) {
		extend(w, in);
		return 1;
	}
	if ((op >= 0x10 && op <= 0x17) || (op >= 0x28 && op <= 0x2f) ||
	    (op >= 0x50 && op <= 0x7f && op != 0x77) || op == 0xc2 || op == 0xc5 || op == 0xc6 ||
	    op >= 0xd0)
		return sse(w, in);
	return 0;
}

static bool step(struct walk *w)
{
	struct insn in = {0};
	int what;

	if (!is_readable(w->pc, 15))
		return false;
	in.at = (const uint8_t *)(Addr)w->pc;
	in.end = in.at + 15;
	if (!read_opcode(&in))
		return false;
	what = in.map ? two_byte(w, &in) : one_byte(w, &in);
	if (what == 1)
		w->pc += (uint64_t)(in.at - (in.end - 15));
	w->insns++;
	return what != 0 && in.at <= in.end;
}

void ex_wrong_path(struct ex_thread *t, const char *guest, unsigned branch_number, uint64_t to,
		   bool waits, bool timed)
{
	const VexGuestAMD64State *g = (const VexGuestAMD64State *)guest;
	unsigned budget = waits ? (unsigned)ex.opt.hier.window : SHORT_WALK;
	struct walk w = {.known = (1u << REGISTERS) - 1,
			 .pc = to,
			 .t = t,
			 .branch = branch_number,
			 .timed = timed};

	VG_(memcpy)(w.value, &g->guest_RAX, sizeof(w.value));
	while (w.insns < budget && step(&w))
		;
}
