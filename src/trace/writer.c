#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "trace/trace_priv.h"

#define EVENT_RAW_BYTES 16u /* about what an event adds to a block, its string apart */

struct cxms_trace_writer {
	int fd;
	int failed; /* -errno of the first failed write: the file ends there */
	bool finished;
	uint64_t written_bytes;
	struct cxms_codec *codec;
	struct cxms_encoder encoder;
	struct cxms_event *events; /* of the open block; their strings are in strings[] */
	size_t n_events, cap_events;
	struct cxms_strings strings[CXMS_EV_KIND_END];
	size_t string_bytes;
	bool has_exact;		 /* the file's version allows packets */
	bool has_hw;		 /* ... and what hardware counts */
	bool has_watch;		 /* ... and watched words */
	struct cxms_buf packets; /* of the open block of packets; n_events is 0 then */
	size_t n_packets;
	struct cxms_buf raw, out;
};

static int fail_write(int errnum, struct cxms_err *err)
{
	if (errnum == EFBIG)
		return cxms_fail(
			err, EFBIG,
			"cannot write recording: %s; raise the limit of file sizes (ulimit "
			"-f)",
			strerrordesc_np(errnum));
	if (errnum == ENOSPC || errnum == EDQUOT)
		return cxms_fail(
			err, errnum,
			"cannot write recording: %s; free some space or write it elsewhere",
			strerrordesc_np(errnum));
	return cxms_fail_sys(err, errnum, "cannot write recording");
}

static int write_out(struct cxms_trace_writer *w, struct cxms_err *err)
{
	size_t at = 0;

	while (at < w->out.len) {
		ssize_t n = write(w->fd, w->out.data + at, w->out.len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			w->failed = fail_write(n < 0 ? errno : EIO, err);
			return w->failed;
		}
		at += (size_t)n;
		w->written_bytes += (uint64_t)n;
	}
	cxms_buf_clear(&w->out);
	return 0;
}

/* The block of @raw in one write(2), so that a kill seldom tears it; empties @raw. */
static int write_block(struct cxms_trace_writer *w, enum cxms_block_type type, size_t n_events,
		       struct cxms_buf *raw, struct cxms_err *err)
{
	struct cxms_block b = {.type = (uint8_t)type, .n_events = (uint32_t)n_events};
	int rc = cxms_block_put(&b, raw, w->codec, &w->out, err);

	if (rc < 0)
		w->failed = rc;
	else
		rc = write_out(w, err);
	cxms_buf_clear(raw);
	return rc;
}

/* The writer after a failure: whatever came later would follow a torn block. */
static int check_usable(const struct cxms_trace_writer *w, struct cxms_err *err)
{
	assert(!w->finished);
	return w->failed < 0 ? fail_write(-w->failed, err) : 0;
}

static int write_head(struct cxms_trace_writer *w, const struct cxms_trace_head *head,
		      struct cxms_err *err)
{
	int rc;

	w->has_exact = head->facts.source_caps & CXMS_SRC_EXACT;
	w->has_hw = head->facts.source_caps & (CXMS_SRC_MEM | CXMS_SRC_COUNTERS);
	w->has_watch = head->facts.source_caps & CXMS_SRC_WATCH;
	cxms_file_head_put(&w->out, w->has_watch   ? CXMS_TRACE_VERSION_WATCH
				    : w->has_hw	   ? CXMS_TRACE_VERSION_HW
				    : w->has_exact ? CXMS_TRACE_VERSION_EXACT
						   : CXMS_TRACE_VERSION);
	if (w->out.failed)
		return cxms_fail(err, ENOMEM, "out of memory for a recording");
	rc = write_out(w, err);
	if (rc == 0)
		rc = cxms_head_encode(head, &w->raw, err);
	if (rc == 0)
		rc = write_block(w, CXMS_BLOCK_HEAD, 0, &w->raw, err);
	return rc;
}

int cxms_trace_writer_new(int fd, const struct cxms_trace_head *head,
			  struct cxms_trace_writer **out, struct cxms_err *err)
{
	struct cxms_trace_writer *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return cxms_fail(err, ENOMEM, "out of memory for a recording");
	w->fd = fd;
	rc = cxms_codec_new(&w->codec, err);
	if (rc == 0)
		rc = write_head(w, head, err);
	if (rc == 0) {
		*out = w;
		w = NULL;
	}
	cxms_trace_writer_free(w);
	return rc;
}

static int keep_strings(struct cxms_trace_writer *w, const struct cxms_event *ev)
{
	const struct cxms_column_set *set = cxms_columns_of(ev->kind);
	struct cxms_buf *strings = w->strings[ev->kind].column;

	for (size_t i = 0; i < set->n; i++) {
		size_t before = strings->len;

		if (set->columns[i].coding != CXMS_CODE_STRING)
			continue;
		cxms_buf_put_str(strings, cxms_column_string(&set->columns[i], ev));
		w->string_bytes += strings->len - before;
		if (strings++->failed)
			return -ENOMEM;
	}
	return 0;
}

static void each_strings(struct cxms_trace_writer *w, void (*fn)(struct cxms_buf *))
{
	for (size_t k = 0; k < CXMS_EV_KIND_END; k++)
		for (size_t i = 0; i < sizeof(w->strings[k].column) / sizeof(struct cxms_buf); i++)
			fn(&w->strings[k].column[i]);
}

static int flush_packets(struct cxms_trace_writer *w, struct cxms_err *err)
{
	size_t n = w->n_packets;

	w->n_packets = 0;
	return n ? write_block(w, CXMS_BLOCK_EXACT, n, &w->packets, err) : 0;
}

static int flush_events(struct cxms_trace_writer *w, struct cxms_err *err)
{
	int rc;

	if (w->n_events == 0)
		return 0;
	rc = cxms_events_encode(&w->encoder, w->events, w->n_events, w->strings, &w->raw, err);
	if (rc == 0)
		rc = write_block(w, CXMS_BLOCK_EVENTS, w->n_events, &w->raw, err);
	else
		w->failed = rc;
	w->n_events = 0;
	w->string_bytes = 0;
	each_strings(w, cxms_buf_clear);
	return rc;
}

/* Events and packets lie in blocks of their own: what is open of the one kind ends before the
 * other, so that the order stays. */
static int keep_packet(struct cxms_trace_writer *w, const struct cxms_exact *x,
		       struct cxms_err *err)
{
	int rc = 0;

	if (!w->has_exact)
		return cxms_fail(err, EINVAL,
				 "cannot record a packet: the source does not claim to be exact");
	rc = flush_events(w, err);
	if (rc == 0 && w->packets.len + x->len > CXMS_TRACE_EXACT_RAW_MAX)
		rc = flush_packets(w, err);
	if (rc < 0)
		return rc;
	cxms_buf_put(&w->packets, x->data, x->len);
	if (w->packets.failed) {
		w->failed = -ENOMEM;
		return fail_write(ENOMEM, err);
	}
	w->n_packets++;
	return 0;
}

static bool is_hw(const struct cxms_event *ev)
{
	return (ev->kind > CXMS_EV_EXACT && ev->kind < CXMS_EV_WATCH) ||
	       (ev->kind == CXMS_EV_LOST && ev->lost.what == CXMS_LOST_MEM);
}

static int keep_event(struct cxms_trace_writer *w, const struct cxms_event *ev,
		      struct cxms_err *err)
{
	void *events = w->events;
	int rc = cxms_event_check(ev, err);

	if (rc == 0 && !w->has_hw && is_hw(ev))
		return cxms_fail(err, EINVAL,
				 "cannot record what hardware counted: the source does not claim "
				 "to sample accesses or to count");
	if (rc == 0 && !w->has_watch && ev->kind == CXMS_EV_WATCH)
		return cxms_fail(err, EINVAL,
				 "cannot record a watched word: the source does not claim to watch "
				 "any");
	if (rc == 0 && ev->kind == CXMS_EV_EXACT)
		return keep_packet(w, &ev->exact, err);
	if (rc == 0)
		rc = flush_packets(w, err);
	if (rc < 0)
		return rc;
	if (cxms_array_grow(&events, &w->cap_events, w->n_events + 1, sizeof(*ev)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for the events of a recording");
	w->events = events;
	if (keep_strings(w, ev) < 0) {
		w->failed = -ENOMEM;
		return fail_write(ENOMEM, err);
	}
	w->events[w->n_events++] = *ev;
	if (w->n_events == CXMS_TRACE_BLOCK_EVENTS_MAX ||
	    w->n_events * EVENT_RAW_BYTES + w->string_bytes >= CXMS_TRACE_RAW_TARGET)
		rc = cxms_trace_flush(w, err);
	return rc;
}

int cxms_trace_write(struct cxms_trace_writer *w, const struct cxms_event *ev, size_t n,
		     struct cxms_err *err)
{
	int rc = check_usable(w, err);

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = keep_event(w, &ev[i], err);
	return rc;
}

int cxms_trace_flush(struct cxms_trace_writer *w, struct cxms_err *err)
{
	int rc = check_usable(w, err);

	if (rc == 0)
		rc = flush_events(w, err);
	return rc == 0 ? flush_packets(w, err) : rc;
}

int cxms_trace_finish(struct cxms_trace_writer *w, const struct cxms_totals *totals,
		      struct cxms_err *err)
{
	int rc = cxms_trace_flush(w, err);

	if (rc == 0)
		rc = cxms_totals_encode(totals, &w->raw, err);
	if (rc == 0)
		rc = write_block(w, CXMS_BLOCK_TOTALS, 0, &w->raw, err);
	if (rc == 0)
		w->finished = true;
	return rc;
}

uint64_t cxms_trace_written_bytes(const struct cxms_trace_writer *w)
{
	return w->written_bytes;
}

void cxms_trace_writer_free(struct cxms_trace_writer *w)
{
	if (!w)
		return;
	each_strings(w, cxms_buf_fini);
	cxms_buf_fini(&w->packets);
	cxms_buf_fini(&w->raw);
	cxms_buf_fini(&w->out);
	cxms_encoder_fini(&w->encoder);
	cxms_codec_free(w->codec);
	free(w->events);
	free(w);
}
