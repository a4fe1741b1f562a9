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

#include "again.h"

#define GUESTDBG_SW_BP		(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP)

static int exit_debug(struct hvstep_vcpu *hv)
{
	struct kvm_run *run = hv->vcpu->run;

	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.address = hvstep_get_pc(hv->vcpu);
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
static noinline int run_free(struct hvstep_vcpu *hv)
{
	for (;;) {
		int ret = enter(hv);

		if (!exited_at_sw_bp(hv, ret))
			return ret;
		hv->vcpu->run->debug.arch.status = 0;

		switch (hvstep_sw_bp_at_nip(hv)) {
		case HVSTEP_SW_BP_PARKED:
			hvstep_park_leave(hv);
			break;
		case HVSTEP_SW_BP_RETRY:
			break;
		case HVSTEP_SW_BP_SIGNAL:
			return exit_intr(hv);
		case HVSTEP_SW_BP_GUEST:
			hvstep_sw_bp_reflect(hv);
			break;
		case HVSTEP_SW_BP_VMM:
			return ret;
		}
	}
}

/*
 * From ISA 3.0 on BE and SE are one field, in which both of them together are reserved: the
 * guest's own BE is put back with the rest (hvstep_guest_msr()).
 */
static inline void trace_next(struct kvm_vcpu *vcpu)
{
	hvstep_set_msr(vcpu, (hvstep_get_msr(vcpu) & ~MSR_BE) | MSR_SE);
}

/* Silence, arm, set SE. Nothing has changed if it fails. */
static int prepare(struct hvstep_vcpu *hv)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	int ret;

	hv->srr0 = hvstep_get_srr0(vcpu);
	hv->srr1 = hvstep_get_srr1(vcpu);
	hv->lpcr = hvstep_compat_lpcr(vcpu);
	hv->intr_msr = READ_ONCE(vcpu->arch.intr_msr);
	hv->undone = 0;
	hvstep_park_let_leave(hv);
	/* What may sleep has nothing armed, and may need the others to go on. */
	ret = hv->plan.vectors || hv->plan.nr_next ? hvstep_exclusive_begin(hv) : 0;
	if (ret)
		return ret;
	WRITE_ONCE(hv->active, true);
	ret = hvstep_hook_stepping(hv->vm);
	if (likely(!ret) && !hvstep_keeps(hv)) {
		if (hv->kept)
			hvstep_disarm(hv);
		if (unlikely(!hvstep_arm_again(hv)))
			ret = hvstep_vector_arm(hv);
	}
	if (ret) {
		WRITE_ONCE(hv->active, false);
		hvstep_exclusive_end(hv);
		return ret;
	}

	/* What a probe has not found is held from then on. */
	if (hvstep_delivers(hv) && (hv->plan.se || hv->plan.probe))
		hvstep_irq_hold_none(hv);
	else
		hvstep_irq_hold(hv);
	hv->sampled = false;
	if (hv->plan.se) {
		hvstep_sampled_save(hv);
		trace_next(vcpu);
	}
	return 0;
}

/* Will there be another step in this KVM_RUN? */
static bool goes_on(struct hvstep_vcpu *hv)
{
	return unlikely(atomic64_read(&hv->left) > 1 && !hvstep_wants_each(hv));
}

/*
 * The guest is entered again without a way to userspace: nobody else takes back what
 * probe_run_enter() in hook.c has set.
 */
static void take_back_call(struct hvstep_vcpu *hv)
{
	/* A thread's own does not go away. */
	struct sighand_struct *sighand = rcu_dereference_protected(current->sighand, true);

	hv->called_out = false;
	spin_lock_irq(&sighand->siglock);
	recalc_sigpending();
	spin_unlock_irq(&sighand->siglock);
	/* A kick's flag is taken back by nobody: hvstep_kick() counts first. */
	smp_mb();
	if (atomic_read(&hv->kicks) != hv->kicks_seen)
		set_thread_flag(TIF_SIGPENDING);
}

/* Before the next step. Signals and kicks that came are found in step_one(). */
static void stay_in_kernel(struct hvstep_vcpu *hv)
{
	if (hv->called_out)
		take_back_call(hv);
	/* Emulated ones, too: nobody waits for the end of them all. */
	if (unlikely(hv->kept && (need_resched() || hvstep_is_waited_for(hv))))
		hvstep_disarm(hv);
	cond_resched();
}

/* @keep: what is armed may do for the next step, if that follows at once. */
static void release(struct hvstep_vcpu *hv, bool keep)
{
	WRITE_ONCE(hv->active, false);
	hvstep_irq_release(hv);
	hv->kept = keep && goes_on(hv) && hvstep_may_keep(hv);
	if (!hv->kept)
		hvstep_disarm(hv);
	hvstep_exclusive_end(hv);
}

/* An exit that userspace has to see before the instruction is complete. */
static bool exit_is_for_vmm(struct hvstep_vcpu *hv, int ret)
{
	return ret >= 0 && hv->vcpu->run->exit_reason != KVM_EXIT_DEBUG &&
	       hv->vcpu->run->exit_reason != KVM_EXIT_INTR;
}

/* Without an exit to userspace: but it may be asked for. */
static int go_on(struct hvstep_vcpu *hv, bool *again)
{
	stay_in_kernel(hv);
	if (unlikely(hvstep_compat_immediate_exit(hv->vcpu)))
		return exit_intr(hv);
	*again = true;
	return 0;
}

/* More was asked for than a number of steps, or they are recorded. */
static noinline int step_done_special(struct hvstep_vcpu *hv, s64 left, bool *again)
{
	if (hv->tracing)
		hvstep_trace_commit(hv);
	return hvstep_request_goes_on(hv, left) ? go_on(hv, again) : exit_debug(hv);
}

/* The end of a step: of KVM_RUN, too, unless it is to make more of them. */
static __always_inline int step_done(struct hvstep_vcpu *hv, bool *again)
{
	s64 left;

	hvstep_count(hv, HVSTEP_COUNT_STEPS);
	/* In this order: it is set before a request that needs it, and a tracer looks back. */
	left = atomic64_dec_if_positive(&hv->left);
	if (unlikely(READ_ONCE(hv->special)))
		return step_done_special(hv, left, again);
	if (left > 0 && !hvstep_wants_each(hv))
		return go_on(hv, again);
	return exit_debug(hv);
}

/* The VMM's own breakpoint ends whatever was asked for. */
static int step_ends_at_bp(struct hvstep_vcpu *hv)
{
	hvstep_request_end(hv);
	hvstep_count(hv, HVSTEP_COUNT_BREAKPOINTS);
	return exit_debug(hv);
}

/* The instruction to step is a breakpoint, whoever's. */
static int step_sw_bp(struct hvstep_vcpu *hv, bool *again)
{
	switch (hvstep_sw_bp_at_nip(hv)) {
	case HVSTEP_SW_BP_PARKED:
		hvstep_park_leave(hv);
		break;
	case HVSTEP_SW_BP_RETRY:
		break;
	case HVSTEP_SW_BP_SIGNAL:
		return exit_intr(hv);
	case HVSTEP_SW_BP_GUEST:
		hvstep_trace_begin(hv, 0, KVMPPC_INST_SW_BREAKPOINT);
		hvstep_sw_bp_reflect(hv);
		return step_done(hv, again);
	case HVSTEP_SW_BP_VMM:
		return step_ends_at_bp(hv);
	}
	*again = true;
	return 0;
}

/* What has the return of KVM, @ret, done? Not by the Trace interrupt, as most do. */
static noinline int conclude(struct hvstep_vcpu *hv, int ret, bool *again, bool *probed)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	enum hvstep_outcome outcome;

	for (;; ret = enter(hv)) {
		outcome = hvstep_conclude(hv);
		if (outcome != HVSTEP_OUTCOME_UNDO)
			break;
		/* Silence anew what has come, and run the instruction again. */
		hvstep_irq_release(hv);
		hvstep_set_msr(vcpu, hv->msr);
		hvstep_irq_hold(hv);
		if (hv->plan.se)
			trace_next(vcpu);
		if (hv->called_out)
			take_back_call(hv);
		if (signal_pending(current)) {
			hvstep_set_msr(vcpu, hv->msr);
			release(hv, false);
			hvstep_count(hv, HVSTEP_COUNT_INTERRUPTED);
			return exit_intr(hv);
		}
	}
	if (outcome == HVSTEP_OUTCOME_DONE && exit_is_for_vmm(hv, ret)) {
		/* Userspace completes it; then say so without entering. */
		hv->report_nip = hvstep_get_pc(vcpu);
		hv->report_debug = vcpu->guest_debug;
		WRITE_ONCE(hv->report, true);
		smp_wmb();	/* before hv->active, see vm_is_active() */
	}
	release(hv, false);

	/* At the breakpoint, not merely where it is: a signal came first. */
	if (outcome == HVSTEP_OUTCOME_PROBED && exited_at_sw_bp(hv, ret)) {
		*probed = true;
		return 0;
	}
	if (outcome == HVSTEP_OUTCOME_DONE)
		return exit_is_for_vmm(hv, ret) ? ret : step_done(hv, again);

	/* Not executed: somebody else's breakpoint here, or a real exit. */
	if (exited_at_sw_bp(hv, ret)) {
		vcpu->run->debug.arch.status = 0;
		return step_sw_bp(hv, again);
	}
	hvstep_count(hv, HVSTEP_COUNT_INTERRUPTED);
	return ret;
}

/*
 * A hash guest that has never run, or whose page table was just replaced; or one that was
 * switched to the other kind of MMU: KVM sees to that when a vCPU enters the guest. So
 * enter it where it cannot execute anything, at an armed word in real mode, which needs
 * no translation.
 */
static noinline int set_up_mmu(struct hvstep_vcpu *hv, bool *again)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	u64 msr = hvstep_get_msr(vcpu);
	u64 nip = hvstep_get_pc(vcpu);
	int ret;

	if (hv->kept)
		hvstep_disarm(hv);
	if (hvstep_exclusive_begin(hv))
		return exit_intr(hv);
	/*
	 * Nor with a floating-point exception that waits, or in a transaction, which would
	 * fail at once: their handlers are elsewhere.
	 */
	hvstep_set_msr(vcpu, msr & ~(MSR_EE | MSR_PR | MSR_SE | MSR_BE | MSR_IR | MSR_DR |
				     MSR_FE0 | MSR_FE1 | MSR_TS_MASK));
	hv->plan = (struct hvstep_plan){ .vectors = BIT(HVSTEP_VEC_TRACE) };
	hv->nip_gpa = INVALID_GPA;
	/* It is no step, for hook.c: nip is none that could move. */
	hv->nip = hvstep_vector_ea(vcpu, HVSTEP_VEC_TRACE, 0);
	hv->plan.span = sizeof(u32);
	hv->lpcr = hvstep_compat_lpcr(vcpu);
	hv->intr_msr = READ_ONCE(vcpu->arch.intr_msr);
	WRITE_ONCE(hv->active, true);
	ret = hvstep_hook_stepping(hv->vm);
	if (!ret)
		ret = hvstep_vector_arm(hv);
	if (!ret) {
		hvstep_set_pc(vcpu, hv->nip);
		ret = enter(hv);
		hvstep_set_pc(vcpu, nip);
		hvstep_set_msr(vcpu, msr);
		hvstep_vector_disarm(hv);
		if (exited_at_sw_bp(hv, ret))
			*again = true;
	} else {
		hvstep_set_msr(vcpu, msr);
		ret = ret == -EINTR ? exit_intr(hv) : hvstep_refuse(hv, ret);
	}
	WRITE_ONCE(hv->active, false);
	hvstep_exclusive_end(hv);
	return ret;
}

static int run_plan(struct hvstep_vcpu *hv, bool *again, bool *probed)
{
	int ret = prepare(hv);

	if (unlikely(ret))
		return ret == -EINTR ? exit_intr(hv) : hvstep_refuse(hv, ret);
	ret = enter(hv);
	if (unlikely(!hvstep_is_traced(hv) || exit_is_for_vmm(hv, ret)))
		return conclude(hv, ret, again, probed);
	hvstep_go_back(hv);
	hvstep_count(hv, HVSTEP_COUNT_TRACED);
	release(hv, true);
	return step_done(hv, again);
}

/* What the instruction would do cannot be known, for now or for good. */
static int step_unknown(struct hvstep_vcpu *hv, int err, bool *again)
{
	switch (err) {
	case -EINTR:
		return exit_intr(hv);
	case -ENXIO:
		/* Without a page table of KVM's: see set_up_mmu(). */
		*again = true;
		return 0;
	case -EIO:
		return hvstep_refuse(hv, -EFAULT);
	default:
		return hvstep_refuse(hv, err);
	}
}

/*
 * Must the vCPU be entered at the instruction first, to see what comes in its place? Not if
 * hardware traces it: then that is met in the step itself. @fetch: of hvstep_mem_fetch()
 */
static bool must_probe(struct hvstep_vcpu *hv, int fetch)
{
	if (hv->plan.se && !hv->plan.emul)
		return false;
	return hvstep_delivers(hv) || hvstep_fp_exception_waits(hv) ||
	       (fetch > 0 && hv->plan.emul);
}

/* The instruction @word at nip, of which hvstep_mem_fetch() has said @fetch */
static noinline int step_insn(struct hvstep_vcpu *hv, int fetch, u32 word, bool *again)
{
	int ret;

	if (hv->kept)
		hvstep_disarm(hv);
	ret = hvstep_decide(hv, fetch, word, true);
	if (ret)
		return step_unknown(hv, ret, again);
	if (must_probe(hv, fetch)) {
		bool probed = false;

		hvstep_plan_probe(&hv->plan, hv->nip);
		ret = run_plan(hv, again, &probed);
		if (!probed)
			return ret;
		ret = hvstep_decide(hv, fetch, word, true);
		if (ret)
			return step_unknown(hv, ret, again);
	}
	if (hv->plan.emul && hvstep_emulate(hv, word)) {
		hvstep_count(hv, HVSTEP_COUNT_EMULATED);
		return step_done(hv, again);
	}
	/* A transaction changes hands: nothing we could do is exact. */
	if (hv->plan.required)
		return hvstep_refuse(hv, -EOPNOTSUPP);

	ret = hvstep_access_find(hv, word);
	if (ret)
		return step_unknown(hv, ret, again);
	ret = run_plan(hv, again, NULL);
	if (ret == -EOPNOTSUPP && hv->plan.span > hv->plan.len) {
		/* No breakpoint can be put where the sequence leads. */
		hvstep_decide(hv, fetch, word, false);
		ret = run_plan(hv, again, NULL);
	}
	return ret;
}

/* Nothing but the instruction decides, in most states: see again.h. */
static __always_inline int step_ordinary(struct hvstep_vcpu *hv, u32 word, bool *again)
{
	if (unlikely(!hvstep_decide_is_ordinary(hv)))
		return step_insn(hv, 0, word, again);

	if (hvstep_decide_ordinary(hv, word)) {
		int ret = hvstep_access_find_ordinary(hv, word);

		if (unlikely(ret))
			return step_unknown(hv, ret, again);
		return run_plan(hv, again, NULL);
	}
	if (hvstep_compute_is_exact(word) && hvstep_decide_may_compute(hv) &&
	    hvstep_emulate_compute(hv->vcpu, hv->msr, word)) {
		hvstep_count(hv, HVSTEP_COUNT_EMULATED);
		return step_done(hv, again);
	}
	return step_insn(hv, 0, word, again);
}

/* Where the last instruction was not: fetch it, and find out what is there. */
static noinline int step_elsewhere(struct hvstep_vcpu *hv, bool *again)
{
	u32 word = 0;
	int fetch;

	/* This may sleep; and what is met may be our own. */
	if (hv->kept)
		hvstep_disarm(hv);
	fetch = hvstep_mem_fetch(hv, hv->nip, &hv->nip_gpa, &word);
	/* -EFAULT: hardware cannot fetch it either. */
	if (fetch < 0 && fetch != -EFAULT)
		return step_unknown(hv, fetch, again);
	if (fetch >= 0 && word == KVMPPC_INST_SW_BREAKPOINT)
		return step_sw_bp(hv, again);
	hvstep_trace_begin(hv, fetch, word);
	return fetch ? step_insn(hv, fetch, word, again) : step_ordinary(hv, word, again);
}

static __always_inline int step_any(struct hvstep_vcpu *hv, bool *again, bool special)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	u32 word;

	if (signal_pending(current))
		return exit_intr(hv);

	/* A policy holds for all of a step. */
	hv->flags = READ_ONCE(hv->vm->flags);
	hv->deliver = READ_ONCE(hv->vm->irq) == HVSTEP_IRQ_DELIVER;
	if (unlikely(hv->kept && hv->flags & HVSTEP_POLICY_EXCLUSIVE))
		hvstep_disarm(hv);
	hv->access[0].len = 0;
	hv->access[1].len = 0;

	/*
	 * A secure guest's memory is not ours to read or to write. KVM itself
	 * refuses a vCPU that is not sane.
	 */
	if (READ_ONCE(vcpu->kvm->arch.secure_guest))
		return hvstep_refuse(hv, -EOPNOTSUPP);
	if (!vcpu->arch.sane)
		return hvstep_hook_enter(vcpu);

	if (unlikely(!hvstep_mem_ready(vcpu->kvm)) && hvstep_get_msr(vcpu) & (MSR_IR | MSR_DR))
		return set_up_mmu(hv, again);

	/*
	 * Hardware ignores the low bits of an address that KVM_SET_REGS does
	 * not; and the last exit may have left HSRR1's account of itself in MSR.
	 */
	hv->nip = hvstep_get_pc(vcpu) & ~3UL;
	hv->msr = hvstep_get_msr(vcpu) & HVSTEP_MSR_VALID;
	hvstep_set_pc(vcpu, hv->nip);
	hvstep_set_msr(vcpu, hv->msr);

	if (unlikely(!hvstep_fetch_again(hv, hv->nip, hv->msr, &word)) ||
	    unlikely(word == KVMPPC_INST_SW_BREAKPOINT))
		return step_elsewhere(hv, again);
	if (special)
		hvstep_trace_begin(hv, 0, word);
	return step_ordinary(hv, word, again);
}

/* One that may be recorded: once there is room for that. */
static noinline int step_special(struct hvstep_vcpu *hv, bool *again)
{
	int ret = hvstep_trace_ready(hv);

	if (unlikely(ret)) {
		*again = ret == -EAGAIN;
		return *again ? 0 : exit_intr(hv);
	}
	return step_any(hv, again, true);
}

static __always_inline int step_one(struct hvstep_vcpu *hv, bool *again)
{
	if (unlikely(READ_ONCE(hv->special)))
		return step_special(hv, again);
	return step_any(hv, again, false);
}

/*
 * The last exit was for userspace to complete the instruction, and now it has:
 * if nothing else has changed, the step is over.
 */
static bool report_due(struct hvstep_vcpu *hv)
{
	bool due = hv->report && hvstep_wants_step(hv) &&
		   hv->vcpu->guest_debug == hv->report_debug &&
		   hvstep_get_pc(hv->vcpu) == hv->report_nip;

	if (unlikely(hv->report))
		WRITE_ONCE(hv->report, false);
	return due;
}

/*
 * HVSTEP_STEP_CANCEL between two steps of this KVM_RUN, not in one: the same as there,
 * which step_done() sees to. Who has closed the session wants no more of it.
 */
static bool was_cancelled(struct hvstep_vcpu *hv, u64 steps_before)
{
	return hv->count[HVSTEP_COUNT_STEPS] != steps_before && !READ_ONCE(hv->vm->closing) &&
	       !atomic64_read(&hv->left) &&
	       !(READ_ONCE(hv->request.flags) & HVSTEP_STEP_THEN_RUN);
}

/* Called by hook.c in place of KVM's vcpu_run. */
int hvstep_vcpu_run(struct hvstep_vcpu *hv)
{
	u64 steps = hv->count[HVSTEP_COUNT_STEPS];
	bool again;
	int ret;

	lockdep_assert_held(&hv->vcpu->mutex);

	/* What those before were for can be seen by now. */
	hv->kicks_seen = atomic_read(&hv->kicks);
	WRITE_ONCE(hv->running, true);
	if (unlikely(READ_ONCE(hv->special)))
		smp_mb();	/* pairs with request_set(): one of us sees the other */
	again = !report_due(hv);
	if (unlikely(!again))
		ret = step_done(hv, &again);
	while (again) {
		again = false;
		if (likely(hvstep_wants_step(hv))) {
			ret = step_one(hv, &again);
			if (unlikely(ret < 0 && ret != -EINTR))
				again = hvstep_request_gives_up(hv, ret);
			continue;
		}
		if (hv->kept)
			hvstep_disarm(hv);
		if (READ_ONCE(hv->special))
			hvstep_request_settle(hv);
		if (hv->tracing)
			hvstep_trace_let_go(hv);
		if (was_cancelled(hv, steps))
			ret = exit_debug(hv);
		else if (unlikely(READ_ONCE(hv->vm->closing) && hvstep_auto_wants(hv->vcpu)))
			/* Since hook.c has looked: the next KVM_RUN attaches it again. */
			ret = exit_intr(hv);
		else
			ret = run_free(hv);
	}
	if (unlikely(hv->kept))
		hvstep_disarm(hv);
	hvstep_park_left(hv);
	WRITE_ONCE(hv->running, false);
	smp_mb();	/* running before the filter of the next KVM_RUN; see kick.c */
	if (unlikely(READ_ONCE(hv->special)))
		hvstep_request_settle(hv);
	return ret;
}
