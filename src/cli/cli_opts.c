#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/units.h"
#include "cli/cli.h"

#define KIB	     1024ull
#define TIB	     (KIB * KIB * KIB * KIB)
#define PS_PER_US    1000000ull
#define PS_PER_MS    1000000000ull
#define DEFAULT_SEED 1u

static const char *const format_words[] = {"text", "json", "csv", NULL};
static const char *const sweep_words[] = {"csv", "json", NULL};
static const char *const report_words[] = {"text", "csv", NULL};
static const char *const draw_words[] = {"text", "dot", "svg", NULL};
static const char *const import_words[] = {"auto",	 "perf.data", "perf-script", "lackey",
					   "drmemtrace", "champsim",  NULL};
static const char *const blocked_words[] = {"stretch", "keep", NULL};
static const char *const counters_words[] = {"auto", "off", "fit", "turns", NULL};
static const char *const engine_words[] = {"auto", "epoch", "event", NULL};

#define AT(member) offsetof(struct cli_opts, member)

/* clang-format off */
#define OPT_TOPOLOGY {.name = "topology", .short_name = 't', .type = CXMS_OPT_STRS, \
	.offset = AT(topology), .arg = "FILE", \
	.help = "topology to evaluate, YAML; may be repeated: all are evaluated in one pass"}
#define OPT_HOST {.name = "host", .type = CXMS_OPT_STRS, .offset = AT(host), \
	.arg = "NAME=FILE", \
	.help = "a host that runs the recording FILE; repeated: hosts that share the fabric, in " \
		"place of RECORDING"}
#define OPT_SPLITS {.name = "splits", .short_name = 's', .type = CXMS_OPT_STR, \
	.offset = AT(splits), .arg = "LIST", \
	.help = "per cents of the touched pages in local memory, for example 100,75.5,0 " \
		"(default: the topology's, else 100,75,50,25,0)"}
#define OPT_POLICY {.name = "policy", .short_name = 'P', .type = CXMS_OPT_STRS, \
	.offset = AT(policy), .arg = "LIST", \
	.help = "who decides which pages are local; comma list or repeated " \
		"(default: the topology's, else page-interleave)"}
#define OPT_SOURCE {.name = "source", .short_name = 'S', .type = CXMS_OPT_STR, \
	.offset = AT(source), .arg = "NAME", \
	.help = "who watches: auto (default, the best cheap one that works here), pebs, ibs, clock, " \
		"ptrace, exact, synth"}
#define OPT_PATTERN {.name = "pattern", .type = CXMS_OPT_STR, .offset = AT(pattern), \
	.arg = "YAML", .help = "what source synth plays, for example '{threads: 2, stall: 0.6}'"}
#define OPT_PERIOD {.name = "period", .type = CXMS_OPT_QTY, .offset = AT(period_ps), \
	.unit = CXMS_UNIT_TIME_PS, .min = 10 * PS_PER_US, .max = CXMS_PS_PER_S, .arg = "TIME", \
	.help = "time between two samples of a thread, 10us .. 1s (default: the source's)"}
#define OPT_EVENT {.name = "event", .short_name = 'e', .type = CXMS_OPT_STR, .offset = AT(event), \
	.arg = "LIST", \
	.help = "sources pebs and ibs: sample these events, names or pmu/term=value,.../ with commas " \
		"between (default: the source's)"}
#define OPT_BUDGET {.name = "budget", .type = CXMS_OPT_STR, .offset = AT(budget), .arg = "PCT", \
	.help = "sources clock, ptrace, pebs, ibs: share of the CPU that sampling may cost, " \
		"0.1% .. 25% (default: 1.5%, of ptrace 3%)"}
#define OPT_RECORD_TOPOLOGY {.name = "topology", .short_name = 't', .type = CXMS_OPT_STRS, \
	.offset = AT(topology), .arg = "FILE", \
	.help = "source exact: topology whose caches, TLB and cores are simulated " \
		"(default: an assumed host with this machine's cache sizes)"}
#define OPT_ROI_BEGIN {.name = "roi-begin", .type = CXMS_OPT_STR, .offset = AT(roi_begin), \
	.arg = "FUNCTION", \
	.help = "source exact: only the region is timed that entering this function opens " \
		"(default: from the start)"}
#define OPT_ROI_END {.name = "roi-end", .type = CXMS_OPT_STR, .offset = AT(roi_end), \
	.arg = "FUNCTION", \
	.help = "source exact: entering this function closes the region (default: to the end)"}
#define OPT_EXACT_WINDOW {.name = "exact-window", .type = CXMS_OPT_STR, \
	.offset = AT(exact_window), .arg = "DETAIL/PERIOD", \
	.help = "source exact: of each PERIOD instructions DETAIL are timed, for example 10M/100M " \
		"(default: all)"}
#define OPT_EPOCH {.name = "epoch", .type = CXMS_OPT_QTY, .offset = AT(epoch_ps), \
	.unit = CXMS_UNIT_TIME_PS, .min = PS_PER_MS, .max = 1000 * CXMS_PS_PER_S, .arg = "TIME", \
	.help = "length of a model step, 1ms .. 1000s " \
		"(default: the shortest with 400 samples per thread, at least 20ms)"}
#define OPT_BLOCKED {.name = "blocked", .type = CXMS_OPT_ENUM, .offset = AT(blocked), \
	.words = blocked_words, .arg = "stretch|keep", \
	.help = "time a thread waits for another one: stretch with it (default) or keep as recorded"}
#define OPT_ENGINE {.name = "engine", .type = CXMS_OPT_ENUM, .offset = AT(engine), \
	.words = engine_words, .arg = "auto|epoch|event", \
	.help = "how queueing is computed: epoch, by means; event, request by request " \
		"(default: auto, epoch but for source exact)"}
#define OPT_MEM_LATENCY_OF(text) {.name = "mem-latency", .type = CXMS_OPT_QTY, \
	.offset = AT(mem_latency_ps), .unit = CXMS_UNIT_TIME_PS, .min = CXMS_PS_PER_NS, \
	.max = 100 * PS_PER_US, .arg = "TIME", \
	.help = "memory latency of " text}
#define OPT_MEM_LATENCY OPT_MEM_LATENCY_OF("this machine, 1ns .. 100us, instead of measuring it")
#define OPT_WALK_LATENCY_OF(text) {.name = "walk-latency", .type = CXMS_OPT_QTY, \
	.offset = AT(walk_latency_ps), .unit = CXMS_UNIT_TIME_PS, .min = 1, \
	.max = 100 * PS_PER_US, .arg = "TIME", \
	.help = "page walk added per access on base pages, 1ps .. 100us" text}
#define OPT_WALK_LATENCY OPT_WALK_LATENCY_OF(", instead of measuring it")
#define OPT_LLC_SIZE_OF(otherwise) {.name = "llc-size", .type = CXMS_OPT_QTY, .offset = AT(llc_bytes), \
	.unit = CXMS_UNIT_BYTES, .min = 64 * KIB, .max = TIB, .arg = "SIZE", \
	.help = "last-level cache this program had, 64KiB .. 1TiB (default: " otherwise ")"}
#define OPT_LLC_SIZE OPT_LLC_SIZE_OF("estimated")
#define OPT_OUTPUT(what) {.name = "output", .short_name = 'o', .type = CXMS_OPT_STR, \
	.offset = AT(output), .arg = "FILE", .help = what}
#define OPT_SAVE {.name = "save", .type = CXMS_OPT_STR, .offset = AT(save), .arg = "FILE", \
	.help = "keep the recording, for cxlmemsim replay"}
#define OPT_FORMAT {.name = "format", .short_name = 'f', .type = CXMS_OPT_ENUM, \
	.offset = AT(format), .words = format_words, .arg = "text|json|csv", \
	.help = "form of the report (default: text)"}
#define OPT_STDOUT {.name = "stdout", .type = CXMS_OPT_FLAG, .offset = AT(to_stdout), \
	.help = "print the report to standard output, after the program ended"}
#define OPT_EXPLAIN {.name = "explain", .type = CXMS_OPT_FLAG, .offset = AT(explain), \
	.help = "add the formulas with the numbers of this run, and the instructions that wait most"}
#define OPT_NO_ARGV {.name = "no-argv", .type = CXMS_OPT_FLAG, .offset = AT(no_argv), \
	.help = "leave the program's arguments out of the recording"}
#define OPT_COUNTERS {.name = "counters", .type = CXMS_OPT_ENUM, .offset = AT(counters), \
	.words = counters_words, .arg = "auto|off|fit|turns", \
	.help = "hardware counters: fit, those that count all the time; turns, all, by turns and scaled " \
		"(default: auto, turns with a source that samples accesses)"}
#define OPT_PCM {.name = "pcm", .type = CXMS_OPT_STR, .offset = AT(pcm), .arg = "FILE", \
	.help = "a file or pipe that pcm-memory -csv (Intel PCM) writes meanwhile: memory traffic is kept"}
#define OPT_WATCHPOINTS {.name = "watchpoints", .type = CXMS_OPT_FLAG, .offset = AT(watchpoints), \
	.help = "source clock: check the memory share by hardware breakpoints on sampled lines, which " \
		"tell when they are used again"}
#define OPT_SEED {.name = "seed", .type = CXMS_OPT_QTY, .offset = AT(seed), \
	.unit = CXMS_UNIT_COUNT, .max = INT64_MAX, .arg = "N", \
	.help = "seed of everything drawn at random (default: 1)"}
#define OPT_JOBS {.name = "jobs", .short_name = 'j', .type = CXMS_OPT_QTY, .offset = AT(jobs), \
	.unit = CXMS_UNIT_COUNT, .min = 1, .max = 4096, .arg = "N", \
	.help = "threads that evaluate, 1 .. 4096; results are the same for any number " \
		"(default: one for each CPU)"}
#define OPT_QUIET {.name = "quiet", .short_name = 'q', .type = CXMS_OPT_COUNT, \
	.offset = AT(quiet), .help = "no talk on standard error but errors"}
#define OPT_VERBOSE {.name = "verbose", .short_name = 'v', .type = CXMS_OPT_COUNT, \
	.offset = AT(verbose), .help = "more talk on standard error; twice for more"}
#define OPT_END {.name = NULL}

const struct cxms_opt cli_opts_run[] = {
	OPT_TOPOLOGY, OPT_SPLITS, OPT_POLICY, OPT_SOURCE, OPT_PATTERN, OPT_PERIOD,
	OPT_EVENT, OPT_BUDGET, OPT_ROI_BEGIN,
	OPT_ROI_END, OPT_EXACT_WINDOW, OPT_EPOCH, OPT_BLOCKED, OPT_ENGINE, OPT_MEM_LATENCY, OPT_WALK_LATENCY, OPT_LLC_SIZE,
	OPT_OUTPUT("the report goes here (default: standard error, text only)"), OPT_FORMAT,
	OPT_STDOUT, OPT_EXPLAIN, OPT_SAVE, OPT_COUNTERS, OPT_PCM, OPT_WATCHPOINTS, OPT_NO_ARGV, OPT_SEED, OPT_JOBS, OPT_QUIET, OPT_VERBOSE,
	OPT_END,
};
const struct cxms_opt cli_opts_record[] = {
	OPT_OUTPUT("the recording (default: cxlmemsim.cxlt)"), OPT_SOURCE, OPT_PATTERN, OPT_PERIOD,
	OPT_EVENT, OPT_BUDGET, OPT_RECORD_TOPOLOGY, OPT_ROI_BEGIN, OPT_ROI_END, OPT_EXACT_WINDOW, OPT_MEM_LATENCY, OPT_WALK_LATENCY, OPT_LLC_SIZE, OPT_COUNTERS, OPT_PCM, OPT_WATCHPOINTS, OPT_NO_ARGV, OPT_SEED, OPT_QUIET,
	OPT_VERBOSE, OPT_END,
};
const struct cxms_opt cli_opts_replay[] = {
	OPT_TOPOLOGY, OPT_HOST, OPT_SPLITS, OPT_POLICY, OPT_EPOCH, OPT_BLOCKED, OPT_ENGINE, OPT_LLC_SIZE,
	OPT_OUTPUT("the report goes here (default: standard output)"), OPT_FORMAT, OPT_EXPLAIN,
	OPT_SEED, OPT_JOBS, OPT_QUIET, OPT_VERBOSE, OPT_END,
};
const struct cxms_opt cli_opts_sweep[] = {
	OPT_TOPOLOGY,
	{.name = "set", .type = CXMS_OPT_STRS, .offset = AT(set), .arg = "KEY=VALUES",
	 .help = "values for a key of the topology: a comma list, with ranges FROM..TO/STEP, for example "
		 "devices.mem0.latency=150ns..600ns/50ns; repeated: all combinations"},
	OPT_HOST, OPT_SPLITS, OPT_POLICY, OPT_EPOCH, OPT_BLOCKED, OPT_LLC_SIZE,
	OPT_OUTPUT("the table goes here (default: standard output)"),
	{.name = "format", .short_name = 'f', .type = CXMS_OPT_ENUM, .offset = AT(format),
	 .words = sweep_words, .arg = "csv|json", .help = "form of the table (default: csv)"},
	OPT_SEED, OPT_JOBS, OPT_QUIET, OPT_VERBOSE, OPT_END,
};
const struct cxms_opt cli_opts_report[] = {
	OPT_OUTPUT("the report goes here (default: standard output)"),
	{.name = "format", .short_name = 'f', .type = CXMS_OPT_ENUM, .offset = AT(format),
	 .words = report_words, .arg = "text|csv", .help = "form of the report (default: text)"},
	OPT_EXPLAIN, OPT_QUIET, OPT_VERBOSE, OPT_END,
};
const struct cxms_opt cli_opts_diff[] = {
	OPT_OUTPUT("the comparison goes here (default: standard output)"), OPT_QUIET, OPT_VERBOSE,
	OPT_END,
};
const struct cxms_opt cli_opts_topo[] = {
	OPT_OUTPUT("show, draw, preset: where to (default: standard output)"),
	{.name = "format", .short_name = 'f', .type = CXMS_OPT_ENUM, .offset = AT(format),
	 .words = draw_words, .arg = "text|dot|svg", .help = "draw: form of the picture (default: text)"},
	{.name = "load", .type = CXMS_OPT_STR, .offset = AT(load), .arg = "FILE",
	 .help = "draw: a JSON result whose loads are drawn (default: none)"},
	{.name = "split", .type = CXMS_OPT_STR, .offset = AT(split), .arg = "PCT",
	 .help = "draw: the row of --load by its per cent in local memory, 0 .. 100 (default: the least)"},
	OPT_QUIET, OPT_VERBOSE, OPT_END,
};
const struct cxms_opt cli_opts_trace[] = {
	OPT_OUTPUT("where to (default: standard output)"), OPT_QUIET, OPT_VERBOSE, OPT_END,
};
const struct cxms_opt cli_opts_list[] = {OPT_QUIET, OPT_VERBOSE, OPT_END};
const struct cxms_opt cli_opts_doctor[] = {
	{.name = "measure", .type = CXMS_OPT_FLAG, .offset = AT(measure),
	 .help = "measure the memory latency of this machine now, about ten seconds, and keep it"},
	OPT_QUIET, OPT_VERBOSE, OPT_END,
};
const struct cxms_opt cli_opts_import[] = {
	OPT_OUTPUT("the recording (default: cxlmemsim.cxlt)"),
	{.name = "format", .short_name = 'f', .type = CXMS_OPT_ENUM, .offset = AT(format),
	 .words = import_words, .arg = "auto|perf.data|perf-script|lackey|drmemtrace|champsim",
	 .help = "what FILE is (default: auto, by its first bytes)"},
	{.name = "symfs", .type = CXMS_OPT_STR, .offset = AT(symfs), .arg = "DIR",
	 .help = "programs and libraries of the recording machine are below DIR (default: /)"},
	{.name = "topology", .short_name = 't', .type = CXMS_OPT_STRS, .offset = AT(topology),
	 .arg = "FILE",
	 .help = "address traces: topology whose caches, TLB and cores are simulated "
		 "(default: an assumed host with this machine's cache sizes)"},
	OPT_MEM_LATENCY_OF("the recording machine, 1ns .. 100us (default: 100ns, assumed)"),
	OPT_WALK_LATENCY_OF(" (default: 20ns, assumed)"),
	OPT_LLC_SIZE_OF("what FILE says, else 16MiB"), OPT_NO_ARGV, OPT_SEED, OPT_QUIET,
	OPT_VERBOSE, OPT_END,
};
const struct cxms_opt cli_opts_calibrate[] = {
	{.name = "measured", .type = CXMS_OPT_STR, .offset = AT(measured), .arg = "FILE",
	 .help = "fit a table that an earlier --output wrote on this machine, instead of measuring"},
	{.name = "slow-node", .type = CXMS_OPT_STR, .offset = AT(slow_node), .arg = "N",
	 .help = "NUMA node of the slow memory (default: the most distant one with room)"},
	OPT_OUTPUT("the table of what was measured, CSV (default: not kept)"), OPT_QUIET,
	OPT_VERBOSE, OPT_END,
};
const struct cxms_opt cli_opts_help[] = {OPT_QUIET, OPT_VERBOSE, OPT_END};

/* Parsed so that the message can be exact; not part of --help. */
static const struct cxms_opt later[] = {
	{.name = "pid", .short_name = 'p', .type = CXMS_OPT_STR, .offset = AT(pid)},
	{.name = "inject", .type = CXMS_OPT_STR, .offset = AT(inject)},
	{.name = "host", .type = CXMS_OPT_STRS, .offset = AT(host)},
	{.name = "repeat", .short_name = 'r', .type = CXMS_OPT_STR, .offset = AT(repeat)},
	{.name = "timeline", .type = CXMS_OPT_FLAG, .offset = AT(timeline)},
	OPT_END,
};
/* clang-format on */

static size_t table_len(const struct cxms_opt *t)
{
	size_t n = 0;
	while (t[n].name)
		n++;
	return n;
}

static int check_later(struct cli *c)
{
	const struct cli_opts *o = &c->opt;
	bool takes_hosts = c->verb->run == cmd_replay || c->verb->run == cmd_sweep;
	const char *name = o->pid	 ? "--pid"
			   : o->inject	 ? "--inject"
			   : o->repeat	 ? "--repeat"
			   : o->timeline ? "--timeline"
					 : NULL;
	if (o->host.n && !takes_hosts)
		return cxms_fail(&c->err, EINVAL,
				 "'--host' takes recordings; give it to replay or sweep");
	return !name ? 0 : cxms_fail(&c->err, EINVAL, "'%s' is not available yet", name);
}

int cli_parse(struct cli *c, int argc, char **argv, bool *help)
{
	size_t n = table_len(c->verb->opts);
	size_t n_later = c->verb->is_runner || c->verb->run == cmd_replay ? table_len(later) : 0;
	struct cxms_opt *table = calloc(n + n_later + 1, sizeof(*table));
	int rest = argc;
	if (!table)
		return cxms_fail_sys(&c->err, ENOMEM, "cannot read the options");
	memcpy(table, c->verb->opts, n * sizeof(*table));
	memcpy(table + n, later, n_later * sizeof(*table));
	c->opt = (struct cli_opts){.seed = DEFAULT_SEED, .jobs = cxms_pool_cpus()};
	int rc = cxms_opt_parse(table, argc, argv, c->verb->is_runner, &c->opt, &rest, help,
				&c->err);
	free(table);
	if (rc < 0)
		return rc;
	c->argc = argc - rest;
	c->argv = argv + rest;
	return *help ? 0 : check_later(c);
}
