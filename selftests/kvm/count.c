// SPDX-License-Identifier: GPL-2.0
/* HVSTEP_STEP_COUNT: many steps in one KVM_RUN, as many as asked for */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "cells.h"

CELL_FIXTURE(count);
CELLS(count);
HASH_CELLS(count);

static void ask(struct vcpu *v, __u64 count)
{
	struct hvstep_step step = {
		.vcpu = v->id, .mode = HVSTEP_STEP_COUNT, .count = count,
	};

	if (ioctl(v->vm->session, HVSTEP_STEP, &step))
		vm_fail("HVSTEP_STEP: %s", strerror(errno));
}

static __u64 steps(struct vcpu *v)
{
	struct hvstep_counters c;

	get_counters(v, &c);
	return c.steps;
}

/* What is emulated and what is traced, a hypercall and a system call, in turns */
GUEST_CODE(loop,
	   "1: addi	3, 3, 1\n"
	   "std	3, 0(4)\n"
	   "ld	5, 0(4)\n"
	   "mfmsr	6\n"
	   "mtmsrd	6, 1\n"
	   "li	3, 0xe8\n"	/* H_PROD: in the kernel */
	   "sc	1\n"
	   "mr	3, 5\n"
	   "b	1b\n");
#define LOOP	9

static void load_loop(struct vm *vm, struct vcpu *v)
{
	load_code(v, CODE_RA, loop, loop_end);
	with_regs(v, r) {
		r.gpr[3] = 0;
		r.gpr[4] = vm_ea(vm, DATA_RA);
	}
	vcpu_debug(v, 0);
	vm_seal(vm);
}

TEST_F(count, exactly)
{
	struct vcpu *v = self->v;
	__u64 before;

	SKIP_REFERENCE();
	load_loop(self->vm, v);
	before = steps(v);
	ask(v, 100 * LOOP + 3);
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "903 steps");
	check_invisible(v, false, "903 steps");
	with_regs(v, r) {
		ASSERT_EQ(vm_ea(self->vm, CODE_RA + 12), r.pc);
		ASSERT_EQ(101, r.gpr[3]);
		ASSERT_EQ(101, r.gpr[5]);
		ASSERT_EQ(r.pc, v->run->debug.arch.address);
	}
	ASSERT_EQ(0, v->run->debug.arch.status);
	ASSERT_EQ(100 * LOOP + 3, steps(v) - before);
}

/* Nothing is left of a request that is done: the vCPU runs free. */
TEST_F(count, and_no_more)
{
	struct vcpu *v = self->v;
	__u64 before;

	SKIP_REFERENCE();
	load_loop(self->vm, v);
	ask(v, 5);
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "5 steps");
	before = steps(v);
	run_to(v, CODE_RA + 8, variant->cell.be_code, vm_ea(self->vm, CODE_RA + 8), "unstepped");
	ASSERT_EQ(before, steps(v));
}

TEST_F(count, ends_at_breakpoint)
{
	struct vcpu *v = self->v;
	__u64 before;

	SKIP_REFERENCE();
	load_loop(self->vm, v);
	vcpu_debug(v, DEBUG_BP);
	put_insn(self->vm, CODE_RA + 16, KVMPPC_INST_SW_BREAKPOINT, variant->cell.be_code);
	before = steps(v);
	ask(v, 1000);
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "breakpoint");
	with_regs(v, r)
		ASSERT_EQ(vm_ea(self->vm, CODE_RA + 16), r.pc);
	ASSERT_EQ(4, steps(v) - before);
	/* And is over with that. */
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "breakpoint again");
	ASSERT_EQ(4, steps(v) - before);
}

TEST_F(count, with_single_steps_beside)
{
	struct vcpu *v = self->v;
	int i;

	SKIP_REFERENCE();
	load_loop(self->vm, v);
	vcpu_debug(v, DEBUG_STEP);
	ask(v, 6);
	for (i = 1; i <= 3; i++) {
		check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "step");
		with_regs(v, r)
			ASSERT_EQ(vm_ea(self->vm, CODE_RA + 4 * i), r.pc);
	}
	vcpu_debug(v, 0);
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "the rest");
	with_regs(v, r)
		ASSERT_EQ(vm_ea(self->vm, CODE_RA + 4 * 6), r.pc);
}

GUEST_CODE(with_mmio, "addi 3, 3, 1; lwz 5, 0(4); addi 3, 3, 1; stw 3, 0(4); nop; nop\n");

/* What the VMM has to complete is one of them, and no other is lost or made twice. */
TEST_F(count, through_the_vmm)
{
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	SKIP_WITHOUT_VRMA();
	load_code(v, CODE_RA, with_mmio, with_mmio_end);
	with_regs(v, r) {
		r.gpr[3] = 0;
		r.gpr[4] = vm_mmio_ea(self->vm);
	}
	vcpu_debug(v, 0);
	ask(v, 5);
	check_exit(v, vcpu_run(v), KVM_EXIT_MMIO, "load");
	ASSERT_EQ(0, v->run->mmio.is_write);
	memset(v->run->mmio.data, 0x11, 8);
	check_exit(v, vcpu_run(v), KVM_EXIT_MMIO, "store");
	ASSERT_EQ(1, v->run->mmio.is_write);
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "the rest");
	with_regs(v, r) {
		ASSERT_EQ(vm_ea(self->vm, CODE_RA + 20), r.pc);
		ASSERT_EQ(2, r.gpr[3]);
		ASSERT_EQ(0x11111111, r.gpr[5]);
	}
}

static void nothing(int sig)
{
	(void)sig;
}

/* Every so many microseconds; 0: not any more */
static void interrupt_every(int us)
{
	struct itimerval every = { { 0, us }, { 0, us } };
	struct sigaction sa = { .sa_handler = nothing };

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

/* A signal ends KVM_RUN between two steps; the next one does the rest. */
TEST_F(count, interrupted)
{
	struct vcpu *v = self->v;
	const __u64 n = 2000 * LOOP;
	unsigned int interrupted = 0;
	__u64 before;
	int ret;

	SKIP_REFERENCE();
	load_loop(self->vm, v);
	before = steps(v);
	ask(v, n);
	interrupt_every(5000);
	for (;;) {
		__u64 left = n - (steps(v) - before);

		v->run->exit_reason = KVM_EXIT_UNKNOWN;
		ret = vcpu_run_for(v, 120);
		if (ret != -EINTR)
			break;
		interrupted++;
		check_invisible(v, false, "between two steps");
		if (steps(v) - before > n || n - (steps(v) - before) > left)
			vm_fail("%llu steps of %llu", steps(v) - before, n);
	}
	interrupt_every(0);
	check_exit(v, ret, KVM_EXIT_DEBUG, "all steps");
	ASSERT_LT(0, interrupted);
	ASSERT_EQ(n, steps(v) - before);
	with_regs(v, r) {
		ASSERT_EQ(vm_ea(self->vm, CODE_RA), r.pc);
		ASSERT_EQ(n / LOOP, r.gpr[3]);
	}
}

TEST_F(count, withdrawn)
{
	struct hvstep_step step = { .vcpu = self->v->id, .mode = HVSTEP_STEP_CANCEL };
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	load_loop(self->vm, v);
	ask(v, 1000);
	ASSERT_EQ(0, ioctl(self->vm->session, HVSTEP_STEP, &step));
	run_to(v, CODE_RA + 8, variant->cell.be_code, vm_ea(self->vm, CODE_RA + 8), "unstepped");
	ASSERT_EQ(0, steps(v));
}

TEST_F(count, refused)
{
	struct hvstep_step step = { .vcpu = self->v->id, .mode = HVSTEP_STEP_COUNT };

	SKIP_REFERENCE();
	ASSERT_EQ(-1, ioctl(self->vm->session, HVSTEP_STEP, &step));
	ASSERT_EQ(EINVAL, errno);
	step.count = -1ULL;
	ASSERT_EQ(-1, ioctl(self->vm->session, HVSTEP_STEP, &step));
	ASSERT_EQ(EINVAL, errno);
}

KVM_TEST_MAIN
