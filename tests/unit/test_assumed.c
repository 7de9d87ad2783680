/* Figures without a source: a report names those that its result may rest on, as the code has them.
 */
#include "play.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/bpred.h"
#include "core/collide.h"
#include "core/demand.h"
#include "core/kernel.h"
#include "core/linewait.h"
#include "core/stair.h"
#include "core/window_assumed.h"
#include "sim/assumed.h"
#include "sim/evidence.h"
#include "sim/phases.h"
#include "sim/recording.h"
#include "sim/result.h"
#include "sim/wakes.h"

#define FIXED ", model: fixed"

static const struct cxms_assumed *find(const struct cxms_result *r, const char *key)
{
	for (size_t i = 0; i < r->n_assumed; i++)
		if (!strcmp(r->assumed[i].key, key))
			return &r->assumed[i];
	return NULL;
}

static void is(const struct cxms_result *r, const char *key, double want)
{
	const struct cxms_assumed *a = find(r, key);
	if (!a || strtod(a->value, NULL) != want)
		fail_msg("%s: '%s', the code has %g", key, a ? a->value : "not listed", want);
	assert_true(a->reason[0] != '\0');
}

/* Local memory and a memdev, both of @model. */
static struct cxms_topo *topology(const char *model)
{
	char yaml[512];
	snprintf(yaml, sizeof(yaml),
		 "schema: 1\nhost:\n  local: {latency: 100ns%s}\ndevices:\n  m: {type: memdev, "
		 "upstream: host, root_port: 0, latency: 300ns, capacity: 1GiB%s}\n",
		 model, model);
	return play_topology(yaml);
}

static void test_values_are_those_of_the_code(void **state)
{
	(void)state;
	struct cxms_topo *topo = topology(FIXED);
	const struct cxms_topo *const list[] = {topo};
	struct cxms_split_result moved = {.promotions = 1};
	struct cxms_result r = {
		.engine = "epoch", .n_topo = 1, .topo = list, .n_split = 1, .split = &moved};
	struct cxms_result x = {.engine = "window", .exact = true, .n_topo = 1, .topo = list};
	struct cxms_recording rec = {.n_thread = 2, .facts.source_caps = CXMS_SRC_SWITCHES};
	struct cxms_stair stair;
	cxms_stair_init(&stair, &rec.facts, 0);
	r.basis.n_site = 1; /* a walk that waits at no use */
	cxms_assumed_sampled(&rec, &stair, &r);
	is(&r, "model.cpi_work", CXMS_ASSUMED_CPI_WORK);
	is(&r, "model.clock", CXMS_ASSUMED_CLOCK_HZ / 1e9);
	is(&r, "model.unlooped_uops", CXMS_ASSUMED_UNLOOPED_UOPS);
	is(&r, "model.recorded_mshrs", CXMS_ASSUMED_RECORDED_MSHRS);
	is(&r, "model.recorded_rob", CXMS_ASSUMED_RECORDED_ROB);
	is(&r, "model.latency_spread", CXMS_ASSUMED_LATENCY_SPREAD * 100);
	is(&r, "model.kernel_copy_ratio", CXMS_ASSUMED_KERNEL_COPY_RATIO);
	is(&r, "model.stall", CXMS_ASSUMED_STALL_NS / 1e3);
	is(&r, "model.nominal_span", stair.span);
	is(&r, "model.wake", CXMS_ASSUMED_WAKE_NS / 1e3);
	is(&r, "model.move_page", CXMS_ASSUMED_MOVE_PAGE_NS / 1e3);
	is(&r, "model.full_from", CXMS_ASSUMED_FULL_FROM);
	cxms_assumed_exact(&x);
	is(&x, "model.issue", CXMS_ASSUMED_ISSUE_CYC);
	is(&x, "model.retire", CXMS_ASSUMED_RETIRE_CYC);
	is(&x, "model.redirect", CXMS_ASSUMED_REDIRECT_CYC);
	is(&x, "model.fetch_queue", CXMS_ASSUMED_FETCH_QUEUE);
	is(&x, "model.tlb2", CXMS_ASSUMED_TLB2_CYC);
	is(&x, "model.branch_history", CXMS_BPRED_GLOBAL_BITS);
	cxms_topo_free(topo);
}

static void test_what_is_not_used_is_not_listed(void **state)
{
	(void)state;
	static const struct {
		const char *model, *engine, *key;
		bool exact, listed;
		const char *why;
	} rows[] = {
		{FIXED, "epoch", "model.load", false, false, "no shape"},
		{", model: typical", "epoch", "model.load", false, true, "the shape of devices"},
		{", model: typical", "epoch", "model.load_weight", false, false, "no requests"},
		{", model: typical", "event", "model.load_weight", false, true, "requests"},
		{"", "epoch", "model.load", false, true, "who is told nothing"},
		{"", "window", "model.load", true, false, "the same, exact: fixed"},
		{", model: typical", "window", "model.load", true, true, "stated"},
		{", model: bank", "epoch", "model.write_batch", false, true, "banks"},
		{FIXED, "epoch", "model.wake", false, false, "one thread"},
		{FIXED, "epoch", "model.stair_span", false, false, "the size was given"},
		{FIXED, "epoch", "model.nominal_span", false, false, "the same"},
		{FIXED, "epoch", "model.llc_size", false, false, "the same"},
		{FIXED, "epoch", "model.memory_latency", false, true, "not measured"},
		{FIXED, "epoch", "model.move_page", false, false, "no page moved"},
		{FIXED, "epoch", "model.full_from", false, false, "no walk"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_topo *topo = topology(rows[i].model);
		const struct cxms_topo *const list[] = {topo};
		struct cxms_result r = {.engine = rows[i].engine,
					.exact = rows[i].exact,
					.n_topo = 1,
					.topo = list};
		struct cxms_recording rec = {.n_thread = 1, .facts.source_caps = CXMS_SRC_SWITCHES};
		struct cxms_stair stair;
		cxms_stair_init(&stair, &rec.facts, 1 << 20);
		if (rows[i].exact)
			cxms_assumed_exact(&r);
		else
			cxms_assumed_sampled(&rec, &stair, &r);
		if ((find(&r, rows[i].key) != NULL) != rows[i].listed)
			fail_msg("%s: %s of '%s'", rows[i].why, rows[i].key, rows[i].model);
		cxms_topo_free(topo);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_are_those_of_the_code),
		cmocka_unit_test(test_what_is_not_used_is_not_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
