// SPDX-License-Identifier: GPL-2.0
/*
 * HVSTEP_STEP: what a vCPU has been asked for, how much of it is left to do, and what
 * is to follow.
 *
 * The number (hv->left) is atomic, since each step takes one off; all else is looked at
 * only where somebody has asked for more than a number, under request.lock.
 */
#include <linux/kvm_host.h>

#include "hvstep.h"

/* The number of steps; 0 for HVSTEP_STEP_CANCEL. */
static s64 request_count(const struct hvstep_step *step)
{
	if (step->mode != HVSTEP_STEP_RANGE && (step->start || step->end))
		return -EINVAL;
	switch (step->mode) {
	case HVSTEP_STEP_CANCEL:
		return step->count || step->flags & HVSTEP_STEP_THEN_RUN ? -EINVAL : 0;
	case HVSTEP_STEP_ONE:
		return step->count > 1 ? -EINVAL : 1;
	case HVSTEP_STEP_COUNT:
		return !step->count || step->count > S64_MAX ? -EINVAL : step->count;
	case HVSTEP_STEP_RANGE:
		/* One that ends below its start goes round: all but what is between. */
		if (step->start == step->end || step->count > S64_MAX)
			return -EINVAL;
		return step->count ?: S64_MAX;
	default:
		return -EINVAL;
	}
}

/* Does a step need more than a look at the number? */
void hvstep_request_special(struct hvstep_vcpu *hv)
{
	const struct hvstep_request *request = &hv->request;

	lockdep_assert_held(&request->lock);
	WRITE_ONCE(hv->special, request->flags & HVSTEP_STEP_THEN_RUN ||
		   request->start != request->end ||
		   hv->tracer || hv->tracing);
}

static void request_set(struct hvstep_vcpu *hv, const struct hvstep_step *step, s64 left)
{
	spin_lock(&hv->request.lock);
	/* What follows is as it was asked for when the steps were. */
	if (left) {
		WRITE_ONCE(hv->request.flags, step->flags);
		hv->request.start = step->start;
		hv->request.end = step->end;
		hvstep_request_special(hv);
	}
	/* Who finds the number finds the rest, too: see step_done(). */
	atomic64_set_release(&hv->left, left);
	smp_mb();	/* hv->left before hv->running, see hvstep_vcpu_run() */
	/*
	 * The step that is under way is to be recorded yet: hvstep_request_settle(). And why
	 * the steps have ended before stays as it is.
	 */
	if (left || (hv->tracer && hv->tracer->active && !READ_ONCE(hv->running)))
		hvstep_trace_active(hv, left, 0);
	spin_unlock(&hv->request.lock);
}

/*
 * The ring is gone. Who has asked for steps behind the VMM's back may have died: nobody
 * would end them. Those of a VMM's own are its affair.
 */
void hvstep_request_orphan(struct hvstep_vcpu *hv)
{
	lockdep_assert_held(&hv->request.lock);
	if (hv->request.flags & HVSTEP_STEP_THEN_RUN)
		atomic64_set(&hv->left, 0);
}

/* The vCPU's thread has no step under way: is there none to come either? */
void hvstep_request_settle(struct hvstep_vcpu *hv)
{
	spin_lock(&hv->request.lock);
	if (hv->tracer && hv->tracer->active && !atomic64_read(&hv->left))
		hvstep_trace_active(hv, false, 0);
	spin_unlock(&hv->request.lock);
}

int hvstep_request(struct hvstep_vm *vm, const struct hvstep_step *step)
{
	struct hvstep_vcpu *hv;
	s64 left;

	if (step->flags & ~(HVSTEP_STEP_THEN_RUN | HVSTEP_STEP_NOW) || step->pad ||
	    memchr_inv(step->reserved, 0, sizeof(step->reserved)))
		return -EINVAL;
	left = request_count(step);
	if (left < 0)
		return left;

	hv = hvstep_vm_vcpu_by_id(vm, step->vcpu);
	if (!hv)
		return -ENOENT;
	if (IS_ERR(hv))
		return PTR_ERR(hv);
	request_set(hv, step, left);
	if (left)
		hvstep_vm_wake(vm);
	/* In KVM_RUN; who is not comes by what was set above. */
	smp_mb();
	if (step->flags & HVSTEP_STEP_NOW && mutex_is_locked(&hv->vcpu->mutex))
		hvstep_kick(hv);
	return 0;
}

static bool request_is_outside(struct hvstep_vcpu *hv)
{
	const struct hvstep_request *request = &hv->request;
	u64 nip = hvstep_get_pc(hv->vcpu);

	lockdep_assert_held(&request->lock);
	/* Modulo 2^64: the end may be below the start. */
	return request->start != request->end &&
	       nip - request->start >= request->end - request->start;
}

/*
 * A step is done, and hv->left was @left behind it. Is KVM_RUN to go on: with the next
 * one, or without any where that is what was to follow? hvstep_wants_step() tells the one
 * from the other.
 */
bool hvstep_request_goes_on(struct hvstep_vcpu *hv, s64 left)
{
	bool goes_on;

	spin_lock(&hv->request.lock);
	if (left > 0 && request_is_outside(hv)) {
		atomic64_set(&hv->left, 0);
		left = 0;
	}
	/* @left is negative if there was none, or if it was ended in the middle of this step. */
	if (!atomic64_read(&hv->left))
		hvstep_trace_active(hv, false, 0);
	goes_on = left > 0 || hv->request.flags & HVSTEP_STEP_THEN_RUN;
	spin_unlock(&hv->request.lock);
	return goes_on && !hvstep_wants_each(hv);
}

/* No more steps, whatever was asked for: the VMM's own breakpoint. */
void hvstep_request_end(struct hvstep_vcpu *hv)
{
	spin_lock(&hv->request.lock);
	atomic64_set(&hv->left, 0);
	hvstep_trace_active(hv, false, 0);
	spin_unlock(&hv->request.lock);
}

/*
 * An instruction cannot be stepped. Who steps a guest behind the VMM's back must not
 * have its KVM_RUN fail: let the guest run on, and tell the one who has asked.
 */
bool hvstep_request_gives_up(struct hvstep_vcpu *hv, int err)
{
	bool gives_up = false;

	if (hvstep_wants_each(hv))
		return false;
	spin_lock(&hv->request.lock);
	if (hv->request.flags & HVSTEP_STEP_THEN_RUN) {
		/* Or it has been ended just now. */
		gives_up = true;
		if (atomic64_read(&hv->left))
			hvstep_trace_active(hv, false, err);
		atomic64_set(&hv->left, 0);
	}
	spin_unlock(&hv->request.lock);
	return gives_up;
}
