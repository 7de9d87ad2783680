#include "base/buf.h"
#include "trace/exact_packet.h"
#include "trace/trace.h"

struct bit_name {
	unsigned bit;
	const char *name;
};
static const struct bit_name sample_bits[] = {
	{CXMS_SAMPLE_ADDR, "addr"},
	{CXMS_SAMPLE_KERNEL, "kernel"},
	{CXMS_SAMPLE_AFTER_FAULT, "after-fault"},
	{CXMS_SAMPLE_WRITE, "write"},
	{CXMS_SAMPLE_COUNT, "count"},
	{CXMS_SAMPLE_OUTER, "outer"},
};
static const struct bit_name fault_bits[] = {
	{CXMS_FAULT_LOAD, "load"},
};
static const struct bit_name site_bits[] = {
	{CXMS_SITE_SELF, "self"},	{CXMS_SITE_CARRIED, "carried"},
	{CXMS_SITE_FUSED, "fused"},	{CXMS_SITE_STACK, "stack"},
	{CXMS_SITE_TLS, "tls"},		{CXMS_SITE_GATHER, "gather"},
	{CXMS_SITE_NOADDR, "noaddr"},	{CXMS_SITE_NONTEMP, "nontemp"},
	{CXMS_SITE_DIRTIES, "dirties"}, {CXMS_SITE_AFFINE, "affine"},
	{CXMS_SITE_APPENDS, "appends"}, {CXMS_SITE_UNEVEN, "uneven"},
	{CXMS_SITE_LONG, "long"},
};
static const char *const waits[] = {"unknown",	   "futex", "pipe", "child", "sleep",
				    "sleep-until", "poll",  "io",   "other"};
static const char *const run_ends[] = {"blocked", "preempted", "exit", "unknown"};
static const char *const site_kinds[] = {"none", "load", "store", "update", "string", "undecoded"};
static const struct bit_name mem_bits[] = {
	{CXMS_MEM_ADDR, "addr"},     {CXMS_MEM_PHYS, "phys"},	  {CXMS_MEM_WALK, "walk"},
	{CXMS_MEM_LOCKED, "locked"}, {CXMS_MEM_KERNEL, "kernel"}, {CXMS_MEM_EXACT_IP, "exact-ip"},
	{CXMS_MEM_LAT_FILL, "fill"},
};
static const char *const reg_names[] = {"ax", "bx", "cx", "dx", "si", "di", "bp", "sp",
					"8",  "9",  "10", "11", "12", "13", "14", "15"};
static const char *const lost_whats[] = {"samples", "faults", "other", "mem"};
static const char *const mem_whats[] = {"load", "llc-miss", "store"};
static const char *const mem_levels[] = {"unknown", "l1",	  "lfb",	  "l2",
					 "llc",	    "local-dram", "remote-cache", "remote-dram",
					 "cxl",	    "uncached"};
static const char *const scopes[] = {"thread", "cpu", "box"};
static const char *const units[] = {"events", "cycles", "bytes", "lines", "ns"};

#define COUNT(array)		(sizeof(array) / sizeof((array)[0]))
#define PICK(array, i)		((i) < COUNT(array) ? (array)[i] : "?")
#define PUT_BITS(out, v, names) put_bits(out, v, names, COUNT(names))

/* " flags=a|b|0x80"; bits of a later version in hexadecimal; nothing when @v is 0 */
static void put_bits(struct cxms_buf *out, unsigned v, const struct bit_name *names, size_t n)
{
	const char *before = " flags=";

	for (size_t i = 0; i < n; i++) {
		if (!(v & names[i].bit))
			continue;
		cxms_buf_printf(out, "%s%s", before, names[i].name);
		before = "|";
		v &= ~names[i].bit;
	}
	if (v)
		cxms_buf_printf(out, "%s0x%x", before, v);
}

static void put_u64(struct cxms_buf *out, const char *name, uint64_t v)
{
	cxms_buf_printf(out, " %s=%llu", name, (unsigned long long)v);
}

static void put_hex(struct cxms_buf *out, const char *name, uint64_t v)
{
	cxms_buf_printf(out, " %s=0x%llx", name, (unsigned long long)v);
}

/* Quoted; what is not printable ASCII as \xNN, so that a line stays a line. */
static void put_text(struct cxms_buf *out, const char *name, const char *text)
{
	cxms_buf_printf(out, " %s='", name);
	for (const char *p = text ? text : ""; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c >= 0x7f || c == '\'' || c == '\\')
			cxms_buf_printf(out, "\\x%02x", c);
		else
			cxms_buf_put_u8(out, c);
	}
	cxms_buf_put_u8(out, '\'');
}

static void put_sample(const struct cxms_sample *s, struct cxms_buf *out)
{
	cxms_buf_printf(out, "sample");
	if (s->flags & CXMS_SAMPLE_ADDR)
		put_hex(out, "addr", s->addr);
	if (s->site != CXMS_NO_SITE)
		put_u64(out, "site", s->site);
	put_u64(out, "weight_ns", s->weight_ns);
	put_u64(out, "cpu", s->cpu);
	if (s->flags & CXMS_SAMPLE_COUNT)
		put_u64(out, "count", s->count);
	if (s->flags & CXMS_SAMPLE_OUTER)
		put_u64(out, "outer", s->outer);
	PUT_BITS(out, s->flags, sample_bits);
}

static void put_map(const struct cxms_map *m, struct cxms_buf *out)
{
	cxms_buf_printf(out, "map");
	put_hex(out, "addr", m->addr);
	put_hex(out, "len", m->len);
	put_hex(out, "off", m->file_off);
	put_hex(out, "prot", m->prot);
	put_hex(out, "mapflags", m->flags);
	if (m->build_id_len > 0 && m->build_id_len <= CXMS_BUILD_ID_MAX) {
		cxms_buf_printf(out, " build_id=");
		for (size_t i = 0; i < m->build_id_len; i++)
			cxms_buf_printf(out, "%02x", m->build_id[i]);
	}
	put_text(out, "path", m->path);
}

void cxms_reg_print(unsigned reg, struct cxms_buf *out)
{
	cxms_buf_printf(out, "%%r%s", reg ? PICK(reg_names, reg - 1) : "?");
}

void cxms_operand_print(const struct cxms_site *s, struct cxms_buf *out)
{
	uint64_t size = s->disp < 0 ? 0 - (uint64_t)s->disp : (uint64_t)s->disp;

	if (s->disp || (!s->base && !s->index))
		cxms_buf_printf(out, "%s0x%llx", s->disp < 0 ? "-" : "", (unsigned long long)size);
	if (!s->base && !s->index)
		return;
	cxms_buf_put_u8(out, '(');
	if (s->base)
		cxms_reg_print(s->base, out);
	if (s->index) {
		cxms_buf_put_u8(out, ',');
		cxms_reg_print(s->index, out);
		cxms_buf_printf(out, ",%u", s->scale);
	}
	cxms_buf_put_u8(out, ')');
}

static void put_register(struct cxms_buf *out, const char *name, unsigned reg, int64_t step)
{
	cxms_buf_printf(out, " %s=", name);
	cxms_reg_print(reg, out);
	cxms_buf_printf(out, "%+lld", (long long)step);
}

static void put_loop(const struct cxms_site *s, struct cxms_buf *out)
{
	if (s->base || s->index) {
		cxms_buf_printf(out, " operand=");
		cxms_operand_print(s, out);
	}
	if (s->loop_ip)
		put_hex(out, "loop_ip", s->loop_ip);
	if (s->count_reg)
		put_register(out, "count", s->count_reg, s->step);
	if (s->made_at)
		put_hex(out, "made_at", s->loop_ip + s->made_at);
	if (s->outer_back)
		put_hex(out, "outer_ip", s->loop_ip - s->outer_back);
	if (s->outer_reg)
		put_register(out, "outer", s->outer_reg, s->outer_step);
	if (s->ahead_bytes) {
		put_hex(out, "ahead_ip", s->ahead_ip);
		put_u64(out, "ahead_bytes", s->ahead_bytes);
	}
}

static void put_site(const struct cxms_site *s, struct cxms_buf *out)
{
	cxms_buf_printf(out, "site");
	put_u64(out, "id", s->id);
	put_hex(out, "ip", s->ip);
	cxms_buf_printf(out, " kind=%s", PICK(site_kinds, s->kind));
	put_u64(out, "bytes", s->access_bytes);
	put_u64(out, "loop", s->loop_insns);
	put_loop(s, out);
	PUT_BITS(out, s->flags, site_bits);
	if (s->function && *s->function) {
		put_text(out, "function", s->function);
		put_hex(out, "function_off", s->function_off);
	}
	if (s->object && *s->object) {
		put_text(out, "object", s->object);
		put_hex(out, "object_off", s->object_off);
	}
}

static void put_area(const struct cxms_area *a, struct cxms_buf *out)
{
	cxms_buf_printf(out, "area");
	put_hex(out, "addr", a->addr);
	put_hex(out, "len", a->len);
	put_u64(out, "resident_bytes", a->resident_bytes);
	put_u64(out, "huge_bytes", a->huge_bytes);
}

static void put_run(const struct cxms_run *r, struct cxms_buf *out)
{
	cxms_buf_printf(out, "run");
	put_u64(out, "dur_ns", r->dur_ns);
	put_u64(out, "cpu", r->cpu);
	cxms_buf_printf(out, " end=%s", PICK(run_ends, r->end));
	if (r->waited)
		cxms_buf_printf(out, " waited=%s", PICK(waits, r->waited));
}

static void put_lost(const struct cxms_lost *l, struct cxms_buf *out)
{
	cxms_buf_printf(out, "lost");
	put_u64(out, "count", l->count);
	put_u64(out, "cpu", l->cpu);
	cxms_buf_printf(out, " what=%s", PICK(lost_whats, l->what));
}

static void put_mem(const struct cxms_mem *m, struct cxms_buf *out)
{
	cxms_buf_printf(out, "mem what=%s", PICK(mem_whats, m->what));
	cxms_buf_printf(out, " level=%s", PICK(mem_levels, m->level));
	if (m->flags & CXMS_MEM_ADDR)
		put_hex(out, "addr", m->addr);
	if (m->flags & CXMS_MEM_PHYS)
		put_hex(out, "phys", m->phys);
	if (m->site != CXMS_NO_SITE)
		put_u64(out, "site", m->site);
	put_u64(out, "period", m->period);
	put_u64(out, "latency_cyc", m->latency_cyc);
	put_u64(out, "cpu", m->cpu);
	PUT_BITS(out, m->flags, mem_bits);
}

static void put_counter(const struct cxms_counter *c, struct cxms_buf *out)
{
	cxms_buf_printf(out, "counter");
	put_u64(out, "id", c->id);
	cxms_buf_printf(out, " scope=%s", PICK(scopes, c->scope));
	cxms_buf_printf(out, " unit=%s", PICK(units, c->unit));
	put_text(out, "name", c->name);
}

static void put_count(const struct cxms_count *c, struct cxms_buf *out)
{
	cxms_buf_printf(out, "count");
	put_u64(out, "counter", c->counter);
	put_u64(out, "value", c->value);
	put_u64(out, "enabled_ns", c->enabled_ns);
	put_u64(out, "running_ns", c->running_ns);
	put_u64(out, "cpu", c->cpu);
}

static void put_watch(const struct cxms_watch *w, struct cxms_buf *out)
{
	cxms_buf_printf(out, "watch");
	put_hex(out, "addr", w->addr);
	if (w->site != CXMS_NO_SITE)
		put_u64(out, "site", w->site);
	put_u64(out, "stands", w->stands);
	put_u64(out, "uses", w->uses);
	put_u64(out, "first_ns", w->first_ns);
	put_u64(out, "reuse_ns", w->reuse_ns);
	put_u64(out, "again_ns", w->again_ns);
}

/* Packets have no time of their own. */
static void put_packet(const struct cxms_event *ev, struct cxms_buf *out)
{
	struct cxms_xs_head h = {0};

	cxms_buf_printf(out, "exact");
	put_u64(out, "pid", ev->pid);
	if (ev->exact.data && cxms_packet_head(ev->exact.data, ev->exact.len, &h, NULL) == 0) {
		put_u64(out, "image", h.image);
		put_u64(out, "seq", h.seq);
		put_u64(out, "insns", h.insns);
	}
	put_u64(out, "bytes", ev->exact.len);
}

static void put_rest(const struct cxms_event *ev, struct cxms_buf *out)
{
	switch (ev->kind) {
	case CXMS_EV_FAULT:
		cxms_buf_printf(out, "fault");
		put_hex(out, "addr", ev->fault.addr);
		put_hex(out, "ip", ev->fault.ip);
		PUT_BITS(out, ev->fault.flags, fault_bits);
		break;
	case CXMS_EV_FORK:
		cxms_buf_printf(out, "fork");
		put_u64(out, "parent_pid", ev->fork.parent_pid);
		put_u64(out, "parent_tid", ev->fork.parent_tid);
		break;
	case CXMS_EV_EXEC:
		cxms_buf_printf(out, "exec");
		put_text(out, "name", ev->exec.name);
		break;
	case CXMS_EV_EXIT:
		cxms_buf_printf(out, "exit");
		if (ev->exit.ready_ns)
			put_u64(out, "ready_ns", ev->exit.ready_ns);
		break;
	case CXMS_EV_MEM:
		put_mem(&ev->mem, out);
		break;
	case CXMS_EV_COUNTER:
		put_counter(&ev->counter, out);
		break;
	case CXMS_EV_COUNT:
		put_count(&ev->count, out);
		break;
	case CXMS_EV_WATCH:
		put_watch(&ev->watch, out);
		break;
	default:
		cxms_buf_printf(out, "kind=%u", ev->kind);
		break;
	}
}

void cxms_event_print(const struct cxms_event *ev, struct cxms_buf *out)
{
	if (ev->kind == CXMS_EV_EXACT) {
		put_packet(ev, out);
		return;
	}
	cxms_buf_printf(out, "%llu.%09llu %u/%u ",
			(unsigned long long)(ev->time_ns / CXMS_NS_PER_S),
			(unsigned long long)(ev->time_ns % CXMS_NS_PER_S), ev->pid, ev->tid);
	switch (ev->kind) {
	case CXMS_EV_SAMPLE:
		put_sample(&ev->sample, out);
		break;
	case CXMS_EV_RUN:
		put_run(&ev->run, out);
		break;
	case CXMS_EV_MAP:
		put_map(&ev->map, out);
		break;
	case CXMS_EV_AREA:
		put_area(&ev->area, out);
		break;
	case CXMS_EV_SITE:
		put_site(&ev->site, out);
		break;
	case CXMS_EV_LOST:
		put_lost(&ev->lost, out);
		break;
	default:
		put_rest(ev, out);
		break;
	}
}
