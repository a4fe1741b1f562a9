// SPDX-License-Identifier: GPL-2.0
/*
 * Decide how one instruction is stepped. No kernel calls, no state.
 *
 * The rule is: when in doubt, trace. MSR[SE] makes the hardware itself execute
 * the instruction and stop behind it, which is exact by construction. The
 * exceptions are the instructions that a Trace interrupt never follows, and
 * those that would show the guest its MSR[SE], or whose result the Trace
 * interrupt itself overwrites (ISA Book III, "Trace Interrupt").
 */
#ifdef __KERNEL__
#include <asm/hvcall.h>
#endif

#include "plan.h"

/* Whatever the instruction: it may not be there any more, or not be allowed. */
#define VECS_ANY							\
	(BIT(HVSTEP_VEC_ISI) | BIT(HVSTEP_VEC_ISEG) |			\
	 BIT(HVSTEP_VEC_PROGRAM) | BIT(HVSTEP_VEC_FACILITY))
#define VECS_MEM							\
	(BIT(HVSTEP_VEC_DSI) | BIT(HVSTEP_VEC_DSEG) |			\
	 BIT(HVSTEP_VEC_ALIGNMENT))
#define VECS_UNAVAILABLE						\
	(BIT(HVSTEP_VEC_FP) | BIT(HVSTEP_VEC_VMX) | BIT(HVSTEP_VEC_VSX))

/* Primary opcodes, ISA appendix "Opcode Maps" */
enum {
	OPC_PREFIX = 1,
	OPC_TDI = 2,
	OPC_TWI = 3,
	OPC_VMX = 4,
	OPC_VSX_PAIR = 6,	/* lxvp, stxvp */
	OPC_SC = 17,
	OPC_19 = 19,
	OPC_31 = 31,
	OPC_LWZ = 32,
	OPC_STMW = 47,
	OPC_LFS = 48,
	OPC_STFDU = 55,
	OPC_LQ = 56,
	OPC_57 = 57,		/* lfdp, lxsd, lxssp */
	OPC_58 = 58,		/* ld, ldu, lwa */
	OPC_FP_SINGLE = 59,
	OPC_VSX = 60,
	OPC_61 = 61,		/* stfdp, lxv, stxv, stxsd, stxssp */
	OPC_62 = 62,		/* std, stdu, stq */
	OPC_FP_DOUBLE = 63,
};

/* Extended opcodes of primary opcodes 19 and 31 */
enum {
	XO19_RFID = 18,
	XO19_RFSCV = 82,
	XO19_RFEBB = 146,
	XO19_STOP = 370,
	XO31_MFMSR = 83,
	XO31_MTMSR = 146,
	XO31_MTMSRD = 178,
	XO31_MTSPR = 467,
};

/* Hypercalls that can take any time (PAPR; asm/hvcall.h) */
#ifndef __KERNEL__
#define H_CEDE		0xE0
#define H_ENTER_NESTED	0xF804
#endif

/* The handlers that an instruction of this primary opcode can fault into. */
static u32 fault_vectors(u32 word)
{
	u32 op = hvstep_insn_opcode(word);

	switch (op) {
	case OPC_TDI:
	case OPC_TWI:
		return VECS_ANY;
	case OPC_VMX:
		return VECS_ANY | BIT(HVSTEP_VEC_VMX);
	case OPC_FP_SINGLE:
	case OPC_FP_DOUBLE:
		/* 63 also has the quad-precision instructions (VSX). */
		return VECS_ANY | BIT(HVSTEP_VEC_FP) | BIT(HVSTEP_VEC_VSX);
	case OPC_VSX:
		/* VSX registers 32 to 63 are the VMX ones. */
		return VECS_ANY | BIT(HVSTEP_VEC_VSX) | BIT(HVSTEP_VEC_VMX);
	case OPC_LWZ ... OPC_STMW:
	case OPC_58:
	case OPC_62:
	case OPC_LQ:
		return VECS_ANY | VECS_MEM;
	case OPC_LFS ... OPC_STFDU:
		return VECS_ANY | VECS_MEM | BIT(HVSTEP_VEC_FP);
	case OPC_PREFIX:
	case OPC_VSX_PAIR:
	case OPC_31:
	case OPC_57:
	case OPC_61:
		return VECS_ANY | VECS_MEM | VECS_UNAVAILABLE;
	default:
		return VECS_ANY;
	}
}

static void plan_next(struct hvstep_plan *plan, u64 msr, u64 ea)
{
	plan->next_ea[plan->nr_next++] = msr & MSR_SF ? ea : (u32)ea;
}

void hvstep_plan_displace(struct hvstep_plan *plan, u64 nip, u64 msr)
{
	plan->se = false;
	plan->vectors &= ~BIT(HVSTEP_VEC_TRACE);
	plan_next(plan, msr, nip + plan->len);
}

void hvstep_plan_probe(struct hvstep_plan *plan, u64 nip)
{
	*plan = (struct hvstep_plan){
		.len = 4, .span = 4, .probe = true,
		.nr_next = 1, .next_ea = { nip },
		/* The fetch is the guest's own, and may fault. */
		.vectors = HVSTEP_VECS_ASYNC | BIT(HVSTEP_VEC_ISI) | BIT(HVSTEP_VEC_ISEG) |
			   BIT(HVSTEP_VEC_PROGRAM),
	};
}

/*
 * What may stand between the two ends: what computes. Other loads and stores could
 * reach what is armed, and where they go depends on what is executed before; from
 * most others a Trace interrupt, or this, would be the only way back.
 */
static bool may_be_in_sequence(u32 word)
{
	u32 op = hvstep_insn_opcode(word);

	return op != OPC_19 && !hvstep_insn_is_branch(word) && hvstep_compute_is_exact(word);
}

/* By its address: those of real mode, and of AIL=2 and 3 */
static bool may_be_handler(u64 ea)
{
	u64 page = ea & ~0xfffULL;

	return !(ea & 0x1f) && (!page || page == 0x18000 || page == 0xc000000000004000);
}

bool hvstep_plan_sequence(const struct hvstep_plan_in *in, const u32 *words,
			  unsigned int nr, struct hvstep_plan *plan)
{
	unsigned int i, end = 0, branches = 0;
	u64 target = 0;

	if (!nr || !hvstep_insn_is_larx(words[0]) || in->own_trace || in->at_trace || in->compat)
		return false;
	for (i = 1; i < nr && i < HVSTEP_MAX_SEQUENCE && !end; i++) {
		u32 word = words[i];

		if (hvstep_insn_is_stcx(word)) {
			end = i + 1;
		} else if (hvstep_insn_opcode(word) == 16) {
			if (branches++ || word & 1)
				return false;
			/* AA: absolute */
			target = (u64)(s16)(word & 0xfffc) + (word & 2 ? 0 : in->nip + 4 * i);
			target = in->msr & MSR_SF ? target : (u32)target;
		} else if (!may_be_in_sequence(word)) {
			return false;
		}
	}
	/*
	 * One that turns around within itself may never end; one that goes to a handler
	 * by itself would be taken for the interrupt.
	 */
	if (!end || (branches && (target - in->nip < 4 * end || may_be_handler(target))))
		return false;

	*plan = (struct hvstep_plan){ .len = 4, .span = 4 * end };
	plan->vectors = VECS_ANY | VECS_MEM | VECS_UNAVAILABLE;
	plan_next(plan, in->msr, in->nip + 4 * end);
	if (branches && target != in->nip + 4 * end)
		plan_next(plan, in->msr, target);
	return true;
}

/*
 * POWER9's run loop passes the tracepoint at its top before it enters the guest
 * again. POWER8 completes some hypercalls in real mode and goes right back: meet
 * it behind the sc.
 */
static void plan_hcall(const struct hvstep_plan_in *in, struct hvstep_plan *plan)
{
	/* Nobody else may have to wait for a vCPU that sleeps, or runs its own guest. */
	bool blocks = in->gpr3 == H_CEDE || in->gpr3 == H_ENTER_NESTED;

	plan->hcall = true;
	plan->vectors = blocks ? 0 : VECS_ANY;
	/* A LEV that does not exist may be taken for 0. */
	if (hvstep_insn_lev(in->word) != 1)
		plan->vectors |= BIT(HVSTEP_VEC_SYSCALL);
	if (in->arch_300)
		return;
	if (in->gpr3 == H_CEDE) {
		plan->emul = HVSTEP_EMUL_CEDE;
		plan->required = true;
	} else {
		plan_next(plan, in->msr, in->nip + 4);
	}
}

/*
 * sc and scv: the Trace interrupt never follows them. The handler they go to is
 * known, so let hardware go there without MSR[SE] and stop it at its first
 * instruction: nothing to hide, nothing to reconstruct.
 */
static void plan_syscall(const struct hvstep_plan_in *in, struct hvstep_plan *plan)
{
	u32 lev = hvstep_insn_lev(in->word);

	plan->vectors = VECS_ANY;
	if ((in->word & 3) == 1) {			/* scv */
		plan->scv_lev = lev;
		plan->vectors |= BIT(HVSTEP_VEC_SCV);
	} else if (!lev) {				/* sc */
		plan->vectors |= BIT(HVSTEP_VEC_SYSCALL);
	} else if (in->msr & MSR_PR) {
		/* KVM reflects it: a program interrupt or a system call. */
		plan->vectors |= BIT(HVSTEP_VEC_SYSCALL);
	} else {
		plan_hcall(in, plan);
	}
}

/* Returns false for what is traced like any other instruction. */
static bool plan_op19(const struct hvstep_plan_in *in, struct hvstep_plan *plan)
{
	bool priv = !(in->msr & MSR_PR);

	switch (hvstep_insn_xo(in->word)) {
	case XO19_RFID:
		if (!priv)
			return false;		/* 0x700 */
		plan->emul = HVSTEP_EMUL_RFID;
		break;
	case XO19_RFSCV:
		if (!priv || !in->arch_300)
			return false;		/* 0x700, or illegal */
		plan->emul = HVSTEP_EMUL_RFSCV;
		break;
	case XO19_RFEBB:
		plan_next(plan, in->msr, in->ebbrr & ~3UL);
		/* To itself: the breakpoint would be in its place. It is refused. */
		if (plan->next_ea[0] == in->nip) {
			plan->nr_next = 0;
			break;
		}
		plan->vectors = VECS_ANY;
		return true;
	case XO19_STOP:
		if (!priv)
			return false;
		plan->vectors = VECS_ANY;
		plan_next(plan, in->msr, in->nip + 4);
		return true;
	default:
		return false;
	}
	plan->required = true;
	return true;
}

static bool plan_op31(const struct hvstep_plan_in *in, struct hvstep_plan *plan)
{
	if (in->msr & MSR_PR)
		return false;			/* all privileged: 0x700 */

	switch (hvstep_insn_xo(in->word)) {
	case XO31_MFMSR:
		plan->emul = HVSTEP_EMUL_MFMSR;
		break;
	case XO31_MTMSR:
		plan->emul = HVSTEP_EMUL_MTMSR;
		break;
	case XO31_MTMSRD:
		plan->emul = HVSTEP_EMUL_MTMSRD;
		break;
	case XO31_MTSPR:
		if (hvstep_insn_sprn(in->word) == SPRN_SRR0)
			plan->emul = HVSTEP_EMUL_MTSRR0;
		else if (hvstep_insn_sprn(in->word) == SPRN_SRR1)
			plan->emul = HVSTEP_EMUL_MTSRR1;
		else
			return false;
		break;
	default:
		return false;
	}
	plan->required = true;
	return true;
}

/* May analyse_instr() say what the instruction does? */
static bool can_compute(const struct hvstep_plan_in *in)
{
	/* It knows the host's instructions, not those of an older mode. */
	if (in->compat)
		return false;
	if (in->hw_fetch)
		return false;
	if (!hvstep_compute_is_exact(in->word))
		return false;
	/* In 32-bit mode it tests all of CTR. */
	if (!(in->msr & MSR_SF) && (!in->at_trace || hvstep_insn_is_branch(in->word)))
		return false;
	return in->at_trace || (!in->own_trace && !in->trace_all);
}

void hvstep_plan_make(const struct hvstep_plan_in *in, struct hvstep_plan *plan)
{
	bool special = false;

	*plan = (struct hvstep_plan){ .len = 4, .span = 4 };

	if (!in->fetched) {
		/* Hardware will say what is wrong, or execute it after all. */
		plan->se = true;
		plan->vectors = VECS_ANY | VECS_MEM | VECS_UNAVAILABLE |
				BIT(HVSTEP_VEC_SYSCALL) | BIT(HVSTEP_VEC_TRACE);
		/* Nowhere to meet it. */
		plan->required = in->at_trace;
		return;
	}

	switch (hvstep_insn_opcode(in->word)) {
	case OPC_PREFIX:
		if (in->arch_300 && !in->compat)
			plan->len = 8;
		break;
	case OPC_SC:
		if ((in->word & 3) == 1 || (in->word & 3) == 2) {
			plan_syscall(in, plan);
			return;
		}
		break;
	case OPC_19:
		special = plan_op19(in, plan);
		break;
	case OPC_31:
		special = plan_op31(in, plan);
		break;
	}
	if (special && !plan->required)
		return;

	/*
	 * At the handler of the Trace interrupt itself a breakpoint cannot be
	 * where the instruction is: emulate it if that can be done at all, or
	 * let it run to the next one; it must not be traced by the guest then.
	 */
	if (!special && can_compute(in))
		plan->emul = HVSTEP_EMUL_COMPUTE;
	plan->branch = hvstep_insn_is_branch(in->word);
	if (in->at_trace && (in->own_trace || plan->branch))
		plan->required = true;

	plan->vectors = fault_vectors(in->word) | BIT(HVSTEP_VEC_TRACE);
	plan->se = true;
	/* Hardware traces or rx,rx,rx; QEMU's TCG does not. */
	if (in->at_trace || (!in->own_trace && (hvstep_insn_is_priority_hint(in->word) ||
						hvstep_insn_writes_sampled(in->word))))
		hvstep_plan_displace(plan, in->nip, in->msr);
}

#define VECS_TRACED	(VECS_ANY | BIT(HVSTEP_VEC_TRACE))

const u32 hvstep_plan_ordinary_vectors[64] = {
	[OPC_LWZ ... OPC_STMW] = VECS_TRACED | VECS_MEM,
	[OPC_LFS ... OPC_STFDU] = VECS_TRACED | VECS_MEM | BIT(HVSTEP_VEC_FP),
	[OPC_LQ] = VECS_TRACED | VECS_MEM,
	[OPC_58] = VECS_TRACED | VECS_MEM,
	[OPC_62] = VECS_TRACED | VECS_MEM,
	[OPC_FP_SINGLE] = VECS_TRACED | BIT(HVSTEP_VEC_FP) | BIT(HVSTEP_VEC_VSX),
	[OPC_FP_DOUBLE] = VECS_TRACED | BIT(HVSTEP_VEC_FP) | BIT(HVSTEP_VEC_VSX),
	[OPC_VSX] = VECS_TRACED | BIT(HVSTEP_VEC_VSX) | BIT(HVSTEP_VEC_VMX),
};

/*
 * ISA Book III, "Return From Interrupt Doubleword". HV cannot be gained and ME
 * not changed by a guest; a return to problem state enables interrupts and
 * translation. The bits of SRR1 that describe the interrupt are not MSR bits.
 */
u64 hvstep_msr_after_rfid(u64 msr, u64 srr1)
{
	u64 keep = MSR_HV | MSR_ME | MSR_S;
	u64 val = (srr1 & HVSTEP_MSR_VALID & ~keep) | (msr & keep);

	if (val & MSR_PR)
		val |= MSR_EE | MSR_IR | MSR_DR;
	return val;
}

/*
 * ISA Book III, "Move To MSR [Doubleword]". With L=1 only EE and RI change;
 * with L=0 everything but HV, ME and LE does, in the low word for mtmsr.
 */
u64 hvstep_msr_after_mtmsr(u64 msr, u64 rs, u32 l, bool dword)
{
	u64 change = HVSTEP_MSR_VALID & ~(MSR_HV | MSR_S | MSR_ME | MSR_LE);

	if (l)
		return (msr & ~(MSR_EE | MSR_RI)) | (rs & (MSR_EE | MSR_RI));
	if (!dword)
		change = (u32)change;
	if (rs & MSR_PR)
		rs |= MSR_EE | MSR_IR | MSR_DR;
	return (msr & ~change) | (rs & change);
}
