/* Thread pointers of watched programs, without stopping them. */
#ifndef CXMS_SOURCE_TLS_H
#define CXMS_SOURCE_TLS_H

#include <stdint.h>
#include <sys/types.h>

/**
 * cxms_tls_find() - the FS base of the thread of process @pid whose stack pointer is @sp
 * @pid: as seen here (thread group id); must be readable by process_vm_readv(2). Its first thread
 *       may have ended
 *
 * glibc on x86-64 keeps the thread control block's own address at its offsets 0 and 16; a pthread's
 * lies at the top of its stack mapping, the main thread's in a mapping ld.so made, or at the
 * start of the heap of a static program. Read bounded: 128 KiB of the stack mapping, 16 MiB of
 * others. Source: glibc sysdeps/x86_64/nptl/tls.h (tcbhead_t), nptl/descr.h (struct pthread),
 * nptl/allocatestack.c. A stack that is none of these (coroutine, signal stack, other libc): not
 * found rather than guessed.
 *
 * Return: 0; -ENOENT nothing found; -ESRCH, -EACCES, -EPERM …; *fs_base untouched on error
 */
int cxms_tls_find(pid_t pid, uint64_t sp, uint64_t *fs_base);

#endif
