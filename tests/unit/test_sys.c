#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"

/* Every test runs inside a scratch directory of its own. */
struct scratch {
	char dir[64], before[1024];
};

static int setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));
	if (!s || !getcwd(s->before, sizeof(s->before)))
		return -1;
	strcpy(s->dir, "/tmp/cxms-test-sys-XXXXXX");
	*state = s;
	return mkdtemp(s->dir) && chdir(s->dir) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	struct scratch *s = *state;
	char command[128];
	int rc = chdir(s->before);
	snprintf(command, sizeof(command), "rm -rf '%s'", s->dir);
	rc |= system(command);
	free(s);
	unsetenv("CXMS_FSROOT");
	umask(022);
	return rc;
}

static void put(const char *path, const char *text)
{
	FILE *fp = fopen(path, "w");
	assert_non_null(fp);
	assert_true(fputs(text, fp) >= 0);
	assert_int_equal(fclose(fp), 0);
}

static void assert_holds(const char *path, const char *want)
{
	struct cxms_buf b = {0};
	assert_int_equal(cxms_file_read(path, 1000, &b, NULL), 0);
	assert_string_equal(cxms_buf_text(&b), want);
	cxms_buf_fini(&b);
}

/* Files in the scratch directory, hidden ones too. */
static int count_files(void)
{
	int n = 0;
	DIR *d = opendir(".");
	assert_non_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

static void test_only_proc_and_sys_are_rerooted(void **state)
{
	(void)state;
	static const struct {
		const char *path, *want;
	} rows[] = {
		{"/proc/cpuinfo", "/root0/proc/cpuinfo"},
		{"/sys", "/root0/sys"},
		{"/system/x", "/system/x"},
		{"/procs", "/procs"},
		{"/etc/passwd", "/etc/passwd"},
		{"proc/x", "proc/x"},
	};
	char out[64];
	setenv("CXMS_FSROOT", "/root0", 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(cxms_sys_path(out, sizeof(out), rows[i].path), 0);
		assert_string_equal(out, rows[i].want);
	}
	assert_int_equal(cxms_sys_path(out, 10, "/proc/cpuinfo"), -ENAMETOOLONG);
	unsetenv("CXMS_FSROOT");
	assert_int_equal(cxms_sys_path(out, sizeof(out), "/proc/cpuinfo"), 0);
	assert_string_equal(out, "/proc/cpuinfo");
}

static void test_sys_reads_below_the_root(void **state)
{
	(void)state;
	struct cxms_err err = {0};
	struct cxms_buf b = {0};
	assert_int_equal(cxms_mkdirs("sys/a/b", NULL), 0);
	put("sys/a/b/size", "hello\n");
	setenv("CXMS_FSROOT", ".", 1);
	assert_int_equal(cxms_sys_read("/sys/a/b/size", 6, &b, &err), 0);
	assert_string_equal(cxms_buf_text(&b), "hello\n");
	assert_int_equal(cxms_sys_read("/sys/a/b/size", 5, &b, &err), -EFBIG);
	assert_string_equal(cxms_buf_text(&b), "hello\n"); /* untouched by the failure */
	cxms_err_clear(&err);
	assert_int_equal(cxms_sys_read("/sys/none", 5, &b, &err), -ENOENT);
	assert_string_equal(err.msg, "cannot open './sys/none': No such file or directory");
	cxms_buf_fini(&b);
}

static void test_real_proc_files_say_size_zero_and_are_read_whole(void **state)
{
	(void)state;
	struct cxms_buf b = {0};
	assert_int_equal(cxms_sys_read("/proc/self/status", 1 << 20, &b, NULL), 0);
	assert_non_null(strstr(cxms_buf_text(&b), "Pid:"));
	cxms_buf_fini(&b);
}

static void test_numbers_in_files(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int rc;
		uint64_t want;
		const char *why;
	} rows[] = {
		{"42\n", 0, 42, "plain"},
		{"32768K\n", 0, 32768ull << 10, "size of a cache"},
		{"36M", 0, 36ull << 20, "no new line"},
		{" 7 \n", 0, 7, "white space"},
		{"18446744073709551615", 0, UINT64_MAX, "the largest"},
		{"18446744073709551616", -EINVAL, 0, "one more"},
		{"18446744073709551615K", -EINVAL, 0, "suffix overflows"},
		{"", -EINVAL, 0, "empty"},
		{"-1", -EINVAL, 0, "negative"},
		{"1 2", -EINVAL, 0, "two numbers"},
		{"0x10", -EINVAL, 0, "hexadecimal"},
		{"max\n", -EINVAL, 0, "a word"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t got = 99;
		put("n", rows[i].text);
		int rc = cxms_sys_read_u64("n", &got, NULL);
		if (rc != rows[i].rc || got != (rc ? 99 : rows[i].want))
			fail_msg("%s: rc %d", rows[i].why, rc);
	}
}

static void test_mkdirs_makes_all_and_names_what_is_in_the_way(void **state)
{
	(void)state;
	struct cxms_err err = {0};
	struct stat st;
	assert_int_equal(cxms_mkdirs("a/b/c/", &err), 0);
	assert_int_equal(cxms_mkdirs("a/b/c", &err), 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	put("a/file", "");
	assert_int_equal(cxms_mkdirs("a/file/d", &err), -ENOTDIR);
	assert_string_equal(err.msg, "cannot make directory 'a/file': Not a directory");
}

static void test_outfile_shows_the_new_file_only_after_commit(void **state)
{
	(void)state;
	struct cxms_outfile f;
	struct cxms_err err = {0};
	struct stat st;
	put("out.json", "old");
	umask(027);
	assert_int_equal(cxms_outfile_open(&f, "out.json", &err), 0);
	fputs("new", f.fp);
	fflush(f.fp);
	assert_holds("out.json", "old");
	assert_int_equal(cxms_outfile_commit(&f, &err), 0);
	assert_holds("out.json", "new");
	assert_null(f.fp);
	assert_int_equal(count_files(), 1);
	assert_int_equal(cxms_outfile_open(&f, "fresh", &err), 0);
	assert_int_equal(cxms_outfile_commit(&f, &err), 0);
	assert_int_equal(stat("fresh", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void test_outfile_abort_leaves_the_old_file_and_nothing_else(void **state)
{
	(void)state;
	struct cxms_outfile f;
	put("out", "old");
	assert_int_equal(cxms_outfile_open(&f, "out", NULL), 0);
	fputs("new", f.fp);
	assert_int_equal(count_files(), 2);
	cxms_outfile_abort(&f);
	cxms_outfile_abort(&f);
	cxms_outfile_abort(NULL);
	assert_holds("out", "old");
	assert_int_equal(count_files(), 1);
}

static void test_outfile_keeps_mode_and_link(void **state)
{
	(void)state;
	struct cxms_outfile f;
	struct stat st;
	put("secret", "old");
	assert_int_equal(chmod("secret", 0600), 0);
	assert_int_equal(symlink("secret", "link"), 0);
	assert_int_equal(cxms_outfile_open(&f, "link", NULL), 0);
	fputs("new", f.fp);
	assert_int_equal(cxms_outfile_commit(&f, NULL), 0);
	assert_holds("secret", "new");
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat("secret", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_outfile_takes_the_longest_name(void **state)
{
	(void)state;
	struct cxms_outfile f;
	char name[256];
	memset(name, 'n', sizeof(name) - 1);
	name[255] = '\0';
	assert_int_equal(cxms_outfile_open(&f, name, NULL), 0);
	assert_int_equal(cxms_outfile_commit(&f, NULL), 0);
	assert_int_equal(access(name, F_OK), 0);
}

static void test_outfile_says_why_it_cannot(void **state)
{
	(void)state;
	struct cxms_outfile f;
	struct cxms_err err = {0};
	assert_int_equal(cxms_outfile_open(&f, "none/out", &err), -ENOENT);
	assert_string_equal(err.msg, "cannot write 'none/out': No such file or directory");
	cxms_outfile_abort(&f);
	cxms_err_clear(&err);
	assert_int_equal(cxms_outfile_open(&f, ".", &err), -EISDIR);
}

static void test_full_disk_names_the_remedy(void **state)
{
	(void)state;
	struct cxms_outfile f;
	struct cxms_err err = {0};
	assert_int_equal(cxms_outfile_open(&f, "/dev/full", &err), 0);
	assert_null(f.tmp);
	fputs("x", f.fp);
	assert_int_equal(cxms_outfile_commit(&f, &err), -ENOSPC);
	assert_string_equal(err.msg, "cannot write '/dev/full': No space left on device; "
				     "free some space or choose another --output");
	cxms_err_clear(&err);
	/* the failure came earlier, so that its errno is gone */
	assert_int_equal(cxms_outfile_open(&f, "/dev/full", &err), 0);
	char big[1 << 16] = {0};
	fwrite(big, 1, sizeof(big), f.fp);
	assert_int_equal(cxms_outfile_commit(&f, &err), -EIO);
	assert_non_null(strstr(err.msg, "free some space"));
}

static void test_pipe_is_written_directly(void **state)
{
	(void)state;
	struct cxms_outfile f;
	char got[8] = {0};
	assert_int_equal(mkfifo("pipe", 0600), 0);
	int fd = open("pipe", O_RDONLY | O_NONBLOCK);
	assert_true(fd >= 0);
	assert_int_equal(cxms_outfile_open(&f, "pipe", NULL), 0);
	fputs("hi", f.fp);
	assert_int_equal(cxms_outfile_commit(&f, NULL), 0);
	assert_int_equal(read(fd, got, sizeof(got)), 2);
	assert_string_equal(got, "hi");
	close(fd);
	assert_int_equal(count_files(), 1);
}

static void test_clocks_run_forward(void **state)
{
	(void)state;
	uint64_t now = cxms_now_ns();
	uint64_t cpu = cxms_cpu_self_ns();
	assert_true(now > 0 && cpu > 0);
	assert_true(cxms_now_ns() >= now);
	assert_true(cxms_cpu_self_ns() >= cpu);
}

static void test_files_are_allowed_up_to_the_hard_limit(void **state)
{
	(void)state;
	struct rlimit before, now, low;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = (struct rlimit){.rlim_cur = 32, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	cxms_allow_files(0);
	getrlimit(RLIMIT_NOFILE, &now);
	rlim_t spare = now.rlim_cur;
	assert_true(spare > 32);
	cxms_allow_files(100);
	getrlimit(RLIMIT_NOFILE, &now);
	assert_int_equal(now.rlim_cur, spare + 100);
	cxms_allow_files(10); /* never taken back */
	getrlimit(RLIMIT_NOFILE, &now);
	assert_int_equal(now.rlim_cur, spare + 100);
	cxms_allow_files(UINT32_MAX);
	getrlimit(RLIMIT_NOFILE, &now);
	assert_true(now.rlim_cur == before.rlim_max || now.rlim_cur > UINT32_MAX);
	setrlimit(RLIMIT_NOFILE, &before);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCRATCH(test_only_proc_and_sys_are_rerooted),
		IN_SCRATCH(test_sys_reads_below_the_root),
		IN_SCRATCH(test_real_proc_files_say_size_zero_and_are_read_whole),
		IN_SCRATCH(test_numbers_in_files),
		IN_SCRATCH(test_mkdirs_makes_all_and_names_what_is_in_the_way),
		IN_SCRATCH(test_outfile_shows_the_new_file_only_after_commit),
		IN_SCRATCH(test_outfile_abort_leaves_the_old_file_and_nothing_else),
		IN_SCRATCH(test_outfile_keeps_mode_and_link),
		IN_SCRATCH(test_outfile_takes_the_longest_name),
		IN_SCRATCH(test_outfile_says_why_it_cannot),
		IN_SCRATCH(test_full_disk_names_the_remedy),
		IN_SCRATCH(test_pipe_is_written_directly),
		IN_SCRATCH(test_clocks_run_forward),
		cmocka_unit_test(test_files_are_allowed_up_to_the_hard_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
