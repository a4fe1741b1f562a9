/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stepping one word after the other twice from the same state: as it comes, and
 * with HVSTEP_POLICY_TRACE_ALL. Whatever a VMM can see must be the same.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include "step.h"

#define NR_VSRS		64
#define AT		0x100			/* the instruction's place in its page */
#define WINDOW		0x1800			/* of user data that accesses stay in */
#define POINTER		(USER_DATA_RA + 0x900)
#define MAX_SPRS	16

struct vsr {
	__u64 d[2];
};

/* All that a VMM can see of the vCPU, but for what it stored */
struct state {
	int ret;
	__u32 exit_reason;
	struct snap s;
	__u64 spr[MAX_SPRS];	/* sweep.c */
	struct vsr vsr[NR_VSRS];
	bool stored;		/* data is other than it was */
};

struct sweep {
	struct vm *vm;
	struct vcpu *v;
	__u64 random;
	int count;
	struct state start, now, emulated, traced;
	unsigned char data[WINDOW], data_emulated[WINDOW];
	unsigned int nr, nr_emulated, nr_different;
	bool privileged;	/* else problem state */
	bool mode_32;
};

/* From HVSTEP_SEED, and so always the same ones */
__u64 next_random(struct sweep *w);
unsigned int pick(struct sweep *w, unsigned int n);

/* Fail if a word made a difference, or fewer than @at_least were emulated. */
void sweep_start(struct sweep *w, struct vm *vm, struct vcpu *v);
void sweep_end(struct sweep *w, unsigned int at_least);
/* FSCR of the state to start from */
void sweep_set_fscr(struct sweep *w, __u64 fscr);

/* Step it both ways; was it emulated? */
bool sweep_word(struct sweep *w, __u32 word, __u32 suffix);

#endif /* SWEEP_H */
