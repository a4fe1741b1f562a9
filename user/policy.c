// SPDX-License-Identifier: GPL-2.0
/* The policies by the names that --policy= and HVSTEP_POLICY take. */
#include <string.h>

#include "policy.h"

bool policy_by_name(const char *name, struct hvstep_policy *policy)
{
	if (strcmp(name, "trace-all") != 0)
		return false;
	memset(policy, 0, sizeof(*policy));
	policy->irq = HVSTEP_IRQ_HOLD;
	policy->flags = HVSTEP_POLICY_TRACE_ALL;
	return true;
}
