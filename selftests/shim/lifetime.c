// SPDX-License-Identifier: GPL-2.0
/* Sessions over the life of a process: closed VMs, forks, threads. */
#include <pthread.h>
#include <sys/wait.h>

#include "test.h"

TEST(reuse, "a VM at the number of a closed one is attached, and the old session closed")
{
	int kvm = setup_loaded();
	int vm = create_vm(kvm);

	for (int i = 0; i < 100; i++) {
		close(vm);
		CHECK(create_vm(kvm) == vm);
		CHECK(fake_attached(vm));
		CHECK(fake_count(FAKE_SESSION) == 1);
	}
}

TEST(sweep_closed, "the session of a closed VM ends with the next KVM_CREATE_VM")
{
	int kvm = setup_loaded();
	int first = create_vm(kvm), second;

	close(first);
	CHECK(fake_new(FAKE_VCPU) == first);
	second = create_vm(kvm);
	CHECK(second != first && fake_attached(second));
	CHECK(fake_count(FAKE_SESSION) == 1);
}

TEST(sweep_before, "it ends before the next VM is created, which may need what it held")
{
	int kvm = setup_loaded();

	close(create_vm(kvm));
	fake.create_errno = ENOMEM;
	CHECK(ioctl(kvm, KVM_CREATE_VM, 0) == -1);
	CHECK(fake_count(FAKE_SESSION) == 0);
}

TEST(sweep_live, "VMs that are in use keep their sessions")
{
	int kvm = setup_loaded(), vms[10];

	for (int i = 0; i < 10; i++)
		vms[i] = create_vm(kvm);
	for (int i = 0; i < 10; i++)
		CHECK(fake_attached(vms[i]));
	CHECK(fake_count(FAKE_SESSION) == 10);
}

TEST(sweep_stranger, "a VM that came to a known number by another way is attached")
{
	int kvm = setup_loaded();
	int vm = create_vm(kvm), stranger = fake_new(FAKE_VM);

	CHECK(dup2(stranger, vm) == vm);
	create_vm(kvm);
	CHECK(fake_attached(stranger));
	CHECK(fake_count(FAKE_SESSION) == 2);
}

TEST(stolen, "a session's number that the VMM has reused is not closed")
{
	int kvm = setup_loaded();
	int vm = create_vm(kvm), session = fake_find(FAKE_SESSION);
	int foreign = fake_new(FAKE_FOREIGN);

	fake.foreign = -1;
	CHECK(dup2(foreign, session) == session);
	close(vm);
	CHECK(create_vm(kvm) == vm);
	CHECK(fake_kind_of(session) == FAKE_FOREIGN);
	CHECK(fake_attached(vm));
}

TEST(stolen_step, "a VM whose session the VMM has closed is attached anew by the next step")
{
	int kvm = setup_loaded();
	int vm, vcpu, session;

	setenv("HVSTEP_POLICY", "trace-all", 1);
	vm = create_vm(kvm);
	vcpu = create_vcpu(vm);
	session = fake_find(FAKE_SESSION);
	capture();
	CHECK(close(session) == 0 && !fake_attached(vm));
	CHECK(set_debug(vcpu, STEP) == 0);
	CHECK(fake_attached(vm) && fake.set_policies == 2);
	CHECK(fake_count(FAKE_SESSION) == 1);
	CHECK(set_debug(vcpu, STEP) == 0);
	CHECK(fake.attach_calls == 2 && !*captured());
}

TEST(stolen_number, "so it is if the number is another one's by then, which is left alone")
{
	int kvm = setup_loaded();
	int vm = create_vm(kvm), vcpu = create_vcpu(vm), session = fake_find(FAKE_SESSION);
	int foreign = fake_new(FAKE_FOREIGN);

	fake.foreign = -1;
	CHECK(dup2(foreign, session) == session && !fake_attached(vm));
	CHECK(set_debug(vcpu, STEP) == 0);
	CHECK(fake_attached(vm) && fake_kind_of(session) == FAKE_FOREIGN);
	CHECK(dup2(foreign, fake_find(FAKE_SESSION)) >= 0 && !fake_attached(vm));
	CHECK(ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_PPC_GUEST_DEBUG_SSTEP) == 1);
	CHECK(fake_attached(vm) && fake_count(FAKE_FOREIGN) == 3);
}

TEST(stolen_all, "who is closed with the session is forgotten, who cannot be attached anew is told")
{
	int kvm = setup_loaded();
	int first = create_vm(kvm), gone = fake_find(FAKE_SESSION);
	int vm = create_vm(kvm), vcpu = create_vcpu(vm);

	capture();
	CHECK(close(first) == 0 && close(gone) == 0);
	CHECK(set_debug(vcpu, STEP) == 0);
	CHECK(fake_attached(vm) && fake_count(FAKE_SESSION) == 1 && !*captured());
	CHECK(close(fake_find(FAKE_SESSION)) == 0);
	fake.attach_errno = EOPNOTSUPP;
	CHECK(set_debug(vcpu, STEP) == 0);
	CHECK(!fake_attached(vm) && strstr(captured(), "cannot attach the VM"));
	CHECK(ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_PPC_GUEST_DEBUG_SSTEP) == 0);
}

TEST(many, "more VMs than fit work, unattached, and are attached again when there is room")
{
	int kvm = setup_loaded(), vms[70];

	capture();
	for (int i = 0; i < 70; i++)
		vms[i] = create_vm(kvm);
	CHECK(fake_attached(vms[63]) && !fake_attached(vms[64]));
	CHECK(fake_count(FAKE_SESSION) == 64);
	set_debug(create_vcpu(vms[69]), STEP);
	CHECK(strstr(captured(), "too many VMs"));
	for (int i = 0; i < 70; i++)
		close(vms[i]);
	CHECK(fake_attached(create_vm(kvm)));
	CHECK(fake_count(FAKE_SESSION) == 1);
}

TEST(forked, "a child goes on where its parent was, and creates VMs of its own")
{
	int kvm = setup_loaded();
	int vm = create_vm(kvm), status;
	pid_t pid = fork();

	if (pid == 0) {
		CHECK(ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_PPC_GUEST_DEBUG_SSTEP) == 1);
		CHECK(fake_attached(create_vm(kvm)));
		CHECK(fake_attached(vm) && fake_count(FAKE_SESSION) == 2);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(fake_attached(vm) && fake_count(FAKE_SESSION) == 1);
}

static void *create_one(void *kvm)
{
	return (void *)(long)create_vm(*(int *)kvm);
}

TEST(fork_locked, "a child forked while another thread attaches is not left with its lock")
{
	int kvm = setup_loaded(), status;
	pthread_t thread;
	pid_t pid;

	/* The first call registers what fork() needs; the threads come later. */
	fake.attach_delay = 200000;
	CHECK(pthread_create(&thread, NULL, create_one, &kvm) == 0);
	usleep(50000);
	pid = fork();
	if (pid == 0) {
		alarm(5);
		fake.attach_delay = 0;
		CHECK(fake_attached(create_vm(kvm)));
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

#define THREADS	16

TEST(threads, "VMs created by many threads at once are all attached, each once")
{
	int kvm = setup_loaded();
	pthread_t threads[THREADS];
	void *vm;

	fake.attach_delay = 1000;
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, create_one, &kvm) == 0);
	for (int i = 0; i < THREADS; i++) {
		CHECK(pthread_join(threads[i], &vm) == 0);
		CHECK(fake_attached((long)vm));
	}
	CHECK(fake_count(FAKE_SESSION) == THREADS && fake_count(FAKE_MODULE) == 0);
}

static void *create_and_close(void *kvm)
{
	for (int i = 0; i < 100; i++) {
		int vm = create_vm(*(int *)kvm);

		CHECK(fake_attached(vm));
		CHECK(ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_PPC_GUEST_DEBUG_SSTEP) == 1);
		close(vm);
	}
	return NULL;
}

TEST(thread_churn, "VMs that come and go in many threads do not lose each other's sessions")
{
	int kvm = setup_loaded();
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, create_and_close, &kvm) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	create_vm(kvm);
	CHECK(fake_count(FAKE_SESSION) == 1);
}

static void *create_cancelled(void *kvm)
{
	/* Pending, and asked for: the next cancellation point would be the last. */
	pthread_cancel(pthread_self());
	*(int *)kvm = ioctl(*(int *)kvm, KVM_CREATE_VM, 0);
	pthread_testcancel();
	return NULL;
}

TEST(cancel, "ioctl() does not become a cancellation point")
{
	int kvm = setup_loaded(), vm = kvm;
	pthread_t thread;
	void *result;

	CHECK(pthread_create(&thread, NULL, create_cancelled, &vm) == 0);
	CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
	CHECK(vm != kvm && fake_attached(vm));
	CHECK(fake_attached(create_vm(kvm)));
}
