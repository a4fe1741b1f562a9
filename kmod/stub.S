/* SPDX-License-Identifier: GPL-2.0 */
/*
 * int hvstep_stub(struct kvm_vcpu *vcpu)
 *
 * What kvm_ops->vcpu_run points to while the hook is in place: a vCPU that is to be
 * stepped, or whose VM is being stepped (filter.h), goes to C. For all others it
 * leaves nothing of this module on the stack: a vCPU can stay in the original for
 * hours, and the module must be unloadable meanwhile. That takes a real tail jump,
 * which a C compiler does not make of an indirect call (ELFv2: the TOC pointer has to
 * be restored by the caller; here that is KVM's own call site, which restored it for
 * the original as well).
 */
#include <linux/linkage.h>
#include <asm/ppc_asm.h>

#include "filter.h"
#include "hvstep-offsets.h"

#define FRAME		64	/* minimum frame, and two doublewords of ours */
#define FRAME_VCPU	48
#define FRAME_RET	56

_GLOBAL_TOC(hvstep_stub)
	ld	r0,VCPU_GUEST_DEBUG(r3)
	ld	r4,VCPU_KVM(r3)
	andi.	r0,r0,GUESTDBG_SINGLESTEP
	addis	r5,r2,hvstep_filter@toc@ha
	addi	r5,r5,hvstep_filter@toc@l
	/* hvstep_filter_class(), times four */
	rldicl	r4,r4,64-HVSTEP_FILTER_SHIFT,64-HVSTEP_FILTER_BITS
	sldi	r4,r4,2
	bne	2f
	lwzx	r0,r5,r4
	cmpwi	r0,0
	bne	2f

1:	addis	r12,r2,hvstep_orig@toc@ha
	ld	r12,hvstep_orig@toc@l(r12)
	mtctr	r12
	bctr

2:	mflr	r0
	std	r0,16(r1)
	stdu	r1,-FRAME(r1)
	std	r3,FRAME_VCPU(r1)
	addi	r4,r1,FRAME_RET
	bl	hvstep_hook_run		/* bool (vcpu, int *ret) */
	nop
	andi.	r0,r3,1
	ld	r3,FRAME_VCPU(r1)
	lwa	r4,FRAME_RET(r1)
	addi	r1,r1,FRAME
	ld	r0,16(r1)
	mtlr	r0
	beq	1b
	mr	r3,r4
	blr
