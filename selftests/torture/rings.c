// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rings.h"

bool ring_open(struct ring *ring, int session, struct world *w, struct random *rnd)
{
	struct hvstep_trace trace = {
		.vcpu = random_below(rnd, w->nr),
		.flags = random_bits(rnd) & (HVSTEP_TRACE_DROP | HVSTEP_TRACE_BRANCHES),
		.nr_records = 16 << random_below(rnd, 7),
		.watermark = 1,
	};
	struct hvstep_ring *head;

	ring->fd = ioctl(session, HVSTEP_TRACE, &trace);
	if (ring->fd < 0) {
		if (errno != EBUSY)
			vm_fail("HVSTEP_TRACE: %s", strerror(errno));
		return false;
	}
	head = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, ring->fd, 0);
	if (head == MAP_FAILED)
		vm_fail("a ring's first page: %s", strerror(errno));
	ring->size = head->size;
	munmap(head, sysconf(_SC_PAGESIZE));
	ring->head = mmap(NULL, ring->size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	if (ring->head == MAP_FAILED)
		vm_fail("a ring: %s", strerror(errno));
	ring->next = 0;
	return true;
}

void ring_read(struct ring *ring)
{
	struct hvstep_ring *head = ring->head;
	const unsigned char *records = (unsigned char *)head + head->records_offset;
	__u64 end = load(&head->head), n;

	for (n = head->tail; n < end; n++) {
		const struct hvstep_record *r = (const struct hvstep_record *)
			(records + n % head->nr_records * head->record_size);

		if (r->vcpu != head->vcpu || r->seq < ring->next)
			vm_fail("record %llu of vcpu %u: vcpu %u, seq %llu, at least %llu expected",
				n, head->vcpu, r->vcpu, r->seq, ring->next);
		ring->next = r->seq + 1;
		count(records);
	}
	store(&head->tail, end);
}

void ring_close(struct ring *ring)
{
	munmap(ring->head, ring->size);
	close(ring->fd);
	ring->fd = -1;
}
