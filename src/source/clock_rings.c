#include "source/clock_rings.h"

#include "base/err.h"
#include "base/sys.h"
#include "base/warn.h"
#include "source/hw.h"
#include "source/perf_open.h"
#include "source/perf_rec.h"
#include "source/ring_note.h"
#include "source/thin.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define RING_FIRST (4u << 20)
#define RING_LEAST (32u << 10)
#define HW_MOST	   (256ull << 20) /* all rings of accesses: with many CPUs they begin smaller */
#define FAULT_MOST (64ull << 20)  /* all rings of faults: getting so much takes 12 ms */
#define RING_SMALL (128u << 10)	  /* below it bursts are likely to be lost: warn */
#define SIDE_LEAST (16u << 10)	  /* holds three of the largest mapping records */
#define SIDE_ROOMY (1u << 20)
/* A ring holds the samples of so long: with a hundred busy threads we wait for a CPU for tenths of
 * seconds. Memory that is not needed takes time to get before the program starts, 0.8 ms for 4 MiB
 * of each CPU. */
#define SAMPLES_NS   4000000000ull
#define SAMPLE_BYTES 176u /* header, four words, and sixteen registers with their ABI */
#define FAULT_BYTES  48u  /* header and five words */
#define LOST_BYTES   48u  /* header, two words and the trailer */
#define WAKE_SHARE   4u	  /* a ring wakes us at a quarter: three quarters are left for our delay */

static size_t at_least(size_t bytes, size_t least)
{
	return bytes < least ? least : bytes;
}

/* Mappings, switches and one fault of many are far fewer than faults can be; where there is little
 * room they are the last to be lost. */
static size_t side_bytes(size_t most)
{
	return at_least(most < SIDE_ROOMY ? most / 2 : most / 4, SIDE_LEAST);
}

static size_t least_hw_bytes(size_t most)
{
	return at_least(most / 4, SIDE_LEAST);
}

/* A CPU gives one sample a period. */
static size_t sample_bytes(size_t most, uint64_t period_ns)
{
	uint64_t need = SAMPLES_NS / period_ns * SAMPLE_BYTES;

	while (most > SIDE_LEAST && most / 2 >= need)
		most /= 2;
	return most;
}

static size_t ring_bytes(enum cxms_perf_event event, size_t most, uint64_t period_ns)
{
	switch (event) {
	case CXMS_PERF_SAMPLES:
		return sample_bytes(most, period_ns);
	case CXMS_PERF_SIDE:
		return side_bytes(most);
	default:
		return most;
	}
}

size_t cxms_clock_rings_first_bytes(unsigned n_cpu)
{
	size_t bytes = RING_FIRST;

	while (bytes > RING_SMALL && (uint64_t)bytes * n_cpu > FAULT_MOST)
		bytes /= 2;
	return bytes;
}

static void close_rings(struct cxms_clock_rings *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		cxms_perf_ring_close(&r->ring[i].ring);
		close(r->ring[i].fd);
		if (r->ring[i].leader_fd >= 0)
			close(r->ring[i].leader_fd);
	}
	r->n = 0;
}

/* Of faults, as soon as there are enough to decide whether each has to be recorded. */
static uint32_t wake_bytes(enum cxms_perf_event event, size_t bytes)
{
	size_t share = bytes / WAKE_SHARE, window = (size_t)CXMS_THIN_WINDOW * FAULT_BYTES;

	return (uint32_t)(event == CXMS_PERF_FAULTS && window < share ? window : share);
}

/* Give up what an older kernel does not know; false when nothing of it is left. */
static bool step_down(struct perf_event_attr *a)
{
	if (a->read_format) { /* before Linux 6.0 */
		a->read_format = 0;
		return true;
	}
	if (!a->build_id) /* before 5.12 */
		return false;
	a->build_id = 0;
	return true;
}

static int open_event(struct cxms_clock_rings *r, pid_t pid, unsigned cpu,
		      enum cxms_perf_event event, uint64_t period_ns, size_t bytes,
		      struct cxms_err *err)
{
	struct perf_event_attr attr;
	struct cxms_err first = {0};
	int fd;

	cxms_perf_attr(event, period_ns, wake_bytes(event, bytes), true, &attr);
	do {
		cxms_err_clear(&first);
		fd = cxms_perf_open(&attr, pid, (int)cpu, &first);
	} while (fd == -EINVAL && step_down(&attr));
	r->read_format = attr.read_format;
	if (fd < 0 && fd != -ENODEV)
		cxms_fail(err, first.code, "%s", first.msg);
	return fd;
}

/* The ring of @fd, which it takes over, as the next one. */
static int take_ring(struct cxms_clock_rings *r, struct cxms_clock_ring *ring, size_t bytes,
		     struct cxms_err *err)
{
	int rc = cxms_perf_ring_open(&ring->ring, ring->fd, bytes, err);

	if (rc) {
		close(ring->fd);
		if (ring->leader_fd >= 0)
			close(ring->leader_fd);
		/* Over the quota; told from a refusal to open, which a smaller ring does not cure.
		 */
		return rc == -EPERM || rc == -ENOMEM ? -ENOBUFS : rc;
	}
	r->ring[r->n++] = *ring;
	return 0;
}

static int open_hw(struct cxms_clock_rings *r, pid_t pid, unsigned cpu,
		   const struct cxms_hw_plan *hw, struct cxms_err *err)
{
	size_t bytes = r->hw_bytes;
	int rc = 0;

	for (unsigned i = 0; i < hw->n && !rc; i++) {
		struct cxms_clock_ring ring = {
			.event = CXMS_PERF_SIDE, .hw = &hw->ev[i], .cpu = cpu};

		if (!cxms_pmu_has_cpu(&hw->ev[i].pmu, cpu))
			continue;
		ring.fd = cxms_hw_open(&hw->ev[i], pid, (int)cpu, (uint32_t)(bytes / WAKE_SHARE),
				       r->read_format, &ring.leader_fd, err);
		rc = ring.fd < 0 ? ring.fd : take_ring(r, &ring, bytes, err);
	}
	return rc;
}

static int open_cpu(struct cxms_clock_rings *r, pid_t pid, unsigned cpu, uint64_t period_ns,
		    const struct cxms_hw_plan *hw, struct cxms_err *err)
{
	int rc = 0;

	for (int event = 0; event < CXMS_PERF_EVENT_COUNT && !rc; event++) {
		struct cxms_clock_ring ring = {
			.event = (enum cxms_perf_event)event, .cpu = cpu, .leader_fd = -1};
		size_t bytes = ring_bytes(ring.event, r->most_bytes, period_ns);

		ring.fd = open_event(r, pid, cpu, ring.event, period_ns, bytes, err);
		if (ring.fd == -ENODEV) /* this CPU is offline */
			return 0;
		rc = ring.fd < 0 ? ring.fd : take_ring(r, &ring, bytes, err);
	}
	return rc ? rc : open_hw(r, pid, cpu, hw, err);
}

static int open_size(struct cxms_clock_rings *r, pid_t pid, uint64_t period_ns,
		     const struct cxms_hw_plan *hw, struct cxms_err *err)
{
	unsigned n_cpu = r->cap / (CXMS_PERF_EVENT_COUNT + hw->n);
	int rc = 0;

	for (unsigned cpu = 0; !rc && cpu < n_cpu; cpu++)
		rc = open_cpu(r, pid, cpu, period_ns, hw, err);
	if (rc)
		close_rings(r);
	return rc;
}

/* With many CPUs each has fewer samples to hold, and all of them would take much memory. */
static size_t first_hw_bytes(const struct cxms_hw_plan *hw, unsigned n_cpu)
{
	size_t least = least_hw_bytes(RING_FIRST), bytes = hw->n ? RING_FIRST : least;

	while (bytes > least && (uint64_t)bytes * hw->n * n_cpu > HW_MOST)
		bytes /= 2;
	return bytes;
}

/* The next size to try: accesses by the hardware give up theirs first. */
static bool shrink(struct cxms_clock_rings *r)
{
	size_t least = least_hw_bytes(r->most_bytes);

	if (r->hw_bytes > least) {
		r->hw_bytes = least;
		return true;
	}
	if (r->most_bytes <= RING_LEAST)
		return false;
	r->most_bytes /= 2;
	r->hw_bytes = least_hw_bytes(r->most_bytes);
	return true;
}

static int fill_poll(struct cxms_clock_rings *r, struct cxms_err *err)
{
	r->poll = calloc(r->n + 2u, sizeof(*r->poll));
	if (!r->poll)
		return cxms_fail(err, ENOMEM, "out of memory for rings");
	for (unsigned i = 0; i < r->n; i++)
		r->poll[i] = (struct pollfd){.fd = r->ring[i].fd, .events = POLLIN};
	return 0;
}

int cxms_clock_rings_open(struct cxms_clock_rings *r, pid_t pid, uint64_t period_ns,
			  const struct cxms_hw_plan *hw, struct cxms_warnings *warnings,
			  struct cxms_err *err)
{
	long n_cpu = sysconf(_SC_NPROCESSORS_CONF), n_online = sysconf(_SC_NPROCESSORS_ONLN);
	struct cxms_err tried = {0};
	int rc;

	n_cpu = n_cpu > 0 ? n_cpu : 1;
	*r = (struct cxms_clock_rings){
		.most_bytes = cxms_clock_rings_first_bytes(n_online > 0 ? (unsigned)n_online : 1),
		.hw_bytes = first_hw_bytes(hw, (unsigned)n_cpu)};
	r->cap = (unsigned)n_cpu * (CXMS_PERF_EVENT_COUNT + hw->n);
	r->ring = calloc(r->cap, sizeof(*r->ring));
	if (!r->ring)
		return cxms_fail(err, ENOMEM, "out of memory for rings");
	/* the program has forked with its own limit already; leaders of groups have theirs */
	cxms_allow_files(2 * r->cap);
	rc = open_size(r, pid, period_ns, hw, &tried);
	while (rc == -ENOBUFS && shrink(r)) {
		cxms_err_clear(&tried);
		rc = open_size(r, pid, period_ns, hw, &tried);
	}
	if (!rc)
		rc = fill_poll(r, &tried);
	if (rc) {
		cxms_clock_rings_close(r);
		return cxms_fail(err, rc == -ENOBUFS ? ENOMEM : -rc, "%s%s", tried.msg,
				 rc == -ENOBUFS ? "; raise the memlock limit (ulimit -l)" : "");
	}
	if (r->most_bytes < RING_SMALL && warnings)
		cxms_warn(warnings, CXMS_W_SMALL_RINGS,
			  "rings are %zu KiB because the memory-lock quota is small",
			  r->most_bytes >> 10);
	return 0;
}

void cxms_clock_rings_record_faults(const struct cxms_clock_rings *r, bool each)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->ring[i].event == CXMS_PERF_FAULTS)
			ioctl(r->ring[i].fd, each ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE,
			      0);
}

void cxms_clock_rings_wait(struct cxms_clock_rings *r, int fd_a, int fd_b, int timeout_ms)
{
	r->poll[r->n] = (struct pollfd){.fd = fd_a, .events = POLLIN};
	r->poll[r->n + 1] = (struct pollfd){.fd = fd_b, .events = POLLIN};
	if (poll(r->poll, r->n + 2u, timeout_ms) <= 0)
		return;
	/* An event whose tasks have all ended hangs up for ever: its ring is still drained, but not
	 * waited for. */
	for (unsigned i = 0; i < r->n; i++) {
		if (r->poll[i].revents & (POLLHUP | POLLERR | POLLNVAL))
			r->poll[i].fd = -1;
	}
}

/* What an event counted, and records that its ring had no room for; 0 where it does not tell. */
struct reading {
	uint64_t count, lost;
};

/* Return: bytes that the kernel gave, as of read(2). */
static ssize_t read_event(int fd, struct reading *out)
{
	*out = (struct reading){0};
	return read(fd, out, sizeof(*out));
}

const struct cxms_clock_ring *cxms_clock_rings_stopped(const struct cxms_clock_rings *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		const struct cxms_clock_ring *ring = &r->ring[i];
		struct reading now;

		if (ring->hw &&
		    read_event(ring->leader_fd >= 0 ? ring->leader_fd : ring->fd, &now) == 0)
			return ring;
	}
	return NULL;
}

/* As if the kernel had said so. */
static int push_lost(const struct cxms_clock_rings *r, unsigned i, uint64_t time_ns, uint64_t count,
		     struct cxms_order *order, struct cxms_err *err)
{
	struct {
		struct perf_event_header header;
		uint64_t id, lost;
		uint32_t pid, tid;
		uint64_t time_ns;
		uint32_t cpu, reserved;
	} rec = {.header = {.type = PERF_RECORD_LOST, .size = sizeof(rec)}, .lost = count};

	rec.time_ns = time_ns;
	rec.cpu = r->ring[i].cpu;
	return cxms_order_push(order, i, time_ns, &rec, sizeof(rec), err);
}

/* A ring has lost @total records up to now: those that were not told yet. */
static int tell_lost(struct cxms_clock_rings *r, unsigned i, uint64_t time_ns, uint64_t total,
		     struct cxms_order *order, struct cxms_err *err)
{
	uint64_t told = r->ring[i].lost_told;

	if (total <= told)
		return 0;
	r->ring[i].lost_told = total;
	return push_lost(r, i, time_ns, total - told, order, err);
}

static int push_record(struct cxms_clock_rings *r, unsigned i, uint64_t time_ns,
		       const struct perf_event_header *h, struct cxms_order *order,
		       struct cxms_err *err)
{
	struct cxms_perf_rec rec;

	if (h->type != PERF_RECORD_LOST || !cxms_perf_rec_parse(r->ring[i].event, h, &rec))
		return cxms_order_push(order, i, time_ns, h, h->size, err);
	r->ring[i].lost_seen += rec.lost;
	return tell_lost(r, i, time_ns, r->ring[i].lost_seen, order, err);
}

static int drain_ring(struct cxms_clock_rings *r, unsigned i, struct cxms_order *order,
		      struct cxms_err *err)
{
	struct cxms_perf_ring *ring = &r->ring[i].ring;
	const struct perf_event_header *h;
	uint64_t room, last_ns = 0;
	bool bad = false;
	int rc = 0;

	cxms_perf_ring_begin(ring);
	room = ring->mask + 1 - (ring->head - ring->tail);
	r->ring[i].was_half_full |= room <= ring->mask / 2;
	while (!rc && (h = cxms_perf_ring_next(ring, &bad)))
		if (cxms_perf_rec_time(h, &last_ns))
			rc = push_record(r, i, last_ns, h, order, err);
	cxms_perf_ring_end(ring);
	if (!rc && bad) /* what held no sensible record is lost */
		rc = push_lost(r, i, cxms_now_ns(), 1, order, err);
	else if (!rc && r->ring[i].event == CXMS_PERF_FAULTS && room < FAULT_BYTES + LOST_BYTES)
		rc = push_lost(r, i, last_ns, 0, order, err);
	return rc;
}

int cxms_clock_rings_drain(struct cxms_clock_rings *r, struct cxms_order *order,
			   struct cxms_err *err)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < r->n; i++)
		rc = drain_ring(r, i, order, err);
	return rc;
}

static int ask_lost(struct cxms_clock_rings *r, struct cxms_order *order, struct cxms_err *err)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < r->n; i++) {
		struct reading now;

		if (read_event(r->ring[i].fd, &now) == sizeof(now))
			rc = tell_lost(r, i, cxms_now_ns(), now.lost, order, err);
	}
	return rc;
}

int cxms_clock_rings_tell_lost(struct cxms_clock_rings *r, struct cxms_order *order,
			       struct cxms_err *err)
{
	int rc = cxms_clock_rings_drain(r, order, err);

	if (rc || r->read_format)
		return rc ? rc : ask_lost(r, order, err);
	for (unsigned i = 0; i < r->n; i++)
		if (r->ring[i].was_half_full) /* refused: what it lost last stays unknown */
			(void)cxms_ring_note(r->ring[i].fd, r->ring[i].cpu);
	return cxms_clock_rings_drain(r, order, err);
}

uint64_t cxms_clock_rings_count_faults(const struct cxms_clock_rings *r)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < r->n; i++) {
		struct reading now;

		if (r->ring[i].event != CXMS_PERF_SIDE || r->ring[i].hw)
			continue;
		if (read_event(r->ring[i].fd, &now) > 0)
			sum += now.count;
	}
	return sum;
}

void cxms_clock_rings_close(struct cxms_clock_rings *r)
{
	close_rings(r);
	free(r->ring);
	free(r->poll);
	*r = (struct cxms_clock_rings){0};
}
