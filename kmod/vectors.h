/* SPDX-License-Identifier: GPL-2.0 */
/* Where the interrupt handlers are in the block of memory that they are in */
#ifndef HVSTEP_VECTORS_H
#define HVSTEP_VECTORS_H

#include "hvstep.h"

/* By offset, which is a multiple of 0x20. scv's are elsewhere. */
#define HVSTEP_EACH_VECTOR(X)						\
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

#define HVSTEP_VECTOR_ALIGN	0x20U

/* ISA Book III, "Interrupt Vectors", with AIL=3 */
#define HVSTEP_AIL3_BASE	0xc000000000004000UL
/* scv has a page of its own */
#define HVSTEP_SCV_BASE		0x17000UL
#define HVSTEP_SCV_AIL3_BASE	0xc000000000003000UL

/*
 * AIL takes effect only where translation is on for both, instructions and
 * data (the rule of inject_interrupt() in book3s_hv_builtin.c).
 */
static inline bool hvstep_vectors_relocated(struct kvm_vcpu *vcpu)
{
	u64 msr = hvstep_get_msr(vcpu);

	return (msr & (MSR_IR | MSR_DR)) == (MSR_IR | MSR_DR) &&
	       (hvstep_compat_lpcr(vcpu) & LPCR_AIL) == LPCR_AIL_3;
}

extern const u16 hvstep_vector_offset[HVSTEP_NR_VECS];

/* The first word of @armed, by its number in the block, whose bit is @bit */
static inline unsigned int hvstep_armed_word(const struct hvstep_armed *armed, unsigned int bit)
{
	return (armed->is_word ? armed->word : hvstep_vector_offset[bit]) / sizeof(u32);
}

/* All words of @armed: a breakpoint behind an instruction has no vector. */
#define hvstep_for_each_word(word, armed)				\
	for (u32 __bits = (armed)->vectors ?: 1;			\
	     __bits && ((word) = hvstep_armed_word(armed, __ffs(__bits)), true); \
	     __bits &= __bits - 1)

#endif /* HVSTEP_VECTORS_H */
