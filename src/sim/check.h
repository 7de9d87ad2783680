/* What every solution of the closed loop must hold, checked in every run. */
#ifndef CXMS_SIM_CHECK_H
#define CXMS_SIM_CHECK_H

#include <stdbool.h>
#include <stddef.h>

struct cxms_load;
struct cxms_solve;

/** struct cxms_check - worst violation so far, relative; zeroed = none */
struct cxms_check {
	double capacity;   /* a server's utilisation above 1 */
	double lines;	   /* lines of the targets against those asked */
	double port;	   /* what enters a server against what leaves it */
	double little;	   /* lines in flight against what servers and idle ways hold */
	double completion; /* a target's latency below its idle one */
	char books[160];   /* event engine: which server contradicts itself; "" = none */
};

/* Ten times the closed loop's residual: the sums run over many servers. */
#define CXMS_CHECK_TOLERANCE 1e-5

/**
 * cxms_check_epoch() - judge a solution; the worst is kept
 * Little: sum over targets of rate x latency = sum over targets of rate x idle latency + sum over
 * servers of rate x wait. Ports: what crosses a server crosses those right below it.
 * @room: n_target + n_server of the fabric, scratch
 */
void cxms_check_epoch(const struct cxms_solve *s, struct cxms_load *room, struct cxms_check *c);
/** cxms_check_lines() - @got: lines over all targets; @asked: those of the demand */
void cxms_check_lines(double got, double asked, struct cxms_check *c);
/** cxms_check_books() - @what a server of the event engine says that cannot be; the first stands */
void cxms_check_books(const char *what, struct cxms_check *c);
/** cxms_check_join() - the worse of both into @c */
void cxms_check_join(const struct cxms_check *from, struct cxms_check *c);
bool cxms_check_holds(const struct cxms_check *c);
/** the first that does not hold, in words with its figure */
void cxms_check_tell(const struct cxms_check *c, char *out, size_t size);

#endif
