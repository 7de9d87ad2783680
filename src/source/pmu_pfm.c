/* Event names by libpfm4, for the CPU we are told, not the one we run on. */
#include "source/pmu_names.h"

#include "base/lib.h"

#include <errno.h>
#include <perfmon/pfmlib_perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 256u
#define N_WORD	 2
#define SONAME	 "libpfm.so.4"

struct pfm {
	__typeof__(pfm_initialize) *initialize;
	__typeof__(pfm_get_os_event_encoding) *encode;
	__typeof__(pfm_get_pmu_info) *pmu_info;
	__typeof__(pfm_get_event_info) *event_info;
	__typeof__(pfm_get_event_next) *event_next;
	__typeof__(pfm_get_event_attr_info) *attr_info;
};

static int load(struct pfm *pfm, struct cxms_err *err)
{
	static const struct cxms_lib_function functions[] = {
		CXMS_LIB_FUNCTION(pfm, pfm_initialize, initialize),
		CXMS_LIB_FUNCTION(pfm, pfm_get_os_event_encoding, encode),
		CXMS_LIB_FUNCTION(pfm, pfm_get_pmu_info, pmu_info),
		CXMS_LIB_FUNCTION(pfm, pfm_get_event_info, event_info),
		CXMS_LIB_FUNCTION(pfm, pfm_get_event_next, event_next),
		CXMS_LIB_FUNCTION(pfm, pfm_get_event_attr_info, attr_info),
	};
	return cxms_lib_load(SONAME, "libpfm4", functions, sizeof(functions) / sizeof(*functions),
			     pfm, err);
}

/* What pfm_initialize() looks at: names of all CPUs are wanted, and none is forced on us. */
static const struct {
	const char *name, *value; /* NULL: unset */
} words[N_WORD] = {{"LIBPFM_ENCODE_INACTIVE", "1"}, {"LIBPFM_FORCE_PMU", NULL}};

static void put_word(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

/* The environment is the watched program's as well: it is as before afterwards. */
static int begin(struct pfm *pfm)
{
	char *kept[N_WORD] = {NULL};
	int rc = load(pfm, NULL);

	if (rc)
		return rc;
	for (int i = 0; i < N_WORD; i++) {
		const char *old = getenv(words[i].name);

		kept[i] = old ? strdup(old) : NULL;
		if (old && !kept[i])
			rc = -ENOMEM;
	}
	for (int i = 0; i < N_WORD && !rc; i++)
		put_word(words[i].name, words[i].value);
	if (!rc) {
		rc = pfm->initialize() == PFM_SUCCESS ? 0 : -ENOTSUP;
		for (int i = 0; i < N_WORD; i++)
			put_word(words[i].name, kept[i]);
	}
	for (int i = 0; i < N_WORD; i++)
		free(kept[i]);
	return rc;
}

int cxms_pfm_check(struct cxms_err *err)
{
	struct pfm pfm;

	return load(&pfm, err);
}

int cxms_pfm_encode(const char *pmu, const char *name, struct cxms_pmu_code *out)
{
	struct perf_event_attr attr = {.size = sizeof(attr)};
	pfm_perf_encode_arg_t arg = {.attr = &attr, .size = sizeof(arg)};
	char word[WORD_MAX];
	struct pfm pfm;
	int n = snprintf(word, sizeof(word), "%s::%s", pmu, name), rc = begin(&pfm);

	if (rc)
		return rc;
	if (n < 0 || (size_t)n >= sizeof(word))
		return -ENOENT;
	for (char *p = word; *p; p++)
		*p = *p == '.' ? ':' : *p;
	if (pfm.encode(word, PFM_PLM3, PFM_OS_PERF_EVENT, &arg) != PFM_SUCCESS)
		return -ENOENT;
	*out = (struct cxms_pmu_code){attr.type, {attr.config, attr.config1, attr.config2}};
	return 0;
}

static int find_pmu(const struct pfm *pfm, const char *name, pfm_pmu_info_t *out)
{
	int pmu;

	pfm_for_all_pmus(pmu)
	{
		pfm_pmu_info_t info = {.size = sizeof(info)};

		if (pfm->pmu_info((pfm_pmu_t)pmu, &info) != PFM_SUCCESS ||
		    strcmp(info.name, name) != 0)
			continue;
		*out = info;
		return 0;
	}
	return -ENOTSUP;
}

static void list_event(const struct pfm *pfm, const pfm_event_info_t *ev,
		       void (*fn)(void *arg, const char *name), void *arg)
{
	bool has_umask = false;
	char word[WORD_MAX];

	for (int i = 0; i < ev->nattrs; i++) {
		pfm_event_attr_info_t attr = {.size = sizeof(attr)};

		if (pfm->attr_info(ev->idx, i, PFM_OS_PERF_EVENT, &attr) != PFM_SUCCESS ||
		    attr.type != PFM_ATTR_UMASK)
			continue;
		has_umask = true;
		snprintf(word, sizeof(word), "%s:%s", ev->name, attr.name);
		fn(arg, word);
	}
	if (!has_umask)
		fn(arg, ev->name);
}

int cxms_pfm_list(const char *pmu, void (*fn)(void *arg, const char *name), void *arg)
{
	pfm_pmu_info_t info;
	struct pfm pfm;
	int rc = begin(&pfm);

	if (!rc)
		rc = find_pmu(&pfm, pmu, &info);
	for (int i = rc ? -1 : info.first_event; i != -1; i = pfm.event_next(i)) {
		pfm_event_info_t ev = {.size = sizeof(ev)};

		if (pfm.event_info(i, PFM_OS_PERF_EVENT, &ev) == PFM_SUCCESS)
			list_event(&pfm, &ev, fn, arg);
	}
	return rc;
}
