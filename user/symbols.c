// SPDX-License-Identifier: GPL-2.0
/* Symbols in order, and what is at an address. */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "symbols.h"

/* How many functions that others lie within are looked at. */
#define NESTED_MAX	16

static int by_start(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank > y->rank ? -1 : 1;
	return strcmp(x->name, y->name);
}

/*
 * One name for each address, and no label within a function that has a size: those are
 * places in it. What has no size reaches to the next.
 */
static void table_ready(struct symbol_table *table)
{
	uint64_t function_end = 0;
	size_t nr = 0;

	if (!table->nr)
		return;
	qsort(table->symbols, table->nr, sizeof(*table->symbols), by_start);
	for (size_t i = 0; i < table->nr; i++) {
		struct symbol *symbol = &table->symbols[i];
		bool has_size = symbol->end > symbol->start;

		if ((nr && table->symbols[nr - 1].start == symbol->start) ||
		    (!has_size && symbol->start < function_end)) {
			free((char *)symbol->name);
			continue;
		}
		if (has_size && symbol->end > function_end)
			function_end = symbol->end;
		table->symbols[nr++] = *symbol;
	}
	table->nr = nr;
	table->reach = allocate_zeroed(nr, sizeof(*table->reach));
	for (size_t i = 0; i < nr; i++) {
		struct symbol *symbol = &table->symbols[i];

		if (symbol->end <= symbol->start) {
			symbol->end = symbol->limit;
			if (i + 1 < nr && table->symbols[i + 1].start < symbol->end)
				symbol->end = table->symbols[i + 1].start;
		}
		table->reach[i] = symbol->end;
		if (i && table->reach[i - 1] > symbol->end)
			table->reach[i] = table->reach[i - 1];
	}
}

void symbols_ready(struct symbols *symbols)
{
	table_ready(&symbols->kernel);
	table_ready(&symbols->user);
}

static void table_free(struct symbol_table *table)
{
	for (size_t i = 0; i < table->nr; i++)
		free((char *)table->symbols[i].name);
	free(table->symbols);
	free(table->reach);
}

void symbols_free(struct symbols *symbols)
{
	table_free(&symbols->kernel);
	table_free(&symbols->user);
	*symbols = (struct symbols){ 0 };
}

static const struct symbol *table_find(const struct symbol_table *table, uint64_t address)
{
	size_t low = 0, high = table->nr;

	/* The first one that starts behind it. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->symbols[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t n = 0; low && n < NESTED_MAX && table->reach[low - 1] > address; n++, low--)
		if (table->symbols[low - 1].end > address)
			return &table->symbols[low - 1];
	return NULL;
}

const struct symbol *symbols_find(const struct symbols *symbols, uint64_t address, uint64_t msr,
				  uint64_t *offset)
{
	const struct symbol_table *table = msr & MSR_PR ? &symbols->user : &symbols->kernel;
	const struct symbol *symbol = table_find(table, address);

	if (!symbol && !(msr & (MSR_PR | MSR_IR))) {
		address |= KERNEL_BASE;
		symbol = table_find(table, address);
	}
	if (symbol)
		*offset = address - symbol->start;
	return symbol;
}
