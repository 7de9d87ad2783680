/* One x86-64 instruction at a time by capstone, which is loaded when the first is. */
#ifndef CXMS_BASE_DISASM_H
#define CXMS_BASE_DISASM_H

#include <capstone/capstone.h>

struct cxms_err;

/** struct cxms_disasm - zeroed: not open. One thread for each */
struct cxms_disasm {
	csh cs;
	cs_insn *insn; /* the latest, with its detail; NULL: not open */
	struct cxms_disasm_lib {
		__typeof__(cs_open) *open;
		__typeof__(cs_option) *option;
		__typeof__(cs_malloc) *insn_new;
		__typeof__(cs_disasm_iter) *next;
		__typeof__(cs_regs_access) *registers;
		__typeof__(cs_strerror) *message;
		__typeof__(cs_free) *insn_free;
		__typeof__(cs_close) *close;
	} lib;
};

/** 0, -ENOMEM, or -ENOTSUP: no capstone, or one without x86. @d is zeroed */
int cxms_disasm_open(struct cxms_disasm *d, struct cxms_err *err);
void cxms_disasm_close(struct cxms_disasm *d);
/**
 * cxms_disasm_next() - the instruction at @*code, into d->insn
 * @code, @len, @addr: moved behind it
 * Return: false when capstone does not know it
 */
bool cxms_disasm_next(const struct cxms_disasm *d, const uint8_t **code, size_t *len,
		      uint64_t *addr);
/** registers that d->insn reads and writes, also those it does not name; false: not known */
bool cxms_disasm_registers(const struct cxms_disasm *d, cs_regs reads, uint8_t *n_reads,
			   cs_regs writes, uint8_t *n_writes);

#endif
