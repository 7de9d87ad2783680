#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/warn.h"

static void test_message_has_finding_consequence_remedy(void **state)
{
	(void)state;
	struct cxms_warnings w = {0};
	cxms_warn(&w, CXMS_W_LOST_SAMPLES, "lost %.1f %% of samples", 4.1);
	assert_int_equal(w.n, 1);
	assert_int_equal(w.list[0].code, CXMS_W_LOST_SAMPLES);
	assert_string_equal(w.list[0].message,
			    "lost 4.1 % of samples: slowdowns may be misjudged where samples were "
			    "lost; raise --period");
}

static void test_one_per_code_and_the_first_stands(void **state)
{
	(void)state;
	struct cxms_warnings w = {0};
	for (int round = 0; round < 2; round++)
		for (int code = 0; code < CXMS_W_COUNT; code++)
			cxms_warn(&w, (enum cxms_warn_code)code, "round %d", round);
	assert_int_equal(w.n, CXMS_W_COUNT);
	for (size_t i = 0; i < w.n; i++) {
		assert_int_equal(w.list[i].code, i);
		assert_int_equal(strncmp(w.list[i].message, "round 0: ", 9), 0);
		assert_non_null(strchr(w.list[i].message, ';'));
	}
}

static void test_long_findings_keep_the_remedy(void **state)
{
	(void)state;
	struct cxms_warnings w = {0};
	cxms_warn(&w, CXMS_W_STEAL, "%1000s", "x");
	assert_non_null(strstr(w.list[0].message, "use a quieter machine"));
}

static void test_names_are_the_json_codes(void **state)
{
	(void)state;
	assert_string_equal(cxms_warn_name(CXMS_W_LOST_SAMPLES), "CXMS_W_LOST_SAMPLES");
	assert_string_equal(cxms_warn_name(CXMS_W_BLOCKED), "CXMS_W_BLOCKED");
}

static void test_log_honours_levels_and_shows_no_progress_off_a_terminal(void **state)
{
	(void)state;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	struct cxms_log log;
	cxms_log_init(&log, out, CXMS_LOG_NORMAL);
	log.started_ns = 0;
	cxms_log(&log, CXMS_LOG_QUIET, "error %d", 1);
	cxms_log(&log, CXMS_LOG_NORMAL, "normal");
	cxms_log(&log, CXMS_LOG_INFO, "hidden");
	cxms_log_progress(&log, "hidden");
	cxms_log_progress_end(&log);
	cxms_log(NULL, CXMS_LOG_NORMAL, "hidden");
	fflush(out);
	assert_string_equal(text, "cxlmemsim: error 1\ncxlmemsim: normal\n");
	fclose(out);
	free(text);
}

static void test_log_wipes_the_progress_line(void **state)
{
	(void)state;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	struct cxms_log log = {.out = out, .progress = true};
	cxms_log_progress(&log, "%d of %d", 1, 2);
	assert_true(log.line_open);
	cxms_log(&log, CXMS_LOG_NORMAL, "done");
	assert_false(log.line_open);
	fflush(out);
	assert_string_equal(text, "\r\033[K1 of 2\r\033[Kcxlmemsim: done\n");
	fclose(out);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message_has_finding_consequence_remedy),
		cmocka_unit_test(test_one_per_code_and_the_first_stands),
		cmocka_unit_test(test_long_findings_keep_the_remedy),
		cmocka_unit_test(test_names_are_the_json_codes),
		cmocka_unit_test(test_log_honours_levels_and_shows_no_progress_off_a_terminal),
		cmocka_unit_test(test_log_wipes_the_progress_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
