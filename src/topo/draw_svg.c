#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fmt.h"
#include "topo/draw.h"
#include "topo/topo_priv.h"

/* Pixels. A glyph of a 12 px monospace font is 7.3 wide at most, of a 10 px one 6.1. */
enum {
	MAX_LINES = 14, /* 5 of the figures, 9 of draw_more.c */
	MAX_CHARS = 80,
	GLYPH_TENTHS = 73,
	SMALL_GLYPH_TENTHS = 61,
	LINE_HEIGHT = 16,
	PAD = 10,
	ROW_GAP = 26,
	ELBOW = 18,
	MARGIN = 20,
	TITLE_HEIGHT = 36,
	MAX_PORTS = 256 + CXMS_TOPO_MAX_DEVICES,
	MAX_NODES = 1 + 2 * CXMS_TOPO_MAX_DEVICES,
	MAX_COLUMNS = CXMS_TOPO_MAX_DEVICES + 2,
};

struct box {
	int parent, column;
	int top, height;
	int n_line;
	char line[MAX_LINES][MAX_CHARS];
	char edge[MAX_CHARS]; /* beside the line to the parent */
	char load[MAX_CHARS]; /* below it */
	bool binding, edge_binding;
	const char *fill;
};

struct picture {
	const struct cxms_topo *t;
	const struct cxms_draw_load *load; /* NULL = none */
	struct box *box;
	int n_box;
	int next_top; /* first free row of boxes */
	int left[MAX_COLUMNS], width[MAX_COLUMNS], gap[MAX_COLUMNS];
	int n_column;
};

static int at_least(int a, int b)
{
	return a > b ? a : b;
}

static void put_xml(struct cxms_buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '<')
			cxms_buf_printf(out, "&lt;");
		else if (*s == '>')
			cxms_buf_printf(out, "&gt;");
		else if (*s == '&')
			cxms_buf_printf(out, "&amp;");
		else if (*s == '"')
			cxms_buf_printf(out, "&quot;");
		else
			cxms_buf_put(out, s, 1);
	}
}

static struct box *add_box(struct picture *p, int parent, const char *fill)
{
	struct box *b = &p->box[p->n_box++];
	b->parent = parent;
	b->column = parent < 0 ? 0 : p->box[parent].column + 1;
	b->fill = fill;
	b->top = p->next_top;
	if (b->column >= p->n_column)
		p->n_column = b->column + 1;
	return b;
}

static char *next_line(struct box *b)
{
	return b->line[b->n_line++];
}

static void add_rate(struct box *b, const char *what, uint64_t rate)
{
	char text[CXMS_FMT_MAX];
	if (rate != CXMS_UNLIMITED)
		snprintf(next_line(b), MAX_CHARS, "%s %s", cxms_fmt_rate(text, (double)rate), what);
}

static void add_bandwidth(struct box *b, const struct cxms_bw *bw)
{
	add_rate(b, "read", bw->read);
	add_rate(b, "write", bw->write);
	add_rate(b, "total", bw->total);
}

/* Each line of @more as one of the box; frees it. */
static void add_more(struct box *b, struct cxms_buf *more)
{
	const char *at = cxms_buf_text(more);
	while (*at && b->n_line < MAX_LINES) {
		int len = (int)strcspn(at, "\n"), cut = len < MAX_CHARS ? len : MAX_CHARS - 1;
		while (cut < len && cut > 0 && ((unsigned char)at[cut] & 0xc0) == 0x80)
			cut--; /* not within a letter of UTF-8 */
		snprintf(next_line(b), MAX_CHARS, "%.*s", cut, at);
		at += len + (at[len] != '\0');
	}
	cxms_buf_fini(more);
}

static void fill_host(struct box *b, const struct cxms_topo *t, const struct cxms_draw_load *load)
{
	const struct cxms_host *h = &t->host;
	struct cxms_buf text = {0}, more = {0};
	topo_put_local(&text, h);
	snprintf(next_line(b), MAX_CHARS, "host");
	snprintf(next_line(b), MAX_CHARS, "%s", cxms_buf_text(&text));
	add_bandwidth(b, &h->local_bw);
	cxms_buf_fini(&text);
	topo_more_host(t, load, &more);
	add_more(b, &more);
	b->binding = load && (load->local.binding || load->bridge.binding);
}

static void fill_link(struct box *b, const struct cxms_topo *t, const struct cxms_draw_load *load,
		      int i)
{
	struct cxms_buf text = {0};
	topo_put_link(&text, &t->dev[i].link);
	snprintf(b->edge, MAX_CHARS, "%s", cxms_buf_text(&text));
	cxms_buf_clear(&text);
	topo_more_link(i, load, &text);
	snprintf(b->load, MAX_CHARS, "%s", cxms_buf_text(&text));
	cxms_buf_fini(&text);
	b->edge_binding = topo_is_binding(i, load);
	b->binding = load && (load->dev[i].inside.binding || load->dev[i].medium.binding);
}

static void fill_device(struct box *b, const struct cxms_topo *t, const struct cxms_draw_load *load,
			int i)
{
	const struct cxms_dev *d = &t->dev[i];
	struct cxms_buf more = {0};
	char time[CXMS_FMT_MAX], bytes[CXMS_FMT_MAX];
	snprintf(next_line(b), MAX_CHARS, "%s", d->name);
	fill_link(b, t, load, i);
	if (d->type == CXMS_DEV_SWITCH)
		snprintf(next_line(b), MAX_CHARS, "switch +%s",
			 cxms_fmt_time_ps(time, d->latency_ps));
	else
		snprintf(next_line(b), MAX_CHARS, "%s, idle %s",
			 cxms_fmt_bytes(bytes, d->capacity_bytes),
			 cxms_fmt_time_ps(time, cxms_topo_idle_ps(t, i)));
	add_bandwidth(b, &d->bw);
	topo_more_device(t, i, load, &more);
	add_more(b, &more);
}

/*
 * Leaves stand below one another; a box with children in the middle of them. Where it is higher
 * than they are, it moves down with them to stay below what was drawn before (b->top so far).
 */
static void place(struct picture *p, int at, int last_child)
{
	struct box *b = &p->box[at];
	int start = b->top;
	b->height = b->n_line * LINE_HEIGHT + 2 * PAD - 4;
	if (last_child >= 0) {
		const struct box *first = &p->box[at + 1], *last = &p->box[last_child];
		int middle = (first->top + first->height / 2 + last->top + last->height / 2) / 2;
		b->top = middle - b->height / 2;
	}
	int down = start - b->top;
	if (down > 0) {
		for (int i = at; i < p->n_box; i++)
			p->box[i].top += down;
		p->next_top += down;
	}
	p->next_top = at_least(p->next_top, b->top + b->height + ROW_GAP);
}

/* The first child follows its parent in box[]. Returns the index of the new box. */
static int add_device(struct picture *p, int dev, int parent)
{
	int at = p->n_box, last = -1;
	const struct cxms_topo *t = p->t;
	bool memdev = t->dev[dev].type == CXMS_DEV_MEMDEV;
	fill_device(add_box(p, parent, memdev ? "#e3f1e1" : "#fdf0d5"), t, p->load, dev);
	for (size_t i = 0; i < t->n_dev; i++)
		if (t->dev[i].upstream == dev)
			last = add_device(p, (int)i, at);
	place(p, at, last);
	return at;
}

static int add_port(struct picture *p, int port)
{
	const struct cxms_topo *t = p->t;
	int at = p->n_box, last = -1;
	struct box *b = add_box(p, 0, "#eeeeee");
	snprintf(next_line(b), MAX_CHARS, "root port %d", port);
	for (size_t i = 0; i < t->n_dev; i++)
		if (t->dev[i].upstream == CXMS_TOPO_HOST && t->dev[i].root_port == port)
			last = add_device(p, (int)i, at);
	place(p, at, last);
	return at;
}

static void add_all(struct picture *p)
{
	const struct cxms_topo *t = p->t;
	bool used[MAX_PORTS] = {false};
	int last = -1;
	for (size_t i = 0; i < t->n_dev; i++)
		if (t->dev[i].root_port >= 0)
			used[t->dev[i].root_port] = true;
	fill_host(add_box(p, -1, "#dde8f7"), t, p->load);
	for (int port = 0; port < MAX_PORTS; port++)
		if (used[port])
			last = add_port(p, port);
	place(p, 0, last);
}

static int text_width(const char *s, int glyph_tenths)
{
	return ((int)strlen(s) * glyph_tenths + 9) / 10;
}

static void measure(struct picture *p)
{
	for (int i = 0; i < p->n_box; i++) {
		const struct box *b = &p->box[i];
		int *width = &p->width[b->column], *gap = &p->gap[b->column];
		for (int l = 0; l < b->n_line; l++)
			*width = at_least(*width, text_width(b->line[l], GLYPH_TENTHS) + 2 * PAD);
		int label = at_least(text_width(b->edge, SMALL_GLYPH_TENTHS),
				     text_width(b->load, SMALL_GLYPH_TENTHS));
		*gap = at_least(*gap, label + ELBOW + 2 * PAD);
	}
	p->left[0] = MARGIN;
	for (int c = 1; c < p->n_column; c++)
		p->left[c] = p->left[c - 1] + p->width[c - 1] + p->gap[c];
}

static void put_label(struct cxms_buf *out, const char *text, int x, int y)
{
	if (!text[0])
		return;
	cxms_buf_printf(out, "<text class=\"link\" x=\"%d\" y=\"%d\">", x, y);
	put_xml(out, text);
	cxms_buf_printf(out, "</text>\n");
}

static void put_edge(struct cxms_buf *out, const struct picture *p, const struct box *b)
{
	const struct box *up = &p->box[b->parent];
	int from = p->left[up->column] + p->width[up->column];
	int y = b->top + b->height / 2;
	cxms_buf_printf(out, "<path%s d=\"M%d %dh%dV%dH%d\"/>\n",
			b->edge_binding ? " class=\"binding\"" : "", from, up->top + up->height / 2,
			ELBOW, y, p->left[b->column]);
	put_label(out, b->edge, from + ELBOW + PAD, y - 5);
	put_label(out, b->load, from + ELBOW + PAD, y + 12);
}

static void put_box(struct cxms_buf *out, const struct picture *p, const struct box *b)
{
	int left = p->left[b->column];
	cxms_buf_printf(
		out,
		"<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\" fill=\"%s\"%s/>\n",
		left, b->top, p->width[b->column], b->height, b->fill,
		b->binding ? " class=\"binding\"" : "");
	for (int i = 0; i < b->n_line; i++) {
		cxms_buf_printf(out, "<text%s x=\"%d\" y=\"%d\">", i ? "" : " class=\"name\"",
				left + PAD, b->top + PAD + 10 + i * LINE_HEIGHT);
		put_xml(out, b->line[i]);
		cxms_buf_printf(out, "</text>\n");
	}
}

static void put_title(struct cxms_buf *out, const struct picture *p)
{
	cxms_buf_printf(out, "<text class=\"title\" x=\"%d\" y=\"%d\">", MARGIN, TITLE_HEIGHT);
	put_xml(out, p->t->name);
	cxms_buf_printf(out, "</text>\n");
	if (!p->load)
		return;
	cxms_buf_printf(out, "<text x=\"%d\" y=\"%d\">", MARGIN, TITLE_HEIGHT + LINE_HEIGHT + 4);
	put_xml(out, p->load->title);
	cxms_buf_printf(out, "</text>\n");
}

static void put_picture(struct cxms_buf *out, const struct picture *p)
{
	int last = p->n_column - 1;
	int text = at_least(text_width(p->t->name, 10 * LINE_HEIGHT * 6 / 10),
			    p->load ? text_width(p->load->title, GLYPH_TENTHS) : 0);
	int width = at_least(p->left[last] + p->width[last], MARGIN + text) + MARGIN;
	int height = p->next_top - ROW_GAP + MARGIN;
	cxms_buf_printf(out,
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
			"viewBox=\"0 0 %d %d\">\n"
			"<style>text{font:12px monospace;fill:#222}.name{font-weight:bold}"
			".link{font-size:10px}.title{font-size:16px;font-weight:bold}"
			"rect{stroke:#555}path{stroke:#555;fill:none}"
			".binding{stroke:#c00;stroke-width:3}</style>\n"
			"<rect width=\"%d\" height=\"%d\" style=\"fill:#fff;stroke:none\"/>\n",
			width, height, width, height, width, height);
	put_title(out, p);
	for (int i = 1; i < p->n_box; i++)
		put_edge(out, p, &p->box[i]);
	for (int i = 0; i < p->n_box; i++)
		put_box(out, p, &p->box[i]);
	cxms_buf_printf(out, "</svg>\n");
}

void topo_draw_svg(const struct cxms_topo *t, const struct cxms_draw_load *load,
		   struct cxms_buf *out)
{
	struct picture p = {
		.t = t, .load = load, .next_top = TITLE_HEIGHT + MARGIN + (load ? LINE_HEIGHT : 0)};
	p.box = calloc(MAX_NODES, sizeof(*p.box));
	if (!p.box) {
		out->failed = true;
		return;
	}
	add_all(&p);
	measure(&p);
	put_picture(out, &p);
	free(p.box);
}
