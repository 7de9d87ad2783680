/* One row of the result: a topology, a policy and a share, evaluated with its interval. */
#ifndef CXMS_SIM_SPLIT_H
#define CXMS_SIM_SPLIT_H

#include <pthread.h>

#include "sim/fabric.h"
#include "sim/load.h"
#include "sim/phases.h"
#include "sim/place_split.h"
#include "sim/replay.h"
#include "sim/view.h"
#include "sim/world.h"

struct cxms_cells;
struct cxms_loads;
struct cxms_recording;

/** struct cxms_stage - what all splits of one program on one topology share; several threads may
 * use it */
struct cxms_stage {
	const struct cxms_replay_cfg *cfg;
	const struct cxms_topo *topo;
	const struct cxms_recording *rec;
	const struct cxms_cells *cells;
	const struct cxms_view *view;
	struct cxms_loads *loads;
	const struct cxms_fabric *fabric;
	size_t host;				  /* of the fabric, that the program runs on */
	const char *name;			  /* of the host; NULL when there is one only */
	pthread_mutex_t lock;			  /* of what follows, while it is made */
	struct cxms_world base[3];		  /* everything local, by enum cxms_half */
	const struct cxms_load_map *base_load[3]; /* NULL: not made yet */
};

/** cxms_stage_init() - @out->cfg .. name are set by the caller */
void cxms_stage_init(struct cxms_stage *out);
void cxms_stage_fini(struct cxms_stage *s);
/** cxms_stage_base() - everything local, of all samples or one half; borrowed until fini */
int cxms_stage_base(struct cxms_stage *s, enum cxms_half half, const struct cxms_world **out,
		    struct cxms_err *err);
/**
 * cxms_split_run() - evaluate one row
 * @s:         [n] programs that run at the same time, each on its own host of one fabric
 * @asked_pct: share of the pages that stay in local memory, 0 .. 100
 * @out:       its arrays are allocated, also when this fails
 * With several programs the row is that of the set: its time is until the last one ends, its causes
 * are those of that one. Each of them is judged in out->tenant. Return: 0 or -ENOMEM
 */
int cxms_split_run(struct cxms_stage *s, size_t n, const struct cxms_policy_ops *policy,
		   double asked_pct, struct cxms_split_result *out, struct cxms_warnings *warnings,
		   struct cxms_err *err);

#endif
