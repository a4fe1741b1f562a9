// SPDX-License-Identifier: GPL-2.0
/*
 * A guest in the mode of an older processor (KVM_REG_PPC_ARCH_COMPAT). That
 * takes the newer instructions from problem state alone (ISA Book III, "Processor
 * Compatibility Register"), so there none may be emulated: whether the processor
 * executes it is the processor's to say. What an unstepped guest does, whichever
 * it is, the stepped one must do.
 */
#include "cells.h"

CELL_FIXTURE(compat);
CELL(compat, be_power8, .ail = true, .be_code = true, .compat = 8);
CELL(compat, le_power8, .ile = true, .ail = true, .compat = 8);
CELL(compat, be_power9, .ail = true, .be_code = true, .compat = 9);
CELL(compat, le_power9, .ile = true, .ail = true, .compat = 9);

/* One instruction alone, 4 or 8 bytes, and the POWER that it came with */
#define COMPUTING(X)							\
	X(addi,		8, "addi 3, 4, 5")				\
	X(cmpd,		8, "cmpd 3, 4")					\
	X(b,		8, "b .+4")					\
	X(mflr,		8, "mflr 3")					\
	X(addpcis,	9, "addpcis 3, 1")				\
	X(maddld,	9, "maddld 3, 4, 5, 6")				\
	X(maddhdu,	9, "maddhdu 3, 4, 5, 6")			\
	X(cnttzw,	9, "cnttzw 3, 4")				\
	X(cnttzd,	9, "cnttzd 3, 4")				\
	X(extswsli,	9, "extswsli 3, 4, 5")				\
	X(setb,		9, "setb 3, 1")

#define OTHER(X)							\
	X(modsd,	9, "modsd 3, 4, 5")				\
	X(moduw,	9, "moduw 3, 4, 5")				\
	X(cmpeqb,	9, "cmpeqb 1, 3, 4")				\
	X(cmprb,	9, "cmprb 1, 0, 3, 4")				\
	X(addex,	9, "addex 3, 4, 5, 0")				\
	X(mcrxrx,	9, "mcrxrx 1")					\
	X(setbc,	10, "setbc 3, 1")				\
	X(brd,		10, "brd 3, 4")					\
	X(pdepd,	10, "pdepd 3, 4, 5")				\
	X(paddi,	10, "paddi 3, 4, 0x12345678")			\
	X(pli,		10, "pli 3, 0x12345678")			\
	X(pnop,		10, "pnop")

#define CODE(name, power, text)	GUEST_CODE(name, text "\n");
COMPUTING(CODE)
OTHER(CODE)

#define INSN(name, power, text)	{ text, power, name, name##_end },
static const struct insn {
	const char *text;
	int power;
	const __u32 *p, *end;
} computing[] = { COMPUTING(INSN) }, other[] = { OTHER(INSN) };

/* Was it emulated? */
static bool step_insn(struct vcpu *v, const struct insn *insn, bool problem)
{
	struct hvstep_counters before, after;
	struct kvm_regs start;
	char what[96];
	struct snap s;

	vcpu_get_regs(v, &start);
	snprintf(what, sizeof(what), "%s in %s state", insn->text,
		 problem ? "problem" : "privileged");
	load_code(v, problem ? USER_CODE_RA : CODE_RA, insn->p, insn->end);
	with_regs(v, r) {
		if (!problem)
			continue;
		r.pc = USER_CODE_RA;
		r.msr = vm_user_msr(v->vm);
	}
	vcpu_set(v, KVM_REG_PPC_FSCR, vm_host_power() >= 10 ? FSCR_PREFIX : 0);
	step_expect(v)->pc += (insn->end - insn->p - 1) * 4;
	oracle_anywhere(v, &s);
	v->expect = s;

	get_counters(v, &before);
	step_check(v, what);
	get_counters(v, &after);
	vcpu_set_regs(v, &start);
	return after.emulated != before.emulated;
}

TEST_F(compat, problem_state)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(computing); i++)
		if (step_insn(self->v, &computing[i], true))
			vm_fail("%s was emulated", computing[i].text);
	for (i = 0; i < ARRAY_SIZE(other); i++)
		if (other[i].power <= vm_host_power() && step_insn(self->v, &other[i], true))
			vm_fail("%s was emulated", other[i].text);
}

/* The mode restricts problem state only, so the same are emulated here. */
TEST_F(compat, privileged_state)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(computing); i++)
		if (!step_insn(self->v, &computing[i], false))
			vm_fail("%s was not emulated", computing[i].text);
	for (i = 0; i < ARRAY_SIZE(other); i++)
		if (other[i].power <= vm_host_power())
			step_insn(self->v, &other[i], false);
}

KVM_TEST_MAIN
