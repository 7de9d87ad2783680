#include "source/sample_cost.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/sys.h"
#include "source/disturbance.h"
#include "source/machine_chase.h"
#include "source/perf_attr.h"
#include "source/perf_open.h"

/* About the period that a guest's default comes to: at shorter ones the caches still hold what the
 * last sample needed. */
#define TEST_PERIOD_NS 799991u
#define SET_NS	       (110ull * TEST_PERIOD_NS)
#define PIECES_MAX     8192u
#define RING_BYTES     (64u << 10) /* holds all samples of a set: nobody reads them */
#define PPM	       1000000u

static int measure(int fd, const struct perf_event_mmap_page *ring, struct cxms_chase *c,
		   uint64_t *cost_ns, struct cxms_err *err)
{
	struct cxms_piece *piece = calloc(PIECES_MAX, sizeof(*piece));
	uint64_t hops = cxms_piece_hops(c), at = 0, head = 0, begin_ns, last_ns;
	size_t n = 0;

	if (!piece)
		return cxms_fail(err, ENOMEM, "out of memory for a measurement");
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	begin_ns = last_ns = cxms_cpu_self_ns();
	while (n < PIECES_MAX && last_ns - begin_ns < SET_NS) {
		uint64_t now_ns, now_head;

		at = cxms_chase_follow(c, at, hops);
		now_ns = cxms_cpu_self_ns();
		now_head = __atomic_load_n(&ring->data_head, __ATOMIC_RELAXED);
		piece[n++] = (struct cxms_piece){.took_ns = (uint32_t)(now_ns - last_ns),
						 .is_disturbed = now_head != head};
		last_ns = now_ns;
		head = now_head;
	}
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	uint64_t ns = cxms_disturbance_ns(piece, n);
	free(piece);
	if (!ns)
		return cxms_fail(err, EAGAIN, "too few samples to tell what one costs");
	*cost_ns = ns;
	return 0;
}

int cxms_sample_cost_measure(struct cxms_chase *c, uint64_t *cost_ns, struct cxms_err *err)
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
	int rc;
	if (ring == MAP_FAILED) {
		rc = cxms_fail_sys(err, errno, "cannot map a ring of %u KiB", RING_BYTES >> 10);
	} else {
		rc = measure(fd, ring, c, cost_ns, err);
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
