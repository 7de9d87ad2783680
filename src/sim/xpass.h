/* One reading of an exact recording, or of its packets as they come: of pages, totals, and
 * everything for some engines. */
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

/** struct cxms_xspace - address space of a process: a fork has its parent's addresses, an exec
 * begins a new one */
struct cxms_xspace {
	uint32_t pid, space;
	uint64_t count[CXMS_XN_COUNT]; /* totals told so far: once more with each exec that fails */
};

/** struct cxms_xpass - zeroed to begin; what is pointed at is borrowed */
struct cxms_xpass {
	struct cxms_xpages *pages;
	bool counts_heat;   /* pages and their heat are filled */
	uint64_t last_line; /* whose page was counted last; 0 = none */
	uint32_t last_pid, last_page;
	struct cxms_xengine **engine;
	size_t n_engine, cap_engine;
	struct cxms_xorder
		*order; /* of several threads; NULL = one, the engines take it directly */
	size_t n_begun; /* threads and processes beside the first */
	/* of several hosts: what is told is told of pid | host << CXMS_XHOST_SHIFT, and of space *
	 * n_host + host. 0 hosts = one, as it is */
	uint32_t host, n_host;
	struct cxms_xspace *space;
	size_t n_space, cap_space;
	uint32_t next_space;
	/** told before the engines meet pages that are new; NULL = nobody is. 0 or -errno */
	int (*on_pages)(void *arg, struct cxms_err *err);
	void *arg;
	size_t n_told;		      /* pages by then */
	struct cxms_exact_result *xr; /* totals are added; NULL = not */
};

void cxms_xpass_fini(struct cxms_xpass *p);
/** @n engines more that are told everything. 0 or -ENOMEM */
int cxms_xpass_add(struct cxms_xpass *p, struct cxms_xengine *engine, size_t n,
		   struct cxms_err *err);
/** one packet, taken apart by @x. 0, -EINVAL or -ENOMEM */
int cxms_xpass_packet(struct cxms_xpass *p, struct cxms_xread *x, const void *data, size_t len,
		      struct cxms_err *err);
/** the whole recording; @split: as cxms_xread_new(); @what: for the line of progress */
int cxms_xpass_read(struct cxms_xpass *p, bool split, struct cxms_trace_reader *reader,
		    struct cxms_log *log, const char *what, struct cxms_err *err);

#endif
