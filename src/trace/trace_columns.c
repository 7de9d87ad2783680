#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "trace/exact_packet.h"
#include "trace/trace_priv.h"

#define FIELD(field, code, limit)                                                                  \
	{                                                                                          \
		.name = #field, .offset = offsetof(struct cxms_event, field),                      \
		.bytes = sizeof(((struct cxms_event *)NULL)->field), .coding = CXMS_CODE_##code,   \
		.max = limit                                                                       \
	}
#define BYTES(field, code)                                                                         \
	{                                                                                          \
		.name = #field, .offset = offsetof(struct cxms_event, field),                      \
		.coding = CXMS_CODE_##code                                                         \
	}

/* Append only: the position of a row is its number in files. Flags and site come before addr. */
static const struct cxms_column common[] = {
	FIELD(time_ns, DELTA, 0),
	FIELD(pid, DELTA, 0),
	FIELD(tid, DELTA, 0),
};
static const struct cxms_column sample[] = {
	FIELD(sample.flags, PLAIN, 0),	    FIELD(sample.site, SITE_REF, 0),
	FIELD(sample.addr, SITE_ADDR, 0),   FIELD(sample.weight_ns, DELTA, 0),
	FIELD(sample.cpu, PLAIN, 0),	    FIELD(sample.count, SITE_COUNT, 0),
	FIELD(sample.outer, SITE_OUTER, 0),
};
static const struct cxms_column fault[] = {
	FIELD(fault.addr, DELTA, 0),
	FIELD(fault.ip, DELTA, 0),
	FIELD(fault.flags, PLAIN, 0),
};
static const struct cxms_column run[] = {
	FIELD(run.dur_ns, PLAIN, 0),
	FIELD(run.cpu, PLAIN, 0),
	FIELD(run.end, PLAIN, CXMS_RUN_UNKNOWN),
	FIELD(run.waited, PLAIN, 0),
};
static const struct cxms_column fork_columns[] = {
	FIELD(fork.parent_pid, DELTA, 0),
	FIELD(fork.parent_tid, DELTA, 0),
};
static const struct cxms_column exec[] = {
	BYTES(exec.name, STRING),
};
static const struct cxms_column exit_columns[] = {
	FIELD(exit.ready_ns, PLAIN, 0),
};
static const struct cxms_column map[] = {
	FIELD(map.addr, DELTA, 0), FIELD(map.len, PLAIN, 0),   FIELD(map.file_off, PLAIN, 0),
	FIELD(map.prot, PLAIN, 0), FIELD(map.flags, PLAIN, 0), BYTES(map.build_id, BUILD_ID),
	BYTES(map.path, STRING),
};
static const struct cxms_column area[] = {
	FIELD(area.addr, DELTA, 0),
	FIELD(area.len, PLAIN, 0),
	FIELD(area.resident_bytes, PLAIN, 0),
	FIELD(area.huge_bytes, PLAIN, 0),
};
static const struct cxms_column site[] = {
	FIELD(site.id, DELTA, 0),
	FIELD(site.ip, DELTA, 0),
	FIELD(site.kind, PLAIN, CXMS_SITE_UNDECODED),
	FIELD(site.access_bytes, PLAIN, 0),
	FIELD(site.flags, PLAIN, 0),
	FIELD(site.loop_insns, PLAIN, 0),
	FIELD(site.count_reg, PLAIN, 0),
	FIELD(site.base, PLAIN, 0),
	FIELD(site.index, PLAIN, 0),
	FIELD(site.scale, PLAIN, 0),
	FIELD(site.disp, DELTA, 0),
	FIELD(site.loop_ip, DELTA, 0),
	FIELD(site.step, DELTA, 0),
	FIELD(site.turn_lines, PLAIN, 0),
	FIELD(site.stride, DELTA, 0),
	FIELD(site.function_off, PLAIN, 0),
	FIELD(site.object_off, DELTA, 0),
	BYTES(site.function, STRING),
	BYTES(site.object, STRING),
	FIELD(site.outer_reg, PLAIN, 0),
	FIELD(site.outer_step, DELTA, 0),
	FIELD(site.ahead_ip, DELTA, 0),
	FIELD(site.ahead_bytes, PLAIN, 0),
	FIELD(site.outer_back, PLAIN, 0),
	FIELD(site.made_at, PLAIN, 0),
};
_Static_assert(sizeof(site) / sizeof(site[0]) <= CXMS_COLUMNS_MAX,
	       "the kind with the most columns");
static const struct cxms_column lost[] = {
	FIELD(lost.count, PLAIN, 0),
	FIELD(lost.cpu, PLAIN, 0),
	FIELD(lost.what, PLAIN, CXMS_LOST_MEM),
};
static const struct cxms_column mem[] = {
	FIELD(mem.flags, PLAIN, 0),
	FIELD(mem.site, SITE_REF, 0),
	FIELD(mem.addr, DELTA, 0),
	FIELD(mem.phys, DELTA, 0),
	FIELD(mem.period, DELTA, 0),
	FIELD(mem.latency_cyc, PLAIN, 0),
	FIELD(mem.level, PLAIN, CXMS_MEM_UNCACHED),
	FIELD(mem.what, PLAIN, CXMS_MEM_STORE),
	FIELD(mem.cpu, PLAIN, 0),
};
static const struct cxms_column counter[] = {
	FIELD(counter.id, DELTA, 0),
	FIELD(counter.scope, PLAIN, CXMS_SCOPE_BOX),
	FIELD(counter.unit, PLAIN, CXMS_COUNT_NS),
	BYTES(counter.name, STRING),
};
static const struct cxms_column count[] = {
	FIELD(count.counter, DELTA, 0),	   FIELD(count.cpu, PLAIN, 0),
	FIELD(count.value, PLAIN, 0),	   FIELD(count.enabled_ns, DELTA, 0),
	FIELD(count.running_ns, DELTA, 0),
};
static const struct cxms_column watch[] = {
	FIELD(watch.addr, DELTA, 0),	 FIELD(watch.site, SITE_REF, 0),
	FIELD(watch.stands, PLAIN, 0),	 FIELD(watch.uses, PLAIN, 3),
	FIELD(watch.first_ns, PLAIN, 0), FIELD(watch.reuse_ns, PLAIN, 0),
	FIELD(watch.again_ns, PLAIN, 0),
};

#define SET(name, array)                                                                           \
	{                                                                                          \
		name, array, sizeof(array) / sizeof((array)[0])                                    \
	}
static const struct cxms_column_set sets[CXMS_EV_KIND_END] = {
	[0] = SET("event", common),
	[CXMS_EV_SAMPLE] = SET("sample", sample),
	[CXMS_EV_FAULT] = SET("fault", fault),
	[CXMS_EV_RUN] = SET("run", run),
	[CXMS_EV_FORK] = SET("fork", fork_columns),
	[CXMS_EV_EXEC] = SET("exec", exec),
	[CXMS_EV_EXIT] = SET("exit", exit_columns),
	[CXMS_EV_MAP] = SET("map", map),
	[CXMS_EV_AREA] = SET("area", area),
	[CXMS_EV_SITE] = SET("site", site),
	[CXMS_EV_LOST] = SET("lost", lost),
	[CXMS_EV_EXACT] = {"exact", NULL, 0}, /* has blocks of its own */
	[CXMS_EV_MEM] = SET("mem", mem),
	[CXMS_EV_COUNTER] = SET("counter", counter),
	[CXMS_EV_COUNT] = SET("count", count),
	[CXMS_EV_WATCH] = SET("watch", watch),
};
static_assert(CXMS_EV_KIND_END == 16, "a new event kind needs its columns here");

const struct cxms_column_set *cxms_columns_of(unsigned kind)
{
	assert(kind < CXMS_EV_KIND_END);
	return &sets[kind];
}

unsigned cxms_column_id(unsigned kind, size_t position)
{
	return kind * 32u + 1u + (unsigned)position;
}

uint64_t cxms_column_load(const struct cxms_column *c, const struct cxms_event *ev)
{
	const uint8_t *p = (const uint8_t *)ev + c->offset;
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;

	switch (c->bytes) {
	case 1:
		return *p;
	case 2:
		memcpy(&v16, p, sizeof(v16));
		return v16;
	case 4:
		memcpy(&v32, p, sizeof(v32));
		return v32;
	default:
		assert(c->bytes == 8);
		memcpy(&v64, p, sizeof(v64));
		return v64;
	}
}

const char *cxms_column_string(const struct cxms_column *c, const struct cxms_event *ev)
{
	const char *s;

	assert(c->coding == CXMS_CODE_STRING);
	memcpy(&s, (const uint8_t *)ev + c->offset, sizeof(s));
	return s ? s : "";
}

static int check_packet(const struct cxms_exact *x, struct cxms_err *err)
{
	struct cxms_xs_head h;
	struct cxms_err why = {0};

	if (!x->data || cxms_packet_head(x->data, x->len, &h, &why) < 0 ||
	    x->len != sizeof(h) + h.bytes)
		return cxms_fail(err, EINVAL, "cannot record %u bytes that are no packet: %s",
				 x->len, why.msg[0] ? why.msg : "its length differs");
	return 0;
}

int cxms_event_check(const struct cxms_event *ev, struct cxms_err *err)
{
	const struct cxms_column_set *set;

	if (ev->kind == 0 || ev->kind >= CXMS_EV_KIND_END)
		return cxms_fail(err, EINVAL, "cannot record an event of unknown kind %u",
				 ev->kind);
	if (ev->kind == CXMS_EV_MAP && ev->map.build_id_len > CXMS_BUILD_ID_MAX)
		return cxms_fail(err, EINVAL, "cannot record a build id of %u bytes",
				 ev->map.build_id_len);
	if (ev->kind == CXMS_EV_EXACT)
		return check_packet(&ev->exact, err);
	set = &sets[ev->kind];
	for (size_t i = 0; i < set->n; i++) {
		const struct cxms_column *c = &set->columns[i];

		if (c->max > 0 && cxms_column_load(c, ev) > c->max)
			return cxms_fail(err, EINVAL, "cannot record '%s' %u: at most %u is known",
					 c->name, (unsigned)cxms_column_load(c, ev), c->max);
		if (c->coding == CXMS_CODE_STRING &&
		    strnlen(cxms_column_string(c, ev), CXMS_TRACE_STRING_MAX + 1) >
			    CXMS_TRACE_STRING_MAX)
			return cxms_fail(err, ENAMETOOLONG,
					 "cannot record '%s' of more than %u bytes", c->name,
					 CXMS_TRACE_STRING_MAX);
	}
	return 0;
}

void cxms_kind_index_make(struct cxms_kind_index *index, const struct cxms_event *ev, size_t n)
{
	uint32_t next[CXMS_EV_KIND_END + 1] = {0};

	for (size_t i = 0; i < n; i++)
		next[ev[i].kind + 1]++;
	for (size_t k = 0; k < CXMS_EV_KIND_END; k++)
		next[k + 1] += next[k];
	memcpy(index->start, next, sizeof(next));
	for (size_t i = 0; i < n; i++)
		index->order[next[ev[i].kind]++] = (uint32_t)i;
}
