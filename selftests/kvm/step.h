/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Running a vCPU, stepping it, and checking what a step did.
 *
 * With HVSTEP_REFERENCE in the environment the same tests run without hvstep:
 * a "step" is then an ordinary KVM_RUN up to a software breakpoint where the
 * step is expected to end. So every expectation is checked against the
 * processor itself, too.
 */
#ifndef STEP_H
#define STEP_H

#include "vm.h"

#define STEP_TIMEOUT	10	/* seconds; the machine may be an emulated one */
#define DEBUG_STEP	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP)
#define DEBUG_BP	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP)

/* KVM_RUN as it is, 0 or -errno; if it does not return, the test fails. */
int vcpu_run(struct vcpu *v);
/* The same with a limit of one's own */
int vcpu_run_for(struct vcpu *v, int seconds);

/* SIGUSR1 is for interrupting KVM_RUN alone. */
void ignore_sigusr1(void);

/* KVM_RUN with garbage in run->debug beforehand; for the reference, see above */
int step_run(struct vcpu *v);

/*
 * step_expect() returns the registers as they are now, nip moved on by 4: the
 * caller changes what the instruction should; v->expect.dar and .dsisr are
 * beside them. step_check() steps and compares everything.
 */
struct kvm_regs *step_expect(struct vcpu *v);
void step_check(struct vcpu *v, const char *what);
/* The second half of step_check(), for a step of more than one KVM_RUN */
void step_done(struct vcpu *v, int ret, const char *what);

/*
 * step_expect() for an instruction that ends in an interrupt: SRR0 is the
 * instruction itself, or the next one for sc; SRR1 is the MSR and @srr1.
 */
struct kvm_regs *expect_interrupt(struct vcpu *v, __u64 vector, __u64 srr1);

/*
 * What the processor does unstepped: a copy of the guest, in a VM that is not
 * attached, runs to a breakpoint at v->expect.r.pc. Its registers go to @s.
 */
void oracle_run(struct vcpu *v, struct snap *s);
/* The same to a breakpoint there, or to whatever handler of an interrupt */
void oracle_anywhere(struct vcpu *v, struct snap *s);

/* Of this vCPU; all 0 where there are no steps */
void get_counters(struct vcpu *v, struct hvstep_counters *c);
/* Of the session; HVSTEP_POLICY_*, HVSTEP_IRQ_* */
void set_policy(struct vm *vm, __u64 flags, __u32 irq);
/* Nobody steps any more: the pending interrupt is the next thing, here. */
void expect_delivery(struct vcpu *v, __u64 vector);

/* Fail unless KVM_RUN returned 0 with this reason; check_invisible() too */
void check_exit(struct vcpu *v, int ret, __u32 reason, const char *what);
/* No SE, no held EE (the guest's was @ee), no armed word: @when */
void check_invisible(struct vcpu *v, bool ee, const char *when);

/* Load the code at @ra and make @ra (its EA) the next instruction */
void load_code(struct vcpu *v, __u64 ra, const __u32 *p, const __u32 *end);
/* Change some registers: with_regs(v, r) r.gpr[3] = 1; */
#define with_regs(v, name)						\
	for (struct kvm_regs name = {}, *name##_once = &name;		\
	     name##_once && (vcpu_get_regs(v, &name), 1);		\
	     vcpu_set_regs(v, &name), name##_once = NULL)

/*
 * Run free, with KVM_GUESTDBG_USE_SW_BP and a breakpoint at @ra, until there;
 * the breakpoint is gone again afterwards.
 */
void run_to(struct vcpu *v, __u64 ra, bool be, __u64 ea, const char *what);

#define GUEST_STEP(insn, ...) {						\
		struct kvm_regs *e = step_expect(v);			\
									\
		(void)e;						\
		__VA_ARGS__;						\
		step_check(v, insn);					\
	}

/* Step the vCPU v through a list, from CODE_RA on */
#define GUEST_RUN(name, list) {						\
		load_code(v, CODE_RA, name, name##_end);		\
		list(GUEST_STEP);					\
	}

#endif /* STEP_H */
