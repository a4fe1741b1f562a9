// SPDX-License-Identifier: GPL-2.0
/*
 * KVM's software breakpoint was met where this vCPU's own step has none: another vCPU's,
 * the guest's own, or the VMM's.
 */
#include <linux/kvm_host.h>

#include "again.h"

static enum hvstep_sw_bp not_ours(struct hvstep_vcpu *hv)
{
	return hv->vcpu->guest_debug & KVM_GUESTDBG_USE_SW_BP ?
	       HVSTEP_SW_BP_VMM : HVSTEP_SW_BP_GUEST;
}

/* Most are met while nobody has anything armed: then it is what is in memory. */
static bool nobody_has_armed(struct hvstep_vcpu *hv, enum hvstep_sw_bp *whose)
{
	u64 nip = hvstep_get_pc(hv->vcpu) & ~3UL;
	struct hvstep_vm *vm = hv->vm;
	unsigned int changes = READ_ONCE(vm->changes);
	u32 word;

	smp_rmb();	/* vm->changes before vm->armers and the word */
	if (READ_ONCE(vm->armers) ||
	    !hvstep_fetch_again(hv, nip, hvstep_get_msr(hv->vcpu), &word))
		return false;
	smp_rmb();	/* and after them */
	if (READ_ONCE(vm->changes) != changes)
		return false;
	*whose = word == KVMPPC_INST_SW_BREAKPOINT ? not_ours(hv) : HVSTEP_SW_BP_RETRY;
	return true;
}

/*
 * Unmapped meanwhile: it will fault. If it has not, hardware still has the translation, and
 * it was nobody's of ours who has armed nothing since.
 */
static enum hvstep_sw_bp unmapped(struct hvstep_vcpu *hv)
{
	unsigned int changes = READ_ONCE(hv->vm->changes);
	u64 nip = hvstep_get_pc(hv->vcpu);
	bool again;

	smp_rmb();	/* vm->changes before vm->armers */
	again = !READ_ONCE(hv->vm->armers) && hv->unmapped_nip == nip &&
		hv->unmapped_changes == changes;
	hv->unmapped_nip = again ? ~0UL : nip;
	hv->unmapped_changes = changes;
	return again ? not_ours(hv) : HVSTEP_SW_BP_RETRY;
}

/* Whose is the breakpoint at nip? Waits for another vCPU to restore it, if it is one's. */
enum hvstep_sw_bp hvstep_sw_bp_at_nip(struct hvstep_vcpu *hv)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	enum hvstep_sw_bp whose;
	struct hvstep_seen seen;
	gpa_t gpa;
	u32 raw;

	if (likely(nobody_has_armed(hv, &whose)))
		return whose;
	/* So that it can be, the next time */
	hvstep_mem_fetch(hv, hvstep_get_pc(vcpu) & ~3UL, &gpa, &raw);

	if (hvstep_mem_translate(hv, hvstep_get_pc(vcpu) & ~3UL,
				 hvstep_get_msr(vcpu), &gpa))
		return unmapped(hv);
	switch (hvstep_park(hv, gpa, &seen)) {
	case 0:
		return HVSTEP_SW_BP_PARKED;
	case -EINTR:
		return HVSTEP_SW_BP_SIGNAL;
	case -EAGAIN:
		return HVSTEP_SW_BP_RETRY;
	}
	if (hvstep_mem_read(vcpu, gpa, &raw) || raw != KVMPPC_INST_SW_BREAKPOINT)
		return HVSTEP_SW_BP_RETRY;	/* restored meanwhile */
	/* Or armed meanwhile; or there was no such page, and now there is. */
	return hvstep_block_as_seen(hv, &seen) ? not_ours(hv) : HVSTEP_SW_BP_RETRY;
}

/* As stock KVM does when the VMM has not asked for breakpoints. */
void hvstep_sw_bp_reflect(struct hvstep_vcpu *hv)
{
	hvstep_count(hv, HVSTEP_COUNT_REFLECTED);
	kvmppc_core_queue_program(hv->vcpu, SRR1_PROGILL);
}
