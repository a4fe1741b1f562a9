// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions that need no guest entry to be stepped, where the guest may not
 * fetch them: they must fault as they do unstepped. That an instruction can be
 * read does not mean that it can be executed.
 */
#include "cells.h"

CELL_FIXTURE(fetch);
CELL(fetch, be_ail3, .ail = true, .be_code = true);
CELL(fetch, le_ail3, .ile = true, .ail = true);
HASH_CELLS(fetch);

GUEST_CODE(addi, "addi 3, 3, 1; addi 3, 3, 2; addi 3, 3, 4; b .\n");

static void start(struct vcpu *v, __u64 ra, bool problem)
{
	put_code(v->vm, ra, addi, addi_end);
	with_regs(v, r) {
		r.pc = problem ? ra : KERNEL_EA + ra;
		r.msr = problem ? vm_user_msr(v->vm) : vm_msr(v->vm) | MSR_EE;
		r.gpr[3] = 0;
	}
}

static __u64 nr_emulated(struct vcpu *v)
{
	struct hvstep_counters c;

	get_counters(v, &c);
	return c.emulated;
}

/* It is executed, and, so that the faults below mean something, emulated. */
static void check_executed(struct vcpu *v, const char *what)
{
	__u64 before = nr_emulated(v);
	struct snap s;

	step_expect(v)->gpr[3]++;
	oracle_anywhere(v, &s);
	snap_compare(what, &v->expect, &s);
	step_check(v, what);
	if (!v->vm->reference && nr_emulated(v) != before + 1)
		vm_fail("%s: was not emulated", what);
}

/* SRR1 tells why, and no instruction is executed. */
static void check_interrupt(struct vcpu *v, __u64 vector, __u64 srr1, const char *what)
{
	__u64 before = nr_emulated(v);
	struct snap s;

	expect_interrupt(v, vector, srr1);
	oracle_anywhere(v, &s);
	if (vm_reflects_in_real_mode(v->vm, vector))
		/* kvmppc_hpte_hv_fault() returns SRR1 as an unsigned int. */
		v->expect.r.srr1 = (__u32)v->expect.r.srr1 | (s.r.srr1 & ~0xffffffffULL);
	snap_compare(what, &v->expect, &s);
	step_check(v, what);
	if (nr_emulated(v) != before)
		vm_fail("%s: was emulated", what);
}

static void check_fault(struct vcpu *v, __u64 srr1, const char *what)
{
	check_interrupt(v, 0x400, srr1, what);
}

TEST_F(fetch, no_execute)
{
	struct vcpu *v = self->v;

	start(v, DATA_RA, false);
	check_fault(v, SRR1_ISI_N_G, "kernel's data");
	start(v, READONLY_RA, false);
	check_fault(v, SRR1_ISI_N_G, "kernel's read-only data");
	start(v, USER_DATA_RA, true);
	check_fault(v, SRR1_ISI_N_G, "problem state's data");
}

/* By the segment, which KVM's own walk of the page table does not look at */
TEST_F(fetch, no_execute_segment)
{
	struct vcpu *v = self->v;

	if (v->vm->radix)
		SKIP(return, "for a hash guest");
	start(v, USER_CODE_RA, true);
	check_executed(v, "problem state's code");
	vcpu_forbid_user_segment(v);
	start(v, USER_CODE_RA, true);
	check_fault(v, SRR1_ISI_N_G, "in a segment without execution");
	start(v, CODE_RA, false);
	check_executed(v, "the kernel's, which is another one");
}

GUEST_CODE(slbie, "slbie 6; b .\n");

/* Which KVM's own walk finds all the same: it looks at SLB entries that the guest had. */
TEST_F(fetch, segment_taken_away)
{
	struct vcpu *v = self->v;

	if (v->vm->radix)
		SKIP(return, "for a hash guest");
	start(v, USER_CODE_RA, true);
	check_executed(v, "problem state's code");
	put_code(v->vm, CODE_RA, slbie, slbie_end);
	with_regs(v, r) {
		r.pc = KERNEL_EA + CODE_RA;
		r.msr = vm_msr(v->vm);
		r.gpr[6] = 0;
	}
	step_expect(v);
	step_check(v, "slbie of problem state's segment");
	start(v, USER_CODE_RA, true);
	check_interrupt(v, 0x480, 0, "in a segment that is none any more");
}

TEST_F(fetch, kernels_page_in_problem_state)
{
	struct vcpu *v = self->v;

	start(v, CODE_RA, true);
	check_fault(v, v->vm->radix ? SRR1_ISI_N_G : SRR1_ISI_PROT, "kernel's code");
	start(v, RWX_RA, true);
	check_fault(v, v->vm->radix ? SRR1_ISI_N_G : SRR1_ISI_PROT, "kernel's other code");
}

/* Bits of the address that are for no level of the tree: there is no such segment. */
TEST_F(fetch, beyond_the_tree)
{
	struct vcpu *v = self->v;
	int bit;

	if (!v->vm->radix)
		SKIP(return, "a hash guest's addresses have no such bits");
	for (bit = 52; bit < 62; bit++) {
		__u64 before = nr_emulated(v);
		struct snap s;

		start(v, CODE_RA, false);
		with_regs(v, r)
			r.pc |= 1ULL << bit;
		expect_interrupt(v, 0x480, 0);
		oracle_anywhere(v, &s);
		snap_compare("unstepped, beyond the tree", &v->expect, &s);
		step_check(v, "beyond the tree");
		ASSERT_EQ(before, nr_emulated(v));
	}
}

/* ISA Book III: no instruction is fetched from guarded storage. */
TEST_F(fetch, guarded)
{
	struct vcpu *v = self->v;

	if (!v->vm->radix)
		SKIP(return, "KVM lets no hash guest have guarded memory");
	start(v, SPECIAL_RA, true);
	check_fault(v, SRR1_ISI_N_G, "guarded, problem state");
	start(v, SPECIAL_RA, false);
	check_fault(v, SRR1_ISI_N_G, "guarded, privileged state");
}

/*
 * IAMR: with radix its first pair of bits keeps the kernel from fetching what
 * is problem state's; with a hashed page table each pair is for a storage key.
 */
TEST_F(fetch, iamr)
{
	struct vcpu *v = self->v;
	__u64 ra = v->vm->radix ? USER_CODE_RA : SPECIAL_RA;
	__u64 iamr = 1ULL << (v->vm->radix ? 62 : 62 - 2 * KEY);
	int problem;

	for (problem = 0; problem < 2; problem++) {
		start(v, ra, problem);
		vcpu_set(v, KVM_REG_PPC_IAMR, 0);
		check_executed(v, "IAMR is 0");
		start(v, ra, problem);
		vcpu_set(v, KVM_REG_PPC_IAMR, iamr);
		if (v->vm->radix && problem) {
			check_executed(v, "IAMR, in problem state");
			continue;
		}
		check_fault(v, v->vm->radix ? SRR1_ISI_N_G : SRR1_ISI_KEY,
			    problem ? "IAMR, problem state" : "IAMR, privileged state");
	}
}

/* Nothing is armed there: nobody else may have to wait for a vCPU that sleeps. */
GUEST_CODE(hcall, "sc 1; b .\n");
/* A handler that does not stay where it begins: so that it would be seen to run */
GUEST_CODE(handler, "addi 5, 5, 1; b .\n");

TEST_F(fetch, iamr_before_cede)
{
	struct vcpu *v = self->v;

	if (v->vm->radix)
		SKIP(return, "KVM's walk of a hashed page table leaves keys to hardware");
	put_code(v->vm, SPECIAL_RA, hcall, hcall_end);
	put_words(v->vm, 0x400, handler, handler_end, !variant->cell.ile);
	put_words(v->vm, vm_vector_ra(v->vm, 0x400), handler, handler_end, !variant->cell.ile);
	with_regs(v, r) {
		r.pc = KERNEL_EA + SPECIAL_RA;
		r.msr = vm_msr(v->vm);
		r.gpr[3] = H_CEDE;
	}
	vcpu_set(v, KVM_REG_PPC_IAMR, 1ULL << (62 - 2 * KEY));
	check_fault(v, SRR1_ISI_KEY, "H_CEDE that cannot be fetched");
}

/*
 * The page goes between two steps: the first was emulated, so that the processor
 * has never seen the translation and cannot have kept it.
 */
TEST_F(fetch, page_removed)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	int problem;

	if (!vm->radix)
		SKIP(return, "removed by a hypercall in a hash guest");
	SKIP_REFERENCE();
	for (problem = 0; problem < 2; problem++) {
		__u64 ra = problem ? USER_CODE_RA : RWX_RA;
		__u64 before, leaf;
		struct snap s;

		leaf = vm_get_leaf(vm, ra);
		start(v, ra, problem);
		check_executed(v, "before");
		vm_set_leaf(vm, ra, 0);
		check_fault(v, SRR1_ISI_NOPT, "the page is gone");
		/* The guest's handler has mapped it again, and returns. */
		vm_set_leaf(vm, ra, leaf);
		with_regs(v, r) {
			r.pc = r.srr0;
			r.msr = v->expect.r.srr1 & SRR1_MSR_BITS;
		}
		before = nr_emulated(v);
		step_expect(v)->gpr[3] += 2;
		step_check(v, "the page is back");
		ASSERT_EQ(before + 1, nr_emulated(v));
		snap_take(v, &s);
		ASSERT_EQ(3, s.r.gpr[3]);
	}
}

/*
 * A page without its reference bit: the processor sets it when it fetches, or
 * leaves that to an interrupt (ISA Book III, "Reference and Change Recording").
 */
TEST_F(fetch, referenced)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	__u64 leaf, before;
	struct snap s;
	int problem;

	if (!vm->radix)
		SKIP(return, "the hashed page table is KVM's to read");
	for (problem = 0; problem < 2; problem++) {
		__u64 ra = problem ? USER_CODE_RA : RWX_RA;

		leaf = vm_get_leaf(vm, ra);
		ASSERT_TRUE(leaf & RADIX_LEAF_R);
		vm_set_leaf(vm, ra, leaf & ~RADIX_LEAF_R);
		start(v, ra, problem);
		before = nr_emulated(v);
		step_expect(v);
		oracle_anywhere(v, &s);
		v->expect = s;
		step_check(v, "addi on a page without reference");
		EXPECT_EQ(before, nr_emulated(v));

		vm_set_leaf(vm, ra, leaf);
		start(v, ra, problem);
		check_executed(v, "addi on a page with one");
	}
}

/* The same address of another process, which has nothing there */
TEST_F(fetch, other_process)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	struct kvm_regs r;

	if (!vm->radix)
		SKIP(return, "hash guests have no PID");
	SKIP_REFERENCE();
	start(v, USER_CODE_RA, true);
	check_executed(v, "of process 0");
	vcpu_set(v, KVM_REG_PPC_PID, 5);
	check_exit(v, step_run(v), KVM_EXIT_DEBUG, "of process 5");
	vcpu_get_regs(v, &r);
	ASSERT_EQ(vm_vector(vm, 0x400), r.pc);
	ASSERT_EQ(USER_CODE_RA + 4, r.srr0);
}

KVM_TEST_MAIN
