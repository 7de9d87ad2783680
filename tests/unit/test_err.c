#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"

static void test_first_error_wins(void **state)
{
	(void)state;
	struct cxms_err err = {0};
	assert_int_equal(cxms_fail(&err, EINVAL, "first '%s'", "a"), -EINVAL);
	assert_int_equal(cxms_fail(&err, EIO, "second"), -EIO);
	assert_int_equal(cxms_fail_sys(&err, EIO, "third"), -EIO);
	assert_int_equal(err.code, EINVAL);
	assert_string_equal(err.msg, "first 'a'");
}

static void test_no_error_struct_still_gives_the_code(void **state)
{
	(void)state;
	assert_int_equal(cxms_fail(NULL, ENOENT, "x"), -ENOENT);
	assert_int_equal(cxms_fail_sys(NULL, ENOENT, "x"), -ENOENT);
	cxms_err_prefix(NULL, "x");
	cxms_err_clear(NULL);
}

static void test_sys_appends_the_reason(void **state)
{
	(void)state;
	struct cxms_err err = {0};
	cxms_fail_sys(&err, ENOENT, "cannot open '%s'", "f");
	assert_string_equal(err.msg, "cannot open 'f': No such file or directory");
	cxms_err_clear(&err);
	cxms_fail_sys(&err, 99999, "cannot open 'f'");
	assert_string_equal(err.msg, "cannot open 'f': error 99999");
	cxms_err_clear(&err);
	cxms_fail_sys(&err, EMFILE, "cannot open a pipe");
	assert_string_equal(err.msg, "cannot open a pipe: Too many open files; raise the limit of "
				     "open files (ulimit -n)");
}

static void test_prefix_only_on_an_error(void **state)
{
	(void)state;
	struct cxms_err err = {0};
	cxms_err_prefix(&err, "nothing");
	assert_int_equal(err.code, 0);
	assert_string_equal(err.msg, "");
	cxms_fail(&err, EINVAL, "fault");
	cxms_err_prefix(&err, "%s:%d", "f.yaml", 3);
	assert_string_equal(err.msg, "f.yaml:3: fault");
	cxms_err_clear(&err);
	assert_int_equal(err.code, 0);
}

static void test_long_messages_are_cut_inside_the_array(void **state)
{
	(void)state;
	struct cxms_err err = {0};
	char text[2 * CXMS_ERR_MSG_MAX];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	cxms_fail(&err, EINVAL, "%s", text);
	assert_int_equal(strlen(err.msg), CXMS_ERR_MSG_MAX - 1);
	cxms_err_prefix(&err, "head");
	assert_int_equal(strncmp(err.msg, "head: xx", 8), 0);
	cxms_err_prefix(&err, "%s", text);
	assert_int_equal(strlen(err.msg), CXMS_ERR_MSG_MAX - 1);
}

static void test_control_bytes_never_reach_the_terminal(void **state)
{
	(void)state;
	struct cxms_err err = {0};
	cxms_fail(&err, EINVAL, "a\033[2Jb\nc");
	assert_string_equal(err.msg, "a?[2Jb\nc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_error_wins),
		cmocka_unit_test(test_no_error_struct_still_gives_the_code),
		cmocka_unit_test(test_sys_appends_the_reason),
		cmocka_unit_test(test_prefix_only_on_an_error),
		cmocka_unit_test(test_long_messages_are_cut_inside_the_array),
		cmocka_unit_test(test_control_bytes_never_reach_the_terminal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
