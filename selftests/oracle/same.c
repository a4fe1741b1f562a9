// SPDX-License-Identifier: GPL-2.0
/*
 * Compare, instruction by instruction. Two things may differ without anything
 * being wrong: what is read from a clock, and whether a reservation has held.
 */
#include <string.h>

#include "same.h"

/* What CR0[EQ] is in the 32 bits of CR: stcx. has stored. */
#define CR0_EQ		0x20000000ULL
#define MAX_PATIENCE	24
#define MAX_SEQUENCE	16

/*
 * MSR bits that the two accelerators may have differently from the start: the
 * reference's ME is off until somebody sets it, KVM's cannot be. (KVM-HV,
 * kvmppc_set_msr_hv)
 */
#define MSR_ME		0x1000ULL

static unsigned int opcode(__u64 insn)
{
	return insn >> 26 & 0x3f;
}

static unsigned int xo(__u64 insn)
{
	return insn >> 1 & 0x3ff;
}

static unsigned int rt(__u64 insn)
{
	return insn >> 21 & 0x1f;
}

/* Time base, decrementer, PURR, SPURR, VTB; and darn, a random number */
static bool reads_clock(__u64 insn)
{
	unsigned int spr = (insn >> 16 & 0x1f) | (insn >> 6 & 0x3e0);

	if (opcode(insn) != 31)
		return false;
	if (xo(insn) == 755)
		return true;
	if (xo(insn) != 339 && xo(insn) != 371)
		return false;
	return spr == 22 || spr == 268 || spr == 269 || spr == 308 || spr == 309 || spr == 849;
}

static bool loads_and_reserves(__u64 insn)
{
	switch (opcode(insn) == 31 ? xo(insn) : 0) {
	case 20:		/* lwarx */
	case 52:		/* lbarx */
	case 84:		/* ldarx */
	case 116:		/* lharx */
	case 276:		/* lqarx */
		return true;
	}
	return false;
}

static bool stores_conditional(__u64 insn)
{
	switch (opcode(insn) == 31 ? xo(insn) : 0) {
	case 150:		/* stwcx. */
	case 182:		/* stqcx. */
	case 214:		/* stdcx. */
	case 694:		/* stbcx. */
	case 726:		/* sthcx. */
		return true;
	}
	return false;
}

/*
 * What an instruction may leave differently: what it reads from a clock, and after a
 * hypercall CR and CTR, which PAPR calls volatile and KVM's entry code clobbers
 * (exceptions-64s.S, KVMTEST).
 */
static __u64 may_differ(__u64 insn)
{
	if (reads_clock(insn))
		return 1ULL << (REF_GPR0 + rt(insn));
	if (insn == 0x44000022)
		return 1ULL << REF_CR | 1ULL << REF_CTR;
	return 0;
}

static __u64 significant(unsigned int field)
{
	return field == REF_MSR ? ~MSR_ME : ~0ULL;
}

/* 1 << each field that differs */
static __u64 differing(const struct reference *ref, const __u64 *state)
{
	__u64 fields = 0;
	unsigned int i;

	for (i = 0; i < REF_NR_REGS; i++)
		if ((ref->now[i] ^ state[i]) & significant(i))
			fields |= 1ULL << i;
	return fields;
}

bool same_start(struct same *same, struct reference *ref, const __u64 *state)
{
	memset(same, 0, sizeof(*same));
	return !differing(ref, state);
}

/*
 * The record that a step leads to. Under HVSTEP_POLICY_ATOMIC a whole sequence is one
 * step; the reference has all of its instructions.
 */
static bool advance(struct same *same, struct reference *ref, const __u64 *state)
{
	unsigned int i;

	if (same->again)
		return true;
	if (!reference_next(ref))
		return false;
	if (!loads_and_reserves(ref->before[REF_INSN]))
		return true;
	same->larx = ref->before[REF_NIP];
	for (i = 0; i < MAX_SEQUENCE && ref->now[REF_NIP] != state[REF_NIP]; i++)
		if (!reference_next(ref))
			return false;
	return true;
}

enum same_verdict same_step(struct same *same, struct reference *ref, const __u64 *state)
{
	if (same->patience) {
		if (state[REF_NIP] != same->larx)
			return --same->patience ? SAME : DIFFERENT;
		same->patience = 0;
		same->again = true;
		same->retries++;
		return SAME;
	}

	if (!advance(same, ref, state))
		return AT_END;
	same->again = false;
	same->fields = differing(ref, state);
	if (!same->fields)
		return SAME;
	if (stores_conditional(ref->before[REF_INSN]) && same->fields == 1ULL << REF_CR &&
	    (ref->now[REF_CR] ^ state[REF_CR]) == CR0_EQ) {
		same->patience = MAX_PATIENCE;
		return SAME;
	}
	if (same->fields & ~may_differ(ref->before[REF_INSN]))
		return DIFFERENT;
	same->adopted++;
	return MAY_DIFFER;
}

void same_explain(const struct reference *ref, const __u64 *state, FILE *to)
{
	unsigned int i;

	if (ref->steps)
		fprintf(to, "instruction %08llx at %llx\n", ref->before[REF_INSN],
			ref->before[REF_NIP]);
	fprintf(to, "%-12s%18s%18s%18s\n", "", "before", "TCG", "hvstep");
	for (i = 0; i < REF_NR_REGS; i++)
		fprintf(to, "%-12s%18llx%18llx%18llx%s\n", reference_name(i), ref->before[i],
			ref->now[i], state[i],
			(ref->now[i] ^ state[i]) & significant(i) ? "  <--" : "");
}
