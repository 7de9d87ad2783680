#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"

struct opts {
	bool force;
	const char *output;
	struct cxms_strs topology;
	uint64_t period_ps;
	int format;
	int verbose;
};

static const char *const formats[] = {"text", "json", NULL};
static const struct cxms_opt table[] = {
	{.name = "force",
	 .type = CXMS_OPT_FLAG,
	 .offset = offsetof(struct opts, force),
	 .help = "overwrite"},
	{.name = "output",
	 .short_name = 'o',
	 .type = CXMS_OPT_STR,
	 .offset = offsetof(struct opts, output),
	 .arg = "FILE",
	 .help = "result goes to FILE"},
	{.name = "topology",
	 .short_name = 't',
	 .type = CXMS_OPT_STRS,
	 .offset = offsetof(struct opts, topology),
	 .arg = "FILE",
	 .help = "may be repeated"},
	{.name = "period",
	 .short_name = 's',
	 .type = CXMS_OPT_QTY,
	 .offset = offsetof(struct opts, period_ps),
	 .unit = CXMS_UNIT_TIME_PS,
	 .min = 10000000,
	 .max = CXMS_PS_PER_S,
	 .arg = "TIME",
	 .help = "time between samples, 10 us .. 1 s; a long text that has to be wrapped because a "
		 "terminal has 100 columns"},
	{.name = "format-of-the-whole-result",
	 .type = CXMS_OPT_ENUM,
	 .offset = offsetof(struct opts, format),
	 .words = formats,
	 .arg = "text|json",
	 .help = "text or json"},
	{.name = "verbose",
	 .short_name = 'v',
	 .type = CXMS_OPT_COUNT,
	 .offset = offsetof(struct opts, verbose),
	 .help = "say more"},
	{.name = NULL},
};

struct run {
	struct opts o;
	char words[16][64];
	char *argv[17];
	int argc, rest, rc;
	bool help;
	struct cxms_err err;
};

/* @line is split at blanks. */
static void parse(struct run *r, const char *line, bool stop_at_first)
{
	memset(r, 0, sizeof(*r));
	strcpy(r->words[0], "prog");
	r->argv[0] = r->words[0];
	r->argc = 1;
	while (*line) {
		size_t n = strcspn(line, " ");
		assert_true(n < sizeof(r->words[0]) && r->argc < 16);
		memcpy(r->words[r->argc], line, n);
		r->argv[r->argc] = r->words[r->argc];
		r->argc++;
		line += n + (line[n] == ' ');
	}
	r->rest = -1;
	r->rc = cxms_opt_parse(table, r->argc, r->argv, stop_at_first, &r->o, &r->rest, &r->help,
			       &r->err);
}

/* The operands, joined by blanks. */
static void assert_rest(const struct run *r, const char *want)
{
	struct cxms_buf b = {0};
	for (int i = r->rest; i < r->argc; i++)
		cxms_buf_printf(&b, "%s%s", i > r->rest ? " " : "", r->argv[i]);
	assert_string_equal(cxms_buf_text(&b), want);
	cxms_buf_fini(&b);
}

static void test_every_spelling(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"--force -vv -s50us -o out -t a --topology b --format-of-the-whole-result json",
		"--force -v --verbose -s 50us -oout -ta -tb --format-of-the-whole-result=json",
		"-vvs 50us --output=out --force --topology=a -t b "
		"--format-of-the-whole-result json",
		"-vvs50us --output out --force --topology a -t b "
		"--format-of-the-whole-result json",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct run r;
		parse(&r, lines[i], false);
		if (r.rc != 0)
			fail_msg("%s: %s", lines[i], r.err.msg);
		assert_true(r.o.force);
		assert_int_equal(r.o.verbose, 2);
		assert_int_equal(r.o.period_ps, 50000000);
		assert_string_equal(r.o.output, "out");
		assert_int_equal(r.o.topology.n, 2);
		assert_string_equal(r.o.topology.v[0], "a");
		assert_string_equal(r.o.topology.v[1], "b");
		assert_int_equal(r.o.format, 1);
		assert_int_equal(r.rest, r.argc);
		assert_false(r.help);
		cxms_strs_fini(&r.o.topology);
	}
	cxms_strs_fini(NULL);
}

static void test_operands_and_where_options_stop(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		bool stop;
		const char *rest;
		int verbose;
		const char *why;
	} rows[] = {
		{"", false, "", 0, "nothing"},
		{"a b", false, "a b", 0, "operands only"},
		{"a -v b -o x -v c", false, "a b c", 2, "mixed"},
		{"a -v -- -v b", false, "a -v b", 1, "-- ends options"},
		{"-v - a", false, "- a", 1, "- is an operand"},
		{"-v cmd -v x", true, "cmd -v x", 1, "a command follows"},
		{"-v -- -v x", true, "-v x", 1, "a command after --"},
		{"-v -o -- x", true, "x", 1, "-- as an argument"},
		{"-v --", true, "", 1, "nothing after --"},
		{"--output= a", false, "a", 0, "an empty argument"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct run r;
		parse(&r, rows[i].line, rows[i].stop);
		if (r.rc != 0 || r.o.verbose != rows[i].verbose)
			fail_msg("%s: %d %s", rows[i].why, r.o.verbose, r.err.msg);
		assert_rest(&r, rows[i].rest);
	}
}

static void test_errors_name_option_and_remedy(void **state)
{
	(void)state;
	static const struct {
		const char *line, *want;
	} rows[] = {
		{"--ouput x", "unknown option '--ouput' (did you mean '--output'?); see --help"},
		{"--foo=1", "unknown option '--foo'; see --help"},
		{"--hepl", "unknown option '--hepl' (did you mean '--help'?); see --help"},
		{"--out x", "unknown option '--out'; see --help"},
		{"-vx", "unknown option '-x'; see --help"},
		{"--output", "'--output' needs an argument; give '--output FILE'"},
		{"-vo", "'--output' needs an argument; give '--output FILE'"},
		{"--force=yes", "'--force' takes no argument, got 'yes'"},
		{"--period 5us", "'--period' must be 10 us .. 1 s, got '5us'"},
		{"--period -5us", "'--period' must be 10 us .. 1 s, got '-5us'"},
		{"-s 50", "'--period' must be 10 us .. 1 s, got '50'; allowed units: ps, ns, us, "
			  "ms, s"},
		{"-s 50cyc", "'--period' must be 10 us .. 1 s, got '50cyc'; allowed units: ps, ns, "
			     "us, ms, s"},
		{"--format-of-the-whole-result jsn", "'--format-of-the-whole-result' must be one "
						     "of text, json, got 'jsn' (did you mean "
						     "'json'?)"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct run r;
		parse(&r, rows[i].line, false);
		assert_int_equal(r.rc, -EINVAL);
		assert_string_equal(r.err.msg, rows[i].want);
		assert_int_equal(r.o.period_ps, 0);
	}
}

static void test_bounds_are_inclusive(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		int rc;
	} rows[] = {{"-s 9.999999us", -EINVAL},
		    {"-s 10us", 0},
		    {"-s 1s", 0},
		    {"-s 1.000001s", -EINVAL}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct run r;
		parse(&r, rows[i].line, false);
		assert_int_equal(r.rc, rows[i].rc);
	}
}

static void test_help_is_asked_for_and_wins(void **state)
{
	(void)state;
	static const char *const lines[] = {"--help", "-h", "-vh", "a --help --nonsense"};
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct run r;
		parse(&r, lines[i], false);
		assert_int_equal(r.rc, 0);
		assert_true(r.help);
	}
}

static void test_help_text_is_aligned_and_narrow(void **state)
{
	(void)state;
	struct cxms_buf out = {0};
	cxms_opt_help(table, &out);
	assert_string_equal(cxms_buf_text(&out),
			    "      --force                 overwrite\n"
			    "  -o, --output FILE           result goes to FILE\n"
			    "  -t, --topology FILE         may be repeated\n"
			    "  -s, --period TIME           time between samples, 10 us .. 1 s; a "
			    "long text that "
			    "has to be wrapped\n"
			    "                              because a terminal has 100 columns\n"
			    "      --format-of-the-whole-result text|json\n"
			    "                              text or json\n"
			    "  -v, --verbose               say more\n"
			    "  -h, --help                  show this help and exit\n");
	cxms_buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_spelling),
		cmocka_unit_test(test_operands_and_where_options_stop),
		cmocka_unit_test(test_errors_name_option_and_remedy),
		cmocka_unit_test(test_bounds_are_inclusive),
		cmocka_unit_test(test_help_is_asked_for_and_wins),
		cmocka_unit_test(test_help_text_is_aligned_and_narrow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
