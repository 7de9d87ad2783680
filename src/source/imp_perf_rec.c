/* One record of a perf.data file, by the attributes of its event, as events of ours. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/err.h"
#include "source/imp_perf.h"

#define MISC_MMAP_BUILD_ID    (1u << 14)
#define MISC_LOST_SAMPLES_BPF (1u << 15) /* dropped by a filter, not lost */
#define MMAP_PATH_AT	      40u
#define MMAP2_PATH_AT	      72u

struct where {
	struct cxms_imp_watch *w;
	struct imp_roles *roles;
	const struct cxms_perf_file *file;
	const struct cxms_perf_event_desc *ev;
	size_t index; /* of ev */
};

static bool is_kernel(const struct perf_event_header *h)
{
	return (h->misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL;
}

static struct cxms_perf_rec rec_of(const struct perf_event_header *h,
				   const struct cxms_perf_sample *at)
{
	return (struct cxms_perf_rec){.type = h->type,
				      .misc = h->misc,
				      .pid = at->pid,
				      .tid = at->tid,
				      .cpu = at->cpu,
				      .time_ns = at->time_ns};
}

/* The sixteen general registers, in their order; false when one is missing. */
static bool take_gpr(const struct cxms_perf_regs *regs, uint64_t gpr[CXMS_PERF_REG_COUNT])
{
	unsigned n = 0;
	bool ok = true;

	for (unsigned reg = 0; reg < 64; reg++)
		if (CXMS_PERF_REGS >> reg & 1)
			ok &= cxms_perf_regs_get(regs, reg, &gpr[n++]);
	return ok;
}

static int on_clock(const struct where *at, const struct perf_event_header *h,
		    const struct cxms_perf_sample *f, struct cxms_err *err)
{
	const struct perf_event_attr *attr = &at->ev->attr;
	struct cxms_perf_rec r = rec_of(h, f);
	/* In user mode both are the registers of the program. */
	const struct cxms_perf_regs *regs = f->user.abi ? &f->user : &f->intr;
	uint64_t gpr[CXMS_PERF_REG_COUNT];

	r.sample.ip = f->ip;
	r.sample.abi = regs->abi;
	r.sample.gpr = gpr;
	if (!(f->has & (PERF_SAMPLE_REGS_USER | PERF_SAMPLE_REGS_INTR)) ||
	    (regs->abi == PERF_SAMPLE_REGS_ABI_64 && !take_gpr(regs, gpr))) {
		r.sample.has_no_regs = true;
		r.sample.gpr = NULL;
	}
	r.sample.period_ns = f->has & PERF_SAMPLE_PERIOD ? f->period
			     : attr->freq		 ? 0
							 : attr->sample_period;
	return cxms_imp_watch_record(at->w, CXMS_PERF_SAMPLES, &r, err);
}

static int on_mem(const struct where *at, const struct perf_event_header *h,
		  const struct cxms_perf_sample *f, struct cxms_err *err)
{
	const struct perf_event_attr *attr = &at->ev->attr;
	const struct cxms_imp_access a = {
		.pid = f->pid,
		.tid = f->tid,
		.cpu = f->cpu,
		.time_ns = f->time_ns,
		.ip = f->ip,
		.addr = f->addr,
		.phys = f->phys,
		.period = f->has & PERF_SAMPLE_PERIOD ? f->period
			  : attr->freq		      ? 0
						      : attr->sample_period,
		.latency_cyc = f->weight > UINT32_MAX ? UINT32_MAX : (uint32_t)f->weight,
		.data_src = f->data_src,
		.is_kernel = is_kernel(h),
		.has_addr = f->addr != 0,
		.has_exact_ip = h->misc & PERF_RECORD_MISC_EXACT_IP,
	};

	return cxms_imp_watch_access(at->w, &a, err);
}

static int on_fault(const struct where *at, const struct perf_event_header *h,
		    const struct cxms_perf_sample *f, struct cxms_err *err)
{
	struct cxms_perf_rec r = rec_of(h, f);

	r.fault.ip = f->ip;
	r.fault.addr = f->addr;
	return cxms_imp_watch_record(at->w, CXMS_PERF_FAULTS, &r, err);
}

/* The clock ticks in nanoseconds; the kernel's other software events count what happened. */
static uint8_t unit_of(const struct perf_event_attr *attr)
{
	if (attr->type == PERF_TYPE_SOFTWARE)
		return attr->config <= PERF_COUNT_SW_TASK_CLOCK ? CXMS_COUNT_NS : CXMS_COUNT_EVENTS;
	return attr->type == PERF_TYPE_HARDWARE && attr->config == PERF_COUNT_HW_CPU_CYCLES
		       ? CXMS_COUNT_CYCLES
		       : CXMS_COUNT_EVENTS;
}

static void tell_counter(const struct where *at, size_t index)
{
	struct cxms_event ev = {.kind = CXMS_EV_COUNTER};
	const struct cxms_perf_event_desc *of = &at->file->event[index];

	ev.counter = (struct cxms_counter){
		.id = at->roles->n_counter++,
		.scope = CXMS_SCOPE_THREAD,
		.unit = unit_of(&of->attr),
		.name = of->name[0] ? of->name : "unnamed",
	};
	cxms_evq_push(&at->w->c.out, &ev);
	at->roles->counter[index] = ev.counter.id + 1;
}

/* Counters that were read with a sample, each by its id. */
static int on_counts(const struct where *at, const struct cxms_perf_sample *f, struct cxms_err *err)
{
	struct cxms_perf_read read;
	int rc = 0;

	if (!f->read)
		return 0;
	cxms_perf_read_fields(at->ev->attr.read_format, f->read, f->read_bytes, &read);
	for (size_t i = 0; !rc && i < read.n; i++) {
		const struct cxms_perf_count *count = &read.count[i];
		uintptr_t found = (uintptr_t)cxms_idmap_get(&at->file->by_id, count->id);

		if (!found || found > at->roles->n || !f->time_ns || !f->pid)
			continue;
		if (!at->roles->counter[found - 1])
			tell_counter(at, found - 1);
		/* an inherited counter has one id and a reading of each thread (Linux 6.12) */
		bool by_thread = at->file->event[found - 1].attr.inherit;
		rc = cxms_imp_watch_count(at->w, f, &read, at->roles->counter[found - 1] - 1, count,
					  by_thread, err);
	}
	return rc;
}

static int on_sample(const struct where *at, const struct perf_event_header *h,
		     struct cxms_err *err)
{
	struct cxms_perf_sample f;
	int rc;

	if (!cxms_perf_sample_parse(&at->ev->attr, h, &f))
		return 0;
	switch (at->roles->role[at->index]) {
	case IMP_ROLE_CLOCK:
		rc = on_clock(at, h, &f, err);
		break;
	case IMP_ROLE_FAULT:
		rc = on_fault(at, h, &f, err);
		break;
	case IMP_ROLE_MEM:
		rc = on_mem(at, h, &f, err);
		break;
	default:
		rc = 0;
		break;
	}
	return rc ? rc : on_counts(at, &f, err);
}

static const char *text_at(const struct perf_event_header *h, size_t at, size_t end)
{
	const char *s = (const char *)h + at;

	return at < end && memchr(s, 0, end - at) ? s : NULL;
}

/* MMAP tells only whether it is code; MMAP2 the protection, and who the file is. */
static bool take_map(const struct where *at, const struct perf_event_header *h, size_t end,
		     struct cxms_perf_rec *r)
{
	bool is_2 = h->type == PERF_RECORD_MMAP2;
	struct cxms_cur c = {.p = (const uint8_t *)(h + 1), .end = (const uint8_t *)h + end};
	const struct cxms_perf_build *build;
	const uint8_t *id;

	r->pid = cxms_cur_u32(&c);
	r->tid = cxms_cur_u32(&c);
	r->map.addr = cxms_cur_u64(&c);
	r->map.len = cxms_cur_u64(&c);
	r->map.file_off = cxms_cur_u64(&c);
	r->map.path = text_at(h, is_2 ? MMAP2_PATH_AT : MMAP_PATH_AT, end);
	r->map.prot = PROT_READ | (h->misc & PERF_RECORD_MISC_MMAP_DATA ? PROT_WRITE : PROT_EXEC);
	r->map.flags = MAP_PRIVATE;
	if (is_2) {
		id = cxms_cur_bytes(&c, 24);
		r->map.prot = cxms_cur_u32(&c);
		r->map.flags = cxms_cur_u32(&c);
		if (id && h->misc & MISC_MMAP_BUILD_ID && id[0] && id[0] <= CXMS_BUILD_ID_MAX) {
			r->map.build_id_len = id[0];
			r->map.build_id = id + 4;
		} else if (id && !(h->misc & MISC_MMAP_BUILD_ID)) {
			memcpy(&r->map.maj, id, 4);
			memcpy(&r->map.min, id + 4, 4);
			memcpy(&r->map.ino, id + 8, 8);
		}
	}
	if (c.failed || !r->map.path)
		return false;
	build = r->map.build_id ? NULL : cxms_perf_file_build(at->file, r->map.path);
	if (build) {
		r->map.build_id_len = build->len;
		r->map.build_id = build->id;
	}
	return true;
}

static int on_map(const struct where *at, const struct perf_event_header *h, size_t end,
		  struct cxms_perf_rec *r, struct cxms_err *err)
{
	if (is_kernel(h) || !take_map(at, h, end, r) || !r->pid || r->pid == UINT32_MAX)
		return 0;
	r->type = PERF_RECORD_MMAP2;
	return cxms_imp_watch_record(at->w, CXMS_PERF_SIDE, r, err);
}

static enum cxms_lost_what lost_of(enum imp_role role)
{
	return role == IMP_ROLE_CLOCK	? CXMS_LOST_SAMPLES
	       : role == IMP_ROLE_FAULT ? CXMS_LOST_FAULTS
	       : role == IMP_ROLE_MEM	? CXMS_LOST_MEM
					: CXMS_LOST_OTHER;
}

/* The id of LOST is that of the event whose buffer it is, and others write to it, too; LOST_SAMPLES
 * are of their event: perf's own, at the end (perf 6.1, Linux 6.0), or of the PMU. */
static int on_lost(const struct where *at, const struct perf_event_header *h, size_t end,
		   struct cxms_perf_rec *r, struct cxms_err *err)
{
	struct cxms_cur c = {.p = (const uint8_t *)(h + 1), .end = (const uint8_t *)h + end};

	if (h->type == PERF_RECORD_LOST)
		cxms_cur_u64(&c);
	r->lost = cxms_cur_u64(&c);
	if (c.failed || (h->type != PERF_RECORD_LOST && h->misc & MISC_LOST_SAMPLES_BPF))
		return 0;
	if (h->type == PERF_RECORD_LOST)
		return cxms_imp_watch_record(at->w, CXMS_PERF_SIDE, r, err);
	cxms_imp_watch_event_lost(at->w, lost_of(at->roles->role[at->index]), r->lost);
	return 0;
}

/* FORK and EXIT: pid, parent's pid, tid, parent's tid. */
static int on_task(const struct where *at, const struct perf_event_header *h, size_t end,
		   struct cxms_perf_rec *r, struct cxms_err *err)
{
	struct cxms_cur c = {.p = (const uint8_t *)(h + 1), .end = (const uint8_t *)h + end};

	r->pid = cxms_cur_u32(&c);
	r->task.parent_pid = cxms_cur_u32(&c);
	r->tid = cxms_cur_u32(&c);
	r->task.parent_tid = cxms_cur_u32(&c);
	return c.failed ? 0 : cxms_imp_watch_record(at->w, CXMS_PERF_SIDE, r, err);
}

static int on_comm(const struct where *at, const struct perf_event_header *h, size_t end,
		   struct cxms_perf_rec *r, struct cxms_err *err)
{
	struct cxms_cur c = {.p = (const uint8_t *)(h + 1), .end = (const uint8_t *)h + end};

	r->pid = cxms_cur_u32(&c);
	r->tid = cxms_cur_u32(&c);
	r->comm.name = text_at(h, 16, end);
	if (c.failed || !r->comm.name || !(h->misc & PERF_RECORD_MISC_COMM_EXEC))
		return 0;
	return cxms_imp_watch_record(at->w, CXMS_PERF_SIDE, r, err);
}

static int on_other(const struct where *at, const struct perf_event_header *h, struct cxms_err *err)
{
	struct cxms_perf_sample f;
	struct cxms_perf_rec r;
	size_t end;

	if (!cxms_perf_trailer_fields(&at->ev->attr, h, &f, &end))
		return 0;
	r = rec_of(h, &f);
	switch (h->type) {
	case PERF_RECORD_MMAP:
	case PERF_RECORD_MMAP2:
		return on_map(at, h, end, &r, err);
	case PERF_RECORD_COMM:
		return on_comm(at, h, end, &r, err);
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
		return on_task(at, h, end, &r, err);
	case PERF_RECORD_LOST:
	case PERF_RECORD_LOST_SAMPLES:
		return on_lost(at, h, end, &r, err);
	case PERF_RECORD_SWITCH:
	case PERF_RECORD_SWITCH_CPU_WIDE:
		r.type = PERF_RECORD_SWITCH;
		return cxms_imp_watch_record(at->w, CXMS_PERF_SIDE, &r, err);
	case PERF_RECORD_THROTTLE:
		return cxms_imp_watch_record(at->w, CXMS_PERF_SIDE, &r, err);
	default:
		return 0;
	}
}

int imp_record(struct cxms_imp_watch *w, struct imp_roles *roles, const struct cxms_perf_file *file,
	       const struct perf_event_header *h, struct cxms_err *err)
{
	struct where at = {.w = w, .roles = roles, .file = file};

	at.ev = imp_roles_event(roles, file, h, &at.index);
	if (!at.ev)
		return 0;
	return h->type == PERF_RECORD_SAMPLE ? on_sample(&at, h, err) : on_other(&at, h, err);
}
