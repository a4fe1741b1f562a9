/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of the preload shim, lowest first:
 *
 *   preload-real.c		the ioctl() that the shim stands in front of
 *   preload-module.c	talking to the kernel module
 *   preload-say.c		talking to the user
 *   preload-vms.c		the VMs of this process
 *   preload.c		the interposed ioctl()
 *
 * All of it runs inside a VMM, in place of a system call: no threads, no exec,
 * no allocation, no constructor, and errno belongs to the VMM. Only preload.c
 * saves it, around everything below.
 */
#ifndef HVSTEP_PRELOAD_H
#define HVSTEP_PRELOAD_H

#include <features.h>
#include <stdbool.h>

#include <linux/hvstep.h>

#include "remedy.h"

/* glibc's ioctl() takes an unsigned long, musl's an int, as POSIX does. */
#ifdef __GLIBC__
typedef unsigned long ioctl_request_t;
#else
typedef int ioctl_request_t;
#endif

/*
 * Variadic like the original. On ppc64le a caller reserves a parameter save
 * area for a variadic callee only, and the callee may write to it.
 */
typedef int (*ioctl_fn)(int fd, ioctl_request_t request, ...);

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

extern ioctl_fn ioctl_resolved;
ioctl_fn ioctl_resolve(void);

static inline ioctl_fn real_ioctl(void)
{
	ioctl_fn fn = __atomic_load_n(&ioctl_resolved, __ATOMIC_RELAXED);

	return likely(fn) ? fn : ioctl_resolve();
}

bool module_info(struct hvstep_info *info, struct obstacle *why);
int module_attach(int vm_fd, struct obstacle *why);
bool session_is_open(int session);
void session_close(int session);
bool session_set_policy(int session, const struct hvstep_policy *policy);

bool quiet(void);
void say_policy(const char *name, int err);
void say_no_stepping(const struct obstacle *why);

void vms_sweep(void);
void vms_created(int vm_fd);
bool vms_attached(int vm_fd);
void vms_attach_late(struct obstacle *why);

#endif /* HVSTEP_PRELOAD_H */
