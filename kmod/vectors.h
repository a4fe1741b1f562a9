/* SPDX-License-Identifier: GPL-2.0 */
/* Where the interrupt handlers are in the block of memory that they are in */
#ifndef HVSTEP_VECTORS_H
#define HVSTEP_VECTORS_H

#include "hvstep.h"

/* Where they are in their block; scv's is elsewhere. Constants, for loops unrolled. */
static const u16 hvstep_vector_offset[HVSTEP_NR_VECS] = {
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

/* The word of @armed that @bit of hvstep_armed_bits() stands for, by its number in the block */
static inline unsigned int hvstep_armed_word(const struct hvstep_armed *armed, unsigned int bit)
{
	return (armed->is_word ? armed->word : hvstep_vector_offset[bit]) / sizeof(u32);
}

/* The bits that stand for them: a breakpoint behind an instruction has no vector. */
static inline u32 hvstep_armed_bits(const struct hvstep_armed *armed)
{
	return armed->vectors ?: 1;
}

#endif /* HVSTEP_VECTORS_H */
