/* SPDX-License-Identifier: GPL-2.0 */
/* What is done to a guest, by several threads of this at once */
#ifndef ACTS_H
#define ACTS_H

#include "rings.h"

#define SESSIONS	3
#define RINGS		3

/* One who does such things; what it holds is its own. */
struct actor {
	struct world *world;
	struct random rnd;
	unsigned long acts;		/* to do */
	__u64 seed, nr;
	__u64 chosen;			/* a digest of what it has chosen to do */
	int sessions[SESSIONS];		/* descriptors, -1: none */
	struct ring rings[RINGS];
	pthread_t thread;
};

/* Sequence @nr of @seed, @acts of them */
void actor_start(struct actor *a, struct world *w, __u64 seed, __u64 nr, unsigned long acts);
/* What its @chosen has to be at the end */
__u64 acts_chosen(__u64 seed, __u64 nr, unsigned long acts);
/* The one of this name is not done. Is there one? */
bool acts_leave_out(const char *name);
/* Says how often each has been done; is there none that was not, though it can be here? */
bool acts_were_all_done(bool swap);
/* Until it has done them, and closed all that it held */
void actor_join(struct actor *a);

#endif /* ACTS_H */
