// SPDX-License-Identifier: GPL-2.0
/* sc and scv: a step ends at the first instruction of the guest's handler. */
#include "cells.h"

CELL_FIXTURE(syscall);
CELLS(syscall);
MIXED_CELLS(syscall);
HASH_CELLS(syscall);

GUEST_CODE(sc, "sc\n");
GUEST_CODE(scv, ".machine power9; scv 0\n");
GUEST_CODE(scv_last, ".machine power9; scv 127\n");
GUEST_CODE(handler, "mtsprg 0, 3; mfsrr0 4; mfsrr1 5; mfmsr 6; rfid\n");

/* The handler's own first instructions, too: SRR0 and SRR1 are what sc left. */
static void step_handler(struct vcpu *v)
{
	step_expect(v)->sprg0 = v->expect.r.gpr[3];
	step_check(v, "mtsprg in the handler");
	step_expect(v)->gpr[4] = v->expect.r.srr0;
	step_check(v, "mfsrr0 in the handler");
	step_expect(v)->gpr[5] = v->expect.r.srr1;
	step_check(v, "mfsrr1 in the handler");
	step_expect(v)->gpr[6] = v->expect.r.msr;
	step_check(v, "mfmsr in the handler");
}

TEST_F(syscall, sc)
{
	struct vcpu *v = self->v;
	struct kvm_regs before;

	put_handler(v->vm, 0xc00, handler, handler_end);
	load_code(v, CODE_RA, sc, sc_end);
	vcpu_get_regs(v, &before);
	expect_interrupt(v, 0xc00, 0);
	step_check(v, "sc");
	step_handler(v);
	step_expect(v)->pc = before.pc + 4;
	v->expect.r.msr = before.msr;
	step_check(v, "rfid to behind sc");

	/* EE=1: SRR1 keeps it, the handler runs without. */
	before.msr |= MSR_EE | MSR_FP;
	vcpu_set_regs(v, &before);
	expect_interrupt(v, 0xc00, 0);
	ASSERT_EQ(before.msr, v->expect.r.srr1);
	step_check(v, "sc with EE=1");
	step_handler(v);
	step_expect(v)->pc = before.pc + 4;
	v->expect.r.msr = before.msr;
	step_check(v, "rfid to behind sc with EE=1");
}

TEST_F(syscall, sc_problem_state)
{
	struct vcpu *v = self->v;
	struct kvm_regs before;

	put_handler(v->vm, 0xc00, handler, handler_end);
	load_code(v, USER_CODE_RA, sc, sc_end);
	with_regs(v, r) {
		r.pc = USER_CODE_RA;
		r.msr = vm_user_msr(v->vm);
	}
	vcpu_get_regs(v, &before);
	expect_interrupt(v, 0xc00, 0);
	step_check(v, "sc");
	step_handler(v);
	step_expect(v)->pc = before.pc + 4;
	v->expect.r.msr = before.msr;
	step_check(v, "rfid to problem state");
	step_expect(v)->pc -= 4;
	if (!v->vm->reference)
		step_check(v, "b . in problem state");
}

/*
 * ISA 3.0 Book III 7.5.15 "System Call Vectored": LR is the next instruction,
 * CTR the MSR, SRR0 and SRR1 keep what they had; EE and RI stay. The handler is
 * at 0x17000, with LPCR[AIL]=3 at 0xc000000000003000, plus 0x20 a level.
 */
static void expect_scv(struct vcpu *v, int level)
{
	struct kvm_regs *e = step_expect(v);
	__u64 msr = e->msr;

	e->lr = e->pc;
	e->ctr = msr & SRR1_MSR_BITS;
	e->msr = vm_intr_msr(v->vm, msr) | (msr & (MSR_EE | MSR_RI));
	e->pc = (e->msr & MSR_IR ? KERNEL_EA + 0x3000 : 0x17000) + level * 0x20;
}

static void put_scv_handlers(struct vm *vm)
{
	__u64 ra;

	for (ra = 0x17000; ra < 0x18000; ra += 4)
		put_insn(vm, ra, PPC_INST_NOP, !vm->cell->ile);
	for (ra = 0x3000; ra < 0x4000; ra += 4)
		put_insn(vm, ra, PPC_INST_NOP, !vm->cell->ile);
}

TEST_F(syscall, scv)
{
	struct vcpu *v = self->v;

	SKIP_BELOW_POWER(9, "scv");
	vcpu_set(v, KVM_REG_PPC_FSCR, FSCR_SCV);
	put_scv_handlers(v->vm);
	load_code(v, CODE_RA, scv, scv_end);
	expect_scv(v, 0);
	step_check(v, "scv 0");
	step_expect(v);
	step_check(v, "nop in the handler");
	load_code(v, CODE_RA, scv_last, scv_last_end);
	with_regs(v, r)
		r.msr = vm_msr(v->vm) | MSR_EE;
	expect_scv(v, 127);
	step_check(v, "scv 127 with EE=1");
	step_expect(v);
	step_check(v, "nop in the handler, EE=1");
	load_code(v, USER_CODE_RA, scv, scv_end);
	with_regs(v, r) {
		r.pc = USER_CODE_RA;
		r.msr = vm_user_msr(v->vm);
	}
	expect_scv(v, 0);
	step_check(v, "scv 0 in problem state");
	step_expect(v);
	step_check(v, "nop in the handler, from problem state");
}

/* Without FSCR[SCV] scv is a facility unavailable interrupt, cause 12. */
TEST_F(syscall, scv_unavailable)
{
	struct vcpu *v = self->v;

	SKIP_BELOW_POWER(9, "scv");
	vcpu_set(v, KVM_REG_PPC_FSCR, 0);
	load_code(v, CODE_RA, scv, scv_end);
	expect_interrupt(v, 0xf60, 0);
	step_check(v, "scv 0 with FSCR[SCV]=0");
	EXPECT_EQ(12, vcpu_get(v, KVM_REG_PPC_FSCR) >> 56);
}

KVM_TEST_MAIN
