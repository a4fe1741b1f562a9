/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_SYMBOLS_H
#define HVSTEP_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSR_SF		(1ULL << 63)
#define MSR_PR		0x4000ULL
#define MSR_IR		0x20ULL

/* Where Linux has its real memory mapped. */
#define KERNEL_BASE	0xc000000000000000ULL

/* C++ has long ones; what is longer is no name of anything. */
#define SYMBOL_NAME_MAX	4095

/* A function, or a label that code follows. */
struct symbol {
	const char *name;
	uint64_t start;
	uint64_t end;		/* the first address behind it */
	uint64_t limit;		/* how far it can reach if it has no size */
	uint32_t local_entry;	/* ELFv2: how far behind @start its local entry point is */
	uint32_t rank;		/* of two at one address, the higher is taken */
};

struct symbol_table {
	struct symbol *symbols;	/* by their start */
	uint64_t *reach;	/* of each: the highest end up to it */
	size_t nr;
	size_t room;
};

/* What code of the kernel, and of its programs, is called. All zero: nothing. */
struct symbols {
	struct symbol_table kernel;
	struct symbol_table user;
};

/*
 * The functions of the ELF file that @spec names, FILE or FILE@ADDR, ADDR to be added to
 * its addresses. It is a kernel's if any of them is at KERNEL_BASE or above, if it is a
 * kernel module (then ADDR is where its .text is), or if @is_kernel says so. False, with
 * a message, if they cannot be read. symbols_ready() comes behind the last one.
 */
bool symbols_add(struct symbols *symbols, const char *spec, bool is_kernel);
void symbols_ready(struct symbols *symbols);
void symbols_free(struct symbols *symbols);

/*
 * What is at @address, or NULL; *@offset is how far behind its start. @msr tells whether
 * it is code of the kernel's or a program's, and whether it is executed in real mode.
 */
const struct symbol *symbols_find(const struct symbols *symbols, uint64_t address, uint64_t msr,
				  uint64_t *offset);

/* Whether a call of @symbol can lead that far behind its start. */
static inline bool symbol_is_entry(const struct symbol *symbol, uint64_t offset)
{
	return !offset || offset == symbol->local_entry;
}

#endif /* HVSTEP_SYMBOLS_H */
