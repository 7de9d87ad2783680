#include "trace/exact_packet.h"

#include <assert.h>
#include <errno.h>

#include "base/buf.h"
#include "base/err.h"
#include "trace/trace_priv.h"

static_assert(sizeof(struct cxms_xs_head) == 32, "a packet's head is read field by field");

int cxms_packet_head(const void *data, size_t left, struct cxms_xs_head *out, struct cxms_err *err)
{
	const uint8_t *p = data;
	struct cxms_cur cur = {p, p + left, false};
	struct cxms_xs_head h = {.magic = cxms_cur_u32(&cur)};

	h.bytes = cxms_cur_u32(&cur);
	h.pid = cxms_cur_u32(&cur);
	h.image = cxms_cur_u32(&cur);
	h.seq = cxms_cur_u64(&cur);
	h.insns = cxms_cur_u64(&cur);
	if (cur.failed)
		return cxms_fail(err, EBADMSG, "a packet of the exact source is cut");
	if (h.magic != CXMS_XS_MAGIC)
		return cxms_fail(err, EBADMSG, "no packet of the exact source begins here");
	if (h.bytes > CXMS_XS_PACKET_MAX - sizeof(h) || h.bytes > left - sizeof(h))
		return cxms_fail(err, EBADMSG, "a packet of the exact source claims %u bytes",
				 h.bytes);
	*out = h;
	return 0;
}

int cxms_packets_split(const struct cxms_buf *raw, struct cxms_event *ev, size_t n,
		       struct cxms_err *err)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		struct cxms_xs_head h;
		int rc = cxms_packet_head(raw->data + at, raw->len - at, &h, err);

		if (rc < 0)
			return rc;
		ev[i] = (struct cxms_event){.kind = CXMS_EV_EXACT, .pid = h.pid};
		ev[i].exact.data = raw->data + at;
		ev[i].exact.len = (uint32_t)sizeof(h) + h.bytes;
		at += ev[i].exact.len;
	}
	if (at != raw->len)
		return cxms_fail(err, EBADMSG, "a block of packets has bytes left over");
	return 0;
}
