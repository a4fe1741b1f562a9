// SPDX-License-Identifier: GPL-2.0
/* hvstep trace: the instructions of a guest that runs, into a file. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <hvstep-trace.h>

#include "command.h"
#include "filter.h"
#include "info.h"
#include "json.h"
#include "progress.h"
#include "recording.h"
#include "signals.h"
#include "target.h"

#define DEFAULT_FILE	"hvstep.trace"
/* Of a ring: 4 MB, some tenths of a second's steps */
#define DEFAULT_RECORDS	65536

struct trace {
	struct target target;
	struct recording rec;
	unsigned int *vcpus;
	const char *file;
	bool quiet;
	bool json;
	bool shared;		/* somebody else has the VM's session, too */
	bool regular;		/* the file is one */
	bool created;		/* by us */
	struct hvstep_trace_file head;
};

static const struct argp_option options[] = {
	{ "vcpu", 'c', "LIST", 0, "These vCPUs, as in 0,2-3 (default: all)", 0 },
	{ "count", 'n', "N", 0,
	  "End after N steps, of all vCPUs together; with several, a little later", 0 },
	{ "seconds", 's', "S", 0, "End after S seconds", 0 },
	{ "until", 'u', "ADDR", 0, "End each vCPU's steps when it gets to this address", 0 },
	{ "filter", 'F', "WORD,...", 0,
	  "Record only user or kernel code, only branches that are taken (and whatever else does "
	  "not go on behind itself), only what is at START-END", 0 },
	{ "drop", 'd', NULL, 0, "When a ring is full lose records: the vCPU does not wait", 0 },
	{ "ring", 'r', "RECORDS", 0,
	  "Room in a vCPU's ring, a power of two (default: 65536, or what may be locked)", 0 },
	{ "output", 'o', "FILE", 0, "Write to FILE (default: " DEFAULT_FILE ")", 0 },
	{ "quiet", 'q', NULL, 0, "No progress, no summary", 0 },
	{ "json", 'j', NULL, 0, "The summary as one JSON object, to standard output", 0 },
	{ 0 }
};

static unsigned long long number(struct argp_state *state, const char *arg, const char *what)
{
	unsigned long long n = 0;

	if (!parse_number(arg, &n))
		argp_error(state, "%s: no number: %s", what, arg);
	return n;
}

static void parse_seconds(struct argp_state *state, const char *arg, struct trace *trace)
{
	char *end;

	trace->rec.seconds = strtod(arg, &end);
	if (end == arg || *end || !isfinite(trace->rec.seconds) || trace->rec.seconds <= 0 ||
	    trace->rec.seconds > 1e9)
		argp_error(state, "no number of seconds: %s", arg);
}

static void parse_ring(struct argp_state *state, const char *arg, struct trace *trace)
{
	unsigned long long n = number(state, arg, "--ring");

	if (n < 16 || n > HVSTEP_RING_MAX_RECORDS || n & (n - 1))
		argp_error(state, "a ring has a power of two of records, 16 to %u",
			   HVSTEP_RING_MAX_RECORDS);
	trace->rec.trace.nr_records = n;
	trace->rec.any_size = false;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct trace *trace = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &trace->target;
		state->child_inputs[1] = &trace->target;
		return 0;
	case 'c':
		free(trace->vcpus);
		trace->vcpus = parse_list(arg, &trace->rec.nr_vcpus);
		if (!trace->vcpus)
			argp_error(state, "no list of vCPUs: %s", arg);
		return 0;
	case 'n':
		trace->rec.count = number(state, arg, "--count");
		if (!trace->rec.count || trace->rec.count > INT64_MAX)
			argp_error(state, "--count takes 1 or more");
		return 0;
	case 's':
		parse_seconds(state, arg, trace);
		return 0;
	case 'u':
		trace->rec.until = parse_address(state, arg);
		trace->rec.has_until = true;
		return 0;
	case 'F':
		if (!filter_by_words(arg, &trace->rec.trace))
			argp_error(state, "no such filter: %s; known: %s", arg, FILTER_WORDS);
		return 0;
	case 'd':
		trace->rec.trace.flags |= HVSTEP_TRACE_DROP;
		return 0;
	case 'r':
		parse_ring(state, arg, trace);
		return 0;
	case 'o':
		trace->file = arg;
		return 0;
	case 'q':
		trace->quiet = true;
		return 0;
	case 'j':
		trace->json = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.children = target_children,
	.args_doc = "PID",
	.doc = "Record each instruction that the guest of the VMM PID executes, which needs no "
	       "preparation and does not notice. It ends when one of the limits is reached or with "
	       "Ctrl-C, and the guest runs on. 'hvstep report FILE' shows what was recorded."
	       "\v"
	       "Without --policy the policies are atomic and deliver, so that guests go on as they "
	       "would: see hvstep-trace(1).\n"
	       "\n"
	       "Exit status: 0 if it has come to an end that was asked for, 1 if it has not (what was "
	       "recorded is in FILE all the same), 125 if hvstep fails.",
};

/* Those in the list, all of which must be there; or all. */
static bool check_vcpus(struct trace *trace, bool all)
{
	struct recording *rec = &trace->rec;
	struct hvstep_counters counters;
	size_t i, nr = 0;
	int ret;

	for (i = 0; i < rec->nr_vcpus; i++) {
		ret = hvstep_get_counters(rec->session, trace->vcpus[i], &counters);
		if (!ret) {
			trace->vcpus[nr++] = trace->vcpus[i];
		} else if (ret != -ENOENT) {
			error("vCPU %u: %s", trace->vcpus[i], strerror(-ret));
			return false;
		} else if (!all) {
			error("the VM has no vCPU %u", trace->vcpus[i]);
			return false;
		}
		/* Else it is of another VM of the process. */
	}
	rec->nr_vcpus = nr;
	if (!nr)
		error("%s has no vCPUs", target_name(&trace->target));
	return nr;
}

static bool find_vcpus(struct trace *trace)
{
	int nr;

	if (trace->vcpus)
		return check_vcpus(trace, false);
	trace->vcpus = calloc(LIST_MAX, sizeof(*trace->vcpus));
	if (!trace->vcpus)
		return false;
	nr = hvstep_process_vcpus(trace->target.pid, trace->vcpus, LIST_MAX);
	if (nr <= 0 || nr > LIST_MAX) {
		error("%s: cannot tell its vCPUs: give --vcpu", target_name(&trace->target));
		return false;
	}
	trace->rec.nr_vcpus = nr;
	return check_vcpus(trace, true);
}

static void read_name(pid_t pid, char *name, size_t size)
{
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	got = read(fd, name, size - 1);
	close(fd);
	name[got > 0 ? got : 0] = 0;
	name[strcspn(name, "\n")] = 0;
}

static void fill_head(struct hvstep_trace_file *head, const struct trace *trace,
		      const struct hvstep_info *info, const struct hvstep_policy *policy)
{
	const char *platform = (const char *)getauxval(AT_BASE_PLATFORM);
	struct timespec ts;
	struct utsname uts;

	clock_gettime(CLOCK_REALTIME, &ts);
	*head = (struct hvstep_trace_file){
		.magic = HVSTEP_TRACE_MAGIC,
		.features = info->features,
		.records_offset = sizeof(*head),
		.record_size = sizeof(struct hvstep_record),
		.host = info->host,
		.policy = policy->flags,
		.irq = policy->irq,
		.filter = trace->rec.trace.flags,
		.start = trace->rec.trace.start,
		.end = trace->rec.trace.end,
		.nr_vcpus = trace->rec.nr_vcpus,
		.pid = trace->target.pid,
		.time = ts.tv_sec * 1000000000ULL + ts.tv_nsec,
	};
	if (uname(&uts) == 0)
		snprintf(head->release, sizeof(head->release), "%.63s", uts.release);
	if (platform)
		snprintf(head->platform, sizeof(head->platform), "%.15s", platform);
	read_name(trace->target.pid, head->vmm, sizeof(head->vmm));
}

static bool file_error(const struct trace *trace)
{
	error("%s: %s", trace->file, strerror(errno));
	return false;
}

static bool write_head(const struct trace *trace)
{
	const struct hvstep_trace_file *head = &trace->head;

	return pwrite(trace->rec.fd, head, sizeof(*head), 0) == sizeof(*head) ||
	       file_error(trace);
}

/* The file gets a new content: whatever was in it goes. */
static bool begin(struct recording *rec)
{
	struct trace *trace = (struct trace *)((char *)rec - offsetof(struct trace, rec));

	if (trace->regular && ftruncate(rec->fd, 0))
		return file_error(trace);
	return write_head(trace);
}

/* The totals; and nothing behind what is sound. */
static bool finish(struct trace *trace)
{
	const struct recording *rec = &trace->rec;
	struct hvstep_trace_file *head = &trace->head;
	bool ok;

	head->state |= HVSTEP_TRACE_COMPLETE;
	head->duration = rec->duration;
	head->nr_records = (rec->size - head->records_offset) / head->record_size;
	/* Those that were recorded, and could not be written, are lost as well. */
	head->dropped = rec->dropped;
	if (rec->recorded > head->nr_records)
		head->dropped += rec->recorded - head->nr_records;
	head->filtered = rec->filtered;
	head->error = rec->error ?: rec->write_error;
	ok = write_head(trace);
	if (ok && trace->regular &&
	    ftruncate(rec->fd, head->records_offset + head->nr_records * head->record_size))
		ok = file_error(trace);
	/* The last chance to hear that there was no room after all. */
	if (close(rec->fd) && ok)
		ok = file_error(trace);
	return ok;
}

static bool summary(const struct trace *trace)
{
	const struct hvstep_trace_file *head = &trace->head;
	const struct recording *rec = &trace->rec;
	double seconds = rec->duration / 1e9;
	double rate = seconds > 0 ? rec->steps / seconds : 0;
	char size[HUMAN_SIZE];

	if (trace->json) {
		printf("{\"steps\":%llu,\"records\":%llu,\"lost\":%llu,\"filtered\":%llu,"
		       "\"vcpus\":%zu,\"seconds\":%.6f,\"steps_per_second\":%.0f,\"bytes\":%llu,"
		       "\"error\":%u,\"vmm_gone\":%s,\"interrupted\":%s,\"file\":",
		       rec->steps, (unsigned long long)head->nr_records,
		       (unsigned long long)head->dropped, rec->filtered, rec->nr_vcpus, seconds,
		       rate, rec->size, head->error,
		       rec->vmm_gone ? "true" : "false", rec->interrupted ? "true" : "false");
		json_string(stdout, trace->file);
		printf("}\n");
	} else if (!trace->quiet) {
		printf("%llu steps of %zu vCPU%s in %.1f s (%.0f/s), %llu lost, %llu filtered; "
		       "%s: %llu records, %s\n", rec->steps, rec->nr_vcpus,
		       rec->nr_vcpus == 1 ? "" : "s", seconds, rate,
		       (unsigned long long)head->dropped, rec->filtered, trace->file,
		       (unsigned long long)head->nr_records, human(rec->size, size));
	}
	if (fflush(stdout) || ferror(stdout)) {
		error("cannot write the summary");
		return false;
	}
	return true;
}

/* Nobody else's meanwhile; and nobody else's to read: where a guest goes tells much. */
static bool open_file(struct trace *trace)
{
	int fd = open(trace->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat st;

	trace->created = fd >= 0;
	if (fd < 0 && errno == EEXIST)
		fd = open(trace->file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return file_error(trace);
	/* The totals go to its beginning, and each vCPU's records to their place. */
	if (lseek(fd, 0, SEEK_CUR) < 0) {
		error("%s: a trace needs a file that can be seeked in, which no pipe and no "
		      "terminal is", trace->file);
		return false;
	}
	trace->rec.fd = fd;
	trace->regular = S_ISREG(st.st_mode);
	/* There are file systems that have no locks. */
	if (trace->regular && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		error("%s: another trace is being written to it", trace->file);
		return false;
	}
	return true;
}

static int result(const struct recording *rec)
{
	if (rec->error)
		error("vCPU %u could not be stepped any further, and runs on: %s",
		      rec->error_vcpu, strerror(rec->error));
	if (rec->vmm_gone)
		error("the VMM has ended");
	if (rec->ended_early)
		error("the steps were ended by somebody else, or at a breakpoint");
	return rec->error || rec->vmm_gone || rec->ended_early ? 1 : 0;
}

static bool record_by_policy(struct trace *trace)
{
	struct recording *rec = &trace->rec;
	struct hvstep_policy policy;
	struct hvstep_info info;
	struct obstacle why;
	bool ok;

	if (hvstep_get_policy(rec->session, &policy) || !info_get(&info, &why)) {
		error("the module does not answer");
		return false;
	}
	fill_head(&trace->head, trace, &info, &policy);
	rec->offset = sizeof(trace->head);
	rec->begin = begin;
	ok = recording_run(rec);
	if (!rec->begun)
		return false;
	return finish(trace) && ok;
}

static int record(struct trace *trace)
{
	const struct hvstep_session *session = trace->rec.session;
	struct hvstep_policy before;
	bool ok;

	if (!open_file(trace))
		return EXIT_HVSTEP;
	recording_block_signals();
	/* Who does not read us, or lets us write no more, is not to keep us from what follows. */
	signals_spare_output();
	ok = target_set_policy(&trace->target, session, trace->shared, &before) &&
	     record_by_policy(trace);
	/* Of whoever else has a descriptor of the session */
	hvstep_set_policy(session, &before);
	/* Empty, it would pass for a trace that has come to nothing. */
	if (!trace->rec.begun && trace->created)
		unlink(trace->file);
	if (trace->rec.refused)
		return 1;
	/* Now: who reads it may take his time. */
	if (trace->rec.begun)
		ok = summary(trace) && ok;
	return ok ? result(&trace->rec) : EXIT_HVSTEP;
}

/*
 * Half a ring is read while the vCPU fills the other one; but what several make together
 * is not to be looked at too late.
 */
static unsigned int watermark(const struct recording *rec)
{
	unsigned int half = rec->trace.nr_records / 2;
	unsigned long long part = rec->count / (4 * rec->nr_vcpus);

	if (!rec->count || rec->nr_vcpus == 1 || part > half)
		return half;
	return part ?: 1;
}

int cmd_trace(int argc, char **argv)
{
	struct hvstep_session *session;
	struct trace trace = {
		.file = DEFAULT_FILE,
		.rec = { .trace.nr_records = DEFAULT_RECORDS, .any_size = true },
	};
	int status;

	if (argp_parse(&argp, argc, argv, 0, NULL, &trace))
		return EXIT_HVSTEP;
	trace.rec.progress = !trace.quiet && isatty(STDERR_FILENO);
	trace.rec.pidfd = target_pidfd(&trace.target);
	if (trace.rec.pidfd < 0 || !target_claim(&trace.target))
		return 1;
	session = target_attach(&trace.target, &trace.shared);
	if (!session)
		return 1;
	trace.rec.session = session;
	if (find_vcpus(&trace)) {
		trace.rec.vcpus = trace.vcpus;
		trace.rec.trace.watermark = watermark(&trace.rec);
		status = record(&trace);
	} else {
		status = 1;
	}
	hvstep_detach(session);
	free(trace.vcpus);
	return status;
}
