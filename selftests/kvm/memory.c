// SPDX-License-Identifier: GPL-2.0
/* Loads, stores, reservations, cache operations */
#include "cells.h"

CELL_FIXTURE(memory);
CELLS(memory);
MIXED_CELLS(memory);
HASH_CELLS(memory);

#define VALUE	0x8123456789abcdefULL

#define ACCESSES(X)							\
	X("ld	5, 0(3)",		e->gpr[5] = VALUE)		\
	X("lwz	5, 8(3)",		e->gpr[5] = 0x89abcdef)		\
	X("lwa	5, 8(3)",		e->gpr[5] = 0xffffffff89abcdef)	\
	X("lhz	5, 12(3)",		e->gpr[5] = 0xcdef)		\
	X("lha	5, 12(3)",		e->gpr[5] = 0xffffffffffffcdef)	\
	X("lbz	5, 14(3)",		e->gpr[5] = 0xef)		\
	X("ldx	5, 3, 4",		e->gpr[5] = VALUE + 1)		\
	X("lwzu	6, 8(7)",		e->gpr[6] = 0x89abcdef;		\
					e->gpr[7] += 8)			\
	X("ldbrx 6, 0, 3",		e->gpr[6] = 0xefcdab8967452381)	\
	X("lwbrx 6, 0, 7",		e->gpr[6] = 0xefcdab89)		\
	X("std	8, 32(3)")						\
	X("stdu	8, 40(9)",		e->gpr[9] += 40)		\
	X("stw	8, 48(3)")						\
	X("sth	8, 52(3)")						\
	X("stb	8, 54(3)")						\
	X("stdbrx 8, 3, 10")						\
	X("ldx	11, 3, 12",		e->gpr[11] = unaligned)
GUEST_STEPS(accesses, ACCESSES);

TEST_F(memory, accesses)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	__u64 data = vm_ea(vm, DATA_RA);
	/* Nine bytes from 32 on are r8 twice: the same bytes, turned by one */
	__u64 unaligned = variant->cell.be_code ?
		0x1122334455667701ULL : 0x0811223344556677ULL;

	put_data(vm, DATA_RA, 8, VALUE);
	put_data(vm, DATA_RA + 8, 4, 0x89abcdef);
	put_data(vm, DATA_RA + 12, 2, 0xcdef);
	put_data(vm, DATA_RA + 14, 1, 0xef);
	put_data(vm, DATA_RA + 16, 8, VALUE + 1);
	with_regs(v, r) {
		r.gpr[3] = data;
		r.gpr[4] = 16;
		r.gpr[7] = data;
		r.gpr[8] = 0x0111223344556677;
		r.gpr[9] = data;
		r.gpr[10] = 56;
		r.gpr[12] = 33;
	}
	if (!variant->cell.be_code)
		with_regs(v, r)
			r.gpr[8] = 0x1122334455667708;
	GUEST_RUN(accesses, ACCESSES);
	with_regs(v, r) {
		EXPECT_EQ(r.gpr[8], get_data(vm, DATA_RA + 32, 8));
		EXPECT_EQ(r.gpr[8], get_data(vm, DATA_RA + 40, 8));
		EXPECT_EQ(r.gpr[8] & 0xffffffff, get_data(vm, DATA_RA + 48, 4));
		EXPECT_EQ(r.gpr[8] & 0xffff, get_data(vm, DATA_RA + 52, 2));
		EXPECT_EQ(r.gpr[8] & 0xff, get_data(vm, DATA_RA + 54, 1));
		EXPECT_EQ(__builtin_bswap64(r.gpr[8]), get_data(vm, DATA_RA + 56, 8));
	}
}

/*
 * The vector page as data: a load from where stepping may put something must
 * read what the guest has there.
 */
GUEST_CODE(load, "lwz 5, 0(3); ld 6, 0(3)\n");

TEST_F(memory, load_from_vectors)
{
	static const __u16 vectors[] = {
		0x100, 0x200, 0x300, 0x380, 0x400, 0x480, 0x500, 0x600, 0x700, 0x800,
		0x900, 0xa00, 0xc00, 0xd00, 0xf00, 0xf20, 0xf40, 0xf60,
	};
	struct vcpu *v = self->v;
	__u32 insn = PPC_INST_BRANCH_SELF;
	size_t i;

	if (variant->cell.ile == variant->cell.be_code)
		insn = __builtin_bswap32(insn);
	/* Those of real mode, too: POWER8's KVM can use them beside AIL's. */
	for (i = 0; i < 2 * ARRAY_SIZE(vectors); i++) {
		__u64 vector = vectors[i % ARRAY_SIZE(vectors)];

		load_code(v, CODE_RA, load, load_end);
		with_regs(v, r)
			r.gpr[3] = i < ARRAY_SIZE(vectors) ? vm_vector(v->vm, vector) :
				vm_ea(v->vm, vector);
		step_expect(v)->gpr[5] = insn;
		step_check(v, "lwz of a vector");
		step_expect(v)->gpr[6] = (__u64)insn << 32 | insn;
		step_check(v, "ld of a vector");
	}
}

/* Of ISA 3.1, and unknown to the kernel that emulates: lxvrdx 0, 0, 3; mfvsrld 5, 0 */
GUEST_CODE(rightmost, ".long 0x7c0018da; .long 0x7c050266\n");
/* stxvrwx 0, 0, 4; lwz 6, 0(4) */
GUEST_CODE(rightmost_store, ".long 0x7c00219a; lwz 6, 0(4)\n");

static void start_vsx(struct vcpu *v, const __u32 *code, const __u32 *end)
{
	load_code(v, CODE_RA, code, end);
	with_regs(v, r)
		r.msr |= MSR_FP | MSR_VEC | MSR_VSX;
}

TEST_F(memory, rightmost_of_vectors)
{
	static const __u16 vectors[] = { 0x300, 0x400, 0x700, 0xd00, 0xf60 };
	struct vcpu *v = self->v;
	__u32 insn = PPC_INST_BRANCH_SELF;
	struct hvstep_counters c;
	size_t i;

	SKIP_BELOW_POWER(10, "loads and stores of what is rightmost in a vector");
	if (variant->cell.ile == variant->cell.be_code)
		insn = __builtin_bswap32(insn);
	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		start_vsx(v, rightmost, rightmost_end);
		with_regs(v, r)
			r.gpr[3] = vm_vector(v->vm, vectors[i]);
		step_expect(v);
		step_check(v, "lxvrdx of a vector");
		step_expect(v)->gpr[5] = (__u64)insn << 32 | insn;
		step_check(v, "mfvsrld");
	}
	/* Where addresses are translated the vectors cannot be written to. */
	for (i = 0; i < ARRAY_SIZE(vectors) && !(vm_msr(v->vm) & MSR_DR); i++) {
		start_vsx(v, rightmost_store, rightmost_store_end);
		with_regs(v, r)
			r.gpr[4] = vm_vector(v->vm, vectors[i]);
		step_expect(v);
		step_check(v, "stxvrwx to a vector");
		step_expect(v)->gpr[6] = insn;
		step_check(v, "lwz of it");
	}
	if (v->vm->reference)
		return;
	get_counters(v, &c);
	ASSERT_EQ(0, c.lost);
}

/* Of ISA 3.1B: mtspr DEXCR, 7, or they do nothing; hashst 5, -8(3); hashchk 5, -8(3) */
GUEST_CODE(hash, "mtspr 828, 7; .long 0x7fe32da5; .long 0x7fe32de5; nop\n");

TEST_F(memory, hash_in_vectors)
{
	static const __u16 vectors[] = { 0x300, 0x400, 0x700, 0xd00, 0xf60 };
	struct vcpu *v = self->v;
	struct hvstep_counters c;
	size_t i;

	SKIP_BELOW_POWER(10, "hashst");
	if (vm_msr(v->vm) & MSR_DR)
		SKIP(return, "the vectors cannot be written to where they are mapped");
	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		unsigned char *word = v->vm->mem + vm_vector_ra(v->vm, vectors[i]), before[8];

		memcpy(before, word, sizeof(before));
		load_code(v, CODE_RA, hash, hash_end);
		with_regs(v, r) {
			r.gpr[3] = vm_vector(v->vm, vectors[i]) + 8;
			r.gpr[5] = VALUE + i;
			r.gpr[7] = ~0ULL;
		}
		/* What it stores depends on these registers; once, to have it there. */
		run_to(v, CODE_RA + 12, variant->cell.be_code, vm_ea(v->vm, CODE_RA) + 12, "unstepped");
		ASSERT_NE(0, memcmp(before, word, sizeof(before)));
		with_regs(v, r)
			r.pc -= 8;
		step_expect(v);
		step_check(v, "hashst to a vector");
		/* It traps if it finds another one. */
		step_expect(v);
		step_check(v, "hashchk of it");
		memcpy(word, before, sizeof(before));
	}
	/* KVM before 6.11 leaves it to the host as it is. */
	load_code(v, CODE_RA, hash, hash_end);
	with_regs(v, r)
		r.gpr[7] = 0;
	step_expect(v);
	step_check(v, "mtspr DEXCR");
	if (v->vm->reference)
		return;
	get_counters(v, &c);
	ASSERT_EQ(0, c.lost);
}

#define RESERVATION(X)							\
	X("lwarx 5, 0, 3",		e->gpr[5] = 0x89abcdef)		\
	X("ldarx 6, 0, 4",		e->gpr[6] = VALUE)
GUEST_STEPS(reservation, RESERVATION);
GUEST_CODE(stcx, "stdcx. 7, 0, 4; nop\n");

/*
 * The reservation may be lost between two steps, as in any interrupt (ISA Book
 * II 1.7.4): stcx. then stores nothing and says so in CR0. Both are right, but
 * never one without the other.
 */
TEST_F(memory, reservation)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	__u64 stored;

	put_data(vm, DATA_RA, 4, 0x89abcdef);
	put_data(vm, DATA_RA + 0x100, 8, VALUE);
	with_regs(v, r) {
		r.gpr[3] = vm_ea(vm, DATA_RA);
		r.gpr[4] = vm_ea(vm, DATA_RA + 0x100);
		r.gpr[7] = 0x7777777777777777;
		r.xer = XER_SO;
	}
	GUEST_RUN(reservation, RESERVATION);
	load_code(v, CODE_RA, stcx, stcx_end);
	step_expect(v);
	check_exit(v, step_run(v), KVM_EXIT_DEBUG, "stdcx.");
	snap_take(v, &v->got);
	stored = get_data(vm, DATA_RA + 0x100, 8);
	if (stored == 0x7777777777777777)
		v->expect.r.cr = 0x32345678;	/* EQ, and a copy of XER[SO] */
	else
		v->expect.r.cr = 0x12345678;
	snap_compare("stdcx.", &v->expect, &v->got);
	if (stored != 0x7777777777777777)
		ASSERT_EQ(VALUE, stored);
}

/* Without a step in between the pair works, also after stepping. */
GUEST_CODE(atomic_add,
	   "1: ldarx 5, 0, 3\n"
	   "addi	5, 5, 1\n"
	   "stdcx.	5, 0, 3\n"
	   "bne-	1b\n"
	   "nop\n");

TEST_F(memory, atomic_after_step)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;

	put_data(vm, DATA_RA, 8, 41);
	load_code(v, CODE_RA, atomic_add, atomic_add_end);
	with_regs(v, r)
		r.gpr[3] = vm_ea(vm, DATA_RA);
	step_expect(v)->gpr[5] = 41;
	step_check(v, "ldarx");
	run_to(v, CODE_RA + 16, variant->cell.be_code, vm_ea(vm, CODE_RA + 16), "atomic loop");
	ASSERT_EQ(42, get_data(vm, DATA_RA, 8));
}

#define CACHE(X)							\
	X("dcbz	0, 3")							\
	X("dcbst 0, 3")							\
	X("dcbf	0, 3")							\
	X("dcbt	0, 3")							\
	X("icbi	0, 4")							\
	X("sync")							\
	X("isync")
GUEST_STEPS(cache, CACHE);

TEST_F(memory, cache)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	int i;

	/* A cache block of POWER8 and later is 128 bytes. */
	memset(vm->mem + DATA_RA, 0xaa, 0x200);
	with_regs(v, r) {
		r.gpr[3] = vm_ea(vm, DATA_RA + 0x84);
		r.gpr[4] = vm_ea(vm, CODE_RA);
	}
	GUEST_RUN(cache, CACHE);
	for (i = 0; i < 0x200; i++) {
		if (vm->mem[DATA_RA + i] != (i >= 0x80 && i < 0x100 ? 0 : 0xaa))
			vm_fail("dcbz: byte %x is %02x", i, vm->mem[DATA_RA + i]);
	}
}

/* lmw and stmw are for big-endian code alone; no assembler has them for LE. */
#define MULTIPLE(X)							\
	X(".long 0xbba30000 # lmw 29, 0(3)", e->gpr[29] = 0x11111111;	\
					e->gpr[30] = 0x22222222;	\
					e->gpr[31] = 0x33333333)	\
	X(".long 0xbfc30010 # stmw 30, 16(3)")				\
	X("lwz	5, 16(3)",		e->gpr[5] = 0x22222222)		\
	X("lwz	5, 20(3)",		e->gpr[5] = 0x33333333)
GUEST_STEPS(multiple, MULTIPLE);

TEST_F(memory, multiple)
{
	struct vcpu *v = self->v;
	int i;

	if (!variant->cell.be_code)
		SKIP(return, "load multiple is for big-endian code");
	for (i = 0; i < 3; i++)
		put_data(v->vm, DATA_RA + 4 * i, 4, 0x11111111 * (i + 1));
	with_regs(v, r)
		r.gpr[3] = vm_ea(v->vm, DATA_RA);
	GUEST_RUN(multiple, MULTIPLE);
}

#define QUAD(X)								\
	X("lq	6, 0(3)",		e->gpr[6] = VALUE;		\
					e->gpr[7] = VALUE + 1)		\
	X("stq	6, 16(3)")						\
	X("ld	8, 16(3)",		e->gpr[8] = be ? VALUE : VALUE + 1)
GUEST_STEPS(quad, QUAD);

TEST_F(memory, quad)
{
	bool be = variant->cell.be_code;
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;

	/* ISA Book I 3.3.4: RTp is the doubleword of higher significance. */
	put_data(vm, DATA_RA, 8, be ? VALUE : VALUE + 1);
	put_data(vm, DATA_RA + 8, 8, be ? VALUE + 1 : VALUE);
	with_regs(v, r)
		r.gpr[3] = vm_ea(vm, DATA_RA);
	GUEST_RUN(quad, QUAD);
}

#define PREFIXED(X)							\
	X("pld	5, 0x100000(3)",	e->gpr[5] = VALUE; e->pc += 4)	\
	X("pstd	5, 0x100008(3)",	e->pc += 4)			\
	X("plwz	6, 0x100008(3)",	e->gpr[6] = be ? VALUE >> 32 : VALUE & 0xffffffff; \
					e->pc += 4)
GUEST_STEPS(prefixed, PREFIXED);

TEST_F(memory, prefixed)
{
	bool be = variant->cell.be_code;
	struct vcpu *v = self->v;

	SKIP_BELOW_POWER(10, "prefixed instructions");
	vcpu_set(v, KVM_REG_PPC_FSCR, FSCR_PREFIX);
	put_data(v->vm, DATA_RA, 8, VALUE);
	with_regs(v, r)
		r.gpr[3] = vm_ea(v->vm, DATA_RA) - 0x100000;
	GUEST_RUN(prefixed, PREFIXED);
}

KVM_TEST_MAIN
