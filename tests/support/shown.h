/* A topology that is shown as text, and read again from that. */
#ifndef CXMS_TESTS_SUPPORT_SHOWN_H
#define CXMS_TESTS_SUPPORT_SHOWN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "topo/draw.h"
#include "topo/topo.h"

/* What `topo show` prints of @t, loaded; the caller frees it. */
static inline struct cxms_topo *shown_and_read_again(const struct cxms_topo *t)
{
	struct cxms_buf text = {0};
	struct cxms_topo *again = NULL;
	struct cxms_err err = {0};
	cxms_topo_show(t, &text);
	if (cxms_topo_load_mem("show.yaml", text.data, text.len, &again, &err) < 0)
		fail_msg("%s\n%s", err.msg, cxms_buf_text(&text));
	cxms_buf_fini(&text);
	return again;
}

#endif
