// SPDX-License-Identifier: GPL-2.0
/* The module's parameter: does it attach VMs by itself? */
#include <fcntl.h>
#include <unistd.h>

#include "info.h"

bool info_auto_attach(void)
{
	int fd = open(HVSTEP_AUTO_ATTACH, O_RDONLY | O_CLOEXEC);
	char value = 'N';

	if (fd < 0)
		return false;
	if (read(fd, &value, 1) != 1)
		value = 'N';
	close(fd);
	return value == 'Y' || value == '1';
}
