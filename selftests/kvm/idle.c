// SPDX-License-Identifier: GPL-2.0
/* Attached, but nobody steps: KVM_RUN does what it does without hvstep. */
#include <errno.h>

#include "cells.h"

CELL_FIXTURE(idle);
CELLS(idle);

GUEST_CODE(loop,
	   "1: addi 14, 14, 1\n"
	   "ld	5, 0(15)\n"
	   "b	1b\n");

TEST_F(idle, breakpoints)
{
	struct vcpu *v = self->v;
	struct kvm_regs r;
	int i;

	load_code(v, CODE_RA, loop, loop_end);
	with_regs(v, w) {
		w.gpr[14] = 0;
		w.gpr[15] = vm_ea(v->vm, DATA_RA);
	}
	for (i = 1; i <= 100; i++) {
		/* Off the breakpoint first: the one at the other instruction */
		run_to(v, CODE_RA + 4, variant->cell.be_code, vm_ea(v->vm, CODE_RA + 4), "loop");
		vcpu_get_regs(v, &r);
		ASSERT_EQ(i, r.gpr[14]);
		run_to(v, CODE_RA + 8, variant->cell.be_code, vm_ea(v->vm, CODE_RA + 8), "loop");
		if (!v->vm->reference)
			ASSERT_EQ(0, v->run->debug.arch.status);
	}
}

GUEST_CODE(hcalls,
	   "1: li	3, 0x58\n"
	   "li	4, 7\n"
	   "sc	1\n"
	   "add	14, 14, 3\n"
	   "add	14, 14, 4\n"
	   "lwz	5, 0(15)\n"
	   "stw	5, 8(15)\n"
	   "b	1b\n");

TEST_F(idle, hypercalls_and_mmio)
{
	SKIP_WITHOUT_VRMA();
	struct vcpu *v = self->v;
	struct kvm_regs r;
	int i;

	load_code(v, CODE_RA, hcalls, hcalls_end);
	with_regs(v, w) {
		w.gpr[14] = 0;
		w.gpr[15] = vm_mmio_ea(v->vm);
	}
	vcpu_debug(v, 0);
	for (i = 0; i < 100; i++) {
		check_exit(v, vcpu_run(v), KVM_EXIT_PAPR_HCALL, "hypercall");
		ASSERT_EQ(H_PUT_TERM_CHAR, v->run->papr_hcall.nr);
		ASSERT_EQ(7, v->run->papr_hcall.args[0]);
		v->run->papr_hcall.ret = 2;
		v->run->papr_hcall.args[0] = 3;
		check_exit(v, vcpu_run(v), KVM_EXIT_MMIO, "MMIO load");
		ASSERT_EQ(0, v->run->mmio.is_write);
		ASSERT_EQ(MMIO_RA, v->run->mmio.phys_addr);
		memset(v->run->mmio.data, i, 4);
		check_exit(v, vcpu_run(v), KVM_EXIT_MMIO, "MMIO store");
		ASSERT_EQ(1, v->run->mmio.is_write);
		ASSERT_EQ(MMIO_RA + 8, v->run->mmio.phys_addr);
		ASSERT_EQ(i, v->run->mmio.data[0]);
	}
	vcpu_get_regs(v, &r);
	ASSERT_EQ(500, r.gpr[14]);
	ASSERT_FALSE(r.msr & MSR_SE);
}

/* The guest's own word, nobody debugging: its handler says so by a hypercall. */
GUEST_CODE(illegal_handler,
	   "mfsrr0	4\n"
	   "mfsrr1	5\n"
	   "li	3, 0x58\n"
	   "sc	1\n"
	   "b	.\n");

TEST_F(idle, guests_own_word)
{
	struct vcpu *v = self->v;
	__u32 control;

	put_handler(v->vm, 0x700, illegal_handler, illegal_handler_end);
	put_insn(v->vm, CODE_RA, KVMPPC_INST_SW_BREAKPOINT, variant->cell.be_code);
	for (control = 0; control < 2; control++) {
		with_regs(v, r) {
			r.pc = vm_ea(v->vm, CODE_RA);
			r.msr = vm_msr(v->vm);
		}
		vcpu_debug(v, control ? KVM_GUESTDBG_ENABLE : 0);
		check_exit(v, vcpu_run(v), KVM_EXIT_PAPR_HCALL, "0x00dddd00");
		ASSERT_EQ(vm_ea(v->vm, CODE_RA), v->run->papr_hcall.args[0]);
		ASSERT_EQ(vm_msr(v->vm) | SRR1_PROGILL, v->run->papr_hcall.args[1]);
	}
}

/* SINGLESTEP without ENABLE is no request, Documentation/virt/kvm/api.rst. */
TEST_F(idle, not_enabled)
{
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	load_code(v, CODE_RA, hcalls, hcalls_end);
	vcpu_debug(v, KVM_GUESTDBG_SINGLESTEP);
	check_exit(v, vcpu_run(v), KVM_EXIT_PAPR_HCALL, "no KVM_GUESTDBG_ENABLE");
}

TEST_F(idle, immediate_exit)
{
	struct vcpu *v = self->v;
	struct snap before, after;

	load_code(v, CODE_RA, loop, loop_end);
	snap_take(v, &before);
	v->run->immediate_exit = 1;
	ASSERT_EQ(-EINTR, vcpu_run(v));
	snap_take(v, &after);
	snap_compare("immediate_exit", &before, &after);
}

KVM_TEST_MAIN
