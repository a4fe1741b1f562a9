// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer on kmod/plan.c: whatever the instruction and the state, the plan is one that
 * ends the step, stays in its arrays, and never gives the guest what it must not have.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "%s: word %08x msr %llx nip %llx\n", #cond, in->word, \
				(unsigned long long)in->msr, (unsigned long long)in->nip); \
			abort();					\
		}							\
	} while (0)

struct input {
	u32 words[HVSTEP_MAX_SEQUENCE];
	u64 msr;
	u64 nip;
	u64 ebbrr;
	u64 gpr3;
	u64 rs;
	u64 ea;
	u32 bits;
};

static void check_plan(const struct hvstep_plan_in *in, const struct hvstep_plan *plan)
{
	unsigned int i;

	CHECK(plan->emul <= HVSTEP_EMUL_CEDE);
	CHECK(plan->len == 4 || plan->len == 8);
	CHECK(plan->nr_next <= 2);
	CHECK(!(plan->vectors >> HVSTEP_NR_VECS));
	CHECK(plan->scv_lev < 128);
	/* There is something that ends it. */
	CHECK(plan->required || plan->se || plan->nr_next || plan->hcall || plan->vectors);
	/* A breakpoint in the place of what is to be executed would never let it be. */
	for (i = 0; i < plan->nr_next && !plan->probe; i++)
		CHECK(plan->next_ea[i] != in->nip || plan->branch);
	/* SE beside breakpoints would show the guest a Trace interrupt. */
	CHECK(!(plan->se && plan->nr_next));
}

static void check_msr(const struct hvstep_plan_in *in, u64 rs)
{
	u64 msr = in->msr & HVSTEP_MSR_VALID & ~MSR_HV;
	u64 rfid = hvstep_msr_after_rfid(msr, rs);
	u64 mtmsr = hvstep_msr_after_mtmsr(msr, rs, 0, false);
	u64 mtmsrd = hvstep_msr_after_mtmsr(msr, rs, 0, true);

	/* Not by any instruction of its own does a guest become the hypervisor. */
	CHECK(!((rfid | mtmsr | mtmsrd) & (MSR_HV | ~HVSTEP_MSR_VALID)));
	/* ISA Book III: problem state has external interrupts, and translation. */
	if (rfid & MSR_PR)
		CHECK((rfid & (MSR_EE | MSR_IR | MSR_DR)) == (MSR_EE | MSR_IR | MSR_DR));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct hvstep_plan plan, quick;
	struct hvstep_plan_in fields, *in = &fields;
	struct input input = { 0 };

	memcpy(&input, data, size < sizeof(input) ? size : sizeof(input));
	fields = (struct hvstep_plan_in){
		.word = input.words[0],
		.msr = input.msr & HVSTEP_MSR_VALID,
		.nip = input.nip & ~3ULL,
		.ebbrr = input.ebbrr & ~3ULL,
		.gpr3 = input.gpr3,
		.fetched = input.bits & 1,
		.at_trace = input.bits & 2,
		.arch_300 = input.bits & 4,
		.compat = input.bits & 8,
		.hw_fetch = input.bits & 16,
		.own_trace = input.bits & 32,
		.trace_all = input.bits & 64,
	};
	memset(&plan, 0xff, sizeof(plan));
	hvstep_plan_make(in, &plan);
	check_plan(in, &plan);
	CHECK(!hvstep_plan_ordinary(in->word, &quick) || quick.se);
	CHECK(!(hvstep_plan_never(in->word, in->msr, input.ea, input.bits & 128) &
		~(BIT(HVSTEP_VEC_PROGRAM) | BIT(HVSTEP_VEC_FACILITY) |
		  BIT(HVSTEP_VEC_ALIGNMENT) | BIT(HVSTEP_VEC_DSEG))));

	if (plan.se) {
		hvstep_plan_displace(&plan, in->nip, in->msr);
		check_plan(in, &plan);
	}
	memset(&plan, 0xff, sizeof(plan));
	if (hvstep_plan_sequence(in, input.words, 1 + input.bits / 256 % HVSTEP_MAX_SEQUENCE,
				 &plan)) {
		check_plan(in, &plan);
		CHECK(plan.nr_next && plan.span >= 4 && plan.span <= 4 * HVSTEP_MAX_SEQUENCE);
	}
	hvstep_plan_probe(&plan, in->nip);
	check_plan(in, &plan);
	hvstep_compute_is_exact(in->word);
	check_msr(in, input.rs);
	return 0;
}
