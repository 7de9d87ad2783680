#include "core/window_step.h"

void cxms_window_run_plain(struct cxms_window *w, const struct cxms_xrun *run, size_t n)
{
	run_blocks(w, run, n);
}
