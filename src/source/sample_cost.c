#include "source/sample_cost.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "source/perf_attr.h"
#include "source/perf_open.h"
#include "source/spin.h"

#define ROUNDS	       31u
#define ROUND_NS       4000000u /* about forty samples a round */
#define TEST_PERIOD_NS 99991u
#define RING_BYTES     (64u << 10)
#define PPM	       1000000u

/* One round: the added time of a sampled spin, by the samples its own time takes. */
static int64_t round_cost(int fd, struct perf_event_mmap_page *ring, uint64_t turns)
{
	uint64_t plain = cxms_spin(turns);
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	uint64_t sampled = cxms_spin(turns);
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	ring->data_tail = ring->data_head; /* nobody reads them: make room for the next round */
	int64_t samples = (int64_t)(sampled / TEST_PERIOD_NS);
	return ((int64_t)sampled - (int64_t)plain) / (samples > 0 ? samples : 1);
}

static uint64_t measure(int fd, struct perf_event_mmap_page *ring)
{
	int64_t cost[ROUNDS];
	uint64_t turns = cxms_spin_turns(ROUND_NS);
	for (unsigned i = 0; i < ROUNDS; i++)
		cost[i] = round_cost(fd, ring, turns);
	return cxms_spin_cost(cost, ROUNDS);
}

int cxms_sample_cost_measure(uint64_t *cost_ns, struct cxms_err *err)
{
	struct perf_event_attr attr;
	size_t bytes = RING_BYTES + (size_t)sysconf(_SC_PAGESIZE);
	cxms_perf_attr(CXMS_PERF_SAMPLES, TEST_PERIOD_NS, RING_BYTES, false, &attr);
	attr.inherit = 0; /* a ring for all CPUs is refused to inherited events */
	attr.enable_on_exec = 0;
	attr.disabled = 1;
	int fd = cxms_perf_open(&attr, 0, -1, err);
	if (fd < 0)
		return fd;
	void *ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int rc = 0;
	if (ring == MAP_FAILED) {
		rc = cxms_fail_sys(err, errno, "cannot map a ring of %u KiB", RING_BYTES >> 10);
	} else {
		*cost_ns = measure(fd, ring);
		munmap(ring, bytes);
	}
	close(fd);
	return rc;
}

uint64_t cxms_sample_period_ns(uint64_t default_ns, uint64_t cost_ns, uint32_t budget_ppm)
{
	uint64_t least = cost_ns * PPM / budget_ppm;
	uint64_t times = (least + default_ns - 1) / default_ns;
	return default_ns * (times ? times : 1);
}
