// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's own use of what stepping uses: MSR[SE] and MSR[BE] set by the
 * guest, and its trace handler being stepped.
 */
#include <errno.h>

#include "cells.h"

CELL_FIXTURE(trace);
CELLS(trace);
MIXED_CELLS(trace);
HASH_CELLS(trace);

/*
 * The trace interrupt the guest has asked for: SRR0 is the next instruction.
 * SRR1 33:36 and 43 tell the cause in a way that differs by processor, so that
 * a processor says it: the copy of the guest that runs unstepped.
 */
static struct kvm_regs *expect_trace(struct vcpu *v, __u64 next)
{
	struct kvm_regs *e = expect_interrupt(v, 0xd00, 0);
	__u64 srr1 = e->srr1;
	struct snap s;

	e->srr0 = next;
	oracle_run(v, &s);
	if ((s.r.srr1 & SRR1_MSR_BITS) != srr1)
		vm_fail("unstepped trace: SRR1 is %llx, expected %llx", s.r.srr1, srr1);
	e->srr1 = s.r.srr1;
	return e;
}

static void start(struct vcpu *v, __u64 ra, const __u32 *p, const __u32 *end, __u64 bits)
{
	load_code(v, ra, p, end);
	with_regs(v, r) {
		r.msr = vm_msr(v->vm) | bits;
		r.gpr[3] = 0;
		r.gpr[5] = vm_ea(v->vm, DATA_RA);
	}
}

GUEST_CODE(addi, "addi 3, 3, 1; nop\n");
GUEST_CODE(ld, "ld 4, 0(5); nop\n");
GUEST_CODE(mfmsr, "mfmsr 4; nop\n");
GUEST_CODE(branch, "b .+8; trap; nop\n");
GUEST_CODE(not_taken, "beq .+8; nop\n");
GUEST_CODE(bdnz, "bdnz .+8; nop\n");
GUEST_CODE(sc, "sc; nop\n");
GUEST_CODE(rfid, "rfid\n");
GUEST_CODE(ld_unmapped, "ld 4, 0(6); nop\n");

TEST_F(trace, own_se)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	__u64 at = vm_ea(vm, CODE_RA);
	int ee;

	for (ee = 0; ee < 2; ee++) {
		__u64 bits = MSR_SE | (ee ? MSR_EE : 0);

		start(v, CODE_RA, addi, addi_end, bits);
		expect_trace(v, at + 4)->gpr[3] = 1;
		step_check(v, "addi with SE=1");

		start(v, CODE_RA, ld, ld_end, bits);
		expect_trace(v, at + 4)->gpr[4] = 0;
		step_check(v, "ld with SE=1");

		/* Its own SE is what the guest must see. */
		start(v, CODE_RA, mfmsr, mfmsr_end, bits);
		expect_trace(v, at + 4)->gpr[4] = vm_msr(vm) | bits;
		step_check(v, "mfmsr with SE=1");

		start(v, CODE_RA, branch, branch_end, bits);
		expect_trace(v, at + 8);
		step_check(v, "b with SE=1");
	}
}

/* No trace, ISA Book III 7.5.16, but the handler's own SRR1 keeps SE. */
TEST_F(trace, own_se_not_traced)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	__u64 there = vm_ea(vm, CODE_RA + 0x1000);

	start(v, CODE_RA, sc, sc_end, MSR_SE);
	expect_interrupt(v, 0xc00, 0);
	ASSERT_TRUE(v->expect.r.srr1 & MSR_SE);
	step_check(v, "sc with SE=1");

	if (variant->cell.ail) {
		start(v, CODE_RA, ld_unmapped, ld_unmapped_end, MSR_SE | MSR_EE);
		with_regs(v, r)
			r.gpr[6] = KERNEL_EA + UNMAPPED_RA;
		expect_interrupt(v, 0x300, 0);
		v->expect.dar = KERNEL_EA + UNMAPPED_RA;
		v->expect.dsisr = DSISR_NOHPTE;
		step_check(v, "ld with SE=1, no page");
	}

	/* A debugger's way into a program it traces */
	put_code(vm, CODE_RA + 0x1000, addi, addi_end);
	start(v, CODE_RA, rfid, rfid_end, 0);
	with_regs(v, r) {
		r.srr0 = there;
		r.srr1 = r.msr | MSR_SE;
	}
	step_expect(v)->pc = there;
	v->expect.r.msr |= MSR_SE;
	if (!vm->reference)
		step_check(v, "rfid to SE=1");
	else
		vcpu_set_regs(v, &v->expect.r);
	expect_trace(v, there + 4)->gpr[3] = 1;
	step_check(v, "addi after rfid to SE=1");
}

/* Branch trace: only branches, taken or not */
TEST_F(trace, own_be)
{
	struct vcpu *v = self->v;
	__u64 at = vm_ea(v->vm, CODE_RA);

	start(v, CODE_RA, addi, addi_end, MSR_BE);
	step_expect(v)->gpr[3] = 1;
	step_check(v, "addi with BE=1");
	start(v, CODE_RA, ld, ld_end, MSR_BE);
	step_expect(v)->gpr[4] = 0;
	step_check(v, "ld with BE=1");
	start(v, CODE_RA, branch, branch_end, MSR_BE);
	expect_trace(v, at + 8);
	step_check(v, "b with BE=1");
	start(v, CODE_RA, not_taken, not_taken_end, MSR_BE);
	with_regs(v, r)
		r.cr = 0;
	expect_trace(v, at + 4);
	step_check(v, "beq, not taken, with BE=1");
	start(v, CODE_RA, bdnz, bdnz_end, MSR_BE);
	with_regs(v, r)
		r.ctr = 1;
	expect_trace(v, at + 4)->ctr = 0;
	step_check(v, "bdnz, not taken, with BE=1");
}

/*
 * CIABR: the trace interrupt comes behind the instruction at that address, in
 * that state, and behind no other. QEMU's processors take it before the
 * instruction, so what the unstepped one does is all there is to expect.
 */
#define CIABR_PROBLEM		1
#define CIABR_PRIVILEGED	2

static void ciabr_start(struct vcpu *v, const __u32 *p, const __u32 *end, bool problem,
			__u64 ciabr)
{
	__u64 ra = problem ? USER_CODE_RA : CODE_RA;

	start(v, ra, p, end, 0);
	with_regs(v, r) {
		if (problem) {
			r.pc = USER_CODE_RA;
			r.msr = vm_user_msr(v->vm);
			r.gpr[5] = USER_DATA_RA;
		}
		vcpu_set(v, KVM_REG_PPC_CIABR, r.pc + ciabr);
	}
}

static void check_ciabr(struct vcpu *v, const char *what)
{
	struct snap s;

	expect_interrupt(v, 0xd00, 0);
	oracle_run(v, &s);
	v->expect = s;
	step_check(v, what);
}

TEST_F(trace, own_ciabr)
{
	struct vcpu *v = self->v;
	int problem;

	for (problem = 0; problem < 2; problem++) {
		int priv = problem ? CIABR_PROBLEM : CIABR_PRIVILEGED;

		ciabr_start(v, addi, addi_end, problem, priv);
		check_ciabr(v, "addi with CIABR");
		ciabr_start(v, ld, ld_end, problem, priv);
		check_ciabr(v, "ld with CIABR");
		ciabr_start(v, branch, branch_end, problem, priv);
		check_ciabr(v, "b with CIABR");

		ciabr_start(v, addi, addi_end, problem, priv ^ 3);
		step_expect(v)->gpr[3] = 1;
		step_check(v, "addi with CIABR of the other state");
		ciabr_start(v, addi, addi_end, problem, 0);
		step_expect(v)->gpr[3] = 1;
		step_check(v, "addi with CIABR disabled");
		/* The reference's breakpoint is the next instruction. */
		if (v->vm->reference)
			continue;
		if (!problem) {
			/* It is not executed by the processor; and comes behind the instruction. */
			ciabr_start(v, mfmsr, mfmsr_end, problem, priv);
			expect_trace(v, vm_ea(v->vm, CODE_RA) + 4)->gpr[4] = vm_msr(v->vm);
			step_check(v, "mfmsr with CIABR");
		}
		ciabr_start(v, addi, addi_end, problem, 4 + priv);
		step_expect(v)->gpr[3] = 1;
		step_check(v, "addi with CIABR of the next instruction");
		ciabr_start(v, ld, ld_end, problem, 4 + priv);
		step_expect(v)->gpr[4] = 0;
		step_check(v, "ld with CIABR of the next instruction");
	}
}

/*
 * A debugger inside the guest, itself debugged: its program is in problem
 * state, with SE; its handler counts in SPRG0 and returns.
 */
GUEST_CODE(program, "1: addi 3, 3, 1; ld 4, 0(5); b 1b\n");
GUEST_CODE(trace_handler, "mtsprg 1, 9; mfsprg 9, 0; addi 9, 9, 1; mtsprg 0, 9\n"
	   "mfsprg 9, 1; rfid\n");

TEST_F(trace, nested_debugger)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	__u64 next, srr1;
	struct kvm_regs *e;
	int i;

	put_handler(vm, 0xd00, trace_handler, trace_handler_end);
	start(v, USER_CODE_RA, program, program_end, 0);
	with_regs(v, r) {
		r.pc = USER_CODE_RA;
		r.msr = vm_user_msr(vm) | MSR_SE;
		r.gpr[5] = USER_DATA_RA;
		r.sprg0 = 0;
	}
	for (i = 0; i < 9; i++) {
		next = USER_CODE_RA + (i + 1) % 3 * 4;
		e = expect_trace(v, next);
		if (i % 3 == 0)
			e->gpr[3]++;
		if (i % 3 == 1)
			e->gpr[4] = 0;
		step_check(v, "a traced program");
		step_expect(v)->sprg1 = v->expect.r.gpr[9];
		step_check(v, "mtsprg in the trace handler");
		step_expect(v)->gpr[9] = i;
		step_check(v, "mfsprg in the trace handler");
		step_expect(v)->gpr[9] = i + 1;
		step_check(v, "addi in the trace handler");
		step_expect(v)->sprg0 = i + 1;
		step_check(v, "mtsprg in the trace handler");
		step_expect(v)->gpr[9] = v->expect.r.sprg1;
		step_check(v, "mfsprg in the trace handler");
		e = step_expect(v);
		srr1 = e->srr1;
		e->pc = next;
		e->msr = (e->msr & ~SRR1_MSR_BITS) | (srr1 & SRR1_MSR_BITS);
		if (!vm->reference)
			step_check(v, "rfid of the trace handler");
		else
			vcpu_set_regs(v, e);
	}
}

/* What stands at the vectors is executed, whatever it is. */
GUEST_CODE(at_vector_addi, "addi 3, 3, 1; nop\n");
GUEST_CODE(at_vector_mtsprg, "mtsprg 0, 3; nop\n");
GUEST_CODE(at_vector_ld, "ld 4, 0(5); nop\n");
GUEST_CODE(at_vector_std, "std 3, 0(5); nop\n");
GUEST_CODE(at_vector_b, "b .+8; trap; nop\n");
GUEST_CODE(at_vector_bl, "bl .+8; trap; nop\n");
GUEST_CODE(at_vector_mfsrr0, "mfsrr0 4; nop\n");
GUEST_CODE(at_vector_lwarx, "lwarx 4, 0, 5; nop\n");
GUEST_CODE(at_vector_fadd, "fadd 1, 1, 1; nop\n");
GUEST_CODE(at_vector_sc, "sc; nop\n");

static void start_at(struct vcpu *v, __u64 vector, const __u32 *p, const __u32 *end)
{
	struct vm *vm = v->vm;

	put_handler(vm, vector, p, end);
	with_regs(v, r) {
		r.msr = vm_intr_msr(vm, vm_msr(vm)) | MSR_FP;
		r.pc = vm_vector(vm, vector);
		r.gpr[3] = 7;
		r.gpr[5] = vm_ea(vm, DATA_RA);
	}
}

static void step_at(struct vcpu *v, __u64 vector)
{
	put_data(v->vm, DATA_RA, 8, 0);
#define AT(name)	start_at(v, vector, at_vector_##name, at_vector_##name##_end)
	AT(addi);
	step_expect(v)->gpr[3] = 8;
	step_check(v, "addi at a vector");
	AT(mtsprg);
	step_expect(v)->sprg0 = 7;
	step_check(v, "mtsprg at a vector");
	AT(ld);
	step_expect(v)->gpr[4] = 0;
	step_check(v, "ld at a vector");
	AT(std);
	step_expect(v);
	step_check(v, "std at a vector");
	AT(b);
	step_expect(v)->pc += 4;
	step_check(v, "b at a vector");
	AT(bl);
	step_expect(v)->lr = v->expect.r.pc;
	v->expect.r.pc += 4;
	step_check(v, "bl at a vector");
	AT(mfsrr0);
	step_expect(v)->gpr[4] = v->expect.r.srr0;
	step_check(v, "mfsrr0 at a vector");
	put_data(v->vm, DATA_RA, 8, 0);
	AT(lwarx);
	step_expect(v)->gpr[4] = 0;
	step_check(v, "lwarx at a vector");
	AT(fadd);
	step_expect(v);
	step_check(v, "fadd at a vector");
	if (vector != 0xc00) {
		AT(sc);
		expect_interrupt(v, 0xc00, 0);
		step_check(v, "sc at a vector");
	}
}

TEST_F(trace, at_trace_vector)
{
	step_at(self->v, 0xd00);
}

TEST_F(trace, at_other_vectors)
{
	step_at(self->v, 0x300);
	step_at(self->v, 0x700);
	step_at(self->v, 0xc00);
}

/*
 * The trace handler's first instruction by another address of the same page:
 * the trace interrupt would come back to it.
 */
#define ALIAS(name, bits)						\
	start_at(v, 0xd00, at_vector_##name, at_vector_##name##_end);	\
	with_regs(v, r) {						\
		r.pc = vm_vector_ra(v->vm, 0xd00);			\
		r.msr = vm_msr(v->vm) | (bits);				\
		if (v->vm->cell->ile == v->vm->cell->be_code)		\
			r.msr ^= MSR_LE;				\
	}

TEST_F(trace, alias_of_trace_vector)
{
	struct vcpu *v = self->v;
	int ret;

	if (!variant->cell.ail)
		SKIP(return, "real mode has no second address");
	ALIAS(addi, 0);
	step_expect(v)->gpr[3] = 8;
	step_check(v, "addi");
	ALIAS(std, MSR_EE);
	step_expect(v);
	step_check(v, "std");
	ALIAS(b, 0);
	step_expect(v)->pc += 4;
	step_check(v, "b");
	ALIAS(mtsprg, 0);
	step_expect(v)->sprg0 = 7;
	step_check(v, "mtsprg");
	/* The guest's own trace interrupt leads back here, where no word can be. */
	SKIP_REFERENCE();
	ALIAS(addi, MSR_SE);
	step_expect(v)->pc -= 4;
	ret = step_run(v);
	EXPECT_EQ(-EOPNOTSUPP, ret);
	snap_take(v, &v->got);
	snap_compare("addi with SE=1, refused", &v->expect, &v->got);
	vm_check_sealed(v->vm, "addi with SE=1, refused");
}

KVM_TEST_MAIN
