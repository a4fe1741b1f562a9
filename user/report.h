/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_REPORT_H
#define HVSTEP_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "calls.h"
#include "functions.h"
#include "output.h"
#include "profile.h"
#include "symbols.h"
#include "trace-file.h"

struct vcpu_range {
	uint32_t first, last;
};

struct report_options {
	const struct report_format *format;
	const char *file;
	const char *output;		/* NULL: standard output */
	struct vcpu_range *vcpus;	/* none: all */
	size_t nr_vcpus;
	size_t vcpus_room;
	uint64_t top;			/* functions to show */
	uint64_t depth;			/* levels of the tree to show */
	double min_percent;		/* what is below that is folded */
	bool has_top, has_depth, has_min_percent;
	bool lists;			/* the instructions */
	uint64_t list_max;		/* of each vCPU */
};

/* Kinds of step that have a name, and one for all others. */
#define REPORT_NR_KINDS		7

struct progress {
	bool is_wanted, is_shown;
	struct timespec start;
};

struct report {
	struct report_options options;
	struct trace_file file;
	struct symbols symbols;
	struct functions functions;
	struct calls calls;
	struct profile profile;		/* of formats that listen by it */
	struct output output;
	struct progress progress;
	uint64_t kinds[REPORT_NR_KINDS];
	uint64_t records;		/* that were looked at */
	uint64_t holes;			/* where there is none, see trace_file_is_hole() */
	size_t events;			/* that were written, report-perfetto.c */
};

struct report_format {
	const char *name;
	/* Told by every record, the context is the report; then there is @end. */
	const struct calls_listener *listener;
	void (*begin)(struct report *report);
	void (*end)(struct report *report);
};

extern const struct report_format report_text, report_json, report_perfetto, report_folded;
/* Makes a profile. */
extern const struct calls_listener report_profiler;

/* The next record of the vCPUs that are wanted, from *@nr on, which becomes that behind it. */
bool report_next(struct report *report, uint64_t *nr, struct hvstep_record *record);
/* The listing, a part of the text. */
void report_instructions(struct report *report);

/* How much of all records @part is. */
double report_percent(const struct report *report, uint64_t part);
/* Whether a node of the tree is to be shown by itself. */
bool report_shows(const struct report *report, const struct node *node);

/* In words, names with a space between them, as summary.c has them. */
const char *summary_kind(unsigned int kind);
void summary_print_policy(FILE *out, const struct hvstep_trace_file *head, const char *quote,
			  const char *separator);
void summary_print_filter(FILE *out, const struct hvstep_trace_file *head, const char *quote,
			  const char *separator);
/* ISO 8601, UTC; @size of 32 is enough. */
void summary_time(const struct hvstep_trace_file *head, char *text, size_t size);
bool summary_is_big_endian(const struct trace_file *file);

/* Of all vCPUs together. */
struct summary {
	uint64_t gaps, missing, interrupts, restarts;
};

struct summary summary_of(const struct calls *calls);

#endif /* HVSTEP_REPORT_H */
