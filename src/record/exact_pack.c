#include "record/exact_pack.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "trace/trace.h"

void cxms_exact_pack_open(struct cxms_exact_pack *p, struct cxms_trace_writer *w, uint32_t pid)
{
	*p = (struct cxms_exact_pack){.writer = w, .pid = pid};
}

void cxms_exact_pack_close(struct cxms_exact_pack *p)
{
	cxms_buf_fini(&p->body);
	*p = (struct cxms_exact_pack){0};
}

int cxms_exact_pack_flush(struct cxms_exact_pack *p, struct cxms_err *err)
{
	struct cxms_xs_head head = {.magic = CXMS_XS_MAGIC,
				    .bytes = (uint32_t)(p->body.len - sizeof(head)),
				    .pid = p->pid,
				    .seq = p->seq,
				    .insns = p->begun_insns};
	struct cxms_event ev = {.kind = CXMS_EV_EXACT, .pid = p->pid};
	int rc;

	if (p->body.failed)
		return cxms_fail(err, ENOMEM, "out of memory for packets");
	if (p->body.len <= sizeof(head))
		return 0;
	memcpy(p->body.data, &head, sizeof(head));
	ev.exact = (struct cxms_exact){.data = p->body.data, .len = (uint32_t)p->body.len};
	rc = cxms_trace_write(p->writer, &ev, 1, err);
	cxms_buf_clear(&p->body);
	p->seq++;
	p->n_packet++;
	p->tid = 0;
	return rc;
}

int cxms_exact_pack_begin(struct cxms_exact_pack *p, uint32_t tid, size_t bytes,
			  struct cxms_err *err)
{
	const struct cxms_xs_head head = {0};
	int rc = 0;

	if (p->body.len && (p->tid != tid || p->body.len + bytes > CXMS_XS_PACKET_MAX))
		rc = cxms_exact_pack_flush(p, err);
	if (rc || p->body.len)
		return rc;
	cxms_buf_put(&p->body, &head, sizeof(head));
	cxms_exact_pack_control(p, CXMS_XC_THREAD);
	cxms_buf_put_varint(&p->body, tid);
	p->begun_insns = p->insns;
	p->tid = tid;
	p->last_line = 0;
	return 0;
}

void cxms_exact_pack_control(struct cxms_exact_pack *p, enum cxms_xs_control type)
{
	cxms_buf_put_varint(&p->body, 0);
	cxms_buf_put_u8(&p->body, (uint8_t)type);
}

void cxms_exact_pack_line(struct cxms_exact_pack *p, uint64_t line)
{
	cxms_buf_put_svarint(&p->body, (int64_t)(line - p->last_line));
	p->last_line = line;
}
