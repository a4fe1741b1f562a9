/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A KVM and an hvstep module of one process: ioctl(), open(), close(), dup2(),
 * fcntl() and fstat() that know descriptors of theirs and pass all others to
 * the kernel. As a library that the test program is linked with, it comes
 * after the preloaded shim and before libc, so the shim takes it for the
 * system, unchanged from how it is installed.
 *
 * A forked child has a copy: what it does is not seen by its parent.
 */
#ifndef SHIM_FAKE_H
#define SHIM_FAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include <linux/hvstep.h>
#include <linux/kvm.h>

enum fake_kind {
	FAKE_NONE,
	FAKE_KVM,		/* /dev/kvm */
	FAKE_VM,
	FAKE_VCPU,
	FAKE_MODULE,		/* /dev/hvstep */
	FAKE_SESSION,
	FAKE_FOREIGN,		/* another driver, which takes every request */
};

struct fake {
	/* How to behave; an errno of 0 is success. */
	int open_errno, info_errno, attach_errno, policy_errno;
	int create_errno, debug_errno;
	int attach_eintr;	/* attaches to fail with EINTR first */
	useconds_t attach_delay;
	uint32_t host;
	uint64_t features;
	int sstep;		/* the kernel's own answer, -1 with EINVAL if < 0 */
	int foreign;		/* what FAKE_FOREIGN returns, -1 with ENOTTY if < 0 */

	/* What came through to the system that is not for the module. */
	unsigned int calls;
	int fd;
	unsigned long request, arg;

	/* What the module saw. */
	unsigned int opens, attach_calls, malformed, set_policies;
	struct hvstep_policy policy;
	int attached_fd;
};

extern struct fake fake;

int fake_new(enum fake_kind kind);
enum fake_kind fake_kind_of(int fd);
unsigned int fake_count(enum fake_kind kind);	/* open descriptors of this kind */
bool fake_attached(int vm_fd);
int fake_find(enum fake_kind kind);		/* the lowest one, or -1 */

#endif /* SHIM_FAKE_H */
