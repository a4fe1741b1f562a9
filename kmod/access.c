// SPDX-License-Identifier: GPL-2.0
/*
 * Does the stepped instruction itself read or write what the step would arm?
 * A guest that checksums or patches its own vectors must find its own words.
 */
#include <linux/kvm_host.h>

#include "hvstep.h"
#include "again.h"

/* The largest block that one instruction accesses: a cache line, or lmw r0. */
#define BLOCK	128

/* Atomic memory operations (ISA 3.0), which analyse_instr() does not know */
static bool insn_is_amo(u32 word)
{
	u32 xo = hvstep_insn_xo(word);

	/* lwat, ldat, stwat, stdat */
	return hvstep_insn_opcode(word) == 31 &&
	       (xo == 582 || xo == 614 || xo == 710 || xo == 742);
}

/* lxvr[bhwd]x and stxvr[bhwd]x (ISA 3.1), which it does not know either */
static bool insn_is_rightmost(u32 word)
{
	return hvstep_insn_opcode(word) == 31 && (hvstep_insn_xo(word) & ~0xe0U) == 13;
}

/* Nor these: of a whole block each */
static bool insn_is_copy_or_paste(u32 word)
{
	u32 xo = hvstep_insn_xo(word);

	return hvstep_insn_opcode(word) == 31 && (xo == 774 || xo == 902);
}

/* hashst, hashchk, hashstp, hashchkp (ISA 3.1B): a doubleword below what ra points to */
static bool insn_is_hash(u32 word)
{
	u32 xo = hvstep_insn_xo(word);

	return hvstep_insn_opcode(word) == 31 &&
	       (xo == 722 || xo == 754 || xo == 658 || xo == 690);
}

/* The effective addresses; false if the instruction accesses none. */
static bool access_ea(struct hvstep_vcpu *hv, u32 word, u32 suffix, u64 *ea, unsigned int *len)
{
	struct pt_regs *regs = &hv->vcpu->arch.regs;
	unsigned int ra = (word >> 16) & 0x1f, rb = (word >> 11) & 0x1f;
	struct instruction_op op = { };

	if (hvstep_compat_regs_load(hv->vcpu))
		return false;
	regs->msr = hv->msr;
	if (insn_is_rightmost(word)) {
		*ea = (ra ? regs->gpr[ra] : 0) + regs->gpr[rb];
		*len = 1U << (hvstep_insn_xo(word) >> 5 & 3);
	} else if (insn_is_copy_or_paste(word)) {
		*ea = ((ra ? regs->gpr[ra] : 0) + regs->gpr[rb]) & ~(BLOCK - 1UL);
		*len = BLOCK;
	} else if (insn_is_hash(word)) {
		*ea = (ra ? regs->gpr[ra] : 0) - 0x200 +
		      ((word & 1) << 8 | (word >> 21 & 0x1f) << 3);
		*len = sizeof(u64);
	} else if (insn_is_amo(word)) {
		*ea = (ra ? regs->gpr[ra] : 0) & ~(BLOCK - 1UL);
		*len = BLOCK;
	} else if (analyse_instr(&op, regs,
				 suffix ? ppc_inst_prefix(word, suffix) : ppc_inst(word))) {
		return false;
	} else if (GETTYPE(op.type) == CACHEOP) {
		*ea = op.ea & ~(BLOCK - 1UL);
		*len = BLOCK;
	} else if (OP_IS_LOAD_STORE(GETTYPE(op.type))) {
		*ea = op.ea;
		*len = max_t(unsigned int, GETSIZE(op.type), 1);
	} else {
		return false;
	}
	if (!(hv->msr & MSR_SF))
		*ea = (u32)*ea;
	return true;
}

/*
 * What a load or store is to access, for who wants to know: not how much of it. The
 * instruction need not be one.
 */
bool hvstep_access_ea(struct hvstep_vcpu *hv, u32 word, u32 suffix, u64 *ea)
{
	unsigned int len;

	return access_ea(hv, word, suffix, ea, &len);
}

/* Could it be where something of this step's is armed? */
static bool may_touch(struct hvstep_vcpu *hv, u64 ea, unsigned int len)
{
	unsigned int i;

	/* scv's are at all multiples of 0x20, but scv accesses nothing. */
	if (hvstep_vector_may_be_in(ea, len))
		return true;
	for (i = 0; i < hv->plan.nr_next; i++)
		if ((((hv->plan.next_ea[i] & 0xfff) + 3 - ea) & 0xfff) < len + 3)
			return true;
	return false;
}

/* An address without a translation is left out: the instruction faults, and accesses nothing. */
static int find_at(struct hvstep_vcpu *hv, struct hvstep_access *access, u64 ea,
		   unsigned int len)
{
	gpa_t gpa;
	int ret;

	ret = hvstep_mem_translate_data(hv, ea, &gpa);
	if (ret == -EFAULT)
		return 0;
	if (ret)
		return ret;
	access->gpa = gpa;
	access->len = len;
	return 0;
}

/*
 * Fill in hv->access; or the error for which that cannot be known, of
 * hvstep_mem_translate_data() or hvstep_mem_fetch().
 */
int hvstep_access_find_slow(struct hvstep_vcpu *hv, u32 word)
{
	unsigned int len, first;
	u32 suffix = 0;
	gpa_t gpa;
	u64 ea;
	int ret;

	hv->access[0].len = 0;
	hv->access[1].len = 0;

	if (hv->plan.len == 8) {
		ret = hvstep_mem_fetch(hv, hv->nip + 4, &gpa, &suffix);
		/* Where hardware cannot fetch it either there is no access. */
		if (ret < 0)
			return ret == -EFAULT || ret == -EIO ? 0 : ret;
	}
	if (!access_ea(hv, word, suffix, &ea, &len) || !may_touch(hv, ea, len))
		return 0;
	/* This may sleep; and it is no step for what the last one has armed. */
	if (hv->kept)
		hvstep_disarm(hv);

	/* The smallest page is 4K; an access can cross into another. */
	first = min_t(unsigned int, len, 0x1000 - (ea & 0xfff));
	ret = find_at(hv, &hv->access[0], ea, first);
	if (!ret && first < len)
		ret = find_at(hv, &hv->access[1], ea + first, len - first);
	return ret;
}

/* Would a word at @gpa be in the way of the instruction's own access? */
bool hvstep_access_touches(struct hvstep_vcpu *hv, gpa_t gpa)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(hv->access); i++)
		if (hv->access[i].len && gpa + 4 > hv->access[i].gpa &&
		    gpa < hv->access[i].gpa + hv->access[i].len)
			return true;
	return false;
}
