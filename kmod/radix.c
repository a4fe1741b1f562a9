// SPDX-License-Identifier: GPL-2.0
/*
 * Instruction fetch through a radix guest's page table (ISA Book III, "Radix
 * Tree Translation"). KVM's own walk is there for loads and stores: it does not
 * give the storage attributes, and from guarded storage nothing may be fetched;
 * nor the reference bit, without which hardware sets it, or raises an interrupt.
 */
#include <linux/kvm_host.h>
#include <linux/pgtable.h>

#include "hvstep.h"

#define PTE_RPN		0x01fffffffffff000UL
/* Bits 2:11, which no tree looks at, must be 0: a segment interrupt */
#define EA_BEYOND	0x3ff0000000000000UL
/* IAMR: of the first key, for the kernel's fetches of problem state's pages */
#define IAMR_KEY_0	BIT(62)

static int read_be64(struct kvm *kvm, gpa_t gpa, u64 *val)
{
	__be64 raw;
	int ret = hvstep_mem_read_u64(kvm, gpa, (u64 *)&raw);

	if (!ret)
		*val = be64_to_cpu(raw);
	return ret;
}

/* The root of the tree for @ea: quadrant 0 is the process's, 3 the kernel's. */
static int root_of(struct kvm_vcpu *vcpu, u64 ea, u64 *root)
{
	u64 table = vcpu->kvm->arch.process_table;
	u64 offset;

	if (ea & EA_BEYOND)
		return -EFAULT;
	switch (ea >> 62) {
	case 0:
		offset = hvstep_compat_pid(vcpu) * 16UL;
		break;
	case 3:
		offset = 0;
		break;
	default:
		return -EFAULT;
	}
	if (offset >= 1UL << ((table & PRTS_MASK) + 12))
		return -EFAULT;
	return read_be64(vcpu->kvm, (table & PRTB_MASK) + offset, root);
}

/* The leaf for @ea, and the size of its page as a power of two */
static int leaf_of(struct kvm_vcpu *vcpu, u64 ea, u64 *leaf, unsigned int *shift)
{
	u64 entry, base;
	unsigned int bits, level;

	if (root_of(vcpu, ea, &entry))
		return -EFAULT;
	*shift = 31 + (((entry & RTS1_MASK) >> (RTS1_SHIFT - 3)) |
		       ((entry & RTS2_MASK) >> RTS2_SHIFT));
	/* All that there are support, and KVM */
	if (*shift != 52)
		return -EFAULT;

	for (level = 0; level < 4; level++) {
		bits = entry & RPDS_MASK;
		base = entry & RPDB_MASK;
		if (bits < 5 || bits > 13 || *shift < bits + 12)
			return -EFAULT;
		*shift -= bits;
		if (read_be64(vcpu->kvm, base + (ea >> *shift & ((1UL << bits) - 1)) * 8, &entry))
			return -EFAULT;
		if (!(entry & _PAGE_PRESENT))
			return -EFAULT;
		if (entry & _PAGE_PTE) {
			*leaf = entry;
			return 0;
		}
	}
	return -EFAULT;
}

/*
 * Where an instruction fetch from @ea with @msr goes: 0, 1 if hardware has to do
 * the fetch itself, or -EFAULT.
 */
int hvstep_radix_fetch(struct kvm_vcpu *vcpu, u64 ea, u64 msr, gpa_t *gpa)
{
	unsigned int shift;
	u64 leaf, mask;

	if (leaf_of(vcpu, ea, &leaf, &shift))
		return -EFAULT;
	if (!(leaf & _PAGE_EXEC) ||
	    (leaf & _PAGE_TOLERANT) == _PAGE_NON_IDEMPOTENT)
		return -EFAULT;
	if (msr & MSR_PR) {
		if (leaf & _PAGE_PRIVILEGED)
			return -EFAULT;
	} else if (!(leaf & _PAGE_PRIVILEGED) && hvstep_compat_iamr(vcpu) & IAMR_KEY_0) {
		return -EFAULT;
	}

	mask = (1UL << shift) - 1;
	*gpa = (leaf & PTE_RPN & ~mask) | (ea & mask);
	return !(leaf & _PAGE_ACCESSED);
}
