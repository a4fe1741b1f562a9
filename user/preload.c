// SPDX-License-Identifier: GPL-2.0
/*
 * libhvstep-preload.so: makes KVM_GUESTDBG_SINGLESTEP work for a VMM that knows
 * nothing of hvstep. It attaches each VM to the kernel module as soon as it is
 * created; all stepping is the module's, none of it passes through here.
 *
 * ioctl() is the only symbol interposed. VM descriptors come out of it, and
 * what happens to them later is the kernel's business (see preload-vms.c).
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "preload.h"

/* /dev/kvm's fixed numbers: MISC_MAJOR and KVM_MINOR of the kernel. */
#define KVM_DEV_MAJOR	10
#define KVM_DEV_MINOR	232

/* Out of line, so that they cost nothing to the calls that they are not for. */
#define cold	__attribute__((noinline, cold))

/* Other drivers use ioctl numbers of KVM's type: be sure that @fd is KVM's. */
static bool is_kvm_device(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(KVM_DEV_MAJOR, KVM_DEV_MINOR);
}

/* A VM is an anonymous inode, which has no type at all, unlike any device. */
static bool is_anon_inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && !(st.st_mode & S_IFMT);
}

static cold int create_vm(int fd, ioctl_request_t request, unsigned long type)
{
	int saved = errno;
	bool kvm = is_kvm_device(fd);
	int vm_fd;

	/* Before, so that what VMs that are gone still hold can go to this one. */
	if (kvm)
		vms_sweep();
	errno = saved;
	vm_fd = real_ioctl()(fd, request, type);
	saved = errno;
	if (kvm && vm_fd >= 0)
		vms_created(vm_fd);
	errno = saved;
	return vm_fd;
}

/* kvm-hv has no other way to step, so its own answer is 0. */
static cold int check_sstep(int fd, ioctl_request_t request)
{
	int ret = real_ioctl()(fd, request, (unsigned long)KVM_CAP_PPC_GUEST_DEBUG_SSTEP);
	int saved = errno;
	struct hvstep_info info;
	struct obstacle why;

	if (ret != 0)
		return ret;
	if (is_kvm_device(fd))
		ret = module_info(&info, &why) && (info.host & HVSTEP_HOST_KVM_HV);
	else if (is_anon_inode(fd))
		ret = vms_attached(fd);
	errno = saved;
	return ret;
}

static cold int set_guest_debug(int fd, ioctl_request_t request, const struct kvm_guest_debug *dbg)
{
	int ret = real_ioctl()(fd, request, dbg);
	int saved = errno;
	struct obstacle why;

	/* KVM has read *dbg, so it is there to be read. */
	if (ret < 0 || !(dbg->control & KVM_GUESTDBG_SINGLESTEP))
		return ret;
	vms_attach_late(&why);
	if (why.stage != STAGE_NONE)
		say_no_stepping(&why);
	errno = saved;
	return ret;
}

__attribute__((visibility("default")))
int ioctl(int fd, ioctl_request_t request, ...)
{
	unsigned long arg;
	va_list ap;

	va_start(ap, request);
	arg = va_arg(ap, unsigned long);
	va_end(ap);

	/*
	 * The kernel looks at 32 bits only, and a VMM that keeps requests in an
	 * int sign-extends those with the top bit set.
	 */
	if (likely((unsigned int)request == KVM_RUN))
		return real_ioctl()(fd, request, arg);

	switch ((unsigned int)request) {
	case KVM_CREATE_VM:
		return create_vm(fd, request, arg);
	case KVM_CHECK_EXTENSION:
		if (arg == KVM_CAP_PPC_GUEST_DEBUG_SSTEP)
			return check_sstep(fd, request);
		break;
	case KVM_SET_GUEST_DEBUG:
		return set_guest_debug(fd, request, (const struct kvm_guest_debug *)arg);
	}
	return real_ioctl()(fd, request, arg);
}
