// SPDX-License-Identifier: GPL-2.0
/* Which vCPUs are traced, and which of their steps recorded, as it is said on a command line. */
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "target.h"

/* What is before @separator in @text, and moves @text behind that. */
static bool next_word(const char **text, char separator, char *word, size_t size)
{
	size_t len = strchrnul(*text, separator) - *text;

	if (!len || len >= size)
		return false;
	memcpy(word, *text, len);
	word[len] = 0;
	*text += len + ((*text)[len] == separator);
	return true;
}

bool parse_range(const char *text, __u64 *start, __u64 *end)
{
	unsigned long long from, to;
	char word[32];

	if (!strchr(text, '-') || !next_word(&text, '-', word, sizeof(word)) ||
	    !parse_number(word, &from) || !parse_number(text, &to) || from >= to)
		return false;
	*start = from;
	*end = to;
	return true;
}

bool filter_by_words(const char *words, struct hvstep_trace *trace)
{
	char word[64];

	trace->flags &= HVSTEP_TRACE_DROP;
	trace->start = 0;
	trace->end = 0;
	do {
		if (!next_word(&words, ',', word, sizeof(word)))
			return false;
		if (!strcmp(word, "user"))
			trace->flags |= HVSTEP_TRACE_NO_KERNEL;
		else if (!strcmp(word, "kernel"))
			trace->flags |= HVSTEP_TRACE_NO_USER;
		else if (!strcmp(word, "branches"))
			trace->flags |= HVSTEP_TRACE_BRANCHES;
		else if (trace->end || !parse_range(word, &trace->start, &trace->end))
			return false;
	} while (*words);
	/* Nothing is neither. */
	return (trace->flags & (HVSTEP_TRACE_NO_KERNEL | HVSTEP_TRACE_NO_USER)) !=
	       (HVSTEP_TRACE_NO_KERNEL | HVSTEP_TRACE_NO_USER);
}

static bool parse_part(const char *part, unsigned long long *first, unsigned long long *last)
{
	char word[32];

	if (!strchr(part, '-')) {
		if (!parse_number(part, first))
			return false;
		*last = *first;
		return true;
	}
	return next_word(&part, '-', word, sizeof(word)) && parse_number(word, first) &&
	       parse_number(part, last) && *first <= *last;
}

static int by_value(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return (x > y) - (x < y);
}

unsigned int *parse_list(const char *text, size_t *nr)
{
	unsigned int *list = calloc(LIST_MAX, sizeof(*list));
	unsigned long long first, last;
	size_t n = 0, i, kept = 0;
	char part[64];

	if (!list)
		return NULL;
	do {
		if (!next_word(&text, ',', part, sizeof(part)) || !parse_part(part, &first, &last))
			goto err;
		for (; first <= last; first++) {
			if (n == LIST_MAX || first > HVSTEP_VCPU_ALL - 1)
				goto err;
			list[n++] = first;
		}
	} while (*text);
	qsort(list, n, sizeof(*list), by_value);
	for (i = 0; i < n; i++)
		if (!kept || list[i] != list[kept - 1])
			list[kept++] = list[i];
	*nr = kept;
	return list;

err:
	free(list);
	return NULL;
}
