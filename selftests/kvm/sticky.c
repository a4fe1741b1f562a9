// SPDX-License-Identifier: GPL-2.0
/*
 * Four vCPUs of a guest with timers, all running: all of them stepped at once in
 * kvmtool's way (asked for once, every KVM_RUN steps), or some; who is stepped
 * and who is not gets on. And two VMs stepped side by side.
 */
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "cells.h"

#define VCPUS		4
/* A vCPU's code, and what it shares with the test: turns, and when to stop */
#define LOOP_RA(id)	(CODE_RA + 0x1000 * (id))
#define SHARED_RA(id)	(DATA_RA + 0x100 * (id))
#define H_DONE		0xfff0
/* Of the decrementer: 4 ms */
#define PERIOD		(4 * 512000)
/*
 * An emulated machine of one thread changes CPUs ten times a second, and a vCPU
 * that is parked waits for that.
 */
#define STEPS		(getenv("MACHINE") ? 200 : 2000)

FIXTURE(sticky) {
	struct vm *vm;
	struct vcpu *v[VCPUS];
};

FIXTURE_VARIANT(sticky) {
	struct cell cell;
};

CELL(sticky, be_real, .be_code = true);
CELL(sticky, le_ail3, .ile = true, .ail = true);
CELL(sticky, le_hash, .ile = true, .ail = true, .hash = true);

/*
 * A turn goes into each handler once: sc, trap, a load that faults (where r22
 * points), its own trace (r20 is the MSR with SE). r14 counts the turns, for all
 * to see, r15 to r18 what the handlers have handled, r19 the decrementer's.
 */
GUEST_CODE(loop,
	   "1: addi 14, 14, 1\n"
	   "std	14, 0(10)\n"
	   "sc\n"
	   "trap\n"
	   "lwarx 3, 0, 22\n"
	   "mtmsrd 20\n"
	   "nop\n"
	   "lwz	11, 8(10)\n"
	   "cmpwi 11, 0\n"
	   "beq	1b\n"
	   "li	3, -0x10\n"
	   "clrldi 3, 3, 48\n"
	   "sc	1\n"
	   "b	.\n");

#define LOOP_BRANCH	9	/* the last instruction of a turn */

GUEST_CODE(sc_handler, "addi 15, 15, 1; rfid\n");
GUEST_CODE(trap_handler, "addi 16, 16, 1; mfsrr0 9; addi 9, 9, 4; mtsrr0 9; rfid\n");
GUEST_CODE(fault_handler, "addi 18, 18, 1; mfsrr0 9; addi 9, 9, 4; mtsrr0 9; rfid\n");
GUEST_CODE(trace_handler, "addi 17, 17, 1; mfsrr1 9; and 9, 9, 21; mtsrr1 9; rfid\n");
GUEST_CODE(dec_handler, "addi 19, 19, 1; mtdec 26; rfid\n");

static const struct handler {
	__u64 vector;
	const __u32 *start, *end;
} handlers[] = {
	{ 0xc00, sc_handler, sc_handler_end },
	{ 0x700, trap_handler, trap_handler_end },
	/* With translation on it is unmapped, otherwise not aligned. */
	{ 0x300, fault_handler, fault_handler_end },
	{ 0x600, fault_handler, fault_handler_end },
	{ 0xd00, trace_handler, trace_handler_end },
	{ 0x900, dec_handler, dec_handler_end },
};

/* Of each turn's instructions, where it leads when it is stepped */
#define MAX_PATH	64

struct path {
	int n;
	__u64 ea[MAX_PATH];
};

static void path_through(struct path *path, const struct vm *vm, __u64 vector)
{
	bool real = vm_reflects_in_real_mode(vm, vector);
	const struct handler *h = handlers;
	__u64 i;

	while (h->vector != vector)
		h++;
	for (i = 0; i < (__u64)(h->end - h->start); i++)
		path->ea[path->n++] = (real ? vector : vm_vector(vm, vector)) + 4 * i;
}

static void path_make(struct path *path, const struct vcpu *v)
{
	const struct vm *vm = v->vm;
	__u64 i;

	path->n = 0;
	for (i = 0; i <= LOOP_BRANCH; i++) {
		path->ea[path->n++] = vm_ea(vm, LOOP_RA(v->id)) + 4 * i;
		switch (i) {
		case 2:
			path_through(path, vm, 0xc00);
			break;
		case 3:
			path_through(path, vm, 0x700);
			break;
		case 4:
			path_through(path, vm, vm->cell->ail ? 0x300 : 0x600);
			break;
		case 6:
			path_through(path, vm, 0xd00);
			break;
		}
	}
}

static void load(struct vcpu *v)
{
	struct vm *vm = v->vm;

	load_code(v, LOOP_RA(v->id), loop, loop_end);
	put_data(vm, SHARED_RA(v->id), 8, 0);
	put_data(vm, SHARED_RA(v->id) + 8, 4, 0);
	vcpu_set_dec(v, PERIOD);
	with_regs(v, r) {
		memset(&r.gpr[14], 0, 6 * sizeof(r.gpr[0]));
		r.msr |= MSR_EE;
		r.gpr[10] = vm_ea(vm, SHARED_RA(v->id));
		r.gpr[20] = r.msr | MSR_SE;
		r.gpr[21] = ~MSR_SE;
		r.gpr[22] = vm->cell->ail ? vm_ea(vm, UNMAPPED_RA) : DATA_RA + 2;
		r.gpr[26] = PERIOD;
	}
}

static struct vm *create(const struct cell *cell, struct vcpu **v, int n)
{
	struct vm *vm = vm_create(cell);
	const struct handler *h;
	int i;

	for (h = handlers; h < handlers + ARRAY_SIZE(handlers); h++)
		put_handler(vm, h->vector, h->start, h->end);
	for (i = 0; i < n; i++) {
		v[i] = vm_vcpu(vm, i);
		load(v[i]);
	}
	vm_seal(vm);
	vm_attach(vm);
	return vm;
}

FIXTURE_SETUP(sticky)
{
	const char *missing = cell_missing(&variant->cell);

	if (missing)
		SKIP(return, "%s", missing);
	SKIP_REFERENCE();
	self->vm = create(&variant->cell, self->v, VCPUS);
}

FIXTURE_TEARDOWN(sticky)
{
	vm_destroy(self->vm);
}

/* What the vCPU has counted, seen from outside while it runs */
static __u64 turns(const struct vcpu *v)
{
	__u64 n;

	memcpy(&n, v->vm->mem + SHARED_RA(v->id), sizeof(n));
	return v->vm->cell->be_code ? be64toh(n) : le64toh(n);
}

/* Unstepped, until the guest says that it has seen the request to stop */
static void run_to_end(struct vcpu *v)
{
	check_exit(v, vcpu_run_for(v, 300), KVM_EXIT_PAPR_HCALL, "running");
	if (v->run->papr_hcall.nr != H_DONE)
		vm_fail("vcpu %u: hypercall %llx", v->id, v->run->papr_hcall.nr);
}

static void *run_thread(void *arg)
{
	run_to_end(arg);
	return NULL;
}

static void stop(struct vcpu *v)
{
	put_data(v->vm, SHARED_RA(v->id) + 8, 4, 1);
}

/* Each turn has been into each handler once; and the timer has come, if it may. */
static void check_counts(struct vcpu *v, __u64 *timer)
{
	struct kvm_regs r;

	vcpu_get_regs(v, &r);
	if (r.gpr[14] != r.gpr[15] || r.gpr[14] != r.gpr[16] || r.gpr[14] != r.gpr[17] ||
	    r.gpr[14] != r.gpr[18] || r.gpr[14] != turns(v))
		vm_fail("vcpu %u: turns %lld (%lld), sc %lld, trap %lld, trace %lld, faults %lld",
			v->id, r.gpr[14], turns(v), r.gpr[15], r.gpr[16], r.gpr[17], r.gpr[18]);
	if (r.msr & MSR_SE || !(r.msr & MSR_EE))
		vm_fail("vcpu %u: msr %llx", v->id, r.msr);
	*timer = r.gpr[19];
}

struct stepper {
	struct vcpu *v;
	struct path path;
	int at, steps;
	pthread_t thread;
	bool *over;		/* set by the first that is done */
};

static void stepper_init(struct stepper *s, struct vcpu *v)
{
	memset(s, 0, sizeof(*s));
	s->v = v;
	path_make(&s->path, v);
	vcpu_debug(v, DEBUG_STEP);
}

/* KVM_RUN and nothing else, as kvmtool does */
static void step_once(struct stepper *s)
{
	struct vcpu *v = s->v;
	struct kvm_regs r;

	check_exit(v, vcpu_run_for(v, 100), KVM_EXIT_DEBUG, "step");
	s->at = (s->at + 1) % s->path.n;
	s->steps++;
	if (v->run->debug.arch.address == s->path.ea[s->at] && !v->run->debug.arch.status)
		return;
	vcpu_get_regs(v, &r);
	vm_fail("vcpu %u, step %d: to %llx status %x, not %llx; msr %llx srr0 %llx, %lld timer",
		v->id, s->steps, v->run->debug.arch.address, v->run->debug.arch.status,
		s->path.ea[s->at], r.msr, r.srr0, r.gpr[19]);
}

/* The held timer is there as soon as nobody steps, and nothing else is amiss. */
static void stepper_end(struct stepper *s)
{
	__u64 timer;

	vcpu_debug(s->v, 0);
	stop(s->v);
	run_to_end(s->v);
	check_counts(s->v, &timer);
	if (!timer)
		vm_fail("vcpu %u: the timer that was held has not come", s->v->id);
}

static void check_counters(struct vm *vm, __u64 steps)
{
	struct hvstep_counters counters = { .vcpu = HVSTEP_VCPU_ALL };

	if (ioctl(vm->session, HVSTEP_GET_COUNTERS, &counters))
		vm_fail("HVSTEP_GET_COUNTERS failed");
	printf("# steps %llu parked %llu held %llu interrupted %llu reflected %llu\n",
	       counters.steps, counters.parked, counters.held, counters.interrupted,
	       counters.reflected);
	if (counters.lost || counters.reflected || counters.steps != steps)
		vm_fail("%llu steps, not %llu; %llu lost, %llu reflected", counters.steps, steps,
			counters.lost, counters.reflected);
	vm_check_sealed(vm, "afterwards");
}

/*
 * As many on each CPU of the host as on the next. Its scheduler would leave three on one of
 * two CPUs, each with a third of what the fourth has: who gets how much is not its say here.
 */
static void place(const struct vcpu *v)
{
	cpu_set_t all, one;
	int i, left;

	if (sched_getaffinity(0, sizeof(all), &all))
		vm_fail("sched_getaffinity: %s", strerror(errno));
	left = v->id % CPU_COUNT(&all);
	for (i = 0; !CPU_ISSET(i, &all) || left--; i++)
		;
	CPU_ZERO(&one);
	CPU_SET(i, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		vm_fail("sched_setaffinity to CPU %d: %s", i, strerror(errno));
}

static void *step_thread(void *arg)
{
	struct stepper *s = arg;

	place(s->v);
	while (!__atomic_load_n(s->over, __ATOMIC_RELAXED) && s->steps < STEPS)
		step_once(s);
	__atomic_store_n(s->over, true, __ATOMIC_RELAXED);
	return NULL;
}

/* When the first has made all of its steps, the last has made a good part. */
#define BEHIND		4

TEST_F_TIMEOUT(sticky, all_stepped, 200)
{
	struct stepper s[VCPUS];
	bool over = false;
	__u64 steps = 0;
	int i;

	for (i = 0; i < VCPUS; i++) {
		stepper_init(&s[i], self->v[i]);
		s[i].over = &over;
	}
	for (i = 0; i < VCPUS; i++)
		pthread_create(&s[i].thread, NULL, step_thread, &s[i]);
	for (i = 0; i < VCPUS; i++)
		pthread_join(s[i].thread, NULL);
	for (i = 0; i < VCPUS; i++) {
		TH_LOG("vcpu %d made %d steps", i, s[i].steps);
		steps += s[i].steps;
		EXPECT_GE(s[i].steps * BEHIND, STEPS);
	}
	vm_check_sealed(self->vm, "all stopped");
	for (i = 0; i < VCPUS; i++)
		stepper_end(&s[i]);
	check_counters(self->vm, steps);
}

static void end_runner(struct vcpu *v, pthread_t thread)
{
	__u64 timer;

	stop(v);
	pthread_join(thread, NULL);
	check_counts(v, &timer);
	printf("# vcpu %u: %llu turns, %llu timer interrupts\n", v->id, turns(v), timer);
	if (!timer)
		vm_fail("vcpu %u: no timer interrupt", v->id);
}

TEST_F_TIMEOUT(sticky, two_of_four, 200)
{
	struct stepper s[2];
	bool over[2] = { };
	pthread_t thread[2];
	int i;

	for (i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, run_thread, self->v[2 + i]);
	for (i = 0; i < 2; i++) {
		stepper_init(&s[i], self->v[i]);
		s[i].over = &over[i];
		pthread_create(&s[i].thread, NULL, step_thread, &s[i]);
	}
	for (i = 0; i < 2; i++)
		pthread_join(s[i].thread, NULL);
	for (i = 0; i < 2; i++) {
		EXPECT_GT(turns(self->v[2 + i]), 10);
		end_runner(self->v[2 + i], thread[i]);
		stepper_end(&s[i]);
	}
	check_counters(self->vm, s[0].steps + s[1].steps);
}

/*
 * One is stepped without pause. In each of the windows each of the others makes
 * a turn at least, which takes it through each handler that the steps arm.
 */
#define WINDOWS		10
#define WINDOW_STEPS	(STEPS / 8)

TEST_F_TIMEOUT(sticky, others_get_on, 300)
{
	__u64 before[VCPUS], grown, least[VCPUS];
	pthread_t thread[VCPUS];
	struct stepper s;
	int i, window;

	for (i = 1; i < VCPUS; i++) {
		pthread_create(&thread[i], NULL, run_thread, self->v[i]);
		least[i] = ~0ULL;
	}
	stepper_init(&s, self->v[0]);
	for (window = 0; window < WINDOWS; window++) {
		for (i = 1; i < VCPUS; i++)
			before[i] = turns(self->v[i]);
		while (s.steps < (window + 1) * WINDOW_STEPS)
			step_once(&s);
		for (i = 1; i < VCPUS; i++) {
			grown = turns(self->v[i]) - before[i];
			if (grown < least[i])
				least[i] = grown;
		}
	}
	for (i = 1; i < VCPUS; i++) {
		TH_LOG("vcpu %d made %llu turns or more in %d steps", i, least[i], WINDOW_STEPS);
		EXPECT_GE(least[i], 1);
		end_runner(self->v[i], thread[i]);
	}
	stepper_end(&s);
	check_counters(self->vm, s.steps);
}

/* A VM of its own with two vCPUs, which a thread steps in turn */
struct side {
	const struct cell *cell;
	struct vm *vm;
	pthread_t thread;
	int steps;
};

static void *side_thread(void *arg)
{
	struct side *side = arg;
	struct stepper s[2];
	struct vcpu *v[2];
	__u64 timer;
	int i, n;

	side->vm = create(side->cell, v, 2);
	for (i = 0; i < 2; i++)
		stepper_init(&s[i], v[i]);
	for (n = 0; n < side->steps; n++) {
		step_once(&s[n & 1]);
		if (!(n & 7))
			vm_check_sealed(side->vm, "step");
	}
	for (i = 0; i < 2; i++) {
		vcpu_debug(v[i], 0);
		stop(v[i]);
		run_to_end(v[i]);
		check_counts(v[i], &timer);
	}
	check_counters(side->vm, side->steps);
	return NULL;
}

TEST_F_TIMEOUT(sticky, two_vms, 120)
{
	struct side side[2];
	int i;

	for (i = 0; i < 2; i++) {
		side[i].cell = &variant->cell;
		side[i].steps = (2 + i) * STEPS;
		pthread_create(&side[i].thread, NULL, side_thread, &side[i]);
	}
	for (i = 0; i < 2; i++)
		pthread_join(side[i].thread, NULL);
	for (i = 0; i < 2; i++)
		vm_destroy(side[i].vm);
	/* Theirs, not this one's */
	check_counters(self->vm, 0);
}

KVM_TEST_MAIN
