// SPDX-License-Identifier: GPL-2.0
/*
 * What to do about each obstacle between a VMM and a stepped VM. The shim, and
 * every subcommand, say it in these words.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "remedy.h"

static const char *open_remedy(int err)
{
	switch (err) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return "load the module: modprobe hvstep (hvstep doctor knows why, if it fails)";
	case EACCES:
		return "join the group that may use it: usermod -aG kvm USER, then log in again";
	case EPERM:
		return "a container or a device cgroup forbids it: allow " HVSTEP_DEVICE
		       " there (libvirt: cgroup_device_acl in qemu.conf)";
	case EMFILE:
		return "raise the limit of open files: ulimit -n";
	default:
		return "see the kernel log: dmesg";
	}
}

static const char *attach_remedy(int err)
{
	switch (err) {
	case EBUSY:
		return "the VM has another session already, or one whose last step is not over yet; "
		       "or another module has taken KVM's entry point";
	case EOPNOTSUPP:
		return "only guests of kvm-hv can be stepped, neither PR nor secure ones; if it is "
		       "neither, dmesg says what kvm-hv lacks";
	case ENOMEM:
		return "the host has no memory for it";
	case EMFILE:
		return "raise the limit of open files: ulimit -n";
	case EINTR:
		return "a signal came in between: ask for the step again";
	case ENOTTY:
		return "it is not the module's device: remove it, then modprobe hvstep";
	default:
		return "see the kernel log: dmesg";
	}
}

const char *obstacle_remedy(const struct obstacle *why)
{
	switch (why->stage) {
	case STAGE_NONE:
		return "nothing to do";
	case STAGE_NO_VM:
		return "run the process that does under hvstep";
	case STAGE_OPEN:
		return open_remedy(why->err);
	case STAGE_INFO:
	case STAGE_ATTACH:
		return attach_remedy(why->err);
	case STAGE_HOST:
		return "load it: modprobe kvm_hv";
	case STAGE_TABLE:
		return "close VMs that are no longer needed";
	}
	return "see the kernel log: dmesg";
}

void obstacle_describe(const struct obstacle *why, char *buf, unsigned long size)
{
	const char *remedy = obstacle_remedy(why);

	switch (why->stage) {
	case STAGE_NONE:
		snprintf(buf, size, "nothing is in the way");
		return;
	case STAGE_NO_VM:
		snprintf(buf, size, "this process has not created the VM; %s", remedy);
		return;
	case STAGE_HOST:
		snprintf(buf, size, "kvm-hv is not loaded; %s", remedy);
		return;
	case STAGE_TABLE:
		snprintf(buf, size, "this process has too many VMs; %s", remedy);
		return;
	case STAGE_ATTACH:
		snprintf(buf, size, HVSTEP_DEVICE ": cannot attach the VM: %s; %s",
			 strerror(why->err), remedy);
		return;
	case STAGE_OPEN:
	case STAGE_INFO:
		break;
	}
	snprintf(buf, size, HVSTEP_DEVICE ": %s; %s", strerror(why->err), remedy);
}
