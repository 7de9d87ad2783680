#include "core/window_step.h"

void cxms_window_run_plain(struct cxms_window *w, const struct cxms_xrun *run)
{
	run_block(w, run);
}
