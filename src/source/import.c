#include "source/import.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"

int cxms_import_open(const struct cxms_import_ops *ops, const struct cxms_import_cfg *cfg,
		     struct cxms_import **out, struct cxms_err *err)
{
	struct cxms_import *i = calloc(1, sizeof(*i));
	int rc;

	if (!i)
		return cxms_fail(err, ENOMEM, "out of memory for an import");
	i->ops = ops;
	i->cfg = *cfg;
	i->priv = calloc(1, ops->priv_size);
	if (!i->priv) {
		free(i);
		return cxms_fail(err, ENOMEM, "out of memory for an import");
	}
	rc = ops->open(i, err);
	if (rc) {
		cxms_import_free(i);
		return rc;
	}
	*out = i;
	return 0;
}

void cxms_import_free(struct cxms_import *i)
{
	if (!i)
		return;
	i->ops->close(i);
	free(i->priv);
	free(i);
}
