#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"
#include "source/perf_attr.h"
#include "source/perf_open.h"

#define COMMON_OF(sample_type, more)                                                               \
	"sample_type=" sample_type                                                                 \
	"\nread_format=16\ndisabled=1\ninherit=1\nexclude_kernel=1\nexclude_hv="                   \
	"1\n" more

static const struct {
	enum cxms_perf_event event;
	const char *text, *why;
} rows[] = {
	{CXMS_PERF_SAMPLES,
	 "type=1\nconfig=0\nsize=%u\nsample_period=199999\n" COMMON_OF(
		 "0x1087", "enable_on_exec=1\nsample_id_all=1\nwatermark=1\nwakeup_watermark=4096\n"
			   "use_clockid=1\nclockid=1\nsample_regs_user=0xff00ff\n\n"),
	 "CPU clock: IP TID TIME CPU and sixteen registers, at a fixed period"},
	{CXMS_PERF_FAULTS,
	 "type=1\nconfig=2\nsize=%u\nsample_period=1\n" COMMON_OF(
		 "0x8f", "enable_on_exec=1\nsample_id_all=1\nwatermark=1\nwakeup_watermark=4096\n"
			 "use_clockid=1\nclockid=1\n\n"),
	 "every page fault: IP TID TIME ADDR CPU"},
	{CXMS_PERF_SIDE,
	 "type=1\nconfig=2\nsize=%u\nsample_period=31\n" COMMON_OF(
		 "0x8f", "mmap=1\nmmap2=1\nmmap_data=1\ncomm=1\ncomm_exec=1\ntask=1\n"
			 "context_switch=1\nbuild_id=1\nenable_on_exec=1\nsample_id_all=1\n"
			 "watermark=1\nwakeup_watermark=4096\nuse_clockid=1\nclockid=1\n\n"),
	 "mappings with build ids, commands, tasks, switches, and one page fault of 31"},
};

static void test_attributes_are_these_and_no_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct perf_event_attr attr;
		struct cxms_buf got = {0}, want = {0};

		cxms_perf_attr(rows[i].event, 199999, 4096, true, &attr);
		cxms_perf_attr_print(&attr, &got);
		cxms_buf_printf(&want, rows[i].text, (unsigned)sizeof(attr));
		assert_string_equal(cxms_buf_text(&got), cxms_buf_text(&want));
		cxms_buf_fini(&got);
		cxms_buf_fini(&want);
	}
}

static void test_an_old_kernel_gets_no_build_ids(void **state)
{
	struct perf_event_attr attr;

	(void)state;
	cxms_perf_attr(CXMS_PERF_SIDE, 1, 1, false, &attr);
	assert_int_equal(attr.build_id, 0);
	assert_int_equal(attr.mmap2, 1);
}

static void test_open_dumps_what_it_asks_for(void **state)
{
	char path[] = "/tmp/cxms_attr_XXXXXX";
	struct cxms_buf got = {0}, want = {0};
	struct cxms_err err = {0};
	struct perf_event_attr attr;
	int fd = mkstemp(path), event;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(setenv("CXMS_PERF_ATTR_DUMP", path, 1), 0);
	for (int i = 0; i < CXMS_PERF_EVENT_COUNT; i++) {
		cxms_perf_attr((enum cxms_perf_event)i, 199999, 4096, true, &attr);
		cxms_perf_attr_print(&attr, &want);
		event = cxms_perf_open(&attr, 0, -1, &err);
		if (event >= 0)
			close(event);
	}
	assert_int_equal(unsetenv("CXMS_PERF_ATTR_DUMP"), 0);
	assert_int_equal(cxms_file_read(path, 65536, &got, NULL), 0);
	assert_string_equal(cxms_buf_text(&got), cxms_buf_text(&want));
	unlink(path);
	cxms_buf_fini(&got);
	cxms_buf_fini(&want);
}

static void test_a_bad_attribute_names_the_event(void **state)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .config = 12345};
	struct cxms_err err = {0};
	int fd;

	(void)state;
	attr.size = sizeof(attr);
	attr.exclude_kernel = 1;
	fd = cxms_perf_open(&attr, 0, -1, &err);
	assert_true(fd < 0);
	assert_int_equal(err.code, -fd);
	assert_true(err.msg[0] != '\0');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attributes_are_these_and_no_others),
		cmocka_unit_test(test_an_old_kernel_gets_no_build_ids),
		cmocka_unit_test(test_open_dumps_what_it_asks_for),
		cmocka_unit_test(test_a_bad_attribute_names_the_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
