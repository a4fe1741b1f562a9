// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory, by the few means that are open to a module on every kernel:
 * KVM's own translation of effective addresses, which is a function pointer of
 * the vCPU, and the memslots, which are inlines. kvm_read_guest() and its kin
 * are exported to kvm-hv alone since 6.18; kvmppc_st() refuses read-only kernel
 * text, which is where the interrupt vectors of a Linux guest are.
 */
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "hvstep.h"

/*
 * A hash guest's page table exists only once KVM has set its MMU up, which it
 * does when a vCPU is entered.
 */
bool hvstep_mem_ready(struct kvm *kvm)
{
	return kvm_is_radix(kvm) || READ_ONCE(kvm->arch.mmu_ready);
}

static int translate(struct kvm_vcpu *vcpu, u64 ea, struct kvmppc_pte *pte, bool data)
{
	struct kvm *kvm = vcpu->kvm;
	int ret = -EAGAIN;

	/* Radix: KVM reads the tables as guest memory, under its own srcu. */
	if (kvm_is_radix(kvm))
		return vcpu->arch.mmu.xlate(vcpu, ea, pte, data, false);

	/*
	 * KVM frees or replaces the HPT when it has taken mmu_ready away and
	 * found vcpus_running 0 (kvmppc_alloc_reset_hpt()): be one of them.
	 */
	atomic_inc(&kvm->arch.vcpus_running);
	smp_mb();	/* vcpus_running before mmu_ready, as in vcpu_run */
	if (READ_ONCE(kvm->arch.mmu_ready)) {
		int idx = srcu_read_lock(&kvm->srcu);

		ret = vcpu->arch.mmu.xlate(vcpu, ea, pte, data, false);
		srcu_read_unlock(&kvm->srcu, idx);
	}
	atomic_dec(&kvm->arch.vcpus_running);
	return ret;
}

/*
 * Where an instruction fetch from @ea with @msr would go: 0, 1 if hardware should
 * do the fetch, or -EFAULT where it would not be allowed or has no translation.
 */
static int translate_fetch(struct kvm_vcpu *vcpu, u64 ea, u64 msr, gpa_t *gpa)
{
	u64 msr_now = kvmppc_get_msr(vcpu);
	struct kvmppc_pte pte = { };
	int ret;

	if (!(msr & MSR_IR)) {
		/*
		 * Guest real mode: KVM maps it onto guest real memory one to
		 * one, ignoring the bits above (the VRMA of a hash guest too).
		 */
		*gpa = ea & KVM_PAM;
		return 0;
	}
	if (kvm_is_radix(vcpu->kvm))
		return hvstep_radix_fetch(vcpu, ea, msr, gpa);

	/* The walk takes translation and privilege from the vCPU's MSR. */
	if (msr != msr_now)
		kvmppc_set_msr_fast(vcpu, msr);
	ret = translate(vcpu, ea, &pte, false);
	if (msr != msr_now)
		kvmppc_set_msr_fast(vcpu, msr_now);

	if (ret || !pte.may_execute)
		return -EFAULT;
	*gpa = pte.raddr;
	/*
	 * IAMR has two bits for each storage key; KVM's walk does not look at
	 * them, nor does it give the key.
	 */
	return !!vcpu->arch.iamr;
}

int hvstep_mem_translate(struct kvm_vcpu *vcpu, u64 ea, u64 msr, gpa_t *gpa)
{
	return min(translate_fetch(vcpu, ea, msr, gpa), 0);
}

/* Where a data access of the vCPU as it is now would go. */
int hvstep_mem_translate_data(struct kvm_vcpu *vcpu, u64 ea, gpa_t *gpa)
{
	struct kvmppc_pte pte = { };

	if (!(kvmppc_get_msr(vcpu) & MSR_DR)) {
		*gpa = ea & KVM_PAM;
		return 0;
	}
	if (translate(vcpu, ea, &pte, true))
		return -EFAULT;
	*gpa = pte.raddr;
	return 0;
}

static struct kvm_memory_slot *mem_slot(struct kvm *kvm, gfn_t gfn)
{
	struct kvm_memory_slot *slot;

	lockdep_assert(srcu_read_lock_held(&kvm->srcu));

	slot = __gfn_to_memslot(kvm_memslots(kvm), gfn);
	if (!slot || slot->flags & KVM_MEMSLOT_INVALID)
		return NULL;
	return slot;
}

/* Where the VMM has @gpa, 0 if nowhere */
static unsigned long hva_of(struct kvm *kvm, gpa_t gpa)
{
	struct kvm_memory_slot *slot;
	unsigned long hva = 0;
	int idx;

	idx = srcu_read_lock(&kvm->srcu);
	slot = mem_slot(kvm, gpa_to_gfn(gpa));
	if (slot)
		hva = __gfn_to_hva_memslot(slot, gpa_to_gfn(gpa)) +
		      offset_in_page(gpa);
	srcu_read_unlock(&kvm->srcu, idx);
	return hva;
}

/* The four or eight bytes at @gpa as they are in memory. */
int hvstep_mem_read(struct kvm_vcpu *vcpu, gpa_t gpa, u32 *raw)
{
	unsigned long hva = hva_of(vcpu->kvm, gpa);

	return hva ? get_user(*raw, (u32 __user *)hva) : -EFAULT;
}

int hvstep_mem_read_u64(struct kvm *kvm, gpa_t gpa, u64 *raw)
{
	unsigned long hva = hva_of(kvm, gpa);

	return hva ? get_user(*raw, (u64 __user *)hva) : -EFAULT;
}

/*
 * The instruction that the vCPU as it is now would fetch from @ea, in register
 * order, and where that is. 1 if hardware should do the fetch; -EFAULT where it
 * could not fetch one, -EIO where there is one but it cannot be read here.
 */
int hvstep_mem_fetch(struct kvm_vcpu *vcpu, u64 ea, gpa_t *gpa, u32 *word)
{
	int ret;

	*gpa = INVALID_GPA;
	ret = translate_fetch(vcpu, ea, kvmppc_get_msr(vcpu), gpa);
	if (ret < 0)
		return -EFAULT;
	if (hvstep_mem_read(vcpu, *gpa, word))
		return -EIO;
	if (kvmppc_need_byteswap(vcpu))
		*word = swab32(*word);
	return ret;
}

/*
 * The page at @gfn, for writing. Pinned, it can neither migrate nor be merged
 * nor be swapped until the pin is gone, so what is armed through it is restored
 * through it, whatever happens to the mapping meanwhile.
 */
struct page *hvstep_mem_pin(struct kvm *kvm, gfn_t gfn)
{
	struct kvm_memory_slot *slot;
	unsigned long hva = 0;
	struct page *page;
	int idx;

	/* KVM_RUN has seen to it that this is the VM's own process. */
	if (WARN_ON_ONCE(current->mm != kvm->mm))
		return ERR_PTR(-EIO);

	idx = srcu_read_lock(&kvm->srcu);
	slot = mem_slot(kvm, gfn);
	if (slot)
		hva = __gfn_to_hva_memslot(slot, gfn);
	srcu_read_unlock(&kvm->srcu, idx);

	if (!hva || pin_user_pages_fast(hva, 1, FOLL_WRITE, &page) != 1)
		return ERR_PTR(-EFAULT);
	return page;
}

void hvstep_mem_unpin(struct page *page)
{
	unpin_user_pages_dirty_lock(&page, 1, true);
}

/*
 * Tell migration that the page has changed, after each change. The slot is
 * looked up anew: it may have been replaced since the page was pinned.
 */
void hvstep_mem_dirty(struct kvm *kvm, gfn_t gfn)
{
	struct kvm_memory_slot *slot;
	int idx;

	idx = srcu_read_lock(&kvm->srcu);
	slot = mem_slot(kvm, gfn);
	if (slot && slot->dirty_bitmap)
		set_bit_le(gfn - slot->base_gfn, slot->dirty_bitmap);
	srcu_read_unlock(&kvm->srcu, idx);
}
