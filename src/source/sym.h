/* Functions of executables and libraries: names of file offsets, from an ELF file's symbols. */
#ifndef CXMS_SOURCE_SYM_H
#define CXMS_SOURCE_SYM_H

#include <stdint.h>

/* Longer names (of templates) are cut to this many bytes. */
#define CXMS_SYM_NAME_MAX 200

struct cxms_syms;

/**
 * cxms_syms_read() - the functions of an ELF file: of .symtab, else of .dynsym
 * @fd:  open for reading; its position may move. Any bytes are allowed
 * @out: NULL where the file names none (stripped, no ELF file, broken)
 * Return: 0 or -ENOMEM
 * Owner:  caller frees with cxms_syms_free()
 */
int cxms_syms_read(int fd, struct cxms_syms **out);
void cxms_syms_free(struct cxms_syms *s);

/**
 * cxms_syms_find() - the function that holds file offset @at
 * @off: out, from its first byte
 * Return: its name as the linker has it, borrowed from @s; NULL = none. @s may be NULL
 */
const char *cxms_syms_find(const struct cxms_syms *s, uint64_t at, uint32_t *off);

#endif
