// SPDX-License-Identifier: GPL-2.0
/* The ioctl() that the shim stands in front of: the next library's, or libc's. */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload.h"

ioctl_fn ioctl_resolved;

static int ioctl_syscall(int fd, ioctl_request_t request, ...)
{
	unsigned long arg;
	va_list ap;

	va_start(ap, request);
	arg = va_arg(ap, unsigned long);
	va_end(ap);
	return syscall(SYS_ioctl, fd, request, arg);
}

/*
 * On the first call rather than in a constructor: other libraries' constructors
 * may call ioctl() before ours would have run. Threads that come here together
 * find the same answer, so nothing needs to be locked.
 */
ioctl_fn ioctl_resolve(void)
{
	int saved = errno;
	ioctl_fn fn;

	/* A pointer to an object does not convert to one to a function in ISO C. */
	*(void **)&fn = dlsym(RTLD_NEXT, "ioctl");
	if (!fn)
		fn = ioctl_syscall;
	__atomic_store_n(&ioctl_resolved, fn, __ATOMIC_RELAXED);
	errno = saved;
	return fn;
}
