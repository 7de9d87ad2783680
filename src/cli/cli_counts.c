/* What was counted, by name, scaled to the whole time: for trace info. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "trace/event.h"

void cli_counts_fini(struct cli_counts *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->sum[i].name);
	free(s->sum);
	free(s->of);
	*s = (struct cli_counts){0};
}

/* "uncore_cha_3/UNC_CHA_CLOCKTICKS/" -> "UNC_CHA_CLOCKTICKS": units are added up. */
static char *shown_name(const struct cxms_counter *c)
{
	const char *name = c->name ? c->name : "", *slash = strchr(name, '/');
	if (c->scope != CXMS_SCOPE_BOX || !slash)
		return strdup(name);
	return strndup(slash + 1, strcspn(slash + 1, "/"));
}

static int find_sum(struct cli_counts *s, const struct cxms_counter *c, size_t *out)
{
	char *name = shown_name(c);
	if (!name)
		return -ENOMEM;
	for (*out = 0; *out < s->n; (*out)++)
		if (strcmp(s->sum[*out].name, name) == 0) {
			free(name);
			return 0;
		}
	if (cxms_array_grow((void **)&s->sum, &s->cap, s->n + 1, sizeof(*s->sum))) {
		free(name);
		return -ENOMEM;
	}
	s->sum[s->n++] = (struct cli_count_sum){.name = name};
	return 0;
}

int cli_counts_add(struct cli_counts *s, const struct cxms_event *ev)
{
	if (ev->kind == CXMS_EV_COUNTER) {
		if (cxms_array_grow((void **)&s->of, &s->cap_of, s->n_of + 1, sizeof(*s->of)))
			return -ENOMEM;
		return find_sum(s, &ev->counter, &s->of[s->n_of++]);
	}
	if (ev->kind != CXMS_EV_COUNT || ev->count.counter >= s->n_of)
		return 0;
	const struct cxms_count *c = &ev->count;
	struct cli_count_sum *sum = &s->sum[s->of[c->counter]];
	double enabled = (double)c->enabled_ns, running = (double)c->running_ns;
	sum->enabled_ns += enabled;
	sum->running_ns += running;
	if (running > 0)
		sum->value += (double)c->value * (enabled / running);
	else if (enabled <= 0)
		sum->value += (double)c->value; /* no times were told */
	return 0;
}

void cli_counts_put(const struct cli_counts *s, struct cxms_buf *out)
{
	if (s->n == 0)
		return;
	cxms_buf_printf(out,
			"counted, over all units, scaled to the whole time; time in a register\n");
	for (size_t i = 0; i < s->n; i++) {
		const struct cli_count_sum *c = &s->sum[i];
		cxms_buf_printf(out, "  %-58s %12.6g", c->name, c->value);
		if (c->enabled_ns > 0)
			cxms_buf_printf(out, " %5.1f %%", 100 * c->running_ns / c->enabled_ns);
		cxms_buf_put_u8(out, '\n');
	}
}
