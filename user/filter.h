/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_FILTER_H
#define HVSTEP_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/hvstep.h>

/* What a message lists when a word of a filter is not known. */
#define FILTER_WORDS	"user, kernel, branches, START-END"

/* "START-END", two addresses, the second one behind what is meant */
bool parse_range(const char *text, __u64 *start, __u64 *end);

/* Which steps a ring records: @words, with commas between them; false if one is none. */
bool filter_by_words(const char *words, struct hvstep_trace *trace);

/*
 * The ids in "0,2-4", ascending: allocated, or NULL if it is no such list, or one of more
 * than LIST_MAX.
 */
#define LIST_MAX	4096
unsigned int *parse_list(const char *text, size_t *nr);

#endif /* HVSTEP_FILTER_H */
