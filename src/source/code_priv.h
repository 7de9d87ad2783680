/* Inside the decode cache: lengths and flow by table, operands by capstone, an address map. */
#ifndef CXMS_SOURCE_CODE_PRIV_H
#define CXMS_SOURCE_CODE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/code.h"

#define CXMS_INSN_MAX 15 /* bytes; Intel SDM volume 2, 2.3.11 */

struct cxms_err;

/* Where control goes after an instruction. */
enum cxms_flow {
	CXMS_FLOW_NEXT = 0,
	CXMS_FLOW_JCC,	/* conditional jump: fuses with a compare before it */
	CXMS_FLOW_LOOP, /* jrcxz, loop: conditional, does not fuse */
	CXMS_FLOW_JMP,
	CXMS_FLOW_JMP_IND,
	CXMS_FLOW_CALL,
	CXMS_FLOW_CALL_IND,
	CXMS_FLOW_RET,
	CXMS_FLOW_STOP, /* ud2, hlt, int3: nothing follows */
};

enum cxms_opmap {
	CXMS_MAP_1BYTE,
	CXMS_MAP_0F,
	CXMS_MAP_0F38,
	CXMS_MAP_0F3A,
	CXMS_MAP_5 = 5,
	CXMS_MAP_6
};

/** struct cxms_insn - what the length decoder tells */
struct cxms_insn {
	uint8_t len;
	uint8_t flow;	  /* enum cxms_flow */
	uint8_t map;	  /* enum cxms_opmap */
	uint8_t opcode;	  /* in that map */
	uint8_t modrm_at; /* offset of ModR/M, 0 = none */
	uint8_t rex;	  /* WRXB in the low bits; of VEX and EVEX as well, not inverted */
	uint8_t segment;  /* 0, 4 fs, 5 gs */
	uint8_t pp;	  /* VEX, EVEX: 0 none, 1 66, 2 F3, 3 F2 */
	uint8_t vl_bytes; /* VEX, EVEX: vector length 16, 32, 64 */
	bool vex, evex;
	bool bcast;	 /* EVEX: one element of memory for all */
	bool addr32;	 /* 67h */
	bool nop;	 /* padding: nop in any length, int3 */
	bool rep_string; /* rep movs, stos, lods, cmps, scas: interruptible */
	bool modrm_mem;	 /* has an explicit memory operand (or a nop's fake one) */
	int32_t rel;	 /* JCC, LOOP, JMP, CALL: target = address + len + rel */
};

/**
 * cxms_insn_decode() - length and control flow of the 64-bit mode instruction at @p
 * Refuses what user code cannot execute (I/O, far and privileged instructions), so that decoding
 * from a wrong offset fails early. Unknown instructions in known opcode maps get their length
 * right. Source: Intel SDM volume 2, appendix A (opcode maps), 2.1 (ModR/M, SIB), 2.3 (VEX), 2.7
 * (EVEX). Return: length 1..15, or 0 (invalid, or cut off by @n) with *out untouched
 */
unsigned cxms_insn_decode(const uint8_t *p, size_t n, struct cxms_insn *out);

/**
 * cxms_insn_address() - base, index, scale, disp, segment and addr32 of @site from ModR/M and SIB
 * @p, @in: decoded at address @addr, with modrm_mem set. A vector index gives GATHER|NOADDR, index
 * -1. Source: Intel SDM volume 2, 2.1.5, 2.2.1, 2.7.5 (compressed displacement)
 */
void cxms_insn_address(const uint8_t *p, const struct cxms_insn *in, uint64_t addr,
		       struct cxms_code_site *site);
/** cxms_insn_vector_bytes() - memory operand width of a VEX or EVEX instruction (one element of a
 * gather) */
unsigned cxms_insn_vector_bytes(const struct cxms_insn *in);
/** cxms_insn_vector_stores() - a VEX or EVEX instruction with a memory operand writes it; else it
 * reads it */
bool cxms_insn_vector_stores(const uint8_t *p, const struct cxms_insn *in);

struct cxms_x86;

/** struct cxms_x86_info - one instruction's operands; register sets are bit masks of enum cxms_reg
 */
struct cxms_x86_info {
	struct cxms_code_site site; /* as far as the instruction alone tells: no loop */
	bool prefetches;	    /* asks for a line ahead of its use, and receives nothing */
	bool sets_flags;
	bool divides;	 /* div, idiv of 32 or 64 bits: dx receives ax modulo the operand */
	bool selects;	 /* a conditional move: what it writes hangs on the flags */
	bool fusible;	 /* cmp test add sub and inc dec: fuses with a conditional jump */
	uint32_t reads;	 /* registers the results depend on, address registers included */
	uint32_t writes; /* registers written */
	uint32_t loaded; /* registers of @writes that receive what was read from memory */
	int8_t added;	 /* the register (enum cxms_reg) that the instruction adds @add to, or -1 */
	int64_t add;
	/* register @sum receives (@sum_of + @sum_add) << @sum_shift; -1 = none */
	int8_t sum, sum_of;
	uint8_t sum_shift;
	int64_t sum_add;
	int8_t calc_to; /* the register that receives @calc, or -1 */
	struct cxms_calc calc;
};

/** cxms_x86_gpr() - enum cxms_reg of a general register of capstone, else -1
 * @width: 0 64 bits, 1 32 bits, 2 16 bits, 3 the low 8 bits, 4 the 8 bits above */
int cxms_x86_gpr(unsigned reg, unsigned *width);

int cxms_x86_new(struct cxms_x86 **out, struct cxms_err *err);
void cxms_x86_free(struct cxms_x86 *x);
/**
 * cxms_x86_decode() - the operands of one instruction
 * @resume: a rep string instruction is described as interrupted at itself, not as finished
 * Return: false when the instruction is not known: *out is then UNDECODED, or NONE when it names no
 * memory
 */
bool cxms_x86_decode(struct cxms_x86 *x, const uint8_t *p, size_t n, uint64_t addr, bool resume,
		     struct cxms_x86_info *out);

/* System V ABI: what a callee may change. */
#define CXMS_CLOBBERED                                                                             \
	(1u << CXMS_REG_AX | 1u << CXMS_REG_CX | 1u << CXMS_REG_DX | 1u << CXMS_REG_SI |           \
	 1u << CXMS_REG_DI | 1u << CXMS_REG_R8 | 1u << CXMS_REG_R9 | 1u << CXMS_REG_R10 |          \
	 1u << CXMS_REG_R11)

#define CXMS_LOOP_BYTES 4096u /* longest loop body looked at */

/** struct cxms_loop - a branch back, and what lies between */
struct cxms_loop {
	uint64_t first, last; /* addresses of the target and of the branch back to it */
	unsigned n;	      /* instructions that may run; 0 = none known */
};
/**
 * cxms_loop_length() - instructions between @first and the branch back to it at @last, both
 * included, that control coming from @first may reach
 * 0 when the branch or @addr is not among them: an out-of-line block that rejoins the main path, or
 * a tail call to an earlier function, is no loop. At most CXMS_LOOP_BYTES.
 */
unsigned cxms_loop_length(struct cxms_code *c, uint64_t first, uint64_t last, uint64_t addr);
/** cxms_loop_around() - the shortest loop around @addr, among those of at most CXMS_LOOP_BYTES */
struct cxms_loop cxms_loop_around(struct cxms_code *c, uint64_t addr);
/**
 * cxms_loop_describe() - what the loop says of @s: CARRIED, DIRTIES, UNEVEN, LONG, and its counting
 * register: one that each turn adds the same constant to (several add up: an unrolled loop), and
 * nothing else writes. Of several the one that addresses memory, then the one with the longest
 * step. The same of the loop around it, which is the outer one, and where that begins. APPENDS
 * where nothing else tells the stride. And the innermost loop around it that runs a prefetch
 * instruction.
 */
void cxms_loop_describe(struct cxms_code *c, const struct cxms_loop *l, struct cxms_code_site *s);

/** cxms_loop_carries() - whether the load's address of one turn hangs on the value it loaded the
 * turn before: through registers, other loads, and conditional moves, but not through branches */
bool cxms_loop_carries(struct cxms_code *c, const struct cxms_loop *l,
		       const struct cxms_code_site *s);
/**
 * cxms_loop_meets_chain() - whether a load reads what a chain of the loop has come to
 * @outer: the loop around @l; n 0 = none known
 * That is: another load is carried as above, and both take their base from the value it loaded
 * last. Their waits fall together, and lie as far from those of the next turn as the chain's. Only
 * of chains that are no short ones, reached from elsewhere each time (buckets of a hash table): the
 * loop around goes on with the same chain, or begins at the same place each time.
 */
bool cxms_loop_meets_chain(struct cxms_code *c, const struct cxms_loop *l,
			   const struct cxms_loop *outer, const struct cxms_code_site *s);

/** struct cxms_uneven - which instructions of a loop do not run exactly once in each turn: by byte
 * from its beginning */
struct cxms_uneven {
	uint64_t first;
	bool is_long; /* calls or inner loops, string instructions with rep among them */
	bool has_call;
	uint8_t bits[CXMS_LOOP_BYTES / 8];
};
static inline bool cxms_uneven_get(const struct cxms_uneven *u, uint64_t at)
{
	return u->bits[(at - u->first) / 8] >> ((at - u->first) % 8) & 1;
}

/**
 * cxms_loop_follow_stride() - the stride of an address that each turn computes anew from
 * registers that move evenly: sums, products and shifts by constants, and those modulo another
 * register or under a mask (a ring buffer), which begin anew now and then; then AFFINE
 * @step, @spoilt: what a turn adds to each register, and those that it writes otherwise
 */
void cxms_loop_follow_stride(struct cxms_code *c, const struct cxms_loop *l,
			     const struct cxms_uneven *u, const int64_t step[CXMS_REG_GPR_END],
			     uint32_t spoilt, struct cxms_code_site *s);

/** cxms_loop_append() - by how many bytes the store or load @s of the loop moves the address on
 * that memory holds for it; 0: it does not */
int64_t cxms_loop_append(struct cxms_code *c, const struct cxms_loop *l,
			 const struct cxms_code_site *s);

/**
 * cxms_chain_find() - the chain of a site whose own instruction overwrote a register of its address
 *
 * Backwards from the site through the instructions that control fell through, up to a target of a
 * branch: each register of the address is one that the sample still shows (not written since, or
 * moved in a way that can be undone), or what an instruction there computed from such.
 * The site then has an address, is none that loads into its own base, and hangs on its last turn
 * only as its loop tells. Where some part is not known, it stays as it was.
 */
void cxms_chain_find(struct cxms_code *c, struct cxms_code_site *s);
/** cxms_chain_values() - base and index of the site's operand, from the registers at the sample;
 * 0 = it has none */
void cxms_chain_values(const struct cxms_code_site *site, const struct cxms_regs *regs,
		       uint64_t *base, uint64_t *index);

/** cxms_loop_describe_rep() - the same of a string instruction with rep, which is a loop of its
 * own: each turn takes 1 from cx and moves its addresses on by an element (direction flag clear) */
void cxms_loop_describe_rep(struct cxms_code *c, struct cxms_code_site *s);

/** struct cxms_step - where control goes from an instruction: as in struct cxms_insn */
struct cxms_step {
	int32_t rel;
	uint8_t len, flow;
	bool rep_string;
};

/* What the loops ask of the decode cache, with the code reader of the call that is in progress. */
/** cxms_code_step_at() - length of the instruction at @addr, decoded once; 0 = there is none, and
 * *out is untouched */
unsigned cxms_code_step_at(struct cxms_code *c, uint64_t addr, struct cxms_step *out);
bool cxms_code_x86_at(struct cxms_code *c, uint64_t addr, struct cxms_x86_info *info);
/** cxms_code_before() - the instruction from which control falls to @addr; 0: branches lead there
 * as well, or none is known */
uint64_t cxms_code_before(struct cxms_code *c, uint64_t addr);
/** is @addr the target of a direct call? */
bool cxms_code_is_called(const struct cxms_code *c, uint64_t addr);

/** struct cxms_addr_map - address to owned heap object; all zero is empty */
struct cxms_addr_map {
	struct {
		uint64_t key;
		void *val; /* NULL = free slot */
	} * slots;
	size_t cap, n; /* cap is 0 or a power of two */
};
void *cxms_addr_map_get(const struct cxms_addr_map *m, uint64_t key);
/** takes @val (heap) for a key not in the map; 0 or -ENOMEM (the caller keeps @val) */
int cxms_addr_map_put(struct cxms_addr_map *m, uint64_t key, void *val);
/** frees the objects and the map; all zero again */
void cxms_addr_map_fini(struct cxms_addr_map *m);

#endif
