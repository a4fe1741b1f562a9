/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_DISASSEMBLY_H
#define HVSTEP_DISASSEMBLY_H

#include <stddef.h>
#include <stdint.h>

/* The high 6 bits of a prefix. */
static inline int is_prefix(uint32_t word)
{
	return word >> 26 == 1;
}

/*
 * The instruction in words; one that the disassembler does not know as ".long". @suffix
 * is the second word where @word is a prefix. @nip is where branches count from.
 */
void disassemble(uint32_t word, uint32_t suffix, uint64_t nip, char *text, size_t size);

#endif /* HVSTEP_DISASSEMBLY_H */
