// SPDX-License-Identifier: GPL-2.0
/*
 * Attaching and detaching at any moment, and sessions that end in all the ways
 * there are: what remains is a guest that runs as without hvstep.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "cells.h"
#include "runner.h"

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

/* One VM with a vCPU in the loop; nothing attached yet */
FIXTURE_SETUP(lifecycle)
{
	const char *missing = cell_missing(&variant->cell);

	if (missing)
		SKIP(return, "%s", missing);
	SKIP_REFERENCE();
	ignore_sigusr1();
	self->vm = vm_create(&variant->cell);
	self->v = vm_vcpu(self->vm, 0);
	ring_start(self->v, CODE_RA);
	vm_seal(self->vm);
}

FIXTURE_TEARDOWN(lifecycle)
{
	vm_destroy(self->vm);
}

TEST_F(lifecycle, detached_runs_free)
{
	vm_attach(self->vm);
	ring_turns(self->v);
	vm_detach(self->vm);
	with_regs(self->v, r)
		r.pc = vm_ea(self->vm, CODE_RA + 4);
	with_regs(self->v, r)
		r.gpr[14]++;
	check_runs_free(self->v);
	vm_attach(self->vm);
	ring_turns(self->v);
}

TEST_F(lifecycle, attach_twice)
{
	__u32 before = attached();

	vm_attach(self->vm);
	EXPECT_EQ(before + 1, attached());
	EXPECT_EQ(-EBUSY, vm_try_attach(self->vm->fd));
	EXPECT_EQ(before + 1, attached());
	ring_turns(self->v);
	vm_detach(self->vm);
	EXPECT_EQ(before, attached());
	vm_attach(self->vm);
	ring_turns(self->v);
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

/* ABI: a vCPU inside KVM_RUN is brought out, with -EINTR. */
TEST_F(lifecycle, attach_while_running)
{
	struct runner runner;
	int i;

	runner_start(&runner, self->v, false);
	EXPECT_EQ(0, read_once(&runner.interrupted));
	vm_attach(self->vm);
	for (i = 0; i < 1000 && !read_once(&runner.interrupted); i++)
		usleep(10000);
	usleep(50000);
	i = read_once(&runner.interrupted);
	/* Twice if the next KVM_RUN was preempted right at its start */
	EXPECT_GT(i, 0);
	EXPECT_LE(i, 2);
	EXPECT_TRUE(runner_goes_on(&runner));
	EXPECT_EQ(i, read_once(&runner.interrupted));
	runner_stop(&runner);
	ring_turns(self->v);
}

TEST_F(lifecycle, detach_while_running)
{
	struct runner runner;
	__u32 before = attached();

	vm_attach(self->vm);
	runner_start(&runner, self->v, false);
	vm_detach(self->vm);
	EXPECT_TRUE(attached_becomes(before));
	runner_stop(&runner);
	check_runs_free(self->v);
}

TEST_F(lifecycle, detach_while_stepped)
{
	struct runner runner;
	__u32 before = attached();
	int i;

	for (i = 0; i < 10; i++) {
		vm_attach(self->vm);
		runner_start(&runner, self->v, true);
		vm_detach(self->vm);
		EXPECT_TRUE(attached_becomes(before));
		runner_stop(&runner);
		EXPECT_GT(read_once(&runner.steps), 0);
	}
	check_runs_free(self->v);
}

TEST_F(lifecycle, attach_and_detach_while_running)
{
	struct runner runner;
	int i;

	runner_start(&runner, self->v, false);
	for (i = 0; i < 50; i++) {
		vm_attach(self->vm);
		vm_detach(self->vm);
	}
	runner_stop(&runner);
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
	ring_turns(self->v);
	close(go[1]);
	waitpid(pid, &status, 0);
	EXPECT_TRUE(attached_becomes(before));
	vm_attach(self->vm);
	ring_turns(self->v);
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
	ring_turns(self->v);
}

TEST_F(lifecycle, vm_closed_before_session)
{
	__u32 before = attached();

	vm_attach(self->vm);
	close(self->vm->fd);
	self->vm->fd = -1;
	ring_turns(self->v);
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
	int i;

	for (i = 0; i < 10; i++)
		kill_while_stepping(&variant->cell, 1000 * i);
	EXPECT_TRUE(attached_becomes(before));
	vm_attach(self->vm);
	ring_turns(self->v);
}

/* vCPUs that come after the session do step. */
TEST_F(lifecycle, vcpu_created_later)
{
	struct vcpu *v;

	vm_attach(self->vm);
	v = vm_vcpu(self->vm, 1);
	ring_start(v, CODE_RA);
	vm_seal(self->vm);
	ring_turns(v);
	ring_start(self->v, CODE_RA);
	ring_turns(self->v);
}

KVM_TEST_MAIN
