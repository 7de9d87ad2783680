/*
 * Writes perf.data: what the importer reads, from the fields by name. Each record is laid out by
 * the attributes of its event; records are kept in the order written.
 */
#ifndef PERF_WRITE_H
#define PERF_WRITE_H

#include <linux/perf_event.h>
#include <stdint.h>
#include <string.h>
#include <zstd.h>

#include "base/buf.h"

#define PW_EVENTS 8

struct pw {
	struct perf_event_attr attr[PW_EVENTS];
	const char *name[PW_EVENTS];
	unsigned n_event;
	struct cxms_buf data;
};

/* Fields of a sample or of a trailer; which of them are written the event says. */
struct pw_fields {
	unsigned event;
	uint16_t misc;
	uint64_t ip, time_ns, addr, period, weight, data_src, phys, regs[16];
	uint32_t pid, tid, cpu;
	uint64_t abi; /* of the registers */
	uint64_t count[4];
	unsigned n_count;
	uint64_t stopped_ns; /* the counters had no register */
};

static inline uint64_t pw_id(unsigned event)
{
	return 100 + event;
}

static inline void pw_put(struct cxms_buf *b, uint64_t type, uint64_t bit, uint64_t value)
{
	if (type & bit)
		cxms_buf_put_u64(b, value);
}

static inline unsigned pw_event(struct pw *w, uint32_t type, uint64_t config, uint64_t sample_type,
				uint64_t period, const char *name)
{
	struct perf_event_attr *a = &w->attr[w->n_event];

	memset(a, 0, sizeof(*a));
	a->type = type;
	a->size = PERF_ATTR_SIZE_VER7;
	a->config = config;
	a->sample_type = sample_type;
	a->sample_period = period;
	a->sample_id_all = 1;
	a->exclude_kernel = 1;
	a->sample_regs_user = 0xff00ff;
	a->sample_regs_intr = 0xff00ff;
	a->context_switch = 1;
	w->name[w->n_event] = name;
	return w->n_event++;
}

/* Header of a record whose body is @body and, for the kernel's, @trailer. */
static inline void pw_record(struct pw *w, uint32_t type, uint16_t misc,
			     const struct cxms_buf *body)
{
	cxms_buf_put_u32(&w->data, type);
	cxms_buf_put_u32(&w->data, (uint32_t)misc | (uint32_t)(body->len + 8) << 16);
	cxms_buf_put(&w->data, body->data, body->len);
}

static inline void pw_regs(struct cxms_buf *b, const struct pw_fields *f)
{
	cxms_buf_put_u64(b, f->abi);
	for (int i = 0; f->abi && i < 16; i++)
		cxms_buf_put_u64(b, f->regs[i]);
}

static inline void pw_counts(const struct pw *w, struct cxms_buf *b, const struct pw_fields *f)
{
	uint64_t format = w->attr[f->event].read_format;

	cxms_buf_put_u64(b, f->n_count);
	pw_put(b, format, PERF_FORMAT_TOTAL_TIME_ENABLED, f->time_ns);
	pw_put(b, format, PERF_FORMAT_TOTAL_TIME_RUNNING, f->time_ns - f->stopped_ns);
	for (unsigned i = 0; i < f->n_count; i++) {
		cxms_buf_put_u64(b, f->count[i]);
		cxms_buf_put_u64(b, pw_id(i));
	}
}

/* Lists that the importer passes over, each with two entries. */
static inline void pw_lists(const struct pw *w, struct cxms_buf *b, const struct pw_fields *f)
{
	uint64_t type = w->attr[f->event].sample_type;

	if (type & PERF_SAMPLE_CALLCHAIN) {
		cxms_buf_put_u64(b, 2);
		cxms_buf_put_u64(b, f->ip);
		cxms_buf_put_u64(b, 0xdead);
	}
	if (type & PERF_SAMPLE_RAW) {
		cxms_buf_put_u32(b, 12);
		cxms_buf_put_u64(b, 0xdead);
		cxms_buf_put_u32(b, 0xdead);
	}
	if (type & PERF_SAMPLE_BRANCH_STACK) {
		cxms_buf_put_u64(b, 2);
		if (w->attr[f->event].branch_sample_type & PERF_SAMPLE_BRANCH_HW_INDEX)
			cxms_buf_put_u64(b, 7);
		for (int i = 0; i < 6; i++)
			cxms_buf_put_u64(b, 0xdead);
	}
}

static inline void pw_tail(const struct pw *w, struct cxms_buf *b, const struct pw_fields *f)
{
	uint64_t type = w->attr[f->event].sample_type;

	if (type & PERF_SAMPLE_REGS_USER)
		pw_regs(b, f);
	if (type & PERF_SAMPLE_STACK_USER) {
		cxms_buf_put_u64(b, 8);
		cxms_buf_put_u64(b, 0xdead);
		cxms_buf_put_u64(b, 8);
	}
	pw_put(b, type, PERF_SAMPLE_WEIGHT | PERF_SAMPLE_WEIGHT_STRUCT, f->weight);
	pw_put(b, type, PERF_SAMPLE_DATA_SRC, f->data_src);
	pw_put(b, type, PERF_SAMPLE_TRANSACTION, 0xdead);
	if (type & PERF_SAMPLE_REGS_INTR)
		pw_regs(b, f);
	pw_put(b, type, PERF_SAMPLE_PHYS_ADDR, f->phys);
	pw_put(b, type, PERF_SAMPLE_CGROUP, 0xdead);
	pw_put(b, type, PERF_SAMPLE_DATA_PAGE_SIZE, 4096);
	pw_put(b, type, PERF_SAMPLE_CODE_PAGE_SIZE, 4096);
	if (type & PERF_SAMPLE_AUX)
		cxms_buf_put_u64(b, 0);
}

static inline void pw_sample(struct pw *w, const struct pw_fields *f)
{
	uint64_t type = w->attr[f->event].sample_type;
	struct cxms_buf b = {0};

	pw_put(&b, type, PERF_SAMPLE_IDENTIFIER, pw_id(f->event));
	pw_put(&b, type, PERF_SAMPLE_IP, f->ip);
	pw_put(&b, type, PERF_SAMPLE_TID, f->pid | (uint64_t)f->tid << 32);
	pw_put(&b, type, PERF_SAMPLE_TIME, f->time_ns);
	pw_put(&b, type, PERF_SAMPLE_ADDR, f->addr);
	pw_put(&b, type, PERF_SAMPLE_ID, pw_id(f->event));
	pw_put(&b, type, PERF_SAMPLE_STREAM_ID, 0xdead);
	pw_put(&b, type, PERF_SAMPLE_CPU, f->cpu);
	pw_put(&b, type, PERF_SAMPLE_PERIOD, f->period);
	if (type & PERF_SAMPLE_READ)
		pw_counts(w, &b, f);
	pw_lists(w, &b, f);
	pw_tail(w, &b, f);
	pw_record(w, PERF_RECORD_SAMPLE, f->misc ? f->misc : PERF_RECORD_MISC_USER, &b);
	cxms_buf_fini(&b);
}

/* Any other record of the kernel: @body, then the trailer; @body is emptied. */
static inline void pw_other(struct pw *w, uint32_t type, const struct pw_fields *f,
			    struct cxms_buf *body)
{
	uint64_t t = w->attr[f->event].sample_type;

	pw_put(body, t, PERF_SAMPLE_TID, f->pid | (uint64_t)f->tid << 32);
	pw_put(body, t, PERF_SAMPLE_TIME, f->time_ns);
	pw_put(body, t, PERF_SAMPLE_ID, pw_id(f->event));
	pw_put(body, t, PERF_SAMPLE_STREAM_ID, 0xdead);
	pw_put(body, t, PERF_SAMPLE_CPU, f->cpu);
	pw_put(body, t, PERF_SAMPLE_IDENTIFIER, pw_id(f->event));
	pw_record(w, type, f->misc, body);
	cxms_buf_fini(body);
}

static inline void pw_text(struct cxms_buf *b, const char *s)
{
	size_t n = strlen(s) + 1;

	cxms_buf_put(b, s, n);
	for (; n % 8; n++)
		cxms_buf_put_u8(b, 0);
}

static inline void pw_comm(struct pw *w, struct pw_fields f, const char *name)
{
	struct cxms_buf b = {0};

	f.misc = PERF_RECORD_MISC_COMM_EXEC;
	cxms_buf_put_u32(&b, f.pid);
	cxms_buf_put_u32(&b, f.tid);
	pw_text(&b, name);
	pw_other(w, PERF_RECORD_COMM, &f, &b);
}

static inline void pw_map(struct pw *w, struct pw_fields f, uint64_t addr, uint64_t len,
			  uint32_t prot, const char *path)
{
	struct cxms_buf b = {0};

	cxms_buf_put_u32(&b, f.pid);
	cxms_buf_put_u32(&b, f.tid);
	cxms_buf_put_u64(&b, addr);
	cxms_buf_put_u64(&b, len);
	cxms_buf_put_u64(&b, 0);
	for (int i = 0; i < 3; i++)
		cxms_buf_put_u64(&b, 0);
	cxms_buf_put_u32(&b, prot);
	cxms_buf_put_u32(&b, 2);
	pw_text(&b, path);
	pw_other(w, PERF_RECORD_MMAP2, &f, &b);
}

/* FORK or EXIT */
static inline void pw_task(struct pw *w, uint32_t type, struct pw_fields f, uint32_t parent)
{
	struct cxms_buf b = {0};

	cxms_buf_put_u32(&b, f.pid);
	cxms_buf_put_u32(&b, parent);
	cxms_buf_put_u32(&b, f.tid);
	cxms_buf_put_u32(&b, parent);
	cxms_buf_put_u64(&b, f.time_ns);
	pw_other(w, type, &f, &b);
}

static inline void pw_bare(struct pw *w, uint32_t type, struct pw_fields f)
{
	struct cxms_buf b = {0};

	pw_other(w, type, &f, &b);
}

static inline void pw_lost(struct pw *w, struct pw_fields f, uint64_t count)
{
	struct cxms_buf b = {0};

	cxms_buf_put_u64(&b, pw_id(f.event));
	cxms_buf_put_u64(&b, count);
	pw_other(w, PERF_RECORD_LOST, &f, &b);
}

static inline void pw_event_lost(struct pw *w, struct pw_fields f, uint64_t count)
{
	struct cxms_buf b = {0};

	cxms_buf_put_u64(&b, count);
	pw_other(w, PERF_RECORD_LOST_SAMPLES, &f, &b);
}

/* A record of perf itself, without a body: the end of a round. */
static inline void pw_round(struct pw *w)
{
	struct cxms_buf b = {0};

	pw_record(w, 68, 0, &b);
}

/* All records so far become one stream of compressed records of @bytes each, cut anywhere. */
static inline void pw_compress(struct pw *w, size_t bytes)
{
	size_t cap = ZSTD_compressBound(w->data.len), n;
	struct cxms_buf packed = {0}, plain = w->data;
	ZSTD_CCtx *cctx = ZSTD_createCCtx();

	for (size_t i = 0; i < cap; i++)
		cxms_buf_put_u8(&packed, 0);
	n = ZSTD_compressCCtx(cctx, packed.data, cap, plain.data, plain.len, 1);
	ZSTD_freeCCtx(cctx);
	w->data = (struct cxms_buf){0};
	for (size_t at = 0; at < n; at += bytes) {
		struct cxms_buf b = {0};

		cxms_buf_put(&b, packed.data + at, n - at < bytes ? n - at : bytes);
		pw_record(w, 81, 0, &b);
		cxms_buf_fini(&b);
	}
	cxms_buf_fini(&packed);
	cxms_buf_fini(&plain);
}

static inline void pw_attr(const struct pw *w, unsigned event, struct cxms_buf *out)
{
	cxms_buf_put(out, &w->attr[event], PERF_ATTR_SIZE_VER7);
}

/* The form for a pipe: events and their names come as records. */
static inline void pw_pipe(const struct pw *w, struct cxms_buf *out)
{
	struct pw head = {0};

	cxms_buf_put(out, "PERFILE2", 8);
	cxms_buf_put_u64(out, 16);
	for (unsigned i = 0; i < w->n_event; i++) {
		struct cxms_buf b = {0}, name = {0};

		pw_attr(w, i, &b);
		cxms_buf_put_u64(&b, pw_id(i));
		pw_record(&head, 64, 0, &b);
		cxms_buf_put_u64(&name, 2);
		cxms_buf_put_u64(&name, pw_id(i));
		pw_text(&name, w->name[i]);
		pw_record(&head, 78, 0, &name);
		cxms_buf_fini(&b);
		cxms_buf_fini(&name);
	}
	cxms_buf_put(out, head.data.data, head.data.len);
	cxms_buf_put(out, w->data.data, w->data.len);
	cxms_buf_fini(&head.data);
}

static inline void pw_feature_text(struct cxms_buf *out, const char *s)
{
	size_t n = strlen(s) + 1;

	cxms_buf_put_u32(out, (uint32_t)((n + 63) & ~(size_t)63));
	cxms_buf_put(out, s, n);
	for (; n % 64; n++)
		cxms_buf_put_u8(out, 0);
}

/* Names of the events, as section 12 holds them. */
static inline void pw_event_desc(const struct pw *w, struct cxms_buf *out)
{
	cxms_buf_put_u32(out, w->n_event);
	cxms_buf_put_u32(out, PERF_ATTR_SIZE_VER7);
	for (unsigned i = 0; i < w->n_event; i++) {
		pw_attr(w, i, out);
		cxms_buf_put_u32(out, 1);
		pw_feature_text(out, w->name[i]);
		cxms_buf_put_u64(out, pw_id(i));
	}
}

/* The form that perf seeks in: header, ids, events, data, then what is known of the machine. */
static inline void pw_file(const struct pw *w, struct cxms_buf *out)
{
	uint64_t ids = 104, attrs = ids + 8u * w->n_event, entry = PERF_ATTR_SIZE_VER7 + 16;
	uint64_t data = attrs + entry * w->n_event, at = data + w->data.len + 5 * 16;
	struct cxms_buf section[5] = {{0}};
	uint64_t bits = 1u << 3 | 1u << 4 | 1u << 8 | 1u << 11 | 1u << 12;

	pw_feature_text(&section[0], "server");
	pw_feature_text(&section[1], "6.1.0-test");
	pw_feature_text(&section[2], "Test CPU @ 2.50GHz");
	cxms_buf_put_u32(&section[3], 4);
	pw_feature_text(&section[3], "perf");
	pw_feature_text(&section[3], "record");
	pw_feature_text(&section[3], "--");
	pw_feature_text(&section[3], "./chase");
	pw_event_desc(w, &section[4]);
	cxms_buf_put(out, "PERFILE2", 8);
	cxms_buf_put_u64(out, 104);
	cxms_buf_put_u64(out, entry);
	cxms_buf_put_u64(out, attrs);
	cxms_buf_put_u64(out, entry * w->n_event);
	cxms_buf_put_u64(out, data);
	cxms_buf_put_u64(out, w->data.len);
	cxms_buf_put_u64(out, 0);
	cxms_buf_put_u64(out, 0);
	cxms_buf_put_u64(out, bits);
	for (int i = 0; i < 3; i++)
		cxms_buf_put_u64(out, 0);
	for (unsigned i = 0; i < w->n_event; i++)
		cxms_buf_put_u64(out, pw_id(i));
	for (unsigned i = 0; i < w->n_event; i++) {
		pw_attr(w, i, out);
		cxms_buf_put_u64(out, ids + 8u * i);
		cxms_buf_put_u64(out, 8);
	}
	cxms_buf_put(out, w->data.data, w->data.len);
	for (int i = 0; i < 5; i++) {
		cxms_buf_put_u64(out, at);
		cxms_buf_put_u64(out, section[i].len);
		at += section[i].len;
	}
	for (int i = 0; i < 5; i++) {
		cxms_buf_put(out, section[i].data, section[i].len);
		cxms_buf_fini(&section[i]);
	}
}

#endif
