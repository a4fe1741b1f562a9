// SPDX-License-Identifier: GPL-2.0
/*
 * Prefixed instructions (ISA 3.1 Book I 1.6.3): eight bytes, of which the second
 * four may not be executed alone, and which may not cross 64 bytes. What each
 * does and where it faults is checked against a copy of the guest that runs
 * without hvstep.
 */
#include "cells.h"

CELL_FIXTURE(prefixed);
CELLS(prefixed);
MIXED_CELLS(prefixed);
HASH_CELLS(prefixed);

#define VALUE	0x8123456789abcdefULL

/* SRR1 of an interrupt that a prefixed instruction caused, ISA Book III 7.5 */
#define SRR1_PREFIXED	0x20000000ULL
/* and of an alignment interrupt that it caused by where it is, but not in QEMU */
#define SRR1_CROSSING	0x10000000ULL

GUEST_CODE(paddi, "paddi 3, 4, 0x123456789\n");
GUEST_CODE(pnop, "pnop\n");
GUEST_CODE(pld, "pld 5, 0x100000(3)\n");
GUEST_CODE(pstd, "pstd 5, 0x100000(3)\n");
GUEST_CODE(plfd, "plfd 5, 0x100000(3)\n");
GUEST_CODE(plxv, "plxv 2, 0x100000(3)\n");
/* A type of prefix and a suffix that do not go together */
GUEST_CODE(mismatch, ".long 0x06000000, 0x7c632214\n");

static void start(struct vcpu *v, __u64 offset, const __u32 *p, const __u32 *end, bool problem)
{
	__u64 ra = (problem ? USER_CODE_RA : CODE_RA) + offset;

	vcpu_set(v, KVM_REG_PPC_FSCR, FSCR_PREFIX);
	load_code(v, ra, p, end);
	with_regs(v, r) {
		r.msr = problem ? vm_user_msr(v->vm) : vm_msr(v->vm);
		r.pc = problem ? ra : vm_ea(v->vm, ra);
		r.gpr[3] = (problem ? USER_DATA_RA : vm_ea(v->vm, DATA_RA)) - 0x100000;
		r.gpr[4] = 4;
	}
}

/*
 * v->expect says where it goes, and SRR1 if to a handler; the unstepped copy
 * agrees, and the step does all that it does.
 */
static void check(struct vcpu *v, const char *what)
{
	struct kvm_regs *e = &v->expect.r;
	struct snap s;

	oracle_anywhere(v, &s);
	if (s.r.pc != e->pc || s.r.srr0 != e->srr0 ||
	    (s.r.srr1 | (e->srr1 & SRR1_CROSSING)) != e->srr1)
		vm_fail("%s, unstepped: nip %llx srr0 %llx srr1 %llx instead of %llx %llx %llx",
			what, s.r.pc, s.r.srr0, s.r.srr1, e->pc, e->srr0, e->srr1);
	v->expect = s;
	step_check(v, what);
}

static void expect_next(struct vcpu *v)
{
	step_expect(v)->pc += 4;
}

#define IN_BOTH_STATES(problem)						\
	for (int problem = 0; problem < 2; problem++)

TEST_F(prefixed, executed)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;

	SKIP_BELOW_POWER(10, "a prefixed instruction");
	put_data(vm, DATA_RA, 8, VALUE);
	put_data(vm, USER_DATA_RA, 8, VALUE);
	IN_BOTH_STATES(problem) {
		start(v, 0, paddi, paddi_end, problem);
		expect_next(v);
		v->expect.r.gpr[3] = 0x12345678d;
		step_check(v, "paddi");
		start(v, 0, pnop, pnop_end, problem);
		expect_next(v);
		check(v, "pnop");
		start(v, 0, pld, pld_end, problem);
		expect_next(v);
		v->expect.r.gpr[5] = VALUE;
		step_check(v, "pld");
		/* The last place that does not cross */
		start(v, 56, pld, pld_end, problem);
		expect_next(v);
		v->expect.r.gpr[5] = VALUE;
		step_check(v, "pld at 56");
		start(v, 0, pstd, pstd_end, problem);
		with_regs(v, r)
			r.gpr[5] = VALUE + 1;
		expect_next(v);
		step_check(v, "pstd");
		ASSERT_EQ(VALUE + 1, get_data(vm, problem ? USER_DATA_RA : DATA_RA, 8));
		put_data(vm, DATA_RA, 8, VALUE);
		put_data(vm, USER_DATA_RA, 8, VALUE);
	}
}

TEST_F(prefixed, crossing_64_bytes)
{
	struct vcpu *v = self->v;

	SKIP_BELOW_POWER(10, "a prefixed instruction");
	IN_BOTH_STATES(problem) {
		start(v, 60, pnop, pnop_end, problem);
		expect_interrupt(v, 0x600, SRR1_PREFIXED | SRR1_CROSSING);
		check(v, "pnop at 60");
		start(v, 124, pld, pld_end, problem);
		expect_interrupt(v, 0x600, SRR1_PREFIXED | SRR1_CROSSING);
		check(v, "pld at 124");
		/* The suffix in another page */
		start(v, 0xffc, paddi, paddi_end, problem);
		expect_interrupt(v, 0x600, SRR1_PREFIXED | SRR1_CROSSING);
		check(v, "paddi at the end of a page");
	}
}

TEST_F(prefixed, storage_fault)
{
	struct vcpu *v = self->v;

	SKIP_BELOW_POWER(10, "a prefixed instruction");
	if (!variant->cell.ail)
		SKIP(return, "real mode has no page tables");
	IN_BOTH_STATES(problem) {
		__u64 ea = problem ? UNMAPPED_RA : vm_ea(v->vm, UNMAPPED_RA);

		start(v, 0, pld, pld_end, problem);
		with_regs(v, r)
			r.gpr[3] = ea - 0x100000 + 8;
		expect_interrupt(v, 0x300, SRR1_PREFIXED);
		check(v, "pld, no page");
		ASSERT_EQ(ea + 8, v->got.dar);
		start(v, 0, pstd, pstd_end, problem);
		with_regs(v, r)
			r.gpr[3] = (problem ? USER_CODE_RA : vm_ea(v->vm, READONLY_RA)) - 0x100000;
		expect_interrupt(v, 0x300, SRR1_PREFIXED);
		check(v, "pstd, read-only page");
		start(v, 0, pld, pld_end, problem);
		with_regs(v, r)
			r.gpr[3] = NO_SEGMENT_EA;
		expect_interrupt(v, 0x380, SRR1_PREFIXED);
		check(v, "pld, no segment");
	}
}

TEST_F(prefixed, unavailable)
{
	struct vcpu *v = self->v;

	SKIP_BELOW_POWER(10, "a prefixed instruction");
	IN_BOTH_STATES(problem) {
		start(v, 0, plfd, plfd_end, problem);
		expect_interrupt(v, 0x800, SRR1_PREFIXED);
		check(v, "plfd, MSR[FP]=0");
		start(v, 0, plxv, plxv_end, problem);
		expect_interrupt(v, 0xf40, SRR1_PREFIXED);
		check(v, "plxv, MSR[VSX]=0");
		start(v, 0, mismatch, mismatch_end, problem);
		expect_interrupt(v, 0x700, SRR1_PREFIXED | SRR1_PROGILL);
		check(v, "prefix and suffix of no meaning");
	}
}

/* FSCR[PREFIX] keeps them from problem state; the cause goes to FSCR. */
TEST_F(prefixed, facility)
{
	struct vcpu *v = self->v;
	__u64 next;

	SKIP_BELOW_POWER(10, "a prefixed instruction");
	start(v, 0, paddi, paddi_end, false);
	vcpu_set(v, KVM_REG_PPC_FSCR, FSCR_DSCR);
	expect_next(v);
	check(v, "paddi in privileged state, FSCR[PREFIX]=0");

	start(v, 0, pld, pld_end, true);
	vcpu_set(v, KVM_REG_PPC_FSCR, FSCR_DSCR);
	expect_next(v);
	next = v->expect.r.pc;
	oracle_anywhere(v, &v->expect);
	step_check(v, "pld, FSCR[PREFIX]=0");
	if (v->expect.r.pc == next)
		SKIP(return, "QEMU's processors do not look at FSCR[PREFIX]");
	ASSERT_EQ(vm_vector(v->vm, 0xf60), v->expect.r.pc);
	ASSERT_EQ(FSCR_INTR_CAUSE(13) | FSCR_DSCR, vcpu_get(v, KVM_REG_PPC_FSCR));
}

/* Where the breakpoint of a step would be: it is put eight bytes behind. */
TEST_F(prefixed, at_trace_vector)
{
	static const struct {
		const char *name;
		const __u32 *p, *end;
	} insns[] = {
		{ "paddi", paddi, paddi_end }, { "pnop", pnop, pnop_end },
		{ "pld", pld, pld_end }, { "pstd", pstd, pstd_end },
	};
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	size_t i;

	SKIP_BELOW_POWER(10, "a prefixed instruction");
	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		start(v, 0, insns[i].p, insns[i].end, false);
		put_handler(vm, 0xd00, insns[i].p, insns[i].end);
		put_data(vm, DATA_RA, 8, VALUE);
		with_regs(v, r) {
			r.pc = vm_vector(vm, 0xd00);
			r.msr = vm_intr_msr(vm, vm_msr(vm));
			r.gpr[5] = VALUE + i;
		}
		expect_next(v);
		if (!strcmp(insns[i].name, "paddi"))
			v->expect.r.gpr[3] = 0x12345678d;
		if (!strcmp(insns[i].name, "pld"))
			v->expect.r.gpr[5] = vm->cell->ile == !vm->cell->be_code ?
				VALUE : __builtin_bswap64(VALUE);
		step_check(v, insns[i].name);
	}
	/* The guest's own trace interrupt comes behind all eight bytes. */
	start(v, 0, pld, pld_end, false);
	with_regs(v, r)
		r.msr |= MSR_SE;
	expect_next(v);
	v->expect.r.srr0 = v->expect.r.pc;
	v->expect.r.pc = vm_vector(vm, 0xd00);
	{
		struct snap s;

		oracle_anywhere(v, &s);
		ASSERT_EQ(v->expect.r.pc, s.r.pc);
		ASSERT_EQ(v->expect.r.srr0, s.r.srr0);
		v->expect = s;
	}
	step_check(v, "pld with SE=1");
}

KVM_TEST_MAIN
