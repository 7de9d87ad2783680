#include "source/pmu.h"

#include "base/buf.h"
#include "base/sys.h"

#include <stdlib.h>
#include <string.h>

#define CPUINFO_MAX    (4u << 20)
#define BASE_FREQUENCY "/sys/devices/system/cpu/cpu0/cpufreq/base_frequency" /* kHz */
#define HZ_PER_KHZ     1000u

/*
 * Family, models and steppings: Linux asm/intel-family.h and the model lists of intel/perfmon;
 * AMD's revision guides (models of family 19h and 1Ah). libpfm4's names: 4.13, pfmlib_priv.h.
 */
static const struct {
	const char *vendor;
	unsigned family, model_first, model_last, step_first, step_last;
	const char *name, *pfm;
} rows[] = {
	{"GenuineIntel", 6, 0x55, 0x55, 0, 4, "skx", "skx"},
	{"GenuineIntel", 6, 0x55, 0x55, 5, 15, "clx", "clx"},
	{"GenuineIntel", 6, 0x6a, 0x6a, 0, 15, "icx", "icx"},
	{"GenuineIntel", 6, 0x6c, 0x6c, 0, 15, "icx", "icx"},
	{"GenuineIntel", 6, 0x8f, 0x8f, 0, 15, "spr", "spr"},
	{"GenuineIntel", 6, 0xcf, 0xcf, 0, 15, "emr", NULL},
	{"GenuineIntel", 6, 0xad, 0xae, 0, 15, "gnr", NULL},
	{"GenuineIntel", 6, 0x97, 0x97, 0, 15, "adl", NULL},
	{"GenuineIntel", 6, 0x9a, 0x9a, 0, 15, "adl", NULL},
	{"AuthenticAMD", 0x19, 0x00, 0x0f, 0, 15, "zen3", "amd64_fam19h_zen3"},
	{"AuthenticAMD", 0x19, 0x10, 0x1f, 0, 15, "zen4", "amd64_fam19h_zen4"},
	{"AuthenticAMD", 0x19, 0x20, 0x5f, 0, 15, "zen3", "amd64_fam19h_zen3"},
	{"AuthenticAMD", 0x19, 0x60, 0x7f, 0, 15, "zen4", "amd64_fam19h_zen4"},
	{"AuthenticAMD", 0x19, 0xa0, 0xaf, 0, 15, "zen4", "amd64_fam19h_zen4"},
	{"AuthenticAMD", 0x1a, 0x00, 0x7f, 0, 15, "zen5", NULL},
};

/* The value of "key : value" in the first processor's block; NULL when it is not there. */
static const char *value_of(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = text; *line && *line != '\n';) {
		const char *end = line + strcspn(line, "\n");

		if (!strncmp(line, key, n) && line[n + strspn(line + n, " \t")] == ':') {
			line += n + strspn(line + n, " \t") + 1;
			return line + strspn(line, " \t");
		}
		line = *end ? end + 1 : end;
	}
	return NULL;
}

static unsigned number_of(const char *text, const char *key)
{
	const char *v = value_of(text, key);

	return v ? (unsigned)strtoul(v, NULL, 10) : 0;
}

static bool has_flag(const char *text, const char *flag)
{
	const char *v = value_of(text, "flags");
	size_t n = strlen(flag);

	while (v && *v && *v != '\n') {
		size_t len = strcspn(v, " \n");

		if (len == n && !strncmp(v, flag, n))
			return true;
		v += len + (v[len] == ' ');
	}
	return false;
}

/* Of cpufreq; else what the name says ("@ 2.50GHz"); else the clock of this moment. */
static uint64_t clock_of(const char *text)
{
	const char *name = value_of(text, "model name"), *mhz = value_of(text, "cpu MHz"),
		   *at = NULL;
	uint64_t khz;

	if (!cxms_sys_read_u64(BASE_FREQUENCY, &khz, NULL))
		return khz * HZ_PER_KHZ;
	if (name)
		at = memchr(name, '@', strcspn(name, "\n"));
	if (at && strtod(at + 1, NULL) > 0)
		return (uint64_t)(strtod(at + 1, NULL) * 1e9 + 0.5);
	return mhz ? (uint64_t)(strtod(mhz, NULL) * 1e6 + 0.5) : 0;
}

void cxms_cpu_identify(struct cxms_cpu_id *out)
{
	struct cxms_buf buf = {0};
	const char *text, *vendor;

	*out = (struct cxms_cpu_id){.name = ""};
	if (cxms_sys_read("/proc/cpuinfo", CPUINFO_MAX, &buf, NULL) < 0)
		return;
	text = cxms_buf_text(&buf);
	vendor = value_of(text, "vendor_id");
	if (vendor && strcspn(vendor, " \n") < sizeof(out->vendor))
		memcpy(out->vendor, vendor, strcspn(vendor, " \n"));
	out->family = number_of(text, "cpu family");
	out->model = number_of(text, "model");
	out->stepping = number_of(text, "stepping");
	out->hz = clock_of(text);
	out->is_guest = has_flag(text, "hypervisor");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].vendor, out->vendor) != 0 || rows[i].family != out->family ||
		    out->model < rows[i].model_first || out->model > rows[i].model_last ||
		    out->stepping < rows[i].step_first || out->stepping > rows[i].step_last)
			continue;
		out->name = rows[i].name;
		out->pfm = rows[i].pfm;
	}
	cxms_buf_fini(&buf);
}

bool cxms_cpu_is_intel(const struct cxms_cpu_id *c)
{
	return !strcmp(c->vendor, "GenuineIntel");
}

bool cxms_cpu_is_amd(const struct cxms_cpu_id *c)
{
	return !strcmp(c->vendor, "AuthenticAMD");
}
