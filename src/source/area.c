#include "source/area.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"
#include "source/maps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS		1000000ull
#define SMAPS_MAX	(256u << 20)
#define PROCESS_MIN	(8ull << 20) /* resident bytes below which a process is not looked at */
#define AREA_MIN	(1ull << 20) /* resident bytes below which a mapping is not told */
#define BUDGET_DIVISOR	100ull	     /* a look that took t is not followed by one before 100 t */
#define ROUND_BUDGET_NS (5 * MS) /* time of looks in one round; the rest waits for ROUND_GAP_NS */
#define ROUND_GAP_NS	(100 * MS)

struct area_proc {
	uint32_t pid;
	unsigned looks;
	uint64_t begin_ns, due_ns;
	struct cxms_area *told; /* as told last */
	size_t n_told;
};

/* ns after the beginning at which look number @looks is due */
static uint64_t schedule_ns(unsigned looks)
{
	static const uint64_t first[] = {50 * MS, 200 * MS, 800 * MS};

	return looks < 3 ? first[looks] : 800 * MS + (looks - 2) * 2000 * MS;
}

static void proc_free(struct area_proc *p)
{
	if (p)
		free(p->told);
	free(p);
}

int cxms_areas_begin(struct cxms_areas *a, uint32_t pid, uint64_t now_ns)
{
	struct area_proc *p = cxms_idmap_get(&a->procs, pid);

	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p || cxms_idmap_put(&a->procs, pid, p)) {
			free(p);
			return -ENOMEM;
		}
	}
	p->pid = pid;
	p->looks = 0;
	p->n_told = 0;
	p->begin_ns = now_ns;
	p->due_ns = now_ns + schedule_ns(0);
	if (p->due_ns < a->due_ns)
		a->due_ns = p->due_ns;
	return 0;
}

void cxms_areas_end(struct cxms_areas *a, uint32_t pid)
{
	proc_free(cxms_idmap_remove(&a->procs, pid));
}

void cxms_areas_fini(struct cxms_areas *a)
{
	struct area_proc *p;
	size_t pos = 0;

	while ((p = cxms_idmap_next(&a->procs, &pos)))
		proc_free(p);
	cxms_idmap_fini(&a->procs);
}

/* "Name:   123 kB" */
static bool take_field(const char *line, size_t len, const char *name, uint64_t *bytes)
{
	size_t n = strlen(name), i = n;
	uint64_t v = 0;

	if (len < n || memcmp(line, name, n))
		return false;
	while (i < len && line[i] == ' ')
		i++;
	while (i < len && line[i] >= '0' && line[i] <= '9' && v < UINT64_MAX / 10240)
		v = v * 10 + (uint64_t)(line[i++] - '0');
	*bytes = v * 1024;
	return true;
}

static void add_field(const char *line, size_t len, struct cxms_area *area)
{
	static const struct {
		const char *name;
		bool is_resident, is_huge;
	} fields[] = {
		{"Rss:", true, false},
		{"AnonHugePages:", false, true},
		{"ShmemPmdMapped:", false, true},
		{"FilePmdMapped:", false, true},
		{"Shared_Hugetlb:", true, true},
		{"Private_Hugetlb:", true, true},
	};
	uint64_t bytes;

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		if (!take_field(line, len, fields[i].name, &bytes))
			continue;
		area->resident_bytes += fields[i].is_resident ? bytes : 0;
		area->huge_bytes += fields[i].is_huge ? bytes : 0;
		return;
	}
}

void cxms_smaps_parse(const char *text, size_t len, void (*fn)(void *, const struct cxms_area *),
		      void *arg)
{
	const char *end = text + len;
	struct cxms_area area = {0};

	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		struct cxms_file_id id;
		struct cxms_map map;
		char path[8];
		size_t n;

		if (!eol)
			eol = end;
		n = (size_t)(eol - text);
		if (cxms_maps_parse_line(text, n, &map, &id, path, sizeof(path))) {
			if (area.len)
				fn(arg, &area);
			area = (struct cxms_area){.addr = map.addr, .len = map.len};
		} else {
			add_field(text, n, &area);
		}
		text = eol + 1;
	}
	if (area.len)
		fn(arg, &area);
}

struct look_ctx {
	struct area_proc *proc;
	struct cxms_area *now;
	size_t n, cap;
	cxms_area_fn fn;
	void *arg;
};

static const struct cxms_area *told_at(const struct area_proc *p, uint64_t addr)
{
	size_t lo = 0, hi = p->n_told;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->told[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < p->n_told && p->told[lo].addr == addr ? &p->told[lo] : NULL;
}

static void area_seen(void *arg, const struct cxms_area *area)
{
	struct look_ctx *ctx = arg;
	const struct cxms_area *old = told_at(ctx->proc, area->addr);
	bool is_same = old && old->len == area->len &&
		       old->resident_bytes == area->resident_bytes &&
		       old->huge_bytes == area->huge_bytes;
	void *grown = ctx->now;

	if (!old && area->resident_bytes < AREA_MIN)
		return;
	if (!is_same)
		ctx->fn(ctx->arg, ctx->proc->pid, area);
	if (!cxms_array_grow(&grown, &ctx->cap, ctx->n + 1, sizeof(*area))) {
		ctx->now = grown;
		ctx->now[ctx->n++] = *area;
	}
}

/* Resident bytes as statm tells them of a thread's memory, without walking page tables; 0 = gone.
 */
static uint64_t resident_bytes(uint32_t tid)
{
	struct cxms_buf text = {0};
	uint64_t total, pages = 0;
	char name[64];

	snprintf(name, sizeof(name), "/proc/%" PRIu32 "/statm", tid);
	if (cxms_sys_read(name, 4096, &text, NULL) ||
	    sscanf(cxms_buf_text(&text), "%" SCNu64 " %" SCNu64, &total, &pages) != 2)
		pages = 0;
	cxms_buf_fini(&text);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool is_small(uint32_t pid)
{
	uint64_t bytes = resident_bytes(pid);
	uint32_t other = bytes ? 0 : cxms_sys_other_thread(pid);

	return (other ? resident_bytes(other) : bytes) < PROCESS_MIN;
}

static void look(struct area_proc *p, cxms_area_fn fn, void *arg)
{
	struct look_ctx ctx = {.proc = p, .fn = fn, .arg = arg};
	struct cxms_buf text = {0};

	if (!cxms_sys_read_process(p->pid, "smaps", SMAPS_MAX, &text, NULL)) {
		cxms_smaps_parse(cxms_buf_text(&text), text.len, area_seen, &ctx);
		free(p->told);
		p->told = ctx.now;
		p->n_told = ctx.n;
	}
	cxms_buf_fini(&text);
}

/* The look whose turn it is, and when the next one will be. Return: the time it took. */
static uint64_t look_in_turn(struct area_proc *p, uint64_t now_ns, cxms_area_fn fn, void *arg)
{
	uint64_t took, since = cxms_now_ns();

	if (!is_small(p->pid))
		look(p, fn, arg);
	took = cxms_now_ns() - since;
	while (p->begin_ns + schedule_ns(p->looks) <= now_ns)
		p->looks++;
	p->due_ns = p->begin_ns + schedule_ns(p->looks);
	if (p->due_ns < now_ns + took * BUDGET_DIVISOR)
		p->due_ns = now_ns + took * BUDGET_DIVISOR;
	return took;
}

void cxms_areas_poll(struct cxms_areas *a, uint64_t now_ns, cxms_area_fn fn, void *arg)
{
	uint64_t spent = 0, earliest = UINT64_MAX;
	struct area_proc *p;
	size_t pos = 0;

	if (now_ns < a->due_ns || now_ns < a->not_before_ns)
		return;
	while ((p = cxms_idmap_next(&a->procs, &pos))) {
		if (p->due_ns <= now_ns && spent < ROUND_BUDGET_NS)
			spent += look_in_turn(p, now_ns, fn, arg);
		earliest = p->due_ns < earliest ? p->due_ns : earliest;
	}
	a->due_ns = earliest;
	if (spent >= ROUND_BUDGET_NS)
		a->not_before_ns = now_ns + ROUND_GAP_NS;
}
