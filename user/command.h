/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_COMMAND_H
#define HVSTEP_COMMAND_H

/* env(1)'s, so that scripts can tell hvstep's failures from the VMM's. */
enum {
	EXIT_HVSTEP = 125,		/* hvstep itself failed */
	EXIT_CANNOT_EXEC = 126,		/* the VMM is there and cannot be run */
	EXIT_NOT_FOUND = 127,		/* the VMM, or the shim, is not there */
};

/*
 * A subcommand gets its own name, as in "hvstep run", for argv[0], and returns
 * the exit status.
 */
int cmd_run(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_detach(int argc, char **argv);
int cmd_step(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

/* One line to stderr, "hvstep: ..."; warnings are dropped if HVSTEP_QUIET is set. */
void error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* HVSTEP_COMMAND_H */
