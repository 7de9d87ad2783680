/*
 * Importer `perf-script`: lines of `perf script --ns -F
 * comm,pid,tid,cpu,time,event,period,addr,ip,uregs
 * --show-mmap-events --show-task-events --show-switch-events`, of sampled accesses `-F
 * comm,pid,tid,time,event,period,addr,data_src,weight,ip`. perf prints them in time order, always
 * with the fields in this order: command, pid/tid, [cpu], time, period, event, then the rest.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/warn.h"
#include "source/imp_text.h"
#include "source/imp_watch.h"
#include "source/import.h"

#define NS_PER_S 1000000000ull
/* perf's 4000 Hz since Linux 5.8, where no line tells the period. */
#define PERIOD_NS 250000ull

struct script {
	struct cxms_imp_watch watch;
	uint64_t n_line, n_bad, first_bad;
	uint64_t last_ns, n_late; /* latest time so far; lines that are behind it */
	uint64_t n_clock, n_regs; /* clock samples in user mode; of these with registers */
	bool has_accesses;	  /* seen at the beginning; later ones are of no use */
	bool is_done;
};

/* Who and when, in front of every line. */
struct line {
	uint32_t pid, tid, cpu;
	uint64_t time_ns;
	struct cxms_words rest;
};

/* "123/456" */
static bool take_ids(struct cxms_words w, uint32_t *pid, uint32_t *tid)
{
	const char *slash = memchr(w.p, '/', (size_t)(w.end - w.p));
	uint64_t a, b;

	if (!slash || !cxms_word_number((struct cxms_words){w.p, slash}, 10, &a) ||
	    !cxms_word_number((struct cxms_words){slash + 1, w.end}, 10, &b) || a > UINT32_MAX ||
	    b > UINT32_MAX)
		return false;
	*pid = (uint32_t)a;
	*tid = (uint32_t)b;
	return true;
}

/* "26100.162957:", with 6 or 9 digits behind the point */
static bool take_time(struct cxms_words w, uint64_t *ns)
{
	const char *dot = memchr(w.p, '.', (size_t)(w.end - w.p));
	uint64_t s, fraction;
	size_t digits;

	if (!dot || w.end[-1] != ':')
		return false;
	digits = (size_t)(w.end - dot) - 2;
	if (!cxms_word_number((struct cxms_words){w.p, dot}, 10, &s) ||
	    !cxms_word_number((struct cxms_words){dot + 1, w.end - 1}, 10, &fraction) ||
	    (digits != 6 && digits != 9) || s > UINT32_MAX)
		return false;
	*ns = s * NS_PER_S + fraction * (digits == 6 ? 1000 : 1);
	return true;
}

/* The command may hold blanks: what comes first of the form pid/tid ends it. */
static bool take_start(struct cxms_words w, struct line *out)
{
	struct cxms_words word;
	uint64_t cpu;

	*out = (struct line){0};
	do {
		word = cxms_take_word(&w);
		if (word.p == word.end)
			return false;
	} while (!take_ids(word, &out->pid, &out->tid));
	word = cxms_take_word(&w);
	if (word.end - word.p > 2 && *word.p == '[') {
		if (!cxms_word_number((struct cxms_words){word.p + 1, word.end - 1}, 10, &cpu) ||
		    cpu > UINT16_MAX)
			return false;
		out->cpu = (uint32_t)cpu;
		word = cxms_take_word(&w);
	}
	out->rest = w;
	return take_time(word, &out->time_ns);
}

static struct cxms_perf_rec rec_of(const struct line *l, uint32_t type)
{
	return (struct cxms_perf_rec){
		.type = type, .pid = l->pid, .tid = l->tid, .cpu = l->cpu, .time_ns = l->time_ns};
}

/* ---- samples ---- */

struct sample {
	struct cxms_words event;
	uint64_t period, ip, addr, data_src, weight;
	bool has_period, has_addr, has_source;
	struct cxms_words regs; /* behind "ABI:2" */
};

static bool has_text(struct cxms_words w, const char *text)
{
	return memmem(w.p, (size_t)(w.end - w.p), text, strlen(text)) != NULL;
}

/* "|OP LOAD|LVL L1 hit|...|BLK  N/A 321 401000": weight and ip are the numbers at the end */
static bool take_access(struct cxms_words *w, struct sample *s)
{
	struct cxms_words word = cxms_take_word(w), last = {0}, before = {0};
	uint64_t v;

	s->has_source = true;
	for (; word.p < word.end; word = cxms_take_word(w)) {
		bool is_number = cxms_word_number(word, 16, &v);

		before = is_number ? last : (struct cxms_words){0};
		last = is_number ? word : (struct cxms_words){0};
	}
	return last.p && cxms_word_number(last, 16, &s->ip) &&
	       (!before.p || cxms_word_number(before, 10, &s->weight));
}

/* Addresses up to the first word that is none: the last is the ip. */
static bool take_addresses(struct cxms_words *w, struct sample *s)
{
	struct cxms_words word, before = *w;
	uint64_t v[2] = {0}, number;
	unsigned n = 0;

	while (n < 3) {
		word = cxms_take_word(w);
		if (word.p < word.end && *word.p == '|') {
			s->data_src = n ? v[(n - 1) & 1] : 0;
			s->addr = v[0];
			s->has_addr = n == 2;
			return take_access(w, s);
		}
		if (!cxms_word_number(word, 16, &number))
			break;
		v[n++ & 1] = number;
		before = *w;
	}
	*w = before;
	s->has_addr = n == 2;
	s->addr = n == 2 ? v[0] : 0;
	s->ip = n == 2 ? v[1] : v[0];
	return n == 1 || n == 2;
}

/* Names of events may hold commas: "cpu/mem-loads,ldlat=30/P:" */
static struct cxms_words take_event(struct cxms_words *w)
{
	struct cxms_words event;

	cxms_skip_blanks(w);
	event = *w;
	while (w->p < w->end && *w->p != ' ')
		w->p++;
	event.end = w->p;
	return event;
}

static bool take_sample(const struct line *l, struct sample *s)
{
	struct cxms_words w = l->rest, word = take_event(&w);
	uint64_t period = 0;
	bool has_period = cxms_word_number(word, 10, &period);

	*s = (struct sample){.has_period = has_period, .period = period};
	s->event = has_period ? take_event(&w) : word;
	if (s->event.p == s->event.end || s->event.end[-1] != ':' || !take_addresses(&w, s))
		return false;
	s->regs = w;
	return true;
}

/* "AX:0x7f0dd3ce3a10" ...: all sixteen, in any order */
static bool take_regs(struct cxms_words w, uint64_t gpr[CXMS_PERF_REG_COUNT])
{
	static const char names[CXMS_PERF_REG_COUNT][4] = {"AX",  "BX",	 "CX",	"DX", "SI",  "DI",
							   "BP",  "SP",	 "R8",	"R9", "R10", "R11",
							   "R12", "R13", "R14", "R15"};
	unsigned found = 0;
	struct cxms_words word;

	for (word = cxms_take_word(&w); word.p < word.end; word = cxms_take_word(&w)) {
		const char *colon = memchr(word.p, ':', (size_t)(word.end - word.p));

		for (unsigned i = 0; colon && i < CXMS_PERF_REG_COUNT; i++)
			if (cxms_word_is((struct cxms_words){word.p, colon}, names[i]) &&
			    cxms_word_number((struct cxms_words){colon + 1, word.end}, 16, &gpr[i]))
				found |= 1u << i;
	}
	return found == (1u << CXMS_PERF_REG_COUNT) - 1;
}

static int on_clock(struct script *s, const struct line *l, const struct sample *in,
		    struct cxms_err *err)
{
	struct cxms_perf_rec r = rec_of(l, PERF_RECORD_SAMPLE);
	uint64_t gpr[CXMS_PERF_REG_COUNT];

	r.misc = in->ip >> 63 ? PERF_RECORD_MISC_KERNEL : PERF_RECORD_MISC_USER;
	r.sample.ip = in->ip;
	r.sample.abi =
		has_text(in->regs, "ABI:1") ? PERF_SAMPLE_REGS_ABI_32 : PERF_SAMPLE_REGS_ABI_64;
	r.sample.has_no_regs = !take_regs(in->regs, gpr);
	r.sample.gpr = r.sample.has_no_regs ? NULL : gpr;
	r.sample.period_ns = in->has_period ? in->period : 0;
	s->n_clock += !(in->ip >> 63);
	s->n_regs += !(in->ip >> 63) && !r.sample.has_no_regs;
	return cxms_imp_watch_record(&s->watch, CXMS_PERF_SAMPLES, &r, err);
}

static int on_sample(struct script *s, const struct line *l, bool *is_bad, struct cxms_err *err)
{
	struct sample in;
	struct cxms_perf_rec r = rec_of(l, PERF_RECORD_SAMPLE);

	*is_bad = !take_sample(l, &in) || (in.has_source && !s->has_accesses);
	if (*is_bad)
		return 0;
	if (in.has_source) {
		const struct cxms_imp_access a = {.pid = l->pid,
						  .tid = l->tid,
						  .cpu = l->cpu,
						  .time_ns = l->time_ns,
						  .ip = in.ip,
						  .addr = in.addr,
						  .period = in.period,
						  .latency_cyc = (uint32_t)in.weight,
						  .data_src = in.data_src,
						  .is_kernel = in.ip >> 63,
						  .has_addr = in.addr != 0};

		return cxms_imp_watch_access(&s->watch, &a, err);
	}
	if (has_text(in.event, "cpu-clock") || has_text(in.event, "task-clock"))
		return on_clock(s, l, &in, err);
	*is_bad = !has_text(in.event, "faults") || !in.has_addr;
	r.fault.ip = in.ip;
	r.fault.addr = in.addr;
	return *is_bad ? 0 : cxms_imp_watch_record(&s->watch, CXMS_PERF_FAULTS, &r, err);
}

/* ---- other records ---- */

static bool copy_text(char *out, size_t cap, struct cxms_words w)
{
	size_t n = (size_t)(w.end - w.p);

	if (n >= cap || memchr(w.p, 0, n))
		return false;
	memcpy(out, w.p, n);
	out[n] = '\0';
	return true;
}

/* "[0x400000(0x1000) @ 0x1000 fe:00 11010321 0]: r-xp /path": by the pid before it */
static bool take_map(struct cxms_words w, struct cxms_perf_rec *r, char *path, size_t cap)
{
	struct cxms_words ids = cxms_take_word(&w), at, mode;
	const char *paren, *bracket;

	if (ids.p == ids.end ||
	    !take_ids((struct cxms_words){ids.p, ids.end - 1}, &r->pid, &r->tid))
		return false;
	at = cxms_take_word(&w);
	paren = memchr(at.p, '(', (size_t)(at.end - at.p));
	if (!paren || *at.p != '[' || at.end[-1] != ')' ||
	    !cxms_word_number((struct cxms_words){at.p + 1, paren}, 16, &r->map.addr) ||
	    !cxms_word_number((struct cxms_words){paren + 1, at.end - 1}, 16, &r->map.len) ||
	    !cxms_word_is(cxms_take_word(&w), "@") ||
	    !cxms_word_number(cxms_take_word(&w), 16, &r->map.file_off))
		return false;
	bracket = memmem(w.p, (size_t)(w.end - w.p), "]: ", 3);
	if (!bracket)
		return false;
	w.p = bracket + 3;
	mode = cxms_take_word(&w);
	if (mode.end - mode.p != 4)
		return false;
	r->map.prot = (mode.p[0] == 'r' ? PROT_READ : 0u) | (mode.p[1] == 'w' ? PROT_WRITE : 0u) |
		      (mode.p[2] == 'x' ? PROT_EXEC : 0u);
	r->map.flags = mode.p[3] == 's' ? MAP_SHARED : MAP_PRIVATE;
	r->map.path = path;
	w.p += w.p < w.end;
	return copy_text(path, cap, w);
}

/* "(pid:tid):(parent:parent's tid)" */
static bool take_task(struct cxms_words w, struct cxms_perf_rec *r)
{
	char text[96];

	return copy_text(text, sizeof(text), w) &&
	       sscanf(text, "(%" SCNu32 ":%" SCNu32 "):(%" SCNu32 ":%" SCNu32 ")", &r->pid, &r->tid,
		      &r->task.parent_pid, &r->task.parent_tid) == 4;
}

/* "exec: name:pid/tid"; a change of name alone is nothing */
static bool take_exec(struct cxms_words w, struct cxms_perf_rec *r, char *name, size_t cap)
{
	const char *colon;

	w.p += w.p < w.end;
	colon = memrchr(w.p, ':', (size_t)(w.end - w.p));
	r->misc = PERF_RECORD_MISC_COMM_EXEC;
	r->comm.name = name;
	return colon && take_ids((struct cxms_words){colon + 1, w.end}, &r->pid, &r->tid) &&
	       copy_text(name, cap, (struct cxms_words){w.p, colon});
}

static int on_switch(struct script *s, const struct line *l, struct cxms_words w,
		     struct cxms_err *err)
{
	struct cxms_perf_rec r = rec_of(l, PERF_RECORD_SWITCH);

	s->watch.c.gap_ns = 0; /* they are recorded */
	if (has_text(w, "OUT"))
		r.misc = PERF_RECORD_MISC_SWITCH_OUT;
	if (has_text(w, "preempt"))
		r.misc |= PERF_RECORD_MISC_SWITCH_OUT_PREEMPT;
	return cxms_imp_watch_record(&s->watch, CXMS_PERF_SIDE, &r, err);
}

static int on_record(struct script *s, const struct line *l, struct cxms_words kind,
		     struct cxms_words w, bool *is_bad, struct cxms_err *err)
{
	struct cxms_perf_rec r = rec_of(l, 0);
	char text[4097];
	const char *paren = memchr(kind.p, '(', (size_t)(kind.end - kind.p));

	if (cxms_word_is(kind, "PERF_RECORD_MMAP2") || cxms_word_is(kind, "PERF_RECORD_MMAP")) {
		r.type = PERF_RECORD_MMAP2;
		*is_bad = !take_map(w, &r, text, sizeof(text));
	} else if (cxms_word_is(kind, "PERF_RECORD_COMM")) {
		r.type = PERF_RECORD_COMM;
		*is_bad = !cxms_word_is(cxms_take_word(&w), "exec:") ||
			  !take_exec(w, &r, text, sizeof(text));
	} else if (paren) {
		r.type = has_text(kind, "FORK") ? PERF_RECORD_FORK : PERF_RECORD_EXIT;
		*is_bad = !take_task((struct cxms_words){paren, kind.end}, &r);
	} else if (has_text(kind, "PERF_RECORD_SWITCH")) {
		return on_switch(s, l, w, err);
	} else if (cxms_word_is(kind, "PERF_RECORD_LOST")) {
		r.type = PERF_RECORD_LOST;
		cxms_take_word(&w); /* "lost" */
		*is_bad = !cxms_word_number(cxms_take_word(&w), 10, &r.lost);
	} else {
		return 0;
	}
	return *is_bad ? 0 : cxms_imp_watch_record(&s->watch, CXMS_PERF_SAMPLES, &r, err);
}

static int on_line(struct script *s, struct cxms_words w, struct cxms_err *err)
{
	struct line l = {0};
	struct cxms_words kind;
	bool is_bad = false;
	int rc = 0;

	s->n_line++;
	if (!take_start(w, &l)) {
		is_bad = cxms_take_word(&w).p != w.end;
	} else {
		w = l.rest;
		kind = cxms_take_word(&w);
		if (has_text(kind, "PERF_RECORD_COMM:")) /* a change of name */
			return 0;
		if (kind.end > kind.p && kind.end[-1] == ':')
			kind.end--;
		rc = has_text(kind, "PERF_RECORD_") ? on_record(s, &l, kind, w, &is_bad, err)
						    : on_sample(s, &l, &is_bad, err);
	}
	if (is_bad && !s->n_bad++)
		s->first_bad = s->n_line;
	/* what was there before perf began has no time */
	s->n_late += !is_bad && l.time_ns && l.time_ns < s->last_ns;
	s->last_ns = l.time_ns > s->last_ns ? l.time_ns : s->last_ns;
	return rc;
}

/* ---- the import ---- */

/* What the lines of the window hold: the period of clock samples, and whether accesses. */
static uint64_t look_ahead(struct cxms_input *in, bool *has_accesses, bool *has_switches)
{
	size_t n = cxms_input_want(in, CXMS_INPUT_WINDOW);
	const char *text = (const char *)cxms_input_at(in), *eol;
	uint64_t period_ns = 0;

	*has_accesses = *has_switches = false;
	for (; (eol = memchr(text, '\n', n)); n -= (size_t)(eol + 1 - text), text = eol + 1) {
		struct line l;
		struct sample s;

		if (!take_start((struct cxms_words){text, eol}, &l))
			continue;
		*has_switches |= has_text(l.rest, "PERF_RECORD_SWITCH");
		if (!take_sample(&l, &s))
			continue;
		*has_accesses |= s.has_source;
		if (!period_ns && !s.has_source && has_text(s.event, "-clock"))
			period_ns = s.period;
	}
	return period_ns ? period_ns : PERIOD_NS;
}

bool cxms_import_is_script(const char *line, size_t n)
{
	struct line l;

	return take_start((struct cxms_words){line, line + n}, &l);
}

static int open_script(struct cxms_import *i, struct cxms_err *err)
{
	struct script *s = i->priv;
	struct cxms_imp_watch_cfg cfg = {.symfs = i->cfg.symfs, .cache = i->cfg.cache};
	bool has_switches;

	(void)err;
	cfg.period_ns = look_ahead(i->cfg.in, &s->has_accesses, &has_switches);
	cxms_imp_watch_init(&s->watch, &cfg);
	i->facts.period_ns = cfg.period_ns;
	i->facts.page_bytes = 4096;
	i->facts.huge_bytes = 2u << 20;
	snprintf(i->facts.machine, sizeof(i->facts.machine), "x86_64");
	i->facts.source_caps = CXMS_SRC_STORES;
	if (s->has_accesses)
		i->facts.source_caps |= CXMS_SRC_MEM | CXMS_SRC_LATENCY;
	if (has_switches)
		i->facts.source_caps |= CXMS_SRC_SWITCHES;
	snprintf(i->facts.source_reason, sizeof(i->facts.source_reason),
		 "imported from the text of perf script");
	return 0;
}

static int finish(struct cxms_import *i, struct cxms_err *err)
{
	struct script *s = i->priv;
	const char *path;

	cxms_imp_watch_end(&s->watch);
	s->is_done = true;
	if (s->n_bad)
		cxms_warn(i->cfg.warnings, CXMS_W_IMPORT_EVENT,
			  "%" PRIu64
			  " line%s of '%s' %s of no use as samples, the first is line %" PRIu64,
			  s->n_bad, s->n_bad == 1 ? "" : "s", i->cfg.in->name,
			  s->n_bad == 1 ? "is" : "are", s->first_bad);
	if (s->n_late)
		cxms_warn(i->cfg.warnings, CXMS_W_IMPORT_ORDER,
			  "%" PRIu64 " of %" PRIu64
			  " lines of '%s' came too late for their time: perf script "
			  "prints them in order",
			  s->n_late, s->n_line, i->cfg.in->name);
	if (s->watch.c.gap_ns)
		cxms_warn(i->cfg.warnings, CXMS_W_IMPORT_SWITCHES, "'%s' has no context switches",
			  i->cfg.in->name);
	if (cxms_imp_watch_unread(&s->watch, &path))
		cxms_warn(i->cfg.warnings, CXMS_W_IMPORT_CODE,
			  "'%s' is not here, or another than the one that ran", path);
	if (s->n_clock && !s->n_regs && !s->watch.c.mem_samples)
		return cxms_fail(err, EINVAL,
				 "the samples of '%s' have no user registers: nothing tells which "
				 "memory was waited for; see cxlmemsim-import(1) for the options "
				 "of perf record and perf script",
				 i->cfg.in->name);
	return 0;
}

static int read_script(struct cxms_import *i, struct cxms_event *buf, size_t cap, size_t *n,
		       bool *end, struct cxms_err *err)
{
	struct script *s = i->priv;
	struct cxms_evq *out = &s->watch.c.out;
	int rc = 0;

	cxms_evq_recycle(out);
	while (!rc && !s->is_done && out->len - out->head < cap) {
		bool whole;
		size_t len;
		const char *line = cxms_input_line(i->cfg.in, &len, &whole);

		if (line)
			rc = on_line(s, (struct cxms_words){line, line + len}, err);
		else if (i->cfg.in->error)
			rc = cxms_fail_sys(err, i->cfg.in->error, "cannot read '%s'",
					   i->cfg.in->name);
		else
			rc = finish(i, err);
	}
	if (rc)
		return rc;
	*n = cxms_evq_pop(out, buf, cap);
	*end = !*n && s->is_done;
	return 0;
}

static void stop_script(struct cxms_import *i, struct cxms_totals *out)
{
	const struct script *s = i->priv;

	cxms_imp_watch_totals(&s->watch, out);
}

static void close_script(struct cxms_import *i)
{
	struct script *s = i->priv;

	cxms_imp_watch_fini(&s->watch);
}

const struct cxms_import_ops cxms_import_perf_script = {
	.name = "perf-script",
	.summary = "the text of perf script",
	.priv_size = sizeof(struct script),
	.open = open_script,
	.read = read_script,
	.stop = stop_script,
	.close = close_script,
};
