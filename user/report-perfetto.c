// SPDX-License-Identifier: GPL-2.0
/*
 * hvstep report --format perfetto: the stack over time, in the Trace Event Format of
 * Chrome, for ui.perfetto.dev and chrome://tracing. The time is the number of the step,
 * one microsecond each.
 */
#include <inttypes.h>

#include "json.h"
#include "report.h"

/* Viewers take thread 0 for the idle one. */
static uint64_t tid(const struct calls_vcpu *vcpu)
{
	return (uint64_t)vcpu->id + 1;
}

/* The beginning of an event. */
static FILE *event(struct report *report, const char *type)
{
	FILE *out = report->output.stream;
	uint32_t pid = report->file.head.pid;

	fprintf(out, "%s{\"ph\":\"%s\",\"pid\":%" PRIu32, report->events++ ? ",\n" : "\n", type,
		pid ? pid : 1);
	return out;
}

static void name_vcpu(struct report *report, struct calls_vcpu *vcpu)
{
	FILE *out = event(report, "M");

	fprintf(out, ",\"tid\":%" PRIu64 ",\"name\":\"thread_name\",\"args\":{\"name\":"
		"\"vCPU %" PRIu32 "\"}}", tid(vcpu), vcpu->id);
	vcpu->node = 1;
}

static void enter(void *context, struct calls_vcpu *vcpu, uint32_t function, enum entering how)
{
	struct report *report = context;
	char name[FUNCTION_NAME_SIZE];
	FILE *out;

	if (!vcpu->node)
		name_vcpu(report, vcpu);
	out = event(report, "B");
	fprintf(out, ",\"tid\":%" PRIu64 ",\"ts\":%" PRIu64 ",\"cat\":\"%s%s\",\"name\":",
		tid(vcpu), vcpu->here,
		function_is_user(&report->functions, function) ? "user" : "kernel",
		how == ENTER_INTERRUPT ? ",interrupt" : "");
	json_string(out, function_name(&report->functions, function, name));
	fputc('}', out);
}

static void leave(void *context, struct calls_vcpu *vcpu)
{
	FILE *out = event(context, "E");

	fprintf(out, ",\"tid\":%" PRIu64 ",\"ts\":%" PRIu64 "}", tid(vcpu), vcpu->here);
}

static void step(void *context, struct calls_vcpu *vcpu, const struct hvstep_record *record)
{
	(void)context;
	(void)vcpu;
	(void)record;
}

static void gap(void *context, struct calls_vcpu *vcpu, uint64_t missing)
{
	FILE *out = event(context, "i");

	fprintf(out, ",\"tid\":%" PRIu64 ",\"ts\":%" PRIu64 ",\"s\":\"t\",\"name\":\"gap\","
		"\"args\":{\"missing\":%" PRIu64 "}}", tid(vcpu), vcpu->here, missing);
}

static const struct calls_listener listener = {
	.enter = enter,
	.leave = leave,
	.step = step,
	.gap = gap,
};

static void perfetto_begin(struct report *report)
{
	FILE *out = report->output.stream;

	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", out);
	event(report, "M");
	fputs(",\"name\":\"process_name\",\"args\":{\"name\":", out);
	json_string(out, report->file.head.vmm);
	fputs("}}", out);
}

static void perfetto_end(struct report *report)
{
	fputs("]}\n", report->output.stream);
}

const struct report_format report_perfetto = {
	.name = "perfetto",
	.listener = &listener,
	.begin = perfetto_begin,
	.end = perfetto_end,
};
