/* What /sys says of PMUs, and event terms into config words. */
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
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"
#include "source/pmu_names.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MACHINES     CXMS_SOURCE_DIR "/tests/data/machines/"

static void at_machine(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), MACHINES "%s", name);
	assert_int_equal(setenv("CXMS_FSROOT", path, 1), 0);
}

static const struct {
	const char *machine, *name, *pfm;
	bool is_guest;
	unsigned n_core;
	uint64_t hz;
} cpus[] = {
	{"skx", "skx", "skx", false, 1, 2500000000ull},
	{"icx", "icx", "icx", false, 1, 2300000000ull},
	{"icx-vm", "icx", "icx", true, 1, 2800000000ull},
	{"spr", "spr", "spr", false, 1, 2000000000ull},
	{"emr", "emr", NULL, false, 1, 2000000000ull},
	{"gnr", "gnr", NULL, false, 1, 2000000000ull},
	{"adl", "adl", NULL, false, 2, 2000000000ull},
	{"zen4", "zen4", "amd64_fam19h_zen4", false, 1, 2000000000ull},
	{"zen5", "zen5", NULL, false, 1, 2000000000ull},
	{"unknown", "", NULL, false, 1, 2000000000ull},
	{"vm", "zen4", "amd64_fam19h_zen4", true, 0, 2000000000ull},
	{"no such machine", "", NULL, false, 0, 0000000ull},
};

static void test_cpus_are_told_by_family_model_and_stepping(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cpus); i++) {
		struct cxms_core_pmus core;

		at_machine(cpus[i].machine);
		assert_int_equal(cxms_core_pmus_load(&core, NULL), 0);
		assert_string_equal(core.cpu.name, cpus[i].name);
		assert_int_equal(core.cpu.is_guest, cpus[i].is_guest);
		assert_int_equal(core.cpu.hz, cpus[i].hz);
		assert_int_equal(core.n, cpus[i].n_core);
		if (cpus[i].pfm)
			assert_string_equal(core.cpu.pfm, cpus[i].pfm);
		else
			assert_null(core.cpu.pfm);
	}
}

/* Cascade Lake has the model number of Skylake: the stepping tells. */
static void test_the_stepping_tells_cascade_lake(void **state)
{
	char root[] = "/tmp/cxms_pmu_XXXXXX", path[64];
	struct cxms_cpu_id cpu;
	FILE *fp;

	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/proc", root);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/proc/cpuinfo", root);
	fp = fopen(path, "we");
	assert_non_null(fp);
	fputs("processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n"
	      "model name\t: x\nstepping\t: 7\n\nprocessor\t: 1\nstepping\t: 4\n",
	      fp);
	fclose(fp);
	assert_int_equal(setenv("CXMS_FSROOT", root, 1), 0);
	cxms_cpu_identify(&cpu);
	assert_string_equal(cpu.name, "clx");
	assert_int_equal(cpu.hz, 0); /* nothing tells it */
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(root);
}

static void test_pmus_are_read_from_sys(void **state)
{
	struct cxms_pmu p;
	struct cxms_err err = {0};

	(void)state;
	at_machine("adl");
	assert_int_equal(cxms_pmu_load("cpu_atom", &p, &err), 0);
	assert_int_equal(p.type, 10);
	assert_int_equal(p.max_precise, 3);
	assert_false(cxms_pmu_has_cpu(&p, 1));
	assert_true(cxms_pmu_has_cpu(&p, 2));
	assert_true(cxms_pmu_has_cpu(&p, 3));
	assert_false(cxms_pmu_has_cpu(&p, 4));
	assert_int_equal(cxms_pmu_field(&p, "umask")->mask, 0xff00);
	assert_int_equal(cxms_pmu_field(&p, "ldlat")->word, 1);
	assert_null(cxms_pmu_field(&p, "frontend"));
	at_machine("zen5");
	assert_int_equal(cxms_pmu_load("cpu", &p, &err), 0);
	assert_int_equal(cxms_pmu_field(&p, "event")->mask, 0xf000000ff);
	assert_true(cxms_pmu_has_cpu(&p, 77));
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = {"cpu_core", "", "../devices/cpu", "."};

		cxms_err_clear(&err);
		assert_int_equal(cxms_pmu_load(names[i], &p, &err), -ENOENT);
		assert_non_null(strstr(err.msg, "has no PMU"));
	}
}

static const struct {
	const char *terms;
	int rc;
	uint64_t config, config1;
	const char *says;
} terms[] = {
	{"event=0xd1,umask=0x20", 0, 0x20d1, 0, NULL},
	{"event=209,umask=32", 0, 0x20d1, 0, NULL},
	{"event=0xcd,umask=0x1,ldlat=0x1e", 0, 0x1cd, 30, NULL},
	{"event=0xa3,umask=0x6,cmask=0x6,inv,edge", 0, 0x68406a3, 0, NULL},
	{"umask=0xff,umask=0x01", 0, 0x100, 0, NULL},
	{"", 0, 0, 0, NULL},
	{"offcore_rsp=0xffffffffffffffff", 0, 0, UINT64_MAX, NULL},
	{"config=0x20d1,config1=7", 0, 0x20d1, 7, NULL},
	/* a wide umask lies in two pieces: 0x10c8 -> bits 8-15 and 40-47 */
	{"event=0x35,umask=0x10c8", 0, 0x10000000c835, 0, NULL},
	{"event=0x100", -ERANGE, 0, 0, "event=0x100 does not fit its 8 bits"},
	{"umask=0x10000", -ERANGE, 0, 0, "umask=0x10000 does not fit its 16 bits"},
	{"inv=2", -ERANGE, 0, 0, "inv=0x2 does not fit its 1 bits"},
	{"config=0x100000000000000", -ERANGE, 0, 0, "needs bits 0x100000000000000 of config,"},
	{"config2=1", -ERANGE, 0, 0, "needs bits 0x1 of config2,"},
	{"swfilt", -EINVAL, 0, 0, "has no field 'swfilt'"},
	{"event=", -EINVAL, 0, 0, "is no number"},
	{"event=-1", -EINVAL, 0, 0, "is no number"},
	{"event=0x1g", -EINVAL, 0, 0, "is no number"},
	{"event=99999999999999999999", -EINVAL, 0, 0, "is no number"},
	{"=1", -EINVAL, 0, 0, "has no field ''"},
};

static void test_terms_fit_or_are_refused(void **state)
{
	struct cxms_pmu p;

	(void)state;
	at_machine("gnr");
	assert_int_equal(cxms_pmu_load("cpu", &p, NULL), 0);
	for (size_t i = 0; i < COUNT(terms); i++) {
		struct cxms_pmu_code code = {.type = 99};
		struct cxms_err err = {0};

		assert_int_equal(cxms_pmu_terms(&p, "EV", terms[i].terms, &code, &err),
				 terms[i].rc);
		if (terms[i].rc) {
			assert_non_null(strstr(err.msg, terms[i].says));
			assert_non_null(strstr(err.msg, "event 'EV'"));
			assert_int_equal(code.type, 99); /* untouched */
			continue;
		}
		assert_int_equal(code.type, 4);
		assert_int_equal(code.config[0], terms[i].config);
		assert_int_equal(code.config[1], terms[i].config1);
	}
}

/* Every name that is listed on any machine can be encoded there: tables, sysfs and libpfm4 alike.
 */
struct all_ctx {
	const struct cxms_core_pmus *core;
	unsigned which, n;
};

static void encode_it(void *arg, enum cxms_event_origin origin, const char *name)
{
	struct all_ctx *ctx = arg;
	struct cxms_named_event ev;
	struct cxms_err err = {0};

	/* Some names of libpfm4 want an attribute besides, or a field that an older kernel lacks.
	 */
	if (cxms_event_named(ctx->core, ctx->which, name, &ev, &err) && origin != CXMS_ORIGIN_PFM)
		fail_msg("%s: %s", name, err.msg);
	ctx->n++;
}

static void test_listed_names_encode(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cpus); i++) {
		struct cxms_core_pmus core;

		at_machine(cpus[i].machine);
		assert_int_equal(cxms_core_pmus_load(&core, NULL), 0);
		for (unsigned k = 0; k < core.n; k++) {
			struct all_ctx ctx = {&core, k, 0};

			assert_int_equal(cxms_events_list(&core, k, encode_it, &ctx), 0);
			assert_true(ctx.n >= 2);
		}
	}
}

/* libpfm4 and our table say the same of what both know. */
static void test_libpfm4_and_the_table_agree(void **state)
{
	static const char *const machines[] = {"skx", "icx", "spr"};
	static const char *const names[] = {"MEM_LOAD_RETIRED.L3_MISS",
					    "MEM_INST_RETIRED.ALL_STORES"};

	(void)state;
	if (cxms_pfm_check(NULL) < 0)
		skip();
	for (size_t i = 0; i < COUNT(machines) * COUNT(names); i++) {
		struct cxms_core_pmus core;
		struct cxms_named_event pfm, table;

		at_machine(machines[i / COUNT(names)]);
		assert_int_equal(cxms_core_pmus_load(&core, NULL), 0);
		assert_int_equal(cxms_event_named(&core, 0, names[i % 2], &pfm, NULL), 0);
		core.cpu.pfm = NULL;
		assert_int_equal(cxms_event_named(&core, 0, names[i % 2], &table, NULL), 0);
		assert_int_equal(pfm.origin, CXMS_ORIGIN_PFM);
		assert_int_equal(table.origin, CXMS_ORIGIN_TABLE);
		assert_memory_equal(&pfm.code, &table.code, sizeof(table.code));
	}
}

static void test_libpfm4_leaves_the_environment_alone(void **state)
{
	struct cxms_pmu_code code;

	(void)state;
	if (cxms_pfm_check(NULL) < 0)
		skip();
	unsetenv("LIBPFM_ENCODE_INACTIVE");
	setenv("LIBPFM_FORCE_PMU", "skx", 1);
	assert_int_equal(cxms_pfm_encode("spr", "MEM_LOAD_RETIRED.L3_MISS", &code), 0);
	assert_null(getenv("LIBPFM_ENCODE_INACTIVE"));
	assert_string_equal(getenv("LIBPFM_FORCE_PMU"), "skx");
	unsetenv("LIBPFM_FORCE_PMU");
	assert_int_equal(cxms_pfm_encode("spr", "NO_SUCH", &code), -ENOENT);
}

static void test_names_match_in_any_case_with_dot_or_colon(void **state)
{
	(void)state;
	assert_true(cxms_event_name_is("MEM_LOAD.L3", "mem_load:l3"));
	assert_true(cxms_event_name_is("", ""));
	assert_false(cxms_event_name_is("MEM", "MEM_LOAD"));
	assert_false(cxms_event_name_is("MEM_LOAD", "MEM"));
}

/* Files that make no sense are an error, not a PMU with less in it. */
static void test_damaged_files_are_refused(void **state)
{
	static const struct {
		const char *file, *text;
	} rows[] = {
		{"format/event", "config:8-7"},
		{"format/event", "config:0-64"},
		{"format/event", "conf:0-7"},
		{"format/event", "config:"},
		{"format/event", ""},
		{"format/event", "config:0-7x"},
		{"cpus", "0-"},
		{"cpus", "5-1"},
		{"cpus", "a"},
	};
	char root[] = "/tmp/cxms_pmu_XXXXXX", dir[128], path[256];

	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(dir, sizeof(dir), "%s/sys/bus/event_source/devices/p/format", root);
	assert_int_equal(cxms_mkdirs(dir, NULL), 0);
	*strrchr(dir, '/') = '\0';
	assert_int_equal(setenv("CXMS_FSROOT", root, 1), 0);
	snprintf(path, sizeof(path), "%s/type", dir);
	fclose(fopen(path, "we"));
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cxms_pmu p;
		FILE *fp;

		fp = fopen(path, "we");
		assert_non_null(fp);
		fputs("7\n", fp);
		fclose(fp);
		assert_int_equal(cxms_pmu_load("p", &p, NULL), 0);
		snprintf(path, sizeof(path), "%s/%s", dir, rows[i].file);
		fp = fopen(path, "we");
		assert_non_null(fp);
		fprintf(fp, "%s\n", rows[i].text);
		fclose(fp);
		assert_int_equal(cxms_pmu_load("p", &p, NULL), -EINVAL);
		unlink(path);
		snprintf(path, sizeof(path), "%s/type", dir);
	}
	snprintf(path, sizeof(path), "rm -rf %s", root);
	assert_int_equal(system(path), 0);
}

static int leave(void **state)
{
	(void)state;
	return unsetenv("CXMS_FSROOT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpus_are_told_by_family_model_and_stepping),
		cmocka_unit_test(test_the_stepping_tells_cascade_lake),
		cmocka_unit_test(test_pmus_are_read_from_sys),
		cmocka_unit_test(test_terms_fit_or_are_refused),
		cmocka_unit_test(test_listed_names_encode),
		cmocka_unit_test(test_libpfm4_and_the_table_agree),
		cmocka_unit_test(test_libpfm4_leaves_the_environment_alone),
		cmocka_unit_test(test_names_match_in_any_case_with_dot_or_colon),
		cmocka_unit_test(test_damaged_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, leave);
}
