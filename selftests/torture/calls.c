// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "calls.h"

#define URING_ENTRIES	32
/* Waits that may be left standing; each can occupy a worker of io_uring's. */
#define MAX_PENDING	48
/* In user_data, beside the kind of call: it went to a descriptor of hvstep's */
#define TO_HVSTEP	0x100

const char *const call_names[NR_CALLS] = {
	"HVSTEP_GET_INFO", "HVSTEP_ATTACH", "HVSTEP_GET_POLICY", "HVSTEP_SET_POLICY",
	"HVSTEP_STEP", "HVSTEP_GET_COUNTERS", "HVSTEP_TRACE", "another command",
	"HVSTEP_URING_WAIT", "HVSTEP_URING_START", "HVSTEP_URING_STOP", "another of io_uring",
	"mmap", "another call of a file",
};

static const unsigned long commands[] = {
	[CALL_GET_INFO] = HVSTEP_GET_INFO,
	[CALL_ATTACH] = HVSTEP_ATTACH,
	[CALL_GET_POLICY] = HVSTEP_GET_POLICY,
	[CALL_SET_POLICY] = HVSTEP_SET_POLICY,
	[CALL_STEP] = HVSTEP_STEP,
	[CALL_GET_COUNTERS] = HVSTEP_GET_COUNTERS,
	[CALL_TRACE] = HVSTEP_TRACE,
};

static bool is_hvsteps(const struct caller *c, int fd)
{
	int i;

	for (i = 0; i < CALLER_FDS && c->fds[i] != fd; i++)
		;
	return fd >= 0 && (fd == c->dev || i < CALLER_FDS);
}

/* What was asked for are calls that hvstep gets to see, and none of those between them. */
static void note(struct caller *c, enum call_kind call, bool done, bool to_hvstep)
{
	if (done)
		c->tally[call].done++;
	else
		c->tally[call].refused++;
	if (call < CALL_MMAP && to_hvstep)
		store(&c->made, c->made + 1);
}

static int *some_place(struct caller *c)
{
	return &c->fds[random_below(&c->rnd, CALLER_FDS)];
}

/* In the place of an older one */
static void keep(struct caller *c, int fd)
{
	int *place = some_place(c);

	if (*place >= 0)
		close(*place);
	*place = fd;
}

static int some_fd(struct caller *c)
{
	int fd;

	switch (random_below(&c->rnd, 16)) {
	case 0:
		return c->world->vm->fd;
	case 1:
		return c->world->runners[0].v->fd;
	case 2:
		return c->uring.ring_fd;
	case 3:
		/* Not /dev/null, which takes every command of io_uring's. */
		fd = random_value(&c->rnd);
		return fd > 2 ? fd : -1;
	case 4:
	case 5:
		return c->dev;
	}
	return *some_place(c);
}

static void call_ioctl(struct caller *c)
{
	enum call_kind call = random_below(&c->rnd, CALL_UNKNOWN + 1);
	union argument arg;
	unsigned long cmd;
	bool to_hvstep;
	int fd, ret;

	if (call == CALL_UNKNOWN)
		cmd = _IOC(random_below(&c->rnd, 4), HVSTEP_IOC_TYPE, random_below(&c->rnd, 256),
			   random_below(&c->rnd, ARGUMENT_MAX));
	else
		cmd = commands[call];
	/* It stops all vCPUs: not as often as the others */
	if (call == CALL_ATTACH && !random_one_in(&c->rnd, 8))
		return;
	argument_fill(&c->args, &c->rnd, cmd, &arg);
	fd = call == CALL_GET_INFO || call == CALL_ATTACH ? c->dev : some_fd(c);
	if (random_one_in(&c->rnd, 8))
		fd = some_fd(c);
	to_hvstep = is_hvsteps(c, fd);
	ret = ioctl(fd, cmd, argument_place(&c->args, &c->rnd, &arg, _IOC_SIZE(cmd)));
	note(c, call, ret >= 0, to_hvstep);
	if (ret >= 0 && (call == CALL_ATTACH || call == CALL_TRACE))
		keep(c, ret);
	/* One of these by another number, or a command that nobody knows */
	if (ret > 0 && call != CALL_ATTACH && call != CALL_TRACE)
		vm_fail("command %lx returned %d", cmd, ret);
}

static void uring_init(struct caller *c)
{
	int ret = io_uring_queue_init(URING_ENTRIES, &c->uring, 0);

	if (ret)
		vm_fail("io_uring_queue_init: %s", strerror(-ret));
	c->pending = 0;
}

static void uring_reap(struct caller *c)
{
	struct io_uring_cqe *cqe;
	__u64 call;

	while (!io_uring_peek_cqe(&c->uring, &cqe)) {
		call = cqe->user_data & ~TO_HVSTEP;
		/* One that was linked to another that has failed went nowhere. */
		if (call < NR_CALLS)
			note(c, call, cqe->res >= 0, cqe->user_data & TO_HVSTEP &&
			     cqe->res != -ECANCELED);
		io_uring_cqe_seen(&c->uring, cqe);
		if (c->pending)
			c->pending--;
	}
}

static void call_uring(struct caller *c)
{
	static const enum call_kind calls[] = {
		[HVSTEP_URING_WAIT] = CALL_URING_WAIT,
		[HVSTEP_URING_START] = CALL_URING_START,
		[HVSTEP_URING_STOP] = CALL_URING_STOP,
		CALL_URING_UNKNOWN,
	};
	struct io_uring_sqe *sqe = io_uring_get_sqe(&c->uring);
	__u32 op = random_below(&c->rnd, ARRAY_SIZE(calls));
	enum call_kind call = calls[op];
	struct hvstep_uring arg;

	if (!sqe) {
		io_uring_submit(&c->uring);
		uring_reap(c);
		if (c->pending > MAX_PENDING || random_one_in(&c->rnd, 16)) {
			/* Which gives up whatever waits */
			io_uring_queue_exit(&c->uring);
			uring_init(c);
		}
		return;
	}
	memset(sqe, 0, sizeof(*sqe));
	sqe->user_data = call;
	if (random_one_in(&c->rnd, 16)) {
		io_uring_prep_cancel64(sqe, call | TO_HVSTEP, random_below(&c->rnd, 8));
		sqe->user_data = NR_CALLS;
	} else {
		argument_fill_uring(&c->rnd, &arg);
		if (op == HVSTEP_URING_STOP && random_one_in(&c->rnd, 2)) {
			arg.count = 0;
			arg.flags &= ~HVSTEP_STEP_THEN_RUN;
		}
		if (op == HVSTEP_URING_WAIT && random_one_in(&c->rnd, 2))
			arg.flags = 0;
		sqe->opcode = IORING_OP_URING_CMD;
		sqe->fd = some_fd(c);
		if (is_hvsteps(c, sqe->fd))
			sqe->user_data |= TO_HVSTEP;
		if (call == CALL_URING_UNKNOWN)
			while (op < ARRAY_SIZE(calls))
				op = random_value(&c->rnd);
		sqe->cmd_op = op;
		memcpy(sqe->cmd, &arg, sizeof(arg));
		if (random_one_in(&c->rnd, 16))
			sqe->__pad1 = random_bits(&c->rnd);
	}
	if (random_one_in(&c->rnd, 8))
		sqe->flags |= IOSQE_ASYNC;
	if (random_one_in(&c->rnd, 16))
		sqe->flags |= IOSQE_IO_LINK;
	c->pending++;
}

static void unmap(struct map *map)
{
	if (map->size)
		munmap(map->start, map->size);
	map->size = 0;
}

static void call_mmap(struct caller *c)
{
	struct map *map = &c->maps[random_below(&c->rnd, CALLER_MAPS)];
	size_t page = sysconf(_SC_PAGESIZE), size = page << random_below(&c->rnd, 6);
	int prot = random_below(&c->rnd, 8), flags = MAP_SHARED;
	off_t offset = 0;
	void *start;

	unmap(map);
	if (random_one_in(&c->rnd, 4))
		flags = MAP_PRIVATE;
	if (random_one_in(&c->rnd, 4))
		size = 1 + random_value(&c->rnd) % (64 * page);
	if (random_one_in(&c->rnd, 4))
		offset = page * random_value(&c->rnd);
	/* Not a vCPU's, where the one who runs it looks */
	start = mmap(NULL, size, prot, flags, *some_place(c), offset);
	note(c, CALL_MMAP, start != MAP_FAILED, true);
	if (start == MAP_FAILED)
		return;
	map->start = start;
	map->size = size;
	/* What nobody may write or read would end this process. */
	if ((prot & (PROT_READ | PROT_WRITE)) != (PROT_READ | PROT_WRITE))
		unmap(map);
}

/*
 * The reader's side of the ring, and what is none of the reader's: the kernel believes
 * none of it.
 */
static void scribble(struct caller *c)
{
	struct map *map = &c->maps[random_below(&c->rnd, CALLER_MAPS)];
	struct hvstep_ring *ring = (struct hvstep_ring *)map->start;
	__u64 value = random_value(&c->rnd);
	size_t at;

	if (map->size < sizeof(*ring))
		return;
	switch (random_below(&c->rnd, 4)) {
	case 0:
		store(&ring->tail, value);
		return;
	case 1:
		at = random_below(&c->rnd, sizeof(*ring) / 8);
		break;
	case 2:
		at = random_below(&c->rnd, map->size / 8);
		break;
	default:
		store(&ring->tail, load(&ring->head));
		return;
	}
	/* More than there is of a ring cannot be mapped. */
	store((__u64 *)map->start + at, value);
}

static void call_file(struct caller *c)
{
	struct pollfd pollfd = { .fd = some_fd(c), .events = random_bits(&c->rnd) };
	int fd = *some_place(c), ret = -1;
	struct iovec iov = { c->args.memory, random_below(&c->rnd, 4096) };
	struct stat st;

	switch (random_below(&c->rnd, 12)) {
	case 0:
	case 1:
		ret = poll(&pollfd, 1, 0);
		break;
	case 2:
		ret = read(fd, c->args.memory, iov.iov_len);
		break;
	case 3:
		ret = write(fd, c->args.memory, iov.iov_len);
		break;
	case 4:
		ret = preadv(fd, &iov, 1, random_below(&c->rnd, 4096));
		break;
	case 5:
		ret = lseek(fd, random_value(&c->rnd), random_below(&c->rnd, 5)) < 0 ? -1 : 0;
		break;
	case 6:
		ret = fcntl(fd, F_SETFL, random_bits(&c->rnd) & (O_NONBLOCK | O_APPEND));
		break;
	case 7:
		ret = fstat(fd, &st);
		break;
	case 8:
		ret = fsync(fd);
		break;
	case 9:
		ret = ftruncate(fd, random_value(&c->rnd));
		break;
	case 10:
		ret = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (ret >= 0)
			keep(c, ret);
		break;
	case 11:
		keep(c, -1);
		return;
	}
	note(c, CALL_FILE, ret >= 0, true);
}

/* As a VMM that cares for nothing */
static void call_vmm(struct caller *c)
{
	static const __u32 controls[] = { 0, DEBUG_STEP, DEBUG_BP, KVM_GUESTDBG_ENABLE };
	struct runner *r = &c->world->runners[random_below(&c->rnd, c->world->nr)];

	world_ask(r, &(struct wishes){
		.debug = true, .control = controls[random_below(&c->rnd, ARRAY_SIZE(controls))],
		.rewrite = random_one_in(&c->rnd, 2),
	});
}

static void one_call(struct caller *c)
{
	unsigned int which = random_below(&c->rnd, 256);

	if (which < 128)
		call_ioctl(c);
	else if (which < 192)
		call_uring(c);
	else if (which < 208)
		call_mmap(c);
	else if (which < 232)
		scribble(c);
	else if (which < 255)
		call_file(c);
	else
		call_vmm(c);
}

static void *make_calls(void *arg)
{
	struct caller *c = arg;
	int i;

	while (c->made < c->calls)
		one_call(c);
	io_uring_queue_exit(&c->uring);
	for (i = 0; i < CALLER_MAPS; i++)
		unmap(&c->maps[i]);
	for (i = 0; i < CALLER_FDS; i++)
		if (c->fds[i] >= 0)
			close(c->fds[i]);
	close(c->dev);
	return NULL;
}

void caller_start(struct caller *c, struct world *w, __u64 seed, __u64 nr, unsigned long calls)
{
	memset(c, 0, sizeof(*c));
	memset(c->fds, -1, sizeof(c->fds));
	c->world = w;
	c->calls = calls;
	random_init(&c->rnd, seed, nr);
	/* One more than there are */
	arguments_init(&c->args, w->vm->fd, w->nr + 1, vm_ea(w->vm, CODE_RA));
	c->dev = open("/dev/hvstep", O_RDWR | O_CLOEXEC);
	if (c->dev < 0)
		vm_fail("/dev/hvstep: %s", strerror(errno));
	uring_init(c);
	if (pthread_create(&c->thread, NULL, make_calls, c))
		vm_fail("no thread");
}

void caller_join(struct caller *c)
{
	pthread_join(c->thread, NULL);
}
