// SPDX-License-Identifier: GPL-2.0
/* Functions, with and without a symbol. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "functions.h"
#include "memory.h"

/* More than a program has: it is a file that is no trace. */
#define ENTRIES_MAX	(1U << 20)

/* Numbers, in this order: the unknown ones, the kernel's symbols, the user's, the entries. */
static uint32_t first_user(const struct functions *functions)
{
	return FUNCTION_FIRST + functions->symbols->kernel.nr;
}

static uint32_t first_entry(const struct functions *functions)
{
	return first_user(functions) + functions->symbols->user.nr;
}

static const struct symbol *symbol_of(const struct functions *functions, uint32_t function)
{
	if (function < FUNCTION_FIRST || function >= first_entry(functions))
		return NULL;
	if (function >= first_user(functions))
		return &functions->symbols->user.symbols[function - first_user(functions)];
	return &functions->symbols->kernel.symbols[function - FUNCTION_FIRST];
}

static const struct entry *entry_of(const struct functions *functions, uint32_t function)
{
	if (function < first_entry(functions))
		return NULL;
	return &functions->entries[function - first_entry(functions)];
}

static uint32_t unknown(uint64_t msr)
{
	return msr & MSR_PR ? FUNCTION_USER : FUNCTION_KERNEL;
}

uint32_t functions_nr(const struct functions *functions)
{
	return first_entry(functions) + functions->nr_entries;
}

void functions_free(struct functions *functions)
{
	free(functions->entries);
	map_free(&functions->by_entry);
}

uint32_t function_at(const struct functions *functions, uint64_t address, uint64_t msr)
{
	const struct symbols *symbols = functions->symbols;
	const struct symbol *symbol;
	uint64_t offset;

	symbol = symbols_find(symbols, address, msr, &offset);
	if (!symbol)
		return unknown(msr);
	if (msr & MSR_PR)
		return first_user(functions) + (symbol - symbols->user.symbols);
	return FUNCTION_FIRST + (symbol - symbols->kernel.symbols);
}

uint32_t function_called(struct functions *functions, uint64_t address, uint64_t msr)
{
	uint32_t function = function_at(functions, address, msr);
	bool is_user = msr & MSR_PR;

	if (function >= FUNCTION_FIRST)
		return function;
	function = map_find(&functions->by_entry, address, is_user);
	if (function != MAP_NONE)
		return first_entry(functions) + function;
	if (functions->nr_entries == ENTRIES_MAX)
		return unknown(msr);
	functions->entries = array_grow(functions->entries, functions->nr_entries,
					&functions->room, sizeof(*functions->entries));
	functions->entries[functions->nr_entries] = (struct entry){ address, is_user };
	map_add(&functions->by_entry, address, is_user, functions->nr_entries);
	return first_entry(functions) + functions->nr_entries++;
}

bool function_starts(const struct functions *functions, uint64_t address, uint64_t msr)
{
	const struct symbol *symbol;
	uint64_t offset;

	symbol = symbols_find(functions->symbols, address, msr, &offset);
	return symbol && symbol_is_entry(symbol, offset);
}

bool function_has_symbol(const struct functions *functions, uint32_t function)
{
	return function >= FUNCTION_FIRST && function < first_entry(functions);
}

bool function_is_user(const struct functions *functions, uint32_t function)
{
	const struct entry *entry = entry_of(functions, function);

	if (entry)
		return entry->is_user;
	return function == FUNCTION_USER ||
	       (function >= FUNCTION_FIRST && function >= first_user(functions));
}

uint64_t function_address(const struct functions *functions, uint32_t function)
{
	const struct symbol *symbol = symbol_of(functions, function);
	const struct entry *entry = entry_of(functions, function);

	return symbol ? symbol->start : entry ? entry->address : 0;
}

const char *function_name(const struct functions *functions, uint32_t function, char *buffer)
{
	const struct symbol *symbol = symbol_of(functions, function);
	const struct entry *entry = entry_of(functions, function);

	if (symbol)
		return symbol->name;
	if (!entry)
		return function == FUNCTION_USER ? "[user]" : "[kernel]";
	snprintf(buffer, FUNCTION_NAME_SIZE, "[0x%" PRIx64 "]", entry->address);
	return buffer;
}
