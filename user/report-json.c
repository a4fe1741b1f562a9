// SPDX-License-Identifier: GPL-2.0
/*
 * hvstep report --format json: one object. Addresses are strings in hex, the rest of the
 * numbers are numbers; what there will be more of gets new keys.
 *
 *	summary: what the file says of itself and what was found in it:
 *		file, complete, byte_order ("big", "little"), vmm, pid,
 *		host: { release, platform, kvm_hv, isa, radix, nested },
 *		time (ISO 8601), time_ns, duration_ns, steps_per_second (null: unknown),
 *		records, looked_at (those of the vCPUs that were asked for), dropped,
 *		filtered, gaps, missing (steps in gaps), interrupts, restarts (of a stack),
 *		error (an errno of the host, or 0), kinds: { emulated, traced, displaced,
 *		moved, fault, reflected, other }, policy: [names],
 *		filter: { flags: [names], start, end },
 *		vcpus: [{ id, records, first_seq, last_seq, gaps, missing, interrupts, restarts }]
 *	functions: [{ name, address (null: unknown code), state ("kernel", "user"), self,
 *		inclusive, calls }], the largest self first
 *	tree: [{ vcpu, self, inclusive, folded, children }], and in children the same with
 *		name, address, state and calls instead of vcpu, the largest inclusive first;
 *		folded is how many children are not shown
 */
#include <inttypes.h>

#include "json.h"
#include "bits.h"
#include "report.h"

static const char *json_bool(bool value)
{
	return value ? "true" : "false";
}

static void print_host(const struct hvstep_trace_file *head, FILE *out)
{
	fputs(",\"host\":{\"release\":", out);
	json_string(out, head->release);
	fputs(",\"platform\":", out);
	json_string(out, head->platform);
	fprintf(out, ",\"kvm_hv\":%s,\"isa\":\"%s\",\"radix\":%s,\"nested\":%s}",
		json_bool(head->host & HVSTEP_HOST_KVM_HV), bits_isa(head->host),
		json_bool(head->host & HVSTEP_HOST_RADIX),
		json_bool(head->host & HVSTEP_HOST_NESTED));
}

static void print_when(const struct hvstep_trace_file *head, FILE *out)
{
	double steps = (double)head->nr_records + head->dropped + head->filtered;
	char when[32];

	summary_time(head, when, sizeof(when));
	fprintf(out, ",\"time\":\"%s\",\"time_ns\":%" PRIu64 ",\"duration_ns\":%" PRIu64, when,
		(uint64_t)head->time, (uint64_t)head->duration);
	if (head->duration)
		fprintf(out, ",\"steps_per_second\":%.0f", steps / (head->duration / 1e9));
	else
		fputs(",\"steps_per_second\":null", out);
}

static void print_how(const struct hvstep_trace_file *head, FILE *out)
{
	fputs(",\"policy\":[", out);
	summary_print_policy(out, head, "\"", ",");
	fputs("],\"filter\":{\"flags\":[", out);
	summary_print_filter(out, head, "\"", ",");
	fprintf(out, "],\"start\":\"0x%" PRIx64 "\",\"end\":\"0x%" PRIx64 "\"}",
		(uint64_t)head->start, (uint64_t)head->end);
}

static void print_vcpus(const struct calls *calls, FILE *out)
{
	fputs(",\"vcpus\":[", out);
	for (size_t i = 0; i < calls->nr_vcpus; i++) {
		const struct calls_vcpu *vcpu = calls->vcpus[i];

		fprintf(out, "%s{\"id\":%" PRIu32 ",\"records\":%" PRIu64 ",\"first_seq\":%" PRIu64
			",\"last_seq\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"missing\":%" PRIu64
			",\"interrupts\":%" PRIu64 ",\"restarts\":%" PRIu64 "}", i ? "," : "",
			vcpu->id, vcpu->records, vcpu->first_seq, (uint64_t)vcpu->last.seq,
			vcpu->gaps, vcpu->missing, vcpu->interrupts, vcpu->restarts);
	}
	fputc(']', out);
}

static void print_counts(const struct report *report, FILE *out)
{
	const struct hvstep_trace_file *head = &report->file.head;
	struct summary sum = summary_of(&report->calls);

	fprintf(out, ",\"records\":%" PRIu64 ",\"looked_at\":%" PRIu64 ",\"dropped\":%" PRIu64
		",\"filtered\":%" PRIu64, report->file.nr_records, report->records,
		(uint64_t)head->dropped, (uint64_t)head->filtered);
	fprintf(out, ",\"gaps\":%" PRIu64 ",\"missing\":%" PRIu64 ",\"interrupts\":%" PRIu64
		",\"restarts\":%" PRIu64 ",\"error\":%" PRIu32 ",\"kinds\":{", sum.gaps,
		sum.missing, sum.interrupts, sum.restarts, head->error);
	for (unsigned int i = 0; i < REPORT_NR_KINDS; i++)
		fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "", summary_kind(i),
			report->kinds[i]);
	fputc('}', out);
}

static void print_summary(const struct report *report, FILE *out)
{
	const struct hvstep_trace_file *head = &report->file.head;

	fputs("\"summary\":{\"file\":", out);
	json_string(out, report->file.name);
	fprintf(out, ",\"complete\":%s,\"byte_order\":\"%s\",\"vmm\":",
		json_bool(head->state & HVSTEP_TRACE_COMPLETE),
		summary_is_big_endian(&report->file) ? "big" : "little");
	json_string(out, head->vmm);
	fprintf(out, ",\"pid\":%" PRIu32, head->pid);
	print_host(head, out);
	print_when(head, out);
	print_counts(report, out);
	print_how(head, out);
	print_vcpus(&report->calls, out);
	fputc('}', out);
}

/* What a function is called and where it is: the beginning of an object. */
static void print_function(const struct functions *functions, uint32_t function, FILE *out)
{
	uint64_t address = function_address(functions, function);
	char name[FUNCTION_NAME_SIZE];

	fputs("{\"name\":", out);
	json_string(out, function_name(functions, function, name));
	if (address)
		fprintf(out, ",\"address\":\"0x%" PRIx64 "\"", address);
	else
		fputs(",\"address\":null", out);
	fprintf(out, ",\"state\":\"%s\"",
		function_is_user(functions, function) ? "user" : "kernel");
}

static void print_functions(const struct report *report, FILE *out)
{
	const struct profile *profile = &report->profile;

	fputs(",\n\"functions\":[", out);
	for (uint64_t i = 0; i < profile->nr_uses && i < report->options.top; i++) {
		const struct function_use *use = &profile->uses[i];

		fputs(i ? ",\n" : "\n", out);
		print_function(&report->functions, use->function, out);
		fprintf(out, ",\"self\":%" PRIu64 ",\"inclusive\":%" PRIu64 ",\"calls\":%" PRIu64
			"}", use->self, use->inclusive, use->calls);
	}
	fputc(']', out);
}

static void print_children(const struct report *report, const struct node *parent,
			   unsigned int level, FILE *out)
{
	const struct node *nodes = report->profile.nodes;
	const char *before = "\n";

	for (uint32_t nr = parent->child; nr; nr = nodes[nr].sibling) {
		const struct node *node = &nodes[nr];
		uint64_t folded = 0;

		if (level > report->options.depth || !report_shows(report, node))
			continue;
		fputs(before, out);
		before = ",\n";
		if (node->parent) {
			print_function(&report->functions, node->function, out);
			fprintf(out, ",\"calls\":%" PRIu64, node->calls);
		} else {
			fprintf(out, "{\"vcpu\":%" PRIu32, node->function);
		}
		for (uint32_t child = node->child; child; child = nodes[child].sibling)
			folded += level >= report->options.depth ||
				  !report_shows(report, &nodes[child]);
		fprintf(out, ",\"self\":%" PRIu64 ",\"inclusive\":%" PRIu64 ",\"folded\":%" PRIu64
			",\"children\":[", node->self, node->inclusive, folded);
		print_children(report, node, level + 1, out);
		fputs("]}", out);
	}
}

static void json_end(struct report *report)
{
	FILE *out = report->output.stream;

	fputc('{', out);
	print_summary(report, out);
	print_functions(report, out);
	fputs(",\n\"tree\":[", out);
	print_children(report, &report->profile.nodes[0], 0, out);
	fputs("]}\n", out);
}

const struct report_format report_json = {
	.name = "json",
	.listener = &report_profiler,
	.end = json_end,
};
