// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "step.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static void watchdog_handler(int sig, siginfo_t *info, void *context)
{
	struct vcpu *v = info->si_value.sival_ptr;

	(void)sig;
	(void)context;
	v->hung = 1;
}

/* Each thread that runs a vCPU is watched by a timer of its own. */
static void watchdog_init(struct vcpu *v, pid_t tid)
{
	struct sigaction sa = {
		.sa_sigaction = watchdog_handler,
		.sa_flags = SA_SIGINFO,
	};
	struct sigevent ev = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGRTMIN,
		.sigev_value.sival_ptr = v,
	};

	if (v->watched)
		timer_delete(v->watchdog);
	ev.sigev_notify_thread_id = tid;
	if (sigaction(SIGRTMIN, &sa, NULL) ||
	    timer_create(CLOCK_MONOTONIC, &ev, &v->watchdog))
		vm_fail("watchdog: %s", strerror(errno));
	v->watched = tid;
}

/* Repeating, for the first signal may come just before KVM_RUN. */
static void watchdog_set(struct vcpu *v, int seconds)
{
	struct itimerspec it = {
		.it_value.tv_sec = seconds,
		.it_interval.tv_sec = seconds ? 1 : 0,
	};

	timer_settime(v->watchdog, 0, &it, NULL);
}

int vcpu_run_for(struct vcpu *v, int seconds)
{
	pid_t tid = syscall(SYS_gettid);
	struct kvm_regs r;
	int ret;

	if (v->watched != tid)
		watchdog_init(v, tid);
	watchdog_set(v, seconds);
	ret = ioctl(v->fd, KVM_RUN, 0) ? -errno : 0;
	watchdog_set(v, 0);
	if (v->hung) {
		vcpu_get_regs(v, &r);
		vm_fail("KVM_RUN hung: vcpu %u, %d s, now nip %llx msr %llx srr0 %llx srr1 %llx",
			v->id, seconds, r.pc, r.msr, r.srr0, r.srr1);
	}
	return ret;
}

int vcpu_run(struct vcpu *v)
{
	return vcpu_run_for(v, STEP_TIMEOUT);
}

static void ignore(int sig)
{
	(void)sig;
}

void ignore_sigusr1(void)
{
	struct sigaction sa = { .sa_handler = ignore };

	sigaction(SIGUSR1, &sa, NULL);
}

/* The RA of an EA, where the tests' guests have instructions */
static __u64 code_ra(__u64 ea)
{
	return ea & ~KERNEL_EA;
}

/* The VMM's answer to these is in the same union as run->debug. */
static bool completes_exit(const struct vcpu *v)
{
	return v->run->exit_reason == KVM_EXIT_PAPR_HCALL ||
		v->run->exit_reason == KVM_EXIT_MMIO;
}

static int reference_run(struct vcpu *v)
{
	struct vm *vm = v->vm;
	__u64 ra = code_ra(v->expect.r.pc);
	bool be = !(v->expect.r.msr & MSR_LE);
	struct kvm_regs now;
	__u32 insn;
	int ret;

	vcpu_get_regs(v, &now);
	if (now.pc == v->expect.r.pc && !completes_exit(v)) {
		/* A branch to itself: no breakpoint can tell. */
		v->run->exit_reason = KVM_EXIT_DEBUG;
		v->run->debug.arch.status = 0;
		v->run->debug.arch.address = now.pc;
		return 0;
	}
	insn = get_insn(vm, ra, be);
	put_insn(vm, ra, KVMPPC_INST_SW_BREAKPOINT, be);
	vcpu_debug(v, DEBUG_BP);
	ret = vcpu_run(v);
	put_insn(vm, ra, insn, be);
	if (!ret && v->run->exit_reason == KVM_EXIT_DEBUG) {
		/* KVM leaves the status alone, and HSRR1's causes in the MSR. */
		v->run->debug.arch.status = 0;
		vcpu_get_regs(v, &now);
		now.msr &= SRR1_MSR_BITS | (v->expect.r.msr & ~SRR1_MSR_BITS);
		vcpu_set_regs(v, &now);
	}
	return ret;
}

int step_run(struct vcpu *v)
{
	if (!completes_exit(v))
		memset(&v->run->debug, 0xff, sizeof(v->run->debug));
	if (v->vm->reference)
		return reference_run(v);
	if ((v->control & DEBUG_STEP) != DEBUG_STEP)
		vcpu_debug(v, DEBUG_STEP);
	return vcpu_run(v);
}

struct kvm_regs *step_expect(struct vcpu *v)
{
	vm_seal(v->vm);
	v->run->exit_reason = KVM_EXIT_UNKNOWN;
	snap_take(v, &v->expect);
	v->expect.r.pc += 4;
	return &v->expect.r;
}

struct kvm_regs *expect_interrupt(struct vcpu *v, __u64 vector, __u64 srr1)
{
	struct kvm_regs *e = step_expect(v);
	__u64 msr = e->msr;

	e->srr0 = vector == 0xc00 ? e->pc : e->pc - 4;
	e->srr1 = (msr & SRR1_MSR_BITS) | srr1;
	if (vm_reflects_in_real_mode(v->vm, vector))
		msr &= ~(MSR_IR | MSR_DR);
	e->msr = vm_intr_msr(v->vm, msr);
	e->pc = e->msr & MSR_IR ? vm_vector(v->vm, vector) : vector;
	return e;
}

/* Everything that decides what an instruction does, in a VM without hvstep */
static struct vcpu *make_twin(struct vcpu *v)
{
	struct vm *vm = vm_create(v->vm->cell);
	struct vcpu *twin = vm_vcpu(vm, 0);
	struct kvm_regs r;
	static const __u64 sprs[] = {
		KVM_REG_PPC_DAR, KVM_REG_PPC_DSISR, KVM_REG_PPC_FSCR, KVM_REG_PPC_FPSCR,
		KVM_REG_PPC_IAMR, KVM_REG_PPC_CIABR, KVM_REG_PPC_DAWR, KVM_REG_PPC_DAWRX,
	};
	size_t i;

	vm_copy(vm, v->vm);
	vcpu_get_regs(v, &r);
	vcpu_set_regs(twin, &r);
	if (!vm->radix)
		vcpu_copy_slb(twin, v);
	for (i = 0; i < ARRAY_SIZE(sprs); i++)
		vcpu_set(twin, sprs[i], vcpu_get(v, sprs[i]));
	for (i = 0; i < 32; i++)
		vcpu_set(twin, KVM_REG_PPC_FPR(i), vcpu_get(v, KVM_REG_PPC_FPR(i)));
	vm->reference = true;
	twin->expect = v->expect;
	twin->run->exit_reason = KVM_EXIT_UNKNOWN;
	return twin;
}

static void run_twin(struct vcpu *twin, struct snap *s)
{
	struct vm *vm = twin->vm;

	check_exit(twin, reference_run(twin), KVM_EXIT_DEBUG, "unstepped");
	snap_take(twin, s);
	vcpu_destroy(twin);
	vm_destroy(vm);
}

void oracle_run(struct vcpu *v, struct snap *s)
{
	run_twin(make_twin(v), s);
}

void oracle_anywhere(struct vcpu *v, struct snap *s)
{
	struct vcpu *twin = make_twin(v);
	__u64 ra;

	for (ra = VECTORS_RA; ra < VECTORS_RA + VECTORS_SIZE; ra += 4)
		put_insn(twin->vm, ra, KVMPPC_INST_SW_BREAKPOINT, !twin->vm->cell->ile);
	run_twin(twin, s);
}

void get_counters(struct vcpu *v, struct hvstep_counters *c)
{
	memset(c, 0, sizeof(*c));
	c->vcpu = v->id;
	if (!v->vm->reference && ioctl(v->vm->session, HVSTEP_GET_COUNTERS, c))
		vm_fail("HVSTEP_GET_COUNTERS: %s", strerror(errno));
}

void set_policy(struct vm *vm, __u64 flags, __u32 irq)
{
	struct hvstep_policy policy = { .flags = flags, .irq = irq };

	if (ioctl(vm->session, HVSTEP_SET_POLICY, &policy))
		vm_fail("HVSTEP_SET_POLICY: %s", strerror(errno));
}

void expect_delivery(struct vcpu *v, __u64 vector)
{
	struct vm *vm = v->vm;
	struct kvm_regs before, r;
	__u64 msr, ea;

	vcpu_get_regs(v, &before);
	msr = vm_intr_msr(vm, before.msr);
	ea = msr & MSR_IR ? vm_vector(vm, vector) : vector;
	run_to(v, ea & 0xffff, !vm->cell->ile, ea, "pending interrupt, unstepped");
	vcpu_get_regs(v, &r);
	if (r.srr0 != before.pc || r.srr1 != before.msr)
		vm_fail("interrupt taken at %llx, MSR %llx, instead of %llx, %llx",
			r.srr0, r.srr1, before.pc, before.msr);
}

void check_exit(struct vcpu *v, int ret, __u32 reason, const char *what)
{
	struct kvm_regs r;

	if (!ret && v->run->exit_reason == reason)
		return;
	vcpu_get_regs(v, &r);
	vm_fail("%s: KVM_RUN returned %d (%s), exit_reason %u instead of %u; nip %llx msr %llx srr0 %llx srr1 %llx",
		what, ret, ret ? strerror(-ret) : "ok", v->run->exit_reason, reason,
		r.pc, r.msr, r.srr0, r.srr1);
}

void check_invisible(struct vcpu *v, bool ee, const char *when)
{
	struct kvm_regs r;

	vcpu_get_regs(v, &r);
	if (r.msr & MSR_SE)
		vm_fail("%s: MSR shows SE: %llx", when, r.msr);
	if (!!(r.msr & MSR_EE) != ee)
		vm_fail("%s: MSR[EE] is %d: %llx", when, !ee, r.msr);
	vm_check_sealed(v->vm, when);
}

void step_done(struct vcpu *v, int ret, const char *what)
{
	check_exit(v, ret, KVM_EXIT_DEBUG, what);
	snap_take(v, &v->got);
	vm_check_sealed(v->vm, what);
	snap_compare(what, &v->expect, &v->got);
	/* debug.arch is the interface for the debugger: exact, not just set */
	if (v->run->debug.arch.address != v->got.r.pc)
		vm_fail("%s: debug.arch.address %llx, nip %llx", what,
			v->run->debug.arch.address, v->got.r.pc);
	if (v->run->debug.arch.status)
		vm_fail("%s: debug.arch.status %x", what, v->run->debug.arch.status);
}

void step_check(struct vcpu *v, const char *what)
{
	step_done(v, step_run(v), what);
}

void load_code(struct vcpu *v, __u64 ra, const __u32 *p, const __u32 *end)
{
	struct kvm_regs r;

	put_code(v->vm, ra, p, end);
	/* Running on past the end must not look like a step of something else */
	put_insn(v->vm, ra + (end - p) * 4, PPC_INST_BRANCH_SELF, v->vm->cell->be_code);
	vcpu_get_regs(v, &r);
	r.pc = vm_ea(v->vm, ra);
	vcpu_set_regs(v, &r);
}

void run_to(struct vcpu *v, __u64 ra, bool be, __u64 ea, const char *what)
{
	__u32 insn = get_insn(v->vm, ra, be);
	int ret;

	put_insn(v->vm, ra, KVMPPC_INST_SW_BREAKPOINT, be);
	vcpu_debug(v, DEBUG_BP);
	ret = vcpu_run(v);
	put_insn(v->vm, ra, insn, be);
	check_exit(v, ret, KVM_EXIT_DEBUG, what);
	if (v->run->debug.arch.address != ea)
		vm_fail("%s: stopped at %llx instead of %llx", what,
			v->run->debug.arch.address, ea);
}
