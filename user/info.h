/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_INFO_H
#define HVSTEP_INFO_H

#include <stdbool.h>

#include <linux/hvstep.h>

#include "remedy.h"

/*
 * Ask the module. False if there is none to ask, true otherwise; @why is
 * STAGE_NONE if VMs can be attached now.
 */
bool info_get(struct hvstep_info *info, struct obstacle *why);

#define HVSTEP_AUTO_ATTACH	"/sys/module/hvstep/parameters/auto_attach"

/* Whether the module attaches any VM that is to be stepped, by this parameter of its. */
bool info_auto_attach(void);

#endif /* HVSTEP_INFO_H */
