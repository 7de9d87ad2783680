/* Raw perf records of our three events into fields; every length checked. */
#ifndef CXMS_SOURCE_PERF_REC_H
#define CXMS_SOURCE_PERF_REC_H

#include <stdbool.h>
#include <stdint.h>

#include "source/perf_attr.h"

/** struct cxms_perf_rec - a value; strings and registers are borrowed from the record */
struct cxms_perf_rec {
	uint32_t type; /* enum perf_event_type */
	uint16_t misc;
	uint32_t pid, tid; /* who it is about (of a fork: the new task) */
	uint32_t cpu;
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	union {
		struct {
			uint64_t ip, abi;    /* enum perf_sample_regs_abi; 0 = no user registers */
			const uint64_t *gpr; /* CXMS_PERF_REG_COUNT; NULL when abi is 0 */
			bool has_no_regs;    /* none were asked for: code without addresses */
			uint64_t period_ns;  /* it stands for; 0 = the period asked for */
		} sample;
		struct {
			uint64_t ip, addr;
		} fault;
		struct {
			uint64_t addr, len, file_off, ino;
			uint32_t maj, min, prot, flags;
			const uint8_t *build_id; /* NULL: maj, min, ino are known instead */
			uint8_t build_id_len;
			const char *path;
		} map;
		struct {
			const char *name;
		} comm;
		struct {
			uint32_t parent_pid, parent_tid;
		} task;
		uint64_t lost;
	};
};

/** cxms_perf_rec_time() - the time stamp of a record of @event; false when it is too short to hold
 * one */
bool cxms_perf_rec_time(const struct perf_event_header *h, uint64_t *time_ns);
/**
 * cxms_perf_rec_parse() - @h with its size bytes, written by an event made by cxms_perf_attr()
 * Return: false when it is of no interest, or too short for its type
 */
bool cxms_perf_rec_parse(enum cxms_perf_event event, const struct perf_event_header *h,
			 struct cxms_perf_rec *out);

#endif
