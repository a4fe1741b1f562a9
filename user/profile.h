/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_PROFILE_H
#define HVSTEP_PROFILE_H

#include <stdint.h>

#include "calls.h"

/* A way to a function: who has called it, and who that one, ... up to the vCPU. */
struct node {
	uint32_t function;	/* of the first level: the vCPU's id */
	uint32_t parent;	/* always before it in the array */
	uint32_t child;		/* the first one, 0: none */
	uint32_t sibling;	/* the next one, 0: none */
	uint64_t self;		/* steps in it */
	uint64_t inclusive;	/* and in what it has called */
	uint64_t calls;
};

struct function_use {
	uint32_t function;
	uint64_t self;
	uint64_t inclusive;	/* once for each step, however often it is on the stack */
	uint64_t calls;
};

/*
 * Where the steps of a trace were. Node 0 is that of all vCPUs, which are its children.
 * @uses are there once profile_end() was called, as are @inclusive and the order of
 * siblings: the largest first.
 */
struct profile {
	const struct functions *functions;
	struct node *nodes;
	size_t nr_nodes;
	size_t room;
	struct map by_way;
	uint64_t folded;		/* functions entered that found no room in the tree */
	struct function_use *uses;	/* by @self, the largest first */
	size_t nr_uses;
};

void profile_init(struct profile *profile, const struct functions *functions);
/* What struct calls_listener wants: the context is the profile. */
void profile_enter(struct profile *profile, struct calls_vcpu *vcpu, uint32_t function,
		   enum entering how);
void profile_leave(struct profile *profile, struct calls_vcpu *vcpu);
void profile_step(struct profile *profile, struct calls_vcpu *vcpu);
void profile_end(struct profile *profile);
void profile_free(struct profile *profile);

/* Of a node that is no vCPU's. */
const char *node_name(const struct profile *profile, const struct node *node, char *buffer);

#endif /* HVSTEP_PROFILE_H */
