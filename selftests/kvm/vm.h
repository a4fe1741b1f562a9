/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small PAPR guest under KVM-HV, without an operating system: memory, page
 * tables, vCPUs, and the registers of a vCPU.
 */
#ifndef VM_H
#define VM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>
#include <linux/kvm.h>
#if !__has_include(<linux/hvstep.h>)
#error "linux/hvstep.h: put hvstep's include/ beside this folder, or install hvstep"
#endif
#include <linux/hvstep.h>

#include "guest_asm.h"

#ifndef ARRAY_SIZE	/* kselftest.h has it, too */
#define ARRAY_SIZE(arr)	(sizeof(arr) / sizeof((arr)[0]))
#endif

/*
 * What a test runs in: the handlers' endianness is LPCR[ILE], the code's is
 * MSR[LE]; ail: translation on and LPCR[AIL]=3, otherwise real mode.
 */
struct cell {
	bool ile;
	bool ail;
	bool be_code;
	bool hash;		/* hashed page table also where there is radix */
	int compat;		/* the mode of an older POWER, 0: the host's own */
};

/*
 * Guest memory. With translation on, ea(RA) = 0xc000000000000000 + RA for the
 * kernel and RA itself for problem state, as far as the page is there:
 *
 *	RA		mapped
 *	0		kernel read, execute (the vectors and the code)
 *	0x200000	kernel read, write
 *	0x400000	not at all
 *	0x600000	all read, execute
 *	0x800000	all read, write
 *	0xa00000	kernel read
 *	0xc00000	kernel read, write, execute
 *	0xe00000	all read, execute; radix: guarded, hash: with a storage key
 *	0x8000000	no memory there; EA of MMIO_RA is this, kernel read, write
 */
#define MEM_SIZE	0x1000000UL
#define VECTORS_RA	0UL
#define VECTORS_SIZE	0x8000UL
#define CODE_RA		0x10000UL
#define DATA_RA		0x200000UL
#define TABLES_RA	0x300000UL	/* of a radix guest */
#define TABLES_SIZE	0x40000UL
#define UNMAPPED_RA	0x400000UL
#define USER_CODE_RA	0x600000UL
#define USER_DATA_RA	0x800000UL
#define READONLY_RA	0xa00000UL
#define RWX_RA		0xc00000UL
#define SPECIAL_RA	0xe00000UL
#define KEY		21
#define MMIO_RA		0x40000000UL
#define MMIO_SLOT_EA	0x8000000UL
#define KERNEL_EA	0xc000000000000000ULL
/* Neither radix quadrant 0 nor 3, and in no SLB: a segment interrupt */
#define FAR_RA		0x50000000UL	/* of another memslot */
#define NO_SEGMENT_EA	0x4000000000000000ULL

struct vm {
	const struct cell *cell;
	int kvm;
	int fd;
	int session;		/* -1: not attached */
	bool radix;
	bool reference;		/* steps are breakpoints, see step.h */
	unsigned char *mem;
	unsigned char *sealed;	/* what memory held when vm_seal() was called */
};

struct snap {
	struct kvm_regs r;
	__u64 dar;
	__u32 dsisr;
};

struct vcpu {
	struct vm *vm;
	int fd;
	__u32 id;
	struct kvm_run *run;
	int run_size;
	timer_t watchdog;
	pid_t watched;		/* the thread the timer signals, 0: no timer */
	volatile int hung;
	__u32 control;		/* what KVM_SET_GUEST_DEBUG set last */
	struct snap expect;
	struct snap got;
};

/* Prints the message as TAP diagnostics and aborts the test. */
void vm_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Why nothing can be tested on this host, NULL: it can */
const char *vm_missing(void);
/* Why this cell cannot be had on this host, NULL: it can */
const char *cell_missing(const struct cell *cell);
bool vm_has_radix(void);
/* The host's processor: 8, 9, 10, ... */
int vm_host_power(void);

struct vm *vm_create(const struct cell *cell);
void vm_destroy(struct vm *vm);
/* The guest's memslot: at @gpa, with the first @size bytes of its memory (0: none any more) */
void vm_put_memslot(struct vm *vm, __u64 gpa, __u64 size, __u32 flags);
/* With a log of dirty pages, or without one */
void vm_set_log(struct vm *vm, bool log);
/* Another memslot, that nobody uses, comes and goes: the memslots are other ones each time. */
void vm_other_memslot(struct vm *vm);
struct vcpu *vm_vcpu(struct vm *vm, __u32 id);
/* Not needed before vm_destroy(), but for the number of descriptors */
void vcpu_destroy(struct vcpu *v);

/* Number of attached VMs on this host */
__u32 attached(void);
/* A setting below /proc or /sys; false: not on this host, not now, or not by us */
bool host_write(const char *path, const char *text);
/* The module's parameter; false: it cannot be set */
bool auto_attach(bool on);
/* A session: vm_attach() fails the test, vm_try_attach() returns -errno. */
int vm_try_attach(int vm_fd);
void vm_attach(struct vm *vm);
void vm_detach(struct vm *vm);

/* mmu.c, for vm.c */
void make_radix(struct vm *vm);
void make_hash(struct vm *vm);
void vcpu_make_slb(struct vcpu *v);
void vcpu_copy_slb(struct vcpu *to, struct vcpu *from);
/* No instruction is fetched from the segment at 0. */
void vcpu_forbid_user_segment(struct vcpu *v);
/*
 * Radix: the entry that maps the 2 MiB at @ea, for the kernel too; 0 is none.
 * The processor may still have the translation of before.
 */
#define RADIX_LEAF_R	0x100ULL
void vm_set_leaf(struct vm *vm, __u64 ea, __u64 leaf);
__u64 vm_get_leaf(const struct vm *vm, __u64 ea);
/* Three of a radix guest's tables are where these say; @mem is the host's of the guest's 0. */
void vm_spread_tables(struct vm *vm, unsigned char *mem, __u64 prtb, __u64 pud, __u64 pmd);

__u64 vm_ea(const struct vm *vm, __u64 ra);
__u64 vm_mmio_ea(const struct vm *vm);
__u64 vm_vector(const struct vm *vm, __u64 vector);
__u64 vm_vector_ra(const struct vm *vm, __u64 vector);

/* The MSR before a step, and that after an interrupt taken with @msr */
__u64 vm_msr(const struct vm *vm);
__u64 vm_user_msr(const struct vm *vm);
__u64 vm_intr_msr(const struct vm *vm, __u64 msr);
/* Does KVM give the guest this interrupt, without regard to LPCR[AIL]? */
bool vm_reflects_in_real_mode(const struct vm *vm, __u64 vector);

void put_insn(struct vm *vm, __u64 ra, __u32 insn, bool be);
__u32 get_insn(const struct vm *vm, __u64 ra, bool be);
void put_words(struct vm *vm, __u64 ra, const __u32 *p, const __u32 *end, bool be);
/* In the endianness of the cell's code, of its handlers */
void put_code(struct vm *vm, __u64 ra, const __u32 *p, const __u32 *end);
void put_handler(struct vm *vm, __u64 vector, const __u32 *p, const __u32 *end);
/* In the endianness of the cell's code */
__u64 get_data(const struct vm *vm, __u64 ra, int size);
void put_data(struct vm *vm, __u64 ra, int size, __u64 val);

/* Vectors, code, the first pages of data, page tables that are in memory */
void vm_copy(struct vm *to, const struct vm *from);

/* Remember vectors and code; fail unless they are still the same. */
void vm_seal(struct vm *vm);
void vm_check_sealed(const struct vm *vm, const char *when);

void vcpu_get_regs(struct vcpu *v, struct kvm_regs *r);
void vcpu_set_regs(struct vcpu *v, const struct kvm_regs *r);
__u64 vcpu_get(struct vcpu *v, __u64 id);
void vcpu_set(struct vcpu *v, __u64 id, __u64 val);
/* The decrementer reaches 0 in this many ticks, 512 a microsecond. */
#define DEC_NEVER	(1LL << 50)
#define DEC_PASSED	(-1000LL)
void vcpu_set_dec(struct vcpu *v, long long ticks);
void vcpu_debug(struct vcpu *v, __u32 control);

void snap_take(struct vcpu *v, struct snap *s);
/* Name every register that differs; and fail if any does */
bool snap_differs(const char *what, const struct snap *expect, const struct snap *got);
void snap_compare(const char *what, const struct snap *expect, const struct snap *got);

#endif /* VM_H */
