// SPDX-License-Identifier: GPL-2.0
/*
 * A step from user space, as the QEMU series "target/ppc: single step for KVM HV"
 * has it: MSR[SE] and a breakpoint at the Trace vector by KVM's ioctls. First with as
 * few of them as it takes, then with the synchronization of all registers that QEMU
 * makes around each stop (kvm_arch_get_registers, kvm_arch_put_registers).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cost.h"

GUEST_CODE(load_after_load, ".rept 4000; lwz 4, 8(3); .endr\n");

static unsigned int nr_ioctls;

static int counted(int fd, unsigned long request, void *arg)
{
	nr_ioctls++;
	return ioctl(fd, request, arg);
}

/* Those of the registers of POWER9 that QEMU knows by a KVM_REG_PPC_* */
static const __u64 sprs[] = {
	KVM_REG_PPC_DAR, KVM_REG_PPC_DSISR, KVM_REG_PPC_VRSAVE, KVM_REG_PPC_DSCR,
	KVM_REG_PPC_AMR, KVM_REG_PPC_UAMOR, KVM_REG_PPC_IAMR, KVM_REG_PPC_PURR,
	KVM_REG_PPC_SPURR, KVM_REG_PPC_CIABR, KVM_REG_PPC_DAWR, KVM_REG_PPC_DAWRX,
	KVM_REG_PPC_PMC1, KVM_REG_PPC_PMC2, KVM_REG_PPC_PMC3, KVM_REG_PPC_PMC4,
	KVM_REG_PPC_PMC5, KVM_REG_PPC_PMC6, KVM_REG_PPC_MMCR0, KVM_REG_PPC_MMCR1,
	KVM_REG_PPC_MMCR2, KVM_REG_PPC_MMCRA, KVM_REG_PPC_SIAR, KVM_REG_PPC_SDAR,
	KVM_REG_PPC_PPR, KVM_REG_PPC_TAR, KVM_REG_PPC_FSCR, KVM_REG_PPC_EBBHR,
	KVM_REG_PPC_EBBRR, KVM_REG_PPC_BESCR, KVM_REG_PPC_IC, KVM_REG_PPC_VTB,
	KVM_REG_PPC_PSPB, KVM_REG_PPC_WORT, KVM_REG_PPC_TIDR, KVM_REG_PPC_PID,
	KVM_REG_PPC_PSSCR, KVM_REG_PPC_LPCR_64,
};

#define NR_FIXED	6
#define NR_ONE_REGS	(NR_FIXED + 64 + ARRAY_SIZE(sprs))
static struct kvm_one_reg one_regs[NR_ONE_REGS];
static __u64 values[NR_ONE_REGS][2];

static void list_one_regs(void)
{
	static const __u64 fixed[NR_FIXED] = {
		KVM_REG_PPC_FPSCR, KVM_REG_PPC_VSCR, KVM_REG_PPC_VPA_ADDR,
		KVM_REG_PPC_VPA_SLB, KVM_REG_PPC_VPA_DTL, KVM_REG_PPC_TB_OFFSET,
	};
	size_t i, n = 0;

	for (i = 0; i < NR_FIXED; i++)
		one_regs[n++].id = fixed[i];
	for (i = 0; i < 32; i++) {
		one_regs[n++].id = KVM_REG_PPC_VSR(i);
		one_regs[n++].id = KVM_REG_PPC_VR(i);
	}
	for (i = 0; i < ARRAY_SIZE(sprs); i++)
		one_regs[n++].id = sprs[i];
	for (i = 0; i < n; i++)
		one_regs[i].addr = (unsigned long)values[i];
}

/* Errors are ignored, as QEMU does. */
static void all_one_regs(struct vcpu *v, unsigned long request)
{
	size_t i;

	for (i = 0; i < NR_ONE_REGS; i++)
		counted(v->fd, request, &one_regs[i]);
}

static void qemu_get(struct vcpu *v)
{
	struct kvm_sregs sregs;

	all_one_regs(v, KVM_GET_ONE_REG);
	counted(v->fd, KVM_GET_SREGS, &sregs);
}

/* The caller's own KVM_SET_REGS comes with it. */
static void qemu_put(struct vcpu *v)
{
	struct kvm_regs r;

	counted(v->fd, KVM_GET_REGS, &r);
	all_one_regs(v, KVM_SET_ONE_REG);
}

static void patch(__u32 *at, __u32 word)
{
	*at = word;
	__builtin___clear_cache((char *)at, (char *)(at + 1));
}

static void step(struct vcpu *v, bool as_qemu)
{
	struct kvm_guest_debug debug = { .control = DEBUG_BP };
	struct kvm_regs before, r;
	__u32 *vector, saved;
	volatile __u32 insn;

	counted(v->fd, KVM_GET_REGS, &before);
	if (as_qemu)
		qemu_get(v);
	/* What the instruction is decides how it is stepped; here it is a load. */
	insn = get_insn(v->vm, before.pc & ~KERNEL_EA, v->vm->cell->be_code);
	if (insn >> 26 != 32)
		vm_fail("no lwz at %llx", before.pc);
	vector = (__u32 *)(v->vm->mem + vm_vector_ra(v->vm, 0xd00));
	saved = *vector;
	patch(vector, KVMPPC_INST_SW_BREAKPOINT);
	counted(v->fd, KVM_SET_GUEST_DEBUG, &debug);
	r = before;
	r.msr |= MSR_SE;
	counted(v->fd, KVM_SET_REGS, &r);
	if (as_qemu)
		qemu_put(v);
	nr_ioctls++;
	run_expect(v, KVM_EXIT_DEBUG);

	counted(v->fd, KVM_GET_REGS, &r);
	if (r.pc != vm_vector(v->vm, 0xd00))
		vm_fail("prior art: stopped at %llx", r.pc);
	patch(vector, saved);
	r.pc = r.srr0;
	r.msr = r.srr1 & SRR1_MSR_BITS & ~MSR_SE;
	r.srr0 = before.srr0;
	r.srr1 = before.srr1;
	counted(v->fd, KVM_SET_REGS, &r);
}

static void step_cost(struct vcpu *v, bool as_qemu, const char *name)
{
	struct cost c = { };

	load_code(v, CODE_RA, load_after_load, load_after_load_end);
	with_regs(v, r)
		r.gpr[3] = vm_ea(v->vm, DATA_RA);
	for_each_sample(&c) {
		nr_ioctls = 0;
		cost_begin(&c);
		step(v, as_qemu);
		cost_end(&c);
	}
	cost_report(&c, "%s", name);
	printf("# %s: %u ioctls a step\n", name, nr_ioctls);
}

void prior_art_cost(struct vcpu *v)
{
	list_one_regs();
	step_cost(v, false, "prior_art.min");
	step_cost(v, true, "prior_art.qemu");
}
