// SPDX-License-Identifier: GPL-2.0
/*
 * rfid and rfscv: never traced by hardware, and the only way into problem
 * state. ISA Book III 5.4.1: NIA = SRR0 without its low two bits; HV and ME
 * cannot be had; PR=1 forces EE, IR, DR; the bits interrupts use in SRR1
 * (33:36, 42:47) stay as they are.
 */
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cells.h"

CELL_FIXTURE(rfid);
CELLS(rfid);
MIXED_CELLS(rfid);
HASH_CELLS(rfid);

GUEST_CODE(rfid, "rfid\n");
GUEST_CODE(landing, "addi 3, 3, 1; ld 4, 0(5); nop\n");

/* Step an rfid to @to with @srr1, then two instructions there. */
static void return_to(struct vcpu *v, __u64 to, __u64 to_ra, __u64 srr1, __u64 msr,
		      const char *what)
{
	struct vm *vm = v->vm;

	put_words(vm, to_ra, landing, landing_end, !(msr & MSR_LE));
	load_code(v, CODE_RA, rfid, rfid_end);
	with_regs(v, r) {
		r.srr0 = to;
		r.srr1 = srr1;
		r.gpr[5] = msr & MSR_PR ? USER_DATA_RA :
			msr & MSR_DR ? KERNEL_EA + DATA_RA : DATA_RA;
	}
	step_expect(v)->pc = to & ~3ULL;
	if (!(msr & MSR_SF))
		v->expect.r.pc &= 0xffffffff;
	v->expect.r.msr = msr;
	step_check(v, what);
	step_expect(v)->gpr[3]++;
	step_check(v, "addi after rfid");
	step_expect(v)->gpr[4] = 0;
	step_check(v, "ld after rfid");
}

TEST_F(rfid, same_mode)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	__u64 there = vm_ea(vm, CODE_RA + 0x1000), msr = vm_msr(vm);

	return_to(v, there, CODE_RA + 0x1000, msr, msr, "rfid");
	with_regs(v, r)
		r.msr = msr;
	return_to(v, there | 3, CODE_RA + 0x1000, msr, msr, "rfid, low bits of SRR0");
	with_regs(v, r)
		r.msr = msr;
	return_to(v, there, CODE_RA + 0x1000, msr | MSR_EE, msr | MSR_EE, "rfid to EE=1");
	return_to(v, there, CODE_RA + 0x1000, msr & ~MSR_RI, msr & ~MSR_RI, "rfid from EE=1");
}

TEST_F(rfid, bits_that_stay)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	__u64 there = vm_ea(vm, CODE_RA + 0x1000), msr = vm_msr(vm);

	return_to(v, there, CODE_RA + 0x1000, msr & ~MSR_ME, msr, "rfid with SRR1[ME]=0");
	return_to(v, there, CODE_RA + 0x1000, msr | MSR_HV, msr, "rfid with SRR1[HV]=1");
	/* What a storage, an illegal instruction, a trap interrupt leave there */
	return_to(v, there, CODE_RA + 0x1000,
		  msr | SRR1_ISI_NOPT | SRR1_PROGILL | SRR1_PROGTRAP, msr,
		  "rfid with interrupt causes in SRR1");
}

TEST_F(rfid, endianness)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	__u64 msr = vm_msr(vm);

	return_to(v, vm_ea(vm, CODE_RA + 0x1000), CODE_RA + 0x1000,
		  msr ^ MSR_LE, msr ^ MSR_LE, "rfid to the other endianness");
	/* And back, by code of that endianness */
	put_words(vm, CODE_RA + 0x2000, rfid, rfid_end, msr & MSR_LE);
	put_code(vm, CODE_RA + 0x1000, landing, landing_end);
	with_regs(v, r) {
		r.pc = vm_ea(vm, CODE_RA + 0x2000);
		r.srr0 = vm_ea(vm, CODE_RA + 0x1000);
		r.srr1 = msr;
	}
	step_expect(v)->pc = vm_ea(vm, CODE_RA + 0x1000);
	v->expect.r.msr = msr;
	step_check(v, "rfid back");
	step_expect(v)->gpr[3]++;
	step_check(v, "addi after both");
}

TEST_F(rfid, translation)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	__u64 msr = vm_msr(vm);

	if (variant->cell.ail)
		return_to(v, CODE_RA + 0x1000, CODE_RA + 0x1000,
			  msr & ~(MSR_IR | MSR_DR), msr & ~(MSR_IR | MSR_DR),
			  "rfid to real mode");
	else
		return_to(v, KERNEL_EA + CODE_RA + 0x1000, CODE_RA + 0x1000,
			  msr | MSR_IR | MSR_DR, msr | MSR_IR | MSR_DR,
			  "rfid to translation on");
}

TEST_F(rfid, mode_32)
{
	struct vcpu *v = self->v;
	__u64 msr = vm_msr(v->vm) & ~MSR_SF;

	if (variant->cell.ail)
		SKIP(return, "the kernel's addresses need 64 bits");
	return_to(v, 0x1234567800000000 + CODE_RA + 0x1000, CODE_RA + 0x1000, msr, msr,
		  "rfid to SF=0");
}

TEST_F(rfid, problem_state)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	__u64 msr = vm_user_msr(vm);

	return_to(v, USER_CODE_RA, USER_CODE_RA, msr, msr, "rfid to problem state");
	with_regs(v, r)
		r.msr = vm_msr(vm);
	return_to(v, USER_CODE_RA, USER_CODE_RA, msr & ~(MSR_EE | MSR_IR | MSR_DR), msr,
		  "rfid, PR=1 forces EE, IR, DR");
	with_regs(v, r)
		r.msr = vm_msr(vm);
	return_to(v, USER_CODE_RA, USER_CODE_RA, msr & ~MSR_SF, msr & ~MSR_SF,
		  "rfid to problem state with SF=0");
	with_regs(v, r)
		r.msr = vm_msr(vm);
	return_to(v, USER_CODE_RA, USER_CODE_RA, msr ^ MSR_LE, msr ^ MSR_LE,
		  "rfid to problem state of the other endianness");
}

/* ISA 3.0 Book III 5.4.1 rfscv: as rfid, with LR and CTR */
GUEST_CODE(rfscv, ".machine power9; rfscv\n");

TEST_F(rfid, rfscv)
{
	struct vcpu *v = self->v;
	struct vm *vm = v->vm;
	__u64 there = vm_ea(vm, CODE_RA + 0x1000), msr = vm_msr(vm);

	SKIP_BELOW_POWER(9, "rfscv");
	put_code(vm, CODE_RA + 0x1000, landing, landing_end);
	load_code(v, CODE_RA, rfscv, rfscv_end);
	with_regs(v, r) {
		r.lr = there | 1;
		r.ctr = (msr | MSR_EE | MSR_HV) & ~MSR_ME;
	}
	step_expect(v)->pc = there;
	v->expect.r.msr = msr | MSR_EE;
	step_check(v, "rfscv");
	step_expect(v)->gpr[3]++;
	step_check(v, "addi after rfscv");
	put_code(vm, USER_CODE_RA, landing, landing_end);
	load_code(v, CODE_RA, rfscv, rfscv_end);
	with_regs(v, r) {
		r.lr = USER_CODE_RA;
		r.ctr = (msr | MSR_PR) & ~(MSR_IR | MSR_DR);
		r.gpr[5] = USER_DATA_RA;
	}
	step_expect(v)->pc = USER_CODE_RA;
	v->expect.r.msr = vm_user_msr(vm);
	step_check(v, "rfscv to problem state");
	step_expect(v)->gpr[3]++;
	step_check(v, "addi after rfscv");
	step_expect(v)->gpr[4] = 0;
	step_check(v, "ld after rfscv");
}

static bool at_end;

/* The instruction at CODE_RA is an addi and an rfid by turns. */
static void *change_it(void *arg)
{
	static const __u32 insns[] = { 0x38630001, 0x4c000024 };
	struct vm *vm = arg;
	unsigned int i;

	for (i = 0; !__atomic_load_n(&at_end, __ATOMIC_RELAXED); i++) {
		put_insn(vm, CODE_RA, insns[i & 1], vm->cell->be_code);
		__builtin___clear_cache((char *)vm->mem + CODE_RA, (char *)vm->mem + CODE_RA + 4);
	}
	return NULL;
}

/*
 * It is an rfid by the time that it is executed, and leads to where the Trace interrupt
 * does: HV and ME are not the guest's to choose, whatever it is taken for.
 */
TEST_F_TIMEOUT(rfid, by_surprise, 120)
{
	struct vcpu *v = self->v;
	struct vm *vm = self->vm;
	__u64 msr = vm_msr(vm) & (variant->cell.ail ? ~0ULL : ~(MSR_IR | MSR_DR));
	__u64 start = vm_ea(vm, CODE_RA);
	struct hvstep_counters c;
	__u64 returns = 0, surprises = 0;
	size_t page = sysconf(_SC_PAGESIZE);
	pthread_t thread;
	int i;

	SKIP_REFERENCE();
	SKIP_BELOW_POWER(9, "a step that is led on ends without a signal");
	/* Or the addi is none for hardware to execute. */
	set_policy(vm, HVSTEP_POLICY_TRACE_ALL, HVSTEP_IRQ_HOLD);
	load_code(v, CODE_RA, rfid, rfid_end);
	vcpu_debug(v, DEBUG_STEP);
	ASSERT_EQ(0, pthread_create(&thread, NULL, change_it, vm));
	/*
	 * KVM finds the page again between the step's look at the instruction and the
	 * instruction itself: time enough to become another one.
	 */
	for (i = 0; i < 1000 || (i < 20000 && surprises < 10); i++) {
		struct kvm_regs got;

		with_regs(v, r) {
			r.pc = start;
			r.msr = vm_msr(vm);
			r.srr0 = vm_vector(vm, 0xd00);
			r.srr1 = (msr & ~MSR_ME) | MSR_HV;
		}
		ASSERT_EQ(0, madvise((char *)vm->mem + (CODE_RA & -page), page, MADV_DONTNEED));
		ASSERT_EQ(0, ioctl(v->fd, KVM_RUN, 0));
		ASSERT_EQ(KVM_EXIT_DEBUG, v->run->exit_reason);
		vcpu_get_regs(v, &got);
		ASSERT_EQ(MSR_ME, got.msr & (MSR_ME | MSR_HV));
		if (got.pc == start + 4)
			continue;
		ASSERT_EQ(vm_vector(vm, 0xd00), got.pc);
		ASSERT_EQ(msr, got.msr);
		returns++;
		get_counters(v, &c);
		surprises = returns - c.emulated;
	}
	__atomic_store_n(&at_end, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	printf("# %llu times an rfid, %llu times by surprise\n", returns, surprises);
	ASSERT_GT(surprises, 0);
}

KVM_TEST_MAIN
