// SPDX-License-Identifier: GPL-2.0
/*
 * hvstep run: starts a VMM with the shim in front of its libraries. What can be
 * known to be in the way is said before, and the VMM is run all the same: a VMM
 * that works without stepping is worth more than none.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "info.h"
#include "policy.h"
#include "shim-path.h"
#include "vmm.h"

struct run {
	bool verbose;
	const char *policy;
	char **vmm;
};

static const struct argp_option options[] = {
	{ "policy", 'p', "POLICY,...", 0,
	  "How to step: trace-all (in the guest whatever hardware can trace), atomic (a load and "
	  "reserve up to its store conditional as one step), exclusive (no other vCPU in the guest "
	  "meanwhile), deliver (interrupts, instead of holding them)", 0 },
	{ "verbose", 'v', NULL, 0, "Say what is done", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct run *run = state->input;
	struct hvstep_policy policy;

	switch (key) {
	case 'p':
		if (!policy_by_name(arg, &policy))
			argp_error(state, "no such policy: %s; known: %s", arg,
				   HVSTEP_POLICY_NAMES);
		run->policy = arg;
		return 0;
	case 'v':
		run->verbose = true;
		return 0;
	case ARGP_KEY_ARG:
		/* The first word that is no option: from here on all is the VMM's. */
		run->vmm = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "the VMM is missing");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "VMM [ARG...]",
	.doc = "Run VMM with its VMs attached to the hvstep module, so that a debugger "
	       "can single-step their guests."
	       "\v"
	       "Environment:\n"
	       "  HVSTEP_PRELOAD=FILE    the shim, instead of " SHIM_NAME " as installed\n"
	       "  HVSTEP_QUIET=1         no warnings, neither here nor in the VMM\n"
	       "\n"
	       "Exit status: the VMM's, or 125 if hvstep fails, 126 if VMM cannot be "
	       "executed, 127 if VMM or the shim is not found.",
};

/* What is preloaded already keeps its place behind the shim. */
static bool preload(const char *shim)
{
	const char *others = getenv("LD_PRELOAD");
	char *value = NULL;
	bool ok;

	if (!others || !*others)
		return setenv("LD_PRELOAD", shim, 1) == 0;
	ok = asprintf(&value, "%s:%s", shim, others) >= 0 &&
	     setenv("LD_PRELOAD", value, 1) == 0;
	free(value);
	return ok;
}

static void warn_of_module(const struct run *run)
{
	struct hvstep_info info;
	struct obstacle why;
	char text[320];

	info_get(&info, &why);
	if (why.stage != STAGE_NONE && info_auto_attach())
		return;
	if (why.stage != STAGE_NONE) {
		obstacle_describe(&why, text, sizeof(text));
		warning("single stepping will not work: %s", text);
	} else if (run->verbose) {
		error("the module is loaded, VMs attached so far: %u", info.attached);
	}
}

int cmd_run(int argc, char **argv)
{
	struct run run = { 0 };
	char shim[PATH_MAX];
	const char *why;
	int err;

	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &run))
		return EXIT_HVSTEP;

	if (!shim_find(shim)) {
		error("cannot find the shim: %s: %s", shim, strerror(errno));
		return EXIT_NOT_FOUND;
	}
	if (strpbrk(shim, ": ")) {
		error("%s: a path with a colon or a space cannot be preloaded", shim);
		return EXIT_HVSTEP;
	}
	warn_of_module(&run);
	why = vmm_unpreloadable(run.vmm[0]);
	if (why && !info_auto_attach())
		warning("%s is %s: it cannot be preloaded; stepping will not work for it, unless it "
			"is attached from outside (hvstep attach) or by the module (auto_attach=1)",
			run.vmm[0], why);
	if (!preload(shim) ||
	    (run.policy && setenv(HVSTEP_POLICY_ENV, run.policy, 1) != 0)) {
		error("cannot set the environment: %s", strerror(errno));
		return EXIT_HVSTEP;
	}
	if (run.verbose)
		error("preloading %s into %s", shim, run.vmm[0]);

	execvp(run.vmm[0], run.vmm);
	err = errno;
	error("%s: %s", run.vmm[0], strerror(err));
	return err == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXEC;
}
