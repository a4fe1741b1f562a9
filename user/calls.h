/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_CALLS_H
#define HVSTEP_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/hvstep.h>

#include "functions.h"

/* Deeper is no stack: it begins anew. */
#define CALLS_DEPTH_MAX		1024
/* More than a VM has: what comes then is left out. */
#define CALLS_VCPUS_MAX		4096

enum entering {
	ENTER_ROOT,		/* how it came there is not known */
	ENTER_CALL,
	ENTER_TAIL_CALL,	/* in the place of what has just been left */
	ENTER_INTERRUPT,	/* or a system call */
	ENTER_MOVED,		/* as a tail call, but not at its start */
};

/* A function that has not returned yet. */
struct frame {
	uint32_t function;
	bool is_interrupt;
	uint64_t back;		/* where it returns to; of an interrupt: what it interrupted */
};

struct calls_vcpu {
	uint32_t id;
	uint32_t nr_frames;	/* at least one once there is a record */
	struct frame *frames;	/* the last one is what is executed */
	size_t room;
	struct hvstep_record last;
	uint64_t records;
	uint64_t first_seq;
	uint64_t gaps;
	uint64_t missing;	/* steps in them */
	uint64_t interrupts;
	uint64_t restarts;	/* how often the stack began anew */
	uint64_t here;		/* the seq of the step that is looked at, made to grow only */
	uint32_t node;		/* of whoever listens */
	uint32_t nodes_missing;
};

/* What is said of each vCPU, in the order of its records. */
struct calls_listener {
	void (*enter)(void *context, struct calls_vcpu *vcpu, uint32_t function,
		      enum entering how);
	void (*leave)(void *context, struct calls_vcpu *vcpu);
	/* Behind the above: it is a step of the function that was entered last. */
	void (*step)(void *context, struct calls_vcpu *vcpu, const struct hvstep_record *record);
	/* Before the above: so many steps are not there; 0 if that is not known. */
	void (*gap)(void *context, struct calls_vcpu *vcpu, uint64_t missing);
};

/* The stacks of calls of all vCPUs. */
struct calls {
	struct functions *functions;
	const struct calls_listener *listener;
	void *context;
	struct calls_vcpu **vcpus;	/* in the order in which they appear */
	size_t nr_vcpus;
	size_t room;
	struct map by_id;
	struct calls_vcpu *current;
	uint64_t left_out;		/* records of too many vCPUs */
};

void calls_record(struct calls *calls, const struct hvstep_record *record);
/* Leaves all that has not been left. */
void calls_end(struct calls *calls);
void calls_free(struct calls *calls);

#endif /* HVSTEP_CALLS_H */
