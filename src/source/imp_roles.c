/* What the events of a perf.data file are good for, and whose a record is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "source/imp_perf.h"

#define WEIGHTS (PERF_SAMPLE_WEIGHT | UINT64_C(1) << 24 /* PERF_SAMPLE_WEIGHT_STRUCT */)

static enum imp_role role_of_software(const struct perf_event_attr *attr)
{
	bool has_addr = attr->sample_type & PERF_SAMPLE_ADDR;

	switch (attr->config) {
	case PERF_COUNT_SW_CPU_CLOCK:
	case PERF_COUNT_SW_TASK_CLOCK:
		return attr->sample_type & PERF_SAMPLE_IP ? IMP_ROLE_CLOCK : IMP_ROLE_NONE;
	case PERF_COUNT_SW_PAGE_FAULTS:
		return has_addr ? IMP_ROLE_FAULT : IMP_ROLE_NONE;
	case PERF_COUNT_SW_DUMMY:
		return IMP_ROLE_SIDE;
	default:
		return IMP_ROLE_NONE;
	}
}

static enum imp_role role_of(const struct perf_event_attr *attr)
{
	if (attr->type == PERF_TYPE_SOFTWARE)
		return role_of_software(attr);
	if ((attr->sample_type & PERF_SAMPLE_DATA_SRC) && (attr->sample_type & PERF_SAMPLE_ADDR) &&
	    (attr->sample_type & PERF_SAMPLE_IP))
		return IMP_ROLE_MEM;
	return IMP_ROLE_NONE;
}

static int check(const struct imp_roles *r, const struct cxms_perf_file *f, struct cxms_err *err)
{
	const uint64_t need = PERF_SAMPLE_TID | PERF_SAMPLE_TIME;

	for (size_t i = 0; i < r->n; i++) {
		const struct perf_event_attr *attr = &f->event[i].attr;
		struct cxms_perf_id_at at = cxms_perf_id_place(attr);

		if (r->role[i] != IMP_ROLE_NONE && r->role[i] != IMP_ROLE_SIDE &&
		    (attr->sample_type & need) != need)
			return cxms_fail(err, EINVAL,
					 "'%s' has samples without thread or time; record with "
					 "perf record -T",
					 f->in->name);
		if (r->n > 1 && (!at.is_known || at.sample != r->id_at.sample ||
				 at.trailer != r->id_at.trailer))
			return cxms_fail(err, EINVAL,
					 "'%s' has several events whose samples cannot be told "
					 "apart; record with --sample-identifier",
					 f->in->name);
	}
	return 0;
}

int imp_roles_init(struct imp_roles *r, const struct cxms_perf_file *f, struct cxms_err *err)
{
	*r = (struct imp_roles){.n = f->n_event};
	if (!r->n)
		return cxms_fail(err, EINVAL, "'%s' has no events; record again", f->in->name);
	r->role = calloc(r->n, sizeof(*r->role));
	r->counter = calloc(r->n, sizeof(*r->counter));
	if (!r->role || !r->counter)
		return cxms_fail(err, ENOMEM, "out of memory for events");
	for (size_t i = 0; i < r->n; i++) {
		r->role[i] = (uint8_t)role_of(&f->event[i].attr);
		r->n_of[r->role[i]]++;
	}
	r->id_at = cxms_perf_id_place(&f->event[0].attr);
	r->has_ids = r->n > 1;
	return check(r, f, err);
}

void imp_roles_fini(struct imp_roles *r)
{
	free(r->role);
	free(r->counter);
	*r = (struct imp_roles){0};
}

static bool read_id(const struct imp_roles *r, const struct perf_event_header *h, uint64_t *id)
{
	size_t at = h->type == PERF_RECORD_SAMPLE ? (size_t)r->id_at.sample
						  : h->size - (size_t)r->id_at.trailer;

	if (h->size < sizeof(*h) + 8 || at < sizeof(*h) || at + 8 > h->size)
		return false;
	memcpy(id, (const uint8_t *)h + at, sizeof(*id));
	return true;
}

const struct cxms_perf_event_desc *imp_roles_event(const struct imp_roles *r,
						   const struct cxms_perf_file *f,
						   const struct perf_event_header *h, size_t *index)
{
	uintptr_t found = 1;
	uint64_t id = 0;

	if (r->has_ids) {
		if (!read_id(r, h, &id))
			return NULL;
		found = (uintptr_t)cxms_idmap_get(&f->by_id, id);
		/* What perf made up of what was there before has no id. */
		if (!found && h->type != PERF_RECORD_SAMPLE)
			found = 1;
	}
	/* An event that came in a pipe after the first record is not known. */
	if (!found || found > r->n)
		return NULL;
	*index = found - 1;
	return &f->event[found - 1];
}

bool imp_record_time(const struct imp_roles *r, const struct cxms_perf_file *f,
		     const struct perf_event_header *h, uint64_t *time_ns)
{
	const struct cxms_perf_event_desc *ev;
	struct cxms_perf_sample at;
	size_t index, body;

	ev = imp_roles_event(r, f, h, &index);
	if (!ev)
		return false;
	if (h->type == PERF_RECORD_SAMPLE ? !cxms_perf_sample_parse(&ev->attr, h, &at)
					  : !cxms_perf_trailer_fields(&ev->attr, h, &at, &body))
		return false;
	*time_ns = at.time_ns;
	return true;
}
