/* Counters of constructed machines: what is asked of perf, and what is left out by name. */
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
#include "source/cnt_set.h"
#include "source/cnt_table.h"

#define PMUS "/sys/bus/event_source/devices/"

static char root[] = "/tmp/cxms-test-cnt-XXXXXX";

static int setup(void **state)
{
	(void)state;
	return mkdtemp(root) && setenv("CXMS_FSROOT", root, 1) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	unsetenv("CXMS_FSROOT");
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

static void clear_tree(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf '%s'/*", root);
	assert_int_equal(system(command), 0);
}

static void put(const char *path, const char *text)
{
	char full[512];
	FILE *fp;

	snprintf(full, sizeof(full), "%s%s", root, path);
	char *slash = strrchr(full, '/');
	*slash = '\0';
	assert_int_equal(cxms_mkdirs(full, NULL), 0);
	*slash = '/';
	fp = fopen(full, "w");
	assert_non_null(fp);
	assert_true(fputs(text, fp) >= 0);
	assert_int_equal(fclose(fp), 0);
}

static void put_cpu(unsigned model, unsigned stepping)
{
	char text[256];

	clear_tree();
	snprintf(text, sizeof(text),
		 "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: %u\n"
		 "stepping\t: %u\nflags\t\t: fpu\n\n",
		 model, stepping);
	put("/proc/cpuinfo", text);
}

/* A PMU with fields "name=bits" of its format/, blanks between them. */
static void put_pmu(const char *name, const char *type, const char *cpus, const char *fields)
{
	char path[256], field[64];
	int used;

	snprintf(path, sizeof(path), PMUS "%s/type", name);
	put(path, type);
	if (cpus) {
		snprintf(path, sizeof(path), PMUS "%s/cpumask", name);
		put(path, cpus);
	}
	for (; sscanf(fields, " %63s%n", field, &used) == 1; fields += used) {
		char *bits = strchr(field, '=');

		*bits++ = '\0';
		snprintf(path, sizeof(path), PMUS "%s/format/%s", name, field);
		put(path, bits);
	}
}

#define CORE_FIELDS "event=config:0-7 umask=config:8-15 cmask=config:24-31 offcore_rsp=config1:0-63"
#define CHA_NEW	    "event=config:0-7 umask=config:8-15,32-63"
#define CHA_OLD	    "event=config:0-7 umask=config:8-15,32-55"
#define PLAIN	    "event=config:0-7 umask=config:8-15"

/* One line per event: what perf is asked for. */
static void assert_set(const struct cxms_cnt_set *s, const char *want)
{
	struct cxms_buf got = {0};

	for (size_t i = 0; i < s->n; i++) {
		const struct cxms_cnt_event *ev = &s->ev[i];

		cxms_buf_printf(&got, "%u %u:%llx,%llx cpu%d %s\n", ev->group, ev->type,
				(unsigned long long)ev->config[0],
				(unsigned long long)ev->config[1], ev->cpu, ev->name);
	}
	assert_string_equal(cxms_buf_text(&got), want);
	cxms_buf_fini(&got);
}

static void test_skylake_counts_its_core_in_three_turns(void **state)
{
	struct cxms_cnt_set s;
	struct cxms_buf left = {0};

	(void)state;
	put_cpu(85, 4);
	put_pmu("cpu", "4", NULL, CORE_FIELDS);
	assert_int_equal(cxms_cnt_set_core(0, true, &s, &left, NULL), 0);
	assert_string_equal(cxms_buf_text(&left), "");
	assert_int_equal(s.n_group, 3);
	assert_int_equal(s.n, 13);
	/* the off-core events are of two kinds, each with its value */
	for (size_t i = 0; i < s.n; i++)
		if (strstr(s.ev[i].name, "ANY_RESPONSE")) {
			assert_int_equal(s.ev[i].config[0], 0x1b7);
			assert_int_equal(s.ev[i].config[1], 0x10400);
		}
	cxms_cnt_set_fini(&s);
	/* without hyperthreads it has eight counters, and stalls need the low four all the same */
	put("/sys/devices/system/cpu/smt/active", "0\n");
	assert_int_equal(cxms_cnt_set_core(0, true, &s, &left, NULL), 0);
	assert_int_equal(s.n_group, 3);
	cxms_cnt_set_fini(&s);
	cxms_buf_fini(&left);
}

static void test_what_does_not_fit_at_once_is_left_out_by_name(void **state)
{
	struct cxms_cnt_set s;
	struct cxms_buf left = {0};

	(void)state;
	put_cpu(143, 8);
	put_pmu("cpu", "4", NULL, CORE_FIELDS);
	assert_int_equal(cxms_cnt_set_core(0, false, &s, &left, NULL), 0);
	assert_set(&s,
		   "0 4:9000947,0 cpu0 MEMORY_ACTIVITY.STALLS_L3_MISS\n"
		   "0 4:121,0 cpu0 OFFCORE_REQUESTS.DEMAND_DATA_RD\n"
		   "0 4:1000120,0 cpu0 OFFCORE_REQUESTS_OUTSTANDING.CYCLES_WITH_DEMAND_DATA_RD\n"
		   "0 4:20d1,0 cpu0 MEM_LOAD_RETIRED.L3_MISS\n"
		   "0 4:20040a6,0 cpu0 EXE_ACTIVITY.BOUND_ON_STORES\n"
		   "1 4:3c,0 cpu0 cycles\n"
		   "1 4:c0,0 cpu0 instructions\n");
	assert_non_null(strstr(cxms_buf_text(&left), "cpu/MEMORY_ACTIVITY.STALLS_L1D_MISS/: "));
	assert_non_null(strstr(cxms_buf_text(&left),
			       "no register is free for it all the time; --counters turns"));
	assert_non_null(strstr(cxms_buf_text(&left), "cpu/MEM_LOAD_RETIRED.FB_HIT/: "));
	cxms_cnt_set_fini(&s);
	cxms_buf_clear(&left);
	/* sampling holds three counters: in turns all the same, quotients apart where they must */
	assert_int_equal(cxms_cnt_set_core(3, true, &s, &left, NULL), 0);
	assert_string_equal(cxms_buf_text(&left), "");
	assert_true(s.n_group > 3);
	cxms_cnt_set_fini(&s);
	cxms_buf_fini(&left);
}

static void test_a_cha_and_memory_controllers_of_two_sockets(void **state)
{
	struct cxms_cnt_set s;
	struct cxms_buf left = {0};

	(void)state;
	put_cpu(143, 8);
	put_pmu("uncore_cha_10", "70", "0", CHA_NEW);
	put_pmu("uncore_cha_2", "62", "0,56", CHA_NEW);
	put_pmu("uncore_imc_0", "90", "0", PLAIN);
	put_pmu("uncore_imc_free_running_0", "91", "0", PLAIN);
	put_pmu("uncore_cxlcm_0", "95", "0", PLAIN);
	assert_int_equal(cxms_cnt_set_uncore(false, &s, &left, NULL), 0);
	assert_non_null(strstr(cxms_buf_text(&left), "IA_MISS_DRD_LOCAL_DDR/: "));
	assert_null(strstr(cxms_buf_text(&left), "uncore_cha_10")); /* the first tells for all */
	assert_set(&s,
		   "0 62:1,0 cpu0 uncore_cha_2/UNC_CHA_CLOCKTICKS/\n"
		   "0 62:c817fe00000135,0 cpu0 uncore_cha_2/UNC_CHA_TOR_INSERTS.IA_MISS_DRD/\n"
		   "0 62:c817fe00000136,0 cpu0 uncore_cha_2/UNC_CHA_TOR_OCCUPANCY.IA_MISS_DRD/\n"
		   "0 62:10c8178200000135,0 cpu0 "
		   "uncore_cha_2/UNC_CHA_TOR_INSERTS.IA_MISS_DRD_CXL_ACC/\n"
		   "1 62:1,0 cpu56 uncore_cha_2/UNC_CHA_CLOCKTICKS/\n"
		   "1 62:c817fe00000135,0 cpu56 uncore_cha_2/UNC_CHA_TOR_INSERTS.IA_MISS_DRD/\n"
		   "1 62:c817fe00000136,0 cpu56 uncore_cha_2/UNC_CHA_TOR_OCCUPANCY.IA_MISS_DRD/\n"
		   "1 62:10c8178200000135,0 cpu56 "
		   "uncore_cha_2/UNC_CHA_TOR_INSERTS.IA_MISS_DRD_CXL_ACC/\n"
		   "2 70:1,0 cpu0 uncore_cha_10/UNC_CHA_CLOCKTICKS/\n"
		   "2 70:c817fe00000135,0 cpu0 uncore_cha_10/UNC_CHA_TOR_INSERTS.IA_MISS_DRD/\n"
		   "2 70:c817fe00000136,0 cpu0 uncore_cha_10/UNC_CHA_TOR_OCCUPANCY.IA_MISS_DRD/\n"
		   "2 70:10c8178200000135,0 cpu0 "
		   "uncore_cha_10/UNC_CHA_TOR_INSERTS.IA_MISS_DRD_CXL_ACC/\n"
		   "3 95:1041,0 cpu0 uncore_cxlcm_0/UNC_CXLCM_RxC_PACK_BUF_INSERTS.MEM_DATA/\n"
		   "3 95:1002,0 cpu0 uncore_cxlcm_0/UNC_CXLCM_TxC_PACK_BUF_INSERTS.MEM_DATA/\n"
		   "4 90:cf05,0 cpu0 uncore_imc_0/UNC_M_CAS_COUNT.RD/\n"
		   "4 90:f005,0 cpu0 uncore_imc_0/UNC_M_CAS_COUNT.WR/\n");
	cxms_cnt_set_fini(&s);
	cxms_buf_fini(&left);
}

/* Asked for, all that a CHA tells of local DDR, the other socket and CXL: at most four at once. */
static void test_a_cha_counts_the_rest_in_turns_when_asked(void **state)
{
	struct cxms_cnt_set s;
	struct cxms_buf left = {0};
	unsigned of_group[16] = {0}, occupancies[16] = {0};

	(void)state;
	clear_tree();
	put_cpu(143, 8);
	put_pmu("uncore_cha_0", "60", "0,56", CHA_NEW);
	assert_int_equal(cxms_cnt_set_uncore(true, &s, &left, NULL), 0);
	assert_string_equal(cxms_buf_text(&left), "");
	assert_int_equal(s.n, 2 * 9);
	for (size_t i = 0; i < s.n; i++) {
		assert_in_range(s.ev[i].group, i ? s.ev[i - 1].group : 0,
				i ? s.ev[i - 1].group + 1 : 0);
		assert_int_equal(s.ev[i].cpu, i < 9 ? 0 : 56);
		of_group[s.ev[i].group]++;
		occupancies[s.ev[i].group] += strstr(s.ev[i].name, "OCCUPANCY") != NULL;
	}
	/* four occupancies on one counter: four turns on each socket */
	assert_int_equal(s.ev[s.n - 1].group, 7);
	for (unsigned g = 0; g < 8; g++) {
		assert_in_range(of_group[g], 1, 4);
		assert_int_equal(occupancies[g], 1);
	}
	cxms_cnt_set_fini(&s);
	cxms_buf_fini(&left);
}

/* Kernels before the longer mask: the CXL filter is refused by name, and never cut to another. */
static void test_a_filter_wider_than_its_field_is_refused(void **state)
{
	struct cxms_cnt_set s;
	struct cxms_buf left = {0};

	(void)state;
	put_cpu(143, 8);
	put_pmu("uncore_cha_0", "60", "0", CHA_OLD);
	assert_int_equal(cxms_cnt_set_uncore(false, &s, &left, NULL), 0);
	assert_int_equal(s.n, 4);
	for (size_t i = 0; i < s.n; i++)
		assert_null(strstr(s.ev[i].name, "CXL"));
	assert_non_null(strstr(cxms_buf_text(&left),
			       "uncore_cha_0/UNC_CHA_TOR_INSERTS.IA_MISS_DRD_CXL_ACC/: "));
	cxms_cnt_set_fini(&s);
	cxms_buf_fini(&left);
}

static void test_cxl_devices_count_what_they_say_they_do(void **state)
{
	struct cxms_cnt_set s;
	struct cxms_buf left = {0};

	(void)state;
	clear_tree();
	put_pmu("cxl_pmu_mem0.0", "40", "3",
		"mask=config:0-31 gid=config:32-47 vid=config:48-63 threshold=config1:0-15");
	put(PMUS "cxl_pmu_mem0.0/events/s2m_drs_memdata", "vid=0x1e98,gid=0x24,mask=0x1\n");
	assert_int_equal(cxms_cnt_set_uncore(false, &s, &left, NULL), 0);
	assert_set(&s, "0 40:1e98002400000001,0 cpu3 cxl_pmu_mem0.0/s2m_drs_memdata/\n");
	assert_string_equal(cxms_buf_text(&left),
			    "\n  cxl_pmu_mem0.0/m2s_rwd_memwr/: the device does not count it");
	cxms_cnt_set_fini(&s);
	cxms_buf_fini(&left);
}

static void test_machines_without_counters_say_so(void **state)
{
	struct cxms_cnt_set s;
	struct cxms_err err = {0};

	(void)state;
	put_cpu(143, 8);
	assert_int_equal(cxms_cnt_set_core(0, true, &s, NULL, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "shows no counters of its cores"));
	cxms_err_clear(&err);
	assert_int_equal(cxms_cnt_set_uncore(false, &s, NULL, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "--pcm"));
	cxms_err_clear(&err);
	put_cpu(3, 0); /* no row */
	put_pmu("cpu", "4", NULL, CORE_FIELDS);
	assert_int_equal(cxms_cnt_set_core(0, true, &s, NULL, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "family 6, model 3"));
	assert_int_equal(s.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_skylake_counts_its_core_in_three_turns),
		cmocka_unit_test(test_what_does_not_fit_at_once_is_left_out_by_name),
		cmocka_unit_test(test_a_cha_and_memory_controllers_of_two_sockets),
		cmocka_unit_test(test_a_cha_counts_the_rest_in_turns_when_asked),
		cmocka_unit_test(test_a_filter_wider_than_its_field_is_refused),
		cmocka_unit_test(test_cxl_devices_count_what_they_say_they_do),
		cmocka_unit_test(test_machines_without_counters_say_so),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
