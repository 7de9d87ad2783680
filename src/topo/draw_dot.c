#include "base/buf.h"
#include "base/fmt.h"
#include "topo/topo_priv.h"

/* Text inside a quoted dot string. */
static void put_escaped(struct cxms_buf *out, const char *s)
{
	for (; *s; s++)
		cxms_buf_printf(out, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
}

static void put_node(struct cxms_buf *out, const struct cxms_topo *t, int i)
{
	const struct cxms_dev *d = &t->dev[i];
	char time[CXMS_FMT_MAX], bytes[CXMS_FMT_MAX], idle[CXMS_FMT_MAX];
	cxms_fmt_time_ps(time, d->latency_ps);
	cxms_buf_printf(out, "\t\"dev:%s\" [label=\"%s\\n", d->name, d->name);
	if (d->type == CXMS_DEV_SWITCH) {
		cxms_buf_printf(out, "switch +%s\", shape=hexagon];\n", time);
		return;
	}
	cxms_buf_printf(out, "%s, %s\\n", cxms_fmt_bytes(bytes, d->capacity_bytes), time);
	topo_put_bw(out, &d->bw);
	cxms_buf_printf(out, "\\nidle %s\", shape=box];\n",
			cxms_fmt_time_ps(idle, cxms_topo_idle_ps(t, i)));
}

static void put_edge(struct cxms_buf *out, const struct cxms_topo *t, const struct cxms_dev *d)
{
	if (d->upstream == CXMS_TOPO_HOST)
		cxms_buf_printf(out, "\t\"port:%d\"", d->root_port);
	else
		cxms_buf_printf(out, "\t\"dev:%s\"", t->dev[d->upstream].name);
	cxms_buf_printf(out, " -> \"dev:%s\" [dir=none, label=\"", d->name);
	topo_put_link(out, &d->link);
	cxms_buf_printf(out, "\"];\n");
}

void topo_draw_dot(const struct cxms_topo *t, struct cxms_buf *out)
{
	bool drawn[256 + CXMS_TOPO_MAX_DEVICES] = {false}; /* root ports */
	cxms_buf_printf(out, "digraph topology {\n\trankdir=LR;\n\tlabel=\"");
	put_escaped(out, t->name);
	cxms_buf_printf(out, "\";\n\t\"host\" [label=\"host\\n");
	topo_put_local(out, &t->host);
	cxms_buf_printf(out, "\", shape=box];\n");
	for (size_t i = 0; i < t->n_dev; i++) {
		int port = t->dev[i].root_port;
		if (port >= 0 && !drawn[port]) {
			drawn[port] = true;
			cxms_buf_printf(out, "\t\"port:%d\" [label=\"root port %d\"];\n", port,
					port);
			cxms_buf_printf(out, "\t\"host\" -> \"port:%d\" [dir=none];\n", port);
		}
		put_node(out, t, (int)i);
	}
	for (size_t i = 0; i < t->n_dev; i++)
		put_edge(out, t, &t->dev[i]);
	cxms_buf_printf(out, "}\n");
}
