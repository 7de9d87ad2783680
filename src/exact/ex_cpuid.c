/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What CPUID tells the program. Valgrind plays processors that have RDTSCP, and ends programs that
 * then use it where this machine has none, as some virtual ones: Go's runtime does at its start.
 */
#include "ex.h"

#include <cpuid.h>

#define LEAF_EXTENDED 0x80000001u
#define EDX_RDTSCP    (1u << 27)

/* Of VEX, not in the tool headers; it is linked with --wrap for them. They leave the registers in
 * the guest's state. How many of the flags they take is VEX's own. */
typedef void helper(VexGuestAMD64State *guest, uint64_t flag1, uint64_t flag2, uint64_t flag3);
helper __real_amd64g_dirtyhelper_CPUID_sse42_and_cx16;
helper __real_amd64g_dirtyhelper_CPUID_avx_and_cx16;
helper __real_amd64g_dirtyhelper_CPUID_avx2;
helper __wrap_amd64g_dirtyhelper_CPUID_sse42_and_cx16;
helper __wrap_amd64g_dirtyhelper_CPUID_avx_and_cx16;
helper __wrap_amd64g_dirtyhelper_CPUID_avx2;

static bool has_rdtscp(void)
{
	uint32_t eax, ebx, ecx, edx;

	return __get_cpuid(LEAF_EXTENDED, &eax, &ebx, &ecx, &edx) && edx & EDX_RDTSCP;
}

static void answer(helper *real, VexGuestAMD64State *guest, uint64_t flag1, uint64_t flag2,
		   uint64_t flag3)
{
	const bool is_extended = (uint32_t)guest->guest_RAX == LEAF_EXTENDED;

	real(guest, flag1, flag2, flag3);
	if (is_extended && !has_rdtscp())
		guest->guest_RDX &= ~(uint64_t)EDX_RDTSCP;
}

void __wrap_amd64g_dirtyhelper_CPUID_sse42_and_cx16(VexGuestAMD64State *guest, uint64_t flag1,
						    uint64_t flag2, uint64_t flag3)
{
	answer(__real_amd64g_dirtyhelper_CPUID_sse42_and_cx16, guest, flag1, flag2, flag3);
}

void __wrap_amd64g_dirtyhelper_CPUID_avx_and_cx16(VexGuestAMD64State *guest, uint64_t flag1,
						  uint64_t flag2, uint64_t flag3)
{
	answer(__real_amd64g_dirtyhelper_CPUID_avx_and_cx16, guest, flag1, flag2, flag3);
}

void __wrap_amd64g_dirtyhelper_CPUID_avx2(VexGuestAMD64State *guest, uint64_t flag1, uint64_t flag2,
					  uint64_t flag3)
{
	answer(__real_amd64g_dirtyhelper_CPUID_avx2, guest, flag1, flag2, flag3);
}
