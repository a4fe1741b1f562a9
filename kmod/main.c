// SPDX-License-Identifier: GPL-2.0
/*
 * hvstep: single stepping for KVM guests on POWER.
 */
#include <linux/module.h>

#include "hvstep.h"

static int __init hvstep_init(void)
{
	int ret;

	hvstep_vector_init();
	ret = hvstep_hook_init();
	if (ret)
		return ret;
	ret = hvstep_ioctl_init();
	if (ret)
		goto err_hook;
	/* The last one: it may have the hook in place, which keeps the module. */
	ret = hvstep_auto_init();
	if (ret)
		goto err_ioctl;
	return 0;

err_ioctl:
	hvstep_ioctl_exit();
err_hook:
	hvstep_hook_exit();
	return ret;
}

static void __exit hvstep_exit(void)
{
	hvstep_auto_exit();
	hvstep_ioctl_exit();
	hvstep_hook_exit();
}

module_init(hvstep_init);
module_exit(hvstep_exit);
MODULE_LICENSE("GPL");
/* That of dkms.conf; making packages holds one against the other. */
MODULE_VERSION("0.1.0");
MODULE_DESCRIPTION("Single stepping for KVM-HV guests on POWER");
/* It may come later, but usually is wanted; without it nothing can be attached. */
MODULE_SOFTDEP("pre: kvm-hv");
