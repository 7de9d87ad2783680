#include "report/rpt_priv.h"

#define FIELD(type, key, what, member)                                                             \
	{                                                                                          \
		key, what, offsetof(type, member)                                                  \
	}

const struct rpt_field rpt_basis_fields[] = {
	FIELD(struct cxms_basis, "blocked_ns", RPT_F64, blocked_ns),
	FIELD(struct cxms_basis, "cpu_ns", RPT_F64, cpu_ns),
	FIELD(struct cxms_basis, "cpu_taken_ns", RPT_F64, cpu_taken_ns),
	FIELD(struct cxms_basis, "dram_stall_ns", RPT_F64, dram_stall_ns),
	FIELD(struct cxms_basis, "epoch_ns", RPT_U64, epoch_ns),
	FIELD(struct cxms_basis, "epochs", RPT_SIZE, n_epoch),
	FIELD(struct cxms_basis, "exposed_waits", RPT_F64, exposed_waits),
	FIELD(struct cxms_basis, "footprint_bytes", RPT_U64, footprint_bytes),
	FIELD(struct cxms_basis, "huge_ratio", RPT_F64, huge_ratio),
	FIELD(struct cxms_basis, "kernel_ns", RPT_F64, kernel_ns),
	FIELD(struct cxms_basis, "known_addr_ratio", RPT_F64, known_addr_ratio),
	FIELD(struct cxms_basis, "known_page_bytes", RPT_U64, known_bytes),
	FIELD(struct cxms_basis, "least_lines", RPT_F64, least_lines),
	FIELD(struct cxms_basis, "mem_latency_ns", RPT_F64, mem_latency_ns),
	FIELD(struct cxms_basis, "open_lines", RPT_F64, open_lines),
	FIELD(struct cxms_basis, "pages", RPT_SIZE, n_page),
	FIELD(struct cxms_basis, "processes", RPT_SIZE, n_process),
	FIELD(struct cxms_basis, "ran_on_ns", RPT_U64, ran_on_ns),
	FIELD(struct cxms_basis, "read_lines", RPT_F64, read_lines),
	FIELD(struct cxms_basis, "stall_ns", RPT_F64, stall_ns),
	FIELD(struct cxms_basis, "threads", RPT_SIZE, n_thread),
	FIELD(struct cxms_basis, "user_ns", RPT_F64, user_ns),
	FIELD(struct cxms_basis, "walk_ns", RPT_F64, walk_ns),
	FIELD(struct cxms_basis, "observed_ns", RPT_F64, observed_ns),
	{NULL, RPT_F64, 0},
};

const struct rpt_field rpt_exact_fields[] = {
	FIELD(struct cxms_exact_result, "branches", RPT_U64, branches),
	FIELD(struct cxms_exact_result, "insns", RPT_U64, insns),
	FIELD(struct cxms_exact_result, "l1d_misses", RPT_U64, l1d_misses),
	FIELD(struct cxms_exact_result, "l2_misses", RPT_U64, l2_misses),
	FIELD(struct cxms_exact_result, "llc_misses", RPT_U64, llc_misses),
	FIELD(struct cxms_exact_result, "loads", RPT_U64, loads),
	FIELD(struct cxms_exact_result, "local_ipc", RPT_F64, native_ipc),
	FIELD(struct cxms_exact_result, "mispredicts", RPT_U64, mispredicts),
	FIELD(struct cxms_exact_result, "prefetch_lines", RPT_U64, prefetches),
	FIELD(struct cxms_exact_result, "roi_entries", RPT_U64, roi_entries),
	FIELD(struct cxms_exact_result, "roi_exits", RPT_U64, roi_exits),
	FIELD(struct cxms_exact_result, "stores", RPT_U64, stores),
	FIELD(struct cxms_exact_result, "timed_insns", RPT_U64, timed_insns),
	FIELD(struct cxms_exact_result, "uops", RPT_U64, uops),
	FIELD(struct cxms_exact_result, "walks", RPT_U64, walks),
	FIELD(struct cxms_exact_result, "watch_ns", RPT_U64, watch_ns),
	FIELD(struct cxms_exact_result, "windows", RPT_U64, n_window),
	FIELD(struct cxms_exact_result, "writeback_lines", RPT_U64, writebacks),
	{NULL, RPT_F64, 0},
};

const struct rpt_field rpt_exact_host_fields[] = {
	FIELD(struct cxms_exact_cfg, "cores", RPT_U32, cores),
	FIELD(struct cxms_exact_cfg, "detail_insns", RPT_U64, detail_insns),
	FIELD(struct cxms_exact_cfg, "period_insns", RPT_U64, period_insns),
	FIELD(struct cxms_exact_cfg, "tlb_l1_entries", RPT_U32, tlb_l1),
	FIELD(struct cxms_exact_cfg, "tlb_l2_entries", RPT_U32, tlb_l2),
	FIELD(struct cxms_exact_cfg, "tlb_page_bytes", RPT_U64, tlb_page_bytes),
	FIELD(struct cxms_exact_cfg, "window_uops", RPT_U32, window),
	{NULL, RPT_F64, 0},
};

const struct rpt_field rpt_exact_cache_fields[] = {
	FIELD(struct cxms_exact_cache, "size_bytes", RPT_U64, size_bytes),
	FIELD(struct cxms_exact_cache, "ways", RPT_U32, ways),
	{NULL, RPT_F64, 0},
};

const struct rpt_field rpt_exact_prefetch_fields[] = {
	FIELD(struct cxms_exact_prefetch, "degree_lines", RPT_U32, degree),
	FIELD(struct cxms_exact_prefetch, "distance_lines", RPT_U32, distance),
	{NULL, RPT_F64, 0},
};

const struct rpt_field rpt_watch_fields[] = {
	FIELD(struct cxms_watch_result, "dram_share", RPT_F64, share),
	FIELD(struct cxms_watch_result, "dram_share_hi", RPT_F64, share_hi),
	FIELD(struct cxms_watch_result, "dram_share_lo", RPT_F64, share_lo),
	FIELD(struct cxms_watch_result, "judged_words", RPT_U64, judged),
	FIELD(struct cxms_watch_result, "sampled_share", RPT_F64, sampled),
	FIELD(struct cxms_watch_result, "sampled_share_hi", RPT_F64, sampled_hi),
	FIELD(struct cxms_watch_result, "sampled_share_lo", RPT_F64, sampled_lo),
	FIELD(struct cxms_watch_result, "words", RPT_U64, words),
	{NULL, RPT_F64, 0},
};

const struct rpt_field rpt_site_fields[] = {
	FIELD(struct cxms_site_result, "bytes_per_s", RPT_F64, bytes_per_s),
	FIELD(struct cxms_site_result, "dram_share", RPT_F64, dram_share),
	FIELD(struct cxms_site_result, "dram_share_hi", RPT_F64, dram_share_hi),
	FIELD(struct cxms_site_result, "dram_share_lo", RPT_F64, dram_share_lo),
	FIELD(struct cxms_site_result, "flags", RPT_U16, flags),
	FIELD(struct cxms_site_result, "footprint_bytes", RPT_F64, footprint_bytes),
	FIELD(struct cxms_site_result, "function_offset", RPT_U32, function_off),
	FIELD(struct cxms_site_result, "hidden_ns", RPT_F64, hidden_ns),
	FIELD(struct cxms_site_result, "line_share", RPT_F64, line_share),
	FIELD(struct cxms_site_result, "line_share_hi", RPT_F64, line_share_hi),
	FIELD(struct cxms_site_result, "line_share_lo", RPT_F64, line_share_lo),
	FIELD(struct cxms_site_result, "lines", RPT_F64, lines),
	FIELD(struct cxms_site_result, "lines_hi", RPT_F64, lines_hi),
	FIELD(struct cxms_site_result, "lines_lo", RPT_F64, lines_lo),
	FIELD(struct cxms_site_result, "lines_per_wait", RPT_F64, mlp),
	FIELD(struct cxms_site_result, "lines_written", RPT_F64, lines_written),
	FIELD(struct cxms_site_result, "object_offset", RPT_U32, object_off),
	FIELD(struct cxms_site_result, "stall_ns", RPT_F64, stall_ns),
	FIELD(struct cxms_site_result, "turn_pairs", RPT_F64, turn_pairs),
	FIELD(struct cxms_site_result, "turns_per_s", RPT_F64, turns_per_s),
	{NULL, RPT_F64, 0},
};

const struct rpt_field rpt_split_fields[] = {
	FIELD(struct cxms_split_result, "topology", RPT_U32, topology),
	FIELD(struct cxms_split_result, "local_pct", RPT_F64, local_pct),
	FIELD(struct cxms_split_result, "slowdown", RPT_F64, slowdown),
	FIELD(struct cxms_split_result, "slowdown_lo", RPT_F64, slowdown_lo),
	FIELD(struct cxms_split_result, "slowdown_hi", RPT_F64, slowdown_hi),
	FIELD(struct cxms_split_result, "sampling_half_width", RPT_F64, sampling_half_width),
	FIELD(struct cxms_split_result, "model_half_width", RPT_F64, model_half_width),
	FIELD(struct cxms_split_result, "time_ns", RPT_U64, time_ns),
	FIELD(struct cxms_split_result, "cpu_taken_ns", RPT_U64, cpu_taken_ns),
	FIELD(struct cxms_split_result, "worst_residual", RPT_F64, worst_residual),
	{NULL, RPT_F64, 0},
};

const struct rpt_field rpt_migration_fields[] = {
	FIELD(struct cxms_split_result, "bytes", RPT_U64, migrated_bytes),
	FIELD(struct cxms_split_result, "promotions", RPT_U64, promotions),
	FIELD(struct cxms_split_result, "demotions", RPT_U64, demotions),
	{NULL, RPT_F64, 0},
};

const struct rpt_field rpt_thread_fields[] = {
	FIELD(struct cxms_thread_result, "pid", RPT_U32, pid),
	FIELD(struct cxms_thread_result, "tid", RPT_U32, tid),
	FIELD(struct cxms_thread_result, "native_ns", RPT_U64, native_ns),
	FIELD(struct cxms_thread_result, "slowdown", RPT_F64, slowdown),
	{NULL, RPT_F64, 0},
};

const struct rpt_field rpt_request_fields[] = {
	FIELD(struct cxms_target_result, "p50_ns", RPT_F64, p50_ns),
	FIELD(struct cxms_target_result, "p99_ns", RPT_F64, p99_ns),
	FIELD(struct cxms_target_result, "p999_ns", RPT_F64, p999_ns),
	{NULL, RPT_F64, 0},
};

const struct rpt_field rpt_tenant_fields[] = {
	FIELD(struct cxms_tenant_result, "slowdown", RPT_F64, slowdown),
	FIELD(struct cxms_tenant_result, "slowdown_lo", RPT_F64, slowdown_lo),
	FIELD(struct cxms_tenant_result, "slowdown_hi", RPT_F64, slowdown_hi),
	FIELD(struct cxms_tenant_result, "alone_slowdown", RPT_F64, alone_slowdown),
	FIELD(struct cxms_tenant_result, "contention_ratio", RPT_F64, contention_ratio),
	FIELD(struct cxms_tenant_result, "time_ns", RPT_U64, time_ns),
	{NULL, RPT_F64, 0},
};

const struct rpt_field rpt_server_fields[] = {
	FIELD(struct cxms_server_result, "utilization_ratio", RPT_F64, utilization_ratio),
	FIELD(struct cxms_server_result, "read_bytes_per_s", RPT_F64, read_bytes_per_s),
	FIELD(struct cxms_server_result, "write_bytes_per_s", RPT_F64, write_bytes_per_s),
	FIELD(struct cxms_server_result, "wait_ns", RPT_F64, wait_ns),
	{NULL, RPT_F64, 0},
};

const struct rpt_field rpt_target_fields[] = {
	FIELD(struct cxms_target_result, "bytes", RPT_U64, bytes),
	FIELD(struct cxms_target_result, "reads", RPT_U64, reads),
	FIELD(struct cxms_target_result, "writes", RPT_U64, writes),
	FIELD(struct cxms_target_result, "read_bytes_per_s", RPT_F64, read_bytes_per_s),
	FIELD(struct cxms_target_result, "write_bytes_per_s", RPT_F64, write_bytes_per_s),
	FIELD(struct cxms_target_result, "idle_latency_ns", RPT_F64, idle_latency_ns),
	FIELD(struct cxms_target_result, "loaded_latency_ns", RPT_F64, loaded_latency_ns),
	FIELD(struct cxms_target_result, "utilization_ratio", RPT_F64, utilization_ratio),
	FIELD(struct cxms_target_result, "stall_ns", RPT_F64, stall_ns),
	{NULL, RPT_F64, 0},
};
