// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a trace ring: charged to the memory cgroup of who asks for it, and to what
 * this user may lock.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "hvstep.h"

/*
 * Memory that cannot be swapped: of a user's who may not lock as much as he likes, the
 * limit is RLIMIT_MEMLOCK, by user, as io_uring and perf have it. The descriptor can be
 * given to others: it stays his who has asked for it.
 */
static int lock_memory(struct hvstep_tracer *tracer, unsigned long nr)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	atomic_long_t *locked = &tracer->cred->user->locked_vm;
	long now = atomic_long_read(locked);

	do {
		if (now + nr > limit && !capable(CAP_IPC_LOCK))
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(locked, &now, now + nr));
	tracer->nr_locked = nr;
	return 0;
}

static void init_ring(struct hvstep_tracer *tracer)
{
	*tracer->ring = (struct hvstep_ring){
		.magic = HVSTEP_RING_MAGIC,
		.features = HVSTEP_FEATURES,
		.size = tracer->nr_pages * PAGE_SIZE,
		.records_offset = PAGE_SIZE,
		.record_size = sizeof(struct hvstep_record),
		.nr_records = tracer->nr,
		.vcpu = tracer->hv->vcpu->vcpu_id,
	};
}

/* What it has got before it fails is hvstep_ring_free()'s. */
int hvstep_ring_alloc(struct hvstep_tracer *tracer)
{
	unsigned int nr = DIV_ROUND_UP(PAGE_SIZE + tracer->nr * sizeof(struct hvstep_record),
				       PAGE_SIZE);
	int ret;

	tracer->cred = get_current_cred();
	ret = lock_memory(tracer, nr);
	if (ret)
		return ret;
	tracer->pages = kvcalloc(nr, sizeof(*tracer->pages), GFP_KERNEL_ACCOUNT);
	if (!tracer->pages)
		return -ENOMEM;
	while (tracer->nr_pages < nr) {
		struct page *page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);

		if (!page || fatal_signal_pending(current)) {
			if (page)
				put_page(page);
			return page ? -EINTR : -ENOMEM;
		}
		tracer->pages[tracer->nr_pages++] = page;
	}
	tracer->ring = vmap(tracer->pages, nr, VM_MAP | VM_USERMAP, PAGE_KERNEL);
	if (!tracer->ring)
		return -ENOMEM;
	tracer->records = (void *)tracer->ring + PAGE_SIZE;
	init_ring(tracer);
	return 0;
}

void hvstep_ring_free(struct hvstep_tracer *tracer)
{
	unsigned int i;

	vunmap(tracer->ring);
	/* What is mapped in userspace has a reference of its own. */
	for (i = 0; i < tracer->nr_pages; i++)
		put_page(tracer->pages[i]);
	kvfree(tracer->pages);
	atomic_long_sub(tracer->nr_locked, &tracer->cred->user->locked_vm);
	put_cred(tracer->cred);
}
