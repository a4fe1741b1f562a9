// SPDX-License-Identifier: GPL-2.0
/*
 * What stepping uses must not show to the other vCPUs either, nor to one that is
 * stepped beside them: leak.c's guest on four vCPUs, but for the sums of the
 * vectors' pages, which another vCPU may find an armed word in.
 */
#include <pthread.h>
#include <sys/ioctl.h>

#include "cells.h"
#include "witness.h"

#define VCPUS	4
#define STEPS	(getenv("MACHINE") ? 150 : 4000)

FIXTURE(leak_smp) {
	struct vm *vm;
	struct vcpu *v[VCPUS];
	struct witness twin[VCPUS], w[VCPUS];
};

FIXTURE_VARIANT(leak_smp) {
	struct cell cell;
};

CELL(leak_smp, be_real, .be_code = true);
CELL(leak_smp, le_ail3, .ile = true, .ail = true);
CELL(leak_smp, le_hash, .ile = true, .ail = true, .hash = true);

FIXTURE_SETUP(leak_smp)
{
	const char *missing = cell_missing(&variant->cell);
	int i;

	if (missing)
		SKIP(return, "%s", missing);
	SKIP_REFERENCE();
	self->vm = vm_create(&variant->cell);
	witness_install(self->vm);
	for (i = 0; i < VCPUS; i++) {
		self->v[i] = vm_vcpu(self->vm, i);
		witness_twin(&self->twin[i], self->v[i], false);
		witness_start(&self->w[i], self->v[i], false);
	}
	vm_seal(self->vm);
	vm_attach(self->vm);
}

FIXTURE_TEARDOWN(leak_smp)
{
	int i;

	for (i = 0; i < VCPUS; i++) {
		vm_destroy(self->twin[i].v->vm);
		witness_free(&self->twin[i]);
		witness_free(&self->w[i]);
	}
	vm_destroy(self->vm);
}

struct runner {
	struct witness *w;
	const struct witness *twin;
	int steps;		/* in each turn, before it runs free */
	int turns;		/* to be made; 0: until told to stop */
	int made;
	bool *stop;
	pthread_t thread;
};

static void turn(struct runner *r)
{
	struct witness *w = r->w;
	struct vcpu *v = w->v;
	int i, ret = 0;

	vcpu_debug(v, r->steps ? DEBUG_STEP : 0);
	for (i = 0; i < r->steps; i++) {
		ret = vcpu_run_for(v, 100);
		if (ret || v->run->exit_reason != KVM_EXIT_DEBUG)
			break;
	}
	if (i == r->steps) {
		vcpu_debug(v, 0);
		ret = vcpu_run_for(v, 100);
	}
	witness_turn(w, ret, "one of four");
	witness_compare_turn("one of four", r->twin, w, w->turns - 1);
	if (w->turns == WITNESS_TURNS)
		witness_restart(w);
	r->made++;
}

static void *run(void *arg)
{
	struct runner *r = arg;

	while (r->turns ? r->made < r->turns : !__atomic_load_n(r->stop, __ATOMIC_RELAXED))
		turn(r);
	return NULL;
}

static void run_all(struct vm *vm, struct witness *w, struct witness *twin, int steppers)
{
	struct hvstep_counters counters = { .vcpu = HVSTEP_VCPU_ALL };
	struct runner r[VCPUS] = { };
	bool stop = false;
	int i;

	for (i = 0; i < VCPUS; i++) {
		r[i].w = &w[i];
		r[i].twin = &twin[i];
		r[i].stop = &stop;
		if (i < steppers) {
			r[i].steps = STEPS;
			r[i].turns = WITNESS_TURNS;
		}
		pthread_create(&r[i].thread, NULL, run, &r[i]);
	}
	for (i = 0; i < VCPUS; i++) {
		if (i == steppers)
			__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
		pthread_join(r[i].thread, NULL);
		printf("# vcpu %d: %d turns, %d steps in each\n", i, r[i].made, r[i].steps);
		if (!r[i].made)
			vm_fail("vcpu %d: not a single turn", i);
	}
	vm_check_sealed(vm, "afterwards");
	if (ioctl(vm->session, HVSTEP_GET_COUNTERS, &counters))
		vm_fail("HVSTEP_GET_COUNTERS failed");
	printf("# %llu steps, %llu parked\n", counters.steps, counters.parked);
	if (counters.lost || counters.reflected)
		vm_fail("%llu lost, %llu reflected", counters.lost, counters.reflected);
}

TEST_F_TIMEOUT(leak_smp, one_stepped, 200)
{
	run_all(self->vm, self->w, self->twin, 1);
}

TEST_F_TIMEOUT(leak_smp, two_stepped, 200)
{
	run_all(self->vm, self->w, self->twin, 2);
}

KVM_TEST_MAIN
