// SPDX-License-Identifier: GPL-2.0
/* Runs the tests, and what they have in common. */
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "ksft.h"
#include "test.h"

static struct test *tests, **tests_end = &tests;
static int capture_fd = -1;

void test_add(struct test *test)
{
	*tests_end = test;
	tests_end = &test->next;
}

void capture(void)
{
	capture_fd = memfd_create("stderr", MFD_CLOEXEC);
	CHECK(capture_fd >= 0);
	CHECK(dup2(capture_fd, STDERR_FILENO) == STDERR_FILENO);
}

const char *captured(void)
{
	static char text[4096];
	ssize_t n = pread(capture_fd, text, sizeof(text) - 1, 0);

	CHECK(n >= 0);
	text[n] = '\0';
	return text;
}

int setup_loaded(void)
{
	fake.host = HVSTEP_HOST_KVM_HV;
	return fake_new(FAKE_KVM);
}

int setup_unloaded(void)
{
	fake.open_errno = ENOENT;
	return fake_new(FAKE_KVM);
}

int create_vm(int kvm)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);

	CHECK(vm >= 0);
	return vm;
}

int create_vcpu(int vm)
{
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);

	CHECK(vcpu >= 0);
	return vcpu;
}

int set_debug(int vcpu, unsigned int control)
{
	struct kvm_guest_debug dbg;

	/* As QEMU leaves it: all but control is what was on the stack. */
	memset(&dbg, 0xa5, sizeof(dbg));
	dbg.control = control;
	return ioctl(vcpu, KVM_SET_GUEST_DEBUG, &dbg);
}

static bool run(const struct test *test)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		alarm(20);
		test->run();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status))
		printf("# ended by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(void)
{
	unsigned int count = 0;
	struct test *test;
	Dl_info info;

	for (test = tests; test; test = test->next)
		count++;
	ksft_print_header();
	/* Without this, most tests would fail, and the rest pass for no reason. */
	if (!dladdr(dlsym(RTLD_DEFAULT, "ioctl"), &info) ||
	    !strstr(info.dli_fname, "libhvstep-preload.so")) {
		printf("Bail out! the shim is not preloaded\n");
		return 1;
	}
	ksft_set_plan(count);
	for (test = tests; test; test = test->next) {
		bool ok = run(test);

		ksft_test_result(ok, "%s\n", test->name);
	}
	ksft_finished();
}
