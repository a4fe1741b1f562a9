/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * hvstep - single stepping for KVM guests on POWER
 *
 * /dev/hvstep takes HVSTEP_GET_INFO and HVSTEP_ATTACH. HVSTEP_ATTACH turns a
 * VM file descriptor into a session file descriptor, which takes everything
 * else. The VM is detached when nobody has the session any more: all of its
 * descriptors are closed, be it by the death of who had them, and so are its
 * rings (HVSTEP_TRACE), which are not mapped either.
 *
 * Authority: holding a VM file descriptor is the only one, or one that was made
 * of it here, a session's or a ring's. The module never takes a pid, a name or
 * an address of the host. With its parameter auto_attach each VM can be stepped
 * by its own VMM, too.
 *
 * Once a VM is attached, KVM_SET_GUEST_DEBUG with KVM_GUESTDBG_ENABLE and
 * KVM_GUESTDBG_SINGLESTEP works as Documentation/virt/kvm/api.rst says: every
 * KVM_RUN of that vCPU executes one guest instruction and returns with
 * KVM_EXIT_DEBUG, debug.arch.address = the new nip, debug.arch.status = 0,
 * until KVM_SET_GUEST_DEBUG takes the bit away again. No call of this header
 * is needed for that.
 *
 * A step that cannot be made exact is refused: KVM_RUN fails with
 *   EOPNOTSUPP	the guest is a secure one; the handler that the step has to stop
 *		at has no translation or no memory; an rfid or mtmsrd that moves
 *		the processor into or out of a transaction; an rfebb that returns
 *		to itself
 *   EFAULT	the memory that the instruction is in cannot be read
 *   ENOMEM	the host has no memory to find out what the instruction would do
 * and exit_reason KVM_EXIT_INTERNAL_ERROR. The guest is as it was before.
 *
 * Rules for all structures: fixed size, naturally aligned, the same for 32 and
 * 64 bit callers. A field named "reserved" must be zero on the way in
 * (otherwise -EINVAL, and nothing has changed) and is zero on the way out.
 * There is no version number: HVSTEP_GET_INFO lists features, one bit each.
 *
 * Errors common to all calls:
 *   ENOTTY  no such command on this kind of descriptor
 *   EFAULT  the argument does not point to memory of the caller
 *   EINVAL  an unknown flag, a reserved field that is not zero, a value out
 *           of range
 * A call that fails has changed nothing.
 */
#ifndef _UAPI_LINUX_HVSTEP_H
#define _UAPI_LINUX_HVSTEP_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* A type that Documentation/userspace-api/ioctl/ioctl-number.rst has free. */
#define HVSTEP_IOC_TYPE		0xC7

/* struct hvstep_info.features */
#define HVSTEP_FEATURE_STEP_ONE		(1ULL << 0)	/* HVSTEP_STEP of one instruction */
#define HVSTEP_FEATURE_IRQ_HOLD		(1ULL << 1)	/* HVSTEP_IRQ_HOLD */
#define HVSTEP_FEATURE_TRACE_ALL	(1ULL << 2)	/* HVSTEP_POLICY_TRACE_ALL */
#define HVSTEP_FEATURE_COUNTERS		(1ULL << 3)	/* HVSTEP_GET_COUNTERS */
#define HVSTEP_FEATURE_IRQ_DELIVER	(1ULL << 4)	/* HVSTEP_IRQ_DELIVER */
#define HVSTEP_FEATURE_ATOMIC		(1ULL << 5)	/* HVSTEP_POLICY_ATOMIC */
#define HVSTEP_FEATURE_EXCLUSIVE	(1ULL << 6)	/* HVSTEP_POLICY_EXCLUSIVE */
#define HVSTEP_FEATURE_STEP_COUNT	(1ULL << 7)	/* HVSTEP_STEP_COUNT */
#define HVSTEP_FEATURE_STEP_RANGE	(1ULL << 8)	/* HVSTEP_STEP_RANGE */
#define HVSTEP_FEATURE_STEP_LIVE	(1ULL << 9)	/* HVSTEP_STEP_THEN_RUN, _NOW */
#define HVSTEP_FEATURE_TRACE		(1ULL << 10)	/* HVSTEP_TRACE */
#define HVSTEP_FEATURE_URING		(1ULL << 11)	/* HVSTEP_URING_* */
#define HVSTEP_FEATURE_SHARE		(1ULL << 12)	/* HVSTEP_ATTACH_SHARE */

/* struct hvstep_info.host */
#define HVSTEP_HOST_KVM_HV	(1U << 0)	/* kvm-hv is loaded: VMs can be attached */
#define HVSTEP_HOST_RADIX	(1U << 1)	/* the host's own MMU mode is radix */
#define HVSTEP_HOST_NESTED	(1U << 2)	/* the host is itself a guest of a hypervisor */
#define HVSTEP_HOST_ARCH_300	(1U << 3)	/* POWER9 or later (ISA 3.0) */
#define HVSTEP_HOST_ARCH_31	(1U << 4)	/* POWER10 or later (ISA 3.1) */

/**
 * struct hvstep_info - what this module and this host can do
 * @features:	out: HVSTEP_FEATURE_* of the loaded module
 * @policies:	out: HVSTEP_POLICY_* flags that HVSTEP_SET_POLICY takes
 * @host:	out: HVSTEP_HOST_* facts
 * @attached:	out: number of VMs attached on the whole host at this moment
 * @reserved:	out: 0
 */
struct hvstep_info {
	__u64 features;
	__u64 policies;
	__u32 host;
	__u32 attached;
	__u64 reserved[5];
};

/*
 * struct hvstep_attach.flags
 *
 * HVSTEP_ATTACH_SHARE: if the VM has a session already, be it another process's, that
 * one gets one more descriptor: what it is asked for, its policy and its counters are
 * the same through each. The VM is detached when the last one is closed.
 */
#define HVSTEP_ATTACH_SHARE	(1U << 0)

/**
 * struct hvstep_attach - name the VM that a new session is for
 * @vm_fd:	in: a file descriptor that KVM_CREATE_VM returned
 * @flags:	in: HVSTEP_ATTACH_*
 * @reserved:	in: 0
 *
 * HVSTEP_ATTACH returns the session's file descriptor (O_CLOEXEC), or fails:
 *   EBADF	@vm_fd is not an open file descriptor
 *   EINVAL	@vm_fd is open but not a VM of KVM; a flag; a reserved field
 *   EOPNOTSUPP	the VM is not one of kvm-hv (a PR guest), it is a secure
 *		guest, or KVM-HV lacks what hvstep needs (see the kernel log)
 *   EBUSY	the VM has a session already (without HVSTEP_ATTACH_SHARE), or had one
 *		whose last step is not over yet; another module has changed KVM's entry
 *		point. A VM that is attached only because of the module's parameter
 *		auto_attach has no session: it gets one
 *   EINTR	a signal came while vCPUs were being brought out of the guest
 *   ENOMEM, EMFILE
 *
 * Every vCPU that is inside KVM_RUN at that moment is brought out once; its
 * KVM_RUN returns -EINTR, as for any signal. So may the next one, if it began
 * before the attaching was complete; and once each time that a vCPU of the VM is
 * stepped after nobody has been for ten seconds, for until then the vCPUs of the
 * VM run as those of any other.
 */
struct hvstep_attach {
	__s32 vm_fd;
	__u32 flags;
	__u64 reserved[3];
};

/*
 * struct hvstep_policy.irq
 *
 * HVSTEP_IRQ_HOLD (the default): interrupts stay pending while a vCPU is
 * stepped, and are delivered when it runs again. One cannot be held: an external
 * interrupt that the VMM itself keeps asserted (KVM_INTERRUPT_SET_LEVEL, which
 * needs a VM without an interrupt controller in the kernel) while a problem
 * state instruction is stepped that has to enter the guest. That step ends at
 * the first instruction of the guest's handler, the instruction not executed.
 *
 * HVSTEP_IRQ_DELIVER: an interrupt that the guest would take before the stepped
 * instruction is taken: the step ends at the first instruction of its handler,
 * SRR0 at the instruction, which was not executed. (In the rare step that has to
 * stop by a breakpoint behind the instruction, it can come there as well: then
 * SRR0 is behind it.)
 */
#define HVSTEP_IRQ_HOLD		0
#define HVSTEP_IRQ_DELIVER	1

/*
 * struct hvstep_policy.flags, struct hvstep_info.policies
 *
 * HVSTEP_POLICY_TRACE_ALL: have the guest's processor execute whatever it can
 * trace, instead of emulating what needs no guest entry.
 *
 * HVSTEP_POLICY_ATOMIC: a load and reserve, the store conditional that belongs to
 * it and what is between them are one step, as GDB has it; any interrupt between
 * two steps loses the reservation, so that such a sequence, stepped instruction
 * by instruction, never succeeds. A sequence is one of at most 16 instructions,
 * with at most one conditional branch, which leads out of it; anything else is
 * stepped one by one. The step ends behind the store conditional or where the
 * branch goes to, or as any other at a handler; if KVM_RUN is interrupted, it can
 * end within the sequence, from where the next step goes on.
 *
 * HVSTEP_POLICY_EXCLUSIVE: while memory holds anything that a step has put there,
 * no other vCPU of the VM is in the guest: it cannot read it, either. Those that
 * run get -EINTR from KVM_RUN for each step, and steps of several vCPUs are made
 * one after the other.
 */
#define HVSTEP_POLICY_TRACE_ALL	(1ULL << 0)
#define HVSTEP_POLICY_ATOMIC	(1ULL << 1)
#define HVSTEP_POLICY_EXCLUSIVE	(1ULL << 2)

/**
 * struct hvstep_policy - how the vCPUs of a VM are stepped
 * @flags:	HVSTEP_POLICY_*
 * @irq:	HVSTEP_IRQ_*
 * @pad:	0
 * @reserved:	0
 *
 * Takes effect from the next step on. An unknown flag or mode: EINVAL.
 */
struct hvstep_policy {
	__u64 flags;
	__u32 irq;
	__u32 pad;
	__u64 reserved[6];
};

/* struct hvstep_step.mode */
#define HVSTEP_STEP_CANCEL	0	/* no more steps: withdraw the request, or end it */
#define HVSTEP_STEP_ONE		1	/* one instruction */
#define HVSTEP_STEP_COUNT	2	/* that many, without leaving the kernel */
#define HVSTEP_STEP_RANGE	3	/* until nip is outside of [start, end) */
/* With the end below the start: until nip is in [end, start), as in "run to end" */

/*
 * struct hvstep_step.flags
 *
 * HVSTEP_STEP_THEN_RUN: the end of the steps is none of KVM_RUN, which goes on
 * without stepping; the VMM does not notice. So it is if the steps are ended by
 * HVSTEP_STEP_CANCEL; or by an instruction that cannot be stepped, where KVM_RUN
 * fails otherwise (see above).
 *
 * HVSTEP_STEP_NOW: a vCPU that is in KVM_RUN is brought out of it, with -EINTR as
 * for any signal, so as to begin in the next one. With HVSTEP_STEP_CANCEL: so as to
 * end at once, and not only once an instruction that takes long (H_CEDE) is over.
 */
#define HVSTEP_STEP_THEN_RUN	(1U << 0)
#define HVSTEP_STEP_NOW		(1U << 1)

/**
 * struct hvstep_step - step a vCPU in its next KVM_RUN
 * @vcpu:	in: the id the vCPU was created with (KVM_CREATE_VCPU's argument)
 * @mode:	in: HVSTEP_STEP_*
 * @flags:	in: HVSTEP_STEP_THEN_RUN, HVSTEP_STEP_NOW
 * @pad:	in: 0
 * @count:	in: steps to make, 1 or more, for HVSTEP_STEP_COUNT; no more than that
 *		for HVSTEP_STEP_RANGE, where 0 is without a limit; 0 or 1 for
 *		HVSTEP_STEP_ONE, 0 for HVSTEP_STEP_CANCEL
 * @start:	in: for HVSTEP_STEP_RANGE, the effective address where it begins
 * @end:	in: and the first one behind it; both 0 for the other modes. One that is
 *		lower than @start makes it all but [@end, @start)
 * @reserved:	in: 0
 *
 * The vCPU's next KVM_RUN ends with KVM_EXIT_DEBUG after one instruction, as
 * if KVM_GUESTDBG_SINGLESTEP were set for that call alone; or after @count of them;
 * or after the first one that leaves nip outside of the range, of which there is
 * always one (what GDB's vCont;r asks for: nip has not to be in the range before).
 * A KVM_RUN that ends before (a signal, an exit that the VMM must handle) leaves
 * the request standing, for as many as are left to do. A breakpoint of the VMM's
 * ends it, with KVM_EXIT_DEBUG there. Where KVM_GUESTDBG_SINGLESTEP is set beside,
 * each KVM_RUN is one step all the same, and counts.
 *
 * HVSTEP_STEP_CANCEL can come from any thread at any time: the steps end with the
 * instruction that is under way, with KVM_EXIT_DEBUG if there is one and the request
 * had no HVSTEP_STEP_THEN_RUN. One that the VMM has to complete (KVM_EXIT_MMIO) by
 * then is executed without being counted or recorded. Fails with:
 *   ENOENT	the VM has no such vCPU
 *   EINVAL	unknown mode or flag, a count that does not fit the mode, an empty
 *		range, HVSTEP_STEP_THEN_RUN with HVSTEP_STEP_CANCEL
 *   ENOMEM	there is no memory for what is kept of each vCPU
 *
 * A vCPU has one request: another one, of whichever descriptor of the session, takes its
 * place. Closing the last descriptor of the session withdraws it.
 */
struct hvstep_step {
	__u32 vcpu;
	__u32 mode;
	__u32 flags;
	__u32 pad;
	__u64 count;
	__u64 start;
	__u64 end;
	__u64 reserved[3];
};

/*
 * The trace ring
 *
 * HVSTEP_TRACE gives a ring: a descriptor of memory that the kernel writes one record
 * to for each step that the vCPU completes, whoever asked for it. mmap() it, shared,
 * at offset 0: a page with struct hvstep_ring, and the records from there at
 * @records_offset. The kernel writes record number n (from 0) to place n % @nr_records
 * and then makes @head n + 1; who has read the records below n stores n in @tail.
 * Both only grow. Access: load @head with acquire, store @tail with release semantics.
 *
 * poll() says POLLIN when @watermark records, or the last ones, are to be read, and
 * POLLHUP when there is nothing to read and the vCPU has no more steps to make. A full
 * ring makes the vCPU wait, which any signal ends as any other KVM_RUN; it goes on soon
 * after @tail has changed, and at once with the next poll() or HVSTEP_URING_WAIT. With
 * HVSTEP_TRACE_DROP it goes on and the record is dropped, and counted.
 *
 * The descriptor takes HVSTEP_URING_* by IORING_OP_URING_CMD. It, and what is mapped,
 * keeps the session as if it were the session's own; when the last of them is gone the
 * recording ends, and with it steps that were asked for with HVSTEP_STEP_THEN_RUN: who
 * has asked may have died. Others do not.
 */
#define HVSTEP_RING_MAGIC	0x48565354524e4731ULL	/* "HVSTRNG1" in a big-endian dump */

/* struct hvstep_trace.flags */
#define HVSTEP_TRACE_DROP	(1U << 0)	/* when full, drop the record instead of waiting */
#define HVSTEP_TRACE_NO_KERNEL	(1U << 1)	/* nothing that was executed with MSR[PR] = 0 */
#define HVSTEP_TRACE_NO_USER	(1U << 2)	/* nothing that was executed with MSR[PR] = 1 */
#define HVSTEP_TRACE_BRANCHES	(1U << 3)	/* only what did not go on behind itself */

/* struct hvstep_record.kind: how the step was made, see struct hvstep_counters */
#define HVSTEP_KIND_EMULATED	0
#define HVSTEP_KIND_TRACED	1
#define HVSTEP_KIND_DISPLACED	2
#define HVSTEP_KIND_MOVED	3
#define HVSTEP_KIND_FAULT	4	/* and ended at a handler of the guest's */
#define HVSTEP_KIND_REFLECTED	5	/* the guest's own breakpoint instruction */

/* struct hvstep_record.flags */
#define HVSTEP_RECORD_EA	(1U << 0)	/* @ea is what a load or store was to access */
#define HVSTEP_RECORD_NO_WORD	(1U << 1)	/* the instruction could not be read */

/**
 * struct hvstep_record - one step
 * @seq:	counts the steps of this vCPU since the ring was made, those too that were
 *		filtered or dropped
 * @nip:	where the instruction was: in 32-bit mode the low half is all of it
 * @msr:	MSR before it, the guest's own (ISA Book III, "Machine State Register"):
 *		whether it was executed in 64-bit mode, in problem state, as
 *		little-endian code
 * @next:	where it has led to
 * @ea:		see HVSTEP_RECORD_EA
 * @word:	the instruction, as a number
 * @suffix:	the second word of a prefixed one, else 0
 * @kind:	HVSTEP_KIND_*
 * @flags:	HVSTEP_RECORD_*
 * @vcpu:	the vCPU's id
 * @reserved:	0
 */
struct hvstep_record {
	__u64 seq;
	__u64 nip;
	__u64 msr;
	__u64 next;
	__u64 ea;
	__u32 word;
	__u32 suffix;
	__u16 kind;
	__u16 flags;
	__u32 vcpu;
	__u64 reserved;
};

/*
 * struct hvstep_ring.state: load it with acquire semantics, and before @head
 *
 * HVSTEP_RING_ACTIVE: the vCPU has steps to make that were asked for. Once it has not
 * all are recorded.
 */
#define HVSTEP_RING_ACTIVE	(1U << 0)

/**
 * struct hvstep_ring - the head of a ring's memory; all but @tail is the kernel's
 * @magic:	HVSTEP_RING_MAGIC
 * @features:	HVSTEP_FEATURE_* of the module that writes it
 * @size:	of the mapping in bytes
 * @records_offset: of the first record in it
 * @record_size: sizeof(struct hvstep_record)
 * @nr_records:	a power of two
 * @vcpu:	the vCPU's id
 * @head:	records written so far
 * @dropped:	records that found no room (HVSTEP_TRACE_DROP)
 * @filtered:	steps that were not to be recorded
 * @error:	why the steps ended before their time: 0, or an error code as KVM_RUN
 *		fails with (HVSTEP_STEP_THEN_RUN)
 * @state:	HVSTEP_RING_*
 * @tail:	records read so far, written by the reader
 */
struct hvstep_ring {
	__u64 magic;
	__u64 features;
	__u64 size;
	__u32 records_offset;
	__u32 record_size;
	__u32 nr_records;
	__u32 vcpu;
	__u64 reserved[2];
	__u64 head;
	__u64 dropped;
	__u64 filtered;
	__u32 error;
	__u32 state;
	__u64 reserved2[4];
	__u64 tail;
	__u64 reserved3[7];
};

#define HVSTEP_RING_MAX_RECORDS	(1U << 20)

/**
 * struct hvstep_trace - record the steps of a vCPU
 * @vcpu:	in: its id
 * @flags:	in: HVSTEP_TRACE_*
 * @nr_records:	in: how many records the ring is to have, a power of two from 16 to
 *		HVSTEP_RING_MAX_RECORDS
 * @watermark:	in: see poll(); 1 to @nr_records
 * @start:	in: only what is executed at or above this nip
 * @end:	in: and below that one; 0: wherever
 * @reserved:	in: 0
 *
 * Returns the ring's descriptor (O_CLOEXEC), or fails:
 *   ENOENT	the VM has no such vCPU
 *   EBUSY	it has a ring already
 *   EINVAL	a flag, a number out of range, an empty range
 *   ENOMEM	there is no memory; or the caller's user would have more locked than
 *		RLIMIT_MEMLOCK, without CAP_IPC_LOCK
 *   EINTR	the caller was killed meanwhile
 *   EMFILE
 */
struct hvstep_trace {
	__u32 vcpu;
	__u32 flags;
	__u32 nr_records;
	__u32 watermark;
	__u64 start;
	__u64 end;
	__u64 reserved[4];
};

/*
 * struct io_uring_sqe.cmd_op, on a ring; the argument is in io_uring_sqe.cmd. The result
 * is 0, or negative for an error as ioctl() would have it.
 *
 * HVSTEP_URING_WAIT: until @count records, 1 or more, can be read, or there will be no
 * more: @head and @state say how many, and whether. Can be cancelled
 * (IORING_OP_ASYNC_CANCEL, or the death of the task): ECANCELED or EINTR. The latter can
 * come without that, too, as from any wait: io_uring disturbs its own workers. Then
 * submit it again. Each wait that is not over at once occupies one of them: who waits for
 * more vCPUs than IORING_REGISTER_IOWQ_MAX_WORKERS allows for should poll the rings.
 *
 * HVSTEP_URING_START: HVSTEP_STEP_COUNT of @count, with @flags.
 * HVSTEP_URING_STOP: HVSTEP_STEP_CANCEL, with @flags; @count is 0.
 */
#define HVSTEP_URING_WAIT	0
#define HVSTEP_URING_START	1
#define HVSTEP_URING_STOP	2

/**
 * struct hvstep_uring - the argument of HVSTEP_URING_*: 16 bytes, which fit any SQE
 * @count:	see there
 * @flags:	HVSTEP_STEP_THEN_RUN, HVSTEP_STEP_NOW; 0 for HVSTEP_URING_WAIT
 * @pad:	0
 */
struct hvstep_uring {
	__u64 count;
	__u32 flags;
	__u32 pad;
};

#define HVSTEP_VCPU_ALL		0xffffffffU

/**
 * struct hvstep_counters - what has happened since the VM was attached
 * @vcpu:	in: a vCPU's id, or HVSTEP_VCPU_ALL for the sum over all
 * @pad:	in: 0
 * @steps:	out: steps completed, all kinds
 * @emulated:	out: of them, without entering the guest
 * @traced:	out: of them, by MSR[SE] and the Trace interrupt (ISA Book III
 *		"Trace Interrupt", vector 0xd00)
 * @displaced:	out: of them, by a breakpoint behind the instruction or at the
 *		handler it goes to, since MSR[SE] would not stop there
 * @moved:	out: of them, found complete by KVM's own hand: hypercalls, MMIO,
 *		instructions that KVM emulates
 * @faults:	out: of them, that ended at an interrupt handler of the guest
 * @breakpoints: out: steps that found the VMM's own breakpoint at nip
 * @interrupted: out: KVM_RUN calls that ended before their step was complete
 * @held:	out: interrupts that came during a step and were put back
 * @parked:	out: times a vCPU met a word armed for another one and waited
 * @reflected:	out: the guest's own 0x00dddd00, given to it as a program
 *		interrupt as without hvstep
 * @lost:	out: armed words that could not be restored since their memory
 *		held something else by then; anything but 0 deserves a look
 * @reserved:	in and out: 0
 *
 * ENOENT: the VM has no such vCPU. ENOMEM: as for HVSTEP_STEP.
 */
struct hvstep_counters {
	__u32 vcpu;
	__u32 pad;
	__u64 steps;
	__u64 emulated;
	__u64 traced;
	__u64 displaced;
	__u64 moved;
	__u64 faults;
	__u64 breakpoints;
	__u64 interrupted;
	__u64 held;
	__u64 parked;
	__u64 reflected;
	__u64 lost;
	__u64 reserved[8];
};

/* On /dev/hvstep */
#define HVSTEP_GET_INFO		_IOR(HVSTEP_IOC_TYPE, 0x00, struct hvstep_info)
#define HVSTEP_ATTACH		_IOW(HVSTEP_IOC_TYPE, 0x01, struct hvstep_attach)

/* On a session */
#define HVSTEP_GET_POLICY	_IOR(HVSTEP_IOC_TYPE, 0x02, struct hvstep_policy)
#define HVSTEP_SET_POLICY	_IOW(HVSTEP_IOC_TYPE, 0x03, struct hvstep_policy)
#define HVSTEP_STEP		_IOW(HVSTEP_IOC_TYPE, 0x04, struct hvstep_step)
#define HVSTEP_GET_COUNTERS	_IOWR(HVSTEP_IOC_TYPE, 0x05, struct hvstep_counters)
#define HVSTEP_TRACE		_IOW(HVSTEP_IOC_TYPE, 0x06, struct hvstep_trace)

#endif /* _UAPI_LINUX_HVSTEP_H */
