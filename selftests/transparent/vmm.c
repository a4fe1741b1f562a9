// SPDX-License-Identifier: GPL-2.0
/*
 * The smallest VMM: has KVM step a guest of a few instructions, and says whether it did.
 * It knows nothing of hvstep; it is linked dynamically and statically, for what can be
 * preloaded into and what cannot.
 *
 *	vmm		one round; exit status: 0 stepped, 1 ran free, 2 an error
 *	vmm --rounds	one for each line of its input
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define KVM_VM_PPC_HV		1
#define MEMORY_SIZE		0x100000UL
#define START			0x2000UL
#define INSTRUCTIONS		16
#define MSR_SF			(1ULL << 63)
#define MSR_ME			0x1000ULL
#define MSR_LE			1ULL
#define ADDI_R3_R3_1		0x38630001U
/* What KVM takes for a breakpoint of the VMM's: here whoever runs free comes to a stop. */
#define SW_BREAKPOINT		0x00dddd00U

struct vmm {
	int kvm, vm, vcpu;
	struct kvm_run *run;
};

static int failed(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 2;
}

static int create(struct vmm *vmm)
{
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY_SIZE };
	struct kvm_enable_cap papr = { .cap = KVM_CAP_PPC_PAPR };
	unsigned int *memory;
	long size;

	vmm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vmm->kvm < 0)
		return failed("/dev/kvm");
	vmm->vm = ioctl(vmm->kvm, KVM_CREATE_VM, KVM_VM_PPC_HV);
	if (vmm->vm < 0)
		return failed("KVM_CREATE_VM");
	memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return failed("memory");
	for (int i = 0; i < INSTRUCTIONS; i++)
		memory[START / 4 + i] = ADDI_R3_R3_1;
	memory[START / 4 + INSTRUCTIONS] = SW_BREAKPOINT;
	region.userspace_addr = (unsigned long)memory;
	if (ioctl(vmm->vm, KVM_SET_USER_MEMORY_REGION, &region))
		return failed("KVM_SET_USER_MEMORY_REGION");
	vmm->vcpu = ioctl(vmm->vm, KVM_CREATE_VCPU, 0);
	if (vmm->vcpu < 0)
		return failed("KVM_CREATE_VCPU");
	if (ioctl(vmm->vcpu, KVM_ENABLE_CAP, &papr))
		return failed("KVM_CAP_PPC_PAPR");
	size = ioctl(vmm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	vmm->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vmm->vcpu, 0);
	return vmm->run == MAP_FAILED ? failed("kvm_run") : 0;
}

/* Returns vmm's exit status. */
static int one_round(struct vmm *vmm)
{
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_SINGLESTEP,
	};
	struct kvm_regs regs;

	if (ioctl(vmm->vcpu, KVM_GET_REGS, &regs))
		return failed("KVM_GET_REGS");
	regs.pc = START;
	regs.msr = MSR_SF | MSR_ME | MSR_LE;
	regs.gpr[3] = 0;
	if (ioctl(vmm->vcpu, KVM_SET_REGS, &regs) || ioctl(vmm->vcpu, KVM_SET_GUEST_DEBUG, &debug))
		return failed("KVM_SET_REGS or _GUEST_DEBUG");
	for (int i = 1; i <= INSTRUCTIONS; i++) {
		if (ioctl(vmm->vcpu, KVM_RUN, 0) || ioctl(vmm->vcpu, KVM_GET_REGS, &regs))
			return failed("KVM_RUN");
		if (vmm->run->exit_reason != KVM_EXIT_DEBUG) {
			printf("exit reason %u at %#llx\n", vmm->run->exit_reason,
			       (unsigned long long)regs.pc);
			return 2;
		}
		if (regs.pc != START + 4 * i || regs.gpr[3] != (unsigned int)i) {
			printf("ran free: step %d has led from %#lx to %#llx\n", i,
			       START + 4 * (i - 1), (unsigned long long)regs.pc);
			return 1;
		}
	}
	printf("stepped: %d instructions\n", INSTRUCTIONS);
	return 0;
}

int main(int argc, char **argv)
{
	bool rounds = argc == 2 && !strcmp(argv[1], "--rounds");
	struct vmm vmm;
	char line[16];
	int ret;

	setvbuf(stdout, NULL, _IOLBF, 0);
	ret = create(&vmm);
	if (ret)
		return ret;
	if (!rounds)
		return one_round(&vmm);
	puts("ready");
	while (fgets(line, sizeof(line), stdin))
		ret = one_round(&vmm);
	return ret;
}
