#include "core/window_step.h"

void cxms_window_run_plain(struct cxms_window *w, const struct cxms_xrun *run, size_t n)
{
	for (size_t i = 0; i < n; i++)
		run_block(w, &run[i]);
}
