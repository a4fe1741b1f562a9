/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each file of the module offers to the others; its objects are in types.h.
 *
 * Data flows one way: hook -> step -> plan -> (emulate | arm, enter, conclude).
 *
 * Locks, outermost first:
 *   auto_lock		(auto.c) whether auto_attach has the hook
 *   vcpu->mutex	KVM's; held by whoever is in KVM_RUN. Owns struct
 *			hvstep_vcpu but for the fields said to be atomic.
 *   vm->exclusive_lock	the guest, under HVSTEP_POLICY_EXCLUSIVE
 *   hook_lock (hook.c)	KVM's entry point, and the tracepoints
 *   vm->ready_lock	waits for vcpu->mutex of other vCPUs, but only of those that
 *			have not come through step.c
 *   kvm->mmu_lock	KVM's; the armed words of one VM, and where its pages are
 *   request.lock	what one vCPU was asked for, and who records it
 *   vms_lock (vm.c)	the table of attached VMs; RCU for readers
 */
#ifndef HVSTEP_H
#define HVSTEP_H

#include <linux/hash.h>
#include <linux/sched/signal.h>

#include "types.h"

static inline void hvstep_count(struct hvstep_vcpu *hv, enum hvstep_count what)
{
	WRITE_ONCE(hv->count[what], hv->count[what] + 1);
}

/* A step that is not exact is none: the guest is as it was. */
static inline int hvstep_refuse(struct hvstep_vcpu *hv, int err)
{
	hv->vcpu->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	return err;
}

/* stub.S, and what it uses */
int hvstep_stub(struct kvm_vcpu *vcpu);
bool hvstep_hook_run(struct kvm_vcpu *vcpu, int *ret);
extern int (*hvstep_orig)(struct kvm_vcpu *vcpu);
extern u32 hvstep_filter[];

/* hook.c */
extern unsigned long hvstep_last_step;
extern bool hvstep_probes_on;
bool hvstep_hook_present(void);
int hvstep_hook_get(void);
void hvstep_hook_put(void);
int hvstep_hook_ready(struct hvstep_vm *vm, bool probes);
void hvstep_hook_rest_later(void);
void hvstep_hook_rest_not_yet(void);
void hvstep_hook_rest_now(void);

/*
 * A step is about to enter the guest, hv->active is set: the probes must be there, and
 * no vCPU may be where it could meet what is going to be armed unprepared.
 */
static inline int hvstep_hook_stepping(struct hvstep_vm *vm)
{
	unsigned long now = jiffies;

	if (READ_ONCE(hvstep_last_step) != now)
		WRITE_ONCE(hvstep_last_step, now);
	smp_mb();	/* hv->active before vm->ready and the probes, see rest() in hook.c */
	if (likely(READ_ONCE(vm->ready) && READ_ONCE(hvstep_probes_on)))
		return 0;
	return hvstep_hook_ready(vm, true);
}

/* The original; only for a caller that holds a reference to an attached VM. */
static inline int hvstep_hook_enter(struct kvm_vcpu *vcpu)
{
	return hvstep_orig(vcpu);
}

int hvstep_hook_init(void);
void hvstep_hook_exit(void);

/* vm.c */
struct hvstep_vm *hvstep_vm_attach(struct kvm *kvm, bool automatic);
struct hvstep_vm *hvstep_vm_share(struct kvm *kvm, bool any);
void hvstep_vm_close(struct hvstep_vm *vm);
void hvstep_vm_release(struct hvstep_vm *vm);

static inline void hvstep_vm_put(struct hvstep_vm *vm)
{
	if (unlikely(refcount_dec_and_test(&vm->refs)))
		hvstep_vm_release(vm);
}

struct hvstep_vcpu *hvstep_vcpu_find_slow_rcu(struct kvm_vcpu *vcpu);

/*
 * The vCPUs that came here last, by their address: one of them is most probably the
 * next. RCU; what is in it belongs to a VM of the table.
 */
#define HVSTEP_RECENT_BITS	8
extern struct hvstep_vcpu *hvstep_recent[];

static inline struct hvstep_vcpu **hvstep_recent_place(struct kvm_vcpu *vcpu)
{
	return &hvstep_recent[hash_ptr(vcpu, HVSTEP_RECENT_BITS)];
}

/* The vCPU, if it is one of an attached VM and has been here before. */
static inline struct hvstep_vcpu *hvstep_vcpu_find_rcu(struct kvm_vcpu *vcpu)
{
	struct hvstep_vcpu *hv = READ_ONCE(*hvstep_recent_place(vcpu));

	return likely(hv && hv->vcpu == vcpu) ? hv : hvstep_vcpu_find_slow_rcu(vcpu);
}

struct hvstep_vcpu *hvstep_vcpu_get_slow(struct kvm_vcpu *vcpu);
/*
 * A vCPU with a reference to its VM, and created if it has to be: ERR_PTR(-ENOENT)
 * for a vCPU of any other VM.
 */
static inline struct hvstep_vcpu *hvstep_vcpu_get(struct kvm_vcpu *vcpu)
{
	struct hvstep_vcpu *hv;

	rcu_read_lock();
	hv = READ_ONCE(*hvstep_recent_place(vcpu));
	if (unlikely(!hv || hv->vcpu != vcpu || !refcount_inc_not_zero(&hv->vm->refs)))
		hv = NULL;
	rcu_read_unlock();
	return likely(hv) ? hv : hvstep_vcpu_get_slow(vcpu);
}

void hvstep_vm_wake(struct hvstep_vm *vm);
int hvstep_vm_make_ready(struct hvstep_vm *vm);
enum hvstep_rest hvstep_vm_rest_all(struct list_head *unused);
void hvstep_vm_orphans(struct list_head *orphans);
void hvstep_vm_close_all(struct list_head *unused);
unsigned int hvstep_vm_attached(void);
struct hvstep_vcpu *hvstep_vm_vcpu(struct hvstep_vm *vm, struct kvm_vcpu *vcpu);
struct hvstep_vcpu *hvstep_vm_vcpu_by_id(struct hvstep_vm *vm, u32 id);

/* kick.c */
void hvstep_kick(struct hvstep_vcpu *hv);
void hvstep_kick_all(struct hvstep_vm *vm);
int hvstep_kick_wait(struct hvstep_vm *vm);

/* auto.c */
extern bool hvstep_auto;
struct hvstep_vcpu *hvstep_auto_attach(struct kvm_vcpu *vcpu);
int hvstep_auto_init(void);
void hvstep_auto_exit(void);

static inline bool hvstep_auto_wants(const struct kvm_vcpu *vcpu)
{
	return READ_ONCE(hvstep_auto) && vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP;
}

/* step.c */
int hvstep_vcpu_run(struct hvstep_vcpu *hv);

/* request.c */
int hvstep_request(struct hvstep_vm *vm, const struct hvstep_step *step);
void hvstep_request_special(struct hvstep_vcpu *hv);
void hvstep_request_orphan(struct hvstep_vcpu *hv);
void hvstep_request_settle(struct hvstep_vcpu *hv);
bool hvstep_request_goes_on(struct hvstep_vcpu *hv, s64 left);
void hvstep_request_end(struct hvstep_vcpu *hv);
bool hvstep_request_gives_up(struct hvstep_vcpu *hv, int err);

/* Each KVM_RUN is to be one step. */
static inline bool hvstep_wants_each(struct hvstep_vcpu *hv)
{
	const unsigned long step = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;

	return (hv->vcpu->guest_debug & step) == step;
}

static inline bool hvstep_wants_step(struct hvstep_vcpu *hv)
{
	if (READ_ONCE(hv->vm->closing))
		return false;
	return hvstep_wants_each(hv) || atomic64_read(&hv->left);
}

/* ring.c */
int hvstep_ring_alloc(struct hvstep_tracer *tracer);
void hvstep_ring_free(struct hvstep_tracer *tracer);

/* trace.c */
int hvstep_trace_open(struct hvstep_vm *vm, struct file *session, const struct hvstep_trace *trace);
void hvstep_trace_put(struct hvstep_tracer *tracer);
int hvstep_trace_ready(struct hvstep_vcpu *hv);
void hvstep_trace_let_go(struct hvstep_vcpu *hv);
void hvstep_trace_begin(struct hvstep_vcpu *hv, int fetch, u32 word);
void hvstep_trace_commit(struct hvstep_vcpu *hv);
void hvstep_trace_active(struct hvstep_vcpu *hv, bool active, int err);
int hvstep_trace_wait(struct hvstep_tracer *tracer, u64 count, bool nonblock);

/* uring.c */
int hvstep_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

/* Does the processor know of transactions? Without them MSR[TS] is nothing. */
static inline bool hvstep_has_tm(void)
{
	return cpu_has_feature(CPU_FTR_TM) || cpu_has_feature(CPU_FTR_P9_TM_HV_ASSIST);
}

/* decide.c */
int hvstep_decide(struct hvstep_vcpu *hv, int fetch, u32 word, bool whole);

/*
 * Has the guest enabled floating-point exceptions (a Linux process that uses floating point
 * has), and one is waiting? It is taken before the next instruction, whatever that is (ISA
 * Book III, "Program Interrupt").
 */
static inline bool hvstep_fp_exception_waits(struct hvstep_vcpu *hv)
{
	return unlikely(hv->msr & (MSR_FE0 | MSR_FE1)) &&
	       hvstep_compat_fpscr(hv->vcpu) & FPSCR_FEX;
}

/*
 * In an ordinary state, which most are, most instructions need no look at all of it.
 * Is this one? Nothing but the instruction decides what becomes of it then.
 */
static inline bool hvstep_decide_is_ordinary(struct hvstep_vcpu *hv)
{
	return (hv->msr & (MSR_SF | MSR_TS_T | MSR_SE | MSR_BE)) == MSR_SF && !hv->deliver &&
	       !hvstep_fp_exception_waits(hv) &&
	       !hvstep_compat_ciabr(hv->vcpu) &&
	       hv->nip % HVSTEP_BLOCK_SIZE != BOOK3S_INTERRUPT_TRACE;
}

/* And it is to be traced, not emulated: make the plan, or return false. */
static inline bool hvstep_decide_ordinary(struct hvstep_vcpu *hv, u32 word)
{
	if (!hvstep_plan_ordinary(word, &hv->plan))
		return false;
	hv->own_trace = false;
	if (hv->msr & MSR_PR)
		hv->plan.vectors |= HVSTEP_VECS_ASYNC;
	return true;
}

/* The bits outside PCR_MASK are for modes (asm/reg.h). */
static inline bool hvstep_in_older_mode(const struct hvstep_vcpu *hv)
{
	return hv->msr & MSR_PR && hv->vcpu->arch.vcore->pcr & ~PCR_MASK;
}

/* May analyse_instr() be asked? It knows the host's instructions, not an older mode's. */
static inline bool hvstep_decide_may_compute(const struct hvstep_vcpu *hv)
{
	return !(hv->flags & HVSTEP_POLICY_TRACE_ALL) && !hvstep_in_older_mode(hv);
}

/* Shall an interrupt that the guest would take now be taken? */
static inline bool hvstep_delivers(const struct hvstep_vcpu *hv)
{
	return hv->msr & MSR_EE && hv->deliver;
}

/* sw_bp.c */
enum hvstep_sw_bp hvstep_sw_bp_at_nip(struct hvstep_vcpu *hv);
void hvstep_sw_bp_reflect(struct hvstep_vcpu *hv);

/* conclude.c */
bool hvstep_step_moved(struct hvstep_vcpu *hv);
enum hvstep_outcome hvstep_conclude(struct hvstep_vcpu *hv);

/* exclusive.c */
int hvstep_exclusive_begin_slow(struct hvstep_vcpu *hv);
void hvstep_exclusive_end_slow(struct hvstep_vcpu *hv);
int hvstep_exclusive_enter_slow(struct hvstep_vcpu *hv);
void hvstep_exclusive_leave_slow(struct hvstep_vcpu *hv);

/*
 * Have the guest for this vCPU alone, which is outside of it and has nothing
 * armed yet. Any signal ends the wait.
 */
static inline int hvstep_exclusive_begin(struct hvstep_vcpu *hv)
{
	return unlikely(hv->flags & HVSTEP_POLICY_EXCLUSIVE) ? hvstep_exclusive_begin_slow(hv) : 0;
}

static inline void hvstep_exclusive_end(struct hvstep_vcpu *hv)
{
	/* Whatever the policy is by now. */
	if (unlikely(READ_ONCE(hv->vm->exclusive) == hv))
		hvstep_exclusive_end_slow(hv);
}

/* Before a vCPU enters the guest: not while it is another's. */
static inline int hvstep_exclusive_enter(struct hvstep_vcpu *hv)
{
	WRITE_ONCE(hv->inside, true);
	smp_mb();	/* see hvstep_exclusive_begin_slow() */
	return unlikely(READ_ONCE(hv->vm->exclusive)) ? hvstep_exclusive_enter_slow(hv) : 0;
}

static inline void hvstep_exclusive_leave(struct hvstep_vcpu *hv)
{
	WRITE_ONCE(hv->inside, false);
	smp_mb();	/* before the look for somebody who waits for it */
	if (unlikely(READ_ONCE(hv->vm->exclusive)))
		hvstep_exclusive_leave_slow(hv);
}

/* emulate.c */
bool hvstep_emulate(struct hvstep_vcpu *hv, u32 word);
bool hvstep_emulate_compute(struct kvm_vcpu *vcpu, u64 msr, u32 word);

/* vector.c */
void hvstep_vector_init(void);
u64 hvstep_vector_ea(struct kvm_vcpu *vcpu, unsigned int vec, unsigned int lev);
bool hvstep_vector_is_handler(u64 nip);
bool hvstep_vector_may_be_in(u64 ea, unsigned int len);
int hvstep_vector_arm(struct hvstep_vcpu *hv);
void hvstep_vector_disarm(struct hvstep_vcpu *hv);
int hvstep_vector_armed(struct hvstep_vcpu *hv);
void hvstep_vector_log(struct hvstep_vcpu *hv);

/* block.c */
int hvstep_block_reserve(struct hvstep_vm *vm);
void hvstep_block_unreserve(struct hvstep_vm *vm);
void hvstep_block_free(struct hvstep_vm *vm);
struct hvstep_block *hvstep_block_at(struct hvstep_vm *vm, const struct hvstep_page *page,
				     gpa_t gpa);
void hvstep_block_arm(struct hvstep_armed *armed);
unsigned int hvstep_block_disarm(struct hvstep_armed *armed, bool there);
int hvstep_block_is_armed(struct hvstep_vcpu *hv, gpa_t gpa, bool there, struct hvstep_seen *seen);
bool hvstep_block_as_seen(struct hvstep_vcpu *hv, const struct hvstep_seen *seen);
bool hvstep_block_may_have_moved(const struct hvstep_vm *vm, const struct hvstep_armed *armed);
int hvstep_block_wait_none(struct hvstep_vm *vm);

/* page.c */
void hvstep_pages_lock_slow(struct hvstep_vcpu *hv);
void hvstep_pages_unlock_slow(struct hvstep_vcpu *hv);
struct hvstep_page *hvstep_page(struct hvstep_vm *vm, gpa_t gpa, bool write);
int hvstep_page_get(struct hvstep_vcpu *hv, gpa_t gpa, bool write);
int hvstep_page_lock_again(struct hvstep_vcpu *hv, unsigned long hva, struct page **page);

/* park.c */
int hvstep_park(struct hvstep_vcpu *hv, gpa_t gpa, struct hvstep_seen *seen);
void hvstep_park_leave(struct hvstep_vcpu *hv);
void hvstep_park_left_slow(struct hvstep_vcpu *hv);
void hvstep_park_let_leave_slow(struct hvstep_vcpu *hv);

/* It is out of the guest, or somewhere else in it. In its own thread. */
static inline void hvstep_park_left(struct hvstep_vcpu *hv)
{
	if (unlikely(hv->leaving))
		hvstep_park_left_slow(hv);
}

/* Before a step arms anything: let those go that the last one has parked. */
static inline void hvstep_park_let_leave(struct hvstep_vcpu *hv)
{
	if (unlikely(atomic_read(&hv->vm->leavers)))
		hvstep_park_let_leave_slow(hv);
}

/* guest_mem.c */

/*
 * A hash guest's page table exists only once KVM has set its MMU up, which it
 * does when a vCPU is entered; as it does for a guest that was just switched to radix.
 */
static inline bool hvstep_mem_ready(struct kvm *kvm)
{
	return READ_ONCE(kvm->arch.mmu_ready);
}

int hvstep_mem_translate_first(struct hvstep_vcpu *hv, u64 ea, u64 msr, gpa_t *gpa);
int hvstep_mem_translate_locked(struct hvstep_vcpu *hv, struct hvstep_walk *walk, u64 ea,
				u64 msr, int first, gpa_t *gpa);
int hvstep_mem_translate(struct hvstep_vcpu *hv, u64 ea, u64 msr, gpa_t *gpa);
int hvstep_mem_translate_data(struct hvstep_vcpu *hv, u64 ea, gpa_t *gpa);
struct kvm_memory_slot *hvstep_mem_slot(struct kvm *kvm, gfn_t gfn);
int hvstep_mem_read(struct kvm_vcpu *vcpu, gpa_t gpa, u32 *raw);
int hvstep_mem_fetch(struct hvstep_vcpu *hv, u64 ea, gpa_t *gpa, u32 *word);
void hvstep_mem_dirty(struct kvm *kvm, gfn_t gfn);

/*
 * From here to hvstep_pages_unlock() what hvstep_page() finds is the guest's memory.
 * Nothing may sleep there.
 */
static inline void hvstep_pages_lock(struct hvstep_vcpu *hv)
{
	struct hvstep_vm *vm = hv->vm;
	struct kvm *kvm = vm->kvm;

	spin_lock(&kvm->mmu_lock);
	if (likely(kvm_is_radix(kvm) && !kvm->mmu_invalidate_in_progress &&
		   vm->pages_seq == kvm->mmu_invalidate_seq &&
		   vm->pages_generation == hvstep_compat_generation(kvm))) {
		hv->srcu_idx = -1;
		return;
	}
	spin_unlock(&kvm->mmu_lock);
	hvstep_pages_lock_slow(hv);
}

static inline void hvstep_pages_unlock(struct hvstep_vcpu *hv)
{
	if (likely(hv->srcu_idx < 0))
		spin_unlock(&hv->vm->kvm->mmu_lock);
	else
		hvstep_pages_unlock_slow(hv);
}

/* radix.c */
/*
 * Would the walk for @ea be the same as the last one, which has led to a page that can be
 * executed? Its entries are all read again.
 */
static __always_inline bool hvstep_radix_is_same(struct hvstep_vcpu *hv,
						 const struct hvstep_walk *walk, u64 ea, u64 msr)
{
	struct kvm_vcpu *vcpu = hv->vcpu;
	unsigned int i;
	u64 differs;

	if (unlikely(walk->epoch != hv->vm->epoch))
		return false;
	differs = (walk->ea ^ (ea & HVSTEP_BLOCK_MASK)) | (walk->pr ^ (msr & MSR_PR)) |
		  (walk->table ^ READ_ONCE(hv->vm->kvm->arch.process_table)) |
		  (walk->iamr ^ hvstep_compat_iamr(vcpu));
	if (!(ea >> 62))
		differs |= walk->pid ^ hvstep_compat_pid(vcpu);
	for (i = 0; i < walk->nr; i++)
		differs |= (__force u64)(READ_ONCE(*walk->entry[i]) ^ walk->value[i]);
	return likely(!differs);
}

int hvstep_radix_data(struct hvstep_vcpu *hv, u64 ea, gpa_t *gpa);
int hvstep_radix_fetch(struct hvstep_vcpu *hv, struct hvstep_walk *walk, u64 ea, u64 msr,
		       gpa_t *gpa);

/* access.c */
bool hvstep_access_ea(struct hvstep_vcpu *hv, u32 word, u32 suffix, u64 *ea);
int hvstep_access_find_slow(struct hvstep_vcpu *hv, u32 word);

/*
 * Most loads and stores are of a form that takes no analysis to see that they have
 * nothing to do with any handler: D and DS, of no more than 16 bytes. Those of multiple
 * words are not among them.
 */
static inline bool hvstep_access_is_clear(struct hvstep_vcpu *hv, u32 word, u64 *ea)
{
	/* 32 to 45: lwz to sthu; 48 to 55: lfs to stfdu; 58, 62: ld to std */
	const u64 forms = GENMASK_ULL(45, 32) | GENMASK_ULL(55, 48) | BIT_ULL(58) | BIT_ULL(62);
	unsigned int op = hvstep_insn_opcode(word), ra = (word >> 16) & 0x1f;

	if (!(forms >> op & 1) || hv->plan.nr_next)
		return false;
	*ea = (ra ? kvmppc_get_gpr(hv->vcpu, ra) : 0) + (s16)(op >= 58 ? word & ~3 : word);
	return !hvstep_vector_may_be_in(*ea, 16);
}

/*
 * What the instruction itself accesses, as far as that could be what is armed: fill in
 * hv->access.
 */
static inline int hvstep_access_find(struct hvstep_vcpu *hv, u32 word)
{
	u64 ea;

	if (hv->plan.vectors & BIT(HVSTEP_VEC_DSI) &&
	    unlikely(!hvstep_access_is_clear(hv, word, &ea)))
		return hvstep_access_find_slow(hv, word);
	return 0;
}

/* The same of an ordinary instruction, which then arms no more than it has to. */
static inline int hvstep_access_find_ordinary(struct hvstep_vcpu *hv, u32 word)
{
	u64 ea;

	if (!(hv->plan.vectors & BIT(HVSTEP_VEC_DSI)))
		return 0;
	if (unlikely(!hvstep_access_is_clear(hv, word, &ea)))
		return hvstep_access_find_slow(hv, word);
	if (likely(!atomic64_read(&hv->left)))	/* kept, it has to do for the next ones */
		hv->plan.vectors &= ~hvstep_plan_never(word, hv->msr, ea,
						       kvm_is_radix(hv->vm->kvm));
	return 0;
}

bool hvstep_access_touches(struct hvstep_vcpu *hv, gpa_t gpa);

/* irq.c */
void hvstep_irq_hold(struct hvstep_vcpu *hv);
void hvstep_irq_hold_none(struct hvstep_vcpu *hv);
bool hvstep_irq_can_hold(struct hvstep_vcpu *hv, unsigned int vec);
void hvstep_irq_put_back(struct hvstep_vcpu *hv, unsigned int vec);
void hvstep_irq_release_slow(struct hvstep_vcpu *hv);

/* The sources only: step.c knows what MSR[EE] is after the step. */
static inline void hvstep_irq_release(struct hvstep_vcpu *hv)
{
	if (unlikely(hv->irqs.quiet))
		hvstep_irq_release_slow(hv);
}

/* ioctl.c */
#define HVSTEP_FEATURES	(HVSTEP_FEATURE_STEP_ONE | HVSTEP_FEATURE_IRQ_HOLD |		\
			 HVSTEP_FEATURE_TRACE_ALL | HVSTEP_FEATURE_COUNTERS |		\
			 HVSTEP_FEATURE_IRQ_DELIVER | HVSTEP_FEATURE_ATOMIC |		\
			 HVSTEP_FEATURE_EXCLUSIVE | HVSTEP_FEATURE_STEP_COUNT |		\
			 HVSTEP_FEATURE_STEP_RANGE | HVSTEP_FEATURE_STEP_LIVE |		\
			 HVSTEP_FEATURE_TRACE | HVSTEP_FEATURE_URING |			\
			 HVSTEP_FEATURE_SHARE)
int hvstep_ioctl_init(void);
void hvstep_ioctl_exit(void);

#endif /* HVSTEP_H */
