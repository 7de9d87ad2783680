/*
 * PAGED: a buffer of the pages used last, before a medium or a network that passes whole pages. The
 * buffer's own bandwidth is the device's caps.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/units.h"
#include "mem/device_priv.h"

#define MAX_PAGES	(1ull << 30)
#define MAX_DEPTH	1024u
#define FETCH_RING_BITS 10u
#define PASS_RING_BITS	15u

struct page {
	uint64_t number, asked_ps, ready_ps;
	uint32_t newer, older; /* list by use; entry 0 is its head: 1 + place */
	uint32_t next;	       /* of the same bucket */
	bool dirty;
};

struct paged {
	uint64_t n_page, used, mask, hits, page_ps;
	uint64_t latest_ps; /* end of the last page that the medium passed */
	uint32_t n_fetch, turn;
	struct cxms_calendar pass; /* pages of the medium or network, both ways */
	struct cxms_calendar *fetch;
	struct page *page; /* [1 + n_page] */
	uint32_t *bucket;  /* [mask + 1] */
};

static int check(const struct cxms_device_cfg *c, struct cxms_err *err)
{
	if (c->page_bytes < CXMS_LINE_BYTES || c->page_bytes % CXMS_LINE_BYTES)
		return cxms_fail(err, EINVAL, "a page must be a multiple of %u bytes",
				 CXMS_LINE_BYTES);
	if (c->buffer_bytes < c->page_bytes || c->buffer_bytes / c->page_bytes > MAX_PAGES)
		return cxms_fail(err, EINVAL, "a page buffer must hold 1 .. %llu pages",
				 (unsigned long long)MAX_PAGES);
	if (c->depth == 0 || c->depth > MAX_DEPTH)
		return cxms_fail(err, EINVAL, "fetches at a time must be 1 .. %u, got %u",
				 MAX_DEPTH, c->depth);
	if (c->fetch_ps == 0 || c->fetch_ps > CXMS_PS_PER_S)
		return cxms_fail(err, EINVAL, "fetching a page must take 1 ps .. 1 s");
	if (!(c->backing_bytes_per_s >= (double)c->page_bytes))
		return cxms_fail(err, EINVAL, "a backing medium must pass a page in a second");
	return 0;
}

static int init(struct cxms_device *d, struct cxms_err *err)
{
	const struct cxms_device_cfg *c = &d->cfg;
	int rc = check(c, err);
	if (rc)
		return rc;
	struct paged *s = d->state = calloc(1, sizeof(*s));
	if (!s)
		return cxms_fail(err, ENOMEM, "out of memory for a page buffer");
	s->n_page = c->buffer_bytes / c->page_bytes;
	s->mask = 1;
	while (s->mask + 1 < s->n_page)
		s->mask = 2 * s->mask + 1;
	s->fetch = calloc(c->depth, sizeof(*s->fetch));
	s->page = calloc(s->n_page + 1, sizeof(*s->page));
	s->bucket = calloc(s->mask + 1, sizeof(*s->bucket));
	if (!s->fetch || !s->page || !s->bucket)
		return cxms_fail(err, ENOMEM, "out of memory for a page buffer");
	s->page_ps = cxms_device_service_ps((double)c->page_bytes, c->backing_bytes_per_s);
	for (; s->n_fetch < c->depth && !rc; s->n_fetch++)
		rc = cxms_calendar_init_ps(&s->fetch[s->n_fetch], c->fetch_ps, FETCH_RING_BITS,
					   err);
	return rc ? rc : cxms_calendar_init_ps(&s->pass, s->page_ps, PASS_RING_BITS, err);
}

static void fini(struct cxms_device *d)
{
	struct paged *s = d->state;
	for (uint32_t i = 0; i < s->n_fetch; i++)
		cxms_calendar_fini(&s->fetch[i]);
	cxms_calendar_fini(&s->pass);
	free(s->fetch);
	free(s->page);
	free(s->bucket);
	free(s);
}

static uint32_t *bucket_of(struct paged *s, uint64_t number)
{
	return &s->bucket[cxms_hash_u64(number) & s->mask];
}

static uint32_t find(struct paged *s, uint64_t number)
{
	uint32_t i = *bucket_of(s, number);
	while (i && s->page[i].number != number)
		i = s->page[i].next;
	return i;
}

static void unlink_use(struct paged *s, uint32_t i)
{
	struct page *p = &s->page[i];
	s->page[p->newer].older = p->older;
	s->page[p->older].newer = p->newer;
}

static void link_newest(struct paged *s, uint32_t i)
{
	struct page *p = &s->page[i], *head = &s->page[0];
	p->newer = 0;
	p->older = head->older;
	s->page[head->older].newer = i;
	head->older = i;
}

static void unlink_bucket(struct paged *s, uint32_t i)
{
	uint32_t *at = bucket_of(s, s->page[i].number);
	while (*at != i)
		at = &s->page[*at].next;
	*at = s->page[i].next;
}

/* A place for a page: one never used, else that of the page used longest ago. */
static uint32_t make_room(struct paged *s, bool *written_back)
{
	*written_back = false;
	if (s->used < s->n_page)
		return (uint32_t)++s->used;
	uint32_t oldest = s->page[0].newer;
	*written_back = s->page[oldest].dirty;
	unlink_use(s, oldest);
	unlink_bucket(s, oldest);
	return oldest;
}

/* The next page passes the medium. Return: when it begins. */
static uint64_t pass(struct paged *s, uint64_t at_ps)
{
	uint64_t begin = at_ps + cxms_calendar_take_ps(&s->pass, at_ps, s->page_ps);
	if (begin + s->page_ps > s->latest_ps)
		s->latest_ps = begin + s->page_ps;
	return begin;
}

/* When a page that is fetched now is there. Fetches of one length end in the order they began, so
 * taking the `depth` of them in turn is a queue with as many servers. */
static uint64_t fetch(struct cxms_device *d, uint64_t at_ps)
{
	struct paged *s = d->state;
	s->turn = s->turn + 1 < s->n_fetch ? s->turn + 1 : 0;
	at_ps += cxms_calendar_take_ps(&s->fetch[s->turn], at_ps, d->cfg.fetch_ps);
	/* the fault is the core's, not the medium's */
	return pass(s, at_ps) + d->cfg.fetch_ps + d->cfg.fault_ps;
}

static uint64_t miss(struct cxms_device *d, uint64_t number, bool write, uint64_t at_ps)
{
	struct paged *s = d->state;
	bool write_back;
	uint32_t i = make_room(s, &write_back), *bucket = bucket_of(s, number);
	uint64_t ready = fetch(d, at_ps);
	if (write_back) /* behind the fetch: nobody waits for it */
		(void)pass(s, at_ps);
	s->page[i] = (struct page){.number = number,
				   .asked_ps = at_ps,
				   .ready_ps = ready,
				   .next = *bucket,
				   .dirty = write};
	*bucket = i;
	link_newest(s, i);
	return ready - at_ps;
}

static uint64_t request(struct cxms_device *d, bool write, uint64_t dpa, uint64_t at_ps)
{
	struct paged *s = d->state;
	uint64_t number = dpa / d->cfg.page_bytes;
	uint32_t i = find(s, number);
	if (!i)
		return miss(d, number, write, at_ps);
	struct page *p = &s->page[i];
	unlink_use(s, i);
	link_newest(s, i);
	p->dirty |= write;
	if (p->asked_ps > at_ps) { /* one that comes late would have asked itself */
		p->ready_ps -= p->asked_ps - at_ps;
		p->asked_ps = at_ps;
	}
	if (p->ready_ps > at_ps)
		return p->ready_ps - at_ps;
	s->hits++;
	return 0;
}

static void sums(const struct cxms_device *d, struct cxms_device_sums *out)
{
	const struct paged *s = d->state;
	for (uint32_t i = 0; i < s->n_fetch; i++)
		cxms_device_sum(&s->fetch[i], out);
	cxms_device_sum(&s->pass, out);
	out->page_hits = s->hits;
	out->latest_ps = s->latest_ps > out->latest_ps ? s->latest_ps : out->latest_ps;
}

const struct cxms_device_ops cxms_device_paged = {init, request, sums, fini};
