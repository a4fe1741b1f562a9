// SPDX-License-Identifier: GPL-2.0
/*
 * HVSTEP_POLICY_EXCLUSIVE: a vCPU that does nothing but read the vectors, while
 * another is stepped, never reads a word that is not the guest's.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/ioctl.h>

#include "cells.h"
#include "ring.h"

#define READER_RA	(CODE_RA + 0x4000)
#define STOP_RA		(DATA_RA + 0x8000)
#define H_DONE		0xfff0
/* A vCPU is brought out for each: 0.1 s on an emulated machine of one thread */
#define STEPS		(getenv("MACHINE") ? 40 : 2000)

CELL_FIXTURE(exclusive);
CELLS(exclusive);

/*
 * From 0x300 to 0xf80 all is the same word, r12. r14 counts the rounds; r4 says
 * where it was another. Ends when there is something at r10.
 */
GUEST_CODE(reader,
	   "1: addi 14, 14, 1\n"
	   "li	9, 0x320\n"
	   "mtctr	9\n"
	   "addi	4, 11, 0x2fc\n"
	   "2: lwzu 5, 4(4)\n"
	   "cmplw	5, 12\n"
	   "bne	3f\n"
	   "bdnz	2b\n"
	   "li	4, 0\n"
	   "lwz	5, 0(10)\n"
	   "cmpwi	5, 0\n"
	   "beq	1b\n"
	   "3: li	3, -0x10\n"
	   "clrldi	3, 3, 48\n"
	   "sc	1\n"
	   "b	.\n");

/* For as long as nothing but our own kicks brings it out */
static void *run_other(void *arg)
{
	struct vcpu *v = arg;
	int ret;

	do {
		ret = vcpu_run_for(v, 200);
	} while (ret == -EINTR);
	check_exit(v, ret, KVM_EXIT_PAPR_HCALL, "the other vCPU");
	return NULL;
}

static void start_reader(struct vcpu *v, pthread_t *thread)
{
	struct vm *vm = v->vm;
	__u64 vectors = vm_vector(vm, 0);

	load_code(v, READER_RA, reader, reader_end);
	put_data(vm, STOP_RA, 4, 0);
	with_regs(v, r) {
		r.gpr[10] = vm_ea(vm, STOP_RA);
		r.gpr[11] = vectors;
		r.gpr[12] = get_data(vm, vm_vector_ra(vm, 0x300), 4);
		r.gpr[14] = 0;
	}
	if (pthread_create(thread, NULL, run_other, v))
		vm_fail("no thread");
}

/* Where it has read another word, 0: nowhere */
static __u64 stop_reader(struct vcpu *v, pthread_t thread)
{
	struct kvm_regs r;

	put_data(v->vm, STOP_RA, 4, 1);
	pthread_join(thread, NULL);
	vcpu_get_regs(v, &r);
	printf("# %lld rounds\n", r.gpr[14]);
	if (!r.gpr[14])
		vm_fail("the vCPU that reads has not run");
	return r.gpr[4];
}

/* What the test is worth: a word that is changed behind its back is noticed. */
TEST_F_TIMEOUT(exclusive, notices, 120)
{
	struct vcpu *other = vm_vcpu(self->vm, 1);
	__u64 at = vm_vector_ra(self->vm, 0xf7c);
	pthread_t thread;

	SKIP_REFERENCE();
	start_reader(other, &thread);
	put_insn(self->vm, at, KVMPPC_INST_SW_BREAKPOINT, false);
	ASSERT_EQ(vm_vector(self->vm, 0xf7c), stop_reader(other, thread));
}

TEST_F_TIMEOUT(exclusive, reads_its_own, 240)
{
	struct vcpu *other = vm_vcpu(self->vm, 1);
	pthread_t thread;
	int i;

	SKIP_REFERENCE();
	set_policy(self->vm, HVSTEP_POLICY_EXCLUSIVE | HVSTEP_POLICY_TRACE_ALL, 0);
	ring_start(self->v, CODE_RA);
	start_reader(other, &thread);
	for (i = 0; i < STEPS; i++) {
		ring_step(self->v, CODE_RA);
		ring_check(self->v, CODE_RA);
	}
	ASSERT_EQ(0, stop_reader(other, thread));
}

/* r10 is where one waits for the other, who has r15 rounds to go first. */
#define H_DONE_CALL	"li	3, -0x10\nclrldi	3, 3, 48\nsc	1\nb	.\n"
GUEST_CODE(waiting,
	   "1: lwz	5, 0(10)\n"
	   "cmpwi	5, 0\n"
	   "beq	1b\n"
	   H_DONE_CALL);
GUEST_CODE(coming,
	   "1: addi	15, 15, -1\n"
	   "cmpdi	15, 0\n"
	   "bne	1b\n"
	   "li	5, 1\n"
	   "stw	5, 0(10)\n"
	   H_DONE_CALL);

/* Steps that follow each other at once, of a vCPU that waits for another one's doing */
TEST_F_TIMEOUT(exclusive, waits_for_another, 240)
{
	struct hvstep_step step = {
		.vcpu = self->v->id, .mode = HVSTEP_STEP_COUNT,
		.count = getenv("MACHINE") ? 50000 : 5000000,
	};
	struct vcpu *other = vm_vcpu(self->vm, 1);
	struct hvstep_counters c;
	pthread_t thread;
	int ret;

	SKIP_REFERENCE();
	set_policy(self->vm, HVSTEP_POLICY_EXCLUSIVE | HVSTEP_POLICY_TRACE_ALL, 0);
	load_code(self->v, CODE_RA, waiting, waiting_end);
	load_code(other, READER_RA, coming, coming_end);
	put_data(self->vm, STOP_RA, 4, 0);
	with_regs(self->v, r)
		r.gpr[10] = vm_ea(self->vm, STOP_RA);
	with_regs(other, r) {
		r.gpr[10] = vm_ea(self->vm, STOP_RA);
		r.gpr[15] = 200000;
	}
	ASSERT_EQ(0, ioctl(self->vm->session, HVSTEP_STEP, &step));
	if (pthread_create(&thread, NULL, run_other, other))
		vm_fail("no thread");
	do {
		ret = vcpu_run_for(self->v, 200);
	} while (ret == -EINTR);
	get_counters(self->v, &c);
	printf("# after %llu steps\n", c.steps);
	check_exit(self->v, ret, KVM_EXIT_PAPR_HCALL, "the vCPU that waits");
	pthread_join(thread, NULL);
}

/* Two that are stepped at once take turns; neither is kept out for good. */
static void *step_ring(void *arg)
{
	struct vcpu *v = arg;
	int i;

	for (i = 0; i < STEPS; i++)
		ring_step(v, CODE_RA);
	return NULL;
}

TEST_F_TIMEOUT(exclusive, two_take_turns, 240)
{
	struct vcpu *other = vm_vcpu(self->vm, 1);
	pthread_t thread;

	SKIP_REFERENCE();
	set_policy(self->vm, HVSTEP_POLICY_EXCLUSIVE | HVSTEP_POLICY_TRACE_ALL, 0);
	ring_start(self->v, CODE_RA);
	ring_start(other, CODE_RA);
	if (pthread_create(&thread, NULL, step_ring, other))
		vm_fail("no thread");
	step_ring(self->v);
	pthread_join(thread, NULL);
	ring_check(self->v, CODE_RA);
	ring_check(other, CODE_RA);
}

/* A vCPU that sleeps in a step needs the others to go on: one of them wakes it. */
GUEST_CODE(cede, "sc 1; nop\n");
GUEST_CODE(prod,
	   "1: addi 14, 14, 1\n"
	   "li	3, 0xe8\n"
	   "li	4, 0\n"
	   "sc	1\n"
	   "lwz	5, 0(10)\n"
	   "cmpwi	5, 0\n"
	   "beq	1b\n"
	   "li	3, -0x10\n"
	   "clrldi	3, 3, 48\n"
	   "sc	1\n"
	   "b	.\n");

TEST_F_TIMEOUT(exclusive, cede, 120)
{
	struct vcpu *other = vm_vcpu(self->vm, 1);
	struct vcpu *v = self->v;
	pthread_t thread;

	SKIP_REFERENCE();
	set_policy(self->vm, HVSTEP_POLICY_EXCLUSIVE, 0);
	load_code(v, CODE_RA, cede, cede_end);
	with_regs(v, r)
		r.gpr[3] = H_CEDE;
	load_code(other, READER_RA, prod, prod_end);
	put_data(self->vm, STOP_RA, 4, 0);
	with_regs(other, r)
		r.gpr[10] = vm_ea(self->vm, STOP_RA);
	if (pthread_create(&thread, NULL, run_other, other))
		vm_fail("no thread");
	check_exit(v, step_run(v), KVM_EXIT_DEBUG, "H_CEDE");
	with_regs(v, r)
		ASSERT_EQ(vm_ea(self->vm, CODE_RA + 4), r.pc);
	put_data(self->vm, STOP_RA, 4, 1);
	pthread_join(thread, NULL);
}

KVM_TEST_MAIN
