// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_RUN comes back before the step is complete, or the VMM changes its mind:
 * the guest is then as if it had never been stepped.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "cells.h"
#include "runner.h"

FIXTURE(interrupted) {
	struct vm *vm;
	struct vcpu *v;
};

FIXTURE_VARIANT(interrupted) {
	struct cell cell;
};

CELLS(interrupted);
HASH_CELLS(interrupted);

FIXTURE_SETUP(interrupted)
{
	const char *missing = cell_missing(&variant->cell);

	if (missing)
		SKIP(return, "%s", missing);
	SKIP_REFERENCE();
	ignore_sigusr1();
	self->vm = vm_create(&variant->cell);
	self->v = vm_vcpu(self->vm, 0);
	vm_attach(self->vm);
}

FIXTURE_TEARDOWN(interrupted)
{
	vm_destroy(self->vm);
}

TEST_F(interrupted, immediate_exit)
{
	struct vcpu *v = self->v;
	struct snap before, after;
	int i;

	ring_start(v, CODE_RA);
	vcpu_debug(v, DEBUG_STEP);
	for (i = 0; i < 3 * RING_INSNS; i++) {
		snap_take(v, &before);
		vm_seal(v->vm);
		v->run->immediate_exit = 1;
		ASSERT_EQ(-EINTR, vcpu_run(v));
		v->run->immediate_exit = 0;
		snap_take(v, &after);
		snap_compare("immediate_exit", &before, &after);
		vm_check_sealed(v->vm, "immediate_exit");
		ring_step(v, CODE_RA);
		ring_check(v, CODE_RA);
	}
}

struct sender {
	pthread_t thread;
	pthread_t to;
	bool stop;
};

static void *send_signals(void *arg)
{
	struct sender *s = arg;
	unsigned int seed = 1;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		pthread_kill(s->to, SIGUSR1);
		usleep(rand_r(&seed) % 2000);
	}
	return NULL;
}

static void start_signals(struct sender *s)
{
	s->to = pthread_self();
	s->stop = false;
	if (pthread_create(&s->thread, NULL, send_signals, s))
		vm_fail("no thread");
}

static void stop_signals(struct sender *s)
{
	__atomic_store_n(&s->stop, true, __ATOMIC_RELAXED);
	pthread_join(s->thread, NULL);
}

#define SIGNAL_STEPS	2000

TEST_F_TIMEOUT(interrupted, signals, 120)
{
	struct vcpu *v = self->v;
	int i, interrupted = 0;
	struct sender sender;

	ring_start(v, CODE_RA);
	with_regs(v, r)
		r.msr |= MSR_EE;
	with_regs(v, r)
		r.gpr[17] = r.msr;
	vcpu_debug(v, DEBUG_STEP);
	vm_seal(v->vm);
	start_signals(&sender);
	for (i = 0; i < SIGNAL_STEPS; i++) {
		interrupted += ring_step(v, CODE_RA);
		vm_check_sealed(v->vm, "signals");
		ring_check(v, CODE_RA);
	}
	stop_signals(&sender);
	TH_LOG("%d steps, interrupted %d times", i, interrupted);
	EXPECT_GT(interrupted, 0);
}

/* The same in problem state, where hardware keeps EE at 1 */
GUEST_CODE(user_loop,
	   "1: addi 3, 3, 1\n"
	   "ld	4, 0(5)\n"
	   "std	3, 0(5)\n"
	   "sync\n"
	   "b	1b\n");

TEST_F_TIMEOUT(interrupted, signals_problem_state, 120)
{
	struct vcpu *v = self->v;
	struct sender sender;
	struct kvm_regs r;
	__u64 pc = USER_CODE_RA;
	int i, ret;

	load_code(v, USER_CODE_RA, user_loop, user_loop_end);
	with_regs(v, w) {
		w.pc = USER_CODE_RA;
		w.msr = vm_user_msr(v->vm);
		w.gpr[3] = 0;
		w.gpr[5] = USER_DATA_RA;
	}
	/* And an interrupt is pending all the time. */
	vcpu_set_dec(v, DEC_PASSED);
	vcpu_debug(v, DEBUG_STEP);
	vm_seal(v->vm);
	start_signals(&sender);
	for (i = 0; i < 1000; i++) {
		while ((ret = step_run(v)) == -EINTR) {
			vcpu_get_regs(v, &r);
			if (r.pc != pc || r.msr != vm_user_msr(v->vm))
				vm_fail("-EINTR at nip %llx msr %llx", r.pc, r.msr);
			vm_check_sealed(v->vm, "-EINTR");
		}
		check_exit(v, ret, KVM_EXIT_DEBUG, "step");
		pc = pc == USER_CODE_RA + 16 ? USER_CODE_RA : pc + 4;
		vcpu_get_regs(v, &r);
		if (r.pc != pc || r.msr != vm_user_msr(v->vm))
			vm_fail("step %d to nip %llx msr %llx, not %llx", i, r.pc, r.msr, pc);
	}
	stop_signals(&sender);
	ASSERT_EQ(200, r.gpr[3]);
}

GUEST_CODE(hcall, "sc 1; addi 14, 14, 1; addi 14, 14, 1; nop\n");
GUEST_CODE(lwz, "lwz 5, 0(3); addi 14, 14, 1; addi 14, 14, 1; nop\n");

static void *signal_soon(void *arg)
{
	usleep(100000);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

/* Stepping withdrawn while an exit of the step is being handled: runs free */
static void check_free(struct vcpu *v, const char *what)
{
	struct kvm_regs r;

	put_insn(v->vm, CODE_RA + 12, KVMPPC_INST_SW_BREAKPOINT, v->vm->cell->be_code);
	vcpu_debug(v, DEBUG_BP);
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, what);
	vcpu_get_regs(v, &r);
	if (r.pc != vm_ea(v->vm, CODE_RA + 12) || r.gpr[14] != 2 || r.msr & MSR_SE)
		vm_fail("%s: nip %llx r14 %llx msr %llx", what, r.pc, r.gpr[14], r.msr);
}

TEST_F(interrupted, withdrawn_in_hypercall)
{
	struct vcpu *v = self->v;

	load_code(v, CODE_RA, hcall, hcall_end);
	with_regs(v, r) {
		r.gpr[3] = 0xfff0;
		r.gpr[14] = 0;
	}
	check_exit(v, step_run(v), KVM_EXIT_PAPR_HCALL, "hypercall");
	check_free(v, "withdrawn in a hypercall");
}

TEST_F(interrupted, withdrawn_in_mmio)
{
	SKIP_WITHOUT_VRMA();
	struct vcpu *v = self->v;

	load_code(v, CODE_RA, lwz, lwz_end);
	with_regs(v, r) {
		r.gpr[3] = vm_mmio_ea(v->vm);
		r.gpr[14] = 0;
	}
	check_exit(v, step_run(v), KVM_EXIT_MMIO, "MMIO");
	check_free(v, "withdrawn in MMIO");
}

TEST_F(interrupted, withdrawn_in_cede)
{
	struct vcpu *v = self->v;
	pthread_t me = pthread_self(), other;
	struct kvm_regs r;
	int ret, tries = 0;

	load_code(v, CODE_RA, hcall, hcall_end);
	with_regs(v, w) {
		w.gpr[3] = H_CEDE;
		w.gpr[14] = 0;
	}
	do {
		pthread_create(&other, NULL, signal_soon, &me);
		ret = step_run(v);
		pthread_join(other, NULL);
		vcpu_get_regs(v, &r);
		/* The signal came even before the call: begin anew. */
	} while (ret == -EINTR && r.pc == vm_ea(v->vm, CODE_RA) && tries++ < 10);
	/* Either is right: H_CEDE may return at any time. */
	if (ret != -EINTR)
		check_exit(v, ret, KVM_EXIT_DEBUG, "H_CEDE");
	ASSERT_EQ(vm_ea(v->vm, CODE_RA + 4), r.pc);
	check_free(v, "withdrawn in H_CEDE");
}

/* immediate_exit completes an MMIO load, and no more than that. */
TEST_F(interrupted, immediate_exit_in_mmio)
{
	SKIP_WITHOUT_VRMA();
	struct vcpu *v = self->v;
	struct kvm_regs r;

	load_code(v, CODE_RA, lwz, lwz_end);
	with_regs(v, w) {
		w.gpr[3] = vm_mmio_ea(v->vm);
		w.gpr[14] = 0;
	}
	vm_seal(v->vm);
	check_exit(v, step_run(v), KVM_EXIT_MMIO, "MMIO");
	memset(v->run->mmio.data, 0x5a, 4);
	v->run->immediate_exit = 1;
	ASSERT_EQ(-EINTR, vcpu_run(v));
	v->run->immediate_exit = 0;
	check_invisible(v, false, "immediate_exit in MMIO");
	vcpu_get_regs(v, &r);
	ASSERT_EQ(0x5a5a5a5a, r.gpr[5]);
	check_exit(v, step_run(v), KVM_EXIT_DEBUG, "after MMIO");
	vcpu_get_regs(v, &r);
	ASSERT_EQ(vm_ea(v->vm, CODE_RA + 4), r.pc);
	ASSERT_EQ(0, r.gpr[14]);
	ASSERT_EQ(r.pc, v->run->debug.arch.address);
}

/* The VMM moves the guest elsewhere between two KVM_RUNs. */
TEST_F(interrupted, pc_changed)
{
	struct vcpu *v = self->v;
	int i;

	ring_start(v, CODE_RA);
	ring_start(v, CODE_RA + 0x1000);
	vcpu_debug(v, DEBUG_STEP);
	for (i = 0; i < 2 * RING_INSNS; i++) {
		__u64 ra = CODE_RA + (i & 1) * 0x1000;

		with_regs(v, r)
			r.pc = vm_ea(v->vm, ra + i / 2 * 4);
		v->run->immediate_exit = i & 4 ? 1 : 0;
		if (v->run->immediate_exit)
			ASSERT_EQ(-EINTR, vcpu_run(v));
		v->run->immediate_exit = 0;
		ring_step(v, ra);
	}
}

/* kvmtool's way: asked for once, stepped until it is taken back */
TEST_F_TIMEOUT(interrupted, sticky, 60)
{
	struct vcpu *v = self->v;
	struct kvm_regs r;
	__u64 pc;
	int i;

	ring_start(v, CODE_RA);
	vcpu_get_regs(v, &r);
	pc = r.pc;
	vcpu_debug(v, DEBUG_STEP);
	for (i = 0; i < 1000; i++) {
		check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "sticky");
		pc = ring_next(v->vm, CODE_RA, pc);
		ASSERT_EQ(pc, v->run->debug.arch.address);
	}
	ring_check(v, CODE_RA);
	/* And taken back */
	vcpu_get_regs(v, &r);
	run_to(v, CODE_RA, variant->cell.be_code, vm_ea(v->vm, CODE_RA), "taken back");
	ring_check(v, CODE_RA);
}

static int request(struct vcpu *v, __u32 mode, __u64 count)
{
	struct hvstep_step step = { .vcpu = v->id, .mode = mode, .count = count };

	return ioctl(v->vm->session, HVSTEP_STEP, &step) ? -errno : 0;
}

/* HVSTEP_STEP: the next KVM_RUN steps, and that one alone. */
TEST_F(interrupted, step_request)
{
	struct vcpu *v = self->v;
	bool be = variant->cell.be_code;
	__u64 start = vm_ea(v->vm, CODE_RA);
	struct kvm_regs r;
	int i;

	ring_start(v, CODE_RA);
	vcpu_debug(v, 0);
	for (i = 0; i < RING_INSNS - 2; i++) {
		ASSERT_EQ(0, request(v, HVSTEP_STEP_ONE, i & 1));
		check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "requested");
		ASSERT_EQ(start + 4 * (i + 1), v->run->debug.arch.address);
		ASSERT_EQ(0, v->run->debug.arch.status);
	}
	/* Nobody asked: to the breakpoint, past the end of the loop */
	run_to(v, CODE_RA + 8, be, start + 8, "not requested");
	vcpu_get_regs(v, &r);
	ASSERT_EQ(2, r.gpr[14]);

	/* Cancelled */
	ASSERT_EQ(0, request(v, HVSTEP_STEP_ONE, 1));
	ASSERT_EQ(0, request(v, HVSTEP_STEP_CANCEL, 0));
	run_to(v, CODE_RA + 4, be, start + 4, "cancelled");
	vcpu_get_regs(v, &r);
	ASSERT_EQ(3, r.gpr[14]);

	/* A KVM_RUN that ends before leaves it standing. */
	vcpu_debug(v, 0);
	ASSERT_EQ(0, request(v, HVSTEP_STEP_ONE, 1));
	v->run->immediate_exit = 1;
	ASSERT_EQ(-EINTR, vcpu_run(v));
	v->run->immediate_exit = 0;
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "requested before -EINTR");
	ASSERT_EQ(start + 8, v->run->debug.arch.address);

	/* Twice is still once. */
	ASSERT_EQ(0, request(v, HVSTEP_STEP_ONE, 1));
	ASSERT_EQ(0, request(v, HVSTEP_STEP_ONE, 1));
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "requested twice");
	ASSERT_EQ(start + 12, v->run->debug.arch.address);
	run_to(v, CODE_RA + 4, be, start + 4, "requested twice, second run");
	ring_check(v, CODE_RA);
}

KVM_TEST_MAIN
