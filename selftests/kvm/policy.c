// SPDX-License-Identifier: GPL-2.0
/* HVSTEP_POLICY_ATOMIC and HVSTEP_IRQ_DELIVER, each as the header has it */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cells.h"

CELL_FIXTURE(policy);
CELLS(policy);
HASH_CELLS(policy);

/* A lock: taken if it is free, given up if not. The branch leads out. */
GUEST_CODE(try_lock,
	   "lwarx	5, 0, 3\n"
	   "cmpwi	5, 0\n"
	   "bne-	1f\n"
	   "stwcx.	4, 0, 3\n"
	   "nop\n"
	   "1: nop\n");

/*
 * The host may interrupt the guest within the sequence, as it does to map a page: the
 * reservation is lost, and the sequence completes without having stored. Does that,
 * and nothing else, or what is expected otherwise.
 */
#define MAX_TRIES	20
#define CR0_EQ		0x20000000

static bool step_lost(struct vcpu *v)
{
	struct kvm_regs before, r;

	vcpu_get_regs(v, &before);
	check_exit(v, step_run(v), KVM_EXIT_DEBUG, "sequence");
	vcpu_get_regs(v, &r);
	if (r.pc != vm_ea(v->vm, CODE_RA + 16) || r.cr & CR0_EQ)
		return false;
	v->expect.r = before;
	v->expect.r.pc += 16;
	v->expect.r.gpr[5] = 0;
	v->expect.r.cr = 0x02345678;
	step_done(v, 0, "sequence whose reservation was lost");
	return true;
}

TEST_F(policy, atomic_stores)
{
	struct vcpu *v = self->v;
	int i;

	SKIP_REFERENCE();
	set_policy(self->vm, HVSTEP_POLICY_ATOMIC, 0);
	put_data(self->vm, DATA_RA, 4, 0);
	for (i = 0; i < MAX_TRIES; i++) {
		load_code(v, CODE_RA, try_lock, try_lock_end);
		with_regs(v, r) {
			r.gpr[3] = vm_ea(self->vm, DATA_RA);
			r.gpr[4] = 0x7777;
			r.cr = 0x12345678;
		}
		step_expect(v);
		v->expect.r.pc += 12;
		v->expect.r.gpr[5] = 0;
		v->expect.r.cr = 0x22345678;
		if (!step_lost(v))
			break;
		ASSERT_EQ(0, get_data(self->vm, DATA_RA, 4));
	}
	step_done(v, 0, "free lock");
	ASSERT_EQ(0x7777, get_data(self->vm, DATA_RA, 4));
}

TEST_F(policy, atomic_branches_out)
{
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	set_policy(self->vm, HVSTEP_POLICY_ATOMIC, 0);
	put_data(self->vm, DATA_RA, 4, 1);
	load_code(v, CODE_RA, try_lock, try_lock_end);
	with_regs(v, r)
		r.gpr[3] = vm_ea(self->vm, DATA_RA);
	step_expect(v);
	v->expect.r.pc += 16;
	v->expect.r.gpr[5] = 1;
	v->expect.r.cr = 0x42345678;
	step_check(v, "lock that is taken");
	ASSERT_EQ(1, get_data(self->vm, DATA_RA, 4));
}

/* What the sequence cannot store to: DSI, its first instruction complete. */
TEST_F(policy, atomic_faults)
{
	struct vcpu *v = self->v;
	struct kvm_regs *e;
	int i;

	SKIP_REFERENCE();
	if (!variant->cell.ail)
		SKIP(return, "real mode has no page that is read-only");
	set_policy(self->vm, HVSTEP_POLICY_ATOMIC, 0);
	put_data(self->vm, READONLY_RA, 4, 0);
	for (i = 0; i < MAX_TRIES; i++) {
		load_code(v, CODE_RA, try_lock, try_lock_end);
		with_regs(v, r) {
			r.gpr[3] = vm_ea(self->vm, READONLY_RA);
			r.cr = 0x12345678;
		}
		e = expect_interrupt(v, 0x300, 0);
		e->srr0 += 12;
		e->gpr[5] = 0;
		e->cr = 0x22345678;
		if (!step_lost(v))
			break;
	}
	v->expect.dar = vm_ea(self->vm, READONLY_RA);
	v->expect.dsisr = DSISR_PROTFAULT | DSISR_ISSTORE;
	step_done(v, 0, "store to a page that is read-only");
}

/* What may never end is stepped one by one. */
GUEST_CODE(spin,
	   "1: lwarx 5, 0, 3\n"
	   "cmpwi	5, 0\n"
	   "bne-	1b\n"
	   "stwcx.	4, 0, 3\n"
	   "nop\n");
GUEST_CODE(not_closed, "lwarx 5, 0, 3; cmpwi 5, 0; b .+8; nop; stwcx. 4, 0, 3; nop\n");
GUEST_CODE(with_sc, "lwarx 5, 0, 3; sc; stwcx. 4, 0, 3; nop\n");
GUEST_CODE(too_long, "lwarx 5, 0, 3; .rept 15; nop; .endr; stwcx. 4, 0, 3; nop\n");

#define ONE_BY_ONE(v, name)						\
	do {								\
		load_code(v, CODE_RA, name, name##_end);		\
		step_expect(v)->gpr[5] = 1;				\
		step_check(v, #name);					\
	} while (0)

TEST_F(policy, not_atomic)
{
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	set_policy(self->vm, HVSTEP_POLICY_ATOMIC, 0);
	put_data(self->vm, DATA_RA, 4, 1);
	with_regs(v, r)
		r.gpr[3] = vm_ea(self->vm, DATA_RA);
	ONE_BY_ONE(v, spin);
	ONE_BY_ONE(v, not_closed);
	ONE_BY_ONE(v, with_sc);
	ONE_BY_ONE(v, too_long);
}

/* The VMM's own breakpoint in the middle is met there, one by one. */
TEST_F(policy, atomic_breakpoint)
{
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	set_policy(self->vm, HVSTEP_POLICY_ATOMIC, 0);
	put_data(self->vm, DATA_RA, 4, 1);
	load_code(v, CODE_RA, try_lock, try_lock_end);
	put_insn(self->vm, CODE_RA + 8, KVMPPC_INST_SW_BREAKPOINT, variant->cell.be_code);
	vcpu_debug(v, DEBUG_STEP | DEBUG_BP);
	with_regs(v, r)
		r.gpr[3] = vm_ea(self->vm, DATA_RA);
	step_expect(v)->gpr[5] = 1;
	step_check(v, "lwarx before a breakpoint");
	step_expect(v)->cr = 0x42345678;
	step_check(v, "cmpwi before a breakpoint");
	step_expect(v)->pc -= 4;
	step_check(v, "the breakpoint");
}

/* The guest traces itself: each instruction, and itself. */
TEST_F(policy, atomic_own_trace)
{
	struct vcpu *v = self->v;
	struct kvm_regs *e;

	SKIP_REFERENCE();
	set_policy(self->vm, HVSTEP_POLICY_ATOMIC, 0);
	put_data(self->vm, DATA_RA, 4, 1);
	load_code(v, CODE_RA, try_lock, try_lock_end);
	with_regs(v, r) {
		r.gpr[3] = vm_ea(self->vm, DATA_RA);
		r.msr |= MSR_SE;
	}
	check_exit(v, step_run(v), KVM_EXIT_DEBUG, "lwarx, traced by the guest");
	snap_take(v, &v->got);
	e = &v->got.r;
	ASSERT_EQ(vm_vector(self->vm, 0xd00), e->pc);
	ASSERT_EQ(vm_ea(self->vm, CODE_RA + 4), e->srr0);
	ASSERT_EQ(1, e->gpr[5]);
}

static void decrementer_passes(struct vcpu *v)
{
	vcpu_set_dec(v, DEC_PASSED);
}

#define DELIVERED(X)							\
	X("addi	3, 3, 1")						\
	X("ld	4, 0(5)")						\
	X("mfmsr 6")							\
	X("mtmsrd 6, 1")						\
	X("mtmsr 6")							\
	X("mtsrr0 6")							\
	X("rfid")							\
	X("sc")								\
	X("sc	1")							\
	X("b	.+8")							\
	X("lwarx 4, 0, 5")						\
	X("or	2, 2, 2")
GUEST_STEPS(delivered, DELIVERED);

/* Whatever the instruction is: what is pending and enabled comes first. */
TEST_F(policy, deliver)
{
	struct vcpu *v = self->v;
	struct vm *vm = self->vm;
	size_t i;

	SKIP_REFERENCE();
	set_policy(vm, HVSTEP_POLICY_ATOMIC, HVSTEP_IRQ_DELIVER);
	load_code(v, CODE_RA, delivered, delivered_end);
	for (i = 0; i < (size_t)(delivered_end - delivered); i++) {
		with_regs(v, r) {
			r.pc = vm_ea(vm, CODE_RA + 4 * i);
			r.msr = vm_msr(vm) | MSR_EE;
			r.gpr[3] = H_PUT_TERM_CHAR;
			r.gpr[5] = vm_ea(vm, DATA_RA);
		}
		decrementer_passes(v);
		expect_interrupt(v, 0x900, 0)->srr1 = vm_msr(vm) | MSR_EE;
		step_check(v, "an instruction with a decrementer before it");
	}
}

/* Not enabled: the step is one of the instruction, and so for each that is not pending. */
#define UNDISTURBED(X)							\
	X("addi	3, 3, 1",	e->gpr[3]++)				\
	X("ld	4, 0(5)",	e->gpr[4] = 0)				\
	X("mfmsr 6",		e->gpr[6] = e->msr)			\
	X("mtmsrd 6, 1")						\
	X("b	.+4")							\
	X("sync")
GUEST_STEPS(undisturbed, UNDISTURBED);

TEST_F(policy, deliver_nothing)
{
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	set_policy(self->vm, 0, HVSTEP_IRQ_DELIVER);
	with_regs(v, r)
		r.gpr[5] = vm_ea(self->vm, DATA_RA);
	decrementer_passes(v);
	GUEST_RUN(undisturbed, UNDISTURBED);
	vcpu_set_dec(v, DEC_NEVER);
	with_regs(v, r)
		r.msr |= MSR_EE;
	GUEST_RUN(undisturbed, UNDISTURBED);
}

/* mtmsrd enables it: it comes before the next instruction. */
GUEST_CODE(enabling, "mtmsrd 6, 1; nop\n");

TEST_F(policy, deliver_once_enabled)
{
	struct vcpu *v = self->v;
	struct vm *vm = self->vm;
	__u64 msr = vm_msr(vm) | MSR_EE;

	SKIP_REFERENCE();
	set_policy(vm, 0, HVSTEP_IRQ_DELIVER);
	load_code(v, CODE_RA, enabling, enabling_end);
	with_regs(v, r)
		r.gpr[6] = msr;
	decrementer_passes(v);
	step_expect(v)->msr = msr;
	step_check(v, "mtmsrd that enables interrupts");
	expect_interrupt(v, 0x900, 0)->srr1 = msr;
	step_check(v, "the interrupt");
}

TEST_F(policy, deliver_in_problem_state)
{
	struct vcpu *v = self->v;
	struct vm *vm = self->vm;
	__u64 msr = vm_user_msr(vm);

	SKIP_REFERENCE();
	if (!variant->cell.ail)
		SKIP(return, "problem state has translation on");
	set_policy(vm, 0, HVSTEP_IRQ_DELIVER);
	load_code(v, USER_CODE_RA, undisturbed, undisturbed_end);
	with_regs(v, r) {
		r.pc = USER_CODE_RA;
		r.msr = msr;
		r.gpr[5] = USER_DATA_RA;
	}
	step_expect(v)->gpr[3]++;
	step_check(v, "nothing is pending");
	decrementer_passes(v);
	expect_interrupt(v, 0x900, 0)->srr1 = msr;
	step_check(v, "the interrupt");
}

KVM_TEST_MAIN
