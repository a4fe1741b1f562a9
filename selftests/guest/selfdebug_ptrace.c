// SPDX-License-Identifier: GPL-2.0
/*
 * selfdebug: a child that is traced by PTRACE_SINGLESTEP (MSR[SE]), by
 * PTRACE_SINGLEBLOCK (MSR[BE]), and by a breakpoint that is stepped over.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selfdebug.h"

/* struct pt_regs, as PTRACE_GETREGS gives it (asm/ptrace.h) */
#define REG_GPR		0
#define REG_NIP		32
#define REG_MSR		33
#define REG_LINK	36
#define REG_CCR		38
#define NR_REGS		44

#define MSR_SE_BE	0x600

#define TRAP_WORD	0x7fe00008
/* More than there can be: something is wrong. */
#define MAX_STOPS	5000

extern const char __executable_start[], etext[];

static void get_regs(pid_t pid, uint64_t *regs)
{
	if (ptrace(PTRACE_GETREGS, pid, 0, regs))
		die("PTRACE_GETREGS");
}

/* The vDSO lies elsewhere each time, at a multiple of a page. */
static uint64_t place(uint64_t address)
{
	if (address >= (uintptr_t)__executable_start && address < (uintptr_t)etext)
		return address;
	return address & 0xfff;
}

/* The bits of CR that a system call may change are left out. */
static void look(struct result *r, pid_t pid)
{
	uint64_t regs[NR_REGS];
	int i;

	get_regs(pid, regs);
	result_add_u64(r, place(regs[REG_NIP]));
	result_add_u64(r, place(regs[REG_LINK]));
	result_add_u64(r, regs[REG_MSR] & MSR_SE_BE);
	result_add_u64(r, regs[REG_CCR] & 0x0fffffff);
	for (i = 16; i <= 20; i++)
		result_add_u64(r, regs[REG_GPR + i]);
}

static int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return status;
}

/* Stopped, before its first instruction that counts */
static pid_t start(void)
{
	static uint64_t data[4];
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) || signal(SIGUSR1, on_signal) == SIG_ERR)
			_exit(1);
		walk(getpid(), data);
	}
	if (!WIFSTOPPED(wait_for(pid)))
		die("the child did not stop");
	return pid;
}

static void follow(struct result *r, enum __ptrace_request request)
{
	pid_t pid = start();
	long sig = 0;
	int status;

	for (;;) {
		if (ptrace(request, pid, 0, sig))
			die("ptrace");
		status = wait_for(pid);
		result_add_u64(r, status);
		if (!WIFSTOPPED(status) || ++r->count > MAX_STOPS)
			break;
		look(r, pid);
		sig = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
	}
	if (!WIFEXITED(status))
		kill(pid, SIGKILL);
}

void ptrace_step(struct result *r)
{
	follow(r, PTRACE_SINGLESTEP);
}

void ptrace_block(struct result *r)
{
	follow(r, PTRACE_SINGLEBLOCK);
}

/* As debuggers do: the word back, a step, the trap in its place again. */
void ptrace_breakpoint(struct result *r)
{
	void *at = (void *)walk_bp;
	pid_t pid = start();
	long word, sig = 0;
	int status;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, at, 0);
	if (errno)
		die("PTRACE_PEEKTEXT");
	for (;;) {
		if (ptrace(PTRACE_POKETEXT, pid, at, (word & ~0xffffffffUL) | TRAP_WORD))
			die("PTRACE_POKETEXT");
		if (ptrace(PTRACE_CONT, pid, 0, sig))
			die("PTRACE_CONT");
		status = wait_for(pid);
		result_add_u64(r, status);
		if (!WIFSTOPPED(status) || r->count > MAX_STOPS)
			break;
		sig = WSTOPSIG(status);
		look(r, pid);
		if (sig != SIGTRAP)
			continue;
		sig = 0;
		r->count++;
		if (ptrace(PTRACE_POKETEXT, pid, at, word) ||
		    ptrace(PTRACE_SINGLESTEP, pid, 0, 0))
			die("stepping over a breakpoint");
		result_add_u64(r, wait_for(pid));
		look(r, pid);
	}
	if (!WIFEXITED(status))
		kill(pid, SIGKILL);
}
