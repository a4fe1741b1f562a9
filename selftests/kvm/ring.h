/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A loop that touches all the ways of stepping, for tests that step it very
 * often: where a step ends depends on where it began, and on nothing else.
 */
#ifndef RING_H
#define RING_H

#include "step.h"

/* Bytes of code, and the addi that counts the turns in r14 */
#define RING_SIZE	(4 * RING_INSNS)
#define RING_INSNS	12

/* Put it at @ra and start there; its data is at DATA_RA + 0x1000 * id. */
void ring_start(struct vcpu *v, __u64 ra);
__u64 ring_next(const struct vm *vm, __u64 ra, __u64 pc);
/* The data and the counts agree with each other and with where pc is. */
void ring_check(struct vcpu *v, __u64 ra);

/*
 * One step, tolerating -EINTR, where nothing may have changed. Returns how
 * often it came.
 */
int ring_step(struct vcpu *v, __u64 ra);

#endif /* RING_H */
