/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The objects of the module and what each file offers to the others.
 *
 * Data flows one way: hook -> step -> plan -> (emulate | arm, enter, conclude).
 *
 * Locks, outermost first:
 *   vcpu->mutex	KVM's; held by whoever is in KVM_RUN. Owns struct
 *			hvstep_vcpu but for the fields said to be atomic.
 *   vm->exclusive_lock	the guest, under HVSTEP_POLICY_EXCLUSIVE
 *   vm->word_lock	the armed words of one VM
 *   vms_lock (vm.c)	the table of attached VMs; RCU for readers
 */
#ifndef HVSTEP_H
#define HVSTEP_H

#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/task_work.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <linux/hvstep.h>

#include "plan.h"

struct hvstep_vm;

/**
 * struct hvstep_word - an instruction of the guest replaced by a breakpoint
 * @link:	in vm->words, or in vm->free_words
 * @page:	the memory it is in, pinned by each vCPU that uses it. That, not
 *		the address, is what the word is: a VMM can put other memory at
 *		the same address in the middle of a step
 * @gpa:	where the guest has it
 * @saved:	what belongs there, as the four bytes in memory
 * @users:	number of vCPUs whose step needs it armed
 */
struct hvstep_word {
	struct list_head link;
	struct page *page;
	gpa_t gpa;
	u32 saved;
	unsigned int users;
};

/* The handlers, five of them twice (vector.c), and two breakpoints behind. */
#define HVSTEP_MAX_ARMED	(HVSTEP_NR_VECS + 5 + 2)
/*
 * Vectors below 0x1000 or from 0x4000 to 0x5000, scv's, and two next_ea; POWER8,
 * which can have both kinds of vectors, has no scv.
 */
#define HVSTEP_MAX_PINS		4

/**
 * struct hvstep_pin - a page that this vCPU's step writes to
 * @gfn:	where the guest has it
 * @page:	pinned from arming to restoring
 */
struct hvstep_pin {
	gfn_t gfn;
	struct page *page;
};

/**
 * struct hvstep_armed - one word that this vCPU's step has armed
 * @ea:		the effective address at which this vCPU would meet it
 * @real:	in real mode; an address of the same value can be another place
 * @vec:	enum hvstep_vec
 * @word:	the word, shared with other vCPUs
 */
struct hvstep_armed {
	u64 ea;
	bool real;
	unsigned int vec;
	struct hvstep_word *word;
};

/**
 * struct hvstep_access - a range of guest memory within one page
 * @gpa:	where it begins
 * @len:	0 if there is none
 */
struct hvstep_access {
	gpa_t gpa;
	unsigned int len;
};

/**
 * struct hvstep_irqs - interrupts kept away from a vCPU during a step
 * @held:	they are to be
 * @masked:	MSR[EE] was cleared in the vCPU
 * @quiet:	the sources were: EE cannot be held in problem state, since
 *		hrfid forces it to 1 there (ISA Book III, "Return From
 *		Interrupt")
 * @dec_expires: the guest's decrementer
 * @dec:	taken out of pending_exceptions
 * @external:	likewise
 * @cppr:	of the saved XIVE context
 * @irq_pending: XIVE escalation
 * @doorbell:	a privileged doorbell
 */
struct hvstep_irqs {
	bool held;
	bool masked;
	bool quiet;
	u64 dec_expires;
	bool dec;
	bool external;
	u8 cppr;
	u8 irq_pending;
	u8 doorbell;
};

enum hvstep_count {
	HVSTEP_COUNT_STEPS,
	HVSTEP_COUNT_EMULATED,
	HVSTEP_COUNT_TRACED,
	HVSTEP_COUNT_DISPLACED,
	HVSTEP_COUNT_MOVED,
	HVSTEP_COUNT_FAULTS,
	HVSTEP_COUNT_BREAKPOINTS,
	HVSTEP_COUNT_INTERRUPTED,
	HVSTEP_COUNT_HELD,
	HVSTEP_COUNT_PARKED,
	HVSTEP_COUNT_REFLECTED,
	HVSTEP_COUNT_LOST,
	HVSTEP_NR_COUNTS,
};

/**
 * struct hvstep_vcpu - a vCPU of an attached VM
 * @vcpu:	KVM's
 * @vm:		ours
 * @active:	a step is prepared: @plan and what follows it hold
 * @plan:	how
 * @nip:	where the stepped instruction is
 * @nip_gpa:	the same in guest real memory, INVALID_GPA if it has no translation
 * @flags:	HVSTEP_POLICY_* that this step goes by
 * @deliver:	HVSTEP_IRQ_DELIVER is what it goes by
 * @msr:	the guest's MSR before the step, its own EE and SE in it
 * @srr0:	before the step; the Trace interrupt overwrites it
 * @srr1:	likewise
 * @lpcr:	what the armed addresses were chosen by
 * @intr_msr:	likewise
 * @own_trace:	struct hvstep_plan_in
 * @armed:	the words this step has armed, @nr_armed of them
 * @pins:	the pages they are in, @nr_pins of them
 * @access:	guest memory that the instruction itself accesses, where that
 *		could be among the armed words (access.c)
 * @irqs:	what keeps interrupts away
 * @undone:	times that an interrupt was put back in this step
 * @report:	the instruction was completed by userspace (MMIO, hypercall);
 *		the next vcpu_run has only to say so, if nip is @report_nip
 * @report_nip:	see there
 * @report_debug: vcpu->guest_debug as it was then: a VMM that has changed its
 *		mind gets no report of what it does not want any more
 * @inside:	in the guest, or on its way there or back (exclusive.c)
 * @leaving:	parked before, in the guest at @leaving_nip since
 * @leaving_nip: see there
 * @left:	steps that HVSTEP_STEP has asked for and that are not done; atomic
 * @called_out:	hook.c has set TIF_SIGPENDING for the sake of this step
 * @seen:	has come through step.c
 * @kick_work:	brings the running thread out of KVM_RUN
 * @kick_queued: bit 0: @kick_work is in use; atomic
 * @count:	struct hvstep_counters; written by the owner, read by anybody
 */
struct hvstep_vcpu {
	struct kvm_vcpu *vcpu;
	struct hvstep_vm *vm;

	bool active;
	struct hvstep_plan plan;
	u64 nip;
	gpa_t nip_gpa;
	u64 flags;
	bool deliver;
	u64 msr;
	u64 srr0;
	u64 srr1;
	u64 lpcr;
	u64 intr_msr;
	bool own_trace;
	unsigned int nr_armed;
	struct hvstep_armed armed[HVSTEP_MAX_ARMED];
	unsigned int nr_pins;
	struct hvstep_pin pins[HVSTEP_MAX_PINS];
	struct hvstep_access access[2];
	struct hvstep_irqs irqs;
	unsigned int undone;

	bool report;
	u64 report_nip;
	unsigned long report_debug;

	bool inside;
	bool leaving;
	u64 leaving_nip;

	atomic64_t left;
	bool called_out;
	bool seen;
	struct callback_head kick_work;
	unsigned long kick_queued;
	u64 count[HVSTEP_NR_COUNTS];
};

/**
 * struct hvstep_vm - an attached VM
 * @node:	in the table of attached VMs (vm.c)
 * @rcu:	frees it after the last reader of the table
 * @refs:	the session, each vCPU inside our code, each queued kick
 * @kvm:	referenced as long as this lives
 * @ready:	all vCPUs are known to come through our code
 * @closing:	the session is gone: start no new step, arm nothing
 * @flags:	HVSTEP_POLICY_*
 * @irq:	HVSTEP_IRQ_*
 * @vcpus:	struct hvstep_vcpu by vcpu_idx
 * @word_lock:	the lists below and everything on them
 * @words:	armed
 * @free_words:	room for as many as the vCPUs can ever arm: a step allocates
 *		nothing
 * @changes:	counts the words armed and restored; written under @word_lock
 * @parked:	those who wait for a word to be restored, for the last of them to
 *		be, or for @leavers to become 0
 * @leavers:	vCPUs that were parked and have not moved on yet
 * @exclusive_lock: held by the vCPU that has the guest for itself
 * @exclusive:	that one, or NULL
 * @others:	those who wait for it to be, or not to be any more
 */
struct hvstep_vm {
	struct hlist_node node;
	struct rcu_head rcu;
	refcount_t refs;
	struct kvm *kvm;
	bool ready;
	bool closing;
	u64 flags;
	u32 irq;

	struct xarray vcpus;

	struct mutex word_lock;		/* see above */
	struct list_head words;
	struct list_head free_words;
	unsigned int changes;
	wait_queue_head_t parked;
	atomic_t leavers;

	struct mutex exclusive_lock;	/* see above */
	struct hvstep_vcpu *exclusive;
	wait_queue_head_t others;
};

/**
 * enum hvstep_outcome - what the return of KVM's vcpu_run means for a step
 * @HVSTEP_OUTCOME_DONE:	it is complete
 * @HVSTEP_OUTCOME_UNDO:	an interrupt came instead, and was put back: once more
 * @HVSTEP_OUTCOME_OPEN:	not executed; the exit is for userspace
 * @HVSTEP_OUTCOME_PROBED:	at the breakpoint of a plan with @probe
 */
enum hvstep_outcome {
	HVSTEP_OUTCOME_DONE,
	HVSTEP_OUTCOME_UNDO,
	HVSTEP_OUTCOME_OPEN,
	HVSTEP_OUTCOME_PROBED,
};

static inline void hvstep_count(struct hvstep_vcpu *hv, enum hvstep_count what)
{
	WRITE_ONCE(hv->count[what], hv->count[what] + 1);
}

/* stub.S, and what it uses */
int hvstep_stub(struct kvm_vcpu *vcpu);
bool hvstep_hook_run(struct kvm_vcpu *vcpu, int *ret);
extern int (*hvstep_orig)(struct kvm_vcpu *vcpu);
extern int hvstep_nr_attached;

/* hook.c */
bool hvstep_hook_present(void);
int hvstep_hook_get(void);
void hvstep_hook_put(void);
int hvstep_hook_stepping(void);
int hvstep_hook_enter(struct kvm_vcpu *vcpu);
unsigned int hvstep_hook_attached(void);
int hvstep_hook_init(void);
void hvstep_hook_exit(void);

/* vm.c */
struct hvstep_vm *hvstep_vm_attach(struct kvm *kvm);
void hvstep_vm_close(struct hvstep_vm *vm);
struct hvstep_vm *hvstep_vm_get(struct kvm *kvm);
struct hvstep_vm *hvstep_vm_find_rcu(struct kvm *kvm);
void hvstep_vm_put(struct hvstep_vm *vm);
struct hvstep_vcpu *hvstep_vm_vcpu(struct hvstep_vm *vm, struct kvm_vcpu *vcpu);
struct hvstep_vcpu *hvstep_vm_vcpu_by_id(struct hvstep_vm *vm, u32 id);
bool hvstep_vm_any_active(void);

/* kick.c */
void hvstep_kick(struct hvstep_vcpu *hv);
void hvstep_kick_all(struct hvstep_vm *vm);
int hvstep_kick_wait(struct hvstep_vm *vm);

/* step.c */
int hvstep_vcpu_run(struct hvstep_vcpu *hv);

/* conclude.c */
bool hvstep_step_moved(struct hvstep_vcpu *hv);
enum hvstep_outcome hvstep_conclude(struct hvstep_vcpu *hv);

/* exclusive.c */
int hvstep_exclusive_begin(struct hvstep_vcpu *hv);
void hvstep_exclusive_end(struct hvstep_vcpu *hv);
int hvstep_exclusive_enter(struct hvstep_vcpu *hv);
void hvstep_exclusive_leave(struct hvstep_vcpu *hv);

/* emulate.c */
bool hvstep_emulate(struct hvstep_vcpu *hv, u32 word);

/* vector.c */
u64 hvstep_vector_ea(struct kvm_vcpu *vcpu, unsigned int vec, unsigned int lev);
bool hvstep_vector_is_handler(u64 nip);
int hvstep_vector_arm(struct hvstep_vcpu *hv);
int hvstep_vector_arm_real(struct hvstep_vcpu *hv);
void hvstep_vector_disarm(struct hvstep_vcpu *hv);
struct hvstep_armed *hvstep_vector_armed(struct hvstep_vcpu *hv);

/* word.c */
int hvstep_word_reserve(struct hvstep_vm *vm);
void hvstep_word_free(struct hvstep_vm *vm);
int hvstep_word_arm(struct hvstep_vcpu *hv, gpa_t gpa, struct hvstep_word **word);
void hvstep_word_disarm(struct hvstep_vcpu *hv, struct hvstep_word *word);
void hvstep_word_unpin(struct hvstep_vcpu *hv);
bool hvstep_word_is_armed(struct hvstep_vm *vm, gpa_t gpa, unsigned int *changes);
int hvstep_word_wait_none(struct hvstep_vm *vm);

/* park.c */
int hvstep_park(struct hvstep_vcpu *hv, gpa_t gpa, unsigned int *changes);
void hvstep_park_leave(struct hvstep_vcpu *hv);
void hvstep_park_left(struct hvstep_vcpu *hv);
void hvstep_park_let_leave(struct hvstep_vcpu *hv);

/* guest_mem.c */
bool hvstep_mem_ready(struct kvm *kvm);
int hvstep_mem_translate(struct kvm_vcpu *vcpu, u64 ea, u64 msr, gpa_t *gpa);
int hvstep_mem_translate_data(struct kvm_vcpu *vcpu, u64 ea, gpa_t *gpa);
int hvstep_mem_read(struct kvm_vcpu *vcpu, gpa_t gpa, u32 *raw);
int hvstep_mem_read_u64(struct kvm *kvm, gpa_t gpa, u64 *raw);
int hvstep_mem_fetch(struct kvm_vcpu *vcpu, u64 ea, gpa_t *gpa, u32 *word);
struct page *hvstep_mem_pin(struct kvm *kvm, gfn_t gfn);
void hvstep_mem_unpin(struct page *page);
void hvstep_mem_dirty(struct kvm *kvm, gfn_t gfn);

/* radix.c */
int hvstep_radix_fetch(struct kvm_vcpu *vcpu, u64 ea, u64 msr, gpa_t *gpa);

/* access.c */
void hvstep_access_find(struct hvstep_vcpu *hv, u32 word);
bool hvstep_access_touches(struct hvstep_vcpu *hv, gpa_t gpa);

/* irq.c */
void hvstep_irq_hold(struct hvstep_vcpu *hv);
void hvstep_irq_hold_none(struct hvstep_vcpu *hv);
bool hvstep_irq_can_hold(struct hvstep_vcpu *hv, unsigned int vec);
void hvstep_irq_put_back(struct hvstep_vcpu *hv, unsigned int vec);
void hvstep_irq_release(struct hvstep_vcpu *hv);

/* ioctl.c */
int hvstep_ioctl_init(void);
void hvstep_ioctl_exit(void);

#endif /* HVSTEP_H */
