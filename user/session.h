/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_SESSION_H
#define HVSTEP_SESSION_H

#include <libhvstep.h>

struct hvstep_session {
	int fd;
};

#endif /* HVSTEP_SESSION_H */
