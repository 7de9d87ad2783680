#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "trace/trace_priv.h"

struct cxms_trace_reader {
	int fd, own_fd; /* own_fd: closed at the end, -1 = borrowed */
	char *name;
	uint32_t version;
	uint64_t size_bytes, at_bytes; /* of the file when opened; the next block begins at at */
	uint64_t first_bytes;	       /* where the block after the head begins */
	struct cxms_codec *codec;
	struct cxms_buf comp, raw; /* block as stored; its payload, in which event strings live */
	struct cxms_head_store head;
	bool has_head;
	struct cxms_event *events; /* of the open block */
	size_t n_events, cap_events, next_event;
	enum cxms_trace_state state;
	struct cxms_buf where;
	struct cxms_totals totals;
	struct cxms_trace_stats stats;
};

/* Return: 0; -ENODATA when the file ends first; -errno of pread(2) */
static int read_at(const struct cxms_trace_reader *r, uint64_t at, void *to, size_t len,
		   struct cxms_err *err)
{
	uint8_t *p = to;

	while (len > 0) {
		ssize_t n = pread(r->fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cxms_fail_sys(err, errno, "cannot read recording '%s'", r->name);
		if (n == 0)
			return -ENODATA;
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* The end of what can be read; before the head it is an error, after it a state. */
static int cut(struct cxms_trace_reader *r, const char *why, struct cxms_err *err)
{
	if (!r->has_head)
		return cxms_fail(err, EINVAL,
				 "'%s' has no whole first block: cut at byte %llu of %llu: %s; "
				 "record again",
				 r->name, (unsigned long long)r->at_bytes,
				 (unsigned long long)r->size_bytes, why);
	r->state = CXMS_TRACE_CUT;
	cxms_buf_printf(&r->where, "cut at byte %llu of %llu: %s", (unsigned long long)r->at_bytes,
			(unsigned long long)r->size_bytes, why);
	cxms_buf_text(&r->where);
	return 0;
}

/* The block at r->at_bytes, header and payload, into r->comp. -EBADMSG: cut, @why has the reason */
static int load_block(struct cxms_trace_reader *r, struct cxms_block *b, struct cxms_err *why,
		      struct cxms_err *err)
{
	uint64_t left = r->size_bytes - r->at_bytes;
	uint8_t head[CXMS_TRACE_BLOCK_HEAD_BYTES];
	void *data = r->comp.data;
	int rc;

	if (left == 0)
		return cxms_fail(why, EBADMSG, "no totals block, the recording did not finish");
	if (left < sizeof(head))
		return cxms_fail(why, EBADMSG, "the file ends inside a block header");
	rc = read_at(r, r->at_bytes, head, sizeof(head), err);
	if (rc == 0)
		rc = cxms_block_parse(head, b, why);
	if (rc == 0 && b->comp_len > left - sizeof(head))
		rc = cxms_fail(why, EBADMSG, "the file ends inside a block");
	if (rc < 0)
		return rc;
	if (cxms_array_grow(&data, &r->comp.cap, b->comp_len + 1u, 1) < 0)
		return cxms_fail(err, ENOMEM, "out of memory reading recording '%s'", r->name);
	r->comp.data = data;
	r->comp.len = b->comp_len;
	rc = read_at(r, r->at_bytes + sizeof(head), r->comp.data, b->comp_len, err);
	return rc < 0 ? rc : cxms_block_verify(b, head, r->comp.data, why);
}

static uint64_t add_capped(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Counts for stats(), and for totals() should the recording turn out cut. */
static void count_events(struct cxms_trace_reader *r)
{
	struct cxms_totals *t = &r->totals;

	for (size_t i = 0; i < r->n_events; i++) {
		const struct cxms_event *ev = &r->events[i];
		uint64_t end_ns = ev->time_ns;

		r->stats.events[ev->kind]++;
		if (ev->kind == CXMS_EV_RUN)
			end_ns = add_capped(end_ns, ev->run.dur_ns);
		if (end_ns > t->duration_ns)
			t->duration_ns = end_ns;
		if (ev->kind == CXMS_EV_LOST && ev->lost.what == CXMS_LOST_SAMPLES)
			t->lost_samples = add_capped(t->lost_samples, ev->lost.count);
		else if (ev->kind == CXMS_EV_LOST && ev->lost.what == CXMS_LOST_FAULTS)
			t->lost_faults = add_capped(t->lost_faults, ev->lost.count);
		else if (ev->kind == CXMS_EV_LOST && ev->lost.what == CXMS_LOST_MEM)
			t->lost_mem = add_capped(t->lost_mem, ev->lost.count);
	}
	t->samples = r->stats.events[CXMS_EV_SAMPLE];
	t->mem_samples = r->stats.events[CXMS_EV_MEM];
}

static int take_events(struct cxms_trace_reader *r, const struct cxms_block *b,
		       struct cxms_err *why)
{
	void *events = r->events;
	int rc;

	if (cxms_array_grow(&events, &r->cap_events, b->n_events, sizeof(*r->events)) < 0)
		return -ENOMEM;
	r->events = events;
	if (b->type == CXMS_BLOCK_EXACT)
		rc = cxms_packets_split(&r->raw, r->events, b->n_events, why);
	else
		rc = cxms_events_decode(&r->raw, r->events, b->n_events, why);
	if (rc < 0)
		return rc;
	r->n_events = b->n_events;
	count_events(r);
	return 0;
}

static bool has_events(const struct cxms_block *b)
{
	return b->type == CXMS_BLOCK_EVENTS || b->type == CXMS_BLOCK_EXACT;
}

static int check_block(const struct cxms_trace_reader *r, const struct cxms_block *b,
		       struct cxms_err *why)
{
	if (r->has_head == (b->type == CXMS_BLOCK_HEAD))
		return cxms_fail(why, EBADMSG, "the head block is not the first one");
	if (!has_events(b) && b->n_events > 0)
		return cxms_fail(why, EBADMSG, "a block without events claims to have some");
	if (b->type == CXMS_BLOCK_EXACT && b->raw_len > CXMS_TRACE_EXACT_RAW_MAX)
		return cxms_fail(why, EBADMSG, "a block of packets claims %u bytes", b->raw_len);
	return 0;
}

static int take_block(struct cxms_trace_reader *r, const struct cxms_block *b, struct cxms_err *why)
{
	unsigned last =
		r->version >= CXMS_TRACE_VERSION_EXACT ? CXMS_BLOCK_EXACT : CXMS_BLOCK_TOTALS;
	bool is_known = b->type >= CXMS_BLOCK_HEAD && b->type <= last;
	int rc;

	if (!is_known && (b->flags & CXMS_BLOCK_SKIPPABLE))
		return 0;
	if (!is_known)
		return cxms_fail(why, EBADMSG, "unknown block type %u", b->type);
	rc = check_block(r, b, why);
	if (rc < 0)
		return rc;
	rc = cxms_codec_decompress(r->codec, r->comp.data, b->comp_len, b->raw_len, &r->raw, why);
	if (rc < 0)
		return rc;
	if (has_events(b))
		return take_events(r, b, why);
	if (b->type == CXMS_BLOCK_TOTALS) {
		rc = cxms_totals_decode(&r->raw, &r->totals, why);
		if (rc == 0)
			r->state = CXMS_TRACE_COMPLETE;
		return rc;
	}
	rc = cxms_head_decode(&r->raw, &r->head, why);
	r->has_head = rc == 0;
	return rc;
}

/* Move on by one block. A bad one is the end: state CUT, return 0. */
static int next_block(struct cxms_trace_reader *r, struct cxms_err *err)
{
	struct cxms_err why = {0};
	struct cxms_block b;
	int rc;

	r->n_events = 0;
	r->next_event = 0;
	rc = load_block(r, &b, &why, err);
	if (rc == -ENODATA)
		return cut(r, "the file became shorter while it was read", err);
	if (rc == 0)
		rc = take_block(r, &b, &why);
	if (rc == -EBADMSG && why.code == EBADMSG)
		return cut(r, why.msg, err);
	if (rc == -ENOMEM)
		return cxms_fail(err, ENOMEM, "out of memory reading recording '%s'", r->name);
	if (rc < 0)
		return rc;
	r->at_bytes += CXMS_TRACE_BLOCK_HEAD_BYTES + b.comp_len;
	r->stats.blocks++;
	r->stats.bytes = r->at_bytes;
	r->stats.raw_bytes += b.raw_len;
	return 0;
}

static int read_file_head(struct cxms_trace_reader *r, struct cxms_err *err)
{
	uint8_t head[CXMS_TRACE_FILE_HEAD_BYTES];
	size_t len = r->size_bytes < sizeof(head) ? (size_t)r->size_bytes : sizeof(head);
	int rc = read_at(r, 0, head, len, err);

	if (rc == -ENODATA)
		return cut(r, "the file became shorter while it was read", err);
	if (rc == 0)
		rc = cxms_file_head_check(head, len, r->name, &r->version, err);
	r->at_bytes = len;
	return rc;
}

/* @own_fd: the reader closes it, also on failure; -1 = @fd is borrowed */
static int open_fd(int fd, int own_fd, const char *name, struct cxms_trace_reader **out,
		   struct cxms_err *err)
{
	struct cxms_trace_reader *r = calloc(1, sizeof(*r));
	struct stat st;
	int rc = 0;

	if (!r || !(r->name = strdup(name))) {
		free(r);
		if (own_fd >= 0)
			close(own_fd);
		return cxms_fail(err, ENOMEM, "out of memory reading recording '%s'", name);
	}
	r->fd = fd;
	r->own_fd = own_fd;
	if (fstat(fd, &st) < 0)
		rc = cxms_fail_sys(err, errno, "cannot read recording '%s'", name);
	else if (!S_ISREG(st.st_mode))
		rc = cxms_fail(err, EINVAL,
			       "cannot read recording '%s': it is not a regular file; "
			       "save it to one first",
			       name);
	else
		r->size_bytes = (uint64_t)st.st_size;
	if (rc == 0)
		rc = read_file_head(r, err);
	if (rc == 0)
		rc = cxms_codec_new(&r->codec, err);
	while (rc == 0 && !r->has_head)
		rc = next_block(r, err);
	if (rc == 0) {
		r->first_bytes = r->at_bytes;
		*out = r;
		r = NULL;
	}
	cxms_trace_reader_close(r);
	return rc;
}

int cxms_trace_reader_open(const char *path, struct cxms_trace_reader **out, struct cxms_err *err)
{
	/* O_NONBLOCK: a pipe without a writer is refused instead of waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return cxms_fail_sys(err, errno, "cannot open recording '%s'", path);
	return open_fd(fd, fd, path, out, err);
}

int cxms_trace_reader_open_fd(int fd, const char *name, struct cxms_trace_reader **out,
			      struct cxms_err *err)
{
	return open_fd(fd, -1, name, out, err);
}

int cxms_trace_reader_again(const struct cxms_trace_reader *r, struct cxms_trace_reader **out,
			    struct cxms_err *err)
{
	return open_fd(r->fd, -1, r->name, out, err);
}

const struct cxms_trace_head *cxms_trace_reader_head(const struct cxms_trace_reader *r)
{
	return &r->head.head;
}

int cxms_trace_read(struct cxms_trace_reader *r, struct cxms_event *buf, size_t cap, size_t *n,
		    struct cxms_err *err)
{
	size_t left;

	while (r->next_event == r->n_events && r->state == CXMS_TRACE_OPEN) {
		int rc = next_block(r, err);

		if (rc < 0)
			return rc;
	}
	left = r->n_events - r->next_event;
	*n = left < cap ? left : cap;
	if (*n > 0)
		memcpy(buf, &r->events[r->next_event], *n * sizeof(*buf));
	r->next_event += *n;
	return 0;
}

void cxms_trace_reader_rewind(struct cxms_trace_reader *r)
{
	r->at_bytes = r->first_bytes;
	r->n_events = r->next_event = 0;
	r->state = CXMS_TRACE_OPEN;
	r->totals = (struct cxms_totals){0};
	r->stats = (struct cxms_trace_stats){0};
	cxms_buf_clear(&r->where);
}

enum cxms_trace_state cxms_trace_reader_state(const struct cxms_trace_reader *r)
{
	return r->state;
}

const char *cxms_trace_reader_where(const struct cxms_trace_reader *r)
{
	return r->where.len > 0 && !r->where.failed ? (const char *)r->where.data : "";
}

const struct cxms_totals *cxms_trace_reader_totals(const struct cxms_trace_reader *r)
{
	return &r->totals;
}

const struct cxms_trace_stats *cxms_trace_reader_stats(const struct cxms_trace_reader *r)
{
	return &r->stats;
}

void cxms_trace_reader_close(struct cxms_trace_reader *r)
{
	if (!r)
		return;
	if (r->own_fd >= 0)
		close(r->own_fd);
	cxms_buf_fini(&r->comp);
	cxms_buf_fini(&r->raw);
	cxms_buf_fini(&r->where);
	cxms_head_store_fini(&r->head);
	cxms_codec_free(r->codec);
	free(r->events);
	free(r->name);
	free(r);
}
