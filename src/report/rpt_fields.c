#include "report/rpt_priv.h"

#define FIELD(type, key, what, member)                                                             \
	{                                                                                          \
		key, what, offsetof(type, member)                                                  \
	}

const struct rpt_field rpt_basis_fields[] = {
	FIELD(struct cxms_basis, "blocked_ns", RPT_F64, blocked_ns),
	FIELD(struct cxms_basis, "cpu_ns", RPT_F64, cpu_ns),
	FIELD(struct cxms_basis, "dram_stall_ns", RPT_F64, dram_stall_ns),
	FIELD(struct cxms_basis, "epoch_ns", RPT_U64, epoch_ns),
	FIELD(struct cxms_basis, "epochs", RPT_SIZE, n_epoch),
	FIELD(struct cxms_basis, "exposed_waits", RPT_F64, exposed_waits),
	FIELD(struct cxms_basis, "footprint_bytes", RPT_U64, footprint_bytes),
	FIELD(struct cxms_basis, "huge_ratio", RPT_F64, huge_ratio),
	FIELD(struct cxms_basis, "kernel_ns", RPT_F64, kernel_ns),
	FIELD(struct cxms_basis, "known_addr_ratio", RPT_F64, known_addr_ratio),
	FIELD(struct cxms_basis, "mem_latency_ns", RPT_F64, mem_latency_ns),
	FIELD(struct cxms_basis, "pages", RPT_SIZE, n_page),
	FIELD(struct cxms_basis, "processes", RPT_SIZE, n_process),
	FIELD(struct cxms_basis, "stall_ns", RPT_F64, stall_ns),
	FIELD(struct cxms_basis, "threads", RPT_SIZE, n_thread),
	FIELD(struct cxms_basis, "user_ns", RPT_F64, user_ns),
	FIELD(struct cxms_basis, "walk_ns", RPT_F64, walk_ns),
	{NULL, RPT_F64, 0},
};

const struct rpt_field rpt_site_fields[] = {
	FIELD(struct cxms_site_result, "dram_share", RPT_F64, dram_share),
	FIELD(struct cxms_site_result, "dram_share_hi", RPT_F64, dram_share_hi),
	FIELD(struct cxms_site_result, "dram_share_lo", RPT_F64, dram_share_lo),
	FIELD(struct cxms_site_result, "flags", RPT_U16, flags),
	FIELD(struct cxms_site_result, "footprint_bytes", RPT_F64, footprint_bytes),
	FIELD(struct cxms_site_result, "hidden_ns", RPT_F64, hidden_ns),
	FIELD(struct cxms_site_result, "lines_per_wait", RPT_F64, mlp),
	FIELD(struct cxms_site_result, "stall_ns", RPT_F64, stall_ns),
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
	FIELD(struct cxms_split_result, "worst_residual", RPT_F64, worst_residual),
	{NULL, RPT_F64, 0},
};

const struct rpt_field rpt_thread_fields[] = {
	FIELD(struct cxms_thread_result, "pid", RPT_U32, pid),
	FIELD(struct cxms_thread_result, "tid", RPT_U32, tid),
	FIELD(struct cxms_thread_result, "native_ns", RPT_U64, native_ns),
	FIELD(struct cxms_thread_result, "slowdown", RPT_F64, slowdown),
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
