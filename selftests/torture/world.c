// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "memslots.h"
#include "world.h"

#define SETTLE_SECONDS	120

struct tally *tally;

static void say_where(struct runner *r)
{
	struct kvm_regs regs;

	vcpu_get_regs(r->v, &regs);
	fprintf(stderr, "# nip %llx msr %llx srr0 %llx srr1 %llx, program %lu, round %llu\n",
		regs.pc, regs.msr, regs.srr0, regs.srr1, r->done, ROUNDS - regs.gpr[16]);
	/* What a processor that has lost sight of memory executes is not what is there. */
	fprintf(stderr, "# there: %08x; r9 %llx, %lld traps, %lld traces\n",
		get_insn(r->world->vm, regs.pc % MEM_SIZE, !(regs.msr & MSR_LE)),
		regs.gpr[9], regs.gpr[17], regs.gpr[18]);
}

/* Does it execute anything? */
static void say_whether_it_moves(struct runner *r)
{
	int i;

	for (i = 0; i < 5; i++) {
		world_kick(r);
		say_where(r);
		usleep(100000);
	}
}

/* A guest that is not as it should be ends the episode. */
static void lose(const char *why, struct runner *r, int ret)
{
	count(lost);
	fprintf(stderr, "# LOST: %s: vcpu %u, KVM_RUN returned %d, exit_reason %u\n", why,
		r->v->id, ret, r->v->run->exit_reason);
	say_where(r);
	_exit(2);
}

static void program_ended(struct runner *r)
{
	struct outcome expect = r->expect, got;

	program_outcome(r->v, &got);
	expect.snap.r.gpr[31] = r->mark;
	if (program_differs("tortured", &expect, &got))
		lose("a wrong result", r, 0);
	count(checked);
	/* KVM puts these into registers, as the hypercall's result. */
	memset(&r->v->run->papr_hcall, 0, sizeof(r->v->run->papr_hcall));
	program_start(r->v);
	r->mark = 0;
	store(&r->done, r->done + 1);
}

static void *run(void *arg);

static void start_thread(struct runner *r)
{
	if (pthread_create(&r->thread, NULL, run, r))
		vm_fail("no thread: %s", strerror(errno));
}

/*
 * All registers as they are, but for two that no program uses: these have what was written
 * last, and get something else.
 */
static void rewrite(struct runner *r)
{
	struct kvm_regs regs;

	vcpu_get_regs(r->v, &regs);
	if (regs.gpr[31] != r->mark || vcpu_get(r->v, KVM_REG_PPC_FPR(31)) != r->mark)
		lose("a register is not what the VMM has written", r, 0);
	r->mark = r->mark * 0x5851f42d4c957f2d + 1;
	regs.gpr[31] = r->mark;
	vcpu_set_regs(r->v, &regs);
	vcpu_set(r->v, KVM_REG_PPC_FPR(31), r->mark);
}

/* Whether this thread has been replaced */
static bool grant(struct runner *r)
{
	struct wishes wishes;

	pthread_mutex_lock(&r->lock);
	wishes = r->wishes;
	memset(&r->wishes, 0, sizeof(r->wishes));
	if (wishes.hand_over) {
		/* Under the lock: the one who kicks reads @thread. */
		pthread_detach(r->thread);
		r->wishes = wishes;
		r->wishes.hand_over = false;
		start_thread(r);
		pthread_mutex_unlock(&r->lock);
		return true;
	}
	pthread_mutex_unlock(&r->lock);
	if (wishes.debug)
		vcpu_debug(r->v, wishes.control);
	if (wishes.rewrite)
		rewrite(r);
	return false;
}

static void *run(void *arg)
{
	struct runner *r = arg;
	struct world *w = r->world;
	int ret;

	while (!load(&w->stop)) {
		if (load(&w->pause)) {
			store(&r->paused, true);
			usleep(100);
			continue;
		}
		store(&r->paused, false);
		/* The one who pauses sees either that or this. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (load(&w->pause))
			continue;
		if (grant(r))
			return NULL;
		ret = ioctl(r->v->fd, KVM_RUN, 0) ? -errno : 0;
		r->v->run->immediate_exit = 0;
		if (ret == -EINTR)
			continue;
		if (ret)
			lose("a step was refused", r, ret);
		if (r->v->run->exit_reason == KVM_EXIT_DEBUG)
			count(steps);
		else if (program_is_over(r->v))
			program_ended(r);
		else
			lose("an exit that the program does not make", r, ret);
	}
	store(&r->ended, true);
	return NULL;
}

void world_kick(struct runner *r)
{
	pthread_mutex_lock(&r->lock);
	if (!load(&r->ended))
		pthread_kill(r->thread, SIGUSR1);
	pthread_mutex_unlock(&r->lock);
}

void world_ask(struct runner *r, const struct wishes *wishes)
{
	pthread_mutex_lock(&r->lock);
	if (wishes->debug) {
		r->wishes.debug = true;
		r->wishes.control = wishes->control;
	}
	r->wishes.rewrite |= wishes->rewrite;
	r->wishes.hand_over |= wishes->hand_over;
	pthread_mutex_unlock(&r->lock);
	world_kick(r);
}

void world_pause(struct world *w)
{
	int i;

	pthread_mutex_lock(&w->pausing);
	store(&w->pause, true);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (i = 0; i < w->nr; i++)
		while (!load(&w->runners[i].paused) && !load(&w->stop)) {
			world_kick(&w->runners[i]);
			usleep(200);
		}
}

void world_resume(struct world *w)
{
	int i;

	/* Each says anew that it is paused the next time. */
	for (i = 0; i < w->nr; i++)
		store(&w->runners[i].paused, false);
	store(&w->pause, false);
	pthread_mutex_unlock(&w->pausing);
}

struct world *world_create(const struct cell *cell, int nr)
{
	struct world *w = calloc(1, sizeof(*w));
	int i;

	ignore_sigusr1();
	w->cell = *cell;
	w->vm = vm_create(&w->cell);
	w->nr = nr;
	pthread_mutex_init(&w->memslots, NULL);
	pthread_mutex_init(&w->pausing, NULL);
	memslots_begin(w);
	program_load(w->vm);
	for (i = 0; i < nr; i++) {
		struct runner *r = &w->runners[i];

		r->world = w;
		pthread_mutex_init(&r->lock, NULL);
		program_untouched(&w->cell, i, &r->expect);
		r->v = vm_vcpu(w->vm, i);
		program_start(r->v);
	}
	for (i = 0; i < nr; i++) {
		pthread_mutex_lock(&w->runners[i].lock);
		start_thread(&w->runners[i]);
		pthread_mutex_unlock(&w->runners[i].lock);
	}
	return w;
}

void world_settle(struct world *w)
{
	unsigned long from[MAX_RUNNERS];
	int i, naps;

	for (i = 0; i < w->nr; i++) {
		struct runner *r = &w->runners[i];

		world_ask(r, &(struct wishes){ .debug = true });
		from[i] = load(&r->done);
	}
	for (i = 0; i < w->nr; i++) {
		struct runner *r = &w->runners[i];

		for (naps = 0; load(&r->done) < from[i] + 2; naps++) {
			if (naps == SETTLE_SECONDS * 100) {
				say_whether_it_moves(r);
				/* Once out of it, its registers can be read. */
				store(&w->pause, true);
				world_kick(r);
				lose("does not come to its end any more", r, 0);
			}
			/* The kick may have come just before KVM_RUN. */
			if (naps % 100 == 99)
				world_kick(r);
			usleep(10000);
		}
	}
}

void world_stop(struct world *w)
{
	int i;

	store(&w->stop, true);
	for (i = 0; i < w->nr; i++) {
		struct runner *r = &w->runners[i];

		while (!load(&r->ended)) {
			world_kick(r);
			usleep(1000);
		}
		pthread_join(r->thread, NULL);
		/* The one before that has started it may hold this yet. */
		pthread_mutex_lock(&r->lock);
		pthread_mutex_unlock(&r->lock);
	}
	for (i = 0; i < w->nr_idle; i++)
		vcpu_destroy(w->idle[i]);
	vm_check_sealed(w->vm, "in the end");
	for (i = 0; i < w->nr; i++)
		vcpu_destroy(w->runners[i].v);
	memslots_end(w);
	vm_destroy(w->vm);
	free(w);
}
