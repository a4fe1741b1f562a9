// SPDX-License-Identifier: GPL-2.0
/*
 * How we get onto KVM's path, and the only file that knows it.
 *
 * kvm-hv's vcpu_run is a field of a structure that all its VMs share. It is
 * swapped in place: a copy of the structure per VM would break
 * is_kvmppc_hv_enabled(), which compares the pointer.
 *
 * Two tracepoints complete it. They cost every guest of the host a little, so
 * they are attached only while somebody steps, and let go some time after; so are
 * the vCPUs of VMs that nobody steps.
 */
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>

#include "hvstep.h"

/* Read by the stub. */
int (*hvstep_orig)(struct kvm_vcpu *vcpu);

static DEFINE_MUTEX(hook_lock);
static unsigned int hook_users;		/* attached VMs, and auto_attach */
static struct kvmppc_ops *hook_ops;	/* whose vcpu_run is swapped; pinned */
bool hvstep_probes_on;			/* under hook_lock */
unsigned long hvstep_last_step;		/* jiffies */
static struct tracepoint *tp_run_enter, *tp_guest_exit;

#define REST_AFTER	(10 * HZ)

/* It is not stepped: by KVM, then, or that is the end of its KVM_RUN. */
static bool not_ours(struct kvm_vcpu *vcpu, int err, int *ret)
{
	if (err == -ENOENT)
		return false;
	/* Who does not step needs no memory of ours but for the sake of others: come again. */
	if (err == -ENOMEM && !(vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP))
		err = -EINTR;
	vcpu->run->exit_reason = err == -EINTR ? KVM_EXIT_INTR : KVM_EXIT_INTERNAL_ERROR;
	*ret = err;
	return true;
}

/*
 * A vCPU enters KVM's run loop that is to be stepped, or is of a VM where somebody steps.
 * Returns false, with nothing held, if it is none of ours: then the stub goes on to the
 * original.
 */
bool hvstep_hook_run(struct kvm_vcpu *vcpu, int *ret)
{
	struct hvstep_vcpu *hv = hvstep_vcpu_get(vcpu);
	struct hvstep_vm *vm;

	if (PTR_ERR_OR_ZERO(hv) == -ENOENT && hvstep_auto_wants(vcpu))
		hv = hvstep_auto_attach(vcpu);
	if (IS_ERR(hv))
		return not_ours(vcpu, PTR_ERR(hv), ret);

	vm = hv->vm;
	/* Detached, but for steps of other vCPUs that are not over yet. */
	if (unlikely(READ_ONCE(vm->closing))) {
		bool intr = hvstep_block_wait_none(vm);

		hvstep_vm_put(vm);
		if (intr)
			return not_ours(vcpu, -EINTR, ret);
		if (!hvstep_auto_wants(vcpu))
			return false;
		hv = hvstep_auto_attach(vcpu);
		if (IS_ERR(hv))
			return not_ours(vcpu, PTR_ERR(hv), ret);
		vm = hv->vm;
	}

	*ret = hvstep_vcpu_run(hv);
	/*
	 * This may drop the last reference to the module; nothing sleeps from
	 * here to the stub's return, which unloading waits for (hook_remove).
	 */
	hvstep_vm_put(vm);
	return true;
}

/*
 * Top of each turn of the run loop, in the vCPU's thread, before it looks for
 * signals; preemption is off. If KVM has completed the stepped instruction by
 * itself (a hypercall, MMIO, an instruction it emulates), the next turn would
 * execute one instruction too many: make it leave with -EINTR, which step.c
 * turns into the end of the step. The flag goes away on the way to userspace,
 * where get_signal() finds no signal behind it. (TIF_NOTIFY_SIGNAL would do as
 * well, but powerpc then returns from the system call without restoring all
 * registers, and a signal that arrives just then starts with a wrong CTR.)
 */
static void probe_run_enter(void *data, struct kvm_vcpu *vcpu)
{
	struct hvstep_vcpu *hv;

	/* vcpu->arch.regs are those of its own guest then. */
	if (vcpu->arch.nested)
		return;

	rcu_read_lock();
	hv = hvstep_vcpu_find_rcu(vcpu);
	/* Only this thread writes what hvstep_step_moved() reads. */
	if (hv && hvstep_step_moved(hv)) {
		hv->called_out = true;
		set_thread_flag(TIF_SIGPENDING);
	}
	rcu_read_unlock();
}

/*
 * Registers are saved, the exit is not handled yet. A hypervisor below that
 * does not pass HEIR on (QEMU's nested KVM-HV) leaves emul_inst undefined; at a
 * word that we have armed we know what it was.
 */
static void probe_guest_exit(void *data, struct kvm_vcpu *vcpu)
{
	struct hvstep_vcpu *hv;

	if (vcpu->arch.nested ||
	    vcpu->arch.trap != BOOK3S_INTERRUPT_H_EMUL_ASSIST)
		return;

	rcu_read_lock();
	hv = hvstep_vcpu_find_rcu(vcpu);
	if (hv && READ_ONCE(hv->active) &&
	    hvstep_vector_armed(hv) >= 0)
		vcpu->arch.emul_inst = KVMPPC_INST_SW_BREAKPOINT;
	rcu_read_unlock();
}

static bool host_is_nested(void)
{
	return !cpu_has_feature(CPU_FTR_HVMODE);
}

static int probes_attach(void)
{
	int ret;

	lockdep_assert_held(&hook_lock);

	if (hvstep_probes_on)
		return 0;
	ret = tracepoint_probe_register(tp_run_enter, probe_run_enter, NULL);
	if (ret)
		return ret;
	if (host_is_nested()) {
		ret = tracepoint_probe_register(tp_guest_exit, probe_guest_exit, NULL);
		if (ret) {
			tracepoint_probe_unregister(tp_run_enter, probe_run_enter, NULL);
			return ret;
		}
	}
	WRITE_ONCE(hvstep_probes_on, true);
	return 0;
}

static void probes_detach(void)
{
	lockdep_assert_held(&hook_lock);

	tracepoint_probe_unregister(tp_run_enter, probe_run_enter, NULL);
	if (host_is_nested())
		tracepoint_probe_unregister(tp_guest_exit, probe_guest_exit, NULL);
	WRITE_ONCE(hvstep_probes_on, false);
}

/*
 * Nobody has stepped for a while: the other vCPUs of the host need not pay for it any
 * more. But a step can last as long as it likes (H_CEDE), and needs the probes at its
 * end. Pairs with hvstep_hook_stepping(): either that sees that its VM is not ready any
 * more, or hvstep_vm_rest_all() sees the step. One that goes on nevertheless waits for
 * hook_lock.
 */
static void rest(struct work_struct *work)
{
	struct delayed_work *dwork = to_delayed_work(work);
	enum hvstep_rest found = HVSTEP_REST_NOT;
	unsigned long wait = REST_AFTER;
	LIST_HEAD(unused);
	unsigned long idle;

	mutex_lock(&hook_lock);
	idle = jiffies - READ_ONCE(hvstep_last_step);
	hvstep_vm_orphans(&unused);
	if (idle < REST_AFTER)
		wait -= idle;
	else
		found = hvstep_vm_rest_all(&unused);
	if (found != HVSTEP_REST_NOT && hvstep_probes_on)
		probes_detach();
	/* As long as something is pending: its VM may be nobody's by the next time. */
	if (found != HVSTEP_REST_ALL)
		schedule_delayed_work(dwork, wait);
	mutex_unlock(&hook_lock);
	/* The last of them needs hook_lock. */
	hvstep_vm_close_all(&unused);
}

static DECLARE_DELAYED_WORK(rest_work, rest);

/* Somebody is going to step, perhaps. */
void hvstep_hook_rest_later(void)
{
	schedule_delayed_work(&rest_work, REST_AFTER);
}

/* Somebody may be done with stepping: look now, if it is to be looked at some time. */
void hvstep_hook_rest_now(void)
{
	flush_delayed_work(&rest_work);
}

/* A VM is attached by a step that is about to come. */
void hvstep_hook_rest_not_yet(void)
{
	WRITE_ONCE(hvstep_last_step, jiffies);
	hvstep_hook_rest_later();
}

/* A VM is going to be stepped; with the probes if that is now. */
int hvstep_hook_ready(struct hvstep_vm *vm, bool probes)
{
	int ret = 0;

	if (mutex_lock_interruptible(&hook_lock))
		return -EINTR;
	WRITE_ONCE(hvstep_last_step, jiffies);
	if (probes)
		ret = probes_attach();
	hvstep_hook_rest_later();
	mutex_unlock(&hook_lock);
	return ret ?: hvstep_vm_make_ready(vm);
}

static void tracepoint_seen(struct tracepoint *tp, bool coming)
{
	if (!strcmp(tp->name, "kvmppc_run_vcpu_enter"))
		tp_run_enter = coming ? tp : NULL;
	else if (!strcmp(tp->name, "kvm_guest_exit"))
		tp_guest_exit = coming ? tp : NULL;
}

static int tracepoint_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct tp_module *tp_mod = data;
	unsigned int i;

	if (strcmp(tp_mod->mod->name, "kvm_hv"))
		return NOTIFY_OK;
	for (i = 0; i < tp_mod->mod->num_tracepoints; i++)
		tracepoint_seen(tracepoint_ptr_deref(&tp_mod->mod->tracepoints_ptrs[i]),
				action == MODULE_STATE_COMING);
	return NOTIFY_OK;
}

static struct notifier_block tracepoint_nb = {
	.notifier_call = tracepoint_notify,
};

/* KVM-HV built into the kernel */
static void tracepoint_builtin(struct tracepoint *tp, void *data)
{
	tracepoint_seen(tp, true);
}

bool hvstep_hook_present(void)
{
	return READ_ONCE(kvmppc_hv_ops);
}

static int hook_install(void)
{
	struct kvmppc_ops *ops;
	int (*orig)(struct kvm_vcpu *vcpu);
	int ret;

	lockdep_assert_held(&hook_lock);

	if (hook_ops)
		return 0;

	/* kvm-hv's exit clears the pointer before the module can be freed. */
	preempt_disable();
	ops = READ_ONCE(kvmppc_hv_ops);
	if (ops && !try_module_get(ops->owner))
		ops = NULL;
	preempt_enable();
	if (!ops)
		return -EOPNOTSUPP;

	if (!tp_run_enter || !tp_guest_exit) {
		pr_err("this kvm-hv lacks the tracepoints kvmppc_run_vcpu_enter and kvm_guest_exit\n");
		ret = -EOPNOTSUPP;
		goto err_put;
	}

	orig = READ_ONCE(ops->vcpu_run);
	hvstep_orig = orig;
	/* The stub reads it as soon as it is reachable. */
	smp_wmb();
	if (cmpxchg(&ops->vcpu_run, orig, hvstep_stub) != orig) {
		ret = -EBUSY;
		goto err_put;
	}
	hook_ops = ops;
	/* As long as KVM can call the stub this module cannot go. */
	__module_get(THIS_MODULE);
	return 0;

err_put:
	module_put(ops->owner);
	return ret;
}

static void hook_remove(void)
{
	struct kvmppc_ops *ops = hook_ops;

	lockdep_assert_held(&hook_lock);

	if (cmpxchg(&ops->vcpu_run, hvstep_stub, hvstep_orig) != hvstep_stub) {
		/*
		 * Somebody hooked after us and has our stub as his original:
		 * stay, passing everything through, and try again next time.
		 */
		pr_warn_once("another module has changed KVM's vcpu_run after us: cannot unload before it\n");
		return;
	}
	hook_ops = NULL;
	/*
	 * A vCPU that is in the stub still belongs to a VM, which pins kvm-hv;
	 * and the stub itself is there until hvstep_hook_exit() has waited.
	 */
	module_put(ops->owner);
	module_put(THIS_MODULE);
}

/* One more user: the hook is in place while there is any. */
int hvstep_hook_get(void)
{
	int ret;

	mutex_lock(&hook_lock);
	ret = hook_install();
	if (!ret)
		hook_users++;
	mutex_unlock(&hook_lock);
	return ret;
}

void hvstep_hook_put(void)
{
	mutex_lock(&hook_lock);
	if (!--hook_users) {
		/* Nothing is armed: the last VM left the table after that. */
		if (hvstep_probes_on)
			probes_detach();
		hook_remove();
	}
	mutex_unlock(&hook_lock);
}

int hvstep_hook_init(void)
{
	for_each_kernel_tracepoint(tracepoint_builtin, NULL);
	return register_tracepoint_module_notifier(&tracepoint_nb);
}

/* The module goes: no VM is attached, KVM does not call the stub any more. */
void hvstep_hook_exit(void)
{
	cancel_delayed_work_sync(&rest_work);
	tracepoint_synchronize_unregister();
	unregister_tracepoint_module_notifier(&tracepoint_nb);
	/*
	 * Nobody sleeps in the stub, nor in what follows the last module_put()
	 * of this module: wait until each task has been seen elsewhere.
	 */
	synchronize_rcu_tasks();
}
