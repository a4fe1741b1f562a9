// SPDX-License-Identifier: GPL-2.0
/* Floating point, vectors, VSX: seen through moves to GPRs */
#include "cells.h"

CELL_FIXTURE(floating);
CELLS(floating);
HASH_CELLS(floating);

#define ONE_AND_HALF	0x3ff8000000000000ULL
#define TWO		0x4000000000000000ULL
#define MSR_ALL_FP	(MSR_FP | MSR_VEC | MSR_VSX)

#define SCALAR(X)							\
	X("lfd	1, 0(3)")						\
	X("mfvsrd 5, 1",		e->gpr[5] = ONE_AND_HALF)	\
	X("mtvsrd 2, 4")						\
	X("fadd	3, 1, 2")						\
	X("mfvsrd 5, 3",		e->gpr[5] = 0x400c000000000000)	\
	X("fmul	3, 3, 2")						\
	X("fmadd 3, 1, 2, 3")						\
	X("mfvsrd 5, 3",		e->gpr[5] = 0x4024000000000000)	\
	X("fcmpu 1, 1, 2",		e->cr = 0x18345678)		\
	X("fctid 4, 3")							\
	X("mfvsrd 5, 4",		e->gpr[5] = 10)			\
	X("stfd	4, 8(3)")						\
	X("ld	6, 8(3)",		e->gpr[6] = 10)			\
	X("fadd. 3, 1, 2",		e->cr = 0x10345678)		\
	X("mtfsfi 7, 3")						\
	X("mffs	6")							\
	X("mfvsrd 7, 6",		e->gpr[7] = 0x4003)
GUEST_STEPS(scalar, SCALAR);

/*
 * ISA Book I 4.2.2: the last fadd. leaves FPRF = "positive normalized" (0x4000)
 * and no exception; mtfsfi 7 sets NI and RN.
 */
TEST_F(floating, scalar)
{
	struct vcpu *v = self->v;

	vcpu_set(v, KVM_REG_PPC_FPSCR, 0);
	put_data(v->vm, DATA_RA, 8, ONE_AND_HALF);
	with_regs(v, r) {
		r.msr |= MSR_ALL_FP;
		r.gpr[3] = vm_ea(v->vm, DATA_RA);
		r.gpr[4] = TWO;
	}
	GUEST_RUN(scalar, SCALAR);
}

#define VECTOR(X)							\
	X("vspltisw 1, 5")						\
	X("vspltisw 2, -2")						\
	X("vadduwm 3, 1, 2")						\
	X("mfvsrd 5, 35",		e->gpr[5] = 0x0000000300000003)	\
	X("stvx	3, 0, 3")						\
	X("lvx	4, 0, 3")						\
	X("mfvsrd 5, 36",		e->gpr[5] = 0x0000000300000003)	\
	X("vcmpequw. 5, 3, 4",		e->cr = 0x12345688)		\
	X("vaddsws 6, 7, 7")						\
	X("mfvscr 6")							\
	X("vspltw 6, 6, 3")						\
	X("mfvsrd 5, 38",		e->gpr[5] = 0x0000000100000001)
GUEST_STEPS(vector, VECTOR);

#define SATURATE(X)							\
	X("vspltisw 7, -1")						\
	X("vspltisw 8, 1")						\
	X("vsrw	7, 7, 8")						\
	X("mtvscr 8")
GUEST_STEPS(saturate, SATURATE);

/* vaddsws of 0x7fffffff saturates: VSCR[SAT] sticks, ISA Book I 6.3.2 */
TEST_F(floating, vector)
{
	struct vcpu *v = self->v;

	memset(v->vm->mem + DATA_RA, 0xee, 64);
	load_code(v, CODE_RA, vector, vector_end);
	with_regs(v, r) {
		r.msr |= MSR_ALL_FP;
		r.gpr[3] = vm_ea(v->vm, DATA_RA + 0x1f);
		r.cr = 0x12345678;
	}
	GUEST_RUN(saturate, SATURATE);
	GUEST_RUN(vector, VECTOR);
	/* stvx ignores the low four bits of its address. */
	EXPECT_EQ(0xeeeeeeee, get_data(v->vm, DATA_RA + 12, 4));
	EXPECT_EQ(3, get_data(v->vm, DATA_RA + 16, 4));
	EXPECT_EQ(3, get_data(v->vm, DATA_RA + 28, 4));
	EXPECT_EQ(0xeeeeeeee, get_data(v->vm, DATA_RA + 32, 4));
}

#define VSX(X)								\
	X("lxvd2x 34, 0, 3")						\
	X("mfvsrd 5, 34",		e->gpr[5] = ONE_AND_HALF)	\
	X("xvadddp 33, 34, 34")						\
	X("mfvsrd 5, 33",		e->gpr[5] = 0x4008000000000000)	\
	X("xxpermdi 33, 33, 33, 2")					\
	X("mfvsrd 5, 33",		e->gpr[5] = 0x4010000000000000)	\
	X("stxvd2x 33, 3, 4")						\
	X("ld	6, 16(3)",		e->gpr[6] = 0x4010000000000000)	\
	X("ld	6, 24(3)",		e->gpr[6] = 0x4008000000000000)
GUEST_STEPS(vsx, VSX);

TEST_F(floating, vsx)
{
	struct vcpu *v = self->v;

	put_data(v->vm, DATA_RA, 8, ONE_AND_HALF);
	put_data(v->vm, DATA_RA + 8, 8, TWO);
	with_regs(v, r) {
		r.msr |= MSR_ALL_FP;
		r.gpr[3] = vm_ea(v->vm, DATA_RA);
		r.gpr[4] = 16;
	}
	GUEST_RUN(vsx, VSX);
}

/*
 * All 64 VSRs must survive steps of all kinds: filled, stepped over some
 * instructions, compared.
 */
GUEST_CODE(some, "addi 3, 3, 1; ld 5, 0(4); fadd 1, 1, 1; sync; mfmsr 6\n");

TEST_F(floating, registers_survive)
{
	struct vcpu *v = self->v;
	__u64 before[32];
	int i;

	for (i = 0; i < 32; i++)
		vcpu_set(v, KVM_REG_PPC_FPR(i), 0x4040000000000000ULL + i);
	with_regs(v, r) {
		r.msr |= MSR_ALL_FP;
		r.gpr[4] = vm_ea(v->vm, DATA_RA);
	}
	for (i = 0; i < 32; i++)
		before[i] = vcpu_get(v, KVM_REG_PPC_FPR(i));
	load_code(v, CODE_RA, some, some_end);
	for (i = 0; i < 5; i++) {
		step_expect(v);
		check_exit(v, step_run(v), KVM_EXIT_DEBUG, "some instruction");
	}
	for (i = 0; i < 32; i++) {
		if (i != 1)
			EXPECT_EQ(before[i], vcpu_get(v, KVM_REG_PPC_FPR(i)));
	}
	/* fadd 1, 1, 1 doubled it: the exponent is one more. */
	EXPECT_EQ(before[1] + (1ULL << 52), vcpu_get(v, KVM_REG_PPC_FPR(1)));
}

KVM_TEST_MAIN
