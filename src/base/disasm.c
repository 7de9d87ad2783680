#include "base/disasm.h"

#include "base/err.h"
#include "base/lib.h"

#include <errno.h>

#define TEXT_OF(number) #number
#define TEXT(macro)	TEXT_OF(macro)
/* Its structures differ from one major version to the next. */
#define SONAME "libcapstone.so." TEXT(CS_API_MAJOR)

static int load(struct cxms_disasm_lib *lib, struct cxms_err *err)
{
	static const struct cxms_lib_function functions[] = {
		CXMS_LIB_FUNCTION(cxms_disasm_lib, cs_open, open),
		CXMS_LIB_FUNCTION(cxms_disasm_lib, cs_option, option),
		CXMS_LIB_FUNCTION(cxms_disasm_lib, cs_malloc, insn_new),
		CXMS_LIB_FUNCTION(cxms_disasm_lib, cs_disasm_iter, next),
		CXMS_LIB_FUNCTION(cxms_disasm_lib, cs_regs_access, registers),
		CXMS_LIB_FUNCTION(cxms_disasm_lib, cs_strerror, message),
		CXMS_LIB_FUNCTION(cxms_disasm_lib, cs_free, insn_free),
		CXMS_LIB_FUNCTION(cxms_disasm_lib, cs_close, close),
	};
	return cxms_lib_load(SONAME, "capstone", functions, sizeof(functions) / sizeof(*functions),
			     lib, err);
}

int cxms_disasm_open(struct cxms_disasm *d, struct cxms_err *err)
{
	cs_err why;
	int rc = load(&d->lib, err);

	if (rc)
		return rc;
	why = d->lib.open(CS_ARCH_X86, CS_MODE_64, &d->cs);
	if (why == CS_ERR_OK) {
		why = d->lib.option(d->cs, CS_OPT_DETAIL, CS_OPT_ON);
		if (why == CS_ERR_OK)
			d->insn = d->lib.insn_new(d->cs);
		if (!d->insn)
			d->lib.close(&d->cs);
	}
	if (d->insn)
		return 0;
	return cxms_fail(err, why == CS_ERR_OK || why == CS_ERR_MEM ? ENOMEM : ENOTSUP,
			 "cannot start capstone for x86-64: %s", d->lib.message(why));
}

void cxms_disasm_close(struct cxms_disasm *d)
{
	if (!d->insn)
		return;
	d->lib.insn_free(d->insn, 1);
	d->lib.close(&d->cs);
	*d = (struct cxms_disasm){0};
}

bool cxms_disasm_next(const struct cxms_disasm *d, const uint8_t **code, size_t *len,
		      uint64_t *addr)
{
	return d->lib.next(d->cs, code, len, addr, d->insn);
}

bool cxms_disasm_registers(const struct cxms_disasm *d, cs_regs reads, uint8_t *n_reads,
			   cs_regs writes, uint8_t *n_writes)
{
	return d->lib.registers(d->cs, d->insn, reads, n_reads, writes, n_writes) == CS_ERR_OK;
}
