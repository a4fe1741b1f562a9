// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define KVM_VM_PPC_HV	1

/* PAPR's logical processor versions: 8 is 0x0f000004, 9 0x0f000005 */
#define PVR_ARCH(power)	(0x0f000004 + (power) - 8)

void vm_fail(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "# ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	abort();
}

static int check_extension(int fd, int cap)
{
	return ioctl(fd, KVM_CHECK_EXTENSION, cap);
}

/* What is not there, why, and what to do */
static const char *missing(const char *what, const char *module)
{
	static char reason[128];

	if (errno == EACCES || errno == EPERM)
		snprintf(reason, sizeof(reason), "%s: %s; be root, or in the group kvm",
			 what, strerror(errno));
	else
		snprintf(reason, sizeof(reason), "%s: %s; load the module: modprobe %s", what,
			 strerror(errno), module);
	return reason;
}

const char *vm_missing(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm;

	if (kvm < 0)
		return missing("no KVM, /dev/kvm", "kvm_hv");
	vm = ioctl(kvm, KVM_CREATE_VM, KVM_VM_PPC_HV);
	close(kvm);
	if (vm < 0)
		return missing("no KVM-HV", "kvm_hv");
	close(vm);
	if (!getenv("HVSTEP_REFERENCE") && access("/dev/hvstep", R_OK | W_OK))
		return missing("no hvstep, /dev/hvstep", "hvstep");
	return NULL;
}

bool vm_has_radix(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	bool radix = check_extension(kvm, KVM_CAP_PPC_MMU_RADIX) > 0;

	close(kvm);
	return radix;
}

int vm_host_power(void)
{
	const char *platform = (const char *)getauxval(AT_PLATFORM);

	if (!platform || strncmp(platform, "power", 5))
		return 0;
	return atoi(platform + 5);
}

const char *cell_missing(const struct cell *cell)
{
	int kvm, hash;

	if (cell->compat && cell->compat >= vm_host_power())
		return "this host's own mode, or a newer one";
	if (!cell->hash)
		return NULL;
	if (!vm_has_radix())
		return "without radix all cells are hash guests";
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	hash = check_extension(kvm, KVM_CAP_PPC_MMU_HASH_V3);
	close(kvm);
	return hash > 0 ? NULL : "no hash guests on this host";
}

void vm_put_memslot(struct vm *vm, __u64 gpa, __u64 size, __u32 flags)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = gpa, .memory_size = size, .flags = flags,
		.userspace_addr = (unsigned long)vm->mem,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		vm_fail("memslot at %llx, %llx bytes: %s", gpa, size, strerror(errno));
}

struct vm *vm_create(const struct cell *cell)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	__u64 ra;

	vm->cell = cell;
	vm->session = -1;
	vm->reference = !!getenv("HVSTEP_REFERENCE");
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, KVM_VM_PPC_HV);
	if (vm->fd < 0)
		vm_fail("KVM_CREATE_VM: %s", strerror(errno));
	vm->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (vm->mem == MAP_FAILED)
		vm_fail("guest memory: %s", strerror(errno));
	vm_put_memslot(vm, 0, MEM_SIZE, 0);
	vm->radix = !cell->hash && check_extension(vm->fd, KVM_CAP_PPC_MMU_RADIX) > 0;
	if (vm->radix)
		make_radix(vm);
	else
		make_hash(vm);
	/* A handler that runs by mistake stays where it is. */
	for (ra = VECTORS_RA; ra < VECTORS_RA + VECTORS_SIZE; ra += 4)
		put_insn(vm, ra, PPC_INST_BRANCH_SELF, !cell->ile);
	vm_seal(vm);
	return vm;
}

void vm_destroy(struct vm *vm)
{
	vm_detach(vm);
	munmap(vm->mem, MEM_SIZE);
	free(vm->sealed);
	close(vm->fd);
	close(vm->kvm);
	free(vm);
}

void vm_set_log(struct vm *vm, bool log)
{
	vm_put_memslot(vm, 0, MEM_SIZE, log ? KVM_MEM_LOG_DIRTY_PAGES : 0);
}

void vm_other_memslot(struct vm *vm)
{
	struct kvm_userspace_memory_region region = {
		.slot = 1, .guest_phys_addr = FAR_RA, .memory_size = 0x200000,
		.userspace_addr = (unsigned long)vm->mem,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		vm_fail("memslot: %s", strerror(errno));
	region.memory_size = 0;
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		vm_fail("memslot away: %s", strerror(errno));
}

struct vcpu *vm_vcpu(struct vm *vm, __u32 id)
{
	struct kvm_enable_cap papr = { .cap = KVM_CAP_PPC_PAPR };
	struct vcpu *v = calloc(1, sizeof(*v));
	struct kvm_regs r = { 0 };
	__u64 lpcr;
	int i;

	v->vm = vm;
	v->id = id;
	v->fd = ioctl(vm->fd, KVM_CREATE_VCPU, id);
	if (v->fd < 0)
		vm_fail("KVM_CREATE_VCPU: %s", strerror(errno));
	v->run_size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	v->run = mmap(NULL, v->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED)
		vm_fail("kvm_run: %s", strerror(errno));
	if (ioctl(v->fd, KVM_ENABLE_CAP, &papr))
		vm_fail("KVM_CAP_PPC_PAPR: %s", strerror(errno));
	if (vm->cell->compat)
		vcpu_set(v, KVM_REG_PPC_ARCH_COMPAT, PVR_ARCH(vm->cell->compat));
	lpcr = vcpu_get(v, KVM_REG_PPC_LPCR_64) & ~(LPCR_ILE | LPCR_AIL);
	if (vm->cell->ile)
		lpcr |= LPCR_ILE;
	if (vm->cell->ail)
		lpcr |= LPCR_AIL;
	if (vm_host_power() >= 9)
		lpcr |= LPCR_LD;
	vcpu_set(v, KVM_REG_PPC_LPCR_64, lpcr);
	if (vcpu_get(v, KVM_REG_PPC_LPCR_64) != lpcr)
		vm_fail("LPCR %llx did not stay", lpcr);
	if (!vm->radix)
		vcpu_make_slb(v);
	vcpu_set_dec(v, DEC_NEVER);

	vcpu_get_regs(v, &r);
	r.pc = vm_ea(vm, CODE_RA);
	r.msr = vm_msr(vm);
	r.lr = 0x1234567812345678;
	r.ctr = 0x8765432187654321;
	r.cr = 0x12345678;
	r.xer = 0;
	/* Nothing an instruction would leave there by chance */
	r.srr0 = 0x00a5a5a5a5a5a5a4;
	r.srr1 = 0x005a5a5a5a5a5a5a;
	r.sprg0 = 0xa0a0a0a0a0a0a0a0;
	r.sprg1 = 0xa1a1a1a1a1a1a1a1;
	r.sprg2 = 0xa2a2a2a2a2a2a2a2;
	r.sprg3 = 0xa3a3a3a3a3a3a3a3;
	for (i = 0; i < 32; i++)
		r.gpr[i] = 0x0101010101010101ULL * i;
	vcpu_set_regs(v, &r);
	vcpu_set(v, KVM_REG_PPC_DAR, 0xdadadadadadadada);
	vcpu_set(v, KVM_REG_PPC_DSISR, 0x0d0d0d0d);
	return v;
}

void vcpu_destroy(struct vcpu *v)
{
	if (v->watched)
		timer_delete(v->watchdog);
	munmap(v->run, v->run_size);
	close(v->fd);
	free(v);
}

int vm_try_attach(int vm_fd)
{
	struct hvstep_attach attach = { .vm_fd = vm_fd };
	int fd = open("/dev/hvstep", O_RDWR | O_CLOEXEC);
	int session, err;

	if (fd < 0)
		return -errno;
	session = ioctl(fd, HVSTEP_ATTACH, &attach);
	err = errno;
	close(fd);
	return session < 0 ? -err : session;
}

__u32 attached(void)
{
	struct hvstep_info info;
	int fd = open("/dev/hvstep", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, HVSTEP_GET_INFO, &info))
		vm_fail("HVSTEP_GET_INFO: %s", strerror(errno));
	close(fd);
	return info.attached;
}

bool host_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

bool auto_attach(bool on)
{
	return host_write("/sys/module/hvstep/parameters/auto_attach", on ? "1" : "0");
}

void vm_attach(struct vm *vm)
{
	if (vm->reference)
		return;
	vm->session = vm_try_attach(vm->fd);
	if (vm->session < 0)
		vm_fail("HVSTEP_ATTACH: %s", strerror(-vm->session));
}

void vm_detach(struct vm *vm)
{
	if (vm->session >= 0)
		close(vm->session);
	vm->session = -1;
}
