/*
 * What a watcher by the same events pays to the kernel, whoever it is: events opened by nobody but
 * this program, which nobody reads.
 *
 * - One sample: a random chase over base pages, in slices with and without an event, that change
 *   places from round to round. The bare event has no ring, so that nothing is left of the
 * interrupt but its handling; the other is that of a recording.
 * - The first event of a process after the kernel has forgotten that there are any, and the second.
 */
#include "overhead.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/sys.h"
#include "source/machine_chase.h"
#include "source/perf_attr.h"
#include "source/perf_open.h"

#define CHASE_BYTES (256ull << 20)
#define TINY_BYTES  (1ull << 20)
/* About an eighth of a guest's default: what a sample costs stands out of the noise. */
#define PERIOD_NS	175003u
#define SLICE_NS	100000000u
#define TINY_NS		1000000u
#define TRIED_HOPS	100000u
#define SLICES_PER_PAIR 4u
#define RING_BYTES	(1u << 20) /* more than the samples of a slice */
#define NS_PER_US	1e3
#define NS_PER_MS	1e6

enum kind { NONE, BARE, RECORDED, KINDS };

struct floor_event {
	int fd;
	struct perf_event_mmap_page *ring; /* NULL = none */
};

static int open_event(enum kind kind)
{
	struct perf_event_attr attr;
	struct cxms_err err = {0};
	cxms_perf_attr(CXMS_PERF_SAMPLES, PERIOD_NS, RING_BYTES, false, &attr);
	attr.inherit = 0;
	attr.enable_on_exec = 0;
	if (kind == BARE) {
		attr.sample_type = PERF_SAMPLE_IP;
		attr.sample_regs_user = 0;
	}
	int fd = cxms_perf_open(&attr, 0, -1, &err);
	if (fd < 0)
		bench_die(1, "%s", err.msg);
	return fd;
}

static void open_events(struct floor_event event[KINDS])
{
	size_t bytes = RING_BYTES + (size_t)sysconf(_SC_PAGESIZE);
	for (enum kind k = BARE; k < KINDS; k++) {
		event[k].fd = open_event(k);
		if (k == BARE)
			continue;
		void *ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, event[k].fd, 0);
		if (ring == MAP_FAILED)
			bench_die(1, "cannot map a ring: %s", strerror(errno));
		event[k].ring = ring;
	}
}

static void close_events(const struct floor_event event[KINDS])
{
	for (enum kind k = BARE; k < KINDS; k++) {
		if (event[k].ring)
			munmap(event[k].ring, RING_BYTES + (size_t)sysconf(_SC_PAGESIZE));
		close(event[k].fd);
	}
}

/* CPU time of @hops with the event on. */
static uint64_t slice_ns(const struct floor_event *e, const struct cxms_chase *c, uint64_t *at,
			 uint64_t hops)
{
	if (e->fd >= 0)
		ioctl(e->fd, PERF_EVENT_IOC_ENABLE, 0);
	uint64_t begin_ns = cxms_cpu_self_ns();
	*at = cxms_chase_follow(c, *at, hops);
	uint64_t took_ns = cxms_cpu_self_ns() - begin_ns;
	if (e->fd >= 0)
		ioctl(e->fd, PERF_EVENT_IOC_DISABLE, 0);
	if (e->ring) /* all is read */
		__atomic_store_n(&e->ring->data_tail,
				 __atomic_load_n(&e->ring->data_head, __ATOMIC_ACQUIRE),
				 __ATOMIC_RELEASE);
	return took_ns;
}

static void measure_samples(const struct overhead_opts *o, unsigned n,
			    struct overhead_summary us[KINDS])
{
	struct floor_event event[KINDS] = {{.fd = -1}};
	static double value[KINDS][OVERHEAD_PAIRS];
	struct cxms_chase *c;
	uint64_t at = 0, bytes = o->tiny ? TINY_BYTES : CHASE_BYTES;
	if (cxms_chase_new(&c, bytes, false, NULL))
		bench_die(1, "out of memory");
	cxms_chase_link(c, bytes, 1);
	open_events(event);
	uint64_t tried_ns = slice_ns(&event[NONE], c, &at, TRIED_HOPS);
	uint64_t hops = (o->tiny ? TINY_NS : SLICE_NS) * (uint64_t)TRIED_HOPS / (tried_ns + 1);
	for (unsigned i = 0; i < n; i++) {
		uint64_t ns[KINDS];
		for (unsigned j = 0; j < KINDS; j++) {
			enum kind k = i % 2 ? KINDS - 1 - j : j;
			ns[k] = slice_ns(&event[k], c, &at, hops);
		}
		for (enum kind k = BARE; k < KINDS; k++)
			value[k][i] = ((double)ns[k] - (double)ns[NONE]) /
				      ((double)ns[k] / PERIOD_NS) / NS_PER_US;
	}
	close_events(event);
	cxms_chase_free(c);
	for (enum kind k = BARE; k < KINDS; k++)
		us[k] = overhead_summarize(value[k], n);
}

static double opening_ms(void)
{
	uint64_t begin_ns = cxms_now_ns();
	close(open_event(BARE));
	return (double)(cxms_now_ns() - begin_ns) / NS_PER_MS;
}

static void measure_opening(const struct overhead_opts *o, unsigned n,
			    struct overhead_summary *first, struct overhead_summary *again)
{
	double first_ms[OVERHEAD_PAIRS], again_ms[OVERHEAD_PAIRS];
	for (unsigned i = 0; i < n; i++) {
		if (!o->tiny)
			overhead_let_kernel_forget();
		first_ms[i] = opening_ms();
		again_ms[i] = opening_ms();
	}
	*first = overhead_summarize(first_ms, n);
	*again = overhead_summarize(again_ms, n);
}

void overhead_floor(const struct overhead_opts *o)
{
	struct overhead_summary us[KINDS], first, again;
	unsigned n = o->pairs * SLICES_PER_PAIR;
	char machine[512];
	n = n < OVERHEAD_PAIRS ? n : OVERHEAD_PAIRS;
	measure_samples(o, n, us);
	measure_opening(o, o->pairs, &first, &again);
	printf("a sample      %.2f [%.2f, %.2f] us bare, %.2f [%.2f, %.2f] us as recorded; one in "
	       "%u ns, %u slices\n",
	       us[BARE].median, us[BARE].lo, us[BARE].hi, us[RECORDED].median, us[RECORDED].lo,
	       us[RECORDED].hi, PERIOD_NS, n);
	printf("first event   %.2f [%.2f, %.2f] ms; %.2f [%.2f, %.2f] ms within a second of "
	       "another\n",
	       first.median, first.lo, first.hi, again.median, again.lo, again.hi);
	bench_machine(machine, sizeof(machine));
	printf("machine       %s\n", machine);
}
