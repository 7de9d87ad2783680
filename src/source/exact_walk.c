#include "source/exact_walk.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "trace/exact_packet.h"

/* Most messages are runs of blocks: read without the calls of a cursor. */
struct walk {
	const uint8_t *p, *end;
	bool bad, has_code;
};

static inline uint64_t number(struct walk *w)
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

static inline uint8_t byte(struct walk *w)
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

static void pass_event(struct walk *w)
{
	uint8_t kind = byte(w) & CXMS_XE_KIND_MASK, level;

	number(w);
	switch (kind) {
	case CXMS_XE_HIT:
	case CXMS_XE_L2:
	case CXMS_XE_LLC:
	case CXMS_XE_MISP:
	case CXMS_XE_SKIP:
		return;
	case CXMS_XE_IF:
		level = byte(w);
		if (level != CXMS_XL_MEM)
			return;
		break;
	case CXMS_XE_PF:
		byte(w);
		break;
	case CXMS_XE_WRONG:
		number(w);
		byte(w);
		break;
	default:
		w->bad |= kind >= CXMS_XE_KIND_END;
	}
	number(w); /* a line, or how far back */
}

static void pass_run(struct walk *w, uint64_t h)
{
	uint64_t n;

	if (h & 1)
		number(w);
	n = h & 2 ? number(w) : 0;
	for (uint64_t i = 0; i < n && !w->bad; i++)
		pass_event(w);
}

static void pass_block(struct walk *w)
{
	size_t len;
	uint64_t n;

	number(w);
	number(w);
	n = number(w);
	for (uint64_t i = 0; i < n && !w->bad; i++) {
		number(w);
		text(w, &len);
	}
	n = number(w);
	for (uint64_t i = 0; i < n && !w->bad; i++) {
		number(w);
		byte(w);
	}
	n = number(w);
	for (uint64_t i = 0; i < n && !w->bad; i++) {
		number(w);
		number(w);
		byte(w);
	}
	byte(w);
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
	[CXMS_XC_LOST] = "v",	[CXMS_XC_TIME] = "v",
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
		pass_block(w);
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

int cxms_walk_packet(const void *data, size_t len,
		     void (*cb)(void *arg, const struct cxms_xs_head *head,
				const struct cxms_walk_msg *msg),
		     void *arg, bool *has_code, struct cxms_err *err)
{
	struct cxms_xs_head head;
	struct cxms_walk_msg msg = {0};
	struct walk w = {.end = (const uint8_t *)data + len};
	int rc = cxms_packet_head(data, len, &head, err);

	if (rc < 0)
		return rc;
	w.p = (const uint8_t *)data + sizeof(head);
	while (w.p < w.end && !w.bad) {
		uint64_t h = number(&w);

		if (h != 0)
			pass_run(&w, h);
		else if (take_control(&w, &msg))
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
