// SPDX-License-Identifier: GPL-2.0
/*
 * Which instructions analyse_instr() describes exactly. It takes many words for
 * an instruction that hardware may not: with reserved bits set (ISA Book I 1.8.2
 * leaves it to the processor whether those are ignored), or of an invalid form.
 * And where the ISA leaves a result undefined, it has one of its own. All that
 * is for the hardware to execute.
 */
#include "plan.h"

#define RB	0x0000f800U
#define RC	0x00000001U
#define NOT_EXACT	(~0U)

/* BO of a conditional branch (ISA Book I 2.4): z bits that are set are invalid. */
#define BO_NO_CTR	0x04

static bool bo_is_valid(u32 bo)
{
	if (bo & 0x10)
		return bo & BO_NO_CTR ? bo == 0x14 : true;
	return bo & BO_NO_CTR || !(bo & 1);
}

/* The bits of a word that have to be zero, or NOT_EXACT */
static u32 reserved_19(u32 word)
{
	/* addpcis */
	if ((hvstep_insn_xo(word) & 0x1f) == 2)
		return 0;

	switch (hvstep_insn_xo(word)) {
	case 0:				/* mcrf */
		return 0x00630000 | RB | RC;
	case 33: case 129: case 193: case 225:
	case 257: case 289: case 417: case 449:	/* crnor to cror */
		return RC;
	case 16:			/* bclr */
		return bo_is_valid(hvstep_insn_rt(word)) ? 0x0000e000 : NOT_EXACT;
	case 528:			/* bcctr; it cannot count CTR, too */
		return bo_is_valid(hvstep_insn_rt(word)) &&
		       hvstep_insn_rt(word) & BO_NO_CTR ? 0x0000e000 : NOT_EXACT;
	default:
		return NOT_EXACT;
	}
}

/* mfcr, mtcrf and mtocrf; mfocrf leaves most of its result undefined. */
static u32 reserved_cr(u32 word)
{
	bool one = word & 0x00100000;
	u32 fxm = (word >> 12) & 0xff;

	if (hvstep_insn_xo(word) == 19)
		return 0x001ff800 | RC;
	if (one && (!fxm || fxm & (fxm - 1)))
		return NOT_EXACT;
	return 0x00000800 | RC;
}

static u32 reserved_31(u32 word)
{
	/* isel */
	if ((hvstep_insn_xo(word) & 0x1f) == 15)
		return RC;

	switch (hvstep_insn_xo(word)) {
	case 0: case 32:		/* cmp, cmpl */
		return 0x00400000 | RC;
	case 4: case 68:		/* tw, td */
	case 252: case 508:		/* bpermd, cmpb */
	case 339: case 467:		/* mfspr, mtspr */
		return RC;
	case 19: case 144:
		return reserved_cr(word);
	case 128:			/* setb */
		return 0x00030000 | RB | RC;
	case 122: case 378: case 506:	/* popcntb, popcntw, popcntd */
	case 154: case 186:		/* prtyw, prtyd */
		return RB | RC;
	case 26: case 58: case 538: case 570:	/* cntlzw, cntlzd, cnttzw, cnttzd */
	case 922: case 954: case 986:	/* extsh, extsb, extsw */
	case 104:			/* neg */
	case 200: case 202: case 232: case 234:	/* subfze, addze, subfme, addme */
		return RB;
	case 444:			/* or */
		return hvstep_insn_is_priority_hint(word) ? NOT_EXACT : 0;
	case 8: case 10: case 40: case 136: case 138: case 266:	/* subfc to add */
	case 9: case 11: case 73: case 75: case 233: case 235:	/* mulhdu to mullw */
	case 28: case 60: case 124: case 284: case 316: case 412: case 476: /* and to nand */
	case 24: case 27: case 536: case 539:		/* slw, sld, srw, srd */
	case 792: case 794: case 824: case 826: case 827: /* sraw, srad, srawi, sradi */
	case 890: case 891:		/* extswsli */
		return 0;
	default:
		/* Division leaves some results undefined. */
		return NOT_EXACT;
	}
}

static u32 reserved(u32 word)
{
	switch (hvstep_insn_opcode(word)) {
	case 2: case 3:			/* tdi, twi */
	case 7: case 8:			/* mulli, subfic */
	case 12: case 13: case 14: case 15:	/* addic to addis */
	case 18:			/* b */
	case 20: case 21: case 23:	/* rlwimi, rlwinm, rlwnm */
	case 24: case 25: case 26: case 27: case 28: case 29:	/* ori to andis. */
	case 30:			/* rldicl to rldcr */
		return 0;
	case 4:				/* maddhd, maddhdu, maddld */
		switch (word & 0x3f) {
		case 48: case 49: case 51:
			return 0;
		}
		return NOT_EXACT;
	case 10: case 11:		/* cmpli, cmpi */
		return 0x00400000;
	case 16:			/* bc */
		return bo_is_valid(hvstep_insn_rt(word)) ? 0 : NOT_EXACT;
	case 19:
		return reserved_19(word);
	case 31:
		return reserved_31(word);
	default:
		return NOT_EXACT;
	}
}

/* May analyse_instr() say what the instruction does, if it says anything? */
bool hvstep_compute_is_exact(u32 word)
{
	u32 zero = reserved(word);

	return zero != NOT_EXACT && !(word & zero);
}
