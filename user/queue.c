// SPDX-License-Identifier: GPL-2.0
/* Requests to io_uring, each in one line. */
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "queue.h"

static struct io_uring_sqe *get_sqe(struct io_uring *uring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(uring);

	if (!sqe) {
		io_uring_submit(uring);
		sqe = io_uring_get_sqe(uring);
	}
	/* The kernel takes what it was told of: that there is no room is our mistake. */
	if (!sqe)
		abort();
	return sqe;
}

/* IORING_OP_URING_CMD: older versions of liburing have no function for it. */
void queue_command(struct io_uring *uring, __u64 tag, int fd, __u32 cmd_op,
		   struct hvstep_uring arg)
{
	struct io_uring_sqe *sqe = get_sqe(uring);

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = cmd_op;
	memcpy(sqe->cmd, &arg, sizeof(arg));
	io_uring_sqe_set_data64(sqe, tag);
}

void queue_poll(struct io_uring *uring, __u64 tag, int fd)
{
	struct io_uring_sqe *sqe = get_sqe(uring);

	io_uring_prep_poll_add(sqe, fd, POLLIN);
	io_uring_sqe_set_data64(sqe, tag);
}

void queue_timeout(struct io_uring *uring, __u64 tag, struct __kernel_timespec *ts)
{
	struct io_uring_sqe *sqe = get_sqe(uring);

	io_uring_prep_timeout(sqe, ts, 0, 0);
	io_uring_sqe_set_data64(sqe, tag);
}

void queue_write(struct io_uring *uring, __u64 tag, int fd, const void *from, size_t size,
		 unsigned long long offset)
{
	struct io_uring_sqe *sqe = get_sqe(uring);

	io_uring_prep_write(sqe, fd, from, size, offset);
	io_uring_sqe_set_data64(sqe, tag);
}

void queue_cancel(struct io_uring *uring, __u64 tag, __u64 cancelled)
{
	struct io_uring_sqe *sqe = get_sqe(uring);

	io_uring_prep_cancel64(sqe, cancelled, 0);
	io_uring_sqe_set_data64(sqe, tag);
}
