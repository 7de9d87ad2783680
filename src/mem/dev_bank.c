/*
 * BANK: channels of ranks of banks, each with one open row, refresh, and a data bus per channel.
 * Commands are not timed one by one: a request holds its bank from the first command to the last
 * column access, and the bus for its burst. JEDEC JESD79-5 defines the times.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/units.h"
#include "mem/device_priv.h"

#define MAX_CHANNELS   64u
#define MAX_RANKS      16u
#define MAX_BANKS      256u
#define MAX_ROW_BYTES  65536u
#define BANK_RING_BITS 10u /* 0.1 ms or more, as banks are many */
#define BUS_RING_BITS  15u
#define REFRESH_AHEAD  2u /* intervals behind all that was served */
/* Writes are kept and written this many at a time, so the bus turns around that much more seldom.
 */
#define CXMS_ASSUMED_WRITE_BATCH 16u
/* How long requests lie in a controller's queue, from which those of one row are taken together. */
#define CXMS_ASSUMED_REORDER_PS 200000u
#define RECENT_ROWS		8u

struct opened {
	uint64_t row, at_ps; /* row plus one */
};

struct bank {
	struct cxms_calendar time;
	uint64_t row; /* plus one; 0 = closed */
	struct opened recent[RECENT_ROWS];
	uint32_t turn;	       /* of the recent rows */
	uint64_t may_close_ps; /* its row was open, and the last write settled, for long enough */
};

struct bus {
	struct cxms_calendar time;
	uint64_t refresh; /* the next one that is not kept free yet */
	uint64_t last_ps; /* end of what was served */
	uint32_t writes;  /* since it turned */
	bool read;
};

struct banks {
	uint32_t n_channel, n_bank;
	uint64_t reference_ps; /* a request whose bank holds another row: the idle latency */
	uint64_t row_hits;
	struct bus *bus;
	struct bank *bank; /* [channel][rank][bank] */
};

struct place {
	uint32_t channel, rank, bank;
	uint64_t row;
};

static bool power_of_two(uint32_t v)
{
	return v && (v & (v - 1)) == 0;
}

static int check(const struct cxms_device_cfg *c, struct cxms_err *err)
{
	const uint64_t times[] = {c->burst_ps, c->cl_ps,  c->rcd_ps, c->rp_ps,	c->ras_ps,
				  c->wr_ps,    c->wtr_ps, c->rtw_ps, c->rfc_ps, c->refi_ps};
	if (c->channels == 0 || c->channels > MAX_CHANNELS)
		return cxms_fail(err, EINVAL, "channels of a device must be 1 .. %u, got %u",
				 MAX_CHANNELS, c->channels);
	if (c->ranks == 0 || c->ranks > MAX_RANKS)
		return cxms_fail(err, EINVAL, "ranks of a channel must be 1 .. %u, got %u",
				 MAX_RANKS, c->ranks);
	if (!power_of_two(c->banks) || c->banks > MAX_BANKS)
		return cxms_fail(err, EINVAL,
				 "banks of a rank must be a power of two to %u, got %u", MAX_BANKS,
				 c->banks);
	if (!power_of_two(c->row_bytes) || c->row_bytes < CXMS_LINE_BYTES ||
	    c->row_bytes > MAX_ROW_BYTES)
		return cxms_fail(err, EINVAL,
				 "a row must be a power of two of bytes, %u .. %u, got %u",
				 CXMS_LINE_BYTES, MAX_ROW_BYTES, c->row_bytes);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (times[i] > CXMS_PS_PER_S / 1000)
			return cxms_fail(err, EINVAL, "a time of a DRAM part is over 1 ms");
	if (c->burst_ps == 0)
		return cxms_fail(err, EINVAL, "the burst of a DRAM part must be over 0");
	if (c->refi_ps && c->rfc_ps >= c->refi_ps)
		return cxms_fail(err, EINVAL, "a refresh must be shorter than its interval");
	return 0;
}

static int init(struct cxms_device *d, struct cxms_err *err)
{
	const struct cxms_device_cfg *c = &d->cfg;
	int rc = check(c, err);
	if (rc)
		return rc;
	struct banks *b = d->state = calloc(1, sizeof(*b));
	uint32_t n = c->channels * c->ranks * c->banks;
	if (b) {
		b->bus = calloc(c->channels, sizeof(*b->bus));
		b->bank = calloc(n, sizeof(*b->bank));
	}
	if (!b || !b->bus || !b->bank)
		return cxms_fail(err, ENOMEM, "out of memory for a device");
	b->reference_ps = (c->closed_page ? 0 : c->rp_ps) + c->rcd_ps + c->cl_ps;
	for (; b->n_channel < c->channels && !rc; b->n_channel++)
		rc = cxms_calendar_init_ps(&b->bus[b->n_channel].time, c->burst_ps, BUS_RING_BITS,
					   err);
	for (; b->n_bank < n && !rc; b->n_bank++)
		rc = cxms_calendar_init_ps(&b->bank[b->n_bank].time, c->ras_ps + c->rp_ps,
					   BANK_RING_BITS, err);
	return rc;
}

static void fini(struct cxms_device *d)
{
	struct banks *b = d->state;
	for (uint32_t i = 0; i < b->n_channel; i++)
		cxms_calendar_fini(&b->bus[i].time);
	for (uint32_t i = 0; i < b->n_bank; i++)
		cxms_calendar_fini(&b->bank[i].time);
	free(b->bus);
	free(b->bank);
	free(b);
}

/*
 * Lines go over the channels first, then along a row, then over banks and ranks. The row's number
 * is mixed into channel and bank, so that strides of a power of two do not meet in one.
 */
static struct place place_of(const struct cxms_device_cfg *c, uint64_t dpa)
{
	uint64_t line = dpa / CXMS_LINE_BYTES;
	uint64_t page = line / c->channels / (c->row_bytes / CXMS_LINE_BYTES);
	uint64_t above = page / c->banks, row = above / c->ranks;
	return (struct place){.channel = (uint32_t)((line + page) % c->channels),
			      .rank = (uint32_t)(above % c->ranks),
			      .bank = (uint32_t)((page ^ above) & (c->banks - 1)),
			      .row = row};
}

/* All banks of a rank refresh together, each rank at another time of the interval. */
static uint64_t after_refresh(const struct cxms_device_cfg *c, uint32_t rank, uint64_t at)
{
	if (c->refi_ps == 0)
		return at;
	uint64_t phase = (at + rank * c->refi_ps / c->ranks) % c->refi_ps;
	return phase < c->rfc_ps ? at + c->rfc_ps - phase : at;
}

/* With one rank nothing is on the bus while it refreshes, later by what lies between the first
 * command and its data: these times are taken before requests are given them. They are no load. */
static void keep_refresh_free(const struct cxms_device_cfg *c, struct bus *b, uint64_t later,
			      uint64_t at)
{
	if (c->refi_ps == 0 || c->ranks > 1)
		return;
	uint64_t now = (at > b->last_ps ? at : b->last_ps) / c->refi_ps;
	b->refresh = b->refresh < now ? now : b->refresh;
	for (; b->refresh <= now + REFRESH_AHEAD; b->refresh++) {
		cxms_calendar_take_ps(&b->time, b->refresh * c->refi_ps + later, c->rfc_ps);
		b->time.busy_ps -= c->rfc_ps;
	}
}

/* Time until the open row may close. Requests that come late find a time of the future there: one
 * further off than a row can take is none of theirs. */
static uint64_t until_close(const struct cxms_device_cfg *c, const struct bank *b, uint64_t at)
{
	uint64_t longest = c->ras_ps + c->cl_ps + c->burst_ps + c->wr_ps;
	uint64_t until = b->may_close_ps > at ? b->may_close_ps - at : 0;
	return until <= longest ? until : 0;
}

/* A controller serves requests of one row together, so where a bank is asked for two rows in turn,
 * each opens once for several of its requests. */
static bool was_open_lately(const struct bank *b, uint64_t row, uint64_t at)
{
	for (size_t i = 0; i < RECENT_ROWS; i++) {
		const struct opened *o = &b->recent[i];
		if (o->row == row + 1 && at < o->at_ps + CXMS_ASSUMED_REORDER_PS &&
		    at + CXMS_ASSUMED_REORDER_PS > o->at_ps)
			return true;
	}
	return false;
}

static void open_row(const struct cxms_device_cfg *c, struct bank *b, uint64_t row, uint64_t at)
{
	b->row = row + 1;
	b->may_close_ps = at + c->ras_ps;
	b->turn = (b->turn + 1) % RECENT_ROWS;
	b->recent[b->turn] = (struct opened){row + 1, at};
}

static uint64_t begin_at(const struct cxms_device_cfg *c, const struct place *p, struct bank *b,
			 uint64_t at, uint64_t held_ps)
{
	at = after_refresh(c, p->rank, at);
	return after_refresh(c, p->rank, at + cxms_calendar_take_ps(&b->time, at, held_ps));
}

/* The bank's part of a request: when its data can be on the bus. A bank that closes behind it: */
static uint64_t ask_closing(const struct cxms_device_cfg *c, const struct place *p, struct bank *b,
			    bool write, uint64_t at)
{
	uint64_t used = c->rcd_ps + c->burst_ps + (write ? c->cl_ps + c->wr_ps : 0);
	uint64_t held = (used > c->ras_ps ? used : c->ras_ps) + c->rp_ps;
	return begin_at(c, p, b, at, held) + c->rcd_ps + c->cl_ps;
}

/* A request whose row the bank must open; @begin: when it can, but for the row that is open. */
static uint64_t change_row(const struct cxms_device_cfg *c, struct bank *b, uint64_t row,
			   uint64_t begin)
{
	uint64_t until = b->row ? until_close(c, b, begin) : 0;
	cxms_calendar_take_ps(&b->time, begin, until); /* those behind wait for it too */
	uint64_t opens = begin + until + (b->row ? c->rp_ps : 0);
	open_row(c, b, row, opens);
	return opens + c->rcd_ps + c->cl_ps;
}

static uint64_t ask_open(struct banks *s, const struct cxms_device_cfg *c, const struct place *p,
			 struct bank *b, uint64_t at)
{
	bool hit = b->row == p->row + 1;
	uint64_t change = (b->row ? c->rp_ps : 0) + c->rcd_ps;
	if (!hit && !was_open_lately(b, p->row, at))
		return change_row(c, b, p->row, begin_at(c, p, b, at, change + c->burst_ps));
	uint64_t begin = begin_at(c, p, b, at, c->burst_ps);
	if (hit || begin > after_refresh(c, p->rank, at)) {
		s->row_hits++;
		return begin + c->cl_ps;
	}
	cxms_calendar_take_ps(&b->time, begin, change); /* it was free: nothing to serve together */
	return change_row(c, b, p->row, begin);
}

static uint64_t ask_bank(struct cxms_device *d, const struct place *p, bool write, uint64_t at)
{
	const struct cxms_device_cfg *c = &d->cfg;
	struct banks *s = d->state;
	struct bank *b = &s->bank[(p->channel * c->ranks + p->rank) * c->banks + p->bank];
	if (c->closed_page)
		return ask_closing(c, p, b, write, at);
	uint64_t data_at = ask_open(s, c, p, b, at), settled = data_at + c->burst_ps + c->wr_ps;
	if (write && settled > b->may_close_ps)
		b->may_close_ps = settled;
	return data_at;
}

/* Time that the bus loses by turning around. */
static uint64_t turn(const struct cxms_device_cfg *c, struct bus *b, bool write)
{
	b->writes += write;
	b->read |= !write;
	if (!b->read || b->writes < CXMS_ASSUMED_WRITE_BATCH)
		return 0;
	b->writes = 0;
	b->read = false;
	return c->rtw_ps + c->wtr_ps;
}

static uint64_t request(struct cxms_device *d, bool write, uint64_t dpa, uint64_t at_ps)
{
	struct banks *s = d->state;
	struct place p = place_of(&d->cfg, dpa);
	struct bus *bus = &s->bus[p.channel];
	keep_refresh_free(&d->cfg, bus, s->reference_ps, at_ps);
	uint64_t data_at = ask_bank(d, &p, write, at_ps);
	data_at += cxms_calendar_take_ps(&bus->time, data_at,
					 d->cfg.burst_ps + turn(&d->cfg, bus, write));
	bus->last_ps = data_at > bus->last_ps ? data_at : bus->last_ps;
	uint64_t idle_at = at_ps + s->reference_ps;
	return data_at > idle_at ? data_at - idle_at : 0;
}

static void sums(const struct cxms_device *d, struct cxms_device_sums *out)
{
	const struct banks *s = d->state;
	for (uint32_t i = 0; i < s->n_channel; i++)
		cxms_device_sum(&s->bus[i].time, out);
	for (uint32_t i = 0; i < s->n_bank; i++)
		cxms_device_sum(&s->bank[i].time, out);
	out->row_hits = s->row_hits;
}

const struct cxms_device_ops cxms_device_bank = {init, request, sums, fini};
