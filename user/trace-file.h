/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_TRACE_FILE_H
#define HVSTEP_TRACE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <hvstep-trace.h>
#include <linux/hvstep.h>

/* A trace file that is read, of whatever byte order. */
struct trace_file {
	const char *name;
	int fd;
	bool swap;			/* the host's byte order is not this machine's */
	bool failed;			/* it could not be read to its end, which was said */
	struct hvstep_trace_file head;	/* in this machine's order */
	uint64_t nr_records;		/* complete ones, that are there */
	char *block;			/* some of the records */
	uint64_t block_first;
	uint64_t block_nr;
};

/* Says why if it is none. What is odd about it, but not in the way, is a warning. */
bool trace_file_open(struct trace_file *file, const char *name);
void trace_file_close(struct trace_file *file);

/*
 * Record @nr, in this machine's byte order. False behind the last one, or if it cannot be
 * read (@failed). It is fastest one after the other.
 */
bool trace_file_read(struct trace_file *file, uint64_t nr, struct hvstep_record *record);

/* Whether it is none: of a writer that was killed, what was not written yet reads as zeros. */
bool trace_file_is_hole(const struct trace_file *file, const struct hvstep_record *record);

#endif /* HVSTEP_TRACE_FILE_H */
