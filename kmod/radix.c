// SPDX-License-Identifier: GPL-2.0
/*
 * The walk of a radix guest's page table (ISA Book III, "Radix Tree Translation").
 * KVM's own does not give the storage attributes, and from guarded storage nothing may
 * be fetched; nor the reference bit, without which hardware sets it, or raises an
 * interrupt; nor does it tell a table that is not there from one that cannot be read now.
 *
 * The next step mostly is in the same page. So a walk is remembered with each entry
 * it came by, and is good again if these are all the same still.
 */
#include <linux/kvm_host.h>
#include <linux/pgtable.h>

#include "hvstep.h"

#define PTE_RPN		0x01fffffffffff000UL
/* IAMR: of the first key, for the kernel's fetches of problem state's pages */
#define IAMR_KEY_0	BIT(62)

/* Read the next entry of the walk; -EAGAIN: see hvstep_pages_missing(). */
static int walk_read(struct hvstep_vcpu *hv, struct hvstep_walk *walk, gpa_t gpa, u64 *val)
{
	struct hvstep_page *page = hvstep_page(hv->vm, gpa, false);
	__be64 *entry;

	if (!page) {
		hv->missing = gpa;
		hv->missing_write = false;
		return -EAGAIN;
	}
	entry = page->kva + offset_in_page(gpa & ~7UL);
	walk->entry[walk->nr] = entry;
	walk->value[walk->nr] = READ_ONCE(*entry);
	*val = be64_to_cpu(walk->value[walk->nr++]);
	return 0;
}

/* The root of the tree for @ea: quadrant 0 is the process's, 3 the kernel's. */
static int walk_root(struct hvstep_vcpu *hv, struct hvstep_walk *walk, u64 ea, u64 *root)
{
	u64 offset = walk->pid * 16UL;

	if (!hvstep_ea_is_in_tree(ea))
		return -EFAULT;
	if (offset >= 1UL << ((walk->table & PRTS_MASK) + 12))
		return -EFAULT;
	return walk_read(hv, walk, (walk->table & PRTB_MASK) + offset, root);
}

/* To the leaf for @ea, and the size of its page as a power of two */
static int walk_down(struct hvstep_vcpu *hv, struct hvstep_walk *walk, u64 ea)
{
	unsigned int bits, level;
	u64 entry, base;
	int ret;

	ret = walk_root(hv, walk, ea, &entry);
	if (ret)
		return ret;
	walk->shift = 31 + (((entry & RTS1_MASK) >> (RTS1_SHIFT - 3)) |
			    ((entry & RTS2_MASK) >> RTS2_SHIFT));
	/* All that there are support, and KVM */
	if (walk->shift != 52)
		return -EFAULT;

	for (level = 0; level < 4; level++) {
		bits = entry & RPDS_MASK;
		base = entry & RPDB_MASK;
		if (bits < 5 || bits > 13 || walk->shift < bits + 12)
			return -EFAULT;
		walk->shift -= bits;
		ret = walk_read(hv, walk, base + (ea >> walk->shift & ((1UL << bits) - 1)) * 8,
				&entry);
		if (ret)
			return ret;
		if (!(entry & _PAGE_PRESENT))
			return -EFAULT;
		if (entry & _PAGE_PTE) {
			walk->leaf = entry;
			return 0;
		}
	}
	return -EFAULT;
}

/*
 * Where a load or store at @ea of the vCPU as it is now goes, if it may; -EFAULT if
 * nowhere; -EAGAIN as below. The pages are locked.
 */
int hvstep_radix_data(struct hvstep_vcpu *hv, u64 ea, gpa_t *gpa)
{
	struct hvstep_walk walk = {
		.table = READ_ONCE(hv->vm->kvm->arch.process_table),
		.pid = ea >> 62 ? 0 : hvstep_compat_pid(hv->vcpu),
	};
	u64 mask;
	int ret;

	lockdep_assert_held(&hv->vm->kvm->mmu_lock);

	ret = walk_down(hv, &walk, ea);
	if (ret)
		return ret;
	mask = (1UL << walk.shift) - 1;
	*gpa = (walk.leaf & PTE_RPN & ~mask) | (ea & mask);
	return 0;
}

/*
 * Where an instruction fetch from @ea with @msr goes: 0, 1 if hardware has to do
 * the fetch itself, or -EFAULT; or -EAGAIN if hvstep_page_get() has to get hv->missing
 * first. The pages are locked.
 */
int hvstep_radix_fetch(struct hvstep_vcpu *hv, struct hvstep_walk *walk, u64 ea, u64 msr,
		       gpa_t *gpa)
{
	u64 leaf, mask;
	int ret;

	if (likely(hvstep_radix_is_same(hv, walk, ea, msr))) {
		*gpa = walk->gpa + ea % HVSTEP_BLOCK_SIZE;
		return 0;
	}

	walk->nr = 0;
	walk->table = READ_ONCE(hv->vm->kvm->arch.process_table);
	walk->pid = ea >> 62 ? 0 : hvstep_compat_pid(hv->vcpu);
	walk->iamr = hvstep_compat_iamr(hv->vcpu);
	walk->ea = ea & HVSTEP_BLOCK_MASK;
	walk->pr = msr & MSR_PR;
	walk->kva = NULL;
	/* One that does not end with a plain yes is none to come back to. */
	walk->epoch = 0;
	ret = walk_down(hv, walk, ea);
	if (ret)
		return ret;

	leaf = walk->leaf;
	if (!(leaf & _PAGE_EXEC) ||
	    (leaf & _PAGE_TOLERANT) == _PAGE_NON_IDEMPOTENT)
		return -EFAULT;
	if (msr & MSR_PR) {
		if (leaf & _PAGE_PRIVILEGED)
			return -EFAULT;
	} else if (!(leaf & _PAGE_PRIVILEGED) && walk->iamr & IAMR_KEY_0) {
		return -EFAULT;
	}

	mask = (1UL << walk->shift) - 1;
	*gpa = (leaf & PTE_RPN & ~mask) | (ea & mask);
	if (!(leaf & _PAGE_ACCESSED))
		return 1;
	walk->gpa = *gpa & HVSTEP_BLOCK_MASK;
	walk->epoch = hv->vm->epoch;
	return 0;
}
