#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "shown.h"
#include "topo/draw.h"
#include "topo/topo.h"

#define MIB ((int64_t)1 << 20)

/* One memdev with @keys; it states a capacity only there. */
static struct cxms_topo *load(const char *keys)
{
	char text[700];
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	snprintf(text, sizeof(text),
		 "schema: 1\nhost: {local: {latency: 107ns}}\ndevices:\n"
		 "  m: {type: memdev, upstream: host, latency: 250ns, %s}\n",
		 keys);
	if (cxms_topo_load_mem("test.yaml", text, strlen(text), &t, &err) < 0)
		fail_msg("%s", err.msg);
	return t;
}

static void assert_shown_and_read_again(const struct cxms_topo *t)
{
	const struct cxms_dev *a = &t->dev[0];
	struct cxms_topo *again = shown_and_read_again(t);
	const struct cxms_dev *b = &again->dev[0];
	assert_int_equal(a->capacity_bytes, b->capacity_bytes);
	assert_int_equal(a->n_logical, b->n_logical);
	for (size_t i = 0; i < a->n_logical; i++) {
		assert_string_equal(a->logical[i].host, b->logical[i].host);
		assert_int_equal(a->logical[i].capacity_bytes, b->logical[i].capacity_bytes);
	}
	assert_int_equal(a->n_extent, b->n_extent);
	for (size_t i = 0; i < a->n_extent; i++) {
		const char *one = a->extent[i].host, *other = b->extent[i].host;
		assert_int_equal(a->extent[i].at_ns, b->extent[i].at_ns);
		assert_int_equal(a->extent[i].bytes, b->extent[i].bytes);
		assert_string_equal(one ? one : "", other ? other : "");
	}
	cxms_topo_free(again);
}

static void test_nothing_stated_is_all_for_all(void **state)
{
	(void)state;
	struct cxms_topo *t = load("capacity: 1GiB");
	assert_int_equal(t->dev[0].n_logical, 0);
	assert_int_equal(t->dev[0].n_extent, 0);
	cxms_topo_free(t);
}

static void test_logical_devices_are_read(void **state)
{
	(void)state;
	struct cxms_topo *t =
		load("capacity: 96GiB, logical: [{host: a, capacity: 64GiB}, {host: b, "
		     "capacity: 32GiB, x-note: the rest}]");
	const struct cxms_dev *d = &t->dev[0];
	assert_int_equal(d->n_logical, 2);
	assert_string_equal(d->logical[0].host, "a");
	assert_int_equal(d->logical[0].capacity_bytes, 65536 * MIB);
	assert_string_equal(d->logical[1].host, "b");
	assert_int_equal(d->logical[1].capacity_bytes, 32768 * MIB);
	assert_int_equal(d->capacity_bytes, 98304 * MIB);
	assert_shown_and_read_again(t);
	cxms_topo_free(t);
}

static void test_sixteen_logical_devices_are_allowed(void **state)
{
	(void)state;
	char keys[600] = "capacity: 16MiB, logical: [";
	for (int i = 0; i < 16; i++)
		snprintf(keys + strlen(keys), sizeof(keys) - strlen(keys),
			 "%s{host: h%d, capacity: 1MiB}", i ? ", " : "", i);
	strcat(keys, "]");
	struct cxms_topo *t = load(keys);
	assert_int_equal(t->dev[0].n_logical, 16);
	assert_shown_and_read_again(t);
	cxms_topo_free(t);
}

static void test_extents_are_read(void **state)
{
	(void)state;
	struct cxms_topo *t = load("capacity: 8GiB, extents: [{at: 0s, add: 1GiB}, {at: 1500us, "
				   "release: 256MiB}, {at: 1500us, add: 7424MiB}, {at: 1000000s, "
				   "release: 8GiB}]");
	const struct cxms_dev *d = &t->dev[0];
	static const struct cxms_extent want[] = {{NULL, 0, 1024 * MIB},
						  {NULL, 1500000, -256 * MIB},
						  {NULL, 1500000, 7424 * MIB},
						  {NULL, 1000000000000000, -8192 * MIB}};
	assert_int_equal(d->n_extent, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_null(d->extent[i].host);
		assert_int_equal(d->extent[i].at_ns, want[i].at_ns);
		assert_int_equal(d->extent[i].bytes, want[i].bytes);
	}
	assert_int_equal(d->capacity_bytes, 8192 * MIB);
	assert_shown_and_read_again(t);
	cxms_topo_free(t);
}

static void test_extents_give_the_capacity_left_out(void **state)
{
	(void)state;
	static const struct {
		const char *keys;
		int64_t mib;
		const char *why;
	} rows[] = {
		{"extents: [{at: 0s, add: 256MiB}]", 256, "one"},
		{"extents: [{at: 0s, add: 1GiB}, {at: 1s, release: 1GiB}, {at: 2s, add: 512MiB}]",
		 1024, "the most there is, not the last"},
		{"extents: [{at: 0s, add: 1GiB, host: a}, {at: 1s, add: 1GiB, host: b}, {at: 2s, "
		 "release: 1GiB, host: a}]",
		 2048, "all hosts together"},
		{"logical: [{host: a, capacity: 1GiB}, {host: b, capacity: 1GiB}], extents: [{at: "
		 "0s, add: 1GiB, host: a}, {at: 1s, add: 1GiB, host: b}]",
		 2048, "logical devices that fit"},
		{"model: {type: far, buffer: 255MiB}, extents: [{at: 0s, add: 256MiB}]", 256,
		 "known to the model's check"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_topo *t = load(rows[i].keys);
		if (t->dev[0].capacity_bytes != (uint64_t)(rows[i].mib * MIB))
			fail_msg("%s", rows[i].why);
		assert_shown_and_read_again(t);
		cxms_topo_free(t);
	}
}

/* Hosts share a device's capacity over time: what one releases another may take. */
static void test_hosts_of_extents_are_kept_apart(void **state)
{
	(void)state;
	struct cxms_topo *t =
		load("capacity: 1GiB, extents: [{at: 0s, add: 1GiB, host: a}, {at: 1s, "
		     "release: 768MiB, host: a}, {at: 1s, add: 768MiB, host: b}, {at: "
		     "2s, release: 256MiB, host: b}]");
	assert_string_equal(t->dev[0].extent[2].host, "b");
	assert_int_equal(t->dev[0].extent[3].bytes, -256 * MIB);
	assert_shown_and_read_again(t);
	cxms_topo_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_stated_is_all_for_all),
		cmocka_unit_test(test_logical_devices_are_read),
		cmocka_unit_test(test_sixteen_logical_devices_are_allowed),
		cmocka_unit_test(test_extents_are_read),
		cmocka_unit_test(test_extents_give_the_capacity_left_out),
		cmocka_unit_test(test_hosts_of_extents_are_kept_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
