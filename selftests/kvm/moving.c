// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's memory moves, goes and comes back while it is stepped, and its memslots
 * change: the steps find it all the same, and restore what they have armed.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cells.h"
#include "runner.h"
#include "swap.h"

#define STEPS		1000
#define MOVES		10

CELL_FIXTURE(moving);
CELLS(moving);
HASH_CELLS(moving);

struct mover {
	struct vm *vm;
	struct vcpu *v;
	/* False: nothing has moved */
	bool (*move)(struct vm *vm);
	bool stop;
	unsigned long moves;
};

static struct hvstep_counters counters(struct vcpu *v)
{
	struct hvstep_counters c;

	get_counters(v, &c);
	return c;
}

static void *run(void *arg)
{
	struct mover *m = arg;
	int tries;

	while (!read_once(&m->stop)) {
		__u64 before = counters(m->v).steps;

		if (m->move(m->vm))
			__atomic_fetch_add(&m->moves, 1, __ATOMIC_RELAXED);
		/* A step looks for seven pages after each: on a slow host, too, it gets to. */
		for (tries = 0; tries < 50 && (!tries || counters(m->v).steps == before); tries++)
			usleep(2000);
	}
	return NULL;
}

/* Step by step, everything checked; then many at once */
static void step_while(struct vm *vm, struct vcpu *v, bool (*move)(struct vm *vm))
{
	struct hvstep_step many = {
		.vcpu = v->id, .mode = HVSTEP_STEP_COUNT, .count = STEPS,
	};
	struct mover mover = { .vm = vm, .v = v, .move = move };
	pthread_t thread;
	int i, ret;

	ring_start(v, CODE_RA);
	vm_seal(vm);
	if (pthread_create(&thread, NULL, run, &mover))
		vm_fail("no thread");
	/* A compaction may take as long as hundreds of steps where the host is busy. */
	for (i = 0; i < STEPS || read_once(&mover.moves) < MOVES; i++) {
		ring_step(v, CODE_RA);
		ring_check(v, CODE_RA);
		vm_check_sealed(vm, "step");
	}
	vcpu_debug(v, 0);
	if (ioctl(vm->session, HVSTEP_STEP, &many))
		vm_fail("HVSTEP_STEP: %s", strerror(errno));
	do {
		ret = vcpu_run_for(v, 60);
	} while (ret == -EINTR);
	check_exit(v, ret, KVM_EXIT_DEBUG, "many steps");
	vm_check_sealed(vm, "many steps");
	ring_check(v, CODE_RA);
	__atomic_store_n(&mover.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	fprintf(stderr, "# moved %lu times\n", mover.moves);
	if (counters(v).lost)
		vm_fail("%llu words were lost", counters(v).lost);
}

/* Shared memory: the pages stay, but nothing maps them any more. */
static bool unmap_all(struct vm *vm)
{
	if (madvise(vm->mem, MEM_SIZE, MADV_DONTNEED))
		vm_fail("MADV_DONTNEED: %s", strerror(errno));
	return true;
}

TEST_F_TIMEOUT(moving, unmapped, 240)
{
	SKIP_REFERENCE();
	step_while(self->vm, self->v, unmap_all);
}

/* The host takes what it can get: not what a vCPU or another CPU's batch holds just then. */
static bool swap_all(struct vm *vm)
{
	unsigned long before = swapped_out();

	swap_out(vm->mem, MEM_SIZE);
	return swapped_out() > before;
}

/*
 * What is swapped out loses its reference bit first, in KVM's table of the guest's pages, too.
 * If it is a page of the guest's own page tables, an instruction fetch is a hypervisor data
 * storage interrupt; and as POWER10 tells prefixed instructions there, QEMU (10.0, 11.1)
 * fetches the instruction again, before the host is asked: the CPU hangs, stepped or not.
 */
static bool is_hung_by_qemu(void)
{
	FILE *cpuinfo = fopen("/proc/cpuinfo", "r");
	char line[256];
	bool qemu = false;

	while (cpuinfo && fgets(line, sizeof(line), cpuinfo))
		qemu |= !!strstr(line, "emulated by qemu");
	if (cpuinfo)
		fclose(cpuinfo);
	return qemu && vm_host_power() >= 10 && sysconf(_SC_PAGESIZE) == 65536;
}

TEST_F_TIMEOUT(moving, swapped, 240)
{
	const char *why;

	SKIP_REFERENCE();
	if (is_hung_by_qemu())
		SKIP(return, "QEMU's POWER10 with 64K pages hangs, stepped or not");
	why = swap_begin();
	if (why)
		SKIP(return, "%s", why);
	step_while(self->vm, self->v, swap_all);
	swap_end();
}

/* The host merges pages of the same content (KSM), and splits them when one is written. */
#define KSM	"/sys/kernel/mm/ksm/"
/* include/uapi/linux/kernel-page-flags.h */
#define KPF_KSM	21

static bool is_merged(const void *mem)
{
	size_t page = sysconf(_SC_PAGESIZE);
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int kpageflags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	__u64 entry = 0, flags = 0;

	if (pread(pagemap, &entry, 8, (unsigned long)mem / page * 8) != 8 ||
	    pread(kpageflags, &flags, 8, (entry & ((1ULL << 55) - 1)) * 8) != 8)
		vm_fail("pagemap, kpageflags: %s", strerror(errno));
	close(pagemap);
	close(kpageflags);
	return flags >> KPF_KSM & 1;
}

/* Private memory of the same content, as QEMU's is where nobody wants it shared */
static void make_private(struct vm *vm)
{
	void *copy = malloc(MEM_SIZE);

	memcpy(copy, vm->mem, MEM_SIZE);
	if (mmap(vm->mem, MEM_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != vm->mem)
		vm_fail("mmap: %s", strerror(errno));
	memcpy(vm->mem, copy, MEM_SIZE);
	free(copy);
}

/* What is copied when either process writes: a word that a step has armed, or puts back */
static bool fork_once(struct vm *vm)
{
	pid_t pid = fork();

	(void)vm;
	if (!pid)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		vm_fail("a child: %s", strerror(errno));
	return true;
}

TEST_F_TIMEOUT(moving, forked, 120)
{
	SKIP_REFERENCE();
	make_private(self->vm);
	/*
	 * With the first step KVM maps all of a hash guest's memory for real mode, which the
	 * first fork takes away again, with a tlbie for each page. On an emulated host with one
	 * thread for all CPUs, a vCPU that waits for that busily makes a minute of it.
	 */
	ring_start(self->v, CODE_RA);
	ring_step(self->v, CODE_RA);
	fork_once(self->vm);
	step_while(self->vm, self->v, fork_once);
}

/* Private memory alone is merged; and a twin of the vectors */
static void *make_mergeable(struct vm *vm)
{
	void *twin = mmap(NULL, CODE_RA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	if (twin == MAP_FAILED)
		vm_fail("mmap: %s", strerror(errno));
	make_private(vm);
	memcpy(twin, vm->mem, CODE_RA);
	if (madvise(twin, CODE_RA, MADV_MERGEABLE) || madvise(vm->mem, CODE_RA, MADV_MERGEABLE))
		vm_fail("MADV_MERGEABLE: %s", strerror(errno));
	return twin;
}

TEST_F_TIMEOUT(moving, merged, 240)
{
	void *vectors = self->vm->mem + (vm_vector_ra(self->vm, 0xd00) & -sysconf(_SC_PAGESIZE));
	void *twin;
	int i, tries;

	SKIP_REFERENCE();
	if (!host_write(KSM "sleep_millisecs", "1") || !host_write(KSM "pages_to_scan", "2000") ||
	    !host_write(KSM "run", "1"))
		SKIP(return, "no KSM, or not root");
	twin = make_mergeable(self->vm);
	ring_start(self->v, CODE_RA);
	vm_seal(self->vm);
	/* So that something is armed in each step */
	set_policy(self->vm, HVSTEP_POLICY_TRACE_ALL, HVSTEP_IRQ_HOLD);
	for (i = 0; i < MOVES; i++) {
		for (tries = 0; tries < 300 && !is_merged(vectors); tries++)
			usleep(100000);
		ASSERT_TRUE(is_merged(vectors)) TH_LOG("turn %d", i);
		ring_turns(self->v);
		vm_check_sealed(self->vm, "merged");
		/* What the twin has is what it had: the guest has its own again. */
		ASSERT_EQ(0, memcmp(twin, self->vm->sealed, VECTORS_SIZE));
	}
	ASSERT_EQ(0, counters(self->v).lost);
	host_write(KSM "run", "0");
	munmap(twin, CODE_RA);
}

/* The host's compaction migrates what can be moved. */
static int compact_fd = -1;

static bool compact(struct vm *vm)
{
	(void)vm;
	if (write(compact_fd, "1", 1) != 1)
		vm_fail("compact_memory: %s", strerror(errno));
	return true;
}

/* It takes the longer the more memory the host has in small pieces. */
TEST_F_TIMEOUT(moving, compacted, 240)
{
	SKIP_REFERENCE();
	compact_fd = open("/proc/sys/vm/compact_memory", O_WRONLY | O_CLOEXEC);
	if (compact_fd < 0)
		SKIP(return, "compact_memory: %s", strerror(errno));
	step_while(self->vm, self->v, compact);
	close(compact_fd);
}

static bool change_memslot(struct vm *vm)
{
	vm_other_memslot(vm);
	return true;
}

TEST_F_TIMEOUT(moving, memslots, 120)
{
	SKIP_REFERENCE();
	step_while(self->vm, self->v, change_memslot);
}

static bool toggle_log(struct vm *vm)
{
	vm_set_log(vm, true);
	vm_set_log(vm, false);
	return true;
}

TEST_F_TIMEOUT(moving, dirty_log_on_and_off, 120)
{
	SKIP_REFERENCE();
	step_while(self->vm, self->v, toggle_log);
}

static bool is_logged(struct vm *vm, __u64 ra)
{
	static unsigned char bitmap[MEM_SIZE / 4096 / 8];
	struct kvm_dirty_log log = { .dirty_bitmap = bitmap };
	__u64 page = ra / sysconf(_SC_PAGESIZE);

	memset(bitmap, 0, sizeof(bitmap));
	if (ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log))
		vm_fail("KVM_GET_DIRTY_LOG: %s", strerror(errno));
	return bitmap[page / 8] & 1 << page % 8;
}

/* Whenever the log is switched on: what a step writes is in it, from the first one on. */
TEST_F_TIMEOUT(moving, logged, 120)
{
	struct vm *vm = self->vm;
	__u64 vector = vm_vector_ra(vm, 0xd00);
	int i;

	SKIP_REFERENCE();
	ring_start(self->v, CODE_RA);
	/* A hash guest's MMU is set up once, by a word of its own. */
	ring_step(self->v, CODE_RA);
	ring_start(self->v, CODE_RA);
	for (i = 0; i < 20; i++) {
		vm_set_log(vm, true);
		is_logged(vm, vector);
		/* addi is emulated, ld is not */
		ring_step(self->v, CODE_RA);
		ASSERT_FALSE(is_logged(vm, vector)) TH_LOG("%d: addi", i);
		ring_step(self->v, CODE_RA);
		ASSERT_TRUE(is_logged(vm, vector)) TH_LOG("%d: ld", i);
		ASSERT_FALSE(is_logged(vm, vector));
		ring_start(self->v, CODE_RA);
		if (i % 2)
			vm_set_log(vm, false);
	}
}

struct writer {
	__u32 *word;
	__u32 armed;
	__u32 other;
	bool stop;
	bool done;
};

static void *write_once_armed(void *arg)
{
	struct writer *w = arg;

	while (!read_once(&w->stop)) {
		__u32 armed = w->armed;

		if (__atomic_compare_exchange_n(w->word, &armed, w->other, false, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED)) {
			__atomic_store_n(&w->done, true, __ATOMIC_RELEASE);
			return NULL;
		}
	}
	return NULL;
}

/*
 * QEMU's TCG reads the word that has caused an interrupt again, for HEIR. If it was written
 * over since it was executed, KVM takes it for an illegal instruction at the Trace handler:
 * false then. A processor has what it has executed there.
 */
static bool overwritten_step(struct vcpu *v)
{
	struct kvm_regs before, now;
	int ret;

	vcpu_get_regs(v, &before);
	do {
		ret = step_run(v);
	} while (ret == -EINTR);
	check_exit(v, ret, KVM_EXIT_DEBUG, "a step while words are written over");
	vcpu_get_regs(v, &now);
	if (now.pc == vm_vector(v->vm, 0x700) && now.srr0 == vm_vector(v->vm, 0xd00)) {
		fprintf(stderr, "# HEIR had what was written meanwhile\n");
		return false;
	}
	if (now.pc != ring_next(v->vm, CODE_RA, before.pc))
		vm_fail("stepped from nip %llx to nip %llx srr0 %llx", before.pc, now.pc, now.srr0);
	ring_check(v, CODE_RA);
	return true;
}

/*
 * Somebody writes where a step has armed a word: that stays, and is counted. The vCPU then
 * sits in the Trace handler until the host interrupts it, where the step is complete.
 */
TEST_F_TIMEOUT(moving, overwritten, 120)
{
	bool be = !variant->cell.ile;
	struct vm *vm = self->vm;
	__u64 ra = vm_vector_ra(vm, 0xd00);
	struct writer w = { .word = (__u32 *)(vm->mem + ra) };
	pthread_t thread;
	time_t end;
	__u32 own;

	SKIP_REFERENCE();
	if (vm_host_power() < 9)
		SKIP(return, "POWER8's KVM goes on by itself until there is a signal");
	set_policy(vm, HVSTEP_POLICY_TRACE_ALL, HVSTEP_IRQ_HOLD);
	put_insn(vm, ra, KVMPPC_INST_SW_BREAKPOINT, be);
	w.armed = *w.word;
	put_insn(vm, ra, PPC_INST_BRANCH_SELF, be);
	w.other = *w.word;
	/* What the guest has there: nop, and then the branch */
	put_insn(vm, ra, 0x60000000, be);
	own = *w.word;
	ring_start(self->v, CODE_RA);
	vm_seal(vm);
	if (pthread_create(&thread, NULL, write_once_armed, &w))
		vm_fail("no thread");
	for (end = time(NULL) + 60; !__atomic_load_n(&w.done, __ATOMIC_ACQUIRE);) {
		if (!overwritten_step(self->v))
			break;
		ASSERT_GT(end, time(NULL));
	}
	pthread_join(thread, NULL);
	ASSERT_EQ(w.other, *w.word);
	ASSERT_EQ(1, counters(self->v).lost);
	*w.word = own;
	ring_start(self->v, CODE_RA);
	ring_turns(self->v);
	ASSERT_EQ(1, counters(self->v).lost);
}

/*
 * What was found while the guest was a hash one is not the guest's any more, where the
 * memslot has gone before it is made a radix one.
 */
TEST_F(moving, mmu_switched)
{
	/* Its process table is not looked at in real mode. */
	struct kvm_ppc_mmuv3_cfg radix = {
		.flags = KVM_PPC_MMUV3_RADIX | KVM_PPC_MMUV3_GTSE, .process_table = 1ULL << 63,
	};
	__u64 real = vm_msr(self->vm) & ~(MSR_IR | MSR_DR);
	size_t size = sysconf(_SC_PAGESIZE);
	int fd = memfd_create("slot", MFD_CLOEXEC);
	struct kvm_userspace_memory_region region = {
		.slot = 1, .guest_phys_addr = FAR_RA, .memory_size = size,
	};
	struct vcpu *v = self->v;
	struct kvm_regs r;
	__u32 *guests, *ours;
	int ret;

	SKIP_REFERENCE();
	if (!variant->cell.hash || !vm_has_radix())
		SKIP(return, "for a hash guest of a host that has radix");
	ASSERT_EQ(0, ftruncate(fd, size));
	guests = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ours = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, guests);
	ASSERT_NE(MAP_FAILED, ours);
	region.userspace_addr = (unsigned long)guests;
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_USER_MEMORY_REGION, &region));
	/* li 5, 1; li 5, 2; in real mode: not in the VRMA, so that it faults. */
	ours[0] = variant->cell.be_code ? 0x0100a038 : 0x38a00001;
	ours[1] = variant->cell.be_code ? 0x0200a038 : 0x38a00002;
	with_regs(v, s) {
		s.pc = FAR_RA;
		s.msr = real;
		s.gpr[5] = 0;
	}
	check_exit(v, step_run(v), KVM_EXIT_DEBUG, "before");
	vcpu_get_regs(v, &r);
	ASSERT_EQ(0x400, r.pc & 0xfff);
	ASSERT_EQ(FAR_RA, r.srr0);
	ASSERT_EQ(SRR1_ISI_NOPT, r.srr1 & SRR1_ISI_NOPT);
	ASSERT_EQ(0, r.gpr[5]);
	with_regs(v, s) {
		s.pc = FAR_RA + 4;
		s.msr = real;
	}

	region.memory_size = 0;
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_USER_MEMORY_REGION, &region));
	ASSERT_EQ(0, munmap(guests, size));
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_PPC_CONFIGURE_V3_MMU, &radix));
	ret = step_run(v);
	vcpu_get_regs(v, &r);
	EXPECT_EQ(0, r.gpr[5]);
	EXPECT_EQ(FAR_RA + 4, r.pc);
	EXPECT_EQ(-EFAULT, ret);
	munmap(ours, size);
	close(fd);
}

/* So many that it has to be: the hash spreads them evenly. */
#define FAR_PAGES	0x10000

/*
 * Three pages there that the module (kmod/page.c) would remember at the same two places:
 * where they are is the guest's choice, and it may not keep steps from happening.
 */
static bool find_rivals(__u64 ra[3])
{
	unsigned int size = sysconf(_SC_PAGESIZE), i, n;
	static __u8 places[FAR_PAGES][2];
	__u64 gfn = FAR_RA / size;

	for (i = 0; i < FAR_PAGES; i++) {
		places[i][0] = (gfn + i) % 128;
		places[i][1] = (gfn + i) * 0x61c8864680b583ebULL >> 57;
	}
	for (i = 0; i < FAR_PAGES; i++) {
		unsigned int j;

		for (n = 0, j = i; j < FAR_PAGES && n < 3; j++)
			if (!memcmp(places[i], places[j], sizeof(places[i])))
				ra[n++] = (gfn + j) * size;
		if (n == 3)
			return true;
	}
	return false;
}

TEST_F(moving, rivals)
{
	size_t size = FAR_PAGES * sysconf(_SC_PAGESIZE);
	struct kvm_userspace_memory_region region = {
		.slot = 1, .guest_phys_addr = FAR_RA, .memory_size = size,
	};
	unsigned char *mem;
	__u64 ra[3];

	SKIP_REFERENCE();
	if (!self->vm->radix || !variant->cell.ail)
		SKIP(return, "for a radix guest");
	ASSERT_TRUE(find_rivals(ra));
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	region.userspace_addr = (unsigned long)mem;
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_USER_MEMORY_REGION, &region));
	vm_spread_tables(self->vm, mem - FAR_RA, ra[0], ra[1], ra[2]);
	ring_start(self->v, CODE_RA);
	vm_seal(self->vm);
	ring_turns(self->v);
	munmap(mem, size);
}

KVM_TEST_MAIN
