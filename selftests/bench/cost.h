/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a call costs, in host instructions where the timebase counts them (an
 * emulated host with icount), in nanoseconds elsewhere: the timebase has 512 MHz,
 * and an emulated processor with icount executes one instruction a nanosecond.
 */
#ifndef COST_H
#define COST_H

#include "step.h"

/* Samples of one figure; what is shown is their median. */
#define NR_SAMPLES	201
/*
 * Run before those: the host maps pages, and restores FP and VMX registers on the first
 * 256 returns to a thread that has used them (restore_math() in process.c).
 */
#define NR_WARM		300

struct cost {
	unsigned long long sample[NR_SAMPLES + NR_WARM];
	unsigned int nr;
	unsigned int divide;	/* steps in each sample, 0 is 1 */
};

static inline unsigned long long timebase(void)
{
	unsigned long long tb;

	asm volatile("mftb %0" : "=r" (tb) : : "memory");
	return tb;
}

/* for_each_sample(&c) { prepare; cost_begin(&c); call; cost_end(&c); } */
#define for_each_sample(c)						\
	for ((c)->nr = 0; (c)->nr < NR_SAMPLES + NR_WARM; )

static inline void cost_begin(struct cost *c)
{
	c->sample[c->nr] = 0 - timebase();
}

static inline void cost_end(struct cost *c)
{
	c->sample[c->nr++] += timebase();
}

/* Print it: "cost NAME INSTRUCTIONS". */
void cost_report(struct cost *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* KVM_RUN, which is to end like this */
void run_expect(struct vcpu *v, __u32 reason);

/* prior-art.c: steps from user space; the VM is attached to nothing. */
void prior_art_cost(struct vcpu *v);

#endif /* COST_H */
