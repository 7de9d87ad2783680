/*
 * Source `exact`: the program runs under Valgrind with a tool of ours, which sees every access,
 * simulates caches, TLB and branch predictor, and sends what it found in packets (core/xstream.h).
 *
 * Each process image connects to a socket of ours. Packets are recorded as they come; of their
 * messages only the few that tell of processes are read here. Processes that outlive the program
 * are let go 0.2 s after its end: they run on, unseen. Processes that run side by side are read
 * side by side (exact_link.h): the replay keeps what is read before its time.
 */
#include "source/source.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/warn.h"
#include "source/child.h"
#include "source/evq.h"
#include "source/exact_link.h"
#include "source/exact_log.h"
#include "source/exact_tool.h"
#include "source/exact_walk.h"
#include "source/meter.h"
#include "source/tasks.h"

#define WAIT_MS	       100
#define HELD_MS	       2 /* until those are looked at again that others are held for, or that end */
#define LINGER_NS      200000000ull  /* of processes that outlive the program */
#define DRAIN_NS       2000000000ull /* the longest that what it left is waited for */
#define PACKETS	       16u	     /* at a time: 1 MiB */
#define FD_LIMIT       65536u
#define PAGE_BYTES     4096u /* of a page message */
#define TOOL_EXIT      125   /* of the tool, when it is the tool that ends */
#define UNKNOWN_OPCODE "unhandled instruction bytes: "

/* A process image that the tool told of. */
struct image {
	uint32_t pid, number;
	uint64_t pages, roi_entries, roi_exits;
	bool ended; /* its totals came last; before an exec that fails they come, and more behind */
};

struct exact_source {
	bool is_open, is_begun, is_done;
	size_t n_outlived; /* processes that ran on when the program had ended */
	struct cxms_child child;
	struct cxms_link link;
	struct cxms_exact_log log;
	struct cxms_exact_cmd cmd;
	struct cxms_meter meter;
	struct cxms_evq out;
	struct pollfd *fds;
	size_t cap_fds;
	struct image *image;
	size_t n_image, cap_image;
	uint64_t base_ns, end_ns;
	bool no_memory;
	struct cxms_source *source;
};

static int exact_probe(struct cxms_err *err)
{
	struct cxms_exact_log log = {0};
	int rc = cxms_exact_find(NULL, err);

	if (!rc)
		rc = cxms_exact_log_open(&log, err);
	cxms_exact_log_close(&log);
	return rc;
}

static void exact_close(struct cxms_source *s)
{
	struct exact_source *x = s->priv;

	if (!x->is_open)
		return;
	x->is_open = false;
	cxms_child_fini(&x->child);
	cxms_link_close(&x->link);
	cxms_exact_log_close(&x->log);
	cxms_exact_cmd_fini(&x->cmd);
	cxms_evq_fini(&x->out);
	free(x->fds);
	free(x->image);
}

/* One descriptor for each process that runs at a time; the program's own limit stays. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= FD_LIMIT)
		return;
	limit.rlim_cur = limit.rlim_max < FD_LIMIT ? limit.rlim_max : FD_LIMIT;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int exact_open(struct cxms_source *s, struct cxms_err *err)
{
	struct exact_source *x = s->priv;
	char dir[PATH_MAX];
	struct cxms_exact_run run = {.cfg = s->cfg.exact, .argv = s->cfg.argv, .tool_dir = dir};
	int rc;

	if (!s->cfg.exact)
		return cxms_fail(err, EINVAL, "source 'exact' has no caches to simulate");
	rc = cxms_exact_find(dir, err);
	if (!rc)
		rc = cxms_exact_check(s->cfg.argv[0], err);
	if (rc)
		return rc;
	x->is_open = true;
	x->source = s;
	rc = cxms_exact_log_open(&x->log, err);
	if (!rc)
		rc = cxms_link_open(&x->link, err);
	run.log_dir = x->log.dir;
	run.socket = x->link.name;
	if (!rc)
		rc = cxms_exact_cmd_make(&run, &x->cmd, err);
	if (!rc)
		rc = cxms_child_start_env(&x->child, x->cmd.argv, x->cmd.envp, err);
	if (!rc)
		raise_limit();
	return rc;
}

static uint64_t rel_ns(const struct exact_source *x)
{
	return cxms_now_ns() - x->base_ns;
}

static struct image *find_image(const struct exact_source *x, const struct cxms_xs_head *head)
{
	for (size_t i = x->n_image; i-- > 0;)
		if (x->image[i].pid == head->pid && x->image[i].number == head->image)
			return &x->image[i];
	return NULL;
}

static struct image *image_of(struct exact_source *x, const struct cxms_xs_head *head)
{
	struct image *known = find_image(x, head);
	void *grown = x->image;

	if (known)
		return known;
	if (cxms_array_grow(&grown, &x->cap_image, x->n_image + 1, sizeof(*x->image))) {
		x->no_memory = true;
		return NULL;
	}
	x->image = grown;
	x->image[x->n_image] = (struct image){.pid = head->pid, .number = head->image};
	return &x->image[x->n_image++];
}

/* Counted bytes as a string of at most CXMS_STRING bytes, cut at a NUL. */
#define CXMS_STRING 4096u
static const char *string_of(char room[CXMS_STRING], const struct cxms_walk_msg *m)
{
	snprintf(room, CXMS_STRING, "%.*s", m->n_text < CXMS_STRING ? (int)m->n_text : 4095,
		 m->text ? m->text : "");
	return room;
}

static void tell_process(struct exact_source *x, uint32_t pid, const struct cxms_walk_msg *m)
{
	struct cxms_event ev = {.pid = pid, .tid = m->tid, .time_ns = rel_ns(x)};
	char room[CXMS_STRING];

	switch (m->type) {
	case CXMS_XC_HELLO:
		ev.kind = m->flag ? CXMS_EV_FORK : CXMS_EV_EXEC;
		if (m->flag) /* by which thread is not told */
			ev.fork = (struct cxms_fork){(uint32_t)m->b, 0};
		else
			ev.exec.name = string_of(room, m);
		break;
	case CXMS_XC_CLONE:
		ev.kind = CXMS_EV_FORK;
		ev.tid = (uint32_t)m->a;
		ev.fork = (struct cxms_fork){pid, m->tid};
		break;
	case CXMS_XC_EXIT:
		ev.kind = CXMS_EV_EXIT;
		ev.tid = (uint32_t)m->a;
		break;
	default:
		ev.kind = CXMS_EV_MAP;
		ev.map = (struct cxms_map){
			.addr = m->a, .len = m->b, .prot = m->flag, .path = string_of(room, m)};
		break;
	}
	cxms_evq_push(&x->out, &ev);
}

static void tell_warning(struct exact_source *x, const struct cxms_walk_msg *m)
{
	char room[CXMS_STRING];

	cxms_log(x->source->cfg.log, CXMS_LOG_INFO, "exact tool: %s", string_of(room, m));
	if (strncmp(room, "roi ", 4) == 0) /* of one process; warn_of_region() speaks for all */
		return;
	if (x->source->cfg.warnings)
		cxms_warn(x->source->cfg.warnings, CXMS_W_EXACT_TOOL, "%s", room);
}

static void take_counts(struct image *im, const struct cxms_walk_msg *m)
{
	if (!im)
		return;
	im->ended = true;
	im->roi_entries = m->count[CXMS_XN_ROI_ENTRIES];
	im->roi_exits = m->count[CXMS_XN_ROI_EXITS];
}

static void on_message(void *arg, const struct cxms_xs_head *head, const struct cxms_walk_msg *m)
{
	struct exact_source *x = arg;
	struct image *im;

	switch (m->type) {
	case CXMS_XC_HELLO:
		(void)image_of(x, head);
		tell_process(x, head->pid, m);
		break;
	case CXMS_XC_CLONE:
	case CXMS_XC_EXIT:
	case CXMS_XC_MAP:
		tell_process(x, head->pid, m);
		break;
	case CXMS_XC_PAGE:
		im = image_of(x, head);
		if (im)
			im->pages++;
		break;
	case CXMS_XC_COUNTS:
		take_counts(image_of(x, head), m);
		break;
	case CXMS_XC_WARN:
		tell_warning(x, m);
		break;
	default:
		break;
	}
}

/* What an answer needs beside the message. */
struct answer {
	struct exact_source *x;
	const struct cxms_link_packet *packet;
	bool is_shown; /* to the simulation */
};

static void show(struct answer *a, bool may_skip)
{
	const struct cxms_source_cfg *cfg = &a->x->source->cfg;

	if (cfg->sim_packet && !a->is_shown)
		cfg->sim_packet(cfg->sim_arg, a->packet->data, a->packet->len, may_skip);
	a->is_shown = true;
}

static void on_message_live(void *arg, const struct cxms_xs_head *head,
			    const struct cxms_walk_msg *m)
{
	struct answer *a = arg;
	const struct cxms_source_cfg *cfg = &a->x->source->cfg;
	uint64_t ns = 0;

	if (m->type != CXMS_XC_TIME) {
		on_message(a->x, head, m);
		return;
	}
	show(a, false);
	if (cfg->sim_time_ns)
		ns = cfg->sim_time_ns(cfg->sim_arg, head->pid, m->tid);
	/* who is gone needs no answer */
	(void)!send(a->packet->fd, &ns, sizeof(ns), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The packets into the queue, each behind the events it told of. */
static int queue_packets(struct exact_source *x, struct cxms_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < x->link.n_packet && !rc; i++) {
		const struct cxms_link_packet *p = &x->link.packet[i];
		struct answer a = {.x = x, .packet = p};
		struct cxms_event ev = {.kind = CXMS_EV_EXACT};
		struct cxms_xs_head head;
		struct image *im;
		bool has_code = true;

		memcpy(&head, p->data, sizeof(head));
		im = find_image(x, &head);
		if (im)
			im->ended = false; /* it sends more */
		rc = cxms_walk_packet(p->data, p->len, p->n_control, on_message_live, &a, &has_code,
				      err);
		show(&a, !has_code);
		ev.pid = head.pid;
		ev.exact = (struct cxms_exact){p->data, p->len};
		cxms_evq_push(&x->out, &ev);
	}
	if (!rc && (x->no_memory || x->out.failed))
		rc = cxms_fail(err, ENOMEM, "out of memory for events");
	return rc;
}

/* Until something was sent, somebody connected, a signal came, or the program ended. */
static int wait_for_news(struct exact_source *x, int wait_ms, struct cxms_err *err)
{
	size_t n = 3 + x->link.n_conn;
	void *grown = x->fds;

	if (cxms_array_grow(&grown, &x->cap_fds, n, sizeof(*x->fds)))
		return cxms_fail(err, ENOMEM,
				 "out of memory for the connections of the exact tool");
	x->fds = grown;
	x->fds[0] = (struct pollfd){.fd = x->child.signal_fd, .events = POLLIN};
	/* not when it ended: it would be readable for ever */
	x->fds[1] = (struct pollfd){.fd = x->child.ended ? -1 : x->child.pid_fd, .events = POLLIN};
	cxms_link_poll(&x->link, x->fds + 2);
	if (cxms_link_holds(&x->link) && wait_ms > HELD_MS)
		wait_ms = HELD_MS;
	if (poll(x->fds, (nfds_t)n, wait_ms) > 0 && x->fds[0].revents)
		cxms_child_forward_signals(&x->child);
	return 0;
}

/* The tool ended instead of the program; what it said is the reason. */
static int tool_failed(const struct exact_source *x, const char *what, struct cxms_err *err)
{
	struct cxms_buf said = {0};
	int rc;

	cxms_exact_log_read(&x->log, x->child.pid, &said);
	for (size_t i = 0; i + 1 < said.len; i++)
		if (said.data[i] == '\n')
			said.data[i] = ' ';
	if (said.len)
		said.len--;
	rc = cxms_fail(err, ENOTSUP, "%s%s%s", what, said.len ? ": " : "; see what it said above",
		       cxms_buf_text(&said));
	cxms_buf_fini(&said);
	return rc;
}

/* Until the tool connects, which it does before the program's first instruction. */
static int wait_for_tool(struct exact_source *x, struct cxms_err *err)
{
	int rc = 0;

	while (!rc && x->link.n_accepted == 0) {
		bool ended = cxms_child_poll(&x->child);

		x->end_ns = cxms_now_ns();
		rc = cxms_link_receive(&x->link, 0, err);
		if (!rc && ended && x->link.n_accepted == 0)
			rc = tool_failed(x, "valgrind did not start the program", err);
		if (!rc && x->link.n_accepted == 0)
			rc = wait_for_news(x, WAIT_MS, err);
	}
	return rc;
}

static int exact_start(struct cxms_source *s, struct cxms_err *err)
{
	struct exact_source *x = s->priv;
	struct cxms_err why = {0};

	cxms_meter_begin(&x->meter);
	x->base_ns = cxms_now_ns();
	if (cxms_child_release(&x->child, "valgrind", &why) < 0)
		/* not with the code of a program that is not there: this one is the tool's */
		return cxms_fail(err, ENOTSUP, "cannot start valgrind: %s", why.msg);
	return wait_for_tool(x, err);
}

/* A process that executes another image has no connection until Valgrind has started again; its log
 * goes where we keep the others. */
static bool is_between_images(const struct exact_source *x)
{
	for (size_t i = 0; i < x->n_image; i++) {
		pid_t pid = (pid_t)x->image[i].pid;

		if (x->image[i].ended && !cxms_link_has(&x->link, pid) && cxms_process_lives(pid))
			return true;
	}
	return false;
}

/* What a process left in its socket is read before the end; one that runs on is let go. */
static int receive(struct exact_source *x, struct cxms_err *err)
{
	bool had_ended = x->child.ended;
	uint64_t past_ns;
	int rc;

	if (!had_ended && cxms_child_poll(&x->child))
		x->end_ns = cxms_now_ns();
	rc = cxms_link_receive(&x->link, PACKETS, err);
	if (rc || !x->child.ended)
		return rc;
	past_ns = cxms_now_ns() - x->end_ns;
	if (past_ns < DRAIN_NS && is_between_images(x))
		return 0;
	if (x->link.n_conn == 0 && x->link.n_packet == 0)
		x->is_done = true;
	if (past_ns < LINGER_NS || (past_ns < DRAIN_NS && cxms_link_has(&x->link, x->child.pid)))
		return 0;
	x->is_done = true;
	x->n_outlived = x->link.n_conn;
	return cxms_link_drain(&x->link, err);
}

static int exact_read(struct cxms_source *s, struct cxms_event *buf, size_t cap, size_t *n,
		      bool *end, struct cxms_err *err)
{
	struct exact_source *x = s->priv;
	int rc = 0;

	*n = 0;
	*end = false;
	cxms_evq_recycle(&x->out);
	if (cxms_evq_is_empty(&x->out) && !x->is_done) {
		if (x->is_begun)
			cxms_link_recycle(&x->link);
		if (x->is_begun || x->link.n_packet == 0)
			rc = wait_for_news(x, x->child.ended ? HELD_MS : WAIT_MS, err);
		x->is_begun = true; /* what came while it started is not lost */
		if (!rc)
			rc = receive(x, err);
		if (!rc)
			rc = queue_packets(x, err);
	}
	if (rc)
		return rc;
	*n = cxms_evq_pop(&x->out, buf, cap);
	*end = !*n && x->is_done;
	return 0;
}

/* The last image of the program itself; NULL: it never connected. */
static const struct image *root_image(const struct exact_source *x)
{
	for (size_t i = x->n_image; i-- > 0;)
		if (x->image[i].pid == (uint32_t)x->child.pid)
			return &x->image[i];
	return NULL;
}

static int judge_tool(const struct exact_source *x, struct cxms_err *err)
{
	const struct image *root = root_image(x);
	int status = x->child.status;

	if (WIFEXITED(status) && WEXITSTATUS(status) == TOOL_EXIT && (!root || !root->ended))
		return tool_failed(x, "the exact tool gave up", err);
	return 0;
}

static void warn_of_region(const struct exact_source *x)
{
	const struct cxms_source_cfg *cfg = &x->source->cfg;
	uint64_t entries = 0, exits = 0;

	for (size_t i = 0; i < x->n_image; i++) {
		entries += x->image[i].roi_entries;
		exits += x->image[i].roi_exits;
	}
	if (cfg->exact->roi_begin[0] && entries == 0)
		cxms_warn(cfg->warnings, CXMS_W_REGION, "function '%s' was never entered",
			  cfg->exact->roi_begin);
	else if (cfg->exact->roi_end[0] && exits == 0)
		cxms_warn(cfg->warnings, CXMS_W_REGION,
			  "function '%s' was never entered: the region lasted to the end",
			  cfg->exact->roi_end);
}

/* Whose connection ended before its totals came: killed, or not allowed to send them. */
static void warn_of_killed(const struct exact_source *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n_image; i++)
		n += !x->image[i].ended && !cxms_link_has(&x->link, (pid_t)x->image[i].pid);
	if (n > 0)
		cxms_warn(
			x->source->cfg.warnings, CXMS_W_EXACT_ENDED,
			"%zu process%s ended before the exact tool could tell its totals (killed?)",
			n, n == 1 ? "" : "es");
}

static void warn_of_insn(const struct exact_source *x)
{
	struct cxms_buf bytes = {0};

	if (cxms_exact_log_find(&x->log, UNKNOWN_OPCODE, &bytes))
		cxms_warn(x->source->cfg.warnings, CXMS_W_UNKNOWN_INSN,
			  "the program used an instruction that Valgrind does not know, bytes %s",
			  cxms_buf_text(&bytes));
	cxms_buf_fini(&bytes);
}

static void warn_of_run(const struct exact_source *x)
{
	const struct cxms_source_cfg *cfg = &x->source->cfg;

	if (!cfg->warnings)
		return;
	cxms_warn_outlived(x->n_outlived, cfg->warnings);
	warn_of_insn(x);
	warn_of_region(x);
	warn_of_killed(x);
}

static int exact_stop(struct cxms_source *s, struct cxms_totals *out, struct cxms_err *err)
{
	struct exact_source *x = s->priv;
	uint64_t pages = 0;
	int rc = judge_tool(x, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < x->n_image; i++)
		pages = x->image[i].pages > pages ? x->image[i].pages : pages;
	*out = (struct cxms_totals){.duration_ns = x->end_ns - x->base_ns,
				    .outlived = x->n_outlived};
	cxms_meter_end(&x->meter, &x->child, out);
	out->peak_rss_bytes = pages * PAGE_BYTES; /* the program's, not Valgrind's */
	warn_of_run(x);
	return 0;
}

const struct cxms_source_ops cxms_source_exact = {
	.abi = CXMS_SOURCE_ABI,
	.name = "exact",
	.summary = "every access and its dependences, by a Valgrind tool; 3 to 500 times slower",
	.caps = CXMS_SRC_LIVE | CXMS_SRC_STORES | CXMS_SRC_EXACT,
	.priv_size = sizeof(struct exact_source),
	.probe = exact_probe,
	.open = exact_open,
	.start = exact_start,
	.read = exact_read,
	.stop = exact_stop,
	.close = exact_close,
};
