// SPDX-License-Identifier: GPL-2.0
/*
 * The trace ring: a record of each step, in memory that is shared with the reader. See
 * include/uapi/linux/hvstep.h.
 *
 * One writer, the vCPU's thread, and one reader. The writer never believes the memory:
 * a tail that makes no sense is a full ring, which is the reader's own loss.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "again.h"

#define TRACE_FLAGS	(HVSTEP_TRACE_DROP | HVSTEP_TRACE_NO_KERNEL | HVSTEP_TRACE_NO_USER | \
			 HVSTEP_TRACE_BRANCHES)
#define MIN_RECORDS	16

/* The reader's tail may move without a call of his: look again after that. */
#define LOOK_AGAIN	max(HZ / 50, 1)

static void tracer_free(struct kref *ref)
{
	struct hvstep_tracer *tracer = container_of(ref, struct hvstep_tracer, ref);

	hvstep_ring_free(tracer);
	kfree(tracer);
}

void hvstep_trace_put(struct hvstep_tracer *tracer)
{
	if (tracer)
		kref_put(&tracer->ref, tracer_free);
}

/* Records that the reader has not read yet, as far as he is to be believed */
static u64 unread(struct hvstep_tracer *tracer)
{
	/* Pairs with the reader's release: he has done with what is overwritten then. */
	u64 tail = smp_load_acquire(&tracer->ring->tail);

	return READ_ONCE(tracer->head) - tail;
}

static bool has_room(struct hvstep_tracer *tracer)
{
	return tracer->flags & HVSTEP_TRACE_DROP || unread(tracer) < tracer->nr;
}

static bool is_ready(struct hvstep_tracer *tracer, u64 count)
{
	u64 nr = unread(tracer);

	return nr >= count || !READ_ONCE(tracer->active);
}

/* The request has begun or ended; @err: before its time. */
void hvstep_trace_active(struct hvstep_vcpu *hv, bool active, int err)
{
	struct hvstep_tracer *tracer = hv->tracer;

	lockdep_assert_held(&hv->request.lock);
	if (!tracer)
		return;
	WRITE_ONCE(tracer->ring->error, -err);
	/* After the last record: the reader looks at this first. */
	smp_store_release(&tracer->ring->state, active ? HVSTEP_RING_ACTIVE : 0);
	/* The same, for poll(). */
	smp_store_release(&tracer->active, active);
	wake_up_all(&tracer->data);
	wake_up_all(&tracer->room);
}

/* Between two steps: from now on they are recorded by the one that is there now. */
static void change_tracer(struct hvstep_vcpu *hv)
{
	lockdep_assert_held(&hv->vcpu->mutex);

	hvstep_trace_put(hv->tracing);
	spin_lock(&hv->request.lock);
	hv->tracing = hv->tracer;
	if (hv->tracing)
		kref_get(&hv->tracing->ref);
	hvstep_request_special(hv);
	spin_unlock(&hv->request.lock);
}

/*
 * No step is under way, and none to come for now: whoever has recorded them may go, and his
 * memory with him. hvstep_trace_ready() looks who is there then.
 */
void hvstep_trace_let_go(struct hvstep_vcpu *hv)
{
	struct hvstep_tracer *tracer = hv->tracing;

	lockdep_assert_held(&hv->vcpu->mutex);

	spin_lock(&hv->request.lock);
	hv->tracing = NULL;
	hvstep_request_special(hv);
	spin_unlock(&hv->request.lock);
	hvstep_trace_put(tracer);
}

/*
 * Before a step: is there somebody who records it, and room for it? Else -EINTR for a
 * signal, or -EAGAIN if the step is not wanted any more.
 */
int hvstep_trace_ready(struct hvstep_vcpu *hv)
{
	struct hvstep_tracer *tracer;
	long ret;

	for (;;) {
		if (unlikely(hv->tracing != READ_ONCE(hv->tracer))) {
			/* To free the old one may sleep. */
			if (hv->kept)
				hvstep_disarm(hv);
			change_tracer(hv);
		}
		tracer = hv->tracing;
		if (!tracer || likely(has_room(tracer)))
			return 0;
		/* This can take any time: nothing may be armed, nobody wait for us meanwhile. */
		if (hv->kept)
			hvstep_disarm(hv);
		hvstep_park_left(hv);
		ret = wait_event_interruptible_timeout(tracer->room, has_room(tracer) ||
						       READ_ONCE(hv->tracer) != tracer ||
						       !hvstep_wants_step(hv), LOOK_AGAIN);
		if (ret < 0)
			return -EINTR;
		/* Nobody wants this step any more: the caller looks again. */
		if (!hvstep_wants_step(hv))
			return -EAGAIN;
	}
}

/* Is the step at nip one of those that the reader wants to see? */
static bool is_wanted(struct hvstep_tracer *tracer, struct hvstep_vcpu *hv)
{
	if (tracer->flags & (hv->msr & MSR_PR ? HVSTEP_TRACE_NO_USER : HVSTEP_TRACE_NO_KERNEL))
		return false;
	return !tracer->end || (hv->nip >= tracer->start && hv->nip < tracer->end);
}

/* Of these, analyse_instr() says where they go. */
static bool may_access(u32 word)
{
	unsigned int op = hvstep_insn_opcode(word);

	return op == 1 || op == 6 || op == 31 || (op >= 32 && op != 59 && op != 60 && op != 63);
}

/*
 * The instruction @word is going to be stepped; see hvstep_mem_fetch() for @fetch. Keep
 * what is known only before: what it is, and what it will access.
 */
void hvstep_trace_begin(struct hvstep_vcpu *hv, int fetch, u32 word)
{
	struct hvstep_tracer *tracer = hv->tracing;
	struct hvstep_record *next = &tracer->next;
	gpa_t gpa;

	if (!tracer)
		return;
	memcpy(tracer->count, hv->count, sizeof(tracer->count));
	/* To be looked at again at the end, with where it has led to. */
	tracer->staged = is_wanted(tracer, hv);
	if (!tracer->staged)
		return;

	*next = (struct hvstep_record){
		.nip = hv->nip, .msr = hv->msr, .word = word, .vcpu = hv->vcpu->vcpu_id,
	};
	if (fetch < 0) {
		next->word = 0;
		next->flags |= HVSTEP_RECORD_NO_WORD;
		return;
	}
	if (hvstep_insn_opcode(word) == 1 && cpu_has_feature(CPU_FTR_ARCH_31)) {
		/* This may sleep. */
		if (hv->kept)
			hvstep_disarm(hv);
		/* It is in the same page: only for want of memory, or for a signal. */
		if (hvstep_mem_fetch(hv, hv->nip + 4, &gpa, &next->suffix) < 0) {
			next->word = 0;
			next->suffix = 0;
			next->flags |= HVSTEP_RECORD_NO_WORD;
			return;
		}
	}
	if (may_access(word) && hvstep_access_ea(hv, word, next->suffix, &next->ea))
		next->flags |= HVSTEP_RECORD_EA;
}

/* By which way, of which there is one a step, it has been made */
static unsigned int kind_of_step(struct hvstep_tracer *tracer, struct hvstep_vcpu *hv)
{
	unsigned int i;

	for (i = HVSTEP_COUNT_EMULATED; i <= HVSTEP_COUNT_FAULTS; i++)
		if (hv->count[i] != tracer->count[i])
			return i - HVSTEP_COUNT_EMULATED + HVSTEP_KIND_EMULATED;
	return HVSTEP_KIND_REFLECTED;
}

static bool went_on_behind(const struct hvstep_record *record)
{
	return record->next == record->nip + (record->suffix ? 8 : 4) &&
	       record->kind != HVSTEP_KIND_FAULT;
}

static void count_up(u64 *count)
{
	WRITE_ONCE(*count, *count + 1);
}

/* The step is done. */
void hvstep_trace_commit(struct hvstep_vcpu *hv)
{
	struct hvstep_tracer *tracer = hv->tracing;
	struct hvstep_record *next = &tracer->next;
	struct hvstep_ring *ring = tracer->ring;
	u64 nr;

	next->seq = tracer->seq++;
	next->next = hvstep_get_pc(hv->vcpu);
	next->kind = kind_of_step(tracer, hv);
	if (!tracer->staged ||
	    (tracer->flags & HVSTEP_TRACE_BRANCHES && went_on_behind(next))) {
		count_up(&ring->filtered);
		return;
	}
	tracer->staged = false;

	nr = unread(tracer);
	/* Without HVSTEP_TRACE_DROP there was room: the reader has taken his word back. */
	if (unlikely(nr >= tracer->nr)) {
		count_up(&ring->dropped);
		return;
	}
	tracer->records[tracer->head & (tracer->nr - 1)] = *next;
	WRITE_ONCE(tracer->head, tracer->head + 1);
	/* The record before the number: pairs with the reader's acquire. */
	smp_store_release(&ring->head, tracer->head);
	/* Pairs with hvstep_trace_wait(): the head, then who sleeps, then for how much. */
	if (wq_has_sleeper(&tracer->data) &&
	    nr + 1 >= min(tracer->watermark, READ_ONCE(tracer->wanted)))
		wake_up_all(&tracer->data);
}

/*
 * HVSTEP_URING_WAIT. It does not return the number of records: 6.1's io_uring forgets a
 * request for which one of its workers got a positive result.
 */
int hvstep_trace_wait(struct hvstep_tracer *tracer, u64 count, bool nonblock)
{
	struct hvstep_vcpu *hv = tracer->hv;

	if (!count || count > tracer->nr)
		return -EINVAL;
	/* Who waits has read what there was. */
	wake_up_all(&tracer->room);
	/* Asked once: io_uring's own lock is held, and the reader may move its tail. */
	if (nonblock)
		return is_ready(tracer, count) ? 0 : -EAGAIN;

	/* The smallest number that was ever waited for: too small a one costs but wakes. */
	spin_lock(&hv->request.lock);
	if (count < tracer->wanted)
		WRITE_ONCE(tracer->wanted, count);
	spin_unlock(&hv->request.lock);
	return wait_event_interruptible(tracer->data, is_ready(tracer, count)) ? -EINTR : 0;
}

static __poll_t ring_poll(struct file *file, poll_table *wait)
{
	struct hvstep_tracer *tracer = file->private_data;
	__poll_t events = 0;
	bool active;
	u64 nr;

	poll_wait(file, &tracer->data, wait);
	wake_up_all(&tracer->room);
	/* Pairs with hvstep_trace_active(): then there are no more to come. */
	active = smp_load_acquire(&tracer->active);
	nr = unread(tracer);
	if (nr >= tracer->watermark || (nr && !active))
		events |= EPOLLIN | EPOLLRDNORM;
	if (!nr && !active)
		events |= EPOLLHUP;
	return events;
}

static int ring_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct hvstep_tracer *tracer = file->private_data;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	return remap_vmalloc_range(vma, tracer->ring, vma->vm_pgoff);
}

/* The opposite of tracer_publish(), and the end of the descriptor's references */
static void tracer_withdraw(struct hvstep_tracer *tracer)
{
	struct hvstep_vcpu *hv = tracer->hv;

	spin_lock(&hv->request.lock);
	/* It may not have been let in: there was another one. */
	if (hv->tracer == tracer) {
		WRITE_ONCE(hv->tracer, NULL);
		hvstep_request_orphan(hv);
		hvstep_request_special(hv);
	}
	spin_unlock(&hv->request.lock);
	wake_up_all(&tracer->room);
	/*
	 * A vCPU that is in no KVM_RUN may never come to let go of it: not even of one that
	 * was to have recorded a step which userspace is still to complete. Else it does so
	 * in this KVM_RUN or in the next one, which has to come by us.
	 */
	if (mutex_trylock(&hv->vcpu->mutex)) {
		if (hv->tracing == tracer)
			hvstep_trace_let_go(hv);
		mutex_unlock(&hv->vcpu->mutex);
	} else if (READ_ONCE(hv->tracing) == tracer) {
		hvstep_vm_wake(hv->vm);
	}
	fput(tracer->session);
	hvstep_trace_put(tracer);
}

static int ring_release(struct inode *inode, struct file *file)
{
	tracer_withdraw(file->private_data);
	return 0;
}

static const struct file_operations ring_fops = {
	.owner = THIS_MODULE,
	.release = ring_release,
	.poll = ring_poll,
	.mmap = ring_mmap,
	.uring_cmd = hvstep_uring_cmd,
	.llseek = noop_llseek,
};

static struct hvstep_tracer *tracer_create(struct hvstep_vcpu *hv, const struct hvstep_trace *trace)
{
	struct hvstep_tracer *tracer;
	int ret;

	tracer = kzalloc(sizeof(*tracer), GFP_KERNEL_ACCOUNT);
	if (!tracer)
		return ERR_PTR(-ENOMEM);
	kref_init(&tracer->ref);
	tracer->hv = hv;
	tracer->flags = trace->flags;
	tracer->nr = trace->nr_records;
	tracer->watermark = trace->watermark;
	tracer->wanted = trace->watermark;
	tracer->start = trace->start;
	tracer->end = trace->end;
	init_waitqueue_head(&tracer->room);
	init_waitqueue_head(&tracer->data);
	ret = hvstep_ring_alloc(tracer);
	if (ret) {
		hvstep_trace_put(tracer);
		return ERR_PTR(ret);
	}
	return tracer;
}

static int tracer_publish(struct hvstep_tracer *tracer)
{
	struct hvstep_vcpu *hv = tracer->hv;
	int ret = -EBUSY;

	spin_lock(&hv->request.lock);
	if (!hv->tracer) {
		WRITE_ONCE(hv->tracer, tracer);
		hvstep_request_special(hv);
		smp_mb();	/* pairs with step_done(): one of us sees the other */
		hvstep_trace_active(hv, atomic64_read(&hv->left), 0);
		ret = 0;
	}
	spin_unlock(&hv->request.lock);
	return ret;
}

/* The descriptor, not yet installed */
static struct file *tracer_file(struct hvstep_tracer *tracer, int *fd)
{
	struct file *file;

	*fd = get_unused_fd_flags(O_CLOEXEC);
	if (*fd < 0)
		return ERR_PTR(*fd);
	file = anon_inode_getfile("hvstep-ring", &ring_fops, tracer, O_RDWR);
	if (IS_ERR(file))
		put_unused_fd(*fd);
	return file;
}

/* HVSTEP_TRACE: returns the descriptor. */
int hvstep_trace_open(struct hvstep_vm *vm, struct file *session, const struct hvstep_trace *trace)
{
	struct hvstep_tracer *tracer;
	struct hvstep_vcpu *hv;
	struct file *file;
	int fd, ret;

	if (trace->flags & ~TRACE_FLAGS || memchr_inv(trace->reserved, 0, sizeof(trace->reserved)))
		return -EINVAL;
	if (trace->nr_records < MIN_RECORDS || trace->nr_records > HVSTEP_RING_MAX_RECORDS ||
	    !is_power_of_2(trace->nr_records))
		return -EINVAL;
	if (!trace->watermark || trace->watermark > trace->nr_records ||
	    ((trace->start || trace->end) && trace->start >= trace->end))
		return -EINVAL;

	hv = hvstep_vm_vcpu_by_id(vm, trace->vcpu);
	if (!hv)
		return -ENOENT;
	if (IS_ERR(hv))
		return PTR_ERR(hv);
	/* Before its memory counts; tracer_publish() is who decides. */
	if (READ_ONCE(hv->tracer))
		return -EBUSY;
	tracer = tracer_create(hv, trace);
	if (IS_ERR(tracer))
		return PTR_ERR(tracer);
	tracer->session = get_file(session);
	file = tracer_file(tracer, &fd);
	if (IS_ERR(file)) {
		fput(session);
		hvstep_trace_put(tracer);
		return PTR_ERR(file);
	}
	/* Last: what was asked for is the affair of whoever has the ring. */
	ret = tracer_publish(tracer);
	if (ret) {
		put_unused_fd(fd);
		fput(file);
		return ret;
	}
	fd_install(fd, file);
	return fd;
}
