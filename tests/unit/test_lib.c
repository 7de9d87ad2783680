#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/disasm.h"
#include "base/err.h"
#include "base/lib.h"

/* What any process has already. */
#define LIBC "libc.so.6"

struct table {
	size_t (*length)(const char *);
	int (*none)(void);
};

static const struct cxms_lib_function functions[] = {
	{"strlen", offsetof(struct table, length)},
	{"cxms_no_such_function", offsetof(struct table, none)},
};

static void test_functions_are_found(void **state)
{
	(void)state;
	struct table t = {0};
	struct cxms_err err = {0};
	assert_int_equal(cxms_lib_load(LIBC, "libc6", functions, 1, &t, &err), 0);
	assert_int_equal(t.length("four"), 4);
	assert_null(t.none);
}

static void test_missing_library_is_named_with_its_package(void **state)
{
	(void)state;
	struct table t = {0};
	struct cxms_err err = {0};
	assert_int_equal(cxms_lib_load("libcxms-none.so.1", "none", functions, 1, &t, &err),
			 -ENOTSUP);
	assert_string_equal(err.msg, "cannot load 'libcxms-none.so.1': cannot open shared object "
				     "file: No such file or directory; install none");
	assert_null(t.length);
}

static void test_library_that_is_there_but_broken_is_told_from_a_missing_one(void **state)
{
	(void)state;
	char path[] = "/tmp/cxms-lib-XXXXXX";
	char want[128];
	struct table t = {0};
	struct cxms_err err = {0};
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	snprintf(want, sizeof(want), "cannot load '%s': file too short; install none", path);
	assert_int_equal(cxms_lib_load(path, "none", functions, 1, &t, &err), -ENOTSUP);
	assert_string_equal(err.msg, want);
	unlink(path);
}

static void test_table_is_untouched_when_a_function_is_missing(void **state)
{
	(void)state;
	struct table t = {0};
	struct cxms_err err = {0};
	assert_int_equal(cxms_lib_load(LIBC, "libc6", functions, 2, &t, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "'cxms_no_such_function'"));
	assert_null(t.length);
}

static void test_disassembler_reads_one_after_the_other(void **state)
{
	(void)state;
	static const uint8_t code[] = {0x48, 0x8b, 0x00, 0x90,
				       0x06}; /* mov, nop, none in 64 bits */
	const uint8_t *at = code;
	size_t len = sizeof(code);
	uint64_t addr = 0x1000;
	struct cxms_disasm d = {0};
	struct cxms_err err = {0};
	cs_regs reads, writes;
	uint8_t n_reads, n_writes;
	assert_int_equal(cxms_disasm_open(&d, &err), 0);
	assert_true(cxms_disasm_next(&d, &at, &len, &addr));
	assert_int_equal(d.insn->id, X86_INS_MOV);
	assert_true(cxms_disasm_registers(&d, reads, &n_reads, writes, &n_writes));
	assert_int_equal(n_reads + n_writes, 2);
	assert_true(cxms_disasm_next(&d, &at, &len, &addr));
	assert_int_equal(d.insn->id, X86_INS_NOP);
	assert_int_equal(addr, 0x1004);
	assert_false(cxms_disasm_next(&d, &at, &len, &addr));
	cxms_disasm_close(&d);
	cxms_disasm_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions_are_found),
		cmocka_unit_test(test_missing_library_is_named_with_its_package),
		cmocka_unit_test(test_library_that_is_there_but_broken_is_told_from_a_missing_one),
		cmocka_unit_test(test_table_is_untouched_when_a_function_is_missing),
		cmocka_unit_test(test_disassembler_reads_one_after_the_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
