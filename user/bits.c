// SPDX-License-Identifier: GPL-2.0
/* Bits by their names. */
#include <linux/hvstep.h>

#include "bits.h"

const struct bit_name feature_names[] = {
	{ HVSTEP_FEATURE_STEP_ONE, "step-one" },
	{ HVSTEP_FEATURE_IRQ_HOLD, "irq-hold" },
	{ HVSTEP_FEATURE_TRACE_ALL, "trace-all" },
	{ HVSTEP_FEATURE_COUNTERS, "counters" },
	{ HVSTEP_FEATURE_IRQ_DELIVER, "irq-deliver" },
	{ HVSTEP_FEATURE_ATOMIC, "atomic" },
	{ HVSTEP_FEATURE_EXCLUSIVE, "exclusive" },
	{ HVSTEP_FEATURE_STEP_COUNT, "step-count" },
	{ HVSTEP_FEATURE_STEP_RANGE, "step-range" },
	{ HVSTEP_FEATURE_STEP_LIVE, "step-live" },
	{ HVSTEP_FEATURE_TRACE, "trace" },
	{ HVSTEP_FEATURE_URING, "uring" },
	{ HVSTEP_FEATURE_SHARE, "share" },
	{ 0 }
};

const struct bit_name policy_names[] = {
	{ HVSTEP_POLICY_TRACE_ALL, "trace-all" },
	{ HVSTEP_POLICY_ATOMIC, "atomic" },
	{ HVSTEP_POLICY_EXCLUSIVE, "exclusive" },
	{ 0 }
};

uint64_t bits_known(const struct bit_name *names)
{
	uint64_t known = 0;

	for (; names->bit; names++)
		known |= names->bit;
	return known;
}

const char *bits_print(FILE *out, uint64_t bits, const struct bit_name *names, const char *quote,
		       const char *separator)
{
	const char *before = "";

	for (int nr = 0; nr < 64; nr++) {
		const struct bit_name *n = names;
		uint64_t bit = 1ULL << nr;

		if (!(bits & bit))
			continue;
		while (n->bit && n->bit != bit)
			n++;
		fprintf(out, "%s%s", before, quote);
		if (n->bit)
			fprintf(out, "%s", n->name);
		else
			fprintf(out, "bit%d", nr);
		fprintf(out, "%s", quote);
		before = separator;
	}
	return before;
}

const char *bits_isa(uint32_t host)
{
	if (host & HVSTEP_HOST_ARCH_31)
		return "3.1";
	if (host & HVSTEP_HOST_ARCH_300)
		return "3.0";
	return "2.07";
}
