/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_RECORDING_H
#define HVSTEP_RECORDING_H

#include <stdbool.h>
#include <stddef.h>

#include <libhvstep.h>

/* Of a ring: it is little, but it will do. */
#define LEAST_RECORDS	1024

/**
 * struct recording - what is recorded, into which file, and for how long
 * @session:	of the VM
 * @trace:	as for HVSTEP_TRACE, without the vCPU
 * @vcpus:	ids
 * @nr_vcpus:	how many
 * @count:	end once so many steps are made, all vCPUs together; 0: without a limit
 * @seconds:	end after so many; 0: without a limit
 * @any_size:	of rings: @trace's, or what of it can be had
 * @has_until:	end each vCPU's steps when its nip is @until
 * @until:	see there
 * @pidfd:	of the VMM
 * @begin:	called once all is there that it takes: makes the file; false: it cannot, and
 *		has said so, and nothing is recorded
 * @fd:		the file
 * @offset:	of the first record in it
 * @progress:	a line on standard error that is written over and over
 * @steps:	out: made, recorded or not
 * @dropped:	out: not recorded for want of room
 * @filtered:	out: not to be recorded
 * @size:	out: of the file
 * @duration:	out: in nanoseconds
 * @error:	out: an errno that a vCPU's steps ended with
 * @error_vcpu:	out: which one
 * @vmm_gone:	out: the VMM has ended
 * @interrupted: out: by a signal
 * @ended_early: out: all steps have ended before a limit was reached, or elsewhere than at
 *		@until
 * @refused:	out: the module has refused to begin
 * @begun:	out: @begin was called, and has made the file
 * @recorded:	out: records that the kernel has written to the rings
 * @write_error: out: an errno that writing the file has ended with
 */
struct recording {
	const struct hvstep_session *session;
	struct hvstep_trace trace;
	const unsigned int *vcpus;
	size_t nr_vcpus;
	unsigned long long count;
	double seconds;
	bool any_size;
	bool has_until;
	__u64 until;
	int pidfd;
	bool (*begin)(struct recording *rec);
	int fd;
	unsigned long long offset;
	bool progress;

	unsigned long long steps;
	unsigned long long dropped;
	unsigned long long filtered;
	unsigned long long size;
	unsigned long long duration;
	unsigned int error;
	unsigned int error_vcpu;
	bool vmm_gone;
	bool interrupted;
	bool ended_early;
	bool refused;
	bool begun;
	unsigned long long recorded;
	unsigned int write_error;
};

/*
 * SIGINT, SIGTERM and, unless it is ignored, SIGHUP: from here on they end a recording, and
 * nothing else.
 */
void recording_block_signals(void);

/*
 * Records; recording_block_signals() comes before, so that the end gets into the file.
 * False if it could not, which was said; what was recorded is in the file all the same.
 */
bool recording_run(struct recording *rec);

#endif /* HVSTEP_RECORDING_H */
