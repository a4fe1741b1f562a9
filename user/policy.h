/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_POLICY_NAMES_H
#define HVSTEP_POLICY_NAMES_H

#include <stdbool.h>

#include <linux/hvstep.h>

/* The variable that carries a policy from `hvstep run` to the shim. */
#define HVSTEP_POLICY_ENV	"HVSTEP_POLICY"

/* What a message lists when a name is not known. */
#define HVSTEP_POLICY_NAMES	"trace-all, atomic, exclusive, deliver"

/* Sets @policy to what @names, with commas between them, stand for; false if one is none. */
bool policy_by_name(const char *names, struct hvstep_policy *policy);

#endif /* HVSTEP_POLICY_NAMES_H */
