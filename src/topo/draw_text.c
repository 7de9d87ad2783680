#include <string.h>

#include "base/buf.h"
#include "base/fmt.h"
#include "topo/draw.h"
#include "topo/topo_priv.h"

void topo_put_link(struct cxms_buf *out, const struct cxms_link *link)
{
	char time[CXMS_FMT_MAX];
	if (link->gen == 0) {
		cxms_buf_printf(out, "no link stated");
		return;
	}
	cxms_buf_printf(out, "Gen%u x%u %s", link->gen, link->width, topo_flit_words[link->flit]);
	if (link->latency_ps)
		cxms_buf_printf(out, " +%s", cxms_fmt_time_ps(time, link->latency_ps));
}

static void put_rate(struct cxms_buf *out, uint64_t rate, const char *what, bool *first)
{
	char text[CXMS_FMT_MAX];
	if (rate == CXMS_UNLIMITED)
		return;
	cxms_buf_printf(out, "%s%s %s", *first ? "" : ", ", cxms_fmt_rate(text, (double)rate),
			what);
	*first = false;
}

void topo_put_bw(struct cxms_buf *out, const struct cxms_bw *bw)
{
	bool first = true;
	put_rate(out, bw->read, "read", &first);
	put_rate(out, bw->write, "write", &first);
	put_rate(out, bw->total, "total", &first);
	if (first)
		cxms_buf_printf(out, "bandwidth unlimited");
}

void topo_put_local(struct cxms_buf *out, const struct cxms_host *host)
{
	char text[CXMS_FMT_MAX];
	if (host->local_latency_auto)
		cxms_buf_printf(out, "local latency as measured");
	else
		cxms_buf_printf(out, "local %s", cxms_fmt_time_ps(text, host->local_latency_ps));
	if (host->local_capacity_bytes != CXMS_UNLIMITED)
		cxms_buf_printf(out, ", %s", cxms_fmt_bytes(text, host->local_capacity_bytes));
}

static void put_device(struct cxms_buf *out, const struct cxms_topo *t, int i)
{
	const struct cxms_dev *d = &t->dev[i];
	char time[CXMS_FMT_MAX], bytes[CXMS_FMT_MAX];
	cxms_buf_printf(out, "%s: ", d->name);
	if (d->type == CXMS_DEV_SWITCH) {
		cxms_buf_printf(out, "switch, +%s, ", cxms_fmt_time_ps(time, d->latency_ps));
		topo_put_link(out, &d->link);
		if (d->bw.read != CXMS_UNLIMITED || d->bw.write != CXMS_UNLIMITED ||
		    d->bw.total != CXMS_UNLIMITED) {
			cxms_buf_printf(out, ", ");
			topo_put_bw(out, &d->bw);
		}
		cxms_buf_printf(out, "\n");
		return;
	}
	cxms_buf_printf(out, "memdev, %s, %s, ", cxms_fmt_bytes(bytes, d->capacity_bytes),
			cxms_fmt_time_ps(time, d->latency_ps));
	topo_put_link(out, &d->link);
	cxms_buf_printf(out, ", ");
	topo_put_bw(out, &d->bw);
	cxms_buf_printf(out, "; idle %s\n", cxms_fmt_time_ps(time, cxms_topo_idle_ps(t, i)));
}

/* Each line of @more below what it belongs to; empties it. */
static void put_more(struct cxms_buf *out, struct cxms_buf *indent, const char *under,
		     struct cxms_buf *more)
{
	const char *at = cxms_buf_text(more);
	while (*at) {
		int len = (int)strcspn(at, "\n");
		cxms_buf_printf(out, "%s%s%.*s\n", cxms_buf_text(indent), under, len, at);
		at += len + (at[len] != '\0');
	}
	if (more->failed)
		out->failed = true;
	cxms_buf_clear(more);
}

static void put_more_device(struct cxms_buf *out, const struct cxms_topo *t,
			    const struct cxms_draw_load *load, int dev, struct cxms_buf *indent)
{
	struct cxms_buf more = {0};
	bool parent = false;
	topo_more_device(t, dev, load, &more);
	if (load && (load->dev[dev].up.known || load->dev[dev].down.known)) {
		cxms_buf_printf(&more, "link ");
		topo_more_link(dev, load, &more);
		cxms_buf_printf(&more, "\n");
	}
	for (size_t i = 0; i < t->n_dev && !parent; i++)
		parent = t->dev[i].upstream == dev;
	put_more(out, indent, parent ? "|    " : "     ", &more);
	cxms_buf_fini(&more);
}

static bool is_child(const struct cxms_dev *d, int upstream, int root_port)
{
	return d->upstream == upstream && (upstream != CXMS_TOPO_HOST || d->root_port == root_port);
}

/* Devices below @upstream (and, below the host, @root_port), each with its own subtree. */
static void put_tree(struct cxms_buf *out, const struct cxms_topo *t,
		     const struct cxms_draw_load *load, int upstream, int root_port,
		     struct cxms_buf *indent)
{
	size_t left = 0;
	for (size_t i = 0; i < t->n_dev; i++)
		left += is_child(&t->dev[i], upstream, root_port);
	for (size_t i = 0; i < t->n_dev; i++) {
		if (!is_child(&t->dev[i], upstream, root_port))
			continue;
		size_t len = indent->len;
		left--;
		cxms_buf_printf(out, "%s%s", cxms_buf_text(indent), left ? "|- " : "`- ");
		put_device(out, t, (int)i);
		cxms_buf_printf(indent, left ? "|  " : "   ");
		put_more_device(out, t, load, (int)i, indent);
		put_tree(out, t, load, (int)i, -1, indent);
		indent->len = len;
	}
}

void topo_draw_text(const struct cxms_topo *t, const struct cxms_draw_load *load,
		    struct cxms_buf *out)
{
	struct cxms_buf indent = {0}, more = {0};
	int last = -1;
	cxms_buf_printf(out, "%s\n", t->name);
	if (load)
		cxms_buf_printf(out, "%s\n", load->title);
	cxms_buf_printf(out, "host: ");
	topo_put_local(out, &t->host);
	cxms_buf_printf(out, ", ");
	topo_put_bw(out, &t->host.local_bw);
	cxms_buf_printf(out, "\n");
	topo_more_host(t, load, &more);
	put_more(out, &indent, "|    ", &more);
	cxms_buf_fini(&more);
	for (size_t i = 0; i < t->n_dev; i++)
		if (t->dev[i].root_port > last)
			last = t->dev[i].root_port;
	for (int port = 0; port <= last; port++) {
		bool used = false;
		for (size_t i = 0; i < t->n_dev && !used; i++)
			used = is_child(&t->dev[i], CXMS_TOPO_HOST, port);
		if (!used)
			continue;
		cxms_buf_printf(out, "%s root port %d\n", port == last ? "`-" : "|-", port);
		cxms_buf_clear(&indent);
		cxms_buf_printf(&indent, port == last ? "   " : "|  ");
		put_tree(out, t, load, CXMS_TOPO_HOST, port, &indent);
	}
	if (indent.failed)
		out->failed = true;
	cxms_buf_fini(&indent);
}

void cxms_topo_draw(const struct cxms_topo *t, const struct cxms_draw_load *load,
		    enum cxms_draw_format format, struct cxms_buf *out)
{
	switch (format) {
	case CXMS_DRAW_TEXT:
		topo_draw_text(t, load, out);
		break;
	case CXMS_DRAW_DOT:
		topo_draw_dot(t, load, out);
		break;
	case CXMS_DRAW_SVG:
		topo_draw_svg(t, load, out);
		break;
	}
}
