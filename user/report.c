// SPDX-License-Identifier: GPL-2.0
/* hvstep report: what a trace file has in it, for people and for programs. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "memory.h"
#include "report.h"

#define TOP_DEFAULT		20
#define DEPTH_DEFAULT		64
#define MIN_PERCENT_DEFAULT	0.5

/* Options without a letter. */
enum { OPTION_DEPTH = 0x100, OPTION_MIN_PERCENT, OPTION_TOP, OPTION_VCPU };

static const struct argp_option options[] = {
	{ "depth", OPTION_DEPTH, "N", 0, "Levels of the call tree below the vCPU (64)", 0 },
	{ "format", 'f', "FORMAT", 0, "text (the default), json, perfetto or folded: see below",
	  0 },
	{ "instructions", 'i', "N", OPTION_ARG_OPTIONAL,
	  "In the text: each step disassembled, the first N of each vCPU", 0 },
	{ "kernel-symbols", 'k', "FILE[@ADDR]", 0,
	  "As --symbols, but the code of FILE (a firmware, a kernel that is not Linux) is not "
	  "executed in problem state, wherever it is", 0 },
	{ "min-percent", OPTION_MIN_PERCENT, "P", 0,
	  "Fold what has less of all steps, in the call tree (0.5; 0 for json)", 0 },
	{ "output", 'o', "FILE", 0, "Write to FILE, once all is well", 0 },
	{ "symbols", 's', "FILE[@ADDR]", 0,
	  "Names from the ELF FILE: the guest's vmlinux, or a program; ADDR, in hex, is added to "
	  "its addresses. Can be repeated", 0 },
	{ "top", OPTION_TOP, "N", 0, "Functions in the list of the hottest (20; all for json)", 0 },
	{ "vcpu", OPTION_VCPU, "N,M-O,...", 0, "Only these vCPUs", 0 },
	{ 0 }
};

static const struct report_format *const formats[] = {
	&report_text, &report_json, &report_perfetto, &report_folded,
};

static const struct report_format *format_find(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

/* Sets *@end behind it; false if there is none, or one above @max. */
static bool parse_number(const char *text, uint64_t max, uint64_t *number, const char **end)
{
	char *behind;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &behind, 10);
	*end = behind;
	return !errno && *number <= max;
}

static uint64_t number_option(const char *arg, struct argp_state *state)
{
	uint64_t number = 0;
	const char *end;

	if (!parse_number(arg, UINT64_MAX, &number, &end) || *end)
		argp_error(state, "not a number: %s", arg);
	return number;
}

static double percent_option(const char *arg, struct argp_state *state)
{
	char *end;
	double percent = strtod(arg, &end);

	if (end == arg || *end || !(percent >= 0 && percent <= 100))
		argp_error(state, "not a number from 0 to 100: %s", arg);
	return percent;
}

static bool parse_vcpus(const char *text, struct report_options *o)
{
	for (;; text++) {
		uint64_t first, last;

		if (!parse_number(text, UINT32_MAX, &first, &text))
			return false;
		last = first;
		if (*text == '-' && !parse_number(text + 1, UINT32_MAX, &last, &text))
			return false;
		if (last < first || (*text && *text != ','))
			return false;
		o->vcpus = array_grow(o->vcpus, o->nr_vcpus, &o->vcpus_room, sizeof(*o->vcpus));
		o->vcpus[o->nr_vcpus++] = (struct vcpu_range){ first, last };
		if (!*text)
			return true;
	}
}

/* What the option that was not given is, the format tells. */
static void set_defaults(struct report_options *o)
{
	bool is_json = o->format == &report_json;

	if (!o->has_top)
		o->top = is_json ? UINT64_MAX : TOP_DEFAULT;
	if (!o->has_depth)
		o->depth = DEPTH_DEFAULT;
	if (!o->has_min_percent)
		o->min_percent = is_json ? 0 : MIN_PERCENT_DEFAULT;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct report *report = state->input;
	struct report_options *o = &report->options;

	switch (key) {
	case OPTION_DEPTH:
		o->depth = number_option(arg, state);
		o->has_depth = true;
		return 0;
	case OPTION_MIN_PERCENT:
		o->min_percent = percent_option(arg, state);
		o->has_min_percent = true;
		return 0;
	case OPTION_TOP:
		o->top = number_option(arg, state);
		o->has_top = true;
		return 0;
	case OPTION_VCPU:
		if (!parse_vcpus(arg, o))
			argp_error(state, "not a list of vCPUs: %s", arg);
		return 0;
	case 'f':
		o->format = format_find(arg);
		if (!o->format)
			argp_error(state, "no such format: %s; known: text, json, perfetto, folded",
				   arg);
		return 0;
	case 'i':
		o->lists = true;
		o->list_max = arg ? number_option(arg, state) : UINT64_MAX;
		return 0;
	case 'o':
		o->output = arg;
		return 0;
	case 'k':
	case 's':
		if (!symbols_add(&report->symbols, arg, key == 'k'))
			exit(EXIT_HVSTEP);
		return 0;
	case ARGP_KEY_ARG:
		if (o->file)
			argp_error(state, "not expected: %s", arg);
		o->file = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "the trace file is missing");
		return 0;
	case ARGP_KEY_END:
		if (o->lists && o->format != &report_text)
			argp_error(state, "--instructions is for the text");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "FILE",
	.doc = "Show what is in a trace file: what was executed, how often, and called by what."
	       "\v"
	       "Formats:\n"
	       "  text      a summary, the hottest functions, the call tree\n"
	       "  json      the same as one object: summary, functions (name, address, state,\n"
	       "            self, inclusive, calls) and tree (by vcpu; the same, and children)\n"
	       "  perfetto  the stacks over time, for ui.perfetto.dev and chrome://tracing;\n"
	       "            a step is a microsecond, a vCPU is a thread\n"
	       "  folded    the stacks with their steps, for what draws flame graphs\n"
	       "\n"
	       "Stacks are reconstructed from branches and interrupts: where the guest changes "
	       "its stack, to run another task, they begin anew.\n"
	       "\n"
	       "Exit status: 0, or 1 if FILE is no trace or cannot be read, 125 if hvstep fails.",
};

double report_percent(const struct report *report, uint64_t part)
{
	return report->records ? 100.0 * part / report->records : 0;
}

bool report_shows(const struct report *report, const struct node *node)
{
	return report_percent(report, node->inclusive) >= report->options.min_percent;
}

/* The time is looked at now and then, and shown if somebody sees it and it gets long. */
static void show_progress(struct report *report, uint64_t nr)
{
	struct progress *progress = &report->progress;
	struct timespec now;

	if (!progress->is_wanted || nr % 65536)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec - progress->start.tv_sec < 2)
		return;
	fprintf(stderr, "\rhvstep: %s: %3.0f%%", report->file.name,
		100.0 * nr / report->file.nr_records);
	progress->is_shown = true;
}

static void end_progress(struct report *report)
{
	if (report->progress.is_shown)
		fputs("\r\033[K", stderr);
	report->progress.is_shown = false;
}

static bool is_wanted(const struct report_options *o, uint32_t vcpu)
{
	for (size_t i = 0; i < o->nr_vcpus; i++)
		if (vcpu >= o->vcpus[i].first && vcpu <= o->vcpus[i].last)
			return true;
	return !o->nr_vcpus;
}

bool report_next(struct report *report, uint64_t *nr, struct hvstep_record *record)
{
	bool hole;

	do {
		show_progress(report, *nr);
		if (!trace_file_read(&report->file, (*nr)++, record)) {
			end_progress(report);
			return false;
		}
		hole = trace_file_is_hole(&report->file, record);
		report->holes += hole;
	} while (hole || !is_wanted(&report->options, record->vcpu));
	return true;
}

static void on_enter(void *context, struct calls_vcpu *vcpu, uint32_t function,
		     enum entering how)
{
	struct report *report = context;

	profile_enter(&report->profile, vcpu, function, how);
}

static void on_leave(void *context, struct calls_vcpu *vcpu)
{
	struct report *report = context;

	profile_leave(&report->profile, vcpu);
}

static void on_step(void *context, struct calls_vcpu *vcpu, const struct hvstep_record *record)
{
	struct report *report = context;

	(void)record;
	profile_step(&report->profile, vcpu);
}

static void on_gap(void *context, struct calls_vcpu *vcpu, uint64_t missing)
{
	(void)context;
	(void)vcpu;
	(void)missing;
}

const struct calls_listener report_profiler = {
	.enter = on_enter,
	.leave = on_leave,
	.step = on_step,
	.gap = on_gap,
};

static int by_id(const void *a, const void *b)
{
	const struct calls_vcpu *x = *(const struct calls_vcpu **)a;
	const struct calls_vcpu *y = *(const struct calls_vcpu **)b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static void read_records(struct report *report)
{
	struct calls *calls = &report->calls;
	struct hvstep_record record;
	uint64_t nr = 0;

	report->holes = 0;
	while (!output_failed(&report->output) && report_next(report, &nr, &record)) {
		unsigned int kind = record.kind;

		report->kinds[kind < REPORT_NR_KINDS ? kind : REPORT_NR_KINDS - 1]++;
		report->records++;
		calls_record(calls, &record);
	}
	calls_end(calls);
	profile_end(&report->profile);
	if (calls->nr_vcpus)
		qsort(calls->vcpus, calls->nr_vcpus, sizeof(*calls->vcpus), by_id);
	if (calls->left_out)
		warning("%s: more than %d vCPUs: %" PRIu64 " records are left out",
			report->file.name, CALLS_VCPUS_MAX, calls->left_out);
	if (report->holes)
		warning("%s: %" PRIu64 " records are missing in between: they were being written "
			"when the writer was killed", report->file.name, report->holes);
	if (report->file.nr_records && !report->records && !report->file.failed)
		warning("%s: no record of these vCPUs", report->file.name);
}

static int write_report(struct report *report)
{
	const struct report_format *format = report->options.format;
	bool complete;

	if (!output_open(&report->output, report->options.output))
		return EXIT_HVSTEP;
	if (format->begin)
		format->begin(report);
	read_records(report);
	format->end(report);
	complete = !report->file.failed;
	if (!output_close(&report->output, complete))
		return complete ? EXIT_HVSTEP : 1;
	return 0;
}

static void report_free(struct report *report)
{
	profile_free(&report->profile);
	calls_free(&report->calls);
	functions_free(&report->functions);
	symbols_free(&report->symbols);
	free(report->options.vcpus);
}

int cmd_report(int argc, char **argv)
{
	struct report report = { .options.format = &report_text };
	int status = 1;

	if (argp_parse(&argp, argc, argv, 0, NULL, &report))
		return EXIT_HVSTEP;

	set_defaults(&report.options);
	symbols_ready(&report.symbols);
	report.functions.symbols = &report.symbols;
	profile_init(&report.profile, &report.functions);
	report.calls = (struct calls){
		.functions = &report.functions,
		.listener = report.options.format->listener,
		.context = &report,
	};
	report.progress.is_wanted = isatty(STDERR_FILENO);
	clock_gettime(CLOCK_MONOTONIC, &report.progress.start);
	if (trace_file_open(&report.file, report.options.file)) {
		status = write_report(&report);
		trace_file_close(&report.file);
	}
	report_free(&report);
	return status;
}
