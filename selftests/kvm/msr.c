// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions that read or write what stepping itself uses: the MSR, SRR0,
 * SRR1. The guest must see its own values, and its changes must last.
 */
#include "cells.h"

CELL_FIXTURE(msr);
CELLS(msr);
MIXED_CELLS(msr);
HASH_CELLS(msr);

#define MFMSR(X)							\
	X("mfmsr 3",			e->gpr[3] = e->msr)		\
	X("mfmsr 4",			e->gpr[4] = e->msr)
GUEST_STEPS(mfmsr, MFMSR);

TEST_F(msr, mfmsr)
{
	struct vcpu *v = self->v;

	GUEST_RUN(mfmsr, MFMSR);
	with_regs(v, r)
		r.msr |= MSR_EE | MSR_FP;
	GUEST_RUN(mfmsr, MFMSR);
}

/* ISA Book III 5.4.4 mtmsrd with L=1: EE and RI, and nothing else */
#define MTMSRD_1(X)							\
	X("mtmsrd 3, 1",		e->msr = (e->msr | MSR_EE) & ~MSR_RI) \
	X("mfmsr 5",			e->gpr[5] = e->msr)		\
	X("nop")							\
	X("ld	6, 0(7)",		e->gpr[6] = 0)			\
	X("mtmsrd 4, 1",		e->msr = (e->msr & ~MSR_EE) | MSR_RI) \
	X("mfmsr 5",			e->gpr[5] = e->msr)		\
	X("ld	6, 0(7)",		e->gpr[6] = 0)			\
	X("mtmsr 3, 1",			e->msr = (e->msr | MSR_EE) & ~MSR_RI) \
	X("mtmsr 4, 1",			e->msr = (e->msr & ~MSR_EE) | MSR_RI) \
	X("mfmsr 5",			e->gpr[5] = e->msr)
GUEST_STEPS(mtmsrd_1, MTMSRD_1);

TEST_F(msr, mtmsrd_ee_ri)
{
	struct vcpu *v = self->v;

	with_regs(v, r) {
		r.gpr[3] = MSR_EE | MSR_FP | MSR_SE;
		r.gpr[4] = MSR_RI | MSR_PR;
		r.gpr[7] = vm_ea(v->vm, DATA_RA);
	}
	GUEST_RUN(mtmsrd_1, MTMSRD_1);
}

/* With L=0: all but HV, ME, LE; mtmsr leaves bits 0:31 alone as well. */
#define MTMSRD_0(X)							\
	X("mtmsrd 3",			e->msr |= MSR_FP | MSR_VEC | MSR_VSX | MSR_EE) \
	X("mfmsr 5",			e->gpr[5] = e->msr)		\
	X("fadd	1, 1, 1")						\
	X("mtmsrd 4",			e->msr &= ~(MSR_FP | MSR_VEC | MSR_VSX | \
						    MSR_EE | MSR_RI))	\
	X("mfmsr 5",			e->gpr[5] = e->msr)		\
	X("ld	6, 0(7)",		e->gpr[6] = 0)			\
	X("mtmsr 8",			e->msr |= MSR_FP | MSR_RI)	\
	X("mfmsr 5",			e->gpr[5] = e->msr)
GUEST_STEPS(mtmsrd_0, MTMSRD_0);

TEST_F(msr, mtmsrd_all)
{
	struct vcpu *v = self->v;
	__u64 msr = vm_msr(v->vm);

	with_regs(v, r) {
		/* ME and LE given the other way round: they stay. */
		r.gpr[3] = (msr ^ MSR_ME ^ MSR_LE) | MSR_FP | MSR_VEC | MSR_VSX | MSR_EE;
		r.gpr[4] = (msr ^ MSR_LE) & ~MSR_RI;
		r.gpr[7] = vm_ea(v->vm, DATA_RA);
		r.gpr[8] = (msr & 0xffffffff) | MSR_FP;
	}
	GUEST_RUN(mtmsrd_0, MTMSRD_0);
}

/* Address translation switched on and off below one's feet */
#define TRANSLATION(X)							\
	X("mtmsrd 3",			e->msr ^= MSR_IR | MSR_DR)	\
	X("nop")							\
	X("ld	5, 0(7)",		e->gpr[5] = 0)			\
	X("mfmsr 6",			e->gpr[6] = e->msr)		\
	X("mtmsrd 4",			e->msr ^= MSR_IR | MSR_DR)	\
	X("nop")							\
	X("ld	5, 0(7)",		e->gpr[5] = 0)			\
	X("mtmsr 3",			e->msr ^= MSR_DR | MSR_IR)	\
	X("sync")							\
	X("mtmsrd 8",			e->msr ^= MSR_IR)		\
	X("ld	5, 0(7)",		e->gpr[5] = 0)
GUEST_STEPS(translation, TRANSLATION);

TEST_F(msr, translation)
{
	struct vcpu *v = self->v;
	__u64 msr = vm_msr(v->vm);

	with_regs(v, r) {
		r.gpr[3] = msr ^ MSR_IR ^ MSR_DR;
		r.gpr[4] = msr;
		r.gpr[7] = vm_ea(v->vm, DATA_RA);
		r.gpr[8] = msr ^ MSR_DR;
	}
	GUEST_RUN(translation, TRANSLATION);
}

/* ISA Book III 5.4.4: PR=1 brings EE, IR and DR with it. */
GUEST_CODE(into_problem_state, "mtmsrd 3; nop\n");

TEST_F(msr, into_problem_state)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;

	/* The next instruction must be one problem state may execute. */
	load_code(v, USER_CODE_RA, into_problem_state, into_problem_state_end);
	with_regs(v, r) {
		r.pc = USER_CODE_RA;
		r.gpr[3] = (vm_msr(vm) & ~(MSR_IR | MSR_DR)) | MSR_PR;
	}
	step_expect(v)->msr |= MSR_PR | MSR_EE | MSR_IR | MSR_DR;
	step_check(v, "mtmsrd");
	step_expect(v);
	step_check(v, "nop in problem state");
}

/*
 * The trace interrupt itself writes SRR0 and SRR1: what the guest put there
 * must still be there for its rfid.
 */
#define SRRS(X)								\
	X("mtsrr0 3",			e->srr0 = e->gpr[3])		\
	X("mtsrr1 4",			e->srr1 = e->gpr[4])		\
	X("mfsrr0 5",			e->gpr[5] = e->srr0)		\
	X("ld	6, 0(7)",		e->gpr[6] = 0)			\
	X("mfsrr1 5",			e->gpr[5] = e->srr1)		\
	X("sync")							\
	X("mfsrr0 8",			e->gpr[8] = e->srr0)		\
	X("mfsrr1 9",			e->gpr[9] = e->srr1)		\
	X("stw	6, 0(7)")						\
	X("mtsrr1 10",			e->srr1 = 0)			\
	X("stw	6, 0(7)")						\
	X("mtsrr0 10",			e->srr0 = 0)
GUEST_STEPS(srrs, SRRS);

TEST_F(msr, srr0_srr1)
{
	struct vcpu *v = self->v;

	with_regs(v, r) {
		r.gpr[3] = 0x0123456789abcdec;
		r.gpr[4] = vm_msr(v->vm) | MSR_SE | MSR_EE | MSR_PR;
		r.gpr[7] = vm_ea(v->vm, DATA_RA);
		r.gpr[10] = 0;
	}
	GUEST_RUN(srrs, SRRS);
}

KVM_TEST_MAIN
