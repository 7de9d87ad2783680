/* The text line of every event kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "trace/trace.h"

#define COMMON(k) .kind = CXMS_EV_##k, .pid = 10, .tid = 11, .time_ns = 1000000005

static const struct {
	struct cxms_event ev;
	const char *line;
} rows[] = {
	{{COMMON(SAMPLE), .sample = {.addr = 0x7f00,
				     .site = 3,
				     .weight_ns = 200000,
				     .flags = CXMS_SAMPLE_ADDR | CXMS_SAMPLE_WRITE | 0x8000,
				     .cpu = 2}},
	 "1.000000005 10/11 sample addr=0x7f00 site=3 weight_ns=200000 cpu=2 "
	 "flags=addr|write|0x8000"},
	{{COMMON(SAMPLE),
	  .sample = {.site = CXMS_NO_SITE, .weight_ns = 5, .flags = CXMS_SAMPLE_KERNEL}},
	 "1.000000005 10/11 sample weight_ns=5 cpu=0 flags=kernel"},
	{{COMMON(SAMPLE), .sample = {.site = 1,
				     .count = 70,
				     .outer = 8,
				     .flags = CXMS_SAMPLE_COUNT | CXMS_SAMPLE_OUTER}},
	 "1.000000005 10/11 sample site=1 weight_ns=0 cpu=0 count=70 outer=8 flags=count|outer"},
	{{COMMON(FAULT), .fault = {0x1000, 0x401000, 0}},
	 "1.000000005 10/11 fault addr=0x1000 ip=0x401000"},
	{{COMMON(FAULT), .fault = {0x1000, 0x401000, CXMS_FAULT_LOAD}},
	 "1.000000005 10/11 fault addr=0x1000 ip=0x401000 flags=load"},
	{{COMMON(RUN), .run = {.dur_ns = 77, .cpu = 1, .end = CXMS_RUN_PREEMPTED}},
	 "1.000000005 10/11 run dur_ns=77 cpu=1 end=preempted"},
	{{COMMON(RUN), .run = {.dur_ns = 77, .cpu = 1, .end = 200}},
	 "1.000000005 10/11 run dur_ns=77 cpu=1 end=?"},
	{{COMMON(FORK), .fork = {8, 9}}, "1.000000005 10/11 fork parent_pid=8 parent_tid=9"},
	{{COMMON(EXEC), .exec = {"a'b\n\\\xff"}},
	 "1.000000005 10/11 exec name='a\\x27b\\x0a\\x5c\\xff'"},
	{{COMMON(EXEC)}, "1.000000005 10/11 exec name=''"},
	{{COMMON(EXIT)}, "1.000000005 10/11 exit"},
	{{COMMON(EXIT), .exit = {7}}, "1.000000005 10/11 exit ready_ns=7"},
	{{COMMON(MAP), .map = {0x1000, 0x2000, 0, 5, 2, {0xab, 0x01}, 2, "/bin/env"}},
	 "1.000000005 10/11 map addr=0x1000 len=0x2000 off=0x0 prot=0x5 mapflags=0x2 "
	 "build_id=ab01 path='/bin/env'"},
	{{COMMON(AREA), .area = {0x1000, 0x2000, 4096, 0}},
	 "1.000000005 10/11 area addr=0x1000 len=0x2000 resident_bytes=4096 huge_bytes=0"},
	{{COMMON(SITE), .site = {.id = 4,
				 .ip = 0x401136,
				 .kind = CXMS_SITE_LOAD,
				 .access_bytes = 8,
				 .flags = CXMS_SITE_SELF,
				 .loop_insns = 3}},
	 "1.000000005 10/11 site id=4 ip=0x401136 kind=load bytes=8 loop=3 flags=self"},
	{{COMMON(SITE), .site = {.id = 5,
				 .ip = 0x401136,
				 .kind = CXMS_SITE_LOAD,
				 .loop_ip = 0x401130,
				 .count_reg = 1,
				 .step = -8,
				 .outer_reg = 2,
				 .outer_step = 1,
				 .outer_back = 0x20,
				 .ahead_ip = 0x401120,
				 .ahead_bytes = 64}},
	 "1.000000005 10/11 site id=5 ip=0x401136 kind=load bytes=0 loop=0 loop_ip=0x401130 "
	 "count=%rax-8 outer_ip=0x401110 outer=%rbx+1 ahead_ip=0x401120 ahead_bytes=64"},
	{{COMMON(LOST), .lost = {6, 1, CXMS_LOST_FAULTS}},
	 "1.000000005 10/11 lost count=6 cpu=1 what=faults"},
	{{COMMON(MEM),
	  .mem = {0x7f00, 0x1f00, 1009, 3, 412, CXMS_MEM_ADDR | CXMS_MEM_PHYS | CXMS_MEM_WALK, 2,
		  CXMS_MEM_CXL, CXMS_MEM_LLC_MISS}},
	 "1.000000005 10/11 mem what=llc-miss level=cxl addr=0x7f00 phys=0x1f00 site=3 period=1009 "
	 "latency_cyc=412 cpu=2 flags=addr|phys|walk"},
	{{COMMON(MEM), .mem = {.site = CXMS_NO_SITE, .level = 200, .what = 200}},
	 "1.000000005 10/11 mem what=? level=? period=0 latency_cyc=0 cpu=0"},
	{{COMMON(COUNTER), .counter = {1, CXMS_SCOPE_BOX, CXMS_COUNT_LINES, "uncore_imc_0/x/"}},
	 "1.000000005 10/11 counter id=1 scope=box unit=lines name='uncore_imc_0/x/'"},
	{{COMMON(COUNT), .count = {500, 1000, 250, 1, 3}},
	 "1.000000005 10/11 count counter=1 value=500 enabled_ns=1000 running_ns=250 cpu=3"},
	{{COMMON(WATCH), .watch = {0x7f08, 20, 30, 40, 2, 9, 3}},
	 "1.000000005 10/11 watch addr=0x7f08 site=2 stands=9 uses=3 first_ns=20 reuse_ns=30 "
	 "again_ns=40"},
	{{.kind = 99}, "0.000000000 0/0 kind=99"},
};

static void test_each_kind_has_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_buf out = {0};

		cxms_event_print(&rows[i].ev, &out);
		assert_string_equal(cxms_buf_text(&out), rows[i].line);
		cxms_buf_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_has_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
