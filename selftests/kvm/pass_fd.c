// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "pass_fd.h"
#include "vm.h"

/* One byte, and room for a descriptor beside it */
struct message {
	struct msghdr head;
	struct iovec iov;
	char byte;
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
};

static void prepare(struct message *m)
{
	memset(m, 0, sizeof(*m));
	m->iov.iov_base = &m->byte;
	m->iov.iov_len = 1;
	m->head.msg_iov = &m->iov;
	m->head.msg_iovlen = 1;
	m->head.msg_control = &m->control;
	m->head.msg_controllen = sizeof(m->control);
}

void fd_send(int socket, int fd)
{
	struct message m;

	prepare(&m);
	m.control.head.cmsg_len = CMSG_LEN(sizeof(int));
	m.control.head.cmsg_level = SOL_SOCKET;
	m.control.head.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&m.control.head), &fd, sizeof(int));
	if (sendmsg(socket, &m.head, 0) != 1)
		vm_fail("sendmsg: %s", strerror(errno));
}

int fd_receive(int socket)
{
	struct message m;
	int fd;

	prepare(&m);
	if (recvmsg(socket, &m.head, MSG_CMSG_CLOEXEC) != 1 || m.head.msg_flags & MSG_CTRUNC ||
	    m.control.head.cmsg_type != SCM_RIGHTS)
		vm_fail("recvmsg: %s", strerror(errno));
	memcpy(&fd, CMSG_DATA(&m.control.head), sizeof(int));
	return fd;
}
