// SPDX-License-Identifier: GPL-2.0
/* Fixed-point instructions, compares, CR logic, moves to and from SPRs */
#include "cells.h"

CELL_FIXTURE(integer);
CELLS(integer);
MIXED_CELLS(integer);
HASH_CELLS(integer);

/* ISA Book I 3.3: CA, OV and CR0 as each instruction says */
#define ARITHMETIC(X)							\
	X("li	3, 5",			e->gpr[3] = 5)			\
	X("lis	4, -0x8000",		e->gpr[4] = -0x80000000ULL)	\
	X("addi	3, 3, 7",		e->gpr[3] = 12)			\
	X("addis 5, 3, 1",		e->gpr[5] = 0x1000c)		\
	X("add	6, 3, 5",		e->gpr[6] = 0x10018)		\
	X("subf	7, 3, 5",		e->gpr[7] = 0x10000)		\
	X("neg	8, 3",			e->gpr[8] = -12ULL)		\
	X("addic 9, 8, 12",		e->gpr[9] = 0;			\
					e->xer = XER_CA | ca32)		\
	X("adde	10, 3, 3",		e->gpr[10] = 25; e->xer = 0)	\
	X("addic. 9, 8, 11",		e->gpr[9] = -1ULL;		\
					e->cr = 0x82345678)		\
	X("subfic 9, 3, 12",		e->gpr[9] = 0;			\
					e->xer = XER_CA | ca32)		\
	X("subfe 9, 3, 5",		e->gpr[9] = 0x10000)		\
	X("addze 9, 3",			e->gpr[9] = 13; e->xer = 0)	\
	X("mulli 9, 3, -3",		e->gpr[9] = -36ULL)		\
	X("mullw 9, 3, 5",		e->gpr[9] = 12 * 0x1000cULL)	\
	X("mulhd 9, 8, 5",		e->gpr[9] = -1ULL)		\
	X("mulhdu 9, 8, 5",		e->gpr[9] = 0x1000b)		\
	X("divw	9, 5, 3",		e->gpr[9] = 0x1000c / 12)	\
	X("divdu 9, 8, 3",		e->gpr[9] = -12ULL / 12)	\
	X("divd.	9, 8, 3",	e->gpr[9] = -1ULL;		\
					e->cr = 0x82345678)		\
	X("li	11, -1",		e->gpr[11] = -1ULL)		\
	X("srdi	11, 11, 1",		e->gpr[11] = -1ULL >> 1)	\
	X("addo. 12, 11, 3",		e->gpr[12] = 0x800000000000000b; \
					e->xer = XER_SO | XER_OV;	\
					e->cr = 0x92345678)		\
	X("addo	12, 3, 3",		e->gpr[12] = 24;		\
					e->xer = XER_SO)
GUEST_STEPS(arithmetic, ARITHMETIC);

TEST_F(integer, arithmetic)
{
	struct vcpu *v = self->v;
	/* CA32 and OV32 came with ISA 3.0. */
	__u64 ca32 = vm_host_power() >= 9 ? XER_CA32 : 0;

	GUEST_RUN(arithmetic, ARITHMETIC);
}

#define LOGICAL(X)							\
	X("lis	3, 0x1234",		e->gpr[3] = 0x12340000)		\
	X("ori	3, 3, 0x5678",		e->gpr[3] = 0x12345678)		\
	X("oris	4, 3, 0x8000",		e->gpr[4] = 0x92345678)		\
	X("xori	5, 3, 0xffff",		e->gpr[5] = 0x1234a987)		\
	X("xoris 5, 5, 0x1234",		e->gpr[5] = 0xa987)		\
	X("andi. 6, 3, 0x8000",		e->gpr[6] = 0;			\
					e->cr = 0x22345678)		\
	X("andis. 6, 4, 0x8000",	e->gpr[6] = 0x80000000;		\
					e->cr = 0x42345678)		\
	X("and	7, 3, 4",		e->gpr[7] = 0x12345678)		\
	X("nand	7, 3, 3",		e->gpr[7] = ~0x12345678ULL)	\
	X("nor	7, 7, 3",		e->gpr[7] = 0)			\
	X("eqv	7, 3, 3",		e->gpr[7] = -1ULL)		\
	X("andc	7, 7, 3",		e->gpr[7] = ~0x12345678ULL)	\
	X("orc	7, 3, 7",		e->gpr[7] = 0x12345678)		\
	X("extsb 8, 4",			e->gpr[8] = 0x78)		\
	X("extsh 8, 5",			e->gpr[8] = 0xffffffffffffa987)	\
	X("extsw 8, 4",			e->gpr[8] = 0xffffffff92345678)	\
	X("cntlzw 9, 3",		e->gpr[9] = 3)			\
	X("cntlzd 9, 3",		e->gpr[9] = 35)			\
	X("popcntd 9, 3",		e->gpr[9] = 13)			\
	X("rlwinm 10, 3, 8, 24, 31",	e->gpr[10] = 0x12)		\
	X("rlwimi 10, 3, 0, 16, 23",	e->gpr[10] = 0x5612)		\
	X("rldicl 10, 3, 32, 0",	e->gpr[10] = 0x1234567800000000) \
	X("rldimi 10, 4, 0, 32",	e->gpr[10] = 0x1234567892345678) \
	X("li	9, 35",			e->gpr[9] = 35)			\
	X("slw	11, 3, 9",		e->gpr[11] = 0)			\
	X("li	9, 4",			e->gpr[9] = 4)			\
	X("slw	11, 4, 9",		e->gpr[11] = 0x23456780)	\
	X("srd	11, 4, 9",		e->gpr[11] = 0x09234567)	\
	X("sraw	11, 4, 9",		e->gpr[11] = 0xfffffffff9234567; \
					e->xer = XER_CA | ca32)		\
	X("sradi 11, 3, 4",		e->gpr[11] = 0x01234567;	\
					e->xer = 0)			\
	X("nop")							\
	X("isel	12, 3, 4, 2",		e->gpr[12] = 0x92345678)	\
	X("bpermd 12, 9, 3",		e->gpr[12] = bpermd)
GUEST_STEPS(logical, LOGICAL);

/* ISA Book I 3.3.13 bpermd: bit index bytes of RS select bits of RB */
static __u64 bit_permute(__u64 rs, __u64 rb)
{
	__u64 perm = 0;
	int i;

	for (i = 0; i < 8; i++) {
		unsigned int index = rs >> (56 - 8 * i) & 0xff;

		if (index < 64 && rb >> (63 - index) & 1)
			perm |= 1 << (7 - i);
	}
	return perm;
}

TEST_F(integer, logical)
{
	struct vcpu *v = self->v;
	__u64 ca32 = vm_host_power() >= 9 ? XER_CA32 : 0;
	__u64 bpermd = bit_permute(4, 0x12345678);

	GUEST_RUN(logical, LOGICAL);
}

#define COMPARE(X)							\
	X("li	3, -1",			e->gpr[3] = -1ULL)		\
	X("li	4, 1",			e->gpr[4] = 1)			\
	X("cmpd	3, 4",			e->cr = 0x82345678)		\
	X("cmpld 1, 3, 4",		e->cr = 0x84345678)		\
	X("cmpwi 2, 4, 1",		e->cr = 0x84245678)		\
	X("cmplwi 3, 3, 1",		e->cr = 0x84245678)		\
	X("cmpdi 7, 3, -2",		e->cr = 0x84245674)		\
	X("crand 0, 0, 5",		e->cr = 0x84245674)		\
	X("crxor 0, 0, 0",		e->cr = 0x04245674)		\
	X("creqv 31, 31, 31",		e->cr = 0x04245675)		\
	X("crnor 30, 1, 2",		e->cr = 0x04245677)		\
	X("crorc 2, 2, 5",		e->cr = 0x04245677)		\
	X("mcrf	0, 7",			e->cr = 0x74245677)		\
	X("mfcr	5",			e->gpr[5] = 0x74245677)		\
	X("mtcrf 0x81, 4",		e->cr = 0x04245671)		\
	X("mtcr	3",			e->cr = 0xffffffff)		\
	X("mfocrf 6, 0x80",		e->gpr[6] = mfocrf)
GUEST_STEPS(compare, COMPARE);

TEST_F(integer, compare)
{
	/*
	 * ISA Book I 3.3.17 leaves the other fields undefined; zero or the
	 * whole CR are what processors do, an emulated one and real ones.
	 */
	struct snap s;
	__u64 mfocrf = 0xf0000000;
	struct vcpu *v = self->v;

	load_code(v, CODE_RA, compare, compare_end);
	snap_take(v, &s);
#define MOST(insn, ...) {						\
		if (!strstr(insn, "mfocrf"))				\
			GUEST_STEP(insn, __VA_ARGS__);			\
	}
	COMPARE(MOST)
	step_expect(v)->gpr[6] = mfocrf;
	check_exit(v, step_run(v), KVM_EXIT_DEBUG, "mfocrf");
	snap_take(v, &s);
	EXPECT_EQ(0xf0000000, s.r.gpr[6] & 0xf0000000);
	s.r.gpr[6] = mfocrf;
	snap_compare("mfocrf", &v->expect, &s);
}

#define SPRS(X)								\
	X("mtlr	3",			e->lr = 0x0303030303030303)	\
	X("mtctr 4",			e->ctr = 0x0404040404040404)	\
	X("li	5, -1",			e->gpr[5] = -1ULL)		\
	X("mtxer 5",			e->xer = xer)			\
	X("mflr	6",			e->gpr[6] = 0x0303030303030303)	\
	X("mfctr 7",			e->gpr[7] = 0x0404040404040404)	\
	X("li	5, 0",			e->gpr[5] = 0)			\
	X("mtxer 5",			e->xer = 0)			\
	X("mfxer 8",			e->gpr[8] = 0)			\
	X("mtsprg 0, 9",		e->sprg0 = 0x0909090909090909)	\
	X("mtsprg 1, 10",		e->sprg1 = 0x0a0a0a0a0a0a0a0a)	\
	X("mtsprg 2, 11",		e->sprg2 = 0x0b0b0b0b0b0b0b0b)	\
	X("mtsprg 3, 12",		e->sprg3 = 0x0c0c0c0c0c0c0c0c)	\
	X("mfsprg 13, 0",		e->gpr[13] = 0x0909090909090909) \
	X("mfsprg 13, 1",		e->gpr[13] = 0x0a0a0a0a0a0a0a0a) \
	X("mfsprg 13, 2",		e->gpr[13] = 0x0b0b0b0b0b0b0b0b) \
	X("mfsprg 13, 3",		e->gpr[13] = 0x0c0c0c0c0c0c0c0c) \
	X("mtdar 14",			v->expect.dar = 0x0e0e0e0e0e0e0e0e) \
	X("mfdar 15",			e->gpr[15] = 0x0e0e0e0e0e0e0e0e) \
	X("mtdsisr 16",			v->expect.dsisr = 0x10101010)	\
	X("mfdsisr 17",			e->gpr[17] = 0x10101010)	\
	X("mtspr 815, 18")						\
	X("mfspr 19, 815",		e->gpr[19] = 0x1212121212121212) \
	X("sync")							\
	X("lwsync")							\
	X("isync")							\
	X("eieio")							\
	X("ptesync")
GUEST_STEPS(sprs, SPRS);

TEST_F(integer, sprs)
{
	struct vcpu *v = self->v;
	struct kvm_regs r;
	__u64 xer;

	/*
	 * ISA Book I 3.2.2: bits of XER that are reserved may or may not keep
	 * what is written. Which, says the processor in a run of its own.
	 */
	load_code(v, CODE_RA, sprs, sprs_end);
	with_regs(v, w) {
		w.pc += 12;
		w.gpr[5] = -1ULL;
	}
	run_to(v, CODE_RA + 16, v->vm->cell->be_code, vm_ea(v->vm, CODE_RA + 16), "mtxer");
	vcpu_get_regs(v, &r);
	xer = r.xer;
	ASSERT_EQ(XER_SO | XER_OV | XER_CA | 0x7f, xer & (XER_SO | XER_OV | XER_CA | 0x7f));
	with_regs(v, w) {
		w.xer = 0;
		w.gpr[5] = 0x0505050505050505;
	}
	GUEST_RUN(sprs, SPRS);
}

#define ISA_3_0(X)							\
	X("addpcis 3, 0x12",		e->gpr[3] = e->pc + 0x120000)	\
	X("li	4, -7",			e->gpr[4] = -7ULL)		\
	X("li	5, 3",			e->gpr[5] = 3)			\
	X("modsd 6, 4, 5",		e->gpr[6] = -1ULL)		\
	X("modud 6, 4, 5",		e->gpr[6] = -7ULL % 3)		\
	X("maddld 6, 4, 5, 5",		e->gpr[6] = -18ULL)		\
	X("cnttzd 6, 4",		e->gpr[6] = 0)			\
	X("extswsli 6, 4, 4",		e->gpr[6] = -112ULL)		\
	X("cmpd	4, 5",			e->cr = 0x82345678)		\
	X("setb	6, 0",			e->gpr[6] = -1ULL)		\
	X("cmpeqb 1, 5, 4",		e->cr = 0x80345678)		\
	X("addex 6, 5, 5, 0",		e->gpr[6] = 6)
GUEST_STEPS(isa_3_0, ISA_3_0);

TEST_F(integer, isa_3_0)
{
	struct vcpu *v = self->v;

	SKIP_BELOW_POWER(9, "addpcis and the like");
	GUEST_RUN(isa_3_0, ISA_3_0);
}

/* Prefixed instructions are eight bytes long, ISA 3.1 Book I 1.6.3. */
#define PREFIXED(X)							\
	X("paddi 3, 4, 0x123456789",	e->gpr[3] = 0x0404040404040404 + 0x123456789; \
					e->pc += 4)			\
	X("pli	5, -0x100000000",	e->gpr[5] = -0x100000000ULL;	\
					e->pc += 4)			\
	X("pla	6, 0x1000",		e->gpr[6] = e->pc - 4 + 0x1000;	\
					e->pc += 4)			\
	X("pnop",			e->pc += 4)			\
	X("setbc 7, 31",		e->gpr[7] = 0)			\
	X("brd	8, 9",			e->gpr[8] = 0x0909090909090909)
GUEST_STEPS(prefixed, PREFIXED);

TEST_F(integer, prefixed)
{
	struct vcpu *v = self->v;

	SKIP_BELOW_POWER(10, "prefixed instructions");
	GUEST_RUN(prefixed, PREFIXED);
}

/* ISA Book I 1.9.3: with SF=0 the CPU computes in 64 bits, compares CR0 in 32. */
#define MODE_32(X)							\
	X("li	3, -1",			e->gpr[3] = -1ULL)		\
	X("srdi. 3, 3, 32",		e->gpr[3] = 0xffffffff;		\
					e->cr = 0x82345678)		\
	X("addi	4, 3, 1",		e->gpr[4] = 0x100000000)	\
	X("mr.	4, 4",			e->cr = 0x22345678)		\
	X("addic 5, 3, 1",		e->gpr[5] = 0x100000000;	\
					e->xer = XER_CA | ca32)
GUEST_STEPS(mode_32, MODE_32);

TEST_F(integer, mode_32)
{
	struct vcpu *v = self->v;
	__u64 ca32 = vm_host_power() >= 9 ? XER_CA32 : 0;

	if (variant->cell.ail)
		SKIP(return, "the kernel's addresses need 64 bits");
	load_code(v, CODE_RA, mode_32, mode_32_end);
	with_regs(v, r)
		r.msr &= ~MSR_SF;
	GUEST_RUN(mode_32, MODE_32);
}

KVM_TEST_MAIN
