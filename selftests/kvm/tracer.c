// SPDX-License-Identifier: GPL-2.0
/* HVSTEP_TRACE: what is recorded, that nothing is lost, and who waits for whom */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cells.h"
#include "pass_fd.h"
#include "recorder.h"
#include "runner.h"

CELL_FIXTURE(tracer);
CELLS(tracer);

static void ask(struct vcpu *v, __u64 count, __u32 flags)
{
	struct hvstep_step step = {
		.vcpu = v->id, .mode = count ? HVSTEP_STEP_COUNT : HVSTEP_STEP_CANCEL,
		.count = count, .flags = flags,
	};

	if (ioctl(v->vm->session, HVSTEP_STEP, &step))
		vm_fail("HVSTEP_STEP: %s", strerror(errno));
}

static __u64 steps_of(struct vcpu *v)
{
	struct hvstep_counters c;

	get_counters(v, &c);
	return c.steps;
}

#define LIVE	(HVSTEP_STEP_THEN_RUN | HVSTEP_STEP_NOW)

/* Every step, as it was */
TEST_F(tracer, everything)
{
	struct vcpu *v = self->v;
	struct recorder rec;
	__u64 i, n = 1000;
	__u64 pc = vm_ea(self->vm, CODE_RA), msr;

	SKIP_REFERENCE();
	ring_start(v, CODE_RA);
	vcpu_debug(v, 0);
	vm_seal(self->vm);
	recorder_open(&rec, v, (struct hvstep_trace){ .nr_records = 1024 });
	with_regs(v, r)
		msr = r.msr;
	ask(v, n, 0);
	ASSERT_EQ(HVSTEP_RING_ACTIVE, rec.ring->state);
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "steps");
	ASSERT_EQ(0, rec.ring->state);
	ASSERT_EQ(n, rec.ring->head);
	for (i = 0; i < n; i++) {
		const struct hvstep_record *r = recorder_next(&rec);
		__u32 word = get_insn(self->vm, CODE_RA + pc - vm_ea(self->vm, CODE_RA),
				      variant->cell.be_code);

		if (r->seq != i || r->nip != pc || r->msr != msr || r->word != word ||
		    r->suffix || r->vcpu != v->id || r->reserved ||
		    r->next != ring_next(self->vm, CODE_RA, pc))
			vm_fail("record %llu: seq %llu nip %llx msr %llx word %08x next %llx, expected nip %llx msr %llx word %08x",
				i, r->seq, r->nip, r->msr, r->word, r->next, pc, msr, word);
		/* ld, std and lwz of r15 */
		switch (word >> 26) {
		case 32:
		case 58:
		case 62:
			ASSERT_EQ(HVSTEP_RECORD_EA, r->flags);
			ASSERT_EQ(vm_ea(self->vm, DATA_RA) + (word & 0xfffc), r->ea);
			ASSERT_EQ(HVSTEP_KIND_TRACED, r->kind);
			break;
		default:
			ASSERT_EQ(0, r->flags);
			ASSERT_EQ(0, r->ea);
		}
		pc = r->next;
	}
	ASSERT_EQ(POLLHUP, recorder_poll(&rec, 0));
	recorder_close(&rec);
}

/* GDB's steps, too, and those of an instruction that faults or needs the VMM. */
GUEST_CODE(others, "lwz 5, 0(4); .long 0; nop\n");

TEST_F(tracer, of_any_kind)
{
	struct vcpu *v = self->v;
	const struct hvstep_record *r;
	struct recorder rec;

	SKIP_REFERENCE();
	SKIP_WITHOUT_VRMA();
	load_code(v, CODE_RA, others, others_end);
	with_regs(v, regs)
		regs.gpr[4] = vm_mmio_ea(self->vm);
	vcpu_debug(v, DEBUG_STEP);
	recorder_open(&rec, v, (struct hvstep_trace){ .nr_records = 16 });
	check_exit(v, vcpu_run(v), KVM_EXIT_MMIO, "load");
	ASSERT_EQ(0, rec.ring->head);
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "load");
	ASSERT_EQ(1, rec.ring->head);
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "illegal");
	r = recorder_next(&rec);
	ASSERT_EQ(HVSTEP_KIND_MOVED, r->kind);
	ASSERT_EQ(HVSTEP_RECORD_EA, r->flags);
	ASSERT_EQ(vm_mmio_ea(self->vm), r->ea);
	r = recorder_next(&rec);
	ASSERT_EQ(HVSTEP_KIND_FAULT, r->kind);
	ASSERT_EQ(0x700, r->next & 0xfff);
	ASSERT_EQ(0, r->word);
	recorder_close(&rec);
}

/* Of ISA 3.1, and unknown to the kernel that steps: lxvrdx 0, 0, 3; stxvrwx 0, 0, 4 */
GUEST_CODE(rightmost, ".long 0x7c0018da; .long 0x7c00219a; nop\n");

TEST_F(tracer, rightmost_of_vectors)
{
	const __u64 ea[] = { vm_ea(self->vm, DATA_RA) + 5, vm_ea(self->vm, DATA_RA) + 0x102 };
	struct vcpu *v = self->v;
	struct recorder rec;
	size_t i;

	SKIP_REFERENCE();
	SKIP_BELOW_POWER(10, "loads and stores of what is rightmost in a vector");
	load_code(v, CODE_RA, rightmost, rightmost_end);
	with_regs(v, regs) {
		regs.msr |= MSR_FP | MSR_VEC | MSR_VSX;
		regs.gpr[3] = ea[0];
		regs.gpr[4] = ea[1];
	}
	vcpu_debug(v, DEBUG_STEP);
	recorder_open(&rec, v, (struct hvstep_trace){ .nr_records = 16 });
	for (i = 0; i < ARRAY_SIZE(ea); i++) {
		const struct hvstep_record *r;

		check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "load, store");
		r = recorder_next(&rec);
		ASSERT_EQ(HVSTEP_RECORD_EA, r->flags);
		ASSERT_EQ(ea[i], r->ea);
	}
	recorder_close(&rec);
}

/* A reader slower than the vCPU: it waits, and not a record is missing. */
TEST_F(tracer, lossless)
{
	const __u64 n = 3000;
	struct vcpu *v = self->v;
	struct runner runner;
	struct recorder rec;
	__u64 i, next = 0;

	SKIP_REFERENCE();
	ignore_sigusr1();
	ring_start(v, CODE_RA);
	vm_seal(self->vm);
	runner_start(&runner, v, false);
	recorder_open(&rec, v, (struct hvstep_trace){ .nr_records = 64, .watermark = 32 });
	ask(v, n, LIVE);
	for (i = 0; i < n; i++) {
		const struct hvstep_record *r = recorder_wait(&rec);

		if (r->seq != i || (i && r->nip != next))
			vm_fail("record %llu: seq %llu nip %llx, expected %llx", i, r->seq, r->nip,
				next);
		next = r->next;
		if (i % 500 == 0)
			usleep(50000);
	}
	while (recorder_poll(&rec, 1000) != POLLHUP)
		;
	ASSERT_EQ(n, rec.ring->head);
	ASSERT_EQ(0, rec.ring->dropped);
	ASSERT_TRUE(runner_goes_on(&runner));
	recorder_close(&rec);
	runner_stop(&runner);
	vm_check_sealed(self->vm, "after it all");
}

TEST_F(tracer, dropped)
{
	struct vcpu *v = self->v;
	struct recorder rec;
	int i;

	SKIP_REFERENCE();
	ring_start(v, CODE_RA);
	vcpu_debug(v, 0);
	recorder_open(&rec, v, (struct hvstep_trace){
		.nr_records = 64, .flags = HVSTEP_TRACE_DROP,
	});
	ask(v, 1000, 0);
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "steps");
	ASSERT_EQ(64, rec.ring->head);
	ASSERT_EQ(1000 - 64, rec.ring->dropped);
	for (i = 0; i < 10; i++)
		ASSERT_EQ(i, recorder_next(&rec)->seq);
	/* What finds room again says how much is missing. */
	ask(v, 20, 0);
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "steps");
	ASSERT_EQ(74, rec.ring->head);
	ASSERT_EQ(1000 - 64 + 10, rec.ring->dropped);
	for (; i < 64; i++)
		ASSERT_EQ(i, recorder_next(&rec)->seq);
	for (i = 0; i < 10; i++)
		ASSERT_EQ(1000 + i, recorder_next(&rec)->seq);
	recorder_close(&rec);
}

TEST_F(tracer, filtered)
{
	struct hvstep_trace filter[] = {
		{ .flags = HVSTEP_TRACE_NO_KERNEL },
		{ .flags = HVSTEP_TRACE_NO_USER },
		{ .flags = HVSTEP_TRACE_BRANCHES },
		{ .start = vm_ea(self->vm, CODE_RA + 8), .end = vm_ea(self->vm, CODE_RA + 16) },
	};
	const __u64 turns = 10, n = turns * RING_INSNS;
	__u64 expect[] = { 0, n, turns, 2 * turns };
	struct vcpu *v = self->v;
	struct recorder rec;
	unsigned int i;

	SKIP_REFERENCE();
	for (i = 0; i < ARRAY_SIZE(filter); i++) {
		ring_start(v, CODE_RA);
		vcpu_debug(v, 0);
		filter[i].nr_records = 256;
		recorder_open(&rec, v, filter[i]);
		ask(v, n, 0);
		check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "steps");
		ASSERT_EQ(expect[i], rec.ring->head) TH_LOG("filter %u", i);
		ASSERT_EQ(n - expect[i], rec.ring->filtered) TH_LOG("filter %u", i);
		if (i == 2)
			ASSERT_EQ(RING_INSNS - 1, recorder_next(&rec)->seq);
		recorder_close(&rec);
	}
}

/* Who waits for room can be interrupted, told to stop, and left alone by the reader. */
TEST_F(tracer, full)
{
	struct vcpu *v = self->v;
	struct runner runner;
	struct recorder rec;
	int interrupted;
	__u64 steps;

	SKIP_REFERENCE();
	ignore_sigusr1();
	ring_start(v, CODE_RA);
	vm_seal(self->vm);
	runner_start(&runner, v, false);

	recorder_open(&rec, v, (struct hvstep_trace){ .nr_records = 16 });
	ask(v, 1000, LIVE);
	while (*(volatile __u64 *)&rec.ring->head < 16)
		usleep(1000);
	interrupted = read_once(&runner.interrupted);
	pthread_kill(runner.thread, SIGUSR1);
	while (read_once(&runner.interrupted) == interrupted)
		usleep(1000);
	usleep(50000);
	ASSERT_EQ(16, rec.ring->head);
	/* Nothing of ours is in the guest's memory meanwhile. */
	vm_check_sealed(self->vm, "waiting");
	/* A tail that cannot be is no room either. */
	rec.ring->tail = 17;
	usleep(100000);
	ASSERT_EQ(16, rec.ring->head);
	rec.ring->tail = 0;
	ask(v, 0, HVSTEP_STEP_NOW);
	ASSERT_TRUE(runner_goes_on(&runner));
	ASSERT_EQ(POLLIN, recorder_poll(&rec, 0));
	recorder_close(&rec);

	recorder_open(&rec, v, (struct hvstep_trace){ .nr_records = 16 });
	ask(v, 1000, LIVE);
	while (*(volatile __u64 *)&rec.ring->head < 16)
		usleep(1000);
	recorder_close(&rec);
	ASSERT_TRUE(runner_goes_on(&runner));
	/* Nobody is there to end the steps: they have ended. */
	steps = steps_of(v);
	ASSERT_TRUE(runner_goes_on(&runner));
	ASSERT_EQ(steps, steps_of(v));
	runner_stop(&runner);
	vm_check_sealed(self->vm, "after it all");
}

/* The ring keeps the session, and so does the memory that is mapped. */
TEST_F(tracer, keeps_session)
{
	struct vcpu *v = self->v;
	struct recorder rec;

	SKIP_REFERENCE();
	ring_start(v, CODE_RA);
	vcpu_debug(v, 0);
	recorder_open(&rec, v, (struct hvstep_trace){ .nr_records = 16 });
	ask(v, 10, 0);
	close(self->vm->session);
	self->vm->session = -1;
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "steps");
	close(rec.fd);
	rec.fd = -1;
	ASSERT_EQ(1, attached());
	ASSERT_EQ(10, rec.ring->head);
	ASSERT_EQ(9, rec.records[9].seq);
	recorder_close(&rec);
	ASSERT_TRUE(attached_becomes(0));
}

TEST_F(tracer, refused)
{
	struct hvstep_trace good = {
		.vcpu = self->v->id, .nr_records = 16, .watermark = 1,
	}, bad[10];
	int session = self->vm->session, fd, i;

	SKIP_REFERENCE();
	for (i = 0; i < 10; i++)
		bad[i] = good;
	bad[0].flags = 1 << 4;
	bad[1].nr_records = 8;
	bad[2].nr_records = 17;
	bad[3].nr_records = 2 * HVSTEP_RING_MAX_RECORDS;
	bad[4].watermark = 0;
	bad[5].watermark = 17;
	bad[6].start = 8;
	bad[7].start = 8;
	bad[7].end = 8;
	bad[8].reserved[3] = 1;
	for (i = 0; i < 9; i++) {
		ASSERT_EQ(-1, ioctl(session, HVSTEP_TRACE, &bad[i])) TH_LOG("%d", i);
		ASSERT_EQ(EINVAL, errno) TH_LOG("%d", i);
	}
	bad[9].vcpu = 1000;
	ASSERT_EQ(-1, ioctl(session, HVSTEP_TRACE, &bad[9]));
	ASSERT_EQ(ENOENT, errno);

	fd = ioctl(session, HVSTEP_TRACE, &good);
	ASSERT_LE(0, fd);
	ASSERT_EQ(-1, ioctl(session, HVSTEP_TRACE, &good));
	ASSERT_EQ(EBUSY, errno);
	ASSERT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
	ASSERT_EQ(MAP_FAILED, mmap(NULL, 1 << 20, PROT_READ, MAP_SHARED, fd, 0));
	close(fd);
	fd = ioctl(session, HVSTEP_TRACE, &good);
	ASSERT_LE(0, fd);
	close(fd);
}

/* A call that fails has changed nothing, not even what others have asked for. */
TEST_F(tracer, failed_for_want_of_a_descriptor)
{
	struct hvstep_trace trace = {
		.vcpu = self->v->id, .nr_records = 16, .watermark = 1,
	};
	struct rlimit before, none;
	struct vcpu *v = self->v;
	struct runner runner;
	int i, ret, err;

	SKIP_REFERENCE();
	ignore_sigusr1();
	ring_start(v, CODE_RA);
	vm_seal(self->vm);
	ask(v, 10, HVSTEP_STEP_THEN_RUN);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &before));
	none = before;
	none.rlim_cur = 0;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	ret = ioctl(self->vm->session, HVSTEP_TRACE, &trace);
	err = errno;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &before));
	ASSERT_EQ(-1, ret);
	ASSERT_EQ(EMFILE, err);
	runner_start(&runner, v, false);
	for (i = 0; i < 100 && steps_of(v) < 10; i++)
		usleep(100000);
	ASSERT_EQ(10, steps_of(v));
	ASSERT_TRUE(runner_goes_on(&runner));
	runner_stop(&runner);
}

/* A user's rings are no more than what this user may lock, and count no longer than they are. */
/*
 * A process that has nothing of the VMM's but what comes by @socket: a session, and a ring
 * of it. Exit status: how many things are not as they should be.
 */
static int use_session(int socket, __u32 vcpu)
{
	struct hvstep_step step = { .vcpu = vcpu, .mode = HVSTEP_STEP_COUNT, .count = 100 };
	int fd, session, ring, bad = 0;
	struct hvstep_ring *page;
	char byte;

	for (fd = 3; fd < 1024; fd++)
		if (fd != socket)
			close(fd);
	session = fd_receive(socket);
	ring = fd_receive(socket);
	bad += ioctl(session, HVSTEP_STEP, &step) != 0;
	page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ring, 0);
	bad += page == MAP_FAILED || page->magic != HVSTEP_RING_MAGIC;
	/* Nothing else: it is no VM, and none of its memory. */
	bad += ioctl(session, KVM_CREATE_VCPU, 100) != -1;
	bad += ioctl(session, KVM_CHECK_EXTENSION, KVM_CAP_PPC_PAPR) != -1;
	bad += mmap(NULL, 4096, PROT_READ, MAP_SHARED, session, 0) != MAP_FAILED;
	bad += pread(session, &byte, 1, 0) != -1;
	bad += pread(ring, &byte, 1, 0) != -1;
	return bad;
}

TEST_F(tracer, handed_to_another_process)
{
	struct vcpu *v = self->v;
	struct recorder rec;
	int ends[2], status;
	pid_t pid;

	SKIP_REFERENCE();
	ring_start(v, CODE_RA);
	vcpu_debug(v, 0);
	recorder_open(&rec, v, (struct hvstep_trace){ .nr_records = 128 });
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
	pid = fork();
	if (!pid)
		_exit(use_session(ends[1], v->id));
	fd_send(ends[0], self->vm->session);
	fd_send(ends[0], rec.fd);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "steps that another process wants");
	EXPECT_EQ(100, rec.ring->head);
	recorder_close(&rec);
	close(ends[0]);
	close(ends[1]);
}

TEST_F(tracer, locked_memory)
{
	const struct rlimit mib = { .rlim_cur = 1 << 20, .rlim_max = 1 << 20 };
	struct hvstep_trace little = {
		.vcpu = self->v->id, .nr_records = 8192, .watermark = 1,
	}, much = little;
	int session = self->vm->session, fd, i;
	struct vcpu *v = self->v;
	struct runner runner;
	struct recorder rec;

	SKIP_REFERENCE();
	if (geteuid())
		SKIP(return, "only root can become a user whose memory is limited");
	ring_start(v, CODE_RA);
	vm_seal(self->vm);
	vcpu_debug(v, 0);
	much.nr_records = 16384;	/* and the ring's head */
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &mib));
	fd = ioctl(session, HVSTEP_TRACE, &much);
	ASSERT_LE(0, fd) TH_LOG("root's is without a limit");
	close(fd);

	ignore_sigusr1();
	/* A user that nobody else is */
	ASSERT_EQ(0, setgroups(0, NULL));
	ASSERT_EQ(0, setresuid(61234, 61234, 61234));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(-1, ioctl(session, HVSTEP_TRACE, &much));
		ASSERT_EQ(ENOMEM, errno);
		/* One that the vCPU has recorded with, too, and does not know yet to be gone */
		recorder_open(&rec, v, little);
		ask(v, 10, 0);
		check_exit(v, vcpu_run(v), KVM_EXIT_DEBUG, "steps");
		ASSERT_EQ(10, rec.ring->head);
		recorder_close(&rec);
	}
	/* Nor if it is in the guest, and has no more steps to make */
	runner_start(&runner, v, false);
	for (i = 0; i < 4; i++) {
		recorder_open(&rec, v, little);
		ask(v, 10, LIVE);
		while (recorder_poll(&rec, 1000) != POLLIN || rec.ring->head < 10)
			;
		ASSERT_TRUE(runner_goes_on(&runner));
		recorder_close(&rec);
	}
	runner_stop(&runner);
}

KVM_TEST_MAIN
