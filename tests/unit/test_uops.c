/* Instructions as micro-operations: how many, which registers, how they are fetched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "core/uops.h"
#include "core/xstream.h"

#define LOAD                                                                                       \
	{                                                                                          \
		0, CXMS_XA_LOAD, 3                                                                 \
	}
#define STORE                                                                                      \
	{                                                                                          \
		0, CXMS_XA_STORE, 3                                                                \
	}

#define LOAD_16                                                                                    \
	{                                                                                          \
		0, CXMS_XA_LOAD, 4                                                                 \
	}
#define STORE_16                                                                                   \
	{                                                                                          \
		0, CXMS_XA_STORE, 4                                                                \
	}

static struct cxms_block taken_apart(bool split, struct cxms_code_insn *insn, size_t n,
				     struct cxms_code_access *access, size_t n_access)
{
	struct cxms_uops *u = NULL;
	struct cxms_err err = {0};
	struct cxms_block b = {0};
	const struct cxms_code_block code = {
		.n_insn = n, .n_access = n_access, .insn = insn, .access = access};
	assert_int_equal(cxms_uops_new(split, &u, &err), 0);
	assert_int_equal(cxms_uops_block(u, &code, &b, &err), 0);
	cxms_uops_free(u);
	return b;
}

static unsigned entries(const struct cxms_block *b)
{
	unsigned n = 0;
	for (uint32_t i = 0; i < b->n_uop; i++)
		n += b->uop[i].rob;
	return n;
}

static void test_entries_by_cracking_rule(void **state)
{
	static const struct {
		uint8_t len, bytes[15];
		size_t n_access;
		struct cxms_code_access access[2];
		unsigned split, fused;
		const char *why;
	} rows[] = {
		{3, {0x48, 0x89, 0xc2}, 0, {{0}}, 1, 1, "mov rdx, rax"},
		{3, {0x48, 0x8b, 0x00}, 1, {LOAD}, 1, 1, "mov rax, [rax]"},
		{3, {0x48, 0x89, 0x02}, 1, {STORE}, 1, 1, "mov [rdx], rax"},
		{3, {0x48, 0x03, 0x30}, 1, {LOAD}, 2, 1, "add rsi, [rax]: load and add"},
		{4, {0x48, 0x83, 0xe9, 0x01}, 0, {{0}}, 2, 1, "sub rcx, 1: its own immediate"},
		{4, {0x48, 0x31, 0x04, 0x16}, 2, {LOAD, STORE}, 3, 2, "xor [rsi+rdx], rax"},
		{4, {0x49, 0x0f, 0xaf, 0xc2}, 0, {{0}}, 3, 1, "imul rax, r10"},
		{4, {0x48, 0xc1, 0xea, 0x1b}, 0, {{0}}, 1, 1, "shr rdx, 27: a shift has no own"},
		{2, {0x73, 0xe5}, 0, {{0}}, 3, 1, "jae: pointer, displacement, jump"},
		{10, {0x49, 0xba, 1, 2, 3, 4, 5, 6, 7, 8}, 0, {{0}}, 1, 1, "movabs r10, imm"},
		{4, {0xf2, 0x0f, 0x58, 0xc8}, 0, {{0}}, 1, 1, "addsd xmm1, xmm0"},
		{5, {0xf2, 0x41, 0x0f, 0x10, 0x00}, 1, {LOAD}, 2, 1, "movsd xmm0, [r8]"},
		{4, {0x66, 0x0f, 0xef, 0xc9}, 0, {{0}}, 2, 1, "pxor xmm1, xmm1: two halves"},
		{4,
		 {0x66, 0x0f, 0x6f, 0x00},
		 1,
		 {LOAD_16},
		 2,
		 1,
		 "movdqa xmm0, [rax]: eight bytes each"},
		{4, {0x66, 0x0f, 0x7f, 0x00}, 1, {STORE_16}, 2, 1, "movdqa [rax], xmm0"},
		{4, {0x66, 0x0f, 0xd4, 0x00}, 1, {LOAD_16}, 4, 1, "paddq xmm0, [rax]"},
		{1, {0x90}, 0, {{0}}, 1, 1, "nop"},
		{1, {0x53}, 1, {STORE}, 2, 1, "push rbx: store, stack pointer"},
		{1, {0x5b}, 1, {LOAD}, 3, 1, "pop rbx: load, stack pointer, move"},
		{3, {0x0f, 0xb6, 0xd2}, 0, {{0}}, 2, 1, "movzx edx, dl: taken out, made wider"},
		{3, {0x0f, 0xb6, 0x10}, 1, {LOAD}, 2, 1, "movzx edx, byte [rax]"},
		{3, {0x48, 0x63, 0xd0}, 0, {{0}}, 1, 1, "movsxd rdx, eax"},
		{3, {0x48, 0x63, 0x10}, 1, {LOAD}, 2, 1, "movsxd rdx, [rax]"},
		{7, {0x48, 0x8b, 0x05, 1, 0, 0, 0}, 1, {LOAD}, 2, 1, "mov rax, [rip + 1]: pointer"},
		{3, {0x48, 0xf7, 0xd1}, 0, {{0}}, 2, 1, "not rcx: all ones"},
		{3, {0x48, 0xf7, 0xf1}, 0, {{0}}, 25, 4, "div rcx: a loop of steps"},
		{2, {0xf7, 0xf1}, 0, {{0}}, 15, 4, "div ecx"},
		{2, {0x48, 0x99}, 0, {{0}}, 2, 1, "cqo: copy, shift"},
		{2, {0x0f, 0xc9}, 0, {{0}}, 3, 1, "bswap ecx"},
		{3, {0x48, 0x0f, 0xc9}, 0, {{0}}, 9, 1, "bswap rcx: both halves"},
		{4, {0x48, 0x0f, 0xbc, 0xd1}, 0, {{0}}, 30, 1, "bsf rdx, rcx: by halves"},
		{5, {0xf3, 0x48, 0x0f, 0xbc, 0xd1}, 0, {{0}}, 30, 1, "tzcnt rdx, rcx"},
		{4, {0x48, 0x0f, 0xbd, 0xd1}, 0, {{0}}, 28, 1, "bsr rdx, rcx"},
		{5, {0xf3, 0x48, 0x0f, 0xb8, 0xd1}, 0, {{0}}, 1, 1, "popcnt rdx, rcx: no pop"},
		{4, {0x48, 0x0f, 0xa3, 0xca}, 0, {{0}}, 1, 1, "bt rdx, rcx"},
		{5, {0x48, 0x0f, 0xba, 0xe2, 3}, 0, {{0}}, 1, 1, "bt rdx, 3: no own immediate"},
		{4, {0x48, 0x0f, 0xab, 0xca}, 0, {{0}}, 4, 1, "bts rdx, rcx: one, its place"},
		{5, {0x48, 0x0f, 0xba, 0xea, 3}, 0, {{0}}, 4, 1, "bts rdx, 3"},
		{5, {0x66, 0x48, 0x0f, 0x6e, 0xc1}, 0, {{0}}, 2, 1, "movq xmm0, rcx: upper half"},
		{4, {0xf3, 0x0f, 0x7e, 0xc1}, 0, {{0}}, 2, 1, "movq xmm0, xmm1"},
		{5, {0x66, 0x48, 0x0f, 0x7e, 0xc1}, 0, {{0}}, 1, 1, "movq rcx, xmm0"},
		{4, {0xf3, 0x0f, 0x7e, 0x00}, 1, {LOAD}, 2, 1, "movq xmm0, [rax]"},
		{4, {0xf3, 0x0f, 0x10, 0x00}, 1, {LOAD}, 3, 1, "movss xmm0, [rax]: three parts"},
		{4, {0x66, 0x0f, 0x16, 0x00}, 1, {LOAD}, 1, 1, "movhpd xmm0, [rax]: one half"},
		{4, {0x66, 0x0f, 0x6f, 0xc1}, 0, {{0}}, 2, 1, "movdqa xmm0, xmm1"},
		{5, {0xf2, 0x48, 0x0f, 0x2a, 0xc1}, 0, {{0}}, 2, 1, "cvtsi2sd xmm0, rcx: moved"},
		{5, {0xf2, 0x48, 0x0f, 0x2a, 0x00}, 1, {LOAD}, 2, 1, "cvtsi2sd xmm0, [rax]"},
		{5, {0xf2, 0x48, 0x0f, 0x2c, 0xc8}, 0, {{0}}, 2, 1, "cvttsd2si rcx, xmm0: moved"},
		{5, {0xf2, 0x48, 0x0f, 0x2c, 0x08}, 1, {LOAD}, 3, 1, "cvttsd2si rcx, [rax]"},
		{3, {0xf3, 0x48, 0xab}, 1, {STORE}, 4, 2, "rep stosq: store, count, pointer, jump"},
		{3,
		 {0xf3, 0x48, 0xa5},
		 2,
		 {LOAD, STORE},
		 6,
		 3,
		 "rep movsq: two, two pointers, count, jump"},
		{1, {0x06}, 0, {{0}}, 1, 1, "no instruction in 64-bit code"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (int split = 0; split < 2; split++) {
			struct cxms_code_insn in = {0x1000, rows[i].len, rows[i].bytes};
			struct cxms_code_access a[2] = {rows[i].access[0], rows[i].access[1]};
			struct cxms_block b = taken_apart(split, &in, 1, a, rows[i].n_access);
			unsigned want = split ? rows[i].split : rows[i].fused;
			if (entries(&b) != want)
				fail_msg("%s (%s): %u entries, expected %u", rows[i].why,
					 split ? "split" : "fused", entries(&b), want);
			cxms_block_fini(&b);
		}
	}
}

/* Each access of the stream has exactly one uop, whatever the rule. */
static void test_every_access_has_its_uop(void **state)
{
	static const uint8_t add_mem[] = {0x48, 0x01, 0x02}; /* add [rdx], rax */
	struct cxms_code_insn in[2] = {{0x1000, 3, add_mem}, {0x1003, 3, add_mem}};
	struct cxms_code_access a[4] = {{0, CXMS_XA_LOAD, 3},
					{0, CXMS_XA_STORE, 3},
					{1, CXMS_XA_LOAD, 3},
					{1, CXMS_XA_STORE, 3}};
	(void)state;
	for (int split = 0; split < 2; split++) {
		struct cxms_block b = taken_apart(split, in, 2, a, 4);
		unsigned seen[4] = {0};
		for (uint32_t i = 0; i < b.n_uop; i++)
			if (b.uop[i].access >= 0)
				seen[b.uop[i].access]++;
		for (int i = 0; i < 4; i++)
			assert_int_equal(seen[i], 1);
		cxms_block_fini(&b);
	}
}

static bool reads(const struct cxms_uop *u, uint8_t slot)
{
	return u->src[0] == slot || u->src[1] == slot || u->src[2] == slot;
}

/* What the window looks at is what the uop says; only integer uops that wait for nothing but two
 * operands are simple. */
static void test_what_is_seen_at_a_glance_is_what_is_there(void **state)
{
	static const uint8_t code[] = {0x48, 0x01, 0xd8,       /* add rax, rbx */
				       0x48, 0x03, 0x03,       /* add rax, [rbx] */
				       0xf0, 0x48, 0xff, 0x03, /* lock inc [rbx] */
				       0x48, 0x0f, 0xaf, 0xc3, /* imul rax, rbx */
				       0x0f, 0xae, 0xe8};      /* lfence */
	struct cxms_code_insn in[] = {{0x1000, 3, code},
				      {0x1003, 3, code + 3},
				      {0x1006, 4, code + 6},
				      {0x100a, 4, code + 10},
				      {0x100e, 3, code + 14}};
	struct cxms_code_access a[] = {
		{1, CXMS_XA_LOAD, 3}, {2, CXMS_XA_LOAD, 3}, {2, CXMS_XA_STORE, 3}};
	(void)state;
	for (int split = 0; split < 2; split++) {
		struct cxms_block b = taken_apart(split, in, 5, a, 3);
		assert_true(b.uop[0].flags & CXMS_UF_SIMPLE);
		for (uint32_t i = 0; i < b.n_uop; i++) {
			const struct cxms_uop *u = &b.uop[i];
			for (int k = 0; k < 3; k++)
				assert_int_equal(u->from[k], u->src[k] * CXMS_SLOT_BYTES);
			for (int k = 0; k < 2; k++)
				assert_int_equal(u->to[k], u->dst[k] * CXMS_SLOT_BYTES);
			if (!(u->flags & CXMS_UF_SIMPLE))
				continue;
			assert_int_equal(u->class, CXMS_UC_INT);
			assert_int_equal(u->rob, 1);
			assert_int_equal(u->access, -1);
			assert_int_equal(u->src[2], CXMS_SLOT_NONE);
			assert_int_equal(u->flags & (CXMS_UF_LOCKED | CXMS_UF_OLDEST), 0);
		}
		cxms_block_fini(&b);
	}
}

static void test_registers_carry_values(void **state)
{
	static const uint8_t chase[] = {0x48, 0x8b, 0x00}; /* mov rax, [rax] */
	static const uint8_t pop[] = {0x5b};		   /* pop rbx */
	static const uint8_t zero[] = {0x31, 0xd2};	   /* xor edx, edx */
	static const uint8_t part[] = {0x0f, 0x94, 0xc2};  /* sete dl */
	static const uint8_t jump[] = {0x74, 0x00};	   /* je */
	struct cxms_code_access load = LOAD;
	struct cxms_code_insn in = {0x1000, 3, chase};
	(void)state;

	struct cxms_block b = taken_apart(false, &in, 1, &load, 1);
	assert_true(reads(&b.uop[0], CXMS_SLOT_GPR));
	assert_int_equal(b.uop[0].dst[0], CXMS_SLOT_GPR);
	cxms_block_fini(&b);

	in = (struct cxms_code_insn){0x1000, 1, pop};
	b = taken_apart(true, &in, 1, &load, 1);
	assert_int_equal(b.n_uop, 3);
	assert_true(reads(&b.uop[1], b.uop[0].dst[0]));
	assert_int_equal(b.uop[1].dst[0], CXMS_SLOT_GPR + 3);
	/* the stack pointer must not wait for the load */
	assert_int_equal(b.uop[2].dst[0], CXMS_SLOT_GPR + 4);
	assert_true(reads(&b.uop[2], CXMS_SLOT_GPR + 4));
	cxms_block_fini(&b);

	/* what zeroes a register waits for nothing, if the core knows it */
	for (int split = 0; split < 2; split++) {
		in = (struct cxms_code_insn){0x1000, 2, zero};
		b = taken_apart(split, &in, 1, NULL, 0);
		assert_int_equal(reads(&b.uop[0], CXMS_SLOT_GPR + 2), split);
		cxms_block_fini(&b);
	}

	in = (struct cxms_code_insn){0x1000, 3, part};
	b = taken_apart(false, &in, 1, NULL, 0);
	assert_true(reads(&b.uop[0], CXMS_SLOT_FLAGS));
	assert_true(reads(&b.uop[0], CXMS_SLOT_GPR + 2)); /* the rest of rdx is kept */
	cxms_block_fini(&b);

	in = (struct cxms_code_insn){0x1000, 2, jump};
	b = taken_apart(true, &in, 1, NULL, 0);
	assert_true(reads(&b.uop[b.n_uop - 1], CXMS_SLOT_FLAGS));
	cxms_block_fini(&b);
}

/* In two steps, the second of which gives the register. */
static void test_a_byte_made_wider_or_set_takes_two_steps_when_split(void **state)
{
	static const uint8_t code[][3] = {{0x0f, 0xb6, 0xd2},  /* movzx edx, dl */
					  {0x0f, 0x94, 0xc2}}; /* sete dl */
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct cxms_code_insn in = {0x1000, 3, code[i]};
		struct cxms_block b = taken_apart(true, &in, 1, NULL, 0);
		assert_int_equal(b.n_uop, 2);
		assert_int_not_equal(b.uop[0].dst[0], CXMS_SLOT_GPR + 2);
		assert_true(reads(&b.uop[1], b.uop[0].dst[0]));
		assert_int_equal(b.uop[1].dst[0], CXMS_SLOT_GPR + 2);
		cxms_block_fini(&b);
	}
}

static bool writes(const struct cxms_block *b, uint8_t slot)
{
	for (uint32_t i = 0; i < b->n_uop; i++)
		if (b->uop[i].dst[0] == slot || b->uop[i].dst[1] == slot)
			return true;
	return false;
}

/* No result is lost, however many there are; the last uop of the instruction ends it. */
static void test_every_result_is_written(void **state)
{
	static const struct {
		uint8_t len, bytes[4];
		uint8_t want[3];
		bool keeps_flags; /* most of them, when split */
		const char *why;
	} rows[] = {
		{3, {0x48, 0xf7, 0xe1}, {1, 3, CXMS_SLOT_FLAGS}, true, "mul rcx: rax, rdx, flags"},
		{3, {0x48, 0xf7, 0xf1}, {1, 3, CXMS_SLOT_FLAGS}, true, "div rcx"},
		{2, {0x0f, 0xa2}, {1, 2, 4}, false, "cpuid: rax, rcx, rbx"},
		{3, {0x48, 0x01, 0xc8}, {1, 1, CXMS_SLOT_FLAGS}, false, "add rax, rcx"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (int split = 0; split < 2; split++) {
			struct cxms_code_insn in = {0x1000, rows[i].len, rows[i].bytes};
			struct cxms_block b = taken_apart(split, &in, 1, NULL, 0);
			for (int k = 0; k < 3; k++)
				if (!writes(&b, rows[i].want[k]) &&
				    !(split && rows[i].want[k] == CXMS_SLOT_FLAGS &&
				      rows[i].keeps_flags))
					fail_msg("%s: slot %u is not written", rows[i].why,
						 rows[i].want[k]);
			assert_int_equal(b.exit[b.n_exit].uops, b.n_uop);
			assert_int_equal(b.exit[b.n_exit].behind, in.addr + in.len);
			cxms_block_fini(&b);
		}
	}
}

/* Of an instruction's uops, any. */
static bool waits_for(const struct cxms_block *b, uint16_t insn, uint8_t slot)
{
	for (uint32_t i = 0; i < b->n_uop; i++)
		if (b->uop[i].insn == insn && reads(&b->uop[i], slot))
			return true;
	return false;
}

/* What sets only a part of the flags waits for the rest of them, where uops are split; a condition
 * waits for both registers that hold them. */
static void test_flags_that_stay_are_waited_for_when_split(void **state)
{
	static const struct {
		uint8_t len, bytes[4];
		bool waits, when_fused;
		const char *why;
	} rows[] = {
		{4, {0x48, 0xc1, 0xe9, 0x03}, true, false, "shr rcx, 3"},
		{3, {0x48, 0xff, 0xc9}, true, false, "dec rcx"},
		{4, {0x66, 0x0f, 0x2f, 0xc1}, true, false, "comisd xmm0, xmm1"},
		{3, {0x48, 0x31, 0xc1}, false, false, "xor rcx, rax"},
		{3, {0x48, 0x01, 0xc1}, false, false, "add rcx, rax"},
		{4, {0x48, 0x0f, 0xaf, 0xc8}, false, false, "imul rcx, rax"},
		{3, {0x48, 0xd3, 0xc0}, false, false, "rol rax, cl"},
		{3, {0x48, 0x19, 0xc1}, true, true, "sbb rcx, rax"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (int split = 0; split < 2; split++) {
			struct cxms_code_insn in = {0x1000, rows[i].len, rows[i].bytes};
			struct cxms_block b = taken_apart(split, &in, 1, NULL, 0);
			bool want = split ? rows[i].waits : rows[i].when_fused;
			if (waits_for(&b, 0, CXMS_SLOT_FLAGS) != want)
				fail_msg("%s, split %d: not %d", rows[i].why, split, want);
			cxms_block_fini(&b);
		}
}

/* imul rcx, rax; add rdx, rbx; je: the product's carry is gone; without the add it is not. */
static void test_a_condition_waits_for_a_products_carry(void **state)
{
	static const uint8_t imul[] = {0x48, 0x0f, 0xaf, 0xc8}, sum[] = {0x48, 0x01, 0xda},
			     je[] = {0x74, 0x00};
	struct cxms_code_insn in[3] = {{0x1000, 4, imul}, {0x1004, 3, sum}, {0x1007, 2, je}};
	(void)state;
	struct cxms_block b = taken_apart(true, in, 3, NULL, 0);
	assert_true(waits_for(&b, 2, CXMS_SLOT_FLAGS));
	assert_false(waits_for(&b, 2, CXMS_SLOT_CARRY));
	cxms_block_fini(&b);
	in[1] = (struct cxms_code_insn){0x1004, 2, je};
	b = taken_apart(true, in, 2, NULL, 0);
	assert_true(waits_for(&b, 1, CXMS_SLOT_FLAGS));
	assert_true(waits_for(&b, 1, CXMS_SLOT_CARRY));
	cxms_block_fini(&b);
}

/* An address computed into a register waits for what that register held, where uops are split. */
static void test_lea_waits_for_its_target_when_split(void **state)
{
	static const uint8_t lea[] = {0x48, 0x8d, 0x0c, 0xc0}; /* lea rcx, [rax + rax * 8] */
	struct cxms_code_insn in = {0x1000, sizeof(lea), lea};
	(void)state;
	for (int split = 0; split < 2; split++) {
		struct cxms_block b = taken_apart(split, &in, 1, NULL, 0);
		assert_true(waits_for(&b, 0, CXMS_SLOT_GPR));
		assert_int_equal(waits_for(&b, 0, CXMS_SLOT_GPR + 1), split);
		cxms_block_fini(&b);
	}
}

/* Copies of vector registers are renamed away, or made half by half onto what was there. */
static void test_vector_copies_wait_for_their_target_when_split(void **state)
{
	static const uint8_t copy[] = {0x66, 0x0f, 0x28, 0xc1}; /* movapd xmm0, xmm1 */
	static const uint8_t fill[] = {0x66, 0x0f, 0x28, 0x00}; /* movapd xmm0, [rax] */
	static const uint8_t add[] = {0xf2, 0x0f, 0x58, 0xc1};	/* addsd xmm0, xmm1 */
	struct cxms_code_access load = {0, CXMS_XA_LOAD, 4};
	(void)state;
	for (int split = 0; split < 2; split++) {
		struct cxms_code_insn in = {0x1000, sizeof(copy), copy};
		struct cxms_block b = taken_apart(split, &in, 1, NULL, 0);
		assert_true(reads(&b.uop[0], CXMS_SLOT_VEC + 1));
		assert_int_equal(reads(&b.uop[0], CXMS_SLOT_VEC), split);
		cxms_block_fini(&b);
		in = (struct cxms_code_insn){0x1000, sizeof(fill), fill};
		b = taken_apart(split, &in, 1, &load, 1);
		for (uint32_t i = 0; i < b.n_uop; i++)
			assert_false(reads(&b.uop[i], CXMS_SLOT_VEC));
		cxms_block_fini(&b);
		in = (struct cxms_code_insn){0x1000, sizeof(add), add};
		b = taken_apart(split, &in, 1, NULL, 0);
		assert_true(reads(&b.uop[0], CXMS_SLOT_VEC));
		cxms_block_fini(&b);
	}
}

static void test_compare_and_branch_share_an_entry(void **state)
{
	static const uint8_t cmp[] = {0x48, 0x39, 0xd8}, je[] = {0x74, 0x00};
	struct cxms_code_insn in[2] = {{0x1000, 3, cmp}, {0x1003, 2, je}};
	(void)state;
	struct cxms_block b = taken_apart(false, in, 2, NULL, 0);
	assert_int_equal(entries(&b), 1);
	cxms_block_fini(&b);
}

static void test_lines_of_instructions(void **state)
{
	static const uint8_t nop[] = {0x90}, mov[] = {0x48, 0x89, 0xc2};
	/* the second straddles 0x1040 */
	struct cxms_code_insn in[3] = {{0x103d, 1, nop}, {0x103e, 3, mov}, {0x1041, 1, nop}};
	(void)state;
	struct cxms_block b = taken_apart(true, in, 3, NULL, 0);
	assert_int_equal(b.n_segment, 2);
	assert_int_equal(b.segment[0].line, 0x40);
	assert_int_equal(b.segment[0].n, 1);
	/* the straddling one comes when its last byte is there */
	assert_int_equal(b.segment[1].line, 0x41);
	assert_int_equal(b.segment[1].n, 2);
	cxms_block_fini(&b);
}

static void test_malformed_code_is_refused(void **state)
{
	static const uint8_t nop[] = {0x90};
	struct cxms_code_insn in = {0x1000, 1, nop};
	struct cxms_code_access access = {1, CXMS_XA_LOAD, 3};
	struct cxms_code_exit out = {1, 0, CXMS_XX_COND};
	const struct cxms_code_block rows[] = {
		{.n_insn = 0, .insn = &in},
		{.n_insn = 1, .insn = &in, .n_access = 1, .access = &access},
		{.n_insn = 1, .insn = &in, .n_exit = 1, .exit = &out},
	};
	struct cxms_uops *u = NULL;
	(void)state;
	assert_int_equal(cxms_uops_new(true, &u, NULL), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cxms_block b = {0};
		struct cxms_err err = {0};
		assert_int_equal(cxms_uops_block(u, &rows[i], &b, &err), -EINVAL);
		assert_string_not_equal(err.msg, "");
		assert_null(b.uop);
	}
	cxms_uops_free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries_by_cracking_rule),
		cmocka_unit_test(test_every_access_has_its_uop),
		cmocka_unit_test(test_what_is_seen_at_a_glance_is_what_is_there),
		cmocka_unit_test(test_registers_carry_values),
		cmocka_unit_test(test_a_byte_made_wider_or_set_takes_two_steps_when_split),
		cmocka_unit_test(test_every_result_is_written),
		cmocka_unit_test(test_vector_copies_wait_for_their_target_when_split),
		cmocka_unit_test(test_flags_that_stay_are_waited_for_when_split),
		cmocka_unit_test(test_a_condition_waits_for_a_products_carry),
		cmocka_unit_test(test_lea_waits_for_its_target_when_split),
		cmocka_unit_test(test_compare_and_branch_share_an_entry),
		cmocka_unit_test(test_lines_of_instructions),
		cmocka_unit_test(test_malformed_code_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
