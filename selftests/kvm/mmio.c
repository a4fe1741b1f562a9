// SPDX-License-Identifier: GPL-2.0
/*
 * Loads and stores where no memory is: KVM_EXIT_MMIO first, with nothing of
 * the step to be seen, then KVM_EXIT_DEBUG behind the instruction.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>

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

/*
 * Instructions and the number of accesses that KVM makes of each: those that
 * update a register with the address, reverse the bytes, or access more than
 * KVM_EXIT_MMIO can carry. Store multiple and string it does not do (0), and
 * lmw it takes for a store, and has it executed again for ever: not here. The
 * names are in the order of the code.
 */
GUEST_CODE(many,
	   "lbzux 5, 3, 4\n"
	   "lhau 5, 2(3)\n"
	   "lwaux 5, 3, 4\n"
	   "ldu 5, 8(3)\n"
	   "lhbrx 5, 3, 4\n"
	   "ldbrx 5, 3, 4\n"
	   "stbu 5, 1(3)\n"
	   "sthux 5, 3, 4\n"
	   "stwu 5, 4(3)\n"
	   "stdu 5, 8(3)\n"
	   "sthbrx 5, 3, 4\n"
	   "stdbrx 5, 3, 4\n"
	   "lfdu 1, 8(3)\n"
	   "lfsux 1, 3, 4\n"
	   "stfdux 1, 3, 4\n"
	   "stfsu 1, 4(3)\n"
	   "lvx 1, 0, 3\n"
	   "stvx 1, 0, 3\n"
	   "lxvd2x 1, 0, 3\n"
	   "stxvd2x 1, 0, 3\n"
	   "lxvw4x 1, 0, 3\n"
	   "stxvw4x 1, 0, 3\n"
	   "lxvdsx 1, 3, 4\n"
	   ".long 0xbfa30000 # stmw 29, 0(3)\n"
	   ".long 0x7ca344aa # lswi 5, 3, 8\n");

static const struct many {
	const char *name;
	int accesses;
} many_names[] = {
	{ "lbzux", 1 }, { "lhau", 1 }, { "lwaux", 1 }, { "ldu", 1 }, { "lhbrx", 1 },
	{ "ldbrx", 1 }, { "stbu", 1 }, { "sthux", 1 }, { "stwu", 1 }, { "stdu", 1 },
	{ "sthbrx", 1 }, { "stdbrx", 1 }, { "lfdu", 1 }, { "lfsux", 1 }, { "stfdux", 1 },
	{ "stfsu", 1 }, { "lvx", 2 }, { "stvx", 2 }, { "lxvd2x", 2 }, { "stxvd2x", 2 },
	{ "lxvw4x", 4 }, { "stxvw4x", 4 }, { "lxvdsx", 1 }, { "stmw", 0 },
	{ "lswi", 0 },
};

#define MAX_ACCESSES	4

/* What an instruction did */
struct result {
	int n;
	struct {
		__u64 addr;
		__u32 len;
		bool write;
		__u8 data[8];
	} access[MAX_ACCESSES];
	struct snap snap;
	__u64 fpr[2], vr[2];
};

static void get_vector(struct vcpu *v, __u64 id, __u64 *val)
{
	struct kvm_one_reg reg = { .id = id, .addr = (unsigned long)val };

	if (ioctl(v->fd, KVM_GET_ONE_REG, &reg))
		vm_fail("KVM_GET_ONE_REG %llx: %s", id, strerror(errno));
}

static void set_vector(struct vcpu *v, __u64 id, __u64 a, __u64 b)
{
	__u64 val[2] = { a, b };
	struct kvm_one_reg reg = { .id = id, .addr = (unsigned long)val };

	if (ioctl(v->fd, KVM_SET_ONE_REG, &reg))
		vm_fail("KVM_SET_ONE_REG %llx: %s", id, strerror(errno));
}

static void prepare_many(struct vcpu *v, size_t i)
{
	prepare(v, many + i, many + i + 1, false);
	/* A step too many must show. */
	put_insn(v->vm, CODE_RA + 4, PPC_INST_NOP, v->vm->cell->be_code);
	with_regs(v, r)
		r.gpr[5] = 0x1122334455667788;
	set_vector(v, KVM_REG_PPC_VSR(1), 0x3ff1234560000000, 0x2233445566778899);
	set_vector(v, KVM_REG_PPC_VR(1), 0x33445566778899aa, 0x445566778899aabb);
	vcpu_set(v, KVM_REG_PPC_DAR, 0xdadadadadadadada);
	vcpu_set(v, KVM_REG_PPC_DSISR, 0x0d0d0d0d);
	v->run->exit_reason = KVM_EXIT_UNKNOWN;
}

/* Serve it, however it is run, until something else than MMIO ends KVM_RUN. */
static void serve_many(struct vcpu *v, int (*run)(struct vcpu *v), struct result *res,
		       const char *what)
{
	int ret;

	memset(res, 0, sizeof(*res));
	for (;;) {
		ret = run(v);
		if (ret == -EINTR)
			continue;
		if (ret || v->run->exit_reason != KVM_EXIT_MMIO)
			break;
		if (res->n == MAX_ACCESSES)
			vm_fail("%s: access %d", what, res->n);
		check_invisible(v, false, what);
		res->access[res->n].addr = v->run->mmio.phys_addr;
		res->access[res->n].len = v->run->mmio.len;
		res->access[res->n].write = v->run->mmio.is_write;
		if (v->run->mmio.is_write)
			memcpy(res->access[res->n].data, v->run->mmio.data, v->run->mmio.len);
		else
			memcpy(v->run->mmio.data, device + (v->run->mmio.phys_addr & 15),
			       v->run->mmio.len);
		res->n++;
	}
	check_exit(v, ret, KVM_EXIT_DEBUG, what);
	snap_take(v, &res->snap);
	get_vector(v, KVM_REG_PPC_VSR(1), res->fpr);
	get_vector(v, KVM_REG_PPC_VR(1), res->vr);
}

/* In a VM of its own, to a breakpoint behind it, or at the handler it goes to */
static void run_many(struct vcpu *v, size_t nr, struct result *res)
{
	const struct many *insn = &many_names[nr];
	static const __u64 vectors[] = { 0x300, 0x600, 0x700 };
	struct vm *vm = v->vm;
	size_t i;

	prepare_many(v, nr);
	put_insn(vm, CODE_RA + 4, KVMPPC_INST_SW_BREAKPOINT, vm->cell->be_code);
	for (i = 0; i < ARRAY_SIZE(vectors); i++)
		put_insn(vm, vm_vector_ra(vm, vectors[i]), KVMPPC_INST_SW_BREAKPOINT,
			 !vm->cell->ile);
	vm_seal(vm);
	vcpu_debug(v, DEBUG_BP);
	serve_many(v, vcpu_run, res, insn->name);
	/* KVM leaves HSRR1's causes in the MSR. */
	res->snap.r.msr &= SRR1_MSR_BITS;
	if (res->n != insn->accesses)
		vm_fail("%s: %d accesses unstepped, not %d", insn->name, res->n, insn->accesses);
}

static void compare_many(const char *what, const struct result *e, const struct result *g)
{
	if (e->n != g->n || memcmp(e->access, g->access, sizeof(e->access)))
		vm_fail("%s: %d accesses, first of %u bytes at %llx; unstepped %d, %u at %llx",
			what, g->n, g->access[0].len, g->access[0].addr, e->n, e->access[0].len,
			e->access[0].addr);
	snap_compare(what, &e->snap, &g->snap);
	if (memcmp(e->fpr, g->fpr, sizeof(e->fpr)) || memcmp(e->vr, g->vr, sizeof(e->vr)))
		vm_fail("%s: VSR1 %llx %llx VR1 %llx %llx; unstepped %llx %llx, %llx %llx", what,
			g->fpr[0], g->fpr[1], g->vr[0], g->vr[1], e->fpr[0], e->fpr[1], e->vr[0],
			e->vr[1]);
}

static void step_many(struct vcpu *v, int (*run)(struct vcpu *v))
{
	struct vm *vm = vm_create(v->vm->cell);
	struct vcpu *twin = vm_vcpu(vm, 0);
	struct result unstepped, stepped;
	size_t i;

	if (many_end - many != ARRAY_SIZE(many_names))
		vm_fail("%td instructions have %zu names", many_end - many,
			ARRAY_SIZE(many_names));
	for (i = 0; i < ARRAY_SIZE(many_names); i++) {
		run_many(twin, i, &unstepped);
		prepare_many(v, i);
		vm_seal(v->vm);
		serve_many(v, run, &stepped, many_names[i].name);
		if (v->run->debug.arch.address != stepped.snap.r.pc ||
		    v->run->debug.arch.status)
			vm_fail("%s: debug.arch.address %llx status %x", many_names[i].name,
				v->run->debug.arch.address, v->run->debug.arch.status);
		compare_many(many_names[i].name, &unstepped, &stepped);
		vm_check_sealed(v->vm, many_names[i].name);
	}
	vm_destroy(vm);
}

TEST_F(mmio, many)
{
	SKIP_WITHOUT_VRMA();
	SKIP_REFERENCE();
	step_many(self->v, step_run);
}

/*
 * The same with a signal pending whenever KVM_RUN begins, between the accesses
 * of one instruction, too: blocked, but for KVM_RUN. KVM completes an access
 * first; a step that has not begun does not begin.
 */
static int interrupted;

static int run_with_signal(struct vcpu *v)
{
	bool begun = v->run->exit_reason == KVM_EXIT_MMIO;
	struct timespec none = { };
	sigset_t set;
	int ret;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_kill(pthread_self(), SIGUSR1);
	ret = step_run(v);
	sigtimedwait(&set, NULL, &none);
	if (ret != -EINTR)
		return ret;
	interrupted++;
	check_invisible(v, false, "-EINTR");
	/* Without it, or it would never begin */
	return begun ? ret : step_run(v);
}

static void ignore(int sig)
{
	(void)sig;
}

TEST_F(mmio, many_with_signals)
{
	SKIP_WITHOUT_VRMA();
	SKIP_REFERENCE();
	struct {
		struct kvm_signal_mask mask;
		__u8 set[8];
	} mask = { .mask.len = sizeof(mask.set) };
	struct sigaction sa = { .sa_handler = ignore };
	sigset_t set;

	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_SIGNAL_MASK, &mask));
	interrupted = 0;
	step_many(self->v, run_with_signal);
	TH_LOG("interrupted %d times", interrupted);
	EXPECT_GE(interrupted, (int)ARRAY_SIZE(many_names));
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
