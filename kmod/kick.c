// SPDX-License-Identifier: GPL-2.0
/*
 * Bring vCPUs out of KVM_RUN. Their threads return -EINTR to userspace, which
 * for a VMM is a signal like any other.
 */
#include <linux/delay.h>
#include <linux/kvm_host.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/task_work.h>

#include "hvstep.h"

/* In the vCPU's thread, on its way to userspace: that was all we wanted. */
static void kick_arrived(struct callback_head *work)
{
	struct hvstep_vcpu *hv = container_of(work, struct hvstep_vcpu, kick_work);
	struct hvstep_vm *vm = hv->vm;

	clear_bit_unlock(0, &hv->kick_queued);
	hvstep_vm_put(vm);
}

void hvstep_kick(struct hvstep_vcpu *hv)
{
	struct task_struct *task;
	bool ours;

	task = hvstep_compat_vcpu_task(hv->vcpu);
	if (!task)
		return;		/* has never run */

	/*
	 * It was in KVM_RUN once. By now it may be another program, with other rights, which
	 * cannot be in there: KVM_RUN is for the VM's own mm.
	 */
	task_lock(task);
	ours = task->mm == hv->vcpu->kvm->mm;
	task_unlock(task);

	/* Queued means that its thread is on the way out already. */
	if (ours && test_and_set_bit_lock(0, &hv->kick_queued)) {
		/* If it is its thread still: that one may be stopped in whatever it does. */
		if (READ_ONCE(hv->kicked) != task)
			set_tsk_thread_flag(task, TIF_SIGPENDING);
	} else if (ours) {
		/* The callback may run at any later time: hold on to hv. */
		refcount_inc(&hv->vm->refs);
		WRITE_ONCE(hv->kicked, task);
		init_task_work(&hv->kick_work, kick_arrived);
		/* See probe_run_enter() in hook.c; the other flag, never alone, is TWA_SIGNAL's. */
		set_tsk_thread_flag(task, TIF_SIGPENDING);
		if (task_work_add(task, &hv->kick_work, TWA_SIGNAL)) {
			/* -ESRCH: the thread is exiting, so it is out. */
			clear_bit_unlock(0, &hv->kick_queued);
			hvstep_vm_put(hv->vm);
		}
	}
	put_task_struct(task);

	/*
	 * POWER8: it may be another thread of the virtual core that runs this
	 * vCPU, and that has no signal pending.
	 */
	kvmppc_fast_vcpu_kick(hv->vcpu);
}

/*
 * The session is closed: bring out those that are inside. Who is not will see
 * that by himself; a thread that sleeps elsewhere is not disturbed.
 */
void hvstep_kick_all(struct hvstep_vm *vm)
{
	struct hvstep_vcpu *hv;
	unsigned long idx;

	xa_for_each(&vm->vcpus, idx, hv)
		if (mutex_is_locked(&hv->vcpu->mutex))
			hvstep_kick(hv);
}

/*
 * Wait until no KVM_RUN is under way that has not come through step.c, where each new one
 * comes through already: vcpu->mutex is held for all of the length of one. Not for the
 * callbacks: a thread may be stopped or exiting.
 */
int hvstep_kick_wait(struct hvstep_vm *vm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, vm->kvm) {
		struct hvstep_vcpu *hv = hvstep_vm_vcpu(vm, vcpu);

		if (IS_ERR(hv))
			return PTR_ERR(hv);
		while (!READ_ONCE(hv->running)) {
			if (mutex_trylock(&vcpu->mutex)) {
				mutex_unlock(&vcpu->mutex);
				break;
			}
			hvstep_kick(hv);
			if (msleep_interruptible(1) || signal_pending(current))
				return -EINTR;
		}
	}
	return 0;
}
