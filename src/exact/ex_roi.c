/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is timed: regions of interest, by function or by client request, and sampling in time. */
#include "ex.h"

#include "exact/cxlmemsim.h"

#include "pub_tool_debuginfo.h"
#include "pub_tool_libcproc.h"

/* The symbols of an object, one by one; exported by Valgrind's core, not in the tool headers. A
 * symbol's addresses: the first is that of the code; others are of other processors. */
struct symbol_addresses {
	Addr main, other[3];
};
extern Int VG_(DebugInfo_syms_howmany)(const DebugInfo *di);
extern void VG_(DebugInfo_syms_getidx)(const DebugInfo *di, Int index,
				       struct symbol_addresses *addresses, UInt *size,
				       const HChar **name, const HChar ***more_names, Bool *is_text,
				       Bool *is_ifunc, Bool *is_global);

/* Entries of one name: several objects may have one. */
#define MAX_ENTRIES 16u
struct entries {
	const HChar *name;
	unsigned n;
	Addr addr[MAX_ENTRIES];
};

static struct {
	struct entries begin, end, cold;
	UInt scanned_epoch;
	bool any_scan, by_request;
} roi;

static void set_region(bool in_region)
{
	ex.in_region = in_region;
	ex.samples = in_region && ex.opt.sample_period != 0;
}

void ex_roi_init(void)
{
	roi.begin.name = ex.opt.roi_begin;
	roi.end.name = ex.opt.roi_end;
	roi.cold.name = ex.opt.cold_at;
	set_region(!roi.begin.name);
	ex.in_sample = true;
	ex.sample_left = ex.opt.sample_detail;
	ex.timed = ex.in_region;
}

static bool has(const struct entries *e, Addr addr)
{
	for (unsigned i = 0; i < e->n; i++)
		if (e->addr[i] == addr)
			return true;
	return false;
}

static void add_entry(struct entries *e, Addr addr)
{
	if (e->n < MAX_ENTRIES && !has(e, addr))
		e->addr[e->n++] = addr;
}

/* "f" names the function f, and the C++ functions f(...) of any arguments. */
static bool is_named(const HChar *symbol, const HChar *name, Addr addr)
{
	SizeT len = VG_(strlen)(name);
	const HChar *readable;

	if (VG_(strcmp)(symbol, name) == 0)
		return true;
	return VG_(strncmp)(symbol, "_Z", 2) == 0 &&
	       VG_(get_fnname)(VG_(current_DiEpoch)(), addr, &readable) &&
	       VG_(strncmp)(readable, name, len) == 0 &&
	       (readable[len] == 0 || readable[len] == '(');
}

static void match(const HChar *symbol, Addr addr)
{
	if (roi.begin.name && is_named(symbol, roi.begin.name, addr))
		add_entry(&roi.begin, addr);
	if (roi.end.name && is_named(symbol, roi.end.name, addr))
		add_entry(&roi.end, addr);
	if (roi.cold.name && is_named(symbol, roi.cold.name, addr))
		add_entry(&roi.cold, addr);
	if (ex.opt.alloc)
		ex_alloc_match(symbol, addr);
	ex_join_match(symbol, addr);
}

static void scan_object(const DebugInfo *di)
{
	Int n = VG_(DebugInfo_syms_howmany)(di);

	for (Int i = 0; i < n; i++) {
		struct symbol_addresses at;
		const HChar *name, **more;
		Bool is_text, is_ifunc, is_global;
		UInt size;

		VG_(DebugInfo_syms_getidx)
		(di, i, &at, &size, &name, &more, &is_text, &is_ifunc, &is_global);
		if (!is_text)
			continue;
		match(name, at.main);
		for (; more && *more; more++)
			match(*more, at.main);
	}
}

/* Code folding may give both functions one body: then neither end can be told from the other. */
static void refuse_one_address(void)
{
	for (unsigned i = 0; i < roi.begin.n; i++) {
		if (!has(&roi.end, roi.begin.addr[i]))
			continue;
		ex_warn("roi functions '%s' and '%s' are one and the same code", roi.begin.name,
			roi.end.name);
		ex_out_flush();
		VG_(umsg)
		("the functions '%s' and '%s' are one and the same code at 0x%lx: the linker "
		 "folded them; make them differ\n",
		 roi.begin.name, roi.end.name, roi.begin.addr[i]);
		VG_(exit)(125);
	}
}

static void scan(void)
{
	UInt epoch = VG_(current_DiEpoch)().n;

	if (roi.any_scan && epoch == roi.scanned_epoch)
		return;
	roi.any_scan = true;
	roi.scanned_epoch = epoch;
	roi.begin.n = roi.end.n = roi.cold.n = 0;
	ex_alloc_forget();
	ex_join_forget();
	for (const DebugInfo *di = VG_(next_DebugInfo)(NULL); di; di = VG_(next_DebugInfo)(di))
		scan_object(di);
	refuse_one_address();
}

uint8_t ex_roi_mark(Addr addr)
{
	scan();
	return (uint8_t)((has(&roi.begin, addr) ? EX_MARK_BEGIN : 0) |
			 (has(&roi.end, addr) ? EX_MARK_END : 0) |
			 (has(&roi.cold, addr) ? EX_MARK_COLD : 0) |
			 (ex_join_is(addr) ? EX_MARK_JOIN : 0));
}

void ex_time_restart(void)
{
	struct ex_thread *t = ex.thread;

	if (ex.timed)
		ex.timed_from = ex.count[CXMS_XN_INSNS];
	else
		ex.count[CXMS_XN_TIMED_INSNS] += ex.count[CXMS_XN_INSNS] - ex.timed_from;
	ex_control(CXMS_XC_TIMED, 16);
	ex_byte(ex.timed);
	ex_varint(t->insns);
	if (!ex.timed)
		return;
	/* What was in flight, or stored, before the gap has nothing to do with what follows. */
	for (unsigned tid = 0; tid < VG_N_THREADS; tid++) {
		t = ex.thread_of[tid];
		if (!t)
			continue;
		t->floor = t->fills;
		t->stores += EX_FORWARD_BACK + 1;
		VG_(memset)(t->nt, 0, sizeof(t->nt));
	}
}

static void update(void)
{
	bool timed = ex.in_region && ex.in_sample;

	if (timed == ex.timed)
		return;
	ex.timed = timed;
	ex_time_restart();
}

static void region(bool entered)
{
	ex.count[entered ? CXMS_XN_ROI_ENTRIES : CXMS_XN_ROI_EXITS]++;
	if (entered == ex.in_region && (ex.had_region || !entered))
		return;
	ex.had_region = true;
	set_region(entered);
	if (!entered)
		update();
	ex_control(CXMS_XC_ROI, 1);
	ex_byte(entered);
	if (entered)
		update();
}

void ex_roi_enter(uint8_t mark)
{
	if (mark & EX_MARK_COLD)
		ex_run_cold();
	if (mark & (EX_MARK_BEGIN | EX_MARK_END))
		region(mark & EX_MARK_BEGIN);
	if (mark & EX_MARK_JOIN)
		ex_join_enter();
}

void ex_sample_next(void)
{
	ex.in_sample = !ex.in_sample;
	ex.sample_left =
		ex.in_sample ? ex.opt.sample_detail : ex.opt.sample_period - ex.opt.sample_detail;
	update();
}

Bool ex_request(ThreadId tid, UWord *args, UWord *ret)
{
	(void)tid;
	*ret = 0;
	switch (args[0]) {
	case CXLMEMSIM_REQUEST_ROI_BEGIN:
	case CXLMEMSIM_REQUEST_ROI_END:
		region(args[0] == CXLMEMSIM_REQUEST_ROI_BEGIN);
		return True;
	case CXLMEMSIM_REQUEST_TIME_NS:
		*ret = ex_answer(args[1]);
		return True;
	default:
		return False;
	}
}

void ex_roi_report(void)
{
	if (roi.begin.name && ex.count[CXMS_XN_ROI_ENTRIES] == 0)
		ex_warn("roi begin '%s' was never entered", roi.begin.name);
	if (roi.end.name && ex.count[CXMS_XN_ROI_EXITS] == 0)
		ex_warn("roi end '%s' was never entered", roi.end.name);
}
