/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A VM whose vCPUs run without pause, each by a thread of its own, while others do to it
 * what they like.
 */
#ifndef WORLD_H
#define WORLD_H

#include <pthread.h>

#include "program.h"

#define MAX_RUNNERS	3
/* vCPUs that are created, and never run */
#define MAX_IDLE	4
#define IDLE_ID		8
/* Mappings of the guest's memory, beside the one that its maker has */
#define VIEWS		2

#define MAX_ACTS	32

/* What has happened, of all episodes: in memory that the processes share */
struct tally {
	unsigned long episodes;
	unsigned long acts;		/* that have done anything */
	unsigned long did[MAX_ACTS];	/* of each kind, see acts.c */
	unsigned long faults;		/* acts that take something away, interrupt or kill */
	unsigned long steps;		/* that a KVM_RUN ended with */
	unsigned long records;		/* of trace rings */
	unsigned long checked;		/* programs that have come to their end, and were right */
	unsigned long killed;		/* episodes that ended by kill -9 */
	unsigned long lost;		/* guests that were not right, or do not run any more */
};

extern struct tally *tally;

#define count(what)	__atomic_add_fetch(&tally->what, 1, __ATOMIC_RELAXED)

/* What a thread that runs a vCPU is asked to do between two KVM_RUNs */
struct wishes {
	bool debug;			/* KVM_SET_GUEST_DEBUG with this */
	__u32 control;
	bool rewrite;			/* all registers as they are, but for two */
	bool hand_over;			/* to a new thread */
};

struct runner {
	struct world *world;
	struct vcpu *v;
	pthread_t thread;
	pthread_mutex_t lock;		/* for @wishes */
	struct wishes wishes;
	struct outcome expect;
	unsigned long done;		/* programs so far */
	__u64 mark;			/* in r31 and f31, which no program uses */
	bool paused;
	bool ended;
};

struct world {
	struct vm *vm;
	struct cell cell;
	int nr;
	struct runner runners[MAX_RUNNERS];
	pthread_mutex_t memslots;	/* who changes what follows, and KVM's */
	struct kvm_userspace_memory_region memslot;	/* the guest's own, as KVM has it */
	unsigned char *views[VIEWS];
	int view;			/* the one that @memslot has */
	pthread_mutex_t pausing;
	bool pause;
	bool stop;
	struct vcpu *idle[MAX_IDLE];
	int nr_idle;
};

#define load(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store(p, val)	__atomic_store_n(p, val, __ATOMIC_RELEASE)

/* @nr vCPUs that run from now on */
struct world *world_create(const struct cell *cell, int nr);
/* Bring a vCPU out of KVM_RUN. */
void world_kick(struct runner *r);
/* Ask its thread for something, beside what it was asked for before. */
void world_ask(struct runner *r, const struct wishes *wishes);
/* No vCPU is in KVM_RUN until world_resume(); one at a time may do this. */
void world_pause(struct world *w);
void world_resume(struct world *w);

/*
 * Nobody does anything to it any more, nor steps it: each vCPU has to come to the end of
 * the program it is in and of another one.
 */
void world_settle(struct world *w);
/* The threads end; memory has to be as at the start, where no program writes. */
void world_stop(struct world *w);

#endif /* WORLD_H */
