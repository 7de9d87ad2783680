/* In place of pmu_pfm.c where libpfm4 is not there (Debian: libpfm4-dev). */
#include "source/pmu_names.h"

#include "base/err.h"

#include <errno.h>

int cxms_pfm_check(struct cxms_err *err)
{
	return cxms_fail(err, ENOTSUP, "this was built without libpfm4; build it with libpfm4-dev");
}

int cxms_pfm_encode(const char *pmu, const char *name, struct cxms_pmu_code *out)
{
	(void)pmu;
	(void)name;
	(void)out;
	return -ENOTSUP;
}

int cxms_pfm_list(const char *pmu, void (*fn)(void *arg, const char *name), void *arg)
{
	(void)pmu;
	(void)fn;
	(void)arg;
	return -ENOTSUP;
}
