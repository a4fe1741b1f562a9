/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_REMEDY_H
#define HVSTEP_REMEDY_H

/* Where the way to a stepped VM ended, and with which errno. */
enum obstacle_stage {
	STAGE_NONE,		/* nothing is in the way */
	STAGE_NO_VM,		/* this process never created a VM */
	STAGE_OPEN,		/* open() of the device */
	STAGE_INFO,		/* HVSTEP_GET_INFO */
	STAGE_HOST,		/* the module is there, kvm-hv is not */
	STAGE_ATTACH,		/* HVSTEP_ATTACH */
	STAGE_TABLE,		/* more VMs than the shim keeps track of */
};

struct obstacle {
	enum obstacle_stage stage;
	int err;
};

/* "what is wrong; what to do", without a full stop or a newline. */
void obstacle_describe(const struct obstacle *why, char *buf, unsigned long size);

/* Only its second half; never NULL. */
const char *obstacle_remedy(const struct obstacle *why);

#endif /* HVSTEP_REMEDY_H */
