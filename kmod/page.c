// SPDX-License-Identifier: GPL-2.0
/*
 * Where the pages of a guest are in the host's memory, without holding on to them:
 * a page that is pinned can neither migrate nor be merged nor be given back, and
 * pinning one costs more than a step. As KVM itself does for what it puts into the
 * guest's second page table, each is looked up once, and is good as long as no
 * invalidation has come since (kvm->mmu_invalidate_seq), which kvm->mmu_lock tells.
 *
 * What changes the memslots invalidates, too, before KVM_SET_USER_MEMORY_REGION
 * returns: kvmppc_radix_flush_memslot() counts mmu_invalidate_seq up under the lock, for
 * the dirty log being switched on or off as well. A hash guest's memslots come
 * without that, so for these it is kvm->srcu that keeps them. Their generation tells
 * that they have changed in either mode: a page can be found in the one, its memslot
 * be deleted and the page freed, which nobody tells KVM any more, and the guest be
 * switched to the other. KVM switches under the lock.
 */
#include <linux/delay.h>
#include <linux/hash.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>

#include "hvstep.h"

/* Tries before it is time to sleep: an invalidation can take its time. */
#define PATIENCE	100

static bool by_srcu(struct kvm *kvm)
{
	return !kvm_is_radix(kvm);
}

static void unlock(struct hvstep_vcpu *hv)
	__releases(&hv->vm->kvm->mmu_lock)
{
	struct kvm *kvm = hv->vm->kvm;

	spin_unlock(&kvm->mmu_lock);
	if (unlikely(hv->srcu_idx >= 0)) {
		__acquire(&kvm->srcu);
		srcu_read_unlock(&kvm->srcu, hv->srcu_idx);
	}
}

/* What hvstep_pages_lock() is in all cases */
void hvstep_pages_lock_slow(struct hvstep_vcpu *hv)
	__acquires(&hv->vm->kvm->mmu_lock)
{
	struct hvstep_vm *vm = hv->vm;
	struct kvm *kvm = vm->kvm;
	unsigned int tries = 0;

	for (;;) {
		bool srcu = by_srcu(kvm);

		hv->srcu_idx = -1;
		if (srcu) {
			hv->srcu_idx = srcu_read_lock(&kvm->srcu);
			/* Held on one condition, for sparse never. */
			__release(&kvm->srcu);
		}
		spin_lock(&kvm->mmu_lock);
		if (likely(!kvm->mmu_invalidate_in_progress && by_srcu(kvm) == srcu))
			break;
		unlock(hv);
		if (tries++ < PATIENCE)
			cond_resched();
		else
			usleep_range(50, 100);
	}

	if (unlikely(vm->pages_seq != kvm->mmu_invalidate_seq ||
		     vm->pages_generation != hvstep_compat_generation(kvm))) {
		vm->pages_seq = kvm->mmu_invalidate_seq;
		vm->pages_generation = hvstep_compat_generation(kvm);
		vm->epoch++;
	}
}

void hvstep_pages_unlock_slow(struct hvstep_vcpu *hv)
	__releases(&hv->vm->kvm->mmu_lock)
{
	unlock(hv);
}

/* A page can be in two places. */
static struct hvstep_page *place(struct hvstep_vm *vm, gfn_t gfn, unsigned int way)
{
	return &vm->pages[way][way ? hash_64(gfn, HVSTEP_PAGE_BITS) : gfn % HVSTEP_NR_PAGES];
}

static bool is_page(const struct hvstep_vm *vm, const struct hvstep_page *page, gfn_t gfn,
		    bool write)
{
	return page->gfn == gfn && page->epoch == vm->epoch && page->writable >= write;
}

/* The page of @gpa, or NULL if hvstep_page_get() has to look for it first. */
struct hvstep_page *hvstep_page(struct hvstep_vm *vm, gpa_t gpa, bool write)
{
	gfn_t gfn = gpa_to_gfn(gpa);
	unsigned int i;

	lockdep_assert_held(&vm->kvm->mmu_lock);

	for (i = 0; i < 2; i++)
		if (is_page(vm, place(vm, gfn, i), gfn, write))
			return place(vm, gfn, i);
	for (i = 0; i < HVSTEP_NR_CROWDED; i++)
		if (is_page(vm, &vm->crowded[i], gfn, write))
			return &vm->crowded[i];
	return NULL;
}

static void remember(struct hvstep_vm *vm, const struct hvstep_page *page)
{
	struct hvstep_page *first = place(vm, page->gfn, 0);
	struct hvstep_page *second = place(vm, page->gfn, 1);

	/* It is there, but not for writing; or that place is empty; or it is one's turn. */
	if (first->gfn != page->gfn && first->epoch == vm->epoch &&
	    (second->gfn == page->gfn || second->epoch != vm->epoch || vm->turn++ & 1))
		first = second;
	/*
	 * A walk needs all its tables at once, and the guest chooses where they are: those
	 * that share both places must not evict each other for ever.
	 */
	if (first->gfn != page->gfn && first->epoch == vm->epoch)
		vm->crowded[vm->next_crowded++ % HVSTEP_NR_CROWDED] = *first;
	*first = *page;
}

/*
 * The page that the VMM has at @hva now, with a reference to it; @dirty: and dirty. Returns
 * with the pages locked, or with an error and without. This waits for userspace, if the
 * page is one that a userfaultfd or a file system has to deliver.
 */
static int lock_page_at(struct hvstep_vcpu *hv, unsigned long hva, bool write, bool dirty,
			struct page **found)
{
	struct kvm *kvm = hv->vm->kvm;
	unsigned int tries = 0;

	/* KVM_RUN has seen to it that this is the VM's own process. */
	if (WARN_ON_ONCE(current->mm != kvm->mm))
		return -EIO;

	for (;;) {
		unsigned long seq = READ_ONCE(kvm->mmu_invalidate_seq);
		struct page *page;
		int got;

		smp_rmb();	/* mmu_invalidate_seq before the page tables */
		got = get_user_pages_fast(hva & PAGE_MASK, 1, write ? FOLL_WRITE : 0, &page);
		/* There may be one, for all that is known. */
		if (got == -ENOMEM)
			return got;
		if (got != 1)
			return -EFAULT;
		if (dirty)
			set_page_dirty_lock(page);

		hvstep_pages_lock(hv);
		if (kvm->mmu_invalidate_seq == seq) {
			*found = page;
			return 0;
		}
		hvstep_pages_unlock(hv);
		put_page(page);
		/* Who is killed restores what is armed, unless it moves all the time. */
		if (fatal_signal_pending(current) && tries++ == PATIENCE)
			return -EFAULT;
		cond_resched();
	}
}

/*
 * Make hvstep_page() find it. Holds nothing afterwards; may sleep. -EFAULT if there is
 * none, -ENOMEM if the host has no memory to find out, -EINTR after a signal: what needs
 * several pages could go on for long where one is always gone again.
 */
int hvstep_page_get(struct hvstep_vcpu *hv, gpa_t gpa, bool write)
{
	struct hvstep_vm *vm = hv->vm;
	struct hvstep_page page = { .gfn = gpa_to_gfn(gpa), .writable = write };
	u64 generation;
	int ret;

	do {
		struct kvm_memory_slot *slot;
		struct page *found;
		int idx;

		if (signal_pending(current))
			return -EINTR;

		idx = srcu_read_lock(&vm->kvm->srcu);
		/* KVM counts it up in memslots that are in use by then. */
		generation = READ_ONCE(kvm_memslots(vm->kvm)->generation);
		slot = hvstep_mem_slot(vm->kvm, page.gfn);
		if (slot) {
			page.hva = __gfn_to_hva_memslot(slot, page.gfn);
			page.logged = slot->dirty_bitmap;
		}
		srcu_read_unlock(&vm->kvm->srcu, idx);
		if (!slot)
			return -EFAULT;

		ret = lock_page_at(hv, page.hva, write, false, &found);
		if (ret)
			return ret;
		/* Then the memslot is there, and mmu_invalidate_seq holds the page. */
		ret = generation == hvstep_compat_generation(vm->kvm) ? 0 : -EAGAIN;
		if (!ret) {
			/*
			 * The PTE may be a clean one, which nobody makes dirty for us.
			 * Only now is it sure to be writable still: a file system has
			 * been told of the page by page_mkwrite, and has not cleaned it.
			 */
			if (write)
				folio_mark_dirty(page_folio(found));
			page.kva = page_address(found);
			page.epoch = vm->epoch;
			remember(vm, &page);
		}
		hvstep_pages_unlock(hv);
		put_page(found);
	} while (ret);
	return 0;
}

/*
 * What a page that has been forgotten is by now, by where the VMM had it. The reference is
 * the caller's until after hvstep_pages_unlock(): should there be no memslot any more,
 * nobody counts mmu_invalidate_seq when the page goes. What is armed there has to be
 * restored: a host that has no memory just now is waited for, if need be until it kills
 * the VMM.
 */
int hvstep_page_lock_again(struct hvstep_vcpu *hv, unsigned long hva, struct page **page)
{
	int ret;

	while ((ret = lock_page_at(hv, hva, true, true, page)) == -ENOMEM &&
	       !fatal_signal_pending(current))
		usleep_range(50, 100);
	return ret;
}
