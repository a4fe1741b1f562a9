// SPDX-License-Identifier: GPL-2.0
/*
 * Reading a trace file. Nothing in it is believed: it may be cut off, still being
 * written, from a machine of the other byte order, or anything else but a trace.
 *
 * It is read rather than mapped: of a file that becomes shorter meanwhile, or that lies
 * on a disk that fails, only read() tells without a signal.
 */
#include <byteswap.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "memory.h"
#include "trace-file.h"

#define BLOCK_SIZE		(1U << 20)
/* A record is 64 bytes; one that were this large is none. */
#define RECORD_SIZE_MAX		(1U << 16)

static void swap16(__u16 *n)
{
	*n = bswap_16(*n);
}

static void swap32(__u32 *n)
{
	*n = bswap_32(*n);
}

static void swap64(__u64 *n)
{
	*n = bswap_64(*n);
}

static void head_swap(struct hvstep_trace_file *head)
{
	swap64(&head->magic);
	swap64(&head->features);
	swap32(&head->records_offset);
	swap32(&head->record_size);
	swap32(&head->state);
	swap32(&head->host);
	swap64(&head->policy);
	swap32(&head->irq);
	swap32(&head->filter);
	swap64(&head->start);
	swap64(&head->end);
	swap32(&head->nr_vcpus);
	swap32(&head->pid);
	swap64(&head->time);
	swap64(&head->duration);
	swap64(&head->nr_records);
	swap64(&head->dropped);
	swap64(&head->filtered);
	swap32(&head->error);
}

static void record_swap(struct hvstep_record *record)
{
	swap64(&record->seq);
	swap64(&record->nip);
	swap64(&record->msr);
	swap64(&record->next);
	swap64(&record->ea);
	swap32(&record->word);
	swap32(&record->suffix);
	swap16(&record->kind);
	swap16(&record->flags);
	swap32(&record->vcpu);
}

/* As many bytes as there are, up to @size; -1 if they cannot be read. */
static ssize_t read_all(int fd, char *to, size_t size, uint64_t at)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, to + done, size - done, at + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		done += n;
	}
	return done;
}

static bool no_trace(const struct trace_file *file, const char *why)
{
	error("%s: %s", file->name, why);
	return false;
}

static bool head_read(struct trace_file *file)
{
	struct hvstep_trace_file *head = &file->head;
	ssize_t n = read_all(file->fd, (char *)head, sizeof(*head), 0);

	if (n < 0)
		return no_trace(file, strerror(errno));
	if (!n)
		return no_trace(file, "not a trace file: it is empty");
	file->swap = head->magic == bswap_64(HVSTEP_TRACE_MAGIC);
	if (n < (ssize_t)sizeof(head->magic) ||
	    (head->magic != HVSTEP_TRACE_MAGIC && !file->swap))
		return no_trace(file, "not a trace file");
	if (n < (ssize_t)sizeof(*head))
		return no_trace(file, "not a usable trace file: its head is cut off");
	if (file->swap)
		head_swap(head);
	head->release[sizeof(head->release) - 1] = 0;
	head->platform[sizeof(head->platform) - 1] = 0;
	head->vmm[sizeof(head->vmm) - 1] = 0;
	if (head->records_offset < sizeof(*head))
		return no_trace(file, "not a usable trace file: records within its head");
	if (head->record_size < sizeof(struct hvstep_record) ||
	    head->record_size > RECORD_SIZE_MAX)
		return no_trace(file, "not a usable trace file: records of an impossible size");
	return true;
}

/* How many records there are: what the head says counts only where it is complete. */
static void records_count(struct trace_file *file, uint64_t size)
{
	const struct hvstep_trace_file *head = &file->head;
	uint64_t bytes = size > head->records_offset ? size - head->records_offset : 0;

	file->nr_records = bytes / head->record_size;
	if (!(head->state & HVSTEP_TRACE_COMPLETE)) {
		warning("%s: the end of the trace is missing: its writer was killed, or is "
			"still at work", file->name);
	} else if (head->nr_records > file->nr_records) {
		warning("%s: cut off: %" PRIu64 " records of %" PRIu64 " are left", file->name,
			file->nr_records, (uint64_t)head->nr_records);
	} else if (head->nr_records < file->nr_records) {
		warning("%s: more is in the file than the %" PRIu64 " records that it says it "
			"has: not looked at", file->name, (uint64_t)head->nr_records);
		file->nr_records = head->nr_records;
	}
}

bool trace_file_open(struct trace_file *file, const char *name)
{
	struct stat st;

	*file = (struct trace_file){ .name = name };
	file->fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file->fd < 0)
		return no_trace(file, strerror(errno));
	if (fstat(file->fd, &st) != 0) {
		no_trace(file, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		no_trace(file, "not a trace file: not a regular file");
	} else if (head_read(file)) {
		records_count(file, st.st_size);
		file->block = allocate_zeroed(1, BLOCK_SIZE);
		posix_fadvise(file->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
		return true;
	}
	close(file->fd);
	return false;
}

void trace_file_close(struct trace_file *file)
{
	free(file->block);
	close(file->fd);
}

static bool block_read(struct trace_file *file, uint64_t first)
{
	uint32_t size = file->head.record_size;
	uint64_t nr = file->nr_records - first;
	ssize_t n;

	if (nr > BLOCK_SIZE / size)
		nr = BLOCK_SIZE / size;
	n = read_all(file->fd, file->block, nr * size, file->head.records_offset + first * size);
	file->block_first = first;
	file->block_nr = n < 0 ? 0 : n / size;
	if (file->block_nr)
		return true;
	if (!file->failed)
		error("%s: %s", file->name,
		      n < 0 ? strerror(errno) : "it has become shorter while it was read");
	file->failed = true;
	return false;
}

bool trace_file_read(struct trace_file *file, uint64_t nr, struct hvstep_record *record)
{
	if (nr >= file->nr_records)
		return false;
	if (nr - file->block_first >= file->block_nr && !block_read(file, nr))
		return false;
	memcpy(record, file->block + (nr - file->block_first) * file->head.record_size,
	       sizeof(*record));
	if (file->swap)
		record_swap(record);
	return true;
}

/* No step's record: there is no instruction 0 that leads from address 0 to itself. */
bool trace_file_is_hole(const struct trace_file *file, const struct hvstep_record *record)
{
	static const struct hvstep_record nothing;

	return !(file->head.state & HVSTEP_TRACE_COMPLETE) &&
	       !memcmp(record, &nothing, sizeof(nothing));
}
