#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/err.h"

static struct cxms_cfg *load(const char *text)
{
	struct cxms_cfg *cfg = NULL;
	struct cxms_err err = {0};
	if (cxms_cfg_load_yaml_mem("f.yaml", text, strlen(text), &cfg, &err) != 0)
		fail_msg("%s", err.msg);
	return cfg;
}

static void test_tree_and_positions(void **state)
{
	(void)state;
	struct cxms_cfg *cfg = load("# comment\n"
				    "host:\n"
				    "  cores: 8\n"
				    "links: [{latency: 20ns}, 'quoted']\n"
				    "empty:\n");
	const struct cxms_cfg_node *root = cxms_cfg_root(cfg);
	assert_int_equal(root->type, CXMS_CFG_MAP);
	assert_int_equal(root->n_child, 3);
	assert_null(root->key);
	const struct cxms_cfg_node *cores = cxms_cfg_get(cxms_cfg_get(root, "host"), "cores");
	assert_string_equal(cores->text, "8");
	assert_int_equal(cores->line, 3);
	assert_int_equal(cores->col, 10);
	assert_int_equal(cores->key_line, 3);
	assert_int_equal(cores->key_col, 3);
	assert_false(cores->quoted);
	const struct cxms_cfg_node *links = cxms_cfg_get(root, "links");
	assert_int_equal(links->type, CXMS_CFG_SEQ);
	assert_int_equal(links->n_child, 2);
	assert_string_equal(cxms_cfg_get(links->child[0], "latency")->text, "20ns");
	assert_true(links->child[1]->quoted);
	assert_null(links->child[1]->key);
	assert_string_equal(cxms_cfg_get(root, "empty")->text, "");
	assert_null(cxms_cfg_get(root, "none"));
	assert_null(cxms_cfg_get(cores, "none"));
	assert_null(cxms_cfg_get(NULL, "none"));
	assert_string_equal(cxms_cfg_file(cfg), "f.yaml");
	cxms_cfg_free(cfg);
	cxms_cfg_free(NULL);
}

static void test_a_byte_order_mark_is_no_column(void **state)
{
	(void)state;
	struct cxms_cfg *cfg = load("\xEF\xBB\xBF"
				    "a: 1\nb: 2\n");
	assert_int_equal(cxms_cfg_root(cfg)->n_child, 2);
	assert_int_equal(cxms_cfg_get(cxms_cfg_root(cfg), "a")->key_col, 1);
	cxms_cfg_free(cfg);
}

static void test_sha256_is_of_the_bytes(void **state)
{
	(void)state;
	/* FIPS 180-4 examples: one block, two blocks, one million times "a" */
	static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	struct cxms_cfg *cfg = load("abc");
	assert_string_equal(cxms_cfg_sha256(cfg),
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	cxms_cfg_free(cfg);
	cfg = load(two);
	assert_string_equal(cxms_cfg_sha256(cfg),
			    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	cxms_cfg_free(cfg);
	char *million = malloc(1000001);
	assert_non_null(million);
	memset(million, 'a', 1000000);
	million[1000000] = '\0';
	cfg = load(million);
	assert_string_equal(cxms_cfg_sha256(cfg),
			    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	cxms_cfg_free(cfg);
	free(million);
}

static void test_a_variant_has_a_sha256_of_its_own(void **state)
{
	(void)state;
	static const char *const how[] = {"a=1\n", "a=2\n", "a=1\n"};
	char seen[4][65];
	struct cxms_cfg *cfg = load("abc");
	snprintf(seen[3], sizeof(seen[3]), "%s", cxms_cfg_sha256(cfg));
	for (size_t i = 0; i < 3; i++) {
		cxms_cfg_vary(cfg, how[i]);
		snprintf(seen[i], sizeof(seen[i]), "%s", cxms_cfg_sha256(cfg));
		assert_int_equal(strlen(seen[i]), 64);
		assert_string_not_equal(seen[i], seen[3]);
	}
	assert_string_not_equal(seen[0], seen[1]);
	assert_string_equal(seen[0], seen[2]); /* whatever it was before */
	cxms_cfg_free(cfg);
}

static void test_json_and_aliases(void **state)
{
	(void)state;
	struct cxms_cfg *cfg = load("{\"a\": {\"b\": [1, true, \"107ns\"]}}\n");
	const struct cxms_cfg_node *b = cxms_cfg_get(cxms_cfg_get(cxms_cfg_root(cfg), "a"), "b");
	assert_int_equal(b->n_child, 3);
	assert_false(b->child[1]->quoted);
	assert_true(b->child[2]->quoted);
	cxms_cfg_free(cfg);
	cfg = load("a: &x {k: [1, 2]}\nb: *x\nc: [*x, *x]\n");
	const struct cxms_cfg_node *c = cxms_cfg_get(cxms_cfg_root(cfg), "c");
	const struct cxms_cfg_node *copy = cxms_cfg_get(c->child[1], "k");
	assert_string_equal(copy->child[1]->text, "2");
	assert_int_equal(c->child[1]->line, 3);
	assert_int_equal(copy->line, 1);
	cxms_cfg_free(cfg);
}

static void test_bad_files_are_refused_with_a_position(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t len; /* 0 = strlen */
		const char *want, *why;
	} rows[] = {
		{"", 0, "f.yaml:1:1: the file is empty", "empty"},
		{"# only\n", 0, "f.yaml:1:1: the file is empty", "only a comment"},
		{"a: 1\nb: 2\na: 3\n", 0,
		 "f.yaml:3:1: key 'a' is there twice, first in line 1; remove one",
		 "duplicate key"},
		{"a: 1\n---\nb: 2\n", 0,
		 "f.yaml:2:1: a second document starts; one file holds one document", "documents"},
		{"? [x]\n: 1\n", 0, "f.yaml:1:3: a key must be plain text", "list as key"},
		{"? {x: y}\n: 1\n", 0, "f.yaml:1:3: a key must be plain text", "map as key"},
		{"a: &x 1\n*x : 2\n", 0, "f.yaml:2:1: a key must be plain text", "alias as key"},
		{"a: &x [1, *x]\n", 0,
		 "f.yaml:1:11: alias inside its own anchor; a value cannot hold itself",
		 "alias that recurses"},
		{"a: *x\n", 0,
		 "f.yaml:1:4: alias of an anchor that was not set before; set it with '&'",
		 "unknown anchor"},
		{"a: \"x\\0y\"\n", 0, "f.yaml:1:4: text holds a NUL byte; remove it", "NUL escape"},
		{"a: x\0y\n", 7, "f.yaml:1:5: control characters are not allowed", "NUL byte"},
		{"a: 1\nb: \xff\n", 0, "f.yaml:2:4: invalid leading UTF-8 octet", "bad UTF-8"},
		{"\xff\xfe"
		 "a\0:\0 \0"
		 "1\0",
		 10, "f.yaml:1:1: invalid leading UTF-8 octet", "UTF-16"},
		{"a: !!str 5\n", 0, "f.yaml:1:4: tags such as '!x' have no meaning here; remove it",
		 "tag"},
		{"a: [1, 2\n", 0, "f.yaml:2:1: did not find expected ',' or ']'", "open bracket"},
		{"a: b: c\n", 0, "f.yaml:1:5: mapping values are not allowed in this context",
		 "two colons"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cxms_cfg *cfg = NULL;
		struct cxms_err err = {0};
		size_t len = rows[i].len ? rows[i].len : strlen(rows[i].text);
		int rc = cxms_cfg_load_yaml_mem("f.yaml", rows[i].text, len, &cfg, &err);
		if (rc != -EINVAL || cfg || strcmp(err.msg, rows[i].want) != 0)
			fail_msg("%s: rc %d '%s'", rows[i].why, rc, err.msg);
	}
}

/* "[[[…]]]" */
static int load_nested(int levels)
{
	struct cxms_buf b = {0};
	struct cxms_cfg *cfg = NULL;
	for (int i = 0; i < levels; i++)
		cxms_buf_put_u8(&b, '[');
	for (int i = 0; i < levels; i++)
		cxms_buf_put_u8(&b, ']');
	int rc = cxms_cfg_load_yaml_mem("f", b.data, b.len, &cfg, NULL);
	cxms_cfg_free(cfg);
	cxms_buf_fini(&b);
	return rc;
}

static int load_list(int n)
{
	struct cxms_buf b = {0};
	struct cxms_cfg *cfg = NULL;
	for (int i = 0; i < n; i++)
		cxms_buf_put(&b, "- a\n", 4);
	int rc = cxms_cfg_load_yaml_mem("f", b.data, b.len, &cfg, NULL);
	cxms_cfg_free(cfg);
	cxms_buf_fini(&b);
	return rc;
}

static void test_limits_from_both_sides(void **state)
{
	(void)state;
	assert_int_equal(load_nested(32), 0);
	assert_int_equal(load_nested(33), -EFBIG);
	assert_int_equal(load_list(99999), 0); /* and the list itself */
	assert_int_equal(load_list(100000), -EFBIG);
	size_t limit = 4u << 20;
	char *big = malloc(limit + 1);
	struct cxms_cfg *cfg = NULL;
	assert_non_null(big);
	memset(big, 'a', limit + 1);
	assert_int_equal(cxms_cfg_load_yaml_mem("f", big, limit, &cfg, NULL), 0);
	cxms_cfg_free(cfg);
	assert_int_equal(cxms_cfg_load_yaml_mem("f", big, limit + 1, &cfg, NULL), -EFBIG);
	free(big);
}

static void test_aliases_cannot_multiply_without_end(void **state)
{
	(void)state;
	struct cxms_buf b = {0};
	struct cxms_cfg *cfg = NULL;
	struct cxms_err err = {0};
	cxms_buf_printf(&b, "a0: &a0 x\n");
	for (int i = 1; i < 12; i++)
		cxms_buf_printf(&b, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1,
				i - 1, i - 1, i - 1, i - 1);
	assert_int_equal(cxms_cfg_load_yaml_mem("f", b.data, b.len, &cfg, &err), -EFBIG);
	assert_non_null(strstr(err.msg, "aliases included"));
	cxms_buf_clear(&b);
	cxms_buf_printf(&b, "a: &a %0*d\nb: [", 1000000, 1);
	for (int i = 0; i < 10; i++)
		cxms_buf_printf(&b, "*a, ");
	cxms_buf_printf(&b, "1]\n");
	assert_int_equal(cxms_cfg_load_yaml_mem("f", b.data, b.len, &cfg, NULL), -EFBIG);
	cxms_buf_clear(&b);
	for (int i = 0; i < 33; i++)
		cxms_buf_printf(&b, "a%d: &a%d [%s%.*d]\n", i, i, i ? "*a" : "x", i ? 1 : 0,
				i ? i - 1 : 0);
	assert_int_equal(cxms_cfg_load_yaml_mem("f", b.data, b.len, &cfg, NULL), -EFBIG);
	cxms_buf_fini(&b);
}

static void test_a_missing_file_is_named(void **state)
{
	(void)state;
	struct cxms_cfg *cfg = NULL;
	struct cxms_err err = {0};
	assert_int_equal(cxms_cfg_load_yaml("/nonexistent.yaml", &cfg, &err), -ENOENT);
	assert_string_equal(err.msg, "cannot open '/nonexistent.yaml': No such file or directory");
}

/* A result of a sweep has more values than anybody writes by hand. */
static void test_results_may_be_longer_than_what_people_write(void **state)
{
	char path[] = "/tmp/cxlmemsim-cfg.XXXXXX";
	struct cxms_cfg *cfg = NULL;
	struct cxms_err err = {0};
	int fd = mkstemp(path);
	FILE *fp = fd < 0 ? NULL : fdopen(fd, "w");
	(void)state;
	assert_non_null(fp);
	for (int i = 0; i < 150000; i++)
		fputs("- a\n", fp);
	assert_int_equal(fclose(fp), 0);
	assert_int_equal(cxms_cfg_load_yaml(path, &cfg, &err), -EFBIG);
	assert_non_null(strstr(err.msg, "at most 100000 values and 8 MiB of text"));
	assert_int_equal(cxms_cfg_load_result(path, &cfg, NULL), 0);
	assert_int_equal(cxms_cfg_root(cfg)->n_child, 150000);
	cxms_cfg_free(cfg);
	unlink(path);
}

/* One key, one getter, one expected error line (NULL = accepted). */
enum getter { TIME, COUNT, SIZE, DOUBLE, BOOL, WORD };

static bool get(enum getter getter, const struct cxms_cfg_node *n, struct cxms_cfg_errors *errs)
{
	static const char *const words[] = {"fixed", "queue", NULL};
	uint64_t u;
	double d;
	bool truth;
	int word;
	switch (getter) {
	case TIME:
		return cxms_cfg_quantity(n, CXMS_UNIT_TIME_PS, 0, 1, 1000000000, &u, errs);
	case COUNT:
		return cxms_cfg_quantity(n, CXMS_UNIT_COUNT, 0, 1, 64, &u, errs);
	case SIZE:
		return cxms_cfg_quantity(n, CXMS_UNIT_BYTES, 0, 1, UINT64_MAX, &u, errs);
	case DOUBLE:
		return cxms_cfg_double(n, 0, 1, &d, errs);
	case BOOL:
		return cxms_cfg_bool(n, &truth, errs);
	case WORD:
		return cxms_cfg_word(n, words, &word, errs);
	}
	return false;
}

static void test_typed_getters(void **state)
{
	(void)state;
	static const struct {
		enum getter getter;
		const char *yaml, *error;
	} rows[] = {
		{TIME, "k: 107ns", NULL},
		{TIME, "k: \"107ns\"", NULL},
		{TIME, "k: -80ns", "'k' must be 1 ps .. 1 ms, got '-80ns'"},
		{TIME, "k: 2ms", "'k' must be 1 ps .. 1 ms, got '2ms'"},
		{TIME, "k: 80",
		 "'k' must be 1 ps .. 1 ms, got '80'; allowed units: ps, ns, us, ms, s"},
		{TIME, "k:", "'k' must be 1 ps .. 1 ms, got nothing"},
		{TIME, "k: [1]", "'k' must be 1 ps .. 1 ms, got a list"},
		{TIME, "k: {a: 1}", "'k' must be 1 ps .. 1 ms, got a map"},
		{SIZE, "k: 0B", "'k' must be at least 1 B, got '0B'"},
		{COUNT, "k: 64", NULL},
		{COUNT, "k: 65", "'k' must be 1 .. 64, got '65'"},
		{COUNT, "k: '8'", "'k' must be 1 .. 64, got \"8\""},
		{DOUBLE, "k: 0.25", NULL},
		{DOUBLE, "k: 1e-3", NULL},
		{DOUBLE, "k: .5", "'k' must be 0 .. 1, got '.5'"},
		{DOUBLE, "k: 1e", "'k' must be 0 .. 1, got '1e'"},
		{DOUBLE, "k: nan", "'k' must be 0 .. 1, got 'nan'"},
		{DOUBLE, "k: 0x1", "'k' must be 0 .. 1, got '0x1'"},
		{DOUBLE, "k: 1.01", "'k' must be 0 .. 1, got '1.01'"},
		{DOUBLE, "k: '0.5'", "'k' must be 0 .. 1, got \"0.5\""},
		{BOOL, "k: true", NULL},
		{BOOL, "k: yes", "'k' must be true or false, got 'yes'"},
		{BOOL, "k: 'true'", "'k' must be true or false, got \"true\""},
		{WORD, "k: queue", NULL},
		{WORD, "k: queu",
		 "'k' must be one of fixed, queue, got 'queu' (did you mean 'queue'?)"},
		{WORD, "k: bank", "'k' must be one of fixed, queue, got 'bank'"},
		{WORD, "k: \"a\\e[2J\\nb\"", "'k' must be one of fixed, queue, got \"a?[2J?b\""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cxms_cfg_errors errs = {0};
		struct cxms_cfg *cfg = load(rows[i].yaml);
		char want[200] = "";
		const struct cxms_cfg_node *k = cxms_cfg_get(cxms_cfg_root(cfg), "k");
		bool ok = get(rows[i].getter, k, &errs);
		if (rows[i].error)
			snprintf(want, sizeof(want), "f.yaml:%u:%u: %s\n", k->line, k->col,
				 rows[i].error);
		if (ok != !rows[i].error || strcmp(errs.text ? errs.text : "", want) != 0)
			fail_msg("%s: '%s'", rows[i].yaml, errs.text);
		cxms_cfg_errors_fini(&errs);
		cxms_cfg_free(cfg);
	}
}

static void test_values_come_out(void **state)
{
	(void)state;
	static const char *const words[] = {"fixed", "queue", NULL};
	struct cxms_cfg_errors errs = {0};
	struct cxms_cfg *cfg = load("[3cyc, -1.5e1, true, queue]");
	struct cxms_cfg_node **k = cxms_cfg_root(cfg)->child;
	uint64_t u = 0;
	double d = 0;
	bool truth = false;
	int word = 0;
	assert_true(cxms_cfg_quantity(k[0], CXMS_UNIT_TIME_PS, 3000000000, 0, 9999, &u, &errs));
	assert_int_equal(u, 1000);
	assert_true(cxms_cfg_double(k[1], -20, 0, &d, &errs));
	assert_true(d == -15);
	assert_true(cxms_cfg_bool(k[2], &truth, &errs));
	assert_true(truth);
	assert_true(cxms_cfg_word(k[3], words, &word, &errs));
	assert_int_equal(word, 1);
	assert_false(cxms_cfg_bool(k[3], &truth, &errs));
	assert_true(truth);
	assert_string_equal(errs.text,
			    "f.yaml:1:22: the value must be true or false, got 'queue'\n");
	cxms_cfg_errors_fini(&errs);
	cxms_cfg_free(cfg);
}

static void test_unknown_keys_are_all_named(void **state)
{
	(void)state;
	static const char *const known[] = {"name", "latency", NULL};
	struct cxms_cfg_errors errs = {0};
	struct cxms_cfg *cfg = load("name: a\nx-note: b\n  \nlatncy: 1ns\nzzz: {a: 1}\n");
	cxms_cfg_only(cxms_cfg_root(cfg), known, &errs);
	assert_int_equal(errs.n, 2);
	assert_string_equal(errs.text,
			    "f.yaml:4:1: unknown key 'latncy' (did you mean 'latency'?); "
			    "allowed: name, latency\n"
			    "f.yaml:5:1: unknown key 'zzz'; allowed: name, latency\n");
	cxms_cfg_errors_fini(&errs);
	cxms_cfg_only(cxms_cfg_get(cxms_cfg_root(cfg), "name"), known, &errs);
	assert_string_equal(errs.text,
			    "f.yaml:1:7: 'name' must be a map of name, latency, got 'a'\n");
	cxms_cfg_errors_fini(&errs);
	cxms_cfg_error(&errs, NULL, true, "no place");
	assert_string_equal(errs.text, "no place\n");
	cxms_cfg_errors_fini(&errs);
	cxms_cfg_errors_fini(NULL);
	cxms_cfg_free(cfg);
}

static struct cxms_cfg *value(const char *text)
{
	struct cxms_cfg *cfg = NULL;
	struct cxms_err err = {0};
	if (cxms_cfg_load_yaml_mem("word", text, strlen(text), &cfg, &err) != 0)
		fail_msg("%s", err.msg);
	return cfg;
}

static void test_set_replaces_and_makes(void **state)
{
	(void)state;
	struct cxms_cfg *cfg = load("a: {b: 1, c: [x, {d: 2}]}\n");
	struct cxms_cfg *v[] = {value("11"), value("{e: 5}"), value("22"), value("33"),
				value("44")};
	const struct cxms_cfg_node *root = cxms_cfg_root(cfg), *n;
	assert_int_equal(cxms_cfg_set(cfg, "a.b", v[0], NULL), 0);
	n = cxms_cfg_get(cxms_cfg_get(root, "a"), "b");
	assert_string_equal(n->text, "11");
	assert_string_equal(n->key, "b");
	assert_int_equal(n->key_line, 1);
	assert_int_equal(n->key_col, 3);
	assert_string_equal(cxms_cfg_file(n->cfg), "word");
	/* again, with another value */
	assert_int_equal(cxms_cfg_set(cfg, "a.b", v[1], NULL), 0);
	n = cxms_cfg_get(cxms_cfg_get(root, "a"), "b");
	assert_string_equal(cxms_cfg_get(n, "e")->text, "5");
	assert_int_equal(cxms_cfg_get(root, "a")->n_child, 2);
	/* in a list */
	assert_int_equal(cxms_cfg_set(cfg, "a.c.1.d", v[2], NULL), 0);
	n = cxms_cfg_get(cxms_cfg_get(root, "a"), "c");
	assert_string_equal(cxms_cfg_get(n->child[1], "d")->text, "22");
	assert_int_equal(cxms_cfg_set(cfg, "a.c.0", v[3], NULL), 0);
	assert_string_equal(n->child[0]->text, "33");
	assert_null(n->child[0]->key);
	/* what is missing is made */
	assert_int_equal(cxms_cfg_set(cfg, "f.g.h", v[4], NULL), 0);
	n = cxms_cfg_get(cxms_cfg_get(cxms_cfg_get(root, "f"), "g"), "h");
	assert_string_equal(n->text, "44");
	assert_int_equal(n->key_col, 5);
	cxms_cfg_free(cfg);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		cxms_cfg_free(v[i]);
}

static void test_set_refuses(void **state)
{
	static const char *const bad[] = {"",	   ".",	    "a.",    ".a",   "a..b",
					  "a.b.x", "a.c.2", "a.c.y", "a.c.", "a.c.1x"};
	(void)state;
	struct cxms_cfg *cfg = load("a: {b: 1, c: [x, {d: 2}]}\n"), *v = value("1");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct cxms_err err = {0};
		assert_int_equal(cxms_cfg_set(cfg, bad[i], v, &err), -EINVAL);
		assert_true(err.msg[0]);
	}
	assert_int_equal(cxms_cfg_root(cfg)->n_child, 1);
	cxms_cfg_free(cfg);
	cxms_cfg_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_replaces_and_makes),
		cmocka_unit_test(test_set_refuses),
		cmocka_unit_test(test_tree_and_positions),
		cmocka_unit_test(test_a_byte_order_mark_is_no_column),
		cmocka_unit_test(test_sha256_is_of_the_bytes),
		cmocka_unit_test(test_a_variant_has_a_sha256_of_its_own),
		cmocka_unit_test(test_json_and_aliases),
		cmocka_unit_test(test_bad_files_are_refused_with_a_position),
		cmocka_unit_test(test_limits_from_both_sides),
		cmocka_unit_test(test_aliases_cannot_multiply_without_end),
		cmocka_unit_test(test_a_missing_file_is_named),
		cmocka_unit_test(test_results_may_be_longer_than_what_people_write),
		cmocka_unit_test(test_typed_getters),
		cmocka_unit_test(test_values_come_out),
		cmocka_unit_test(test_unknown_keys_are_all_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
