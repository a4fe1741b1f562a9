// SPDX-License-Identifier: GPL-2.0
/*
 * One KVM_RUN of a vCPU of an attached VM.
 *
 * A step is: plan it; if it can be emulated, do so; else silence interrupts,
 * arm the places where it can end, set MSR[SE], and let KVM run the vCPU; then
 * conclude from where it is what has happened, and put everything back. All of
 * that is put back before userspace gets the vCPU, whatever KVM_RUN returns
 * for: a step that was not complete is begun anew by the next KVM_RUN.
 */
#include <linux/kvm_host.h>
#include <linux/sched/signal.h>

#include "hvstep.h"

#define GUESTDBG_STEP		(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP)
#define GUESTDBG_SW_BP		(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP)

static int exit_debug(struct hvstep_vcpu *hv)
{
	struct kvm_run *run = hv->vcpu->run;

	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.address = kvmppc_get_pc(hv->vcpu);
	/* Anything else makes QEMU look for a hardware breakpoint. */
	run->debug.arch.status = 0;
	return RESUME_HOST;
}

static int exit_intr(struct hvstep_vcpu *hv)
{
	hv->vcpu->stat.signal_exits++;
	hv->vcpu->run->exit_reason = KVM_EXIT_INTR;
	return -EINTR;
}

/* The guest is as it was. */
static int refuse(struct hvstep_vcpu *hv, int err)
{
	hv->vcpu->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	return err;
}

/* Each KVM_RUN is to be one step. */
static bool wants_each(struct hvstep_vcpu *hv)
{
	return (hv->vcpu->guest_debug & GUESTDBG_STEP) == GUESTDBG_STEP;
}

static bool wants_step(struct hvstep_vcpu *hv)
{
	if (READ_ONCE(hv->vm->closing))
		return false;
	return wants_each(hv) || atomic64_read(&hv->left);
}

/* Another vCPU's armed word, this guest's own, or the VMM's? */
enum sw_bp { SW_BP_RETRY, SW_BP_PARKED, SW_BP_SIGNAL, SW_BP_GUEST, SW_BP_VMM };

static enum sw_bp sw_bp_at_nip(struct hvstep_vcpu *hv)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	unsigned int changes;
	gpa_t gpa;
	u32 raw;

	if (hvstep_mem_translate(hv, kvmppc_get_pc(vcpu) & ~3UL,
				 kvmppc_get_msr(vcpu), &gpa))
		return SW_BP_RETRY;	/* unmapped meanwhile: fault again */
	switch (hvstep_park(hv, gpa, &changes)) {
	case 0:
		return SW_BP_PARKED;
	case -EINTR:
		return SW_BP_SIGNAL;
	}
	if (hvstep_mem_read(vcpu, gpa, &raw) || raw != KVMPPC_INST_SW_BREAKPOINT)
		return SW_BP_RETRY;	/* restored meanwhile */
	smp_rmb();	/* the word before vm->changes */
	if (READ_ONCE(hv->vm->changes) != changes)
		return SW_BP_RETRY;	/* or armed meanwhile */
	return vcpu->guest_debug & KVM_GUESTDBG_USE_SW_BP ? SW_BP_VMM : SW_BP_GUEST;
}

/* As stock KVM does when the VMM has not asked for breakpoints. */
static void reflect(struct hvstep_vcpu *hv)
{
	hvstep_count(hv, HVSTEP_COUNT_REFLECTED);
	kvmppc_core_queue_program(hv->vcpu, SRR1_PROGILL);
}

static int enter(struct hvstep_vcpu *hv)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	unsigned long guest_debug = vcpu->guest_debug;
	int ret;

	if (hvstep_exclusive_enter(hv))
		return exit_intr(hv);
	/* KVM_SET_GUEST_DEBUG rewrites the field, so it is done at each entry. */
	vcpu->guest_debug = guest_debug | GUESTDBG_SW_BP;
	ret = hvstep_hook_enter(vcpu);
	vcpu->guest_debug = guest_debug;
	hvstep_exclusive_leave(hv);
	hvstep_park_left(hv);
	return ret;
}

static bool exited_at_sw_bp(struct hvstep_vcpu *hv, int ret)
{
	return ret > 0 && hv->vcpu->run->exit_reason == KVM_EXIT_DEBUG;
}

/* Not stepping: but others may, and then their words are met here. */
static int run_free(struct hvstep_vcpu *hv)
{
	for (;;) {
		int ret = enter(hv);

		if (!exited_at_sw_bp(hv, ret))
			return ret;
		hv->vcpu->run->debug.arch.status = 0;

		switch (sw_bp_at_nip(hv)) {
		case SW_BP_PARKED:
			hvstep_park_leave(hv);
			break;
		case SW_BP_RETRY:
			break;
		case SW_BP_SIGNAL:
			return exit_intr(hv);
		case SW_BP_GUEST:
			reflect(hv);
			break;
		case SW_BP_VMM:
			return ret;
		}
	}
}

/* Does CIABR match an instruction not further from nip than that? */
static bool ciabr_within(struct hvstep_vcpu *hv, u64 len)
{
	u64 ciabr = hvstep_compat_ciabr(hv->vcpu);

	/* CIABR[PRIV] (ISA Book III): 1 problem, 2 privileged non-hypervisor */
	return (ciabr & 3) == (hv->msr & MSR_PR ? 1 : 2) &&
	       (ciabr & ~3UL) - hv->nip < len;
}

/* Shall an interrupt that the guest would take now be taken? */
static bool delivers(struct hvstep_vcpu *hv)
{
	return hv->msr & MSR_EE && hv->deliver;
}

/* All of an atomic sequence in one step, if it is one and that is asked for. */
static void plan_sequence(struct hvstep_vcpu *hv, const struct hvstep_plan_in *in)
{
	u32 words[HVSTEP_MAX_SEQUENCE] = { in->word };
	unsigned int nr;
	gpa_t gpa;

	if (!(hv->flags & HVSTEP_POLICY_ATOMIC) || !in->fetched ||
	    !hvstep_insn_is_larx(in->word))
		return;
	/* The guest may trace what is behind the larx. */
	if (hv->msr & MSR_BE || ciabr_within(hv, 4 * HVSTEP_MAX_SEQUENCE))
		return;
	/*
	 * It may go on in the next page, but not far enough to where the handlers
	 * of that one begin. A breakpoint is none of it.
	 */
	for (nr = 1; nr < HVSTEP_MAX_SEQUENCE; nr++) {
		if (hvstep_mem_fetch(hv, hv->nip + 4 * nr, &gpa, &words[nr]) < 0 ||
		    words[nr] == KVMPPC_INST_SW_BREAKPOINT)
			break;
	}
	hvstep_plan_sequence(in, words, nr, &hv->plan);
}

static void make_plan(struct hvstep_vcpu *hv, int fetch, u32 word, bool whole)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	bool fetched = fetch >= 0;
	struct hvstep_plan_in in = {
		.word = word,
		.msr = hv->msr,
		.nip = hv->nip,
		.ebbrr = hvstep_compat_ebbrr(vcpu),
		.fetched = fetched,
		.hw_fetch = fetch > 0,
		.at_trace = hv->nip == hvstep_vector_ea(vcpu, HVSTEP_VEC_TRACE, 0),
		.arch_300 = cpu_has_feature(CPU_FTR_ARCH_300),
		/* The bits outside PCR_MASK are for modes (asm/reg.h). */
		.compat = hv->msr & MSR_PR && vcpu->arch.vcore->pcr & ~PCR_MASK,
		.gpr3 = kvmppc_get_gpr(vcpu, 3),
		.trace_all = hv->flags & HVSTEP_POLICY_TRACE_ALL,
	};

	hv->own_trace = hv->msr & MSR_SE ||
			(hv->msr & MSR_BE && (!fetched || hvstep_insn_is_branch(word))) ||
			ciabr_within(hv, 4);
	in.own_trace = hv->own_trace;
	hvstep_plan_make(&in, &hv->plan);
	if (whole)
		plan_sequence(hv, &in);
	/* In problem state interrupts are enabled, whatever we do (irq.c). */
	if (hv->msr & MSR_PR)
		hv->plan.vectors |= HVSTEP_VECS_ASYNC;
	/* The guest's processor knows best what is pending: let it execute it. */
	if (delivers(hv) && hv->plan.se) {
		hv->plan.vectors |= HVSTEP_VECS_ASYNC;
		if (!hv->plan.required)
			hv->plan.emul = HVSTEP_EMUL_NONE;
	}
}

/* Silence, arm, set SE. Nothing has changed if it fails. */
static int prepare(struct hvstep_vcpu *hv)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	int ret;

	hv->srr0 = kvmppc_get_srr0(vcpu);
	hv->srr1 = kvmppc_get_srr1(vcpu);
	hv->lpcr = hvstep_compat_lpcr(vcpu);
	hv->intr_msr = vcpu->arch.intr_msr;
	hv->undone = 0;
	hvstep_park_let_leave(hv);
	/* What may sleep has nothing armed, and may need the others to go on. */
	ret = hv->plan.vectors || hv->plan.nr_next ? hvstep_exclusive_begin(hv) : 0;
	if (ret)
		return ret;
	WRITE_ONCE(hv->active, true);
	ret = hvstep_hook_stepping(hv->vm);
	if (!ret)
		ret = hvstep_vector_arm(hv);
	if (ret) {
		WRITE_ONCE(hv->active, false);
		hvstep_exclusive_end(hv);
		return ret;
	}

	/* What a probe has not found is held from then on. */
	if (delivers(hv) && (hv->plan.se || hv->plan.probe))
		hvstep_irq_hold_none(hv);
	else
		hvstep_irq_hold(hv);
	if (hv->plan.se)
		kvmppc_set_msr_fast(vcpu, kvmppc_get_msr(vcpu) | MSR_SE);
	return 0;
}

/*
 * The next step is made without a way to userspace: nobody else takes back what
 * probe_run_enter() in hook.c has set. Signals and kicks that came are found in
 * step_one().
 */
static void stay_in_kernel(struct hvstep_vcpu *hv)
{
	if (hv->called_out) {
		hv->called_out = false;
		spin_lock_irq(&current->sighand->siglock);
		recalc_sigpending();
		spin_unlock_irq(&current->sighand->siglock);
	}
	cond_resched();
}

static void release(struct hvstep_vcpu *hv)
{
	WRITE_ONCE(hv->active, false);
	hvstep_irq_release(hv);
	hvstep_vector_disarm(hv);
	hvstep_exclusive_end(hv);
}

/* An exit that userspace has to see before the instruction is complete. */
static bool exit_is_for_vmm(struct hvstep_vcpu *hv, int ret)
{
	return ret >= 0 && hv->vcpu->run->exit_reason != KVM_EXIT_DEBUG &&
	       hv->vcpu->run->exit_reason != KVM_EXIT_INTR;
}

/* The end of a step: of KVM_RUN, too, unless it is to make more of them. */
static int step_done(struct hvstep_vcpu *hv, bool *again)
{
	hvstep_count(hv, HVSTEP_COUNT_STEPS);
	if (atomic64_dec_if_positive(&hv->left) > 0 && !wants_each(hv)) {
		stay_in_kernel(hv);
		*again = true;
		return 0;
	}
	return exit_debug(hv);
}

/* The VMM's own breakpoint ends whatever was asked for. */
static int step_ends_at_bp(struct hvstep_vcpu *hv)
{
	atomic64_set(&hv->left, 0);
	hvstep_count(hv, HVSTEP_COUNT_BREAKPOINTS);
	return exit_debug(hv);
}

/* The instruction to step is a breakpoint, whoever's. */
static int step_sw_bp(struct hvstep_vcpu *hv, bool *again)
{
	switch (sw_bp_at_nip(hv)) {
	case SW_BP_PARKED:
		hvstep_park_leave(hv);
		break;
	case SW_BP_RETRY:
		break;
	case SW_BP_SIGNAL:
		return exit_intr(hv);
	case SW_BP_GUEST:
		reflect(hv);
		return step_done(hv, again);
	case SW_BP_VMM:
		return step_ends_at_bp(hv);
	}
	*again = true;
	return 0;
}

static int run_prepared(struct hvstep_vcpu *hv, bool *again, bool *probed)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	enum hvstep_outcome outcome;
	int ret;

	for (;;) {
		ret = enter(hv);
		outcome = hvstep_conclude(hv);
		if (outcome != HVSTEP_OUTCOME_UNDO)
			break;
		/* Silence anew what has come, and run the instruction again. */
		hvstep_irq_release(hv);
		kvmppc_set_msr_fast(vcpu, hv->msr);
		hvstep_irq_hold(hv);
		if (hv->plan.se)
			kvmppc_set_msr_fast(vcpu, kvmppc_get_msr(vcpu) | MSR_SE);
		if (signal_pending(current)) {
			kvmppc_set_msr_fast(vcpu, hv->msr);
			release(hv);
			hvstep_count(hv, HVSTEP_COUNT_INTERRUPTED);
			return exit_intr(hv);
		}
	}
	release(hv);

	/* At the breakpoint, not merely where it is: a signal came first. */
	if (outcome == HVSTEP_OUTCOME_PROBED && exited_at_sw_bp(hv, ret)) {
		*probed = true;
		return 0;
	}
	if (outcome == HVSTEP_OUTCOME_DONE) {
		if (!exit_is_for_vmm(hv, ret))
			return step_done(hv, again);
		/* Userspace completes it; then say so without entering. */
		hv->report = true;
		hv->report_nip = kvmppc_get_pc(vcpu);
		hv->report_debug = vcpu->guest_debug;
		return ret;
	}

	/* Not executed: somebody else's breakpoint here, or a real exit. */
	if (exited_at_sw_bp(hv, ret)) {
		vcpu->run->debug.arch.status = 0;
		return step_sw_bp(hv, again);
	}
	hvstep_count(hv, HVSTEP_COUNT_INTERRUPTED);
	return ret;
}

/*
 * A hash guest that has never run, or whose page table was just replaced: KVM
 * sees to that when a vCPU enters the guest. So enter it where it cannot execute
 * anything, at an armed word in real mode, which needs no translation.
 */
static int set_up_mmu(struct hvstep_vcpu *hv, bool *again)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	u64 msr = kvmppc_get_msr(vcpu);
	u64 nip = kvmppc_get_pc(vcpu);
	int ret;

	if (hvstep_exclusive_begin(hv))
		return exit_intr(hv);
	kvmppc_set_msr_fast(vcpu, msr & ~(MSR_EE | MSR_PR | MSR_SE | MSR_BE | MSR_IR | MSR_DR));
	hv->plan = (struct hvstep_plan){ .vectors = BIT(HVSTEP_VEC_TRACE) };
	hv->nip_gpa = INVALID_GPA;
	ret = hvstep_vector_arm(hv);
	if (!ret) {
		kvmppc_set_pc(vcpu, hvstep_vector_ea(vcpu, HVSTEP_VEC_TRACE, 0));
		ret = enter(hv);
		kvmppc_set_pc(vcpu, nip);
		kvmppc_set_msr_fast(vcpu, msr);
		hvstep_vector_disarm(hv);
		if (exited_at_sw_bp(hv, ret))
			*again = true;
	} else {
		kvmppc_set_msr_fast(vcpu, msr);
		ret = ret == -EINTR ? exit_intr(hv) : refuse(hv, ret);
	}
	hvstep_exclusive_end(hv);
	return ret;
}

static int run_plan(struct hvstep_vcpu *hv, bool *again, bool *probed)
{
	int ret = prepare(hv);

	if (!ret)
		return run_prepared(hv, again, probed);
	return ret == -EINTR ? exit_intr(hv) : refuse(hv, ret);
}

static int step_one(struct hvstep_vcpu *hv, bool *again)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	u32 word = 0;
	int fetch, ret;

	if (signal_pending(current))
		return exit_intr(hv);

	/* A policy holds for all of a step. */
	hv->flags = READ_ONCE(hv->vm->flags);
	hv->deliver = READ_ONCE(hv->vm->irq) == HVSTEP_IRQ_DELIVER;
	hv->access[0].len = 0;
	hv->access[1].len = 0;

	/*
	 * A secure guest's memory is not ours to read or to write. KVM itself
	 * refuses a vCPU that is not sane.
	 */
	if (vcpu->kvm->arch.secure_guest)
		return refuse(hv, -EOPNOTSUPP);
	if (!vcpu->arch.sane)
		return hvstep_hook_enter(vcpu);

	if (!hvstep_mem_ready(vcpu->kvm) && kvmppc_get_msr(vcpu) & (MSR_IR | MSR_DR))
		return set_up_mmu(hv, again);

	/*
	 * Hardware ignores the low bits of an address that KVM_SET_REGS does
	 * not; and the last exit may have left HSRR1's account of itself in MSR.
	 */
	hv->nip = kvmppc_get_pc(vcpu) & ~3UL;
	hv->msr = kvmppc_get_msr(vcpu) & HVSTEP_MSR_VALID;
	kvmppc_set_pc(vcpu, hv->nip);
	kvmppc_set_msr_fast(vcpu, hv->msr);

	fetch = hvstep_mem_fetch(hv, hv->nip, &hv->nip_gpa, &word);
	if (fetch == -EIO)
		return refuse(hv, -EFAULT);
	if (fetch >= 0 && word == KVMPPC_INST_SW_BREAKPOINT)
		return step_sw_bp(hv, again);

	make_plan(hv, fetch, word, true);
	if ((delivers(hv) && (!hv->plan.se || hv->plan.emul)) ||
	    (fetch > 0 && hv->plan.emul)) {
		bool probed = false;

		/*
		 * Hardware does not trace it: first see whether an interrupt
		 * comes, or the fault of a fetch that only hardware can judge.
		 */
		hvstep_plan_probe(&hv->plan, hv->nip);
		ret = run_plan(hv, again, &probed);
		if (!probed)
			return ret;
		make_plan(hv, fetch, word, true);
	}
	if (hv->plan.emul && hvstep_emulate(hv, word)) {
		hvstep_count(hv, HVSTEP_COUNT_EMULATED);
		return step_done(hv, again);
	}
	/* A transaction changes hands: nothing we could do is exact. */
	if (hv->plan.required)
		return refuse(hv, -EOPNOTSUPP);

	hvstep_access_find(hv, word);
	ret = run_plan(hv, again, NULL);
	if (ret == -EOPNOTSUPP && hv->plan.span > hv->plan.len) {
		/* No breakpoint can be put where the sequence leads. */
		make_plan(hv, fetch, word, false);
		ret = run_plan(hv, again, NULL);
	}
	return ret;
}

/*
 * The last exit was for userspace to complete the instruction, and now it has:
 * if nothing else has changed, the step is over.
 */
static bool report_due(struct hvstep_vcpu *hv)
{
	bool due = hv->report && wants_step(hv) &&
		   hv->vcpu->guest_debug == hv->report_debug &&
		   kvmppc_get_pc(hv->vcpu) == hv->report_nip;

	hv->report = false;
	return due;
}

/* Called by hook.c in place of KVM's vcpu_run. */
int hvstep_vcpu_run(struct hvstep_vcpu *hv)
{
	bool again;
	int ret;

	lockdep_assert_held(&hv->vcpu->mutex);

	WRITE_ONCE(hv->running, true);
	again = !report_due(hv);
	if (unlikely(!again))
		ret = step_done(hv, &again);
	while (again) {
		again = false;
		ret = wants_step(hv) ? step_one(hv, &again) : run_free(hv);
	}
	hvstep_park_left(hv);
	WRITE_ONCE(hv->running, false);
	return ret;
}
