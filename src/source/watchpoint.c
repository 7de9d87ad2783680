#include "source/watchpoint.h"

#include "base/err.h"
#include "source/perf_attr.h"
#include "source/perf_open.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

int cxms_watchpoint_open(uint32_t tid, uint64_t addr, struct cxms_err *err)
{
	struct perf_event_attr attr;
	struct cxms_err why = {0};
	int fd;

	cxms_perf_attr_watch(addr & ~(uint64_t)(CXMS_WATCH_WORD_BYTES - 1), &attr);
	fd = cxms_perf_open(&attr, (pid_t)tid, -1, &why);
	if (fd >= 0)
		return fd;
	if (fd == -ENOSPC || fd == -EBUSY)
		return cxms_fail(
			err, -fd,
			"all hardware breakpoints are taken; end the debugger that has them");
	if (fd == -ENOENT || fd == -ENODEV || fd == -EOPNOTSUPP)
		return cxms_fail(err, ENOTSUP,
				 "this kernel offers no hardware breakpoints to perf; leave "
				 "--watchpoints out");
	return cxms_fail(err, -fd, "%s", why.msg);
}

int cxms_watchpoint_probe(struct cxms_err *err)
{
	volatile uint64_t word = 0;
	uint64_t fired = 0;
	int fd = cxms_watchpoint_open(0, (uintptr_t)&word, err);
	ssize_t n;

	if (fd < 0)
		return fd;
	/* Whether it could be enabled shows in what it counted. */
	(void)ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	word = word + 1;
	(void)ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	n = read(fd, &fired, sizeof(fired));
	close(fd);
	if (n == (ssize_t)sizeof(fired) && fired > 0)
		return 0;
	return cxms_fail(err, ENOTSUP,
			 "hardware breakpoints open but do not fire here (a virtual machine that "
			 "does not pass debug registers on); leave --watchpoints out, or record on "
			 "a machine where they do");
}
