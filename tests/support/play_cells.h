/* A played recording cut into cells, with room for each cell's new times. */
#ifndef CXMS_TESTS_PLAY_CELLS_H
#define CXMS_TESTS_PLAY_CELLS_H

#include "play.h"
#include "sim/cells.h"
#include "sim/recording.h"
#include "sim/timeline.h"

struct play_cells {
	struct cxms_recording rec;
	struct cxms_cells cells;
	struct cxms_new_cell *cell;
};

static inline void play_cells_load(struct play_cells *c, struct play *p, uint64_t epoch_ns)
{
	struct cxms_trace_reader *r = NULL;
	int fd = play_write(p, true);
	assert_int_equal(cxms_trace_reader_open_fd(fd, "memory", &r, NULL), 0);
	assert_int_equal(cxms_recording_load(r, &c->rec, NULL), 0);
	assert_int_equal(cxms_cells_build(&c->rec, epoch_ns, &c->cells, NULL), 0);
	c->cell = calloc(c->cells.n, sizeof(*c->cell));
	assert_non_null(c->cell);
	cxms_trace_reader_close(r);
	close(fd);
}

static inline void play_cells_fini(struct play_cells *c)
{
	free(c->cell);
	cxms_cells_fini(&c->cells);
	cxms_recording_fini(&c->rec);
}

#endif
