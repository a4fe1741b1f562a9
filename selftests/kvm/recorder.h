/* SPDX-License-Identifier: GPL-2.0 */
/* The reader of a trace ring */
#ifndef RECORDER_H
#define RECORDER_H

#include "step.h"

struct recorder {
	int fd;
	struct hvstep_ring *ring;
	struct hvstep_record *records;
	__u64 size;
	__u64 tail;
};

/* @trace without the vCPU, and a watermark of 1 if there is none */
void recorder_open(struct recorder *rec, struct vcpu *v, struct hvstep_trace trace);
void recorder_close(struct recorder *rec);
bool recorder_has(const struct recorder *rec);
/* There has to be one; it is read with that, and may be overwritten by the next call. */
const struct hvstep_record *recorder_next(struct recorder *rec);
/* Until there is one: bounded wait */
const struct hvstep_record *recorder_wait(struct recorder *rec);
/* What poll() has said after so many milliseconds */
int recorder_poll(struct recorder *rec, int ms);

#endif /* RECORDER_H */
