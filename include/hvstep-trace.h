/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The file that `hvstep trace` writes: this head, and from @records_offset on the records
 * as they came out of the rings (struct hvstep_record of linux/hvstep.h), in pieces of
 * one vCPU each: those of one vCPU are in their order, and @vcpu of each says which it is.
 *
 * All numbers are in the byte order of the host that has written it, which @magic tells:
 * whoever reads HVSTEP_TRACE_MAGIC with its bytes reversed has to reverse all of them.
 * There is no version: what is new gets a bit in @features or in @state, and a field
 * where one is reserved, which is 0 now.
 *
 * The guest's own byte order and mode are those of each record, see its @msr: MSR[LE] is
 * bit 0, MSR[PR] 0x4000, MSR[SF] 1 << 63.
 */
#ifndef HVSTEP_TRACE_H
#define HVSTEP_TRACE_H

#include <linux/types.h>

#define HVSTEP_TRACE_MAGIC	0x4856535445504631ULL	/* "HVSTEPF1" in a big-endian dump */

/*
 * struct hvstep_trace_file.state
 *
 * HVSTEP_TRACE_COMPLETE: the end was written: @duration, @nr_records, @dropped, @filtered
 * and @error are what they say. Without it, the writer was killed: they are 0, and the
 * records go as far as the file does, a last incomplete one not counted. Pieces of several vCPUs
 * are written at once, each to its place: one that was not yet reads as zeros.
 */
#define HVSTEP_TRACE_COMPLETE	(1U << 0)

/**
 * struct hvstep_trace_file - the head of a trace file, 512 bytes
 * @magic:	HVSTEP_TRACE_MAGIC
 * @features:	HVSTEP_FEATURE_* of the module that recorded
 * @records_offset: of the first record in the file, in bytes
 * @record_size: in bytes; what is beyond sizeof(struct hvstep_record) is to be skipped
 * @state:	HVSTEP_TRACE_COMPLETE
 * @host:	HVSTEP_HOST_*
 * @policy:	HVSTEP_POLICY_* that was stepped by
 * @irq:	HVSTEP_IRQ_* likewise
 * @filter:	HVSTEP_TRACE_* of the rings
 * @start:	the first nip that was recorded
 * @end:	the first one above them; 0: wherever
 * @nr_vcpus:	how many vCPUs were recorded
 * @pid:	the VMM's
 * @time:	when it began, in nanoseconds since 1970 (CLOCK_REALTIME)
 * @duration:	how long it took, in nanoseconds (CLOCK_MONOTONIC)
 * @nr_records:	in this file
 * @dropped:	records that are missing: they found no room in a ring (HVSTEP_TRACE_DROP), or
 *		could not be written
 * @filtered:	steps that were not to be recorded
 * @error:	0, or an errno: why a vCPU's steps ended before their time, or why the file
 *		could not be written
 * @pad:	0
 * @release:	the host's kernel, as uname -r has it
 * @platform:	the host's processor, as getauxval(AT_BASE_PLATFORM) has it
 * @vmm:	the VMM's name, as /proc/PID/comm has it
 * @reserved:	0
 *
 * Strings end with a 0.
 */
struct hvstep_trace_file {
	__u64 magic;
	__u64 features;
	__u32 records_offset;
	__u32 record_size;
	__u32 state;
	__u32 host;
	__u64 policy;
	__u32 irq;
	__u32 filter;
	__u64 start;
	__u64 end;
	__u32 nr_vcpus;
	__u32 pid;
	__u64 time;
	__u64 duration;
	__u64 nr_records;
	__u64 dropped;
	__u64 filtered;
	__u32 error;
	__u32 pad;
	char release[64];
	char platform[16];
	char vmm[16];
	__u64 reserved[37];
};

#endif /* HVSTEP_TRACE_H */
