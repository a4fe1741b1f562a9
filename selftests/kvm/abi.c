// SPDX-License-Identifier: GPL-2.0
/*
 * The interface of linux/hvstep.h: what must be refused, with which errno, and
 * that a refused call has changed nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "cells.h"
#include "ring.h"
#include "runner.h"

FIXTURE(abi) {
	struct vm *vm;
	struct vcpu *v;
	int dev;
	struct hvstep_policy policy;
	struct hvstep_counters counters;
};

static const struct cell le_real = { .ile = true };

static int call(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? -errno : 0;
}

FIXTURE_SETUP(abi)
{
	SKIP_REFERENCE();
	self->vm = vm_create(&le_real);
	self->v = vm_vcpu(self->vm, 3);
	ring_start(self->v, CODE_RA);
	vm_attach(self->vm);
	self->dev = open("/dev/hvstep", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, call(self->vm->session, HVSTEP_GET_POLICY, &self->policy));
	self->counters.vcpu = 3;
	ASSERT_EQ(0, call(self->vm->session, HVSTEP_GET_COUNTERS, &self->counters));
}

/* Whatever a test has tried: nothing is different, and steps still work. */
FIXTURE_TEARDOWN(abi)
{
	struct hvstep_counters counters = { .vcpu = 3 };
	struct hvstep_policy policy;

	EXPECT_EQ(0, call(self->vm->session, HVSTEP_GET_POLICY, &policy));
	EXPECT_EQ(0, memcmp(&policy, &self->policy, sizeof(policy)));
	EXPECT_EQ(0, call(self->vm->session, HVSTEP_GET_COUNTERS, &counters));
	EXPECT_EQ(0, memcmp(&counters, &self->counters, sizeof(counters)));
	vm_seal(self->vm);
	ring_step(self->v, CODE_RA);
	ring_step(self->v, CODE_RA);
	ring_check(self->v, CODE_RA);
	close(self->dev);
	vm_destroy(self->vm);
}

TEST_F(abi, sizes)
{
	/* The same for every caller, so that they are part of the numbers. */
	EXPECT_EQ(64, sizeof(struct hvstep_info));
	EXPECT_EQ(32, sizeof(struct hvstep_attach));
	EXPECT_EQ(64, sizeof(struct hvstep_policy));
	EXPECT_EQ(64, sizeof(struct hvstep_step));
	EXPECT_EQ(168, sizeof(struct hvstep_counters));
}

TEST_F(abi, device_node)
{
	struct stat st;

	ASSERT_EQ(0, stat("/dev/hvstep", &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(10, st.st_rdev >> 8 & 0xff);
	/* Nobody but root and its group, udev's affair which one that is */
	EXPECT_EQ(0, st.st_mode & 07);
}

TEST_F(abi, info)
{
	struct hvstep_info info;
	size_t i;

	memset(&info, 0xff, sizeof(info));
	ASSERT_EQ(0, call(self->dev, HVSTEP_GET_INFO, &info));
	EXPECT_TRUE(info.features & HVSTEP_FEATURE_STEP_ONE);
	EXPECT_TRUE(info.features & HVSTEP_FEATURE_STEP_COUNT);
	EXPECT_TRUE(info.features & HVSTEP_FEATURE_IRQ_HOLD);
	EXPECT_TRUE(info.features & HVSTEP_FEATURE_TRACE_ALL);
	EXPECT_TRUE(info.features & HVSTEP_FEATURE_COUNTERS);
	EXPECT_TRUE(info.features & HVSTEP_FEATURE_STEP_RANGE);
	EXPECT_TRUE(info.features & HVSTEP_FEATURE_STEP_LIVE);
	EXPECT_TRUE(info.features & HVSTEP_FEATURE_TRACE);
	EXPECT_TRUE(info.features & HVSTEP_FEATURE_URING);
	EXPECT_TRUE(info.policies & HVSTEP_POLICY_TRACE_ALL);
	EXPECT_TRUE(info.host & HVSTEP_HOST_KVM_HV);
	EXPECT_EQ(vm_has_radix(), !!(info.host & HVSTEP_HOST_RADIX));
	EXPECT_EQ(vm_host_power() >= 9, !!(info.host & HVSTEP_HOST_ARCH_300));
	EXPECT_EQ(vm_host_power() >= 10, !!(info.host & HVSTEP_HOST_ARCH_31));
	EXPECT_LE(1, info.attached);
	for (i = 0; i < ARRAY_SIZE(info.reserved); i++)
		EXPECT_EQ(0, info.reserved[i]);
}

TEST_F(abi, attach_not_a_vm)
{
	int fds[] = {
		open("/dev/null", O_RDWR), open("/dev/kvm", O_RDWR), open("/", O_RDONLY),
		socket(AF_UNIX, SOCK_STREAM, 0), self->v->fd, self->vm->session, self->dev,
	};
	/* A high number, which nothing that is opened meanwhile gets */
	int closed = fcntl(self->dev, F_DUPFD, 500);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		ASSERT_LE(0, fds[i]);
		EXPECT_EQ(-EINVAL, vm_try_attach(fds[i])) TH_LOG("descriptor %zu", i);
	}
	close(closed);
	EXPECT_EQ(-EBADF, vm_try_attach(closed));
	EXPECT_EQ(-EBADF, vm_try_attach(-1));
	EXPECT_EQ(-EBADF, vm_try_attach(0x7fffffff));
}

/* O_PATH gives no right to use the file, so it is none that is open. */
TEST_F(abi, attach_path_only)
{
	int fd = open("/dev/kvm", O_PATH);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, vm_try_attach(fd));
}

TEST_F(abi, attach_reserved)
{
	struct vm *other = vm_create(&le_real);
	struct hvstep_attach attach;
	size_t i;

	/* The bytes behind vm_fd: flags and what is reserved */
	for (i = sizeof(attach.vm_fd); i < sizeof(attach); i++) {
		memset(&attach, 0, sizeof(attach));
		attach.vm_fd = other->fd;
		/* The first flag means something. */
		((__u8 *)&attach)[i] = 1 << 1;
		EXPECT_EQ(-EINVAL, call(self->dev, HVSTEP_ATTACH, &attach))
			TH_LOG("byte %zu", i);
	}
	/* None of them has attached it. */
	vm_attach(other);
	vm_destroy(other);
}

/* The session is one, by whichever descriptor, and lives as long as one of them does. */
TEST_F(abi, attach_shared)
{
	struct hvstep_policy policy = { .flags = HVSTEP_POLICY_TRACE_ALL };
	struct vm *other = vm_create(&le_real);
	struct hvstep_attach attach = { .vm_fd = other->fd, .flags = HVSTEP_ATTACH_SHARE };
	int first, second, third;

	/* Whoever comes first, too. */
	first = ioctl(self->dev, HVSTEP_ATTACH, &attach);
	ASSERT_LE(0, first);
	ASSERT_EQ(-EBUSY, vm_try_attach(other->fd));
	second = ioctl(self->dev, HVSTEP_ATTACH, &attach);
	ASSERT_LE(0, second);
	ASSERT_EQ(2, attached());
	ASSERT_EQ(0, call(first, HVSTEP_SET_POLICY, &policy));
	policy.flags = 0;
	ASSERT_EQ(0, call(second, HVSTEP_GET_POLICY, &policy));
	ASSERT_EQ(HVSTEP_POLICY_TRACE_ALL, policy.flags);
	close(first);
	ASSERT_EQ(2, attached());
	third = ioctl(self->dev, HVSTEP_ATTACH, &attach);
	ASSERT_LE(0, third);
	close(second);
	close(third);
	ASSERT_EQ(1, attached());
	/* Another session: nothing of the one before. */
	vm_attach(other);
	ASSERT_EQ(0, call(other->session, HVSTEP_GET_POLICY, &policy));
	ASSERT_EQ(0, policy.flags);
	vm_destroy(other);
}

TEST_F(abi, step_reserved)
{
	struct hvstep_step step;
	size_t i;

	for (i = offsetof(struct hvstep_step, flags); i < sizeof(step); i++) {
		if (i >= offsetof(struct hvstep_step, count) &&
		    i < offsetof(struct hvstep_step, start))
			continue;
		memset(&step, 0, sizeof(step));
		step.vcpu = 3;
		step.mode = HVSTEP_STEP_ONE;
		/* The first flags mean something. */
		((__u8 *)&step)[i] = 1 << 2;
		EXPECT_EQ(-EINVAL, call(self->vm->session, HVSTEP_STEP, &step))
			TH_LOG("byte %zu", i);
	}
}

TEST_F(abi, step_values)
{
	static const struct {
		__u32 vcpu, mode;
		__u64 count;
		int ret;
	} calls[] = {
		{ 3, 0xffffffff, 0, -EINVAL },
		{ 3, HVSTEP_STEP_ONE, 2, -EINVAL },
		{ 3, HVSTEP_STEP_ONE, 1ULL << 32, -EINVAL },
		{ 3, HVSTEP_STEP_ONE, -1ULL, -EINVAL },
		{ 3, HVSTEP_STEP_CANCEL, 1, -EINVAL },
		{ 3, HVSTEP_STEP_COUNT, 0, -EINVAL },
		{ 3, HVSTEP_STEP_COUNT, 1ULL << 63, -EINVAL },
		{ 3, HVSTEP_STEP_COUNT + 1, 1, -EINVAL },
		{ 0, HVSTEP_STEP_ONE, 0, -ENOENT },
		{ 4, HVSTEP_STEP_ONE, 1, -ENOENT },
		{ 0x7fffffff, HVSTEP_STEP_ONE, 0, -ENOENT },
		{ HVSTEP_VCPU_ALL, HVSTEP_STEP_ONE, 0, -ENOENT },
		{ 3, HVSTEP_STEP_ONE, 0, 0 },
		{ 3, HVSTEP_STEP_CANCEL, 0, 0 },
		{ 3, HVSTEP_STEP_COUNT, (1ULL << 63) - 1, 0 },
		{ 3, HVSTEP_STEP_CANCEL, 0, 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		struct hvstep_step step = {
			.vcpu = calls[i].vcpu, .mode = calls[i].mode, .count = calls[i].count,
		};

		EXPECT_EQ(calls[i].ret, call(self->vm->session, HVSTEP_STEP, &step))
			TH_LOG("call %zu", i);
	}
}

TEST_F(abi, policy)
{
	__u64 flags = HVSTEP_POLICY_TRACE_ALL | HVSTEP_POLICY_ATOMIC | HVSTEP_POLICY_EXCLUSIVE;
	struct hvstep_policy policy, bad;
	size_t i;

	EXPECT_EQ(0, self->policy.flags);
	EXPECT_EQ(HVSTEP_IRQ_HOLD, self->policy.irq);
	memset(&policy, 0, sizeof(policy));
	policy.flags = flags;
	policy.irq = HVSTEP_IRQ_DELIVER;
	ASSERT_EQ(0, call(self->vm->session, HVSTEP_SET_POLICY, &policy));
	memset(&bad, 0xff, sizeof(bad));
	ASSERT_EQ(0, call(self->vm->session, HVSTEP_GET_POLICY, &bad));
	EXPECT_EQ(0, memcmp(&policy, &bad, sizeof(policy)));
	/* Each bit that is not defined */
	for (i = 0; i < 8 * sizeof(bad); i++) {
		bad = policy;
		((__u8 *)&bad)[i / 8] ^= 1 << i % 8;
		if (!(bad.flags & ~flags) && bad.irq == HVSTEP_IRQ_HOLD)
			continue;	/* HVSTEP_IRQ_HOLD is one, too */
		if (bad.flags != flags && !(bad.flags & ~flags))
			continue;	/* only one of them taken away */
		EXPECT_EQ(-EINVAL, call(self->vm->session, HVSTEP_SET_POLICY, &bad))
			TH_LOG("bit %zu", i);
	}
	ASSERT_EQ(0, call(self->vm->session, HVSTEP_GET_POLICY, &bad));
	EXPECT_EQ(0, memcmp(&policy, &bad, sizeof(policy)));
	memset(&policy, 0, sizeof(policy));
	ASSERT_EQ(0, call(self->vm->session, HVSTEP_SET_POLICY, &policy));
}

TEST_F(abi, counters)
{
	struct hvstep_counters c = { .vcpu = 3 };
	size_t i;

	for (i = offsetof(struct hvstep_counters, pad); i < sizeof(c); i++) {
		if (i >= offsetof(struct hvstep_counters, steps) &&
		    i < offsetof(struct hvstep_counters, reserved))
			continue;
		memset(&c, 0, sizeof(c));
		c.vcpu = 3;
		((__u8 *)&c)[i] = 1;
		EXPECT_EQ(-EINVAL, call(self->vm->session, HVSTEP_GET_COUNTERS, &c))
			TH_LOG("byte %zu", i);
	}
	/* What is out only may hold anything. */
	memset(&c, 0xff, sizeof(c));
	c.vcpu = HVSTEP_VCPU_ALL;
	c.pad = 0;
	memset(c.reserved, 0, sizeof(c.reserved));
	EXPECT_EQ(0, call(self->vm->session, HVSTEP_GET_COUNTERS, &c));
	EXPECT_EQ(0, c.steps);
	EXPECT_EQ(0, c.lost);
	memset(&c, 0, sizeof(c));
	c.vcpu = 4;
	EXPECT_EQ(-ENOENT, call(self->vm->session, HVSTEP_GET_COUNTERS, &c));
	c.vcpu = 0;
	EXPECT_EQ(-ENOENT, call(self->vm->session, HVSTEP_GET_COUNTERS, &c));
}

/* They count what happens, each step in steps and in one class at least. */
TEST_F(abi, counters_count)
{
	struct hvstep_counters c = { .vcpu = 3 }, all = { .vcpu = HVSTEP_VCPU_ALL };
	int i;

	for (i = 0; i < 2 * RING_INSNS; i++)
		ring_step(self->v, CODE_RA);
	ASSERT_EQ(0, call(self->vm->session, HVSTEP_GET_COUNTERS, &c));
	EXPECT_EQ(2 * RING_INSNS, c.steps);
	EXPECT_EQ(c.steps, c.emulated + c.traced + c.displaced + c.moved + c.faults);
	EXPECT_GT(c.traced, 0);
	EXPECT_EQ(0, c.lost);
	ASSERT_EQ(0, call(self->vm->session, HVSTEP_GET_COUNTERS, &all));
	EXPECT_EQ(c.steps, all.steps);
	EXPECT_EQ(c.traced, all.traced);
	self->counters = c;
}

TEST_F(abi, unknown_commands)
{
	static const unsigned long session_only[] = {
		HVSTEP_GET_POLICY, HVSTEP_SET_POLICY, HVSTEP_STEP, HVSTEP_GET_COUNTERS,
	};
	static const unsigned long device_only[] = { HVSTEP_GET_INFO, HVSTEP_ATTACH };
	__u8 buf[512] = { 0 };
	unsigned int nr, size;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(session_only); i++)
		EXPECT_EQ(-ENOTTY, call(self->dev, session_only[i], buf));
	for (i = 0; i < ARRAY_SIZE(device_only); i++)
		EXPECT_EQ(-ENOTTY, call(self->vm->session, device_only[i], buf));
	/* KVM's own, the terminal's, another type's, another size's */
	EXPECT_EQ(-ENOTTY, call(self->vm->session, KVM_RUN, NULL));
	EXPECT_EQ(-ENOTTY, call(self->dev, KVM_CREATE_VM, NULL));
	EXPECT_EQ(-ENOTTY, call(self->dev, 0x5401, buf));
	for (nr = 0; nr < 256; nr++) {
		unsigned long cmd = _IOC(_IOC_READ | _IOC_WRITE, HVSTEP_IOC_TYPE, nr, 40);

		EXPECT_EQ(-ENOTTY, call(self->dev, cmd, buf));
		EXPECT_EQ(-ENOTTY, call(self->vm->session, cmd, buf));
	}
	for (size = 0; size < 256; size += 8) {
		unsigned long cmd = _IOC(_IOC_WRITE, HVSTEP_IOC_TYPE, 0x04, size);

		if (cmd != HVSTEP_STEP)
			EXPECT_EQ(-ENOTTY, call(self->vm->session, cmd, buf));
	}
}

TEST_F(abi, bad_pointers)
{
	static const unsigned long cmds[] = {
		HVSTEP_GET_POLICY, HVSTEP_SET_POLICY, HVSTEP_STEP, HVSTEP_GET_COUNTERS,
	};
	char *page = mmap(NULL, 0x20000, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/*
	 * Nobody's address. Kernels that mask user pointers instead of refusing
	 * the kernel's (since 7.x) may read something by those, but not succeed.
	 */
	void *nobody = (void *)NO_SEGMENT_EA;
	void *kernel = (void *)KERNEL_EA;
	struct hvstep_counters *c;
	size_t i;

	ASSERT_NE(MAP_FAILED, page);
	munmap(page + 0x10000, 0x10000);
	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		EXPECT_EQ(-EFAULT, call(self->vm->session, cmds[i], NULL));
		EXPECT_EQ(-EFAULT, call(self->vm->session, cmds[i], nobody));
		EXPECT_GT(0, call(self->vm->session, cmds[i], kernel));
		/* Begins in memory, ends behind it */
		EXPECT_EQ(-EFAULT, call(self->vm->session, cmds[i], page + 0x10000 - 8));
	}
	EXPECT_EQ(-EFAULT, call(self->dev, HVSTEP_GET_INFO, NULL));
	EXPECT_EQ(-EFAULT, call(self->dev, HVSTEP_ATTACH, NULL));
	EXPECT_EQ(-EFAULT, call(self->dev, HVSTEP_GET_INFO, nobody));
	EXPECT_GT(0, call(self->dev, HVSTEP_GET_INFO, kernel));
	/* Memory that can be read alone */
	c = (void *)page;
	c->vcpu = 3;
	mprotect(page, 0x10000, PROT_READ);
	EXPECT_EQ(-EFAULT, call(self->vm->session, HVSTEP_GET_COUNTERS, page));
	EXPECT_EQ(-EFAULT, call(self->vm->session, HVSTEP_GET_POLICY, page));
	EXPECT_EQ(-EFAULT, call(self->dev, HVSTEP_GET_INFO, page));
	munmap(page, 0x10000);
}

/* The descriptors are for ioctl alone. */
TEST_F(abi, no_other_use)
{
	char c;

	EXPECT_EQ(-1, read(self->vm->session, &c, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->vm->session, &c, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->vm->session, 0));
}

/* TRACE_ALL changes how a step is made, never where it ends. */
TEST_F(abi, trace_all_is_invisible)
{
	struct hvstep_policy policy = { .flags = HVSTEP_POLICY_TRACE_ALL };
	struct hvstep_counters c = { .vcpu = 3 };
	int i;

	ASSERT_EQ(0, call(self->vm->session, HVSTEP_SET_POLICY, &policy));
	for (i = 0; i < 2 * RING_INSNS; i++) {
		ring_step(self->v, CODE_RA);
		ring_check(self->v, CODE_RA);
	}
	ASSERT_EQ(0, call(self->vm->session, HVSTEP_GET_COUNTERS, &c));
	/* addi, sync, cmpdi, b and the like are not emulated now. */
	EXPECT_GE(c.traced + c.displaced, 2 * 8);
	policy.flags = 0;
	ASSERT_EQ(0, call(self->vm->session, HVSTEP_SET_POLICY, &policy));
	self->counters = c;
}

KVM_TEST_MAIN
