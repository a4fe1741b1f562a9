// SPDX-License-Identifier: GPL-2.0
/* libhvstep: the module's calls. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "device.h"
#include "session.h"

static int device_open(void)
{
	int fd = open(HVSTEP_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int call(int fd, unsigned long request, const void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int hvstep_info(struct hvstep_info *info)
{
	int fd = device_open(), ret;

	if (fd < 0)
		return fd;
	ret = call(fd, HVSTEP_GET_INFO, info);
	close(fd);
	return ret;
}

int hvstep_attach(int vm_fd, unsigned int flags, struct hvstep_session **session)
{
	struct hvstep_attach attach = { .vm_fd = vm_fd, .flags = flags };
	struct hvstep_session *s;
	int fd = device_open();

	if (fd < 0)
		return fd;
	s = calloc(1, sizeof(*s));
	if (!s) {
		close(fd);
		return -ENOMEM;
	}
	s->fd = call(fd, HVSTEP_ATTACH, &attach);
	close(fd);
	if (s->fd < 0) {
		int ret = s->fd;

		free(s);
		return ret;
	}
	*session = s;
	return 0;
}

void hvstep_detach(struct hvstep_session *session)
{
	if (!session)
		return;
	close(session->fd);
	free(session);
}

int hvstep_session_fd(const struct hvstep_session *session)
{
	return session->fd;
}

int hvstep_get_policy(const struct hvstep_session *session, struct hvstep_policy *policy)
{
	return call(session->fd, HVSTEP_GET_POLICY, policy);
}

int hvstep_set_policy(const struct hvstep_session *session, const struct hvstep_policy *policy)
{
	return call(session->fd, HVSTEP_SET_POLICY, policy);
}

int hvstep_step(const struct hvstep_session *session, const struct hvstep_step *step)
{
	return call(session->fd, HVSTEP_STEP, step);
}

int hvstep_get_counters(const struct hvstep_session *session, unsigned int vcpu,
			struct hvstep_counters *counters)
{
	memset(counters, 0, sizeof(*counters));
	counters->vcpu = vcpu;
	return call(session->fd, HVSTEP_GET_COUNTERS, counters);
}
