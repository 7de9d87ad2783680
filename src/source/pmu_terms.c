/* Terms of an event into config words; nothing is ever cut to fit. */
#include "source/pmu.h"

#include "base/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TERM_MAX 64u

/* The bits of @value, lowest first, into the set bits of @mask; false when some are left. */
static bool spread(uint64_t value, uint64_t mask, uint64_t *out)
{
	uint64_t v = 0;

	for (uint64_t bit = 1; bit; bit <<= 1) {
		if (!(mask & bit))
			continue;
		v |= value & 1 ? bit : 0;
		value >>= 1;
	}
	*out = v;
	return value == 0;
}

static bool read_value(const char *text, uint64_t *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 0);
	return !errno && !*end;
}

static int put_term(const struct cxms_pmu *p, const char *event, char *term,
		    struct cxms_pmu_code *out, struct cxms_err *err)
{
	static const char *const words[CXMS_PMU_CONFIGS] = {"config", "config1", "config2"};
	const struct cxms_pmu_field *f;
	char *value = strchr(term, '=');
	uint64_t v = 1, placed;

	if (value)
		*value++ = '\0';
	if (value && !read_value(value, &v))
		return cxms_fail(err, EINVAL, "event '%s': '%s' of '%s' is no number", event, value,
				 term);
	for (unsigned i = 0; i < CXMS_PMU_CONFIGS; i++) {
		if (strcmp(term, words[i]) != 0)
			continue;
		out->config[i] = v;
		return 0;
	}
	f = cxms_pmu_field(p, term);
	if (!f)
		return cxms_fail(
			err, EINVAL,
			"event '%s': PMU '%s' of this kernel has no field '%s'; its fields are "
			"in /sys/bus/event_source/devices/%s/format",
			event, p->name, term, p->name);
	if (!spread(v, f->mask, &placed))
		return cxms_fail(err, ERANGE,
				 "event '%s': %s=0x%" PRIx64 " does not fit its %d bits in PMU "
				 "'%s' of this kernel; use a newer kernel, or another event",
				 event, term, v, __builtin_popcountll(f->mask), p->name);
	out->config[f->word] = (out->config[f->word] & ~f->mask) | placed;
	return 0;
}

int cxms_pmu_terms(const struct cxms_pmu *p, const char *event, const char *terms,
		   struct cxms_pmu_code *out, struct cxms_err *err)
{
	struct cxms_pmu_code code = *out;
	int rc = 0;

	code.type = p->type;
	while (*terms && !rc) {
		size_t n = strcspn(terms, ",");
		char term[TERM_MAX];

		if (n >= sizeof(term))
			return cxms_fail(err, EINVAL, "event '%s': '%.20s...' is no term", event,
					 terms);
		memcpy(term, terms, n);
		term[n] = '\0';
		if (n)
			rc = put_term(p, event, term, &code, err);
		terms += n + (terms[n] == ',');
	}
	if (!rc)
		rc = cxms_pmu_check(p, event, &code, err);
	if (!rc)
		*out = code;
	return rc;
}

int cxms_pmu_check(const struct cxms_pmu *p, const char *event, const struct cxms_pmu_code *code,
		   struct cxms_err *err)
{
	uint64_t known[CXMS_PMU_CONFIGS] = {0};

	for (unsigned i = 0; i < p->n_field; i++)
		known[p->field[i].word] |= p->field[i].mask;
	for (unsigned i = 0; i < CXMS_PMU_CONFIGS; i++) {
		uint64_t beyond = code->config[i] & ~known[i];

		if (beyond)
			return cxms_fail(err, ERANGE,
					 "event '%s' needs bits 0x%" PRIx64 " of config%.*u, which "
					 "PMU '%s' of this kernel does not have; use a newer "
					 "kernel, or another event",
					 event, beyond, i ? 1 : 0, i, p->name);
	}
	return 0;
}
