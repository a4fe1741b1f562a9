// SPDX-License-Identifier: GPL-2.0
/*
 * HVSTEP_POLICY_EXCLUSIVE: while one vCPU is in the guest with words armed, no
 * other is there. Parking keeps the others from executing such a word, but only
 * this keeps them from reading it.
 */
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/wait.h>

#include "hvstep.h"

static bool others_inside(struct hvstep_vcpu *hv, bool kick)
{
	struct hvstep_vcpu *other;
	bool inside = false;
	unsigned long idx;

	xa_for_each(&hv->vm->vcpus, idx, other) {
		if (other == hv || !READ_ONCE(other->inside))
			continue;
		inside = true;
		/* One that sleeps in H_CEDE, too: it could wake up any time. */
		if (kick)
			hvstep_kick(other);
	}
	return inside;
}

/*
 * Have the guest for this vCPU alone, which is outside of it and has nothing
 * armed yet. Any signal ends the wait.
 */
int hvstep_exclusive_begin(struct hvstep_vcpu *hv)
{
	struct hvstep_vm *vm = hv->vm;

	if (!(hv->flags & HVSTEP_POLICY_EXCLUSIVE))
		return 0;
	if (mutex_lock_interruptible(&vm->exclusive_lock))
		return -EINTR;
	WRITE_ONCE(vm->exclusive, hv);
	smp_mb();	/* vm->exclusive before other->inside; the reverse below */
	while (others_inside(hv, true)) {
		if (wait_event_interruptible_timeout(vm->others,
						     !others_inside(hv, false), 1) < 0) {
			hvstep_exclusive_end(hv);
			return -EINTR;
		}
	}
	return 0;
}

void hvstep_exclusive_end(struct hvstep_vcpu *hv)
{
	struct hvstep_vm *vm = hv->vm;

	/* Whatever the policy is by now. */
	if (READ_ONCE(vm->exclusive) != hv)
		return;
	WRITE_ONCE(vm->exclusive, NULL);
	mutex_unlock(&vm->exclusive_lock);
	wake_up_all(&vm->others);
}

/* Before a vCPU enters the guest: not while it is another's. */
int hvstep_exclusive_enter(struct hvstep_vcpu *hv)
{
	struct hvstep_vm *vm = hv->vm;

	for (;;) {
		struct hvstep_vcpu *owner;

		WRITE_ONCE(hv->inside, true);
		smp_mb();	/* see hvstep_exclusive_begin() */
		owner = READ_ONCE(vm->exclusive);
		if (likely(!owner || owner == hv))
			return 0;
		hvstep_exclusive_leave(hv);
		if (wait_event_interruptible(vm->others, !READ_ONCE(vm->exclusive)))
			return -EINTR;
	}
}

void hvstep_exclusive_leave(struct hvstep_vcpu *hv)
{
	WRITE_ONCE(hv->inside, false);
	smp_mb();	/* before the look for somebody who waits for it */
	if (unlikely(READ_ONCE(hv->vm->exclusive)))
		wake_up_all(&hv->vm->others);
}
