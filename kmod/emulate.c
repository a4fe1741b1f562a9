// SPDX-License-Identifier: GPL-2.0
/*
 * Execute an instruction in the guest's place: those that hardware would not
 * stop behind or that would show the guest its MSR[SE], and those that
 * analyse_instr() describes fully, since that saves entering the guest.
 *
 * plan.c has made sure that the guest may execute the instruction here and now.
 */
#include <linux/kvm_host.h>
#include <asm/hvcall.h>
#include <asm/ppc-opcode.h>

#include "hvstep.h"

/* SRR1 of a Trace interrupt, and of one by CIABR (ISA Book III, "Trace Interrupt"): bits 33, 43 */
#define SRR1_TRACE	0x40000000UL
#define SRR1_CIABR	0x00100000UL

static u64 truncate_if_32bit(u64 msr, u64 ea)
{
	return msr & MSR_SF ? ea : (u32)ea;
}

/* What emulate_update_regs() does, which is not exported. */
bool hvstep_emulate_compute(struct kvm_vcpu *vcpu, u64 msr, u32 word)
{
	struct pt_regs *regs = &vcpu->arch.regs;
	struct instruction_op op;
	u64 next;

	if (hvstep_compat_regs_load(vcpu))
		return false;
	regs->msr = msr;
	if (analyse_instr(&op, regs, ppc_inst(word)) != 1)
		return false;

	next = truncate_if_32bit(msr, regs->nip + 4);
	switch (GETTYPE(op.type)) {
	case COMPUTE:
		if (op.type & SETREG)
			regs->gpr[op.reg] = op.val;
		if (op.type & SETCC)
			regs->ccr = op.ccval;
		if (op.type & SETXER)
			regs->xer = op.xerval;
		break;
	case BRANCH:
		if (op.type & SETLK)
			regs->link = next;
		if (op.type & BRTAKEN) {
			vcpu->arch.cfar = regs->nip;
			/* analyse_instr() passes the low bits of LR, CTR, TAR on. */
			next = op.val & ~3UL;
		}
		if (op.type & DECCTR)
			regs->ctr--;
		break;
	case MFSPR:
		if (op.spr == SPRN_XER)
			regs->gpr[op.reg] = (u32)regs->xer;
		else if (op.spr == SPRN_LR)
			regs->gpr[op.reg] = regs->link;
		else if (op.spr == SPRN_CTR)
			regs->gpr[op.reg] = regs->ctr;
		else
			return false;
		break;
	case MTSPR:
		/* Which bits of XER there are is the hardware's to say. */
		if (op.spr == SPRN_LR)
			regs->link = op.val;
		else if (op.spr == SPRN_CTR)
			regs->ctr = op.val;
		else
			return false;
		break;
	default:
		/* Barriers and all else: hardware is exact. */
		return false;
	}
	regs->nip = next;
	hvstep_compat_regs_dirty(vcpu);
	return true;
}

static bool emulate_return(struct kvm_vcpu *vcpu, u64 msr, u64 nia, u64 srr1)
{
	u64 new_msr;

	/* Without transactions in the processor these bits are none. */
	if (!hvstep_has_tm())
		srr1 &= ~(MSR_TS_MASK | MSR_TM);
	new_msr = hvstep_msr_after_rfid(msr, srr1);
	/*
	 * A return into or out of a transaction is the hardware's business:
	 * it may have to fail with a TM Bad Thing.
	 */
	if ((msr | srr1) & MSR_TS_MASK)
		return false;

	vcpu->arch.cfar = hvstep_get_pc(vcpu);
	hvstep_set_pc(vcpu, truncate_if_32bit(new_msr, nia & ~3UL));
	hvstep_set_msr(vcpu, new_msr);
	return true;
}

/*
 * Returns false, with nothing changed, if the instruction is none for this way
 * after all.
 */
bool hvstep_emulate(struct hvstep_vcpu *hv, u32 word)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	u64 msr = hv->msr;
	u32 rt = hvstep_insn_rt(word);
	u64 rs;

	switch (hv->plan.emul) {
	case HVSTEP_EMUL_COMPUTE:
		if (hv->plan.len != 4 || !hvstep_emulate_compute(vcpu, msr, word))
			return false;
		goto out;
	case HVSTEP_EMUL_RFID:
		return emulate_return(vcpu, msr, hvstep_get_srr0(vcpu),
				      hvstep_get_srr1(vcpu));
	case HVSTEP_EMUL_RFSCV:
		return emulate_return(vcpu, msr, kvmppc_get_lr(vcpu),
				      kvmppc_get_ctr(vcpu));
	case HVSTEP_EMUL_MFMSR:
		kvmppc_set_gpr(vcpu, rt, msr);
		break;
	case HVSTEP_EMUL_MTMSR:
	case HVSTEP_EMUL_MTMSRD:
		rs = kvmppc_get_gpr(vcpu, rt);
		if (!hvstep_has_tm())
			rs &= ~(MSR_TS_MASK | MSR_TM);
		if (!hvstep_insn_l(word) && (msr | rs) & MSR_TS_MASK)
			return false;
		msr = hvstep_msr_after_mtmsr(msr, rs, hvstep_insn_l(word),
					     hv->plan.emul == HVSTEP_EMUL_MTMSRD);
		hvstep_set_msr(vcpu, msr);
		break;
	case HVSTEP_EMUL_MTSRR0:
		hvstep_set_srr0(vcpu, kvmppc_get_gpr(vcpu, rt));
		break;
	case HVSTEP_EMUL_MTSRR1:
		hvstep_set_srr1(vcpu, kvmppc_get_gpr(vcpu, rt));
		break;
	case HVSTEP_EMUL_CEDE:
		/*
		 * POWER8 would sleep in real mode with the breakpoint behind the
		 * sc armed, which all vCPUs return through. It may wake up for
		 * no reason (PAPR), so it does at once.
		 */
		kvmppc_set_gpr(vcpu, 3, H_SUCCESS);
		hvstep_set_srr0(vcpu, hv->nip + 4);
		hvstep_set_srr1(vcpu, msr);
		msr |= MSR_EE;
		hvstep_set_msr(vcpu, msr);
		break;
	default:
		return false;
	}

	hvstep_set_pc(vcpu, truncate_if_32bit(msr, hv->nip + 4));
out:
	/* The guest steps itself: now comes the interrupt it waits for. */
	if (hv->own_trace)
		kvmppc_inject_interrupt_hv(vcpu, BOOK3S_INTERRUPT_TRACE,
					   SRR1_TRACE | (hv->own_ciabr ? SRR1_CIABR : 0));
	return true;
}
