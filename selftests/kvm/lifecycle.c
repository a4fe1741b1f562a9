// SPDX-License-Identifier: GPL-2.0
/*
 * Attaching and detaching at any moment, and sessions that end in all the ways
 * there are: what remains is a guest that runs as without hvstep.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "cells.h"
#include "ring.h"

FIXTURE(lifecycle) {
	struct vm *vm;
	struct vcpu *v;
};

FIXTURE_VARIANT(lifecycle) {
	struct cell cell;
};

CELL(lifecycle, be_real, .be_code = true);
CELL(lifecycle, le_real, .ile = true);
CELL(lifecycle, le_ail3, .ile = true, .ail = true);

static void ignore(int sig)
{
	(void)sig;
}

/* One VM with a vCPU in the loop; nothing attached yet */
FIXTURE_SETUP(lifecycle)
{
	struct sigaction sa = { .sa_handler = ignore };
	const char *missing = cell_missing(&variant->cell);

	if (missing)
		SKIP(return, "%s", missing);
	SKIP_REFERENCE();
	sigaction(SIGUSR1, &sa, NULL);
	self->vm = vm_create(&variant->cell);
	self->v = vm_vcpu(self->vm, 0);
	ring_start(self->v, CODE_RA);
	vm_seal(self->vm);
}

FIXTURE_TEARDOWN(lifecycle)
{
	vm_destroy(self->vm);
}

static __u32 attached(void)
{
	struct hvstep_info info;
	int fd = open("/dev/hvstep", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, HVSTEP_GET_INFO, &info))
		vm_fail("HVSTEP_GET_INFO: %s", strerror(errno));
	close(fd);
	return info.attached;
}

/* Another process's last descriptor is closed a little after it has died. */
static bool attached_becomes(__u32 expect)
{
	int i;

	for (i = 0; i < 200 && attached() != expect; i++)
		usleep(10000);
	return attached() == expect;
}

static void step_some(struct vcpu *v)
{
	int i;

	for (i = 0; i < 2 * RING_INSNS; i++) {
		ring_step(v, CODE_RA);
		ring_check(v, CODE_RA);
		vm_check_sealed(v->vm, "step");
	}
}

/* Not attached: KVM_GUESTDBG_SINGLESTEP is ignored as ever, a breakpoint ends it. */
static void check_runs_free(struct vcpu *v)
{
	bool be = v->vm->cell->be_code;
	__u32 insn = get_insn(v->vm, CODE_RA + RING_SIZE - 4, be);
	struct kvm_regs r, now;

	vcpu_get_regs(v, &r);
	put_insn(v->vm, CODE_RA + RING_SIZE - 4, KVMPPC_INST_SW_BREAKPOINT, be);
	vcpu_debug(v, DEBUG_STEP | KVM_GUESTDBG_USE_SW_BP);
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "not attached");
	vcpu_get_regs(v, &now);
	if (now.pc != vm_ea(v->vm, CODE_RA + RING_SIZE - 4) || now.msr & MSR_SE)
		vm_fail("not attached: at nip %llx msr %llx", now.pc, now.msr);
	put_insn(v->vm, CODE_RA + RING_SIZE - 4, insn, be);
	vcpu_debug(v, 0);
	ring_check(v, CODE_RA);
}

TEST_F(lifecycle, detached_runs_free)
{
	vm_attach(self->vm);
	step_some(self->v);
	vm_detach(self->vm);
	with_regs(self->v, r)
		r.pc = vm_ea(self->vm, CODE_RA + 4);
	with_regs(self->v, r)
		r.gpr[14]++;
	check_runs_free(self->v);
	vm_attach(self->vm);
	step_some(self->v);
}

TEST_F(lifecycle, attach_twice)
{
	__u32 before = attached();

	vm_attach(self->vm);
	EXPECT_EQ(before + 1, attached());
	EXPECT_EQ(-EBUSY, vm_try_attach(self->vm->fd));
	EXPECT_EQ(before + 1, attached());
	step_some(self->v);
	vm_detach(self->vm);
	EXPECT_EQ(before, attached());
	vm_attach(self->vm);
	step_some(self->v);
}

TEST_F(lifecycle, attach_again_and_again)
{
	__u32 before = attached();
	int i;

	for (i = 0; i < 50; i++) {
		vm_attach(self->vm);
		ring_step(self->v, CODE_RA);
		vm_detach(self->vm);
	}
	ring_check(self->v, CODE_RA);
	vm_check_sealed(self->vm, "50 sessions");
	EXPECT_EQ(before, attached());
}

/* A thread that runs the vCPU, again after each signal, until told to stop */
struct runner {
	struct vcpu *v;
	pthread_t thread;
	bool stop;
	bool stepping;
	int interrupted;
	int steps;
};

#define read_once(p)	__atomic_load_n(p, __ATOMIC_RELAXED)

static void *run(void *arg)
{
	struct runner *runner = arg;
	struct vcpu *v = runner->v;

	while (!read_once(&runner->stop)) {
		int ret = ioctl(v->fd, KVM_RUN, 0) ? -errno : 0;

		if (ret == -EINTR)
			__atomic_add_fetch(&runner->interrupted, 1, __ATOMIC_RELAXED);
		else if (runner->stepping && !ret && v->run->exit_reason == KVM_EXIT_DEBUG)
			__atomic_add_fetch(&runner->steps, 1, __ATOMIC_RELAXED);
		else
			check_exit(v, ret, KVM_EXIT_INTR, "the running vCPU");
	}
	return NULL;
}

static void start_runner(struct runner *runner, struct vcpu *v, bool stepping)
{
	memset(runner, 0, sizeof(*runner));
	runner->v = v;
	runner->stepping = stepping;
	vcpu_debug(v, stepping ? DEBUG_STEP : 0);
	if (pthread_create(&runner->thread, NULL, run, runner))
		vm_fail("no thread");
	usleep(50000);
}

static void stop_runner(struct runner *runner)
{
	__atomic_store_n(&runner->stop, true, __ATOMIC_RELAXED);
	/* Not once: the first may come just before KVM_RUN. */
	while (pthread_tryjoin_np(runner->thread, NULL)) {
		pthread_kill(runner->thread, SIGUSR1);
		usleep(10000);
	}
	check_invisible(runner->v, false, "the vCPU that ran");
	ring_check(runner->v, CODE_RA);
}

/* ABI: a vCPU inside KVM_RUN is brought out once, with -EINTR. */
TEST_F(lifecycle, attach_while_running)
{
	struct runner runner;

	start_runner(&runner, self->v, false);
	EXPECT_EQ(0, read_once(&runner.interrupted));
	vm_attach(self->vm);
	usleep(50000);
	EXPECT_EQ(1, read_once(&runner.interrupted));
	stop_runner(&runner);
	step_some(self->v);
}

TEST_F(lifecycle, detach_while_running)
{
	struct runner runner;
	__u32 before = attached();

	vm_attach(self->vm);
	start_runner(&runner, self->v, false);
	vm_detach(self->vm);
	EXPECT_TRUE(attached_becomes(before));
	stop_runner(&runner);
	check_runs_free(self->v);
}

TEST_F(lifecycle, detach_while_stepped)
{
	struct runner runner;
	__u32 before = attached();
	int i;

	for (i = 0; i < 10; i++) {
		vm_attach(self->vm);
		start_runner(&runner, self->v, true);
		vm_detach(self->vm);
		EXPECT_TRUE(attached_becomes(before));
		stop_runner(&runner);
		EXPECT_GT(read_once(&runner.steps), 0);
	}
	check_runs_free(self->v);
}

TEST_F(lifecycle, attach_and_detach_while_running)
{
	struct runner runner;
	int i;

	start_runner(&runner, self->v, false);
	for (i = 0; i < 50; i++) {
		vm_attach(self->vm);
		vm_detach(self->vm);
	}
	stop_runner(&runner);
	check_runs_free(self->v);
}

/* The session is its last open descriptor, in whatever process. */
TEST_F(lifecycle, fork)
{
	__u32 before = attached();
	int status, go[2];
	pid_t pid;
	char c;

	vm_attach(self->vm);
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	if (!pid) {
		close(go[1]);
		/* Until the parent has closed its end */
		_exit(read(go[0], &c, 1));
	}
	close(go[0]);
	vm_detach(self->vm);
	EXPECT_EQ(before + 1, attached());
	EXPECT_EQ(-EBUSY, vm_try_attach(self->vm->fd));
	step_some(self->v);
	close(go[1]);
	waitpid(pid, &status, 0);
	EXPECT_TRUE(attached_becomes(before));
	vm_attach(self->vm);
	step_some(self->v);
}

TEST_F(lifecycle, exec_closes_its_copy)
{
	int status;
	pid_t pid;

	vm_attach(self->vm);
	EXPECT_TRUE(fcntl(self->vm->session, F_GETFD) & FD_CLOEXEC);
	pid = fork();
	if (!pid) {
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	EXPECT_EQ(0, status);
	step_some(self->v);
}

TEST_F(lifecycle, vm_closed_before_session)
{
	__u32 before = attached();

	vm_attach(self->vm);
	close(self->vm->fd);
	self->vm->fd = -1;
	step_some(self->v);
	munmap(self->v->run, self->v->run_size);
	close(self->v->fd);
	EXPECT_EQ(before + 1, attached());
	close(self->vm->session);
	self->vm->session = -1;
	EXPECT_TRUE(attached_becomes(before));
}

/* Everything at once, by death: the guest's process, while it steps */
TEST_F(lifecycle, killed_while_stepping)
{
	__u32 before = attached();
	int i, status, pipefd[2];
	pid_t pid;
	char c;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, pipe(pipefd));
		pid = fork();
		if (!pid) {
			struct vm *vm = vm_create(&variant->cell);
			struct vcpu *v = vm_vcpu(vm, 0);

			ring_start(v, CODE_RA);
			vm_seal(vm);
			vm_attach(vm);
			step_some(v);
			if (write(pipefd[1], "x", 1) != 1)
				_exit(1);
			for (;;)
				ring_step(v, CODE_RA);
		}
		close(pipefd[1]);
		EXPECT_EQ(1, read(pipefd[0], &c, 1));
		usleep(1000 * i);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		close(pipefd[0]);
	}
	EXPECT_TRUE(attached_becomes(before));
	vm_attach(self->vm);
	step_some(self->v);
}

/* vCPUs that come after the session do step. */
TEST_F(lifecycle, vcpu_created_later)
{
	struct vcpu *v;

	vm_attach(self->vm);
	v = vm_vcpu(self->vm, 1);
	ring_start(v, CODE_RA);
	vm_seal(self->vm);
	step_some(v);
	ring_start(self->v, CODE_RA);
	step_some(self->v);
}

KVM_TEST_MAIN
