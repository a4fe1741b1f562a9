/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A vCPU that a thread of its own runs, for tests of what happens to it
 * meanwhile; and what else those have in common.
 */
#ifndef RUNNER_H
#define RUNNER_H

#include <pthread.h>

#include "ring.h"

/* Runs the vCPU, again after each signal, until told to stop */
struct runner {
	struct vcpu *v;
	pthread_t thread;
	bool stop;
	bool stepping;
	int interrupted;
	int steps;
};

#define read_once(p)	__atomic_load_n(p, __ATOMIC_RELAXED)

/* The vCPU is in the loop of ring.h; it is in KVM_RUN, or has stepped, by then. */
void runner_start(struct runner *runner, struct vcpu *v, bool stepping);
void runner_stop(struct runner *runner);
/* The guest makes progress, stepped or not: bounded wait */
bool runner_goes_on(const struct runner *runner);

/* Another process's last descriptor is closed a little after it has died. */
bool attached_becomes(__u32 expect);

/* Two turns of the loop, step by step, everything checked */
void ring_turns(struct vcpu *v);

/* Not attached: KVM_GUESTDBG_SINGLESTEP is ignored as ever, a breakpoint ends it. */
void check_runs_free(struct vcpu *v);

/* A process steps a VM of its own without end, until kill -9 after @us or more */
void kill_while_stepping(const struct cell *cell, unsigned int us);

#endif /* RUNNER_H */
