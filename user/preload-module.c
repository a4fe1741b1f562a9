// SPDX-License-Identifier: GPL-2.0
/*
 * Talking to the kernel module. The device is opened for each question anew:
 * questions are rare, and a descriptor kept open would hold the module in the
 * kernel for VMMs that have no VM.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "preload.h"

/*
 * Sessions live up here, out of the way of programs that count on the lowest
 * free number (closing 0 and opening what shall be stdin, most of all).
 */
#define SESSION_FD_MIN	512

#define ATTACH_TRIES	8

static int device_open(struct obstacle *why)
{
	int fd = open(HVSTEP_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		why->stage = STAGE_OPEN;
		why->err = errno;
	}
	return fd;
}

bool module_info(struct hvstep_info *info, struct obstacle *why)
{
	int fd = device_open(why);
	int ret;

	if (fd < 0)
		return false;
	ret = real_ioctl()(fd, HVSTEP_GET_INFO, info);
	if (ret < 0) {
		why->stage = STAGE_INFO;
		why->err = errno;
	}
	close(fd);
	return ret >= 0;
}

/* Returns a descriptor that is never 0, 1 or 2, or -1 with errno set. */
static int move_up(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, SESSION_FD_MIN);

	/* A low RLIMIT_NOFILE: any number but stdio's will do. */
	if (high < 0 && fd > STDERR_FILENO)
		return fd;
	if (high < 0)
		high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(fd);
	/* Not fcntl()'s own EINVAL, which would pass for HVSTEP_ATTACH's. */
	if (high < 0)
		errno = EMFILE;
	return high;
}

/*
 * Returns the session, or -1 and why. A signal ends an attach that waits for
 * vCPUs to come out; its handler runs when the ioctl returns, so trying again
 * gets further, unless the signals do not stop.
 */
int module_attach(int vm_fd, struct obstacle *why)
{
	struct hvstep_attach attach = { .vm_fd = vm_fd };
	int fd = device_open(why);
	int session, tries = 0;

	if (fd < 0)
		return -1;
	do {
		session = real_ioctl()(fd, HVSTEP_ATTACH, &attach);
	} while (session < 0 && errno == EINTR && ++tries < ATTACH_TRIES);
	if (session >= 0)
		session = move_up(session);
	if (session < 0) {
		why->stage = STAGE_ATTACH;
		why->err = errno;
	}
	close(fd);
	return session;
}

/*
 * The VMM may have closed the number behind our back (closefrom(), close_range())
 * and put something of its own there.
 */
bool session_is_open(int session)
{
	struct hvstep_policy policy;

	return real_ioctl()(session, HVSTEP_GET_POLICY, &policy) == 0;
}

void session_close(int session)
{
	if (session_is_open(session))
		close(session);
}

bool session_set_policy(int session, const struct hvstep_policy *policy)
{
	return real_ioctl()(session, HVSTEP_SET_POLICY, policy) == 0;
}
