/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_QUEUE_H
#define HVSTEP_QUEUE_H

#include <liburing.h>

#include <linux/hvstep.h>

/*
 * What goes to the kernel with the next io_uring_submit(): @tag is what its completion
 * has for user data. All that is queued between two of them must fit into the queue.
 */
void queue_command(struct io_uring *uring, __u64 tag, int fd, __u32 cmd_op,
		   struct hvstep_uring arg);
void queue_poll(struct io_uring *uring, __u64 tag, int fd);
void queue_timeout(struct io_uring *uring, __u64 tag, struct __kernel_timespec *ts);
void queue_write(struct io_uring *uring, __u64 tag, int fd, const void *from, size_t size,
		 unsigned long long offset);
/* What was queued as @cancelled */
void queue_cancel(struct io_uring *uring, __u64 tag, __u64 cancelled);

#endif /* HVSTEP_QUEUE_H */
