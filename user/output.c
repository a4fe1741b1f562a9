// SPDX-License-Identifier: GPL-2.0
/* Writing a report. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "output.h"
#include "signals.h"

/* What is removed if the command has to end before its time. */
static const char *volatile unfinished;

static void remove_unfinished(void)
{
	if (unfinished)
		unlink(unfinished);
}

static void die(int signal_number)
{
	remove_unfinished();
	/* SA_RESETHAND: this time it is deadly. */
	raise(signal_number);
}

static void watch_for_end(void)
{
	static const int deadly[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = die, .sa_flags = SA_RESETHAND };

	atexit(remove_unfinished);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		if (!signal_is_ignored(deadly[i]))
			sigaction(deadly[i], &action, NULL);
}

/* stdio forgets why a write failed. */
static ssize_t write_all(void *cookie, const char *from, size_t size)
{
	struct output *output = cookie;
	size_t done = 0;

	while (done < size && !output->err) {
		ssize_t n = write(output->fd, from + done, size - done);

		if (n >= 0)
			done += n;
		else if (errno != EINTR)
			output->err = errno;
	}
	return output->err ? 0 : done;
}

static bool failed(const char *name, int err)
{
	if (name)
		error("cannot write %s: %s", name, strerror(err));
	else
		error("cannot write the report: %s", strerror(err));
	return false;
}

/* In the directory of the file itself, which a link may lead to. */
static bool temporary_open(struct output *output)
{
	mode_t mask = umask(0);

	umask(mask);
	output->target = realpath(output->name, NULL);
	if (!output->target)
		output->target = strdup(output->name);
	if (!output->target || asprintf(&output->temporary, "%s.XXXXXX", output->target) < 0) {
		output->temporary = NULL;
		return false;
	}
	output->fd = mkostemp(output->temporary, O_CLOEXEC);
	if (output->fd < 0)
		return false;
	unfinished = output->temporary;
	watch_for_end();
	return fchmod(output->fd, 0666 & ~mask) == 0;
}

static bool file_open(struct output *output)
{
	struct stat st;

	if (!output->name) {
		output->fd = STDOUT_FILENO;
		return true;
	}
	/* A device or a pipe is written to, not replaced. */
	if (stat(output->name, &st) == 0 && !S_ISREG(st.st_mode)) {
		output->fd = open(output->name, O_WRONLY | O_CLOEXEC);
		return output->fd >= 0;
	}
	return temporary_open(output);
}

bool output_open(struct output *output, const char *name)
{
	static const cookie_io_functions_t io = { .write = write_all };

	*output = (struct output){ .name = name, .fd = -1 };
	signals_spare_output();
	if (file_open(output))
		output->stream = fopencookie(output, "w", io);
	if (output->stream)
		return true;
	failed(name, errno);
	output_close(output, false);
	return false;
}

bool output_close(struct output *output, bool complete)
{
	bool ok = complete;

	if (output->stream && fclose(output->stream) != 0 && !output->err)
		output->err = errno;
	if (output->fd >= 0 && close(output->fd) != 0 && !output->err)
		output->err = errno;
	if (ok && !output->err && output->temporary &&
	    rename(output->temporary, output->target) != 0)
		output->err = errno;
	if (output->err)
		ok = failed(output->name, output->err);
	if (!ok)
		remove_unfinished();
	unfinished = NULL;
	free(output->temporary);
	free(output->target);
	return ok;
}
