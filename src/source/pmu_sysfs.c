#include "source/pmu.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES	 "/sys/bus/event_source/devices"
#define FILE_MAX 4096u

static int read_text(const char *pmu, const char *file, struct cxms_buf *out)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), DEVICES "/%s/%s", pmu, file) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	cxms_buf_clear(out);
	return cxms_sys_read(path, FILE_MAX, out, NULL);
}

static int read_number(const char *pmu, const char *file, uint64_t *out)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), DEVICES "/%s/%s", pmu, file) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return cxms_sys_read_u64(path, out, NULL);
}

/* "0-15,20": the next range; false at the end or when it is none. */
static bool next_range(const char **text, unsigned long limit, unsigned *first, unsigned *last)
{
	char *end;
	unsigned long a, b;

	while (**text == ',' || **text == ' ')
		(*text)++;
	if (**text < '0' || **text > '9')
		return false;
	a = b = strtoul(*text, &end, 10);
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		b = strtoul(end + 1, &end, 10);
	if (a > b || b > limit)
		return false;
	*text = end;
	*first = (unsigned)a;
	*last = (unsigned)b;
	return true;
}

static bool at_end(const char *text)
{
	return text[strspn(text, " \n")] == '\0';
}

static int load_cpus(struct cxms_pmu *p, struct cxms_buf *text)
{
	const char *s;
	unsigned first, last;

	if (read_text(p->name, "cpus", text) < 0) {
		p->is_shared = read_text(p->name, "cpumask", text) >= 0;
		if (!p->is_shared)
			return 0;
	}
	s = cxms_buf_text(text);
	while (next_range(&s, UINT16_MAX, &first, &last)) {
		if (p->n_range == CXMS_PMU_RANGES_MAX)
			return -EINVAL;
		p->range[p->n_range].first = first;
		p->range[p->n_range++].last = last;
	}
	return at_end(s) ? 0 : -EINVAL;
}

static uint64_t bits(unsigned first, unsigned last)
{
	return (~0ull >> (63 - last)) & (~0ull << first);
}

/* "config1:0-15" or "config:8-15,32-63"; words this interface does not have are passed over. */
static int parse_field(const char *text, struct cxms_pmu_field *out, bool *known)
{
	unsigned long word = 0;
	unsigned first, last;
	char *end;

	if (strncmp(text, "config", 6) != 0)
		return -EINVAL;
	text += 6;
	if (*text != ':') {
		word = strtoul(text, &end, 10);
		if (end == text || *end != ':')
			return -EINVAL;
		text = end;
	}
	text++;
	out->word = (uint8_t)word;
	out->mask = 0;
	while (next_range(&text, 63, &first, &last))
		out->mask |= bits(first, last);
	*known = word < CXMS_PMU_CONFIGS;
	return out->mask && at_end(text) ? 0 : -EINVAL;
}

static DIR *open_dir(const char *pmu, const char *sub)
{
	char path[PATH_MAX], real[PATH_MAX];

	if (snprintf(path, sizeof(path), DEVICES "/%s/%s", pmu, sub) >= (int)sizeof(path) ||
	    cxms_sys_path(real, sizeof(real), path) < 0)
		return NULL;
	return opendir(real);
}

static int load_format(struct cxms_pmu *p, struct cxms_buf *text)
{
	DIR *dir = open_dir(p->name, "format");
	const struct dirent *de;
	int rc = 0;

	while (dir && !rc && (de = readdir(dir))) {
		struct cxms_pmu_field *f = &p->field[p->n_field];
		char file[sizeof("format/") + NAME_MAX];
		bool known = false;

		if (de->d_name[0] == '.')
			continue;
		size_t len = strlen(de->d_name);
		if (p->n_field == CXMS_PMU_FIELDS_MAX || len >= sizeof(f->name)) {
			rc = -EINVAL;
			break;
		}
		memcpy(f->name, de->d_name, len + 1);
		snprintf(file, sizeof(file), "format/%s", de->d_name);
		rc = read_text(p->name, file, text);
		if (!rc)
			rc = parse_field(cxms_buf_text(text), f, &known);
		p->n_field += known;
	}
	if (dir)
		closedir(dir);
	return rc;
}

int cxms_pmu_load(const char *name, struct cxms_pmu *out, struct cxms_err *err)
{
	struct cxms_buf text = {0};
	uint64_t type = 0, precise = 0;
	struct cxms_pmu p = {0};
	int rc = -ENOENT;

	if (*name && strlen(name) < sizeof(p.name) && !strchr(name, '/') && *name != '.')
		rc = read_number(name, "type", &type);
	if (rc || type > UINT32_MAX)
		return cxms_fail(err, ENOENT, "this machine has no PMU '%s'", name);
	snprintf(p.name, sizeof(p.name), "%s", name);
	p.type = (uint32_t)type;
	if (!read_number(name, "caps/max_precise", &precise) && precise <= 3)
		p.max_precise = (unsigned)precise;
	rc = load_format(&p, &text);
	if (!rc)
		rc = load_cpus(&p, &text);
	cxms_buf_fini(&text);
	if (rc)
		return cxms_fail(err, EINVAL, "the files of PMU '%s' in " DEVICES " make no sense",
				 name);
	*out = p;
	return 0;
}

bool cxms_pmu_has_cpu(const struct cxms_pmu *p, unsigned cpu)
{
	for (unsigned i = 0; i < p->n_range; i++)
		if (cpu >= p->range[i].first && cpu <= p->range[i].last)
			return true;
	return p->n_range == 0;
}

const struct cxms_pmu_field *cxms_pmu_field(const struct cxms_pmu *p, const char *name)
{
	for (unsigned i = 0; i < p->n_field; i++)
		if (!strcmp(p->field[i].name, name))
			return &p->field[i];
	return NULL;
}

int cxms_pmu_alias(const struct cxms_pmu *p, const char *alias, struct cxms_buf *out)
{
	char file[NAME_MAX + 16];
	const char *s;

	if (!*alias || strchr(alias, '/') || *alias == '.' ||
	    snprintf(file, sizeof(file), "events/%s", alias) >= (int)sizeof(file) ||
	    read_text(p->name, file, out) < 0)
		return -ENOENT;
	s = cxms_buf_text(out);
	out->len = strcspn(s, "\n");
	return 0;
}

static int is_alias(const struct dirent *de)
{
	/* mem-loads.unit and the like say how to scale another one */
	return !strchr(de->d_name, '.');
}

int cxms_pmu_aliases(const struct cxms_pmu *p, void (*fn)(void *arg, const char *alias), void *arg)
{
	char path[PATH_MAX], real[PATH_MAX];
	struct dirent **list = NULL;
	int n;

	if (snprintf(path, sizeof(path), DEVICES "/%s/events", p->name) >= (int)sizeof(path) ||
	    cxms_sys_path(real, sizeof(real), path) < 0)
		return 0;
	n = scandir(real, &list, is_alias, alphasort);
	if (n < 0)
		return errno == ENOMEM ? -ENOMEM : 0;
	for (int i = 0; i < n; i++) {
		fn(arg, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	return 0;
}
