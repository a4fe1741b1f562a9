/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The file that tcg-reference writes and follow.so reads: what a guest does under
 * TCG, instruction by instruction, as seen through QEMU's gdbstub.
 *
 * All numbers are little-endian 64-bit ones. The magic, then a record for the
 * state before the first instruction and one for that after each instruction:
 * a mask of the fields that have changed since the record before (all of them in
 * the first), and their values, lowest bit first.
 */
#ifndef ORACLE_REFERENCE_H
#define ORACLE_REFERENCE_H

#include <stdbool.h>
#include <stdio.h>
#include <linux/types.h>

#define REFERENCE_MAGIC		0x314c43524f505653ULL

enum reference_field {
	REF_GPR0 = 0,
	REF_NIP = 32,
	REF_MSR,
	REF_CR,
	REF_LR,
	REF_CTR,
	REF_XER,
	REF_NR_REGS,		/* of the guest; then */
	REF_INSN = REF_NR_REGS,	/* the word at nip, register order */
	REF_NR_FIELDS,
};

struct reference {
	FILE *file;
	__u64 now[REF_NR_FIELDS];
	__u64 before[REF_NR_FIELDS];	/* one instruction ago */
	unsigned long steps;		/* from the first record to @now */
};

/* Returns what is wrong, or NULL and the first record. */
const char *reference_open(struct reference *ref, const char *path);
/* The next record; false at the end. */
bool reference_next(struct reference *ref);

/* "nip", "r13", ... */
const char *reference_name(unsigned int field);

#endif /* ORACLE_REFERENCE_H */
