/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The address space: what is mapped, moved, unmapped and protected, by which call. */
#include "ex.h"

#include "pub_tool_aspacemgr.h"
#include "pub_tool_vki.h"
#include "pub_tool_vkiscnums.h"

/* The path of an open file; exported by Valgrind's core, not in the tool headers. */
extern Bool VG_(resolve_filename)(Int fd, const HChar **name);

static struct {
	uint64_t brk;	 /* 0: not known yet */
	uint64_t detach; /* end of the segment that is being detached, or 0 */
} space;

static uint64_t whole_pages(uint64_t bytes)
{
	const uint64_t page = UINT64_C(1) << CXMS_XS_PAGE_SHIFT;

	return (bytes + page - 1) / page * page;
}

static uint64_t page_of(uint64_t addr)
{
	return addr >> CXMS_XS_PAGE_SHIFT;
}

static void mapped(uint64_t addr, uint64_t bytes, unsigned prot, const HChar *path)
{
	unsigned len = path ? (unsigned)VG_(strlen)(path) : 0;

	bytes = whole_pages(bytes);
	if (!bytes)
		return;
	ex_control(CXMS_XC_MAP, 64 + len);
	ex_varint(addr);
	ex_varint(bytes);
	ex_byte((uint8_t)prot);
	ex_string(path ? path : "", len);
}

static void unmapped(uint64_t addr, uint64_t bytes)
{
	bytes = whole_pages(bytes);
	if (!bytes)
		return;
	ex_wrong_forget();
	ex_run_forget();
	ex_page_forget(page_of(addr), page_of(addr + bytes - 1));
	ex_page_unshare(page_of(addr), page_of(addr + bytes - 1));
	cxms_hier_forget(&ex.hier, addr >> CXMS_XS_LINE_SHIFT,
			 (addr + bytes - 1) >> CXMS_XS_LINE_SHIFT);
	ex_control(CXMS_XC_UNMAP, 32);
	ex_varint(addr);
	ex_varint(bytes);
}

void ex_map_startup(Addr addr, SizeT bytes, Bool rr, Bool ww, Bool xx, ULong handle)
{
	const NSegment *segment = VG_(am_find_nsegment)(addr);
	unsigned prot =
		(rr ? VKI_PROT_READ : 0u) | (ww ? VKI_PROT_WRITE : 0u) | (xx ? VKI_PROT_EXEC : 0u);

	(void)handle;
	mapped(addr, bytes, prot, segment ? VG_(am_get_filename)(segment) : NULL);
}

static void map_file(const UWord *args, uint64_t addr)
{
	const HChar *path = NULL;

	if (args[3] & VKI_MAP_ANONYMOUS || !VG_(resolve_filename)((Int)args[4], &path))
		path = NULL;
	if (args[3] & VKI_MAP_FIXED)
		unmapped(addr, args[1]);
	mapped(addr, args[1], (unsigned)args[2] & 7, path);
	if (args[3] & VKI_MAP_SHARED && args[1])
		ex_page_share(page_of(addr), page_of(addr + args[1] - 1));
}

static void moved(uint64_t old, uint64_t now, uint64_t bytes)
{
	if (!bytes)
		return;
	ex_page_move(page_of(old), page_of(old + bytes - 1), page_of(now));
	ex_control(CXMS_XC_MOVE, 48);
	ex_varint(page_of(old));
	ex_varint(page_of(now));
	ex_varint(page_of(bytes));
}

/* What stays in its place stays mapped; what moves is the same pages under another address. */
static void remapped(uint64_t old, uint64_t old_bytes, uint64_t now, uint64_t bytes)
{
	const unsigned prot = VKI_PROT_READ | VKI_PROT_WRITE;

	old_bytes = whole_pages(old_bytes);
	bytes = whole_pages(bytes);
	if (now != old) {
		ex_page_forget(page_of(now), page_of(now + bytes - 1));
		mapped(now, bytes, prot, NULL);
		moved(old, now, old_bytes < bytes ? old_bytes : bytes);
		unmapped(old, old_bytes);
	} else if (bytes > old_bytes) {
		mapped(old + old_bytes, bytes - old_bytes, prot, NULL);
	} else {
		unmapped(old + bytes, old_bytes - bytes);
	}
}

static void attached(uint64_t addr)
{
	const NSegment *segment = VG_(am_find_nsegment)(addr);

	if (!segment)
		return;
	mapped(addr, segment->end - addr + 1, VKI_PROT_READ | VKI_PROT_WRITE, "[shm]");
	ex_page_share(page_of(addr), page_of(segment->end));
}

/* Before the call: what is attached there is known until then. */
static void detaching(uint64_t addr)
{
	const NSegment *segment = VG_(am_find_nsegment)(addr);

	space.detach = segment && segment->start == addr ? segment->end + 1 : 0;
}

/* Nobody may read it: neither does the path behind a mispredicted branch, until it is accessed
 * again. */
static void reprotected(uint64_t addr, uint64_t bytes, uint64_t prot)
{
	bytes = whole_pages(bytes);
	if (!bytes || prot & (VKI_PROT_READ | VKI_PROT_WRITE))
		return;
	ex_run_forget();
	ex_page_forget(page_of(addr), page_of(addr + bytes - 1));
}

static void moved_brk(uint64_t now)
{
	if (space.brk && now > space.brk)
		mapped(space.brk, now - space.brk, VKI_PROT_READ | VKI_PROT_WRITE, "[heap]");
	if (space.brk && now < space.brk)
		unmapped(now, space.brk - now);
	space.brk = now;
}

void ex_map_enter(UInt number, const UWord *args)
{
	switch (number) {
	case __NR_shmdt:
		detaching(args[0]);
		ex_spin_forget(args[0], space.detach ? space.detach - args[0] : 0);
		break;
	case __NR_mmap:
		if (args[3] & VKI_MAP_FIXED)
			ex_spin_forget(args[0], args[1]);
		break;
	case __NR_munmap:
	case __NR_mremap:
	case __NR_mprotect:
	case __NR_pkey_mprotect:
		ex_spin_forget(args[0], args[1]);
		break;
	case __NR_brk:
		if (args[0] && args[0] < space.brk)
			ex_spin_forget(args[0], space.brk - args[0]);
		break;
	default:
		break;
	}
}

/* From so many bytes on it is more likely Valgrind that refuses than the machine. */
#define EX_REFUSED_GIB	 4u
#define EX_BYTES_PER_GIB (UINT64_C(1) << 30)

void ex_map_refused(UInt number, const UWord *args)
{
	uint64_t bytes = number == __NR_mmap ? args[1] : number == __NR_mremap ? args[2] : 0;

	if (bytes >= EX_REFUSED_GIB * EX_BYTES_PER_GIB)
		ex_warn("the program was refused %llu GiB of address space in one piece: under "
			"Valgrind there is less of it",
			(ULong)(bytes / EX_BYTES_PER_GIB));
}

void ex_map_leave(UInt number, const UWord *args, uint64_t value)
{
	switch (number) {
	case __NR_mmap:
		map_file(args, value);
		break;
	case __NR_munmap:
		unmapped(args[0], args[1]);
		break;
	case __NR_mremap:
		remapped(args[0], args[1], value, args[2]);
		break;
	case __NR_mprotect:
	case __NR_pkey_mprotect:
		reprotected(args[0], args[1], args[2]);
		break;
	case __NR_shmat:
		attached(value);
		break;
	case __NR_shmdt:
		if (space.detach)
			unmapped(args[0], space.detach - args[0]);
		break;
	case __NR_brk:
		moved_brk(value);
		break;
	default:
		break;
	}
}
