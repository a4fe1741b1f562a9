// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory, by the few means that are open to a module on every kernel:
 * KVM's own translation of effective addresses, which is a function pointer of
 * the vCPU, and the memslots, which are inlines. kvm_read_guest() and its kin
 * are exported to kvm-hv alone since 6.18; kvmppc_st() refuses read-only kernel
 * text, which is where the interrupt vectors of a Linux guest are.
 */
#include <linux/kvm_host.h>
#include <linux/uaccess.h>

#include "hvstep.h"

/*
 * KVM saves the SLB entries that the guest has, one behind the other, and loads slb_max of
 * them again; but its walk looks at all of vcpu->arch.slb. Behind slb_max are those of a
 * longer list that was there before: what slbia, slbie or the VMM have taken from the
 * guest since.
 */
static void forget_old_slbes(struct kvm_vcpu *vcpu)
{
	int i;

	/* There are no holes in a list, and there are none in what it leaves. */
	for (i = vcpu->arch.slb_max; i < vcpu->arch.slb_nr; i++) {
		if (!(vcpu->arch.slb[i].orige & SLB_ESID_V))
			break;
		vcpu->arch.slb[i].orige = 0;
	}
}

static int translate(struct kvm_vcpu *vcpu, u64 ea, struct kvmppc_pte *pte, bool data)
{
	struct kvm *kvm = vcpu->kvm;
	int ret = -EAGAIN;

	lockdep_assert_held(&vcpu->mutex);

	forget_old_slbes(vcpu);
	/*
	 * KVM frees or replaces the HPT, and switches between hash and radix, when it has
	 * taken mmu_ready away and found vcpus_running 0 (kvmppc_alloc_reset_hpt(),
	 * kvmhv_configure_mmu()): be one of them.
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

/* Does finding out where a fetch with @msr goes take the pages locked, or must they not be? */
static bool translates_locked(struct kvm *kvm, u64 msr)
{
	return !(msr & MSR_IR) || kvm_is_radix(kvm);
}

/*
 * Does the VRMA of a hash guest map @gpa? kvmppc_map_vrma() has put one page into each group
 * of the HPT, as far as the memslot at 0 goes: what is beyond that faults, memory or not.
 */
static bool vrma_maps(struct kvm *kvm, gpa_t gpa)
{
	u64 slb_v = READ_ONCE(kvm->arch.vrma_slb_v);
	unsigned int order = READ_ONCE(kvm->arch.hpt.order);
	unsigned int shift = 12;
	struct kvm_memory_slot *slot;
	bool ret;
	int idx;

	if (slb_v & SLB_VSID_L)
		shift = slb_v & SLB_VSID_LP_01 ? 16 : 24;
	/* There is no HPT yet: it will have 256 KiB or more. */
	if (!order)
		order = PPC_MIN_HPT_ORDER;
	/* And no more than 1 TiB */
	if (gpa >> min(shift + order - 7, 40U))
		return false;
	idx = srcu_read_lock(&kvm->srcu);
	slot = hvstep_mem_slot(kvm, 0);
	ret = slot && gpa_to_gfn(gpa) < slot->npages;
	srcu_read_unlock(&kvm->srcu, idx);
	return ret;
}

/* SLB[N] (ISA Book III): no instruction is fetched from the segment. KVM's walk ignores it. */
static bool segment_is_no_execute(struct kvm_vcpu *vcpu, u64 ea)
{
	int i;

	for (i = 0; i < vcpu->arch.slb_max; i++) {
		const struct kvmppc_slb *slb = &vcpu->arch.slb[i];
		u64 mask = slb->origv & SLB_VSID_B_1T ? ESID_MASK_1T : ESID_MASK;

		if (!((slb->orige ^ ea) & mask))
			return slb->origv & SLB_VSID_N;
	}
	return false;
}

/*
 * By KVM's walk of a hash guest's page table; see hvstep_mem_translate_locked(). -ENXIO
 * while that is being replaced.
 */
static int translate_hash(struct kvm_vcpu *vcpu, u64 ea, u64 msr, gpa_t *gpa)
{
	u64 msr_now = hvstep_get_msr(vcpu);
	struct kvmppc_pte pte = { };
	int ret;

	/* The walk takes translation and privilege from the vCPU's MSR. */
	if (msr != msr_now)
		hvstep_set_msr(vcpu, msr);
	ret = translate(vcpu, ea, &pte, false);
	if (msr != msr_now)
		hvstep_set_msr(vcpu, msr_now);

	if (ret == -EAGAIN)
		return -ENXIO;
	if (ret || !pte.may_execute || segment_is_no_execute(vcpu, ea))
		return -EFAULT;
	*gpa = pte.raddr;
	/*
	 * IAMR has two bits for each storage key; KVM's walk does not look at
	 * them, nor does it give the key.
	 */
	return !!vcpu->arch.iamr;
}

/*
 * Where an instruction fetch from @ea with @msr would go: 0, 1 if hardware should do
 * the fetch, -EFAULT where it would not be allowed or has no translation, -ENXIO where
 * that cannot be known now. Before the pages are locked, for what cannot be done then.
 */
int hvstep_mem_translate_first(struct hvstep_vcpu *hv, u64 ea, u64 msr, gpa_t *gpa)
{
	*gpa = INVALID_GPA;
	if (translates_locked(hv->vm->kvm, msr))
		return 0;
	return translate_hash(hv->vcpu, ea, msr, gpa);
}

/*
 * And then, with the pages locked; @first is what the other has returned. -EAGAIN if
 * hvstep_page_get() has to get hv->missing.
 */
int hvstep_mem_translate_locked(struct hvstep_vcpu *hv, struct hvstep_walk *walk, u64 ea,
				u64 msr, int first, gpa_t *gpa)
{
	lockdep_assert_held(&hv->vm->kvm->mmu_lock);

	if (!(msr & MSR_IR)) {
		/*
		 * Guest real mode: KVM maps it onto guest real memory one to
		 * one, ignoring the bits above.
		 */
		*gpa = ea & KVM_PAM;
		return kvm_is_radix(hv->vm->kvm) || vrma_maps(hv->vm->kvm, *gpa) ? 0 : 1;
	}
	if (kvm_is_radix(hv->vm->kvm))
		return hvstep_radix_fetch(hv, walk, ea, msr, gpa);
	/* It was a radix guest a moment ago. */
	if (unlikely(first >= 0 && *gpa == INVALID_GPA))
		return -EFAULT;
	return first;
}

/* Both, for those who need no more than the address. */
int hvstep_mem_translate(struct hvstep_vcpu *hv, u64 ea, u64 msr, gpa_t *gpa)
{
	int ret;

	for (;;) {
		ret = hvstep_mem_translate_first(hv, ea, msr, gpa);
		hvstep_pages_lock(hv);
		ret = hvstep_mem_translate_locked(hv, &hv->walk[HVSTEP_WALK_CODE], ea, msr,
						  ret, gpa);
		hvstep_pages_unlock(hv);
		if (ret != -EAGAIN)
			return min(ret, 0);
		if (hvstep_page_get(hv, hv->missing, false))
			return -EFAULT;
		cond_resched();
	}
}

static int translate_data_radix(struct hvstep_vcpu *hv, u64 ea, gpa_t *gpa)
{
	int ret;

	for (;;) {
		hvstep_pages_lock(hv);
		ret = hvstep_radix_data(hv, ea, gpa);
		hvstep_pages_unlock(hv);
		if (ret != -EAGAIN)
			return ret;
		ret = hvstep_page_get(hv, hv->missing, false);
		if (ret)
			return ret;
		cond_resched();
	}
}

/*
 * Where a data access of the vCPU as it is now would go: -EFAULT if it has no translation;
 * and where that is not known, -EINTR, -ENOMEM and -ENXIO as of hvstep_mem_fetch(). Nothing
 * may be armed: this can wait for userspace.
 */
int hvstep_mem_translate_data(struct hvstep_vcpu *hv, u64 ea, gpa_t *gpa)
{
	struct kvmppc_pte pte = { };
	int ret;

	if (!(hvstep_get_msr(hv->vcpu) & MSR_DR)) {
		*gpa = ea & KVM_PAM;
		return 0;
	}
	if (kvm_is_radix(hv->vm->kvm))
		return translate_data_radix(hv, ea, gpa);
	ret = translate(hv->vcpu, ea, &pte, true);
	if (ret)
		return ret == -EAGAIN ? -ENXIO : -EFAULT;
	*gpa = pte.raddr;
	return 0;
}

/* Under kvm->srcu, as is what it returns */
struct kvm_memory_slot *hvstep_mem_slot(struct kvm *kvm, gfn_t gfn)
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
	slot = hvstep_mem_slot(kvm, gpa_to_gfn(gpa));
	if (slot)
		hva = __gfn_to_hva_memslot(slot, gpa_to_gfn(gpa)) +
		      offset_in_page(gpa);
	srcu_read_unlock(&kvm->srcu, idx);
	return hva;
}

/* The four bytes at @gpa as they are in memory, whatever that is made of */
int hvstep_mem_read(struct kvm_vcpu *vcpu, gpa_t gpa, u32 *raw)
{
	unsigned long hva = hva_of(vcpu->kvm, gpa);

	return hva ? get_user(*raw, (u32 __user *)hva) : -EFAULT;
}

/*
 * The instruction that the vCPU as it is now would fetch from @ea, in register
 * order, and where that is. 1 if hardware should do the fetch; -EFAULT where it
 * could not fetch one, -EIO where there is one but it cannot be read here. And where
 * it is not known whether there is one: -EINTR after a signal, -ENOMEM without memory,
 * -ENXIO without a page table, which KVM makes when the vCPU enters the guest.
 */
int hvstep_mem_fetch(struct hvstep_vcpu *hv, u64 ea, gpa_t *gpa, u32 *word)
{
	struct hvstep_walk *walk = &hv->walk[HVSTEP_WALK_CODE];
	u64 msr = hvstep_get_msr(hv->vcpu);
	struct hvstep_page *page;
	int ret, err;

	for (;;) {
		ret = hvstep_mem_translate_first(hv, ea, msr, gpa);
		hvstep_pages_lock(hv);
		ret = hvstep_mem_translate_locked(hv, walk, ea, msr, ret, gpa);
		page = ret < 0 ? NULL : hvstep_page(hv->vm, *gpa, false);
		if (likely(page)) {
			*word = READ_ONCE(*(u32 *)(page->kva + offset_in_page(*gpa)));
			/* As long as a walk has led there, not KVM's of a hash guest. */
			if (msr & MSR_IR && kvm_is_radix(hv->vm->kvm) &&
			    walk->epoch == hv->vm->epoch)
				walk->kva = page->kva + offset_in_page(*gpa & HVSTEP_BLOCK_MASK);
		}
		hvstep_pages_unlock(hv);

		if (likely(page))
			break;
		if (ret == -EAGAIN) {
			ret = hvstep_page_get(hv, hv->missing, false);
			if (ret)
				return ret == -EINTR || ret == -ENOMEM ? ret : -EFAULT;
			cond_resched();
			continue;
		}
		if (ret < 0)
			return ret;
		err = hvstep_page_get(hv, *gpa, false);
		if (err == -EINTR || err == -ENOMEM)
			return err;
		/* No page of memory, but it may be something to read from. */
		if (err) {
			if (hvstep_mem_read(hv->vcpu, *gpa, word))
				return -EIO;
			break;
		}
	}
	if (kvmppc_need_byteswap(hv->vcpu))
		*word = swab32(*word);
	return ret;
}

/*
 * Tell migration that the page has changed, after each change. The slot is
 * looked up anew: it may have been replaced since the page was looked up.
 */
void hvstep_mem_dirty(struct kvm *kvm, gfn_t gfn)
{
	struct kvm_memory_slot *slot;
	int idx;

	idx = srcu_read_lock(&kvm->srcu);
	slot = hvstep_mem_slot(kvm, gfn);
	if (slot && slot->dirty_bitmap)
		set_bit_le(gfn - slot->base_gfn, slot->dirty_bitmap);
	srcu_read_unlock(&kvm->srcu, idx);
}
