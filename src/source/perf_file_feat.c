/* What a perf.data file says of the machine and the run beside its records. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "source/perf_file_priv.h"

#define WORDS_MAX	   65536u
#define BUILDS_MAX	   65536u
#define BUILD_ID_AT	   12u /* header, pid, id of 20 bytes, its length, three of nothing, path */
#define BUILD_PATH_AT	   36u
#define MISC_BUILD_ID_SIZE 0x8000u /* the length of the id is told */

bool perf_feature_is_known(unsigned feature)
{
	switch (feature) {
	case PERF_FEAT_BUILD_ID:
	case PERF_FEAT_HOSTNAME:
	case PERF_FEAT_OSRELEASE:
	case PERF_FEAT_ARCH:
	case PERF_FEAT_NRCPUS:
	case PERF_FEAT_CPUDESC:
	case PERF_FEAT_TOTAL_MEM:
	case PERF_FEAT_CMDLINE:
	case PERF_FEAT_EVENT_DESC:
	case PERF_FEAT_CACHE:
		return true;
	default:
		return false;
	}
}

/* A text: its length with what fills it up, then the bytes with a NUL among them. */
static const char *take_text(struct cxms_cur *c)
{
	uint32_t len = cxms_cur_u32(c);
	const uint8_t *s = cxms_cur_bytes(c, len);

	return s && len && memchr(s, 0, len) ? (const char *)s : NULL;
}

static void take_name(struct cxms_cur *c, char *out, size_t cap)
{
	const char *s = take_text(c);
	size_t n = 0;

	for (; s && s[n] && n + 1 < cap; n++)
		out[n] = s[n] >= ' ' && s[n] <= '~' ? s[n] : '?';
	if (s)
		out[n] = '\0';
}

static int take_words(struct cxms_perf_info *info, struct cxms_cur *c)
{
	uint32_t n = cxms_cur_u32(c);
	const char *s;

	if (info->n_word) /* told twice: the first stands */
		return 0;
	for (uint32_t i = 0; i < n && i < WORDS_MAX && (s = take_text(c)); i++) {
		void *grown = info->word;

		if (cxms_array_grow(&grown, &info->cap_word, info->n_word + 1, sizeof(*info->word)))
			return -ENOMEM;
		info->word = grown;
		info->word[info->n_word] = strdup(s);
		if (!info->word[info->n_word])
			return -ENOMEM;
		info->n_word++;
	}
	return 0;
}

int perf_build_id(struct cxms_perf_file *f, const uint8_t *rec, size_t len)
{
	struct cxms_perf_info *info = &f->info;
	struct cxms_perf_build b = {.len = CXMS_BUILD_ID_MAX};
	void *grown = info->build;

	if (len <= BUILD_PATH_AT || !memchr(rec + BUILD_PATH_AT, 0, len - BUILD_PATH_AT) ||
	    info->n_build == BUILDS_MAX)
		return 0;
	if (((unsigned)rec[4] | (unsigned)rec[5] << 8) & MISC_BUILD_ID_SIZE)
		b.len = rec[BUILD_ID_AT + CXMS_BUILD_ID_MAX];
	if (!b.len || b.len > CXMS_BUILD_ID_MAX)
		return 0;
	memcpy(b.id, rec + BUILD_ID_AT, b.len);
	if (cxms_array_grow(&grown, &info->cap_build, info->n_build + 1, sizeof(b)))
		return -ENOMEM;
	info->build = grown;
	b.path = strdup((const char *)rec + BUILD_PATH_AT);
	if (!b.path)
		return -ENOMEM;
	info->build[info->n_build++] = b;
	return 0;
}

static int take_builds(struct cxms_perf_file *f, struct cxms_cur *c)
{
	int rc = 0;

	while (!rc && c->end - c->p >= 8) {
		const uint8_t *rec = c->p;
		size_t len = (size_t)(rec[6] | rec[7] << 8);

		if (len < 8 || !cxms_cur_bytes(c, len))
			break;
		rc = perf_build_id(f, rec, len);
	}
	return rc;
}

/* Names for events: each attr again, its ids and its name. */
static void take_event_desc(struct cxms_perf_file *f, struct cxms_cur *c)
{
	uint32_t n = cxms_cur_u32(c), attr_bytes = cxms_cur_u32(c);

	for (uint32_t i = 0; i < n && i < f->n_event && !c->failed; i++) {
		char name[CXMS_PERF_NAME_MAX] = "";
		uint32_t n_id;

		cxms_cur_bytes(c, attr_bytes);
		n_id = cxms_cur_u32(c);
		take_name(c, name, sizeof(name));
		cxms_cur_bytes(c, (size_t)n_id * 8);
		if (!c->failed)
			memcpy(f->event[i].name, name, sizeof(name));
	}
}

/* "48K" as sysfs says it */
static uint64_t size_of(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (n > UINT32_MAX)
		return 0;
	return (uint64_t)n << (*end == 'K' ? 10 : *end == 'M' ? 20 : 0);
}

/* One entry per cache and set of CPUs; the first of each level stands. */
static void take_caches(struct cxms_perf_info *info, struct cxms_cur *c)
{
	uint32_t version = cxms_cur_u32(c), n = cxms_cur_u32(c);

	for (uint32_t i = 0; version == 1 && i < n && !c->failed; i++) {
		uint32_t level = cxms_cur_u32(c);
		const char *type, *size;
		uint64_t *to;

		cxms_cur_bytes(c, 12); /* line size, sets, ways */
		type = take_text(c);
		size = take_text(c);
		if (!type || !size || !take_text(c) || level < 1 || level > 3 ||
		    !strcmp(type, "Instruction"))
			continue;
		to = level == 1	  ? &info->l1d_bytes
		     : level == 2 ? &info->l2_bytes
				  : &info->llc_bytes;
		if (!*to)
			*to = size_of(size);
	}
}

int perf_feature(struct cxms_perf_file *f, unsigned feature, const void *data, size_t len)
{
	struct cxms_cur c = {.p = data, .end = (const uint8_t *)data + len};
	struct cxms_perf_info *info = &f->info;
	uint32_t available;

	switch (feature) {
	case PERF_FEAT_BUILD_ID:
		return take_builds(f, &c);
	case PERF_FEAT_HOSTNAME:
		take_name(&c, info->host, sizeof(info->host));
		return 0;
	case PERF_FEAT_OSRELEASE:
		take_name(&c, info->kernel, sizeof(info->kernel));
		return 0;
	case PERF_FEAT_ARCH:
		take_name(&c, info->arch, sizeof(info->arch));
		return 0;
	case PERF_FEAT_CPUDESC:
		take_name(&c, info->cpu, sizeof(info->cpu));
		return 0;
	case PERF_FEAT_NRCPUS:
		available = cxms_cur_u32(&c);
		info->n_cpu = cxms_cur_u32(&c);
		info->n_cpu = info->n_cpu ? info->n_cpu : available;
		return 0;
	case PERF_FEAT_TOTAL_MEM:
		info->mem_total_bytes = cxms_cur_u64(&c) << 10;
		return 0;
	case PERF_FEAT_CMDLINE:
		return take_words(info, &c);
	case PERF_FEAT_EVENT_DESC:
		take_event_desc(f, &c);
		return 0;
	case PERF_FEAT_CACHE:
		take_caches(info, &c);
		return 0;
	default:
		return 0;
	}
}
