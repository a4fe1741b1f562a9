// SPDX-License-Identifier: GPL-2.0
/* hvstep step: a few instructions of a guest that runs, each shown. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "disassembly.h"
#include "filter.h"
#include "report.h"
#include "signals.h"
#include "target.h"

/* Of the ring: the vCPU waits for what is printed. */
#define RECORDS		4096
/* When to say that it is the vCPU that does not run */
#define PATIENCE_MS	3000
#define POLL_MS		200

struct step {
	struct target target;
	struct hvstep_step step;
	bool json;
	bool shared;		/* somebody else has the VM's session, too */
};

struct reading {
	const struct step *args;
	struct hvstep_session *session;
	struct hvstep_reader *reader;
	unsigned long long shown;
	bool arrived;		/* outside of the range */
	unsigned int error;
	bool vmm_gone;
};

static volatile sig_atomic_t caught;

static const struct argp_option options[] = {
	{ "vcpu", 'c', "N", 0, "The vCPU (default: 0)", 0 },
	{ "count", 'n', "N", 0, "Make N steps (default: 1); with --range or --until, no more", 0 },
	{ "range", 'R', "START-END", 0, "Step until the next instruction is outside of it", 0 },
	{ "until", 'u', "ADDR", 0, "Step until the next instruction is that at ADDR", 0 },
	{ "json", 'j', NULL, 0, "Each step as one JSON object a line", 0 },
	{ 0 }
};

static unsigned long long number(struct argp_state *state, const char *arg)
{
	unsigned long long n = 0;

	if (!parse_number(arg, &n))
		argp_error(state, "no number: %s", arg);
	return n;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct step *args = state->input;
	struct hvstep_step *step = &args->step;
	unsigned long long n;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->target;
		state->child_inputs[1] = &args->target;
		return 0;
	case 'c':
		n = number(state, arg);
		if (n >= HVSTEP_VCPU_ALL)
			argp_error(state, "no vCPU has the number %s", arg);
		step->vcpu = n;
		return 0;
	case 'n':
		step->count = number(state, arg);
		if (!step->count || step->count > INT64_MAX)
			argp_error(state, "--count takes 1 or more");
		return 0;
	case 'R':
		step->mode = HVSTEP_STEP_RANGE;
		if (!parse_range(arg, &step->start, &step->end))
			argp_error(state, "no range: %s", arg);
		return 0;
	case 'u':
		step->mode = HVSTEP_STEP_RANGE;
		step->end = parse_address(state, arg);
		/* All but this instruction: see linux/hvstep.h. */
		step->start = step->end + 4;
		return 0;
	case 'j':
		args->json = true;
		return 0;
	case ARGP_KEY_END:
		if (step->mode == HVSTEP_STEP_COUNT && !step->count)
			step->count = 1;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.children = target_children,
	.args_doc = "PID",
	.doc = "Step a vCPU of the VMM PID, which needs no preparation, and show each instruction: its "
	       "number, address, MSR, word and what that is."
	       "\v"
	       "Exit status: 0 if the steps were made, 1 if not all of them, 125 if hvstep fails.",
};

static void show_text(const struct hvstep_record *r)
{
	char text[128] = "(cannot be read)";

	if (!(r->flags & HVSTEP_RECORD_NO_WORD))
		disassemble(r->word, r->suffix, r->nip, text, sizeof(text));
	printf("%6" PRIu64 "  %016" PRIx64 "  msr %016" PRIx64 "  ", (uint64_t)r->seq,
	       (uint64_t)r->nip, (uint64_t)r->msr);
	if (r->suffix)
		printf("%08x %08x  %s", r->word, r->suffix, text);
	else
		printf("%08x  %s", r->word, text);
	if (r->flags & HVSTEP_RECORD_EA)
		printf("  [%016" PRIx64 "]", (uint64_t)r->ea);
	if (r->kind == HVSTEP_KIND_FAULT)
		printf("  -> %" PRIx64, (uint64_t)r->next);
	putchar('\n');
}

static void show_json(const struct hvstep_record *r)
{
	printf("{\"seq\":%" PRIu64 ",\"vcpu\":%u,\"nip\":\"0x%" PRIx64 "\",\"msr\":\"0x%" PRIx64
	       "\",\"word\":\"0x%08x\",\"suffix\":\"0x%08x\",\"next\":\"0x%" PRIx64
	       "\",\"kind\":\"%s\"", (uint64_t)r->seq, r->vcpu, (uint64_t)r->nip,
	       (uint64_t)r->msr, r->word, r->suffix, (uint64_t)r->next, summary_kind(r->kind));
	if (r->flags & HVSTEP_RECORD_EA)
		printf(",\"ea\":\"0x%" PRIx64 "\"", (uint64_t)r->ea);
	puts("}");
}

/* As the module looks at it, behind each step */
static bool is_outside(const struct hvstep_step *step, uint64_t nip)
{
	return step->mode == HVSTEP_STEP_RANGE &&
	       nip - step->start >= step->end - step->start;
}

/* As much as is there in one piece: others are looked at in between. */
static void show(struct reading *reading)
{
	const struct hvstep_record *records;
	size_t nr, i;

	nr = hvstep_reader_peek(reading->reader, &records);
	for (i = 0; i < nr && !caught; i++) {
		if (reading->args->json)
			show_json(&records[i]);
		else
			show_text(&records[i]);
		reading->arrived |= is_outside(&reading->args->step, records[i].next);
	}
	fflush(stdout);
	reading->shown += i;
	hvstep_reader_consume(reading->reader, i);
}

static void cancel(struct reading *reading)
{
	struct hvstep_step step = {
		.vcpu = reading->args->step.vcpu,
		.mode = HVSTEP_STEP_CANCEL, .flags = HVSTEP_STEP_NOW,
	};

	hvstep_step(reading->session, &step);
}

/* Until all are made, or somebody does not want to see more. */
static void read_all(struct reading *reading, int pidfd)
{
	struct pollfd fds[] = {
		{ .fd = hvstep_reader_fd(reading->reader), .events = POLLIN },
		{ .fd = pidfd, .events = POLLIN },
	};
	const struct hvstep_record *rest;
	int patience = PATIENCE_MS;

	while (!hvstep_reader_is_done(reading->reader) && !ferror(stdout) && !caught) {
		/* Not for long: a signal may come just before. */
		if (poll(fds, 2, POLL_MS) == 0 && !reading->shown && patience > 0) {
			patience -= POLL_MS;
			if (patience <= 0)
				warning("vCPU %u does not run: is the guest stopped? (Ctrl-C gives "
					"up)", reading->args->step.vcpu);
		}
		show(reading);
		if (fds[1].revents && !hvstep_reader_peek(reading->reader, &rest)) {
			reading->vmm_gone = true;
			break;
		}
	}
	/* Before they are ended by us */
	reading->error = hvstep_reader_ring(reading->reader)->error;
}

static void catch(int sig)
{
	caught = sig;
}

/* Without SA_RESTART: a write to who does not read us any more is to end. */
static void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = catch };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	if (!signal_is_ignored(SIGHUP))
		sigaction(SIGHUP, &sa, NULL);
	signals_spare_output();
}

static int result(const struct reading *reading)
{
	const struct hvstep_step *step = &reading->args->step;

	if (caught)
		return 1;
	if (ferror(stdout)) {
		error("cannot write");
		return EXIT_HVSTEP;
	}
	if (reading->vmm_gone) {
		error("the VMM has ended");
		return 1;
	}
	if (reading->error) {
		error("vCPU %u cannot be stepped any further, and runs on: %s", step->vcpu,
		      strerror(reading->error));
		return 1;
	}
	if (!reading->arrived && (!step->count || reading->shown < step->count)) {
		error("after %llu steps they were ended by somebody else, or at a breakpoint",
		      reading->shown);
		return 1;
	}
	return 0;
}

static int step(const struct step *args, struct hvstep_session *session, int pidfd)
{
	struct hvstep_trace trace = {
		.vcpu = args->step.vcpu, .nr_records = RECORDS, .watermark = 1,
	};
	struct reading reading = { .args = args, .session = session };
	struct hvstep_policy before;
	int ret, status;

	ret = hvstep_trace(session, &trace, &reading.reader);
	if (ret) {
		if (ret == -ENOENT)
			error("the VM has no vCPU %u", trace.vcpu);
		else if (ret == -EBUSY)
			error("vCPU %u is being traced", trace.vcpu);
		else
			error("cannot trace vCPU %u: %s", trace.vcpu, strerror(-ret));
		return 1;
	}
	catch_signals();
	ret = target_set_policy(&args->target, session, args->shared, &before) ?
	      hvstep_step(session, &args->step) : -ECANCELED;
	if (!ret) {
		read_all(&reading, pidfd);
		/* What is asked for by now is somebody else's. */
		if (!hvstep_reader_is_done(reading.reader))
			cancel(&reading);
		status = result(&reading);
	} else {
		error("cannot step: %s", strerror(-ret));
		status = EXIT_HVSTEP;
	}
	hvstep_set_policy(session, &before);
	hvstep_reader_close(reading.reader);
	return status;
}

int cmd_step(int argc, char **argv)
{
	/*
	 * The VMM sees nothing of it: one that has not asked for steps itself takes the
	 * KVM_EXIT_DEBUG for the guest's own affair (QEMU injects a program interrupt).
	 */
	struct step args = {
		.step.mode = HVSTEP_STEP_COUNT,
		.step.flags = HVSTEP_STEP_NOW | HVSTEP_STEP_THEN_RUN,
	};
	struct hvstep_session *session;
	int pidfd, status;

	if (argp_parse(&argp, argc, argv, 0, NULL, &args))
		return EXIT_HVSTEP;
	pidfd = target_pidfd(&args.target);
	if (pidfd < 0 || !target_claim(&args.target))
		return 1;
	session = target_attach(&args.target, &args.shared);
	if (!session)
		return 1;
	status = step(&args, session, pidfd);
	hvstep_detach(session);
	return status;
}
