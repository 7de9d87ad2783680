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
#include "topo/topo_priv.h"

/* A host with @local beside its latency, and one memdev of 1 GiB with @device. */
static struct cxms_topo *load(const char *local, const char *device)
{
	char text[700];
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	snprintf(
		text, sizeof(text),
		"schema: 1\nhost:\n  cpu: {frequency: 2GHz}\n  local: {latency: 107ns%s}\n"
		"devices:\n  m: {type: memdev, upstream: host, latency: 250ns, capacity: 1GiB%s}\n",
		local, device);
	if (cxms_topo_load_mem("test.yaml", text, strlen(text), &t, &err) < 0)
		fail_msg("%s", err.msg);
	return t;
}

static const struct cxms_assumed *assumed(const struct cxms_topo *t, const char *key)
{
	for (size_t i = 0; i < t->n_assumed; i++)
		if (strcmp(t->assumed[i].key, key) == 0)
			return &t->assumed[i];
	return NULL;
}

static size_t n_assumed_below(const struct cxms_topo *t, const char *path)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n_assumed; i++)
		n += strncmp(t->assumed[i].key, path, strlen(path)) == 0;
	return n;
}

static void assert_memory(const struct cxms_memory *got, const struct cxms_memory *want)
{
	assert_int_equal(got->model, want->model);
	assert_null(got->curve);
	assert_int_equal(got->channels, want->channels);
	assert_int_equal(got->ranks, want->ranks);
	assert_int_equal(got->turnaround_ps, want->turnaround_ps);
	assert_string_equal(got->dram ? got->dram->name : "", want->dram ? want->dram->name : "");
	assert_int_equal(got->closed_page, want->closed_page);
	assert_int_equal(got->page_bytes, want->page_bytes);
	assert_int_equal(got->buffer_bytes, want->buffer_bytes);
	assert_int_equal(got->fetch_ps, want->fetch_ps);
	assert_int_equal(got->fault_ps, want->fault_ps);
	assert_int_equal(got->backing_bytes_per_s, want->backing_bytes_per_s);
	assert_int_equal(got->depth, want->depth);
	assert_int_equal(got->tail_p99_ps, want->tail_p99_ps);
	assert_int_equal(got->tail_p999_ps, want->tail_p999_ps);
}

static const struct cxms_dram ddr4_2933 = {.name = "ddr4-2933"}, ddr5_4800 = {.name = "ddr5-4800"};
/* what a file may say of a memdev, and of how many figures the rest is assumed */
static const struct {
	const char *text;
	struct cxms_memory want;
	size_t n_assumed;
	bool local; /* local DRAM may say the same */
} stated[] = {
	{"", {.model = CXMS_MODEL_TYPICAL}, 0, true},
	{", model: typical", {.model = CXMS_MODEL_TYPICAL}, 0, true},
	{", model: fixed", {.model = CXMS_MODEL_FIXED}, 0, true},
	{", model: {type: fixed}", {.model = CXMS_MODEL_FIXED}, 0, true},
	{", bandwidth: 30GB/s, model: {type: queue, channels: 3, turnaround: 16cyc}",
	 {.model = CXMS_MODEL_QUEUE, .channels = 3, .turnaround_ps = 8000},
	 0,
	 true},
	{", model: {type: bank, dram: ddr4-2933, channels: 12, ranks: 4, page: closed}",
	 {.model = CXMS_MODEL_BANK,
	  .channels = 12,
	  .ranks = 4,
	  .dram = &ddr4_2933,
	  .closed_page = true},
	 0,
	 true},
	{", model: {type: ssd, buffer: 64MiB, page: 16KiB, fetch: 45us, bandwidth: 7GB/s, depth: "
	 "128}",
	 {.model = CXMS_MODEL_SSD,
	  .buffer_bytes = 64 << 20,
	  .page_bytes = 16384,
	  .fetch_ps = 45000000,
	  .backing_bytes_per_s = 7000000000,
	  .depth = 128},
	 0,
	 false},
	{", model: {type: far, buffer: 1023MiB, page: 4KiB, fetch: 9us, fault: 0us, bandwidth: "
	 "25GB/s, depth: 16}",
	 {.model = CXMS_MODEL_FAR,
	  .buffer_bytes = 1023ull << 20,
	  .page_bytes = 4096,
	  .fetch_ps = 9000000,
	  .backing_bytes_per_s = 25000000000,
	  .depth = 16},
	 0,
	 false},
	{", tail: {p99: 60ns, p999: 160ns}, model: {type: far, buffer: 1MiB}",
	 {.model = CXMS_MODEL_FAR,
	  .buffer_bytes = 1 << 20,
	  .page_bytes = 4096,
	  .fetch_ps = 5000000,
	  .fault_ps = 2000000,
	  .backing_bytes_per_s = 12000000000,
	  .depth = 32,
	  .tail_p99_ps = 60000,
	  .tail_p999_ps = 160000},
	 5,
	 false},
	{", model: {type: ssd, buffer: 1MiB}",
	 {.model = CXMS_MODEL_SSD,
	  .buffer_bytes = 1 << 20,
	  .page_bytes = 4096,
	  .fetch_ps = 60000000,
	  .backing_bytes_per_s = 3000000000,
	  .depth = 64},
	 4,
	 false},
	{", tail: {p99: 0ns, p999: 0ns}", {.model = CXMS_MODEL_TYPICAL}, 0, true},
	{", tail: {p99: 60ns, p999: 60ns}",
	 {.model = CXMS_MODEL_TYPICAL, .tail_p99_ps = 60000, .tail_p999_ps = 60000},
	 0,
	 true},
};
#define N_STATED (sizeof(stated) / sizeof(stated[0]))

static void test_what_a_memdev_states_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_STATED; i++) {
		struct cxms_topo *t = load("", stated[i].text);
		assert_memory(&t->dev[0].memory, &stated[i].want);
		assert_int_equal(n_assumed_below(t, "devices.m.model."), stated[i].n_assumed);
		cxms_topo_free(t);
	}
}

static void test_what_local_dram_states_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_STATED; i++) {
		if (!stated[i].local)
			continue;
		struct cxms_topo *t = load(stated[i].text, "");
		assert_memory(&t->host.local_memory, &stated[i].want);
		assert_int_equal(t->dev[0].memory.model, CXMS_MODEL_TYPICAL);
		cxms_topo_free(t);
	}
}

static void test_a_word_alone_assumes_its_figures(void **state)
{
	(void)state;
	const struct cxms_memory queue = {
		.model = CXMS_MODEL_QUEUE, .channels = 8, .turnaround_ps = 10000};
	const struct cxms_memory bank = {
		.model = CXMS_MODEL_BANK, .channels = 2, .ranks = 1, .dram = &ddr5_4800};
	struct cxms_topo *t = load(", model: queue", ", model: bank");
	assert_memory(&t->host.local_memory, &queue);
	assert_memory(&t->dev[0].memory, &bank);
	assert_string_equal(assumed(t, "host.local.model.channels")->value, "8");
	assert_string_equal(assumed(t, "host.local.model.turnaround")->value, "10ns");
	assert_string_equal(assumed(t, "devices.m.model.channels")->value, "2");
	assert_string_equal(assumed(t, "devices.m.model.dram")->value, "ddr5-4800");
	assert_string_equal(assumed(t, "devices.m.model.page")->value, "open");
	assert_string_equal(assumed(t, "devices.m.model.ranks")->value, "1");
	for (size_t i = 0; i < t->n_assumed; i++)
		if (strstr(t->assumed[i].key, ".model."))
			assert_int_equal(strncmp(t->assumed[i].reason, "not stated; ", 12), 0);
	cxms_topo_free(t);
}

/* Channels bound what a bank model passes: twice the channels, twice the bandwidth. */
static void test_bandwidth_of_banks_is_that_of_their_channels(void **state)
{
	(void)state;
	for (size_t i = 0; topo_dram(i); i++) {
		const struct cxms_dram *d = topo_dram(i);
		char model[96];
		for (uint32_t channels = 1; channels <= 64; channels *= 4) {
			snprintf(model, sizeof(model),
				 ", model: {type: bank, dram: %s, channels: %u}", d->name,
				 channels);
			struct cxms_topo *t = load(model, model);
			assert_int_equal(t->dev[0].bw.total, channels * d->bytes_per_s);
			assert_int_equal(t->dev[0].bw.read, CXMS_UNLIMITED);
			assert_memory_equal(&t->host.local_bw, &t->dev[0].bw, sizeof(t->dev[0].bw));
			assert_non_null(assumed(t, "devices.m.bandwidth"));
			assert_non_null(assumed(t, "host.local.bandwidth"));
			cxms_topo_free(t);
		}
	}
	struct cxms_topo *t =
		load(", model: bank, bandwidth: 307.2GB/s",
		     ", model: bank, bandwidth: {read: 76.8GB/s, write: 30GB/s, total: "
		     "unlimited}");
	assert_int_equal(t->host.local_bw.total, 307200000000);
	assert_int_equal(t->dev[0].bw.read, 76800000000);
	assert_int_equal(t->dev[0].bw.total, CXMS_UNLIMITED);
	assert_null(assumed(t, "devices.m.bandwidth"));
	cxms_topo_free(t);
}

/* What holds for every DRAM part, whatever its bin. */
static void test_dram_timings_are_consistent(void **state)
{
	(void)state;
	size_t n = 0;
	for (const struct cxms_dram *d = topo_dram(0); d; d = topo_dram(++n)) {
		unsigned type = 0, mega = 0;
		assert_int_equal(sscanf(d->name, "ddr%u-%u", &type, &mega), 2);
		/* 8 bytes a transfer; names are rounded to a million transfers a second */
		assert_in_range(d->bytes_per_s, 8000000ull * mega, 8000000ull * (mega + 1));
		uint64_t clock_ps = 16000000000000 / d->bytes_per_s;
		uint64_t burst_ps = 64000000000000 / d->bytes_per_s;
		/* whole clocks, up to the rounding of a picosecond a clock */
		assert_true(d->cl_ps % clock_ps <= 60 || clock_ps - d->cl_ps % clock_ps <= 60);
		assert_true(d->rcd_ps % clock_ps <= 60 || clock_ps - d->rcd_ps % clock_ps <= 60);
		assert_true(d->rcd_ps == d->rp_ps && d->rcd_ps <= d->cl_ps);
		assert_in_range(d->cl_ps, 13500, 17000); /* 13.75 to 16.7 ns in all these bins */
		assert_true(d->ras_ps > d->rcd_ps + burst_ps);
		assert_true(d->rtw_ps > burst_ps);
		assert_true(d->wtr_ps < d->wr_ps);
		assert_true(d->banks == (type == 4 ? 16 : 64));
		assert_int_equal(d->row_bytes & (d->row_bytes - 1), 0);
		/* refresh takes less than a tenth of the time */
		assert_true(d->rfc_ps * 10 < d->refi_ps);
		for (size_t j = 0; j < n; j++)
			assert_string_not_equal(d->name, topo_dram(j)->name);
	}
	assert_int_equal(n, 7);
}

static void test_the_bridge_is_unlimited_until_stated(void **state)
{
	(void)state;
	struct cxms_topo *t = load("", "");
	assert_int_equal(t->host.bridge_bw.read, CXMS_UNLIMITED);
	assert_int_equal(t->host.bridge_bw.total, CXMS_UNLIMITED);
	cxms_topo_free(t);
	t = load("}\n  bridge: {bandwidth: {read: 200GB/s, write: 100GB/s, total: 250GB/s}", "");
	assert_int_equal(t->host.bridge_bw.read, 200000000000);
	assert_int_equal(t->host.bridge_bw.write, 100000000000);
	assert_int_equal(t->host.bridge_bw.total, 250000000000);
	assert_null(assumed(t, "host.bridge.bandwidth"));
	cxms_topo_free(t);
}

static void assert_shown_and_read_again(const struct cxms_topo *t)
{
	struct cxms_topo *again = shown_and_read_again(t);
	assert_memory(&again->dev[0].memory, &t->dev[0].memory);
	assert_memory(&again->host.local_memory, &t->host.local_memory);
	assert_memory_equal(&again->host.bridge_bw, &t->host.bridge_bw, sizeof(t->host.bridge_bw));
	assert_memory_equal(&again->dev[0].bw, &t->dev[0].bw, sizeof(t->dev[0].bw));
	assert_int_equal(n_assumed_below(again, "devices.m.model"), 0);
	cxms_topo_free(again);
}

static void test_show_loads_back_to_the_same_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_STATED; i++) {
		struct cxms_topo *t = load(stated[i].local ? stated[i].text : "", stated[i].text);
		assert_shown_and_read_again(t);
		cxms_topo_free(t);
	}
	struct cxms_topo *t = load("}\n  bridge: {bandwidth: 99GB/s", ", model: bank");
	assert_shown_and_read_again(t);
	cxms_topo_free(t);
}

static void not_frequency(void *arg, const struct cxms_ignored *key)
{
	(void)arg;
	assert_string_not_equal(key->key, "host.cpu.frequency");
	assert_null(strstr(key->key, "model"));
	assert_null(strstr(key->key, "bridge"));
}

/* A turnaround in cycles makes the core's frequency matter. */
static void test_models_are_used_by_every_source(void **state)
{
	(void)state;
	struct cxms_topo *t =
		load("", ", bandwidth: 30GB/s, model: {type: queue, turnaround: 16cyc}");
	cxms_topo_ignored(t, CXMS_TOPO_FOR_SAMPLED, true, not_frequency, NULL);
	cxms_topo_free(t);
}

/* A frequency that nobody stated is assumed for a sampled source only where a key of its has cyc.
 */
static void test_the_assumed_frequency_is_listed_where_it_counts(void **state)
{
	static const char *const latency[] = {"250ns", "750cyc"};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct cxms_topo *t = NULL;
		char text[512];
		snprintf(text, sizeof(text),
			 "schema: 1\nhost:\n  local: {latency: 107ns}\n  caches: {l1d: {size: "
			 "32KiB, "
			 "ways: 8, latency: 4cyc}}\ndevices:\n  m: {type: memdev, upstream: host, "
			 "latency: %s, capacity: 1GiB}\n",
			 latency[i]);
		assert_int_equal(cxms_topo_load_mem("test.yaml", text, strlen(text), &t, NULL), 0);
		const struct cxms_assumed *a = assumed(t, "host.cpu.frequency");
		assert_non_null(a);
		assert_int_equal(a->exact_only, i == 0);
		cxms_topo_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_memdev_states_is_read),
		cmocka_unit_test(test_what_local_dram_states_is_read),
		cmocka_unit_test(test_a_word_alone_assumes_its_figures),
		cmocka_unit_test(test_bandwidth_of_banks_is_that_of_their_channels),
		cmocka_unit_test(test_dram_timings_are_consistent),
		cmocka_unit_test(test_the_bridge_is_unlimited_until_stated),
		cmocka_unit_test(test_show_loads_back_to_the_same_memory),
		cmocka_unit_test(test_models_are_used_by_every_source),
		cmocka_unit_test(test_the_assumed_frequency_is_listed_where_it_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
