// SPDX-License-Identifier: GPL-2.0
/*
 * IORING_OP_URING_CMD on a trace ring: one io_uring_enter() for as many vCPUs as are
 * traced.
 *
 * What has to wait is left to io_uring's own workers, which it knows how to cancel: in
 * all of 6.1 to 7.2, and 6.1 has no other way for a command to be.
 */
#include <linux/kvm_host.h>

#include "hvstep.h"

static int uring_step(struct hvstep_tracer *tracer, const struct hvstep_uring *arg, u32 mode)
{
	struct hvstep_step step = {
		.vcpu = tracer->hv->vcpu->vcpu_id,
		.mode = mode,
		.flags = arg->flags,
		.count = arg->count,
	};

	return hvstep_request(tracer->hv->vm, &step);
}

static int uring_cmd(struct hvstep_tracer *tracer, u32 op, const struct hvstep_uring *arg,
		     bool nonblock)
{
	if (arg->pad)
		return -EINVAL;

	switch (op) {
	case HVSTEP_URING_WAIT:
		if (arg->flags)
			return -EINVAL;
		return hvstep_trace_wait(tracer, arg->count, nonblock);
	case HVSTEP_URING_START:
		return uring_step(tracer, arg, HVSTEP_STEP_COUNT);
	case HVSTEP_URING_STOP:
		return uring_step(tracer, arg, HVSTEP_STEP_CANCEL);
	default:
		return -ENOTTY;
	}
}

int hvstep_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	bool nonblock = issue_flags & IO_URING_F_NONBLOCK;
	struct hvstep_uring arg;
	int ret;

	hvstep_compat_uring_arg(cmd, nonblock, &arg);
	ret = uring_cmd(cmd->file->private_data, cmd->cmd_op, &arg, nonblock);
	hvstep_compat_uring_end(cmd, ret, &arg);
	return ret;
}
