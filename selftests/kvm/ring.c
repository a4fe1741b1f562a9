// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include "ring.h"

/* r14 and the doubleword at r15 count turns; r16 is 0, r17 the kernel's MSR. */
GUEST_CODE(ring,
	   "addi	14, 14, 1\n"
	   "ld	5, 0(15)\n"
	   "addi	5, 5, 1\n"
	   "std	5, 0(15)\n"
	   "mfmsr	17\n"
	   "sync\n"
	   "mtsprg	3, 14\n"
	   "mtsrr0	14\n"
	   "lwz	6, 8(15)\n"
	   "cmpdi	6, 0\n"
	   "mfsrr0	18\n"
	   "b	ring\n");

void ring_start(struct vcpu *v, __u64 ra)
{
	load_code(v, ra, ring, ring_end);
	put_data(v->vm, DATA_RA + 0x1000 * v->id, 8, 0);
	put_data(v->vm, DATA_RA + 0x1000 * v->id + 8, 8, 0);
	with_regs(v, r) {
		r.gpr[14] = 0;
		r.gpr[15] = vm_ea(v->vm, DATA_RA + 0x1000 * v->id);
		r.gpr[17] = r.msr;
		r.gpr[18] = 0;
	}
}

__u64 ring_next(const struct vm *vm, __u64 ra, __u64 pc)
{
	__u64 start = vm_ea(vm, ra);

	return pc == start + RING_SIZE - 4 ? start : pc + 4;
}

void ring_check(struct vcpu *v, __u64 ra)
{
	struct kvm_regs r;
	__u64 done, stored = get_data(v->vm, DATA_RA + 0x1000 * v->id, 8);

	vcpu_get_regs(v, &r);
	done = (r.pc - vm_ea(v->vm, ra)) / 4;
	if (done >= RING_INSNS)
		vm_fail("nip %llx left the loop", r.pc);
	if (stored != r.gpr[14] - (done > 0 && done < 4))
		vm_fail("at instruction %llu: %llu turns, but %llu stored", done,
			r.gpr[14], stored);
	/* mfmsr has shown the MSR as it is, mfsrr0 what mtsrr0 left. */
	if (r.gpr[17] != r.msr)
		vm_fail("mfmsr gave %llx, MSR is %llx", r.gpr[17], r.msr);
	if (r.gpr[18] != r.gpr[14] - (done > 0 && done < 11))
		vm_fail("at instruction %llu: mfsrr0 gave %llx", done, r.gpr[18]);
}

int ring_step(struct vcpu *v, __u64 ra)
{
	struct kvm_regs before, now;
	int ret, interrupted = 0;

	vcpu_get_regs(v, &before);
	while ((ret = step_run(v)) == -EINTR) {
		interrupted++;
		vcpu_get_regs(v, &now);
		if (now.pc != before.pc || now.msr != before.msr)
			vm_fail("-EINTR: nip %llx msr %llx, before %llx %llx", now.pc, now.msr,
				before.pc, before.msr);
	}
	check_exit(v, ret, KVM_EXIT_DEBUG, "step of the loop");
	vcpu_get_regs(v, &now);
	if (now.pc != ring_next(v->vm, ra, before.pc) || now.msr != before.msr)
		vm_fail("stepped from nip %llx msr %llx to nip %llx msr %llx", before.pc,
			before.msr, now.pc, now.msr);
	if (v->run->debug.arch.address != now.pc || v->run->debug.arch.status)
		vm_fail("debug.arch: address %llx status %x at nip %llx",
			v->run->debug.arch.address, v->run->debug.arch.status, now.pc);
	return interrupted;
}
