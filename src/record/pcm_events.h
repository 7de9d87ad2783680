/* Rows of Intel PCM as counters of a recording. */
#ifndef CXMS_RECORD_PCM_EVENTS_H
#define CXMS_RECORD_PCM_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "source/pcm_read.h"
#include "trace/event.h"

struct cxms_err;

#define CXMS_PCM_EVENTS_MAX ((CXMS_PCM_SOCKETS + 1) * CXMS_PCM_WHAT_COUNT)

/** struct cxms_pcm_events - zeroed is closed */
struct cxms_pcm_events {
	struct cxms_pcm *pcm;
	uint64_t begin_ns; /* CLOCK_REALTIME when the recording began */
	uint64_t rows;	   /* that fell into the recording */
};

/** cxms_pcm_events_open() - 0 or -errno */
int cxms_pcm_events_open(struct cxms_pcm_events *p, const char *path, struct cxms_err *err);
/** definitions of the counters: CXMS_PCM_WHAT_COUNT of them, numbers from 0 on */
void cxms_pcm_events_define(struct cxms_event out[CXMS_PCM_WHAT_COUNT]);
/** time 0 of the recording is now */
void cxms_pcm_events_begin(struct cxms_pcm_events *p);
/**
 * cxms_pcm_events_poll() - counts of the next row that is there
 * Of an interval that began before the recording the part within it.
 * @out: CXMS_PCM_EVENTS_MAX events; *n of them filled, 0 = no row now
 * Return: 0, or an error of cxms_pcm_poll()
 */
int cxms_pcm_events_poll(struct cxms_pcm_events *p, struct cxms_event *out, size_t *n,
			 struct cxms_err *err);
void cxms_pcm_events_close(struct cxms_pcm_events *p);

#endif
