#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/fmt.h"
#include "base/sys.h"
#include "cli/cli.h"
#include "source/cnt_live.h"
#include "source/cnt_set.h"
#include "source/machine.h"
#include "source/machine_cache.h"
#include "source/source.h"
#include "source/watchpoint.h"

#define FMT ((char[CXMS_FMT_MAX]){0})

/* How many sources that watch programs work here. */
static size_t put_sources(struct cxms_buf *out)
{
	size_t live = 0;
	cxms_buf_printf(out, "sources, best first\n");
	for (size_t i = 0; i < cxms_source_count(); i++) {
		const struct cxms_source_ops *ops = cxms_source_at(i);
		struct cxms_err why = {0};
		bool works = ops->probe(&why) == 0;
		live += works && ops->caps & CXMS_SRC_LIVE;
		cxms_buf_printf(out, "  %-8s %s%s\n", ops->name,
				works ? "works" : "does not work: ", works ? "" : why.msg);
	}
	return live;
}

/* Are they opened, too? A set that was found counts only where the kernel lets us. */
static bool opens(const struct cxms_cnt_set *set, pid_t pid, struct cxms_err *why)
{
	struct cxms_cnt_live *live = NULL;
	int rc = cxms_cnt_live_open(set->ev, set->n, pid, &live, why);

	cxms_cnt_live_free(live);
	return rc == 0;
}

static void put_counters(struct cxms_buf *out)
{
	struct cxms_cnt_set set = {0};
	struct cxms_err why = {0};

	if (cxms_cnt_set_core(0, true, &set, NULL, &why) || !opens(&set, 0, &why))
		cxms_buf_printf(out, "  cores    do not work: %s\n", why.msg);
	else
		cxms_buf_printf(out, "  cores    work: %zu counters in %u turns\n", set.n,
				set.n_group);
	cxms_cnt_set_fini(&set);
	cxms_err_clear(&why);
	if (cxms_cnt_set_uncore(false, &set, NULL, &why) || !opens(&set, -1, &why))
		cxms_buf_printf(out, "  uncore   do not work: %s\n", why.msg);
	else
		cxms_buf_printf(out, "  uncore   work: %zu counters\n", set.n);
	cxms_cnt_set_fini(&set);
	cxms_buf_printf(out, "  pcm      with --pcm: what pcm-memory -csv of Intel PCM writes\n");
}

static void put_watchpoints(struct cxms_buf *out)
{
	struct cxms_err why = {0};
	bool works = cxms_watchpoint_probe(&why) == 0;
	cxms_buf_printf(out, "watchpoints\n  words    %s%s\n",
			works ? "work" : "do not work: ", works ? "" : why.msg);
}

static void put_readers(struct cxms_buf *out)
{
	cxms_buf_printf(out, "readers\n"
			     "  cxlt     works: recordings of cxlmemsim record\n"
			     "  others   with import: perf.data, perf script, lackey, drmemtrace "
			     "and ChampSim text\n");
}

static void put_file(struct cxms_buf *out, const char *label, const char *path)
{
	struct cxms_buf text = {0};
	if (cxms_sys_read(path, 4096, &text, NULL) < 0) {
		cxms_buf_printf(out, "  %-22s unknown ('%s' cannot be read)\n", label, path);
	} else {
		const char *s = cxms_buf_text(&text);
		cxms_buf_printf(out, "  %-22s %.*s\n", label, (int)strcspn(s, "\n"), s);
	}
	cxms_buf_fini(&text);
}

static void put_memlock(struct cxms_buf *out)
{
	struct rlimit rl;
	if (getrlimit(RLIMIT_MEMLOCK, &rl) < 0)
		return;
	cxms_buf_printf(out, "  %-22s %s\n", "memlock limit",
			rl.rlim_cur == RLIM_INFINITY ? "unlimited"
						     : cxms_fmt_bytes(FMT, (uint64_t)rl.rlim_cur));
}

static void put_size(struct cxms_buf *out, const char *label, uint64_t bytes)
{
	cxms_buf_printf(out, "  %-22s %s\n", label, bytes ? cxms_fmt_bytes(FMT, bytes) : "unknown");
}

static void put_machine(const struct cxms_facts *f, bool measured, struct cxms_buf *out)
{
	cxms_buf_printf(out, "machine\n  %-22s %s\n", "CPU", f->cpu[0] ? f->cpu : "unknown");
	cxms_buf_printf(out, "  %-22s %s, Linux %s\n", "system",
			f->machine[0] ? f->machine : "unknown",
			f->kernel[0] ? f->kernel : "unknown");
	cxms_buf_printf(out, "  %-22s %" PRIu32 "\n", "CPUs", f->n_cpu);
	put_size(out, "L1D", f->l1d_bytes);
	put_size(out, "L2", f->l2_bytes);
	put_size(out, "LLC", f->llc_bytes);
	put_size(out, "memory", f->mem_total_bytes);
	put_size(out, "page", f->page_bytes);
	if (measured)
		cxms_buf_printf(out, "  %-22s %s, page walk %s\n", "memory latency",
				cxms_fmt_time_ps(FMT, f->mem_latency_ps),
				cxms_fmt_time_ps(FMT, f->walk_ps));
	else
		cxms_buf_printf(out,
				"  %-22s not measured yet; the first recording does, or "
				"doctor --measure\n",
				"memory latency");
	put_file(out, "huge pages", "/sys/kernel/mm/transparent_hugepage/enabled");
	put_file(out, "perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid");
	put_file(out, "perf_event_mlock_kb", "/proc/sys/kernel/perf_event_mlock_kb");
	put_memlock(out);
}

/* @measured: whether facts hold latencies. A failed measurement is one line, not the end. */
static void find_latency(struct cli *c, struct cxms_facts *f, bool *measured)
{
	struct cxms_machine_cfg cfg = {.remeasure = true, .log = &c->log};
	if (!c->opt.measure) {
		*measured = cxms_machine_cache_load(f, &c->log);
		return;
	}
	*measured = cxms_machine_measure(f, &cfg, &c->err) == 0;
	if (!*measured)
		cli_fail(c, CLI_CANNOT);
}

int cmd_doctor(struct cli *c)
{
	struct cxms_buf out = {0};
	struct cxms_facts facts = {0};
	bool measured = false;
	if (c->argc > 0)
		return cli_usage(c, "doctor takes no words, got '%s'", c->argv[0]);
	cxms_machine_identify(&facts);
	find_latency(c, &facts, &measured);
	size_t live = put_sources(&out);
	put_readers(&out);
	cxms_buf_printf(&out, "counters\n");
	put_counters(&out);
	put_watchpoints(&out);
	put_machine(&facts, measured, &out);
	int status = cli_out_done(c, &out);
	cxms_buf_fini(&out);
	if (status == CLI_OK && live == 0) {
		cxms_fail(
			&c->err, ENOTSUP,
			"no source can watch a program here; each line above says what would help");
		status = cli_fail(c, CLI_CANNOT);
	}
	return status;
}
