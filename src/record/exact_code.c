#include "record/exact_code.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "core/xstream.h"
#include "source/imp_access.h"

/* Where work stands that the trace left out: no program has code there. An instruction of x86-64
 * programs is about four bytes long. */
#define GAP_ADDRESS    64u
#define GAP_INSN_BYTES 4u

/*
 * Code that stands for what no trace told, as long as the instruction was: an access whose address
 * hangs on nothing, or work that hangs on nothing. %rax and %rdx are never written. One byte long,
 * only stack operations access memory.
 */
struct stand_in {
	uint8_t len;
	uint8_t bytes[2];
};
#define FILL_UP 0x3eu						  /* prefix: %ds, without effect */
static const struct stand_in stand_in_work = {1, {0xf8}};	  /* clc */
static const struct stand_in stand_in_load = {2, {0x8b, 0x08}};	  /* mov (%rax),%ecx */
static const struct stand_in stand_in_store = {2, {0x89, 0x10}};  /* mov %edx,(%rax) */
static const struct stand_in stand_in_update = {2, {0x01, 0x10}}; /* add %edx,(%rax) */
static const struct stand_in stand_in_pop = {1, {0x59}};	  /* pop %rcx */
static const struct stand_in stand_in_push = {1, {0x52}};	  /* push %rdx */

static void put_stand_in(struct cxms_buf *b, const struct stand_in *code, unsigned len)
{
	len = len < code->len ? code->len : len > CXMS_IMP_CODE_MAX ? CXMS_IMP_CODE_MAX : len;
	cxms_buf_put_svarint(b, 0);
	cxms_buf_put_varint(b, len);
	for (unsigned i = code->len; i < len; i++)
		cxms_buf_put_u8(b, FILL_UP);
	cxms_buf_put(b, code->bytes, code->len);
}

/* A load and a store of the same bytes. */
static bool is_update(const struct cxms_imp_insn *i)
{
	return i->n_ref == 2 && !i->ref[0].is_store && i->ref[1].is_store &&
	       i->ref[0].addr == i->ref[1].addr && i->ref[0].bytes == i->ref[1].bytes && i->len > 1;
}

static const struct stand_in *stand_in_for(const struct cxms_imp_insn *i, size_t ref)
{
	if (i->len == 1 && i->n_ref == 1)
		return i->ref[ref].is_store ? &stand_in_push : &stand_in_pop;
	return i->ref[ref].is_store ? &stand_in_store : &stand_in_load;
}

/* One instruction where one can do it, else one for each access. */
static void put_code(struct cxms_buf *b, const struct cxms_imp_insn *i, bool is_one)
{
	unsigned used = 0;

	cxms_buf_put_varint(b, is_one ? 1 : i->n_ref);
	if (i->has_code) {
		cxms_buf_put_svarint(b, 0);
		cxms_buf_put_varint(b, i->len);
		cxms_buf_put(b, i->code, i->len);
	} else if (is_one) {
		put_stand_in(b,
			     !i->n_ref	    ? &stand_in_work
			     : is_update(i) ? &stand_in_update
					    : stand_in_for(i, 0),
			     i->len);
	} else {
		for (size_t r = 0; r < i->n_ref; r++, used += 2)
			put_stand_in(b, stand_in_for(i, r),
				     r + 1 < i->n_ref || used > i->len ? 0 : i->len - used);
	}
}

static unsigned log2_of(uint32_t bytes)
{
	unsigned n = 0;

	while (n < 6 && 1u << n < bytes)
		n++;
	return n;
}

void cxms_exact_put_block(struct cxms_buf *b, uint64_t id, const struct cxms_imp_insn *i)
{
	bool is_one = i->has_code || i->n_ref <= 1 || is_update(i);

	cxms_buf_put_varint(b, id);
	cxms_buf_put_varint(b, i->ip);
	put_code(b, i, is_one);
	cxms_buf_put_varint(b, i->n_ref);
	for (size_t r = 0; r < i->n_ref; r++) {
		cxms_buf_put_varint(b, is_one ? 0 : r);
		cxms_buf_put_u8(b, (uint8_t)((i->ref[r].is_store ? CXMS_XA_STORE : CXMS_XA_LOAD) |
					     log2_of(i->ref[r].bytes) << 4));
	}
	cxms_buf_put_varint(b, 0); /* exits */
	cxms_buf_put_u8(b, CXMS_XX_JUMP);
}

void cxms_exact_put_gap(struct cxms_buf *b, uint64_t id, unsigned n)
{
	cxms_buf_put_varint(b, id);
	cxms_buf_put_varint(b, GAP_ADDRESS);
	cxms_buf_put_varint(b, n);
	for (unsigned i = 0; i < n; i++)
		put_stand_in(b, &stand_in_work, GAP_INSN_BYTES);
	cxms_buf_put_varint(b, 0); /* accesses */
	cxms_buf_put_varint(b, 0); /* exits */
	cxms_buf_put_u8(b, CXMS_XX_JUMP);
}
