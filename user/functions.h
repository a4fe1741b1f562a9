/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_FUNCTIONS_H
#define HVSTEP_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "map.h"
#include "symbols.h"

/* Code of which nothing else is known. */
enum { FUNCTION_KERNEL, FUNCTION_USER, FUNCTION_FIRST };

/*
 * Functions by number: the two above, those of the symbols, and those that were found
 * because something has called them.
 */
struct functions {
	const struct symbols *symbols;
	struct entry {
		uint64_t address;
		bool is_user;
	} *entries;
	size_t nr_entries;
	size_t room;
	struct map by_entry;
};

/* As many as there are numbers in use. */
uint32_t functions_nr(const struct functions *functions);
void functions_free(struct functions *functions);

/* The one of the symbols that @address is in, or of which nothing is known. */
uint32_t function_at(const struct functions *functions, uint64_t address, uint64_t msr);
/* The one that begins at @address, which was called. */
uint32_t function_called(struct functions *functions, uint64_t address, uint64_t msr);
/* Whether the start of a function of the symbols is at @address. */
bool function_starts(const struct functions *functions, uint64_t address, uint64_t msr);

bool function_has_symbol(const struct functions *functions, uint32_t function);
bool function_is_user(const struct functions *functions, uint32_t function);
/* Where it begins, or 0. */
uint64_t function_address(const struct functions *functions, uint32_t function);

#define FUNCTION_NAME_SIZE	32
/* Its name; @buffer is for one that has to be made, of FUNCTION_NAME_SIZE. */
const char *function_name(const struct functions *functions, uint32_t function, char *buffer);

#endif /* HVSTEP_FUNCTIONS_H */
