#include "sim/check.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "base/units.h"
#include "sim/fabric.h"
#include "sim/solve.h"

#define PS_PER_S ((double)CXMS_PS_PER_S)

static double apart(double a, double b)
{
	return fabs(a - b) / fmax(1e-300, fmax(fabs(a), fabs(b)));
}

static void keep(double *worst, double found)
{
	if (!isnan(*worst) && !(found <= *worst)) /* not a number is the worst, and stays */
		*worst = found;
}

static void add(struct cxms_load *to, double reads, double writes)
{
	to->read_lines_per_s += reads;
	to->write_lines_per_s += writes;
}

/* Lines a second of every target, and from these of every server on the ways to them. */
static void fill_loads(const struct cxms_solve *s, struct cxms_load *target,
		       struct cxms_load *server)
{
	const struct cxms_fabric *f = s->fabric;
	for (size_t v = 0; v < f->n_server; v++)
		server[v] = (struct cxms_load){0};
	for (size_t t = 0; t < f->n_target; t++) {
		target[t] = (struct cxms_load){0};
		for (size_t i = 0; i < s->n_thread; i++) {
			const struct cxms_solve_thread *th = &s->thread[i];
			double wall = cxms_solve_wall_ps(th);
			if (wall > 0)
				add(&target[t], th->demand[t].reads / wall * PS_PER_S,
				    th->demand[t].writes / wall * PS_PER_S);
		}
		for (size_t i = 0; i < f->target[t].n_server; i++)
			add(&server[f->target[t].server[i]], target[t].read_lines_per_s,
			    target[t].write_lines_per_s);
	}
}

static double lines_per_ps(const struct cxms_load *l)
{
	return (l->read_lines_per_s + l->write_lines_per_s) / PS_PER_S;
}

/* What crosses a server is what crosses those right below it in the tree. */
static void check_ports(const struct cxms_fabric *f, const struct cxms_load *server,
			struct cxms_check *c)
{
	for (size_t v = 0; f->part && v < f->n_server; v++) {
		double below = 0;
		bool any = false;
		for (size_t k = 0; k < f->n_server; k++) {
			if (f->part[k].above != v)
				continue;
			below += lines_per_ps(&server[k]);
			any = true;
		}
		if (any)
			keep(&c->port, apart(below, lines_per_ps(&server[v])));
	}
}

void cxms_check_epoch(const struct cxms_solve *s, struct cxms_load *room, struct cxms_check *c)
{
	const struct cxms_fabric *f = s->fabric;
	struct cxms_load *target = room, *server = room + f->n_target;
	double in_flight = 0, held = 0;
	fill_loads(s, target, server);
	for (size_t t = 0; t < f->n_target; t++) {
		double idle_ps = f->target[t].idle_ps;
		in_flight += lines_per_ps(&target[t]) * s->latency_ps[t];
		held += lines_per_ps(&target[t]) * idle_ps;
		keep(&c->completion, (idle_ps - s->latency_ps[t]) / fmax(1, idle_ps));
	}
	for (size_t v = 0; v < f->n_server; v++) {
		held += lines_per_ps(&server[v]) * s->wait_ps[v];
		keep(&c->capacity, cxms_server_utilization(&f->server[v], &server[v]) - 1);
	}
	keep(&c->little, apart(in_flight, held));
	check_ports(f, server, c);
}

void cxms_check_lines(double got, double asked, struct cxms_check *c)
{
	keep(&c->lines, apart(got, asked));
}

void cxms_check_books(const char *what, struct cxms_check *c)
{
	if (!c->books[0])
		snprintf(c->books, sizeof(c->books), "%.159s", what);
}

void cxms_check_join(const struct cxms_check *from, struct cxms_check *c)
{
	keep(&c->capacity, from->capacity);
	keep(&c->lines, from->lines);
	keep(&c->port, from->port);
	keep(&c->little, from->little);
	keep(&c->completion, from->completion);
	cxms_check_books(from->books, c);
}

bool cxms_check_holds(const struct cxms_check *c)
{
	return !c->books[0] && c->capacity <= CXMS_CHECK_TOLERANCE &&
	       c->lines <= CXMS_CHECK_TOLERANCE && c->port <= CXMS_CHECK_TOLERANCE &&
	       c->little <= CXMS_CHECK_TOLERANCE && c->completion <= CXMS_CHECK_TOLERANCE;
}

void cxms_check_tell(const struct cxms_check *c, char *out, size_t size)
{
	const struct {
		double worst;
		const char *what;
	} row[] = {
		{c->capacity, "a server is used above its capacity"},
		{c->lines, "lines are lost between the demand and the targets"},
		{c->port, "what enters a port does not leave it"},
		{c->little, "Little's law does not hold over the servers"},
		{c->completion, "a target answers before its idle latency"},
	};
	if (c->books[0]) {
		snprintf(out, size, "%s", c->books);
		return;
	}
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (!(row[i].worst <= CXMS_CHECK_TOLERANCE)) {
			snprintf(out, size, "%s, by %.2g", row[i].what, row[i].worst);
			return;
		}
	snprintf(out, size, "nothing is violated");
}
