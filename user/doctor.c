// SPDX-License-Identifier: GPL-2.0
/*
 * hvstep doctor: what is in the way of stepping, and what to do about it. It looks and
 * asks, and changes nothing.
 */
#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "doctor.h"
#include "json.h"

enum { OPT_ROOT = 0x100 };

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "Print one JSON object", 0 },
	{ "pid", 'p', "PID", 0, "Look at this VMM, too, which runs already", 0 },
	{ "root", OPT_ROOT, "DIR", 0, "Look at another file system tree, e.g. that of a sosreport, "
	  "instead of asking this system", 0 },
	{ 0 }
};

static pid_t parse_pid(const char *arg, struct argp_state *state)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(arg, &end, 10);
	if (errno || end == arg || *end || pid < 1 || pid > INT_MAX)
		argp_error(state, "not a process ID: %s", arg);
	return pid;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct doctor *d = state->input;

	switch (key) {
	case 'j':
		d->json = true;
		return 0;
	case 'p':
		d->pid = parse_pid(arg, state);
		return 0;
	case OPT_ROOT:
		d->root = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "not expected: %s", arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Look for what is in the way of stepping, and say what to do about it."
	       "\v"
	       "One line for each check: 'ok'; 'problem', with what to do on the next line; or "
	       "'note', which is good to know and not in the way.\n"
	       "\n"
	       "Exit status: 0 if nothing is in the way, 1 if something is, 125 if hvstep fails.",
};

static void print(struct doctor *d, const char *state, const char *check, const char *remedy,
		  const char *format, va_list ap)
{
	char text[2 * PATH_MAX];

	vsnprintf(text, sizeof(text), format, ap);
	if (!d->json) {
		printf("%-8s %s: ", state, check);
		plain_string(stdout, text);
		if (remedy) {
			printf("\n%-8s ", "");
			plain_string(stdout, remedy);
		}
		putchar('\n');
		return;
	}
	printf("%s{\"check\":\"%s\",\"state\":\"%s\",\"text\":", d->checks++ ? "," : "",
	       check, state);
	json_string(stdout, text);
	if (remedy) {
		printf(",\"remedy\":");
		json_string(stdout, remedy);
	}
	putchar('}');
}

void doctor_ok(struct doctor *d, const char *check, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print(d, "ok", check, NULL, format, ap);
	va_end(ap);
}

void doctor_note(struct doctor *d, const char *check, const char *remedy, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print(d, "note", check, remedy, format, ap);
	va_end(ap);
}

void doctor_problem(struct doctor *d, const char *check, const char *remedy,
		    const char *format, ...)
{
	va_list ap;

	d->problems++;
	va_start(ap, format);
	print(d, "problem", check, remedy, format, ap);
	va_end(ap);
}

/* "/" is this system by another name. */
static bool root_is_usable(struct doctor *d)
{
	struct stat st;

	if (!strcmp(d->root, "/"))
		d->root = "";
	if (doctor_live(d))
		return true;
	if (stat(d->root, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return true;
		errno = ENOTDIR;
	}
	error("%s: %s", d->root, strerror(errno));
	return false;
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor d = { .root = "" };

	if (argp_parse(&argp, argc, argv, 0, NULL, &d) || !root_is_usable(&d))
		return EXIT_HVSTEP;

	if (d.json)
		printf("{\"checks\":[");
	doctor_host(&d);
	doctor_module(&d);
	doctor_shim(&d);
	doctor_permissions(&d);
	if (d.pid)
		doctor_process(&d);
	if (d.json)
		printf("],\"problems\":%u}\n", d.problems);

	if (fflush(stdout) != 0 || ferror(stdout)) {
		error("cannot write the findings");
		return EXIT_HVSTEP;
	}
	return d.problems ? 1 : 0;
}
