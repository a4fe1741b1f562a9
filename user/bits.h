/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_BITS_H
#define HVSTEP_BITS_H

#include <stdint.h>
#include <stdio.h>

/* A table of names ends with a bit of 0. */
struct bit_name {
	uint64_t bit;
	const char *name;
};

extern const struct bit_name feature_names[];	/* HVSTEP_FEATURE_* */
extern const struct bit_name policy_names[];	/* HVSTEP_POLICY_* */

/* Those that have a name. */
uint64_t bits_known(const struct bit_name *names);

/*
 * The names of @bits, lowest first, each between two of @quote. Bits of a newer module
 * have no name here, and are shown by number. Returns what has to come before one more:
 * @separator, or nothing where there was none.
 */
const char *bits_print(FILE *out, uint64_t bits, const struct bit_name *names, const char *quote,
		       const char *separator);

/* The version of the ISA that HVSTEP_HOST_* tell */
const char *bits_isa(uint32_t host);

#endif /* HVSTEP_BITS_H */
