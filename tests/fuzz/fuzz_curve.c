/* Fuzz target: any bytes as a curve file; what is read must rise and be finite. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "topo/topo_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct cxms_curve_part *p)
{
	if (p->n < 2 || !(p->latency_ps[0] > 0) || !isfinite(p->latency_ps[p->n - 1]))
		abort();
	for (size_t i = 1; i < p->n; i++)
		if (!(p->bytes_per_s[i] > p->bytes_per_s[i - 1]) ||
		    !(p->latency_ps[i] >= p->latency_ps[i - 1]))
			abort();
	for (size_t i = 0; i < p->n_over; i++)
		if (!(p->over_bytes_per_s[i] <= topo_curve_peak(p)))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct topo_owner *own = calloc(1, sizeof(*own));
	const struct cxms_topo_curve *c = NULL;
	struct cxms_err err = {0};
	if (!own)
		return 0;
	int rc = topo_curve_parse(own, "fuzz", "fuzz.csv", data, size, &c, &err);
	if (rc < 0 && !err.msg[0])
		abort();
	for (size_t i = 0; rc == 0 && i < c->n_part; i++)
		check(&c->part[i]);
	topo_owner_free(own);
	return 0;
}
