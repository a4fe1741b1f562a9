// SPDX-License-Identifier: GPL-2.0
/* Branches: where they go, and what they do to LR and CTR */
#include "cells.h"

CELL_FIXTURE(branch);
CELLS(branch);
MIXED_CELLS(branch);

/* Instructions jumped over are traps, so that none can pass for a step. */
#define RELATIVE(X)							\
	X("b	1f; trap; 1:",		e->pc += 4)			\
	X("bl	1f; trap; 1:",		e->lr = e->pc; e->pc += 4)	\
	X("cmpd	3, 4",			e->cr = 0x82345678)		\
	X("beq	2f")							\
	X("bne	1f; trap; 1:",		e->pc += 4)			\
	X("blt+	1f; trap; trap; 1:",	e->pc += 8)			\
	X("bgt-	2f")							\
	X("bltl	1f; trap; 1:",		e->lr = e->pc; e->pc += 4)	\
	X("bgtl	2f",			e->lr = e->pc)			\
	X("li	5, 3",			e->gpr[5] = 3)			\
	X("mtctr 5",			e->ctr = 3)			\
	X("bdnz	1f; trap; 1:",		e->ctr = 2; e->pc += 4)		\
	X("bdz	2f",			e->ctr = 1)			\
	X("bdz	1f; trap; 1:",		e->ctr = 0; e->pc += 4)		\
	X("bdnz	1f; trap; 1:",		e->ctr = -1ULL; e->pc += 4)	\
	X("bdnzt lt, 1f; trap; 1:",	e->ctr = -2ULL; e->pc += 4)	\
	X("bdnzf lt, 2f",		e->ctr = -3ULL)			\
	X("bcl	20, 31, .+4",		e->lr = e->pc)			\
	X("b	1f; 2: trap; 1:",	e->pc += 4)			\
	X("nop")
GUEST_STEPS(relative, RELATIVE);

TEST_F(branch, relative)
{
	struct vcpu *v = self->v;

	GUEST_RUN(relative, RELATIVE);
}

/* ISA Book I 2.4: the low two bits of LR, CTR and TAR are not used. */
#define REGISTERS(X)							\
	X("mtlr	3",			e->lr = there | 3)		\
	X("mtctr 4",			e->ctr = there)			\
	X("blr",			e->pc = there)
#define AT_TARGET(X)							\
	X("bctrl",			e->lr = e->pc; e->pc = there)	\
	X("bnectr",			e->pc = there)			\
	X("beqctr")							\
	X("mtlr	5",			e->lr = there + 24)		\
	X("blrl",			e->lr = e->pc; e->pc = there + 24) \
	X("trap")							\
	X("beqlr")
GUEST_STEPS(registers, REGISTERS);
GUEST_STEPS(at_target, AT_TARGET);

TEST_F(branch, registers)
{
	struct vcpu *v = self->v;
	__u64 there = vm_ea(v->vm, CODE_RA + 0x1000);
	__u64 at;

	put_code(v->vm, CODE_RA + 0x1000, at_target, at_target_end);
	with_regs(v, r) {
		r.gpr[3] = there | 3;
		r.gpr[4] = there;
		r.gpr[5] = there + 24;
	}
	GUEST_RUN(registers, REGISTERS);

	/* bctrl goes to itself: only LR tells that it was executed. */
	if (!v->vm->reference) {
		step_expect(v)->pc = there;
		v->expect.r.lr = there + 4;
		step_check(v, "bctrl to itself");
	}
	with_regs(v, r) {
		r.pc = there + 4;
		r.lr = there + 4;
	}
	step_expect(v)->pc = there;
	step_check(v, "bnectr");
	with_regs(v, r)
		r.pc = there + 8;
	step_expect(v);
	step_check(v, "beqctr, not taken");
	step_expect(v)->lr = there + 24;
	step_check(v, "mtlr");
	at = there + 16;
	step_expect(v)->pc = there + 24;
	v->expect.r.lr = at + 4;
	step_check(v, "blrl");
	step_expect(v);
	step_check(v, "beqlr, not taken");
}

#define TAR(X)								\
	X("mtspr 815, 3")						\
	X("bctar 12, 2")						\
	X("bctarl 20, 0",		e->lr = e->pc; e->pc = there)
GUEST_STEPS(tar, TAR);

TEST_F(branch, tar)
{
	struct vcpu *v = self->v;
	__u64 there = vm_ea(v->vm, CODE_RA + 0x2000);

	put_insn(v->vm, CODE_RA + 0x2000, PPC_INST_NOP, v->vm->cell->be_code);
	with_regs(v, r)
		r.gpr[3] = there;
	GUEST_RUN(tar, TAR);
}

#define ABSOLUTE(X)							\
	X("ba	0x2800",		e->pc = 0x2800)
GUEST_STEPS(absolute, ABSOLUTE);

TEST_F(branch, absolute)
{
	struct vcpu *v = self->v;

	if (variant->cell.ail)
		SKIP(return, "the kernel does not live there");
	GUEST_RUN(absolute, ABSOLUTE);
}

GUEST_CODE(to_itself, "b .\n");
GUEST_CODE(self_ctr, "bdnz .; nop\n");

TEST_F(branch, to_itself)
{
	struct vcpu *v = self->v;
	int i;

	SKIP_REFERENCE();
	load_code(v, CODE_RA, to_itself, to_itself_end);
	for (i = 0; i < 10; i++) {
		step_expect(v)->pc -= 4;
		step_check(v, "b .");
	}
	load_code(v, CODE_RA, self_ctr, self_ctr_end);
	with_regs(v, r)
		r.ctr = 10;
	/* Each turn is one step, for each is one instruction. */
	for (i = 9; i >= 0; i--) {
		step_expect(v)->ctr = i;
		if (i)
			v->expect.r.pc -= 4;
		step_check(v, "bdnz .");
	}
}

/* A loop of real work, stepped throughout: the sum of 1 to 50 */
GUEST_CODE(sum,
	   "li	3, 0\n"
	   "li	4, 50\n"
	   "mtctr	4\n"
	   "1: mfctr 5\n"
	   "add	3, 3, 5\n"
	   "bdnz	1b\n"
	   "nop\n");

TEST_F(branch, loop)
{
	struct vcpu *v = self->v;
	__u64 start = vm_ea(v->vm, CODE_RA), total = 0;
	struct kvm_regs *e;
	int i;

	load_code(v, CODE_RA, sum, sum_end);
	step_expect(v)->gpr[3] = 0;
	step_check(v, "li");
	step_expect(v)->gpr[4] = 50;
	step_check(v, "li");
	step_expect(v)->ctr = 50;
	step_check(v, "mtctr");
	for (i = 50; i > 0; i--) {
		step_expect(v)->gpr[5] = i;
		step_check(v, "mfctr");
		total += i;
		step_expect(v)->gpr[3] = total;
		step_check(v, "add");
		e = step_expect(v);
		e->ctr = i - 1;
		e->pc = i > 1 ? start + 12 : start + 24;
		step_check(v, "bdnz");
	}
}

/*
 * ISA Book I 2.4: with SF=0 branches compute 32 bits of the next address, and
 * LR gets the high half as zero.
 */
GUEST_CODE(mode_32, "bctr\n");

TEST_F(branch, mode_32)
{
	struct vcpu *v = self->v;

	if (variant->cell.ail)
		SKIP(return, "the kernel's addresses need 64 bits");
	put_insn(v->vm, CODE_RA + 0x1000, PPC_INST_NOP, v->vm->cell->be_code);
	load_code(v, CODE_RA, mode_32, mode_32_end);
	with_regs(v, r) {
		r.msr &= ~MSR_SF;
		r.ctr = 0x1234567800000000 + CODE_RA + 0x1000;
	}
	step_expect(v)->pc = CODE_RA + 0x1000;
	step_check(v, "bctr with SF=0");
	step_expect(v);
	step_check(v, "nop with SF=0");
}

KVM_TEST_MAIN
