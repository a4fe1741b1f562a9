// SPDX-License-Identifier: GPL-2.0
/*
 * Attached VMs and their vCPUs.
 *
 * A VM is in the table from HVSTEP_ATTACH until its session is closed and the
 * last of its armed words is restored; while it is there, every vCPU of it goes
 * through step.c. Each vCPU that is inside holds a reference, so a session can
 * be closed, and the process that owns it die, at any moment.
 */
#include <linux/delay.h>
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "hvstep.h"

static DEFINE_HASHTABLE(vms, 8);
static DEFINE_SPINLOCK(vms_lock);

struct hvstep_vm *hvstep_vm_find_rcu(struct kvm *kvm)
{
	struct hvstep_vm *vm;

	hash_for_each_possible_rcu(vms, vm, node, (unsigned long)kvm)
		if (vm->kvm == kvm)
			return vm;
	return NULL;
}

/* The VM if it is attached, with a reference. */
struct hvstep_vm *hvstep_vm_get(struct kvm *kvm)
{
	struct hvstep_vm *vm;

	rcu_read_lock();
	vm = hvstep_vm_find_rcu(kvm);
	if (vm && !refcount_inc_not_zero(&vm->refs))
		vm = NULL;
	rcu_read_unlock();
	return vm;
}

static void vm_free(struct hvstep_vm *vm)
{
	struct hvstep_vcpu *hv;
	unsigned long idx;

	xa_for_each(&vm->vcpus, idx, hv)
		kfree(hv);
	xa_destroy(&vm->vcpus);
	hvstep_word_free(vm);
	kfree(vm);
}

/*
 * The last one out: nobody steps, nothing is armed. Readers of the table may
 * still look at the object.
 */
static void vm_release(struct hvstep_vm *vm)
{
	struct kvm *kvm = vm->kvm;

	spin_lock(&vms_lock);
	hash_del_rcu(&vm->node);
	spin_unlock(&vms_lock);

	synchronize_rcu();
	vm_free(vm);
	kvm_put_kvm(kvm);
	hvstep_hook_put();
	module_put(THIS_MODULE);
}

void hvstep_vm_put(struct hvstep_vm *vm)
{
	if (refcount_dec_and_test(&vm->refs))
		vm_release(vm);
}

static struct hvstep_vcpu *vcpu_create(struct hvstep_vm *vm, struct kvm_vcpu *vcpu)
{
	struct hvstep_vcpu *hv;
	int ret;

	hv = kzalloc(sizeof(*hv), GFP_KERNEL_ACCOUNT);
	if (!hv)
		return ERR_PTR(-ENOMEM);
	hv->vcpu = vcpu;
	hv->vm = vm;

	/* Room for its words before anybody can find it. */
	ret = hvstep_word_reserve(vm);
	if (!ret)
		ret = xa_insert(&vm->vcpus, vcpu->vcpu_idx, hv, GFP_KERNEL_ACCOUNT);
	if (!ret)
		return hv;

	kfree(hv);
	/* Somebody else was faster. */
	if (ret == -EBUSY)
		return xa_load(&vm->vcpus, vcpu->vcpu_idx);
	return ERR_PTR(ret);
}

struct hvstep_vcpu *hvstep_vm_vcpu(struct hvstep_vm *vm, struct kvm_vcpu *vcpu)
{
	struct hvstep_vcpu *hv = xa_load(&vm->vcpus, vcpu->vcpu_idx);

	return likely(hv) ? hv : vcpu_create(vm, vcpu);
}

/* The vCPU with this KVM_CREATE_VCPU id, or NULL. */
struct hvstep_vcpu *hvstep_vm_vcpu_by_id(struct hvstep_vm *vm, u32 id)
{
	struct kvm_vcpu *vcpu = id <= INT_MAX ? kvm_get_vcpu_by_id(vm->kvm, id) : NULL;

	return vcpu ? hvstep_vm_vcpu(vm, vcpu) : NULL;
}

/* Is any vCPU of the host in a step at this moment? For hook.c. */
bool hvstep_vm_any_active(void)
{
	struct hvstep_vcpu *hv;
	struct hvstep_vm *vm;
	unsigned long idx;
	bool active = false;
	int bucket;

	rcu_read_lock();
	hash_for_each_rcu(vms, bucket, vm, node)
		xa_for_each(&vm->vcpus, idx, hv)
			active |= READ_ONCE(hv->active);
	rcu_read_unlock();
	return active;
}

static int vm_publish(struct hvstep_vm *vm)
{
	int ret = -EBUSY;

	spin_lock(&vms_lock);
	rcu_read_lock();
	/* A VM whose session was closed a moment ago may still be there. */
	if (!hvstep_vm_find_rcu(vm->kvm)) {
		hash_add_rcu(vms, &vm->node, (unsigned long)vm->kvm);
		ret = 0;
	}
	rcu_read_unlock();
	spin_unlock(&vms_lock);
	return ret;
}

/* Attach a VM; the caller's reference to @kvm goes over to the session. */
struct hvstep_vm *hvstep_vm_attach(struct kvm *kvm)
{
	struct hvstep_vm *vm;
	int ret;

	if (kvm->arch.secure_guest)
		return ERR_PTR(-EOPNOTSUPP);

	vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm)
		return ERR_PTR(-ENOMEM);
	vm->kvm = kvm;
	vm->irq = HVSTEP_IRQ_HOLD;
	refcount_set(&vm->refs, 1);
	xa_init(&vm->vcpus);
	mutex_init(&vm->word_lock);
	INIT_LIST_HEAD(&vm->words);
	INIT_LIST_HEAD(&vm->free_words);
	init_waitqueue_head(&vm->parked);
	mutex_init(&vm->exclusive_lock);
	init_waitqueue_head(&vm->others);

	/* First the hook: a VM that is found must be one that can be entered. */
	ret = hvstep_hook_get();
	if (ret)
		goto err_free;
	if (!is_kvmppc_hv_enabled(kvm)) {
		ret = -EOPNOTSUPP;
		goto err_hook;
	}
	ret = vm_publish(vm);
	if (ret)
		goto err_hook;
	__module_get(THIS_MODULE);

	/* From here on the VM is attached; bring out who is inside KVM_RUN. */
	ret = hvstep_kick_wait(vm);
	if (ret) {
		kvm_get_kvm(kvm);	/* the caller drops one on error */
		hvstep_vm_close(vm);
		return ERR_PTR(ret);
	}
	WRITE_ONCE(vm->ready, true);
	return vm;

err_hook:
	hvstep_hook_put();
err_free:
	kfree(vm);
	return ERR_PTR(ret);
}

/*
 * The session is closed. Steps in progress are brought to their end by their
 * own threads, which restore what they have armed; until the last of them is
 * out the VM stays in the table, so that no vCPU can meet an armed word
 * unprotected. That takes no longer than a signal does; should a thread be
 * stopped or stuck, it detaches the VM when it goes on.
 */
void hvstep_vm_close(struct hvstep_vm *vm)
{
	unsigned int tries;

	WRITE_ONCE(vm->closing, true);
	for (tries = 0; refcount_read(&vm->refs) > 1 && tries < 1000; tries++) {
		hvstep_kick_all(vm);
		usleep_range(1000, 2000);
	}
	hvstep_vm_put(vm);
}
