/* From one look at a thread's registers to the memory operand it was waiting for. */
#ifndef CXMS_SOURCE_ANALYZE_H
#define CXMS_SOURCE_ANALYZE_H

#include <stdbool.h>
#include <stdint.h>

#include "source/code.h"
#include "source/maps.h"

struct cxms_err;
struct cxms_evq;

/** struct cxms_tls - where a thread's thread-local memory begins; zeroed at its start and at exec
 */
struct cxms_tls {
	uint64_t fs_base;
	bool known;
	uint8_t tries;
};

/** struct cxms_look - a thread at one moment */
struct cxms_look {
	uint32_t pid, tid;
	uint64_t time_ns; /* since the recording began */
	uint32_t weight_ns;
	uint16_t cpu;
	bool is_kernel;	  /* in the kernel: regs and what follows mean nothing */
	bool is_foreign;  /* registers missing or of a 32-bit program: nothing can be decoded */
	bool has_no_regs; /* only regs.ip is known: no address */
	struct cxms_regs regs;
	uint64_t fault_ip;    /* ip of the thread's page fault within the last period; 0 = none */
	struct cxms_tls *tls; /* of the thread; NULL = regs.fs_base says all */
};

/** sites that are found again at once; a power of two */
#define CXMS_RECENT_SITES 1024u

/** struct cxms_recent_site - a sampled instruction; pid 0 = none. Holds while maps do not change */
struct cxms_recent_site {
	uint64_t ip, changes;
	uint32_t pid, site;
};

/** struct cxms_analyzer - zeroed is ready */
struct cxms_analyzer {
	struct cxms_maps maps;
	struct cxms_recent_site recent[CXMS_RECENT_SITES];
	struct cxms_idmap
		unread;	 /* ip of samples that cannot be decoded -> struct cxms_site_ref, owned */
	uint32_t n_site; /* sites numbered so far */
};

/**
 * cxms_analyze() - append the SAMPLE, before it the SITE when it is new, and MAPs found on the way
 * An address that cannot be one (page 0, beyond user space, not mapped) is left out of the sample.
 * Return: 0, -ENOMEM, or -ENOTSUP (no decoder)
 */
int cxms_analyze(struct cxms_analyzer *a, const struct cxms_look *look, struct cxms_evq *out,
		 struct cxms_err *err);
/**
 * cxms_analyze_site() - the number of the instruction at @ip itself; its SITE first when it is new
 * @at: whose it is (pid, not 0, and tid) and when
 * Several sites can have one ip: this one, and those that samples beside it were resolved to.
 * Return: 0, -ENOMEM, or -ENOTSUP (no decoder)
 */
int cxms_analyze_site(struct cxms_analyzer *a, const struct cxms_event *at, uint64_t ip,
		      struct cxms_evq *out, uint32_t *site, struct cxms_err *err);
/** read /proc/<pid>/maps of a live process and append a MAP for each new range; 0, -ENOMEM, or
 * -ENOTSUP (no decoder) */
int cxms_analyze_maps(struct cxms_analyzer *a, uint32_t pid, uint64_t time_ns, struct cxms_evq *out,
		      struct cxms_err *err);
void cxms_analyzer_fini(struct cxms_analyzer *a);

#endif
