/* Recording: what goes into the file, and how far a recording came when something fails. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/warn.h"
#include "record/record.h"
#include "trace/trace.h"

static int new_file(void)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void test_synth_is_recorded_event_by_event(void **state)
{
	struct cxms_record_cfg cfg = {
		.source = &cxms_source_synth,
		.pattern = "{duration: 100ms, threads: 2, footprint: 1MiB, period: 1ms}",
		.seed = 4,
	};
	const struct cxms_source_cfg again = {.pattern = cfg.pattern, .seed = 4};
	struct cxms_trace_reader *reader = NULL;
	const struct cxms_trace_head *head;
	struct cxms_record_result result;
	struct cxms_source *source = NULL;
	struct cxms_err err = {0};
	struct cxms_event got, want;
	int fd = new_file();
	size_t n = 1, m;
	bool end;

	(void)state;
	assert_int_equal(cxms_record_run(&cfg, fd, &result, &err), 0);
	assert_int_equal(result.stage, CXMS_RECORD_RAN);
	assert_ptr_equal(result.source, &cxms_source_synth);
	assert_int_equal(result.totals.duration_ns, 100000000);
	assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &reader, &err), 0);
	head = cxms_trace_reader_head(reader);
	assert_string_equal(head->facts.cpu, "synthetic");
	assert_string_equal(head->facts.source, "synth");
	assert_string_equal(head->facts.source_reason, "synth: asked for");
	assert_int_equal(head->facts.period_ns, 1000000);
	assert_int_equal(head->facts.source_caps, CXMS_SRC_FAULTS);
	assert_int_equal(head->seed, 4);
	assert_int_equal(head->n_argv, 2);
	assert_string_equal(head->argv[1], cfg.pattern);
	assert_int_equal(cxms_source_open(&cxms_source_synth, &again, &source, &err), 0);
	while (n) {
		assert_int_equal(cxms_trace_read(reader, &got, 1, &n, &err), 0);
		assert_int_equal(source->ops->read(source, &want, 1, &m, &end, &err), 0);
		assert_int_equal(n, m);
		if (!n)
			break;
		assert_int_equal(got.kind, want.kind);
		assert_int_equal(got.time_ns, want.time_ns);
		assert_int_equal(got.tid, want.tid);
		if (got.kind == CXMS_EV_SAMPLE) {
			assert_int_equal(got.sample.addr, want.sample.addr);
			assert_int_equal(got.sample.site, want.sample.site);
			assert_int_equal(got.sample.weight_ns, want.sample.weight_ns);
			assert_int_equal(got.sample.flags, want.sample.flags);
			assert_int_equal(got.sample.cpu, want.sample.cpu);
		}
	}
	assert_int_equal(cxms_trace_reader_state(reader), CXMS_TRACE_COMPLETE);
	assert_int_equal(cxms_trace_reader_totals(reader)->samples, 200);
	cxms_source_free(source);
	cxms_trace_reader_close(reader);
	close(fd);
}

static void test_arguments_are_left_out_when_asked(void **state)
{
	struct cxms_record_cfg cfg = {.source = &cxms_source_synth,
				      .pattern = "{duration: 1ms, pages: 1}",
				      .no_argv = true};
	struct cxms_trace_reader *reader = NULL;
	struct cxms_record_result result;
	int fd = new_file();

	(void)state;
	assert_int_equal(cxms_record_run(&cfg, fd, &result, NULL), 0);
	assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &reader, NULL), 0);
	assert_int_equal(cxms_trace_reader_head(reader)->n_argv, 0);
	cxms_trace_reader_close(reader);
	close(fd);
}

static void test_missing_faults_are_a_warning(void **state)
{
	struct cxms_warnings warnings = {0};
	struct cxms_record_cfg cfg = {.source = &cxms_source_synth,
				      .pattern = "{duration: 1ms, pages: 1, faults: false}",
				      .warnings = &warnings};
	struct cxms_record_result result;
	int fd = new_file();

	(void)state;
	assert_int_equal(cxms_record_run(&cfg, fd, &result, NULL), 0);
	assert_int_equal(warnings.n, 1);
	assert_int_equal(warnings.list[0].code, CXMS_W_NO_FAULTS);
	close(fd);
}

static void test_a_bad_pattern_starts_nothing(void **state)
{
	struct cxms_record_cfg cfg = {.source = &cxms_source_synth, .pattern = "{threads: no}"};
	struct cxms_record_result result;
	struct cxms_err err = {0};
	int fd = new_file();

	(void)state;
	assert_int_equal(cxms_record_run(&cfg, fd, &result, &err), -EINVAL);
	assert_int_equal(result.stage, CXMS_RECORD_NOT_STARTED);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(fd);
}

/* A live source that does as it is told: the program is @batches reads of samples. */
struct told {
	int probe_rc, open_rc, start_rc, read_rc; /* errno values */
	unsigned batches, at;
	unsigned stops, closes;
};
static struct told told;

static int told_fail(int errnum, struct cxms_err *err, const char *what)
{
	return errnum ? cxms_fail(err, errnum, "%s failed", what) : 0;
}

static int told_probe(struct cxms_err *err)
{
	return told_fail(told.probe_rc, err, "probe");
}

static int told_open(struct cxms_source *s, struct cxms_err *err)
{
	(void)s;
	return told_fail(told.open_rc, err, "open");
}

static int told_start(struct cxms_source *s, struct cxms_err *err)
{
	(void)s;
	return told_fail(told.start_rc, err, "start");
}

static int told_read(struct cxms_source *s, struct cxms_event *buf, size_t cap, size_t *n,
		     bool *end, struct cxms_err *err)
{
	(void)s;
	if (told.at == told.batches && told.read_rc)
		return told_fail(told.read_rc, err, "read");
	*end = told.at == told.batches;
	*n = *end ? 0 : cap;
	for (size_t i = 0; i < *n; i++) {
		memset(&buf[i], 0, sizeof(buf[i]));
		buf[i].kind = CXMS_EV_FAULT;
		buf[i].pid = buf[i].tid = 1;
		buf[i].time_ns = told.at * cap + i;
		buf[i].fault.addr = cxms_hash_u64(told.at * cap + i);
	}
	told.at += !*end;
	return 0;
}

static int told_stop(struct cxms_source *s, struct cxms_totals *out, struct cxms_err *err)
{
	(void)s;
	(void)err;
	memset(out, 0, sizeof(*out));
	out->duration_ns = 5;
	out->exit_known = true;
	out->exit_status = 3 << 8;
	told.stops++;
	return 0;
}

static void told_close(struct cxms_source *s)
{
	(void)s;
	told.closes++;
}

static const struct cxms_source_ops told_source = {
	.abi = CXMS_SOURCE_ABI,
	.name = "told",
	.summary = "does as it is told",
	.caps = CXMS_SRC_LIVE | CXMS_SRC_FAULTS,
	.default_period_ns = 1000,
	.probe = told_probe,
	.open = told_open,
	.start = told_start,
	.read = told_read,
	.stop = told_stop,
	.close = told_close,
};

static char program[] = "./program";
static char *program_argv[] = {program, NULL};

/* The latencies are given, so nothing is measured. */
static int run_told(struct told how, int fd, struct cxms_record_result *result,
		    struct cxms_err *err)
{
	const struct cxms_record_cfg cfg = {
		.source = &told_source,
		.argv = program_argv,
		.machine = {.mem_latency_ps = 100000, .walk_ps = 20000},
	};

	told = how;
	memset(err, 0, sizeof(*err));
	return cxms_record_run(&cfg, fd, result, err);
}

static void test_the_stage_says_how_far_it_came(void **state)
{
	static const struct {
		struct told how;
		int rc;
		enum cxms_record_stage stage;
		const char *why;
	} rows[] = {
		{{.probe_rc = ENOTSUP}, -ENOTSUP, CXMS_RECORD_NOT_STARTED, "source cannot"},
		{{.probe_rc = EACCES}, -EACCES, CXMS_RECORD_NOT_STARTED, "source may not"},
		{{.open_rc = EIO}, -EIO, CXMS_RECORD_NOT_STARTED, "no fork"},
		{{.open_rc = ENOENT}, -ENOENT, CXMS_RECORD_EXEC_FAILED, "found at open"},
		{{.start_rc = ENOENT}, -ENOENT, CXMS_RECORD_EXEC_FAILED, "no such program"},
		{{.start_rc = EACCES}, -EACCES, CXMS_RECORD_EXEC_FAILED, "not executable"},
		{{.start_rc = ENOEXEC}, -ENOEXEC, CXMS_RECORD_EXEC_FAILED, "no program"},
		{{.start_rc = EIO}, -EIO, CXMS_RECORD_NOT_STARTED, "start failed"},
		{{.read_rc = EIO, .batches = 1}, -EIO, CXMS_RECORD_RAN, "lost on the way"},
		{{.batches = 2}, 0, CXMS_RECORD_RAN, "all well"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_record_result result;
		struct cxms_err err;
		int fd = new_file();

		print_message("%s\n", rows[i].why);
		assert_int_equal(run_told(rows[i].how, fd, &result, &err), rows[i].rc);
		assert_int_equal(result.stage, rows[i].stage);
		assert_int_equal(told.closes, rows[i].how.probe_rc ? 0 : 1);
		close(fd);
	}
}

static void test_a_full_disk_does_not_stop_the_program(void **state)
{
	struct rlimit old, small;
	struct cxms_record_result result;
	struct cxms_trace_reader *reader = NULL;
	struct cxms_err err;
	FILE *file = tmpfile();
	int fd;

	(void)state;
	assert_non_null(file);
	fd = fileno(file);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 1 << 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	/* 512 batches of 1024 faults at random addresses: 8 bytes each that do not compress */
	assert_int_equal(run_told((struct told){.batches = 512}, fd, &result, &err), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(told.at, 512);
	assert_int_equal(told.stops, 1);
	assert_int_equal(told.closes, 1);
	assert_int_equal(result.stage, CXMS_RECORD_RAN);
	assert_int_equal(result.totals.exit_status, 3 << 8);
	assert_non_null(strstr(err.msg, "cannot write recording"));
	assert_int_equal(cxms_trace_reader_open_fd(fd, "cut", &reader, NULL), 0);
	cxms_trace_reader_close(reader);
	fclose(file);
}

static void test_a_file_that_takes_nothing_starts_nothing(void **state)
{
	struct cxms_record_result result;
	struct cxms_err err;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(run_told((struct told){.batches = 1}, fd, &result, &err), -ENOSPC);
	assert_int_equal(result.stage, CXMS_RECORD_NOT_STARTED);
	assert_int_equal(told.at, 0);
	assert_int_equal(told.closes, 1);
	close(fd);
}

static void test_a_live_source_needs_a_program(void **state)
{
	const struct cxms_record_cfg cfg = {.source = &told_source};
	struct cxms_record_result result;
	struct cxms_err err = {0};

	(void)state;
	memset(&told, 0, sizeof(told));
	assert_int_equal(cxms_record_run(&cfg, -1, &result, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "no program"));
	assert_int_equal(told.closes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_synth_is_recorded_event_by_event),
		cmocka_unit_test(test_arguments_are_left_out_when_asked),
		cmocka_unit_test(test_missing_faults_are_a_warning),
		cmocka_unit_test(test_a_bad_pattern_starts_nothing),
		cmocka_unit_test(test_the_stage_says_how_far_it_came),
		cmocka_unit_test(test_a_full_disk_does_not_stop_the_program),
		cmocka_unit_test(test_a_file_that_takes_nothing_starts_nothing),
		cmocka_unit_test(test_a_live_source_needs_a_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
