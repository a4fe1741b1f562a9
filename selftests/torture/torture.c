// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that compute a checksum, while all that can be done to them by way of hvstep, of
 * KVM and of the host is done, at random, by several threads at once. An episode is a VM
 * and a process; what is done in it, by which thread and in which order, is the seed's and
 * its number's affair, though not the moment.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "acts.h"
#include "host.h"
#include "swap.h"
#include "verdict.h"

#define ACTORS		2
/* Of so many at random each kind is among them. */
#define ENOUGH_ACTS	4000
#define EPISODE_SECONDS	600	/* a host that needs more has hung */

static struct options {
	unsigned long seconds;
	unsigned long episodes;		/* 0: as many as there is time for */
	__u64 seed;
	unsigned long first;
	unsigned long acts;
	char without[256];		/* as they were given */
} options = { .seconds = 60, .seed = 1, .acts = 400 };

static const struct argp_option described[] = {
	{ "seconds", 's', "N", 0, "begin no episode after this time (60)", 0 },
	{ "episodes", 'e', "N", 0, "so many, however long they take", 0 },
	{ "seed", 'S', "N", 0, "what is done, in which order (1)", 0 },
	{ "first", 'f', "N", 0, "the first episode's number (0), to have one again", 0 },
	{ "acts", 'a', "N", 0, "of each of the two threads in an episode (400)", 0 },
	{ "without", 'w', "KIND", 0, "do all but this, named as in the list that is printed at the "
	  "end; may be given again", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	unsigned long n;

	if (key == ARGP_KEY_ARG)
		argp_usage(state);
	if (!arg)
		return ARGP_ERR_UNKNOWN;
	if (key == 'w') {
		if (!acts_leave_out(arg))
			argp_error(state, "%s: nothing of this name is done", arg);
		n = strlen(options.without);
		snprintf(options.without + n, sizeof(options.without) - n, " --without '%s'", arg);
		return 0;
	}
	n = option_number(arg, state);
	switch (key) {
	case 's':
		options.seconds = n;
		return 0;
	case 'e':
		options.episodes = n;
		return 0;
	case 'S':
		options.seed = n;
		return 0;
	case 'f':
		options.first = n;
		return 0;
	case 'a':
		options.acts = n;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static struct cell some_cell(struct random *rnd)
{
	static const struct cell cells[] = {
		{ .ile = true, .ail = true },
		{ .ile = true, .ail = true },
		{ .ile = true },
		{ .be_code = true },
		{ .ail = true, .be_code = true },
		{ .ile = true, .ail = true, .hash = true },
	};
	struct cell cell;

	do {
		cell = cells[random_below(rnd, ARRAY_SIZE(cells))];
	} while (cell_missing(&cell));
	return cell;
}

/* In a process of its own; it ends with exit status 0 if nothing was lost. */
static void episode(__u64 seed)
{
	struct actor actors[ACTORS];
	struct random rnd;
	struct world *w;
	struct cell cell;
	int i;

	random_init(&rnd, seed, ACTORS);
	/* Children are nobody's to wait for. */
	signal(SIGCHLD, SIG_IGN);
	alarm(EPISODE_SECONDS);
	cell = some_cell(&rnd);
	w = world_create(&cell, 1 + random_below(&rnd, MAX_RUNNERS));
	for (i = 0; i < ACTORS; i++)
		actor_start(&actors[i], w, seed, i, options.acts);
	for (i = 0; i < ACTORS; i++) {
		actor_join(&actors[i]);
		if (actors[i].chosen != acts_chosen(seed, i, options.acts))
			vm_fail("thread %d has not done what the seed says", i);
	}
	world_settle(w);
	world_stop(w);
	exit(0);
}

static int until_dead(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			vm_fail("waitpid: %s", strerror(errno));
	return status;
}

static void try_episode(unsigned long nr)
{
	__u64 seed = options.seed * 0x10001 + nr;
	__u32 before = attached();
	unsigned int us = 0;
	struct random rnd;
	int status;
	pid_t pid;

	random_init(&rnd, seed, ACTORS + 1);
	if (random_one_in(&rnd, 4))
		us = 100000 + random_below(&rnd, 2000000);
	pid = fork();
	if (pid < 0)
		vm_fail("no process: %s", strerror(errno));
	if (!pid)
		episode(seed);
	if (us) {
		usleep(us);
		kill(pid, SIGKILL);
	}
	status = until_dead(pid);
	host_restore();
	count(episodes);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && us) {
		count(killed);
	} else if (status) {
		/* lose() has counted itself, vm_fail() has not. */
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 2)
			count(lost);
		fprintf(stderr, "# LOST: episode %lu ended with %s %d; again: --seed %llu --first %lu "
			"--episodes 1 --acts %lu%s\n", nr, WIFSIGNALED(status) ? "signal" : "status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
			options.seed, nr, options.acts, options.without);
	}
	if (!nothing_is_left(before))
		count(lost);
}

static void say_so_far(time_t start)
{
	fprintf(stderr,
		"# %ld s: %lu episodes, %lu operations, %lu guests checked, %lu lost\n",
		time(NULL) - start, tally->episodes, tally->acts, tally->checked, tally->lost);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = described, .parser = parse,
		.doc = "Does to guests that are stepped whatever can be done to them, at random.\v"
			"Prints TAP. Exit status: 0 nothing was lost, 1 something was, 4 nothing can "
			"be tested here.",
	};
	time_t start = time(NULL), said = start;
	bool good = true, every;
	unsigned long nr, swapped;
	const char *why;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	verdict_begin(5);
	host_begin();
	why = swap_begin();
	if (why)
		printf("# nothing is swapped: %s\n", why);
	swapped = swapped_out();
	for (nr = options.first;
	     options.episodes ? nr < options.first + options.episodes
			      : time(NULL) - start < (time_t)options.seconds; nr++) {
		try_episode(nr);
		if (time(NULL) - said >= 10) {
			said = time(NULL);
			say_so_far(start);
		}
	}
	printf("# seed %llu: %lu operations done in %lu episodes, %lu s; %lu faults injected, "
	       "%lu steps ended a KVM_RUN, %lu records read; %lu pages swapped out; "
	       "%lu episodes killed; %lu guests checked, %lu lost\n", options.seed, tally->acts,
	       tally->episodes, time(NULL) - start, tally->faults, tally->steps, tally->records,
	       swapped_out() - swapped, tally->killed, tally->checked, tally->lost);
	every = acts_were_all_done(!why) && (why || swapped_out() > swapped);
	every |= tally->acts < ENOUGH_ACTS;
	swap_end();
	good &= ok(1, tally->steps && tally->acts, "guests were stepped");
	good &= ok(2, tally->checked, "guests came to their end");
	good &= ok(3, !tally->lost, "none was lost");
	good &= ok(4, every, "each of the operations was done");
	good &= verdict_no_splat(5);
	return !good;
}
