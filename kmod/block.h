/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Armed words: instructions of the guest that are replaced by KVM's software
 * breakpoint while somebody steps. They belong to the VM, not to a vCPU, since
 * all vCPUs share the memory: two that step at once arm the same handler, and
 * one that does not step can run into it (park.c).
 *
 * They are kept by blocks of 4K, the smallest page, and a block is what it is by its
 * memory: not by the guest's address, under which the VMM can put other memory in
 * the middle of a step, and of which there can be several.
 */
#ifndef HVSTEP_BLOCK_H
#define HVSTEP_BLOCK_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/types.h>
#include <asm/kvm_asm.h>

#define HVSTEP_BLOCK_SIZE	4096UL
#define HVSTEP_BLOCK_MASK	(~(HVSTEP_BLOCK_SIZE - 1))
#define HVSTEP_BLOCK_WORDS	(HVSTEP_BLOCK_SIZE / sizeof(u32))

struct hvstep_armed;

/**
 * struct hvstep_block - 4K of guest memory with armed words in it
 * @link:	in vm->blocks; all fields are under kvm->mmu_lock
 * @gpa:	where the guest has it
 * @hva:	where the VMM has it
 * @kva:	where the host has it, as long as @epoch is vm->epoch
 * @epoch:	see struct hvstep_page
 * @logged:	its memslot has a dirty log
 * @armers:	how many have armed something in it, or are about to; 0: this is
 *		nothing yet
 * @sole:	who alone has: then @users is not kept
 * @users:	of each word, how many need it armed
 * @saved:	of each armed word, what belongs there, as the bytes in memory
 */
struct hvstep_block {
	struct list_head link;
	gpa_t gpa;
	unsigned long hva;
	u32 *kva;
	u64 epoch;
	bool logged;
	unsigned int armers;
	struct hvstep_armed *sole;
	u16 users[HVSTEP_BLOCK_WORDS];
	u32 saved[HVSTEP_BLOCK_WORDS];
};

/*
 * 0x00dddd00 reads the same in both byte orders, so the endianness of the code
 * it is put into does not matter.
 */
static inline void hvstep_word_arm(struct hvstep_block *block, unsigned int i)
{
	block->saved[i] = xchg_relaxed(block->kva + i, KVMPPC_INST_SW_BREAKPOINT);
}

/*
 * Anything that the guest or the VMM put there in the meantime is left alone: returns
 * false then.
 */
static inline bool hvstep_word_restore(struct hvstep_block *block, unsigned int i)
{
	return cmpxchg_relaxed(block->kva + i, KVMPPC_INST_SW_BREAKPOINT, block->saved[i]) ==
	       KVMPPC_INST_SW_BREAKPOINT;
}

#endif /* HVSTEP_BLOCK_H */
