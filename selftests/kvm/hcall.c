// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls: the step ends behind the sc 1, when the call has returned,
 * whether KVM or the VMM completes it. SRR0 and SRR1 are those of an sc, for
 * the hardware writes them whatever LEV is (ISA Book III 7.5.14); since ISA 3.1,
 * bits 42:43 of SRR1 are LEV.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "cells.h"
#include "runner.h"

CELL_FIXTURE(hcall);
CELLS(hcall);
HASH_CELLS(hcall);

GUEST_CODE(hcall, "sc 1; addi 14, 14, 1; addi 14, 14, 1\n");

/* No number of PAPR, nor of KVM: goes to the VMM */
#define H_UNKNOWN	0xfff0

/*
 * PAPR 14.5: CTR and parts of CR are the hypervisor's to use. What KVM leaves
 * in them, it leaves after an H_PROD of an unstepped guest, too.
 */
static void expect_clobbers(struct vcpu *v)
{
	struct kvm_regs r, prod;

	vcpu_get_regs(v, &r);
	prod = r;
	prod.gpr[3] = H_PROD;
	vcpu_set_regs(v, &prod);
	oracle_run(v, &v->got);
	vcpu_set_regs(v, &r);
	v->expect.r.cr = v->got.r.cr;
	v->expect.r.ctr = v->got.r.ctr;
}

static void expect_hcall(struct vcpu *v, __u64 nr)
{
	struct kvm_regs *e;

	load_code(v, CODE_RA, hcall, hcall_end);
	with_regs(v, r) {
		r.gpr[3] = nr;
		r.gpr[4] = v->id;
	}
	e = step_expect(v);
	e->srr0 = e->pc;
	e->srr1 = e->msr & SRR1_MSR_BITS;
	if (vm_host_power() >= 10)
		e->srr1 |= SRR1_SC_LEV(1);
	e->gpr[3] = H_SUCCESS;
	expect_clobbers(v);
}

static void step_behind(struct vcpu *v)
{
	step_expect(v)->gpr[14]++;
	step_check(v, "addi behind sc 1");
}

/*
 * CTR and CR0 are volatile over a hypercall (PAPR): KVM's handlers in POWER8's
 * real mode leave there what they had.
 */
static void hcall_done(struct vcpu *v, int ret, const char *what)
{
	struct kvm_regs r;

	if (vm_host_power() < 9) {
		vcpu_get_regs(v, &r);
		v->expect.r.ctr = r.ctr;
		v->expect.r.cr = (v->expect.r.cr & 0x0fffffff) | (r.cr & 0xf0000000);
	}
	step_done(v, ret, what);
}

static void check_hcall(struct vcpu *v, const char *what)
{
	hcall_done(v, step_run(v), what);
}

TEST_F(hcall, confer)
{
	struct vcpu *v = self->v;

	expect_hcall(v, H_CONFER);
	check_hcall(v, "H_CONFER");
	step_behind(v);
}

TEST_F(hcall, prod)
{
	struct vcpu *v = self->v;

	expect_hcall(v, H_PROD);
	check_hcall(v, "H_PROD");
	step_behind(v);
	with_regs(v, r)
		r.msr |= MSR_EE;
	expect_hcall(v, H_PROD);
	step_check(v, "H_PROD with EE=1");
	step_behind(v);
}

/* H_CEDE enables external interrupts, PAPR 14.11.3.6: not for the call alone. */
TEST_F(hcall, cede_prodded)
{
	struct vcpu *v = self->v;

	expect_hcall(v, H_PROD);
	check_hcall(v, "H_PROD");
	expect_hcall(v, H_CEDE);
	v->expect.r.msr |= MSR_EE;
	check_hcall(v, "H_CEDE");
	step_behind(v);
}

/* Asleep in H_CEDE until the decrementer expires */
TEST_F(hcall, cede_until_decrementer)
{
	struct vcpu *v = self->v;
	int ret, tries = 0;

	SKIP_REFERENCE();
	expect_hcall(v, H_CEDE);
	v->expect.r.msr |= MSR_EE;
	vcpu_set_dec(v, 512 * 100000);
	do {
		ret = step_run(v);
	} while (ret == -EINTR && tries++ < 10);
	hcall_done(v, ret, "H_CEDE");
	vcpu_set_dec(v, DEC_NEVER);
	step_behind(v);
}

static void *signal_soon(void *arg)
{
	usleep(200000);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

/*
 * A signal ends the sleep: PAPR lets H_CEDE return at any time. What must not
 * happen is that the step is forgotten, or ends anywhere else.
 */
TEST_F(hcall, cede_signal)
{
	struct vcpu *v = self->v;
	pthread_t me = pthread_self(), other;
	int ret, tries = 0;

	SKIP_REFERENCE();
	ignore_sigusr1();
	expect_hcall(v, H_CEDE);
	v->expect.r.msr |= MSR_EE;
	pthread_create(&other, NULL, signal_soon, &me);
	while ((ret = step_run(v)) == -EINTR && tries++ < 3) {
		check_invisible(v, true, "H_CEDE and a signal");
		with_regs(v, r)
			ASSERT_EQ(v->expect.r.pc, r.pc);
	}
	hcall_done(v, ret, "H_CEDE");
	pthread_join(other, NULL);
	step_behind(v);
}

GUEST_CODE(then_cede, "ld 5, 0(6); sc 1; nop\n");

/* A step that is traced, and one of H_CEDE, until a signal comes */
static void *cede(void *arg)
{
	struct vcpu *v = arg;

	check_exit(v, step_run(v), KVM_EXIT_DEBUG, "ld before H_CEDE");
	step_run(v);
	return NULL;
}

/*
 * Nobody may have to wait for one that sleeps: it has nothing armed, and what another
 * vCPU arms meanwhile is restored.
 */
TEST_F(hcall, cede_arms_nothing)
{
	struct vm *vm = self->vm;
	struct vcpu *v = self->v, *sleeper = vm_vcpu(vm, 1);
	const __u64 code = CODE_RA + 0x1000;
	struct hvstep_counters c;
	pthread_t thread;
	int i;

	SKIP_REFERENCE();
	ignore_sigusr1();
	put_words(vm, code, then_cede, then_cede_end, variant->cell.be_code);
	with_regs(sleeper, r) {
		r.pc = vm_ea(vm, code);
		r.msr |= MSR_EE;
		r.gpr[3] = H_CEDE;
		r.gpr[6] = vm_ea(vm, DATA_RA + 0x8000);
	}
	vcpu_debug(sleeper, DEBUG_STEP);
	load_code(v, CODE_RA, then_cede, then_cede_end);
	vm_seal(vm);
	ASSERT_EQ(0, pthread_create(&thread, NULL, cede, sleeper));
	usleep(300000);
	for (i = 0; i < 20; i++) {
		with_regs(v, r) {
			r.pc = vm_ea(vm, CODE_RA);
			r.gpr[6] = vm_ea(vm, DATA_RA);
		}
		step_expect(v)->gpr[5] = get_data(vm, DATA_RA, 8);
		step_check(v, "ld while another vCPU sleeps");
	}
	/* A breakpoint of the VMM's at a handler is nobody's to wait for. */
	with_regs(v, r)
		r.pc = vm_ea(vm, CODE_RA + 0x100);
	run_to(v, CODE_RA + 0x100, variant->cell.be_code, vm_ea(vm, CODE_RA + 0x100), "breakpoint");
	get_counters(v, &c);
	ASSERT_EQ(0, c.parked);
	while (pthread_tryjoin_np(thread, NULL)) {
		pthread_kill(thread, SIGUSR1);
		usleep(10000);
	}
}

/* KVM_EXIT_PAPR_HCALL first; the next KVM_RUN completes the call and the step. */
static void step_vmm_hcall(struct vcpu *v, __u64 nr, bool ee, bool set_again)
{
	struct kvm_regs r;
	int i, ret;

	expect_hcall(v, nr);
	vcpu_get_regs(v, &r);
	ret = step_run(v);
	check_exit(v, ret, KVM_EXIT_PAPR_HCALL, "hypercall to the VMM");
	check_invisible(v, ee, "KVM_EXIT_PAPR_HCALL");
	if (v->run->papr_hcall.nr != nr)
		vm_fail("hypercall %llx instead of %llx", v->run->papr_hcall.nr, nr);
	for (i = 0; i < 9; i++) {
		if (v->run->papr_hcall.args[i] != r.gpr[4 + i])
			vm_fail("hypercall argument %d is %llx", i, v->run->papr_hcall.args[i]);
		v->run->papr_hcall.args[i] = 0x1000 + i;
		v->expect.r.gpr[4 + i] = 0x1000 + i;
	}
	/* Asked for anew, stepping goes on as it was. */
	if (set_again && !v->vm->reference)
		vcpu_debug(v, DEBUG_STEP);
	v->run->papr_hcall.ret = 0x4242;
	v->expect.r.gpr[3] = 0x4242;
	step_check(v, "hypercall completed by the VMM");
	step_behind(v);
}

TEST_F(hcall, vmm)
{
	struct vcpu *v = self->v;

	step_vmm_hcall(v, H_UNKNOWN, false, false);
	step_vmm_hcall(v, H_PUT_TERM_CHAR, false, false);
	with_regs(v, r)
		r.msr |= MSR_EE;
	step_vmm_hcall(v, H_UNKNOWN, true, false);
}

/* A VMM that sets KVM_GUESTDBG_SINGLESTEP before each KVM_RUN */
TEST_F(hcall, vmm_sets_debug_again)
{
	step_vmm_hcall(self->v, H_UNKNOWN, false, true);
}

/*
 * sc 1 is the kernel's alone. KVM gives a radix guest a program interrupt, a
 * hash guest the system call interrupt, since that one may run KVM-PR itself.
 */
TEST_F(hcall, problem_state)
{
	struct vcpu *v = self->v;

	load_code(v, USER_CODE_RA, hcall, hcall_end);
	with_regs(v, r) {
		r.pc = USER_CODE_RA;
		r.msr = vm_user_msr(v->vm);
		r.gpr[3] = H_PROD;
	}
	if (v->vm->radix)
		expect_interrupt(v, 0x700, SRR1_PROGPRIV);
	else
		expect_interrupt(v, 0xc00, 0);
	/* As of storage interrupts, see vm_reflects_in_real_mode(). */
	if (v->vm->cell->ail && vm_host_power() < 9) {
		v->expect.r.pc = 0xc00;
		v->expect.r.msr &= ~(MSR_IR | MSR_DR);
	}
	/* sc has moved on to the next instruction before KVM reflects it. */
	oracle_run(v, &v->got);
	v->expect.r.srr0 = v->got.r.srr0;
	v->expect.r.cr = v->got.r.cr;
	v->expect.r.ctr = v->got.r.ctr;
	snap_compare("sc 1 in problem state, unstepped", &v->expect, &v->got);
	step_check(v, "sc 1 in problem state");
}

KVM_TEST_MAIN
