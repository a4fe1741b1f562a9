// SPDX-License-Identifier: GPL-2.0
/* HVSTEP_STEP_RANGE, and HVSTEP_STEP_THEN_RUN of a vCPU that nobody has prepared */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cells.h"
#include "runner.h"

CELL_FIXTURE(range);
CELLS(range);
HASH_CELLS(range);

static int ask(struct vcpu *v, struct hvstep_step step)
{
	step.vcpu = v->id;
	return ioctl(v->vm->session, HVSTEP_STEP, &step) ? -errno : 0;
}

static void ask_range(struct vcpu *v, __u64 from, __u64 to, __u64 count)
{
	int ret = ask(v, (struct hvstep_step){
		.mode = HVSTEP_STEP_RANGE, .count = count,
		.start = vm_ea(v->vm, from), .end = vm_ea(v->vm, to),
	});

	if (ret)
		vm_fail("HVSTEP_STEP: %s", strerror(-ret));
}

static __u64 steps(struct vcpu *v)
{
	struct hvstep_counters c;

	get_counters(v, &c);
	return c.steps;
}

/* What GDB makes one "step" of: a line with a loop in it, and the line behind it */
GUEST_CODE(line,
	   "li	3, 0\n"
	   "lis	4, 0\n"
	   "ori	4, 4, 10000\n"
	   "mtctr	4\n"
	   "1: addi	3, 3, 1\n"
	   "bdnz	1b\n"
	   "nop\n"
	   "nop\n");
#define LINE_END	(CODE_RA + 24)
#define LINE_STEPS	20004

static void load_line(struct vm *vm, struct vcpu *v)
{
	load_code(v, CODE_RA, line, line_end);
	vcpu_debug(v, 0);
	vm_seal(vm);
}

static void ends_at(struct vcpu *v, __u64 ra, const char *what)
{
	check_exit(v, vcpu_run_for(v, 120), KVM_EXIT_DEBUG, what);
	check_invisible(v, false, what);
	with_regs(v, r)
		if (r.pc != vm_ea(v->vm, ra) || v->run->debug.arch.address != r.pc ||
		    v->run->debug.arch.status)
			vm_fail("%s: nip %llx, address %llx", what, r.pc,
				v->run->debug.arch.address);
}

TEST_F(range, loop)
{
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	load_line(self->vm, v);
	ask_range(v, CODE_RA, LINE_END, 0);
	ends_at(v, LINE_END, "the line");
	ASSERT_EQ(LINE_STEPS, steps(v));
	with_regs(v, r)
		ASSERT_EQ(10000, r.gpr[3]);
	/* And that was all. */
	run_to(v, LINE_END + 4, variant->cell.be_code, vm_ea(self->vm, LINE_END + 4), "unstepped");
	ASSERT_EQ(LINE_STEPS, steps(v));
}

TEST_F(range, no_more_than)
{
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	load_line(self->vm, v);
	ask_range(v, CODE_RA, LINE_END, 7);
	ends_at(v, CODE_RA + 20, "7 steps");
	ASSERT_EQ(7, steps(v));
}

/* It is left from the middle, too, and need not be where it begins. */
TEST_F(range, one_instruction)
{
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	load_line(self->vm, v);
	ask_range(v, CODE_RA, CODE_RA + 4, 0);
	ends_at(v, CODE_RA + 4, "out of it");
	ask_range(v, CODE_RA, CODE_RA + 4, 0);
	ends_at(v, CODE_RA + 8, "outside of it");
	ask_range(v, CODE_RA + 12, CODE_RA + 16, 0);
	ends_at(v, CODE_RA + 16, "into it, and out again");
	ASSERT_EQ(4, steps(v));
}

/* All but one place: on until there, as a breakpoint would do it. */
TEST_F(range, until)
{
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	load_line(self->vm, v);
	ask_range(v, CODE_RA + 24, CODE_RA + 20, 0);
	ends_at(v, CODE_RA + 20, "from below");
	ASSERT_EQ(5, steps(v));
	ask_range(v, CODE_RA + 28, CODE_RA + 24, 0);
	ends_at(v, CODE_RA + 24, "the end of the loop");
	ASSERT_EQ(LINE_STEPS, steps(v));
	with_regs(v, r) {
		r.pc = vm_ea(self->vm, CODE_RA + 16);
		r.ctr = 1;
	}
	/* From there itself; and the end may be 0. */
	ask_range(v, CODE_RA + 20, CODE_RA + 16, 2);
	ends_at(v, CODE_RA + 24, "2 steps");
	ASSERT_EQ(0, ask(v, (struct hvstep_step){
		.mode = HVSTEP_STEP_RANGE, .start = vm_ea(self->vm, CODE_RA + 32),
	}));
	ends_at(v, CODE_RA + 28, "below the upper part");
}

TEST_F(range, ends_at_breakpoint)
{
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	load_line(self->vm, v);
	vcpu_debug(v, DEBUG_BP);
	put_insn(self->vm, CODE_RA + 20, KVMPPC_INST_SW_BREAKPOINT, variant->cell.be_code);
	ask_range(v, CODE_RA, LINE_END, 0);
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "breakpoint");
	with_regs(v, r)
		ASSERT_EQ(vm_ea(self->vm, CODE_RA + 20), r.pc);
	ASSERT_EQ(5, steps(v));
}

GUEST_CODE(faults, "nop; .long 0; nop; nop\n");

/* The guest's own handler is elsewhere. */
TEST_F(range, left_by_fault)
{
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	load_code(v, CODE_RA, faults, faults_end);
	vcpu_debug(v, 0);
	ask_range(v, CODE_RA, CODE_RA + 16, 0);
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "program interrupt");
	with_regs(v, r) {
		ASSERT_EQ(0x700, r.pc & 0xfff);
		ASSERT_EQ(vm_ea(self->vm, CODE_RA + 4), r.srr0);
	}
	ASSERT_EQ(2, steps(v));
}

struct canceller {
	struct vcpu *v;
	__u64 at;
};

static void *cancel(void *arg)
{
	struct canceller *c = arg;
	int ret;

	while (steps(c->v) < c->at)
		sched_yield();
	ret = ask(c->v, (struct hvstep_step){ .mode = HVSTEP_STEP_CANCEL });
	if (ret)
		vm_fail("HVSTEP_STEP_CANCEL: %s", strerror(-ret));
	return NULL;
}

GUEST_CODE(endless, "1: addi 3, 3, 1; b 1b\n");

/* In a step or between two of them: often enough for both. */
TEST_F(range, cancelled)
{
	struct canceller c = { .v = self->v };
	struct vcpu *v = self->v;
	pthread_t thread;
	int i;

	SKIP_REFERENCE();
	load_code(v, CODE_RA, endless, endless_end);
	with_regs(v, r)
		r.gpr[3] = 0;
	vcpu_debug(v, 0);
	vm_seal(self->vm);
	for (i = 0; i < 50; i++) {
		c.at = steps(v) + 100;
		ask_range(v, CODE_RA, CODE_RA + 8, 0);
		ASSERT_EQ(0, pthread_create(&thread, NULL, cancel, &c));
		check_exit(v, vcpu_run_for(v, 120), KVM_EXIT_DEBUG, "cancelled");
		pthread_join(thread, NULL);
		check_invisible(v, false, "cancelled");
		ASSERT_LE(c.at, steps(v));
		with_regs(v, r) {
			/* One in two is an addi. */
			ASSERT_EQ((steps(v) + 1) / 2, r.gpr[3]);
			ASSERT_EQ(vm_ea(self->vm, CODE_RA) + steps(v) % 2 * 4, r.pc);
		}
	}
}

/* Steps of a guest that runs, and of which its VMM sees nothing. */
TEST_F(range, of_one_that_runs)
{
	struct vcpu *v = self->v;
	struct runner runner;
	int i;

	SKIP_REFERENCE();
	ignore_sigusr1();
	ring_start(v, CODE_RA);
	vm_seal(self->vm);
	runner_start(&runner, v, false);
	ASSERT_EQ(0, steps(v));
	for (i = 1; i <= 5; i++) {
		ASSERT_EQ(0, ask(v, (struct hvstep_step){
			.mode = HVSTEP_STEP_COUNT, .count = 1000,
			.flags = HVSTEP_STEP_THEN_RUN | HVSTEP_STEP_NOW,
		}));
		while (steps(v) < 1000ULL * i)
			usleep(1000);
		ASSERT_TRUE(runner_goes_on(&runner));
		ASSERT_EQ(1000 * i, steps(v));
	}
	/* Without an end, until there is one after all. */
	ASSERT_EQ(0, ask(v, (struct hvstep_step){
		.mode = HVSTEP_STEP_RANGE, .start = 1, .end = -1ULL,
		.flags = HVSTEP_STEP_THEN_RUN | HVSTEP_STEP_NOW,
	}));
	while (steps(v) < 10000)
		usleep(1000);
	ASSERT_EQ(0, ask(v, (struct hvstep_step){
		.mode = HVSTEP_STEP_CANCEL, .flags = HVSTEP_STEP_NOW,
	}));
	ASSERT_TRUE(runner_goes_on(&runner));
	runner_stop(&runner);
	vm_check_sealed(self->vm, "after it all");
}

TEST_F(range, refused)
{
	struct hvstep_step bad[] = {
		{ .mode = HVSTEP_STEP_RANGE },
		{ .mode = HVSTEP_STEP_RANGE, .start = 8, .end = 8 },
		{ .mode = HVSTEP_STEP_RANGE, .start = 4, .end = 8, .count = -1ULL },
		{ .mode = HVSTEP_STEP_RANGE, .start = 4, .end = 8, .flags = 4 },
		{ .mode = HVSTEP_STEP_COUNT, .start = 4, .end = 8, .count = 1 },
		{ .mode = HVSTEP_STEP_ONE, .end = 8 },
		{ .mode = HVSTEP_STEP_CANCEL, .flags = HVSTEP_STEP_THEN_RUN },
		{ .mode = HVSTEP_STEP_RANGE + 1, .count = 1 },
		{ .mode = HVSTEP_STEP_RANGE, .start = 4, .end = 8, .reserved = { 1 } },
	};
	unsigned int i;

	SKIP_REFERENCE();
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT_EQ(-EINVAL, ask(self->v, bad[i])) TH_LOG("%u", i);
}

KVM_TEST_MAIN
