/*
 * The exact source against a stand-in for valgrind (support/fake_valgrind.c), which sends what the
 * tool would: packets in order, processes told of, statuses and signals passed on, failures in
 * words.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"
#include "base/warn.h"
#include "core/xstream.h"
#include "record/record.h"
#include "source/exact_tool.h"
#include "source/source.h"
#include "trace/trace.h"

#define FAKE_DIR CXMS_BUILD_DIR "/tests/fake"

static char tmp_dir[] = "/tmp/cxms-test-exact.XXXXXX";
static const char *plain_path; /* PATH without the fake */

static int setup(void **state)
{
	char path[8192];

	(void)state;
	assert_non_null(mkdtemp(tmp_dir));
	plain_path = strdup(getenv("PATH"));
	snprintf(path, sizeof(path), "%s:%s", FAKE_DIR, plain_path);
	setenv("PATH", path, 1);
	setenv("CXMS_EXACT_DIR", FAKE_DIR, 1);
	setenv("TMPDIR", tmp_dir, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rmdir(tmp_dir);
	free((char *)plain_path);
	return 0;
}

/* Nothing is left of a run: its folder of logs is gone. */
static void assert_no_leftovers(void)
{
	DIR *d = opendir(tmp_dir);

	assert_non_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		if (strncmp(e->d_name, "cxlmemsim-", 10) == 0)
			fail_msg("'%s' was left behind", e->d_name);
	closedir(d);
}

static struct cxms_exact_cfg some_host(void)
{
	return (struct cxms_exact_cfg){
		.cache = {{.size_bytes = 32768, .ways = 8, .plru = true},
			  {.size_bytes = 49152,
			   .ways = 12,
			   .inclusive = true,
			   .plru = true,
			   .n_prefetch = 2,
			   .prefetch = {{CXMS_EXACT_NEXT_LINE, 1, 0}, {CXMS_EXACT_STRIDE, 8, 3}}},
			  {.size_bytes = 0},
			  {.size_bytes = 1 << 20, .ways = 16, .hashed = true}},
		.tlb_l1 = 64,
		.tlb_l2 = 1536,
		.tlb_page_bytes = 2 << 20,
		.cores = 4,
		.window = 224,
	};
}

#define MAX_EVENTS 8000

struct run {
	struct cxms_exact_cfg host;
	struct cxms_event ev[MAX_EVENTS]; /* strings and packets are not kept */
	char name[64];			  /* of the first EXEC, of the last MAP */
	char path[64];
	size_t n;
	uint64_t seq[3]; /* last packet of up to three processes, in order of their first */
	uint32_t pid[3];
	size_t n_pid;
	struct cxms_totals totals;
	struct cxms_warnings warnings;
	struct cxms_err err;
	int rc;
};

static void keep_packet(struct run *r, const struct cxms_exact *x)
{
	struct cxms_xs_head h;
	size_t i = 0;

	memcpy(&h, x->data, sizeof(h));
	assert_int_equal(h.magic, CXMS_XS_MAGIC);
	assert_int_equal(x->len, sizeof(h) + h.bytes);
	while (i < r->n_pid && r->pid[i] != h.pid)
		i++;
	if (i == r->n_pid) {
		assert_true(r->n_pid < 3);
		r->pid[r->n_pid++] = h.pid;
		assert_int_equal(h.seq, 0);
	} else {
		assert_int_equal(h.seq, r->seq[i] + 1);
	}
	r->seq[i] = h.seq;
}

static void keep(struct run *r, const struct cxms_event *ev)
{
	assert_true(r->n < MAX_EVENTS);
	r->ev[r->n++] = *ev;
	if (ev->kind == CXMS_EV_EXEC && !r->name[0])
		snprintf(r->name, sizeof(r->name), "%s", ev->exec.name);
	if (ev->kind == CXMS_EV_MAP)
		snprintf(r->path, sizeof(r->path), "%s", ev->map.path);
	if (ev->kind == CXMS_EV_EXACT)
		keep_packet(r, &ev->exact);
}

static uint64_t forty_two(void *arg, uint32_t pid, uint32_t tid)
{
	(void)arg;
	assert_true(pid > 0);
	assert_int_equal(tid, 1);
	return 42;
}

/* Runs @words under the fake in @mode; @cap: events asked for at a time. */
static struct run *run(const char *mode, const char *const *words, size_t cap, const char *roi)
{
	struct run *r = calloc(1, sizeof(*r));
	struct cxms_event buf[64];
	struct cxms_source *s = NULL;
	bool end = false;

	assert_non_null(r);
	r->host = some_host();
	snprintf(r->host.roi_begin, sizeof(r->host.roi_begin), "%s", roi ? roi : "");
	setenv("FAKE_TOOL", mode, 1);
	const struct cxms_source_cfg cfg = {.argv = (char *const *)words,
					    .exact = &r->host,
					    .sim_time_ns = forty_two,
					    .warnings = &r->warnings};
	r->rc = cxms_source_open(&cxms_source_exact, &cfg, &s, &r->err);
	if (!r->rc)
		r->rc = s->ops->start(s, &r->err);
	while (!r->rc && !end) {
		size_t n = 0;

		r->rc = s->ops->read(s, buf, cap, &n, &end, &r->err);
		for (size_t i = 0; i < n; i++)
			keep(r, &buf[i]);
	}
	if (!r->rc)
		r->rc = s->ops->stop(s, &r->totals, &r->err);
	cxms_source_free(s);
	assert_no_leftovers();
	return r;
}

static struct run *run_good(const char *mode, const char *const *words)
{
	struct run *r = run(mode, words, 64, NULL);

	if (r->rc)
		fail_msg("%s", r->err.msg);
	return r;
}

static size_t count_kind(const struct run *r, uint8_t kind)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->ev[i].kind == kind;
	return n;
}

static const char *const nothing[] = {"true", NULL};

static void test_packets_come_behind_what_they_tell_of(void **state)
{
	static const uint8_t want[] = {CXMS_EV_EXEC,  CXMS_EV_MAP,  CXMS_EV_FORK,
				       CXMS_EV_EXACT, CXMS_EV_EXIT, CXMS_EV_EXACT};
	struct run *r = run_good("", nothing);

	(void)state;
	assert_int_equal(r->n, sizeof(want));
	for (size_t i = 0; i < r->n; i++)
		assert_int_equal(r->ev[i].kind, want[i]);
	assert_string_equal(r->name, "true");
	assert_string_equal(r->path, "/bin/fake");
	assert_int_equal(r->ev[1].map.addr, 0x401000);
	assert_int_equal(r->ev[1].map.len, 4096);
	assert_int_equal(r->ev[1].map.prot, 5);
	assert_int_equal(r->ev[2].tid, 2);
	assert_int_equal(r->ev[2].fork.parent_tid, 1);
	assert_int_equal(r->ev[3].time_ns, 0);
	assert_int_equal(r->ev[3].pid, r->ev[0].pid);
	assert_true(r->ev[4].time_ns >= r->ev[2].time_ns);
	assert_true(r->totals.exit_known);
	assert_int_equal(r->totals.exit_status, 0);
	assert_int_equal(r->totals.samples, 0);
	assert_int_equal(r->totals.peak_rss_bytes, 4096); /* one page was told of */
	assert_true(r->totals.duration_ns > 0);
	assert_int_equal(r->warnings.n, 0);
	free(r);
}

static void test_any_portion_gives_the_same_events(void **state)
{
	(void)state;
	for (size_t cap = 1; cap < 6; cap++) {
		struct run *r = run("", nothing, cap, NULL);

		assert_int_equal(r->rc, 0);
		assert_int_equal(r->n, 6);
		assert_string_equal(r->path, "/bin/fake");
		free(r);
	}
}

static void test_status_and_signal_are_the_programs(void **state)
{
	static const char *const seven[] = {"sh", "-c", "exit 7", NULL};
	static const char *const killed[] = {"sh", "-c", "kill -TERM $$", NULL};
	static const char *const tool_like[] = {"sh", "-c", "exit 125", NULL};
	struct run *r = run_good("", seven);

	(void)state;
	assert_int_equal(WEXITSTATUS(r->totals.exit_status), 7);
	free(r);
	r = run_good("", killed);
	assert_true(WIFSIGNALED(r->totals.exit_status));
	assert_int_equal(WTERMSIG(r->totals.exit_status), SIGTERM);
	free(r);
	r = run_good("", tool_like); /* its totals came: it was not the tool that ended */
	assert_int_equal(WEXITSTATUS(r->totals.exit_status), 125);
	free(r);
}

static void test_a_forked_process_comes_behind_its_parent(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct run *r = run_good("fork", nothing);

		assert_int_equal(r->n_pid, 2);
		assert_int_equal(count_kind(r, CXMS_EV_EXACT), 4);
		assert_int_equal(count_kind(r, CXMS_EV_FORK), 2);
		for (size_t k = 0; k < r->n; k++) {
			if (r->ev[k].kind != CXMS_EV_FORK || r->ev[k].tid == 2)
				continue;
			assert_int_equal(r->ev[k].pid, r->pid[1]);
			assert_int_equal(r->ev[k].fork.parent_pid, r->pid[0]);
		}
		free(r);
	}
}

static void test_thousands_of_packets_all_come(void **state)
{
	struct run *r = run_good("many", nothing);

	(void)state;
	assert_int_equal(count_kind(r, CXMS_EV_EXACT), 5002);
	assert_int_equal(r->seq[0], 5001);
	free(r);
}

static const char *warning(const struct run *r, enum cxms_warn_code code)
{
	for (size_t i = 0; i < r->warnings.n; i++)
		if (r->warnings.list[i].code == code)
			return r->warnings.list[i].message;
	return "";
}

static void test_what_outlives_the_program_is_let_go(void **state)
{
	uint64_t begin_ns = cxms_now_ns();
	struct run *r = run_good("orphan", nothing);

	(void)state;
	assert_true(cxms_now_ns() - begin_ns < 20000000000ull);
	assert_int_equal(r->n_pid, 2);
	assert_non_null(strstr(warning(r, CXMS_W_OUTLIVED), "1 process ran on"));
	assert_int_equal(r->totals.outlived, 1);
	assert_int_equal(kill((pid_t)r->pid[1], SIGKILL), 0); /* it lives on */
	free(r);
}

static void test_the_time_is_told_to_who_asks(void **state)
{
	char path[4096];
	struct cxms_buf text = {0};
	struct run *r;
	int fd, saved = dup(2);

	(void)state;
	snprintf(path, sizeof(path), "%s/stderr", tmp_dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	dup2(fd, 2);
	r = run_good("time", nothing);
	dup2(saved, 2);
	close(saved);
	close(fd);
	assert_int_equal(cxms_file_read(path, 1000, &text, NULL), 0);
	assert_string_equal(cxms_buf_text(&text), "time 42\n");
	unlink(path);
	cxms_buf_fini(&text);
	free(r);
}

static void test_what_went_wrong_is_warned_of(void **state)
{
	struct run *r = run("noroi", nothing, 64, "my_begin");

	(void)state;
	assert_int_equal(r->rc, 0);
	assert_non_null(strstr(warning(r, CXMS_W_REGION), "'my_begin' was never entered"));
	free(r);
	r = run("", nothing, 64, "my_begin");
	assert_int_equal(r->warnings.n, 0);
	free(r);
	r = run_good("warn", nothing);
	assert_non_null(strstr(warning(r, CXMS_W_EXACT_TOOL), "something was not followed"));
	free(r);
	r = run_good("killed", nothing);
	assert_non_null(strstr(warning(r, CXMS_W_EXACT_ENDED),
			       "1 process ended before the exact tool could tell its totals"));
	free(r);
	r = run_good("noexec", nothing); /* its totals came before, and then more of it */
	assert_non_null(strstr(warning(r, CXMS_W_EXACT_ENDED),
			       "1 process ended before the exact tool could tell its totals"));
	free(r);
	r = run_good("fork", nothing);
	assert_int_equal(r->warnings.n, 0);
	free(r);
	r = run_good("unknown", nothing);
	assert_true(WIFSIGNALED(r->totals.exit_status));
	assert_int_equal(WTERMSIG(r->totals.exit_status), SIGILL);
	assert_non_null(strstr(warning(r, CXMS_W_UNKNOWN_INSN), "-march=native"));
	assert_non_null(strstr(warning(r, CXMS_W_UNKNOWN_INSN), "0x62 0xF1 0x7C 0x48 0x10"));
	free(r);
}

static void test_failures_of_the_tool_say_what_it_said(void **state)
{
	static const struct {
		const char *mode;
		int rc;
		const char *message;
	} rows[] = {
		{"silent", -ENOTSUP, "valgrind did not start the program: cannot find the tool"},
		{"reject", -ENOTSUP,
		 "the exact tool gave up: 'begin' and 'end' are one function; compile them apart"},
		{"garbage", -EBADMSG, "sent what is no packet: no packet of the exact source"},
		{"long", -EBADMSG, "sent what is no packet: its length is wrong"},
		{"badmsg", -EBADMSG, "holds a message that is cut or not known"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct run *r = run(rows[i].mode, nothing, 64, NULL);

		assert_int_equal(r->rc, rows[i].rc);
		if (!strstr(r->err.msg, rows[i].message))
			fail_msg("'%s' lacks '%s'", r->err.msg, rows[i].message);
		free(r);
	}
}

static void test_programs_that_cannot_run_are_found_out_first(void **state)
{
	static const char *const missing[] = {"/nowhere/program", NULL};
	static const char *const missing_name[] = {"no-such-program-anywhere", NULL};
	static const char *const folder[] = {"/tmp", NULL};
	static const char *const plain_file[] = {FAKE_DIR "/../CTestTestfile.cmake", NULL};
	static const struct {
		const char *const *words;
		int rc;
	} rows[] = {{missing, -ENOENT},
		    {missing_name, -ENOENT},
		    {folder, -EACCES},
		    {plain_file, -EACCES}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct run *r = run("", rows[i].words, 64, NULL);

		assert_int_equal(r->rc, rows[i].rc);
		assert_non_null(strstr(r->err.msg, rows[i].words[0]));
		free(r);
	}
}

/* Valgrind could not keep its files there. */
static void test_probe_wants_room_for_temporary_files(void **state)
{
	struct rlimit full, limit;
	struct cxms_err err = {0};

	(void)state;
	setenv("TMPDIR", "/nowhere", 1);
	assert_int_equal(cxms_source_exact.probe(&err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "in '/nowhere'"));
	setenv("TMPDIR", tmp_dir, 1);
	memset(&err, 0, sizeof(err));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	full = limit;
	full.rlim_cur = 0; /* no byte fits, as on a full disk */
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &full);
	assert_int_equal(cxms_source_exact.probe(&err), -ENOTSUP);
	setrlimit(RLIMIT_FSIZE, &limit);
	signal(SIGXFSZ, SIG_DFL);
	assert_non_null(strstr(err.msg, "set TMPDIR to one that can be written"));
	assert_no_leftovers();
}

static void test_probe_names_what_is_missing(void **state)
{
	char path[8192];
	struct cxms_err err = {0};

	(void)state;
	assert_int_equal(cxms_source_exact.probe(&err), 0);
	setenv("CXMS_EXACT_DIR", "/nowhere", 1);
	assert_int_equal(cxms_source_exact.probe(&err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "'/nowhere' has no cxms-amd64-linux"));
	memset(&err, 0, sizeof(err));
	unsetenv("CXMS_EXACT_DIR"); /* then: beside this test, where there is none */
	assert_int_equal(cxms_source_exact.probe(&err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "the exact tool is not beside this program"));
	memset(&err, 0, sizeof(err));
	snprintf(path, sizeof(path), "%s", getenv("PATH"));
	setenv("PATH", "/nowhere", 1);
	assert_int_equal(cxms_source_exact.probe(&err), -ENOTSUP);
	assert_string_equal(err.msg, "valgrind is not in PATH; install the package valgrind");
	setenv("PATH", path, 1);
	setenv("CXMS_EXACT_DIR", FAKE_DIR, 1);
}

static void test_a_program_may_leave_the_folder_that_the_tool_is_named_from(void **state)
{
	char here[PATH_MAX], dir[PATH_MAX];
	struct cxms_err err = {0};

	(void)state;
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(FAKE_DIR), 0);
	setenv("CXMS_EXACT_DIR", ".", 1);
	assert_int_equal(cxms_exact_find(dir, &err), 0);
	assert_string_equal(dir, FAKE_DIR);
	setenv("CXMS_EXACT_DIR", FAKE_DIR, 1);
	assert_int_equal(chdir(here), 0);
}

static void test_32_bit_and_set_user_id_programs_are_refused_in_words(void **state)
{
	/* an ELF header as far as the class: 1 = 32 bits, 2 = 64 bits (elf(5)) */
	unsigned char head[16] = {0x7f, 'E', 'L', 'F', 1, 1, 1};
	char path[PATH_MAX];
	struct cxms_err err = {0};

	(void)state;
	snprintf(path, sizeof(path), "%s/program", tmp_dir);
	for (unsigned char class = 1; class <= 2; class ++) {
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

		head[4] = class;
		assert_true(fd >= 0);
		assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
		close(fd);
		assert_int_equal(cxms_exact_check(path, &err), class == 1 ? -ENOTSUP : 0);
	}
	assert_non_null(strstr(err.msg, "is a 32-bit one"));
	memset(&err, 0, sizeof(err));
	assert_int_equal(chmod(path, 04755), 0);
	assert_int_equal(cxms_exact_check(path, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "is set-user-ID"));
	unlink(path);
}

static void test_the_command_line_says_what_is_simulated(void **state)
{
	static const char *const words[] = {"true", "--tool=other", "100%", NULL};
	static const char *const want[] = {
		"\n--tool=cxms\n",
		"\n--cxms-l1i=32768,8,plru\n",
		"\n--cxms-l1d=49152,12,inclusive,plru\n",
		"\n--cxms-l2=none\n",
		"\n--cxms-llc=1048576,16,hashed\n",
		"\n--cxms-pf-l1d=next-line:1:0+stride:8:3\n",
		"\n--cxms-pf-l2=none\n",
		"\n--cxms-pf-llc=none\n",
		"\n--cxms-tlb=64,1536,2097152\n",
		"\n--cxms-cores=4\n",
		"\n--cxms-window=224\n",
		"\n--cxms-roi-begin=f(int)\n",
		"\n--\ntrue\n--tool=other\n100%\nVALGRIND_LIB=" FAKE_DIR "\nCXMS_EXACT_DIR=\n",
		"\nOMP_WAIT_POLICY=passive\n",
	};
	char path[4096];
	struct cxms_buf text = {0};
	struct run *r;

	(void)state;
	snprintf(path, sizeof(path), "%s/args", tmp_dir);
	setenv("FAKE_ARGS", path, 1);
	unsetenv("OMP_WAIT_POLICY");
	r = run("", words, 64, "f(int)");
	unsetenv("FAKE_ARGS");
	assert_int_equal(r->rc, 0);
	assert_int_equal(cxms_file_read(path, 100000, &text, NULL), 0);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		if (!strstr(cxms_buf_text(&text), want[i]))
			fail_msg("no '%s' in %s", want[i], cxms_buf_text(&text));
	assert_null(strstr(cxms_buf_text(&text), "--cxms-sample"));
	assert_null(strstr(cxms_buf_text(&text), "--cxms-roi-end"));
	unlink(path);
	cxms_buf_fini(&text);
	free(r);
}

static void test_a_recording_has_packets_and_figures(void **state)
{
	struct cxms_exact_cfg host = some_host();
	const struct cxms_record_cfg cfg = {
		.source = &cxms_source_exact,
		.argv = (char *const *)nothing,
		.exact = &host,
		.machine = {.mem_latency_ps = 100000, .walk_ps = 20000},
	};
	struct cxms_record_result result;
	struct cxms_trace_reader *reader = NULL;
	struct cxms_err err = {0};
	char path[4096];
	struct cxms_event ev[20];
	size_t n = 0, packets = 0;
	int fd;

	(void)state;
	setenv("FAKE_TOOL", "", 1);
	snprintf(path, sizeof(path), "%s/recording", tmp_dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	unlink(path);
	host.detail_insns = 10;
	host.period_insns = 20;
	if (cxms_record_run(&cfg, fd, &result, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(result.stage, CXMS_RECORD_RAN);
	assert_int_equal(result.packets, 2);
	assert_int_equal(cxms_trace_reader_open_fd(fd, "rec", &reader, &err), 0);
	const struct cxms_facts *f = &cxms_trace_reader_head(reader)->facts;
	assert_string_equal(f->source, "exact");
	assert_int_equal(f->source_caps, CXMS_SRC_LIVE | CXMS_SRC_STORES | CXMS_SRC_EXACT);
	assert_int_equal(f->exact.cache[CXMS_EXACT_LLC].size_bytes, 1 << 20);
	assert_int_equal(f->exact.detail_insns, 10);
	do {
		assert_int_equal(cxms_trace_read(reader, ev, 20, &n, &err), 0);
		for (size_t i = 0; i < n; i++)
			packets += ev[i].kind == CXMS_EV_EXACT;
	} while (n > 0);
	assert_int_equal(packets, 2);
	assert_int_equal(cxms_trace_reader_state(reader), CXMS_TRACE_COMPLETE);
	cxms_trace_reader_close(reader);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets_come_behind_what_they_tell_of),
		cmocka_unit_test(test_any_portion_gives_the_same_events),
		cmocka_unit_test(test_status_and_signal_are_the_programs),
		cmocka_unit_test(test_a_forked_process_comes_behind_its_parent),
		cmocka_unit_test(test_thousands_of_packets_all_come),
		cmocka_unit_test(test_what_outlives_the_program_is_let_go),
		cmocka_unit_test(test_the_time_is_told_to_who_asks),
		cmocka_unit_test(test_what_went_wrong_is_warned_of),
		cmocka_unit_test(test_failures_of_the_tool_say_what_it_said),
		cmocka_unit_test(test_programs_that_cannot_run_are_found_out_first),
		cmocka_unit_test(test_probe_wants_room_for_temporary_files),
		cmocka_unit_test(test_probe_names_what_is_missing),
		cmocka_unit_test(test_a_program_may_leave_the_folder_that_the_tool_is_named_from),
		cmocka_unit_test(test_32_bit_and_set_user_id_programs_are_refused_in_words),
		cmocka_unit_test(test_the_command_line_says_what_is_simulated),
		cmocka_unit_test(test_a_recording_has_packets_and_figures),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
