// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner.h"

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

/* What the loop stores when it has turned once more */
static __u64 turns(const struct runner *runner)
{
	return *(volatile __u64 *)(runner->v->vm->mem + DATA_RA + 0x1000 * runner->v->id);
}

bool runner_goes_on(const struct runner *runner)
{
	__u64 before = turns(runner);
	int i;

	for (i = 0; i < 1000 && turns(runner) == before; i++)
		usleep(10000);
	return turns(runner) != before;
}

void runner_start(struct runner *runner, struct vcpu *v, bool stepping)
{
	memset(runner, 0, sizeof(*runner));
	runner->v = v;
	runner->stepping = stepping;
	vcpu_debug(v, stepping ? DEBUG_STEP : 0);
	if (pthread_create(&runner->thread, NULL, run, runner))
		vm_fail("no thread");
	if (!runner_goes_on(runner))
		vm_fail("the vCPU does not run");
}

void runner_stop(struct runner *runner)
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

bool attached_becomes(__u32 expect)
{
	int i;

	for (i = 0; i < 200 && attached() != expect; i++)
		usleep(10000);
	return attached() == expect;
}

void ring_turns(struct vcpu *v)
{
	int i;

	for (i = 0; i < 2 * RING_INSNS; i++) {
		ring_step(v, CODE_RA);
		ring_check(v, CODE_RA);
		vm_check_sealed(v->vm, "step");
	}
}

void check_runs_free(struct vcpu *v)
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

static void step_for_ever(const struct cell *cell, int ready)
{
	struct vm *vm = vm_create(cell);
	struct vcpu *v = vm_vcpu(vm, 0);

	ring_start(v, CODE_RA);
	vm_seal(vm);
	vm_attach(vm);
	ring_turns(v);
	if (write(ready, "x", 1) != 1)
		_exit(1);
	for (;;)
		ring_step(v, CODE_RA);
}

void kill_while_stepping(const struct cell *cell, unsigned int us)
{
	int status, pipefd[2];
	pid_t pid;
	char c;

	if (pipe(pipefd))
		vm_fail("no pipe");
	pid = fork();
	if (pid < 0)
		vm_fail("no process");
	if (!pid)
		step_for_ever(cell, pipefd[1]);
	close(pipefd[1]);
	if (read(pipefd[0], &c, 1) != 1)
		vm_fail("the process that steps has failed");
	close(pipefd[0]);
	usleep(us);
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		vm_fail("the process that steps ended by itself");
}
