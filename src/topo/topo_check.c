#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/err.h"
#include "base/near.h"
#include "topo/topo_priv.h"

static void fail_upstream(struct topo_build *b, const struct cxms_cfg_node *n)
{
	char mean[CXMS_NEAR_MEAN_MAX];
	struct cxms_near near;
	cxms_near_init(&near, n->text);
	cxms_near_try(&near, "host");
	for (size_t i = 0; i < b->t->n_dev; i++)
		if (b->dev[i].type == CXMS_DEV_SWITCH)
			cxms_near_try(&near, b->dev[i].name);
	cxms_cfg_error(&b->errs, n, false,
		       "upstream '%.*s' names no device%s; allowed: host, or a switch of 'devices'",
		       cxms_quote_len(n->text), n->text, cxms_near_mean(mean, "", near.best));
}

/* false: not resolved, and reported */
static bool find_upstream(struct topo_build *b, size_t i)
{
	struct cxms_dev *d = &b->dev[i];
	const struct cxms_cfg_node *n = cxms_cfg_get(b->dev_node[i], "upstream");
	if (!n || n->type != CXMS_CFG_SCALAR) {
		cxms_cfg_error(&b->errs, n ? n : b->dev_node[i], !n,
			       "device '%.*s' must state 'upstream': host, or the name of a switch",
			       cxms_quote_len(d->name), d->name);
		return false;
	}
	if (strcmp(n->text, "host") == 0)
		return true;
	int up = cxms_topo_find(b->t, n->text);
	if (up < 0) {
		fail_upstream(b, n);
		return false;
	}
	if (b->dev[up].type == CXMS_DEV_MEMDEV) {
		cxms_cfg_error(&b->errs, n, false,
			       "upstream '%s' is a memdev; allowed: host, or a switch of 'devices'",
			       n->text);
		return false;
	}
	d->upstream = up;
	return true;
}

static void read_root_port(struct topo_build *b, size_t i)
{
	struct cxms_dev *d = &b->dev[i];
	const struct cxms_cfg_node *n = cxms_cfg_get(b->dev_node[i], "root_port");
	uint64_t port;
	if (!n)
		return;
	if (d->upstream != CXMS_TOPO_HOST)
		cxms_cfg_error(&b->errs, n, true,
			       "'root_port' is only for devices on the host; remove it, or give "
			       "'upstream: host'");
	else if (cxms_cfg_quantity(n, CXMS_UNIT_COUNT, 0, 0, 255, &port, &b->errs))
		d->root_port = (int)port;
}

/* Devices on the host that state none get the lowest number nobody has. */
static void number_root_ports(struct topo_build *b)
{
	bool used[256 + CXMS_TOPO_MAX_DEVICES] = {false};
	int next = 0;
	for (size_t i = 0; i < b->t->n_dev; i++)
		if (b->dev[i].root_port >= 0)
			used[b->dev[i].root_port] = true;
	for (size_t i = 0; i < b->t->n_dev; i++) {
		struct cxms_dev *d = &b->dev[i];
		if (d->upstream != CXMS_TOPO_HOST || d->root_port >= 0)
			continue;
		while (used[next])
			next++;
		used[next] = true;
		d->root_port = next;
	}
}

/* Devices reached from @start before a device comes again: true when @start itself does. */
static bool on_cycle(const struct topo_build *b, int start)
{
	int at = b->dev[start].upstream;
	for (size_t step = 0; step < b->t->n_dev && at != CXMS_TOPO_HOST; step++) {
		if (at == start)
			return true;
		at = b->dev[at].upstream;
	}
	return false;
}

static void report_cycle(struct topo_build *b, int start, bool *seen)
{
	struct cxms_buf way = {0};
	int at = start;
	do {
		seen[at] = true;
		cxms_buf_printf(&way, "%s -> ", b->dev[at].name);
		at = b->dev[at].upstream;
	} while (at != start);
	cxms_buf_printf(&way, "%s", b->dev[start].name);
	cxms_cfg_error(&b->errs, cxms_cfg_get(b->dev_node[start], "upstream"), false,
		       "'upstream' runs in a circle: %s; one of them must hang on 'host'",
		       cxms_buf_text(&way));
	cxms_buf_fini(&way);
}

void topo_check_graph(struct topo_build *b)
{
	bool seen[CXMS_TOPO_MAX_DEVICES] = {false};
	for (size_t i = 0; i < b->t->n_dev; i++) {
		if (b->dev_node[i]->type == CXMS_CFG_MAP && find_upstream(b, i))
			read_root_port(b, i);
	}
	for (size_t i = 0; i < b->t->n_dev; i++)
		if (!seen[i] && on_cycle(b, (int)i))
			report_cycle(b, (int)i, seen);
	number_root_ports(b);
}

struct line {
	unsigned long row, col;
	size_t order;
	char *text;
};

static int by_position(const void *va, const void *vb)
{
	const struct line *a = va, *b = vb;
	if (a->row != b->row)
		return a->row < b->row ? -1 : 1;
	if (a->col != b->col)
		return a->col < b->col ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* Errors are found map by map; people read a file from its top. Each line is "file:row:col: what".
 */
int topo_sort_errors(const char *file, struct cxms_cfg_errors *errs)
{
	struct cxms_buf out = {0};
	size_t n = 0;
	if (!errs->text)
		return -ENOMEM;
	struct line *line = calloc(errs->n, sizeof(*line));
	if (!line)
		return -ENOMEM;
	char *rest = NULL;
	for (char *at = strtok_r(errs->text, "\n", &rest); at && n < errs->n;
	     at = strtok_r(NULL, "\n", &rest)) {
		struct line *l = &line[n];
		*l = (struct line){.order = n, .text = at};
		n++;
		if (strncmp(at, file, strlen(file)) == 0)
			sscanf(at + strlen(file), ":%9lu:%9lu:", &l->row, &l->col);
	}
	qsort(line, n, sizeof(*line), by_position);
	for (size_t i = 0; i < n; i++)
		cxms_buf_printf(&out, "%s\n", line[i].text);
	free(line);
	if (out.failed) {
		cxms_buf_fini(&out);
		return -ENOMEM;
	}
	char *text = strdup(cxms_buf_text(&out));
	cxms_buf_fini(&out);
	if (!text)
		return -ENOMEM;
	free(errs->text);
	errs->text = text;
	return 0;
}

int topo_fail_lines(const struct cxms_cfg_errors *errs, int errnum, struct cxms_err *err)
{
	enum { MORE_MAX = 32 }; /* "\n... and 100000 more" */
	size_t fit = 0, lines = 0;
	const char *text = errs->text;
	while (text[fit]) {
		size_t len = strcspn(text + fit, "\n");
		size_t room = CXMS_ERR_MSG_MAX - (text[fit + len + 1] ? MORE_MAX : 1);
		if (fit + len > room)
			break;
		fit += len + 1;
		lines++;
	}
	if (lines == 0) /* one giant line */
		return cxms_fail(err, errnum, "%.*s", (int)strcspn(text, "\n"), text);
	if (lines == errs->n)
		return cxms_fail(err, errnum, "%.*s", (int)(fit - 1), text);
	return cxms_fail(err, errnum, "%.*s... and %zu more", (int)fit, text, errs->n - lines);
}
