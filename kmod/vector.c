// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's interrupt vectors: where they are, and arming those that a step
 * can end at.
 */
#include <linux/kvm_host.h>
#include <linux/mm.h>

#include "hvstep.h"
#include "again.h"

/* 1 + enum hvstep_vec; the reverse of hvstep_vector_offset, see hvstep_vector_init() */
static u8 vector_at[HVSTEP_BLOCK_SIZE / HVSTEP_VECTOR_ALIGN];

void hvstep_vector_init(void)
{
	unsigned int vec;

	for (vec = 0; vec < HVSTEP_VEC_SCV; vec++)
		vector_at[hvstep_vector_offset[vec] / HVSTEP_VECTOR_ALIGN] = 1 + vec;
}

/* enum hvstep_vec, or -1 */
static int vec_at(unsigned int offset)
{
	return offset % HVSTEP_VECTOR_ALIGN ? -1 : vector_at[offset / HVSTEP_VECTOR_ALIGN] - 1;
}

/*
 * Can a word of any handler be among the @len bytes at @ea? No translation changes the
 * offset in the page, so most accesses need no look at the guest's page tables.
 */
bool hvstep_vector_may_be_in(u64 ea, unsigned int len)
{
	unsigned int offset = ea % HVSTEP_VECTOR_ALIGN;
	u64 end = ea + len - 1;

	if (offset >= sizeof(u32) && offset + len <= HVSTEP_VECTOR_ALIGN)
		return false;
	for (;; ea += HVSTEP_VECTOR_ALIGN) {
		if (vector_at[ea % HVSTEP_BLOCK_SIZE / HVSTEP_VECTOR_ALIGN])
			return true;
		if ((ea ^ end) < HVSTEP_VECTOR_ALIGN)
			return false;
	}
}

static u64 vector_ea(unsigned int vec, unsigned int lev, bool ail)
{
	if (vec == HVSTEP_VEC_SCV)
		return (ail ? HVSTEP_SCV_AIL3_BASE : HVSTEP_SCV_BASE) + lev * 0x20;
	return (ail ? HVSTEP_AIL3_BASE : 0) + hvstep_vector_offset[vec];
}

/* Where the vCPU as it is now would go for this interrupt. */
u64 hvstep_vector_ea(struct kvm_vcpu *vcpu, unsigned int vec, unsigned int lev)
{
	return vector_ea(vec, lev, hvstep_vectors_relocated(vcpu));
}

/* Any address that an interrupt can go to, armed or not. */
bool hvstep_vector_is_handler(u64 nip)
{
	if ((nip & ~0xfffUL) == HVSTEP_SCV_BASE || (nip & ~0xfffUL) == HVSTEP_SCV_AIL3_BASE)
		return true;
	return (nip >= 0x100 && nip < 0x1000) ||
	       (nip >= HVSTEP_AIL3_BASE + 0x100 && nip < HVSTEP_AIL3_BASE + 0x1000);
}

#define VECS_FETCH	(BIT(HVSTEP_VEC_ISI) | BIT(HVSTEP_VEC_ISEG))
#define VECS_END	(BIT(HVSTEP_VEC_TRACE) | BIT(HVSTEP_VEC_SYSCALL) | BIT(HVSTEP_VEC_SCV))

/*
 * What book3s_hv_rmhandlers.S, which POWER8's guests alone come by, reflects to
 * its guest: always in real mode, whatever AIL says (kvmppc_hdsi, kvmppc_hisi,
 * sc_1_fast_return). The hardware delivers most of these by itself, too.
 */
#define VECS_RMHANDLERS	(BIT(HVSTEP_VEC_DSI) | BIT(HVSTEP_VEC_DSEG) |	\
			 BIT(HVSTEP_VEC_ISI) | BIT(HVSTEP_VEC_ISEG) |	\
			 BIT(HVSTEP_VEC_SYSCALL))

/* Add a block to what is to be armed. */
static struct hvstep_armed *add(struct hvstep_vcpu *hv, u64 ea, u64 msr)
{
	struct hvstep_armed *armed = &hv->armed[hv->nr_chosen++];

	armed->ea = ea & HVSTEP_BLOCK_MASK;
	armed->msr = msr;
	armed->vectors = 0;
	armed->is_word = false;
	armed->block = NULL;
	armed->first = hvstep_mem_translate_first(hv, armed->ea, msr, &armed->gpa);
	return armed;
}

/* These handlers; all but scv's are in one block. */
static void add_handlers(struct hvstep_vcpu *hv, u32 vectors, bool ail)
{
	/* Interrupts clear PR, and IR unless AIL keeps it. */
	u64 msr = (hvstep_get_msr(hv->vcpu) & ~MSR_PR) & ~(ail ? 0 : MSR_IR | MSR_DR);

	if (likely(vectors & ~BIT(HVSTEP_VEC_SCV)))
		add(hv, ail ? HVSTEP_AIL3_BASE : 0, msr)->vectors = vectors & ~BIT(HVSTEP_VEC_SCV);
	if (unlikely(vectors & BIT(HVSTEP_VEC_SCV))) {
		u64 base = ail ? HVSTEP_SCV_AIL3_BASE : HVSTEP_SCV_BASE;
		struct hvstep_armed *armed = add(hv, base, msr);

		armed->vectors = BIT(HVSTEP_VEC_SCV);
		armed->is_word = true;
		armed->word = hv->plan.scv_lev * 0x20;
	}
}

static void choose(struct hvstep_vcpu *hv)
{
	u32 vectors = hv->plan.vectors;
	bool ail = hvstep_vectors_relocated(hv->vcpu);
	unsigned int i;

	hv->nr_chosen = 0;
	add_handlers(hv, vectors, ail);
	if (ail && !cpu_has_feature(CPU_FTR_ARCH_300))
		add_handlers(hv, vectors & VECS_RMHANDLERS, false);
	for (i = 0; i < hv->plan.nr_next; i++) {
		struct hvstep_armed *armed = add(hv, hv->plan.next_ea[i],
						 hvstep_get_msr(hv->vcpu));

		armed->is_word = true;
		armed->word = hv->plan.next_ea[i] % HVSTEP_BLOCK_SIZE;
	}
}

/*
 * Take out what must stay as it is: the stepped instruction itself, by whatever address
 * it is reached, and what it reads or writes. Returns what has been, as far as that
 * matters.
 */
static u32 leave_alone(struct hvstep_vcpu *hv, struct hvstep_armed *armed)
{
	unsigned int span = max(hv->plan.len, hv->plan.span);
	u32 vectors, left = 0;

	if (likely(hv->nip_gpa - armed->gpa + span >= HVSTEP_BLOCK_SIZE + span &&
		   !hv->access[0].len && !hv->access[1].len))
		return 0;
	for (vectors = armed->vectors; vectors; vectors &= vectors - 1) {
		unsigned int vec = __ffs(vectors);
		gpa_t gpa = armed->gpa + hvstep_armed_word(armed, vec) * sizeof(u32);

		if (gpa - hv->nip_gpa < span)
			left |= BIT(vec) & VECS_END;
		else if (hvstep_access_touches(hv, gpa))
			left |= BIT(vec);
		else
			continue;
		armed->vectors &= ~BIT(vec);
	}
	return left;
}

/*
 * Where the block is; none where there is nothing to arm. With the pages locked; the
 * block is counted as in use until unlocate().
 */
static int locate(struct hvstep_vcpu *hv, struct hvstep_armed *armed, bool fetch_met, u32 *left)
{
	bool next = !armed->vectors;
	struct hvstep_page *page;
	int ret;

	ret = hvstep_mem_translate_locked(hv, &hv->walk[next ? HVSTEP_WALK_CODE :
							 HVSTEP_WALK_VECTORS],
					  armed->ea, armed->msr, armed->first, &armed->gpa);
	if (ret == -EAGAIN)
		return ret;
	/* KVM makes the page table when this vCPU comes again. */
	if (ret == -ENXIO)
		return -EINTR;
	/*
	 * No translation: no interrupt can be taken there, other than by a fault in
	 * turn. The one that the step is to end at must be. Nor can anything be behind
	 * the instruction then: the fault of its fetch says when it is reached.
	 */
	if (ret < 0)
		return (next ? fetch_met : !(armed->vectors & VECS_END)) ? 0 : -EFAULT;

	armed->gpa &= HVSTEP_BLOCK_MASK;
	if (next && hvstep_access_touches(hv, armed->gpa + armed->word))
		return -EBUSY;
	if (!next) {
		*left |= leave_alone(hv, armed);
		if (!armed->vectors)
			return 0;
	}

	if (likely(armed->last && armed->last->epoch == hv->vm->epoch &&
		   armed->last->gpa == armed->gpa)) {
		armed->block = armed->last;
	} else {
		page = hvstep_page(hv->vm, armed->gpa, true);
		if (!page) {
			hv->missing = armed->gpa;
			hv->missing_write = true;
			return -EAGAIN;
		}
		armed->block = hvstep_block_at(hv->vm, page, armed->gpa);
		if (!armed->block)
			return -ENOSPC;
		armed->last = armed->block;
	}
	/* Until that other vCPU has restored it */
	if (unlikely(hv->vm->armers && !armed->block->armers &&
		     hvstep_block_may_have_moved(hv->vm, armed))) {
		armed->block = NULL;
		hv->missing = armed->gpa;
		hv->missing_write = true;
		return -EAGAIN;
	}
	armed->block->armers++;
	return 0;
}

static void unlocate(struct hvstep_vcpu *hv)
{
	unsigned int i;

	for (i = 0; i < hv->nr_chosen; i++)
		if (hv->armed[i].block)
			hv->armed[i].block->armers--;
}

static int locate_all(struct hvstep_vcpu *hv, u32 *left)
{
	u32 met = 0;
	unsigned int i;

	*left = 0;
	for (i = 0; i < hv->nr_chosen; i++) {
		struct hvstep_armed *armed = &hv->armed[i];
		int ret = locate(hv, armed, (met & VECS_FETCH) == VECS_FETCH, left);

		if (ret)
			return ret;
		if (armed->block)
			met |= armed->vectors;
	}
	return 0;
}

static void arm_located(struct hvstep_vcpu *hv)
{
	unsigned int i;

	for (i = 0; i < hv->nr_chosen; i++)
		if (hv->armed[i].block)
			hvstep_block_arm(&hv->armed[i]);
	if (hv->nr_chosen)
		hvstep_now_armed(hv);
}

/* Without MSR[SE], by a breakpoint behind the instruction? */
static bool can_displace(const struct hvstep_vcpu *hv)
{
	return hv->plan.se && !hv->plan.branch && !hv->own_trace;
}

void hvstep_vector_log(struct hvstep_vcpu *hv)
{
	unsigned int i;

	for (i = 0; i < hv->nr_chosen; i++)
		if (unlikely(hv->armed[i].block && hv->armed[i].logged))
			hvstep_mem_dirty(hv->vm->kvm, gpa_to_gfn(hv->armed[i].gpa));
}

static int arm(struct hvstep_vcpu *hv, u32 *left)
{
	int ret;

	for (;;) {
		choose(hv);
		hvstep_pages_lock(hv);
		/* Other vCPUs may be past our code already, see hvstep_block_wait_none(). */
		ret = unlikely(READ_ONCE(hv->vm->closing)) ? -EINTR : locate_all(hv, left);
		if (unlikely(!ret && *left && (*left & VECS_END || can_displace(hv))))
			ret = -EBUSY;
		if (likely(!ret))
			arm_located(hv);
		else
			unlocate(hv);
		hvstep_pages_unlock(hv);

		if (likely(!ret))
			hvstep_vector_log(hv);
		if (likely(ret != -EAGAIN))
			return ret;
		ret = hvstep_page_get(hv, hv->missing, hv->missing_write);
		if (ret)
			return ret;
		cond_resched();
	}
}

/*
 * Arm what the plan says, or nothing: better no step than one that runs away.
 *
 * An instruction that reads or writes a handler must find the guest's own
 * words there, and one that is itself the Trace handler's first must find
 * itself. Then it is met behind itself, without MSR[SE]: should it fault
 * into a handler that could not be armed, that one runs as if nobody stepped.
 */
int hvstep_vector_arm(struct hvstep_vcpu *hv)
{
	u32 left;
	int ret;

	ret = arm(hv, &left);
	if (unlikely(ret == -EBUSY && left && can_displace(hv))) {
		hvstep_plan_displace(&hv->plan, hv->nip, hv->msr);
		ret = arm(hv, &left);
	}
	hv->again = !ret && hv->nr_chosen == 1 && hv->armed[0].block && !hv->armed[0].is_word;
	return !ret || ret == -EINTR || ret == -ENOMEM ? ret : -EOPNOTSUPP;
}

/* The block is not where it was: with the pages unlocked and locked again. */
static struct page *lock_again(struct hvstep_vcpu *hv, struct hvstep_block *block)
{
	struct page *page;

	hvstep_pages_unlock(hv);
	if (hvstep_page_lock_again(hv, block->hva, &page)) {
		hvstep_pages_lock(hv);
		return NULL;
	}
	block->kva = page_address(page) + offset_in_page(block->hva);
	return page;
}

static void disarm(struct hvstep_vcpu *hv, struct hvstep_armed *armed)
{
	struct hvstep_block *block = armed->block;
	bool again = block->epoch != hv->vm->epoch;
	struct page *page = NULL;
	unsigned int lost;

	if (unlikely(again)) {
		page = lock_again(hv, block);
		/* The dirty log may be a new one. */
		armed->logged = true;
	}
	lost = hvstep_block_disarm(armed, !again || page);
	if (unlikely(lost))
		WRITE_ONCE(hv->count[HVSTEP_COUNT_LOST], hv->count[HVSTEP_COUNT_LOST] + lost);
	/* Without a memslot that was asked for, that page is nobody's to find there again. */
	if (unlikely(again))
		block->epoch = 0;
	if (unlikely(page))
		put_page(page);
}

void hvstep_vector_disarm(struct hvstep_vcpu *hv)
{
	unsigned int i;

	if (unlikely(!hv->nr_armed))
		return;
	hvstep_pages_lock(hv);
	for (i = 0; i < hv->nr_armed; i++)
		if (hv->armed[i].block)
			disarm(hv, &hv->armed[i]);
	hvstep_now_restored(hv);
	hvstep_pages_unlock(hv);

	hvstep_vector_log(hv);
	hvstep_wake_parked(hv->vm);
}

/*
 * Which of those words that this vCPU's own step has armed is where the vCPU is now:
 * enum hvstep_vec, or negative. Where a handler is, problem state is not; so nip alone
 * does not say it: a vCPU that has not moved from 0x400 in problem state is not at the
 * handler there.
 */
int hvstep_vector_armed(struct hvstep_vcpu *hv)
{
	u64 nip = hvstep_get_pc(hv->vcpu);
	u64 msr = hvstep_get_msr(hv->vcpu);
	unsigned int offset = nip % HVSTEP_BLOCK_SIZE;
	unsigned int i;

	for (i = 0; i < hv->nr_armed; i++) {
		struct hvstep_armed *armed = &hv->armed[i];
		int vec;

		if (!armed->block || (nip ^ armed->ea) & HVSTEP_BLOCK_MASK ||
		    (msr ^ armed->msr) & MSR_IR)
			continue;
		if (unlikely(!armed->vectors)) {
			if (armed->word == offset)
				return HVSTEP_VEC_NEXT;
			continue;
		}
		if (msr & MSR_PR)
			continue;
		vec = vec_at(offset);
		if (unlikely(armed->is_word))
			vec = armed->word == offset ? HVSTEP_VEC_SCV : -1;
		if (vec >= 0 && armed->vectors & BIT(vec))
			return vec;
	}
	return -1;
}
