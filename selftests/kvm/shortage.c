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
#include "recorder.h"
#include "ring.h"

#define FAULTS	"/sys/kernel/debug/"
#define OFTEN	"20"	/* per cent */
#define LONG_RUN_US	2000	/* of a KVM_RUN on an emulated machine */
/* More than any call has */
#define MANY	1000

CELL_FIXTURE(shortage);
CELL(shortage, le_ail3, .ile = true, .ail = true);
CELL(shortage, le_hash, .ile = true, .ail = true, .hash = true);

static int fail_nth = -1;

static bool write_to(const char *name, const char *what)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, what, strlen(what)) == (ssize_t)strlen(what);

	if (fd >= 0)
		close(fd);
	return done;
}

/* Why no call can be made to fail here, NULL: it can */
static const char *no_faults(void)
{
	static const char * const kinds[] = { "failslab", "fail_page_alloc", "fail_usercopy" };
	char name[64];
	unsigned int i;

	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail_nth < 0)
		return "the kernel does not inject faults (CONFIG_FAULT_INJECTION), or not for us";
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		/* Each would come with a trace of calls in the kernel's log. */
		snprintf(name, sizeof(name), FAULTS "%s/verbose", kinds[i]);
		if (!write_to(name, "0"))
			return "the kernel's fault injection cannot be set up (debugfs, root)";
	}
	/* By default those that may wait never fail, nor those for pages of user space. */
	if (!write_to(FAULTS "failslab/ignore-gfp-wait", "N") ||
	    !write_to(FAULTS "fail_page_alloc/ignore-gfp-wait", "N") ||
	    !write_to(FAULTS "fail_page_alloc/ignore-gfp-highmem", "N") ||
	    !write_to(FAULTS "fail_page_alloc/min-order", "0"))
		return "the kernel's fault injection cannot be set up (failslab, fail_page_alloc)";
	return NULL;
}

#define SKIP_WITHOUT_FAULTS()						\
	do {								\
		const char *why = no_faults();				\
									\
		SKIP_REFERENCE();					\
		if (why)						\
			SKIP(return, "%s", why);			\
	} while (0)

/* The n-th place from here on is to fail, 0: none. */
static void set_nth(int n)
{
	char text[16];
	int tries;

	snprintf(text, sizeof(text), "%d", n);
	/* To copy this from here is such a place, too. */
	for (tries = 0; tries < 3; tries++) {
		if (pwrite(fail_nth, text, strlen(text), 0) > 0)
			return;
	}
	vm_fail("fail-nth: %s", strerror(errno));
}

/* Whether the one that was set has failed; none does any more. */
static bool has_failed(void)
{
	char left[16] = {};
	bool failed = pread(fail_nth, left, sizeof(left) - 1, 0) > 0 && !atoi(left);

	set_nth(0);
	return failed;
}

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

static long set_no_policy(struct vm *vm)
{
	struct hvstep_policy policy = {};

	return result(ioctl(vm->session, HVSTEP_SET_POLICY, &policy));
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
	for (n = 1; n < MANY; n++) {
		bool failed;

		set_nth(n);
		ret = call->make(vm);
		failed = has_failed();
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
	if (n == MANY)
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
		{ "HVSTEP_SET_POLICY", set_no_policy, NULL },
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

/* A step whose place @n fails is one, or is none: returns whether there was such a place. */
static bool step_with(struct vcpu *v, int n, int *refused)
{
	struct kvm_regs before, after;
	bool failed;
	long ret;

	vcpu_get_regs(v, &before);
	set_nth(n);
	ret = result(ioctl(v->fd, KVM_RUN, 0));
	failed = has_failed();
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

/* Of a vCPU that was made after its VM was attached: all that is made for that once */
TEST_F(shortage, first_step)
{
	int n, refused = 0;
	bool failed = true;

	SKIP_WITHOUT_FAULTS();
	for (n = 1; failed && n < MANY; n++) {
		struct vm *vm = vm_create(&variant->cell);
		struct vcpu *v;

		vm_attach(vm);
		v = vm_vcpu(vm, 0);
		ring_start(v, CODE_RA);
		vm_seal(vm);
		set_policy(vm, HVSTEP_POLICY_TRACE_ALL, HVSTEP_IRQ_HOLD);
		vcpu_debug(v, DEBUG_STEP);
		failed = step_with(v, n, &refused);
		steps_as_ever(v);
		vcpu_destroy(v);
		vm_destroy(vm);
	}
	ASSERT_GT(MANY, n);
	printf("# the first step: %d places, of which %d made it fail\n", n - 2, refused);
	ASSERT_LT(0, refused);
	ASSERT_EQ(1, attached());
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
		set_nth(n);
		ret = result(ioctl(other->fd, KVM_RUN, 0));
		ASSERT_TRUE(has_failed()) TH_LOG("place %d", n);
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
			for (n = 1; n < MANY && step_with(v, n, &refused); n++)
				steps++;
			ASSERT_GT(MANY, n);
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
		if (write_to("/proc/thread-self/make-it-fail", yes))
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
	ASSERT_TRUE(write_to(FAULTS "fail_page_alloc/task-filter", "Y"));
	ASSERT_TRUE(write_to(FAULTS "fail_page_alloc/times", "-1"));
	ring_start(v, CODE_RA);
	vm_seal(self->vm);
	set_policy(self->vm, HVSTEP_POLICY_TRACE_ALL, HVSTEP_IRQ_HOLD);
	vcpu_debug(v, DEBUG_STEP);
	ASSERT_EQ(0, pthread_create(&thread, NULL, map_anew, self->vm));
	ASSERT_TRUE(write_to(FAULTS "fail_page_alloc/probability", OFTEN));
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
	write_to(FAULTS "fail_page_alloc/probability", "0");
	write_to(FAULTS "fail_page_alloc/task-filter", "N");
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
