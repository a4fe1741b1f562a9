// SPDX-License-Identifier: GPL-2.0
/*
 * Armed words: instructions of the guest that are replaced by KVM's software
 * breakpoint while somebody steps. They belong to the VM, not to a vCPU, since
 * all vCPUs share the memory: two that step at once arm the same handler, and
 * one that does not step can run into it. That one is parked here until the
 * word is restored, and goes on with the original instruction.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/cacheflush.h>

#include "hvstep.h"

/* Make room for what one more vCPU can arm. */
int hvstep_word_reserve(struct hvstep_vm *vm)
{
	struct hvstep_word *word, *next;
	LIST_HEAD(words);
	int i;

	for (i = 0; i < HVSTEP_MAX_ARMED; i++) {
		word = kzalloc(sizeof(*word), GFP_KERNEL_ACCOUNT);
		if (!word)
			goto err_alloc;
		list_add(&word->link, &words);
	}

	mutex_lock(&vm->word_lock);
	list_splice(&words, &vm->free_words);
	mutex_unlock(&vm->word_lock);
	return 0;

err_alloc:
	list_for_each_entry_safe(word, next, &words, link)
		kfree(word);
	return -ENOMEM;
}

/* The VM is going: nobody steps, nothing is armed. */
void hvstep_word_free(struct hvstep_vm *vm)
{
	struct hvstep_word *word, *next;

	WARN_ON_ONCE(!list_empty(&vm->words));
	list_for_each_entry_safe(word, next, &vm->free_words, link)
		kfree(word);
}

/*
 * The page for one of this step's words. Pinning can wait for userspace (a page
 * that a userfaultfd or a file system has to deliver), so no lock is held.
 */
static struct page *pin(struct hvstep_vcpu *hv, gfn_t gfn)
{
	struct hvstep_pin *new = &hv->pins[hv->nr_pins];
	struct page *page;
	unsigned int i;

	lockdep_assert_not_held(&hv->vm->word_lock);

	for (i = 0; i < hv->nr_pins; i++)
		if (hv->pins[i].gfn == gfn)
			return hv->pins[i].page;
	if (WARN_ON_ONCE(i == ARRAY_SIZE(hv->pins)))
		return ERR_PTR(-ENOSPC);

	page = hvstep_mem_pin(hv->vm->kvm, gfn);
	if (!IS_ERR(page)) {
		new->gfn = gfn;
		new->page = page;
		hv->nr_pins++;
	}
	return page;
}

/* After the last of its words is disarmed. */
void hvstep_word_unpin(struct hvstep_vcpu *hv)
{
	while (hv->nr_pins)
		hvstep_mem_unpin(hv->pins[--hv->nr_pins].page);
}

static struct hvstep_word *word_find(struct hvstep_vm *vm, struct page *page, gpa_t gpa)
{
	struct hvstep_word *word;

	lockdep_assert_held(&vm->word_lock);

	/* Two gpas can be the same memory: then it is the same word. */
	list_for_each_entry(word, &vm->words, link)
		if (word->page == page && offset_in_page(word->gpa) == offset_in_page(gpa))
			return word;
	return NULL;
}

/*
 * 0x00dddd00 reads the same in both byte orders, so the endianness of the code
 * it is put into does not matter. Anything that the guest or the VMM put there
 * in the meantime is left alone.
 */
static bool word_replace(struct hvstep_vm *vm, struct hvstep_word *word, u32 old, u32 new)
{
	u32 *kva = page_address(word->page) + offset_in_page(word->gpa);
	bool ok = cmpxchg(kva, old, new) == old;

	if (ok)
		flush_icache_range((unsigned long)kva, (unsigned long)kva + sizeof(*kva));
	hvstep_mem_dirty(vm->kvm, gpa_to_gfn(word->gpa));
	return ok;
}

/* Arm the word at @gpa for this vCPU's step. */
int hvstep_word_arm(struct hvstep_vcpu *hv, gpa_t gpa, struct hvstep_word **ret)
{
	struct hvstep_vm *vm = hv->vm;
	struct hvstep_word *word;
	struct page *page;
	int err = 0;

	if (WARN_ON_ONCE(gpa & 3))
		return -EINVAL;
	page = pin(hv, gpa_to_gfn(gpa));
	if (IS_ERR(page))
		return PTR_ERR(page);

	mutex_lock(&vm->word_lock);
	/* Other vCPUs may be past our code already, see hvstep_word_wait_none(). */
	if (READ_ONCE(vm->closing)) {
		err = -EINTR;
		goto out;
	}
	word = word_find(vm, page, gpa);
	if (word) {
		word->users++;
		goto out;
	}

	word = list_first_entry_or_null(&vm->free_words, struct hvstep_word, link);
	if (WARN_ON_ONCE(!word)) {
		err = -ENOSPC;
		goto out;
	}
	word->page = page;
	word->gpa = gpa;
	do {
		u32 *kva = page_address(page) + offset_in_page(gpa);

		word->saved = READ_ONCE(*kva);
	} while (!word_replace(vm, word, word->saved, KVMPPC_INST_SW_BREAKPOINT));
	word->users = 1;
	WRITE_ONCE(vm->changes, vm->changes + 1);
	list_move(&word->link, &vm->words);
out:
	mutex_unlock(&vm->word_lock);
	if (!err)
		*ret = word;
	return err;
}

void hvstep_word_disarm(struct hvstep_vcpu *hv, struct hvstep_word *word)
{
	struct hvstep_vm *vm = hv->vm;
	bool last;

	mutex_lock(&vm->word_lock);
	last = !--word->users;
	if (last) {
		if (word->saved != KVMPPC_INST_SW_BREAKPOINT &&
		    !word_replace(vm, word, KVMPPC_INST_SW_BREAKPOINT, word->saved))
			hvstep_count(hv, HVSTEP_COUNT_LOST);
		list_move(&word->link, &vm->free_words);
		WRITE_ONCE(vm->changes, vm->changes + 1);
	}
	mutex_unlock(&vm->word_lock);
	if (last)
		wake_up_all(&vm->parked);
}

/* @changes: what vm->changes will differ from once the answer can be another */
bool hvstep_word_is_armed(struct hvstep_vm *vm, gpa_t gpa, unsigned int *changes)
{
	struct hvstep_word *word;
	bool armed = false;

	mutex_lock(&vm->word_lock);
	list_for_each_entry(word, &vm->words, link)
		armed |= word->gpa == gpa;
	*changes = vm->changes;
	mutex_unlock(&vm->word_lock);
	return armed;
}

/* No new step is begun: wait until those under way have restored all. */
int hvstep_word_wait_none(struct hvstep_vm *vm)
{
	bool none;

	for (;;) {
		/* The lock: who arms after this sees vm->closing. */
		mutex_lock(&vm->word_lock);
		none = list_empty(&vm->words);
		mutex_unlock(&vm->word_lock);
		if (none)
			return 0;
		if (wait_event_interruptible(vm->parked, list_empty_careful(&vm->words)))
			return -EINTR;
	}
}
