/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Joins of threads that have ended. Who joins a thread that runs sleeps on a futex; who comes later
 * asks nobody, but cannot have gone on before the end either. The tool runs threads one at a time,
 * so most that are short end before they are joined. By symbol, best effort: what has no symbol or
 * another name is not seen.
 */
#include "ex.h"

#include "pub_tool_hashtable.h"
#include "pub_tool_machine.h"

#define MAX_ENTRIES 16u

/* The key is the handle. */
struct ended {
	VgHashNode node;
	uint64_t clear;
};

static struct {
	unsigned n;
	Addr entry[MAX_ENTRIES];
	VgHashTable *ended; /* and not joined yet */
} join;

void ex_join_forget(void)
{
	join.n = 0;
}

/* "f", or "f@VERSION" */
static bool is_named(const HChar *symbol, const HChar *name)
{
	SizeT len = VG_(strlen)(name);

	return !VG_(strncmp)(symbol, name, len) && (symbol[len] == 0 || symbol[len] == '@');
}

void ex_join_match(const HChar *symbol, Addr addr)
{
	static const HChar *const names[] = {"pthread_join", "pthread_tryjoin_np",
					     "pthread_timedjoin_np", "pthread_clockjoin_np",
					     "thrd_join"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]) && join.n < MAX_ENTRIES; i++)
		if (is_named(symbol, names[i]) && !ex_join_is(addr))
			join.entry[join.n++] = addr;
}

bool ex_join_is(Addr addr)
{
	for (unsigned i = 0; i < join.n; i++)
		if (join.entry[i] == addr)
			return true;
	return false;
}

static void drop(uint64_t handle)
{
	if (join.ended)
		VG_(free)(VG_(HT_remove)(join.ended, handle));
}

/* One that nobody joined left its handle to this one. */
void ex_join_begun(const struct ex_thread *t)
{
	drop(t->handle);
}

void ex_join_ended(const struct ex_thread *t)
{
	struct ended *e;

	if (!t->handle || !t->clear)
		return;
	if (!join.ended)
		join.ended = VG_(HT_construct)("cxms.ended");
	e = VG_(malloc)("cxms.ended.thread", sizeof(*e));
	e->node.key = t->handle;
	e->clear = t->clear;
	VG_(HT_add_node)(join.ended, e);
}

void ex_join_enter(void)
{
	const struct ended *e = NULL;
	ULong handle;

	VG_(get_shadow_regs_area)
	(VG_(get_running_tid)(), (UChar *)&handle, 0, offsetof(VexGuestAMD64State, guest_RDI),
	 sizeof(handle));
	if (join.ended)
		e = VG_(HT_lookup)(join.ended, handle);
	if (!e)
		return;
	ex_control(CXMS_XC_RESUME, 16);
	ex_varint(e->clear | CXMS_XS_PRIVATE);
	ex_byte(1);
	drop(handle);
}
