#include "base/buf.h"
#include "base/fmt.h"
#include "topo/draw.h"
#include "topo/topo_priv.h"

/* Text inside a quoted dot string. */
static void put_escaped(struct cxms_buf *out, const char *s)
{
	for (; *s; s++)
		cxms_buf_printf(out, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
}

/* Lines of @more inside a label, each after a line break; frees it. */
static void put_more(struct cxms_buf *out, struct cxms_buf *more)
{
	const char *at = cxms_buf_text(more);
	for (; *at; at++) {
		if (at == cxms_buf_text(more) || at[-1] == '\n')
			cxms_buf_printf(out, "\\n");
		if (*at != '\n')
			cxms_buf_printf(out, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
	}
	if (more->failed)
		out->failed = true;
	cxms_buf_fini(more);
}

static const char *mark(bool binding)
{
	return binding ? ", color=red, penwidth=3" : "";
}

static void put_node(struct cxms_buf *out, const struct cxms_topo *t,
		     const struct cxms_draw_load *load, int i)
{
	struct cxms_buf more = {0};
	bool binding = load && load->dev[i].inside.binding;
	const struct cxms_dev *d = &t->dev[i];
	char time[CXMS_FMT_MAX], bytes[CXMS_FMT_MAX], idle[CXMS_FMT_MAX];
	cxms_fmt_time_ps(time, d->latency_ps);
	cxms_buf_printf(out, "\t\"dev:%s\" [label=\"%s\\n", d->name, d->name);
	if (d->type == CXMS_DEV_SWITCH) {
		cxms_buf_printf(out, "switch +%s", time);
		topo_more_device(t, i, load, &more);
		put_more(out, &more);
		cxms_buf_printf(out, "\", shape=hexagon%s];\n", mark(binding));
		return;
	}
	cxms_buf_printf(out, "%s, %s\\n", cxms_fmt_bytes(bytes, d->capacity_bytes), time);
	topo_put_bw(out, &d->bw);
	cxms_buf_printf(out, "\\nidle %s", cxms_fmt_time_ps(idle, cxms_topo_idle_ps(t, i)));
	topo_more_device(t, i, load, &more);
	put_more(out, &more);
	cxms_buf_printf(out, "\", shape=box%s];\n", mark(binding));
}

static void put_edge(struct cxms_buf *out, const struct cxms_topo *t,
		     const struct cxms_draw_load *load, int i)
{
	const struct cxms_dev *d = &t->dev[i];
	struct cxms_buf more = {0};
	if (d->upstream == CXMS_TOPO_HOST)
		cxms_buf_printf(out, "\t\"port:%d\"", d->root_port);
	else
		cxms_buf_printf(out, "\t\"dev:%s\"", t->dev[d->upstream].name);
	cxms_buf_printf(out, " -> \"dev:%s\" [dir=none, label=\"", d->name);
	topo_put_link(out, &d->link);
	topo_more_link(i, load, &more);
	put_more(out, &more);
	cxms_buf_printf(out, "\"%s];\n", mark(topo_is_binding(i, load)));
}

void topo_draw_dot(const struct cxms_topo *t, const struct cxms_draw_load *load,
		   struct cxms_buf *out)
{
	struct cxms_buf more = {0};
	bool binding = load && (load->local.binding || load->bridge.binding);
	bool drawn[256 + CXMS_TOPO_MAX_DEVICES] = {false}; /* root ports */
	cxms_buf_printf(out, "digraph topology {\n\trankdir=LR;\n\tlabel=\"");
	put_escaped(out, t->name);
	if (load)
		cxms_buf_printf(out, "\\n%s", load->title);
	cxms_buf_printf(out, "\";\n\t\"host\" [label=\"host\\n");
	topo_put_local(out, &t->host);
	topo_more_host(t, load, &more);
	put_more(out, &more);
	cxms_buf_printf(out, "\", shape=box%s];\n", mark(binding));
	for (size_t i = 0; i < t->n_dev; i++) {
		int port = t->dev[i].root_port;
		if (port >= 0 && !drawn[port]) {
			drawn[port] = true;
			cxms_buf_printf(out, "\t\"port:%d\" [label=\"root port %d\"];\n", port,
					port);
			cxms_buf_printf(out, "\t\"host\" -> \"port:%d\" [dir=none];\n", port);
		}
		put_node(out, t, load, (int)i);
	}
	for (size_t i = 0; i < t->n_dev; i++)
		put_edge(out, t, load, (int)i);
	cxms_buf_printf(out, "}\n");
}
