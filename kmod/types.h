/* SPDX-License-Identifier: GPL-2.0 */
/* The objects of the module */
#ifndef HVSTEP_TYPES_H
#define HVSTEP_TYPES_H

#include <linux/kref.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <asm/sstep.h>	/* once: it has no guard */

#include <linux/hvstep.h>

#include "block.h"
#include "filter.h"
#include "plan.h"

struct hvstep_vm;

/* The handlers: in one block, or two on POWER8; or scv's; and two breakpoints behind. */
#define HVSTEP_MAX_ARMED	4

/**
 * struct hvstep_armed - what this vCPU's step has armed in 4K of the guest's memory
 * @block:	the memory, shared with other vCPUs; NULL: nothing is armed in it
 * @last:	the one that it was the last time
 * @ea:		where this vCPU would meet the block's first byte
 * @msr:	in which translation state; in another one the same address can be
 *		another place
 * @first:	what hvstep_mem_translate_first() has said
 * @gpa:	where the guest has it
 * @vectors:	BIT(enum hvstep_vec): the handlers; 0: a breakpoint behind the
 *		instruction
 * @is_word:	it is that, or scv's handler: one word, at the offset @word
 * @word:	see there
 * @logged:	to be written down in the dirty log
 */
struct hvstep_armed {
	struct hvstep_block *block;
	struct hvstep_block *last;
	u64 ea;
	u64 msr;
	int first;
	gpa_t gpa;
	u32 vectors;
	bool is_word;
	u16 word;
	bool logged;
};

/**
 * struct hvstep_seen - when it was seen whether a word is armed
 * @changes:	vm->changes then: nothing was armed or restored since
 * @epoch:	vm->epoch then: no page and no memslot has come or gone since
 */
struct hvstep_seen {
	unsigned int changes;
	u64 epoch;
};

/* Two ways of so many places: a power of two */
#define HVSTEP_PAGE_BITS	7
#define HVSTEP_NR_PAGES		BIT(HVSTEP_PAGE_BITS)
/* And for those that find both taken: more than what is needed at once, for one step */
#define HVSTEP_NR_CROWDED	64

/**
 * struct hvstep_page - where a page of the guest is in the host's memory
 * @gfn:	where the guest has it
 * @hva:	where the VMM has it
 * @kva:	where the host has it
 * @epoch:	all this holds while that is vm->epoch, and the pages are locked
 * @writable:	it may be written to
 * @logged:	its memslot has a dirty log
 */
struct hvstep_page {
	gfn_t gfn;
	unsigned long hva;
	void *kva;
	u64 epoch;
	bool writable;
	bool logged;
};

/**
 * struct hvstep_walk - the last walk through a radix guest's page table (radix.c)
 * @epoch:	@entry is good while that is vm->epoch; 0: there was none
 * @ea:		the 4K that it was for
 * @table:	the process table it began at
 * @pid:	the entry there, 0 for the kernel's
 * @iamr:	IAMR then
 * @pr:		MSR[PR] then
 * @leaf:	what it led to
 * @shift:	the size of that, as a power of two
 * @gpa:	where the 4K are
 * @kva:	and where the host has them, if somebody has asked
 * @nr:		the number of entries it came by
 * @entry:	where they are
 * @value:	what they were
 */
struct hvstep_walk {
	u64 epoch;
	u64 ea;
	u64 table;
	u64 pid;
	u64 iamr;
	u64 pr;
	u64 leaf;
	gpa_t gpa;
	void *kva;
	unsigned int shift;
	unsigned int nr;
	const __be64 *entry[5];
	__be64 value[5];
};

enum { HVSTEP_WALK_CODE, HVSTEP_WALK_VECTORS, HVSTEP_NR_WALKS };

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
 * struct hvstep_request - what the last HVSTEP_STEP was, beside the number (request.c)
 * @lock:	also for hv->tracer; innermost
 * @flags:	HVSTEP_STEP_THEN_RUN
 * @start:	of the range
 * @end:	0: there is none
 */
struct hvstep_request {
	spinlock_t lock;	/* see above */
	u32 flags;
	u64 start;
	u64 end;
};

/**
 * struct hvstep_tracer - who records a vCPU's steps (trace.c)
 * @ref:	the descriptor's, and the vCPU's thread's
 * @cred:	of who has asked for it
 * @nr_locked:	pages that count as locked by this user
 * @pages:	the memory that is shared with the reader
 * @nr_pages:	see there
 * @ring:	where it is; nothing that the kernel goes by is read from there but
 *		the reader's tail
 * @records:	in it
 * @flags:	HVSTEP_TRACE_*
 * @nr:		number of @records
 * @watermark:	struct hvstep_trace
 * @wanted:	the least that somebody has waited for (hvstep_trace_wait()); under
 *		hv->request.lock
 * @start:	struct hvstep_trace
 * @end:	likewise
 * @active:	HVSTEP_RING_ACTIVE; under hv->request.lock
 * @head:	struct hvstep_ring; written by the vCPU's thread
 * @seq:	struct hvstep_record; likewise
 * @staged:	@next is of the instruction that is being stepped
 * @next:	as far as it is known before
 * @count:	hv->count then
 * @room:	the vCPU's thread waits here while all is full
 * @data:	and the reader while there is nothing
 * @session:	that the descriptor keeps
 * @hv:		the vCPU, which that keeps
 */
struct hvstep_tracer {
	struct kref ref;
	const struct cred *cred;
	unsigned long nr_locked;
	struct page **pages;
	unsigned int nr_pages;
	struct hvstep_ring *ring;
	struct hvstep_record *records;
	u32 flags;
	u32 nr;
	u32 watermark;
	u32 wanted;
	u64 start;
	u64 end;
	bool active;
	u64 head;
	u64 seq;
	bool staged;
	struct hvstep_record next;
	u64 count[HVSTEP_NR_COUNTS];
	wait_queue_head_t room;
	wait_queue_head_t data;
	struct file *session;
	struct hvstep_vcpu *hv;
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
 * @msr:	the guest's MSR before the step, its own EE, SE and BE in it
 * @srr0:	before the step; the Trace interrupt overwrites it
 * @srr1:	likewise
 * @lpcr:	what the armed addresses were chosen by
 * @intr_msr:	likewise
 * @own_trace:	struct hvstep_plan_in
 * @own_ciabr:	by CIABR
 * @sampled:	SIAR and SDAR are to be what they were
 * @siar:	before the step, as @srr0
 * @sdar:	likewise
 * @again:	@armed is what the last step has armed, in one block, and may do for
 *		the next one
 * @kept:	the handlers of the step before are armed still: the next one comes
 *		without a way to userspace
 * @nr_chosen:	blocks of memory that this step has something to arm in
 * @nr_armed:	the same once it is armed
 * @armed:	these
 * @walk:	one for what is executed, one for the vectors
 * @missing:	the address of a page that hvstep_page() has not found
 * @missing_write: and is to be written to
 * @srcu_idx:	of the pages' lock
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
 * @request:	what more there is to know of these
 * @special:	it is not only the number, or somebody records the steps; written
 *		under @request.lock
 * @tracer:	who records the steps; under @request.lock
 * @tracing:	the one that the vCPU's thread knows of, with a reference
 * @called_out:	hook.c has set TIF_SIGPENDING for the sake of this step
 * @at_armed:	at the last turn of the run loop nip was at a word that the step has armed
 * @running:	is in step.c
 * @kicks:	times that somebody wanted its thread out of KVM_RUN; atomic
 * @kicks_seen:	as it was when this KVM_RUN came
 * @unmapped_nip: where a breakpoint was met that cannot be read (sw_bp.c)
 * @unmapped_changes: vm->changes as it was then
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
	bool own_ciabr;
	bool sampled;
	u64 siar;
	u64 sdar;
	bool again;
	bool kept;
	unsigned int nr_chosen;
	unsigned int nr_armed;
	struct hvstep_armed armed[HVSTEP_MAX_ARMED];
	struct hvstep_walk walk[HVSTEP_NR_WALKS];
	gpa_t missing;
	bool missing_write;
	int srcu_idx;
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
	struct hvstep_request request;
	bool special;
	struct hvstep_tracer *tracer;
	struct hvstep_tracer *tracing;
	bool called_out;
	bool at_armed;
	bool running;
	atomic_t kicks;
	int kicks_seen;
	u64 unmapped_nip;
	unsigned int unmapped_changes;
	u64 count[HVSTEP_NR_COUNTS];
};

/**
 * struct hvstep_vm - an attached VM
 * @node:	in the table of attached VMs (vm.c)
 * @refs:	the session, each vCPU inside our code, each queued kick
 * @kvm:	referenced as long as this lives
 * @ready_lock: for who makes it @ready
 * @ready:	no vCPU is in the guest that has not come through step.c, and so it
 *		stays; written under vms_lock
 * @waking:	it is becoming @ready; under vms_lock
 * @filtered:	see filter.h; written under vms_lock
 * @descriptors: of the session, and the one that it does without if it is @automatic;
 *		under vms_lock
 * @automatic:	nobody has asked for the session (auto.c); under vms_lock
 * @unused:	in a list of those that are going to be closed, but for it not automatic
 *		any more
 * @closing:	they are gone: start no new step, arm nothing
 * @flags:	HVSTEP_POLICY_*
 * @irq:	HVSTEP_IRQ_*
 * @vcpus:	struct hvstep_vcpu by vcpu_idx
 * @blocks:	room for what the vCPUs can ever arm (block.h): a step allocates
 *		nothing. This and what follows up to @changes is under kvm->mmu_lock
 * @spare:	vCPUs that there are @blocks for, and that have not come to be
 * @armers:	vCPUs that have armed something
 * @pages:	see struct hvstep_page, and page.c
 * @turn:	whose turn it is in @pages
 * @crowded:	those that had to go there
 * @next_crowded: where the next one goes to
 * @epoch:	counts the invalidations that were noticed
 * @pages_seq:	kvm->mmu_invalidate_seq at the last one
 * @pages_generation: of the memslots, likewise
 * @changes:	counts how often something was armed and restored
 * @parked:	those who wait for a word to be restored, for the last of them to
 *		be, or for @leavers to become 0
 * @leavers:	vCPUs that were parked and have not moved on yet
 * @exclusive_lock: held by the vCPU that has the guest for itself
 * @exclusive:	that one, or NULL
 * @others:	those who wait for it to be, or not to be any more
 * @kept_out:	vCPUs that wait for the latter
 */
struct hvstep_vm {
	struct hlist_node node;
	refcount_t refs;
	struct kvm *kvm;
	struct mutex ready_lock;	/* see above */
	bool ready;
	bool waking;
	bool filtered;
	unsigned int descriptors;
	bool automatic;
	struct list_head unused;
	bool closing;
	u64 flags;
	u32 irq;

	struct xarray vcpus;

	struct list_head blocks;
	unsigned int spare;
	unsigned int armers;
	struct hvstep_page pages[2][HVSTEP_NR_PAGES];
	unsigned int turn;
	struct hvstep_page crowded[HVSTEP_NR_CROWDED];
	unsigned int next_crowded;
	u64 epoch;
	unsigned long pages_seq;
	u64 pages_generation;
	unsigned int changes;
	wait_queue_head_t parked;
	atomic_t leavers;

	struct mutex exclusive_lock;	/* see above */
	struct hvstep_vcpu *exclusive;
	wait_queue_head_t others;
	atomic_t kept_out;
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

/**
 * enum hvstep_sw_bp - whose breakpoint was met
 * @HVSTEP_SW_BP_RETRY:	nobody's any more
 * @HVSTEP_SW_BP_PARKED: another vCPU's, which has restored it
 * @HVSTEP_SW_BP_SIGNAL: a signal came while it was waited for
 * @HVSTEP_SW_BP_GUEST:	the guest's own
 * @HVSTEP_SW_BP_VMM:	the VMM's
 */
enum hvstep_sw_bp {
	HVSTEP_SW_BP_RETRY,
	HVSTEP_SW_BP_PARKED,
	HVSTEP_SW_BP_SIGNAL,
	HVSTEP_SW_BP_GUEST,
	HVSTEP_SW_BP_VMM,
};

/**
 * enum hvstep_rest - what hvstep_vm_rest_all() has found
 * @HVSTEP_REST_NOT:	somebody is in a step: the probes are needed
 * @HVSTEP_REST_BUT:	nobody is, but a VM that the next KVM_RUN has something to end for
 * @HVSTEP_REST_ALL:	nothing that would have to be looked at again
 */
enum hvstep_rest {
	HVSTEP_REST_NOT,
	HVSTEP_REST_BUT,
	HVSTEP_REST_ALL,
};

#endif /* HVSTEP_TYPES_H */
