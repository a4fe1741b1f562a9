// SPDX-License-Identifier: GPL-2.0
/*
 * kmod/plan.c, the pure part of the module, on any machine. The expectations
 * are tables written from the ISA (Book III: "Trace Interrupt", "Return From
 * Interrupt Doubleword", "Move To MSR"), and properties that must hold for
 * every instruction there is.
 */
#include <string.h>

#include "kselftest_harness.h"

#include "plan.h"

#define MSR_KERNEL	(MSR_SF | MSR_VEC | MSR_VSX | MSR_EE | MSR_FP | MSR_ME | \
			 MSR_IR | MSR_DR | MSR_RI | MSR_LE)
#define MSR_USER	(MSR_KERNEL | MSR_PR)

#define NIP		0xc000000000012340UL

static struct hvstep_plan plan_of(u32 word, u64 msr)
{
	struct hvstep_plan_in in = {
		.word = word, .msr = msr, .nip = NIP, .fetched = true,
		.arch_300 = true, .ebbrr = 0x1000,
	};
	struct hvstep_plan plan;

	memset(&plan, 0xff, sizeof(plan));
	hvstep_plan_make(&in, &plan);
	return plan;
}

/* The shorter way comes to the same plan. */
TEST(ordinary)
{
	unsigned int op, low, nr = 0;

	for (op = 0; op < 64; op++) {
		for (low = 0; low < 0x10000; low++) {
			u32 word = op << 26 | 0x00850000 | low;
			struct hvstep_plan plan = plan_of(word, MSR_KERNEL);
			struct hvstep_plan user = plan_of(word, MSR_USER);
			struct hvstep_plan quick = { .probe = true };

			if (!hvstep_plan_ordinary(word, &quick))
				continue;
			nr++;
			ASSERT_EQ(0, memcmp(&plan, &quick, sizeof(plan)))
				TH_LOG("%08x", word);
			ASSERT_EQ(0, memcmp(&user, &quick, sizeof(plan)))
				TH_LOG("%08x in problem state", word);
		}
	}
	/* lwz to stfdu, lq, ld, std, and what computes in FPRs and VSRs */
	ASSERT_EQ(30 * 0x10000, nr);
}

#define VALID	(BIT(HVSTEP_VEC_PROGRAM) | BIT(HVSTEP_VEC_FACILITY))
#define ALIGNED	BIT(HVSTEP_VEC_ALIGNMENT)
#define SEGMENT	BIT(HVSTEP_VEC_DSEG)

/* What a load or store cannot get to, of r3 with no displacement; all others may. */
static const struct {
	const char *name;
	u32 word;
	bool plain;
} loads[] = {
	{ "lwz",	0x80830000, true },	{ "lwzu",	0x84830000, false },
	{ "lbz",	0x88830000, true },	{ "lbzu",	0x8c830000, false },
	{ "stw",	0x90830000, true },	{ "stwu",	0x94830000, false },
	{ "stb",	0x98830000, true },	{ "stbu",	0x9c830000, false },
	{ "lhz",	0xa0830000, true },	{ "lhzu",	0xa4830000, false },
	{ "lha",	0xa8830000, true },	{ "lhau",	0xac830000, false },
	{ "sth",	0xb0830000, true },	{ "sthu",	0xb4830000, false },
	{ "lmw",	0xb8830000, false },	{ "stmw",	0xbc830000, false },
	{ "lfs",	0xc0830000, false },	{ "stfd",	0xd8830000, false },
	{ "lq",		0xe0830000, false },	{ "stq",	0xf8830002, false },
	{ "ld",		0xe8830000, true },	{ "ldu",	0xe8830001, false },
	{ "lwa",	0xe8830002, true },	{ "58, 3",	0xe8830003, false },
	{ "std",	0xf8830000, true },	{ "stdu",	0xf8830001, false },
	{ "62, 3",	0xf8830003, false },	{ "lxvp",	0x18830000, false },
};

static const struct {
	u64 ea;
	u32 never;
} places[] = {
	{ 0xc000000000001008, VALID | ALIGNED | SEGMENT },
	{ 0xc000000000001004, VALID | SEGMENT },
	{ 0x0000000000001000, VALID | ALIGNED | SEGMENT },
	{ 0x000ffffffffffff8, VALID | ALIGNED | SEGMENT },
	{ 0x0010000000000000, VALID | ALIGNED },
	{ 0xc010000000000001, VALID },
	{ 0x4000000000000000, VALID | ALIGNED },
	{ 0x8000000000000000, VALID | ALIGNED },
	{ 0xe000000000000000, VALID | ALIGNED },
};

TEST(never)
{
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(loads); i++) {
		for (k = 0; k < ARRAY_SIZE(places); k++) {
			u32 never = loads[i].plain ? places[k].never : 0;

			ASSERT_EQ(never, hvstep_plan_never(loads[i].word, 0, places[k].ea, true))
				TH_LOG("%s at %llx", loads[i].name, places[k].ea);
			ASSERT_EQ(never & ~SEGMENT,
				  hvstep_plan_never(loads[i].word, 0, places[k].ea, false))
				TH_LOG("%s at %llx, hash", loads[i].name, places[k].ea);
			ASSERT_EQ(never & ~BIT(HVSTEP_VEC_PROGRAM),
				  hvstep_plan_never(loads[i].word, MSR_FE0, places[k].ea, true))
				TH_LOG("%s at %llx, FE0", loads[i].name, places[k].ea);
			ASSERT_EQ(never & ~BIT(HVSTEP_VEC_PROGRAM),
				  hvstep_plan_never(loads[i].word, MSR_FE1, places[k].ea, true))
				TH_LOG("%s at %llx, FE1", loads[i].name, places[k].ea);
		}
	}
}

/* Instructions that a Trace interrupt does not follow, or that would leak. */
static const struct {
	const char *name;
	u32 word;
	enum hvstep_emul kernel;	/* in privileged state; all else is traced */
} required[] = {
	{ "mfmsr r6",		0x7cc000a6, HVSTEP_EMUL_MFMSR },
	{ "mtmsr r6",		0x7cc00124, HVSTEP_EMUL_MTMSR },
	{ "mtmsrd r6",		0x7cc00164, HVSTEP_EMUL_MTMSRD },
	{ "mtmsrd r6,1",	0x7cc10164, HVSTEP_EMUL_MTMSRD },
	{ "mtsrr0 r6",		0x7cda03a6, HVSTEP_EMUL_MTSRR0 },
	{ "mtsrr1 r6",		0x7cdb03a6, HVSTEP_EMUL_MTSRR1 },
	{ "rfid",		0x4c000024, HVSTEP_EMUL_RFID },
	{ "rfscv",		0x4c0000a4, HVSTEP_EMUL_RFSCV },
};

TEST(required_in_privileged_state)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(required); i++) {
		struct hvstep_plan plan = plan_of(required[i].word, MSR_KERNEL);

		EXPECT_EQ(required[i].kernel, plan.emul)
			TH_LOG("%s", required[i].name);
		EXPECT_TRUE(plan.required) TH_LOG("%s", required[i].name);
	}
}

/* There they are privileged: the hardware raises the program interrupt. */
TEST(required_in_problem_state)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(required); i++) {
		struct hvstep_plan plan = plan_of(required[i].word, MSR_USER);

		EXPECT_FALSE(plan.required) TH_LOG("%s", required[i].name);
		EXPECT_TRUE(plan.se) TH_LOG("%s", required[i].name);
		EXPECT_TRUE(plan.vectors & BIT(HVSTEP_VEC_PROGRAM))
			TH_LOG("%s", required[i].name);
	}
}

TEST(system_calls)
{
	struct hvstep_plan plan;

	plan = plan_of(0x44000002, MSR_USER);		/* sc */
	EXPECT_FALSE(plan.se);
	EXPECT_EQ(HVSTEP_EMUL_NONE, plan.emul);
	EXPECT_TRUE(plan.vectors & BIT(HVSTEP_VEC_SYSCALL));
	EXPECT_FALSE(plan.vectors & BIT(HVSTEP_VEC_TRACE));

	plan = plan_of(0x44000ce1, MSR_USER);		/* scv 0x67 */
	EXPECT_FALSE(plan.se);
	EXPECT_EQ(0x67, plan.scv_lev);
	EXPECT_TRUE(plan.vectors & BIT(HVSTEP_VEC_SCV));
	EXPECT_TRUE(plan.vectors & BIT(HVSTEP_VEC_FACILITY));

	plan = plan_of(0x44000022, MSR_KERNEL);		/* sc 1 */
	EXPECT_TRUE(plan.hcall);
	EXPECT_FALSE(plan.se);
	EXPECT_FALSE(plan.nr_next);
	EXPECT_TRUE(plan.vectors & BIT(HVSTEP_VEC_ISI));
	EXPECT_FALSE(plan.vectors & BIT(HVSTEP_VEC_SYSCALL));

	/* What has no LEV 2 may take it for 0. */
	plan = plan_of(0x44000042, MSR_KERNEL);
	EXPECT_TRUE(plan.vectors & BIT(HVSTEP_VEC_SYSCALL));

	plan = plan_of(0x44000022, MSR_USER);		/* reflected by KVM */
	EXPECT_FALSE(plan.hcall);
	EXPECT_TRUE(plan.vectors & BIT(HVSTEP_VEC_SYSCALL));
	EXPECT_TRUE(plan.vectors & BIT(HVSTEP_VEC_PROGRAM));

	/* Neither sc nor scv: an invalid form, traced like any other. */
	plan = plan_of(0x44000000, MSR_KERNEL);
	EXPECT_TRUE(plan.se);
}

/* POWER8 completes hypercalls in real mode, past the run loop's top. */
TEST(hypercall_power8)
{
	struct hvstep_plan_in in = {
		.word = 0x44000022, .msr = MSR_KERNEL, .nip = NIP, .fetched = true,
	};
	struct hvstep_plan plan;

	hvstep_plan_make(&in, &plan);
	EXPECT_TRUE(plan.hcall);
	EXPECT_TRUE(plan.nr_next);
	EXPECT_EQ(NIP + 4, plan.next_ea[0]);

	/* H_CEDE would sleep with the breakpoint armed. */
	in.gpr3 = 0xe0;
	hvstep_plan_make(&in, &plan);
	EXPECT_EQ(HVSTEP_EMUL_CEDE, plan.emul);
	EXPECT_TRUE(plan.required);
	EXPECT_FALSE(plan.nr_next);
}

/* A hypercall that takes its time keeps nobody else waiting. */
TEST(hypercalls_that_block)
{
	static const u64 nr[] = { 0xe0, 0xf804 };	/* H_CEDE, H_ENTER_NESTED */
	struct hvstep_plan_in in = {
		.word = 0x44000022, .msr = MSR_KERNEL, .nip = NIP, .fetched = true,
		.arch_300 = true,
	};
	struct hvstep_plan plan;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(nr); i++) {
		in.gpr3 = nr[i];
		hvstep_plan_make(&in, &plan);
		EXPECT_TRUE(plan.hcall);
		EXPECT_EQ(HVSTEP_EMUL_NONE, plan.emul);
		EXPECT_EQ(0, plan.vectors);
	}
}

TEST(untraced_but_sequential)
{
	struct hvstep_plan plan;

	plan = plan_of(0x4c0002e4, MSR_KERNEL);		/* stop */
	EXPECT_FALSE(plan.se);
	EXPECT_TRUE(plan.nr_next);
	EXPECT_EQ(NIP + 4, plan.next_ea[0]);

	plan = plan_of(0x4c000124, MSR_USER);		/* rfebb 0 */
	EXPECT_FALSE(plan.se);
	EXPECT_TRUE(plan.nr_next);
	EXPECT_EQ(0x1000, plan.next_ea[0]);
}

/* Nothing could tell that it has been executed. */
TEST(rfebb_to_itself)
{
	struct hvstep_plan_in in = {
		.word = 0x4c000124, .msr = MSR_USER, .nip = NIP, .ebbrr = NIP + 3,
		.fetched = true, .arch_300 = true,
	};
	struct hvstep_plan plan;

	hvstep_plan_make(&in, &plan);
	EXPECT_TRUE(plan.required);
	EXPECT_EQ(HVSTEP_EMUL_NONE, plan.emul);
	EXPECT_EQ(0, plan.nr_next);
}

/* In 32-bit mode addresses wrap. */
TEST(next_in_32_bit_mode)
{
	struct hvstep_plan_in in = {
		.word = 0x4c0002e4, .msr = MSR_KERNEL & ~MSR_SF, .nip = 0xfffffffc,
		.fetched = true, .arch_300 = true,
	};
	struct hvstep_plan plan;

	hvstep_plan_make(&in, &plan);
	EXPECT_EQ(0, plan.next_ea[0]);
}

/* An older mode restricts problem state: analyse_instr() knows the host's. */
TEST(compatibility_mode)
{
	struct hvstep_plan_in in = {
		.word = 0x38630007, .msr = MSR_USER, .nip = NIP, .fetched = true,
		.arch_300 = true, .compat = true,
	};
	struct hvstep_plan plan;

	hvstep_plan_make(&in, &plan);
	EXPECT_EQ(HVSTEP_EMUL_NONE, plan.emul);
	EXPECT_TRUE(plan.se);
	/* There is no prefix there. */
	in.word = 0x06000000;
	hvstep_plan_make(&in, &plan);
	EXPECT_EQ(4, plan.len);
	/* rfscv came with POWER9. */
	in.word = 0x4c0000a4;
	in.msr = MSR_KERNEL;
	in.compat = false;
	in.arch_300 = false;
	hvstep_plan_make(&in, &plan);
	EXPECT_FALSE(plan.required);
	EXPECT_TRUE(plan.se);
}

/* Where hardware should fetch it, only what must be is emulated. */
TEST(fetch_by_hardware)
{
	struct hvstep_plan_in in = {
		.word = 0x38630007, .msr = MSR_KERNEL, .nip = NIP, .fetched = true,
		.arch_300 = true, .hw_fetch = true,
	};
	struct hvstep_plan plan;

	hvstep_plan_make(&in, &plan);
	EXPECT_EQ(HVSTEP_EMUL_NONE, plan.emul);
	EXPECT_TRUE(plan.se);
	in.word = 0x4c000024;
	hvstep_plan_make(&in, &plan);
	EXPECT_EQ(HVSTEP_EMUL_RFID, plan.emul);
}

TEST(not_for_emulation)
{
	/* or 1,1,1, or 31,31,31, or 2,2,2: the priority of the thread */
	EXPECT_EQ(HVSTEP_EMUL_NONE, plan_of(0x7c210b78, MSR_KERNEL).emul);
	EXPECT_EQ(HVSTEP_EMUL_NONE, plan_of(0x7ffffb78, MSR_USER).emul);
	EXPECT_EQ(HVSTEP_EMUL_NONE, plan_of(0x7c421378, MSR_USER).emul);
	/* executed by hardware, and met behind themselves */
	EXPECT_TRUE(plan_of(0x7c210b78, MSR_KERNEL).nr_next);
	EXPECT_EQ(NIP + 4, plan_of(0x7c210b78, MSR_KERNEL).next_ea[0]);
	EXPECT_FALSE(plan_of(0x7c210b78, MSR_KERNEL).se);
	/*
	 * So are mtspr 796 and 797, r6: the Trace interrupt writes SIAR and SDAR; and mtspr 795
	 * and 779: MMCR0 says whether. Not mtspr 798.
	 */
	EXPECT_FALSE(plan_of(0x7cdbc3a6, MSR_KERNEL).se);
	EXPECT_FALSE(plan_of(0x7ccbc3a6, MSR_USER).se);
	EXPECT_FALSE(plan_of(0x7cdcc3a6, MSR_KERNEL).se);
	EXPECT_EQ(NIP + 4, plan_of(0x7cdcc3a6, MSR_KERNEL).next_ea[0]);
	EXPECT_FALSE(plan_of(0x7cddc3a6, MSR_KERNEL).se);
	EXPECT_TRUE(plan_of(0x7cdec3a6, MSR_KERNEL).se);
	/* mr r3,r4 */
	EXPECT_EQ(HVSTEP_EMUL_COMPUTE, plan_of(0x7c832378, MSR_USER).emul);
	/* bdnz in 32-bit mode looks at half of CTR. */
	EXPECT_EQ(HVSTEP_EMUL_NONE, plan_of(0x4200fffc, MSR_USER & ~MSR_SF).emul);
	EXPECT_EQ(HVSTEP_EMUL_COMPUTE, plan_of(0x4200fffc, MSR_USER).emul);
}

/* What analyse_instr() would take for another form's, or for a valid one */
TEST(inexact_forms)
{
	static const struct {
		const char *name;
		u32 valid, inexact;
	} forms[] = {
		{ "crand, bit 31",	0x4c432202, 0x4c432203 },
		{ "mcrf, bit 31",	0x4c840000, 0x4c840001 },
		{ "mcrf, bit 9",	0x4c840000, 0x4cc40000 },
		{ "mfcr, FXM",		0x7c600026, 0x7c601026 },
		{ "mfcr, bit 31",	0x7c600026, 0x7c600027 },
		{ "mfocrf",		0x7c600026, 0x7c710026 },
		{ "mtcrf, bit 20",	0x7c6ff120, 0x7c6ff920 },
		{ "mtocrf, two fields",	0x7c710120, 0x7c730120 },
		{ "setb, bit 31",	0x7c640100, 0x7c640101 },
		{ "setb, RB",		0x7c640100, 0x7c640900 },
		{ "cmpd, bit 9",	0x7c232000, 0x7c632000 },
		{ "cmpdi, bit 9",	0x2c230001, 0x2c630001 },
		{ "isel, bit 31",	0x7c64281e, 0x7c64281f },
		{ "extsb, RB",		0x7c830774, 0x7c831774 },
		{ "neg, RB",		0x7c6400d0, 0x7c6410d0 },
		{ "popcntd, Rc",	0x7c8303f4, 0x7c8303f5 },
		{ "mflr, bit 31",	0x7c6802a6, 0x7c6802a7 },
		{ "blr, bit 16",	0x4e800020, 0x4e808020 },
		{ "bcctr that counts",	0x4e800420, 0x4e000420 },
		{ "bdnzf, z",		0x40000010, 0x40200010 },
		{ "b always, z",	0x42800010, 0x42a00010 },
		/* Undefined results: what of division by zero, and of divw */
		{ "divw",		0x7c6429d6, 0x7c642bd6 },
		{ "modud",		0x7c6429d6, 0x7c642a12 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		EXPECT_EQ(HVSTEP_EMUL_COMPUTE, plan_of(forms[i].valid, MSR_USER).emul)
			TH_LOG("%s", forms[i].name);
		EXPECT_EQ(HVSTEP_EMUL_NONE, plan_of(forms[i].inexact, MSR_USER).emul)
			TH_LOG("%s", forms[i].name);
	}
	/* A word of zeros has no reserved bit set, and is no instruction. */
	EXPECT_EQ(HVSTEP_EMUL_NONE, plan_of(0, MSR_USER).emul);
}

/* Branches count CTR in the lower half then; nothing else is in doubt. */
TEST(at_trace_in_32_bit_mode)
{
	struct hvstep_plan_in in = {
		.word = 0x4200fffc, .msr = MSR_KERNEL & ~MSR_SF, .nip = 0xd00,
		.fetched = true, .arch_300 = true, .at_trace = true,
	};
	struct hvstep_plan plan;

	hvstep_plan_make(&in, &plan);
	EXPECT_EQ(HVSTEP_EMUL_NONE, plan.emul);
	EXPECT_TRUE(plan.required);
	in.word = 0x38630007;
	hvstep_plan_make(&in, &plan);
	EXPECT_EQ(HVSTEP_EMUL_COMPUTE, plan.emul);
}

TEST(policy_and_own_trace)
{
	struct hvstep_plan_in in = {
		.word = 0x38630007, .msr = MSR_KERNEL, .nip = NIP, .fetched = true,
		.arch_300 = true,
	};
	struct hvstep_plan plan;

	hvstep_plan_make(&in, &plan);
	EXPECT_EQ(HVSTEP_EMUL_COMPUTE, plan.emul);
	EXPECT_FALSE(plan.required);

	in.trace_all = true;
	hvstep_plan_make(&in, &plan);
	EXPECT_EQ(HVSTEP_EMUL_NONE, plan.emul);

	in.trace_all = false;
	in.own_trace = true;
	hvstep_plan_make(&in, &plan);
	EXPECT_EQ(HVSTEP_EMUL_NONE, plan.emul);
	EXPECT_TRUE(plan.vectors & BIT(HVSTEP_VEC_TRACE));

	/* At the trace handler there is no place for the breakpoint. */
	in.own_trace = false;
	in.trace_all = true;
	in.at_trace = true;
	hvstep_plan_make(&in, &plan);
	EXPECT_EQ(HVSTEP_EMUL_COMPUTE, plan.emul);
	EXPECT_FALSE(plan.se);
	EXPECT_TRUE(plan.nr_next);
	EXPECT_EQ(NIP + 4, plan.next_ea[0]);
	EXPECT_FALSE(plan.vectors & BIT(HVSTEP_VEC_TRACE));
	EXPECT_FALSE(plan.required);

	/* A branch goes elsewhere, a guest that traces itself comes back. */
	in.word = 0x48000100;
	hvstep_plan_make(&in, &plan);
	EXPECT_EQ(HVSTEP_EMUL_COMPUTE, plan.emul);
	EXPECT_TRUE(plan.required);
	in.word = 0x7db243a6;
	in.own_trace = true;
	hvstep_plan_make(&in, &plan);
	EXPECT_TRUE(plan.required);
}

/* What could not be read is executed by hardware or faults there. */
TEST(not_fetched)
{
	struct hvstep_plan_in in = { .msr = MSR_USER, .nip = NIP, .arch_300 = true };
	struct hvstep_plan plan;

	hvstep_plan_make(&in, &plan);
	EXPECT_TRUE(plan.se);
	EXPECT_EQ(HVSTEP_EMUL_NONE, plan.emul);
	EXPECT_TRUE(plan.vectors & BIT(HVSTEP_VEC_ISI));
	EXPECT_TRUE(plan.vectors & BIT(HVSTEP_VEC_ISEG));
	EXPECT_TRUE(plan.vectors & BIT(HVSTEP_VEC_TRACE));
	EXPECT_FALSE(plan.required);

	in.at_trace = true;
	hvstep_plan_make(&in, &plan);
	EXPECT_TRUE(plan.required);
}

/*
 * Every primary and extended opcode, both privilege levels: each plan has a
 * place to stop, nothing is both, and what can fault has its handlers armed.
 */
static void check_plan(struct __test_metadata *_metadata, u32 word, u64 msr)
{
	struct hvstep_plan plan = plan_of(word, msr);
	bool handler = plan.vectors & (BIT(HVSTEP_VEC_SYSCALL) | BIT(HVSTEP_VEC_SCV)) &&
		       !plan.hcall;
	bool traced = plan.se && plan.vectors & BIT(HVSTEP_VEC_TRACE);
	int ways = traced + (plan.nr_next == 1) + (plan.hcall && !plan.nr_next) +
		   (handler && !plan.se);

	EXPECT_EQ(1, ways) TH_LOG("%08x: %d ways to stop", word, ways);
	EXPECT_TRUE(plan.len == 4 || plan.len == 8);
	EXPECT_EQ(plan.se, !!(plan.vectors & BIT(HVSTEP_VEC_TRACE)))
		TH_LOG("%08x", word);
	EXPECT_FALSE(plan.required && msr & MSR_PR) TH_LOG("%08x", word);
	if (!plan.hcall) {
		EXPECT_TRUE(plan.vectors & BIT(HVSTEP_VEC_ISI)) TH_LOG("%08x", word);
		EXPECT_TRUE(plan.vectors & BIT(HVSTEP_VEC_PROGRAM)) TH_LOG("%08x", word);
	}
	/* Interrupts that the instruction does not cause are none of its. */
	EXPECT_FALSE(plan.vectors & HVSTEP_VECS_ASYNC) TH_LOG("%08x", word);
}

TEST(every_opcode)
{
	u32 op, xo, nr_required = 0;

	for (op = 0; op < 64; op++) {
		for (xo = 0; xo < 2048; xo++) {
			u32 word = op << 26 | xo;

			check_plan(_metadata, word, MSR_KERNEL);
			check_plan(_metadata, word, MSR_USER);
			nr_required += plan_of(word, MSR_KERNEL).required;
		}
	}
	/* mfmsr, mtmsr, mtmsrd, rfid, rfscv, each with bit 31 clear and set. */
	EXPECT_EQ(10, nr_required);
}

/* Whatever may access memory has its storage and alignment handlers armed. */
TEST(memory_opcodes)
{
	static const u32 mem[] = {
		1, 6, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45,
		46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 61, 62,
	};
	u32 want = BIT(HVSTEP_VEC_DSI) | BIT(HVSTEP_VEC_DSEG) | BIT(HVSTEP_VEC_ALIGNMENT);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mem); i++)
		EXPECT_EQ(want, plan_of(mem[i] << 26, MSR_USER).vectors & want)
			TH_LOG("primary opcode %u", mem[i]);
}

TEST(rfid_msr)
{
	u64 msr = MSR_SF | MSR_ME | MSR_RI;

	/* To problem state: EE, IR and DR come on. */
	EXPECT_EQ(MSR_SF | MSR_ME | MSR_PR | MSR_EE | MSR_IR | MSR_DR,
		  hvstep_msr_after_rfid(msr, MSR_SF | MSR_PR));
	/* A guest cannot gain HV, nor lose ME. */
	EXPECT_EQ(MSR_SF | MSR_ME, hvstep_msr_after_rfid(msr, MSR_SF | MSR_HV));
	/* SRR1's account of the interrupt (33:36, 42:47) is no MSR. */
	EXPECT_EQ(MSR_SF | MSR_ME | MSR_RI,
		  hvstep_msr_after_rfid(msr, MSR_SF | MSR_RI | 0x783f0000));
	/* Endianness, 32-bit mode and the guest's own SE go through. */
	EXPECT_EQ(MSR_ME | MSR_LE | MSR_SE,
		  hvstep_msr_after_rfid(msr, MSR_LE | MSR_SE));
	/* The secure bit cannot be set. */
	EXPECT_EQ(MSR_SF | MSR_ME, hvstep_msr_after_rfid(msr, MSR_SF | MSR_S));
}

TEST(mtmsr_msr)
{
	u64 msr = MSR_SF | MSR_ME | MSR_EE | MSR_RI | MSR_LE | MSR_IR;

	/* L=1: EE and RI, and nothing else. */
	EXPECT_EQ(MSR_SF | MSR_ME | MSR_LE | MSR_IR,
		  hvstep_msr_after_mtmsr(msr, 0, 1, true));
	EXPECT_EQ(msr, hvstep_msr_after_mtmsr(msr, ~0UL, 1, true));
	EXPECT_EQ(MSR_SF | MSR_ME | MSR_LE | MSR_IR,
		  hvstep_msr_after_mtmsr(msr, MSR_PR, 1, false));
	/* L=0: ME, LE and HV stay. */
	EXPECT_EQ(MSR_ME | MSR_LE, hvstep_msr_after_mtmsr(msr, 0, 0, true));
	EXPECT_EQ(MSR_SF | MSR_ME | MSR_LE,
		  hvstep_msr_after_mtmsr(msr, MSR_SF | MSR_HV, 0, true));
	EXPECT_EQ(MSR_SF | MSR_ME | MSR_LE | MSR_PR | MSR_EE | MSR_IR | MSR_DR,
		  hvstep_msr_after_mtmsr(msr, MSR_SF | MSR_PR, 0, true));
	/* mtmsr: the upper word stays. */
	EXPECT_EQ(MSR_SF | MSR_ME | MSR_LE | MSR_FP,
		  hvstep_msr_after_mtmsr(msr, MSR_FP, 0, false));
}

#define LWARX	0x7ca01828	/* lwarx r5, 0, r3 */
#define STWCX	0x7c80192d	/* stwcx. r4, 0, r3 */
#define CMPWI	0x2c050000
#define NOP	0x60000000
#define BNE(d)	(0x40820000 | ((d) & 0xfffc))

static const struct {
	const char *name;
	u32 words[8];
	unsigned int span;	/* 0: not a sequence */
	u64 next, target;	/* from nip; target 0: none */
} sequences[] = {
	{ "swap",		{ LWARX, STWCX, NOP },			8, 8, 0 },
	{ "add",		{ LWARX, NOP, STWCX, BNE(-12), NOP },	12, 12, 0 },
	{ "lock",		{ LWARX, CMPWI, BNE(12), STWCX, NOP },	16, 16, 20 },
	{ "out backwards",	{ LWARX, CMPWI, BNE(-64), STWCX, NOP },	16, 16, -56UL },
	{ "branch to its end",	{ LWARX, CMPWI, BNE(8), STWCX, NOP },	16, 16, 0 },
	{ "spins",		{ LWARX, CMPWI, BNE(-8), STWCX, NOP },	0, 0, 0 },
	{ "skips within",	{ LWARX, BNE(8), NOP, STWCX, NOP },	0, 0, 0 },
	{ "two branches",	{ LWARX, BNE(64), BNE(64), STWCX },	0, 0, 0 },
	{ "calls",		{ LWARX, BNE(64) | 1, STWCX, NOP },	0, 0, 0 },
	{ "b",			{ LWARX, 0x48000008, STWCX, NOP },	0, 0, 0 },
	{ "blr",		{ LWARX, 0x4e800020, STWCX, NOP },	0, 0, 0 },
	{ "sc",			{ LWARX, 0x44000002, STWCX, NOP },	0, 0, 0 },
	{ "prefixed",		{ LWARX, 0x04000000, STWCX, NOP },	0, 0, 0 },
	{ "mfmsr",		{ LWARX, 0x7cc000a6, STWCX, NOP },	0, 0, 0 },
	{ "loads",		{ LWARX, 0x80c30000, STWCX, NOP },	0, 0, 0 },
	{ "stores",		{ LWARX, 0x90c30000, STWCX, NOP },	0, 0, 0 },
	{ "dcbz",		{ LWARX, 0x7c001fec, STWCX, NOP },	0, 0, 0 },
	{ "traps",		{ LWARX, 0x0cc30000, STWCX, NOP },	12, 12, 0 },
	{ "to a handler",	{ LWARX, BNE(0x400) | 2, STWCX, NOP },	0, 0, 0 },
	{ "not to a handler",	{ LWARX, BNE(0x404) | 2, STWCX, NOP },	12, 12, 0x404 - NIP },
	{ "two loads",		{ LWARX, LWARX, STWCX, NOP },		0, 0, 0 },
	{ "no end",		{ LWARX, NOP, NOP, NOP, NOP, NOP, NOP, NOP }, 0, 0, 0 },
	{ "no begin",		{ NOP, STWCX, NOP },			0, 0, 0 },
};

TEST(atomic_sequences)
{
	struct hvstep_plan_in in = { .msr = MSR_KERNEL, .nip = NIP, .fetched = true };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sequences); i++) {
		struct hvstep_plan plan = { .span = 99 };
		bool is = hvstep_plan_sequence(&in, sequences[i].words, 8, &plan);

		EXPECT_EQ(!!sequences[i].span, is) TH_LOG("%s", sequences[i].name);
		if (!sequences[i].span) {
			EXPECT_EQ(99, plan.span) TH_LOG("%s", sequences[i].name);
			continue;
		}
		EXPECT_EQ(sequences[i].span, plan.span) TH_LOG("%s", sequences[i].name);
		EXPECT_FALSE(plan.se || plan.emul) TH_LOG("%s", sequences[i].name);
		EXPECT_EQ(1 + !!sequences[i].target, plan.nr_next) TH_LOG("%s", sequences[i].name);
		EXPECT_EQ(NIP + sequences[i].next, plan.next_ea[0]) TH_LOG("%s", sequences[i].name);
		if (sequences[i].target)
			EXPECT_EQ(NIP + sequences[i].target, plan.next_ea[1])
				TH_LOG("%s", sequences[i].name);
	}
}

/* The store conditional is the 17th instruction, or was not read. */
TEST(atomic_sequences_too_long)
{
	struct hvstep_plan_in in = { .msr = MSR_KERNEL, .nip = NIP, .fetched = true };
	struct hvstep_plan plan;
	u32 words[17];
	int i;

	for (i = 0; i < 17; i++)
		words[i] = i ? NOP : LWARX;
	words[16] = STWCX;
	EXPECT_FALSE(hvstep_plan_sequence(&in, words, 17, &plan));
	words[15] = STWCX;
	EXPECT_TRUE(hvstep_plan_sequence(&in, words, 17, &plan));
	EXPECT_EQ(64, plan.span);
	EXPECT_FALSE(hvstep_plan_sequence(&in, words, 15, &plan));
	/* The guest traces every instruction of it. */
	in.own_trace = true;
	EXPECT_FALSE(hvstep_plan_sequence(&in, words, 16, &plan));
}

TEST(branches)
{
	EXPECT_TRUE(hvstep_insn_is_branch(0x48000000));		/* b */
	EXPECT_TRUE(hvstep_insn_is_branch(0x41820008));		/* beq */
	EXPECT_TRUE(hvstep_insn_is_branch(0x4e800020));		/* blr */
	EXPECT_TRUE(hvstep_insn_is_branch(0x4e800420));		/* bctr */
	EXPECT_TRUE(hvstep_insn_is_branch(0x4e800460));		/* bctar */
	EXPECT_FALSE(hvstep_insn_is_branch(0x4c000024));	/* rfid */
	EXPECT_FALSE(hvstep_insn_is_branch(0x4c00012c));	/* isync */
	EXPECT_FALSE(hvstep_insn_is_branch(0x38630007));	/* addi */
}

TEST_HARNESS_MAIN
