/* Watchpoints by perf. */
#include "source/wp_set.h"

#include "base/sys.h"
#include "source/watchpoint.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int perf_set(void *arg, uint32_t tid, uint64_t addr, struct cxms_perf_ring *ring)
{
	int fd = cxms_watchpoint_open(tid, addr, NULL), rc;

	(void)arg;
	if (fd < 0)
		return fd;
	rc = cxms_perf_ring_open(ring, fd, (size_t)sysconf(_SC_PAGESIZE), NULL);
	/* On, and off again after so many uses: a word used all the time costs no more than that.
	 */
	if (!rc && ioctl(fd, PERF_EVENT_IOC_REFRESH, CXMS_WP_USES)) {
		rc = -errno;
		cxms_perf_ring_close(ring);
	}
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

static void perf_clear(void *arg, int handle, struct cxms_perf_ring *ring)
{
	(void)arg;
	cxms_perf_ring_close(ring);
	close(handle);
}

static uint64_t perf_now_ns(void *arg)
{
	(void)arg;
	return cxms_now_ns();
}

const struct cxms_wp_ops cxms_wp_perf = {
	.set = perf_set,
	.clear = perf_clear,
	.now_ns = perf_now_ns,
};
