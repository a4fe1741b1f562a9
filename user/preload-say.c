// SPDX-License-Identifier: GPL-2.0
/*
 * Talking to the user: at most one line of each kind in the life of a process,
 * written at once and past stdio, whose locks and buffers are the VMM's.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "info.h"
#include "policy.h"
#include "preload.h"

static bool first_time(bool *done)
{
	return !__atomic_exchange_n(done, true, __ATOMIC_RELAXED);
}

bool quiet(void)
{
	const char *value = getenv("HVSTEP_QUIET");

	return value && *value && strcmp(value, "0") != 0;
}

/*
 * The VMM must not die of this, nor wait: stderr may be a pipe that nobody reads from any
 * more (SIGPIPE), or just now. Nobody is left to be told that it does not work.
 */
static void say(const char *line, unsigned long len)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };
	sigset_t sigpipe, pending, before;

	if (quiet() || poll(&out, 1, 0) != 1 || !(out.revents & POLLOUT))
		return;
	sigemptyset(&sigpipe);
	sigaddset(&sigpipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
	sigpending(&pending);
	if (write(STDERR_FILENO, line, len) < 0 && errno == EPIPE &&
	    !sigismember(&pending, SIGPIPE))
		sigtimedwait(&sigpipe, NULL, &(struct timespec){ 0 });
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void say_policy(const char *name, int err)
{
	static bool done;
	char line[256];
	int len;

	if (!first_time(&done))
		return;
	if (err)
		len = snprintf(line, sizeof(line),
			       "hvstep: %s=%.32s: %s; stepping works without it\n",
			       HVSTEP_POLICY_ENV, name, strerror(err));
	else
		len = snprintf(line, sizeof(line), "hvstep: %s=%.32s: no such policy; known: %s\n",
			       HVSTEP_POLICY_ENV, name, HVSTEP_POLICY_NAMES);
	say(line, len);
}

void say_no_stepping(const struct obstacle *why)
{
	/* It may be somebody else, as hvstep attach, who has the session: then it works. */
	bool busy = why->stage == STAGE_ATTACH && why->err == EBUSY;
	static bool done[2];
	char text[320], line[400];
	int len;

	/* Nor is this in the way where the module attaches by itself. */
	if (info_auto_attach() || !first_time(&done[busy]))
		return;
	obstacle_describe(why, text, sizeof(text));
	len = snprintf(line, sizeof(line), "hvstep: single stepping %s not work: %s\n",
		       busy ? "may" : "will", text);
	say(line, len);
}
