// SPDX-License-Identifier: GPL-2.0
/*
 * Loads and stores where no memory is: KVM_EXIT_MMIO first, with nothing of
 * the step to be seen, then KVM_EXIT_DEBUG behind the instruction.
 */
#include "cells.h"

CELL_FIXTURE(mmio);
CELLS(mmio);
MIXED_CELLS(mmio);
HASH_CELLS(mmio);

/* The device's bytes, in the order of their addresses */
static const __u8 device[16] = {
	0x81, 0x12, 0x23, 0x34, 0x45, 0x56, 0x67, 0x78,
	0x91, 0xa2, 0xb3, 0xc4, 0xd5, 0xe6, 0xf7, 0x08,
};

/* What a load of @size bytes at @offset gives in this code's endianness */
static __u64 device_value(const struct vm *vm, int offset, int size, bool reversed)
{
	__u64 val = 0;
	int i;

	for (i = 0; i < size; i++)
		val = val << 8 |
			device[offset + (vm->cell->be_code != reversed ? i : size - 1 - i)];
	return val;
}

/* One KVM_EXIT_MMIO, answered from, or compared with, the device's bytes */
static void serve_mmio(struct vcpu *v, int ret, int offset, __u32 len, bool write,
		       bool ee, const char *what)
{
	check_exit(v, ret, KVM_EXIT_MMIO, what);
	check_invisible(v, ee, what);
	if (v->run->mmio.phys_addr != MMIO_RA + offset || v->run->mmio.len != len ||
	    v->run->mmio.is_write != write)
		vm_fail("%s: MMIO %s of %u bytes at %llx", what,
			v->run->mmio.is_write ? "store" : "load", v->run->mmio.len,
			v->run->mmio.phys_addr);
	if (!write)
		memcpy(v->run->mmio.data, device + offset, len);
	else if (memcmp(v->run->mmio.data, device + offset, len))
		vm_fail("%s: wrong data stored, first byte %02x", what, v->run->mmio.data[0]);
}

static void prepare(struct vcpu *v, const __u32 *p, const __u32 *end, bool ee)
{
	load_code(v, CODE_RA, p, end);
	with_regs(v, r) {
		r.gpr[3] = vm_mmio_ea(v->vm);
		r.gpr[4] = 8;
		r.msr = vm_msr(v->vm) | MSR_FP | MSR_VEC | MSR_VSX | (ee ? MSR_EE : 0);
	}
}

GUEST_CODE(lbz, "lbz 5, 1(3); nop\n");
GUEST_CODE(lhz, "lhz 5, 2(3); nop\n");
GUEST_CODE(lha, "lha 5, 0(3); nop\n");
GUEST_CODE(lwz, "lwz 5, 4(3); nop\n");
GUEST_CODE(ld, "ld 5, 8(3); nop\n");
GUEST_CODE(lwbrx, "lwbrx 5, 0, 3; nop\n");
GUEST_CODE(lwzu, "lwzu 5, 4(3); nop\n");

static void step_load(struct vcpu *v, const __u32 *p, const __u32 *end, int offset, int len,
		      __u64 val, bool ee, const char *what)
{
	prepare(v, p, end, ee);
	step_expect(v)->gpr[5] = val;
	if (p == lwzu)
		v->expect.r.gpr[3] += 4;
	serve_mmio(v, step_run(v), offset, len, false, ee, what);
	step_check(v, what);
	step_expect(v);
	step_check(v, "nop behind a load");
}

TEST_F(mmio, load)
{
	SKIP_WITHOUT_VRMA();
	struct vcpu *v = self->v;
	int ee;

	for (ee = 0; ee < 2; ee++) {
#define LOAD(name, offset, len, val)					\
		step_load(v, name, name##_end, offset, len, val, ee, #name)
		LOAD(lbz, 1, 1, 0x12);
		LOAD(lhz, 2, 2, device_value(v->vm, 2, 2, false));
		LOAD(lha, 0, 2, (__s64)(__s16)device_value(v->vm, 0, 2, false));
		LOAD(lwz, 4, 4, device_value(v->vm, 4, 4, false));
		LOAD(ld, 8, 8, device_value(v->vm, 8, 8, false));
		LOAD(lwbrx, 0, 4, device_value(v->vm, 0, 4, true));
		LOAD(lwzu, 4, 4, device_value(v->vm, 4, 4, false));
	}
}

GUEST_CODE(stb, "stb 5, 1(3); nop\n");
GUEST_CODE(sth, "sth 5, 2(3); nop\n");
GUEST_CODE(stw, "stw 5, 4(3); nop\n");
GUEST_CODE(std, "std 5, 8(3); nop\n");
GUEST_CODE(stwbrx, "stwbrx 5, 0, 3; nop\n");

static void step_store(struct vcpu *v, const __u32 *p, const __u32 *end, int offset, int len,
		       bool reversed, bool ee, const char *what)
{
	prepare(v, p, end, ee);
	with_regs(v, r)
		r.gpr[5] = device_value(v->vm, offset, len, reversed);
	step_expect(v);
	serve_mmio(v, step_run(v), offset, len, true, ee, what);
	step_check(v, what);
	step_expect(v);
	step_check(v, "nop behind a store");
}

TEST_F(mmio, store)
{
	SKIP_WITHOUT_VRMA();
	struct vcpu *v = self->v;
	int ee;

	for (ee = 0; ee < 2; ee++) {
#define STORE(name, offset, len, reversed)				\
		step_store(v, name, name##_end, offset, len, reversed, ee, #name)
		STORE(stb, 1, 1, false);
		STORE(sth, 2, 2, false);
		STORE(stw, 4, 4, false);
		STORE(std, 8, 8, false);
		STORE(stwbrx, 0, 4, true);
	}
}

GUEST_CODE(lfd, "lfd 1, 8(3); nop\n");
GUEST_CODE(lxvd2x, "lxvd2x 1, 0, 3; nop\n");

TEST_F(mmio, floating_point)
{
	SKIP_WITHOUT_VRMA();
	struct vcpu *v = self->v;

	prepare(v, lfd, lfd_end, false);
	step_expect(v);
	serve_mmio(v, step_run(v), 8, 8, false, false, "lfd");
	step_check(v, "lfd");
	EXPECT_EQ(device_value(v->vm, 8, 8, false), vcpu_get(v, KVM_REG_PPC_FPR(1)));
}

/* One instruction, two exits: KVM does the second within its completion. */
TEST_F(mmio, vector)
{
	SKIP_WITHOUT_VRMA();
	struct vcpu *v = self->v;

	prepare(v, lxvd2x, lxvd2x_end, false);
	step_expect(v);
	serve_mmio(v, step_run(v), 0, 8, false, false, "lxvd2x, first");
	serve_mmio(v, step_run(v), 8, 8, false, false, "lxvd2x, second");
	step_check(v, "lxvd2x");
	EXPECT_EQ(device_value(v->vm, 0, 8, false), vcpu_get(v, KVM_REG_PPC_FPR(1)));
	step_expect(v);
	step_check(v, "nop");
}

/* A VMM that sets KVM_GUESTDBG_SINGLESTEP before each KVM_RUN */
TEST_F(mmio, set_debug_again)
{
	SKIP_WITHOUT_VRMA();
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	prepare(v, lwz, lwz_end, false);
	step_expect(v)->gpr[5] = device_value(v->vm, 4, 4, false);
	serve_mmio(v, step_run(v), 4, 4, false, false, "lwz");
	vcpu_debug(v, DEBUG_STEP);
	step_check(v, "lwz");
}

/* The PC changed between KVM_EXIT_MMIO and the next KVM_RUN: a new step */
TEST_F(mmio, pc_changed)
{
	SKIP_WITHOUT_VRMA();
	struct vcpu *v = self->v;

	SKIP_REFERENCE();
	put_insn(v->vm, CODE_RA + 0x1000, PPC_INST_NOP, v->vm->cell->be_code);
	prepare(v, lwz, lwz_end, false);
	step_expect(v);
	serve_mmio(v, step_run(v), 4, 4, false, false, "lwz");
	with_regs(v, r)
		r.pc = vm_ea(v->vm, CODE_RA + 0x1000);
	v->expect.r.pc = vm_ea(v->vm, CODE_RA + 0x1004);
	v->expect.r.gpr[5] = device_value(v->vm, 4, 4, false);
	step_check(v, "nop elsewhere");
}

KVM_TEST_MAIN
