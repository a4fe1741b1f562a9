// SPDX-License-Identifier: GPL-2.0
/* HVSTEP_URING_*: many vCPUs by one io_uring_enter, and waits that can be given up */
#include <errno.h>
#include <liburing.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cells.h"
#include "recorder.h"
#include "runner.h"

CELL_FIXTURE(uring);
CELL(uring, le_ail3, .ile = true, .ail = true);

#define LIVE	(HVSTEP_STEP_THEN_RUN | HVSTEP_STEP_NOW)
#define VCPUS	3

static void prepare(struct io_uring *uring, int fd, __u32 op, struct hvstep_uring arg, __u64 data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(uring);

	if (!sqe)
		vm_fail("no SQE");
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = op;
	memcpy(sqe->cmd, &arg, sizeof(arg));
	sqe->user_data = data;
}

static int complete(struct io_uring *uring, __u64 *data)
{
	struct io_uring_cqe *cqe;
	int ret = io_uring_wait_cqe(uring, &cqe);

	if (ret)
		vm_fail("io_uring_wait_cqe: %s", strerror(-ret));
	*data = cqe->user_data;
	ret = cqe->res;
	io_uring_cqe_seen(uring, cqe);
	return ret;
}

static int one(struct io_uring *uring, int fd, __u32 op, struct hvstep_uring arg)
{
	__u64 data;
	int ret;

	/* io_uring disturbs its own workers now and then. */
	do {
		prepare(uring, fd, op, arg, 1);
		if (io_uring_submit(uring) != 1)
			vm_fail("io_uring_submit");
		ret = complete(uring, &data);
	} while (ret == -EINTR);
	return ret;
}

static void start(struct io_uring *uring)
{
	int ret = io_uring_queue_init(32, uring, 0);

	if (ret)
		vm_fail("io_uring_queue_init: %s", strerror(-ret));
}

/* All are started and waited for by one call. */
TEST_F(uring, several)
{
	const __u64 n = 1000;
	struct vcpu *v[VCPUS] = { self->v };
	struct recorder rec[VCPUS];
	struct runner runner[VCPUS];
	struct io_uring uring;
	unsigned int i, waited = 0;
	__u64 data;

	SKIP_REFERENCE();
	ignore_sigusr1();
	start(&uring);
	for (i = 0; i < VCPUS; i++) {
		if (i)
			v[i] = vm_vcpu(self->vm, i);
		ring_start(v[i], CODE_RA);
	}
	vm_seal(self->vm);
	for (i = 0; i < VCPUS; i++) {
		runner_start(&runner[i], v[i], false);
		recorder_open(&rec[i], v[i], (struct hvstep_trace){
			.nr_records = 256, .watermark = 64,
		});
		prepare(&uring, rec[i].fd, HVSTEP_URING_START,
			(struct hvstep_uring){ .count = n, .flags = LIVE }, i);
		prepare(&uring, rec[i].fd, HVSTEP_URING_WAIT,
			(struct hvstep_uring){ .count = 64 }, VCPUS + i);
	}
	ASSERT_EQ(2 * VCPUS, io_uring_submit_and_wait(&uring, 2 * VCPUS));
	for (i = 0; i < 2 * VCPUS; i++) {
		int ret = complete(&uring, &data);

		if (ret == -EINTR && data >= VCPUS)
			ret = one(&uring, rec[data - VCPUS].fd, HVSTEP_URING_WAIT,
				  (struct hvstep_uring){ .count = 64 });
		ASSERT_EQ(0, ret);
		if (data >= VCPUS)
			ASSERT_LE(64, rec[data - VCPUS].ring->head);
		waited += data >= VCPUS;
	}
	ASSERT_EQ(VCPUS, waited);
	for (i = 0; i < VCPUS; i++) {
		__u64 seq = 0;

		while (recorder_has(&rec[i]) || rec[i].ring->state) {
			ASSERT_EQ(0, one(&uring, rec[i].fd, HVSTEP_URING_WAIT,
					 (struct hvstep_uring){ .count = 64 }));
			while (recorder_has(&rec[i]))
				ASSERT_EQ(seq++, recorder_next(&rec[i])->seq);
		}
		ASSERT_EQ(n, seq);
		ASSERT_TRUE(runner_goes_on(&runner[i]));
	}
	for (i = 0; i < VCPUS; i++) {
		recorder_close(&rec[i]);
		runner_stop(&runner[i]);
	}
	io_uring_queue_exit(&uring);
	vm_check_sealed(self->vm, "after it all");
}

#define MANY	8

struct many {
	struct vcpu *v[MANY];
	struct runner runner[MANY];
	struct recorder rec[MANY];
	struct io_uring uring;
};

/* All run, and are started by one call. */
static void many_start(struct many *m, struct vcpu *first, __u64 n, struct hvstep_trace trace)
{
	unsigned int i;
	__u64 data;

	ignore_sigusr1();
	start(&m->uring);
	for (i = 0; i < MANY; i++) {
		m->v[i] = i ? vm_vcpu(first->vm, i) : first;
		ring_start(m->v[i], CODE_RA);
	}
	vm_seal(first->vm);
	for (i = 0; i < MANY; i++) {
		runner_start(&m->runner[i], m->v[i], false);
		recorder_open(&m->rec[i], m->v[i], trace);
		prepare(&m->uring, m->rec[i].fd, HVSTEP_URING_START,
			(struct hvstep_uring){ .count = n, .flags = LIVE }, i);
	}
	if (io_uring_submit(&m->uring) != MANY)
		vm_fail("io_uring_submit");
	for (i = 0; i < MANY; i++)
		if (complete(&m->uring, &data))
			vm_fail("HVSTEP_URING_START of vcpu %llu", data);
}

static void many_stop(struct many *m)
{
	struct vm *vm = m->v[0]->vm;
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		if (!runner_goes_on(&m->runner[i]))
			vm_fail("vcpu %u does not run", i);
		recorder_close(&m->rec[i]);
	}
	for (i = 0; i < MANY; i++)
		runner_stop(&m->runner[i]);
	io_uring_queue_exit(&m->uring);
	vm_check_sealed(vm, "after it all");
}

/* Those that have not recorded all, by one call; returns how many there are. */
static unsigned int many_wait(struct many *m, __u64 n)
{
	unsigned int i, waiting = 0;
	__u64 data;
	int ret;

	for (i = 0; i < MANY; i++) {
		if (m->rec[i].tail == n)
			continue;
		prepare(&m->uring, m->rec[i].fd, HVSTEP_URING_WAIT,
			(struct hvstep_uring){ .count = 32 }, i);
		waiting++;
	}
	if (waiting && io_uring_submit_and_wait(&m->uring, waiting) < 0)
		vm_fail("io_uring_submit_and_wait");
	for (i = 0; i < waiting; i++) {
		ret = complete(&m->uring, &data);
		/* io_uring disturbs its workers now and then. */
		if (ret && ret != -EINTR)
			vm_fail("HVSTEP_URING_WAIT of vcpu %llu: %s", data, strerror(-ret));
	}
	return waiting;
}

/* Nobody reads for two seconds: all wait for room, and nothing is missing afterwards. */
TEST_F(uring, eight_lossless)
{
	const __u64 n = 500, room = 64;
	struct many m;
	__u64 next[MANY];
	unsigned int i;

	SKIP_REFERENCE();
	many_start(&m, self->v, n, (struct hvstep_trace){ .nr_records = room, .watermark = 32 });
	for (i = 0; i < MANY; i++)
		while (*(volatile __u64 *)&m.rec[i].ring->head < room)
			usleep(10000);
	sleep(2);
	for (i = 0; i < MANY; i++) {
		ASSERT_EQ(room, m.rec[i].ring->head);
		ASSERT_EQ(HVSTEP_RING_ACTIVE, m.rec[i].ring->state);
	}
	while (many_wait(&m, n)) {
		for (i = 0; i < MANY; i++) {
			while (recorder_has(&m.rec[i])) {
				__u64 seq = m.rec[i].tail;
				const struct hvstep_record *r = recorder_next(&m.rec[i]);

				if (r->seq != seq || r->vcpu != i || (seq && r->nip != next[i]))
					vm_fail("vcpu %u record %llu: seq %llu nip %llx, expected %llx",
						i, seq, r->seq, r->nip, next[i]);
				next[i] = r->next;
			}
		}
	}
	for (i = 0; i < MANY; i++) {
		ASSERT_EQ(n, m.rec[i].ring->head);
		ASSERT_EQ(0, m.rec[i].ring->dropped);
	}
	many_stop(&m);
}

/* Nobody reads at all: what finds no room is counted, each of them. */
TEST_F(uring, eight_dropping)
{
	const __u64 n = 500, room = 64;
	struct many m;
	unsigned int i;
	__u64 seq;

	SKIP_REFERENCE();
	many_start(&m, self->v, n, (struct hvstep_trace){
		.nr_records = room, .flags = HVSTEP_TRACE_DROP,
	});
	for (i = 0; i < MANY; i++) {
		while (*(volatile __u32 *)&m.rec[i].ring->state)
			usleep(10000);
		ASSERT_EQ(room, m.rec[i].ring->head);
		ASSERT_EQ(n - room, m.rec[i].ring->dropped);
		for (seq = 0; seq < room; seq++)
			ASSERT_EQ(seq, recorder_next(&m.rec[i])->seq);
	}
	many_stop(&m);
}

TEST_F(uring, stopped)
{
	struct vcpu *v = self->v;
	struct runner runner;
	struct recorder rec;
	struct io_uring uring;

	SKIP_REFERENCE();
	ignore_sigusr1();
	start(&uring);
	ring_start(v, CODE_RA);
	vm_seal(self->vm);
	runner_start(&runner, v, false);
	recorder_open(&rec, v, (struct hvstep_trace){ .nr_records = 64 });
	ASSERT_EQ(0, one(&uring, rec.fd, HVSTEP_URING_START,
			 (struct hvstep_uring){ .count = 1ULL << 40, .flags = LIVE }));
	ASSERT_EQ(0, one(&uring, rec.fd, HVSTEP_URING_WAIT, (struct hvstep_uring){ .count = 64 }));
	ASSERT_EQ(64, rec.ring->head);
	ASSERT_EQ(0, one(&uring, rec.fd, HVSTEP_URING_STOP,
			 (struct hvstep_uring){ .flags = HVSTEP_STEP_NOW }));
	ASSERT_TRUE(runner_goes_on(&runner));
	/* It has waited for room: no step was under way. */
	ASSERT_EQ(64, rec.ring->head);
	ASSERT_EQ(0, rec.ring->state);
	recorder_close(&rec);
	runner_stop(&runner);
	io_uring_queue_exit(&uring);
}

TEST_F(uring, cancelled)
{
	struct recorder rec;
	struct io_uring uring;
	struct io_uring_sqe *sqe;
	__u64 data;
	int ret, i, waited = 0, cancelled = 0;

	SKIP_REFERENCE();
	start(&uring);
	ring_start(self->v, CODE_RA);
	recorder_open(&rec, self->v, (struct hvstep_trace){ .nr_records = 64 });
	ASSERT_EQ(0, one(&uring, rec.fd, HVSTEP_URING_START, (struct hvstep_uring){ .count = 1 }));
	/* Until it was there to be cancelled: see one(). */
	do {
		prepare(&uring, rec.fd, HVSTEP_URING_WAIT, (struct hvstep_uring){ .count = 1 }, 7);
		ASSERT_EQ(1, io_uring_submit(&uring));
		usleep(100000);
		sqe = io_uring_get_sqe(&uring);
		io_uring_prep_cancel64(sqe, 7, 0);
		sqe->user_data = 8;
		ASSERT_EQ(1, io_uring_submit(&uring));
		for (i = 0; i < 2; i++) {
			ret = complete(&uring, &data);
			*(data == 7 ? &waited : &cancelled) = ret;
		}
	} while (waited == -EINTR && cancelled == -ENOENT);
	ASSERT_TRUE(!cancelled || cancelled == -EALREADY) TH_LOG("%d", cancelled);
	ASSERT_TRUE(waited == -ECANCELED || waited == -EINTR) TH_LOG("%d", waited);
	recorder_close(&rec);
	io_uring_queue_exit(&uring);
}

/* What waits goes by what it was when it was submitted. */
TEST_F(uring, submission_queue_reused)
{
	struct io_uring_sqe *sqe;
	struct recorder rec;
	struct io_uring uring;
	__u64 data;
	int ret;

	SKIP_REFERENCE();
	ASSERT_EQ(0, io_uring_queue_init(1, &uring, 0));
	ring_start(self->v, CODE_RA);
	vcpu_debug(self->v, 0);
	/* Woken for each record, by the number waited for and not by the watermark. */
	recorder_open(&rec, self->v, (struct hvstep_trace){ .nr_records = 64, .watermark = 64 });
	ASSERT_EQ(0, one(&uring, rec.fd, HVSTEP_URING_START, (struct hvstep_uring){ .count = 40 }));
	do {
		prepare(&uring, rec.fd, HVSTEP_URING_WAIT, (struct hvstep_uring){ .count = 8 }, 7);
		ASSERT_EQ(1, io_uring_submit(&uring));
		sqe = io_uring_get_sqe(&uring);
		memset(sqe, 0xff, sizeof(*sqe));
		usleep(100000);
		io_uring_prep_nop(sqe);
		sqe->user_data = 8;
		ASSERT_EQ(1, io_uring_submit(&uring));
		ret = complete(&uring, &data);
		if (data == 8)
			break;
		ASSERT_EQ(-EINTR, ret);
		complete(&uring, &data);
	} while (1);
	/* io_uring completes in this thread, which it brings out of KVM_RUN for that. */
	do {
		ret = vcpu_run(self->v);
	} while (ret == -EINTR);
	check_exit(self->v, ret, KVM_EXIT_DEBUG, "steps");
	ret = complete(&uring, &data);
	ASSERT_EQ(7, data);
	ASSERT_TRUE(!ret || ret == -EINTR) TH_LOG("%d", ret);
	ASSERT_EQ(40, rec.ring->head);
	recorder_close(&rec);
	io_uring_queue_exit(&uring);
}

/* The death of who waits leaves nothing attached. */
TEST_F(uring, killed)
{
	pid_t pid;
	int status;

	SKIP_REFERENCE();
	close(self->vm->session);
	self->vm->session = -1;
	ASSERT_TRUE(attached_becomes(0));
	pid = fork();
	if (!pid) {
		struct vm *vm = vm_create(&variant->cell);
		struct vcpu *v = vm_vcpu(vm, 0);
		struct recorder rec;
		struct io_uring uring;

		vm_attach(vm);
		start(&uring);
		ring_start(v, CODE_RA);
		recorder_open(&rec, v, (struct hvstep_trace){ .nr_records = 64 });
		ASSERT_EQ(0, one(&uring, rec.fd, HVSTEP_URING_START,
				 (struct hvstep_uring){ .count = 1 }));
		prepare(&uring, rec.fd, HVSTEP_URING_WAIT, (struct hvstep_uring){ .count = 1 }, 7);
		io_uring_submit(&uring);
		raise(SIGSTOP);
		_exit(1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(1, attached());
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(attached_becomes(0));
}

TEST_F(uring, refused)
{
	struct recorder rec;
	struct io_uring uring;

	SKIP_REFERENCE();
	start(&uring);
	recorder_open(&rec, self->v, (struct hvstep_trace){ .nr_records = 64 });
	ASSERT_EQ(-ENOTTY, one(&uring, rec.fd, 3, (struct hvstep_uring){ .count = 1 }));
	ASSERT_EQ(-EINVAL, one(&uring, rec.fd, HVSTEP_URING_WAIT, (struct hvstep_uring){ }));
	ASSERT_EQ(-EINVAL, one(&uring, rec.fd, HVSTEP_URING_WAIT,
			       (struct hvstep_uring){ .count = 65 }));
	ASSERT_EQ(-EINVAL, one(&uring, rec.fd, HVSTEP_URING_WAIT,
			       (struct hvstep_uring){ .count = 1, .flags = 1 }));
	ASSERT_EQ(-EINVAL, one(&uring, rec.fd, HVSTEP_URING_START,
			       (struct hvstep_uring){ .count = 1, .pad = 1 }));
	ASSERT_EQ(-EINVAL, one(&uring, rec.fd, HVSTEP_URING_START, (struct hvstep_uring){ }));
	ASSERT_EQ(-EINVAL, one(&uring, rec.fd, HVSTEP_URING_STOP,
			       (struct hvstep_uring){ .count = 1 }));
	/* Nobody steps: there are none to wait for. */
	ASSERT_EQ(0, one(&uring, rec.fd, HVSTEP_URING_WAIT, (struct hvstep_uring){ .count = 1 }));
	recorder_close(&rec);
	io_uring_queue_exit(&uring);
}

KVM_TEST_MAIN
