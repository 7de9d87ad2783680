/*
 * Writes a perf.data file to standard output: perf_make KIND, of a program that chases through 64
 * lines for 4 ms. Code is at byte 64 of /code.bin: mov (%rax),%rax; jmp
 * back.
 *
 *   clock    cpu-clock with registers, page faults and switches, in rounds, out of order
 *   intr     the same, with the registers of perf record --intr-regs
 *   pipe     the same in the form for a pipe
 *   packed   the same, compressed
 *   lost     the same, and perf says at the end which event lost how many
 *   unended  the same, and perf did not live to write the size
 *   mem      sampled loads and stores with latency and level, and two counters
 *   turns    the same, with counters that had a register half of the time
 *   untimed  the same, with counters alone, as perf record reads them
 *   cycles   only an event that is of no use
 *   noregs   cpu-clock without registers
 *   noids    two events that cannot be told apart
 */
#include <stdio.h>

#include "perf_write.h"

#define CODE  0x400000u
#define LOAD  (CODE + 64)
#define HEAP  0x10000000u
#define BEGIN 1000000000u
#define N     20u
#define STEP  200000u

#define COMMON                                                                                     \
	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |            \
	 PERF_SAMPLE_CPU)

static struct pw_fields at(unsigned event, uint64_t time_ns)
{
	return (struct pw_fields){
		.event = event, .time_ns = time_ns, .pid = 42, .tid = 42, .cpu = 1, .abi = 2};
}

static void begin(struct pw *w)
{
	pw_comm(w, at(0, BEGIN), "chase");
	pw_map(w, at(0, BEGIN + 10), CODE, 4096, 5, "/code.bin");
	pw_map(w, at(0, BEGIN + 20), HEAP, 1 << 20, 3, "//anon");
}

static void clock_records_with(struct pw *w, uint64_t regs)
{
	pw_event(w, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, COMMON | regs, STEP,
		 "cpu-clock:u");
	pw_event(w, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, COMMON | PERF_SAMPLE_ADDR, 1,
		 "page-faults:u");
	begin(w);
	/* Samples of later times come first, as from another CPU's ring. */
	for (unsigned i = N; i > 0; i--) {
		struct pw_fields f = at(0, BEGIN + i * STEP);

		f.ip = LOAD + 3;
		f.regs[0] = HEAP + i % 4 * 64;
		pw_sample(w, &f);
	}
	for (unsigned i = 0; i < 4; i++) {
		struct pw_fields f = at(1, BEGIN + 30 + i);

		f.ip = LOAD;
		f.addr = HEAP + i * 4096;
		pw_sample(w, &f);
	}
	pw_round(w);
	pw_lost(w, at(0, BEGIN + N * STEP + 1), 3);
	pw_task(w, PERF_RECORD_EXIT, at(0, BEGIN + N * STEP + 2), 1);
	pw_round(w);
}

static void clock_records(struct pw *w)
{
	clock_records_with(w, PERF_SAMPLE_REGS_USER);
}

/* Of the three that the buffer lost, and some that it lost after the last record told so. */
static void lost_records(struct pw *w)
{
	clock_records(w);
	pw_event_lost(w, at(0, 0), 1);
	pw_event_lost(w, at(1, 0), 7);
}

static void intr_records(struct pw *w)
{
	clock_records_with(w, PERF_SAMPLE_REGS_INTR);
}

static uint64_t source_of(unsigned i)
{
	static const uint64_t level[] = {PERF_MEM_LVLNUM_L1, PERF_MEM_LVLNUM_L3,
					 PERF_MEM_LVLNUM_RAM, 9};
	union perf_mem_data_src d = {.val = 0};

	d.mem_op = i % 5 ? PERF_MEM_OP_LOAD : PERF_MEM_OP_STORE;
	d.mem_lvl_num = level[i % 4] & 15;
	return d.val;
}

/* @times: of the counters; perf record asks for none */
static void mem_records(struct pw *w, bool turns, bool times)
{
	pw_event(w, PERF_TYPE_RAW, 0x1cd,
		 COMMON | PERF_SAMPLE_ADDR | PERF_SAMPLE_PERIOD | PERF_SAMPLE_READ |
			 PERF_SAMPLE_WEIGHT | PERF_SAMPLE_DATA_SRC | PERF_SAMPLE_PHYS_ADDR,
		 1000, "cpu/mem-loads,ldlat=30/P");
	pw_event(w, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, COMMON | PERF_SAMPLE_READ, 0,
		 "cycles");
	w->attr[0].config1 = 30;
	for (int i = 0; i < 2; i++)
		w->attr[i].read_format =
			PERF_FORMAT_GROUP | PERF_FORMAT_ID |
			(times ? PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING
			       : 0);
	begin(w);
	for (unsigned i = 1; i <= N; i++) {
		struct pw_fields f = at(0, BEGIN + i * STEP);

		f.ip = LOAD;
		f.addr = HEAP + i * 64;
		f.phys = 0x1000000 + i * 64;
		f.period = 1000;
		f.weight = 40 + i;
		f.data_src = source_of(i);
		f.n_count = 2;
		f.count[0] = i * 1000;
		f.count[1] = i * 600000;
		f.stopped_ns = turns ? f.time_ns / 2 : 0;
		pw_sample(w, &f);
	}
	pw_round(w);
	pw_task(w, PERF_RECORD_EXIT, at(0, BEGIN + N * STEP + 2), 1);
}

static void useless(struct pw *w)
{
	pw_event(w, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, COMMON, 1000, "cycles:u");
	begin(w);
}

static void no_registers(struct pw *w)
{
	pw_event(w, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, COMMON, STEP, "cpu-clock:u");
	begin(w);
}

static void no_ids(struct pw *w)
{
	for (int i = 0; i < 2; i++)
		pw_event(w, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK,
			 COMMON & ~(uint64_t)PERF_SAMPLE_IDENTIFIER, STEP, "cpu-clock:u");
	begin(w);
}

int main(int argc, char **argv)
{
	const char *kind = argc == 2 ? argv[1] : "";
	struct cxms_buf out = {0};
	struct pw w = {0};

	if (!strcmp(kind, "mem") || !strcmp(kind, "turns") || !strcmp(kind, "untimed"))
		mem_records(&w, kind[0] == 't', kind[0] != 'u');
	else if (!strcmp(kind, "cycles"))
		useless(&w);
	else if (!strcmp(kind, "noregs"))
		no_registers(&w);
	else if (!strcmp(kind, "intr"))
		intr_records(&w);
	else if (!strcmp(kind, "lost"))
		lost_records(&w);
	else if (!strcmp(kind, "noids"))
		no_ids(&w);
	else
		clock_records(&w);
	if (!strcmp(kind, "packed"))
		pw_compress(&w, 100);
	if (!strcmp(kind, "pipe"))
		pw_pipe(&w, &out);
	else
		pw_file(&w, &out);
	if (!strcmp(kind, "unended"))
		memset(out.data + 48, 0, 8);
	fwrite(out.data, 1, out.len, stdout);
	cxms_buf_fini(&out);
	cxms_buf_fini(&w.data);
	return 0;
}
