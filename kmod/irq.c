// SPDX-License-Identifier: GPL-2.0
/*
 * Keep interrupts away from a vCPU while one instruction of it is stepped, and
 * lose none. A debugger that stops QEMU moves the timebase, so a decrementer is
 * nearly always due: without this every step would end in a timer handler.
 *
 * In privileged state MSR[EE] does it. In problem state hrfid sets EE whatever
 * we say, so the sources are silenced instead: the decrementer is moved into
 * the future, the XIVE context gets a priority that masks everything, what is
 * pending in KVM is set aside. All of them stay asserted until the guest
 * acknowledges them, so putting the state back is enough to get them delivered.
 * What slips through nevertheless meets an armed vector, see step.c.
 */
#include <linux/kvm_host.h>
#include <asm/time.h>

#include "hvstep.h"

/* Further than one step can last, and positive in a 32-bit decrementer. */
#define DEC_FAR		0x7fff0000UL

/*
 * KVM pushes the saved context into the XIVE at each entry and pulls it at each
 * exit. CPPR 0 lets nothing through; what arrives meanwhile stays in IPB.
 */
static void xive_quiet(struct kvm_vcpu *vcpu, struct hvstep_irqs *irqs)
{
#ifdef CONFIG_KVM_XICS
	if (!xics_on_xive())
		return;
	irqs->cppr = vcpu->arch.xive_saved_state.cppr;
	vcpu->arch.xive_saved_state.cppr = 0;
	irqs->irq_pending = xchg(&vcpu->arch.irq_pending, 0);
#endif
}

static void xive_unquiet(struct kvm_vcpu *vcpu, struct hvstep_irqs *irqs)
{
#ifdef CONFIG_KVM_XICS
	if (!xics_on_xive())
		return;
	vcpu->arch.xive_saved_state.cppr = irqs->cppr;
	if (irqs->irq_pending)
		WRITE_ONCE(vcpu->arch.irq_pending, irqs->irq_pending);
#endif
}

static void irq_quiet(struct hvstep_vcpu *hv)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	struct hvstep_irqs *irqs = &hv->irqs;

	irqs->quiet = true;
	irqs->dec_expires = hvstep_compat_dec_expires(vcpu);
	hvstep_compat_set_dec_expires(vcpu, mftb() +
				      hvstep_compat_tb_offset(vcpu) + DEC_FAR);

	/*
	 * Only what this vCPU itself would clear. Without an interrupt
	 * controller in the kernel KVM_INTERRUPT clears a level at any moment:
	 * taken out now and put back later, the line would be stuck.
	 */
	irqs->dec = test_and_clear_bit(BOOK3S_IRQPRIO_DECREMENTER,
				       &vcpu->arch.pending_exceptions);
	irqs->external = (vcpu->arch.irq_type != KVMPPC_IRQ_DEFAULT ||
			  READ_ONCE(vcpu->arch.external_oneshot)) &&
			 test_and_clear_bit(BOOK3S_IRQPRIO_EXTERNAL,
					    &vcpu->arch.pending_exceptions);

	irqs->doorbell = xchg(&vcpu->arch.doorbell_request, 0);
	xive_quiet(vcpu, irqs);
}

void hvstep_irq_release_slow(struct hvstep_vcpu *hv)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	struct hvstep_irqs *irqs = &hv->irqs;

	irqs->quiet = false;
	/*
	 * KVM has read the decrementer back, which gives the same moment give or
	 * take the time of the exit; a step in problem state cannot write it.
	 */
	hvstep_compat_set_dec_expires(vcpu, irqs->dec_expires);

	if (irqs->dec)
		set_bit(BOOK3S_IRQPRIO_DECREMENTER, &vcpu->arch.pending_exceptions);
	if (irqs->external)
		set_bit(BOOK3S_IRQPRIO_EXTERNAL, &vcpu->arch.pending_exceptions);
	if (irqs->doorbell)
		WRITE_ONCE(vcpu->arch.doorbell_request, 1);
	xive_unquiet(vcpu, irqs);
}

void hvstep_irq_hold(struct hvstep_vcpu *hv)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	u64 msr = hvstep_get_msr(vcpu);

	hv->irqs = (struct hvstep_irqs){ .held = true };
	if (msr & MSR_PR) {
		irq_quiet(hv);
	} else if (msr & MSR_EE) {
		hv->irqs.masked = true;
		hvstep_set_msr(vcpu, msr & ~MSR_EE);
	}
}

/* What comes is the guest's. */
void hvstep_irq_hold_none(struct hvstep_vcpu *hv)
{
	hv->irqs = (struct hvstep_irqs){ };
}

/*
 * Is there a point in putting it back? Not of a doorbell on POWER8, whose DPDES is one of
 * all threads of a core: doorbell_request, which stands for one vCPU's, is POWER9's. Nor of
 * what the performance monitor goes on asserting (MMCR0[PMAO]). Nor if KVM would deliver
 * the level that userspace keeps asserted again at once (see irq_quiet()). What is to come
 * once may still be pending, too: POWER8's entry code, which delivers what has come after
 * KVM's own look at it, does not take it away.
 */
bool hvstep_irq_can_hold(struct hvstep_vcpu *hv, unsigned int vec)
{
	struct kvm_vcpu *vcpu = hv->vcpu;

	if (vec == HVSTEP_VEC_DOORBELL)
		return cpu_has_feature(CPU_FTR_ARCH_300);
	if (vec == HVSTEP_VEC_PERFMON)
		return false;
	return vec != HVSTEP_VEC_EXTERNAL || vcpu->arch.irq_type != KVMPPC_IRQ_DEFAULT ||
	       READ_ONCE(vcpu->arch.external_oneshot) ||
	       !test_bit(BOOK3S_IRQPRIO_EXTERNAL, &vcpu->arch.pending_exceptions);
}

/*
 * An interrupt came nevertheless and is put back: make it come again. Most
 * sources are still asserted; taking these two has withdrawn them.
 */
void hvstep_irq_put_back(struct hvstep_vcpu *hv, unsigned int vec)
{
	struct kvm_vcpu *vcpu = hv->vcpu;

	if (vec == HVSTEP_VEC_DOORBELL) {
		hv->irqs.doorbell = 1;		/* DPDES */
	} else if (vec == HVSTEP_VEC_EXTERNAL && vcpu->arch.irq_type == KVMPPC_IRQ_DEFAULT &&
		   !test_bit(BOOK3S_IRQPRIO_EXTERNAL, &vcpu->arch.pending_exceptions)) {
		/* KVM_INTERRUPT_SET: delivered once */
		WRITE_ONCE(vcpu->arch.external_oneshot, 1);
		hv->irqs.external = true;
	}
}
