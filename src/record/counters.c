#include "record/counters.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"
#include "source/cnt_live.h"
#include "source/cnt_set.h"

/* Several of them to an epoch; a look at a hundred counters costs about 0.1 ms. */
#define INTERVAL_NS 100000000ull
/* Registers that loads, misses and stores hold while accesses are sampled. */
#define SAMPLING_COUNTERS 3u

int cxms_counters_open(struct cxms_counters *c, const char *pcm, struct cxms_log *log,
		       struct cxms_err *err)
{
	*c = (struct cxms_counters){.pcm_path = pcm, .log = log};
	if (!pcm)
		return 0;
	c->n_pcm = CXMS_PCM_WHAT_COUNT;
	return cxms_pcm_events_open(&c->pcm, pcm, err);
}

static void tell_left(const struct cxms_counters *c, struct cxms_buf *left)
{
	if (left->len)
		cxms_log(c->log, CXMS_LOG_INFO, "not counted:%s", cxms_buf_text(left));
}

static int attach_core(struct cxms_counters *c, bool turns, unsigned taken, pid_t pid,
		       struct cxms_err *err)
{
	struct cxms_cnt_set set;
	struct cxms_buf left = {0};
	int rc = cxms_cnt_set_core(taken, turns, &set, &left, err);

	if (!rc) {
		tell_left(c, &left);
		rc = cxms_cnt_live_open(set.ev, set.n, pid, &c->core, err);
	}
	if (!rc)
		c->n_core = (uint32_t)set.n;
	cxms_cnt_set_fini(&set);
	cxms_buf_fini(&left);
	return rc;
}

/* Units of the whole machine: a bonus, so never an error. */
static void attach_uncore(struct cxms_counters *c, bool turns, bool asked)
{
	struct cxms_cnt_set set;
	struct cxms_buf left = {0};
	struct cxms_err why = {0};
	int rc = cxms_cnt_set_uncore(turns, &set, &left, &why);

	if (!rc) {
		tell_left(c, &left);
		rc = cxms_cnt_live_open(set.ev, set.n, -1, &c->uncore, &why);
	}
	if (!rc)
		c->n_uncore = (uint32_t)set.n;
	else
		cxms_log(c->log, asked ? CXMS_LOG_NORMAL : CXMS_LOG_INFO,
			 "no counters of caches, memory controllers and CXL ports: %s", why.msg);
	cxms_cnt_set_fini(&set);
	cxms_buf_fini(&left);
}

int cxms_counters_attach(struct cxms_counters *c, enum cxms_counters_mode mode, unsigned caps,
			 pid_t pid, struct cxms_err *err)
{
	bool sampled = caps & CXMS_SRC_MEM, asked = mode != CXMS_COUNTERS_AUTO;
	struct cxms_err why = {0};
	int rc;

	if (mode == CXMS_COUNTERS_OFF || pid <= 0 || (!asked && !sampled))
		return 0;
	rc = attach_core(c, mode != CXMS_COUNTERS_FIT, sampled ? SAMPLING_COUNTERS : 0, pid,
			 asked ? err : &why);
	if (rc && asked)
		return rc;
	if (rc)
		cxms_log(c->log, CXMS_LOG_NORMAL,
			 "no counters of the cores, so stalls are known only between bounds: %s",
			 why.msg);
	attach_uncore(c, mode == CXMS_COUNTERS_TURNS, asked);
	return 0;
}

uint32_t cxms_counters_count(const struct cxms_counters *c)
{
	return c->n_pcm + c->n_core + c->n_uncore;
}

void cxms_counters_begin(struct cxms_counters *c, cxms_counters_keep *keep, void *arg)
{
	size_t most = c->n_core + c->n_uncore;

	if (most < CXMS_PCM_EVENTS_MAX)
		most = CXMS_PCM_EVENTS_MAX;
	c->ev = calloc(most, sizeof(*c->ev));
	if (!c->ev)
		return; /* nothing is counted then */
	c->begin_ns = cxms_now_ns();
	c->next_ns = c->begin_ns + INTERVAL_NS;
	if (c->n_pcm) {
		cxms_pcm_events_begin(&c->pcm);
		cxms_pcm_events_define(c->ev);
		keep(arg, c->ev, c->n_pcm);
	}
	if (c->n_core) {
		cxms_cnt_live_define(c->core, c->n_pcm, c->ev);
		keep(arg, c->ev, c->n_core);
	}
	if (c->n_uncore) {
		cxms_cnt_live_define(c->uncore, c->n_pcm + c->n_core, c->ev);
		keep(arg, c->ev, c->n_uncore);
	}
}

/* A text that breaks off or is none costs its figures, not the recording. */
static void poll_pcm(struct cxms_counters *c, cxms_counters_keep *keep, void *arg)
{
	struct cxms_err why = {0};
	size_t n = 1;

	while (c->pcm.pcm && n > 0) {
		if (cxms_pcm_events_poll(&c->pcm, c->ev, &n, &why)) {
			cxms_log(c->log, CXMS_LOG_NORMAL, "'%s' is not read any more: %s",
				 c->pcm_path, why.msg);
			cxms_pcm_events_close(&c->pcm);
			return;
		}
		keep(arg, c->ev, n);
	}
}

static void tell_skipped(const struct cxms_counters *c)
{
	uint64_t n = c->pcm.pcm ? cxms_pcm_skipped(c->pcm.pcm) : 0;

	if (n)
		cxms_log(c->log, CXMS_LOG_NORMAL,
			 "'%s': %" PRIu64 " line%s neither head nor interval: what %s counted "
			 "is missing",
			 c->pcm_path, n, n == 1 ? " is" : "s are", n == 1 ? "it" : "they");
}

void cxms_counters_poll(struct cxms_counters *c, bool last, cxms_counters_keep *keep, void *arg)
{
	uint64_t now_ns = cxms_now_ns();
	size_t n;

	if (!c->ev || (!last && now_ns < c->next_ns))
		return;
	c->next_ns = now_ns + INTERVAL_NS;
	poll_pcm(c, keep, arg);
	if (last)
		tell_skipped(c);
	if (c->core) {
		cxms_cnt_live_read(c->core, now_ns - c->begin_ns, c->n_pcm, c->ev, &n);
		keep(arg, c->ev, n);
	}
	if (c->uncore) {
		cxms_cnt_live_read(c->uncore, now_ns - c->begin_ns, c->n_pcm + c->n_core, c->ev,
				   &n);
		keep(arg, c->ev, n);
	}
}

void cxms_counters_close(struct cxms_counters *c)
{
	cxms_pcm_events_close(&c->pcm);
	cxms_cnt_live_free(c->core);
	cxms_cnt_live_free(c->uncore);
	free(c->ev);
	*c = (struct cxms_counters){0};
}
