// SPDX-License-Identifier: GPL-2.0
/*
 * The whole opcode space, each instruction stepped twice from the same state:
 * once as it comes, when hvstep emulates what it can, and once executed by the
 * processor (HVSTEP_POLICY_TRACE_ALL). A VMM must not be able to tell which.
 *
 * HVSTEP_SEED and HVSTEP_COUNT in the environment choose other register states,
 * and more of them.
 */
#include "cells.h"
#include "sweep.h"

/* Translation is on, for problem state has no other memory. */
CELL_FIXTURE(opcodes);
CELL(opcodes, be, .ail = true, .be_code = true);
CELL(opcodes, le, .ile = true, .ail = true);

#define SPRN_PURR	309
#define SPRN_SPURR	308
#define SPRN_TBL	268
#define SPRN_TBU	269

/* Where arithmetic has its corners */
static __u64 operand(struct sweep *w)
{
	static const __u64 corners[] = {
		0, 1, 2, 31, 32, 33, 63, 64, -1ULL, -2ULL,
		0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x80000001,
		0x7fffffffffffffff, 0x8000000000000000, 0xffffffff80000000,
		0xffffffff7fffffff, 0xffffffff00000000, 0x8000000080000000,
	};

	switch (pick(w, 4)) {
	case 0:
		return corners[pick(w, ARRAY_SIZE(corners))];
	case 1:
		return (__s32)next_random(w);
	case 2:
		return next_random(w) & 0xff;
	default:
		return next_random(w);
	}
}

static void random_regs(struct sweep *w, __u32 word, bool pointers)
{
	/* OV32 and CA32 came with ISA 3.0; what is reserved need not stay. */
	__u64 xer = XER_SO | XER_OV | XER_CA | 0x7f |
		(vm_host_power() >= 9 ? XER_OV32 | XER_CA32 : 0);
	struct kvm_regs *r = &w->start.s.r;
	unsigned int ra = word >> 16 & 31, rb = word >> 11 & 31;
	int i;

	r->msr = w->privileged ? vm_msr(w->vm) : vm_user_msr(w->vm);
	if (w->mode_32)
		r->msr &= ~MSR_SF;
	/* So that TAR, DSCR and the like are there, most of the time */
	sweep_set_fscr(w, pick(w, 8) ? FSCR_TAR | FSCR_DSCR | FSCR_EBB |
		       (vm_host_power() >= 10 ? FSCR_PREFIX : 0) : 0);
	if (!pick(w, 4))
		r->msr |= next_random(w) & (MSR_FP | MSR_VEC | MSR_VSX | MSR_FE0 | MSR_FE1);
	r->cr = (__u32)next_random(w);
	r->xer = next_random(w) & xer;
	r->lr = operand(w);
	r->ctr = operand(w);
	for (i = 0; i < 32; i++)
		r->gpr[i] = operand(w);
	if (!pick(w, 4))
		r->gpr[rb] = r->gpr[ra];
	if (pointers) {
		r->gpr[rb] = next_random(w) & 0x1f0;
		r->gpr[ra] = POINTER + (next_random(w) & 0x3f0) +
			(pick(w, 8) ? 0 : next_random(w) & 15);
	}
}

/* The displacements of the D, DS and DQ forms are made small ones. */
static __u32 near(struct sweep *w, __u32 word)
{
	switch (word >> 26) {
	case 32 ... 55:
		return pick(w, 2) ? word | 0xfc00 : word & ~0xfc00;
	case 6:
	case 56:
	case 57:
	case 58:
	case 61:
	case 62:
		return pick(w, 2) ? word | 0xf800 : word & ~0xf800;
	default:
		return word;
	}
}

static __u32 sprn(__u32 word)
{
	return (word >> 16 & 31) | (word >> 6 & 0x3e0);
}

/* Why the two runs may differ, though stepping is exact; NULL: they may not */
static const char *indeterminate(__u32 word)
{
	if (word >> 26 != 31)
		return NULL;
	switch (word >> 1 & 0x3ff) {
	case 30:
	case 62:
		return "wait: until an interrupt, of the host";
	case 150:
	case 182:
	case 214:
	case 694:
	case 726:
		return "stcx.: the reservation may be lost, or from another step";
	case 371:
		return "mftb: time";
	case 755:
		return "darn: random";
	case 774:
	case 838:
	case 902:
		return "copy, cpabort, paste: the copy buffer is nobody's";
	case 339:
		switch (sprn(word)) {
		case SPRN_TBL:
		case SPRN_TBU:
		case SPRN_PURR:
		case SPRN_SPURR:
			return "mfspr: time";
		}
	}
	return NULL;
}

static bool has_xo(unsigned int op)
{
	return op == 4 || op == 19 || op == 30 || op == 31 || op >= 56;
}

/* The registers that a prefixed instruction names are in its suffix. */
static __u32 fields(__u32 word, __u32 suffix)
{
	return word >> 26 == 1 ? suffix : word;
}

/* Those bits of a word that do not make it another instruction */
static __u32 other_bits(__u32 word)
{
	if (!has_xo(word >> 26))
		return 0x03ffffff;
	/* Other SPRs are for problem state alone. */
	if (word >> 26 == 31 && ((word >> 1 & 0x3ff) == 339 || (word >> 1 & 0x3ff) == 467))
		return 0x03e00001;
	return 0x03fff801;
}

/* One word in problem state; if it is emulated at all, then in every state. */
static void one_word(struct sweep *w, __u32 word, __u32 suffix)
{
	unsigned int op = word >> 26;
	int i;

	if (indeterminate(word))
		return;
	word = near(w, word);
	w->privileged = false;
	w->mode_32 = !pick(w, 8);
	random_regs(w, fields(word, suffix),
		    op == 1 || op == 6 || op >= 32 || (op == 31 && pick(w, 2)));
	if (w->mode_32)
		return (void)sweep_word(w, word, suffix);
	if (!sweep_word(w, word, suffix))
		return;
	for (i = 0; i < 4 * w->count; i++) {
		/* Other registers, Rc, and what is reserved in this form */
		word = (word & ~other_bits(word)) | (next_random(w) & other_bits(word));
		w->privileged = pick(w, 2);
		w->mode_32 = !w->privileged && !pick(w, 4);
		random_regs(w, word, false);
		if (!indeterminate(word))
			sweep_word(w, word, suffix);
	}
}

static struct sweep sweep;

TEST_F_TIMEOUT(opcodes, primary, 600)
{
	struct sweep *w = &sweep;
	unsigned int op;
	int i;

	sweep_start(w, self->vm, self->v);
	for (op = 0; op < 64; op++) {
		for (i = 0; i < 16 * w->count; i++)
			one_word(w, op << 26 | (next_random(w) & 0x03ffffff), PPC_INST_NOP);
	}
	sweep_end(w, 100);
}

/* In the default size the two cells share the work. */
static bool others_turn(const struct sweep *w, unsigned int n)
{
	return w->count == 1 && n % 2 == w->vm->cell->be_code;
}

/* Of opcodes that are emulated, also without what is reserved in some forms */
static void extended(struct sweep *w, unsigned int op)
{
	static const __u32 clear[] = { 0, 0x0000f801, 0x007ff801 };
	int forms = op == 19 || op == 31 ? ARRAY_SIZE(clear) : 1;
	unsigned int xo;
	int i;

	for (i = 0; i < w->count * forms; i++)
		for (xo = 0; xo < 0x400; xo++)
			if (!others_turn(w, xo + i))
				one_word(w, op << 26 | xo << 1 |
					 (next_random(w) & 0x03fff801 & ~clear[i % forms]),
					 PPC_INST_NOP);
}

/* Every SPR there can be, from problem state: there, or not, or privileged */
static void moves(struct sweep *w, __u32 word)
{
	__u32 n;
	int i;

	for (i = 0; i < w->count; i++)
		for (n = 0; n < 0x400; n++)
			if (!others_turn(w, n))
				one_word(w, word | (n & 31) << 16 | (n & 0x3e0) << 6 |
					 (next_random(w) & 31) << 21, PPC_INST_NOP);
}

TEST_F_TIMEOUT(opcodes, mfspr, 600)
{
	sweep_start(&sweep, self->vm, self->v);
	moves(&sweep, 0x7c0002a6);
	sweep_end(&sweep, 1);
}

TEST_F_TIMEOUT(opcodes, mtspr, 600)
{
	sweep_start(&sweep, self->vm, self->v);
	moves(&sweep, 0x7c0003a6);
	sweep_end(&sweep, 1);
}

/* Each type of prefix with each primary opcode, displacements small */
TEST_F_TIMEOUT(opcodes, prefixed, 600)
{
	struct sweep *w = &sweep;
	__u32 prefix, suffix;
	int i, op;

	SKIP_BELOW_POWER(10, "a prefixed instruction");
	sweep_start(w, self->vm, self->v);
	for (i = 0; i < 16 * w->count; i++) {
		for (op = 0; op < 64; op++) {
			prefix = 1 << 26 | i % 4 << 24;
			suffix = op << 26 | (next_random(w) & 0x03ff03ff);
			/* Some with reserved bits, or the type's subtype; R=1: of nip */
			if (i & 4)
				prefix |= next_random(w) & 0x00fc0000;
			if (i & 8) {
				prefix |= 0x3ffff;
				suffix |= 0xfc00;
			}
			one_word(w, prefix, suffix);
		}
	}
	sweep_end(w, 0);
}

#define EXTENDED(op, at_least)						\
	TEST_F_TIMEOUT(opcodes, extended_##op, 600)			\
	{								\
		sweep_start(&sweep, self->vm, self->v);			\
		extended(&sweep, op);					\
		sweep_end(&sweep, at_least);				\
	}

EXTENDED(4, 0)
EXTENDED(19, 10)
EXTENDED(30, 100)
EXTENDED(31, 150)
EXTENDED(56, 0)
EXTENDED(57, 0)
EXTENDED(58, 0)
EXTENDED(59, 0)
EXTENDED(60, 0)
EXTENDED(61, 0)
EXTENDED(62, 0)
EXTENDED(63, 0)

KVM_TEST_MAIN
