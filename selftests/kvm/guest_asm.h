/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest code is written with the assembler's own mnemonics, beside what each
 * instruction must do. It is assembled little-endian; put_code() swaps the
 * words for big-endian guests (also right for prefixed instructions: the
 * prefix comes first in both, ISA Book I 1.6.3).
 */
#ifndef GUEST_ASM_H
#define GUEST_ASM_H

#include <linux/types.h>

/* ISA Book III 4.2.1 "Machine State Register" */
#define MSR_SF		(1ULL << 63)
#define MSR_HV		(1ULL << 60)
#define MSR_VEC		(1ULL << 25)
#define MSR_VSX		(1ULL << 23)
#define MSR_EE		(1ULL << 15)
#define MSR_PR		(1ULL << 14)
#define MSR_FP		(1ULL << 13)
#define MSR_ME		(1ULL << 12)
#define MSR_FE0		(1ULL << 11)
#define MSR_SE		(1ULL << 10)
#define MSR_BE		(1ULL << 9)
#define MSR_FE1		(1ULL << 8)
#define MSR_IR		(1ULL << 5)
#define MSR_DR		(1ULL << 4)
#define MSR_RI		(1ULL << 1)
#define MSR_LE		(1ULL << 0)

/* What an interrupt puts into SRR1 33:36 and 42:47 instead of MSR bits */
#define SRR1_MSR_BITS	(~0x783f0000ULL)
#define SRR1_ISI_NOPT	0x40000000ULL
#define SRR1_ISI_N_G	0x10000000ULL
#define SRR1_ISI_PROT	0x08000000ULL
#define SRR1_ISI_KEY	0x00200000ULL	/* IAMR */
#define SRR1_PROGFPE	0x00100000ULL
#define SRR1_PROGILL	0x00080000ULL
/* ISA 3.1 Book III 7.5.14: bits 42:43 */
#define SRR1_SC_LEV(lev)	((lev) * 0x00100000ULL)
#define SRR1_PROGPRIV	0x00040000ULL
#define SRR1_PROGTRAP	0x00020000ULL

#define DSISR_NOHPTE	0x40000000U
#define DSISR_PROTFAULT	0x08000000U
#define DSISR_ISSTORE	0x02000000U
#define DSISR_DABRMATCH	0x00400000U

#define LPCR_ILE	0x02000000ULL
#define LPCR_AIL	0x01800000ULL
#define LPCR_LD		0x00020000ULL

#define FSCR_PREFIX	(1ULL << 13)
#define FSCR_SCV	(1ULL << 12)
#define FSCR_EBB	(1ULL << 7)
#define FSCR_TAR	(1ULL << 8)
#define FSCR_DSCR	(1ULL << 2)
#define FSCR_INTR_CAUSE(x)	((__u64)(x) << 56)

#define XER_SO		0x80000000ULL
#define XER_OV		0x40000000ULL
#define XER_CA		0x20000000ULL
#define XER_OV32	0x00080000ULL
#define XER_CA32	0x00040000ULL

#define H_SUCCESS	0
#define H_CEDE		0xe0
#define H_CONFER	0xe4
#define H_PROD		0xe8
#define H_LOGICAL_CI_LOAD	0x3c
#define H_PUT_TERM_CHAR	0x58

/* KVM's software breakpoint, arch/powerpc/include/asm/kvm_asm.h's spelling */
#define KVMPPC_INST_SW_BREAKPOINT	0x00dddd00U
#define PPC_INST_BRANCH_SELF		0x48000000U
#define PPC_INST_NOP			0x60000000U

/*
 * GUEST_CODE(name, "insn; insn\n"): words name[] up to name_end[]. Any
 * mnemonic of any processor assembles: which one may run is the test's affair.
 */
#define GUEST_CODE(name, text)						\
	asm(".pushsection .rodata.guest, \"a\"\n"			\
	    ".machine push\n"						\
	    ".machine power10\n"					\
	    ".machine altivec\n"					\
	    ".balign 64\n"						\
	    #name ":\n"							\
	    text							\
	    #name "_end:\n"						\
	    ".machine pop\n"						\
	    ".popsection\n");						\
	extern const __u32 name[], name##_end[]

/*
 * A list of steps is a macro F(X) of X("instruction", what it changes)...;
 * GUEST_STEPS(name, F) assembles it, GUEST_RUN(v, F) (step.h) steps it.
 */
#define GUEST_TEXT(insn, ...)	insn "\n"
#define GUEST_STEPS(name, list)	GUEST_CODE(name, list(GUEST_TEXT))

#endif /* GUEST_ASM_H */
