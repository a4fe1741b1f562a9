// SPDX-License-Identifier: GPL-2.0
/*
 * Several vCPUs: what one of them is stepped by lies in memory that all of
 * them execute. The others must not notice.
 */
#include <pthread.h>
#include <sys/ioctl.h>

#include "cells.h"
#include "ring.h"

#define RUNNER_RA	(CODE_RA + 0x4000)
#define STOP_RA		(DATA_RA + 0x8000)
#define H_DONE		0xfff0
/* An emulated machine of one thread changes CPUs ten times a second. */
#define STEPS		(getenv("MACHINE") ? 300 : 2000)

FIXTURE(smp) {
	struct vm *vm;
	struct vcpu *v[4];
};

FIXTURE_VARIANT(smp) {
	struct cell cell;
};

CELLS(smp);
HASH_CELLS(smp);

/*
 * The handlers count what comes: sc in r15, traps in r16, the guest's own
 * traces in r17. They use r9, and r21 = ~SE.
 */
GUEST_CODE(sc_handler, "addi 15, 15, 1; rfid\n");
GUEST_CODE(trap_handler,
	   "addi	16, 16, 1\n"
	   "mfsrr0	9\n"
	   "addi	9, 9, 4\n"
	   "mtsrr0	9\n"
	   "rfid\n");
GUEST_CODE(own_trace_handler,
	   "addi	17, 17, 1\n"
	   "mfsrr1	9\n"
	   "and	9, 9, 21\n"
	   "mtsrr1	9\n"
	   "rfid\n");

/* Into each handler once a turn, until there is something at r10 */
GUEST_CODE(runner,
	   "1: addi 14, 14, 1\n"
	   "sc\n"
	   "trap\n"
	   "mtmsrd	20\n"
	   "nop\n"
	   "lwz	11, 0(10)\n"
	   "cmpwi	11, 0\n"
	   "beq	1b\n"
	   "li	3, -0x10\n"
	   "clrldi	3, 3, 48\n"
	   "sc	1\n"
	   "b	.\n");

/* What a stepper does: loads and stores, and into a handler as well */
GUEST_CODE(stepper,
	   "2: addi 14, 14, 1\n"
	   "ld	5, 0(10)\n"
	   "sc\n"
	   "std	5, 8(10)\n"
	   "b	2b\n");

FIXTURE_SETUP(smp)
{
	const char *missing = cell_missing(&variant->cell);
	int i;

	if (missing)
		SKIP(return, "%s", missing);
	SKIP_REFERENCE();
	self->vm = vm_create(&variant->cell);
	put_handler(self->vm, 0xc00, sc_handler, sc_handler_end);
	put_handler(self->vm, 0x700, trap_handler, trap_handler_end);
	put_handler(self->vm, 0xd00, own_trace_handler, own_trace_handler_end);
	for (i = 0; i < 4; i++)
		self->v[i] = vm_vcpu(self->vm, i);
	vm_attach(self->vm);
}

FIXTURE_TEARDOWN(smp)
{
	vm_destroy(self->vm);
}

static void start(struct vcpu *v, __u64 ra, const __u32 *p, const __u32 *end)
{
	load_code(v, ra, p, end);
	with_regs(v, r) {
		r.gpr[10] = vm_ea(v->vm, STOP_RA + 0x100 * v->id);
		r.gpr[14] = 0;
		r.gpr[15] = 0;
		r.gpr[16] = 0;
		r.gpr[17] = 0;
		r.gpr[20] = r.msr | MSR_SE;
		r.gpr[21] = ~MSR_SE;
	}
}

/* One KVM_RUN, from start to end: no exit that the runner has not asked for */
static void *run(void *arg)
{
	struct vcpu *v = arg;

	check_exit(v, vcpu_run_for(v, 200), KVM_EXIT_PAPR_HCALL, "the vCPU that runs");
	if (v->run->papr_hcall.nr != H_DONE)
		vm_fail("the vCPU that runs: hypercall %llx", v->run->papr_hcall.nr);
	return NULL;
}

static void start_runner(struct vcpu *v, pthread_t *thread)
{
	start(v, RUNNER_RA, runner, runner_end);
	put_data(v->vm, STOP_RA + 0x100 * v->id, 4, 0);
	if (pthread_create(thread, NULL, run, v))
		vm_fail("no thread");
}

static __u64 stop_runner(struct vcpu *v, pthread_t thread)
{
	struct kvm_regs r;

	put_data(v->vm, STOP_RA + 0x100 * v->id, 4, 1);
	pthread_join(thread, NULL);
	vcpu_get_regs(v, &r);
	if (r.gpr[14] != r.gpr[15] || r.gpr[14] != r.gpr[16] || r.gpr[14] != r.gpr[17])
		vm_fail("runner: %lld turns, %lld sc, %lld trap, %lld trace", r.gpr[14],
			r.gpr[15], r.gpr[16], r.gpr[17]);
	if (r.msr & MSR_SE)
		vm_fail("runner: SE in %llx", r.msr);
	return r.gpr[14];
}

/* The stepper's loop with its handler: where a step leads from @pc */
static __u64 stepper_next(const struct vm *vm, __u64 pc)
{
	__u64 base = vm_ea(vm, CODE_RA), handler = vm_vector(vm, 0xc00);

	if (pc == base + 8)
		return handler;
	if (pc == base + 16)
		return base;
	if (pc == handler + 4)
		return base + 12;
	return pc + 4;
}

static void step_through(struct vcpu *v, int steps)
{
	__u64 pc = vm_ea(v->vm, CODE_RA);
	struct kvm_regs r;
	int i;

	start(v, CODE_RA, stepper, stepper_end);
	vcpu_debug(v, DEBUG_STEP);
	for (i = 0; i < steps; i++) {
		check_exit(v, step_run(v), KVM_EXIT_DEBUG, "step");
		pc = stepper_next(v->vm, pc);
		if (v->run->debug.arch.address != pc || v->run->debug.arch.status) {
			vcpu_get_regs(v, &r);
			vm_fail("vcpu %u, step %d: to %llx status %x, not %llx; msr %llx; handled: %lld sc, %lld of its own traces; %lld turns",
				v->id, i, v->run->debug.arch.address,
				v->run->debug.arch.status, pc, r.msr, r.gpr[15], r.gpr[17],
				r.gpr[14]);
		}
	}
	vcpu_get_regs(v, &r);
	if (r.gpr[17])
		vm_fail("vcpu %u: %lld traces went to the guest", v->id, r.gpr[17]);
	/* Seven steps a turn: five of the loop, two of the handler */
	if (r.gpr[14] != (__u64)(steps + 6) / 7 || r.gpr[15] != (__u64)(steps + 3) / 7)
		vm_fail("vcpu %u: %d steps, %lld turns, %lld sc", v->id, steps, r.gpr[14],
			r.gpr[15]);
}

static void check_lost(struct vm *vm)
{
	struct hvstep_counters counters = { .vcpu = HVSTEP_VCPU_ALL };

	if (ioctl(vm->session, HVSTEP_GET_COUNTERS, &counters))
		vm_fail("HVSTEP_GET_COUNTERS failed");
	if (counters.lost)
		vm_fail("%llu armed words lost", counters.lost);
	printf("# steps %llu parked %llu held %llu interrupted %llu\n", counters.steps,
	       counters.parked, counters.held, counters.interrupted);
}

/* First, that the runner's counts mean something: nobody steps */
TEST_F(smp, nobody_steps)
{
	pthread_t thread;

	start_runner(self->v[1], &thread);
	vm_seal(self->vm);
	usleep(300000);
	EXPECT_GT(stop_runner(self->v[1], thread), 10);
	vm_check_sealed(self->vm, "nobody steps");
}

TEST_F_TIMEOUT(smp, one_steps_one_runs, 120)
{
	pthread_t thread;
	__u64 turns;

	start_runner(self->v[1], &thread);
	start(self->v[0], CODE_RA, stepper, stepper_end);
	vm_seal(self->vm);
	step_through(self->v[0], STEPS);
	turns = stop_runner(self->v[1], thread);
	TH_LOG("the other vCPU made %llu turns", turns);
	EXPECT_GT(turns, 10);
	vm_check_sealed(self->vm, "afterwards");
	check_lost(self->vm);
}

static void *step_in_thread(void *arg)
{
	step_through(arg, STEPS);
	return NULL;
}

TEST_F_TIMEOUT(smp, two_step, 120)
{
	pthread_t thread;

	load_code(self->v[0], CODE_RA, stepper, stepper_end);
	vm_seal(self->vm);
	pthread_create(&thread, NULL, step_in_thread, self->v[1]);
	step_through(self->v[0], STEPS);
	pthread_join(thread, NULL);
	vm_check_sealed(self->vm, "afterwards");
	check_lost(self->vm);
}

TEST_F_TIMEOUT(smp, two_step_two_run, 240)
{
	pthread_t runners[2], thread;

	load_code(self->v[0], CODE_RA, stepper, stepper_end);
	start_runner(self->v[2], &runners[0]);
	start_runner(self->v[3], &runners[1]);
	vm_seal(self->vm);
	pthread_create(&thread, NULL, step_in_thread, self->v[1]);
	step_through(self->v[0], STEPS);
	pthread_join(thread, NULL);
	EXPECT_GT(stop_runner(self->v[2], runners[0]), 10);
	EXPECT_GT(stop_runner(self->v[3], runners[1]), 10);
	vm_check_sealed(self->vm, "afterwards");
	check_lost(self->vm);
}

/* The stepped vCPU takes part in what the runner does: a shared counter */
GUEST_CODE(adder,
	   "1: ldarx 5, 0, 10\n"
	   "addi	5, 5, 1\n"
	   "stdcx.	5, 0, 10\n"
	   "bne-	1b\n"
	   "addi	14, 14, 1\n"
	   "sc\n"
	   "lwz	11, 16(10)\n"
	   "cmpwi	11, 0\n"
	   "beq	1b\n"
	   "li	3, -0x10\n"
	   "clrldi	3, 3, 48\n"
	   "sc	1\n"
	   "b	.\n");

TEST_F_TIMEOUT(smp, step_now_and_then, 120)
{
	struct vcpu *v = self->v[0];
	struct kvm_regs r[2];
	pthread_t thread;
	int i;

	for (i = 0; i < 2; i++) {
		start(self->v[i], RUNNER_RA, adder, adder_end);
		with_regs(self->v[i], w)
			w.gpr[10] = vm_ea(self->vm, STOP_RA);
	}
	put_data(self->vm, STOP_RA, 8, 0);
	put_data(self->vm, STOP_RA + 16, 4, 0);
	vm_seal(self->vm);
	pthread_create(&thread, NULL, run, self->v[1]);
	/* A stepped stdcx. may always fail: so step a bit, then run a bit. */
	for (i = 0; i < 100; i++) {
		vcpu_debug(v, DEBUG_STEP);
		check_exit(v, step_run(v), KVM_EXIT_DEBUG, "step");
		check_exit(v, step_run(v), KVM_EXIT_DEBUG, "step");
		check_exit(v, step_run(v), KVM_EXIT_DEBUG, "step");
	}
	put_data(self->vm, STOP_RA + 16, 4, 1);
	vcpu_debug(v, 0);
	run(v);
	pthread_join(thread, NULL);
	vcpu_get_regs(self->v[0], &r[0]);
	vcpu_get_regs(self->v[1], &r[1]);
	EXPECT_GT(r[1].gpr[14], 10);
	EXPECT_EQ(r[0].gpr[14], r[0].gpr[15]);
	EXPECT_EQ(r[1].gpr[14], r[1].gpr[15]);
	EXPECT_EQ(r[0].gpr[14] + r[1].gpr[14], get_data(self->vm, STOP_RA, 8));
	check_lost(self->vm);
}

KVM_TEST_MAIN
