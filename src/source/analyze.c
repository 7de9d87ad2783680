#include "source/analyze.h"

#include "base/err.h"
#include "base/rng.h"
#include "base/sys.h"
#include "source/evq.h"
#include "source/tls.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE_0_END 4096ull
#define USER_END   0x800000000000ull /* 2^47 */
#define TLS_TRIES  2
#define LOOK_GAP_NS                                                                                \
	100000000ull /* /proc/<pid>/maps is read at most ten times a second per process */
/*
 * The kernel grows a main stack below its mapping as it is used (RLIMIT_STACK, 8 MiB by default),
 * and argument strings lie above: what is that near to the stack pointer is stack.
 */
#define STACK_REACH (8ull << 20)
/* Code outside every known mapping is read within this distance of the sample. */
#define STRAY_REACH 4096ull

struct found_ctx {
	struct cxms_evq *out;
	uint32_t pid;
	uint64_t time_ns;
};

static void map_found(void *arg, const struct cxms_map *map)
{
	const struct found_ctx *ctx = arg;
	struct cxms_event ev = {.kind = CXMS_EV_MAP, .pid = ctx->pid, .tid = ctx->pid};

	ev.time_ns = ctx->time_ns;
	ev.map = *map;
	cxms_evq_push(ctx->out, &ev);
}

static int look_at_maps(struct cxms_analyzer *a, struct cxms_space *s, uint64_t time_ns,
			struct cxms_evq *out, struct cxms_err *err)
{
	struct found_ctx ctx = {.out = out, .pid = s->pid, .time_ns = time_ns};

	struct cxms_err why = {0};
	int rc = cxms_maps_look(&a->maps, s, map_found, &ctx, &why);

	/* A process that is gone is no failure; code that cannot be decoded at all is. */
	return rc == -ENOMEM || rc == -ENOTSUP ? cxms_fail(err, -rc, "%s", why.msg) : 0;
}

int cxms_analyze_maps(struct cxms_analyzer *a, uint32_t pid, uint64_t time_ns, struct cxms_evq *out,
		      struct cxms_err *err)
{
	struct cxms_space *s = cxms_maps_space(&a->maps, pid);

	if (!s)
		return cxms_fail(err, ENOMEM, "out of memory for mappings");
	return look_at_maps(a, s, time_ns, out, err);
}

static bool may_look(const struct cxms_analyzer *a, const struct cxms_space *s)
{
	if (a->maps.is_offline)
		return false;
	return !s->looked_ns || cxms_now_ns() - s->looked_ns >= LOOK_GAP_NS;
}

/* The mapping of an instruction; one that no record told of is sought in /proc. */
static int find_code(struct cxms_analyzer *a, struct cxms_space *s, const struct cxms_look *look,
		     struct cxms_evq *out, struct cxms_mapping *at, struct cxms_err *err)
{
	const struct cxms_mapping *found = cxms_maps_find(s, look->regs.ip);
	int rc;

	if ((!found || !found->module) && may_look(a, s)) {
		rc = look_at_maps(a, s, look->time_ns, out, err);
		if (rc)
			return rc;
		found = cxms_maps_find(s, look->regs.ip);
	}
	if (found && found->module) {
		*at = *found;
		return 0;
	}
	if (!s->own) {
		rc = cxms_module_new(&s->own, CXMS_MODULE_PRIVATE, "", NULL, err);
		if (rc)
			return rc;
	}
	at->module = s->own;
	at->file_off = 0;
	at->start = look->regs.ip > STRAY_REACH ? look->regs.ip - STRAY_REACH : 0;
	at->end = look->regs.ip + STRAY_REACH;
	return 0;
}

/* Of a sample that cannot be decoded at all: unknown, which is not the same as compute. */
static struct cxms_site_ref *unread_site(struct cxms_analyzer *a, uint64_t ip, bool *is_new)
{
	struct cxms_site_ref *ref = cxms_idmap_get(&a->unread, ip);

	*is_new = false;
	if (ref)
		return ref;
	ref = calloc(1, sizeof(*ref));
	if (!ref)
		return NULL;
	ref->site.ip = ip;
	ref->site.kind = CXMS_SITE_UNDECODED;
	ref->site.base = ref->site.index = -1;
	ref->site.count_reg = ref->site.outer_reg = -1;
	if (cxms_idmap_put(&a->unread, ip, ref)) {
		free(ref);
		return NULL;
	}
	*is_new = true;
	return ref;
}

/* @at: the mapping of the sampled instruction; NULL = none is known */
static int tell_site(struct cxms_analyzer *a, const struct cxms_look *look,
		     const struct cxms_mapping *at, struct cxms_site_ref *ref, struct cxms_evq *out)
{
	const struct cxms_code_site *site = &ref->site;
	struct cxms_event ev = {.kind = CXMS_EV_SITE, .pid = look->pid, .tid = look->tid};
	int rc = 0;

	ref->id = a->n_site++;
	ev.time_ns = look->time_ns;
	ev.site = (struct cxms_site){
		.id = ref->id,
		.ip = site->ip,
		.kind = site->kind,
		.access_bytes = site->access_bytes,
		.flags = site->flags,
		.loop_insns = site->loop_insns,
		.count_reg = (uint8_t)(site->count_reg + 1),
		.base = (uint8_t)(site->base + 1),
		.index = (uint8_t)(site->index + 1),
		.scale = site->scale,
		.turn_lines = site->turn_lines,
		.stride = site->stride,
		.disp = site->disp,
		.loop_ip = site->loop_ip,
		.step = site->step,
		.outer_reg = (uint8_t)(site->outer_reg + 1),
		.outer_step = site->outer_step,
		.outer_back = site->outer_back,
		.made_at = site->made_at,
		.ahead_ip = site->ahead_ip,
		.ahead_bytes = site->ahead_bytes,
		.function = "",
		.object = "",
	};
	if (at)
		rc = cxms_module_name(at, &ev.site);
	cxms_evq_push(out, &ev);
	return rc;
}

static void find_tls(const struct cxms_look *look, struct cxms_regs *regs)
{
	struct cxms_tls *tls = look->tls;

	if (!tls || regs->fs_known)
		return;
	if (!tls->known && tls->tries < TLS_TRIES) {
		tls->tries++;
		tls->known =
			!cxms_tls_find((pid_t)look->pid, regs->gpr[CXMS_REG_SP], &tls->fs_base);
	}
	regs->fs_base = tls->fs_base;
	regs->fs_known = tls->known;
}

/* An operand address must be one that the process can have touched. */
static int check_address(struct cxms_analyzer *a, struct cxms_space *s,
			 const struct cxms_look *look, uint64_t addr, struct cxms_evq *out,
			 bool *ok, struct cxms_err *err)
{
	uint64_t sp = look->regs.gpr[CXMS_REG_SP];
	int rc;

	*ok = false;
	if (addr < PAGE_0_END || addr >= USER_END)
		return 0;
	*ok = addr - sp + STACK_REACH < 2 * STACK_REACH || cxms_maps_find(s, addr);
	if (*ok)
		return 0;
	if (may_look(a, s)) {
		rc = look_at_maps(a, s, look->time_ns, out, err);
		if (rc)
			return rc;
	}
	/* Of a process that ended before we looked, not every mapping need be known. */
	*ok = !s->looked_ok || cxms_maps_find(s, addr);
	return 0;
}

static void add_counts(const struct cxms_code_site *site, const struct cxms_regs *regs,
		       struct cxms_sample *s)
{
	if (site->count_reg >= 0) {
		s->flags |= CXMS_SAMPLE_COUNT;
		s->count = regs->gpr[site->count_reg];
	}
	if (site->outer_reg >= 0) {
		s->flags |= CXMS_SAMPLE_OUTER;
		s->outer = regs->gpr[site->outer_reg];
	}
}

static int resolve(struct cxms_analyzer *a, const struct cxms_look *look, struct cxms_event *ev,
		   struct cxms_evq *out, struct cxms_err *err)
{
	struct cxms_space *s = cxms_maps_space(&a->maps, look->pid);
	struct cxms_regs regs = look->regs;
	struct cxms_site_ref *ref = NULL;
	struct cxms_mapping at;
	pid_t pid = a->maps.is_offline ? 0 : (pid_t)look->pid;
	bool is_new, want_dst, ok;
	uint64_t addr;
	int rc = s ? 0 : -ENOMEM;

	if (!rc && !look->is_foreign)
		rc = find_code(a, s, look, out, &at, err);
	if (!rc)
		ref = look->is_foreign ? unread_site(a, regs.ip, &is_new)
				       : cxms_module_site(&at, pid, regs.ip, &is_new);
	if (ref && is_new)
		rc = tell_site(a, look, look->is_foreign ? NULL : &at, ref, out);
	if (!ref || rc)
		return cxms_fail(err, ENOMEM, "out of memory for a sample");
	ev->sample.site = ref->id;
	if (look->fault_ip && (look->fault_ip == regs.ip || look->fault_ip == ref->site.ip))
		ev->sample.flags |= CXMS_SAMPLE_AFTER_FAULT;
	if (!look->is_foreign && !look->has_no_regs)
		add_counts(&ref->site, &regs, &ev->sample);
	if (ref->site.segment == 4 && !a->maps.is_offline)
		find_tls(look, &regs);
	want_dst = ref->site.string_dst && (!ref->site.string_src || ref->write_next);
	if (look->is_foreign || look->has_no_regs ||
	    !cxms_code_address(&ref->site, &regs, want_dst, &addr))
		return 0;
	rc = check_address(a, s, look, addr, out, &ok, err);
	if (rc || !ok)
		return rc;
	if (ref->site.kind == CXMS_SITE_STRING) {
		ev->sample.flags |= want_dst ? CXMS_SAMPLE_WRITE : 0;
		ref->write_next = !ref->write_next;
	}
	ev->sample.addr = addr;
	ev->sample.flags |= CXMS_SAMPLE_ADDR;
	return 0;
}

int cxms_analyze(struct cxms_analyzer *a, const struct cxms_look *look, struct cxms_evq *out,
		 struct cxms_err *err)
{
	struct cxms_event ev = {.kind = CXMS_EV_SAMPLE, .pid = look->pid, .tid = look->tid};
	int rc = 0;

	ev.time_ns = look->time_ns;
	ev.sample.site = CXMS_NO_SITE;
	ev.sample.weight_ns = look->weight_ns;
	ev.sample.cpu = look->cpu;
	if (look->is_kernel)
		ev.sample.flags = CXMS_SAMPLE_KERNEL;
	else
		rc = resolve(a, look, &ev, out, err);
	if (!rc)
		cxms_evq_push(out, &ev);
	return rc;
}

static struct cxms_recent_site *recent_site(struct cxms_analyzer *a, uint32_t pid, uint64_t ip)
{
	return &a->recent[cxms_hash_u64(ip ^ (uint64_t)pid << 48) % CXMS_RECENT_SITES];
}

static int find_site(struct cxms_analyzer *a, const struct cxms_look *look, struct cxms_evq *out,
		     struct cxms_recent_site *recent, struct cxms_err *err)
{
	struct cxms_space *s = cxms_maps_space(&a->maps, look->pid);
	const struct cxms_mapping *known;
	struct cxms_site_ref *ref = NULL;
	struct cxms_mapping at;
	pid_t pid = a->maps.is_offline ? 0 : (pid_t)look->pid;
	bool is_new = false;
	int rc = s ? find_code(a, s, look, out, &at, err) : -ENOMEM;

	if (!rc)
		ref = cxms_module_site_of(&at, pid, look->regs.ip, &is_new);
	if (ref && is_new)
		rc = tell_site(a, look, &at, ref, out);
	if (!ref || rc)
		return cxms_fail(err, ENOMEM, "out of memory for a sampled access");
	/* Code outside every known mapping, and code that may be written over, is sought anew each
	 * time.
	 */
	known = cxms_maps_find(s, look->regs.ip);
	*recent = (struct cxms_recent_site){
		.ip = look->regs.ip,
		.changes = a->maps.changes,
		.pid = known && known->module && known->module->kind != CXMS_MODULE_PRIVATE
			       ? look->pid
			       : 0,
		.site = ref->id,
	};
	return 0;
}

int cxms_analyze_site(struct cxms_analyzer *a, const struct cxms_event *at, uint64_t ip,
		      struct cxms_evq *out, uint32_t *site, struct cxms_err *err)
{
	struct cxms_recent_site *recent = recent_site(a, at->pid, ip);
	int rc = 0;

	if (recent->ip != ip || recent->pid != at->pid || recent->changes != a->maps.changes) {
		const struct cxms_look look = {
			.pid = at->pid, .tid = at->tid, .time_ns = at->time_ns, .regs.ip = ip};

		rc = find_site(a, &look, out, recent, err);
	}
	if (!rc)
		*site = recent->site;
	return rc;
}

void cxms_analyzer_fini(struct cxms_analyzer *a)
{
	size_t pos = 0;
	void *ref;

	while ((ref = cxms_idmap_next(&a->unread, &pos)))
		free(ref);
	cxms_idmap_fini(&a->unread);
	cxms_maps_fini(&a->maps);
}
