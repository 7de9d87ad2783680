/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that execute /proc/self/exe. Under Valgrind that names Valgrind: where the program reads
 * the link it answers for the program, but an exec hands the name to the next Valgrind as it is,
 * which then tries to load itself.
 */
#include "ex.h"

#include "pub_tool_libcproc.h"
#include "pub_tool_vki.h"
#include "pub_tool_vkiscnums.h"

/* Of Valgrind's core, not in the tool headers. The calls that Valgrind makes itself; it is linked
 * with --wrap for them. */
SysRes __real_vgPlain_do_syscall(UWord number, RegWord a1, RegWord a2, RegWord a3, RegWord a4,
				 RegWord a5, RegWord a6, RegWord a7, RegWord a8);
SysRes __wrap_vgPlain_do_syscall(UWord number, RegWord a1, RegWord a2, RegWord a3, RegWord a4,
				 RegWord a5, RegWord a6, RegWord a7, RegWord a8);
/* The program's file, and the path of an open one. */
extern Int VG_(cl_exec_fd);
extern Bool VG_(resolve_filename)(Int fd, const HChar **name);

static bool is_self(const HChar *word)
{
	HChar own[32];

	VG_(sprintf)(own, "/proc/%d/exe", VG_(getpid)());
	return !VG_(strcmp)(word, "/proc/self/exe") || !VG_(strcmp)(word, own);
}

/* The first such word is the program: before it stand Valgrind's own. */
static void name_program(const HChar **words)
{
	const HChar *name;

	while (*words && !is_self(*words))
		words++;
	if (*words && VG_(resolve_filename)(VG_(cl_exec_fd), &name))
		*words = name;
}

SysRes __wrap_vgPlain_do_syscall(UWord number, RegWord a1, RegWord a2, RegWord a3, RegWord a4,
				 RegWord a5, RegWord a6, RegWord a7, RegWord a8)
{
	if (number == __NR_execve && a2)
		name_program((const HChar **)a2);
	return __real_vgPlain_do_syscall(number, a1, a2, a3, a4, a5, a6, a7, a8);
}
