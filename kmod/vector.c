// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's interrupt vectors: where they are, and arming those that a step
 * can end at.
 */
#include <linux/kvm_host.h>
#include <asm/cacheflush.h>

#include "hvstep.h"

/* By offset, which is a multiple of 0x20. scv's are elsewhere. */
#define EACH_VECTOR(X)							\
	X(DSI, 0x300)							\
	X(DSEG, 0x380)							\
	X(ISI, 0x400)							\
	X(ISEG, 0x480)							\
	X(EXTERNAL, 0x500)						\
	X(ALIGNMENT, 0x600)						\
	X(PROGRAM, 0x700)						\
	X(FP, 0x800)							\
	X(DECREMENTER, 0x900)						\
	X(DOORBELL, 0xa00)						\
	X(SYSCALL, 0xc00)						\
	X(TRACE, 0xd00)							\
	X(PERFMON, 0xf00)						\
	X(VMX, 0xf20)							\
	X(VSX, 0xf40)							\
	X(FACILITY, 0xf60)

#define VECTOR_ALIGN	0x20U

static const u16 vector_offset[HVSTEP_NR_VECS] = {
#define X(vec, offset)	[HVSTEP_VEC_##vec] = (offset),
	EACH_VECTOR(X)
#undef X
};

/* 1 + enum hvstep_vec */
static const u8 vector_at[HVSTEP_BLOCK_SIZE / VECTOR_ALIGN] = {
#define X(vec, offset)	[(offset) / VECTOR_ALIGN] = 1 + HVSTEP_VEC_##vec,
	EACH_VECTOR(X)
#undef X
};

/* enum hvstep_vec, or -1 */
static int vec_at(unsigned int offset)
{
	return offset % VECTOR_ALIGN ? -1 : vector_at[offset / VECTOR_ALIGN] - 1;
}

/*
 * Can a word of any handler be among the @len bytes at @ea? No translation changes the
 * offset in the page, so most accesses need no look at the guest's page tables.
 */
bool hvstep_vector_may_be_in(u64 ea, unsigned int len)
{
	unsigned int offset = ea % VECTOR_ALIGN;
	u64 end = ea + len - 1;

	if (offset >= sizeof(u32) && offset + len <= VECTOR_ALIGN)
		return false;
	for (;; ea += VECTOR_ALIGN) {
		if (vector_at[ea % HVSTEP_BLOCK_SIZE / VECTOR_ALIGN])
			return true;
		if ((ea ^ end) < VECTOR_ALIGN)
			return false;
	}
}

/* ISA Book III, "Interrupt Vectors", with AIL=3 */
#define AIL3_BASE	0xc000000000004000UL
/* scv has a page of its own */
#define SCV_BASE	0x17000UL
#define SCV_AIL3_BASE	0xc000000000003000UL

/*
 * AIL takes effect only where translation is on for both, instructions and
 * data (the rule of inject_interrupt() in book3s_hv_builtin.c).
 */
static bool vectors_relocated(struct kvm_vcpu *vcpu)
{
	u64 msr = kvmppc_get_msr(vcpu);

	return (hvstep_compat_lpcr(vcpu) & LPCR_AIL) == LPCR_AIL_3 &&
	       (msr & (MSR_IR | MSR_DR)) == (MSR_IR | MSR_DR);
}

static u64 vector_ea(unsigned int vec, unsigned int lev, bool ail)
{
	if (vec == HVSTEP_VEC_SCV)
		return (ail ? SCV_AIL3_BASE : SCV_BASE) + lev * 0x20;
	return (ail ? AIL3_BASE : 0) + vector_offset[vec];
}

/* Where the vCPU as it is now would go for this interrupt. */
u64 hvstep_vector_ea(struct kvm_vcpu *vcpu, unsigned int vec, unsigned int lev)
{
	return vector_ea(vec, lev, vectors_relocated(vcpu));
}

/* Any address that an interrupt can go to, armed or not. */
bool hvstep_vector_is_handler(u64 nip)
{
	if ((nip & ~0xfffUL) == SCV_BASE || (nip & ~0xfffUL) == SCV_AIL3_BASE)
		return true;
	return (nip >= 0x100 && nip < 0x1000) ||
	       (nip >= AIL3_BASE + 0x100 && nip < AIL3_BASE + 0x1000);
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
	u64 msr = (kvmppc_get_msr(hv->vcpu) & ~MSR_PR) & ~(ail ? 0 : MSR_IR | MSR_DR);

	if (likely(vectors & ~BIT(HVSTEP_VEC_SCV)))
		add(hv, ail ? AIL3_BASE : 0, msr)->vectors = vectors & ~BIT(HVSTEP_VEC_SCV);
	if (unlikely(vectors & BIT(HVSTEP_VEC_SCV))) {
		struct hvstep_armed *armed = add(hv, ail ? SCV_AIL3_BASE : SCV_BASE, msr);

		armed->vectors = BIT(HVSTEP_VEC_SCV);
		armed->is_word = true;
		armed->word = hv->plan.scv_lev * 0x20;
	}
}

static void choose(struct hvstep_vcpu *hv)
{
	u32 vectors = hv->plan.vectors;
	bool ail = vectors_relocated(hv->vcpu);
	unsigned int i;

	hv->nr_chosen = 0;
	add_handlers(hv, vectors, ail);
	if (ail && !cpu_has_feature(CPU_FTR_ARCH_300))
		add_handlers(hv, vectors & VECS_RMHANDLERS, false);
	for (i = 0; i < hv->plan.nr_next; i++) {
		struct hvstep_armed *armed = add(hv, hv->plan.next_ea[i],
						 kvmppc_get_msr(hv->vcpu));

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
		gpa_t gpa = armed->gpa + (armed->is_word ? armed->word : vector_offset[vec]);

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
	armed->block->nr++;
	return 0;
}

static void unlocate(struct hvstep_vcpu *hv)
{
	unsigned int i;

	for (i = 0; i < hv->nr_chosen; i++)
		if (hv->armed[i].block)
			hv->armed[i].block->nr--;
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

/* Each at an offset that the compiler knows: this is what a step spends its time on. */
static void arm_vectors(struct hvstep_block *block, u32 vectors)
{
#define X(vec, offset)							\
	do {								\
		if (vectors & BIT(HVSTEP_VEC_##vec))			\
			hvstep_block_arm(block, (offset) / sizeof(u32));	\
	} while (0);
	EACH_VECTOR(X)
#undef X
}

/* Returns how many were lost. */
static unsigned int disarm_vectors(struct hvstep_block *block, u32 vectors)
{
	unsigned int lost = 0;

#define X(vec, offset)							\
	do {								\
		if (vectors & BIT(HVSTEP_VEC_##vec))			\
			lost += !hvstep_block_disarm(block, (offset) / sizeof(u32)); \
	} while (0);
	EACH_VECTOR(X)
#undef X
	return lost;
}

/* Without restoring any: their memory is gone. */
static unsigned int release_vectors(struct hvstep_block *block, u32 vectors)
{
	unsigned int lost = 0;

	for (; vectors; vectors &= vectors - 1)
		lost += hvstep_block_release(block, vector_offset[__ffs(vectors)] / sizeof(u32));
	return lost;
}

static void arm_located(struct hvstep_vcpu *hv)
{
	unsigned int i;

	for (i = 0; i < hv->nr_chosen; i++) {
		struct hvstep_armed *armed = &hv->armed[i];
		struct hvstep_block *block = armed->block;

		if (!block)
			continue;
		if (likely(!armed->is_word))
			arm_vectors(block, armed->vectors);
		else
			hvstep_block_arm(block, armed->word / sizeof(u32));
		armed->logged = block->logged;
		flush_icache_range((unsigned long)block->kva,
				   (unsigned long)block->kva + HVSTEP_BLOCK_SIZE);
	}
	hv->nr_armed = hv->nr_chosen;
	hv->vm->armers++;
	WRITE_ONCE(hv->vm->changes, hv->vm->changes + 1);
}

/* Without MSR[SE], by a breakpoint behind the instruction? */
static bool can_displace(const struct hvstep_vcpu *hv)
{
	return hv->plan.se && !hv->plan.branch && !hv->own_trace;
}

static void log_changes(struct hvstep_vcpu *hv)
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
		unlocate(hv);
		hvstep_pages_unlock(hv);

		if (likely(!ret))
			log_changes(hv);
		if (likely(ret != -EAGAIN))
			return ret;
		if (hvstep_page_get(hv, hv->missing, hv->missing_write))
			return -EFAULT;
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
	return !ret || ret == -EINTR ? ret : -EOPNOTSUPP;
}

/* The block is not where it was: with the pages unlocked and locked again. */
static bool lock_again(struct hvstep_vcpu *hv, struct hvstep_block *block)
{
	void *kva;

	hvstep_pages_unlock(hv);
	if (hvstep_page_lock_again(hv, block->hva, &kva)) {
		hvstep_pages_lock(hv);
		return false;
	}
	block->kva = kva + offset_in_page(block->hva);
	block->epoch = hv->vm->epoch;
	return true;
}

static void disarm(struct hvstep_vcpu *hv, struct hvstep_armed *armed)
{
	struct hvstep_block *block = armed->block;
	bool again = block->epoch != hv->vm->epoch;
	unsigned int lost;
	bool there = true;

	if (unlikely(again)) {
		there = lock_again(hv, block);
		/* The dirty log may be a new one. */
		armed->logged = true;
	}
	if (unlikely(armed->is_word))
		lost = there ? !hvstep_block_disarm(block, armed->word / sizeof(u32)) :
			       hvstep_block_release(block, armed->word / sizeof(u32));
	else
		lost = there ? disarm_vectors(block, armed->vectors) :
			       release_vectors(block, armed->vectors);
	if (unlikely(lost))
		hv->count[HVSTEP_COUNT_LOST] += lost;
	if (likely(there))
		flush_icache_range((unsigned long)block->kva,
				   (unsigned long)block->kva + HVSTEP_BLOCK_SIZE);
	/* Whether another block has come to be for the same memory was not asked. */
	if (unlikely(again && !block->nr))
		block->epoch = 0;
}

void hvstep_vector_disarm(struct hvstep_vcpu *hv)
{
	struct hvstep_vm *vm = hv->vm;
	unsigned int i;

	if (!hv->nr_armed)
		return;
	hvstep_pages_lock(hv);
	for (i = 0; i < hv->nr_armed; i++)
		if (hv->armed[i].block)
			disarm(hv, &hv->armed[i]);
	hv->nr_armed = 0;
	vm->armers--;
	WRITE_ONCE(vm->changes, vm->changes + 1);
	hvstep_pages_unlock(hv);

	log_changes(hv);
	if (wq_has_sleeper(&vm->parked))
		wake_up_all(&vm->parked);
}

/*
 * Which of those words that this vCPU's own step has armed is where the vCPU is now:
 * enum hvstep_vec, or negative. Where a handler is, problem state is not; so nip alone
 * does not say it: a vCPU that has not moved from 0x400 in problem state is not at the
 * handler there.
 */
int hvstep_vector_armed(struct hvstep_vcpu *hv)
{
	u64 nip = kvmppc_get_pc(hv->vcpu);
	u64 msr = kvmppc_get_msr(hv->vcpu);
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
