/* SPDX-License-Identifier: GPL-2.0 */
/* Calls of hvstep's descriptors, right, nearly right, and senseless */
#ifndef CALLS_H
#define CALLS_H

#include <liburing.h>
#include <pthread.h>
#include <stddef.h>

#include "arguments.h"
#include "world.h"

#define CALLER_FDS	6
#define CALLER_MAPS	4

/* What can be asked for: how often it was done, and that it was not */
enum call_kind {
	CALL_GET_INFO,
	CALL_ATTACH,
	CALL_GET_POLICY,
	CALL_SET_POLICY,
	CALL_STEP,
	CALL_GET_COUNTERS,
	CALL_TRACE,
	CALL_UNKNOWN,			/* any other command */
	CALL_URING_WAIT,
	CALL_URING_START,
	CALL_URING_STOP,
	CALL_URING_UNKNOWN,
	CALL_MMAP,
	CALL_FILE,			/* read(), poll(), fcntl(), ... */
	NR_CALLS
};

extern const char *const call_names[NR_CALLS];

struct call_tally {
	unsigned long done;
	unsigned long refused;
};

struct map {
	unsigned char *start;
	size_t size;			/* 0: none */
};

/* Who calls; what it holds is its own. */
struct caller {
	struct world *world;
	struct random rnd;
	struct arguments args;
	unsigned long calls;		/* to make */
	unsigned long made;
	int dev;
	int fds[CALLER_FDS];		/* sessions and rings, -1: none */
	struct map maps[CALLER_MAPS];
	struct io_uring uring;
	unsigned int pending;
	struct call_tally tally[NR_CALLS];
	pthread_t thread;
};

/* Sequence @nr of @seed, @calls of them */
void caller_start(struct caller *c, struct world *w, __u64 seed, __u64 nr, unsigned long calls);
/* Until it has made them, and closed all that it held */
void caller_join(struct caller *c);

#endif /* CALLS_H */
