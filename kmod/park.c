// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU that has run into a word armed for another one waits here until it is
 * restored. A step takes microseconds, but a debugger makes one after another:
 * so that the parked vCPU gets on, the next step waits until it has left.
 */
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/wait.h>

#include "hvstep.h"

/*
 * How often a step asks those that were parked to show where they are. A vCPU
 * that is still at the same instruction then is not on a CPU of the host: it
 * has to be patient, not the debugger.
 */
#define LEAVE_TRIES	2

/*
 * Wait while the word at @gpa is armed. The caller holds vcpu->mutex and has
 * nothing armed, so nobody waits for it in turn; any signal ends the wait, as
 * it ends KVM_RUN. Returns 1 if there was nothing to wait for: so it stays while
 * it is as @seen; -EAGAIN if that is not known yet.
 */
int hvstep_park(struct hvstep_vcpu *hv, gpa_t gpa, struct hvstep_seen *seen)
{
	struct hvstep_vm *vm = hv->vm;
	int ret;

	WARN_ON_ONCE(hv->nr_armed);

	/* If there is no such page, then nothing is armed in it. */
	ret = hvstep_page_get(hv, gpa, false);
	if (ret == -EINTR || ret == -ENOMEM)
		return -EAGAIN;
	ret = hvstep_block_is_armed(hv, gpa, !ret, seen);
	if (ret <= 0)
		return ret ?: 1;
	hvstep_count(hv, HVSTEP_COUNT_PARKED);
	do {
		if (wait_event_interruptible(vm->parked,
					     READ_ONCE(vm->changes) != seen->changes))
			return -EINTR;
	} while (hvstep_block_is_armed(hv, gpa, false, seen));
	return 0;
}

/* Parked, and now going on at nip: not to be disturbed there. */
void hvstep_park_leave(struct hvstep_vcpu *hv)
{
	if (hv->leaving)
		return;
	hv->leaving_nip = hvstep_get_pc(hv->vcpu);
	WRITE_ONCE(hv->leaving, true);
	atomic_inc(&hv->vm->leavers);
}

void hvstep_park_left_slow(struct hvstep_vcpu *hv)
{
	WRITE_ONCE(hv->leaving, false);
	if (atomic_dec_and_test(&hv->vm->leavers))
		wake_up_all(&hv->vm->parked);
}

void hvstep_park_let_leave_slow(struct hvstep_vcpu *hv)
{
	struct hvstep_vm *vm = hv->vm;
	struct hvstep_vcpu *other;
	unsigned long idx;
	int try;

	/* It was parked itself: it is others that wait for it. */
	if (hv->leaving)
		return;

	for (try = 0; atomic_read(&vm->leavers) && try < LEAVE_TRIES; try++) {
		/* Out of the guest and to the top of the run loop (hook.c) */
		xa_for_each(&vm->vcpus, idx, other)
			if (READ_ONCE(other->leaving))
				kvmppc_fast_vcpu_kick(other->vcpu);
		if (wait_event_interruptible_timeout(vm->parked,
						     !atomic_read(&vm->leavers), 1) < 0)
			return;
	}
}
