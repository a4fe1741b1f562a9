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
	LIST_HEAD(words);
	LIST_HEAD(pages);
	int i;

	for (i = 0; i < HVSTEP_MAX_ARMED; i++) {
		struct hvstep_word *word = kzalloc(sizeof(*word), GFP_KERNEL_ACCOUNT);

		if (!word)
			goto err_alloc;
		list_add(&word->link, &words);
	}
	for (i = 0; i < HVSTEP_MAX_PAGES; i++) {
		struct hvstep_page *page = kzalloc(sizeof(*page), GFP_KERNEL_ACCOUNT);

		if (!page)
			goto err_alloc;
		list_add(&page->link, &pages);
	}

	mutex_lock(&vm->word_lock);
	list_splice(&words, &vm->free_words);
	list_splice(&pages, &vm->free_pages);
	mutex_unlock(&vm->word_lock);
	return 0;

err_alloc:
	while (!list_empty(&words)) {
		struct hvstep_word *word = list_first_entry(&words, struct hvstep_word, link);

		list_del(&word->link);
		kfree(word);
	}
	while (!list_empty(&pages)) {
		struct hvstep_page *page = list_first_entry(&pages, struct hvstep_page, link);

		list_del(&page->link);
		kfree(page);
	}
	return -ENOMEM;
}

/* The VM is going: nobody steps, nothing is armed. */
void hvstep_word_free(struct hvstep_vm *vm)
{
	struct hvstep_word *word, *next_word;
	struct hvstep_page *page, *next_page;

	WARN_ON_ONCE(!list_empty(&vm->words) || !list_empty(&vm->pages));
	list_for_each_entry_safe(word, next_word, &vm->free_words, link)
		kfree(word);
	list_for_each_entry_safe(page, next_page, &vm->free_pages, link)
		kfree(page);
}

static struct hvstep_word *word_find(struct hvstep_vm *vm, gpa_t gpa)
{
	struct hvstep_word *word;

	lockdep_assert_held(&vm->word_lock);

	list_for_each_entry(word, &vm->words, link)
		if (word->gpa == gpa)
			return word;
	return NULL;
}

static struct hvstep_page *page_get(struct hvstep_vm *vm, gfn_t gfn)
{
	struct hvstep_page *hp;
	struct page *page;

	lockdep_assert_held(&vm->word_lock);

	list_for_each_entry(hp, &vm->pages, link) {
		if (hp->gfn == gfn) {
			hp->words++;
			return hp;
		}
	}

	hp = list_first_entry_or_null(&vm->free_pages, struct hvstep_page, link);
	if (WARN_ON_ONCE(!hp))
		return ERR_PTR(-ENOSPC);

	page = hvstep_mem_pin(vm->kvm, gfn);
	if (IS_ERR(page))
		return ERR_CAST(page);

	hp->gfn = gfn;
	hp->page = page;
	hp->words = 1;
	list_move(&hp->link, &vm->pages);
	return hp;
}

static void page_put(struct hvstep_vm *vm, struct hvstep_page *hp)
{
	lockdep_assert_held(&vm->word_lock);

	if (--hp->words)
		return;
	hvstep_mem_unpin(hp->page);
	hp->page = NULL;
	list_move(&hp->link, &vm->free_pages);
}

static u32 *word_kva(struct hvstep_word *word)
{
	return page_address(word->page->page) + offset_in_page(word->gpa);
}

/*
 * 0x00dddd00 reads the same in both byte orders, so the endianness of the code
 * it is put into does not matter. Anything that the guest or the VMM put there
 * in the meantime is left alone.
 */
static bool word_replace(struct hvstep_vm *vm, struct hvstep_word *word, u32 old, u32 new)
{
	u32 *kva = word_kva(word);
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
	int err = 0;

	mutex_lock(&vm->word_lock);
	word = word_find(vm, gpa);
	if (word) {
		word->users++;
		goto out;
	}

	word = list_first_entry_or_null(&vm->free_words, struct hvstep_word, link);
	if (WARN_ON_ONCE(!word)) {
		err = -ENOSPC;
		goto out;
	}
	word->gpa = gpa;
	word->page = page_get(vm, gpa_to_gfn(gpa));
	if (IS_ERR(word->page)) {
		err = PTR_ERR(word->page);
		goto out;
	}
	do {
		word->saved = READ_ONCE(*word_kva(word));
	} while (!word_replace(vm, word, word->saved, KVMPPC_INST_SW_BREAKPOINT));
	word->users = 1;
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
		page_put(vm, word->page);
		list_move(&word->link, &vm->free_words);
		WRITE_ONCE(vm->restores, vm->restores + 1);
	}
	mutex_unlock(&vm->word_lock);
	if (last)
		wake_up_all(&vm->parked);
}

/* @restores: what vm->restores will differ from once a word is restored */
bool hvstep_word_is_armed(struct hvstep_vm *vm, gpa_t gpa, unsigned int *restores)
{
	bool armed;

	mutex_lock(&vm->word_lock);
	armed = word_find(vm, gpa);
	*restores = vm->restores;
	mutex_unlock(&vm->word_lock);
	return armed;
}
