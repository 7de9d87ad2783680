#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "source/pcm_read.h"

#define GROUPS ",,SKT0,SKT0,SKT0,SKT0,SKT0,SKT0,SKT1,SKT1,SKT1,System,System,System"
#define NAMES                                                                                      \
	"Date,Time,Mem Read (MB/s),Mem Write (MB/s),Memory (MB/s),CXL.mem_P0Read,CXL.mem_P0Write," \
	"CXL.mem_P1Read,Mem Read (MB/s),Mem Write (MB/s),Memory (MB/s),Read,Write,Memory"
#define FIRST  "2026-04-02,07:58:51.500,1,1,2,1,1,1,1,1,2,2,2,4"
#define SECOND "2026-04-02,07:58:52.000,   100.00,40.00,140,8,4,2,0,   7,7,100,47,147"

static int setup(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	return 0;
}

static void test_rows_hold_the_bytes_of_the_interval_by_socket(void **state)
{
	struct cxms_pcm *p = cxms_pcm_new();
	struct cxms_pcm_row row;

	(void)state;
	assert_int_equal(cxms_pcm_line(p, "banner of the program", &row, NULL), 0);
	assert_int_equal(cxms_pcm_line(p, GROUPS, &row, NULL), 0);
	assert_int_equal(cxms_pcm_line(p, NAMES, &row, NULL), 0);
	assert_int_equal(cxms_pcm_line(p, FIRST, &row, NULL), 0); /* begins the first interval */
	assert_int_equal(cxms_pcm_line(p, SECOND, &row, NULL), 1);
	assert_int_equal(row.to_ns - row.from_ns, 500000000);
	assert_int_equal(row.to_ns, 1775116732000000000);
	assert_true(row.bytes[0][CXMS_PCM_READ] == 50e6);
	assert_true(row.bytes[0][CXMS_PCM_WRITE] == 20e6);
	assert_true(row.bytes[0][CXMS_PCM_CXL_READ] == 5e6); /* both ports */
	assert_true(row.bytes[0][CXMS_PCM_CXL_WRITE] == 2e6);
	assert_true(row.bytes[1][CXMS_PCM_READ] == 0);
	assert_true(row.bytes[1][CXMS_PCM_WRITE] == 3.5e6);
	assert_true(row.bytes[1][CXMS_PCM_CXL_READ] < 0);
	assert_true(row.bytes[CXMS_PCM_SYSTEM][CXMS_PCM_READ] < 0); /* known by socket */
	assert_int_equal(cxms_pcm_skipped(p), 1);
	cxms_pcm_free(p);
}

static void test_pcm_itself_gives_gigabytes_of_the_interval(void **state)
{
	struct cxms_pcm *p = cxms_pcm_new();
	struct cxms_pcm_row row;

	(void)state;
	cxms_pcm_line(p, ";;System;System;System", &row, NULL);
	assert_int_equal(cxms_pcm_line(p, "Date;Time;IPC;READ;WRITE", &row, NULL), 0);
	assert_int_equal(cxms_pcm_line(p, "2026-4-2;7:58:51;1;9;9", &row, NULL), 0);
	assert_int_equal(cxms_pcm_line(p, "2026-4-2;7:58:53;1;1.5;0.25", &row, NULL), 1);
	assert_true(row.bytes[CXMS_PCM_SYSTEM][CXMS_PCM_READ] == 1.5e9);
	assert_true(row.bytes[CXMS_PCM_SYSTEM][CXMS_PCM_WRITE] == 0.25e9);
	cxms_pcm_free(p);
}

static void test_damaged_lines_are_skipped_and_strange_heads_refused(void **state)
{
	static const char *const bad[] = {"2026-04-02", "2026-04-02,25:xx", "1,2,3", "....",
					  "2026-99-02x,07:58:51,1"};
	struct cxms_pcm *p = cxms_pcm_new();
	struct cxms_pcm_row row;
	struct cxms_err err = {0};

	(void)state;
	cxms_pcm_line(p, GROUPS, &row, NULL);
	cxms_pcm_line(p, NAMES, &row, NULL);
	cxms_pcm_line(p, FIRST, &row, NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cxms_pcm_line(p, bad[i], &row, NULL), 0);
	assert_int_equal(cxms_pcm_skipped(p), sizeof(bad) / sizeof(bad[0]));
	/* a clock set back, then values cut short or no numbers: what is there counts */
	assert_int_equal(cxms_pcm_line(p, "2026-04-02,07:58:50.000,1,1", &row, NULL), 0);
	assert_int_equal(cxms_pcm_line(p, "2026-04-02,07:58:51.000,nan,-3", &row, NULL), 1);
	assert_true(row.bytes[0][CXMS_PCM_READ] < 0 && row.bytes[0][CXMS_PCM_WRITE] < 0);
	assert_int_equal(cxms_pcm_line(p, "Date,Time,IPC", &row, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "pcm-memory -csv"));
	cxms_pcm_free(p);
}

static void put(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Bytes come in any pieces: a row shows when its line is whole, and nothing waits. */
static void read_while_it_grows(const char *path, int out)
{
	struct cxms_pcm *p = NULL;
	struct cxms_pcm_row row;

	assert_int_equal(cxms_pcm_open(path, &p, NULL), 0);
	if (out < 0)
		out = open(path, O_WRONLY);
	assert_int_equal(cxms_pcm_poll(p, &row, NULL), 0);
	put(out, GROUPS "\n" NAMES "\r\n" FIRST "\n2026-04-02,07:58:");
	assert_int_equal(cxms_pcm_poll(p, &row, NULL), 0);
	put(out, "52.500,100,40\n" SECOND);
	assert_int_equal(cxms_pcm_poll(p, &row, NULL), 1);
	assert_true(row.bytes[0][CXMS_PCM_READ] == 100e6);
	assert_int_equal(cxms_pcm_poll(p, &row, NULL), 0);
	put(out, "\n2026-04-02,07:58:53.500,1,2\n2026-04-02,07:58:54.500,3,4\n");
	assert_int_equal(cxms_pcm_poll(p, &row, NULL), 1);
	assert_true(row.bytes[0][CXMS_PCM_WRITE] == 3e6); /* since SECOND, 1.5 s at 2 MB/s */
	assert_int_equal(cxms_pcm_poll(p, &row, NULL), 1);
	assert_int_equal(cxms_pcm_poll(p, &row, NULL), 0);
	close(out);
	assert_int_equal(cxms_pcm_poll(p, &row, NULL), 0);
	cxms_pcm_free(p);
}

static void test_files_and_pipes_are_read_as_they_grow(void **state)
{
	char dir[] = "/tmp/cxms-test-pcm-XXXXXX", path[64];
	struct cxms_err err = {0};
	struct cxms_pcm *p = NULL;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/text", dir);
	assert_int_equal(cxms_pcm_open(path, &p, &err), -ENOENT);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	assert_true(fd >= 0);
	read_while_it_grows(path, fd);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	read_while_it_grows(path, -1);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_hold_the_bytes_of_the_interval_by_socket),
		cmocka_unit_test(test_pcm_itself_gives_gigabytes_of_the_interval),
		cmocka_unit_test(test_damaged_lines_are_skipped_and_strange_heads_refused),
		cmocka_unit_test(test_files_and_pipes_are_read_as_they_grow),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
