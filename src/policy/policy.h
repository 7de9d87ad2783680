/* Which page goes where: policies decide, the simulation applies. */
#ifndef CXMS_POLICY_POLICY_H
#define CXMS_POLICY_POLICY_H

#include <stddef.h>
#include <stdint.h>

struct cxms_err;

#define CXMS_POLICY_ABI 1u

/** struct cxms_policy_page - what a policy may see of one page; heat is 0 unless the policy needs
 * ranking */
struct cxms_policy_page {
	uint64_t key;	     /* stable identity: hash of process and page number */
	uint64_t bytes;	     /* size the kernel used */
	uint64_t touch_rank; /* 0 = touched first */
	double heat; /* predicted extra stall if on CXL, ps, from the ranking half of the samples */
};

enum cxms_policy_need { CXMS_POLICY_NEEDS_HEAT = 1u << 0 };

struct cxms_policy_ops {
	unsigned abi;
	const char *name, *summary;
	unsigned needs; /* enum cxms_policy_need */
	/**
	 * split() - choose the local pages
	 * @pages:     [n] in any order
	 * @local_pct: share of the bytes, 0 .. 100; 100 must give all local, 0 none
	 * @seed:      of ties and hashes
	 * @local:     out, [n]: 1 = local, 0 = CXL
	 * A page that is local at one share must be local at every larger one, and the same
	 * arguments must give the same pages. Return: 0 or -ENOMEM
	 */
	int (*split)(const struct cxms_policy_page *pages, size_t n, double local_pct,
		     uint64_t seed, uint8_t *local, struct cxms_err *err);
};

extern const struct cxms_policy_ops cxms_policy_page_interleave, cxms_policy_first_touch,
	cxms_policy_hot_local, cxms_policy_cold_local, cxms_policy_weighted_interleave;

/** the table of policies; @i: below the count */
size_t cxms_policy_count(void);
const struct cxms_policy_ops *cxms_policy_at(size_t i);
/** by name, NULL when unknown */
const struct cxms_policy_ops *cxms_policy_find(const char *name);

#endif
