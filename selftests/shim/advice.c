// SPDX-License-Identifier: GPL-2.0
/* The first step that cannot work says why, and what to do about it. */
#include <fcntl.h>
#include <signal.h>

#include "test.h"

#define PREFIX "hvstep: single stepping will not work: "
#define MAYBE "hvstep: single stepping may not work: "

static const char *advice(int open_errno, int attach_errno)
{
	int kvm = setup_loaded(), vcpu;

	capture();
	fake.open_errno = open_errno;
	fake.attach_errno = attach_errno;
	vcpu = create_vcpu(create_vm(kvm));
	CHECK(!*captured());
	CHECK(set_debug(vcpu, STEP) == 0);
	return captured();
}

#define EXPLAIN(id, title, open_errno, attach_errno, text)		\
	TEST(advice_##id, title)					\
	{								\
		CHECK(!strcmp(advice(open_errno, attach_errno),		\
			      (attach_errno == EBUSY ? MAYBE text "\n" : PREFIX text "\n"))); \
	}

EXPLAIN(enoent, "ENOENT: load the module", ENOENT, 0,
	"/dev/hvstep: No such file or directory; load the module: modprobe hvstep "
	"(hvstep doctor knows why, if it fails)")
EXPLAIN(enxio, "ENXIO: load the module", ENXIO, 0,
	"/dev/hvstep: No such device or address; load the module: modprobe hvstep "
	"(hvstep doctor knows why, if it fails)")
EXPLAIN(enodev, "ENODEV: load the module", ENODEV, 0,
	"/dev/hvstep: No such device; load the module: modprobe hvstep "
	"(hvstep doctor knows why, if it fails)")
EXPLAIN(eacces, "EACCES: join the group", EACCES, 0,
	"/dev/hvstep: Permission denied; join the group that may use it: "
	"usermod -aG kvm USER, then log in again")
EXPLAIN(eperm, "EPERM: the container or cgroup", EPERM, 0,
	"/dev/hvstep: Operation not permitted; a container or a device cgroup forbids it: "
	"allow /dev/hvstep there (libvirt: cgroup_device_acl in qemu.conf)")
EXPLAIN(emfile, "EMFILE: raise the limit", EMFILE, 0,
	"/dev/hvstep: Too many open files; raise the limit of open files: ulimit -n")
EXPLAIN(ebusy, "EBUSY: who has it", 0, EBUSY,
	"/dev/hvstep: cannot attach the VM: Device or resource busy; the VM has another session "
	"already, or one whose last step is not over yet; or another module has taken KVM's entry "
	"point")
EXPLAIN(eopnotsupp, "EOPNOTSUPP: which guests can be stepped", 0, EOPNOTSUPP,
	"/dev/hvstep: cannot attach the VM: Operation not supported; only guests of kvm-hv can be "
	"stepped, neither PR nor secure ones; if it is neither, dmesg says what kvm-hv lacks")
EXPLAIN(enotty, "ENOTTY: the node is not the module's", 0, ENOTTY,
	"/dev/hvstep: cannot attach the VM: Inappropriate ioctl for device; it is not the module's "
	"device: remove it, then modprobe hvstep")
EXPLAIN(eintr, "EINTR: ask again", 0, EINTR,
	"/dev/hvstep: cannot attach the VM: Interrupted system call; a signal came in between: "
	"ask for the step again")
EXPLAIN(enomem, "ENOMEM: the host's memory", 0, ENOMEM,
	"/dev/hvstep: cannot attach the VM: Cannot allocate memory; the host has no memory for it")
EXPLAIN(eio, "another error: the kernel log", 0, EIO,
	"/dev/hvstep: cannot attach the VM: Input/output error; see the kernel log: dmesg")

TEST(advice_no_vm, "a vCPU of a VM that came from elsewhere")
{
	int vcpu = fake_new(FAKE_VCPU);

	setup_loaded();
	capture();
	CHECK(set_debug(vcpu, STEP) == 0);
	CHECK(!strcmp(captured(), PREFIX "this process has not created the VM; "
				  "run the process that does under hvstep\n"));
}

/* stderr is a pipe; returns its other end. */
static int piped_stderr(void)
{
	int ends[2];

	CHECK(pipe(ends) == 0);
	CHECK(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
	close(ends[1]);
	return ends[0];
}

TEST(advice_unread, "nobody is there any more to read it, and the VMM lives")
{
	int vcpu = create_vcpu(create_vm(setup_unloaded()));
	sigset_t pending;

	signal(SIGPIPE, SIG_DFL);
	close(piped_stderr());
	CHECK(set_debug(vcpu, STEP) == 0);
	sigpending(&pending);
	CHECK(!sigismember(&pending, SIGPIPE));
}

TEST(advice_unread_yet, "nobody reads it now, and the VMM does not wait")
{
	int vcpu = create_vcpu(create_vm(setup_unloaded()));
	int reader = piped_stderr();

	CHECK(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK) == 0);
	while (write(STDERR_FILENO, "x", 1) == 1)
		;
	CHECK(fcntl(STDERR_FILENO, F_SETFL, 0) == 0);
	alarm(10);
	CHECK(set_debug(vcpu, STEP) == 0);
	close(reader);
}

TEST(advice_once, "it is said once, however many steps and vCPUs")
{
	int kvm = setup_unloaded();
	int vm = create_vm(kvm), vcpu = create_vcpu(vm), other = create_vcpu(vm);
	const char *text;

	capture();
	for (int i = 0; i < 5; i++) {
		set_debug(vcpu, STEP);
		set_debug(other, STEP);
		set_debug(vcpu, 0);
	}
	text = captured();
	CHECK(*text && strchr(text, '\n') == text + strlen(text) - 1);
}

TEST(advice_busy_first, "that somebody else has it is not all that is ever said")
{
	int kvm = setup_loaded(), vcpu;

	capture();
	fake.attach_errno = EBUSY;
	vcpu = create_vcpu(create_vm(kvm));
	set_debug(vcpu, STEP);
	fake.attach_errno = EOPNOTSUPP;
	set_debug(vcpu, STEP);
	set_debug(vcpu, STEP);
	CHECK(!strncmp(captured(), MAYBE, strlen(MAYBE)));
	CHECK(strstr(captured(), "\n" PREFIX));
}

TEST(advice_attached, "nothing is said of an attached VM")
{
	int vcpu = create_vcpu(create_vm(setup_loaded()));

	capture();
	set_debug(vcpu, STEP);
	CHECK(!*captured());
}

TEST(advice_no_step, "nothing is said as long as nobody wants to step")
{
	int vcpu = create_vcpu(create_vm(setup_unloaded()));

	capture();
	set_debug(vcpu, 0);
	set_debug(vcpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP);
	CHECK(!*captured() && fake.opens == 1);
}

TEST(advice_refused, "nothing is said if KVM itself refuses")
{
	int vcpu = create_vcpu(create_vm(setup_unloaded()));

	capture();
	fake.debug_errno = EINVAL;
	CHECK(set_debug(vcpu, STEP) == -1);
	CHECK(!*captured() && fake.opens == 1);
}

TEST(advice_quiet, "HVSTEP_QUIET=1 silences it, 0 and nothing do not")
{
	int vcpu = create_vcpu(create_vm(setup_unloaded()));

	capture();
	setenv("HVSTEP_QUIET", "1", 1);
	setenv("HVSTEP_POLICY", "fast", 1);
	set_debug(vcpu, STEP);
	fake.open_errno = 0;
	create_vm(fake_find(FAKE_KVM));
	CHECK(!*captured());
}

TEST(advice_not_quiet, "HVSTEP_QUIET=0 does not silence it")
{
	int vcpu = create_vcpu(create_vm(setup_unloaded()));

	capture();
	setenv("HVSTEP_QUIET", "0", 1);
	set_debug(vcpu, STEP);
	CHECK(*captured());
}

TEST(advice_followed, "who follows it can step without starting the VMM again")
{
	int vm = create_vm(setup_unloaded());
	int vcpu = create_vcpu(vm);

	capture();
	set_debug(vcpu, STEP);
	CHECK(*captured() && !fake_attached(vm));
	setenv("HVSTEP_POLICY", "trace-all", 1);
	fake.open_errno = 0;
	CHECK(set_debug(vcpu, STEP) == 0);
	CHECK(fake_attached(vm) && fake.set_policies == 1);
	CHECK(ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_PPC_GUEST_DEBUG_SSTEP) == 1);
	CHECK(set_debug(vcpu, STEP) == 0);
	CHECK(fake.attach_calls == 1);
}

TEST(advice_late_gone, "a late attach leaves a number alone that is no VM any more")
{
	int kvm = setup_unloaded();
	int vm = create_vm(kvm), vcpu = create_vcpu(vm), foreign = fake_new(FAKE_FOREIGN);

	capture();
	CHECK(dup2(foreign, vm) == vm);
	fake.open_errno = 0;
	CHECK(set_debug(vcpu, STEP) == 0);
	CHECK(fake_count(FAKE_SESSION) == 0 && fake_kind_of(vm) == FAKE_FOREIGN);
}
