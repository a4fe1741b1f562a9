// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "recorder.h"

void recorder_open(struct recorder *rec, struct vcpu *v, struct hvstep_trace trace)
{
	struct hvstep_ring *ring;

	trace.vcpu = v->id;
	if (!trace.watermark)
		trace.watermark = 1;
	rec->fd = ioctl(v->vm->session, HVSTEP_TRACE, &trace);
	if (rec->fd < 0)
		vm_fail("HVSTEP_TRACE: %s", strerror(errno));
	ring = mmap(NULL, 4096, PROT_READ, MAP_SHARED, rec->fd, 0);
	if (ring == MAP_FAILED)
		vm_fail("mmap: %s", strerror(errno));
	if (ring->magic != HVSTEP_RING_MAGIC || ring->record_size != sizeof(*rec->records) ||
	    ring->nr_records != trace.nr_records || ring->vcpu != v->id)
		vm_fail("ring: magic %llx, %u records of %u bytes, vcpu %u", ring->magic,
			ring->nr_records, ring->record_size, ring->vcpu);
	rec->size = ring->size;
	munmap(ring, 4096);
	rec->ring = mmap(NULL, rec->size, PROT_READ | PROT_WRITE, MAP_SHARED, rec->fd, 0);
	if (rec->ring == MAP_FAILED)
		vm_fail("mmap of %llu bytes: %s", rec->size, strerror(errno));
	rec->records = (void *)rec->ring + rec->ring->records_offset;
	rec->tail = 0;
}

static bool is_zero(const void *mem, size_t size)
{
	const unsigned char *byte = mem;

	while (size && !byte[size - 1])
		size--;
	return !size;
}

static __u64 head(const struct recorder *rec)
{
	return __atomic_load_n(&rec->ring->head, __ATOMIC_ACQUIRE);
}

/* All that has no meaning yet */
static void check_reserved(const struct recorder *rec)
{
	const struct hvstep_ring *ring = rec->ring;
	__u64 used;

	if (!is_zero(ring->reserved, sizeof(ring->reserved)) ||
	    !is_zero(ring->reserved2, sizeof(ring->reserved2)) ||
	    !is_zero(ring->reserved3, sizeof(ring->reserved3)) ||
	    !is_zero(ring + 1, ring->records_offset - sizeof(*ring)))
		vm_fail("ring: what is reserved is not 0");
	/*
	 * Nor is there anything behind the last record, be it somebody else's of before. One
	 * may just be written.
	 */
	used = head(rec) + 1;
	if (used < ring->nr_records &&
	    !is_zero(rec->records + used,
		     rec->size - ring->records_offset - used * sizeof(*rec->records)))
		vm_fail("ring: behind record %llu of %u it is not 0", used, ring->nr_records);
}

void recorder_close(struct recorder *rec)
{
	check_reserved(rec);
	munmap(rec->ring, rec->size);
	if (rec->fd >= 0)
		close(rec->fd);
}

bool recorder_has(const struct recorder *rec)
{
	return head(rec) != rec->tail;
}

const struct hvstep_record *recorder_next(struct recorder *rec)
{
	static struct hvstep_record record;

	if (!recorder_has(rec))
		vm_fail("no record %llu", rec->tail);
	record = rec->records[rec->tail % rec->ring->nr_records];
	__atomic_store_n(&rec->ring->tail, ++rec->tail, __ATOMIC_RELEASE);
	return &record;
}

int recorder_poll(struct recorder *rec, int ms)
{
	struct pollfd fd = { .fd = rec->fd, .events = POLLIN };

	if (poll(&fd, 1, ms) < 0)
		vm_fail("poll: %s", strerror(errno));
	return fd.revents;
}

const struct hvstep_record *recorder_wait(struct recorder *rec)
{
	int i;

	for (i = 0; i < 60 && !recorder_has(rec); i++)
		recorder_poll(rec, 1000);
	return recorder_next(rec);
}
