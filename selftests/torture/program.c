// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "program.h"

#define H_DONE	0xfff0

/*
 * r14 is the checksum, r15 the data's EA, r16 the rounds left. Each value that a step may
 * have had its hands in goes into it: MSR by mfmsr (SE, EE), SRR0 and SRR1 in handlers,
 * DAR and DSISR, memory through a store and a load. r17 counts traps, r18 the guest's own
 * trace interrupts, r21 is where a load faults, r20 MSR with SE, r22 ~SE.
 */
GUEST_CODE(program,
	   "1:	mulld	14, 14, 19\n"
	   "	add	14, 14, 16\n"
	   "	andi.	5, 14, 0x1f8\n"
	   "	ldx	6, 15, 5\n"
	   "	xor	14, 14, 6\n"
	   "	stdx	14, 15, 5\n"
	   "	sc\n"
	   "	mfmsr	8\n"
	   "	add	14, 14, 8\n"
	   "	trap\n"
	   "	addi	10, 15, 0x200\n"
	   "2:	ldarx	7, 0, 10\n"
	   "	addi	7, 7, 3\n"
	   "	stdcx.	7, 0, 10\n"
	   "	bne-	2b\n"
	   "	mtmsrd	20\n"
	   "	xor	14, 14, 7\n"
	   "	ld	11, 0(21)\n"
	   "	mflr	12\n"
	   "	bl	3f\n"
	   "	mtlr	12\n"
	   "	sync\n"
	   "	addi	16, 16, -1\n"
	   "	cmpdi	16, 0\n"
	   "	bne	1b\n"
	   "	li	3, -0x10\n"
	   "	clrldi	3, 3, 48\n"
	   "	sc	1\n"
	   "	b	.\n"
	   "3:	mfctr	9\n"
	   "	addi	9, 9, 1\n"
	   "	mtctr	9\n"
	   "	add	14, 14, 9\n"
	   "	blr\n");

/* r9 is the handlers'. */
GUEST_CODE(sc_handler,
	   "mfsrr1	9\n"
	   "add	14, 14, 9\n"
	   "mfmsr	9\n"
	   "xor	14, 14, 9\n"
	   "rfid\n");

GUEST_CODE(trap_handler,
	   "addi	17, 17, 1\n"
	   "mfsrr1	9\n"
	   "xor	14, 14, 9\n"
	   "mfsrr0	9\n"
	   "add	14, 14, 9\n"
	   "addi	9, 9, 4\n"
	   "mtsrr0	9\n"
	   "rfid\n");

GUEST_CODE(trace_handler,
	   "addi	18, 18, 1\n"
	   "mfsrr0	9\n"
	   "add	14, 14, 9\n"
	   "mfsrr1	9\n"
	   "and	9, 9, 22\n"
	   "mtsrr1	9\n"
	   "rfid\n");

GUEST_CODE(dsi_handler,
	   "mfdsisr	9\n"
	   "add	14, 14, 9\n"
	   "mfdar	9\n"
	   "xor	14, 14, 9\n"
	   "mfsrr0	9\n"
	   "addi	9, 9, 4\n"
	   "mtsrr0	9\n"
	   "rfid\n");

static __u64 data_ra(const struct vcpu *v)
{
	return DATA_RA + 0x1000 * v->id;
}

void program_load(struct vm *vm)
{
	put_handler(vm, 0xc00, sc_handler, sc_handler_end);
	put_handler(vm, 0x700, trap_handler, trap_handler_end);
	put_handler(vm, 0xd00, trace_handler, trace_handler_end);
	put_handler(vm, 0x300, dsi_handler, dsi_handler_end);
	put_code(vm, CODE_RA, program, program_end);
	vm_seal(vm);
}

void program_start(struct vcpu *v)
{
	struct vm *vm = v->vm;
	struct kvm_regs r;
	int i;

	memset(vm->mem + data_ra(v), v->id + 1, PROGRAM_DATA);
	vcpu_get_regs(v, &r);
	r.pc = vm_ea(vm, CODE_RA);
	r.msr = vm_msr(vm);
	r.cr = 0;
	r.xer = 0;
	r.lr = 0;
	r.ctr = 0;
	r.srr0 = 0;
	r.srr1 = 0;
	for (i = 0; i < 32; i++)
		r.gpr[i] = 0;
	r.gpr[14] = v->id;
	r.gpr[15] = vm_ea(vm, data_ra(v));
	r.gpr[16] = ROUNDS;
	r.gpr[19] = 0x5851f42d4c957f2d;
	r.gpr[20] = r.msr | MSR_SE;
	r.gpr[21] = vm_ea(vm, vm->cell->ail ? UNMAPPED_RA : data_ra(v));
	r.gpr[22] = ~MSR_SE;
	vcpu_set_regs(v, &r);
	vcpu_set(v, KVM_REG_PPC_DAR, 0);
	vcpu_set(v, KVM_REG_PPC_DSISR, 0);
	vcpu_set(v, KVM_REG_PPC_FPR(31), 0);
}

bool program_is_over(const struct vcpu *v)
{
	return v->run->exit_reason == KVM_EXIT_PAPR_HCALL && v->run->papr_hcall.nr == H_DONE;
}

void program_outcome(struct vcpu *v, struct outcome *o)
{
	snap_take(v, &o->snap);
	memcpy(o->data, v->vm->mem + data_ra(v), PROGRAM_DATA);
}

bool program_differs(const char *what, const struct outcome *expect, const struct outcome *got)
{
	bool bad = snap_differs(what, &expect->snap, &got->snap);
	int i;

	for (i = 0; i < PROGRAM_DATA && expect->data[i] == got->data[i]; i++)
		;
	if (i < PROGRAM_DATA)
		fprintf(stderr, "# %s: memory differs from offset 0x%x on\n", what, i);
	return bad || i < PROGRAM_DATA;
}

void program_untouched(const struct cell *cell, __u32 id, struct outcome *o)
{
	struct vm *vm = vm_create(cell);
	struct vcpu *v = vm_vcpu(vm, id);
	int ret;

	program_load(vm);
	program_start(v);
	while ((ret = vcpu_run_for(v, 60)) == -EINTR)
		;
	if (ret || !program_is_over(v))
		vm_fail("untouched: KVM_RUN returned %d, exit_reason %u", ret, v->run->exit_reason);
	program_outcome(v, o);
	vcpu_destroy(v);
	vm_destroy(vm);
}
