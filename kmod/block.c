// SPDX-License-Identifier: GPL-2.0
/* The blocks of a VM: see block.h. */
#include <linux/mm.h>
#include <linux/slab.h>

#include "hvstep.h"

/* Make room for what one more vCPU can arm: a step allocates nothing. */
int hvstep_block_reserve(struct hvstep_vm *vm)
{
	struct hvstep_block *block, *next;
	LIST_HEAD(blocks);
	int i;

	for (i = 0; i < HVSTEP_MAX_ARMED; i++) {
		block = kvzalloc(sizeof(*block), GFP_KERNEL_ACCOUNT);
		if (!block)
			goto err_alloc;
		list_add(&block->link, &blocks);
	}

	spin_lock(&vm->kvm->mmu_lock);
	list_splice(&blocks, &vm->blocks);
	spin_unlock(&vm->kvm->mmu_lock);
	return 0;

err_alloc:
	list_for_each_entry_safe(block, next, &blocks, link)
		kvfree(block);
	return -ENOMEM;
}

/* The VM is going: nobody steps, nothing is armed. */
void hvstep_block_free(struct hvstep_vm *vm)
{
	struct hvstep_block *block, *next;

	list_for_each_entry_safe(block, next, &vm->blocks, link) {
		WARN_ON_ONCE(block->nr);
		kvfree(block);
	}
}

/* The block for the 4K at @gpa, which are in @page: one alone for what is at one place. */
struct hvstep_block *hvstep_block_at(struct hvstep_vm *vm, const struct hvstep_page *page,
				     gpa_t gpa)
{
	struct hvstep_block *block, *unused = NULL, *moved = NULL;
	unsigned long hva = page->hva + offset_in_page(gpa);
	u32 *kva = page->kva + offset_in_page(gpa);

	lockdep_assert_held(&vm->kvm->mmu_lock);

	list_for_each_entry(block, &vm->blocks, link) {
		if (block->epoch == vm->epoch && block->kva == kva)
			break;
		if (!block->nr)
			unused = block;
		else if (block->epoch != vm->epoch && block->hva == hva)
			moved = block;
	}
	if (list_entry_is_head(block, &vm->blocks, link))
		block = moved ?: unused;
	if (WARN_ON_ONCE(!block))
		return NULL;

	/* What has moved did so with all that is armed in it. */
	block->kva = kva;
	block->epoch = vm->epoch;
	if (!block->nr) {
		block->gpa = gpa;
		block->hva = hva;
		block->logged = false;
	}
	block->logged |= page->logged;
	return block;
}

/*
 * Is the word at @gpa armed? By memory, if it is known where that is.
 * @changes: what vm->changes will differ from once the answer can be another
 */
bool hvstep_block_is_armed(struct hvstep_vcpu *hv, gpa_t gpa, unsigned int *changes)
{
	unsigned int i = (gpa % HVSTEP_BLOCK_SIZE) / sizeof(u32);
	gpa_t at = gpa & HVSTEP_BLOCK_MASK;
	struct hvstep_vm *vm = hv->vm;
	struct hvstep_block *block;
	struct hvstep_page *page;
	bool armed = false;

	hvstep_pages_lock(hv);
	page = hvstep_page(vm, gpa, false);
	list_for_each_entry(block, &vm->blocks, link)
		if (block->nr && block->users[i] &&
		    (block->gpa == at ||
		     (page && block->epoch == vm->epoch &&
		      block->kva == page->kva + offset_in_page(at))))
			armed = true;
	*changes = vm->changes;
	hvstep_pages_unlock(hv);
	return armed;
}

/* No new step is begun: wait until those under way have restored all. */
int hvstep_block_wait_none(struct hvstep_vm *vm)
{
	bool none;

	for (;;) {
		/* The lock: who arms after this sees vm->closing. */
		spin_lock(&vm->kvm->mmu_lock);
		none = !vm->armers;
		spin_unlock(&vm->kvm->mmu_lock);
		if (none)
			return 0;
		if (wait_event_interruptible(vm->parked, !READ_ONCE(vm->armers)))
			return -EINTR;
	}
}
