/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shortest way of the most common step: in the same pages as the last one, with
 * the handlers of the same block armed, and nobody else there. It is what guest_mem.c,
 * vector.c, block.c and conclude.c do in all cases, inline: calls and saved registers
 * are most of what is left to save (selftests/bench). Each returns false if this is
 * another case.
 */
#ifndef HVSTEP_AGAIN_H
#define HVSTEP_AGAIN_H

#include <asm/cacheflush.h>

#include "vectors.h"

/* Unrolled, each is at an offset that the compiler knows: a step spends its time here. */
static __always_inline void hvstep_arm_vectors(struct hvstep_block *block, u32 vectors)
{
	unsigned int vec;

#pragma GCC unroll 16
	for (vec = 0; vec < HVSTEP_VEC_SCV; vec++)
		if (likely(vectors & BIT(vec)))
			hvstep_word_arm(block, hvstep_vector_offset[vec] / sizeof(u32));
}

/* Returns how many were lost. */
static __always_inline unsigned int hvstep_restore_vectors(struct hvstep_block *block, u32 vectors)
{
	unsigned int vec, lost = 0;

#pragma GCC unroll 16
	for (vec = 0; vec < HVSTEP_VEC_SCV; vec++)
		if (likely(vectors & BIT(vec)) &&
		    unlikely(!hvstep_word_restore(block, hvstep_vector_offset[vec] / sizeof(u32))))
			lost++;
	return lost;
}

static inline void hvstep_block_flush(struct hvstep_block *block)
{
	flush_icache_range((unsigned long)block->kva,
			   (unsigned long)block->kva + HVSTEP_BLOCK_SIZE);
}

static inline void hvstep_now_armed(struct hvstep_vcpu *hv)
{
	lockdep_assert_held(&hv->vm->kvm->mmu_lock);

	WRITE_ONCE(hv->nr_armed, hv->nr_chosen);
	WRITE_ONCE(hv->vm->armers, hv->vm->armers + 1);
	WRITE_ONCE(hv->vm->changes, hv->vm->changes + 1);
}

static inline void hvstep_now_restored(struct hvstep_vcpu *hv)
{
	lockdep_assert_held(&hv->vm->kvm->mmu_lock);

	WRITE_ONCE(hv->nr_armed, 0);
	WRITE_ONCE(hv->vm->armers, hv->vm->armers - 1);
	WRITE_ONCE(hv->vm->changes, hv->vm->changes + 1);
}

static inline void hvstep_wake_parked(struct hvstep_vm *vm)
{
	if (unlikely(wq_has_sleeper(&vm->parked)))
		wake_up_all(&vm->parked);
}

/* hvstep_mem_fetch() of an instruction in the page of the last one */
static __always_inline bool hvstep_fetch_again(struct hvstep_vcpu *hv, u64 ea, u64 msr, u32 *word)
{
	struct hvstep_walk *walk = &hv->walk[HVSTEP_WALK_CODE];
	bool same;

	if (unlikely(!(msr & MSR_IR)))
		return false;
	hvstep_pages_lock(hv);
	same = walk->kva && hvstep_radix_is_same(hv, walk, ea, msr);
	if (likely(same))
		*word = READ_ONCE(*(u32 *)(walk->kva + ea % HVSTEP_BLOCK_SIZE));
	hvstep_pages_unlock(hv);
	if (unlikely(!same))
		return false;
	hv->nip_gpa = walk->gpa + ea % HVSTEP_BLOCK_SIZE;
	if (kvmppc_need_byteswap(hv->vcpu))
		*word = swab32(*word);
	return true;
}

/*
 * hvstep_vector_arm() of nothing but handlers, in the same block as at the last step,
 * where it was then, with which the instruction has nothing to do
 */
static inline bool hvstep_arm_again(struct hvstep_vcpu *hv)
{
	struct hvstep_walk *walk = &hv->walk[HVSTEP_WALK_VECTORS];
	struct hvstep_armed *armed = &hv->armed[0];
	struct hvstep_block *block = armed->block;
	struct hvstep_vm *vm = hv->vm;
	bool same, ail;

	/* H_CEDE arms nothing at all. */
	if (!hv->again || !hv->plan.vectors || hv->plan.nr_next ||
	    hv->plan.vectors & BIT(HVSTEP_VEC_SCV) || hv->access[0].len || hv->access[1].len)
		return false;
	ail = hvstep_vectors_relocated(hv->vcpu);
	if (armed->ea != (ail ? HVSTEP_AIL3_BASE : 0) || (ail && !kvm_is_radix(vm->kvm)))
		return false;

	hvstep_pages_lock(hv);
	same = block->epoch == vm->epoch && block->gpa == armed->gpa && !block->armers &&
	       !block->logged && (hv->nip_gpa ^ armed->gpa) & HVSTEP_BLOCK_MASK &&
	       !READ_ONCE(vm->closing);
	if (same && ail)
		same = hvstep_radix_is_same(hv, walk, HVSTEP_AIL3_BASE, 0) &&
		       walk->gpa == armed->gpa;
	if (likely(same)) {
		armed->vectors = hv->plan.vectors;
		armed->logged = false;
		hv->nr_chosen = 1;
		block->armers = 1;
		block->sole = armed;
		hvstep_arm_vectors(block, armed->vectors);
		hvstep_block_flush(block);
		hvstep_now_armed(hv);
	}
	hvstep_pages_unlock(hv);
	return same;
}

/* hvstep_vector_disarm() after that */
static inline bool hvstep_disarm_again(struct hvstep_vcpu *hv)
{
	struct hvstep_armed *armed = &hv->armed[0];
	struct hvstep_block *block = armed->block;
	unsigned int lost = 0;
	bool same;

	if (unlikely(hv->nr_armed != 1 || !block || armed->is_word || armed->logged))
		return false;
	hvstep_pages_lock(hv);
	same = block->epoch == hv->vm->epoch && block->sole == armed;
	if (likely(same)) {
		block->armers--;
		block->sole = NULL;
		lost = hvstep_restore_vectors(block, armed->vectors);
		hvstep_block_flush(block);
		hvstep_now_restored(hv);
	}
	hvstep_pages_unlock(hv);
	if (unlikely(!same))
		return false;
	if (unlikely(lost))
		WRITE_ONCE(hv->count[HVSTEP_COUNT_LOST], hv->count[HVSTEP_COUNT_LOST] + lost);
	hvstep_wake_parked(hv->vm);
	return true;
}

/* Are these all as they were armed? Nobody looks after them between two steps. */
static __always_inline bool hvstep_vectors_are_armed(struct hvstep_block *block, u32 vectors)
{
	unsigned int vec;
	u32 differs = 0;

#pragma GCC unroll 16
	for (vec = 0; vec < HVSTEP_VEC_SCV; vec++)
		if (likely(vectors & BIT(vec)))
			differs |= READ_ONCE(block->kva[hvstep_vector_offset[vec] / sizeof(u32)]) ^
				   KVMPPC_INST_SW_BREAKPOINT;
	return !differs;
}

/*
 * What the step before has kept armed: is it where it was, and all that this one needs?
 * Nobody may be kept waiting for it.
 */
static inline bool hvstep_keeps(struct hvstep_vcpu *hv)
{
	struct hvstep_armed *armed = &hv->armed[0];
	struct hvstep_vm *vm = hv->vm;
	bool ail, same;

	if (likely(!hv->kept))
		return false;
	ail = hvstep_vectors_relocated(hv->vcpu);
	if (!hv->plan.vectors || hv->plan.vectors & ~armed->vectors || hv->plan.nr_next ||
	    hv->access[0].len || hv->access[1].len ||
	    armed->ea != (ail ? HVSTEP_AIL3_BASE : 0) ||
	    !((hv->nip_gpa ^ armed->gpa) & HVSTEP_BLOCK_MASK) || READ_ONCE(vm->closing))
		return false;

	hvstep_pages_lock(hv);
	same = armed->block->epoch == vm->epoch && armed->block->sole == armed &&
	       hvstep_vectors_are_armed(armed->block, hv->plan.vectors);
	if (same && ail)
		same = hvstep_radix_is_same(hv, &hv->walk[HVSTEP_WALK_VECTORS],
					    HVSTEP_AIL3_BASE, 0) &&
		       hv->walk[HVSTEP_WALK_VECTORS].gpa == armed->gpa;
	hvstep_pages_unlock(hv);
	return same;
}

/* Does somebody wait for what this vCPU has armed, or for it to let him go? */
static inline bool hvstep_is_waited_for(struct hvstep_vcpu *hv)
{
	return wq_has_sleeper(&hv->vm->parked) || atomic_read(&hv->vm->leavers);
}

/* May it be kept for the next step? */
static inline bool hvstep_may_keep(struct hvstep_vcpu *hv)
{
	return hv->nr_armed == 1 && hv->again && hv->armed[0].block && !hv->armed[0].is_word &&
	       !hv->armed[0].logged && !(hv->flags & HVSTEP_POLICY_EXCLUSIVE) &&
	       !hvstep_is_waited_for(hv);
}

static inline void hvstep_disarm(struct hvstep_vcpu *hv)
{
	hv->kept = false;
	if (unlikely(!hvstep_disarm_again(hv)))
		hvstep_vector_disarm(hv);
}

/*
 * SRR1 and CTR show the guest its EE; what it never had is SE. They may not have come from
 * an interrupt, but from the guest, should the instruction be another one by the time that
 * it is executed: HV, ME and S are not its to choose, and TS = 0b11 is none, as
 * kvmppc_set_msr_hv() has it.
 */
static inline u64 hvstep_guest_msr(struct hvstep_vcpu *hv, u64 msr)
{
	msr &= HVSTEP_MSR_VALID & ~(MSR_HV | MSR_ME | MSR_S);
	/* See trace_next() in step.c. */
	if (msr & MSR_SE)
		msr |= hv->msr & MSR_BE;
	if (!(hv->msr & MSR_SE))
		msr &= ~MSR_SE;
	if (unlikely((msr & MSR_TS_MASK) == MSR_TS_MASK))
		msr &= ~MSR_TS_MASK;
	return msr | (hv->msr & (MSR_EE | MSR_HV | MSR_ME | MSR_S));
}

/*
 * The Trace interrupt puts the addresses of the instruction and of what it accesses into SIAR
 * and SDAR, too, where the guest's performance monitor may have left a sample; unless that is
 * at work (MMCR0[PMAE], which Linux calls PMXE): then they are its alone (ISA Book III).
 */
static inline void hvstep_sampled_save(struct hvstep_vcpu *hv)
{
	struct kvm_vcpu *vcpu = hv->vcpu;

	hvstep_compat_sampled_load(vcpu);
	hv->sampled = !(vcpu->arch.mmcr[0] & MMCR0_PMXE);
	hv->siar = vcpu->arch.siar;
	hv->sdar = vcpu->arch.sdar;
}

static inline void hvstep_sampled_restore(struct hvstep_vcpu *hv)
{
	struct kvm_vcpu *vcpu = hv->vcpu;

	if (unlikely(!hv->sampled))
		return;
	vcpu->arch.siar = hv->siar;
	vcpu->arch.sdar = hv->sdar;
	hvstep_compat_sampled_dirty(vcpu);
}

/* From the handler of an interrupt to where it came from, as if it had not come. */
static inline void hvstep_go_back(struct hvstep_vcpu *hv)
{
	struct kvm_vcpu *vcpu = hv->vcpu;

	hvstep_set_pc(vcpu, hvstep_get_srr0(vcpu));
	hvstep_set_msr(vcpu, hvstep_guest_msr(hv, hvstep_get_srr1(vcpu)));
	hvstep_set_srr0(vcpu, hv->srr0);
	hvstep_set_srr1(vcpu, hv->srr1);
	hvstep_sampled_restore(hv);
}

/* Is the vCPU at the Trace handler that this step, and nobody else, waits for? */
static inline bool hvstep_is_traced(struct hvstep_vcpu *hv)
{
	struct hvstep_armed *armed = &hv->armed[0];
	u64 msr = hvstep_get_msr(hv->vcpu);

	return likely(hvstep_get_pc(hv->vcpu) == armed->ea + BOOK3S_INTERRUPT_TRACE &&
		      hv->nr_armed && armed->block && !armed->is_word &&
		      armed->vectors & BIT(HVSTEP_VEC_TRACE) && !hv->own_trace &&
		      !((msr ^ armed->msr) & MSR_IR) && !(msr & MSR_PR));
}

#endif /* HVSTEP_AGAIN_H */
