// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions that fault: the step ends at the first instruction of the
 * guest's handler, with the registers the same fault leaves unstepped. Those
 * are checked twice: against the ISA, and against a copy of the guest that
 * runs to a breakpoint at the handler in a VM without hvstep.
 */
#include "cells.h"

CELL_FIXTURE(fault);
CELLS(fault);
MIXED_CELLS(fault);
HASH_CELLS(fault);

/* v->expect is what the ISA says; the step and the unstepped copy agree. */
static void check_fault(struct vcpu *v, const char *what)
{
	struct snap unstepped;

	oracle_run(v, &unstepped);
	snap_compare(what, &v->expect, &unstepped);
	step_check(v, what);
}

/* Kernel with EE=0 and EE=1, and problem state; registers as before afterwards */
static void in_each_state(struct vcpu *v, const __u32 *p, const __u32 *end,
			  void (*one)(struct vcpu *, const char *), const char *what)
{
	struct kvm_regs start;
	char text[128];
	int state;

	vcpu_get_regs(v, &start);
	for (state = 0; state < 3; state++) {
		static const char * const names[] = { "EE=0", "EE=1", "problem state" };

		vcpu_set_regs(v, &start);
		load_code(v, state == 2 ? USER_CODE_RA : CODE_RA, p, end);
		with_regs(v, r) {
			if (state == 1)
				r.msr |= MSR_EE;
			if (state == 2) {
				r.msr |= vm_user_msr(v->vm);
				r.pc = USER_CODE_RA;
			}
		}
		snprintf(text, sizeof(text), "%s, %s", what, names[state]);
		one(v, text);
	}
	vcpu_set_regs(v, &start);
}

static bool in_problem_state(struct vcpu *v)
{
	struct kvm_regs r;

	vcpu_get_regs(v, &r);
	return r.msr & MSR_PR;
}

static void expect_storage(struct vcpu *v, __u64 dar, __u32 dsisr)
{
	expect_interrupt(v, 0x300, 0);
	v->expect.dar = dar;
	v->expect.dsisr = dsisr;
}

GUEST_CODE(load, "ld 5, 0(3)\n");
GUEST_CODE(store, "std 5, 0(3)\n");
GUEST_CODE(update, "lwzu 5, 8(3)\n");
GUEST_CODE(trap_code, "trap\n");
GUEST_CODE(nothing, "nop\n");

static void one_load(struct vcpu *v, const char *what)
{
	__u64 ea = in_problem_state(v) ? UNMAPPED_RA : vm_ea(v->vm, UNMAPPED_RA);

	with_regs(v, r)
		r.gpr[3] = ea + 0x123;
	expect_storage(v, ea + 0x123, DSISR_NOHPTE);
	check_fault(v, what);
}

static void one_update(struct vcpu *v, const char *what)
{
	__u64 ea = in_problem_state(v) ? UNMAPPED_RA : vm_ea(v->vm, UNMAPPED_RA);

	with_regs(v, r)
		r.gpr[3] = ea;
	expect_storage(v, ea + 8, DSISR_NOHPTE);
	check_fault(v, what);
}

static void one_store(struct vcpu *v, const char *what)
{
	__u64 ea = in_problem_state(v) ? UNMAPPED_RA : vm_ea(v->vm, UNMAPPED_RA);

	with_regs(v, r)
		r.gpr[3] = ea;
	expect_storage(v, ea, DSISR_NOHPTE | DSISR_ISSTORE);
	check_fault(v, what);
}

/* Kernel: its vectors, which it maps read-only. Problem state: the kernel's. */
static void one_protected(struct vcpu *v, const char *what)
{
	__u64 ea = in_problem_state(v) ? USER_CODE_RA : vm_vector(v->vm, 0xd00);

	with_regs(v, r)
		r.gpr[3] = ea;
	expect_storage(v, ea, DSISR_PROTFAULT | DSISR_ISSTORE);
	check_fault(v, what);
}

static void one_privileged_page(struct vcpu *v, const char *what)
{
	if (!in_problem_state(v))
		return;
	with_regs(v, r)
		r.gpr[3] = DATA_RA;
	expect_storage(v, DATA_RA, DSISR_PROTFAULT);
	check_fault(v, what);
}

TEST_F(fault, data_storage)
{
	if (!variant->cell.ail)
		SKIP(return, "real mode has no page tables");
	in_each_state(self->v, load, load_end, one_load, "load, no page");
	in_each_state(self->v, update, update_end, one_update, "lwzu, no page");
	in_each_state(self->v, store, store_end, one_store, "store, no page");
	in_each_state(self->v, store, store_end, one_protected, "store, read-only page");
	in_each_state(self->v, load, load_end, one_privileged_page, "load, kernel page");
}

/* ISA Book III 7.5.4: DAR is the EA; DSISR is undefined, so as it comes. */
static void one_segment(struct vcpu *v, const char *what)
{
	struct snap s;

	with_regs(v, r)
		r.gpr[3] = NO_SEGMENT_EA + 0x120;
	expect_interrupt(v, 0x380, 0);
	v->expect.dar = NO_SEGMENT_EA + 0x120;
	oracle_run(v, &s);
	v->expect.dsisr = s.dsisr;
	check_fault(v, what);
}

TEST_F(fault, data_segment)
{
	if (!variant->cell.ail)
		SKIP(return, "real mode has no segments");
	in_each_state(self->v, load, load_end, one_segment, "load, no segment");
}

#define HIGH_32		0xffffffff00000000ULL

/* SRR0 is the address that could not be fetched: the branch there was a step. */
static void one_fetch(struct vcpu *v, const char *what, __u64 pc, __u64 vector, __u64 srr1)
{
	struct snap s;

	with_regs(v, r)
		r.pc = pc;
	expect_interrupt(v, vector, srr1);
	if (vm_reflects_in_real_mode(v->vm, vector)) {
		/* kvmppc_hpte_hv_fault() returns SRR1 as an unsigned int. */
		oracle_run(v, &s);
		v->expect.r.srr1 = (v->expect.r.srr1 & ~HIGH_32) | (s.r.srr1 & HIGH_32);
	}
	check_fault(v, what);
}

GUEST_CODE(jump, "bctr\n");

static void one_jump(struct vcpu *v, const char *what)
{
	struct kvm_regs r;
	bool user = in_problem_state(v);
	__u64 ea = user ? UNMAPPED_RA : vm_ea(v->vm, UNMAPPED_RA);

	vcpu_get_regs(v, &r);
	r.ctr = ea;
	vcpu_set_regs(v, &r);
	if (!v->vm->reference) {
		step_expect(v)->pc = ea;
		step_check(v, what);
	}
	one_fetch(v, what, ea, 0x400, SRR1_ISI_NOPT);
	vcpu_set_regs(v, &r);
	one_fetch(v, what, user ? USER_DATA_RA : vm_ea(v->vm, DATA_RA), 0x400, SRR1_ISI_N_G);
	vcpu_set_regs(v, &r);
	one_fetch(v, what, NO_SEGMENT_EA, 0x480, 0);
}

TEST_F(fault, instruction_storage)
{
	if (!variant->cell.ail)
		SKIP(return, "real mode has no page tables");
	in_each_state(self->v, jump, jump_end, one_jump, "branch to where nothing can be fetched");
}

/* Problem state's addresses that have the values of the handlers' in real mode */
TEST_F(fault, fetch_at_handlers_address)
{
	static const __u64 eas[] = { 0x300, 0x400, 0xd00, 0xc00 };
	struct vcpu *v = self->v;
	struct kvm_regs start;
	size_t i;

	if (!variant->cell.ail)
		SKIP(return, "real mode has no page tables");
	vcpu_get_regs(v, &start);
	for (i = 0; i < ARRAY_SIZE(eas); i++) {
		vcpu_set_regs(v, &start);
		with_regs(v, r) {
			r.msr = vm_user_msr(v->vm);
			r.pc = eas[i];
		}
		expect_interrupt(v, 0x400, v->vm->radix ? SRR1_ISI_N_G : SRR1_ISI_PROT);
		if (!vm_reflects_in_real_mode(v->vm, 0x400)) {
			check_fault(v, "branch to the kernel's page");
			continue;
		}
		/* see one_fetch(); and no breakpoint can tell 0x400 from 0x400 */
		v->expect.r.srr1 &= ~HIGH_32;
		if (!v->vm->reference)
			step_check(v, "branch to the kernel's page");
	}
}

/*
 * ISA Book III 7.5.8: DAR is the EA, DSISR undefined, as far as the ISA goes;
 * ISA Book II 1.7.4 lets no lwarx off that is not aligned.
 */
static void one_alignment(struct vcpu *v, const char *what)
{
	__u64 ea = in_problem_state(v) ? USER_DATA_RA : vm_ea(v->vm, DATA_RA);
	struct snap s;

	with_regs(v, r)
		r.gpr[3] = ea + 2;
	expect_interrupt(v, 0x600, 0);
	v->expect.dar = ea + 2;
	oracle_run(v, &s);
	v->expect.dsisr = s.dsisr;
	check_fault(v, what);
}

/* QEMU's processors leave DAR alone here, unlike ISA Book III 7.5.8. */
static void one_lmw(struct vcpu *v, const char *what)
{
	struct snap s;

	with_regs(v, r)
		r.gpr[3] = in_problem_state(v) ? USER_DATA_RA : vm_ea(v->vm, DATA_RA);
	expect_interrupt(v, 0x600, 0);
	oracle_run(v, &s);
	v->expect.dar = s.dar;
	v->expect.dsisr = s.dsisr;
	check_fault(v, what);
}

GUEST_CODE(larx, "lwarx 5, 0, 3\n");
GUEST_CODE(lmw, ".long 0xbba30000 # lmw 29, 0(3)\n");

TEST_F(fault, alignment)
{
	in_each_state(self->v, larx, larx_end, one_alignment, "lwarx, not aligned");
	/* Load multiple with MSR[LE]=1: always an alignment interrupt */
	if (!variant->cell.be_code)
		in_each_state(self->v, lmw, lmw_end, one_lmw, "lmw, little-endian");
}

static void one_trap(struct vcpu *v, const char *what)
{
	expect_interrupt(v, 0x700, SRR1_PROGTRAP);
	check_fault(v, what);
}

GUEST_CODE(tdi, "tdgti 3, 2\n");
GUEST_CODE(not_taken, "tdlti 3, 2; tweqi 3, 2\n");

TEST_F(fault, trap)
{
	struct vcpu *v = self->v;

	in_each_state(v, trap_code, trap_code_end, one_trap, "trap");
	in_each_state(v, tdi, tdi_end, one_trap, "tdgti");
	load_code(v, CODE_RA, not_taken, not_taken_end);
	with_regs(v, r)
		r.gpr[3] = 3;
	step_expect(v);
	step_check(v, "tdlti, not taken");
	step_expect(v);
	step_check(v, "tweqi, not taken");
}

static void one_illegal(struct vcpu *v, const char *what)
{
	expect_interrupt(v, 0x700, SRR1_PROGILL);
	check_fault(v, what);
}

GUEST_CODE(illegal, ".long 0\n");
GUEST_CODE(illegal_31, ".long 0x7c0007fe\n");

TEST_F(fault, illegal)
{
	in_each_state(self->v, illegal, illegal_end, one_illegal, "a word of zeros");
	in_each_state(self->v, illegal_31, illegal_31_end, one_illegal,
		      "opcode 31 of no meaning");
}

static void one_privileged(struct vcpu *v, const char *what)
{
	if (!in_problem_state(v))
		return;
	expect_interrupt(v, 0x700, SRR1_PROGPRIV);
	check_fault(v, what);
}

GUEST_CODE(p_mfmsr, "mfmsr 3\n");
GUEST_CODE(p_mtmsrd, "mtmsrd 3\n");
GUEST_CODE(p_mtmsrd_1, "mtmsrd 3, 1\n");
GUEST_CODE(p_mtmsr, "mtmsr 3\n");
GUEST_CODE(p_rfid, "rfid\n");
GUEST_CODE(p_rfscv, ".machine power9; rfscv\n");
GUEST_CODE(p_mtsprg, "mtsprg 0, 3\n");
GUEST_CODE(p_mfsrr0, "mfsrr0 3\n");
GUEST_CODE(p_mtsrr1, "mtsrr1 3\n");
GUEST_CODE(p_tlbie, ".long 0x7c001a64 # tlbie\n");

TEST_F(fault, privileged)
{
	struct vcpu *v = self->v;

#define PRIVILEGED(name)						\
	in_each_state(v, p_##name, p_##name##_end, one_privileged, #name)
	PRIVILEGED(mfmsr);
	PRIVILEGED(mtmsrd);
	PRIVILEGED(mtmsrd_1);
	PRIVILEGED(mtmsr);
	PRIVILEGED(rfid);
	if (vm_host_power() >= 9)
		PRIVILEGED(rfscv);
	PRIVILEGED(mtsprg);
	PRIVILEGED(mfsrr0);
	PRIVILEGED(mtsrr1);
	PRIVILEGED(tlbie);
}

static void one_fp(struct vcpu *v, const char *what)
{
	expect_interrupt(v, 0x800, 0);
	check_fault(v, what);
}

static void one_vmx(struct vcpu *v, const char *what)
{
	expect_interrupt(v, 0xf20, 0);
	check_fault(v, what);
}

static void one_vsx(struct vcpu *v, const char *what)
{
	expect_interrupt(v, 0xf40, 0);
	check_fault(v, what);
}

GUEST_CODE(fp, "fadd 1, 1, 1\n");
GUEST_CODE(vmx, "vadduwm 1, 1, 1\n");
GUEST_CODE(vsx, "xvadddp 1, 1, 1\n");

TEST_F(fault, unavailable)
{
	struct vcpu *v = self->v;

	in_each_state(v, fp, fp_end, one_fp, "MSR[FP]=0");
	in_each_state(v, vmx, vmx_end, one_vmx, "MSR[VEC]=0");
	with_regs(v, r)
		r.msr |= MSR_FP | MSR_VEC;
	in_each_state(v, vsx, vsx_end, one_vsx, "MSR[VSX]=0");
}

/* FSCR[TAR]=0: problem state may not; the cause goes to FSCR, ISA 7.5.27 */
static void one_facility(struct vcpu *v, const char *what)
{
	if (!in_problem_state(v))
		return;
	vcpu_set(v, KVM_REG_PPC_FSCR, FSCR_DSCR);
	expect_interrupt(v, 0xf60, 0);
	check_fault(v, what);
	if (vcpu_get(v, KVM_REG_PPC_FSCR) != (FSCR_INTR_CAUSE(8) | FSCR_DSCR))
		vm_fail("%s: FSCR is %llx", what, vcpu_get(v, KVM_REG_PPC_FSCR));
}

GUEST_CODE(tar, "mfspr 3, 815\n");

TEST_F(fault, facility)
{
	in_each_state(self->v, tar, tar_end, one_facility, "TAR");
}

/* Division by zero, enabled in FPSCR, in the precise mode FE0 = FE1 = 1 */
static void one_fpe(struct vcpu *v, const char *what)
{
	vcpu_set(v, KVM_REG_PPC_FPSCR, 0x10);
	vcpu_set(v, KVM_REG_PPC_FPR(1), 0x3ff0000000000000);
	vcpu_set(v, KVM_REG_PPC_FPR(2), 0);
	with_regs(v, r)
		r.msr |= MSR_FP | MSR_FE0 | MSR_FE1;
	expect_interrupt(v, 0x700, SRR1_PROGFPE);
	check_fault(v, what);
}

GUEST_CODE(fdiv, "fdiv 3, 1, 2\n");

TEST_F(fault, floating_point_enabled)
{
	in_each_state(self->v, fdiv, fdiv_end, one_fpe, "fdiv by zero");
}

/*
 * One that waits when it is enabled is taken before the next instruction, whatever that is;
 * but for QEMU's TCG, which knows it only where it comes up. So does the oracle.
 */
static void one_waiting(struct vcpu *v, const char *what)
{
	struct snap s;

	/* FX, FEX, ZX, ZE */
	vcpu_set(v, KVM_REG_PPC_FPSCR, 0xc4000010);
	with_regs(v, r) {
		r.msr |= MSR_FP | MSR_FE0 | MSR_FE1;
		r.gpr[3] = 5;
	}
	step_expect(v)->gpr[3]++;
	oracle_anywhere(v, &s);
	if (s.r.pc != v->expect.r.pc)
		expect_interrupt(v, 0x700, SRR1_PROGFPE);
	else
		printf("# %s: this host's processor does not take it\n", what);
	step_check(v, what);
}

GUEST_CODE(computes, "addi 3, 3, 1\n");

TEST_F(fault, floating_point_waiting)
{
	in_each_state(self->v, computes, computes_end, one_waiting, "an exception that waits");
}

/* A watchpoint of the guest's own: DAWR and DAWRX, ISA Book III 10.4 */
#define DAWRX_PRIVILEGED_OR_PROBLEM	3
#define DAWRX_WRITE			8
#define DAWRX_READ			16

TEST_F(fault, watchpoint)
{
	struct vcpu *v = self->v;
	struct kvm_regs before;
	struct snap s;

	if (!variant->cell.ail)
		SKIP(return, "DAWRX[WT] would have to say so in real mode");
	vcpu_set(v, KVM_REG_PPC_DAWR, vm_ea(v->vm, DATA_RA + 0x100));
	vcpu_set(v, KVM_REG_PPC_DAWRX,
		 DAWRX_PRIVILEGED_OR_PROBLEM | DAWRX_READ | DAWRX_WRITE);
	load_code(v, CODE_RA, load, load_end);
	with_regs(v, r)
		r.gpr[3] = vm_ea(v->vm, DATA_RA + 0x100);
	vcpu_get_regs(v, &before);
	step_expect(v);
	oracle_anywhere(v, &s);
	if (s.r.pc == v->expect.r.pc)
		SKIP(return, "KVM does not set DAWR on this host");
	expect_storage(v, before.gpr[3], DSISR_DABRMATCH);
	check_fault(v, "ld, watched");
	load_code(v, CODE_RA, store, store_end);
	vcpu_set_regs(v, &before);
	expect_storage(v, before.gpr[3], DSISR_DABRMATCH | DSISR_ISSTORE);
	check_fault(v, "std, watched");
	vcpu_set_regs(v, &before);
	with_regs(v, r)
		r.gpr[3] += 8;
	step_expect(v);
	step_check(v, "std, beside");
}

/* After a fault the handler goes on as ever, and returns to the instruction. */
GUEST_CODE(handler, "addi 20, 20, 1; mfdar 21; mfsrr1 22; rfid\n");

TEST_F(fault, and_back)
{
	struct vcpu *v = self->v;
	struct kvm_regs before;
	__u64 ea = vm_ea(v->vm, UNMAPPED_RA);

	if (!variant->cell.ail)
		SKIP(return, "real mode has no page tables");
	put_handler(v->vm, 0x300, handler, handler_end);
	load_code(v, CODE_RA, load, load_end);
	with_regs(v, r) {
		r.gpr[3] = ea;
		r.msr |= MSR_EE;
	}
	vcpu_get_regs(v, &before);
	expect_storage(v, ea, DSISR_NOHPTE);
	step_check(v, "ld");
	step_expect(v)->gpr[20]++;
	step_check(v, "addi in the handler");
	step_expect(v)->gpr[21] = ea;
	step_check(v, "mfdar in the handler");
	step_expect(v)->gpr[22] = before.msr;
	step_check(v, "mfsrr1 in the handler");
	step_expect(v)->pc = before.pc;
	v->expect.r.msr = before.msr;
	step_check(v, "rfid to the ld");
	expect_storage(v, ea, DSISR_NOHPTE);
	step_check(v, "ld again");
	load_code(v, CODE_RA, nothing, nothing_end);
	vcpu_set_regs(v, &before);
	step_expect(v);
	step_check(v, "nop");
}

KVM_TEST_MAIN
