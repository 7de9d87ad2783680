/* One row of the result: a topology, a policy and a share, evaluated with its interval. */
#ifndef CXMS_SIM_SPLIT_H
#define CXMS_SIM_SPLIT_H

#include "sim/evidence.h"
#include "sim/fabric.h"
#include "sim/load.h"
#include "sim/place_split.h"
#include "sim/replay.h"
#include "sim/world.h"

struct cxms_cells;
struct cxms_recording;

/** struct cxms_stage - what all splits of one program on one topology share; halves by enum
 * cxms_half */
struct cxms_stage {
	const struct cxms_replay_cfg *cfg;
	const struct cxms_recording *rec;
	const struct cxms_cells *cells;
	const struct cxms_evidence *ev;
	const struct cxms_fabric *fabric;
	size_t host;	  /* of the fabric, that the program runs on */
	const char *name; /* of the host; NULL when there is one only */
	size_t n_page;
	struct cxms_policy_page *page; /* heat is set for the half that ranks */
	double *heat[2];   /* [half A, half B][page]: exposed waits of that half's samples */
	double *square[2]; /* the same: sum of each sample's waits squared */
	struct cxms_world base[3]; /* everything local, by enum cxms_half */
	bool base_ready[3];
	struct cxms_warnings *warnings;
};

/** cxms_stage_init() - @out->cfg .. fabric and warnings are set by the caller; 0 or -ENOMEM */
int cxms_stage_init(struct cxms_stage *out, struct cxms_err *err);
void cxms_stage_fini(struct cxms_stage *s);
/** cxms_stage_base() - everything local, of all samples or one half; borrowed until fini */
int cxms_stage_base(struct cxms_stage *s, enum cxms_half half, const struct cxms_world **out,
		    struct cxms_err *err);
/**
 * cxms_split_run() - fill @out; its arrays are allocated, also when it fails
 * @s: @n programs that run at the same time, each on its own host of one fabric
 * With several of them the row is that of the set: until the last one ends, with the causes of that
 * one; each of them is judged in out->tenant. 0 or -ENOMEM
 */
int cxms_split_run(struct cxms_stage *s, size_t n, const struct cxms_policy_ops *policy,
		   double asked_pct, struct cxms_split_result *out, struct cxms_err *err);

#endif
