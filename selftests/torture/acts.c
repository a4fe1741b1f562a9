// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "acts.h"
#include "host.h"
#include "memslots.h"
#include "pass_fd.h"

static struct runner *some_runner(struct actor *a)
{
	return &a->world->runners[random_below(&a->rnd, a->world->nr)];
}

/* One of its sessions, -1: it has none there */
static int some_session(struct actor *a)
{
	return a->sessions[random_below(&a->rnd, SESSIONS)];
}

static struct ring *some_ring(struct actor *a)
{
	return &a->rings[random_below(&a->rnd, RINGS)];
}

static bool attach(struct actor *a)
{
	struct hvstep_attach attach = {
		.vm_fd = a->world->vm->fd,
		.flags = random_one_in(&a->rnd, 4) ? 0 : HVSTEP_ATTACH_SHARE,
	};
	int *session = &a->sessions[random_below(&a->rnd, SESSIONS)];
	bool had_one = *session >= 0;
	int fd = open("/dev/hvstep", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		vm_fail("/dev/hvstep: %s", strerror(errno));
	if (!had_one)
		*session = ioctl(fd, HVSTEP_ATTACH, &attach);
	/* Of another actor's; a signal is nobody's here, but for those of wait queues. */
	if (*session < 0 && errno != EBUSY && errno != EINTR)
		vm_fail("HVSTEP_ATTACH: %s", strerror(errno));
	close(fd);
	return !had_one && *session >= 0;
}

static bool detach(struct actor *a)
{
	int *session = &a->sessions[random_below(&a->rnd, SESSIONS)];

	if (*session < 0)
		return false;
	close(*session);
	*session = -1;
	return true;
}

static bool policy(struct actor *a)
{
	struct hvstep_policy policy = {
		.flags = random_bits(&a->rnd) & (HVSTEP_POLICY_TRACE_ALL | HVSTEP_POLICY_ATOMIC),
		.irq = random_below(&a->rnd, 2),
	};
	int session = some_session(a);

	if (random_one_in(&a->rnd, 8))
		policy.flags |= HVSTEP_POLICY_EXCLUSIVE;
	if (session >= 0 && ioctl(session, HVSTEP_SET_POLICY, &policy))
		vm_fail("HVSTEP_SET_POLICY: %s", strerror(errno));
	return session >= 0;
}

static bool step(struct actor *a)
{
	struct vm *vm = a->world->vm;
	struct hvstep_step step = {
		.vcpu = random_below(&a->rnd, a->world->nr),
		.mode = HVSTEP_STEP_ONE + random_below(&a->rnd, 3),
		.flags = random_bits(&a->rnd) & (HVSTEP_STEP_THEN_RUN | HVSTEP_STEP_NOW),
	};
	int session = some_session(a);
	__u64 one, other;

	if (step.mode != HVSTEP_STEP_ONE)
		step.count = 1 + random_below(&a->rnd, 1 << random_below(&a->rnd, 11));
	if (step.mode == HVSTEP_STEP_RANGE) {
		one = 4 * random_below(&a->rnd, 40);
		other = 4 * random_below(&a->rnd, 40);
		step.start = vm_ea(vm, CODE_RA) + one;
		step.end = vm_ea(vm, CODE_RA) + (other == one ? one + 4 : other);
	}
	if (session >= 0 && ioctl(session, HVSTEP_STEP, &step))
		vm_fail("HVSTEP_STEP: %s", strerror(errno));
	return session >= 0;
}

static bool cancel(struct actor *a)
{
	struct hvstep_step step = {
		.vcpu = random_below(&a->rnd, a->world->nr),
		.mode = HVSTEP_STEP_CANCEL,
		.flags = random_bits(&a->rnd) & HVSTEP_STEP_NOW,
	};
	int session = some_session(a);

	if (session >= 0 && ioctl(session, HVSTEP_STEP, &step))
		vm_fail("HVSTEP_STEP_CANCEL: %s", strerror(errno));
	return session >= 0;
}

static void check_counters(int session)
{
	struct hvstep_counters c = { .vcpu = HVSTEP_VCPU_ALL };

	if (ioctl(session, HVSTEP_GET_COUNTERS, &c))
		vm_fail("HVSTEP_GET_COUNTERS: %s", strerror(errno));
	if (c.lost)
		vm_fail("%llu armed words could not be restored", c.lost);
	/* The programs have no breakpoint of their own. */
	if (c.reflected)
		vm_fail("%llu armed words were taken for the guest's", c.reflected);
}

static bool counters(struct actor *a)
{
	int session = some_session(a);

	if (session >= 0)
		check_counters(session);
	return session >= 0;
}

static bool trace(struct actor *a)
{
	struct ring *ring = some_ring(a);
	int session = some_session(a);

	if (ring->fd >= 0 || session < 0)
		return false;
	ring_open(ring, session, a->world, &a->rnd);
	return ring->fd >= 0;
}

static bool read_ring(struct actor *a)
{
	struct ring *ring = some_ring(a);

	if (ring->fd < 0)
		return false;
	ring_read(ring);
	return true;
}

static bool end_trace(struct actor *a)
{
	struct ring *ring = some_ring(a);

	if (ring->fd < 0)
		return false;
	ring_close(ring);
	return true;
}

/* What QEMU does for a debugger, of which the vCPU's own thread is the one to do it */
static bool debug(struct actor *a)
{
	static const __u32 controls[] = { 0, 0, DEBUG_STEP, DEBUG_BP };
	struct runner *r = some_runner(a);

	world_ask(r, &(struct wishes){
		.debug = true, .control = controls[random_below(&a->rnd, ARRAY_SIZE(controls))],
	});
	return true;
}

static bool rewrite(struct actor *a)
{
	world_ask(some_runner(a), &(struct wishes){ .rewrite = true });
	return true;
}

static bool hand_over(struct actor *a)
{
	world_ask(some_runner(a), &(struct wishes){ .hand_over = true });
	return true;
}

static bool kick(struct actor *a)
{
	world_kick(some_runner(a));
	return true;
}

static bool leave_at_once(struct actor *a)
{
	store(&some_runner(a)->v->run->immediate_exit, 1);
	return true;
}

static bool new_vcpu(struct actor *a)
{
	struct world *w = a->world;
	bool created;

	pthread_mutex_lock(&w->memslots);
	created = w->nr_idle < MAX_IDLE;
	if (created) {
		w->idle[w->nr_idle] = vm_vcpu(w->vm, IDLE_ID + w->nr_idle);
		w->nr_idle++;
	}
	pthread_mutex_unlock(&w->memslots);
	return created;
}

/* A session takes whatever comes, or says that it does not. */
static bool garbage(struct actor *a)
{
	static const unsigned long commands[] = {
		HVSTEP_GET_INFO, HVSTEP_ATTACH, HVSTEP_GET_POLICY, HVSTEP_SET_POLICY,
		HVSTEP_STEP, HVSTEP_GET_COUNTERS, HVSTEP_TRACE,
	};
	unsigned long command = commands[random_below(&a->rnd, ARRAY_SIZE(commands))];
	int session = some_session(a), ret;
	__u64 arg[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(arg); i++)
		arg[i] = random_bits(&a->rnd) >> random_below(&a->rnd, 64);
	/* A request of another size is another request. */
	if (random_one_in(&a->rnd, 4))
		command ^= 1UL << random_below(&a->rnd, 32);
	/* An attachment by chance would be a descriptor by chance. */
	if (session < 0 || command == HVSTEP_ATTACH)
		return false;
	ret = ioctl(session, command, random_one_in(&a->rnd, 8) ? NULL : arg);
	if (ret > 2)
		close(ret);
	return true;
}

static void close_all(struct actor *a)
{
	int i;

	for (i = 0; i < RINGS; i++)
		if (a->rings[i].fd >= 0)
			ring_close(&a->rings[i]);
	for (i = 0; i < SESSIONS; i++) {
		if (a->sessions[i] < 0)
			continue;
		check_counters(a->sessions[i]);
		close(a->sessions[i]);
	}
}

/* Another process has all the descriptors, too, for some time, and uses them. */
static bool inherit(struct actor *a)
{
	static bool (*const others[])(struct actor *a) = {
		step, cancel, policy, counters, trace, detach, end_trace, garbage,
	};
	bool exec = random_one_in(&a->rnd, 3);
	unsigned int us = random_below(&a->rnd, 30000);
	unsigned int todo = random_below(&a->rnd, 20);
	pid_t pid = fork();

	if (pid)
		return pid > 0;
	if (exec) {
		execl("/bin/true", "true", NULL);
		_exit(127);
	}
	alarm(5);
	while (todo--)
		others[random_below(&a->rnd, ARRAY_SIZE(others))](a);
	usleep(us);
	if (random_one_in(&a->rnd, 2))
		close_all(a);
	_exit(0);
}

/* A session's descriptor is in a message for a moment: nobody has it then, or nobody gets it. */
static bool in_flight(struct actor *a)
{
	int *session = &a->sessions[random_below(&a->rnd, SESSIONS)];
	int ends[2];

	if (*session < 0)
		return false;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends))
		vm_fail("socketpair: %s", strerror(errno));
	fd_send(ends[0], *session);
	close(*session);
	*session = random_one_in(&a->rnd, 2) ? fd_receive(ends[1]) : -1;
	close(ends[0]);
	close(ends[1]);
	return true;
}

/* Nothing may come of it while there is a session. */
static bool unload(struct actor *a)
{
	if (some_session(a) < 0)
		return false;
	if (!syscall(SYS_delete_module, "hvstep", O_NONBLOCK))
		vm_fail("the module is gone, with a VM attached");
	return true;
}

static const struct {
	const char *name;
	bool (*act)(struct actor *a);	/* Was anything done? */
	unsigned int weight;
	bool fault;		/* it takes something away, or interrupts */
} acts[] = {
	{ "attach", attach, 12, false },
	{ "detach", detach, 4, false },
	{ "policy", policy, 6, false },
	{ "step", step, 24, false },
	{ "cancel", cancel, 6, false },
	{ "counters", counters, 2, false },
	{ "trace", trace, 5, false },
	{ "read", read_ring, 12, false },
	{ "end of a trace", end_trace, 3, false },
	{ "guest_debug", debug, 12, false },
	{ "registers", rewrite, 4, true },
	{ "another thread", hand_over, 3, true },
	{ "signal", kick, 8, true },
	{ "immediate_exit", leave_at_once, 3, true },
	{ "dirty log", dirty_log, 3, true },
	{ "another memslot", other_memslot, 2, true },
	{ "memslot anew", memslot_anew, 1, true },
	{ "memslot moved", memslot_moved, 1, true },
	{ "memslot resized", memslot_resized, 1, true },
	{ "unmap", unmap, 3, true },
	{ "page out", page_out, 2, true },
	{ "compact", compact, 1, true },
	{ "hotplug", hotplug, 1, true },
	{ "vcpu", new_vcpu, 1, false },
	{ "fork", inherit, 2, true },
	{ "in flight", in_flight, 2, true },
	{ "unload", unload, 1, true },
	{ "garbage", garbage, 6, true },
};

_Static_assert(ARRAY_SIZE(acts) <= MAX_ACTS, "did[] of struct tally is too short");

static bool left_out[ARRAY_SIZE(acts)];

bool acts_leave_out(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(acts); i++) {
		if (!strcmp(acts[i].name, name)) {
			left_out[i] = true;
			return true;
		}
	}
	return false;
}

bool acts_were_all_done(bool swap)
{
	bool all = true;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(acts); i++) {
		printf("# %s: %lu\n", acts[i].name, tally->did[i]);
		if (tally->did[i] || left_out[i] ||
		    (acts[i].act == hotplug && !host_can_hotplug()) ||
		    (acts[i].act == page_out && !swap))
			continue;
		all = false;
	}
	return all;
}

/*
 * Act @nr of an actor: its kind. What follows of @rnd is that act's own: how much of it is
 * used depends on the moment, and must not change what is done after it.
 */
static size_t choose(struct random *rnd, __u64 seed, __u64 actor, unsigned long nr)
{
	unsigned int all = 0, n;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(acts); i++)
		all += acts[i].weight;
	random_init(rnd, seed, actor + ((__u64)nr << 8));
	n = random_below(rnd, all);
	for (i = 0; n >= acts[i].weight; i++)
		n -= acts[i].weight;
	return i;
}

/* Of a sequence of acts */
static __u64 add_choice(__u64 digest, size_t kind)
{
	return (digest ^ (kind + 1)) * 0x100000001b3;
}

__u64 acts_chosen(__u64 seed, __u64 actor, unsigned long acts)
{
	__u64 digest = 0;
	struct random rnd;
	unsigned long nr;

	for (nr = 0; nr < acts; nr++)
		digest = add_choice(digest, choose(&rnd, seed, actor, nr));
	return digest;
}

static void *act(void *arg)
{
	struct actor *a = arg;
	unsigned long nr;

	for (nr = 0; nr < a->acts; nr++) {
		size_t i = choose(&a->rnd, a->seed, a->nr, nr);

		a->chosen = add_choice(a->chosen, i);
		if (!left_out[i] && acts[i].act(a)) {
			count(did[i]);
			count(acts);
			if (acts[i].fault)
				count(faults);
		}
		if (random_one_in(&a->rnd, 3))
			usleep(random_below(&a->rnd, 3000));
	}
	close_all(a);
	return NULL;
}

void actor_start(struct actor *a, struct world *w, __u64 seed, __u64 nr, unsigned long acts)
{
	int i;

	a->world = w;
	a->acts = acts;
	a->seed = seed;
	a->nr = nr;
	a->chosen = 0;
	for (i = 0; i < SESSIONS; i++)
		a->sessions[i] = -1;
	for (i = 0; i < RINGS; i++)
		a->rings[i].fd = -1;
	if (pthread_create(&a->thread, NULL, act, a))
		vm_fail("no thread: %s", strerror(errno));
}

void actor_join(struct actor *a)
{
	pthread_join(a->thread, NULL);
}
