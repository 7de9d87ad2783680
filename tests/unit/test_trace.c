/* The recording format: what is written, what is refused, and what a damaged or foreign file says.
 */
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rng.h"
#include "trace/trace_priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const args[] = {"./program", "", "-n 3"};
static const struct cxms_trace_head small_head = {.argv = args, .n_argv = 3, .seed = 9};

static int new_file(void)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static int file_of(const void *data, size_t len)
{
	int fd = new_file();

	assert_int_equal(write(fd, data, len), (ssize_t)len);
	return fd;
}

static struct cxms_event sample_at(uint64_t time_ns, uint64_t addr)
{
	return (struct cxms_event){
		.kind = CXMS_EV_SAMPLE,
		.pid = 10,
		.tid = 11,
		.time_ns = time_ns,
		.sample = {.addr = addr, .weight_ns = 100, .flags = CXMS_SAMPLE_ADDR, .cpu = 1},
	};
}

/* A recording put together block by block, for what the writer would never write. */
struct craft {
	struct cxms_buf file;
	struct cxms_codec *codec;
};

static void craft_block(struct craft *c, struct cxms_block b, const void *raw, size_t len)
{
	struct cxms_buf payload = {0}, out = {0};

	cxms_buf_put(&payload, raw, len);
	cxms_buf_put(&payload, "", 1); /* so that data is never NULL */
	payload.len = len;
	assert_int_equal(cxms_block_put(&b, &payload, c->codec, &out, NULL), 0);
	cxms_buf_put(&c->file, out.data, out.len);
	cxms_buf_fini(&out);
	cxms_buf_fini(&payload);
}

static void craft_begin(struct craft *c, bool with_head)
{
	*c = (struct craft){0};
	assert_int_equal(cxms_codec_new(&c->codec, NULL), 0);
	cxms_file_head_put(&c->file, CXMS_TRACE_VERSION);
	if (with_head)
		craft_block(c, (struct cxms_block){.type = CXMS_BLOCK_HEAD}, "\x01\x01x", 3);
}

static int craft_end(struct craft *c)
{
	int fd = file_of(c->file.data, c->file.len);

	cxms_buf_fini(&c->file);
	cxms_codec_free(c->codec);
	return fd;
}

/* All events of a readable recording; the caller closes the reader. */
static size_t read_all(int fd, struct cxms_event *ev, size_t cap, struct cxms_trace_reader **r)
{
	struct cxms_err err = {0};
	size_t at = 0, got;

	assert_int_equal(cxms_trace_reader_open_fd(fd, "rec", r, &err), 0);
	do {
		assert_int_equal(cxms_trace_read(*r, ev + at, cap - at, &got, &err), 0);
		at += got;
	} while (got > 0);
	return at;
}

static struct cxms_facts full_facts(void)
{
	struct cxms_facts f = {
		.cpu = "AMD EPYC 9654 96-Core Processor",
		.kernel = "6.1.0-13-amd64",
		.machine = "x86_64",
		.n_cpu = 192,
		.page_bytes = 4096,
		.huge_bytes = 2u << 20,
		.l1d_bytes = 32768,
		.l2_bytes = 1u << 20,
		.llc_bytes = 384ull << 20,
		.mem_total_bytes = 1ull << 40,
		.mem_latency_ps = 107300,
		.walk_ps = 24000,
		.llc_latency_ps = 21000,
		.latency_given = true,
		.llc_given = true,
		.n_stair = CXMS_STAIR_MAX,
		.n_walk = CXMS_STAIR_MAX,
		.source = "clock",
		.period_ns = 199999,
		.mem_min_cyc = 30,
		.core_hz = 2100000000,
		.source_caps = 0x80000001u,
		.exact = {.cache = {{.size_bytes = 32768, .ways = 8},
				    {.size_bytes = 49152,
				     .ways = 12,
				     .inclusive = true,
				     .plru = true,
				     .n_prefetch = 2,
				     .prefetch = {{CXMS_EXACT_STRIDE, 8, 1024},
						  {CXMS_EXACT_NEXT_LINE, 64, 0}}},
				    {.size_bytes = 0},
				    {.size_bytes = UINT64_MAX,
				     .ways = UINT32_MAX,
				     .plru = true,
				     .hashed = true,
				     .n_prefetch = 1,
				     .prefetch = {{CXMS_EXACT_STRIDE, UINT32_MAX, UINT32_MAX}}}},
			  .tlb_l1 = 96,
			  .tlb_l2 = 2048,
			  .tlb_page_bytes = 2u << 20,
			  .cores = 56,
			  .window = 512,
			  .detail_insns = 10000000,
			  .period_insns = 100000000,
			  .roi_begin = "mark_roi_begin"},
	};

	for (size_t i = 0; i < CXMS_STAIR_MAX; i++) {
		f.stair_bytes[i] = 32768ull << i;
		f.stair_ps[i] = UINT64_MAX - i;
		f.walk_bytes[i] = 4096ull << i;
		f.walk_step_ps[0][i] = 1000 * i;
		f.walk_step_ps[1][i] = UINT64_MAX - 7 * i;
		f.walk_high_ps[i % 2][i] = 3000 * i; /* none of the first step */
	}
	memset(f.source_reason, 'r', sizeof(f.source_reason) - 1);
	memset(f.exact.roi_end, 'e', sizeof(f.exact.roi_end) - 1);
	return f;
}

static void assert_same_exact(const struct cxms_exact_cfg *a, const struct cxms_exact_cfg *b)
{
	for (size_t i = 0; i < CXMS_EXACT_LEVELS; i++) {
		const struct cxms_exact_cache *c = &a->cache[i], *d = &b->cache[i];

		assert_int_equal(c->size_bytes, d->size_bytes);
		assert_int_equal(c->ways, d->ways);
		assert_int_equal(c->inclusive, d->inclusive);
		assert_int_equal(c->plru, d->plru);
		assert_int_equal(c->hashed, d->hashed);
		assert_int_equal(c->n_prefetch, d->n_prefetch);
		assert_memory_equal(c->prefetch, d->prefetch, sizeof(c->prefetch));
	}
	assert_int_equal(a->tlb_l1, b->tlb_l1);
	assert_int_equal(a->tlb_l2, b->tlb_l2);
	assert_int_equal(a->tlb_page_bytes, b->tlb_page_bytes);
	assert_int_equal(a->cores, b->cores);
	assert_int_equal(a->window, b->window);
	assert_int_equal(a->detail_insns, b->detail_insns);
	assert_int_equal(a->period_insns, b->period_insns);
	assert_string_equal(a->roi_begin, b->roi_begin);
	assert_string_equal(a->roi_end, b->roi_end);
}

static void assert_same_facts(const struct cxms_facts *a, const struct cxms_facts *b)
{
	assert_string_equal(a->cpu, b->cpu);
	assert_string_equal(a->kernel, b->kernel);
	assert_string_equal(a->machine, b->machine);
	assert_int_equal(a->n_cpu, b->n_cpu);
	assert_int_equal(a->page_bytes, b->page_bytes);
	assert_int_equal(a->huge_bytes, b->huge_bytes);
	assert_int_equal(a->l1d_bytes, b->l1d_bytes);
	assert_int_equal(a->l2_bytes, b->l2_bytes);
	assert_int_equal(a->llc_bytes, b->llc_bytes);
	assert_int_equal(a->mem_total_bytes, b->mem_total_bytes);
	assert_int_equal(a->mem_latency_ps, b->mem_latency_ps);
	assert_int_equal(a->walk_ps, b->walk_ps);
	assert_int_equal(a->llc_latency_ps, b->llc_latency_ps);
	assert_int_equal(a->latency_given, b->latency_given);
	assert_int_equal(a->llc_given, b->llc_given);
	assert_int_equal(a->n_stair, b->n_stair);
	assert_memory_equal(a->stair_bytes, b->stair_bytes, sizeof(a->stair_bytes));
	assert_memory_equal(a->stair_ps, b->stair_ps, sizeof(a->stair_ps));
	assert_int_equal(a->n_walk, b->n_walk);
	assert_memory_equal(a->walk_bytes, b->walk_bytes, sizeof(a->walk_bytes));
	assert_memory_equal(a->walk_step_ps, b->walk_step_ps, sizeof(a->walk_step_ps));
	assert_memory_equal(a->walk_high_ps, b->walk_high_ps, sizeof(a->walk_high_ps));
	assert_string_equal(a->source, b->source);
	assert_string_equal(a->source_reason, b->source_reason);
	assert_int_equal(a->period_ns, b->period_ns);
	assert_int_equal(a->source_caps, b->source_caps);
	assert_same_exact(&a->exact, &b->exact);
	assert_int_equal(a->mem_min_cyc, b->mem_min_cyc);
	assert_int_equal(a->core_hz, b->core_hz);
}

static void test_head_and_totals_read_back_as_written(void **state)
{
	static const struct cxms_totals totals = {
		.duration_ns = 1ull << 40,
		.exit_status = -2,
		.exit_known = true,
		.samples = 1,
		.lost_samples = 2,
		.lost_faults = 3,
		.throttled = 4,
		.user_ns = 5,
		.system_ns = 6,
		.peak_rss_bytes = 7,
		.tool_cpu_ns = 8,
		.sample_cost_ns = 9,
		.steal_ns = UINT64_MAX,
		.mem_samples = 10,
		.lost_mem = 11,
		.outlived = 12,
	};
	struct cxms_trace_head head = {full_facts(), args, 3, UINT64_MAX};
	struct cxms_trace_writer *w = NULL;
	struct cxms_trace_reader *r = NULL;
	const struct cxms_trace_head *got;
	struct cxms_event ev[1];
	int fd = new_file();

	(void)state;
	assert_int_equal(cxms_trace_writer_new(fd, &head, &w, NULL), 0);
	assert_int_equal(cxms_trace_finish(w, &totals, NULL), 0);
	cxms_trace_writer_free(w);
	assert_int_equal(read_all(fd, ev, 1, &r), 0);
	got = cxms_trace_reader_head(r);
	assert_same_facts(&got->facts, &head.facts);
	assert_int_equal(got->seed, head.seed);
	assert_int_equal(got->n_argv, head.n_argv);
	for (size_t i = 0; i < head.n_argv; i++)
		assert_string_equal(got->argv[i], args[i]);
	assert_int_equal(cxms_trace_reader_state(r), CXMS_TRACE_COMPLETE);
	/* both are zero-initialised, so padding is equal too */
	assert_memory_equal(cxms_trace_reader_totals(r), &totals, sizeof(totals));
	assert_int_equal(cxms_trace_reader_stats(r)->blocks, 2);
	cxms_trace_reader_close(r);
	close(fd);
}

static void test_foreign_and_torn_files_are_refused_with_the_reason(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *message, *why;
	} rows[] = {
		{"", 0, "'f' is not a cxlmemsim recording: it is empty", "empty file"},
		{"PERFILE2xxxxxxxxxxxxxxxxxxxx", 28, "'f' is not a cxlmemsim recording",
		 "another tool's file"},
		{"\x89"
		 "CXLT\r\n\x1b",
		 8, "'f' is not a cxlmemsim recording", "last magic byte"},
		{"\x89"
		 "CXLT",
		 5, "'f' was cut at byte 5, before its first block; record again",
		 "killed inside the magic"},
		{"\x89"
		 "CXLT\r\n\x1a\x01\0\0\0\x15\xe9\xfe",
		 15, "'f' was cut at byte 15, before its first block; record again",
		 "one byte short of the header"},
		{"\x89"
		 "CXLT\r\n\x1a\x01\0\0\0\x15\xe9\xfe\xb2",
		 16, "'f' is damaged in its first 16 bytes; record again", "checksum"},
		{"\x89"
		 "CXLT\r\n\x1a\x01\0\0\0\x15\xe9\xfe\xb3",
		 16,
		 "'f' has no whole first block: cut at byte 16 of 16: no totals block, the "
		 "recording did not finish; record again",
		 "header alone"},
		{"\x89"
		 "CXLT\r\n\x1a\x01\0\0\0\x15\xe9\xfe\xb3"
		 "CXLB",
		 20,
		 "'f' has no whole first block: cut at byte 16 of 20: the file ends inside a block "
		 "header; record again",
		 "torn head block"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cxms_trace_reader *r = NULL;
		struct cxms_err err = {0};
		int fd = file_of(rows[i].data, rows[i].len);

		print_message("%s\n", rows[i].why);
		assert_int_equal(cxms_trace_reader_open_fd(fd, "f", &r, &err), -EINVAL);
		assert_string_equal(err.msg, rows[i].message);
		assert_null(r);
		close(fd);
	}
}

static void test_newer_version_is_refused(void **state)
{
	uint8_t head[16] = "\x89"
			   "CXLT\r\n\x1a\x05";
	uint32_t crc = cxms_crc32c(0, head, 12);
	struct cxms_trace_reader *r = NULL;
	struct cxms_err err = {0};
	int fd;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		head[12 + i] = (uint8_t)(crc >> 8 * i);
	fd = file_of(head, sizeof(head));
	assert_int_equal(cxms_trace_reader_open_fd(fd, "f", &r, &err), -EINVAL);
	assert_string_equal(err.msg,
			    "'f' was written by a newer version (5); this one reads up to 4");
	close(fd);
}

static void test_what_is_no_regular_file_is_refused(void **state)
{
	static const char want[] = "is not a regular file";
	struct cxms_trace_reader *r = NULL;
	struct cxms_err err = {0};
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(cxms_trace_reader_open_fd(ends[0], "pipe", &r, &err), -EINVAL);
	assert_non_null(strstr(err.msg, want));
	close(ends[0]);
	close(ends[1]);
	cxms_err_clear(&err);
	assert_int_equal(cxms_trace_reader_open("/dev/null", &r, &err), -EINVAL);
	assert_non_null(strstr(err.msg, want));
	cxms_err_clear(&err);
	assert_int_equal(cxms_trace_reader_open("/nonexistent/a.cxlt", &r, &err), -ENOENT);
	assert_string_equal(err.msg, "cannot open recording '/nonexistent/a.cxlt': No such file or "
				     "directory");
}

static void test_full_disk_names_the_remedy(void **state)
{
	struct cxms_trace_writer *w = NULL;
	struct cxms_err err = {0};
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(cxms_trace_writer_new(fd, &small_head, &w, &err), -ENOSPC);
	assert_string_equal(err.msg, "cannot write recording: No space left on device; free some "
				     "space or write it elsewhere");
	assert_null(w);
	close(fd);
}

/* The kernel writes up to the limit first: a short write, then the error. */
static void test_failed_write_stays_failed_and_leaves_a_readable_file(void **state)
{
	struct rlimit old, low;
	struct cxms_trace_writer *w = NULL;
	struct cxms_trace_reader *r = NULL;
	struct cxms_err err = {0}, later = {0};
	struct cxms_event ev = sample_at(5, 64), back[4];
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	int fd = new_file();

	(void)state;
	assert_int_equal(cxms_trace_writer_new(fd, &small_head, &w, &err), 0);
	assert_int_equal(cxms_trace_write(w, &ev, 1, &err), 0);
	assert_int_equal(cxms_trace_flush(w, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = old;
	low.rlim_cur = cxms_trace_written_bytes(w) + 30;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	assert_int_equal(cxms_trace_write(w, &ev, 1, &err), 0);
	assert_int_equal(cxms_trace_flush(w, &err), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, handler);
	assert_int_equal(cxms_trace_written_bytes(w), low.rlim_cur);
	assert_int_equal(cxms_trace_write(w, &ev, 1, &later), -EFBIG);
	assert_string_equal(later.msg, err.msg);
	cxms_trace_writer_free(w);
	assert_int_equal(read_all(fd, back, 4, &r), 1);
	assert_int_equal(cxms_trace_reader_state(r), CXMS_TRACE_CUT);
	cxms_trace_reader_close(r);
	close(fd);
}

static void test_events_that_cannot_be_read_back_are_refused(void **state)
{
	static char path[CXMS_TRACE_STRING_MAX + 2];
	const struct {
		struct cxms_event ev;
		int rc;
		const char *message;
	} rows[] = {
		{{.kind = 0}, -EINVAL, "cannot record an event of unknown kind 0"},
		{{.kind = CXMS_EV_KIND_END}, -EINVAL, "cannot record an event of unknown kind 16"},
		{{.kind = CXMS_EV_RUN, .run.end = 4},
		 -EINVAL,
		 "cannot record 'run.end' 4: at most 3 is known"},
		{{.kind = CXMS_EV_SITE, .site.kind = 6},
		 -EINVAL,
		 "cannot record 'site.kind' 6: at most 5 is known"},
		{{.kind = CXMS_EV_LOST, .lost.what = 4},
		 -EINVAL,
		 "cannot record 'lost.what' 4: at most 3 is known"},
		{{.kind = CXMS_EV_MAP, .map = {.build_id_len = 21, .path = ""}},
		 -EINVAL,
		 "cannot record a build id of 21 bytes"},
		{{.kind = CXMS_EV_EXEC, .exec.name = path},
		 -ENAMETOOLONG,
		 "cannot record 'exec.name' of more than 65535 bytes"},
	};
	struct cxms_trace_writer *w = NULL;
	struct cxms_trace_reader *r = NULL;
	struct cxms_event longest = {.kind = CXMS_EV_EXEC, .exec.name = path + 1};
	struct cxms_event unnamed = {.kind = CXMS_EV_EXEC}, back[4];
	int fd = new_file();

	(void)state;
	memset(path, 'p', sizeof(path) - 1);
	assert_int_equal(cxms_trace_writer_new(fd, &small_head, &w, NULL), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cxms_err err = {0};

		assert_int_equal(cxms_trace_write(w, &rows[i].ev, 1, &err), rows[i].rc);
		assert_string_equal(err.msg, rows[i].message);
	}
	assert_int_equal(cxms_trace_write(w, &longest, 1, NULL), 0);
	assert_int_equal(cxms_trace_write(w, &unnamed, 1, NULL), 0);
	assert_int_equal(cxms_trace_finish(w, &(struct cxms_totals){0}, NULL), 0);
	cxms_trace_writer_free(w);
	assert_int_equal(read_all(fd, back, 4, &r), 2);
	assert_string_equal(back[0].exec.name, path + 1);
	assert_string_equal(back[1].exec.name, "");
	cxms_trace_reader_close(r);
	close(fd);
}

static void test_random_chase_takes_at_most_12_bytes_a_sample(void **state)
{
	enum { SAMPLES = 100000 };
	struct cxms_trace_writer *w = NULL;
	struct cxms_rng rng;
	uint64_t time_ns = 0;
	int fd = new_file();

	(void)state;
	cxms_rng_init(&rng, 1);
	assert_int_equal(cxms_trace_writer_new(fd, &small_head, &w, NULL), 0);
	for (size_t i = 0; i < SAMPLES; i++) {
		struct cxms_event ev;

		time_ns += 199999 - 5000 + cxms_rng_below(&rng, 10000);
		ev = sample_at(time_ns, 0x7f1200000000ull + 8 * cxms_rng_below(&rng, 32u << 20));
		ev.sample.site = (uint32_t)cxms_rng_below(&rng, 3);
		ev.tid += (uint32_t)cxms_rng_below(&rng, 4);
		ev.sample.cpu = (uint16_t)cxms_rng_below(&rng, 4);
		assert_int_equal(cxms_trace_write(w, &ev, 1, NULL), 0);
	}
	assert_int_equal(cxms_trace_finish(w, &(struct cxms_totals){0}, NULL), 0);
	assert_true(cxms_trace_written_bytes(w) <= 12 * SAMPLES);
	print_message("%.2f bytes a sample\n", (double)cxms_trace_written_bytes(w) / SAMPLES);
	cxms_trace_writer_free(w);
	close(fd);
}

static void test_blocks_close_at_their_limits(void **state)
{
	static char path[CXMS_TRACE_STRING_MAX + 1];
	struct cxms_event ev = {.kind = CXMS_EV_EXEC, .exec.name = path};
	struct cxms_trace_writer *w = NULL;
	struct cxms_trace_reader *r = NULL;
	struct cxms_event back[200];
	struct cxms_rng rng;
	int fd = new_file();

	(void)state;
	cxms_rng_init(&rng, 3);
	for (size_t i = 0; i < CXMS_TRACE_STRING_MAX; i++)
		path[i] = (char)(1 + cxms_rng_below(&rng, 255));
	assert_int_equal(cxms_trace_writer_new(fd, &small_head, &w, NULL), 0);
	for (size_t i = 0; i < 130; i++)
		assert_int_equal(cxms_trace_write(w, &ev, 1, NULL), 0);
	assert_int_equal(cxms_trace_finish(w, &(struct cxms_totals){0}, NULL), 0);
	cxms_trace_writer_free(w);
	assert_int_equal(read_all(fd, back, 200, &r), 130);
	assert_int_equal(cxms_trace_reader_stats(r)->blocks, 5); /* head, 64 + 64 + 2, totals */
	cxms_trace_reader_close(r);
	close(fd);
}

static void test_cut_recording_counts_what_was_read(void **state)
{
	const struct cxms_event ev[] = {
		sample_at(100, 64),
		sample_at(300, 128),
		{.kind = CXMS_EV_RUN, .time_ns = 200, .run.dur_ns = 700},
		{.kind = CXMS_EV_LOST, .time_ns = 400, .lost = {5, 0, CXMS_LOST_SAMPLES}},
		{.kind = CXMS_EV_LOST, .time_ns = 400, .lost = {7, 0, CXMS_LOST_FAULTS}},
		{.kind = CXMS_EV_LOST, .time_ns = 400, .lost = {9, 0, CXMS_LOST_OTHER}},
	};
	struct cxms_trace_writer *w = NULL;
	struct cxms_trace_reader *r = NULL;
	struct cxms_event back[10];
	const struct cxms_totals *t;
	char want[100];
	int fd = new_file();

	(void)state;
	assert_int_equal(cxms_trace_writer_new(fd, &small_head, &w, NULL), 0);
	assert_int_equal(cxms_trace_write(w, ev, COUNT(ev), NULL), 0);
	assert_int_equal(cxms_trace_flush(w, NULL), 0);
	snprintf(want, sizeof(want),
		 "cut at byte %llu of %llu: no totals block, the recording did not finish",
		 (unsigned long long)cxms_trace_written_bytes(w),
		 (unsigned long long)cxms_trace_written_bytes(w));
	cxms_trace_writer_free(w);
	assert_int_equal(read_all(fd, back, 10, &r), COUNT(ev));
	assert_int_equal(cxms_trace_reader_state(r), CXMS_TRACE_CUT);
	assert_string_equal(cxms_trace_reader_where(r), want);
	t = cxms_trace_reader_totals(r);
	assert_int_equal(t->duration_ns, 900);
	assert_int_equal(t->samples, 2);
	assert_int_equal(t->lost_samples, 5);
	assert_int_equal(t->lost_faults, 7);
	assert_false(t->exit_known);
	cxms_trace_reader_close(r);
	close(fd);
}

/* Payload with one exit event: kinds, then what a later version may have added. */
static void test_later_additions_are_passed_over(void **state)
{
	static const char events[] = "\x00\x01\x06"  /* kinds: exit */
				     "\x1f\x02zz"    /* a fourth common column */
				     "\xff\x7f\x01z" /* a column of a kind far away */
				     "\x02\x01\x0e"; /* pid 7 */
	struct craft c;
	struct cxms_trace_reader *r = NULL;
	struct cxms_event ev[4];
	int fd;

	(void)state;
	craft_begin(&c, false);
	craft_block(&c, (struct cxms_block){.type = 9, .flags = CXMS_BLOCK_SKIPPABLE}, "?", 1);
	craft_block(&c, (struct cxms_block){.type = CXMS_BLOCK_HEAD},
		    "\x01\x01x\xff\x01\x02zz\x02\x01\x05", 11);
	craft_block(&c, (struct cxms_block){.type = 200, .flags = 1, .n_events = 3}, "", 0);
	craft_block(&c, (struct cxms_block){.type = CXMS_BLOCK_EVENTS, .n_events = 1}, events,
		    sizeof(events) - 1);
	craft_block(&c, (struct cxms_block){.type = CXMS_BLOCK_TOTALS}, "\x50\x00\x13\x01\x04", 5);
	craft_block(&c, (struct cxms_block){.type = 77}, "after the end", 13);
	fd = craft_end(&c);
	assert_int_equal(read_all(fd, ev, 4, &r), 1);
	assert_int_equal(cxms_trace_reader_state(r), CXMS_TRACE_COMPLETE);
	assert_int_equal(ev[0].kind, CXMS_EV_EXIT);
	assert_int_equal(ev[0].pid, 7);
	assert_int_equal(cxms_trace_reader_head(r)->seed, 5);
	assert_int_equal(cxms_trace_reader_totals(r)->samples, 4);
	cxms_trace_reader_close(r);
	close(fd);
}

/* Blocks with a right checksum and a wrong content: reading ends there, with the reason. */
/* clang-format off */
static const struct {
	uint8_t type;
	uint8_t n_events;
	const char *raw;
	size_t len;
	const char *reason;
} bad_blocks[] = {
	{7, 0, "", 0, "unknown block type 7"},
	{CXMS_BLOCK_HEAD, 0, "", 0, "the head block is not the first one"},
	{CXMS_BLOCK_TOTALS, 1, "", 0, "a block without events claims to have some"},
	{CXMS_BLOCK_TOTALS, 0, "\x10\x09", 2, "a field of the totals is cut"},
	{CXMS_BLOCK_TOTALS, 0, "\x10\x09" "123456789", 11, "field duration_ns holds a bad value"},
	{CXMS_BLOCK_TOTALS, 0, "\x12\x01\x02", 3, "field exit_known holds a bad value"},
	{CXMS_BLOCK_EVENTS, 0, "", 0, "the column of event kinds has the wrong length"},
	{CXMS_BLOCK_EVENTS, 2, "\x00\x01\x06", 3, "the column of event kinds has the wrong length"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x00", 3, "unknown event kind 0"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x0b", 3, "unknown event kind 11"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x10", 3, "unknown event kind 16"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x06\x00\x01\x06", 6, "a column is there twice"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x06\x02\x01\x02\x02\x01\x02", 9, "a column is there twice"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x06\x01\x05\x00", 6, "a column is longer than its block"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x06\x01\x00", 5, "column time_ns holds a bad value"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x06\x01\x01\x80", 6, "column time_ns holds a bad value"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x06\x01\x02\x00\x00", 7, "column time_ns has values left over"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x06\x02\x01\x01", 6, "column pid holds a bad value"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x06\x21\x01\x00", 6,
	 "column sample.flags has values left over"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x03\x63\x01\x04", 6, "column run.end holds a bad value"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x03\x62\x03\x80\x80\x04", 8, "column run.cpu holds a bad value"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x01\x22\x05\x80\x80\x80\x80\x10", 10,
	 "column sample.site holds a bad value"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x09\xa3\x02\x01\x06", 7, "column site.kind holds a bad value"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x0a\xc3\x02\x01\x04", 7, "column lost.what holds a bad value"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x0c\x87\x03\x01\x0a", 7, "column mem.level holds a bad value"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x0f\xe4\x03\x01\x04", 7, "column watch.uses holds a bad value"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x05\xa1\x01\x03\x03" "ab", 9,
	 "column exec.name holds a bad value"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x05\xa1\x01\x03\x02" "a\0", 9,
	 "column exec.name holds a bad value"},
	{CXMS_BLOCK_EVENTS, 1, "\x00\x01\x07\xe6\x01\x16\x15" "012345678901234567890", 28,
	 "column map.build_id holds a bad value"},
};
/* clang-format on */

static void test_bad_content_under_a_right_checksum_ends_the_reading(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_blocks); i++) {
		struct cxms_trace_reader *r = NULL;
		struct cxms_event ev[4];
		struct craft c;
		char want[200];
		size_t at;
		int fd;

		craft_begin(&c, true);
		craft_block(&c, (struct cxms_block){.type = CXMS_BLOCK_EVENTS, .n_events = 1},
			    "\x00\x01\x06", 3);
		at = c.file.len;
		craft_block(&c,
			    (struct cxms_block){.type = bad_blocks[i].type,
						.n_events = bad_blocks[i].n_events},
			    bad_blocks[i].raw, bad_blocks[i].len);
		snprintf(want, sizeof(want), "cut at byte %zu of %zu: %s", at, c.file.len,
			 bad_blocks[i].reason);
		fd = craft_end(&c);
		assert_int_equal(read_all(fd, ev, 4, &r), 1);
		assert_string_equal(cxms_trace_reader_where(r), want);
		assert_int_equal(cxms_trace_reader_state(r), CXMS_TRACE_CUT);
		assert_int_equal(cxms_trace_reader_totals(r)->exit_status, 0);
		cxms_trace_reader_close(r);
		close(fd);
	}
}

/* Headers as a hostile file may have them, the checksum made right. */
static void test_impossible_lengths_are_not_believed(void **state)
{
	static const struct {
		size_t offset;
		uint32_t value;
		const char *reason;
	} rows[] = {
		{8, CXMS_TRACE_BLOCK_EVENTS_MAX + 1, "impossible length"},
		{12, CXMS_TRACE_RAW_MAX + 1, "impossible length"},
		{16, CXMS_TRACE_COMP_MAX + 1, "impossible length"},
		{16, CXMS_TRACE_COMP_MAX, "the file ends inside a block"},
		{12, 2, "block does not decompress"},
		{12, 4, "block decompresses to 3 bytes instead of 4"},
		{0, 0, "no block begins here"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cxms_trace_reader *r = NULL;
		struct cxms_event ev[4];
		struct craft c;
		size_t at;
		uint8_t *head;
		uint32_t crc;
		int fd;

		craft_begin(&c, true);
		at = c.file.len;
		craft_block(&c, (struct cxms_block){.type = CXMS_BLOCK_EVENTS, .n_events = 1},
			    "\x00\x01\x06", 3);
		head = c.file.data + at;
		for (size_t b = 0; b < 4; b++)
			head[rows[i].offset + b] = (uint8_t)(rows[i].value >> 8 * b);
		crc = cxms_crc32c(cxms_crc32c(0, head, 20), head + 24, c.file.len - at - 24);
		for (size_t b = 0; b < 4; b++)
			head[20 + b] = (uint8_t)(crc >> 8 * b);
		fd = craft_end(&c);
		assert_int_equal(read_all(fd, ev, 4, &r), 0);
		assert_non_null(strstr(cxms_trace_reader_where(r), rows[i].reason));
		cxms_trace_reader_close(r);
		close(fd);
	}
}

static void test_bad_head_content_is_an_error(void **state)
{
	static const struct {
		const char *raw;
		size_t len;
		const char *reason;
	} rows[] = {
		{"\x01", 1, "a field of the head is cut"},
		{"\x01\x02"
		 "a\0",
		 4, "a word of the command line has a NUL"},
		{"\x02\x09"
		 "123456789",
		 11, "the seed holds a bad value"},
		{"\x03\x01x", 3, "the latency stair holds a bad value"},
		{"\x06\x01x", 3, "the page walks hold a bad value"},
		{"\x07\x10"
		 "0123456789abcdef",
		 18, "the spread of page walks holds a bad value"},
		{"\x13\x05"
		 "12345",
		 7, "field n_cpu holds a bad value"},
		{"\x1e\x10"
		 "0123456789abcdef",
		 18, "field source holds a bad value"},
		{"\x04\x0e"
		 "\x04\x00\x00\x80\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00",
		 16, "a cache of the exact source holds a bad value"}, /* level 4 */
		{"\x04\x0e"
		 "\x01\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		 16, "a cache of the exact source holds a bad value"}, /* no ways */
		{"\x04\x01x", 3, "a cache of the exact source holds a bad value"},
		{"\x05\x0d"
		 "\x01\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00",
		 15, "a prefetcher of the exact source holds a bad value"}, /* of no cache */
		{"\x05\x01x", 3, "a prefetcher of the exact source holds a bad value"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cxms_trace_reader *r = NULL;
		struct cxms_err err = {0};
		struct craft c;
		int fd;

		craft_begin(&c, false);
		craft_block(&c, (struct cxms_block){.type = CXMS_BLOCK_HEAD}, rows[i].raw,
			    rows[i].len);
		fd = craft_end(&c);
		assert_int_equal(cxms_trace_reader_open_fd(fd, "f", &r, &err), -EINVAL);
		assert_non_null(strstr(err.msg, rows[i].reason));
		close(fd);
	}
}

/* The ```hex lines of FORMAT.md; each begins with its offset. */
static size_t hex_of_format_md(uint8_t *out, size_t cap)
{
	FILE *fp = fopen(CXMS_SOURCE_DIR "/src/trace/FORMAT.md", "r");
	bool in_hex = false;
	char line[4096];
	size_t n = 0;

	assert_non_null(fp);
	while (fgets(line, sizeof(line), fp)) {
		char *p = line;

		if (strncmp(line, "```", 3) == 0) {
			in_hex = strcmp(line, "```hex\n") == 0;
			continue;
		}
		if (!in_hex)
			continue;
		assert_int_equal(strtoul(p, &p, 16), n);
		for (p += strspn(p, " "); *p != '\n'; p += strspn(p, " ")) {
			assert_true(n < cap);
			out[n++] = (uint8_t)strtoul(p, &p, 16);
		}
	}
	fclose(fp);
	return n;
}

static void assert_example_sample(const struct cxms_event *ev, uint64_t time_ns, uint64_t addr)
{
	assert_int_equal(ev->kind, CXMS_EV_SAMPLE);
	assert_int_equal(ev->time_ns, time_ns);
	assert_int_equal(ev->sample.addr, addr);
	assert_int_equal(ev->sample.site, 0);
	assert_int_equal(ev->sample.weight_ns, 199999);
	assert_int_equal(ev->sample.flags, CXMS_SAMPLE_ADDR);
	assert_int_equal(ev->sample.cpu, 1);
}

static void test_example_of_the_format_description_decodes(void **state)
{
	uint8_t bytes[1000];
	size_t n = hex_of_format_md(bytes, sizeof(bytes));
	int fd = file_of(bytes, n);
	struct cxms_trace_reader *r = NULL;
	const struct cxms_trace_head *head;
	struct cxms_event ev[10];

	(void)state;
	assert_int_equal(read_all(fd, ev, 10, &r), 5);
	assert_int_equal(cxms_trace_reader_state(r), CXMS_TRACE_COMPLETE);
	head = cxms_trace_reader_head(r);
	assert_int_equal(head->n_argv, 1);
	assert_string_equal(head->argv[0], "./chase");
	assert_string_equal(head->facts.cpu, "x");
	assert_int_equal(head->facts.n_cpu, 2);
	assert_int_equal(head->facts.page_bytes, 4096);
	assert_int_equal(head->facts.period_ns, 199999);
	assert_int_equal(head->seed, 1);
	assert_int_equal(ev[0].pid, 100);
	assert_string_equal(ev[0].exec.name, "chase");
	assert_int_equal(ev[1].site.ip, 0x401136);
	assert_int_equal(ev[1].site.kind, CXMS_SITE_LOAD);
	assert_int_equal(ev[1].site.access_bytes, 8);
	assert_int_equal(ev[1].site.flags, CXMS_SITE_SELF);
	assert_int_equal(ev[1].site.loop_insns, 3);
	assert_example_sample(&ev[2], 200000, 0x7f0000001000);
	assert_example_sample(&ev[3], 400100, 0x7f0000000fc0);
	assert_int_equal(ev[4].kind, CXMS_EV_EXIT);
	assert_int_equal(ev[4].tid, 100);
	assert_int_equal(cxms_trace_reader_totals(r)->duration_ns, 500000);
	assert_true(cxms_trace_reader_totals(r)->exit_known);
	assert_int_equal(cxms_trace_reader_totals(r)->samples, 2);
	cxms_trace_reader_close(r);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head_and_totals_read_back_as_written),
		cmocka_unit_test(test_foreign_and_torn_files_are_refused_with_the_reason),
		cmocka_unit_test(test_newer_version_is_refused),
		cmocka_unit_test(test_what_is_no_regular_file_is_refused),
		cmocka_unit_test(test_full_disk_names_the_remedy),
		cmocka_unit_test(test_failed_write_stays_failed_and_leaves_a_readable_file),
		cmocka_unit_test(test_events_that_cannot_be_read_back_are_refused),
		cmocka_unit_test(test_random_chase_takes_at_most_12_bytes_a_sample),
		cmocka_unit_test(test_blocks_close_at_their_limits),
		cmocka_unit_test(test_cut_recording_counts_what_was_read),
		cmocka_unit_test(test_later_additions_are_passed_over),
		cmocka_unit_test(test_bad_content_under_a_right_checksum_ends_the_reading),
		cmocka_unit_test(test_impossible_lengths_are_not_believed),
		cmocka_unit_test(test_bad_head_content_is_an_error),
		cmocka_unit_test(test_example_of_the_format_description_decodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
