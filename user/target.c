// SPDX-License-Identifier: GPL-2.0
/* The VM of a process that the commands attach, step and trace are for. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "command.h"
#include "info.h"
#include "policy.h"
#include "target.h"

#define PTRACE_SCOPE	"/proc/sys/kernel/yama/ptrace_scope"
/* A VM whose session was closed a moment ago may still be on its way out. */
#define BUSY_TRIES	20
#define BUSY_NAP_US	50000

static const struct argp_option options[] = {
	{ "vm", 'V', "N", 0, "VM number N of the process, from 0 (default: 0)", 10 },
	{ 0 }
};

static const struct argp_option policy_options[] = {
	{ "policy", 'p', "POLICY,...", 0,
	  "How to step: trace-all, atomic, exclusive, deliver (see hvstep run --help), or hold "
	  "for none of these", 10 },
	{ 0 }
};

bool parse_number(const char *text, unsigned long long *number)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *end;

	/* strtoull() takes a sign, and blanks. */
	if (*text < '0' || *text > '9')
		return false;
	/* It may be octal to some, and is hexadecimal where addresses are shown. */
	if (text[0] == '0' && text[1] && !hex)
		return false;
	errno = 0;
	*number = strtoull(text, &end, hex ? 16 : 10);
	return !errno && !*end;
}

static void parse_pid(struct argp_state *state, const char *arg, struct target *target)
{
	unsigned long long n = 0;

	if (target->pid)
		argp_error(state, "not expected: %s", arg);
	if (!parse_number(arg, &n) || !n || n > INT_MAX)
		argp_error(state, "no process id: %s", arg);
	target->pid = n;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct target *target = state->input;
	unsigned long long n = 0;

	switch (key) {
	case 'V':
		if (!parse_number(arg, &n) || n > INT_MAX)
			argp_error(state, "no number of a VM: %s", arg);
		target->vm = n;
		return 0;
	case ARGP_KEY_ARG:
		parse_pid(state, arg, target);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "the process id of the VMM is missing");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t policy_parse(int key, char *arg, struct argp_state *state)
{
	struct target *target = state->input;

	if (key != 'p')
		return ARGP_ERR_UNKNOWN;
	if (!strcmp(arg, "hold"))
		memset(&target->policy, 0, sizeof(target->policy));
	else if (!policy_by_name(arg, &target->policy))
		argp_error(state, "no such policy: %s; known: %s, hold", arg, HVSTEP_POLICY_NAMES);
	target->has_policy = true;
	return 0;
}

const struct argp target_argp = { .options = options, .parser = parse };
const struct argp target_policy_argp = { .options = policy_options, .parser = policy_parse };
const struct argp_child target_children[] = {
	{ &target_argp, 0, NULL, 0 },
	{ &target_policy_argp, 0, NULL, 0 },
	{ 0 }
};

const char *target_name(const struct target *target)
{
	static char name[64];

	if (target->vm)
		snprintf(name, sizeof(name), "VM %u of process %d", target->vm, (int)target->pid);
	else
		snprintf(name, sizeof(name), "the VM of process %d", (int)target->pid);
	return name;
}

/* Yama restricts ptrace(), and with it this, beyond what the user ids say. */
static int ptrace_scope(void)
{
	FILE *f = fopen(PTRACE_SCOPE, "re");
	int scope = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%d", &scope) != 1)
		scope = 0;
	fclose(f);
	return scope;
}

static void say_no_vm(const struct target *target, int err)
{
	switch (err) {
	case ESRCH:
		error("there is no process %d", (int)target->pid);
		break;
	case EPERM:
	case EACCES:
		error("no right to look into process %d: as for ptrace(), be root, have "
		      "CAP_SYS_PTRACE, or be its user%s", (int)target->pid,
		      ptrace_scope() ? "; and " PTRACE_SCOPE " must be 0 for the latter" : "");
		break;
	case ENOENT:
		if (target->vm)
			error("process %d has no VM %u", (int)target->pid, target->vm);
		else
			error("process %d has no VM of KVM: give the process id of the VMM "
			      "itself (pgrep qemu), one that runs with KVM", (int)target->pid);
		break;
	default:
		error("process %d: %s", (int)target->pid, strerror(err));
	}
}

unsigned long long parse_address(struct argp_state *state, const char *text)
{
	unsigned long long address = 0;

	if (!parse_number(text, &address) || address & 3)
		argp_error(state, "no address of an instruction: %s", text);
	return address;
}

int target_pidfd(const struct target *target)
{
	int fd = syscall(SYS_pidfd_open, target->pid, 0);

	if (fd < 0)
		say_no_vm(target, errno);
	return fd;
}

/*
 * The policy is the VM's. Who steps it for a while sets one, and puts back what he has found:
 * two at once would take the one's for what is to be put back by the other. The lock is on the
 * process, so that it goes with whoever has it; and with us. It is on /proc/PID/fd, which who
 * has no right to the process cannot open, and so not lock.
 */
bool target_claim(const struct target *target)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)target->pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK)
		return true;
	error("process %d is being stepped by another hvstep trace or hvstep step: end that first",
	      (int)target->pid);
	close(fd);
	return false;
}

static int attach(int vm_fd, bool *shared, struct hvstep_session **session)
{
	int tries, ret;

	for (tries = 0; tries < BUSY_TRIES; tries++) {
		ret = hvstep_attach(vm_fd, 0, session);
		if (ret == -EBUSY && shared) {
			ret = hvstep_attach(vm_fd, HVSTEP_ATTACH_SHARE, session);
			*shared = !ret;
		}
		if (ret != -EINTR && ret != -EBUSY)
			break;
		usleep(BUSY_NAP_US);
	}
	return ret;
}

struct hvstep_session *target_attach(const struct target *target, bool *shared)
{
	struct hvstep_session *session = NULL;
	struct hvstep_info info;
	struct obstacle why;
	char text[320];
	int vm_fd, ret;

	info_get(&info, &why);
	if (why.stage == STAGE_NONE) {
		vm_fd = hvstep_process_vm(target->pid, target->vm);
		if (vm_fd < 0) {
			say_no_vm(target, -vm_fd);
			return NULL;
		}
		ret = attach(vm_fd, shared, &session);
		close(vm_fd);
		if (!ret)
			return session;
		why = (struct obstacle){ STAGE_ATTACH, -ret };
	}
	obstacle_describe(&why, text, sizeof(text));
	error("%s", text);
	return NULL;
}

bool target_set_policy(const struct target *target, const struct hvstep_session *session,
		       bool shared, struct hvstep_policy *before)
{
	struct hvstep_policy policy = target->policy;
	int ret;

	memset(before, 0, sizeof(*before));
	ret = hvstep_get_policy(session, before);
	if (!target->has_policy) {
		policy.flags = HVSTEP_POLICY_ATOMIC | (shared ? before->flags : 0);
		policy.irq = HVSTEP_IRQ_DELIVER;
	}
	if (!ret)
		ret = hvstep_set_policy(session, &policy);
	if (ret)
		error("cannot set the policy: %s", strerror(-ret));
	return !ret;
}
