/* Pictures of a topology: text tree, graphviz dot, SVG (drawn here, no program needed). */
#ifndef CXMS_TOPO_DRAW_H
#define CXMS_TOPO_DRAW_H

struct cxms_buf;
struct cxms_topo;

enum cxms_draw_format { CXMS_DRAW_TEXT, CXMS_DRAW_DOT, CXMS_DRAW_SVG };

/** cxms_topo_draw() - appended to @out; check out->failed for memory */
void cxms_topo_draw(const struct cxms_topo *t, enum cxms_draw_format format, struct cxms_buf *out);
/** cxms_topo_show() - every key with its value in force, as YAML that loads to the same topology;
 * assumed figures marked by comments */
void cxms_topo_show(const struct cxms_topo *t, struct cxms_buf *out);

#endif
