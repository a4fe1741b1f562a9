// SPDX-License-Identifier: GPL-2.0
/* hvstep report --format folded: a line for each stack, for what draws flame graphs. */
#include <inttypes.h>

#include "json.h"
#include "report.h"

/* A semicolon is between names, and a line ends a stack. */
static void print_name(FILE *out, const char *name)
{
	char text[SYMBOL_NAME_MAX + 1], *c;

	snprintf(text, sizeof(text), "%s", name);
	for (c = text; *c; c++)
		if (*c == ';')
			*c = ':';
	plain_string(out, text);
}

static void print_stack(const struct profile *profile, uint32_t nr, FILE *out)
{
	const struct node *node = &profile->nodes[nr];
	char name[FUNCTION_NAME_SIZE];

	if (!node->parent) {
		fprintf(out, "vcpu%" PRIu32, node->function);
		return;
	}
	print_stack(profile, node->parent, out);
	fputc(';', out);
	print_name(out, node_name(profile, node, name));
}

static void print_all(const struct report *report, const struct node *parent, FILE *out)
{
	const struct profile *profile = &report->profile;

	for (uint32_t nr = parent->child; nr; nr = profile->nodes[nr].sibling) {
		const struct node *node = &profile->nodes[nr];

		if (node->self) {
			print_stack(profile, nr, out);
			fprintf(out, " %" PRIu64 "\n", node->self);
		}
		print_all(report, node, out);
	}
}

static void folded_end(struct report *report)
{
	print_all(report, &report->profile.nodes[0], report->output.stream);
}

const struct report_format report_folded = {
	.name = "folded",
	.listener = &report_profiler,
	.end = folded_end,
};
