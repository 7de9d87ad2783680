/* Pictures of a topology: text tree, graphviz dot, SVG (drawn here, no program needed). */
#ifndef CXMS_TOPO_DRAW_H
#define CXMS_TOPO_DRAW_H

#include <stdbool.h>
#include <stddef.h>

struct cxms_buf;
struct cxms_err;
struct cxms_topo;

enum cxms_draw_format { CXMS_DRAW_TEXT, CXMS_DRAW_DOT, CXMS_DRAW_SVG };

/** struct cxms_draw_part - what a result says of one server; zero = nothing */
struct cxms_draw_part {
	bool known, binding;
	double utilization; /* of its capacity, >= 0 */
	double read_bytes_per_s, write_bytes_per_s;
	double wait_ns; /* mean of its requests; NAN = not known */
};
/** struct cxms_draw_dev - of one device: both directions of its link, what is inside, and the
 * medium behind a page buffer */
struct cxms_draw_dev {
	struct cxms_draw_part up, down, inside, medium;
};
/** struct cxms_draw_load - one row of a result, by the devices of a topology */
struct cxms_draw_load {
	char title[160]; /* "page-interleave, 50 % local: slowdown 1.42" */
	struct cxms_draw_part local, bridge;
	size_t n_dev;
	struct cxms_draw_dev dev[]; /* as cxms_topo.dev */
};

/**
 * cxms_draw_load_read() - loads from a JSON result that was evaluated with this topology
 * @split_pct: per cent local that was asked for; NAN = the row with the least that has loads
 *
 * The file is matched by the sha256 of the topology. Of several hosts each part is the busiest
 * one's, bytes are of all. Every figure is checked. Return: 0, -ENOENT, -EINVAL (no result, another
 * topology, no such row, a figure out of range; all with position where there is one), -EFBIG,
 * -ENOMEM. Owner: free(3)
 */
int cxms_draw_load_read(const struct cxms_topo *t, const char *path, double split_pct,
			struct cxms_draw_load **out, struct cxms_err *err);

/** cxms_topo_draw() - the picture, appended to @out (check out->failed for memory)
 * @load: of this topology, drawn beside; NULL = none */
void cxms_topo_draw(const struct cxms_topo *t, const struct cxms_draw_load *load,
		    enum cxms_draw_format format, struct cxms_buf *out);
/** cxms_topo_show() - every key with its value in force, as YAML that loads to the same topology;
 * assumed figures marked by comments */
void cxms_topo_show(const struct cxms_topo *t, struct cxms_buf *out);

#endif
