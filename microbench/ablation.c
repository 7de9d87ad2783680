/*
 * ablation: what each mechanism of the window model is worth. Evaluates recordings of the
 * cycle-level reference's programs with everything modelled, and with one mechanism after the other
 * left out, and compares the slowdowns with those of the reference.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/units.h"
#include "core/window.h"
#include "core/xread.h"
#include "mem/calendar.h"
#include "sim/xengine.h"
#include "topo/topo.h"
#include "trace/trace.h"

#define MAX_POINTS     512u
#define EVENTS_AT_ONCE 256
#define NO_BOUND       65536u /* entries: never full */
#define WIDEST	       32u    /* uops a cycle: the largest the model takes */
#define BYTES_PER_GIB  0x1p30
#define COUNT(a)       (sizeof(a) / sizeof((a)[0]))

/* A mechanism left out: a part of the window, or a number of the core made large. */
struct variant {
	const char *name, *what_hardware_does;
	uint32_t without; /* enum cxms_window_part */
	size_t number;	  /* offset in struct cxms_window_cfg of a uint32_t, 0 = none */
	uint32_t value;
	bool is_decoded;     /* instructions come decoded */
	bool is_fused;	     /* cracking rule of fused uops */
	bool has_no_writes;  /* write-backs take no bandwidth */
	bool has_no_numbers; /* every number of the core is large */
};

#define NUMBER(field) .number = offsetof(struct cxms_window_cfg, field), .value = NO_BOUND

static const struct variant variants[] = {
	{.name = "nothing", .what_hardware_does = "Nothing is left out."},
	{.name = "in flight",
	 .what_hardware_does = "An access to a line that an earlier miss or prefetch is already "
			       "bringing waits for that fill, and does not hit at once.",
	 .without = CXMS_WP_IN_FLIGHT},
	{.name = "wrong path",
	 .what_hardware_does = "Loads behind a mispredicted branch start before the branch is "
			       "resolved; the lines they bring stay, and hold miss registers.",
	 .without = CXMS_WP_WRONG_PATH},
	{.name = "redirect",
	 .what_hardware_does = "After a misprediction fetch goes on when the branch has executed: "
			       "one that waits for a miss holds up all that follows.",
	 .without = CXMS_WP_REDIRECT},
	{.name = "forwarding",
	 .what_hardware_does = "A load that reads what a store in the queue writes has its value "
			       "when the store's data is there, not before.",
	 .without = CXMS_WP_FORWARD},
	{.name = "units",
	 .what_hardware_does = "So many operations of a class can start in a cycle; a divider is "
			       "busy for several.",
	 .without = CXMS_WP_UNITS},
	{.name = "dependences",
	 .what_hardware_does = "An operation starts when its operands are there: the next address "
			       "of a chase is known when the line has come.",
	 .without = CXMS_WP_DEPENDENCES},
	{.name = "rob walk",
	 .what_hardware_does =
		 "Where uops are split, what ran behind a mispredicted branch leaves the "
		 "reorder buffer at twice the width, and dispatch waits for it.",
	 .without = CXMS_WP_WALK},
	{.name = "held scheduler",
	 .what_hardware_does =
		 "Where uops are split, a load keeps its scheduler entry until its data "
		 "has come.",
	 .without = CXMS_WP_HOLD},
	{.name = "waiters",
	 .what_hardware_does =
		 "Where uops are split, a miss register has room for sixteen accesses; "
		 "full, it closes the first level until its line has come.",
	 .without = CXMS_WP_JOIN},
	{.name = "one store",
	 .what_hardware_does =
		 "Where uops are split and stores are in strict order, the next begins when the "
		 "one before has its line (no core of these points is so).",
	 .without = CXMS_WP_ONE_STORE},
	{.name = "full",
	 .what_hardware_does = "Where uops are split, a first level without a free miss register "
			       "takes no hits either.",
	 .without = CXMS_WP_FULL},
	{.name = "reserve",
	 .what_hardware_does =
		 "Where uops are split, prefetches leave two registers of each level to misses.",
	 .without = CXMS_WP_RESERVE},
	{.name = "store sets",
	 .what_hardware_does =
		 "Where uops are split, a load that ran before a store it meets is run again, and "
		 "waits from then on for the last store that such a load met.",
	 .without = CXMS_WP_SETS},
	{.name = "walk registers",
	 .what_hardware_does = "A page walk reads the table through the data caches, and holds a "
			       "miss register where it misses.",
	 .without = CXMS_WP_WALK_REGISTER},
	{.name = "rob",
	 .what_hardware_does = "The reorder buffer holds so many uops: behind a load that waits it "
			       "fills, and dispatch stops.",
	 NUMBER(rob)},
	{.name = "scheduler",
	 .what_hardware_does = "Uops whose operands are not there wait in the scheduler, which is "
			       "smaller than the reorder buffer; full, it stops dispatch.",
	 NUMBER(scheduler)},
	{.name = "load queue",
	 .what_hardware_does = "Each load has an entry from dispatch to retirement.",
	 NUMBER(load_queue)},
	{.name = "store queue",
	 .what_hardware_does = "Each store has an entry until its line has come and it is written: "
			       "stores that miss fill the queue, and dispatch stops.",
	 NUMBER(store_queue)},
	{.name = "L1D mshrs",
	 .what_hardware_does = "A miss of the L1D holds a miss register until its line is there: "
			       "so many lines are in flight at most.",
	 NUMBER(l1d_mshrs)},
	{.name = "L2 mshrs",
	 .what_hardware_does = "What misses the L2, prefetches among it, holds a miss register of "
			       "the L2.",
	 NUMBER(l2_mshrs)},
	{.name = "width",
	 .what_hardware_does = "So many uops dispatch and retire in a cycle.",
	 .number = offsetof(struct cxms_window_cfg, width),
	 .value = WIDEST},
	{.name = "fetch lines",
	 .what_hardware_does = "Instructions come a line of the L1I at a time; a taken branch ends "
			       "a group early.",
	 .is_decoded = true},
	{.name = "cracking",
	 .what_hardware_does = "Windows hold micro-operations; this core makes one of each load, "
			       "operation, immediate and branch target (left out: fused uops).",
	 .is_fused = true},
	{.name = "write-backs",
	 .what_hardware_does = "Dirty lines that leave the last level take bandwidth of memory.",
	 .has_no_writes = true},
	{.name = "all these",
	 .what_hardware_does = "All of the above left out, except cracking and write-backs.",
	 .without = CXMS_WP_END - 1,
	 .is_decoded = true,
	 .has_no_numbers = true},
};
#define N_VARIANT COUNT(variants)

struct point {
	char workload[32], args[64], core[16], prefetch[16];
	double latency_ns, bytes_per_s; /* 0 = unlimited */
	double wanted, slowdown[N_VARIANT];
	double wanted_cycles, cycles[N_VARIANT];
	bool has_run;
};

struct points {
	size_t n;
	struct point at[MAX_POINTS];
};

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("ablation: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

/* ---- the reference ---- */

/* The idle latency that a chase measured where the column says 400; bandwidth in 2^30 bytes/s. */
static bool read_point(char *line, struct point *p)
{
	char *field[13], *rest = line;
	for (size_t i = 0; i < COUNT(field); i++)
		if (!(field[i] = strsep(&rest, ",")))
			return false;
	*p = (struct point){.wanted = strtod(field[11], NULL),
			    .wanted_cycles = strtod(field[7], NULL)};
	snprintf(p->workload, sizeof(p->workload), "%s", field[0]);
	snprintf(p->args, sizeof(p->args), "%s", field[1]);
	snprintf(p->core, sizeof(p->core), "%s", field[2]);
	snprintf(p->prefetch, sizeof(p->prefetch), "%s", field[3]);
	p->latency_ns = strcmp(field[4], "400") ? strtod(field[4], NULL) : 400.33;
	p->bytes_per_s = strcmp(field[5], "unlimited") ? strtod(field[5], NULL) * BYTES_PER_GIB : 0;
	return p->latency_ns > 0 && p->wanted > 0 && p->wanted_cycles > 0;
}

static void read_points(const char *path, struct points *p)
{
	char line[1024];
	FILE *fp = fopen(path, "re");
	if (!fp)
		die("cannot open '%s': %s", path, strerror(errno));
	for (size_t n = 0; fgets(line, sizeof(line), fp); n++) {
		if (n == 0)
			continue; /* names of the columns */
		if (p->n == MAX_POINTS || !read_point(line, &p->at[p->n]))
			die("'%s': line %zu is no point", path, n + 1);
		p->n++;
	}
	fclose(fp);
}

static bool is_base(const struct point *p)
{
	return p->latency_ns == 90 && p->bytes_per_s == 0;
}

static bool same_group(const struct point *a, const struct point *b)
{
	return !strcmp(a->workload, b->workload) && !strcmp(a->args, b->args) &&
	       !strcmp(a->core, b->core) && !strcmp(a->prefetch, b->prefetch);
}

/* ---- one recording, one variant ---- */

/* Memory of each lane: a latency and one limit. */
struct memory {
	unsigned n_lane;
	uint64_t latency_ps[CXMS_LANES];
	struct cxms_calendar limit[CXMS_LANES];
	bool has_no_writes;
};

static void request(void *arg, unsigned lane, uint64_t line, enum cxms_xrequest kind,
		    uint64_t at_ps, struct cxms_xreply *out)
{
	struct memory *m = arg;
	(void)line;
	*out = (struct cxms_xreply){.latency_ps = m->latency_ps[lane], .target = lane > 0};
	if (kind == CXMS_XR_WRITE && m->has_no_writes)
		return;
	out->queue_ps = cxms_calendar_take(&m->limit[lane], at_ps, CXMS_LINE_BYTES);
	out->latency_ps += out->queue_ps;
}

static int on_runs(void *arg, const struct cxms_xruns *runs, struct cxms_err *err)
{
	(void)err;
	cxms_window_run(arg, runs->run, runs->n);
	return 0;
}

static int play(struct cxms_trace_reader *reader, bool is_fused, struct cxms_window *w,
		struct cxms_err *err)
{
	struct cxms_event ev[EVENTS_AT_ONCE];
	const struct cxms_xsink sink = {.arg = w, .runs = on_runs};
	struct cxms_xread *x = NULL;
	size_t n = 1;
	int rc = cxms_xread_new(!is_fused, &x, err);
	cxms_trace_reader_rewind(reader);
	while (rc == 0 && n > 0) {
		rc = cxms_trace_read(reader, ev, EVENTS_AT_ONCE, &n, err);
		for (size_t i = 0; i < n && rc == 0; i++)
			if (ev[i].kind == CXMS_EV_EXACT)
				rc = cxms_xread_packet(x, ev[i].exact.data, ev[i].exact.len, &sink,
						       err);
	}
	cxms_xread_free(x);
	return rc;
}

static void leave_out(const struct variant *v, struct cxms_window_cfg *cfg)
{
	cfg->without = v->without;
	if (v->number)
		memcpy((char *)cfg + v->number, &v->value, sizeof(v->value));
	if (v->is_decoded)
		cfg->fetch_lines = false;
	if (v->has_no_numbers) {
		cfg->width = WIDEST;
		cfg->rob = cfg->scheduler = cfg->load_queue = cfg->store_queue = NO_BOUND;
		cfg->l1d_mshrs = cfg->l2_mshrs = NO_BOUND;
	}
}

static int init_memory(struct memory *m, struct point *const *point, unsigned n,
		       struct cxms_err *err)
{
	int rc = 0;
	m->n_lane = n;
	for (unsigned i = 0; i < n && rc == 0; i++) {
		m->latency_ps[i] = (uint64_t)llround(point[i]->latency_ns * (double)CXMS_PS_PER_NS);
		rc = cxms_calendar_init(&m->limit[i], (uint64_t)point[i]->bytes_per_s, err);
	}
	return rc;
}

/* Lane i is the i-th point; the first is local memory, against which slowdowns are. */
static int evaluate(struct cxms_trace_reader *reader, struct cxms_window_cfg cfg,
		    struct point *const *point, unsigned n, size_t variant, struct cxms_err *err)
{
	const struct variant *v = &variants[variant];
	struct memory m = {.has_no_writes = v->has_no_writes};
	const struct cxms_xmemory memory = {&m, request};
	struct cxms_window *w = NULL;
	int rc = init_memory(&m, point, n, err);
	leave_out(v, &cfg);
	if (rc == 0)
		rc = cxms_window_new(&cfg, n, &memory, &w, err);
	if (rc == 0)
		rc = play(reader, v->is_fused, w, err);
	for (unsigned i = 0; i < n && rc == 0; i++) {
		struct cxms_window_lane lane;
		cxms_window_lane(w, i, &lane);
		point[i]->cycles[variant] =
			(double)lane.time_ps * (double)cfg.frequency_hz / (double)CXMS_PS_PER_S;
		point[i]->slowdown[variant] = point[i]->cycles[variant] / point[0]->cycles[variant];
		point[i]->has_run = true;
	}
	cxms_window_free(w);
	for (unsigned i = 0; i < m.n_lane; i++)
		cxms_calendar_fini(&m.limit[i]);
	return rc;
}

/* ---- all recordings ---- */

static int load_core(const char *dir, const char *core, struct cxms_window_cfg *out,
		     struct cxms_err *err)
{
	char path[4096];
	struct cxms_topo *topo = NULL;
	snprintf(path, sizeof(path), "%s/%s.yaml", dir, core);
	int rc = cxms_topo_load(path, &topo, err);
	if (rc == 0)
		cxms_xengine_host(topo, 0, out);
	cxms_topo_free(topo);
	return rc;
}

/* The group that begins at @first, where it was recorded. */
static void run_group(struct points *p, size_t first, const char *dir)
{
	const struct point *head = &p->at[first];
	struct point *point[CXMS_LANES] = {NULL};
	struct cxms_trace_reader *reader = NULL;
	struct cxms_window_cfg cfg;
	struct cxms_err err = {0};
	char path[4096];
	unsigned n = 0;
	snprintf(path, sizeof(path), "%s/%s.%s.%s.cxlt", dir, head->workload, head->prefetch,
		 head->core);
	if (access(path, R_OK))
		return;
	for (size_t i = first; i < p->n; i++)
		if (same_group(&p->at[i], head) && n < COUNT(point))
			point[n++] = &p->at[i];
	if (!is_base(head))
		die("the first point of %s is not the local one", head->workload);
	int rc = load_core(dir, head->core, &cfg, &err);
	if (rc == 0)
		rc = cxms_trace_reader_open(path, &reader, &err);
	for (size_t v = 0; v < N_VARIANT && rc == 0; v++)
		rc = evaluate(reader, cfg, point, n, v, &err);
	if (rc < 0)
		die("'%s': %s", path, err.msg);
	cxms_trace_reader_close(reader);
}

static bool begins_group(const struct points *p, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same_group(&p->at[k], &p->at[i]))
			return false;
	return true;
}

/* ---- what comes out ---- */

static double error_pct(const struct point *p, size_t variant)
{
	return 100 * (p->slowdown[variant] / p->wanted - 1);
}

/* Mean of |error| over the points of a workload, NULL = of all; 0 points = NaN. */
static double mean_pct(const struct points *p, const char *workload, size_t variant)
{
	double sum = 0, n = 0;
	for (size_t i = 0; i < p->n; i++) {
		const struct point *at = &p->at[i];
		if (!at->has_run || is_base(at) || (workload && strcmp(workload, at->workload)))
			continue;
		sum += fabs(error_pct(at, variant));
		n++;
	}
	return sum / n;
}

/* The same of the cycles, over all points: a mechanism may move times and not their ratio. */
static double mean_cycles_pct(const struct points *p, size_t variant)
{
	double sum = 0, n = 0;
	for (size_t i = 0; i < p->n; i++) {
		const struct point *at = &p->at[i];
		if (!at->has_run)
			continue;
		sum += 100 * fabs(at->cycles[variant] / at->wanted_cycles - 1);
		n++;
	}
	return sum / n;
}

static const struct point *worst(const struct points *p, size_t variant)
{
	const struct point *most = NULL;
	for (size_t i = 0; i < p->n; i++)
		if (p->at[i].has_run &&
		    (!most || fabs(error_pct(&p->at[i], variant)) > fabs(error_pct(most, variant))))
			most = &p->at[i];
	return most;
}

static void print_variants(const struct points *p)
{
	printf("| left out | mean error, %% | largest, %% | at | of cycles, %% | what hardware "
	       "does "
	       "|\n|---|---|---|---|---|---|\n");
	for (size_t v = 0; v < N_VARIANT; v++) {
		const struct point *most = worst(p, v);
		printf("| %s | %.2f | %+.1f | %s, prefetch %s, %s, %.0f ns%s | %.1f | %s |\n",
		       variants[v].name, mean_pct(p, NULL, v), error_pct(most, v), most->workload,
		       most->prefetch, most->core, most->latency_ns,
		       most->bytes_per_s > 0 ? ", 8 GiB/s" : "", mean_cycles_pct(p, v),
		       variants[v].what_hardware_does);
	}
}

static void print_programs(const struct points *p)
{
	printf("\n| program |");
	for (size_t v = 0; v < N_VARIANT; v++)
		printf(" %s |", variants[v].name);
	printf("\n|---|");
	for (size_t v = 0; v < N_VARIANT; v++)
		printf("---|");
	printf("\n");
	for (size_t i = 0; i < p->n; i++) {
		size_t k = 0;
		while (strcmp(p->at[k].workload, p->at[i].workload))
			k++;
		if (k < i || isnan(mean_pct(p, p->at[i].workload, 0)))
			continue;
		printf("| %s |", p->at[i].workload);
		for (size_t v = 0; v < N_VARIANT; v++)
			printf(" %.1f |", mean_pct(p, p->at[i].workload, v));
		printf("\n");
	}
}

/* "slowdown", then "without_l1d_mshrs" and so on */
static void put_key(FILE *fp, size_t variant)
{
	fputs(variant ? ",without_" : ",slowdown", fp);
	for (const char *name = variants[variant].name; variant && *name; name++)
		fputc(*name == ' ' || *name == '-' ? '_' : tolower((unsigned char)*name), fp);
}

static void write_csv(const char *path, const struct points *p)
{
	FILE *fp = fopen(path, "we");
	if (!fp)
		die("cannot open '%s': %s", path, strerror(errno));
	fprintf(fp, "workload,core,prefetch,latency_ns,bandwidth_gib_per_s,wanted_slowdown");
	for (size_t v = 0; v < N_VARIANT; v++)
		put_key(fp, v);
	for (size_t i = 0; i < p->n; i++) {
		const struct point *at = &p->at[i];
		if (!at->has_run || is_base(at))
			continue;
		fprintf(fp, "\n%s,%s,%s,%g,", at->workload, at->core, at->prefetch, at->latency_ns);
		if (at->bytes_per_s > 0)
			fprintf(fp, "%g,%.4f", at->bytes_per_s / BYTES_PER_GIB, at->wanted);
		else
			fprintf(fp, "unlimited,%.4f", at->wanted);
		for (size_t v = 0; v < N_VARIANT; v++)
			fprintf(fp, ",%.4f", at->slowdown[v]);
	}
	fputc('\n', fp);
	if (fclose(fp))
		die("cannot write '%s': %s", path, strerror(errno));
}

int main(int argc, char **argv)
{
	static struct points p;
	bool has_any = false;
	if (argc != 4) {
		fprintf(stderr,
			"usage: ablation REFERENCE.csv FOLDER OUT.csv\n\n"
			"evaluates the recordings FOLDER/WORKLOAD.PREFETCH.CORE.cxlt, with the "
			"core "
			"of\nFOLDER/CORE.yaml, against REFERENCE.csv "
			"(tests/data/gem5/results.csv);\n"
			"prints tables in Markdown, and writes every slowdown to OUT.csv\n");
		return 2;
	}
	read_points(argv[1], &p);
	for (size_t i = 0; i < p.n; i++)
		if (begins_group(&p, i))
			run_group(&p, i, argv[2]);
	for (size_t i = 0; i < p.n; i++)
		has_any |= p.at[i].has_run;
	if (!has_any)
		die("'%s' has no recording of a point of '%s'", argv[2], argv[1]);
	print_variants(&p);
	print_programs(&p);
	write_csv(argv[3], &p);
	return fflush(stdout) ? 1 : 0;
}
