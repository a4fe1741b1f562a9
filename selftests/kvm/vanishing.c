// SPDX-License-Identifier: GPL-2.0
/*
 * The memslot that has the vectors goes while a step has words armed there, and comes back.
 * What the guest makes of that is its VMM's affair; no word of its memory is hvstep's then.
 */
#include <pthread.h>

#include "cells.h"
#include "runner.h"

#define TURNS	2000

CELL_FIXTURE(vanishing);
CELLS(vanishing);
HASH_CELLS(vanishing);

struct remover {
	struct vm *vm;
	__u64 elsewhere;	/* it goes there instead of going */
	bool stop;
	unsigned long done;
};

static void *run(void *arg)
{
	struct remover *r = arg;

	while (!read_once(&r->stop)) {
		vm_put_memslot(r->vm, r->elsewhere, r->elsewhere ? MEM_SIZE : 0, 0);
		usleep(r->done % 8 * 50);
		vm_put_memslot(r->vm, 0, MEM_SIZE, 0);
		__atomic_fetch_add(&r->done, 1, __ATOMIC_RELAXED);
		usleep(1000 + r->done % 16 * 100);
	}
	return NULL;
}

static void step_while(struct vm *vm, struct vcpu *v, __u64 elsewhere)
{
	struct remover remover = { .vm = vm, .elsewhere = elsewhere };
	unsigned long steps = 0, others = 0;
	struct hvstep_counters c;
	pthread_t thread;
	int i;

	/* So that something is armed in each step */
	set_policy(vm, HVSTEP_POLICY_TRACE_ALL, HVSTEP_IRQ_HOLD);
	ring_start(v, CODE_RA);
	vm_seal(vm);
	vcpu_debug(v, DEBUG_STEP);
	if (pthread_create(&thread, NULL, run, &remover))
		vm_fail("no thread");
	for (i = 0; i < TURNS; i++) {
		/* It may have been sent to a handler that was not there, or to complete a load. */
		ring_start(v, CODE_RA);
		vcpu_debug(v, DEBUG_STEP);
		if (!vcpu_run(v) && v->run->exit_reason == KVM_EXIT_DEBUG)
			steps++;
		else
			others++;
		vm_check_sealed(vm, "a step whose memslot may have gone");
	}
	__atomic_store_n(&remover.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	fprintf(stderr, "# %lu times gone; %lu steps, %lu other ends\n", remover.done, steps,
		others);
	get_counters(v, &c);
	if (c.lost)
		vm_fail("%llu words were lost", c.lost);
	if (!steps || !remover.done)
		vm_fail("nothing was tried");
	/* What it has left to complete */
	v->run->immediate_exit = 1;
	vcpu_run(v);
	v->run->immediate_exit = 0;
	ring_start(v, CODE_RA);
	ring_turns(v);
}

TEST_F_TIMEOUT(vanishing, removed, 120)
{
	SKIP_REFERENCE();
	step_while(self->vm, self->v, 0);
}

TEST_F_TIMEOUT(vanishing, moved, 120)
{
	SKIP_REFERENCE();
	step_while(self->vm, self->v, FAR_RA);
}

KVM_TEST_MAIN
