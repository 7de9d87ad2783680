/*
 * One pass over an exact recording, or over its packets as they come: it follows processes, counts
 * pages and totals, and hands everything to the engines.
 */
#ifndef CXMS_SIM_XPASS_H
#define CXMS_SIM_XPASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/xengine.h"
#include "sim/xpages.h"

struct cxms_err;
struct cxms_exact_result;
struct cxms_log;
struct cxms_trace_reader;
struct cxms_xorder;
struct cxms_xread;

/** struct cxms_xspace - the address space of a process. A forked process has the number of its
 * parent's, as their addresses mean the same; an exec begins a new one */
struct cxms_xspace {
	uint32_t pid, space;
	/* totals that were told so far; the tool tells them once more where an exec fails */
	uint64_t count[CXMS_XN_COUNT];
};

/** struct cxms_xpass - zeroed to begin; what is pointed at is borrowed */
struct cxms_xpass {
	struct cxms_xpages *pages;
	bool counts_heat;   /* this pass finds the pages and counts their heat */
	uint64_t last_line; /* whose page was counted last; 0 = none */
	uint32_t last_pid, last_page;
	struct cxms_xmemo memo; /* of that process */
	struct cxms_xengine **engine;
	size_t n_engine, cap_engine;
	struct cxms_xorder *order; /* NULL = one thread, which the engines take directly */
	size_t n_begun;		   /* threads and processes that began beside the first */
	/* with several hosts, pids are told as pid | host << CXMS_XHOST_SHIFT, and spaces as
	 * space * n_host + host. n_host 0 = one host, as they are */
	uint32_t host, n_host;
	struct cxms_xspace *space;
	size_t n_space, cap_space;
	uint32_t next_space;
	/* called before engines meet pages that are new; NULL = nobody wants to know. 0 or -errno
	 */
	int (*on_pages)(void *arg, struct cxms_err *err);
	void *arg;
	size_t n_told;		      /* pages that on_pages was told of */
	struct cxms_exact_result *xr; /* the totals are added here; NULL = not wanted */
};

void cxms_xpass_fini(struct cxms_xpass *p);
/** cxms_xpass_add() - @n more engines that are told everything. 0 or -ENOMEM */
int cxms_xpass_add(struct cxms_xpass *p, struct cxms_xengine *engine, size_t n,
		   struct cxms_err *err);
/** cxms_xpass_packet() - one packet, taken apart by @x. 0, -EINVAL or -ENOMEM */
int cxms_xpass_packet(struct cxms_xpass *p, struct cxms_xread *x, const void *data, size_t len,
		      struct cxms_err *err);
/** cxms_xpass_read() - the whole recording; @split: as cxms_xread_new(); @what: for the line that
 * shows progress. 0, -EINVAL or -ENOMEM */
int cxms_xpass_read(struct cxms_xpass *p, bool split, struct cxms_trace_reader *reader,
		    struct cxms_log *log, const char *what, struct cxms_err *err);

#endif
