// SPDX-License-Identifier: GPL-2.0
/* The blocks of a VM: see block.h. */
#include <linux/mm.h>
#include <linux/slab.h>

#include "hvstep.h"
#include "again.h"

/* Is there room that was made for a vCPU which has not come to be? */
static bool take_spare(struct hvstep_vm *vm)
{
	bool spare;

	spin_lock(&vm->kvm->mmu_lock);
	spare = vm->spare;
	vm->spare -= spare;
	spin_unlock(&vm->kvm->mmu_lock);
	return spare;
}

/* Make room for what one more vCPU can arm: a step allocates nothing. */
int hvstep_block_reserve(struct hvstep_vm *vm)
{
	struct hvstep_block *block, *next;
	LIST_HEAD(blocks);
	int i;

	if (take_spare(vm))
		return 0;
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

/* For the next one: others may use the very blocks by now. */
void hvstep_block_unreserve(struct hvstep_vm *vm)
{
	spin_lock(&vm->kvm->mmu_lock);
	vm->spare++;
	spin_unlock(&vm->kvm->mmu_lock);
}

/* The VM is going: nobody steps, nothing is armed. */
void hvstep_block_free(struct hvstep_vm *vm)
{
	struct hvstep_block *block, *next;

	list_for_each_entry_safe(block, next, &vm->blocks, link) {
		WARN_ON_ONCE(block->armers);
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
		if (!block->armers)
			unused = block;
		else if (block->epoch != vm->epoch && block->hva == hva)
			moved = block;
	}
	if (list_entry_is_head(block, &vm->blocks, link))
		block = moved ?: unused;
	if (WARN_ON_ONCE(!block))
		return NULL;

	/*
	 * What has moved did so with all that is armed in it. It can be elsewhere in guest
	 * memory, too: whoever has armed it there would find it again by @gpa.
	 */
	block->kva = kva;
	block->epoch = vm->epoch;
	block->gpa = gpa;
	if (!block->armers) {
		block->hva = hva;
		block->logged = false;
	}
	block->logged |= page->logged;
	return block;
}

/*
 * Whoever arms something is in block->armers by now. The first one alone needs no
 * count of users for each word; it is made up for when another one comes.
 */
static bool begin(struct hvstep_block *block, struct hvstep_armed *armed)
{
	if (likely(block->armers == 1)) {
		block->sole = armed;
		return true;
	}
	if (block->sole) {
		u32 bits;

		for (bits = hvstep_armed_bits(block->sole); bits; bits &= bits - 1)
			block->users[hvstep_armed_word(block->sole, __ffs(bits))] = 1;
		block->sole = NULL;
	}
	return false;
}

/* Arm all that @armed has in its block. */
void hvstep_block_arm(struct hvstep_armed *armed)
{
	struct hvstep_block *block = armed->block;

	if (unlikely(!begin(block, armed))) {
		u32 bits;

		for (bits = hvstep_armed_bits(armed); bits; bits &= bits - 1) {
			unsigned int i = hvstep_armed_word(armed, __ffs(bits));

			/* Another vCPU has armed it; if it was not overwritten since. */
			if (!block->users[i]++ ||
			    READ_ONCE(block->kva[i]) != KVMPPC_INST_SW_BREAKPOINT)
				hvstep_word_arm(block, i);
		}
	} else if (likely(!armed->is_word)) {
		hvstep_arm_vectors(block, armed->vectors);
	} else {
		hvstep_word_arm(block, armed->word / sizeof(u32));
	}
	armed->logged = block->logged;
	hvstep_block_flush(block);
}

/*
 * And restore it, as far as nobody else needs it, if the memory is @there still. Returns
 * how many words were lost.
 */
unsigned int hvstep_block_disarm(struct hvstep_armed *armed, bool there)
{
	struct hvstep_block *block = armed->block;
	bool sole = block->sole == armed;
	unsigned int lost = 0;
	u32 bits;

	block->armers--;
	if (likely(sole))
		block->sole = NULL;
	if (likely(sole && there && !armed->is_word)) {
		lost = hvstep_restore_vectors(block, armed->vectors);
	} else {
		for (bits = hvstep_armed_bits(armed); bits; bits &= bits - 1) {
			unsigned int i = hvstep_armed_word(armed, __ffs(bits));

			if ((sole || !--block->users[i]) &&
			    !(there && hvstep_word_restore(block, i)))
				lost++;
		}
	}
	if (likely(there))
		hvstep_block_flush(block);
	return lost;
}

static bool word_is_armed(const struct hvstep_block *block, unsigned int word)
{
	u32 bits;

	if (!block->sole)
		return block->users[word];
	for (bits = hvstep_armed_bits(block->sole); bits; bits &= bits - 1)
		if (hvstep_armed_word(block->sole, __ffs(bits)) == word)
			return true;
	return false;
}

/*
 * Another vCPU has armed something that is nobody knows where since an invalidation, and
 * looks like a word of this block, in which nobody has armed anything: the VMM can have the
 * same memory at two addresses. What is armed must not be taken for the guest's own.
 */
bool hvstep_block_may_have_moved(const struct hvstep_vm *vm, const struct hvstep_armed *armed)
{
	const struct hvstep_block *block;
	bool moved = false;
	u32 bits;

	lockdep_assert_held(&vm->kvm->mmu_lock);

	list_for_each_entry(block, &vm->blocks, link)
		moved |= block->armers && block->epoch != vm->epoch;
	for (bits = moved ? hvstep_armed_bits(armed) : 0; bits; bits &= bits - 1)
		if (READ_ONCE(armed->block->kva[hvstep_armed_word(armed, __ffs(bits))]) ==
		    KVMPPC_INST_SW_BREAKPOINT)
			return true;
	return false;
}

static bool block_is_at(const struct hvstep_vm *vm, const struct hvstep_block *block,
			const struct hvstep_page *page, gpa_t at)
{
	return block->hva == page->hva + offset_in_page(at) ||
	       (block->epoch == vm->epoch && block->kva == page->kva + offset_in_page(at));
}

/*
 * Is the word at @gpa armed? By memory, if it is known where that is: -EAGAIN if it is not
 * any more, though it was @there a moment ago.
 * @seen: for hvstep_block_as_seen(), which says whether the answer can be another by now
 */
int hvstep_block_is_armed(struct hvstep_vcpu *hv, gpa_t gpa, bool there, struct hvstep_seen *seen)
{
	unsigned int i = (gpa % HVSTEP_BLOCK_SIZE) / sizeof(u32);
	gpa_t at = gpa & HVSTEP_BLOCK_MASK;
	struct hvstep_vm *vm = hv->vm;
	struct hvstep_block *block;
	struct hvstep_page *page;
	int armed;

	hvstep_pages_lock(hv);
	page = hvstep_page(vm, gpa, false);
	armed = there && !page ? -EAGAIN : 0;
	list_for_each_entry(block, &vm->blocks, link)
		if (block->armers && word_is_armed(block, i) &&
		    (block->gpa == at || (page && block_is_at(vm, block, page, at))))
			armed = 1;
	seen->changes = vm->changes;
	seen->epoch = vm->epoch;
	hvstep_pages_unlock(hv);
	return armed;
}

bool hvstep_block_as_seen(struct hvstep_vcpu *hv, const struct hvstep_seen *seen)
{
	bool same;

	hvstep_pages_lock(hv);
	same = hv->vm->changes == seen->changes && hv->vm->epoch == seen->epoch;
	hvstep_pages_unlock(hv);
	return same;
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
