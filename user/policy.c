// SPDX-License-Identifier: GPL-2.0
/* The policies by the names that --policy= and HVSTEP_POLICY take. */
#include <string.h>

#include "policy.h"

static const struct {
	const char *name;
	__u64 flags;
	__u32 irq;
} policies[] = {
	{ "trace-all",	HVSTEP_POLICY_TRACE_ALL,	0 },
	{ "atomic",	HVSTEP_POLICY_ATOMIC,		0 },
	{ "exclusive",	HVSTEP_POLICY_EXCLUSIVE,	0 },
	{ "deliver",	0,				HVSTEP_IRQ_DELIVER },
};

static bool add_policy(const char *name, size_t len, struct hvstep_policy *policy)
{
	size_t i;

	for (i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		if (strlen(policies[i].name) == len && !strncmp(policies[i].name, name, len)) {
			policy->flags |= policies[i].flags;
			policy->irq |= policies[i].irq;
			return true;
		}
	}
	return false;
}

bool policy_by_name(const char *names, struct hvstep_policy *policy)
{
	memset(policy, 0, sizeof(*policy));
	for (;;) {
		size_t len = strcspn(names, ",");

		if (!add_policy(names, len, policy))
			return false;
		if (!names[len])
			return true;
		names += len + 1;
	}
}
