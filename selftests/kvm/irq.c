// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts that are pending while a vCPU is stepped: they must not divert
 * the step, nor get lost. What hardware makes of EE when PR=1 (always on, ISA
 * Book III 5.4.1) is of no help in problem state.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "cells.h"

FIXTURE(irq) {
	struct vm *vm;
	struct vcpu *v;
};

FIXTURE_VARIANT(irq) {
	struct cell cell;
	__u64 vector;
	int irq;		/* KVM_INTERRUPT's, for vector 0x500 */
};

#define IRQ_CELL(name, vec, number, ...)				\
	FIXTURE_VARIANT_ADD(irq, name) {				\
		.cell = { __VA_ARGS__ },				\
		.vector = vec,						\
		.irq = number,						\
	}

IRQ_CELL(decrementer_be_real, 0x900, 0, .be_code = true);
IRQ_CELL(decrementer_le_real, 0x900, 0, .ile = true);
IRQ_CELL(decrementer_be_ail3, 0x900, 0, .ail = true, .be_code = true);
IRQ_CELL(decrementer_le_ail3, 0x900, 0, .ile = true, .ail = true);
IRQ_CELL(decrementer_le_hash, 0x900, 0, .ile = true, .ail = true, .hash = true);
IRQ_CELL(external_be_real, 0x500, KVM_INTERRUPT_SET, .be_code = true);
IRQ_CELL(external_le_ail3, 0x500, KVM_INTERRUPT_SET, .ile = true, .ail = true);
IRQ_CELL(level_be_real, 0x500, KVM_INTERRUPT_SET_LEVEL, .be_code = true);
IRQ_CELL(level_le_ail3, 0x500, KVM_INTERRUPT_SET_LEVEL, .ile = true, .ail = true);
IRQ_CELL(doorbell_be_real, 0xa00, 0, .be_code = true);
IRQ_CELL(doorbell_le_ail3, 0xa00, 0, .ile = true, .ail = true);

FIXTURE_SETUP(irq)
{
	const char *missing = cell_missing(&variant->cell);

	if (missing)
		SKIP(return, "%s", missing);
	if (variant->vector == 0xa00 && vm_host_power() < 9)
		SKIP(return, "KVM gives each vCPU its own doorbell from POWER9 on");
	SKIP_REFERENCE();
	self->vm = vm_create(&variant->cell);
	self->v = vm_vcpu(self->vm, 0);
	vm_attach(self->vm);
}

FIXTURE_TEARDOWN(irq)
{
	vm_destroy(self->vm);
}

static void make_pending(struct vcpu *v, __u64 vector, int irq)
{
	struct kvm_interrupt external = { .irq = irq };

	switch (vector) {
	case 0x500:
		if (ioctl(v->fd, KVM_INTERRUPT, &external))
			vm_fail("KVM_INTERRUPT: %s", strerror(errno));
		break;
	case 0x900:
		vcpu_set_dec(v, DEC_PASSED);
		break;
	case 0xa00:
		vcpu_set(v, KVM_REG_PPC_DPDES, 1);
		break;
	}
}

/* Each exit from the guest computes the moment anew: it may move, a little. */
static void check_decrementer(struct vcpu *v, __u64 expect)
{
	__s64 moved = vcpu_get(v, KVM_REG_PPC_DEC_EXPIRY) - expect;

	if (moved < -(1 << 25) || moved > 1 << 25)
		vm_fail("the decrementer's expiry moved by %lld ticks", moved);
}

#define WORK(X)								\
	X("addi	3, 3, 1",		e->gpr[3]++)			\
	X("ld	4, 0(5)",		e->gpr[4] = 0)			\
	X("std	4, 8(5)")						\
	X("sync")							\
	X("cmpd	3, 4",			e->cr = 0x42345678)		\
	X("bne	.+4")							\
	X("lwarx 4, 0, 5")						\
	X("dcbst 0, 5")							\
	X("mflr	6",			e->gpr[6] = e->lr)		\
	X("isync")							\
	X("ld	4, 0(5)")
GUEST_STEPS(work, WORK);

TEST_F(irq, kernel)
{
	struct vcpu *v = self->v;
	__u64 dec;

	load_code(v, CODE_RA, work, work_end);
	with_regs(v, r) {
		r.msr |= MSR_EE;
		r.gpr[3] = 1;
		r.gpr[5] = vm_ea(v->vm, DATA_RA);
	}
	make_pending(v, variant->vector, variant->irq);
	dec = vcpu_get(v, KVM_REG_PPC_DEC_EXPIRY);
	WORK(GUEST_STEP)
	check_decrementer(v, dec);
	expect_delivery(v, variant->vector);
}

/* What the VMM itself keeps asserted; see HVSTEP_IRQ_HOLD in the ABI. */
#define SKIP_LEVEL()							\
	do {								\
		if (variant->irq == (int)KVM_INTERRUPT_SET_LEVEL)	\
			SKIP(return, "a level cannot be held: level_in_problem_state"); \
	} while (0)

static void work_in_problem_state(struct vcpu *v)
{
	load_code(v, USER_CODE_RA, work, work_end);
	with_regs(v, r) {
		r.pc = USER_CODE_RA;
		r.msr = vm_user_msr(v->vm);
		r.gpr[3] = 1;
		r.gpr[5] = USER_DATA_RA;
	}
}

TEST_F(irq, problem_state)
{
	struct vcpu *v = self->v;
	__u64 dec;

	SKIP_LEVEL();
	work_in_problem_state(v);
	make_pending(v, variant->vector, variant->irq);
	dec = vcpu_get(v, KVM_REG_PPC_DEC_EXPIRY);
	WORK(GUEST_STEP)
	check_decrementer(v, dec);
	expect_delivery(v, variant->vector);
}

/*
 * A level in problem state ends the step that has to enter the guest at the
 * handler, the instruction not executed, and nothing lost.
 */
TEST_F(irq, level_in_problem_state)
{
	struct vcpu *v = self->v;

	if (variant->irq != (int)KVM_INTERRUPT_SET_LEVEL)
		SKIP(return, "for a level");
	work_in_problem_state(v);
	make_pending(v, variant->vector, variant->irq);
	step_expect(v)->gpr[3]++;
	step_check(v, "addi, emulated");
	expect_interrupt(v, 0x500, 0);
	step_check(v, "ld, ended by the interrupt");
}

/* EE switched on by the stepped instruction itself */
#define ENABLE(X)							\
	X("mtmsrd 3, 1",		e->msr |= MSR_EE)		\
	X("mfmsr 4",			e->gpr[4] = e->msr)		\
	X("ld	6, 0(5)",		e->gpr[6] = 0)			\
	X("mtmsrd 7, 1",		e->msr &= ~MSR_EE)		\
	X("ld	6, 0(5)",		e->gpr[6] = 0)			\
	X("mtmsrd 3, 1",		e->msr |= MSR_EE)
GUEST_STEPS(enable, ENABLE);

TEST_F(irq, enabled_by_mtmsrd)
{
	struct vcpu *v = self->v;

	load_code(v, CODE_RA, enable, enable_end);
	with_regs(v, r) {
		r.gpr[3] = MSR_EE | MSR_RI;
		r.gpr[5] = vm_ea(v->vm, DATA_RA);
		r.gpr[7] = MSR_RI;
	}
	make_pending(v, variant->vector, variant->irq);
	ENABLE(GUEST_STEP)
	expect_delivery(v, variant->vector);
}

GUEST_CODE(rfid, "rfid\n");
GUEST_CODE(some, "ld 6, 0(5); addi 6, 6, 1\n");
GUEST_CODE(sc, "sc\n");
GUEST_CODE(handler, "mtsprg 0, 3; ld 6, 0(8)\n");

TEST_F(irq, across_modes)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;

	SKIP_LEVEL();
	load_code(v, CODE_RA, rfid, rfid_end);
	put_code(vm, USER_CODE_RA, some, some_end);
	put_code(vm, USER_CODE_RA + 8, sc, sc_end);
	put_handler(vm, 0xc00, handler, handler_end);
	with_regs(v, r) {
		r.srr0 = USER_CODE_RA;
		r.srr1 = vm_user_msr(vm);
		r.gpr[5] = USER_DATA_RA;
		r.gpr[8] = vm_ea(vm, DATA_RA);
	}
	make_pending(v, variant->vector, variant->irq);
	step_expect(v)->pc = USER_CODE_RA;
	v->expect.r.msr = vm_user_msr(vm);
	step_check(v, "rfid to problem state");
	step_expect(v)->gpr[6] = 0;
	step_check(v, "ld in problem state");
	step_expect(v)->gpr[6] = 1;
	step_check(v, "addi in problem state");
	expect_interrupt(v, 0xc00, 0);
	step_check(v, "sc");
	step_expect(v)->sprg0 = v->expect.r.gpr[3];
	step_check(v, "mtsprg in the handler");
	with_regs(v, r) {
		r.pc = r.srr0 - 4;
		r.msr = r.srr1;
	}
	expect_delivery(v, variant->vector);
}

/* The decrementer is the guest's to read and to write, step or not. */
GUEST_CODE(dec, "mfdec 3; mtdec 4; mfdec 5\n");

TEST_F(irq, decrementer_register)
{
	struct vcpu *v = self->v;
	struct kvm_regs r;
	__s64 left;

	if (variant->vector != 0x900)
		SKIP(return, "for the decrementer");
	load_code(v, CODE_RA, dec, dec_end);
	with_regs(v, w) {
		w.msr |= MSR_EE;
		w.gpr[4] = 0x40000000;
	}
	make_pending(v, 0x900, 0);
	step_expect(v);
	check_exit(v, step_run(v), KVM_EXIT_DEBUG, "mfdec");
	vcpu_get_regs(v, &r);
	/* Expired, and not long ago */
	if (vm_host_power() < 9)
		r.gpr[3] = (__s32)r.gpr[3];
	if ((__s64)r.gpr[3] >= 0 || (__s64)r.gpr[3] < -(60LL << 29))
		vm_fail("mfdec gave %llx", r.gpr[3]);
	step_expect(v);
	step_check(v, "mtdec");
	left = vcpu_get(v, KVM_REG_PPC_DEC_EXPIRY) - __builtin_ppc_get_timebase();
	if (left > 0x40000000 || left < 0x40000000 - (1 << 29))
		vm_fail("mtdec 0x40000000 left 0x%llx", left);
	step_expect(v);
	check_exit(v, step_run(v), KVM_EXIT_DEBUG, "mfdec");
	vcpu_get_regs(v, &r);
	if (r.gpr[5] > 0x40000000 || r.gpr[5] < 0x40000000 - (1 << 29))
		vm_fail("mfdec gave %llx", r.gpr[5]);
}

KVM_TEST_MAIN
