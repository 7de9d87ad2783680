#include "sim/hw_report.h"

#include <stddef.h>

#include "core/predict.h"
#include "sim/hw_events.h"
#include "sim/recording.h"

/* Counts of under half of the time: what happened meanwhile may have been something else. */
#define TURNS_RATIO 0.5

static bool is_counted(const struct cxms_hw *hw, size_t member)
{
	for (size_t i = 0; i < hw->n_count; i++)
		if (hw->counter[hw->count[i].counter].role == (int)member)
			return true;
	return false;
}

void cxms_hw_judge(const struct cxms_recording *rec, struct cxms_warnings *out)
{
	const struct cxms_hw *hw = &rec->hw;
	if (!hw->cells)
		return;
	if (!is_counted(hw, offsetof(struct cxms_counts, stalls_l3)))
		cxms_warn(out, CXMS_W_NO_STALLS, "accesses were sampled, but stalls not counted");
	else if (!cxms_predictor_holds(&rec->facts.predictor))
		cxms_warn(out, CXMS_W_UNCALIBRATED, "the machine that recorded is not calibrated");
	if (hw->n_count > 0 && hw->least_running < TURNS_RATIO)
		cxms_warn(out, CXMS_W_IN_TURNS, "a counter ran for %.0f %% of the time only",
			  100 * hw->least_running);
}

void cxms_hw_assumed(const struct cxms_recording *rec, struct cxms_result *out)
{
	static const struct cxms_assumed off_chip = {
		"model.off_chip", "0.5", "share of cache and store stalls that leave the LLC",
		false};
	const struct cxms_hw *hw = &rec->hw;
	bool waits = is_counted(hw, offsetof(struct cxms_counts, bound_on_stores)) ||
		     is_counted(hw, offsetof(struct cxms_counts, fb_hit));
	if (hw->cells && waits && !is_counted(hw, offsetof(struct cxms_counts, demand_rd)) &&
	    out->n_assumed < CXMS_MODEL_ASSUMED)
		out->assumed[out->n_assumed++] = off_chip;
}
