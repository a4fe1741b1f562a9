// SPDX-License-Identifier: GPL-2.0
/* Asking the module what it can do. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "device.h"
#include "info.h"

bool info_get(struct hvstep_info *info, struct obstacle *why)
{
	int fd = open(HVSTEP_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		*why = (struct obstacle){ STAGE_OPEN, errno };
		return false;
	}
	if (ioctl(fd, HVSTEP_GET_INFO, info) < 0) {
		*why = (struct obstacle){ STAGE_INFO, errno };
		close(fd);
		return false;
	}
	close(fd);
	if (info->host & HVSTEP_HOST_KVM_HV)
		*why = (struct obstacle){ STAGE_NONE, 0 };
	else
		*why = (struct obstacle){ STAGE_HOST, 0 };
	return true;
}
