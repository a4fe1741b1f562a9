// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/hvstep and the session descriptors. See include/uapi/linux/hvstep.h.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "hvstep.h"

#define POLICY_FLAGS	(HVSTEP_POLICY_TRACE_ALL | HVSTEP_POLICY_ATOMIC | \
			 HVSTEP_POLICY_EXCLUSIVE)

static int session_get_policy(struct hvstep_vm *vm, void __user *argp)
{
	struct hvstep_policy policy = {
		.flags = READ_ONCE(vm->flags),
		.irq = READ_ONCE(vm->irq),
	};

	return copy_to_user(argp, &policy, sizeof(policy)) ? -EFAULT : 0;
}

static int session_set_policy(struct hvstep_vm *vm, void __user *argp)
{
	struct hvstep_policy policy;

	if (copy_from_user(&policy, argp, sizeof(policy)))
		return -EFAULT;
	if (policy.flags & ~POLICY_FLAGS || policy.irq > HVSTEP_IRQ_DELIVER ||
	    policy.pad || memchr_inv(policy.reserved, 0, sizeof(policy.reserved)))
		return -EINVAL;

	WRITE_ONCE(vm->flags, policy.flags);
	WRITE_ONCE(vm->irq, policy.irq);
	return 0;
}

static int session_step(struct hvstep_vm *vm, void __user *argp)
{
	struct hvstep_step step;

	if (copy_from_user(&step, argp, sizeof(step)))
		return -EFAULT;
	return hvstep_request(vm, &step);
}

static int session_trace(struct file *session, void __user *argp)
{
	struct hvstep_trace trace;

	if (copy_from_user(&trace, argp, sizeof(trace)))
		return -EFAULT;
	return hvstep_trace_open(session->private_data, session, &trace);
}

static void counters_add(struct hvstep_counters *c, struct hvstep_vcpu *hv)
{
	c->steps += READ_ONCE(hv->count[HVSTEP_COUNT_STEPS]);
	c->emulated += READ_ONCE(hv->count[HVSTEP_COUNT_EMULATED]);
	c->traced += READ_ONCE(hv->count[HVSTEP_COUNT_TRACED]);
	c->displaced += READ_ONCE(hv->count[HVSTEP_COUNT_DISPLACED]);
	c->moved += READ_ONCE(hv->count[HVSTEP_COUNT_MOVED]);
	c->faults += READ_ONCE(hv->count[HVSTEP_COUNT_FAULTS]);
	c->breakpoints += READ_ONCE(hv->count[HVSTEP_COUNT_BREAKPOINTS]);
	c->interrupted += READ_ONCE(hv->count[HVSTEP_COUNT_INTERRUPTED]);
	c->held += READ_ONCE(hv->count[HVSTEP_COUNT_HELD]);
	c->parked += READ_ONCE(hv->count[HVSTEP_COUNT_PARKED]);
	c->reflected += READ_ONCE(hv->count[HVSTEP_COUNT_REFLECTED]);
	c->lost += READ_ONCE(hv->count[HVSTEP_COUNT_LOST]);
}

static int session_get_counters(struct hvstep_vm *vm, void __user *argp)
{
	struct hvstep_counters c, in;
	struct hvstep_vcpu *hv;
	unsigned long idx;

	if (copy_from_user(&in, argp, sizeof(in)))
		return -EFAULT;
	if (in.pad || memchr_inv(in.reserved, 0, sizeof(in.reserved)))
		return -EINVAL;

	memset(&c, 0, sizeof(c));
	c.vcpu = in.vcpu;
	if (in.vcpu == HVSTEP_VCPU_ALL) {
		xa_for_each(&vm->vcpus, idx, hv)
			counters_add(&c, hv);
	} else {
		hv = hvstep_vm_vcpu_by_id(vm, in.vcpu);
		if (!hv)
			return -ENOENT;
		if (IS_ERR(hv))
			return PTR_ERR(hv);
		counters_add(&c, hv);
	}
	return copy_to_user(argp, &c, sizeof(c)) ? -EFAULT : 0;
}

static long session_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct hvstep_vm *vm = file->private_data;
	void __user *argp = (void __user *)arg;

	switch (cmd) {
	case HVSTEP_GET_POLICY:
		return session_get_policy(vm, argp);
	case HVSTEP_SET_POLICY:
		return session_set_policy(vm, argp);
	case HVSTEP_STEP:
		return session_step(vm, argp);
	case HVSTEP_GET_COUNTERS:
		return session_get_counters(vm, argp);
	case HVSTEP_TRACE:
		return session_trace(file, argp);
	default:
		return -ENOTTY;
	}
}

static int session_release(struct inode *inode, struct file *file)
{
	hvstep_vm_close(file->private_data);
	return 0;
}

static const struct file_operations session_fops = {
	.owner = THIS_MODULE,
	.release = session_release,
	.unlocked_ioctl = session_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static int get_info(void __user *argp)
{
	struct hvstep_info info;

	memset(&info, 0, sizeof(info));
	info.features = HVSTEP_FEATURES;
	info.policies = POLICY_FLAGS;
	info.attached = hvstep_vm_attached();
	if (hvstep_hook_present())
		info.host |= HVSTEP_HOST_KVM_HV;
	if (radix_enabled())
		info.host |= HVSTEP_HOST_RADIX;
	if (!cpu_has_feature(CPU_FTR_HVMODE))
		info.host |= HVSTEP_HOST_NESTED;
	if (cpu_has_feature(CPU_FTR_ARCH_300))
		info.host |= HVSTEP_HOST_ARCH_300;
	if (cpu_has_feature(CPU_FTR_ARCH_31))
		info.host |= HVSTEP_HOST_ARCH_31;
	return copy_to_user(argp, &info, sizeof(info)) ? -EFAULT : 0;
}

/*
 * file_is_kvm() is exported to kvm-hv alone. The name says the same: nobody but
 * a caller of anon_inode_getfd() in the kernel can choose one in anon_inodefs.
 * The owner of the operations is a second look; 6.1 does not set it.
 */
static bool file_is_vm(struct file *file)
{
	struct module *owner = file->f_op->owner;

	return !strcmp(file_inode(file)->i_sb->s_type->name, "anon_inodefs") &&
	       !strcmp(file->f_path.dentry->d_name.name, "kvm-vm") &&
	       (!owner || !strcmp(module_name(owner), "kvm"));
}

/* The struct kvm behind a VM's descriptor, with a reference. */
static struct kvm *kvm_from_fd(int fd)
{
	struct kvm *kvm = ERR_PTR(-EINVAL);
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADF);
	if (file_is_vm(file)) {
		kvm = file->private_data;
		if (!kvm_get_kvm_safe(kvm))
			kvm = ERR_PTR(-EINVAL);
	}
	fput(file);
	return kvm;
}

static int attach_vm(void __user *argp)
{
	struct hvstep_attach attach;
	struct hvstep_vm *vm;
	struct file *file;
	struct kvm *kvm;
	int fd, ret;

	if (copy_from_user(&attach, argp, sizeof(attach)))
		return -EFAULT;
	if (attach.flags & ~HVSTEP_ATTACH_SHARE ||
	    memchr_inv(attach.reserved, 0, sizeof(attach.reserved)))
		return -EINVAL;

	/* What can fail without a VM comes first: to take one takes vCPUs out of KVM_RUN. */
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	kvm = kvm_from_fd(attach.vm_fd);
	if (IS_ERR(kvm)) {
		ret = PTR_ERR(kvm);
		goto err_fd;
	}

	vm = hvstep_vm_attach(kvm, false);
	if (PTR_ERR_OR_ZERO(vm) == -EBUSY)
		vm = hvstep_vm_share(kvm, attach.flags & HVSTEP_ATTACH_SHARE) ?: vm;
	if (IS_ERR(vm)) {
		kvm_put_kvm(kvm);
		ret = PTR_ERR(vm);
		goto err_fd;
	}

	file = anon_inode_getfile("hvstep-session", &session_fops, vm, O_RDWR);
	if (IS_ERR(file)) {
		hvstep_vm_close(vm);
		ret = PTR_ERR(file);
		goto err_fd;
	}
	fd_install(fd, file);
	return fd;

err_fd:
	put_unused_fd(fd);
	return ret;
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;

	switch (cmd) {
	case HVSTEP_GET_INFO:
		return get_info(argp);
	case HVSTEP_ATTACH:
		return attach_vm(argp);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice hvstep_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hvstep",
	/* The group is udev's to set, as for /dev/kvm. */
	.mode = 0660,
	.fops = &device_fops,
};

int hvstep_ioctl_init(void)
{
	return misc_register(&hvstep_device);
}

void hvstep_ioctl_exit(void)
{
	misc_deregister(&hvstep_device);
}
