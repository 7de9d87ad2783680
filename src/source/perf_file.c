#include "source/perf_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "source/perf_file_priv.h"

/* Records that perf itself writes into the data, beyond those of cxms_perf_user_record. */
enum {
	USER_ATTR = 64,
	USER_TRACING_DATA = 66,
	USER_BUILD_ID = 67,
	USER_AUXTRACE = 71,
	USER_EVENT_UPDATE = 78,
	USER_FEATURE = 80,
	USER_COMPRESSED = 81,
	USER_COMPRESSED2 = 83,
};
#define UPDATE_NAME 2u /* of USER_EVENT_UPDATE: the name */

#define RECORD_MAX	65536u
#define PIPE_HEAD_BYTES 16u
#define FILE_HEAD_BYTES 104u
#define ATTR_MIN_BYTES	64u /* PERF_ATTR_SIZE_VER0 */
#define ATTR_MAX_BYTES	4096u
#define IDS_MAX		1048576u
#define FEATURE_MAX	(16u << 20)

static const uint8_t magic[8] = {'P', 'E', 'R', 'F', 'I', 'L', 'E', '2'};

struct section {
	uint64_t offset, size;
};

static uint32_t u32_at(const uint8_t *p)
{
	struct cxms_cur c = {.p = p, .end = p + 4};

	return cxms_cur_u32(&c);
}

static uint64_t u64_at(const uint8_t *p)
{
	struct cxms_cur c = {.p = p, .end = p + 8};

	return cxms_cur_u64(&c);
}

static void cut(struct cxms_perf_file *f, const char *why)
{
	f->is_cut = true;
	snprintf(f->where, sizeof(f->where), "byte %" PRIu64 ": %s", cxms_input_offset(f->in), why);
}

/* As much of @attr, @len bytes, as this kernel header knows; false when it is none. */
static bool read_attr(const uint8_t *attr, size_t len, struct perf_event_attr *out)
{
	size_t size = len >= ATTR_MIN_BYTES ? u32_at(attr + 4) : 0;

	/* The first version of it wrote no size. */
	if (len >= ATTR_MIN_BYTES && !size)
		size = ATTR_MIN_BYTES;
	if (size < ATTR_MIN_BYTES || size > len)
		return false;
	memset(out, 0, sizeof(*out));
	memcpy(out, attr, size < sizeof(*out) ? size : sizeof(*out));
	return true;
}

static int add_event(struct cxms_perf_file *f, const struct perf_event_attr *attr)
{
	void *grown = f->event;

	if (f->n_event == CXMS_PERF_EVENTS_MAX)
		return -E2BIG;
	if (cxms_array_grow(&grown, &f->cap_event, f->n_event + 1, sizeof(*f->event)))
		return -ENOMEM;
	f->event = grown;
	f->event[f->n_event++] = (struct cxms_perf_event_desc){.attr = *attr};
	return 0;
}

static int add_id(struct cxms_perf_file *f, uint64_t id)
{
	if (f->by_id.n >= IDS_MAX)
		return -E2BIG;
	return cxms_idmap_put(&f->by_id, id, (void *)(uintptr_t)f->n_event);
}

static int fail_events(struct cxms_perf_file *f, int rc, struct cxms_err *err)
{
	if (rc == -ENOMEM)
		return cxms_fail(err, ENOMEM, "out of memory for the events of '%s'", f->in->name);
	return cxms_fail(err, EINVAL,
			 "'%s' is damaged: its list of events cannot be read; record again",
			 f->in->name);
}

/* One entry of the list of events: its attr, then where its ids are. */
static int read_entry(struct cxms_perf_file *f, const uint8_t *entry, size_t entry_bytes)
{
	const uint8_t *ids = entry + entry_bytes - 16;
	struct section at = {.offset = u64_at(ids), .size = u64_at(ids + 8)};
	struct perf_event_attr attr;
	uint8_t id[8];
	int rc;

	if (!read_attr(entry, entry_bytes - 16, &attr) || at.size / 8 > IDS_MAX)
		return -EINVAL;
	rc = add_event(f, &attr);
	for (uint64_t i = 0; !rc && i < at.size / 8; i++) {
		rc = cxms_input_pread(f->in, at.offset + 8 * i, id, sizeof(id));
		if (!rc)
			rc = add_id(f, u64_at(id));
	}
	return rc;
}

static int read_entries(struct cxms_perf_file *f, const struct section *at, uint64_t entry_bytes)
{
	uint8_t entry[ATTR_MAX_BYTES];
	uint64_t n;
	int rc = 0;

	if (entry_bytes < ATTR_MIN_BYTES + 16 || entry_bytes > sizeof(entry))
		return -EINVAL;
	n = at->size / entry_bytes;
	if (!n || n > CXMS_PERF_EVENTS_MAX)
		return -EINVAL;
	for (uint64_t i = 0; !rc && i < n; i++) {
		rc = cxms_input_pread(f->in, at->offset + i * entry_bytes, entry,
				      (size_t)entry_bytes);
		if (!rc)
			rc = read_entry(f, entry, (size_t)entry_bytes);
	}
	return rc;
}

static int read_feature(struct cxms_perf_file *f, unsigned feature, uint64_t entry_offset)
{
	uint8_t entry[16], *data;
	struct section at;
	int rc;

	if (cxms_input_pread(f->in, entry_offset, entry, sizeof(entry)))
		return 0;
	at = (struct section){.offset = u64_at(entry), .size = u64_at(entry + 8)};
	if (!perf_feature_is_known(feature) || at.size > FEATURE_MAX)
		return 0;
	data = malloc((size_t)at.size + 1);
	if (!data)
		return -ENOMEM;
	rc = cxms_input_pread(f->in, at.offset, data, (size_t)at.size)
		     ? 0
		     : perf_feature(f, feature, data, (size_t)at.size);
	free(data);
	return rc;
}

/* Behind the data: for each bit that is set, where the feature is. A file cut short has none. */
static int read_features(struct cxms_perf_file *f, const uint8_t *bits, uint64_t offset)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < PERF_FEAT_END; i++) {
		if (!(bits[i / 8] >> i % 8 & 1))
			continue;
		rc = read_feature(f, i, offset);
		offset += 16;
	}
	return rc;
}

static int open_file(struct cxms_perf_file *f, struct cxms_err *err)
{
	struct cxms_input *in = f->in;
	const uint8_t *h;
	uint8_t bits[32];
	struct section attrs, data;
	uint64_t entry_bytes;
	int rc;

	if (!in->is_seekable)
		return cxms_fail(err, EINVAL,
				 "'%s' has to be a file: perf wrote it to seek in; name the file",
				 in->name);
	if (cxms_input_want(in, FILE_HEAD_BYTES) < FILE_HEAD_BYTES)
		return cxms_fail(err, EINVAL, "'%s' ends within its header; record again",
				 in->name);
	h = cxms_input_at(in);
	entry_bytes = u64_at(h + 16);
	attrs = (struct section){.offset = u64_at(h + 24), .size = u64_at(h + 32)};
	data = (struct section){.offset = u64_at(h + 40), .size = u64_at(h + 48)};
	memcpy(bits, h + 72, sizeof(bits));
	rc = read_entries(f, &attrs, entry_bytes);
	if (rc)
		return fail_events(f, rc, err);
	if (data.offset > in->size)
		return cxms_fail(err, EINVAL, "'%s' ends before its data; record again", in->name);
	/* perf writes the size when it ends; before, all that is there is data. */
	if (data.size && data.size <= in->size - data.offset) {
		rc = read_features(f, bits, data.offset + data.size);
		cxms_input_seek(in, data.offset, data.offset + data.size);
		return rc ? cxms_fail(err, ENOMEM, "out of memory for reading '%s'", in->name) : 0;
	}
	cxms_input_seek(in, data.offset, UINT64_MAX);
	f->is_cut = true;
	snprintf(f->where, sizeof(f->where), "its recorder did not end it");
	return 0;
}

static int check_magic(const struct cxms_input *in, const uint8_t *h, struct cxms_err *err)
{
	if (!memcmp(h, "2ELIFREP", 8))
		return cxms_fail(err, EINVAL,
				 "'%s' was recorded on a big-endian machine; only little-endian "
				 "recordings are read",
				 in->name);
	if (!memcmp(h, "PERFFILE", 8))
		return cxms_fail(
			err, EINVAL,
			"'%s' has the first form of perf.data, of Linux before 3.3; record "
			"again with a newer perf",
			in->name);
	if (memcmp(h, magic, sizeof(magic)) != 0)
		return cxms_fail(err, EINVAL, "'%s' is no perf.data file: its first bytes differ",
				 in->name);
	return 0;
}

int cxms_perf_file_open(struct cxms_perf_file *f, struct cxms_input *in, struct cxms_err *err)
{
	const uint8_t *h;
	uint64_t head_bytes;
	int rc;

	*f = (struct cxms_perf_file){.in = in};
	f->rec = malloc(RECORD_MAX);
	if (!f->rec)
		return cxms_fail(err, ENOMEM, "out of memory for reading '%s'", in->name);
	if (cxms_input_want(in, PIPE_HEAD_BYTES) < PIPE_HEAD_BYTES)
		return in->error ? cxms_fail_sys(err, in->error, "cannot read '%s'", in->name)
				 : cxms_fail(err, EINVAL, "'%s' is empty or too short", in->name);
	h = cxms_input_at(in);
	rc = check_magic(in, h, err);
	if (rc)
		return rc;
	head_bytes = u64_at(h + 8);
	f->is_pipe = head_bytes == PIPE_HEAD_BYTES;
	if (f->is_pipe) {
		cxms_input_skip(in, PIPE_HEAD_BYTES);
		return 0;
	}
	if (head_bytes < FILE_HEAD_BYTES)
		return cxms_fail(err, EINVAL, "'%s' has a header of an unknown size; record again",
				 in->name);
	return open_file(f, err);
}

void cxms_perf_file_close(struct cxms_perf_file *f)
{
	for (size_t i = 0; i < f->info.n_word; i++)
		free(f->info.word[i]);
	for (size_t i = 0; i < f->info.n_build; i++)
		free(f->info.build[i].path);
	free(f->info.word);
	free(f->info.build);
	free(f->event);
	free(f->rec);
	cxms_idmap_fini(&f->by_id);
	perf_zip_free(f->zip);
	*f = (struct cxms_perf_file){0};
}

const struct cxms_perf_build *cxms_perf_file_build(const struct cxms_perf_file *f, const char *path)
{
	for (size_t i = 0; i < f->info.n_build; i++)
		if (!strcmp(f->info.build[i].path, path))
			return &f->info.build[i];
	return NULL;
}

/* ---- records ---- */

/* USER_ATTR: the attr, then its ids. Before any sample of it, in a pipe. */
static int take_attr(struct cxms_perf_file *f, const uint8_t *body, size_t len)
{
	struct perf_event_attr attr;
	size_t attr_bytes = len >= ATTR_MIN_BYTES ? u32_at(body + 4) : 0;
	int rc;

	if (!read_attr(body, len, &attr))
		return -EINVAL;
	rc = add_event(f, &attr);
	for (size_t at = attr_bytes; !rc && at + 8 <= len; at += 8)
		rc = add_id(f, u64_at(body + at));
	return rc;
}

/* USER_EVENT_UPDATE: u64 what, u64 id, data */
static void take_update(struct cxms_perf_file *f, const uint8_t *body, size_t len)
{
	uintptr_t index;

	if (len < 17 || u64_at(body) != UPDATE_NAME)
		return;
	index = (uintptr_t)cxms_idmap_get(&f->by_id, u64_at(body + 8));
	if (index)
		snprintf(f->event[index - 1].name, CXMS_PERF_NAME_MAX, "%.*s", (int)(len - 16),
			 (const char *)body + 16);
}

/* Some records are followed by bytes of their own. */
static int pass_over(struct cxms_perf_file *f, uint64_t bytes)
{
	if (!cxms_input_skip(f->in, bytes))
		cut(f, "what belongs to the last record is not whole");
	return 0;
}

/* A record of perf itself that is told to nobody. */
static int take_user(struct cxms_perf_file *f, const uint8_t *rec, size_t len, struct cxms_err *err)
{
	const uint8_t *body = rec + 8;
	size_t n = len - 8;
	uint64_t bytes;
	int rc = 0;

	switch (u32_at(rec)) {
	case USER_ATTR:
		rc = take_attr(f, body, n);
		return rc ? fail_events(f, rc, err) : 0;
	case USER_EVENT_UPDATE:
		take_update(f, body, n);
		return 0;
	case USER_FEATURE:
		rc = n > 8 ? perf_feature(f, (unsigned)u64_at(body), body + 8, n - 8) : 0;
		break;
	case USER_BUILD_ID:
		rc = perf_build_id(f, rec, len);
		break;
	case USER_TRACING_DATA:
		return n >= 4 ? pass_over(f, ((uint64_t)u32_at(body) + 7) & ~7ull) : 0;
	case USER_AUXTRACE:
		bytes = n >= 8 ? u64_at(body) : 0;
		f->aux_bytes += bytes;
		return pass_over(f, bytes);
	case USER_COMPRESSED:
		return perf_zip_put(f, body, n, err);
	case USER_COMPRESSED2:
		bytes = n >= 8 ? u64_at(body) : 0;
		return bytes <= n - (n >= 8 ? 8 : n) ? perf_zip_put(f, body + 8, (size_t)bytes, err)
						     : 0;
	default:
		break;
	}
	return rc ? cxms_fail(err, ENOMEM, "out of memory for reading '%s'", f->in->name) : 0;
}

/* The next record as it stands in the file; NULL at the end. */
static const uint8_t *raw_record(struct cxms_perf_file *f, size_t *len)
{
	size_t have = cxms_input_want(f->in, 8);
	const uint8_t *rec = cxms_input_at(f->in);

	if (!have)
		return NULL;
	*len = have < 8 ? 0 : (size_t)(rec[6] | rec[7] << 8);
	if (have >= 8 && *len < 8) {
		cut(f, "a record has no size");
		return NULL;
	}
	if (have < 8 || cxms_input_want(f->in, *len) < *len) {
		cut(f, "the last record is not whole");
		return NULL;
	}
	return cxms_input_at(f->in);
}

static bool is_for_caller(uint32_t type)
{
	return type < CXMS_PERF_USER_FIRST || type == CXMS_PERF_FINISHED_ROUND;
}

/* One record from the unpacked data, else from the file; taken in when it is not for the caller. */
static int step(struct cxms_perf_file *f, bool *is_end, bool *is_found, struct cxms_err *err)
{
	bool was_cut = f->is_cut;
	size_t len;
	const uint8_t *rec = f->zip ? perf_zip_record(f, &len) : NULL;
	bool is_raw = !rec;
	int rc = 0;

	if (f->is_cut && !was_cut) {
		*is_end = true;
		return 0;
	}
	if (is_raw)
		rec = raw_record(f, &len);
	if (!rec) {
		*is_end = true;
		if (f->zip && perf_zip_has_rest(f) && !f->is_cut)
			cut(f, "the last compressed record is not whole");
		return 0;
	}
	f->n_record++;
	memcpy(f->rec, rec, len);
	if (is_raw && !cxms_input_skip(f->in, len))
		return 0;
	*is_found = is_for_caller(u32_at((const uint8_t *)f->rec));
	was_cut = f->is_cut;
	if (!*is_found)
		rc = take_user(f, (const uint8_t *)f->rec, len, err);
	*is_end = f->is_cut && !was_cut;
	return rc;
}

int cxms_perf_file_next(struct cxms_perf_file *f, const struct perf_event_header **h,
			struct cxms_err *err)
{
	bool is_end = false, is_found = false;
	int rc = 0;

	*h = NULL;
	while (!rc && !is_end && !is_found)
		rc = step(f, &is_end, &is_found, err);
	if (!rc && f->in->error)
		return cxms_fail_sys(err, f->in->error, "cannot read '%s'", f->in->name);
	if (!rc && is_found)
		*h = (const struct perf_event_header *)(const void *)f->rec;
	return rc;
}
