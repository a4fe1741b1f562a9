/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_INSTRUCTION_H
#define HVSTEP_INSTRUCTION_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/hvstep.h>

/* What an instruction means for the stack of calls. */
enum flow {
	FLOW_NEXT,		/* nothing */
	FLOW_CALL,		/* a branch that leaves where to come back to in LR */
	FLOW_RETURN,		/* a branch to LR */
	FLOW_JUMP,		/* another branch */
	FLOW_INTERRUPT,		/* the step has ended at a handler of the guest's */
	FLOW_RFI,		/* back from a handler, or to another state */
};

/* Branches that were not taken are FLOW_NEXT. */
enum flow record_flow(const struct hvstep_record *record);

/* In 32-bit mode the low half of an address is all of it. */
uint64_t address_mask(uint64_t msr);
/* Where the code goes on behind the instruction. */
uint64_t record_behind(const struct hvstep_record *record);
/* Whether interrupts lead there, as far as the address tells. */
bool is_vector(uint64_t address);

#endif /* HVSTEP_INSTRUCTION_H */
