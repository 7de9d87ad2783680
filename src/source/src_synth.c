/*
 * Source `synth`: a program in closed form (synth.h lists the keys of its pattern).
 *
 * Everything follows from the pattern and the seed, so counts are known beforehand:
 *   slices   n = max(1, duration / 10 ms) equal ones per thread, off the CPU for `blocked` of each
 *            and then on it to the slice's end;
 *   samples  k = 1, 2, ... of each thread when it has been on the CPU for k periods;
 *   shares   exact: round(stall * samples) of each thread wait for memory, and so on, in seeded
 *            random order; else each sample is drawn independently.
 * Threads are alike, so whatever happens at one moment happens to all of them, in thread order.
 */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/warn.h"
#include "source/source.h"
#include "source/synth.h"

#define SLICE_NS   10000000ull
#define ROOT_PID   1000u
#define TEXT_ADDR  0x400000ull
#define TEXT_BYTES 0x1000ull
#define ARRAY_ADDR 0x100000000000ull
#define ARRAY_GAP  0x100000000000ull /* 16 TiB: above the largest array (1 TiB) */
/* Speed of a stream, 5 bytes per ns: one core's order of magnitude; it only spaces the addresses.
 */
#define STREAM_BYTES_PER_NS 5ull

enum { SITE_COMPUTE, SITE_ARRAY, SITE_ARRAY2 }; /* then the stores to each array */
enum class_of_sample { IN_KERNEL, ON_ARRAY, ON_ARRAY2, COMPUTING, N_CLASS };
enum phase { FORKS, MAPS, SITES, FAULTS, AREAS, BODY, EXITS, DONE };

/* One wall-clock slice, common to all threads. */
struct slice {
	uint64_t begin_ns, on_ns, end_ns; /* off [begin, on), on the CPU [on, end) */
};

struct synth {
	struct cxms_synth_pattern p;
	struct cxms_rng rng;
	uint64_t n_slice, n_sample; /* n_sample: of one thread */
	uint64_t (*left)[N_CLASS];  /* per thread: samples still to be given to each class */
	uint64_t made[N_CLASS];	    /* all threads */
	enum phase phase;
	uint64_t index;		/* within the phase; in BODY: the thread */
	uint64_t slice, sample; /* the next of each */
	uint64_t on_cpu_ns;	/* of one thread, before the current slice */
};

static struct slice slice_at(const struct synth *y, uint64_t i)
{
	struct slice s;

	s.begin_ns = y->p.duration_ns * i / y->n_slice;
	s.end_ns = y->p.duration_ns * (i + 1) / y->n_slice;
	s.on_ns = s.begin_ns + (uint64_t)((double)(s.end_ns - s.begin_ns) * y->p.blocked);
	return s;
}

static uint64_t on_cpu_total_ns(const struct synth *y)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < y->n_slice; i++) {
		struct slice s = slice_at(y, i);

		sum += s.end_ns - s.on_ns;
	}
	return sum;
}

static void class_counts(const struct synth *y, uint64_t left[N_CLASS])
{
	uint64_t n = y->n_sample;
	uint64_t stall = (uint64_t)llround((double)n * y->p.stall);

	left[IN_KERNEL] = (uint64_t)llround((double)n * y->p.kernel);
	if (left[IN_KERNEL] > n - stall)
		left[IN_KERNEL] = n - stall;
	left[ON_ARRAY2] = (uint64_t)llround((double)stall * y->p.share2);
	left[ON_ARRAY] = stall - left[ON_ARRAY2];
	left[COMPUTING] = n - stall - left[IN_KERNEL];
}

static enum class_of_sample draw_exact(struct synth *y, uint64_t thread)
{
	uint64_t *left = y->left[thread];
	uint64_t r = cxms_rng_below(&y->rng, y->n_sample - y->sample);
	int c = 0;

	while (r >= left[c]) {
		r -= left[c++];
		assert(c < N_CLASS);
	}
	left[c]--;
	return (enum class_of_sample)c;
}

static enum class_of_sample draw_independent(struct synth *y)
{
	double r = cxms_rng_unit(&y->rng);

	if (r < y->p.kernel)
		return IN_KERNEL;
	r -= y->p.kernel;
	if (r >= y->p.stall)
		return COMPUTING;
	return r < y->p.stall * y->p.share2 ? ON_ARRAY2 : ON_ARRAY;
}

static uint64_t sample_addr(struct synth *y, unsigned array, uint64_t thread)
{
	uint64_t bytes = y->p.array_bytes[array], off;

	if (y->p.access == CXMS_SYNTH_STREAM) {
		/* Threads start at equal distances and go round. */
		off = bytes / y->p.threads * thread +
		      (y->sample + 1) * y->p.period_ns * STREAM_BYTES_PER_NS;
		off = off % bytes / sizeof(uint64_t) * sizeof(uint64_t);
	} else {
		off = cxms_rng_below(&y->rng, bytes / CXMS_LINE_BYTES) * CXMS_LINE_BYTES;
	}
	return ARRAY_ADDR + array * ARRAY_GAP + off;
}

static void event_init(struct cxms_event *ev, enum cxms_event_kind kind, uint64_t thread,
		       uint64_t time_ns)
{
	memset(ev, 0, sizeof(*ev));
	ev->kind = (uint8_t)kind;
	ev->pid = ROOT_PID;
	ev->tid = ROOT_PID + (uint32_t)thread;
	ev->time_ns = time_ns;
}

/* Turns of the loop when the thread has been on the CPU for so long; 72 bits on the way. */
static uint64_t turns_by(const struct synth *y, uint64_t on_cpu_ns)
{
	__extension__ unsigned __int128 ps = (unsigned __int128)on_cpu_ns * CXMS_PS_PER_NS;

	return (uint64_t)(ps / y->p.turn_ps);
}

static unsigned n_arrays(const struct synth *y)
{
	return y->p.array_bytes[1] ? 2 : 1;
}

/* Spread evenly over the samples of the array, of which made[] counts the one at hand. */
static bool is_store(const struct synth *y, enum class_of_sample c)
{
	double n = (double)y->made[c];
	return floor(n * y->p.stores) > floor((n - 1) * y->p.stores);
}

static void make_sample(struct synth *y, uint64_t thread, uint64_t time_ns, struct cxms_event *ev)
{
	enum class_of_sample c = y->p.exact ? draw_exact(y, thread) : draw_independent(y);
	struct cxms_sample *s = &ev->sample;

	event_init(ev, CXMS_EV_SAMPLE, thread, time_ns);
	s->weight_ns = (uint32_t)y->p.period_ns;
	s->cpu = (uint16_t)thread;
	y->made[c]++;
	switch (c) {
	case IN_KERNEL:
		s->site = CXMS_NO_SITE;
		s->flags = CXMS_SAMPLE_KERNEL;
		break;
	case ON_ARRAY:
	case ON_ARRAY2:
		s->site = c == ON_ARRAY ? SITE_ARRAY : SITE_ARRAY2;
		if (is_store(y, c))
			s->site += n_arrays(y);
		s->flags = CXMS_SAMPLE_ADDR;
		s->addr = sample_addr(y, c == ON_ARRAY ? 0 : 1, thread);
		break;
	default:
		s->site = SITE_COMPUTE;
		break;
	}
	if (c != IN_KERNEL && y->p.turn_ps) {
		s->flags |= CXMS_SAMPLE_COUNT;
		s->count = turns_by(y, (y->sample + 1) * y->p.period_ns);
	}
}

static bool next_fork(struct synth *y, struct cxms_event *ev)
{
	if (y->index == y->p.threads)
		return false;
	event_init(ev, CXMS_EV_FORK, y->index, 0);
	if (y->index)
		ev->fork.parent_pid = ev->fork.parent_tid = ROOT_PID;
	y->index++;
	return true;
}

static bool next_map(struct synth *y, struct cxms_event *ev)
{
	uint64_t i = y->index++;

	if (i > n_arrays(y))
		return false;
	event_init(ev, CXMS_EV_MAP, 0, 0);
	if (i == 0) {
		ev->map.addr = TEXT_ADDR;
		ev->map.len = TEXT_BYTES;
		ev->map.prot = PROT_READ | PROT_EXEC;
		ev->map.flags = MAP_PRIVATE;
		ev->map.path = "synth";
	} else {
		ev->map.addr = ARRAY_ADDR + (i - 1) * ARRAY_GAP;
		ev->map.len = y->p.array_bytes[i - 1];
		ev->map.prot = PROT_READ | PROT_WRITE;
		ev->map.flags = MAP_PRIVATE | MAP_ANONYMOUS;
		ev->map.path = "";
	}
	return true;
}

static bool next_site(struct synth *y, struct cxms_event *ev)
{
	uint64_t i = y->index++;

	if (i > (y->p.stores > 0 ? 2 : 1) * n_arrays(y))
		return false;
	event_init(ev, CXMS_EV_SITE, 0, 0);
	ev->site.id = (uint32_t)i;
	ev->site.ip = TEXT_ADDR + 16 * i;
	ev->site.loop_insns = y->p.loop_insns;
	if (y->p.turn_ps) {
		ev->site.loop_ip = TEXT_ADDR;
		ev->site.count_reg = 1;
		ev->site.step = 1;
	}
	if (i == SITE_COMPUTE) {
		ev->site.kind = CXMS_SITE_NONE;
		return true;
	}
	ev->site.kind = i > n_arrays(y) ? CXMS_SITE_STORE : CXMS_SITE_LOAD;
	ev->site.access_bytes = sizeof(uint64_t);
	if (ev->site.kind == CXMS_SITE_LOAD && y->p.access == CXMS_SYNTH_CHASE)
		ev->site.flags = CXMS_SITE_SELF | CXMS_SITE_CARRIED;
	return true;
}

/* First touches fill the first half of the time before the first sample or the first switch. */
static uint64_t fault_span_ns(const struct synth *y)
{
	struct slice s = slice_at(y, 0);
	uint64_t on_ns = s.end_ns - s.on_ns;

	return (on_ns < y->p.period_ns ? on_ns : y->p.period_ns) / 2;
}

static bool next_fault(struct synth *y, struct cxms_event *ev)
{
	uint64_t pages0 = y->p.array_bytes[0] / y->p.page_bytes;
	uint64_t pages = pages0 + y->p.array_bytes[1] / y->p.page_bytes;
	uint64_t i = y->index;

	if (!y->p.faults || i == pages)
		return false;
	y->index++;
	event_init(ev, CXMS_EV_FAULT, 0, slice_at(y, 0).on_ns + fault_span_ns(y) * i / pages);
	ev->fault.addr = i < pages0 ? ARRAY_ADDR + i * y->p.page_bytes
				    : ARRAY_ADDR + ARRAY_GAP + (i - pages0) * y->p.page_bytes;
	ev->fault.ip = TEXT_ADDR + (i < pages0 ? 16u * SITE_ARRAY : 16u * SITE_ARRAY2);
	return true;
}

static bool next_area(struct synth *y, struct cxms_event *ev)
{
	uint64_t i = y->index++;

	if (i == n_arrays(y))
		return false;
	event_init(ev, CXMS_EV_AREA, 0, slice_at(y, 0).on_ns + fault_span_ns(y));
	ev->area.addr = ARRAY_ADDR + i * ARRAY_GAP;
	ev->area.len = y->p.array_bytes[i];
	ev->area.resident_bytes = ev->area.len;
	ev->area.huge_bytes = y->p.page_bytes > 4096 ? ev->area.len : 0;
	return true;
}

static void make_run(const struct synth *y, struct slice s, struct cxms_event *ev)
{
	event_init(ev, CXMS_EV_RUN, y->index, s.on_ns);
	ev->run.dur_ns = s.end_ns - s.on_ns;
	ev->run.cpu = (uint16_t)y->index;
	if (y->slice + 1 == y->n_slice)
		ev->run.end = CXMS_RUN_EXIT;
	else
		ev->run.end = y->p.blocked > 0 ? CXMS_RUN_BLOCKED : CXMS_RUN_PREEMPTED;
}

/* Samples and slice ends by time; a sample on the very end of a slice comes before it. */
static bool next_body(struct synth *y, struct cxms_event *ev)
{
	uint64_t due_ns = (y->sample + 1) * y->p.period_ns;
	struct slice s;

	if (y->slice == y->n_slice)
		return false;
	s = slice_at(y, y->slice);
	if (y->sample < y->n_sample && due_ns <= y->on_cpu_ns + s.end_ns - s.on_ns) {
		make_sample(y, y->index, s.on_ns + due_ns - y->on_cpu_ns, ev);
		if (++y->index == y->p.threads) {
			y->index = 0;
			y->sample++;
		}
		return true;
	}
	make_run(y, s, ev);
	if (++y->index == y->p.threads) {
		y->index = 0;
		y->slice++;
		y->on_cpu_ns += s.end_ns - s.on_ns;
	}
	return true;
}

/* The root thread last: its exit is the program's. */
static bool next_exit(struct synth *y, struct cxms_event *ev)
{
	if (y->index == y->p.threads)
		return false;
	y->index++;
	event_init(ev, CXMS_EV_EXIT, y->p.threads - y->index, y->p.duration_ns);
	return true;
}

static bool next_event(struct synth *y, struct cxms_event *ev)
{
	static bool (*const makers[DONE])(struct synth *, struct cxms_event *) = {
		[FORKS] = next_fork, [MAPS] = next_map,	 [SITES] = next_site, [FAULTS] = next_fault,
		[AREAS] = next_area, [BODY] = next_body, [EXITS] = next_exit,
	};

	while (y->phase != DONE) {
		if (makers[y->phase](y, ev))
			return true;
		y->phase++;
		y->index = 0;
	}
	return false;
}

static int synth_probe(struct cxms_err *err)
{
	(void)err;
	return 0;
}

static int synth_open(struct cxms_source *s, struct cxms_err *err)
{
	struct synth *y = s->priv;
	int rc;

	if (!s->cfg.pattern)
		return cxms_fail(err, EINVAL,
				 "source 'synth' has no pattern; give one such as "
				 "'{threads: 2, duration: 2s, stall: 0.6, access: chase}'");
	rc = cxms_synth_parse(s->cfg.pattern,
			      s->cfg.period_ns ? s->cfg.period_ns : s->ops->default_period_ns,
			      &y->p, err);
	if (rc)
		return rc;
	s->cfg.period_ns = y->p.period_ns;
	if (!y->p.faults)
		s->caps &= ~(unsigned)CXMS_SRC_FAULTS;
	cxms_rng_init(&y->rng, s->cfg.seed);
	y->n_slice = y->p.duration_ns < SLICE_NS ? 1 : y->p.duration_ns / SLICE_NS;
	y->n_sample = on_cpu_total_ns(y) / y->p.period_ns;
	y->left = calloc(y->p.threads, sizeof(*y->left));
	if (!y->left)
		return cxms_fail(err, ENOMEM, "no memory for %llu synthetic threads",
				 (unsigned long long)y->p.threads);
	for (uint64_t t = 0; t < y->p.threads; t++)
		class_counts(y, y->left[t]);
	return 0;
}

static int synth_start(struct cxms_source *s, struct cxms_err *err)
{
	(void)s;
	(void)err;
	return 0;
}

static int synth_read(struct cxms_source *s, struct cxms_event *buf, size_t cap, size_t *n,
		      bool *end, struct cxms_err *err)
{
	struct synth *y = s->priv;
	size_t i = 0;

	(void)err;
	while (i < cap && next_event(y, &buf[i]))
		i++;
	*n = i;
	*end = i == 0 && y->phase == DONE;
	return 0;
}

static int synth_stop(struct cxms_source *s, struct cxms_totals *out, struct cxms_err *err)
{
	const struct synth *y = s->priv;
	struct cxms_totals t = {0};

	(void)err;
	t.duration_ns = y->p.duration_ns;
	t.exit_known = true;
	for (int c = 0; c < N_CLASS; c++)
		t.samples += y->made[c];
	t.system_ns = y->made[IN_KERNEL] * y->p.period_ns;
	t.user_ns = on_cpu_total_ns(y) * y->p.threads - t.system_ns;
	t.peak_rss_bytes = y->p.array_bytes[0] + y->p.array_bytes[1];
	*out = t;
	return 0;
}

static void synth_close(struct cxms_source *s)
{
	struct synth *y = s->priv;

	free(y->left);
	y->left = NULL;
	y->phase = DONE;
}

const struct cxms_source_ops cxms_source_synth = {
	.abi = CXMS_SOURCE_ABI,
	.name = "synth",
	.summary =
		"a closed-form program from one YAML line: threads, duration, page, footprint or "
		"pages, footprint2, share2, stall, kernel, blocked, stores, access, loop, turn, "
		"period, "
		"faults, exact",
	.caps = CXMS_SRC_FAULTS,
	.default_period_ns = 199999,
	.priv_size = sizeof(struct synth),
	.probe = synth_probe,
	.open = synth_open,
	.start = synth_start,
	.read = synth_read,
	.stop = synth_stop,
	.close = synth_close,
};
