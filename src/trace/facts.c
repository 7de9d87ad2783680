#include "base/fmt.h"
#include "base/warn.h"
#include "trace/event.h"

void cxms_facts_warn_assumed(const struct cxms_facts *f, struct cxms_warnings *w)
{
	cxms_warn(
		w, CXMS_W_IMPORT_ASSUMED,
		"the recording machine's latencies are assumed: %.0f ns to memory, %.0f ns a page "
		"walk; its last-level cache is taken as %s",
		(double)f->mem_latency_ps / 1e3, (double)f->walk_ps / 1e3,
		cxms_fmt_bytes((char[CXMS_FMT_MAX]){0}, f->llc_bytes));
}

void cxms_warn_outlived(uint64_t n, struct cxms_warnings *w)
{
	if (n)
		cxms_warn(w, CXMS_W_OUTLIVED, "%llu process%s ran on when the program ended",
			  (unsigned long long)n, n == 1 ? "" : "es");
}
