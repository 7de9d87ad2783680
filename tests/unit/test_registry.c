/* The table of sources: complete, unique, and a failed open leaves nothing behind. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "source/source.h"

static void test_every_source_is_complete(void **state)
{
	(void)state;
	assert_true(cxms_source_count() > 0);
	for (size_t i = 0; i < cxms_source_count(); i++) {
		const struct cxms_source_ops *ops = cxms_source_at(i);

		assert_int_equal(ops->abi, CXMS_SOURCE_ABI);
		assert_non_null(ops->name);
		assert_true(strlen(ops->name) < sizeof(((struct cxms_facts *)NULL)->source));
		assert_true(ops->summary && *ops->summary);
		/* what sees everything has no period */
		assert_int_equal(ops->default_period_ns == 0, (ops->caps & CXMS_SRC_EXACT) != 0);
		assert_non_null(ops->probe);
		assert_non_null(ops->open);
		assert_non_null(ops->start);
		assert_non_null(ops->read);
		assert_non_null(ops->stop);
		assert_non_null(ops->close);
	}
}

static void test_names_are_unique_and_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < cxms_source_count(); i++) {
		const struct cxms_source_ops *ops = cxms_source_at(i);

		/* the first of that name: a second one could not be reached */
		assert_ptr_equal(cxms_source_find(ops->name), ops);
	}
	assert_non_null(cxms_source_find("clock"));
	assert_non_null(cxms_source_find("ptrace"));
	assert_non_null(cxms_source_find("exact"));
	assert_non_null(cxms_source_find("synth"));
	assert_null(cxms_source_find(""));
	assert_null(cxms_source_find("Clock"));
}

static void test_auto_takes_the_first_live_source_that_works_and_says_why(void **state)
{
	const struct cxms_source_ops *ops = NULL, *want = NULL;
	struct cxms_err err = {0}, probe_err = {0};
	char reason[256] = "";
	int rc;

	(void)state;
	for (size_t i = 0; i < cxms_source_count() && !want; i++) {
		const struct cxms_source_ops *at = cxms_source_at(i);

		memset(&probe_err, 0, sizeof(probe_err));
		/* the exact one costs too much to be chosen unasked */
		if ((at->caps & CXMS_SRC_LIVE) && !(at->caps & CXMS_SRC_EXACT) &&
		    !at->probe(&probe_err))
			want = at;
	}
	rc = cxms_source_auto(&ops, reason, sizeof(reason), &err);
	if (!want) {
		assert_int_equal(rc, -ENOTSUP);
		assert_non_null(strstr(err.msg, "clock: "));
		assert_non_null(strstr(err.msg, "ptrace: "));
		return;
	}
	assert_int_equal(rc, 0);
	assert_ptr_equal(ops, want);
	assert_int_equal(strncmp(reason, want->name, strlen(want->name)), 0);
}

static int closed;

static int failing_open(struct cxms_source *s, struct cxms_err *err)
{
	assert_non_null(s->priv);
	assert_int_equal(s->cfg.period_ns, 0); /* the source chooses */
	assert_int_equal(s->caps, CXMS_SRC_FAULTS);
	return cxms_fail(err, EBUSY, "busy");
}

static void counting_close(struct cxms_source *s)
{
	(void)s;
	closed++;
}

static void test_a_failed_open_is_closed_and_freed(void **state)
{
	const struct cxms_source_ops ops = {
		.abi = CXMS_SOURCE_ABI,
		.name = "failing",
		.caps = CXMS_SRC_FAULTS,
		.default_period_ns = 7,
		.open = failing_open,
		.close = counting_close,
	};
	const struct cxms_source_ops old = {.abi = CXMS_SOURCE_ABI + 1, .name = "old"};
	const struct cxms_source_cfg cfg = {0};
	struct cxms_source *s = NULL;
	struct cxms_err err = {0};

	(void)state;
	assert_int_equal(cxms_source_open(&ops, &cfg, &s, &err), -EBUSY);
	assert_null(s);
	assert_int_equal(closed, 1);
	cxms_err_clear(&err);
	assert_int_equal(cxms_source_open(&old, &cfg, &s, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "'old'"));
	cxms_source_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_source_is_complete),
		cmocka_unit_test(test_names_are_unique_and_found),
		cmocka_unit_test(test_auto_takes_the_first_live_source_that_works_and_says_why),
		cmocka_unit_test(test_a_failed_open_is_closed_and_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
