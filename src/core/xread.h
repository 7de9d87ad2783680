/*
 * Reads the exact stream (xstream.h): packets become blocks of code, taken apart into uops, and
 * runs of these blocks with their miss records.
 */
#ifndef CXMS_CORE_XREAD_H
#define CXMS_CORE_XREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/uops.h"
#include "core/xstream.h"

struct cxms_err;

/** struct cxms_xevent - one miss record; see enum cxms_xs_event */
struct cxms_xevent {
	uint8_t kind, flags; /* flags: CXMS_XE_TLB2, CXMS_XE_WALK, CXMS_XE_BEHIND */
	uint8_t into, from;  /* PF: levels; IF, WRONG: from */
	uint32_t index;
	uint32_t back;	 /* fills or stores back, >= 1; WRONG: instructions behind the branch */
	uint16_t behind; /* WRONGUSE: instructions behind the branch */
	uint64_t line;
};

/** struct cxms_xrun - one run of a block */
struct cxms_xrun {
	const struct cxms_block *block;
	const struct cxms_xevent *event;
	uint32_t n_event;
	uint32_t exit; /* number of the side exit, n_exit = ran to its end */
};

/** struct cxms_xruns - @n runs of a thread, one behind the other; borrowed during the call.
 * @n_event: of all of them, which stand together from the first one's on */
struct cxms_xruns {
	uint32_t pid, image, tid;
	const struct cxms_xrun *run;
	size_t n, n_event;
};

/** struct cxms_xcontrol - one control message; enum cxms_xs_control tells which fields it has */
struct cxms_xcontrol {
	enum cxms_xs_control type;
	uint32_t pid, image, tid; /* of the thread it came from */
	uint64_t a, b, c;	  /* its numbers ("v"), in their order */
	uint8_t flag;		  /* its byte ("b") */
	const uint8_t *text;	  /* counted bytes, n_text of them, or NULL */
	size_t n_text;
	const uint64_t *count; /* CXMS_XC_COUNTS: n_count totals */
	size_t n_count;
};

/** struct cxms_xsink - who is told, in the order of the stream; NULL = nobody. Reading ends where a
 * callback fails (-errno) */
struct cxms_xsink {
	void *arg;
	int (*runs)(void *arg, const struct cxms_xruns *runs, struct cxms_err *err);
	int (*control)(void *arg, const struct cxms_xcontrol *control, struct cxms_err *err);
};

struct cxms_xread;
/** cxms_xread_new() - @split: as cxms_uops_new(). Return: 0 or -errno. Owner: cxms_xread_free() */
int cxms_xread_new(bool split, struct cxms_xread **out, struct cxms_err *err);
void cxms_xread_free(struct cxms_xread *r);
/**
 * cxms_xread_packet() - read one packet, head included
 * Every length and number is checked.
 * Return: 0; -EINVAL, which names what is wrong; -ENOMEM; or what @sink returned. After an error
 * the reader can only be freed
 */
int cxms_xread_packet(struct cxms_xread *r, const void *data, size_t len,
		      const struct cxms_xsink *sink, struct cxms_err *err);
/** cxms_xread_skip() - the same for a packet that holds no code, and whose messages nobody wants */
int cxms_xread_skip(struct cxms_xread *r, const void *data, size_t len, struct cxms_err *err);

#endif
