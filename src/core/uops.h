/* What a core does with a block of code: micro-operations, their dataflow, and how they are
 * fetched. */
#ifndef CXMS_CORE_UOPS_H
#define CXMS_CORE_UOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_err;

/* Where a value lives. Slot 0 is always ready; the last ones carry values inside one instruction.
 */
enum cxms_slot {
	CXMS_SLOT_NONE = 0,
	CXMS_SLOT_GPR = 1,		      /* 16 */
	CXMS_SLOT_FLAGS = CXMS_SLOT_GPR + 16, /* all of them together; but see CXMS_SLOT_CARRY */
	CXMS_SLOT_VEC = CXMS_SLOT_FLAGS + 1,  /* 32; xmm, ymm, zmm are one */
	CXMS_SLOT_MASK = CXMS_SLOT_VEC + 32,  /* 8 */
	CXMS_SLOT_X87 = CXMS_SLOT_MASK + 8,   /* the stack as a whole, and MMX */
	/* written by fences and locked operations; loads wait for it */
	CXMS_SLOT_FENCE = CXMS_SLOT_X87 + 1,
	CXMS_SLOT_TEMP = CXMS_SLOT_FENCE + 1, /* 8 */
	CXMS_SLOT_TRASH = CXMS_SLOT_TEMP + 8, /* written, never read */
	/* carry and overflow, where uops are split, of instructions that set no other flag */
	CXMS_SLOT_CARRY = CXMS_SLOT_TRASH + 1,
	CXMS_SLOT_COUNT
};

/* Kinds of work by latency and by how many may start in a cycle. */
enum cxms_uop_class {
	CXMS_UC_INT,	/* one cycle: moves, logic, add, shift */
	CXMS_UC_BRANCH, /* one cycle */
	CXMS_UC_VECTOR, /* one cycle: moves, logic, integers of vector registers */
	CXMS_UC_MUL,
	CXMS_UC_DIV,
	CXMS_UC_FADD, /* add, subtract, compare, convert */
	CXMS_UC_FMUL,
	CXMS_UC_FMA,
	CXMS_UC_FDIV,
	CXMS_UC_FSQRT,
	CXMS_UC_LOAD,
	CXMS_UC_STORE,
	CXMS_UC_PREFETCH, /* software prefetch: a load that nothing waits for */
	CXMS_UC_COUNT
};
struct cxms_uop_cost {
	uint16_t latency_cyc; /* result ready after that; loads: on top of the cache */
	uint16_t per_64_cyc;  /* how many can start in 64 cycles; 0 = as many as the core is wide */
};
/** cxms_uop_cost() - latency and throughput of a class; @split: as cxms_uops_new() */
const struct cxms_uop_cost *cxms_uop_cost(enum cxms_uop_class class, bool split);
/** cxms_uop_units() - the class in whose units @class starts: itself, or one that it shares them
 * with */
enum cxms_uop_class cxms_uop_units(enum cxms_uop_class class, bool split);

/*
 * Cores with fast strings move a rep instruction in pieces of up to 32 bytes, whatever the size of
 * its element: 32 bytes a cycle on Ivy Bridge and later (Intel optimisation manual, enhanced rep
 * movsb), 25 to 30 measured on Zen 5.
 */
#define CXMS_STRING_PIECE 32u

enum cxms_uop_flag {
	CXMS_UF_LOCKED = 1u << 0, /* waits for all older stores, and later loads wait for it */
	CXMS_UF_OLDEST = 1u << 1, /* waits until all before it have retired */
	/* an integer operation with an entry of its own, two operands at most, and no access */
	CXMS_UF_SIMPLE = 1u << 2,
};

/* Bytes from a slot to the next where values of eight lanes are kept by slot. */
#define CXMS_SLOT_BYTES 32u

struct cxms_uop {
	uint8_t src[3]; /* slots read */
	uint8_t dst[2]; /* slots written; CXMS_SLOT_TRASH where none */
	uint8_t class;	/* enum cxms_uop_class */
	uint8_t rob;	/* reorder-buffer entries it takes: 0 = shares the one before it */
	uint8_t flags;	/* enum cxms_uop_flag */
	int16_t access; /* number of the memory access in the block, -1 = none */
	uint16_t insn;	/* number of the instruction in the block */
	/* @src and @dst in bytes, CXMS_SLOT_BYTES a slot */
	uint16_t from[3], to[2];
};

/** struct cxms_segment - uops that come from one line of instructions, in order */
struct cxms_segment {
	uint64_t line;	  /* address / 64 */
	uint32_t first;	  /* uop */
	uint16_t n;	  /* uops; 0 where only bytes of a straddling instruction lie there */
	uint16_t line_at; /* number of the line in the block (CXMS_XE_IF) */
};

/** struct cxms_fetch_insn - what the front end sees of an instruction */
struct cxms_fetch_insn {
	int32_t at; /* bytes behind the block's address */
	uint8_t len, n_uop;
};

/** struct cxms_code_insn - one instruction as the stream gives it; bytes borrowed */
struct cxms_code_insn {
	uint64_t addr;
	uint8_t len;
	const uint8_t *bytes;
};
struct cxms_code_access {
	uint16_t insn;
	uint8_t kind; /* enum cxms_xs_access */
	uint8_t log2_size;
};
struct cxms_code_exit {
	uint16_t insn, n_access;
	uint8_t kind; /* enum cxms_xs_exit */
};
/** struct cxms_code_block - what ran, before it is taken apart */
struct cxms_code_block {
	size_t n_insn, n_access, n_exit;
	struct cxms_code_insn *insn;
	struct cxms_code_access *access;
	struct cxms_code_exit *exit;
	uint8_t end; /* enum cxms_xs_exit */
};

/** struct cxms_block_exit - what was executed of a block that is left there; @behind: the address
 * behind the last instruction of it */
struct cxms_block_exit {
	uint64_t behind;
	uint32_t uops;
	uint16_t insns, stores;
};

/** struct cxms_block - a block taken apart; read-only afterwards */
struct cxms_block {
	uint64_t addr;
	uint32_t n_bytes; /* of code */
	uint32_t n_insn, n_uop, n_access, n_exit, n_segment;
	struct cxms_uop *uop;
	struct cxms_segment *segment;
	struct cxms_fetch_insn *fetch; /* n_insn */
	struct cxms_block_exit *exit;  /* [n_exit] = the end */
	/* of a block that is nothing but rounds of one rep movs or rep stos, where the core moves
	 * pieces of several rounds: bytes that all its rounds move; else 0 */
	uint32_t string_bytes;
	/* rounds in a piece: the first has the uops, and makes the accesses of the others; 1 = each
	 * is a piece of its own; 0 = no such block */
	uint32_t string_rounds;
	uint32_t n_undecoded; /* instructions the decoder does not know: one uop each, no data */
};

struct cxms_uops;
/**
 * cxms_uops_new() - a decoder of x86-64 code into uops
 * @split: true: as in a simple core, where each operation is a uop, an immediate operand or the
 *         target of a branch is one more, and 128-bit vectors take two. False: as in a core with
 *         fused uops, where load and operation, store address and data, compare and branch share an
 *         entry of the reorder buffer
 * Owner: cxms_uops_free()
 */
int cxms_uops_new(bool split, struct cxms_uops **out, struct cxms_err *err);
void cxms_uops_free(struct cxms_uops *u);
/**
 * cxms_uops_block() - turn @code into uops
 * Return: 0, -ENOMEM, or -EINVAL when an index in @code is out of range. Owner: cxms_block_fini()
 */
int cxms_uops_block(struct cxms_uops *u, const struct cxms_code_block *code, struct cxms_block *out,
		    struct cxms_err *err);
void cxms_block_fini(struct cxms_block *b);

#endif
