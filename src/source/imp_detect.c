/* What a file is, by its beginning. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "source/imp_access.h"
#include "source/import.h"

struct packed {
	const char *magic;
	size_t n;
	const char *name, *unpack;
};

static const struct packed packed[] = {
	{"\x1f\x8b", 2, "gzip", "zcat"},
	{"\xfd"
	 "7zXZ",
	 5, "xz", "xzcat"},
	{"\x28\xb5\x2f\xfd", 4, "zstd", "zstdcat"},
	{"BZh", 3, "bzip2", "bzcat"},
};

static const char recording[] = "\x89"
				"CXLT"; /* trace/FORMAT.md */

int cxms_import_check(const char *name, const uint8_t *head, size_t n, struct cxms_err *err)
{
	if (!n)
		return cxms_fail(err, EINVAL, "'%s' is empty", name);
	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++)
		if (n >= packed[i].n && !memcmp(head, packed[i].magic, packed[i].n))
			return cxms_fail(err, EINVAL,
					 "'%s' is packed with %s; unpack it first, as in "
					 "'%s FILE | cxlmemsim import -o OUT -'",
					 name, packed[i].name, packed[i].unpack);
	if (n >= sizeof(recording) - 1 && !memcmp(head, recording, sizeof(recording) - 1))
		return cxms_fail(err, EINVAL, "'%s' is a recording already; give it to replay",
				 name);
	return 0;
}

static bool is_perf_data(const uint8_t *head, size_t n)
{
	return n >= 8 && (!memcmp(head, "PERFILE2", 8) || !memcmp(head, "2ELIFREP", 8) ||
			  !memcmp(head, "PERFFILE", 8));
}

enum cxms_import_format cxms_import_detect(const uint8_t *head, size_t n)
{
	const char *text = (const char *)head, *eol;
	enum cxms_import_format found;

	if (is_perf_data(head, n))
		return CXMS_IMPORT_PERF_DATA;
	found = cxms_imp_access_detect(text, n);
	for (; found == CXMS_IMPORT_AUTO && (eol = memchr(text, '\n', n));
	     n -= (size_t)(eol + 1 - text), text = eol + 1)
		if (cxms_import_is_script(text, (size_t)(eol - text)))
			found = CXMS_IMPORT_PERF_SCRIPT;
	return found;
}

const struct cxms_import_ops *cxms_import_find(enum cxms_import_format format)
{
	return format == CXMS_IMPORT_PERF_DATA	   ? &cxms_import_perf_data
	       : format == CXMS_IMPORT_PERF_SCRIPT ? &cxms_import_perf_script
						   : NULL;
}
