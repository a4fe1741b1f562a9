// SPDX-License-Identifier: GPL-2.0
/* KVM_CREATE_VM attaches. */
#include <fcntl.h>
#include <sys/resource.h>

#include "test.h"

TEST(attach, "KVM_CREATE_VM attaches the VM it returns")
{
	int kvm = setup_loaded();
	int vm = ioctl(kvm, KVM_CREATE_VM, 3);

	CHECK(fake_kind_of(vm) == FAKE_VM);
	CHECK(fake.request == KVM_CREATE_VM && fake.arg == 3 && fake.calls == 1);
	CHECK(fake_attached(vm) && fake.attached_fd == vm);
	CHECK(fake.malformed == 0);
}

TEST(once, "a VM is attached once, whatever else is called on it")
{
	int kvm = setup_loaded();
	int vm = create_vm(kvm), vcpu = create_vcpu(vm);

	for (int i = 0; i < 10; i++) {
		CHECK(set_debug(vcpu, STEP) == 0);
		CHECK(ioctl(vcpu, KVM_RUN, 0) == 0);
		CHECK(ioctl(vm, KVM_CHECK_EXTENSION, 1) == 0);
	}
	CHECK(fake.attach_calls == 1 && fake.opens == 1);
}

TEST(sign_extended, "a request kept in an int is recognised")
{
	int kvm = setup_loaded();
	int vm = ioctl(kvm, KVM_CREATE_VM | 0xffffffff00000000, 0);

	CHECK(vm >= 0 && fake_attached(vm));
}

TEST(create_failed, "a KVM_CREATE_VM that fails attaches nothing")
{
	int kvm = setup_loaded();

	fake.create_errno = EINVAL;
	CHECK(ioctl(kvm, KVM_CREATE_VM, 0) == -1);
	CHECK(fake.attach_calls == 0);
}

TEST(foreign_create, "KVM_CREATE_VM's number on another driver attaches nothing")
{
	int foreign = fake_new(FAKE_FOREIGN);

	fake.foreign = foreign;
	CHECK(ioctl(foreign, KVM_CREATE_VM, 0) == foreign);
	CHECK(fake.opens == 0 && fake.attach_calls == 0);
}

TEST(descriptors, "the session is all that stays open, close-on-exec and out of the way")
{
	int kvm = setup_loaded(), session;

	create_vm(kvm);
	CHECK(fake_count(FAKE_MODULE) == 0 && fake_count(FAKE_SESSION) == 1);
	session = fake_find(FAKE_SESSION);
	CHECK(session >= 512);
	CHECK(fcntl(session, F_GETFD) == FD_CLOEXEC);
}

TEST(stdio, "a session is never 0, 1 or 2, even if all else is out of reach")
{
	struct rlimit limit = { 64, 64 };
	int kvm = setup_loaded(), vm, session;

	/* The VM itself may well become 0: that is the VMM's business. */
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	close(STDIN_FILENO);
	close(STDERR_FILENO);
	vm = create_vm(kvm);
	CHECK(vm == STDIN_FILENO && fake_attached(vm));
	close(STDOUT_FILENO);
	session = fake_find(FAKE_SESSION);
	if (session <= STDERR_FILENO)
		_exit(1);
	if (!fake_attached(create_vm(kvm)) || fake_count(FAKE_SESSION) != 2)
		_exit(2);
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fake_kind_of(fd) == FAKE_SESSION)
			_exit(3);
}

TEST(no_room, "a VM that finds no free descriptor is attached when there is one")
{
	struct rlimit limit = { 3, 1024 };
	int kvm = setup_loaded(), vcpu = fake_new(FAKE_VCPU), vm;

	/* The VM will be 0, the module 1 and the session 2, which it must not stay. */
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm != STDIN_FILENO || fake.attach_calls != 1)
		_exit(1);
	if (fake_attached(vm) || fake_count(FAKE_SESSION) || fake_count(FAKE_MODULE))
		_exit(2);
	if (set_debug(vcpu, STEP) || fake_attached(vm))
		_exit(3);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (set_debug(vcpu, STEP) || !fake_attached(vm))
		_exit(4);
}

TEST(eintr, "signals during the attach do not prevent it")
{
	int kvm = setup_loaded();

	fake.attach_eintr = 3;
	CHECK(fake_attached(create_vm(kvm)));
	CHECK(fake.attach_calls == 4);
}

TEST(eintr_forever, "signals without end do not hang the VMM")
{
	int kvm = setup_loaded();

	fake.attach_eintr = 1 << 30;
	CHECK(!fake_attached(create_vm(kvm)));
}

TEST(no_policy, "no policy is set unless asked for")
{
	unsetenv("HVSTEP_POLICY");
	create_vm(setup_loaded());
	setenv("HVSTEP_POLICY", "", 1);
	create_vm(setup_loaded());
	CHECK(fake.set_policies == 0);
}

TEST(policy, "HVSTEP_POLICY=trace-all sets the policy of every VM")
{
	int kvm = setup_loaded();

	setenv("HVSTEP_POLICY", "trace-all", 1);
	create_vm(kvm);
	create_vm(kvm);
	CHECK(fake.set_policies == 2);
	CHECK(fake.policy.flags == HVSTEP_POLICY_TRACE_ALL);
	CHECK(fake.policy.irq == HVSTEP_IRQ_HOLD && fake.policy.pad == 0);
	for (int i = 0; i < 6; i++)
		CHECK(fake.policy.reserved[i] == 0);
}

TEST(policies, "HVSTEP_POLICY takes several, with commas")
{
	int kvm = setup_loaded();

	setenv("HVSTEP_POLICY", "atomic,deliver", 1);
	create_vm(kvm);
	CHECK(fake.policy.flags == HVSTEP_POLICY_ATOMIC);
	CHECK(fake.policy.irq == HVSTEP_IRQ_DELIVER);
	setenv("HVSTEP_POLICY", "trace-all,exclusive", 1);
	create_vm(kvm);
	CHECK(fake.policy.flags == (HVSTEP_POLICY_TRACE_ALL | HVSTEP_POLICY_EXCLUSIVE));
	CHECK(fake.policy.irq == HVSTEP_IRQ_HOLD);
	CHECK(fake.set_policies == 2);
}

TEST(policies_one_unknown, "one unknown name among several: none is set")
{
	static const char *const names[] = {
		"atomic,fast", "atomic,", ",atomic", "atom", "atomic deliver",
	};
	int kvm = setup_loaded();

	capture();
	for (int i = 0; i < 5; i++) {
		setenv("HVSTEP_POLICY", names[i], 1);
		create_vm(kvm);
	}
	captured();
	CHECK(fake.set_policies == 0);
}

TEST(policy_unknown, "an unknown HVSTEP_POLICY is reported once, and the VM is attached")
{
	int kvm = setup_loaded();

	setenv("HVSTEP_POLICY", "fast", 1);
	capture();
	CHECK(fake_attached(create_vm(kvm)) && fake_attached(create_vm(kvm)));
	CHECK(fake.set_policies == 0);
	CHECK(!strcmp(captured(),
		      "hvstep: HVSTEP_POLICY=fast: no such policy; "
		      "known: trace-all, atomic, exclusive, deliver\n"));
}

TEST(policy_refused, "a policy that the module refuses is reported, and the VM is attached")
{
	int kvm = setup_loaded();

	setenv("HVSTEP_POLICY", "trace-all", 1);
	fake.policy_errno = EINVAL;
	capture();
	CHECK(fake_attached(create_vm(kvm)));
	CHECK(!strcmp(captured(), "hvstep: HVSTEP_POLICY=trace-all: Invalid argument; "
				  "stepping works without it\n"));
}
