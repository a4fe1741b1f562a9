// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that is short and user memory that is gone, at each place where the kernel could
 * meet that in a call, one after the other (Documentation/fault-injection, "fail-nth"): the
 * call does what it is for, or says that it could not, and nothing has changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cells.h"
#include "faults.h"
#include "recorder.h"
#include "ring.h"
#include "runner.h"

#define OFTEN	"20"	/* per cent */
#define LONG_RUN_US	2000	/* of a KVM_RUN on an emulated machine */
CELL_FIXTURE(shortage);
CELL(shortage, le_ail3, .ile = true, .ail = true);
CELL(shortage, le_hash, .ile = true, .ail = true, .hash = true);

#define SKIP_WITHOUT_FAULTS()						\
	do {								\
		const char *why = faults_missing();			\
									\
		SKIP_REFERENCE();					\
		if (why)						\
			SKIP(return, "%s", why);			\
	} while (0)

/* What is being tested */
struct call {
	const char *name;
	/* What has to be done is 0 or a descriptor, or -errno */
	long (*make)(struct vm *vm);
	void (*undo)(struct vm *vm, long done);
};

static long result(long ret)
{
	return ret < 0 ? -errno : ret;
}

static void close_it(struct vm *vm, long fd)
{
	(void)vm;
	close(fd);
}

static long open_device(struct vm *vm)
{
	(void)vm;
	return result(open("/dev/hvstep", O_RDWR | O_CLOEXEC));
}

static long get_info(struct vm *vm)
{
	static int fd = -1;
	struct hvstep_info info;

	(void)vm;
	/* Only the first time, where no place fails: see every_place() */
	if (fd < 0)
		fd = open("/dev/hvstep", O_RDWR | O_CLOEXEC);
	return result(ioctl(fd, HVSTEP_GET_INFO, &info));
}

static long attach(struct vm *vm, __u32 flags)
{
	static int fd = -1;
	struct hvstep_attach arg = { .vm_fd = vm->fd, .flags = flags };

	if (fd < 0)
		fd = open("/dev/hvstep", O_RDWR | O_CLOEXEC);
	return result(ioctl(fd, HVSTEP_ATTACH, &arg));
}

static long attach_first(struct vm *vm)
{
	return attach(vm, 0);
}

static long share(struct vm *vm)
{
	return attach(vm, HVSTEP_ATTACH_SHARE);
}

static long get_policy(struct vm *vm)
{
	struct hvstep_policy policy;

	return result(ioctl(vm->session, HVSTEP_GET_POLICY, &policy));
}

/* Refused, it remains what it was. */
static long set_a_policy(struct vm *vm)
{
	struct hvstep_policy policy = { .flags = HVSTEP_POLICY_ATOMIC };
	long ret = result(ioctl(vm->session, HVSTEP_SET_POLICY, &policy));

	if (ret < 0 && (ioctl(vm->session, HVSTEP_GET_POLICY, &policy) || policy.flags))
		vm_fail("HVSTEP_SET_POLICY was refused, and has set %llx", policy.flags);
	return ret;
}

static void set_no_policy(struct vm *vm, long done)
{
	(void)done;
	set_policy(vm, 0, HVSTEP_IRQ_HOLD);
}

static long read_counters(struct vm *vm)
{
	struct hvstep_counters counters = { .vcpu = HVSTEP_VCPU_ALL };

	return result(ioctl(vm->session, HVSTEP_GET_COUNTERS, &counters));
}

static long ask(struct vm *vm)
{
	struct hvstep_step step = { .mode = HVSTEP_STEP_COUNT, .count = 10 };

	return result(ioctl(vm->session, HVSTEP_STEP, &step));
}

static void withdraw(struct vm *vm, long done)
{
	struct hvstep_step step = { .mode = HVSTEP_STEP_CANCEL };

	(void)done;
	if (ioctl(vm->session, HVSTEP_STEP, &step))
		vm_fail("HVSTEP_STEP_CANCEL: %s", strerror(errno));
}

static long make_ring(struct vm *vm)
{
	struct hvstep_trace trace = { .nr_records = 4096, .watermark = 1 };

	return result(ioctl(vm->session, HVSTEP_TRACE, &trace));
}

static struct recorder mapped;

static long map_ring(struct vm *vm)
{
	size_t page = sysconf(_SC_PAGESIZE), at;
	const volatile char *ring;

	(void)vm;
	ring = mmap(NULL, mapped.size, PROT_READ | PROT_WRITE, MAP_SHARED, mapped.fd, 0);
	if (ring == MAP_FAILED)
		return -errno;
	/* One that is said to be there is there as a whole: else SIGBUS. */
	for (at = 0; at < mapped.size; at += page)
		(void)ring[at];
	munmap((void *)ring, mapped.size);
	return 0;
}

/*
 * @call with each of its places failing in turn, until there is none left. Returns how
 * many made it fail.
 */
static int every_place(struct vm *vm, const struct call *call)
{
	int n, refused = 0;
	long ret;

	ret = call->make(vm);
	if (ret < 0)
		vm_fail("%s: %s", call->name, strerror(-ret));
	if (call->undo)
		call->undo(vm, ret);
	for (n = 1; n < FAULTS_MANY; n++) {
		bool failed;

		faults_begin(n);
		ret = call->make(vm);
		failed = faults_end();
		if (ret < 0 && (!failed || (ret != -ENOMEM && ret != -EFAULT)))
			vm_fail("%s, place %d%s: %s", call->name, n, failed ? " failed" : "",
				strerror(-ret));
		if (ret < 0)
			refused++;
		else if (call->undo)
			call->undo(vm, ret);
		if (!failed)
			break;
	}
	if (n == FAULTS_MANY)
		vm_fail("%s: no end of places that can fail", call->name);
	printf("# %s: %d places, of which %d made it fail\n", call->name, n - 1, refused);
	return refused;
}

/* A turn of the loop of ring.h, which is exact */
static void steps_as_ever(struct vcpu *v)
{
	int i;

	vcpu_debug(v, DEBUG_STEP);
	for (i = 0; i < RING_INSNS; i++) {
		ring_step(v, CODE_RA);
		ring_check(v, CODE_RA);
	}
	vm_check_sealed(v->vm, "after a turn of steps");
	vcpu_debug(v, 0);
}

TEST_F(shortage, calls)
{
	static const struct call calls[] = {
		{ "open", open_device, close_it },
		{ "HVSTEP_GET_INFO", get_info, NULL },
		{ "HVSTEP_ATTACH_SHARE", share, close_it },
		{ "HVSTEP_GET_POLICY", get_policy, NULL },
		{ "HVSTEP_SET_POLICY", set_a_policy, set_no_policy },
		{ "HVSTEP_GET_COUNTERS", read_counters, NULL },
		{ "HVSTEP_STEP", ask, withdraw },
		{ "HVSTEP_TRACE", make_ring, close_it },
	};
	unsigned int i;

	SKIP_WITHOUT_FAULTS();
	ring_start(self->v, CODE_RA);
	vm_seal(self->vm);
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		/* At least the argument, or a file */
		ASSERT_LT(0, every_place(self->vm, &calls[i]));
		steps_as_ever(self->v);
	}
	ASSERT_EQ(1, attached());
}

TEST_F(shortage, attach)
{
	static const struct call call = { "HVSTEP_ATTACH", attach_first, close_it };

	SKIP_WITHOUT_FAULTS();
	ring_start(self->v, CODE_RA);
	vm_seal(self->vm);
	vm_detach(self->vm);
	ASSERT_LT(1, every_place(self->vm, &call));
	ASSERT_EQ(0, attached());
	vm_attach(self->vm);
	steps_as_ever(self->v);
}

/* What HVSTEP_URING_* and poll() do without memory of their own is not here. */
TEST_F(shortage, mapping)
{
	static const struct call call = { "mmap", map_ring, NULL };

	SKIP_WITHOUT_FAULTS();
	ring_start(self->v, CODE_RA);
	vm_seal(self->vm);
	recorder_open(&mapped, self->v, (struct hvstep_trace){ .nr_records = 4096 });
	ASSERT_LT(0, every_place(self->vm, &call));
	recorder_close(&mapped);
	steps_as_ever(self->v);
}

/* A step whose place @n fails is one, or is none: returns whether there was such a place. */
static bool step_with(struct vcpu *v, int n, int *refused)
{
	struct kvm_regs before, after;
	bool failed;
	long ret;

	vcpu_get_regs(v, &before);
	faults_begin(n);
	ret = result(ioctl(v->fd, KVM_RUN, 0));
	failed = faults_end();
	vcpu_get_regs(v, &after);
	vm_check_sealed(v->vm, "after a step");
	if (ret < 0) {
		if (!failed || (ret != -ENOMEM && ret != -EFAULT && ret != -EINTR))
			vm_fail("place %d%s: %s", n, failed ? " failed" : "", strerror(-ret));
		if (memcmp(&before, &after, sizeof(before)))
			vm_fail("place %d failed: nip %llx msr %llx, before %llx %llx", n, after.pc,
				after.msr, before.pc, before.msr);
		++*refused;
		return true;
	}
	if (v->run->exit_reason != KVM_EXIT_DEBUG || after.msr != before.msr ||
	    after.pc != ring_next(v->vm, CODE_RA, before.pc))
		vm_fail("place %d%s: exit %u, nip %llx msr %llx, before %llx %llx", n,
			failed ? " failed" : "", v->run->exit_reason, after.pc, after.msr,
			before.pc, before.msr);
	ring_check(v, CODE_RA);
	return failed;
}

/*
 * Of a vCPU that was made after its VM was attached, or of one whose VM nobody attaches:
 * all that is made for that once. Returns how many places made it fail.
 */
static int first_steps(const struct cell *cell, bool by_itself)
{
	int n, refused = 0;
	bool failed = true;

	for (n = 1; failed && n < FAULTS_MANY; n++) {
		struct vm *vm = vm_create(cell);
		struct vcpu *v;

		if (!by_itself)
			vm_attach(vm);
		v = vm_vcpu(vm, 0);
		ring_start(v, CODE_RA);
		vm_seal(vm);
		if (!by_itself)
			set_policy(vm, HVSTEP_POLICY_TRACE_ALL, HVSTEP_IRQ_HOLD);
		vcpu_debug(v, DEBUG_STEP);
		failed = step_with(v, n, &refused);
		steps_as_ever(v);
		vcpu_destroy(v);
		vm_destroy(vm);
	}
	if (n == FAULTS_MANY)
		vm_fail("the first step: no end of places that can fail");
	printf("# the first step: %d places, of which %d made it fail\n", n - 2, refused);
	return refused;
}

TEST_F(shortage, first_step)
{
	SKIP_WITHOUT_FAULTS();
	ASSERT_LT(0, first_steps(&variant->cell, false));
	ASSERT_EQ(1, attached());
}

TEST_F_TIMEOUT(shortage, first_step_by_itself, 240)
{
	int i, refused = 0;

	SKIP_WITHOUT_FAULTS();
	if (!auto_attach(true))
		SKIP(return, "root is needed to set auto_attach");
	/* Which place is what differs from one VM to the next: one may be passed over. */
	for (i = 0; i < 10 && !refused; i++)
		refused = first_steps(&variant->cell, true);
	EXPECT_LT(0, refused);
	/* Which lets go of what is nobody's, too. */
	ASSERT_TRUE(auto_attach(false));
	ASSERT_TRUE(attached_becomes(1));
}

/* Who is not stepped does not have to be told that there is no memory to look after it. */
TEST_F(shortage, one_that_runs)
{
	struct vcpu *v = self->v, *other;
	int n, interrupted = 0;

	SKIP_WITHOUT_FAULTS();
	ring_start(v, CODE_RA);
	put_insn(self->vm, CODE_RA + 0x400, 0x00dddd00, variant->cell.be_code);
	vm_seal(self->vm);
	/* Now all vCPUs of the VM are looked after. */
	steps_as_ever(v);
	for (n = 1; n <= 4; n++) {
		long ret;

		other = vm_vcpu(self->vm, n);
		with_regs(other, r)
			r.pc = vm_ea(self->vm, CODE_RA + 0x400);
		vcpu_debug(other, DEBUG_BP);
		faults_begin(n);
		ret = result(ioctl(other->fd, KVM_RUN, 0));
		ASSERT_TRUE(faults_end()) TH_LOG("place %d", n);
		if (ret) {
			ASSERT_EQ(-EINTR, ret) TH_LOG("place %d", n);
			ASSERT_EQ(KVM_EXIT_INTR, other->run->exit_reason) TH_LOG("place %d", n);
			interrupted++;
			ret = result(ioctl(other->fd, KVM_RUN, 0));
		}
		ASSERT_EQ(0, ret) TH_LOG("place %d", n);
		ASSERT_EQ(KVM_EXIT_DEBUG, other->run->exit_reason) TH_LOG("place %d", n);
	}
	printf("# %d times interrupted\n", interrupted);
	ASSERT_LT(0, interrupted);
	steps_as_ever(v);
}

/* Each instruction of the loop, while a ring records it */
TEST_F(shortage, steps)
{
	static const __u64 policies[] = { 0, HVSTEP_POLICY_TRACE_ALL, HVSTEP_POLICY_EXCLUSIVE };
	struct vcpu *v = self->v;
	int refused = 0, steps = 0;
	struct recorder rec;
	unsigned int p;
	int i, n;

	SKIP_WITHOUT_FAULTS();
	ring_start(v, CODE_RA);
	vm_seal(self->vm);
	recorder_open(&rec, v, (struct hvstep_trace){
		.nr_records = 1024, .flags = HVSTEP_TRACE_DROP,
	});
	vcpu_debug(v, DEBUG_STEP);
	for (p = 0; p < ARRAY_SIZE(policies); p++) {
		set_policy(self->vm, policies[p], HVSTEP_IRQ_HOLD);
		for (i = 0; i < 2 * RING_INSNS; i++) {
			for (n = 1; n < FAULTS_MANY && step_with(v, n, &refused); n++)
				steps++;
			ASSERT_GT(FAULTS_MANY, n);
		}
	}
	printf("# %d steps with a place that failed, which made %d fail\n", steps, refused);
	ASSERT_LT(0, steps);
	recorder_close(&rec);
	set_policy(self->vm, 0, HVSTEP_IRQ_HOLD);
	steps_as_ever(v);
}

/* Runs so far, -1: there will be no more */
static int runs;

/*
 * In each of them the guest's memory is mapped anew once, some time: without page tables
 * then. Not more often, or KVM could not use what it has found.
 */
static void *map_anew(void *arg)
{
	int now, seen = 0;
	struct vm *vm = arg;
	void *other = mremap(vm->mem, 0, MEM_SIZE, MREMAP_MAYMOVE);

	while ((now = __atomic_load_n(&runs, __ATOMIC_ACQUIRE)) >= 0) {
		if (now == seen) {
			usleep(20);
			continue;
		}
		seen = now;
		usleep(rand() % LONG_RUN_US);
		if (mremap(other, 0, MEM_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, vm->mem) != vm->mem)
			vm_fail("mremap: %s", strerror(errno));
	}
	munmap(other, MEM_SIZE);
	return NULL;
}

/* Pages cannot be had, now and then, in a system call of this thread's. */
static void pages_fail(const char *yes)
{
	int tries;

	/* To write this is a system call, too. */
	for (tries = 0; tries < 100; tries++)
		if (host_write("/proc/thread-self/make-it-fail", yes))
			return;
	vm_fail("make-it-fail: %s", strerror(errno));
}

/* A page that has moved while it was armed, and that cannot be had just now, is restored. */
TEST_F_TIMEOUT(shortage, restored, 240)
{
	struct hvstep_counters c = { .vcpu = HVSTEP_VCPU_ALL };
	struct vcpu *v = self->v;
	int i, refused = 0;
	pthread_t thread;

	SKIP_WITHOUT_FAULTS();
	ASSERT_TRUE(host_write(FAULTS "fail_page_alloc/task-filter", "Y"));
	ASSERT_TRUE(host_write(FAULTS "fail_page_alloc/times", "-1"));
	ring_start(v, CODE_RA);
	vm_seal(self->vm);
	set_policy(self->vm, HVSTEP_POLICY_TRACE_ALL, HVSTEP_IRQ_HOLD);
	vcpu_debug(v, DEBUG_STEP);
	ASSERT_EQ(0, pthread_create(&thread, NULL, map_anew, self->vm));
	ASSERT_TRUE(host_write(FAULTS "fail_page_alloc/probability", OFTEN));
	for (i = 0; i < 1000; i++) {
		struct kvm_regs before, after;
		long ret;

		vcpu_get_regs(v, &before);
		pages_fail("1");
		__atomic_store_n(&runs, i + 1, __ATOMIC_RELEASE);
		ret = result(ioctl(v->fd, KVM_RUN, 0));
		pages_fail("0");
		vcpu_get_regs(v, &after);
		if (!ret) {
			ASSERT_EQ(ring_next(self->vm, CODE_RA, before.pc), after.pc);
			ring_check(v, CODE_RA);
			continue;
		}
		ASSERT_TRUE(ret == -ENOMEM || ret == -EFAULT || ret == -EINTR) TH_LOG("%ld", ret);
		ASSERT_EQ(0, memcmp(&before, &after, sizeof(before)));
		refused++;
	}
	host_write(FAULTS "fail_page_alloc/probability", "0");
	host_write(FAULTS "fail_page_alloc/task-filter", "N");
	__atomic_store_n(&runs, -1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	vm_check_sealed(self->vm, "after all of it");
	ASSERT_EQ(0, ioctl(self->vm->session, HVSTEP_GET_COUNTERS, &c));
	ASSERT_EQ(0, c.lost);
	printf("# of %d steps %d were refused\n", i, refused);
	ASSERT_GT(i, refused);
	steps_as_ever(v);
}

KVM_TEST_MAIN
