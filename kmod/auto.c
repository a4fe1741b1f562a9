// SPDX-License-Identifier: GPL-2.0
/*
 * The parameter auto_attach: VMs that nobody attaches, since their VMM can have nothing
 * preloaded, are attached by the first KVM_RUN that is to be a step.
 *
 * Such a session has no descriptor that could be closed. It is let go when nobody has
 * stepped for a while, or when nobody else has the VM any more, and comes again with the
 * next step; so a VMM that is gone holds neither its VM nor this module for long.
 */
#include <linux/delay.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "hvstep.h"

bool hvstep_auto;

static DEFINE_MUTEX(auto_lock);
static bool auto_up;		/* between init and exit */
static bool auto_hooked;

/* Without a VM that is attached nothing leads here: have the hook in place nevertheless. */
static void auto_apply(void)
{
	lockdep_assert_held(&auto_lock);

	if (!auto_up || hvstep_auto == auto_hooked)
		return;
	if (!hvstep_auto) {
		auto_hooked = false;
		hvstep_hook_put();
		return;
	}
	/* As long as this module may be needed it must not be on its way out. */
	if (!try_module_get(THIS_MODULE))
		return;
	/* Without kvm-hv it is done when that comes. */
	auto_hooked = !hvstep_hook_get();
	module_put(THIS_MODULE);
}

static int auto_set(const char *val, const struct kernel_param *kp)
{
	int ret;

	mutex_lock(&auto_lock);
	ret = param_set_bool(val, kp);
	if (!ret) {
		auto_apply();
		/* Who writes here may want to unload this: what is nobody's need not last. */
		if (auto_up)
			hvstep_hook_rest_now();
	}
	mutex_unlock(&auto_lock);
	return ret;
}

static const struct kernel_param_ops auto_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = auto_set,
	.get = param_get_bool,
};

module_param_cb(auto_attach, &auto_ops, &hvstep_auto, 0644);
__MODULE_PARM_TYPE(auto_attach, "bool");
MODULE_PARM_DESC(auto_attach,
		 "step vCPUs of VMs that nobody has attached, too; while it is set, kvm-hv and this module cannot be unloaded (default: no)");

/* Its init is over: kvmppc_hv_ops is there. */
static int auto_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct module *mod = data;

	if (action == MODULE_STATE_LIVE && !strcmp(mod->name, "kvm_hv")) {
		mutex_lock(&auto_lock);
		auto_apply();
		mutex_unlock(&auto_lock);
	}
	return NOTIFY_OK;
}

static struct notifier_block auto_nb = {
	.notifier_call = auto_notify,
};

/*
 * A vCPU is to be stepped whose VM has no session. As hvstep_vcpu_get(); what it returns
 * besides is -EINTR, or why the VM cannot be attached.
 *
 * The caller has nothing that keeps this module, and must not have slept in it so far.
 */
struct hvstep_vcpu *hvstep_auto_attach(struct kvm_vcpu *vcpu)
{
	struct hvstep_vcpu *hv;
	struct hvstep_vm *vm;

	if (!try_module_get(THIS_MODULE))
		return ERR_PTR(-ENOENT);
	for (;;) {
		hv = hvstep_vcpu_get(vcpu);
		if (PTR_ERR_OR_ZERO(hv) != -ENOENT) {
			if (IS_ERR(hv) || !READ_ONCE(hv->vm->closing))
				break;
			/* The session before: it goes as soon as it is left alone. */
			hvstep_vm_put(hv->vm);
		} else {
			kvm_get_kvm(vcpu->kvm);
			vm = hvstep_vm_attach(vcpu->kvm, true);
			if (!IS_ERR(vm))
				continue;
			kvm_put_kvm(vcpu->kvm);
			if (PTR_ERR(vm) != -EBUSY) {
				hv = ERR_CAST(vm);
				break;
			}
		}
		/* That, or another vCPU that is attaching the same VM */
		if (msleep_interruptible(1) || signal_pending(current) ||
		    !hvstep_auto_wants(vcpu)) {
			hv = ERR_PTR(-EINTR);
			break;
		}
	}
	module_put(THIS_MODULE);
	return hv;
}

int hvstep_auto_init(void)
{
	int ret = register_module_notifier(&auto_nb);

	if (ret)
		return ret;
	mutex_lock(&auto_lock);
	auto_up = true;
	auto_apply();
	mutex_unlock(&auto_lock);
	return 0;
}

/* It is not hooked: that would have kept the module. */
void hvstep_auto_exit(void)
{
	mutex_lock(&auto_lock);
	auto_up = false;
	mutex_unlock(&auto_lock);
	unregister_module_notifier(&auto_nb);
}
