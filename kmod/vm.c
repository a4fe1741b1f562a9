// SPDX-License-Identifier: GPL-2.0
/*
 * Attached VMs and their vCPUs.
 *
 * A VM is in the table from HVSTEP_ATTACH until its session is closed and the
 * last of its armed words is restored. While somebody steps, every vCPU of it goes
 * through step.c (@ready, @filtered); at other times those that do not step go
 * straight to KVM. Each vCPU that is inside holds a reference, so a session can
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
static unsigned int nr_attached;	/* in the table */

/* See filter.h; written under vms_lock, read by stub.S. */
u32 hvstep_filter[1 << HVSTEP_FILTER_BITS];

struct hvstep_vcpu *hvstep_recent[1 << HVSTEP_RECENT_BITS];

/* Shall each KVM_RUN of the VM come here? Without, one that steps does. */
static void vm_filter(struct hvstep_vm *vm, bool filtered)
{
	u32 *nr = &hvstep_filter[hvstep_filter_class(vm->kvm)];

	lockdep_assert_held(&vms_lock);

	if (vm->filtered != filtered)
		WRITE_ONCE(*nr, filtered ? *nr + 1 : *nr - 1);
	vm->filtered = filtered;
}

static struct hvstep_vm *vm_find_rcu(struct kvm *kvm)
{
	struct hvstep_vm *vm;

	hash_for_each_possible_rcu(vms, vm, node, (unsigned long)kvm)
		if (vm->kvm == kvm)
			return vm;
	return NULL;
}

/* See hvstep_vcpu_find_rcu(). */
struct hvstep_vcpu *hvstep_vcpu_find_slow_rcu(struct kvm_vcpu *vcpu)
{
	struct hvstep_vm *vm = vm_find_rcu(vcpu->kvm);

	return vm ? xa_load(&vm->vcpus, vcpu->vcpu_idx) : NULL;
}

/* See hvstep_vcpu_get(). */
struct hvstep_vcpu *hvstep_vcpu_get_slow(struct kvm_vcpu *vcpu)
{
	struct hvstep_vcpu *hv;
	struct hvstep_vm *vm;

	rcu_read_lock();
	hv = hvstep_vcpu_find_rcu(vcpu);
	vm = hv ? hv->vm : vm_find_rcu(vcpu->kvm);
	if (vm && unlikely(!refcount_inc_not_zero(&vm->refs)))
		vm = NULL;
	rcu_read_unlock();
	if (!vm)
		return ERR_PTR(-ENOENT);

	if (unlikely(!hv)) {
		hv = hvstep_vm_vcpu(vm, vcpu);
		if (IS_ERR(hv)) {
			hvstep_vm_put(vm);
			return hv;
		}
	}
	/* Its VM stays until we put it, so hvstep_vm_release() finds what we leave here. */
	if (unlikely(READ_ONCE(*hvstep_recent_place(vcpu)) != hv))
		WRITE_ONCE(*hvstep_recent_place(vcpu), hv);
	return hv;
}

static void vm_free(struct hvstep_vm *vm)
{
	struct hvstep_vcpu *hv;
	unsigned long idx;

	xa_for_each(&vm->vcpus, idx, hv) {
		hvstep_trace_put(hv->tracing);
		kfree(hv);
	}
	xa_destroy(&vm->vcpus);
	hvstep_block_free(vm);
	kvfree(vm);
}

/*
 * The last one out: nobody steps, nothing is armed. Readers of the table may
 * still look at the object.
 */
void hvstep_vm_release(struct hvstep_vm *vm)
{
	struct kvm *kvm = vm->kvm;
	struct hvstep_vcpu *hv;
	unsigned long idx;

	xa_for_each(&vm->vcpus, idx, hv)
		cmpxchg(hvstep_recent_place(hv->vcpu), hv, NULL);
	spin_lock(&vms_lock);
	vm_filter(vm, false);
	hash_del_rcu(&vm->node);
	WRITE_ONCE(nr_attached, nr_attached - 1);
	spin_unlock(&vms_lock);

	synchronize_rcu();
	vm_free(vm);
	kvm_put_kvm(kvm);
	hvstep_hook_put();
	module_put(THIS_MODULE);
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
	spin_lock_init(&hv->request.lock);

	/* Room for its words before anybody can find it. */
	ret = hvstep_block_reserve(vm);
	if (ret)
		goto err_free;
	ret = xa_insert(&vm->vcpus, vcpu->vcpu_idx, hv, GFP_KERNEL_ACCOUNT);
	if (!ret)
		return hv;

	hvstep_block_unreserve(vm);
err_free:
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

/* Steps that were asked for and have not begun */
static bool vm_has_request(struct hvstep_vm *vm)
{
	struct hvstep_vcpu *hv;
	unsigned long idx;

	xa_for_each(&vm->vcpus, idx, hv)
		/* Or what the next KVM_RUN has to end: a step's report, a ring's last record */
		if (atomic64_read(&hv->left) || READ_ONCE(hv->report) || READ_ONCE(hv->tracing))
			return true;
	return false;
}

static bool vm_is_active(struct hvstep_vm *vm)
{
	struct hvstep_vcpu *hv;
	unsigned long idx;

	xa_for_each(&vm->vcpus, idx, hv) {
		if (READ_ONCE(hv->active))
			return true;
		/*
		 * What is armed outlasts the step, and so does its report, which
		 * vm_has_request() looks for: set before @active is cleared
		 */
		smp_rmb();
		if (READ_ONCE(hv->nr_armed))
			return true;
	}
	return false;
}

/* A step has been asked for: the next KVM_RUN has to come here. */
void hvstep_vm_wake(struct hvstep_vm *vm)
{
	spin_lock(&vms_lock);
	vm_filter(vm, true);
	spin_unlock(&vms_lock);
	hvstep_hook_rest_later();
}

/*
 * Somebody is going to arm something: make sure that no vCPU of the VM is in the guest
 * without having come through step.c. Nobody is as long as nobody steps: the others
 * go straight to KVM.
 */
int hvstep_vm_make_ready(struct hvstep_vm *vm)
{
	int ret;

	if (mutex_lock_interruptible(&vm->ready_lock))
		return -EINTR;
	if (READ_ONCE(vm->ready)) {
		mutex_unlock(&vm->ready_lock);
		return 0;
	}
	spin_lock(&vms_lock);
	vm_filter(vm, true);
	vm->waking = true;
	spin_unlock(&vms_lock);
	smp_mb();	/* the filter before vcpu->mutex is seen free */
	/*
	 * No other lock meanwhile: one of the vCPUs may be in hvstep_vm_release() of the
	 * session before.
	 */
	ret = hvstep_kick_wait(vm);
	spin_lock(&vms_lock);
	vm->waking = false;
	if (!ret)
		WRITE_ONCE(vm->ready, true);
	spin_unlock(&vms_lock);
	mutex_unlock(&vm->ready_lock);
	return ret;
}

/* Nobody needs an automatic session any more: the caller closes it. */
static void vm_unused(struct hvstep_vm *vm, struct list_head *unused)
{
	lockdep_assert_held(&vms_lock);

	if (vm->automatic) {
		vm->automatic = false;
		list_add(&vm->unused, unused);
	}
}

/* Automatic sessions of VMs that nobody else has: all their descriptors are closed. */
void hvstep_vm_orphans(struct list_head *orphans)
{
	struct hvstep_vm *vm;
	int bucket;

	spin_lock(&vms_lock);
	hash_for_each(vms, bucket, vm, node)
		if (refcount_read(&vm->kvm->users_count) == 1)
			vm_unused(vm, orphans);
	spin_unlock(&vms_lock);
}

void hvstep_vm_close_all(struct list_head *unused)
{
	struct hvstep_vm *vm, *next;

	list_for_each_entry_safe(vm, next, unused, unused)
		hvstep_vm_close(vm);
}

/* Nobody has stepped for a while. */
enum hvstep_rest hvstep_vm_rest_all(struct list_head *unused)
{
	bool all = true, pending = false;
	struct hvstep_vm *vm;
	int bucket;

	spin_lock(&vms_lock);
	hash_for_each(vms, bucket, vm, node) {
		if (READ_ONCE(vm->closing)) {
			all &= !vm_is_active(vm);
			continue;
		}
		if (vm->waking) {
			all = false;
			continue;
		}
		/* Pairs with hvstep_hook_stepping(), as rest() in hook.c does. */
		WRITE_ONCE(vm->ready, false);
		smp_mb();	/* vm->ready before hv->active */
		if (vm_is_active(vm)) {
			WRITE_ONCE(vm->ready, true);
			all = false;
		} else if (vm_has_request(vm)) {
			pending = true;
		} else {
			vm_filter(vm, false);
			vm_unused(vm, unused);
		}
	}
	spin_unlock(&vms_lock);
	if (!all)
		return HVSTEP_REST_NOT;
	return pending ? HVSTEP_REST_BUT : HVSTEP_REST_ALL;
}

unsigned int hvstep_vm_attached(void)
{
	return READ_ONCE(nr_attached);
}

static int vm_publish(struct hvstep_vm *vm)
{
	int ret = -EBUSY;

	spin_lock(&vms_lock);
	rcu_read_lock();
	/* A VM whose session was closed a moment ago may still be there. */
	if (!vm_find_rcu(vm->kvm)) {
		hash_add_rcu(vms, &vm->node, (unsigned long)vm->kvm);
		WRITE_ONCE(nr_attached, nr_attached + 1);
		ret = 0;
	}
	rcu_read_unlock();
	spin_unlock(&vms_lock);
	return ret;
}

/*
 * A descriptor for the session that a VM has, or NULL: one more if @any will do; an
 * automatic session's first one. That has a reference to @kvm of its own: the caller's
 * is dropped.
 */
struct hvstep_vm *hvstep_vm_share(struct kvm *kvm, bool any)
{
	struct hvstep_vm *vm;

	spin_lock(&vms_lock);
	rcu_read_lock();
	vm = vm_find_rcu(kvm);
	if (vm && vm->automatic)
		vm->automatic = false;
	else if (vm && vm->descriptors && any)	/* without any, it is on its way out */
		vm->descriptors++;
	else
		vm = NULL;
	rcu_read_unlock();
	spin_unlock(&vms_lock);
	if (vm)
		kvm_put_kvm(kvm);
	return vm;
}

/*
 * Attach a VM; the caller's reference to @kvm goes over to the session. @automatic: in
 * KVM_RUN of one of its vCPUs, see auto.c.
 */
struct hvstep_vm *hvstep_vm_attach(struct kvm *kvm, bool automatic)
{
	struct hvstep_vm *vm;
	int ret;

	if (kvm->arch.secure_guest)
		return ERR_PTR(-EOPNOTSUPP);

	vm = kvzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm)
		return ERR_PTR(-ENOMEM);
	vm->kvm = kvm;
	/* 0 is none. */
	vm->epoch = 1;
	vm->irq = HVSTEP_IRQ_HOLD;
	refcount_set(&vm->refs, 1);
	vm->descriptors = 1;
	vm->automatic = automatic;
	xa_init(&vm->vcpus);
	INIT_LIST_HEAD(&vm->blocks);
	mutex_init(&vm->ready_lock);
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

	/* Who wants to step comes by itself; and others are not to be, yet. */
	if (automatic) {
		hvstep_hook_rest_not_yet();
		return vm;
	}
	/*
	 * From here on the VM is attached; bring out who is inside KVM_RUN, and may
	 * have wanted to step for long.
	 */
	ret = hvstep_hook_ready(vm, false);
	if (ret) {
		kvm_get_kvm(kvm);	/* the caller drops one on error */
		hvstep_vm_close(vm);
		return ERR_PTR(ret);
	}
	return vm;

err_hook:
	hvstep_hook_put();
err_free:
	kvfree(vm);
	return ERR_PTR(ret);
}

/* Is there none left? */
static bool vm_drop_descriptor(struct hvstep_vm *vm)
{
	bool last;

	spin_lock(&vms_lock);
	last = !--vm->descriptors;
	spin_unlock(&vms_lock);
	return last;
}

/*
 * A descriptor of the session is closed. If it was the last one, steps in progress are
 * brought to their end by their own threads, which restore what they have armed; until
 * the last of them is out the VM stays in the table, so that no vCPU can meet an armed
 * word unprotected. That takes no longer than a signal does; should a thread be stopped
 * or stuck, it detaches the VM when it goes on.
 */
void hvstep_vm_close(struct hvstep_vm *vm)
{
	/* Who dies cannot be killed any more: no long wait. */
	unsigned int tries = current->flags & PF_EXITING ? 100 : 1000;

	if (!vm_drop_descriptor(vm))
		return;
	WRITE_ONCE(vm->closing, true);
	while (refcount_read(&vm->refs) > 1 && tries--) {
		hvstep_kick_all(vm);
		usleep_range(1000, 2000);
	}
	hvstep_vm_put(vm);
}
