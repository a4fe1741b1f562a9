// SPDX-License-Identifier: GPL-2.0
/* The guest's page tables, radix or hashed: the map of vm.h */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vm.h"

enum { PRIV_RX, PRIV_RW, PRIV_R, PRIV_RWX, USER_RX, USER_RW, PRIV_IO, USER_SPECIAL };

static const struct mapping {
	__u64 ea;	/* and above KERNEL_EA */
	__u64 ra;
	int access;
	int hash_pages;	/* of 4 KiB: a hashed table has what the tests touch */
} mappings[] = {
	{ 0,		0,		PRIV_RX,	0x20 },
	{ DATA_RA,	DATA_RA,	PRIV_RW,	0x10 },
	{ USER_CODE_RA,	USER_CODE_RA,	USER_RX,	4 },
	{ USER_DATA_RA,	USER_DATA_RA,	USER_RW,	4 },
	{ READONLY_RA,	READONLY_RA,	PRIV_R,		4 },
	{ RWX_RA,	RWX_RA,		PRIV_RWX,	4 },
	{ SPECIAL_RA,	SPECIAL_RA,	USER_SPECIAL,	4 },
	{ MMIO_SLOT_EA,	MMIO_RA,	PRIV_IO,	1 },
};

/* Page tables, in the upper half of DATA_RA's 2 MiB */
#define PRTB_RA		TABLES_RA
#define PGD_RA		(TABLES_RA + 0x10000UL)
#define PUD_RA		(TABLES_RA + 0x20000UL)
#define PMD_RA		(TABLES_RA + 0x30000UL)

/* ISA Book III 6.7.10 "Radix Tree Translation": directory and leaf entries */
#define RADIX_VALID	(1ULL << 63)
#define RADIX_LEAF	(1ULL << 62)
#define RADIX_RC	(RADIX_LEAF_R | 0x80ULL)
#define RADIX_IO	0x20ULL
#define RADIX_PRIV	0x8ULL
#define RADIX_R		0x4ULL
#define RADIX_W		0x2ULL
#define RADIX_X		0x1ULL

static const __u64 radix_access[] = {
	[PRIV_RX]	= RADIX_PRIV | RADIX_R | RADIX_X,
	[PRIV_RW]	= RADIX_PRIV | RADIX_R | RADIX_W,
	[PRIV_R]	= RADIX_PRIV | RADIX_R,
	[PRIV_RWX]	= RADIX_PRIV | RADIX_R | RADIX_W | RADIX_X,
	[USER_RX]	= RADIX_R | RADIX_X,
	[USER_RW]	= RADIX_R | RADIX_W,
	[PRIV_IO]	= RADIX_PRIV | RADIX_R | RADIX_W | RADIX_IO,
	[USER_SPECIAL]	= RADIX_R | RADIX_X | RADIX_IO,
};

static void put_be64(struct vm *vm, __u64 ra, __u64 val)
{
	val = htobe64(val);
	memcpy(vm->mem + ra, &val, sizeof(val));
}

static __u64 leaf_of(const struct mapping *m)
{
	return RADIX_VALID | RADIX_LEAF | RADIX_RC | m->ra | radix_access[m->access];
}

void vm_set_leaf(struct vm *vm, __u64 ea, __u64 leaf)
{
	put_be64(vm, PMD_RA + (ea >> 21) * 8, leaf);
}

__u64 vm_get_leaf(const struct vm *vm, __u64 ea)
{
	__u64 leaf;

	memcpy(&leaf, vm->mem + PMD_RA + (ea >> 21) * 8, sizeof(leaf));
	return be64toh(leaf);
}

/*
 * One tree of four levels (13, 9, 9 bits of EA, then 2 MiB leaves) for process
 * 0, which quadrant 0 (problem state's addresses) and quadrant 3 (the kernel's)
 * both use while PIDR is 0.
 */
void make_radix(struct vm *vm)
{
	struct kvm_ppc_mmuv3_cfg cfg = {
		.flags = KVM_PPC_MMUV3_RADIX | KVM_PPC_MMUV3_GTSE,
		.process_table = (1ULL << 63) | PRTB_RA,
	};
	const struct mapping *m;

	/* RTS = 0b10101: 52 bits of EA; RPDS = 13 */
	put_be64(vm, PRTB_RA, (2ULL << 61) | (5ULL << 5) | PGD_RA | 13);
	put_be64(vm, PGD_RA, RADIX_VALID | PUD_RA | 9);
	put_be64(vm, PUD_RA, RADIX_VALID | PMD_RA | 9);
	for (m = mappings; m < mappings + ARRAY_SIZE(mappings); m++)
		vm_set_leaf(vm, m->ea, leaf_of(m));
	if (ioctl(vm->fd, KVM_PPC_CONFIGURE_V3_MMU, &cfg))
		vm_fail("KVM_PPC_CONFIGURE_V3_MMU: %s", strerror(errno));
}

void vm_spread_tables(struct vm *vm, unsigned char *mem, __u64 prtb, __u64 pud, __u64 pmd)
{
	struct kvm_ppc_mmuv3_cfg cfg = {
		.flags = KVM_PPC_MMUV3_RADIX | KVM_PPC_MMUV3_GTSE,
		.process_table = (1ULL << 63) | prtb,
	};
	__u64 entry = htobe64(RADIX_VALID | pmd | 9);

	memcpy(mem + prtb, vm->mem + PRTB_RA, sizeof(entry) * 2);
	memcpy(mem + pud, &entry, sizeof(entry));
	memcpy(mem + pmd, vm->mem + PMD_RA, 0x1000);
	put_be64(vm, PGD_RA, RADIX_VALID | pud | 9);
	if (ioctl(vm->fd, KVM_PPC_CONFIGURE_V3_MMU, &cfg))
		vm_fail("KVM_PPC_CONFIGURE_V3_MMU: %s", strerror(errno));
}

/* ISA Book III 6.7.9 "Hashed Page Table": 256 MiB segment, 4 KiB pages */
#define HPT_ORDER	20
#define HPTES_PER_GROUP	8
#define VSID		0x123456ULL
#define HPTE_V_VALID	1ULL
#define HPTE_R_PP0	(1ULL << 63)
#define HPTE_R_RC	0x180ULL
#define HPTE_R_M	0x10ULL
#define HPTE_R_IG	0x28ULL
/* The key's bits are 2:3 and 52:54. */
#define HPTE_R_KEY(key)	((__u64)((key) & 0x18) << 57 | (__u64)((key) & 7) << 9)
#define HPTE_R_N	0x4ULL
#define SLB_ESID_V	0x08000000ULL
#define SLB_VSID_KP	0x400ULL
#define SLB_VSID_N	0x200ULL

/* With Ks = 0, Kp = 1: PP 0b110 is the kernel's to read, 0b000 to write */
static const __u64 hash_access[] = {
	[PRIV_RX]	= HPTE_R_M | HPTE_R_PP0 | 2,
	[PRIV_RW]	= HPTE_R_M | HPTE_R_N,
	[PRIV_R]	= HPTE_R_M | HPTE_R_N | HPTE_R_PP0 | 2,
	[PRIV_RWX]	= HPTE_R_M,
	[USER_RX]	= HPTE_R_M | 3,
	[USER_RW]	= HPTE_R_M | HPTE_R_N | 2,
	[PRIV_IO]	= HPTE_R_IG | HPTE_R_N,
	/* KVM lets no memory be guarded here. */
	[USER_SPECIAL]	= HPTE_R_M | HPTE_R_KEY(KEY) | 3,
};

static void put_hpte(int fd, __u8 *used, __u64 ea, __u64 r)
{
	__u64 vpn = VSID << 16 | (ea >> 12 & 0xffff);
	__u64 hash = VSID ^ (ea >> 12 & 0xffff);
	__u32 group = hash & ((1U << (HPT_ORDER - 7)) - 1);
	struct {
		struct kvm_get_htab_header header;
		__u64 v, r;
	} record = {
		.header.index = group * HPTES_PER_GROUP + used[group]++,
		.header.n_valid = 1,
		/* AVPN leaves out the bits that the hash has in full. */
		.v = htobe64(vpn >> 11 << 7 | HPTE_V_VALID),
		.r = htobe64(r | HPTE_R_RC),
	};

	/* The last of each group is for KVM, which maps real mode there. */
	if (used[group] == HPTES_PER_GROUP)
		vm_fail("hashed page table: group %u is full", group);
	if (write(fd, &record, sizeof(record)) != sizeof(record))
		vm_fail("hashed page table: %s", strerror(errno));
}

void make_hash(struct vm *vm)
{
	struct kvm_get_htab_fd htab = { .flags = KVM_GET_HTAB_WRITE };
	__u8 used[1 << (HPT_ORDER - 7)] = { 0 };
	__u32 order = HPT_ORDER;
	const struct mapping *m;
	int fd, i;

	if (ioctl(vm->fd, KVM_PPC_ALLOCATE_HTAB, &order))
		vm_fail("KVM_PPC_ALLOCATE_HTAB: %s", strerror(errno));
	fd = ioctl(vm->fd, KVM_PPC_GET_HTAB_FD, &htab);
	if (fd < 0)
		vm_fail("KVM_PPC_GET_HTAB_FD: %s", strerror(errno));
	for (m = mappings; m < mappings + ARRAY_SIZE(mappings); m++)
		for (i = 0; i < m->hash_pages; i++)
			put_hpte(fd, used, m->ea + 0x1000 * i,
				 (m->ra + 0x1000 * i) | hash_access[m->access]);
	close(fd);
}

static void get_sregs(struct vcpu *v, struct kvm_sregs *sregs)
{
	if (ioctl(v->fd, KVM_GET_SREGS, sregs))
		vm_fail("KVM_GET_SREGS: %s", strerror(errno));
}

static void set_sregs(struct vcpu *v, struct kvm_sregs *sregs)
{
	if (ioctl(v->fd, KVM_SET_SREGS, sregs))
		vm_fail("KVM_SET_SREGS: %s", strerror(errno));
}

/* One virtual segment, as the kernel's and as problem state's */
void vcpu_make_slb(struct vcpu *v)
{
	static const __u64 esids[] = { KERNEL_EA, 0 };
	struct kvm_sregs sregs;
	size_t i;

	get_sregs(v, &sregs);
	memset(&sregs.u.s.ppc64, 0, sizeof(sregs.u.s.ppc64));
	for (i = 0; i < ARRAY_SIZE(esids); i++) {
		sregs.u.s.ppc64.slb[i].slbe = esids[i] | SLB_ESID_V | i;
		sregs.u.s.ppc64.slb[i].slbv = VSID << 12 | SLB_VSID_KP;
	}
	set_sregs(v, &sregs);
}

void vcpu_copy_slb(struct vcpu *to, struct vcpu *from)
{
	struct kvm_sregs sregs;

	get_sregs(from, &sregs);
	set_sregs(to, &sregs);
}

void vcpu_forbid_user_segment(struct vcpu *v)
{
	struct kvm_sregs sregs;

	get_sregs(v, &sregs);
	/* That of esid 0 */
	sregs.u.s.ppc64.slb[1].slbv |= SLB_VSID_N;
	set_sregs(v, &sregs);
}
