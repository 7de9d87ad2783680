/* How far the uses of a loop reach, as its page walks see it. */
#ifndef CXMS_SIM_REACH_H
#define CXMS_SIM_REACH_H

struct cxms_evidence;
struct cxms_recording;

/**
 * cxms_reach_find() - set reach_bytes of the groups whose loop is known, after the streams
 * An area may hold many arrays, and an instruction goes through one of them: through the range of
 * its sampled addresses, of n samples (n + 1)/(n - 1) of it. Its pages compete with those of the
 * other instructions of its loop, which go through other ranges; ranges that overlap are one.
 * Streams, stores that append and loads that read on hold few pages. Where no loop is known, or
 * where calls or loops run inside, they compete with all of the process, but reach no further than
 * their area: what else it does may be at other times. Left at 0: few samples.
 *
 * Formula: with P the bytes of a range and r its share of the waiting, between two uses of a page
 *   of range i come D = sum over k of P_k (1 - exp(-r_k P_i/(r_i P_k))) bytes of pages; a lone
 *   chase over F bytes has D = F (1 - 1/e). reach = D/(1 - 1/e), at least P_i, and P_i where the
 *   loop has no other range. Uses come at random and in proportion to the waiting. Derived.
 * 0 or -ENOMEM
 */
int cxms_reach_find(const struct cxms_recording *rec, struct cxms_evidence *ev);

#endif
