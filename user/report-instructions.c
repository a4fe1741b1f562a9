// SPDX-License-Identifier: GPL-2.0
/* hvstep report --instructions: each step on a line, one vCPU after the other. */
#include <inttypes.h>
#include <string.h>

#include "disassembly.h"
#include "instruction.h"
#include "json.h"
#include "report.h"

/* By their first letters: those that have led to a handler are to be seen. */
static char kind_letter(const struct hvstep_record *record)
{
	static const char letters[] = "etdmFR";

	return record->kind < strlen(letters) ? letters[record->kind] : '?';
}

static void print_place(const struct report *report, const struct hvstep_record *record,
			FILE *out)
{
	uint64_t nip = record->nip & address_mask(record->msr), offset;
	const struct symbol *symbol = symbols_find(&report->symbols, nip, record->msr, &offset);
	char text[24];
	int width;

	if (!symbol) {
		fprintf(out, "%-32s", record->msr & MSR_PR ? "[user]" : "[kernel]");
		return;
	}
	snprintf(text, sizeof(text), "+0x%" PRIx64, offset);
	plain_string(out, symbol->name);
	width = 32 - (int)strnlen(symbol->name, 32);
	fprintf(out, "%-*s", width, text);
}

static void print_record(const struct report *report, const struct hvstep_record *record,
			 FILE *out)
{
	uint64_t nip = record->nip & address_mask(record->msr);
	char text[128] = "(not read)";

	fprintf(out, "%12" PRIu64 " %5" PRIu32 " %c %016" PRIx64 " ", (uint64_t)record->seq,
		record->vcpu, kind_letter(record), nip);
	print_place(report, record, out);
	if (!(record->flags & HVSTEP_RECORD_NO_WORD))
		disassemble(record->word, record->suffix, nip, text, sizeof(text));
	fprintf(out, " %08" PRIx32 " %s", record->word, text);
	if (record->flags & HVSTEP_RECORD_EA)
		fprintf(out, "  ; ea 0x%" PRIx64, (uint64_t)record->ea);
	if (record_flow(record) == FLOW_INTERRUPT)
		fprintf(out, "  ; handler 0x%" PRIx64, (uint64_t)record->next);
	fputc('\n', out);
}

/* What is between two lines, if anything is. */
static void print_between(const struct hvstep_record *last, const struct hvstep_record *record,
			  FILE *out)
{
	uint64_t missing = record->seq - last->seq - 1;
	uint64_t mask = address_mask(record->msr), expected = last->next & mask;

	if (record->seq <= last->seq)
		fputs("             ... recorded anew\n", out);
	else if (missing)
		fprintf(out, "             ... %" PRIu64 " steps are not there\n", missing);
	else if (expected == (record->nip & mask))
		return;
	else if (is_vector(record->nip & mask) && !(record->msr & MSR_PR))
		fprintf(out, "             ... interrupt at 0x%" PRIx64 "\n", expected);
	else
		fputs("             ... goes on elsewhere\n", out);
}

static void print_vcpu(struct report *report, uint32_t vcpu)
{
	uint64_t left = report->options.list_max;
	struct hvstep_record record, last = { 0 };
	FILE *out = report->output.stream;
	bool is_first = true;
	uint64_t nr = 0;

	while (left && !output_failed(&report->output) && report_next(report, &nr, &record)) {
		if (record.vcpu != vcpu)
			continue;
		if (!is_first)
			print_between(&last, &record, out);
		print_record(report, &record, out);
		is_first = false;
		last = record;
		left--;
	}
}

void report_instructions(struct report *report)
{
	FILE *out = report->output.stream;

	fputs("\nInstructions (e: emulated, t: traced, d: displaced, m: moved, F: ended at a handler, "
	      "R: reflected)\n", out);
	for (size_t i = 0; i < report->calls.nr_vcpus; i++) {
		fprintf(out, "\n%12s %5s   %-16s %-32s %-8s\n", "seq", "vCPU", "nip", "function",
			"word");
		print_vcpu(report, report->calls.vcpus[i]->id);
	}
}
