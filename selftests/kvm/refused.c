// SPDX-License-Identifier: GPL-2.0
/*
 * Steps that cannot be made: KVM_RUN says why (include/uapi/linux/hvstep.h), the
 * guest is as it was, runs on when nobody steps, and can be stepped again once
 * what was in the way is gone.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "cells.h"
#include "recorder.h"

CELL_FIXTURE(refused);
CELLS(refused);

#define PAGES	0x10000UL		/* of the largest size that a host has */

/* The code is not in the page of the vectors; the last one is where it ends. */
GUEST_CODE(code, "ld 4, 0(5); addi 3, 3, 1; std 3, 8(5); b .\n");

static void start(struct vcpu *v, __u64 ra)
{
	load_code(v, ra, code, code_end);
	put_data(v->vm, DATA_RA, 8, 0x1234);
	put_data(v->vm, DATA_RA + 8, 8, 0);
	with_regs(v, r) {
		r.msr = vm_msr(v->vm) | MSR_EE;
		r.gpr[3] = 0;
		r.gpr[5] = vm_ea(v->vm, DATA_RA);
	}
}

/* The load cannot be stepped; nothing of the vCPU or of memory has changed. */
static void check_refused(struct vcpu *v, int err, const char *what)
{
	struct hvstep_counters before, after;
	int ret, i;

	for (i = 0; i < 2; i++) {
		step_expect(v)->pc -= 4;
		get_counters(v, &before);
		vcpu_debug(v, DEBUG_STEP);
		ret = vcpu_run(v);
		if (ret != -err || v->run->exit_reason != KVM_EXIT_INTERNAL_ERROR)
			vm_fail("%s: KVM_RUN returned %d, exit_reason %u", what, ret,
				v->run->exit_reason);
		snap_take(v, &v->got);
		snap_compare(what, &v->expect, &v->got);
		vm_check_sealed(v->vm, what);
		get_counters(v, &after);
		if (after.steps != before.steps || after.lost != before.lost)
			vm_fail("%s: counted as a step", what);
	}
}

/* Nobody steps any more: from the load to the end */
static void check_runs_on(struct vcpu *v, __u64 ra, const char *what)
{
	struct vm *vm = v->vm;
	struct kvm_regs before, r;

	vcpu_get_regs(v, &before);
	run_to(v, ra + 12, vm->cell->be_code, vm_ea(vm, ra + 12), what);
	vcpu_get_regs(v, &r);
	if (r.gpr[4] != 0x1234 || r.gpr[3] != 1 || get_data(vm, DATA_RA + 8, 8) != 1 ||
	    (r.msr & SRR1_MSR_BITS) != before.msr)
		vm_fail("%s: did not run on: r3 %llx r4 %llx msr %llx", what, r.gpr[3], r.gpr[4],
			r.msr);
	vm_check_sealed(vm, what);
}

static void check_steps(struct vcpu *v, const char *what)
{
	step_expect(v)->gpr[4] = 0x1234;
	step_check(v, what);
	step_expect(v)->gpr[3] = 1;
	step_check(v, what);
	step_expect(v);
	step_check(v, what);
	if (get_data(v->vm, DATA_RA + 8, 8) != 1)
		vm_fail("%s: nothing stored", what);
}

/* What needs no vector can be stepped nevertheless. */
static void check_emulated(struct vcpu *v)
{
	struct kvm_regs before;

	vcpu_get_regs(v, &before);
	with_regs(v, r)
		r.pc += 4;
	step_expect(v)->gpr[3]++;
	step_check(v, "addi");
	vcpu_set_regs(v, &before);
}

/* The page tables are for those that have AIL=3; what they map is radix here. */
#define SKIP_UNLESS_AIL3()						\
	do {								\
		if (!variant->cell.ail || !self->vm->radix)		\
			SKIP(return, "a radix guest with AIL=3");	\
	} while (0)

TEST_F(refused, vectors_without_translation)
{
	struct vcpu *v = self->v;
	__u64 leaf;

	SKIP_UNLESS_AIL3();
	leaf = vm_get_leaf(self->vm, 0);
	start(v, RWX_RA);
	vm_set_leaf(self->vm, 0, 0);
	check_refused(v, EOPNOTSUPP, "no translation");
	check_emulated(v);
	check_runs_on(v, RWX_RA, "no translation");
	start(v, RWX_RA);
	vm_set_leaf(self->vm, 0, leaf);
	check_steps(v, "the translation is back");
}

/* Who steps behind the VMM's back must not have its KVM_RUN fail. */
TEST_F(refused, behind_the_vmms_back)
{
	struct hvstep_step step = {
		.vcpu = self->v->id, .mode = HVSTEP_STEP_COUNT, .count = 100,
		.flags = HVSTEP_STEP_THEN_RUN,
	};
	struct hvstep_counters before, after;
	struct vcpu *v = self->v;
	struct recorder rec;
	__u64 leaf;

	SKIP_UNLESS_AIL3();
	leaf = vm_get_leaf(self->vm, 0);
	start(v, RWX_RA);
	vm_set_leaf(self->vm, 0, 0);
	vm_seal(self->vm);
	get_counters(v, &before);
	recorder_open(&rec, v, (struct hvstep_trace){ .nr_records = 16 });
	ASSERT_EQ(0, ioctl(self->vm->session, HVSTEP_STEP, &step));
	ASSERT_EQ(0, rec.ring->error);
	check_runs_on(v, RWX_RA, "refused");
	get_counters(v, &after);
	ASSERT_EQ(before.steps, after.steps);
	ASSERT_EQ(EOPNOTSUPP, rec.ring->error);
	ASSERT_EQ(0, rec.ring->state);
	recorder_close(&rec);
	vm_set_leaf(self->vm, 0, leaf);
}

/* Where the vectors are mapped to there is no memory, but perhaps a device. */
TEST_F(refused, vectors_in_mmio)
{
	struct vcpu *v = self->v;
	__u64 leaf;

	SKIP_UNLESS_AIL3();
	leaf = vm_get_leaf(self->vm, 0);
	start(v, RWX_RA);
	vm_set_leaf(self->vm, 0, leaf | MMIO_RA);
	check_refused(v, EOPNOTSUPP, "MMIO");
	check_emulated(v);
	check_runs_on(v, RWX_RA, "MMIO");
	start(v, RWX_RA);
	vm_set_leaf(self->vm, 0, leaf);
	check_steps(v, "the vectors are memory again");
}

static void set_slot(struct vm *vm, __u64 start)
{
	struct kvm_userspace_memory_region region = { };

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		vm_fail("KVM_SET_USER_MEMORY_REGION, none: %s", strerror(errno));
	region.guest_phys_addr = start;
	region.userspace_addr = (unsigned long)vm->mem + start;
	region.memory_size = MEM_SIZE - start;
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		vm_fail("KVM_SET_USER_MEMORY_REGION: %s", strerror(errno));
}

TEST_F(refused, vectors_outside_memory)
{
	struct vcpu *v = self->v;

	/* A hash guest's real mode is mapped to the memory at 0. */
	SKIP_BELOW_POWER(9, "real mode without memory at 0");
	start(v, RWX_RA);
	set_slot(self->vm, PAGES);
	check_refused(v, EOPNOTSUPP, "no memory at the vectors");
	check_emulated(v);
	check_runs_on(v, RWX_RA, "no memory at the vectors");
	start(v, RWX_RA);
	set_slot(self->vm, 0);
	check_steps(v, "the memory is back");
}

/* To arm a vector is to write it, which the VMM itself must be able to. */
TEST_F(refused, vectors_that_cannot_be_written)
{
	struct vcpu *v = self->v;
	struct vm *vm = self->vm;

	start(v, RWX_RA);
	/* The first step sets a hash guest's MMU up, which takes a vector, too. */
	check_emulated(v);
	if (mprotect(vm->mem, PAGES, PROT_READ))
		vm_fail("mprotect: %s", strerror(errno));
	check_refused(v, EOPNOTSUPP, "read-only");
	check_emulated(v);
	/* KVM maps a read-only page for the guest's reads. */
	check_runs_on(v, RWX_RA, "read-only");
	start(v, RWX_RA);
	mprotect(vm->mem, PAGES, PROT_READ | PROT_WRITE);
	check_steps(v, "writable again");
}

TEST_F(refused, read_only_slot)
{
	struct vcpu *v = self->v;
	struct vm *vm = self->vm;
	struct kvm_userspace_memory_region region = {
		.slot = 1,
		.flags = KVM_MEM_READONLY,
		.memory_size = PAGES,
		.userspace_addr = (unsigned long)vm->mem,
	};

	if (ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_READONLY_MEM) <= 0)
		SKIP(return, "KVM has no read-only slots on this host");
	start(v, RWX_RA);
	set_slot(vm, PAGES);
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		vm_fail("KVM_MEM_READONLY: %s", strerror(errno));
	check_refused(v, EOPNOTSUPP, "read-only slot");
	check_runs_on(v, RWX_RA, "read-only slot");
}

/* The instruction itself is in memory that is none: it cannot be read. */
TEST_F(refused, instruction_that_cannot_be_read)
{
	struct vcpu *v = self->v;
	struct vm *vm = self->vm;
	int ret, i;

	start(v, RWX_RA);
	for (i = 0; i < 2; i++) {
		step_expect(v)->pc -= 4;
		mprotect(vm->mem + RWX_RA, PAGES, PROT_NONE);
		vcpu_debug(v, DEBUG_STEP);
		ret = vcpu_run(v);
		mprotect(vm->mem + RWX_RA, PAGES, PROT_READ | PROT_WRITE);
		ASSERT_EQ(-EFAULT, ret);
		ASSERT_EQ(KVM_EXIT_INTERNAL_ERROR, v->run->exit_reason);
		snap_take(v, &v->got);
		snap_compare("no access", &v->expect, &v->got);
		vm_check_sealed(vm, "no access");
	}
	check_runs_on(v, RWX_RA, "access again");
	start(v, RWX_RA);
	check_steps(v, "access again");
}

/* One-shot requests: refused like any step, and standing until withdrawn */
TEST_F(refused, one_shot)
{
	struct hvstep_step step = { .vcpu = self->v->id, .mode = HVSTEP_STEP_ONE };
	struct vcpu *v = self->v;
	struct vm *vm = self->vm;
	int ret, i;

	start(v, RWX_RA);
	mprotect(vm->mem, PAGES, PROT_READ);
	ASSERT_EQ(0, ioctl(vm->session, HVSTEP_STEP, &step));
	for (i = 0; i < 2; i++) {
		step_expect(v)->pc -= 4;
		vcpu_debug(v, 0);
		ret = vcpu_run(v);
		ASSERT_EQ(-EOPNOTSUPP, ret);
		ASSERT_EQ(KVM_EXIT_INTERNAL_ERROR, v->run->exit_reason);
		snap_take(v, &v->got);
		snap_compare("one-shot", &v->expect, &v->got);
	}
	step.mode = HVSTEP_STEP_CANCEL;
	ASSERT_EQ(0, ioctl(vm->session, HVSTEP_STEP, &step));
	check_runs_on(v, RWX_RA, "withdrawn");

	/* A session that closes takes the request with it. */
	start(v, RWX_RA);
	step.mode = HVSTEP_STEP_ONE;
	ASSERT_EQ(0, ioctl(vm->session, HVSTEP_STEP, &step));
	vm_detach(vm);
	check_runs_on(v, RWX_RA, "session closed");
}

KVM_TEST_MAIN
