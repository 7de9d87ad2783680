/* What a sleeping thread waits for: the system call it is in, as /proc shows it. */
#ifndef CXMS_SOURCE_WAITS_H
#define CXMS_SOURCE_WAITS_H

#include <stddef.h>
#include <stdint.h>

#include "trace/event.h"

/**
 * cxms_wait_parse() - a line of /proc/<pid>/task/<tid>/syscall (x86-64)
 * @fd: out: the descriptor that decides, -1 = none does
 * Return: what it waits for; with a descriptor: if that tells nothing. UNKNOWN: it runs, or no line
 */
enum cxms_wait_kind cxms_wait_parse(const char *line, int *fd);
/** cxms_wait_of_link() - of a read or write on what a link in /proc/<pid>/fd points to */
enum cxms_wait_kind cxms_wait_of_link(const char *target);
/** cxms_wait_look() - what a thread waits for now; UNKNOWN: it runs, or may not be looked at */
enum cxms_wait_kind cxms_wait_look(uint32_t pid, uint32_t tid);

#endif
