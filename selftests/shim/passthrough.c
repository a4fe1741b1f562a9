// SPDX-License-Identifier: GPL-2.0
/* What is not the shim's business goes through as if there were no shim. */
#include <limits.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "test.h"

TEST(pointer, "a pointer argument goes through")
{
	int fd = fake_new(FAKE_FOREIGN);
	char object;

	CHECK(ioctl(fd, KVM_GET_REGS, &object) == 0);
	CHECK(fake.calls == 1 && fake.fd == fd && fake.request == KVM_GET_REGS);
	CHECK(fake.arg == (unsigned long)&object);
}

TEST(integers, "int and long arguments go through in full")
{
	static const long values[] = { 0, 1, -1, INT_MAX, INT_MIN, LONG_MAX, LONG_MIN,
				       0x123456789abcdef0 };
	int fd = fake_new(FAKE_FOREIGN);

	for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		ioctl(fd, 0x5401, values[i]);
		CHECK(fake.arg == (unsigned long)values[i]);
		ioctl(fd, 0x5401, (int)values[i]);
		CHECK((int)fake.arg == (int)values[i]);
	}
	CHECK(fake.calls == 2 * sizeof(values) / sizeof(values[0]));
}

TEST(no_argument, "a call without an argument goes through")
{
	int fd = fake_new(FAKE_FOREIGN);

	fake.foreign = 7;
	CHECK(ioctl(fd, KVM_RUN) == 7);
	CHECK(ioctl(fd, KVM_GET_API_VERSION) == 7);
	CHECK(fake.calls == 2 && fake.request == KVM_GET_API_VERSION);
}

/* A fixed prototype, or a callee that spills to where nothing is, breaks these. */
__attribute__((noinline))
static long around(int fd, long a, long b, long c, long d)
{
	volatile long guard[8] = { a, b, c, d, ~a, ~b, ~c, ~d };
	long sum = 0;

	ioctl(fd, KVM_RUN, 0);
	ioctl(fd, 0x5401, a);
	ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_PPC_GUEST_DEBUG_SSTEP);
	for (int i = 0; i < 4; i++)
		sum += guard[i] ^ ~guard[i + 4];
	return sum;
}

TEST(stack, "the caller's stack stays as it was")
{
	CHECK(around(fake_new(FAKE_FOREIGN), 1, 2, 3, 4) == 0);
}

TEST(requests, "every request goes through unchanged, all 64 bits of it")
{
	static const unsigned long requests[] = {
		0, 1, 0x5401, KVM_RUN, KVM_GET_REGS, KVM_SET_REGS, KVM_GET_ONE_REG, KVM_CREATE_VM,
		KVM_CHECK_EXTENSION, HVSTEP_ATTACH, 0xffffffff, 0xffffffff8000ae80, ~0ul,
	};
	int fd = fake_new(FAKE_FOREIGN);

	for (unsigned int i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		ioctl(fd, requests[i], 5);
		CHECK(fake.calls == i + 1 && fake.request == requests[i] && fake.arg == 5);
	}
}

TEST(results, "every result comes back")
{
	int fd = fake_new(FAKE_FOREIGN);

	for (int ret = 0; ret < 300; ret += 7) {
		fake.foreign = ret;
		CHECK(ioctl(fd, KVM_RUN, 0) == ret);
		CHECK(ioctl(fd, KVM_GET_REGS, 0) == ret);
	}
	fake.foreign = -1;
	errno = 0;
	CHECK(ioctl(fd, KVM_RUN, 0) == -1 && errno == ENOTTY);
}

TEST(kernel, "calls on other descriptors reach the kernel")
{
	int ends[2], n = 0, err;

	CHECK(pipe(ends) == 0 && write(ends[1], "abc", 3) == 3);
	CHECK(ioctl(ends[0], FIONREAD, &n) == 0 && n == 3);
	errno = 0;
	CHECK(ioctl(-1, FIONREAD, &n) == -1 && errno == EBADF);
	/* Not EBADF everywhere: a user space emulator answers ENOTTY. */
	errno = 0;
	CHECK(syscall(SYS_ioctl, -1, KVM_CREATE_VM, 0) == -1);
	err = errno;
	errno = 0;
	CHECK(ioctl(-1, KVM_CREATE_VM, 0) == -1 && errno == err);
	errno = 0;
	CHECK(ioctl(-1, KVM_SET_GUEST_DEBUG, NULL) == -1 && errno == err);
}

TEST(errno_success, "errno survives every call that succeeds")
{
	int kvm = setup_loaded(), foreign = fake_new(FAKE_FOREIGN);
	int vm, vcpu;

	capture();
	errno = 77;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	CHECK(errno == 77);
	ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_PPC_GUEST_DEBUG_SSTEP);
	ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_PPC_GUEST_DEBUG_SSTEP);
	ioctl(foreign, KVM_RUN, 0);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	set_debug(vcpu, STEP);
	CHECK(errno == 77);

	/* And now with every call of the shim failing. */
	fake.open_errno = EACCES;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	CHECK(errno == 77);
	ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_PPC_GUEST_DEBUG_SSTEP);
	ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_PPC_GUEST_DEBUG_SSTEP);
	ioctl(foreign, KVM_CHECK_EXTENSION, KVM_CAP_PPC_GUEST_DEBUG_SSTEP);
	CHECK(errno == 77);
	set_debug(vcpu, STEP);
	CHECK(errno == 77);
	fake.open_errno = 0;
	fake.attach_errno = EOPNOTSUPP;
	fake.info_errno = EFAULT;
	ioctl(kvm, KVM_CREATE_VM, 0);
	ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_PPC_GUEST_DEBUG_SSTEP);
	set_debug(vcpu, STEP);
	CHECK(errno == 77);
}

TEST(errno_stderr, "errno survives advice that cannot be written")
{
	int vcpu = create_vcpu(create_vm(setup_unloaded()));

	close(STDERR_FILENO);
	errno = 77;
	CHECK(set_debug(vcpu, STEP) == 0 && errno == 77);
}

TEST(errno_failure, "errno of every call that fails is the kernel's")
{
	int kvm = setup_unloaded();
	int vcpu = create_vcpu(create_vm(kvm));

	capture();
	fake.create_errno = ENOMEM;
	errno = 0;
	CHECK(ioctl(kvm, KVM_CREATE_VM, 0) == -1 && errno == ENOMEM);
	fake.sstep = -1;
	errno = 0;
	CHECK(ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_PPC_GUEST_DEBUG_SSTEP) == -1);
	CHECK(errno == EINVAL);
	fake.debug_errno = EPERM;
	errno = 0;
	CHECK(set_debug(vcpu, STEP) == -1 && errno == EPERM);
}

static int before_main;

/* Libraries are initialised before main(), some of them with ioctl(). */
__attribute__((constructor(101)))
static void from_constructor(void)
{
	pid_t pid = fork();
	int kvm, vm;

	if (pid == 0) {
		kvm = setup_loaded();
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
		_exit(vm >= 0 && fake_attached(vm) ? 0 : 1);
	}
	waitpid(pid, &before_main, 0);
}

TEST(constructor, "a VM created before main() is attached")
{
	CHECK(before_main == 0);
}
