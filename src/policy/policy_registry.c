#include <stddef.h>
#include <string.h>

#include "policy/policy.h"

static const struct cxms_policy_ops *const policies[] = {
	&cxms_policy_page_interleave, &cxms_policy_first_touch,		&cxms_policy_hot_local,
	&cxms_policy_cold_local,      &cxms_policy_weighted_interleave,
};

size_t cxms_policy_count(void)
{
	return sizeof(policies) / sizeof(policies[0]);
}

const struct cxms_policy_ops *cxms_policy_at(size_t i)
{
	return policies[i];
}

const struct cxms_policy_ops *cxms_policy_find(const char *name)
{
	for (size_t i = 0; i < cxms_policy_count(); i++)
		if (!strcmp(policies[i]->name, name))
			return policies[i];
	return NULL;
}
