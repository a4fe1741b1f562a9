/* SPDX-License-Identifier: GPL-2.0 */
/* Trace rings, read or left alone, and closed at any moment */
#ifndef RINGS_H
#define RINGS_H

#include "random.h"
#include "world.h"

struct ring {
	int fd;				/* -1: there is none */
	struct hvstep_ring *head;
	__u64 size;
	__u64 next;			/* the least sequence number that may come */
};

/* Of a random vCPU, with random flags; false if the vCPU has one */
bool ring_open(struct ring *ring, int session, struct world *w, struct random *rnd);
/* What there is to read: it has to be in order, and of that vCPU */
void ring_read(struct ring *ring);
void ring_close(struct ring *ring);

#endif /* RINGS_H */
