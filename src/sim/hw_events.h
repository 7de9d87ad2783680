/* What the hardware sampled and counted, as a recording holds it. */
#ifndef CXMS_SIM_HW_EVENTS_H
#define CXMS_SIM_HW_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/predict.h"
#include "trace/event.h"

struct cxms_err;

/** struct cxms_hw_mem - a sampled access; loss scaled in by cxms_hw_finish() */
struct cxms_hw_mem {
	uint64_t time_ns;
	double period;
	uint32_t thread, site, page, latency_cyc;
	uint16_t flags, cpu;
	uint8_t level, what; /* enum cxms_mem_level, cxms_mem_what */
};

/** what a counter is to the models: offset of its member of struct cxms_counts, or one of these */
enum {
	CXMS_HW_OTHER = -1,
	/* reads of memory, by who counts them: -2 - enum cxms_hw_reader */
	CXMS_HW_DRAM_READ = -2,
	CXMS_HW_PCM_READ = -3,
	CXMS_HW_PORT_READ = -4,
	CXMS_HW_DEVICE_READ = -5,
};
/* Memory controllers; Intel PCM (DRAM and CXL); the host's CXL ports; CXL devices. */
enum cxms_hw_reader {
	CXMS_READER_DRAM,
	CXMS_READER_PCM,
	CXMS_READER_PORT,
	CXMS_READER_DEVICE,
	CXMS_READER_COUNT
};
struct cxms_hw_read {
	double bytes;
	uint64_t seen_ns, until_ns; /* time it was counted; end of the last interval */
};

struct cxms_hw_counter {
	int role;
	uint8_t scope, unit;
};
struct cxms_hw_count {
	uint64_t time_ns, enabled_ns;
	double value;	 /* scaled to the whole interval */
	uint32_t thread; /* CXMS_NO_THREAD = all of the program */
	uint32_t counter;
};

struct cxms_hw {
	struct cxms_hw_mem *mem;
	size_t n_mem, cap_mem;
	struct cxms_hw_counter *counter;
	size_t n_counter, cap_counter;
	struct cxms_hw_count *count;
	size_t n_count, cap_count;
	uint64_t lost_mem;
	double least_running; /* smallest running/enabled of all counts; 1 = none shared a register
			       */
	struct cxms_hw_read read[CXMS_READER_COUNT]; /* of the whole machine */
	struct cxms_hw_cells *cells; /* NULL = nothing was sampled in hardware (hw_cells.h) */
};

/** cxms_hw_role() - by name, as counters are called by Intel, libpfm4 and perf alike */
int cxms_hw_role(const char *name);
/** all members not counted */
void cxms_hw_counts_none(struct cxms_counts *c);
/** the member of @c that @role stands for; NULL for none */
double *cxms_hw_member(struct cxms_counts *c, int role);

/** cxms_hw_add_mem() - @page: of its address, or CXMS_NO_PAGE. 0 or -ENOMEM */
int cxms_hw_add_mem(struct cxms_hw *hw, const struct cxms_event *ev, uint32_t thread,
		    uint32_t page);
/** cxms_hw_add_counter() - 0, -EINVAL (its number is out of sequence), -ENOMEM */
int cxms_hw_add_counter(struct cxms_hw *hw, const struct cxms_counter *c);
/** cxms_hw_add_count() - @thread: CXMS_NO_THREAD for the whole program. 0, -EINVAL (no such
 * counter), -ENOMEM */
int cxms_hw_add_count(struct cxms_hw *hw, const struct cxms_event *ev, uint32_t thread);
/**
 * cxms_hw_read_bytes() - what the machine read of its memory in @duration_ns; 0 = not counted
 * Counted for half of the time at least, it is scaled to all of it. Of those who count the same
 * the highest is taken.
 */
double cxms_hw_read_bytes(const struct cxms_hw *hw, uint64_t duration_ns);
/** scale for the accesses that were lost */
void cxms_hw_finish(struct cxms_hw *hw);
void cxms_hw_fini(struct cxms_hw *hw);

/** did it reach memory, as far as is known? */
bool cxms_hw_is_memory(const struct cxms_hw_mem *m);

#endif
