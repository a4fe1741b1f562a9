// SPDX-License-Identifier: GPL-2.0
/*
 * Is a trace one of a guest that ran as it should? Numbers without a gap, each nip one
 * that the instruction before can have led to, and, with --reference, each as it was
 * under TCG. Written from the Power ISA and the headers, and not from the module's code.
 */
#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hvstep-trace.h>
#include <linux/hvstep.h>

#include "../oracle/reference.h"

#define MAX_VCPUS	64
#define MSR_SF		(1ULL << 63)
#define MSR_PR		0x4000ULL
/* A sequence that is one step: linux/hvstep.h, HVSTEP_POLICY_ATOMIC */
#define SEQUENCE_MAX	(16 * 4)

struct args {
	const char *file;
	const char *reference;
	unsigned long long records;
	unsigned int vcpus;
	bool gaps;
	bool full;
};

static const struct argp_option options[] = {
	{ "reference", 'r', "FILE", 0, "What tcg-reference has written, for one vCPU", 0 },
	{ "records", 'n', "N", 0, "There must be that many, at least", 0 },
	{ "vcpus", 'c', "N", 0, "Of so many vCPUs", 0 },
	{ "gaps", 'g', NULL, 0, "Numbers may be missing: lost, or filtered", 0 },
	{ "full", 'f', NULL, 0, "The disk became full, and the head says so", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case 'r':
		args->reference = arg;
		return 0;
	case 'n':
		args->records = strtoull(arg, NULL, 0);
		return 0;
	case 'c':
		args->vcpus = strtoul(arg, NULL, 0);
		return 0;
	case 'g':
		args->gaps = true;
		return 0;
	case 'f':
		args->full = true;
		return 0;
	case ARGP_KEY_ARG:
		args->file = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options, .parser = parse, .args_doc = "FILE",
	.doc = "Verify a trace file. Exit status: 0 if it is sound, 1 if not.",
};

static unsigned int opcode(__u32 word)
{
	return word >> 26;
}

static unsigned int xo(__u32 word)
{
	return word >> 1 & 0x3ff;
}

static __u64 in_mode(__u64 address, __u64 msr)
{
	return msr & MSR_SF ? address : address & 0xffffffff;
}

static bool is_larx(__u32 word)
{
	switch (xo(word)) {
	case 20:	/* lwarx */
	case 52:	/* lbarx */
	case 84:	/* ldarx */
	case 116:	/* lharx */
	case 276:	/* lqarx */
		return opcode(word) == 31;
	}
	return false;
}

/* The handlers of all interrupts, wherever AIL puts them; and those of scv */
static bool is_handler(__u64 nip)
{
	__u64 offset = nip & 0x1ffff;

	if (nip >= 0xc000000000000000ULL) {
		if (offset >= 0x3000 && offset < 0x4000)
			return !(offset & 0x1f);
		offset = nip - 0xc000000000004000ULL;
	} else if (nip >= 0x17000 && nip < 0x18000) {
		return !(nip & 0x1f);
	} else if (nip >= 0x18000 && nip < 0x20000) {
		offset = nip - 0x18000;
	} else {
		offset = nip;
	}
	return offset >= 0x100 && offset < 0x2000 && !(offset & 0x1f);
}

static bool goes_on(const struct hvstep_record *r)
{
	return r->next == in_mode(r->nip + (r->suffix ? 8 : 4), r->msr);
}

/* sc and scv go to a handler, whatever is behind them; sc 1 does not. */
static bool always_leads(__u32 word)
{
	return opcode(word) == 18 || (opcode(word) == 17 && !(word & 0xfe0));
}

static bool may_lead(const struct hvstep_record *r)
{
	__s64 offset;
	bool link_only;

	if (r->kind == HVSTEP_KIND_FAULT)
		return is_handler(r->next);
	if (r->kind == HVSTEP_KIND_REFLECTED)
		return is_handler(r->next) && (r->next & 0xfff) == 0x700;
	if (goes_on(r) && !always_leads(r->word))
		return true;
	switch (opcode(r->word)) {
	case 16:
		offset = (__s16)(r->word & 0xfffc);
		return r->next == in_mode((r->word & 2 ? 0 : r->nip) + offset, r->msr);
	case 17:
		/* sc 1 is KVM's to answer; H_CEDE and others can end elsewhere, but not here. */
		return is_handler(r->next);
	case 18:
		offset = (__s32)((r->word & 0x03fffffc) << 6) >> 6;
		return r->next == in_mode((r->word & 2 ? 0 : r->nip) + offset, r->msr);
	case 19:
		link_only = xo(r->word) == 16 || xo(r->word) == 528 || xo(r->word) == 560;
		/* bclr, bcctr, bctar; rfid, rfscv, rfebb, hrfid: where registers say */
		return !(r->next & 3) &&
		       (link_only || xo(r->word) == 18 || xo(r->word) == 82 ||
			xo(r->word) == 146 || xo(r->word) == 274);
	}
	/* One step up to its store conditional, or out of it by its branch */
	return is_larx(r->word) && ((r->next > r->nip && r->next <= r->nip + SEQUENCE_MAX) ||
				    r->next - r->nip + 0x8000 < 0x10000);
}

/* None of those that were not to be recorded */
static bool is_filtered(const struct hvstep_trace_file *head, const struct hvstep_record *r)
{
	bool user = r->msr & MSR_PR;

	return (head->filter & HVSTEP_TRACE_NO_KERNEL && !user) ||
	       (head->filter & HVSTEP_TRACE_NO_USER && user) ||
	       (head->filter & HVSTEP_TRACE_BRANCHES && goes_on(r) &&
		r->kind != HVSTEP_KIND_FAULT) ||
	       (head->end && (r->nip < head->start || r->nip >= head->end));
}

struct vcpu {
	bool seen;
	unsigned long long records;
	struct hvstep_record last;
};

static void show(const char *what, const struct hvstep_record *r)
{
	printf("# %s: seq %llu vcpu %u nip %llx msr %llx word %08x %08x kind %u next %llx\n", what,
	       (unsigned long long)r->seq, r->vcpu, (unsigned long long)r->nip,
	       (unsigned long long)r->msr, r->word, r->suffix, r->kind,
	       (unsigned long long)r->next);
}

static bool check(const struct args *args, const struct hvstep_trace_file *head,
		  struct vcpu *v, const struct hvstep_record *r)
{
	const char *wrong = NULL;

	if (!v->seen && r->seq && !args->gaps)
		wrong = "does not begin with 0";
	else if (v->seen && r->seq != v->last.seq + 1 && !(args->gaps && r->seq > v->last.seq))
		wrong = "a gap";
	else if (v->seen && r->seq == v->last.seq + 1 && r->nip != v->last.next)
		wrong = "not where the one before has led to";
	else if (!may_lead(r))
		wrong = "leads to where it cannot";
	else if (is_filtered(head, r))
		wrong = "not to be recorded";
	else if (r->kind > HVSTEP_KIND_REFLECTED || r->reserved ||
		 r->flags & ~(HVSTEP_RECORD_EA | HVSTEP_RECORD_NO_WORD))
		wrong = "no kind, flag or field that there is";
	if (wrong) {
		if (v->seen)
			show("before", &v->last);
		show(wrong, r);
	}
	v->seen = true;
	v->records++;
	v->last = *r;
	return !wrong;
}

static bool same_as(struct reference *ref, const struct hvstep_record *r)
{
	__u64 nip = ref->now[REF_NIP], msr = ref->now[REF_MSR], word = ref->now[REF_INSN];
	unsigned int steps = 0;

	if (r->nip != nip || r->msr != msr || (!(r->flags & HVSTEP_RECORD_NO_WORD) &&
					       r->kind != HVSTEP_KIND_FAULT && r->word != word)) {
		show("not as under TCG", r);
		printf("# TCG: step %lu nip %llx msr %llx word %08llx\n", ref->steps, nip, msr,
		       word);
		return false;
	}
	/* What is one step of ours can be several of TCG's. */
	do {
		if (!reference_next(ref)) {
			printf("# the reference has no more than %lu steps\n", ref->steps);
			return false;
		}
	} while (is_larx(r->word) && r->next != ref->now[REF_NIP] && ++steps < SEQUENCE_MAX / 4);
	if (r->next != ref->now[REF_NIP]) {
		show("not as under TCG", r);
		printf("# TCG: goes to %llx\n", ref->now[REF_NIP]);
		return false;
	}
	return true;
}

static bool read_head(FILE *file, struct hvstep_trace_file *head)
{
	if (fread(head, sizeof(*head), 1, file) != 1 || head->magic != HVSTEP_TRACE_MAGIC) {
		printf("# no trace file\n");
		return false;
	}
	if (!(head->state & HVSTEP_TRACE_COMPLETE)) {
		printf("# not complete\n");
		return false;
	}
	if (head->record_size != sizeof(struct hvstep_record)) {
		printf("# records of %u bytes\n", head->record_size);
		return false;
	}
	return !fseek(file, head->records_offset, SEEK_SET);
}

static bool verify(const struct args *args, FILE *file)
{
	static struct vcpu vcpus[MAX_VCPUS];
	unsigned long long records = 0, steps = 0;
	struct hvstep_trace_file head;
	struct reference ref;
	struct hvstep_record r;
	unsigned int i, seen = 0;
	const char *why;

	if (!read_head(file, &head))
		return false;
	why = args->reference ? reference_open(&ref, args->reference) : NULL;
	if (why) {
		printf("# %s: %s\n", args->reference, why);
		return false;
	}
	while (fread(&r, sizeof(r), 1, file) == 1) {
		if (r.vcpu >= MAX_VCPUS || !check(args, &head, &vcpus[r.vcpu], &r) ||
		    (args->reference && !same_as(&ref, &r)))
			return false;
		records++;
	}
	for (i = 0; i < MAX_VCPUS; i++) {
		if (!vcpus[i].seen)
			continue;
		printf("# vcpu %u: %llu records\n", i, vcpus[i].records);
		seen++;
		steps += vcpus[i].last.seq + 1;
	}
	printf("# %llu records, %llu lost, %llu filtered, in %.1f s\n", records,
	       (unsigned long long)head.dropped, (unsigned long long)head.filtered,
	       head.duration / 1e9);
	if (records != head.nr_records || head.error != (args->full ? ENOSPC : 0)) {
		printf("# the head says %llu records, error %u\n",
		       (unsigned long long)head.nr_records, head.error);
		return false;
	}
	/* What is behind the last one that is there cannot be seen. */
	if (!args->gaps && head.dropped + head.filtered) {
		printf("# some are missing\n");
		return false;
	}
	if (steps > records + head.dropped + head.filtered) {
		printf("# %llu steps, not all accounted for\n", steps);
		return false;
	}
	if (records < args->records || (args->vcpus && seen != args->vcpus)) {
		printf("# %llu records of %u vCPUs are not enough\n", records, seen);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct args args = { 0 };
	FILE *file;
	bool ok;

	argp_parse(&argp, argc, argv, 0, NULL, &args);
	file = fopen(args.file, "rb");
	if (!file) {
		printf("# %s: %s\n", args.file, strerror(errno));
		return 1;
	}
	ok = verify(&args, file);
	fclose(file);
	return ok ? 0 : 1;
}
