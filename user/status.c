// SPDX-License-Identifier: GPL-2.0
/* hvstep status: HVSTEP_GET_INFO in words, or in JSON. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bits.h"
#include "command.h"
#include "device.h"
#include "info.h"

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "Print one JSON object", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	bool *json = state->input;

	switch (key) {
	case 'j':
		*json = true;
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
	.doc = "Show what the hvstep module and this host can do."
	       "\v"
	       "Exit status: 0 if VMs can be attached, 1 if not, 125 if hvstep fails.",
};

static const char *processor(const struct hvstep_info *info)
{
	if (info->host & HVSTEP_HOST_ARCH_31)
		return "POWER10 or later";
	if (info->host & HVSTEP_HOST_ARCH_300)
		return "POWER9";
	return "POWER8";
}

static void print_text(const struct hvstep_info *info)
{
	printf("module:       loaded\n");
	printf("features:     ");
	bits_print(stdout, info->features, feature_names, "", " ");
	printf("\npolicies:     ");
	bits_print(stdout, info->policies, policy_names, "", " ");
	printf("\nkvm-hv:       %s\n", info->host & HVSTEP_HOST_KVM_HV ? "loaded" : "not loaded");
	printf("host:         %s, %s MMU%s\n", processor(info),
	       info->host & HVSTEP_HOST_RADIX ? "radix" : "hash",
	       info->host & HVSTEP_HOST_NESTED ? ", itself a guest" : "");
	printf("attached VMs: %u\n", info->attached);
}

static const char *json_bool(bool value)
{
	return value ? "true" : "false";
}

static void print_json(const struct hvstep_info *info)
{
	printf("{\"device\":\"" HVSTEP_DEVICE "\",\"loaded\":true,\"features\":[");
	bits_print(stdout, info->features, feature_names, "\"", ",");
	printf("],\"policies\":[");
	bits_print(stdout, info->policies, policy_names, "\"", ",");
	printf("],\"host\":{\"kvm_hv\":%s,\"isa\":\"%s\",\"radix\":%s,\"nested\":%s}",
	       json_bool(info->host & HVSTEP_HOST_KVM_HV), bits_isa(info->host),
	       json_bool(info->host & HVSTEP_HOST_RADIX),
	       json_bool(info->host & HVSTEP_HOST_NESTED));
	printf(",\"attached\":%u}\n", info->attached);
}

/* Anything else, as EACCES, is said by a device that is there. */
static bool is_not_there(int err)
{
	return err == ENOENT || err == ENXIO || err == ENODEV;
}

int cmd_status(int argc, char **argv)
{
	struct hvstep_info info;
	struct obstacle why;
	bool json = false;
	char text[320];
	bool loaded;

	if (argp_parse(&argp, argc, argv, 0, NULL, &json))
		return EXIT_HVSTEP;

	loaded = info_get(&info, &why);
	obstacle_describe(&why, text, sizeof(text));
	if (json && loaded)
		print_json(&info);
	else if (json)
		/* Neither half contains a quote or a backslash. */
		printf("{\"device\":\"" HVSTEP_DEVICE "\",\"loaded\":%s,"
		       "\"error\":\"%s\",\"remedy\":\"%s\"}\n",
		       is_not_there(why.err) ? "false" : "true", strerror(why.err),
		       obstacle_remedy(&why));
	else if (loaded)
		print_text(&info);
	if (!json && why.stage != STAGE_NONE)
		error("%s", text);

	if (fflush(stdout) != 0 || ferror(stdout)) {
		error("cannot write the status");
		return EXIT_HVSTEP;
	}
	return why.stage == STAGE_NONE ? 0 : 1;
}
