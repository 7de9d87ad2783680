/* What the loop over the uops of a run knows of them, and keeps in registers. */
#ifndef CXMS_CORE_WINDOW_LOOP_H
#define CXMS_CORE_WINDOW_LOOP_H

#include "core/window_vector.h"

/* What is true of all uops of a run: constants where the loop over them is compiled. */
struct kind {
	bool events; /* the run has some */
	bool lines;  /* instructions are fetched line by line */
	bool plain;  /* w->plain */
};

/* What the loop over uops keeps in registers. */
struct step {
	cxms_v8 dispatch, retire;	/* of the last uop */
	struct cxms_lanes *width, *rob; /* next of their rings */
	size_t event;			/* next */
	cxms_v8 late;			/* by how much stores held up the uop */
	uint32_t late_origin;		/* and which of them */
	uint32_t kinds;			/* of the run's events: bits; CXMS_KIND_BEHIND */
	uint32_t mispredicted;		/* next_mispredicted() */
	struct cxms_lanes *note;	/* the next of those who wait */
	cxms_v8 last;			/* of the book's notes */
	cxms_v8 front;			/* front_of() */
};

/* Nothing is dispatched before it, where instructions come decoded. */
CXMS_STEP cxms_v8 front_of(const struct cxms_window *w)
{
	return later(w->fetch.all, w->floor.all);
}

#endif
