/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest that writes down all that stepping could leak into. Its program takes
 * every interrupt that an instruction can cause, in kernel and in problem state,
 * and logs the registers that it sees, before, in the handler, and after. Two
 * vCPUs of the same id must write the same log, however they are run.
 */
#ifndef WITNESS_H
#define WITNESS_H

#include "step.h"

/*
 * One with EE = 1, summing up the page of vectors at 0, one with EE = 0, summing
 * up the one at 0x4000
 */
#define WITNESS_TURNS	2

struct witness_entry {
	__u64 tag, value;
};

struct witness {
	struct vcpu *v;
	bool vectors;		/* sums up the vectors' pages, too */
	int turns;		/* logged */
	size_t nr[WITNESS_TURNS];
	struct witness_entry *log[WITNESS_TURNS];
	struct snap end;	/* when the last turn was over */
};

/* Handlers and code, for all vCPUs */
void witness_install(struct vm *vm);
/*
 * Put @v at the beginning of its first turn. With @vectors it also sums up the
 * vectors' pages; not where another vCPU steps, whose armed words it would read.
 */
void witness_start(struct witness *w, struct vcpu *v, bool vectors);
/* After the last turn: once more from the first, by setting registers */
void witness_restart(struct witness *w);
void witness_free(struct witness *w);

/*
 * KVM_RUN has returned for the hypercall that ends each turn: keep the log, and
 * have the vCPU go on. Fails the test if it is any other exit.
 */
void witness_turn(struct witness *w, int ret, const char *what);

/* All turns of an unstepped vCPU of the same id, in a VM that is not attached */
void witness_twin(struct witness *twin, const struct vcpu *v, bool vectors);

/* The RA of an instruction of the program, for a breakpoint */
__u64 witness_insn(unsigned int random);

/* Fail, naming the first difference between the logs of that turn */
void witness_compare_turn(const char *what, const struct witness *twin,
			  const struct witness *w, int turn);
/* All turns, the registers and the memory */
void witness_compare(const char *what, const struct witness *twin, const struct witness *w);

#endif /* WITNESS_H */
