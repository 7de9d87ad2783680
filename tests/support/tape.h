/* For tests: recordings of programs that are told instruction by instruction, through the caches
 * and prefetchers of a host. (Apart from play.h, as caches of a topology and simulated ones share
 * names.) */
#ifndef CXMS_TEST_TAPE_H
#define CXMS_TEST_TAPE_H

#include <stdbool.h>
#include <stdint.h>

struct cxms_exact_cfg;

struct tape;
struct tape *tape_new(const struct cxms_exact_cfg *host);
/** the next instruction is at that address */
void tape_at(struct tape *t, uint64_t ip);
/** one runs: its code, and the eight bytes that it loads or stores; @address 0 = none */
void tape_insn(struct tape *t, const char *code, uint64_t address, bool is_store);
/** the recording, close(2) it; the tape is gone */
int tape_end(struct tape *t);

#endif
