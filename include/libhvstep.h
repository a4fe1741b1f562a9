/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libhvstep - single stepping and tracing of KVM guests on POWER
 *
 * Every function that returns int returns 0 or a number that is not negative, or a
 * negative error code of errno.h. What the kernel's calls mean, and their error codes,
 * are described in linux/hvstep.h, whose structures are used as they are. An object
 * belongs to one thread at a time.
 */
#ifndef LIBHVSTEP_H
#define LIBHVSTEP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <linux/hvstep.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* A VM that can be stepped: a session of the module, see HVSTEP_ATTACH. */
struct hvstep_session;

/* A reader of a trace ring, see HVSTEP_TRACE. */
struct hvstep_reader;

/*
 * What the loaded module and this host can do: -ENOENT if the module is not loaded,
 * -EACCES if its device must not be opened.
 */
int hvstep_info(struct hvstep_info *info);

/*
 * A descriptor for VM number @nth, from 0 in the order of their descriptors, of another
 * process, which need not be prepared for it. Close it once it is attached: it keeps the
 * VM beyond its VMM's end. This takes the right to trace the process as ptrace() does
 * (pidfd_getfd(2)):
 *   ESRCH	there is no such process
 *   EPERM	no right to
 *   ENOENT	it has no such VM
 */
int hvstep_process_vm(pid_t pid, unsigned int nth);

/*
 * The ids of the vCPUs of all the VMs of a process, ascending, as far as it has
 * descriptors of them; @ids has room for @max. Returns how many there are, be that more
 * than @max. ESRCH and EPERM as above.
 */
int hvstep_process_vcpus(pid_t pid, unsigned int *ids, size_t max);

/* Attach the VM behind a descriptor of this process; @flags: HVSTEP_ATTACH_* */
int hvstep_attach(int vm_fd, unsigned int flags, struct hvstep_session **session);

/*
 * Close the session. Detaches the VM, unless there are others that share it, or readers,
 * which keep it.
 */
void hvstep_detach(struct hvstep_session *session);

/* The session's descriptor, for calls of linux/hvstep.h; it stays the session's. */
int hvstep_session_fd(const struct hvstep_session *session);

int hvstep_get_policy(const struct hvstep_session *session, struct hvstep_policy *policy);
int hvstep_set_policy(const struct hvstep_session *session, const struct hvstep_policy *policy);
int hvstep_step(const struct hvstep_session *session, const struct hvstep_step *step);
int hvstep_get_counters(const struct hvstep_session *session, unsigned int vcpu,
			struct hvstep_counters *counters);

/* A ring for one vCPU, mapped */
int hvstep_trace(const struct hvstep_session *session, const struct hvstep_trace *trace,
		 struct hvstep_reader **reader);
/* Ends the recording, and with it steps of HVSTEP_STEP_THEN_RUN; others go on. */
void hvstep_reader_close(struct hvstep_reader *reader);

/* For poll() and IORING_OP_URING_CMD; it stays the reader's. */
int hvstep_reader_fd(const struct hvstep_reader *reader);
const struct hvstep_ring *hvstep_reader_ring(const struct hvstep_reader *reader);

/*
 * The records that can be read in one piece: *@records is the first, the result how many.
 * There may be more, from the beginning of the ring, once these are consumed. They stay
 * as they are until hvstep_reader_consume().
 */
size_t hvstep_reader_peek(const struct hvstep_reader *reader, const struct hvstep_record **records);
void hvstep_reader_consume(struct hvstep_reader *reader, size_t nr);

/*
 * No more are to come: all is read, and the vCPU has no steps to make. It has some for ever
 * if the VMM ends before they are made, of which the reader's descriptor says nothing:
 * pidfd_open(2) does.
 */
bool hvstep_reader_is_done(const struct hvstep_reader *reader);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* LIBHVSTEP_H */
