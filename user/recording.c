// SPDX-License-Identifier: GPL-2.0
/*
 * From the trace rings of several vCPUs into one file, by one io_uring: the vCPUs are
 * started, their rings are waited for, and the file is written straight from the rings'
 * memory, all in one thread and with one system call at a time.
 *
 * A ring is read only once what was read before is written, and is free again then: each
 * is either waited for or being written. The rings are polled instead of waited for by
 * HVSTEP_URING_WAIT, which takes one of io_uring's threads each.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "command.h"
#include "progress.h"
#include "queue.h"
#include "recording.h"
#include "signals.h"

#define NSEC_PER_SEC	1000000000ULL
/* Who goes on stepping after so long is asked to by somebody else. */
#define PATIENCE_SECONDS	10
/* One write is not to keep the ring of another vCPU full for long. */
#define WRITE_MAX	(4U << 20)
#define LIVE		(HVSTEP_STEP_THEN_RUN | HVSTEP_STEP_NOW)

/* What an io_uring request was for, beside the number of its channel */
enum op {
	OP_OTHER,		/* nothing follows from its end */
	OP_START,
	OP_STOP,
	OP_POLL,
	OP_WRITE,
	OP_SIGNAL,
	OP_VMM,
	OP_TICK,
	OP_TIME_IS_UP,
	OP_NO_PATIENCE,
};

struct loop {
	struct recording *rec;
	struct io_uring uring;
	struct channel *channels;
	size_t nr_done;
	unsigned long long start;
	unsigned long long last_tick;
	unsigned long long last_steps;
	struct __kernel_timespec tick;
	struct __kernel_timespec time;
	struct __kernel_timespec patience;
	int signals;
	unsigned long long interrupted;
	unsigned long long intact;	/* up to there the file is as it should be */
	bool stopping;
	bool abandoned;		/* what does not end by itself is left as it is */
	bool failed;
};

static unsigned long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static __u64 tag_of(enum op op, size_t channel)
{
	return (__u64)op << 32 | channel;
}

static void count(struct loop *loop)
{
	struct recording *rec = loop->rec;
	size_t i;

	rec->steps = 0;
	rec->dropped = 0;
	rec->filtered = 0;
	rec->recorded = 0;
	for (i = 0; i < rec->nr_vcpus; i++) {
		rec->steps += channel_steps(&loop->channels[i]);
		rec->recorded += channel_recorded(&loop->channels[i]);
		rec->dropped += channel_dropped(&loop->channels[i]);
		rec->filtered += channel_filtered(&loop->channels[i]);
	}
}

static void stop(struct loop *loop)
{
	size_t i;

	if (loop->stopping)
		return;
	loop->stopping = true;
	for (i = 0; i < loop->rec->nr_vcpus; i++)
		if (!loop->channels[i].done)
			queue_command(&loop->uring, tag_of(OP_STOP, i),
				      hvstep_reader_fd(loop->channels[i].reader), HVSTEP_URING_STOP,
				      (struct hvstep_uring){ .flags = HVSTEP_STEP_NOW });
	loop->patience.tv_sec = PATIENCE_SECONDS;
	queue_timeout(&loop->uring, tag_of(OP_NO_PATIENCE, 0), &loop->patience);
}

/* Nothing more is to come from whom we wait for, or is none of ours: have the waits end. */
static void abandon(struct loop *loop)
{
	size_t i;

	if (loop->abandoned)
		return;
	loop->abandoned = true;
	for (i = 0; i < loop->rec->nr_vcpus; i++) {
		channel_end(&loop->channels[i], channel_recorded(&loop->channels[i]));
		if (loop->channels[i].polled)
			queue_cancel(&loop->uring, tag_of(OP_OTHER, i), tag_of(OP_POLL, i));
	}
}

static void fail(struct loop *loop, const char *what, int err)
{
	if (!loop->failed)
		error("%s: %s", what, strerror(err));
	loop->failed = true;
	stop(loop);
}

static void channel_done(struct loop *loop, struct channel *c)
{
	const struct hvstep_ring *ring = hvstep_reader_ring(c->reader);
	struct recording *rec = loop->rec;

	c->done = true;
	channel_end(c, c->read);
	loop->nr_done++;
	if (ring->error && !rec->error) {
		rec->error = ring->error;
		rec->error_vcpu = c->vcpu;
	}
}

static void write_rest(struct loop *loop, size_t i)
{
	const struct channel *c = &loop->channels[i];

	queue_write(&loop->uring, tag_of(OP_WRITE, i), loop->rec->fd, c->at, c->left, c->offset);
}

static void look_for_until(const struct recording *rec, struct channel *c,
			   const struct hvstep_record *records)
{
	size_t i;

	for (i = 0; i < c->records; i++)
		c->arrived |= records[i].next == rec->until;
}

/* What comes next for this vCPU: write what there is, wait for more, or that was all. */
static void pump(struct loop *loop, size_t i)
{
	struct channel *c = &loop->channels[i];
	const struct hvstep_record *records;
	size_t nr;

	for (;;) {
		nr = hvstep_reader_peek(c->reader, &records);
		if (c->ended && nr > c->end - c->read)
			nr = c->end - c->read;
		if (!nr || !loop->failed)
			break;
		channel_consume(c, nr);
	}
	if (nr) {
		if (nr > WRITE_MAX / sizeof(*records))
			nr = WRITE_MAX / sizeof(*records);
		c->records = nr;
		if (loop->rec->has_until)
			look_for_until(loop->rec, c, records);
		c->at = (const char *)records;
		c->left = nr * sizeof(*records);
		/* Its place in the file is taken: others can be written beside it. */
		c->offset = loop->rec->size;
		loop->rec->size += c->left;
		write_rest(loop, i);
	} else if (loop->abandoned || (c->started && hvstep_reader_is_done(c->reader))) {
		channel_done(loop, c);
	} else {
		c->polled = true;
		queue_poll(&loop->uring, tag_of(OP_POLL, i), hvstep_reader_fd(c->reader));
	}
}

static bool is_enough(struct loop *loop)
{
	if (!loop->rec->count)
		return false;
	count(loop);
	return loop->rec->steps >= loop->rec->count;
}

static void written(struct loop *loop, size_t i, int res)
{
	struct channel *c = &loop->channels[i];

	if (res == -EINTR || res == -EAGAIN)
		res = 0;
	else if (res == 0)
		res = -EIO;
	if (res < 0) {
		/* Behind this the file is not worth anything. */
		if (c->offset < loop->intact)
			loop->intact = c->offset;
		if (!loop->rec->write_error)
			loop->rec->write_error = -res;
		fail(loop, "cannot write the trace", -res);
		c->left = 0;
	} else {
		c->left -= res;
		c->at += res;
		c->offset += res;
	}
	if (c->left) {
		write_rest(loop, i);
		return;
	}
	channel_consume(c, c->records);
	if (is_enough(loop))
		stop(loop);
	pump(loop, i);
}

static void tick(struct loop *loop)
{
	struct recording *rec = loop->rec;
	unsigned long long at = now(), elapsed = at - loop->last_tick;

	count(loop);
	if (rec->progress)
		progress_show(rec->steps, elapsed ?
			      (rec->steps - loop->last_steps) * 1e9 / elapsed : 0,
			      rec->dropped, rec->size);
	loop->last_tick = at;
	loop->last_steps = rec->steps;
	if (is_enough(loop))
		stop(loop);
	queue_timeout(&loop->uring, tag_of(OP_TICK, 0), &loop->tick);
}

static void signalled(struct loop *loop)
{
	struct signalfd_siginfo info;

	while (read(loop->signals, &info, sizeof(info)) == sizeof(info))
		;
	/* A second one is from somebody who does not want to wait; timeout(1) sends two. */
	if (loop->rec->interrupted && now() - loop->interrupted > NSEC_PER_SEC / 5)
		abandon(loop);
	if (!loop->rec->interrupted)
		loop->interrupted = now();
	loop->rec->interrupted = true;
	stop(loop);
	queue_poll(&loop->uring, tag_of(OP_SIGNAL, 0), loop->signals);
}

static void started(struct loop *loop, size_t i, int res)
{
	struct channel *c = &loop->channels[i];

	if (res < 0)
		fail(loop, "cannot start the steps", -res);
	c->started = true;
	/* It was looked at before, and said that there is nothing to come. */
	if (!c->polled && !c->left && !c->done)
		pump(loop, i);
}

static void polled(struct loop *loop, size_t i, int res)
{
	struct channel *c = &loop->channels[i];

	c->polled = false;
	if (res < 0 && res != -ECANCELED && res != -EINTR)
		fail(loop, "cannot wait for the trace", -res);
	if (c->started || loop->abandoned)
		pump(loop, i);
}

static void completed(struct loop *loop, enum op op, size_t i, int res)
{
	switch (op) {
	case OP_START:
		started(loop, i, res);
		break;
	case OP_STOP:
		/* Should it not be there any more, then it does not step. */
		if (res < 0 && res != -ENOENT)
			fail(loop, "cannot stop the steps", -res);
		break;
	case OP_POLL:
		polled(loop, i, res);
		break;
	case OP_WRITE:
		written(loop, i, res);
		break;
	case OP_SIGNAL:
		signalled(loop);
		break;
	case OP_VMM:
		if (res < 0) {
			fail(loop, "cannot wait for the VMM's end", -res);
			break;
		}
		/* It has no threads any more: what is in the rings is all. */
		loop->rec->vmm_gone = true;
		abandon(loop);
		break;
	case OP_TICK:
		tick(loop);
		break;
	case OP_TIME_IS_UP:
		stop(loop);
		break;
	case OP_NO_PATIENCE:
		abandon(loop);
		break;
	case OP_OTHER:
		break;
	}
}

/* Have a vCPU's steps ended elsewhere than they were to? Not, if what tells is not there. */
static bool has_missed_until(const struct recording *rec, const struct channel *c)
{
	return !c->arrived && channel_recorded(c) == channel_steps(c) &&
	       !(rec->count && channel_steps(c) >= rec->count);
}

static bool has_ended_early(const struct loop *loop)
{
	const struct recording *rec = loop->rec;
	size_t i;

	if (loop->stopping || rec->vmm_gone || rec->error)
		return false;
	if (rec->count && rec->steps >= rec->count)
		return false;
	if (!rec->has_until)
		return true;
	for (i = 0; i < rec->nr_vcpus; i++)
		if (has_missed_until(rec, &loop->channels[i]))
			return true;
	return false;
}

/* All of it goes to the kernel with the first wait. */
static bool start(struct loop *loop)
{
	struct recording *rec = loop->rec;
	size_t i;

	for (i = 0; i < rec->nr_vcpus; i++) {
		struct channel *c = &loop->channels[i];
		struct hvstep_step until = {
			.vcpu = c->vcpu, .mode = HVSTEP_STEP_RANGE, .flags = LIVE,
			.count = rec->count, .start = rec->until + 4, .end = rec->until,
		};
		int ret;

		if (rec->has_until) {
			ret = hvstep_step(rec->session, &until);
			if (ret) {
				fail(loop, "cannot start the steps", -ret);
				return false;
			}
			c->started = true;
		} else {
			queue_command(&loop->uring, tag_of(OP_START, i),
				      hvstep_reader_fd(c->reader), HVSTEP_URING_START,
				      (struct hvstep_uring){
					.count = rec->count ?: INT64_MAX, .flags = LIVE,
				      });
		}
		c->polled = true;
		queue_poll(&loop->uring, tag_of(OP_POLL, i), hvstep_reader_fd(c->reader));
	}
	queue_poll(&loop->uring, tag_of(OP_SIGNAL, 0), loop->signals);
	queue_poll(&loop->uring, tag_of(OP_VMM, 0), rec->pidfd);
	loop->tick.tv_sec = 1;
	queue_timeout(&loop->uring, tag_of(OP_TICK, 0), &loop->tick);
	if (rec->seconds > 0) {
		loop->time.tv_sec = rec->seconds;
		loop->time.tv_nsec = (rec->seconds - loop->time.tv_sec) * NSEC_PER_SEC;
		queue_timeout(&loop->uring, tag_of(OP_TIME_IS_UP, 0), &loop->time);
	}
	return true;
}

static void run(struct loop *loop)
{
	struct io_uring_cqe *cqe;
	__u64 tag;
	int ret, res;

	while (loop->nr_done < loop->rec->nr_vcpus) {
		ret = io_uring_submit_and_wait(&loop->uring, 1);
		if (ret < 0 && ret != -EINTR && ret != -EAGAIN && ret != -EBUSY) {
			fail(loop, "io_uring", -ret);
			return;
		}
		while (io_uring_peek_cqe(&loop->uring, &cqe) == 0) {
			tag = io_uring_cqe_get_data64(cqe);
			res = cqe->res;
			io_uring_cqe_seen(&loop->uring, cqe);
			completed(loop, tag >> 32, (__u32)tag, res);
		}
	}
}

/* Behind what is not there the file is not worth anything. */
static void forget_unwritten(struct loop *loop)
{
	size_t i;

	for (i = 0; i < loop->rec->nr_vcpus; i++)
		if (loop->channels[i].left && loop->channels[i].offset < loop->intact)
			loop->intact = loop->channels[i].offset;
	if (loop->rec->size > loop->intact)
		loop->rec->size = loop->intact;
}

static void uring_advice(int err)
{
	if (err == EPERM)
		error("no io_uring: %s; sysctl kernel.io_uring_disabled=0 allows it",
		      strerror(err));
	else
		error("no io_uring: %s", strerror(err));
}

static bool record(struct loop *loop)
{
	struct recording *rec = loop->rec;
	unsigned int entries = 64;
	int ret;

	/* Of each channel one of each kind */
	while (entries < 4 * rec->nr_vcpus + 16 && entries < 32768)
		entries *= 2;
	ret = io_uring_queue_init(entries, &loop->uring, 0);
	if (ret) {
		uring_advice(-ret);
		return false;
	}
	loop->channels = channels_open(rec);
	if (!loop->channels) {
		io_uring_queue_exit(&loop->uring);
		rec->refused = true;
		return false;
	}
	/* Not before: there may be another one's trace in it. */
	if (!rec->begin(rec)) {
		io_uring_queue_exit(&loop->uring);
		channels_close(rec, loop->channels);
		return false;
	}
	rec->begun = true;
	loop->intact = -1ULL;
	rec->size = rec->offset;
	loop->start = now();
	loop->last_tick = loop->start;
	if (start(loop))
		run(loop);
	rec->duration = now() - loop->start;
	count(loop);
	rec->ended_early = has_ended_early(loop);
	if (rec->progress)
		progress_clear();
	/* First what still writes from the rings, or waits for them */
	io_uring_queue_exit(&loop->uring);
	forget_unwritten(loop);
	channels_close(rec, loop->channels);
	return !loop->failed;
}

static void ending_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	if (!signal_is_ignored(SIGHUP))
		sigaddset(set, SIGHUP);
}

void recording_block_signals(void)
{
	sigset_t set;

	ending_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

bool recording_run(struct recording *rec)
{
	struct loop loop = { .rec = rec };
	sigset_t set;
	bool ok;

	ending_signals(&set);
	loop.signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (loop.signals < 0) {
		error("signalfd: %s", strerror(errno));
		return false;
	}
	ok = record(&loop);
	close(loop.signals);
	return ok;
}
