/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What stepping one instruction takes: a pure function from the instruction and
 * the state it meets, compiled for the kernel and for the tests in user space.
 */
#ifndef HVSTEP_PLAN_H
#define HVSTEP_PLAN_H

#include "isa.h"

/* The guest's interrupt handlers that a step can end at. */
enum hvstep_vec {
	HVSTEP_VEC_DSI,		/* 0x300 */
	HVSTEP_VEC_DSEG,	/* 0x380 */
	HVSTEP_VEC_ISI,		/* 0x400 */
	HVSTEP_VEC_ISEG,	/* 0x480 */
	HVSTEP_VEC_EXTERNAL,	/* 0x500 */
	HVSTEP_VEC_ALIGNMENT,	/* 0x600 */
	HVSTEP_VEC_PROGRAM,	/* 0x700 */
	HVSTEP_VEC_FP,		/* 0x800 */
	HVSTEP_VEC_DECREMENTER,	/* 0x900 */
	HVSTEP_VEC_DOORBELL,	/* 0xa00 */
	HVSTEP_VEC_SYSCALL,	/* 0xc00 */
	HVSTEP_VEC_TRACE,	/* 0xd00 */
	HVSTEP_VEC_PERFMON,	/* 0xf00 */
	HVSTEP_VEC_VMX,		/* 0xf20 */
	HVSTEP_VEC_VSX,		/* 0xf40 */
	HVSTEP_VEC_FACILITY,	/* 0xf60 */
	HVSTEP_VEC_SCV,		/* 0x3000 + LEV * 0x20, see vector.c */
	HVSTEP_NR_VECS,

	/* Not a handler: the instruction a step goes to, see struct hvstep_plan. */
	HVSTEP_VEC_NEXT = HVSTEP_NR_VECS,
};

/* Interrupts that the stepped instruction does not cause. */
#define HVSTEP_VECS_ASYNC						\
	(BIT(HVSTEP_VEC_EXTERNAL) | BIT(HVSTEP_VEC_DECREMENTER) |	\
	 BIT(HVSTEP_VEC_DOORBELL) | BIT(HVSTEP_VEC_PERFMON))

/* What emulate.c can do in the guest's place. */
enum hvstep_emul {
	HVSTEP_EMUL_NONE,
	HVSTEP_EMUL_COMPUTE,	/* whatever analyse_instr() describes fully */
	HVSTEP_EMUL_MFMSR,
	HVSTEP_EMUL_MTMSR,
	HVSTEP_EMUL_MTMSRD,
	HVSTEP_EMUL_MTSRR0,
	HVSTEP_EMUL_MTSRR1,
	HVSTEP_EMUL_RFID,
	HVSTEP_EMUL_RFSCV,
	HVSTEP_EMUL_CEDE,	/* POWER8 */
};

/**
 * struct hvstep_plan_in - what a plan is made from
 * @word:	the instruction (the prefix of a prefixed one), register order
 * @msr:	the guest's MSR, its own SE and EE in it
 * @nip:	where the instruction is
 * @ebbrr:	where rfebb would return to
 * @fetched:	@word was read through a mapping that the guest may execute
 * @at_trace:	@nip is the first instruction of the guest's trace handler
 * @arch_300:	POWER9 or later: scv and prefixed instructions may exist, and no
 *		hypercall is completed without leaving KVM's inner loop
 * @compat:	problem state of a guest in the mode of an older processor (PCR
 *		restricts nothing else)
 * @hw_fetch:	hardware should fetch it: a storage key may forbid that, or the
 *		page has no reference bit, which it sets or interrupts for
 * @gpr3:	the number of a hypercall
 * @own_trace:	the guest traces this very instruction itself, by MSR[SE],
 *		MSR[BE] or CIABR
 * @trace_all:	HVSTEP_POLICY_TRACE_ALL
 */
struct hvstep_plan_in {
	u32 word;
	u64 msr;
	u64 nip;
	u64 ebbrr;
	u64 gpr3;
	bool fetched;
	bool at_trace;
	bool arch_300;
	bool compat;
	bool hw_fetch;
	bool own_trace;
	bool trace_all;
};

/**
 * struct hvstep_plan - how one instruction will be stepped
 * @emul:	do it without entering the guest, if emulate.c agrees
 * @required:	@emul is the only way: hardware would not stop, or the guest
 *		would see MSR[SE] or lose SRR0/SRR1
 * @len:	4 or 8, bytes to the next sequential instruction
 * @span:	nip within so many bytes from the instruction: not complete yet
 * @branch:	a branch: it may go elsewhere than to the next one in memory
 * @se:		enter the guest with MSR[SE] set
 * @nr_next:	enter it with that many breakpoints instead
 * @next_ea:	where they are
 * @probe:	@next_ea is the instruction itself: what is to be seen is whether
 *		an interrupt comes before it
 * @hcall:	a hypercall: complete when nip has moved
 * @scv_lev:	LEV of an scv, for HVSTEP_VEC_SCV
 * @vectors:	BIT(enum hvstep_vec): the handlers to arm
 */
struct hvstep_plan {
	enum hvstep_emul emul;
	bool required;
	u8 len;
	u8 span;
	bool branch;
	bool se;
	bool probe;
	bool hcall;
	u8 scv_lev;
	u8 nr_next;
	u64 next_ea[2];
	u32 vectors;
};

/* Instructions of an atomic sequence; GDB's limit, too (ppc_deal_with_atomic_sequence) */
#define HVSTEP_MAX_SEQUENCE	16

void hvstep_plan_make(const struct hvstep_plan_in *in, struct hvstep_plan *plan);

/*
 * @words: the instructions from nip on, @nr of them. If they are an atomic sequence
 * (HVSTEP_POLICY_ATOMIC), make @plan one for all of it and return true.
 */
bool hvstep_plan_sequence(const struct hvstep_plan_in *in, const u32 *words,
			  unsigned int nr, struct hvstep_plan *plan);

/* By primary opcode; 0 if hvstep_plan_make() has to have a look. */
extern const u32 hvstep_plan_ordinary_vectors[64];

/*
 * Is the instruction one that is traced in whatever state? Then @plan is the same as
 * hvstep_plan_make() would have it, but sooner.
 */
static inline bool hvstep_plan_ordinary(u32 word, struct hvstep_plan *plan)
{
	u32 vectors = hvstep_plan_ordinary_vectors[hvstep_insn_opcode(word)];

	if (!vectors)
		return false;
	*plan = (struct hvstep_plan){ .len = 4, .span = 4, .se = true, .vectors = vectors };
	return true;
}

/*
 * Of the handlers of an ordinary instruction: those that a plain load or store of a GPR
 * (no update, not of a quadword) at @ea cannot get to, in 64-bit mode. It is valid in
 * all forms, part of no facility, aligned; and where the guest is @radix only the top
 * bits of @ea, which no tree translates, make a segment interrupt. But whatever comes
 * first once @msr enables floating-point exceptions takes one that FPSCR[FEX] has waiting.
 */
static inline u32 hvstep_plan_never(u32 word, u64 msr, u64 ea, bool radix)
{
	/* lwz, lbz, stw, stb, lhz, lha, sth; ld and lwa, std by the DS form's last bits */
	const u64 forms = BIT_ULL(32) | BIT_ULL(34) | BIT_ULL(36) | BIT_ULL(38) | BIT_ULL(40) |
			  BIT_ULL(42) | BIT_ULL(44);
	unsigned int op = hvstep_insn_opcode(word);
	u32 never;

	if (!(forms >> op & 1) && !(op == 58 && !(word & 1)) && !(op == 62 && !(word & 3)))
		return 0;
	never = BIT(HVSTEP_VEC_FACILITY);
	if (!(msr & (MSR_FE0 | MSR_FE1)))
		never |= BIT(HVSTEP_VEC_PROGRAM);
	if (!(ea & 7))
		never |= BIT(HVSTEP_VEC_ALIGNMENT);
	if (radix && hvstep_ea_is_in_tree(ea))
		never |= BIT(HVSTEP_VEC_DSEG);
	return never;
}

/* A plan that executes nothing but what an interrupt has the guest execute. */
void hvstep_plan_probe(struct hvstep_plan *plan, u64 nip);

/* compute.c: may analyse_instr() say what the instruction does? */
bool hvstep_compute_is_exact(u32 word);

/* Do without the Trace handler: stop behind the instruction. */
void hvstep_plan_displace(struct hvstep_plan *plan, u64 nip, u64 msr);

/* The MSR after rfid or rfscv, from SRR1 or CTR. */
u64 hvstep_msr_after_rfid(u64 msr, u64 srr1);

/* The MSR after mtmsr (@dword false) or mtmsrd, from RS. */
u64 hvstep_msr_after_mtmsr(u64 msr, u64 rs, u32 l, bool dword);

#endif /* HVSTEP_PLAN_H */
