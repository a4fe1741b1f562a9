// SPDX-License-Identifier: GPL-2.0
/*
 * What has become of a step: from where the vCPU is when KVM gives it back.
 */
#include <linux/kvm_host.h>

#include "again.h"

/*
 * Interrupts put back in one step before the guest gets one after all: then the
 * source is none that irq.c can silence.
 */
#define MAX_UNDONE		8

/* Neither the instruction nor, in a sequence, those behind it are complete. */
static bool not_complete(struct hvstep_vcpu *hv, u64 nip)
{
	return nip - hv->nip < hv->plan.span;
}

/*
 * At the top of a turn of KVM's run loop (hook.c): is there no reason to enter
 * the guest again? nip at an armed word is one to enter: the breakpoint there
 * says precisely what has happened. If the addresses that were armed are not
 * where interrupts go any more, the step has to begin anew.
 */
bool hvstep_step_moved(struct hvstep_vcpu *hv)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	bool overwritten;
	u64 nip;

	nip = hvstep_get_pc(vcpu);
	if (hv->leaving && nip != hv->leaving_nip)
		hvstep_park_left(hv);
	if (!READ_ONCE(hv->active))
		return false;

	if (not_complete(hv, nip)) {
		hv->at_armed = false;
		return ((hvstep_compat_lpcr(vcpu) ^ hv->lpcr) & (LPCR_AIL | LPCR_ILE)) ||
		       vcpu->arch.intr_msr != hv->intr_msr;
	}
	if (hvstep_vector_armed(hv) < 0)
		return true;
	/* It was entered there, and is there: somebody has written over what was armed. */
	overwritten = hv->at_armed;
	hv->at_armed = true;
	return overwritten;
}

/* An interrupt that the instruction did not cause: as if it had not come. */
static enum hvstep_outcome conclude_async(struct hvstep_vcpu *hv, unsigned int vec)
{
	hvstep_go_back(hv);
	hvstep_irq_put_back(hv, vec);
	hvstep_count(hv, HVSTEP_COUNT_HELD);
	if (not_complete(hv, hvstep_get_pc(hv->vcpu)))
		return HVSTEP_OUTCOME_UNDO;
	/* It came behind the instruction. */
	hvstep_count(hv, HVSTEP_COUNT_DISPLACED);
	return HVSTEP_OUTCOME_DONE;
}

/* The vCPU is at a handler: SRR1 (CTR for scv) must say what hardware would. */
static enum hvstep_outcome conclude_handler(struct hvstep_vcpu *hv, unsigned int vec)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	const u64 ours = MSR_EE | MSR_SE | MSR_BE;
	u64 own = hv->msr & ours;

	/* Drop the bits that HSRR1 had for the breakpoint's own exit. */
	hvstep_set_msr(vcpu, hvstep_get_msr(vcpu) & HVSTEP_MSR_VALID);

	if (vec == HVSTEP_VEC_SCV) {
		/* scv leaves EE as it was. */
		kvmppc_set_ctr(vcpu, (kvmppc_get_ctr(vcpu) & ~ours) | own);
		hvstep_set_msr(vcpu, hvstep_get_msr(vcpu) | (own & MSR_EE));
	} else {
		hvstep_set_srr1(vcpu, (hvstep_get_srr1(vcpu) & ~ours) | own);
	}
	hvstep_count(hv, HVSTEP_COUNT_FAULTS);
	return HVSTEP_OUTCOME_DONE;
}

/*
 * The instruction led to where nothing can be fetched, and no breakpoint could be
 * put; or the processor takes the fault of that fetch before the Trace interrupt,
 * as QEMU's POWER10 does. That fault is the next step's.
 */
static enum hvstep_outcome conclude_fetch(struct hvstep_vcpu *hv)
{
	hvstep_go_back(hv);
	hvstep_count(hv, HVSTEP_COUNT_DISPLACED);
	return HVSTEP_OUTCOME_DONE;
}

/* The instruction was traced: go back from the Trace handler to where it led. */
static enum hvstep_outcome conclude_trace(struct hvstep_vcpu *hv)
{
	/* The guest waits for this very interrupt. */
	if (hv->own_trace)
		return conclude_handler(hv, HVSTEP_VEC_TRACE);

	hvstep_go_back(hv);
	hvstep_count(hv, HVSTEP_COUNT_TRACED);
	return HVSTEP_OUTCOME_DONE;
}

/* Behind the instruction, MSR as KVM or the instruction left it. */
static void restore_msr(struct hvstep_vcpu *hv)
{
	struct kvm_vcpu *vcpu = hv->vcpu;

	/* OR, not copy: H_CEDE enables interrupts, which must not be lost. */
	hvstep_set_msr(vcpu, hvstep_guest_msr(hv, hvstep_get_msr(vcpu)));

	/* sc 1 sets SRR0 and SRR1 as any system call does: from our MSR. */
	if (hv->plan.hcall && hvstep_get_pc(vcpu) != hv->nip)
		hvstep_set_srr1(vcpu, hvstep_get_srr1(vcpu) | (hv->msr & MSR_EE));
}

/*
 * Where is the vCPU? That decides, not the reason for the exit: a signal or a
 * host interrupt can come between the Trace interrupt and the breakpoint.
 */
enum hvstep_outcome hvstep_conclude(struct hvstep_vcpu *hv)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	u64 nip = hvstep_get_pc(vcpu);
	int vec = hvstep_vector_armed(hv);

	if (vec >= 0) {
		if (vec == HVSTEP_VEC_TRACE)
			return conclude_trace(hv);
		if (vec == HVSTEP_VEC_NEXT) {
			restore_msr(hv);
			if (hv->plan.probe)
				return HVSTEP_OUTCOME_PROBED;
			hvstep_count(hv, HVSTEP_COUNT_DISPLACED);
			return HVSTEP_OUTCOME_DONE;
		}
		if (HVSTEP_VECS_ASYNC & BIT(vec) && hv->irqs.held &&
		    hvstep_irq_can_hold(hv, vec) && hv->undone++ < MAX_UNDONE)
			return conclude_async(hv, vec);
		if (BIT(vec) & (BIT(HVSTEP_VEC_ISI) | BIT(HVSTEP_VEC_ISEG)) &&
		    !hv->own_trace && !not_complete(hv, hvstep_get_srr0(vcpu)))
			return conclude_fetch(hv);
		return conclude_handler(hv, vec);
	}

	if (not_complete(hv, nip)) {
		/* Not executed. What KVM says of the exit is for userspace. */
		restore_msr(hv);
		return HVSTEP_OUTCOME_OPEN;
	}

	/*
	 * KVM has moved it. SE gone means that it did so by injecting an
	 * interrupt, from our MSR.
	 */
	if (hvstep_vector_is_handler(nip) && not_complete(hv, hvstep_get_srr0(vcpu)) &&
	    !(hvstep_get_msr(vcpu) & MSR_SE))
		return conclude_handler(hv, HVSTEP_NR_VECS);
	restore_msr(hv);
	hvstep_count(hv, HVSTEP_COUNT_MOVED);
	return HVSTEP_OUTCOME_DONE;
}
