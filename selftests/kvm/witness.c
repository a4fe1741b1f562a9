// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "witness.h"

#define STR_1(x...)	#x
#define STR(x...)	STR_1(x)

/* A vCPU's own data: its log from 0 on, then what the program needs */
#define REGION_RA(id)	(DATA_RA + 0x4000 * (id))
#define SCRATCH		0x3800
#define ID		0x3ef8
#define FRAME		0x3f00
#define COMMON_RA	(CODE_RA + 0x8000)
#define USER_REGION(id)	(USER_DATA_RA + 0x400 * (id))

#define H_TURN		0xfff4

/*
 * What an entry is about: the low bits of its tag. CFAR is not among them: after
 * any exit KVM leaves an address of the host in it.
 */
#define SAW_MSR		1
#define SAW_SRR0	2
#define SAW_SRR1	3
#define SAW_LR		4
#define SAW_CTR		5
#define SAW_CR		6
#define SAW_XER		7
#define SAW_DAR		8
#define SAW_DSISR	9
#define SAW_R3		10
#define SAW_SPRG0	11
#define SAW_SPRG1	12
#define SAW_SPRG2	13
#define SAW_SPRG3	14
#define SAW_FRAME_SRR0	15
#define SAW_FRAME_SRR1	16
#define SAW_FRAME_CR	17
#define SAW_TAR		18
#define SAW_DSCR	19
#define SAW_VRSAVE	20
#define SAW_AMR		21
#define SAW_SUM		22

static const char * const saw[32] = {
	[SAW_MSR] = "MSR", [SAW_SRR0] = "SRR0", [SAW_SRR1] = "SRR1", [SAW_LR] = "LR",
	[SAW_CTR] = "CTR", [SAW_CR] = "CR", [SAW_XER] = "XER",
	[SAW_DAR] = "DAR", [SAW_DSISR] = "DSISR", [SAW_R3] = "r3",
	[SAW_SPRG0] = "SPRG0", [SAW_SPRG1] = "SPRG1", [SAW_SPRG2] = "SPRG2",
	[SAW_SPRG3] = "SPRG3", [SAW_FRAME_SRR0] = "SRR0 in the frame",
	[SAW_FRAME_SRR1] = "SRR1 in the frame", [SAW_FRAME_CR] = "CR in the frame",
	[SAW_TAR] = "TAR", [SAW_DSCR] = "DSCR", [SAW_VRSAVE] = "VRSAVE", [SAW_AMR] = "AMR",
	[SAW_SUM] = "sum of 0x80 bytes",
};

/*
 * Where an entry was written, in the tag's bits above: the vector, 0 for the
 * program itself, from SUMS on the block of the vectors' pages.
 */
#define SUMS		0x1000
#define TURN_SHIFT	16

/*
 * Registers: r31 the entry written last, r30 the turn's tag, r29 scratch, r28
 * the vCPU's data, r24 the tag of this place; r23 flags; r22, r21, r16 addresses
 * that fault; r20, r19 the MSR and the address of problem state, r15 its data;
 * r18 SCRATCH; r17 the vectors; r14 counts turns; r13, r12 where to go back to in
 * the kernel when r0 is 1; r25 to r27 are the handlers', r11 everybody's.
 */
#define LOG(kind, reg)							\
	"ori	29, 24, " STR(kind) "\n"			\
	"stdu	29, 8(31)\n"						\
	"stdu	" #reg ", 8(31)\n"
#define SEE(kind, insn...)	STR(insn) "\n" LOG(kind, 11)

#define SEE_STATE							\
	"mfmsr 11\n" LOG(SAW_MSR, 11)					\
	SEE(SAW_SRR0, mfsrr0 11)					\
	SEE(SAW_SRR1, mfsrr1 11)					\
	SEE(SAW_LR, mflr 11)						\
	SEE(SAW_CTR, mfctr 11)						\
	SEE(SAW_CR, mfcr 11)						\
	SEE(SAW_XER, mfxer 11)						\
	SEE(SAW_FRAME_SRR0, ld 11, FRAME(28))				\
	SEE(SAW_FRAME_SRR1, ld 11, FRAME + 8(28))

#define FLAG_TRANSLATES	1
#define FLAG_VECTORS	2

/* Volatile over a hypercall (PAPR 14.5) */
#define AFTER_HCALL	"mtctr 14; mtcr 14\n"
/* EE in every other turn */
#define MTMSR_EE	"andi. 3, 14, 1; sldi 3, 3, 15; ori 3, 3, 2; mtmsrd 3, 1\n"

GUEST_CODE(witness_main,
	   "1: addi 14, 14, 1\n"
	   "sldi 30, 14, 16\n"
	   "mr	24, 30\n"
	   "addi 31, 28, -8\n"
	   MTMSR_EE
	   SEE_STATE
	   SEE(SAW_SPRG0, mfsprg 11, 0)
	   SEE(SAW_SPRG1, mfsprg 11, 1)
	   SEE(SAW_SPRG2, mfsprg 11, 2)
	   SEE(SAW_SPRG3, mfsprg 11, 3)
	   SEE(SAW_TAR, mfspr 11, 815)
	   SEE(SAW_DSCR, mfspr 11, 17)
	   SEE(SAW_VRSAVE, mfspr 11, 256)
	   SEE(SAW_AMR, mfspr 11, 29)
	   "sc\n"
	   SEE_STATE
	   "trap\n"
	   SEE_STATE
	   /* Storage and segment interrupts, if there is translation */
	   "andi. 3, 23, " STR(FLAG_TRANSLATES) "\n"
	   "beq	3f\n"
	   "ld	3, 8(22)\n"
	   SEE_STATE
	   "std	3, 0(22)\n"
	   "mtctr 22\n"
	   "bctrl\n"
	   SEE_STATE
	   "ld	3, 0(21)\n"
	   "mtctr 21\n"
	   "bctrl\n"
	   SEE_STATE
	   "3: addi 4, 18, 2\n"
	   "lwarx 3, 0, 4\n"
	   SEE_STATE
	   "fadd 1, 1, 1\n"
	   SEE_STATE
	   "vadduwm 1, 1, 1\n"
	   "xvadddp 1, 1, 1\n"
	   ".long 0\n"
	   SEE_STATE
	   /* Its own trace */
	   "mfmsr 3; ori 3, 3, 0x400; mtmsrd 3; nop; nop\n"
	   SEE_STATE
	   /* Prod itself, so as not to sleep: that enables interrupts. */
	   "ld	4, " STR(ID) "(28)\n"
	   "li	3, 0xe8; sc 1\n"
	   AFTER_HCALL
	   SEE_STATE
	   "li	3, 0xe0; sc 1\n"
	   AFTER_HCALL
	   SEE_STATE
	   LOG(SAW_R3, 3)
	   MTMSR_EE
	   /* SRR0 and SRR1 by hand, and a frame of one's own */
	   "li	3, 0x1234; mtsrr0 3; mtsrr1 4\n"
	   "ld	3, 0(18); addi 3, 3, 1; std 3, 0(18)\n"
	   SEE_STATE
	   "mtsprg 2, 14; sync; isync\n"
	   SEE_STATE
	   /* One page of vectors, words and doublewords in turn */
	   "andi. 3, 23, " STR(FLAG_VECTORS) "\n"
	   "beq	8f\n"
	   "addi 24, 30, " STR(SUMS) "\n"
	   "addi 5, 17, -8\n"
	   "andi. 3, 14, 1\n"
	   "bne	6f\n"
	   "addi 5, 5, 0x4000\n"
	   "addi 24, 24, 0x400\n"
	   "6: li 7, 32\n"
	   "mtctr 7\n"
	   "7: li 7, 0\n"
	   "addi 5, 5, 4\n"
	   ".rept 8; lwzu 8, 4(5); add 7, 7, 8; .endr\n"
	   "addi 5, 5, -4\n"
	   ".rept 12; ldu 8, 8(5); add 7, 7, 8; .endr\n"
	   LOG(SAW_SUM, 7)
	   "addi 24, 24, 0x20\n"
	   "bdnz 7b\n"
	   "mr	24, 30\n"
	   /* To problem state, and back by its last sc */
	   "8: mfmsr 12\n"
	   "mtsrr0 19\n"
	   "mtsrr1 20\n"
	   "bl	4f\n"
	   "b	5f\n"
	   "4: mflr 13\n"
	   "rfid\n"
	   "5:\n"
	   SEE_STATE
	   "li	3, 0; ori 3, 3, " STR(H_TURN) "\n"
	   "sc	1\n"
	   AFTER_HCALL
	   "b	1b\n");

GUEST_CODE(witness_user,
	   "mflr 3; sc\n"
	   "mfctr 3; sc\n"
	   "mfcr 3; sc\n"
	   "mfxer 3; sc\n"
	   "ld	3, 0(15); addi 3, 3, 1; std 3, 0(15); sc\n"
	   "trap\n"
	   "ld	3, 8(16)\n"
	   "std	3, 0(16)\n"
	   "mtctr 16; bctrl\n"
	   "ld	3, 0(21)\n"
	   "mtctr 21; bctrl\n"
	   "addi 4, 15, 2; lwarx 3, 0, 4\n"
	   "fadd 1, 1, 1\n"
	   "vadduwm 1, 1, 1\n"
	   "mfmsr 3\n"
	   ".long 0\n"
	   "lwzu 3, 4(15); addi 15, 15, -4\n"
	   "li	0, 1; sc\n"
	   "b	.\n");

/* Where to go on: bytes behind the instruction, or one of these */
#define TO_LR	-1
#define NO_SE	-2

/* What only the handler's first instructions can see; the rest is in common. */
#define STUB(vector, on)						\
	GUEST_CODE(stub_##vector,					\
		   "mfsrr0 25; mfsrr1 26\n"			\
		   "li	27, " STR(on) "\n"				\
		   "ori 24, 30, 0x" #vector "\n")
STUB(300, 4);
STUB(380, 4);
STUB(400, TO_LR);
STUB(480, TO_LR);
STUB(600, 4);
STUB(700, 4);
STUB(800, 4);
STUB(c00, 0);
STUB(d00, NO_SE);
STUB(f20, 4);
STUB(f40, 4);

static const struct stub {
	__u64 vector;
	const __u32 *start, *end;
} stubs[] = {
#define STUB_AT(vector)	{ 0x##vector, stub_##vector, stub_##vector##_end }
	STUB_AT(300), STUB_AT(380), STUB_AT(400), STUB_AT(480), STUB_AT(600), STUB_AT(700),
	STUB_AT(800), STUB_AT(c00), STUB_AT(d00), STUB_AT(f20), STUB_AT(f40),
};

/*
 * Behind the instruction: by r27, or to LR where it was a branch. SF is set for
 * POWER8, where KVM loses it in an instruction storage interrupt's SRR1.
 */
GUEST_CODE(witness_common,
	   LOG(SAW_SRR0, 25)
	   LOG(SAW_SRR1, 26)
	   SEE(SAW_MSR, mfmsr 11)
	   SEE(SAW_SRR0, mfsrr0 11)
	   SEE(SAW_SRR1, mfsrr1 11)
	   SEE(SAW_LR, mflr 11)
	   SEE(SAW_CTR, mfctr 11)
	   SEE(SAW_CR, mfcr 11)
	   SEE(SAW_XER, mfxer 11)
	   SEE(SAW_DAR, mfdar 11)
	   SEE(SAW_DSISR, mfdsisr 11)
	   LOG(SAW_R3, 3)
	   "std	25, " STR(FRAME) "(28)\n"
	   "std	26, " STR(FRAME) " + 8(28)\n"
	   "mfcr 11; std 11, " STR(FRAME) " + 16(28)\n"
	   "li	11, 1; rldicr 11, 11, 63, 0; or 26, 26, 11\n"
	   "cmpdi 27, " STR(TO_LR) "\n"
	   "bne	1f\n"
	   "mflr 25\n"
	   "b	3f\n"
	   "1: cmpdi 27, " STR(NO_SE) "\n"
	   "bne	2f\n"
	   "li	11, -0x401\n"
	   "and	26, 26, 11\n"
	   "b	3f\n"
	   "2: add 25, 25, 27\n"
	   "3: cmpdi 0, 1\n"
	   "bne	4f\n"
	   "li	0, 0\n"
	   "mr	25, 13\n"
	   "mr	26, 12\n"
	   "4: std 25, " STR(FRAME) " + 24(28)\n"
	   "std	26, " STR(FRAME) " + 32(28)\n"
	   "ld	11, " STR(FRAME) " + 24(28); mtsrr0 11\n"
	   "ld	11, " STR(FRAME) " + 32(28); mtsrr1 11\n"
	   SEE(SAW_SRR0, mfsrr0 11)
	   SEE(SAW_SRR1, mfsrr1 11)
	   SEE(SAW_FRAME_CR, ld 11, FRAME + 16(28))
	   "mtcr 11\n"
	   "mr	24, 30\n"
	   "rfid\n");

static void put_stub(struct vm *vm, const struct stub *stub, __u64 ra)
{
	bool be = !vm->cell->ile;
	__u64 b = ra + (stub->end - stub->start) * 4;

	put_words(vm, ra, stub->start, stub->end, be);
	put_insn(vm, b, PPC_INST_BRANCH_SELF | ((COMMON_RA - b) & 0x3fffffc), be);
}

void witness_install(struct vm *vm)
{
	const struct stub *stub;

	for (stub = stubs; stub < stubs + ARRAY_SIZE(stubs); stub++) {
		put_stub(vm, stub, vm_vector_ra(vm, stub->vector));
		if (vm_reflects_in_real_mode(vm, stub->vector))
			put_stub(vm, stub, stub->vector);
	}
	put_words(vm, COMMON_RA, witness_common, witness_common_end, !vm->cell->ile);
	put_code(vm, CODE_RA, witness_main, witness_main_end);
	put_code(vm, USER_CODE_RA, witness_user, witness_user_end);
}

static void begin(struct witness *w)
{
	struct vcpu *v = w->v;
	struct vm *vm = v->vm;

	w->turns = 0;
	memset(vm->mem + REGION_RA(v->id), 0, 0x4000);
	memset(vm->mem + USER_REGION(v->id), 0, 0x400);
	put_data(vm, REGION_RA(v->id) + ID, 8, v->id);
	vcpu_set_dec(v, DEC_NEVER);
	with_regs(v, r) {
		memset(r.gpr, 0, sizeof(r.gpr));
		r.pc = vm_ea(vm, CODE_RA);
		r.msr = vm_msr(vm);
		r.lr = 0x1234567812345678;
		r.ctr = 0x8765432187654321;
		r.cr = 0x12345678;
		r.xer = 0;
		r.srr0 = 0x00a5a5a5a5a5a5a4;
		r.srr1 = 0x005a5a5a5a5a5a5a;
		r.sprg2 = 0;
		r.gpr[15] = USER_REGION(v->id);
		r.gpr[16] = UNMAPPED_RA;
		r.gpr[17] = vm_ea(vm, VECTORS_RA);
		r.gpr[18] = vm_ea(vm, REGION_RA(v->id) + SCRATCH);
		r.gpr[19] = USER_CODE_RA;
		r.gpr[20] = vm_user_msr(vm);
		r.gpr[21] = NO_SEGMENT_EA;
		r.gpr[22] = vm_ea(vm, UNMAPPED_RA);
		r.gpr[23] = (vm->cell->ail ? FLAG_TRANSLATES : 0) |
			    (w->vectors ? FLAG_VECTORS : 0);
		r.gpr[28] = vm_ea(vm, REGION_RA(v->id));
	}
	vcpu_set(v, KVM_REG_PPC_DAR, 0xdadadadadadadada);
	vcpu_set(v, KVM_REG_PPC_DSISR, 0x0d0d0d0d);
}

void witness_start(struct witness *w, struct vcpu *v, bool vectors)
{
	memset(w, 0, sizeof(*w));
	w->v = v;
	w->vectors = vectors;
	begin(w);
}

void witness_restart(struct witness *w)
{
	struct vcpu *v = w->v;
	int ret;

	/* Or the hypercall's results would come over the new registers. */
	v->run->immediate_exit = 1;
	ret = vcpu_run(v);
	v->run->immediate_exit = 0;
	if (ret != -EINTR)
		check_exit(v, ret, KVM_EXIT_INTR, "immediate_exit");
	begin(w);
}

void witness_free(struct witness *w)
{
	int i;

	for (i = 0; i < WITNESS_TURNS; i++)
		free(w->log[i]);
}

void witness_turn(struct witness *w, int ret, const char *what)
{
	struct vcpu *v = w->v;
	struct vm *vm = v->vm;
	struct witness_entry *log;
	__u64 base = vm_ea(vm, REGION_RA(v->id));
	size_t i, n;

	check_exit(v, ret, KVM_EXIT_PAPR_HCALL, what);
	if (v->run->papr_hcall.nr != H_TURN)
		vm_fail("%s: hypercall %llx", what, v->run->papr_hcall.nr);
	v->run->papr_hcall.ret = H_SUCCESS;
	snap_take(v, &w->end);
	/* Unstepped, KVM leaves the LEV of the last hypercall (ISA 3.1) in its MSR. */
	w->end.r.msr &= SRR1_MSR_BITS;
	n = (w->end.r.gpr[31] + 8 - base) / sizeof(*log);
	if (n > SCRATCH / sizeof(*log))
		vm_fail("%s: r31 is %llx", what, w->end.r.gpr[31]);
	log = realloc(w->log[w->turns], n * sizeof(*log));
	for (i = 0; i < n; i++) {
		log[i].tag = get_data(vm, REGION_RA(v->id) + 16 * i, 8);
		log[i].value = get_data(vm, REGION_RA(v->id) + 16 * i + 8, 8);
	}
	w->log[w->turns] = log;
	w->nr[w->turns++] = n;
}

void witness_twin(struct witness *twin, const struct vcpu *v, bool vectors)
{
	struct vm *vm = vm_create(v->vm->cell);
	__u32 id;
	int i;

	/* All up to this one, for what KVM makes of the number of vCPUs */
	for (id = 0; id < v->id; id++)
		vm_vcpu(vm, id);
	witness_install(vm);
	witness_start(twin, vm_vcpu(vm, v->id), vectors);
	for (i = 0; i < WITNESS_TURNS; i++)
		witness_turn(twin, vcpu_run(twin->v), "unstepped");
}

__u64 witness_insn(unsigned int random)
{
	size_t n = witness_main_end - witness_main, c = witness_common_end - witness_common;
	size_t u = witness_user_end - witness_user, i = random % (n + c + u);

	if (i < n)
		return CODE_RA + 4 * i;
	i -= n;
	return i < c ? COMMON_RA + 4 * i : USER_CODE_RA + 4 * (i - c);
}

static void describe(char *text, size_t size, __u64 tag)
{
	unsigned int where = tag & ((1 << TURN_SHIFT) - 1), block = (where - SUMS) / 0x20;
	const char *name = saw[where & 0x1f] ?: "nothing known";

	if (where < 0x20)
		snprintf(text, size, "turn %llu: %s", tag >> TURN_SHIFT, name);
	else if (where < SUMS)
		snprintf(text, size, "turn %llu, handler 0x%x: %s", tag >> TURN_SHIFT,
			 where & ~0x1f, name);
	else
		snprintf(text, size, "turn %llu, vectors at 0x%x: %s", tag >> TURN_SHIFT,
			 block / 32 * 0x4000 + block % 32 * 0x80, name);
}

void witness_compare_turn(const char *what, const struct witness *twin,
			  const struct witness *w, int turn)
{
	const struct witness_entry *e = twin->log[turn], *g = w->log[turn];
	size_t i, n = twin->nr[turn];
	char text[128];

	if (n > w->nr[turn])
		n = w->nr[turn];
	for (i = 0; i < n; i++) {
		if (e[i].tag == g[i].tag && e[i].value == g[i].value)
			continue;
		describe(text, sizeof(text), g[i].tag);
		if (e[i].tag != g[i].tag) {
			char unstepped[128];

			describe(unstepped, sizeof(unstepped), e[i].tag);
			vm_fail("%s: entry %zu is %s (0x%llx), unstepped %s (0x%llx)", what, i,
				text, g[i].value, unstepped, e[i].value);
		}
		vm_fail("%s: entry %zu, %s is 0x%llx, unstepped 0x%llx", what, i, text,
			g[i].value, e[i].value);
	}
	if (twin->nr[turn] != w->nr[turn])
		vm_fail("%s: turn %d has %zu entries, unstepped %zu", what, turn + 1,
			w->nr[turn], twin->nr[turn]);
}

void witness_compare(const char *what, const struct witness *twin, const struct witness *w)
{
	const unsigned char *e = twin->v->vm->mem, *g = w->v->vm->mem;
	size_t i;
	int turn;

	if (twin->turns != w->turns)
		vm_fail("%s: %d turns, unstepped %d", what, w->turns, twin->turns);
	for (turn = 0; turn < w->turns; turn++)
		witness_compare_turn(what, twin, w, turn);
	snap_compare(what, &twin->end, &w->end);
	if (!memcmp(e, g, MEM_SIZE))
		return;
	for (i = 0; e[i] == g[i]; i++)
		;
	vm_fail("%s: memory at %zx holds %02x, unstepped %02x", what, i, g[i], e[i]);
}
