#include "source/cnt_sched.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

#define NOBODY	   0xffu
#define SEARCH_MAX 100000u

/* Events counted at once: who sits on which counter, and the values of the registers. */
struct group {
	uint8_t owner[CXMS_CNT_MAX]; /* by counter: event or NOBODY */
	uint8_t n_value[CXMS_CNT_REG_KINDS];
	uint64_t value[CXMS_CNT_REG_KINDS][CXMS_CNT_MAX];
};

/* Events that stay together. */
struct bundle {
	uint32_t id;
	unsigned n, choice; /* choice: counters of the pickiest member */
	uint8_t event[CXMS_CNT_MAX];
};

struct search {
	const struct cxms_cnt_box *box;
	const struct cxms_cnt_want *want;
	size_t n_want;
	size_t n_bundle;
	struct bundle *bundle;
	unsigned n_group;
	struct group *group; /* [n_want] */
	unsigned steps;
};

static void group_clear(struct group *g)
{
	memset(g->owner, NOBODY, sizeof(g->owner));
	memset(g->n_value, 0, sizeof(g->n_value));
}

static uint64_t choices(const struct search *s, unsigned event)
{
	return s->want[event].counters & s->box->counters;
}

/* Kuhn's augmenting path: a counter for @event, others moved where they can. *seen: counters met.
 */
static bool seat(const struct search *s, struct group *g, unsigned event, uint64_t *seen)
{
	uint64_t open = choices(s, event);

	for (unsigned c = 0; c < CXMS_CNT_MAX; c++) {
		if (!(open >> c & 1) || *seen >> c & 1)
			continue;
		*seen |= 1ull << c;
		if (g->owner[c] == NOBODY || seat(s, g, g->owner[c], seen)) {
			g->owner[c] = (uint8_t)event;
			return true;
		}
	}
	return false;
}

static bool program(const struct search *s, struct group *g, unsigned event)
{
	const struct cxms_cnt_want *w = &s->want[event];
	unsigned kind = w->reg - 1u;

	if (!w->reg)
		return true;
	for (unsigned i = 0; i < g->n_value[kind]; i++)
		if (g->value[kind][i] == w->reg_value)
			return true;
	if (g->n_value[kind] >= s->box->n_reg[kind])
		return false;
	g->value[kind][g->n_value[kind]++] = w->reg_value;
	return true;
}

/* On failure @g is spoilt. */
static bool group_add(const struct search *s, struct group *g, const struct bundle *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		uint64_t seen = 0;

		if (!seat(s, g, b->event[i], &seen) || !program(s, g, b->event[i]))
			return false;
	}
	return true;
}

/* Depth first; the first empty group stands for all empty ones. */
static bool place(struct search *s, size_t at)
{
	if (at == s->n_bundle)
		return true;
	for (unsigned g = 0; g < s->n_group; g++) {
		const struct group before = s->group[g];
		bool empty = true;

		if (s->steps++ > SEARCH_MAX)
			return false;
		for (unsigned c = 0; c < CXMS_CNT_MAX; c++)
			empty = empty && before.owner[c] == NOBODY;
		if (group_add(s, &s->group[g], &s->bundle[at]) && place(s, at + 1))
			return true;
		s->group[g] = before;
		if (empty)
			break;
	}
	return false;
}

static int by_choice(const void *a, const void *b)
{
	const struct bundle *x = a, *y = b;

	if (x->choice != y->choice)
		return x->choice < y->choice ? -1 : 1;
	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return x->event[0] < y->event[0] ? -1 : 1;
}

static void make_bundles(struct search *s)
{
	for (size_t i = 0; i < s->n_want; i++) {
		unsigned choice = (unsigned)__builtin_popcountll(choices(s, (unsigned)i));
		struct bundle *b = NULL;

		for (size_t k = 0; k < s->n_bundle && s->want[i].bundle; k++)
			if (s->bundle[k].id == s->want[i].bundle)
				b = &s->bundle[k];
		if (!b) {
			b = &s->bundle[s->n_bundle++];
			*b = (struct bundle){.id = s->want[i].bundle, .choice = choice};
		}
		b->choice = choice < b->choice ? choice : b->choice;
		b->event[b->n++] = (uint8_t)i;
	}
	qsort(s->bundle, s->n_bundle, sizeof(*s->bundle), by_choice);
}

static void print_counters(uint64_t counters, struct cxms_buf *out)
{
	const char *comma = "";

	for (unsigned c = 0; c < CXMS_CNT_MAX; c++)
		if (counters >> c & 1) {
			cxms_buf_printf(out, "%s%u", comma, c);
			comma = ",";
		}
}

/* Hall's theorem: @event and the owners of every counter that was met compete for those. */
static int refuse_counters(const struct search *s, const struct group *g, unsigned event,
			   uint64_t met, bool multiplex, struct cxms_err *err)
{
	struct cxms_buf names = {0}, counters = {0};
	int rc;

	cxms_buf_printf(&names, "'%s'", s->want[event].name);
	for (unsigned c = 0; c < CXMS_CNT_MAX; c++)
		if (met >> c & 1)
			cxms_buf_printf(&names, ", '%s'", s->want[g->owner[c]].name);
	print_counters(met, &counters);
	if (!met)
		rc = cxms_fail(err, ENOSPC, "box '%s' has no counter for %s; leave it out",
			       s->box->name, cxms_buf_text(&names));
	else
		rc = cxms_fail(err, ENOSPC,
			       "%s do not fit box '%s' together: they share counter %s; leave one "
			       "out%s",
			       cxms_buf_text(&names), s->box->name, cxms_buf_text(&counters),
			       multiplex ? "" : ", or let them count in turns");
	cxms_buf_fini(&names);
	cxms_buf_fini(&counters);
	return rc;
}

/* Says why bundles first .. end do not fit one group; they do not. */
static int refuse(const struct search *s, size_t first, size_t end, bool multiplex,
		  struct cxms_err *err)
{
	struct group g;

	group_clear(&g);
	for (size_t b = first; b < end; b++)
		for (unsigned i = 0; i < s->bundle[b].n; i++) {
			unsigned event = s->bundle[b].event[i];
			uint64_t met = 0;

			if (!seat(s, &g, event, &met))
				return refuse_counters(s, &g, event, met, multiplex, err);
			if (!program(s, &g, event))
				return cxms_fail(err, ENOSPC,
						 "'%s' does not fit box '%s' with the others: they "
						 "need more "
						 "than its %u extra registers; leave one out%s",
						 s->want[event].name, s->box->name,
						 s->box->n_reg[s->want[event].reg - 1],
						 multiplex ? "" : ", or let them count in turns");
		}
	return 0;
}

static int search_groups(struct search *s, bool multiplex, struct cxms_err *err)
{
	for (size_t b = 0; b < s->n_bundle; b++) {
		int rc = refuse(s, b, b + 1, true, err);

		if (rc)
			return rc;
	}
	for (s->n_group = 1; s->n_group <= (multiplex ? s->n_bundle : 1); s->n_group++) {
		for (unsigned g = 0; g < s->n_group; g++)
			group_clear(&s->group[g]);
		s->steps = 0;
		if (place(s, 0))
			return 0;
	}
	return refuse(s, 0, s->n_bundle, multiplex, err);
}

int cxms_cnt_schedule(const struct cxms_cnt_box *box, const struct cxms_cnt_want *want, size_t n,
		      bool multiplex, struct cxms_cnt_slot *slot, unsigned *n_group,
		      struct cxms_err *err)
{
	struct search s = {.box = box, .want = want, .n_want = n};
	int rc;

	if (n > CXMS_CNT_MAX)
		return cxms_fail(err, E2BIG, "%zu events on box '%s'; ask for at most %u", n,
				 box->name, CXMS_CNT_MAX);
	s.bundle = calloc(n + 1, sizeof(*s.bundle));
	s.group = calloc(n + 1, sizeof(*s.group));
	if (!s.bundle || !s.group) {
		rc = cxms_fail(err, ENOMEM, "no memory for the counters of box '%s'", box->name);
		goto out;
	}
	make_bundles(&s);
	rc = n ? search_groups(&s, multiplex, err) : 0;
	if (rc)
		goto out;
	*n_group = s.n_group;
	for (unsigned g = 0; g < s.n_group; g++)
		for (unsigned c = 0; c < CXMS_CNT_MAX; c++)
			if (s.group[g].owner[c] != NOBODY)
				slot[s.group[g].owner[c]] = (struct cxms_cnt_slot){
					.group = (uint16_t)g, .counter = (uint8_t)c};
out:
	free(s.bundle);
	free(s.group);
	return rc;
}
