/* SPDX-License-Identifier: GPL-2.0 */
/* Arguments of linux/hvstep.h's calls: good ones, spoilt ones, garbage, and no memory at all */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include <stddef.h>
#include <linux/hvstep.h>

#include "random.h"

/* Room for the largest argument that a command's number can claim */
#define ARGUMENT_MAX	(1 << _IOC_SIZEBITS)

struct arguments {
	unsigned char *memory;		/* read and write, as much read only, as much not at all */
	size_t size;			/* of each */
	int vm_fd;
	unsigned int vcpus;		/* ids from 0 on */
	__u64 code;			/* the guest's, an effective address */
};

union argument {
	struct hvstep_info info;
	struct hvstep_attach attach;
	struct hvstep_policy policy;
	struct hvstep_step step;
	struct hvstep_counters counters;
	struct hvstep_trace trace;
	struct hvstep_uring uring;
	__u64 words[ARGUMENT_MAX / 8];
	unsigned char bytes[ARGUMENT_MAX];
};

void arguments_init(struct arguments *args, int vm_fd, unsigned int vcpus, __u64 code);

/* A value that is one of the limits more often than chance would have it */
__u64 random_value(struct random *rnd);

/* For @cmd, or for any that is unknown: more often than not what it takes */
void argument_fill(const struct arguments *args, struct random *rnd, unsigned long cmd,
		   union argument *arg);
void argument_fill_uring(struct random *rnd, struct hvstep_uring *arg);

/* Where the call finds the @size bytes, if it is memory; most of the time it is. */
void *argument_place(const struct arguments *args, struct random *rnd, const void *arg,
		     size_t size);

#endif /* ARGUMENTS_H */
