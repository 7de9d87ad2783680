/* Watches a program with a live source to its end, and counts; checks what holds for every stream
 * of events. */
#ifndef WATCH_TALLY_H
#define WATCH_TALLY_H

#include "base/err.h"
#include "base/warn.h"
#include "source/source.h"
#include "watch_program.h"

#define WATCH_ARRAYS 8u
#define WATCH_TIDS   512u

struct watch_tally {
	uint64_t n[CXMS_EV_KIND_END];
	uint64_t in_user;
	uint64_t user_ns, array_ns; /* weights of samples in user space; of those with an address in
				       an array of the chase */
	uint64_t weight_ns, run_ns;
	uint32_t tid[WATCH_TIDS]; /* that have samples */
	size_t n_tid;
	struct cxms_totals totals;
	struct cxms_warnings warnings;
	struct cxms_err err;
};

struct watch_ctx {
	struct watch_tally *t;
	struct watch_addr {
		uint64_t addr, weight_ns;
	} * addr; /* of samples that have one */
	size_t n_addr, cap_addr;
	uint64_t last_ns;
	uint32_t n_site;
};

static void watch_sample(struct watch_ctx *c, const struct cxms_event *ev)
{
	struct watch_tally *t = c->t;
	size_t i = 0;

	t->weight_ns += ev->sample.weight_ns;
	while (i < t->n_tid && t->tid[i] != ev->tid)
		i++;
	if (i == t->n_tid && i < WATCH_TIDS)
		t->tid[t->n_tid++] = ev->tid;
	if (ev->sample.flags & CXMS_SAMPLE_KERNEL) {
		assert_true(ev->sample.site == CXMS_NO_SITE);
		return;
	}
	t->in_user++;
	t->user_ns += ev->sample.weight_ns;
	assert_true(ev->sample.site < c->n_site); /* told before */
	if (!(ev->sample.flags & CXMS_SAMPLE_ADDR))
		return;
	assert_true(ev->sample.addr >= 4096 && ev->sample.addr < UINT64_C(1) << 47);
	if (c->n_addr == c->cap_addr) {
		c->cap_addr = c->cap_addr ? 2 * c->cap_addr : 4096;
		c->addr = realloc(c->addr, c->cap_addr * sizeof(*c->addr));
		assert_non_null(c->addr);
	}
	c->addr[c->n_addr++] = (struct watch_addr){ev->sample.addr, ev->sample.weight_ns};
}

static void watch_event(struct watch_ctx *c, const struct cxms_event *ev)
{
	assert_in_range(ev->kind, 1, CXMS_EV_KIND_END - 1);
	c->t->n[ev->kind]++;
	if (ev->kind != CXMS_EV_RUN) {
		assert_true(ev->time_ns >= c->last_ns);
		c->last_ns = ev->time_ns;
	}
	if (ev->kind == CXMS_EV_SAMPLE)
		watch_sample(c, ev);
	else if (ev->kind == CXMS_EV_SITE)
		assert_int_equal(ev->site.id, c->n_site++); /* dense */
	else if (ev->kind == CXMS_EV_RUN)
		c->t->run_ns += ev->run.dur_ns;
	else if (ev->kind == CXMS_EV_MAP)
		assert_non_null(ev->map.path);
	else if (ev->kind == CXMS_EV_EXEC)
		assert_true(ev->exec.name[0] != '\0');
}

static void watch_arrays(struct watch_ctx *c, const char *file)
{
	uint64_t begin[WATCH_ARRAYS], end[WATCH_ARRAYS];
	size_t n = 0;
	FILE *fp = fopen(file, "re");

	assert_non_null(fp);
	while (n < WATCH_ARRAYS && fscanf(fp, "%" SCNx64 " %" SCNx64, &begin[n], &end[n]) == 2)
		n++;
	fclose(fp);
	for (size_t i = 0; i < c->n_addr; i++) {
		for (size_t k = 0; k < n; k++) {
			if (c->addr[i].addr >= begin[k] && c->addr[i].addr < end[k])
				c->t->array_ns += c->addr[i].weight_ns;
		}
	}
}

static int watch_to_end(struct cxms_source *s, struct watch_ctx *c, size_t cap)
{
	struct cxms_event buf[256];
	bool end = false;
	size_t n;
	int rc = s->ops->start(s, &c->t->err);

	while (!rc && !end) {
		rc = s->ops->read(s, buf, cap, &n, &end, &c->t->err);
		assert_true(rc || n <= cap);
		assert_true(!end || !n);
		for (size_t i = 0; !rc && i < n; i++)
			watch_event(c, &buf[i]);
	}
	if (!rc)
		rc = s->ops->stop(s, &c->t->totals, &c->t->err);
	return rc;
}

/* @words: up to 5, the first NULL ends them; @program NULL = this test; @arrays: the chase's file,
 * or NULL */
__attribute__((unused)) static int watch(const struct cxms_source_ops *ops, const char *program,
					 const char *const *words, const char *arrays, size_t cap,
					 struct watch_tally *t)
{
	char *argv[8] = {(char *)(uintptr_t)(program ? program : "/proc/self/exe")};
	struct cxms_source_cfg cfg = {.argv = argv, .warnings = &t->warnings};
	struct watch_ctx c = {.t = t};
	struct cxms_source *s = NULL;
	int rc;

	for (size_t i = 0; words && i < 6 && words[i]; i++)
		argv[i + 1] = (char *)(uintptr_t)words[i];
	memset(t, 0, sizeof(*t));
	rc = cxms_source_open(ops, &cfg, &s, &t->err);
	if (!rc)
		rc = watch_to_end(s, &c, cap);
	if (!rc && arrays)
		watch_arrays(&c, arrays);
	cxms_source_free(s);
	free(c.addr);
	return rc;
}

/* cmocka's skip(), with the reason the source's probe gave */
#define WATCH_NEEDS(ops)                                                                           \
	do {                                                                                       \
		struct cxms_err why_ = {0};                                                        \
		if ((ops)->probe(&why_)) {                                                         \
			print_message("skipped: %s\n", why_.msg);                                  \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

#endif
