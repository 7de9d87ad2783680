/* Compiled for AVX2 (CMakeLists.txt), where the compiler can: a vector holds all lanes. */
#include "core/window_step.h"

void cxms_window_run_avx2(struct cxms_window *w, const struct cxms_xrun *run, size_t n)
{
	run_blocks(w, run, n);
}
