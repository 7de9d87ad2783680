#include "base/warn.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
	const char *name, *text;
} warnings[CXMS_W_COUNT] = {
#define CXMS_WARN_ROW(code, text) {"CXMS_W_" #code, text},
	CXMS_WARNINGS(CXMS_WARN_ROW)
#undef CXMS_WARN_ROW
};

void cxms_warn(struct cxms_warnings *w, enum cxms_warn_code code, const char *finding_fmt, ...)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->list[i].code == code)
			return;
	struct cxms_warning *new = &w->list[w->n++];
	new->code = code;
	char finding[sizeof(new->message)];
	va_list ap;
	va_start(ap, finding_fmt);
	if (vsnprintf(finding, sizeof(finding), finding_fmt, ap) < 0)
		finding[0] = '\0';
	va_end(ap);
	/* a long finding is cut so that its consequence and remedy are never lost */
	snprintf(new->message, sizeof(new->message), "%.320s: %s", finding, warnings[code].text);
}

void cxms_warn_add(struct cxms_warnings *w, const struct cxms_warning *found)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->list[i].code == found->code)
			return;
	w->list[w->n++] = *found;
}

const char *cxms_warn_name(enum cxms_warn_code code)
{
	return warnings[code].name;
}
