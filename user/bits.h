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

/* Those that have a name. */
uint64_t bits_known(const struct bit_name *names);

/*
 * The names of @bits, lowest first, each between two of @quote. Bits of a newer module
 * have no name here, and are shown by number.
 */
void bits_print(FILE *out, uint64_t bits, const struct bit_name *names, const char *quote,
		const char *separator);

#endif /* HVSTEP_BITS_H */
