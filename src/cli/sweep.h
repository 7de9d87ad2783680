/* What a sweep varies: the words of --set. */
#ifndef CXMS_CLI_SWEEP_H
#define CXMS_CLI_SWEEP_H

#include <stddef.h>

#include "base/opt.h"

struct cxms_cfg;
struct cxms_err;

/* Topologies of one sweep: a mistyped step shall not fill the memory. */
#define SWEEP_MAX_TOPOLOGIES 10000u
/* Results of one sweep: topologies x policies x splits. */
#define SWEEP_MAX_RESULTS 100000u

/** struct sweep_axis - a key and its values in the order given, ranges resolved */
struct sweep_axis {
	char *key;
	size_t n, cap;
	char **value;
	struct cxms_cfg **cfg; /* [n] the values as trees named "--set KEY=VALUE" */
};

/** struct sweep - the axes; points are their product, the last axis the fastest */
struct sweep {
	size_t n_axis;
	struct sweep_axis *axis;
	size_t n_point; /* 1 .. SWEEP_MAX_TOPOLOGIES */
};

/**
 * sweep_parse() - words KEY=VALUE,... where a value may be a range FROM..TO/STEP
 * Commas inside brackets, braces and quotes belong to the value.
 * Return: 0, -EINVAL (message names the word), -ENOMEM; always sweep_fini()
 */
int sweep_parse(const struct cxms_strs *words, struct sweep *out, struct cxms_err *err);
void sweep_fini(struct sweep *s);
/** index of the value of @axis at @point */
size_t sweep_at(const struct sweep *s, size_t point, size_t axis);

#endif
