// SPDX-License-Identifier: GPL-2.0
/*
 * What stepping uses must not show: a guest that looks all the while at its MSR,
 * its save/restore registers, its handlers' words (witness.h) sees the same
 * stepped and unstepped.
 */
#include <stdlib.h>
#include <sys/ioctl.h>

#include "cells.h"
#include "witness.h"

FIXTURE(leak) {
	struct vm *vm;
	struct vcpu *v;
	struct witness twin, w;
};

FIXTURE_VARIANT(leak) {
	struct cell cell;
};

CELLS(leak);
HASH_CELLS(leak);

FIXTURE_SETUP(leak)
{
	const char *missing = cell_missing(&variant->cell);

	if (missing)
		SKIP(return, "%s", missing);
	SKIP_REFERENCE();
	self->vm = vm_create(&variant->cell);
	self->v = vm_vcpu(self->vm, 0);
	witness_twin(&self->twin, self->v, true);
	witness_install(self->vm);
	witness_start(&self->w, self->v, true);
	vm_seal(self->vm);
}

FIXTURE_TEARDOWN(leak)
{
	vm_destroy(self->twin.v->vm);
	vm_destroy(self->vm);
	witness_free(&self->twin);
	witness_free(&self->w);
}

static struct hvstep_counters counters_none_lost(struct vm *vm)
{
	struct hvstep_counters counters = { .vcpu = HVSTEP_VCPU_ALL };

	if (ioctl(vm->session, HVSTEP_GET_COUNTERS, &counters))
		vm_fail("HVSTEP_GET_COUNTERS failed");
	if (counters.lost)
		vm_fail("%llu armed words lost", counters.lost);
	return counters;
}

/* What the comparison is worth: two that nobody steps, and one that is attached */
TEST_F(leak, nobody_steps)
{
	struct witness *w = &self->w;
	int i;

	for (i = 0; i < WITNESS_TURNS; i++) {
		if (i == WITNESS_TURNS / 2)
			vm_attach(self->vm);
		witness_turn(w, vcpu_run(w->v), "not stepped");
	}
	witness_compare("not stepped", &self->twin, w);
	ASSERT_EQ(0, counters_none_lost(self->vm).steps);
	/* All that it can log has been logged. */
	EXPECT_GT(w->nr[0], variant->cell.ail ? 400 : 300);
}

/* POWER8's decrementer is one of 32 bits: it must not come to 0 meanwhile. */
static void keep_going(struct vcpu *v)
{
	vm_check_sealed(v->vm, "stepping");
	if (vm_host_power() < 9)
		vcpu_set_dec(v, DEC_NEVER);
}

/* Sticky: asked for once, and all of WITNESS_TURNS are made step by step. */
static int step_all(struct witness *w, const char *what)
{
	struct vcpu *v = w->v;
	int ret, steps = 0;

	vcpu_debug(v, DEBUG_STEP);
	while (w->turns < WITNESS_TURNS) {
		ret = vcpu_run(v);
		if (ret || v->run->exit_reason != KVM_EXIT_DEBUG) {
			witness_turn(w, ret, what);
			continue;
		}
		if (v->run->debug.arch.status)
			vm_fail("%s: status %x", what, v->run->debug.arch.status);
		if (!(steps++ & 15))
			keep_going(v);
	}
	return steps;
}

static void step_and_compare(struct witness *w, const struct witness *twin, __u64 flags,
			     const char *what)
{
	struct hvstep_counters counters;
	int steps;

	vm_attach(w->v->vm);
	set_policy(w->v->vm, flags, 0);
	steps = step_all(w, what);
	counters = counters_none_lost(w->v->vm);
	witness_compare(what, twin, w);
	printf("# %d steps: %llu emulated, %llu traced, %llu displaced, %llu faults, %llu moved\n",
	       steps, counters.emulated, counters.traced, counters.displaced, counters.faults,
	       counters.moved);
	/* The last step is its hypercall, which is not completed. */
	if (counters.steps != (__u64)steps)
		vm_fail("%s: %d steps counted as %llu", what, steps, counters.steps);
}

TEST_F_TIMEOUT(leak, stepped, 120)
{
	step_and_compare(&self->w, &self->twin, 0, "stepped");
}

TEST_F_TIMEOUT(leak, stepped_traced, 120)
{
	step_and_compare(&self->w, &self->twin, HVSTEP_POLICY_TRACE_ALL, "stepped, all traced");
}

/*
 * To the first of some breakpoints at random instructions, or to the end of the
 * turn. None is within the vectors' pages, where the guest would see it.
 */
#define BREAKPOINTS	16

static void run_free(struct witness *w, unsigned int *seed)
{
	struct vcpu *v = w->v;
	struct vm *vm = v->vm;
	bool be = vm->cell->be_code, known = false;
	__u64 ra[BREAKPOINTS], pc;
	__u32 insn[BREAKPOINTS];
	struct kvm_regs r;
	int i, ret;

	vcpu_get_regs(v, &r);
	for (i = 0; i < BREAKPOINTS; i++) {
		do
			ra[i] = witness_insn(rand_r(seed));
		while (ra[i] == (r.pc & ~KERNEL_EA));
		insn[i] = get_insn(vm, ra[i], be);
		put_insn(vm, ra[i], KVMPPC_INST_SW_BREAKPOINT, be);
	}
	vcpu_debug(v, DEBUG_BP);
	ret = vcpu_run(v);
	/* A handler may be in real mode. */
	pc = v->run->debug.arch.address & ~KERNEL_EA;
	while (i--) {
		put_insn(vm, ra[i], insn[i], be);
		known |= ra[i] == pc;
	}
	if (ret || v->run->exit_reason != KVM_EXIT_DEBUG)
		witness_turn(w, ret, "run free");
	else if (!known)
		vm_fail("run free: stopped at %llx, where no breakpoint was",
			v->run->debug.arch.address);
}

static void step_burst(struct witness *w, int n, int *steps)
{
	struct vcpu *v = w->v;
	int ret;

	vcpu_debug(v, DEBUG_STEP);
	while (n-- && w->turns < WITNESS_TURNS) {
		ret = vcpu_run(v);
		if (ret || v->run->exit_reason != KVM_EXIT_DEBUG)
			witness_turn(w, ret, "now and then");
		else
			++*steps;
	}
	keep_going(v);
}

TEST_F_TIMEOUT(leak, now_and_then, 240)
{
	const char *env = getenv("HVSTEP_SEED");
	unsigned int seed = env ? strtoul(env, NULL, 0) : 1;
	struct witness *w = &self->w;
	int bursts = 0, steps = 0, round;

	TH_LOG("HVSTEP_SEED=%u", seed);
	vm_attach(self->vm);
	for (round = 0; round < 2; round++) {
		set_policy(self->vm, round & 1 ? HVSTEP_POLICY_TRACE_ALL : 0, 0);
		while (w->turns < WITNESS_TURNS) {
			run_free(w, &seed);
			step_burst(w, rand_r(&seed) % 24, &steps);
			bursts++;
		}
		witness_compare("now and then", &self->twin, w);
		witness_restart(w);
	}
	counters_none_lost(self->vm);
	TH_LOG("%d steps in %d bursts", steps, bursts);
	EXPECT_GT(steps, 500);
}

KVM_TEST_MAIN
