// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memslots.h"

#define ELSEWHERE_RA	0x60000000UL

static void tell_kvm(struct world *w)
{
	if (ioctl(w->vm->fd, KVM_SET_USER_MEMORY_REGION, &w->memslot))
		vm_fail("memslot at %llx, %llx bytes: %s", w->memslot.guest_phys_addr,
			w->memslot.memory_size, strerror(errno));
}

static void put_at(struct world *w, __u64 gpa)
{
	w->memslot.guest_phys_addr = gpa;
	tell_kvm(w);
}

/* KVM takes no other size, and no other address of ours, but for a new memslot. */
static void put_anew(struct world *w, __u64 size)
{
	w->memslot.memory_size = 0;
	tell_kvm(w);
	w->memslot.memory_size = size;
	tell_kvm(w);
}

static void set_log(struct world *w, bool log)
{
	w->memslot.flags = log ? KVM_MEM_LOG_DIRTY_PAGES : 0;
	tell_kvm(w);
}

/* Who still uses the one of before finds that nothing can be read there. */
static void take_view(struct world *w, int view)
{
	if (mprotect(w->views[!view], MEM_SIZE, PROT_NONE) ||
	    mprotect(w->views[view], MEM_SIZE, PROT_READ | PROT_WRITE))
		vm_fail("mprotect: %s", strerror(errno));
	store(&w->view, view);
	w->memslot.userspace_addr = (unsigned long)w->views[view];
}

void memslots_begin(struct world *w)
{
	int i;

	for (i = 0; i < VIEWS; i++) {
		/* Of shared memory, "none of it" is another mapping of it. */
		w->views[i] = mremap(w->vm->mem, 0, MEM_SIZE, MREMAP_MAYMOVE);
		if (w->views[i] == MAP_FAILED)
			vm_fail("a view of the guest's memory: %s", strerror(errno));
	}
	take_view(w, 0);
	put_anew(w, MEM_SIZE);
}

void memslots_end(struct world *w)
{
	int i;

	for (i = 0; i < VIEWS; i++)
		munmap(w->views[i], MEM_SIZE);
}

bool dirty_log(struct actor *a)
{
	unsigned char bitmap[MEM_SIZE / 4096 / 8];
	struct kvm_dirty_log log = { .dirty_bitmap = bitmap };
	struct world *w = a->world;

	pthread_mutex_lock(&w->memslots);
	set_log(w, true);
	if (ioctl(w->vm->fd, KVM_GET_DIRTY_LOG, &log))
		vm_fail("KVM_GET_DIRTY_LOG: %s", strerror(errno));
	if (random_one_in(&a->rnd, 2))
		set_log(w, false);
	pthread_mutex_unlock(&w->memslots);
	return true;
}

bool other_memslot(struct actor *a)
{
	struct world *w = a->world;

	pthread_mutex_lock(&w->memslots);
	vm_other_memslot(w->vm);
	pthread_mutex_unlock(&w->memslots);
	return true;
}

static struct world *begin(struct actor *a)
{
	world_pause(a->world);
	pthread_mutex_lock(&a->world->memslots);
	return a->world;
}

static bool end(struct actor *a)
{
	pthread_mutex_unlock(&a->world->memslots);
	world_resume(a->world);
	return true;
}

bool memslot_anew(struct actor *a)
{
	struct world *w = begin(a);

	w->memslot.memory_size = 0;
	tell_kvm(w);
	w->memslot.flags = random_one_in(&a->rnd, 2) ? KVM_MEM_LOG_DIRTY_PAGES : 0;
	w->memslot.memory_size = MEM_SIZE;
	take_view(w, random_below(&a->rnd, VIEWS));
	tell_kvm(w);
	return end(a);
}

bool memslot_moved(struct actor *a)
{
	struct world *w = begin(a);

	put_at(w, ELSEWHERE_RA);
	usleep(random_below(&a->rnd, 1000));
	put_at(w, 0);
	return end(a);
}

bool memslot_resized(struct actor *a)
{
	struct world *w = begin(a);

	/* A page of the host's at least */
	put_anew(w, 0x10000UL << random_below(&a->rnd, 8));
	usleep(random_below(&a->rnd, 1000));
	put_anew(w, MEM_SIZE);
	return end(a);
}
