#include "source/perf_dry.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* More than any ring that is asked for; what is not touched takes no memory. */
#define RING_BYTES (16l << 20)

bool cxms_perf_is_dry(void)
{
	const char *dry = getenv("CXMS_PERF_DRY");

	return dry && *dry;
}

int cxms_perf_dry_open(const struct perf_event_attr *attr, pid_t pid, long paranoid)
{
	bool is_deep = !attr->exclude_kernel || attr->sample_type & PERF_SAMPLE_PHYS_ADDR;
	int fd;

	/* Linux admin-guide/sysctl/kernel.rst; levels above 2 are Debian's and Ubuntu's. */
	if (paranoid > 2 || (paranoid > 1 && is_deep) || (paranoid > 0 && pid == -1)) {
		errno = EACCES;
		return -1;
	}
	fd = memfd_create("dry", MFD_CLOEXEC);
	if (fd >= 0 && ftruncate(fd, RING_BYTES) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}
