/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bits of the Power ISA that the pure part (plan.c) needs, under the
 * kernel's own names, for the module and for the tests in user space alike.
 */
#ifndef HVSTEP_ISA_H
#define HVSTEP_ISA_H

#ifdef __KERNEL__

#include <linux/types.h>
#include <linux/bits.h>
#include <asm/reg.h>

#else

#include <stdbool.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u32 u32;
typedef __u64 u64;
typedef __s16 s16;

#define BIT(n)		(1UL << (n))
#define BIT_ULL(n)	(1ULL << (n))

#define MSR_SF		BIT(63)
#define MSR_HV		BIT(60)
#define MSR_TS_MASK	(BIT(34) | BIT(33))
#define MSR_TM		BIT(32)
#define MSR_VEC		BIT(25)
#define MSR_VSX		BIT(23)
#define MSR_S		BIT(22)
#define MSR_EE		BIT(15)
#define MSR_PR		BIT(14)
#define MSR_FP		BIT(13)
#define MSR_ME		BIT(12)
#define MSR_FE0		BIT(11)
#define MSR_SE		BIT(10)
#define MSR_BE		BIT(9)
#define MSR_FE1		BIT(8)
#define MSR_IR		BIT(5)
#define MSR_DR		BIT(4)
#define MSR_PMM		BIT(2)
#define MSR_RI		BIT(1)
#define MSR_LE		BIT(0)

#define SPRN_SRR0	26
#define SPRN_SRR1	27
#define SPRN_SIAR	796
#define SPRN_SDAR	797
#define SPRN_MMCR0	795

#endif

/* MSR bits that exist; a guest's write to any other is lost in hardware. */
#define HVSTEP_MSR_VALID						\
	(MSR_SF | MSR_HV | MSR_TS_MASK | MSR_TM | MSR_VEC | MSR_VSX |	\
	 MSR_S | MSR_EE | MSR_PR | MSR_FP | MSR_ME | MSR_FE0 | MSR_SE |	\
	 MSR_BE | MSR_FE1 | MSR_IR | MSR_DR | MSR_PMM | MSR_RI | MSR_LE)

/*
 * Can a radix tree translate the effective address? It can in quadrants 0 and 3, where bits
 * 2:11, which no tree looks at, are 0; all else is a segment interrupt.
 */
static inline bool hvstep_ea_is_in_tree(u64 ea)
{
	return !((ea + BIT_ULL(62)) & (BIT_ULL(63) | 0x3ff0000000000000ULL));
}

/* Instruction fields (ISA Book I, 1.6), of a word in register order. */
static inline u32 hvstep_insn_opcode(u32 word)
{
	return word >> 26;
}

static inline u32 hvstep_insn_xo(u32 word)
{
	return (word >> 1) & 0x3ff;
}

/* RT or RS */
static inline u32 hvstep_insn_rt(u32 word)
{
	return (word >> 21) & 0x1f;
}

/* The two halves of an SPR number are swapped in the instruction. */
static inline u32 hvstep_insn_sprn(u32 word)
{
	return ((word >> 16) & 0x1f) | ((word >> 6) & 0x3e0);
}

/*
 * mtspr to what the Trace interrupt writes as well, SRR0 and SRR1 apart, which are emulated;
 * or to what says whether it does, MMCR0, which has a number for problem state, too
 */
static inline bool hvstep_insn_writes_sampled(u32 word)
{
	u32 sprn = hvstep_insn_sprn(word);

	return hvstep_insn_opcode(word) == 31 && hvstep_insn_xo(word) == 467 &&
	       (sprn == SPRN_SIAR || sprn == SPRN_SDAR || (sprn | 0x10) == SPRN_MMCR0);
}

/* mtmsr and mtmsrd: the L field */
static inline u32 hvstep_insn_l(u32 word)
{
	return (word >> 16) & 1;
}

/* sc and scv: the LEV field */
static inline u32 hvstep_insn_lev(u32 word)
{
	return (word >> 5) & 0x7f;
}

/* What MSR[BE] traces: b, bc, bclr, bcctr, bctar, taken or not. */
static inline bool hvstep_insn_is_branch(u32 word)
{
	switch (hvstep_insn_opcode(word)) {
	case 16:
	case 18:
		return true;
	case 19:
		return hvstep_insn_xo(word) == 16 || hvstep_insn_xo(word) == 528 ||
		       hvstep_insn_xo(word) == 560;
	default:
		return false;
	}
}

/* l[bhwdq]arx: the reservation that an atomic sequence begins with */
static inline bool hvstep_insn_is_larx(u32 word)
{
	if (hvstep_insn_opcode(word) != 31)
		return false;
	switch (hvstep_insn_xo(word)) {
	case 20:
	case 52:
	case 84:
	case 116:
	case 276:
		return true;
	default:
		return false;
	}
}

/* st[bhwdq]cx. */
static inline bool hvstep_insn_is_stcx(u32 word)
{
	if (hvstep_insn_opcode(word) != 31 || !(word & 1))
		return false;
	switch (hvstep_insn_xo(word)) {
	case 150:
	case 182:
	case 214:
	case 694:
	case 726:
		return true;
	default:
		return false;
	}
}

/* or rx,rx,rx sets the priority (PPR) of the thread, beside doing nothing. */
static inline bool hvstep_insn_is_priority_hint(u32 word)
{
	u32 rs = hvstep_insn_rt(word);

	return hvstep_insn_opcode(word) == 31 && hvstep_insn_xo(word) == 444 &&
	       rs == ((word >> 16) & 0x1f) && rs == ((word >> 11) & 0x1f);
}

#endif /* HVSTEP_ISA_H */
