// SPDX-License-Identifier: GPL-2.0
/*
 * The VMs of this process: those that KVM_CREATE_VM returned to it, with their
 * sessions.
 *
 * A session pins its VM in the kernel, and close() is not interposed, so a VM
 * whose descriptor the VMM has closed stays until the shim notices. What a
 * number stands for by now only the kernel knows: HVSTEP_ATTACH tells, for it
 * fails with EBUSY on a VM that has a session, with EBADF or EINVAL on what is
 * no VM any more, and attaches a VM that has come to this number by another
 * way (dup2(), SCM_RIGHTS). So each KVM_CREATE_VM first asks about every VM it
 * knows, which keeps a process that creates one VM after the other from piling
 * them up; the last one of all goes with exec() or exit().
 *
 * Nor are the sessions' own numbers safe from a VMM that closes all it does not
 * know (closefrom()): whoever relies on one asks it first.
 *
 * What remains unknown is a VM that lives on under a duplicate after the number
 * from KVM_CREATE_VM is closed. It stays attached until the next KVM_CREATE_VM,
 * and is not stepped afterwards. Nothing tells it from one that is gone.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "policy.h"
#include "preload.h"

#define VMS_MAX		64

struct vm {
	bool used;
	int fd;
	int session;		/* -1: not attached, and then: */
	struct obstacle why;
};

static struct vm vms[VMS_MAX];
static bool vms_untracked;	/* a VM has found the table full */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t atfork_once = PTHREAD_ONCE_INIT;

static void lock_for_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void unlock_after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

/* A child that is forked while another thread attaches must find no lock held. */
static void atfork_register(void)
{
	pthread_atfork(lock_for_fork, unlock_after_fork, unlock_after_fork);
}

/*
 * ioctl() is no cancellation point, so it must not become one here: open(),
 * close() and write() are, and would leave with the lock held.
 */
static void vms_lock(int *cancel)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, cancel);
	pthread_once(&atfork_once, atfork_register);
	pthread_mutex_lock(&lock);
}

static void vms_unlock(int cancel)
{
	pthread_mutex_unlock(&lock);
	pthread_setcancelstate(cancel, NULL);
}

static void apply_policy(int session)
{
	const char *name = getenv(HVSTEP_POLICY_ENV);
	struct hvstep_policy policy;

	if (!name || !*name)
		return;
	if (!policy_by_name(name, &policy))
		say_policy(name, 0);
	else if (!session_set_policy(session, &policy))
		say_policy(name, errno);
}

static void vm_forget(struct vm *vm)
{
	if (vm->session >= 0)
		session_close(vm->session);
	vm->used = false;
}

/* Attach @vm if its number stands for a VM without a session; forget it if for none. */
static void vm_refresh(struct vm *vm)
{
	struct obstacle why;
	int session = module_attach(vm->fd, &why);

	if (session >= 0) {
		if (vm->session >= 0)
			session_close(vm->session);
		vm->session = session;
		apply_policy(session);
	} else if (why.stage == STAGE_ATTACH && (why.err == EBADF || why.err == EINVAL)) {
		vm_forget(vm);
	} else {
		/* Of a VM that is attached this says EBUSY, as it should be. */
		vm->why = why;
	}
}

/* Attach @vm anew if the VMM has closed its session: its steps would run free, untold. */
static void vm_check(struct vm *vm)
{
	if (vm->session < 0 || session_is_open(vm->session))
		return;
	/* Not closed: what has this number by now is the VMM's. */
	vm->session = -1;
	vm_refresh(vm);
}

static struct vm *vm_find(int fd)
{
	struct vm *vm;

	for (vm = vms; vm < vms + VMS_MAX; vm++)
		if (vm->used && vm->fd == fd)
			return vm;
	return NULL;
}

static struct vm *vm_unused(void)
{
	struct vm *vm;

	for (vm = vms; vm < vms + VMS_MAX; vm++)
		if (!vm->used)
			return vm;
	return NULL;
}

/* Let go of the VMs that are gone. */
void vms_sweep(void)
{
	struct vm *vm;
	int cancel;

	vms_lock(&cancel);
	for (vm = vms; vm < vms + VMS_MAX; vm++)
		if (vm->used)
			vm_refresh(vm);
	vms_unlock(cancel);
}

/* KVM_CREATE_VM has returned @vm_fd. */
void vms_created(int vm_fd)
{
	struct vm *vm;
	int cancel;

	vms_lock(&cancel);
	vm = vm_find(vm_fd);
	if (vm)
		/* Closed since the sweep: whatever had this number is gone. */
		vm_forget(vm);
	else
		vm = vm_unused();
	if (vm) {
		vm->fd = vm_fd;
		vm->session = module_attach(vm_fd, &vm->why);
		vm->used = true;
		if (vm->session >= 0)
			apply_policy(vm->session);
	} else {
		vms_untracked = true;
	}
	vms_unlock(cancel);
}

bool vms_attached(int vm_fd)
{
	struct vm *vm;
	bool attached;
	int cancel;

	vms_lock(&cancel);
	vm = vm_find(vm_fd);
	if (vm)
		vm_check(vm);
	attached = vm && vm->session >= 0;
	vms_unlock(cancel);
	return attached;
}

/*
 * A vCPU is to be stepped: attach what could not be attached so far, or is not
 * any more. Whoever follows the advice that the first failure printed need not start the VMM
 * again. Says in @why what is still in the way, if anything.
 *
 * Which VM the vCPU belongs to is not known, nor worth a table of vCPUs: with
 * several VMs in one process the advice may be about another one.
 */
void vms_attach_late(struct obstacle *why)
{
	bool any = false;
	struct vm *vm;
	int cancel;

	why->stage = STAGE_NONE;
	why->err = 0;
	vms_lock(&cancel);
	for (vm = vms; vm < vms + VMS_MAX; vm++) {
		if (vm->used && vm->session < 0)
			vm_refresh(vm);
		else if (vm->used)
			vm_check(vm);
		if (!vm->used)
			continue;
		any = true;
		if (vm->session < 0)
			*why = vm->why;
	}
	if (why->stage == STAGE_NONE && vms_untracked)
		why->stage = STAGE_TABLE;
	else if (!any)
		why->stage = STAGE_NO_VM;
	vms_unlock(cancel);
}
