#include "record/pcm_events.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/units.h"

int cxms_pcm_events_open(struct cxms_pcm_events *p, const char *path, struct cxms_err *err)
{
	memset(p, 0, sizeof(*p));
	return cxms_pcm_open(path, &p->pcm, err);
}

void cxms_pcm_events_define(struct cxms_event out[CXMS_PCM_WHAT_COUNT])
{
	for (uint32_t w = 0; w < CXMS_PCM_WHAT_COUNT; w++) {
		out[w] = (struct cxms_event){.kind = CXMS_EV_COUNTER};
		out[w].counter =
			(struct cxms_counter){.id = w,
					      .scope = CXMS_SCOPE_BOX,
					      .unit = CXMS_COUNT_BYTES,
					      .name = cxms_pcm_name((enum cxms_pcm_what)w)};
	}
}

void cxms_pcm_events_begin(struct cxms_pcm_events *p)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	p->begin_ns = (uint64_t)now.tv_sec * CXMS_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* The counts of a row. Returns their number, 0 for a row from before the recording. */
static size_t events_of(const struct cxms_pcm_row *row, uint64_t begin_ns, struct cxms_event *out)
{
	uint64_t from_ns = row->from_ns > begin_ns ? row->from_ns : begin_ns;
	size_t n = 0;

	if (row->to_ns <= from_ns)
		return 0;
	double part = (double)(row->to_ns - from_ns) / (double)(row->to_ns - row->from_ns);
	for (uint32_t s = 0; s <= CXMS_PCM_SYSTEM; s++)
		for (uint32_t w = 0; w < CXMS_PCM_WHAT_COUNT; w++) {
			if (row->bytes[s][w] < 0)
				continue;
			struct cxms_event *ev = &out[n++];
			*ev = (struct cxms_event){.kind = CXMS_EV_COUNT,
						  .time_ns = row->to_ns - begin_ns};
			ev->count = (struct cxms_count){
				.value = (uint64_t)llround(row->bytes[s][w] * part),
				.enabled_ns = row->to_ns - from_ns,
				.running_ns = row->to_ns - from_ns,
				.counter = w,
				.cpu = s};
		}
	return n;
}

int cxms_pcm_events_poll(struct cxms_pcm_events *p, struct cxms_event *out, size_t *n,
			 struct cxms_err *err)
{
	struct cxms_pcm_row row;
	int rc;

	*n = 0;
	do {
		rc = cxms_pcm_poll(p->pcm, &row, err);
		if (rc == 1)
			*n = events_of(&row, p->begin_ns, out);
	} while (rc == 1 && *n == 0);
	p->rows += *n > 0;
	return rc < 0 ? rc : 0;
}

void cxms_pcm_events_close(struct cxms_pcm_events *p)
{
	cxms_pcm_free(p->pcm);
	memset(p, 0, sizeof(*p));
}
