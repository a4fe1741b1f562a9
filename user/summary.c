// SPDX-License-Identifier: GPL-2.0
/* What the head of a trace file says, in words, and what all vCPUs have in common. */
#include <string.h>

#include "bits.h"
#include "report.h"

static const char *const kinds[REPORT_NR_KINDS] = {
	[HVSTEP_KIND_EMULATED] = "emulated",
	[HVSTEP_KIND_TRACED] = "traced",
	[HVSTEP_KIND_DISPLACED] = "displaced",
	[HVSTEP_KIND_MOVED] = "moved",
	[HVSTEP_KIND_FAULT] = "fault",
	[HVSTEP_KIND_REFLECTED] = "reflected",
	[REPORT_NR_KINDS - 1] = "other",
};

static const struct bit_name filters[] = {
	{ HVSTEP_TRACE_DROP, "drop" },
	{ HVSTEP_TRACE_NO_KERNEL, "no-kernel" },
	{ HVSTEP_TRACE_NO_USER, "no-user" },
	{ HVSTEP_TRACE_BRANCHES, "branches" },
	{ 0 }
};

const char *summary_kind(unsigned int kind)
{
	return kinds[kind < REPORT_NR_KINDS ? kind : REPORT_NR_KINDS - 1];
}

void summary_print_policy(FILE *out, const struct hvstep_trace_file *head, const char *quote,
			  const char *separator)
{
	const char *before = bits_print(out, head->policy, policy_names, quote, separator);

	if (head->irq == HVSTEP_IRQ_DELIVER)
		fprintf(out, "%s%sdeliver%s", before, quote, quote);
}

void summary_print_filter(FILE *out, const struct hvstep_trace_file *head, const char *quote,
			  const char *separator)
{
	bits_print(out, head->filter, filters, quote, separator);
}

void summary_time(const struct hvstep_trace_file *head, char *text, size_t size)
{
	time_t seconds = head->time / 1000000000;
	struct tm tm = { 0 };

	gmtime_r(&seconds, &tm);
	strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

bool summary_is_big_endian(const struct trace_file *file)
{
	return file->swap == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
}

struct summary summary_of(const struct calls *calls)
{
	struct summary sum = { 0 };

	for (size_t i = 0; i < calls->nr_vcpus; i++) {
		const struct calls_vcpu *vcpu = calls->vcpus[i];

		sum.gaps += vcpu->gaps;
		sum.missing += vcpu->missing;
		sum.interrupts += vcpu->interrupts;
		sum.restarts += vcpu->restarts;
	}
	return sum;
}
