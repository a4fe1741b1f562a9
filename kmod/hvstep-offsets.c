// SPDX-License-Identifier: GPL-2.0
/* What stub.S has to know of structures of C; Kbuild makes hvstep-offsets.h of this. */
#include <linux/kbuild.h>
#include <linux/kvm_host.h>

int main(void)
{
	DEFINE(VCPU_KVM, offsetof(struct kvm_vcpu, kvm));
	DEFINE(VCPU_GUEST_DEBUG, offsetof(struct kvm_vcpu, guest_debug));
	DEFINE(GUESTDBG_SINGLESTEP, KVM_GUESTDBG_SINGLESTEP);
	return 0;
}
