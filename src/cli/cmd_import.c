#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "record/import_exact.h"
#include "record/import_run.h"
#include "source/imp_access.h"
#include "source/imp_input.h"

#define DEFAULT_RECORDING "cxlmemsim.cxlt"
#define HEAD_BYTES	  4096u

static int open_input(struct cli *c, struct cxms_input *in, int *fd)
{
	const char *path = c->argv[0];
	bool is_stdin = strcmp(path, "-") == 0;
	*fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		return cxms_fail_sys(&c->err, errno, "cannot read '%s'", path);
	return cxms_input_open(in, *fd, is_stdin ? "standard input" : path, &c->err);
}

/* The format that was asked for, else by the file's beginning. */
static int choose_format(struct cli *c, struct cxms_input *in, enum cxms_import_format *out)
{
	size_t n = cxms_input_want(in, HEAD_BYTES);
	enum cxms_import_format format = (enum cxms_import_format)c->opt.format;
	if (in->error)
		return cxms_fail_sys(&c->err, in->error, "cannot read '%s'", in->name);
	int rc = cxms_import_check(in->name, cxms_input_at(in), n, &c->err);
	if (rc < 0)
		return rc;
	if (format == CXMS_IMPORT_AUTO)
		format = cxms_import_detect(cxms_input_at(in), n);
	if (format == CXMS_IMPORT_AUTO)
		return cxms_fail(
			&c->err, EINVAL,
			"'%s' is none of perf.data, text of perf script with the fields that "
			"cxlmemsim-import(1) names, lackey, drmemtrace or champsim; if it "
			"is one of them, say which with --format",
			in->name);
	if (c->opt.topology.n && !cxms_imp_access_knows(format))
		return cxms_fail(&c->err, EINVAL,
				 "'--topology' is for address traces, whose caches are simulated; "
				 "leave it out and give it to replay");
	*out = format;
	return 0;
}

/* perf keeps copies of the programs it saw there. */
static char *perf_cache(void)
{
	const char *home = getenv("HOME");
	char *path = NULL;
	return home && asprintf(&path, "%s/.debug", home) >= 0 ? path : NULL;
}

static void say_result(struct cli *c, const char *path, const char *input,
		       const struct cxms_record_import_result *res)
{
	const struct cxms_totals *t = &res->totals;
	if (res->is_cut)
		cxms_warn(&c->warnings, CXMS_W_IMPORT_CUT, "'%s' is cut: %s", input, res->where);
	cli_warnings(c, &c->warnings);
	cxms_log(&c->log, CXMS_LOG_NORMAL,
		 "'%s': %" PRIu64 " samples, %" PRIu64 " accesses, %" PRIu64 " lost", path,
		 t->samples, t->mem_samples, t->lost_samples + t->lost_mem);
}

static int check_symfs(struct cli *c)
{
	struct stat st;
	if (!c->opt.symfs || (stat(c->opt.symfs, &st) == 0 && S_ISDIR(st.st_mode)))
		return 0;
	return cxms_fail(&c->err, EINVAL, "'--symfs': '%s' is no directory", c->opt.symfs);
}

static int import_timed(struct cli *c, enum cxms_import_format format, struct cxms_input *in,
			struct cli_rec *rec)
{
	struct cxms_record_import_result res = {0};
	char *cache = perf_cache();
	const struct cxms_record_import_cfg cfg = {
		.format = cxms_import_find(format),
		.input = {.in = in,
			  .symfs = c->opt.symfs,
			  .cache = cache,
			  .warnings = &c->warnings},
		.no_argv = c->opt.no_argv,
		.seed = c->opt.seed,
		.machine = {.mem_latency_ps = c->opt.mem_latency_ps,
			    .walk_ps = c->opt.walk_latency_ps,
			    .llc_bytes = c->opt.llc_bytes,
			    .log = &c->log},
		.log = &c->log,
	};
	int rc = cxms_record_import(&cfg, rec->fd, &res, &c->err);
	if (rc == 0)
		rc = cli_rec_commit(c, rec);
	if (rc == 0)
		say_result(c, rec->path, in->name, &res);
	free(cache);
	return rc;
}

/* A trace of accesses without times goes through the caches of a host, as source exact does it. */
static int import_accesses(struct cli *c, enum cxms_import_format format, struct cxms_input *in,
			   struct cli_rec *rec)
{
	struct cxms_import_exact_result res = {0};
	struct cli_eval eval = {0};
	struct cxms_exact_cfg exact;
	struct cxms_import_exact_cfg cfg = {.format = format,
					    .in = in,
					    .exact = &exact,
					    .no_argv = c->opt.no_argv,
					    .seed = c->opt.seed,
					    .warnings = &c->warnings,
					    .log = &c->log};
	int rc = c->opt.topology.n ? cli_eval_load(c, &eval) : 0;
	if (rc == 0)
		rc = cli_exact_load(c, eval.topo, eval.n_topo, &exact);
	if (rc == 0)
		rc = cxms_import_exact(&cfg, rec->fd, &res, &c->err);
	if (rc == 0)
		rc = cli_rec_commit(c, rec);
	cli_eval_fini(&eval);
	if (rc < 0)
		return rc;
	cli_warnings(c, &c->warnings);
	cxms_log(&c->log, CXMS_LOG_NORMAL,
		 "'%s': %" PRIu64 " instructions, %" PRIu64 " loads, %" PRIu64 " stores", rec->path,
		 res.insns, res.loads, res.stores);
	return 0;
}

static int import_into(struct cli *c, struct cxms_input *in, struct cli_rec *rec)
{
	enum cxms_import_format format = CXMS_IMPORT_AUTO;
	int rc = choose_format(c, in, &format);
	if (rc == 0)
		rc = cli_rec_target(c, rec, rec->path);
	if (rc < 0)
		return rc;
	rc = cxms_imp_access_knows(format) ? import_accesses(c, format, in, rec)
					   : import_timed(c, format, in, rec);
	if (rc == -ENOSPC || rc == -EDQUOT)
		cxms_err_prefix(&c->err, "'%s'", rec->path);
	if (rc < 0)
		cli_rec_discard(rec);
	return rc;
}

int cmd_import(struct cli *c)
{
	const char *path = c->opt.output ? c->opt.output : DEFAULT_RECORDING;
	struct cxms_input in = {0};
	struct cli_rec rec = {.fd = -1, .path = path};
	int fd = -1;
	if (c->argc != 1)
		return cli_usage(c, "import takes one file, or - for standard input, got %d",
				 c->argc);
	int rc = cli_out_distinct(c, path, c->argv[0]);
	if (rc == 0)
		rc = cli_out_topologies(c, path);
	if (rc == 0)
		rc = check_symfs(c);
	if (rc == 0)
		rc = open_input(c, &in, &fd);
	if (rc == 0)
		rc = import_into(c, &in, &rec);
	cxms_input_close(&in);
	cli_rec_fini(&rec);
	if (fd > STDIN_FILENO)
		close(fd);
	if (rc < 0 && c->err.code == 0) /* of topologies all errors are told already */
		return CLI_USAGE;
	if (rc < 0)
		return cli_fail(c, c->err.code == ENODATA ? CLI_FAILED : cli_status_of(rc));
	return CLI_OK;
}
