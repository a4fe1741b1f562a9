// SPDX-License-Identifier: GPL-2.0
/*
 * HVSTEP_POLICY_EXCLUSIVE: while one vCPU is in the guest with words armed, no
 * other is there. Parking keeps the others from executing such a word, but only
 * this keeps them from reading it.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/wait.h>

#include "hvstep.h"

/* Long enough for some instructions, and to come to them */
#define OTHERS_US	100

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
 * Who has been kept out by the step before is in the guest for a moment first: the vCPU that
 * is stepped may be waiting for him, with steps that follow each other at once.
 */
static int let_others_in(struct hvstep_vm *vm)
{
	if (likely(!atomic_read(&vm->kept_out)))
		return 0;
	if (wait_event_interruptible_timeout(vm->others, !atomic_read(&vm->kept_out), 1) < 0)
		return -EINTR;
	usleep_range(OTHERS_US, 2 * OTHERS_US);
	return 0;
}

int hvstep_exclusive_begin_slow(struct hvstep_vcpu *hv)
{
	struct hvstep_vm *vm = hv->vm;

	if (let_others_in(vm) || mutex_lock_interruptible(&vm->exclusive_lock))
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

void hvstep_exclusive_end_slow(struct hvstep_vcpu *hv)
{
	struct hvstep_vm *vm = hv->vm;

	WRITE_ONCE(vm->exclusive, NULL);
	mutex_unlock(&vm->exclusive_lock);
	wake_up_all(&vm->others);
}

/* hv->inside is set, and @hv may be the one that has it. */
int hvstep_exclusive_enter_slow(struct hvstep_vcpu *hv)
{
	struct hvstep_vm *vm = hv->vm;
	int ret;

	for (;;) {
		struct hvstep_vcpu *owner = READ_ONCE(vm->exclusive);

		if (!owner || owner == hv)
			return 0;
		hvstep_exclusive_leave(hv);
		atomic_inc(&vm->kept_out);
		ret = wait_event_interruptible(vm->others, !READ_ONCE(vm->exclusive));
		if (atomic_dec_and_test(&vm->kept_out))
			wake_up_all(&vm->others);
		if (ret)
			return -EINTR;
		WRITE_ONCE(hv->inside, true);
		smp_mb();	/* see hvstep_exclusive_begin_slow() */
	}
}

void hvstep_exclusive_leave_slow(struct hvstep_vcpu *hv)
{
	wake_up_all(&hv->vm->others);
}
