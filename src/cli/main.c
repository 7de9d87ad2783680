#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/near.h"
#include "cli/cli.h"

static const struct cli_verb verbs[] = {
	{"run", "watch a program, replay it against topologies, report the slowdown (default verb)",
	 "cxlmemsim [run] [options] -t FILE -- PROGRAM [ARG...]",
	 "  cxlmemsim -t cxltopo/one-switch.yaml -- ./workload\n"
	 "  cxlmemsim -t a.yaml -t b.yaml -s 100,50,0 -f json -o result.json -- ./workload\n",
	 cli_opts_run, true, cmd_run},
	{"record", "watch a program once and keep what was seen",
	 "cxlmemsim record [options] [-o FILE] -- PROGRAM [ARG...]",
	 "  cxlmemsim record -o w.cxlt -- ./workload\n"
	 "  cxlmemsim record -S synth --pattern '{threads: 2, stall: 0.6}' -o s.cxlt\n",
	 cli_opts_record, true, cmd_record},
	{"replay", "evaluate a recording against topologies, policies and splits",
	 "cxlmemsim replay [options] -t FILE RECORDING",
	 "  cxlmemsim replay -t cxltopo/pool.yaml w.cxlt\n"
	 "  cxlmemsim replay -t pool.yaml -P first-touch,hot-local -s 75,50 --explain w.cxlt\n",
	 cli_opts_replay, false, cmd_replay},
	{"sweep", "evaluate a recording against many variants of a topology",
	 "cxlmemsim sweep [options] -t FILE --set KEY=VALUES RECORDING...",
	 "  cxlmemsim sweep -t cxltopo/one-switch.yaml --set "
	 "devices.mem0.latency=150ns..600ns/50ns "
	 "w.cxlt\n"
	 "  cxlmemsim sweep -t a.yaml --set devices.mem0.link.width=4,8,16 --set "
	 "host.cpu.l1d_mshrs=12,16 -s 50,0 -j 2 -o s.csv w.cxlt\n",
	 cli_opts_sweep, false, cmd_sweep},
	{"report", "show a JSON result as text or CSV", "cxlmemsim report [options] RESULT.json",
	 "  cxlmemsim report --explain result.json\n", cli_opts_report, false, cmd_report},
	{"diff", "compare two JSON results split by split",
	 "cxlmemsim diff [options] A.json B.json", "  cxlmemsim diff before.json after.json\n",
	 cli_opts_diff, false, cmd_diff},
	{"topo", "check, show or draw topology files; show a preset",
	 "cxlmemsim topo check FILE... | show FILE | draw [options] FILE | preset NAME",
	 "  cxlmemsim topo check cxltopo/*.yaml\n"
	 "  cxlmemsim topo draw -f svg -o pool.svg cxltopo/pool.yaml\n",
	 cli_opts_topo, false, cmd_topo},
	{"trace", "look into a recording", "cxlmemsim trace info|dump [options] RECORDING",
	 "  cxlmemsim trace info w.cxlt\n  cxlmemsim trace dump w.cxlt | less\n", cli_opts_trace,
	 false, cmd_trace},
	{"import", "turn what another tool recorded into a recording",
	 "cxlmemsim import [options] [-o FILE] FILE|-",
	 "  perf record -e cpu-clock/period=199999/u,page-faults/period=1/u --user-regs -d "
	 "--switch-events -- ./workload\n"
	 "  cxlmemsim import -o w.cxlt perf.data\n"
	 "  cxlmemsim replay -t cxltopo/pool.yaml w.cxlt\n",
	 cli_opts_import, false, cmd_import},
	{"list", "list the sources, the events, the devices, the policies or the presets",
	 "cxlmemsim list sources|events|devices|policies|presets", "  cxlmemsim list policies\n",
	 cli_opts_list, false, cmd_list},
	{"doctor", "what works on this machine, and what would make the rest work",
	 "cxlmemsim doctor [options]", "  cxlmemsim doctor --measure\n", cli_opts_doctor, false,
	 cmd_doctor},
	{"calibrate", "fit the predictor to this machine: kernels in its fast and its slow memory",
	 "cxlmemsim calibrate [options]", "  cxlmemsim calibrate -o table.csv\n",
	 cli_opts_calibrate, false, cmd_calibrate},
	{"help", "show this, or the options of a verb", "cxlmemsim help [VERB]",
	 "  cxlmemsim help replay\n", cli_opts_help, false, cmd_help},
};
/* Verbs of the design that nothing here implements so far. */
static const char *const later[] = {"advise", NULL};

size_t cli_verb_count(void)
{
	return sizeof(verbs) / sizeof(verbs[0]);
}

const struct cli_verb *cli_verb_at(size_t i)
{
	return &verbs[i];
}

const struct cli_verb *cli_verb_find(const char *name)
{
	for (size_t i = 0; i < cli_verb_count(); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int run_verb(struct cli *c, int argc, char **argv)
{
	bool help = false;
	if (cli_parse(c, argc, argv, &help) < 0)
		return cli_fail(c, CLI_USAGE);
	cxms_log_init(&c->log, stderr, c->opt.quiet ? CXMS_LOG_QUIET : c->opt.verbose);
	if (!help)
		return c->verb->run(c);
	struct cxms_buf out = {0};
	cli_help_verb(c->verb, &out);
	c->opt.output = NULL;
	int status = cli_out_done(c, &out);
	cxms_buf_fini(&out);
	return status;
}

static int fail_verb(struct cli *c, const char *word)
{
	struct cxms_near near;
	char mean[CXMS_NEAR_MEAN_MAX];
	for (size_t i = 0; later[i]; i++)
		if (strcmp(later[i], word) == 0)
			return cli_not_yet(c, word);
	cxms_near_init(&near, word);
	for (size_t i = 0; i < cli_verb_count(); i++)
		cxms_near_try(&near, verbs[i].name);
	return cli_usage(
		c, "unknown verb '%.*s'%s; see 'cxlmemsim help', and put '--' before a program",
		cxms_quote_len(word), word, cxms_near_mean(mean, "", near.best));
}

/* Words that stand alone, before any verb. */
static int print_global(struct cli *c, const char *word)
{
	struct cxms_buf out = {0};
	if (strcmp(word, "--version") == 0)
		cxms_buf_printf(&out, "cxlmemsim %s\n", CXMS_VERSION);
	else
		cli_help_all(&out);
	int status = cli_out_done(c, &out);
	cxms_buf_fini(&out);
	return status;
}

/*
 * A standard stream that was closed when we were started: its number must not become that of a
 * recording, into which messages would go. Reading and writing it fail as ever, and a program that
 * we start finds it closed.
 */
static void occupy_closed_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null",
				   (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

static void pass_over(int sig)
{
	(void)sig;
}

/*
 * A write beyond the limit of file sizes then fails as one to a full disk does, so that nothing
 * half written is left. A handler, which exec takes off: a program that we start has the signal as
 * ever.
 */
static void fail_writes_beyond_the_limit(void)
{
	const struct sigaction none = {.sa_handler = pass_over, .sa_flags = SA_RESTART};
	struct sigaction now;
	if (sigaction(SIGXFSZ, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
		sigaction(SIGXFSZ, &none, NULL);
}

int main(int argc, char **argv)
{
	struct cli c = {0};
	int status;
	occupy_closed_streams();
	fail_writes_beyond_the_limit();
	if (argc < 2) {
		struct cxms_buf usage = {0};
		cli_help_all(&usage);
		fprintf(stderr, "%s", cxms_buf_text(&usage));
		cxms_buf_fini(&usage);
		return CLI_TOOL;
	}
	const char *word = argv[1];
	c.verb = cli_verb_find(word);
	if (strcmp(word, "--version") == 0 || strcmp(word, "--help") == 0 ||
	    strcmp(word, "-h") == 0) {
		status = print_global(&c, word);
	} else if (c.verb) {
		status = run_verb(&c, argc - 1, argv + 1);
	} else if (word[0] == '-') {
		c.verb = cli_verb_find("run");
		status = run_verb(&c, argc, argv);
	} else {
		status = fail_verb(&c, word);
	}
	cxms_strs_fini(&c.opt.topology);
	cxms_strs_fini(&c.opt.policy);
	cxms_strs_fini(&c.opt.host);
	cxms_strs_fini(&c.opt.set);
	/* what printf() still holds must arrive, or the exit code lies */
	if (status == CLI_OK && (fflush(stdout) != 0 || ferror(stdout))) {
		cxms_fail_sys(&c.err, errno ? errno : EIO, "cannot write standard output");
		status = cli_fail(&c, CLI_FAILED);
	}
	return status;
}
