// SPDX-License-Identifier: GPL-2.0
/*
 * hvstep attach, hvstep detach: a VMM that runs already, and was not started by hvstep
 * run, gets attached as it is.
 *
 * The VM is attached as long as somebody has its session open, which is a process in the
 * background here. It listens at a socket of an abstract name, which needs no file, and
 * is gone with it: who connects there, as the same user or as root, ends it.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "command.h"
#include "target.h"

struct attach {
	struct target target;
	bool foreground;
};

static const struct argp_option attach_options[] = {
	{ "foreground", 'f', NULL, 0, "Stay in the foreground; Ctrl-C detaches", 0 },
	{ 0 }
};

static error_t attach_parse(int key, char *arg, struct argp_state *state)
{
	struct attach *attach = state->input;

	(void)arg;
	switch (key) {
	case 'f':
		attach->foreground = true;
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &attach->target;
		state->child_inputs[1] = &attach->target;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp attach_argp = {
	.options = attach_options,
	.parser = attach_parse,
	.children = target_children,
	.args_doc = "PID",
	.doc = "Attach the VM of a VMM that runs already, for a debugger to step its guest. It stays "
	       "attached until hvstep detach, or the end of the VMM."
	       "\v"
	       "Exit status: 0, or 1 if it cannot be attached, 125 if hvstep fails.",
};

static error_t detach_parse(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = state->input;
	return 0;
}

static const struct argp_child detach_children[] = { { &target_argp, 0, NULL, 0 }, { 0 } };

static const struct argp detach_argp = {
	.parser = detach_parse,
	.children = detach_children,
	.args_doc = "PID",
	.doc = "Detach the VM that hvstep attach has attached. Its guest runs on."
	       "\v"
	       "Exit status: 0, or 1 if it was not attached that way, 125 if hvstep fails.",
};

/* Where the holder of the session listens */
static socklen_t holder_name(const struct target *target, struct sockaddr_un *name)
{
	int len;

	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	len = snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1, "hvstep-attach/%d/%u",
		       (int)target->pid, target->vm);
	return offsetof(struct sockaddr_un, sun_path) + 1 + len;
}

static int holder_listen(const struct target *target)
{
	struct sockaddr_un name;
	socklen_t len = holder_name(target, &name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&name, len) == 0 && listen(fd, 4) == 0)
		return fd;
	if (errno == EADDRINUSE)
		error("%s is attached already, or the name %s taken: hvstep detach %d ends the "
		      "first, /proc/net/unix shows the second", target_name(target),
		      name.sun_path + 1, (int)target->pid);
	else
		error("cannot listen for hvstep detach: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Anybody can connect, and anybody may have taken the name: either has to be us or root. */
static bool peer_may(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (!peer.uid || peer.uid == geteuid());
}

/* Until somebody detaches, or the VMM is gone. */
static void hold(struct hvstep_session *session, int listener, int pidfd)
{
	struct pollfd fds[2] = {
		{ .fd = listener, .events = POLLIN },
		{ .fd = pidfd, .events = POLLIN },
	};

	for (;;) {
		int fd;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			break;
		if (!fds[0].revents)
			continue;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0) {
			usleep(100000);
			continue;
		}
		if (!peer_may(fd)) {
			close(fd);
			continue;
		}
		hvstep_detach(session);
		/* The next one takes the name. */
		close(listener);
		/* The end of this connection says that it is done. */
		if (send(fd, "", 1, MSG_NOSIGNAL) < 0)
			warning("hvstep detach does not listen: %s", strerror(errno));
		close(fd);
		return;
	}
	hvstep_detach(session);
}

/* The descriptors of whoever has started us are not ours to keep open. */
static bool go_to_background(void)
{
	int null = open("/dev/null", O_RDWR);

	if (setsid() < 0 || chdir("/") < 0 || null < 0)
		return false;
	return dup2(null, 0) >= 0 && dup2(null, 1) >= 0 && dup2(null, 2) >= 0;
}

static int attach(const struct attach *attach)
{
	const struct target *target = &attach->target;
	struct hvstep_policy before;
	struct hvstep_session *session;
	int listener, pidfd;
	pid_t pid;

	/* What we stay with is not to keep open what our caller has open. */
	close_range(STDERR_FILENO + 1, ~0U, 0);
	/* First, so that what is attached is what it looks at. */
	pidfd = target_pidfd(target);
	if (pidfd < 0)
		return 1;
	listener = holder_listen(target);
	if (listener < 0)
		return 1;
	session = target_attach(target, NULL);
	if (!session)
		return 1;
	if (target->has_policy && !target_set_policy(target, session, false, &before))
		return EXIT_HVSTEP;

	pid = attach->foreground ? 0 : fork();
	if (pid < 0) {
		error("cannot fork: %s", strerror(errno));
		return EXIT_HVSTEP;
	}
	if (pid) {
		printf("attached %s; hvstep detach %d ends it\n", target_name(target),
		       (int)target->pid);
		return 0;
	}
	if (attach->foreground) {
		printf("attached %s; Ctrl-C, or hvstep detach %d, ends it\n", target_name(target),
		       (int)target->pid);
		fflush(stdout);
	} else if (!go_to_background()) {
		return EXIT_HVSTEP;
	}
	hold(session, listener, pidfd);
	return 0;
}

int cmd_attach(int argc, char **argv)
{
	struct attach args = { 0 };

	if (argp_parse(&attach_argp, argc, argv, 0, NULL, &args))
		return EXIT_HVSTEP;
	return attach(&args);
}

int cmd_detach(int argc, char **argv)
{
	const struct timeval patience = { .tv_sec = 30 };
	struct target target = { 0 };
	struct sockaddr_un name;
	ssize_t got = -1;
	socklen_t len;
	char byte;
	int fd;

	if (argp_parse(&detach_argp, argc, argv, 0, NULL, &target))
		return EXIT_HVSTEP;
	len = holder_name(&target, &name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		error("cannot make a socket: %s", strerror(errno));
		return EXIT_HVSTEP;
	}
	/* Who has taken the name, and is not hvstep, need not answer. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&name, len) < 0) {
		error("%s is not attached by hvstep attach", target_name(&target));
		close(fd);
		return 1;
	}
	if (peer_may(fd))
		got = read(fd, &byte, 1);
	close(fd);
	if (got != 1) {
		error("%s was attached by another user: be that one, or root",
		      target_name(&target));
		return 1;
	}
	printf("detached %s\n", target_name(&target));
	return 0;
}
