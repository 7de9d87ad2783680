/* Lines that the waits of an instruction stand for, and the work between two of its misses. */
#ifndef CXMS_SIM_TRAFFIC_H
#define CXMS_SIM_TRAFFIC_H

#include <stdbool.h>

struct cxms_evidence;
struct cxms_grain;
struct cxms_group;
struct cxms_rec_site;
struct cxms_recording;

/** cxms_is_carried() - the site's address comes from its own last load */
bool cxms_is_carried(const struct cxms_rec_site *site);
/**
 * cxms_traffic_count() - fill runs_per_stall_ns of the groups and between[] of the sites
 * After the turns, the streams and the memory shares. 0 or -ENOMEM
 */
int cxms_traffic_count(const struct cxms_recording *rec, struct cxms_evidence *ev);
/** cxms_traffic_window_turns() - turns of a counted loop that a window of @rob entries holds */
double cxms_traffic_window_turns(const struct cxms_recording *rec, const struct cxms_evidence *ev,
				 const struct cxms_group *g, unsigned rob);
/**
 * cxms_traffic_of() - known lines of a grain whose waits are set, and bounds on those waits
 * A loop-carried wait is one line; a stream's lines follow from its rate, and are fetched ahead; of
 * others executions are counted (core/demand.h). A stored line is filled and written back, past the
 * caches only written. @rob: entries of the window
 */
void cxms_traffic_of(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		     const struct cxms_group *group, unsigned rob, struct cxms_grain *out);

#endif
