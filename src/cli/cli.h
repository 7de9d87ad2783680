/* What the verbs share: the verb table, the options, messages and exit codes, and steps used by
 * several verbs. */
#ifndef CXMS_CLI_CLI_H
#define CXMS_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/opt.h"
#include "base/warn.h"
#include "sim/replay.h"
#include "trace/exact_cfg.h"

struct cxms_axes;
struct cxms_buf;
struct cxms_cfg;
struct cxms_record_result;
struct cxms_result;
struct cxms_source_ops;
struct cxms_topo;
struct cxms_trace_reader;
struct cxms_xlive;

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,	/* wrong usage or a bad file */
	CLI_CANNOT = 3, /* this machine cannot */
	CLI_SELF_CHECK = 4,
	CLI_TOOL = 125, /* run, record: any failure of the tool itself */
	CLI_NOT_EXEC = 126,
	CLI_NOT_FOUND = 127,
};

enum cli_format { CLI_TEXT, CLI_JSON, CLI_CSV };

/** struct cli_opts - every option of every verb; a verb's table says which ones it takes */
struct cli_opts {
	struct cxms_strs topology, policy, host, set;
	const char *source, *splits, *output, *save, *pattern, *event, *budget;
	const char *pcm;
	int counters;			  /* enum cxms_counters_mode */
	const char *measured, *slow_node; /* of calibrate */
	const char *load, *split;	  /* of topo draw */
	const char *symfs;		  /* of import */
	const char *roi_begin, *roi_end, *exact_window;
	int format;  /* enum cli_format; of topo: enum cxms_draw_format; of import:
		     enum cxms_import_format */
	int blocked; /* enum cxms_blocked */
	int engine;  /* enum cxms_engine */
	uint64_t epoch_ps, period_ps, mem_latency_ps, walk_latency_ps; /* 0 = automatic */
	uint64_t llc_bytes;					       /* 0 = estimated */
	uint64_t seed, jobs;
	int quiet, verbose;
	bool to_stdout, explain, no_argv, measure, watchpoints;
	/* options that are known but cannot be served yet */
	const char *pid, *inject, *repeat;
	bool timeline;
};

struct cli_verb;

/** struct cli - one invocation */
struct cli {
	const struct cli_verb *verb;
	struct cli_opts opt;
	int argc;    /* operands */
	char **argv; /* NULL-terminated */
	struct cxms_log log;
	struct cxms_err err;
	struct cxms_warnings warnings;
};

struct cli_verb {
	const char *name, *summary;
	const char *synopsis; /* without "usage: " */
	const char *examples; /* lines, two blanks in front */
	const struct cxms_opt *opts;
	bool is_runner; /* starts a program: the exit code is the program's, 125 for the tool */
	int (*run)(struct cli *c);
};

/* main.c */
size_t cli_verb_count(void);
const struct cli_verb *cli_verb_at(size_t i);
const struct cli_verb *cli_verb_find(const char *name);

/* cli_opts.c: one table per verb, ended by name == NULL */
extern const struct cxms_opt cli_opts_run[], cli_opts_record[], cli_opts_replay[], cli_opts_sweep[],
	cli_opts_report[], cli_opts_diff[], cli_opts_topo[], cli_opts_trace[], cli_opts_list[],
	cli_opts_doctor[], cli_opts_calibrate[], cli_opts_import[], cli_opts_help[];
/**
 * cli_parse() - options of a verb into c->opt, operands into c->argc and c->argv
 * @argv: argv[0] is the verb (or the program for an implied run)
 * @help: set when help was asked for
 * Return: 0 or -EINVAL, also for options that are not available yet
 */
int cli_parse(struct cli *c, int argc, char **argv, bool *help);

/* cli_counts.c */
struct cxms_event;
/** struct cli_counts - counters of a recording added up by name; zeroed is empty */
struct cli_counts {
	struct cli_count_sum {
		char *name;
		double value, enabled_ns, running_ns; /* value: scaled to enabled_ns */
	} * sum;
	size_t n, cap;
	size_t *of; /* counter -> index of its sum */
	size_t n_of, cap_of;
};
/** definitions and counts are taken, other events passed over; 0 or -ENOMEM */
int cli_counts_add(struct cli_counts *s, const struct cxms_event *ev);
/** a table; nothing without counters */
void cli_counts_put(const struct cli_counts *s, struct cxms_buf *out);
void cli_counts_fini(struct cli_counts *s);

/* cli_msg.c */
/** prints c->err as it must look (positions of files first, else "cxlmemsim: "); returns @status,
 * 125 for runners */
int cli_fail(struct cli *c, int status);
/** after a failed cxms_topo_load(): all errors of the file; returns the exit code of verbs that are
 * no runners */
int cli_fail_topology(struct cli *c, const char *path);
/** a fault in words: cxms_fail() with EINVAL, then cli_fail() with the usage code */
int cli_usage(struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** "'X' is not available yet" as a usage error */
int cli_not_yet(struct cli *c, const char *what);
/** exit code of a verb that failed with @rc: EINVAL and the like are bad files, ENOTSUP is this
 * machine */
int cli_status_of(int rc);
/** to stderr, "cxlmemsim: warning: ..." each, unless quiet */
void cli_warnings(struct cli *c, const struct cxms_warnings *w);
void cli_help_verb(const struct cli_verb *v, struct cxms_buf *out);
void cli_help_all(struct cxms_buf *out);

/* cli_eval.c: topologies, policies, splits -> result */
struct cli_eval {
	const struct cxms_topo **topo;
	size_t n_topo;
	const char **policy;
	size_t n_policy;
	double *split_pct;
	size_t n_split;
	const struct cxms_axes *axes; /* of a sweep, else NULL; borrowed */
	const char *recording;	      /* to be told in the table, else NULL; borrowed */
	struct cxms_replay_cfg cfg;   /* all of it, and the options */
};
/* cli_play.c: what is replayed, a recording or one for each --host; a sweep takes several */
struct cli_play {
	size_t n;
	struct cxms_host_trace *host;
	const char **path; /* borrowed from argv */
	char **name;	   /* owned; NULL for a recording without host */
};
/** the words of --host, else the operands. 0 or -errno with c->err; always cli_play_fini() */
int cli_play_load(struct cli *c, struct cli_play *p);
int cli_play_open(struct cli *c, struct cli_play *p);
void cli_play_fini(struct cli_play *p);

/** everything that can be checked before a program starts; 0 or -errno, errors already printed */
int cli_eval_load(struct cli *c, struct cli_eval *e);
/** cli_check_policy() - 0, or -EINVAL: @t names a policy that there is none of. Which there are a
 * topology does not know */
int cli_check_policy(struct cli *c, const struct cxms_topo *t);
void cli_eval_fini(struct cli_eval *e);
/** a plain number 0 .. 100, fractions allowed; false and *out untouched when it is none */
bool cli_parse_pct(const char *word, double *out);
/**
 * cli_eval_run() - replays and renders into @out by --format
 * @host: @n of them; one whose name is NULL is no host of several
 * Return: 0 or -errno with c->err; *self_check set on a broken promise
 */
int cli_eval_run(struct cli *c, const struct cli_eval *e, const struct cxms_host_trace *host,
		 size_t n, struct cxms_buf *out, bool *self_check);

/* cli_exact.c: what source exact simulates */
/** is source exact asked for, and are its options right and not given to others? 0 or -EINVAL with
 * c->err */
int cli_exact_check(struct cli *c, bool *is_exact);
/**
 * cli_exact_load() - caches, TLB, cores, region and sampling into @out
 * @topo: all topologies of a live run, which must agree; n_topo 0: an assumed host with this
 *        machine's cache sizes, which is said
 * Return: 0 or -errno with c->err
 */
int cli_exact_load(struct cli *c, const struct cxms_topo *const *topo, size_t n_topo,
		   struct cxms_exact_cfg *out);

/* cmd_report.c */
/** the result in JSON at @path, to be freed; a recording is refused; 0 or -errno with c->err */
int cli_load_result(struct cli *c, const char *path, struct cxms_cfg **out);

/* cli_out.c */
/** can @path be written, and is it none of the files read? 0 or -errno with c->err */
int cli_out_check(struct cli *c, const char *option, const char *path);
int cli_out_distinct(struct cli *c, const char *path, const char *input);
/** cli_out_topologies() - the same against every topology given */
int cli_out_topologies(struct cli *c, const char *path);
/** cli_out_apart() - -EINVAL when two outputs are one file, there or not yet; NULL = none */
int cli_out_apart(struct cli *c, const char *path, const char *other);
/** both, of --output when given against @n recordings and the topologies */
int cli_out_inputs(struct cli *c, const char *const *recording, size_t n);
/** @text to --output when given, else to @fp; 0 or -errno with c->err */
int cli_out_put(struct cli *c, struct cxms_buf *text, FILE *fp);
/** as cli_out_put() on stdout; returns the exit code */
int cli_out_done(struct cli *c, struct cxms_buf *text);

/* cli_record.c */
/** struct cli_rec - where a recording goes while it grows */
struct cli_rec {
	struct cxms_exact_cfg exact; /* source exact: what it simulates; else zero */
	uint32_t budget_ppm;	     /* 0 = the source's */
	int fd;
	const char *path;	 /* NULL = in memory */
	char *part;		 /* NULL = path itself is written */
	bool created;		 /* path did not exist before */
	struct cxms_xlive *live; /* source exact: answers programs that ask for time */
	struct cxms_xearly
		*early; /* told of every packet; borrowed, set by the caller; NULL = none */
	bool early_begun;
};
/**
 * cli_rec_open() - source, program, pattern, target: checked and opened before anything starts
 * @topo: as of cli_exact_load()
 * Return: 0 or -errno with c->err
 */
int cli_rec_open(struct cli *c, struct cli_rec *r, const char *path,
		 const struct cxms_topo *const *topo, size_t n_topo);
/** opens where a recording is written; 0 or -errno with c->err */
int cli_rec_target(struct cli *c, struct cli_rec *r, const char *path);
/** nothing came of it: what was written goes */
void cli_rec_discard(struct cli_rec *r);
/** records; *status is the exit code so far; 0 when there is a recording to go on with, errors are
 * printed */
int cli_rec_run(struct cli *c, struct cli_rec *r, struct cxms_record_result *result, int *status);
/** the recording gets its name; 0 or -errno with c->err */
int cli_rec_commit(struct cli *c, struct cli_rec *r);
void cli_rec_fini(struct cli_rec *r);

/* cmd_<verb>.c */
int cmd_run(struct cli *c);
int cmd_record(struct cli *c);
int cmd_replay(struct cli *c);
int cmd_sweep(struct cli *c);
int cmd_report(struct cli *c);
int cmd_diff(struct cli *c);
int cmd_import(struct cli *c);
int cmd_topo(struct cli *c);
int cmd_trace(struct cli *c);
int cmd_list(struct cli *c);
int cmd_calibrate(struct cli *c);
int cmd_doctor(struct cli *c);
int cmd_help(struct cli *c);

#endif
