// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's interrupt vectors: where they are, and arming those that a step
 * can end at.
 */
#include <linux/kvm_host.h>

#include "hvstep.h"

static const u16 vector_offset[HVSTEP_NR_VECS] = {
	[HVSTEP_VEC_DSI]	= 0x300,
	[HVSTEP_VEC_DSEG]	= 0x380,
	[HVSTEP_VEC_ISI]	= 0x400,
	[HVSTEP_VEC_ISEG]	= 0x480,
	[HVSTEP_VEC_EXTERNAL]	= 0x500,
	[HVSTEP_VEC_ALIGNMENT]	= 0x600,
	[HVSTEP_VEC_PROGRAM]	= 0x700,
	[HVSTEP_VEC_FP]		= 0x800,
	[HVSTEP_VEC_DECREMENTER] = 0x900,
	[HVSTEP_VEC_DOORBELL]	= 0xa00,
	[HVSTEP_VEC_SYSCALL]	= 0xc00,
	[HVSTEP_VEC_TRACE]	= 0xd00,
	[HVSTEP_VEC_PERFMON]	= 0xf00,
	[HVSTEP_VEC_VMX]	= 0xf20,
	[HVSTEP_VEC_VSX]	= 0xf40,
	[HVSTEP_VEC_FACILITY]	= 0xf60,
};

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

static int arm_at(struct hvstep_vcpu *hv, unsigned int vec, u64 ea, bool real, gpa_t gpa)
{
	struct hvstep_armed *armed = &hv->armed[hv->nr_armed];
	int ret = hvstep_word_arm(hv, gpa, &armed->word);

	if (ret)
		return ret;
	armed->ea = ea;
	armed->real = real;
	armed->vec = vec;
	WRITE_ONCE(hv->nr_armed, hv->nr_armed + 1);
	return 0;
}

#define VECS_END	(BIT(HVSTEP_VEC_TRACE) | BIT(HVSTEP_VEC_SYSCALL) | BIT(HVSTEP_VEC_SCV))

/*
 * What book3s_hv_rmhandlers.S, which POWER8's guests alone come by, reflects to
 * its guest: always in real mode, whatever AIL says (kvmppc_hdsi, kvmppc_hisi,
 * sc_1_fast_return). The hardware delivers most of these by itself, too.
 */
#define VECS_RMHANDLERS	(BIT(HVSTEP_VEC_DSI) | BIT(HVSTEP_VEC_DSEG) |	\
			 BIT(HVSTEP_VEC_ISI) | BIT(HVSTEP_VEC_ISEG) |	\
			 BIT(HVSTEP_VEC_SYSCALL))

/* Arm these handlers; those that @hv's own access needs intact are left. */
static int arm_handlers_at(struct hvstep_vcpu *hv, u32 vectors, bool ail, u32 *left)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	/* Interrupts clear PR, and IR unless AIL keeps it. */
	u64 msr = (kvmppc_get_msr(vcpu) & ~MSR_PR) & ~(ail ? 0 : MSR_IR | MSR_DR);
	u64 page_ea = ~0UL;
	gpa_t page_gpa = 0;
	unsigned int vec;

	for (vec = 0; vec < HVSTEP_NR_VECS; vec++) {
		int ret = 0;
		gpa_t gpa;
		u64 ea;

		if (!(vectors & BIT(vec)))
			continue;
		ea = vector_ea(vec, hv->plan.scv_lev, ail);

		/* All but scv's are in one page of the smallest size. */
		if (page_ea != (ea & ~0xfffUL)) {
			ret = hvstep_mem_translate(vcpu, ea, msr, &gpa);
			if (!ret) {
				page_ea = ea & ~0xfffUL;
				page_gpa = gpa & ~0xfffUL;
			}
		}
		gpa = page_gpa + (ea & 0xfffUL);
		/*
		 * No translation: no interrupt can be taken there, other than by
		 * a fault in turn. The one that the step is to end at must be.
		 */
		if (ret && VECS_END & BIT(vec))
			return ret;
		if (ret)
			continue;
		/*
		 * The stepped instruction itself stays as it is, by whatever
		 * address it is reached.
		 */
		if (gpa - hv->nip_gpa < max(hv->plan.len, hv->plan.span)) {
			*left |= BIT(vec) & VECS_END;
			continue;
		}
		if (hvstep_access_touches(hv, gpa)) {
			*left |= BIT(vec);
			continue;
		}
		ret = arm_at(hv, vec, ea, !ail, gpa);
		if (ret)
			return ret;
	}
	return 0;
}

static int arm_handlers(struct hvstep_vcpu *hv, u32 *left)
{
	u32 vectors = hv->plan.vectors;
	bool ail = vectors_relocated(hv->vcpu);
	int ret;

	*left = 0;
	ret = arm_handlers_at(hv, vectors, ail, left);
	if (!ret && ail && !cpu_has_feature(CPU_FTR_ARCH_300))
		ret = arm_handlers_at(hv, vectors & VECS_RMHANDLERS, false, left);
	return ret;
}

static bool handler_armed(struct hvstep_vcpu *hv, unsigned int vec)
{
	unsigned int i;

	for (i = 0; i < hv->nr_armed; i++)
		if (hv->armed[i].vec == vec)
			return true;
	return false;
}

static int arm_next(struct hvstep_vcpu *hv, u64 ea)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	gpa_t gpa;
	int ret;

	ret = hvstep_mem_translate(vcpu, ea, kvmppc_get_msr(vcpu), &gpa);
	/* Nothing can be there; the fault of its fetch says when it is reached. */
	if (ret)
		return handler_armed(hv, HVSTEP_VEC_ISI) &&
		       handler_armed(hv, HVSTEP_VEC_ISEG) ? 0 : ret;
	if (hvstep_access_touches(hv, gpa))
		return -EBUSY;
	return arm_at(hv, HVSTEP_VEC_NEXT, ea, !(kvmppc_get_msr(vcpu) & MSR_IR), gpa);
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
	unsigned int i;
	u32 left;
	int ret;

	ret = arm_handlers(hv, &left);
	if (!ret && left && hv->plan.se && !hv->plan.branch && !hv->own_trace) {
		hvstep_vector_disarm(hv);
		hvstep_plan_displace(&hv->plan, hv->nip, hv->msr);
		ret = arm_handlers(hv, &left);
	} else if (!ret && left & VECS_END) {
		ret = -EBUSY;
	}
	for (i = 0; !ret && i < hv->plan.nr_next; i++)
		ret = arm_next(hv, hv->plan.next_ea[i]);
	if (!ret)
		return 0;

	hvstep_vector_disarm(hv);
	return ret == -EINTR ? ret : -EOPNOTSUPP;
}

/* A word in guest real memory that no translation is needed for. */
int hvstep_vector_arm_real(struct hvstep_vcpu *hv)
{
	int ret = arm_at(hv, HVSTEP_VEC_TRACE, vector_offset[HVSTEP_VEC_TRACE], true,
			 vector_offset[HVSTEP_VEC_TRACE]);

	if (ret)
		hvstep_vector_disarm(hv);
	return ret;
}

void hvstep_vector_disarm(struct hvstep_vcpu *hv)
{
	while (hv->nr_armed) {
		WRITE_ONCE(hv->nr_armed, hv->nr_armed - 1);
		hvstep_word_disarm(hv, hv->armed[hv->nr_armed].word);
	}
	hvstep_word_unpin(hv);
}

/*
 * The word that this vCPU's own step has armed where the vCPU is now, or NULL.
 * Where a handler is, problem state is not; so nip alone does not say it: a vCPU
 * that has not moved from 0x400 in problem state is not at the handler there.
 */
struct hvstep_armed *hvstep_vector_armed(struct hvstep_vcpu *hv)
{
	unsigned int i, nr = READ_ONCE(hv->nr_armed);
	u64 nip = kvmppc_get_pc(hv->vcpu);
	u64 msr = kvmppc_get_msr(hv->vcpu);

	for (i = 0; i < nr; i++)
		if (hv->armed[i].ea == nip && hv->armed[i].real == !(msr & MSR_IR) &&
		    (hv->armed[i].vec == HVSTEP_VEC_NEXT || !(msr & MSR_PR)))
			return &hv->armed[i];
	return NULL;
}
