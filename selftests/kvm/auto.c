// SPDX-License-Identifier: GPL-2.0
/*
 * The module's parameter auto_attach: VMs that nobody attaches are stepped, too, and what
 * is made for that goes by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cells.h"
#include "runner.h"

/* Twice what the module waits for, and some time more for an emulated machine */
#define LET_GO		40	/* seconds */

/* Is this let go by itself? */
static bool let_go(__u32 expect)
{
	int i;

	for (i = 0; i < LET_GO * 10 && attached() != expect; i++)
		usleep(100000);
	return attached() == expect;
}

/* A VM with two vCPUs in the loop, and one that has nothing to do with it */
FIXTURE(automatic) {
	struct vm *vm;
	struct vcpu *v, *second;
	struct vm *other_vm;
	struct vcpu *other;
	__u32 before;
};

FIXTURE_VARIANT(automatic) {
	struct cell cell;
};

CELL(automatic, le_ail3, .ile = true, .ail = true);

FIXTURE_SETUP(automatic)
{
	const char *missing = cell_missing(&variant->cell);

	SKIP_REFERENCE();
	if (missing)
		SKIP(return, "%s", missing);
	if (!auto_attach(true))
		SKIP(return, "root is needed to set auto_attach");
	ignore_sigusr1();
	self->before = attached();
	self->vm = vm_create(&variant->cell);
	self->v = vm_vcpu(self->vm, 0);
	self->second = vm_vcpu(self->vm, 1);
	ring_start(self->v, CODE_RA);
	ring_start(self->second, CODE_RA);
	vm_seal(self->vm);
	self->other_vm = vm_create(&variant->cell);
	self->other = vm_vcpu(self->other_vm, 0);
	ring_start(self->other, CODE_RA);
	vm_seal(self->other_vm);
}

FIXTURE_TEARDOWN(automatic)
{
	if (!self->vm)
		return;
	vcpu_destroy(self->v);
	vcpu_destroy(self->second);
	vcpu_destroy(self->other);
	vm_destroy(self->vm);
	vm_destroy(self->other_vm);
	/* Which also has a look at what nobody needs any more. */
	EXPECT_TRUE(auto_attach(false));
	EXPECT_TRUE(attached_becomes(self->before));
}

TEST_F(automatic, steps)
{
	ring_turns(self->v);
	EXPECT_EQ(self->before + 1, attached());
	check_invisible(self->v, false, "stepped");
	ring_turns(self->second);
	ring_turns(self->other);
	EXPECT_EQ(self->before + 2, attached());
}

/* As it is without the parameter */
TEST_F(automatic, off)
{
	ASSERT_TRUE(auto_attach(false));
	check_runs_free(self->v);
	EXPECT_EQ(self->before, attached());
}

/* Who does not step is left alone: no attachment, no signal. */
TEST_F(automatic, others_run_on)
{
	struct runner runner;

	runner_start(&runner, self->other, false);
	ring_turns(self->v);
	EXPECT_EQ(self->before + 1, attached());
	EXPECT_TRUE(runner_goes_on(&runner));
	EXPECT_EQ(0, read_once(&runner.interrupted));
	runner_stop(&runner);
}

TEST_F(automatic, two_vcpus_at_once)
{
	struct runner first, second;

	runner_start(&first, self->v, true);
	runner_start(&second, self->second, true);
	EXPECT_EQ(self->before + 1, attached());
	EXPECT_TRUE(runner_goes_on(&first));
	EXPECT_TRUE(runner_goes_on(&second));
	/* Its memory is looked at when the other one has nothing armed any more. */
	__atomic_store_n(&second.stop, true, __ATOMIC_RELAXED);
	while (pthread_tryjoin_np(second.thread, NULL)) {
		pthread_kill(second.thread, SIGUSR1);
		usleep(10000);
	}
	runner_stop(&first);
	EXPECT_GT(read_once(&first.steps), 0);
	EXPECT_GT(read_once(&second.steps), 0);
	vm_check_sealed(self->vm, "two vCPUs");
}

/* Whoever has the VM's descriptor can have the session, as if there were none. */
TEST_F(automatic, is_taken_over)
{
	ring_turns(self->v);
	vm_attach(self->vm);
	EXPECT_EQ(self->before + 1, attached());
	EXPECT_EQ(-EBUSY, vm_try_attach(self->vm->fd));
	ring_turns(self->v);
	vm_detach(self->vm);
	EXPECT_TRUE(attached_becomes(self->before));
	ring_turns(self->v);
	EXPECT_EQ(self->before + 1, attached());
}

/* Closed in the middle of steps: those that follow are steps nevertheless. */
TEST_F(automatic, follows_a_session)
{
	struct runner runner;
	int i, steps;

	for (i = 0; i < 10; i++) {
		vm_attach(self->vm);
		runner_start(&runner, self->v, true);
		vm_detach(self->vm);
		steps = read_once(&runner.steps);
		EXPECT_TRUE(runner_goes_on(&runner));
		runner_stop(&runner);
		EXPECT_GT(read_once(&runner.steps), steps);
	}
}

TEST_F_TIMEOUT(automatic, is_let_go, 120)
{
	ring_turns(self->v);
	EXPECT_EQ(self->before + 1, attached());
	EXPECT_TRUE(let_go(self->before));
	vm_check_sealed(self->vm, "let go");
	/* And comes again. */
	ring_turns(self->v);
	EXPECT_EQ(self->before + 1, attached());
}

/* A VMM that was killed: its VM goes, though another one is stepped all the time. */
TEST_F_TIMEOUT(automatic, dead_vmm, 120)
{
	struct runner runner;
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		struct vm *vm = vm_create(&variant->cell);
		struct vcpu *v = vm_vcpu(vm, 0);

		ring_start(v, CODE_RA);
		vm_seal(vm);
		ring_turns(v);
		for (;;)
			ring_step(v, CODE_RA);
	}
	EXPECT_TRUE(attached_becomes(self->before + 1));
	runner_start(&runner, self->other, true);
	EXPECT_EQ(self->before + 2, attached());
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	ASSERT_TRUE(WIFSIGNALED(status));
	EXPECT_TRUE(let_go(self->before + 1));
	EXPECT_TRUE(runner_goes_on(&runner));
	runner_stop(&runner);
}

GUEST_CODE(load, "ld 5, 0(3); nop\n");

/*
 * A VMM that leaves a step in the middle, as one that is stopped does: when nobody else
 * steps any more, and it is killed then, its VM goes nevertheless.
 */
TEST_F_TIMEOUT(automatic, dead_vmm_in_a_step, 120)
{
	int status, pipe_fd[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(pipe_fd));
	pid = fork();
	if (!pid) {
		struct vm *vm = vm_create(&variant->cell);
		struct vcpu *v = vm_vcpu(vm, 0);

		load_code(v, CODE_RA, load, load_end);
		with_regs(v, r)
			r.gpr[3] = vm_mmio_ea(vm);
		vcpu_debug(v, DEBUG_STEP);
		check_exit(v, vcpu_run(v), KVM_EXIT_MMIO, "load");
		write(pipe_fd[1], "", 1);
		for (;;)
			pause();
	}
	ASSERT_EQ(1, read(pipe_fd[0], &byte, 1));
	EXPECT_EQ(self->before + 1, attached());
	/* Its step is not over: until long after the module has last looked at it */
	sleep(LET_GO / 2 + 5);
	EXPECT_EQ(self->before + 1, attached());
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	ASSERT_TRUE(WIFSIGNALED(status));
	EXPECT_TRUE(let_go(self->before));
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

/* While it may be needed the module stays; without the parameter it can go. */
TEST_F_TIMEOUT(automatic, keeps_the_module, 120)
{
	EXPECT_EQ(-1, syscall(SYS_delete_module, "hvstep", O_NONBLOCK));
	EXPECT_EQ(EWOULDBLOCK, errno);
	ring_turns(self->v);
	ASSERT_TRUE(auto_attach(false));
	/* Its steps are not over. */
	ring_turns(self->v);
	EXPECT_EQ(-1, syscall(SYS_delete_module, "hvstep", O_NONBLOCK));
	EXPECT_TRUE(let_go(self->before));
	check_runs_free(self->v);
}

KVM_TEST_MAIN
