// SPDX-License-Identifier: GPL-2.0
/* hvstep report --format text */
#include <inttypes.h>
#include <string.h>

#include "json.h"
#include "bits.h"
#include "report.h"

static void print_host(const struct report *report, FILE *out)
{
	const struct hvstep_trace_file *head = &report->file.head;

	fputs("host:         ", out);
	plain_string(out, *head->platform ? head->platform : "unknown processor");
	fprintf(out, " (ISA %s, %s MMU%s, %s-endian), Linux ", bits_isa(head->host),
		head->host & HVSTEP_HOST_RADIX ? "radix" : "hash",
		head->host & HVSTEP_HOST_NESTED ? ", itself a guest" : "",
		summary_is_big_endian(&report->file) ? "big" : "little");
	plain_string(out, *head->release ? head->release : "of an unknown release");
}

static void print_duration(const struct hvstep_trace_file *head, FILE *out)
{
	double seconds = head->duration / 1e9;
	double steps = (double)head->nr_records + head->dropped + head->filtered;

	if (!(head->state & HVSTEP_TRACE_COMPLETE)) {
		fputs("unknown: the end of the trace is missing", out);
		return;
	}
	fprintf(out, "%.3f s", seconds);
	if (head->duration)
		fprintf(out, ", %.0f steps/s", steps / seconds);
}

static void print_how(const struct hvstep_trace_file *head, FILE *out)
{
	fputs("\npolicy:       ", out);
	if (head->policy || head->irq == HVSTEP_IRQ_DELIVER)
		summary_print_policy(out, head, "", " ");
	else
		fputs("default", out);
	fputs("\nfilter:       ", out);
	if (head->filter)
		summary_print_filter(out, head, "", " ");
	else
		fputs("none", out);
	if (head->start || head->end)
		fprintf(out, ", from 0x%" PRIx64 " up to 0x%" PRIx64, (uint64_t)head->start,
			(uint64_t)head->end);
	if (head->error)
		fprintf(out, "\nended early:  %s", strerror(head->error));
}

static void print_counts(const struct report *report, FILE *out)
{
	const struct hvstep_trace_file *head = &report->file.head;
	struct summary sum = summary_of(&report->calls);

	fprintf(out, "\nrecords:      %" PRIu64, report->file.nr_records);
	if (report->records != report->file.nr_records)
		fprintf(out, ", %" PRIu64 " of them looked at", report->records);
	fprintf(out, "\nnot recorded: %" PRIu64 " dropped, %" PRIu64 " filtered\n",
		(uint64_t)head->dropped, (uint64_t)head->filtered);
	fprintf(out, "gaps:         %" PRIu64 ", %" PRIu64 " steps in them\n", sum.gaps,
		sum.missing);
	fprintf(out, "interrupts:   %" PRIu64 ", system calls included\n", sum.interrupts);
	fprintf(out, "new stacks:   %" PRIu64 "\n", sum.restarts);
	fputs("kinds:       ", out);
	for (unsigned int i = 0; i < REPORT_NR_KINDS; i++)
		if (report->kinds[i])
			fprintf(out, " %s %" PRIu64, summary_kind(i), report->kinds[i]);
	fputc('\n', out);
}

static void print_vcpus(const struct report *report, FILE *out)
{
	const struct calls *calls = &report->calls;

	if (!calls->nr_vcpus)
		return;
	fprintf(out, "\n%10s %12s %12s %10s %12s %10s %10s\n", "vCPU", "records", "first seq",
		"gaps", "missing", "interrupts", "new stacks");
	for (size_t i = 0; i < calls->nr_vcpus; i++) {
		const struct calls_vcpu *vcpu = calls->vcpus[i];

		fprintf(out, "%10" PRIu32 " %12" PRIu64 " %12" PRIu64 " %10" PRIu64 " %12" PRIu64
			" %10" PRIu64 " %10" PRIu64 "\n", vcpu->id, vcpu->records,
			vcpu->first_seq, vcpu->gaps, vcpu->missing, vcpu->interrupts,
			vcpu->restarts);
	}
}

static void print_summary(const struct report *report, FILE *out)
{
	const struct hvstep_trace_file *head = &report->file.head;
	char when[32];

	summary_time(head, when, sizeof(when));
	fputs("trace:        ", out);
	plain_string(out, report->file.name);
	fputs("\nVMM:          ", out);
	plain_string(out, head->vmm);
	fprintf(out, ", pid %" PRIu32 ", %" PRIu32 " vCPUs recorded\n", head->pid, head->nr_vcpus);
	print_host(report, out);
	fprintf(out, "\nwhen:         %s\nduration:     ", when);
	print_duration(head, out);
	print_how(head, out);
	print_counts(report, out);
	print_vcpus(report, out);
}

static void print_functions(const struct report *report, FILE *out)
{
	const struct profile *profile = &report->profile;
	uint64_t nr = profile->nr_uses;
	char name[FUNCTION_NAME_SIZE];

	if (nr > report->options.top)
		nr = report->options.top;
	fprintf(out, "\nHottest functions (%" PRIu64 " of %zu)\n\n", nr, profile->nr_uses);
	fprintf(out, "%8s %12s %12s %10s  %s\n", "self", "self", "inclusive", "calls",
		"function");
	for (uint64_t i = 0; i < nr; i++) {
		const struct function_use *use = &profile->uses[i];

		fprintf(out, "%7.2f%% %12" PRIu64 " %12" PRIu64 " %10" PRIu64 "  ",
			report_percent(report, use->self), use->self, use->inclusive, use->calls);
		plain_string(out, function_name(profile->functions, use->function, name));
		fputc('\n', out);
	}
}

static void print_node_name(const struct report *report, const struct node *node, FILE *out)
{
	char name[FUNCTION_NAME_SIZE];

	if (node->parent)
		plain_string(out, node_name(&report->profile, node, name));
	else
		fprintf(out, "vCPU %" PRIu32, node->function);
}

static void print_children(const struct report *report, const struct node *parent,
			   unsigned int level, FILE *out)
{
	const struct node *nodes = report->profile.nodes;
	uint64_t hidden = 0, hidden_steps = 0;

	for (uint32_t nr = parent->child; nr; nr = nodes[nr].sibling) {
		const struct node *node = &nodes[nr];

		if (level > report->options.depth || !report_shows(report, node)) {
			hidden++;
			hidden_steps += node->inclusive;
			continue;
		}
		fprintf(out, "%7.2f%% %12" PRIu64 " %12" PRIu64 "  %*s",
			report_percent(report, node->inclusive), node->inclusive, node->self,
			(int)level * 2, "");
		print_node_name(report, node, out);
		fputc('\n', out);
		print_children(report, node, level + 1, out);
	}
	if (hidden)
		fprintf(out, "%7.2f%% %12" PRIu64 " %12s  %*s(%" PRIu64 " more)\n",
			report_percent(report, hidden_steps), hidden_steps, "", (int)level * 2, "",
			hidden);
}

static void print_tree(const struct report *report, FILE *out)
{
	fprintf(out, "\nCalls\n\n%8s %12s %12s  %s\n", "incl.", "inclusive", "self", "function");
	print_children(report, &report->profile.nodes[0], 0, out);
	if (report->profile.folded)
		fprintf(out, "\n%" PRIu64 " calls had no room in the tree: their steps are their "
			"callers'.\n", report->profile.folded);
}

static void text_end(struct report *report)
{
	FILE *out = report->output.stream;

	print_summary(report, out);
	if (report->records) {
		print_functions(report, out);
		print_tree(report, out);
	}
	if (report->options.lists)
		report_instructions(report);
}

const struct report_format report_text = {
	.name = "text",
	.listener = &report_profiler,
	.end = text_end,
};
