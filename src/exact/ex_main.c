/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options, start and end of the tool. */
#include "ex.h"

#include "pub_tool_clientstate.h"
#include "pub_tool_libcassert.h"
#include "pub_tool_libcproc.h"
#include "pub_tool_options.h"
#include "pub_tool_xarray.h"

struct ex_state ex;

/* Valgrind reads which line of source each instruction is of, and how to unwind stacks, of each
 * file that is mapped. Nobody asks here, and it takes longer than many programs run; symbols are
 * read. */
void __wrap_vgModuleLocal_read_debuginfo_dwarf3(void);
void __wrap_vgModuleLocal_read_callframe_info_dwarf3(void);

void __wrap_vgModuleLocal_read_debuginfo_dwarf3(void)
{
}

void __wrap_vgModuleLocal_read_callframe_info_dwarf3(void)
{
}

/* ---- options ---- */

/* Reads a number and what must follow it; NULL if either is not there. */
static const HChar *number(const HChar *s, uint64_t *value, const HChar *stops)
{
	HChar *end;
	ULong v = VG_(strtoull10)(s, &end);

	if (end == s || (*end && !VG_(strchr)(stops, *end)))
		return NULL;
	*value = v;
	return end;
}

static bool cache_option(const HChar *s, struct cxms_cache_cfg *cfg)
{
	uint64_t bytes, ways;

	*cfg = (struct cxms_cache_cfg){0};
	if (!VG_(strcmp)(s, "none"))
		return true;
	s = number(s, &bytes, ",");
	if (!s || *s++ != ',')
		return false;
	s = number(s, &ways, ",");
	if (!s || ways == 0 || ways > UINT32_MAX)
		return false;
	cfg->bytes = bytes;
	cfg->ways = (uint32_t)ways;
	while (*s) {
		if (!VG_(strncmp)(s, ",inclusive", 10)) {
			cfg->inclusive = true;
			s += 10;
		} else if (!VG_(strncmp)(s, ",plru", 5)) {
			cfg->plru = true;
			s += 5;
		} else if (!VG_(strncmp)(s, ",hashed", 7)) {
			cfg->hashed = true;
			s += 7;
		} else {
			return false;
		}
	}
	return cxms_cache_check(cfg);
}

static bool prefetch_option(const HChar *s, struct cxms_prefetch_cfg *cfg)
{
	*cfg = (struct cxms_prefetch_cfg){0};
	if (!VG_(strcmp)(s, "none"))
		return true;
	for (;;) {
		bool stride = !VG_(strncmp)(s, "stride:", 7);
		uint64_t degree, distance;

		if (!stride && VG_(strncmp)(s, "next-line:", 10))
			return false;
		s = number(s + (stride ? 7 : 10), &degree, ":");
		if (!s || *s++ != ':' || degree == 0 || degree > CXMS_PREFETCH_MAX_DEGREE)
			return false;
		s = number(s, &distance, "+");
		if (!s || distance > 4096)
			return false;
		*(stride ? &cfg->stride_degree : &cfg->next_degree) = (uint32_t)degree;
		*(stride ? &cfg->stride_distance : &cfg->next_distance) = (uint32_t)distance;
		if (!*s)
			return true;
		s++;
	}
}

/* ENTRIES[/WAYS],ENTRIES[/WAYS],PAGEBYTES */
static bool tlb_option(const HChar *s, struct ex_options *opt)
{
	uint64_t n, page;

	opt->tlb = (struct cxms_tlb_cfg){0};
	opt->has_tlb = VG_(strcmp)(s, "none") != 0;
	if (!opt->has_tlb)
		return true;
	for (unsigned i = 0; i < 2; i++) {
		s = number(s, &n, "/,");
		if (!s || n > UINT32_MAX)
			return false;
		opt->tlb.entries[i] = (uint32_t)n;
		if (*s == '/') {
			s = number(s + 1, &n, ",");
			if (!s || n > UINT32_MAX)
				return false;
			opt->tlb.ways[i] = (uint32_t)n;
		}
		if (*s++ != ',')
			return false;
	}
	if (!number(s, &page, "") || page == 0 || (page & (page - 1)))
		return false;
	while (page >> opt->tlb.page_shift > 1)
		opt->tlb.page_shift++;
	return cxms_tlb_check(&opt->tlb);
}

static bool sample_option(const HChar *s, struct ex_options *opt)
{
	s = number(s, &opt->sample_detail, "/");
	return s && *s++ == '/' && number(s, &opt->sample_period, "") && opt->sample_detail > 0 &&
	       opt->sample_detail < opt->sample_period;
}

static void want(bool ok, const HChar *arg)
{
	if (!ok)
		VG_(fmsg_bad_option)(arg, "see --help for what is allowed\n");
}

static bool machine_option(const HChar *arg)
{
	struct ex_options *o = &ex.opt;
	const HChar *s;

	if (VG_STR_CLO(arg, "--cxms-l1d", s))
		want(cache_option(s, &o->hier.l1d) && o->hier.l1d.ways, arg);
	else if (VG_STR_CLO(arg, "--cxms-l1i", s))
		want(cache_option(s, &o->hier.l1i) && o->hier.l1i.ways, arg);
	else if (VG_STR_CLO(arg, "--cxms-l2", s))
		want(cache_option(s, &o->hier.l2), arg);
	else if (VG_STR_CLO(arg, "--cxms-llc", s))
		want(cache_option(s, &o->hier.llc) && o->hier.llc.ways, arg);
	else if (VG_STR_CLO(arg, "--cxms-pf-l1d", s))
		want(prefetch_option(s, &o->hier.pf_l1d), arg);
	else if (VG_STR_CLO(arg, "--cxms-pf-l2", s))
		want(prefetch_option(s, &o->hier.pf_l2), arg);
	else if (VG_STR_CLO(arg, "--cxms-pf-llc", s))
		want(prefetch_option(s, &o->hier.pf_llc), arg);
	else if (VG_STR_CLO(arg, "--cxms-tlb", s))
		want(tlb_option(s, o), arg);
	else
		return false;
	return true;
}

static Bool option(const HChar *arg)
{
	struct ex_options *o = &ex.opt;
	const HChar *s;

	if (machine_option(arg) || VG_STR_CLO(arg, "--cxms-out", o->out) ||
	    VG_STR_CLO(arg, "--cxms-roi-begin", o->roi_begin) ||
	    VG_STR_CLO(arg, "--cxms-roi-end", o->roi_end) ||
	    VG_STR_CLO(arg, "--cxms-cold-at", o->cold_at) ||
	    VG_BOOL_CLO(arg, "--cxms-stats", o->stats) ||
	    VG_BOOL_CLO(arg, "--cxms-alloc", o->alloc) ||
	    VG_BOOL_CLO(arg, "--cxms-frames", o->has_frames) ||
	    VG_BOOL_CLO(arg, "--cxms-wrong-path", o->has_wrong_path) ||
	    VG_BINT_CLO(arg, "--cxms-cores", o->hier.cores, 1, 1024) ||
	    VG_BINT_CLO(arg, "--cxms-window", o->hier.window, 1, 1000000) ||
	    VG_BINT_CLO(arg, "--cxms-image", o->image, 0, 1000000000))
		return True;
	if (VG_STR_CLO(arg, "--cxms-sample", s)) {
		want(sample_option(s, o), arg);
		return True;
	}
	return False;
}

static void usage(void)
{
	VG_(printf)
	("    --cxms-out=@NAME|PATH            where the stream goes: a listening socket, a file\n"
	 "    --cxms-l1i=BYTES,WAYS            caches; BYTES,WAYS[,inclusive][,plru][,hashed]\n"
	 "    --cxms-l1d=BYTES,WAYS\n"
	 "    --cxms-l2=BYTES,WAYS|none\n"
	 "    --cxms-llc=BYTES,WAYS\n"
	 "    --cxms-pf-l1d=LIST|none          prefetchers, joined by +: "
	 "next-line:DEGREE:DISTANCE,\n"
	 "    --cxms-pf-l2=LIST|none           stride:DEGREE:DISTANCE\n"
	 "    --cxms-pf-llc=LIST|none\n"
	 "    --cxms-tlb=L1[/WAYS],L2[/WAYS],PAGEBYTES|none\n"
	 "    --cxms-cores=N                   cores; thread i runs on core i mod N [1]\n"
	 "    --cxms-window=N                  instructions that a fill may be in flight [512]\n"
	 "    --cxms-roi-begin=F, --cxms-roi-end=F   only between entries of these is timed\n"
	 "    --cxms-cold-at=F                 caches are emptied at each entry of F\n"
	 "    --cxms-sample=DETAIL/PERIOD      only DETAIL of every PERIOD instructions are timed\n"
	 "    --cxms-frames=yes|no             L2 and LLC are indexed by physical frames, which "
	 "pages\n"
	 "                                     get in the order of their first access [yes]\n"
	 "    --cxms-wrong-path=yes|no         loads behind mispredicted branches bring lines "
	 "[yes]\n"
	 "    --cxms-alloc=yes|no              also report calls of malloc and its kin [no]\n"
	 "    --cxms-stats=yes|no              print totals at the end [no]\n");
}

static void debug_usage(void)
{
	VG_(printf)("    --cxms-image=N                   exec count of the process [0]\n");
}

/* An option of images that are exec'd: @text, which stays ours, in place of the one that begins as
 * @name does. */
static void set_option(const HChar *name, const HChar *text)
{
	XArray *args = VG_(args_for_valgrind);

	for (Word i = VG_(args_for_valgrind_noexecpass); i < VG_(sizeXA)(args); i++) {
		const HChar **arg = VG_(indexXA)(args, i);

		if (!VG_(strncmp)(*arg, name, VG_(strlen)(name))) {
			*arg = text;
			return;
		}
	}
	VG_(addToXA)(args, &text);
}

/* An exec'd image is told by its options which number it is. */
static void number_next_image(uint32_t next)
{
	static HChar text[32];

	VG_(sprintf)(text, "--cxms-image=%u", next);
	set_option("--cxms-image=", text);
}

void ex_log_nowhere(void)
{
	set_option("--log-file=", "--log-file=/dev/null");
}

void ex_number_images(void)
{
	number_next_image(ex.opt.image + 1);
}

/* ---- start and end ---- */

static void defaults(void)
{
	ex.opt.has_frames = ex.opt.has_wrong_path = true;
	ex.opt.hier = (struct cxms_hier_cfg){
		.cores = 1,
		.window = 512,
		.l1i = {.bytes = 32768, .ways = 8},
		.l1d = {.bytes = 32768, .ways = 8},
		.l2 = {.bytes = 1048576, .ways = 16},
		.llc = {.bytes = 2097152, .ways = 16},
	};
}

static void start(void)
{
	if (!cxms_hier_check(&ex.opt.hier)) {
		VG_(fmsg)
		("the caches do not fit together (a prefetcher at an L2 that is not there?)\n");
		VG_(exit)(125);
	}
	if (ex.opt.has_frames)
		ex.opt.hier.index_of = ex_page_index;
	ex_block_init();
	ex_instrument_init();
	ex_run_init();
	ex.next_block = 1;
	ex.thread_of = VG_(calloc)("cxms.threads", VG_N_THREADS, sizeof(struct ex_thread *));
	ex.thread = ex.thread_of[1] = ex_thread_new();
	ex_roi_init();
	ex_number_images();
	ex_out_open(ex.opt.image, false);
	ex_time_restart();
}

static void print_stats(void)
{
	static const HChar *const name[CXMS_XN_COUNT] = {
		"insns",	  "loads",	     "stores",
		"ifetch",	  "l1i_miss",	     "l1d_load_miss",
		"l1d_store_miss", "l2_miss",	     "llc_load_miss",
		"llc_store_miss", "llc_ifetch_miss", "writeback",
		"prefetch",	  "tlb_miss",	     "walk",
		"branch",	  "mispredict",	     "roi_entries",
		"roi_exits",	  "timed_insns",
	};

	for (unsigned i = 0; i < CXMS_XN_COUNT; i++)
		VG_(umsg)("%s %llu\n", name[i], (ULong)ex.count[i]);
}

static void finish(Int status)
{
	(void)status;
	ex_roi_report();
	ex_sys_end();
	if (ex.opt.stats)
		print_stats();
	ex_out_close();
}

static void before_options(void)
{
	VG_(details_name)("cxlmemsim");
	VG_(details_version)(CXMS_VERSION);
	VG_(details_description)("the exact source: every access, through caches");
	VG_(details_copyright_author)("GPL-2.0-or-later");
	VG_(details_bug_reports_to)("the cxlmemsim maintainers");
	VG_(details_avg_translation_sizeB)(400);
	VG_(basic_tool_funcs)(start, ex_instrument, finish);
	VG_(needs_superblock_discards)(ex_discard);
	VG_(needs_command_line_options)(option, usage, debug_usage);
	VG_(needs_client_requests)(ex_request);
	ex_sys_init();
	defaults();
}

VG_DETERMINE_INTERFACE_VERSION(before_options)
