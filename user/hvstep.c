// SPDX-License-Identifier: GPL-2.0
/* The hvstep command: finds the subcommand and hands over. */
#include <argp.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

static const struct command {
	const char *name;
	int (*main)(int argc, char **argv);
	char *full_name;		/* argv[0] of the subcommand */
	const char *summary;
} commands[] = {
	{ "run", cmd_run, "hvstep run", "run a VMM whose VMs can be single-stepped" },
	{ "attach", cmd_attach, "hvstep attach", "attach a VMM that runs already" },
	{ "detach", cmd_detach, "hvstep detach", "end that" },
	{ "step", cmd_step, "hvstep step", "step a running guest, and show the instructions" },
	{ "trace", cmd_trace, "hvstep trace", "record the instructions of a running guest" },
	{ "report", cmd_report, "hvstep report", "show what was executed, from a trace file" },
	{ "status", cmd_status, "hvstep status", "show what the module and this host can do" },
	{ "doctor", cmd_doctor, "hvstep doctor", "look for what is in the way of stepping" },
};

#define NCOMMANDS	(sizeof(commands) / sizeof(commands[0]))

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

struct choice {
	const struct command *command;
	int first;			/* index of its name in argv */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct choice *choice = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		choice->command = command_find(arg);
		if (!choice->command)
			argp_error(state, "no such command: %s", arg);
		/* The rest is the subcommand's. */
		choice->first = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a command is missing");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* The list of commands comes from the table, below the options. */
static char *help_filter(int key, const char *text, void *input)
{
	char *list;
	size_t size;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	out = open_memstream(&list, &size);
	if (!out)
		return (char *)text;
	fputs("Commands:\n", out);
	for (size_t i = 0; i < NCOMMANDS; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\n'hvstep COMMAND --help' explains each.", out);
	fclose(out);
	return list;
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "COMMAND [ARG...]",
	.doc = "Single stepping for KVM guests on POWER.\v",
	.help_filter = help_filter,
};

/* Whoever has started us with one of them closed: nothing of ours is to take its place. */
static void open_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int main(int argc, char **argv)
{
	struct choice choice = { 0 };

	open_standard_fds();
	argp_program_version = "hvstep " HVSTEP_VERSION;
	argp_err_exit_status = EXIT_HVSTEP;
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice))
		return EXIT_HVSTEP;

	argv[choice.first] = choice.command->full_name;
	return choice.command->main(argc - choice.first, argv + choice.first);
}
