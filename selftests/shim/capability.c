// SPDX-License-Identifier: GPL-2.0
/* KVM_CAP_PPC_GUEST_DEBUG_SSTEP says whether this VMM's VMs can be stepped. */
#include "test.h"

static int sstep(int fd)
{
	return ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_PPC_GUEST_DEBUG_SSTEP);
}

TEST(cap_vm, "an attached VM has the capability")
{
	CHECK(sstep(create_vm(setup_loaded())) == 1);
}

TEST(cap_vm_unattached, "a VM that is not attached has the kernel's answer")
{
	int kvm = setup_loaded(), vm;

	fake.attach_errno = EOPNOTSUPP;
	vm = create_vm(kvm);
	CHECK(sstep(vm) == 0);
	fake.sstep = 1;
	CHECK(sstep(vm) == 1);
}

TEST(cap_each, "of two VMs, one attached, only that one has it")
{
	int kvm = setup_loaded();
	int yes = create_vm(kvm), no;

	fake.attach_errno = EOPNOTSUPP;
	no = create_vm(kvm);
	CHECK(sstep(yes) == 1 && sstep(no) == 0);
}

TEST(cap_kvm, "/dev/kvm has it if the module and kvm-hv are loaded")
{
	int kvm = setup_loaded();

	CHECK(sstep(kvm) == 1);
	CHECK(fake_count(FAKE_MODULE) == 0);
	fake.host = HVSTEP_HOST_RADIX;
	CHECK(sstep(kvm) == 0);
}

TEST(cap_kvm_unloaded, "/dev/kvm has the kernel's answer without the module")
{
	int kvm = setup_unloaded();

	CHECK(sstep(kvm) == 0);
	fake.open_errno = 0;
	fake.host = HVSTEP_HOST_KVM_HV;
	fake.info_errno = ENOTTY;
	CHECK(sstep(kvm) == 0);
}

TEST(cap_kernel, "the kernel's own yes, and its errors, stay")
{
	int kvm = setup_loaded();
	int vm = create_vm(kvm);

	fake.sstep = 2;
	CHECK(sstep(kvm) == 2 && sstep(vm) == 2);
	fake.sstep = -1;
	errno = 0;
	CHECK(sstep(kvm) == -1 && errno == EINVAL);
	CHECK(sstep(vm) == -1);
}

TEST(cap_others, "other capabilities are the kernel's alone")
{
	int kvm = setup_loaded();
	int vm = create_vm(kvm);

	for (long cap = 0; cap < 300; cap++) {
		if (cap == KVM_CAP_PPC_GUEST_DEBUG_SSTEP)
			continue;
		CHECK(ioctl(kvm, KVM_CHECK_EXTENSION, cap) == 0);
		CHECK(ioctl(vm, KVM_CHECK_EXTENSION, cap) == 0);
	}
	CHECK(fake.opens == 1);
}

TEST(cap_foreign, "the same numbers on another driver are left alone")
{
	int foreign;

	setup_loaded();
	foreign = fake_new(FAKE_FOREIGN);
	CHECK(sstep(foreign) == 0);
	CHECK(fake.opens == 0);
}

TEST(cap_reused, "a device that has taken a VM's number is left alone")
{
	int kvm = setup_loaded();
	int vm = create_vm(kvm), foreign = fake_new(FAKE_FOREIGN);

	CHECK(sstep(vm) == 1);
	CHECK(dup2(foreign, vm) == vm);
	CHECK(sstep(vm) == 0);
}

TEST(cap_vcpu, "what is neither /dev/kvm nor a VM gets the kernel's error")
{
	int vcpu = create_vcpu(create_vm(setup_loaded()));

	errno = 0;
	CHECK(sstep(vcpu) == -1 && errno == ENOTTY);
}
