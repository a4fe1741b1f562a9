// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acts.h"

static struct runner *some_runner(struct actor *a)
{
	return &a->world->runners[random_below(&a->rnd, a->world->nr)];
}

/* One of its sessions, -1: it has none there */
static int some_session(struct actor *a)
{
	return a->sessions[random_below(&a->rnd, SESSIONS)];
}

static void attach(struct actor *a)
{
	struct hvstep_attach attach = {
		.vm_fd = a->world->vm->fd,
		.flags = random_one_in(&a->rnd, 4) ? 0 : HVSTEP_ATTACH_SHARE,
	};
	int *session = &a->sessions[random_below(&a->rnd, SESSIONS)];
	int fd = open("/dev/hvstep", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		vm_fail("/dev/hvstep: %s", strerror(errno));
	if (*session < 0)
		*session = ioctl(fd, HVSTEP_ATTACH, &attach);
	/* Of another actor's; a signal is nobody's here, but for those of wait queues. */
	if (*session < 0 && errno != EBUSY && errno != EINTR)
		vm_fail("HVSTEP_ATTACH: %s", strerror(errno));
	close(fd);
}

static void detach(struct actor *a)
{
	int *session = &a->sessions[random_below(&a->rnd, SESSIONS)];

	if (*session >= 0)
		close(*session);
	*session = -1;
}

static void policy(struct actor *a)
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
}

static void step(struct actor *a)
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
}

static void cancel(struct actor *a)
{
	struct hvstep_step step = {
		.vcpu = random_below(&a->rnd, a->world->nr),
		.mode = HVSTEP_STEP_CANCEL,
		.flags = random_bits(&a->rnd) & HVSTEP_STEP_NOW,
	};
	int session = some_session(a);

	if (session >= 0 && ioctl(session, HVSTEP_STEP, &step))
		vm_fail("HVSTEP_STEP_CANCEL: %s", strerror(errno));
}

static void counters(struct actor *a)
{
	struct hvstep_counters c = { .vcpu = HVSTEP_VCPU_ALL };
	int session = some_session(a);

	if (session < 0)
		return;
	if (ioctl(session, HVSTEP_GET_COUNTERS, &c))
		vm_fail("HVSTEP_GET_COUNTERS: %s", strerror(errno));
	if (c.lost)
		vm_fail("%llu armed words could not be restored", c.lost);
}

static void trace(struct actor *a)
{
	struct ring *ring = &a->rings[random_below(&a->rnd, RINGS)];
	int session = some_session(a);

	if (ring->fd < 0 && session >= 0)
		ring_open(ring, session, a->world, &a->rnd);
}

static void read_ring(struct actor *a)
{
	struct ring *ring = &a->rings[random_below(&a->rnd, RINGS)];

	if (ring->fd >= 0)
		ring_read(ring);
}

static void end_trace(struct actor *a)
{
	struct ring *ring = &a->rings[random_below(&a->rnd, RINGS)];

	if (ring->fd >= 0)
		ring_close(ring);
}

/* What QEMU does for a debugger, of which the vCPU's own thread is the one to do it */
static void debug(struct actor *a)
{
	static const __u32 controls[] = { 0, 0, DEBUG_STEP, DEBUG_BP };
	struct runner *r = some_runner(a);

	world_ask(r, &(struct wishes){
		.debug = true, .control = controls[random_below(&a->rnd, ARRAY_SIZE(controls))],
	});
}

static void rewrite(struct actor *a)
{
	world_ask(some_runner(a), &(struct wishes){ .rewrite = true });
}

static void hand_over(struct actor *a)
{
	world_ask(some_runner(a), &(struct wishes){ .hand_over = true });
}

static void kick(struct actor *a)
{
	world_kick(some_runner(a));
}

static void leave_at_once(struct actor *a)
{
	store(&some_runner(a)->v->run->immediate_exit, 1);
}

static void dirty_log(struct actor *a)
{
	unsigned char bitmap[MEM_SIZE / 4096 / 8];
	struct kvm_dirty_log log = { .dirty_bitmap = bitmap };
	struct world *w = a->world;

	pthread_mutex_lock(&w->memslots);
	vm_set_log(w->vm, true);
	if (ioctl(w->vm->fd, KVM_GET_DIRTY_LOG, &log))
		vm_fail("KVM_GET_DIRTY_LOG: %s", strerror(errno));
	if (random_one_in(&a->rnd, 2))
		vm_set_log(w->vm, false);
	pthread_mutex_unlock(&w->memslots);
}

static void other_memslot(struct actor *a)
{
	struct world *w = a->world;

	pthread_mutex_lock(&w->memslots);
	vm_other_memslot(w->vm);
	pthread_mutex_unlock(&w->memslots);
}

/* The guest's own goes, and comes back, while no vCPU is in KVM_RUN. */
static void memslot_anew(struct actor *a)
{
	struct world *w = a->world;
	struct kvm_userspace_memory_region none = { .slot = 0 };

	world_pause(w);
	pthread_mutex_lock(&w->memslots);
	if (ioctl(w->vm->fd, KVM_SET_USER_MEMORY_REGION, &none))
		vm_fail("memslot away: %s", strerror(errno));
	vm_set_log(w->vm, random_one_in(&a->rnd, 2));
	pthread_mutex_unlock(&w->memslots);
	world_resume(w);
}

/* Nothing maps the guest's pages any more; what is in them stays. */
static void unmap(struct actor *a)
{
	if (madvise(a->world->vm->mem, MEM_SIZE, MADV_DONTNEED))
		vm_fail("MADV_DONTNEED: %s", strerror(errno));
}

/* Out into the swap, where there is one */
static void page_out(struct actor *a)
{
	madvise(a->world->vm->mem, 0x20000, MADV_PAGEOUT);
}

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		errno = 0;	/* not on this host, or not now */
	if (fd >= 0)
		close(fd);
}

static void compact(struct actor *a)
{
	(void)a;
	write_to("/proc/sys/vm/compact_memory", "1");
}

/* The last CPU of the host goes, and comes back. */
static void hotplug(struct actor *a)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%ld/online",
		 sysconf(_SC_NPROCESSORS_CONF) - 1);
	pthread_mutex_lock(&lock);
	write_to(path, "0");
	usleep(random_below(&a->rnd, 20000));
	write_to(path, "1");
	pthread_mutex_unlock(&lock);
}

static void new_vcpu(struct actor *a)
{
	struct world *w = a->world;

	pthread_mutex_lock(&w->memslots);
	if (w->nr_idle < MAX_IDLE) {
		w->idle[w->nr_idle] = vm_vcpu(w->vm, IDLE_ID + w->nr_idle);
		w->nr_idle++;
	}
	pthread_mutex_unlock(&w->memslots);
}

/* Another process has all the descriptors, too, for some time. */
static void inherit(struct actor *a)
{
	bool exec = random_one_in(&a->rnd, 3);
	unsigned int us = random_below(&a->rnd, 30000);
	pid_t pid = fork();

	if (pid)
		return;
	if (exec) {
		execl("/bin/true", "true", NULL);
		_exit(127);
	}
	usleep(us);
	_exit(0);
}

/* Nothing may come of it while there is a session. */
static void unload(struct actor *a)
{
	if (some_session(a) >= 0 && !syscall(SYS_delete_module, "hvstep", O_NONBLOCK))
		vm_fail("the module is gone, with a VM attached");
}

/* A session takes whatever comes, or says that it does not. */
static void garbage(struct actor *a)
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
		return;
	ret = ioctl(session, command, random_one_in(&a->rnd, 8) ? NULL : arg);
	if (ret > 2)
		close(ret);
}

static const struct {
	const char *name;
	void (*act)(struct actor *a);
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
	{ "unmap", unmap, 3, true },
	{ "page out", page_out, 2, true },
	{ "compact", compact, 1, true },
	{ "hotplug", hotplug, 1, true },
	{ "vcpu", new_vcpu, 1, false },
	{ "fork", inherit, 2, true },
	{ "unload", unload, 1, true },
	{ "garbage", garbage, 6, true },
};

static void *act(void *arg)
{
	struct actor *a = arg;
	unsigned int all = 0, n;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(acts); i++)
		all += acts[i].weight;
	while (a->acts--) {
		n = random_below(&a->rnd, all);
		for (i = 0; n >= acts[i].weight; i++)
			n -= acts[i].weight;
		acts[i].act(a);
		count(acts);
		if (acts[i].fault)
			count(faults);
		if (random_one_in(&a->rnd, 3))
			usleep(random_below(&a->rnd, 3000));
	}
	for (i = 0; i < RINGS; i++)
		if (a->rings[i].fd >= 0)
			ring_close(&a->rings[i]);
	for (i = 0; i < SESSIONS; i++)
		if (a->sessions[i] >= 0)
			close(a->sessions[i]);
	return NULL;
}

void actor_start(struct actor *a, struct world *w, __u64 seed, __u64 nr, unsigned long acts)
{
	int i;

	a->world = w;
	a->acts = acts;
	random_init(&a->rnd, seed, nr);
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
