/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between kernel versions, and nothing else. Forced into each
 * file by the command line; the rest of the module reads as if it were written
 * for the newest kernel. What can be probed in the target's headers is probed
 * by Kbuild (HVSTEP_HAVE_*), since distributions backport.
 */
#ifndef HVSTEP_COMPAT_H
#define HVSTEP_COMPAT_H

#ifdef HVSTEP_HAVE_URING_CMD_H
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif
#include <linux/kvm_host.h>
#include <linux/sched/task.h>
#include <asm/kvm_ppc.h>
#include <asm/kvm_book3s.h>
#include <linux/hvstep.h>

/*
 * The stub is of ELFv2, where a function's address is that of its code; and nothing of this
 * has ever run on a big-endian host (guests of that byte order are another matter).
 */
#if !defined(CONFIG_PPC64_ELF_ABI_V2) || !defined(CONFIG_CPU_LITTLE_ENDIAN)
#error "hvstep is for little-endian (ppc64le) hosts"
#endif

#ifndef INVALID_GPA
#define INVALID_GPA	(~(gpa_t)0)
#endif

#ifdef HVSTEP_HAVE_NESTEDV2

static inline unsigned long hvstep_compat_lpcr(struct kvm_vcpu *vcpu)
{
	return kvmhv_is_nestedv2() ? kvmppc_get_lpcr(vcpu) :
				     READ_ONCE(vcpu->arch.vcore->lpcr);
}

static inline u64 hvstep_compat_dec_expires(struct kvm_vcpu *vcpu)
{
	return kvmppc_get_dec_expires(vcpu);
}

static inline void hvstep_compat_set_dec_expires(struct kvm_vcpu *vcpu, u64 tb)
{
	kvmppc_set_dec_expires(vcpu, tb);
}

static inline u64 hvstep_compat_tb_offset(struct kvm_vcpu *vcpu)
{
	return kvmppc_get_tb_offset(vcpu);
}

static inline u64 hvstep_compat_ciabr(struct kvm_vcpu *vcpu)
{
	/* The accessor for it is private to kvm-hv. */
	if (kvmhv_is_nestedv2())
		WARN_ON_ONCE(kvmhv_nestedv2_cached_reload(vcpu, KVMPPC_GSID_CIABR) < 0);
	return vcpu->arch.ciabr;
}

static inline u64 hvstep_compat_ebbrr(struct kvm_vcpu *vcpu)
{
	return kvmppc_get_ebbrr(vcpu);
}

static inline u64 hvstep_compat_fpscr(struct kvm_vcpu *vcpu)
{
	return kvmppc_get_fpscr(vcpu);
}

/* Before vcpu->arch.mmcr[0], siar and sdar are read; their accessors are private, too. */
static inline void hvstep_compat_sampled_load(struct kvm_vcpu *vcpu)
{
	if (!kvmhv_is_nestedv2())
		return;
	WARN_ON_ONCE(kvmhv_nestedv2_cached_reload(vcpu, KVMPPC_GSID_MMCR(0)) < 0);
	WARN_ON_ONCE(kvmhv_nestedv2_cached_reload(vcpu, KVMPPC_GSID_SIAR) < 0);
	WARN_ON_ONCE(kvmhv_nestedv2_cached_reload(vcpu, KVMPPC_GSID_SDAR) < 0);
}

static inline void hvstep_compat_sampled_dirty(struct kvm_vcpu *vcpu)
{
	if (!kvmhv_is_nestedv2())
		return;
	WARN_ON_ONCE(kvmhv_nestedv2_mark_dirty(vcpu, KVMPPC_GSID_SIAR) < 0);
	WARN_ON_ONCE(kvmhv_nestedv2_mark_dirty(vcpu, KVMPPC_GSID_SDAR) < 0);
}

static inline u32 hvstep_compat_pid(struct kvm_vcpu *vcpu)
{
	return kvmppc_get_pid(vcpu);
}

static inline u64 hvstep_compat_iamr(struct kvm_vcpu *vcpu)
{
	if (kvmhv_is_nestedv2())
		WARN_ON_ONCE(kvmhv_nestedv2_cached_reload(vcpu, KVMPPC_GSID_IAMR) < 0);
	return vcpu->arch.iamr;
}

/* vcpu->arch.regs is a cache under nested v2: fill it before reading it whole. */
static inline int hvstep_compat_regs_load(struct kvm_vcpu *vcpu)
{
	return kvmhv_nestedv2_reload_ptregs(vcpu, &vcpu->arch.regs);
}

static inline void hvstep_compat_regs_dirty(struct kvm_vcpu *vcpu)
{
	kvmhv_nestedv2_mark_dirty_ptregs(vcpu, &vcpu->arch.regs);
}

static inline bool hvstep_compat_nestedv2(void)
{
	return kvmhv_is_nestedv2();
}

#else /* !HVSTEP_HAVE_NESTEDV2 */

static inline unsigned long hvstep_compat_lpcr(struct kvm_vcpu *vcpu)
{
	return READ_ONCE(vcpu->arch.vcore->lpcr);
}

static inline u64 hvstep_compat_dec_expires(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.dec_expires;
}

static inline void hvstep_compat_set_dec_expires(struct kvm_vcpu *vcpu, u64 tb)
{
	vcpu->arch.dec_expires = tb;
}

static inline u64 hvstep_compat_tb_offset(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.vcore->tb_offset;
}

static inline u64 hvstep_compat_ciabr(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.ciabr;
}

static inline u64 hvstep_compat_ebbrr(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.ebbrr;
}

static inline u64 hvstep_compat_fpscr(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.fp.fpscr;
}

static inline void hvstep_compat_sampled_load(struct kvm_vcpu *vcpu)
{
}

static inline void hvstep_compat_sampled_dirty(struct kvm_vcpu *vcpu)
{
}

static inline u32 hvstep_compat_pid(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.pid;
}

static inline u64 hvstep_compat_iamr(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.iamr;
}

static inline int hvstep_compat_regs_load(struct kvm_vcpu *vcpu)
{
	return 0;
}

static inline void hvstep_compat_regs_dirty(struct kvm_vcpu *vcpu)
{
}

static inline bool hvstep_compat_nestedv2(void)
{
	return false;
}

#endif /* !HVSTEP_HAVE_NESTEDV2 */

/*
 * What every step reads and writes. KVM's accessors keep the cache of nested v2 and warn
 * if that fails; where there is none, as on bare metal, the field is all there is (for
 * kvm-hv arch.shared is arch.shregs, in the host's byte order).
 */
#define HVSTEP_GETTER(name, field)					\
static inline u64 hvstep_get_##name(struct kvm_vcpu *vcpu)		\
{									\
	return hvstep_compat_nestedv2() ? kvmppc_get_##name(vcpu) : vcpu->arch.field; \
}

#define HVSTEP_SETTER(name, field)					\
static inline void hvstep_set_##name(struct kvm_vcpu *vcpu, u64 val)	\
{									\
	if (hvstep_compat_nestedv2())					\
		kvmppc_set_##name(vcpu, val);				\
	else								\
		vcpu->arch.field = val;					\
}

HVSTEP_GETTER(pc, regs.nip)
HVSTEP_SETTER(pc, regs.nip)
HVSTEP_GETTER(srr0, shregs.srr0)
HVSTEP_SETTER(srr0, shregs.srr0)
HVSTEP_GETTER(srr1, shregs.srr1)
HVSTEP_SETTER(srr1, shregs.srr1)
HVSTEP_GETTER(msr, shregs.msr)

static inline void hvstep_set_msr(struct kvm_vcpu *vcpu, u64 val)
{
	if (hvstep_compat_nestedv2())
		kvmppc_set_msr_fast(vcpu, val);
	else
		vcpu->arch.shregs.msr = val;
}

/*
 * Of the memslots, for a look without kvm->srcu: since 5.17 both sets of them are part
 * of struct kvm (kvm->__memslots).
 */
static inline u64 hvstep_compat_generation(struct kvm *kvm)
{
	return READ_ONCE(rcu_dereference_raw(kvm->memslots[0])->generation);
}

/*
 * The task that last ran this vcpu, with a reference, or NULL: vcpu->pid is the
 * last runner only, and that thread may be exiting.
 */
static inline struct task_struct *hvstep_compat_vcpu_task(struct kvm_vcpu *vcpu)
{
	struct task_struct *task;

#ifdef HVSTEP_HAVE_PID_LOCK
	read_lock(&vcpu->pid_lock);
	task = get_pid_task(vcpu->pid, PIDTYPE_PID);
	read_unlock(&vcpu->pid_lock);
#else
	rcu_read_lock();
	task = get_pid_task(rcu_dereference(vcpu->pid), PIDTYPE_PID);
	rcu_read_unlock();
#endif
	return task;
}

#ifdef HVSTEP_HAVE_HINT_UNSAFE
#define hvstep_compat_immediate_exit(vcpu)	READ_ONCE((vcpu)->run->immediate_exit__unsafe)
#else
#define hvstep_compat_immediate_exit(vcpu)	READ_ONCE((vcpu)->run->immediate_exit)
#endif

/*
 * The 16 bytes of io_uring_sqe.cmd. From 6.10 to 6.13 a command that is issued again by
 * one of io_uring's workers is pointed to the submission queue still, where userspace may
 * have put the next one by then: it takes them along in its own memory. One that a worker
 * is the first to come to has not, but an earlier one may have that was cancelled.
 */
#ifdef HVSTEP_URING_SQE_IS_LIVE
#define HVSTEP_COMPAT_TAKEN_ALONG	0x6876737400000000ULL

struct hvstep_compat_pdu {
	u64 magic;
	u64 user_data;
	struct hvstep_uring arg;
};
#endif

static inline void hvstep_compat_uring_arg(struct io_uring_cmd *cmd, bool nonblock,
					   struct hvstep_uring *arg)
{
#ifndef HVSTEP_HAVE_URING_SQE
	memcpy(arg, cmd->cmd, sizeof(*arg));
#else
#ifdef HVSTEP_URING_SQE_IS_LIVE
	struct hvstep_compat_pdu *pdu = (void *)cmd->pdu;
	const struct io_kiocb *req = cmd_to_io_kiocb(cmd);

	BUILD_BUG_ON(sizeof(*pdu) > sizeof(cmd->pdu));
	/* With IOSQE_ASYNC what cmd->sqe points to is a copy. */
	if (!nonblock && !(req->flags & REQ_F_FORCE_ASYNC) &&
	    pdu->magic == (HVSTEP_COMPAT_TAKEN_ALONG | cmd->cmd_op) &&
	    pdu->user_data == req->cqe.user_data) {
		*arg = pdu->arg;
		return;
	}
#endif
	memcpy(arg, cmd->sqe->cmd, sizeof(*arg));
#endif
	/* Once: it can be in memory that userspace writes to. */
	barrier();
}

/* The command has returned @ret: with -EAGAIN it comes again. */
static inline void hvstep_compat_uring_end(struct io_uring_cmd *cmd, int ret,
					   const struct hvstep_uring *arg)
{
#ifdef HVSTEP_URING_SQE_IS_LIVE
	struct hvstep_compat_pdu *pdu = (void *)cmd->pdu;

	pdu->magic = ret == -EAGAIN ? HVSTEP_COMPAT_TAKEN_ALONG | cmd->cmd_op : 0;
	pdu->user_data = cmd_to_io_kiocb(cmd)->cqe.user_data;
	pdu->arg = *arg;
#endif
}

#endif /* HVSTEP_COMPAT_H */
