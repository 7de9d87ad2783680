#include "source/evq.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

static const char *keep_string(struct cxms_evq *q, const char *s)
{
	void *grown = q->string;
	char *copy;

	if (!s || !*s)
		return "";
	copy = strdup(s);
	if (!copy || cxms_array_grow(&grown, &q->cap_string, q->n_string + 1, sizeof(copy))) {
		free(copy);
		q->failed = true;
		return "";
	}
	q->string = grown;
	q->string[q->n_string++] = copy;
	return copy;
}

static void keep_names(struct cxms_evq *q, const struct cxms_event *ev, struct cxms_site *to)
{
	to->function = keep_string(q, ev->site.function);
	to->object = keep_string(q, ev->site.object);
}

void cxms_evq_push(struct cxms_evq *q, const struct cxms_event *ev)
{
	struct cxms_event *to;
	void *grown = q->ev;

	if (cxms_array_grow(&grown, &q->cap, q->len + 1, sizeof(*q->ev))) {
		q->failed = true;
		return;
	}
	q->ev = grown;
	to = &q->ev[q->len++];
	*to = *ev;
	if (ev->kind == CXMS_EV_MAP)
		to->map.path = keep_string(q, ev->map.path);
	else if (ev->kind == CXMS_EV_EXEC)
		to->exec.name = keep_string(q, ev->exec.name);
	else if (ev->kind == CXMS_EV_COUNTER)
		to->counter.name = keep_string(q, ev->counter.name);
	else if (ev->kind == CXMS_EV_SITE)
		keep_names(q, ev, &to->site);
	if (ev->kind == CXMS_EV_RUN || ev->kind == CXMS_EV_WATCH || ev->kind == CXMS_EV_EXACT)
		return;
	if (to->time_ns < q->last_ns)
		to->time_ns = q->last_ns;
	q->last_ns = to->time_ns;
}

size_t cxms_evq_pop(struct cxms_evq *q, struct cxms_event *buf, size_t cap)
{
	size_t n = q->len - q->head;

	if (n > cap)
		n = cap;
	if (n)
		memcpy(buf, &q->ev[q->head], n * sizeof(*buf));
	q->head += n;
	if (q->head == q->len)
		q->head = q->len = 0;
	return n;
}

bool cxms_evq_is_empty(const struct cxms_evq *q)
{
	return q->head == q->len;
}

void cxms_evq_recycle(struct cxms_evq *q)
{
	if (!cxms_evq_is_empty(q))
		return;
	for (size_t i = 0; i < q->n_string; i++)
		free(q->string[i]);
	q->n_string = 0;
}

void cxms_evq_fini(struct cxms_evq *q)
{
	q->head = q->len = 0;
	cxms_evq_recycle(q);
	free(q->ev);
	free(q->string);
	*q = (struct cxms_evq){0};
}
