/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Translation. Each guest block becomes: a call of ex_enter(), then the block's own code with, for
 * each access, one store of its address into a slot, and around each side exit one store of how far
 * the block came. Slots lie in the shadow guest state, one short instruction away.
 */
#include "ex.h"

#include "pub_tool_libcassert.h"
#include "pub_tool_machine.h"
#include "pub_tool_options.h"
#include "pub_tool_xarray.h"

#include "libvex_guest_amd64.h"

#define MAX_INSNS 128u
#define MAX_EXITS 128u
#define LONG_INSN 15u

/* A block while it is put together. */
struct builder {
	IRSB *out;
	Int slots; /* offset of slot 0 in the guest state */
	VgCallbackClosure *closure;
	struct ex_block *block;
	struct ex_block *first; /* of the translation */
	unsigned n_insn, n_access, n_exit;
	enum ex_what what; /* of the current instruction */
	uint64_t insn_end;
	struct ex_insn insn[MAX_INSNS];
	struct ex_access access[EX_MAX_ACCESSES];
	struct ex_part part[MAX_EXITS];
};

static struct {
	struct builder builder;
	uint64_t precise; /* translation that is being redone with all registers up to date */
	VexRegisterUpdates updates, file_updates;
	bool warned_flush;
} inst;

void ex_instrument_init(void)
{
	/* A block is one straight piece of code. */
	VG_(clo_vex_control).guest_chase = False;
	inst.updates = VG_(clo_vex_control).iropt_register_updates_default;
	inst.file_updates = VG_(clo_px_file_backed);
}

static void put(struct builder *b, unsigned slot, IRExpr *value)
{
	addStmtToIRSB(b->out, IRStmt_Put(b->slots + (Int)(8 * slot), value));
}

static void put_progress(struct builder *b, uint64_t progress)
{
	put(b, EX_SLOT_PROGRESS, IRExpr_Const(IRConst_U64(progress)));
}

static IRExpr *assign(struct builder *b, IRType type, IRExpr *e)
{
	IRTemp t = newIRTemp(b->out->tyenv, type);

	addStmtToIRSB(b->out, IRStmt_WrTmp(t, e));
	return IRExpr_RdTmp(t);
}

/* Completes the block that was put together. */
static void finish(struct builder *b, unsigned end_kind)
{
	const struct ex_pieces pieces = {.insn = b->insn,
					 .access = b->access,
					 .part = b->part,
					 .n_insn = b->n_insn,
					 .n_access = b->n_access,
					 .n_exit = b->n_exit,
					 .end_kind = (uint8_t)end_kind};
	struct ex_block *k = b->block;

	ex_block_fill(k, &pieces);
	for (unsigned i = 0; i < k->n_insn; i++)
		k->pauses |= k->insn[i].bytes[0] == 0xf3 && k->insn[i].bytes[1] == 0x90;
	put_progress(b, k->n_exit);
	b->n_insn = b->n_access = b->n_exit = 0;
	b->block = NULL;
}

/* @at: where its code is; @entry: where one jumps to get there, another if it is redirected. */
static void begin(struct builder *b, uint64_t at, uint64_t entry)
{
	IRDirty *call;
	struct ex_block *k = VG_(calloc)("cxms.block", 1, sizeof(*k));

	k->addr = entry;
	k->mark = ex_roi_mark(at);
	k->alloc = ex_alloc_kind(at);
	if (k->alloc)
		k->mark |= EX_MARK_ALLOC;
	k->sibling = b->first;
	b->first = k;
	b->block = k;
	call = unsafeIRDirty_0_N(
		2, "ex_enter", VG_(fnptr_to_fnentry)(ex_enter),
		mkIRExprVec_2(IRExpr_GSPTR(), IRExpr_Const(IRConst_U64((ULong)(Addr)k))));
	/* It must not look older than the slots that were written before it. */
	call->nFxState = 1;
	call->fxState[0].fx = Ifx_Modify;
	call->fxState[0].offset = EX_SLOTS_OFFSET;
	call->fxState[0].size = 8 * (EX_SLOT_ADDRESS + EX_MAX_ACCESSES);
	call->fxState[0].nRepeats = call->fxState[0].repeatLen = 0;
	addStmtToIRSB(b->out, IRStmt_Dirty(call));
}

/* ---- accesses ---- */

static IRExpr *get(struct builder *b, Int offset)
{
	return assign(b, Ity_I64, IRExpr_Get(offset, Ity_I64));
}

static unsigned log2_up(unsigned bytes)
{
	unsigned n = 0;

	while (1u << n < bytes)
		n++;
	return n;
}

/* One access; @guard NULL if it always happens. */
static void access(struct builder *b, unsigned kind, IRExpr *addr, unsigned bytes, IRExpr *guard)
{
	struct ex_access *a = &b->access[b->n_access];
	bool fast = !cxms_prefetch_any(&ex.hier.core->pf_l1d);

	tl_assert(b->n_access < EX_MAX_ACCESSES && b->n_insn > 0 && bytes > 0);
	if (b->what == EX_WHAT_BIT) /* VEX puts the register on the stack to find the bit */
		return;
	if (kind == CXMS_XA_STORE && b->what == EX_WHAT_NT_STORE)
		kind = CXMS_XA_NT_STORE;
	/* VEX lets the lanes of a gather that are masked out load the top of the stack. */
	if (b->what == EX_WHAT_GATHER && kind == CXMS_XA_LOAD && !guard)
		guard = assign(b, Ity_I1,
			       IRExpr_Binop(Iop_CmpNE64, addr,
					    get(b, offsetof(VexGuestAMD64State, guest_RSP))));
	if (guard) {
		IRExpr *zero = IRExpr_Const(IRConst_U64(0));

		addr = assign(b, Ity_I64, IRExpr_ITE(guard, addr, zero));
	}
	put(b, EX_SLOT_ADDRESS + b->n_access, addr);
	*a = (struct ex_access){.ignore = EX_IGNORE_ALL,
				.insn = (uint16_t)(b->n_insn - 1),
				.last = (uint16_t)(bytes - 1),
				.kind = (uint8_t)kind,
				.log2_bytes = (uint8_t)log2_up(bytes),
				.guarded = guard != NULL};
	fast &= guard == NULL;
	if (fast && kind == CXMS_XA_LOAD)
		a->ignore = CXMS_TAG_DIRTY;
	if (fast && kind == CXMS_XA_STORE)
		a->ignore = 0;
	b->n_access++;
}

static unsigned size_of(const struct builder *b, const IRExpr *e)
{
	return (unsigned)sizeofIRType(typeOfIRExpr(b->out->tyenv, e));
}

static void guarded_load(struct builder *b, const IRLoadG *load)
{
	IRType result, loaded;

	typeOfIRLoadGOp(load->cvt, &result, &loaded);
	access(b, CXMS_XA_LOAD, load->addr, (unsigned)sizeofIRType(loaded), load->guard);
}

static void compare_and_swap(struct builder *b, const IRCAS *cas)
{
	unsigned bytes = size_of(b, cas->dataLo) * (cas->dataHi ? 2 : 1);

	access(b, CXMS_XA_LOAD, cas->addr, bytes, NULL);
	access(b, CXMS_XA_STORE, cas->addr, bytes, NULL);
	addStmtToIRSB(b->out, IRStmt_Dirty(unsafeIRDirty_0_N(0, "ex_turn_locked",
							     VG_(fnptr_to_fnentry)(ex_turn_locked),
							     mkIRExprVec_1(cas->addr))));
}

static void dirty(struct builder *b, const IRDirty *d)
{
	bool always = d->guard->tag == Iex_Const && d->guard->Iex.Const.con->Ico.U1;
	IRExpr *guard = always ? NULL : d->guard;

	if (d->mFx == Ifx_Read || d->mFx == Ifx_Modify)
		access(b, CXMS_XA_LOAD, d->mAddr, (unsigned)d->mSize, guard);
	if (d->mFx == Ifx_Write || d->mFx == Ifx_Modify)
		access(b, CXMS_XA_STORE, d->mAddr, (unsigned)d->mSize, guard);
}

/* ---- software prefetches: nothing is left of them in the IR ---- */

static const Int register_offset[16] = {
	offsetof(VexGuestAMD64State, guest_RAX), offsetof(VexGuestAMD64State, guest_RCX),
	offsetof(VexGuestAMD64State, guest_RDX), offsetof(VexGuestAMD64State, guest_RBX),
	offsetof(VexGuestAMD64State, guest_RSP), offsetof(VexGuestAMD64State, guest_RBP),
	offsetof(VexGuestAMD64State, guest_RSI), offsetof(VexGuestAMD64State, guest_RDI),
	offsetof(VexGuestAMD64State, guest_R8),	 offsetof(VexGuestAMD64State, guest_R9),
	offsetof(VexGuestAMD64State, guest_R10), offsetof(VexGuestAMD64State, guest_R11),
	offsetof(VexGuestAMD64State, guest_R12), offsetof(VexGuestAMD64State, guest_R13),
	offsetof(VexGuestAMD64State, guest_R14), offsetof(VexGuestAMD64State, guest_R15)};

static IRExpr *add(struct builder *b, IRExpr *x, IRExpr *y)
{
	return assign(b, Ity_I64, IRExpr_Binop(Iop_Add64, x, y));
}

static void software_prefetch(struct builder *b, const struct ex_operand *o)
{
	uint64_t constant = (uint64_t)(int64_t)o->displacement + (o->ip_relative ? b->insn_end : 0);
	IRExpr *e = assign(b, Ity_I64, IRExpr_Const(IRConst_U64(constant)));

	if (o->base >= 0)
		e = add(b, e, get(b, register_offset[o->base]));
	if (o->index >= 0) {
		IRExpr *index = get(b, register_offset[o->index]);
		IRExpr *shift = IRExpr_Const(IRConst_U8((UChar)o->scale_shift));

		e = add(b, e, assign(b, Ity_I64, IRExpr_Binop(Iop_Shl64, index, shift)));
	}
	if (o->is_32bit) {
		IRExpr *mask = IRExpr_Const(IRConst_U64(0xffffffff));

		e = assign(b, Ity_I64, IRExpr_Binop(Iop_And64, e, mask));
	}
	if (o->is_fs || o->is_gs)
		e = add(b, e,
			get(b, o->is_fs ? (Int)offsetof(VexGuestAMD64State, guest_FS_CONST)
					: (Int)offsetof(VexGuestAMD64State, guest_GS_CONST)));
	access(b, CXMS_XA_PREFETCH, e, 1, NULL);
}

static bool has_prefetch(const IRSB *in)
{
	struct ex_operand operand;

	for (Int i = 0; i < in->stmts_used; i++) {
		const IRStmt *s = in->stmts[i];

		if (s->tag == Ist_IMark && s->Ist.IMark.len <= LONG_INSN &&
		    ex_decode((const uint8_t *)s->Ist.IMark.addr, s->Ist.IMark.len, &operand) ==
			    EX_WHAT_PREFETCH)
			return true;
	}
	return false;
}

/*
 * Registers need not be in the guest state between instructions; the address of a prefetch needs
 * them there. So a block with one is translated twice: the first translation only asks for its own
 * removal, the second is made with all registers up to date at each instruction.
 */
static IRSB *again_precisely(const VgCallbackClosure *closure, const IRSB *in)
{
	IRSB *out = deepCopyIRSBExceptStmts(in);
	IRExpr *here = IRExpr_Const(IRConst_U64(closure->readdr));

	inst.precise = closure->nraddr;
	VG_(clo_vex_control).iropt_register_updates_default = VexRegUpdAllregsAtEachInsn;
	VG_(clo_px_file_backed) = VexRegUpdAllregsAtEachInsn;
	addStmtToIRSB(out, IRStmt_Put(offsetof(VexGuestAMD64State, guest_CMSTART), here));
	addStmtToIRSB(out, IRStmt_Put(offsetof(VexGuestAMD64State, guest_CMLEN),
				      IRExpr_Const(IRConst_U64(1))));
	out->next = IRExpr_Const(IRConst_U64(closure->nraddr));
	out->jumpkind = Ijk_InvalICache;
	return out;
}

/* ---- the walk over a block ---- */

/* A client request is one "instruction" of 19 bytes: rotations and an exchange. */
static void add_insns(struct builder *b, uint64_t addr, unsigned len)
{
	const uint8_t *bytes = (const uint8_t *)addr;

	while (len > 0) {
		unsigned n = len <= LONG_INSN ? len : 4;
		struct ex_insn *insn = &b->insn[b->n_insn++];

		insn->addr = addr;
		insn->len = (uint8_t)n;
		VG_(memcpy)(insn->bytes, bytes, n);
		addr += n;
		bytes += n;
		len -= n;
	}
}

static void instruction(struct builder *b, const IRStmt *s)
{
	uint64_t addr = s->Ist.IMark.addr;
	unsigned len = s->Ist.IMark.len;
	struct ex_operand operand;
	bool is_entry = b->block && (ex_roi_mark(addr) || ex_alloc_kind(addr));

	b->insn_end = addr + len;
	b->what = EX_WHAT_OTHER;
	if (len == 0)
		return; /* it cannot be decoded, and ends the block */
	if (b->block && (is_entry || b->n_access >= EX_BLOCK_ACCESSES || b->n_insn + 8 > MAX_INSNS))
		finish(b, CXMS_XX_JUMP);
	if (!b->block)
		begin(b, addr, b->first ? addr : b->closure->nraddr);
	add_insns(b, addr, len);
	if (len > LONG_INSN)
		return;
	b->what = ex_decode((const uint8_t *)addr, len, &operand);
	if (b->what == EX_WHAT_PREFETCH)
		software_prefetch(b, &operand);
	if (b->what == EX_WHAT_FLUSH && !inst.warned_flush) {
		inst.warned_flush = true;
		ex_warn("cache line flushes have no effect here");
	}
}

/* A side exit, before which the block's progress is noted. */
static void side_exit(struct builder *b, const IRStmt *s)
{
	struct ex_part *p = &b->part[b->n_exit];

	tl_assert(b->n_exit < MAX_EXITS);
	*p = (struct ex_part){.insns = (uint16_t)b->n_insn,
			      .accesses = (uint16_t)b->n_access,
			      .kind = CXMS_XX_OTHER};
	if (b->what == EX_WHAT_BRANCH) {
		p->kind = CXMS_XX_COND;
		p->is_inverse = s->Ist.Exit.dst->Ico.U64 == b->insn_end;
	}
	put_progress(b, b->n_exit);
	b->n_exit++;
}

static void accesses(struct builder *b, const IRStmt *s)
{
	switch (s->tag) {
	case Ist_WrTmp:
		if (s->Ist.WrTmp.data->tag == Iex_Load)
			access(b, CXMS_XA_LOAD, s->Ist.WrTmp.data->Iex.Load.addr,
			       (unsigned)sizeofIRType(s->Ist.WrTmp.data->Iex.Load.ty), NULL);
		break;
	case Ist_Store:
		access(b, CXMS_XA_STORE, s->Ist.Store.addr, size_of(b, s->Ist.Store.data), NULL);
		break;
	case Ist_StoreG:
		access(b, CXMS_XA_STORE, s->Ist.StoreG.details->addr,
		       size_of(b, s->Ist.StoreG.details->data), s->Ist.StoreG.details->guard);
		break;
	case Ist_LoadG:
		guarded_load(b, s->Ist.LoadG.details);
		break;
	case Ist_CAS:
		b->block->fences = true;
		compare_and_swap(b, s->Ist.CAS.details);
		break;
	case Ist_MBE:
		b->block->fences = true;
		break;
	case Ist_Dirty:
		dirty(b, s->Ist.Dirty.details);
		break;
	default:
		break;
	}
}

static unsigned end_kind(const IRSB *in)
{
	bool direct = in->next->tag == Iex_Const;

	switch (in->jumpkind) {
	case Ijk_Call:
		return direct ? CXMS_XX_CALL : CXMS_XX_ICALL;
	case Ijk_Ret:
		return CXMS_XX_RET;
	case Ijk_Boring:
		return direct ? CXMS_XX_JUMP : CXMS_XX_INDIRECT;
	case Ijk_Sys_syscall:
	case Ijk_Sys_int128:
		return CXMS_XX_SYSCALL;
	default:
		return CXMS_XX_JUMP;
	}
}

static bool has_code_left(const IRSB *in, Int i)
{
	for (; i < in->stmts_used; i++)
		if (in->stmts[i]->tag != Ist_NoOp && in->stmts[i]->tag != Ist_AbiHint)
			return true;
	return false;
}

static void walk(struct builder *b, const IRSB *in)
{
	Int i = 0;

	for (; i < in->stmts_used && in->stmts[i]->tag != Ist_IMark; i++)
		addStmtToIRSB(b->out, in->stmts[i]);
	for (; i < in->stmts_used; i++) {
		IRStmt *s = in->stmts[i];

		if (s->tag == Ist_IMark)
			instruction(b, s);
		else if (b->block)
			accesses(b, s);
		if (s->tag == Ist_Exit && b->block)
			side_exit(b, s);
		addStmtToIRSB(b->out, s);
		if (s->tag == Ist_Exit && b->block && has_code_left(in, i + 1))
			put_progress(b, EX_PASSED + b->n_exit - 1);
	}
	if (b->block)
		finish(b, end_kind(in));
}

IRSB *ex_instrument(VgCallbackClosure *closure, IRSB *in, const VexGuestLayout *layout,
		    const VexGuestExtents *extents, const VexArchInfo *arch, IRType guest_word,
		    IRType host_word)
{
	struct builder *b = &inst.builder;

	(void)extents;
	(void)arch;
	tl_assert(guest_word == Ity_I64 && host_word == Ity_I64);
	tl_assert(layout->total_sizeB == EX_SLOTS_OFFSET);
	if (inst.precise == closure->nraddr) {
		inst.precise = 0;
		VG_(clo_vex_control).iropt_register_updates_default = inst.updates;
		VG_(clo_px_file_backed) = inst.file_updates;
	} else if (has_prefetch(in)) {
		return again_precisely(closure, in);
	}
	b->out = deepCopyIRSBExceptStmts(in);
	b->slots = EX_SLOTS_OFFSET;
	b->closure = closure;
	b->first = b->block = NULL;
	b->n_insn = b->n_access = b->n_exit = 0;
	walk(b, in);
	if (in->jumpkind == Ijk_NoDecode)
		ex_warn("Valgrind cannot run an instruction of the block at %lx",
			(unsigned long)closure->readdr);
	if (b->first)
		ex_block_remember(closure->nraddr, b->first);
	return b->out;
}
