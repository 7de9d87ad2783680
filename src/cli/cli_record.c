#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/near.h"
#include "cli/cli.h"
#include "record/record.h"
#include "sim/xlive.h"
#include "sim/xreplay.h"
#include "source/child.h"
#include "trace/trace.h"

#define BUDGET_MIN_PCT 0.1
/* More would be a different program: perf itself stops at 25 % of the CPU by default
 * (kernel.perf_cpu_time_max_percent). */
#define BUDGET_MAX_PCT 25
#define PPM_PER_PCT    10000

/* Sources of the design that nothing here implements so far. */
static const char *const later_sources[] = {"file", NULL};

static int fail_source(struct cli *c, const char *name)
{
	struct cxms_buf known = {0};
	struct cxms_near near;
	char mean[CXMS_NEAR_MEAN_MAX];
	for (size_t i = 0; later_sources[i]; i++)
		if (strcmp(later_sources[i], name) == 0)
			return cxms_fail(&c->err, EINVAL, "'--source %s' is not available yet",
					 name);
	cxms_near_init(&near, name);
	for (size_t i = 0; i < cxms_source_count(); i++) {
		cxms_near_try(&near, cxms_source_at(i)->name);
		cxms_buf_printf(&known, ", %s", cxms_source_at(i)->name);
	}
	int rc = cxms_fail(&c->err, EINVAL, "unknown source '%.*s'%s; known: auto%s",
			   cxms_quote_len(name), name, cxms_near_mean(mean, "", near.best),
			   cxms_buf_text(&known));
	cxms_buf_fini(&known);
	return rc;
}

/* NULL and no error = auto */
static const struct cxms_source_ops *wanted_source(const struct cli *c)
{
	const char *name = c->opt.source;
	return !name || strcmp(name, "auto") == 0 ? NULL : cxms_source_find(name);
}

/* "1%" or "0.5": a share of the CPU. */
static int read_budget(struct cli *c, uint32_t *ppm)
{
	const char *text = c->opt.budget;
	char word[16] = "";
	double pct = 0;
	size_t n = text ? strlen(text) : 0;
	if (!text)
		return 0;
	if (n && text[n - 1] == '%')
		n--;
	if (n < sizeof(word))
		memcpy(word, text, n);
	if (!cli_parse_pct(word, &pct) || pct < BUDGET_MIN_PCT || pct > BUDGET_MAX_PCT)
		return cxms_fail(&c->err, EINVAL, "'--budget' must be 0.1%% .. 25%%, got '%.*s'",
				 cxms_quote_len(text), text);
	*ppm = (uint32_t)(pct * PPM_PER_PCT + 0.5);
	return 0;
}

static int check_source(struct cli *c)
{
	const struct cxms_source_ops *ops = wanted_source(c);
	if (!ops && c->opt.source && strcmp(c->opt.source, "auto") != 0)
		return fail_source(c, c->opt.source);
	if (!ops || ops->caps & CXMS_SRC_LIVE) {
		if (c->opt.pattern)
			return cxms_fail(
				&c->err, EINVAL,
				"'--pattern' is for a source that plays one; add '--source synth'");
		if (c->argc == 0)
			return cxms_fail(&c->err, EINVAL,
					 "no program to watch; give one after the options, as in "
					 "'-- PROGRAM ARG...'");
		return 0;
	}
	if (c->argc > 0)
		return cxms_fail(&c->err, EINVAL,
				 "source '%s' watches no program, but '%s' was given; leave it out",
				 ops->name, c->argv[0]);
	if (!c->opt.pattern)
		return cxms_fail(&c->err, EINVAL,
				 "source '%s' needs a pattern; give one such as "
				 "--pattern '{stall: 0.6}'",
				 ops->name);
	return 0;
}

#define PART ".part"

/* Beside the file itself where @path is a link to it: the link stays one. */
static int name_part(const char *path, char **part)
{
	char target[PATH_MAX];
	struct stat st;
	bool is_link = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
	if (is_link && !realpath(path, target))
		return -1;
	if (asprintf(part, "%s" PART, is_link ? target : path) < 0) {
		*part = NULL;
		return -1;
	}
	return 0;
}

/* The whole recording takes the place of the one that stands. */
static int rename_part(const char *part)
{
	char target[PATH_MAX];
	int len = (int)(strlen(part) - strlen(PART));
	if (snprintf(target, sizeof(target), "%.*s", len, part) >= (int)sizeof(target)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return rename(part, target);
}

/* A recording that stands is replaced only by a whole one; a new name grows in place, readable at
 * any moment. */
int cli_rec_target(struct cli *c, struct cli_rec *r, const char *path)
{
	struct stat st;
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
	int rc = cli_out_check(c, c->verb->run == cmd_run ? "--save" : "--output", path);
	if (rc < 0)
		return rc;
	bool exists = stat(path, &st) == 0;
	if (exists && !S_ISREG(st.st_mode)) {
		r->fd = open(path, O_WRONLY | O_CLOEXEC);
	} else if (exists) {
		if (name_part(path, &r->part) < 0)
			return cxms_fail_sys(&c->err, errno, "cannot write '%s'", path);
		r->fd = open(r->part, flags, st.st_mode & 0777);
		if (r->fd < 0 && errno == EEXIST)
			return cxms_fail(
				&c->err, EEXIST,
				"'%s' is there: a recording that did not end, readable up to "
				"its last block; rename or remove it",
				r->part);
	} else {
		r->fd = open(path, flags, 0666);
		r->created = r->fd >= 0;
	}
	if (r->fd < 0)
		return cxms_fail_sys(&c->err, errno, "cannot write '%s'", path);
	return 0;
}

static const char *unnamed_dir(void)
{
	const char *tmp = getenv("TMPDIR");
	return tmp && *tmp ? tmp : "/var/tmp";
}

/* A recording that nobody keeps. Sampled ones fit in memory; one of every access may not. */
static int open_unnamed(struct cli *c, struct cli_rec *r, bool is_exact)
{
	if (is_exact)
		r->fd = open(unnamed_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (r->fd < 0)
		r->fd = memfd_create("cxlmemsim", MFD_CLOEXEC);
	if (r->fd < 0)
		return cxms_fail_sys(&c->err, errno, "cannot keep the recording in memory");
	return 0;
}

int cli_rec_open(struct cli *c, struct cli_rec *r, const char *path,
		 const struct cxms_topo *const *topo, size_t n_topo)
{
	bool is_exact = false;
	*r = (struct cli_rec){.fd = -1, .path = path};
	int rc = check_source(c);
	if (rc == 0)
		rc = read_budget(c, &r->budget_ppm);
	if (rc == 0)
		rc = cli_exact_check(c, &is_exact);
	if (rc == 0 && c->opt.pcm && (is_exact || c->argc == 0))
		rc = cxms_fail(&c->err, EINVAL,
			       "'--pcm' is for a program that runs at full speed on this machine; "
			       "leave it out with source '%s'",
			       c->opt.source);
	if (rc == 0 && is_exact)
		rc = cli_exact_load(c, topo, n_topo, &r->exact);
	if (rc == 0 && is_exact && n_topo > 0)
		rc = cxms_xlive_new(topo[0], &r->live, &c->err);
	if (rc == 0 && c->argc > 0)
		rc = cli_out_distinct(c, path, c->argv[0]);
	if (rc == 0)
		rc = cli_out_distinct(c, path, c->opt.pcm);
	if (rc == 0)
		rc = cli_out_topologies(c, path);
	if (rc < 0)
		return rc;
	return path ? cli_rec_target(c, r, path) : open_unnamed(c, r, is_exact);
}

/* Does @name still name what is written? Another may have taken its place. */
static bool is_ours(const struct cli_rec *r, const char *name)
{
	struct stat own, there;
	return fstat(r->fd, &own) == 0 && lstat(name, &there) == 0 && own.st_dev == there.st_dev &&
	       own.st_ino == there.st_ino;
}

void cli_rec_discard(struct cli_rec *r)
{
	const char *name = r->part ? r->part : r->path;
	if ((r->part || r->created) && is_ours(r, name))
		unlink(name);
}

/* Exit code of the program as a shell shows it; a pattern without an end counts as success. */
static int program_status(const struct cxms_totals *t)
{
	if (!t->exit_known)
		return CLI_OK;
	if (WIFSIGNALED(t->exit_status))
		return 128 + WTERMSIG(t->exit_status);
	return WEXITSTATUS(t->exit_status);
}

/* What the program came to, and what there is of its recording. */
static void tell_remains(struct cli *c, const struct cli_rec *r, const struct cxms_totals *totals)
{
	char ended[40] = "", readable[PATH_MAX + 64] = "";
	if (totals->exit_known)
		snprintf(ended, sizeof(ended), "the program ended with status %d",
			 program_status(totals));
	if (r->path)
		snprintf(readable, sizeof(readable), "'%s' is readable up to its last whole block",
			 r->part ? r->part : r->path);
	if (*ended || *readable)
		cxms_log(&c->log, CXMS_LOG_NORMAL, "%s%s%s", ended, *ended && *readable ? "; " : "",
			 readable);
}

static int after_failure(struct cli *c, struct cli_rec *r, const struct cxms_record_result *res)
{
	int code = c->err.code;
	bool is_full = code == ENOSPC || code == EDQUOT;
	if (r->path && (is_full || code == EFBIG || code == EPIPE || code == EIO))
		cxms_err_prefix(&c->err, "'%s'", r->part ? r->part : r->path);
	else if (is_full)
		cxms_err_prefix(&c->err, "below '%s' (TMPDIR)", unnamed_dir());
	if (res->stage == CXMS_RECORD_RAN)
		tell_remains(c, r, &res->totals);
	else
		cli_rec_discard(r);
	cli_fail(c, CLI_TOOL);
	if (res->stage != CXMS_RECORD_EXEC_FAILED)
		return CLI_TOOL;
	return code == ENOENT ? CLI_NOT_FOUND : CLI_NOT_EXEC;
}

/* The head of the recording is written before its first packet. */
static void begin_early(struct cli_rec *r)
{
	struct cxms_trace_reader *head = NULL;
	r->early_begun = true;
	if (cxms_trace_reader_open_fd(r->fd, "", &head, NULL) == 0)
		cxms_xearly_begin(r->early, &cxms_trace_reader_head(head)->facts);
	else
		r->early = NULL;
	cxms_trace_reader_close(head);
}

static void on_packet(void *arg, const void *data, size_t len, bool may_skip)
{
	struct cli_rec *r = arg;
	cxms_xlive_packet(r->live, data, len, may_skip);
	if (r->early && !r->early_begun)
		begin_early(r);
	if (r->early)
		cxms_xearly_packet(r->early, data, len);
}

static uint64_t on_time_asked(void *arg, uint32_t pid, uint32_t tid)
{
	const struct cli_rec *r = arg;
	return cxms_xlive_time_ns(r->live, pid, tid);
}

int cli_rec_run(struct cli *c, struct cli_rec *r, struct cxms_record_result *result, int *status)
{
	const struct cxms_record_cfg cfg = {
		.source = wanted_source(c),
		.argv = c->argc ? c->argv : NULL,
		.pattern = c->opt.pattern,
		.counters = (enum cxms_counters_mode)c->opt.counters,
		.pcm = c->opt.pcm,
		.no_argv = c->opt.no_argv,
		.period_ns = c->opt.period_ps / CXMS_PS_PER_NS,
		.events = c->opt.event,
		.budget_ppm = r->budget_ppm,
		.watchpoints = c->opt.watchpoints,
		.seed = c->opt.seed,
		.exact = &r->exact,
		.sim_packet = r->live ? on_packet : NULL,
		.sim_time_ns = r->live ? on_time_asked : NULL,
		.sim_arg = r,
		.machine = {.mem_latency_ps = c->opt.mem_latency_ps,
			    .walk_ps = c->opt.walk_latency_ps,
			    .llc_bytes = c->opt.llc_bytes,
			    .log = &c->log},
		.log = &c->log,
		.warnings = &c->warnings,
	};
	/* before this machine is measured, which takes seconds */
	int rc = c->argc ? cxms_child_find(c->argv[0], NULL, &c->err) : 0;
	if (rc < 0)
		result->stage = CXMS_RECORD_EXEC_FAILED;
	else
		rc = cxms_record_run(&cfg, r->fd, result, &c->err);
	cxms_log_progress_end(&c->log);
	*status = rc < 0 ? after_failure(c, r, result) : program_status(&result->totals);
	return rc;
}

/* As close(2): file systems that write at its time tell what failed. */
static int flush(int fd)
{
	int copy = dup(fd);
	return copy < 0 ? -1 : close(copy);
}

/* What stands is given up only for what has reached the disk. For that of a new file nobody waits,
 * who waits for the watched program. */
int cli_rec_commit(struct cli *c, struct cli_rec *r)
{
	if (!r->path)
		return 0;
	if ((r->part ? fsync(r->fd) : flush(r->fd)) < 0)
		return cxms_fail_sys(&c->err, errno, "cannot write '%s'", r->path);
	if (r->part && rename_part(r->part) < 0)
		return cxms_fail_sys(&c->err, errno, "cannot rename '%s' to '%s'", r->part,
				     r->path);
	struct stat st;
	if (r->created && fstat(r->fd, &st) == 0 && st.st_nlink == 0)
		return cxms_fail(&c->err, ESTALE,
				 "'%s' was removed or replaced while it was written; choose a name "
				 "that nothing else uses",
				 r->path);
	return 0;
}

void cli_rec_fini(struct cli_rec *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->part);
	cxms_xlive_free(r->live);
	*r = (struct cli_rec){.fd = -1};
}
