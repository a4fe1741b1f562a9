// SPDX-License-Identifier: GPL-2.0
/* From the vCPU to what plan.c, which knows nothing of KVM, makes a plan from. */
#include <linux/kvm_host.h>

#include "hvstep.h"

/* Does CIABR match an instruction not further from nip than that? */
static bool ciabr_within(struct hvstep_vcpu *hv, u64 len)
{
	u64 ciabr = hvstep_compat_ciabr(hv->vcpu);

	/* CIABR[PRIV] (ISA Book III): 1 problem, 2 privileged non-hypervisor */
	return (ciabr & 3) == (hv->msr & MSR_PR ? 1 : 2) &&
	       (ciabr & ~3UL) - hv->nip < len;
}

/*
 * All of an atomic sequence in one step, if it is one and that is asked for; or an error of
 * hvstep_mem_fetch() for which that is not known.
 */
static int plan_sequence(struct hvstep_vcpu *hv, const struct hvstep_plan_in *in)
{
	u32 words[HVSTEP_MAX_SEQUENCE] = { in->word };
	unsigned int nr;
	gpa_t gpa;
	int ret;

	if (!(hv->flags & HVSTEP_POLICY_ATOMIC) || !in->fetched ||
	    !hvstep_insn_is_larx(in->word))
		return 0;
	/* The guest may trace what is behind the larx. */
	if (hv->msr & MSR_BE || ciabr_within(hv, 4 * HVSTEP_MAX_SEQUENCE))
		return 0;
	/*
	 * It may go on in the next page, but not far enough to where the handlers
	 * of that one begin. A breakpoint is none of it.
	 */
	for (nr = 1; nr < HVSTEP_MAX_SEQUENCE; nr++) {
		ret = hvstep_mem_fetch(hv, hv->nip + 4 * nr, &gpa, &words[nr]);
		if (ret < 0 && ret != -EFAULT && ret != -EIO)
			return ret;
		if (ret < 0 || words[nr] == KVMPPC_INST_SW_BREAKPOINT)
			break;
	}
	hvstep_plan_sequence(in, words, nr, &hv->plan);
	return 0;
}

/*
 * What becomes of the instruction @word at nip; @fetch is what hvstep_mem_fetch() has
 * said of it. @whole: with all of an atomic sequence, if that is asked for. 0, or an error
 * of hvstep_mem_fetch(), with no more than this instruction decided.
 */
int hvstep_decide(struct hvstep_vcpu *hv, int fetch, u32 word, bool whole)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	/*
	 * KVM makes each transaction fail when the vCPU leaves the guest: when it is entered
	 * the failure handler is what executes, whatever is there.
	 */
	bool fetched = fetch >= 0 && !(hv->msr & MSR_TS_T && hvstep_has_tm());
	struct hvstep_plan_in in = {
		.word = word,
		.msr = hv->msr,
		.nip = hv->nip,
		.ebbrr = hvstep_compat_ebbrr(vcpu),
		.fetched = fetched,
		.hw_fetch = fetch > 0,
		.at_trace = hv->nip == hvstep_vector_ea(vcpu, HVSTEP_VEC_TRACE, 0),
		.arch_300 = cpu_has_feature(CPU_FTR_ARCH_300),
		.compat = hvstep_in_older_mode(hv),
		.gpr3 = kvmppc_get_gpr(vcpu, 3),
		.trace_all = hv->flags & HVSTEP_POLICY_TRACE_ALL,
	};
	int ret = 0;

	hv->own_ciabr = ciabr_within(hv, 4);
	hv->own_trace = hv->msr & MSR_SE ||
			(hv->msr & MSR_BE && (!fetched || hvstep_insn_is_branch(word))) ||
			hv->own_ciabr;
	in.own_trace = hv->own_trace;
	hvstep_plan_make(&in, &hv->plan);
	if (whole)
		ret = plan_sequence(hv, &in);
	/* In problem state interrupts are enabled, whatever we do (irq.c). */
	if (hv->msr & MSR_PR)
		hv->plan.vectors |= HVSTEP_VECS_ASYNC;
	/* The guest's processor knows best what is pending: let it execute it. */
	if (hvstep_delivers(hv) && hv->plan.se) {
		hv->plan.vectors |= HVSTEP_VECS_ASYNC;
		if (!hv->plan.required)
			hv->plan.emul = HVSTEP_EMUL_NONE;
	}
	return ret;
}
