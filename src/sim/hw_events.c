#include "sim/hw_events.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "sim/hw_cells.h"
#include "sim/recording.h"

#define NAME_MAX_BYTES 128u
#define LINE_BYTES     64.0
#define LEAST_SEEN     0.5 /* of the time: less does not tell of the rest */

#define MEMBER(name) ((int)offsetof(struct cxms_counts, name))

/* Names of Intel's event lists; the same event is called differently from model to model. */
static const struct {
	const char *name;
	int role;
} roles[] = {
	{"CYCLES", MEMBER(cycles)},
	{"CPU-CYCLES", MEMBER(cycles)},
	{"CPU_CLK_UNHALTED:THREAD", MEMBER(cycles)},
	{"CPU_CLK_UNHALTED:THREAD_P", MEMBER(cycles)},
	{"INSTRUCTIONS", MEMBER(instructions)},
	{"INST_RETIRED:ANY", MEMBER(instructions)},
	{"INST_RETIRED:ANY_P", MEMBER(instructions)},
	{"CYCLE_ACTIVITY:STALLS_L1D_MISS", MEMBER(stalls_l1d)},
	{"CYCLE_ACTIVITY:STALLS_L2_MISS", MEMBER(stalls_l2)},
	{"CYCLE_ACTIVITY:STALLS_L3_MISS", MEMBER(stalls_l3)},
	{"MEMORY_ACTIVITY:STALLS_L1D_MISS", MEMBER(stalls_l1d)},
	{"MEMORY_ACTIVITY:STALLS_L2_MISS", MEMBER(stalls_l2)},
	{"MEMORY_ACTIVITY:STALLS_L3_MISS", MEMBER(stalls_l3)},
	{"EXE_ACTIVITY:BOUND_ON_STORES", MEMBER(bound_on_stores)},
	{"OFFCORE_REQUESTS:DEMAND_DATA_RD", MEMBER(demand_rd)},
	{"OFFCORE_REQUESTS_OUTSTANDING:CYCLES_WITH_DEMAND_DATA_RD", MEMBER(demand_rd_cycles)},
	{"MEM_LOAD_RETIRED:L3_MISS", MEMBER(l3_miss)},
	{"MEM_LOAD_RETIRED:L1_MISS", MEMBER(l1_miss)},
	{"MEM_LOAD_RETIRED:FB_HIT", MEMBER(fb_hit)},
	{"OFFCORE_RESPONSE:PF_L1D_AND_SW:ANY_RESPONSE", MEMBER(pf_any)},
	{"OFFCORE_RESPONSE:PF_L1D_AND_SW:L3_HIT:ANY_SNOOP", MEMBER(pf_l3_hit)},
	{"OCR:HWPF_L1D_AND_SWPF:ANY_RESPONSE", MEMBER(pf_any)},
	{"OCR:HWPF_L1D_AND_SWPF:L3_HIT", MEMBER(pf_l3_hit)},
	{"OCR:HWPF_L1D:ANY_RESPONSE", MEMBER(pf_any)},
	{"UNC_M_CAS_COUNT:RD", CXMS_HW_DRAM_READ},
	{"UNC_M_CAS_COUNT_SCH0:RD", CXMS_HW_DRAM_READ},
	{"UNC_M_CAS_COUNT_SCH1:RD", CXMS_HW_DRAM_READ},
	{"PCM:DRAM_READ", CXMS_HW_PCM_READ},
	{"PCM:CXL_READ", CXMS_HW_PCM_READ},
	{"UNC_CXLCM_RXC_PACK_BUF_INSERTS:MEM_DATA", CXMS_HW_PORT_READ},
	{"S2M_DRS_MEMDATA", CXMS_HW_DEVICE_READ},
};

/* "cpu_core/mem_load_retired.l3_miss/u" -> "mem_load_retired:l3_miss": without unit and modifiers.
 */
static void bare_name(const char *name, char out[NAME_MAX_BYTES])
{
	const char *from = strchr(name, '/');
	size_t n;
	from = from ? from + 1 : name;
	n = strcspn(from, "/");
	n = n < NAME_MAX_BYTES - 1 ? n : NAME_MAX_BYTES - 1;
	for (size_t i = 0; i < n; i++)
		out[i] = from[i] == '.' ? ':' : from[i];
	out[n] = '\0';
	char *mods = strrchr(out, ':');
	if (mods && mods > out && mods[1] && strspn(mods + 1, "ukhGHpPDIS") == strlen(mods + 1))
		*mods = '\0';
}

int cxms_hw_role(const char *name)
{
	char bare[NAME_MAX_BYTES];
	bare_name(name, bare);
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (!strcasecmp(bare, roles[i].name))
			return roles[i].role;
	return CXMS_HW_OTHER;
}

void cxms_hw_counts_none(struct cxms_counts *c)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (roles[i].role >= 0)
			*cxms_hw_member(c, roles[i].role) = -1;
}

double *cxms_hw_member(struct cxms_counts *c, int role)
{
	return role < 0 ? NULL : (double *)((char *)c + role);
}

int cxms_hw_add_mem(struct cxms_hw *hw, const struct cxms_event *ev, uint32_t thread, uint32_t page)
{
	const struct cxms_mem *m = &ev->mem;
	if (cxms_array_grow((void **)&hw->mem, &hw->cap_mem, hw->n_mem + 1, sizeof(*hw->mem)))
		return -ENOMEM;
	hw->mem[hw->n_mem++] = (struct cxms_hw_mem){.time_ns = ev->time_ns,
						    .period = m->period ? (double)m->period : 1,
						    .thread = thread,
						    .site = m->site,
						    .page = page,
						    .latency_cyc = m->latency_cyc,
						    .flags = m->flags,
						    .cpu = m->cpu,
						    .level = m->level,
						    .what = m->what};
	return 0;
}

int cxms_hw_add_counter(struct cxms_hw *hw, const struct cxms_counter *c)
{
	if (c->id != hw->n_counter)
		return -EINVAL;
	if (cxms_array_grow((void **)&hw->counter, &hw->cap_counter, hw->n_counter + 1,
			    sizeof(*hw->counter)))
		return -ENOMEM;
	hw->counter[hw->n_counter++] = (struct cxms_hw_counter){
		.role = cxms_hw_role(c->name), .scope = c->scope, .unit = c->unit};
	return 0;
}

/* Units count side by side: time goes on with the first that tells of it. */
static void add_read(struct cxms_hw_read *r, const struct cxms_event *ev, double bytes)
{
	uint64_t length = ev->count.enabled_ns;
	r->bytes += bytes;
	if (ev->time_ns <= r->until_ns)
		return;
	r->seen_ns += length < ev->time_ns - r->until_ns ? length : ev->time_ns - r->until_ns;
	r->until_ns = ev->time_ns;
}

static double whole(const struct cxms_hw_read *r, uint64_t duration_ns)
{
	if (r->seen_ns == 0 || (double)r->seen_ns < LEAST_SEEN * (double)duration_ns)
		return 0;
	return r->bytes * (double)duration_ns / (double)r->seen_ns;
}

double cxms_hw_read_bytes(const struct cxms_hw *hw, uint64_t duration_ns)
{
	double by[CXMS_READER_COUNT];
	for (int i = 0; i < CXMS_READER_COUNT; i++)
		by[i] = whole(&hw->read[i], duration_ns);
	double cxl = fmax(by[CXMS_READER_PORT], by[CXMS_READER_DEVICE]);
	double dram = by[CXMS_READER_DRAM];
	return fmax(dram > 0 ? dram + cxl : 0, by[CXMS_READER_PCM]);
}

int cxms_hw_add_count(struct cxms_hw *hw, const struct cxms_event *ev, uint32_t thread)
{
	const struct cxms_count *c = &ev->count;
	if (c->counter >= hw->n_counter)
		return -EINVAL;
	if (c->enabled_ns > 0 && c->running_ns == 0)
		return 0; /* it never had a register: not counted */
	double running = c->enabled_ns > 0 ? (double)c->running_ns / (double)c->enabled_ns : 1;
	double value = (double)c->value / running;
	const struct cxms_hw_counter *def = &hw->counter[c->counter];
	if (hw->n_count == 0 || running < hw->least_running)
		hw->least_running = running;
	if (def->role <= CXMS_HW_DRAM_READ)
		add_read(&hw->read[CXMS_HW_DRAM_READ - def->role], ev,
			 def->unit == CXMS_COUNT_BYTES ? value : value * LINE_BYTES);
	if (def->role < 0)
		return 0;
	if (cxms_array_grow((void **)&hw->count, &hw->cap_count, hw->n_count + 1,
			    sizeof(*hw->count)))
		return -ENOMEM;
	hw->count[hw->n_count++] = (struct cxms_hw_count){.time_ns = ev->time_ns,
							  .enabled_ns = c->enabled_ns,
							  .value = value,
							  .thread = thread,
							  .counter = c->counter};
	return 0;
}

void cxms_hw_finish(struct cxms_hw *hw)
{
	if (hw->n_mem == 0 || hw->lost_mem == 0)
		return;
	double scale = 1 + (double)hw->lost_mem / (double)hw->n_mem;
	for (size_t i = 0; i < hw->n_mem; i++)
		hw->mem[i].period *= scale;
}

void cxms_hw_fini(struct cxms_hw *hw)
{
	free(hw->mem);
	free(hw->counter);
	free(hw->count);
	cxms_hw_cells_free(hw->cells);
	*hw = (struct cxms_hw){0};
}

bool cxms_hw_is_memory(const struct cxms_hw_mem *m)
{
	if (m->flags & CXMS_MEM_KERNEL || m->what == CXMS_MEM_STORE)
		return false;
	if (m->what == CXMS_MEM_LLC_MISS && m->level == CXMS_MEM_UNKNOWN)
		return true;
	return m->level == CXMS_MEM_LOCAL_DRAM || m->level == CXMS_MEM_REMOTE_DRAM ||
	       m->level == CXMS_MEM_CXL;
}
