// SPDX-License-Identifier: GPL-2.0
/* The breakpoint word 0x00dddd00, of the VMM and of the guest itself */
#include "cells.h"

CELL_FIXTURE(breakpoint);
CELLS(breakpoint);
MIXED_CELLS(breakpoint);
HASH_CELLS(breakpoint);

#define DEBUG_STEP_BP	(DEBUG_STEP | KVM_GUESTDBG_USE_SW_BP)

GUEST_CODE(code, "addi 3, 3, 1; ld 4, 0(5); addi 3, 3, 1; sc\n");

static void start(struct vcpu *v)
{
	load_code(v, CODE_RA, code, code_end);
	with_regs(v, r) {
		r.gpr[3] = 0;
		r.gpr[5] = vm_ea(v->vm, DATA_RA);
	}
	vcpu_debug(v, DEBUG_STEP_BP);
}

/* At the VMM's breakpoint nothing is executed, as often as one asks. */
static void check_at_breakpoint(struct vcpu *v, const char *what)
{
	int i;

	for (i = 0; i < 2; i++) {
		step_expect(v)->pc -= 4;
		step_check(v, what);
	}
}

TEST_F(breakpoint, of_vmm)
{
	struct vcpu *v = self->v;
	bool be = variant->cell.be_code;
	__u32 insn;

	SKIP_REFERENCE();
	start(v);
	insn = get_insn(v->vm, CODE_RA + 4, be);
	put_insn(v->vm, CODE_RA + 4, KVMPPC_INST_SW_BREAKPOINT, be);
	step_expect(v)->gpr[3] = 1;
	step_check(v, "addi before a breakpoint");
	check_at_breakpoint(v, "breakpoint");
	put_insn(v->vm, CODE_RA + 4, insn, be);
	put_insn(v->vm, CODE_RA + 8, KVMPPC_INST_SW_BREAKPOINT, be);
	step_expect(v)->gpr[4] = 0;
	step_check(v, "ld before a breakpoint");
	check_at_breakpoint(v, "breakpoint behind ld");
}

/* In the vectors as well: where stepping has words of its own */
TEST_F(breakpoint, of_vmm_at_vectors)
{
	struct vcpu *v = self->v;
	bool be = !variant->cell.ile;

	SKIP_REFERENCE();
	start(v);
	put_insn(v->vm, vm_vector_ra(v->vm, 0xd00), KVMPPC_INST_SW_BREAKPOINT, be);
	put_insn(v->vm, vm_vector_ra(v->vm, 0xc00), KVMPPC_INST_SW_BREAKPOINT, be);
	step_expect(v)->gpr[3] = 1;
	step_check(v, "addi");
	step_expect(v)->gpr[4] = 0;
	step_check(v, "ld");
	step_expect(v)->gpr[3] = 2;
	step_check(v, "addi");
	expect_interrupt(v, 0xc00, 0);
	step_check(v, "sc to a breakpoint");
	check_at_breakpoint(v, "breakpoint at 0xc00");
	with_regs(v, r)
		r.pc = vm_vector(v->vm, 0xd00);
	check_at_breakpoint(v, "breakpoint at 0xd00");
}

GUEST_CODE(call_out, "sc 1\n");

/* Stepping off a breakpoint, as a debugger does: away, step, back again */
TEST_F(breakpoint, step_off)
{
	struct vcpu *v = self->v;
	bool be = variant->cell.be_code;
	__u32 insn;
	int i;

	SKIP_REFERENCE();
	/*
	 * The guest gets it instead where KVM cannot know the VMM's breakpoint: at once
	 * another exit is better than to wait for one, which can take QEMU, as the
	 * hypervisor below, half an hour to let happen (see machine/lib/emulator.py).
	 */
	put_handler(v->vm, 0x700, call_out, call_out_end);
	for (i = 0; i < 3; i++) {
		start(v);
		insn = get_insn(v->vm, CODE_RA + 4, be);
		put_insn(v->vm, CODE_RA + 4, KVMPPC_INST_SW_BREAKPOINT, be);
		vcpu_debug(v, DEBUG_BP);
		check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "free to the breakpoint");
		ASSERT_EQ(vm_ea(v->vm, CODE_RA + 4), v->run->debug.arch.address);
		put_insn(v->vm, CODE_RA + 4, insn, be);
		vcpu_debug(v, DEBUG_STEP_BP);
		step_expect(v)->gpr[4] = 0;
		step_check(v, "off the breakpoint");
		put_insn(v->vm, CODE_RA + 4, KVMPPC_INST_SW_BREAKPOINT, be);
		vm_seal(v->vm);
		run_to(v, CODE_RA + 12, be, vm_ea(v->vm, CODE_RA + 12), "free again");
		vm_check_sealed(v->vm, "after it all");
	}
}

/* Without USE_SW_BP the word is an illegal instruction, the guest's affair. */
TEST_F(breakpoint, of_guest)
{
	struct vcpu *v = self->v;
	bool be = variant->cell.be_code;

	SKIP_REFERENCE();
	start(v);
	vcpu_debug(v, DEBUG_STEP);
	put_insn(v->vm, CODE_RA, KVMPPC_INST_SW_BREAKPOINT, be);
	expect_interrupt(v, 0x700, SRR1_PROGILL);
	step_check(v, "0x00dddd00");

	start(v);
	vcpu_debug(v, DEBUG_STEP);
	put_insn(v->vm, CODE_RA, KVMPPC_INST_SW_BREAKPOINT, be);
	with_regs(v, r)
		r.msr = vm_msr(v->vm) | MSR_EE;
	expect_interrupt(v, 0x700, SRR1_PROGILL);
	step_check(v, "0x00dddd00 with EE=1");
	put_insn(v->vm, USER_CODE_RA, KVMPPC_INST_SW_BREAKPOINT, be);
	with_regs(v, r) {
		r.pc = USER_CODE_RA;
		r.msr = vm_user_msr(v->vm);
	}
	expect_interrupt(v, 0x700, SRR1_PROGILL);
	step_check(v, "0x00dddd00 in problem state");
}

/* The guest's own word where stepping puts its own: the trace vector */
TEST_F(breakpoint, of_guest_at_trace_vector)
{
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	start(v);
	vcpu_debug(v, DEBUG_STEP);
	put_insn(v->vm, vm_vector_ra(v->vm, 0xd00), KVMPPC_INST_SW_BREAKPOINT,
		 !variant->cell.ile);
	step_expect(v)->gpr[3] = 1;
	step_check(v, "addi");
	step_expect(v)->gpr[4] = 0;
	step_check(v, "ld");
	with_regs(v, r) {
		r.pc = vm_vector(v->vm, 0xd00);
		r.msr = vm_intr_msr(v->vm, r.msr);
	}
	expect_interrupt(v, 0x700, SRR1_PROGILL);
	step_check(v, "0x00dddd00 at 0xd00");
}

KVM_TEST_MAIN
