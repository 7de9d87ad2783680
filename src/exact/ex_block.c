/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocks: what is known of each straight piece of code, and which ones there are, by the
 * translation that they belong to.
 */
#include "ex.h"

#include "pub_tool_hashtable.h"

/* Blocks by where their translation begins, for when it is discarded. */
struct translation {
	VgHashNode node;
	struct ex_block *blocks;
};

static VgHashTable *translations;

void ex_block_init(void)
{
	translations = VG_(HT_construct)("cxms.translations");
}

/* Sets the sizes of a block, whose address generated code holds, and gives it room. */
static void make_body(struct ex_block *b, unsigned n_insn, unsigned n_access, unsigned n_exit,
		      unsigned n_line)
{
	size_t insns = n_insn * sizeof(*b->insn), accesses = n_access * sizeof(*b->access);
	size_t lines = n_line * sizeof(*b->line), parts = (n_exit + 1) * sizeof(*b->part);
	char *at = VG_(calloc)("cxms.body", 1, accesses + lines + insns + parts);

	b->body = at;
	b->access = (struct ex_access *)at;
	b->line = (struct ex_line *)(at + accesses);
	b->insn = (struct ex_insn *)(at + accesses + lines);
	b->part = (struct ex_part *)(at + accesses + lines + insns);
	b->n_insn = (uint16_t)n_insn;
	b->n_access = (uint16_t)n_access;
	b->n_exit = (uint16_t)n_exit;
	b->n_line = (uint16_t)n_line;
}

/* The instruction lines of [0, n) in order; @line may be NULL to count them. */
static unsigned lines_of(const struct ex_insn *insn, unsigned n, struct ex_line *line)
{
	const struct cxms_cache *l1i = &ex.hier.core->l1i;
	unsigned count = 0;
	uint64_t before = UINT64_MAX;

	for (unsigned i = 0; i < n; i++)
		for (unsigned last = 0; last < 2; last++) {
			uint64_t at = (insn[i].addr + (last ? insn[i].len - 1u : 0)) >>
				      CXMS_XS_LINE_SHIFT;

			if (at == before)
				continue;
			before = at;
			if (line)
				line[count] = (struct ex_line){.tag = at << CXMS_TAG_SHIFT,
							       .slot = cxms_cache_set(l1i, at)
								       << l1i->shift};
			count++;
		}
	return count;
}

/* Completes each part. */
static void complete_parts(struct ex_block *b)
{
	for (unsigned e = 0; e <= b->n_exit; e++) {
		struct ex_part *p = &b->part[e];

		p->lines = (uint16_t)lines_of(b->insn, p->insns, NULL);
		p->hash = cxms_bpred_hash(b->insn[p->insns - 1].addr);
		p->runs = p->fetched = 0;
		p->turns = e == b->n_exit && p->kind != CXMS_XX_JUMP;
		p->loads = p->stores = p->branches = 0;
		for (unsigned i = 0; i <= e && i < b->n_exit; i++)
			p->branches += b->part[i].kind == CXMS_XX_COND;
		for (unsigned i = 0; i < p->accesses; i++) {
			unsigned kind = b->access[i].kind;

			p->loads += kind == CXMS_XA_LOAD;
			p->stores += kind == CXMS_XA_STORE || kind == CXMS_XA_NT_STORE;
		}
	}
}

void ex_block_fill(struct ex_block *b, const struct ex_pieces *of)
{
	make_body(b, of->n_insn, of->n_access, of->n_exit, lines_of(of->insn, of->n_insn, NULL));
	VG_(memcpy)(b->insn, of->insn, of->n_insn * sizeof(*b->insn));
	VG_(memcpy)(b->access, of->access, of->n_access * sizeof(*b->access));
	VG_(memcpy)(b->part, of->part, of->n_exit * sizeof(*b->part));
	b->part[of->n_exit] = (struct ex_part){.insns = (uint16_t)of->n_insn,
					       .accesses = (uint16_t)of->n_access,
					       .kind = of->end_kind};
	lines_of(b->insn, of->n_insn, b->line);
	complete_parts(b);
}

struct ex_block *ex_block_prefix(struct ex_block *b, unsigned n_insn)
{
	unsigned n_access = 0, n_exit = 0;
	struct ex_block *p;

	for (p = b->sibling; p; p = p->sibling)
		if (p->addr == b->addr && p->n_insn == n_insn &&
		    p->part[p->n_exit].kind == CXMS_XX_OTHER)
			return p;
	while (n_access < b->n_access && b->access[n_access].insn < n_insn)
		n_access++;
	while (n_exit < b->n_exit && b->part[n_exit].insns <= n_insn)
		n_exit++;
	p = VG_(calloc)("cxms.block", 1, sizeof(*p));
	p->addr = b->addr;
	p->fences = b->fences;
	ex_block_fill(p, &(struct ex_pieces){.insn = b->insn,
					     .access = b->access,
					     .part = b->part,
					     .n_insn = n_insn,
					     .n_access = n_access,
					     .n_exit = n_exit,
					     .end_kind = CXMS_XX_OTHER});
	p->sibling = b->sibling;
	b->sibling = p;
	return p;
}

void ex_block_remember(uint64_t addr, struct ex_block *blocks)
{
	struct translation *t = VG_(HT_lookup)(translations, addr);

	if (!t) {
		t = VG_(calloc)("cxms.translation", 1, sizeof(*t));
		t->node.key = addr;
		VG_(HT_add_node)(translations, t);
	}
	/* Two translations of one address, redirected and not, go together. */
	for (struct ex_block *b = t->blocks; b; b = b->sibling)
		if (!b->sibling) {
			b->sibling = blocks;
			return;
		}
	t->blocks = blocks;
}

static void count_block(struct ex_block *b)
{
	for (unsigned e = 0; e <= b->n_exit; e++) {
		struct ex_part *p = &b->part[e];

		ex.count[CXMS_XN_LOADS] += p->runs * p->loads;
		ex.count[CXMS_XN_STORES] += p->runs * p->stores;
		ex.count[CXMS_XN_IFETCH] += p->runs * p->lines;
		ex.count[CXMS_XN_BRANCH] += p->runs * p->branches;
		p->runs = 0;
	}
}

void ex_count_blocks(void)
{
	const struct translation *t;

	VG_(HT_ResetIter)(translations);
	while ((t = VG_(HT_Next)(translations)))
		for (struct ex_block *b = t->blocks; b; b = b->sibling)
			count_block(b);
}

void ex_discard(Addr addr, VexGuestExtents extents)
{
	struct translation *t = VG_(HT_remove)(translations, addr);
	struct ex_block *next;

	(void)extents;
	ex_wrong_forget();
	if (!t)
		return;
	for (struct ex_block *b = t->blocks; b; b = next) {
		next = b->sibling;
		if (b->id) {
			ex_control(CXMS_XC_LOST, 16);
			ex_varint(b->id);
		}
		if (ex.pending == b)
			ex.pending = NULL;
		count_block(b);
		VG_(free)(b->body);
		VG_(free)(b);
	}
	VG_(free)(t);
}
