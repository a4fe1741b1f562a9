// SPDX-License-Identifier: GPL-2.0
/* Guest memory, addresses and registers */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vm.h"

static const struct { size_t start, size; } sealed_parts[] = {
	{ VECTORS_RA, 0x20000 },	/* and the code behind them */
	{ USER_CODE_RA, 0x4000 },
	{ RWX_RA, 0x4000 },
	{ SPECIAL_RA, 0x4000 },
};

#define for_each_sealed(p)						\
	for ((p) = sealed_parts;					\
	     (p) < sealed_parts + ARRAY_SIZE(sealed_parts); (p)++)

__u64 vm_ea(const struct vm *vm, __u64 ra)
{
	return vm->cell->ail ? KERNEL_EA + ra : ra;
}

__u64 vm_mmio_ea(const struct vm *vm)
{
	return vm->cell->ail ? KERNEL_EA + MMIO_SLOT_EA : MMIO_RA;
}

/* ISA Book III 7.5: interrupt vectors, and the offset LPCR[AIL]=3 adds */
__u64 vm_vector(const struct vm *vm, __u64 vector)
{
	return vm->cell->ail ? KERNEL_EA + 0x4000 + vector : vector;
}

__u64 vm_vector_ra(const struct vm *vm, __u64 vector)
{
	return vm->cell->ail ? 0x4000 + vector : vector;
}

__u64 vm_msr(const struct vm *vm)
{
	return MSR_SF | MSR_ME | MSR_RI | (vm->cell->be_code ? 0 : MSR_LE) |
		(vm->cell->ail ? MSR_IR | MSR_DR : 0);
}

__u64 vm_user_msr(const struct vm *vm)
{
	return vm_msr(vm) | MSR_EE | MSR_PR | MSR_IR | MSR_DR;
}

/*
 * ISA Book III 7.5, figure "MSR setting due to interrupt": SF is 1, ME and TM
 * stay, LE is a copy of LPCR[ILE], IR and DR stay on only where AIL applies,
 * all others are 0.
 */
__u64 vm_intr_msr(const struct vm *vm, __u64 msr)
{
	__u64 intr = MSR_SF | MSR_ME;

	if (vm->cell->ile)
		intr |= MSR_LE;
	if (vm->cell->ail && (msr & MSR_IR) && (msr & MSR_DR))
		intr |= MSR_IR | MSR_DR;
	return intr;
}

/*
 * KVM on POWER8 gets the storage interrupts of its guests first, and reflects
 * them in assembly that knows no AIL (book3s_hv_rmhandlers.S).
 */
bool vm_reflects_in_real_mode(const struct vm *vm, __u64 vector)
{
	return vm->cell->ail && vm_host_power() < 9 && (vector == 0x300 || vector == 0x400);
}

void put_insn(struct vm *vm, __u64 ra, __u32 insn, bool be)
{
	if (be)
		insn = __builtin_bswap32(insn);
	memcpy(vm->mem + ra, &insn, sizeof(insn));
}

__u32 get_insn(const struct vm *vm, __u64 ra, bool be)
{
	__u32 insn;

	memcpy(&insn, vm->mem + ra, sizeof(insn));
	return be ? __builtin_bswap32(insn) : insn;
}

void put_words(struct vm *vm, __u64 ra, const __u32 *p, const __u32 *end, bool be)
{
	for (; p < end; p++, ra += 4)
		put_insn(vm, ra, *p, be);
}

void put_code(struct vm *vm, __u64 ra, const __u32 *p, const __u32 *end)
{
	put_words(vm, ra, p, end, vm->cell->be_code);
}

void put_handler(struct vm *vm, __u64 vector, const __u32 *p, const __u32 *end)
{
	put_words(vm, vm_vector_ra(vm, vector), p, end, !vm->cell->ile);
	if (vm_reflects_in_real_mode(vm, vector))
		put_words(vm, vector, p, end, !vm->cell->ile);
}

__u64 get_data(const struct vm *vm, __u64 ra, int size)
{
	__u64 val = 0;
	int i;

	for (i = 0; i < size; i++)
		val = val << 8 | vm->mem[ra + (vm->cell->be_code ? i : size - 1 - i)];
	return val;
}

void put_data(struct vm *vm, __u64 ra, int size, __u64 val)
{
	int i;

	for (i = 0; i < size; i++, val >>= 8)
		vm->mem[ra + (vm->cell->be_code ? size - 1 - i : i)] = val;
}

void vm_seal(struct vm *vm)
{
	const typeof(sealed_parts[0]) *p;

	if (!vm->sealed)
		vm->sealed = malloc(MEM_SIZE);
	for_each_sealed(p)
		memcpy(vm->sealed + p->start, vm->mem + p->start, p->size);
}

void vm_copy(struct vm *to, const struct vm *from)
{
	const typeof(sealed_parts[0]) *p;

	for_each_sealed(p)
		memcpy(to->mem + p->start, from->mem + p->start, p->size);
	memcpy(to->mem + DATA_RA, from->mem + DATA_RA, 0x10000);
	memcpy(to->mem + TABLES_RA, from->mem + TABLES_RA, TABLES_SIZE);
	memcpy(to->mem + READONLY_RA, from->mem + READONLY_RA, 0x4000);
	memcpy(to->mem + USER_DATA_RA, from->mem + USER_DATA_RA, 0x10000);
}

void vm_check_sealed(const struct vm *vm, const char *when)
{
	const typeof(sealed_parts[0]) *p;
	size_t i;

	for_each_sealed(p) {
		if (!memcmp(vm->sealed + p->start, vm->mem + p->start, p->size))
			continue;
		for (i = p->start; vm->sealed[i] == vm->mem[i]; i++)
			;
		i &= ~3UL;
		vm_fail("%s: guest memory at %zx holds %08x instead of %08x (as big-endian)",
			when, i, get_insn(vm, i, true),
			__builtin_bswap32(*(__u32 *)(vm->sealed + i)));
	}
}

void vcpu_get_regs(struct vcpu *v, struct kvm_regs *r)
{
	if (ioctl(v->fd, KVM_GET_REGS, r))
		vm_fail("KVM_GET_REGS: %s", strerror(errno));
}

void vcpu_set_regs(struct vcpu *v, const struct kvm_regs *r)
{
	if (ioctl(v->fd, KVM_SET_REGS, r))
		vm_fail("KVM_SET_REGS: %s", strerror(errno));
}

__u64 vcpu_get(struct vcpu *v, __u64 id)
{
	union { __u64 d; __u32 w; __u64 q[2]; } val = { 0 };
	struct kvm_one_reg reg = { .id = id, .addr = (unsigned long)&val };

	if (ioctl(v->fd, KVM_GET_ONE_REG, &reg))
		vm_fail("KVM_GET_ONE_REG %llx: %s", id, strerror(errno));
	return (id & KVM_REG_SIZE_MASK) == KVM_REG_SIZE_U32 ? val.w : val.d;
}

void vcpu_set(struct vcpu *v, __u64 id, __u64 val)
{
	union { __u64 d; __u32 w; } u = { .d = val };
	struct kvm_one_reg reg = { .id = id, .addr = (unsigned long)&u };

	if ((id & KVM_REG_SIZE_MASK) == KVM_REG_SIZE_U32)
		u.w = val;
	if (ioctl(v->fd, KVM_SET_ONE_REG, &reg))
		vm_fail("KVM_SET_ONE_REG %llx: %s", id, strerror(errno));
}

/* The guest's timebase is the host's, for nobody set KVM_REG_PPC_TB_OFFSET. */
void vcpu_set_dec(struct vcpu *v, long long ticks)
{
	if (ticks == DEC_NEVER && vm_host_power() < 9)
		ticks = 0x7fffffff;	/* 32 bits are all there is */
	vcpu_set(v, KVM_REG_PPC_DEC_EXPIRY, __builtin_ppc_get_timebase() + ticks);
}

void vcpu_debug(struct vcpu *v, __u32 control)
{
	struct kvm_guest_debug dbg = { .control = control };

	if (ioctl(v->fd, KVM_SET_GUEST_DEBUG, &dbg))
		vm_fail("KVM_SET_GUEST_DEBUG: %s", strerror(errno));
	v->control = control;
}

void snap_take(struct vcpu *v, struct snap *s)
{
	memset(s, 0, sizeof(*s));
	vcpu_get_regs(v, &s->r);
	s->dar = vcpu_get(v, KVM_REG_PPC_DAR);
	s->dsisr = vcpu_get(v, KVM_REG_PPC_DSISR);
}

static bool differs(const char *what, const char *name, int nr, __u64 expect, __u64 got)
{
	if (expect == got)
		return false;
	fprintf(stderr, nr < 0 ? "# %s: %s" : "# %s: %s%d", what, name, nr);
	fprintf(stderr, " is 0x%llx, expected 0x%llx\n", got, expect);
	return true;
}

bool snap_differs(const char *what, const struct snap *expect, const struct snap *got)
{
	const struct kvm_regs *e = &expect->r, *g = &got->r;
	bool bad = false;
	int i;

#define CHECK(name, field) (bad |= differs(what, name, -1, e->field, g->field))
	CHECK("nip", pc);
	CHECK("msr", msr);
	CHECK("srr0", srr0);
	CHECK("srr1", srr1);
	CHECK("cr", cr);
	CHECK("xer", xer);
	CHECK("lr", lr);
	CHECK("ctr", ctr);
	CHECK("pid", pid);
	CHECK("sprg0", sprg0);
	CHECK("sprg1", sprg1);
	CHECK("sprg2", sprg2);
	CHECK("sprg3", sprg3);
#undef CHECK
	for (i = 0; i < 32; i++)
		bad |= differs(what, "r", i, e->gpr[i], g->gpr[i]);
	bad |= differs(what, "dar", -1, expect->dar, got->dar);
	bad |= differs(what, "dsisr", -1, expect->dsisr, got->dsisr);
	return bad;
}

void snap_compare(const char *what, const struct snap *expect, const struct snap *got)
{
	if (snap_differs(what, expect, got))
		vm_fail("%s: wrong registers, stepped from nip near 0x%llx", what, got->r.pc);
}
