// SPDX-License-Identifier: GPL-2.0
/*
 * Bring vCPUs out of KVM_RUN. Their threads return -EINTR to userspace, which
 * for a VMM is a signal like any other.
 */
#include <linux/delay.h>
#include <linux/kvm_host.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "hvstep.h"

/*
 * By TIF_SIGPENDING with no signal behind it, as probe_run_enter() in hook.c does and says
 * why: not by a task_work, whose TIF_NOTIFY_SIGNAL can be alone at the end of a system
 * call. A thread may look for signals anew, and lose it: who does so in step.c looks for
 * @kicks, too, and who comes to KVM_RUN sees what he was kicked for.
 */
void hvstep_kick(struct hvstep_vcpu *hv)
{
	struct task_struct *task;

	task = hvstep_compat_vcpu_task(hv->vcpu);
	if (!task)
		return;		/* has never run */

	atomic_inc(&hv->kicks);
	smp_mb__after_atomic();	/* see take_back_call() */
	/*
	 * It was in KVM_RUN once. By now it may be another program, with other rights, which
	 * cannot be in there: KVM_RUN is for the VM's own mm.
	 */
	task_lock(task);
	if (task->mm == hv->vcpu->kvm->mm) {
		set_tsk_thread_flag(task, TIF_SIGPENDING);
		/*
		 * KVM may have looked for signals, and not yet have said where the vCPU runs:
		 * as a signal does. With an interrupt pending it does not enter the guest.
		 */
		kick_process(task);
	}
	task_unlock(task);
	put_task_struct(task);

	/*
	 * Out of the guest, and of KVM's sleep. POWER8: it may be another thread of the
	 * virtual core that runs this vCPU, and that has no signal pending; then its own
	 * sleeps on cpu_run.
	 */
	kvmppc_fast_vcpu_kick(hv->vcpu);
	wake_up_all(&hv->vcpu->arch.cpu_run);
	/* And of ours */
	wake_up_all(&hv->vm->parked);
	wake_up_all(&hv->vm->others);
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
 * comes through already: vcpu->mutex is held for all of the length of one.
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
