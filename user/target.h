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

/* For argp's children, with a struct target for input: PID and --vm; --policy; both */
extern const struct argp target_argp, target_policy_argp;
extern const struct argp_child target_children[];

/* A number, decimal or with 0x, and nothing behind it; no octal one */
bool parse_number(const char *text, unsigned long long *number);

/* Of the process, or -1, which was said */
int target_pidfd(const struct target *target);

/* Nobody else steps it by a command of ours, until this process ends; says who not. */
bool target_claim(const struct target *target);

/*
 * Attach it; says what is in the way, and what to do. @shared: somebody else has its
 * session, too; without, that is in the way.
 */
struct hvstep_session *target_attach(const struct target *target, bool *shared);

/*
 * Step by the target's policy. Without one, what was chosen for a session that is @shared
 * is kept, but interrupts are delivered and atomic sequences are one step: without these a
 * guest does not get on. What the session had goes to @before, for when ours is over.
 */
bool target_set_policy(const struct target *target, const struct hvstep_session *session,
		       bool shared, struct hvstep_policy *before);

/* An instruction's address; argp's error if it is none. */
unsigned long long parse_address(struct argp_state *state, const char *text);

/* "PID", or "VM N of PID" */
const char *target_name(const struct target *target);

#endif /* HVSTEP_TARGET_H */
