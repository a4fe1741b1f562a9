// SPDX-License-Identifier: GPL-2.0
/* libhvstep: reading a trace ring. */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "session.h"

struct hvstep_reader {
	int fd;
	struct hvstep_ring *ring;
	const struct hvstep_record *records;
	size_t size;
	__u64 nr;
	__u64 tail;
};

static struct hvstep_ring *map(int fd, size_t size)
{
	void *ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return ring == MAP_FAILED ? NULL : ring;
}

/* How large it is, its first page says. */
static int reader_map(struct hvstep_reader *reader)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct hvstep_ring *ring = map(reader->fd, page);

	if (!ring)
		return -errno;
	reader->size = ring->size;
	munmap(ring, page);
	reader->ring = map(reader->fd, reader->size);
	if (!reader->ring)
		return -errno;
	ring = reader->ring;
	if (ring->magic != HVSTEP_RING_MAGIC || ring->record_size != sizeof(*reader->records)) {
		munmap(ring, reader->size);
		return -EPROTO;
	}
	reader->records = (void *)((char *)ring + ring->records_offset);
	reader->nr = ring->nr_records;
	return 0;
}

int hvstep_trace(const struct hvstep_session *session, const struct hvstep_trace *trace,
		 struct hvstep_reader **reader)
{
	struct hvstep_reader *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return -ENOMEM;
	r->fd = ioctl(session->fd, HVSTEP_TRACE, trace);
	if (r->fd < 0) {
		ret = -errno;
		goto err_free;
	}
	ret = reader_map(r);
	if (ret)
		goto err_close;
	*reader = r;
	return 0;

err_close:
	close(r->fd);
err_free:
	free(r);
	return ret;
}

void hvstep_reader_close(struct hvstep_reader *reader)
{
	if (!reader)
		return;
	munmap(reader->ring, reader->size);
	close(reader->fd);
	free(reader);
}

int hvstep_reader_fd(const struct hvstep_reader *reader)
{
	return reader->fd;
}

const struct hvstep_ring *hvstep_reader_ring(const struct hvstep_reader *reader)
{
	return reader->ring;
}

static __u64 available(const struct hvstep_reader *reader)
{
	/* Pairs with the kernel's release: the records below it are written. */
	return __atomic_load_n(&reader->ring->head, __ATOMIC_ACQUIRE) - reader->tail;
}

size_t hvstep_reader_peek(const struct hvstep_reader *reader, const struct hvstep_record **records)
{
	__u64 at = reader->tail & (reader->nr - 1), nr = available(reader);

	*records = reader->records + at;
	return nr < reader->nr - at ? nr : reader->nr - at;
}

void hvstep_reader_consume(struct hvstep_reader *reader, size_t nr)
{
	reader->tail += nr;
	/* After the last look at them. */
	__atomic_store_n(&reader->ring->tail, reader->tail, __ATOMIC_RELEASE);
}

bool hvstep_reader_is_done(const struct hvstep_reader *reader)
{
	/* In this order: the state changes after the last record. */
	__u32 state = __atomic_load_n(&reader->ring->state, __ATOMIC_ACQUIRE);

	return !(state & HVSTEP_RING_ACTIVE) && !available(reader);
}
