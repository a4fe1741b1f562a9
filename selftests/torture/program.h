/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tortured guests do: each vCPU computes a checksum of all that a step could
 * disturb, says so by a hypercall and is started anew.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "step.h"

#define ROUNDS		24
/* Of each vCPU; what is behind it is not looked at */
#define PROGRAM_DATA	0x400

/* What a vCPU has to have come to in the end */
struct outcome {
	struct snap snap;
	unsigned char data[PROGRAM_DATA];
};

/* The handlers, and the program itself, in a new VM */
void program_load(struct vm *vm);
/* Registers and memory of the vCPU as before the first instruction */
void program_start(struct vcpu *v);
/* KVM_RUN has ended with the hypercall that says it is over */
bool program_is_over(const struct vcpu *v);
void program_outcome(struct vcpu *v, struct outcome *o);
/* Names what differs; and says whether anything does */
bool program_differs(const char *what, const struct outcome *expect, const struct outcome *got);
/* What it is in a VM that nobody has ever attached */
void program_untouched(const struct cell *cell, __u32 id, struct outcome *o);

#endif /* PROGRAM_H */
