/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of malloc and its kin, by symbol: at the entry the arguments and the return address are
 * noted, and when the thread comes back there, the result. Allocators that call one another count
 * once, as the outermost. Best effort: what is inlined or has other names is not seen.
 */
#include "ex.h"

#include "pub_tool_debuginfo.h"

#define MAX_ENTRIES 128u

enum kind {
	ALLOC_NONE,
	ALLOC_MALLOC,	 /* (size) */
	ALLOC_CALLOC,	 /* (n, size) */
	ALLOC_REALLOC,	 /* (old, size) */
	ALLOC_ALIGNED,	 /* (alignment, size) */
	ALLOC_POSIX,	 /* (where, alignment, size) */
	ALLOC_NEW_ALIGN, /* (size, alignment) */
	ALLOC_FREE	 /* (old) */
};

static const struct {
	const HChar *name;
	enum kind kind;
} functions[] = {
	{"malloc", ALLOC_MALLOC},
	{"calloc", ALLOC_CALLOC},
	{"realloc", ALLOC_REALLOC},
	{"free", ALLOC_FREE},
	{"cfree", ALLOC_FREE},
	{"aligned_alloc", ALLOC_ALIGNED},
	{"memalign", ALLOC_ALIGNED},
	{"posix_memalign", ALLOC_POSIX},
	{"valloc", ALLOC_MALLOC},
	{"_Znwm", ALLOC_MALLOC},
	{"_Znam", ALLOC_MALLOC},
	{"_ZnwmRKSt9nothrow_t", ALLOC_MALLOC},
	{"_ZnamRKSt9nothrow_t", ALLOC_MALLOC},
	{"_ZnwmSt11align_val_t", ALLOC_NEW_ALIGN},
	{"_ZnamSt11align_val_t", ALLOC_NEW_ALIGN},
	{"_ZdlPv", ALLOC_FREE},
	{"_ZdaPv", ALLOC_FREE},
	{"_ZdlPvm", ALLOC_FREE},
	{"_ZdaPvm", ALLOC_FREE},
	{"_ZdlPvSt11align_val_t", ALLOC_FREE},
	{"_ZdaPvSt11align_val_t", ALLOC_FREE},
	{"_ZdlPvmSt11align_val_t", ALLOC_FREE},
	{"_ZdaPvmSt11align_val_t", ALLOC_FREE},
};
#define N_FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

static struct {
	unsigned n;
	struct {
		Addr addr;
		enum kind kind;
	} entry[MAX_ENTRIES];
} found;

void ex_alloc_forget(void)
{
	found.n = 0;
}

void ex_alloc_match(const HChar *symbol, Addr addr)
{
	for (unsigned i = 0; i < N_FUNCTIONS && found.n < MAX_ENTRIES; i++)
		if (VG_(strcmp)(symbol, functions[i].name) == 0) {
			found.entry[found.n].addr = addr;
			found.entry[found.n++].kind = functions[i].kind;
			return;
		}
}

uint8_t ex_alloc_kind(Addr addr)
{
	for (unsigned i = 0; i < found.n; i++)
		if (found.entry[i].addr == addr)
			return (uint8_t)found.entry[i].kind;
	return ALLOC_NONE;
}

static void freed(uint64_t addr)
{
	if (!addr)
		return;
	ex_control(CXMS_XC_FREE, 16);
	ex_varint(addr);
}

static uint64_t bytes_of(enum kind kind, const VexGuestAMD64State *g)
{
	switch (kind) {
	case ALLOC_CALLOC:
		return g->guest_RDI * g->guest_RSI;
	case ALLOC_REALLOC:
	case ALLOC_ALIGNED:
		return g->guest_RSI;
	case ALLOC_POSIX:
		return g->guest_RDX;
	default:
		return g->guest_RDI;
	}
}

void ex_alloc_enter(const struct ex_block *b, const char *guest)
{
	const VexGuestAMD64State *g = (const VexGuestAMD64State *)guest;
	struct ex_call *call = &ex.thread->call;

	/* One that was left without returning is below the stack now. */
	if (call->returns_to && g->guest_RSP <= call->sp)
		return;
	*call = (struct ex_call){.kind = b->alloc,
				 .bytes = bytes_of(b->alloc, g),
				 .old = g->guest_RDI,
				 .sp = g->guest_RSP,
				 .returns_to = *(const uint64_t *)(Addr)g->guest_RSP};
	if (b->alloc == ALLOC_FREE)
		freed(call->old);
}

void ex_alloc_return(const char *guest)
{
	const VexGuestAMD64State *g = (const VexGuestAMD64State *)guest;
	struct ex_call *call = &ex.thread->call;
	uint64_t addr = g->guest_RAX, caller = call->returns_to;

	if (g->guest_RSP <= call->sp) /* not yet: a recursion */
		return;
	call->returns_to = 0;
	if (call->kind == ALLOC_POSIX)
		addr = addr ? 0 : *(const uint64_t *)(Addr)call->old;
	if (call->kind == ALLOC_FREE || (!addr && call->bytes))
		return;
	if (call->kind == ALLOC_REALLOC)
		freed(call->old);
	if (!addr)
		return;
	ex_control(CXMS_XC_ALLOC, 32);
	ex_varint(addr);
	ex_varint(call->bytes);
	ex_varint(caller);
}
