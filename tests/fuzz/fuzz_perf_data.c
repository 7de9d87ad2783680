/* Fuzz target: any bytes as a perf.data file, imported to its end. No code is read. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/warn.h"
#include "source/import.h"

#define EVENTS 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct cxms_import *i)
{
	struct cxms_event ev[EVENTS];
	struct cxms_totals totals;
	struct cxms_err err = {0};
	bool end = false;
	size_t n;

	while (!end)
		if (i->ops->read(i, ev, EVENTS, &n, &end, &err))
			return;
	i->ops->stop(i, &totals);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cxms_warnings warnings = {0};
	struct cxms_input in = {0};
	struct cxms_import_cfg cfg = {.in = &in, .symfs = "/nowhere", .warnings = &warnings};
	struct cxms_import *i = NULL;
	struct cxms_err err = {0};
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (!cxms_input_open(&in, fd, "fuzz", &err) &&
	    !cxms_import_open(&cxms_import_perf_data, &cfg, &i, &err))
		read_all(i);
	cxms_import_free(i);
	cxms_input_close(&in);
	close(fd);
	return 0;
}
