// SPDX-License-Identifier: GPL-2.0
/*
 * A guest with a timer of 1 kHz, stepped for long: no step ends in the handler,
 * and as soon as nobody steps the timer is there, once. The same of interrupts
 * that another thread raises while the guest is stepped.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "cells.h"

#define PERIOD	512000		/* 1 ms */
#define STOP	8		/* in the loop's data: nonzero, leave the loop */

CELL_FIXTURE(timer);
CELLS(timer);
HASH_CELLS(timer);

/* r14 turns, the last one stored at 0(10), r6 their sum, until it is told to stop */
GUEST_CODE(loop,
	   "1: addi 14, 14, 1\n"
	   "std	14, 0(10)\n"
	   "ld	5, 0(10)\n"
	   "add	6, 6, 5\n"
	   "lwz	11, 8(10)\n"
	   "cmpwi 11, 0\n"
	   "beq	1b\n"
	   "nop\n");
#define LOOP_INSNS	7
#define DONE		(4 * LOOP_INSNS)

/* r15 counts; r16 from now on, or from the moment it was due */
GUEST_CODE(from_now, "addi 15, 15, 1; mtdec 16; rfid\n");
GUEST_CODE(from_due, "addi 15, 15, 1; mfdec 9; add 9, 9, 16; mtdec 9; rfid\n");
GUEST_CODE(count, "addi 15, 15, 1; rfid\n");

static __u64 code_ra(bool user)
{
	return user ? USER_CODE_RA : CODE_RA;
}

static __u64 code_ea(const struct vm *vm, bool user)
{
	return user ? USER_CODE_RA : vm_ea(vm, CODE_RA);
}

static __u64 data_ra(bool user)
{
	return user ? USER_DATA_RA : DATA_RA;
}

static void start(struct vcpu *v, bool user)
{
	struct vm *vm = v->vm;

	load_code(v, code_ra(user), loop, loop_end);
	put_data(vm, data_ra(user), 8, 0);
	put_data(vm, data_ra(user) + STOP, 4, 0);
	with_regs(v, r) {
		r.pc = code_ea(vm, user);
		r.msr = user ? vm_user_msr(vm) : vm_msr(vm) | MSR_EE;
		r.gpr[6] = 0;
		r.gpr[10] = user ? USER_DATA_RA : vm_ea(vm, DATA_RA);
		r.gpr[14] = 0;
		r.gpr[15] = 0;
		r.gpr[16] = PERIOD;
	}
}

static __u64 handled(struct vcpu *v)
{
	struct kvm_regs r;

	vcpu_get_regs(v, &r);
	return r.gpr[15];
}

/* The loop's results, wherever it is now */
static void check_loop(struct vcpu *v, bool user)
{
	struct kvm_regs r;
	__u64 at, stored, sum;

	vcpu_get_regs(v, &r);
	at = (r.pc - code_ea(v->vm, user)) / 4;
	if (at > LOOP_INSNS)
		vm_fail("nip %llx left the loop", r.pc);
	stored = r.gpr[14] - (at == 1);
	sum = r.gpr[14] * (r.gpr[14] + 1) / 2 - (at >= 1 && at <= 3 ? r.gpr[14] : 0);
	if (get_data(v->vm, data_ra(user), 8) != stored || r.gpr[6] != sum)
		vm_fail("at instruction %llu: %lld turns, %llu stored, sum %lld instead of %llu",
			at, r.gpr[14], get_data(v->vm, data_ra(user), 8), r.gpr[6], sum);
}

/*
 * Each exit from the guest computes anew when the timer is due, from the decrementer and
 * the timebase. So a step may move it by the time between reading these: next to nothing,
 * but for a processor that was not running just then, as an emulated one on a busy machine
 * is not. A step that put it off by the time that it takes would do so every time.
 */
#define MOVED		(1 << 14)	/* 32 us */

static __u64 due_at(struct vcpu *v)
{
	return vcpu_get(v, KVM_REG_PPC_DEC_EXPIRY);
}

/* Steps around the loop: never into a handler, nothing counted there, nothing put off */
static void step_loop(struct vcpu *v, bool user, int steps, int *progress)
{
	__u64 start = code_ea(v->vm, user), before = handled(v), was_due = due_at(v), due;
	struct kvm_regs r, now;
	int i, moved = 0;

	vcpu_get_regs(v, &r);
	vcpu_debug(v, DEBUG_STEP);
	for (i = 0; i < steps; i++) {
		check_exit(v, step_run(v), KVM_EXIT_DEBUG, "step");
		r.pc = r.pc == start + 4 * (LOOP_INSNS - 1) ? start : r.pc + 4;
		vcpu_get_regs(v, &now);
		if (now.pc != r.pc || now.msr != r.msr || v->run->debug.arch.address != r.pc)
			vm_fail("step %d: to nip %llx msr %llx, not %llx %llx", i, now.pc, now.msr,
				r.pc, r.msr);
		if (progress)
			__atomic_store_n(progress, i + 1, __ATOMIC_RELAXED);
		due = due_at(v);
		moved += due > was_due + MOVED || due < was_due - MOVED;
		was_due = due;
	}
	if (moved > steps / 2)
		vm_fail("%d of %d steps have moved the timer", moved, steps);
	check_loop(v, user);
	if (handled(v) != before)
		vm_fail("%llu interrupts were handled while stepped", handled(v) - before);
}

static void wait_until_due(struct vcpu *v)
{
	__u64 due = due_at(v);

	while ((__s64)(due - __builtin_ppc_get_timebase()) > 0)
		;
}

/* Out of the loop, unstepped */
static void run_out(struct vcpu *v, bool user)
{
	put_data(v->vm, data_ra(user) + STOP, 4, 1);
	run_to(v, code_ra(user) + DONE, v->vm->cell->be_code, code_ea(v->vm, user) + DONE,
	       "out of the loop");
	put_data(v->vm, data_ra(user) + STOP, 4, 0);
	check_loop(v, user);
	with_regs(v, r)
		r.pc = code_ea(v->vm, user);
}

#define ROUNDS		4
#define STEPS		500

static void run_timer(struct vcpu *v, bool user, const __u32 *handler, const __u32 *end)
{
	struct vm *vm = v->vm;
	__u64 ra = vm_vector_ra(vm, 0x900), before;
	int round;

	put_handler(vm, 0x900, handler, end);
	start(v, user);
	vm_seal(vm);
	vcpu_set_dec(v, PERIOD);
	/* First of all, that it ticks: to the handler, unstepped, some times */
	for (round = 0; round < 3; round++) {
		run_to(v, ra + 4, !vm->cell->ile, vm_vector(vm, 0x900) + 4, "the timer");
		run_to(v, code_ra(user), vm->cell->be_code, code_ea(vm, user), "the loop");
	}
	if (handled(v) < 3)
		vm_fail("unstepped: only %llu timer interrupts", handled(v));

	for (round = 0; round < ROUNDS; round++) {
		before = handled(v);
		step_loop(v, user, STEPS + round, NULL);
		wait_until_due(v);
		expect_delivery(v, 0x900);
		/* Once: the next one is far away. From then on every 1 ms again. */
		with_regs(v, r)
			r.gpr[16] = 0x7fffffff;
		run_out(v, user);
		if (handled(v) != before + 1)
			vm_fail("%llu timer interrupts instead of one", handled(v) - before);
		with_regs(v, r)
			r.gpr[16] = PERIOD;
		vcpu_set_dec(v, PERIOD);
	}
	vm_check_sealed(vm, "afterwards");
}

TEST_F_TIMEOUT(timer, kernel_from_now, 120)
{
	SKIP_REFERENCE();
	run_timer(self->v, false, from_now, from_now_end);
}

TEST_F_TIMEOUT(timer, kernel_from_due, 120)
{
	SKIP_REFERENCE();
	run_timer(self->v, false, from_due, from_due_end);
}

TEST_F_TIMEOUT(timer, problem_state_from_now, 120)
{
	SKIP_REFERENCE();
	run_timer(self->v, true, from_now, from_now_end);
}

TEST_F_TIMEOUT(timer, problem_state_from_due, 120)
{
	SKIP_REFERENCE();
	run_timer(self->v, true, from_due, from_due_end);
}

/* Another thread, which raises the interrupt when so many steps are made */
struct raiser {
	struct vcpu *v;
	__u64 vector;
	int irq;
	int at, progress;
	pthread_t thread;
};

static void raise_irq(struct vcpu *v, __u64 vector, int irq)
{
	struct kvm_interrupt external = { .irq = irq };

	if (vector == 0xa00)
		vcpu_set(v, KVM_REG_PPC_DPDES, 1);
	else if (ioctl(v->fd, KVM_INTERRUPT, &external))
		vm_fail("KVM_INTERRUPT: %s", strerror(errno));
}

static void *raise_thread(void *arg)
{
	struct raiser *r = arg;

	while (__atomic_load_n(&r->progress, __ATOMIC_RELAXED) < r->at)
		;
	raise_irq(r->v, r->vector, r->irq);
	return NULL;
}

#define RAISED		20
#define RAISED_STEPS	60

static void run_raised(struct vcpu *v, bool user, __u64 vector, int irq)
{
	struct vm *vm = v->vm;
	unsigned int seed = 1;
	__u64 before;
	int i;

	put_handler(vm, vector, count, count_end);
	start(v, user);
	vm_seal(vm);
	for (i = 0; i < RAISED; i++) {
		struct raiser r = {
			.v = v,
			.vector = vector,
			.irq = irq,
			.at = rand_r(&seed) % (RAISED_STEPS - 10),
		};

		before = handled(v);
		if (pthread_create(&r.thread, NULL, raise_thread, &r))
			vm_fail("no thread");
		step_loop(v, user, RAISED_STEPS, &r.progress);
		pthread_join(r.thread, NULL);
		expect_delivery(v, vector);
		if (irq == (int)KVM_INTERRUPT_SET_LEVEL)
			raise_irq(v, vector, KVM_INTERRUPT_UNSET);
		run_out(v, user);
		if (handled(v) != before + 1)
			vm_fail("round %d: raised once, handled %llu times", i,
				handled(v) - before);
	}
	vm_check_sealed(vm, "afterwards");
}

TEST_F_TIMEOUT(timer, external, 120)
{
	SKIP_REFERENCE();
	run_raised(self->v, false, 0x500, KVM_INTERRUPT_SET);
}

TEST_F_TIMEOUT(timer, external_problem_state, 120)
{
	SKIP_REFERENCE();
	run_raised(self->v, true, 0x500, KVM_INTERRUPT_SET);
}

/* In problem state a level cannot be held (HVSTEP_IRQ_HOLD). */
TEST_F_TIMEOUT(timer, external_level, 120)
{
	SKIP_REFERENCE();
	run_raised(self->v, false, 0x500, KVM_INTERRUPT_SET_LEVEL);
}

TEST_F_TIMEOUT(timer, doorbell, 120)
{
	SKIP_REFERENCE();
	SKIP_BELOW_POWER(9, "a doorbell of each vCPU's own");
	run_raised(self->v, false, 0xa00, 0);
}

TEST_F_TIMEOUT(timer, doorbell_problem_state, 120)
{
	SKIP_REFERENCE();
	SKIP_BELOW_POWER(9, "a doorbell of each vCPU's own");
	run_raised(self->v, true, 0xa00, 0);
}

KVM_TEST_MAIN
