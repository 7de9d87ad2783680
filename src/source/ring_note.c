#include "source/ring_note.h"

#include "source/perf_attr.h"
#include "source/perf_open.h"

#include <errno.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NAME_BYTES 16 /* of a thread's name, its end included (prctl(2)) */

/* The same name again: a record all the same. */
static int take_name(void)
{
	char name[NAME_BYTES] = "";

	return prctl(PR_GET_NAME, name) || prctl(PR_SET_NAME, name) ? -errno : 0;
}

static int note_here(int fd, unsigned cpu)
{
	struct perf_event_attr attr;
	int own, rc;

	cxms_perf_attr_note(&attr);
	own = cxms_perf_open(&attr, 0, (int)cpu, NULL);
	if (own < 0)
		return own;
	rc = ioctl(own, PERF_EVENT_IOC_SET_OUTPUT, fd) ? -errno : take_name();
	close(own);
	return rc;
}

int cxms_ring_note(int fd, unsigned cpu)
{
	cpu_set_t was, only;
	int rc;

	if (cpu >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&only);
	CPU_SET(cpu, &only);
	if (sched_getaffinity(0, sizeof(was), &was) || sched_setaffinity(0, sizeof(only), &only))
		return -errno;
	rc = note_here(fd, cpu);
	sched_setaffinity(0, sizeof(was), &was);
	return rc;
}
