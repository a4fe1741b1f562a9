// SPDX-License-Identifier: GPL-2.0
/*
 * Calls of all that hvstep's descriptors take, with arguments that are right, nearly right,
 * or garbage, by somebody who may use /dev/kvm and /dev/hvstep, and nothing else; while
 * vCPUs run that have to compute their checksums all the same.
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "verdict.h"

#define CALLERS		2
#define VCPUS		2
#define NOBODY		65534

static struct options {
	unsigned long calls;
	unsigned long seed;
} options = { .calls = 100000, .seed = 1 };

static const struct argp_option described[] = {
	{ "calls", 'c', "N", 0, "ioctls and commands of io_uring in all (100000)", 0 },
	{ "seed", 'S', "N", 0, "which, in which order (1)", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'c':
		options.calls = option_number(arg, state);
		return 0;
	case 'S':
		options.seed = option_number(arg, state);
		return 0;
	case ARGP_KEY_ARG:
		argp_usage(state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* Nobody, in the groups of the two devices */
static void give_up_privileges(void)
{
	struct stat kvm = {}, hvstep = {};
	gid_t groups[2];

	if (geteuid())
		return;
	stat("/dev/kvm", &kvm);
	stat("/dev/hvstep", &hvstep);
	/* Its members may read and write much else. */
	if (!kvm.st_gid || !hvstep.st_gid) {
		printf("1..0 # SKIP /dev/kvm and /dev/hvstep are not both of a group of their own, as packaging/udev has it\n");
		exit(4);
	}
	groups[0] = kvm.st_gid;
	groups[1] = hvstep.st_gid;
	if (setgroups(ARRAY_SIZE(groups), groups) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		vm_fail("cannot become nobody: %s", strerror(errno));
}

static unsigned long made(const struct caller *callers)
{
	unsigned long n = 0;
	int i;

	for (i = 0; i < CALLERS; i++)
		n += load(&callers[i].made);
	return n;
}

/* Every call has been made with success, and has been refused. */
static bool say_tally(const struct caller *callers)
{
	bool every = true;
	int i, call;

	for (call = 0; call < NR_CALLS; call++) {
		struct call_tally sum = {};

		for (i = 0; i < CALLERS; i++) {
			sum.done += callers[i].tally[call].done;
			sum.refused += callers[i].tally[call].refused;
		}
		printf("# %s: %lu done, %lu refused\n", call_names[call], sum.done, sum.refused);
		if (!sum.refused)
			every = false;
		/* Those that are unknown, and only those, are never done. */
		if ((call == CALL_UNKNOWN || call == CALL_URING_UNKNOWN) == !!sum.done)
			every = false;
	}
	return every;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = described, .parser = parse,
		.doc = "Calls hvstep with garbage, as a user who may use KVM.\v"
			"Prints TAP. Exit status: 0 nothing was harmed, 1 something was, 4 nothing can "
			"be tested here.",
	};
	static const struct cell cell = { .ile = true, .ail = true };
	static struct caller callers[CALLERS];
	bool good = true;
	time_t start = time(NULL), said = start;
	struct world *w;
	__u32 before;
	int i;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	give_up_privileges();
	verdict_begin(5);
	before = attached();
	w = world_create(&cell, VCPUS);
	for (i = 0; i < CALLERS; i++)
		caller_start(&callers[i], w, options.seed, i, options.calls / CALLERS);
	while (made(callers) < options.calls / CALLERS * CALLERS) {
		usleep(10000);
		if (time(NULL) - said < 10)
			continue;
		said = time(NULL);
		fprintf(stderr, "# %ld s: %lu calls of %lu, %lu steps, %lu guests checked\n",
			said - start, made(callers), options.calls, tally->steps, tally->checked);
	}
	for (i = 0; i < CALLERS; i++)
		caller_join(&callers[i]);
	world_settle(w);
	world_stop(w);
	printf("# seed %lu: %lu calls, %ld s; %lu steps ended a KVM_RUN, %lu guests checked\n",
	       options.seed, made(callers), time(NULL) - start, tally->steps, tally->checked);
	good &= ok(1, say_tally(callers), "each call was made, and each was refused");
	good &= ok(2, tally->steps, "guests were stepped");
	good &= ok(3, tally->checked && !tally->lost, "and came to their end, with the right result");
	good &= ok(4, nothing_is_left(before), "nothing is left attached");
	good &= verdict_no_splat(5);
	return !good;
}
