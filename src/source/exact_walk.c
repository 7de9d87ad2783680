#include "source/exact_walk.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "trace/exact_packet.h"

struct walk {
	const uint8_t *p, *end;
	bool bad, has_code;
};

static uint64_t number(struct walk *w)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && w->p < w->end; shift += 7) {
		uint8_t byte = *w->p++;

		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
	w->bad = true;
	return 0;
}

static uint8_t byte(struct walk *w)
{
	if (w->p < w->end)
		return *w->p++;
	w->bad = true;
	return 0;
}

static const char *text(struct walk *w, size_t *n)
{
	uint64_t len = number(w);
	const char *at = (const char *)w->p;

	*n = 0;
	if (w->bad || len > (uint64_t)(w->end - w->p)) {
		w->bad = true;
		return NULL;
	}
	*n = (size_t)len;
	w->p += len;
	return at;
}

static void take_hello(struct walk *w, struct cxms_walk_msg *m)
{
	number(w); /* version */
	m->a = number(w);
	m->b = number(w);
	m->flag = byte(w);
	number(w); /* first block of its own */
	m->text = text(w, &m->n_text);
}

static void take_counts(struct walk *w, struct cxms_walk_msg *m)
{
	uint64_t n = number(w);

	memset(m->count, 0, sizeof(m->count));
	for (uint64_t i = 0; i < n && !w->bad; i++) {
		uint64_t v = number(w);

		if (i < CXMS_XN_COUNT)
			m->count[i] = v;
	}
}

/* What a message holds: "v" a number, "b" a byte, "s" text, in order. */
static const char *const shapes[CXMS_XC_END] = {
	[CXMS_XC_THREAD] = "v", [CXMS_XC_CLONE] = "v",	 [CXMS_XC_EXIT] = "v",
	[CXMS_XC_WAIT] = "v",	[CXMS_XC_RESUME] = "vb", [CXMS_XC_WAKE] = "v",
	[CXMS_XC_TIMED] = "bv", [CXMS_XC_ROI] = "b",	 [CXMS_XC_PAGE] = "vb",
	[CXMS_XC_MAP] = "vvbs", [CXMS_XC_UNMAP] = "vv",	 [CXMS_XC_ALLOC] = "vvv",
	[CXMS_XC_FREE] = "v",	[CXMS_XC_SYSCALL] = "v", [CXMS_XC_WARN] = "s",
	[CXMS_XC_LOST] = "v",	[CXMS_XC_TIME] = "v",	 [CXMS_XC_WAKE_SOME] = "vv",
	[CXMS_XC_MEET] = "v",	[CXMS_XC_MOVE] = "vvv",	 [CXMS_XC_PIPE] = "vvb",
	[CXMS_XC_FORKED] = "v",
};

static void take_shape(struct walk *w, const char *shape, struct cxms_walk_msg *m)
{
	unsigned n = 0;

	for (; *shape; shape++) {
		uint64_t v;

		if (*shape == 'b') {
			m->flag = byte(w);
		} else if (*shape == 's') {
			m->text = text(w, &m->n_text);
		} else {
			v = number(w);
			m->a = n == 0 ? v : m->a;
			m->b = n == 1 ? v : m->b;
			n++;
		}
	}
}

/* false: nothing for the callback */
static bool take_control(struct walk *w, struct cxms_walk_msg *m)
{
	m->type = byte(w);
	m->text = NULL;
	m->n_text = 0;
	switch (m->type) {
	case CXMS_XC_BLOCK:
		w->has_code = true;
		return false;
	case CXMS_XC_HELLO:
		w->has_code = true;
		take_hello(w, m);
		break;
	case CXMS_XC_COUNTS:
		take_counts(w, m);
		break;
	default:
		if (m->type >= CXMS_XC_END || !shapes[m->type]) {
			w->bad = true;
			return false;
		}
		take_shape(w, shapes[m->type], m);
	}
	if (m->type == CXMS_XC_THREAD)
		m->tid = (uint32_t)m->a;
	return !w->bad && m->type != CXMS_XC_THREAD;
}

int cxms_walk_packet(const void *data, size_t len, size_t n_control,
		     void (*cb)(void *arg, const struct cxms_xs_head *head,
				const struct cxms_walk_msg *msg),
		     void *arg, bool *has_code, struct cxms_err *err)
{
	const uint8_t *begin = data, *end = begin + len;
	struct cxms_xs_head head;
	struct cxms_walk_msg msg = {0};
	struct walk w = {.p = begin + sizeof(head), .end = end};
	int rc = cxms_packet_head(data, len, &head, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n_control && !w.bad; i++) {
		uint16_t at;

		memcpy(&at, end + i * sizeof(at), sizeof(at));
		/* never back into what was read */
		w.bad = at >= len || begin + at < w.p || begin[at] != 0;
		w.p = begin + at + 1;
		if (!w.bad && take_control(&w, &msg))
			cb(arg, &head, &msg);
	}
	if (has_code)
		*has_code = w.has_code;
	if (!w.bad)
		return 0;
	return cxms_fail(err, EBADMSG,
			 "packet %llu of process %u holds a message that is cut or not known",
			 (unsigned long long)head.seq, head.pid);
}
