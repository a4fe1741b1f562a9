/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_TARGET_H
#define HVSTEP_TARGET_H

#include <argp.h>
#include <stdbool.h>
#include <sys/types.h>

#include <libhvstep.h>

/* A VM of a VMM that runs already: PID, --vm and --policy, which several commands take. */
struct target {
	pid_t pid;
	unsigned int vm;
	struct hvstep_policy policy;
	bool has_policy;
};

/* For argp's children, with a struct target for input: PID and --vm; --policy */
extern const struct argp target_argp, target_policy_argp;

/* A number, decimal or with 0x, and nothing behind it */
bool parse_number(const char *text, unsigned long long *number);

/* Attach it; says what is in the way, and what to do. @flags: HVSTEP_ATTACH_* */
struct hvstep_session *target_attach(const struct target *target, unsigned int flags);

/*
 * Step by the target's policy. What the session had goes to @before, for the time when
 * ours is over: somebody else may be stepping by it.
 */
bool target_set_policy(const struct target *target, const struct hvstep_session *session,
		       struct hvstep_policy *before);

/* "PID", or "VM N of PID" */
const char *target_name(const struct target *target);

#endif /* HVSTEP_TARGET_H */
